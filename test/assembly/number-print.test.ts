// The kernel's printing of numbers beside JavaScript's own, byte for byte. Here tens of thousands; by hand
// the same over hundreds of millions: node scripts/run.js bench/kernel/print-check.ts --seconds 600.

import { describe, expect, test } from 'vitest'
import { printRuns } from '../../engine/cell-text.ts'
import { openKernel, seededRandom } from '../kernel.ts'
import { FLOAT_SHAPES, edgeFloats } from './floats.ts'

const instance = await openKernel()

function print(values: Float64Array | BigInt64Array | BigUint64Array): string[] {
  const run = { prefix: '', values, valid: null, from: 0, to: values.length, time: null }
  const bytes = printRuns(instance, [{ ...run, style: 'plain' }])
  return new TextDecoder().decode(bytes).split(',')
}

function textOf(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Names the first one that differs, with its bits. */
function expectEqual(values: Float64Array): void {
  const found = print(values)
  expect(found.length).toBe(values.length)
  const wrong = found.findIndex((text, i) => text !== textOf(values[i]!))
  if (wrong === -1) return
  const bits = new BigUint64Array(values.buffer)[wrong]!.toString(16)
  expect(`${bits}: ${found[wrong]}`).toBe(`${bits}: ${textOf(values[wrong]!)}`)
}

describe('a float is printed as JavaScript prints it', () => {
  test('at the edges: powers of 2 and 10 and their neighbours, extremes, denormals', () => {
    const edges = edgeFloats()
    expectEqual(Float64Array.from(edges.flatMap((value) => [value, -value])))
  })

  test.each(Object.entries(FLOAT_SHAPES))('%s, 20,000 of them (seed 20261122)', (_name, make) => {
    const random = seededRandom(20261122)
    expectEqual(Float64Array.from({ length: 20_000 }, () => make(random)))
  })

  test('whatever came before it: short decimals, full precision and integers in turn', () => {
    const random = seededRandom(5)
    const shapes = Object.values(FLOAT_SHAPES)
    expectEqual(Float64Array.from({ length: 20_000 }, (_, i) => shapes[i % shapes.length]!(random)))
  })
})

describe('an integer is printed exactly', () => {
  const edges: bigint[] = []
  for (let power = 0n; power < 20n; power++) {
    for (const near of [-1n, 0n, 1n]) edges.push(10n ** power + near, -(10n ** power) + near)
  }
  for (let power = 0n; power < 64n; power++) {
    for (const near of [-1n, 0n, 1n]) edges.push(2n ** power + near, -(2n ** power) + near)
  }

  test('of 64 bits with a sign', () => {
    const values = BigInt64Array.from(edges, (value) => BigInt.asIntN(64, value))
    expect(print(values)).toEqual(Array.from(values, String))
  })

  test('of 64 bits without', () => {
    const values = BigUint64Array.from(edges, (value) => BigInt.asUintN(64, value))
    expect(print(values)).toEqual(Array.from(values, String))
  })
})
