// Which buckets of a series a rollup does not hold as they are now: those with rows in parts above its
// watermark or in memtables, and those that deletes touch which it has not taken in. Rows are not read: the next one of
// another bucket is looked up.

import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import type { TimedRows } from '../merge.ts'
import { PartRows } from '../query/part-rows.ts'
import type { PartView } from '../query/part-view.ts'
import type { Scan, Snapshot } from '../query/scan.ts'
import type { Execution } from '../step.ts'
import { ceilToBucket, floorToBucket, type Rollup } from './registry.ts'

/** Times from `start` to `end`, both the start of a bucket. */
export interface BucketRun {
  readonly start: bigint
  readonly end: bigint
}

/** Runs of buckets that are looked up one by one in a source; all that follow are taken as dirty. */
const RUNS_MAX = 256

/**
 * Runs of dirty buckets of a series in [start, end), ascending and apart. Both are the start of a
 * bucket. Some may be clean, no other is dirty.
 */
export function* dirtyRuns(
  scan: Scan,
  series: number,
  rollup: Rollup,
  start: bigint,
  end: bigint,
): Execution<BucketRun[]> {
  if (start >= end) return []
  const runs: BucketRun[] = []
  const first = start > TIME_MIN ? start : TIME_MIN
  const { parts, memtables } = yield* scan.sources(first, end)
  for (const view of parts) {
    if (view.reader.description.sequence <= rollup.watermark) continue
    const rows = yield* partRows(scan, view, series, first, end)
    if (rows !== null) yield* addRuns(runs, rows, rollup)
  }
  for (const { memtable, snapshot } of memtables) {
    const rows = yield* memtable.select(series, snapshot, first, end)
    if (rows === null) continue
    try {
      yield* addRuns(runs, rows, rollup)
    } finally {
      rows.release()
    }
  }
  for (const deleted of deletedRuns(scan.snapshot, series, rollup, start, end)) runs.push(deleted)
  return joinRuns(runs)
}

/** Runs of buckets in [start, end), which are starts, that deletes touch which are not applied. */
export function deletedRuns(
  snapshot: Pick<Snapshot, 'holes'>,
  series: number,
  rollup: Rollup,
  start: bigint,
  end: bigint,
): BucketRun[] {
  const { source: table, tombstonesFrom } = rollup
  // As a part that has applied those before would be hidden.
  const all = { table, sequence: -1n, tombstonesFrom, minTime: TIME_MIN, maxTime: TIME_MAX }
  const ranges = snapshot.holes(all)?.of(series, start, end) ?? null
  if (ranges === null) return []
  const runs = Array.from(ranges.starts, (from, i): BucketRun => {
    const first = floorToBucket(rollup, from > start ? from : start)
    const last = ceilToBucket(rollup, ranges.ends[i]! < end ? ranges.ends[i]! : end)
    return { start: first, end: last }
  })
  return joinRuns(runs.filter((run) => run.start < run.end))
}

function* partRows(
  scan: Scan,
  view: PartView,
  series: number,
  start: bigint,
  end: bigint,
): Execution<PartRows | null> {
  for (;;) {
    const range = view.range(series)
    if (range === null) return null
    if (range !== undefined) {
      const rows = new PartRows(scan.context, view, range).clip(start, end)
      if (rows !== undefined) return rows
    }
    yield* view.fetch()
  }
}

/** Adds the buckets that have rows. */
function* addRuns(runs: BucketRun[], rows: TimedRows, rollup: Rollup): Execution<void> {
  const countMax = runs.length + RUNS_MAX
  let row = rows.start
  let time = rows.firstTime
  for (;;) {
    const start = floorToBucket(rollup, time)
    const end = start + rollup.width
    if (rows.lastTime < end) {
      runs.push({ start, end })
      return
    }
    if (runs.length === countMax) {
      runs.push({ start, end: floorToBucket(rollup, rows.lastTime) + rollup.width })
      return
    }
    runs.push({ start, end })
    row = yield* found(rows.lowerBound(end, row, rows.end))
    time = yield* found(rows.timeAt(row))
  }
}

/** An answer that may have to be read. */
function* found<T extends bigint | number>(answer: T | Execution<T>): Execution<T> {
  return typeof answer === 'object' ? yield* answer : answer
}

/** Sorts runs and joins those that touch. */
export function joinRuns(runs: readonly BucketRun[]): BucketRun[] {
  const sorted = [...runs].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const joined: BucketRun[] = []
  for (const run of sorted) {
    const before = joined.at(-1)
    if (before === undefined || run.start > before.end) joined.push(run)
    else if (run.end > before.end) joined[joined.length - 1] = { start: before.start, end: run.end }
  }
  return joined
}

/** Runs without the buckets that begin before a time, which is the start of one. */
export function runsFrom(frozenBefore: bigint, runs: readonly BucketRun[]): BucketRun[] {
  const kept = runs.filter(({ end }) => end > frozenBefore)
  return kept.map(({ start, end }) => ({ start: start > frozenBefore ? start : frozenBefore, end }))
}
