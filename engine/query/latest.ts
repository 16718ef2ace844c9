// The newest point of each series, or of each `by` group, that has a value in any selected field.
// Of many series the last row of each is decoded by random access, all of them together; where that
// row does not count, and of few series, rows are walked from the newest in pieces that start small. In
// a group, only what is newer than the best so far is looked at.

import { newestClusters, type Cluster } from './cluster.ts'
import { NewestRows } from './newest-rows.ts'
import type { PlanSeries } from './plan.ts'
import { RawReader } from './raw.ts'
import type { RawRows } from './raw-rows.ts'
import type { Answer } from './query.ts'
import type { Scan } from './scan.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import { SeriesBatches } from './series-batch.ts'
import type { Execution } from '../step.ts'

/** Rows of the first piece of a series. */
const PIECE_ROWS = 8

/** Runs a plan of kind `latest`: one row per group that has one. */
export function* executeLatest(scan: Scan): Execution<Answer> {
  const { plan } = scan
  const series = yield* (yield* newestOf(scan)).series()
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

/** The newest row of each group of such a plan. */
export function* newestOf(scan: Scan): Execution<NewestRows> {
  const { plan } = scan
  scan.budget.holds(NewestRows.bytesOf(plan.groups, plan.outputs))
  const newest = new NewestRows(plan.groups, plan.outputs)
  const reader = new RawReader(scan)
  try {
    const clusters = yield* newestClusters(scan, plan.start, plan.end)
    if (clusters === null) yield* oneByOne(scan, reader, newest)
    else yield* newestOfClusters(scan, reader, newest, clusters)
  } finally {
    reader.release()
  }
  return newest
}

/** Series after series. */
function* oneByOne(scan: Scan, reader: RawReader, newest: NewestRows): Execution<void> {
  const { series, groups, start, end } = scan.plan
  // Groups of several series: in the order of series, so of equal times the smallest stays.
  const isEach = groups.length === series.length
  for (const member of isEach ? series : series.ranked()) {
    const best = newest.timeOf(member.group)
    const from = best === null ? start : best + 1n
    const found = yield* newestRow(scan, reader, member, from, end)
    if (found !== null) newest.set(member.group, found, member.rank)
  }
}

/** Cluster after cluster from the newest, each only for the groups that have no row yet. */
function* newestOfClusters(
  scan: Scan,
  reader: RawReader,
  newest: NewestRows,
  clusters: readonly Cluster[],
): Execution<void> {
  const { series } = scan.plan
  let indexes = series.indexes()
  for (const cluster of clusters.toReversed()) {
    let others = indexes
    if (cluster.isJoint) others = yield* newestOfMany(scan, newest, cluster, others, true)
    if (cluster.isShort) others = yield* newestOfMany(scan, newest, cluster, others, false)
    for (const index of others) yield* offerNewest(scan, reader, newest, cluster, series.at(index))
    indexes = yield* newest.withoutRow(indexes, series)
  }
}

/**
 * The newest rows of a cluster, many series at once. With `isTop` the very last row of each series alone
 * is looked at. Answers the series that have to be looked at in another way.
 */
function* newestOfMany(
  scan: Scan,
  newest: NewestRows,
  cluster: Cluster,
  indexes: Uint32Array,
  isTop: boolean,
): Execution<Uint32Array> {
  const { kernel, memory } = scan.instance
  const index = memory.allocate(BLOCK_ROWS * 4)
  const others = new Uint32Array(indexes.length)
  let count = 0
  let batches: SeriesBatches | null = null
  try {
    batches = new SeriesBatches(scan, cluster, indexes, isTop)
    while (yield* batches.next()) {
      if (batches.rowCount > 0) {
        const { filter, piece, members } = batches
        const { mask } = yield* scan.load(piece, filter, true)
        const found = isTop
          ? batches.topmost(mask, index.offset)
          : kernel.manyLast(members.members, mask, scan.chunk.count, index.offset)
        newest.take(memory, scan.chunk, members, index.offset, found)
      }
      for (const other of batches.leftOut()) others[count++] = other
      yield* scan.rest()
    }
  } finally {
    batches?.release()
    memory.release(index)
  }
  return others.subarray(0, count)
}

/** The newest row that a series has in a cluster, if its group has no newer one. */
function* offerNewest(
  scan: Scan,
  reader: RawReader,
  newest: NewestRows,
  { start, end }: Cluster,
  series: PlanSeries,
): Execution<void> {
  const { group, rank } = series
  const best = newest.timeOf(group)
  const from = best !== null && best > start ? best : start
  const found = yield* newestRow(scan, reader, series, from, end)
  if (found !== null && newest.isNewer(group, rank, found.time[0]!)) newest.set(group, found, rank)
}

/** The newest row of a series in [start, end); null if there is none. */
function* newestRow(
  scan: Scan,
  reader: RawReader,
  series: PlanSeries,
  start: bigint,
  end: bigint,
): Execution<RawRows | null> {
  const options = { descending: true, rowsMax: PIECE_ROWS }
  const pieces = yield* scan.open(series, start, end, options)
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
