// The body of POST /v1/points: one entry or many, each columnar (`time`, `tags`, `fields` of
// arrays) or in rows. Read by hand into typed columns, some ten thousand cells at a time; what is
// wrong with an entry refuses the request, what is wrong with a row refuses the row, and both name
// their JSON pointer.

import type { ColumnPoints } from '../../engine/ingest/batch.ts'
import { OmenError } from '../../engine/error.ts'
import { fieldTypeOf, type FieldType } from '../../engine/field.ts'
import type { Precision } from '../../engine/query/query.ts'
import { parseTime } from '../../engine/time.ts'
import { pointerOf, type Json } from '../json.ts'
import { columnType, fillColumn, jsonType } from './column.ts'
import { createTimeColumn, writeEpoch } from './epoch.ts'
import { keepRows, RowGroups } from './group.ts'
import { CELLS_AT_ONCE } from '../limits.ts'
import { describeInput, Refusal, type Place, type Refusals } from './refusal.ts'

/** How the times of a request are read. */
export interface TimeContext {
  /** Unit of integer times. */
  readonly precision: Precision
  /** When the request arrived, nanoseconds: the time of rows without one, and `now`. */
  readonly arrival: bigint
}

/** Takes finished points; `place` tells where a row of them stood, or all, or a field of a row. */
export type PointSink = (
  points: ColumnPoints,
  place: (row: number | null, field: string | null) => Place,
) => void

type JsonObject = { [member: string]: Json }

/** Steps of work, between which others may run. */
type Steps = Generator<undefined, void>

/**
 * Reads a whole body in steps. Throws `bad_request` for its envelope; bad rows go to `refusals`. What
 * an earlier step gave to the sink is part of the same batch.
 */
export function* readPoints(
  body: Json,
  context: TimeContext,
  refusals: Refusals,
  sink: PointSink,
): Steps {
  const entries = Array.isArray(body) ? body.map((entry, i) => [entry, `/${i}`] as const) : null
  for (const [entry, pointer] of entries ?? [[body, ''] as const]) {
    const reader = { context, refusals, sink, pointer }
    const members = objectAt(entry, pointer)
    if ('rows' in members) yield* readRows(members, reader)
    else yield* readColumns(members, reader)
  }
}

export interface Reader {
  context: TimeContext
  refusals: Refusals
  sink: PointSink
  /** Of the entry. */
  pointer: string
}

function wrong(pointer: string, message: string): OmenError {
  return new OmenError('bad_request', `${pointer || 'body'}: ${message}`, { pointer })
}

function objectAt(value: Json | undefined, pointer: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw wrong(pointer, 'an object belongs here')
}

function checkMembers(members: JsonObject, known: readonly string[], pointer: string): void {
  for (const name of Object.keys(members)) {
    if (known.includes(name)) continue
    throw wrong(
      pointer + pointerOf([name]),
      `unknown member "${name}": known are ${known.join(', ')}`,
    )
  }
}

function readTable(members: JsonObject, pointer: string): string {
  const { table } = members
  if (typeof table === 'string') return table
  throw wrong(
    `${pointer}/table`,
    table === undefined ? 'member "table" is missing' : 'not a string',
  )
}

export function readTypes(members: JsonObject, pointer: string): Map<string, FieldType> {
  const types = new Map<string, FieldType>()
  for (const [name, value] of Object.entries(
    objectAt(members['types'] ?? {}, `${pointer}/types`),
  )) {
    const type = typeof value === 'string' ? fieldTypeOf(value) : null
    if (type === null) {
      const at = `${pointer}/types${pointerOf([name])}`
      throw wrong(at, 'a type is one of float, integer, unsigned, boolean, string')
    }
    types.set(name, type)
  }
  return types
}

/** Tags that have a value, or why they are no tags. */
export function readTags(value: Json | undefined): Map<string, string> | Refusal {
  const tags = new Map<string, string>()
  if (value === undefined || value === null) return tags
  if (typeof value !== 'object' || Array.isArray(value)) {
    return new Refusal('bad_request', 'tags are an object of strings')
  }
  for (const [key, tag] of Object.entries(value)) {
    if (typeof tag === 'string') {
      if (tag !== '') tags.set(key, tag)
    } else if (tag !== null) {
      return new Refusal('bad_request', `tag "${key}" is a ${typeof tag}: tags are strings`)
    }
  }
  return tags
}

/** Nanoseconds of a time in JSON, or why it is none. */
export function readTime(value: Json | undefined, context: TimeContext): bigint | Refusal {
  if (value === undefined || value === null) return context.arrival
  if (typeof value !== 'string' && typeof value !== 'number') {
    return new Refusal('bad_request', 'a time is a number or a string')
  }
  try {
    return parseTime(value, context.precision, context.arrival, '/time')
  } catch (error) {
    if (error instanceof OmenError) return new Refusal(error.code, error.message)
    throw error
  }
}

/** Rows looked at between two pauses. */
const ROWS_AT_ONCE = 512

export const COLUMN_MEMBERS = ['table', 'tags', 'time', 'fields', 'types']
const ENTRY_MEMBERS = ['table', 'rows', 'types']
const ROW_MEMBERS = ['time', 'tags', 'fields']

function* readColumns(members: JsonObject, reader: Reader): Steps {
  const { pointer } = reader
  checkMembers(members, COLUMN_MEMBERS, pointer)
  const table = readTable(members, pointer)
  const types = readTypes(members, pointer)
  const tags = readTags(members['tags'])
  if (tags instanceof Refusal) throw wrong(`${pointer}/tags`, tags.message)
  const arrays = readArrays(members, pointer)
  const fields = arrays.fields.flatMap(([name, values]) => {
    const type = types.get(name) ?? columnType(values)
    // One that is all null names nothing.
    return type === null ? [] : { name, type, declared: types.has(name), values }
  })
  const rows = Math.max(1, Math.floor(CELLS_AT_ONCE / (1 + fields.length)))
  for (let from = 0; from < arrays.count; from += rows) {
    const to = Math.min(arrays.count, from + rows)
    readStretch({ table, tags, fields, time: arrays.time, from, to }, reader)
    yield
  }
}

/** Rows [from, to) of a columnar entry. */
interface Stretch {
  table: string
  tags: Map<string, string>
  fields: { name: string; type: FieldType; declared: boolean; values: Json[] }[]
  time: Json[] | null
  from: number
  to: number
}

function readStretch(stretch: Stretch, { context, refusals, sink, pointer }: Reader): void {
  const { table, tags, time, from, to } = stretch
  const bad = new Set<number>()
  const refuse = (row: number, steps: string[], refusal: Refusal, input?: Json): void => {
    if (bad.has(row)) return
    bad.add(row)
    const place = pointer + pointerOf([...steps, from + row])
    refusals.add(refusal, { line: null, pointer: place }, input)
  }
  const times = readTimes(time?.slice(from, to) ?? null, to - from, context, (row, ...refusal) =>
    refuse(row, ['time'], ...refusal),
  )
  const fields = stretch.fields.map(({ name, type, declared, values }) => {
    const column = fillColumn(values.slice(from, to), type, (row, refusal) =>
      refuse(row, ['fields', name], refusal, values[from + row]),
    )
    return { name, declared, ...column }
  })
  const kept = keepRows({ table, tags, times, fields }, (row) => !bad.has(row))
  if (!kept) return
  sink(kept.points, (row, field) => {
    if (row === null) return { line: null, pointer }
    const at = from + kept.rows[row]!
    const step = field === null ? ['time', at] : ['fields', field, at]
    const values = field === null ? time : stretch.fields.find(({ name }) => name === field)?.values
    return { line: null, pointer: pointer + pointerOf(step), input: describeInput(values?.[at]) }
  })
}

interface Arrays {
  time: Json[] | null
  fields: [name: string, values: Json[]][]
  count: number
}

/** The arrays of a columnar entry, all of one length. */
function readArrays(members: JsonObject, pointer: string): Arrays {
  const fields = Object.entries(objectAt(members['fields'], `${pointer}/fields`))
  const time = members['time'] ?? null
  if (time !== null && !Array.isArray(time)) throw wrong(`${pointer}/time`, 'an array belongs here')
  let count = time?.length ?? null
  for (const [name, values] of fields) {
    const at = `${pointer}/fields${pointerOf([name])}`
    if (!Array.isArray(values)) throw wrong(at, 'an array belongs here')
    count ??= values.length
    if (values.length !== count) throw wrong(at, `${values.length} values for ${count} times`)
  }
  return { time, fields: fields as [string, Json[]][], count: count ?? 0 }
}

function readTimes(
  time: readonly Json[] | null,
  count: number,
  context: TimeContext,
  refuse: (row: number, refusal: Refusal, input: Json) => void,
): BigInt64Array {
  const column = createTimeColumn(count)
  if (time === null) return column.times.fill(context.arrival)
  for (const [row, value] of time.entries()) {
    if (typeof value === 'number' && writeEpoch(column, row, value, context.precision)) continue
    const exact = readTime(value, context)
    if (exact instanceof Refusal) refuse(row, exact, value)
    else column.times[row] = exact
  }
  return column.times
}

function* readRows(members: JsonObject, reader: Reader): Steps {
  const { pointer } = reader
  checkMembers(members, ENTRY_MEMBERS, pointer)
  const groups = new RowGroups(readTable(members, pointer), readTypes(members, pointer))
  const { rows } = members
  if (!Array.isArray(rows)) throw wrong(`${pointer}/rows`, 'an array belongs here')
  for (const [place, value] of rows.entries()) {
    readRow(value, place, groups, reader)
    const isFull = groups.cellCount >= CELLS_AT_ONCE
    if (isFull) handOn(groups, rows, reader)
    if (isFull || place % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield
  }
  handOn(groups, rows, reader)
}

/** Where a row, or something in it, stands. */
function placeIn({ pointer }: Reader, place: number, steps: string[]): Place {
  return { line: null, pointer: pointer + pointerOf(['rows', place, ...steps]) }
}

function readRow(value: Json, place: number, groups: RowGroups, reader: Reader): void {
  const { context, refusals, pointer } = reader
  const at = `${pointer}/rows/${place}`
  const row = objectAt(value, at)
  checkMembers(row, ROW_MEMBERS, at)
  const fields = Object.entries(objectAt(row['fields'], `${at}/fields`))
  const tags = readTags(row['tags'])
  const time = readTime(row['time'], context)
  const odd = fields.find(([, cell]) => jsonType(cell) === undefined)
  if (tags instanceof Refusal) refusals.add(tags, placeIn(reader, place, ['tags']), row['tags'])
  else if (time instanceof Refusal) {
    refusals.add(time, placeIn(reader, place, ['time']), row['time'])
  } else if (odd) refusals.add(NO_VALUE, placeIn(reader, place, ['fields', odd[0]]), odd[1])
  else {
    const present = fields.filter(([, cell]) => cell !== null)
    if (present.length > 0) groups.add({ tags, time, fields: present, place })
  }
}

/** Gives the rows gathered so far to the sink. */
function handOn(groups: RowGroups, rows: readonly Json[], reader: Reader): void {
  const refuse = (place: number, field: string, refusal: Refusal): void => {
    const input = rowField(rows[place], field)
    reader.refusals.add(refusal, placeIn(reader, place, ['fields', field]), input)
  }
  for (const { points, places } of groups.finish(refuse)) {
    // What is wrong with a table or a series is wrong with its first row.
    reader.sink(points, (row, field) => {
      const place = places[row ?? 0]!
      if (field === null) return placeIn(reader, place, [])
      const input = describeInput(rowField(rows[place], field))
      return { ...placeIn(reader, place, ['fields', field]), input }
    })
  }
}

/** What a field may not be. */
export const NO_VALUE = new Refusal(
  'bad_request',
  'a field is a number, a string, a boolean or null',
)

function rowField(row: Json | undefined, field: string): Json | undefined {
  const fields = (row as JsonObject)['fields'] as JsonObject
  return fields[field]
}
