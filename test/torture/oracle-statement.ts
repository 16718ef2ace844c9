// A random request of test/reference/question.ts as a statement of DuckDB, over a table with a column
// a tag (null: absent) and a field, `time` in nanoseconds and `series`, a number in the order of series.

import type { QueryRequest } from '../../engine/query/query.ts'

export interface Statement {
  readonly sql: string
  /** Columns before the values: the group's or series' tags, then the time. */
  readonly tags: readonly string[]
  readonly names: readonly string[]
}

interface Shape {
  readonly tags: readonly string[]
  readonly fields: readonly string[]
  /** Fields with integers beyond 2^50: of these DuckDB has no variance worth the name. */
  readonly large: ReadonlySet<string>
}

/** What DuckDB calls our aggregates of one column. */
const CALLS: { readonly [name: string]: (column: string, rest: string) => string } = {
  count: (column) => `count(${column})`,
  sum: (column) => `sum(${column})`,
  mean: (column) => `avg(${column})`,
  min: (column) => `min(${column})`,
  max: (column) => `max(${column})`,
  first: (column) => `first(${column} ORDER BY time, series) FILTER (${column} IS NOT NULL)`,
  last: (column) => `first(${column} ORDER BY time DESC, series) FILTER (${column} IS NOT NULL)`,
  spread: (column) => `max(${column}) - min(${column})`,
  stddev: (column) => `stddev_samp(${column})`,
  variance: (column) => `var_samp(${column})`,
  median: (column) => `quantile_cont(${column}, 0.5)`,
  quantile: (column, rest) => `quantile_cont(${column}${rest})`,
  distinct_count: (column) => `count(DISTINCT ${column})`,
  // Of its own mode, which of equals it is is not said.
  mode: (column) =>
    `list_sort(list_transform(map_entries(histogram(${column})), e -> {'n': -e.value::BIGINT, 'v': e.key}))[1].v`,
}

const DAY = 86_400_000_000_000n
const WIDTHS: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: DAY,
  w: 7n * DAY,
}
/** Weeks begin on Monday, 1970-01-05. */
const FIRST_MONDAY = 4n * DAY

/** Null: DuckDB has no such thing, or it means something else. */
export function statementOf(request: QueryRequest, shape: Shape): Statement | null {
  const { fill, points, cursor, by } = request
  if ((fill ?? null) !== null || (points ?? null) !== null || (cursor ?? null) !== null) return null
  // DuckDB makes doubles of integers in a list with a number like 1e30.
  if (shape.large.size > 0 && / IN \([^)]*\de/.test(JSON.stringify(request.where ?? null)))
    return null
  const select = request.select as readonly string[] | undefined
  const isAggregate = select?.some((item) => item.includes('(')) ?? false
  if (!isAggregate) return rawStatement(request, shape, select ?? shape.fields.map(quoted))
  if (select!.length === 1 && select![0]!.startsWith('moving_average(')) {
    return movingStatement(request, shape, select![0]!)
  }
  const calls = select!.map((item) => callOf(item, shape))
  if (calls.includes(null)) return null
  const tags = by === '*' ? shape.tags : ((by ?? []) as readonly string[])
  const bucket = bucketOf(request)
  if (bucket === null) return null
  const keys = [...tags.map(quoted), ...(request.every === undefined ? [] : [bucket])]
  const group = keys.length === 0 ? '' : ` GROUP BY ${keys.join(', ')}`
  const columns = [...tags.map(quoted), bucket, ...(calls as string[])].join(', ')
  // A group whose points have none of the fields is not there.
  const some = calls.includes('count(*)') ? ['*'] : select!.map((item) => columnOf(item))
  const having = ` HAVING ${some.map((column) => `count(${column})`).join(' + ')} > 0`
  const sql = `SELECT ${columns} FROM points WHERE ${conditionOf(request)}${group}${having}`
  return { sql, tags, names: select! }
}

/** A moving average, as a window over buckets. */
function movingStatement(
  request: QueryRequest,
  { tags: keys }: Shape,
  call: string,
): Statement | null {
  const { by, every, start } = request
  const bucket = bucketOf(request)
  const [, count, unit] = /^(\d+)(\w+)$/.exec(every ?? '') ?? []
  const width = WIDTHS[unit ?? '']
  if (bucket === null || width === undefined) return null
  const [, , column, rest] = CALL.exec(call)!
  const before = BigInt(count!) * width * (BigInt(rest!.slice(1)) - 1n)
  const tags = by === '*' ? keys : ((by ?? []) as readonly string[])
  const group = [...tags.map(quoted), 'bucket'].join(', ')
  // All of the bucket of `start`.
  const from = `(${bucket.replaceAll('time', `${start}`)} - ${before})`
  const begins = start === undefined ? 'true' : `time >= ${from}`
  const counts = start === undefined ? 'true' : `time >= ${start}`
  const where = conditionOf({ ...request, start: undefined })
  const inner = `SELECT ${[...tags.map(quoted), `${bucket} AS bucket`].join(', ')},
    count(${column}) AS n, sum(${column}) AS s, count(${column}) FILTER (${counts}) AS live
    FROM points WHERE ${where} AND ${begins} GROUP BY ${group}`
  const parts = tags.length === 0 ? '' : `PARTITION BY ${tags.map(quoted).join(', ')}`
  const frame = `RANGE BETWEEN ${before} PRECEDING AND CURRENT ROW`
  const sql = `SELECT ${group}, sum(s) OVER w / sum(n) OVER w FROM (${inner})
    WINDOW w AS (${parts} ORDER BY bucket::HUGEINT ${frame}) QUALIFY live > 0`
  return { sql, tags, names: [call] }
}

function rawStatement(
  request: QueryRequest,
  { tags }: Shape,
  fields: readonly string[],
): Statement {
  const some = fields.map((field) => `${field} IS NOT NULL`).join(' OR ')
  const columns = [...tags.map(quoted), 'time', ...fields].join(', ')
  const order = request.order === 'desc' ? 'time DESC, series' : 'time, series'
  const where = `${conditionOf(request)} AND (${some})`
  const limit = request.limit === undefined ? '' : ` ORDER BY ${order} LIMIT ${request.limit}`
  return { sql: `SELECT ${columns} FROM points WHERE ${where}${limit}`, tags, names: fields }
}

const CALL = /^(\w+)\(("(?:[^"]|"")*")(.*)\)$/

function callOf(text: string, { large }: Shape): string | null {
  if (text === 'count(*)') return text
  const [, name, column, rest] = CALL.exec(text)!
  if ((name === 'stddev' || name === 'variance') && large.has(column!)) return null
  return CALLS[name!]?.(column!, rest!) ?? null
}

const columnOf = (call: string): string => CALL.exec(call)![2]!

/** The start of a row's bucket, in nanoseconds; of the whole range if there are none; null: months, clocks. */
function bucketOf({ every, origin, tz }: QueryRequest): string | null {
  if (every === undefined || every === null) return '0'
  // Days and weeks by a clock are not all alike.
  if (/[dw]$/.test(every) && (tz ?? 'UTC') !== 'UTC') return null
  const [, count, unit] = /^(\d+)(\w+)$/.exec(every)!
  const width = WIDTHS[unit!]
  if (width === undefined) return null
  const length = BigInt(count!) * width
  const start = BigInt(origin ?? (unit === 'w' ? FIRST_MONDAY : 0n))
  const offset = `((time::HUGEINT - ${start}) % ${length} + ${length}) % ${length}`
  return `(time::HUGEINT - ${offset})::BIGINT`
}

export function conditionOf({ start, end, where }: QueryRequest): string {
  return [
    'true',
    ...(start === undefined ? [] : [`time >= ${start}`]),
    ...(end === undefined ? [] : [`time < ${end}`]),
    ...(where === undefined ? [] : [`(${inDialect(where as string)})`]),
  ].join(' AND ')
}

const TIMES =
  /("(?:[^"]|"")*") (!?~\*?) ('[^']*')|timestamptz '([^']+)' \+ interval '1 day'|'([+-]?\d+-\d\d-\d\dT[^']*Z)'|(I?LIKE '[^']*')|time (=|<>|<|<=|>|>=) (-?\d+)/g

/**
 * Times as the random conditions write them, texts or integers of milliseconds, in nanoseconds; and
 * PostgreSQL's escape, which DuckDB has none of unless told.
 */
function inDialect(where: string): string {
  const nanoseconds = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n
  return where.replace(
    TIMES,
    (
      _,
      column?: string,
      match?: string,
      pattern?: string,
      ...[later, text, like, operator, ms]: (string | undefined)[]
    ) => {
      if (match !== undefined) return matchOf(column!, match, pattern!)
      if (later !== undefined) return String(nanoseconds(later) + DAY)
      if (text !== undefined) return String(nanoseconds(text))
      if (like !== undefined) return `${like} ESCAPE '\\'`
      return `time ${operator} ${BigInt(ms!) * 1_000_000n}`
    },
  )
}

/** DuckDB's `~` is of whole texts. */
function matchOf(column: string, operator: string, pattern: string): string {
  const options = operator.endsWith('*') ? 'is' : 's'
  const call = `regexp_matches(${column}, ${pattern}, '${options}')`
  return operator.startsWith('!') ? `(NOT ${call})` : call
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
