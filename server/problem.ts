// Errors as answers: the one table from error code to HTTP status, and the problem documents of
// the native routes (RFC 9457, `application/problem+json`). Peers' routes take the statuses from
// here and the shapes from their peer (routes/influx.ts).

import { OmenError, type ErrorCode, type LineError } from '../engine/error.ts'
import { LISTED_ERRORS_MAX } from './limits.ts'

/** How an error code is answered: status, the code that clients see, and its title. */
interface Answered {
  readonly status: number
  readonly code: string
  readonly title: string
}

const as = (status: number, code: string, title: string): Answered => ({ status, code, title })

/** Every code of the engine and of the server. The last group has no code of its own outside. */
export const ANSWERED: Readonly<Record<ErrorCode, Answered>> = {
  bad_request: as(400, 'bad_request', 'Bad request'),
  line_protocol: as(400, 'line_protocol', 'Malformed line protocol'),
  unsafe_integer: as(400, 'unsafe_integer', 'Integer beyond 2^53 as a JSON number'),
  sql_syntax: as(400, 'sql_syntax', 'Syntax error'),
  unknown_column: as(400, 'unknown_column', 'Unknown column'),
  unauthorized: as(401, 'unauthorized', 'No valid token'),
  forbidden: as(403, 'forbidden', 'Not allowed'),
  not_found: as(404, 'not_found', 'Not found'),
  method_not_allowed: as(405, 'method_not_allowed', 'Method not allowed'),
  timeout: as(408, 'timeout', 'Request took too long to arrive'),
  conflict: as(409, 'conflict', 'Conflict'),
  too_large: as(413, 'too_large', 'Request too large'),
  unsupported_media_type: as(415, 'unsupported_media_type', 'Unsupported media type'),
  type_conflict: as(422, 'type_conflict', 'Type conflict'),
  out_of_range: as(422, 'out_of_range', 'Value out of range'),
  expired: as(422, 'expired', 'Older than the retention'),
  limit_exceeded: as(422, 'limit_exceeded', 'Limit exceeded'),
  unsupported: as(422, 'unsupported', 'Not supported'),
  busy: as(429, 'busy', 'Busy'),
  internal: as(500, 'internal', 'Internal error'),
  unavailable: as(503, 'unavailable', 'Unavailable'),
  storage_full: as(507, 'storage_full', 'Storage full'),

  corrupt: as(500, 'internal', 'Damaged data'),
  locked: as(503, 'unavailable', 'Unavailable'),
  cancelled: as(503, 'unavailable', 'Cancelled'),
}

/** A refused line or row as answers list it. */
export interface ListedError {
  line: number | null
  column: number | null
  pointer: string | null
  message: string
  input: string | null
}

/** An `application/problem+json` document; `sqlstate` and `position` only where they mean something. */
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  requestId: string
  written: number
  errors: ListedError[]
  sqlstate?: string
  position?: number
}

/** The first 100 errors in the members and order of the contract. */
export function listErrors(errors: readonly LineError[]): ListedError[] {
  return errors.slice(0, LISTED_ERRORS_MAX).map(({ line, column, pointer, message, input }) => {
    return { line, column, pointer, message, input }
  })
}

/**
 * What was thrown, as an operating error. Anything else is a bug of ours: its message may name
 * paths, so it stays in the log and the client gets none of it.
 */
export function toOmenError(error: unknown): OmenError {
  if (error instanceof OmenError) return error
  return new OmenError('internal', 'the server failed; its log has this request id', {
    cause: error,
  })
}

export function describeProblem(error: OmenError, requestId: string): Problem {
  const { status, code, title } = ANSWERED[error.code]
  const { errors, pointer, position, sqlstate } = error.details
  const problem: Problem = {
    type: `/docs#${code}`,
    title,
    status,
    code,
    detail: error.message,
    requestId,
    written: 0,
    errors: listErrors(errors ?? pointedError(error, pointer)),
  }
  if (sqlstate !== undefined) problem.sqlstate = sqlstate
  if (position !== undefined) problem.position = position
  return problem
}

/** An error without lines that points at a member of the request is one entry of the list. */
function pointedError(error: OmenError, pointer: string | undefined): LineError[] {
  if (pointer === undefined) return []
  const { code, message } = error
  return [{ line: null, column: null, pointer, message, input: null, code }]
}

/** Headers that a status calls for, on native and peers' routes alike. */
export function errorHeaders(error: OmenError): Record<string, string> {
  const { status } = ANSWERED[error.code]
  const headers: Record<string, string> = {}
  if (status === 429 || status === 503) {
    headers['Retry-After'] = String(Math.max(1, Math.ceil(error.details.retryAfter ?? 1)))
  }
  return headers
}

/** The answer of a native route to whatever was thrown. */
export function problemResponse(thrown: unknown, requestId: string): Response {
  return problemWith(thrown, requestId, {})
}

/** The same with more headers. */
export function problemWith(
  thrown: unknown,
  requestId: string,
  headers: Record<string, string>,
): Response {
  const error = toOmenError(thrown)
  const problem = describeProblem(error, requestId)
  return errorResponse(problem, problem.status, {
    'Content-Type': 'application/problem+json',
    ...errorHeaders(error),
    ...(error.code === 'unauthorized' ? { 'WWW-Authenticate': 'Bearer' } : {}),
    ...headers,
  })
}

/** A value as JSON, with its length. */
export function errorResponse(
  value: unknown,
  status: number,
  headers: Record<string, string>,
): Response {
  const body = new TextEncoder().encode(JSON.stringify(value))
  const sent = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }
  return new Response(body, { status, headers: { ...sent, ...headers } })
}
