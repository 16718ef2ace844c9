// Exports as an Arrow IPC stream: a schema, then batches of up to 16,384 rows whose buffers are the engine's
// own arrays. Tags are dictionaries: each batch has an index a row into those values that its series have,
// and the dictionary is sent again only when it is another one.

import { packBits, packStrings } from '../../engine/arrow-buffer.ts'
import type { AnswerColumn, AnswerSeries, Vector } from '../../engine/query/query.ts'
import {
  batchMessage,
  dictionaryMessage,
  endMessage,
  schemaMessage,
  type ArrowBuffer,
  type ArrowColumn,
} from './arrow-message.ts'
import type { JsonFormat, KernelSource } from './json.ts'
import {
  batchesOf,
  bytesOf,
  joinBytes,
  validOf,
  vectorsOf,
  type Batch,
  type Part,
} from './parts.ts'
import type { RowHead } from './rows.ts'
import type { Piece } from './stream.ts'

/** The messages of a stream, schema first. Times are nanoseconds, values as they are, NaN too. */
export async function* encodeArrow(
  head: RowHead,
  chunks: AsyncIterable<AnswerSeries>,
  _format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const batches = new Batches(head, kernel)
  yield joinBytes([schemaMessage(head.tags, head.columns)])
  for await (const batch of batchesOf(chunks)) yield batches.encode(batch)
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
  encode(batch: Batch): Uint8Array<ArrayBuffer> {
    const { parts, rows } = batch
    const messages: Uint8Array[] = []
    const columns: ArrowColumn[] = [
      { length: rows, nullCount: 0, buffers: [[], parts.map(timesOf)] },
    ]
    for (const [id, key] of this.head.tags.entries()) {
      const { values, column } = this.tag(key, batch)
      const name = JSON.stringify(values)
      if (name !== this.sent[id]) messages.push(dictionaryMessage(id, this.texts(values, null)))
      this.sent[id] = name
      columns.push(column)
    }
    for (const [i, { type }] of this.head.columns.slice(1).entries()) {
      columns.push(this.field(type, batch, i))
    }
    return joinBytes([...messages, batchMessage(rows, columns)])
  }

  /** Indexes of a tag's values, and the values; series without it are null. */
  private tag(key: string, { parts, rows }: Batch) {
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

  private field(type: AnswerColumn['type'], batch: Batch, index: number): ArrowColumn {
    const { rows } = batch
    const valid = validOf(batch, index)
    const vectors = vectorsOf(batch, index)
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
