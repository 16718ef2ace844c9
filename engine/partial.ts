// Host side of the aggregation (assembly/aggregate.ts): lays out the cells for what a plan asks,
// feeds chunks and summaries, grows the regions when the kernel stops for room, and reads the results
// in order of (group, bucket).

import { limitExceeded } from './budget.ts'
import { OmenError } from './error.ts'
import type { Chunk } from './chunk.ts'
import type { Kernel, KernelInstance } from './kernel.ts'
import type { Memory, Region } from './memory.ts'
import type { PlanColumn, PlanSeries } from './plan.ts'
import type { Vector } from './query.ts'
import type { Output, ResultName } from './selection.ts'
import { readVector } from './vector.ts'

/** How rows fall into buckets: all into one, at a fixed width, or at given starts. */
export type Grid =
  | { readonly kind: 'one' }
  | { readonly kind: 'fixed'; readonly origin: bigint; readonly width: bigint }
  | { readonly kind: 'boundaries'; readonly boundaries: BigInt64Array }

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

const SUM = 1
const LEAST = 2
const GREATEST = 4
const FIRST = 8
const LAST = 16
const VARIANCE = 32

const FEATURES: Record<ResultName, number> = {
  rows: 0,
  count: 0,
  sum: SUM,
  mean: SUM,
  least: LEAST,
  greatest: GREATEST,
  spread: LEAST | GREATEST,
  first: FIRST,
  last: LAST,
  variance: VARIANCE,
  stddev: VARIANCE,
}

const RESULTS: readonly ResultName[] = [
  ...(['rows', 'count', 'sum', 'mean', 'least', 'greatest', 'spread', 'first', 'last'] as const),
  ...(['variance', 'stddev'] as const),
]

const MODE = { one: 0, fixed: 1, boundaries: 2 } as const
const WANTS_RECORDS = 1
const RECORDS_MIN = 64
const ARENA_MIN = 1024
const STRING = 4
const BLOCK_ROWS = 1024

/** What each field must remember, over all outputs. */
export function featuresOf(outputs: readonly Output[], fields: number): number[] {
  const features = Array.from({ length: fields }, () => 0)
  for (const { field, result } of outputs) {
    if (field >= 0 && result !== null) features[field]! |= FEATURES[result]
  }
  return features
}

/** Do the features need the time of each value? */
export function needsEnds(features: number): boolean {
  return (features & (FIRST | LAST)) !== 0
}

/** Can a block's summary supply the features of a field of this type, nulls aside? */
export function summarySupplies(type: number, features: number): boolean {
  return (features & VARIANCE) === 0 && (type !== STRING || features === 0)
}

export class Aggregator {
  readonly features: readonly number[]
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly fields: readonly PlanColumn[]
  private readonly outputs: readonly Output[]
  private readonly maxBuckets: number
  private readonly state: Region
  private readonly columns: number
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
    },
  ) {
    this.kernel = kernel
    this.memory = memory
    this.fields = spec.fields
    this.outputs = spec.outputs
    this.maxBuckets = spec.maxBuckets
    this.oneBucket = spec.grid.kind === 'one'
    this.features = featuresOf(spec.outputs, spec.fields.length)
    const head = kernel.AGGREGATE_STATE_SIZE.value
    const descriptors = spec.fields.length * kernel.AGGREGATE_COLUMN_SIZE.value
    this.state = memory.allocateZeroed(head + descriptors + BLOCK_ROWS)
    this.columns = this.state.offset + head
    this.set(36, this.columns)
    this.set(40, spec.fields.length)
    this.set(44, this.columns + descriptors)
    this.set(56, Math.min(spec.maxBuckets, 2 ** 31))
    spec.fields.forEach(({ type }, i) => {
      memory.u32[this.column(i)] = type
      memory.u32[this.column(i) + 1] = this.features[i]!
    })
    this.boundaries = this.setGrid(spec.grid)
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

  /** Are two times, the earlier first, in one bucket? */
  isOneBucket(firstTime: bigint, lastTime: bigint): boolean {
    if (firstTime === lastTime) return true
    const grid = this.state.offset + this.kernel.AGGREGATE_GRID.value
    return this.kernel.bucketEnd(grid, firstTime) > lastTime
  }

  /**
   * Adds the rows of a chunk whose `mask` (u8 per row, or 0 for all) is 1. Without times (`time` is
   * then any time in the one bucket that all rows are in), no first or last may be asked for.
   */
  chunk(series: PlanSeries, chunk: Chunk, mask: number, time: bigint | null): void {
    const { kernel, memory } = this
    this.fields.forEach((_, i) => {
      memory.u32[this.column(i) + 2] = chunk.values[i]!
      memory.u32[this.column(i) + 3] = chunk.valid[i]!
    })
    const times = time === null ? chunk.times : 0
    const { group, rank } = series
    let row = 0
    for (;;) {
      const { offset } = this.state
      row = kernel.aggregateChunk(offset, group, rank, times, time ?? 0n, mask, row, chunk.count)
      if (row === kernel.LIMIT.value) throw this.tooMany()
      if (row >= chunk.count) return
      this.growFor()
    }
  }

  /** Adds a whole block by its summaries: the BlockEntry per field (0 = no values). */
  summary(
    series: PlanSeries,
    rows: number,
    times: { readonly first: bigint; readonly last: bigint },
    entries: readonly number[],
  ): void {
    const { kernel, memory } = this
    this.fields.forEach((_, i) => {
      memory.u32[this.column(i) + 11] = entries[i]!
    })
    const { group, rank } = series
    for (;;) {
      const { offset } = this.state
      const status = kernel.aggregateSummary(offset, group, rank, rows, times.first, times.last)
      if (status === 0) return
      if (status < 0) throw this.tooMany()
      this.growRecords()
    }
  }

  /** The results of everything added. Throws `out_of_range` when an integer does not hold its sum. */
  results(): AggregateRows {
    const { kernel, memory, count } = this
    const { offset } = this.state
    // Two lists of u32, values, times, validity; an even size keeps the 8-byte ones aligned.
    const size = (count + 2) & ~1
    const region = memory.allocate(size * 25)
    try {
      const index = region.offset
      const groups = index + size * 4
      const values = groups + size * 4
      const times = values + size * 8
      kernel.aggregateSort(offset, index, groups)
      kernel.aggregateKeys(offset, index, count, groups, values, times)
      return {
        oneBucket: this.oneBucket,
        groups: memory.u32.slice(groups >>> 2, (groups >>> 2) + count),
        buckets: memory.i64.slice(values >>> 3, (values >>> 3) + count),
        firstTimes: memory.i64.slice(times >>> 3, (times >>> 3) + count),
        fields: this.outputs.map((output) => this.result(output, index, values, times + size * 8)),
      }
    } finally {
      memory.release(region)
    }
  }

  release(): void {
    const regions = [this.state, this.map, this.records, this.arena]
    for (const region of regions) this.memory.release(region)
    if (this.boundaries !== null) this.memory.release(this.boundaries)
  }

  private result(output: Output, index: number, values: number, valid: number): Vector {
    const { kernel, memory, count, state } = this
    const code = RESULTS.indexOf(output.result!)
    const field = Math.max(0, output.field)
    const nulls = kernel.aggregateResult(state.offset, index, count, field, code, values, valid)
    if (nulls < 0) {
      const message = `query: ${output.name} is beyond the range of ${output.type}`
      throw new OmenError('out_of_range', message, { sqlstate: '22003' })
    }
    const base = this.arena.offset
    return readVector(memory, output.type, { values, valid: nulls === 0 ? 0 : valid, count, base })
  }

  private setGrid(grid: Grid): Region | null {
    const at = (this.state.offset + this.kernel.AGGREGATE_GRID.value) >>> 2
    const { memory } = this
    memory.u32[at] = MODE[grid.kind]
    if (grid.kind === 'fixed') {
      const rest = grid.origin % grid.width
      memory.i64[(at >>> 1) + 2] = rest < 0n ? rest + grid.width : rest
      memory.i64[(at >>> 1) + 3] = grid.width
    }
    if (grid.kind !== 'boundaries') return null
    const { boundaries } = grid
    const region = memory.allocate(boundaries.byteLength)
    memory.i64.set(boundaries, region.offset >>> 3)
    memory.u32[at + 1] = boundaries.length
    memory.u32[at + 2] = region.offset
    return region
  }

  /** Index in the u32 view of a field's descriptor. */
  private column(field: number): number {
    return (this.columns + field * this.kernel.AGGREGATE_COLUMN_SIZE.value) >>> 2
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
    const { u32 } = this.memory
    const at = this.state.offset >>> 2
    if (u32[at + 12] === WANTS_RECORDS) return this.growRecords()
    const used = u32[at + 8]!
    const wanted = used + u32[at + 13]!
    this.arena = this.memory.grow(this.arena, Math.max(this.arena.size * 2, wanted), used)
    this.set(24, this.arena.offset)
    this.set(28, this.arena.size)
  }

  private growRecords(): void {
    const capacity = this.count * 2
    const { recordSize } = this
    this.records = this.memory.grow(this.records, capacity * recordSize, this.count * recordSize)
    this.map = this.memory.grow(this.map, capacity * 8, 0)
    this.place(capacity)
  }

  private tooMany(): OmenError {
    return limitExceeded('maxBuckets', this.maxBuckets, 'buckets would be in the answer')
  }
}
