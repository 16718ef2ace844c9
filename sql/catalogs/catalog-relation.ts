// A relation of pg_catalog or information_schema: PostgreSQL's columns, and rows made from the snapshot
// of the statement that reads them. Relations are shared by all sessions, so plans of them can be kept.

import { BATCH_ROWS, type Batches } from '../batch.ts'
import type { Relation, RelationColumn, RunContext, Scan, ScanRequest } from '../relation.ts'
import type { Surroundings } from '../function.ts'
import { typeOf, type DataType } from '../type.ts'
import { arrayOf } from './array.ts'
import type { CatalogSnapshot } from './snapshot.ts'
import { vectorOf } from './vector.ts'

/** Values by column; a column without one is null, or of columns that are NOT NULL their type's zero. */
export type CatalogRow = Readonly<Record<string, unknown>>

export type CatalogRows = (snapshot: CatalogSnapshot) => Iterable<CatalogRow>

/** What there is to know of a relation without its rows. */
export interface CatalogShape {
  readonly schema: string
  readonly name: string
  readonly oid: number
  readonly kind: 'r' | 'v'
  readonly columns: readonly RelationColumn[]
}

/** Reads the lines of `*-columns.ts`. */
export function readShapes(schema: string, text: string): CatalogShape[] {
  const lines = text.replaceAll(/\n +/g, ' ').trimEnd().split('\n')
  return lines.map((line) => {
    const [oid, kind, name = '', ...columns] = line.split(' ')
    return {
      schema,
      name,
      oid: Number(oid),
      kind: kind as CatalogShape['kind'],
      columns: columns.map(readColumn),
    }
  })
}

function readColumn(text: string): RelationColumn {
  const [, name = '', type = '', mark] = /^(.*):(\w+)(!?)$/.exec(text) ?? []
  return { name, type: typeOf(type), kind: null, isNullable: mark === '' }
}

/** What a NOT NULL column holds of which a row says nothing. */
function zero(type: DataType): unknown {
  if (type.layout === 'boolean') return false
  if (type.layout === 'number') return 0
  if (type.layout === 'bigint') return 0n
  if (type.layout === 'text') return ''
  return type.element ? arrayOf(type, []) : null
}

export class CatalogRelation implements Relation {
  readonly schema: string
  readonly name: string
  readonly oid: number
  readonly kind: CatalogShape['kind']
  readonly columns: readonly RelationColumn[]
  readonly #rows: CatalogRows
  readonly #zeros: readonly unknown[]

  constructor(shape: CatalogShape, rows: CatalogRows) {
    this.schema = shape.schema
    this.name = shape.name
    this.oid = shape.oid
    this.kind = shape.kind
    this.columns = shape.columns
    this.#rows = rows
    this.#zeros = shape.columns.map(({ isNullable, type }) => (isNullable ? null : zero(type)))
  }

  /** All conditions are left to the executor: the relations are small. */
  scan(request: ScanRequest, surroundings: Surroundings): Scan {
    const { catalog } = surroundings
    if (!catalog) throw new Error(`${this.schema}.${this.name} is read without a database`)
    const limit = request.conditions.length === 0 ? (request.limit ?? Infinity) : Infinity
    return {
      left: request.conditions,
      explain: () => [],
      batches: (run) => this.#batches(request.columns, catalog, limit, run),
    }
  }

  async *#batches(
    columns: readonly number[],
    catalog: CatalogSnapshot,
    limit: number,
    run: RunContext,
  ): Batches {
    let rows: CatalogRow[] = []
    for (const row of limit > 0 ? this.#rows(catalog) : []) {
      rows.push(row)
      limit--
      if (limit <= 0) break
      if (rows.length < BATCH_ROWS) continue
      yield this.#batch(columns, rows)
      rows = []
      run.check()
      await run.pause()
    }
    if (rows.length > 0) yield this.#batch(columns, rows)
  }

  #batch(columns: readonly number[], rows: readonly CatalogRow[]) {
    const vectors = columns.map((index) => {
      const { name, type } = this.columns[index]!
      return vectorOf(type, rows.length, (row) => rows[row]![name] ?? this.#zeros[index])
    })
    return { rowCount: rows.length, columns: vectors }
  }
}
