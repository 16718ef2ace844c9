// Kernels of bytes and masks against their scalar twins, which are what they mean in a line of
// JavaScript: at every length from none to past several vectors, from every alignment, with what lies
// behind left alone. Kernels of numbers have theirs in sum, packed, sums, line, column and others here.

import { describe, expect, test } from 'vitest'
import { KeyTable } from '../../engine/catalog/key-table.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const { kernel, memory } = await openKernel()
const LENGTHS = Array.from({ length: 70 }, (_, length) => length)
const GUARD = 0xa5
const SETS = [0, 1, 2, 3, 4, 5, 6, 7]
const [FALSE, UNKNOWN, TRUE] = [0, 1, 2]

const one = memory.allocate(1_024).offset
const two = memory.allocate(1_024).offset
const slots = memory.allocate(1_024).offset

/** Writes bytes at a pointer, guards behind them. */
function put(bytes: readonly number[], at: number): number {
  memory.u8.fill(GUARD, at, at + 128)
  memory.u8.set(bytes, at)
  return at
}

/** Bytes at a pointer, whose guards are untouched. */
function taken(at: number, count: number): number[] {
  expect(memory.u8[at + count]).toBe(GUARD)
  return [...memory.u8.subarray(at, at + count)]
}

function randomBytes(random: () => number, count: number, below: number): number[] {
  return Array.from({ length: count }, () => Math.floor(random() * below))
}

describe.each([0, 1, 7])('masks from %i bytes behind an aligned address', (skew) => {
  const random = seededRandom(100 + skew)
  test.each(LENGTHS)('of %i rows are combined row by row', (count) => {
    const a = randomBytes(random, count, 3)
    const b = randomBytes(random, count, 3)
    const pairs: [(target: number, other: number, count: number) => void, typeof Math.min][] = [
      [kernel.maskAnd, Math.min],
      [kernel.maskOr, Math.max],
    ]
    for (const [combine, twin] of pairs) {
      combine(put(a, one + skew), put(b, two), count)
      expect(taken(one + skew, count)).toEqual(a.map((x, i) => twin(x, b[i]!)))
      expect(taken(two, count)).toEqual(b)
    }
    kernel.maskNot(put(a, one + skew), count)
    expect(taken(one + skew, count)).toEqual(a.map((x) => 2 - x))
    for (const outcome of [FALSE, TRUE]) {
      kernel.maskIs(put(a, one + skew), count, outcome)
      expect(taken(one + skew, count)).toEqual(a.map((x) => (x === outcome ? TRUE : FALSE)))
    }
    const selected = a.filter((x) => x === TRUE).length
    put([], two + skew)
    expect(kernel.maskSelect(put(a, one), count, two + skew)).toBe(selected)
    expect(taken(two + skew, count)).toEqual(a.map((x) => (x === TRUE ? 1 : 0)))
    const valid = randomBytes(random, count, 2)
    put([], two + skew)
    kernel.maskNull(put(valid, one), count, two + skew)
    expect(taken(two + skew, count)).toEqual(valid.map((x) => (x === 1 ? FALSE : TRUE)))
    put([], two + skew)
    kernel.maskFill(two + skew, count, UNKNOWN)
    expect(taken(two + skew, count)).toEqual(valid.map(() => UNKNOWN))
  })

  test.each(LENGTHS)('of %i rows are selections that columns follow', (count) => {
    const a = randomBytes(random, count, 2)
    const b = randomBytes(random, count, 2)
    kernel.scanPresent(put(a, one + skew), put(b, two), count)
    expect(taken(one + skew, count)).toEqual(a.map((x, i) => x | b[i]!))
    kernel.scanBoth(put(a, one + skew), put(b, two), count)
    expect(taken(one + skew, count)).toEqual(a.map((x, i) => x & b[i]!))
    const rows = a.flatMap((x, i) => (x === 1 ? [i] : []))
    expect(kernel.scanCount(put(a, one + skew), count)).toBe(rows.length)
    expect(kernel.scanIndex(one + skew, count, slots)).toBe(rows.length)
    expect([...memory.u32.subarray(slots / 4, slots / 4 + rows.length)]).toEqual(rows)
    const nulls = rows.filter((row) => b[row] === 0).length
    put([], one)
    expect(kernel.scanValid(two, slots, rows.length, one)).toBe(nulls)
    expect(taken(one, rows.length)).toEqual(rows.map((row) => b[row]!))
    kernel.arrowBits(put(a, one + skew), count, put([], two))
    const bytes = Array.from({ length: Math.ceil(count / 8) }, (_, byte) =>
      a.slice(byte * 8, byte * 8 + 8).reduce((bits, x, i) => bits | (x << i), 0),
    )
    expect([...memory.u8.subarray(two, two + bytes.length)]).toEqual(bytes)
  })
})

const bits = new DataView(new ArrayBuffer(8))
/** Few different values, so that all outcomes come. */
const FLOATS = [NaN, -NaN, -0, 0, 1, -1, Infinity, -Infinity, 5e-324]
const INTEGERS = [-(2n ** 63n), -1n, 0n, 1n, 2n ** 63n - 1n]

function floatSlot(value: number): bigint {
  bits.setFloat64(0, value)
  return bits.getBigUint64(0)
}

/** 1, 2 or 4: less, equal, greater, as PostgreSQL has it. */
function order(type: number, a: bigint, b: bigint): number {
  if (type === 0) {
    bits.setBigUint64(0, a)
    const x = bits.getFloat64(0)
    bits.setBigUint64(0, b)
    const y = bits.getFloat64(0)
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? (Number.isNaN(y) ? 2 : 4) : 1
    return x < y ? 1 : x === y ? 2 : 4
  }
  const [x, y] = type === 1 ? [BigInt.asIntN(64, a), BigInt.asIntN(64, b)] : [a, b]
  return x < y ? 1 : x === y ? 2 : 4
}

test.each([0, 1, 2, 3])('slots of type %i are compared as one by one, at every length', (type) => {
  const random = seededRandom(200 + type)
  const next = (): bigint => {
    if (type === 0) return floatSlot(FLOATS[Math.floor(random() * FLOATS.length)]!)
    const some = INTEGERS[Math.floor(random() * INTEGERS.length)]!
    return BigInt.asUintN(64, type === 3 ? some & 1n : some)
  }
  for (const count of LENGTHS) {
    for (const accepted of SETS) {
      const values = Array.from({ length: count }, next)
      const constant = next()
      memory.u64.set(values, slots / 8)
      const valid = randomBytes(random, count, 2)
      for (const mask of [0, put(valid, two)]) {
        put([], one)
        kernel.filterConstant(type, accepted, slots, mask, count, constant, one)
        const expected = values.map((value, i) => {
          if (mask !== 0 && valid[i] === 0) return UNKNOWN
          return (order(type, value, constant) & accepted) !== 0 ? TRUE : FALSE
        })
        expect(taken(one, count), `${count} rows, ${accepted}, ${constant}`).toEqual(expected)
      }
    }
  }
})

test('keys of every length are told from those that differ in one byte, wherever it is', () => {
  const table = new KeyTable(kernel, memory, 4)
  for (let length = 1; length <= 70; length++) {
    const key = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff)
    const id = table.insert(key)
    for (let at = 0; at < length; at++) {
      const other = key.slice()
      other[at]! ^= 0x80
      expect(table.find(other)).toBe(-1)
    }
    expect(table.find(key)).toBe(id)
  }
  table.release()
})
