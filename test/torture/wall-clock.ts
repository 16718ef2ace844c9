// The wall clock of a run, which drifts, jumps and steps back, and what a database may believe of it
// (engine/lifecycle/clock.ts says how it decides; here are only bounds of what comes of that).

import type { TimeBounds } from '../engine/crash-expiry.ts'
import type { SimulatedHost } from '../simulated-host.ts'

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE
const DAY = 24n * HOUR
/** After so many steady minutes a clock is believed, whatever was before. */
const STEADY_MINUTES = 62

/** Does the database go with the wall clock? `unsure`: it was in between. */
type Belief = 'yes' | 'no' | 'unsure'

export class WallClock implements TimeBounds {
  low: bigint
  high: bigint
  belief: Belief = 'yes'
  private readonly isTrusted: boolean
  /** Bounds of the last time that a manifest has; null: none has been written for certain. */
  private saved: [bigint, bigint] | null = null
  private hasBegun = false
  private wall: bigint

  constructor(start: bigint, isTrusted: boolean) {
    this.wall = start
    this.low = start
    this.high = start
    this.isTrusted = isTrusted
  }

  /** Sets the clock of a new host, which may have moved since the last one. */
  set(host: SimulatedHost, moved: bigint): void {
    host.advance(this.wall + moved - host.time)
    this.wall = host.time
  }

  /** The database is being opened, or was: `isSaved` if it has written what it believes. */
  opened(host: SimulatedHost, isSaved: boolean): void {
    const before = this.wall
    const now = (this.wall = host.time)
    if (this.isTrusted || !this.hasBegun) {
      this.low = before
      this.high = now
    } else if (this.saved === null) {
      this.belief = 'unsure'
      this.low = least(this.low, before)
      this.high = greatest(this.high, now)
    } else {
      const [low, high] = this.saved
      this.compare(this.saved, [before, now], DAY)
      // One that is behind stays behind what was seen: at the second look that is too far.
      if (this.belief === 'yes' && before < high - HOUR) {
        this.belief = now < low - HOUR ? 'no' : 'unsure'
      }
    }
    this.hasBegun = true
    if (isSaved) this.saved = [this.low, this.high]
    this.save()
  }

  /** Time passes; the database looks at the clock once in each step. */
  drift(host: SimulatedHost, steps: number): void {
    for (let i = 0; i < steps; i++) this.move(host, 55n * MINUTE)
  }

  /** By more than an hour, perhaps back. */
  jump(host: SimulatedHost, random: () => number): void {
    const hours = BigInt(2 + Math.floor(random() * 400))
    this.move(host, random() < 0.6 ? hours * HOUR : -hours * HOUR)
  }

  /** By less than an hour. */
  stepBack(host: SimulatedHost): void {
    this.move(host, -40n * MINUTE)
  }

  /** Somebody sets it right. */
  correct(host: SimulatedHost): void {
    this.move(host, this.high - this.wall)
  }

  /** It runs as it should for so long that it is believed again. */
  steady(host: SimulatedHost): void {
    const { belief, low, high } = this
    for (let i = 0; i < STEADY_MINUTES; i++) {
      host.advance(MINUTE)
      host.fireTimers()
    }
    const now = (this.wall = host.time)
    this.belief = 'yes'
    const isBehind = belief === 'yes' && low > now
    this.low = isBehind || this.isTrusted ? low : now
    this.high = belief === 'no' ? now : greatest(high, now)
    if (belief === 'unsure') this.low = least(low, now)
    if (this.isTrusted) this.low = now
    this.save()
  }

  /** Before something is read. */
  look(host: SimulatedHost): TimeBounds {
    const now = (this.wall = host.time)
    if (this.isTrusted) this.low = this.high = now
    else if (this.belief === 'yes') {
      this.low = greatest(this.low, now)
      this.high = greatest(this.high, now)
    } else if (this.belief === 'unsure') this.high = greatest(this.high, now)
    this.save()
    return this
  }

  private move(host: SimulatedHost, by: bigint): void {
    const seen: [bigint, bigint] = [this.low, this.high]
    host.advance(by)
    const before = host.time
    host.fireTimers()
    const now = (this.wall = host.time)
    if (this.isTrusted) {
      this.low = this.high = now
    } else if (this.belief === 'yes') this.compare(seen, [before, now], HOUR)
    else if (isWithin(seen, [before, now], HOUR)) {
      // Put right: that may be a little earlier than what was believed.
      this.low = this.belief === 'no' ? before : least(seen[0], before)
      this.high = this.belief === 'no' ? now : greatest(seen[1], now)
      this.belief = 'yes'
    } else if (this.belief === 'unsure' || !isBeyond(seen, [before, now], HOUR)) {
      this.belief = 'unsure'
      this.low = least(seen[0], before)
      this.high = greatest(seen[1], now)
    }
    this.save()
  }

  /** A manifest may be written at any time. */
  private save(): void {
    if (this.saved === null) return
    this.saved = [least(this.saved[0], this.low), greatest(this.saved[1], this.high)]
  }

  /** What was seen last lies in `seen`, now the wall clock shows something in `wall`. */
  private compare(seen: [bigint, bigint], wall: [bigint, bigint], allowance: bigint): void {
    const [low, high] = seen
    this.low = low
    this.high = high
    if (isWithin(seen, wall, allowance)) {
      this.belief = 'yes'
      this.low = greatest(low, wall[0])
      this.high = greatest(high, wall[1])
    } else if (isBeyond(seen, wall, allowance)) this.belief = 'no'
    else {
      this.belief = 'unsure'
      this.high = greatest(high, wall[1])
    }
  }
}

/** Is every time of `a` at most so far from every one of `b`? */
function isWithin(a: [bigint, bigint], b: [bigint, bigint], most: bigint): boolean {
  return b[1] - a[0] <= most && a[1] - b[0] <= most
}

/** Is every one farther? */
function isBeyond(a: [bigint, bigint], b: [bigint, bigint], most: bigint): boolean {
  return b[0] - a[1] > most || a[0] - b[1] > most
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
