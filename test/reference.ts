// A naive database: rows are objects in an array, a query is a chain of filters and sorts, times
// and integers are bigints. It shares only the readers of requests, expressions and times with the
// engine (they have tests of their own) and answers what the engine must answer.

import { finish } from '../engine/step.ts'
import { TIME_MIN } from '../engine/calendar.ts'
import { bucketBoundaries, bucketRule, bucketStart } from '../engine/buckets.ts'
import { encodeCursor } from '../engine/query/cursor.ts'
import { OmenError } from '../engine/error.ts'
import { resolveColumn, resolveName, unknownColumn } from '../engine/query/expression/name.ts'
import type { Column, Selection } from '../engine/query/expression/tree.ts'
import type {
  AnswerColumn,
  LatestRequest,
  Query,
  QueryRequest,
  Sampling,
  ValueType,
} from '../engine/query/query.ts'
import { type QueryContext, parseLatest, parseQuery } from '../engine/query/request.ts'
import { type Aggregate, type Cell, aggregateOf } from './reference/aggregate.ts'
import { type Known, checkFillValue, fillColumn } from './reference/fill.ts'
import { differencesOf, holdsOf } from './reference/neighbours.ts'
import { chosenRows } from './reference/sampling.ts'
import { type ReferencePoint, ReferenceTable, type Row, seriesText } from './reference/table.ts'
import { compileWhere, orderTexts } from './reference/where.ts'

export type { ReferencePoint, Value } from './reference/table.ts'
export type { Cell } from './reference/aggregate.ts'

export interface ReferenceSeries {
  readonly tags: readonly (readonly [string, string | null])[]
  readonly time: bigint[]
  /** By column, then row. */
  readonly fields: Cell[][]
}

export interface ReferenceAnswer {
  readonly columns: AnswerColumn[]
  readonly series: ReferenceSeries[]
  readonly rowCount: number
  readonly cursor: string | null
}

interface AnswerRow {
  readonly tags: readonly (readonly [string, string | null])[]
  readonly time: bigint
  readonly cells: readonly Cell[]
}

/** A column of the answer: a field as it is, or an aggregate of one (null = of points). */
interface Output {
  readonly name: string
  readonly type: ValueType
  readonly field: string | null
  readonly aggregate: Aggregate | null
}

export class ReferenceDatabase {
  private readonly tables = new Map<string, ReferenceTable>()

  write(points: readonly ReferencePoint[]): void {
    for (const point of points) {
      let table = this.tables.get(point.table)
      if (table === undefined)
        this.tables.set(point.table, (table = new ReferenceTable(point.table)))
      table.write(point)
    }
  }

  query(request: QueryRequest, context: QueryContext): ReferenceAnswer {
    const query = parseQuery(request, context)
    const table = this.table(query.table)
    const outputs = outputsOf(query, table)
    const isRaw = outputs.every(({ aggregate }) => aggregate === null)
    const rows = isRaw ? rawRows(query, table, outputs) : aggregateRows(query, table, outputs)
    return answerOf(query, outputs, rows)
  }

  /** Deletes the points that count(*) of the request counts; how many they were. */
  delete(
    request: Pick<QueryRequest, 'table' | 'start' | 'end' | 'where'>,
    context: QueryContext,
  ): number {
    const query = parseQuery({ ...request, select: { points: 'count(*)' } }, context)
    const table = this.table(query.table)
    const rows = countedRows(query, table, outputsOf(query, table))
    table.remove(rows)
    return rows.length
  }

  latest(request: LatestRequest, context: QueryContext): ReferenceAnswer {
    const query = parseLatest(request, context)
    const table = this.table(query.table)
    const outputs = outputsOf(query, table)
    const keys = query.by === null ? null : groupKeys(query, table)
    const groups = new Map<string, AnswerRow>()
    for (const row of countedRows(query, table, outputs)) {
      const tags = keys === null ? [...row.tags] : groupTags(row, keys)
      const name = seriesText(tags)
      const best = groups.get(name)
      // Rows come by time, then series: the first of the newest time stays.
      if (best !== undefined && best.time === row.time) continue
      groups.set(name, { tags, time: row.time, cells: rawCells(row, outputs) })
    }
    return answerOf(query, outputs, [...groups.values()])
  }

  /** Tags of every series of a table, in order. */
  series(name: string): (readonly [string, string])[][] {
    const found = new Map<string, (readonly [string, string])[]>()
    for (const { tags } of this.table(name).rows) found.set(seriesText(tags), [...tags])
    return [...found.values()].sort(orderTags)
  }

  private table(name: string): ReferenceTable {
    const table = this.tables.get(name)
    if (table === undefined) throw new OmenError('not_found', `table ${name} does not exist`)
    return table
  }
}

function outputsOf(query: Query, table: ReferenceTable): Output[] {
  const outputs =
    query.select === null
      ? [...table.fields.keys()].sort(orderTexts).map((name) => fieldOutput(name, name, table))
      : query.select.map((selection) => outputOf(selection, table))
  const names = new Set(['time', ...outputs.map(({ name }) => name)])
  if (names.size !== outputs.length + 1) throw new OmenError('bad_request', 'a name is there twice')
  const aggregates = outputs.filter(({ aggregate }) => aggregate !== null).length
  if (aggregates !== 0 && aggregates !== outputs.length) {
    throw new OmenError('bad_request', 'aggregates beside fields')
  }
  return outputs
}

function outputOf({ name, expression, pointer }: Selection, table: ReferenceTable): Output {
  if (expression.kind === 'column') {
    return fieldOutput(name, fieldName(expression, table, pointer), table)
  }
  if (expression.kind !== 'call') throw new OmenError('unsupported', `select: ${expression.kind}`)
  const [argument, parameter] = expression.arguments
  const q = parameter?.kind === 'number' ? parameter.value : null
  if (argument?.kind === 'star') {
    const aggregate = aggregateOf(expression.name, null, q)
    return { name, type: aggregate.type, field: null, aggregate }
  }
  if (argument?.kind !== 'column') throw new OmenError('unsupported', 'select: an argument')
  const field = fieldName(argument, table, pointer)
  const aggregate = aggregateOf(expression.name, table.fields.get(field)!, q)
  return { name, type: aggregate.type, field, aggregate }
}

function fieldOutput(name: string, field: string, table: ReferenceTable): Output {
  return { name, type: table.fields.get(field)!, field, aggregate: null }
}

function fieldName(column: Column, table: ReferenceTable, pointer: string): string {
  const names = [...table.fields.keys(), ...table.tagKeys, 'time']
  const name = resolveColumn(column.name, column.quoted, names)
  if (name === null) throw unknownColumn(column, names, pointer)
  if (!table.fields.has(name)) throw new OmenError('bad_request', `select: ${name} is no field`)
  return name
}

/** Points that count, by time, ties by series. Without a range of time if `isUnbounded`. */
function countedRows(
  query: Query,
  table: ReferenceTable,
  outputs: readonly Output[],
  isUnbounded = false,
): Row[] {
  const passes = query.where === null ? null : compileWhere(query.where, table, query.now)
  const countsAll = outputs.some(({ field }) => field === null)
  return table.rows
    .filter(({ time }) => isUnbounded || query.start === null || time >= query.start)
    .filter(({ time }) => isUnbounded || query.end === null || time < query.end)
    .filter((row) => passes === null || passes(row) === true)
    .filter((row) => countsAll || outputs.some(({ field }) => row.fields.has(field!)))
    .sort((a, b) => orderTimes(a.time, b.time) || orderTags([...a.tags], [...b.tags]))
}

function rawCells(row: Row, outputs: readonly Output[]): Cell[] {
  return outputs.map(({ field }) => ({ value: row.fields.get(field!) ?? null, scale: 0 }))
}

function rawRows(query: Query, table: ReferenceTable, outputs: readonly Output[]): AnswerRow[] {
  const rows = countedRows(query, table, outputs)
  const { sampling } = query
  return (sampling === null ? rows : sampledRows(rows, outputs, sampling)).map((row) => ({
    tags: [...row.tags],
    time: row.time,
    cells: rawCells(row, outputs),
  }))
}

/** Of each series the points that a chart of its one field needs. */
function sampledRows(
  rows: readonly Row[],
  outputs: readonly Output[],
  { points, method }: Sampling,
): Row[] {
  const [output] = outputs
  if (outputs.length !== 1) throw new OmenError('bad_request', 'points: of one field')
  if (output!.type === 'string' || output!.type === 'boolean') {
    throw new OmenError('type_conflict', 'points: of numbers')
  }
  const series = groupsOf(rows, [...new Set(rows.flatMap(({ tags }) => [...tags.keys()]))])
  return series.flatMap(({ rows: some }) => {
    const plain = some.map(({ time, fields }) => ({ time, value: fields.get(output!.field!)! }))
    return chosenRows(plain, points, method).map((row) => some[row]!)
  })
}

type Tags = readonly (readonly [string, string | null])[]

interface Group {
  readonly tags: Tags
  readonly rows: Row[]
}

function groupKeys(query: Query, table: ReferenceTable): string[] {
  const keys = [...table.tagKeys].sort(orderTexts)
  if (query.by === '*') return keys
  const wanted = (query.by ?? []).map((name) => {
    const key = resolveName(name, keys)
    if (key !== null) return key
    throw unknownColumn({ name, quoted: false, position: null }, keys, '/by')
  })
  return keys.filter((key) => wanted.includes(key))
}

function groupTags(row: Row, keys: readonly string[]): Tags {
  return keys.map((key) => [key, row.tags.get(key) ?? null] as const)
}

function groupsOf(rows: readonly Row[], keys: readonly string[]): Group[] {
  const groups = new Map<string, Group>()
  for (const row of rows) {
    const tags = groupTags(row, keys)
    const name = seriesText(tags)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, { tags, rows: [row] })
    else group.rows.push(row)
  }
  return [...groups.values()]
}

function aggregateRows(
  query: Query,
  table: ReferenceTable,
  outputs: readonly Output[],
): AnswerRow[] {
  const keys = groupKeys(query, table)
  if (query.every === null && outputs.some(({ aggregate }) => aggregate!.buckets !== undefined)) {
    throw new OmenError('bad_request', 'moving averages are of buckets')
  }
  const counted = countedRows(query, table, outputs)
  const groups = groupsOf(counted, keys)
  const range = rangeOf(query, table, outputs, query)
  checkFillValue(query.fill, outputs)
  if (query.every === null) {
    return groups.map(({ tags, rows }) => ({
      tags,
      time: query.start ?? rows[0]!.time,
      cells: cellsOf({ tags, rows, bucket: null }, outputs, range),
    }))
  }
  const bucketed = groups.map((group) => ({ ...group, buckets: bucketsOf(group.rows, query) }))
  if (query.fill === null) {
    return bucketed.flatMap(({ tags, buckets }) =>
      [...buckets].map(([bucket, rows]) => {
        return { tags, time: bucket, cells: cellsOf({ tags, rows, bucket }, outputs, range) }
      }),
    )
  }
  const grid = gridOf(
    query,
    bucketed.flatMap(({ buckets }) => [...buckets.keys()]),
  )
  const before = lookbackOf(query, table, outputs)
  const known = new Map(
    groupsOf(before?.rows ?? [], keys).map((group) => [seriesText(group.tags), group.rows]),
  )
  return bucketed.flatMap(({ tags, buckets }) => {
    const rows = bucketsOf(known.get(seriesText(tags)) ?? [], query)
    return filledRows(outputs, tags, grid, { buckets, range, known: rows, before: before ?? range })
  })
}

/** What is worked out of a range of time: its rows, and those before that its first buckets look at. */
interface Range {
  readonly query: Query
  /** That count in it. */
  readonly rows: Row[]
  /** Those and the ones up to a bucket before, with which differences begin. */
  readonly seeded: Row[]
  /** All until its end. */
  readonly history: Row[]
  readonly start: bigint | null
}

function rangeOf(
  query: Query,
  table: ReferenceTable,
  outputs: readonly Output[],
  { start, end }: { readonly start: bigint | null; readonly end: bigint | null },
): Range {
  const all = countedRows(query, table, outputs, true)
  const history = all.filter(({ time }) => end === null || time < end)
  const rows = history.filter(({ time }) => start === null || time >= start)
  const seeds = seedsFrom(query, start)
  const seeded = history.filter(({ time }) => start === null || time >= seeds!)
  return { query, rows, seeded, history, start }
}

/** The time from which on points before `start` may begin the first differences of series. */
function seedsFrom(query: Query, start: bigint | null): bigint | null {
  const rule = bucketRule(query)
  if (start === null || rule === null || query.start === null) return start
  const bucket = bucketStart(rule, start)
  const isFixed = rule.every.width !== null && rule.timeZone === 'UTC'
  const width = isFixed ? rule.every.width! : bucket - bucketStart(rule, bucket - 1n)
  return start - width
}

/** One cell's place: rows of a group in a bucket, null = there are none. */
interface Place {
  readonly tags: Tags
  readonly rows: readonly Row[]
  readonly bucket: bigint | null
}

/** Where a bucket ends; of the one that is the range, the range. */
function endOf({ query }: Range, bucket: bigint | null): bigint | null {
  if (bucket !== null) return finish(bucketBoundaries(bucketRule(query)!, bucket, bucket + 1n))[1]!
  const { end } = query
  return end
}

/** Rows of a group in the n buckets that end with one. */
function windowOf({ query, history }: Range, { tags, bucket }: Place, n: number): Row[] {
  const rule = bucketRule(query)!
  let from = bucket!
  for (let i = 1; i < n && from > TIME_MIN; i++) from = bucketStart(rule, from - 1n)
  const end = finish(bucketBoundaries(rule, bucket!, bucket! + 1n))[1]!
  return history.filter((row) => {
    const isOfGroup = tags.every(([key, value]) => (row.tags.get(key) ?? null) === value)
    return isOfGroup && row.time >= from && row.time < end
  })
}

function cellsOf(place: Place, outputs: readonly Output[], range: Range): Cell[] {
  return outputs.map(({ field, aggregate }) => {
    const { buckets } = aggregate!
    const rows = buckets === undefined ? place.rows : windowOf(range, place, buckets)
    const present = field === null ? [] : rows.filter((row) => row.fields.has(field))
    // Of the newest points, the one of the smallest series.
    const last = present.find((row) => row.time === present.at(-1)!.time)
    const values = present.map((row) => row.fields.get(field!)!)
    const differences = field === null ? [] : differencesOf(rows, range.seeded, field)
    const holds = field === null ? [] : holdsOf(present, field, endOf(range, place.bucket))
    const newest = last?.fields.get(field!) ?? null
    return aggregate!.of(values, rows.length, newest, differences, holds)
  })
}

function bucketsOf(rows: readonly Row[], query: Query): Map<bigint, Row[]> {
  const buckets = new Map<bigint, Row[]>()
  for (const row of rows) {
    const start = bucketStart(bucketRule(query)!, row.time)
    const bucket = buckets.get(start)
    if (bucket === undefined) buckets.set(start, [row])
    else bucket.push(row)
  }
  return buckets
}

/** Starts of all buckets of the answer, ascending. */
function gridOf(query: Query, found: readonly bigint[]): bigint[] {
  const { start, end } = query
  const rule = bucketRule(query)!
  if (found.length === 0) return []
  const ascending = [...found].sort(orderTimes)
  // The bucket of `start` may begin before it, and be the last one.
  const from = start === null ? ascending[0]! : bucketStart(rule, start)
  const to = end ?? ascending.at(-1)! + 1n
  return [...finish(bucketBoundaries(rule, from, to))].slice(0, -1)
}

/** What fill may see before `start`; null: nothing. */
function lookbackOf(query: Query, table: ReferenceTable, outputs: readonly Output[]): Range | null {
  const { start, fill } = query
  if (start === null || fill === null || fill.lookback === 0n) return null
  return rangeOf(query, table, outputs, { start: start - fill.lookback, end: start })
}

interface Filled {
  readonly buckets: ReadonlyMap<bigint, Row[]>
  readonly range: Range
  /** Buckets of the lookback. */
  readonly known: ReadonlyMap<bigint, Row[]>
  readonly before: Range
}

function filledRows(
  outputs: readonly Output[],
  tags: Tags,
  grid: readonly bigint[],
  { buckets, range, known, before }: Filled,
): AnswerRow[] {
  const newestFirst = [...known].sort(([a], [b]) => orderTimes(b, a))
  const columns = outputs.map((output) => {
    const cells = grid.map((bucket): Cell => {
      const rows = buckets.get(bucket)
      const isAlways = output.aggregate!.buckets !== undefined
      if (rows === undefined && !isAlways) return { value: null, scale: 0 }
      return cellsOf({ tags, rows: rows ?? [], bucket }, [output], range)[0]!
    })
    const last = newestFirst.map(([bucket, rows]): Known => ({
      time: bucket,
      cell: cellsOf({ tags, rows, bucket }, [output], before)[0]!,
    }))
    const value = last.find(({ cell }) => cell.value !== null) ?? null
    return fillColumn(grid, cells, output.type, range.query.fill!, value)
  })
  return grid.map((time, row) => ({ tags, time, cells: columns.map((cells) => cells[row]!) }))
}

/** Orders, cuts and groups the rows as the request wants. */
function answerOf(query: Query, outputs: readonly Output[], rows: AnswerRow[]): ReferenceAnswer {
  const sign = query.order === 'asc' ? 1 : -1
  const order = (
    a: Pick<AnswerRow, 'time' | 'tags'>,
    b: Pick<AnswerRow, 'time' | 'tags'>,
  ): number => sign * orderTimes(a.time, b.time) || orderTags(a.tags, b.tags)
  const { cursor } = query
  const left = rows.sort(order).filter((row) => cursor === null || order(row, cursor) > 0)
  const page = left.slice(0, query.limit)
  const last = page.at(-1)
  const isWhole = last === undefined || left.length <= query.limit
  return {
    columns: [
      { name: 'time', type: 'timestamp' },
      ...outputs.map(({ name, type }) => ({ name, type })),
    ],
    series: seriesOf(page, outputs.length),
    rowCount: page.length,
    cursor: isWhole ? null : encodeCursor(query, last.time, last.tags),
  }
}

function seriesOf(rows: readonly AnswerRow[], columnCount: number): ReferenceSeries[] {
  const found = new Map<string, ReferenceSeries>()
  for (const { tags, time, cells } of rows) {
    const name = seriesText(tags)
    let series = found.get(name)
    if (series === undefined) {
      series = { tags, time: [], fields: Array.from({ length: columnCount }, () => []) }
      found.set(name, series)
    }
    series.time.push(time)
    cells.forEach((cell, i) => series.fields[i]!.push(cell))
  }
  return [...found.values()].sort((a, b) => orderTags(a.tags, b.tags))
}

function orderTimes(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Pair by pair, absent ones left out, a prefix first. */
function orderTags(a: Tags, b: Tags): number {
  const left = a.filter(([, value]) => value !== null).flat() as string[]
  const right = b.filter(([, value]) => value !== null).flat() as string[]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = orderTexts(left[i]!, right[i]!)
    if (order !== 0) return order
  }
  return left.length - right.length
}
