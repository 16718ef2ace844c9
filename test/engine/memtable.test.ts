import { beforeEach, describe, expect, test } from 'vitest'
import type { KernelInstance } from '../../engine/kernel.ts'
import { Memtable, type MemtableRows, type MemtableSnapshot } from '../../engine/memtable.ts'
import { openKernel, seededRandom } from '../kernel.ts'
import {
  applyNaive,
  applyPoints,
  finish,
  FLOAT,
  INTEGER,
  type Naive,
  naiveTimes,
  type Point,
  randomValue,
  readColumn,
  STRING,
  TestCatalog,
  type Value,
} from './segment/rows.ts'

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n

let instance: KernelInstance
let catalog: TestCatalog
let memtable: Memtable
let columns: number[]

beforeEach(async () => {
  instance = await openKernel()
  catalog = new TestCatalog(instance)
  const table = catalog.table(86_400)
  columns = [FLOAT, INTEGER, STRING].map((type) => catalog.column(table, type as 0))
  for (let i = 0; i < 5; i++) catalog.addSeries(table)
  memtable = openMemtable(0)
})

function openMemtable(which: 0 | 1, rowBytes = 1 << 22, arenaBytes = 1 << 20): Memtable {
  const { kernel, memory } = instance
  return new Memtable(kernel, memory, { catalog, which, rowBytes, arenaBytes })
}

/** Late, equal and extreme times, any subset of the fields. */
function randomPoints(random: () => number, count: number, span: number): Point[] {
  return Array.from({ length: count }, (_, i) => {
    const late = random() < 0.2 ? Math.floor(random() * span) : 0
    let time = BigInt(Math.floor((i / count) * span) - late)
    if (random() < 0.01) time = random() < 0.5 ? MIN + 2n : MAX - 1n
    const named = columns.filter(() => random() < 0.6)
    const fields = new Map<number, Value>(
      named.map((id) => [id, randomValue(catalog.type(id), random)]),
    )
    return { series: Math.floor(random() * 5), time, fields }
  })
}

function select(
  series: number,
  start = MIN,
  end = MAX,
  snapshot: MemtableSnapshot = memtable.snapshot(),
): MemtableRows | null {
  return finish(memtable.select(series, snapshot, start, end) as never).value as MemtableRows | null
}

/** Times and columns of the rows [from, to) of a selection. */
function readRows(rows: MemtableRows, from: number, to: number): [bigint, (Value | null)[]][] {
  const { memory } = instance
  const n = to - from
  const chunk = memory.allocate(n * 17)
  rows.times(from, to, chunk.offset)
  const times = [...memory.i64.subarray(chunk.offset >>> 3, (chunk.offset >>> 3) + n)]
  const read = columns.map((id) => {
    const valid = chunk.offset + n * 16
    const present = rows.column(id, from, to, chunk.offset + n * 8, valid)
    const list = readColumn(instance, catalog.type(id), chunk.offset + n * 8, valid, n)
    expect(present).toBe(list.filter((value) => value !== null).length)
    return list
  })
  memory.release(chunk)
  return times.map((time, i) => [time, read.map((list) => list[i]!)])
}

function naiveRows(naive: Naive, series: number, start = MIN, end = MAX): [bigint, unknown[]][] {
  return naiveTimes(naive, series, start, end).map((time) => {
    const fields = naive.get(series)!.get(time)!
    return [time, columns.map((id) => fields.get(id) ?? null)]
  })
}

function expectSelection(naive: Naive, series: number, start = MIN, end = MAX, at = ''): void {
  const rows = select(series, start, end)
  const expected = naiveRows(naive, series, start, end)
  expect(rows === null ? [] : readRows(rows, 0, rows.end), at).toEqual(expected)
  rows?.release()
}

describe('memtable', () => {
  test('an empty memtable, an unknown chain and an empty range select nothing', () => {
    expect(select(0)).toBeNull()
    applyPoints(instance, memtable, catalog, [{ series: 1, time: 5n, fields: new Map() }])
    expect(select(0)).toBeNull()
    expect(select(1, 6n)).toBeNull()
    expect(select(1, MIN, 5n)).toBeNull()
    expect(select(1, 5n, 6n)!.end).toBe(1)
  })

  test('a range between rows of a series selects nothing and holds no memory', () => {
    const points = [1n, 9n].map((time) => ({ series: 0, time, fields: new Map() }))
    applyPoints(instance, memtable, catalog, points)
    const { used } = instance.memory
    expect(select(0, 2n, 9n)).toBeNull()
    expect(instance.memory.used).toBe(used)
  })

  test('selections of random batches equal the naive last write per field', () => {
    for (let seed = 1; seed <= 12; seed++) {
      finish(memtable.reset() as never)
      const random = seededRandom(seed)
      const naive: Naive = new Map()
      for (let batch = 0; batch < 4; batch++) {
        const points = randomPoints(random, Math.floor(random() * 300), 400)
        expect(applyPoints(instance, memtable, catalog, points)).toBe(true)
        applyNaive(naive, points)
      }
      for (let series = 0; series < 5; series++) {
        expectSelection(naive, series, MIN, MAX, `seed ${seed}, series ${series}`)
        const start = BigInt(Math.floor(random() * 400) - 100)
        const end = start + BigInt(Math.floor(random() * 200))
        expectSelection(naive, series, start, end, `seed ${seed}, [${start}, ${end})`)
      }
    }
  })

  test('any range of rows of a selection reads like the same range of the whole', () => {
    const random = seededRandom(77)
    const points = randomPoints(random, 500, 150)
    applyPoints(instance, memtable, catalog, points)
    const rows = select(2)!
    const all = readRows(rows, 0, rows.end)
    for (let i = 0; i < 50; i++) {
      const from = Math.floor(random() * rows.end)
      const to = from + Math.floor(random() * (rows.end - from + 1))
      expect(readRows(rows, from, to), `rows ${from} to ${to}`).toEqual(all.slice(from, to))
    }
  })

  test('times are found by row, and rows by time, within any bounds', () => {
    const random = seededRandom(78)
    const points = randomPoints(random, 500, 150)
    applyPoints(instance, memtable, catalog, points)
    const rows = select(2)!
    const times = naiveTimes(applyNaive(new Map(), points), 2, MIN, MAX)
    expect([rows.firstTime, rows.lastTime]).toEqual([times[0], times.at(-1)])
    for (let i = 0; i < 200; i++) {
      const row = Math.floor(random() * rows.end)
      expect(rows.timeAt(row)).toBe(times[row])
      const time = times[row]! + BigInt(Math.floor(random() * 3) - 1)
      const [from, to] = [Math.floor(random() * row), Math.min(rows.end, row + 3)]
      const found = times.findIndex((t, at) => at >= from && at < to && t >= time)
      const bound = rows.lowerBound(time, from, to)
      expect(bound).toBe(found === -1 ? to : found)
    }
  })

  test('a snapshot does not see what arrives after it', () => {
    const random = seededRandom(3)
    const [before, after] = [randomPoints(random, 300, 99), randomPoints(random, 300, 99)]
    applyPoints(instance, memtable, catalog, before)
    const snapshot = memtable.snapshot()
    applyPoints(instance, memtable, catalog, after)
    const naive = applyNaive(new Map(), before)
    for (let series = 0; series < 5; series++) {
      const rows = select(series, MIN, MAX, snapshot)!
      expect(readRows(rows, 0, rows.end)).toEqual(naiveRows(naive, series))
    }
    expectSelection(applyNaive(naive, after), 0)
  })

  test('a long disordered series is selected with pauses, also by two readers at once', () => {
    const random = seededRandom(4)
    const fields = new Map<number, Value>([[columns[0]!, 1n]])
    const points = Array.from({ length: 60_000 }, () => {
      return { series: 0, time: BigInt(Math.floor(random() * 1e9)), fields }
    })
    applyPoints(instance, memtable, catalog, points)
    const naive = naiveTimes(applyNaive(new Map(), points), 0, MIN, MAX)
    const [a, b] = [0, 1].map(() => memtable.select(0, memtable.snapshot(), MIN, MAX))
    a!.next()
    const other = finish(b as never).value as MemtableRows
    const { value, pauses } = finish(a as never)
    expect(pauses).toBeGreaterThan(10)
    for (const rows of [value as MemtableRows, other]) {
      const times = readRows(rows, 0, rows.end).map(([time]) => time)
      expect(times.length).toBe(naive.length)
      expect(times.every((time, i) => time === naive[i])).toBe(true)
    }
  })

  test('a selection that is abandoned in a pause gives its memory back', () => {
    const points = Array.from({ length: 60_000 }, (_, i) => {
      return { series: 0, time: BigInt(-i), fields: new Map<number, Value>() }
    })
    applyPoints(instance, memtable, catalog, points)
    const { used } = instance.memory
    const execution = memtable.select(0, memtable.snapshot(), MIN, MAX)
    execution.next()
    expect(instance.memory.used).toBeGreaterThan(used)
    execution.return(null)
    expect(instance.memory.used).toBe(used)
  })

  test('reserved room is kept for its batch and given back when the batch is refused', () => {
    const small = openMemtable(1, 96, 10)
    expect(small.reserve(97, 0)).toBe(false)
    expect(small.reserve(0, 11)).toBe(false)
    expect(small.reserve(64, 10)).toBe(true)
    expect(small.reserve(64, 0)).toBe(false)
    expect(small.reserve(32, 1)).toBe(false)
    small.unreserve(64, 10)
    expect(small.reserve(96, 10)).toBe(true)
    expect(() => small.unreserve(97, 0)).toThrow('more given back')
  })

  test('after a reset nothing is left, chains start anew, the other memtable is untouched', () => {
    const other = openMemtable(1)
    const points = randomPoints(seededRandom(6), 400, 100)
    applyPoints(instance, memtable, catalog, points)
    applyPoints(instance, other, catalog, points)
    for (let i = 0; i < 20_000; i++) catalog.addSeries(0)
    const { pauses } = finish(memtable.reset() as never)
    expect(pauses).toBeGreaterThan(0)
    expect([memtable.rowCount, memtable.byteSize]).toEqual([0, 0])
    for (let series = 0; series < 5; series++) {
      expect(select(series)).toBeNull()
      expect(catalog.series.payload(series, 'd')).not.toBe(0)
    }
    const again = randomPoints(seededRandom(7), 400, 100)
    applyPoints(instance, memtable, catalog, again)
    expectSelection(applyNaive(new Map(), again), 3)
  })

  test('a memtable that somebody holds cannot be reset', () => {
    memtable.acquire()
    memtable.acquire()
    memtable.release()
    expect(memtable.isHeld).toBe(true)
    expect(() => finish(memtable.reset() as never)).toThrow('1 readers')
    memtable.release()
    finish(memtable.reset() as never)
    expect(() => memtable.release()).toThrow('more often')
  })

  test('disposing gives all memory back', () => {
    const { used } = instance.memory
    openMemtable(1).dispose()
    expect(instance.memory.used).toBe(used)
  })
})
