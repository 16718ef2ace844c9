import { describe, expect, it, test } from 'vitest'
import { TIME_MIN } from '../../../engine/calendar.ts'
import { shardsOf, slotsOf, soleMap, splitMap } from '../../../engine/shards/shard-map.ts'
import {
  SPLIT_POLICY,
  WINDOW_NS_MIN,
  isHot,
  maySplit,
  pointRate,
} from '../../../engine/shards/split-policy.ts'

const SECOND = 1_000_000_000n
const NOW = 1_800_000_000n * SECOND
const POLICY = { pointsPerSecondMax: 100, hotBytesMax: 5_000, shardsMax: 5, restMs: 60_000 }

describe('a rate', () => {
  test.each([
    { points: 600, after: 60n * SECOND, rate: 10 },
    { points: 0, after: 600n * SECOND, rate: 0 },
    { points: 90_000_000, after: 600n * SECOND, rate: 150_000 },
    { points: 1e15, after: WINDOW_NS_MIN - 1n, rate: null },
    { points: 1e15, after: 0n, rate: null },
    { points: 5, after: -1n, rate: null },
  ])('of $points points in $after ns is $rate a second', ({ points, after, rate }) => {
    const before = { points: 7, at: NOW, bytes: 0 }
    expect(pointRate(before, { points: 7 + points, at: NOW + after, bytes: 0 })).toBe(rate)
  })
})

test.each([
  { rate: null, bytes: 0, hot: false },
  { rate: 100, bytes: 5_000, hot: false },
  { rate: 100.5, bytes: 0, hot: true },
  { rate: null, bytes: 5_001, hot: true },
  { rate: 0, bytes: 5_001, hot: true },
])('a shard with a rate of $rate and $bytes bytes is hot: $hot', ({ rate, bytes, hot }) => {
  expect(isHot(rate, { bytes }, POLICY)).toBe(hot)
})

describe('a map', () => {
  const fence = NOW + 30n * SECOND
  const once = splitMap(soleMap('a'), 'a', fence, ['b', 'c'])
  const rested = fence + 60n * SECOND
  test.each([
    { what: 'of one shard', map: soleMap('a'), shard: 'a', now: NOW, may: true },
    { what: 'before any time', map: soleMap('a'), shard: 'a', now: TIME_MIN, may: false },
    { what: 'lacks the shard', map: soleMap('a'), shard: 'z', now: NOW, may: false },
    { what: 'had it split', map: once, shard: 'a', now: rested, may: false },
    { what: 'has a fence ahead', map: once, shard: 'b', now: NOW, may: false },
    { what: 'has it since just now', map: once, shard: 'b', now: rested - 1n, may: false },
    { what: 'let it rest', map: once, shard: 'b', now: rested, may: true },
  ])('that $what lets $shard be split: $may', ({ map, shard, now, may }) => {
    expect(maySplit(map, shard, now, POLICY)).toBe(may)
  })

  it('never has more shards than the policy lets it, nor one with no slots', () => {
    for (const shardsMax of [0, 1, 2, 3, 4, 31, 5_000]) {
      let map = soleMap('0')
      let now = NOW
      for (let split = 0; split < 40; split++) {
        now += 3_600n * SECOND
        // The lowest slots are the hottest.
        const open = shardsOf(map).find((shard) => slotsOf(map, shard)?.first === 0)!
        if (!maySplit(map, open, now, { ...SPLIT_POLICY, shardsMax })) continue
        map = splitMap(map, open, now, [`${split} low`, `${split} high`])
      }
      // Ten halvings leave one slot of 1,024.
      const most = Math.min(21, shardsMax % 2 === 1 ? shardsMax : shardsMax - 1)
      expect(shardsOf(map).length).toBe(Math.max(1, most))
    }
  })
})
