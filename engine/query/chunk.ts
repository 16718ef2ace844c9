// Rows of one series decoded into parallel arrays in kernel memory: times and, per field of the plan,
// slots and validity. One set of buffers serves a whole execution; a chunk is valid until the next is
// loaded, its strings until the pins of the execution are released.

import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { RowMerger } from '../merge.ts'
import { PartRows } from './part-rows.ts'
import { GROUP_ROWS, type PartContext } from './part-view.ts'
import type { MergedPart, Piece } from './series-scan.ts'
import type { Execution } from '../step.ts'

const SLOTS_BYTES = BLOCK_ROWS * 8
const COLUMN_BYTES = SLOTS_BYTES + BLOCK_ROWS

/** Memory that a merge needs: input columns of one block's rows each. */
interface MergeScratch {
  readonly merger: RowMerger
  readonly sourcesMax: number
  readonly region: Region
}

/** Rows that come merged: of many series (series-batch.ts). */
export interface ChunkRows {
  /** Times to `times`, i64 per row, if they are wanted (else perhaps); how many rows there are. */
  load(times: number, areWanted: boolean): Execution<number>
  /** A field's slots and validity; true if some row may be null. */
  column(field: number, values: number, valid: number): Execution<boolean>
}

/** What a chunk may hold. */
export type Loadable = Piece | { readonly kind: 'batch'; readonly rows: ChunkRows }

/** Rows as an aggregator takes them: pointers, as Chunk has them. */
export interface ChunkColumns {
  readonly count: number
  readonly times: number
  readonly values: readonly number[]
  readonly valid: readonly number[]
}

export class Chunk implements ChunkColumns {
  /** Rows of the loaded piece. */
  count = 0
  /** Pointer of i64[count]; only after a load that needs times. */
  readonly times: number
  /** Pointers of u64[count] per field of the plan. */
  readonly values: readonly number[]
  /** Pointers of u8[count] per field; 0 = every row has a value. */
  readonly valid: number[]
  private readonly context: PartContext
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly region: Region
  private readonly validBuffers: readonly number[]
  private merge: MergeScratch | null = null
  /** First row of each source in the merge's buffers. */
  private rowOf: number[] = []

  constructor(context: PartContext) {
    const { instance, fields } = context
    this.context = context
    this.kernel = instance.kernel
    this.memory = instance.memory
    this.region = this.memory.allocate(SLOTS_BYTES + fields.length * COLUMN_BYTES)
    this.times = this.region.offset
    this.values = fields.map((_, i) => this.times + SLOTS_BYTES + i * COLUMN_BYTES)
    this.validBuffers = this.values.map((values) => values + SLOTS_BYTES)
    this.valid = fields.map(() => 0)
  }

  /** Begins with a piece of at most BLOCK_ROWS rows; `times`: they are needed. */
  *load(piece: Loadable, times: boolean): Execution<void> {
    if (piece.kind === 'batch') {
      this.count = yield* piece.rows.load(this.times, times)
      return
    }
    if (piece.kind === 'merged') {
      yield* this.planMerge(piece.parts, times)
      return
    }
    const { from, to } = piece
    this.count = to - from
    if (times && piece.kind === 'memory') piece.rows.times(from, to, this.times)
    if (times && piece.kind === 'part') {
      yield* this.decode(piece.rows, -1, from, to, this.times, 0)
    }
  }

  /**
   * Adds fields (indexes in the plan) of the piece that was loaded; of the rows of a part only [first,
   * last] may be wanted: what the others have is then anything.
   */
  *add(
    piece: Loadable,
    fields: readonly number[],
    first = 0,
    last = this.count - 1,
  ): Execution<void> {
    for (const field of fields) {
      const buffer = this.validBuffers[field]!
      const values = this.values[field]!
      let hasNulls: boolean
      if (piece.kind === 'batch') hasNulls = yield* piece.rows.column(field, values, buffer)
      else if (piece.kind === 'merged') hasNulls = yield* this.mergeField(piece.parts, field)
      else if (piece.kind === 'memory') {
        const { id } = this.context.fields[field]!
        hasNulls = piece.rows.column(id, piece.from, piece.to, values, buffer) < this.count
      } else {
        const [from, to] = [piece.from + first, piece.from + last + 1]
        const at = values + first * 8
        hasNulls = yield* this.decode(piece.rows, field, from, to, at, buffer + first)
      }
      this.valid[field] = hasNulls ? buffer : 0
    }
  }

  release(): void {
    this.memory.release(this.region)
    this.dropMerge()
  }

  private *planMerge(parts: readonly MergedPart[], needsTimes: boolean): Execution<void> {
    const { merger, region } = this.mergeScratch(parts.length)
    let row = 0
    this.rowOf = []
    for (const [index, { rows, from, to }] of parts.entries()) {
      const times = region.offset + row * 8
      if (rows instanceof PartRows) yield* this.decode(rows, -1, from, to, times, 0)
      else rows.times(from, to, times)
      merger.source(index, times, to - from)
      this.rowOf.push(row)
      row += to - from
    }
    this.count = merger.plan(parts.length)
    if (needsTimes)
      this.memory.u8.copyWithin(this.times, merger.times, merger.times + this.count * 8)
  }

  private *mergeField(parts: readonly MergedPart[], field: number): Execution<boolean> {
    const { merger, region } = this.merge!
    const slots = region.offset + SLOTS_BYTES
    for (const [index, { rows, from, to }] of parts.entries()) {
      const values = slots + this.rowOf[index]! * 8
      const valid = slots + SLOTS_BYTES + this.rowOf[index]!
      if (rows instanceof PartRows) yield* this.decode(rows, field, from, to, values, valid)
      else rows.column(this.context.fields[field]!.id, from, to, values, valid)
      merger.input(index, values, valid)
    }
    return merger.column(this.values[field]!, this.validBuffers[field]!) < this.count
  }

  private mergeScratch(sources: number): MergeScratch {
    if (this.merge !== null && this.merge.sourcesMax >= sources) return this.merge
    this.dropMerge()
    const { kernel, memory } = this
    const region = memory.allocate(SLOTS_BYTES + COLUMN_BYTES)
    const merger = new RowMerger(kernel, memory, sources, BLOCK_ROWS)
    this.merge = { merger, region, sourcesMax: sources }
    return this.merge
  }

  private dropMerge(): void {
    if (this.merge === null) return
    this.merge.merger.release()
    this.memory.release(this.merge.region)
    this.merge = null
  }

  /**
   * A field (-1: the times) of a part's rows [from, to) to `values`, and `valid` of each. True if some
   * row may be null.
   */
  private *decode(
    { view }: PartRows,
    field: number,
    from: number,
    to: number,
    values: number,
    valid: number,
  ): Execution<boolean> {
    let hasNulls = false
    for (let row = from; row < to;) {
      const group = Math.floor(row / GROUP_ROWS)
      const base = group * GROUP_ROWS
      const end = Math.min(to, base + GROUP_ROWS)
      while (!view.enter(group)) yield* view.fetch()
      while (!view.hold(field + 1, row - base, end - base)) yield* view.fetch()
      const at = row - from
      const target = values + at * 8
      if (view.decode(field + 1, row - base, end - base, target, valid + at)) hasNulls = true
      row = end
    }
    return hasNulls
  }
}
