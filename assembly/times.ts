// The time column, which is its own index. Times are coded as integers (integers.ts), each series in
// the block opening a piece, so that within a series the model predicts the row of a time.
//
// predict(t) never falls as t rises, and `epsilon` is the largest |predict(times[i]) − i| over the
// block, measured when it is built. A time between rows i−1 and i is therefore predicted within
// [i−1−epsilon, i+epsilon], and its lower bound lies in [predict − epsilon, predict + epsilon + 1].
// Both ends are checked by random access; a miss (a damaged bound) searches the whole range instead.

import { packedSize } from './bits'
import * as entries from './entry'
import {
  UNIT_TEN,
  decodeIntegers,
  fitIntegers,
  integerAt,
  integerInPiece,
  integersSize,
  pieceBase,
  pieceEnd,
  pieceOf,
  pieceStart,
  storeIntegers,
  unitOf,
} from './integers'
import { crc32c } from './checksum'
import { CORRUPT } from './layout'

/** Most bytes that encodeTimes writes for `n` rows. */
export function encodeTimesBound(n: i32): i32 {
  return packedSize(n, 64) + 10 * n
}

/**
 * Encodes i64[n], 1 ≤ n ≤ 1,024, and fills the whole entry but its offset. `starts` u16[startCount]
 * are the rows at which a series starts, ascending (row 0 may be left out); within a series times
 * ascend. Returns bytes (0 for a regular clock) or FULL.
 */
export function encodeTimes(
  times: usize,
  n: i32,
  starts: usize,
  startCount: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  memory.fill(entry, 0, 96)
  store<u16>(entry, u16(n), entries.ENTRY_ROWS)
  store<u16>(entry, u16(n), entries.ENTRY_COUNT)
  store<u8>(entry, u8(entries.ENCODING_LINE), entries.ENTRY_ENCODING)
  store<u8>(entry, u8(entries.HAS_SUMMARY), entries.ENTRY_FLAGS)
  fitIntegers(times, 0, n, false, UNIT_TEN, starts, startCount)
  const size = storeIntegers(target, capacity, entry)
  if (size < 0) return size
  store<u32>(entry, u32(size), entries.ENTRY_BYTES)
  store<u32>(entry, crc32c(target, usize(size), 0), entries.ENTRY_CHECKSUM)
  summarize(times, n, entry)
  store<u16>(entry, u16(measureEpsilon(times, target, entry)), entries.ENTRY_EPSILON)
  return size
}

function summarize(times: usize, n: i32, entry: usize): void {
  let low = i64.MAX_VALUE
  let high = i64.MIN_VALUE
  for (let i = 0; i < n; i++) {
    const time = load<i64>(times + (usize(i) << 3))
    low = min(low, time)
    high = max(high, time)
  }
  store<i64>(entry, low, entries.ENTRY_MIN)
  store<i64>(entry, high, entries.ENTRY_MAX)
  store<i64>(entry, load<i64>(times), entries.ENTRY_FIRST)
  store<i64>(entry, load<i64>(times + (usize(n - 1) << 3)), entries.ENTRY_LAST)
}

function measureEpsilon(times: usize, block: usize, entry: usize): i32 {
  const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  let epsilon = 0
  for (let piece = 0; piece < pieces; piece++) {
    takePiece(block, entry, piece)
    const end = pieceEnd(block, entry, piece)
    for (let row = pieceStart(block, entry, piece); row < end; row++) {
      const time = load<i64>(times + (usize(row) << 3))
      epsilon = max(epsilon, abs(predict(time) - row))
    }
  }
  return epsilon
}

let lineStart: f64 = 0.0
let lineLast: f64 = 0.0
let lineBase: i64 = 0
let lineUnit: f64 = 1.0
let lineMiddle: f64 = 0.0
let lineScale: f64 = 0.0

/** Makes a piece the one that predict() is about. */
function takePiece(block: usize, entry: usize, piece: i32): void {
  const slope = load<i64>(entry, entries.ENTRY_SLOPE)
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  lineStart = f64(pieceStart(block, entry, piece))
  lineLast = slope > 0 ? f64(pieceEnd(block, entry, piece) - 1) : lineStart
  lineBase = pieceBase(block, entry, piece)
  lineUnit = f64(u64(unitOf(entry)))
  lineMiddle = width > 0 ? f64(u64(1) << (width - 1)) : 0.0
  lineScale = slope > 0 ? f64(u64(1) << load<u8>(entry, entries.ENTRY_SHIFT)) / f64(slope) : 0.0
}

/** Row at which the line of the taken piece passes `time`, within the piece. */
function predict(time: i64): i32 {
  const above = f64(u64(time - lineBase)) / lineUnit - lineMiddle
  return i32(max(lineStart, min(lineLast, lineStart + nearest(above * lineScale))))
}

/** Times of rows from … from + count into i64[count]: count, or CORRUPT. */
export function decodeTimes(block: usize, entry: usize, from: i32, count: i32, target: usize): i32 {
  if (!isSound(entry)) return CORRUPT
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  if (from < 0 || count < 0 || from > n || count > n - from) return CORRUPT
  if (count > 0) decodeIntegers(block, entry, from, count, target)
  return count
}

/** True if the entry's numbers agree with its size, so that no access leaves the block. */
export function isSound(entry: usize): bool {
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  const size = integersSize(entry)
  return (
    encoding === entries.ENCODING_LINE &&
    size >= 0 &&
    u32(size) === load<u32>(entry, entries.ENTRY_BYTES)
  )
}

/** Time of one row, without decoding; the minimum of i64 for a row that the entry does not have. */
export function timeAt(block: usize, entry: usize, row: i32): i64 {
  if (!isSound(entry) || u32(row) >= u32(load<u16>(entry, entries.ENTRY_ROWS))) return i64.MIN_VALUE
  return integerAt(block, entry, row)
}

/**
 * First row of [from, to) with a time ≥ `time`, else `to`; rows of one series, so ascending. From
 * the model, without decoding. CORRUPT if the entry is damaged or has no such rows.
 */
export function timeLowerBound(block: usize, entry: usize, from: i32, to: i32, time: i64): i32 {
  if (!isSound(entry) || from < 0 || to > i32(load<u16>(entry, entries.ENTRY_ROWS))) return CORRUPT
  if (from >= to) return to
  const piece = pieceOfTime(block, entry, from, to, time)
  const low = max(from, pieceStart(block, entry, piece))
  const high = min(to, pieceEnd(block, entry, piece))
  if (high <= low) return searchRows(block, entry, from, to, time)
  takePiece(block, entry, piece)
  const epsilon = i32(load<u16>(entry, entries.ENTRY_EPSILON))
  const row = time < lineBase ? low : predict(time)
  let start = max(low, min(high, row - epsilon))
  let end = max(low, min(high, row + epsilon + 1))
  if (start > low && integerInPiece(block, entry, piece, start - 1) >= time) start = low
  if (end < high && integerInPiece(block, entry, piece, end) < time) end = high
  while (start < end) {
    const middle = (start + end) >> 1
    if (integerInPiece(block, entry, piece, middle) < time) start = middle + 1
    else end = middle
  }
  return start
}

/** Last piece of the rows [from, to) whose first time is ≤ `time`; else the one of `from`. */
function pieceOfTime(block: usize, entry: usize, from: i32, to: i32, time: i64): i32 {
  let low = pieceOf(block, entry, from)
  let high = pieceOf(block, entry, to - 1) + 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    const start = pieceStart(block, entry, middle)
    const rows = i32(load<u16>(entry, entries.ENTRY_ROWS))
    if (start < rows && integerInPiece(block, entry, middle, start) <= time) low = middle
    else high = middle
  }
  return low
}

function searchRows(block: usize, entry: usize, from: i32, to: i32, time: i64): i32 {
  while (from < to) {
    const middle = (from + to) >> 1
    if (integerAt(block, entry, middle) < time) from = middle + 1
    else to = middle
  }
  return from
}
