// Many short series at once: of as many series as have about a thousand rows together, the rows of all
// sources of a cluster, merged, as one chunk in the order of (series, time). Each step costs a few calls
// of the kernel, so that a table of a million series takes a second and not half a minute. A series with
// many rows, or with rows that are deleted, is left to the caller, who reads it by itself.

import {
  type BatchSource,
  LONG_ROWS,
  MemtableBatch,
  PINNED_MAX,
  PartBatch,
  newestValues,
} from './batch-source.ts'
import type { ChunkRows } from './chunk.ts'
import type { Cluster } from './cluster.ts'
import {
  EQUAL,
  GREATER,
  LESS,
  TIME_ID,
  junction,
  type CompareCondition,
  type Condition,
} from './condition.ts'
import { fieldTypeOf } from '../field.ts'
import type { Memory, Region } from '../memory.ts'
import type { Members } from './partial.ts'
import type { Scan } from './scan.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Execution } from '../step.ts'

const WORDS_BYTES = BLOCK_ROWS * 4
const SLOTS_BYTES = BLOCK_ROWS * 8
/** Series that are looked up beyond twice those of the last batch. */
const SPARE_SERIES = 16
/** What a series, and a row in a memtable, cost beside decoded values. */
const SERIES_VALUES = 64
/** Words of the kernel's MergeSource: values, validity, series. */
const MERGE_VALUES = 4
const MERGE_VALID = 5
const MERGE_SERIES = 8

/** Batch by batch over some series of a plan. Call `release` when done, also after an error. */
export class SeriesBatches implements ChunkRows {
  /** What `scan.load` takes. */
  readonly piece = { kind: 'batch', rows: this } as const
  /** Of which series the rows of the loaded batch are. */
  readonly members: Members
  /** What the rows of the batch must meet. */
  filter: Condition | null = null
  /** Rows of all sources; 0: there is nothing to load. */
  rowCount = 0
  private readonly scan: Scan
  private readonly cluster: Cluster
  private readonly indexes: Uint32Array
  private readonly memory: Memory
  private readonly region: Region
  private readonly ids: number
  private readonly others: number
  private readonly tables: number
  private readonly sources: BatchSource[] = []
  private readonly clips: readonly CompareCondition[]
  private clipped: { readonly filter: Condition | null; readonly both: Condition | null } | null =
    null
  private from = 0
  private to = 0
  private wanted = BLOCK_ROWS
  /** Bytes that were pinned before the rows of the batch were read. */
  private pinned = 0
  /** Did the last batch pin much? */
  private isWide = false
  private merge: SourceMerge | null = null
  private active: BatchSource[] = []
  private readonly isNewest: boolean

  /**
   * `indexes`: of the series in the plan, ascending. `isNewest`: of each series only the newest row is
   * there, wherever it lies.
   */
  constructor(scan: Scan, cluster: Cluster, indexes: Uint32Array, isNewest = false) {
    const { kernel, memory } = scan.instance
    this.scan = scan
    this.cluster = cluster
    this.indexes = indexes
    this.isNewest = isNewest
    this.memory = memory
    this.clips = clipsOf(cluster)
    const { parts, memtables } = cluster.sources
    const tableBytes = kernel.MANY_TABLE_SIZE.value
    const count = parts.length + memtables.length
    this.region = memory.allocate(5 * WORDS_BYTES + count * tableBytes)
    this.ids = this.region.offset
    const groups = this.ids + WORDS_BYTES
    const ranks = groups + WORDS_BYTES
    this.members = { groups, ranks, members: ranks + WORDS_BYTES }
    this.others = this.members.members + WORDS_BYTES
    this.tables = this.others + WORDS_BYTES
    const { start, end } = cluster
    const list = { ids: this.ids, others: this.others, start, end }
    try {
      for (const view of parts) {
        const table = this.tables + this.sources.length * tableBytes
        this.sources.push(new PartBatch(scan.context, view, list, table))
      }
      for (const source of memtables) {
        const table = this.tables + this.sources.length * tableBytes
        this.sources.push(new MemtableBatch(scan.context, source, list, table, isNewest))
      }
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Finds the rows of the next series; false at the end. */
  *next(): Execution<boolean> {
    this.from = this.to
    if (this.from === this.indexes.length) return false
    const { kernel } = this.scan.instance
    let count = this.list()
    // Memtables, which may stop early, come last.
    for (const source of this.sources.toReversed()) count = yield* source.find(count)
    if (this.isNewest) {
      for (const source of this.sources) source.tail(count)
      kernel.manyNewest(this.tables, this.sources.length, count)
    }
    count = kernel.manyCut(
      ...([this.tables, this.sources.length, count] as const),
      ...([LONG_ROWS, BLOCK_ROWS, this.others] as const),
    )
    this.to = this.from + count
    // Series far apart lie in a block each: fewer of them are read together.
    const most = this.isWide ? count >>> 1 : 2 * count
    this.wanted = Math.min(BLOCK_ROWS, most + SPARE_SERIES)
    this.isWide = false
    this.pinned = this.scan.context.pins.bytes
    this.rowCount = 0
    for (const source of this.sources) {
      source.settle(count)
      this.rowCount += source.rows
    }
    this.active = this.sources.filter(({ rows }) => rows > 0)
    this.scan.budget.worked((count + this.rowCount) * SERIES_VALUES)
    if (this.isNewest) {
      for (const memtable of this.cluster.sources.memtables) {
        this.scan.budget.worked(newestValues(memtable))
      }
    }
    return true
  }

  /**
   * Writes the last row of each series of the loaded batch to `index` (u32), if it counts by `mask`: how
   * many. The others are left out.
   */
  topmost(mask: number, index: number): number {
    const { kernel } = this.scan.instance
    const { count } = this.scan.chunk
    return kernel.manyTopmost(this.members.members, mask, count, index, this.others)
  }

  /** Indexes in the plan of the series of the batch that are not in it. */
  *leftOut(): Generator<number> {
    const flags = this.memory.u8.slice(this.others, this.others + this.to - this.from)
    for (let i = flags.indexOf(1); i !== -1; i = flags.indexOf(1, i + 1)) {
      yield this.indexes[this.from + i]!
    }
  }

  /** For Chunk. */
  *load(times: number, areWanted: boolean): Execution<number> {
    const { kernel } = this.scan.instance
    const { members } = this.members
    const count = this.to - this.from
    if (this.active.length > 1) {
      this.merge ??= new SourceMerge(this.scan, this.sources.length)
      return yield* this.merge.plan(this.active, count, members, times)
    }
    const [source] = this.active
    if (source === undefined) return 0
    kernel.manySpread(source.table, count, members)
    if (areWanted) yield* source.times(times)
    return source.rows
  }

  /** For Chunk. */
  *column(field: number, values: number, valid: number): Execution<boolean> {
    const source = this.active.length === 1 ? this.active[0]! : this.merge!
    const hasNulls = yield* source.column(field, values, valid)
    if (this.scan.context.pins.bytes - this.pinned > PINNED_MAX) this.isWide = true
    return hasNulls
  }

  release(): void {
    for (const source of this.sources.splice(0)) source.release()
    this.merge?.release()
    this.memory.release(this.region)
  }

  /** Writes down the next series, all with one filter: how many. */
  private list(): number {
    const { series } = this.scan.plan
    const { from, indexes } = this
    let end = Math.min(from + this.wanted, indexes.length)
    const filter = series.filterAt(indexes[from]!)
    if (series.hasFilters) {
      let same = from + 1
      while (same < end && series.filterAt(indexes[same]!) === filter) same++
      end = same
    }
    const some = indexes.subarray(from, end)
    const { u32, u8 } = this.memory
    const words = (at: number): Uint32Array => u32.subarray(at >>> 2, (at >>> 2) + some.length)
    const ids = words(this.ids)
    for (let i = 0; i < some.length; i++) ids[i] = series.ids[some[i]!]!
    series.place(some, words(this.members.groups), words(this.members.ranks))
    u8.fill(0, this.others, this.others + some.length)
    if (this.clipped === null || this.clipped.filter !== filter) {
      const all = filter === null ? this.clips : [filter, ...this.clips]
      this.clipped = { filter, both: all.length === 0 ? null : junction('and', all) }
    }
    this.filter = this.clipped.both
    return some.length
  }
}

/** What the time of a row must meet where a part has rows out of the range. */
function clipsOf({ start, end, sources }: Cluster): CompareCondition[] {
  const clips: CompareCondition[] = []
  const column = { id: TIME_ID, type: fieldTypeOf('integer')! }
  const times = sources.parts.map(({ reader }) => reader.description)
  if (times.some(({ minTime }) => minTime < start)) {
    clips.push({
      kind: 'compare',
      column,
      accepted: EQUAL | GREATER,
      slot: BigInt.asUintN(64, start),
    })
  }
  if (times.some(({ maxTime }) => maxTime >= end)) {
    clips.push({ kind: 'compare', column, accepted: LESS, slot: BigInt.asUintN(64, end) })
  }
  return clips
}

/** Merges the rows that several sources have of a batch: the newest value of each field wins. */
class SourceMerge {
  private readonly scan: Scan
  private readonly memory: Memory
  private readonly region: Region
  private readonly entries: number
  private readonly members: number
  private readonly times: number
  private readonly values: number
  private readonly valid: number
  private readonly sourceWords: number
  private sources: readonly BatchSource[] = []
  private rows = 0

  constructor(scan: Scan, sourcesMax: number) {
    const { kernel, memory } = scan.instance
    this.scan = scan
    this.memory = memory
    this.sourceWords = kernel.MERGE_SOURCE_SIZE.value >>> 2
    const head = sourcesMax * kernel.MERGE_SOURCE_SIZE.value
    this.region = memory.allocate(head + 2 * WORDS_BYTES + 2 * SLOTS_BYTES + BLOCK_ROWS)
    this.times = this.region.offset + head
    this.values = this.times + SLOTS_BYTES
    this.entries = this.values + SLOTS_BYTES
    this.members = this.entries + WORDS_BYTES
    this.valid = this.members + WORDS_BYTES
  }

  /** Writes members and times of the merged rows of the first `count` series; how many rows. */
  *plan(
    sources: readonly BatchSource[],
    count: number,
    members: number,
    times: number,
  ): Execution<number> {
    const { kernel } = this.scan.instance
    this.sources = sources
    this.rows = 0
    for (const [i, source] of sources.entries()) {
      const own = this.times + this.rows * 8
      yield* source.times(own)
      const series = this.members + this.rows * 4
      kernel.manySpread(source.table, count, series)
      const at = this.at(i)
      const { u32 } = this.memory
      u32.fill(0, at, at + this.sourceWords)
      u32[at] = own
      u32[at + 1] = source.rows
      u32[at + MERGE_SERIES] = series
      this.rows += source.rows
    }
    const { region, rows, entries } = this
    return kernel.mergePlan(region.offset, sources.length, rows, members, times, entries)
  }

  /** A column of the merged rows; true if some row may be null. */
  *column(field: number, values: number, valid: number): Execution<boolean> {
    let row = 0
    for (const [i, source] of this.sources.entries()) {
      const [slots, flags] = [this.values + row * 8, this.valid + row]
      yield* source.column(field, slots, flags)
      const { u32 } = this.memory
      u32[this.at(i) + MERGE_VALUES] = slots
      u32[this.at(i) + MERGE_VALID] = flags
      row += source.rows
    }
    const { kernel } = this.scan.instance
    const { region, entries, rows } = this
    const present = kernel.mergeColumn(region.offset, entries, rows, values, valid)
    return present < this.scan.chunk.count
  }

  release(): void {
    this.memory.release(this.region)
  }

  /** Index of a source's structure in the u32 view. */
  private at(index: number): number {
    return (this.region.offset >>> 2) + index * this.sourceWords
  }
}
