// Rows of SQL for a screen or a pipe: a table, one column a line (`\x`), CSV, JSON, NDJSON.

import type { SqlRow, SqlRows } from '../../client/index.ts'
import { encodeJson } from '../../client/json.ts'
import { print, printable, type Terminal } from './terminal.ts'
import { textTable, type Cell } from './text-table.ts'

export const SQL_FORMATS = ['table', 'expanded', 'csv', 'json', 'ndjson'] as const
export type SqlFormat = (typeof SQL_FORMATS)[number]

const NUMERIC: ReadonlySet<string> = new Set([
  'float',
  'integer',
  'bigint',
  'smallint',
  'real',
  'double precision',
  'numeric',
])

/** Characters of one write. */
const PIECE_LENGTH = 65_536

/** Prints the rows of a statement; of one that has none, its tag, where a person reads. */
export async function printRows(
  rows: SqlRows<SqlRow>,
  format: SqlFormat,
  terminal: Terminal,
): Promise<void> {
  if (rows.columns.length === 0) {
    if (format === 'json') await print(terminal.stdout, '[]\n')
    else if (format === 'table' || format === 'expanded') {
      await print(terminal.stdout, `${tagOf(rows)}\n`)
    }
    return
  }
  let text = ''
  for (const line of linesOf(rows, format)) {
    text += `${line}\n`
    if (text.length < PIECE_LENGTH) continue
    await print(terminal.stdout, text)
    text = ''
  }
  await print(terminal.stdout, text)
}

function tagOf({ command, rowCount }: SqlRows<SqlRow>): string {
  return /^(INSERT|DELETE|COPY)$/.test(command) ? `${command} ${rowCount}` : command
}

function* linesOf(rows: SqlRows<SqlRow>, format: SqlFormat): Generator<string, void> {
  const names = rows.columns.map(({ name }) => name)
  if (format === 'table') {
    const columns = rows.columns.map(({ name, type }) => ({ name, isNumber: NUMERIC.has(type) }))
    yield* textTable(
      columns,
      rows.map((row) => names.map((name) => cellOf(row[name]))),
    )
  } else if (format === 'expanded') yield* expandedLines(rows, names)
  else if (format === 'csv') {
    yield names.map(csvCell).join()
    for (const row of rows) yield names.map((name) => csvCell(cellOf(row[name]))).join()
  } else if (format === 'json') yield encodeJson(rows)
  else for (const row of rows) yield encodeJson(row)
}

function* expandedLines(rows: SqlRows<SqlRow>, names: readonly string[]): Generator<string, void> {
  const width = Math.max(...names.map((name) => printable(name).length))
  for (const [index, row] of rows.entries()) {
    yield `-[ ${index + 1} ]${'-'.repeat(Math.max(0, width - String(index + 1).length))}`
    for (const name of names) {
      const value = printable(String(cellOf(row[name]) ?? ''))
      yield `${printable(name).padEnd(width)} | ${value}`.trimEnd()
    }
  }
}

function cellOf(value: unknown): Cell {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'string' ? value : encodeJson(value)
}

/** RFC 4180; null is empty, and an empty text is quoted. */
function csvCell(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  const text = Object.is(cell, -0) ? '-0' : String(cell)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
