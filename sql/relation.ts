// Anything that has rows: a table of the engine, a table of pg_catalog, VALUES, a CTE. A relation gets
// what a statement wants of it and does what it can; what it leaves, operators do afterwards.

import type { Batches } from './batch.ts'
import type { Bound } from './tree.ts'
import type { Surroundings } from './function.ts'
import type { CancelSignal } from '../engine/query/cancel.ts'
import type { QueryStats } from '../engine/query/query.ts'
import type { DataType } from './type.ts'

export interface RelationColumn {
  readonly name: string
  readonly type: DataType
  /** What it is to the engine; null: the relation is none of its tables. */
  readonly kind: 'time' | 'tag' | 'field' | null
  readonly isNullable: boolean
}

/** What a scan wants. Indexes of `input` expressions are those of the relation's columns. */
export interface ScanRequest {
  /** Columns that are read, ascending; the answer has these, in this order. */
  readonly columns: readonly number[]
  /** ANDed; without parameters or subqueries: they are constants by then. */
  readonly conditions: readonly Bound[]
  /** Rows that are enough; null = all. Only used with no condition left. */
  readonly limit: number | null
}

export interface Scan {
  /** Those of `conditions` that the rows do not meet yet. */
  readonly left: readonly Bound[]
  /** Lines of EXPLAIN below the scan's own. */
  readonly explain: () => readonly string[]
  batches(run: RunContext): Batches
}

export interface Relation {
  readonly schema: string
  readonly name: string
  readonly oid: number
  readonly columns: readonly RelationColumn[]
  scan(request: ScanRequest, surroundings: Surroundings): Scan
}

/** What a running statement is held to. */
export interface RunContext {
  readonly surroundings: Surroundings
  /** Given when the statement is to stop, for what cannot be asked between its steps. */
  readonly signal?: CancelSignal | undefined
  /** Hears what the index did for each question to the engine: EXPLAIN. */
  readonly watch?: ((relation: Relation, stats: QueryStats) => void) | undefined
  /** Throws 57014 when the statement was cancelled or its time is over. */
  check(): void
  /** Lets others run when it is time to; awaited between batches. Throws as `check` does. */
  pause(): Promise<void>
  /** Rests as functions have asked for (`Surroundings.sleep`); throws as `check` does. */
  rest?(): Promise<void>
  /** Counts bytes held (negative: given back). Throws 53200 above the budget. */
  hold(bytes: number): void
}

/** The tables that a statement may name. */
export interface Schema {
  /** `schema` null: the search path, pg_catalog first. Null = there is none. */
  relation(schema: string | null, name: string): Relation | null
}
