// What exists: databases, tables, columns, shapes and series. Names and keys live in key tables in
// kernel memory, where the parsers find them; this is the control plane's view of the few (databases,
// tables, columns) and the tag index over the many (series). It changes only by catalog entries,
// the bytes that the log and the catalog file hold, so recovery and a live write are one path.

import type { CatalogEntry } from './catalog-entry.ts'
import { decodeEntries } from './catalog-entry.ts'
import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import type { Kernel } from '../kernel.ts'
import { KeyTable } from './key-table.ts'
import type { Memory, Region } from '../memory.ts'
import type { PlanCatalog, PlanTable } from '../query/plan.ts'
import { type SeriesGroups, groupSeries } from './series-groups.ts'
import { SeriesOrder } from './series-order.ts'
import { type Execution, finish } from '../step.ts'
import { TagIndex, type TagTerm } from './tag-index.ts'
import { type TagTexts, copyTags, decodeTags } from './tag-texts.ts'
import { compareText } from './tags.ts'

export interface CatalogColumn {
  readonly id: number
  readonly name: string
  readonly type: FieldType
}

export interface CatalogTable {
  readonly id: number
  readonly name: string
  readonly database: CatalogDatabase
  readonly partitionSeconds: number
  /** By name. */
  readonly columns: Map<string, CatalogColumn>
  /** Ids of its tag keys in the columns' key table, where they keep fields from taking the name. */
  readonly tagIds: Set<number>
  /** Series ids (u32) by ordinal, in kernel memory. */
  series: Region
  seriesCount: number
  /** What planTable last gave. */
  planned: PlanTable | null
}

export interface CatalogDatabase {
  readonly id: number
  readonly name: string
  /** By name. */
  readonly tables: Map<string, CatalogTable>
}

const SERIES_MIN = 64
const NO_VALUES = new Uint32Array()

export class Catalog implements PlanCatalog {
  /** By name. */
  readonly databases = new Map<string, CatalogDatabase>()
  readonly tables: KeyTable
  readonly columns: KeyTable
  readonly shapes: KeyTable
  readonly series: KeyTable
  /** The kernel's CatalogTables structure: pointers to the four tables. */
  readonly pointer: number
  readonly seriesMax: number
  private readonly kernel: Kernel
  readonly memory: Memory
  private readonly tags: TagIndex
  private readonly order: SeriesOrder
  private readonly tableById = new Map<number, CatalogTable>()
  private readonly databaseById = new Map<number, CatalogDatabase>()
  private databaseCount = 0
  /** Every series below this id has been applied. */
  private seriesSeen = 0

  /** `seriesMax`: how many series a database may have. */
  constructor(kernel: Kernel, memory: Memory, seriesMax = Infinity) {
    this.kernel = kernel
    this.memory = memory
    this.seriesMax = seriesMax
    this.tables = new KeyTable(kernel, memory, 64)
    this.columns = new KeyTable(kernel, memory, 256)
    this.shapes = new KeyTable(kernel, memory, 64)
    this.series = new KeyTable(kernel, memory, 1024)
    this.tags = new TagIndex(kernel, memory)
    this.order = new SeriesOrder(kernel, memory, this.series)
    const head = memory.allocateZeroed(16)
    this.pointer = head.offset
    const four = [this.tables, this.columns, this.shapes, this.series]
    memory.u32.set(
      four.map((table) => table.pointer),
      head.offset >>> 2,
    )
  }

  /** The id that the next new database gets. */
  get nextDatabaseId(): number {
    return this.databaseCount
  }

  /** Series of all tables of a database; 0 if there is none of that name. */
  seriesCount(database: string): number {
    let count = 0
    for (const table of this.databases.get(database)?.tables.values() ?? []) {
      count += table.seriesCount
    }
    return count
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
    // Names are only ever added, so that their number tells whether there are new ones.
    const isKnown =
      planned?.columns.length === table.columns.size &&
      planned.tagKeys.length === this.tags.keyCount(id)
    if (isKnown) return planned
    const columns = [...table.columns.values()].sort((a, b) => compareText(a.name, b.name))
    table.planned = { id, name, partitionSeconds, columns, tagKeys: this.tagKeys(table) }
    return table.planned
  }

  /** A table by its id; undefined once it was dropped. */
  tableOf(id: number): CatalogTable | undefined {
    return this.tableById.get(id)
  }

  /** Tag keys of a table in byte order. */
  tagKeys(table: CatalogTable): string[] {
    return this.tags.tagKeys(table.id).sort(compareText)
  }

  /** How many series a table has; 0 once it was dropped. */
  tableSeries(tableId: number): number {
    return this.tableById.get(tableId)?.seriesCount ?? 0
  }

  /** Ids of the table's series for which every term accepts its tag's value, oldest first. */
  matchSeries(tableId: number, terms: readonly TagTerm[]): Uint32Array {
    return finish(this.findSeries(tableId, terms))
  }

  /** The same in steps. Without terms, all. */
  *findSeries(tableId: number, terms: readonly TagTerm[]): Execution<Uint32Array> {
    const { seriesCount } = this.tableById.get(tableId)!
    const matched = yield* this.tags.match(tableId, terms, seriesCount)
    const table = this.tableById.get(tableId)
    if (table === undefined) return new Uint32Array()
    const first = table.series.offset >>> 2
    const { u32 } = this.memory
    for (let i = 0; i < matched.length; i++) matched[i] = u32[first + matched[i]!]!
    return matched
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

  /** Tags of a series, keys in byte order; none once it was dropped. */
  seriesTags(id: number): ReadonlyMap<string, string> {
    if (this.series.isRemoved(id)) return new Map()
    return decodeTags(this.memory.bytes(this.series.keyRange(id)))
  }

  /** Tags of many series as they are now. */
  copyTags(ids: Uint32Array): Execution<TagTexts> {
    return copyTags(this, ids)
  }

  /**
   * Takes over entries whose keys are in the key tables already (a committed batch put them there,
   * or `replayEntries` did), in the order they are logged. Throws `busy` when memory is short: call
   * it again with the same entries, and maybe more behind them, before anything else.
   */
  apply(entries: Uint8Array): void {
    for (const entry of decodeEntries(entries)) this.applyEntry(entry)
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
        this.tableById.get(entry.table)?.tagIds.add(entry.id)
        return
      case 'shape':
        return
      case 'series':
        return this.addSeries(entry.id, entry.table)
      case 'tableDropped':
        return this.dropTable(entry.id)
      case 'databaseDropped':
        return this.dropDatabase(entry.id)
      default:
        throw new OmenError('corrupt', `catalog: an entry of kind ${entry.kind} is not expected`)
    }
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
      tagIds: new Set(),
      seriesCount: 0,
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
    const ordinal = table.seriesCount
    if ((ordinal + 1) * 4 > table.series.size) {
      table.series = this.memory.grow(table.series, table.series.size * 2, ordinal * 4)
    }
    this.memory.u32[(table.series.offset >>> 2) + ordinal] = id
    this.series.setPayload(id, 'b', ordinal)
    const key = this.series.keyRange(id)
    this.tags.add(table.id, key.offset, key.size, ordinal)
    table.seriesCount = ordinal + 1
  }

  private dropTable(id: number): void {
    const table = this.tableById.get(id)
    if (!table) return
    for (const column of table.columns.values()) this.columns.remove(column.id)
    for (const tag of table.tagIds) this.columns.remove(tag)
    for (let i = 0; i < table.seriesCount; i++) {
      this.series.remove(this.memory.u32[(table.series.offset >>> 2) + i]!)
    }
    this.tags.drop(id)
    this.order.drop(id)
    this.memory.release(table.series)
    this.tables.remove(id)
    this.tableById.delete(id)
    table.database.tables.delete(table.name)
  }

  private dropDatabase(id: number): void {
    const database = this.databaseById.get(id)
    if (!database) return
    for (const table of [...database.tables.values()]) this.dropTable(table.id)
    this.databases.delete(database.name)
    this.databaseById.delete(id)
  }
}
