import { describe, expect, test } from 'vitest'
import { openKernel } from '../kernel.ts'
import { type Random, randomOf } from '../random.ts'
import {
  BOOLEAN,
  type Block,
  CORRUPT,
  ENTRY_SIZE,
  FLOAT,
  INTEGER,
  STRING,
  UNSIGNED,
  allValid,
  check,
  decodeColumn,
  encodeColumn,
  encodeStrings,
  expectRoundTrip,
  fill,
  floatSlots,
  readEntry,
  slotsOf,
} from './block.ts'

const encoder = new TextEncoder()
const I64_MIN = -(2n ** 63n)
const I64_MAX = 2n ** 63n - 1n
const U64_MAX = 2n ** 64n - 1n

function floatOf(slot: bigint): number {
  return new Float64Array(BigUint64Array.of(slot).buffer)[0]!
}

const dice = randomOf(5)
const bits64 = (): bigint => (BigInt(dice.int(2 ** 32)) << 32n) | BigInt(dice.int(2 ** 32))

const integers: [string, bigint[]][] = [
  ['one', [42n]],
  ['the extremes', [I64_MIN, I64_MAX, 0n, -1n, 1n, I64_MIN + 1n]],
  ['the extremes again and again', fill(1024, (i) => (i % 2 === 0 ? I64_MIN : I64_MAX))],
  ['a constant', fill(1024, () => -7n)],
  ['sorted', fill(1000, (i) => BigInt(i) * 3n - 1500n)],
  ['reversed', fill(1000, (i) => 1_000_000n - BigInt(i) * 17n)],
  ['a counter with resets', fill(1024, (i) => BigInt(i % 300) * 1234n)],
  ['steps', fill(1024, (i) => BigInt(Math.floor(i / 100)) * 2n ** 40n)],
  ['one outlier', fill(1024, (i) => (i === 500 ? I64_MAX : BigInt(i % 7)))],
  ['thousands', fill(1024, () => BigInt(dice.int(1000)) * 1_000_000n)],
  ['random bits', fill(1024, () => BigInt.asIntN(64, bits64()))],
  ['33 rows of 33 bits', fill(33, () => BigInt(dice.int(2 ** 32)) * 2n + 1n)],
  ['powers of two', fill(63, (i) => 2n ** BigInt(i))],
  ['powers of ten', fill(19, (i) => 10n ** BigInt(i))],
]

describe.each(integers)('an integer block of %s', (_name, values) => {
  const slots = slotsOf(values)

  test.each([INTEGER, UNSIGNED])('comes back as type %i', (type) => {
    expectRoundTrip(encodeColumn(type, slots), slots, allValid(slots.length))
  })

  test.each([INTEGER, UNSIGNED])('is summarised exactly as type %i', (type) => {
    const read = (v: bigint): bigint => (type === UNSIGNED ? BigInt.asUintN(64, v) : v)
    const typed = values.map(read)
    const entry = readEntry(encodeColumn(type, slots).entry)
    const sorted = [...typed].sort((a, b) => (a < b ? -1 : 1))
    const sum = typed.reduce((a, b) => a + b, 0n)
    expect(entry.sumHigh * 2n ** 64n + entry.sumLow).toBe(sum)
    expect(entry).toMatchObject({
      min: BigInt.asUintN(64, sorted[0]!),
      max: BigInt.asUintN(64, sorted.at(-1)!),
      first: slots[0],
      last: slots.at(-1),
    })
    expect(entry.flags & 8).toBe(8)
  })

  test('comes back with nulls in it, summarised without them', () => {
    const valid = Uint8Array.from(values, (_, i) => (i % 3 === 1 ? 0 : 1))
    const block = encodeColumn(INTEGER, slots, valid)
    expectRoundTrip(block, slots, valid)
    const kept = values.filter((_, i) => valid[i])
    const entry = readEntry(block.entry)
    expect(BigInt.asIntN(64, entry.first)).toBe(kept[0])
    expect(BigInt.asIntN(64, entry.last)).toBe(kept.at(-1))
    expect(entry.sumHigh * 2n ** 64n + entry.sumLow).toBe(kept.reduce((a, b) => a + b, 0n))
  })
})

test('unsigned sums reach beyond 64 bits exactly', () => {
  const entry = readEntry(encodeColumn(UNSIGNED, slotsOf(fill(1024, () => U64_MAX))).entry)
  expect(entry.sumHigh * 2n ** 64n + entry.sumLow).toBe(U64_MAX * 1024n)
  expect(entry).toMatchObject({ size: 0, min: U64_MAX, max: U64_MAX })
})

test('booleans take a bit a row, or nothing while they do not change', () => {
  const mixed = slotsOf(fill(1024, () => BigInt(dice.int(2))))
  const block = encodeColumn(BOOLEAN, mixed)
  expectRoundTrip(block, mixed, allValid(1024))
  expect(block.bytes.length).toBe(128)
  expect(encodeColumn(BOOLEAN, slotsOf(fill(1024, () => 1n))).bytes.length).toBe(0)
  const switched = encodeColumn(BOOLEAN, slotsOf(fill(1024, (i) => BigInt(i > 600))))
  expect(switched.bytes.length).toBeLessThanOrEqual(4)
})

describe('null patterns', () => {
  const slots = slotsOf(fill(1024, (i) => BigInt(i) * 1000n))

  test('an all-null block of any type has no bytes and decodes to nulls', () => {
    for (const type of [FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING]) {
      const block = encodeColumn(type, slots, new Uint8Array(1024))
      expect(readEntry(block.entry)).toMatchObject({ size: 0, count: 0, encoding: 0, flags: 3 })
      expect(check(block)).toBe(0)
      const decoded = decodeColumn(block, 10, 500)
      expect([decoded.status, decoded.valid]).toEqual([500, new Uint8Array(500)])
    }
  })

  test('a single value among nulls is kept wherever it is', () => {
    for (const row of [0, 1, 31, 32, 500, 1022, 1023]) {
      const valid = new Uint8Array(1024)
      valid[row] = 1
      for (const type of [FLOAT, INTEGER, UNSIGNED]) {
        expectRoundTrip(encodeColumn(type, slots, valid), slots, valid, `row ${row}`)
      }
    }
  })

  test('nulls do not widen the residuals: their slots may hold anything', () => {
    const wild = slots.map((slot, i) => (i % 2 === 0 ? slot : bits64()))
    const valid = Uint8Array.from(wild, (_, i) => (i % 2 === 0 ? 1 : 0))
    const block = encodeColumn(INTEGER, wild, valid)
    expectRoundTrip(block, wild, valid)
    expect(block.bytes.length).toBe(128)
  })

  test('valid bytes other than 1 count as valid', () => {
    const block = encodeColumn(INTEGER, slots.slice(0, 3), Uint8Array.of(255, 0, 2))
    expect(decodeColumn(block).valid).toEqual(Uint8Array.of(1, 0, 1))
  })
})

const decimals = (digits: number, spread: number): number[] =>
  fill(1024, () => Number((dice.next() * spread - spread / 3).toFixed(digits)))
const floats: [string, number[], number?][] = [
  ['one zero', [0]],
  ['one minus zero', [-0]],
  ['one NaN', [NaN]],
  ['the specials', [0, -0, NaN, Infinity, -Infinity, 5e-324, -5e-324, 1.7976931348623157e308]],
  ['integers', fill(1024, (i) => i * 3 - 500)],
  ['2 digits', decimals(2, 100), 2],
  ['4 digits', decimals(4, 1000), 2],
  ['9 digits', decimals(9, 100), 2],
  ['15 digits', decimals(13, 10)],
  ['17 digits', fill(1024, () => dice.next())],
  ['large and small magnitudes', fill(1024, (i) => 10 ** ((i % 600) - 300))],
  ['random bits', fill(1024, () => floatOf(bits64()))],
  ['float32 readings', fill(1024, () => Math.fround(20 + dice.next()))],
  ['negative float32 readings', fill(1024, () => Math.fround(dice.next() - 0.5))],
  ['decimals with some NaN', decimals(1, 50).map((v, i) => (i % 90 === 3 ? NaN : v)), 2],
  ['decimals with minus zeros', decimals(1, 2).map((v, i) => (i % 40 === 3 ? -0 : v)), 2],
  ['decimals with misfits', decimals(1, 50).map((v, i) => (i % 100 === 3 ? Math.PI * i : v)), 2],
  ['decimals with infinities', decimals(1, 50).map((v, i) => (i % 100 === 3 ? -Infinity : v)), 2],
  ['0.1 added up', fill(1024, (i) => fill(i, () => 0.1).reduce((a, b) => a + b, 0))],
  ['only NaN', fill(100, () => NaN)],
  ['only minus zero', fill(100, () => -0)],
  ['mantissas at the limit of 2^53', [2 ** 53, 2 ** 53 - 1, -(2 ** 53), 2 ** 53 + 2, 1 - 2 ** 53]],
]

describe.each(floats)('a float block of %s', (_name, values, encoding) => {
  const slots = floatSlots(values)
  const block = encodeColumn(FLOAT, slots)

  test('comes back bit for bit', () => {
    expectRoundTrip(block, slots, allValid(slots.length))
    if (encoding !== undefined) expect(readEntry(block.entry).encoding).toBe(encoding)
  })

  test('comes back with nulls in it', () => {
    const valid = Uint8Array.from(values, (_, i) => (i % 5 === 2 ? 0 : 1))
    expectRoundTrip(encodeColumn(FLOAT, slots, valid), slots, valid)
  })

  test('is summarised: NaN sorts highest', () => {
    const entry = readEntry(block.entry)
    const numbers = values.filter((value) => !Number.isNaN(value))
    const hasNaN = numbers.length < values.length
    expect((entry.flags & 4) !== 0).toBe(hasNaN)
    const least = numbers.reduce((a, b) => (b < a ? b : a), numbers[0] ?? NaN)
    const most = numbers.reduce((a, b) => (b > a ? b : a), numbers[0] ?? NaN)
    expect(floatOf(entry.min)).toBe(least)
    expect(floatOf(entry.max)).toBe(hasNaN ? NaN : most)
    expect(entry.first).toBe(slots[0])
    expect(entry.last).toBe(slots.at(-1))
    const sum = values.reduce((a, b) => a + b, 0)
    const size = values.reduce((a, b) => a + Math.abs(b), 0)
    if (!Number.isFinite(size)) return
    expect(Math.abs(floatOf(entry.sumLow) - sum)).toBeLessThanOrEqual(size * 1e-12)
  })
})

test('NaN keeps its payload and sign, as an exception and in an ordered block', () => {
  const payloads = [
    0x7ff8000000000001n,
    0xfff8000000000000n,
    0x7ff0000000000001n,
    0xffffffffffffffffn,
  ]
  for (const others of [fill(60, (i) => i / 10), fill(60, () => dice.next())]) {
    const slots = new BigUint64Array([...payloads, ...floatSlots(others)])
    expectRoundTrip(encodeColumn(FLOAT, slots), slots, allValid(slots.length))
  }
})

describe('sizes of typical columns', () => {
  const bitsOf = (block: Block): number => (block.bytes.length * 8) / readEntry(block.entry).rows
  const walk = fill(1024, () => 0)
  for (let i = 1, at = 50; i < 1024; i++)
    walk[i] = at = Math.max(0, Math.min(100, at + dice.int(3) - 1))

  test('a walk of CPU percent takes at most 6 bits a value', () => {
    expect(bitsOf(encodeColumn(FLOAT, floatSlots(walk)))).toBeLessThanOrEqual(6)
  })

  test('temperatures of two digits take at most 8 bits a value', () => {
    const values = walk.map((v, i) => Number((20 + v / 100 + Math.sin(i / 90)).toFixed(2)))
    expect(bitsOf(encodeColumn(FLOAT, floatSlots(values)))).toBeLessThanOrEqual(8)
  })

  test('float32 readings take at most 26 bits a value', () => {
    const values = fill(1024, () => Math.fround(20 + dice.next() * 5))
    expect(bitsOf(encodeColumn(FLOAT, floatSlots(values)))).toBeLessThanOrEqual(26)
  })

  test('a step gauge takes at most a bit a value', () => {
    const values = fill(1024, (i) => Math.floor(i / 90) * 1000.5)
    expect(bitsOf(encodeColumn(FLOAT, floatSlots(values)))).toBeLessThanOrEqual(1)
  })

  test('random bits take no more than themselves', () => {
    const block = encodeColumn(INTEGER, slotsOf(fill(1024, bits64)))
    expect(block.bytes.length).toBeLessThanOrEqual(8192)
  })
})

function randomBlock(dice: Random): Block {
  const n = 1 + dice.int(dice.chance(0.5) ? 1024 : 70)
  const share = dice.pick([0.9, 0.3])
  const valid = Uint8Array.from({ length: n }, () => (dice.chance(share) ? 1 : 0))
  const mask = dice.chance(0.5) ? allValid(n) : valid
  const kind = dice.int(6)
  if (kind >= 4) {
    // Walks and counters: sums of steps, and sums that never fall.
    let at = 0
    const step = (): number => (kind === 4 ? dice.int(5) - 2 : dice.int(40))
    const values = fill(n, () => (at += dice.chance(0.01) ? 9_999 : step()) / 10)
    return encodeColumn(FLOAT, floatSlots(values), mask)
  }
  if (kind === 0) {
    const distinct = dice.pick([1 + dice.int(40), 100_000])
    return encodeStrings(
      fill(n, (i) => (mask[i] ? encoder.encode(`s${dice.int(distinct)}`) : null)),
    )
  }
  if (kind === 1) {
    const digits = dice.int(6)
    const odd = dice.pick([0, 0.01, 0.3])
    const pick = (): number =>
      dice.chance(odd)
        ? dice.pick([NaN, -0, Infinity, Math.E])
        : Number((dice.next() * 90).toFixed(digits))
    return encodeColumn(FLOAT, floatSlots(fill(n, pick)), mask)
  }
  const width = BigInt(1 + dice.int(64))
  const slope = BigInt(dice.int(1000)) ** BigInt(dice.int(4))
  const value = (i: number): bigint => (bits64() % 2n ** width) + slope * BigInt(i)
  return encodeColumn(kind === 2 ? INTEGER : UNSIGNED, slotsOf(fill(n, value)), mask)
}

test('random integers of every width and slope come back (seeds 1 to 200)', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomOf(seed)
    const n = 1 + random.int(1024)
    const width = 2n ** BigInt(random.int(65))
    const slope =
      BigInt(random.int(2 ** 31)) ** BigInt(random.int(3)) * (random.chance(0.5) ? 1n : -1n)
    const slots = slotsOf(fill(n, (i) => (bits64() % width) + slope * BigInt(i)))
    const valid = Uint8Array.from(slots, () => (random.chance(0.8) ? 1 : 0))
    const type = random.chance(0.5) ? INTEGER : UNSIGNED
    expectRoundTrip(encodeColumn(type, slots), slots, allValid(n), `seed ${seed}`)
    expectRoundTrip(encodeColumn(type, slots, valid), slots, valid, `seed ${seed} nulls`)
  }
})

describe('a damaged column block', () => {
  test('is noticed whichever bit flips', () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const block = randomBlock(randomOf(seed))
      for (let bit = seed; bit < block.bytes.length * 8; bit += 13) {
        const bytes = block.bytes.slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(check({ ...block, bytes }), `seed ${seed} bit ${bit}`).toBe(CORRUPT)
      }
    }
  })

  test('is noticed when an entry of another block is put beside it', () => {
    const a = encodeColumn(INTEGER, slotsOf(fill(100, () => bits64())))
    const b = encodeColumn(INTEGER, slotsOf(fill(100, () => bits64())))
    expect(check({ ...a, entry: b.entry })).toBe(CORRUPT)
    expect(check({ ...a, type: FLOAT })).toBe(CORRUPT)
    expect(check({ ...a, type: STRING })).toBe(CORRUPT)
  })

  test('never leads a decoder outside its memory, with the checksum bypassed (seeds 1 to 800)', () => {
    for (let seed = 1; seed <= 800; seed++) {
      const random = randomOf(seed)
      const block = randomBlock(random)
      const bytes = block.bytes.slice()
      const entry = block.entry.slice()
      for (let k = 0; k <= random.int(6) && bytes.length > 0; k++)
        bytes[random.int(bytes.length)] = random.int(256)
      if (random.chance(0.6)) entry[12 + random.int(84)] = random.int(256)
      const damaged = { ...block, bytes, entry }
      check(damaged)
      const rows = Math.min(readEntry(entry).rows, 1024)
      const { status } = decodeColumn(damaged, 0, rows)
      expect([CORRUPT, rows], `seed ${seed}`).toContain(status)
      decodeColumn(damaged, random.int(rows + 1), random.int(40))
    }
  })

  test('never makes a decoder read beyond the end of memory (seeds 1 to 300)', async () => {
    const own = await openKernel()
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomOf(seed)
      const block = randomBlock(random)
      const bytes = block.bytes.slice()
      for (let k = 0; k < 4 && bytes.length > 0; k++)
        bytes[random.int(bytes.length)] = random.int(256)
      const entry = block.entry.slice()
      if (random.chance(0.5)) entry[12 + random.int(84)] = random.int(256)
      const values = own.memory.allocate(65_536 * 3)
      const end = own.memory.wasm.buffer.byteLength
      if (values.offset + values.size > end - 65_536 * 2) own.memory.wasm.grow(64)
      const at = own.memory.wasm.buffer.byteLength - bytes.length
      // Grown behind the back of Memory, whose views do not see it.
      const u8 = new Uint8Array(own.memory.wasm.buffer)
      u8.set(bytes, at)
      u8.set(entry, values.offset)
      const slots = values.offset + ENTRY_SIZE
      const rows = readEntry(entry).rows
      own.kernel.decodeColumn(block.type, at, values.offset, 0, rows, slots, slots + 8192)
      own.kernel.checkBlock(block.type, at, values.offset)
      own.memory.release(values)
    }
  })

  test('refuses rows that it does not have', () => {
    const block = encodeColumn(INTEGER, slotsOf(fill(10, BigInt)))
    for (const [from, count] of [
      [0, 11],
      [10, 1],
      [-1, 1],
      [0, -1],
      [5, 2 ** 31 - 1],
    ] as const) {
      expect(decodeColumn(block, from, count).status).toBe(CORRUPT)
    }
  })
})
