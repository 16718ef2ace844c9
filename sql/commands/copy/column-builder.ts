// Columns that COPY fills: each takes the bytes of a value, in text or binary, and puts it into the typed
// array that the engine takes. The usual forms are read from the bytes as they are; all others become a
// string for the reader of their type (value-text.ts).

import type { SqlVector } from '../../batch.ts'
import { daysInMonth, daysOf } from '../../calendar.ts'
import { Decimal } from '../../decimal.ts'
import { SqlError } from '../../sql-error.ts'
import type { DataType } from '../../type.ts'
import { type TextContext, readerOf } from '../../value-text.ts'
import { ChunkText, TextCache } from './text-cache.ts'
import { WordColumn } from './word-column.ts'

/** Values of one column, by row; what is behind a null is unspecified. */
export interface ColumnBuilder {
  /** 1 = has a value. */
  readonly valid: Uint8Array
  /** Bytes [start, end) as text. Throws 22P02, 22003, 22007, 22008, 22021. */
  takeText(bytes: Uint8Array, start: number, end: number, row: number): void
  /** A value in the type's binary format. Throws 22P03, 22008, 22021. */
  takeBinary(view: DataView, start: number, end: number, row: number): void
  setNull(row: number): void
  /** The first rows; good until the next `clear`. */
  vector(rowCount: number): SqlVector
  clear(): void
}

const MAKERS: Readonly<
  Record<string, (type: DataType, rows: number, context: TextContext) => ColumnBuilder>
> = {
  float8: (type, rows, context) => new FloatBuilder(type, rows, context),
  int8: (type, rows, context) => new IntegerBuilder(type, rows, context),
  timestamptz: (type, rows, context) => new TimeBuilder(type, rows, context),
  bool: (type, rows, context) => new BooleanBuilder(type, rows, context),
  text: (type, rows, context) => new TextBuilder(type, rows, context),
}

/** Of a type that columns of tables have; `rows` at most. */
export function builderOf(type: DataType, rows: number, context: TextContext): ColumnBuilder {
  const make = MAKERS[type.name]
  return make === undefined ? new DecimalBuilder(type, rows, context) : make(type, rows, context)
}

abstract class Builder implements ColumnBuilder {
  readonly valid: Uint8Array
  protected readonly type: DataType
  protected readonly read: (text: string) => unknown
  protected readonly texts = new TextCache()
  #hasNulls = false

  constructor(type: DataType, rows: number, context: TextContext) {
    this.type = type
    this.valid = new Uint8Array(rows).fill(1)
    this.read = readerOf(type, context)
  }

  abstract takeText(bytes: Uint8Array, start: number, end: number, row: number): void
  abstract takeBinary(view: DataView, start: number, end: number, row: number): void
  protected abstract values(rowCount: number): SqlVector['values']

  setNull(row: number): void {
    this.valid[row] = 0
    this.#hasNulls = true
  }

  vector(rowCount: number): SqlVector {
    const valid = this.#hasNulls ? this.valid.subarray(0, rowCount) : null
    return { values: this.values(rowCount), valid }
  }

  clear(): void {
    if (this.#hasNulls) this.valid.fill(1)
    this.#hasNulls = false
  }

  protected checkSize(start: number, end: number, size: number): void {
    if (end - start !== size) throw incorrect()
  }
}

const incorrect = (): SqlError => new SqlError('22P03', 'incorrect binary data format')

/** Powers of ten that doubles hold exactly. */
const TENS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const MANTISSA_MAX = 2 ** 53

class FloatBuilder extends Builder {
  readonly #values = new Float64Array(this.valid.length)
  readonly #ascii = new ChunkText()

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    const plain = readPlain(bytes, start, end)
    if (!Number.isNaN(plain)) this.#values[row] = plain
    else if (isDigits(bytes, start, end))
      this.#values[row] = Number(this.#ascii.slice(bytes, start, end))
    else this.#values[row] = this.read(this.texts.decode(bytes, start, end)) as number
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    this.checkSize(start, end, 8)
    this.#values[row] = view.getFloat64(start)
  }

  protected values(rowCount: number): Float64Array {
    return this.#values.subarray(0, rowCount)
  }
}

/**
 * Digits with a point among them, whose digits and power of ten are doubles: then one division is
 * exact to the last bit (Clinger 1990). NaN: another form.
 */
function readPlain(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  const isNegative = bytes[at] === 45
  if (isNegative) at++
  let mantissa = 0
  let digits = 0
  let fraction = -1
  for (; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit
      digits++
    } else if (digit === -2 && fraction < 0) fraction = digits
    else return NaN
  }
  const decimals = fraction < 0 ? 0 : digits - fraction
  if (digits === 0 || mantissa >= MANTISSA_MAX || decimals > 22) return NaN
  const value = decimals === 0 ? mantissa : mantissa / TENS[decimals]!
  return isNegative ? -value : value
}

/** Digits with a point between them, and not so many that they could mean zero or infinity. */
function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 300) return false
  const first = bytes[start] === 45 ? start + 1 : start
  let at = first
  let point = -1
  for (; at < end; at++) {
    if (isDigit(bytes[at]!)) continue
    if (bytes[at] !== 46 || point >= 0 || at === first || at + 1 === end) return false
    point = at
  }
  return at > first
}

class IntegerBuilder extends Builder {
  readonly #words = new WordColumn(this.valid.length)

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    let at = start
    const isNegative = bytes[at] === 45
    if (isNegative) at++
    const isShort = end - at <= 15 && end > at
    const stop = isShort ? end : at
    let value = 0
    for (; at < stop; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (isShort && at === end) this.#words.setNumber(row, isNegative ? -value : value)
    else this.#words.values[row] = this.read(this.texts.decode(bytes, start, end)) as bigint
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    this.checkSize(start, end, 8)
    this.#words.setWords(row, view.getInt32(start), view.getInt32(start + 4))
  }

  protected values(rowCount: number): BigInt64Array {
    return this.#words.values.subarray(0, rowCount)
  }
}

/** Seconds from 1970 that nanoseconds in 64 bits reach, rounded to be less. */
const SECONDS_MAX = 9_223_372_000
const EPOCH_SECONDS = 946_684_800
const WORD = 2 ** 32

class TimeBuilder extends Builder {
  readonly #words = new WordColumn(this.valid.length)
  readonly #isUtc: boolean
  /** The date that was read last, as YYYYMMDD, and its day. */
  #date = 0
  #day = 0

  constructor(type: DataType, rows: number, context: TextContext) {
    super(type, rows, context)
    this.#isUtc = context.timeZone === 'UTC'
  }

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    if (this.#takeUsual(bytes, start, end, row)) return
    const text = this.texts.decode(bytes, start, end)
    // Milliseconds since 1970, which no date of PostgreSQL's looks like.
    if (/^\d{13}$/.test(text)) this.#words.values[row] = BigInt(text) * 1_000_000n
    else this.#words.values[row] = this.read(text) as bigint
  }

  /** `2026-11-23 07:30:00[.123456789][Z|±00[:00]]`. */
  #takeUsual(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    if (end - start < 19) return false
    const separator = bytes[start + 10]
    if (separator !== 32 && separator !== 84) return false
    if (bytes[start + 4] !== 45 || bytes[start + 7] !== 45) return false
    if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return false
    const year = pair(bytes, start) * 100 + pair(bytes, start + 2)
    if (!this.#setDate(year, pair(bytes, start + 5), pair(bytes, start + 8))) return false
    const hour = pair(bytes, start + 11)
    const minute = pair(bytes, start + 14)
    const second = pair(bytes, start + 17)
    if (!(hour < 24 && minute < 60 && second < 60)) return false
    let at = start + 19
    let nanoseconds = 0
    if (bytes[at] === 46 && at < end) {
      const first = ++at
      for (; at < end && isDigit(bytes[at]!); at++) nanoseconds = nanoseconds * 10 + bytes[at]! - 48
      if (at - first > 9) return false
      nanoseconds *= TENS[9 - (at - first)]!
    }
    const offset = this.#offset(bytes, at, end)
    const seconds = this.#day * 86_400 + hour * 3_600 + minute * 60 + second - offset
    if (!(Math.abs(seconds) < SECONDS_MAX)) return false
    this.#words.setTime(row, seconds, nanoseconds)
    return true
  }

  #setDate(year: number, month: number, day: number): boolean {
    const date = year * 10_000 + month * 100 + day
    if (date === this.#date) return true
    if (!(year > 0 && month > 0 && month <= 12 && day > 0)) return false
    if (day > daysInMonth(year, month)) return false
    this.#day = daysOf(year, month, day)
    this.#date = date
    return true
  }

  /** Seconds east of UTC; NaN: another form. */
  #offset(bytes: Uint8Array, at: number, end: number): number {
    if (at === end) return this.#isUtc ? 0 : NaN
    const sign = bytes[at]!
    if (sign === 90) return at + 1 === end ? 0 : NaN
    if (sign !== 43 && sign !== 45) return NaN
    const hours = pair(bytes, at + 1)
    const minutes = end === at + 6 && bytes[at + 3] === 58 ? pair(bytes, at + 4) : 0
    if ((end !== at + 3 && end !== at + 6) || (end === at + 6 && bytes[at + 3] !== 58)) return NaN
    if (!(hours <= 15 && minutes < 60)) return NaN
    return (sign === 45 ? -1 : 1) * (hours * 3_600 + minutes * 60)
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    this.checkSize(start, end, 8)
    const micros = view.getInt32(start) * WORD + view.getUint32(start + 4)
    const seconds = Math.floor(micros / 1e6)
    const since1970 = seconds + EPOCH_SECONDS
    if (!(Math.abs(since1970) < SECONDS_MAX)) throw new SqlError('22008', 'timestamp out of range')
    this.#words.setTime(row, since1970, (micros - seconds * 1e6) * 1_000)
  }

  protected values(rowCount: number): BigInt64Array {
    return this.#words.values.subarray(0, rowCount)
  }
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

/** Two digits; NaN: others are there. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48
  const ones = bytes[at + 1]! - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN
}

class BooleanBuilder extends Builder {
  readonly #values = new Uint8Array(this.valid.length)

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    const letter = end - start === 1 ? bytes[start] : 0
    if (letter === 116) this.#values[row] = 1
    else if (letter === 102) this.#values[row] = 0
    else this.#values[row] = Number(this.read(this.texts.decode(bytes, start, end)))
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    this.checkSize(start, end, 1)
    this.#values[row] = view.getUint8(start) === 0 ? 0 : 1
  }

  protected values(rowCount: number): Uint8Array {
    return this.#values.subarray(0, rowCount)
  }
}

class TextBuilder extends Builder {
  readonly #values: string[] = Array.from({ length: this.valid.length }, () => '')

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    this.#values[row] = this.texts.decode(bytes, start, end)
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.#values[row] = this.texts.decode(bytes, start, end)
  }

  override setNull(row: number): void {
    super.setNull(row)
    this.#values[row] = ''
  }

  protected values(rowCount: number): readonly string[] {
    return rowCount === this.#values.length ? this.#values : this.#values.slice(0, rowCount)
  }
}

/** Columns of unsigned integers, which are numeric to SQL. */
class DecimalBuilder extends Builder {
  readonly #values: unknown[] = Array.from({ length: this.valid.length }, () => null)

  takeText(bytes: Uint8Array, start: number, end: number, row: number): void {
    this.#values[row] = this.read(this.texts.decode(bytes, start, end))
  }

  takeBinary(view: DataView, start: number, end: number, row: number): void {
    this.#values[row] = readNumeric(view, start, end)
  }

  protected values(rowCount: number): readonly unknown[] {
    return this.#values.slice(0, rowCount)
  }
}

const SPECIALS = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
] as const)

/** Groups of four decimal digits. Source: PostgreSQL 15, src/backend/utils/adt/numeric.c, numeric_recv. */
function readNumeric(view: DataView, start: number, end: number): Decimal {
  if (end - start < 8) throw incorrect()
  const count = view.getUint16(start)
  const weight = view.getInt16(start + 2)
  const sign = view.getUint16(start + 4)
  const scale = view.getUint16(start + 6)
  const special = SPECIALS.get(sign as 0xc000)
  if (special !== undefined) return new Decimal(0n, 0, special)
  if ((sign !== 0 && sign !== 0x4000) || end - start !== 8 + 2 * count || scale > 16_383) {
    throw incorrect()
  }
  let digits = '0'
  for (let i = 0; i < count; i++) {
    const group = view.getUint16(start + 8 + 2 * i)
    if (group > 9_999) throw incorrect()
    digits += String(group).padStart(4, '0')
  }
  const exponent = (weight + 1 - count) * 4 + scale
  const magnitude = BigInt(digits)
  const unscaled =
    exponent >= 0 ? magnitude * 10n ** BigInt(exponent) : magnitude / 10n ** BigInt(-exponent)
  return new Decimal(sign === 0 ? unscaled : -unscaled, scale)
}
