// The newest point of each series, or of each `by` group, that has a value in any selected field.
// Series are walked from their newest row in pieces that start small, so a point costs one block per
// column; in a group, only what is newer than the best so far is looked at.

import { NewestRows } from './newest-rows.ts'
import type { PlanSeries } from './plan.ts'
import { RawReader } from './raw.ts'
import type { RawRows } from './raw-rows.ts'
import type { Answer } from './query.ts'
import type { Scan } from './scan.ts'
import type { Execution } from '../step.ts'

/** Rows of the first piece of a series. */
const PIECE_ROWS = 8

/** Runs a plan of kind `latest`: one row per group that has one. */
export function* executeLatest(scan: Scan): Execution<Answer> {
  const { plan } = scan
  scan.budget.holds(NewestRows.bytesOf(plan.groups, plan.outputs))
  const newest = new NewestRows(plan.groups, plan.outputs)
  const reader = new RawReader(scan)
  try {
    // Groups of several series: in the order of series, so of equal times the smallest stays.
    const isEach = plan.groups.length === plan.series.length
    for (const member of isEach ? plan.series : plan.series.ranked()) {
      const best = newest.timeOf(member.group)
      const start = best === null ? plan.start : best + 1n
      const found = yield* newestRow(scan, reader, member, start)
      if (found !== null) newest.set(member.group, found)
    }
  } finally {
    reader.release()
  }
  const series = newest.series()
  const { table } = plan.query
  return {
    table,
    columns: plan.columns,
    series,
    rowCount: series.length,
    cursor: null,
    stats: scan.stats(),
  }
}

/** The newest row of a series from `start` on; null if there is none. */
function* newestRow(
  scan: Scan,
  reader: RawReader,
  series: PlanSeries,
  start: bigint,
): Execution<RawRows | null> {
  const options = { descending: true, rowsMax: PIECE_ROWS }
  const pieces = yield* scan.open(series, start, scan.plan.end, options)
  if (pieces === null) return null
  try {
    for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
      yield* reader.readPiece(series, piece)
      const [last] = reader.take(true)
      if (last !== undefined) return last
      yield* scan.rest()
    }
    return null
  } finally {
    pieces.close()
    yield* scan.rest()
  }
}
