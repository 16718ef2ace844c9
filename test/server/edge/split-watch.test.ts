import { expect, test } from 'vitest'
import { SplitWatch } from '../../../server/edge/split-watch.ts'

const SECOND = 1_000_000_000n
const POLICY = { pointsPerSecondMax: 100, hotBytesMax: 5_000, shardsMax: 5, restMs: 0 }

/** A watch over a load that the test sets, and how often it asked for relief. */
function watched() {
  const load = { points: 50, at: 0n, bytes: 0 }
  const watch = new SplitWatch({ currentLoad: () => ({ ...load }) }, POLICY)
  let asked = 0
  const look = (): Promise<string | null> =>
    watch.look(async () => {
      asked++
      return { kind: 'done', value: true }
    })
  return { load, watch, look, asked: () => asked }
}

test('a shard asks for relief when a minute or more brought too many points', async () => {
  const { load, look, asked } = watched()
  Object.assign(load, { points: 1e9, at: 59n * SECOND })
  await look()
  expect(asked()).toBe(0)
  // The burst counts, once there is a whole window of it.
  load.at = 60n * SECOND
  await look()
  expect(asked()).toBe(1)
  load.at = 120n * SECOND
  await look()
  expect(asked()).toBe(1)
  Object.assign(load, { points: 1e9 + 6_001, at: 180n * SECOND })
  await look()
  expect(asked()).toBe(2)
})

test('a shard that is full asks at once, and again while it is', async () => {
  const { load, look, asked } = watched()
  load.bytes = 5_001
  await look()
  await look()
  expect(asked()).toBe(2)
})

test('relief that fails is said, and asked for again', async () => {
  const { load, watch } = watched()
  load.bytes = 5_001
  const failed = {
    kind: 'failed',
    code: 'conflict',
    message: 'too far ahead',
    details: {},
  } as const
  expect(await watch.look(async () => failed)).toBe('too far ahead')
  expect(await watch.look(() => Promise.reject(new Error('lost')))).toBe('Error: lost')
  expect(await watch.look(async () => ({ kind: 'done', value: false }))).toBe(null)
})
