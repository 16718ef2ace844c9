// Time text → i64 nanoseconds, exact, for CSV cells and line protocol: integers in a precision,
// RFC 3339 with offset and at most 9 decimals, `YYYY-MM-DD hh:mm:ss[.f]` and `YYYY-MM-DD` (UTC).
// Days are counted as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".

import { CORRUPT, OVERFLOW } from './layout'
import { integerValue, isPlain, scanNumber, takeInteger } from './number-text'

/** Nanoseconds that the last successful call found. */
export let timeValue: i64 = 0

const TIME_MIN: i64 = i64.MIN_VALUE + 2
const TIME_MAX: i64 = i64.MAX_VALUE - 1
const SECOND: i64 = 1000000000

/** Is this a time that can be stored: −2^63+2 … 2^63−2? */
export function isTime(time: i64): bool {
  return time >= TIME_MIN && time <= TIME_MAX
}

/** The unit that a time of these days is in, by its size, as InfluxDB 3 has it: nanoseconds of it. */
function guessUnit(value: i64): i64 {
  const size = value < 0 ? u64(-value) : u64(value)
  if (size < 5000000000) return SECOND
  if (size < 5000000000000) return 1000000
  return size < 5000000000000000 ? 1000 : 1
}

/** Takes `value` units of `multiplier` nanoseconds, 0 = by its size, as the time: 0 or OVERFLOW. */
export function scaleTime(value: i64, multiplier: i64): i32 {
  if (multiplier === 0) multiplier = guessUnit(value)
  if (value > TIME_MAX / multiplier || value < TIME_MIN / multiplier) return OVERFLOW
  timeValue = value * multiplier
  return 0
}

/** Days from 1970-01-01 of a date in the proleptic Gregorian calendar. */
function daysFromCivil(year: i32, month: i32, day: i32): i64 {
  const y = month <= 2 ? year - 1 : year
  const era = (y >= 0 ? y : y - 399) / 400
  const yearOfEra = y - era * 400
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return i64(era) * 146097 + i64(dayOfEra) - 719468
}

function daysInMonth(year: i32, month: i32): i32 {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** The number of `count` digits at p, or -1. */
function digitsAt(p: usize, count: i32): i32 {
  let value = 0
  for (let i = 0; i < count; i++) {
    const digit = u32(load<u8>(p + usize(i))) - 48
    if (digit > 9) return -1
    value = value * 10 + i32(digit)
  }
  return value
}

function byteAt(p: usize): u8 {
  return load<u8>(p)
}

// Findings of the parts of a time text.
let seconds: i64 = 0
let nanoseconds: i64 = 0
let rest: usize = 0

/** `YYYY-MM-DD` at p. */
function scanDate(p: usize, end: usize): bool {
  if (end - p < 10 || byteAt(p + 4) !== 45 || byteAt(p + 7) !== 45) return false
  const year = digitsAt(p, 4)
  const month = digitsAt(p + 5, 2)
  const day = digitsAt(p + 8, 2)
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false
  seconds = daysFromCivil(year, month, day) * 86400
  nanoseconds = 0
  rest = p + 10
  return true
}

/** `hh:mm:ss[.f]` at p; second 60 is a leap second, the first of the next minute. */
function scanClock(p: usize, end: usize): bool {
  if (end - p < 8 || byteAt(p + 2) !== 58 || byteAt(p + 5) !== 58) return false
  const hour = digitsAt(p, 2)
  const minute = digitsAt(p + 3, 2)
  const second = digitsAt(p + 6, 2)
  if (u32(hour) > 23 || u32(minute) > 59 || u32(second) > 60) return false
  seconds += i64(hour * 3600 + minute * 60 + second)
  rest = p + 8
  if (rest >= end || byteAt(rest) !== 46) return true
  rest++
  const start = rest
  while (rest < end && digitsAt(rest, 1) >= 0) {
    nanoseconds = nanoseconds * 10 + i64(digitsAt(rest, 1))
    rest++
    if (rest - start > 9) return false
  }
  for (let i = rest - start; i < 9; i++) nanoseconds *= 10
  return rest > start
}

/** `Z` or `±hh:mm`, and nothing behind it. */
function scanOffset(p: usize, end: usize): bool {
  const sign = byteAt(p)
  if ((sign | 32) === 122) return end - p === 1
  if (end - p !== 6 || (sign !== 43 && sign !== 45) || byteAt(p + 3) !== 58) return false
  const hours = digitsAt(p + 1, 2)
  const minutes = digitsAt(p + 4, 2)
  if (u32(hours) > 23 || u32(minutes) > 59) return false
  const offset = i64(hours * 3600 + minutes * 60)
  seconds += sign === 45 ? offset : -offset
  return true
}

/** A date, with a time of day or without; the whole text. */
function scanStamp(p: usize, end: usize): bool {
  if (!scanDate(p, end)) return false
  if (rest === end) return true
  const separator = byteAt(rest)
  const isBlank = separator === 32
  if (!isBlank && (separator | 32) !== 116) return false
  if (!scanClock(rest + 1, end)) return false
  return rest === end ? isBlank : scanOffset(rest, end)
}

/**
 * Reads the whole text [p, end) as a time into `timeValue`; integers count `multiplier`
 * nanoseconds each. 0, CORRUPT if it is no time, OVERFLOW if it cannot be stored.
 */
export function parseTime(p: usize, end: usize, multiplier: i64): i32 {
  if (p < end && scanNumber(p, end) === end) {
    if (!isPlain) return CORRUPT
    return takeInteger() ? scaleTime(integerValue, multiplier) : OVERFLOW
  }
  if (!scanStamp(p, end)) return CORRUPT
  if (seconds > TIME_MAX / SECOND || seconds < TIME_MIN / SECOND - 1) return OVERFLOW
  // Away from zero, so that the product of an early second still fits.
  const shifted = seconds < 0 ? seconds + 1 : seconds
  const fraction = seconds < 0 ? nanoseconds - SECOND : nanoseconds
  const whole = shifted * SECOND
  if (fraction > 0 ? whole > TIME_MAX - fraction : whole < TIME_MIN - fraction) return OVERFLOW
  timeValue = whole + fraction
  return 0
}

/** parseTime for the host: the time is stored at `target`. */
export function timeText(pointer: usize, length: u32, multiplier: i64, target: usize): i32 {
  const status = parseTime(pointer, pointer + usize(length), multiplier)
  if (status === 0) store<i64>(target, timeValue)
  return status
}
