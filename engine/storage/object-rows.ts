// Files as rows of the SQLite database of a Durable Object: a directory that says which file has which
// name, with its first bytes if they are few, and for each file a table of the chunks behind them,
// keyed by the offset that a chunk begins at. So an append is one row, a manifest is one, and a long log
// goes with one: a table is dropped as a whole, where its rows would be deleted, and paid for, one by one.
// No cursor is open while anything is written; offsets and ids are far below 2^53.

import { OmenError, type ErrorCode } from '../error.ts'

/** What is used of `ctx.storage` of an object whose class is one of `new_sqlite_classes`. */
export interface ObjectStorage {
  readonly sql: { exec(query: string, ...bindings: (ObjectValue | Uint8Array)[]): ObjectCursor }
  /** Runs the closure; if it throws, its writes are undone. */
  transactionSync<T>(closure: () => T): T
  sync(): Promise<void>
}

export type ObjectValue = ArrayBuffer | string | number | null

export interface ObjectCursor {
  raw(): Iterable<ObjectValue[]>
}

/** A file as far as it is in rows. */
export interface StoredFile {
  /** Its table is `omendb_file_<id>`. */
  readonly id: number
  name: string
  /** Whether the directory has it, and it a table. Names come with their first bytes. */
  isListed: boolean
  hasTable: boolean
  /** Bytes in the directory, and in all rows. */
  head: number
  stored: number
}

const DIRECTORY = 'omendb_file'
/** A file that begins with at most so many bytes has them in the directory: most manifests end there. */
const HEAD_BYTES_MAX = 1 << 14
const EMPTY = new Uint8Array(0)

export class ObjectRows {
  private readonly storage: ObjectStorage

  constructor(storage: ObjectStorage) {
    this.storage = storage
  }

  /** All files there are. Makes the directory if there is none. */
  load(location: string): StoredFile[] {
    return attempt(location, 'open', () => {
      this.exec(
        `CREATE TABLE IF NOT EXISTS ${DIRECTORY}
          (id INTEGER PRIMARY KEY, name TEXT NOT NULL, head BLOB NOT NULL)`,
      )
      const rows = [...this.exec(`SELECT id, name, length(head) FROM ${DIRECTORY}`).raw()]
      const tables = new Set([...this.exec('SELECT name FROM sqlite_master').raw()].flat())
      return (rows as [number, string, number][]).map(([id, name, head]) => {
        const hasTable = tables.has(tableOf({ id }))
        const stored = Math.max(head, hasTable ? this.endOfRows(id) : 0)
        return { id, name, isListed: true, hasTable, head, stored }
      })
    })
  }

  /** Adds bytes to the end of a file, and before the first of them its name. If it throws, all is as before. */
  append(file: StoredFile, bytes: Uint8Array): void {
    const { isListed } = file
    const isHead = !isListed && bytes.length <= HEAD_BYTES_MAX
    attempt(file.name, 'write', () => {
      if (isListed && file.hasTable) this.insert(file, bytes)
      else this.storage.transactionSync(() => this.appendFirst(file, bytes, isHead))
    })
    file.isListed = true
    file.hasTable ||= !isHead
    file.stored += bytes.length
    if (isHead) file.head = bytes.length
  }

  /** Keeps the first `size` bytes, which are stored. */
  cut(file: StoredFile, size: number): void {
    attempt(file.name, 'truncate', () => {
      this.storage.transactionSync(() => this.cutRows(file, size))
    })
    file.stored = size
    file.head = Math.min(file.head, size)
  }

  rename(file: StoredFile, name: string): void {
    if (file.isListed) {
      attempt(file.name, 'rename', () =>
        this.exec(`UPDATE ${DIRECTORY} SET name = ? WHERE id = ?`, name, file.id),
      )
    }
    file.name = name
  }

  remove(file: StoredFile): void {
    attempt(file.name, 'remove', () =>
      this.storage.transactionSync(() => {
        if (file.hasTable) this.exec(`DROP TABLE ${tableOf(file)}`)
        if (file.isListed) this.exec(`DELETE FROM ${DIRECTORY} WHERE id = ?`, file.id)
      }),
    )
  }

  /** Fills the target with stored bytes; each row gives only what of it is wanted. */
  read(file: StoredFile, offset: number, target: Uint8Array): void {
    const end = offset + target.length
    let filled = 0
    const take = (rows: ObjectCursor): void => {
      for (const [bytes] of rows.raw()) {
        const piece = new Uint8Array(bytes as ArrayBuffer)
        if (filled + piece.length > target.length) break
        target.set(piece, filled)
        filled += piece.length
      }
    }
    attempt(file.name, 'read', () => {
      if (offset < file.head) {
        const query = `SELECT substr(head, ? + 1, ?) FROM ${DIRECTORY} WHERE id = ?`
        take(this.exec(query, offset, target.length, file.id))
      }
      if (end > file.head) take(this.rowsOf(file, Math.max(offset, file.head), end))
    })
    if (filled === target.length) return
    const message = `${file.name}: ${target.length - filled} bytes at ${offset + filled} are missing`
    throw new OmenError('corrupt', message)
  }

  private endOfRows(id: number): number {
    const query = `SELECT start + length(bytes) FROM ${tableOf({ id })} ORDER BY start DESC LIMIT 1`
    const [row] = this.exec(query).raw()
    return row === undefined ? 0 : (row[0] as number)
  }

  private appendFirst(file: StoredFile, bytes: Uint8Array, isHead: boolean): void {
    const { id, name } = file
    if (!file.isListed) {
      this.exec(`INSERT INTO ${DIRECTORY} VALUES (?, ?, ?)`, id, name, isHead ? bytes : EMPTY)
    }
    if (isHead) return
    this.exec(`CREATE TABLE ${tableOf(file)} (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL)`)
    this.insert(file, bytes)
  }

  private insert(file: StoredFile, bytes: Uint8Array): void {
    this.exec(`INSERT INTO ${tableOf(file)} VALUES (?, ?)`, file.stored, bytes)
  }

  private cutRows(file: StoredFile, size: number): void {
    const table = tableOf(file)
    if (file.hasTable) {
      this.exec(`DELETE FROM ${table} WHERE start >= ?`, size)
      this.exec(
        `UPDATE ${table} SET bytes = substr(bytes, 1, ?1 - start)
         WHERE start = (SELECT max(start) FROM ${table}) AND start + length(bytes) > ?1`,
        size,
      )
    }
    if (size >= file.head) return
    this.exec(`UPDATE ${DIRECTORY} SET head = substr(head, 1, ?) WHERE id = ?`, size, file.id)
  }

  private rowsOf(file: StoredFile, start: number, end: number): ObjectCursor {
    const table = tableOf(file)
    return this.exec(
      `SELECT substr(bytes, max(?1 - start, 0) + 1, ?2 - max(start, ?1)) FROM ${table}
       WHERE start >= (SELECT max(start) FROM ${table} WHERE start <= ?1) AND start < ?2
       ORDER BY start`,
      start,
      end,
    )
  }

  private exec(query: string, ...bindings: (ObjectValue | Uint8Array)[]): ObjectCursor {
    return this.storage.sql.exec(query, ...bindings)
  }
}

function tableOf({ id }: Pick<StoredFile, 'id'>): string {
  return `${DIRECTORY}_${id}`
}

const REASONS: readonly [pattern: RegExp, code: ErrorCode, reason: string][] = [
  [/SQLITE_FULL/, 'storage_full', 'the object has no space left'],
  [/SQLITE_(CORRUPT|NOTADB)/, 'corrupt', 'the database of the object is damaged'],
  [/no such table/, 'corrupt', 'the rows of the file are missing'],
]

/** The OmenError for a failed call; what already is one passes unchanged. */
export function objectFailure(error: unknown, name: string, action: string): OmenError {
  if (error instanceof OmenError) return error
  const text = error instanceof Error ? error.message : String(error)
  const found = REASONS.find(([pattern]) => pattern.test(text))
  const [, code, reason] = found ?? [null, 'unavailable' as const, 'the object refused']
  return new OmenError(code, `${name}: ${action} failed, ${reason} (${text})`, { cause: error })
}

function attempt<T>(name: string, action: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw objectFailure(error, name, action)
  }
}
