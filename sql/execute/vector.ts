// Moving values between vectors: picking rows, joining batches, reading and making single values.
// A vector of one row stands for a constant where its user knows that it is one.

import { BATCH_ROWS, type Batches, type SqlBatch, type SqlVector } from '../batch.ts'
import type { RunContext } from '../relation.ts'
import type { Named } from '../tree.ts'
import type { DataType, Layout } from '../type.ts'

export type MutableValues = Float64Array | BigInt64Array | Uint8Array | unknown[]

export function emptyValues(layout: Layout, count: number): MutableValues {
  if (layout === 'number') return new Float64Array(count)
  if (layout === 'bigint') return new BigInt64Array(count)
  if (layout === 'boolean') return new Uint8Array(count)
  return Array.from<unknown>({ length: count }).fill(layout === 'text' ? '' : null)
}

/** Vector of `count` values; null is SQL's null, booleans come as booleans. */
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
    } else values[row] = value as never
  }
  return { values: values as SqlVector['values'], valid }
}

interface Nulls {
  readonly whole: SqlVector
  /** As many as were wanted last: columns of one batch want the same. */
  last: SqlVector
}

const nulls = new Map<Layout, Nulls>()

/** So many nulls, which are shared as long as they are no more than a batch. */
export function nullsOf(layout: Layout, count: number): SqlVector {
  if (count > BATCH_ROWS) return { values: filling(layout, count), valid: new Uint8Array(count) }
  let shared = nulls.get(layout)
  if (shared === undefined) {
    const whole = { values: filling(layout, BATCH_ROWS), valid: new Uint8Array(BATCH_ROWS) }
    nulls.set(layout, (shared = { whole, last: whole }))
  }
  if (shared.last.values.length !== count) shared.last = slice(shared.whole, 0, count)
  return shared.last
}

const filling = (layout: Layout, count: number): SqlVector['values'] =>
  emptyValues(layout, count) as SqlVector['values']

/** One value: booleans as booleans, SQL's null as null. */
export function valueAt({ values, valid }: SqlVector, type: DataType, row: number): unknown {
  if (valid !== null && valid[row] === 0) return null
  const value = values[row]
  return type.layout === 'boolean' ? value === 1 : value
}

/** The rows of a vector at these indexes; -1 is null. */
export function take({ values, valid }: SqlVector, rows: Int32Array | Uint32Array): SqlVector {
  const count = rows.length
  const taken = Array.isArray(values)
    ? Array.from<unknown>({ length: count })
    : new (values.constructor as Float64ArrayConstructor)(count)
  let nulls: Uint8Array | null = null
  for (let i = 0; i < count; i++) {
    const row = rows[i]!
    if (row < 0 || (valid !== null && valid[row] === 0)) {
      nulls ??= new Uint8Array(count).fill(1)
      nulls[i] = 0
    } else taken[i] = (values as number[])[row]!
  }
  return { values: taken as SqlVector['values'], valid: nulls }
}

/** Rows `start` to `end`, without a copy of typed arrays. */
export function slice({ values, valid }: SqlVector, start: number, end: number): SqlVector {
  const cut = Array.isArray(values)
    ? values.slice(start, end)
    : (values as Float64Array).subarray(start, end)
  return { values: cut, valid: valid === null ? null : valid.subarray(start, end) }
}

/** A constant over `count` rows. */
export function spread(vector: SqlVector, count: number): SqlVector {
  if (vector.values.length === count) return vector
  return take(vector, new Uint32Array(count))
}

/** The vectors of one column one after the other. */
export function concatenate(parts: readonly SqlVector[], layout: Layout): SqlVector {
  if (parts.length === 1) return parts[0]!
  const count = parts.reduce((sum, { values }) => sum + values.length, 0)
  const all = emptyValues(layout, count)
  const hasNulls = parts.some(({ valid }) => valid !== null)
  const valid = hasNulls ? new Uint8Array(count).fill(1) : null
  let at = 0
  for (const part of parts) {
    if (Array.isArray(all)) for (const [i, value] of part.values.entries()) all[at + i] = value
    else (all as Float64Array).set(part.values as Float64Array, at)
    if (part.valid !== null) valid!.set(part.valid, at)
    at += part.values.length
  }
  return { values: all as SqlVector['values'], valid }
}

/** Bytes that a batch holds, about. */
export function bytesOf({ columns, rowCount }: SqlBatch): number {
  let sum = 0
  for (const { values } of columns) {
    if (!Array.isArray(values)) sum += (values as Uint8Array).byteLength
    else if (typeof values[0] !== 'string') sum += 48 * rowCount
    else for (const text of values as string[]) sum += 16 + 2 * (text?.length ?? 0)
  }
  return sum + rowCount
}

/** All rows as one batch. What it holds is counted until `release`. */
export async function collect(
  batches: Batches,
  columns: readonly Named[],
  run: RunContext,
): Promise<{ readonly batch: SqlBatch; readonly release: () => void }> {
  const parts: SqlBatch[] = []
  let held = 0
  try {
    for await (const batch of batches) {
      run.check()
      const bytes = bytesOf(batch)
      run.hold(bytes)
      held += bytes
      if (batch.rowCount > 0) parts.push(batch)
    }
  } catch (error) {
    run.hold(-held)
    throw error
  }
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0)
  const joined = columns.map(({ type }, index) =>
    concatenate(
      parts.map((part) => part.columns[index]!),
      type.layout,
    ),
  )
  return { batch: { rowCount, columns: joined }, release: () => run.hold(-held) }
}

/** Those rows of a batch. */
export function takeRows(batch: SqlBatch, rows: Int32Array | Uint32Array): SqlBatch {
  return { rowCount: rows.length, columns: batch.columns.map((column) => take(column, rows)) }
}

/** A batch in pieces of `size` rows. */
export function* pieces(batch: SqlBatch, size: number): Generator<SqlBatch> {
  for (let at = 0; at < batch.rowCount; at += size) {
    const end = Math.min(at + size, batch.rowCount)
    yield { rowCount: end - at, columns: batch.columns.map((column) => slice(column, at, end)) }
  }
}
