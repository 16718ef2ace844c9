// The R2 adapter over a bucket that misbehaves. The contract runs inside workerd, too
// (test/runtime/workers/r2.test.ts).

import { describe, expect, test } from 'vitest'
import type { Timer } from '../../../engine/host.ts'
import { type R2Segments, openR2 } from '../../../engine/storage/r2.ts'
import { FakeBucket } from './fake-bucket.ts'
import { runObjectStoreContract } from './segments.contract.ts'
import { bytesOf, expectError } from './storage.contract.ts'

/** Runs what was set as soon as nothing else can go on, the shortest first. */
function hurriedTimer(): Timer & { readonly delays: number[] } {
  const delays: number[] = []
  return {
    delays,
    set(delayMs, run) {
      const timer = { isSet: true }
      delays.push(delayMs)
      const turns = delayMs >= 1_000 ? 3 : 1
      const wait = (left: number): void => {
        setImmediate(() => {
          if (!timer.isSet) return
          if (left > 1) wait(left - 1)
          else run()
        })
      }
      wait(turns)
      return timer
    },
    clear: (handle) => void Object.assign(handle as object, { isSet: false }),
  }
}

function open(bucket: FakeBucket): R2Segments {
  return openR2(bucket, { timer: hurriedTimer(), random: () => 0.5 })
}

runObjectStoreContract('R2 over a fake bucket', () => open(new FakeBucket()))

describe('a bucket in trouble', () => {
  test.each(['error', 'silence', 'half'] as const)(
    'a read outlives %s three times',
    async (fault) => {
      const bucket = new FakeBucket()
      const segments = open(bucket)
      await segments.put('a/b', bytesOf(1, 2, 3, 4))
      bucket.faults = [fault, fault, fault]
      const target = new Uint8Array(3)
      expect(await segments.read('a/b', 1, target)).toBe(3)
      expect([...target]).toEqual([2, 3, 4])
      bucket.faults = [fault, fault, fault]
      expect(await segments.readSuffix('a/b', target)).toEqual({ size: 4, count: 3 })
      expect(segments.requests).toMatchObject({ gets: 8, failures: 6 })
    },
  )

  test.each(['error', 'silence', 'half'] as const)(
    '%s four times is unavailable by the name of the key, and the target is left alone',
    async (fault) => {
      const bucket = new FakeBucket()
      const segments = open(bucket)
      await segments.put('a/b', bytesOf(1, 2, 3, 4))
      bucket.faults = [fault, fault, fault, fault]
      const target = new Uint8Array(3).fill(9)
      await expectError(() => segments.read('a/b', 1, target), 'unavailable', /^a\/b: read failed /)
      expect([...target]).toEqual([9, 9, 9])
      expect(await segments.read('a/b', 1, target)).toBe(3)
    },
  )

  test('pauses between attempts grow, and no longer than that', async () => {
    const bucket = new FakeBucket()
    const timer = hurriedTimer()
    const segments = openR2(bucket, { timer, random: () => 0.5, timeoutMs: 7_000 })
    bucket.faults = ['error', 'error', 'error', 'error']
    await expectError(() => segments.list('a'), 'unavailable', /^a: list failed /)
    expect(timer.delays.filter((delay) => delay < 1_000)).toEqual([25, 50, 100])
    expect(timer.delays.filter((delay) => delay === 7_000).length).toBe(4)
  })

  test('an absent object is not asked for twice', async () => {
    const segments = open(new FakeBucket())
    await expectError(() => segments.read('a', 0, new Uint8Array(1)), 'corrupt', /^a: .* missing/)
    expect(segments.requests).toMatchObject({ gets: 1, failures: 0 })
  })

  test('a put is tried once: what became of it shows the next one', async () => {
    const bucket = new FakeBucket()
    const segments = open(bucket)
    bucket.faults = ['error']
    await expectError(() => segments.put('a', bytesOf(1)), 'unavailable', /^a: put failed .*10001/)
    expect(await segments.list('')).toEqual([])
    bucket.faults = ['lost']
    await expectError(() => segments.put('a', bytesOf(1)), 'unavailable')
    expect(await segments.put('a', bytesOf(2))).toBe(false)
    expect(segments.requests.puts).toBe(3)
  })

  test('a put that is never answered ends', async () => {
    const bucket = new FakeBucket()
    bucket.faults = ['silence']
    const put = open(bucket).put('a', bytesOf(1))
    await expectError(() => put, 'unavailable', /^a: put failed .*no answer in 10000 ms/)
  })

  test('a removal outlives errors', async () => {
    const bucket = new FakeBucket()
    const segments = open(bucket)
    await segments.put('a', bytesOf(1))
    bucket.faults = ['error', 'silence']
    await segments.remove('a')
    expect(bucket.objects.size).toBe(0)
  })

  test('a list of many pages outlives an error in the middle', async () => {
    const bucket = new FakeBucket()
    const segments = open(bucket)
    const keys = Array.from({ length: 9 }, (_, i) => `p/${i}`)
    for (const key of keys) await segments.put(key, bytesOf(1))
    bucket.faults = []
    const listed = segments.list('p/')
    bucket.faults = ['error']
    expect(await listed).toEqual(keys)
    expect(segments.requests.lists).toBe(6)
  })

  test('a list that never ends by itself is cut off', async () => {
    const bucket = new FakeBucket()
    bucket.list = async () => ({ objects: [{ key: 'a' }], truncated: true, cursor: 'same' })
    await expectError(() => open(bucket).list(''), 'unavailable', /list ends after 2 keys/)
  })
})
