// How much one caller may ask for: requests a second (a bucket of tokens, refilled steadily, that holds a
// second's worth) and requests at once. A caller is a token, or an address where none is needed; one that
// asks too much is told when to come back, and the others do not notice.

import { OmenError } from '../engine/error.ts'

/** 0: no limit. */
export interface RequestLimits {
  readonly perSecond: number
  readonly atOnce: number
}

/** What no client in its right mind meets: a bound on what one that runs wild can hold. */
export const REQUEST_LIMITS: RequestLimits = { perSecond: 0, atOnce: 4_096 }

/** Callers that are remembered between requests, to know what is left of their second. */
const CALLERS_MAX = 10_000

interface Caller {
  readonly key: string
  running: number
  /** Requests that it may begin at once, as of `at`. */
  left: number
  /** Milliseconds of the clock. */
  at: number
}

export class Throttle {
  private readonly limits: RequestLimits
  private readonly clock: () => number
  private readonly callers = new Map<string, Caller>()

  /** `clock` is in milliseconds and never steps back. */
  constructor(limits: RequestLimits, clock: () => number) {
    this.limits = limits
    this.clock = clock
  }

  /** Callers that are known now. */
  get size(): number {
    return this.callers.size
  }

  /**
   * Begins a request of the caller `key`, whom errors call `who`; the answer ends it, and is called
   * once. Throws `busy` with the seconds until there is room again.
   */
  enter(key: string, who: string): () => void {
    const { perSecond, atOnce } = this.limits
    const caller = this.callerOf(key)
    if (atOnce > 0 && caller.running >= atOnce) {
      const message = `${who}: ${atOnce} requests are under way already (--max-requests)`
      throw new OmenError('busy', message, { retryAfter: 1 })
    }
    if (perSecond > 0) this.take(caller, who)
    caller.running++
    return () => this.leave(caller)
  }

  private callerOf(key: string): Caller {
    let caller = this.callers.get(key)
    if (caller !== undefined) return caller
    if (this.callers.size >= CALLERS_MAX) this.forgetIdle()
    caller = { key, running: 0, left: this.limits.perSecond, at: this.clock() }
    this.callers.set(key, caller)
    return caller
  }

  private take(caller: Caller, who: string): void {
    const { perSecond } = this.limits
    const now = this.clock()
    caller.left = Math.min(perSecond, caller.left + ((now - caller.at) / 1000) * perSecond)
    caller.at = now
    if (caller.left < 1) {
      const message = `${who}: more than ${perSecond} requests a second (--rate-limit)`
      throw new OmenError('busy', message, { retryAfter: (1 - caller.left) / perSecond })
    }
    caller.left--
  }

  private leave(caller: Caller): void {
    caller.running--
    if (caller.running === 0 && this.limits.perSecond === 0) this.callers.delete(caller.key)
  }

  /** Those without a request under way; who had used up a second gets another one for that. */
  private forgetIdle(): void {
    for (const [key, { running }] of this.callers) {
      if (running === 0) this.callers.delete(key)
    }
  }
}
