// Answers of SQL as JSON texts, piece by piece while the statement runs: ours, the seed's, Neon's.
// Source of the last: @neondatabase/serverless 1.2.0 and Neon's proxy, whose fields are those of
// node-postgres.

import type { SqlBatch } from '../../sql/batch.ts'
import type { Running } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { Named } from '../../sql/tree.ts'
import type { DataType } from '../../sql/type.ts'
import { printerOf } from '../../sql/value-text.ts'
import { cellOf, cellPrinter, type CellFormat, type CellPrinter } from './json-cell.ts'

/** Rows of one piece of text. */
const PIECE_ROWS = 1_024

type Rows = Extract<Running, { kind: 'rows' }>

/** Prints one row. */
type RowPrinter = (batch: SqlBatch, row: number) => string

async function* rowTexts(
  { batches }: Rows,
  print: RowPrinter,
  counted: (count: number) => void,
): AsyncGenerator<string> {
  let separator = ''
  for await (const batch of batches) {
    for (let start = 0; start < batch.rowCount; start += PIECE_ROWS) {
      const end = Math.min(start + PIECE_ROWS, batch.rowCount)
      const texts: string[] = []
      for (let row = start; row < end; row++) texts.push(print(batch, row))
      yield separator + texts.join()
      separator = ','
    }
    counted(batch.rowCount)
  }
}

function arrayPrinter(printers: readonly CellPrinter[]): RowPrinter {
  return ({ columns }, row) => {
    const cells = printers.map((print, index) => {
      const value = cellOf(columns[index]!, row)
      return value === null ? 'null' : print(value)
    })
    return `[${cells.join()}]`
  }
}

/** A column named twice keeps its last value, as in node-postgres. */
function objectPrinter(printers: readonly CellPrinter[], columns: readonly Named[]): RowPrinter {
  const last = new Map(columns.map(({ name }, index) => [name, index]))
  const kept = [...last].map(([name, index]) => ({ key: JSON.stringify(name), index }))
  return ({ columns: vectors }, row) => {
    const cells = kept.map(({ key, index }) => {
      const value = cellOf(vectors[index]!, row)
      return `${key}:${value === null ? 'null' : printers[index]!(value)}`
    })
    return `{${cells.join()}}`
  }
}

const OURS: Readonly<Record<string, string>> = {
  timestamptz: 'timestamp',
  float8: 'float',
  int8: 'integer',
  bool: 'boolean',
  text: 'string',
}

function columnOf({ name, type }: Named, { time }: CellFormat) {
  const shown = { name, type: OURS[type.name] ?? type.title }
  return type.name === 'timestamptz' ? { ...shown, unit: time } : shown
}

/** `INSERT 0 3` → command `INSERT`, 3 rows; `CREATE TABLE` → no rows. */
export function readTag(tag: string): { command: string; rowCount: number | null } {
  const [, command = tag, count] = /^(\D*?)(?: \d+)*? ?(\d+)?$/.exec(tag) ?? []
  return { command, rowCount: count === undefined ? null : Number(count) }
}

/** What runs over HTTP: no copies, whose bytes have no place in these answers. */
function commandTag(running: Exclude<Running, Rows>): string {
  if (running.kind === 'done') return running.tag
  if (running.kind === 'empty') return ''
  throw new SqlError('0A000', 'COPY is not offered over HTTP', {
    hint: 'use POST /v1/import, GET /v1/export, or the PostgreSQL port',
  })
}

/** Of the columns of rows; names of objects are as the session has them. */
function printersOf<Format extends CellFormat>(
  { columns, nameOf }: Extract<Running, { kind: 'rows' }>,
  format: Format,
  print: (type: DataType, format: Format) => CellPrinter,
): CellPrinter[] {
  const named = { ...format, text: { ...format.text, nameOf } }
  return columns.map(({ type }) => print(type, named))
}

/** The answer of `/v1/sql`. `elapsedMs` is asked when the last row has gone. */
export async function* encodeAnswer(
  running: Running,
  format: CellFormat,
  elapsedMs: () => number,
): AsyncGenerator<string> {
  const end = (tag: string, count: number) => {
    const { command, rowCount } = readTag(tag)
    const stats = { elapsedMs: elapsedMs() }
    return JSON.stringify({ rowCount: rowCount ?? count, command, stats }).slice(1)
  }
  if (running.kind !== 'rows') {
    yield `{"columns":[],"rows":[],${end(commandTag(running), 0)}`
    return
  }
  const columns = running.columns.map((column) => columnOf(column, format))
  const printers = printersOf(running, format, cellPrinter)
  let count = 0
  yield `{"columns":${JSON.stringify(columns)},"rows":[`
  yield* rowTexts(running, arrayPrinter(printers), (rows) => (count += rows))
  yield `],${end(running.tag(count), count)}`
}

/** The answer of the seed's `/query`. */
export async function* encodeSeedAnswer(
  running: Running,
  format: CellFormat,
): AsyncGenerator<string> {
  if (running.kind !== 'rows') {
    const { rowCount } = readTag(commandTag(running))
    yield `{"columns":[],"rows":[],"rows_affected":${rowCount ?? 0}}`
    return
  }
  const printers = printersOf(running, format, cellPrinter)
  const names = running.columns.map(({ name }) => name)
  let count = 0
  yield `{"columns":${JSON.stringify(names)},"rows":[`
  yield* rowTexts(running, arrayPrinter(printers), (rows) => (count += rows))
  const { command, rowCount } = readTag(running.tag(count))
  yield `],"rows_affected":${command === 'SELECT' ? 0 : (rowCount ?? 0)}}`
}

export interface NeonFormat extends CellFormat {
  /** Values as PostgreSQL prints them, all strings (`Neon-Raw-Text-Output`). */
  readonly isRawText: boolean
  readonly isArrayMode: boolean
}

/** As node-postgres reads them: what JavaScript has no exact type for stays text. */
const NEON_EXACT = new Set(['bool', 'int2', 'int4', 'oid', 'float4', 'float8', 'json', 'jsonb'])

function neonPrinter(type: DataType, format: NeonFormat): CellPrinter {
  if (!format.isRawText && NEON_EXACT.has(type.name)) return cellPrinter(type, format)
  const print = printerOf(type, format.text)
  return (value) => JSON.stringify(print(value))
}

const neonField = ({ name, type }: Named) => ({
  name,
  tableID: 0,
  columnID: 0,
  dataTypeID: type.oid,
  dataTypeSize: type.size,
  dataTypeModifier: -1,
  format: 'text',
})

/** One result in Neon's shape. */
export async function* encodeNeonResult(
  running: Running,
  format: NeonFormat,
): AsyncGenerator<string> {
  const { isArrayMode } = format
  const end = (tag: string) => {
    const { command, rowCount } = readTag(tag)
    return JSON.stringify({ command, rowCount, rowAsArray: isArrayMode }).slice(1)
  }
  if (running.kind !== 'rows') {
    yield `{"fields":[],"rows":[],${end(commandTag(running))}`
    return
  }
  const printers = printersOf(running, format, neonPrinter)
  const print = isArrayMode ? arrayPrinter(printers) : objectPrinter(printers, running.columns)
  let count = 0
  yield `{"fields":${JSON.stringify(running.columns.map(neonField))},"rows":[`
  yield* rowTexts(running, print, (rows) => (count += rows))
  yield `],${end(running.tag(count))}`
}
