// ErrorResponse: what went wrong as PostgreSQL's clients read it, with severity, SQLSTATE and position.

import { OmenError, type ErrorCode } from '../../engine/error.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { MessageWriter } from './message-writer.ts'

/** `FATAL` ends the connection, `ERROR` the statement. */
export type Severity = 'ERROR' | 'FATAL'

const STATES: Partial<Record<ErrorCode, string>> = {
  bad_request: '22023',
  unsafe_integer: '22003',
  sql_syntax: '42601',
  unknown_column: '42703',
  unauthorized: '28000',
  forbidden: '42501',
  not_found: '42P01',
  conflict: '42P07',
  timeout: '57014',
  cancelled: '57014',
  too_large: '54000',
  limit_exceeded: '54000',
  type_conflict: '42804',
  out_of_range: '22003',
  unsupported: '0A000',
  busy: '53000',
  unavailable: '57P03',
  storage_full: '53100',
  corrupt: 'XX001',
}

/** Anything thrown as an error of SQL; what nobody foresaw says nothing about the server's inside. */
export function sqlErrorOf(error: unknown): SqlError {
  if (error instanceof SqlError) return error
  if (error instanceof OmenError) {
    return new SqlError(STATES[error.code] ?? 'XX000', error.message, { cause: error })
  }
  return new SqlError('XX000', 'internal error', { cause: error })
}

/** Characters of `offset` UTF-16 units of the text: positions count characters. */
const characters = (text: string, offset: number): number =>
  offset === 0 ? 0 : [...text.slice(0, offset)].length

/** Where a statement stands in what the client sent; positions are moved by it. */
export interface Origin {
  readonly text: string
  readonly offset: number
}

export function writeError(
  out: MessageWriter,
  severity: Severity,
  error: SqlError,
  origin: Origin = { text: '', offset: 0 },
): void {
  out.begin('E')
  const field = (letter: string, text: string | undefined): void => {
    if (text !== undefined) out.text(letter).zeroEnded(text)
  }
  field('S', severity)
  field('V', severity)
  field('C', error.sqlstate)
  field('M', error.message)
  field('D', error.detail)
  field('H', error.hint)
  field('W', error.where)
  const { position } = error
  if (position !== undefined && position > 0) {
    field('P', String(position + characters(origin.text, origin.offset)))
  }
  out.int8(0).end()
}
