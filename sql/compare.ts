// The order of values: NaN above all floats, text by its bytes (collation C), intervals by their span,
// arrays by their elements and then their length, false before true.

import { Decimal } from './decimal.ts'
import { compareJson } from './functions/json-order.ts'
import type { DataType } from './type.ts'
import { compareTexts } from './compare-text.ts'
import { Bytes, Interval, type SqlArray } from './value.ts'

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

function compareObjects(a: unknown, b: unknown): number {
  if (a instanceof Decimal) return a.compare(b as Decimal)
  if (a instanceof Interval) return compareBigints(a.span, (b as Interval).span)
  if (a instanceof Bytes) return compareBytes(a, b as Bytes)
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
