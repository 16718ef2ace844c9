// The shard's storage in the SQLite database of a Durable Object. A file is a table whose rows are its
// chunks, each keyed by the offset it begins at, and a directory says which table has which name. So a
// group commit writes one row (the log's buffer of all records since the last), and dropping a log
// writes none: tables go as a whole, rows one by one.
//
// Cloudflare documents, and this relies on: writes of one turn without an await between them are
// committed together, in order, or not at all; `sync()` resolves when all writes before it are
// confirmed; an object is in one place at a time (so it is its own lock); once a commit fails the
// object is reset. So after a failed sync nothing here is believed any more, not even for reading.

import { OmenError, type ErrorCode, assert } from '../error.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  lockedStorage,
  missingFile,
} from './storage.ts'

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

export interface ObjectStorageOptions {
  /** For messages. */
  readonly location?: string
  /** Called once, when a sync fails: the object has to be reset to know what it holds. */
  readonly failed?: (error: OmenError) => void
}

/** Bytes of a row at most: SQLite takes 2 MB a value here. */
export const CHUNK_BYTES_MAX = 1 << 20
/**
 * Bytes of a row of a segment, which is read in pieces of a few KB: 4 KB take 27 µs out of rows of 64
 * KB, 52 out of 128 KB, 250 out of 1 MB, and 30 out of 16 KB, with four times the rows to pay for.
 */
export const SEGMENT_CHUNK_BYTES = 1 << 16
/** Files but segments are read from front to end, in steps of so many bytes. */
const READ_AHEAD_BYTES = 1 << 18
const BUFFER_BYTES_MIN = 1_024
const BUFFER_BYTES_KEPT = 1 << 14
const EMPTY = new Uint8Array(0)

const DIRECTORY = 'omendb_file'
const QUARANTINE = 'quarantine/'

interface ObjectFile {
  /** Its table is `omendb_file_<id>`. */
  readonly id: number
  /** Bytes that are in rows. */
  stored: number
  /** Bytes behind them that are not yet: they become a row at the next sync, or when they fill one. */
  buffer: Uint8Array
  buffered: number
}

/** Some bytes of a file that were read ahead. */
interface Window {
  readonly file: ObjectFile
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Those that are open: an object has one. */
const held = new WeakSet<ObjectStorage>()

/** Opens what the object holds. Throws `locked` while it is open already, `corrupt`, `unavailable`. */
export function openDurableObjectStorage(
  storage: ObjectStorage,
  options: ObjectStorageOptions = {},
): ShardStorage {
  return new DurableObjectStorage(storage, options)
}

class DurableObjectStorage implements ShardStorage {
  readonly location: string
  private readonly storage: ObjectStorage
  private readonly failed: (error: OmenError) => void
  private readonly files = new Map<string, ObjectFile>()
  /** By name without the prefix. */
  private readonly copies = new Map<string, ObjectFile>()
  private readonly ids = new Set<number>()
  private readonly syncs = new Set<Promise<void>>()
  private window: Window | null = null
  private failure: OmenError | null = null
  private isClosed = false

  constructor(storage: ObjectStorage, { location, failed }: ObjectStorageOptions) {
    this.location = location ?? 'durable object'
    this.storage = storage
    this.failed = failed ?? (() => {})
    if (held.has(storage)) throw lockedStorage(this.location, 'another storage of this object')
    this.load()
    held.add(storage)
  }

  list(): string[] {
    this.checkUsable()
    return [...this.files.keys()].sort()
  }

  has(name: string): boolean {
    checkName(name)
    this.checkUsable()
    return this.files.has(name)
  }

  size(name: string): number {
    return sizeOf(this.file(name))
  }

  read(name: string, offset: number, target: Uint8Array): number {
    const file = this.file(name)
    const end = Math.min(sizeOf(file), offset + target.length)
    if (end <= offset) return 0
    const { stored, buffer } = file
    if (offset < stored) {
      this.readRows(name, file, offset, target.subarray(0, Math.min(end, stored) - offset))
    }
    if (end > stored) {
      const from = Math.max(offset, stored)
      target.set(buffer.subarray(from - stored, end - stored), from - offset)
    }
    return end - offset
  }

  create(name: string): void {
    if (this.has(name)) throw existingFile(name)
    this.files.set(name, this.makeFile(name))
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    const file = this.file(name)
    const chunkBytes = chunkBytesOf(name)
    this.window = null
    for (const part of parts) {
      let from = 0
      while (from < part.length) {
        if (file.buffered === chunkBytes) this.store(name, file)
        const count = Math.min(part.length - from, chunkBytes - file.buffered)
        reserve(file, file.buffered + count, chunkBytes)
        file.buffer.set(part.subarray(from, from + count), file.buffered)
        file.buffered += count
        from += count
      }
    }
  }

  truncate(name: string, size: number): void {
    const file = this.file(name)
    assert(
      size >= 0 && size <= sizeOf(file),
      `truncate ${name} of ${sizeOf(file)} bytes to ${size}`,
    )
    if (size >= file.stored) {
      file.buffered = size - file.stored
      return
    }
    const table = tableOf(file)
    this.attempt(name, 'truncate', () =>
      this.storage.transactionSync(() => {
        this.exec(`DELETE FROM ${table} WHERE start >= ?`, size)
        const last = `(SELECT max(start) FROM ${table})`
        this.exec(
          `UPDATE ${table} SET bytes = substr(bytes, 1, ?1 - start)
           WHERE start = ${last} AND start + length(bytes) > ?1`,
          size,
        )
      }),
    )
    this.window = null
    file.stored = size
    file.buffered = 0
  }

  async sync(name: string): Promise<void> {
    this.store(name, this.file(name))
    await this.confirm(name)
  }

  rename(source: string, target: string): void {
    const file = this.file(source)
    if (this.has(target)) throw existingFile(target)
    this.attempt(source, 'rename', () =>
      this.exec(`UPDATE ${DIRECTORY} SET name = ? WHERE id = ?`, target, file.id),
    )
    this.files.delete(source)
    this.files.set(target, file)
  }

  remove(name: string): void {
    const file = this.file(name)
    this.attempt(name, 'remove', () =>
      this.storage.transactionSync(() => {
        this.exec(`DROP TABLE ${tableOf(file)}`)
        this.exec(`DELETE FROM ${DIRECTORY} WHERE id = ?`, file.id)
      }),
    )
    this.window = null
    this.files.delete(name)
    this.ids.delete(file.id)
  }

  async syncDirectory(): Promise<void> {
    this.checkUsable()
    await this.confirm(this.location)
  }

  quarantine(name: string): string {
    const file = this.file(name)
    this.store(name, file)
    let copy = name
    for (let i = 1; this.copies.has(copy); i++) {
      if (this.isSame(file, this.copies.get(copy)!)) return QUARANTINE + copy
      copy = `${name}.${i}`
    }
    this.attempt(name, 'quarantine', () =>
      this.storage.transactionSync(() => {
        const made = this.makeFile(QUARANTINE + copy)
        this.exec(`INSERT INTO ${tableOf(made)} SELECT start, bytes FROM ${tableOf(file)}`)
        this.copies.set(copy, { ...made, stored: file.stored })
      }),
    )
    return QUARANTINE + copy
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    if (this.failure === null) {
      // What was not synced may be lost, but a close is no crash.
      for (const [name, file] of this.files) attemptQuietly(() => this.store(name, file))
    }
    this.isClosed = true
    await Promise.allSettled(this.syncs)
    held.delete(this.storage)
  }

  /** Reads the directory, and where each file ends. */
  private load(): void {
    this.attempt(this.location, 'open', () => {
      this.exec(
        `CREATE TABLE IF NOT EXISTS ${DIRECTORY} (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`,
      )
      // The cursor is read to its end before anything else happens.
      const rows = [...this.exec(`SELECT id, name FROM ${DIRECTORY}`).raw()]
      for (const [id, name] of rows as [number, string][]) {
        const file = { id, stored: this.storedSize(id), buffer: EMPTY, buffered: 0 }
        this.ids.add(id)
        if (name.startsWith(QUARANTINE)) this.copies.set(name.slice(QUARANTINE.length), file)
        else this.files.set(name, file)
      }
    })
  }

  private storedSize(id: number): number {
    const query = `SELECT start + length(bytes) FROM ${tableOf({ id })} ORDER BY start DESC LIMIT 1`
    const [row] = this.exec(query).raw()
    return row === undefined ? 0 : (row[0] as number)
  }

  private makeFile(name: string): ObjectFile {
    let id = 1
    while (this.ids.has(id)) id++
    const file = { id, stored: 0, buffer: EMPTY, buffered: 0 }
    this.attempt(name, 'create', () =>
      this.storage.transactionSync(() => {
        this.exec(`CREATE TABLE ${tableOf(file)} (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL)`)
        this.exec(`INSERT INTO ${DIRECTORY} VALUES (?, ?)`, id, name)
      }),
    )
    this.ids.add(id)
    return file
  }

  /** Makes a row of what is buffered. If it throws, all is as before. */
  private store(name: string, file: ObjectFile): void {
    const { buffered, stored, buffer } = file
    if (buffered === 0) return
    this.attempt(name, 'write', () =>
      this.exec(`INSERT INTO ${tableOf(file)} VALUES (?, ?)`, stored, buffer.subarray(0, buffered)),
    )
    file.stored += buffered
    file.buffered = 0
    // An object that rests holds little.
    if (buffer.length > BUFFER_BYTES_KEPT) file.buffer = EMPTY
  }

  /** Resolves when the object's storage has confirmed all writes so far. */
  private async confirm(name: string): Promise<void> {
    const sync = this.storage.sync()
    this.syncs.add(sync)
    try {
      await sync
    } catch (error) {
      throw this.fail(name, error)
    } finally {
      this.syncs.delete(sync)
    }
    if (this.failure !== null) throw this.failure
  }

  /** After a failed commit nobody knows what of the last turns is there. */
  private fail(name: string, error: unknown): OmenError {
    if (this.failure !== null) return this.failure
    this.failure = objectFailure(error, name, 'sync')
    this.failed(this.failure)
    return this.failure
  }

  private readRows(name: string, file: ObjectFile, offset: number, target: Uint8Array): void {
    const end = offset + target.length
    const { window } = this
    if (window !== null && window.file === file && window.offset <= offset) {
      const from = offset - window.offset
      if (from + target.length <= window.bytes.length) {
        target.set(window.bytes.subarray(from, from + target.length))
        return
      }
    }
    const ahead = isSegment(name) ? end : Math.min(file.stored, offset + READ_AHEAD_BYTES)
    if (ahead <= end) {
      this.fill(name, file, offset, target)
      return
    }
    const bytes = new Uint8Array(ahead - offset)
    this.fill(name, file, offset, bytes)
    this.window = { file, offset, bytes }
    target.set(bytes.subarray(0, target.length))
  }

  /** Fills the target from rows; each row gives only what of it is wanted. */
  private fill(name: string, file: ObjectFile, offset: number, target: Uint8Array): void {
    const table = tableOf(file)
    let filled = 0
    this.attempt(name, 'read', () => {
      const query = `SELECT substr(bytes, max(?1 - start, 0) + 1, ?2 - max(start, ?1)) FROM ${table}
        WHERE start >= (SELECT max(start) FROM ${table} WHERE start <= ?1) AND start < ?2
        ORDER BY start`
      for (const [bytes] of this.exec(query, offset, offset + target.length).raw()) {
        const piece = new Uint8Array(bytes as ArrayBuffer)
        if (filled + piece.length > target.length) break
        target.set(piece, filled)
        filled += piece.length
      }
    })
    if (filled === target.length) return
    const message = `${name}: ${target.length - filled} bytes at ${offset + filled} are missing`
    throw new OmenError('corrupt', message)
  }

  private isSame(a: ObjectFile, b: ObjectFile): boolean {
    if (a.stored !== b.stored) return false
    const [first, second] = [new Uint8Array(READ_AHEAD_BYTES), new Uint8Array(READ_AHEAD_BYTES)]
    for (let offset = 0; offset < a.stored; offset += READ_AHEAD_BYTES) {
      const count = Math.min(READ_AHEAD_BYTES, a.stored - offset)
      this.fill('quarantine', a, offset, first.subarray(0, count))
      this.fill('quarantine', b, offset, second.subarray(0, count))
      for (let i = 0; i < count; i++) if (first[i] !== second[i]) return false
    }
    return true
  }

  private exec(query: string, ...bindings: (ObjectValue | Uint8Array)[]): ObjectCursor {
    return this.storage.sql.exec(query, ...bindings)
  }

  private attempt<T>(name: string, action: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw objectFailure(error, name, action)
    }
  }

  private file(name: string): ObjectFile {
    checkName(name)
    this.checkUsable()
    const file = this.files.get(name)
    if (file === undefined) throw missingFile(name)
    return file
  }

  private checkUsable(): void {
    if (this.isClosed) throw closedStorage(this.location)
    if (this.failure === null) return
    const message = `${this.location}: ended by a failed sync, ${this.failure.message}`
    throw new OmenError('unavailable', message, { cause: this.failure, retryAfter: 1 })
  }
}

function tableOf({ id }: Pick<ObjectFile, 'id'>): string {
  return `${DIRECTORY}_${id}`
}

function sizeOf({ stored, buffered }: ObjectFile): number {
  return stored + buffered
}

function isSegment(name: string): boolean {
  return name.startsWith('segment-')
}

function chunkBytesOf(name: string): number {
  return isSegment(name) ? SEGMENT_CHUNK_BYTES : CHUNK_BYTES_MAX
}

/** Room for `size` bytes in the buffer; doubles, up to a whole chunk. */
function reserve(file: ObjectFile, size: number, chunkBytes: number): void {
  if (size <= file.buffer.length) return
  const room = Math.max(size, file.buffer.length * 2, BUFFER_BYTES_MIN)
  const buffer = new Uint8Array(Math.min(room, chunkBytes))
  buffer.set(file.buffer.subarray(0, file.buffered))
  file.buffer = buffer
}

const REASONS: readonly [pattern: RegExp, code: ErrorCode, reason: string][] = [
  [/SQLITE_FULL/, 'storage_full', 'the object has no space left'],
  [/SQLITE_(CORRUPT|NOTADB)/, 'corrupt', 'the database of the object is damaged'],
  [/no such table/, 'corrupt', 'the rows of the file are missing'],
]

/** The OmenError for a failed call; what already is one passes unchanged. */
function objectFailure(error: unknown, name: string, action: string): OmenError {
  if (error instanceof OmenError) return error
  const text = error instanceof Error ? error.message : String(error)
  const found = REASONS.find(([pattern]) => pattern.test(text))
  const [, code, reason] = found ?? [null, 'unavailable' as const, 'the object cannot']
  return new OmenError(code, `${name}: ${action} failed, ${reason} (${text})`, { cause: error })
}

function attemptQuietly(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof OmenError)) throw error
  }
}
