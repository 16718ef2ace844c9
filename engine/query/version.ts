// The version of an answer: a short text that changes whenever the answer may, without running the query.
// It says what was asked, what the table looks like (ids are never given twice), when its points changed
// last in the times that the query reads, and what of it has expired. Not for times that move with the
// clock. It has to be taken before the query's snapshot: an answer newer than its version is asked for
// once more, one that is older would stay.

import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type CatalogTable, seriesCountOf } from '../catalog/catalog-table.ts'
import type { Changes } from '../changes.ts'
import type { DatabaseOptions } from '../database-types.ts'
import type { ShardSnapshot } from '../shard-view.ts'
import { parseTime } from '../time.ts'
import { fingerprintOf, hashText } from './cursor.ts'
import { childrenOf, type Expression } from './expression/tree.ts'
import type { LatestRequest, Query, QueryRequest } from './query.ts'
import { parseLatest, parseQuery, type QueryContext } from './request.ts'

/** What a version needs of a shard. */
export interface VersionTarget {
  readonly catalog: Catalog
  readonly changes: Changes
  snapshot(): ShardSnapshot
}

type VersionedRequest = Partial<Pick<QueryRequest, 'end' | 'origin' | 'cursor' | 'precision'>> &
  Pick<LatestRequest, 'start'>

/** Versions of the answers that a shard gives now. */
export class Versions {
  private readonly target: VersionTarget
  private readonly contextOf: (options: DatabaseOptions) => QueryContext

  constructor(target: VersionTarget, contextOf: (options: DatabaseOptions) => QueryContext) {
    this.target = target
    this.contextOf = contextOf
  }

  /**
   * Of a query's answer, or an export's; null if what is asked moves with the clock. `shape`: how the
   * answer will be written. Throws as the query does, as far as that is seen without running it.
   */
  query(request: QueryRequest, shape: string, options: DatabaseOptions = {}): string | null {
    const query = parseQuery(request, this.contextOf(options))
    return versionOfQuery(this.target, request, query, shape)
  }

  /** Of the newest points. */
  latest(request: LatestRequest, shape: string, options: DatabaseOptions = {}): string | null {
    const query = parseLatest(request, this.contextOf(options))
    return versionOfQuery(this.target, request, query, shape)
  }

  /** Of a list of series, tags or their values; `asked` says which. Throws `not_found`. */
  list(name: string, asked: readonly unknown[], options: DatabaseOptions = {}): string {
    const { catalog, changes } = this.target
    const { database } = this.contextOf(options)
    const table = catalog.table(database, name)
    const { id, ordinalCount, tags } = table
    // The first only rises, and so does what it is above the second.
    return versionText(changes, ordinalCount, [asked, id, seriesCountOf(table), tags.size])
  }
}

function versionOfQuery(
  target: VersionTarget,
  request: VersionedRequest,
  query: Query,
  shape: string,
): string | null {
  if (isRelative(request, query)) return null
  const { catalog, changes } = target
  const table = catalog.table(query.database, query.table)
  const start = readsBefore(query) ? TIME_MIN : (query.start ?? TIME_MIN)
  const end = query.end ?? TIME_MAX + 1n
  const isMade = catalog.rollups.into(table.id) !== undefined
  // What a rollup has is made of another table, and closed by the clock.
  const number = isMade ? changes.count : changes.numberOf(table.id, start, end)
  const parts = [
    fingerprintOf(query),
    query.limit,
    request.cursor ?? null,
    shape,
    shapeOf(catalog, table),
    expiryOf(target, table, start),
  ]
  return versionText(changes, number, parts)
}

function versionText({ nonce }: Changes, number: number, parts: readonly unknown[]): string {
  return `${nonce}-${number.toString(36)}-${hashText(JSON.stringify(parts))}`
}

function shapeOf(catalog: Catalog, table: CatalogTable): unknown[] {
  const { columns } = catalog.planTable(table.database.name, table.name)
  const rollups = catalog.rollups.of(table.id)
  return [
    table.id,
    columns.map(({ id }) => id),
    table.tags.size,
    rollups.map(({ id, target }) => [id, target]),
  ]
}

/**
 * What has expired of the times from `start` on, of a table and of the rollups that answer for it. As long
 * as no point is that old, the least time is: it rises when a point goes. After that, each moment differs.
 */
function expiryOf(target: VersionTarget, table: CatalogTable, start: bigint): readonly string[] {
  const { catalog } = target
  const ids = [table.id, ...catalog.rollups.of(table.id).map(({ target: made }) => made)]
  const found: string[] = []
  for (const id of ids) {
    const cutoff = catalog.cutoffOf(id)
    if (cutoff <= start) continue
    const least = leastTime(target, id)
    found.push(least < cutoff ? `expired ${cutoff}` : `from ${least}`)
  }
  return found
}

/** No point of a table is older, as far as that is known without looking at points. */
function leastTime(target: VersionTarget, table: number): bigint {
  const held = target.snapshot()
  try {
    const parts = (held.version.tables.get(table) ?? []).map(({ description }) => description)
    const memtables = held.memtables.flatMap(({ snapshot: one }) => (one.rowCount > 0 ? [one] : []))
    return [...parts, ...memtables]
      .map(({ minTime }) => minTime)
      .reduce((a, b) => (a < b ? a : b), TIME_MAX)
  } finally {
    held.release()
  }
}

/** Does what is asked move with the clock? */
function isRelative(request: VersionedRequest, { where, now }: Query): boolean {
  const precision = request.precision ?? 'ms'
  const moves = [request.start, request.end, request.origin].some((input) => {
    if (typeof input !== 'string') return false
    return parseTime(input, precision, now, '') !== parseTime(input, precision, now + 1n, '')
  })
  return moves || (where !== null && namesNow(where))
}

function namesNow(node: Expression): boolean {
  if (node.kind === 'call' && node.name === 'now') return true
  if (node.kind === 'string' && node.value.trim().toLowerCase() === 'now') return true
  return childrenOf(node).some(namesNow)
}

/** Functions that look at nothing but the points of a bucket. */
const IN_RANGE: ReadonlySet<string> = new Set(
  (
    'count sum mean min max first last spread stddev variance median quantile approx_quantile ' +
    'distinct_count mode'
  ).split(' '),
)

/** May points before `start` matter? */
function readsBefore({ select, fill }: Query): boolean {
  if (fill !== null && fill.lookback > 0n) return true
  const looks = (node: Expression): boolean =>
    (node.kind === 'call' && !IN_RANGE.has(node.name)) || childrenOf(node).some(looks)
  return select !== null && select.some((item) => looks(item.expression))
}
