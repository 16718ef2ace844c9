// Least and greatest of runs of 8-byte slots. NaN sorts highest, as in PostgreSQL; of values that
// compare equal (-0 and 0, NaNs) the one met first is kept. Dense stretches go two lanes at a time,
// and rows one by one only where lanes cannot tell which of equal values came first.

import { EQUAL, GREATER, LESS, compareFloat } from './filter'
import { FLOAT, INTEGER } from './layout'
import { stretchEnd, stretchStart } from './presence'

/** LESS, EQUAL or GREATER of two slots of a type that is not STRING. */
export function compareSlots(type: i32, a: u64, b: u64): i32 {
  if (type === FLOAT) return compareFloat(reinterpret<f64>(a), reinterpret<f64>(b))
  if (type === INTEGER) return i64(a) < i64(b) ? LESS : a === b ? EQUAL : GREATER
  return a < b ? LESS : a === b ? EQUAL : GREATER
}

/**
 * Slot of the least (`wanted` LESS) or greatest (GREATER) value of rows [from, to) of a type that is
 * not STRING. Some row counts.
 */
export function extremeSlot(
  type: i32,
  wanted: i32,
  values: usize,
  present: usize,
  from: i32,
  to: i32,
): u64 {
  let start = stretchStart(present, from, to)
  let best = load<u64>(values + (usize(start) << 3))
  while (start < to) {
    const end = stretchEnd(present, start, to)
    const slot = extremeOfStretch(type, wanted, values, start, end)
    if (compareSlots(type, slot, best) === wanted) best = slot
    start = stretchStart(present, end, to)
  }
  return best
}

function extremeOfStretch(type: i32, wanted: i32, values: usize, from: i32, to: i32): u64 {
  const start = values + (usize(from) << 3)
  const end = values + (usize(to) << 3)
  if (type !== FLOAT) {
    return extremeInteger(wanted, type === INTEGER ? 0 : i64.MIN_VALUE, start, end)
  }
  return wanted === LESS ? leastFloat(start, end) : greatestFloat(start, end)
}

/** `flip` is the top bit for unsigned slots: then their order is the signed one. */
function extremeInteger(wanted: i32, flip: i64, at: usize, end: usize): u64 {
  const flips = i64x2.splat(flip)
  // The greatest is the complement of the least complement.
  const turned: i64 = wanted === LESS ? 0 : -1
  const turn = i64x2.splat(turned)
  let a = i64x2.splat(i64.MAX_VALUE)
  let b = a
  for (; at + 32 <= end; at += 32) {
    a = lesser(a, v128.xor(v128.xor(v128.load(at), flips), turn))
    b = lesser(b, v128.xor(v128.xor(v128.load(at, 16), flips), turn))
  }
  if (at + 16 <= end) {
    a = lesser(a, v128.xor(v128.xor(v128.load(at), flips), turn))
    at += 16
  }
  a = lesser(a, b)
  let best = min(i64x2.extract_lane(a, 0), i64x2.extract_lane(a, 1))
  if (at < end) best = min(best, load<i64>(at) ^ flip ^ turned)
  return u64(best ^ turned ^ flip)
}

function lesser(a: v128, b: v128): v128 {
  return v128.bitselect(b, a, i64x2.lt_s(b, a))
}

/** pmin passes over NaN; only NaN leaves ∞, which looks like a stretch of ∞. */
function leastFloat(start: usize, end: usize): u64 {
  let a = f64x2.splat(Infinity)
  let b = a
  let at = start
  for (; at + 32 <= end; at += 32) {
    a = f64x2.pmin(a, v128.load(at))
    b = f64x2.pmin(b, v128.load(at, 16))
  }
  a = f64x2.pmin(a, b)
  let best = min(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1))
  for (; at < end; at += 8) {
    const value = load<f64>(at)
    best = value < best ? value : best
  }
  return firstEqual(best, start, end)
}

function greatestFloat(start: usize, end: usize): u64 {
  let a = f64x2.splat(-Infinity)
  let b = a
  let unordered = i64x2.splat(0)
  let at = start
  for (; at + 32 <= end; at += 32) {
    const first = v128.load(at)
    const second = v128.load(at, 16)
    a = f64x2.pmax(a, first)
    b = f64x2.pmax(b, second)
    unordered = v128.or(unordered, v128.or(f64x2.ne(first, first), f64x2.ne(second, second)))
  }
  a = f64x2.pmax(a, b)
  let best = max(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1))
  let hasNaN = v128.any_true(unordered)
  for (; at < end; at += 8) {
    const value = load<f64>(at)
    best = value > best ? value : best
    if (isNaN(value)) hasNaN = true
  }
  return hasNaN ? firstNaN(start) : firstEqual(best, start, end)
}

/** Slot of the first value that equals `value`: only zeros have two. Without one all are NaN. */
function firstEqual(value: f64, start: usize, end: usize): u64 {
  if (value !== 0.0 && abs(value) !== Infinity) return reinterpret<u64>(value)
  for (let at = start; at < end; at += 8) {
    if (load<f64>(at) === value) return load<u64>(at)
  }
  return load<u64>(start)
}

/** Slot of the first NaN; there is one. */
function firstNaN(at: usize): u64 {
  while (!isNaN(load<f64>(at))) at += 8
  return load<u64>(at)
}
