import { describe, expect, test } from 'vitest'
import { OmenError } from '../../../engine/error.ts'
import { StagingPool } from '../../../engine/ingest/staging-pool.ts'

/** A pool of 100 bytes whose timers run only when told to. */
function poolOf(): { pool: StagingPool; fireTimers: () => void; timers: Set<() => void> } {
  const timers = new Set<() => void>()
  const pool = new StagingPool(100, {
    set: (_delayMs, run) => (timers.add(run), run),
    clear: (handle) => void timers.delete(handle as () => void),
  })
  return { pool, timers, fireTimers: () => [...timers].forEach((run) => run()) }
}

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let isSettled = false
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  )
  await new Promise((resolve) => setImmediate(resolve))
  return isSettled
}

describe('uploads', () => {
  test('go on while all of them together hold less than the capacity', async () => {
    const { pool } = poolOf()
    const [a, b] = [pool.open(), pool.open()]
    a.hold(60)
    b.hold(39)
    expect([a.hasRoom, b.hasRoom, pool.used]).toEqual([true, true, 99])
    await b.room()
  })

  test('wait when they hold it, but for the oldest, and go on when one ends', async () => {
    const { pool, timers } = poolOf()
    const [a, b, c] = [pool.open(), pool.open(), pool.open()]
    a.hold(50)
    b.hold(50)
    expect([a.hasRoom, b.hasRoom]).toEqual([true, false])
    const [second, third] = [b.room(), c.room()]
    expect(await settled(second)).toBe(false)
    a.close()
    await second
    await third
    expect([timers.size, pool.used]).toEqual([0, 50])
  })

  test('the next oldest goes on although the others still hold everything', async () => {
    const { pool } = poolOf()
    const [a, b, c] = [pool.open(), pool.open(), pool.open()]
    b.hold(80)
    c.hold(80)
    const [second, third] = [b.room(), c.room()]
    a.close()
    await second
    expect(await settled(third)).toBe(false)
    b.close()
    await third
  })

  test('are refused as busy when the time is over, with what holds the room', async () => {
    const { pool, fireTimers } = poolOf()
    const [a, b] = [pool.open(), pool.open()]
    a.hold(120)
    const waiting = b.room()
    fireTimers()
    const error = await waiting.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OmenError)
    expect(error).toMatchObject({ code: 'busy', details: { retryAfter: 1 } })
    expect((error as OmenError).message).toBe(
      'staging: uploads hold 120 bytes, over the limit of 100 (stagingBytes)',
    )
    b.close()
    a.close()
    a.close()
    expect(pool.used).toBe(0)
  })

  test('stop waiting when their sender goes', async () => {
    const { pool, timers } = poolOf()
    const [a, b] = [pool.open(), pool.open()]
    a.hold(100)
    const controller = new AbortController()
    const waiting = b.room(controller.signal)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    expect(timers.size).toBe(0)
  })

  test('that ended hold nothing, whatever is said of them later', () => {
    const { pool } = poolOf()
    const a = pool.open()
    a.close()
    a.hold(1000)
    expect(pool.used).toBe(0)
  })
})
