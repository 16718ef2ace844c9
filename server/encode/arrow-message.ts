// Messages of an Arrow IPC stream (arrow.apache.org/docs/format/Columnar.html, Message.fbs, Schema.fbs): a
// schema, then dictionaries and batches of rows, each a flatbuffer that says where in the body behind it the
// buffers of the columns lie, and an end. Everything is aligned to eight bytes.

import type { AnswerColumn } from '../../engine/query/query.ts'
import {
  longs,
  scalar,
  table,
  tables,
  text,
  writeFlatBuffer,
  type FlatNode,
} from './flat-buffer.ts'
import { joinBytes } from './parts.ts'

/** Bytes of one buffer, in parts that follow each other. */
export type ArrowBuffer = readonly Uint8Array[]

/** What a batch says of a column: its rows, its nulls, and its buffers in the order of the format. */
export interface ArrowColumn {
  readonly length: number
  readonly nullCount: number
  readonly buffers: readonly ArrowBuffer[]
}

const VERSION = 4 // V5
const HEADER = { schema: 1, dictionary: 2, batch: 3 } as const
const TYPE = { integer: 2, float: 3, text: 5, boolean: 6, timestamp: 10 } as const
const DOUBLE = 2
const NANOSECONDS = 3
const CONTINUATION = 0xffffffff

/**
 * `time` as nanoseconds in UTC, the tags as dictionaries of text with the ids 0, 1 …, then the fields. All
 * but the time may be null.
 */
export function schemaMessage(
  tags: readonly string[],
  columns: readonly AnswerColumn[],
): Uint8Array {
  const int32 = integerType(32, true)
  const fields = [
    fieldTable('time', false, TYPE.timestamp, table(scalar(2, NANOSECONDS), text('UTC')), null),
    ...tags.map((name, id) =>
      fieldTable(name, true, TYPE.text, table(), table(scalar(8, id), int32, scalar(1, 0))),
    ),
    ...columns.slice(1).map(({ name, type }) => {
      const [code, described] = typeOf(type)
      return fieldTable(name, true, code, described, null)
    }),
  ]
  const [head, body] = message(HEADER.schema, table(scalar(2, 0), tables(fields)), [])
  return joinBytes([head, ...body])
}

function integerType(bits: number, isSigned: boolean): FlatNode {
  return table(scalar(4, bits), scalar(1, isSigned ? 1 : 0))
}

function typeOf(type: AnswerColumn['type']): [number, FlatNode] {
  switch (type) {
    case 'float':
      return [TYPE.float, table(scalar(2, DOUBLE))]
    case 'integer':
      return [TYPE.integer, integerType(64, true)]
    case 'unsigned':
      return [TYPE.integer, integerType(64, false)]
    case 'boolean':
      return [TYPE.boolean, table()]
    default:
      return [TYPE.text, table()]
  }
}

function fieldTable(
  name: string,
  isNullable: boolean,
  typeCode: number,
  type: FlatNode,
  dictionary: FlatNode | null,
): FlatNode {
  const nullable = scalar(1, isNullable ? 1 : 0)
  return table(text(name), nullable, scalar(1, typeCode), type, dictionary, tables([]))
}

/** A batch of rows. */
export function batchMessage(rowCount: number, columns: readonly ArrowColumn[]): Uint8Array {
  const { described, buffers } = describeBatch(rowCount, columns)
  const [head, body] = message(HEADER.batch, described, buffers)
  return joinBytes([head, ...body])
}

/** The values that indexes of the batches to come mean; it takes the place of the one before. */
export function dictionaryMessage(id: number, values: ArrowColumn): Uint8Array {
  const { described, buffers } = describeBatch(values.length, [values])
  const header = table(scalar(8, id), described, scalar(1, 0))
  const [head, body] = message(HEADER.dictionary, header, buffers)
  return joinBytes([head, ...body])
}

/** What ends a stream. */
export function endMessage(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array([CONTINUATION, 0]).buffer)
}

function describeBatch(
  rowCount: number,
  columns: readonly ArrowColumn[],
): { described: FlatNode; buffers: ArrowBuffer[] } {
  const nodes = columns.flatMap(({ length, nullCount }) => [length, nullCount])
  const buffers = columns.flatMap((column) => column.buffers)
  const places: number[] = []
  let offset = 0
  for (const buffer of buffers) {
    const size = sizeOf(buffer)
    places.push(offset, size)
    offset += padded(size)
  }
  return { described: table(scalar(8, rowCount), longs(2, nodes), longs(2, places)), buffers }
}

function message(
  headerType: number,
  header: FlatNode,
  buffers: readonly ArrowBuffer[],
): [Uint8Array, Uint8Array[]] {
  const bodySize = buffers.reduce((sum, buffer) => sum + padded(sizeOf(buffer)), 0)
  const metadata = writeFlatBuffer(
    table(scalar(2, VERSION), scalar(1, headerType), header, scalar(8, bodySize)),
  )
  const head = new Uint8Array(8 + metadata.length)
  new DataView(head.buffer).setUint32(0, CONTINUATION, true)
  new DataView(head.buffer).setUint32(4, metadata.length, true)
  head.set(metadata, 8)
  const body = buffers.flatMap((buffer) => {
    const size = sizeOf(buffer)
    return [...buffer, new Uint8Array(padded(size) - size)]
  })
  return [head, body]
}

function sizeOf(buffer: ArrowBuffer): number {
  return buffer.reduce((sum, { length }) => sum + length, 0)
}

function padded(size: number): number {
  return Math.ceil(size / 8) * 8
}
