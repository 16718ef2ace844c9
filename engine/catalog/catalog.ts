// What exists: databases, tables, columns, shapes and series. Names and keys live in key tables in
// kernel memory, where the parsers find them; this is the control plane's view of the few (databases,
// tables, columns) and the tag index over the many (series). It changes only by catalog entries,
// the bytes that the log and the catalog file hold, so recovery and a live write are one path.

import type { CatalogEntry } from './catalog-entry.ts'
import { ENTRY, decodeEntries } from './catalog-entry.ts'
import {
  type CatalogColumn,
  type CatalogDatabase,
  type CatalogMark,
  type CatalogTable,
  seriesCountOf,
} from './catalog-table.ts'
import { TIME_MIN } from '../calendar.ts'
import { OmenError, assert } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import { KeyTable } from './key-table.ts'
import { type CatalogLease, Leases } from './leases.ts'
import type { Memory } from '../memory.ts'
import { Tombstones } from '../lifecycle/tombstones.ts'
import type { PlanCatalog, PlanTable } from '../query/plan.ts'
import { type SeriesGroups, groupSeries } from './series-groups.ts'
import { SeriesOrder } from './series-order.ts'
import { SeriesTexts } from './series-texts.ts'
import { type Execution, finish } from '../step.ts'
import type { StoredTable } from '../rollup/choice.ts'
import { isHidden } from '../rollup/layout.ts'
import { RollupRegistry } from '../rollup/registry.ts'
import { TagIndex, type TagTerm } from './tag-index.ts'
import { KnownTags, type TagTexts, decodeTags } from './tag-texts.ts'
import { compareText } from './tags.ts'

const SERIES_MIN = 64
/** In payload c of a table: fields in the low half, tags in the high one. */
const ONE_TAG = 0x10000
const NO_VALUES = new Uint32Array()
/** In place of a series id. */
const NO_SERIES = 0xffffffff
const NS_PER_SECOND = 1_000_000_000n

export class Catalog implements PlanCatalog {
  /** By name. */
  readonly databases = new Map<string, CatalogDatabase>()
  readonly tables: KeyTable
  readonly columns: KeyTable
  readonly shapes: KeyTable
  readonly series: KeyTable
  /** What was deleted and may still be in parts. */
  readonly tombstones = new Tombstones()
  readonly rollups = new RollupRegistry()
  /** How lines name the series. */
  readonly texts: SeriesTexts
  /** The kernel's CatalogTables structure: pointers to the four tables and the texts. */
  readonly pointer: number
  readonly seriesMax: number
  /** From when retention counts back. */
  readonly clock: { now(): bigint }
  private readonly kernel: Kernel
  readonly memory: Memory
  private readonly tags: TagIndex
  private readonly order: SeriesOrder
  private readonly knownTags: KnownTags
  private readonly tableById = new Map<number, CatalogTable>()
  private readonly databaseById = new Map<number, CatalogDatabase>()
  private readonly leases = new Leases()
  private databaseCount = 0
  /** Every series below this id has been applied. */
  private seriesSeen = 0

  /** `seriesMax`: how many series a database may have. By the default clock nothing expires. */
  constructor(kernel: Kernel, memory: Memory, seriesMax = Infinity, clock = { now: () => 0n }) {
    this.kernel = kernel
    this.memory = memory
    this.seriesMax = seriesMax
    this.clock = clock
    this.tables = new KeyTable(kernel, memory, 64)
    const mayPack = (): boolean => this.leases.areCurrent
    this.columns = new KeyTable(kernel, memory, 256, mayPack)
    this.shapes = new KeyTable(kernel, memory, 64)
    this.series = new KeyTable(kernel, memory, 1024, mayPack)
    this.tags = new TagIndex(kernel, memory)
    this.order = new SeriesOrder(kernel, memory, this.series)
    this.knownTags = new KnownTags(this)
    this.texts = new SeriesTexts(kernel, memory)
    const head = memory.allocate(20)
    this.pointer = head.offset
    const all = [this.tables, this.columns, this.shapes, this.series, this.texts]
    memory.u32.set(
      all.map((table) => table.pointer),
      head.offset >>> 2,
    )
  }

  /** The id that the next new database gets. */
  get nextDatabaseId(): number {
    return this.databaseCount
  }

  /** For who looks ids up, to write or to read: while it is held, the keys of ids that are dropped stay. */
  lease(): CatalogLease {
    return this.leases.begin()
  }

  /** Series of all tables of a database; 0 if there is none of that name. */
  seriesCount(database: string): number {
    let count = 0
    for (const table of this.databases.get(database)?.tables.values() ?? []) {
      count += seriesCountOf(table)
    }
    return count
  }

  /** The tables of all databases. */
  allTables(): CatalogTable[] {
    return [...this.tableById.values()]
  }

  /** The table, or `not_found` naming what is missing. */
  table(database: string, name: string): CatalogTable {
    const found = this.databases.get(database)
    if (!found) throw new OmenError('not_found', `database '${database}' does not exist`)
    const table = found.tables.get(name)
    if (!table) throw new OmenError('not_found', `table '${name}' does not exist`)
    return table
  }

  /** A table as planning sees it. Throws `not_found`. */
  planTable(database: string, name: string): PlanTable {
    const table = this.table(database, name)
    const { id, partitionSeconds, planned } = table
    // Forgotten when a field is dropped; else names are only added, and their number tells.
    const isKnown =
      planned?.columns.length === table.columns.size && planned.tagKeys.length === table.tags.size
    const cutoff = this.cutoff(table)
    if (isKnown) return cutoff === planned.cutoff ? planned : { ...planned, cutoff }
    const columns = this.shownColumns(table)
    table.planned = { id, name, partitionSeconds, columns, tagKeys: this.tagKeys(table), cutoff }
    return table.planned
  }

  /** Time before which points of a table are no more; TIME_MIN if it keeps them all. */
  cutoff({ id, retention }: CatalogTable): bigint {
    const cutoff = retention === null ? TIME_MIN : this.clock.now() - retention.ns
    // What its rollups have closed stays so, also with a longer retention.
    const closed = this.rollups.closedBefore(id)
    return closed > cutoff ? closed : cutoff
  }

  /** Fields of a table that users see, by name. */
  shownColumns({ id, columns }: CatalogTable): CatalogColumn[] {
    const isRollup = this.rollups.into(id) !== undefined
    const shown = [...columns.values()].filter(({ name }) => !isRollup || !isHidden(name))
    return shown.sort((a, b) => compareText(a.name, b.name))
  }

  /** A table with all of its columns; null once it was dropped. */
  storedTable(id: number): StoredTable | null {
    return this.tableById.get(id) ?? null
  }

  /** The cutoff of a table by its id. */
  cutoffOf(id: number): bigint {
    const table = this.tableById.get(id)
    return table === undefined ? TIME_MIN : this.cutoff(table)
  }

  /** The series of another table that has the same tags, or -1. */
  siblingSeries(id: number, table: number): number {
    if (this.series.isRemoved(id)) return -1
    const key = this.series.key(id)
    new DataView(key.buffer, key.byteOffset).setUint32(0, table, true)
    return this.series.find(key)
  }

  /** A table by its id; undefined once it was dropped. */
  tableOf(id: number): CatalogTable | undefined {
    return this.tableById.get(id)
  }

  /** Tag keys of a table in byte order. */
  tagKeys(table: CatalogTable): string[] {
    return [...table.tags.keys()].sort(compareText)
  }

  /** How many series a table has; 0 once it was dropped. */
  tableSeries(tableId: number): number {
    const table = this.tableById.get(tableId)
    return table === undefined ? 0 : seriesCountOf(table)
  }

  /** Ids, in any order, of the table's series for which every term accepts its tag's value. */
  matchSeries(tableId: number, terms: readonly TagTerm[]): Uint32Array {
    return finish(this.findSeries(tableId, terms))
  }

  /** The same in steps. Without terms, all. */
  *findSeries(tableId: number, terms: readonly TagTerm[]): Execution<Uint32Array> {
    const { ordinalCount } = this.tableById.get(tableId)!
    const matched = yield* this.tags.match(tableId, terms, ordinalCount)
    const table = this.tableById.get(tableId)
    if (table === undefined) return new Uint32Array()
    const first = table.series.offset >>> 2
    const { u32 } = this.memory
    let count = 0
    for (const ordinal of matched) {
      const id = u32[first + ordinal]!
      if (id !== NO_SERIES) matched[count++] = id
    }
    return matched.subarray(0, count)
  }

  /** The series at an ordinal of a table; null if it was dropped. */
  seriesAt(table: CatalogTable, ordinal: number): number | null {
    assert(ordinal < table.ordinalCount, `table ${table.id} has no series at ordinal ${ordinal}`)
    const id = this.memory.u32[(table.series.offset >>> 2) + ordinal]!
    return id === NO_SERIES ? null : id
  }

  /** Groups series of a table by the values of `keys`. */
  *groupSeries(
    tableId: number,
    ids: Uint32Array,
    keys: readonly string[],
  ): Execution<SeriesGroups> {
    const { series, tags } = this
    const ordinals = ids.map((id) => series.payload(id, 'b'))
    const known = keys.filter((key) => tags.valueIds(tableId, key) !== null)
    const columns = known.map((key) => () => tags.valueIds(tableId, key) ?? NO_VALUES)
    return yield* groupSeries(ordinals, columns, tags.valueCount)
  }

  /** Indexes in `ids`, series of a table, in the order of their tags; of `keys` alone if there are any. */
  orderSeries(
    tableId: number,
    ids: Uint32Array,
    keys: readonly string[] | null,
  ): Execution<Uint32Array> {
    return this.order.of(tableId, ids, keys)
  }

  /** Tags of a series, keys in byte order. Of a dropped one, those of before while a lease is held. */
  seriesTags(id: number): ReadonlyMap<string, string> {
    return decodeTags(this.memory.bytes(this.series.keptRange(id)))
  }

  /** Tags of many series as they are now. */
  copyTags(ids: Uint32Array): Execution<Pick<TagTexts, 'at'>> {
    return this.knownTags.copy(ids)
  }

  /**
   * Takes over entries whose keys are in the key tables already (a committed batch put them there,
   * or `replayEntries` did), in the order they are logged. Throws `busy` when memory is short: call
   * it again with the same entries, and maybe more behind them, before anything else.
   */
  apply(entries: Uint8Array): void {
    const dropped = new Set<number>()
    for (const entry of decodeEntries(entries)) {
      if (entry.kind === 'tombstoneDropped') dropped.add(entry.id)
      else this.applyEntry(entry)
    }
    if (dropped.size > 0) this.tombstones.drop(dropped)
  }

  /** How much there is, for `takeBack`. */
  mark(): CatalogMark {
    const { tables, columns, shapes, series, tags, seriesSeen, databaseCount } = this
    const counts = [tables, columns, shapes, series].map(({ count }) => count)
    return { counts, tags: tags.mark(), seriesSeen, databaseCount }
  }

  /**
   * Undoes what `entries` of a write brought to the key tables and, as far as it came, to the catalog
   * since `mark`. Nobody has looked it up meanwhile: the ids are given again.
   */
  takeBack(mark: CatalogMark, entries: Uint8Array): void {
    const touched = new Set<CatalogTable>()
    const made: CatalogTable[] = []
    for (const entry of decodeEntries(entries)) {
      if (entry.kind === 'database') this.databaseById.delete(entry.id)
      if (entry.kind === 'database') this.databases.delete(entry.name)
      const isTable = entry.kind === 'table'
      const table = this.tableById.get(isTable ? entry.id : 'table' in entry ? entry.table : -1)
      if (table === undefined) continue
      if (isTable) made.push(table)
      else this.takeFrom(table, entry)
      touched.add(table)
    }
    for (const table of touched) this.tags.clear(table.id, table.ordinalCount)
    for (const { id, name, database, series } of made) {
      this.memory.release(series)
      this.tableById.delete(id)
      database.tables.delete(name)
    }
    this.tags.takeBack(mark.tags)
    this.knownTags.forget()
    const four = [this.tables, this.columns, this.shapes, this.series]
    for (const [i, table] of four.entries()) table.truncate(mark.counts[i]!)
    this.seriesSeen = mark.seriesSeen
    this.databaseCount = mark.databaseCount
  }

  /** Takes a column, a tag or a series from its table. */
  private takeFrom(table: CatalogTable, entry: CatalogEntry): void {
    const count = (by: number): void => {
      this.tables.setPayload(table.id, 'c', this.tables.payload(table.id, 'c') - by)
    }
    if (entry.kind === 'series' && entry.id < this.seriesSeen) table.ordinalCount--
    if (entry.kind === 'column') {
      table.columns.delete(entry.name)
      count(1)
    }
    if (entry.kind === 'tag') {
      table.tags.delete(entry.name)
      count(ONE_TAG)
    }
  }

  private applyEntry(entry: CatalogEntry): void {
    switch (entry.kind) {
      case 'database':
        return this.addDatabase(entry.id, entry.name)
      case 'table':
        return this.addTable(entry.id, entry.database, entry.partitionSeconds, entry.name)
      case 'column': {
        const { id, name, type } = entry
        this.tableById.get(entry.table)?.columns.set(name, { id, name, type })
        return
      }
      case 'tag':
        this.tableById.get(entry.table)?.tags.set(entry.name, entry.id)
        return
      case 'shape':
        return
      case 'series':
        return this.addSeries(entry.id, entry.table)
      case 'tableDropped':
        return this.dropTable(entry.id)
      case 'databaseDropped':
        return this.dropDatabase(entry.id)
      case 'settings':
        return this.setRetention(entry.id, entry.retention, entry.text)
      case 'declaration':
        return this.setDeclaration(entry.id, entry.text)
      case 'columnDropped':
        return this.dropColumn(entry.id)
      case 'seriesDropped':
        return this.dropSeries(entry.id)
      case 'tombstone':
        if (this.tableById.has(entry.table)) this.tombstones.add(entry)
        return this.tombstones.reach(entry.id + 1)
      case 'rollup':
        return this.rollups.add(entry)
      case 'rollupDropped':
        return this.rollups.drop(entry.id)
      case 'rollupRefreshed':
        return this.rollups.refresh(entry)
      case 'idsGiven':
        return this.skipIds(entry.id, entry.next)
      case 'columnPurged':
        return this.forgetColumn(entry.id)
    }
  }

  /** Ids of key tables are skipped where the keys are entered. */
  private skipIds(kind: number, next: number): void {
    if (kind === ENTRY.database) this.databaseCount = Math.max(this.databaseCount, next)
    if (kind === ENTRY.tombstone) this.tombstones.reach(next)
    if (kind === ENTRY.rollup) this.rollups.reach(next)
  }

  private forgetColumn(id: number): void {
    if (id >= this.columns.count) return
    this.tableById.get(this.columns.payload(id, 'a'))?.droppedColumns.delete(id)
  }

  private addDatabase(id: number, name: string): void {
    if (this.databaseById.has(id)) return
    const database: CatalogDatabase = { id, name, tables: new Map() }
    this.databases.set(name, database)
    this.databaseById.set(id, database)
    this.databaseCount = Math.max(this.databaseCount, id + 1)
  }

  private addTable(id: number, databaseId: number, partitionSeconds: number, name: string): void {
    if (this.tableById.has(id)) return
    const database = this.databaseById.get(databaseId)
    assert(database !== undefined, `table ${id} names database ${databaseId}`)
    const series = this.memory.allocate(SERIES_MIN * 4)
    const table: CatalogTable = {
      ...{ id, name, database, partitionSeconds, series },
      columns: new Map(),
      tags: new Map(),
      droppedColumns: new Set(),
      retention: null,
      declaration: null,
      ordinalCount: 0,
      droppedSeries: 0,
      planned: null,
    }
    database.tables.set(name, table)
    this.tableById.set(id, table)
  }

  private addSeries(id: number, tableId: number): void {
    // Ids rise, so a lower one is known.
    if (id < this.seriesSeen) return
    const table = this.tableById.get(tableId)
    if (table !== undefined) this.addToTable(id, table)
    this.seriesSeen = id + 1
  }

  /** When memory is short it throws before the series counts, and may be tried again. */
  private addToTable(id: number, table: CatalogTable): void {
    const ordinal = table.ordinalCount
    if ((ordinal + 1) * 4 > table.series.size) {
      table.series = this.memory.grow(table.series, table.series.size * 2, ordinal * 4)
    }
    this.memory.u32[(table.series.offset >>> 2) + ordinal] = id
    this.series.setPayload(id, 'b', ordinal)
    const key = this.series.keyRange(id)
    this.tags.add(table.id, key.offset, key.size, ordinal)
    table.ordinalCount++
  }

  private setDeclaration(id: number, text: string): void {
    const table = this.tableById.get(id)
    if (table !== undefined) table.declaration = text === '' ? null : text
  }

  private setRetention(id: number, ns: bigint, text: string): void {
    const table = this.tableById.get(id)
    if (!table) return
    table.retention = ns === 0n ? null : { ns, text }
    // Where the parsers look; see assembly/staged-row.ts.
    this.tables.setPayload(id, 'd', Number(ns / NS_PER_SECOND))
  }

  private dropColumn(id: number): void {
    if (id >= this.columns.count || this.columns.isRemoved(id)) return
    const table = this.tableById.get(this.columns.payload(id, 'a'))
    if (!table) return
    for (const [name, column] of table.columns) if (column.id === id) table.columns.delete(name)
    table.droppedColumns.add(id)
    table.planned = null
    this.columns.remove(id)
    this.tables.setPayload(table.id, 'c', this.tables.payload(table.id, 'c') - 1)
    this.leases.noteDrop()
  }

  private dropSeries(id: number): void {
    this.seriesSeen = Math.max(this.seriesSeen, id + 1)
    if (id >= this.series.count || this.series.isRemoved(id)) return
    const table = this.tableById.get(this.series.payload(id, 'a'))
    if (!table) return
    const ordinal = this.series.payload(id, 'b')
    assert(this.seriesAt(table, ordinal) === id, `series ${id} is not at ordinal ${ordinal}`)
    this.memory.u32[(table.series.offset >>> 2) + ordinal] = NO_SERIES
    table.droppedSeries++
    this.series.remove(id)
    this.leases.noteDrop()
  }

  private dropTable(id: number): void {
    const table = this.tableById.get(id)
    if (!table) return
    for (const column of table.columns.values()) this.columns.remove(column.id)
    for (const tag of table.tags.values()) this.columns.remove(tag)
    for (let i = 0; i < table.ordinalCount; i++) {
      const series = this.seriesAt(table, i)
      if (series !== null) this.series.remove(series)
    }
    this.tags.drop(id)
    this.order.drop(id)
    this.tombstones.dropTable(id)
    this.rollups.dropTable(id)
    this.memory.release(table.series)
    table.ordinalCount = 0
    this.tables.remove(id)
    this.tableById.delete(id)
    table.database.tables.delete(table.name)
    this.leases.noteDrop()
  }

  private dropDatabase(id: number): void {
    this.databaseCount = Math.max(this.databaseCount, id + 1)
    const database = this.databaseById.get(id)
    if (!database) return
    for (const table of [...database.tables.values()]) this.dropTable(table.id)
    this.databases.delete(database.name)
    this.databaseById.delete(id)
  }
}
