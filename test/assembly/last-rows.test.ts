// The last rows of the series of a page, against plain loops.

import { expect, test } from 'vitest'
import { openKernel } from '../kernel.ts'
import { randomOf, seedsOf } from '../random.ts'

const MOST = 1024

test.each(seedsOf(20))(
  'last rows are those behind which the next series starts, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const { kernel, memory } = await openKernel()
    const count = 1 + random.int(seed % 3 === 0 ? MOST : 40)
    const starts = [random.int(5_000)]
    for (let i = 0; i < count; i++) starts.push(starts[i]! + 1 + random.int(2_000))
    const table = memory.allocate(kernel.MANY_TABLE_SIZE.value).offset
    const page = memory.allocate((count + 1) * 4).offset
    memory.u32.set(starts, page >>> 2)
    kernel.lastRowsTable(page, count, table)
    const counts = (table + kernel.MANY_COUNTS.value) >>> 2
    const found = [...memory.u32.subarray(table >>> 2, (table >>> 2) + count)]
    expect(found).toEqual(starts.slice(1).map((start) => start - 1))
    expect([...memory.u32.subarray(counts, counts + count)].every((rows) => rows === 1)).toBe(true)
  },
)

test.each(seedsOf(20))(
  'a list gets the last values and times of its series, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const { kernel, memory } = await openKernel()
    // A page, and a list of ids of which some are on it, some are out of the range.
    const onPage = 1 + random.int(200)
    const ids: number[] = []
    for (let i = 0, id = 0; i < onPage; i++) ids.push((id += 1 + random.int(3)))
    const lasts = ids.map(() => BigInt(random.int(100)))
    const list = ids.flatMap((id) => [id - 1, id, id + 1]).filter(() => random.chance(0.4))
    const wanted = [...new Set(list)].sort((a, b) => a - b)
    const from = BigInt(random.int(60))
    const words = (values: readonly number[]): number => {
      const { offset } = memory.allocate(values.length * 4 + 8)
      memory.u32.set(values, offset >>> 2)
      return offset
    }
    const times = (values: readonly bigint[]): number => {
      const { offset } = memory.allocate(values.length * 8 + 8)
      memory.i64.set(values, offset >>> 3)
      return offset
    }
    const table = memory.allocate(kernel.MANY_TABLE_SIZE.value).offset
    const reached = memory.allocate(8).offset
    const end = 1_000n
    kernel.manyJoin(
      ...([words(wanted), 0, wanted.length, 2 ** 31, words(ids)] as const),
      ...([words([...ids.keys(), onPage]), times(lasts), times(lasts), onPage] as const),
      ...([from, end, reached, table] as const),
    )
    kernel.manyTail(table, wanted.length)
    const expected = wanted.flatMap((id) => {
      const place = ids.indexOf(id)
      return place >= 0 && lasts[place]! >= from ? [place] : []
    })
    const target = memory.allocate(MOST * 9 + 8).offset
    kernel.manyLastTimes(table, wanted.length, target)
    const { i64, u64, u8 } = memory
    const read = [...i64.subarray(target >>> 3, (target >>> 3) + expected.length)]
    expect(read).toEqual(expected.map((place) => lasts[place]))

    const slots = times(ids.map((id) => BigInt(id) * 7n))
    const flags = memory.allocate(onPage).offset
    ids.forEach((_, i) => (u8[flags + i] = random.int(2)))
    for (const valid of [0, flags]) {
      // In two ranges, as of two pages.
      const cut = random.int(wanted.length + 1)
      const flagsAt = target + MOST * 8
      u8.fill(9, target, flagsAt + MOST)
      const rows = kernel.manyLastColumn(table, 0, cut, slots, valid, target, flagsAt)
      const rest = kernel.manyLastColumn(
        ...([table, cut, wanted.length, slots, valid, target + rows * 8, flagsAt + rows] as const),
      )
      expect(rows + rest).toBe(expected.length)
      const values = [...u64.subarray(target >>> 3, (target >>> 3) + expected.length)]
      expect(values).toEqual(expected.map((place) => BigInt(ids[place]!) * 7n))
      const bits = [...u8.subarray(flagsAt, flagsAt + expected.length)]
      expect(bits).toEqual(expected.map((place) => (valid === 0 ? 1 : u8[flags + place])))
      expect(u8[flagsAt + expected.length]).toBe(9)
    }
  },
)
