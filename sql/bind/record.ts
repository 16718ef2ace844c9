// Rows as values: ROW(…), a table's whole row, what a function of several columns gives in a select
// list; and the columns of such a value. The record's type has the columns, so none are looked up later.
// Source: PostgreSQL 15, its manual, sections "Row Constructors" and "Accessing Composite Types".

import type { SqlVector } from '../batch.ts'
import { valueAt, vectorOf } from '../execute/vector.ts'
import type { ScalarFunction } from '../function.ts'
import type { Bound, Named } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { SqlRecord } from '../value.ts'

/** The row of these values. */
export function makeRecord(names: readonly string[], values: readonly Bound[]): Bound {
  const fields = values.map(({ type }, index): Named => ({ name: names[index]!, type }))
  const type: DataType = { ...typeOf('record'), fields }
  const build: ScalarFunction = {
    name: 'row',
    arguments: fields.map((field) => field.type),
    isVariadic: false,
    result: type,
    isStrict: false,
    volatility: 'immutable',
    evaluate: (vectors, rowCount, valid) =>
      vectorOf(type, rowCount, (row) => {
        if (valid !== null && valid[row] === 0) return null
        return new SqlRecord(
          type,
          fields.map((field, index) => cellOf(vectors[index]!, field.type, row)),
        )
      }),
  }
  builders.add(build)
  return { kind: 'call', type, function: build, arguments: values, position: 0 }
}

/** What makes a row of its arguments. */
const builders = new WeakSet<ScalarFunction>()

/** A constant has one row for all. */
function cellOf(vector: SqlVector, type: DataType, row: number): unknown {
  return valueAt(vector, type, vector.values.length === 1 ? 0 : row)
}

/** A column of a row; null: it has none of this name, or is no row. */
export function recordField(record: Bound, name: string): Bound | null {
  const index = record.type.fields?.findIndex((field) => field.name === name) ?? -1
  return index < 0 ? null : fieldAt(record, index)
}

/** A column of a row by its place, which is there. */
export function fieldAt(record: Bound, index: number): Bound {
  if (record.kind === 'call' && builders.has(record.function)) return record.arguments[index]!
  const { type } = record.type.fields![index]!
  const read: ScalarFunction = {
    name: 'field',
    arguments: [record.type],
    isVariadic: false,
    result: type,
    isStrict: true,
    volatility: 'immutable',
    evaluate: ([vector], rowCount, valid) =>
      vectorOf(type, rowCount, (row) => {
        if (valid !== null && valid[row] === 0) return null
        const found = cellOf(vector!, record.type, row) as SqlRecord | null
        return found === null ? null : found.values[index]
      }),
  }
  return { kind: 'call', type, function: read, arguments: [record], position: 0 }
}
