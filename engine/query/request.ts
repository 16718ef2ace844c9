// Request → checked `Query`: every member's shape, times made absolute with one `now`, expressions
// parsed, the cursor matched with the request. Pure; names of columns are the planner's.

import { originOf } from '../buckets.ts'
import { checkFingerprint, decodeCursor, fingerprintOf } from './cursor.ts'
import { OmenError } from '../error.ts'
import { nearestName } from './expression/name.ts'
import { parseSelect, type SelectInput } from './expression/select.ts'
import { childrenOf, type Expression, type Selection } from './expression/tree.ts'
import { parseWhere } from './expression/where.ts'
import type {
  Duration,
  DurationUnit,
  Fill,
  LatestRequest,
  Precision,
  Query,
  QueryLimits,
  QueryRequest,
  Sampling,
  SamplingMethod,
  TimeInput,
} from './query.ts'
import { timeZoneOf } from '../time-zone.ts'
import { PRECISION_NS, parseDuration, parseFixedDuration, parseTime } from '../time.ts'

export interface QueryContext {
  readonly database: string
  /** Read once per request. A cursor brings its own. */
  readonly now: bigint
  readonly limits: QueryLimits
  /** Rows of an answer: without `limit`, and at most. Infinity for exports. */
  readonly limit: { readonly default: number; readonly max: number }
  /** See Query. */
  readonly keepsEmpty?: boolean | undefined
}

const QUERY_MEMBERS = [
  'table',
  'start',
  'end',
  'where',
  'select',
  'by',
  'every',
  'origin',
  'tz',
  'fill',
  'order',
  'limit',
  'cursor',
  'precision',
  'points',
  'method',
] as const satisfies readonly (keyof QueryRequest)[]

const LATEST_MEMBERS = [
  'table',
  'where',
  'by',
  'select',
  'start',
  'precision',
] as const satisfies readonly (keyof LatestRequest)[]

/** Points that are chosen of a series at most. */
const POINTS_MAX = 1_000_000
const NAME_BYTES_MAX = 1_024
const encoder = new TextEncoder()
const UTC_NAMES = new Set(['UTC', 'Etc/UTC', 'Etc/GMT', 'GMT', 'Z', 'Zulu', 'Etc/Zulu'])

/**
 * Checks a query. Throws OmenError with `details.pointer`: `bad_request`, `unsafe_integer`,
 * `out_of_range` (a time), `sql_syntax` with position, `unsupported`, `limit_exceeded`.
 */
export function parseQuery(request: QueryRequest, context: QueryContext): Query {
  checkMembers(request, QUERY_MEMBERS)
  const decoded = isAbsent(request.cursor) ? null : decodeCursor(textOf(request.cursor, '/cursor'))
  const now = decoded?.now ?? context.now
  const precision = precisionOf(request.precision)
  const timeOf = (name: 'start' | 'end' | 'origin'): bigint | null => {
    const input: TimeInput | null | undefined = request[name]
    return isAbsent(input) ? null : parseTime(input, precision, now, `/${name}`)
  }
  const every = isAbsent(request.every) ? null : parseDuration(request.every, '/every')
  const timeZone = zoneNameOf(request.tz, every)
  const select = isNothing(request, context) ? [] : selectOf(request.select)
  const keeps = context.keepsEmpty === true && !hasCall(select)
  const query: Query = {
    kind: 'range',
    database: context.database,
    table: tableOf(request.table),
    start: timeOf('start'),
    end: timeOf('end'),
    now,
    where: isAbsent(request.where) ? null : parseWhere(request.where),
    select,
    by: byOf(request.by),
    every,
    origin: timeOf('origin') ?? originOf(every, timeZone),
    timeZone,
    fill: fillOf(request.fill, every),
    sampling: samplingOf(request, context),
    order: orderOf(request.order),
    limit: limitOf(request.limit, context),
    cursor: decoded,
    limits: context.limits,
    ...(keeps ? { keepsEmpty: true } : {}),
  }
  if (!hasCall(query.select)) refuseOfRaw(query)
  else if (query.sampling !== null) {
    refuse('points', 'they are chosen of raw points; aggregates have every')
  }
  if (decoded !== null) checkFingerprint(decoded, fingerprintOf(query))
  return query
}

/** Checks a request for the newest points; throws as parseQuery does. Its `limit` is the context's. */
export function parseLatest(request: LatestRequest, context: QueryContext): Query {
  checkMembers(request, LATEST_MEMBERS)
  const precision = precisionOf(request.precision)
  const { start, where } = request
  const select = selectOf(request.select)
  if (hasCall(select)) refuse('select', 'the newest point has columns, not aggregates')
  return {
    kind: 'latest',
    database: context.database,
    table: tableOf(request.table),
    start: isAbsent(start) ? null : parseTime(start, precision, context.now, '/start'),
    end: null,
    now: context.now,
    where: isAbsent(where) ? null : parseWhere(where),
    select,
    by: byOf(request.by),
    every: null,
    origin: 0n,
    timeZone: 'UTC',
    fill: null,
    sampling: null,
    order: 'asc',
    limit: context.limit.default,
    cursor: null,
    limits: context.limits,
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function refuse(name: string, message: string): never {
  throw new OmenError('bad_request', `${name}: ${message}`, { pointer: `/${name}` })
}

/** What cannot be done to raw points. */
function refuseOfRaw({ every, fill, by }: { every: unknown; fill: unknown; by: unknown }): void {
  if (every !== null) refuse('every', 'buckets need an aggregate in select, like mean(x)')
  if (fill !== null) refuse('fill', 'filling needs an aggregate in select, like mean(x)')
  if (by !== null) refuse('by', 'groups need an aggregate in select; raw points come by series')
}

function checkMembers(request: unknown, members: readonly string[]): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new OmenError('bad_request', 'a request is an object', { pointer: '' })
  }
  for (const name of Object.keys(request)) {
    if (members.includes(name)) continue
    const near = nearestName(name, members)
    const advice = near === null ? `known are ${members.join(' ')}` : `did you mean ${near}?`
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const message = `${JSON.stringify(name.slice(0, 100))} is unknown: ${advice}`
    throw new OmenError('bad_request', message, { pointer })
  }
}

/** Fewest points that a method can choose. */
const POINTS_MIN: Record<SamplingMethod, number> = { lttb: 2, m4: 4, minmax: 2 }

function samplingOf({ points, method }: QueryRequest, { limit }: QueryContext): Sampling | null {
  if (!isAbsent(method) && !Object.hasOwn(POINTS_MIN, method)) {
    refuse('method', 'it is lttb, m4 or minmax')
  }
  if (isAbsent(points)) return isAbsent(method) ? null : refuse('method', 'it needs points')
  const wanted = method ?? 'lttb'
  const max = Math.min(limit.max, POINTS_MAX)
  if (Number.isSafeInteger(points) && points >= POINTS_MIN[wanted] && points <= max) {
    return { points, method: wanted }
  }
  return refuse(
    'points',
    `of ${wanted} they are a whole number from ${POINTS_MIN[wanted]} to ${max}`,
  )
}

function textOf(value: unknown, pointer: string): string {
  if (typeof value === 'string') return value
  return refuse(pointer.slice(1), `it is text, not ${typeof value}`)
}

function tableOf(table: unknown): string {
  if (isAbsent(table)) refuse('table', 'it is missing')
  const name = textOf(table, '/table')
  if (name === '') refuse('table', 'it is empty')
  if (name.length * 3 > NAME_BYTES_MAX && encoder.encode(name).length > NAME_BYTES_MAX) {
    refuse('table', `a name has at most ${NAME_BYTES_MAX} bytes`)
  }
  return name
}

function precisionOf(precision: unknown): Precision {
  if (isAbsent(precision)) return 'ms'
  if (typeof precision === 'string' && Object.hasOwn(PRECISION_NS, precision)) {
    return precision as Precision
  }
  return refuse('precision', 'it is one of ns us ms s')
}

function orderOf(order: unknown): 'asc' | 'desc' {
  if (isAbsent(order)) return 'asc'
  return order === 'asc' || order === 'desc' ? order : refuse('order', 'it is asc or desc')
}

function limitOf(limit: unknown, context: QueryContext): number {
  if (isAbsent(limit)) return context.limit.default
  const { max } = context.limit
  if (Number.isSafeInteger(limit) && (limit as number) >= 1 && (limit as number) <= max) {
    return limit as number
  }
  const range = max === Infinity ? 'of 1 or more' : `from 1 to ${max}`
  return refuse('limit', `it is a whole number ${range}`)
}

function selectOf(select: unknown): readonly Selection[] | null {
  return isAbsent(select) ? null : parseSelect(select as SelectInput)
}

/** Points without any field, which only those may ask for who keep them. */
function isNothing({ select }: QueryRequest, { keepsEmpty }: QueryContext): boolean {
  return keepsEmpty === true && Array.isArray(select) && select.length === 0
}

/** Whether any selection calls a function: then the query aggregates. */
function hasCall(select: readonly Selection[] | null): boolean {
  const calls = (node: Expression): boolean => node.kind === 'call' || childrenOf(node).some(calls)
  return select !== null && select.some((item) => calls(item.expression))
}

function byOf(by: unknown): string[] | '*' | null {
  if (isAbsent(by)) return null
  const names = typeof by === 'string' ? splitNames(by) : by
  if (!Array.isArray(names)) refuse('by', 'it is a list of tags, or *')
  if (names.length === 0) return null
  if (names.length === 1 && names[0] === '*') return '*'
  const seen = new Set<string>()
  for (const name of names as unknown[]) {
    if (typeof name !== 'string' || name === '') refuse('by', 'a tag has a name')
    if (seen.has(name)) refuse('by', `${JSON.stringify(name)} is there twice`)
    seen.add(name)
  }
  return [...seen]
}

/** `host, "a b"` → names. Commas inside double quotes do not separate. */
function splitNames(text: string): string[] {
  const items: string[] = []
  let start = 0
  let isQuoted = false
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '"') isQuoted = !isQuoted
    if (i < text.length && (isQuoted || text[i] !== ',')) continue
    items.push(unquote(text.slice(start, i).trim()))
    start = i + 1
  }
  if (isQuoted) refuse('by', 'a quote is not closed')
  return items
}

function unquote(name: string): string {
  const isQuoted = name.length > 1 && name.startsWith('"') && name.endsWith('"')
  return isQuoted ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Days and longer follow a zone's calendar; everything shorter is the same in all of them. */
function zoneNameOf(tz: unknown, every: Duration | null): string {
  if (isAbsent(tz)) return 'UTC'
  const name = textOf(tz, '/tz')
  if (UTC_NAMES.has(name)) return 'UTC'
  try {
    timeZoneOf(name)
  } catch {
    refuse('tz', `${JSON.stringify(name.slice(0, 60))} is not a time zone like Europe/Berlin`)
  }
  return every !== null && CALENDAR_UNITS.has(every.unit) ? name : 'UTC'
}

const CALENDAR_UNITS: ReadonlySet<DurationUnit> = new Set(['d', 'w', 'mo', 'y'])

function fillOf(fill: unknown, every: Duration | null): Fill | null {
  // JSON null is fill's own value, but where nothing can be filled it means "absent", as elsewhere.
  if (fill === undefined || (fill === null && every === null)) return null
  const object =
    typeof fill === 'string' && fill.trimStart().startsWith('{') ? parseJson(fill) : fill
  const found = isObject(object) ? fillOfObject(object) : fillKind(object, '/fill')
  if (found !== null && every === null) refuse('fill', 'it needs every')
  return found
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return refuse('fill', 'it is not a JSON object')
  }
}

function fillOfObject(object: Record<string, unknown>): Fill | null {
  for (const name of Object.keys(object)) {
    if (!['kind', 'maxGap', 'lookback'].includes(name)) {
      refuse(
        'fill',
        `${JSON.stringify(name.slice(0, 60))} is unknown: it has kind, maxGap, lookback`,
      )
    }
  }
  if (object['kind'] === undefined) refuse('fill', 'kind is missing')
  const fill = fillKind(object['kind'], '/fill/kind')
  const { maxGap, lookback } = object
  if (isAbsent(maxGap) && isAbsent(lookback)) return fill
  if (fill?.kind !== 'previous' && fill?.kind !== 'linear') {
    refuse('fill', 'maxGap and lookback are for previous and linear')
  }
  return {
    ...fill,
    maxGap: isAbsent(maxGap) ? null : parseFixedDuration(maxGap, '/fill/maxGap'),
    lookback: isAbsent(lookback) ? 0n : parseFixedDuration(lookback, '/fill/lookback'),
  }
}

function fillKind(kind: unknown, pointer: string): Fill | null {
  const shared = { value: 0, maxGap: null, lookback: 0n }
  if (kind === 'none') return null
  if (kind === null || kind === 'null') return { kind: 'null', ...shared }
  if (kind === 'previous' || kind === 'linear') return { kind, ...shared }
  const isNumeric = typeof kind === 'string' && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(kind)
  const value = isNumeric ? Number(kind) : kind
  if (typeof value === 'number' && Number.isFinite(value)) {
    return { ...shared, kind: 'value', value }
  }
  const message = `${pointer.slice(1)}: it is none, null, previous, linear or a number`
  throw new OmenError('bad_request', message, { pointer })
}
