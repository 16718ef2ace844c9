// A query's answer as JSON: columnar, in the shape of api.md, printed straight from its typed
// arrays in pieces of about 64 KB, so that a million rows need neither a million objects nor one
// string of a hundred megabytes.

import type { Answer, AnswerSeries } from '../../engine/query/query.ts'
import { PIECE_LENGTH } from '../limits.ts'
import { stringColumns, type IntegerFormat } from './cell.ts'
import { timeSlices, vectorSlices, type SlicePrinter } from './cells.ts'
import type { TimeFormat } from './time.ts'

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
  yield `{"tags":${encodeTags(series.tags)},"time":[`
  yield* encodeSlices(timeSlices(time, format.time), time.length)
  yield '],"fields":{'
  for (const [i, vector] of fields.entries()) {
    const { name, type } = columns[i + 1]!
    yield `${i > 0 ? ',' : ''}${JSON.stringify(name)}:[`
    yield* encodeSlices(vectorSlices(vector, type, quoted[i]!), time.length)
    yield ']'
  }
  yield '}}'
}

function* encodeSlices(print: SlicePrinter, count: number): Generator<string> {
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const text = print(start, Math.min(count, start + ROWS_AT_ONCE))
    yield start === 0 ? text : `,${text}`
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
