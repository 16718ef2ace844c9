// to_date and to_timestamp: the day and the time that fields read by a template mean.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, do_to_timestamp, to_timestamp, to_date.

import {
  NS_PER_DAY,
  NS_PER_SECOND,
  TIME_MAX,
  TIME_MIN,
  civilOf,
  daysInMonth,
  daysOf,
} from '../calendar.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { fixedZone, instantOf, zoneOf } from '../zone.ts'
import { scalar } from './define.ts'
import { JULIAN_EPOCH, isoWeekStart, julianDay } from './julian.ts'
import { type TimeFields, readTimeFields } from './time-reader.ts'
import { timeTemplate } from './time-template.ts'

const ZONE_HOURS_MAX = 15
const MICROS_PER_SECOND = 1_000_000

/** A date whose parts may be out of range; `known` says which a template gave. */
interface Day {
  year: number
  month: number
  day: number
  isMonthKnown: boolean
  isDayKnown: boolean
  isYearKnown: boolean
}

const overflow = (text: string): SqlError =>
  new SqlError('22008', `date/time field value out of range: "${text}"`)

function setJulian(to: Day, julian: number): void {
  Object.assign(to, civilOf(julian - JULIAN_EPOCH))
  Object.assign(to, { isYearKnown: true, isMonthKnown: true, isDayKnown: true })
}

/** A year of two digits lies in the century that is given. */
function yearOf({ year, yearSize, century, bc }: TimeFields): number {
  const signed = bc === 0 ? century : -century
  if (year === 0) {
    if (century === 0) return 0
    return signed >= 0 ? (signed - 1) * 100 + 1 : signed * 100 + 1
  }
  if (century !== 0 && yearSize <= 2) {
    const rest = year % 100
    if (rest === 0) return signed * 100 + (signed >= 0 ? 0 : 1)
    return signed >= 0 ? rest + (signed - 1) * 100 : (signed + 1) * 100 - rest + 1
  }
  const own = bc === 0 ? year : -year
  return own < 0 ? own + 1 : own
}

/** A day of the year instead of a month and its day. */
function setDayOfYear(to: Day, dayOfYear: number, { isIso, bc }: TimeFields): void {
  if (to.year === 0 && bc === 0) {
    throw new SqlError('22007', 'cannot calculate day of year without year information')
  }
  if (isIso) return setJulian(to, isoWeekStart(to.year, 1) - 1 + dayOfYear)
  let [month, before] = [1, 0]
  while (month <= 12 && dayOfYear > before + daysInMonth(to.year, month)) {
    before += daysInMonth(to.year, month)
    month++
  }
  if (to.month <= 1) to.month = month
  if (to.day <= 1) to.day = dayOfYear - before
  to.isMonthKnown = true
  to.isDayKnown = true
}

function dayOf(fields: TimeFields, text: string): Day {
  const to: Day = {
    ...{ year: yearOf(fields), month: 1, day: 1 },
    isYearKnown: fields.year !== 0 || fields.century !== 0,
    ...{ isMonthKnown: false, isDayKnown: false },
  }
  let { dayOfYear, day } = fields
  const { julian, week, weekOfMonth, weekday, isIso, month } = fields
  if (julian !== 0) setJulian(to, julian)
  if (week !== 0 && isIso) {
    const behind = weekday === 0 ? 0 : weekday > 1 ? weekday - 2 : 6
    setJulian(to, isoWeekStart(to.year, week) + behind)
  } else if (week !== 0) dayOfYear = (week - 1) * 7 + 1
  if (weekOfMonth !== 0) day = (weekOfMonth - 1) * 7 + 1
  if (day !== 0) {
    to.day = day
    to.isDayKnown = true
  }
  if (month !== 0) {
    to.month = month
    to.isMonthKnown = true
  }
  if (dayOfYear !== 0 && (to.month <= 1 || to.day <= 1)) setDayOfYear(to, dayOfYear, fields)
  checkDay(to, text)
  return to
}

function checkDay({ year, month, day, ...known }: Day, text: string): void {
  if (known.isMonthKnown && (month < 1 || month > 12)) throw overflow(text)
  if (known.isDayKnown && (day < 1 || day > 31)) throw overflow(text)
  const isWhole = known.isMonthKnown && known.isDayKnown && known.isYearKnown
  if (isWhole && day > daysInMonth(year, month)) throw overflow(text)
}

/** Microseconds of the day. */
function clockMicros(fields: TimeFields, text: string): number {
  const { secondOfDay, millisecond, microsecond } = fields
  let hour = fields.hour || Math.trunc(secondOfDay / 3_600)
  const minute = fields.minute || Math.trunc((secondOfDay % 3_600) / 60)
  const second = fields.second || secondOfDay % 60
  if (fields.isHalfDay) {
    if (hour < 1 || hour > 12) {
      throw new SqlError('22007', `hour "${hour}" is invalid for the 12-hour clock`, {
        hint: 'Use the 24-hour clock, or give an hour between 1 and 12.',
      })
    }
    hour = (hour % 12) + (fields.pm === 0 ? 0 : 12)
  }
  const micros = millisecond * 1_000 + microsecond
  return checked([hour, minute, second, micros], text)
}

function checked([hour, minute, second, micros]: [number, number, number, number], text: string) {
  const isInRange = [
    [hour, 24],
    [minute, 60],
    [second, 60],
    [micros, MICROS_PER_SECOND],
  ].every(([value, end]) => value! >= 0 && value! < end!)
  if (!isInRange) throw overflow(text)
  return (hour * 3_600 + minute * 60 + second) * MICROS_PER_SECOND + micros
}

/** Nanoseconds ahead of UTC, or null. */
function offsetOf({ zoneSign, zoneHour, zoneMinute }: TimeFields, text: string): bigint | null {
  if (zoneSign === 0) return null
  if (zoneHour < 0 || zoneHour > ZONE_HOURS_MAX || zoneMinute < 0 || zoneMinute >= 60) {
    throw new SqlError('22009', `time zone displacement out of range: "${text}"`)
  }
  return BigInt(zoneSign * (zoneHour * 3_600 + zoneMinute * 60)) * NS_PER_SECOND
}

interface Read {
  /** Days since 1970. */
  readonly days: number
  readonly micros: number
  readonly offset: bigint | null
  readonly precision: number
}

function read(text: string, template: string): Read {
  const fields = readTimeFields(text, timeTemplate(template))
  // PostgreSQL's order of errors: the clock's hour, dates, times, the zone.
  if (fields.isHalfDay)
    clockMicros({ ...fields, minute: 0, second: 0, millisecond: 0, microsecond: 0 }, text)
  const { year, month, day } = dayOf(fields, text)
  const micros = clockMicros(fields, text)
  const offset = offsetOf(fields, text)
  const days = julianDay(year, month, day) - JULIAN_EPOCH
  return { days, micros, offset, precision: fields.precision }
}

/** Where PostgreSQL begins to count: times round away from it. */
const EPOCH = BigInt(daysOf(2000, 1, 1)) * NS_PER_DAY

function rounded(time: bigint, precision: number): bigint {
  if (precision === 0) return time
  const step = 10n ** BigInt(9 - precision)
  const rest = time - EPOCH
  const size = rest < 0n ? -rest : rest
  const steps = ((size + step / 2n) / step) * step
  return EPOCH + (rest < 0n ? -steps : steps)
}

function toTimestamp({ timeZone }: Surroundings, text: string, template: string): bigint {
  const { days, micros, offset, precision } = read(text, template)
  const zone = offset === null ? zoneOf(timeZone) : fixedZone(offset)
  const clock = BigInt(days) * NS_PER_DAY + BigInt(micros) * 1_000n
  const time = rounded(instantOf(zone, clock), precision)
  if (time >= TIME_MIN && time <= TIME_MAX) return time
  throw new SqlError('22008', 'timestamp out of range')
}

/** The first day that a date can be, and the first that it cannot be again. */
const [DATE_MIN, DATE_END] = [-JULIAN_EPOCH, daysOf(5_874_898, 1, 1)]

function toDate(text: string, template: string): number {
  const { days } = read(text, template)
  if (days >= DATE_MIN && days < DATE_END) return days
  throw new SqlError('22008', `date out of range: "${text}"`)
}

export const timesFromText: readonly ScalarFunction[] = [
  scalar('to_date', 'text text', 'date', toDate),
  scalar('to_timestamp', 'text text', 'timestamptz', toTimestamp, { isSituated: true }),
]
