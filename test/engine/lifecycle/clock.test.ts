// What retention believes of a wall clock, look by look (engine/lifecycle/clock.ts).

import { expect, test } from 'vitest'
import { TrustedClock } from '../../../engine/lifecycle/clock.ts'

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE

/** A clock over a wall clock that stands at `wall`, and ticks when it is told to. */
function clockAt(wall: bigint, lastSeen = 0n) {
  const at = { wall, tick: (): void => undefined }
  const clock = new TrustedClock({
    now: () => at.wall,
    timer: {
      set: (_delayMs, run) => {
        at.tick = run
        return run
      },
      clear: () => undefined,
    },
  })
  clock.restore(lastSeen)
  clock.start(() => undefined)
  return { at, clock }
}

test('a jump right after the first look of a new database is no more believed than a later one', () => {
  const { at, clock } = clockAt(1_000n * HOUR)
  expect(clock.now()).toBe(1_000n * HOUR)
  at.wall += 3n * HOUR
  at.tick()
  expect(clock.now()).toBe(1_000n * HOUR)
  expect(clock.warning).toMatch(/3 hours ahead of/)
})

test('at a start a clock may be a day ahead of the last one, afterwards an hour', () => {
  const { at, clock } = clockAt(1_000n * HOUR, 976n * HOUR)
  expect(clock.now()).toBe(1_000n * HOUR)
  at.wall += HOUR
  expect(clock.now()).toBe(1_001n * HOUR)
  at.wall += HOUR + 1n
  expect(clock.now()).toBe(1_001n * HOUR)
})

test('what the clock shows at a start counts, also if nobody asks before it jumps', () => {
  const { at, clock } = clockAt(1_000n * HOUR, 990n * HOUR)
  at.wall += 300n * HOUR
  at.tick()
  expect(clock.now()).toBe(1_000n * HOUR)
  expect(clock.warning).toMatch(/300 hours ahead of/)
})

test('a clock that was behind by up to an hour never takes time back', () => {
  const { at, clock } = clockAt(1_000n * HOUR)
  clock.now()
  at.wall -= 40n * MINUTE
  expect(clock.now()).toBe(1_000n * HOUR)
  expect(clock.warning).toBeNull()
})

test('a clock that is paused is believed when it was put right, or after an hour of even steps', () => {
  for (const isPutRight of [true, false]) {
    const { at, clock } = clockAt(1_000n * HOUR)
    clock.now()
    at.wall += 50n * HOUR
    at.tick()
    expect(clock.now()).toBe(1_000n * HOUR)
    if (isPutRight) at.wall -= 50n * HOUR - MINUTE
    for (let i = 0; i < (isPutRight ? 1 : 60); i++) {
      at.wall += MINUTE
      at.tick()
    }
    expect(clock.now()).toBe(at.wall)
    expect(clock.warning).toBeNull()
  }
})
