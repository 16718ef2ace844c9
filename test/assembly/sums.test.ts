// Residuals that are sums: against a twin that reads the bytes as docs/format.md has them.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Random, randomOf } from '../random.ts'
import {
  type Block,
  CORRUPT,
  FLOAT,
  INTEGER,
  UNSIGNED,
  check,
  decodeColumn,
  decodeTimes,
  encodeColumn,
  encodeTimes,
  floatSlots,
  kernel,
  placed,
  readEntry,
  slotsOf,
} from './block.ts'

const IS_SUM = 16
const IS_RISING = 64
const I64_MIN = -(2n ** 63n)
const I64_MAX = 2n ** 63n - 1n
const DECIMAL = 2

function fill<T>(n: number, value: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => value(i))
}

/** Positions of the ones of a bitmap, lowest bit of each byte first. */
function onesOf(bitmap: Uint8Array): number[] {
  return fill(bitmap.length * 8, (bit) => bit).filter((bit) => (bitmap[bit >> 3]! >> (bit & 7)) & 1)
}

const packedSize = (rows: number, width: number): number =>
  Math.ceil((Math.ceil(rows / 32) * width) / 32) * 128

/** Number `row` of those packed with `width` ≤ 32 bits. */
function packedAt(bytes: Uint8Array, width: number, row: number): bigint {
  let value = 0n
  for (let bit = 0; bit < width; bit++) {
    const place = (row >> 5) * width + bit
    const at = (place >> 5) * 128 + (row & 31) * 4 + ((place & 31) >> 3)
    value |= BigInt((bytes[at]! >> (place & 7)) & 1) << BigInt(bit)
  }
  return value
}

function signed(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n
  for (let i = 0; i < size; i++) value |= BigInt(bytes[at + i]!) << BigInt(8 * i)
  return BigInt.asIntN(8 * size, value)
}

/** The integers m of a block of sums, read as the document says. */
function twin({ bytes, entry: raw }: Block): bigint[] {
  const entry = readEntry(raw)
  const { rows, width, pieces, offsetBytes, base, slope, exponent, encoding } = entry
  const unit =
    encoding === 1 ? 10n ** BigInt(exponent) : encoding === 3 ? 2n ** BigInt(exponent) : 1n
  const starts = packedSize(rows, width)
  const offsets = starts + 2 * (pieces - 1)
  const restarts = offsets + offsetBytes * (pieces - 1)
  const restartCount = (entry.flags & IS_SUM) !== 0 ? Math.floor((rows - 1) / 128) : 0
  const unary = restarts + offsetBytes * restartCount
  const ones = onesOf(bytes.subarray(unary, unary + entry.unarySize))
  expect(ones.length).toBe(rows)
  let sum = 0n
  let piece = 0
  let start = 0
  let offset = 0n
  return fill(rows, (row) => {
    const low = packedAt(bytes, width, row)
    if ((entry.flags & IS_SUM) !== 0) {
      if (row > 0 && row % 128 === 0) {
        expect(signed(bytes, restarts + offsetBytes * (row / 128 - 1), offsetBytes)).toBe(sum)
      }
      const code = (BigInt(ones[row]! - (ones[row - 1] ?? -1) - 1) << BigInt(width)) | low
      sum += (code & 1n) === 0n ? code >> 1n : -(code >> 1n) - 1n
    } else {
      sum = (BigInt(ones[row]! - row) << BigInt(width)) + low
    }
    if (piece + 1 < pieces && row === Number(signed(bytes, starts + 2 * piece, 2))) {
      start = row
      offset = signed(bytes, offsets + offsetBytes * piece++, offsetBytes)
    }
    return base + unit * (offset + slope * BigInt(row - start) + sum)
  })
}

const dice = randomOf(9)

function walk(n: number, step: (i: number) => bigint): bigint[] {
  let at = 10n ** 11n
  return fill(n, (i) => (at += step(i)))
}

const smallStep = (): bigint => BigInt(dice.int(7) - 3)
const exponential = (mean: number): bigint => BigInt(Math.floor(-Math.log(1 - dice.next()) * mean))

const shapes: [string, bigint[], number][] = [
  ['a walk', walk(1024, smallStep), IS_SUM],
  ['a walk of 40 rows', walk(40, smallStep), IS_SUM],
  ['a walk of 128 rows', walk(128, smallStep), IS_SUM],
  ['a walk of 129 rows', walk(129, smallStep), IS_SUM],
  ['a walk in millions', walk(1000, () => smallStep() * 1_000_000n + 10n ** 6n), IS_SUM],
  ['a walk with jumps', walk(1024, (i) => (i % 200 === 99 ? 10n ** 12n : smallStep())), IS_SUM],
  ['a walk over both ends', walk(900, (i) => (i % 300 === 7 ? I64_MAX : smallStep())), IS_SUM],
  ['a counter with noise', walk(1024, () => 1000n + BigInt(dice.int(100))), IS_SUM],
  ['a falling counter', walk(1024, () => -1000n - BigInt(dice.int(100))), IS_SUM],
  ['a counter of events', walk(1024, () => exponential(2_000)), IS_RISING],
]

/** Every row by itself, and ranges that begin and end anywhere. */
function expectRows(block: Block, slots: BigUint64Array, valid: Uint8Array): void {
  const n = slots.length
  const expected = slots.map((slot, i) => (valid[i] === 1 ? slot : 0n))
  const cut = (from: number, count: number): void => {
    const { status, slots: found, valid: bits } = decodeColumn(block, from, count)
    expect(status, `rows ${from} + ${count}`).toBe(count)
    const kept = found.map((slot, i) => (bits[i] === 1 ? slot : 0n))
    expect(kept, `rows ${from} + ${count}`).toEqual(expected.slice(from, from + count))
  }
  for (let row = 0; row < n; row++) cut(row, 1)
  for (let k = 0; k < 60; k++) {
    const from = dice.int(n)
    cut(from, dice.int(n - from + 1))
  }
  cut(0, n)
}

describe.each(shapes)('a block of %s', (_name, values, kind) => {
  const slots = slotsOf(values.map((value) => BigInt.asIntN(64, value)))
  const all = new Uint8Array(slots.length).fill(1)

  test.each([INTEGER, UNSIGNED])(
    'takes sums, and is read as the document says, as type %i',
    (type) => {
      const block = encodeColumn(type, slots)
      expect(readEntry(block.entry).flags & (IS_SUM | IS_RISING)).toBe(kind)
      expect(check(block)).toBe(0)
      expect(twin(block).map((value) => BigInt.asUintN(64, value))).toEqual([...slots])
      expectRows(block, slots, all)
    },
  )

  test('comes back with nulls in it, whatever their slots hold', () => {
    const valid = Uint8Array.from(slots, (_, i) => (i % 7 === 3 || i < 2 ? 0 : 1))
    const wild = slots.map((slot, i) => (valid[i] === 1 ? slot : BigInt(dice.int(2 ** 31)) << 33n))
    const block = encodeColumn(INTEGER, wild, valid)
    expect(check(block)).toBe(0)
    expectRows(block, wild, valid)
  })
})

test('a walk of decimals with exceptions comes back bit for bit', () => {
  const odd = [NaN, -0, Infinity, -Infinity, 5e-324, Math.PI]
  const values = walk(1024, smallStep).map((v, i) =>
    i % 170 === 5 ? odd[i % 6]! : Number(v) / 100,
  )
  const slots = floatSlots(values)
  const block = encodeColumn(FLOAT, slots)
  expect(readEntry(block.entry)).toMatchObject({ encoding: DECIMAL, exceptions: 6 })
  expect(readEntry(block.entry).flags & IS_SUM).toBe(IS_SUM)
  expectRows(block, slots, new Uint8Array(1024).fill(1))
})

test('a walk of float32 readings in full precision comes back bit for bit', () => {
  let at = 20
  const values = fill(1024, () => (at = Math.fround(at + (dice.next() - 0.5) * 1e-4)))
  const slots = floatSlots(values)
  expectRows(encodeColumn(FLOAT, slots), slots, new Uint8Array(1024).fill(1))
})

test('steps that would overflow 32 bits are a line', () => {
  const values = walk(1024, () => BigInt(dice.int(2 ** 31)) * 4n - 2n ** 32n)
  const block = encodeColumn(INTEGER, slotsOf(values))
  expect(readEntry(block.entry).flags & IS_SUM).toBe(0)
  expectRows(block, slotsOf(values), new Uint8Array(1024).fill(1))
})

function lowerBound(times: readonly bigint[], from: number, to: number, time: bigint): number {
  for (let row = from; row < to; row++) if (times[row]! >= time) return row
  return to
}

/** Times of `series` series, and where each starts. */
function arrivals(
  random: Random,
  series: number,
  mean: number,
  unit: bigint,
): [bigint[], number[]] {
  const times: bigint[] = []
  const starts: number[] = []
  for (let k = 0; k < series; k++) {
    starts.push(times.length)
    let time = BigInt(random.int(2 ** 31) - 2 ** 30) * 1_000_000_007n
    const rows = k + 1 === series ? 1024 - times.length : 1 + random.int(1 + 1024 / series)
    for (let i = 0; i < rows && times.length < 1024; i++) {
      const isGap = random.chance(0.003)
      time += unit * (1n + BigInt(Math.floor(-Math.log(1 - random.next()) * mean)))
      if (isGap) time += unit * BigInt(Math.floor(mean)) * 100_000n
      times.push(time)
    }
  }
  return [times, starts]
}

describe('times that never fall', () => {
  test('are found from every side, in series after series (seeds 1 to 60)', () => {
    let rising = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomOf(seed)
      const mean = 10 ** (1 + random.int(7))
      const unit = random.pick([1n, 1_000n, 1_000_000n])
      const [times, starts] = arrivals(random, 1 + random.int(4), mean, unit)
      const block = encodeTimes(times, starts)
      if ((readEntry(block.entry).flags & IS_RISING) !== 0) rising++
      expect(check(block)).toBe(0)
      const [, all] = decodeTimes(block, 0, times.length)
      expect([...all]).toEqual(times)
      const middle = random.int(times.length)
      expect([...decodeTimes(block, middle, times.length - middle)[1]]).toEqual(times.slice(middle))
      placed(block, (bytes, entry) => {
        for (let k = 0; k < 300; k++) {
          const series = random.int(starts.length)
          const [start, end] = [starts[series]!, starts[series + 1] ?? times.length]
          const from = start + random.int(end - start)
          const to = from + random.int(end - from + 1)
          const row = start + random.int(end - start)
          const time = times[row]! + unit * BigInt(random.int(5) - 2) + BigInt(random.int(3) - 1)
          const found = kernel.timeLowerBound(bytes, entry, from, to, time)
          expect(found, `seed ${seed}, ${time} in ${from} to ${to}`).toBe(
            lowerBound(times, from, to, time),
          )
          expect(kernel.timeAt(bytes, entry, row)).toBe(times[row])
        }
        for (const time of [I64_MIN, I64_MAX, 0n]) {
          const to = starts[1] ?? times.length
          expect(kernel.timeLowerBound(bytes, entry, 0, to, time)).toBe(
            lowerBound(times, 0, to, time),
          )
        }
      })
    }
    expect(rising).toBeGreaterThan(30)
  })

  test('take 15.5 bits each where gaps are exponential with a mean of 10,000 units', () => {
    const times = walk(1024, () => 1_000_000n * (1n + exponential(10_000)))
    const block = encodeTimes(times)
    expect((block.bytes.length * 8) / 1024).toBeLessThan(15.5)
    expect(readEntry(block.entry)).toMatchObject({ epsilon: 0, slope: 0n })
  })
})

test('a bitmap with too few or too many ones is noticed, whatever its checksum', () => {
  for (const values of [shapes[0]![1], shapes.at(-1)![1]]) {
    const block = encodeColumn(INTEGER, slotsOf(values))
    const { unarySize } = readEntry(block.entry)
    for (const change of [-1, 0]) {
      const bytes = block.bytes.slice()
      bytes[bytes.length - unarySize + unarySize + (change === 0 ? -unarySize : change)]! ^= 0x5a
      const entry = block.entry.slice()
      placed({ ...block, bytes, entry }, (at) => {
        const sum = kernel.crc32c(at, bytes.length, 0)
        new DataView(entry.buffer).setUint32(8, sum >>> 0, true)
      })
      const before = onesOf(block.bytes.subarray(-unarySize)).length
      const isSound = onesOf(bytes.subarray(-unarySize)).length === before && change === 0
      expect(check({ ...block, bytes, entry })).toBe(isSound ? 0 : CORRUPT)
    }
  }
})

describe('the example of docs/format.md', () => {
  const text = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8')
  const body = text.split('\n### Sums\n')[1]!.split('\n## ')[0]!
  const hex = /```\n([0-9a-f\s]+)```/.exec(body)![1]!
  const bytes = Uint8Array.from(hex.trim().split(/\s+/), (byte) => parseInt(byte, 16))
  const values = fill(40, (i) => BigInt(100 + ((i * i) % 5)))

  test('is what the kernel writes, and reads', () => {
    const block = encodeColumn(INTEGER, slotsOf(values))
    expect(block.bytes).toEqual(bytes)
    expect(readEntry(block.entry)).toMatchObject({ width: 0, base: 100n, slope: 0n, pieces: 1 })
    expect(readEntry(block.entry)).toMatchObject({ flags: 8 | IS_SUM, unarySize: bytes.length })
    expect(twin(block)).toEqual(values)
    expect([...decodeColumn(block).slots]).toEqual(values)
  })
})
