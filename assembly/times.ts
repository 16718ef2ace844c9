// The time column, which is its own index. Times are coded as integers (integers.ts), each series in
// the block opening a piece, so that within a series the model predicts the row of a time.
//
// predict(t) never falls as t rises, and `epsilon` is the largest |predict(times[i]) − i| over the
// block, measured when it is built. A time between rows i−1 and i is therefore predicted within
// [i−1−epsilon, i+epsilon], and its lower bound lies in [predict − epsilon, predict + epsilon + 1].
// An answer inside was seen from both sides; one at an end is checked by one more random access, and
// a miss (another piece, a damaged bound) searches the rest instead.
// Times that come as they like may be sums that never fall (differences.ts): these are searched by
// counting in their bitmap, without a bound.

import { packedSize, residualAt } from './bits'
import * as entries from './entry'
import { UNIT_TEN, decodeIntegers, fitIntegers, storeIntegers } from './integers'
import { crc32c } from './checksum'
import { CORRUPT } from './layout'
import { lineIsRising, lineUnary, lineUnarySize, lineWords } from './pieces'
import { lineRows, lineShift, lineSlope, linePieces, lineUnit, lineWidth } from './pieces'
import { lineSizeOf, openLine, pieceBase, pieceEnd, pieceOf, pieceStart, valueAt } from './pieces'
import { onesFrom, positionBehindZero } from './unary'

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
  fitIntegers(times, 0, n, false, UNIT_TEN, starts, startCount, entries.IS_RISING)
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
  let epsilon = 0
  openLine(block, entry)
  if (lineIsRising) return 0
  // Clocks: every time lies on its line, and no rounding comes near half a row.
  if (lineWidth === 0 && lineShift === 0 && lineSlope > 0) return 0
  for (let piece = 0; piece < linePieces; piece++) {
    takePiece(piece)
    for (let row = takenStart; row < takenEnd; row++) {
      const time = load<i64>(times + (usize(row) << 3))
      epsilon = max(epsilon, abs(predict(time) - row))
    }
  }
  return epsilon
}

/** Of the last lower bound: the row that the model told, and how far the answer may lie from it. */
export let toldRow = 0
export let toldBound = 0

let takenStart = 0
let takenEnd = 0
let takenBase: i64 = 0
let firstRow: f64 = 0.0
let lastRow: f64 = 0.0
let unit: f64 = 1.0
let halfResidual: f64 = 0.0
let rowsPerStep: f64 = 0.0

/** Makes a piece of the open line the one that predict() is about. */
function takePiece(piece: i32): void {
  takenStart = pieceStart(piece)
  takenEnd = pieceEnd(piece)
  takenBase = pieceBase(piece)
  firstRow = f64(takenStart)
  lastRow = lineSlope > 0 ? f64(takenEnd - 1) : firstRow
  unit = f64(u64(lineUnit))
  halfResidual = lineWidth > 0 ? f64(u64(1) << (lineWidth - 1)) : 0.0
  rowsPerStep = lineSlope > 0 ? f64(u64(1) << lineShift) / f64(lineSlope) : 0.0
}

/** Row at which the line of the taken piece passes `time`, within the piece. */
function predict(time: i64): i32 {
  const above = f64(u64(time - takenBase)) / unit - halfResidual
  return i32(max(firstRow, min(lastRow, firstRow + nearest(above * rowsPerStep))))
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
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  const size = lineSizeOf(entry)
  return (
    encoding === entries.ENCODING_LINE &&
    (flags & (entries.IS_SUM | entries.HAS_NULLS | entries.IS_DENSE)) === 0 &&
    size >= 0 &&
    u32(size) === load<u32>(entry, entries.ENTRY_BYTES)
  )
}

/** Time of one row, without decoding; the minimum of i64 for a row that the entry does not have. */
export function timeAt(block: usize, entry: usize, row: i32): i64 {
  if (!isSound(entry) || u32(row) >= u32(load<u16>(entry, entries.ENTRY_ROWS))) return i64.MIN_VALUE
  openLine(block, entry)
  return openedTime(row)
}

/** timeAt a row of the open block, which has it. */
export function openedTime(row: i32): i64 {
  const piece = pieceOf(row)
  return valueAt(pieceBase(piece), pieceStart(piece), row)
}

/**
 * First row of [from, to) with a time ≥ `time`, else `to`; rows of one series, so ascending. From
 * the model, without decoding. CORRUPT if the entry is damaged or has no such rows.
 */
export function timeLowerBound(block: usize, entry: usize, from: i32, to: i32, time: i64): i32 {
  if (!isSound(entry) || from < 0 || to > i32(load<u16>(entry, entries.ENTRY_ROWS))) return CORRUPT
  if (from >= to) return to
  openLine(block, entry)
  return openedLowerBound(entry, from, to, time)
}

/** The row that the model told for the last lower bound, within its block. */
export function timeToldRow(): i32 {
  return toldRow
}

/** How far from it the answer may lie, in rows: what the model was measured to err by. */
export function timeToldBound(): i32 {
  return toldBound
}

/** Opens a block of times for openedTime and openedLowerBound; false if the entry is damaged. */
export function openTimes(block: usize, entry: usize): bool {
  if (!isSound(entry)) return false
  openLine(block, entry)
  return true
}

/** timeLowerBound in the open block, which has the rows; some. */
export function openedLowerBound(entry: usize, from: i32, to: i32, time: i64): i32 {
  if (lineIsRising) return risingLowerBound(from, to, time)
  takePiece(pieceOfTime(from, to, time))
  const epsilon = i32(load<u16>(entry, entries.ENTRY_EPSILON))
  const row = time < takenBase ? takenStart : predict(time)
  tell(row, epsilon)
  const low = min(to, max(from, takenStart))
  const high = max(low, min(to, takenEnd))
  const start = max(low, min(high, row - epsilon))
  const end = max(low, min(high, row + epsilon + 1))
  const found = searchTaken(start, end, max(start, min(end - 1, row)), time)
  // Inside, the rows on both sides of the answer were looked at; at an end, one was not.
  if (found === start && start > from && openedTime(start - 1) >= time) {
    return searchRows(from, start - 1, time)
  }
  if (found === end && end < to && openedTime(end) < time) return searchRows(end + 1, to, time)
  return found
}

function tell(row: i32, bound: i32): void {
  toldRow = row
  toldBound = bound
}

/** Lower bound of `time` in rows from … to of the taken piece, looking at row `probe` first. */
function searchTaken(from: i32, to: i32, probe: i32, time: i64): i32 {
  while (from < to) {
    if (valueAt(takenBase, takenStart, probe) < time) from = probe + 1
    else to = probe
    probe = (from + to) >> 1
  }
  return from
}

/** Last piece of the rows [from, to) whose base is ≤ `time`, if bases ascend; else some piece. */
function pieceOfTime(from: i32, to: i32, time: i64): i32 {
  let low = 0
  let high = linePieces
  if (from > 0) low = pieceOf(from)
  if (to < lineRows) high = pieceOf(to - 1) + 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (pieceBase(middle) <= time) low = middle
    else high = middle
  }
  return low
}

/** timeLowerBound where times are sums that never fall: the bitmap tells the rows to look at. */
function risingLowerBound(from: i32, to: i32, time: i64): i32 {
  const piece = pieceStartedBy(from, to, time)
  const base = pieceBase(piece)
  const low = max(from, pieceStart(piece))
  const high = max(low, min(to, pieceEnd(piece)))
  tell(low, 0)
  if (time <= base) return low
  const distance = u64(time - base)
  const unit = u64(lineUnit)
  const sought = distance / unit + u64(distance % unit !== 0)
  const share = sought >> lineWidth
  tell(high, 0)
  if (share >= u64(lineUnarySize) << 3) return high
  const place = positionBehindZero(lineUnary, lineUnarySize, i32(share))
  if (place < 0) return high
  // Rows that share the high part differ in their low bits.
  const rest = sought & ((u64(1) << lineWidth) - 1)
  const first = place - i32(share)
  let start = max(low, min(high, first))
  let end = max(start, min(high, first + onesFrom(lineUnary, lineUnarySize, place)))
  tell(start, end - start)
  while (start < end) {
    const middle = (start + end) >> 1
    if (residualAt(lineWords, lineRows, lineWidth, middle) < rest) start = middle + 1
    else end = middle
  }
  return start
}

/** Last piece of the rows [from, to) whose first time is ≤ `time`, else the first of them. */
function pieceStartedBy(from: i32, to: i32, time: i64): i32 {
  let low = pieceOf(from)
  let high = pieceOf(to - 1) + 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (valueAt(pieceBase(middle), 0, pieceStart(middle)) <= time) low = middle
    else high = middle
  }
  return low
}

function searchRows(from: i32, to: i32, time: i64): i32 {
  while (from < to) {
    const middle = (from + to) >> 1
    if (openedTime(middle) < time) from = middle + 1
    else to = middle
  }
  return from
}
