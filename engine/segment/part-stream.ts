// The rows of a part from first to last, a window of them at a time in kernel memory, as a
// compaction consumes them: series ids and times ahead, columns on demand.

import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { BLOCK_ROWS } from './footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { type PartReader, TIME } from './part.ts'
import type { Pins } from './cache.ts'
import type { Execution } from '../step.ts'

/** A whole block is appended while less than a block is held. */
const CAPACITY = 2 * BLOCK_ROWS

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
  private readonly region: Region
  /** Row of the part that `times` starts with. */
  private first = 0
  private page = 0
  /** Series of the page that the next row to load belongs to. */
  private pageSeries = 0
  private columnIds: Set<number> | null = null

  constructor(instance: KernelInstance, pins: Pins, reader: PartReader) {
    this.instance = instance
    this.memory = instance.memory
    this.pins = pins
    this.reader = reader
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
    while (this.count < rows && this.first + this.count < this.reader.rows) {
      const row = this.first + this.count
      yield* this.loadTimes(row / BLOCK_ROWS)
      const count = Math.min(BLOCK_ROWS, this.reader.rows - row)
      yield* this.loadSeries(row, count)
      this.count += count
    }
  }

  /** Fills a chunk column of the consumed rows; strings point into pinned blocks. */
  *decode(id: number, type: FieldType, values: number, valid: number): Execution<void> {
    const { kernel } = this.instance
    const end = this.first + this.consumed
    for (let row = this.first; row < end;) {
      const block = Math.floor(row / BLOCK_ROWS)
      const from = row % BLOCK_ROWS
      const count = Math.min(BLOCK_ROWS - from, end - row)
      const entry = this.hasColumn(id) ? yield* this.reader.entry(this.pins, id, block) : 0
      if (entry === 0) {
        this.memory.u8.fill(0, valid, valid + count)
      } else {
        const bytes = yield* this.reader.block(this.pins, id, block)
        const done = kernel.decodeColumn(type, bytes, entry, from, count, values, valid)
        this.check(done === count, id, block)
      }
      row += count
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
    this.first += consumed
    this.count -= consumed
    this.consumed = 0
  }

  /** Appends the times of a block. */
  private *loadTimes(block: number): Execution<void> {
    const entry = yield* this.reader.entry(this.pins, TIME, block)
    const bytes = yield* this.reader.block(this.pins, TIME, block)
    const rows = Math.min(BLOCK_ROWS, this.reader.rows - block * BLOCK_ROWS)
    const target = this.times + this.count * 8
    const done = this.instance.kernel.decodeTimes(bytes, entry, 0, rows, target)
    this.check(done === rows, TIME, block)
  }

  /** Appends the series ids of the rows [row, row + count). */
  private *loadSeries(row: number, count: number): Execution<void> {
    const target = (this.series >>> 2) + this.count - row
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
        u32.fill(u32[ids + this.pageSeries]!, target + at, target + stop)
        at = stop
        if (stop === seriesEnd) this.pageSeries++
      }
      if (this.pageSeries < page.count) continue
      this.page++
      this.pageSeries = 0
    }
  }

  private check(isWhole: boolean, column: number, block: number): void {
    if (!isWhole) throw this.corrupt(`column ${column} block ${block} does not decode`)
  }

  private corrupt(fact: string): OmenError {
    const { file, offset } = this.reader.description
    return new OmenError('corrupt', `segment-${file}: part at ${offset}: ${fact}`)
  }
}
