// Pages: the first rows in time order over all series, ties by series, then grouped by series again
// (api.md, "Limit"), and the cursor from which the next page goes on.

import { lowerBound } from '../lower-bound.ts'
import { encodeCursor } from './cursor.ts'
import type { Plan } from './plan.ts'
import type { Execution } from '../step.ts'
import type { Answer, AnswerSeries, Cursor, Query, QueryStats } from './query.ts'
import { compareTags } from '../catalog/tags.ts'
import { reverseVector, sliceVector } from './vector.ts'

/** The answer to a plan: the page of `series`, which are in order and ascend in time. */
export function* answerOf(
  plan: Plan,
  series: readonly AnswerSeries[],
  stats: QueryStats,
): Execution<Answer> {
  const { query, columns } = plan
  const filled = series.filter(({ time }) => time.length > 0)
  const page = yield* paginate(filled, query)
  const rowCount = page.series.reduce((sum, { time }) => sum + time.length, 0)
  return { table: query.table, columns, series: page.series, rowCount, cursor: page.cursor, stats }
}

interface Page {
  readonly series: AnswerSeries[]
  readonly cursor: string | null
}

/** Rows copied, or looked up, between two pauses. */
const STEP_ROWS = 65_536

/** Cuts after `limit` rows in the query's order; each series of the page is in that order. */
function* paginate(series: readonly AnswerSeries[], query: Query): Execution<Page> {
  const isDescending = query.order === 'desc'
  const total = series.reduce((sum, { time }) => sum + time.length, 0)
  const page: AnswerSeries[] = []
  let work = 0
  const isDue = (rows: number): boolean => {
    work += 16 + rows
    if (work < STEP_ROWS) return false
    work = 0
    return true
  }
  if (total <= query.limit) {
    for (const one of series) {
      page.push(ordered(one, 0, one.time.length, isDescending))
      if (isDue(isDescending ? one.time.length : 0)) yield { pause: true }
    }
    return { series: page, cursor: null }
  }
  const cut = yield* cutTime(series, query)
  let ties = query.limit - cut.before
  let last: AnswerSeries | null = null
  for (const one of series) {
    let [from, to] = isDescending
      ? [lowerBound(one.time, cut.time + 1n), one.time.length]
      : [0, lowerBound(one.time, cut.time)]
    const tie = lowerBound(one.time, cut.time)
    if (ties > 0 && one.time[tie] === cut.time) {
      if (isDescending) from = tie
      else to = tie + 1
      ties--
      last = one
    }
    if (from < to) page.push(ordered(one, from, to, isDescending))
    if (isDue(to - from)) yield { pause: true }
  }
  return { series: page, cursor: encodeCursor(query, cut.time, last!.tags) }
}

/**
 * The time of the last row of the page, and how many rows come before that time: found by halving the
 * range of times, because to sort a million takes a tenth of a second in one go.
 */
function* cutTime(
  series: readonly AnswerSeries[],
  { limit, order }: Query,
): Execution<{ time: bigint; before: number }> {
  // Of the rows in this order, the first `limit` have a time of `low` to `high`.
  let low = series[0]!.time[0]!
  let high = low
  for (const { time } of series) {
    if (time[0]! < low) low = time[0]!
    if (time[time.length - 1]! > high) high = time[time.length - 1]!
  }
  const isDescending = order === 'desc'
  while (low < high) {
    const middle = low + (high - low) / 2n
    const below = yield* countBelow(series, middle + 1n)
    if (isDescending) {
      const above = rowsOf(series) - below
      if (above >= limit) low = middle + 1n
      else high = middle
    } else if (below >= limit) high = middle
    else low = middle + 1n
  }
  const before = isDescending
    ? rowsOf(series) - (yield* countBelow(series, low + 1n))
    : yield* countBelow(series, low)
  return { time: low, before }
}

function rowsOf(series: readonly AnswerSeries[]): number {
  return series.reduce((sum, { time }) => sum + time.length, 0)
}

/** Rows with a time below `time`. */
function* countBelow(series: readonly AnswerSeries[], time: bigint): Execution<number> {
  let count = 0
  for (let i = 0; i < series.length; i++) {
    count += lowerBound(series[i]!.time, time)
    if (i % LOOKUPS === LOOKUPS - 1) yield { pause: true }
  }
  return count
}

/** Look-ups between two pauses: about a millisecond. */
const LOOKUPS = 8_192

/** Rows [from, to) of a series that ascends, turned round if asked. */
function ordered(
  series: AnswerSeries,
  from: number,
  to: number,
  isDescending: boolean,
): AnswerSeries {
  const isWhole = from === 0 && to === series.time.length
  if (isWhole && !isDescending) return series
  const time = series.time.slice(from, to)
  const fields = series.fields.map((field) => sliceVector(field, from, to))
  if (isDescending) {
    time.reverse()
    for (const field of fields) reverseVector(field)
  }
  return { tags: series.tags, time, fields }
}

/** The rows that follow a cursor: of aggregates, whose buckets cannot be skipped while scanning. */
export function afterCursor(
  series: readonly AnswerSeries[],
  { cursor, order }: Query,
): readonly AnswerSeries[] {
  if (cursor === null) return series
  return series.map((one) => {
    const next = nextTime(cursor, order, compareTags(one.tags, cursor.tags) > 0)
    const at = lowerBound(one.time, next)
    return order === 'desc' ? ordered(one, 0, at, false) : ordered(one, at, one.time.length, false)
  })
}

/**
 * Where a series goes on after a cursor: at the cursor's time if it comes later (`isLater`) in the
 * order of series, else one step on. Ascending: the first time to return; descending: the end, exclusive.
 */
export function nextTime(cursor: Cursor, order: 'asc' | 'desc', isLater: boolean): bigint {
  if (order === 'desc') return isLater ? cursor.time + 1n : cursor.time
  return isLater ? cursor.time : cursor.time + 1n
}
