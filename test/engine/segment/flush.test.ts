import { beforeEach, describe, expect, test } from 'vitest'
import { FlushIndex, FlushSource, type FlushGroup } from '../../../engine/segment/flush-source.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { Memtable } from '../../../engine/memtable.ts'
import { openKernel, seededRandom } from '../../kernel.ts'
import {
  applyNaive,
  applyPoints,
  BOOLEAN,
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
  UNSIGNED,
  type Value,
} from './rows.ts'

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const SECOND = 1_000_000_000n

let instance: KernelInstance
let catalog: TestCatalog
let memtable: Memtable

beforeEach(async () => {
  instance = await openKernel()
  catalog = new TestCatalog(instance)
  const { kernel, memory } = instance
  memtable = new Memtable(kernel, memory, {
    ...{ catalog, which: 1 },
    ...{ rowBytes: 1 << 23, arenaBytes: 1 << 20 },
  })
})

interface FlatRow {
  table: number
  partition: bigint
  series: number
  time: bigint
  fields: Map<number, Value>
}

/** What a flush must write, in the order of a segment. */
function expectedRows(naive: Naive): FlatRow[] {
  const rows: FlatRow[] = []
  for (const [series, times] of naive) {
    const table = catalog.tableOf(series)
    if (catalog.tables.isRemoved(table)) continue
    const width = BigInt(catalog.tables.payload(table, 'b')) * SECOND
    for (const time of naiveTimes(naive, series, MIN, MAX)) {
      const partition = (time - (((time % width) + width) % width)) / width
      rows.push({ table, partition, series, time, fields: times.get(time)! })
    }
  }
  const order = (a: bigint | number, b: bigint | number): number => (a < b ? -1 : a > b ? 1 : 0)
  return rows.sort(
    (a, b) =>
      order(a.table, b.table) ||
      order(a.partition, b.partition) ||
      order(a.series, b.series) ||
      order(a.time, b.time),
  )
}

/** Reads a whole group as a segment writer does, in steps of `limit` rows. */
function readGroup(index: FlushIndex, group: FlushGroup, limit: number): FlatRow[] {
  const { memory } = instance
  const source = new FlushSource(instance, index, group)
  const chunk = memory.allocate(limit * 9)
  const rows: FlatRow[] = []
  for (let count = source.next(limit); count > 0; count = source.next(limit)) {
    const first = rows.length
    for (let i = 0; i < count; i++) {
      const series = memory.u32[(source.series >>> 2) + i]!
      const time = memory.i64[(source.times >>> 3) + i]!
      const { table, partition } = group
      rows.push({ table, partition, series, time, fields: new Map() })
    }
    for (const { id, type } of group.columns) {
      expect(type).toBe(catalog.type(id))
      const valid = chunk.offset + limit * 8
      source.column(id, type, chunk.offset, valid)
      const values = readColumn(instance, type, chunk.offset, valid, count)
      for (const [i, value] of values.entries()) {
        if (value !== null) rows[first + i]!.fields.set(id, value)
      }
    }
    if (count < limit) break
  }
  expect(source.next(limit)).toBe(0)
  memory.release(chunk)
  source.release()
  return rows
}

function flushed(limit = 1_024): { rows: FlatRow[]; groups: FlushGroup[]; pauses: number } {
  const index = new FlushIndex(instance, memtable)
  const { value, pauses } = finish(index.build() as never)
  const groups = value as FlushGroup[]
  const rows = groups.flatMap((group) => readGroup(index, group, limit))
  index.release()
  return { rows, groups, pauses }
}

/** Tables of other widths and columns of every type, a few series each. */
function makeTables(): void {
  for (const seconds of [3_600, 86_400, 604_800]) {
    const table = catalog.table(seconds)
    for (const type of [FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING]) catalog.column(table, type)
  }
  for (let i = 0; i < 12; i++) catalog.addSeries(i % 3)
}

function randomPoints(random: () => number, count: number, spanSeconds: number): Point[] {
  return Array.from({ length: count }, () => {
    const series = Math.floor(random() * 12)
    const steps = Math.floor((random() - 0.5) * spanSeconds)
    const columns = catalog.columnsOfTable[catalog.tableOf(series)]!
    const named = columns.filter(() => random() < 0.5)
    const values = named.map((id): [number, Value] => [id, randomValue(catalog.type(id), random)])
    return { series, time: BigInt(steps) * SECOND, fields: new Map(values) }
  })
}

describe('flush index', () => {
  test('an empty memtable has no group', () => {
    makeTables()
    expect(flushed().groups).toEqual([])
  })

  test('random rows come out by table, partition, series and time, last write per field', () => {
    makeTables()
    for (let seed = 1; seed <= 8; seed++) {
      finish(memtable.reset() as never)
      const random = seededRandom(seed)
      const naive: Naive = new Map()
      for (let batch = 0; batch < 3; batch++) {
        const points = randomPoints(random, 400, seed < 3 ? 100 : 40_000)
        applyPoints(instance, memtable, catalog, points)
        applyNaive(naive, points)
      }
      const { rows, groups } = flushed([1_024, 1, 7, 100][seed % 4])
      expect(rows, `seed ${seed}`).toEqual(expectedRows(naive))
      const keys = groups.map(({ table, partition }) => `${table} ${partition}`)
      expect(new Set(keys).size).toBe(groups.length)
    }
  })

  test('the columns of a group are those that its rows name, no others', () => {
    makeTables()
    const [a, b, c] = catalog.columnsOfTable[0] as [number, number, number]
    const hour = 3_600n * SECOND
    applyPoints(instance, memtable, catalog, [
      { series: 0, time: 0n, fields: new Map([[b, 1n]]) },
      { series: 3, time: 1n, fields: new Map([[a, 1n]]) },
      { series: 0, time: hour, fields: new Map([[c, 1n]]) },
      { series: 0, time: -1n, fields: new Map() },
    ])
    const { groups } = flushed()
    expect(groups.map(({ partition }) => partition)).toEqual([-1n, 0n, 1n])
    expect(groups.map(({ columns }) => columns.map(({ id }) => id))).toEqual([[], [a, b], [c]])
  })

  test('rows of a dropped table are left out, those of others stay', () => {
    makeTables()
    const points = randomPoints(seededRandom(50), 500, 10_000)
    applyPoints(instance, memtable, catalog, points)
    catalog.tables.remove(1)
    const { rows } = flushed()
    expect(rows.some((row) => row.table === 1)).toBe(false)
    expect(rows).toEqual(expectedRows(applyNaive(new Map(), points)))
  })

  test('times at the ends of i64 and around partition edges lie in the right partition', () => {
    makeTables()
    const width = 604_800n * SECOND
    const times = [MIN + 2n, MAX - 1n, 0n, -1n, 1n, width - 1n, width, -width, -width - 1n]
    const points = times.flatMap((time) =>
      [0, 1, 2].map((series) => ({ series, time, fields: new Map<number, Value>() })),
    )
    const again = points.map(({ series, time }) => {
      const fields = new Map([[catalog.columnsOfTable[catalog.tableOf(series)]![0]!, 3n]])
      return { series, time, fields }
    })
    const all = [...points, ...again]
    applyPoints(instance, memtable, catalog, all)
    expect(flushed().rows).toEqual(expectedRows(applyNaive(new Map(), all)))
  })

  test('ten thousand writes of one row are one row', () => {
    makeTables()
    const [a] = catalog.columnsOfTable[0]!
    const points = Array.from({ length: 10_000 }, (_, i) => {
      return { series: 0, time: 5n, fields: new Map([[a!, BigInt(i)]]) }
    })
    points.push({ series: 0, time: 6n, fields: new Map([[a!, 1n]]) })
    applyPoints(instance, memtable, catalog, points)
    const { rows } = flushed(1)
    expect(rows.map((row) => row.fields.get(a!))).toEqual([9_999n, 1n])
  })

  test('more runs, groups and shapes than there was room for are all there', () => {
    const table = catalog.table(1)
    const columns = Array.from({ length: 12 }, () => catalog.column(table, INTEGER))
    for (let i = 0; i < 40; i++) catalog.addSeries(table)
    const random = seededRandom(8)
    const points = Array.from({ length: 6_000 }, () => {
      const named = columns.filter(() => random() < 0.3)
      const time = BigInt(Math.floor(random() * 300)) * SECOND
      const fields = new Map<number, Value>(named.map((id) => [id, 7n]))
      return { series: Math.floor(random() * 40), time, fields }
    })
    applyPoints(instance, memtable, catalog, points)
    const { rows, groups } = flushed()
    expect(groups.length).toBeGreaterThan(128)
    expect(rows).toEqual(expectedRows(applyNaive(new Map(), points)))
  })

  test('a large memtable is indexed with pauses; rows that arrive meanwhile are left out', () => {
    makeTables()
    const random = seededRandom(11)
    const points = randomPoints(random, 60_000, 50_000)
    applyPoints(instance, memtable, catalog, points)
    const index = new FlushIndex(instance, memtable)
    const building = index.build()
    building.next()
    applyPoints(instance, memtable, catalog, randomPoints(random, 1_000, 50_000))
    const { value, pauses } = finish(building as never)
    expect(pauses).toBeGreaterThan(5)
    const rows = (value as FlushGroup[]).flatMap((group) => readGroup(index, group, 1_024))
    const naive = applyNaive(new Map(), points)
    expect(rows.length).toBe([...naive.values()].reduce((sum, { size }) => sum + size, 0))
    index.release()
  })

  test('a released index holds no memory', () => {
    makeTables()
    applyPoints(instance, memtable, catalog, randomPoints(seededRandom(2), 300, 1_000_000))
    const { used } = instance.memory
    flushed()
    expect(instance.memory.used).toBe(used)
  })
})
