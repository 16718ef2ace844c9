// With a limit, a range is read in time slices from the side the answer begins with, each wider than
// the one before, so that the newest hundred points or five buckets of a year touch little of it.

import { type BucketRule, bucketEnd, bucketStart } from '../buckets.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import type { BucketSource } from './downsample.ts'
import type { Scan } from './scan.ts'

/** Rows that the first slice aims at, beyond the limit. */
const SLICE_MARGIN = 1.5
const SLICE_GROWTH = 4n
/** Longest month: slices are moved to the start of a bucket anyway. */
const NS_PER_MONTH = 31n * 86_400_000_000_000n

/** Least and greatest time of all sources; the least is above the greatest if there is nothing. */
export function timeRange({ parts, memtables, stored }: Scan): [bigint, bigint] {
  let first = TIME_MAX
  let last = TIME_MIN
  const ranges = [
    ...parts.map(({ description }) => description),
    ...memtables.map(({ snapshot }) => snapshot),
  ]
  for (const { minTime, maxTime } of ranges) {
    if (minTime < first) first = minTime
    if (maxTime > last) last = maxTime
  }
  if (stored === null) return [first, last]
  const [from, to] = stored.timeRange()
  if (from < first) first = from
  if (to > last) last = to < TIME_MAX ? to : TIME_MAX
  return [first, last]
}

/** Slices of buckets, all of them whole; one slice if most of the range is wanted. */
export function* bucketSlices(
  source: Pick<BucketSource, 'plan' | 'timeRange'>,
  rule: BucketRule,
): Generator<[bigint, bigint]> {
  const { query, groups } = source.plan
  const { cursor, order, limit } = query
  const { every } = rule
  const bucket = every.width ?? every.months * NS_PER_MONTH
  let [start, end] = bucketRange(source, rule)
  if (cursor !== null && order === 'asc' && cursor.time > start) start = cursor.time
  if (cursor !== null && order === 'desc') {
    const after = bucketEnd(rule, cursor.time)
    if (after < end) end = after
  }
  const buckets = (limit * SLICE_MARGIN) / Math.max(groups.length, 1) + 2
  let width =
    buckets < Number(end - start) / Number(bucket) / 2
      ? bucket * BigInt(Math.ceil(buckets))
      : end - start
  while (start < end) {
    if (width > end - start) width = end - start
    const cut = bucketStart(rule, order === 'desc' ? end - width : start + width)
    if (width === end - start || cut <= start || cut >= end) {
      yield [start, end]
      return
    }
    yield order === 'desc' ? [cut, end] : [start, cut]
    if (order === 'desc') end = cut
    else start = cut
    width *= SLICE_GROWTH
  }
}

/** The plan's range as far as there are points. */
function sourceRange(scan: Scan): [bigint, bigint] {
  const { start, end } = scan.plan
  const [first, last] = timeRange(scan)
  return [start > first ? start : first, end <= last ? end : last + 1n]
}

/** The same, cut between buckets: of one that is cut elsewhere, expired points would not count. */
function bucketRange(
  source: Pick<BucketSource, 'plan' | 'timeRange'>,
  rule: BucketRule,
): [bigint, bigint] {
  const { start, end } = source.plan
  const [first, last] = source.timeRange()
  if (first > last) return [start, start]
  const from = bucketStart(rule, first)
  const to = bucketEnd(rule, last)
  return [start > from ? start : from, end < to ? end : to]
}

/**
 * Slices of a raw answer; one slice if most of the range is wanted. `found` says how many rows the slices
 * so far gave: where a filter keeps few, the next slice is as wide as the rest of the limit seems to take.
 */
export function* pointSlices(scan: Scan, found: () => number): Generator<[bigint, bigint]> {
  const { query } = scan.plan
  const { cursor, order } = query
  let [start, end] = sourceRange(scan)
  if (cursor !== null && order === 'desc' && cursor.time < end) end = cursor.time + 1n
  if (cursor !== null && order === 'asc' && cursor.time > start) start = cursor.time
  if (start >= end) return
  const expected = expectedRows(scan, start, end)
  // A slice visits every series, so it is worth a row of each at least.
  const wanted = Math.max(query.limit * SLICE_MARGIN, scan.plan.series.length)
  const share = wanted / Math.max(expected, 1)
  let read = 0n
  let width = share >= 0.5 ? end - start : BigInt(Math.ceil(Number(end - start) * share))
  while (start < end) {
    if (width > end - start) width = end - start
    const cut = order === 'desc' ? end - width : start + width
    yield order === 'desc' ? [cut, end] : [start, cut]
    if (order === 'desc') end = cut
    else start = cut
    read += width
    width = wider(width, found() === 0 ? 0 : (Number(read) / found()) * (query.limit - found()))
  }
}

/** The next width: `missing` is what the rest of the limit would take. */
function wider(width: bigint, missing: number): bigint {
  const grown = width * SLICE_GROWTH
  const needed = missing * SLICE_MARGIN
  return needed > Number(grown) ? BigInt(Math.ceil(needed)) : grown
}

/** Points of the wanted series in [start, end), if parts and series are evenly filled. */
function expectedRows(
  { plan, parts, memtables, snapshot }: Scan,
  start: bigint,
  end: bigint,
): number {
  let rows = 0
  const add = (count: number, first: bigint, last: bigint): void => {
    const from = first > start ? first : start
    const to = last + 1n < end ? last + 1n : end
    if (from < to) rows += (count * Number(to - from)) / Number(last + 1n - first)
  }
  for (const { description } of parts) {
    add(description.rows, description.minTime, description.maxTime)
  }
  for (const { snapshot: held } of memtables) {
    add(held.rowCount, held.minTime, held.maxTime)
  }
  const all = snapshot.catalog.tableSeries(plan.table.id)
  return (rows * plan.series.length) / Math.max(all, 1)
}
