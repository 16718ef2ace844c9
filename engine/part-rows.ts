// The rows of one series in one part, as a source of Windows. Times are found through the learned
// index: inside its row range a series' blocks carry their first and last time, and in one block the
// model answers without decoding. No time block is read while its directory entry can tell.

import type { KernelInstance } from './kernel.ts'
import type { TimedRows } from './merge.ts'
import { TIME, type PartReader, type SeriesRange } from './part.ts'
import type { Pins } from './cache.ts'
import type { Execution } from './step.ts'
import type { Tally } from './tally.ts'

/** Rows of a block. */
export const BLOCK_ROWS = 1024

const FIRST_SLOT = 72
const LAST_SLOT = 80

/** What looking at parts needs, the same for a whole execution. */
export interface PartContext {
  readonly instance: KernelInstance
  readonly pins: Pins
  readonly tally: Tally
}

export class PartRows implements TimedRows {
  readonly reader: PartReader
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  private readonly context: PartContext

  constructor(
    context: PartContext,
    reader: PartReader,
    range: Pick<SeriesRange, 'start' | 'end' | 'firstTime' | 'lastTime'>,
  ) {
    this.context = context
    this.reader = reader
    this.start = range.start
    this.end = range.end
    this.firstTime = range.firstTime
    this.lastTime = range.lastTime
  }

  /** The rows with a time in [start, end); null if there are none. */
  *clip(start: bigint, end: bigint): Execution<PartRows | null> {
    if (this.firstTime >= end || this.lastTime < start) return null
    const startsInside = this.firstTime < start
    const endsInside = this.lastTime >= end
    if (!startsInside && !endsInside) return this
    const from = startsInside ? yield* this.lowerBound(start, this.start, this.end) : this.start
    const to = endsInside ? yield* this.lowerBound(end, from, this.end) : this.end
    if (from >= to) return null
    return new PartRows(this.context, this.reader, {
      start: from,
      end: to,
      firstTime: startsInside ? yield* this.timeAt(from) : this.firstTime,
      lastTime: endsInside ? yield* this.timeAt(to - 1) : this.lastTime,
    })
  }

  *timeAt(row: number): Execution<bigint> {
    const block = row >>> 10
    const inBlock = row & (BLOCK_ROWS - 1)
    const { reader } = this
    const { pins, instance } = this.context
    const entry = yield* reader.entry(pins, TIME, block)
    if (inBlock === 0) return this.slot(entry, FIRST_SLOT)
    if (inBlock === this.rowsOf(entry) - 1) return this.slot(entry, LAST_SLOT)
    const pointer = yield* reader.block(pins, TIME, block)
    this.indexed(entry, block)
    return instance.kernel.timeAt(pointer, entry, inBlock)
  }

  *lowerBound(time: bigint, from: number, to: number): Execution<number> {
    const { reader } = this
    const { pins, instance } = this.context
    if (from >= to) return to
    let low = from >>> 10
    let high = (to - 1) >>> 10
    // The first block whose last row is late enough; the last block needs no look.
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = yield* reader.entry(pins, TIME, middle)
      if (this.slot(entry, LAST_SLOT) < time) low = middle + 1
      else high = middle
    }
    const base = low * BLOCK_ROWS
    const entry = yield* reader.entry(pins, TIME, low)
    const rowFrom = Math.max(from - base, 0)
    const rowTo = Math.min(to - base, this.rowsOf(entry))
    if (rowFrom === 0 && time <= this.slot(entry, FIRST_SLOT)) return base
    const pointer = yield* reader.block(pins, TIME, low)
    this.indexed(entry, low)
    return base + instance.kernel.timeLowerBound(pointer, entry, rowFrom, rowTo, time)
  }

  private slot(entry: number, offset: number): bigint {
    return this.context.instance.memory.i64[(entry + offset) >>> 3]!
  }

  private rowsOf(entry: number): number {
    return this.context.instance.memory.u16[(entry + 12) >>> 1]!
  }

  private indexed(entry: number, block: number): void {
    const { instance, tally } = this.context
    const { u16 } = instance.memory
    tally.summary(this.reader, 0, block)
    tally.indexed(this.reader, block, u16[(entry + 20) >>> 1]!, u16[(entry + 88) >>> 1]!)
  }
}
