// Points as the JSON of POST /v1/points. JSON has no 64-bit integers, so a bigint travels as a digit
// string, and a field that has one is declared `integer`. A point without a time gets one here, so that
// a request that is sent again names the same point.

import { encodeJson } from './json.ts'
import type { FieldInput, FieldType, Points, TimeInput } from './shapes.ts'

/** An entry of the body, or a row of one. */
export interface Encoded {
  /** `{"table":"cpu","rows":[`: rows of one head are joined. Empty: `text` is an entry. */
  readonly head: string
  readonly text: string
  /** Points. */
  readonly count: number
}

/** A body of entries, and the JSON pointer that each became. */
export function joinEntries(items: readonly Encoded[]): { body: string; places: string[] } {
  let body = ''
  let open = ''
  let entry = -1
  let row = 0
  const places = items.map(({ head, text }) => {
    const isNext = head !== '' && head === open
    if (!isNext) {
      body += `${open && ']}'}${body && ','}${head}`
      entry++
      row = 0
    }
    body += (isNext ? ',' : '') + text
    open = head
    return `/${entry}${head && `/rows/${row++}`}`
  })
  return { body: `[${body}${open && ']}'}]`, places }
}

/** Throws a RangeError for a time that is none. */
export function encodePoint({ table, tags, time, fields, types }: Points): Encoded {
  const lists = Object.entries(fields)
  const isColumns = isList(time) || lists.some(([, value]) => isList(value))
  const declared: Record<string, FieldType> = {}
  for (const [name, value] of lists) {
    const sample = isList(value) ? (value as FieldInput[]).find(isBigInt) : value
    // Beyond int64 only `unsigned` can be meant.
    if (isBigInt(sample)) declared[name] = sample >= 2n ** 63n ? 'unsigned' : 'integer'
  }
  const entry = { table, types: { ...declared, ...types } }
  if (!isColumns) {
    const head = `${encodeJson(entry).slice(0, -1)},"rows":[`
    return { head, text: encodeJson({ time: timeText(time as TimeInput), tags, fields }), count: 1 }
  }
  const count = ((time ?? lists[0]![1]) as ArrayLike<unknown>).length
  const times = Array.from((time as ArrayLike<TimeInput>) ?? { length: count }, timeText)
  return { head: '', text: encodeJson({ ...entry, tags, time: times, fields }), count }
}

const isBigInt = (value: unknown): value is bigint => typeof value === 'bigint'
/** Is it a column of values? */
export const isList = (value: unknown): boolean => Array.isArray(value) || ArrayBuffer.isView(value)

let stamps = 0

/** JSON would make no time of NaN and of an invalid Date. */
function timeText(time: TimeInput | null | undefined): number | bigint | string {
  if (time instanceof Date) return time.toISOString()
  if (Number.isNaN(time)) throw new RangeError('time: NaN')
  if (time !== null && time !== undefined) return time
  // The clock in milliseconds, and six digits that tell points of one millisecond apart.
  const digits = String(stamps++ % 1e6).padStart(6, '0')
  return new Date().toISOString().replace('Z', `${digits}Z`)
}
