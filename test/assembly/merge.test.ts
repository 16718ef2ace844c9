import { beforeAll, describe, expect, test } from 'vitest'
import type { KernelInstance } from '../../engine/kernel.ts'
import { openKernel, seededRandom } from '../kernel.ts'

let instance: KernelInstance
beforeAll(async () => {
  instance = await openKernel()
})

interface Row {
  series: number
  time: bigint
  /** By column; null = not written. */
  fields: (bigint | null)[]
}

interface Merged {
  rows: Row[]
  consumed: number[]
  present: number[]
}

/** Merges sources (oldest first) of rows sorted by (series, time) in the kernel. */
function merge(sources: Row[][], columns: number, limit = 1 << 20, withSeries = true): Merged {
  const { kernel, memory } = instance
  const total = sources.reduce((sum, rows) => sum + rows.length, 0)
  const size = kernel.MERGE_SOURCE_SIZE.value
  const region = memory.allocateZeroed(sources.length * size + total * 24 + 4096)
  const times = region.offset + sources.length * size
  const series = times + total * 8
  const entries = series + total * 4
  const held = [region]
  const columnOf: { values: number; valid: number }[][] = []
  for (const [s, rows] of sources.entries()) {
    const n = rows.length
    const chunk = memory.allocateZeroed(n * (12 + 16 * columns) + 64)
    held.push(chunk)
    const at = (region.offset + s * size) >>> 2
    memory.u32[at] = chunk.offset
    memory.u32[at + 1] = n
    const ids = chunk.offset + n * 8 * (1 + columns)
    memory.u32[at + 8] = withSeries ? ids : 0
    columnOf.push([])
    for (const [i, row] of rows.entries()) {
      memory.i64[(chunk.offset >>> 3) + i] = row.time
      memory.u32[(ids >>> 2) + i] = row.series
    }
    for (let c = 0; c < columns; c++) {
      const values = chunk.offset + n * 8 * (c + 1)
      const valid = ids + n * 4 + c * n
      for (const [i, row] of rows.entries()) {
        memory.u64[(values >>> 3) + i] = row.fields[c] ?? 0xbadn
        memory.u8[valid + i] = row.fields[c] === null ? 0 : 1
      }
      const lacks = rows.every((row) => row.fields[c] === null)
      columnOf[s]!.push(lacks ? { values: 0, valid: 0 } : { values, valid })
    }
  }
  const target = withSeries ? series : 0
  const count = kernel.mergePlan(region.offset, sources.length, limit, target, times, entries)
  const consumed = sources.map((_, s) => memory.u32[((region.offset + s * size) >>> 2) + 2]!)
  const entryCount = consumed.reduce((sum, n) => sum + n, 0)
  const out = memory.allocateZeroed(total * 9 + 8)
  held.push(out)
  const result: Row[] = Array.from({ length: count }, (_, i) => ({
    series: withSeries ? memory.u32[(series >>> 2) + i]! : 0,
    time: memory.i64[(times >>> 3) + i]!,
    fields: [],
  }))
  const present: number[] = []
  for (let c = 0; c < columns; c++) {
    for (const [s, list] of columnOf.entries()) {
      const at = (region.offset + s * size) >>> 2
      memory.u32[at + 4] = list[c]!.values
      memory.u32[at + 5] = list[c]!.valid
    }
    const [values, valid] = [out.offset, out.offset + total * 8]
    memory.u8.fill(9, valid, valid + total)
    present.push(kernel.mergeColumn(region.offset, entries, entryCount, values, valid))
    for (const [i, row] of result.entries()) {
      expect(memory.u8[valid + i]).toBeLessThanOrEqual(1)
      row.fields.push(memory.u8[valid + i] === 1 ? memory.u64[(values >>> 3) + i]! : null)
    }
  }
  for (const h of held) memory.release(h)
  return { rows: result, consumed, present }
}

function naiveMerge(sources: Row[][]): Row[] {
  const rows = new Map<string, Row>()
  for (const row of sources.flat()) {
    const key = `${row.series} ${row.time}`
    const old = rows.get(key)
    if (!old) rows.set(key, { ...row, fields: [...row.fields] })
    else for (const [c, value] of row.fields.entries()) old.fields[c] = value ?? old.fields[c]!
  }
  return [...rows.values()].sort((a, b) =>
    a.series !== b.series ? a.series - b.series : a.time < b.time ? -1 : 1,
  )
}

function randomSources(random: () => number, count: number, rows: number, span: number): Row[][] {
  return Array.from({ length: count }, () => {
    const seen = new Map<string, Row>()
    for (let i = 0; i < Math.floor(random() * rows); i++) {
      const series = Math.floor(random() * 3)
      const time = BigInt(Math.floor((random() - 0.5) * span))
      const fields = [0, 1].map(() => (random() < 0.5 ? null : BigInt(i)))
      seen.set(`${series} ${time}`, { series, time, fields })
    }
    return naiveMerge([[...seen.values()]])
  })
}

describe('merge of sorted sources', () => {
  test('no source, empty sources and one source give what they hold', () => {
    const one = [{ series: 4, time: -5n, fields: [1n] }]
    expect(merge([], 1).rows).toEqual([])
    expect(merge([[], []], 1).rows).toEqual([])
    expect(merge([[], one, []], 1).rows).toEqual(one)
  })

  test('of equal times the newest non-null of each field wins, for any number of sources', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = seededRandom(seed)
      const sources = randomSources(random, 1 + (seed % 9), 80, 60)
      const { rows, consumed, present } = merge(sources, 2)
      const expected = naiveMerge(sources)
      expect(rows, `seed ${seed}`).toEqual(expected)
      expect(consumed).toEqual(sources.map((source) => source.length))
      const counts = [0, 1].map((c) => expected.filter((row) => row.fields[c] !== null).length)
      expect(present).toEqual(counts)
    }
  })

  test('64 sources that all have the same row give that row once, with the newest values', () => {
    const sources = Array.from({ length: 64 }, (_, s) => [
      { series: 0, time: 1n, fields: [BigInt(s), s === 3 ? 3n : null] },
    ])
    expect(merge(sources, 2).rows).toEqual([{ series: 0, time: 1n, fields: [63n, 3n] }])
  })

  test('without series ids the rows are merged by time alone, to the ends of i64', () => {
    const times = [-(2n ** 63n) + 2n, -1n, 0n, 2n ** 63n - 2n]
    const source = times.map((time) => ({ series: 0, time, fields: [1n] }))
    const other = times.slice(1, 3).map((time) => ({ series: 0, time, fields: [2n] }))
    const { rows } = merge([source, other], 1, 100, false)
    expect(rows.map((row) => row.time)).toEqual(times)
    expect(rows.map((row) => row.fields[0])).toEqual([1n, 2n, 2n, 1n])
  })

  test('a limit never cuts a row, and what is left goes on as if there had been none', () => {
    for (let seed = 100; seed < 120; seed++) {
      const random = seededRandom(seed)
      let sources = randomSources(random, 5, 60, 40)
      const expected = naiveMerge(sources)
      const all: Row[] = []
      while (sources.some((source) => source.length > 0)) {
        const limit = 1 + Math.floor(random() * 10)
        const { rows, consumed } = merge(sources, 2, limit)
        expect(rows.length).toBe(Math.min(limit, naiveMerge(sources).length))
        all.push(...rows)
        sources = sources.map((source, s) => source.slice(consumed[s]))
      }
      expect(all, `seed ${seed}`).toEqual(expected)
    }
  })
})
