// What a query did, counted as it happens: the state of every column block in reach (unseen, in
// reach, answered from its summary, decoded), bytes fetched, and the pieces of the time blocks used.
// A block counts once, however many windows or pages of the scan come back to it.

import type { PartReader } from './part.ts'
import type { QueryStats } from './query.ts'

const IN_REACH = 1
const SUMMARY = 2
const DECODED = 3
/** Beside the three states: the time block's pieces are counted. */
const INDEXED = 4

export class Tally {
  bytesRead = 0
  private readonly columnCount: number
  private readonly states = new Map<PartReader, Uint8Array>()
  private readonly counts = [0, 0, 0, 0]
  private last: { readonly reader: PartReader; readonly states: Uint8Array } | null = null
  private pieces = 0
  private maxError = 0

  /** Column 0 is the time, the others are the plan's fields in order. */
  constructor(columnCount: number) {
    this.columnCount = columnCount
  }

  /** The blocks of all columns that hold rows [start, end) of a part, end > start, are in reach. */
  reach(reader: PartReader, start: number, end: number): void {
    for (let block = start >>> 10; block <= (end - 1) >>> 10; block++) {
      for (let column = 0; column < this.columnCount; column++) {
        this.raise(reader, column, block, IN_REACH)
      }
    }
  }

  summary(reader: PartReader, column: number, block: number): void {
    this.raise(reader, column, block, SUMMARY)
  }

  decoded(reader: PartReader, column: number, block: number): void {
    this.raise(reader, column, block, DECODED)
  }

  /** A time block answered from its model or was decoded: `pieces` and `epsilon` of its entry. */
  indexed(reader: PartReader, block: number, pieces: number, epsilon: number): void {
    const states = this.statesOf(reader)
    const at = block * this.columnCount
    if ((states[at]! & INDEXED) !== 0) return
    states[at]! |= INDEXED
    this.pieces += pieces
    this.maxError = Math.max(this.maxError, epsilon)
  }

  /** The member `stats` of an answer. */
  stats(series: number, elapsedMs: number): QueryStats {
    const [, skipped, summary, decoded] = this.counts as [number, number, number, number]
    return {
      elapsedMs,
      series,
      blocks: skipped + summary + decoded,
      blocksSkipped: skipped,
      blocksFromSummary: summary,
      blocksDecoded: decoded,
      bytesRead: this.bytesRead,
      index: { pieces: this.pieces, maxError: this.maxError },
    }
  }

  private statesOf(reader: PartReader): Uint8Array {
    if (this.last?.reader === reader) return this.last.states
    let states = this.states.get(reader)
    if (states === undefined) {
      states = new Uint8Array(reader.blockCount * this.columnCount)
      this.states.set(reader, states)
    }
    this.last = { reader, states }
    return states
  }

  private raise(reader: PartReader, column: number, block: number, state: number): void {
    const states = this.statesOf(reader)
    const at = block * this.columnCount + column
    const before = states[at]! & 3
    if (before >= state) return
    states[at] = (states[at]! & INDEXED) | state
    this.counts[before]!--
    this.counts[state]!++
  }
}
