// Exports: rows by series, then time, as CSV with a header line or as flat NDJSON. Chunks come from
// the engine as columns and leave as pieces of about 64 KB; nothing waits but for the next chunk.

import type { AnswerColumn, AnswerSeries } from '../../engine/query/query.ts'
import { PIECE_LENGTH } from '../limits.ts'
import { csvPrinter, csvText, flatPrinter } from './cell.ts'
import type { JsonFormat } from './json.ts'
import { timePrinter, type CellPrinter } from './time.ts'

/** What an export has besides its rows: `columns` (the first is `time`) and its tag columns. */
export interface RowHead {
  readonly columns: readonly AnswerColumn[]
  readonly tags: readonly string[]
}

type Chunks = AsyncIterable<AnswerSeries>

/** `time,host,u`, then a line per row; null and absent cells are empty. Lines end with `\n`. */
export async function* encodeCsv(head: RowHead, chunks: Chunks, format: JsonFormat) {
  const names = ['time', ...head.tags, ...head.columns.slice(1).map(({ name }) => name)]
  yield `${names.map(csvText).join(',')}\n`
  for await (const chunk of chunks) yield* joinRows(chunk, csvRow(head, chunk, format))
}

function csvRow({ columns, tags }: RowHead, chunk: AnswerSeries, format: JsonFormat): CellPrinter {
  const time = timePrinter(chunk.time, format.time)
  const cells = chunk.fields.map((vector, i) => csvPrinter(vector, columns[i + 1]!.type))
  const constant = tags.map((key) => `,${csvCell(chunk.tags.get(key))}`).join('')
  return (row) => {
    let text = time(row) + constant
    for (const cell of cells) text += `,${cell(row)}`
    return `${text}\n`
  }
}

function csvCell(tag: string | null | undefined): string {
  return tag ? csvText(tag) : ''
}

/** `{"time":…,"host":"a","u":0.5}` a line: absent tags are left out, null fields are null. */
export async function* encodeNdjson(head: RowHead, chunks: Chunks, format: JsonFormat) {
  for await (const chunk of chunks) yield* joinRows(chunk, ndjsonRow(head, chunk, format))
}

function ndjsonRow({ columns }: RowHead, chunk: AnswerSeries, format: JsonFormat): CellPrinter {
  const time = timePrinter(chunk.time, format.time)
  const quote = format.time === 'ns' || format.time === 'rfc3339' ? '"' : ''
  const cells = chunk.fields.map((vector, i) =>
    flatPrinter(vector, columns[i + 1]!.type, format.integers),
  )
  const names = columns.slice(1).map(({ name }) => `,${JSON.stringify(name)}:`)
  let constant = quote
  for (const [key, value] of chunk.tags) {
    if (value !== null) constant += `,${JSON.stringify(key)}:${JSON.stringify(value)}`
  }
  return (row) => {
    let text = `{"time":${quote}${time(row)}${constant}`
    for (let i = 0; i < cells.length; i++) text += names[i]! + cells[i]!(row)
    return `${text}}\n`
  }
}

function* joinRows(chunk: AnswerSeries, print: CellPrinter): Generator<string> {
  let text = ''
  for (let row = 0; row < chunk.time.length; row++) {
    text += print(row)
    if (text.length < PIECE_LENGTH) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}
