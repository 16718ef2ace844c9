// Exports as line protocol: of each series the text before its fields, once; the kernel prints fields and
// times (assembly/text-cell.ts). What is written is read back by /v1/write and by InfluxDB: names and tags
// have a backslash before comma, equals sign and space, strings before quote and backslash. A name or tag
// that ends with a backslash, or has a line break, cannot be said in that grammar, nor can a table be
// called `#…` (a comment): refused, not bent. Values that are no number (NaN, ±Inf) are left out, as nulls.
// https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/

import { printLines, type CellRun } from '../../engine/cell-text.ts'
import { OmenError } from '../../engine/error.ts'
import type { AnswerSeries } from '../../engine/query/query.ts'
import { cutStrings, rowsOfPiece } from './cut.ts'
import type { JsonFormat, KernelSource } from './json.ts'
import type { RowHead } from './rows.ts'
import type { Piece } from './stream.ts'

/** What an export of one table has besides its rows. */
interface LineHead extends RowHead {
  readonly table: string
}

/** Lines of the rows of a table; times are nanoseconds. Throws `unsupported` for names it cannot say. */
export async function* encodeLines(
  { table, columns }: LineHead,
  chunks: AsyncIterable<AnswerSeries>,
  _format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const measurement = tableText(table)
  const names = columns.slice(1).map(({ name }) => `${wordText('field', name)}=`)
  for await (const { tags, time, fields } of chunks) {
    let head = measurement
    for (const [key, value] of tags) {
      if (value !== null) head += `,${wordText('tag', key)}=${wordText(`tag ${key}`, value)}`
    }
    head += ' '
    const rowsMax = rowsOfPiece(1 + fields.length)
    const strings = fields.map(({ values }) => values).filter((values) => Array.isArray(values))
    for (let from = 0, to = 0; from < time.length; from = to) {
      to = cutStrings(strings, from, Math.min(time.length, from + rowsMax)).to
      // One shape of object for all: there is one per column and piece.
      const run = (
        prefix: string,
        values: CellRun['values'],
        valid: CellRun['valid'],
        unit: CellRun['time'],
      ): CellRun => ({ prefix, values, valid, from, to, time: unit, style: 'line' })
      const runs = [
        run(head, time, null, 'ns'),
        ...fields.map(({ values, valid }, i) => run(names[i]!, values, valid, null)),
      ]
      yield printLines(kernel(), runs, to - from)
    }
  }
}

/** Throws `unsupported` for a tag that line protocol cannot say. */
export function checkLineTag(key: string, value: string): void {
  wordText('tag', key)
  wordText(`tag ${key}`, value)
}

function tableText(table: string): string {
  const text = table.replaceAll(/[, ]/g, '\\$&').replaceAll('\\=', '\\\\=')
  if (text.startsWith('#')) refuse('table', table, 'would be a comment')
  return checked('table', table, text)
}

function wordText(what: string, word: string): string {
  return checked(what, word, word.replaceAll(/[,= ]/g, '\\$&'))
}

function checked(what: string, word: string, text: string): string {
  if (word.endsWith('\\')) refuse(what, word, 'ends with a backslash')
  if (/[\n\r]/.test(word)) refuse(what, word, 'has a line break')
  return text
}

function refuse(what: string, word: string, why: string): never {
  const shown = JSON.stringify(word.slice(0, 100))
  const message = `${what} ${shown} ${why}, which line protocol cannot say; use another format`
  throw new OmenError('unsupported', message)
}
