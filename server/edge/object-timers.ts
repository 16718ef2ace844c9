// Timers of a database in an object. A timeout lives only as long as the object does and keeps it from
// resting, so only short ones are real. The others stand in a table: whatever wakes the object, a
// request or its one alarm, runs those that are due. Setting an alarm costs a row, so one that is early
// enough stays, and finds nothing to do.

import type { Timer, TimerHandle } from '../../engine/host.ts'

/** Delays that somebody may wait for are real timeouts. */
export const TIMEOUT_MS_MAX = 30_000
/**
 * Delays that are short for an alarm: a clock that is looked at every minute must not wake an object
 * that nobody asks anything. They run when it is awake.
 */
export const AWAKE_MS_MAX = 60_000

interface Entry {
  readonly due: number
  readonly wakes: boolean
  readonly run: () => void
}

interface Timeout {
  id: unknown
}

export class ObjectTimers implements Timer {
  private readonly now: () => number
  private readonly wakesAt: (time: number) => void
  private readonly entries = new Set<Entry>()
  private readonly timeouts = new Set<Timeout>()

  /** `now` is in milliseconds since 1970; `wakesAt` is told of each timer that has to wake the object. */
  constructor(now: () => number, wakesAt: (time: number) => void) {
    this.now = now
    this.wakesAt = wakesAt
  }

  /** When the object has to wake next, in milliseconds since 1970; null: nothing is to come. */
  get nextWake(): number | null {
    let next: number | null = null
    for (const { due, wakes } of this.entries) {
      if (wakes && (next === null || due < next)) next = due
    }
    return next
  }

  /** Whether somebody may wait for a timeout. */
  get isWaiting(): boolean {
    return this.timeouts.size > 0
  }

  set(delayMs: number, run: () => void): TimerHandle {
    if (delayMs <= TIMEOUT_MS_MAX) return this.setTimeout(delayMs, run)
    const entry = { due: this.now() + delayMs, wakes: delayMs > AWAKE_MS_MAX, run }
    this.entries.add(entry)
    if (entry.wakes) this.wakesAt(entry.due)
    return entry
  }

  clear(handle: TimerHandle): void {
    if (this.timeouts.delete(handle as Timeout)) clearTimeout((handle as Timeout).id as number)
    else this.entries.delete(handle as Entry)
  }

  /** Runs what is due. */
  runDue(): void {
    const now = this.now()
    for (const entry of [...this.entries]) {
      if (entry.due > now || !this.entries.delete(entry)) continue
      entry.run()
    }
  }

  private setTimeout(delayMs: number, run: () => void): Timeout {
    const timeout: Timeout = { id: null }
    timeout.id = setTimeout(() => {
      this.timeouts.delete(timeout)
      run()
    }, delayMs)
    this.timeouts.add(timeout)
    return timeout
  }
}
