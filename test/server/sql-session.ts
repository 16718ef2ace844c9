// Sessions whose answers a test lays down, for what HTTP makes of them: it parses nothing.

import { vectorOf } from '../../sql/catalogs/vector.ts'
import type { OpenSession, Running, SessionOptions, StatementAccess } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { typeOf } from '../../sql/type.ts'

/** What a statement answers: rows of these columns, or a tag; or fails. */
export interface LaidDown {
  readonly parameters?: readonly string[]
  /** Name and type. */
  readonly columns?: readonly (readonly [name: string, type: string])[]
  readonly rows?: readonly (readonly unknown[])[]
  /** Rows of a batch. */
  readonly batchRows?: number
  readonly tag?: string
  readonly access?: StatementAccess
  readonly error?: Error
  /** Thrown when the rows are over. */
  readonly lateError?: Error
}

export interface SessionLog {
  readonly opened: SessionOptions[]
  readonly ran: { readonly text: string; readonly parameters: readonly unknown[] }[]
  closed: number
  /** Batches that were asked for. */
  pulled: number
}

/** Sessions that know these statements; others are 42601. */
export function layDown(statements: Readonly<Record<string, LaidDown>>): {
  open: OpenSession
  log: SessionLog
} {
  const log: SessionLog = { opened: [], ran: [], closed: 0, pulled: 0 }
  const open: OpenSession = async (options) => {
    log.opened.push(options)
    return {
      status: 'idle',
      prepared: new Map(),
      cursorColumns: () => null,
      takeReports: () => [],
      split: async (text) =>
        text
          .split(';')
          .map((part, index) => ({ text: part, offset: index === 0 ? 0 : text.indexOf(';') + 1 })),
      fail: () => {},
      close: async () => void log.closed++,
      prepare: async (text) => {
        const known = statements[text] ?? { tag: text.split(' ')[0]! }
        if (!(text in statements) && !/^(BEGIN|COMMIT)/.test(text)) {
          throw new SqlError('42601', `syntax error at or near "${text}"`, { position: 1 })
        }
        if (known.error) throw known.error
        const columns = known.columns?.map(([name, type]) => ({ name, type: typeOf(type) })) ?? null
        return {
          access: known.access ?? 'read',
          endsTransaction: false,
          parameters: (known.parameters ?? []).map(typeOf),
          columns,
          run: async (parameters) => {
            log.ran.push({ text, parameters })
            return running(known, columns, log)
          },
        }
      },
    }
  }
  return { open, log }
}

function running(
  { rows = [], batchRows = 2, tag, lateError }: LaidDown,
  columns: readonly { name: string; type: ReturnType<typeof typeOf> }[] | null,
  log: SessionLog,
): Running {
  if (columns === null) return { kind: 'done', tag: tag ?? 'CREATE TABLE' }
  async function* batches() {
    for (let start = 0; start < rows.length; start += batchRows) {
      log.pulled++
      const part = rows.slice(start, start + batchRows)
      const vectors = columns!.map(({ type }, index) =>
        vectorOf(type, part.length, (row) => part[row]![index]),
      )
      yield { rowCount: part.length, columns: vectors }
    }
    if (lateError) throw lateError
  }
  return {
    kind: 'rows',
    columns,
    batches: batches(),
    tag: (count) => tag ?? `SELECT ${count}`,
  }
}
