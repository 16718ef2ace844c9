// What an INSERT makes of points that are there already: leaves them, sets some of their fields, or
// overwrites them field by field. A key that comes twice in one statement meets its first row.

import type { SqlBatch } from '../batch.ts'
import { valueAt, vectorOf } from '../execute/vector.ts'
import type { Relation } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import type { Conflict } from '../tree.ts'
import type { CommandContext } from './context.ts'
import { PointWriter } from './point-writer.ts'
import { type StoredPoint, keyAt, keyColumns, readStored } from './stored-points.ts'

/** Both have all columns of the relation. */
export interface Resolution {
  /** What is to be written. */
  readonly written: SqlBatch
  /** The points as they are then, of rows that were inserted or updated. */
  readonly points: SqlBatch
}

interface Into {
  readonly relation: Relation
  readonly targets: readonly number[]
  readonly conflict: Conflict
}

/** Values of all columns of the relation, booleans as booleans, null as null. */
type Values = readonly unknown[]

/** Resolves the batches of one statement, in order. */
export class Resolver {
  readonly #into: Into
  readonly #context: CommandContext
  readonly #writer: PointWriter
  /** Points that the statement itself has made or left, by key. */
  readonly #made = new Map<string, Values>()

  constructor(into: Into, context: CommandContext) {
    this.#into = into
    this.#context = context
    this.#writer = new PointWriter(into.relation, [...into.relation.columns.keys()])
  }

  /**
   * Throws 23502 and 23514 for rows that are no points, 21000 for DO UPDATE of a point twice, 0A000
   * for DO UPDATE that would take a value away.
   */
  async resolve(given: SqlBatch): Promise<Resolution> {
    const { relation, targets } = this.#into
    const rows = spreadColumns(relation, targets, given)
    this.#writer.check(rows)
    const key = keyColumns(relation).map((index) => rows.columns[index]!)
    const stored = await readStored(relation, key, rows.rowCount, this.#context)
    const written: Values[] = []
    const points: Values[] = []
    for (let row = 0; row < rows.rowCount; row++) {
      const text = keyAt(key, row)
      const made = this.#made.get(text) ?? null
      const found = made ?? this.#valuesOf(stored.get(text) ?? null)
      if (this.#isKept(made, found)) {
        const fresh = this.#freshValues(this.#valuesOf({ batch: rows, row })!, found)
        const point = fresh.map((value, index) => value ?? found?.[index] ?? null)
        if (this.#hasField(fresh)) written.push(fresh)
        points.push(point)
        this.#made.set(text, point)
      } else this.#made.set(text, found!)
    }
    return { written: this.#batchOf(written), points: this.#batchOf(points) }
  }

  #isKept(made: Values | null, found: Values | null): boolean {
    const { kind } = this.#into.conflict
    if (kind === 'nothing') return found === null
    if (kind === 'update' && made !== null) {
      const message = 'ON CONFLICT DO UPDATE command cannot affect row a second time'
      const hint =
        'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.'
      throw new SqlError('21000', message, { hint })
    }
    return true
  }

  /** What is written of a row: of DO UPDATE the columns that it names, if there is a point already. */
  #freshValues(given: Values, found: Values | null): Values {
    const { conflict, relation } = this.#into
    if (conflict.kind !== 'update' || found === null) return given
    return given.map((value, index) => {
      const { name, kind } = relation.columns[index]!
      if (kind !== 'field') return value
      if (!conflict.columns.includes(index)) return null
      if (value !== null || found[index] === null) return value
      const hint = 'Delete the point and insert it again.'
      const message = `setting column "${name}" of a point to null is not supported`
      throw new SqlError('0A000', message, { hint })
    })
  }

  #hasField(values: Values): boolean {
    const { columns } = this.#into.relation
    return values.some((value, index) => value !== null && columns[index]!.kind === 'field')
  }

  #valuesOf(point: StoredPoint | null): Values | null {
    if (point === null) return null
    const { columns } = this.#into.relation
    return columns.map(({ type }, index) => valueAt(point.batch.columns[index]!, type, point.row))
  }

  #batchOf(rows: readonly Values[]): SqlBatch {
    const columns = this.#into.relation.columns.map(({ type }, index) =>
      vectorOf(type, rows.length, (row) => rows[row]![index]),
    )
    return { rowCount: rows.length, columns }
  }
}

/** The batch with all columns of the relation: null where none was given. */
function spreadColumns(
  { columns }: Relation,
  targets: readonly number[],
  { rowCount, columns: given }: SqlBatch,
): SqlBatch {
  const all = columns.map(
    ({ type }, index) => given[targets.indexOf(index)] ?? vectorOf(type, rowCount, () => null),
  )
  return { rowCount, columns: all }
}
