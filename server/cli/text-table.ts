// A table for the eye: columns padded to their widest cell, numbers to the right.

import { printable } from './terminal.ts'

export type Cell = string | number | boolean | null | undefined

export interface TextColumn {
  readonly name: string
  readonly isNumber: boolean
}

/** Characters as a screen counts them, near enough: code points without combining marks. */
function widthOf(text: string): number {
  // eslint-disable-next-line no-control-regex
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  return [...text.replaceAll(/\p{Mn}/gu, '')].length
}

function pad(text: string, width: number, toRight: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - widthOf(text)))
  return toRight ? blank + text : text + blank
}

function cellText(cell: Cell): string {
  return Object.is(cell, -0) ? '-0' : printable(String(cell ?? ''))
}

/** Lines of a table with a header; null cells are empty. Columns are two blanks apart. */
export function* textTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly Cell[])[],
): Generator<string, void> {
  const shown = rows.map((row) => columns.map((_, index) => cellText(row[index])))
  const heads = columns.map((column) => printable(column.name))
  const widths = heads.map((head, index) =>
    shown.reduce((width, row) => Math.max(width, widthOf(row[index]!)), widthOf(head)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cell, widths[index]!, columns[index]!.isNumber))
      .join('  ')
      .trimEnd()
  yield line(heads)
  for (const row of shown) yield line(row)
}
