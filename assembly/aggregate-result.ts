// From records (record.ts) to columns of an answer: records in order of (group, bucket), then one
// call per answer column writes slots and validity for all of them. Functions that have no value for
// a record (no values, or a variance of one) write 0 to `valid`.

import { distinctOf, modeOf } from './census'
import { FLOAT, INTEGER, OVERFLOW } from './layout'
import { columnAt, recordAt } from './record'
import { divideWide, fitsInteger, fitsUnsigned, floatTotal } from './sum'

export const RESULT_ROWS: i32 = 0
export const RESULT_COUNT: i32 = 1
export const RESULT_SUM: i32 = 2
export const RESULT_MEAN: i32 = 3
export const RESULT_LEAST: i32 = 4
export const RESULT_GREATEST: i32 = 5
export const RESULT_SPREAD: i32 = 6
export const RESULT_FIRST: i32 = 7
export const RESULT_LAST: i32 = 8
export const RESULT_VARIANCE: i32 = 9
export const RESULT_STDDEV: i32 = 10
// What a rollup stores, besides: the state behind sum and mean, and times. Then sum and spread that
// are null where an integer does not hold them.
export const RESULT_SUM_LOW: i32 = 11
export const RESULT_SUM_HIGH: i32 = 12
export const RESULT_FIRST_TIME: i32 = 13
export const RESULT_LAST_TIME: i32 = 14
export const RESULT_SUM_OR_NULL: i32 = 15
export const RESULT_SPREAD_OR_NULL: i32 = 16
// Of differences (increase.ts).
export const RESULT_INCREASE: i32 = 17
export const RESULT_DELTA: i32 = 18
export const RESULT_RATE: i32 = 19
export const RESULT_DERIVATIVE: i32 = 20
export const RESULT_INTEGRAL: i32 = 21
export const RESULT_WEIGHTED: i32 = 22
// Of a census (census.ts).
export const RESULT_DISTINCT: i32 = 23
export const RESULT_MODE: i32 = 24

/** Does record `a` come after record `b`? */
function isAfter(state: usize, a: u32, b: u32): bool {
  const left = recordAt(state, a)
  const right = recordAt(state, b)
  const leftGroup = load<u32>(left)
  const rightGroup = load<u32>(right)
  if (leftGroup !== rightGroup) return leftGroup > rightGroup
  return load<i64>(left, 8) > load<i64>(right, 8)
}

/** Merges the sorted runs [from, middle) and [middle, to) of `source` into `target`. */
function mergeRuns(
  state: usize,
  source: usize,
  target: usize,
  from: u32,
  middle: u32,
  to: u32,
): void {
  let a = from
  let b = middle
  for (let i = from; i < to; i++) {
    const left = load<u32>(source + (usize(a) << 2))
    const right = load<u32>(source + (usize(b) << 2))
    const takesLeft = b >= to || (a < middle && !isAfter(state, left, right))
    store<u32>(target + (usize(i) << 2), takesLeft ? left : right)
    if (takesLeft) a++
    else b++
  }
}

/** Bytes of the cursor of a sort: 0 width u32 (0 = nothing done)  4 from u32  8 source u32  12 target u32. */
export const AGGREGATE_SORT_SIZE: u32 = 16

/**
 * Goes on writing all record numbers in order of (group, bucket) to `index`, u32[count + 1]; `scratch`
 * is as large, the cursor is zero at first. 1 when it is done, 0 after `budget` records, or a run more.
 * A bottom-up merge sort that is spared when all are in order, as they are when series were scanned in
 * turn.
 */
export function aggregateSort(
  state: usize,
  index: usize,
  scratch: usize,
  cursor: usize,
  budget: u32,
): i32 {
  const count = load<u32>(state, 20)
  let width = load<u32>(cursor)
  let from = load<u32>(cursor, 4)
  let spent: u32 = 0
  if (width === 0) {
    const to = min<u32>(count, from + budget)
    let isSorted = load<u32>(cursor, 8) === 0
    for (; from < to; from++) {
      store<u32>(index + (usize(from) << 2), from)
      if (isSorted && from > 0) isSorted = !isAfter(state, from - 1, from)
    }
    store<u32>(cursor, from, 4)
    store<u32>(cursor, isSorted ? 0 : 1, 8)
    if (from < count) return 0
    if (isSorted) return 1
    width = 1
    from = 0
    store<u32>(cursor, u32(index), 8)
    store<u32>(cursor, u32(scratch), 12)
  }
  while (width < count && spent < budget) {
    const middle = min<u32>(from + width, count)
    const to = min<u32>(middle + width, count)
    const source = usize(load<u32>(cursor, 8))
    const target = usize(load<u32>(cursor, 12))
    mergeRuns(state, source, target, from, middle, to)
    spent += to - from
    from = to
    if (from < count) continue
    from = 0
    width <<= 1
    store<u32>(cursor, u32(target), 8)
    store<u32>(cursor, u32(source), 12)
  }
  store<u32>(cursor, width)
  store<u32>(cursor, from, 4)
  if (width < count) return 0
  const source = usize(load<u32>(cursor, 8))
  if (source !== index) memory.copy(index, source, usize(count) << 2)
  return 1
}

/** For the records at `index`: group u32, bucket start i64 and least time i64 each. */
export function aggregateKeys(
  state: usize,
  index: usize,
  count: u32,
  groups: usize,
  buckets: usize,
  times: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const record = recordAt(state, load<u32>(index + (usize(i) << 2)))
    store<u32>(groups + (usize(i) << 2), load<u32>(record))
    store<i64>(buckets + (usize(i) << 3), load<i64>(record, 8))
    store<i64>(times + (usize(i) << 3), load<i64>(record, 24))
  }
}

/** Greatest minus least in the type of the column; OVERFLOW if an integer does not hold it. */
function spread(type: i32, least: u64, greatest: u64, target: usize): i32 {
  if (type === FLOAT) {
    store<f64>(target, reinterpret<f64>(greatest) - reinterpret<f64>(least))
    return 0
  }
  store<u64>(target, greatest - least)
  return type === INTEGER && i64(greatest - least) < 0 ? OVERFLOW : 0
}

function mean(type: i32, sum: usize, count: u64): f64 {
  return type === FLOAT ? floatTotal(sum) / f64(count) : divideWide(sum, count)
}

function total(type: i32, sum: usize, target: usize): i32 {
  if (type === FLOAT) {
    store<f64>(target, floatTotal(sum))
    return 0
  }
  store<u64>(target, load<u64>(sum))
  return (type === INTEGER ? fitsInteger(sum) : fitsUnsigned(sum)) ? 0 : OVERFLOW
}

/** Sample variance (n - 1) from (shift, mean, M2). */
function variance(cell: usize, count: u64): f64 {
  return load<f64>(cell, 16) / f64(count - 1)
}

/** A result of differences. */
function differenceResult(record: usize, column: usize, result: i32): f64 {
  // Their places follow each other, as their results do.
  const place = load<u32>(column + (usize(result - RESULT_INCREASE) << 2), 56)
  const sum = record + usize(place)
  if (result === RESULT_WEIGHTED) return floatTotal(sum) / f64(load<u64>(sum, 16))
  const isFloat = load<u32>(column) === FLOAT || result >= RESULT_RATE
  return isFloat ? floatTotal(sum) : divideWide(sum, 1)
}

/** Has the record what a result is worked out from? */
function hasResult(record: usize, column: usize, result: i32, count: u64): bool {
  if (result === RESULT_VARIANCE || result === RESULT_STDDEV) return count > 1
  if (result < RESULT_INCREASE || result >= RESULT_WEIGHTED) return count > 0
  return load<u64>(record + usize(load<u32>(column, 52))) > 0
}

/** Writes one result of a record that has it. */
function writeResult(
  state: usize,
  record: usize,
  column: usize,
  result: i32,
  count: u64,
  target: usize,
): i32 {
  const type = load<u32>(column)
  const sum = record + usize(load<u32>(column, 20))
  const least = load<u64>(record + usize(load<u32>(column, 24)))
  const greatest = load<u64>(record + usize(load<u32>(column, 28)))
  const squares = record + usize(load<u32>(column, 40))
  if (result === RESULT_SUM || result === RESULT_SUM_OR_NULL) return total(type, sum, target)
  if (result === RESULT_SPREAD || result === RESULT_SPREAD_OR_NULL)
    return spread(type, least, greatest, target)
  if (result === RESULT_SUM_LOW) total(type, sum, target)
  else if (result === RESULT_SUM_HIGH) store<u64>(target, load<u64>(sum, 8))
  else if (result === RESULT_FIRST_TIME)
    store<u64>(target, load<u64>(record + usize(load<u32>(column, 32))))
  else if (result === RESULT_LAST_TIME)
    store<u64>(target, load<u64>(record + usize(load<u32>(column, 36))))
  else if (result === RESULT_MEAN) store<f64>(target, mean(type, sum, count))
  else if (result === RESULT_LEAST) store<u64>(target, least)
  else if (result === RESULT_GREATEST) store<u64>(target, greatest)
  else if (result === RESULT_FIRST)
    store<u64>(target, load<u64>(record + usize(load<u32>(column, 32)), 8))
  else if (result === RESULT_LAST)
    store<u64>(target, load<u64>(record + usize(load<u32>(column, 36)), 8))
  else if (result === RESULT_MODE)
    store<u64>(target, modeOf(state, record + usize(load<u32>(column, 168)), type))
  else if (result >= RESULT_INCREASE) store<f64>(target, differenceResult(record, column, result))
  else if (result === RESULT_VARIANCE) store<f64>(target, variance(squares, count))
  else store<f64>(target, sqrt(variance(squares, count)))
  return 0
}

/**
 * Writes one answer column for the records at `index`: a RESULT_ of aggregate column `column`
 * (ignored by RESULT_ROWS). Slots are the column's type, but rows, count and distinct i64, mean, variance and
 * stddev and differences f64; strings are (offset in the arena, length). Returns the number of records without a
 * value, or OVERFLOW when an integer does not hold its result; the _OR_NULL results have no value then.
 */
export function aggregateResult(
  state: usize,
  index: usize,
  count: u32,
  column: u32,
  result: i32,
  values: usize,
  valid: usize,
): i32 {
  const descriptor = columnAt(state, column)
  let nulls: i32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const record = recordAt(state, load<u32>(index + (usize(i) << 2)))
    const target = values + (usize(i) << 3)
    store<u8>(valid + i, 1)
    if (result === RESULT_ROWS) {
      store<u64>(target, load<u64>(record, 16))
      continue
    }
    const held = load<u64>(record + usize(load<u32>(descriptor, 16)))
    if (result === RESULT_COUNT) {
      store<u64>(target, held)
      continue
    }
    if (result === RESULT_DISTINCT) {
      store<u64>(target, distinctOf(record + usize(load<u32>(descriptor, 168))))
      continue
    }
    let isNull = !hasResult(record, descriptor, result, held)
    if (!isNull && writeResult(state, record, descriptor, result, held, target) < 0) {
      if (result !== RESULT_SUM_OR_NULL && result !== RESULT_SPREAD_OR_NULL) return OVERFLOW
      isNull = true
    }
    if (!isNull) continue
    store<u64>(target, 0)
    store<u8>(valid + i, 0)
    nulls++
  }
  return nulls
}
