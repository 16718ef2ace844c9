// Functions of intervals, of times of day, and of the spans between times.
// Source: PostgreSQL 15, src/backend/utils/adt/{timestamp,date}.c.

import {
  NS_PER_DAY,
  NS_PER_SECOND,
  civilOf,
  dayOfTime,
  daysInMonth,
  floorModulo,
  isFiniteTime,
} from '../calendar.ts'
import { Decimal } from '../decimal.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { Interval } from '../value.ts'
import { clockOf, zoneOf } from '../zone.ts'
import { roundEven } from './arithmetic.ts'
import { scalar } from './define.ts'
import { unitOf, wrongSpan, wrongUnit } from './time-unit.ts'

const NS_PER_HOUR = 3_600n * NS_PER_SECOND
const NS_PER_MINUTE = 60n * NS_PER_SECOND
const INT4_MAX = 2 ** 31 - 1

/** Throws 22008 for what is too long. */
export function checkInterval(interval: Interval): Interval {
  const { months, days, nanoseconds } = interval
  const isLong = !(Math.abs(months) <= INT4_MAX && Math.abs(days) <= INT4_MAX)
  if (isLong || BigInt.asIntN(64, nanoseconds / 1_000n) !== nanoseconds / 1_000n) {
    throw new SqlError('22008', 'interval out of range')
  }
  return interval
}

export const negated = ({ months, days, nanoseconds }: Interval): Interval =>
  new Interval(-months, -days, -nanoseconds)

export const sum = (a: Interval, b: Interval): Interval =>
  checkInterval(new Interval(a.months + b.months, a.days + b.days, a.nanoseconds + b.nanoseconds))

/** To the microsecond, as PostgreSQL rounds what cascades down. */
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6
const SECONDS_PER_DAY = 86_400

/** Parts of months become days, parts of days become time. Throws 22008. */
function scaled(interval: Interval, scale: (part: number) => number): Interval {
  const { months, days, nanoseconds } = interval
  const [exactMonths, exactDays] = [scale(months), scale(days)]
  const [wholeMonths, wholeDays] = [Math.trunc(exactMonths), Math.trunc(exactDays)]
  const moreDays = rounded((exactMonths - wholeMonths) * 30)
  let seconds = rounded((exactDays - wholeDays + moreDays - Math.trunc(moreDays)) * SECONDS_PER_DAY)
  const cascaded = Math.trunc(seconds / SECONDS_PER_DAY)
  seconds -= cascaded * SECONDS_PER_DAY
  // Finer than microseconds only where the interval is.
  const step = nanoseconds % 1_000n === 0n ? 1_000n : 1n
  const time = scale(Number(nanoseconds / step)) + (seconds * 1e9) / Number(step)
  if (!Number.isFinite(time) || !Number.isFinite(exactDays)) {
    throw new SqlError('22008', 'interval out of range')
  }
  const allDays = wholeDays + cascaded + Math.trunc(moreDays)
  return checkInterval(new Interval(wholeMonths, allDays, BigInt(roundEven(time)) * step))
}

const times = (interval: Interval, factor: number): Interval =>
  scaled(interval, (part) => part * factor)

/** On the way from one to the other. */
export const between = (one: Interval, two: Interval, part: number): Interval =>
  sum(times(sum(two, negated(one)), part), one)

export function dividedBy(interval: Interval, divisor: number): Interval {
  if (divisor === 0) throw new SqlError('22012', 'division by zero')
  return scaled(interval, (part) => part / divisor)
}

function justifyHours({ months, days, nanoseconds }: Interval): Interval {
  let allDays = days + Number(nanoseconds / NS_PER_DAY)
  let rest = nanoseconds % NS_PER_DAY
  if (allDays > 0 && rest < 0n) {
    rest += NS_PER_DAY
    allDays--
  } else if (allDays < 0 && rest > 0n) {
    rest -= NS_PER_DAY
    allDays++
  }
  return checkInterval(new Interval(months, allDays, rest))
}

function justifyDays({ months, days, nanoseconds }: Interval): Interval {
  let allMonths = months + Math.trunc(days / 30)
  let rest = days % 30
  if (allMonths > 0 && rest < 0) {
    rest += 30
    allMonths--
  } else if (allMonths < 0 && rest > 0) {
    rest -= 30
    allMonths++
  }
  return checkInterval(new Interval(allMonths, rest, nanoseconds))
}

function justify({ months, days, nanoseconds }: Interval): Interval {
  const allDays = days + Number(nanoseconds / NS_PER_DAY)
  let time = nanoseconds % NS_PER_DAY
  let month = months + Math.trunc(allDays / 30)
  let day = allDays % 30
  if (month > 0 && (day < 0 || (day === 0 && time < 0n))) {
    day += 30
    month--
  } else if (month < 0 && (day > 0 || (day === 0 && time > 0n))) {
    day -= 30
    month++
  }
  if (day > 0 && time < 0n) {
    time += NS_PER_DAY
    day--
  } else if (day < 0 && time > 0n) {
    time -= NS_PER_DAY
    day++
  }
  return checkInterval(new Interval(month, day, time))
}

/** The span in years, months and days of the calendar. Throws 22008 for infinities. */
function age(one: bigint, two: bigint): Interval {
  if (!isFiniteTime(one) || !isFiniteTime(two)) {
    throw new SqlError('22008', 'timestamp out of range')
  }
  const isBack = one < two
  const [later, earlier] = isBack ? [two, one] : [one, two]
  const [from, to] = [civilOf(dayOfTime(earlier)), civilOf(dayOfTime(later))]
  let months = (to.year - from.year) * 12 + to.month - from.month
  let days = to.day - from.day
  let rest = floorModulo(later, NS_PER_DAY) - floorModulo(earlier, NS_PER_DAY)
  if (rest < 0n) {
    rest += NS_PER_DAY
    days--
  }
  if (days < 0) {
    days += daysInMonth(from.year, from.month)
    months--
  }
  return isBack ? new Interval(-months, -days, -rest) : new Interval(months, days, rest)
}

/** Midnight of today by the clock of the session. */
const today = ({ now, timeZone }: Surroundings): bigint => {
  const clock = clockOf(zoneOf(timeZone), now)
  return clock - floorModulo(clock, NS_PER_DAY)
}

const clockIn = ({ timeZone }: Surroundings, time: bigint): bigint =>
  isFiniteTime(time) ? clockOf(zoneOf(timeZone), time) : time

const YEARS: Readonly<Record<string, number>> = {
  year: 12,
  decade: 120,
  century: 1_200,
  millennium: 12_000,
  quarter: 3,
  month: 1,
}
const PARTS: Readonly<Record<string, bigint>> = {
  hour: NS_PER_HOUR,
  minute: NS_PER_MINUTE,
  second: NS_PER_SECOND,
  milliseconds: 1_000_000n,
  microseconds: 1_000n,
}

function truncate(text: string, { months, days, nanoseconds }: Interval): Interval {
  const unit = unitOf(text)
  const span = YEARS[unit]
  if (span !== undefined) return new Interval(months - (months % span), 0, 0n)
  if (unit === 'day') return new Interval(months, days, 0n)
  const size = PARTS[unit]
  if (size === undefined) throw wrongSpan(text, 'interval')
  return new Interval(months, days, nanoseconds - (nanoseconds % size))
}

/** A field of a time of day. */
function timeField(text: string, time: bigint): Decimal {
  const minute = time % NS_PER_MINUTE
  switch (unitOf(text)) {
    case 'hour':
      return Decimal.of(time / NS_PER_HOUR)
    case 'minute':
      return Decimal.of((time / NS_PER_MINUTE) % 60n)
    case 'second':
      return new Decimal(minute / 1_000n, 6)
    case 'milliseconds':
      return new Decimal(minute / 1_000n, 3)
    case 'microseconds':
      return Decimal.of(minute / 1_000n)
    case 'epoch':
      return new Decimal(time / 1_000n, 6)
    default:
      throw wrongUnit(text, 'time without time zone')
  }
}

function makeInterval(...parts: readonly number[]): Interval {
  const [years, months, weeks, days, hours, minutes, seconds] = [...parts, 0, 0, 0, 0, 0, 0, 0]
  if (!Number.isFinite(seconds)) throw new SqlError('22008', 'interval out of range')
  const clock = BigInt(hours! * 3_600 + minutes! * 60) * NS_PER_SECOND
  const span = clock + BigInt(Math.round(seconds! * 1e6)) * 1_000n
  return checkInterval(new Interval(years! * 12 + months!, weeks! * 7 + days!, span))
}

function makeTime(hour: number, minute: number, seconds: number): bigint {
  const isIn = hour >= 0 && minute >= 0 && minute <= 59 && seconds >= 0 && seconds <= 60
  const time =
    BigInt(hour * 3_600 + minute * 60) * NS_PER_SECOND +
    BigInt(Math.round((isIn ? seconds : 0) * 1e6)) * 1_000n
  if (isIn && time <= NS_PER_DAY) return time
  throw new SqlError('22008', `time field value out of range: ${hour}:${minute}:${seconds}`)
}

/** A zone given as an interval east of Greenwich. */
function offsetOf({ months, days, nanoseconds }: Interval): bigint {
  if (months === 0 && days === 0) return nanoseconds - (nanoseconds % NS_PER_SECOND)
  throw new SqlError('22023', 'interval time zone must not include months or days')
}

const shifted = (time: bigint, by: bigint): bigint => (isFiniteTime(time) ? time + by : time)

const onClock = (time: bigint): bigint => floorModulo(time, NS_PER_DAY)

const dayAndTime = (days: number, time: bigint): bigint => {
  if (!Number.isFinite(days)) return days > 0 ? 2n ** 63n - 1n : -(2n ** 63n)
  const moment = BigInt(days) * NS_PER_DAY + time
  if (BigInt.asIntN(64, moment) === moment) return moment
  throw new SqlError('22008', 'date out of range for timestamp')
}

const situated = { isSituated: true } as const
const COUNTS = ['', 'int4', 'int4 int4', 'int4 int4 int4', 'int4 int4 int4 int4'] as const

/** Operators and functions of intervals and times of day. */
export const intervals: readonly ScalarFunction[] = [
  scalar('+', 'interval interval', 'interval', sum),
  scalar('-', 'interval interval', 'interval', (a: Interval, b: Interval) => sum(a, negated(b))),
  scalar('-', 'interval', 'interval', (one: Interval) => checkInterval(negated(one))),
  scalar('+', 'interval', 'interval', (one: Interval) => one),
  scalar('*', 'interval float8', 'interval', times),
  scalar('*', 'float8 interval', 'interval', (factor: number, one: Interval) => times(one, factor)),
  scalar('/', 'interval float8', 'interval', dividedBy),
  scalar('justify_hours', 'interval', 'interval', justifyHours),
  scalar('justify_days', 'interval', 'interval', justifyDays),
  scalar('justify_interval', 'interval', 'interval', justify),
  scalar('age', 'timestamp timestamp', 'interval', age),
  scalar(
    'age',
    'timestamptz timestamptz',
    'interval',
    (s: Surroundings, one: bigint, two: bigint) => age(clockIn(s, one), clockIn(s, two)),
    situated,
  ),
  scalar(
    'age',
    'timestamp',
    'interval',
    (s: Surroundings, time: bigint) => age(today(s), time),
    situated,
  ),
  scalar(
    'age',
    'timestamptz',
    'interval',
    (s: Surroundings, time: bigint) => age(today(s), clockIn(s, time)),
    situated,
  ),
  scalar('date_trunc', 'text interval', 'interval', truncate),
  scalar('extract', 'text time', 'numeric', timeField),
  scalar('date_part', 'text time', 'float8', (unit: string, time: bigint) =>
    timeField(unit, time).toNumber(),
  ),
  ...[...COUNTS, 'int4 int4 int4 int4 int4', 'int4 int4 int4 int4 int4 int4'].map((types) =>
    scalar('make_interval', types, 'interval', makeInterval),
  ),
  scalar('make_interval', 'int4 int4 int4 int4 int4 int4 float8', 'interval', makeInterval),
  scalar('make_time', 'int4 int4 float8', 'time', makeTime),
  scalar('isfinite', 'interval', 'bool', () => true),
  scalar('isfinite', 'date', 'bool', (days: number) => Number.isFinite(days)),
  scalar('timezone', 'interval timestamptz', 'timestamp', (zone: Interval, time: bigint) =>
    shifted(time, offsetOf(zone)),
  ),
  scalar('timezone', 'interval timestamp', 'timestamptz', (zone: Interval, clock: bigint) =>
    shifted(clock, -offsetOf(zone)),
  ),
  scalar('+', 'time interval', 'time', (time: bigint, by: Interval) =>
    onClock(time + by.nanoseconds),
  ),
  scalar('+', 'interval time', 'time', (by: Interval, time: bigint) =>
    onClock(time + by.nanoseconds),
  ),
  scalar('-', 'time interval', 'time', (time: bigint, by: Interval) =>
    onClock(time - by.nanoseconds),
  ),
  scalar('-', 'time time', 'interval', (a: bigint, b: bigint) => new Interval(0, 0, a - b)),
  scalar('+', 'date time', 'timestamp', dayAndTime),
  scalar('+', 'time date', 'timestamp', (time: bigint, days: number) => dayAndTime(days, time)),
]
