// Arrays in columns of catalogs: int2vector and oidvector are such, too.

import type { DataType } from '../type.ts'
import { SqlArray } from '../value.ts'

/** An array of one dimension; `type` is the array's own. Vectors count from 0. */
export function arrayOf(type: DataType, values: readonly unknown[]): SqlArray {
  const isVector = !type.name.startsWith('_')
  if (!isVector || values.length === 0) return new SqlArray(type.element!, values)
  return new SqlArray(type.element!, values, [values.length], [0])
}

/** What an array holds; nothing of a null. */
export function valuesOf(value: unknown): readonly unknown[] {
  return value instanceof SqlArray ? value.values : []
}
