// Where an expression stands: the names it sees, the clause it is part of, and the block of SELECT
// that its aggregates and window functions belong to.

import type { Node as Tree, WindowDef } from 'libpg-query'
import type { TableFunction } from '../function.ts'
import type { AggregateCall, Bound, Fill, WindowCall } from '../tree.ts'
import type { Context } from './context.ts'
import type { Scope } from './scope.ts'

export interface Clause {
  /** As errors name it: WHERE, JOIN conditions, LIMIT. */
  readonly title: string
  readonly hasAggregates: boolean
  readonly hasWindows: boolean
  /** Whether functions of rows may stand there. */
  readonly hasRows: boolean
}

export interface Site {
  readonly context: Context
  readonly scope: Scope
  readonly clause: Clause
  readonly block: Block | null
}

/**
 * A SELECT while its expressions are bound. What is computed between its FROM and its select list is
 * kept here, and stands in expressions as a column that the row will have by then.
 */
export interface Block {
  aggregate(call: AggregateCall, fill: Fill): Bound
  window(site: Site, definition: WindowDef, call: Omit<WindowCall, WindowPart>): Bound
  /** The value of one column of a function's rows. */
  rows(call: RowsCall, column: number): Bound
  bindGrouping(site: Site, arguments_: readonly Tree[], location: number | undefined): Bound
  gapfill(start: Bound | null, finish: Bound | null, bucket: Bound): void
  /** Changes how the gaps of an aggregate that `aggregate` gave are filled; null: it is none. */
  fill(bound: Bound, fill: Fill): Bound | null
}

export type WindowPart = 'partition' | 'order' | 'frame'

export interface RowsCall {
  readonly function: TableFunction
  readonly arguments: readonly Bound[]
  readonly position: number
}

/** A column of the select list, and of the hidden ones behind it that ORDER BY and DISTINCT ON need. */
export interface Target {
  readonly name: string
  readonly bound: Bound
  readonly tree: Tree | undefined
}

export function clause(title: string, ...allowed: ('aggregates' | 'windows' | 'rows')[]): Clause {
  return {
    title,
    hasAggregates: allowed.includes('aggregates'),
    hasWindows: allowed.includes('windows'),
    hasRows: allowed.includes('rows'),
  }
}
