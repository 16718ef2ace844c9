// Columns of answers as JSON, a slice of rows at a time: JSON.stringify prints an array of numbers
// about twice as fast as any loop over single values, so slices become plain arrays and are printed whole.

import type { AnswerColumn, Vector } from '../../engine/query/query.ts'
import { floatText, integerPrinter } from './cell.ts'
import { halvesOf, timePrinter, type TimeFormat } from './time.ts'

/** JSON of the rows [from, to) of the column it was made for, separated by commas. */
export type SlicePrinter = (from: number, to: number) => string

type Cell = number | string | boolean | null

const HIGH = 4_294_967_296

/** The times of a series. */
export function timeSlices(times: BigInt64Array, format: TimeFormat): SlicePrinter {
  const print = timePrinter(times, format)
  const isText = format === 'ns' || format === 'rfc3339'
  return (from, to) => {
    const cells: string[] = []
    for (let row = from; row < to; row++) cells.push(print(row))
    return isText ? `"${cells.join('","')}"` : cells.join(',')
  }
}

const one = new BigInt64Array(1)
const onePrinters = new Map<TimeFormat, SlicePrinter>()

/** The time of a series of one row: without views on its column, which would cost more than the text. */
export function timeText(times: BigInt64Array, format: TimeFormat): string {
  one[0] = times[0]!
  let print = onePrinters.get(format)
  if (print === undefined) onePrinters.set(format, (print = timeSlices(one, format)))
  return print(0, 1)
}

/** The values of a vector. `quoted`: 64-bit integers as strings; else all of them are safe. */
export function vectorSlices(
  vector: Vector,
  type: AnswerColumn['type'],
  quoted: boolean,
): SlicePrinter {
  const { values, valid } = vector
  if (values instanceof Float64Array) return floatSlices(values, valid)
  const cellOf = cellReader(values, type, quoted)
  return (from, to) => {
    const cells: Cell[] = []
    for (let row = from; row < to; row++) {
      cells.push(valid !== null && valid[row] === 0 ? null : cellOf(row))
    }
    return inner(cells)
  }
}

function floatSlices(values: Float64Array, valid: Uint8Array | null): SlicePrinter {
  return (from, to) => {
    // Very many series have one row each.
    if (to - from === 1) return valid?.[from] === 0 ? 'null' : floatText(values[from]!)
    const cells: (number | null)[] = []
    let hasNegativeZero = false
    for (let row = from; row < to; row++) {
      const value = values[row]!
      if (value === 0 && 1 / value < 0) hasNegativeZero = true
      cells.push(valid !== null && valid[row] === 0 ? null : value)
    }
    if (!hasNegativeZero) return inner(cells)
    // JSON.stringify drops the sign.
    return cells.map((cell) => (cell === null ? 'null' : floatText(cell))).join(',')
  }
}

function cellReader(
  values: Exclude<Vector['values'], Float64Array>,
  type: AnswerColumn['type'],
  quoted: boolean,
): (row: number) => Cell {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    if (quoted) return integerPrinter(values)
    const { low, high } = halvesOf(values)
    return (row) => high[2 * row + 1]! * HIGH + low[2 * row]!
  }
  if (type === 'boolean') return (row) => values[row] === 1
  return (row) => values[row]!
}

/** Without the brackets. */
function inner(cells: readonly Cell[]): string {
  return JSON.stringify(cells).slice(1, -1)
}
