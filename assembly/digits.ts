// Runs of decimal digits, up to sixteen at once: which bytes are digits is one comparison, their number
// three multiplications over pairs, fours and eights (after W. Mula, "SIMD-ized parsing of numbers").
// Of numbers as programs print them; number-text.ts takes every other.

import { BOOLEAN, FLOAT, INTEGER, UNSIGNED } from './layout'
import { TENS, floatOf } from './number-text'

/** No point among the digits. */
const NO_POINT: i32 = -128
/** Digits whose number is an f64 without loss, with a point between them in one vector. */
const WINDOW: u32 = 16
const DIGITS_MAX: u32 = 19

const TEN_TO = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
  100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
  100000000000000000, 1000000000000000000, 10000000000000000000,
])

/** Bit i is set if byte i of the text is a digit. */
function digitMask(text: v128): u32 {
  return u32(i8x16.bitmask(i8x16.lt_u(i8x16.sub(text, i8x16.splat(48)), i8x16.splat(10))))
}

/**
 * The number of the first `length` bytes of the text (1 to 16), all of them digits but for one at
 * `point`, which is left out.
 */
function numberOf(text: v128, length: i32, point: i32): u64 {
  // To the right end: byte i comes from i - (16 - length), and from one further left up to the point.
  const iota = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  let order = i8x16.sub(iota, i8x16.splat(i8(16 - length)))
  order = i8x16.add(order, i8x16.gt_s(i8x16.splat(i8(point + 1)), order))
  const digits = i8x16.swizzle(i8x16.sub(text, i8x16.splat(48)), order)
  const high = v128.and(digits, i16x8.splat(0xff))
  const pairs = i16x8.add(i16x8.mul(high, i16x8.splat(10)), i16x8.shr_u(digits, 8))
  const fours = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1))
  const packed = i16x8.narrow_i32x4_u(fours, fours)
  const eights = i32x4.dot_i16x8_s(packed, i16x8(10000, 1, 10000, 1, 10000, 1, 10000, 1))
  const both = i64x2.extract_lane(eights, 0)
  return u64(u32(both)) * 100000000 + (u64(both) >> 32)
}

/** Up to 19 digits at p as a number: `digitsEnd` is behind them, p itself if there are none or more. */
export function takeDigits(p: usize): u64 {
  const text = v128.load(p)
  const count = u32(ctz(~digitMask(text)))
  digitsEnd = p + usize(count)
  if (count === 0) return 0
  const value = numberOf(text, i32(count), NO_POINT)
  if (count < WINDOW) return value
  const more = v128.load(p, 16)
  const rest = u32(ctz(~digitMask(more)))
  if (rest > DIGITS_MAX - WINDOW) {
    digitsEnd = p
    return 0
  }
  if (rest === 0) return value
  digitsEnd += usize(rest)
  return value * tenTo(rest) + numberOf(more, i32(rest), NO_POINT)
}

/** Behind the digits that were taken last. */
export let digitsEnd: usize = 0

/** 10^n, n ≤ 19. */
function tenTo(n: u32): u64 {
  return load<u64>(TEN_TO + (usize(n) << 3))
}

/** The slot of the last plain number. */
export let plainSlot: u64 = 0

/**
 * Reads the value at p for a column of this type if it is plain: a sign or none, digits on both sides
 * of a point or none, at most 19 of them, with the suffix of its type. The address behind it, 0 if it
 * is anything else; more of it may follow there, and then it was not plain.
 */
export function plainNumber(p: usize, type: i32): usize {
  const isNegative = load<u8>(p) === 45
  const start = p + usize(isNegative)
  const text = v128.load(start)
  const mask = digitMask(text)
  const whole = u32(ctz(~mask))
  if (whole === 0 || whole === WINDOW) return 0
  if (type === FLOAT) return plainFloat(start, text, mask, whole, isNegative)
  if (type === BOOLEAN || (type === UNSIGNED && isNegative)) return 0
  const end = start + usize(whole)
  if (load<u8>(end) !== (type === INTEGER ? 105 : 117)) return 0
  const value = numberOf(text, i32(whole), NO_POINT)
  plainSlot = isNegative ? 0 - value : value
  return end + 1
}

/** The rest of `plainNumber` for a float whose digits before a point, or all, are the first `whole`. */
function plainFloat(start: usize, text: v128, mask: u32, whole: u32, isNegative: bool): usize {
  let decimals: u32 = 0
  let length = whole
  let point = NO_POINT
  if (load<u8>(start + usize(whole)) === 46) {
    decimals = u32(ctz(~(mask >> (whole + 1))))
    length = whole + 1 + decimals
    point = i32(whole)
    if (length >= WINDOW) return longFloat(start, text, whole, isNegative)
    if (decimals === 0) return 0
  }
  // At most 15 digits: exact, and so is the power, so one division rounds once (Clinger).
  const digits = numberOf(text, i32(length), point)
  const value = f64(i64(digits)) / load<f64>(TENS + (usize(decimals) << 3))
  plainSlot = reinterpret<u64>(value) | (u64(isNegative) << 63)
  return start + usize(length)
}

/** The same of a float with so many digits that those behind its point need a vector of their own. */
function longFloat(start: usize, text: v128, whole: u32, isNegative: bool): usize {
  const from = start + usize(whole) + 1
  const behind = v128.load(from)
  const decimals = u32(ctz(~digitMask(behind)))
  const end = from + usize(decimals)
  if (decimals === 0 || whole + decimals > DIGITS_MAX) return 0
  const first = numberOf(text, i32(whole), NO_POINT)
  const digits = first * tenTo(decimals) + numberOf(behind, i32(decimals), NO_POINT)
  const value = floatOf(digits, -i32(decimals), start, end)
  plainSlot = reinterpret<u64>(value) | (u64(isNegative) << 63)
  return end
}
