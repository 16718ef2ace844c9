// What can go wrong in operation, in one list. A message is subject, fact, number
// (`wal-3: record at 4096 fails its checksum`). The server maps codes to HTTP statuses in one
// table (server/problem.ts); programmer errors are asserts, not these.

export type ErrorCode =
  | 'bad_request'
  | 'line_protocol'
  | 'unsafe_integer'
  | 'sql_syntax'
  | 'unknown_column'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'unsupported_media_type'
  | 'timeout'
  | 'too_large'
  | 'type_conflict'
  | 'out_of_range'
  | 'expired'
  | 'limit_exceeded'
  | 'unsupported'
  | 'busy'
  | 'unavailable'
  | 'storage_full'
  | 'locked'
  | 'corrupt'
  | 'cancelled'
  | 'internal'

/** One refused line, row or member of a request. Positions count from 1, in characters. */
export interface LineError {
  line: number | null
  column: number | null
  pointer: string | null
  message: string
  input: string | null
  code: ErrorCode
}

export interface ErrorDetails {
  /** The refused lines, at most 100. */
  errors?: LineError[]
  /** 1-based position in an expression, with its PostgreSQL code. */
  position?: number
  sqlstate?: string
  /** JSON pointer or name of the offending member. */
  pointer?: string
  /** Of `limit_exceeded` by a query: the name of its limit. */
  limit?: string
  /** Seconds after which a `busy` or `unavailable` request may be sent again. */
  retryAfter?: number
  /** Of damage in a segment: where, and the times of the points that it hides. */
  place?: { readonly offset: number; readonly minTime: bigint; readonly maxTime: bigint }
  cause?: unknown
}

/** An operating error: thrown where it is found, carrying the code that decides the answer. */
export class OmenError extends Error {
  override readonly name = 'OmenError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.details = details
  }
}

/** Whether an error is the storage's, and may pass. */
export function isOutage(error: unknown): boolean {
  return error instanceof OmenError && ['storage_full', 'unavailable'].includes(error.code)
}

/** Stops a programmer's error before it reaches data. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** What whatever was thrown says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
