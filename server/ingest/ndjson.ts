// Flat NDJSON, a point a line: `{"time":…,"host":"a","u":0.5}`. One member is the time, some are
// tags, the others fields; what export writes comes back the same. Lines are cut from chunks as
// they stream in, and handed on as columns every few thousand rows.

import type { FieldType } from '../../engine/field.ts'
import { OmenError } from '../../engine/error.ts'
import { parseJson, pointerOf, type Json } from '../json.ts'
import { CELLS_AT_ONCE } from '../limits.ts'
import { jsonType } from './column.ts'
import { RowGroups } from './group.ts'
import { NO_VALUE, readTime, type PointSink, type TimeContext } from './points.ts'
import { Refusal, type Refusals } from './refusal.ts'

export interface FlatSpec {
  readonly table: string
  /** Name of the member that is the time. */
  readonly time: string
  /** True if a line without that member is refused; else its time is the request's arrival. */
  readonly timeRequired: boolean
  /** Names of the members that are tags. */
  readonly tags: readonly string[]
  /** Types of fields that are not to be guessed: as asked for, or as the table has them. */
  readonly types: ReadonlyMap<string, FieldType>
}

const NEWLINE = 10

/** Reads chunks of one request; `end` takes the last line and hands on what is left. */
export class NdjsonReader {
  private readonly spec: FlatSpec
  private readonly context: TimeContext
  private readonly refusals: Refusals
  private readonly sink: PointSink
  private readonly groups: RowGroups
  private readonly decoder = new TextDecoder('utf-8', { fatal: true })
  private rest: Uint8Array[] = []
  private line = 0

  constructor(spec: FlatSpec, context: TimeContext, refusals: Refusals, sink: PointSink) {
    this.spec = spec
    this.context = context
    this.refusals = refusals
    this.sink = sink
    this.groups = new RowGroups(spec.table, spec.types)
  }

  push(chunk: Uint8Array): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) break
      this.rest.push(chunk.subarray(start, end))
      this.takeLine()
      start = end + 1
    }
    // A copy: the chunk's memory is its sender's again after this call.
    if (start < chunk.length) this.rest.push(chunk.slice(start))
  }

  end(): void {
    if (this.rest.length > 0) this.takeLine()
    this.handOn()
  }

  private takeLine(): void {
    const bytes = joinParts(this.rest)
    this.rest = []
    this.line++
    let text = ''
    try {
      text = this.decoder.decode(bytes)
    } catch {
      this.refuse(new Refusal('bad_request', 'not valid UTF-8'), null, undefined)
      return
    }
    if (text.trim() === '') return
    const refusal = this.readLine(text)
    if (refusal) this.refuse(refusal.refusal, refusal.member, text)
    if (this.groups.cellCount >= CELLS_AT_ONCE) this.handOn()
  }

  private readLine(text: string): { refusal: Refusal; member: string | null } | null {
    const value = parseLine(text)
    if (value instanceof Refusal) return { refusal: value, member: null }
    const { time: timeName, timeRequired, tags: tagNames } = this.spec
    const isTimed = Object.hasOwn(value, timeName)
    if (timeRequired && !isTimed) {
      return { refusal: new Refusal('bad_request', 'the time is missing'), member: timeName }
    }
    const time = readTime(isTimed ? withOffset(value[timeName]!) : null, this.context)
    if (time instanceof Refusal) return { refusal: time, member: timeName }
    const tags = new Map<string, string>()
    const fields: [string, Json][] = []
    for (const [name, cell] of Object.entries(value)) {
      if (name === timeName || cell === null) continue
      if (jsonType(cell) === undefined) return { refusal: NO_VALUE, member: name }
      if (!tagNames.includes(name)) fields.push([name, cell])
      else if (typeof cell !== 'string') tags.set(name, JSON.stringify(cell))
      else if (cell !== '') tags.set(name, cell)
    }
    if (fields.length > 0) this.groups.add({ tags, time, fields, place: this.line })
    return null
  }

  private refuse(refusal: Refusal, member: string | null, input: Json | undefined): void {
    const pointer = member === null ? null : pointerOf([member])
    this.refusals.add(refusal, { line: this.line, pointer }, input)
  }

  private handOn(): void {
    const refuse = (place: number, field: string, refusal: Refusal): void => {
      this.refusals.add(refusal, { line: place, pointer: pointerOf([field]) }, undefined)
    }
    for (const { points, places } of this.groups.finish(refuse)) {
      this.sink(points, (row, field) => {
        return { line: places[row ?? 0]!, pointer: field === null ? null : pointerOf([field]) }
      })
    }
  }
}

/** Imports take `2026-09-21 14:13:20.5`, too, as UTC (CSV: assembly/csv.ts). */
function withOffset(time: Json): Json {
  const isCivil = typeof time === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/.test(time)
  return isCivil ? `${time}Z` : time
}

function parseLine(text: string): { [member: string]: Json } | Refusal {
  try {
    const value = parseJson(text, 'line')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    return new Refusal('bad_request', 'a line is one JSON object')
  } catch (error) {
    if (error instanceof OmenError) return new Refusal(error.code, error.message)
    throw error
  }
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
