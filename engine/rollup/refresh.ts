// Brings a rollup up to date with the parts of its source: the buckets that its watermark does not
// cover are aggregated anew from all of their points, by the executor of queries, and written as rows of
// its table. Until the new watermark is logged queries take these buckets from points, so it may be
// given up at any time and begun again.

import type { Catalog } from '../catalog/catalog.ts'
import type { DeletedRanges } from '../lifecycle/tombstone.ts'
import { fieldTypeName } from '../field.ts'
import type { ColumnPoints } from '../ingest/column-block.ts'
import type { Execution } from '../step.ts'
import { Downsampler } from '../query/downsampler.ts'
import type { Grid } from '../query/grid.ts'
import { Aggregator, type AggregateRows } from '../query/partial.ts'
import type { Plan, PlanColumn, PlanSeries } from '../query/plan.ts'
import { SeriesList } from '../query/plan-series.ts'
import { Scan, type Snapshot } from '../query/scan.ts'
import { timeRange } from '../query/slices.ts'
import { viewVector } from '../query/vector.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { deletedRuns, dirtyRuns, runsFrom, type BucketRun } from './dirty.ts'
import { layoutOf, type RollupLayout } from './layout.ts'
import { ceilToBucket, floorToBucket, type Rollup } from './registry.ts'

/** Buckets after which rows are handed out to be written. */
const ROWS_MAX = 8_192
/** Ranges of one tombstone. */
const RANGES_MAX = 50_000
/** Series that are asked for between two pauses. */
const STEP_SERIES = 1_024
/** Rows of one series that are handed out together. */
const POINTS_MAX = 1_024
const NO_SERIES = { ids: new Uint32Array(), filters: [null], filterOf: null }
const EVERYTHING: DeletedRanges = {
  series: null,
  firsts: null,
  starts: BigInt64Array.of(TIME_MIN),
  ends: BigInt64Array.of(TIME_MAX + 1n),
}
const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** One refresh over parts that the caller holds. Call `close` when done, also after an error. */
export class RollupRefresh {
  private readonly snapshot: Snapshot
  private readonly rollup: Rollup
  private readonly catalog: Catalog
  private readonly layout: RollupLayout
  private readonly scan: Scan
  /** Buckets that begin before are left as they are: they are final, or have expired themselves. */
  private readonly from: bigint
  private series: Uint32Array | null = null
  private targets: Uint32Array | null = null
  private targetAt = 0
  private seriesAt = 0
  /** What is left to do for the series before `seriesAt`. */
  private runs: BucketRun[] = []

  /**
   * `snapshot` has no memtables: what they hold stays dirty. Points are read also if they have
   * expired: none is gone from a bucket that is not final. A rollup that is built begins at `built`,
   * the start of a bucket.
   */
  constructor(snapshot: Snapshot, rollup: Rollup, catalog: Catalog, built: bigint) {
    this.snapshot = snapshot
    this.rollup = rollup
    this.catalog = catalog
    this.from = startOf(catalog, rollup, built)
    const columns = catalog.storedTable(rollup.source)!.columns
    this.layout = layoutOf(rollup.definition, (name) => fieldTypeName(columns.get(name)!.type))
    const fields = this.layout.fields.map(({ name }) => columns.get(name)!)
    this.scan = new Scan(snapshot, planOf(catalog, rollup, this.layout, fields))
  }

  /**
   * The next buckets that deletes touched, as ranges of the rollup's table; null at the end. They are
   * to be hidden before the rows of `next` are written: what has no points any more has no row. So is
   * all that a build which was given up has left.
   */
  *deleted(): Execution<DeletedRanges | null> {
    const { catalog, rollup, snapshot } = this
    const isFirst = this.targets === null
    this.targets ??= (yield* catalog.findSeries(rollup.target, [])).slice().sort()
    if (rollup.watermark < 0n) return isFirst && this.targets.length > 0 ? EVERYTHING : null
    const from = floorToBucket(rollup, TIME_MIN)
    const series: number[] = []
    const firsts = [0]
    const runs: BucketRun[] = []
    while (this.targetAt < this.targets.length && runs.length < RANGES_MAX) {
      const target = this.targets[this.targetAt++]!
      const source = catalog.siblingSeries(target, rollup.source)
      const all = source < 0 ? [] : deletedRuns(snapshot, source, rollup, from, TIME_MAX + 1n)
      const thawed = runsFrom(this.from, all)
      if (thawed.length > 0) {
        runs.push(...thawed)
        series.push(target)
        firsts.push(runs.length)
      }
      if (this.targetAt % STEP_SERIES === 0) yield { pause: true }
    }
    if (runs.length === 0) return null
    return {
      series: Uint32Array.from(series),
      firsts: Uint32Array.from(firsts),
      starts: BigInt64Array.from(runs, ({ start }) => (start < TIME_MIN ? TIME_MIN : start)),
      ends: BigInt64Array.from(runs, ({ end }) => (end > TIME_MAX ? TIME_MAX + 1n : end)),
    }
  }

  /** The next rows to write, by series; null at the end. */
  *next(): Execution<ColumnPoints[] | null> {
    this.series ??= yield* this.dirtySeries()
    const { scan, layout, rollup } = this
    const grid: Grid = { kind: 'fixed', origin: rollup.origin, width: rollup.width }
    const { fields } = scan.plan
    const aggregator = new Aggregator(scan.instance, {
      ...{ fields, outputs: layout.columns, grid },
      maxBuckets: Infinity,
    })
    try {
      const downsampler = new Downsampler(scan, aggregator, { grid })
      while (aggregator.count < ROWS_MAX) {
        const run = yield* this.nextRun()
        if (run === null) break
        const series = seriesOf(this.series[this.seriesAt - 1]!, this.seriesAt - 1)
        yield* downsampler.addRange(series, run.start, run.end)
      }
      return aggregator.count === 0 ? null : this.pointsOf(aggregator.results())
    } finally {
      aggregator.release()
      scan.unpin()
    }
  }

  close(): void {
    this.scan.release()
  }

  /** Cuts a piece of at most ROWS_MAX buckets off what is dirty; null at the end. */
  private *nextRun(): Execution<BucketRun | null> {
    const { rollup, scan } = this
    while (this.runs.length === 0) {
      if (this.seriesAt === this.series!.length) return null
      const id = this.series![this.seriesAt++]!
      const all = yield* dirtyRuns(
        ...([scan, id, rollup, floorToBucket(rollup, TIME_MIN), TIME_MAX + 1n] as const),
      )
      this.runs = this.withPoints(runsFrom(this.from, all))
      yield* scan.rest()
    }
    const { start, end } = this.runs[0]!
    const cut = start + rollup.width * BigInt(ROWS_MAX)
    if (cut < end) this.runs[0] = { start: cut, end }
    else this.runs.shift()
    return { start, end: cut < end ? cut : end }
  }

  /** Runs as far as the source has points at all: deletes may reach from the first to the last time. */
  private withPoints(runs: readonly BucketRun[]): BucketRun[] {
    const { rollup } = this
    const [first, last] = timeRange(this.scan)
    const start = floorToBucket(rollup, first)
    const end = ceilToBucket(rollup, last + 1n)
    return runs
      .map((run) => ({
        start: run.start > start ? run.start : start,
        end: run.end < end ? run.end : end,
      }))
      .filter((run) => run.start < run.end)
  }

  /** Ids of the series in parts above the watermark, or with deletes above it, ascending. */
  private *dirtySeries(): Execution<Uint32Array> {
    const { rollup, snapshot } = this
    const found = new Set<number>()
    const pins = snapshot.cache.pins()
    try {
      for (const reader of snapshot.parts(rollup.source)) {
        if (reader.description.sequence <= rollup.watermark) continue
        yield* reader.open(pins)
        for (let i = 0; i < reader.seriesPageCount; i++) {
          const { ids, count } = yield* reader.seriesPage(pins, i)
          const { u32 } = snapshot.instance.memory
          for (let k = 0; k < count; k++) found.add(u32[(ids >>> 2) + k]!)
          pins.release()
          yield { pause: true }
        }
      }
    } finally {
      pins.release()
    }
    let asked = 0
    for (const id of yield* this.catalog.findSeries(rollup.source, [])) {
      const from = floorToBucket(rollup, TIME_MIN)
      if (deletedRuns(snapshot, id, rollup, from, TIME_MAX + 1n).length > 0) found.add(id)
      if (++asked % STEP_SERIES === 0) yield { pause: true }
    }
    return Uint32Array.from(found).sort()
  }

  /** Buckets of each series as points of the rollup's table. */
  private pointsOf({ groups, buckets, fields }: AggregateRows): ColumnPoints[] {
    const { catalog, rollup, layout } = this
    const { name: table, columns } = catalog.storedTable(rollup.target)!
    const points: ColumnPoints[] = []
    for (let from = 0; from < groups.length;) {
      let to = from + 1
      const end = Math.min(groups.length, from + POINTS_MAX)
      while (to < end && groups[to] === groups[from]) to++
      points.push({
        table,
        tags: catalog.seriesTags(this.series![groups[from]!]!),
        times: buckets.subarray(from, to),
        fields: layout.columns.map(({ name }, i) => {
          const { values, valid } = viewVector(fields[i]!, from, to)
          const { type } = columns.get(name)!
          return { name, type, values, valid, declared: true, isComputed: true }
        }),
      })
      from = to
    }
    return points
  }
}

function startOf(catalog: Catalog, rollup: Rollup, built: bigint): bigint {
  const kept = ceilToBucket(rollup, catalog.cutoffOf(rollup.target))
  const final = rollup.watermark < 0n ? built : rollup.frozenBefore
  return kept > final ? kept : final
}

function seriesOf(id: number, group: number): PlanSeries {
  return { id, rank: 0, group, tags: NO_TAGS, filter: null }
}

/** The plan of reading all points of the fields. */
function planOf(
  catalog: Catalog,
  rollup: Rollup,
  layout: RollupLayout,
  fields: readonly PlanColumn[],
): Plan {
  const limits = {
    maxPoints: Infinity,
    maxBuckets: Infinity,
    timeoutMs: Infinity,
    queryBytes: Infinity,
  }
  return {
    query: {
      ...{ kind: 'range', database: '', table: '', start: null, end: null, now: 0n, where: null },
      ...{ select: null, by: null, every: null, origin: rollup.origin, timeZone: 'UTC' },
      ...{ fill: null, sampling: null, order: 'asc', limit: Infinity, cursor: null, limits },
    },
    table: {
      id: rollup.source,
      name: '',
      partitionSeconds: 0,
      columns: fields,
      tagKeys: [],
      cutoff: TIME_MIN,
    },
    ...{ start: TIME_MIN, end: TIME_MAX + 1n, timeStart: TIME_MIN, timeEnd: TIME_MAX + 1n },
    series: new SeriesList(catalog, NO_SERIES, null, null),
    groups: { length: 0, at: () => new Map() },
    ...{ groupKeys: null, fields, selectedCount: fields.length },
    ...{ outputs: layout.columns, isAggregate: true, countsRows: layout.rows !== null },
    ...{ columns: [], rollups: [] },
  }
}
