// Differences of neighbouring values of one series: `increase`, for which the new value counts after a
// fall (a counter began again at 0), `delta`, and both per second of the time that they span. A
// difference belongs to the bucket of its later value. The differences of a bucket of a series gather
// in the column's descriptor and join the record when the bucket or the series ends, so rows of a
// series come in ascending order, and one series after the other.
// Likewise the area under the values: `integral` by trapezoids, of which each belongs to the bucket of its
// later value, and `time_weighted_mean`, for which a value holds until the next one or its bucket's end.
//
// At 80 of a column descriptor: 80 hasPrevious u32  84 record u32 (number + 1 of the bucket that is
//   open, 0 = none)  88 previous time i64  96 previous slot u64  104 time from which the open bucket's
//   differences span i64  112 their count u64  120 increase 16 bytes  136 delta 16 bytes (sum.ts)
//   176 time of the open bucket's first value i64  184 its trapezoids 16 bytes, and 200 what its values
//   weigh until the next ones 16 bytes, sums of floats
// In a record: count u64 | increase, delta 16 bytes | rate, derivative, integral 16 bytes, sums of floats
//   | weighted 24 bytes: sum of the means of series 16 bytes, how many they are u64

import { ONE_BUCKET, bucketEnd } from './downsample'
import {
  FEATURE_DELTA,
  FEATURE_DERIVATIVE,
  FEATURE_DIFFERENCES,
  FEATURE_INCREASE,
  FEATURE_INTEGRAL,
  FEATURE_RATE,
  FEATURE_WEIGHTED,
} from './cell'
import { floatOfSlot } from './key-order'
import { FLOAT, INTEGER } from './layout'
import { stretchEnd, stretchStart } from './presence'
import { AGGREGATE_GRID, columnAt, recordAt, recordNumber } from './record'
import { addFloat, addWide, addWideTo, divideWide, floatTotal } from './sum'

const HAS_PREVIOUS: usize = 80
const OPEN_RECORD: usize = 84
const PREVIOUS_TIME: usize = 88
const PREVIOUS: usize = 96
const OPEN_TIME: usize = 104
const OPEN_COUNT: usize = 112
const OPEN_INCREASE: usize = 120
const OPEN_DELTA: usize = 136
const OPEN_SIZE: usize = 40
const OPEN_FIRST: usize = 176
const OPEN_AREA: usize = 184
const OPEN_STEPS: usize = 200

const NS_PER_SECOND: f64 = 1e9

/** Sum of the increases from row `from` to row `to` - 1 of floats, in eight accumulators. */
export function increaseOfFloats(values: usize, from: i32, to: i32): f64 {
  let a = f64x2.splat(0.0)
  let b = a
  let c = a
  let d = a
  let p = values + (usize(from) << 3)
  const end = values + (usize(to - 1) << 3)
  for (; p + 64 <= end; p += 64) {
    a = f64x2.add(a, increases(v128.load(p), v128.load(p, 8)))
    b = f64x2.add(b, increases(v128.load(p, 16), v128.load(p, 24)))
    c = f64x2.add(c, increases(v128.load(p, 32), v128.load(p, 40)))
    d = f64x2.add(d, increases(v128.load(p, 48), v128.load(p, 56)))
  }
  for (; p + 16 <= end; p += 16) a = f64x2.add(a, increases(v128.load(p), v128.load(p, 8)))
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  const sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1)
  return p < end ? sum + increase(load<f64>(p), load<f64>(p, 8)) : sum
}

function increases(before: v128, after: v128): v128 {
  return v128.bitselect(after, f64x2.sub(after, before), f64x2.lt(after, before))
}

function increase(before: f64, after: f64): f64 {
  return after < before ? after : after - before
}

/** Sum of the differences from row `from` to row `to` - 1 of floats, as increaseOfFloats adds them. */
export function deltaOfFloats(values: usize, from: i32, to: i32): f64 {
  let a = f64x2.splat(0.0)
  let b = a
  let c = a
  let d = a
  let p = values + (usize(from) << 3)
  const end = values + (usize(to - 1) << 3)
  for (; p + 64 <= end; p += 64) {
    a = f64x2.add(a, f64x2.sub(v128.load(p, 8), v128.load(p)))
    b = f64x2.add(b, f64x2.sub(v128.load(p, 24), v128.load(p, 16)))
    c = f64x2.add(c, f64x2.sub(v128.load(p, 40), v128.load(p, 32)))
    d = f64x2.add(d, f64x2.sub(v128.load(p, 56), v128.load(p, 48)))
  }
  for (; p + 16 <= end; p += 16) a = f64x2.add(a, f64x2.sub(v128.load(p, 8), v128.load(p)))
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  const sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1)
  return p < end ? sum + (load<f64>(p, 8) - load<f64>(p)) : sum
}

/** Adds the difference of two integers, u64 unless `isSigned`, to a 128-bit sum. */
function addDifference(sum: usize, before: u64, after: u64, isSigned: bool): void {
  const isFall = isSigned ? i64(after) < i64(before) : after < before
  addWide(sum, after - before, isFall ? -1 : 0)
}

/**
 * Adds the increase from row `from` to row `to` - 1 of integers, u64 unless `isSigned`, to a 128-bit
 * sum. What lies between counts only where it falls: there the value before the fall is added.
 */
export function increaseOfIntegers(
  sum: usize,
  values: usize,
  from: i32,
  to: i32,
  isSigned: bool,
): void {
  const flip: i64 = isSigned ? 0 : i64.MIN_VALUE
  const flips = i64x2.splat(flip)
  let p = values + (usize(from) << 3)
  const end = values + (usize(to - 1) << 3)
  addDifference(sum, load<u64>(p), load<u64>(end), isSigned)
  for (; p + 16 <= end; p += 16) {
    const before = v128.xor(v128.load(p), flips)
    const after = v128.xor(v128.load(p, 8), flips)
    if (!v128.any_true(i64x2.lt_s(after, before))) continue
    addFall(sum, p, isSigned)
    addFall(sum, p + 8, isSigned)
  }
  if (p < end) addFall(sum, p, isSigned)
}

/** Adds the integer at `at` if the one behind it is less. */
function addFall(sum: usize, at: usize, isSigned: bool): void {
  const before = load<i64>(at)
  const after = load<i64>(at, 8)
  if (isSigned) {
    if (after < before) addWide(sum, u64(before), before >> 63)
  } else if (u64(after) < u64(before)) addWide(sum, u64(before), 0)
}

function secondsBetween(from: i64, to: i64): f64 {
  return f64(u64(to - from)) / NS_PER_SECOND
}

/** Area under the values from row `from` to row `to` - 1 × seconds: of trapezoids, or of steps. */
function areaOf(type: u32, times: usize, values: usize, from: i32, to: i32, isOfSteps: bool): f64 {
  let area = 0.0
  const shift = usize(from) << 3
  let p = values + shift
  let time = times + shift
  let before = floatOfSlot(type, load<u64>(p))
  for (const end = values + (usize(to - 1) << 3); p < end; p += 8, time += 8) {
    const after = floatOfSlot(type, load<u64>(p, 8))
    const height = isOfSteps ? before : before * 0.5 + after * 0.5
    area += height * secondsBetween(load<i64>(time), load<i64>(time, 8))
    before = after
  }
  return area
}

/** Adds the areas from row `from` to row `to` - 1 to the open sums. */
function addAreas(column: usize, times: usize, values: usize, from: i32, to: i32): void {
  const features = load<u32>(column, 4)
  const type = load<u32>(column)
  if ((features & FEATURE_INTEGRAL) !== 0) {
    addFloat(column + OPEN_AREA, areaOf(type, times, values, from, to, false))
  }
  const isInside = load<i64>(times + (usize(from) << 3)) >= load<i64>(column, OPEN_FIRST)
  if ((features & FEATURE_WEIGHTED) !== 0 && isInside) {
    addFloat(column + OPEN_STEPS, areaOf(type, times, values, from, to, true))
  }
}

/** Adds the differences from row `from` to row `to` - 1 to the open sums. */
function addDense(column: usize, times: usize, values: usize, from: i32, to: i32): void {
  const features = load<u32>(column, 4)
  const type = load<u32>(column)
  const isSigned = type === INTEGER
  if ((features & (FEATURE_INCREASE | FEATURE_RATE)) !== 0) {
    const sum = column + OPEN_INCREASE
    if (type === FLOAT) addFloat(sum, increaseOfFloats(values, from, to))
    else increaseOfIntegers(sum, values, from, to, isSigned)
  }
  if ((features & (FEATURE_DELTA | FEATURE_DERIVATIVE)) !== 0) {
    const sum = column + OPEN_DELTA
    if (type === FLOAT) addFloat(sum, deltaOfFloats(values, from, to))
    else {
      const first = load<u64>(values + (usize(from) << 3))
      addDifference(sum, first, load<u64>(values + (usize(to - 1) << 3)), isSigned)
    }
  }
  if ((features & (FEATURE_INTEGRAL | FEATURE_WEIGHTED)) !== 0) {
    addAreas(column, times, values, from, to)
  }
  store<u64>(column, load<u64>(column, OPEN_COUNT) + u64(to - from - 1), OPEN_COUNT)
}

/** The value before a stretch and the first of it, and their times. */
const PAIR: usize = memory.data(16)
const PAIR_TIMES: usize = memory.data(16)

/** Adds the present values of a run, some, which belong to `record`. */
export function accumulateDifferences(
  state: usize,
  record: usize,
  column: usize,
  times: usize,
  present: usize,
  from: i32,
  to: i32,
): void {
  const values = usize(load<u32>(column, 8))
  let start = stretchStart(present, from, to)
  const number = recordNumber(state, record) + 1
  if (load<u32>(column, OPEN_RECORD) !== number) {
    closeBucket(state, column)
    const hasPrevious = load<u32>(column, HAS_PREVIOUS) !== 0
    const first = load<i64>(times + (usize(start) << 3))
    store<u32>(column, number, OPEN_RECORD)
    store<i64>(column, hasPrevious ? load<i64>(column, PREVIOUS_TIME) : first, OPEN_TIME)
    store<i64>(column, first, OPEN_FIRST)
    memory.fill(column + OPEN_COUNT, 0, OPEN_SIZE)
    memory.fill(column + OPEN_AREA, 0, 32)
  }
  while (start < to) {
    const end = stretchEnd(present, start, to)
    if (load<u32>(column, HAS_PREVIOUS) !== 0) {
      store<u64>(PAIR, load<u64>(column, PREVIOUS))
      store<u64>(PAIR, load<u64>(values + (usize(start) << 3)), 8)
      store<u64>(PAIR_TIMES, load<u64>(column, PREVIOUS_TIME))
      store<u64>(PAIR_TIMES, load<u64>(times + (usize(start) << 3)), 8)
      addDense(column, PAIR_TIMES, PAIR, 0, 2)
    }
    if (end - start > 1) addDense(column, times, values, start, end)
    takePrevious(column, times, values, end - 1)
    start = stretchStart(present, end, to)
  }
}

function takePrevious(column: usize, times: usize, values: usize, row: i32): void {
  store<u32>(column, 1, HAS_PREVIOUS)
  store<i64>(column, load<i64>(times + (usize(row) << 3)), PREVIOUS_TIME)
  store<u64>(column, load<u64>(values + (usize(row) << 3)), PREVIOUS)
}

/** A float that a sum of the column's type stands for. */
function totalOf(type: u32, sum: usize): f64 {
  return type === FLOAT ? floatTotal(sum) : divideWide(sum, 1)
}

function joinSum(type: u32, target: usize, sum: usize): void {
  if (type === FLOAT) addFloat(target, floatTotal(sum))
  else addWideTo(target, sum)
}

/** Mean of the open bucket's values, by how long they hold. Its last one is the previous. */
function weightedMean(state: usize, column: usize): f64 {
  const grid = state + AGGREGATE_GRID
  const last = load<i64>(column, PREVIOUS_TIME)
  const value = floatOfSlot(load<u32>(column), load<u64>(column, PREVIOUS))
  const isOne = load<u32>(grid) === ONE_BUCKET
  const bucket = isOne ? load<i64>(grid, 24) : bucketEnd(grid, last)
  const end = isOne && bucket === i64.MAX_VALUE ? last : bucket
  const seconds = secondsBetween(load<i64>(column, OPEN_FIRST), end)
  if (seconds === 0.0) return value
  return (floatTotal(column + OPEN_STEPS) + value * secondsBetween(last, end)) / seconds
}

/** The differences of the open bucket join its record. */
function closeBucket(state: usize, column: usize): void {
  const number = load<u32>(column, OPEN_RECORD)
  store<u32>(column, 0, OPEN_RECORD)
  if (number === 0) return
  const record = recordAt(state, number - 1)
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  if ((features & FEATURE_WEIGHTED) !== 0) {
    const sum = record + usize(load<u32>(column, 76))
    addFloat(sum, weightedMean(state, column))
    store<u64>(sum, load<u64>(sum, 16) + 1, 16)
  }
  const count = load<u64>(column, OPEN_COUNT)
  if (count === 0) return
  const seconds = secondsBetween(load<i64>(column, OPEN_TIME), load<i64>(column, PREVIOUS_TIME))
  const counted = record + usize(load<u32>(column, 52))
  store<u64>(counted, load<u64>(counted) + count)
  if ((features & FEATURE_INCREASE) !== 0) {
    joinSum(type, record + usize(load<u32>(column, 56)), column + OPEN_INCREASE)
  }
  if ((features & FEATURE_DELTA) !== 0) {
    joinSum(type, record + usize(load<u32>(column, 60)), column + OPEN_DELTA)
  }
  if ((features & FEATURE_RATE) !== 0) {
    const sum = record + usize(load<u32>(column, 64))
    addFloat(sum, totalOf(type, column + OPEN_INCREASE) / seconds)
  }
  if ((features & FEATURE_DERIVATIVE) !== 0) {
    const sum = record + usize(load<u32>(column, 68))
    addFloat(sum, totalOf(type, column + OPEN_DELTA) / seconds)
  }
  if ((features & FEATURE_INTEGRAL) !== 0) {
    addFloat(record + usize(load<u32>(column, 72)), floatTotal(column + OPEN_AREA))
  }
}

/** After the last row of a series: its open buckets join their records, and the next one begins anew. */
export function aggregateSeriesEnd(state: usize): void {
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    const column = columnAt(state, i)
    if ((load<u32>(column, 4) & FEATURE_DIFFERENCES) === 0) continue
    closeBucket(state, column)
    store<u32>(column, 0, HAS_PREVIOUS)
  }
}

/**
 * Takes from a chunk of rows before those of the series that count (chunks come newest first) the value
 * that the first difference begins with, for each column that has none yet: how many still have none.
 */
export function aggregateSeed(state: usize, times: usize, mask: usize, count: i32): i32 {
  let open = 0
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    const column = columnAt(state, i)
    const isOpen = load<u32>(column, HAS_PREVIOUS) === 0
    if (!isOpen || (load<u32>(column, 4) & FEATURE_DIFFERENCES) === 0) continue
    const valid = usize(load<u32>(column, 12))
    let row = count - 1
    while (row >= 0 && !counts(valid, mask, row)) row--
    if (row >= 0) takePrevious(column, times, usize(load<u32>(column, 8)), row)
    else open++
  }
  return open
}

function counts(valid: usize, mask: usize, row: i32): bool {
  if (valid !== 0 && load<u8>(valid + usize(row)) === 0) return false
  return mask === 0 || load<u8>(mask + usize(row)) !== 0
}
