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
  /** No attempt begins later than this after the first. */
  withinMs: number
}

export const RETRY_DEFAULTS: RetryOptions = {
  attempts: 5,
  baseMs: 100,
  maxMs: 10_000,
  withinMs: 60_000,
}

/**
 * Milliseconds to wait after failed attempt number `attempt` (1 = the first), or null if there is to be no
 * further one. `random` is in [0, 1).
 */
export function retryDelay(
  { retryable, retryAfterMs }: Pick<OmenDBError, 'retryable' | 'retryAfterMs'>,
  attempt: number,
  { attempts, baseMs, maxMs }: RetryOptions,
  random: number,
): number | null {
  const asked = retryAfterMs ?? 0
  if (attempt >= attempts || !retryable || asked > maxMs) return null
  // Everybody was told the same time: spread around it, but never before it.
  return Math.min(maxMs, asked + random * Math.min(maxMs, baseMs * 2 ** (attempt - 1)))
}

/** Waits; rejects with the signal's reason when it aborts. */
export async function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  let end = (): void => {}
  const over = new Promise<void>((resolve) => (end = resolve))
  const timer = setTimeout(end, delayMs)
  signal?.addEventListener('abort', end)
  if (!signal?.aborted) await over
  clearTimeout(timer)
  signal?.removeEventListener('abort', end)
  signal?.throwIfAborted()
}
