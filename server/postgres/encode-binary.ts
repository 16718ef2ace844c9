// Values in PostgreSQL's binary formats, as the send functions of its types write them. Times have
// microseconds there: what is finer is cut off.
// Source: PostgreSQL 15, src/backend/utils/adt: int8send, float8send, timestamptz_send, numeric_send,
// interval_send, array_send.

import type { SqlVector } from '../../sql/batch.ts'
import { TIME_INFINITY, TIME_MINUS_INFINITY } from '../../sql/calendar.ts'
import type { Decimal } from '../../sql/decimal.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { DataType } from '../../sql/type.ts'
import type { Bytes, Interval, SqlArray, SqlRecord } from '../../sql/value.ts'
import type { ValueEncoder } from './encode-text.ts'
import type { MessageWriter } from './message-writer.ts'
import { isNear, microsecondsOf, putInteger, putWord, putWords, wordsOf } from './word-pair.ts'

/** 2000-01-01, from which PostgreSQL counts. */
export const EPOCH_DAYS = 10_957
export const EPOCH_MICROSECONDS = 946_684_800_000_000n
export const INT64_MAX = 2n ** 63n - 1n
export const INT64_MIN = -(2n ** 63n)
export const INT32_MAX = 2 ** 31 - 1
export const INT32_MIN = -(2 ** 31)

/** Writes a value without its length. */
type BodyWriter = (out: MessageWriter, value: unknown) => void

/** Encodes values of a type in binary. */
export function binaryEncoder(type: DataType): ValueEncoder {
  const write = bodyWriter(type)
  if (type.name === 'float8') return floatEncoder()
  if (type.name === 'int8') return wordEncoder(() => true, putWords)
  if (type.name === 'timestamptz' || type.name === 'timestamp') {
    return wordEncoder(isNear, putTime, (out, value) => sized(out, write, value))
  }
  return (out, { values }, row) => sized(out, write, values[row])
}

function floatEncoder(): ValueEncoder {
  const one = new Float64Array(1)
  const words = new Int32Array(one.buffer)
  return (out, { values }, row) => {
    one[0] = (values as Float64Array)[row]!
    putSized(out, putWords, words[1]!, words[0]!)
  }
}

type PutWords = (bytes: Uint8Array, at: number, high: number, low: number) => void

const EPOCH = Number(EPOCH_MICROSECONDS)

const putTime: PutWords = (bytes, at, high, low) =>
  putInteger(bytes, at, microsecondsOf(high, low) - EPOCH)

/** Eight bytes of two words, if the higher passes; else by `write`. */
function wordEncoder(
  passes: (high: number) => boolean,
  put: PutWords,
  write: BodyWriter = () => {},
): ValueEncoder {
  let last: SqlVector['values'] | null = null
  let words: Int32Array = new Int32Array(0)
  return (out, { values }, row) => {
    if (values !== last) {
      last = values
      words = wordsOf(values as BigInt64Array)
    }
    const high = words[2 * row + 1]!
    if (passes(high)) putSized(out, put, high, words[2 * row]!)
    else write(out, values[row])
  }
}

function putSized(out: MessageWriter, put: PutWords, high: number, low: number): void {
  out.reserve(12)
  const { bytes, offset } = out
  putWord(bytes, offset, 8)
  put(bytes, offset + 4, high, low)
  out.offset = offset + 12
}

function sized(out: MessageWriter, write: BodyWriter, value: unknown): void {
  out.int32(0)
  const at = out.offset
  write(out, value)
  out.bytes.writeInt32BE(out.offset - at, at - 4)
}

function writeInt64(out: MessageWriter, value: bigint): void {
  out.reserve(8)
  out.offset = out.bytes.writeBigInt64BE(value, out.offset)
}

function writeMicroseconds(out: MessageWriter, value: bigint): void {
  if (value === TIME_INFINITY) return writeInt64(out, INT64_MAX)
  if (value === TIME_MINUS_INFINITY) return writeInt64(out, INT64_MIN)
  writeInt64(out, floorMicroseconds(value) - EPOCH_MICROSECONDS)
}

function floorMicroseconds(nanoseconds: bigint): bigint {
  const rest = nanoseconds % 1000n
  return nanoseconds / 1000n - (rest < 0n ? 1n : 0n)
}

function writeDate(out: MessageWriter, days: number): void {
  if (days === Infinity) out.int32(INT32_MAX)
  else out.int32(days === -Infinity ? INT32_MIN : days - EPOCH_DAYS)
}

function writeFloat8(out: MessageWriter, value: number): void {
  out.reserve(8)
  out.offset = out.bytes.writeDoubleBE(value, out.offset)
}

function writeFloat4(out: MessageWriter, value: number): void {
  out.reserve(4)
  out.offset = out.bytes.writeFloatBE(value, out.offset)
}

const WRITERS: Readonly<Record<string, BodyWriter>> = {
  bool: (out, value) => out.int8(value ? 1 : 0),
  int2: (out, value) => out.int16(value as number),
  int8: (out, value) => writeInt64(out, value as bigint),
  float4: (out, value) => writeFloat4(out, value as number),
  float8: (out, value) => writeFloat8(out, value as number),
  date: (out, value) => writeDate(out, value as number),
  time: (out, value) => writeInt64(out, floorMicroseconds(value as bigint)),
  timestamp: (out, value) => writeMicroseconds(out, value as bigint),
  timestamptz: (out, value) => writeMicroseconds(out, value as bigint),
  interval: (out, value) => writeInterval(out, value as Interval),
  numeric: (out, value) => writeNumeric(out, value as Decimal),
  bytea: (out, value) => out.raw((value as Bytes).bytes),
  uuid: (out, value) => out.raw(Buffer.from((value as string).replaceAll('-', ''), 'hex')),
  jsonb: (out, value) => out.int8(1).text(value as string),
}

function bodyWriter(type: DataType): BodyWriter {
  if (type.element !== null) {
    const writeElement = bodyWriter(type.element)
    return (out, value) => writeArray(out, value as SqlArray, type.element!, writeElement)
  }
  if (type.name === 'record') return (out, value) => writeRecord(out, value as SqlRecord)
  const known = WRITERS[type.name]
  if (known !== undefined) return known
  if (type.size === 4) return (out, value) => out.int32(value as number)
  if (type.layout === 'text') return (out, value) => out.text(value as string)
  throw new SqlError('42883', `no binary output function available for type ${type.title}`)
}

function writeInterval(out: MessageWriter, { months, days, nanoseconds }: Interval): void {
  writeInt64(out, floorMicroseconds(nanoseconds))
  out.int32(days).int32(months)
}

function writeArray(
  out: MessageWriter,
  { values, dimensions, lowerBounds }: SqlArray,
  element: DataType,
  write: BodyWriter,
): void {
  out.int32(dimensions.length).int32(values.includes(null) ? 1 : 0)
  out.int32(element.oid)
  dimensions.forEach((length, index) => out.int32(length).int32(lowerBounds[index]!))
  for (const value of values) {
    if (value === null) out.int32(-1)
    else sized(out, write, value)
  }
}

/** Each column with its type. */
function writeRecord(out: MessageWriter, { type, values }: SqlRecord): void {
  out.int32(values.length)
  for (const [index, value] of values.entries()) {
    const column = type.fields![index]!.type
    out.int32(column.oid)
    if (value === null) out.int32(-1)
    else sized(out, bodyWriter(column), value)
  }
}

const SPECIAL_SIGNS = { NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 } as const

/** Groups of four decimal digits, aligned to the point; `weight` is the power of 10,000 of the first. */
function writeNumeric(out: MessageWriter, { unscaled, scale, special }: Decimal): void {
  if (special !== null) {
    out.int16(0).int16(0).int16(SPECIAL_SIGNS[special]).int16(0)
    return
  }
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const fraction = digits.slice(digits.length - scale)
  const text =
    whole.padStart(Math.ceil(whole.length / 4) * 4, '0') +
    fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0')
  const groups = (text.match(/.{4}/g) ?? []).map(Number)
  let weight = Math.ceil(whole.length / 4) - 1
  while (groups[0] === 0) {
    groups.shift()
    weight--
  }
  while (groups.at(-1) === 0) groups.pop()
  if (groups.length === 0) weight = 0
  out.int16(groups.length).int16(weight)
  out.int16(unscaled < 0n ? 0x4000 : 0).int16(scale)
  for (const group of groups) out.int16(group)
}
