// One batch as a source of queries: its rows in kernel memory, linked by series, behind what a memtable
// shows to a scan, and a catalog in which a table has no other series. So what a tail shows of a batch
// is what the one executor answers, with all that `where` and `select` mean.

import type { Catalog } from '../catalog/catalog.ts'
import type { KernelInstance } from '../kernel.ts'
import { Memtable, type MemtableSnapshot, type MemtableRows, STEP_ROWS } from '../memtable.ts'
import { answerQuery } from '../query/executor.ts'
import type { PlanCatalog, TagTerm } from '../query/plan.ts'
import type { Answer, Query } from '../query/query.ts'
import type { Snapshot } from '../query/scan.ts'
import type { MemtableSource } from '../query/series-scan.ts'
import { NO_ROLLUPS } from '../rollup/registry.ts'
import type { Cache } from '../segment/cache.ts'
import type { Execution } from '../step.ts'
import type { FeedEntry } from './feed.ts'

/** What reading a batch needs of a shard. */
export interface BatchRooms {
  readonly instance: KernelInstance
  readonly cache: Cache
  readonly catalog: Catalog
  readonly host: { now(): bigint }
}

/** What reading a batch by a query needs. */
export interface BatchReader extends BatchRooms {
  run<T>(execution: Execution<T>, check?: () => void): Promise<T>
}

/** What a query finds in a batch alone; `seen` says what it sees of the table. */
export async function readBatch(
  reader: BatchReader,
  query: Query,
  entry: FeedEntry,
  seen: (catalog: PlanCatalog) => PlanCatalog = (catalog) => catalog,
): Promise<Answer> {
  const lease = reader.catalog.lease()
  try {
    await reader.run(linkEntry(reader, entry))
    const source = new BatchSource(reader, entry)
    try {
      const snapshot = snapshotOfBatch(reader, entry, source)
      return await reader.run(answerQuery(query, { ...snapshot, catalog: seen(snapshot.catalog) }))
    } finally {
      source.release()
    }
  } finally {
    lease.end()
  }
}

/** Bytes of a row without fields. */
const ROW_HEADER = 24
const NO_STRINGS = 8

/** The rows of an entry; `release` them. */
class BatchSource implements MemtableSource {
  readonly memtable: MemtableSource['memtable']
  readonly snapshot: MemtableSnapshot
  private readonly rows: Memtable

  /** Throws `busy` when memory is short. */
  constructor({ instance, catalog }: BatchRooms, entry: FeedEntry) {
    const { kernel, memory } = instance
    const { rows, arena, times, heads } = entry
    const sizes = { rowBytes: rows.length, arenaBytes: Math.max(arena.length, NO_STRINGS) }
    const held = new Memtable(kernel, memory, { catalog, which: 0, ...sizes })
    this.rows = held
    memory.u8.set(rows, memory.u32[held.pointer >>> 2]!)
    memory.u8.set(arena, memory.u32[(held.pointer + 12) >>> 2]!)
    this.snapshot = {
      rowsUsed: rows.length,
      marks: 0,
      rowCount: Math.ceil(rows.length / ROW_HEADER),
      minTime: times[0],
      maxTime: times[1],
    }
    // All that a scan of raw points asks of a memtable.
    const shown: Pick<Memtable, 'pointer' | 'catalog' | 'select'> = {
      pointer: held.pointer,
      catalog,
      select: (series, snapshot, start, end): Execution<MemtableRows | null> =>
        held.select(series, snapshot, start, end, heads?.get(series) ?? 0),
    }
    this.memtable = shown as Memtable
  }

  release(): void {
    this.rows.dispose()
  }
}

/** Links the rows of an entry by series, once for all who read it. */
function* linkEntry({ instance, catalog }: BatchRooms, entry: FeedEntry): Execution<void> {
  if (entry.heads !== null) return
  const { kernel, memory } = instance
  const rowsMax = Math.ceil(entry.rows.length / ROW_HEADER)
  const slotCapacity = 2 ** Math.ceil(Math.log2(2 * rowsMax + 1))
  const head = kernel.CHAIN_SIZE.value
  const region = memory.allocate(head + slotCapacity * 4 + rowsMax * 8 + entry.rows.length + 8)
  try {
    const slots = region.offset + head
    const series = slots + slotCapacity * 4
    const heads = series + rowsMax * 4
    const rows = (heads + rowsMax * 4 + 7) & ~7
    memory.u8.set(entry.rows, rows)
    kernel.chainInit(region.offset, slots, slotCapacity, series, heads)
    const { length } = entry.rows
    for (let at = 0; at < length;) {
      at = kernel.chainRows(region.offset, rows, at, length, catalog.pointer, STEP_ROWS)
      if (at < length) yield { pause: true }
    }
    // Another one may have done the same meanwhile: with the same result.
    entry.rows.set(memory.u8.subarray(rows, rows + length))
    const count = kernel.chainSeries(region.offset)
    const words = memory.u32
    const found = new Map<number, number>()
    for (let i = 0; i < count; i++) found.set(words[(series >>> 2) + i]!, words[(heads >>> 2) + i]!)
    entry.heads = found
  } finally {
    memory.release(region)
  }
}

/** What an execution sees of a batch alone. */
function snapshotOfBatch(rooms: BatchRooms, entry: FeedEntry, rows: BatchSource): Snapshot {
  const { instance, cache, catalog, host } = rooms
  return {
    instance,
    cache,
    catalog: catalogOfBatch(catalog, entry),
    memtables: [rows],
    rollups: NO_ROLLUPS,
    partVersion: 0,
    parts: () => [],
    holes: () => null,
    now: () => host.now(),
  }
}

/** The catalog with the series of a batch alone; what was dropped since is not there. */
function catalogOfBatch(catalog: Catalog, entry: FeedEntry): PlanCatalog {
  const isOf = (id: number, table: number, terms: readonly TagTerm[]): boolean => {
    if (catalog.series.isRemoved(id) || catalog.series.payload(id, 'a') !== table) return false
    if (terms.length === 0) return true
    const tags = catalog.seriesTags(id)
    return terms.every(({ key, accepts }) => accepts(tags.get(key) ?? null))
  }
  return {
    planTable: (database, table) => catalog.planTable(database, table),
    tableSeries: () => entry.heads?.size ?? 0,
    *findSeries(table, terms) {
      yield { pause: true }
      const ids = [...(entry.heads?.keys() ?? [])].filter((id) => isOf(id, table, terms))
      return Uint32Array.from(ids).sort()
    },
    groupSeries: (table, ids, keys) => catalog.groupSeries(table, ids, keys),
    orderSeries: (table, ids, keys) => catalog.orderSeries(table, ids, keys),
    seriesTags: (series) => catalog.seriesTags(series),
    copyTags: (ids) => catalog.copyTags(ids),
    storedTable: (table) => catalog.storedTable(table),
    cutoffOf: (table) => catalog.cutoffOf(table),
    siblingSeries: (series, table) => catalog.siblingSeries(series, table),
  }
}
