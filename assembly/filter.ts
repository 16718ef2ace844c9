// Row filters over chunks: one kernel call evaluates one comparison for a whole chunk, the host walks
// the expression. Masks are u8[n] in Kleene's three-valued logic, coded so that AND is min, OR is max
// and NOT is 2 - x: FALSE 0, UNKNOWN (null) 1, TRUE 2. Comparisons follow PostgreSQL: NaN equals NaN
// and is higher than every other number, -0 equals 0, strings are ordered by their bytes.
//
// A test is a set of accepted outcomes: LESS 1 | EQUAL 2 | GREATER 4 (so `<=` is 3 and `<>` is 5).

import { FLOAT, INTEGER, UNSIGNED } from './layout'

export const FALSE: i32 = 0
export const UNKNOWN: i32 = 1
export const TRUE: i32 = 2

export const LESS: i32 = 1
export const EQUAL: i32 = 2
export const GREATER: i32 = 4

/** Fills a mask with FALSE, UNKNOWN or TRUE. */
export function maskFill(mask: usize, count: i32, outcome: i32): void {
  memory.fill(mask, u8(outcome), usize(count))
}

/** `target` = `target` AND `other`. */
export function maskAnd(target: usize, other: usize, count: i32): void {
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    v128.store(target + i, i8x16.min_u(v128.load(target + i), v128.load(other + i)))
  }
  for (; i < count; i++) {
    const value = load<u8>(other + i)
    if (value < load<u8>(target + i)) store<u8>(target + i, value)
  }
}

/** `target` = `target` OR `other`. */
export function maskOr(target: usize, other: usize, count: i32): void {
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    v128.store(target + i, i8x16.max_u(v128.load(target + i), v128.load(other + i)))
  }
  for (; i < count; i++) {
    const value = load<u8>(other + i)
    if (value > load<u8>(target + i)) store<u8>(target + i, value)
  }
}

/** `target` = NOT `target`. */
export function maskNot(target: usize, count: i32): void {
  for (let i: i32 = 0; i < count; i++) store<u8>(target + i, 2 - load<u8>(target + i))
}

/** `target` = `target` IS TRUE (or IS FALSE, if `outcome` is FALSE): never UNKNOWN. */
export function maskIs(target: usize, count: i32, outcome: i32): void {
  for (let i: i32 = 0; i < count; i++) {
    store<u8>(target + i, load<u8>(target + i) === u8(outcome) ? 2 : 0)
  }
}

/** TRUE where the column has no value, FALSE where it has. `valid` 0 = it always has. */
export function maskNull(valid: usize, count: i32, target: usize): void {
  if (valid === 0) return maskFill(target, count, FALSE)
  for (let i: i32 = 0; i < count; i++) {
    store<u8>(target + i, load<u8>(valid + i) !== 0 ? 0 : 2)
  }
}

/** Writes 1 where the mask is TRUE and 0 elsewhere (`target` may be the mask). Returns how many 1s. */
export function maskSelect(mask: usize, count: i32, target: usize): i32 {
  let selected: i32 = 0
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    const bits = i8x16.shr_u(v128.load(mask + i), 1)
    v128.store(target + i, bits)
    selected += popcnt(i8x16.bitmask(i8x16.shl(bits, 7)))
  }
  for (; i < count; i++) {
    const bit = load<u8>(mask + i) >> 1
    store<u8>(target + i, bit)
    selected += i32(bit)
  }
  return selected
}

/** LESS, EQUAL or GREATER of two floats, NaN highest. */
export function compareFloat(a: f64, b: f64): i32 {
  if (a < b) return LESS
  if (a > b) return GREATER
  if (a === b) return EQUAL
  // One of them is NaN at least.
  if (a === a) return LESS
  return b === b ? GREATER : EQUAL
}

function compareInteger(a: i64, b: i64): i32 {
  return a < b ? LESS : a === b ? EQUAL : GREATER
}

function compareUnsigned(a: u64, b: u64): i32 {
  return a < b ? LESS : a === b ? EQUAL : GREATER
}

/** LESS, EQUAL or GREATER of two byte strings; a prefix is less. Compares 8 bytes a step. */
export function compareBytes(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const common = aLength < bLength ? aLength : bLength
  let i: u32 = 0
  for (; i + 8 <= common; i += 8) {
    const left = load<u64>(a + i)
    const right = load<u64>(b + i)
    if (left !== right) return bswap<u64>(left) < bswap<u64>(right) ? LESS : GREATER
  }
  for (; i < common; i++) {
    const left = load<u8>(a + i)
    const right = load<u8>(b + i)
    if (left !== right) return left < right ? LESS : GREATER
  }
  return aLength < bLength ? LESS : aLength === bLength ? EQUAL : GREATER
}

function outcome(accepted: i32, actual: i32): u8 {
  return (accepted & actual) !== 0 ? 2 : 0
}

// A set of outcomes is one comparison, negated or not; NaN is not below any number, so it comes out as
// GREATER where a comparison with a number is negated.
const BELOW: i32 = 0
const AT_MOST: i32 = 1
const SAME: i32 = 2

function comparisonOf(accepted: i32): i32 {
  if (accepted === EQUAL || accepted === (LESS | GREATER)) return SAME
  return accepted === LESS || accepted === (EQUAL | GREATER) ? BELOW : AT_MOST
}

/** All ones where the set is the negation of its comparison, else zeros. */
function negationOf(accepted: i32): v128 {
  return i8x16.splat(i8((accepted & GREATER) !== 0 ? -1 : 0))
}

function compareFloatPair(comparison: i32, values: usize, constant: v128): v128 {
  const pair = v128.load(values)
  if (comparison === BELOW) return f64x2.lt(pair, constant)
  return comparison === AT_MOST ? f64x2.le(pair, constant) : f64x2.eq(pair, constant)
}

function comparePair(comparison: i32, values: usize, flip: v128, constant: v128): v128 {
  const pair = v128.xor(v128.load(values), flip)
  if (comparison === BELOW) return i64x2.lt_s(pair, constant)
  return comparison === AT_MOST ? i64x2.le_s(pair, constant) : i64x2.eq(pair, constant)
}

/** Writes eight outcomes from the comparisons of four pairs. */
function storeOutcomes(a: v128, b: v128, c: v128, d: v128, negation: v128, target: usize): void {
  const left = v128.shuffle<i32>(a, b, 0, 2, 4, 6)
  const right = v128.shuffle<i32>(c, d, 0, 2, 4, 6)
  const words = i16x8.narrow_i32x4_s(left, right)
  const bytes = v128.xor(i8x16.narrow_i16x8_s(words, words), negation)
  store<u64>(target, i64x2.extract_lane(v128.and(bytes, i8x16.splat(2)), 0))
}

function compareFloats(accepted: i32, values: usize, count: i32, constant: f64, out: usize): void {
  let i: i32 = 0
  // Against NaN, and of no or of all outcomes, there is no such comparison.
  if (accepted !== 0 && accepted !== 7 && constant === constant) {
    const comparison = comparisonOf(accepted)
    const negation = negationOf(accepted)
    const pair = f64x2.splat(constant)
    for (; i + 8 <= count; i += 8) {
      const at = values + (i << 3)
      storeOutcomes(
        compareFloatPair(comparison, at, pair),
        compareFloatPair(comparison, at + 16, pair),
        compareFloatPair(comparison, at + 32, pair),
        compareFloatPair(comparison, at + 48, pair),
        negation,
        out + i,
      )
    }
  }
  for (; i < count; i++) {
    store<u8>(out + i, outcome(accepted, compareFloat(load<f64>(values + (i << 3)), constant)))
  }
}

/** Compares integers, or with `sign` (the highest bit) unsigned ones, which are in order without it. */
function compareIntegers(
  accepted: i32,
  values: usize,
  count: i32,
  constant: i64,
  sign: i64,
  out: usize,
): void {
  let i: i32 = 0
  if (accepted !== 0 && accepted !== 7) {
    const comparison = comparisonOf(accepted)
    const negation = negationOf(accepted)
    const flip = i64x2.splat(sign)
    const pair = i64x2.splat(constant ^ sign)
    for (; i + 8 <= count; i += 8) {
      const at = values + (i << 3)
      storeOutcomes(
        comparePair(comparison, at, flip, pair),
        comparePair(comparison, at + 16, flip, pair),
        comparePair(comparison, at + 32, flip, pair),
        comparePair(comparison, at + 48, flip, pair),
        negation,
        out + i,
      )
    }
  }
  for (; i < count; i++) {
    const actual = compareInteger(load<i64>(values + (i << 3)) ^ sign, constant ^ sign)
    store<u8>(out + i, outcome(accepted, actual))
  }
}

/** UNKNOWN where `valid` (0 = all have a value) says there is none. */
function maskNulls(valid: usize, count: i32, target: usize): void {
  if (valid === 0) return
  for (let i: i32 = 0; i < count; i++) {
    if (load<u8>(valid + i) === 0) store<u8>(target + i, 1)
  }
}

/**
 * Compares a column of any type but STRING with one slot of its type. `accepted` is a set of LESS,
 * EQUAL, GREATER; rows without a value are UNKNOWN. Times are INTEGER with `valid` 0.
 */
export function filterConstant(
  type: i32,
  accepted: i32,
  values: usize,
  valid: usize,
  count: i32,
  constant: u64,
  target: usize,
): void {
  if (type === FLOAT) {
    compareFloats(accepted, values, count, reinterpret<f64>(constant), target)
  } else if (type === INTEGER) {
    compareIntegers(accepted, values, count, i64(constant), 0, target)
  } else {
    compareIntegers(accepted, values, count, i64(constant), i64.MIN_VALUE, target)
  }
  maskNulls(valid, count, target)
}

/** Like filterConstant for STRING: the constant is `length` bytes at `text`. */
export function filterString(
  accepted: i32,
  values: usize,
  valid: usize,
  count: i32,
  text: usize,
  length: u32,
  target: usize,
): void {
  for (let i: i32 = 0; i < count; i++) {
    if (valid !== 0 && load<u8>(valid + i) === 0) {
      store<u8>(target + i, 1)
      continue
    }
    const slot = values + (i << 3)
    const actual = compareBytes(usize(load<u32>(slot)), load<u32>(slot, 4), text, length)
    store<u8>(target + i, outcome(accepted, actual))
  }
}

function asFloat(type: i32, slot: usize): f64 {
  if (type === FLOAT) return load<f64>(slot)
  return type === INTEGER ? f64(load<i64>(slot)) : f64(load<u64>(slot))
}

/** Two numbers of any types: exact among integers, as floats when one is a float. */
function compareNumbers(leftType: i32, left: usize, rightType: i32, right: usize): i32 {
  if (leftType === FLOAT || rightType === FLOAT) {
    return compareFloat(asFloat(leftType, left), asFloat(rightType, right))
  }
  const a = load<i64>(left)
  const b = load<i64>(right)
  // An INTEGER below zero is less than any UNSIGNED; else both read the same as unsigned.
  if (leftType === INTEGER && rightType === INTEGER) return compareInteger(a, b)
  if (leftType === INTEGER && a < 0) return LESS
  if (rightType === INTEGER && b < 0) return GREATER
  return compareUnsigned(u64(a), u64(b))
}

/**
 * Compares two columns row by row: two STRING, two BOOLEAN, or numbers of any types. A row where one
 * of them has no value is UNKNOWN.
 */
export function filterColumns(
  accepted: i32,
  leftType: i32,
  leftValues: usize,
  leftValid: usize,
  rightType: i32,
  rightValues: usize,
  rightValid: usize,
  count: i32,
  target: usize,
): void {
  for (let i: i32 = 0; i < count; i++) {
    const left = leftValues + (i << 3)
    const right = rightValues + (i << 3)
    if (
      (leftValid !== 0 && load<u8>(leftValid + i) === 0) ||
      (rightValid !== 0 && load<u8>(rightValid + i) === 0)
    ) {
      store<u8>(target + i, 1)
    } else if (leftType > UNSIGNED + 1) {
      const actual = compareBytes(
        usize(load<u32>(left)),
        load<u32>(left, 4),
        usize(load<u32>(right)),
        load<u32>(right, 4),
      )
      store<u8>(target + i, outcome(accepted, actual))
    } else {
      store<u8>(target + i, outcome(accepted, compareNumbers(leftType, left, rightType, right)))
    }
  }
}
