// The line codec against docs/format.md, "Blocks", written down once more in BigInt: blocks of random
// bytes under entries of every width, so the vector paths meet what no encoder would choose.

import { describe, expect, test } from 'vitest'
import { type Random, randomOf } from '../random.ts'
import {
  type Block,
  FLOAT,
  INTEGER,
  TIME,
  decodeColumn,
  decodeTimes,
  encodeColumn,
  floatSlots,
  kernel,
  placed,
  readEntry,
  slotsOf,
} from './block.ts'

const LINE = 1
const DECIMAL = 2
const ORDERED = 3
/** Exponents that an encoding may have, by its number. */
const EXPONENTS = [0, 20, 23, 64]
const wrap = (value: bigint): bigint => BigInt.asIntN(64, value)

interface Line {
  encoding: number
  rows: number
  width: number
  exponent: number
  base: bigint
  slope: bigint
  shift: number
  starts: number[]
  offsets: bigint[]
  residuals: bigint[]
}

function randomBits(random: Random, bits: number): bigint {
  const all = (BigInt(random.int(2 ** 32)) << 32n) | BigInt(random.int(2 ** 32))
  return BigInt.asUintN(bits, all)
}

function randomLine(random: Random, encoding: number, width: number, rows: number): Line {
  const pieces = random.chance(0.4) ? 1 : 1 + random.int(Math.min(rows, 40))
  const starts = new Set([0])
  while (starts.size < pieces) starts.add(random.int(rows))
  const isSloped = random.chance(0.5)
  const size = random.int(32)
  const offset = (): bigint => randomBits(random, size) * random.pick([1n, -1n])
  return {
    ...{ encoding, rows, width },
    exponent: random.chance(0.3) ? 0 : random.int(EXPONENTS[encoding]!),
    base: wrap(randomBits(random, random.int(65))) * (random.chance(0.5) ? 1n : -1n),
    slope: isSloped ? randomBits(random, random.int(53)) * random.pick([1n, -1n]) : 0n,
    shift: isSloped ? random.int(13) : 0,
    starts: [...starts].sort((a, b) => a - b),
    offsets: Array.from({ length: pieces }, (_, j) => (j === 0 ? 0n : offset())),
    residuals: Array.from({ length: rows }, () => randomBits(random, width)),
  }
}

function packedSize(rows: number, width: number): number {
  return Math.ceil((Math.ceil(rows / 32) * width) / 32) * 128
}

/** The bytes of a block, bit by bit as the format draws them. */
function blockOf(type: number, line: Line): Block {
  const { rows, width, starts, offsets } = line
  const planes = width > 32 ? [32, width - 32] : [width]
  const sizes = planes.map((bits) => packedSize(rows, bits))
  const packed = sizes.reduce((sum, size) => sum + size, 0)
  const bytes = new Uint8Array(packed + (starts.length - 1) * 6)
  const view = new DataView(bytes.buffer)
  for (const [i, residual] of line.residuals.entries()) {
    for (let k = 0; k < width; k++) {
      const plane = k < 32 ? 0 : 1
      const bit = (i >> 5) * planes[plane]! + (k & 31)
      const at = (plane === 0 ? 0 : sizes[0]!) + (bit >> 5) * 128 + (i & 31) * 4 + ((bit & 31) >> 3)
      if (((residual >> BigInt(k)) & 1n) === 1n) bytes[at]! |= 1 << (bit & 7)
    }
  }
  for (let j = 1; j < starts.length; j++) {
    view.setUint16(packed + (j - 1) * 2, starts[j]!, true)
    view.setInt32(packed + (starts.length - 1) * 2 + (j - 1) * 4, Number(offsets[j]), true)
  }
  const entry = new DataView(new ArrayBuffer(96))
  entry.setUint32(4, bytes.length, true)
  entry.setUint16(12, rows, true)
  entry.setUint16(14, rows, true)
  entry.setUint8(16, line.encoding)
  entry.setUint8(18, width)
  entry.setUint8(19, line.exponent)
  entry.setUint16(20, starts.length, true)
  entry.setBigInt64(24, line.base, true)
  entry.setBigInt64(32, line.slope, true)
  entry.setUint8(90, line.shift)
  entry.setUint8(91, starts.length > 1 ? 4 : 0)
  return { type, bytes, entry: new Uint8Array(entry.buffer) }
}

/** The integers that a line stands for. */
function integersOf({ encoding, exponent, base, slope, shift, ...line }: Line): bigint[] {
  const unit = encoding === LINE ? 10n ** BigInt(exponent) : 2n ** BigInt(exponent)
  return line.residuals.map((residual, i) => {
    const j = line.starts.findLastIndex((start) => start <= i)
    const rise = wrap(slope * BigInt(i - line.starts[j]!)) >> BigInt(shift)
    const model = line.offsets[j]! + rise + residual
    return wrap(base + (encoding === DECIMAL ? 1n : unit) * model)
  })
}

function slotsOfLine(line: Line): BigUint64Array {
  const integers = integersOf(line)
  if (line.encoding === LINE) return slotsOf(integers)
  if (line.encoding === DECIMAL) {
    return floatSlots(integers.map((m) => Number(m) / Number(`1e${line.exponent}`)))
  }
  return slotsOf(integers.map((m) => (m < 0n ? -(2n ** 63n) - m : m)))
}

/** Sizes around the rows of 32, and any other. */
function randomRows(random: Random): number {
  return random.chance(0.5) ? random.pick([1, 31, 32, 33, 64, 1023, 1024]) : 1 + random.int(1024)
}

const widths = Array.from({ length: 65 }, (_, width) => width)

describe.each([
  ['integers', INTEGER, LINE],
  ['decimals', FLOAT, DECIMAL],
  ['ordered floats', FLOAT, ORDERED],
])('a line of %s', (_name, type, encoding) => {
  test('of any width, slope and pieces decodes to what the format says, in any range', () => {
    for (const width of widths) {
      for (let seed = 1; seed <= 4; seed++) {
        const random = randomOf(width * 10 + seed)
        const rows = randomRows(random)
        const line = randomLine(random, encoding, width, rows)
        const block = blockOf(type, line)
        const expected = slotsOfLine(line)
        const from = random.int(rows)
        const ranges = [
          [0, rows],
          [from, random.int(rows - from + 1)],
          [from, 1],
          [from & ~31, Math.min(32, rows - (from & ~31))],
        ]
        for (const [start, count] of ranges as [number, number][]) {
          const { status, slots } = decodeColumn(block, start, count)
          const why = `width ${width} seed ${seed} rows ${start} + ${count} of ${rows}`
          expect(status, why).toBe(count)
          expect(slots, why).toEqual(expected.slice(start, start + count))
        }
      }
    }
  })
})

test('random access to a line gives what decoding it gives, at every width', () => {
  for (const width of widths) {
    const random = randomOf(width + 1)
    const rows = randomRows(random)
    const block = blockOf(TIME, randomLine(random, LINE, width, rows))
    const [, times] = decodeTimes(block, 0, rows)
    placed(block, (bytes, entry) => {
      for (let row = 0; row < rows; row++) {
        expect(kernel.timeAt(bytes, entry, row), `width ${width} row ${row}`).toBe(times[row])
      }
    })
  }
})

describe('a summary', () => {
  const specials = [0, -0, NaN, Infinity, -Infinity, 1, -1, 5e-324, 1e308, -1e308]

  /** The first of the values than which none is further out; NaN is the greatest. */
  function extreme(values: readonly number[], sign: number): number {
    const order = (a: number, b: number): number =>
      Number.isNaN(a) || Number.isNaN(b)
        ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
        : Number(a > b) - Number(a < b)
    return values.reduce((best, value) => (order(value, best) * sign > 0 ? value : best))
  }

  test('of floats has the least and greatest bit for bit (seeds 1 to 600)', () => {
    for (let seed = 1; seed <= 600; seed++) {
      const random = randomOf(seed)
      const palette = Array.from({ length: 1 + random.int(4) }, () => random.pick(specials))
      const n = 1 + random.int(80)
      const values = Array.from({ length: n }, () => random.pick(palette))
      const nulls = random.pick([0, 0, 0.2, 0.9])
      const valid = Uint8Array.from(values, () => (random.chance(nulls) ? 0 : 1))
      valid[random.int(n)] = 1
      const kept = values.filter((_, i) => valid[i] === 1)
      const entry = readEntry(encodeColumn(FLOAT, floatSlots(values), valid).entry)
      const expected = floatSlots([extreme(kept, -1), extreme(kept, 1)])
      expect([entry.min, entry.max], `seed ${seed}`).toEqual([...expected])
    }
  })

  test('of integers is exact at the extremes, also with nulls (seeds 1 to 300)', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomOf(seed)
      const isSigned = random.chance(0.5)
      const bits = random.pick([1, 31, 32, 33, 63, 64])
      const n = 1 + random.int(300)
      const read = (v: bigint): bigint => (isSigned ? BigInt.asIntN(64, v) : v)
      const values = Array.from({ length: n }, () =>
        read(random.chance(0.1) ? 2n ** 64n - 1n : randomBits(random, bits)),
      )
      const valid = Uint8Array.from(values, () => (random.chance(0.2) ? 0 : 1))
      valid[random.int(n)] = 1
      const kept = values.filter((_, i) => valid[i] === 1)
      const type = isSigned ? INTEGER : kernel.UNSIGNED.value
      const entry = readEntry(encodeColumn(type, slotsOf(values), valid).entry)
      const sorted = kept.toSorted((a, b) => (a < b ? -1 : 1))
      const ends = [read(entry.min), read(entry.max)]
      expect(ends, `seed ${seed}`).toEqual([sorted[0], sorted.at(-1)])
      const sum = kept.reduce((a, b) => a + b, 0n)
      expect(entry.sumHigh * 2n ** 64n + entry.sumLow, `seed ${seed}`).toBe(sum)
    }
  })
})
