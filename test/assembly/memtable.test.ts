import { beforeEach, describe, expect, test } from 'vitest'
import type { KernelInstance } from '../../engine/kernel.ts'
import { encodeRows, FLOAT, type Point, STRING, TestCatalog } from '../engine/segment/rows.ts'
import { openKernel, seededRandom } from '../kernel.ts'

let instance: KernelInstance
let catalog: TestCatalog
let float: number
let string: number

beforeEach(async () => {
  instance = await openKernel()
  catalog = new TestCatalog(instance)
  const table = catalog.table(86_400)
  float = catalog.column(table, FLOAT)
  string = catalog.column(table, STRING)
  catalog.addSeries(table)
  catalog.addSeries(table)
})

const point = (series: number, time: bigint, text?: string): Point => ({
  series,
  time,
  fields: text === undefined ? new Map([[float, 5n]]) : new Map([[string, text]]),
})

/** Puts bytes into kernel memory and answers where. */
function place(bytes: Uint8Array): number {
  const { offset } = instance.memory.allocate(bytes.length)
  instance.memory.u8.set(bytes, offset)
  return offset
}

interface Opened {
  pointer: number
  rows: number
  arena: number
}

function open(which: 0 | 1, rowBytes = 1024, arenaBytes = 1024): Opened {
  const { kernel, memory } = instance
  const pointer = memory.allocate(kernel.MEMTABLE_SIZE.value).offset
  const rows = memory.allocate(rowBytes).offset
  const arena = memory.allocate(arenaBytes).offset
  kernel.memtableInit(pointer, rows, rowBytes, arena, arenaBytes, which)
  return { pointer, rows, arena }
}

function apply(memtable: Opened, points: Point[]): number {
  return applyInSteps(memtable, points, 2 ** 31, () => {})
}

/** Applies `budget` rows a call; `between` is called after each but the last. */
function applyInSteps(
  memtable: Opened,
  points: Point[],
  budget: number,
  between: () => void,
): number {
  const { rows, arena } = encodeRows(catalog, points)
  const [rowsAt, arenaAt] = [place(rows), place(arena)]
  for (;;) {
    const count = instance.kernel.memtableApply(
      ...([memtable.pointer, rowsAt, rows.length, arenaAt, arena.length] as const),
      ...([catalog.pointer, budget] as const),
    )
    if (count !== 0) return count
    between()
  }
}

const u32 = (pointer: number): number => instance.memory.u32[pointer >>> 2]!

describe('memtable in the kernel', () => {
  test('rows of a series are linked, newest first, and the other memtable sees nothing', () => {
    const memtable = open(1)
    expect(apply(memtable, [point(0, 10n), point(1, 20n), point(0, 5n)])).toBe(3)
    expect(apply(memtable, [point(0, 7n)])).toBe(1)
    const head = instance.kernel.memtableHead(memtable.pointer, catalog.series.pointer, 0)
    expect(head).toBe(96 + 1)
    expect(catalog.series.payload(0, 'd')).toBe(97)
    expect(catalog.series.payload(0, 'c')).toBe(0)
    expect(u32(memtable.rows + 96 + 8)).toBe(64 + 1)
    expect(u32(memtable.rows + 64 + 8)).toBe(0 + 1)
    expect(u32(memtable.rows + 8)).toBe(0)
    expect(u32(memtable.rows + 32 + 8)).toBe(0)
  })

  test('count and times cover all rows, also the extreme ones', () => {
    const memtable = open(0)
    const times = [0n, 2n ** 63n - 2n, -(2n ** 63n) + 2n]
    apply(
      memtable,
      times.map((time) => point(0, time)),
    )
    expect(u32(memtable.pointer + 24)).toBe(3)
    expect(instance.memory.i64[(memtable.pointer + 32) >>> 3]).toBe(-(2n ** 63n) + 2n)
    expect(instance.memory.i64[(memtable.pointer + 40) >>> 3]).toBe(2n ** 63n - 2n)
  })

  test('strings of a second batch point behind those of the first', () => {
    const memtable = open(0)
    apply(memtable, [point(0, 1n, 'first')])
    apply(memtable, [point(0, 2n), point(0, 3n, ''), point(0, 4n, 'second')])
    const slot = memtable.rows + 32 * 3 + 24
    expect([u32(slot), u32(slot + 4)]).toEqual([5, 6])
    expect(u32(memtable.rows + 32 + 24)).toBe(5)
    const text = instance.memory.u8.slice(memtable.arena, memtable.arena + 11)
    expect(new TextDecoder().decode(text)).toBe('firstsecond')
  })

  test('a batch that does not fit changes nothing, one that fits exactly is taken', () => {
    const memtable = open(0, 64, 4)
    const { kernel } = instance
    expect(apply(memtable, [point(0, 1n, 'a'), point(0, 2n), point(0, 3n)])).toBe(kernel.FULL.value)
    expect(apply(memtable, [point(0, 1n, 'aaaaa')])).toBe(kernel.FULL.value)
    expect(u32(memtable.pointer + 8) + u32(memtable.pointer + 24)).toBe(0)
    expect(catalog.series.payload(0, 'c')).toBe(0)
    expect(apply(memtable, [point(0, 1n, 'aaaa'), point(0, 2n)])).toBe(2)
    expect(apply(memtable, [point(0, 3n)])).toBe(kernel.FULL.value)
  })

  test('a batch applied in steps is there all at once, as if it had been applied in one', () => {
    const text = (i: number): string => `text ${i} `.repeat(i % 3)
    const points = Array.from({ length: 300 }, (_, i) =>
      point(i % 2, BigInt((i * 7919) % 300), i % 3 === 0 ? undefined : text(i)),
    )
    const whole = open(0, 16_384, 16_384)
    const stepped = open(1, 16_384, 16_384)
    for (const memtable of [whole, stepped]) apply(memtable, [point(0, 1_000n, 'before')])
    const header = (): number[] => [
      ...instance.memory.u8.slice(stepped.pointer, stepped.pointer + 48),
    ]
    const before = header()
    let calls = 0
    const count = applyInSteps(stepped, points, 7, () => {
      calls++
      expect(header()).toEqual(before)
    })
    expect([count, calls]).toEqual([300, Math.ceil(300 / 7) - 1])
    expect(apply(whole, points)).toBe(300)
    const bytesOf = ({ rows, arena }: Opened): Uint8Array[] => [
      instance.memory.u8.slice(rows, rows + 16_384).map((byte, i) => (i < 32 * 301 ? byte : 0)),
      instance.memory.u8.slice(arena, arena + 4_000),
    ]
    expect(bytesOf(stepped)).toEqual(bytesOf(whole))
    const state = ({ pointer }: Opened): number[] =>
      [8, 20, 24, 32, 36, 40, 44, 48, 52].map((at) => u32(pointer + at))
    expect(state(stepped)).toEqual(state(whole))
    for (const series of [0, 1]) {
      expect(catalog.series.payload(series, 'd')).toBe(catalog.series.payload(series, 'c'))
    }
  })

  test('a step is about a MiB, of few rows with long strings, too', () => {
    const memtable = open(0, 1 << 20, 8 << 20)
    const points = Array.from({ length: 64 }, (_, i) => point(0, BigInt(i), 'x'.repeat(100_000)))
    let calls = 0
    expect(applyInSteps(memtable, points, 1_000, () => calls++)).toBe(64)
    expect(calls).toBeGreaterThanOrEqual(5)
    expect(calls).toBeLessThan(12)
  })

  test('forgetting a range of series leaves those outside of it, and the other memtable', () => {
    const [first, second] = [open(0), open(1)]
    for (const memtable of [first, second]) apply(memtable, [point(0, 1n), point(1, 1n)])
    instance.kernel.memtableForget(first.pointer, catalog.series.pointer, 1, 1000)
    expect(catalog.series.payload(0, 'c')).not.toBe(0)
    expect(catalog.series.payload(1, 'c')).toBe(0)
    expect(catalog.series.payload(1, 'd')).not.toBe(0)
  })
})

describe('check of rows from outside', () => {
  const check = (rows: Uint8Array, arenaBytes: number): number =>
    instance.kernel.rowsCheck(place(rows), rows.length, arenaBytes, catalog.pointer)

  test('whole rows with strings inside the arena pass', () => {
    const { rows, arena } = encodeRows(catalog, [point(0, 1n, 'abc'), point(1, 2n)])
    expect(check(rows, arena.length)).toBe(2)
    expect(check(new Uint8Array(0), 0)).toBe(0)
  })

  test('rows cut at any byte that is not their end are refused', () => {
    const { rows, arena } = encodeRows(catalog, [point(0, 1n, 'abc'), point(1, 2n)])
    for (let size = 1; size < rows.length; size++) {
      const expected = size === 32 ? 1 : instance.kernel.CORRUPT.value
      expect(check(rows.slice(0, size), arena.length), `${size} bytes`).toBe(expected)
    }
  })

  test('an unknown series, an unknown shape and a string outside the arena are refused', () => {
    const { rows, arena } = encodeRows(catalog, [point(0, 1n, 'abc')])
    const broken: [number, number][] = [
      [0, 2],
      [0, 0x80000000],
      [4, 1],
      [4, 0xffffffff],
      [24, 1],
      [24, 0xffffffff],
      [28, 4],
      [28, 0xffffffff],
    ]
    for (const [offset, value] of broken) {
      const copy = rows.slice()
      new DataView(copy.buffer).setUint32(offset, value, true)
      expect(check(copy, arena.length), `${value} at ${offset}`).toBe(instance.kernel.CORRUPT.value)
    }
  })

  test('random bytes never pass as rows that reach outside, and never trap', () => {
    const random = seededRandom(9)
    for (let i = 0; i < 500; i++) {
      const bytes = Uint8Array.from(
        Array.from({ length: 64 }, () => (random() < 0.5 ? 0 : random() * 256)),
      )
      expect(check(bytes, 0)).toBeLessThanOrEqual(2)
    }
  })
})

describe('partition of a time', () => {
  test('is the floor of the division, also below zero and at the ends of i64', () => {
    const edges = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]
    for (const seconds of [1, 3_600, 86_400, 604_800, 2_592_000]) {
      const width = BigInt(seconds) * 1_000_000_000n
      const times = [...edges, width - 1n, width, width + 1n, -width, -width - 1n, -width + 1n]
      for (const time of times) {
        const floor = (time - (((time % width) + width) % width)) / width
        expect(instance.kernel.partitionOf(time, seconds), `${time} in ${seconds} s`).toBe(floor)
      }
    }
  })
})
