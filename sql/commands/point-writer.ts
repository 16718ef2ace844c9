// Rows of SQL → points of the engine: rows are parted by their tags, and each series goes to the batch
// as columns, in one call. Nothing is stored before the batch is committed.

import type { Batch } from '../../engine/ingest/batch.ts'
import type { FieldType } from '../../engine/field.ts'
import type { SqlBatch, SqlVector } from '../batch.ts'
import type { Decimal } from '../decimal.ts'
import type { Relation, RelationColumn } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import { refusalOf } from './engine-error.ts'
import { failingRow } from './failing-row.ts'
import { type RowGroup, groupRows } from './row-groups.ts'

type Points = Parameters<Batch['points']>[0]
type Field = Points['fields'][number]

/** Codes of the engine's field types, by the types that columns of its tables have in SQL. */
const FIELD_TYPES: Readonly<Record<string, FieldType>> = {
  float8: 0,
  int8: 1,
  numeric: 2,
  bool: 3,
  text: 4,
}

interface Target {
  readonly column: RelationColumn
  /** Of the column in the batches. */
  readonly index: number
}

/** Called with a row's number in its batch, for what is wrong with it. */
export type RowError = (row: number, error: SqlError) => SqlError

export class PointWriter {
  readonly #relation: Relation
  readonly #time: Target | null
  readonly #tags: readonly Target[]
  readonly #fields: readonly Target[]
  readonly #required: readonly { readonly column: RelationColumn; readonly index: number | null }[]

  /** `targets`: indexes of the relation's columns that the columns of batches are. */
  constructor(relation: Relation, targets: readonly number[]) {
    const all = targets.map((target, index) => ({ column: relation.columns[target]!, index }))
    this.#relation = relation
    this.#time = all.find(({ column }) => column.kind === 'time') ?? null
    this.#tags = all.filter(({ column }) => column.kind === 'tag')
    this.#fields = all.filter(({ column }) => column.kind === 'field')
    this.#required = relation.columns
      .filter(({ isNullable }) => !isNullable)
      .map((column) => ({ column, index: all.find((one) => one.column === column)?.index ?? null }))
  }

  /**
   * Stages rows. Throws 23502 for a missing value, 23514 for a row without any field or older than
   * the table's retention, 22008 for a time that is out of range, 22003, 54000.
   */
  write(rows: SqlBatch, batch: Batch, errorOf: RowError = itself): void {
    this.check(rows, errorOf)
    this.stage(rows, batch, errorOf)
  }

  /** Stages rows that were checked, perhaps without values that their points have already. */
  stage(rows: SqlBatch, batch: Batch, errorOf: RowError = itself): void {
    const groups = groupRows(
      this.#tags.map(({ index }) => rows.columns[index]!),
      rows.rowCount,
    )
    for (const group of groups) this.#writeSeries(rows, group, batch, errorOf)
  }

  /** Throws as `write` does for rows that are no points, and stages nothing. */
  check(rows: SqlBatch, errorOf: RowError = itself): void {
    this.#checkRequired(rows, errorOf)
    this.#checkFields(rows, errorOf)
  }

  #writeSeries(rows: SqlBatch, group: RowGroup, batch: Batch, errorOf: RowError): void {
    const before = batch.errors.length
    const tags = new Map<string, string>()
    for (const [i, { column }] of this.#tags.entries()) {
      const value = group.tags[i]!
      // To the engine an empty tag is an absent one.
      if (value !== '') tags.set(column.name, value)
      else if (!column.isNullable) throw errorOf(group.rows?.[0] ?? 0, emptyTag(column.name))
    }
    const times = pick(rows.columns[this.#time!.index]!, group.rows).values as BigInt64Array
    const fields = this.#fields.flatMap((target) => this.#fieldOf(target, rows, group, errorOf))
    batch.points({ table: this.#relation.name, tags, times, fields })
    const refused = batch.errors[before]
    if (refused === undefined) return
    const row = Number(refused.pointer?.split('/').pop() ?? 0) || 0
    throw errorOf(group.rows === null ? row : group.rows[row]!, refusalOf(refused))
  }

  #fieldOf({ column, index }: Target, rows: SqlBatch, group: RowGroup, errorOf: RowError): Field[] {
    const { values, valid } = pick(rows.columns[index]!, group.rows)
    if (valid !== null && !valid.includes(1)) return []
    const type = FIELD_TYPES[column.type.name]!
    const field = { name: column.name, type, valid, declared: true, isComputed: true }
    if (column.type.name !== 'numeric') return [{ ...field, values: values as Field['values'] }]
    const unsigned = new BigUint64Array(values.length)
    for (let i = 0; i < values.length; i++) {
      if (valid !== null && valid[i] === 0) continue
      const value = unsignedOf(values[i] as Decimal)
      if (value === null) {
        const row = group.rows === null ? i : group.rows[i]!
        const message = `value "${String(values[i])}" is out of range for column "${column.name}"`
        const hint = 'The column holds whole numbers from 0 to 18446744073709551615.'
        throw errorOf(row, new SqlError('22003', message, { hint }))
      }
      unsigned[i] = value
    }
    return [{ ...field, values: unsigned }]
  }

  #checkRequired(rows: SqlBatch, errorOf: RowError): void {
    for (const { column, index } of this.#required) {
      const row = firstNull(index === null ? null : rows.columns[index]!, rows.rowCount)
      if (row === null) continue
      const message = `null value in column "${column.name}" of relation "${this.#relation.name}" violates not-null constraint`
      throw errorOf(row, new SqlError('23502', message, { detail: this.#detail(rows, row) }))
    }
  }

  /** A point without a value in any field is none. */
  #checkFields(rows: SqlBatch, errorOf: RowError): void {
    const masks = this.#fields.map(({ index }) => rows.columns[index]!.valid)
    if (rows.rowCount === 0 || masks.includes(null)) return
    for (let row = 0; row < rows.rowCount; row++) {
      if (masks.some((mask) => mask![row] === 1)) continue
      const message = `new row for relation "${this.#relation.name}" has no value in any field`
      const hint = 'A point has a value in at least one column that is not of the key.'
      const detail = this.#detail(rows, row)
      throw errorOf(row, new SqlError('23514', message, { hint, detail }))
    }
  }

  #detail(rows: SqlBatch, row: number): string {
    const targets = [this.#time, ...this.#tags, ...this.#fields]
    const indexOf = (column: RelationColumn): number | null =>
      targets.find((target) => target?.column === column)?.index ?? null
    return failingRow(this.#relation, rows, row, indexOf)
  }
}

function emptyTag(name: string): SqlError {
  const hint = 'Tags are not empty; a column that may be null takes an empty one as null.'
  return new SqlError('0A000', `an empty text in key column "${name}" is not supported`, { hint })
}

const itself: RowError = (_, error) => error

function firstNull(vector: SqlVector | null, rowCount: number): number | null {
  if (vector === null) return rowCount === 0 ? null : 0
  const row = vector.valid === null ? -1 : vector.valid.indexOf(0)
  return row < 0 ? null : row
}

function unsignedOf(value: Decimal): bigint | null {
  if (value.special !== null) return null
  const unit = 10n ** BigInt(value.scale)
  if (value.unscaled % unit !== 0n) return null
  const whole = value.unscaled / unit
  return whole >= 0n && whole < 2n ** 64n ? whole : null
}

/** The rows of a vector; null: all. */
function pick({ values, valid }: SqlVector, rows: Uint32Array | null): SqlVector {
  if (rows === null) return { values, valid }
  const count = rows.length
  const mask = valid === null ? null : new Uint8Array(count)
  if (mask !== null) for (let i = 0; i < count; i++) mask[i] = valid![rows[i]!]!
  if (Array.isArray(values)) {
    return { values: Array.from(rows, (row) => values[row] as string), valid: mask }
  }
  const Column = values.constructor as new (count: number) => Float64Array
  const picked = new Column(count)
  for (let i = 0; i < count; i++) picked[i] = (values as Float64Array)[rows[i]!]!
  return { values: picked, valid: mask }
}
