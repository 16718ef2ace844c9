// JSON arrays into typed columns: one hand-written loop per kind of value, because checking points
// with a schema library takes forty times as long. A JSON number is a float here unless a type was
// declared; the engine turns it into an integer where the column already is one.

import type { FieldType } from '../../engine/field.ts'
import type { Json } from '../json.ts'
import { Refusal } from './refusal.ts'

export const FLOAT: FieldType = 0
export const INTEGER: FieldType = 1
export const UNSIGNED: FieldType = 2
export const BOOLEAN: FieldType = 3
export const STRING: FieldType = 4

type Values = Float64Array | BigInt64Array | BigUint64Array | Uint8Array | string[]

/** Values of one field, row by row; `valid` null = none is null. */
export interface TypedColumn {
  readonly type: FieldType
  readonly values: Values
  readonly valid: Uint8Array | null
}

/** The type that a JSON value has by itself; null for null, undefined for arrays and objects. */
export function jsonType(value: Json | undefined): FieldType | null | undefined {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return FLOAT
  if (typeof value === 'string') return STRING
  if (typeof value === 'boolean') return BOOLEAN
  return undefined
}

/** The type of the first value that has one; null if all are null. */
export function columnType(cells: readonly Json[]): FieldType | null {
  for (const cell of cells) {
    const type = jsonType(cell)
    if (type !== null && type !== undefined) return type
  }
  return null
}

/**
 * Copies a JSON array into a typed column. `refuse` is called for each cell that does not fit the
 * type; it counts as null.
 */
export function fillColumn(
  cells: readonly (Json | undefined)[],
  type: FieldType,
  refuse: (row: number, refusal: Refusal) => void,
): TypedColumn {
  const column = createColumn(type, cells.length)
  let nulls = 0
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row]
    if (cell !== null && cell !== undefined) {
      const refusal = writeCell(column.values, type, row, cell)
      if (refusal === null) continue
      refuse(row, refusal)
    }
    column.valid[row] = 0
    nulls++
  }
  return nulls === 0 ? { ...column, valid: null } : column
}

function createColumn(type: FieldType, count: number) {
  return { type, values: createValues(type, count), valid: new Uint8Array(count).fill(1) }
}

function createValues(type: FieldType, count: number): Values {
  if (type === FLOAT) return new Float64Array(count)
  if (type === INTEGER) return new BigInt64Array(count)
  if (type === UNSIGNED) return new BigUint64Array(count)
  if (type === BOOLEAN) return new Uint8Array(count)
  return Array.from({ length: count }, () => '')
}

/** Stores one value, or says why it does not fit. */
function writeCell(values: Values, type: FieldType, row: number, cell: Json): Refusal | null {
  if (type === FLOAT) {
    if (typeof cell !== 'number') return wrongType(cell, 'a number')
    if (!Number.isFinite(cell)) return new Refusal('out_of_range', 'beyond the range of a float')
    values[row] = cell
  } else if (type === STRING) {
    if (typeof cell !== 'string') return wrongType(cell, 'a string')
    values[row] = cell
  } else if (type === BOOLEAN) {
    if (typeof cell !== 'boolean') return wrongType(cell, 'true or false')
    values[row] = cell ? 1 : 0
  } else {
    const exact = exactInteger(cell, type)
    if (exact instanceof Refusal) return exact
    values[row] = exact
  }
  return null
}

function wrongType(cell: Json, wanted: string): Refusal {
  const sent = cell === null ? 'null' : Array.isArray(cell) ? 'an array' : nameOf(cell)
  return new Refusal('type_conflict', `${sent} where the other values or the type say ${wanted}`)
}

function nameOf(cell: Json): string {
  return typeof cell === 'object' ? 'an object' : `a ${typeof cell}`
}

/** A safe number or a digit string as a 64-bit integer. */
function exactInteger(cell: Json, type: FieldType): bigint | Refusal {
  const value = integerOf(cell)
  if (value instanceof Refusal) return value
  const fits =
    type === INTEGER ? BigInt.asIntN(64, value) === value : BigInt.asUintN(64, value) === value
  if (fits) return value
  return new Refusal('out_of_range', `beyond the range of ${type === INTEGER ? 'i64' : 'u64'}`)
}

function integerOf(cell: Json): bigint | Refusal {
  if (typeof cell === 'string') {
    if (/^-?\d{1,20}$/.test(cell)) return BigInt(cell)
    return new Refusal('type_conflict', 'a text that is not an integer of at most 20 digits')
  }
  if (typeof cell !== 'number') return wrongType(cell, 'an integer')
  if (Number.isSafeInteger(cell)) return BigInt(cell)
  if (Number.isInteger(cell)) {
    return new Refusal('unsafe_integer', 'an integer beyond 2^53: send it as a string of digits')
  }
  return new Refusal('type_conflict', 'a fraction where the type says integer')
}
