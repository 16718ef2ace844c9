// Differences of neighbours against scalar twins: floats bit for bit (the twin adds in the lanes'
// order), integers against bigints, over chunks, nulls, buckets and series.

import { describe, expect, test } from 'vitest'
import type { Chunk } from '../../engine/query/chunk.ts'
import type { Grid } from '../../engine/query/grid.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import { openKernel, seededRandom } from '../kernel.ts'
import { sumInLanes } from './lanes-sum.ts'

const instance = await openKernel()
const { memory } = instance
const ROWS = 1_024
const region = memory.allocate(ROWS * 17)
const RESULTS = ['increase', 'delta', 'rate', 'derivative'] as const
const ONE: Grid = { kind: 'one' }

function aggregatorOf(type: 0 | 1 | 2, grid: Grid): Aggregator {
  const outputs = RESULTS.map((result) => {
    return { name: result, type: 'float' as const, field: 0, result }
  })
  return new Aggregator(instance, {
    ...{ fields: [{ id: 0, name: 'x', type }], outputs, grid, maxBuckets: 1_000 },
  })
}

type Value = number | bigint | null

/** Rows of a chunk; `time` is that of the first, a second apart. */
function chunkOf(values: readonly Value[], time = 0): Chunk {
  const at = region.offset
  values.forEach((value, i) => {
    memory.i64[at / 8 + ROWS + i] = BigInt(time + i) * 1_000_000_000n
    if (typeof value === 'number') memory.f64[at / 8 + i] = value
    else memory.i64[at / 8 + i] = BigInt.asIntN(64, value ?? 77n)
    memory.u8[at + ROWS * 16 + i] = Number(value !== null)
  })
  const valid = [values.includes(null) ? at + ROWS * 16 : 0]
  const chunk = { count: values.length, times: at + ROWS * 8, values: [at], valid }
  return chunk as unknown as Chunk
}

const SERIES = { group: 0, rank: 0 } as PlanSeries

function resultsOf(aggregator: Aggregator): (number | null)[][] {
  const { fields, groups } = aggregator.results()
  aggregator.release()
  return [...groups].map((_, row) => {
    return fields.map(({ values, valid }) => {
      return valid !== null && valid[row] === 0 ? null : (values[row] as number)
    })
  })
}

function resultsOfOne(type: 0 | 1 | 2, values: readonly Value[]): (number | null)[] {
  const aggregator = aggregatorOf(type, ONE)
  aggregator.chunk(SERIES, chunkOf(values), 0, null)
  aggregator.seriesEnd()
  return resultsOf(aggregator)[0]!
}

describe('floats', () => {
  test('are added as the scalar twin adds them, at every length', () => {
    const random = seededRandom(8)
    for (let count = 2; count <= 70; count++) {
      const values = Array.from({ length: count }, () => (random() - 0.3) * 10 ** (random() * 9))
      const pairs = values.slice(1).map((after, i): [number, number] => [values[i]!, after])
      const increase = sumInLanes(pairs.map(([a, b]) => (b < a ? b : b - a)))
      const delta = sumInLanes(pairs.map(([a, b]) => b - a))
      const seconds = count - 1
      const wanted = [increase, delta, increase / seconds, delta / seconds]
      expect(resultsOfOne(0, values), `seed 8, ${count} values`).toEqual(wanted)
    }
  })

  test.each([
    [
      [1, NaN, 2],
      [NaN, NaN],
    ],
    [
      [1, Infinity, 2],
      [Infinity, NaN],
    ],
    [
      [-0, 0],
      [0, 0],
    ],
    [
      [5, 3],
      [3, -2],
    ],
    [
      [-3, -5],
      [-5, -2],
    ],
  ])('of %j increase and differ by %j', (values, wanted) => {
    expect(resultsOfOne(0, values).slice(0, 2)).toEqual(wanted)
  })
})

describe('integers', () => {
  const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

  test.each([1, 2] as const)('of type %i have exact sums, rounded once', (type) => {
    const random = seededRandom(9)
    const bits = (): bigint => BigInt(Math.floor(random() * 2 ** 32))
    for (let i = 0; i < 300; i++) {
      const count = 2 + Math.floor(random() * 40)
      const values = Array.from({ length: count }, () => {
        const any = ((bits() << 32n) | bits()) >> BigInt(Math.floor(random() * 64))
        return type === 1 ? BigInt.asIntN(64, any) : any
      })
      const steps = values.slice(1).map((after, k) => [values[k]!, after] as const)
      const sum = (all: bigint[]): bigint => all.reduce((a, b) => a + b, 0n)
      const increase = sum(steps.map(([a, b]) => (b < a ? b : b - a)))
      const delta = sum(steps.map(([a, b]) => b - a))
      const found = resultsOfOne(type, values).slice(0, 2)
      expect(found, `seed 9 case ${i}`).toEqual([Number(increase), Number(delta)])
    }
  })

  test('do not overflow at the ends of their range', () => {
    expect(resultsOfOne(1, [MIN, MAX, MIN, MAX]).slice(0, 2)).toEqual([
      Number(2n * (MAX - MIN) + MIN),
      Number(MAX - MIN),
    ])
    const top = 2n ** 64n - 1n
    expect(resultsOfOne(2, [top, 0n, top]).slice(0, 2)).toEqual([Number(top), 0])
  })
})

describe('rows of a series', () => {
  test('are the same however they are cut into chunks, with nulls and masked rows between', () => {
    const random = seededRandom(10)
    const all = Array.from({ length: 600 }, () => {
      return random() < 0.2 ? null : BigInt(Math.floor(random() * 1_000))
    })
    const known = all.flatMap((value, time) => (value === null ? [] : [{ value, time }]))
    const steps = known.slice(1).map(({ value }, i) => [known[i]!.value, value] as const)
    const increase = Number(steps.reduce((sum, [a, b]) => sum + (b < a ? b : b - a), 0n))
    const delta = Number(known.at(-1)!.value - known[0]!.value)
    const seconds = known.at(-1)!.time - known[0]!.time
    const wanted = [increase, delta, increase / seconds, delta / seconds]
    for (let round = 0; round < 20; round++) {
      const aggregator = aggregatorOf(1, ONE)
      for (let at = 0; at < all.length;) {
        const size = 1 + Math.floor(random() * 90)
        aggregator.chunk(SERIES, chunkOf(all.slice(at, at + size), at), 0, null)
        at += size
      }
      aggregator.seriesEnd()
      expect(resultsOf(aggregator)).toEqual([wanted])
    }
  })

  test('give a difference to the bucket of its later value; buckets add up to the range', () => {
    const grid: Grid = { kind: 'fixed', origin: 0n, width: 10_000_000_000n }
    const aggregator = aggregatorOf(0, grid)
    aggregator.chunk(SERIES, chunkOf([1, 4], 8), 0, null)
    aggregator.chunk(SERIES, chunkOf([6, 5], 10), 0, null)
    aggregator.chunk(SERIES, chunkOf([9], 35), 0, null)
    aggregator.seriesEnd()
    expect(resultsOf(aggregator)).toEqual([
      [3, 3, 3, 3],
      [7, 1, 3.5, 0.5],
      [4, 4, 4 / 24, 4 / 24],
    ])
  })

  test('begin with their seed, which counts in no bucket', () => {
    const aggregator = aggregatorOf(0, ONE)
    expect(aggregator.seed(chunkOf([null, null], 2), 0)).toBe(true)
    expect(aggregator.seed(chunkOf([3, null], 0), 0)).toBe(false)
    aggregator.chunk(SERIES, chunkOf([8], 5), 0, null)
    aggregator.seriesEnd()
    expect(resultsOf(aggregator)).toEqual([[5, 5, 1, 1]])
  })

  test('of several series are summed, and one value alone differs from nothing', () => {
    const aggregator = aggregatorOf(0, ONE)
    for (const values of [[1, 3], [10, 14], [100]]) {
      aggregator.chunk(SERIES, chunkOf(values), 0, null)
      aggregator.seriesEnd()
    }
    aggregator.chunk({ group: 1, rank: 0 } as PlanSeries, chunkOf([5]), 0, null)
    aggregator.seriesEnd()
    expect(resultsOf(aggregator)).toEqual([
      [6, 6, 6, 6],
      [null, null, null, null],
    ])
  })
})
