// Encodes and decodes column blocks for tests, as plain bytes and arrays, with guard bytes around
// every target so that a write outside is noticed.

import { expect } from 'vitest'
import { openKernel } from '../kernel.ts'

export const { kernel, memory } = await openKernel()
export const ENTRY_SIZE = kernel.ENTRY_SIZE.value
export const FLOAT = kernel.FLOAT.value
export const INTEGER = kernel.INTEGER.value
export const UNSIGNED = kernel.UNSIGNED.value
export const BOOLEAN = kernel.BOOLEAN.value
export const STRING = kernel.STRING.value
export const TIME = kernel.TIME.value
export const CORRUPT = kernel.CORRUPT.value
export const FULL = kernel.FULL.value

const GUARD = 0xa5
const GUARD_SIZE = 64
const ROWS_MAX = 1024

/** A block as it would be stored. */
export interface Block {
  readonly type: number
  readonly bytes: Uint8Array
  readonly entry: Uint8Array
}

export interface Entry {
  size: number
  rows: number
  count: number
  encoding: number
  flags: number
  width: number
  exponent: number
  pieces: number
  exceptions: number
  base: bigint
  slope: bigint
  min: bigint
  max: bigint
  sumLow: bigint
  sumHigh: bigint
  first: bigint
  last: bigint
  epsilon: number
  shift: number
  offsetBytes: number
  unarySize: number
}

export function readEntry(bytes: Uint8Array): Entry {
  const view = new DataView(bytes.slice().buffer)
  const slot = (at: number): bigint => view.getBigUint64(at, true)
  return {
    size: view.getUint32(4, true),
    rows: view.getUint16(12, true),
    count: view.getUint16(14, true),
    encoding: view.getUint8(16),
    flags: view.getUint8(17),
    width: view.getUint8(18),
    exponent: view.getUint8(19),
    pieces: view.getUint16(20, true),
    exceptions: view.getUint16(22, true),
    base: view.getBigInt64(24, true),
    slope: view.getBigInt64(32, true),
    min: slot(40),
    max: slot(48),
    sumLow: slot(56),
    sumHigh: view.getBigInt64(64, true),
    first: slot(72),
    last: slot(80),
    epsilon: view.getUint16(88, true),
    shift: view.getUint8(90),
    offsetBytes: view.getUint8(91),
    unarySize: view.getUint16(94, true),
  }
}

/** Runs `use` with a region whose surroundings must stay untouched. */
export function guarded<T>(size: number, use: (pointer: number) => T): T {
  const region = memory.allocate(size + 2 * GUARD_SIZE)
  memory.u8.fill(GUARD, region.offset, region.offset + size + 2 * GUARD_SIZE)
  const start = region.offset + GUARD_SIZE
  try {
    const result = use(start)
    const { u8 } = memory
    for (let i = 0; i < GUARD_SIZE; i++) {
      if (u8[region.offset + i] !== GUARD || u8[start + size + i] !== GUARD) {
        expect.fail(`a byte ${i} outside the target of ${size} was written`)
      }
    }
    return result
  } finally {
    memory.release(region)
  }
}

/** Slots of i64 or u64 values. */
export function slotsOf(values: readonly bigint[]): BigUint64Array {
  return BigUint64Array.from(values, (value) => BigInt.asUintN(64, value))
}

/** Slots of doubles, bit for bit. */
export function floatSlots(values: readonly number[]): BigUint64Array {
  return new BigUint64Array(Float64Array.from(values).buffer)
}

export function encodeTimes(times: readonly bigint[], starts: readonly number[] = []): Block {
  const n = times.length
  const bound = kernel.encodeTimesBound(n)
  return guarded(n * 8 + 2048, (source) =>
    guarded(bound, (target) =>
      guarded(ENTRY_SIZE, (entry) => {
        memory.i64.set(times, source / 8)
        memory.u16.set(starts, source / 2 + n * 4)
        const size = kernel.encodeTimes(
          source,
          n,
          source + n * 8,
          starts.length,
          target,
          bound,
          entry,
        )
        expect(size).toBeGreaterThanOrEqual(0)
        return take(TIME, target, size, entry)
      }),
    ),
  )
}

export function encodeColumn(
  type: number,
  slots: BigUint64Array,
  valid: Uint8Array = new Uint8Array(slots.length).fill(1),
  room = 0,
): Block {
  const n = slots.length
  return guarded(n * 9, (values) => {
    memory.u64.set(slots, values / 8)
    memory.u8.set(valid, values + n * 8)
    const bound = kernel.encodeColumnBound(type, values, values + n * 8, n)
    return guarded(bound + room, (target) =>
      guarded(ENTRY_SIZE, (entry) => {
        const size = kernel.encodeColumn(type, values, values + n * 8, n, target, bound, entry)
        expect(size).toBeGreaterThanOrEqual(0)
        const block = take(type, target, size, entry)
        // One byte too few must be refused, and must stay within the target.
        if (size > 0) {
          guarded(size - 1, (small) => {
            const status = kernel.encodeColumn(
              type,
              values,
              values + n * 8,
              n,
              small,
              size - 1,
              entry,
            )
            expect(status).toBe(FULL)
          })
        }
        return block
      }),
    )
  })
}

/** Encodes strings (null = no value). */
export function encodeStrings(texts: readonly (Uint8Array | null)[]): Block {
  const size = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0)
  const region = memory.allocate(size + 1)
  const slots = new BigUint64Array(texts.length)
  let at = region.offset
  for (const [i, text] of texts.entries()) {
    if (text === null) continue
    memory.u8.set(text, at)
    slots[i] = (BigInt(text.length) << 32n) | BigInt(at)
    at += text.length
  }
  const valid = Uint8Array.from(texts, (text) => (text === null ? 0 : 1))
  const block = encodeColumn(STRING, slots, valid)
  memory.release(region)
  return block
}

function take(type: number, target: number, size: number, entry: number): Block {
  return {
    type,
    bytes: memory.u8.slice(target, target + size),
    entry: memory.u8.slice(entry, entry + ENTRY_SIZE),
  }
}

/** Places a block in memory, its bytes between guards. */
export function placed<T>(block: Block, use: (bytes: number, entry: number) => T): T {
  return guarded(block.bytes.length, (bytes) =>
    guarded(ENTRY_SIZE, (entry) => {
      memory.u8.set(block.bytes, bytes)
      memory.u8.set(block.entry, entry)
      return use(bytes, entry)
    }),
  )
}

export function check(block: Block): number {
  return placed(block, (bytes, entry) => kernel.checkBlock(block.type, bytes, entry))
}

export interface Decoded {
  status: number
  slots: BigUint64Array
  valid: Uint8Array
  /** For strings: their bytes, null without value. */
  texts: (Uint8Array | null)[]
}

/** Decodes rows from … from + count; damaged strings that leave the block fail the test. */
export function decodeColumn(block: Block, from = 0, count = readEntry(block.entry).rows): Decoded {
  const room = Math.min(Math.max(count, 0), ROWS_MAX)
  return placed(block, (bytes, entry) =>
    guarded(room * 8, (values) =>
      guarded(room, (valid) => {
        const status = kernel.decodeColumn(block.type, bytes, entry, from, count, values, valid)
        const slots = memory.u64.slice(values / 8, values / 8 + room)
        const bits = memory.u8.slice(valid, valid + room)
        const texts: (Uint8Array | null)[] = []
        const textCount = block.type === STRING && status >= 0 ? room : 0
        for (let i = 0; i < textCount; i++) {
          const pointer = Number(slots[i]! & 0xffff_ffffn)
          const length = Number(slots[i]! >> 32n)
          if (bits[i] === 0) {
            texts.push(null)
            continue
          }
          expect(pointer).toBeGreaterThanOrEqual(bytes)
          expect(pointer + length).toBeLessThanOrEqual(bytes + block.bytes.length)
          texts.push(memory.u8.slice(pointer, pointer + length))
        }
        return { status, slots, valid: bits, texts }
      }),
    ),
  )
}

export function decodeTimes(block: Block, from: number, count: number): [number, BigInt64Array] {
  const room = Math.min(Math.max(count, 0), ROWS_MAX)
  return placed(block, (bytes, entry) =>
    guarded(room * 8, (target) => {
      const status = kernel.decodeTimes(bytes, entry, from, count, target)
      return [status, memory.i64.slice(target / 8, target / 8 + room)]
    }),
  )
}

/** As `Array.from` with a length. */
export function fill<T>(n: number, value: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => value(i))
}

export const allValid = (n: number): Uint8Array => new Uint8Array(n).fill(1)

/** Decodes everything, some ranges and some single rows, and compares where there is a value. */
export function expectRoundTrip(
  block: Block,
  slots: BigUint64Array,
  valid: Uint8Array,
  why = '',
): void {
  const n = slots.length
  expect(check(block), `${why} check`).toBe(0)
  const entry = readEntry(block.entry)
  expect(entry).toMatchObject({ rows: n, count: valid.reduce((sum, bit) => sum + bit, 0) })
  const ranges = [
    [0, n],
    [0, 0],
    [n, 0],
    [n >> 1, n - (n >> 1)],
    [n - 1, 1],
    [Math.min(31, n - 1), 1],
  ]
  for (const [from, count] of ranges as [number, number][]) {
    const decoded = decodeColumn(block, from, count)
    expect(decoded.status, `${why} rows ${from} + ${count}`).toBe(count)
    expect(decoded.valid).toEqual(valid.slice(from, from + count))
    const expected = slots
      .slice(from, from + count)
      .map((slot, i) => (decoded.valid[i] ? slot : 0n))
    const found = decoded.slots.map((slot, i) => (decoded.valid[i] ? slot : 0n))
    expect(found, `${why} rows ${from} + ${count}`).toEqual(expected)
  }
}
