// Levels of deleted ranges against a list of all of them.

import { describe, expect, test } from 'vitest'
import {
  type Level,
  addLevel,
  coveredTimes,
  levelOf,
  withoutTombstones,
} from '../../../engine/lifecycle/coverage.ts'
import type { DeletedRanges } from '../../../engine/lifecycle/tombstone.ts'
import { type Random, randomOf } from '../../random.ts'

const SERIES = 5
const TIMES = 60

/** Which tombstones cover a time of a series. */
type Naive = Set<number>[][]

function randomRanges(random: Random): DeletedRanges {
  const cuts = (): number[] => {
    const times = new Set<number>()
    for (let n = 2 * (1 + random.int(4)); n > 0; n--) times.add(random.int(TIMES + 1))
    const sorted = [...times].sort((a, b) => a - b)
    return sorted.length % 2 === 0 ? sorted : sorted.slice(1)
  }
  const listed = Array.from({ length: SERIES }, (_, i) => i).filter(() => random.chance(0.4))
  const form = random.int(3)
  const of = form === 0 || listed.length === 0 ? null : listed
  const each = (form === 2 && of !== null ? of : [0]).map(() => {
    const found = cuts()
    return found.length === 0 ? [0, 1] : found
  })
  const firsts = [0]
  for (const list of each) firsts.push(firsts.at(-1)! + list.length / 2)
  const all = each.flat().map(BigInt)
  return {
    series: of === null ? null : Uint32Array.from(of),
    firsts: form === 2 && of !== null ? Uint32Array.from(firsts) : null,
    starts: BigInt64Array.from(all.filter((_, i) => i % 2 === 0)),
    ends: BigInt64Array.from(all.filter((_, i) => i % 2 === 1)),
  }
}

function cover(naive: Naive, id: number, { series, firsts, starts, ends }: DeletedRanges): void {
  for (let s = 0; s < SERIES; s++) {
    const index = series === null ? 0 : series.indexOf(s)
    if (index < 0) continue
    const low = firsts === null ? 0 : firsts[index]!
    const high = firsts === null ? starts.length : firsts[index + 1]!
    for (let r = low; r < high; r++) {
      for (let t = Number(starts[r]); t < Number(ends[r]); t++) naive[s]![t]!.add(id)
    }
  }
}

function expectSame(levels: readonly Level[], naive: Naive, random: Random, ids: number): void {
  for (let s = 0; s < SERIES; s++) {
    const from = random.int(ids + 1)
    const start = random.int(TIMES)
    const end = start + 1 + random.int(TIMES - start)
    const found = coveredTimes(levels, s, from, BigInt(start), BigInt(end))
    for (let i = 1; i < (found?.starts.length ?? 0); i++) {
      expect(found!.starts[i]! >= found!.ends[i - 1]!).toBe(true)
    }
    for (let t = start; t < end; t++) {
      const isHidden = [...naive[s]![t]!].some((id) => id >= from)
      const at = found?.starts.findLastIndex((from) => from <= BigInt(t)) ?? -1
      expect(at >= 0 && BigInt(t) < found!.ends[at]!, `series ${s}, time ${t}, from ${from}`).toBe(
        isHidden,
      )
    }
  }
}

describe('levels of deleted ranges', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'hide what some tombstone from an id on covers, seed %i',
    (seed) => {
      const random = randomOf(seed)
      const naive: Naive = Array.from({ length: SERIES }, () =>
        Array.from({ length: TIMES + 1 }, () => new Set<number>()),
      )
      let levels: readonly Level[] = []
      for (let id = 0; id < 40; id++) {
        const before = levels
        const was = JSON.stringify(before, (_key, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        )
        const ranges = randomRanges(random)
        levels = addLevel(levels, levelOf(id, ranges))
        cover(naive, id, ranges)
        expect(
          JSON.stringify(before, (_key, value: unknown) =>
            typeof value === 'bigint' ? String(value) : value,
          ),
        ).toBe(was)
        expectSame(levels, naive, random, id)
      }
      expect(levels.length).toBeLessThan(10)
    },
  )

  test('are few, however many tombstones there are', () => {
    let levels: readonly Level[] = []
    for (let id = 0; id < 1000; id++) {
      const range = {
        starts: BigInt64Array.of(BigInt(id * 10)),
        ends: BigInt64Array.of(BigInt(id * 10 + 1)),
      }
      levels = addLevel(levels, levelOf(id, { series: Uint32Array.of(3), firsts: null, ...range }))
    }
    expect(levels.length).toBeLessThan(12)
    expect(coveredTimes(levels, 3, 0, 0n, 10_000n)!.starts.length).toBe(1000)
    expect(coveredTimes(levels, 3, 999, 0n, 10_000n)!.starts.length).toBe(1)
    expect(coveredTimes(levels, 4, 0, 0n, 10_000n)).toBeNull()
  })

  test('forget the ranges of those that are dropped', () => {
    const range = (start: bigint, end: bigint): DeletedRanges => {
      return {
        series: null,
        firsts: null,
        starts: BigInt64Array.of(start),
        ends: BigInt64Array.of(end),
      }
    }
    let levels = addLevel([], levelOf(0, range(0n, 10n)))
    levels = addLevel(levels, levelOf(1, range(5n, 20n)))
    levels = withoutTombstones(levels, (id) => id === 1)
    expect(coveredTimes(levels, 9, 0, 0n, 100n)).toMatchObject({
      starts: BigInt64Array.of(0n),
      ends: BigInt64Array.of(5n),
    })
    expect(withoutTombstones(levels, () => true)).toEqual([])
  })
})
