// The rows of a part from first to last, but for those that are deleted, a window of them at a time in
// kernel memory, as a compaction consumes them: series ids and times ahead, columns on demand.

import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { BLOCK_ROWS } from './footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { PartHoles } from '../lifecycle/tombstones.ts'
import type { Memory, Region } from '../memory.ts'
import { type PartReader, TIME } from './part.ts'
import type { Pins } from './cache.ts'
import type { Execution } from '../step.ts'

/** A whole block is appended while less than a block is held. */
const CAPACITY = 2 * BLOCK_ROWS

/** Neighbouring rows of a part. */
interface Run {
  row: number
  count: number
}

/** Reads one part in order; the reader is open. Pins may be released between any two calls. */
export class PartStream {
  /** Rows held that are not consumed: u32[count] `series` and i64[count] `times` (pointers). */
  count = 0
  /** Of these, what the present step takes. Set by the owner, dropped by the next `advance`. */
  consumed = 0
  readonly series: number
  readonly times: number
  /** A chunk column of 1,024 rows for the owner's use. */
  readonly values: number
  readonly valid: number
  private readonly instance: KernelInstance
  private readonly memory: Memory
  private readonly pins: Pins
  private readonly reader: PartReader
  private readonly holes: PartHoles | null
  private readonly region: Region
  /** Where the held rows lie in the part, ascending. */
  private runs: Run[] = []
  /** Row of the part to load next, the first of a block. */
  private next = 0
  private page = 0
  /** Series of the page that the next row to load belongs to. */
  private pageSeries = 0
  private columnIds: Set<number> | null = null

  constructor(
    instance: KernelInstance,
    pins: Pins,
    reader: PartReader,
    holes: PartHoles | null = null,
  ) {
    this.instance = instance
    this.memory = instance.memory
    this.pins = pins
    this.reader = reader
    this.holes = holes
    this.region = this.memory.allocate(CAPACITY * 12 + BLOCK_ROWS * 9)
    this.times = this.region.offset
    this.values = this.times + CAPACITY * 8
    this.series = this.values + BLOCK_ROWS * 8
    this.valid = this.series + CAPACITY * 4
  }

  hasColumn(id: number): boolean {
    this.columnIds ??= new Set(this.reader.columns.map((column) => column.id))
    return this.columnIds.has(id)
  }

  /** Drops what was consumed and loads until `rows` (at most 1,024) are held or the part ends. */
  *advance(rows: number): Execution<void> {
    assert(rows <= BLOCK_ROWS, `part stream: ${rows} rows ahead`)
    this.drop()
    while (this.count < rows && this.next < this.reader.rows) {
      const row = this.next
      yield* this.loadTimes(row / BLOCK_ROWS)
      const count = Math.min(BLOCK_ROWS, this.reader.rows - row)
      yield* this.loadSeries(row, count)
      this.next += count
    }
  }

  /** Fills a chunk column of the consumed rows; strings point into pinned blocks. */
  *decode(id: number, type: FieldType, values: number, valid: number): Execution<void> {
    const { kernel } = this.instance
    let left = this.consumed
    for (let i = 0, inRun = 0; left > 0;) {
      const run = this.runs[i]!
      const row = run.row + inRun
      const block = Math.floor(row / BLOCK_ROWS)
      const from = row % BLOCK_ROWS
      const count = Math.min(BLOCK_ROWS - from, run.count - inRun, left)
      const entry = this.hasColumn(id) ? yield* this.reader.entry(this.pins, id, block) : 0
      if (entry === 0) {
        this.memory.u8.fill(0, valid, valid + count)
      } else {
        const bytes = yield* this.reader.block(this.pins, id, block)
        const done = kernel.decodeColumn(type, bytes, entry, from, count, values, valid)
        this.check(done === count, id, block)
      }
      left -= count
      inRun += count
      if (inRun === run.count) {
        i++
        inRun = 0
      }
      values += count * 8
      valid += count
    }
  }

  release(): void {
    this.memory.release(this.region)
  }

  private drop(): void {
    const { consumed, count, times, series } = this
    const { u8 } = this.memory
    u8.copyWithin(times, times + consumed * 8, times + count * 8)
    u8.copyWithin(series, series + consumed * 4, series + count * 4)
    this.count -= consumed
    this.consumed = 0
    let left = consumed
    let whole = 0
    while (left > 0 && this.runs[whole]!.count <= left) left -= this.runs[whole++]!.count
    if (whole > 0) this.runs.splice(0, whole)
    if (left === 0) return
    const run = this.runs[0]!
    run.row += left
    run.count -= left
  }

  /** Puts the times of a block behind the held rows. */
  private *loadTimes(block: number): Execution<void> {
    const entry = yield* this.reader.entry(this.pins, TIME, block)
    const bytes = yield* this.reader.block(this.pins, TIME, block)
    const rows = Math.min(BLOCK_ROWS, this.reader.rows - block * BLOCK_ROWS)
    const target = this.times + this.count * 8
    const done = this.instance.kernel.decodeTimes(bytes, entry, 0, rows, target)
    this.check(done === rows, TIME, block)
  }

  /** Appends the rows [row, row + count), whose times are there, with their series. */
  private *loadSeries(row: number, count: number): Execution<void> {
    /** Where row 0 of the part would be. */
    const base = this.count - row
    const end = row + count
    for (let at = row; at < end;) {
      if (this.page === this.reader.seriesPageCount) throw this.corrupt(`row ${at} has no series`)
      const page = yield* this.reader.seriesPage(this.pins, this.page)
      const { u32 } = this.memory
      const ids = page.ids >>> 2
      const starts = page.starts >>> 2
      while (at < end && this.pageSeries < page.count) {
        const seriesEnd = u32[starts + this.pageSeries + 1]!
        if (seriesEnd <= at) throw this.corrupt(`series before row ${at} are out of order`)
        const stop = Math.min(seriesEnd, end)
        this.appendRows(u32[ids + this.pageSeries]!, base, at, stop)
        at = stop
        if (stop === seriesEnd) this.pageSeries++
      }
      if (this.pageSeries < page.count) continue
      this.page++
      this.pageSeries = 0
    }
  }

  /** Appends those of the rows [from, to) of a series that are not deleted. */
  private appendRows(series: number, base: number, from: number, to: number): void {
    const times = (this.times >>> 3) + base
    const { i64 } = this.memory
    const holes = this.holes?.of(series, i64[times + from]!, i64[times + to - 1]! + 1n) ?? null
    if (holes === null) return this.append(series, base, from, to)
    for (const [i, start] of holes.starts.entries()) {
      const hidden = this.lowerBound(times, start, from, to)
      this.append(series, base, from, hidden)
      from = this.lowerBound(times, holes.ends[i]!, hidden, to)
    }
    this.append(series, base, from, to)
  }

  private append(series: number, base: number, from: number, to: number): void {
    if (from === to) return
    const { u8, u32 } = this.memory
    const { times, count } = this
    const source = times + (base + from) * 8
    if (base + from !== count) u8.copyWithin(times + count * 8, source, source + (to - from) * 8)
    u32.fill(series, (this.series >>> 2) + count, (this.series >>> 2) + count + to - from)
    this.count += to - from
    const last = this.runs.at(-1)
    if (last !== undefined && last.row + last.count === from) last.count += to - from
    else this.runs.push({ row: from, count: to - from })
  }

  /** First row in [from, to) with a time >= `time`, or `to`; row 0 has its time at i64[times]. */
  private lowerBound(times: number, time: bigint, from: number, to: number): number {
    const { i64 } = this.memory
    while (from < to) {
      const middle = (from + to) >>> 1
      if (i64[times + middle]! < time) from = middle + 1
      else to = middle
    }
    return from
  }

  private check(isWhole: boolean, column: number, block: number): void {
    if (!isWhole) throw this.corrupt(`column ${column} block ${block} does not decode`)
  }

  private corrupt(fact: string): OmenError {
    const { file, offset } = this.reader.description
    return new OmenError('corrupt', `segment-${file}: part at ${offset}: ${fact}`)
  }
}
