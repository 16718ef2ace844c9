// Several sources of one series, walked in time order without decoding, and the merge of what a
// window of them holds. `Windows` finds time spans in which one source is alone (passed through:
// its summaries are usable) and bounded spans that several share; `RowMerger` resolves the latter
// by last write wins per field.

import { assert } from './error.ts'
import type { Kernel } from './kernel.ts'
import type { Memory, Region } from './memory.ts'
import type { Execution } from './step.ts'

/** Rows of one series with strictly ascending times, numbered as their source likes. */
export interface TimedRows {
  /** Rows [start, end); may be empty. */
  readonly start: number
  readonly end: number
  /** Exact times of row `start` and row `end - 1`; of no meaning when there are none. */
  readonly firstTime: bigint
  readonly lastTime: bigint
  timeAt(row: number): bigint | Execution<bigint>
  /** First row in [from, to) with a time >= `time`, or `to`. */
  lowerBound(time: bigint, from: number, to: number): number | Execution<number>
}

/** Rows of one source in a window, never empty. */
export interface WindowPart {
  /** Index in the list of sources. */
  readonly source: number
  readonly start: number
  readonly end: number
}

export interface WindowOptions {
  /** From the newest window to the oldest; rows inside a part still ascend. */
  readonly descending?: boolean
  /** Most rows of each source in a window that several share, default 1,024. */
  readonly rowsMax?: number
  /**
   * Most rows of all sources together in such a window, default what `rowsMax` of each comes to: room
   * that the other sources leave is used by one that has more.
   */
  readonly totalMax?: number
}

/** What is left of a source. */
interface Cursor {
  readonly source: number
  readonly rows: TimedRows
  start: number
  end: number
  /** Time of the next row in walking order. */
  head: bigint
}

interface Taken {
  readonly cursor: Cursor
  /** Where the window cuts what is left of the source: it takes the rows on the near side. */
  split: number
}

const ROWS_MAX = 1_024
/** A source that is alone for fewer rows than this is merged with what follows. */
const RUN_MIN = 64

/**
 * Cuts the rows of `sources` (oldest first) into windows that follow each other in time without
 * overlap and together hold every row exactly once. Times are looked up only where sources overlap.
 */
export class Windows {
  private readonly descending: boolean
  private readonly rowsMax: number
  private readonly totalMax: number
  private readonly runMin: number
  /** Rows of one source that the next shared window tries to take. */
  private reach: number
  private cursors: Cursor[] = []

  constructor(sources: readonly TimedRows[], options: WindowOptions = {}) {
    this.descending = options.descending ?? false
    this.rowsMax = options.rowsMax ?? ROWS_MAX
    assert(this.rowsMax > 0, `windows of ${this.rowsMax} rows`)
    this.totalMax = options.totalMax ?? 0
    this.reach = Math.max(this.rowsMax, this.totalMax)
    this.runMin = Math.min(RUN_MIN, this.rowsMax)
    for (const [source, rows] of sources.entries()) {
      if (rows.start >= rows.end) continue
      const head = this.descending ? rows.lastTime : rows.firstTime
      this.cursors.push({ source, rows, start: rows.start, end: rows.end, head })
    }
  }

  /** The next window, its parts in the order of sources; null at the end. */
  *next(): Execution<readonly WindowPart[] | null> {
    if (this.cursors.length === 0) return null
    const run = yield* this.aloneRun()
    return yield* this.take(run ?? (yield* this.sharedSpan()))
  }

  /** Is `a` before `b` in walking order? */
  private precedes(a: bigint, b: bigint): boolean {
    return this.descending ? a > b : a < b
  }

  /** The cut between two times that keeps `time` out: the first time of its later side. */
  private boundaryBefore(time: bigint): bigint {
    return this.descending ? time + 1n : time
  }

  /** The same, keeping `time` in. */
  private boundaryAfter(time: bigint): bigint {
    return this.descending ? time : time + 1n
  }

  /** Time of the last row in walking order. */
  private farTime(cursor: Cursor): bigint {
    return this.descending ? cursor.rows.firstTime : cursor.rows.lastTime
  }

  /** Split that takes everything that is left. */
  private wholeSplit(cursor: Cursor): number {
    return this.descending ? cursor.start : cursor.end
  }

  private isWhole({ cursor, split }: Taken): boolean {
    return split === this.wholeSplit(cursor)
  }

  private takenRows({ cursor, split }: Taken): number {
    return this.descending ? cursor.end - split : split - cursor.start
  }

  /** Where `boundary` cuts what is left of a source. */
  private *splitAt(cursor: Cursor, boundary: bigint): Execution<number> {
    const far = this.farTime(cursor)
    if (this.descending ? far >= boundary : far < boundary) return this.wholeSplit(cursor)
    const found = cursor.rows.lowerBound(boundary, cursor.start, cursor.end)
    return typeof found === 'number' ? found : yield* found
  }

  /** The rows of the leading source before any other begins, if they are worth a window. */
  private *aloneRun(): Execution<Taken[] | null> {
    const [lead, others] = this.leader()
    if (others.length === 0) return [{ cursor: lead, split: this.wholeSplit(lead) }]
    let bound = others[0]!.head
    for (const { head } of others) if (this.precedes(head, bound)) bound = head
    if (!this.precedes(lead.head, bound)) return null
    const split = yield* this.splitAt(lead, this.boundaryBefore(bound))
    const run = { cursor: lead, split }
    return this.isWhole(run) || this.takenRows(run) >= this.runMin ? [run] : null
  }

  private leader(): [Cursor, Cursor[]] {
    let lead = this.cursors[0]!
    for (const cursor of this.cursors) if (this.precedes(cursor.head, lead.head)) lead = cursor
    return [lead, this.cursors.filter((cursor) => cursor !== lead)]
  }

  /** All sources up to a time at which they have as many rows together as a window may hold. */
  private *sharedSpan(): Execution<Taken[]> {
    const { rowsMax, totalMax } = this
    for (;;) {
      const span = yield* this.spanOf(this.reach)
      const rows = span.reduce((sum, taken) => sum + this.takenRows(taken), 0)
      if (this.reach === rowsMax || rows <= totalMax) {
        // What came out shorter than it might have been is tried a little longer next time.
        if (rows < totalMax) this.reach = Math.min(totalMax, this.reach + (this.reach >>> 3) + 1)
        return yield* this.trim(span)
      }
      this.reach = Math.max(rowsMax, Math.floor((this.reach * totalMax) / rows) - 1)
    }
  }

  /** All sources up to the nearest time at which one of them reaches `rowsMax` rows. */
  private *spanOf(rowsMax: number): Execution<Taken[]> {
    let boundary: bigint | null = null
    for (const cursor of this.cursors) {
      if (cursor.end - cursor.start <= rowsMax) continue
      if (boundary !== null && !this.isInside(cursor.head, boundary)) continue
      const row = this.descending ? cursor.end - 1 - rowsMax : cursor.start + rowsMax
      const reach = this.boundaryBefore(yield* timeOf(cursor.rows, row))
      if (boundary === null || this.precedes(reach, boundary)) boundary = reach
    }
    const span: Taken[] = []
    for (const cursor of this.cursors) {
      if (boundary === null) span.push({ cursor, split: this.wholeSplit(cursor) })
      else if (this.isInside(cursor.head, boundary)) {
        span.push({ cursor, split: yield* this.splitAt(cursor, boundary) })
      }
    }
    return span
  }

  private isInside(time: bigint, boundary: bigint): boolean {
    return this.descending ? time >= boundary : time < boundary
  }

  /** Cuts off the tail of a span in which only one source is left, so it can be passed through. */
  private *trim(span: Taken[]): Execution<Taken[]> {
    const open = span.filter((taken) => !this.isWhole(taken))
    if (open.length > 1 || span.length === 1) return span
    let last = open[0] ?? span[0]!
    if (open.length === 0) {
      for (const taken of span) {
        if (this.precedes(this.farTime(last.cursor), this.farTime(taken.cursor))) last = taken
      }
    }
    const others = span.filter((taken) => taken !== last)
    let reach = this.farTime(others[0]!.cursor)
    for (const { cursor } of others) {
      if (this.precedes(reach, this.farTime(cursor))) reach = this.farTime(cursor)
    }
    const { cursor } = last
    const split = yield* this.splitAt(cursor, this.boundaryAfter(reach))
    const tail = this.takenRows(last) - this.takenRows({ cursor, split })
    if (tail < this.runMin) return span
    last.split = split
    return span.filter((taken) => this.takenRows(taken) > 0)
  }

  /** Consumes a span and moves the heads of its sources. */
  private *take(span: Taken[]): Execution<WindowPart[]> {
    const parts: WindowPart[] = []
    for (const { cursor, split } of span) {
      const { source, rows, start, end } = cursor
      if (this.descending) cursor.end = split
      else cursor.start = split
      parts.push(this.descending ? { source, start: split, end } : { source, start, end: split })
      assert(parts.at(-1)!.start < parts.at(-1)!.end, `window without rows of source ${source}`)
      if (cursor.start === cursor.end) continue
      cursor.head = yield* timeOf(rows, this.descending ? cursor.end - 1 : cursor.start)
    }
    this.cursors = this.cursors.filter((cursor) => cursor.start < cursor.end)
    return parts
  }
}

function* timeOf(rows: TimedRows, row: number): Execution<bigint> {
  const time = rows.timeAt(row)
  return typeof time === 'bigint' ? time : yield* time
}

/** Scratch of one execution: merges the chunks of a window that several sources share. */
export class RowMerger {
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly sourcesMax: number
  private readonly rowsMax: number
  private readonly region: Region
  private readonly entries: number
  private entryCount = 0
  /** Pointer of the merged times, i64[rows], after `plan`. */
  readonly times: number

  /** For at most `sourcesMax` sources with at most `rowsMax` rows together. */
  constructor(kernel: Kernel, memory: Memory, sourcesMax: number, rowsMax: number) {
    this.kernel = kernel
    this.memory = memory
    this.sourcesMax = sourcesMax
    this.rowsMax = rowsMax
    const head = sourcesMax * kernel.MERGE_SOURCE_SIZE.value
    this.region = memory.allocate(head + rowsMax * 12)
    this.times = this.region.offset + head
    this.entries = this.times + rowsMax * 8
  }

  /** Source `index` (0 = oldest): i64[rows] at `times`, strictly ascending. */
  source(index: number, times: number, rows: number): void {
    assert(index < this.sourcesMax, `merge: source ${index} of ${this.sourcesMax}`)
    const at = this.at(index)
    this.memory.u32.fill(0, at, at + this.kernel.MERGE_SOURCE_SIZE.value / 4)
    this.memory.u32[at] = times
    this.memory.u32[at + 1] = rows
  }

  /** Plans the merge of the sources 0 to `count`: how many rows it has; `times` has their times. */
  plan(count: number): number {
    this.entryCount = 0
    for (let i = 0; i < count; i++) this.entryCount += this.memory.u32[this.at(i) + 1]!
    assert(this.entryCount <= this.rowsMax, `merge: ${this.entryCount} rows of ${this.rowsMax}`)
    const { kernel, region, entryCount, times, entries } = this
    return kernel.mergePlan(region.offset, count, entryCount, 0, times, entries)
  }

  /** Chunk column of a source for the next `column`; (0, 0) = it lacks the column. */
  input(index: number, values: number, valid: number): void {
    const at = this.at(index)
    this.memory.u32[at + 4] = values
    this.memory.u32[at + 5] = valid
  }

  /** Fills the merged chunk column, the newest non-null of each row; how many rows have a value. */
  column(values: number, valid: number): number {
    const { kernel, region, entries, entryCount } = this
    return kernel.mergeColumn(region.offset, entries, entryCount, values, valid)
  }

  release(): void {
    this.memory.release(this.region)
  }

  /** Index of a source's structure in the u32 view. */
  private at(index: number): number {
    return (this.region.offset + index * this.kernel.MERGE_SOURCE_SIZE.value) >>> 2
  }
}
