// to_char of intervals: the patterns that need no date.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, interval_to_char, DCH_to_char.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import type { Interval } from '../value.ts'
import { scalar } from './define.ts'
import { isoYearOf, julianDay, isoWeekOf, isoWeekStart } from './julian.ts'
import { ordinalSuffix } from './template.ts'
import { type TimePattern, timeTemplate } from './time-template.ts'

/** All of one sign, but for days. */
interface Span {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
}

const MICROS_PER_SECOND = 1_000_000n

function spanOf({ months, days, nanoseconds }: Interval): Span {
  const micros = nanoseconds / 1_000n
  const seconds = micros / MICROS_PER_SECOND
  return {
    year: Math.trunc(months / 12) + 0,
    month: (months % 12) + 0,
    day: days,
    hour: Number(seconds / 3_600n),
    minute: Number((seconds / 60n) % 60n),
    second: Number(seconds % 60n),
    micros: Number(micros % MICROS_PER_SECOND),
  }
}

/** `width` counts a minus sign. */
function padded(value: number, width: number): string {
  if (value >= 0) return String(value).padStart(width, '0')
  return `-${String(-value).padStart(width - 1, '0')}`
}

type Print = (span: Span, isBare: boolean) => string

/** One place more for a minus sign. */
const signed =
  (of: (span: Span) => number, width: number, sign = of): Print =>
  (span, isBare) =>
    padded(of(span), isBare ? 0 : width + (sign(span) < 0 ? 1 : 0))

const fixed =
  (of: (span: Span) => number, width: number): Print =>
  (span, isBare) =>
    padded(of(span), isBare ? 0 : width)

const fraction =
  (digits: number): Print =>
  ({ micros }) =>
    padded(Math.trunc(micros / 10 ** (6 - digits)) + 0, digits)

const half = ({ hour }: Span): number => hour % 12 || 12
const year = (span: Span): number => span.year
const isoYear = ({ year: own, month, day }: Span): number => isoYearOf(own, month, day)
const dayOfYear = ({ year: own, month, day }: Span): number => (own * 12 + month) * 30 + day
const weekOf = (day: number): number => Math.trunc((day - 1) / 7) + 1
const inDay: Print = ({ hour, minute, second }) => String(hour * 3_600 + minute * 60 + second)

function century({ year: own }: Span, isBare: boolean): string {
  const value = Math.trunc(own / 100) + 0
  return padded(value, isBare ? 0 : value < 0 ? 3 : 2)
}

function thousands({ year: own }: Span): string {
  const count = Math.trunc(own / 1_000) + 0
  return `${count},${padded(own - count * 1_000, 3)}`
}

const ROMAN = 'XII XI X IX VIII VII VI V IV III II I'.split(' ')

function roman({ year: own, month }: Span, isBare: boolean): string {
  if (month === 0 && own === 0) return ''
  const index = month === 0 ? (own >= 0 ? 0 : 11) : month < 0 ? -(month + 1) : 12 - month
  return isBare ? ROMAN[index]! : ROMAN[index]!.padEnd(4)
}

/** Numbers, by their patterns in capitals. */
const NUMBERS: Readonly<Record<string, Print>> = {
  HH24: signed(({ hour }) => hour, 2),
  HH12: signed(half, 2, ({ hour }) => hour),
  HH: signed(half, 2, ({ hour }) => hour),
  MI: signed(({ minute }) => minute, 2),
  SS: signed(({ second }) => second, 2),
  SSSS: inDay,
  SSSSS: inDay,
  MS: fraction(3),
  US: fraction(6),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((digits) => [`FF${digits}`, fraction(digits)])),
  'Y,YYY': thousands,
  YYYY: signed(year, 4),
  YYY: signed((span) => span.year % 1_000, 3, year),
  YY: signed((span) => span.year % 100, 2, year),
  Y: (span) => String((span.year % 10) + 0),
  IYYY: signed(isoYear, 4, year),
  IYY: signed((span) => isoYear(span) % 1_000, 3, year),
  IY: signed((span) => isoYear(span) % 100, 2, year),
  I: (span) => String((isoYear(span) % 10) + 0),
  CC: century,
  MM: signed(({ month }) => month, 2),
  DDD: fixed(dayOfYear, 3),
  IDDD: fixed((span) => {
    const { year: own, month, day } = span
    return julianDay(own, month, day) - isoWeekStart(isoYear(span), 1) + 1
  }, 3),
  DD: fixed(({ day }) => day, 2),
  WW: fixed((span) => weekOf(dayOfYear(span)), 2),
  IW: fixed(({ year: own, month, day }) => isoWeekOf(own, month, day), 2),
  W: ({ day }) => String(weekOf(day)),
  J: ({ year: own, month, day }) => String(julianDay(own, month, day)),
  Q: ({ month }) => (month === 0 ? '' : String(Math.trunc((month - 1) / 3) + 1)),
}

const isAfternoon = ({ hour }: Span): boolean => hour % 24 >= 12

const WORDS: Readonly<Record<string, Print>> = {
  AM: (span) => (isAfternoon(span) ? 'PM' : 'AM'),
  PM: (span) => (isAfternoon(span) ? 'PM' : 'AM'),
  'A.M.': (span) => (isAfternoon(span) ? 'P.M.' : 'A.M.'),
  'P.M.': (span) => (isAfternoon(span) ? 'P.M.' : 'A.M.'),
  RM: roman,
  FX: () => '',
}

function print(span: Span, { pattern, isBare, ordinal }: TimePattern): string {
  const name = pattern.toUpperCase()
  const number = NUMBERS[name]
  if (number !== undefined) {
    const digits = number(span, isBare)
    if (ordinal === null || digits === '') return digits
    const suffix = ordinalSuffix(digits)
    return digits + (ordinal === 'TH' ? suffix.toUpperCase() : suffix)
  }
  const word = WORDS[name]?.(span, isBare)
  if (word !== undefined) return pattern === name ? word : word.toLowerCase()
  throw new SqlError('22007', 'invalid format specification for an interval value', {
    hint: 'Intervals are not tied to specific calendar dates.',
  })
}

export const intervalTexts: readonly ScalarFunction[] = [
  scalar('to_char', 'interval text', 'text', (interval: Interval, template: string) => {
    if (template === '') return null
    const span = spanOf(interval)
    return timeTemplate(template)
      .map((piece) => ('text' in piece ? piece.text : print(span, piece)))
      .join('')
  }),
]
