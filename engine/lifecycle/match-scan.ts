// Counts the points of a series that a delete takes, and finds their times where a condition on
// fields has to be asked row by row: the scan of a query, whose answer is runs of points.

import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Region } from '../memory.ts'
import type { Plan, PlanSeries } from '../query/plan.ts'
import { Scan, type Snapshot } from '../query/scan.ts'
import type { Piece } from '../query/series-scan.ts'
import type { Execution } from '../step.ts'
import type { RangeList } from './range-list.ts'

/** Reads one snapshot, which the caller holds. Release it when done. */
export class MatchScan {
  private readonly scan: Scan
  /** Pairs of times. */
  private readonly runs: Region

  constructor(snapshot: Snapshot, plan: Plan) {
    this.scan = new Scan(snapshot, plan)
    this.runs = snapshot.instance.memory.allocate((BLOCK_ROWS / 2 + 1) * 16)
  }

  /**
   * How many points of a series in [start, end) meet its filter; with one, their runs are added to
   * `found`, which only other points lie between. Of the parts, how many points of each are among
   * them is noted with their readers, if `isNoted`.
   */
  *match(
    series: PlanSeries,
    [start, end]: readonly [bigint, bigint],
    found: RangeList | null,
    isNoted = false,
  ): Execution<number> {
    const { scan } = this
    const pieces = yield* scan.open(series, start, end)
    if (pieces === null) return 0
    let count = 0
    try {
      for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
        const matched =
          series.filter === null
            ? yield* this.countRows(piece)
            : yield* this.matchRows(series, piece, found)
        if (isNoted) noteHidden(piece, matched)
        count += matched
        yield* scan.rest()
      }
    } finally {
      pieces.close()
    }
    found?.close()
    return count
  }

  /** Times that a pause is due. */
  *rest(): Execution<void> {
    this.scan.unpin()
    yield* this.scan.rest()
  }

  release(): void {
    const { memory } = this.scan.instance
    this.scan.release()
    memory.release(this.runs)
  }

  private *countRows(piece: Piece): Execution<number> {
    if (piece.kind !== 'merged') return piece.to - piece.from
    yield* this.scan.chunk.load(piece, false)
    this.scan.budget.worked(this.scan.chunk.count)
    return this.scan.chunk.count
  }

  private *matchRows(series: PlanSeries, piece: Piece, found: RangeList | null): Execution<number> {
    const { scan } = this
    let { filter } = series
    if (piece.kind === 'part') {
      const block = Math.floor((yield* scan.enter(piece)) / BLOCK_ROWS)
      const residual = scan.residual(filter, piece.rows.view, block)
      if (residual === 'none') {
        found?.close()
        return 0
      }
      filter = residual
    }
    const { mask, count } = yield* scan.load(piece, filter, true)
    if (count === 0) found?.close()
    else if (found !== null) this.addRuns(mask, found)
    return count
  }

  private addRuns(mask: number, found: RangeList): void {
    const { instance, chunk } = this.scan
    const { kernel } = instance
    const count = kernel.scanRuns(mask, chunk.times, chunk.count, this.runs.offset)
    const { i64 } = instance.memory
    const at = this.runs.offset >>> 3
    const first = i64[chunk.times >>> 3]!
    const last = i64[(chunk.times >>> 3) + chunk.count - 1]!
    for (let i = 0; i < count; i++) {
      if (i > 0) found.close()
      const start = i64[at + 2 * i]!
      found.add(start, i64[at + 2 * i + 1]!, start === first)
    }
    if (i64[at + 2 * count - 1] !== last) found.close()
  }
}

/** Notes that so many points of a piece are about to be hidden. */
function noteHidden(piece: Piece, count: number): void {
  const parts = piece.kind === 'merged' ? piece.parts : [piece]
  for (const { rows } of parts) if ('view' in rows) rows.view.reader.hide(count)
}
