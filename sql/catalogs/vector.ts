// Vectors of values that are at hand one by one, as those of catalogs are: few rows, any types.

import type { SqlVector } from '../batch.ts'
import type { DataType, Layout } from '../type.ts'

type Values = Float64Array | BigInt64Array | Uint8Array | unknown[]

function emptyValues(layout: Layout, count: number): Values {
  if (layout === 'number') return new Float64Array(count)
  if (layout === 'bigint') return new BigInt64Array(count)
  if (layout === 'boolean') return new Uint8Array(count)
  return Array.from<unknown>({ length: count }).fill(layout === 'text' ? '' : null)
}

/** A vector of `count` values of a type; null and undefined are nulls. Booleans come as booleans. */
export function vectorOf(
  type: DataType,
  count: number,
  valueAt: (row: number) => unknown,
): SqlVector {
  const values = emptyValues(type.layout, count)
  let valid: Uint8Array | null = null
  for (let row = 0; row < count; row++) {
    const value = valueAt(row)
    if (value === null || value === undefined) {
      valid ??= new Uint8Array(count).fill(1)
      valid[row] = 0
    } else {
      values[row] = typeof value === 'boolean' ? Number(value) : value
    }
  }
  return { values: values as SqlVector['values'], valid }
}

/** A value of a vector as `vectorOf` takes it; a vector of one row stands for a constant. */
export function valueAt(vector: SqlVector, type: DataType, row: number): unknown {
  const index = vector.values.length === 1 ? 0 : row
  if (vector.valid && vector.valid[index] === 0) return null
  const value = vector.values[index]
  return type.layout === 'boolean' ? value === 1 : value
}
