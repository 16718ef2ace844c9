// Runs a statement here and in PostgreSQL: the same columns and rows, or the same SQLSTATE.

import '../grammar-module.ts'
import { bind } from '../../../sql/bind/bind.ts'
import { execute } from '../../../sql/execute/execute.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import { functionTable } from '../../../sql/functions/table.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { printValue } from '../../../sql/value-text.ts'
import { surroundings } from '../bind-setup.ts'
import type { Postgres } from '../postgres.ts'

/** Rows as texts, or what went wrong. */
export type Outcome =
  | { readonly types: readonly number[]; readonly rows: readonly (readonly string[])[] }
  | { readonly error: string; readonly message: string }

const run = { surroundings, check() {}, async pause() {}, hold() {} }

export async function runHere(text: string): Promise<Outcome> {
  try {
    const bound = await bind(text, [], { relation: () => null }, functionTable, surroundings)
    if (!('query' in bound.body)) throw new Error('no query')
    const rows: string[][] = []
    for await (const batch of execute(bound.body.query, run, [])) {
      for (let row = 0; row < batch.rowCount; row++) {
        rows.push(
          bound.columns!.map(({ type }, index) => {
            const value = valueAt(batch.columns[index]!, type, row)
            return value === null ? 'NULL' : printValue(type, value, surroundings)
          }),
        )
      }
    }
    return { types: bound.columns!.map(({ type }) => type.oid), rows }
  } catch (error) {
    const { message } = error as Error
    return { error: error instanceof SqlError ? error.sqlstate : 'crash', message }
  }
}

export async function runThere(postgres: Postgres, text: string): Promise<Outcome> {
  try {
    const { columns, rows } = await postgres.query(text)
    return {
      types: columns.map(({ oid }) => oid),
      rows: rows.map((row) => row.map((cell) => cell ?? 'NULL')),
    }
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { error: code, message }
  }
}

const FLOATS = new Set([700, 701])
const TOLERANCE = 1e-11

function isCellEqual(type: number, one: string, two: string): boolean {
  if (one === two) return true
  if (!FLOATS.has(type)) return false
  const [a, b] = [Number(one), Number(two)]
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b))
}

/** Differences that are meant; docs/sql.md names them. */
function isMeant(here: Outcome, there: Outcome): boolean {
  // Times are nanoseconds in 64 bits: from 1677 to 2262.
  if (!('error' in here) || here.error !== '22008' || !/timestamp/.test(here.message)) return false
  return 'error' in there || there.rows.some((row) => row.some((cell) => isFarTime(cell)))
}

/** Whether a text has a date that nanoseconds do not reach. */
function isFarTime(cell: string | null): boolean {
  if (cell === null) return false
  const years = Array.from(cell.matchAll(/(\d{4,})-\d\d-\d\d/g), ([, year]) => Number(year))
  return / BC|infinity/.test(cell) || years.some((year) => year <= 1677 || year >= 2262)
}

export function isEqualOutcome(one: Outcome, two: Outcome): boolean {
  if (isMeant(one, two)) return true
  if ('error' in one || 'error' in two) {
    return 'error' in one && 'error' in two && one.error === two.error
  }
  return (
    one.types.join() === two.types.join() &&
    one.rows.length === two.rows.length &&
    one.rows.every((row, index) =>
      row.every((cell, column) => isCellEqual(one.types[column]!, cell, two.rows[index]![column]!)),
    )
  )
}

export const show = (one: Outcome): string =>
  'error' in one
    ? `${one.error} ${one.message}`
    : `(${one.types.join()}) ${one.rows.map((row) => row.join('|')).join(' / ')}`

/** Null where both agree, else the statement and both answers. */
export async function differenceOf(postgres: Postgres, text: string): Promise<string | null> {
  const [here, there] = [await runHere(text), await runThere(postgres, text)]
  if (isEqualOutcome(here, there)) return null
  return `${text}\n  here  ${show(here)}\n  there ${show(there)}`
}
