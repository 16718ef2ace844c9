// The body of POST /v1/points as it mostly is: an object or a list of objects of columns, read where
// it lies. Arrays are parsed by the kernel (engine/ingest/json-column.ts), what stands around them here.
// Whatever is not such a body, or has anything wrong with it, is nobody's task here: points.ts reads it
// again as JSON and says what is wrong. So all is read and checked before a point is handed on.

import type { KernelInstance } from '../../engine/kernel.ts'
import type { FieldType } from '../../engine/field.ts'
import { type JsonColumn, readJsonColumn } from '../../engine/ingest/json-column.ts'
import { TextColumn } from '../../engine/ingest/text-column.ts'
import { parseJson, pointerOf, type Json } from '../json.ts'
import { CELLS_AT_ONCE, JSON_CONTAINERS_MAX, JSON_STEP_LENGTH } from '../limits.ts'
import { BOOLEAN, FLOAT, INTEGER, STRING, UNSIGNED } from './column.ts'
import { createTimeColumn, writeEpoch } from './epoch.ts'
import { keepRows } from './group.ts'
import { COLUMN_MEMBERS, type PointSink, readTags, readTypes, type TimeContext } from './points.ts'
import { describeInput, Refusal } from './refusal.ts'

/** An entry of a body, read and checked. */
export interface ColumnEntry {
  /** JSON pointer of the entry. */
  readonly pointer: string
  readonly table: string
  readonly tags: Map<string, string>
  readonly times: BigInt64Array
  /** The times as they were sent; null: there were none. */
  readonly sentTimes: JsonColumn | null
  /** Those that have a value, or a type, in the order of a JavaScript object's members. */
  readonly fields: readonly ColumnField[]
}

interface ColumnField {
  readonly name: string
  readonly type: FieldType
  readonly declared: boolean
  readonly values: Float64Array | BigInt64Array | BigUint64Array | Uint8Array | TextColumn
  readonly valid: Uint8Array | null
  readonly sent: JsonColumn
}

/** What is thrown, and caught, where a body is something else. */
const OTHERWISE = Symbol('no plain body of columns')

/**
 * Reads a body in steps; null if it is anything but a plain body of columns. Throws only what has
 * nothing to do with the body: `busy` without memory.
 */
export function* readColumnEntries(
  body: Uint8Array,
  context: TimeContext,
  kernel: () => KernelInstance,
): Generator<undefined, ColumnEntry[] | null> {
  const reader = new BodyReader(body, context, kernel)
  try {
    const entries: ColumnEntry[] = []
    if (reader.takes('[')) {
      do entries.push(yield* reader.entry(`/${entries.length}`))
      while (reader.takes(','))
      reader.expect(']')
    } else entries.push(yield* reader.entry(''))
    return reader.isAtEnd ? entries : null
  } catch (error) {
    if (error === OTHERWISE) return null
    throw error
  }
}

/** Hands the rows of entries on, some ten thousand cells at a time. */
export function* sinkEntries(
  entries: readonly ColumnEntry[],
  sink: PointSink,
): Generator<undefined, void> {
  let cells = 0
  for (const entry of entries) {
    const width = 1 + entry.fields.length
    const rows = Math.max(1, Math.floor(CELLS_AT_ONCE / width))
    for (let from = 0; from < entry.times.length; from += rows) {
      const to = Math.min(entry.times.length, from + rows)
      sinkRows(entry, from, to, sink)
      cells += (to - from) * width
      if (cells < CELLS_AT_ONCE) continue
      cells = 0
      yield
    }
  }
}

function sinkRows(entry: ColumnEntry, from: number, to: number, sink: PointSink): void {
  const { pointer, table, tags, times, sentTimes } = entry
  const fields = entry.fields.map(({ name, type, declared, values, valid }) => ({
    name,
    type,
    declared,
    values: values instanceof TextColumn ? values.slice(from, to) : values.subarray(from, to),
    valid: valid === null ? null : valid.subarray(from, to),
  }))
  const kept = keepRows({ table, tags, times: times.subarray(from, to), fields }, () => true)
  if (!kept) return
  sink(kept.points, (row, field) => {
    if (row === null) return { line: null, pointer }
    const at = from + kept.rows[row]!
    const step = field === null ? ['time', at] : ['fields', field, at]
    const sent =
      field === null ? sentTimes : (entry.fields.find(({ name }) => name === field)?.sent ?? null)
    const input = sent === null ? null : describeInput(sentCell(sent, at))
    return { line: null, pointer: pointer + pointerOf(step), input }
  })
}

/** The cell as it was sent. */
function sentCell({ type, values, valid }: JsonColumn, row: number): Json {
  if (valid !== null && valid[row] === 0) return null
  if (values instanceof TextColumn) return values.at(row)
  return type === BOOLEAN ? values[row] === 1 : values[row]!
}

/** What the members of an entry said, while it is read. */
interface Draft {
  table?: string
  tags?: Map<string, string>
  time?: JsonColumn
  types?: Map<string, FieldType>
  fields?: Map<string, JsonColumn>
}

class BodyReader {
  private readonly body: Uint8Array
  private readonly context: TimeContext
  private readonly kernel: () => KernelInstance
  private at = 0
  private containerCount = 0
  /** Of the next array: they are much alike. */
  private likelyBytes: number | undefined
  /** Up to here nobody has waited. */
  private rested = 0

  constructor(body: Uint8Array, context: TimeContext, kernel: () => KernelInstance) {
    this.body = body
    this.context = context
    this.kernel = kernel
  }

  get isAtEnd(): boolean {
    this.skipSpace()
    return this.at === this.body.length
  }

  /** Whether this character is next; it is passed then. */
  takes(character: string): boolean {
    this.skipSpace()
    if (this.body[this.at] !== character.charCodeAt(0)) return false
    this.at++
    if (character !== '{' && character !== '[') return true
    if (++this.containerCount > JSON_CONTAINERS_MAX) throw OTHERWISE
    return true
  }

  expect(character: string): void {
    if (!this.takes(character)) throw OTHERWISE
  }

  *entry(pointer: string): Generator<undefined, ColumnEntry> {
    const draft: Draft = {}
    this.expect('{')
    do {
      const name = this.text()
      this.expect(':')
      if (name in draft || !COLUMN_MEMBERS.includes(name)) throw OTHERWISE
      if (name === 'table') draft.table = this.text()
      else if (name === 'tags') draft.tags = this.tags()
      else if (name === 'types') draft.types = this.types()
      else if (name === 'time') draft.time = yield* this.array()
      else draft.fields = yield* this.fields()
    } while (this.takes(','))
    this.expect('}')
    return yield* this.finish(draft, pointer)
  }

  private *fields(): Generator<undefined, Map<string, JsonColumn>> {
    const fields = new Map<string, JsonColumn>()
    this.expect('{')
    if (this.takes('}')) return fields
    do {
      const name = this.text()
      this.expect(':')
      // JavaScript has its own idea of a member of that name.
      if (fields.has(name) || name === '__proto__') throw OTHERWISE
      fields.set(name, yield* this.array())
    } while (this.takes(','))
    this.expect('}')
    return fields
  }

  private *array(): Generator<undefined, JsonColumn> {
    this.expect('[')
    if (this.takes(']'))
      return { type: null, values: new Float64Array(), valid: null, end: this.at }
    const column = yield* readJsonColumn(this.kernel, this.body, this.at, this.likelyBytes)
    if (column === null) throw OTHERWISE
    this.likelyBytes = column.end - this.at + 256
    this.at = column.end
    if (this.at - this.rested >= JSON_STEP_LENGTH) {
      this.rested = this.at
      yield
    }
    return column
  }

  private *finish(draft: Draft, pointer: string): Generator<undefined, ColumnEntry> {
    const { table, tags = new Map<string, string>(), types = new Map<string, FieldType>() } = draft
    const { time = null, fields } = draft
    if (table === undefined || fields === undefined) throw OTHERWISE
    const columns = [...fields.values()]
    const count = (time ?? columns[0])?.values.length ?? 0
    if (columns.some(({ values }) => values.length !== count)) throw OTHERWISE
    const times = new BigInt64Array(count).fill(this.context.arrival)
    const sent = time === null ? null : yield* wholeNumbers(time, this.context.precision)
    const typed: ColumnField[] = []
    for (const name of Object.keys(Object.fromEntries(fields))) {
      const column = fields.get(name)!
      const type = types.get(name) ?? column.type
      // One that is all null names nothing.
      if (type === null) continue
      const values = yield* valuesAs(column, type)
      const declared = types.has(name)
      typed.push({ name, type, declared, values, valid: column.valid, sent: column })
    }
    return { pointer, table, tags, times: sent ?? times, sentTimes: time, fields: typed }
  }

  private tags(): Map<string, string> {
    const tags = readTags(this.small('{', '}'))
    if (tags instanceof Refusal) throw OTHERWISE
    return tags
  }

  private types(): Map<string, FieldType> {
    const value = this.small('{', '}')
    try {
      return readTypes({ types: value }, '')
    } catch {
      throw OTHERWISE
    }
  }

  private text(): string {
    return this.small('"', '"') as string
  }

  /** A short value that begins and ends so, as JSON.parse has it. */
  private small(first: string, last: string): Json {
    const start = this.at
    this.expect(first)
    const end = first === '"' ? this.stringEnd() : this.objectEnd()
    if (this.body[end - 1] !== last.charCodeAt(0)) throw OTHERWISE
    this.at = end
    try {
      return parseJson(strict.decode(this.body.subarray(start, end)), 'body')
    } catch {
      throw OTHERWISE
    }
  }

  /** Behind the quote that ends the string that `at` is in. */
  private stringEnd(from = this.at): number {
    for (let at = from; at < from + SMALL_BYTES_MAX; at++) {
      const byte = this.body[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) at++
      else if (byte === undefined) break
    }
    throw OTHERWISE
  }

  /** Behind the brace that ends the object that `at` is in, which has nothing but texts in it. */
  private objectEnd(): number {
    for (let at = this.at; at < this.at + SMALL_BYTES_MAX; at++) {
      const byte = this.body[at]
      if (byte === QUOTE) at = this.stringEnd(at + 1) - 1
      else if (byte === CLOSING_BRACE) return at + 1
      else if (byte === undefined) break
    }
    throw OTHERWISE
  }

  private skipSpace(): void {
    const { body } = this
    for (;;) {
      const byte = body[this.at]
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return
      this.at++
    }
  }
}

const QUOTE = 34
const BACKSLASH = 92
const CLOSING_BRACE = 125

/** Bytes of a name, a text, tags or types that are read here. */
const SMALL_BYTES_MAX = 65_536

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A column as the arrays of a type. */
function* valuesAs(
  column: JsonColumn,
  type: FieldType,
): Generator<undefined, ColumnField['values']> {
  const { values } = column
  if (type === STRING && column.type === null) {
    return new TextColumn(new Uint8Array(), new Uint32Array(values.length))
  }
  const isInteger = type === INTEGER || type === UNSIGNED
  if (column.type !== null && column.type !== (isInteger ? FLOAT : type)) throw OTHERWISE
  if (values instanceof TextColumn) return values
  if (type === BOOLEAN) return new Uint8Array(values)
  if (!isInteger) return values
  if (type === UNSIGNED && values.some((value) => value < 0)) throw OTHERWISE
  const whole = yield* wholeNumbers({ ...column, valid: null }, 'ns')
  return type === INTEGER ? whole : new BigUint64Array(whole.buffer)
}

/** Whole numbers of a unit in nanoseconds; a null is not one. */
function* wholeNumbers(
  { type, values, valid }: JsonColumn,
  precision: TimeContext['precision'],
): Generator<undefined, BigInt64Array> {
  if (values instanceof TextColumn || type === BOOLEAN || valid !== null) throw OTHERWISE
  const column = createTimeColumn(values.length)
  for (let row = 0; row < values.length; row++) {
    if (!writeEpoch(column, row, values[row]!, precision)) throw OTHERWISE
    if (row % JSON_STEP_LENGTH === JSON_STEP_LENGTH - 1) yield
  }
  return column.times
}
