// The order of values: NaN above all floats, text by its bytes (collation C), intervals by their span,
// arrays by their elements and then their length, rows by their columns, false before true.

import { Decimal } from './decimal.ts'
import { compareJson } from './functions/json-order.ts'
import type { DataType } from './type.ts'
import { compareTexts } from './compare-text.ts'
import { SqlError } from './sql-error.ts'
import { Bytes, Interval, type SqlArray, SqlRecord } from './value.ts'

/** Less than 0, 0, more than 0. */
export type Compare = (a: unknown, b: unknown) => number

export function compareNumbers(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

const compareBigints = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

function compareBytes({ bytes: a }: Bytes, { bytes: b }: Bytes): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

function compareArrays(a: SqlArray, b: SqlArray): number {
  const compare = comparatorOf(a.element)
  const length = Math.min(a.values.length, b.values.length)
  for (let i = 0; i < length; i++) {
    const [one, two] = [a.values[i], b.values[i]]
    if (one === null || two === null) {
      if (one !== two) return one === null ? 1 : -1
      continue
    }
    const order = compare(one, two)
    if (order !== 0) return order
  }
  return a.values.length - b.values.length || a.dimensions.length - b.dimensions.length
}

/** By their columns from the first; a null is above all values. Throws 42804 where types are not the same. */
function compareRecords(a: SqlRecord, b: SqlRecord): number {
  const [fields, others] = [a.type.fields!, b.type.fields!]
  for (const [index, { type }] of fields.slice(0, others.length).entries()) {
    const other = others[index]!.type
    if (other.name !== type.name) {
      const types = `${type.title} and ${other.title}`
      const message = `cannot compare dissimilar column types ${types} at record column ${index + 1}`
      throw new SqlError('42804', message)
    }
    const [one, two] = [a.values[index], b.values[index]]
    if (one === null || two === null) {
      if (one !== two) return one === null ? 1 : -1
      continue
    }
    const order = comparatorOf(type)(one, two)
    if (order !== 0) return order
  }
  if (fields.length === others.length) return 0
  throw new SqlError('42804', 'cannot compare record types with different numbers of columns')
}

function compareObjects(a: unknown, b: unknown): number {
  if (a instanceof Decimal) return a.compare(b as Decimal)
  if (a instanceof Interval) return compareBigints(a.span, (b as Interval).span)
  if (a instanceof Bytes) return compareBytes(a, b as Bytes)
  if (a instanceof SqlRecord) return compareRecords(a, b as SqlRecord)
  return compareArrays(a as SqlArray, b as SqlArray)
}

/** Of values as vectors hold them, and of booleans. */
export function comparatorOf({ layout, name }: DataType): Compare {
  if (name === 'jsonb') return compareJson as Compare
  if (layout === 'number') return compareNumbers as Compare
  if (layout === 'bigint') return compareBigints as Compare
  if (layout === 'text') return compareTexts as Compare
  if (layout === 'object') return compareObjects
  return (a, b) => Number(a) - Number(b)
}
