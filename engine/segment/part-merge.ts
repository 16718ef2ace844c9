// The merged rows of several parts of one table and partition, in the order of a segment. The parts
// are sorted alike, by (series, time), so a compaction is one k-way merge of streams, 1,024 rows a
// step.

import type { Pins } from './cache.ts'
import { assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { BLOCK_ROWS } from './footer.ts'
import type { KernelInstance } from '../kernel.ts'
import { type TombstoneVersion, holesOf } from '../lifecycle/tombstones.ts'
import type { Memory, Region } from '../memory.ts'
import { PartStream } from './part-stream.ts'
import type { PartReader } from './part.ts'
import type { RowSource } from './segment.ts'
import type { Execution } from '../step.ts'

/**
 * A row source over parts that are open, oldest first. Of each the next 1,024 rows (series and
 * times) are held; a step consumes some of each, which are contiguous, so a column is one decode of
 * each and one merge.
 */
export class PartMerge implements RowSource {
  readonly series: number
  readonly times: number
  private readonly instance: KernelInstance
  private readonly memory: Memory
  private readonly pins: Pins
  private readonly streams: PartStream[] = []
  private readonly region: Region
  private readonly sources: number
  private readonly entries: number
  private entryCount = 0
  private rows = 0

  constructor(
    instance: KernelInstance,
    pins: Pins,
    inputs: readonly PartReader[],
    tombstones: TombstoneVersion,
  ) {
    const { kernel, memory } = instance
    this.instance = instance
    this.memory = memory
    this.pins = pins
    const sourceBytes = inputs.length * kernel.MERGE_SOURCE_SIZE.value
    this.region = memory.allocate(sourceBytes + BLOCK_ROWS * (12 + 4 * inputs.length))
    this.sources = this.region.offset
    this.times = this.sources + sourceBytes
    this.series = this.times + BLOCK_ROWS * 8
    this.entries = this.series + BLOCK_ROWS * 4
    try {
      for (const reader of inputs) {
        const holes = holesOf(tombstones, reader.description)
        this.streams.push(new PartStream(instance, pins, reader, holes))
      }
    } catch (error) {
      this.release()
      throw error
    }
  }

  *next(limit: number): Execution<number> {
    assert(limit <= BLOCK_ROWS, `compaction: ${limit} rows a step`)
    this.pins.release()
    const { kernel } = this.instance
    const { sources, streams } = this
    for (const stream of streams) yield* stream.advance(limit)
    for (const [i, stream] of streams.entries()) this.setSource(i, stream)
    this.rows = kernel.mergePlan(
      sources,
      streams.length,
      limit,
      this.series,
      this.times,
      this.entries,
    )
    this.entryCount = 0
    for (const [i, stream] of streams.entries()) {
      stream.consumed = this.memory.u32[this.at(i) + 2]!
      this.entryCount += stream.consumed
    }
    return this.rows
  }

  *column(id: number, type: FieldType, values: number, valid: number): Execution<void> {
    this.pins.release()
    const used = this.streams.filter((stream) => stream.consumed > 0)
    if (used.length === 1 && this.entryCount === this.rows) {
      yield* used[0]!.decode(id, type, values, valid)
      return
    }
    for (const [i, stream] of this.streams.entries()) {
      const has = stream.consumed > 0 && stream.hasColumn(id)
      if (has) yield* stream.decode(id, type, stream.values, stream.valid)
      this.memory.u32[this.at(i) + 4] = has ? stream.values : 0
      this.memory.u32[this.at(i) + 5] = has ? stream.valid : 0
    }
    const { kernel } = this.instance
    kernel.mergeColumn(this.sources, this.entries, this.entryCount, values, valid)
  }

  release(): void {
    for (const stream of this.streams) stream.release()
    this.memory.release(this.region)
  }

  /** Lets the kernel merge from the first row that a stream has not consumed. */
  private setSource(index: number, stream: PartStream): void {
    const { u32 } = this.memory
    const at = this.at(index)
    u32.fill(0, at, at + this.instance.kernel.MERGE_SOURCE_SIZE.value / 4)
    u32[at] = stream.times
    u32[at + 1] = stream.count
    u32[at + 8] = stream.series
  }

  private at(index: number): number {
    return (this.sources + index * this.instance.kernel.MERGE_SOURCE_SIZE.value) >>> 2
  }
}
