// A query's range of one series, cut into stretches that a rollup answers and stretches that have to be
// read from points: the ragged ends and the dirty buckets. Stored buckets go into the aggregation as the
// partials that they are (assembly/aggregate-stored.ts). What one rollup leaves the next one may have,
// which is finer or reaches further back; what all leave is read from the points that have not expired.

import { TIME_MIN } from '../calendar.ts'
import { OmenError } from '../error.ts'
import type { Region } from '../memory.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Aggregator } from '../query/partial.ts'
import type { Plan, PlanSeries } from '../query/plan.ts'
import type { QueryStats } from '../query/query.ts'
import { Scan, type StoredRows } from '../query/scan.ts'
import { timeRange } from '../query/slices.ts'
import type { Execution } from '../step.ts'
import { bucketsIn, type PlanRollup } from './choice.ts'
import { dirtyRuns, runsFrom, type BucketRun } from './dirty.ts'

const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** Aggregates the points of a series in [start, end). */
type AddPoints = (start: bigint, end: bigint) => Execution<void>

/** Times [start, end) of a series, and what answers them. */
interface Stretch extends BucketRun {
  readonly source:
    /** The buckets of the rollup. */
    | 'stored'
    /** All points there are, also expired ones: of a bucket that is not final none is gone. */
    | 'points'
    /** Whatever comes after the rollup. */
    | 'next'
}

/** The rollups of a plan, as its query reads them. Release it when done. */
export class StoredBuckets implements StoredRows {
  private readonly source: Scan
  private readonly levels: StoredLevel[] = []

  /** For the plan of `source`, which has rollups. */
  constructor(source: Scan) {
    this.source = source
    try {
      for (const rollup of source.plan.rollups) this.levels.push(new StoredLevel(source, rollup))
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Least and greatest time of the points behind the buckets, as far as that is known. */
  timeRange(): [bigint, bigint] {
    const ranges = this.levels.map((level) => level.timeRange())
    return ranges.reduce(([first, last], [from, to]) => [
      from < first ? from : first,
      to > last ? to : last,
    ])
  }

  addTo(stats: QueryStats): QueryStats {
    const all = this.levels.reduce((sum, { scan }) => scan.tally.addTo(sum), stats)
    return { ...all, rollup: this.source.plan.rollups[0]!.name }
  }

  /** Aggregates a series in [start, end); `points` reads its points. */
  addSeries(
    aggregator: Aggregator,
    series: PlanSeries,
    [start, end]: readonly [bigint, bigint],
    points: AddPoints,
  ): Execution<void> {
    return this.addFrom(0, { aggregator, series, points }, { start, end })
  }

  release(): void {
    for (const level of this.levels) level.release()
  }

  /** Aggregates a range from the rollups from `index` on. */
  private *addFrom(
    index: number,
    to: { aggregator: Aggregator; series: PlanSeries; points: AddPoints },
    range: BucketRun,
  ): Execution<void> {
    const { cutoff } = this.source.plan.table
    const level = this.levels[index]
    if (level === undefined) {
      const shown = range.start > cutoff ? range.start : cutoff
      if (shown < range.end) yield* to.points(shown, range.end)
      return
    }
    if (level.isDropped) {
      // Its series cannot be found any more.
      if (range.start < cutoff) throw level.dropped()
      yield* this.addFrom(index + 1, to, range)
      return
    }
    for (const stretch of yield* level.stretches(to.series, range)) {
      const { source, start, end } = stretch
      if (source === 'next') yield* this.addFrom(index + 1, to, stretch)
      else if (source === 'points') yield* to.points(start > TIME_MIN ? start : TIME_MIN, end)
      else yield* level.add(to.aggregator, to.series, stretch)
    }
  }
}

/** One rollup. */
class StoredLevel {
  /** Of the rollup's table. */
  readonly scan: Scan
  private readonly source: Scan
  private readonly plan: PlanRollup
  /** Per field of the plan, the kernel's stored columns. */
  private readonly columns: Region

  constructor(source: Scan, rollup: PlanRollup) {
    const { plan, snapshot, instance } = source
    this.source = source
    this.plan = rollup
    this.scan = new Scan(snapshot, planOf(plan, rollup))
    const size = instance.kernel.STORED_COLUMNS_SIZE.value
    this.columns = instance.memory.allocateZeroed(Math.max(1, rollup.parts.length) * size)
    // Before any view: making the chunk may grow the memory.
    const { values } = this.scan.chunk
    const { u32 } = instance.memory
    rollup.parts.forEach((parts, field) => {
      const at = (this.columns.offset + field * size) >>> 2
      parts.forEach((column, i) => {
        u32[at + i] = column < 0 ? 0 : values[column]!
      })
    })
  }

  get isDropped(): boolean {
    return this.source.snapshot.catalog.storedTable(this.plan.rollup.target) === null
  }

  dropped(): OmenError {
    return new OmenError('conflict', `rollup '${this.plan.name}' was dropped during the query`)
  }

  /** Times of its rows; the points of a row lie up to a bucket behind it. */
  timeRange(): [bigint, bigint] {
    const [first, last] = timeRange(this.scan)
    return first > last ? [first, last] : [first, last + this.plan.rollup.width]
  }

  /** Stretches of a range, ascending. */
  *stretches(series: PlanSeries, range: BucketRun): Execution<Stretch[]> {
    const { rollup } = this.plan
    const buckets = bucketsIn(this.plan, range)
    if (buckets === null) return [{ ...range, source: 'next' }]
    const { start, end } = buckets
    const runs = yield* dirtyRuns(this.source, series.id, rollup, start, end)
    const dirty = runsFrom(rollup.frozenBefore, runs)
    const stretches: Stretch[] = []
    const add = (from: bigint, to: bigint, source: Stretch['source']): void => {
      if (from < to) stretches.push({ start: from, end: to, source })
    }
    add(range.start, start, 'next')
    let at = start
    for (const run of dirty) {
      add(at, run.start, 'stored')
      add(run.start, run.end, 'points')
      at = run.end
    }
    add(at, end, 'stored')
    add(end, range.end, 'next')
    return stretches
  }

  /** Joins the stored buckets of a stretch of a series of the source to the aggregation. */
  *add(
    aggregator: Aggregator,
    { id, rank, group }: PlanSeries,
    { start, end }: BucketRun,
  ): Execution<void> {
    const { scan, plan, source } = this
    const sibling = source.snapshot.catalog.siblingSeries(id, plan.rollup.target)
    if (sibling < 0) return
    const series = { id: sibling, rank, group, tags: NO_TAGS, filter: null }
    // The bucket of the first time there is begins before it, and its row is at that time.
    const first = start > TIME_MIN ? start : TIME_MIN
    const pieces = yield* scan.open(series, first, end, { stride: BLOCK_ROWS })
    if (pieces === null) return
    const { chunk, selectedFields } = scan
    const rows = plan.rows < 0 ? 0 : chunk.values[plan.rows]!
    aggregator.bindStored(this.columns.offset)
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

  release(): void {
    this.source.instance.memory.release(this.columns)
    this.scan.release()
  }
}

/** The plan of reading a rollup's columns; its range is given when it is scanned. */
function planOf(plan: Plan, { rollup, name, columns }: PlanRollup): Plan {
  return {
    ...plan,
    table: { ...plan.table, id: rollup.target, name, columns },
    fields: columns,
    selectedCount: columns.length,
    rollups: [],
  }
}
