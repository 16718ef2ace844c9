// What one execution holds while it scans: pins, views, buffers, budget and tally; and the two questions
// that a scan asks of a block: does it need decoding at all, and which of its rows count.

import { Apartness } from './apartness.ts'
import { ALL, BlockFilter, SOME } from './block-filter.ts'
import { Budget } from './budget.ts'
import type { Cache, Pins } from '../segment/cache.ts'
import { Chunk, type Loadable } from './chunk.ts'
import { TIME_ID, rowColumnsOf, type Condition } from './condition.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { KernelInstance } from '../kernel.ts'
import { MaskEvaluator } from './mask.ts'
import type { Region } from '../memory.ts'
import { GROUP_ROWS, PartView, type PartContext } from './part-view.ts'
import { ReadRoute } from './read-route.ts'
import type { PartReader } from '../segment/part.ts'
import type { HideablePart, PartHoles } from '../lifecycle/tombstones.ts'
import type { Plan, PlanCatalog, PlanSeries } from './plan.ts'
import type { QueryStats } from './query.ts'
import type { RollupVersion } from '../rollup/registry.ts'
import { SeriesScan, type MemtableSource, type Piece, type Sources } from './series-scan.ts'
import type { WorkerAccess } from '../scan-workers/task.ts'
import type { Execution } from '../step.ts'
import { Tally } from './tally.ts'

/**
 * What a query runs on, held by the caller until it ends: the parts of a table (oldest first) and
 * the memtables (oldest first, acquired), as they were when it began.
 */
export interface Snapshot {
  readonly instance: KernelInstance
  readonly cache: Cache
  readonly catalog: PlanCatalog
  readonly memtables: readonly MemtableSource[]
  /** Of the moment when the others were taken. */
  readonly rollups: RollupVersion
  /** Rises with every change of the parts. */
  readonly partVersion: number
  /** Who may aggregate a part of it in other threads. */
  readonly workers?: WorkerAccess | undefined
  parts(table: number): readonly PartReader[]
  /** What is deleted of a part; null: nothing. */
  holes(part: HideablePart): PartHoles | null
  /** Nanoseconds; for `elapsedMs`. */
  now(): bigint
}

/** A piece of the rows of a part. */
export type PartPiece = Extract<Piece, { kind: 'part' }>

/** Which rows of a loaded chunk count. */
export interface Selected {
  /** u8 per row, or 0 when all rows do. */
  readonly mask: number
  readonly count: number
}

/** Sources of the times [start, end). */
interface OpenRange {
  readonly start: bigint
  readonly end: bigint
  readonly sources: Sources
}

interface OpenOptions {
  readonly descending?: boolean
  /** Most rows of the first piece. */
  readonly rowsMax?: number
  /** See ScanOptions. */
  readonly spanMax?: number
  /** Rows of a part are cut at multiples of so many: BLOCK_ROWS if pieces are to be loaded. */
  readonly stride?: number
}

/** A filter, and the fields of the plan that it reads. */
interface FilterColumns {
  readonly filter: Condition
  readonly readsTime: boolean
  readonly fields: readonly number[]
}

/** What a scan knows of the rollups that it reads beside points (rollup/stored-buckets.ts). */
export interface StoredRows {
  /** Least and greatest time of their buckets. */
  timeRange(): [bigint, bigint]
  /** Statistics together with those of a query's points. */
  addTo(stats: QueryStats): QueryStats
  release(): void
}

/** Looking a series up in a part costs about as much as this many values. */
const LOOKUP_VALUES = 256
/** Opening a part, and going to a row group of one, as much as this many. */
const OPENING_VALUES = 32_768
const ENTERING_VALUES = 8_192
/** Parts of which views are made without a pause. */
const PARTS_NOW = 64
/** Parts whose footers are asked for while one is opened. */
const OPENED_AHEAD = 4
/** Ranges whose sources are kept: a series may be read in several, and the next one in the same. */
const RANGES_MAX = 16
/** Pins are given back when they hold so much, or a quarter of the cache. */
const PINNED_MAX = 8 << 20

export class Scan {
  readonly plan: Plan
  readonly snapshot: Snapshot
  readonly instance: KernelInstance
  readonly parts: readonly PartReader[]
  readonly memtables: readonly MemtableSource[]
  readonly tally: Tally
  readonly budget: Budget
  /** Indexes of the fields that outputs need. */
  readonly selectedFields: readonly number[]
  readonly context: PartContext
  /** The rollups that answer a part of this; released with it. */
  stored: StoredRows | null = null
  private readonly apartness: Apartness
  private readonly pins: Pins
  private readonly pinnedMax: number
  private readonly views = new Map<PartReader, PartView>()
  private readonly fieldOf: ReadonlyMap<number, number>
  /** These are made when they are asked for. */
  private loaded: Chunk | null = null
  private evaluator: MaskEvaluator | null = null
  private blocks: BlockFilter | null = null
  private present: Region | null = null
  private readonly startedAt: bigint
  /** The newest last. */
  private readonly ranges: OpenRange[] = []
  private filter: FilterColumns | null = null

  constructor(snapshot: Snapshot, plan: Plan) {
    const { instance, cache, memtables } = snapshot
    this.plan = plan
    this.snapshot = snapshot
    this.instance = instance
    this.parts = snapshot.parts(plan.table.id)
    this.memtables = memtables.filter(({ snapshot: held }) => held.rowCount > 0)
    this.tally = new Tally(plan.fields.length + 1)
    this.budget = new Budget(plan.query.limits, () => snapshot.now())
    this.startedAt = snapshot.now()
    this.pins = cache.pins()
    this.pinnedMax = Math.min(PINNED_MAX, cache.capacity / 4)
    const route = new ReadRoute(GROUP_ROWS)
    this.context = { instance, pins: this.pins, tally: this.tally, fields: plan.fields, route }
    this.apartness = new Apartness(this)
    this.fieldOf = new Map(plan.fields.map(({ id }, index) => [id, index]))
    this.selectedFields = [...plan.fields.keys()].slice(0, plan.selectedCount)
  }

  /** What pieces are loaded into. The first to ask makes it: take no view of memory before. */
  get chunk(): Chunk {
    this.loaded ??= new Chunk(this.context)
    return this.loaded
  }

  /** The `stats` of the answer as of now. */
  stats(): QueryStats {
    const elapsedMs = Number(this.snapshot.now() - this.startedAt) / 1e6
    const stats = this.tally.stats(this.plan.series.length, Math.max(0, elapsedMs))
    return this.stored?.addTo(stats) ?? stats
  }

  /** Opens the rows of a series in [start, end); null if there are none. Close what it returns. */
  *open(
    series: PlanSeries,
    start: bigint,
    end: bigint,
    options: OpenOptions = {},
  ): Execution<SeriesScan | null> {
    if (start >= end) return null
    const sources = yield* this.sources(start, end)
    const scan = this.seriesScan(series, start, end, options)
    let isOpen = false
    try {
      isOpen = yield* scan.open(sources)
    } finally {
      if (!isOpen) scan.close()
    }
    this.budget.worked(LOOKUP_VALUES)
    if (isOpen) return scan
    yield* this.rest()
    return null
  }

  /** `open` without waiting, in pieces of so many rows, up to a row group: undefined if it would have to, null as there. */
  openNow(
    series: PlanSeries,
    start: bigint,
    end: bigint,
    spanMax: number,
    stride = GROUP_ROWS,
  ): SeriesScan | null | undefined {
    if (start >= end) return null
    let sources = this.knownSources(start, end)
    if (sources === undefined && this.parts.length <= PARTS_NOW) {
      sources = this.keepSources(start, end)
    }
    if (sources === undefined) return undefined
    const scan = this.seriesScan(series, start, end, { spanMax, stride })
    this.budget.worked(LOOKUP_VALUES)
    const isOpen = scan.openNow(sources)
    return isOpen === true ? scan : isOpen === false ? null : undefined
  }

  /** Before a reader is waited for: holds nothing of the cache. */
  unpin(): void {
    this.pins.release()
  }

  /** Between pieces: nothing of the piece before is used any more. True: `breathe` is due. */
  isTired(): boolean {
    if (this.pins.bytes > this.pinnedMax) this.pins.release()
    return this.budget.isSpent
  }

  /** The same, and breathes if it is due. */
  *rest(): Execution<void> {
    if (this.isTired()) yield* this.breathe()
  }

  /** Lets others run. */
  *breathe(): Execution<void> {
    this.pins.release()
    yield* this.budget.breathe()
  }

  /** Makes the group of a piece the current one of its view; its first row there. */
  *enter(piece: PartPiece): Execution<number> {
    for (;;) {
      const from = this.enterNow(piece)
      if (from >= 0) return from
      yield* piece.rows.view.fetch()
    }
  }

  /** The same at once; -1: fetch, then again. */
  enterNow({ rows: { view }, from }: PartPiece): number {
    const group = Math.floor(from / GROUP_ROWS)
    if (!view.enter(group)) return -1
    this.budget.worked(this.plan.fields.length + 1 + ENTERING_VALUES)
    return from - group * GROUP_ROWS
  }

  /**
   * What is left to ask of the rows of a block of the view's group: `none` = no row can count, null =
   * every row meets the condition, else the condition. Holds for any of the block's rows.
   */
  residual(filter: Condition | null, view: PartView, block: number): Condition | null | 'none' {
    const state = this.blockStates(filter, view)[block]
    if (state === SOME) return filter
    return state === ALL ? null : 'none'
  }

  /** Does every row in the blocks of rows [from, to) of the view's group count, where no filter asks? */
  countsAll(view: PartView, from: number, to: number): boolean {
    return this.plan.countsRows || view.isDense(this.selectedFields.length, from, to)
  }

  /** NONE, SOME or ALL of each block of the view's group: which of its rows count. */
  blockStates(filter: Condition | null, view: PartView): Uint8Array {
    if (this.blocks === null) {
      const counted = this.plan.countsRows ? null : this.selectedFields
      this.blocks = new BlockFilter(this.instance, this.fieldOf, counted)
    }
    return this.blocks.states(filter, view)
  }

  /**
   * Loads a piece of at most BLOCK_ROWS rows and finds those that count; with the time where `times` or
   * the filter needs it. Without such a row only what the filter reads is loaded. With `isSparse` the
   * caller looks at no other rows: what those have, is then anything.
   */
  *load(
    piece: Loadable,
    filter: Condition | null,
    times: boolean,
    isSparse = false,
  ): Execution<Selected> {
    const { chunk, selectedFields } = this
    if (filter === null) {
      yield* chunk.load(piece, times)
      yield* chunk.add(piece, selectedFields)
      this.budget.scanned(chunk.count, chunk.count * (selectedFields.length + 1))
      return this.countedRows(null)
    }
    const { readsTime, fields } = this.columnsOf(filter)
    yield* chunk.load(piece, times || readsTime)
    yield* chunk.add(piece, fields)
    this.budget.scanned(chunk.count, chunk.count * (fields.length + 1))
    const { kernel, memory } = this.instance
    this.evaluator ??= new MaskEvaluator(kernel, memory, this.fieldOf)
    const filtered = this.evaluator.select(filter, chunk)
    this.budget.worked(this.evaluator.takeMatchedBytes())
    if (filtered.count === 0) return filtered
    const others = selectedFields.filter((field) => !fields.includes(field))
    let first = 0
    let last = chunk.count - 1
    if (isSparse) {
      // Rows that meet a condition lie together more often than not.
      const { u8 } = this.instance.memory
      first = u8.indexOf(1, filtered.mask) - filtered.mask
      last = u8.lastIndexOf(1, filtered.mask + last) - filtered.mask
    }
    yield* chunk.add(piece, others, first, last)
    this.budget.worked((last + 1 - first) * others.length)
    return this.countedRows(filtered)
  }

  release(): void {
    this.stored?.release()
    this.pins.release()
    this.loaded?.release()
    this.apartness.release()
    this.evaluator?.release()
    this.blocks?.release()
    for (const view of this.views.values()) view.release()
    if (this.present !== null) this.instance.memory.release(this.present)
  }

  /** Parts and memtables with rows in [start, end); those of the ranges asked for last are known. */
  *sources(start: bigint, end: bigint): Execution<Sources> {
    const known = this.knownSources(start, end)
    if (known !== undefined) return known
    const asked = this.parts.filter(
      (reader) => !this.views.has(reader) && isWithin(reader.description, start, end),
    )
    for (const [i, reader] of asked.entries()) {
      if (!reader.isOpen) {
        const next = asked.slice(i + 1, i + 1 + OPENED_AHEAD).filter(({ isOpen }) => !isOpen)
        if (next.length > 0) yield { ahead: next.map(({ tail }) => tail) }
      }
      yield* reader.open(this.pins)
      this.view(reader)
      // A table of very many small parts: nothing of them is used yet.
      yield* this.rest()
    }
    return this.keepSources(start, end)!
  }

  private knownSources(start: bigint, end: bigint): Sources | undefined {
    for (const range of this.ranges) {
      if (range.start === start && range.end === end) return range.sources
    }
    return undefined
  }

  /** What is in [start, end), for the next time, too; undefined if a part was not opened yet. */
  private keepSources(start: bigint, end: bigint): Sources | undefined {
    const parts: PartView[] = []
    for (const reader of this.parts) {
      if (!isWithin(reader.description, start, end)) continue
      if (!reader.isOpen) return undefined
      parts.push(this.view(reader))
    }
    const memtables = this.memtables.filter(({ snapshot }) => isWithin(snapshot, start, end))
    const sources = { parts, memtables }
    if (this.ranges.length === RANGES_MAX) this.ranges.shift()
    this.ranges.push({ start, end, sources })
    return sources
  }

  /** The view of a part that was opened. */
  private view(reader: PartReader): PartView {
    const known = this.views.get(reader)
    if (known !== undefined) return known
    const view = new PartView(this.context, reader, this.snapshot.holes(reader.description))
    this.views.set(reader, view)
    this.budget.worked(OPENING_VALUES)
    return view
  }

  private seriesScan(
    { id, filter }: PlanSeries,
    start: bigint,
    end: bigint,
    { descending = false, rowsMax = GROUP_ROWS, spanMax = 0, stride: asked }: OpenOptions,
  ): SeriesScan {
    // A filter is asked block by block.
    const stride = asked ?? (filter === null ? GROUP_ROWS : BLOCK_ROWS)
    const options = { series: id, start, end, descending, rowsMax, spanMax, stride }
    return new SeriesScan(this.context, options, this.apartness)
  }

  private columnsOf(filter: Condition): FilterColumns {
    if (this.filter?.filter === filter) return this.filter
    const columns = rowColumnsOf(filter)
    const ids = new Set(columns.map(({ id }) => id))
    const readsTime = ids.delete(TIME_ID)
    this.filter = { filter, readsTime, fields: [...ids].map((id) => this.fieldOf.get(id)!) }
    return this.filter
  }

  /** Of the rows that meet the filter, those with a value in some selected field (all with count(*), and where empty ones are kept). */
  private countedRows(filtered: Selected | null): Selected {
    const { chunk, selectedFields, plan } = this
    const { kernel } = this.instance
    const isDense = plan.countsRows || selectedFields.some((i) => chunk.valid[i] === 0)
    if (isDense) return filtered ?? { mask: 0, count: chunk.count }
    this.present ??= this.instance.memory.allocate(BLOCK_ROWS)
    const mask = this.present.offset
    this.instance.memory.u8.fill(0, mask, mask + chunk.count)
    for (const i of selectedFields) kernel.scanPresent(mask, chunk.valid[i]!, chunk.count)
    if (filtered !== null) kernel.scanBoth(mask, filtered.mask, chunk.count)
    return { mask, count: kernel.scanCount(mask, chunk.count) }
  }
}

/** Has a source with these times rows in [start, end)? */
function isWithin(
  { minTime, maxTime }: { readonly minTime: bigint; readonly maxTime: bigint },
  start: bigint,
  end: bigint,
): boolean {
  return minTime < end && maxTime >= start
}
