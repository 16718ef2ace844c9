// Functions of times: arithmetic with intervals, buckets, truncation, fields, zones.
// Source: PostgreSQL 15, src/backend/utils/adt/{timestamp,date}.c; TimescaleDB for time_bucket's origin.

import {
  NS_PER_DAY,
  NS_PER_SECOND,
  TIME_MAX,
  TIME_MIN,
  addMonths,
  civilOf,
  dayOfTime,
  daysInMonth,
  daysOf,
  floorModulo,
  isFiniteTime,
} from '../calendar.ts'
import { Decimal, INFINITE, MINUS_INFINITE } from '../decimal.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { Interval } from '../value.ts'
import { type Zone, UTC, clockOf, fixedZone, instantOf, zoneOf } from '../zone.ts'
import { scalar } from './define.ts'
import { negated } from './interval.ts'
import { unitOf, wrongSpan, wrongUnit } from './time-unit.ts'

const NS_PER_HOUR = 3_600_000_000_000n
/** Monday 2000-01-03, from which TimescaleDB counts buckets, and 2000-01-01 for those of months. */
const ORIGIN = BigInt(daysOf(2000, 1, 3)) * NS_PER_DAY
const MONTH_ORIGIN = 2000 * 12

function checkTime(time: bigint): bigint {
  if (time >= TIME_MIN && time <= TIME_MAX) return time
  throw new SqlError('22008', 'timestamp out of range')
}

/** From -4713-11-24 to 5874897-12-31, as PostgreSQL has them. */
const [DATE_MIN, DATE_MAX] = [daysOf(-4713, 11, 24), daysOf(5_874_897, 12, 31)]

function checkDate(days: number): number {
  if ((days >= DATE_MIN && days <= DATE_MAX) || !Number.isFinite(days)) return days
  throw new SqlError('22008', 'date out of range')
}

/** Months and days by the clock, the rest by the instant. Throws 22008. */
export function addInterval(
  time: bigint,
  { months, days, nanoseconds }: Interval,
  zone: Zone,
): bigint {
  if (!isFiniteTime(time)) return time
  let moved = time
  if (months !== 0 || days !== 0) {
    const clock = addMonths(clockOf(zone, time), months) + BigInt(days) * NS_PER_DAY
    moved = instantOf(zone, checkTime(clock))
  }
  return checkTime(moved + nanoseconds)
}

const difference = (a: bigint, b: bigint): Interval => {
  if (!isFiniteTime(a) || !isFiniteTime(b)) {
    throw new SqlError('22008', 'cannot subtract infinite timestamps')
  }
  const span = a - b
  return new Interval(0, Number(span / NS_PER_DAY), span % NS_PER_DAY)
}

function widthOf({ months, days, nanoseconds }: Interval): bigint {
  if (months !== 0 && (days !== 0 || nanoseconds !== 0n)) {
    throw new SqlError('22023', 'a bucket is of months or of days and time, not of both')
  }
  const width = BigInt(days) * NS_PER_DAY + nanoseconds
  if (months < 0 || width < 0n || (months === 0 && width === 0n)) {
    throw new SqlError('22023', 'a bucket must be wider than zero')
  }
  return width
}

function bucket(width: Interval, time: bigint, origin: bigint | null, zone: Zone): bigint {
  const size = widthOf(width)
  if (!isFiniteTime(time)) return time
  const clock = clockOf(zone, time)
  if (width.months === 0) {
    const from = origin === null ? ORIGIN : clockOf(zone, origin)
    return checkTime(instantOf(zone, clock - floorModulo(clock - from, size)))
  }
  const { year, month } = civilOf(dayOfTime(clock))
  const start = origin === null ? null : civilOf(dayOfTime(clockOf(zone, origin)))
  const from = start === null ? MONTH_ORIGIN : start.year * 12 + start.month - 1
  const index = year * 12 + month - 1
  const first = index - ((((index - from) % width.months) + width.months) % width.months)
  const day = daysOf(Math.floor(first / 12), (first % 12) + 1, 1)
  return checkTime(instantOf(zone, BigInt(day) * NS_PER_DAY))
}

function dateBin(width: Interval, time: bigint, origin: bigint): bigint {
  if (!isFiniteTime(time)) return time
  if (!isFiniteTime(origin)) throw new SqlError('22008', 'origin out of range')
  if (width.months !== 0) {
    throw new SqlError(
      '0A000',
      'timestamps cannot be binned into intervals containing months or years',
    )
  }
  const size = BigInt(width.days) * NS_PER_DAY + width.nanoseconds
  if (size <= 0n) throw new SqlError('22008', 'stride must be greater than zero')
  return checkTime(time - floorModulo(time - origin, size))
}

const UNITS: Readonly<Record<string, bigint>> = {
  microseconds: 1_000n,
  milliseconds: 1_000_000n,
  second: NS_PER_SECOND,
  minute: 60n * NS_PER_SECOND,
  hour: NS_PER_HOUR,
  day: NS_PER_DAY,
}

const MONTHS: Readonly<Record<string, number>> = {
  month: 1,
  quarter: 3,
  year: 12,
  decade: 120,
  century: 1_200,
  millennium: 12_000,
}

function truncate(text: string, clock: bigint): bigint {
  if (!isFiniteTime(clock)) return clock
  const unit = unitOf(text)
  const size = UNITS[unit]
  if (size !== undefined) return checkTime(clock - floorModulo(clock, size))
  if (unit === 'week') return checkTime(clock - floorModulo(clock - ORIGIN, 7n * NS_PER_DAY))
  const months = MONTHS[unit]
  if (months === undefined) throw wrongSpan(text, 'timestamp without time zone')
  const { year, month } = civilOf(dayOfTime(clock))
  // Centuries and millennia begin with the year 1.
  const shift = months >= 1_200 ? 12 : 0
  const index = year * 12 + month - 1 - shift
  const first = index - (((index % months) + months) % months) + shift
  const day = daysOf(Math.floor(first / 12), (((first % 12) + 12) % 12) + 1, 1)
  return checkTime(BigInt(day) * NS_PER_DAY)
}

const inZone = (zone: Zone, time: bigint, move: (clock: bigint) => bigint): bigint =>
  isFiniteTime(time) ? checkTime(instantOf(zone, move(clockOf(zone, time)))) : time

/** Nanoseconds as a decimal of a coarser unit. */
const decimal = (nanoseconds: bigint, scale: number): Decimal =>
  nanoseconds % 1_000n === 0n
    ? new Decimal(nanoseconds / 1_000n, scale - 3)
    : new Decimal(nanoseconds, scale)

/** The Julian day of 1970-01-01. */
const JULIAN_1970 = 2_440_588

function weekOf(day: number): { year: number; week: number } {
  const thursday = day - ((((day + 3) % 7) + 7) % 7) + 3
  const { year } = civilOf(thursday)
  return { year, week: Math.floor((thursday - daysOf(year, 1, 1)) / 7) + 1 }
}

const GROWING = new Set(['year', 'decade', 'century', 'millennium', 'julian', 'isoyear', 'epoch'])
const TURNING = new Set([
  ...[
    'microseconds',
    'milliseconds',
    'second',
    'minute',
    'hour',
    'day',
    'month',
    'quarter',
    'week',
  ],
  ...['dow', 'isodow', 'doy', 'timezone', 'timezone_hour', 'timezone_minute'],
])

/** Of an infinite time: what grows for ever is infinite, what comes again is null. */
function infiniteField(text: string, isPositive: boolean, type: string): Decimal | null {
  const unit = unitOf(text)
  if (GROWING.has(unit)) return isPositive ? INFINITE : MINUS_INFINITE
  if (TURNING.has(unit)) return null
  throw wrongUnit(text, type)
}

function field(text: string, clock: bigint, instant: bigint, offset: bigint): Decimal | null {
  if (!isFiniteTime(instant)) return infiniteField(text, instant > 0n, 'timestamp')
  const unit = unitOf(text)
  const day = dayOfTime(clock)
  const { year, month, day: date } = civilOf(day)
  const rest = floorModulo(clock, NS_PER_DAY)
  const minute = rest % (60n * NS_PER_SECOND)
  const whole = (value: number | bigint): Decimal => Decimal.of(value)
  const shown = year > 0 ? year : year - 1
  switch (unit) {
    case 'epoch':
      return decimal(instant, 9)
    case 'microseconds':
      return whole(minute / 1_000n)
    case 'milliseconds':
      return decimal(minute, 6)
    case 'second':
      return decimal(minute, 9)
    case 'minute':
      return whole((rest / (60n * NS_PER_SECOND)) % 60n)
    case 'hour':
      return whole(rest / NS_PER_HOUR)
    case 'day':
      return whole(date)
    case 'dow':
      return whole((((day + 4) % 7) + 7) % 7)
    case 'isodow':
      return whole(((((day + 3) % 7) + 7) % 7) + 1)
    case 'doy':
      return whole(day - daysOf(year, 1, 1) + 1)
    case 'week':
      return whole(weekOf(day).week)
    case 'isoyear':
      return whole(weekOf(day).year)
    case 'month':
      return whole(month)
    case 'quarter':
      return whole(Math.ceil(month / 3))
    case 'year':
      return whole(shown)
    case 'decade':
      return whole(Math.floor(year / 10))
    case 'century':
      return whole(year > 0 ? Math.ceil(year / 100) : Math.floor((year - 1) / 100) || -1)
    case 'millennium':
      return whole(year > 0 ? Math.ceil(year / 1_000) : -Math.floor((999 - (year - 1)) / 1_000))
    case 'julian': {
      const part = Decimal.of(rest / 1_000n).divide(Decimal.of(NS_PER_DAY / 1_000n))
      return whole(day + JULIAN_1970).add(part)
    }
    case 'timezone':
      return whole(offset / NS_PER_SECOND)
    case 'timezone_hour':
      return whole(offset / NS_PER_HOUR)
    default:
      throw wrongUnit(text, 'timestamp')
  }
}

function intervalField(text: string, { months, days, nanoseconds }: Interval): Decimal {
  const unit = unitOf(text)
  const minute = nanoseconds % (60n * NS_PER_SECOND)
  switch (unit) {
    case 'epoch': {
      // A year of an interval has 365.25 days.
      const years = BigInt(Math.trunc(months / 12)) * 31_557_600n * NS_PER_SECOND
      const rest = BigInt((months % 12) * 30 + days) * NS_PER_DAY
      return decimal(years + rest + nanoseconds, 9)
    }
    case 'microseconds':
      return Decimal.of(minute / 1_000n)
    case 'milliseconds':
      return decimal(minute, 6)
    case 'second':
      return decimal(minute, 9)
    case 'minute':
      return Decimal.of((nanoseconds / (60n * NS_PER_SECOND)) % 60n)
    case 'hour':
      return Decimal.of(nanoseconds / NS_PER_HOUR)
    case 'day':
      return Decimal.of(days)
    case 'month':
      return Decimal.of(months % 12)
    case 'quarter':
      return Decimal.of(Math.trunc((months % 12) / 3) + 1)
    case 'year':
      return Decimal.of(Math.trunc(months / 12))
    case 'decade':
      return Decimal.of(Math.trunc(months / 120))
    case 'century':
      return Decimal.of(Math.trunc(months / 1_200))
    case 'millennium':
      return Decimal.of(Math.trunc(months / 12_000))
    default:
      throw wrongUnit(text, 'interval')
  }
}

const zoneIn = ({ timeZone }: Surroundings): Zone => zoneOf(timeZone)
const situated = { isSituated: true } as const

const fieldOfInstant = ({ timeZone }: Surroundings, unit: string, time: bigint): Decimal | null => {
  const offset = isFiniteTime(time) ? zoneOf(timeZone).offsetAt(time) : 0n
  return field(unit, time + offset, time, offset)
}
const fieldOfClock = (unit: string, clock: bigint): Decimal | null => field(unit, clock, clock, 0n)

const TIMES_OF_DAY = new Set([
  ...['microseconds', 'milliseconds', 'second', 'minute', 'hour'],
  ...['timezone', 'timezone_hour', 'timezone_minute'],
])

function fieldOfDate(text: string, days: number): Decimal | null {
  const unit = unitOf(text)
  if (TIMES_OF_DAY.has(unit)) throw wrongUnit(text, 'date')
  if (!Number.isFinite(days)) return infiniteField(text, days > 0, 'date')
  const clock = BigInt(days) * NS_PER_DAY
  const value = field(text, clock, clock, 0n)
  return unit === 'epoch' || unit === 'julian' ? value!.trunc(0) : value
}

function makeDate(year: number, month: number, day: number): number {
  const isDate = year !== 0 && month >= 1 && month <= 12 && day >= 1
  if (isDate && day <= daysInMonth(year, month)) return daysOf(year, month, day)
  throw new SqlError('22008', `date field value out of range: ${year}-${month}-${day}`)
}

function makeTime(y: number, m: number, d: number, h: number, minute: number, s: number): bigint {
  if (h < 0 || h > 24 || minute < 0 || minute > 59 || !(s >= 0 && s <= 60)) {
    throw new SqlError('22008', `time field value out of range: ${h}:${minute}:${s}`)
  }
  const clock =
    BigInt(h * 3_600 + minute * 60) * NS_PER_SECOND + BigInt(Math.round(s * 1e6)) * 1_000n
  return checkTime(BigInt(makeDate(y, m, d)) * NS_PER_DAY + clock)
}

/** A zone as an argument: `+05:30` lies east, as in a time's text. Throws 22023. */
function argumentZone(name: string): Zone {
  if (/^\d/.test(name)) {
    throw new SqlError('22023', `invalid input syntax for type numeric time zone: "${name}"`, {
      hint: 'Numeric time zones must have "-" or "+" as first character.',
    })
  }
  const found = /^([-+])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?$/.exec(name)
  if (found === null) return zoneOf(name)
  const [, sign, hours, minutes = '0', seconds = '0'] = found
  if (Number(hours) > 15 || Number(minutes) > 59 || Number(seconds) > 59) {
    throw new SqlError('22023', `numeric time zone "${name}" out of range`)
  }
  const size = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)
  return fixedZone(BigInt(sign === '-' ? -size : size) * NS_PER_SECOND)
}

function makeTimeIn(
  ...[y, m, d, h, minute, s, zone]: [number, number, number, number, number, number, string]
): bigint {
  return checkTime(instantOf(argumentZone(zone), makeTime(y, m, d, h, minute, s)))
}

/** Operators and functions of times and intervals. */
export const times: readonly ScalarFunction[] = [
  scalar('now', '', 'timestamptz', ({ now }: Surroundings) => now, situated),
  ...['transaction_timestamp', 'statement_timestamp', 'clock_timestamp'].map((name) =>
    scalar(name, '', 'timestamptz', ({ now }: Surroundings) => now, situated),
  ),
  scalar(
    '+',
    'timestamptz interval',
    'timestamptz',
    (s: Surroundings, time: bigint, by: Interval) => addInterval(time, by, zoneIn(s)),
    situated,
  ),
  scalar(
    '+',
    'interval timestamptz',
    'timestamptz',
    (s: Surroundings, by: Interval, time: bigint) => addInterval(time, by, zoneIn(s)),
    situated,
  ),
  scalar(
    '-',
    'timestamptz interval',
    'timestamptz',
    (s: Surroundings, time: bigint, by: Interval) => addInterval(time, negated(by), zoneIn(s)),
    situated,
  ),
  scalar('+', 'timestamp interval', 'timestamp', (time: bigint, by: Interval) =>
    addInterval(time, by, UTC),
  ),
  scalar('+', 'interval timestamp', 'timestamp', (by: Interval, time: bigint) =>
    addInterval(time, by, UTC),
  ),
  scalar('-', 'timestamp interval', 'timestamp', (time: bigint, by: Interval) =>
    addInterval(time, negated(by), UTC),
  ),
  scalar('+', 'date interval', 'timestamp', (days: number, by: Interval) =>
    addInterval(BigInt(days) * NS_PER_DAY, by, UTC),
  ),
  scalar('+', 'interval date', 'timestamp', (by: Interval, days: number) =>
    addInterval(BigInt(days) * NS_PER_DAY, by, UTC),
  ),
  scalar('-', 'date interval', 'timestamp', (days: number, by: Interval) =>
    addInterval(BigInt(days) * NS_PER_DAY, negated(by), UTC),
  ),
  scalar('-', 'timestamptz timestamptz', 'interval', difference),
  scalar('-', 'timestamp timestamp', 'interval', difference),
  scalar('-', 'date date', 'int4', (a: number, b: number) => {
    if (Number.isFinite(a) && Number.isFinite(b)) return a - b
    throw new SqlError('22008', 'cannot subtract infinite dates')
  }),
  scalar('+', 'date int4', 'date', (days: number, more: number) => checkDate(days + more)),
  scalar('+', 'int4 date', 'date', (more: number, days: number) => checkDate(days + more)),
  scalar('-', 'date int4', 'date', (days: number, fewer: number) => checkDate(days - fewer)),
  scalar('time_bucket', 'interval timestamptz', 'timestamptz', (width: Interval, time: bigint) =>
    bucket(width, time, null, UTC),
  ),
  scalar(
    'time_bucket',
    'interval timestamptz timestamptz',
    'timestamptz',
    (width: Interval, time: bigint, origin: bigint) => bucket(width, time, origin, UTC),
  ),
  scalar(
    'time_bucket',
    'interval timestamptz text',
    'timestamptz',
    (width: Interval, time: bigint, zone: string) => bucket(width, time, null, zoneOf(zone)),
  ),
  scalar('time_bucket', 'interval timestamp', 'timestamp', (width: Interval, time: bigint) =>
    bucket(width, time, null, UTC),
  ),
  scalar(
    'time_bucket',
    'interval timestamp timestamp',
    'timestamp',
    (width: Interval, time: bigint, origin: bigint) => bucket(width, time, origin, UTC),
  ),
  scalar('date_bin', 'interval timestamptz timestamptz', 'timestamptz', dateBin),
  scalar('date_bin', 'interval timestamp timestamp', 'timestamp', dateBin),
  scalar(
    'date_trunc',
    'text timestamptz',
    'timestamptz',
    (s: Surroundings, unit: string, time: bigint) =>
      inZone(zoneIn(s), time, (clock) => truncate(unit, clock)),
    situated,
  ),
  scalar(
    'date_trunc',
    'text timestamptz text',
    'timestamptz',
    (unit: string, time: bigint, zone: string) =>
      isFiniteTime(time) ? inZone(zoneOf(zone), time, (clock) => truncate(unit, clock)) : time,
  ),
  scalar('date_trunc', 'text timestamp', 'timestamp', truncate),
  scalar('extract', 'text timestamptz', 'numeric', fieldOfInstant, situated),
  scalar('extract', 'text timestamp', 'numeric', fieldOfClock),
  scalar('extract', 'text date', 'numeric', fieldOfDate),
  scalar('extract', 'text interval', 'numeric', intervalField),
  scalar(
    'date_part',
    'text timestamptz',
    'float8',
    (s: Surroundings, unit: string, time: bigint) =>
      fieldOfInstant(s, unit, time)?.toNumber() ?? null,
    situated,
  ),
  scalar(
    'date_part',
    'text timestamp',
    'float8',
    (unit: string, time: bigint) => fieldOfClock(unit, time)?.toNumber() ?? null,
  ),
  scalar('date_part', 'text interval', 'float8', (unit: string, one: Interval) =>
    intervalField(unit, one).toNumber(),
  ),
  scalar('timezone', 'text timestamptz', 'timestamp', (zone: string, time: bigint) =>
    isFiniteTime(time) ? clockOf(zoneOf(zone), time) : time,
  ),
  scalar('timezone', 'text timestamp', 'timestamptz', (zone: string, clock: bigint) =>
    isFiniteTime(clock) ? instantOf(zoneOf(zone), clock) : clock,
  ),
  scalar('to_timestamp', 'float8', 'timestamptz', (seconds: number) =>
    checkTime(BigInt(Math.round(seconds * 1e6)) * 1_000n),
  ),
  scalar('make_date', 'int4 int4 int4', 'date', makeDate),
  scalar('make_timestamp', 'int4 int4 int4 int4 int4 float8', 'timestamp', makeTime),
  scalar(
    'make_timestamptz',
    'int4 int4 int4 int4 int4 float8',
    'timestamptz',
    (s: Surroundings, ...parts: [number, number, number, number, number, number]) =>
      instantOf(zoneIn(s), makeTime(...parts)),
    situated,
  ),
  scalar('make_timestamptz', 'int4 int4 int4 int4 int4 float8 text', 'timestamptz', makeTimeIn),
  scalar('isfinite', 'timestamptz', 'bool', isFiniteTime),
  scalar('isfinite', 'timestamp', 'bool', isFiniteTime),
]
