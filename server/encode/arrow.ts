// Exports as an Arrow IPC stream: a schema, then batches of up to 16,384 rows whose buffers are the engine's
// own arrays. Tags are dictionaries: each batch has an index a row into those values that its series have,
// and the dictionary is sent again only when it is another one.

import { packBits, packStrings } from '../../engine/arrow-buffer.ts'
import type { AnswerColumn, AnswerSeries, Vector } from '../../engine/query/query.ts'
import {
  batchMessage,
  dictionaryMessage,
  endMessage,
  joinBytes,
  schemaMessage,
  type ArrowBuffer,
  type ArrowColumn,
} from './arrow-message.ts'
import { cutStrings } from './cut.ts'
import type { JsonFormat, KernelSource } from './json.ts'
import type { RowHead } from './rows.ts'
import type { Piece } from './stream.ts'

/** Rows of a batch, at most; several short series share one. */
const BATCH_ROWS = 16_384
/** Series of a batch, at most. */
const BATCH_SERIES = 4_096

/** Rows [from, to) of a series. */
interface Part {
  readonly series: AnswerSeries
  readonly from: number
  readonly to: number
}

/** The messages of a stream, schema first. Times are nanoseconds, values as they are, NaN too. */
export async function* encodeArrow(
  head: RowHead,
  chunks: AsyncIterable<AnswerSeries>,
  _format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const batches = new Batches(head, kernel)
  let parts: Part[] = []
  let rows = 0
  yield joinBytes([schemaMessage(head.tags, head.columns)])
  for await (const series of chunks) {
    const { time, fields } = series
    const strings = fields.map(({ values }) => values).filter((values) => Array.isArray(values))
    for (let from = 0, to = 0; from < time.length; from = to) {
      const cut = cutStrings(strings, from, Math.min(time.length, from + BATCH_ROWS - rows))
      to = cut.to
      parts.push({ series, from, to })
      rows += to - from
      // Strings end a batch, so that it is of bounded size.
      const isFull = rows >= BATCH_ROWS || parts.length >= BATCH_SERIES || strings.length > 0
      if (!isFull) continue
      yield batches.encode(parts, rows)
      parts = []
      rows = 0
    }
  }
  if (rows > 0) yield batches.encode(parts, rows)
  yield endMessage()
}

class Batches {
  private readonly head: RowHead
  private readonly kernel: KernelSource
  /** Of each tag, the values of the dictionary that was sent last, and where each is. */
  private readonly sent: string[]

  constructor(head: RowHead, kernel: KernelSource) {
    this.head = head
    this.kernel = kernel
    this.sent = head.tags.map(() => 'none')
  }

  /** The message of a batch behind those of its new dictionaries. */
  encode(parts: readonly Part[], rows: number): Uint8Array<ArrayBuffer> {
    const messages: Uint8Array[] = []
    const columns: ArrowColumn[] = [
      { length: rows, nullCount: 0, buffers: [[], parts.map(timesOf)] },
    ]
    for (const [id, key] of this.head.tags.entries()) {
      const { values, column } = this.tag(key, parts, rows)
      const name = JSON.stringify(values)
      if (name !== this.sent[id]) messages.push(dictionaryMessage(id, this.texts(values, null)))
      this.sent[id] = name
      columns.push(column)
    }
    for (const [i, { type }] of this.head.columns.slice(1).entries()) {
      columns.push(this.field(type, parts, i, rows))
    }
    return joinBytes([...messages, batchMessage(rows, columns)])
  }

  /** Indexes of a tag's values, and the values; series without it are null. */
  private tag(key: string, parts: readonly Part[], rows: number) {
    const known = new Map<string, number>()
    const indexes = new Int32Array(rows)
    const valid = new Uint8Array(rows)
    let at = 0
    let nullCount = 0
    for (const { series, from, to } of parts) {
      const value = series.tags.get(key) ?? null
      if (value === null) nullCount += to - from
      else {
        const index = known.get(value) ?? known.size
        known.set(value, index)
        indexes.fill(index, at, at + to - from)
        valid.fill(1, at, at + to - from)
      }
      at += to - from
    }
    const mask = nullCount === 0 ? [] : [packBits(this.kernel(), valid).bits]
    const column = { length: rows, nullCount, buffers: [mask, [bytesOf(indexes)]] }
    return { values: [...known.keys()], column }
  }

  private field(
    type: AnswerColumn['type'],
    parts: readonly Part[],
    index: number,
    rows: number,
  ): ArrowColumn {
    const valid = validOf(parts, index, rows)
    const vectors = parts.map(({ series, from, to }) => {
      const { values } = series.fields[index]!
      return Array.isArray(values) ? values.slice(from, to) : values.subarray(from, to)
    })
    if (type === 'string') return this.texts((vectors as string[][]).flat(), valid)
    const packed = valid === null ? null : packBits(this.kernel(), valid)
    const mask = packed === null ? [] : [packed.bits]
    const nullCount = packed === null ? 0 : rows - packed.ones
    const bytes = (vectors as Exclude<Vector['values'], string[]>[]).map(bytesOf)
    if (type !== 'boolean') return { length: rows, nullCount, buffers: [mask, bytes] }
    const { bits } = packBits(this.kernel(), bytes.length === 1 ? bytes[0]! : joinBytes(bytes))
    return { length: rows, nullCount, buffers: [mask, [bits]] }
  }

  private texts(values: readonly string[], valid: Uint8Array | null): ArrowColumn {
    const packed = valid === null ? null : packBits(this.kernel(), valid)
    const { offsets, bytes } = packStrings(this.kernel(), values, valid)
    const mask = packed === null ? [] : [packed.bits]
    const nullCount = packed === null ? 0 : values.length - packed.ones
    return { length: values.length, nullCount, buffers: [mask, [bytesOf(offsets)], [bytes]] }
  }
}

function timesOf({ series, from, to }: Part): ArrowBuffer[number] {
  return bytesOf(series.time.subarray(from, to))
}

/** A byte a row, 1 = has a value; null if all have. */
function validOf(parts: readonly Part[], index: number, rows: number): Uint8Array | null {
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

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
