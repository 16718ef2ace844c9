// Whether the engine's answer is the reference's: everything bit-equal but float sums, means and
// what follows from them, which may differ by 1e-12 of Σ|x|.

import type { Answer, Vector } from '../../engine/query/query.ts'
import type { Cell } from './aggregate.ts'
import type { ReferenceAnswer } from '../reference.ts'
import type { Value } from './table.ts'

const TOLERANCE = 1e-12
/** Squares of less have lost digits. */
const SQUARES_LEAST = 1e-150

/** The first difference in words; null = none. */
export function differenceOf(
  found: Answer,
  expected: ReferenceAnswer,
  isAggregate: boolean,
): string | null {
  const columns = JSON.stringify(found.columns.map(({ name, type }) => [name, type]))
  const wanted = JSON.stringify(expected.columns.map(({ name, type }) => [name, type]))
  if (columns !== wanted) return `columns ${columns}, not ${wanted}`
  const names = found.series.map(({ tags }) => JSON.stringify([...tags]))
  const wantedNames = expected.series.map(({ tags }) => JSON.stringify(tags))
  if (names.join() !== wantedNames.join())
    return `series ${names.join()}, not ${wantedNames.join()}`
  if (found.rowCount !== expected.rowCount)
    return `${found.rowCount} rows, not ${expected.rowCount}`
  for (const [i, series] of found.series.entries()) {
    const reference = expected.series[i]!
    const times = [...series.time].join()
    if (times !== reference.time.join())
      return `${names[i]}: times ${times}, not ${reference.time.join()}`
    for (const [j, vector] of series.fields.entries()) {
      const difference = columnDifference(vector, reference.fields[j]!, isAggregate)
      if (difference !== null) return `${names[i]}, ${found.columns[j + 1]!.name}, ${difference}`
    }
  }
  const hasMore = expected.cursor !== null
  return (found.cursor !== null) === hasMore ? null : `a cursor is ${hasMore ? 'missing' : 'there'}`
}

function columnDifference(
  vector: Vector,
  cells: readonly Cell[],
  isAggregate: boolean,
): string | null {
  if (vector.values.length !== cells.length)
    return `${vector.values.length} values, not ${cells.length}`
  for (const [row, cell] of cells.entries()) {
    const value = valueAt(vector, row, typeof cell.value === 'boolean')
    if (!isEqual(value, cell, isAggregate)) {
      return `row ${row}: ${String(value)}, not ${String(cell.value)} (Σ|x| ${cell.scale})`
    }
  }
  return null
}

/** A value of a vector as the reference has it; null where invalid. */
export function valueAt(vector: Vector, row: number, isBoolean: boolean): Value | null {
  if (vector.valid !== null && vector.valid[row] !== 1) return null
  const value = vector.values[row]!
  return isBoolean && typeof value === 'number' ? value === 1 : value
}

function isEqual(
  value: Value | null,
  { value: wanted, scale, accepts }: Cell,
  isAggregate: boolean,
): boolean {
  if (Object.is(value, wanted)) return true
  if (typeof value !== 'number' || typeof wanted !== 'number') return false
  if (accepts?.(value) === true) return true
  if (isAggregate && value === wanted) return true
  // Sums that leave the range of doubles on the way depend on the order, and so do squares.
  if (scale > 1e307 || (scale > 0 && scale < SQUARES_LEAST)) return true
  if (!Number.isFinite(value) || !Number.isFinite(wanted)) return false
  const difference = Math.abs(value - wanted)
  return (
    difference <= TOLERANCE * scale ||
    Math.abs(value + wanted) * difference <= TOLERANCE * scale ** 2
  )
}
