import { describe, expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import {
  BOOLEAN,
  type Block,
  CORRUPT,
  ENTRY_SIZE,
  FLOAT,
  FULL,
  INTEGER,
  STRING,
  TIME,
  UNSIGNED,
  encodeColumn,
  encodeStrings,
  encodeTimes,
  floatSlots,
  guarded,
  kernel,
  memory,
  slotsOf,
} from './block.ts'

const ROWS = 1024
const PAGE_MAX = 64

function fill<T>(n: number, value: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => value(i))
}

/** Entries of blocks that follow each other from `offset` of a part. */
function place(blocks: readonly Block[], offset: number): Uint8Array {
  const entries = new Uint8Array(blocks.length * ENTRY_SIZE)
  for (const [i, block] of blocks.entries()) {
    entries.set(block.entry, i * ENTRY_SIZE)
    new DataView(entries.buffer).setUint32(i * ENTRY_SIZE, offset, true)
    offset += block.bytes.length
  }
  return entries
}

function encodePage(type: number, entries: Uint8Array): Uint8Array {
  const n = entries.length / ENTRY_SIZE
  const bound = kernel.encodePageBound(n)
  return guarded(entries.length, (source) =>
    guarded(bound, (target) => {
      memory.u8.set(entries, source)
      expect(kernel.encodePage(type, source, n, target, bound - 1)).toBe(FULL)
      const size = kernel.encodePage(type, source, n, target, bound)
      expect(size).toBeGreaterThan(0)
      return memory.u8.slice(target, target + size)
    }),
  )
}

function decodePage(type: number, page: Uint8Array, capacity = PAGE_MAX): [number, Uint8Array] {
  return guarded(page.length, (source) =>
    guarded(capacity * ENTRY_SIZE, (target) => {
      memory.u8.set(page, source)
      const count = kernel.decodePage(type, source, page.length, target, capacity)
      return [count, memory.u8.slice(target, target + Math.max(count, 0) * ENTRY_SIZE)]
    }),
  )
}

const dice = randomOf(8)
const bits64 = (): bigint => (BigInt(dice.int(2 ** 32)) << 32n) | BigInt(dice.int(2 ** 32))
const valid = (share: number): Uint8Array =>
  Uint8Array.from({ length: ROWS }, () => (dice.chance(share) ? 1 : 0))
const clock = (start: bigint): bigint[] => fill(ROWS, (i) => start + BigInt(i) * 10_000_000_000n)

const columns: [string, number, Block[]][] = [
  [
    'regular times',
    TIME,
    fill(64, (b) =>
      encodeTimes(clock(1_790_000_000_000_000_000n + BigInt(b) * 10_240_000_000_000n)),
    ),
  ],
  ['times at the ends of the range', TIME, [encodeTimes([-(2n ** 63n) + 2n, 0n, 2n ** 63n - 2n])]],
  [
    'random times',
    TIME,
    fill(5, () => encodeTimes(fill(ROWS, () => bits64() >> 1n).sort((a, b) => (a < b ? -1 : 1)))),
  ],
  [
    'small integers',
    INTEGER,
    fill(64, () => encodeColumn(INTEGER, slotsOf(fill(ROWS, () => BigInt(dice.int(100) - 50))))),
  ],
  [
    'random integers',
    INTEGER,
    fill(7, () => encodeColumn(INTEGER, slotsOf(fill(ROWS, bits64)), valid(0.5))),
  ],
  ['random unsigned', UNSIGNED, fill(7, () => encodeColumn(UNSIGNED, slotsOf(fill(ROWS, bits64))))],
  [
    'largest unsigned',
    UNSIGNED,
    [encodeColumn(UNSIGNED, slotsOf(fill(ROWS, () => 2n ** 64n - 1n)))],
  ],
  ['least integers', INTEGER, [encodeColumn(INTEGER, slotsOf(fill(ROWS, () => -(2n ** 63n))))]],
  [
    'booleans',
    BOOLEAN,
    fill(9, () => encodeColumn(BOOLEAN, slotsOf(fill(ROWS, () => BigInt(dice.int(2)))))),
  ],
  [
    'decimals',
    FLOAT,
    fill(64, () => encodeColumn(FLOAT, floatSlots(fill(ROWS, () => dice.int(10_000) / 100)))),
  ],
  [
    'doubles with NaN',
    FLOAT,
    fill(9, () =>
      encodeColumn(
        FLOAT,
        floatSlots(fill(ROWS, () => (dice.chance(0.1) ? NaN : dice.next()))),
        valid(0.9),
      ),
    ),
  ],
  [
    'decimals with infinities',
    FLOAT,
    [encodeColumn(FLOAT, floatSlots(fill(ROWS, (i) => (i === 9 ? -Infinity : i / 10))))],
  ],
  [
    'strings',
    STRING,
    fill(9, (b) =>
      encodeStrings(fill(ROWS, (i) => (i % 9 === 0 ? null : Buffer.from(`v${(i * b) % 50}`)))),
    ),
  ],
  ['nulls', FLOAT, fill(64, () => encodeColumn(FLOAT, floatSlots(fill(ROWS, () => 0)), valid(0)))],
  [
    'nulls between values',
    INTEGER,
    fill(30, (b) => encodeColumn(INTEGER, slotsOf(fill(ROWS, bits64)), valid(b % 3 === 0 ? 1 : 0))),
  ],
  ['one row', INTEGER, [encodeColumn(INTEGER, slotsOf([5n]))]],
  [
    'a short last block',
    INTEGER,
    [encodeColumn(INTEGER, slotsOf(fill(ROWS, BigInt))), encodeColumn(INTEGER, slotsOf([1n, 2n]))],
  ],
]

describe.each(columns)('a directory page of %s', (_name, type, blocks) => {
  const entries = place(blocks, 4096)
  const page = encodePage(type, entries)

  test('decodes to the entries it was made of', () => {
    expect(decodePage(type, page)).toEqual([blocks.length, entries])
  })

  test('is refused when it is cut anywhere, has a byte more or is of another type', () => {
    for (let size = 0; size < page.length; size++) {
      expect(decodePage(type, page.slice(0, size))[0], `cut at ${size}`).toBe(CORRUPT)
    }
    expect(decodePage(type, Uint8Array.of(...page, 0))[0]).toBe(CORRUPT)
    expect(decodePage((type + 1) % 6, page)[0]).toBe(CORRUPT)
    expect(decodePage(type, page, blocks.length - 1)[0]).toBe(FULL)
  })

  test('never leads the decoder outside its memory (seeds 1 to 200)', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomOf(seed)
      const damaged = page.slice()
      for (let k = 0; k <= random.int(5); k++) damaged[random.int(damaged.length)] = random.int(256)
      decodePage(type, damaged)
    }
  })
})

test('an entry of a typical column takes at most 28 bytes on disk', () => {
  for (const name of ['regular times', 'small integers', 'decimals', 'booleans']) {
    const [, type, blocks] = columns.find((column) => column[0] === name)!
    const size = encodePage(type, place(blocks, 4096)).length / blocks.length
    expect(size, name).toBeLessThanOrEqual(28)
  }
})

test('the first block that reaches a time is found among any maxima (seeds 1 to 60)', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomOf(seed)
    const n = 1 + random.int(300)
    const maxima: bigint[] = []
    let at = -(2n ** 62n) * BigInt(random.int(2)) - BigInt(random.int(100))
    for (let i = 0; i < n; i++) {
      at += BigInt(1 + random.int(1000)) * (random.chance(0.02) ? 10n ** 15n : 1n)
      maxima.push(at)
    }
    guarded(n * ENTRY_SIZE, (entries) => {
      for (const [i, max] of maxima.entries()) {
        const least = i > 0 ? maxima[i - 1]! + 1n : -(2n ** 63n)
        // A block begins anywhere behind the one before.
        const minimum =
          least + BigInt(random.int(Number(max - least > 1000n ? 1000n : max - least) + 1))
        memory.i64[(entries + i * ENTRY_SIZE + 40) / 8] = minimum
        memory.i64[(entries + i * ENTRY_SIZE + 48) / 8] = max
      }
      for (const probe of [
        -(2n ** 63n),
        2n ** 63n - 1n,
        ...maxima.flatMap((max) => [max - 1n, max, max + 1n]),
      ]) {
        const from = random.int(n)
        const expected = maxima.findIndex((max, i) => i >= from && max >= probe)
        const found = kernel.blockLowerBound(entries, from, n, probe)
        expect(found, `seed ${seed} time ${probe} from ${from}`).toBe(expected < 0 ? n : expected)
      }
    })
  }
})

describe('series starts', () => {
  function starts(rows: [number, bigint][], previous = -1n, previousTime = 0n): number[] | number {
    return guarded(rows.length * 14, (times) => {
      const series = times + rows.length * 8
      const target = series + rows.length * 4
      for (const [i, [id, time]] of rows.entries()) {
        memory.i64[times / 8 + i] = time
        memory.u32[series / 4 + i] = id
      }
      const count = kernel.seriesStarts(series, times, rows.length, previous, previousTime, target)
      return count < 0 ? count : [...memory.u16.slice(target / 2, target / 2 + count)]
    })
  }

  test('are the rows whose id differs from the one before', () => {
    expect(
      starts([
        [3, 5n],
        [3, 6n],
        [4, 1n],
        [9, 0n],
        [9, 1n],
      ]),
    ).toEqual([0, 2, 3])
    expect(
      starts(
        [
          [3, 5n],
          [4, 6n],
        ],
        3n,
        4n,
      ),
    ).toEqual([1])
    expect(
      starts([
        [0, 5n],
        [2 ** 32 - 1, 6n],
      ]),
    ).toEqual([0, 1])
  })

  test('are refused when series or times fall or repeat', () => {
    expect(
      starts([
        [3, 5n],
        [3, 5n],
      ]),
    ).toBe(CORRUPT)
    expect(
      starts([
        [3, 5n],
        [3, 4n],
      ]),
    ).toBe(CORRUPT)
    expect(
      starts([
        [3, 5n],
        [2, 9n],
      ]),
    ).toBe(CORRUPT)
    expect(starts([[3, 5n]], 3n, 5n)).toBe(CORRUPT)
    expect(starts([[3, 5n]], 4n, 1n)).toBe(CORRUPT)
  })
})
