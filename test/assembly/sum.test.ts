// Sums against their scalar twins: of floats bit for bit (the twin adds in the lanes' order), of integers
// against bigints, at every length and from every row, dense and with gaps.

import { expect, test } from 'vitest'
import type { Chunk } from '../../engine/query/chunk.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import type { ValueType } from '../../engine/query/query.ts'
import { openKernel, seededRandom } from '../kernel.ts'
import { sumInLanes } from './lanes-sum.ts'

const instance = await openKernel()
const { memory } = instance
const region = memory.allocate(1_024 * 17)
const TYPES: ValueType[] = ['float', 'integer', 'unsigned']

/** Sum or mean of rows of a chunk, without those that are null. */
function aggregate(
  type: number,
  result: 'sum' | 'mean',
  slots: (bigint | null)[],
): number | bigint {
  const at = region.offset
  slots.forEach((slot, i) => {
    memory.u64[at / 8 + i] = slot ?? 99n
    memory.u8[at + 16 * 1_024 + i] = Number(slot !== null)
  })
  const valueType = result === 'mean' ? ('float' as const) : TYPES[type]!
  const aggregator = new Aggregator(instance, {
    fields: [{ id: 0, name: 'x', type: type as 0 }],
    outputs: [{ name: 'x', type: valueType, field: 0, result }],
    ...{ grid: { kind: 'one' } as const, maxBuckets: 1 },
  })
  const valid = [slots.includes(null) ? at + 16 * 1_024 : 0]
  const chunk = { count: slots.length, times: 0, values: [at], valid } as unknown as Chunk
  aggregator.chunk({ group: 0, rank: 0 } as PlanSeries, chunk, 0, 0n)
  const found = aggregator.results().fields[0]!.values[0] as number | bigint
  aggregator.release()
  return found
}

const view = new DataView(new ArrayBuffer(8))
function bitsOf(value: number): bigint {
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}

test('a run of floats is added as the scalar twin adds it', () => {
  const random = seededRandom(31)
  for (let count = 1; count <= 90; count++) {
    const values = Array.from({ length: count }, () => (random() - 0.5) * 10 ** (random() * 12))
    expect(aggregate(0, 'sum', values.map(bitsOf)), `seed 31, ${count}`).toBe(sumInLanes(values))
  }
})

test('stretches of floats between nulls are added one after the other, compensated', () => {
  const random = seededRandom(32)
  for (let round = 0; round < 200; round++) {
    const values = Array.from({ length: 120 }, () => (random() < 0.1 ? null : random() * 1e9 - 3e8))
    let [sum, lost] = [0, 0]
    for (let from = 0; from < values.length;) {
      let to = from
      while (to < values.length && values[to] !== null) to++
      const part = sumInLanes(values.slice(from, to) as number[])
      if (to > from) {
        const next = sum + part
        lost += Math.abs(sum) >= Math.abs(part) ? sum - next + part : part - next + sum
        sum = next
      }
      from = to + 1
    }
    const slots = values.map((value) => (value === null ? null : bitsOf(value)))
    expect(aggregate(0, 'sum', slots), `seed 32 round ${round}`).toBe(sum + lost)
  }
})

test.each([1, 2])('integers of type %i are added exactly', (type) => {
  const random = seededRandom(33)
  for (let count = 1; count <= 70; count++) {
    const slots = Array.from({ length: count }, () => {
      if (random() < 0.1) return null
      const bits = BigInt(Math.floor(random() * 2 ** 32)) << 32n
      return (bits | BigInt(Math.floor(random() * 2 ** 32))) >> BigInt(Math.floor(random() * 64))
    })
    const known = slots.filter((slot) => slot !== null)
    if (known.length === 0) continue
    const values = known.map((slot) => (type === 1 ? BigInt.asIntN(64, slot) : slot))
    const sum = values.reduce((a, b) => a + b, 0n)
    const low = type === 1 ? BigInt.asIntN(64, sum) : BigInt.asUintN(64, sum)
    if (low === sum) expect(aggregate(type, 'sum', slots), `seed 33, ${count}`).toBe(sum)
    else expect(() => aggregate(type, 'sum', slots)).toThrow(/beyond the range/)
  }
})
