// Times (i64 nanoseconds since 1970) → text: integers of a unit, or RFC 3339 in UTC with as many decimals
// as it takes, as Go's RFC3339Nano. Days follow Howard Hinnant's civil_from_days. Neighbouring times share
// their minute, whose text is kept.

import { eightDigits, printInteger, printUnsigned } from './number-print'
import { millionthOf } from './wide'

const MINUTE: i64 = 60000000000
const SECOND: u64 = 1000000000
const ZEROS: u64 = 0x3030303030303030

/** `2026-09-21T14:13:` of the minute since 1970 that `textMinute` says. */
const TEXT: usize = memory.data(24)
const TEXT_SIZE: usize = 17
let textMinute: i64 = i64.MIN_VALUE

function floorDivide(value: i64, divisor: i64): i64 {
  const quotient = value / divisor
  return quotient - i64(value < quotient * divisor)
}

/** Whole milliseconds, rounded down. */
export function printMilliseconds(time: i64, target: usize): usize {
  return time >= 0
    ? printUnsigned(millionthOf(u64(time)), target)
    : printTimeUnits(time, 1000000, target)
}

/** Whole units of `width` nanoseconds, rounded down. */
export function printTimeUnits(time: i64, width: i64, target: usize): usize {
  return printInteger(width === 1 ? time : floorDivide(time, width), target)
}

function twoDigits(value: i32, target: usize): void {
  const tens = (value * 103) >> 10
  store<u16>(target, u16((tens + 48) | ((value - tens * 10 + 48) << 8)))
}

/** `YYYY-MM-DDThh:mm:` of a minute since 1970; int64 nanoseconds lie in the years 1677 to 2262. */
function keepMinute(minute: i64): void {
  const day = floorDivide(minute, 1440)
  const ofDay = i32(minute - day * 1440)
  // Eras of 400 years that begin on March 1st, so that leap days come last.
  const shifted = i32(day) + 719468
  const era = shifted / 146097
  const ofEra = shifted - era * 146097
  const yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365
  const ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  const shiftedMonth = (5 * ofYear + 2) / 153
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + i32(month <= 2)
  const hour = ofDay / 60
  twoDigits(year / 100, TEXT)
  twoDigits(year % 100, TEXT + 2)
  store<u8>(TEXT, 45, 4)
  twoDigits(month, TEXT + 5)
  store<u8>(TEXT, 45, 7)
  twoDigits(ofYear - (153 * shiftedMonth + 2) / 5 + 1, TEXT + 8)
  store<u8>(TEXT, 84, 10)
  twoDigits(hour, TEXT + 11)
  store<u8>(TEXT, 58, 13)
  twoDigits(ofDay - hour * 60, TEXT + 14)
  store<u8>(TEXT, 58, 16)
  textMinute = minute
}

/** RFC 3339 in UTC: `2026-09-21T14:13:20.5Z`. */
export function printTimeText(time: i64, target: usize): usize {
  const minute = floorDivide(time, MINUTE)
  if (minute !== textMinute) keepMinute(minute)
  memory.copy(target, TEXT, TEXT_SIZE)
  const ofMinute = u64(time - minute * MINUTE)
  const second = ofMinute / SECOND
  twoDigits(i32(second), target + TEXT_SIZE)
  let p = target + TEXT_SIZE + 2
  const fraction = u32(ofMinute - second * SECOND)
  if (fraction > 0) p = printFraction(fraction, p)
  store<u8>(p, 90)
  return p + 1
}

/** `.5` for 500,000,000 nanoseconds. */
function printFraction(fraction: u32, target: usize): usize {
  const first = fraction / 100000000
  const others = eightDigits(fraction - first * 100000000)
  store<u8>(target, 46)
  store<u8>(target, u8(48 + first), 1)
  store<u64>(target, others | ZEROS, 2)
  return target + 2 + (others === 0 ? 0 : 8 - usize(clz(others) >> 3))
}
