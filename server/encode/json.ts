// A query's answer as JSON: columnar, in the shape of api.md, printed by the kernel from its typed arrays in
// pieces of about 64 KB, so that a million rows need neither a million objects nor one string of a hundred
// megabytes.

import {
  printRuns,
  textRun,
  type CellRun,
  type CellStyle,
  type TimeText,
} from '../../engine/cell-text.ts'
import type { KernelInstance } from '../../engine/kernel.ts'
import type { Answer, Vector } from '../../engine/query/query.ts'
import { CELLS_OF_PIECE, CHARACTERS_OF_CELL } from '../limits.ts'
import { cutStrings } from './cut.ts'
import { stringColumns, type IntegerFormat } from './integers.ts'
import type { Piece } from './stream.ts'

export interface JsonFormat {
  readonly time: TimeText
  readonly integers: IntegerFormat
}

/** Where the kernel is that prints now; asked once a piece. */
export type KernelSource = () => KernelInstance

/** The pieces of an answer's JSON text, in order. */
export function* encodeAnswer(
  answer: Answer,
  format: JsonFormat,
  kernel: KernelSource,
): Generator<Piece> {
  const quoted = stringColumns(answer.columns, answer.series, format.integers)
  const page = new Page()
  page.text = `{"table":${JSON.stringify(answer.table)},"columns":${columnsText(answer, format, quoted)},"series":[`
  yield* printSeries(page, answer, format, kernel)
  page.text += `],"rowCount":${answer.rowCount},"cursor":${JSON.stringify(answer.cursor)},"stats":${describeStats(answer)}}\n`
  yield page.print(kernel)
}

/** The JSON text of an answer's `columns`. */
export function describeColumns(
  answer: Pick<Answer, 'columns' | 'series'>,
  format: JsonFormat,
): string {
  return columnsText(answer, format, stringColumns(answer.columns, answer.series, format.integers))
}

/** The pieces of `"series":[…]`, as an answer has it, between two texts. */
export function* encodeSeries(
  prefix: string,
  answer: Pick<Answer, 'columns' | 'series'>,
  suffix: string,
  format: JsonFormat,
  kernel: KernelSource,
): Generator<Piece> {
  const page = new Page()
  page.text = `${prefix}"series":[`
  yield* printSeries(page, answer, format, kernel)
  page.text += `]${suffix}`
  yield page.print(kernel)
}

function* printSeries(
  page: Page,
  answer: Pick<Answer, 'columns' | 'series'>,
  format: JsonFormat,
  kernel: KernelSource,
): Generator<Piece> {
  const quoted = stringColumns(answer.columns, answer.series, format.integers)
  const timeStyle = format.time === 'ns' || format.time === 'rfc3339' ? 'quoted' : 'plain'
  const names = answer.columns.slice(1).map(({ name }) => `${JSON.stringify(name)}:[`)
  for (const [i, { tags, time, fields }] of answer.series.entries()) {
    page.text += `${i > 0 ? ',' : ''}{"tags":${encodeTags(tags)},"time":[`
    page.add({ values: time, valid: null }, format.time, timeStyle)
    page.text += '],"fields":{'
    for (let k = 0; k < fields.length; k++) {
      page.text += k > 0 ? `],${names[k]!}` : names[k]!
      page.add(fields[k]!, null, quoted[k]! ? 'quoted' : 'plain')
    }
    page.text += fields.length > 0 ? ']}}' : '}}'
    while (page.isFull) yield page.print(kernel)
  }
}

/** Texts and columns in the order in which they are printed. */
class Page {
  /** What comes before the next column. */
  text = ''
  private readonly runs: CellRun[] = []
  /** Of each run, in cells of numbers. */
  private readonly weights: number[] = []
  private weight = 0

  get isFull(): boolean {
    return this.weight >= CELLS_OF_PIECE
  }

  /** A column's cells, in runs of which each fits a piece. */
  add({ values, valid }: Vector | TimeVector, time: TimeText | null, style: CellStyle): void {
    let from = 0
    do {
      const most = Math.min(values.length, from + CELLS_OF_PIECE)
      const { to, weight } = cutStrings(Array.isArray(values) ? [values] : [], from, most)
      const prefix = from === 0 ? this.text : ','
      this.runs.push({ prefix, values, valid, from, to, time, style })
      this.weights.push(to - from + weight + prefix.length / CHARACTERS_OF_CELL)
      this.weight += this.weights.at(-1)!
      from = to
    } while (from < values.length)
    this.text = ''
  }

  /** A piece of what was added, or all of it. */
  print(kernel: KernelSource): Piece {
    if (!this.isFull && this.text !== '') {
      this.runs.push(textRun(this.text))
      this.weights.push(0)
      this.text = ''
    }
    let weight = 0
    let count = 0
    while (count < this.runs.length && weight < CELLS_OF_PIECE) weight += this.weights[count++]!
    this.weights.splice(0, count)
    this.weight -= weight
    return printRuns(kernel(), this.runs.splice(0, count))
  }
}

interface TimeVector {
  readonly values: BigInt64Array
  readonly valid: null
}

function columnsText(
  { columns }: Pick<Answer, 'columns'>,
  format: JsonFormat,
  quoted: boolean[],
): string {
  return JSON.stringify(
    columns.map(({ name, type }, i) => {
      if (i === 0) return { name, type, unit: format.time }
      return quoted[i - 1] ? { name, type, encoding: 'string' } : { name, type }
    }),
  )
}

function describeStats({ stats }: Answer): string {
  const elapsedMs = Math.round(stats.elapsedMs * 1000) / 1000
  const { pieces, maxError } = stats.index
  return JSON.stringify({ ...stats, elapsedMs, index: { pieces, maxError } })
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
