// Numbers → text. Floats print as JavaScript prints them (ECMA-262, Number::toString): integers and short
// decimals by one division that proves them right, all others by Schubfach (shortest.ts). Eight digits are
// made at once in a word, two digits, then one to a lane (after Paul Khuong, "How to print integers really
// fast", 2017).
//
// Every function prints at `target`, returns the end, and checks no room: PRINT_SLACK bytes are enough.

import { digits, exponent, shortest } from './shortest'
import { withoutEight } from './wide'

/** Bytes that one number, or time, takes at most, with what may be written behind it. */
export const PRINT_SLACK: i32 = 48

const ZEROS: u64 = 0x3030303030303030
/** "0.000000", as a word. */
const ZERO_POINT: u64 = 0x3030303030302e30
const MINUS: u8 = 45
const POINT: u8 = 46
const ZERO: u8 = 48

const TENS = memory.data<f64>([
  1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
])
/** Integers below have at most 15 digits. */
const DECIMAL_MAX: f64 = 1e15
/** Two integers up to here are never one float. */
const INTEGER_MAX: f64 = 9007199254740992.0
const DECIMALS_MAX: i32 = 15
const EIGHT: u64 = 100000000

/** Decimals that the last short decimal had, after which the next is tried first; -1: it was not short. */
let decimals: i32 = 0

/** The digits of a number below 10^8, a byte each, the first one lowest. */
export function eightDigits(value: u32): u64 {
  const high = u32((u64(value) * 3518437209) >> 45)
  const fours = u64(high) | (u64(value - high * 10000) << 32)
  const hundreds = ((fours * 10486) >> 20) & 0x7f0000007f
  const pairs = hundreds | ((fours - hundreds * 100) << 16)
  const tens = ((pairs * 103) >> 10) & 0xf000f000f000f
  return tens | ((pairs - tens * 10) << 8)
}

/** A number below 10^8 without leading zeros; `word` are its digits. 0 has one digit. */
function printWord(word: u64, target: usize): usize {
  const zeros = ctz(word | 0x100000000000000) & 56
  store<u64>(target, (word | ZEROS) >> zeros)
  return target + 8 - usize(zeros >> 3)
}

/** Prints a u64. */
export function printUnsigned(value: u64, target: usize): usize {
  if (value < EIGHT) return printWord(eightDigits(u32(value)), target)
  const high = withoutEight(value)
  const low = eightDigits(u32(value - high * EIGHT)) | ZEROS
  const end = high < EIGHT ? printWord(eightDigits(u32(high)), target) : printUnsigned(high, target)
  store<u64>(end, low)
  return end + 8
}

/** Prints an i64. */
export function printInteger(value: i64, target: usize): usize {
  if (value >= 0) return printUnsigned(u64(value), target)
  store<u8>(target, MINUS)
  return printUnsigned(0 - u64(value), target + 1)
}

/** Prints a float that is finite; -0 keeps its sign. */
export function printFloat(value: f64, target: usize): usize {
  let p = target
  if (i64(reinterpret<u64>(value)) < 0) {
    store<u8>(p, MINUS)
    p++
  }
  const size = abs(value)
  if (size < INTEGER_MAX && nearest(size) === size) return printUnsigned(u64(size), p)
  if (decimals > 0) {
    const power = load<f64>(TENS + (usize(decimals) << 3))
    const whole = nearest(size * power)
    // No other decimal of so few digits is this float, so none that is shorter.
    if (whole < DECIMAL_MAX && whole / power === size) {
      return printDecimal(u64(whole), -decimals, p)
    }
  }
  shortest(size)
  return printDecimal(digits, exponent, p)
}

/** `value` × 10^power, value > 0 of up to 17 digits, without the zeros that it ends with. */
function printDecimal(value: u64, power: i32, target: usize): usize {
  if (value < EIGHT) return printShort(eightDigits(u32(value)), power, target)
  const high = withoutEight(value)
  // Below 2^31
  const top = (high * 1441151881) >> 57
  const second = eightDigits(u32(high - top * EIGHT))
  const third = eightDigits(u32(value - high * EIGHT))
  let last = 1
  if (third > 0) last = 17 - (i32(clz(third)) >> 3)
  else if (second > 0) last = 9 - (i32(clz(second)) >> 3)
  const digits16 = i64x2.replace_lane(i64x2.splat(second), 1, third)
  const first = top > 0 ? 0 : 1 + (i32(ctz(second)) >> 3)
  return place(digits16, first - 1, u8(top), last - first, 17 - first + power, target)
}

/** The same of up to eight digits, given as a word. */
function printShort(word: u64, power: i32, target: usize): usize {
  const leading = ctz(word) & 56
  const shifted = word >> leading
  const count = 8 - (i32(clz(shifted)) >> 3)
  const point = 8 - i32(leading >> 3) + power
  if (point <= 0 || point > 8) {
    const digits16 = i64x2.replace_lane(i64x2.splat(0), 0, shifted)
    return place(digits16, 0, 0, count, point, target)
  }
  noteDecimals(count, point)
  store<u64>(target, shifted | ZEROS)
  if (count <= point) return target + usize(point)
  store<u8>(target + usize(point), POINT)
  store<u64>(target + usize(point) + 1, (shifted | ZEROS) >> (u64(point) << 3))
  return target + usize(count) + 1
}

/** Learns from a decimal of `count` digits, the point after digit `point`. */
function noteDecimals(count: i32, point: i32): void {
  const found = count - point
  if (count > 15) decimals = -1
  else if (found > decimals) decimals = found <= DECIMALS_MAX ? found : -1
}

/** Digits from `from` on as text, zeros behind the last. */
function digitsFrom(digits16: v128, from: i32): v128 {
  const lanes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  // Lanes that do not exist are 0.
  const moved = i8x16.swizzle(digits16, i8x16.add(lanes, i8x16.splat(i8(from))))
  return v128.or(moved, i64x2.splat(ZEROS))
}

/**
 * `count` digits, the point after digit `point`. They are those of the vector from lane `first`; if that is
 * -1, `top` comes before them.
 */
function place(digits16: v128, first: i32, top: u8, count: i32, point: i32, target: usize): usize {
  noteDecimals(count, point)
  if (point <= -6 || point > 21) {
    return placeExponent(digits16, first, top, count, point - 1, target)
  }
  let p = target
  if (point <= 0) {
    store<u64>(p, ZERO_POINT)
    p += 2 + usize(-point)
  }
  v128.store(p, digitsFrom(digits16, first))
  if (top > 0) store<u8>(p, top | ZERO)
  if (point <= 0 || count <= point) {
    v128.store(p, digitsFrom(digits16, first + 16), 16)
    return p + usize(point <= 0 ? count : point)
  }
  store<u8>(p + usize(point), POINT)
  v128.store(p + usize(point) + 1, digitsFrom(digits16, first + point))
  return p + usize(count) + 1
}

/** d.ddde±x */
function placeExponent(
  digits16: v128,
  first: i32,
  top: u8,
  count: i32,
  power: i32,
  target: usize,
): usize {
  let p = target
  v128.store(p, digitsFrom(digits16, first))
  if (top > 0) store<u8>(p, top | ZERO)
  p++
  if (count > 1) {
    store<u8>(p++, POINT)
    v128.store(p, digitsFrom(digits16, first + 1))
    p += usize(count - 1)
  }
  store<u8>(p++, 101)
  store<u8>(p++, power < 0 ? MINUS : 43)
  return printUnsigned(u64(abs(power)), p)
}
