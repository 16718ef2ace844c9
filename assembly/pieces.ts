// A block's line as it is read: the entry's numbers and the places of its pieces, taken once by
// openLine and valid until it is called for another block. Layout: docs/format.md, "Blocks".
// The entry was checked with lineSizeOf, so that no access leaves the block; damaged pieces give
// wrong values, nothing worse.

import { packedSize, residualAt } from './bits'
import * as entries from './entry'
import { BLOCK_ROWS, CORRUPT } from './layout'
import { UNARY_SIZE_MAX, positionOfOne } from './unary'

/** The line that is open: rows and bits of a residual. */
export let lineRows = 0
export let lineWidth = 0
export let linePieces = 0
/** Factor of the model, and its slope with `lineShift` fraction bits. */
export let lineUnit: i64 = 1
export let lineSlope: i64 = 0
export let lineShift: i32 = 0
/** The value that the model is counted from. */
export let lineBase: i64 = 0
/** First byte of the residuals. */
export let lineWords: usize = 0

/** True if residuals are sums of steps, or sums that never fall: see differences.ts. */
export let lineIsSum = false
export let lineIsRising = false
/** Their bitmap and its bytes. */
export let lineUnary: usize = 0
export let lineUnarySize = 0

let starts: usize = 0
let offsets: usize = 0
let restarts: usize = 0
let offsetBytes = 0

/** Rows from one stored sum to the next. */
export const RESTART_ROWS: i32 = 128
/** Sums and what they are made of are 32 bits: wider ones would save no more than a few percent. */
export const SUM_WIDTH_MAX: i32 = 30

/** 10^e for e from 0 to 19. */
const TENS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
  100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
  100000000000000000, 1000000000000000000, 10000000000000000000,
])
const TEN_EXPONENT_MAX = 19

/** Rows that the entry's line has: all, or those with a value where the others have no slot. */
export function lineRowsOf(entry: usize): i32 {
  const isDense = (u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.IS_DENSE) !== 0
  return i32(isDense ? load<u16>(entry, entries.ENTRY_COUNT) : load<u16>(entry, entries.ENTRY_ROWS))
}

/** Stored sums of a line of `n` rows. */
export function restartsOf(n: i32): i32 {
  return (n - 1) / RESTART_ROWS
}

/** Bytes that the entry's line takes, or CORRUPT if its numbers are impossible. */
export function lineSizeOf(entry: usize): i32 {
  const n = lineRowsOf(entry)
  const kind = u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.SUM_KINDS
  const unary = i32(load<u16>(entry, entries.ENTRY_UNARY_SIZE))
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  const bytes = i32(load<u8>(entry, entries.ENTRY_OFFSET_BYTES))
  if (n < 1 || n > BLOCK_ROWS || width > 64 || pieces < 1 || pieces > n) return CORRUPT
  if (bytes > 8 || (bytes !== 0 && popcnt(bytes) !== 1)) return CORRUPT
  if (load<u8>(entry, entries.ENTRY_SHIFT) > 63) return CORRUPT
  if (load<u8>(entry, entries.ENTRY_EXPONENT) > 63) return CORRUPT
  const line = packedSize(n, width) + (pieces - 1) * (2 + bytes)
  if (kind === 0) return unary === 0 ? line : CORRUPT
  if (kind === entries.SUM_KINDS || unary < 1 || unary > UNARY_SIZE_MAX) return CORRUPT
  if (kind === entries.IS_RISING) return width > 0 ? line + unary : CORRUPT
  return width <= SUM_WIDTH_MAX ? line + restartsOf(n) * bytes + unary : CORRUPT
}

/** The factor of the entry's model: see integers.ts. */
export function unitOf(entry: usize): i64 {
  const exponent = i32(load<u8>(entry, entries.ENTRY_EXPONENT))
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  if (encoding === entries.ENCODING_FLOAT) return i64(1) << exponent
  if (encoding !== entries.ENCODING_LINE) return 1
  return load<i64>(TENS + (usize(min(exponent, TEN_EXPONENT_MAX)) << 3))
}

/** Makes a block's line the open one. The entry was checked with lineSizeOf. */
export function openLine(block: usize, entry: usize): void {
  lineRows = lineRowsOf(entry)
  lineWidth = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  linePieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  lineUnit = unitOf(entry)
  lineSlope = load<i64>(entry, entries.ENTRY_SLOPE)
  lineShift = i32(load<u8>(entry, entries.ENTRY_SHIFT))
  lineWords = block
  lineBase = load<i64>(entry, entries.ENTRY_BASE)
  offsetBytes = i32(load<u8>(entry, entries.ENTRY_OFFSET_BYTES))
  starts = block + usize(packedSize(lineRows, lineWidth))
  offsets = starts + (usize(linePieces - 1) << 1)
  const kind = u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.SUM_KINDS
  lineIsSum = kind === entries.IS_SUM
  lineIsRising = kind === entries.IS_RISING
  restarts = offsets + usize((linePieces - 1) * offsetBytes)
  lineUnary = restarts + (lineIsSum ? usize(restartsOf(lineRows) * offsetBytes) : 0)
  lineUnarySize = i32(load<u16>(entry, entries.ENTRY_UNARY_SIZE))
}

/** True if no value of the open line, of unit 1, nor any part of it, is beyond ±2^51. */
export function lineIsSmall(): bool {
  const limit: i64 = 1 << 49
  const perRow = lineSlope >> lineShift
  return (
    lineWidth <= (lineIsRising ? 32 : 48) &&
    offsetBytes <= 4 &&
    lineBase < limit &&
    lineBase > -limit &&
    perRow < limit / BLOCK_ROWS &&
    perRow > -limit / BLOCK_ROWS
  )
}

/** First row of piece `j`. */
export function pieceStart(j: i32): i32 {
  return j === 0 ? 0 : i32(load<u16>(starts + (usize(j - 1) << 1)))
}

/** Row behind piece `j`. */
export function pieceEnd(j: i32): i32 {
  return j + 1 < linePieces ? pieceStart(j + 1) : lineRows
}

/** The model at the start of the line of piece `j`. */
export function pieceOffset(j: i32): i64 {
  return j === 0 ? 0 : offsetAt(offsets, j - 1)
}

/** Sum of the row before row RESTART_ROWS · `k`. */
export function restartAt(k: i32): i64 {
  return k === 0 ? 0 : offsetAt(restarts, k - 1)
}

function offsetAt(first: usize, index: i32): i64 {
  if (offsetBytes === 0) return 0
  const at = first + usize(index * offsetBytes)
  if (offsetBytes === 1) return i64(load<i8>(at))
  if (offsetBytes === 2) return i64(load<i16>(at))
  if (offsetBytes === 4) return i64(load<i32>(at))
  return load<i64>(at)
}

/** Writes a signed number of 0, 1, 2, 4 or 8 bytes. */
export function storeOffset(at: usize, bytes: i32, offset: i64): void {
  if (bytes === 8) store<i64>(at, offset)
  else if (bytes === 4) store<i32>(at, i32(offset))
  else if (bytes === 2) store<i16>(at, i16(offset))
  else if (bytes === 1) store<i8>(at, i8(offset))
}

/** Value at the start of the line of piece `j` with residual 0. */
export function pieceBase(j: i32): i64 {
  return lineBase + lineUnit * pieceOffset(j)
}

/** Last piece that starts at or before `row`. */
export function pieceOf(row: i32): i32 {
  let low = 0
  let high = linePieces
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (pieceStart(middle) <= row) low = middle
    else high = middle
  }
  return low
}

/** Value of a row in a piece that starts at row `start` with `base`; 0 ≤ row < lineRows. Not of sums. */
export function valueAt(base: i64, start: i32, row: i32): i64 {
  let residual = residualAt(lineWords, lineRows, lineWidth, row)
  if (lineIsRising) {
    residual += u64(positionOfOne(lineUnary, lineUnarySize, row) - row) << lineWidth
  }
  return base + lineUnit * (((lineSlope * i64(row - start)) >> lineShift) + i64(residual))
}

/** True if the bitmap has a one for each row, the last of them in its last byte. */
export function isUnaryComplete(): bool {
  if (!lineIsSum && !lineIsRising) return true
  const last = positionOfOne(lineUnary, lineUnarySize, lineRows - 1)
  const bits = lineUnarySize << 3
  return (
    last >> 3 === lineUnarySize - 1 && positionOfOne(lineUnary, lineUnarySize, lineRows) === bits
  )
}

/** True if the pieces start in ascending rows, as every writer stores them. */
export function arePiecesOrdered(): bool {
  let previous = 0
  for (let j = 1; j < linePieces; j++) {
    const start = pieceStart(j)
    if (start <= previous || start >= lineRows) return false
    previous = start
  }
  return true
}
