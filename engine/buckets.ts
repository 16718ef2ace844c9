// The buckets of a query: equal lengths, or those of a calendar, in UTC or by the clock of a time zone.
// By a clock, bounds are counted in what it shows, and each is the instant at which it shows that: so
// days have 23 or 25 hours where it is turned.

import { NS_PER_DAY, TIME_MAX, TIME_MIN, addMonths, floorDivide, monthIndex } from './calendar.ts'
import type { Duration } from './query/query.ts'
import type { Execution } from './step.ts'
import { type TimeZone, timeZoneOf } from './time-zone.ts'

export interface BucketRule {
  readonly every: Duration
  /** Start of some bucket. */
  readonly origin: bigint
  /** Whose clock days and longer follow; `UTC` of everything shorter. */
  readonly timeZone: string
}

/** The buckets that a query asks for; null: it has none. */
export function bucketRule(query: {
  readonly every: Duration | null
  readonly origin: bigint
  readonly timeZone: string
}): BucketRule | null {
  const { every, origin, timeZone } = query
  return every === null ? null : { every, origin, timeZone }
}

/** Nanoseconds of each bucket; null: they are not all alike. */
export function bucketWidth({ every, timeZone }: BucketRule): bigint | null {
  return timeZone === 'UTC' ? every.width : null
}

/** Where buckets start if nobody says: at the epoch, weeks on the first Monday after, by that clock. */
export function originOf(every: Duration | null, timeZone: string): bigint {
  const clock = every?.unit === 'w' ? 4n * NS_PER_DAY : 0n
  return timeZone === 'UTC' ? clock : timeZoneOf(timeZone).instantOf(clock)
}

/** No clock is turned twice in a week. */
const WEEK = 7n * NS_PER_DAY
/** Before, many clocks went by the sun: a rollup fits none of them. */
const CLOCKS_BEGIN = -70n * 365n * NS_PER_DAY
/** From here on all years are alike as far as the runtimes know: 2040. */
const CLOCKS_END = 70n * 365n * NS_PER_DAY

/**
 * Is the clock turned by multiples of `width` only, from the origin on and all over [start, end)? Then
 * buckets of whole days are made of such that are `width` long.
 */
export function clockKeeps(
  { origin, timeZone }: BucketRule,
  width: bigint,
  start: bigint,
  end: bigint,
): boolean {
  if (start < CLOCKS_BEGIN || origin < CLOCKS_BEGIN) return false
  const zone = timeZoneOf(timeZone)
  const before = zone.clockOf(origin) - origin
  const last = end < CLOCKS_END ? end : CLOCKS_END
  for (let time = start; time < last + WEEK; time += WEEK) {
    if ((zone.clockOf(time) - time - before) % width !== 0n) return false
  }
  return true
}

/** The bounds of buckets: number 0 starts at the origin, -1 ends there. */
class Bounds {
  private readonly every: Duration
  /** null: UTC. */
  private readonly zone: TimeZone | null
  /** What the clock shows at the origin. */
  private readonly base: bigint

  constructor({ every, origin, timeZone }: BucketRule) {
    this.every = every
    this.zone = timeZone === 'UTC' ? null : timeZoneOf(timeZone)
    this.base = this.clockOf(origin)
  }

  /** Which bucket a time is in. */
  numberOf(time: bigint): bigint {
    const number = this.numberByClock(this.clockOf(time))
    if (this.zone === null) return number
    // A clock that is turned back shows times of the bucket before again, or for the first time.
    if (this.at(number) > time) return number - 1n
    return this.at(number + 1n) <= time ? number + 1n : number
  }

  /** Where a bucket starts, within TIME_MIN … TIME_MAX + 1. */
  at(number: bigint): bigint {
    const { every, zone } = this
    const clock =
      every.width === null
        ? addMonths(this.base, number * every.months)
        : this.base + number * every.width
    if (clock < TIME_MIN - NS_PER_DAY) return TIME_MIN
    if (clock > TIME_MAX + NS_PER_DAY) return TIME_MAX + 1n
    const start = zone === null ? clock : zone.instantOf(clock)
    return start < TIME_MIN ? TIME_MIN : start > TIME_MAX + 1n ? TIME_MAX + 1n : start
  }

  private clockOf(instant: bigint): bigint {
    return this.zone === null ? instant : this.zone.clockOf(instant)
  }

  private numberByClock(clock: bigint): bigint {
    const { every } = this
    if (every.width !== null) return floorDivide(clock - this.base, every.width)
    const number = floorDivide(monthIndex(clock) - monthIndex(this.base), every.months)
    return addMonths(this.base, number * every.months) > clock ? number - 1n : number
  }
}

/** Start of the bucket that holds `time`, TIME_MIN at least. */
export function bucketStart(rule: BucketRule, time: bigint): bigint {
  const bounds = new Bounds(rule)
  return bounds.at(bounds.numberOf(time))
}

/** End of the bucket that holds `time`, TIME_MAX + 1 at most. */
export function bucketEnd(rule: BucketRule, time: bigint): bigint {
  const bounds = new Bounds(rule)
  return bounds.at(bounds.numberOf(time) + 1n)
}

/**
 * How many buckets touch [start, end), at most; 0 if that is empty. Check it before bucketBoundaries.
 */
export function bucketCount(rule: BucketRule, start: bigint, end: bigint): bigint {
  if (start >= end) return 0n
  const bounds = new Bounds(rule)
  return bounds.numberOf(end - 1n) - bounds.numberOf(start) + 1n
}

/** Boundaries computed between two pauses: about a millisecond. */
const STEP_BUCKETS = 8_192
/** The same where the runtime is asked for each week. */
const STEP_ZONED = 64

/**
 * Starts of the n buckets that touch [start, end), then the end of the last: n + 1 ascending times
 * within TIME_MIN … TIME_MAX + 1. Empty for an empty range. A day that a zone left out is no bucket.
 */
export function* bucketBoundaries(
  rule: BucketRule,
  start: bigint,
  end: bigint,
): Execution<BigInt64Array> {
  const count = Number(bucketCount(rule, start, end))
  if (count === 0) return new BigInt64Array(0)
  const bounds = new Bounds(rule)
  const first = bounds.numberOf(start)
  const step = rule.timeZone === 'UTC' ? STEP_BUCKETS : STEP_ZONED
  const boundaries = new BigInt64Array(count + 1)
  let found = 0
  for (let i = 0; i <= count; i++) {
    const bound = bounds.at(first + BigInt(i))
    if (found === 0 || bound > boundaries[found - 1]!) boundaries[found++] = bound
    if (i % step === step - 1) yield { pause: true }
  }
  return boundaries.subarray(0, found)
}
