// Deletes of points by time range and condition. What takes long, finding and counting them, reads a
// snapshot while writes go on; what came meanwhile is looked at again, first the same way, in the end
// in the write queue's turn, where only the last few rows are left. A condition on fields becomes the
// set of points that meet it in that turn, so that later writes of the same points live.

import type { Catalog } from '../catalog/catalog.ts'
import { OmenError } from '../error.ts'
import { type HeldSnapshot, type QueryTarget, snapshotOf } from '../query/execute.ts'
import { type Plan, type PlanSeries, planSeries, planSteps, selectsAll } from '../query/plan.ts'
import type { Query, QueryRequest } from '../query/query.ts'
import { type QueryContext, parseQuery } from '../query/request.ts'
import { FrozenRows } from '../rollup/frozen-rows.ts'
import type { Execution } from '../step.ts'
import type { Deleted } from './hiding.ts'
import { MatchScan } from './match-scan.ts'
import { RangeList } from './range-list.ts'
import { type NewRows, newRows, timesBySeries } from './row-keys.ts'
import type { DeletedRanges } from './tombstone.ts'

/** What deletes need of a shard. */
export interface DeletionTarget extends QueryTarget {
  readonly catalog: Catalog
  /**
   * Logs tombstones together and applies them once they are durable. `find` is called in the write
   * queue's turn, gives what they hide, nothing to change nothing, and may throw.
   */
  hide(find: () => Promise<readonly Deleted[]>): Promise<void>
}

/** Separate runs of points, or series, that one delete may name. */
export const DELETE_RANGES_MAX = 1_000_000
/** Ranges of all tombstones that wait for their compaction. */
export const TOMBSTONE_RANGES_MAX = 4_000_000
/** Bytes of rows that came meanwhile which may be left to the write queue's turn: about 2,000. */
const TURN_BYTES = 64 << 10
/** How often rows that came meanwhile are looked at before the turn; each time they are fewer. */
const PASSES_MAX = 8
/** How often a delete is tried; the last time in the write queue's turn. */
const ATTEMPTS_MAX = 3
/** Points of a series that came meanwhile and are looked at one by one. */
const TIMES_MAX = 16

/** The query that counts the points to delete. Throws as parseQuery does. */
export function parseDeletion(
  table: string,
  { start, end, where, precision }: Pick<QueryRequest, 'start' | 'end' | 'where' | 'precision'>,
  context: QueryContext,
): Query {
  if ([start, end, where].every((member) => member === undefined || member === null)) {
    throw new OmenError('bad_request', 'delete: start, end or where has to say which points')
  }
  const request: QueryRequest = { table, select: { points: 'count(*)' } }
  for (const [name, value] of Object.entries({ start, end, where, precision })) {
    if (value !== undefined) Object.assign(request, { [name]: value })
  }
  const query = parseQuery(request, context)
  return { ...query, limits: { ...query.limits, maxPoints: Infinity } }
}

export class Deletions {
  private readonly target: DeletionTarget
  /** One after the other: each counts what those before left. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(target: DeletionTarget) {
    this.target = target
  }

  /**
   * Deletes the points that `query`, which counts rows without groups, would count; how many they
   * were. Final buckets of rollups go with them, uncounted. With `isDryRun` it only counts. Throws what planning throws, `limit_exceeded`, `busy`, and what `check` throws until the
   * delete is logged.
   */
  delete(query: Query, isDryRun: boolean, check?: () => void): Promise<number> {
    const result = this.last.then(() => this.run(query, isDryRun, check))
    this.last = result.catch(() => {})
    return result
  }

  private async run(query: Query, isDryRun: boolean, check?: () => void): Promise<number> {
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
      const count = await this.attempt(query, isDryRun, check)
      if (count !== null) return count
    }
    return this.deleteInTurn(query, check)
  }

  /**
   * Null: while it waited for its turn, what it had read was in the way of those before it, and went.
   */
  private async attempt(
    query: Query,
    isDryRun: boolean,
    check?: () => void,
  ): Promise<number | null> {
    const { target } = this
    const deletion = await beginDeletion(target, query, check)
    let isLost = false
    try {
      await deletion.find(isDryRun, check)
      if (isDryRun) return deletion.count
      for (let pass = 0; pass < PASSES_MAX && deletion.newBytes() > TURN_BYTES; pass++) {
        await deletion.catchUp(check)
      }
      deletion.lend()
      await target.hide(async () => {
        isLost = !deletion.keep()
        if (isLost) return []
        deletion.checkPlan()
        await deletion.catchUp(check)
        return deletion.deleted(check)
      })
      return isLost ? null : deletion.count
    } finally {
      deletion.release()
    }
  }

  /** All of it in the write queue's turn: writes wait, and nothing can be in their way. */
  private async deleteInTurn(query: Query, check?: () => void): Promise<number> {
    const { target } = this
    let count = 0
    await target.hide(async () => {
      const deletion = await beginDeletion(target, query, check)
      try {
        await deletion.find(false, check)
        count = deletion.count
        return await deletion.deleted(check)
      } finally {
        deletion.release()
      }
    })
    return count
  }
}

/** Plans a delete, as of a snapshot: what is new to the catalog since has no rows in it. */
async function beginDeletion(
  target: DeletionTarget,
  query: Query,
  check?: () => void,
): Promise<Deletion> {
  const held = target.snapshot()
  try {
    // What a longer retention would show again is deleted, too.
    const steps = planSteps(query, target.catalog, { keepsTags: false, takesExpired: true })
    return new Deletion(target, await target.run(steps, check), held)
  } catch (error) {
    held.release()
    throw error
  }
}

/** One delete: what it has found as of a snapshot, which it holds. */
class Deletion {
  /** Points that are deleted, expired ones that are still there among them. */
  count = 0
  private readonly target: DeletionTarget
  private readonly plan: Plan
  private frozen: FrozenRows | null = null
  private held: HeldSnapshot
  private scan: MatchScan
  private readonly selectsAll: boolean
  /** Ids of the plan's series, ascending. */
  private readonly ids: Uint32Array
  /** Series that are new since the plan was made. */
  private readonly added = new Map<number, PlanSeries>()
  private readonly seriesOf: (id: number) => PlanSeries | null
  /** By series with a filter. */
  private readonly found = new Map<number, RangeList>()
  private rangeCount = 0

  /** Takes over what is held. */
  constructor(target: DeletionTarget, plan: Plan, held: HeldSnapshot) {
    this.target = target
    this.plan = plan
    this.selectsAll = selectsAll(plan)
    this.seriesOf = planSeries(plan, target.catalog)
    this.ids = plan.series.ids.slice().sort()
    this.held = held
    this.scan = new MatchScan(snapshotOf(target, held), plan)
  }

  /** Finds all points of the first snapshot. */
  async find(isDryRun: boolean, check?: () => void): Promise<void> {
    await this.drive(this.findAll(!isDryRun), check)
    if (!isDryRun) await this.findFrozen(check)
  }

  /** In the write queue's turn, caught up: what is to be hidden. */
  async deleted(check?: () => void): Promise<Deleted[]> {
    const { plan, target, frozen, count } = this
    const { id: table } = plan.table
    if (!frozen?.isCurrent(target.catalog.rollups.of(table))) await this.findFrozen(check)
    const points = count === 0 ? [] : [{ table, ranges: this.ranges() }]
    return [...points, ...this.frozen!.deleted]
  }

  /** Bytes of rows that have come to memtables since. */
  newBytes(): number {
    return this.newRows(this.target.snapshot(), (held) => held.release()).reduce(
      (sum, { from, to }) => sum + to - from,
      0,
    )
  }

  /** Goes on to the present: looks again at the points that were written since. */
  async catchUp(check?: () => void): Promise<void> {
    const { target, plan } = this
    const held = target.snapshot()
    const scan = new MatchScan(snapshotOf(target, held), plan)
    try {
      await this.drive(this.replaceAll(this.newRows(held), scan), check)
    } catch (error) {
      scan.release()
      held.release()
      throw error
    }
    // Taken over first: a release that throws must not be tried again.
    const before = { scan: this.scan, held: this.held }
    this.held = held
    this.scan = scan
    before.scan.release()
    before.held.release()
  }

  /** Waits for the write queue: what it holds may go meanwhile. */
  lend(): void {
    this.held.lend()
  }

  /** Its turn has come: is all still there? */
  keep(): boolean {
    return this.held.keep()
  }

  /** Throws if the table, or a column that the condition reads, is not what it was. */
  checkPlan(): void {
    const { plan, target } = this
    const now = target.catalog.planTable(plan.query.database, plan.table.name)
    const isSame = plan.fields.every(({ id }) => now.columns.some((column) => column.id === id))
    if (now.id === plan.table.id && isSame) return
    const message = `table '${plan.table.name}' was dropped, or a column of it, during the delete`
    throw new OmenError('conflict', message)
  }

  /** The points that were found. */
  private ranges(): DeletedRanges {
    const { plan } = this
    const range = { starts: BigInt64Array.of(plan.start), ends: BigInt64Array.of(plan.end) }
    if (this.selectsAll) return { series: null, firsts: null, ...range }
    const added = [...this.added.values()]
    if (!plan.series.hasFilters && added.every(({ filter }) => filter === null)) {
      const series = Uint32Array.from([...this.ids, ...this.added.keys()]).sort()
      return { series, firsts: null, ...range }
    }
    const all = [...plan.series, ...added].sort((a, b) => a.id - b.id)
    const ids: number[] = []
    const firsts = [0]
    const starts: bigint[] = []
    const ends: bigint[] = []
    for (const { id, filter } of all) {
      const found = this.found.get(id)
      if (filter === null) {
        starts.push(plan.start)
        ends.push(plan.end)
      } else if (found !== undefined && found.length > 0) {
        for (const first of found.firsts) starts.push(first)
        for (const last of found.lasts) ends.push(last + 1n)
      } else continue
      ids.push(id)
      firsts.push(starts.length)
    }
    return {
      series: Uint32Array.from(ids),
      firsts: Uint32Array.from(firsts),
      starts: BigInt64Array.from(starts),
      ends: BigInt64Array.from(ends),
    }
  }

  release(): void {
    this.scan.release()
    this.held.release()
  }

  private newRows(now: HeldSnapshot, done?: (held: HeldSnapshot) => void): NewRows[] {
    const rows = newRows(this.held.memtables, now.memtables)
    done?.(now)
    return rows
  }

  private drive<T>(execution: Execution<T>, check?: () => void): Promise<T> {
    return this.target.run(execution, () => {
      this.held.check()
      check?.()
    })
  }

  private *findAll(isNoted: boolean): Execution<void> {
    const { plan, scan } = this
    if (!this.selectsAll) this.checkRanges(plan.series.length)
    for (const series of plan.series) {
      const found = series.filter === null ? null : this.listOf(series.id)
      const before = found?.length ?? 0
      this.count += yield* scan.match(series, [plan.start, plan.end], found, isNoted)
      this.checkRanges((found?.length ?? 0) - before)
    }
  }

  private async findFrozen(check?: () => void): Promise<void> {
    const { plan, added, held, target, selectsAll: isAll } = this
    const series = function* (): Generator<PlanSeries> {
      yield* plan.series
      yield* added.values()
    }
    const deleted = { plan, isAll, series }
    const finding = FrozenRows.find(snapshotOf(target, held), target.catalog, deleted)
    this.frozen = await this.drive(finding, check)
    this.checkRanges(this.frozen.rangeCount)
  }

  private *replaceAll(rows: readonly NewRows[], now: MatchScan): Execution<void> {
    const { plan, target } = this
    const range = [plan.start, plan.end] as const
    const { instance, catalog } = target
    const times = yield* timesBySeries(instance, catalog.pointer, plan.table.id, rows, range)
    for (const [id, written] of times) {
      const series = this.seriesWith(id)
      if (series === null) continue
      const first = written[0]!
      const last = written.at(-1)!
      if (written.length > TIMES_MAX) yield* this.replace(series, first, last, now)
      else for (const time of written) yield* this.replace(series, time, time, now)
    }
  }

  /** Looks again at the points of a series from `first` to `last`. */
  private *replace(
    series: PlanSeries,
    first: bigint,
    last: bigint,
    now: MatchScan,
  ): Execution<void> {
    const range = [first, last + 1n] as const
    this.count -= yield* this.scan.match(series, range, null)
    const found = new RangeList()
    this.count += yield* now.match(series, range, found)
    if (series.filter === null) return
    const list = this.listOf(series.id)
    const before = list.length
    list.replace(first, last, found)
    this.checkRanges(list.length - before)
  }

  /** A series that the condition selects, which may be new; null if it does not. */
  private seriesWith(id: number): PlanSeries | null {
    const known = this.added.get(id)
    if (known !== undefined) return known
    const series = this.seriesOf(id)
    if (series === null || isIn(this.ids, id)) return series
    this.added.set(id, series)
    if (!this.selectsAll) this.checkRanges(1)
    return series
  }

  private listOf(id: number): RangeList {
    let list = this.found.get(id)
    if (list === undefined) this.found.set(id, (list = new RangeList()))
    return list
  }

  private checkRanges(more: number): void {
    this.rangeCount += more
    if (this.rangeCount > DELETE_RANGES_MAX) {
      const message = `delete: more than ${DELETE_RANGES_MAX} series or separate runs of points; give a range of time, or a condition on tags alone`
      throw new OmenError('limit_exceeded', message)
    }
    const waiting = this.target.catalog.tombstones.rangeCount
    if (waiting + this.rangeCount > TOMBSTONE_RANGES_MAX) {
      const message = `delete: ${waiting} ranges of deletes before it wait for their compaction`
      throw new OmenError('busy', message, { retryAfter: 10 })
    }
  }
}

/** Is a number among ascending ones? */
function isIn(ids: Uint32Array, id: number): boolean {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle]! < id) low = middle + 1
    else high = middle
  }
  return ids[low] === id
}
