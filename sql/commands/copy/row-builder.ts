// The rows of a COPY under way: a builder for each of its columns, the line of every row, and the checks
// that a row has to pass once it is whole.

import type { SqlBatch } from '../../batch.ts'
import type { Relation } from '../../relation.ts'
import { SqlError } from '../../sql-error.ts'
import type { TextContext } from '../../value-text.ts'
import { failingRow } from '../failing-row.ts'
import { type ColumnBuilder, builderOf } from './column-builder.ts'

/** Rows, cells and bytes of data that are decoded before they are given to the engine. */
const STEP_ROWS = 8_192
const STEP_CELLS = 16_384
const STEP_BYTES = 256 << 10

export class RowBuilder {
  readonly columns: readonly ColumnBuilder[]
  /** Names of the columns. */
  readonly names: readonly string[]
  /** Rows that are whole; the one with this number is being read. */
  rowCount = 0
  readonly #lines = new Float64Array(STEP_ROWS)
  readonly #rowsMax: number
  #bytes = 0
  readonly #relation: Relation
  readonly #targets: readonly number[]
  /** Of columns that may not be null: the builder's number; -1: it has none. */
  readonly #required: readonly { readonly name: string; readonly index: number }[]
  readonly #fields: readonly ColumnBuilder[]

  constructor(relation: Relation, targets: readonly number[], context: TextContext) {
    const own = targets.map((target) => relation.columns[target]!)
    this.#rowsMax = Math.max(1, Math.min(STEP_ROWS, Math.floor(STEP_CELLS / own.length)))
    this.columns = own.map(({ type }) => builderOf(type, this.#rowsMax, context))
    this.names = own.map(({ name }) => name)
    this.#relation = relation
    this.#targets = targets
    this.#required = relation.columns.flatMap(({ name, isNullable }, index) =>
      isNullable ? [] : [{ name, index: targets.indexOf(index) }],
    )
    this.#fields = this.columns.filter((_, index) => own[index]!.kind === 'field')
  }

  get isFull(): boolean {
    return this.rowCount >= this.#rowsMax || this.#bytes >= STEP_BYTES
  }

  /** The row is whole; `size`: bytes of its data. Throws 23502 for a missing value, 23514 for a row without any field. */
  endRow(line: number, size: number): void {
    const row = this.rowCount
    for (const { name, index } of this.#required) {
      if (index >= 0 && this.columns[index]!.valid[row] === 1) continue
      const message = `null value in column "${name}" of relation "${this.#relation.name}" violates not-null constraint`
      throw new SqlError('23502', message, { detail: this.#detail() })
    }
    if (!this.#hasField(row)) {
      const message = `new row for relation "${this.#relation.name}" has no value in any field`
      const hint = 'A point has a value in at least one column that is not of the key.'
      throw new SqlError('23514', message, { hint, detail: this.#detail() })
    }
    this.#lines[row] = line
    this.rowCount++
    this.#bytes += size
  }

  lineOf(row: number): number {
    return this.#lines[row]!
  }

  /** The rows that are whole; good until `clear`. */
  get batch(): SqlBatch {
    const { rowCount } = this
    return { rowCount, columns: this.columns.map((column) => column.vector(rowCount)) }
  }

  clear(): void {
    this.rowCount = 0
    this.#bytes = 0
    for (const column of this.columns) column.clear()
  }

  #hasField(row: number): boolean {
    for (const column of this.#fields) if (column.valid[row] === 1) return true
    return false
  }

  #detail(): string {
    const rows = { rowCount: 1, columns: this.columns.map((one) => one.vector(this.rowCount + 1)) }
    return failingRow(this.#relation, rows, this.rowCount, (column) => {
      const index = this.#targets.indexOf(this.#relation.columns.indexOf(column))
      return index < 0 ? null : index
    })
  }
}
