// Distinct values and modes against maps in JavaScript: every type, ties, zeros and NaNs, strings that
// share a hash's place, tables that grow, and censuses that are joined.

import { describe, expect, test } from 'vitest'
import { OmenError } from '../../engine/error.ts'
import type { Chunk } from '../../engine/query/chunk.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import { finish } from '../../engine/step.ts'
import type { ValueType } from '../../engine/query/query.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const instance = await openKernel()
const { memory } = instance
const ROWS = 1_024
const TEXT_BYTES = 1 << 21
const region = memory.allocate(ROWS * 17 + TEXT_BYTES)
const TYPES: ValueType[] = ['float', 'integer', 'unsigned', 'boolean', 'string']
const SERIES = { group: 0, rank: 0 } as PlanSeries

type Value = number | bigint | boolean | string | null

function aggregatorOf(type: ValueType, holds?: (bytes: number) => void): Aggregator {
  const outputs = [
    { name: 'd', type: 'integer' as const, field: 0, result: 'distinctCount' as const },
    { name: 'm', type, field: 0, result: 'mode' as const },
  ]
  const fields = [{ id: 0, name: 'x', type: TYPES.indexOf(type) as 0 }]
  return new Aggregator(instance, {
    ...{ fields, outputs, grid: { kind: 'one' } as const, maxBuckets: 10 },
    ...(holds === undefined ? {} : { holds }),
  })
}

/** Rows of a chunk, their texts behind them. */
function chunkOf(values: readonly Value[]): Chunk {
  const at = region.offset
  let text = at + ROWS * 17
  values.forEach((value, i) => {
    memory.i64[at / 8 + ROWS + i] = BigInt(i)
    memory.u8[at + ROWS * 16 + i] = Number(value !== null)
    if (typeof value === 'number') memory.f64[at / 8 + i] = value
    else if (typeof value === 'string') {
      const bytes = new TextEncoder().encode(value)
      memory.u8.set(bytes, text)
      memory.u32[at / 4 + i * 2] = text
      memory.u32[at / 4 + i * 2 + 1] = bytes.length
      text += bytes.length
    } else memory.i64[at / 8 + i] = BigInt.asIntN(64, BigInt(value ?? 77))
  })
  const valid = [values.includes(null) ? at + ROWS * 16 : 0]
  const chunk = { count: values.length, times: at + ROWS * 8, values: [at], valid }
  return chunk as unknown as Chunk
}

function add(aggregator: Aggregator, values: readonly Value[]): void {
  for (let from = 0; from < values.length; from += ROWS) {
    aggregator.chunk(SERIES, chunkOf(values.slice(from, from + ROWS)), 0, null)
  }
}

function resultOf(aggregator: Aggregator): (Value | number)[] {
  const { fields } = aggregator.results()
  aggregator.release()
  return fields.map(({ values, valid }) => {
    return valid !== null && valid[0] === 0 ? null : (values[0] as Value)
  })
}

function census(type: ValueType, values: readonly Value[]): (Value | number)[] {
  const aggregator = aggregatorOf(type)
  add(aggregator, values)
  return resultOf(aggregator)
}

/** NaN above all, zeros equal, strings by their bytes. */
function orderOf(a: Value, b: Value): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a! < b! ? -1 : a! > b! ? 1 : 0
}

function naive(values: readonly Value[]): Value[] {
  const counts = new Map<Value, number>()
  for (const value of values) {
    if (value === null) continue
    const key = value === 0 ? 0 : value
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const [mode] = [...counts].sort(([a, x], [b, y]) => y - x || orderOf(a, b))
  const value = mode?.[0] ?? null
  return [BigInt(counts.size), typeof value === 'boolean' ? (Number(value) as never) : value]
}

const random = seededRandom(11)
const below = (limit: number): number => Math.floor(random() * limit)

const DRAWS: { readonly [type: string]: (kinds: number) => Value } = {
  float: (kinds) => [NaN, -0, 0, Infinity, -5e-324][below(40)] ?? (below(kinds) - kinds / 2) / 8,
  integer: (kinds) => BigInt(below(kinds)) * 2n ** 40n - 2n ** 60n,
  unsigned: (kinds) => 2n ** 64n - 1n - BigInt(below(kinds)),
  boolean: () => below(2) === 1,
  string: (kinds) => `${'é'.repeat(below(3))}${below(kinds)}`,
}

describe('of random values', () => {
  test.each(TYPES.flatMap((type) => [1, 5, 700, 60_000].map((kinds) => [type, kinds] as const)))(
    '%s, %i kinds, count and mode are those of a map',
    (type, kinds) => {
      for (const count of [1, 2, 9, 1_024, 20_000]) {
        const values = Array.from({ length: count }, () => DRAWS[type]!(kinds))
        expect(census(type, values), `${count} values`).toEqual(naive(values))
      }
    },
  )

  test.each(TYPES)('%s, nulls are none', (type) => {
    const values = Array.from({ length: 3_000 }, () => (below(3) === 0 ? DRAWS[type]!(9) : null))
    expect(census(type, values)).toEqual(naive(values))
    expect(census(type, [null, null])).toEqual([0n, null])
  })
})

describe('ties', () => {
  test.each([
    ['float', [3, 1, 2, 1, 3], 1],
    ['float', [NaN, -1, NaN, -1], -1],
    ['float', [-0, 0, 5, 5], 0],
    ['integer', [-1n, 1n], -1n],
    ['unsigned', [2n ** 63n, 1n], 1n],
    ['boolean', [true, false], 0],
    ['string', ['b', 'ab', 'a', 'b', 'a'], 'a'],
    ['string', ['z', 'é', '', 'é', ''], ''],
  ] as const)('of %s %s go to the least', (type, values, mode) => {
    expect(census(type, values)[1]).toBe(mode)
  })

  test('a value that catches up does not win before it has more', () => {
    expect(census('float', [1, 1, 2, 2, 2, 1])[1]).toBe(1)
    expect(census('float', [2, 2, 1, 1, 1])[1]).toBe(1)
  })
})

test('doubles that differ in their upper bits alone do not share a place', () => {
  const values = Array.from({ length: 50_000 }, (_, i) => 2 ** 40 * i)
  // A chain of all of them would take a billion looks.
  expect(census('float', values)[0]).toBe(50_000n)
})

test('long strings that repeat take their room once', () => {
  const long = ['x', 'y', 'z'].map((letter) => letter.repeat(600_000))
  let held = 0
  let most = 0
  const aggregator = aggregatorOf('string', (bytes) => {
    held += bytes
    most = Math.max(most, held)
  })
  for (let i = 0; i < 40; i++) add(aggregator, long)
  expect(resultOf(aggregator)).toEqual([3n, long[0]])
  expect(most).toBeLessThan(16e6)
})

test('what would be too much is refused by who counts', () => {
  const aggregator = aggregatorOf('integer', (bytes) => {
    if (bytes > 1 << 20) throw new OmenError('limit_exceeded', 'too much')
  })
  const values = Array.from({ length: 100_000 }, (_, i) => BigInt(i))
  expect(() => add(aggregator, values)).toThrow('too much')
  aggregator.release()
})

test.each(TYPES)('of %s, two that are joined are one of all values', (type) => {
  for (const [some, others] of [
    [10, 5_000],
    [5_000, 10],
    [3_000, 3_000],
  ]) {
    const left = Array.from({ length: some! }, () => DRAWS[type]!(800))
    const right = Array.from({ length: others! }, () => DRAWS[type]!(800))
    const [a, b] = [aggregatorOf(type), aggregatorOf(type)]
    add(a, left)
    add(b, right)
    finish(a.merge(b.partial()))
    b.release()
    expect(resultOf(a)).toEqual(naive([...left, ...right]))
  }
})
