// Points for a chart against the naive choice, at every length about the number of points, of all
// types and shapes, with small budgets.

import { describe, expect, test } from 'vitest'
import { openKernel, seededRandom } from '../kernel.ts'
import { chosenRows } from '../reference/sampling.ts'

const { kernel, memory } = await openKernel()
const METHODS = ['lttb', 'm4', 'minmax'] as const
const TYPES = ['float', 'integer', 'unsigned'] as const
type Type = (typeof TYPES)[number]

interface Points {
  readonly type: Type
  readonly times: BigInt64Array
  readonly values: Float64Array | BigInt64Array | BigUint64Array
}

function chosenByKernel(points: Points, wanted: number, method: number, budget: number): number[] {
  const { times, values, type } = points
  const count = times.length
  const region = memory.allocateZeroed(16 + count * 16 + wanted * 4)
  const cursor = region.offset
  const at = cursor + 16
  const index = at + count * 16
  memory.i64.set(times, at / 8)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  memory.u8.set(bytes, at + count * 8)
  let chosen = 0
  while (chosen === 0) {
    chosen = kernel.sampleRows(
      ...([method, TYPES.indexOf(type), at, at + count * 8, count] as const),
      ...([wanted, index, cursor, budget] as const),
    )
  }
  const rows = [...memory.u32.subarray(index / 4, index / 4 + chosen)]
  memory.release(region)
  return rows
}

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1e308, -1e308]

function pointsOf(random: () => number, count: number, type: Type): Points {
  const bits = (): bigint => BigInt.asUintN(64, BigInt(Math.floor(random() * 2 ** 52)) ** 2n)
  const step = [1n, 1_000_000_000n, 2n ** 62n / BigInt(count)][Math.floor(random() * 3)]!
  const jitter = random() < 0.5
  let time = random() < 0.3 ? -(2n ** 63n) + 2n : 1_790_000_000_000_000_000n
  const times = BigInt64Array.from({ length: count }, () => {
    time += 1n + (jitter ? (step * BigInt(Math.floor(random() * 100))) / 100n : step - 1n)
    return time
  })
  const shape = Math.floor(random() * 4)
  const float = (i: number): number => {
    if (shape === 0) return random() * 100
    if (shape === 1) return Math.floor(random() * 3)
    if (shape === 2) return Math.sin(i / 9)
    return SPECIAL[Math.floor(random() * SPECIAL.length)]!
  }
  const small = shape % 2 === 0
  if (type === 'float') return { type, times, values: Float64Array.from(times, (_, i) => float(i)) }
  const next = (): bigint => (small ? bits() & 7n : bits())
  return type === 'integer'
    ? { type, times, values: BigInt64Array.from(times, next) }
    : { type, times, values: BigUint64Array.from(times, next) }
}

describe.each(METHODS)('%s', (method) => {
  test.each(TYPES)('of %s values chooses as the scalar twin does', (type) => {
    const random = seededRandom(21)
    for (let round = 0; round < 250; round++) {
      const wanted = 4 + Math.floor(random() ** 3 * 60)
      const count = wanted + 1 + Math.floor(random() ** 2 * 400)
      const points = pointsOf(random, count, type)
      const budget = random() < 0.5 ? 1e6 : 1 + Math.floor(random() * 100)
      const rows = chosenByKernel(points, wanted, METHODS.indexOf(method), budget)
      const plain = [...points.times].map((time, i) => ({ time, value: points.values[i]! }))
      expect(rows, `seed 21 round ${round}`).toEqual(chosenRows(plain, wanted, method))
      expect(rows.length).toBeLessThanOrEqual(wanted)
    }
  })
})

test('lttb of two points keeps the ends', () => {
  const points = pointsOf(seededRandom(1), 9, 'float')
  expect(chosenByKernel(points, 2, 0, 1e6)).toEqual([0, 8])
  expect(chosenByKernel(points, 3, 0, 1e6)).toHaveLength(3)
})
