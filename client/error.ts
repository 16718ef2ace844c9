// What a call of the client can throw, in one class: a refused request carries what the server said
// (problem+json, RFC 9457), a lost connection and a passed deadline have status 0.

import type { Problem, RefusedInput } from './shapes.ts'

/** What an error answer says, as far as the server said it. */
export type ProblemShape = Partial<Omit<Problem, 'requestId'>> & {
  code: string
  detail: string
  requestId?: string | null
}

/** Thrown by every call that was not answered 2xx. An aborted call throws the signal's reason instead. */
export class OmenDBError extends Error {
  override readonly name = 'OmenDBError'
  /** HTTP status; 0 if no answer came. */
  readonly status: number
  /** `type_conflict`, `not_found` …; `unreachable` and `timeout` with status 0, else `http_<status>`. */
  readonly code: string
  readonly detail: string
  readonly errors: RefusedInput[]
  readonly requestId: string | null
  readonly written: number
  /** Of an expression (`select`, `where`): PostgreSQL's code and the 1-based position. */
  readonly sqlstate?: string
  readonly position?: number
  /** Milliseconds that the server asks to wait before the next try; null = it did not say. */
  readonly retryAfterMs: number | null

  constructor(
    status: number,
    problem: ProblemShape,
    options: { retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(problem.detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.code = problem.code
    this.detail = problem.detail
    this.errors = problem.errors ?? []
    this.requestId = problem.requestId ?? null
    this.written = problem.written ?? 0
    if (problem.sqlstate !== undefined) this.sqlstate = problem.sqlstate
    if (problem.position !== undefined) this.position = problem.position
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** `Retry-After` in milliseconds: seconds or an HTTP date; null if absent or neither. */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) || !/[A-Za-z]/.test(text) ? null : Math.max(0, date - now)
}

/**
 * Reads an error answer. One that is not a problem document (a proxy's page) keeps its status, and
 * its first line is the detail.
 */
export async function readError(response: Response, now: number): Promise<OmenDBError> {
  const text = await response.text()
  const retryAfterMs = parseRetryAfter(response.headers.get('Retry-After'), now)
  const requestId = response.headers.get('X-Request-Id')
  const problem = parseProblem(text)
  if (problem !== null) {
    const said = { ...problem, requestId: problem.requestId ?? requestId }
    return new OmenDBError(response.status, said, { retryAfterMs })
  }
  const line = text.trim().split('\n', 1)[0]!.slice(0, 200)
  const detail = line === '' ? `the server answered ${response.status}` : line
  const code = `http_${response.status}`
  return new OmenDBError(response.status, { code, detail, requestId }, { retryAfterMs })
}

function parseProblem(text: string): ProblemShape | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const { code, detail, title, errors } = value as Record<string, unknown>
    if (typeof code !== 'string') return null
    const said = typeof detail === 'string' ? detail : typeof title === 'string' ? title : code
    return {
      ...(value as ProblemShape),
      detail: said,
      errors: Array.isArray(errors) ? (errors as RefusedInput[]) : [],
    }
  } catch {
    return null
  }
}
