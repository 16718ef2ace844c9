// Exact quantiles against a sort, and sketches against the bound that assembly/sketch.ts promises.

import { describe, expect, test } from 'vitest'
import type { Chunk } from '../../engine/query/chunk.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import type { ResultName } from '../../engine/query/selection.ts'
import { finish } from '../../engine/step.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const instance = await openKernel()
const { kernel, memory } = instance
const ROWS = 1_024
const region = memory.allocate(ROWS * 17)
const QS = [0, 1e-9, 0.01, 0.25, 0.5, 0.75, 0.99, 1]

type Slots = Float64Array | BigInt64Array | BigUint64Array

/** An aggregator of quantiles QS that has seen all values, in one bucket. */
function aggregatorOf(result: ResultName, values: Slots, qs = QS): Aggregator {
  const type = values instanceof Float64Array ? 0 : values instanceof BigInt64Array ? 1 : 2
  const outputs = qs.map((parameter) => {
    return { name: `${parameter}`, type: 'float' as const, field: 0, result, parameter }
  })
  const fields = [{ id: 0, name: 'x', type: type as 0 }]
  const aggregator = new Aggregator(instance, {
    ...{ fields, outputs, grid: { kind: 'one' } as const, maxBuckets: 10 },
  })
  const at = region.offset
  const bits = new BigUint64Array(values.buffer)
  for (let from = 0; from < bits.length; from += ROWS) {
    const rows = bits.subarray(from, from + ROWS)
    memory.u64.set(rows, at / 8)
    for (let i = 0; i < rows.length; i++) memory.i64[at / 8 + ROWS + i] = BigInt(from + i)
    const chunk = { count: rows.length, times: at + ROWS * 8, values: [at], valid: [0] }
    aggregator.chunk({ group: 0, rank: 0 } as PlanSeries, chunk as unknown as Chunk, 0, null)
  }
  return aggregator
}

function quantiles(result: ResultName, values: Slots, qs = QS): number[] {
  const aggregator = aggregatorOf(result, values, qs)
  const before = memory.used
  const { fields } = aggregator.results()
  expect(memory.used).toBe(before)
  aggregator.release()
  return fields.map((field) => field.values[0] as number)
}

/** NaN above all. */
function compare(a: number, b: number): number {
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b || 0
}

function naive(values: Slots, q: number): number {
  const sorted =
    values instanceof Float64Array
      ? [...values].sort(compare)
      : [...(values as BigInt64Array)].sort((a, b) => (a < b ? -1 : 1)).map(Number)
  const rank = q * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!]
  return low === high ? low : low + (high - low) * (rank - Math.floor(rank))
}

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 5e-324, -5e-324, 1e308, -1e308]

function shapes(random: () => number): [string, (count: number) => Slots][] {
  const floats = (next: (i: number) => number) => (count: number) =>
    Float64Array.from({ length: count }, (_, i) => next(i))
  const bits = (): bigint => {
    return (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  }
  return [
    ['uniform', floats(() => random() - 0.5)],
    ['few distinct', floats(() => Math.floor(random() * 3))],
    ['constant', floats(() => 42.5)],
    ['ascending', floats((i) => i)],
    ['descending', floats((i) => -i)],
    ['special', floats(() => SPECIAL[Math.floor(random() * SPECIAL.length)]!)],
    ['integers', (count) => BigInt64Array.from({ length: count }, () => bits())],
    ['unsigned', (count) => BigUint64Array.from({ length: count }, () => bits())],
    ['near', (count) => BigInt64Array.from({ length: count }, () => 2n ** 53n + (bits() & 7n))],
  ]
}

describe('exact quantiles', () => {
  const counts = [1, 2, 3, 14, 15, 24, 25, 45, 700, 1_024, 2_047, 2_048, 2_049, 5_000, 30_000]
  test.each(shapes(seededRandom(3)))('of %s values are those of a sort', (name, make) => {
    for (const count of counts) {
      const values = make(count)
      const wanted = QS.map((q) => naive(values, q) + 0)
      const found = quantiles('quantile', values).map((value) => value + 0)
      expect(found, `${name}, ${count} values`).toEqual(wanted)
    }
  })

  test('go on where a small budget stopped them', () => {
    const random = seededRandom(4)
    const values = Float64Array.from({ length: 40_000 }, () => Math.floor(random() * 9_000))
    const aggregator = aggregatorOf('quantile', values)
    const cursor = memory.allocateZeroed(kernel.SELECTION_CURSOR_SIZE.value)
    const target = memory.allocateZeroed(32)
    const state = (aggregator as unknown as { state: { offset: number } }).state.offset
    let calls = 0
    for (let row = 0; row < 1; calls++) {
      const { offset } = target
      row = kernel.aggregateQuantile(
        ...([state, offset, row, 1, 0, 1, 0.3, offset + 8, offset + 16] as const),
        ...([cursor.offset, 5_000] as const),
      )
    }
    expect(calls).toBeGreaterThan(10)
    expect(memory.f64[target.offset / 8 + 1]).toBe(naive(values, 0.3))
    aggregator.release()
    memory.release(cursor)
    memory.release(target)
  })

  test('are null without values', () => {
    const aggregator = aggregatorOf('quantile', new Float64Array(1))
    memory.u8[region.offset + ROWS * 16] = 0
    const valid = [region.offset + ROWS * 16]
    const chunk = { count: 1, times: region.offset, values: [region.offset], valid }
    aggregator.chunk({ group: 1, rank: 0 } as PlanSeries, chunk as unknown as Chunk, 0, null)
    const { fields } = aggregator.results()
    expect(fields.map(({ valid: some }) => [...some!])).toEqual(QS.map(() => [1, 0]))
    aggregator.release()
  })
})

describe('a sketch', () => {
  test('is exact up to 2,048 values', () => {
    for (const [name, make] of shapes(seededRandom(5))) {
      const values = make(2_048)
      const wanted = QS.map((q) => naive(values, q) + 0)
      expect(
        quantiles('approxQuantile', values).map((value) => value + 0),
        name,
      ).toEqual(wanted)
    }
  })

  /** Orders that put what is least, or greatest, together, or always next to its opposite. */
  const orders: [string, (i: number, count: number) => number][] = [
    ['ascending', (i) => i],
    ['descending', (i, count) => count - i],
    ['outside in', (i, count) => (i % 2 === 0 ? i : count * 2 - i)],
    ['sawtooth', (i) => (i % 2_048) * 1e6 + i],
    ['slow sawtooth', (i) => (i % 100_003) * 1e6 + i],
    ['shuffled', (i) => (i * 2_654_435_761) % 4_294_967_291],
    ['half the same', (i) => (i % 2 === 0 ? 7 : i)],
  ]

  test.each(orders)('of a million values that come %s keeps its bound and its memory', (_, at) => {
    const count = 1_000_000
    const values = Float64Array.from({ length: count }, (_value, i) => at(i, count))
    const qs = Array.from({ length: 101 }, (_value, i) => i / 100)
    const found = quantiles('approxQuantile', values, qs)
    const sorted = values.slice().sort()
    const levels = Math.floor(Math.log2(count / 2_048))
    const bound = (count * (levels + 2)) / 4_096 + 1
    expect(bound).toBeLessThan(count / 100)
    qs.forEach((q, i) => {
      const rank = q * (count - 1)
      const first = sorted.indexOf(found[i]!)
      const last = sorted.lastIndexOf(found[i]!)
      expect(first, `q ${q}: ${found[i]} is no value`).toBeGreaterThanOrEqual(0)
      expect(first - rank, `q ${q}`).toBeLessThanOrEqual(bound)
      expect(rank - last, `q ${q}`).toBeLessThanOrEqual(bound)
    })
    expect([found[0], found.at(-1)]).toEqual([sorted[0], sorted.at(-1)])
    const aggregator = aggregatorOf('approxQuantile', values, [0.5])
    const { arena } = aggregator as unknown as { arena: { size: number } }
    expect(arena.size).toBeLessThanOrEqual(2 ** 18)
    aggregator.release()
  })
})

describe('partials', () => {
  /** Quantiles of values that several aggregators saw parts of. */
  function joined(result: ResultName, values: Float64Array, cuts: number[], qs = QS): number[] {
    const bounds = [0, ...cuts, values.length]
    const parts = bounds.slice(1).map((end, i) => {
      const part = aggregatorOf(result, values.slice(bounds[i]!, end), qs)
      const partial = part.partial()
      part.release()
      return partial
    })
    const whole = aggregatorOf(result, new Float64Array(0), qs)
    for (const part of parts) finish(whole.merge(part))
    const { fields } = whole.results()
    whole.release()
    return fields.map((field) => field.values[0] as number)
  }

  test('of samples are joined to what all values give', () => {
    const random = seededRandom(6)
    for (const count of [1, 40, 3_000, 70_000]) {
      const values = Float64Array.from({ length: count }, () => Math.floor(random() * 1_000))
      const cuts = [0.1, 0.11, 0.7].map((share) => Math.floor(share * count))
      expect(joined('quantile', values, cuts)).toEqual(quantiles('quantile', values))
    }
  })

  test('of sketches are joined within twice the bound of one, and exact while they are small', () => {
    const random = seededRandom(7)
    const small = Float64Array.from({ length: 2_000 }, () => random())
    expect(joined('approxQuantile', small, [3, 700])).toEqual(quantiles('quantile', small))
    const count = 400_000
    const bound = (count * (Math.floor(Math.log2(count / 2_048)) + 2)) / 2_048 + 1
    expect(bound).toBeLessThan(count / 100)
    for (const cuts of [[10], [200_000], [1_000, 5_000, 130_000, 131_000], [399_999]]) {
      const values = Float64Array.from({ length: count }, () => random())
      const sorted = values.slice().sort()
      const qs = Array.from({ length: 51 }, (_, i) => i / 50)
      joined('approxQuantile', values, cuts, qs).forEach((found, i) => {
        const rank = sorted.indexOf(found)
        expect(rank, `cuts ${cuts}, q ${qs[i]}`).toBeGreaterThanOrEqual(0)
        expect(Math.abs(rank - qs[i]! * (count - 1)), `cuts ${cuts}`).toBeLessThanOrEqual(bound)
      })
      const [least, greatest] = joined('approxQuantile', values, cuts, [0, 1])
      expect([least, greatest]).toEqual([sorted[0], sorted.at(-1)])
    }
  })
})
