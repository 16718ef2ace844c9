// Columns that are not there yet: while a SELECT's expressions are bound, inputs of numbers beyond any
// real column stand for its aggregates, windows, functions of rows and GROUPING.

import type { Bound } from '../tree.ts'

/** First numbers of the columns that are not there yet. */
export const PLACES = {
  aggregate: 2 ** 24,
  window: 2 ** 25,
  rows: 2 ** 26,
  grouping: 2 ** 27,
} as const
const PLACES_END = 2 ** 28
/** Columns that the rows of one function may have. */
export const ROWS_COLUMNS_MAX = 64

/** What is computed between a FROM and its select list. */
export type Computed = keyof typeof PLACES

/** Whether an expression stands for an aggregate, a window call … of the block it is in. */
export function isPlaceholder(bound: Bound, computed: Computed): boolean {
  return bound.kind === 'input' && kindOf(bound.index) === computed
}

/** What an input stands for; null: it is a column. */
export function kindOf(index: number): Computed | null {
  if (index < PLACES.aggregate || index >= PLACES_END) return null
  if (index < PLACES.window) return 'aggregate'
  if (index < PLACES.rows) return 'window'
  return index < PLACES.grouping ? 'rows' : 'grouping'
}
