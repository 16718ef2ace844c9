// When to send a request again, and how long to wait: exponential backoff with full jitter (Marc
// Brooker, "Exponential Backoff And Jitter", 2015), never less than the server's Retry-After.

import type { OmenDBError } from './error.ts'

/** How a call is tried again. Times in milliseconds. */
export interface RetryOptions {
  /** Requests in all, the first one included. */
  attempts: number
  /** Longest wait before the second attempt; it doubles with each further one. */
  baseMs: number
  /** Longest wait before any attempt; a server that asks for more gets no further one. */
  maxMs: number
}

export const RETRY_DEFAULTS: RetryOptions = { attempts: 5, baseMs: 100, maxMs: 10_000 }

/** No answer, too slow, too busy, failed, full: what a second attempt may cure. */
const RETRYABLE_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504, 507]

/** True if the same request may succeed later. A passed deadline of the caller's own may not. */
export function isRetryable(error: OmenDBError): boolean {
  return error.code === 'unreachable' || RETRYABLE_STATUSES.includes(error.status)
}

/**
 * Milliseconds to wait after failed attempt number `attempt` (1 = the first), or null if there is to be no
 * further one. `random` is in [0, 1).
 */
export function retryDelay(
  error: OmenDBError,
  attempt: number,
  options: RetryOptions,
  random: number,
): number | null {
  if (attempt >= options.attempts || !isRetryable(error)) return null
  const asked = error.retryAfterMs ?? 0
  if (asked > options.maxMs) return null
  const jittered = random * Math.min(options.maxMs, options.baseMs * 2 ** (attempt - 1))
  // Everybody was told the same time: spread around it, but never before it.
  return Math.min(options.maxMs, asked + jittered)
}
