// Parameters of Bind → values as vectors hold them, from text or from PostgreSQL's binary formats.
// Source: PostgreSQL 15, src/backend/utils/adt: int8recv, timestamptz_recv, numeric_recv, array_recv.

import { TIME_INFINITY, TIME_MINUS_INFINITY } from '../../sql/calendar.ts'
import { Decimal } from '../../sql/decimal.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { typeOfOid, type DataType } from '../../sql/type.ts'
import { readValue, type TextContext } from '../../sql/value-text.ts'
import { Bytes, Interval, SqlArray } from '../../sql/value.ts'
import {
  EPOCH_DAYS,
  EPOCH_MICROSECONDS,
  INT32_MAX,
  INT32_MIN,
  INT64_MAX,
  INT64_MIN,
} from './encode-binary.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 without zeros, else 22021. */
export function decodeText(bytes: Uint8Array): string {
  try {
    const text = decoder.decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // said below
  }
  throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8"')
}

/** A parameter of a type; throws 22P02 and its like for text, 22P03 for binary. */
export function decodeParameter(
  type: DataType,
  bytes: Buffer,
  isBinary: boolean,
  context: TextContext,
): unknown {
  if (!isBinary) return readValue(type, decodeText(bytes), context)
  return decodeBinary(type, bytes, context)
}

const incorrect = (type: DataType): SqlError =>
  new SqlError('22P03', `incorrect binary data format for type ${type.title}`)

function decodeBinary(type: DataType, bytes: Buffer, context: TextContext): unknown {
  if (type.size > 0 && type.layout !== 'text' && bytes.length !== type.size) throw incorrect(type)
  if (type.element !== null) return decodeArray(type, bytes, context)
  switch (type.name) {
    case 'bool':
      return bytes[0] !== 0
    case 'int2':
      return bytes.readInt16BE()
    case 'int8':
      return bytes.readBigInt64BE()
    case 'float4':
      return bytes.readFloatBE()
    case 'float8':
      return bytes.readDoubleBE()
    case 'date':
      return decodeDate(bytes.readInt32BE())
    case 'time':
      return bytes.readBigInt64BE() * 1000n
    case 'timestamp':
    case 'timestamptz':
      return decodeTime(bytes.readBigInt64BE(), type)
    case 'interval': {
      const nanoseconds = bytes.readBigInt64BE() * 1000n
      return new Interval(bytes.readInt32BE(12), bytes.readInt32BE(8), nanoseconds)
    }
    case 'numeric':
      return decodeNumeric(type, bytes)
    case 'bytea':
      return new Bytes(Uint8Array.from(bytes))
    case 'uuid':
      if (bytes.length !== 16) throw incorrect(type)
      return readValue(type, bytes.toString('hex'), context)
    case 'jsonb':
      if (bytes[0] !== 1) throw incorrect(type)
      return readValue(type, decodeText(bytes.subarray(1)), context)
  }
  if (type.layout === 'number') {
    return type.name === 'int4' ? bytes.readInt32BE() : bytes.readUInt32BE()
  }
  return readValue(type, decodeText(bytes), context)
}

function decodeDate(days: number): number {
  if (days === INT32_MAX) return Infinity
  return days === INT32_MIN ? -Infinity : days + EPOCH_DAYS
}

function decodeTime(micros: bigint, type: DataType): bigint {
  if (micros === INT64_MAX) return TIME_INFINITY
  if (micros === INT64_MIN) return TIME_MINUS_INFINITY
  const nanoseconds = (micros + EPOCH_MICROSECONDS) * 1000n
  if (nanoseconds <= TIME_MINUS_INFINITY || nanoseconds >= TIME_INFINITY) {
    throw new SqlError('22008', `${type.name} out of range`)
  }
  return nanoseconds
}

const SPECIALS = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
] as const)

function decodeNumeric(type: DataType, bytes: Buffer): Decimal {
  if (bytes.length < 8) throw incorrect(type)
  const count = bytes.readUInt16BE(0)
  const weight = bytes.readInt16BE(2)
  const sign = bytes.readUInt16BE(4)
  const scale = bytes.readUInt16BE(6)
  const special = SPECIALS.get(sign as 0xc000)
  if (special !== undefined) return new Decimal(0n, 0, special)
  const isKnown = sign === 0 || sign === 0x4000
  if (!isKnown || bytes.length !== 8 + count * 2 || scale > 16_383) throw incorrect(type)
  let digits = ''
  for (let i = 0; i < count; i++) {
    const group = bytes.readUInt16BE(8 + i * 2)
    if (group > 9_999) throw incorrect(type)
    digits += String(group).padStart(4, '0')
  }
  const exponent = (weight + 1 - count) * 4 + scale
  const magnitude = BigInt(digits === '' ? '0' : digits)
  const unscaled =
    exponent >= 0 ? magnitude * 10n ** BigInt(exponent) : magnitude / 10n ** BigInt(-exponent)
  return new Decimal(sign === 0 ? unscaled : -unscaled, scale)
}

/** As PostgreSQL's MAXDIM. */
const DIMENSIONS_MAX = 6

function decodeArray(type: DataType, bytes: Buffer, context: TextContext): SqlArray {
  if (bytes.length < 12) throw incorrect(type)
  const dimensionCount = bytes.readInt32BE(0)
  const element = type.element!
  if (typeOfOid(bytes.readUInt32BE(8)) !== element)
    throw new SqlError('42804', 'wrong element type')
  if (dimensionCount < 0 || dimensionCount > DIMENSIONS_MAX) throw incorrect(type)
  const [dimensions, lowerBounds]: [number[], number[]] = [[], []]
  let offset = 12
  if (bytes.length < offset + dimensionCount * 8) throw incorrect(type)
  for (let i = 0; i < dimensionCount; i++, offset += 8) {
    dimensions.push(bytes.readInt32BE(offset))
    lowerBounds.push(bytes.readInt32BE(offset + 4))
  }
  const count = dimensionCount === 0 ? 0 : dimensions.reduce((product, one) => product * one, 1)
  // Every element has at least its length.
  if (dimensions.some((one) => one < 0) || count * 4 > bytes.length - offset) throw incorrect(type)
  const values: unknown[] = []
  for (let i = 0; i < count; i++) {
    if (offset + 4 > bytes.length) throw incorrect(type)
    const size = bytes.readInt32BE(offset)
    offset += 4
    if (size < -1 || offset + size > bytes.length) throw incorrect(type)
    if (size === -1) values.push(null)
    else values.push(decodeBinary(element, bytes.subarray(offset, offset + size), context))
    offset += Math.max(size, 0)
  }
  if (offset !== bytes.length) throw incorrect(type)
  return count === 0
    ? new SqlArray(element, [])
    : new SqlArray(element, values, dimensions, lowerBounds)
}
