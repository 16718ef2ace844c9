// The text of values that COPY writes most: floats without an exponent and times in UTC, which are
// printed from numbers; all others by the printers of their types (value-text.ts).

import { TIME_INFINITY, TIME_MINUS_INFINITY } from '../../calendar.ts'
import type { DataType } from '../../type.ts'
import { type TextContext, printerOf } from '../../value-text.ts'

/** As printerOf, with the same texts. */
export function quickPrinterOf(type: DataType, context: TextContext): (value: unknown) => string {
  const print = printerOf(type, context)
  if (type.name === 'float8') return floatPrinter(print)
  if (type.name === 'timestamptz' && context.timeZone === 'UTC') return utcPrinter(print)
  return print
}

/** Types whose texts are digits, letters, signs, colons, dots and spaces. */
const PLAIN = new Set(['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'timestamptz'])

/** Whether texts of a type never hold a control character, a backslash, a quote or a comma. */
export const isPlainType = ({ name }: DataType): boolean => PLAIN.has(name)

/** Numbers that JavaScript writes as PostgreSQL does: without an exponent, neither -0 nor infinite. */
function floatPrinter(print: (value: unknown) => string): (value: unknown) => string {
  return (value) => {
    const size = Math.abs(value as number)
    const isPlain = (size >= 1e-4 && size < 1e15) || Object.is(value, 0)
    return isPlain ? String(value) : print(value)
  }
}

const MICROSECONDS_PER_DAY = 86_400_000_000
/** Within years 1 to 9999, which have four digits. */
const FIRST_DAY = -719_162
const LAST_DAY = 2_932_896
const PAIRS = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'))

/** `2026-11-23 07:30:00.25+00`: the day's text is kept, as rows of one day mostly follow each other. */
function utcPrinter(print: (value: unknown) => string): (value: unknown) => string {
  let lastDay = NaN
  let date = ''
  return (value) => {
    const time = value as bigint
    const micros = Number(time / 1_000n)
    const day = Math.floor(micros / MICROSECONDS_PER_DAY)
    const isUsual = time % 1_000n === 0n && day >= FIRST_DAY && day <= LAST_DAY
    if (!isUsual || time === TIME_INFINITY || time === TIME_MINUS_INFINITY) return print(value)
    if (day !== lastDay) {
      date = new Date(day * 86_400_000).toISOString().slice(0, 10)
      lastDay = day
    }
    const ofDay = micros - day * MICROSECONDS_PER_DAY
    const seconds = Math.floor(ofDay / 1e6)
    const minutes = Math.floor(seconds / 60)
    const clock = `${PAIRS[Math.floor(minutes / 60)]}:${PAIRS[minutes % 60]}:${PAIRS[seconds % 60]}`
    return `${date} ${clock}${fractionOf(ofDay - seconds * 1e6)}+00`
  }
}

/** Of a second; without zeros at its end. */
function fractionOf(micros: number): string {
  if (micros === 0) return ''
  let digits = 6
  let rest = micros
  for (; rest % 10 === 0; digits--) rest /= 10
  return `.${String(rest).padStart(digits, '0')}`
}
