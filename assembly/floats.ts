// Doubles as integers, by whichever of two maps takes fewer bytes in the block:
// decimal: m = v · 10^e, decoded as m / 10^e. The division is correctly rounded, so every decimal of
//   up to 15 digits comes back bit for bit (no search over pairs of exponents as in ALP, Afroozeh et
//   al., SIGMOD 2023); what does not is an exception.
// ordered: the bits as sign and magnitude, made two's complement, so that order and common trailing
//   zeros survive (float32 sensors stored as doubles have 29 of them). Only -0 is an exception.
// Exceptions are compared by bits and follow the line: rows u16[count], bits u64[count].

import * as entries from './entry'
import {
  UNIT_NONE,
  UNIT_TWO,
  decodeIntegers,
  decodeQuotients,
  fitIntegers,
  fittedWidth,
  storeIntegers,
} from './integers'
import { MAGIC, MAGIC_BITS } from './lanes'
import { CORRUPT, FULL } from './layout'
import { lineRowsOf, lineSizeOf } from './pieces'

/** Largest power of ten that a double holds exactly. */
export const EXPONENT_MAX: i32 = 22
const POWERS: usize = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
])
/** Mantissas stay below 2^53, so that 1,024 of them sum exactly in an i64. */
const MANTISSA_LIMIT: f64 = 9007199254740992.0
/** Doubles whose magnitude is below this are made integers by an addition: see lanes.ts. */
const SMALL_LIMIT: f64 = 2251799813685248.0
/** Bits that one exception costs: row and value. */
const EXCEPTION_BITS: f64 = 80.0
const BITS_PER_DIGIT: f64 = 3.3219

/** The block as integers, i64[1024]. */
const MAPPED: usize = memory.data(8192)
/** 1 where MAPPED holds the row's value, u8[1024]. */
const IS_MAPPED: usize = memory.data(1024)
/** Values by the digits that they need, u32[24]; the last is for those that no exponent fits. */
const NEEDS: usize = memory.data(96)

let mappedCount = 0
let exceptionCount = 0
let mantissaSum: i64 = 0

/** 10^e, 0 ≤ e ≤ 22. */
export function powerOfTen(e: i32): f64 {
  return load<f64>(POWERS + (usize(e) << 3))
}

/** True if m / 10^e has exactly the bits of `value` for the m that mantissaOf gives. */
export function isDecimal(value: f64, e: i32): bool {
  const scaled = value * powerOfTen(e)
  if (!(abs(scaled) < MANTISSA_LIMIT)) return false
  const back = f64(mantissaOf(value, e)) / powerOfTen(e)
  return reinterpret<u64>(back) === reinterpret<u64>(value)
}

/** Nearest integer to value · 10^e, whose magnitude is below 2^53. */
export function mantissaOf(value: f64, e: i32): i64 {
  return i64(nearest(value * powerOfTen(e)))
}

/** Encodes the line and exceptions of f64[n] and their part of the entry: bytes, or FULL. */
export function encodeFloats(
  values: usize,
  valid: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  let exponent = sampleExponent(values, valid, n)
  if (exponent >= 0) mapDecimals(values, valid, n, exponent)
  // The sample's digits are enough for every value, or all of them are looked at.
  if (exponent < 0 || exceptionCount > 0) {
    exponent = decimalExponent(values, valid, n)
    if (exponent >= 0) mapDecimals(values, valid, n, exponent)
  }
  if (exponent >= 0) {
    const size = fitMapped(n, UNIT_NONE)
    const isClear = exceptionCount === 0 && fittedWidth() <= 40
    if (isClear || size <= fitOrdered(values, valid, n)) {
      if (!isClear) {
        mapDecimals(values, valid, n, exponent)
        fitMapped(n, UNIT_NONE)
      }
      const bytes = storeFloats(values, valid, n, target, capacity, entry)
      store<u8>(entry, u8(entries.ENCODING_DECIMAL), entries.ENTRY_ENCODING)
      store<u8>(entry, u8(exponent), entries.ENTRY_EXPONENT)
      if (bytes >= 0) storeExactSum(values, valid, n, exponent, entry)
      return bytes
    }
  } else {
    fitOrdered(values, valid, n)
  }
  store<u8>(entry, u8(entries.ENCODING_FLOAT), entries.ENTRY_ENCODING)
  return storeFloats(values, valid, n, target, capacity, entry)
}

function storeFloats(
  values: usize,
  valid: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  const lineSize = storeIntegers(target, capacity, entry)
  if (lineSize < 0 || lineSize + exceptionCount * 10 > capacity) return FULL
  store<u16>(entry, u16(exceptionCount), entries.ENTRY_EXCEPTIONS)
  if (exceptionCount === 0) return lineSize
  let rows = target + usize(lineSize)
  let bits = rows + (usize(exceptionCount) << 1)
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    if (load<u8>(IS_MAPPED + usize(i)) !== 0) continue
    store<u16>(rows, u16(i))
    store<u64>(bits, load<u64>(values + (usize(i) << 3)))
    rows += 2
    bits += 8
  }
  return lineSize + exceptionCount * 10
}

/** Most digits that some values need; -1 if one of them is no decimal. */
function sampleExponent(values: usize, valid: usize, n: i32): i32 {
  let most = 0
  for (let i = 0; i < n; i += 1 + n / 16) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const value = load<f64>(values + (usize(i) << 3))
    if (!isDecimal(value, most)) most = neededExponent(value, most)
    if (most > EXPONENT_MAX) return -1
  }
  return most
}

/** The exponent that decimals of this block should have, or -1 if they would not pay. */
function decimalExponent(values: usize, valid: usize, n: i32): i32 {
  memory.fill(NEEDS, 0, 96)
  let seen = 0
  let misfits = 0
  let usual = 0
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    usual = neededExponent(load<f64>(values + (usize(i) << 3)), usual)
    const slot = NEEDS + (usize(usual) << 2)
    store<u32>(slot, load<u32>(slot) + 1)
    seen++
    if (usual > EXPONENT_MAX) {
      usual = 0
      if (++misfits > 32 + seen / 4) return -1
    }
  }
  return cheapestExponent(seen)
}

/** Least e for which the value is a decimal, looking at `usual` first; 23 if there is none. */
function neededExponent(value: f64, usual: i32): i32 {
  if (isDecimal(value, usual) && (usual === 0 || !isDecimal(value, usual - 1))) return usual
  for (let e = 0; e <= EXPONENT_MAX; e++) {
    if (isDecimal(value, e)) return e
    if (!(abs(value * powerOfTen(e)) < MANTISSA_LIMIT)) break
  }
  return EXPONENT_MAX + 1
}

/** Weighs a digit more in every value against exceptions for the values that need it. */
function cheapestExponent(count: i32): i32 {
  let exceptions = load<u32>(NEEDS + (usize(EXPONENT_MAX + 1) << 2))
  let best = 0
  let bestCost: f64 = Infinity
  for (let e = EXPONENT_MAX; e >= 0; e--) {
    const cost = f64(exceptions) * EXCEPTION_BITS + f64(count) * BITS_PER_DIGIT * f64(e)
    if (cost <= bestCost) {
      bestCost = cost
      best = e
    }
    exceptions += load<u32>(NEEDS + (usize(e) << 2))
  }
  return best
}

/** Maps the decimals of an exponent; the rest are exceptions. */
function mapDecimals(values: usize, valid: usize, n: i32, exponent: i32): void {
  clearMapped(n)
  mantissaSum = 0
  let i = 0
  if (valid === 0) {
    let sums = i64x2.splat(0)
    for (; i + 2 <= n; i += 2) {
      const mantissas = mantissasOf(v128.load(values + (usize(i) << 3)), exponent)
      if (isPair) {
        sums = i64x2.add(sums, mantissas)
        v128.store(MAPPED + (usize(i) << 3), mantissas)
        store<u16>(IS_MAPPED + usize(i), 0x0101)
        mappedCount += 2
        continue
      }
      mapDecimal(values, i, exponent)
      mapDecimal(values, i + 1, exponent)
    }
    mantissaSum += i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1)
  }
  for (; i < n; i++) {
    if (valid === 0 || load<u8>(valid + usize(i)) !== 0) mapDecimal(values, i, exponent)
  }
}

function mapDecimal(values: usize, row: i32, exponent: i32): void {
  const value = load<f64>(values + (usize(row) << 3))
  if (isDecimal(value, exponent)) {
    const mantissa = mantissaOf(value, exponent)
    mantissaSum += mantissa
    map(row, mantissa)
  } else {
    exceptionCount++
  }
}

let isPair = false

/** isDecimal, which isPair then says, and mantissaOf of two small values. */
function mantissasOf(pair: v128, exponent: i32): v128 {
  const powers = f64x2.splat(powerOfTen(exponent))
  // Adding 0 turns -0, which no integer stands for, into 0.
  const rounded = f64x2.add(f64x2.nearest(f64x2.mul(pair, powers)), f64x2.splat(0.0))
  const isEqual = i64x2.eq(f64x2.div(rounded, powers), pair)
  const isSmall = f64x2.lt(f64x2.abs(rounded), f64x2.splat(SMALL_LIMIT))
  isPair = i64x2.all_true(v128.and(isEqual, isSmall))
  return i64x2.sub(f64x2.add(rounded, f64x2.splat(MAGIC)), i64x2.splat(MAGIC_BITS))
}

function fitOrdered(values: usize, valid: usize, n: i32): i32 {
  clearMapped(n)
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const bits = load<i64>(values + (usize(i) << 3))
    if (bits === i64.MIN_VALUE) exceptionCount++
    else map(i, ordered(bits))
  }
  return fitMapped(n, UNIT_TWO)
}

function clearMapped(n: i32): void {
  memory.fill(IS_MAPPED, 0, usize(n))
  mappedCount = 0
  exceptionCount = 0
}

function map(row: i32, value: i64): void {
  store<i64>(MAPPED + (usize(row) << 3), value)
  store<u8>(IS_MAPPED + usize(row), 1)
  mappedCount++
}

function fitMapped(n: i32, unitKind: i32): i32 {
  if (mappedCount === 0) {
    // Nothing but exceptions: any line will do, so the flat one through 0.
    for (let i = 0; i < n; i++) store<i64>(MAPPED + (usize(i) << 3), 0)
    return fitIntegers(MAPPED, 0, n, false, UNIT_NONE, 0, 0, 0) + exceptionCount * 10
  }
  const mask: usize = mappedCount === n ? 0 : IS_MAPPED
  const sums = entries.SUM_KINDS
  return fitIntegers(MAPPED, mask, n, false, unitKind, 0, 0, sums) + exceptionCount * 10
}

/** Two's complement of a sign and magnitude, both ways; not for -0. */
function ordered(bits: i64): i64 {
  return bits < 0 ? i64.MIN_VALUE - bits : bits
}

/** The sum of decimals is one division of their exact sum, plus the exceptions. */
function storeExactSum(values: usize, valid: usize, n: i32, exponent: i32, entry: usize): void {
  let sum = f64(mantissaSum) / powerOfTen(exponent)
  store<f64>(entry, sum, entries.ENTRY_SUM)
  if (exceptionCount === 0) return
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    if (load<u8>(IS_MAPPED + usize(i)) === 0) sum += load<f64>(values + (usize(i) << 3))
  }
  store<f64>(entry, sum, entries.ENTRY_SUM)
}

/** Bytes of line and exceptions, or CORRUPT. */
export function floatsSize(entry: usize): i32 {
  const lineSize = lineSizeOf(entry)
  const exceptions = i32(load<u16>(entry, entries.ENTRY_EXCEPTIONS))
  const n = lineRowsOf(entry)
  const exponent = i32(load<u8>(entry, entries.ENTRY_EXPONENT))
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  if (lineSize < 0 || exceptions > n) return CORRUPT
  if (exponent > (encoding === entries.ENCODING_DECIMAL ? EXPONENT_MAX : 63)) return CORRUPT
  return lineSize + exceptions * 10
}

/** Values from … from + count as f64[count]; the entry was checked with floatsSize. */
export function decodeFloats(
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  target: usize,
): void {
  if (u32(load<u8>(entry, entries.ENTRY_ENCODING)) === entries.ENCODING_DECIMAL) {
    const divisor = powerOfTen(i32(load<u8>(entry, entries.ENTRY_EXPONENT)))
    decodeQuotients(block, entry, from, count, divisor, target)
  } else {
    decodeIntegers(block, entry, from, count, target)
    restoreOrder(target, target + (usize(count) << 3))
  }
  if (load<u16>(entry, entries.ENTRY_EXCEPTIONS) !== 0) patch(block, entry, from, count, target)
}

/** ordered() of every slot. */
function restoreOrder(target: usize, end: usize): void {
  for (; target + 16 <= end; target += 16) {
    const bits = v128.load(target)
    // All ones in negative lanes: the complement and one more is the negation.
    const signs = i64x2.lt_s(bits, i64x2.splat(0))
    const negated = i64x2.sub(v128.xor(bits, signs), signs)
    v128.store(target, v128.xor(negated, i64x2.shl(signs, 63)))
  }
  if (target < end) store<i64>(target, ordered(load<i64>(target)))
}

function patch(block: usize, entry: usize, from: i32, count: i32, target: usize): void {
  const exceptions = usize(load<u16>(entry, entries.ENTRY_EXCEPTIONS))
  const rows = block + usize(lineSizeOf(entry))
  const bits = rows + (exceptions << 1)
  for (let k: usize = 0; k < exceptions; k++) {
    const index = i32(load<u16>(rows + (k << 1))) - from
    if (u32(index) >= u32(count)) continue
    store<u64>(target + (usize(index) << 3), load<u64>(bits + (k << 3)))
  }
}

/** True if the exceptions' rows ascend within the block. */
export function areExceptionsOrdered(block: usize, entry: usize): bool {
  const exceptions = usize(load<u16>(entry, entries.ENTRY_EXCEPTIONS))
  const rows = block + usize(lineSizeOf(entry))
  let previous = -1
  for (let k: usize = 0; k < exceptions; k++) {
    const row = i32(load<u16>(rows + (k << 1)))
    if (row <= previous || row >= lineRowsOf(entry)) return false
    previous = row
  }
  return true
}
