// Decimal text → f64, i64, u64, exactly. Floats take three paths: up to 2^53 and a power of ten up
// to 22 one exact operation (Clinger); else a product with a 128-bit power of five whose error is
// bounded (after Eisel and Lemire, "Number Parsing at a Gigabyte per Second"); if that interval
// holds a tie, exact integers decide (number-exact.ts). So the result equals JavaScript's Number()
// bit for bit. scanNumber leaves its findings in this module; take them before the next call.

import { CORRUPT, FLOAT, INTEGER, OVERFLOW } from './layout'
import { EXACT_DIGITS, isAboveHalfway } from './number-exact'
import { multiplyHigh } from './wide'

/** A scanned literal is plain digits, an optional sign in front: an integer. */
export let isPlain: bool = false
/** A scanned literal starts with `-`. */
export let isNegative: bool = false

// Of the last scanned literal: first significant digit, how many digits follow it, its first 19
// significant digits as a number, and the power of ten to multiply that by.
let firstDigit: usize = 0
let digitCount: i32 = 0
let mantissa: u64 = 0
let exponent: i64 = 0
let literalEnd: usize = 0

const MANTISSA_DIGITS: i32 = 19
/** Integers up to here are floats. */
const EXACT_MANTISSA: u64 = 9007199254740992
const EXPONENT_LIMIT: i64 = 1000000000

// 5^(27k) for k = -13 … 11 as 128-bit numbers with their top bit set, rounded down: high, low.
const LARGE_POWERS = memory.data<u64>([
  0x8049a4ac0c5811ae, 0x205b896d777d6278, 0xcf42894a5dce35ea, 0x52064cac828675b9,
  0xa76c582338ed2621, 0xaf2af2b80af6f24e, 0x873e4f75e2224e68, 0x5a7744a6e804a291,
  0xda7f5bf590966848, 0xaf39a475506a899e, 0xb080392cc4349dec, 0xbd8d794d96aacfb3,
  0x8e938662882af53e, 0x547eb47b7282ee9c, 0xe65829b3046b0afa, 0x0cb4a5a3112a5112,
  0xba121a4650e4ddeb, 0x92f34d62616ce413, 0x964e858c91ba2655, 0x3a6a07f8d510f86f,
  0xf2d56790ab41c2a2, 0xfae27299423fb9c3, 0xc428d05aa4751e4c, 0xaa97e14c3c26b886,
  0x9e74d1b791e07e48, 0x775ea264cf55347d, 0x8000000000000000, 0x0000000000000000,
  0xcecb8f27f4200f3a, 0x0000000000000000, 0xa70c3c40a64e6c51, 0x999090b65f67d924,
  0x86f0ac99b4e8dafd, 0x69a028bb3ded71a3, 0xda01ee641a708de9, 0xe80e6f4820cc9495,
  0xb01ae745b101e9e4, 0x5ec05dcff72e7f8f, 0x8e41ade9fbebc27d, 0x14588f13be847307,
  0xe5d3ef282a242e81, 0x8f1668c8a86da5fa, 0xb9a74a0637ce2ee1, 0x6d953e2bd7173692,
  0x95f83d0a1fb69cd9, 0x4abdaf101564f98e, 0xf24a01a73cf2dccf, 0xbc633b39673c8cec,
  0xc3b8358109e84f07, 0x0a862f80ec4700c8,
])
// 5^0 … 5^26
const SMALL_POWERS = memory.data<u64>([
  0x1, 0x5, 0x19, 0x7d, 0x271, 0xc35, 0x3d09, 0x1312d, 0x5f5e1, 0x1dcd65, 0x9502f9, 0x2e90edd,
  0xe8d4a51, 0x48c27395, 0x16bcc41e9, 0x71afd498d, 0x2386f26fc1, 0xb1a2bc2ec5, 0x3782dace9d9,
  0x1158e460913d, 0x56bc75e2d631, 0x1b1ae4d6e2ef5, 0x878678326eac9, 0x2a5a058fc295ed,
  0xd3c21bcecceda1, 0x422ca8b0a00a425, 0x14adf4b7320334b9,
])
/** 10^0 to 10^22, exact. */
export const TENS = memory.data<f64>([
  1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
])

function isDigit(byte: u32): bool {
  return byte - 48 < 10
}

/** Skips digits, adding the significant ones to the findings; the address behind the last. */
function scanDigits(from: usize, end: usize): usize {
  let p = from
  let value = mantissa
  let count = digitCount
  while (p < end) {
    const digit = u32(load<u8>(p)) - 48
    if (digit > 9) break
    if (count > 0 || digit > 0) {
      if (count === 0) firstDigit = p
      if (count < MANTISSA_DIGITS) value = value * 10 + u64(digit)
      count++
    }
    p++
  }
  mantissa = value
  digitCount = count
  return p
}

/** Reads `e±digits` at p, whose first byte is e or E: the address behind, or 0. */
function scanExponent(from: usize, end: usize): usize {
  let p = from + 1
  if (p >= end) return 0
  const sign = load<u8>(p)
  if (sign === 43 || sign === 45) p++
  const start = p
  let value: i64 = 0
  while (p < end && isDigit(load<u8>(p))) {
    if (value < EXPONENT_LIMIT) value = value * 10 + i64(load<u8>(p) - 48)
    p++
  }
  if (p === start) return 0
  exponent += sign === 45 ? -value : value
  return p
}

/**
 * Scans `-?digits[.digits][e[±]digits]` (digits may lack on one side of the point) from `from`, not
 * beyond `end`. The address behind the literal, or 0 if there is none.
 */
export function scanNumber(from: usize, end: usize): usize {
  let p = from
  isNegative = p < end && load<u8>(p) === 45
  if (isNegative) p++
  mantissa = 0
  digitCount = 0
  firstDigit = 0
  exponent = 0
  isPlain = true
  const whole = p
  p = scanDigits(p, end)
  let digits = i32(p - whole)
  let kept = digitCount
  if (p < end && load<u8>(p) === 46) {
    isPlain = false
    const fraction = p + 1
    p = scanDigits(fraction, end)
    digits += i32(p - fraction)
    exponent = -i64(p - fraction)
    kept = digitCount
  }
  if (digits === 0) return 0
  // Digits beyond the nineteenth are not in the mantissa: they count as powers of ten.
  if (kept > MANTISSA_DIGITS) exponent += i64(kept - MANTISSA_DIGITS)
  literalEnd = p
  if (p < end && (load<u8>(p) | 32) === 101) {
    isPlain = false
    p = scanExponent(p, end)
  }
  return p
}

// A 128-bit number with its top bit set, times a power of two.
let productHigh: u64 = 0
let productLow: u64 = 0
let productExponent: i32 = 0

/** product × factor, the upper 128 bits, normalised; the result is less than 2 units too small. */
function scaleProduct(factor: u64): void {
  const shift = clz(factor)
  const scaled = factor << shift
  const low = productLow * scaled
  const carry = multiplyHigh(productLow, scaled)
  const middle = productHigh * scaled + carry
  let high = multiplyHigh(productHigh, scaled) + u64(middle < carry)
  productExponent += 64 - i32(shift)
  productLow = middle
  if (i64(high) >= 0) {
    high = (high << 1) | (middle >> 63)
    productLow = (middle << 1) | (low >> 63)
    productExponent--
  }
  productHigh = high
}

/**
 * product ≈ mantissa × 10^q from below. Its error is under 16 units of the 128th bit: the large
 * power is short by 1, each of the two multiplications doubles that at most and adds 2.
 */
function approximate(q: i32): void {
  const group = (q + 351) / 27 - 13
  const power = group * 27
  const large = LARGE_POWERS + (usize(group + 13) << 4)
  productHigh = load<u64>(large)
  productLow = load<u64>(large, 8)
  productExponent = ((power * 1217359) >> 19) - 127 + q
  if (q !== power) scaleProduct(load<u64>(SMALL_POWERS + (usize(q - power) << 3)))
  scaleProduct(mantissa)
}

/** Units of the 128th bit that the product may be too small. */
const PRODUCT_ERROR: u64 = 16
/** The same in the 64th bit when digits were cut: mantissa ≥ 10^18, so less than 2^64 / 2^59.7. */
const CUT_ERROR: u64 = 32

/** May the truth lie on the other side of one half than this rest, or on it? */
function isUnsure(restHigh: u64, half: u64): bool {
  if (digitCount > MANTISSA_DIGITS) return restHigh <= half && restHigh + CUT_ERROR >= half
  if (restHigh === half) return productLow === 0
  return restHigh === half - 1 && productLow >= 0 - PRODUCT_ERROR
}

/**
 * The float nearest to the product, ties to even; Infinity beyond the range. The sign is not in it.
 */
function roundProduct(): f64 {
  const top = productExponent + 127
  // Subnormals keep fewer bits. 129 lost bits: under half of the smallest, or so it seems.
  const lost = 75 + (top < -1022 ? -1022 - top : 0)
  if (lost > 129) return 0.0
  let whole: u64 = 0
  let isUp: bool
  if (lost >= 128) {
    isUp = isAbove(0, -1074)
  } else {
    const shift = u64(lost - 64)
    const half: u64 = u64(1) << (shift - 1)
    const restHigh = productHigh & ((half << 1) - 1)
    whole = productHigh >> shift
    isUp = isUnsure(restHigh, half) ? isAbove(whole, productExponent + lost) : restHigh >= half
  }
  const rounded = whole + u64(isUp)
  if (top < -1022) return reinterpret<f64>(rounded)
  const biased = top + 1023
  if (biased > 2046) return Infinity
  // Adding, not masking, lets a carry out of the fraction raise the exponent.
  return reinterpret<f64>((u64(biased - 1) << 52) + rounded)
}

/** Asks the exact comparison, whose exponent counts from the last digit that it reads. */
function isAbove(whole: u64, binaryExponent: i32): bool {
  const used = min(digitCount, EXACT_DIGITS)
  const power = i32(exponent) - max(0, used - MANTISSA_DIGITS)
  return isAboveHalfway(firstDigit, literalEnd, power, whole, binaryExponent)
}

/** The scanned literal as a float, correctly rounded; ±Infinity if it is too large for one. */
export function takeFloat(): f64 {
  let result: f64 = 0.0
  if (digitCount <= MANTISSA_DIGITS && mantissa <= EXACT_MANTISSA && abs(exponent) <= 22) {
    const power = load<f64>(TENS + (usize(abs(exponent)) << 3))
    result = exponent < 0 ? f64(mantissa) / power : f64(mantissa) * power
  } else if (mantissa === 0 || exponent < -342) {
    result = 0.0
  } else if (exponent > 308) {
    result = Infinity
  } else {
    approximate(i32(exponent))
    result = roundProduct()
  }
  return isNegative ? -result : result
}

/**
 * The float nearest to digits × 10^power, correctly rounded. They are those of [first, end), with a
 * point between them or none, and at most 19.
 */
export function floatOf(digits: u64, power: i32, first: usize, end: usize): f64 {
  isNegative = false
  mantissa = digits
  digitCount = MANTISSA_DIGITS
  exponent = i64(power)
  firstDigit = first
  literalEnd = end
  return takeFloat()
}

/** The integer that the last successful takeInteger or takeUnsigned found, as its 64 bits. */
export let integerValue: i64 = 0

/** Takes the scanned plain literal as an i64; false if it is out of range. */
export function takeInteger(): bool {
  if (digitCount > MANTISSA_DIGITS) return false
  const limit: u64 = isNegative ? u64(1) << 63 : u64(i64.MAX_VALUE)
  if (mantissa > limit) return false
  integerValue = isNegative ? 0 - i64(mantissa) : i64(mantissa)
  return true
}

/** Takes the scanned plain literal as a u64; false if it is out of range. */
export function takeUnsigned(): bool {
  if (isNegative && mantissa !== 0) return false
  if (digitCount > MANTISSA_DIGITS + 1) return false
  let value = mantissa
  if (digitCount === MANTISSA_DIGITS + 1) {
    const last = u64(load<u8>(firstDigit + usize(MANTISSA_DIGITS)) - 48)
    if (value > u64.MAX_VALUE / 10 || value * 10 > u64.MAX_VALUE - last) return false
    value = value * 10 + last
  }
  integerValue = i64(value)
  return true
}

/**
 * Reads the whole text as a value of field type FLOAT, INTEGER or UNSIGNED into the 8 bytes at
 * `target`: 0, OVERFLOW if it is too large for the type, or CORRUPT if it is no literal of it.
 */
export function numberText(pointer: usize, length: u32, fieldType: i32, target: usize): i32 {
  const end = pointer + usize(length)
  if (scanNumber(pointer, end) !== end || length === 0) return CORRUPT
  if (fieldType === FLOAT) {
    const value = takeFloat()
    if (value === Infinity || value === -Infinity) return OVERFLOW
    store<f64>(target, value)
    return 0
  }
  if (!isPlain) return CORRUPT
  if (!(fieldType === INTEGER ? takeInteger() : takeUnsigned())) return OVERFLOW
  store<i64>(target, integerValue)
  return 0
}
