// The rows of one series in one part, as a source of Windows. Times are found through the learned
// index: inside its row range a series' blocks carry their first and last time, and in one block the
// model answers without decoding. No time block is read while its directory entry can tell.

import { BLOCK_ROWS, GROUP_BLOCKS } from '../segment/footer.ts'
import type { TimeRanges } from '../lifecycle/coverage.ts'
import type { TimedRows } from '../merge.ts'
import { GROUP_ROWS, type PartContext, type PartView } from './part-view.ts'
import type { SeriesRange } from '../segment/part.ts'
import type { Execution } from '../step.ts'

const FIRST_SLOT = 72
const LAST_SLOT = 80

type RowRange = Pick<SeriesRange, 'index' | 'start' | 'end' | 'firstTime' | 'lastTime'>

export class PartRows implements TimedRows {
  readonly view: PartView
  /** The series' place in the part. */
  readonly index: number
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  /** Times of rows that are deleted: they count as rows here, but no piece holds them. */
  readonly holes: TimeRanges | null
  private readonly context: PartContext

  constructor(
    context: PartContext,
    view: PartView,
    range: RowRange,
    holes: TimeRanges | null = null,
  ) {
    this.context = context
    this.view = view
    this.index = range.index
    this.start = range.start
    this.end = range.end
    this.firstTime = range.firstTime
    this.lastTime = range.lastTime
    this.holes = holes
  }

  /** The rows with a time in [start, end), null if there are none; undefined: fetch, then again. */
  clip(start: bigint, end: bigint): PartRows | null | undefined {
    if (this.firstTime >= end || this.lastTime < start) return null
    const startsInside = this.firstTime < start
    const endsInside = this.lastTime >= end
    if (!startsInside && !endsInside) return this
    const group = Math.floor(this.start / GROUP_ROWS)
    if (this.end <= (group + 1) * GROUP_ROWS) return this.clipInGroup(group, start, end)
    const from = startsInside ? this.cachedBound(start, this.start, this.end) : this.start
    if (from < 0) return undefined
    const to = endsInside ? this.cachedBound(end, from, this.end) : this.end
    if (to < 0) return undefined
    if (from >= to) return null
    const firstTime = startsInside ? this.cachedTime(from) : this.firstTime
    const lastTime = endsInside ? this.cachedTime(to - 1) : this.lastTime
    if (firstTime === undefined || lastTime === undefined) return undefined
    const { index } = this
    const clipped = { index, start: from, end: to, firstTime, lastTime }
    return new PartRows(this.context, this.view, clipped)
  }

  /** The same of rows in one row group: one call. */
  private clipInGroup(group: number, start: bigint, end: bigint): PartRows | null | undefined {
    const { view, index } = this
    const { kernel, memory } = this.context.instance
    if (!view.enterColumn(0, group)) return undefined
    const base = group * GROUP_ROWS
    const [from, to] = [this.start - base, this.end - base]
    const { firstTime, lastTime } = this
    const find = (): number =>
      kernel.viewClip(view.pointer, from, to, firstTime, lastTime, start, end)
    let count = find()
    while (count < 0) {
      const block = (-1 - count) * BLOCK_ROWS
      if (!view.hold(0, block, block + 1)) return undefined
      count = find()
    }
    const at = kernel.VIEW_CLIP.value >>> 2
    this.asked(memory.u32[at + 2]!, group, 0)
    this.asked(memory.u32[at + 3]!, group, 1)
    if (count === 0) return null
    const clipped = {
      index,
      start: base + memory.u32[at]!,
      end: base + memory.u32[at + 1]!,
      firstTime: memory.i64[(at >>> 1) + 2]!,
      lastTime: memory.i64[(at >>> 1) + 3]!,
    }
    return new PartRows(this.context, view, clipped)
  }

  /**
   * The same rows with holes, without those of holes at either end; null if none is left; undefined:
   * fetch, then again.
   */
  without(holes: TimeRanges | null): PartRows | null | undefined {
    if (holes === null) return this
    let { starts, ends } = holes
    let { firstTime: start } = this
    let end = this.lastTime + 1n
    while (starts.length > 0 && starts[0]! <= start) {
      if (ends[0]! > start) start = ends[0]!
      starts = starts.subarray(1)
      ends = ends.subarray(1)
    }
    while (ends.length > 0 && ends.at(-1)! >= end) {
      if (starts.at(-1)! < end) end = starts.at(-1)!
      starts = starts.subarray(0, -1)
      ends = ends.subarray(0, -1)
    }
    const rows = start < end ? this.clip(start, end) : null
    if (!rows || starts.length === 0) return rows
    return new PartRows(this.context, this.view, rows, { starts, ends })
  }

  timeAt(row: number): bigint | Execution<bigint> {
    return this.cachedTime(row) ?? this.fetchedTime(row)
  }

  lowerBound(time: bigint, from: number, to: number): number | Execution<number> {
    const found = this.cachedBound(time, from, to)
    return found >= 0 ? found : this.fetchedBound(time, from, to)
  }

  private *fetchedTime(row: number): Execution<bigint> {
    for (;;) {
      yield* this.view.fetch()
      const time = this.cachedTime(row)
      if (time !== undefined) return time
    }
  }

  private *fetchedBound(time: bigint, from: number, to: number): Execution<number> {
    for (;;) {
      yield* this.view.fetch()
      const found = this.cachedBound(time, from, to)
      if (found >= 0) return found
    }
  }

  /** undefined: fetch, then again. */
  private cachedTime(row: number): bigint | undefined {
    const block = row >>> 10
    const inBlock = row & (BLOCK_ROWS - 1)
    const entry = this.view.timeEntry(block)
    if (entry < 0) return undefined
    if (inBlock === 0) return this.slot(entry, FIRST_SLOT)
    if (inBlock === this.rowsOf(entry) - 1) return this.slot(entry, LAST_SLOT)
    const pointer = this.view.timeBlock(entry, block)
    if (pointer < 0) return undefined
    this.indexed(entry, block)
    return this.context.instance.kernel.timeAt(pointer, entry, inBlock)
  }

  /** -1: fetch, then again. */
  private cachedBound(time: bigint, from: number, to: number): number {
    if (from >= to) return to
    const block = this.cachedBlock(time, from, to)
    if (block < 0) return -1
    const entry = this.view.timeEntry(block)
    if (entry < 0) return -1
    const base = block * BLOCK_ROWS
    const rowFrom = Math.max(from - base, 0)
    const rowTo = Math.min(to - base, this.rowsOf(entry))
    if (rowFrom === 0 && time <= this.slot(entry, FIRST_SLOT)) return base
    const pointer = this.view.timeBlock(entry, block)
    if (pointer < 0) return -1
    this.indexed(entry, block)
    const { kernel } = this.context.instance
    const found = base + kernel.timeLowerBound(pointer, entry, rowFrom, rowTo, time)
    this.context.tally.sought(base + kernel.timeToldRow(), kernel.timeToldBound(), found)
    return found
  }

  /** The first block whose last row is late enough; the last block needs no look. -1: fetch, then again. */
  private cachedBlock(time: bigint, from: number, to: number): number {
    let low = from >>> 10
    let high = (to - 1) >>> 10
    while (low < high) {
      const group = low - (low % GROUP_BLOCKS)
      const isOneGroup = high - group < GROUP_BLOCKS
      const middle = (low + high) >>> 1
      const entry = this.view.timeEntry(isOneGroup ? group : middle)
      if (entry < 0) return -1
      if (isOneGroup) {
        const { kernel } = this.context.instance
        return group + kernel.viewLowerBlock(entry, low - group, high - group, time)
      }
      if (this.slot(entry, LAST_SLOT) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  private slot(entry: number, offset: number): bigint {
    return this.context.instance.memory.i64[(entry + offset) >>> 3]!
  }

  private rowsOf(entry: number): number {
    return this.context.instance.memory.u16[(entry + 12) >>> 1]!
  }

  /** Counts a block of a row group whose model answered viewClip for one end, if any did. */
  private asked(block: number, group: number, end: 0 | 1): void {
    if (block >= GROUP_BLOCKS) return
    this.indexed(this.view.entry(0, block), group * GROUP_BLOCKS + block)
    const { kernel, memory } = this.context.instance
    const at = (kernel.VIEW_CLIP.value >>> 2) + end
    const base = group * GROUP_ROWS
    const { tally } = this.context
    tally.sought(base + memory.u32[at + 8]!, memory.u32[at + 10]!, base + memory.u32[at]!)
  }

  private indexed(entry: number, block: number): void {
    this.context.tally.summary(this.view.reader, 0, block)
    this.view.indexed(entry, block)
  }
}
