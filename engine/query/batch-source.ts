// Where the rows of a list of series lie in one source, a memtable or a part, for series-batch.ts: found
// in the kernel (assembly/series-rows.ts), cut to what is read together, then given as columns.

import { assert } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { STEP_ROWS } from '../memtable.ts'
import { BLOCK_ROWS, GROUP_BLOCKS } from '../segment/footer.ts'
import { LastColumns } from './last-columns.ts'
import type { PartContext, PartView } from './part-view.ts'
import type { MemtableSource } from './series-scan.ts'
import type { Execution } from '../step.ts'
import { TouchedRows } from './touched-rows.ts'

/** Most rows of a series that are read together with those of others. */
export const LONG_ROWS = 256
/** The same of a memtable's rows of a series, where the newest is looked for; and rows looked at in a step. */
const CHAIN_ROWS = 16_384
const NEWEST_STEP_ROWS = 32_768
/** What a row that is looked at costs, a miss of caches, beside decoded values. */
const VISITED_VALUES = 8
/** Entries of a memtable's index: a batch, and series of which only some rows are seen. */
const INDEX_ENTRIES = BLOCK_ROWS + LONG_ROWS

/** What looking for the newest rows of a batch in a memtable costs, in values: at most, not what it did. */
export function newestValues({ snapshot }: MemtableSource): number {
  return Math.min(snapshot.rowCount, NEWEST_STEP_ROWS) * VISITED_VALUES
}

/** Bytes that a batch may pin, about, before it does with less. */
export const PINNED_MAX = 2 << 20

/** The list: pointers of u32 ids, ascending, and of u8 per series, 1 = it is not read here. */
export interface SeriesIds {
  readonly ids: number
  readonly others: number
  /** Times wanted, half-open. */
  readonly start: bigint
  readonly end: bigint
}

/** One source. Rows are those of the list, by (series, time), each time once. */
export interface BatchSource {
  /** Pointer of its table of starts and counts. */
  readonly table: number
  /** After `settle`. */
  readonly rows: number
  /** Looks up the first `count` series; of how many it did, at least one. */
  find(count: number): Execution<number>
  /** Of each of the first `count` series goes on with the last row alone. */
  tail(count: number): void
  /** Goes on with the first `count` series, as cut by the kernel. */
  settle(count: number): void
  /** Writes i64 per row. */
  times(target: number): Execution<void>
  /** Writes a slot and a validity per row; true if some row may be null. */
  column(field: number, values: number, valid: number): Execution<boolean>
  /** At the end, also after an error. */
  release(): void
}

export class MemtableBatch implements BatchSource {
  readonly table: number
  rows = 0
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly fields: PartContext['fields']
  private readonly source: MemtableSource
  private readonly list: SeriesIds
  private readonly index: Region
  private readonly isNewest: boolean
  private entries = 0

  constructor(
    context: PartContext,
    source: MemtableSource,
    list: SeriesIds,
    table: number,
    isNewest: boolean,
  ) {
    this.isNewest = isNewest
    this.kernel = context.instance.kernel
    this.memory = context.instance.memory
    this.fields = context.fields
    this.source = source
    this.list = list
    this.table = table
    this.index = this.memory.allocate(INDEX_ENTRIES * 4)
  }

  // oxlint-disable-next-line require-yield -- as the other sources, which read
  *find(count: number): Execution<number> {
    const { memtable, snapshot } = this.source
    const { ids, start, end } = this.list
    const { kernel, index, table } = this
    const seen = [memtable.pointer, memtable.catalog.series.pointer, snapshot.rowsUsed] as const
    const wanted = [snapshot.marks, ids, count, start, end] as const
    const done = this.isNewest
      ? kernel.manyGatherNewest(
          ...([...seen, ...wanted, CHAIN_ROWS, LONG_ROWS] as const),
          ...([index.offset, INDEX_ENTRIES, NEWEST_STEP_ROWS, table] as const),
        )
      : kernel.manyGather(
          ...([...seen, ...wanted, LONG_ROWS] as const),
          ...([index.offset, INDEX_ENTRIES, STEP_ROWS, table] as const),
        )
    assert(done > 0, `memtable: ${done} of ${count} series were looked up`)
    return done
  }

  tail(count: number): void {
    const { kernel, table, source, index } = this
    kernel.manyTailEntries(table, count, source.memtable.pointer, index.offset)
  }

  settle(count: number): void {
    const { kernel, table, memory } = this
    this.entries = kernel.manyPack(table, count, this.index.offset)
    this.rows = sumOf(memory, (table + kernel.MANY_COUNTS.value) >>> 2, count)
  }

  // oxlint-disable-next-line require-yield
  *times(target: number): Execution<void> {
    const { pointer } = this.source.memtable
    this.kernel.manyTimes(pointer, this.index.offset, this.entries, target)
  }

  // oxlint-disable-next-line require-yield
  *column(field: number, values: number, valid: number): Execution<boolean> {
    const { pointer, catalog } = this.source.memtable
    const { id } = this.fields[field]!
    const { offset } = this.index
    const present = this.kernel.manyColumn(
      ...([pointer, catalog.pointer, offset, this.entries, id, values, valid] as const),
    )
    return present < this.rows
  }

  release(): void {
    this.memory.release(this.index)
  }
}

/** Series [from, to) of the list are those below the first id of the next page. */
interface PageSpan {
  readonly page: number
  readonly from: number
  readonly to: number
}

export class PartBatch implements BatchSource {
  readonly table: number
  private readonly context: PartContext
  private readonly view: PartView
  private readonly list: SeriesIds
  /** u8 per block of the part: rows of wanted series lie in it; then room for `touched`. */
  private readonly reached: Region
  private readonly touched: TouchedRows
  private count = 0
  /** Pages of the series that were looked up. */
  private spans: PageSpan[] = []
  /** Where last rows alone are wanted. */
  private last: LastColumns | null = null

  constructor(context: PartContext, view: PartView, list: SeriesIds, table: number) {
    this.context = context
    this.view = view
    this.list = list
    this.table = table
    const { memory } = context.instance
    const { blockCount } = view.reader
    this.reached = memory.allocateZeroed(blockCount + GROUP_BLOCKS)
    this.touched = new TouchedRows(context, view, table, this.reached.offset + blockCount)
  }

  get rows(): number {
    return this.touched.rows
  }

  *find(count: number): Execution<number> {
    const { context, view, list, table, reached } = this
    const { reader } = view
    const { kernel, memory } = context.instance
    const { ids, start, end } = list
    this.spans = []
    for (let i = 0; i < count;) {
      const from = i
      const index = reader.seriesPageOf(memory.u32[(ids >>> 2) + i]!)
      const limit = reader.firstSeriesOf(index + 1)
      const page = index < 0 ? NO_PAGE : yield* reader.seriesPage(context.pins, index)
      i = kernel.manyJoin(
        ...([ids, i, count, limit, page.ids, page.starts] as const),
        ...([page.firstTimes, page.lastTimes, page.count, start, end] as const),
        ...([reached.offset, table] as const),
      )
      if (index >= 0) this.spans.push({ page: index, from, to: i })
      // Of series far apart each is on another page.
      if (context.pins.bytes > PINNED_MAX) context.pins.release()
    }
    if (view.holes !== null) this.leaveOutHidden(count)
    return count
  }

  tail(count: number): void {
    const { context, view } = this
    context.instance.kernel.manyTail(this.table, count)
    this.last ??= new LastColumns(context, view.reader)
  }

  settle(count: number): void {
    this.count = count
    this.touched.settle(count)
  }

  *times(target: number): Execution<void> {
    if (this.last === null) yield* this.touched.decode(0, target, 0)
    else this.context.instance.kernel.manyLastTimes(this.table, this.count, target)
  }

  *column(field: number, values: number, valid: number): Execution<boolean> {
    const spans = this.lastSpans(field)
    if (spans === null) return yield* this.touched.decode(field + 1, values, valid)
    const { kernel } = this.context.instance
    let hasNulls = false
    let row = 0
    for (const { page, from, to } of spans) {
      const { slots, flags } = yield* this.last!.column(field, page)
      if (flags !== 0) hasNulls = true
      row += kernel.manyLastColumn(
        ...([this.table, from, to, slots, flags, values + row * 8, valid + row] as const),
      )
    }
    return hasNulls
  }

  release(): void {
    const { instance, tally } = this.context
    const { reader } = this.view
    const { offset } = this.reached
    const reached = instance.memory.u8.subarray(offset, offset + reader.blockCount)
    for (let block = reached.indexOf(1); block !== -1;) {
      const behind = reached.indexOf(0, block)
      const end = behind === -1 ? reader.blockCount : behind
      tally.reach(reader, block * BLOCK_ROWS, end * BLOCK_ROWS)
      block = reached.indexOf(1, end)
    }
    this.last?.release()
    instance.memory.release(this.reached)
  }

  /** The pages of the series that are read, if all of them give a field's last rows. */
  private lastSpans(field: number): readonly PageSpan[] | null {
    if (this.last === null) return null
    const spans: PageSpan[] = []
    for (const { page, from, to: end } of this.spans) {
      if (from >= this.count) break
      const to = Math.min(end, this.count)
      if (!this.last.has(field, page, to - from)) return null
      spans.push({ page, from, to })
    }
    return spans
  }

  /** Series of which something is deleted are read by themselves, but if all of them here is. */
  private leaveOutHidden(count: number): void {
    const { kernel, memory } = this.context.instance
    const holes = this.view.holes!
    const { minTime, maxTime } = this.view.reader.description
    const counts = (this.table + kernel.MANY_COUNTS.value) >>> 2
    const ids = this.list.ids >>> 2
    for (let i = 0; i < count; i++) {
      if (memory.u32[counts + i] === 0) continue
      const hidden = holes.of(memory.u32[ids + i]!, minTime, maxTime + 1n)
      if (hidden === null) continue
      const isAll = hidden.starts.some((start, k) => start <= minTime && hidden.ends[k]! > maxTime)
      if (isAll) memory.u32[counts + i] = 0
      else memory.u8[this.list.others + i] = 1
    }
  }
}

/** Of ids below those of the first page. */
const NO_PAGE = { count: 0, ids: 0, starts: 0, firstTimes: 0, lastTimes: 0 }

function sumOf({ u32 }: Memory, at: number, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += u32[at + i]!
  return sum
}
