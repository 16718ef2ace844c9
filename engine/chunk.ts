// Rows of one series decoded into parallel arrays in kernel memory: times and, per field of the plan,
// slots and validity. One set of buffers serves a whole execution; a chunk is valid until the next is
// loaded, its strings until the pins of the execution are released.

import { OmenError } from './error.ts'
import type { Kernel } from './kernel.ts'
import type { Memory, Region } from './memory.ts'
import { RowMerger } from './merge.ts'
import { TIME } from './part.ts'
import { BLOCK_ROWS, PartRows, type PartContext } from './part-rows.ts'
import type { PlanColumn } from './plan.ts'
import type { MergedPart, Piece } from './series-scan.ts'
import type { Execution } from './step.ts'

const SLOTS_BYTES = BLOCK_ROWS * 8
const COLUMN_BYTES = SLOTS_BYTES + BLOCK_ROWS
const HAS_NULLS = 1

/** What a chunk is loaded with. */
export interface ChunkNeed {
  readonly times: boolean
  /** Indexes of fields in the plan. */
  readonly fields: readonly number[]
}

/** Memory that a merge needs: input columns of one block's rows each. */
interface MergeScratch {
  readonly merger: RowMerger
  readonly sourcesMax: number
  readonly region: Region
}

export class Chunk {
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
  private readonly fields: readonly PlanColumn[]
  private readonly region: Region
  private readonly validBuffers: readonly number[]
  private merge: MergeScratch | null = null

  constructor(context: PartContext, fields: readonly PlanColumn[]) {
    this.context = context
    this.kernel = context.instance.kernel
    this.memory = context.instance.memory
    this.fields = fields
    this.region = this.memory.allocate(SLOTS_BYTES + fields.length * COLUMN_BYTES)
    this.times = this.region.offset
    this.values = fields.map((_, i) => this.times + SLOTS_BYTES + i * COLUMN_BYTES)
    this.validBuffers = this.values.map((values) => values + SLOTS_BYTES)
    this.valid = fields.map(() => 0)
  }

  *load(piece: Piece, need: ChunkNeed): Execution<void> {
    if (piece.kind === 'merged') yield* this.loadMerged(piece.parts, need)
    else if (piece.kind === 'memory') this.loadMemory(piece, need)
    else yield* this.loadBlock(piece, need)
  }

  release(): void {
    this.memory.release(this.region)
    this.dropMerge()
  }

  private loadMemory(
    { rows, from, to }: Extract<Piece, { kind: 'memory' }>,
    need: ChunkNeed,
  ): void {
    this.count = to - from
    if (need.times) rows.times(from, to, this.times)
    for (const field of need.fields) {
      const { id } = this.fields[field]!
      const buffer = this.validBuffers[field]!
      const count = rows.column(id, from, to, this.values[field]!, buffer)
      this.valid[field] = count === this.count ? 0 : buffer
    }
  }

  private *loadBlock(
    { rows, block, from, to }: Extract<Piece, { kind: 'block' }>,
    need: ChunkNeed,
  ): Execution<void> {
    this.count = to - from
    const base = block * BLOCK_ROWS
    const start = base + from
    const end = base + to
    if (need.times) yield* this.decodeTimes(rows, start, end, this.times)
    for (const field of need.fields) {
      const buffer = this.validBuffers[field]!
      const values = this.values[field]!
      const hasNulls = yield* this.decodeField(rows, field, start, end, values, buffer)
      this.valid[field] = hasNulls ? buffer : 0
    }
  }

  private *loadMerged(parts: readonly MergedPart[], need: ChunkNeed): Execution<void> {
    const { merger, region } = this.mergeScratch(parts.length)
    let row = 0
    const rowOf: number[] = []
    for (const [index, { rows, from, to }] of parts.entries()) {
      const times = region.offset + row * 8
      if (rows instanceof PartRows) yield* this.decodeTimes(rows, from, to, times)
      else rows.times(from, to, times)
      merger.source(index, times, to - from)
      rowOf.push(row)
      row += to - from
    }
    this.count = merger.plan(parts.length)
    if (need.times)
      this.memory.u8.copyWithin(this.times, merger.times, merger.times + this.count * 8)
    for (const field of need.fields) yield* this.mergeField(parts, rowOf, field)
  }

  private *mergeField(
    parts: readonly MergedPart[],
    rowOf: readonly number[],
    field: number,
  ): Execution<void> {
    const { merger, region } = this.merge!
    const slots = region.offset + SLOTS_BYTES
    for (const [index, { rows, from, to }] of parts.entries()) {
      const values = slots + rowOf[index]! * 8
      const valid = slots + SLOTS_BYTES + rowOf[index]!
      if (rows instanceof PartRows) {
        const hasNulls = yield* this.decodeField(rows, field, from, to, values, valid)
        if (!hasNulls) this.memory.u8.fill(1, valid, valid + to - from)
      } else rows.column(this.fields[field]!.id, from, to, values, valid)
      merger.input(index, values, valid)
    }
    const buffer = this.validBuffers[field]!
    const count = merger.column(this.values[field]!, buffer)
    this.valid[field] = count === this.count ? 0 : buffer
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

  /** Times of the part's rows [from, to), over block boundaries, to i64s at `target`. */
  private *decodeTimes(part: PartRows, from: number, to: number, target: number): Execution<void> {
    const { pins, tally } = this.context
    const { reader } = part
    for (let row = from; row < to;) {
      const block = row >>> 10
      const end = Math.min(to, (block + 1) * BLOCK_ROWS)
      const entry = yield* reader.entry(pins, TIME, block)
      const pointer = yield* reader.block(pins, TIME, block)
      const inBlock = row & (BLOCK_ROWS - 1)
      const out = target + (row - from) * 8
      const status = this.kernel.decodeTimes(pointer, entry, inBlock, end - row, out)
      if (status < 0) throw corrupt(part, 'time', block)
      tally.decoded(reader, 0, block)
      const { u16 } = this.memory
      tally.indexed(reader, block, u16[(entry + 20) >>> 1]!, u16[(entry + 88) >>> 1]!)
      row = end
    }
  }

  /**
   * A field of the part's rows [from, to). True if `valid` was written because some row may be null;
   * else every row has a value and `valid` is unspecified.
   */
  private *decodeField(
    part: PartRows,
    field: number,
    from: number,
    to: number,
    values: number,
    valid: number,
  ): Execution<boolean> {
    const { pins, tally } = this.context
    const { reader } = part
    const { id, type, name } = this.fields[field]!
    let hasNulls = false
    for (let row = from; row < to;) {
      const block = row >>> 10
      const end = Math.min(to, (block + 1) * BLOCK_ROWS)
      const at = row - from
      const entry = yield* reader.entry(pins, id, block)
      if (entry === 0) {
        this.memory.u8.fill(0, valid + at, valid + end - from)
        hasNulls = true
      } else {
        const pointer = yield* reader.block(pins, id, block)
        const inBlock = row & (BLOCK_ROWS - 1)
        const out = values + at * 8
        const { kernel } = this
        const count = end - row
        const status = kernel.decodeColumn(type, pointer, entry, inBlock, count, out, valid + at)
        if (status < 0) throw corrupt(part, name, block)
        if ((this.memory.u8[entry + 17]! & HAS_NULLS) !== 0) hasNulls = true
        tally.decoded(reader, field + 1, block)
      }
      row = end
    }
    return hasNulls
  }
}

function corrupt({ reader }: PartRows, column: string, block: number): OmenError {
  const { file } = reader.description
  const message = `segment-${file}: block ${block} of column ${JSON.stringify(column)} does not decode`
  return new OmenError('corrupt', message)
}
