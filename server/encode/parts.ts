// Rows for columnar files: the chunks of an export cut and put together again, so that a batch has enough rows
// to be worth its head (many short series share one) and is of bounded size (strings weigh too).

import type { AnswerSeries, Vector } from '../../engine/query/query.ts'
import { CELLS_OF_PIECE } from '../limits.ts'
import { cutStrings } from './cut.ts'

/** Rows of a batch, at most. */
const BATCH_ROWS = 16_384
/** Cells of a batch, at most but for those of one row: 9 MB. */
const BATCH_CELLS = 1 << 20
/** Series of a batch, at most. */
const BATCH_SERIES = 4_096

/** Rows [from, to) of a series. */
export interface Part {
  readonly series: AnswerSeries
  readonly from: number
  readonly to: number
}

/** Parts, and the rows in all of them, one at least. */
export interface Batch {
  readonly parts: readonly Part[]
  readonly rows: number
}

/** The rows of the chunks, in order, in batches. */
export async function* batchesOf(chunks: AsyncIterable<AnswerSeries>): AsyncGenerator<Batch> {
  let parts: Part[] = []
  let rows = 0
  let weight = 0
  for await (const series of chunks) {
    const { time, fields } = series
    const rowsMax = Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_CELLS / (1 + fields.length))))
    const strings = fields.map(({ values }) => values).filter((values) => Array.isArray(values))
    for (let from = 0, to = 0; from < time.length; from = to) {
      const cut = cutStrings(strings, from, Math.min(time.length, from + rowsMax - rows))
      to = cut.to
      weight += cut.weight
      rows += to - from
      parts.push({ series, from, to })
      const isFull = rows >= rowsMax || parts.length >= BATCH_SERIES || weight >= CELLS_OF_PIECE
      if (!isFull) continue
      yield { parts, rows }
      parts = []
      rows = 0
      weight = 0
    }
  }
  if (rows > 0) yield { parts, rows }
}

/** Field `index` of each part: all rows of its series; views. */
export function vectorsOf({ parts }: Batch, index: number): Vector['values'][] {
  return parts.map(({ series, from, to }) => {
    const { values } = series.fields[index]!
    return Array.isArray(values) ? values.slice(from, to) : values.subarray(from, to)
  })
}

/** Of field `index` a byte a row, 1 = has a value; null if all have. */
export function validOf({ parts, rows }: Batch, index: number): Uint8Array | null {
  if (parts.every(({ series }) => series.fields[index]!.valid === null)) return null
  const valid = new Uint8Array(rows).fill(1)
  let at = 0
  for (const { series, from, to } of parts) {
    const mask = series.fields[index]!.valid
    if (mask !== null) valid.set(mask.subarray(from, to), at)
    at += to - from
  }
  return valid
}

/** The bytes of an array; a view. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Bytes one after the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
