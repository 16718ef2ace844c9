// The one codec for numbers: 64-bit integers with wrapping arithmetic as a piecewise line plus
// packed residuals (line.ts, bits.ts). Value i of a block is
//   base + unit · (offset[piece] + ((slope · (i − start[piece])) >> shift) + residual[i])
// where `unit` divides all differences: a power of ten for times and integers (a millisecond clock
// in nanoseconds), a power of two for float bits, 1 for decimals. Exact over all of i64 and u64.
// Bytes: residuals, start u16 of each piece but the first, offset of each piece but the first.

import { pack, packedSize, residualAt, unpack } from './bits'
import * as entries from './entry'
import { CORRUPT, FULL } from './layout'
import * as line from './line'
import { MODEL, PIECE_OFFSETS, PIECE_STARTS } from './line'

/** What may be divided out of the differences. */
export const UNIT_NONE = 0
export const UNIT_TEN = 1
export const UNIT_TWO = 2

/** Inverse of 5 modulo 2^64: an exact division by 5 is a multiplication by it. */
const INVERSE_FIVE: u64 = 0xcccccccccccccccd
const TEN_EXPONENT_MAX = 19

let fittedBase: i64 = 0
let fittedExponent = 0
let fittedUnit: u64 = 1
let fittedRows = 0
let fittedMask: usize = 0

/**
 * Fits i64[n] (or u64[n] with `isUnsigned`): bytes that storeIntegers will write. `valid` u8[n] or
 * 0; `starts` u16[startCount] are rows that must open a piece.
 */
export function fitIntegers(
  values: usize,
  valid: usize,
  n: i32,
  isUnsigned: bool,
  unitKind: i32,
  starts: usize,
  startCount: i32,
): i32 {
  fittedRows = n
  fittedMask = valid
  const low = minimum(values, valid, n, isUnsigned)
  fittedExponent = 0
  if (unitKind === UNIT_TEN) fittedExponent = tenExponent(values, valid, n, low)
  if (unitKind === UNIT_TWO) fittedExponent = twoExponent(values, valid, n, low)
  fittedUnit = unitKind === UNIT_TWO ? u64(1) << fittedExponent : powerOf(10, fittedExponent)
  const inverse = unitKind === UNIT_TWO ? 1 : powerOf(INVERSE_FIVE, fittedExponent)
  let most: u64 = 0
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const model = (u64(load<i64>(values + (usize(i) << 3)) - low) >> fittedExponent) * inverse
    store<u64>(MODEL + (usize(i) << 3), model)
    most = max(most, model)
  }
  const isSloped = most < u64(1) << 62
  // Without a slope the whole u64 range is moved under the signed order of the fit.
  const bias: i64 = isSloped ? 0 : i64.MIN_VALUE
  if (!isSloped) biasModel(n)
  line.fitLine(valid, n, starts, startCount, isSloped)
  fittedBase = low + i64(fittedUnit) * (load<i64>(PIECE_OFFSETS) - bias)
  return line.fitBytes
}

/** Bits of a residual in the last fit. */
export function fittedWidth(): i32 {
  return line.fitWidth
}

/** Writes what fitIntegers fitted, and its part of the entry: bytes, or FULL. */
export function storeIntegers(target: usize, capacity: i32, entry: usize): i32 {
  const width = line.fitWidth
  const pieces = line.fitPieces
  if (line.fitBytes > capacity) return FULL
  replaceByResiduals()
  pack(MODEL, fittedRows, width, target)
  let at = target + usize(packedSize(fittedRows, width))
  for (let j = 1; j < pieces; j++, at += 2) {
    store<u16>(at, load<u16>(PIECE_STARTS + (usize(j) << 1)))
  }
  for (let j = 1; j < pieces; j++, at += usize(line.fitOffsetBytes)) {
    const offset = load<i64>(PIECE_OFFSETS + (usize(j) << 3)) - load<i64>(PIECE_OFFSETS)
    storeOffset(at, line.fitOffsetBytes, offset)
  }
  store<u8>(entry, u8(width), entries.ENTRY_WIDTH)
  store<u8>(entry, u8(fittedExponent), entries.ENTRY_EXPONENT)
  store<u16>(entry, u16(pieces), entries.ENTRY_PIECES)
  store<i64>(entry, fittedBase, entries.ENTRY_BASE)
  store<i64>(entry, line.fitSlope, entries.ENTRY_SLOPE)
  store<u8>(entry, u8(line.fitShift), entries.ENTRY_SHIFT)
  store<u8>(entry, u8(line.fitOffsetBytes), entries.ENTRY_OFFSET_BYTES)
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  if (width > 32) store<u8>(entry, u8(flags | entries.IS_WIDE), entries.ENTRY_FLAGS)
  return i32(at - target)
}

function biasModel(n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = MODEL + (usize(i) << 3)
    store<u64>(at, load<u64>(at) ^ 0x8000000000000000)
  }
}

/** MODEL becomes the residuals; rows without a value lie on the line. */
function replaceByResiduals(): void {
  let piece = -1
  let start = 0
  let next = 0
  let offset: i64 = 0
  for (let i = 0; i < fittedRows; i++) {
    if (i === next) {
      piece++
      start = i
      offset = load<i64>(PIECE_OFFSETS + (usize(piece) << 3))
      next =
        piece + 1 < line.fitPieces ? i32(load<u16>(PIECE_STARTS + (usize(piece + 1) << 1))) : -1
    }
    const at = MODEL + (usize(i) << 3)
    const isFree = fittedMask !== 0 && load<u8>(fittedMask + usize(i)) === 0
    const predicted = offset + line.lineAt(line.fitSlope, line.fitShift, i - start)
    store<i64>(at, isFree ? 0 : load<i64>(at) - predicted)
  }
}

function minimum(values: usize, valid: usize, n: i32, isUnsigned: bool): i64 {
  // Unsigned order is signed order with the top bit flipped.
  const flip: i64 = isUnsigned ? i64.MIN_VALUE : 0
  let low = i64.MAX_VALUE
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    low = min(low, load<i64>(values + (usize(i) << 3)) ^ flip)
  }
  return low ^ flip
}

function commonBits(values: usize, valid: usize, n: i32, low: i64): i32 {
  let bits: u64 = 0
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    bits |= u64(load<i64>(values + (usize(i) << 3)) - low)
  }
  return bits === 0 ? 0 : i32(ctz(bits))
}

function twoExponent(values: usize, valid: usize, n: i32, low: i64): i32 {
  return commonBits(values, valid, n, low)
}

/** Largest e with 10^e dividing every difference from `low`; 0 if there are none. */
function tenExponent(values: usize, valid: usize, n: i32, low: i64): i32 {
  let exponent = min(commonBits(values, valid, n, low), TEN_EXPONENT_MAX)
  let inverse = powerOf(INVERSE_FIVE, exponent)
  // x is a multiple of 5^e exactly if x · 5^-e (mod 2^64) does not exceed the quotient's maximum.
  let most = u64.MAX_VALUE / powerOf(5, exponent)
  for (let i = 0; i < n && exponent > 0; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const distance = u64(load<i64>(values + (usize(i) << 3)) - low)
    while (distance * inverse > most) {
      exponent--
      inverse = powerOf(INVERSE_FIVE, exponent)
      most = u64.MAX_VALUE / powerOf(5, exponent)
    }
  }
  return exponent
}

/** 10^e for e from 0 to 19. */
const TENS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
  100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
  100000000000000000, 1000000000000000000, 10000000000000000000,
])

function powerOf(factor: u64, exponent: i32): u64 {
  let power: u64 = 1
  for (let e = 0; e < exponent; e++) power *= factor
  return power
}

function storeOffset(at: usize, bytes: i32, offset: i64): void {
  if (bytes === 8) store<i64>(at, offset)
  else if (bytes === 4) store<i32>(at, i32(offset))
  else if (bytes === 2) store<i16>(at, i16(offset))
  else if (bytes === 1) store<i8>(at, i8(offset))
}

function loadOffset(at: usize, bytes: i32): i64 {
  if (bytes === 0) return 0
  if (bytes === 1) return i64(load<i8>(at))
  if (bytes === 2) return i64(load<i16>(at))
  if (bytes === 4) return i64(load<i32>(at))
  return load<i64>(at)
}

/** Bytes that the entry's line takes, or CORRUPT if its numbers are impossible. */
export function integersSize(entry: usize): i32 {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  const offsetBytes = i32(load<u8>(entry, entries.ENTRY_OFFSET_BYTES))
  if (n < 1 || n > 1024 || width > 64 || pieces < 1 || pieces > n) return CORRUPT
  if (offsetBytes > 8 || (offsetBytes !== 0 && popcnt(offsetBytes) !== 1)) return CORRUPT
  if (load<u8>(entry, entries.ENTRY_SHIFT) > 63) return CORRUPT
  if (load<u8>(entry, entries.ENTRY_EXPONENT) > 63) return CORRUPT
  return packedSize(n, width) + (pieces - 1) * (2 + offsetBytes)
}

/** The factor of the entry's model: see the file's head. */
export function unitOf(entry: usize): i64 {
  const exponent = i32(load<u8>(entry, entries.ENTRY_EXPONENT))
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  if (encoding === entries.ENCODING_FLOAT) return i64(1) << exponent
  if (encoding !== entries.ENCODING_LINE) return 1
  return load<i64>(TENS + (usize(min(exponent, TEN_EXPONENT_MAX)) << 3))
}

/** True if the pieces start in ascending rows, as every writer stores them. */
export function arePiecesOrdered(block: usize, entry: usize): bool {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  let previous = 0
  for (let j = 1; j < pieces; j++) {
    const start = pieceStart(block, entry, j)
    if (start <= previous || start >= n) return false
    previous = start
  }
  return true
}

/** First row of piece `j`; the entry was checked with integersSize. */
export function pieceStart(block: usize, entry: usize, j: i32): i32 {
  return j === 0 ? 0 : i32(load<u16>(startsOf(block, entry) + (usize(j - 1) << 1)))
}

/** Row behind piece `j`. */
export function pieceEnd(block: usize, entry: usize, j: i32): i32 {
  const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  return j + 1 < pieces ? pieceStart(block, entry, j + 1) : n
}

/** Value at the start of the line of piece `j` with residual 0. */
export function pieceBase(block: usize, entry: usize, j: i32): i64 {
  const base = load<i64>(entry, entries.ENTRY_BASE)
  return j === 0 ? base : base + unitOf(entry) * pieceOffset(block, entry, j)
}

/** Last piece that starts at or before `row`. */
export function pieceOf(block: usize, entry: usize, row: i32): i32 {
  let low = 0
  let high = i32(load<u16>(entry, entries.ENTRY_PIECES))
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (pieceStart(block, entry, middle) <= row) low = middle
    else high = middle
  }
  return low
}

function startsOf(block: usize, entry: usize): usize {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  return block + usize(packedSize(n, i32(load<u8>(entry, entries.ENTRY_WIDTH))))
}

function pieceOffset(block: usize, entry: usize, j: i32): i64 {
  if (j === 0) return 0
  const pieces = usize(load<u16>(entry, entries.ENTRY_PIECES))
  const bytes = i32(load<u8>(entry, entries.ENTRY_OFFSET_BYTES))
  const offsets = startsOf(block, entry) + ((pieces - 1) << 1)
  return loadOffset(offsets + usize((j - 1) * bytes), bytes)
}

/** One value, by random access. The entry was checked with integersSize; 0 ≤ row < rows. */
export function integerAt(block: usize, entry: usize, row: i32): i64 {
  return integerInPiece(block, entry, pieceOf(block, entry, row), row)
}

/** integerAt for a caller that knows the row's piece. */
export function integerInPiece(block: usize, entry: usize, piece: i32, row: i32): i64 {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  const slope = load<i64>(entry, entries.ENTRY_SLOPE)
  const shift = i32(load<u8>(entry, entries.ENTRY_SHIFT))
  const distance = row - pieceStart(block, entry, piece)
  const model = line.lineAt(slope, shift, distance) + i64(residualAt(block, n, width, row))
  return pieceBase(block, entry, piece) + unitOf(entry) * model
}

/** Values from … from + count as i64[count]. Checked as integerAt. */
export function decodeIntegers(
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  target: usize,
): void {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  unpack(block, n, width, from, count, target)
  const end = from + count
  let row = from
  for (let piece = pieceOf(block, entry, from); row < end; piece++) {
    const pieces = i32(load<u16>(entry, entries.ENTRY_PIECES))
    // Damaged starts may fall back: rows only ever move forward, and the last piece takes the rest.
    let until = piece + 1 < pieces ? pieceStart(block, entry, piece + 1) : n
    until = piece + 1 < pieces ? min(until, end) : end
    if (until <= row) continue
    addLine(block, entry, piece, row, until, target + (usize(row - from) << 3))
    row = until
  }
}

function addLine(
  block: usize,
  entry: usize,
  piece: i32,
  row: i32,
  until: i32,
  target: usize,
): void {
  const base = pieceBase(block, entry, piece)
  const unit = unitOf(entry)
  const slope = load<i64>(entry, entries.ENTRY_SLOPE)
  const shift = i64(load<u8>(entry, entries.ENTRY_SHIFT))
  const end = target + (usize(until - row) << 3)
  if (unit === 1 && slope === 0) {
    addConstant(base, target, end)
    return
  }
  let product = slope * i64(row - pieceStart(block, entry, piece))
  for (; target < end; target += 8, product += slope) {
    store<i64>(target, base + unit * ((product >> shift) + load<i64>(target)))
  }
}

function addConstant(base: i64, target: usize, end: usize): void {
  const lanes = i64x2.splat(base)
  for (; target + 16 <= end; target += 16) {
    v128.store(target, i64x2.add(v128.load(target), lanes))
  }
  if (target < end) store<i64>(target, load<i64>(target) + base)
}

/** Narrows u64[count] to u32[count] in place, for ids and row numbers that fit. */
export function narrow(values: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<u32>(values + (usize(i) << 2), u32(load<u64>(values + (usize(i) << 3))))
  }
}
