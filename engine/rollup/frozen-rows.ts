// What a delete takes of buckets that are final: their points are gone, so none can be worked out anew,
// and those that lie wholly in the deleted range go, of series that are deleted as they are. A bucket
// that the range cuts stays, and so does one of a series of which a condition on fields picks points.

import type { Catalog } from '../catalog/catalog.ts'
import { TIME_MIN } from '../calendar.ts'
import type { Deleted } from '../lifecycle/hiding.ts'
import { MatchScan } from '../lifecycle/match-scan.ts'
import type { Plan, PlanSeries } from '../query/plan.ts'
import type { Snapshot } from '../query/scan.ts'
import type { Execution } from '../step.ts'
import type { BucketRun } from './dirty.ts'
import { ceilToBucket, floorToBucket, type Rollup } from './registry.ts'

/** Which points are deleted. */
export interface DeletedPoints {
  readonly plan: Plan
  /** Are all points of the plan's range deleted, of every series? */
  readonly isAll: boolean
  /** Series that the plan's condition selects, those with a filter too. */
  readonly series: () => Iterable<PlanSeries>
}

export class FrozenRows {
  /** By table of a rollup, of which each is there once. */
  readonly deleted: Deleted[] = []
  private readonly rollups: readonly Rollup[]

  private constructor(rollups: readonly Rollup[]) {
    this.rollups = rollups
  }

  /** Finds the final buckets of a snapshot that a delete takes. */
  static *find(snapshot: Snapshot, catalog: Catalog, points: DeletedPoints): Execution<FrozenRows> {
    const found = new FrozenRows(snapshot.rollups.bySource.get(points.plan.table.id) ?? [])
    for (const rollup of found.rollups) {
      const range = finalIn(rollup, points.plan)
      if (range === null) continue
      const series = yield* seriesWithRows(snapshot, catalog, points, rollup, range)
      if (series.length === 0) continue
      const ranges = {
        series: points.isAll ? null : Uint32Array.from(series).sort(),
        firsts: null,
        starts: BigInt64Array.of(range.start),
        ends: BigInt64Array.of(range.end),
      }
      found.deleted.push({ table: rollup.target, ranges })
    }
    return found
  }

  /** How many series are named. */
  get rangeCount(): number {
    return this.deleted.reduce((sum, { ranges }) => sum + (ranges.series?.length ?? 1), 0)
  }

  /** Whether the rollups still have the same final buckets. */
  isCurrent(now: readonly Rollup[]): boolean {
    return (
      now.length === this.rollups.length &&
      this.rollups.every(({ id, frozenBefore }, i) => {
        return now[i]!.id === id && now[i]!.frozenBefore === frozenBefore
      })
    )
  }
}

/** Times of the rows of final buckets that lie wholly in a plan's range; null: there are none. */
function finalIn(rollup: Rollup, plan: Plan): BucketRun | null {
  const first = ceilToBucket(rollup, plan.start)
  const last = floorToBucket(rollup, plan.end)
  const end = last < rollup.frozenBefore ? last : rollup.frozenBefore
  const start = first > TIME_MIN ? first : TIME_MIN
  return start < end ? { start, end } : null
}

/** Ids in a rollup's table of the series that lose rows; if all are deleted, of one of them. */
function* seriesWithRows(
  snapshot: Snapshot,
  catalog: Catalog,
  { plan, series, isAll }: DeletedPoints,
  { target }: Rollup,
  { start, end }: BucketRun,
): Execution<number[]> {
  const table = { ...plan.table, id: target }
  const scan = new MatchScan(snapshot, {
    ...plan,
    ...{ table, fields: [], selectedCount: 0, rollups: [] },
  })
  const found: number[] = []
  try {
    for (const { id, rank, group, tags, filter } of series()) {
      const sibling = filter === null ? catalog.siblingSeries(id, target) : -1
      if (sibling < 0) continue
      const stored = { id: sibling, rank, group, tags, filter }
      if ((yield* scan.match(stored, [start, end], null, true)) > 0) found.push(sibling)
      if (isAll && found.length > 0) break
    }
  } finally {
    scan.release()
  }
  return found
}
