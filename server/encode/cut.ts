// Where a piece of an answer ends that has strings in it: numbers have a few bytes each, strings any number.

import { CHARACTERS_OF_CELL, CELLS_OF_PIECE } from '../limits.ts'

/** Rows of wide tables that make a piece all the same: what each column costs is shared by them … */
const ROWS_WANTED = 16
/** … as long as these are not more cells. */
const CELLS_MAX = 16 * CELLS_OF_PIECE

/** Rows of so many columns of numbers that are a piece, one at least. */
export function rowsOfPiece(columns: number): number {
  const wide = Math.min(ROWS_WANTED, Math.floor(CELLS_MAX / columns))
  return Math.max(1, wide, Math.floor(CELLS_OF_PIECE / columns))
}

/** Rows up to `to`, and what their strings weigh, in cells of numbers. */
export interface Cut {
  readonly to: number
  readonly weight: number
}

/** The rows from `from` on, at most to `to`, whose strings are a piece; one row at least. */
export function cutStrings(columns: readonly (readonly string[])[], from: number, to: number): Cut {
  let length = 0
  for (let row = from; columns.length > 0 && row < to; row++) {
    for (const texts of columns) length += texts[row]!.length
    const weight = length / CHARACTERS_OF_CELL
    if (weight >= CELLS_OF_PIECE) return { to: row + 1, weight }
  }
  return { to, weight: length / CHARACTERS_OF_CELL }
}
