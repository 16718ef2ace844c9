// What a running node sees besides its input: parameters, the rows of enclosing queries, results of
// CTEs, and answers of subqueries that it has asked before.

import type { SqlBatch } from '../batch.ts'
import type { RunContext } from '../relation.ts'
import type { Bound, Named } from '../tree.ts'

/** One row of an enclosing query. */
export interface OuterRow {
  readonly batch: SqlBatch
  readonly row: number
}

export interface Scope {
  readonly run: RunContext
  /** Values lie as in vectors, booleans as booleans. */
  readonly parameters: readonly unknown[]
  /** The nearest first. */
  readonly outer: readonly OuterRow[]
  /** Rows of CTEs by their id. */
  readonly ctes: Map<number, SqlBatch>
  /** Answers of subqueries by the values of outer columns that they depend on. */
  readonly answers: Map<Bound, Map<string, Answer>>
}

/** What a subquery gave, or why it failed: thrown only where a row needs it. */
export interface Answer {
  readonly rows: SqlBatch
  readonly error: unknown
  /** Of one column: its values. */
  values?: readonly unknown[]
  /** For IN: keys of the rows. */
  keys?: Set<unknown>
}

/** The input of an expression: a batch, and the answers to its subqueries by row. */
export interface Frame {
  readonly batch: SqlBatch
  readonly scope: Scope
  readonly answers: Map<Bound, readonly Answer[]>
}

export const frameOf = (batch: SqlBatch, scope: Scope): Frame => ({
  batch,
  scope,
  answers: new Map(),
})

/** A row of no columns, for expressions that read none. */
export const ONE_ROW: SqlBatch = { rowCount: 1, columns: [] }

export type Columns = readonly Named[]
