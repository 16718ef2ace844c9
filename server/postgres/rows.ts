// RowDescription and DataRow: batches of a result as messages, row after row, in the formats that the
// client asked for.

import type { SqlBatch, SqlVector } from '../../sql/batch.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { Named } from '../../sql/tree.ts'
import { binaryEncoder } from './encode-binary.ts'
import { type PrintContext, textEncoder, type ValueEncoder } from './encode-text.ts'
import type { MessageWriter } from './message-writer.ts'

/** Formats of Bind for `count` values: none = all text, one = that for all. Throws 08P01. */
export function spreadFormats(formats: readonly number[], count: number): boolean[] {
  if (formats.length > 1 && formats.length !== count) {
    const message = `bind message has ${formats.length} formats but there are ${count} values`
    throw new SqlError('08P01', message)
  }
  return Array.from({ length: count }, (_, index) => {
    const format = formats.length === 1 ? formats[0]! : (formats[index] ?? 0)
    if (format > 1) throw new SqlError('22023', `unsupported format code: ${format}`)
    return format === 1
  })
}

export function writeRowDescription(
  out: MessageWriter,
  columns: readonly Named[],
  binary: readonly boolean[],
): void {
  out.begin('T').int16(columns.length)
  columns.forEach(({ name, type }, index) => {
    out.zeroEnded(name).int32(0).int16(0)
    out.int32(type.oid).int16(type.size).int32(-1)
    out.int16(binary[index] ? 1 : 0)
  })
  out.end()
}

/** Encoders of a result's columns. */
export function rowEncoders(
  columns: readonly Named[],
  binary: readonly boolean[],
  context: PrintContext,
): ValueEncoder[] {
  return columns.map(({ type }, index) =>
    binary[index] ? binaryEncoder(type) : textEncoder(type, context),
  )
}

/** One row of a batch as DataRow. */
export function writeRow(
  out: MessageWriter,
  encoders: readonly ValueEncoder[],
  { columns }: SqlBatch,
  row: number,
): void {
  out.begin('D').int16(encoders.length)
  for (let i = 0; i < encoders.length; i++) {
    const vector: SqlVector = columns[i]!
    const isNull = vector.valid === null ? vector.values[row] === null : vector.valid[row] === 0
    if (isNull) out.int32(-1)
    else encoders[i]!(out, vector, row)
  }
  out.end()
}
