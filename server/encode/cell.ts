// Values of answers as text: one printer per column of a series, made once, called per row.
// Floats in their shortest round-trip digits; 64-bit integers from their halves, without BigInt
// where they fit a double.

import type { AnswerColumn, AnswerSeries, Vector } from '../../engine/query/query.ts'
import { halvesOf, type CellPrinter } from './time.ts'

/** `auto`: numbers where every value is a safe integer, else strings; `string`: always strings. */
export type IntegerFormat = 'auto' | 'string'

export const INTEGER_FORMATS = ['auto', 'string'] as const

const HIGH = 4_294_967_296
const SAFE_HIGH = 2_097_152 // 2^53 / 2^32

/** True for 64-bit words of which a double holds the exact value and no other integer rounds to it. */
function isSafe(high: number, low: number): boolean {
  return high < SAFE_HIGH && (high > -SAFE_HIGH || (high === -SAFE_HIGH && low !== 0))
}

/** True if every value of the vector is a safe integer; nulls do not count. */
export function isSafeVector({ values, valid }: Vector): boolean {
  if (!(values instanceof BigInt64Array) && !(values instanceof BigUint64Array)) return true
  const { low, high } = halvesOf(values)
  const unsigned = values instanceof BigUint64Array
  for (let row = 0; row < values.length; row++) {
    if (valid !== null && valid[row] === 0) continue
    const word = high[2 * row + 1]!
    if (!isSafe(unsigned ? word >>> 0 : word, low[2 * row]!)) return false
  }
  return true
}

/** Which columns (time excluded) have to be strings in JSON, so that no digit is lost. */
export function stringColumns(
  columns: readonly AnswerColumn[],
  series: readonly AnswerSeries[],
  integers: IntegerFormat,
): boolean[] {
  return columns.slice(1).map(({ type }, i) => {
    if (type !== 'integer' && type !== 'unsigned') return false
    return integers === 'string' || !series.every(({ fields }) => isSafeVector(fields[i]!))
  })
}

/** Prints the digits of 64-bit integers. */
export function integerPrinter(values: BigInt64Array | BigUint64Array): CellPrinter {
  const { low, high } = halvesOf(values)
  const unsigned = values instanceof BigUint64Array
  return (row) => {
    const word = high[2 * row + 1]!
    const highWord = unsigned ? word >>> 0 : word
    const lowWord = low[2 * row]!
    if (isSafe(highWord, lowWord)) return String(highWord * HIGH + lowWord)
    return String(values[row]!)
  }
}

/** JSON text of a float: -0 keeps its sign, NaN and ±Inf have no number and are null. */
export function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  return Number.isFinite(value) ? String(value) : 'null'
}

/**
 * Prints the cells of a vector as JSON values. `quoted`: 64-bit integers as strings; else each
 * prints as a number.
 */
export function jsonPrinter(
  vector: Vector,
  type: AnswerColumn['type'],
  quoted: boolean,
): CellPrinter {
  const print = jsonValuePrinter(vector, type, quoted)
  const { valid } = vector
  if (valid === null) return print
  return (row) => (valid[row] === 0 ? 'null' : print(row))
}

function jsonValuePrinter(
  { values }: Vector,
  type: AnswerColumn['type'],
  quoted: boolean,
): CellPrinter {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const digits = integerPrinter(values)
    return quoted ? (row) => `"${digits(row)}"` : digits
  }
  if (values instanceof Float64Array) return (row) => floatText(values[row]!)
  if (type === 'boolean') return (row) => (values[row] ? 'true' : 'false')
  return (row) => JSON.stringify(values[row])
}

/** As jsonPrinter, but each integer beyond 2^53 is a string of its own, whatever the others are. */
export function flatPrinter(
  vector: Vector,
  type: AnswerColumn['type'],
  integers: IntegerFormat,
): CellPrinter {
  const { values } = vector
  const isInteger = values instanceof BigInt64Array || values instanceof BigUint64Array
  if (!isInteger || integers === 'string') return jsonPrinter(vector, type, isInteger)
  if (isSafeVector(vector)) return jsonPrinter(vector, type, false)
  const print = jsonPrinter(vector, type, false)
  return (row) => {
    const text = print(row)
    return text === 'null' || Number.isSafeInteger(Number(text)) ? text : `"${text}"`
  }
}

/** Prints the cells of a vector for CSV: null, NaN and ±Inf are empty, an empty string is `""`. */
export function csvPrinter({ values, valid }: Vector, type: AnswerColumn['type']): CellPrinter {
  const print = csvValuePrinter(values, type)
  if (valid === null) return print
  return (row) => (valid[row] === 0 ? '' : print(row))
}

function csvValuePrinter(values: Vector['values'], type: AnswerColumn['type']): CellPrinter {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    return integerPrinter(values)
  }
  if (values instanceof Float64Array) {
    return (row) => (Number.isFinite(values[row]) ? floatText(values[row]!) : '')
  }
  if (type === 'boolean') return (row) => (values[row] ? 'true' : 'false')
  return (row) => csvText(values[row] as string)
}

/** A text as a CSV cell (RFC 4180), quoted where it has to be; an empty one is not a null. */
export function csvText(text: string): string {
  if (text === '') return '""'
  if (!/[",\r\n]|^\s|\s$/.test(text)) return text
  return `"${text.replaceAll('"', '""')}"`
}
