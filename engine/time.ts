// Times and durations as users write and read them, exact in int64 nanoseconds: integers in a
// precision, RFC 3339 (its section 5.6), dates, `now`, `now-1h30m`, `-1h`; `every` and its units.

import { OmenError } from './error.ts'
import {
  NS_PER_DAY,
  TIME_MAX,
  TIME_MIN,
  addMonths,
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  floorDivide,
} from './calendar.ts'
import type { Duration, DurationUnit, Precision, TimeInput } from './query/query.ts'

/** Nanoseconds of each precision. */
export const PRECISION_NS: Readonly<Record<Precision, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
}

const UNIT_NS: Readonly<Record<Exclude<DurationUnit, 'mo' | 'y'>, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: NS_PER_DAY,
  w: 7n * NS_PER_DAY,
}

const UNITS = 'ns|us|µs|μs|ms|mo|s|m|h|d|w|y'
const DURATION = new RegExp(`^(\\d{1,19})(${UNITS})$`)
const RELATIVE = new RegExp(`^(now)?((?:[-+ ](?:\\d{1,19}(?:${UNITS}))+)*)$`)
const TERM = new RegExp(`([-+ ])|(\\d+)(${UNITS})`, 'g')
const STAMP =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([-+ ])(\d\d):(\d\d))?)?$/

/**
 * Nanoseconds of a time in a request. `precision` is the unit of integers, `now` what relative
 * times count from, `pointer` the member (`/start`) that errors name. Throws `bad_request`,
 * `unsafe_integer`, or `out_of_range` beyond TIME_MIN … TIME_MAX.
 */
export function parseTime(
  input: TimeInput,
  precision: Precision,
  now: bigint,
  pointer: string,
): bigint {
  const unit = PRECISION_NS[precision]
  if (typeof input === 'bigint') return inRange(input * unit, input, pointer)
  if (typeof input === 'number') return inRange(integerOf(input, pointer) * unit, input, pointer)
  if (typeof input !== 'string') return refuse('a time is a number or text', pointer)
  if (/^[-+]?\d+$/.test(input)) {
    // A longer text is out of range in any unit, and BigInt() of it would be slow.
    const value = input.length > 24 ? TIME_MAX + 1n : BigInt(input.replace('+', '')) * unit
    return inRange(value, input, pointer)
  }
  const time = relativeTime(input, now) ?? parseStamp(input, 'offset')
  if (time === null) refuse(`${JSON.stringify(input.slice(0, 60))} is not a time`, pointer)
  if (time === 'no offset') refuse(`${input} has no offset: add Z, or +02:00`, pointer)
  return inRange(time, input, pointer)
}

function integerOf(input: number, pointer: string): bigint {
  if (Number.isSafeInteger(input)) return BigInt(input)
  if (!Number.isInteger(input)) refuse(`${input} is not a whole number`, pointer)
  const message = `${pointer.slice(1)}: ${input} is not exact in JSON, write it in quotes`
  throw new OmenError('unsafe_integer', message, { pointer })
}

function inRange(time: bigint, input: TimeInput, pointer: string): bigint {
  if (time >= TIME_MIN && time <= TIME_MAX) return time
  const sent = String(input).slice(0, 60)
  const message = `${pointer.slice(1)}: ${sent} is outside of the years 1677 to 2262`
  throw new OmenError('out_of_range', message, { pointer, sqlstate: '22008' })
}

function refuse(message: string, pointer: string): never {
  throw new OmenError('bad_request', `${pointer.slice(1)}: ${message}`, { pointer })
}

/** `now`, `now-1h`, `now-1d+6h`, `-1h30m`: terms apply from left to right, months by the calendar. */
function relativeTime(input: string, now: bigint): bigint | null {
  const found = RELATIVE.exec(input)
  if (found === null || input === '' || (found[1] === undefined && input[0] === ' ')) return null
  let time = now
  let sign = 1n
  for (const [, mark, count, unit] of found[2]!.matchAll(TERM)) {
    if (mark !== undefined) sign = mark === '-' ? -1n : 1n
    else time = addDuration(time, durationOf(count!, unit!), sign)
    // Beyond this, months would leave the calendar's exact numbers.
    if (time < 4n * TIME_MIN || time > 4n * TIME_MAX) return time
  }
  return time
}

function addDuration(time: bigint, duration: Duration, sign: bigint): bigint {
  if (duration.width !== null) return time + sign * duration.width
  if (duration.months > 12_000n) return sign * 4n * TIME_MAX
  return addMonths(time, sign * duration.months)
}

/**
 * Nanoseconds of `YYYY-MM-DD[Thh:mm[:ss[.f…9]]][Z|±hh:mm]`; null if it is none. Without an offset a
 * time of day is UTC if `zone` is 'utc', else the answer is 'no offset'. May lie out of range.
 */
export function parseStamp(text: string, zone: 'utc'): bigint | null
export function parseStamp(text: string, zone: 'offset'): bigint | null | 'no offset'
export function parseStamp(text: string, zone: 'utc' | 'offset'): bigint | null | 'no offset' {
  const found = STAMP.exec(text)
  if (found === null) return null
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])]
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null
  const midnight = BigInt(daysFromCivil({ year, month, day })) * NS_PER_DAY
  if (found[4] === undefined) return midnight
  const [hour, minute, second] = [Number(found[4]), Number(found[5]), Number(found[6] ?? 0)]
  const fraction = found[7] ?? ''
  // 60 is a leap second: the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60 || fraction.length > 9) return null
  const time = BigInt(hour * 3_600 + minute * 60 + second) * UNIT_NS.s
  const exact = midnight + time + BigInt(fraction.padEnd(9, '0'))
  if (found[8] !== undefined) return exact
  if (found[9] === undefined) return zone === 'utc' ? exact : 'no offset'
  const [hours, minutes] = [Number(found[10]), Number(found[11])]
  if (hours > 23 || minutes > 59) return null
  const offset = BigInt(hours * 60 + minutes) * UNIT_NS.m
  return found[9] === '-' ? exact + offset : exact - offset
}

/** A count and a unit, as in `every`. Throws `bad_request`: other text, zero, more than i64 nanoseconds. */
export function parseDuration(text: unknown, pointer: string): Duration {
  const found = typeof text === 'string' ? DURATION.exec(text) : null
  if (found === null) {
    const sent = JSON.stringify(text)?.slice(0, 60)
    refuse(`${sent} is not a duration like 10s, 5m, 1h, 1d, 1w, 1mo or 1y`, pointer)
  }
  const duration = durationOf(found[1]!, found[2]!)
  if (duration.count === 0n) refuse('a duration is more than zero', pointer)
  const isLong = duration.width === null ? duration.months > 12_000n : duration.width > TIME_MAX
  if (isLong) refuse(`${found[0]} is too long`, pointer)
  return duration
}

/** Like parseDuration, for what must have a fixed length: nanoseconds. */
export function parseFixedDuration(text: unknown, pointer: string): bigint {
  const { width } = parseDuration(text, pointer)
  if (width === null) refuse('months and years have no fixed length here, use days', pointer)
  return width
}

function durationOf(digits: string, sign: string): Duration {
  const unit = (sign === 'µs' || sign === 'μs' ? 'us' : sign) as DurationUnit
  const count = BigInt(digits)
  if (unit === 'mo' || unit === 'y') {
    return { count, unit, width: null, months: unit === 'y' ? count * 12n : count }
  }
  return { count, unit, width: count * UNIT_NS[unit], months: 0n }
}

/** A time in a coarser unit, rounded down, as a number (exact but for `us` after the year 2255). */
export function formatTime(time: bigint, unit: 's' | 'ms' | 'us'): number {
  return Number(floorDivide(time, PRECISION_NS[unit]))
}

/** A time without loss: `ns` decimal digits, or RFC 3339 in UTC with as many decimals as it needs. */
export function formatTimeText(time: bigint, form: 'ns' | 'rfc3339'): string {
  if (form === 'ns') return String(time)
  const days = floorDivide(time, NS_PER_DAY)
  const rest = time - days * NS_PER_DAY
  const seconds = Number(rest / UNIT_NS.s)
  const fraction = String(rest % UNIT_NS.s)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const { year, month, day } = civilFromDays(Number(days))
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
  const hour = Math.floor(seconds / 3_600)
  const minute = Math.floor(seconds / 60) % 60
  const clock = `${digits(hour, 2)}:${digits(minute, 2)}:${digits(seconds % 60, 2)}`
  return `${date}T${clock}${fraction === '' ? '' : `.${fraction}`}Z`
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
