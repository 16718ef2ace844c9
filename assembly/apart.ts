// Do two runs of times share one? Rows of one series whose times are all different need no merge: they
// may be read one source after the other. Both runs ascend, so it is one walk over them; a few times
// against a block are looked up by its model instead, without decoding it.

import { BLOCK_ROWS, CORRUPT } from './layout'
import { decodeTimes, timeAt, timeLowerBound } from './times'

/** Decoding so many rows costs as much as one look-up. */
const LOOKUP_ROWS: i32 = 24

const DECODED: usize = memory.data(8192)

function lowerBound(times: usize, from: i32, to: i32, time: i64): i32 {
  while (from < to) {
    const middle = (from + to) >> 1
    if (load<i64>(times + (usize(middle) << 3)) < time) from = middle + 1
    else to = middle
  }
  return from
}

/** Has no time of i64[n] `a` an equal in i64[m] `b`? Both ascend. */
export function timesApart(a: usize, n: i32, b: usize, m: i32): bool {
  const endA = a + (usize(n) << 3)
  const endB = b + (usize(m) << 3)
  while (a < endA && b < endB) {
    const left = load<i64>(a)
    const right = load<i64>(b)
    if (left === right) return false
    a += usize(left < right) << 3
    b += usize(right < left) << 3
  }
  return true
}

/**
 * Has no time of i64[count] `times` an equal in the rows [from, to) of a time block, which are of one
 * series? 1 = none, 0 = some has, CORRUPT.
 */
export function blockApart(
  block: usize,
  entry: usize,
  from: i32,
  to: i32,
  times: usize,
  count: i32,
): i32 {
  if (from >= to) return 1
  if (to - from > BLOCK_ROWS) return CORRUPT
  const first = lowerBound(times, 0, count, timeAt(block, entry, from))
  const last = timeAt(block, entry, to - 1)
  const end = last === i64.MAX_VALUE ? count : lowerBound(times, first, count, last + 1)
  if ((end - first) * LOOKUP_ROWS >= to - from) {
    if (decodeTimes(block, entry, from, to - from, DECODED) < 0) return CORRUPT
    return i32(timesApart(times + (usize(first) << 3), end - first, DECODED, to - from))
  }
  for (let i = first; i < end; i++) {
    const time = load<i64>(times + (usize(i) << 3))
    const row = timeLowerBound(block, entry, from, to, time)
    if (row < 0) return CORRUPT
    if (row < to && timeAt(block, entry, row) === time) return 0
    from = row
  }
  return 1
}
