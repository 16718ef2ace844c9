// Answers of whole statements: columns with types and rows as texts, or the SQLSTATE. Rows in any order,
// but for the columns that the statement orders by; floats within 1e-12 of themselves, numerics without their
// last zeros.

import type { Outcome } from './compare.ts'

const FLOATS = new Set([700, 701])
const NUMERIC = 1700
const TOLERANCE = 1e-12

/** Which of equal numbers stands for all of them (0.0, 0.00) is open. */
const unpadded = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

function isCellNear(type: number, one: string, two: string): boolean {
  if (one === two) return true
  if (type === NUMERIC) return unpadded(one) === unpadded(two)
  if (!FLOATS.has(type)) return false
  const [a, b] = [Number(one), Number(two)]
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b))
}

type Row = readonly string[]

const keyed = (type: number, text: string): string => (type === NUMERIC ? unpadded(text) : text)

/** By the texts that are exact first: floats that differ in their last digits come in one order. */
function sorted(types: readonly number[], rows: readonly Row[]): Row[] {
  const exact = types.flatMap((type, index) => (FLOATS.has(type) ? [] : [index]))
  const floats = types.flatMap((type, index) => (FLOATS.has(type) ? [index] : []))
  const list = rows.map((row) => ({
    row,
    key: exact.map((index) => keyed(types[index]!, row[index]!)).join('\u0000'),
  }))
  list.sort((a, b) => {
    if (a.key !== b.key) return a.key < b.key ? -1 : 1
    for (const index of floats) {
      const [one, two] = [a.row[index]!, b.row[index]!]
      if (isCellNear(701, one, two)) continue
      const by = Number(one) - Number(two)
      return Number.isNaN(by) ? (one < two ? -1 : 1) : by
    }
    return 0
  })
  return list.map(({ row }) => row)
}

const isRowsNear = (types: readonly number[], one: readonly Row[], two: readonly Row[]): boolean =>
  one.every((row, index) =>
    row.every((cell, column) => isCellNear(types[column]!, cell, two[index]![column]!)),
  )

/**
 * Whether two answers are the same. `order`: indexes of the columns that the rows are sorted by, which
 * come in one order; rows that are equal in these come in any.
 */
export function isSameAnswer(one: Outcome, two: Outcome, order: readonly number[]): boolean {
  if ('error' in one || 'error' in two) {
    return 'error' in one && 'error' in two && one.error === two.error
  }
  const { types } = one
  if (types.join() !== two.types.join() || one.rows.length !== two.rows.length) return false
  const keys = ({ rows }: { rows: readonly Row[] }): Row[] =>
    rows.map((row) => order.map((index) => row[index]!))
  const keyTypes = order.map((index) => types[index]!)
  return (
    isRowsNear(keyTypes, keys(one), keys(two)) &&
    isRowsNear(types, sorted(types, one.rows), sorted(types, two.rows))
  )
}
