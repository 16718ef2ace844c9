// Aggregates of packed blocks against those of the same rows decoded: least, greatest and integer sums
// bit for bit, sums of decimals against the exact one; at any rows, widths of buckets and residuals.

import { expect, test } from 'vitest'
import type { Chunk } from '../../engine/query/chunk.ts'
import type { Grid } from '../../engine/query/grid.ts'
import { Aggregator, type AggregateRows } from '../../engine/query/partial.ts'
import type { PartView } from '../../engine/query/part-view.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import type { ValueType } from '../../engine/query/query.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const instance = await openKernel()
const { kernel, memory } = instance
const ROWS = 1_024
/** Bytes of a column in a View (assembly/part-view.ts). */
const VIEW_COLUMN = 264
const TYPES: ValueType[] = ['float', 'integer', 'unsigned']
const SERIES = { group: 0, rank: 0 } as PlanSeries
const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

const region = memory.allocateZeroed(ROWS * 34 + 2 * VIEW_COLUMN + 192)
const times = region.offset
const values = times + ROWS * 8
const chunkAt = values + ROWS * 8
const view = chunkAt + ROWS * 17
const entries = view + 2 * VIEW_COLUMN
const bytes = memory.allocate(40_000).offset
const valid = memory.allocate(ROWS).offset
memory.u8.fill(1, valid, valid + ROWS)

/** Encodes the rows as a part has them. */
function encode(type: number, slots: BigUint64Array): void {
  memory.u64.set(slots, values / 8)
  for (let i = 0; i < slots.length; i++) memory.i64[times / 8 + i] = BigInt(i)
  memory.u8.fill(0, entries, entries + 192)
  const size = kernel.encodeTimes(times, slots.length, 0, 0, bytes, 20_000, entries)
  expect(size).toBeGreaterThanOrEqual(0)
  const at = bytes + 20_000
  const written = kernel.encodeColumn(type, values, valid, slots.length, at, 20_000, entries + 96)
  expect(written).toBeGreaterThanOrEqual(0)
  memory.u8.fill(0, view, view + 2 * VIEW_COLUMN)
  memory.u32.set([entries, kernel.TIME.value, bytes], view / 4)
  memory.u32.set([entries + 96, type, at], (view + VIEW_COLUMN) / 4)
}

type Wanted = readonly ('count' | 'mean' | 'least' | 'greatest')[]
/** With least and greatest rows are unpacked; sums alone are taken where they lie. */
const ALL: Wanted = ['count', 'mean', 'least', 'greatest']
const SUMS: Wanted = ['count', 'mean']

function aggregatorOf(type: number, grid: Grid, wanted: Wanted): Aggregator {
  const outputs = wanted.map((result) => {
    const valueType = { count: 'integer', mean: 'float', least: null, greatest: null }[result]
    return { name: result, type: (valueType ?? TYPES[type]!) as ValueType, field: 0, result }
  })
  const fields = [{ id: 0, name: 'x', type: type as 0 }]
  return new Aggregator(instance, { fields, outputs, grid, maxBuckets: 5_000 })
}

function bitsOf({ values: some }: AggregateRows['fields'][number]): bigint[] {
  return [...new BigUint64Array((some as Float64Array).slice().buffer)]
}

function answers(
  type: number,
  grid: Grid,
  wanted: Wanted,
  from: number,
  to: number,
): [AggregateRows, AggregateRows] {
  const packed = aggregatorOf(type, grid, wanted)
  const options = { countsRows: false, needsFirstTime: false }
  const run = packed.plan({ pointer: view } as PartView, from, to, options)
  packed.run(SERIES, { pointer: view } as PartView, { times: chunkAt } as Chunk, run)
  const decoded = aggregatorOf(type, grid, wanted)
  kernel.decodeColumn(type, bytes + 20_000, entries + 96, 0, 1_024, values, 0)
  const chunk = {
    ...{ count: to - from, times: times + from * 8 },
    ...{ values: [values + from * 8], valid: [0] },
  }
  decoded.chunk(SERIES, chunk as unknown as Chunk, 0, null)
  // What comes after a run as a chunk is not taken for residuals.
  packed.chunk({ group: 1, rank: 0 } as PlanSeries, chunk as unknown as Chunk, 0, null)
  const results: [AggregateRows, AggregateRows] = [packed.results(), decoded.results()]
  packed.release()
  decoded.release()
  return results
}

const integers = BigInt64Array.from([0n])
function slotsOf(type: number, next: (i: number) => number | bigint): BigUint64Array {
  return BigUint64Array.from({ length: ROWS }, (_, i) => {
    const value = next(i)
    if (type === 0) return new BigUint64Array(new Float64Array([Number(value)]).buffer)[0]!
    integers[0] = BigInt.asIntN(64, BigInt(value))
    return BigInt.asUintN(64, integers[0])
  })
}

/** Per seed: rows that have a flat line, sums, slopes, pieces, exceptions, or that wrap. */
function shapesOf(random: () => number): [number, (i: number) => number | bigint][] {
  const bits = Math.floor(random() * 34)
  const noise = (): bigint => BigInt(Math.floor(random() * 2 ** bits))
  let walk = BigInt(Math.floor(random() * 1e6))
  const step = (): bigint => (walk += BigInt(Math.floor(random() * 5) - 2))
  const unit = 10n ** BigInt(Math.floor(random() * 9))
  const digits = 10 ** Math.floor(random() * 4)
  const base = [0n, -5n, 2n ** 40n, MIN + 3n, MAX - 2n ** 35n, -(2n ** 62n)]
  const some = base[Math.floor(random() * base.length)]!
  return [
    [0, () => Number(noise()) / digits],
    [0, () => Number(step()) / digits],
    [0, () => 42.5],
    [0, (i) => (i % 300 === 7 ? Math.PI : Number(noise()) / digits)],
    [0, () => -Number(noise()) - 0.5],
    [1, () => some + noise()],
    [1, () => noise() * unit - 17n],
    [1, step],
    [1, (i) => (i % 2 === 0 ? MAX : MIN)],
    [1, (i) => MAX - BigInt(i % 3)],
    [1, (i) => BigInt(i) * 1_000n + noise()],
    [1, () => BigInt.asIntN(64, MAX - 2n + BigInt(Math.floor(random() * 5)))],
    [2, () => noise() * unit],
    [2, () => 2n ** 64n - 1n - noise()],
    [2, (i) => (i % 2 === 0 ? 2n ** 64n - 1n : 0n)],
  ]
}

test.each(Array.from({ length: 40 }, (_, i) => i + 1))(
  'packed rows aggregate as decoded ones do, seed %i',
  (seed) => {
    const random = seededRandom(seed)
    for (const [index, [type, next]] of shapesOf(random).entries()) {
      encode(type, slotsOf(type, next))
      for (let round = 0; round < 8; round++) {
        const from = Math.floor(random() * ROWS)
        const to = from + 1 + Math.floor(random() * (ROWS - from))
        const width = BigInt(1 + Math.floor(random() ** 3 * 1_500))
        const grid: Grid = { kind: 'fixed', origin: 3n, width }
        const wanted = round % 2 === 0 ? ALL : SUMS
        const [packed, decoded] = answers(type, grid, wanted, from, to)
        const hint = `shape ${index}, rows ${from} to ${to}, width ${width}, round ${round}`
        const buckets = decoded.groups.length
        expect([...packed.groups.subarray(0, buckets)], hint).toEqual([...decoded.groups])
        for (const column of wanted === ALL ? [0, 2, 3] : [0]) {
          const found = bitsOf(packed.fields[column]!)
          expect(found.slice(0, buckets), hint).toEqual(bitsOf(decoded.fields[column]!))
          expect(found.slice(buckets), hint).toEqual(found.slice(0, buckets))
        }
        const expected = decoded.fields[1]!.values as Float64Array
        const means = (packed.fields[1]!.values as Float64Array).subarray(0, buckets)
        means.forEach((mean, i) => {
          if (type !== 0) return expect(mean, hint).toBe(expected[i])
          const scale = Math.max(Math.abs(mean), 1e-300)
          expect(Math.abs(mean - expected[i]!) / scale, hint).toBeLessThan(1e-12)
        })
      }
    }
  },
)

test('sums of decimals are exact before they are divided', () => {
  const random = seededRandom(41)
  const tenths = Array.from({ length: ROWS }, () => Math.floor(random() * 1_000))
  encode(
    0,
    slotsOf(0, (i) => tenths[i]! / 10),
  )
  const aggregator = aggregatorOf(0, { kind: 'one' }, SUMS)
  const options = { countsRows: false, needsFirstTime: false }
  const run = aggregator.plan({ pointer: view } as PartView, 0, 1_000, options)
  aggregator.run(SERIES, { pointer: view } as PartView, { times: chunkAt } as Chunk, run)
  const sum = tenths.slice(0, 1_000).reduce((a, b) => a + b, 0)
  expect(aggregator.results().fields[1]!.values[0]).toBe(sum / 10 / 1_000)
  aggregator.release()
})

test.each(Array.from({ length: 32 }, (_, width) => width))(
  'sums of residuals of %i bits are those of the rows, wherever a run begins and ends',
  (width) => {
    const random = seededRandom(1_000 + width)
    const largest = 2 ** width - 1
    // Mostly large ones: what overflows would overflow here.
    const rows = Array.from({ length: ROWS }, () =>
      random() < 0.2
        ? Math.floor(random() * 2 ** width)
        : largest - Math.floor(random() * 2 ** (width - 1)),
    )
    encode(
      1,
      slotsOf(1, (i) => rows[i]!),
    )
    expect(memory.u8[entries + 96 + 18]).toBe(width)
    const ends = [0, 1, 3, 4, 31, 32, 33, 64, 500, 511, 512, 1_000, 1_023, 1_024]
    for (const from of ends) {
      for (const to of ends) {
        if (to <= from) continue
        const [packed] = answers(1, { kind: 'fixed', origin: 0n, width: 2_000n }, SUMS, from, to)
        let sum = 0n
        for (const row of rows.slice(from, to)) sum += BigInt(row)
        const hint = `rows ${from} to ${to}`
        expect(packed.fields[1]!.values[0], hint).toBe(Number(sum) / (to - from))
      }
    }
  },
)
