// Columns of the last rows of a part's series, from the part's `lastRows`, where they are kept, or
// decoded and kept now, a whole series page together: who asks for the newest points of many series
// asks again.

import { fieldTypeOf } from '../field.ts'
import { LAST_ROW_BYTES, type LastColumn } from '../segment/last-rows.ts'
import { GROUP_BLOCKS } from '../segment/footer.ts'
import type { Pins } from '../segment/cache.ts'
import type { Region } from '../memory.ts'
import { type PartContext, PartView } from './part-view.ts'
import type { PartReader } from '../segment/part.ts'
import { TouchedRows } from './touched-rows.ts'
import type { Execution } from '../step.ts'

/** A column of a page is decoded for one series in so many of it. */
const SERIES_SHARE = 4
/** All columns that are kept of a part take at most this share of the cache. */
const CACHE_SHARE = 8

const STRING = fieldTypeOf('string')!

/** What decoding takes: pins of its own, given back after each column. */
interface Decoding {
  readonly pins: Pins
  readonly view: PartView
  readonly table: Region
}

/** For one execution. Call `release` when done. */
export class LastColumns {
  private readonly context: PartContext
  private readonly reader: PartReader
  /** May all of them be kept? */
  private readonly fits: boolean
  private decoding: Decoding | null = null

  constructor(context: PartContext, reader: PartReader) {
    this.context = context
    this.reader = reader
    const bytes = reader.seriesCount * context.fields.length * LAST_ROW_BYTES
    this.fits = bytes * CACHE_SHARE <= context.pins.cache.capacity
  }

  /** May `wanted` series of a page ask for a field's last rows here? Strings stay in their blocks. */
  has(field: number, page: number, wanted: number): boolean {
    const { fields, pins } = this.context
    const { id, type } = fields[field]!
    const { reader } = this
    const index = reader.indexOf(id)
    if (type === STRING || index < 0) return false
    if (reader.lastRows.find(pins, index, page) !== null) return true
    return this.fits && wanted * SERIES_SHARE >= reader.seriesOfPage(page)
  }

  /** The column of a page, pinned; `has` said that it may be asked for. */
  *column(field: number, page: number): Execution<LastColumn> {
    const { reader, context } = this
    const { pins } = context
    const index = reader.indexOf(context.fields[field]!.id)
    const kept = reader.lastRows.find(pins, index, page)
    if (kept !== null) return kept
    const rows = reader.seriesOfPage(page)
    const region = pins.cache.allocate(rows * LAST_ROW_BYTES)
    let isKept = false
    try {
      const hasNulls = yield* this.decode(field, page, region)
      const { file } = reader.description
      const column = reader.lastRows.keep(pins, file, index, page, { region, rows, hasNulls })
      isKept = true
      return column
    } finally {
      this.decoding?.pins.release()
      if (!isKept) context.instance.memory.release(region)
    }
  }

  release(): void {
    const { decoding } = this
    if (decoding === null) return
    decoding.pins.release()
    decoding.view.release()
    this.context.instance.memory.release(decoding.table)
  }

  private *decode(field: number, page: number, { offset }: Region): Execution<boolean> {
    const { context, reader } = this
    const { kernel } = context.instance
    this.decoding ??= this.begin()
    const { pins, view, table } = this.decoding
    const { starts, count } = yield* reader.seriesPage(pins, page)
    kernel.lastRowsTable(starts, count, table.offset)
    const touched = table.offset + kernel.MANY_TABLE_SIZE.value
    const rows = new TouchedRows(context, view, table.offset, touched)
    rows.settle(count)
    return yield* rows.decode(field + 1, offset, offset + count * 8)
  }

  private begin(): Decoding {
    const { instance, pins: outer } = this.context
    const pins = outer.cache.pins()
    const size = instance.kernel.MANY_TABLE_SIZE.value + GROUP_BLOCKS
    const table = instance.memory.allocate(size)
    try {
      return { pins, view: new PartView({ ...this.context, pins }, this.reader), table }
    } catch (error) {
      instance.memory.release(table)
      throw error
    }
  }
}
