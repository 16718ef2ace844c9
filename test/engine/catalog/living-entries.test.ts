import { describe, expect, test } from 'vitest'
import {
  ENTRY,
  decodeEntries,
  encodeColumn,
  encodeColumnDropped,
  encodeColumnsPurged,
  encodeDatabase,
  encodeDatabaseDropped,
  encodeDeclaration,
  encodeIdsGiven,
  encodeRollup,
  encodeRollupDropped,
  encodeRollupRefreshed,
  encodeSeriesDropped,
  encodeSettings,
  encodeTable,
  encodeTableDropped,
  encodeTag,
  splitEntries,
} from '../../../engine/catalog/catalog-entry.ts'
import { Catalog } from '../../../engine/catalog/catalog.ts'
import { EntryLedger } from '../../../engine/catalog/entry-ledger.ts'
import { LivingEntries } from '../../../engine/catalog/living-entries.ts'
import { replayEntries } from '../../../engine/ingest/staging.ts'
import { encodeTombstone, encodeTombstonesDropped } from '../../../engine/lifecycle/tombstone.ts'
import { joinBytes } from '../../../engine/log/log-record.ts'
import { openKernel } from '../../kernel.ts'
import { type Random, randomOf } from '../../random.ts'

const DEFINITION = JSON.stringify({ every: '1h', select: [] })
const text = new TextEncoder()

/** An entry whose payload is numbers and then bytes. */
function entry(kind: number, id: number, numbers: readonly number[], key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + numbers.length * 4 + key.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, kind)
  view.setUint32(4, bytes.length, true)
  view.setUint32(8, id, true)
  for (const [i, number] of numbers.entries()) view.setUint32(12 + i * 4, number, true)
  bytes.set(key, 12 + numbers.length * 4)
  return bytes
}

function series(id: number, table: number, value: string): Uint8Array {
  const bytes = text.encode(value)
  return entry(
    ENTRY.series,
    id,
    [table],
    Uint8Array.from([1, 116, bytes.length | 0x80, bytes.length >> 7, ...bytes]),
  )
}

const shape = (id: number, table: number, columns: readonly number[]): Uint8Array =>
  entry(ENTRY.shape, id, [table, ...columns], new Uint8Array())

function tombstone(id: number, table: number): Uint8Array {
  const ranges = {
    series: null,
    firsts: null,
    starts: BigInt64Array.of(0n),
    ends: BigInt64Array.of(9n),
  }
  return encodeTombstone({ id, table, sequence: BigInt(id), ranges })
}

async function replayed(blobs: Iterable<Uint8Array>): Promise<Catalog> {
  const { kernel, memory } = await openKernel()
  const catalog = new Catalog(kernel, memory)
  for (const blob of blobs) {
    replayEntries({ kernel, memory }, catalog, blob)
    catalog.apply(blob)
  }
  return catalog
}

/** All that anybody can see of a catalog, and the ids that come next. */
function stateOf(catalog: Catalog) {
  const { databases, tables, columns, series: all, tombstones, rollups } = catalog
  const describeTable = (id: number) => {
    const table = catalog.tableOf(id)!
    const ids = [...catalog.matchSeries(id, [])]
    return {
      ...{ id, name: table.name, retention: table.retention, width: table.partitionSeconds },
      declaration: table.declaration,
      columns: [...table.columns.values()],
      tags: [...table.tags],
      dropped: [...table.droppedColumns],
      counts: tables.payload(id, 'c'),
      series: ids.map((of) => [of, [...catalog.seriesTags(of)]]),
      deleted: [0, 1, 2, 3, 4, 5, 6, 7].map((from) => tombstones.hasFrom(id, from)),
    }
  }
  return {
    databases: [...databases.values()].map(({ id, name, tables: own }) => [
      id,
      name,
      [...own.values()].map((table) => describeTable(table.id)),
    ]),
    rollups: [...rollups.version.byId.values()],
    next: [
      ...[catalog.nextDatabaseId, tables.count, columns.count, catalog.shapes.count, all.count],
      ...[tombstones.nextId, rollups.nextId],
    ],
  }
}

function rewritten(blobs: readonly Uint8Array[]): Uint8Array[] {
  const entries = new LivingEntries()
  for (const blob of blobs) entries.note(blob)
  entries.settle()
  const living = blobs.flatMap((blob) => entries.living(blob))
  return [...living, ...entries.idsGiven()]
}

/** Entries as writes, drops and settings bring them, in an order that chance decides. */
class RandomEntries {
  readonly blobs: Uint8Array[] = []
  private readonly random: Random
  private readonly next = {
    database: 0,
    table: 0,
    column: 0,
    shape: 0,
    series: 0,
    tombstone: 0,
    rollup: 0,
  }
  private databases: number[] = []
  private tables: { id: number; database: number; fields: number[]; series: number[] }[] = []
  private dropped: number[] = []
  private tombstones: number[] = []
  private rollups: number[] = []

  constructor(seed: number) {
    this.random = randomOf(seed)
  }

  step(): void {
    const { next, random } = this
    const table = this.pick(this.tables)
    const kind = random.int(15)
    if (this.databases.length === 0 || kind === 0) {
      this.databases.push(next.database)
      return this.add(encodeDatabase(next.database, `d${next.database++}`))
    }
    if (table === undefined || kind === 1) return this.addTable()
    if (kind === 2 || kind === 3) {
      table.fields.push(next.column)
      return this.add(encodeColumn(next.column, table.id, random.int(5) as 0, `f${next.column++}`))
    }
    if (kind === 4) return this.add(encodeTag(next.column, table.id, `t${next.column++}`))
    if (kind === 5 && table.fields.length > 0) {
      return this.add(
        shape(
          next.shape++,
          table.id,
          [...table.fields].sort((a, b) => a - b),
        ),
      )
    }
    if (kind === 6) {
      return this.add(encodeSettings(table.id, BigInt(random.int(9)) * 1_000_000_000n, 'x'))
    }
    if (kind === 14) return this.add(encodeDeclaration(table.id, ['', 'a', 'b'][random.int(3)]!))
    if (kind === 7 && table.fields.length > 0) {
      const column = table.fields.splice(random.int(table.fields.length), 1)[0]!
      this.dropped.push(column)
      return this.add(encodeColumnDropped(column))
    }
    if (kind === 8 && this.dropped.length > 0)
      return this.add(encodeColumnsPurged([this.dropped.pop()!]))
    if (kind === 9) return this.change(table.id)
    if (kind === 10 && table.series.length > 0) {
      return this.add(
        encodeSeriesDropped(table.series.splice(random.int(table.series.length), 1)[0]!),
      )
    }
    if (kind === 11 && random.int(4) === 0) return this.drop(table.id, table.database)
    table.series.push(next.series)
    this.add(
      series(
        next.series,
        table.id,
        `v${next.series++ % 7}-${table.series.length}-${random.int(1e9)}`,
      ),
    )
  }

  private add(...entries: Uint8Array[]): void {
    this.blobs.push(joinBytes(...entries))
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[this.random.int(Math.max(1, from.length))]
  }

  private addTable(): void {
    const { next } = this
    const database = this.pick(this.databases)!
    this.tables.push({ id: next.table, database, fields: [], series: [] })
    this.add(
      encodeTable(next.table, { database, partitionSeconds: 86_400, name: `n${next.table++}` }),
    )
  }

  /** Tombstones and rollups. */
  private change(table: number): void {
    const { next, random } = this
    const rollup = this.pick(this.rollups)
    const what = random.int(5)
    if (what === 0) {
      this.tombstones.push(next.tombstone)
      return this.add(tombstone(next.tombstone++, table))
    }
    if (what === 1 && this.tombstones.length > 0) {
      return this.add(encodeTombstonesDropped([this.tombstones.shift()!]))
    }
    if (what === 2) {
      this.rollups.push(next.rollup)
      return this.add(encodeRollup(next.rollup++, table, this.pick(this.tables)!.id, DEFINITION))
    }
    if (rollup === undefined) return
    if (what === 3) {
      const times = { watermark: BigInt(random.int(99)), frozenBefore: 5n, begins: 3n }
      const progress = { ...times, tombstonesFrom: 1 }
      return this.add(encodeRollupRefreshed({ id: rollup, ...progress }))
    }
    this.rollups = this.rollups.filter((id) => id !== rollup)
    this.add(encodeRollupDropped(rollup))
  }

  private drop(table: number, database: number): void {
    const isAll = this.random.int(3) === 0
    this.tables = this.tables.filter(
      (of) => of.id !== table && !(isAll && of.database === database),
    )
    if (isAll) this.databases = this.databases.filter((id) => id !== database)
    this.add(isAll ? encodeDatabaseDropped(database) : encodeTableDropped(table))
  }
}

test('what is alive of any run of entries comes to the same catalog and the same next ids', async () => {
  let least = Infinity
  for (let seed = 1; seed <= 30; seed++) {
    const source = new RandomEntries(seed)
    for (let i = 0; i < 30 + seed * 5; i++) source.step()
    const wanted = stateOf(await replayed(source.blobs))
    const once = rewritten(source.blobs)
    expect(stateOf(await replayed(once)), `seed ${seed}`).toEqual(wanted)
    // Again, after more of it: what keeps ids is itself replaced.
    const more = source.blobs.length
    for (let i = 0; i < 100; i++) source.step()
    const both = [...once, ...source.blobs.slice(more)]
    const twice = rewritten(both)
    expect(stateOf(await replayed(twice)), `seed ${seed}, again`).toEqual(
      stateOf(await replayed(source.blobs)),
    )
    const sizeOf = (blobs: readonly Uint8Array[]) =>
      blobs.reduce((sum, { length }) => sum + length, 0)
    least = Math.min(least, sizeOf(twice) / sizeOf(both))
  }
  expect(least).toBeLessThan(0.7)
})

test('nothing of a dropped table is alive but that its ids were given', () => {
  const blob = joinBytes(
    encodeDatabase(0, 'default'),
    encodeTable(0, { database: 0, partitionSeconds: 86_400, name: 't' }),
    encodeTag(0, 0, 't'),
    encodeColumn(1, 0, 0, 'v'),
    shape(0, 0, [1]),
    series(0, 0, 'a'),
    encodeSettings(0, 1_000_000_000n, '1s'),
    encodeColumn(2, 0, 1, 'w'),
    encodeColumnDropped(2),
    encodeRollup(3, 0, 0, DEFINITION),
    encodeRollupRefreshed({
      id: 3,
      watermark: 1n,
      frozenBefore: 1n,
      begins: 1n,
      tombstonesFrom: 0,
    }),
    tombstone(4, 0),
    encodeTableDropped(0),
  )
  const left = rewritten([blob]).flatMap((run) => [...decodeEntries(run)])
  expect(left).toEqual([
    { kind: 'database', id: 0, name: 'default' },
    { kind: 'idsGiven', id: ENTRY.database, next: 1 },
    { kind: 'idsGiven', id: ENTRY.table, next: 1 },
    { kind: 'idsGiven', id: ENTRY.column, next: 3 },
    { kind: 'idsGiven', id: ENTRY.shape, next: 1 },
    { kind: 'idsGiven', id: ENTRY.series, next: 1 },
    { kind: 'idsGiven', id: ENTRY.rollup, next: 4 },
    { kind: 'idsGiven', id: ENTRY.tombstone, next: 5 },
  ])
})

test('a dropped field is kept until no part holds it, so that a start goes on looking', async () => {
  const entries = [
    encodeDatabase(0, 'default'),
    encodeTable(0, { database: 0, partitionSeconds: 86_400, name: 't' }),
    encodeColumn(0, 0, 0, 'v'),
    encodeColumnDropped(0),
  ]
  const before = await replayed(rewritten(entries))
  expect([...before.table('default', 't').droppedColumns]).toEqual([0])
  const after = rewritten([...entries, encodeColumnsPurged([0])])
  expect([...(await replayed(after)).table('default', 't').droppedColumns]).toEqual([])
  expect(after.flatMap((run) => [...decodeEntries(run)]).map(({ kind }) => kind)).not.toContain(
    'column',
  )
})

test.each([
  ['of the kernel', encodeIdsGiven(ENTRY.series, 0xffffffff)],
  ['of a dropped thing', encodeSeriesDropped(0xffffffff)],
])(
  'an id that no key table can have is refused, not looked for without end: %s',
  async (_, bytes) => {
    await expect(replayed([bytes])).rejects.toMatchObject({ code: 'corrupt' })
  },
)

describe('entries are cut', () => {
  const blob = joinBytes(...Array.from({ length: 50 }, (_, i) => series(i, 0, 'x'.repeat(i))))

  test.each([1, 40, 100, 1_000, 1e6])(
    'into runs of at most %i bytes, unless one is larger',
    (size) => {
      const runs = [...splitEntries(blob, size)]
      expect(joinBytes(...runs)).toEqual(blob)
      for (const run of runs) {
        if (run.length > size) expect([...decodeEntries(run)]).toHaveLength(1)
      }
      expect(runs.length).toBe(size === 1 ? 50 : size === 1e6 ? 1 : runs.length)
    },
  )
})

test('the ledger sees when most of it is dead, by drops of series, tables and databases', () => {
  const made = joinBytes(
    encodeDatabase(0, 'default'),
    encodeTable(0, { database: 0, partitionSeconds: 86_400, name: 't' }),
    ...Array.from({ length: 100 }, (_, i) => series(i, 0, `${i}`)),
  )
  const shareOf = (...more: Uint8Array[]): number => {
    const ledger = new EntryLedger()
    const all = [made, ...more]
    for (const blob of all) ledger.add(blob)
    return ledger.deadBytes / all.reduce((sum, { length }) => sum + length, 0)
  }
  expect(shareOf()).toBe(0)
  const drops = Array.from({ length: 60 }, (_, i) => encodeSeriesDropped(i))
  expect(shareOf(...drops.slice(0, 20))).toBeLessThan(0.5)
  expect(shareOf(...drops)).toBeGreaterThan(0.5)
  expect(shareOf(encodeTableDropped(0))).toBeGreaterThan(0.95)
  expect(shareOf(encodeDatabaseDropped(0))).toBeGreaterThan(0.95)
  const settings = Array.from({ length: 300 }, () => encodeSettings(0, 1n, '1s'))
  expect(shareOf(...settings)).toBeGreaterThan(0.5)
  const declarations = Array.from({ length: 300 }, () => encodeDeclaration(0, 'text'))
  expect(shareOf(...declarations)).toBeGreaterThan(0.5)
})
