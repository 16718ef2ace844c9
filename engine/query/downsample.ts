// Aggregates: every piece of every series goes into the Aggregator, rows of a part without a filter as a
// run in few kernel calls (assembly/aggregate-run.ts), all else as chunks; then fill, order and page.

import { afterCursor, answerOf } from './answer.ts'
import {
  type BucketRule,
  bucketBoundaries,
  bucketRule,
  bucketStart,
  bucketWidth,
} from '../buckets.ts'
import { TIME_MAX } from '../calendar.ts'
import { shortClusters } from './cluster.ts'
import { featuresOf, needsNeighbours } from './feature.ts'
import {
  MovingAverages,
  type MovingParts,
  bucketsBefore,
  longestMoving,
  movingParts,
} from './moving-average.ts'
import {
  checkFillValue,
  fillGrid,
  fillGroups,
  type GroupRows,
  type KnownValue,
  type KnownValues,
} from './fill.ts'
import { Downsampler } from './downsampler.ts'
import { Aggregator, type AggregatePartial, type AggregateRows, type Grid } from './partial.ts'
import type { Answer, AnswerSeries, Vector } from './query.ts'
import { GROUP_CELLS, Pace } from './pace.ts'
import type { Plan } from './plan.ts'
import { joinRows } from './raw.ts'
import type { Scan } from './scan.ts'
import { type ScanRange, SplitScan } from '../scan-workers/split.ts'
import type { Output } from './selection.ts'
import { bucketSlices, timeRange } from './slices.ts'
import type { Execution } from '../step.ts'
import { StoredBuckets } from '../rollup/stored-buckets.ts'
import { viewVector } from './vector.ts'

/** Runs an aggregate plan. */
export function* executeAggregate(scan: Scan): Execution<Answer> {
  const { plan } = scan
  const stored = plan.rollups.length === 0 ? null : new StoredBuckets(scan)
  scan.stored = stored
  if (plan.query.fill !== null) checkFillValue(plan.query.fill, plan.outputs)
  const { fill } = plan.query
  const rule = bucketRule(plan.query)
  const isSliced = fill === null && !plan.outputs.some(mayOverflow) && !looksBack(plan)
  const groups =
    rule !== null && isSliced
      ? yield* slicedGroups(scan, rule, stored)
      : yield* filledGroups(scan, stored)
  const series: AnswerSeries[] = []
  const pace = new Pace()
  for (const { group, time, fields } of groups) {
    series.push({ tags: plan.groups.at(group), time, fields })
    yield* pace.after(GROUP_CELLS)
  }
  return yield* answerOf(plan, afterCursor(series, plan.query), scan.stats())
}

/** An integer that some bucket may not hold: then no page may hide it, and all buckets are read. */
function mayOverflow({ type, result }: Output): boolean {
  const isInteger = type === 'integer' || type === 'unsigned'
  return isInteger && (result === 'sum' || result === 'spread')
}

/** Has an output that is worked out from points or buckets before? They may lie in different slices. */
function looksBack({ outputs, fields }: Plan): boolean {
  return longestMoving(outputs) > 0 || featuresOf(outputs, fields.length).some(needsNeighbours)
}

/** The time from which on a point before `start` may begin the first difference: one bucket before. */
function seedsFromOf({ query, timeStart }: Plan, start: bigint): bigint | null {
  const rule = bucketRule(query)
  if (query.start === null || rule === null) return null
  let width = bucketWidth(rule)
  if (width === null) {
    const bucket = bucketStart(rule, start)
    width = bucket - bucketStart(rule, bucket - 1n)
  }
  return start - width > timeStart ? start - width : timeStart
}

/** Groups by slices of the range, as far as the page goes. */
function* slicedGroups(
  scan: Scan,
  rule: BucketRule,
  stored: StoredBuckets | null,
): Execution<GroupRows[]> {
  const { query, groups } = scan.plan
  const found = new Map<number, GroupRows[]>()
  // One row more than the limit tells that there is a next page. After a cursor, up to two rows of
  // each group belong to pages before.
  const wanted = query.limit + 1 + (query.cursor === null ? 0 : 2 * groups.length)
  let count = 0
  for (const [start, end] of bucketSlices(scan, rule)) {
    const rows = yield* aggregateRange(scan, { start, end, stored })
    for (const part of yield* splitGroups(rows, null)) {
      const parts = found.get(part.group)
      if (parts === undefined) found.set(part.group, [part])
      else parts.push(part)
    }
    count += rows.groups.length
    if (count >= wanted) break
  }
  const ordered = [...found].sort(([a], [b]) => a - b)
  const joined: GroupRows[] = []
  const pace = new Pace()
  for (const [group, parts] of ordered) {
    const one = { group, ...joinRows(scan, parts) }
    joined.push(one)
    yield* pace.after(GROUP_CELLS + one.time.length)
  }
  return joined
}

function* filledGroups(scan: Scan, stored: StoredBuckets | null): Execution<GroupRows[]> {
  const { query, outputs, start, end } = scan.plan
  const { rows, moving } = yield* bucketRows(scan, start, end, stored)
  const { fill } = query
  const rule = bucketRule(query)
  if (rule === null || fill === null || rows.groups.length === 0)
    return yield* splitGroups(rows, query.start)
  const grid = yield* fillGrid(query, rule, rows)
  const usesLookback = fill.lookback > 0n && query.start !== null
  const known = usesLookback
    ? yield* knownBefore(scan, query.start, fill.lookback, stored)
    : new Map()
  return yield* fillGroups(rows, grid, { outputs, fill, moving }, known as KnownValues)
}

/**
 * The buckets of [start, end), whose first values may look back at points before; and what has the
 * moving averages of buckets that have no rows.
 */
function* bucketRows(
  scan: Scan,
  start: bigint,
  end: bigint,
  stored: StoredBuckets | null,
): Execution<{ rows: AggregateRows; moving: MovingAverages | null }> {
  const { plan } = scan
  const seedsFrom = seedsFromOf(plan, start)
  const rule = bucketRule(plan.query)
  const longest = longestMoving(plan.outputs)
  if (rule === null || longest === 0) {
    const rows = yield* aggregateRange(scan, { start, end, stored, seedsFrom })
    return { rows, moving: null }
  }
  const parts = movingParts(plan)
  const outputs = [...parts.others, ...parts.parts]
  const sources = [yield* aggregateRange(scan, { start, end, stored, seedsFrom, outputs })]
  if (plan.query.start !== null && longest > 1) {
    sources.unshift(yield* rowsBefore(scan, start, longest - 1, parts))
  }
  const moving = new MovingAverages(rule, plan, parts, sources)
  return { rows: yield* moving.rows(), moving }
}

/** What moving averages need of so many buckets before that of `start`, and of this one before it. */
function* rowsBefore(
  scan: Scan,
  start: bigint,
  count: number,
  { parts }: MovingParts,
): Execution<AggregateRows> {
  const { query, timeStart, timeEnd } = scan.plan
  const first = yield* bucketsBefore(bucketRule(query)!, start, count)
  const from = first > timeStart ? first : timeStart
  const end = start < timeEnd ? start : timeEnd
  return yield* aggregateRange(scan, { start: from, end, stored: null, outputs: parts })
}

/** Per group and output, the value of the last bucket of [start - lookback, start) that has one. */
function* knownBefore(
  scan: Scan,
  start: bigint,
  lookback: bigint,
  stored: StoredBuckets | null,
): Execution<KnownValues> {
  const { timeStart, timeEnd } = scan.plan
  const from = start - lookback < timeStart ? timeStart : start - lookback
  const { rows } = yield* bucketRows(scan, from, start < timeEnd ? start : timeEnd, stored)
  const known = new Map<number, (KnownValue | null)[]>()
  const pace = new Pace()
  for (const [row, group] of rows.groups.entries()) {
    const values = known.get(group) ?? rows.fields.map(() => null)
    known.set(group, values)
    rows.fields.forEach((vector, i) => {
      if (vector.valid !== null && vector.valid[row] === 0) return
      values[i] = { time: rows.buckets[row]!, vector, row }
    })
    yield* pace.after(values.length)
  }
  return known
}

/** Rows by group, named by their bucket, by `start`, or by the first point. */
function* splitGroups(rows: AggregateRows, start: bigint | null): Execution<GroupRows[]> {
  const groups: GroupRows[] = []
  const pace = new Pace()
  for (let from = 0; from < rows.groups.length;) {
    const group = rows.groups[from]!
    let to = from + 1
    while (to < rows.groups.length && rows.groups[to] === group) to++
    const time = (rows.oneBucket ? rows.firstTimes : rows.buckets).subarray(from, to)
    if (rows.oneBucket && start !== null) time.fill(start)
    const fields: Vector[] = rows.fields.map((vector) => viewVector(vector, from, to))
    groups.push({ group, time, fields })
    yield* pace.after(GROUP_CELLS + to - from)
    from = to
  }
  return groups
}

/** What is aggregated of a plan; `seedsFrom` as a Downsampler takes it. */
interface AggregatedRange {
  readonly start: bigint
  readonly end: bigint
  readonly stored: StoredBuckets | null
  readonly seedsFrom?: bigint | null
  /** Those of the plan if there are no others. */
  readonly outputs?: readonly Output[]
}

/** Aggregates the points of [start, end) of all series of the plan, from `stored` as far as it goes. */
function* aggregateRange(
  scan: Scan,
  { start, end, stored, seedsFrom = null, outputs = scan.plan.outputs }: AggregatedRange,
): Execution<AggregateRows> {
  const { plan } = scan
  const grid = yield* gridOf(scan, start, end)
  const aggregator = aggregatorOf(scan, grid, outputs)
  try {
    if (stored === null) yield* addSplit(scan, aggregator, { grid, start, end, seedsFrom })
    else {
      const downsampler = new Downsampler(scan, aggregator, { grid })
      for (const series of plan.series) {
        yield* stored.addSeries(aggregator, series, [start, end], (from, to) =>
          downsampler.addRange(series, from, to),
        )
      }
    }
    return yield* aggregator.resultSteps()
  } finally {
    aggregator.release()
  }
}

/** For a scan worker: what the series of a plan have in [start, end). */
export function* aggregatePartial(
  scan: Scan,
  grid: Grid,
  start: bigint,
  end: bigint,
): Execution<AggregatePartial> {
  const aggregator = aggregatorOf(scan, grid, scan.plan.outputs)
  try {
    yield* addSeries(scan, aggregator, { grid, start, end }, scan.plan.series.indexes())
    return aggregator.partial()
  } finally {
    aggregator.release()
  }
}

function aggregatorOf(
  { instance, plan, budget }: Scan,
  grid: Grid,
  outputs: readonly Output[],
): Aggregator {
  return new Aggregator(instance, {
    fields: plan.fields.slice(0, plan.selectedCount),
    outputs,
    maxBuckets: plan.query.limits.maxBuckets,
    grid,
    holds: (bytes) => budget.holds(bytes),
  })
}

/** A range, and how far before it a Downsampler looks for seeds. */
type SeededRange = ScanRange & { readonly seedsFrom?: bigint | null }

/** Adds the points of [start, end) of all series of the plan, together with scan workers if they pay. */
function* addSplit(scan: Scan, aggregator: Aggregator, range: SeededRange): Execution<void> {
  const split = SplitScan.begin(scan, aggregator, range)
  if (split === null) {
    yield* addSeries(scan, aggregator, range, scan.plan.series.indexes())
    return
  }
  try {
    for (let share = split.take(); share !== null; share = split.take()) {
      yield* addSeries(scan, aggregator, range, share)
    }
    for (let share = yield* split.join(); share !== null; share = yield* split.join()) {
      yield* addSeries(scan, aggregator, { ...range, start: share.start }, share.indexes)
    }
  } finally {
    split.cancel()
  }
}

/** Adds the points of [start, end) of some series of the plan, by their indexes. */
function* addSeries(
  scan: Scan,
  aggregator: Aggregator,
  { grid, start, end, seedsFrom = null }: SeededRange,
  indexes: Uint32Array,
): Execution<void> {
  const downsampler = new Downsampler(scan, aggregator, { grid, seedsFrom })
  // Clusters bring rows of many series, in which neighbours are not looked for.
  const clusters = aggregator.needsNeighbours ? null : yield* shortClusters(scan, start, end)
  for (const cluster of clusters ?? []) yield* downsampler.addCluster(cluster, indexes)
  if (clusters !== null) return
  const { series } = scan.plan
  for (const index of indexes) yield* downsampler.addRange(series.at(index), start, end)
}

/** Calendar units get a table of bucket starts over the range that holds points. */
function* gridOf(scan: Scan, start: bigint, end: bigint): Execution<Grid> {
  const rule = bucketRule(scan.plan.query)
  if (rule === null) {
    const { end: last } = scan.plan.query
    return last === null || last > TIME_MAX ? { kind: 'one' } : { kind: 'one', end: last }
  }
  const width = bucketWidth(rule)
  if (width !== null) return { kind: 'fixed', origin: rule.origin, width }
  const [first, last] = timeRange(scan)
  const from = first > start ? first : start
  const to = last < end ? last + 1n : end
  const boundaries = yield* bucketBoundaries(rule, from, to)
  // Without points any table will do.
  return {
    kind: 'boundaries',
    boundaries: boundaries.length > 0 ? boundaries : new BigInt64Array(1),
  }
}
