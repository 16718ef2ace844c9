// Some rows of a source, numbered as the source numbers them: what one window has of it, as a source of
// narrower windows.

import type { TimedRows, WindowPart } from '../merge.ts'
import type { Execution } from '../step.ts'

export class RowSlice<Rows extends TimedRows> implements TimedRows {
  readonly rows: Rows
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint

  /** Rows [start, end) of `rows`, with the times of the first and the last. */
  constructor(rows: Rows, start: number, end: number, firstTime: bigint, lastTime: bigint) {
    this.rows = rows
    this.start = start
    this.end = end
    this.firstTime = firstTime
    this.lastTime = lastTime
  }

  timeAt(row: number): bigint | Execution<bigint> {
    return this.rows.timeAt(row)
  }

  lowerBound(time: bigint, from: number, to: number): number | Execution<number> {
    return this.rows.lowerBound(time, from, to)
  }
}

/** What a window has of each source; of those that are not in it, no rows. */
export function* slicesOf<Rows extends TimedRows>(
  sources: readonly Rows[],
  window: readonly WindowPart[],
): Execution<RowSlice<Rows>[]> {
  const slices = sources.map((rows) => new RowSlice(rows, rows.start, rows.start, 0n, 0n))
  for (const { source, start, end } of window) {
    const rows = sources[source]!
    const first = start === rows.start ? rows.firstTime : yield* resolved(rows.timeAt(start))
    const last = end === rows.end ? rows.lastTime : yield* resolved(rows.timeAt(end - 1))
    slices[source] = new RowSlice(rows, start, end, first, last)
  }
  return slices
}

function* resolved(time: bigint | Execution<bigint>): Execution<bigint> {
  return typeof time === 'bigint' ? time : yield* time
}
