// Aggregates: buckets come from a source (a scan of a snapshot, scan-buckets.ts, or the partials of several
// shards, shards/partial-source.ts); here is what becomes of them: seeds, moving averages, fill, slices of
// a page, order.

import { afterCursor, answerOf } from './answer.ts'
import { type BucketRule, bucketRule, bucketStart, bucketWidth } from '../buckets.ts'
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
import type { AggregateRows } from './partial.ts'
import type { Answer, AnswerSeries, QueryStats, Vector } from './query.ts'
import { GROUP_CELLS, Pace } from './pace.ts'
import type { Plan } from './plan.ts'
import { compareTags } from '../catalog/tags.ts'
import { joinRows } from './raw.ts'
import type { Output } from './selection.ts'
import { bucketSlices } from './slices.ts'
import type { Execution } from '../step.ts'
import { viewVector } from './vector.ts'

/** What is aggregated of a plan. */
export interface AggregatedRange {
  /** Nanoseconds, half-open. */
  readonly start: bigint
  readonly end: bigint
  /** From rollups as far as they go? */
  readonly usesRollups: boolean
  /** How far before `start` the point may lie that the first difference of a series begins with. */
  readonly seedsFrom: bigint | null
  /** Instead of the plan's. */
  readonly outputs: readonly Output[]
}

/** Where the buckets of an aggregate come from. */
export interface BucketSource {
  /** Its groups are those of all rows that were given so far, or more. */
  readonly plan: Plan
  /** Are groups numbered in their order? */
  readonly isOrdered: boolean
  /** The points of a range, in buckets. */
  aggregate(range: AggregatedRange): Execution<AggregateRows>
  /** Least and greatest time of what there is; the least is above the greatest if there is nothing. */
  timeRange(): [bigint, bigint]
  stats(): QueryStats
}

/** Answers an aggregate plan. */
export function* answerBuckets(source: BucketSource): Execution<Answer> {
  const { plan } = source
  if (plan.query.fill !== null) checkFillValue(plan.query.fill, plan.outputs)
  const { fill } = plan.query
  const rule = bucketRule(plan.query)
  const isSliced = fill === null && !plan.outputs.some(mayOverflow) && !looksBack(plan)
  const groups =
    rule !== null && isSliced ? yield* slicedGroups(source, rule) : yield* filledGroups(source)
  const series: AnswerSeries[] = []
  const pace = new Pace()
  for (const { group, time, fields } of groups) {
    series.push({ tags: plan.groups.at(group), time, fields })
    yield* pace.after(GROUP_CELLS)
  }
  if (!source.isOrdered) series.sort((a, b) => compareTags(a.tags, b.tags))
  return yield* answerOf(plan, afterCursor(series, plan.query), source.stats())
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
function* slicedGroups(source: BucketSource, rule: BucketRule): Execution<GroupRows[]> {
  const { query, groups, outputs } = source.plan
  const found = new Map<number, GroupRows[]>()
  // One row more than the limit tells that there is a next page. After a cursor, up to two rows of
  // each group belong to pages before.
  const wanted = (): number => query.limit + 1 + (query.cursor === null ? 0 : 2 * groups.length)
  let count = 0
  for (const [start, end] of bucketSlices(source, rule)) {
    const range = { start, end, usesRollups: true, seedsFrom: null, outputs }
    const rows = yield* source.aggregate(range)
    for (const part of yield* splitGroups(rows, null)) {
      const parts = found.get(part.group)
      if (parts === undefined) found.set(part.group, [part])
      else parts.push(part)
    }
    count += rows.groups.length
    if (count >= wanted()) break
  }
  const ordered = [...found].sort(([a], [b]) => a - b)
  const joined: GroupRows[] = []
  const pace = new Pace()
  for (const [group, parts] of ordered) {
    const one = { group, ...joinRows(source, parts) }
    joined.push(one)
    yield* pace.after(GROUP_CELLS + one.time.length)
  }
  return joined
}

function* filledGroups(source: BucketSource): Execution<GroupRows[]> {
  const { query, outputs, start, end } = source.plan
  const { rows, moving } = yield* bucketRows(source, start, end)
  const { fill } = query
  const rule = bucketRule(query)
  if (rule === null || fill === null || rows.groups.length === 0)
    return yield* splitGroups(rows, query.start)
  const grid = yield* fillGrid(query, rule, rows)
  const usesLookback = fill.lookback > 0n && query.start !== null
  const known = usesLookback ? yield* knownBefore(source, query.start, fill.lookback) : new Map()
  return yield* fillGroups(rows, grid, { outputs, fill, moving }, known as KnownValues)
}

/**
 * The buckets of [start, end), whose first values may look back at points before; and what has the
 * moving averages of buckets that have no rows.
 */
function* bucketRows(
  source: BucketSource,
  start: bigint,
  end: bigint,
): Execution<{ rows: AggregateRows; moving: MovingAverages | null }> {
  const { plan } = source
  const seedsFrom = seedsFromOf(plan, start)
  const rule = bucketRule(plan.query)
  const longest = longestMoving(plan.outputs)
  if (rule === null || longest === 0) {
    const { outputs } = plan
    const range = { start, end, usesRollups: true, seedsFrom, outputs }
    return { rows: yield* source.aggregate(range), moving: null }
  }
  const parts = movingParts(plan)
  const outputs = [...parts.others, ...parts.parts]
  const range = { start, end, usesRollups: true, seedsFrom, outputs }
  const found = [yield* source.aggregate(range)]
  if (plan.query.start !== null) {
    found.unshift(yield* rowsBefore(source, start, longest - 1, parts))
  }
  const moving = new MovingAverages(rule, plan, parts, found)
  return { rows: yield* moving.rows(), moving }
}

/** What moving averages need of so many buckets before that of `start`, and of this one before it. */
function* rowsBefore(
  source: BucketSource,
  start: bigint,
  count: number,
  { parts }: MovingParts,
): Execution<AggregateRows> {
  const { query, timeStart, timeEnd } = source.plan
  const first = yield* bucketsBefore(bucketRule(query)!, start, count)
  const from = first > timeStart ? first : timeStart
  const end = start < timeEnd ? start : timeEnd
  const range = { start: from, end, usesRollups: false, seedsFrom: null, outputs: parts }
  return yield* source.aggregate(range)
}

/** Per group and output, the value of the last bucket of [start - lookback, start) that has one. */
function* knownBefore(
  source: BucketSource,
  start: bigint,
  lookback: bigint,
): Execution<KnownValues> {
  const { timeStart, timeEnd } = source.plan
  const from = start - lookback < timeStart ? timeStart : start - lookback
  const { rows } = yield* bucketRows(source, from, start < timeEnd ? start : timeEnd)
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
