// Splits the series of an aggregate among scan workers and whoever asks. Workers see parts alone, so
// they take the time before the first row in memory; from there on it is the asker's. Shares are small,
// and taken as each is ready: workers from the front, the asker from the back.

import type { Grid } from '../query/grid.ts'
import type { Aggregator } from '../query/partial.ts'
import type { Plan } from '../query/plan.ts'
import type { Scan } from '../query/scan.ts'
import type { ResultName } from '../query/selection.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Execution } from '../step.ts'
import type {
  RunningTask,
  ScanResult,
  ScanTask,
  ScanWorkers,
  SharedPlan,
  WorkerAccess,
} from './task.ts'

/** Values of a share, about; there are at most so many shares. */
const SHARE_VALUES = 1_000_000
const SHARES_MAX = 64
/** Values that a summary answers cost as one. */
const SUMMARY_ROWS = BLOCK_ROWS / 8
/** Buckets narrower than so many blocks are not answered by summaries for the most part. */
const SUMMARY_BLOCKS = 2

/** Results that no summary answers. */
const SCATTER: ReadonlySet<ResultName | null> = new Set([
  ...(['variance', 'stddev', 'quantile', 'approxQuantile', 'distinctCount', 'mode'] as const),
])

/** What is aggregated: times [start, end) in the buckets of a grid. */
export interface ScanRange {
  readonly grid: Grid
  readonly start: bigint
  readonly end: bigint
}

/** Series that are left to the asker, from a time on. */
interface Rest {
  readonly indexes: Uint32Array
  readonly start: bigint
}

interface Share {
  readonly from: number
  readonly to: number
}

interface SplitSpec {
  readonly access: WorkerAccess
  readonly range: ScanRange
  readonly cut: bigint
  /** That have to be decoded, about. */
  readonly values: number
}

interface Running {
  readonly share: Share
  readonly task: RunningTask
}

export class SplitScan {
  private readonly scan: Scan
  private readonly aggregator: Aggregator
  private readonly workers: ScanWorkers
  private readonly range: ScanRange
  /** Workers take the times before it. */
  private readonly cut: bigint
  private readonly common: Omit<ScanTask, 'series'>
  private shares: Share[]
  private readonly running = new Set<Running>()
  private readonly ended: { readonly share: Share; readonly result: ScanResult | null }[] = []
  private isCancelled = false

  /** Null: the asker is better off alone. */
  static begin(scan: Scan, aggregator: Aggregator, range: ScanRange): SplitScan | null {
    const { workers } = scan.snapshot
    if (workers === undefined || !aggregator.isMergeable || scan.plan.series.length < 2) return null
    const cut = firstInMemory(scan, range)
    const values = valuesOf(scan, { ...range, end: cut })
    if (cut === range.start || values < workers.pool.valuesMin) return null
    const split = new SplitScan(scan, aggregator, { access: workers, range, cut, values })
    return split.start() ? split : null
  }

  private constructor(
    scan: Scan,
    aggregator: Aggregator,
    { access: { pool, tombstones }, range, cut, values }: SplitSpec,
  ) {
    this.scan = scan
    this.aggregator = aggregator
    this.workers = pool
    this.range = range
    this.cut = cut
    const { plan, snapshot, parts } = scan
    this.common = {
      plan: sharedPlan(plan, aggregator),
      ...{ start: range.start, end: cut, grid: range.grid },
      parts: parts
        .map(({ description }) => description)
        .filter(({ minTime, maxTime }) => minTime < cut && maxTime >= range.start),
      partVersion: snapshot.partVersion,
      tombstones: tombstones.get(plan.table.id) ?? null,
      tableSeries: snapshot.catalog.tableSeries(plan.table.id),
    }
    this.shares = sharesOf(plan.series.length, values, pool.count)
  }

  /** The asker's next share: indexes of its series, of the whole range; null if none is left. */
  take(): Uint32Array | null {
    const share = this.shares.pop()
    return share === undefined ? null : this.indexesOf(share)
  }

  /**
   * Joins what workers found, as it comes. Gives the series whose rows are not all in it, which are
   * the asker's; null at the end.
   */
  *join(): Execution<Rest | null> {
    const { scan, cut, range } = this
    while (this.ended.length === 0) {
      if (this.running.size === 0) return null
      yield { wait: Promise.race([...this.running].map(({ task }) => task.result)) }
    }
    const { share, result } = this.ended.shift()!
    const indexes = this.indexesOf(share)
    if (result === null) return { indexes, start: range.start }
    scan.budget.scanned(result.points, 0)
    scan.tally.join(result.stats)
    yield* this.aggregator.merge(result.partial)
    return { indexes, start: cut }
  }

  /** Nobody wants what is not joined. */
  cancel(): void {
    this.isCancelled = true
    this.shares = []
    for (const { task } of this.running) task.cancel()
  }

  /** Gives workers shares while they take them; whether one took any. */
  private start(): boolean {
    const { series } = this.scan.plan
    while (!this.isCancelled && this.shares.length > 0) {
      const share = this.shares[0]!
      const shared = series.share(share.from, share.to)
      const task = this.workers.start({ ...this.common, series: shared })
      if (task === null) break
      this.shares.shift()
      const running = { share, task }
      this.running.add(running)
      void this.end(running)
    }
    return this.running.size > 0
  }

  private async end(running: Running): Promise<void> {
    const result = await running.task.result
    this.running.delete(running)
    this.ended.push({ share: running.share, result })
    this.start()
  }

  private indexesOf({ from, to }: Share): Uint32Array {
    return this.scan.plan.series.indexes(from, to)
  }
}

function firstInMemory({ memtables }: Scan, { start, end }: ScanRange): bigint {
  let first = end
  for (const { snapshot } of memtables) if (snapshot.minTime < first) first = snapshot.minTime
  return first > start ? first : start
}

/** About how many values have to be decoded. */
function valuesOf({ plan, parts, snapshot }: Scan, { grid, start, end }: ScanRange): number {
  const tableSeries = Math.max(1, snapshot.catalog.tableSeries(plan.table.id))
  const needsValues =
    plan.series.hasFilters || plan.outputs.some(({ result }) => SCATTER.has(result))
  let values = 0
  for (const { description } of parts) {
    const { minTime, maxTime, rows } = description
    const from = minTime > start ? minTime : start
    const to = maxTime < end ? maxTime : end
    if (to <= from) continue
    const span = Number(maxTime - minTime) || 1
    const inRange = (rows * Number(to - from)) / span
    const blockSpan = (span * BLOCK_ROWS * tableSeries) / rows
    const isSummed = !needsValues && !isNarrow(grid, blockSpan)
    values += isSummed ? inRange / SUMMARY_ROWS : inRange
  }
  const columns = plan.fields.length + 1
  return (values * columns * plan.series.length) / tableSeries
}

/** Are buckets so narrow that blocks have to be decoded? */
function isNarrow(grid: Grid, blockSpan: number): boolean {
  if (grid.kind === 'one') return false
  if (grid.kind === 'fixed') return Number(grid.width) < SUMMARY_BLOCKS * blockSpan
  const { boundaries } = grid
  const width = Number(boundaries.at(-1)! - boundaries[0]!) / boundaries.length
  return width < SUMMARY_BLOCKS * blockSpan
}

/** Runs of neighbours: of so many that no one waits long for the last one. */
function sharesOf(series: number, values: number, workers: number): Share[] {
  const wanted = Math.max(2 * (workers + 1), Math.ceil(values / SHARE_VALUES))
  const count = Math.min(series, wanted, SHARES_MAX)
  return Array.from({ length: count }, (_, i) => ({
    from: Math.floor((series * i) / count),
    to: Math.floor((series * (i + 1)) / count),
  }))
}

function sharedPlan(plan: Plan, { outputs }: Aggregator): SharedPlan {
  const { kind, start, end, limits, order } = plan.query
  const { timeStart, timeEnd, selectedCount, isAggregate, countsRows, fields } = plan
  return {
    query: { kind, start, end, limits, order },
    table: { id: plan.table.id },
    ...{ start: plan.start, end: plan.end, timeStart, timeEnd },
    ...{ selectedCount, isAggregate, countsRows, fields, outputs },
  }
}
