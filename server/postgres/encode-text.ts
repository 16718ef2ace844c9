// Columns of a batch → values of DataRow in text. Floats and times in UTC, which results mostly are, go
// straight into the buffer; other types take the printers of SQL (sql/value-text.ts).

import type { SqlVector } from '../../sql/batch.ts'
import type { DataType } from '../../sql/type.ts'
import { type TextContext, printerOf } from '../../sql/value-text.ts'
import type { MessageWriter } from './message-writer.ts'
import { belowMicroseconds, isNear, microsecondsOf, wordsOf } from './word-pair.ts'

/** Writes the value of a row, its length first; the row has a value. */
export type ValueEncoder = (out: MessageWriter, vector: SqlVector, row: number) => void

/** The session's time zone, and its names of objects. */
export type PrintContext = Pick<TextContext, 'timeZone' | 'nameOf'>

/** Encodes values of a type as text, times by the session's time zone. */
export function textEncoder(type: DataType, context: PrintContext): ValueEncoder {
  const { timeZone } = context
  const print = printerOf(type, context)
  if (type.name === 'float8') return floatEncoder(print)
  if (type.name === 'timestamptz' && timeZone === 'UTC') return utcEncoder(print)
  return (out, { values }, row) => out.sizedText(print(values[row]))
}

/** Numbers that JavaScript writes as PostgreSQL does: without an exponent, neither -0 nor infinite. */
function floatEncoder(print: (value: unknown) => string): ValueEncoder {
  return (out, vector, row) => {
    const value = (vector.values as Float64Array)[row]!
    const size = Math.abs(value)
    const isPlain = (size >= 1e-4 && size < 1e15) || Object.is(value, 0)
    sizedAscii(out, isPlain ? String(value) : print(value))
  }
}

function sizedAscii(out: MessageWriter, text: string): void {
  const { length } = text
  out.reserve(4 + length)
  const { bytes } = out
  let at = out.offset
  bytes[at++] = 0
  bytes[at++] = 0
  bytes[at++] = length >> 8
  bytes[at++] = length
  for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i)
  out.offset = at
}

const MICROSECONDS_PER_DAY = 86_400_000_000
/** `2026-11-23 07:30:00.25+00`: the day's text is kept, as rows of one day mostly follow each other. */
function utcEncoder(print: (value: unknown) => string): ValueEncoder {
  let lastDay = NaN
  let last: SqlVector['values'] | null = null
  let words: Int32Array = new Int32Array(0)
  const date = new Uint8Array(11)
  return (out, { values }, row) => {
    if (values !== last) {
      last = values
      words = wordsOf(values as BigInt64Array)
    }
    const [high, low] = [words[2 * row + 1]!, words[2 * row]!]
    if (!isNear(high) || belowMicroseconds(high, low) !== 0) {
      return sizedAscii(out, print(values[row]))
    }
    const micros = microsecondsOf(high, low)
    const day = Math.floor(micros / MICROSECONDS_PER_DAY)
    if (day !== lastDay) {
      const text = `${new Date(day * 86_400_000).toISOString().slice(0, 10)} `
      for (let i = 0; i < text.length; i++) date[i] = text.charCodeAt(i)
      lastDay = day
    }
    writeTime(out, date, micros - day * MICROSECONDS_PER_DAY)
  }
}

const ZERO = 48

/** The length, the date's bytes, a time of the day in microseconds, `+00`. */
function writeTime(out: MessageWriter, date: Uint8Array, micros: number): void {
  out.reserve(40)
  const { bytes, offset } = out
  let at = offset + 4
  for (let i = 0; i < date.length; i++) bytes[at++] = date[i]!
  const seconds = Math.floor(micros / 1e6)
  at = writePair(bytes, at, Math.floor(seconds / 3600))
  bytes[at++] = 58
  at = writePair(bytes, at, Math.floor(seconds / 60) % 60)
  bytes[at++] = 58
  at = writePair(bytes, at, seconds % 60)
  let fraction = micros - seconds * 1e6
  if (fraction !== 0) {
    let digits = 6
    for (; fraction % 10 === 0; digits--) fraction /= 10
    bytes[at] = 46
    for (let i = digits; i > 0; i--) {
      bytes[at + i] = ZERO + (fraction % 10)
      fraction = Math.floor(fraction / 10)
    }
    at += digits + 1
  }
  bytes[at++] = 43
  at = writePair(bytes, at, 0)
  bytes.writeInt32BE(at - offset - 4, offset)
  out.offset = at
}

function writePair(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = ZERO + Math.floor(value / 10)
  bytes[at + 1] = ZERO + (value % 10)
  return at + 2
}
