// Exports: rows by series, then time, as CSV with a header line or as flat NDJSON. Chunks come from
// the engine as columns, the kernel prints their rows, and they leave as pieces of about 64 KB; nothing
// waits but for the next chunk.

import { printRows, type CellRun, type CellStyle } from '../../engine/cell-text.ts'
import type { AnswerColumn, AnswerSeries } from '../../engine/query/query.ts'
import { cutStrings, rowsOfPiece } from './cut.ts'
import type { JsonFormat, KernelSource } from './json.ts'
import type { Piece } from './stream.ts'

/** What an export has besides its rows: `columns` (the first is `time`) and its tag columns. */
export interface RowHead {
  readonly columns: readonly AnswerColumn[]
  readonly tags: readonly string[]
}

type Chunks = AsyncIterable<AnswerSeries>

/** `time,host,u`, then a line per row; null and absent cells are empty. Lines end with `\n`. */
export async function* encodeCsv(
  head: RowHead,
  chunks: Chunks,
  format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const names = ['time', ...head.tags, ...head.columns.slice(1).map(({ name }) => name)]
  yield `${names.map(csvText).join(',')}\n`
  for await (const chunk of chunks) {
    const tags = head.tags.map((key) => `,${csvCell(chunk.tags.get(key))}`).join('')
    const texts = { time: '', field: () => ',', end: '\n' }
    yield* printChunk(
      chunk,
      { ...texts, tags, timeStyle: 'csv', styleOf: () => 'csv' },
      format,
      kernel,
    )
  }
}

function csvCell(tag: string | null | undefined): string {
  return tag ? csvText(tag) : ''
}

/** A text as a CSV cell (RFC 4180), quoted where it has to be; an empty one is not a null. */
export function csvText(text: string): string {
  if (text === '') return '""'
  if (!/[",\r\n]|^\s|\s$/.test(text)) return text
  return `"${text.replaceAll('"', '""')}"`
}

/** `{"time":…,"host":"a","u":0.5}` a line: absent tags are left out, null fields are null. */
export async function* encodeNdjson(
  { columns }: RowHead,
  chunks: Chunks,
  format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const names = columns.slice(1).map(({ name }) => `,${JSON.stringify(name)}:`)
  const texts = { time: '{"time":', field: (i: number) => names[i]!, end: '}\n' }
  const timeStyle: CellStyle =
    format.time === 'ns' || format.time === 'rfc3339' ? 'quoted' : 'plain'
  const integers: CellStyle = format.integers === 'string' ? 'quoted' : 'safe'
  const styleOf = (values: unknown): CellStyle =>
    values instanceof BigInt64Array || values instanceof BigUint64Array ? integers : 'plain'
  for await (const chunk of chunks) {
    let tags = ''
    for (const [key, value] of chunk.tags) {
      if (value !== null) tags += `,${JSON.stringify(key)}:${JSON.stringify(value)}`
    }
    yield* printChunk(chunk, { ...texts, tags, timeStyle, styleOf }, format, kernel)
  }
}

/** What stands around the cells of a chunk's rows. */
interface RowTexts {
  /** Before the time. */
  readonly time: string
  readonly timeStyle: CellStyle
  /** After the time. */
  readonly tags: string
  /** Before field `i`. */
  readonly field: (i: number) => string
  readonly styleOf: (values: unknown) => CellStyle
  readonly end: string
}

function* printChunk(
  { time, fields }: AnswerSeries,
  texts: RowTexts,
  format: JsonFormat,
  kernel: KernelSource,
): Generator<Piece> {
  const rowsMax = rowsOfPiece(1 + fields.length)
  const strings = fields.map(({ values }) => values).filter((values) => Array.isArray(values))
  const end = fields.length === 0 ? texts.tags + texts.end : texts.end
  for (let from = 0, to = 0; from < time.length; from = to) {
    to = cutStrings(strings, from, Math.min(time.length, from + rowsMax)).to
    const columns: CellRun[] = [
      {
        prefix: texts.time,
        values: time,
        valid: null,
        from,
        to,
        time: format.time,
        style: texts.timeStyle,
      },
      ...fields.map(({ values, valid }, i): CellRun => {
        const prefix = i === 0 ? texts.tags + texts.field(i) : texts.field(i)
        return { prefix, values, valid, from, to, time: null, style: texts.styleOf(values) }
      }),
    ]
    yield printRows(kernel(), columns, to - from, end)
  }
}
