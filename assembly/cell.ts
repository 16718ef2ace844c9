// Cells: what is known of one column in one bucket of one group. A cell is a row of features at
// offsets that the column's descriptor holds (offset 0 = not wanted), so it takes no more memory than
// the asked functions need. A run is rows [from, to) of a chunk that fall into one bucket; `present`
// is u8 per row (1 = has a value and passes the filter) or 0 when all do.
//
// Column descriptor, 216 bytes (u32): 0 type  4 features  8 values  12 valid (of the chunk, 0 = all)
//   16 count  20 sum  24 least  28 greatest  32 first  36 last  40 variance (offsets in a record)
//   44 entry (BlockEntry of a summary)  48 stored (aggregate-stored.ts)  52 count of differences
//   56 increase  60 delta  64 rate  68 derivative  72 integral  76 weighted (offsets in a record)
//   80 the series that is being read (increase.ts)  152 entry whose residuals the values are (packed.ts)
//   160 samples  164 sketch  168 census (offsets in a record)  172 reserved  176 more of the series
// Features: count u64 | sum 16 bytes (sum.ts) | least slot | greatest slot |
//   samples 8 bytes (samples.ts) | sketch 16 bytes (sketch.ts) | census 32 bytes (census.ts) |
//   first and last: time i64, slot, rank u32, 4 reserved | variance: shift slot, mean f64, M2 f64
// A string slot in a cell is (offset in the arena u32, length u32), at rest in a power-of-two place.

import { compareBytes } from './filter'
import { FLOAT, INTEGER } from './layout'
import { firstPresent, stretchEnd, stretchStart } from './presence'
import { addFloat, addIntegers, sumFloats } from './sum'

export const FEATURE_SUM: u32 = 1
export const FEATURE_LEAST: u32 = 2
export const FEATURE_GREATEST: u32 = 4
export const FEATURE_FIRST: u32 = 8
export const FEATURE_LAST: u32 = 16
export const FEATURE_VARIANCE: u32 = 32
export const FEATURE_INCREASE: u32 = 64
export const FEATURE_DELTA: u32 = 128
export const FEATURE_RATE: u32 = 256
export const FEATURE_DERIVATIVE: u32 = 512
export const FEATURE_SAMPLES: u32 = 1024
export const FEATURE_SKETCH: u32 = 2048
export const FEATURE_INTEGRAL: u32 = 4096
export const FEATURE_WEIGHTED: u32 = 8192
export const FEATURE_CENSUS: u32 = 16384
/** What is worked out from neighbouring values of a series. */
export const FEATURE_DIFFERENCES: u32 = 13248

/** Adds the present values of a run to a sum of the column's type. */
export function accumulateSum(
  sum: usize,
  type: i32,
  values: usize,
  present: usize,
  from: i32,
  to: i32,
): void {
  let start = stretchStart(present, from, to)
  while (start < to) {
    const end = stretchEnd(present, start, to)
    if (type === FLOAT) addFloat(sum, sumFloats(values, start, end))
    else addIntegers(sum, values, start, end, type === INTEGER)
    start = stretchStart(present, end, to)
  }
}

/** Row of the least or greatest present string of a run. */
export function extremeString(wanted: i32, values: usize, present: usize, from: i32, to: i32): i32 {
  let row = firstPresent(present, from)
  for (let i = row + 1; i < to; i++) {
    if (present !== 0 && load<u8>(present + i) === 0) continue
    const best = values + (usize(row) << 3)
    const slot = values + (usize(i) << 3)
    const order = compareBytes(
      usize(load<u32>(slot)),
      load<u32>(slot, 4),
      usize(load<u32>(best)),
      load<u32>(best, 4),
    )
    if (order === wanted) row = i
  }
  return row
}

/**
 * What one value of a numeric type is above another, as a float: of integers the difference is taken
 * first, so that those beyond 2^53 keep their digits.
 */
function distance(type: i32, slot: u64, from: u64): f64 {
  if (type === FLOAT) return reinterpret<f64>(slot) - reinterpret<f64>(from)
  if (type !== INTEGER) return slot >= from ? f64(slot - from) : -f64(from - slot)
  const value = i64(slot)
  const base = i64(from)
  // Two integers are up to 2^64 apart.
  return value >= base ? f64(u64(value - base)) : -f64(u64(base - value))
}

/**
 * Joins the `added` present values of a run to (mean, M2) of `before` values: two passes over the run,
 * then the pairwise rule of Chan, Golub and LeVeque (1979). All values are taken relative to the
 * cell's first one, so that means of large numbers keep their digits.
 */
export function accumulateVariance(
  cell: usize,
  before: u64,
  added: i32,
  type: i32,
  values: usize,
  present: usize,
  from: i32,
  to: i32,
): void {
  if (before === 0) store<u64>(cell, load<u64>(values + (usize(firstPresent(present, from)) << 3)))
  const shift = load<u64>(cell)
  let sum = 0.0
  for (let i = from; i < to; i++) {
    if (present !== 0 && load<u8>(present + i) === 0) continue
    sum += distance(type, load<u64>(values + (usize(i) << 3)), shift)
  }
  const mean = sum / f64(added)
  let squares = 0.0
  for (let i = from; i < to; i++) {
    if (present !== 0 && load<u8>(present + i) === 0) continue
    const difference = distance(type, load<u64>(values + (usize(i) << 3)), shift) - mean
    squares += difference * difference
  }
  const held = before === 0 ? mean : load<f64>(cell, 8)
  const total = f64(before) + f64(added)
  const delta = mean - held
  const between = (delta * delta * f64(before) * f64(added)) / total
  store<f64>(cell, held + (delta * f64(added)) / total, 8)
  store<f64>(cell, (before === 0 ? 0.0 : load<f64>(cell, 16)) + squares + between, 16)
}

/** Joins (shift, mean, M2) of `added` values to the cell, which has `before`, by the same rule. */
export function joinVariance(type: i32, cell: usize, before: u64, other: usize, added: u64): void {
  if (before === 0) {
    memory.copy(cell, other, 24)
    return
  }
  const held = load<f64>(cell, 8)
  const mean = load<f64>(other, 8) + distance(type, load<u64>(other), load<u64>(cell))
  const total = f64(before) + f64(added)
  const delta = mean - held
  const between = (delta * delta * f64(before) * f64(added)) / total
  store<f64>(cell, held + (delta * f64(added)) / total, 8)
  store<f64>(cell, load<f64>(cell, 16) + load<f64>(other, 16) + between, 16)
}

/** Is a point at (time, rank) the new first (or, if `isLast`, last) of a cell that has `count` values? */
export function isNewEnd(cell: usize, count: u64, time: i64, rank: u32, isLast: bool): bool {
  if (count === 0) return true
  const held = load<i64>(cell)
  if (time !== held) return isLast ? time > held : time < held
  return rank < load<u32>(cell, 16)
}

/** Makes a point the first or last of a cell that holds no string. */
export function storeEnd(cell: usize, time: i64, slot: u64, rank: u32): void {
  store<i64>(cell, time)
  store<u64>(cell, slot, 8)
  store<u32>(cell, rank, 16)
}
