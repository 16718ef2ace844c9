// A batch on its way through the write queue: validated against the catalog as it is when its turn
// comes, given ids, with the catalog entries for what it brings (assembly/commit.ts).

import type { Ack, WriteResult } from './batch.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogLease } from '../catalog/leases.ts'
import { encodeDatabase } from '../catalog/catalog-entry.ts'
import { type LineError, OmenError, assert } from '../error.ts'
import { FIELD_TYPE_NAMES, type FieldType } from '../field.ts'
import type { WriteFence } from '../host.ts'
import { joinBytes } from '../log/log-record.ts'
import type { Region } from '../memory.ts'
import type { Staging } from './staging.ts'
import { type Execution, finish } from '../step.ts'
import { formatTimeText } from '../time.ts'

/** What the write queue and the shard see of a batch. */
export interface StagedBatch {
  /** Pointer of the rows, in memtable format; final once `finalize` has run. */
  readonly rows: number
  readonly rowBytes: number
  /** Pointer of the strings that the rows point into. */
  readonly arena: number
  readonly arenaBytes: number
  readonly rowCount: number
  /** Series that are new, or were when they were staged. */
  readonly newSeries: number
  /** Ids of the tables that its rows are of, and maybe others; right once its entries are in force. */
  readonly tables: readonly number[]
  /**
   * Validates, then gives ids to what is new, enters it into the catalog's key tables and patches
   * the rows: the catalog entries to log (a copy). Throws `type_conflict`, `conflict`,
   * `limit_exceeded` or `busy`, and then nothing has changed. Call it once, in the order of the
   * log; after `finalizeInSteps` it has nothing to do and gives nothing.
   */
  finalize(): Uint8Array
  /**
   * The same in steps of so many series, and nothing else is finalized meanwhile: `enter` is given
   * what enters some and gives their entries, to be called once, at once. What it throws ends it.
   */
  finalizeInSteps(series: number, enter: (give: () => Uint8Array) => void): Execution<void>
  /** The answer to the writer. */
  result(ack: Ack): WriteResult
  /** Gives rows and arena back; harmless when done twice. */
  release(): void
}

const TAG = 5
/** Place of series among the overlay's tables. */
const SERIES = 3
/** Bit of ids that are the overlay's own, and the map's word for a new thing. */
const LOCAL = 0x80000000
const NONE = 0xffffffff
/** An entry without its name or key takes at most so many bytes. */
const ENTRY_BYTES = 20
/** Rows that one call patches. */
const ROWS_PER_STEP = 65_536
const decoder = new TextDecoder()

type NewField = NewColumns['fields'][number]

interface StagedOptions {
  readonly database: string
  readonly lease: CatalogLease
  readonly refused: { rejected: number; errors: LineError[] }
  /** Id of the rollup that the rows are of, or null. */
  readonly rollup: number | null
  /** Of the map that the rows were staged for. */
  readonly epoch: number
  readonly host: { readonly fence?: WriteFence | undefined }
}

/** Tags and fields of a table that a batch brings, with the codes of their types. */
export interface NewColumns {
  readonly table: string
  readonly tags: readonly string[]
  readonly fields: readonly { readonly name: string; readonly type: FieldType }[]
}

export class StagedRows implements StagedBatch {
  readonly rows: number
  readonly rowBytes: number
  readonly arena: number
  readonly arenaBytes: number
  readonly rowCount: number
  readonly staging: Staging
  readonly database: string
  private readonly catalog: Catalog
  private readonly refused: StagedOptions['refused']
  private readonly rollup: StagedOptions['rollup']
  private readonly lease: CatalogLease
  private readonly epoch: number
  private readonly host: StagedOptions['host']
  private isFinal = false

  constructor(staging: Staging, catalog: Catalog, options: StagedOptions) {
    this.staging = staging
    this.catalog = catalog
    this.database = options.database
    this.refused = options.refused
    this.lease = options.lease
    this.rollup = options.rollup
    this.epoch = options.epoch
    this.host = options.host
    this.rows = staging.rowRegion.offset
    this.rowBytes = staging.rowBytes
    this.arena = staging.arenaRegion.offset
    this.arenaBytes = staging.arenaBytes
    this.rowCount = staging.rowCount
  }

  get newSeries(): number {
    return this.staging.overlay[SERIES]!.count
  }

  get tables(): readonly number[] {
    const { overlay, touchedTables } = this.staging
    const known = this.catalog.databases.get(this.database)?.tables
    for (let i = 0; i < overlay[0]!.count; i++) {
      // Behind the id of the database.
      const made = known?.get(decoder.decode(overlay[0]!.key(i).subarray(4)))
      if (made !== undefined) touchedTables.push(made.id)
    }
    return touchedTables
  }

  finalize(): Uint8Array {
    const parts: Uint8Array[] = []
    if (!this.isFinal) finish(this.finalizeInSteps(Infinity, (give) => void parts.push(give())))
    return joinBytes(...parts)
  }

  *finalizeInSteps(series: number, enter: (give: () => Uint8Array) => void): Execution<void> {
    const { staging } = this
    const { kernel, memory, overlay, pointer } = staging
    const databaseId = this.catalog.databases.get(this.database)?.id ?? this.catalog.nextDatabaseId
    if (!this.lease.isCurrent()) this.refresh()
    const keyCount = overlay.reduce((sum, table) => sum + table.count, 0)
    const maps = memory.allocate(4 * keyCount)
    let entries: Region | null = null
    try {
      this.check(databaseId, maps)
      const keyBytes = overlay.reduce((sum, table) => sum + table.keyBytes, 0)
      const { offset } = (entries = memory.allocate(keyBytes + ENTRY_BYTES * keyCount + 32))
      this.reserve()
      this.choosePartitionWidths()
      // Nothing fails from here on, but what `enter` does.
      enter(() => {
        const size = kernel.commitNames(pointer, databaseId, offset)
        return this.withDatabase(databaseId, memory.u8.slice(offset, offset + size))
      })
      for (let from = 0, to = 0; from < this.newSeries; from = to) {
        to = Math.min(this.newSeries, from + series)
        yield { pause: true }
        enter(() => {
          const size = kernel.commitSeries(pointer, offset, from, to)
          return memory.u8.slice(offset, offset + size)
        })
      }
      for (let at = 0; at < this.rowBytes; at = kernel.commitRows(pointer, at, ROWS_PER_STEP)) {
        yield { pause: true }
      }
      this.isFinal = true
    } finally {
      memory.release(maps)
      if (entries !== null) memory.release(entries)
    }
  }

  /**
   * For rows that will be stored elsewhere: makes the checks of `finalize` and changes nothing. What the
   * catalog lacks of the names; tables of which it lacks none are left out. Throws as `finalize` does.
   */
  preview(): NewColumns[] {
    const { memory, overlay } = this.staging
    const databaseId = this.catalog.databases.get(this.database)?.id ?? this.catalog.nextDatabaseId
    if (!this.lease.isCurrent()) this.refresh()
    const maps = memory.allocate(4 * overlay.reduce((sum, table) => sum + table.count, 0))
    try {
      this.check(databaseId, maps)
      return this.listNew(maps)
    } finally {
      memory.release(maps)
    }
  }

  /** What of the overlay the catalog lacks. `maps` has the ids of tables, then of columns. */
  private listNew(maps: Region): NewColumns[] {
    const { overlay, memory } = this.staging
    const [tables, columns] = [overlay[0]!, overlay[1]!]
    const found = memory.u32.subarray(
      maps.offset / 4,
      maps.offset / 4 + tables.count + columns.count,
    )
    const lists = new Map<string, { table: string; tags: string[]; fields: NewField[] }>()
    const listOf = (table: string) => {
      const list = lists.get(table) ?? { table, tags: [], fields: [] }
      lists.set(table, list)
      return list
    }
    const nameOf = (key: Uint8Array): string => decoder.decode(key.subarray(4))
    for (let id = 0; id < tables.count; id++) {
      if (found[id] === NONE) listOf(nameOf(tables.key(id)))
    }
    for (let id = 0; id < columns.count; id++) {
      if (found[tables.count + id] !== NONE) continue
      const owner = columns.payload(id, 'a')
      const isLocal = owner >= LOCAL
      const list = listOf(
        isLocal ? nameOf(tables.key(owner - LOCAL)) : this.catalog.tableOf(owner)!.name,
      )
      const [name, type] = [nameOf(columns.key(id)), columns.payload(id, 'b')]
      if (type === TAG) list.tags.push(name)
      else list.fields.push({ name, type: type as FieldType })
    }
    return [...lists.values()]
  }

  /** Fills `maps` and refuses what cannot be stored. */
  private check(databaseId: number, maps: Region): void {
    this.refuseFenced()
    this.validate(databaseId, maps)
    this.refuseRollups(maps)
    this.refuseClosed(maps)
    this.checkSeriesLimit(maps)
  }

  result(ack: Ack): WriteResult {
    return { written: this.rowCount, ack, ...this.refused }
  }

  release(): void {
    this.staging.release()
  }

  /** The database takes its id at once: the next batch in the queue may be for another new one. */
  private withDatabase(id: number, rest: Uint8Array): Uint8Array {
    if (this.catalog.databases.has(this.database)) return rest
    const first = encodeDatabase(id, this.database)
    this.catalog.apply(first)
    return joinBytes(first, rest)
  }

  /** New tables of few points a day get wider partitions than one of a day. */
  private choosePartitionWidths(): void {
    const { kernel, memory, overlay, pointer } = this.staging
    const tableCount = overlay[0]!.count
    if (tableCount === 0) return
    const spans = memory.allocate(tableCount * kernel.TABLE_SPAN_SIZE.value)
    kernel.choosePartitionWidths(pointer, spans.offset)
    memory.release(spans)
  }

  private reserve(): void {
    const { tables, columns, shapes, series } = this.catalog
    ;[tables, columns, shapes, series].forEach((table, i) => {
      const { count, keyBytes } = this.staging.overlay[i]!
      table.reserve(count, keyBytes)
    })
  }

  /** What was dropped since it was staged becomes new again. */
  private refresh(): void {
    const { kernel, memory, pointer } = this.staging
    let at = 0
    this.staging.repeat(() => (at = kernel.stagingRefresh(pointer, Math.max(at, 0))))
    if (at === kernel.CONFLICT.value) {
      throw this.columnConflict(memory.u32[(pointer + 164) / 4]!)
    }
    assert(at === this.rowBytes, `refresh: came to ${at} of ${this.rowBytes}`)
  }

  private validate(databaseId: number, maps: Region): void {
    const { kernel, pointer } = this.staging
    const status = kernel.commitValidate(pointer, databaseId, maps.offset)
    if (status === 0) return
    const id = this.staging.failedId
    if (status === kernel.CONFLICT.value) throw this.columnConflict(id)
    if (status === kernel.LIMIT.value) {
      const message = 'a table would have more than 4,096 fields or 256 tags'
      throw new OmenError('limit_exceeded', message)
    }
    assert(status === kernel.NOT_FOUND.value, `commit: validation answered ${status}`)
    throw new OmenError('conflict', 'a table was dropped while this write was under way')
  }

  /** The table of a rollup takes rows from the engine alone. `maps` has the ids of tables. */
  private refuseRollups(maps: Region): void {
    const { catalog } = this
    if (this.rollup !== null) {
      if (catalog.rollups.get(this.rollup) !== undefined) return
      throw new OmenError('conflict', 'a rollup was dropped while it was brought up to date')
    }
    const { memory, overlay, touchedTables } = this.staging
    const found = maps.offset / 4
    const mapped = memory.u32.subarray(found, found + overlay[0]!.count)
    for (const id of [...touchedTables, ...mapped]) {
      const rollup = catalog.rollups.into(id)
      if (rollup === undefined) continue
      const name = catalog.tableOf(id)?.name
      const source = catalog.tableOf(rollup.source)?.name
      const message = `table '${name}' is a rollup of '${source}': it is written to by itself only`
      throw new OmenError('conflict', message)
    }
  }

  /** A shard of several takes nothing for an older map than its own, nor what others have by it. */
  private refuseFenced(): void {
    const { fence } = this.host
    // The buckets of its rollups are of points that it has.
    if (fence === undefined || this.rollup !== null) return
    const { kernel, pointer } = this.staging
    const isBeyond = fence.end !== null && kernel.stagedNewest(pointer) >= fence.end
    if (this.epoch >= fence.epoch && !isBeyond) return
    const message = 'shard: the map of its database changed while this write was under way'
    throw new OmenError('unavailable', message, { retryAfter: 1 })
  }

  /**
   * What was staged before its bucket of a rollup became final comes too late for it. `maps` has the ids
   * of tables.
   */
  private refuseClosed(maps: Region): void {
    const { catalog, staging } = this
    const owners = new Map(staging.touchedTables.map((id) => [id, id]))
    // Tables that the request did not find, but are there.
    for (let i = 0; i < staging.overlay[0]!.count; i++) {
      const id = staging.memory.u32[maps.offset / 4 + i]!
      if (id !== NONE) owners.set(LOCAL + i, id)
    }
    for (const [owner, id] of owners) {
      const retention = catalog.tableOf(id)?.retention?.ns ?? null
      const before = catalog.rollups.closedBefore(id)
      // Staging refused all that had expired by then.
      if (owner === id && retention !== null && before <= staging.now - retention) continue
      if (staging.kernel.stagedBefore(staging.pointer, owner, before) === 0) continue
      const message = `table '${catalog.tableOf(id)?.name}': its rollups have closed the times before ${formatTimeText(before, 'rfc3339')}`
      throw new OmenError('expired', message)
    }
  }

  /** The limit counts series that live, in the database; what the batch repeats is not new. */
  private checkSeriesLimit(maps: Region): void {
    const { seriesMax } = this.catalog
    const count = this.catalog.seriesCount(this.database)
    if (count + this.staging.overlay[SERIES]!.count <= seriesMax) return
    if (count + this.newSeriesCount(maps) <= seriesMax) return
    const message = `database '${this.database}' would have more than ${seriesMax} series`
    throw new OmenError('limit_exceeded', message)
  }

  /** Series of the overlay that the catalog does not know by now. `maps` has the ids of tables. */
  private newSeriesCount(maps: Region): number {
    const { memory, overlay } = this.staging
    const series = overlay[SERIES]!
    let count = 0
    for (let id = 0; id < series.count; id++) {
      const key = series.key(id)
      const owner = new DataView(key.buffer, key.byteOffset)
      const table = owner.getUint32(0, true)
      // Bit 31: a table of the overlay; the map says which one it is in the catalog.
      const known = table < LOCAL ? table : memory.u32[maps.offset / 4 + (table - LOCAL)]!
      owner.setUint32(0, known, true)
      if (known === NONE || this.catalog.series.find(key) === -1) count++
    }
    return count
  }

  /** The overlay's column `id` has another type in the catalog by now. */
  private columnConflict(id: number): OmenError {
    const columns = this.staging.overlay[1]!
    const name = decoder.decode(columns.key(id).subarray(4))
    const sent = typeName(columns.payload(id, 'b'))
    const message = `column '${name}' is ${typeName(this.staging.failedType)}, sent ${sent}`
    return new OmenError('type_conflict', message)
  }
}

function typeName(type: number): string {
  return type === TAG ? 'tag' : FIELD_TYPE_NAMES[type]!
}
