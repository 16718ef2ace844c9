import { TIME_MIN } from '../../../engine/calendar.ts'
import { orderedValues } from '../../../engine/catalog/listing.ts'
import { finish } from '../../../engine/step.ts'
import { expect, test } from 'vitest'
import {
  encodeDatabase,
  encodeDatabaseDropped,
  encodeTableDropped,
} from '../../../engine/catalog/catalog-entry.ts'
import { Catalog } from '../../../engine/catalog/catalog.ts'
import { openKernel } from '../../kernel.ts'

const encoder = new TextEncoder()

function bytesOf(...parts: (number[] | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...encoder.encode(part)] : part)),
  )
}

function u32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]
}

/** An entry as docs/format.md draws it. */
function entry(kind: number, id: number, payload: Uint8Array): Uint8Array {
  return Uint8Array.from([kind, 0, 0, 0, ...u32(payload.length + 12), ...u32(id), ...payload])
}

/** A catalog as a committed batch leaves it: keys in the key tables, then the entries applied. */
class Writer {
  readonly catalog: Catalog

  constructor(catalog: Catalog) {
    this.catalog = catalog
  }

  database(name: string): number {
    const id = this.catalog.nextDatabaseId
    this.catalog.apply(encodeDatabase(id, name))
    return id
  }

  table(database: number, name: string): number {
    const id = this.catalog.tables.insert(bytesOf(u32(database), name))
    this.catalog.apply(entry(2, id, bytesOf(u32(database), u32(86_400), name)))
    return id
  }

  column(table: number, name: string, type: number): number {
    const id = this.catalog.columns.insert(bytesOf(u32(table), name))
    this.catalog.apply(entry(3, id, bytesOf(u32(table), u32(type), name)))
    return id
  }

  tag(table: number, name: string): void {
    const key = bytesOf(u32(table), name)
    if (this.catalog.columns.find(key) !== -1) return
    const id = this.catalog.columns.insert(key)
    this.catalog.apply(entry(8, id, key))
  }

  series(table: number, tags: Record<string, string>): number {
    for (const name of Object.keys(tags)) this.tag(table, name)
    const pairs = Object.entries(tags).flatMap(([key, value]) => [
      [key.length],
      key,
      [value.length],
      value,
    ])
    const key = bytesOf(u32(table), ...pairs)
    const id = this.catalog.series.insert(key)
    this.catalog.apply(entry(5, id, key))
    return id
  }
}

async function openWriter(): Promise<Writer> {
  const { kernel, memory } = await openKernel()
  return new Writer(new Catalog(kernel, memory))
}

function only(...values: string[]) {
  return { values, accepts: (value: string | null) => value !== null && values.includes(value) }
}

function valuesOf(catalog: Catalog, { id }: { readonly id: number }, key: string): string[] {
  const values = finish(orderedValues(catalog, id, catalog.matchSeries(id, []), key))
  return Array.from({ length: values.length }, (_, i) => values.at(i))
}

test('terms on tags select exactly the series whose values they accept', async () => {
  const w = await openWriter()
  const db = w.database('default')
  const [cpu, mem] = [w.table(db, 'cpu'), w.table(db, 'mem')]
  const ids = [
    w.series(cpu, { host: 'a', rack: '1' }),
    w.series(cpu, { host: 'b', rack: '1' }),
    w.series(cpu, { host: 'a' }),
    w.series(cpu, {}),
  ]
  const other = w.series(mem, { host: 'a' })
  const match = (...terms: Parameters<Catalog['matchSeries']>[1][number][]): number[] => [
    ...w.catalog.matchSeries(cpu, terms),
  ]
  expect(match()).toEqual(ids)
  expect(match({ key: 'host', ...only('a') })).toEqual([ids[0], ids[2]])
  expect(match({ key: 'host', ...only('a', 'b') }, { key: 'rack', ...only('1') })).toEqual(
    ids.slice(0, 2),
  )
  const isAbsent = { values: null, accepts: (value: string | null) => value === null }
  expect(match({ key: 'rack', ...isAbsent })).toEqual(ids.slice(2))
  expect(match({ key: 'nobody', ...isAbsent })).toEqual(ids)
  expect(match({ key: 'nobody', ...only('a') })).toEqual([])
  expect(match({ key: 'host', ...only('z') })).toEqual([])
  expect([...w.catalog.matchSeries(mem, [{ key: 'host', ...only('a') }])]).toEqual([other])
  expect(w.catalog.seriesTags(ids[0]!)).toEqual(
    new Map([
      ['host', 'a'],
      ['rack', '1'],
    ]),
  )
})

test('thousands of series with late tag keys keep every value in its row', async () => {
  const w = await openWriter()
  const table = w.table(w.database('default'), 'cpu')
  const ids = Array.from({ length: 3000 }, (_, i) =>
    w.series(table, { host: `h${i}`, ...(i < 2500 ? {} : { late: String(i % 3) }) }),
  )
  const late = w.catalog.matchSeries(table, [{ key: 'late', ...only('1') }])
  expect([...late]).toEqual(ids.filter((_, i) => i >= 2500 && i % 3 === 1))
  const one = w.catalog.matchSeries(table, [{ key: 'host', ...only('h2999') }])
  expect([...one]).toEqual([ids[2999]])
  const found = w.catalog.table('default', 'cpu')
  expect(valuesOf(w.catalog, found, 'late')).toEqual(['0', '1', '2'])
  expect(valuesOf(w.catalog, found, 'host')).toHaveLength(3000)
  expect(w.catalog.tagKeys(found)).toEqual(['host', 'late'])
})

test('applying series again, as the catalog file and the log may both hold them, changes nothing', async () => {
  const w = await openWriter()
  const table = w.table(w.database('default'), 'cpu')
  const id = w.series(table, { host: 'a' })
  w.catalog.apply(entry(5, id, bytesOf(u32(table), [4], 'host', [1], 'a')))
  expect([...w.catalog.matchSeries(table, [])]).toEqual([id])
})

test('a dropped table is gone with its names and tags, and a new one of that name is another', async () => {
  const w = await openWriter()
  const db = w.database('default')
  const first = w.table(db, 'cpu')
  w.column(first, 'usage', 0)
  w.series(first, { host: 'a' })
  w.catalog.apply(encodeTableDropped(first))
  expect(() => w.catalog.table('default', 'cpu')).toThrow(
    expect.objectContaining({ code: 'not_found', message: "table 'cpu' does not exist" }),
  )
  const second = w.table(db, 'cpu')
  expect(second).not.toBe(first)
  const table = w.catalog.planTable('default', 'cpu')
  expect(table).toEqual({
    id: second,
    name: 'cpu',
    partitionSeconds: 86_400,
    columns: [],
    tagKeys: [],
    cutoff: TIME_MIN,
  })
  w.series(second, { host: 'b' })
  expect(valuesOf(w.catalog, w.catalog.table('default', 'cpu'), 'host')).toEqual(['b'])
})

test('a dropped database takes its tables with it and leaves the others', async () => {
  const w = await openWriter()
  const [one, two] = [w.database('one'), w.database('two')]
  w.table(one, 'cpu')
  const kept = w.table(two, 'cpu')
  w.catalog.apply(encodeDatabaseDropped(one))
  expect(() => w.catalog.table('one', 'cpu')).toThrow("database 'one' does not exist")
  expect(w.catalog.table('two', 'cpu').id).toBe(kept)
})
