// What the encoder chooses, against every flat line there is, counted out one by one: what it skips
// because of a bound, or of a guess where sums are there already, must not have been much better.

import { describe, expect, test } from 'vitest'
import { type Random, randomOf } from '../random.ts'
import { FLOAT, INTEGER, check, decodeColumn, encodeColumn, floatSlots, slotsOf } from './block.ts'

const packedSize = (rows: number, width: number): number =>
  Math.ceil((Math.ceil(rows / 32) * width) / 32) * 128

function offsetBytes(low: number, high: number): number {
  if (low === 0 && high === 0) return 0
  for (const bytes of [1, 2, 4]) {
    if (low >= -(2 ** (8 * bytes - 1)) && high < 2 ** (8 * bytes - 1)) return bytes
  }
  return 8
}

/** Bytes of the flat line with pieces whose residuals fit `width` bits. */
function flatBytes(values: readonly number[], width: number): number {
  const offsets: number[] = []
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    if (Math.max(high, value) - Math.min(low, value) >= 2 ** width) {
      offsets.push(low)
      low = high = value
    } else {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  offsets.push(low)
  const distances = offsets.map((offset) => offset - offsets[0]!)
  const bytes = offsetBytes(Math.min(...distances), Math.max(...distances))
  return packedSize(values.length, width) + (offsets.length - 1) * (2 + bytes)
}

function bestFlat(values: readonly number[]): number {
  return Math.min(...Array.from({ length: 33 }, (_, width) => flatBytes(values, width)))
}

const SHAPES: [string, (random: Random, rows: number) => number[]][] = [
  ['noise', (random, rows) => fill(rows, () => random.int(1 << random.int(12)))],
  ['levels', (random, rows) => levels(random, rows, 1 + random.int(60), 3)],
  ['levels far apart', (random, rows) => levels(random, rows, 1 + random.int(200), 1 << 20)],
  ['a walk', (random, rows) => walk(random, rows, 1 + random.int(50))],
  [
    'spikes',
    (random, rows) => fill(rows, () => (random.chance(0.01) ? random.int(1 << 28) : random.int(9))),
  ],
  ['a constant', (_random, rows) => fill(rows, () => 1_000_001)],
]

function fill(rows: number, next: (row: number) => number): number[] {
  return Array.from({ length: rows }, (_, row) => next(row))
}

function levels(random: Random, rows: number, length: number, height: number): number[] {
  let level = 0
  return fill(rows, (row) => {
    if (row % length === 0) level = random.int(1000) * height
    return level + random.int(3)
  })
}

function walk(random: Random, rows: number, size: number): number[] {
  let value = 1 << 20
  return fill(rows, () => (value += random.int(2 * size + 1) - size))
}

describe.each(SHAPES)('%s', (_name, shape) => {
  test('takes at most a tenth more bytes than the best flat line and comes back', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomOf(seed)
      const values = shape(random, random.pick([1, 15, 16, 17, 100, 1_000, 1_023, 1_024]))
      const flat = bestFlat(values)
      for (const type of [INTEGER, FLOAT]) {
        const slots = type === INTEGER ? slotsOf(values.map(BigInt)) : floatSlots(values)
        const block = encodeColumn(type, slots)
        expect(block.bytes.length, `seed ${seed}`).toBeLessThanOrEqual(flat * 1.1)
        expect(check(block)).toBe(0)
        expect(decodeColumn(block).slots, `seed ${seed}`).toEqual(slots)
      }
    }
  })
})
