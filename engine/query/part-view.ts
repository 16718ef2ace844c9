// A part as one execution sees it (assembly/part-view.ts): the columns of its plan resolved once, and
// in kernel memory where the entries and blocks of the current row group lie, so that one call goes over
// many of them. Look-ups answer at once from what is cached; one that cannot notes what it lacks:
//   while (!view.enter(group)) yield* view.fetch()
// What is found stays pinned, and the addresses hold, until the execution releases its pins.

import type { Pins } from '../segment/cache.ts'
import { OmenError } from '../error.ts'
import { BLOCK_ROWS, GROUP_BLOCKS } from '../segment/footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Region } from '../memory.ts'
import { TIME, type PartReader, type SeriesRange } from '../segment/part.ts'
import type { Run } from './partial.ts'
import type { PartHoles } from '../lifecycle/tombstones.ts'
import type { PlanColumn } from './plan.ts'
import type { ReadRoute } from './read-route.ts'
import type { Execution } from '../step.ts'
import { DECODED, type Tally } from './tally.ts'

/** Rows of a row group. */
export const GROUP_ROWS = BLOCK_ROWS * GROUP_BLOCKS

const ENTRY_SIZE = 96
const ENTRY_ROWS = 12
const ENTRY_COUNT = 14
const ENTRY_PIECES = 20
const ENTRY_EPSILON = 88
/** Words of a column in the kernel's View, and of what comes before its blocks. */
const COLUMN_WORDS = 66
const HEAD_WORDS = 2

/** What looking at parts needs, the same for a whole execution. */
export interface PartContext {
  readonly instance: KernelInstance
  readonly pins: Pins
  readonly tally: Tally
  readonly fields: readonly PlanColumn[]
  /** What will be read next. */
  readonly route: ReadRoute
}

/** Entries (of the group of block `from`) or blocks [from, to) of a column that are not cached. */
interface Missing {
  readonly column: number
  readonly from: number
  readonly to: number
  readonly isEntries: boolean
}

/** Rows of many series of a part: the first `count` of a table of assembly/series-rows.ts. */
export interface ManyRows {
  readonly table: number
  readonly count: number
  /** Blocks of the row group that have such rows, ascending. */
  readonly touched: Uint32Array
}

export class PartView {
  readonly reader: PartReader
  /** What is deleted of it; null: nothing. */
  readonly holes: PartHoles | null
  /** Pointer of the kernel's View: column 0 is the time, the others are the plan's fields. */
  readonly pointer: number
  private readonly context: PartContext
  private readonly region: Region
  /** Ids of the columns, and their indexes in the part. */
  private readonly ids: number[] = [TIME]
  private readonly indexes: number[] = [0]
  /** Of all columns, -1 if they differ; of each. */
  private group = -1
  private readonly groups: number[] = [-1]
  private generation = -1
  private missing: Missing[] = []
  private missingSeries = -1

  /** Of a reader that was opened. Release it with the execution. */
  constructor(context: PartContext, reader: PartReader, holes: PartHoles | null = null) {
    const { memory, kernel } = context.instance
    this.context = context
    this.reader = reader
    this.holes = holes
    const { fields } = context
    this.region = memory.allocate((fields.length + 1) * COLUMN_WORDS * 4)
    this.pointer = this.region.offset
    const { u32 } = memory
    u32[this.at(0) + 1] = kernel.TIME.value
    for (const { id, type } of fields) {
      u32[this.at(this.ids.length) + 1] = type
      this.ids.push(id)
      this.indexes.push(reader.indexOf(id))
      this.groups.push(-1)
    }
  }

  /** The row group of all columns; -1: they are in different ones. */
  get currentGroup(): number {
    return this.group
  }

  /** Rows of a series, null if the part has none; undefined: fetch, then again. */
  range(series: number): SeriesRange | null | undefined {
    const range = this.reader.cachedRange(this.context.pins, series)
    if (range === undefined) this.missingSeries = series
    return range
  }

  /** Notes that the plan's columns of so many rows are merged with those of other parts. */
  warm(rows: number): void {
    const { reader, ids } = this
    reader.warm((rows * ids.length) / (reader.columns.length + 1))
  }

  /** Makes a row group the current one, with the entries of all columns. False: fetch, then again. */
  enter(group: number): boolean {
    if (this.group === group && this.generation === this.context.pins.generation) return true
    let isThere = true
    for (let column = 0; column < this.ids.length; column++) {
      if (!this.enterColumn(column, group)) isThere = false
    }
    if (isThere) this.group = group
    return isThere
  }

  /** The same for one column alone. */
  enterColumn(column: number, group: number): boolean {
    const { pins, instance } = this.context
    if (this.generation !== pins.generation) {
      this.groups.fill(-1)
      this.generation = pins.generation
    } else if (this.groups[column] === group) return true
    this.group = -1
    const entries = this.reader.cachedEntries(pins, this.indexes[column]!, group)
    if (entries < 0) {
      const from = group * GROUP_BLOCKS
      this.groups[column] = -1
      this.missing.push({ column, from, to: from + 1, isEntries: true })
      return false
    }
    const { u32 } = instance.memory
    const at = this.at(column)
    this.groups[column] = group
    u32[at] = entries
    u32.fill(0, at + HEAD_WORDS, at + COLUMN_WORDS)
    return true
  }

  /** Pins the blocks of a column with the rows [from, to) of the current group. False: fetch, then again. */
  hold(column: number, from: number, to: number): boolean {
    let isHeld = true
    for (let block = from >>> 10; block << 10 < to; block++) {
      if (!this.holdBlock(column, block)) isHeld = false
    }
    return isHeld
  }

  /** The same for the first `columns` columns. */
  holdAll(columns: number, from: number, to: number): boolean {
    let isHeld = true
    for (let column = 0; column < columns; column++) {
      if (!this.hold(column, from, to)) isHeld = false
    }
    return isHeld
  }

  /** The same for all blocks of which a run needs the bytes. */
  holdRun({ states, columns, from, to }: Run): boolean {
    const { u8 } = this.context.instance.memory
    let isHeld = true
    for (let column = 1; column < columns; column++) {
      const at = states + column * GROUP_BLOCKS
      for (let block = from >>> 10; block << 10 < to; block++) {
        if (u8[at + block] === DECODED && !this.holdBlock(column, block)) isHeld = false
      }
    }
    // The models of times find the ends of buckets in blocks that are decoded.
    const plans = states + columns * GROUP_BLOCKS
    for (let block = from >>> 10; block << 10 < to; block++) {
      const asksModel = u8[plans + block] === DECODED && u8[states + block] !== 0
      if (asksModel && !this.holdBlock(0, block)) isHeld = false
    }
    return isHeld
  }

  /** Counts what a run did. */
  countRun({ states, columns, from, to }: Run): void {
    const { instance, tally } = this.context
    const { u8 } = instance.memory
    const first = from >>> 10
    const end = ((to - 1) >>> 10) + 1
    const plans = states + columns * GROUP_BLOCKS
    tally.run(this.reader, this.group, { first, end, states: u8, at: states, columns })
    for (let block = first; block < end; block++) {
      if (u8[states + block] === 0 || u8[plans + block] !== DECODED) continue
      this.indexed(this.entry(0, block), this.group * GROUP_BLOCKS + block)
    }
  }

  /** Address of a block's entry, the block counted in the current group; 0 = it has no values. */
  entry(column: number, block: number): number {
    const entries = this.context.instance.memory.u32[this.at(column)]!
    return entries === 0 ? 0 : entries + block * ENTRY_SIZE
  }

  /** Address of the entry of a time block, counted in the part; -1: fetch, then again. */
  timeEntry(block: number): number {
    const group = Math.floor(block / GROUP_BLOCKS)
    const entries = this.reader.cachedEntries(this.context.pins, 0, group)
    if (entries > 0) return entries + (block % GROUP_BLOCKS) * ENTRY_SIZE
    this.missing.push({ column: 0, from: block, to: block + 1, isEntries: true })
    return -1
  }

  /** Address of the bytes of a time block, counted in the part; -1: fetch, then again. */
  timeBlock(entry: number, block: number): number {
    const found = this.reader.cachedBlock(this.context.pins, 0, block, entry)
    if (found < 0) this.lack(0, block)
    return found
  }

  /** Reads what the last look-ups lacked. */
  *fetch(): Execution<void> {
    const { missing, missingSeries } = this
    this.missing = []
    this.missingSeries = -1
    if (missingSeries >= 0) yield* this.reader.seriesRange(this.context.pins, missingSeries)
    const entries = missing.filter(({ isEntries }) => isEntries)
    if (entries.length > 0) {
      const columns = entries.map(({ column }) => this.ids[column]!)
      const group = Math.floor(entries[0]!.from / GROUP_BLOCKS)
      const ahead = this.context.route.ahead(this.context.pins, this.reader, columns, group)
      if (ahead.length > 0) yield { ahead }
    }
    for (const { column, from, to, isEntries } of missing) {
      const id = this.ids[column]!
      if (isEntries) yield* this.reader.entry(this.context.pins, id, from)
      else yield* this.reader.load(this.context.pins, id, from, to)
    }
  }

  /**
   * Decodes rows [from, to) of the current group, whose blocks are held, to slots (times: i64) and
   * validity. True if some row may be null. Throws `corrupt`.
   */
  decode(column: number, from: number, to: number, values: number, valid: number): boolean {
    const { kernel } = this.context.instance
    const status = kernel.viewDecode(this.pointer, column, from, to, values, valid)
    if (status < 0) throw this.corrupt(-1 - status, column)
    for (let block = from >>> 10; block << 10 < to; block++) this.decoded(column, block)
    return status === 1
  }

  /** Pins blocks of the current group of a column. False: fetch, then again. */
  holdBlocks(column: number, blocks: Uint32Array): boolean {
    let isHeld = true
    for (let i = 0; i < blocks.length; i++) {
      if (!this.holdBlock(column, blocks[i]!)) isHeld = false
    }
    return isHeld
  }

  /**
   * Decodes what lies in the column's current group of the rows of many series (assembly/series-rows.ts)
   * to their places among all of them; `touched` tells the blocks of the group with such rows, which are
   * held. True if some row may be null. Throws `corrupt`.
   */
  decodeMany(
    column: number,
    { table, count, touched }: ManyRows,
    values: number,
    valid: number,
  ): boolean {
    const { instance, tally } = this.context
    const group = this.groups[column]!
    const base = group * GROUP_ROWS
    const status = instance.kernel.manyDecode(
      ...([this.pointer, column, table, count, base, GROUP_BLOCKS, values, valid] as const),
    )
    if (status < 0) throw this.corrupt(-1 - status, column)
    if (this.entry(column, 0) === 0) return status === 1
    tally.decodedBlocks(this.reader, column, group, touched)
    if (column === 0) {
      for (const block of touched) this.indexed(this.entry(0, block), group * GROUP_BLOCKS + block)
    }
    return status === 1
  }

  /** Has some of the plan's first `fields` fields a value in every row of the blocks of rows [from, to)? */
  isDense(fields: number, from: number, to: number): boolean {
    const { u16 } = this.context.instance.memory
    const isFull = (column: number, block: number): boolean => {
      const entry = this.entry(column, block)
      return entry !== 0 && u16[(entry + ENTRY_COUNT) >>> 1] === u16[(entry + ENTRY_ROWS) >>> 1]
    }
    for (let column = 1; column <= fields; column++) {
      let block = from >>> 10
      while (block << 10 < to && isFull(column, block)) block++
      if (block << 10 >= to) return true
    }
    return false
  }

  /** Counts the pieces of a time block of the part that was used. */
  indexed(entry: number, block: number): void {
    const { instance, tally } = this.context
    const { u16 } = instance.memory
    const pieces = u16[(entry + ENTRY_PIECES) >>> 1]!
    tally.indexed(this.reader, block, pieces, u16[(entry + ENTRY_EPSILON) >>> 1]!)
  }

  /** The error that a block of the current group, of some column if none is named, does not decode. */
  corrupt(block: number, column: number | null = null): OmenError {
    const { file } = this.reader.description
    const name = column === null ? null : (this.context.fields[column - 1]?.name ?? 'time')
    const subject = name === null ? '' : ` of column ${JSON.stringify(name)}`
    const group = column === null ? this.group : this.groups[column]!
    const number = group * GROUP_BLOCKS + block
    return new OmenError('corrupt', `segment-${file}: block ${number}${subject} does not decode`)
  }

  release(): void {
    this.context.instance.memory.release(this.region)
  }

  private holdBlock(column: number, block: number): boolean {
    const { u32 } = this.context.instance.memory
    const at = this.at(column)
    const entries = u32[at]!
    if (entries === 0 || u32[at + HEAD_WORDS + block] !== 0) return true
    const { reader, context, indexes } = this
    const number = this.groups[column]! * GROUP_BLOCKS + block
    const entry = entries + block * ENTRY_SIZE
    const found = reader.cachedBlock(context.pins, indexes[column]!, number, entry)
    if (found > 0) u32[at + HEAD_WORDS + block] = found
    else this.lack(column, number)
    return found > 0
  }

  private decoded(column: number, block: number): void {
    const entry = this.entry(column, block)
    if (entry === 0) return
    const number = this.groups[column]! * GROUP_BLOCKS + block
    this.context.tally.decoded(this.reader, column, number)
    if (column === 0) this.indexed(entry, number)
  }

  /** Notes a block to fetch, together with the one before it. */
  private lack(column: number, block: number): void {
    const before = this.missing.at(-1)
    if (before?.column === column && before.to === block && !before.isEntries) {
      this.missing[this.missing.length - 1] = { ...before, to: block + 1 }
    } else this.missing.push({ column, from: block, to: block + 1, isEntries: false })
  }

  /** Index of a column in the u32 view. */
  private at(column: number): number {
    return (this.pointer >>> 2) + column * COLUMN_WORDS
  }
}
