// Text of dates, times of day and timestamps: printed in DateStyle ISO, with up to nine decimals where
// a time has them; read in PostgreSQL's usual forms.
// Source: PostgreSQL 15, src/backend/utils/adt/datetime.c, DecodeDateTime and EncodeDateTime.

import {
  NS_PER_DAY,
  NS_PER_SECOND,
  TIME_INFINITY,
  TIME_MAX,
  TIME_MIN,
  TIME_MINUS_INFINITY,
  civilOf,
  dayOfTime,
  daysInMonth,
  daysOf,
  floorModulo,
} from '../calendar.ts'
import { SqlError } from '../sql-error.ts'
import { type Zone, UTC, clockOf, findZone, fixedZone, instantOf } from '../zone.ts'
import { printClock } from './interval-text.ts'

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** Days since 1970; ±Infinity. */
export function printDate(days: number): string {
  if (!Number.isFinite(days)) return days > 0 ? 'infinity' : '-infinity'
  const { year, month, day } = civilOf(days)
  const text = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
  return year > 0 ? text : `${text} BC`
}

/** Nanoseconds since midnight, to 24:00. */
export const printTime = printClock

/** A timestamp without zone: nanoseconds of its clock. */
export function printTimestamp(clock: bigint): string {
  if (clock === TIME_INFINITY) return 'infinity'
  if (clock === TIME_MINUS_INFINITY) return '-infinity'
  return `${printDate(dayOfTime(clock))} ${printClock(floorModulo(clock, NS_PER_DAY))}`
}

export function printTimestamptz(instant: bigint, zone: Zone): string {
  if (instant === TIME_INFINITY || instant === TIME_MINUS_INFINITY) return printTimestamp(instant)
  const offset = zone.offsetAt(instant)
  return printTimestamp(instant + offset) + printOffset(offset)
}

/** `+00`, `-05:30`, `+00:53:28`. */
export function printOffset(offset: bigint): string {
  const seconds = Math.abs(Number(offset / NS_PER_SECOND))
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  while (parts.length > 1 && parts.at(-1) === 0) parts.pop()
  return (offset < 0n ? '-' : '+') + parts.map((part) => pad(part, 2)).join(':')
}

/** What a text of a time says; what it leaves out is null. */
interface Moment {
  /** Days since 1970. */
  day: number | null
  /** Nanoseconds since midnight. */
  clock: bigint | null
  zone: Zone | null
  special: bigint | null
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const FULL_MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september'],
  ...['october', 'november', 'december'],
]
const WEEKDAYS = /^(sun|mon|tue|tues|wed|thu|thur|thurs|fri|sat)(day|nesday|sday|rday|urday)?$/

function monthOf(word: string): number {
  const index = MONTHS.indexOf(word)
  if (index >= 0) return index + 1
  return word === 'sept' ? 9 : FULL_MONTHS.indexOf(word) + 1
}

/** Of days, months and years that are numbers alone, as DateStyle says. */
export type DateOrder = 'MDY' | 'DMY' | 'YMD'

/** What a text of a time is read with. */
export interface TimeContext {
  /** Nanoseconds: what `now` and `today` mean. */
  readonly now: bigint
  readonly zone: Zone
  /** Asked only for dates that mean another day in each order. */
  readonly order: () => DateOrder
}

class Reader {
  readonly moment: Moment = { day: null, clock: null, zone: null, special: null }
  private year: number | null = null
  private month: number | null = null
  private date: number | null = null
  private isBc = false
  private readonly context: TimeContext

  constructor(context: TimeContext) {
    this.context = context
  }

  /** False: the text is none of a time. Throws RangeError for fields out of range. */
  read(text: string): boolean {
    let rest = text.trim()
    if (rest === '') return false
    while (rest !== '') {
      const taken = this.take(rest)
      if (taken === 0) return false
      rest = rest.slice(taken).replace(/^[\s,]+/, '')
    }
    return this.finish()
  }

  private take(rest: string): number {
    const clock =
      /^[Tt]?(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?(?!\d)(?:\s*(am|pm)(?![a-z]))?/i.exec(rest)
    if (clock !== null && this.moment.clock === null) {
      this.takeClock(clock[1]!, clock[2]!, clock[3] ?? '0', clock[4] ?? '', clock[5])
      return clock[0].length
    }
    const zone = /^([-+])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?(?!\d)/.exec(rest)
    if (zone !== null && this.moment.clock !== null) return this.takeOffset(zone)
    return this.takeDate(rest) || this.takeWord(rest)
  }

  private takeClock(h: string, m: string, s: string, fraction: string, half?: string): void {
    let hour = Number(h)
    if (half !== undefined) {
      if (hour < 1 || hour > 12) throw new RangeError()
      hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
    }
    const [minute, second] = [Number(m), Number(s)]
    const digits = fraction.slice(0, 10).padEnd(10, '0')
    const nanoseconds = (BigInt(digits) + 5n) / 10n
    const whole = BigInt(hour * 3_600 + minute * 60 + second) * NS_PER_SECOND + nanoseconds
    if (hour > 24 || minute > 59 || second > 60 || whole > NS_PER_DAY) throw new RangeError()
    this.moment.clock = whole
  }

  private takeOffset([all, sign, h, m = '0', s = '0']: RegExpExecArray): number {
    const seconds = Number(h) * 3_600 + Number(m) * 60 + Number(s)
    if (Number(h) > 15 || Number(m) > 59 || Number(s) > 59) {
      throw new SqlError('22009', `time zone displacement out of range: "${all}"`)
    }
    this.moment.zone = fixedZone(BigInt(sign === '-' ? -seconds : seconds) * NS_PER_SECOND)
    return all.length
  }

  private takeDate(rest: string): number {
    if (this.date !== null && this.year !== null) return 0
    const iso = /^(\d{4,6})-(\d{1,2})-(\d{1,2})(?!\d)/.exec(rest)
    if (iso !== null) return this.setDate(iso, iso[1]!, iso[2]!, iso[3]!)
    const compact = /^(\d{4})(\d\d)(\d\d)(?:[Tt](\d\d)(\d\d)(\d\d)(?:\.(\d+))?)?(?![\d])/.exec(rest)
    if (compact !== null) {
      const [, y, m, d, hour, minute, second, fraction = ''] = compact
      if (hour !== undefined) this.takeClock(hour, minute!, second!, fraction)
      return this.setDate(compact, y!, m!, d!)
    }
    const numbers = /^(\d{1,6})([/.-])(\d{1,2})\2(\d{1,6})(?!\d)/.exec(rest)
    if (numbers !== null) return this.takeNumbers(numbers)
    const named = /^(\d{1,4})-([a-z]{3,9})-(\d{1,4})(?!\d)/i.exec(rest)
    if (named !== null) {
      const month = monthOf(named[2]!.toLowerCase())
      const isYearFirst = named[1]!.length > 2 || this.context.order() === 'YMD'
      const [year, day] = isYearFirst ? [named[1]!, named[3]!] : [named[3]!, named[1]!]
      return month === 0 ? 0 : this.setDate(named, century(year), String(month), day)
    }
    return this.takeNumber(rest)
  }

  /** Three numbers: a first one of three digits or more is the year, else the order says. */
  private takeNumbers(found: RegExpExecArray): number {
    const [, first, , second, third] = found as unknown as [string, string, string, string, string]
    const order = first.length > 2 ? 'YMD' : this.context.order()
    if (order === 'YMD') return this.setDate(found, century(first), second, third)
    if (order === 'DMY') return this.setDate(found, century(third), second, first)
    return this.setDate(found, century(third), first, second)
  }

  private takeNumber(rest: string): number {
    const number = /^(\d{1,6})(?![\d:/])/.exec(rest)
    if (number === null) return 0
    const isDay = number[1]!.length <= 2 && this.date === null
    if (isDay) this.date = Number(number[1])
    else if (this.year === null) this.year = Number(number[1])
    else return 0
    return number[0].length
  }

  private setDate(found: RegExpExecArray, year: string, month: string, day: string): number {
    ;[this.year, this.month, this.date] = [Number(year), Number(month), Number(day)]
    return found[0].length
  }

  private takeWord(rest: string): number {
    const found = /^[a-z][a-z0-9_/+-]*/i.exec(rest)
    if (found === null) return 0
    const word = found[0].toLowerCase()
    if (word === 't' && this.date !== null) return 1
    const month = monthOf(word)
    if (month > 0 && this.month === null) this.month = month
    else if (word === 'bc') this.isBc = true
    else if (word !== 'ad' && word !== 'at' && !WEEKDAYS.test(word) && !this.takeSpecial(word)) {
      const zone = findZone(found[0])
      if (zone === null) return this.failZone(found[0])
      this.moment.zone = zone
    }
    return found[0].length
  }

  private failZone(name: string): number {
    if (!name.includes('/')) return 0
    throw new SqlError('22023', `time zone "${name}" not recognized`)
  }

  private takeSpecial(word: string): boolean {
    const { context } = this
    const days: Readonly<Record<string, number>> = { today: 0, tomorrow: 1, yesterday: -1 }
    if (Object.hasOwn(days, word)) {
      this.moment.day = dayOfTime(clockOf(context.zone, context.now)) + days[word]!
    } else if (word === 'now') this.moment.special = context.now
    else if (word === 'epoch') this.moment.special = 0n
    else if (word === 'infinity') this.moment.special = TIME_INFINITY
    else if (word === 'allballs') [this.moment.clock, this.moment.zone] = [0n, UTC]
    else return false
    return true
  }

  private finish(): boolean {
    if (this.year === null && this.month === null && this.date === null) return true
    if (this.year === null || this.month === null || this.date === null) return false
    const year = this.isBc ? 1 - this.year : this.year
    if (this.year === 0 || this.month < 1 || this.month > 12) throw new RangeError()
    if (this.date < 1 || this.date > daysInMonth(year, this.month)) throw new RangeError()
    this.moment.day = daysOf(year, this.month, this.date)
    return true
  }
}

const century = (year: string): string =>
  year.length <= 2 ? String(Number(year) + (Number(year) < 70 ? 2_000 : 1_900)) : year

function readMoment(text: string, title: string, context: TimeContext): Moment {
  if (text.trim().toLowerCase() === '-infinity') {
    return { day: null, clock: null, zone: null, special: TIME_MINUS_INFINITY }
  }
  const reader = new Reader(context)
  try {
    if (reader.read(text)) return reader.moment
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const hint = /^\s*\d{1,2}[/.-]\d/.test(text)
      ? 'Perhaps you need a different "datestyle" setting.'
      : undefined
    throw new SqlError('22008', `date/time field value out of range: "${text}"`, { hint })
  }
  throw new SqlError('22007', `invalid input syntax for type ${title}: "${text}"`)
}

const invalid = (text: string, title: string): SqlError =>
  new SqlError('22007', `invalid input syntax for type ${title}: "${text}"`)

/** Throws 22007, 22008. */
export function readTimestamptz(text: string, context: TimeContext): bigint {
  const title = 'timestamp with time zone'
  const moment = readMoment(text, title, context)
  if (moment.special !== null) return moment.special
  if (moment.day === null) throw invalid(text, title)
  const clock = BigInt(moment.day) * NS_PER_DAY + (moment.clock ?? 0n)
  return inRange(instantOf(moment.zone ?? context.zone, clock), text)
}

/** The clock's nanoseconds; a zone in the text is passed over. Throws 22007, 22008. */
export function readTimestamp(text: string, context: TimeContext): bigint {
  const title = 'timestamp'
  const moment = readMoment(text, title, context)
  if (moment.special !== null) {
    const { now, zone } = context
    return moment.special === now ? clockOf(zone, now) : moment.special
  }
  if (moment.day === null) throw invalid(text, title)
  return inRange(BigInt(moment.day) * NS_PER_DAY + (moment.clock ?? 0n), text)
}

function inRange(time: bigint, text: string): bigint {
  if (time >= TIME_MIN && time <= TIME_MAX) return time
  throw new SqlError('22008', `timestamp out of range: "${text}"`)
}

/** Days since 1970. Throws 22007, 22008. */
export function readDate(text: string, context: TimeContext): number {
  const { zone } = context
  const moment = readMoment(text, 'date', context)
  if (moment.special === TIME_INFINITY) return Infinity
  if (moment.special === TIME_MINUS_INFINITY) return -Infinity
  if (moment.special !== null) return dayOfTime(clockOf(zone, moment.special))
  if (moment.day === null) throw invalid(text, 'date')
  return moment.day
}

/** Nanoseconds since midnight. Throws 22007, 22008. */
export function readTime(text: string, context: TimeContext): bigint {
  const compact = /^\s*(\d\d)(\d\d)(\d\d)?\s*$/.exec(text)
  const colons = compact ? `${compact[1]}:${compact[2]}:${compact[3] ?? '00'}` : text
  const moment = readMoment(colons, 'time', context)
  if (moment.special !== null && moment.special === context.now) {
    return floorModulo(clockOf(context.zone, context.now), NS_PER_DAY)
  }
  if (moment.clock === null) throw invalid(text, 'time')
  return moment.clock
}
