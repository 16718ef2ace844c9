// Host side of the aggregation (assembly/aggregate.ts): lays out the cells for what a plan asks,
// feeds runs and chunks, grows the regions when the kernel stops for room, and reads the results
// in order of (group, bucket).

import { limitExceeded } from './budget.ts'
import { OmenError } from '../error.ts'
import type { Chunk, ChunkColumns } from './chunk.ts'
import { type Grid, writeGrid } from './grid.ts'
import { codeOf, featuresOf, isMergeable, needsNeighbours } from './feature.ts'
import { BLOCK_ROWS, GROUP_BLOCKS } from '../segment/footer.ts'
import type { Kernel, KernelInstance } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import type { PartView } from './part-view.ts'
import type { PlanColumn, PlanSeries } from './plan.ts'
import type { Vector } from './query.ts'
import type { Output } from './selection.ts'
import { type Execution, finish } from '../step.ts'
import { joinVectors, readVector } from './vector.ts'

/** Results of all buckets, ordered by (group, bucket). */
export interface AggregateRows {
  /** There are no buckets: one row per group. */
  readonly oneBucket: boolean
  readonly groups: Uint32Array
  /** Starts of the buckets; 0 when there are none. */
  readonly buckets: BigInt64Array
  /** Time of the first point that counted. */
  readonly firstTimes: BigInt64Array
  /** In the order of the outputs. */
  readonly fields: Vector[]
}

/** Options of a run. */
const COUNTS_ROWS = 1
const NEEDS_FIRST_TIME = 2
/** What the kernel stopped for. */
const WANTS_RECORDS = 1
const WANTS_BLOCK = 3
const RECORDS_MIN = 64
/** Records sorted or read between two pauses. */
const STEP_RECORDS = 32_768
const ARENA_MIN = 1024
/** Keys looked at for quantiles between two pauses. */
const STEP_KEYS = 1_000_000

/** What an aggregator has, to be joined to another of the same plan: copies of its regions. */
export interface AggregatePartial {
  readonly count: number
  readonly records: Uint8Array<ArrayBuffer>
  readonly arena: Uint8Array<ArrayBuffer>
}

/** Rows [from, to) of a view's row group, and what is to be done with their blocks. */
export interface Run {
  readonly from: number
  readonly to: number
  readonly options: number
  readonly decodedRows: number
  /** Pointer of GROUP_BLOCKS states for each of `columns` columns, the time first (tally.ts). */
  readonly states: number
  readonly columns: number
}

/** What is asked of a run beside its fields: every row counts; the time of the first that does. */
export interface RunOptions {
  readonly countsRows: boolean
  readonly needsFirstTime: boolean
}

/** Of which series the rows of a chunk are. */
export interface Members {
  readonly members: number
  readonly groups: number
  readonly ranks: number
}

export class Aggregator {
  readonly features: readonly number[]
  private readonly kernel: Kernel
  private readonly memory: Memory
  readonly outputs: readonly Output[]
  private readonly fields: readonly PlanColumn[]
  private readonly maxBuckets: number
  private readonly holds: (bytes: number) => void
  private readonly state: Region
  private readonly columns: number
  private readonly states: number
  private readonly recordSize: number
  private map: Region
  private records: Region
  private arena: Region
  private readonly boundaries: Region | null
  private readonly oneBucket: boolean

  /** For the first `fields` of a plan, those of its outputs. */
  constructor(
    { kernel, memory }: KernelInstance,
    spec: {
      readonly fields: readonly PlanColumn[]
      readonly outputs: readonly Output[]
      readonly grid: Grid
      readonly maxBuckets: number
      /** Is told of bytes that are taken; may throw. */
      readonly holds?: (bytes: number) => void
    },
  ) {
    this.kernel = kernel
    this.memory = memory
    this.fields = spec.fields
    this.outputs = spec.outputs
    this.maxBuckets = spec.maxBuckets
    this.holds = spec.holds ?? (() => {})
    this.oneBucket = spec.grid.kind === 'one'
    this.features = featuresOf(spec.outputs, spec.fields.length)
    const head = kernel.AGGREGATE_STATE_SIZE.value
    const descriptors = spec.fields.length * kernel.AGGREGATE_COLUMN_SIZE.value
    const states = (spec.fields.length + 2) * GROUP_BLOCKS
    this.state = memory.allocateZeroed(head + descriptors + BLOCK_ROWS + states)
    this.columns = this.state.offset + head
    this.states = this.columns + descriptors + BLOCK_ROWS
    this.set(36, this.columns)
    this.set(40, spec.fields.length)
    this.set(44, this.columns + descriptors)
    this.set(56, Math.min(spec.maxBuckets, 2 ** 31))
    spec.fields.forEach(({ type }, i) => {
      memory.u32[this.column(i)] = type
      memory.u32[this.column(i) + 1] = this.features[i]!
    })
    this.boundaries = writeGrid(memory, this.state.offset + kernel.AGGREGATE_GRID.value, spec.grid)
    this.recordSize = kernel.aggregateLayout(this.state.offset) >>> 0
    this.arena = memory.allocate(ARENA_MIN)
    this.set(24, this.arena.offset)
    this.set(28, this.arena.size)
    this.records = memory.allocate(RECORDS_MIN * this.recordSize)
    this.map = memory.allocate(RECORDS_MIN * 8)
    this.place(RECORDS_MIN)
  }

  /** Buckets × groups so far. */
  get count(): number {
    return this.memory.u32[(this.state.offset + 20) >>> 2]!
  }

  /**
   * Do rows of a series have to come in ascending order, `seriesEnd` after them? (Of chunks of many
   * series they may not come at all.)
   */
  get needsNeighbours(): boolean {
    return this.features.some(needsNeighbours)
  }

  /** How often a bucket was looked for since this was last asked: most of the work if they are narrow. */
  takeLookups(): number {
    const { u32 } = this.memory
    const at = (this.state.offset + 60) >>> 2
    const lookups = u32[at]!
    u32[at] = 0
    return lookups
  }

  /** Finds out what of a run has to be decoded. Valid until the next plan. */
  plan(view: PartView, from: number, to: number, what: RunOptions): Run {
    const { kernel, state, states } = this
    const options =
      (what.countsRows ? COUNTS_ROWS : 0) | (what.needsFirstTime ? NEEDS_FIRST_TIME : 0)
    const decodedRows = kernel.runPlan(state.offset, view.pointer, from, to, options, states)
    return { from, to, options, decodedRows, states, columns: this.fields.length + 1 }
  }

  /** Adds a run, whose decoded blocks the view holds; the chunk's buffers are used. */
  run({ group, rank }: PlanSeries, view: PartView, chunk: Chunk, run: Run): void {
    const { kernel } = this
    const { states, to, options } = run
    let row = run.from
    for (;;) {
      const { offset } = this.state
      row = kernel.runAggregate(
        ...[offset, view.pointer, states, chunk.times, group, rank, row, to, options],
      )
      if (row === to) return
      if (row < 0) throw this.tooMany()
      if (this.wants === WANTS_BLOCK) throw view.corrupt(row >>> 10)
      this.growFor()
    }
  }

  /**
   * Adds the rows of a chunk whose `mask` (u8 per row, or 0 for all) is 1. With `time`, which is then
   * any in the one bucket of all rows, the chunk needs no times; no first or last may be asked for.
   */
  chunk(
    series: Pick<PlanSeries, 'group' | 'rank'>,
    chunk: ChunkColumns,
    mask: number,
    time: bigint | null,
  ): void {
    const { kernel } = this
    this.bindChunk(chunk)
    const times = time === null ? chunk.times : 0
    const { group, rank } = series
    let row = 0
    for (;;) {
      const { offset } = this.state
      row = kernel.aggregateChunk(offset, group, rank, times, time ?? 0n, mask, row, chunk.count)
      if (row < 0) throw this.tooMany()
      if (row >= chunk.count) return
      this.growFor()
    }
  }

  /**
   * The same of a chunk of many series: pointers of u32 per row (`members`), and per member (`groups`,
   * `ranks`).
   */
  many(members: Members, chunk: Chunk, mask: number, time: bigint | null): void {
    const { kernel } = this
    this.bindChunk(chunk)
    const times = time === null ? chunk.times : 0
    const { members: rows, groups, ranks } = members
    let row = 0
    for (;;) {
      const { offset } = this.state
      row = kernel.aggregateMany(
        ...([offset, rows, groups, ranks, times, time ?? 0n, mask, row, chunk.count] as const),
      )
      if (row < 0) throw this.tooMany()
      if (row >= chunk.count) return
      this.growFor()
    }
  }

  /**
   * Takes the values that the first differences of the next series begin with from a chunk of its rows
   * before those that count. The newest chunk comes first; false: no other is needed.
   */
  seed(chunk: ChunkColumns, mask: number): boolean {
    this.bindChunk(chunk)
    return this.kernel.aggregateSeed(this.state.offset, chunk.times, mask, chunk.count) > 0
  }

  /** After the rows of a series. */
  seriesEnd(): void {
    this.kernel.aggregateSeriesEnd(this.state.offset)
  }

  /** Where the stored columns of all fields lie (assembly/aggregate-stored.ts), for `stored`. */
  bindStored(columns: number): void {
    const size = this.kernel.STORED_COLUMNS_SIZE.value
    this.fields.forEach((_, i) => {
      this.memory.u32[this.column(i) + 12] = columns + i * size
    })
  }

  /** Joins the stored buckets of a chunk, whose rows are named by their starts. */
  stored({ group, rank }: PlanSeries, chunk: Chunk, rows: number): void {
    const { kernel } = this
    let row = 0
    for (;;) {
      const { offset } = this.state
      row = kernel.aggregateStored(offset, group, rank, chunk.times, rows, row, chunk.count)
      if (row < 0) throw this.tooMany()
      if (row >= chunk.count) return
      this.growFor()
    }
  }

  /** Can two aggregators of these outputs be joined? */
  get isMergeable(): boolean {
    return this.features.every(isMergeable)
  }

  /** What was added so far. */
  partial(): AggregatePartial {
    const { count, recordSize, memory } = this
    const arenaUsed = memory.u32[(this.state.offset + 32) >>> 2]!
    const copy = ({ offset }: Region, size: number) => memory.u8.slice(offset, offset + size)
    return {
      count,
      records: copy(this.records, count * recordSize),
      arena: copy(this.arena, arenaUsed),
    }
  }

  /** Bytes of a record. */
  get recordBytes(): number {
    return this.recordSize
  }

  /** Where a record has the ranks of series (first and last values), each of how many values: in words. */
  get rankPlaces(): readonly { readonly count: number; readonly rank: number }[] {
    const { u32 } = this.memory
    return this.fields.flatMap((_, i) => {
      const at = this.column(i)
      const cells = [u32[at + 8]!, u32[at + 9]!].filter((cell) => cell !== 0)
      return cells.map((cell) => ({ count: u32[at + 4]! >>> 2, rank: (cell + 16) >>> 2 }))
    })
  }

  /** Adds what another aggregator of the same plan and grid has of other points, in steps. */
  *merge({ count, records, arena }: AggregatePartial): Execution<void> {
    const { kernel, memory } = this
    const bytes = records.length + arena.length
    this.holds(bytes)
    const region = memory.allocate(bytes + 1)
    try {
      memory.u8.set(records, region.offset)
      memory.u8.set(arena, region.offset + records.length)
      const strings = region.offset + records.length
      for (let row = 0; row < count;) {
        const end = Math.min(row + STEP_RECORDS, count)
        const { offset } = this.state
        const joined = kernel.aggregateMerge(offset, region.offset, strings, row, end)
        if (joined < 0) throw this.tooMany()
        if (joined < end) this.growFor()
        else if (end < count) yield { pause: true }
        row = joined
      }
    } finally {
      memory.release(region)
      this.holds(-bytes)
    }
  }

  /** The results of everything added. Throws `out_of_range` when an integer does not hold its sum. */
  results(): AggregateRows {
    return finish(this.resultSteps())
  }

  /** The same in steps; nothing may be added meanwhile. */
  *resultSteps(): Execution<AggregateRows> {
    const { kernel, memory, count } = this
    const { offset } = this.state
    // Two lists of u32, values, times, validity; an even size keeps the 8-byte ones aligned.
    const size = (count + 2) & ~1
    this.holds(size * (20 + 9 * this.outputs.length))
    const sort = memory.allocateZeroed(kernel.AGGREGATE_SORT_SIZE.value)
    const region = memory.allocate(size * 25)
    try {
      const index = region.offset
      const groups = index + size * 4
      const values = groups + size * 4
      const times = values + size * 8
      while (kernel.aggregateSort(offset, index, groups, sort.offset, STEP_RECORDS) === 0) {
        yield { pause: true }
      }
      for (let from = 0; from < count; from += STEP_RECORDS) {
        const rows = Math.min(STEP_RECORDS, count - from)
        const [g, v, t] = [groups + from * 4, values + from * 8, times + from * 8]
        kernel.aggregateKeys(offset, index + from * 4, rows, g, v, t)
        if (rows === STEP_RECORDS) yield { pause: true }
      }
      const rows = {
        oneBucket: this.oneBucket,
        groups: memory.u32.slice(groups >>> 2, (groups >>> 2) + count),
        buckets: memory.i64.slice(values >>> 3, (values >>> 3) + count),
        firstTimes: memory.i64.slice(times >>> 3, (times >>> 3) + count),
      }
      const fields: Vector[] = []
      for (const output of this.outputs) {
        const { parameter } = output
        if (parameter !== undefined) {
          fields.push(yield* this.quantiles(output, parameter, index, values))
          continue
        }
        const parts: Vector[] = []
        for (let from = 0; from < count || from === 0; from += STEP_RECORDS) {
          const some = Math.min(STEP_RECORDS, count - from)
          parts.push(this.result(output, index + from * 4, some, values, times + size * 8))
          if (some === STEP_RECORDS) yield { pause: true }
        }
        fields.push(joinVectors(output.type, parts))
      }
      return { ...rows, fields }
    } finally {
      memory.release(region)
      memory.release(sort)
    }
  }

  release(): void {
    const regions = [this.state, this.map, this.records, this.arena]
    for (const region of regions) this.memory.release(region)
    if (this.boundaries !== null) this.memory.release(this.boundaries)
  }

  private bindChunk({ values, valid }: ChunkColumns): void {
    const { u32 } = this.memory
    this.fields.forEach((_, i) => {
      u32[this.column(i) + 2] = values[i]!
      u32[this.column(i) + 3] = valid[i]!
    })
  }

  /** Quantile `q` of all records at `index`; `values` has room for a column and its validity. */
  private *quantiles(
    { field, result, type }: Output,
    q: number,
    index: number,
    values: number,
  ): Execution<Vector> {
    const { kernel, memory, count } = this
    const valid = values + count * 8
    const cursor = memory.allocateZeroed(kernel.SELECTION_CURSOR_SIZE.value)
    try {
      const { offset } = this.state
      const isExact = result === 'quantile' ? 1 : 0
      for (let row = 0; row < count;) {
        row = kernel.aggregateQuantile(
          ...([offset, index, row, count, field, isExact, q] as const),
          ...([values, valid, cursor.offset, STEP_KEYS] as const),
        )
        if (row < count) yield { pause: true }
      }
    } finally {
      memory.release(cursor)
    }
    const hasNulls = memory.u8.subarray(valid, valid + count).includes(0)
    return readVector(memory, type, { values, valid: hasNulls ? valid : 0, count, base: 0 })
  }

  private result(
    output: Output,
    index: number,
    count: number,
    values: number,
    valid: number,
  ): Vector {
    const { kernel, memory, state } = this
    const code = codeOf(output.result!)
    const field = Math.max(0, output.field)
    const nulls = kernel.aggregateResult(state.offset, index, count, field, code, values, valid)
    if (nulls < 0) {
      const message = `query: ${output.name} is beyond the range of ${output.type}`
      throw new OmenError('out_of_range', message, { sqlstate: '22003' })
    }
    const base = this.arena.offset
    return readVector(memory, output.type, { values, valid: nulls === 0 ? 0 : valid, count, base })
  }

  /** Index in the u32 view of a field's descriptor. */
  private column(field: number): number {
    return (this.columns + field * this.kernel.AGGREGATE_COLUMN_SIZE.value) >>> 2
  }

  private get wants(): number {
    return this.memory.u32[(this.state.offset + 48) >>> 2]!
  }

  private set(offset: number, value: number): void {
    this.memory.u32[(this.state.offset + offset) >>> 2] = value
  }

  private place(capacity: number): void {
    this.set(0, this.map.offset)
    this.set(4, capacity * 2)
    this.set(8, this.records.offset)
    this.set(16, capacity)
    this.kernel.aggregateRehash(this.state.offset)
  }

  private growFor(): void {
    if (this.wants === WANTS_RECORDS) return this.growRecords()
    const { u32 } = this.memory
    const at = this.state.offset >>> 2
    const used = u32[at + 8]!
    const wanted = Math.max(this.arena.size * 2, used + u32[at + 13]!)
    this.holds(wanted - this.arena.size)
    this.arena = this.memory.grow(this.arena, wanted, used)
    this.set(24, this.arena.offset)
    this.set(28, this.arena.size)
  }

  private growRecords(): void {
    const capacity = this.count * 2
    const { recordSize } = this
    this.holds(this.count * (recordSize + 8))
    this.records = this.memory.grow(this.records, capacity * recordSize, this.count * recordSize)
    this.map = this.memory.grow(this.map, capacity * 8, 0)
    this.place(capacity)
  }

  private tooMany(): OmenError {
    return limitExceeded('maxBuckets', this.maxBuckets, 'buckets would be in the answer')
  }
}
