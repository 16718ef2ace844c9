// Aggregates: every piece of every series goes into the Aggregator, by its block's summary where that
// answers (docs: architecture.md, "A summary is used"), else decoded; then fill, order and page.

import { afterCursor, answerOf } from './answer.ts'
import { TIME_MAX, TIME_MIN, bucketBoundaries } from './calendar.ts'
import {
  checkFillValue,
  fillGrid,
  fillGroups,
  type GroupRows,
  type KnownValue,
  type KnownValues,
} from './fill.ts'
import { Aggregator, needsEnds, summarySupplies, type AggregateRows, type Grid } from './partial.ts'
import type { Plan, PlanSeries } from './plan.ts'
import type { Answer, AnswerSeries, Vector } from './query.ts'
import type { BlockEntries, Scan } from './scan.ts'
import type { Piece } from './series-scan.ts'
import type { Execution } from './step.ts'
import { sliceVector } from './vector.ts'

const FIRST_SLOT = 72
const LAST_SLOT = 80

/** Runs an aggregate plan. */
export function* executeAggregate(scan: Scan): Execution<Answer> {
  const { plan } = scan
  if (plan.query.fill !== null) checkFillValue(plan.query.fill, plan.outputs)
  const rows = yield* aggregateRange(scan, plan.start, plan.end)
  const groups = yield* filledGroups(scan, rows)
  const series: AnswerSeries[] = groups.map(({ group, time, fields }) => {
    return { tags: plan.groups[group]!, time, fields }
  })
  return answerOf(plan, afterCursor(series, plan.query), scan.stats())
}

function* filledGroups(scan: Scan, rows: AggregateRows): Execution<GroupRows[]> {
  const { query, outputs } = scan.plan
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
    const time = rows.oneBucket ? rows.firstTimes.slice(from, to) : rows.buckets.slice(from, to)
    if (rows.oneBucket && start !== null) time.fill(start)
    const fields: Vector[] = rows.fields.map((vector) => sliceVector(vector, from, to))
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
    return aggregator.results()
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

/** Least and greatest time of all sources. */
export function timeRange({ sources }: Scan): [bigint, bigint] {
  let first = TIME_MAX
  let last = TIME_MIN
  const ranges = [
    ...sources.parts.map(({ description }) => description),
    ...sources.memtables.map(({ snapshot }) => snapshot).filter(({ rowCount }) => rowCount > 0),
  ]
  for (const { minTime, maxTime } of ranges) {
    if (minTime < first) first = minTime
    if (maxTime > last) last = maxTime
  }
  return [first, last]
}

/** Feeds pieces to an aggregator by the cheapest exact way. */
class Downsampler {
  private readonly scan: Scan
  private readonly plan: Plan
  private readonly aggregator: Aggregator
  /** First and last are asked for somewhere. */
  private readonly needsEnds: boolean
  /** The answer is named by the first point that counts. */
  private readonly needsFirstTime: boolean
  private readonly isOneBucket: boolean

  constructor(scan: Scan, aggregator: Aggregator, grid: Grid) {
    this.scan = scan
    this.plan = scan.plan
    this.aggregator = aggregator
    this.needsEnds = aggregator.features.some(needsEnds)
    this.isOneBucket = grid.kind === 'one'
    this.needsFirstTime = this.isOneBucket && scan.plan.query.start === null
  }

  *add(series: PlanSeries, piece: Piece): Execution<void> {
    if (piece.kind === 'block') yield* this.addBlock(series, piece)
    else {
      const needsTimes = !this.isOneBucket || this.needsEnds || this.needsFirstTime
      yield* this.decode(series, piece, { filter: series.filter, needsTimes })
    }
  }

  private *addBlock(series: PlanSeries, piece: Extract<Piece, { kind: 'block' }>): Execution<void> {
    const entries = yield* this.scan.entries(piece)
    const filter = this.scan.residual(series.filter, entries)
    if (filter === 'none') return
    const isWhole = piece.from === 0 && piece.to === entries.rows
    const span = isWhole ? this.spanOf(entries) : null
    const isInBucket =
      this.isOneBucket || (span !== null && this.aggregator.isOneBucket(span.first, span.last))
    if (filter === null && span !== null && isInBucket && this.summaryAnswers(entries)) {
      this.summarise(series, piece, entries, span)
      return
    }
    const needsTimes = !isInBucket || this.needsEnds || this.needsFirstTime
    const bucketTime = span?.first ?? 0n
    yield* this.decode(series, piece, { filter, needsTimes, bucketTime })
  }

  private *decode(
    series: PlanSeries,
    piece: Piece,
    how: {
      readonly filter: PlanSeries['filter']
      readonly needsTimes: boolean
      readonly bucketTime?: bigint
    },
  ): Execution<void> {
    const { mask, count } = yield* this.scan.load(piece, how.filter, how.needsTimes)
    if (count === 0) return
    const time = how.needsTimes ? null : (how.bucketTime ?? 0n)
    this.aggregator.chunk(series, this.scan.chunk, mask, time)
  }

  private spanOf(entries: BlockEntries): { first: bigint; last: bigint } {
    const { i64 } = this.scan.instance.memory
    const first = i64[(entries.time + FIRST_SLOT) >>> 3]!
    return { first, last: i64[(entries.time + LAST_SLOT) >>> 3]! }
  }

  /** Do the summaries hold everything that is asked of a block whose rows all count? */
  private summaryAnswers(entries: BlockEntries): boolean {
    const { scan, plan, aggregator } = this
    let isDense = plan.countsRows
    for (const field of scan.selectedFields) {
      const entry = entries.fields[field]!
      const features = aggregator.features[field]!
      const count = scan.countOf(entry)
      if (count === entries.rows) isDense = true
      if (count === 0 || features === 0) continue
      if (!summarySupplies(plan.fields[field]!.type, features)) return false
      if (!scan.hasSummary(entry)) return false
      // With nulls, the time of the first and last value is not known.
      if (needsEnds(features) && count < entries.rows) return false
    }
    return isDense || !this.needsFirstTime
  }

  private summarise(
    series: PlanSeries,
    piece: Extract<Piece, { kind: 'block' }>,
    entries: BlockEntries,
    span: { first: bigint; last: bigint },
  ): void {
    const { tally, selectedFields } = this.scan
    const { reader } = piece.rows
    tally.summary(reader, 0, piece.block)
    for (const field of selectedFields) tally.summary(reader, field + 1, piece.block)
    const fields = selectedFields.map((field) => entries.fields[field]!)
    this.aggregator.summary(series, entries.rows, span, fields)
  }
}
