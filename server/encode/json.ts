// A query's answer as JSON: columnar, in the shape of api.md, printed straight from its typed
// arrays in pieces of about 64 KB, so that a million rows need neither a million objects nor one
// string of a hundred megabytes.

import type { Answer, AnswerColumn, AnswerSeries } from '../../engine/query/query.ts'
import { PIECE_LENGTH } from '../limits.ts'
import { stringColumns, type IntegerFormat } from './cell.ts'
import { timeSlices, timeText, vectorSlices, type SlicePrinter } from './cells.ts'
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
  const names = answer.columns.slice(1).map(({ name }) => `${JSON.stringify(name)}:[`)
  const shape = { types: answer.columns.slice(1).map(({ type }) => type), names, quoted, format }
  let text = `{"table":${JSON.stringify(answer.table)},"columns":${describeColumns(answer, format, quoted)},"series":[`
  for (const [i, series] of answer.series.entries()) {
    if (i > 0) text += ','
    for (const part of encodeSeries(series, shape)) {
      text += part
      if (text.length < PIECE_LENGTH) continue
      yield text
      text = ''
    }
  }
  yield `${text}],"rowCount":${answer.rowCount},"cursor":${JSON.stringify(answer.cursor)},"stats":${describeStats(answer)}}\n`
}

/** What is the same for all series of an answer; lists go by field. */
interface Shape {
  readonly types: readonly AnswerColumn['type'][]
  /** Name, colon and bracket. */
  readonly names: readonly string[]
  readonly quoted: readonly boolean[]
  readonly format: JsonFormat
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

/** Parts of a series' text: one if it is short, as those of an answer with very many are. */
function encodeSeries(series: AnswerSeries, shape: Shape): Iterable<string> {
  const { tags, time, fields } = series
  if (time.length > ROWS_AT_ONCE) return encodeLong({ tags, time, fields }, shape)
  const { types, names, quoted, format } = shape
  const count = time.length
  let text = `{"tags":${encodeTags(tags)},"time":[`
  if (count === 1) text += timeText(time, format.time)
  else if (count > 0) text += timeSlices(time, format.time)(0, count)
  text += '],"fields":{'
  for (let i = 0; i < fields.length; i++) {
    text += i > 0 ? `,${names[i]!}` : names[i]!
    if (count > 0) text += vectorSlices(fields[i]!, types[i]!, quoted[i]!)(0, count)
    text += ']'
  }
  return [`${text}}}`]
}

function* encodeLong(
  { tags, time, fields }: AnswerSeries,
  { types, names, quoted, format }: Shape,
): Generator<string> {
  yield `{"tags":${encodeTags(tags)},"time":[`
  yield* encodeSlices(timeSlices(time, format.time), time.length)
  yield '],"fields":{'
  for (const [i, vector] of fields.entries()) {
    yield i > 0 ? `,${names[i]!}` : names[i]!
    yield* encodeSlices(vectorSlices(vector, types[i]!, quoted[i]!), time.length)
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
  let text = ''
  for (const [key, value] of tags) {
    text += `${text === '' ? '{' : ','}${quote(key)}:${value === null ? 'null' : quote(value)}`
  }
  return text === '' ? '{}' : `${text}}`
}

/** Printable ASCII without what JSON escapes. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A JSON string. */
function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}
