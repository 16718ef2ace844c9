// Timers of an object: short ones are real, long ones run when it is awake, and only those that must be
// on time wake it.

import { expect, test, vi } from 'vitest'
import { AWAKE_MS_MAX, ObjectTimers, TIMEOUT_MS_MAX } from '../../../server/edge/object-timers.ts'

function timersAt(start: number) {
  const clock = { now: start }
  const wakes: number[] = []
  const timers = new ObjectTimers(
    () => clock.now,
    (time) => wakes.push(time),
  )
  return { clock, wakes, timers }
}

test('a long timer asks to be woken, one of a minute does not', () => {
  const { timers, wakes } = timersAt(1_000)
  timers.set(AWAKE_MS_MAX, () => {})
  expect(timers.nextWake).toBeNull()
  timers.set(600_000, () => {})
  timers.set(300_000, () => {})
  expect(wakes).toEqual([601_000, 301_000])
  expect(timers.nextWake).toBe(301_000)
})

test('what is due runs once, whoever wakes the object; the rest and what was cleared do not', () => {
  const { clock, timers } = timersAt(0)
  const ran: string[] = []
  timers.set(AWAKE_MS_MAX, () => ran.push('minute'))
  timers.set(600_000, () => ran.push('flush'))
  timers.clear(timers.set(AWAKE_MS_MAX, () => ran.push('cleared')))
  timers.runDue()
  expect(ran).toEqual([])
  clock.now = 599_999
  timers.runDue()
  timers.runDue()
  expect(ran).toEqual(['minute'])
  clock.now = 600_000
  timers.runDue()
  expect(ran).toEqual(['minute', 'flush'])
  expect(timers.nextWake).toBeNull()
})

test('a timer that is set by one that runs waits for its own time', () => {
  const { clock, timers } = timersAt(0)
  let count = 0
  const again = (): void => {
    count++
    timers.set(AWAKE_MS_MAX, again)
  }
  timers.set(AWAKE_MS_MAX, again)
  clock.now = AWAKE_MS_MAX
  timers.runDue()
  expect(count).toBe(1)
})

test('a short timer is real, and somebody waits for it until it ran or was cleared', () => {
  vi.useFakeTimers()
  try {
    const { timers } = timersAt(0)
    let count = 0
    timers.set(TIMEOUT_MS_MAX, () => count++)
    const cleared = timers.set(10, () => count++)
    timers.clear(cleared)
    timers.clear(cleared)
    expect(timers.isWaiting).toBe(true)
    vi.advanceTimersByTime(TIMEOUT_MS_MAX)
    expect([count, timers.isWaiting]).toEqual([1, false])
  } finally {
    vi.useRealTimers()
  }
})
