// What one query may cost, counted as it runs, and when enough was done to let others run. Time and
// cancellation are the driver's: its `check` runs at every pause (drive.ts).

import { OmenError } from '../error.ts'
import type { QueryLimits } from './query.ts'
import type { Execution } from '../step.ts'

/** Values worked through between two pauses: about a millisecond. */
const PAUSE_VALUES = 1 << 20
/** What takes long beside values is seen by the clock, which is looked at every so often. */
const PAUSE_NS = 2_000_000n
const LOOKS_BETWEEN = 16

export class Budget {
  private readonly maxPoints: number
  private readonly queryBytes: number
  private heldBytes = 0
  private points = 0
  private values = 0
  private readonly now: () => bigint
  private begunAt: bigint
  private looks = 0

  /** `now` in nanoseconds: without it, values alone decide when to pause. */
  constructor({ maxPoints, queryBytes }: QueryLimits, now: () => bigint = () => 0n) {
    this.maxPoints = maxPoints
    this.queryBytes = queryBytes
    this.now = now
    this.begunAt = now()
  }

  /** Points that were scanned so far. */
  get scannedPoints(): number {
    return this.points
  }

  /** Counts decoded rows and the values touched. Throws `limit_exceeded` beyond maxPoints. */
  scanned(rows: number, values: number): void {
    this.points += rows
    this.values += values
    if (this.points > this.maxPoints) {
      throw limitExceeded('maxPoints', this.maxPoints, 'points would be scanned')
    }
  }

  /**
   * Counts what the query holds from now on, its answer included; less than 0 gives up. Throws
   * `limit_exceeded` beyond queryBytes.
   */
  holds(bytes: number): void {
    this.heldBytes += bytes
    if (this.heldBytes > this.queryBytes) {
      throw limitExceeded('queryBytes', this.queryBytes, 'bytes would be held')
    }
  }

  /** Work that scans nothing (looking up a series, a summary), in values. */
  worked(values: number): void {
    this.values += values
  }

  /** Was enough done since the last pause? */
  get isSpent(): boolean {
    if (this.values >= PAUSE_VALUES) return true
    if (++this.looks % LOOKS_BETWEEN !== 0) return false
    return this.now() - this.begunAt > PAUSE_NS
  }

  /** Pauses, and begins anew. */
  *breathe(): Execution<void> {
    this.values = 0
    yield { pause: true }
    this.begunAt = this.now()
  }
}

/** 422, naming the limit. */
export function limitExceeded(name: keyof QueryLimits, limit: number, fact: string): OmenError {
  const message = `query: more than ${limit} ${fact} (limit ${name})`
  return new OmenError('limit_exceeded', message, { sqlstate: '54000', limit: name })
}
