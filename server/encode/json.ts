// A query's answer as JSON: columnar, in the shape of api.md, printed straight from its typed
// arrays in pieces of about 64 KB, so that a million rows need neither a million objects nor one
// string of a hundred megabytes.

import type { Answer, AnswerSeries } from '../../engine/query.ts'
import { PIECE_LENGTH } from '../limits.ts'
import { jsonPrinter, stringColumns, type IntegerFormat } from './cell.ts'
import { timePrinter, type CellPrinter, type TimeFormat } from './time.ts'

export interface JsonFormat {
  readonly time: TimeFormat
  readonly integers: IntegerFormat
}

/** Rows printed between two looks at the length of a piece. */
const ROWS_AT_ONCE = 1024

/** The pieces of an answer's JSON text, in order. */
export function* encodeAnswer(answer: Answer, format: JsonFormat): Generator<string> {
  const quoted = stringColumns(answer.columns, answer.series, format.integers)
  let text = `{"table":${JSON.stringify(answer.table)},"columns":${describeColumns(answer, format, quoted)},"series":[`
  for (const [i, series] of answer.series.entries()) {
    if (i > 0) text += ','
    for (const part of encodeSeries(answer, series, format, quoted)) {
      text += part
      if (text.length < PIECE_LENGTH) continue
      yield text
      text = ''
    }
  }
  yield `${text}],"rowCount":${answer.rowCount},"cursor":${JSON.stringify(answer.cursor)},"stats":${describeStats(answer)}}\n`
}

function describeColumns({ columns }: Answer, format: JsonFormat, quoted: boolean[]): string {
  return JSON.stringify(
    columns.map(({ name, type }, i) => {
      if (i === 0) return { name, type, unit: format.time }
      return quoted[i - 1] ? { name, type, encoding: 'string' } : { name, type }
    }),
  )
}

function describeStats({ stats }: Answer): string {
  const elapsedMs = Math.round(stats.elapsedMs * 1000) / 1000
  return JSON.stringify({ ...stats, elapsedMs })
}

function* encodeSeries(
  { columns }: Answer,
  series: AnswerSeries,
  format: JsonFormat,
  quoted: boolean[],
): Generator<string> {
  const { time, fields } = series
  const times = timePrinter(time, format.time)
  const isText = format.time === 'ns' || format.time === 'rfc3339'
  yield `{"tags":${encodeTags(series.tags)},"time":[`
  yield* encodeCells(isText ? (row) => `"${times(row)}"` : times, time.length)
  yield '],"fields":{'
  for (const [i, vector] of fields.entries()) {
    const { name, type } = columns[i + 1]!
    yield `${i > 0 ? ',' : ''}${JSON.stringify(name)}:[`
    yield* encodeCells(jsonPrinter(vector, type, quoted[i]!), time.length)
    yield ']'
  }
  yield '}}'
}

function* encodeCells(print: CellPrinter, count: number): Generator<string> {
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const end = Math.min(count, start + ROWS_AT_ONCE)
    let text = start === 0 ? print(0) : `,${print(start)}`
    for (let row = start + 1; row < end; row++) text += `,${print(row)}`
    yield text
  }
}

/** Tags as a JSON object, in their order (an object of JavaScript would put `"1"` first). */
export function encodeTags(tags: ReadonlyMap<string, string | null>): string {
  const members = Array.from(
    tags,
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  )
  return `{${members.join(',')}}`
}
