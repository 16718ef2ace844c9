// Points as JSON text for POST /v1/points. JSON has no 64-bit integers, so a bigint travels as a
// digit string, and a field that has one is declared `integer`; typed arrays become arrays.

import { encodeJson } from './json.ts'
import type { ArrayOf, FieldType, Points } from './shapes.ts'

/** JSON text of one or more entries. Fields are checked by the server, which names what is wrong. */
export function encodePoints(points: Points | readonly Points[]): string {
  const entries = Array.isArray(points) ? (points as readonly Points[]) : [points as Points]
  return encodeJson(entries.map(describeEntry), (value) => {
    if (typeof value === 'bigint') return value.toString()
    return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayOf<unknown>) : value
  })
}

function describeEntry(entry: Points): Points {
  const types: Record<string, FieldType> = Object.create(null)
  const see = (name: string, value: unknown): void => {
    if (typeof value === 'bigint') types[name] = 'integer'
  }
  if ('rows' in entry) {
    for (const row of entry.rows) {
      for (const name of Object.keys(row.fields)) see(name, row.fields[name])
    }
  } else {
    for (const name of Object.keys(entry.fields)) {
      for (const value of entry.fields[name]!) see(name, value)
    }
  }
  return Object.keys(types).length === 0 ? entry : { ...entry, types: { ...types, ...entry.types } }
}
