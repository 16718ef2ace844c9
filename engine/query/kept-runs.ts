// Rows of a series in a part that no tombstone hides, as runs of rows. Holes are looked up in the time
// model one by one as the walk comes to them, so that the newest points of a series cost no more,
// however much of it was deleted.

import type { TimeRanges } from '../lifecycle/coverage.ts'
import { lowerBound } from '../lower-bound.ts'
import type { TimedRows } from '../merge.ts'
import type { Execution } from '../step.ts'

/** Rows [start, end), at least one. */
export interface RowRun {
  readonly start: number
  readonly end: number
}

/** Walks over rows [start, end) of a source, of which those in `holes` are hidden. */
export class KeptRuns {
  private readonly rows: TimedRows
  private readonly holes: TimeRanges
  private readonly descending: boolean
  private start: number
  private end: number
  /** Holes before this one are behind the walk, or those from it on when descending; -1: not known. */
  private hole = -1

  constructor(rows: TimedRows, holes: TimeRanges, { start, end }: RowRun, descending: boolean) {
    this.rows = rows
    this.holes = holes
    this.start = start
    this.end = end
    this.descending = descending
  }

  /** The next run in walking order; null at the end. */
  *next(): Execution<RowRun | null> {
    if (this.hole < 0) this.hole = yield* this.firstHole()
    while (this.start < this.end) {
      const run = this.descending ? yield* this.cutLast() : yield* this.cutFirst()
      if (run.start < run.end) return run
    }
    return null
  }

  /** Where in the holes the walk begins. */
  private *firstHole(): Execution<number> {
    const { rows, start, end, descending } = this
    const { starts, ends } = this.holes
    if (descending) {
      const time = end === rows.end ? rows.lastTime : yield* resolved(rows.timeAt(end - 1))
      return lowerBound(starts, time + 1n)
    }
    const time = start === rows.start ? rows.firstTime : yield* resolved(rows.timeAt(start))
    return lowerBound(ends, time + 1n)
  }

  /** Takes the rows up to the end of the next hole: those before it. */
  private *cutFirst(): Execution<RowRun> {
    const { rows, start, end } = this
    const { starts, ends } = this.holes
    this.start = end
    if (this.hole === starts.length) return { start, end }
    const from = yield* resolved(rows.lowerBound(starts[this.hole]!, start, end))
    if (from < end) this.start = yield* resolved(rows.lowerBound(ends[this.hole]!, from, end))
    this.hole++
    return { start, end: from }
  }

  /** Takes the rows from the start of the hole before: those behind it. */
  private *cutLast(): Execution<RowRun> {
    const { rows, start, end } = this
    const { starts, ends } = this.holes
    this.end = start
    if (this.hole === 0) return { start, end }
    this.hole--
    const to = yield* resolved(rows.lowerBound(ends[this.hole]!, start, end))
    if (to > start) this.end = yield* resolved(rows.lowerBound(starts[this.hole]!, start, to))
    return { start: to, end }
  }
}

function* resolved<T extends number | bigint>(found: T | Execution<T>): Execution<T> {
  return typeof found === 'object' ? yield* found : found
}
