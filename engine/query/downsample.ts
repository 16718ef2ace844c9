// Aggregates: every piece of every series goes into the Aggregator, rows of a part without a filter as a
// run in few kernel calls (assembly/aggregate-run.ts), all else as chunks; then fill, order and page.

import { afterCursor, answerOf } from './answer.ts'
import { bucketBoundaries } from '../calendar.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import {
  checkFillValue,
  fillGrid,
  fillGroups,
  type GroupRows,
  type KnownValue,
  type KnownValues,
} from './fill.ts'
import { Aggregator, needsEnds, type AggregateRows, type Grid } from './partial.ts'
import type { PlanSeries } from './plan.ts'
import type { Answer, AnswerSeries, Duration, Vector } from './query.ts'
import { joinRows } from './raw.ts'
import type { PartPiece, Scan } from './scan.ts'
import type { Output } from './selection.ts'
import type { Piece } from './series-scan.ts'
import { bucketSlices, timeRange } from './slices.ts'
import type { Execution } from '../step.ts'
import { viewVector } from './vector.ts'

/** Runs an aggregate plan. */
export function* executeAggregate(scan: Scan): Execution<Answer> {
  const { plan } = scan
  if (plan.query.fill !== null) checkFillValue(plan.query.fill, plan.outputs)
  const { every, fill } = plan.query
  const isSliced = fill === null && !plan.outputs.some(mayOverflow)
  const groups =
    every !== null && isSliced ? yield* slicedGroups(scan, every) : yield* filledGroups(scan)
  const series: AnswerSeries[] = groups.map(({ group, time, fields }) => {
    return { tags: plan.groups.at(group), time, fields }
  })
  return yield* answerOf(plan, afterCursor(series, plan.query), scan.stats())
}

/** An integer that some bucket may not hold: then no page may hide it, and all buckets are read. */
function mayOverflow({ type, result }: Output): boolean {
  const isInteger = type === 'integer' || type === 'unsigned'
  return isInteger && (result === 'sum' || result === 'spread')
}

/** Groups by slices of the range, as far as the page goes. */
function* slicedGroups(scan: Scan, every: Duration): Execution<GroupRows[]> {
  const { query, groups } = scan.plan
  const found = new Map<number, GroupRows[]>()
  // One row more than the limit tells that there is a next page. After a cursor, up to two rows of
  // each group belong to pages before.
  const wanted = query.limit + 1 + (query.cursor === null ? 0 : 2 * groups.length)
  let count = 0
  for (const [start, end] of bucketSlices(scan, every)) {
    const rows = yield* aggregateRange(scan, start, end)
    for (const part of splitGroups(rows, null)) {
      const parts = found.get(part.group)
      if (parts === undefined) found.set(part.group, [part])
      else parts.push(part)
    }
    count += rows.groups.length
    if (count >= wanted) break
  }
  const ordered = [...found].sort(([a], [b]) => a - b)
  return ordered.map(([group, parts]) => ({ group, ...joinRows(scan, parts) }))
}

function* filledGroups(scan: Scan): Execution<GroupRows[]> {
  const { query, outputs, start, end } = scan.plan
  const rows = yield* aggregateRange(scan, start, end)
  const { every, fill } = query
  if (every === null || fill === null || rows.groups.length === 0)
    return splitGroups(rows, query.start)
  const grid = fillGrid(query, every, rows)
  const usesLookback = fill.lookback > 0n && query.start !== null
  const known = usesLookback ? yield* knownBefore(scan, query.start, fill.lookback) : new Map()
  return fillGroups(rows, grid, outputs, fill, known as KnownValues)
}

/** Per group and output, the value of the last bucket of [start - lookback, start) that has one. */
function* knownBefore(scan: Scan, start: bigint, lookback: bigint): Execution<KnownValues> {
  const { timeStart, timeEnd } = scan.plan
  const from = start - lookback < timeStart ? timeStart : start - lookback
  const rows = yield* aggregateRange(scan, from, start < timeEnd ? start : timeEnd)
  const known = new Map<number, (KnownValue | null)[]>()
  rows.groups.forEach((group, row) => {
    const values = known.get(group) ?? rows.fields.map(() => null)
    known.set(group, values)
    rows.fields.forEach((vector, i) => {
      if (vector.valid !== null && vector.valid[row] === 0) return
      values[i] = { time: rows.buckets[row]!, vector, row }
    })
  })
  return known
}

/** Rows by group, named by their bucket, by `start`, or by the first point. */
function splitGroups(rows: AggregateRows, start: bigint | null): GroupRows[] {
  const groups: GroupRows[] = []
  for (let from = 0; from < rows.groups.length;) {
    const group = rows.groups[from]!
    let to = from + 1
    while (to < rows.groups.length && rows.groups[to] === group) to++
    const time = (rows.oneBucket ? rows.firstTimes : rows.buckets).subarray(from, to)
    if (rows.oneBucket && start !== null) time.fill(start)
    const fields: Vector[] = rows.fields.map((vector) => viewVector(vector, from, to))
    groups.push({ group, time, fields })
    from = to
  }
  return groups
}

/** Aggregates the points of [start, end) of all series of the plan. */
function* aggregateRange(scan: Scan, start: bigint, end: bigint): Execution<AggregateRows> {
  const { plan } = scan
  const grid = gridOf(scan, start, end)
  const aggregator = new Aggregator(scan.instance, {
    fields: plan.fields.slice(0, plan.selectedCount),
    outputs: plan.outputs,
    maxBuckets: plan.query.limits.maxBuckets,
    grid,
    holds: (bytes) => scan.budget.holds(bytes),
  })
  try {
    const downsampler = new Downsampler(scan, aggregator, grid)
    for (const series of plan.series) {
      const pieces = yield* scan.open(series, start, end)
      if (pieces === null) continue
      try {
        for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
          yield* downsampler.add(series, piece)
          yield* scan.rest()
        }
      } finally {
        pieces.close()
      }
    }
    return yield* aggregator.resultSteps()
  } finally {
    aggregator.release()
  }
}

/** Calendar units get a table of bucket starts over the range that holds points. */
function gridOf(scan: Scan, start: bigint, end: bigint): Grid {
  const { every, origin } = scan.plan.query
  if (every === null) return { kind: 'one' }
  if (every.width !== null) return { kind: 'fixed', origin, width: every.width }
  const [first, last] = timeRange(scan)
  const from = first > start ? first : start
  const to = last < end ? last + 1n : end
  const boundaries = bucketBoundaries(every, origin, from, to)
  // Without points any table will do.
  return {
    kind: 'boundaries',
    boundaries: boundaries.length > 0 ? boundaries : new BigInt64Array(1),
  }
}

/** Feeds pieces to an aggregator by the cheapest exact way. */
class Downsampler {
  private readonly scan: Scan
  private readonly aggregator: Aggregator
  private readonly needsTimes: boolean
  /** The answer is named by the first point that counts. */
  private readonly needsFirstTime: boolean

  constructor(scan: Scan, aggregator: Aggregator, grid: Grid) {
    this.scan = scan
    this.aggregator = aggregator
    const isOneBucket = grid.kind === 'one'
    this.needsFirstTime = isOneBucket && scan.plan.query.start === null
    this.needsTimes = !isOneBucket || this.needsFirstTime || aggregator.features.some(needsEnds)
  }

  *add(series: PlanSeries, piece: Piece): Execution<void> {
    if (piece.kind !== 'part') yield* this.decode(series, piece, series.filter)
    else if (series.filter === null) yield* this.run(series, piece)
    else yield* this.filterBlock(series, piece)
  }

  /** Rows of a part that all count, if they have a value. */
  private *run(series: PlanSeries, piece: PartPiece): Execution<void> {
    const { scan, aggregator } = this
    const { view } = piece.rows
    const from = yield* scan.enter(piece)
    const to = from + piece.to - piece.from
    const options = { countsRows: scan.plan.countsRows, needsFirstTime: this.needsFirstTime }
    const run = aggregator.plan(view, from, to, options)
    scan.budget.scanned(run.decodedRows, run.decodedRows * (scan.selectedFields.length + 1))
    while (!view.holdRun(run)) yield* view.fetch()
    aggregator.run(series, view, scan.chunk, run)
    view.countRun(run)
  }

  /** Rows of one block, of which the series' filter takes some. */
  private *filterBlock(series: PlanSeries, piece: PartPiece): Execution<void> {
    const from = yield* this.scan.enter(piece)
    const block = Math.floor(from / BLOCK_ROWS)
    const filter = this.scan.residual(series.filter, piece.rows.view, block)
    if (filter === 'none') return
    if (filter === null) yield* this.run(series, piece)
    else yield* this.decode(series, piece, filter)
  }

  private *decode(series: PlanSeries, piece: Piece, filter: PlanSeries['filter']): Execution<void> {
    const { mask, count } = yield* this.scan.load(piece, filter, this.needsTimes)
    if (count === 0) return
    const time = this.needsTimes ? null : 0n
    this.aggregator.chunk(series, this.scan.chunk, mask, time)
  }
}
