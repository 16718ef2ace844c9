// Buckets of a snapshot: every piece of every series of a plan goes into the Aggregator, rows of a part
// without a filter as a run in few kernel calls (assembly/aggregate-run.ts), all else as chunks, together
// with scan workers where they pay; what rollups hold comes as it is stored.

import { bucketBoundaries, bucketRule, bucketWidth } from '../buckets.ts'
import { TIME_MAX } from '../calendar.ts'
import { shortClusters } from './cluster.ts'
import type { AggregatedRange, BucketSource } from './downsample.ts'
import { Downsampler } from './downsampler.ts'
import type { Grid } from './grid.ts'
import { Aggregator, type AggregatePartial, type AggregateRows } from './partial.ts'
import type { Plan } from './plan.ts'
import type { QueryStats } from './query.ts'
import type { Scan } from './scan.ts'
import { type ScanRange, SplitScan } from '../scan-workers/split.ts'
import type { Output } from './selection.ts'
import { timeRange } from './slices.ts'
import type { Execution } from '../step.ts'
import { StoredBuckets } from '../rollup/stored-buckets.ts'

/** The buckets of a scan's plan. */
export class ScanBuckets implements BucketSource {
  readonly isOrdered = true
  private readonly scan: Scan
  private readonly stored: StoredBuckets | null

  /** The rollups that it opens go with the scan. */
  constructor(scan: Scan) {
    this.scan = scan
    this.stored = scan.plan.rollups.length === 0 ? null : new StoredBuckets(scan)
    scan.stored = this.stored
  }

  get plan(): Plan {
    return this.scan.plan
  }

  timeRange(): [bigint, bigint] {
    return timeRange(this.scan)
  }

  stats(): QueryStats {
    return this.scan.stats()
  }

  *aggregate(range: AggregatedRange): Execution<AggregateRows> {
    const aggregator = yield* this.aggregatorOf(range)
    try {
      return yield* aggregator.resultSteps()
    } finally {
      aggregator.release()
    }
  }

  /** An aggregator of the points of [start, end) of all series of the plan. Release it. */
  *aggregatorOf({
    start,
    end,
    usesRollups,
    seedsFrom,
    outputs,
  }: AggregatedRange): Execution<Aggregator> {
    const { scan } = this
    const grid = yield* gridOf(scan, start, end)
    const aggregator = aggregatorOf(scan, grid, outputs)
    let isFilled = false
    try {
      if (this.stored === null || !usesRollups) {
        yield* addSplit(scan, aggregator, { grid, start, end, seedsFrom })
      } else yield* this.addStored(this.stored, aggregator, { grid, start, end })
      isFilled = true
    } finally {
      if (!isFilled) aggregator.release()
    }
    return aggregator
  }

  private *addStored(
    stored: StoredBuckets,
    aggregator: Aggregator,
    { grid, start, end }: ScanRange,
  ): Execution<void> {
    const downsampler = new Downsampler(this.scan, aggregator, { grid })
    for (const series of this.plan.series) {
      yield* stored.addSeries(aggregator, series, [start, end], (from, to) =>
        downsampler.addRange(series, from, to),
      )
    }
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
