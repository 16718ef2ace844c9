import { beforeAll, describe, expect, test } from 'vitest'
import type { KernelInstance } from '../../engine/kernel.ts'
import { RowMerger, type TimedRows, type WindowPart, Windows } from '../../engine/merge.ts'
import type { Execution } from '../../engine/step.ts'
import { openKernel, seededRandom } from '../kernel.ts'
import { finish } from './segment/rows.ts'

/** Rows held as an array; counts the lookups of times. */
class ListRows implements TimedRows {
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  readonly list: readonly bigint[]
  lookups = 0

  constructor(list: readonly bigint[], start = 0) {
    this.list = list
    this.start = start
    this.end = start + list.length
    this.firstTime = list[0] ?? 0n
    this.lastTime = list.at(-1) ?? 0n
  }

  /** Answers after a step, as a cold part does. */
  *timeAt(row: number): Execution<bigint> {
    yield { pause: true }
    this.lookups++
    if (row < this.start || row >= this.end) throw new Error(`timeAt(${row})`)
    return this.list[row - this.start]!
  }

  /** Answers at once, as a memtable does. */
  lowerBound(time: bigint, from: number, to: number): number {
    this.lookups++
    if (from < this.start || to > this.end || from > to) throw new Error(`[${from}, ${to})`)
    for (let row = from; row < to; row++) if (this.list[row - this.start]! >= time) return row
    return to
  }
}

function walk(
  sources: ListRows[],
  descending = false,
  rowsMax = 1_024,
  totalMax = 0,
): WindowPart[][] {
  const windows = new Windows(sources, { descending, rowsMax, totalMax })
  const all: WindowPart[][] = []
  for (;;) {
    const parts = finish(windows.next() as never).value as readonly WindowPart[] | null
    if (parts === null) return all
    all.push([...parts])
  }
}

const timesOf = (sources: ListRows[], part: WindowPart): bigint[] => {
  const { list, start } = sources[part.source]!
  return list.slice(part.start - start, part.end - start)
}

const range = (from: number, count: number, step = 1): bigint[] =>
  Array.from({ length: count }, (_, i) => BigInt(from + i * step))

/** Every promise of `Windows` that holds for any input. */
function expectWindows(
  sources: ListRows[],
  descending: boolean,
  rowsMax: number,
  at: string,
  totalMax = 0,
): void {
  const windows = walk(sources, descending, rowsMax, totalMax)
  const rowsOf = (parts: readonly WindowPart[]): number =>
    parts.reduce((sum, { start, end }) => sum + end - start, 0)
  const seen = sources.map((): bigint[] => [])
  let edge: bigint | null = null
  for (const parts of windows) {
    expect(parts.length, at).toBeGreaterThan(0)
    expect(parts.map((part) => part.source)).toEqual(
      [...new Set(parts.map((part) => part.source))].sort((a, b) => a - b),
    )
    const times = parts.flatMap((part) => timesOf(sources, part))
    const [low, high] = [times, times].map((list, i) =>
      list.reduce((a, b) => ((i === 0 ? a < b : a > b) ? a : b)),
    ) as [bigint, bigint]
    if (edge !== null) expect(descending ? high < edge : low > edge, at).toBe(true)
    edge = descending ? low : high
    if (parts.length > 1 && totalMax > 0) expect(rowsOf(parts), at).toBeLessThanOrEqual(totalMax)
    for (const part of parts) {
      const rows = timesOf(sources, part)
      expect(rows.length, at).toBeGreaterThan(0)
      if (parts.length > 1 && totalMax === 0) {
        expect(rows.length, at).toBeLessThanOrEqual(rowsMax)
      }
      if (descending) seen[part.source]!.unshift(...rows)
      else seen[part.source]!.push(...rows)
    }
  }
  expect(seen, at).toEqual(sources.map((source) => [...source.list]))
}

describe('windows over the sources of a series', () => {
  test('no source and empty sources have no window', () => {
    expect(walk([])).toEqual([])
    expect(walk([new ListRows([]), new ListRows([], 5)])).toEqual([])
  })

  test('a single source is one window of any length, without a lookup', () => {
    const source = new ListRows(range(0, 5_000), 70)
    for (const descending of [false, true]) {
      expect(walk([source], descending)).toEqual([[{ source: 0, start: 70, end: 5_070 }]])
    }
    expect(source.lookups).toBe(0)
  })

  test('sources that lie apart are passed through in order of time, without a lookup', () => {
    const sources = [range(2_000, 1_500), range(9_000, 3), range(0, 2)].map((t) => new ListRows(t))
    const windows = [
      [{ source: 2, start: 0, end: 2 }],
      [{ source: 0, start: 0, end: 1_500 }],
      [{ source: 1, start: 0, end: 3 }],
    ]
    expect(walk(sources)).toEqual(windows)
    expect(walk(sources, true)).toEqual(windows.toReversed())
    expect(sources.map((source) => source.lookups)).toEqual([0, 0, 0])
  })

  test('one late row costs one row of the long source, and the rest stays alone', () => {
    const sources = [new ListRows(range(0, 100_000)), new ListRows([50_000n])]
    expect(walk(sources)).toEqual([
      [{ source: 0, start: 0, end: 50_000 }],
      [
        { source: 0, start: 50_000, end: 50_001 },
        { source: 1, start: 0, end: 1 },
      ],
      [{ source: 0, start: 50_001, end: 100_000 }],
    ])
    expect(walk(sources, true)).toEqual([
      [{ source: 0, start: 50_001, end: 100_000 }],
      [
        { source: 0, start: 50_000, end: 50_001 },
        { source: 1, start: 0, end: 1 },
      ],
      [{ source: 0, start: 0, end: 50_000 }],
    ])
    expect(Math.max(...sources.map((source) => source.lookups))).toBeLessThan(20)
  })

  test('sources that alternate are merged in windows of at most rowsMax rows of each', () => {
    const sources = [new ListRows(range(0, 5_000, 2)), new ListRows(range(1, 5_000, 2))]
    for (const descending of [false, true]) {
      const windows = walk(sources, descending)
      expect(windows.length).toBeLessThanOrEqual(7)
      expect(windows.filter((parts) => parts.length === 2).length).toBeGreaterThanOrEqual(5)
    }
  })

  test('a window of a long source and few rows of others is nearly as long as it may be', () => {
    const sources = [range(0, 20_000), range(5, 1_000, 20), range(0, 200, 100)]
    for (const descending of [false, true]) {
      const list = sources.map((times) => new ListRows(times))
      expect(walk(list, descending, 341, 1_024).length).toBeLessThan(24)
      expect(walk(list, descending, 341).length).toBeGreaterThan(55)
    }
  })

  test('equal times of many sources are always in the same window', () => {
    const sources = Array.from({ length: 64 }, () => new ListRows(range(0, 10)))
    for (const rowsMax of [1, 3, 1_024]) {
      for (const descending of [false, true]) {
        for (const parts of walk(sources, descending, rowsMax)) {
          const first = timesOf(sources, parts[0]!)
          for (const part of parts) expect(timesOf(sources, part)).toEqual(first)
        }
      }
    }
  })

  test('the newest row of a series is in the first descending window, also with rowsMax 1', () => {
    const sources = [range(0, 900), range(100, 700), range(899, 1)].map((t) => new ListRows(t))
    const [first] = walk(sources, true, 1)
    expect(first!.map((part) => timesOf(sources, part))).toEqual([[899n], [899n]])
  })

  test('windows of random sources hold every row once, in order, without overlap', () => {
    for (let seed = 0; seed < 150; seed++) {
      const random = seededRandom(seed)
      const rowsMax = [1, 2, 5, 70, 1_024][seed % 5]!
      const span = 10 ** (1 + Math.floor(random() * 4))
      const sources = Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
        const base = Math.floor(random() * span * 2) - span
        const times = new Set<bigint>()
        const count = Math.floor(random() ** 2 * 400)
        for (let i = 0; i < count; i++) times.add(BigInt(base + Math.floor(random() * span)))
        const sorted = [...times].sort((a, b) => (a < b ? -1 : 1))
        return new ListRows(sorted, Math.floor(random() * 100))
      })
      for (const descending of [false, true]) {
        const at = `seed ${seed}, descending ${descending}`
        expectWindows(sources, descending, rowsMax, at)
        expectWindows(sources, descending, rowsMax, at, rowsMax * sources.length)
      }
    }
  })

  test('times at the ends of their range are walked like others', () => {
    const ends = [-(2n ** 63n) + 2n, -1n, 2n ** 63n - 2n]
    const sources = [
      new ListRows(ends),
      new ListRows(ends.slice(0, 2)),
      new ListRows(ends.slice(2)),
    ]
    for (const rowsMax of [1, 2, 1_024]) {
      for (const descending of [false, true]) expectWindows(sources, descending, rowsMax, 'ends')
    }
  })
})

describe('merger of a window', () => {
  let instance: KernelInstance
  beforeAll(async () => {
    instance = await openKernel()
  })

  test('merges the chunks of its sources and can be used again', () => {
    const { kernel, memory } = instance
    const used = memory.used
    const merger = new RowMerger(kernel, memory, 2, 16)
    const chunk = memory.allocateZeroed(512)
    const at = chunk.offset >>> 3
    for (let round = 0; round < 2; round++) {
      memory.i64.set([1n, 2n, 3n], at)
      memory.i64.set([2n, 4n], at + 4)
      memory.u64.set([10n, 20n, 30n], at + 8)
      memory.u64.set([21n, 41n], at + 12)
      memory.u8.set([1, 1, 0], chunk.offset + 200)
      memory.u8.set([1, 0], chunk.offset + 208)
      merger.source(0, chunk.offset, 3)
      merger.source(1, chunk.offset + 32, 2)
      expect(merger.plan(2)).toBe(4)
      const times = merger.times >>> 3
      expect([...memory.i64.subarray(times, times + 4)]).toEqual([1n, 2n, 3n, 4n])
      merger.input(0, chunk.offset + 64, chunk.offset + 200)
      merger.input(1, chunk.offset + 96, chunk.offset + 208)
      expect(merger.column(chunk.offset + 256, chunk.offset + 300)).toBe(2)
      expect([...memory.u8.subarray(chunk.offset + 300, chunk.offset + 304)]).toEqual([1, 1, 0, 0])
      expect([...memory.u64.subarray(at + 32, at + 34)]).toEqual([10n, 21n])
      merger.input(1, 0, 0)
      expect(merger.column(chunk.offset + 256, chunk.offset + 300)).toBe(2)
      expect([...memory.u64.subarray(at + 32, at + 34)]).toEqual([10n, 20n])
    }
    merger.release()
    memory.release(chunk)
    expect(memory.used).toBe(used)
  })

  test('more sources or rows than it was made for are refused', () => {
    const merger = new RowMerger(instance.kernel, instance.memory, 1, 2)
    expect(() => merger.source(1, 0, 1)).toThrow('source 1 of 1')
    merger.source(0, 0, 3)
    expect(() => merger.plan(1)).toThrow('3 rows of 2')
    merger.release()
  })
})
