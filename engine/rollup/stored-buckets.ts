// A query's range of one series, cut into stretches that the rollup answers and stretches that have to
// be read from points: the ragged ends and the dirty buckets. Stored buckets go into the aggregation as
// the partials that they are (assembly/aggregate-stored.ts).

import type { Region } from '../memory.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Aggregator } from '../query/partial.ts'
import type { Plan, PlanSeries } from '../query/plan.ts'
import { Scan } from '../query/scan.ts'
import type { Execution } from '../step.ts'
import type { PlanRollup } from './choice.ts'
import { dirtyRuns, runsFrom, type BucketRun } from './dirty.ts'
import { ceilToBucket, floorToBucket } from './registry.ts'

const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** Times [start, end) of a series: from the rollup, or from points. */
interface Stretch {
  readonly start: bigint
  readonly end: bigint
  readonly isStored: boolean
}

/** The rollup of a plan, as its query reads it. Release it when done. */
export class StoredBuckets {
  /** Of the rollup's table. */
  readonly scan: Scan
  private readonly source: Scan
  private readonly rollup: PlanRollup
  /** Buckets that begin before it may be gone. */
  private readonly cutoff: bigint
  /** Per field of the plan, the kernel's stored columns. */
  private readonly columns: Region

  /** For the plan of `source`, which has a rollup. */
  constructor(source: Scan, rollup: PlanRollup) {
    const { plan, snapshot, instance } = source
    this.source = source
    this.rollup = rollup
    this.cutoff = snapshot.catalog.cutoffOf(rollup.rollup.target)
    this.scan = new Scan(snapshot, planOf(plan, rollup))
    const size = instance.kernel.STORED_COLUMNS_SIZE.value
    this.columns = instance.memory.allocateZeroed(Math.max(1, rollup.parts.length) * size)
    const { u32 } = instance.memory
    rollup.parts.forEach((parts, field) => {
      const at = (this.columns.offset + field * size) >>> 2
      parts.forEach((column, i) => {
        u32[at + i] = column < 0 ? 0 : this.scan.chunk.values[column]!
      })
    })
  }

  /** Least and greatest time of the points behind the rollup's parts, as far as that is known. */
  get timeSlack(): bigint {
    return this.rollup.rollup.width
  }

  /** Aggregates the points of a series in [start, end); `points` does so without the rollup. */
  *addSeries(
    aggregator: Aggregator,
    series: PlanSeries,
    [start, end]: readonly [bigint, bigint],
    points: (start: bigint, end: bigint) => Execution<void>,
  ): Execution<void> {
    const { catalog } = this.source.snapshot
    const { target } = this.rollup.rollup
    // Dropped while this query paused: its series cannot be found any more.
    if (catalog.storedTable(target) === null) {
      yield* points(start, end)
      return
    }
    const id = catalog.siblingSeries(series.id, target)
    const stored = { id, rank: series.rank, group: series.group, tags: NO_TAGS, filter: null }
    for (const stretch of yield* this.stretches(series, start, end)) {
      if (!stretch.isStored) yield* points(stretch.start, stretch.end)
      else if (id >= 0) yield* this.addStored(aggregator, stored, stretch)
    }
  }

  /** Stretches of [start, end), ascending. */
  private *stretches(series: PlanSeries, start: bigint, end: bigint): Execution<Stretch[]> {
    const { rollup } = this.rollup
    // What is older has expired from the rollup.
    const from = ceilToBucket(rollup, start > this.cutoff ? start : this.cutoff)
    const to = floorToBucket(rollup, end)
    if (from >= to) return [{ start, end, isStored: false }]
    const dirty = yield* this.dirty(series, from, to)
    const points = [{ start, end: from }, ...dirty, { start: to, end }]
    return alternate(points, start, end)
  }

  private *dirty(series: PlanSeries, from: bigint, to: bigint): Execution<BucketRun[]> {
    const { rollup } = this.rollup
    return runsFrom(rollup.frozenBefore, yield* dirtyRuns(this.source, series.id, rollup, from, to))
  }

  /** Joins the stored buckets of a stretch to the aggregation. */
  private *addStored(
    aggregator: Aggregator,
    series: PlanSeries,
    { start, end }: Stretch,
  ): Execution<void> {
    const { scan, rollup } = this
    const pieces = yield* scan.open(series, start, end, { stride: BLOCK_ROWS })
    if (pieces === null) return
    const { chunk, selectedFields } = scan
    const rows = rollup.rows < 0 ? 0 : chunk.values[rollup.rows]!
    try {
      for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
        yield* chunk.load(piece, true)
        yield* chunk.add(piece, selectedFields)
        scan.budget.scanned(chunk.count, chunk.count * (selectedFields.length + 1))
        aggregator.stored(series, chunk, rows)
        yield* scan.rest()
      }
    } finally {
      pieces.close()
    }
  }

  /** Makes the aggregator read this chunk's columns. */
  bind(aggregator: Aggregator): void {
    aggregator.bindStored(this.columns.offset)
  }

  release(): void {
    this.source.instance.memory.release(this.columns)
    this.scan.release()
  }
}

/** The plan of reading the rollup's columns; its range is given when it is scanned. */
function planOf(plan: Plan, { rollup, name, columns }: PlanRollup): Plan {
  return {
    ...plan,
    table: { ...plan.table, id: rollup.target, name, columns },
    fields: columns,
    selectedCount: columns.length,
    rollup: null,
  }
}

/** `points`, which ascend and lie apart, and the stored stretches between them. */
function alternate(points: readonly BucketRun[], start: bigint, end: bigint): Stretch[] {
  const stretches: Stretch[] = []
  let at = start
  for (const run of points) {
    if (run.start >= run.end) continue
    if (at < run.start) stretches.push({ start: at, end: run.start, isStored: true })
    stretches.push({ ...run, isStored: false })
    at = run.end
  }
  if (at < end) stretches.push({ start: at, end, isStored: true })
  return stretches
}
