// Which of a series' points a chart of few pixels needs: all of them real points, in order.
// lttb: "Largest-Triangle-Three-Buckets" (Steinarsson, "Downsampling Time Series for Visual
//   Representation", 2013): first and last, and of each bucket of about as many points the one whose
//   triangle with the point chosen before and the mean of the next bucket is largest.
// m4: of each of points / 4 equal spans of time the first, last, least and greatest (Jugel et al., "M4: A
//   Visualization-Oriented Time Series Data Aggregation", VLDB 2014), which draws what all would.
// minmax: of each of points / 2 spans the least and the greatest.
// Least and greatest are those of min() and max(): NaN is above all, of equals the first is taken.

import { runEnd } from './downsample'
import { extremeSlot } from './extreme'
import { GREATER, LESS } from './filter'
import { FLOAT, INTEGER } from './layout'
import { sumFloats } from './sum'

export const SAMPLING_LTTB: i32 = 0
export const SAMPLING_M4: i32 = 1
export const SAMPLING_MINMAX: i32 = 2

/**
 * A sampling that goes on, 16 bytes: 0 chosen u32  4 row u32 (where to go on; lttb: made floats up to
 * here)  8 bucket u32  12 row chosen last u32 (lttb)
 */
export const SAMPLING_CURSOR_SIZE: i32 = 16

function timeAt(times: usize, row: i32): i64 {
  return load<i64>(times + (usize(row) << 3))
}

function floatAt(values: usize, row: i32): f64 {
  return load<f64>(values + (usize(row) << 3))
}

function choose(cursor: usize, index: usize, row: i32): void {
  const chosen = load<u32>(cursor)
  store<u32>(index + (usize(chosen) << 2), row)
  store<u32>(cursor, chosen + 1)
}

/**
 * Goes on choosing at most `points` of the `count` > `points` rows of a series, for u32[points] at
 * `index`: `times` i64 ascending, `values` of a numeric type; lttb makes floats of both where they lie.
 * `points` are at least 4 for m4, else 2. How many were chosen, or 0 when it is not done after `budget`
 * rows and a bucket; the cursor is zero at first.
 */
export function sampleRows(
  method: i32,
  type: i32,
  times: usize,
  values: usize,
  count: i32,
  points: i32,
  index: usize,
  cursor: usize,
  budget: i32,
): i32 {
  const isDone =
    method === SAMPLING_LTTB
      ? chooseTriangles(type, times, values, count, points, index, cursor, budget)
      : chooseExtremes(method, type, times, values, count, points, index, cursor, budget)
  return isDone ? i32(load<u32>(cursor)) : 0
}

/** Makes floats of times (since the first, which becomes 0 last) and values; what is left of the budget. */
function makeFloats(
  type: i32,
  times: usize,
  values: usize,
  count: i32,
  cursor: usize,
  budget: i32,
): i32 {
  const start = timeAt(times, 0)
  let row = i32(load<u32>(cursor, 4))
  for (; row < count && budget > 0; row++, budget--) {
    // From the last row down, so that the first time stays until it is done.
    const at = usize(count - 1 - row) << 3
    store<f64>(times + at, f64(u64(load<i64>(times + at) - start)))
    if (type === INTEGER) store<f64>(values + at, f64(load<i64>(values + at)))
    else if (type !== FLOAT) store<f64>(values + at, f64(load<u64>(values + at)))
  }
  store<u32>(cursor, row, 4)
  return budget
}

function chooseTriangles(
  type: i32,
  times: usize,
  values: usize,
  count: i32,
  points: i32,
  index: usize,
  cursor: usize,
  budget: i32,
): bool {
  budget = makeFloats(type, times, values, count, cursor, budget)
  if (budget <= 0) return false
  if (load<u32>(cursor) === 0) choose(cursor, index, 0)
  const size = points > 2 ? f64(count - 2) / f64(points - 2) : 0.0
  let bucket = i32(load<u32>(cursor, 8))
  for (; bucket < points - 2 && budget > 0; bucket++) {
    const from = i32(floor<f64>(f64(bucket) * size)) + 1
    const to = i32(floor<f64>(f64(bucket + 1) * size)) + 1
    const next = min(i32(floor<f64>(f64(bucket + 2) * size)) + 1, count)
    const mean = f64(next - to)
    const x = sumFloats(times, to, next) / mean
    const y = sumFloats(values, to, next) / mean
    const last = i32(load<u32>(cursor, 12))
    const row = largestTriangle(
      times,
      values,
      from,
      to,
      floatAt(times, last),
      floatAt(values, last),
      x,
      y,
    )
    store<u32>(cursor, row, 12)
    choose(cursor, index, row)
    budget -= next - from
  }
  store<u32>(cursor, bucket, 8)
  if (bucket < points - 2) return false
  choose(cursor, index, count - 1)
  return true
}

/**
 * Row of [from, to) whose triangle with (ax, ay) and (cx, cy) is largest, the first of equals; `from`
 * if none has an area. Two rows at a time.
 */
function largestTriangle(
  times: usize,
  values: usize,
  from: i32,
  to: i32,
  ax: f64,
  ay: f64,
  cx: f64,
  cy: f64,
): i32 {
  const xs = f64x2.splat(ax)
  const ys = f64x2.splat(ay)
  const width = f64x2.splat(ax - cx)
  const height = f64x2.splat(cy - ay)
  let best = f64x2.splat(-1.0)
  let rows = i64x2.splat(-1)
  let here = i64x2.replace_lane(i64x2.splat(i64(from)), 1, i64(from) + 1)
  const step = i64x2.splat(2)
  let row = from
  for (; row + 2 <= to; row += 2) {
    const at = usize(row) << 3
    const rise = f64x2.mul(width, f64x2.sub(v128.load(values + at), ys))
    const run = f64x2.mul(f64x2.sub(xs, v128.load(times + at)), height)
    const area = f64x2.abs(f64x2.sub(rise, run))
    const isLarger = f64x2.gt(area, best)
    best = v128.bitselect(area, best, isLarger)
    rows = v128.bitselect(here, rows, isLarger)
    here = i64x2.add(here, step)
  }
  let area = f64x2.extract_lane(best, 0)
  let found = i64x2.extract_lane(rows, 0)
  const other = f64x2.extract_lane(best, 1)
  const otherRow = i64x2.extract_lane(rows, 1)
  if (other > area || (other === area && otherRow < found)) {
    area = other
    found = otherRow
  }
  if (row < to) {
    const rise = (ax - cx) * (floatAt(values, row) - ay)
    if (abs(rise - (ax - floatAt(times, row)) * (cy - ay)) > area) return row
  }
  return found < 0 ? from : i32(found)
}

/** First row of [from, ...) with these bits; there is one. */
function rowOf(values: usize, from: i32, slot: u64): i32 {
  let row = from
  while (load<u64>(values + (usize(row) << 3)) !== slot) row++
  return row
}

function chooseExtremes(
  method: i32,
  type: i32,
  times: usize,
  values: usize,
  count: i32,
  points: i32,
  index: usize,
  cursor: usize,
  budget: i32,
): bool {
  const spans = method === SAMPLING_M4 ? points / 4 : points / 2
  const start = timeAt(times, 0)
  const width = u64(timeAt(times, count - 1) - start) / u64(spans) + 1
  let row = i32(load<u32>(cursor, 4))
  while (row < count && budget > 0) {
    const span = u64(timeAt(times, row) - start) / width
    const end = start + i64((span + 1) * width)
    const isLast = span + 1 >= u64(spans) || end < start
    const to = runEnd(times, row, count, isLast ? i64.MAX_VALUE : end)
    const least = rowOf(values, row, extremeSlot(type, LESS, values, 0, row, to))
    const greatest = rowOf(values, row, extremeSlot(type, GREATER, values, 0, row, to))
    const first = min(least, greatest)
    const second = max(least, greatest)
    if (method === SAMPLING_M4 && row < first) choose(cursor, index, row)
    choose(cursor, index, first)
    if (second > first) choose(cursor, index, second)
    if (method === SAMPLING_M4 && to - 1 > second) choose(cursor, index, to - 1)
    budget -= to - row
    row = to
  }
  store<u32>(cursor, row, 4)
  return row === count
}
