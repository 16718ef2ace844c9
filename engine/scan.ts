// What one execution holds while it scans: pins, buffers, budget and tally; and the two questions
// that every scan asks of a piece: does its block need decoding at all, and which of its rows count.

import { Budget } from './budget.ts'
import type { Cache, Pins } from './cache.ts'
import { Chunk } from './chunk.ts'
import { MAY_HOLD, TIME_ID, rowColumnsOf, type Condition, type RowColumn } from './condition.ts'
import type { KernelInstance } from './kernel.ts'
import { MaskEvaluator, possibleOutcomes, type ColumnSummary } from './mask.ts'
import type { Region } from './memory.ts'
import { TIME, type PartReader } from './part.ts'
import { BLOCK_ROWS, type PartContext } from './part-rows.ts'
import type { Plan, PlanCatalog, PlanSeries } from './plan.ts'
import type { QueryStats } from './query.ts'
import { SeriesScan, type MemtableSource, type Piece, type Sources } from './series-scan.ts'
import type { Execution } from './step.ts'
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
  parts(table: number): readonly PartReader[]
  /** Nanoseconds; for `elapsedMs`. */
  now(): bigint
}

/** A block's directory entries: of the time, and per field of the plan (0 = no values). */
export interface BlockEntries {
  readonly time: number
  readonly fields: readonly number[]
  readonly rows: number
}

/** Which rows of a loaded chunk count. */
export interface Selected {
  /** u8 per row, or 0 when all rows do. */
  readonly mask: number
  readonly count: number
}

const SUMMARY_VALID = 8
/** Looking a series up in a part costs about as much as this many values. */
const LOOKUP_VALUES = 256

export class Scan {
  readonly plan: Plan
  readonly snapshot: Snapshot
  readonly instance: KernelInstance
  readonly sources: Sources
  readonly tally: Tally
  readonly budget: Budget
  readonly chunk: Chunk
  /** Indexes of the fields that outputs need. */
  readonly selectedFields: readonly number[]
  /** Indexes of all fields. */
  readonly allFields: readonly number[]
  private readonly context: PartContext
  private readonly pins: Pins
  private readonly evaluator: MaskEvaluator
  private readonly present: Region
  private readonly startedAt: bigint

  constructor(snapshot: Snapshot, plan: Plan) {
    const { instance, cache, memtables } = snapshot
    this.plan = plan
    this.snapshot = snapshot
    this.instance = instance
    this.sources = { parts: snapshot.parts(plan.table.id), memtables }
    this.tally = new Tally(plan.fields.length + 1)
    this.budget = new Budget(plan.query.limits)
    this.startedAt = snapshot.now()
    this.pins = cache.pins()
    this.context = { instance, pins: this.pins, tally: this.tally }
    this.chunk = new Chunk(this.context, plan.fields)
    this.evaluator = new MaskEvaluator(instance.kernel, instance.memory, plan.fields)
    this.present = instance.memory.allocate(BLOCK_ROWS)
    this.allFields = plan.fields.map((_, i) => i)
    this.selectedFields = this.allFields.slice(0, plan.selectedCount)
  }

  /** The `stats` of the answer as of now. */
  stats(): QueryStats {
    const elapsedMs = Number(this.snapshot.now() - this.startedAt) / 1e6
    return this.tally.stats(this.plan.series.length, Math.max(0, elapsedMs))
  }

  /** Opens the rows of a series in [start, end); null if there are none. Close what it returns. */
  *open(
    series: PlanSeries,
    start: bigint,
    end: bigint,
    options: { readonly descending?: boolean; readonly rowsMax?: number } = {},
  ): Execution<SeriesScan | null> {
    if (start >= end) return null
    const { descending = false, rowsMax = BLOCK_ROWS } = options
    const scan = new SeriesScan(this.context, {
      series: series.id,
      start,
      end,
      descending,
      rowsMax,
    })
    let isOpen = false
    try {
      isOpen = yield* scan.open(this.sources)
    } finally {
      if (!isOpen) scan.close()
    }
    this.budget.worked(LOOKUP_VALUES)
    if (isOpen) return scan
    yield* this.rest()
    return null
  }

  /** Between pieces: nothing of the piece before is used any more. */
  *rest(): Execution<void> {
    this.pins.release()
    yield* this.budget.breathe()
  }

  /** The directory entries of a piece's block. */
  *entries(piece: Extract<Piece, { kind: 'block' }>): Execution<BlockEntries> {
    const { reader } = piece.rows
    const time = yield* reader.entry(this.pins, TIME, piece.block)
    const fields: number[] = []
    for (const { id } of this.plan.fields)
      fields.push(yield* reader.entry(this.pins, id, piece.block))
    this.budget.worked(fields.length + 1)
    return { time, fields, rows: this.instance.memory.u16[(time + 12) >>> 1]! }
  }

  /** Values that a field has in a block. */
  countOf(entry: number): number {
    return entry === 0 ? 0 : this.instance.memory.u16[(entry + 14) >>> 1]!
  }

  /** Does the entry hold min, max, sum, first and last? */
  hasSummary(entry: number): boolean {
    return (this.instance.memory.u8[entry + 17]! & SUMMARY_VALID) !== 0
  }

  /**
   * What is left to ask of the rows of a block: `none` = no row can count, null = every row meets the
   * condition, else the condition. Holds for any of the block's rows.
   */
  residual(filter: Condition | null, entries: BlockEntries): Condition | null | 'none' {
    if (!this.plan.countsRows) {
      const hasValue = this.selectedFields.some((i) => this.countOf(entries.fields[i]!) > 0)
      if (!hasValue) return 'none'
    }
    if (filter === null) return null
    const outcomes = possibleOutcomes(filter, (column) => this.summaryOf(column, entries))
    if ((outcomes & MAY_HOLD) === 0) return 'none'
    return outcomes === MAY_HOLD ? null : filter
  }

  /** Loads a piece and finds its rows that count; with the time where `times` or the filter needs it. */
  *load(piece: Piece, filter: Condition | null, times: boolean): Execution<Selected> {
    const { chunk } = this
    const readsTime = filter !== null && rowColumnsOf(filter).some(({ id }) => id === TIME_ID)
    const fields = filter === null ? this.selectedFields : this.allFields
    yield* chunk.load(piece, { times: times || readsTime, fields })
    this.budget.scanned(chunk.count, chunk.count * (fields.length + 1))
    return this.select(filter)
  }

  release(): void {
    this.pins.release()
    this.chunk.release()
    this.evaluator.release()
    this.instance.memory.release(this.present)
  }

  /** Rows that meet the filter and have a value in some selected field (any row with count(*)). */
  private select(filter: Condition | null): Selected {
    const { chunk, selectedFields, plan } = this
    const { kernel } = this.instance
    const filtered = filter === null ? null : this.evaluator.select(filter, chunk)
    const isDense = plan.countsRows || selectedFields.some((i) => chunk.valid[i] === 0)
    if (isDense) {
      return filtered === null
        ? { mask: 0, count: chunk.count }
        : { mask: filtered.mask, count: filtered.selected }
    }
    const mask = this.present.offset
    this.instance.memory.u8.fill(0, mask, mask + chunk.count)
    for (const i of selectedFields) kernel.scanPresent(mask, chunk.valid[i]!, chunk.count)
    if (filtered !== null) kernel.scanBoth(mask, filtered.mask, chunk.count)
    return { mask, count: kernel.scanCount(mask, chunk.count) }
  }

  private summaryOf(column: RowColumn, entries: BlockEntries): ColumnSummary {
    const { rows } = entries
    const field = this.plan.fields.findIndex(({ id }) => id === column.id)
    const entry = column.id === TIME_ID ? entries.time : entries.fields[field]!
    if (entry === 0) return { rows, count: 0, bounds: null }
    const count = column.id === TIME_ID ? rows : this.countOf(entry)
    if (column.id !== TIME_ID && !this.hasSummary(entry)) return { rows, count, bounds: null }
    const { u64 } = this.instance.memory
    const bounds = { least: u64[(entry + 40) >>> 3]!, greatest: u64[(entry + 48) >>> 3]! }
    return { rows, count, bounds }
  }
}
