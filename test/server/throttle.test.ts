import { describe, expect, test } from 'vitest'
import type { OmenError } from '../../engine/error.ts'
import { Throttle, type RequestLimits } from '../../server/throttle.ts'

function start(limits: RequestLimits) {
  const clock = { ms: 0 }
  return { clock, throttle: new Throttle(limits, () => clock.ms) }
}

function refusal(enter: () => unknown): OmenError | null {
  try {
    enter()
    return null
  } catch (error) {
    return error as OmenError
  }
}

describe('requests a second', () => {
  test('are a second of them at once, then one whenever its time has come', () => {
    const { clock, throttle } = start({ perSecond: 4, atOnce: 0 })
    for (let i = 0; i < 4; i++) throttle.enter('a', 'a')()
    const refused = refusal(() => throttle.enter('a', 'token a'))!
    expect(refused.message).toBe('token a: more than 4 requests a second (--rate-limit)')
    expect([refused.code, refused.details.retryAfter]).toEqual(['busy', 0.25])
    clock.ms += 249
    expect(refusal(() => throttle.enter('a', 'a'))).not.toBeNull()
    clock.ms += 1
    expect(refusal(() => throttle.enter('a', 'a'))).toBeNull()
    expect(refusal(() => throttle.enter('a', 'a'))).not.toBeNull()
    clock.ms += 60_000
    for (let i = 0; i < 4; i++) throttle.enter('a', 'a')()
    expect(refusal(() => throttle.enter('a', 'a'))).not.toBeNull()
  })

  test('of one caller are not those of another', () => {
    const { throttle } = start({ perSecond: 1, atOnce: 0 })
    throttle.enter('a', 'a')()
    expect(refusal(() => throttle.enter('a', 'a'))).not.toBeNull()
    expect(refusal(() => throttle.enter('b', 'b'))).toBeNull()
  })
})

describe('requests at once', () => {
  test('are as many as may be, and one that ends makes room', () => {
    const { throttle } = start({ perSecond: 0, atOnce: 2 })
    const leave = throttle.enter('a', 'a')
    throttle.enter('a', 'a')
    const refused = refusal(() => throttle.enter('a', 'token a'))!
    expect([refused.code, refused.details.retryAfter]).toEqual(['busy', 1])
    leave()
    expect(refusal(() => throttle.enter('a', 'a'))).toBeNull()
  })
})

test('callers that come once are forgotten', () => {
  for (const perSecond of [0, 5]) {
    const { throttle } = start({ perSecond, atOnce: 5 })
    const held = throttle.enter('held', 'held')
    for (let i = 0; i < 25_000; i++) throttle.enter(`caller ${i}`, 'x')()
    expect(throttle.size).toBeLessThanOrEqual(10_001)
    held()
  }
})
