// What a query did, counted as it happens: which column blocks are in reach, which of them answered
// from their summary and which were decoded, bytes fetched, and the pieces of the time blocks used.
// A block counts once, however many windows or pages of the scan come back to it.

import { GROUP_BLOCKS } from '../segment/footer.ts'
import type { PartReader } from '../segment/part.ts'
import type { IndexSeek, QueryStats } from './query.ts'

/** States of a column block: its entry answered, it was decoded (as in assembly/aggregate-run.ts). */
const SUMMARY = 2
export const DECODED = 3
/** Beside the states: the time block's pieces are counted. */
const INDEXED = 4
/** Ranges of blocks that a part collects before they are joined. */
const RANGES_MAX = 1024

/** One part: ranges of blocks in reach, and a state per column block of the groups that were used. */
class PartTally {
  readonly groups = new Map<number, Uint8Array>()
  /** The row group that was counted last, and its states. */
  lastGroup = -1
  lastStates: Uint8Array | null = null
  private ranges: { first: number; last: number }[] = []
  private joined = 0

  /** Blocks first to last are in reach. */
  reach(first: number, last: number): void {
    const before = this.ranges.at(-1)
    if (before !== undefined && first >= before.first && first <= before.last + 1) {
      if (last > before.last) before.last = last
      return
    }
    this.ranges.push({ first, last })
    if (this.ranges.length > this.joined * 2 + RANGES_MAX) this.join()
  }

  /** Blocks in reach. */
  count(): number {
    this.join()
    return this.ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  }

  private join(): void {
    const ranges = this.ranges.sort((a, b) => a.first - b.first)
    this.ranges = []
    for (const range of ranges) {
      const before = this.ranges.at(-1)
      if (before === undefined || range.first > before.last + 1) this.ranges.push(range)
      else before.last = Math.max(before.last, range.last)
    }
    this.joined = this.ranges.length
  }
}

/** States of the blocks [first, end) of the first `columns` columns, GROUP_BLOCKS per column. */
export interface BlockStates {
  readonly first: number
  readonly end: number
  /** From index `at` on. */
  readonly states: Uint8Array
  readonly at: number
  readonly columns: number
}

export class Tally {
  bytesRead = 0
  private readonly columnCount: number
  private readonly parts = new Map<PartReader, PartTally>()
  /** The part that was counted last. */
  private lastReader: PartReader | null = null
  private lastPart: PartTally | null = null
  private summaries = 0
  private decodes = 0
  private pieces = 0
  private maxError = 0
  private readonly seeks: IndexSeek[] = []
  private readonly others: QueryStats[] = []

  /** Column 0 is the time, the others are the plan's fields in order. */
  constructor(columnCount: number) {
    this.columnCount = columnCount
  }

  /** The blocks of all columns that hold rows [start, end) of a part, end > start, are in reach. */
  reach(reader: PartReader, start: number, end: number): void {
    this.partOf(reader).reach(start >>> 10, (end - 1) >>> 10)
  }

  summary(reader: PartReader, column: number, block: number): void {
    const { states, at } = this.stateOf(reader, column, block)
    this.raise(states, at, SUMMARY)
  }

  decoded(reader: PartReader, column: number, block: number): void {
    const { states, at } = this.stateOf(reader, column, block)
    this.raise(states, at, DECODED)
  }

  /** The same of blocks of a row group. */
  decodedBlocks(reader: PartReader, column: number, group: number, blocks: Uint32Array): void {
    const states = this.groupOf(reader, group)
    const at = column * GROUP_BLOCKS
    for (let i = 0; i < blocks.length; i++) this.raise(states, at + blocks[i]!, DECODED)
  }

  /** What was done with blocks of a row group. */
  run(
    reader: PartReader,
    group: number,
    { first, end, states, at: from, columns }: BlockStates,
  ): void {
    const known = this.groupOf(reader, group)
    for (let column = 0; column < columns; column++) {
      const at = column * GROUP_BLOCKS
      for (let block = first; block < end; block++)
        this.raise(known, at + block, states[from + at + block]!)
    }
  }

  /** A time block answered from its model or was decoded: `pieces` and `epsilon` of its entry. */
  indexed(reader: PartReader, block: number, pieces: number, epsilon: number): void {
    const { states, at } = this.stateOf(reader, 0, block)
    if ((states[at]! & INDEXED) !== 0) return
    states[at]! |= INDEXED
    this.pieces += pieces
    this.maxError = Math.max(this.maxError, epsilon)
  }

  /** A model told the row of a time; the first few are kept. */
  sought(predicted: number, bound: number, found: number): void {
    if (this.seeks.length < SEEKS_MAX) this.seeks.push({ predicted, bound, found })
  }

  /** Adds what somebody else did for the same query; a block that both used counts twice. */
  join(other: QueryStats): void {
    this.bytesRead += other.bytesRead
    this.others.push(other)
  }

  /** The member `stats` of an answer. */
  stats(series: number, elapsedMs: number): QueryStats {
    let blocks = 0
    for (const part of this.parts.values()) blocks += part.count() * this.columnCount
    const own = {
      elapsedMs,
      series,
      blocks,
      blocksSkipped: blocks - this.summaries - this.decodes,
      blocksFromSummary: this.summaries,
      blocksDecoded: this.decodes,
      bytesRead: this.bytesRead,
      index: { pieces: this.pieces, maxError: this.maxError, ...seeksOf(this.seeks) },
      rollup: null,
    }
    return this.others.reduce<QueryStats>(withBlocks, own)
  }

  /** Statistics of this and another scan of the same query. */
  addTo(other: QueryStats): QueryStats {
    return withBlocks(other, this.stats(0, 0))
  }

  private partOf(reader: PartReader): PartTally {
    if (reader === this.lastReader) return this.lastPart!
    let part = this.parts.get(reader)
    if (part === undefined) this.parts.set(reader, (part = new PartTally()))
    this.lastReader = reader
    this.lastPart = part
    return part
  }

  private groupOf(reader: PartReader, group: number): Uint8Array {
    const part = this.partOf(reader)
    if (part.lastGroup === group) return part.lastStates!
    let states = part.groups.get(group)
    if (states === undefined) {
      part.groups.set(group, (states = new Uint8Array(this.columnCount * GROUP_BLOCKS)))
    }
    part.lastGroup = group
    part.lastStates = states
    return states
  }

  private stateOf(
    reader: PartReader,
    column: number,
    block: number,
  ): { states: Uint8Array; at: number } {
    const group = Math.floor(block / GROUP_BLOCKS)
    const at = column * GROUP_BLOCKS + (block % GROUP_BLOCKS)
    return { states: this.groupOf(reader, group), at }
  }

  private raise(states: Uint8Array, at: number, state: number): void {
    const before = states[at]! & 3
    if (before >= state) return
    states[at] = (states[at]! & INDEXED) | state
    if (before === SUMMARY) this.summaries--
    if (state === SUMMARY) this.summaries++
    else this.decodes++
  }
}

/** Rows of models that statistics keep. */
const SEEKS_MAX = 4

function seeksOf(seeks: readonly IndexSeek[]): { seeks?: readonly IndexSeek[] } {
  return seeks.length === 0 ? {} : { seeks: seeks.slice(0, SEEKS_MAX) }
}

/** With what another scan did with blocks. */
function withBlocks(stats: QueryStats, other: QueryStats): QueryStats {
  return {
    ...stats,
    blocks: stats.blocks + other.blocks,
    blocksSkipped: stats.blocksSkipped + other.blocksSkipped,
    blocksFromSummary: stats.blocksFromSummary + other.blocksFromSummary,
    blocksDecoded: stats.blocksDecoded + other.blocksDecoded,
    index: {
      pieces: stats.index.pieces + other.index.pieces,
      maxError: Math.max(stats.index.maxError, other.index.maxError),
      ...seeksOf([...(stats.index.seeks ?? []), ...(other.index.seeks ?? [])]),
    },
  }
}
