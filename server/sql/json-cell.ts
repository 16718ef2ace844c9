// Values of SQL as JSON: numbers where they are exact, times in the unit that was asked for, texts as
// PostgreSQL prints them.

import type { SqlVector } from '../../sql/batch.ts'
import type { SqlArray, SqlRecord } from '../../sql/value.ts'
import { printerOf, type TextContext } from '../../sql/value-text.ts'
import type { DataType } from '../../sql/type.ts'
import { shownTime, type TimeFormat } from '../encode/time.ts'

export interface CellFormat {
  readonly time: TimeFormat
  /** `auto`: numbers up to 2^53, strings beyond; `string`: strings. */
  readonly integers: 'auto' | 'string'
  readonly text: TextContext
}

/** Prints one value that is not null, as its vector holds it. */
export type CellPrinter = (value: unknown) => string

const printFloat: CellPrinter = (value) => {
  if (!Number.isFinite(value as number)) return 'null'
  return Object.is(value, -0) ? '-0' : String(value)
}

const printNumeric =
  (print: CellPrinter, { integers }: CellFormat): CellPrinter =>
  (value) => {
    const digits = print(value)
    const isNumber = integers === 'auto' && Number.isSafeInteger(Number(digits))
    return isNumber && /^-?\d+$/.test(digits) ? digits : JSON.stringify(digits)
  }

const printInteger =
  ({ integers }: CellFormat): CellPrinter =>
  (value) => {
    const isNumber = integers === 'auto' && Number.isSafeInteger(Number(value))
    return isNumber ? String(value) : `"${String(value)}"`
  }

function printArray(element: DataType, format: CellFormat): CellPrinter {
  const print = cellPrinter(element, format)
  return (value) => {
    const { values, dimensions } = value as SqlArray
    const cells = values.map((each) => (each === null ? 'null' : print(each)))
    // From the innermost dimension out; an empty array has none.
    for (const length of dimensions.slice(1).reverse()) {
      const rows = cells.splice(0)
      for (let at = 0; at < rows.length; at += length) {
        cells.push(`[${rows.slice(at, at + length).join()}]`)
      }
    }
    return `[${cells.join()}]`
  }
}

/** A row as an object of its columns. */
function printRecord(fields: NonNullable<DataType['fields']>, format: CellFormat): CellPrinter {
  const printers = fields.map(({ name, type }) => {
    return { name: JSON.stringify(name), print: cellPrinter(type, format) }
  })
  return (value) => {
    const { values } = value as SqlRecord
    const cells = printers.map(({ name, print }, index) => {
      const cell = values[index]
      return `${name}:${cell === null ? 'null' : print(cell)}`
    })
    return `{${cells.join()}}`
  }
}

/** How values of a type are printed. */
export function cellPrinter(type: DataType, format: CellFormat): CellPrinter {
  const { name, layout, element, fields } = type
  if (fields !== undefined) return printRecord(fields, format)
  if (element) return printArray(element, format)
  if (layout === 'boolean') return (value) => (value === 1 || value === true ? 'true' : 'false')
  if (name === 'float8' || name === 'float4') return printFloat
  if (name === 'int2' || name === 'int4' || name === 'oid') return String
  if (name === 'int8') return printInteger(format)
  if (name === 'numeric') return printNumeric(printerOf(type, format.text), format)
  if (name === 'timestamptz' || name === 'timestamp') {
    return (value) => JSON.stringify(shownTime(value as bigint, format.time))
  }
  if (name === 'json' || name === 'jsonb') return (value) => value as string
  const print = printerOf(type, format.text)
  return (value) => JSON.stringify(print(value))
}

/** The value of a row, null for SQL's null. */
export function cellOf({ values, valid }: SqlVector, row: number): unknown {
  return valid && valid[row] === 0 ? null : values[row]
}
