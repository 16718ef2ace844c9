// What a call of the client can throw, in one class: a refused request carries what the server said
// (problem+json, RFC 9457), a lost connection and a passed deadline have status 0.

import type { Problem, RefusedInput } from './shapes.ts'

/** What an error answer says, as far as the server said it. */
export type ProblemShape = Partial<Omit<Problem, 'requestId'>> & {
  code: string
  detail: string
  requestId?: string | null
}

/** No answer, too slow, too busy, failed, full: what a second attempt may cure. */
const RETRYABLE = /^(408|429|50[02347]|unreachable|timeout)$/

/** Thrown by every call that was not answered 2xx. An aborted call throws the signal's reason instead. */
export class OmenDBError extends Error {
  /** HTTP status; 0 if no answer came. */
  declare readonly status: number
  /**
   * `type_conflict`, `not_found` …; with status 0 `unreachable`, `timeout`, `schema` (the table's own
   * refused a point), `aborted`, `buffer_full` and `closed` (of a writer); else `http_<status>`.
   */
  declare readonly code: string
  declare readonly detail: string
  declare readonly errors: RefusedInput[]
  declare readonly requestId: string | null
  declare readonly written: number
  /** Of an expression (`select`, `where`): PostgreSQL's code and the 1-based position. */
  declare readonly sqlstate?: string
  declare readonly position?: number
  /** Milliseconds that the server asks to wait before the next try; null = it did not say. */
  declare readonly retryAfterMs: number | null
  /** The same request may succeed later, and sending it again does no harm. */
  declare readonly retryable: boolean

  constructor(
    status: number,
    problem: ProblemShape,
    { retryAfterMs = null, ...options }: { retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(problem.detail, options)
    const retryable = RETRYABLE.test(String(status || problem.code))
    const absent = { errors: [], requestId: null, written: 0 }
    Object.assign(this, absent, problem, { name: 'OmenDBError', status, retryAfterMs, retryable })
  }
}

/** An error that no answer is behind. */
export function failure(code: string, detail: string, cause?: unknown): OmenDBError {
  return new OmenDBError(0, { code, detail }, { cause })
}

/** `Retry-After` in milliseconds: seconds or an HTTP date; null if absent or neither. */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (/^\s*\d+\s*$/.test(value!)) return Number(value) * 1000
  return /GMT/.test(value!) ? Math.max(0, Date.parse(value!) - now) : null
}

/** Reads an error answer. One that is not a problem document (a proxy's page) has a detail of its text. */
export async function readError(response: Response, now: number): Promise<OmenDBError> {
  const { status, headers } = response
  const text = await response.text()
  const known = {
    code: `http_${status}`,
    detail: text.split('\n', 1)[0]!.slice(0, 200) || `the server answered ${status}`,
    requestId: headers.get('X-Request-Id'),
  }
  const retryAfterMs = parseRetryAfter(headers.get('Retry-After'), now)
  return new OmenDBError(status, { ...known, ...problemOf(text) }, { retryAfterMs })
}

/** What a problem document says; nothing if it is none. */
export function problemOf(text: string): Partial<ProblemShape> {
  try {
    const problem = JSON.parse(text) as Partial<ProblemShape>
    return typeof problem.code === 'string'
      ? { detail: problem.title ?? problem.code, ...problem }
      : {}
  } catch {
    return {}
  }
}
