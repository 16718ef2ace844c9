// The clock that retention believes. A wall clock that is set wrong must not delete anything: what
// it says is compared with the latest time that was seen before, which the manifest keeps. When it
// is far from that, ahead or behind, time stands still here (nothing more expires) until the wall
// clock is put right, until it has run steadily for an hour by the timer's measure, or until the
// operator says that it is right.

import type { Host, TimerHandle } from '../host.ts'
import { formatTimeText } from '../time.ts'

const NS_PER_MS = 1_000_000n
const HOUR = 3_600_000n * NS_PER_MS
/** How often the clock is looked at. */
export const TICK_MS = 60_000
/** How far it may be from what the manifest says: nobody looked meanwhile. */
const JUMP_AT_START = 24n * HOUR
/** How far it may be from what was seen a tick ago. */
const JUMP = HOUR
/** Steady ticks after which it is believed, whatever was before. */
const STEADY_TICKS = 60

export class TrustedClock {
  private readonly host: Pick<Host, 'now' | 'timer'>
  private readonly isTrusted: boolean
  /** The latest time that was believed; null before there was any. */
  private seen: bigint | null = null
  private allowance = JUMP_AT_START
  private isPaused = false
  private lastTick: bigint
  private steadyTicks = 0
  private timer: TimerHandle = null

  /** `isTrusted`: the operator says that the wall clock is right. */
  constructor(host: Pick<Host, 'now' | 'timer'>, isTrusted = false) {
    this.host = host
    this.isTrusted = isTrusted
    this.lastTick = host.now()
  }

  /** Takes over what the manifest says was seen last; 0 = nothing. */
  restore(lastSeen: bigint): void {
    if (lastSeen !== 0n) this.seen = lastSeen
  }

  /** Nanoseconds since 1970, as far as they are believed; never goes back but when it is put right. */
  now(): bigint {
    const wall = this.host.now()
    const { seen } = this
    if (seen === null || this.isTrusted) {
      this.allowance = JUMP
      return (this.seen = wall)
    }
    if (!this.isPaused && distance(wall, seen) > this.allowance) this.pause()
    if (this.isPaused) return seen
    this.allowance = JUMP
    return (this.seen = wall > seen ? wall : seen)
  }

  /** Why time stands still, for the operator; null while it does not. */
  get warning(): string | null {
    const { seen } = this
    if (!this.isPaused || seen === null) return null
    const wall = this.host.now()
    const side = wall > seen ? 'ahead of' : 'behind'
    const hours = distance(wall, seen) / HOUR
    return (
      `retention: paused, the clock is ${hours} hours ${side} the last time seen ` +
      `(${formatTimeText(seen, 'rfc3339')}); it goes on when the clock is put right or has run ` +
      'steadily for an hour, or after a start with --trust-clock'
    )
  }

  /** Looks at the clock, and from now on every minute; calls `then` each time but the first. */
  start(then: () => void): void {
    this.now()
    this.timer = this.host.timer.set(TICK_MS, () => {
      this.tick()
      this.start(then)
      then()
    })
  }

  stop(): void {
    if (this.timer !== null) this.host.timer.clear(this.timer)
    this.timer = null
  }

  private pause(): void {
    this.isPaused = true
    this.steadyTicks = 0
  }

  private tick(): void {
    const wall = this.host.now()
    const step = wall - this.lastTick
    this.lastTick = wall
    if (this.isPaused && this.seen !== null) {
      const tick = BigInt(TICK_MS) * NS_PER_MS
      // Timers may be late, never early.
      const isSteady = step >= tick / 2n && step <= 10n * tick
      this.steadyTicks = isSteady ? this.steadyTicks + 1 : 0
      const isRight = distance(wall, this.seen) <= JUMP
      if (isRight || this.steadyTicks >= STEADY_TICKS) {
        this.isPaused = false
        this.seen = wall
      }
    }
    this.now()
  }
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a
}
