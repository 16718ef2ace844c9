// Values in PostgreSQL's binary formats, as the send functions of its types write them. Times have
// microseconds there: what is finer is cut off.
// Source: PostgreSQL 15, src/backend/utils/adt: int8send, float8send, timestamptz_send, numeric_send,
// interval_send, array_send.

import { TIME_INFINITY, TIME_MINUS_INFINITY, floorDivide } from '../../calendar.ts'
import type { Decimal } from '../../decimal.ts'
import { SqlError } from '../../sql-error.ts'
import type { DataType } from '../../type.ts'
import type { Bytes, Interval, SqlArray } from '../../value.ts'
import type { ByteWriter } from './byte-writer.ts'

/** 2000-01-01, from which PostgreSQL counts. */
const EPOCH_DAYS = 10_957
const EPOCH_MICROSECONDS = 946_684_800_000_000n
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const INT32_MAX = 2 ** 31 - 1
const INT32_MIN = -(2 ** 31)

/** Writes a value without its length; booleans come as 0 and 1 or as booleans. */
export type BinaryValue = (out: ByteWriter, value: unknown) => void

const VALUES: Readonly<Record<string, BinaryValue>> = {
  bool: (out, value) => out.int8(value ? 1 : 0),
  char: (out, value) => out.text(value as string),
  int2: (out, value) => out.int16(value as number),
  int8: (out, value) => out.int64(value as bigint),
  xid8: (out, value) => out.int64(value as bigint),
  float4: (out, value) => out.float32(value as number),
  float8: (out, value) => out.float64(value as number),
  date: (out, value) => writeDate(out, value as number),
  time: (out, value) => out.int64(floorDivide(value as bigint, 1000n)),
  timestamp: (out, value) => writeTime(out, value as bigint),
  timestamptz: (out, value) => writeTime(out, value as bigint),
  interval: (out, value) => writeInterval(out, value as Interval),
  numeric: (out, value) => writeNumeric(out, value as Decimal),
  bytea: (out, value) => out.raw((value as Bytes).bytes),
  uuid: (out, value) => writeUuid(out, value as string),
  jsonb: (out, value) => {
    out.int8(1)
    out.text(value as string)
  },
}

/** Throws 42883 for types without a binary format. */
export function binaryValueOf(type: DataType): BinaryValue {
  if (type.element !== null) {
    const write = binaryValueOf(type.element)
    return (out, value) => writeArray(out, value as SqlArray, type.element!, write)
  }
  const known = VALUES[type.name]
  if (known !== undefined) return known
  if (type.size === 4) return (out, value) => out.int32(value as number)
  if (type.layout === 'text') return (out, value) => out.text(value as string)
  throw new SqlError('42883', `no binary output function available for type ${type.title}`)
}

function writeTime(out: ByteWriter, value: bigint): void {
  if (value === TIME_INFINITY) out.int64(INT64_MAX)
  else if (value === TIME_MINUS_INFINITY) out.int64(INT64_MIN)
  else out.int64(floorDivide(value, 1000n) - EPOCH_MICROSECONDS)
}

function writeDate(out: ByteWriter, days: number): void {
  if (days === Infinity) out.int32(INT32_MAX)
  else out.int32(days === -Infinity ? INT32_MIN : days - EPOCH_DAYS)
}

function writeInterval(out: ByteWriter, { months, days, nanoseconds }: Interval): void {
  out.int64(floorDivide(nanoseconds, 1000n))
  out.int32(days)
  out.int32(months)
}

function writeUuid(out: ByteWriter, value: string): void {
  for (const [pair] of value.replaceAll('-', '').matchAll(/../g))
    out.int8(Number.parseInt(pair, 16))
}

function writeArray(
  out: ByteWriter,
  { values, dimensions, lowerBounds }: SqlArray,
  element: DataType,
  write: BinaryValue,
): void {
  out.int32(dimensions.length)
  out.int32(values.includes(null) ? 1 : 0)
  out.int32(element.oid)
  for (const [index, length] of dimensions.entries()) {
    out.int32(length)
    out.int32(lowerBounds[index]!)
  }
  for (const value of values) {
    if (value === null) out.int32(-1)
    else out.sized(() => write(out, value))
  }
}

const SPECIAL_SIGNS = { NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 } as const

/** Groups of four decimal digits, aligned to the point; `weight` is the power of 10,000 of the first. */
function writeNumeric(out: ByteWriter, { unscaled, scale, special }: Decimal): void {
  if (special !== null) {
    for (const part of [0, 0, SPECIAL_SIGNS[special], 0]) out.int16(part)
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
  for (const part of [groups.length, weight, unscaled < 0n ? 0x4000 : 0, scale]) out.int16(part)
  for (const group of groups) out.int16(group)
}
