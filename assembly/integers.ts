// The one codec for numbers: 64-bit integers with wrapping arithmetic as a piecewise line plus
// packed residuals (line.ts, bits.ts). Value i of a block is
//   base + unit · (offset[piece] + ((slope · (i − start[piece])) >> shift) + residual[i])
// where `unit` divides all differences: a power of ten for times and integers (a millisecond clock
// in nanoseconds), a power of two for float bits, 1 for decimals. Exact over all of i64 and u64.
// Residuals may be sums instead (differences.ts): a walk has small steps, times that come as they like
// never fall.
// Bytes: residuals, start u16 of each piece but the first, offset of each piece but the first; of sums
// their restarts and bitmap.

import { pack, packedSize } from './bits'
import { addHighs, addSums, sumUp } from './differences'
import * as entries from './entry'
import { extremeSlot } from './extreme'
import { LESS } from './filter'
import { LINES, MAGIC_BITS, addResiduals, divide, fill, layLine, quotients } from './lanes'
import { FULL, INTEGER, UNSIGNED } from './layout'
import * as line from './line'
import * as sum from './difference-fit'
import { MODEL, PIECE_OFFSETS, PIECE_STARTS, lineAt } from './line'
import {
  lineIsRising,
  lineIsSmall,
  lineIsSum,
  linePieces,
  lineShift,
  lineSlope,
  lineUnarySize,
  lineUnit,
  lineWidth,
  openLine,
  pieceBase,
  pieceEnd,
  pieceOf,
  pieceOffset,
  pieceStart,
  storeOffset,
} from './pieces'

/** What may be divided out of the differences. */
export const UNIT_NONE = 0
export const UNIT_TEN = 1
export const UNIT_TWO = 2

/** Inverse of 5 modulo 2^64: an exact division by 5 is a multiplication by it. */
const INVERSE_FIVE: u64 = 0xcccccccccccccccd
const TEN_EXPONENT_MAX = 19

/** Lines of fewer bytes are not worth a try with sums. */
const SUMS_BYTES_MIN = 24
/** Flag of the sums that take the place of residuals; 0 if a line does. */
let fittedSums: u32 = 0
let fittedBase: i64 = 0
let fittedExponent = 0
let fittedUnit: u64 = 1
let fittedRows = 0
let fittedMask: usize = 0

/**
 * Fits i64[n] (or u64[n] with `isUnsigned`): bytes that storeIntegers will write. `valid` u8[n] or
 * 0; `starts` u16[startCount] are rows that must open a piece; `sums`: flags of the kinds of sums that
 * may take the place of residuals.
 */
export function fitIntegers(
  values: usize,
  valid: usize,
  n: i32,
  isUnsigned: bool,
  unitKind: i32,
  starts: usize,
  startCount: i32,
  sums: u32,
): i32 {
  fittedRows = n
  fittedMask = valid
  const low = i64(extremeSlot(isUnsigned ? UNSIGNED : INTEGER, LESS, values, valid, 0, n))
  fittedExponent = 0
  if (unitKind === UNIT_TEN) fittedExponent = tenExponent(values, valid, n, low)
  if (unitKind === UNIT_TWO) fittedExponent = twoExponent(values, valid, n, low)
  fittedUnit = unitKind === UNIT_TWO ? u64(1) << fittedExponent : powerOf(10, fittedExponent)
  const inverse = unitKind === UNIT_TWO ? 1 : powerOf(INVERSE_FIVE, fittedExponent)
  const most =
    valid === 0 && inverse === 1 ? shiftModel(values, n, low) : divideModel(values, low, inverse)
  const isSloped = most < u64(1) << 62
  // Without a slope the whole u64 range is moved under the signed order of the fit.
  const bias: i64 = isSloped ? 0 : i64.MIN_VALUE
  if (!isSloped) biasModel(n)
  const first = line.startLine(valid, n, starts, startCount, isSloped)
  fittedSums = 0
  let end = i32.MAX_VALUE
  if (sums !== 0 && first >= SUMS_BYTES_MIN) {
    // Sums first: what they take says which lines need not be looked at.
    const slope = line.typicalDifference()
    sum.fitSums(valid, n, starts, startCount, sums, slope, first)
    fittedSums = sum.sumKind
    if (fittedSums !== 0) end = max(SUMS_BYTES_MIN, sum.lineBytesEnd())
  }
  line.fitLine(isSloped, end)
  if (line.fitBytes < end) fittedSums = 0
  if (fittedSums !== 0) sum.settleSums()
  else line.settleLine()
  fittedBase = low + i64(fittedUnit) * (load<i64>(PIECE_OFFSETS) - bias)
  return fittedSums !== 0 ? sum.sumBytes : line.fitBytes
}

/** Bits of a residual, or of a part of a sum, in the last fit. */
export function fittedWidth(): i32 {
  return fittedSums !== 0 ? sum.sumWidth : line.fitWidth
}

/** Writes what fitIntegers fitted, and its part of the entry: bytes, or FULL. */
export function storeIntegers(target: usize, capacity: i32, entry: usize): i32 {
  const isLine = fittedSums === 0
  const width = isLine ? line.fitWidth : sum.sumWidth
  const pieces = isLine ? line.fitPieces : sum.sumPieces
  const offsetBytes = isLine ? line.fitOffsetBytes : sum.sumOffsetBytes
  if ((isLine ? line.fitBytes : sum.sumBytes) > capacity) return FULL
  if (isLine) {
    if (width > 0) {
      replaceByResiduals()
      pack(MODEL, fittedRows, width, target)
    }
  } else {
    sum.packSums(target)
  }
  let at = target + usize(packedSize(fittedRows, width))
  for (let j = 1; j < pieces; j++, at += 2) {
    store<u16>(at, load<u16>(PIECE_STARTS + (usize(j) << 1)))
  }
  for (let j = 1; j < pieces; j++, at += usize(offsetBytes)) {
    const offset = load<i64>(PIECE_OFFSETS + (usize(j) << 3)) - load<i64>(PIECE_OFFSETS)
    storeOffset(at, offsetBytes, offset)
  }
  if (!isLine) at = sum.storeUnary(at)
  store<u8>(entry, u8(width), entries.ENTRY_WIDTH)
  store<u8>(entry, u8(fittedExponent), entries.ENTRY_EXPONENT)
  store<u16>(entry, u16(pieces), entries.ENTRY_PIECES)
  store<i64>(entry, fittedBase, entries.ENTRY_BASE)
  store<i64>(entry, isLine ? line.fitSlope : sum.sumSlope, entries.ENTRY_SLOPE)
  store<u8>(entry, u8(isLine ? line.fitShift : 0), entries.ENTRY_SHIFT)
  store<u8>(entry, u8(offsetBytes), entries.ENTRY_OFFSET_BYTES)
  store<u16>(entry, u16(isLine ? 0 : sum.sumUnarySize), entries.ENTRY_UNARY_SIZE)
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS)) | fittedSums
  store<u8>(entry, u8(flags | (width > 32 ? entries.IS_WIDE : 0)), entries.ENTRY_FLAGS)
  return i32(at - target)
}

/** Fills MODEL with distances from `low` over the unit; the greatest. */
function divideModel(values: usize, low: i64, inverse: u64): u64 {
  let most: u64 = 0
  for (let i = 0; i < fittedRows; i++) {
    if (fittedMask !== 0 && load<u8>(fittedMask + usize(i)) === 0) continue
    const model = (u64(load<i64>(values + (usize(i) << 3)) - low) >> fittedExponent) * inverse
    store<u64>(MODEL + (usize(i) << 3), model)
    most = max(most, model)
  }
  return most
}

/** divideModel of all rows by a power of two; a bound of the greatest that is below the next one. */
function shiftModel(values: usize, n: i32, low: i64): u64 {
  const lows = i64x2.splat(low)
  const exponent = fittedExponent
  let all = i64x2.splat(0)
  let at: usize = 0
  const end = usize(n) << 3
  for (; at + 16 <= end; at += 16) {
    const model = i64x2.shr_u(i64x2.sub(v128.load(values + at), lows), exponent)
    v128.store(MODEL + at, model)
    all = v128.or(all, model)
  }
  let last: u64 = 0
  if (at < end) {
    last = u64(load<i64>(values + at) - low) >> exponent
    store<u64>(MODEL + at, last)
  }
  return u64(i64x2.extract_lane(all, 0) | i64x2.extract_lane(all, 1)) | last
}

function biasModel(n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = MODEL + (usize(i) << 3)
    store<u64>(at, load<u64>(at) ^ 0x8000000000000000)
  }
}

/** MODEL becomes the residuals; rows without a value lie on the line. */
function replaceByResiduals(): void {
  for (let piece = 0; piece < line.fitPieces; piece++) {
    const start = i32(load<u16>(PIECE_STARTS + (usize(piece) << 1)))
    const next = PIECE_STARTS + (usize(piece + 1) << 1)
    const end = piece + 1 < line.fitPieces ? i32(load<u16>(next)) : fittedRows
    const offset = load<i64>(PIECE_OFFSETS + (usize(piece) << 3))
    const row = fittedMask === 0 ? takeLine(start, end, offset) : start
    takeResiduals(start, row, end, offset)
  }
}

/** Rows from … end of a piece, one by one. */
function takeResiduals(start: i32, from: i32, end: i32, offset: i64): void {
  for (let i = from; i < end; i++) {
    const at = MODEL + (usize(i) << 3)
    const isFree = fittedMask !== 0 && load<u8>(fittedMask + usize(i)) === 0
    const predicted = offset + lineAt(line.fitSlope, line.fitShift, i - start)
    store<i64>(at, isFree ? 0 : load<i64>(at) - predicted)
  }
}

/** takeResiduals of pairs of rows from the start of a piece; the first row that is left. */
function takeLine(start: i32, end: i32, offset: i64): i32 {
  const offsets = i64x2.splat(offset)
  const shift = line.fitShift
  const step = i64x2.splat(line.fitSlope << 1)
  let rise = i64x2.replace_lane(i64x2.splat(0), 1, line.fitSlope)
  let row = start
  for (; row + 2 <= end; row += 2) {
    const at = MODEL + (usize(row) << 3)
    const predicted = i64x2.add(shift === 0 ? rise : i64x2.shr_s(rise, shift), offsets)
    v128.store(at, i64x2.sub(v128.load(at), predicted))
    rise = i64x2.add(rise, step)
  }
  return row
}

function commonBits(values: usize, valid: usize, n: i32, low: i64): i32 {
  let bits: u64 = 0
  let i = 0
  if (valid === 0) {
    const lows = i64x2.splat(low)
    let all = i64x2.splat(0)
    for (; i + 2 <= n; i += 2) {
      all = v128.or(all, i64x2.sub(v128.load(values + (usize(i) << 3)), lows))
    }
    bits = u64(i64x2.extract_lane(all, 0) | i64x2.extract_lane(all, 1))
  }
  for (; i < n; i++) {
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

function powerOf(factor: u64, exponent: i32): u64 {
  let power: u64 = 1
  for (let e = 0; e < exponent; e++) power *= factor
  return power
}

/** Values from … from + count as i64[count]. The entry was checked with lineSizeOf. */
export function decodeIntegers(
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  target: usize,
): void {
  openLine(block, entry)
  decodePieces(from, count, 0.0, target)
}

/** Values from … from + count of a line of unit 1, each divided by `divisor`, as f64[count]. */
export function decodeQuotients(
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  divisor: f64,
  target: usize,
): void {
  openLine(block, entry)
  if (lineIsSmall()) {
    decodePieces(from, count, divisor, target)
  } else {
    decodePieces(from, count, 0.0, target)
    divide(divisor, target, target + (usize(count) << 3))
  }
}

/** Decodes the open line; `divisor` 0 leaves integers. */
function decodePieces(from: i32, count: i32, divisor: f64, target: usize): void {
  if (lineIsSum) return decodeSums(from, count, divisor, target)
  if (lineIsRising) return decodeRising(from, count, divisor, target)
  const piece = pieceOf(from)
  // Lines hold values where there is nothing to add, or the model where a unit is to be multiplied.
  const isModel = lineWidth > 0 && lineUnit !== 1
  if (lineWidth === 0) {
    layPieces(piece, from, count, false, divisor, target)
    const isLaid = divisor === 0.0 || lineSlope === 0
    if (!isLaid) quotients(divisor, target, target + (usize(count) << 3))
  } else if (lineSlope === 0 && pieceEnd(piece) >= from + count) {
    const flat = isModel ? pieceOffset(piece) : baseOf(piece, divisor)
    fill(flat, LINES, LINES + 32)
    addResiduals(from, count, 0, u64(abs(flat)), divisor, target)
  } else {
    layPieces(piece, from, count, isModel, divisor, LINES + (usize(from & 31) << 3))
    addResiduals(from, count, 32, reach, divisor, target)
  }
}

/** decodePieces for sums of steps. */
function decodeSums(from: i32, count: i32, divisor: f64, target: usize): void {
  const sums = sumUp(from, count)
  const isModel = lineUnit !== 1
  const piece = pieceOf(from)
  if (lineSlope === 0 && pieceEnd(piece) >= from + count) {
    fill(isModel ? pieceOffset(piece) : baseOf(piece, divisor), LINES, LINES + 32)
    addSums(sums, count, 0, divisor, target)
  } else {
    layPieces(piece, from, count, isModel, divisor, LINES)
    addSums(sums, count, 32, divisor, target)
  }
}

/** decodePieces for sums that never fall: their high parts are laid, and the rest are residuals. */
function decodeRising(from: i32, count: i32, divisor: f64, target: usize): void {
  const lines = LINES + (usize(from & 31) << 3)
  layPieces(pieceOf(from), from, count, lineUnit !== 1, divisor, lines)
  addHighs(from, count, lines)
  const highs = u64(lineUnarySize) << 3
  const most = lineWidth <= 29 ? reach + (highs << lineWidth) : u64.MAX_VALUE
  addResiduals(from, count, 32, most, divisor, target)
}

/** No model that layPieces laid is further from 0. */
let reach: u64 = 0

/** Lays the lines of rows from … from + count, the first of them in `piece`, without residuals. */
function layPieces(
  piece: i32,
  from: i32,
  count: i32,
  isModel: bool,
  divisor: f64,
  target: usize,
): void {
  const end = from + count
  const unit = isModel ? 1 : lineUnit
  reach = 0
  for (let row = from; row < end; piece++) {
    // Damaged starts may fall back: rows only ever move forward, and the last piece takes the rest.
    const until = piece + 1 < linePieces ? min(pieceStart(piece + 1), end) : end
    if (until <= row) continue
    const next = target + (usize(until - row) << 3)
    const base = isModel ? pieceOffset(piece) : baseOf(piece, divisor)
    const start = pieceStart(piece)
    if (isModel) {
      const rise = lineAt(lineSlope, lineShift, until - start)
      reach = max(reach, u64(abs(base)) + u64(abs(rise)))
    }
    const rise = lineSlope * i64(row - start)
    layLine(base, unit, rise, lineSlope, lineShift, target, next)
    target = next
    row = until
  }
}

/** Base of a piece for whoever wants quotients, if there is a divisor: a constant is one already. */
function baseOf(piece: i32, divisor: f64): i64 {
  const base = pieceBase(piece)
  if (divisor === 0.0) return base
  const isConstant = lineWidth === 0 && lineSlope === 0 && !lineIsSum
  return isConstant ? reinterpret<i64>(f64(base) / divisor) : base + MAGIC_BITS
}

/** Narrows u64[count] to u32[count] in place, for ids and row numbers that fit. */
export function narrow(values: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<u32>(values + (usize(i) << 2), u32(load<u64>(values + (usize(i) << 3))))
  }
}
