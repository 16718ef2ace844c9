// Aggregates of rows as they are packed: of decimals and integers whose block has one flat line, sums,
// least and greatest are found among the residuals, i32 each, and are made values once a bucket instead
// of once a row: no division, half the bytes, and sums of decimals are exact before the one division.
// Other blocks are decoded (aggregate-run.ts chooses).

import { bodySize } from './block'
import { FEATURE_GREATEST, FEATURE_LEAST, FEATURE_SUM } from './cell'
import { WORD_ROW } from './bits'
import { sumUp } from './differences'
import * as entries from './entry'
import { compareSlots } from './extreme'
import { GREATER, LESS } from './filter'
import { powerOfTen } from './floats'
import { FLOAT, INTEGER, UNSIGNED } from './layout'
import { NARROW_WIDTH, sumNarrow, sumPacked } from './packed-sum'
import { lineIsSum, lineWidth, lineWords, openLine, unitOf } from './pieces'
import { addFloat, addProduct, addWide } from './sum'

/** Place in a column descriptor of the entry whose residuals its values are; 0 = they are slots. */
export const PACKED: usize = 152
/** Beside it: the row of the block that the chunk begins with if values are its bytes; -1 = unpacked. */
const PACKED_FROM: usize = 156

const FEATURES: u32 = FEATURE_SUM | FEATURE_LEAST | FEATURE_GREATEST
const UNPACKED: u32 =
  entries.HAS_NULLS | entries.ALL_NULL | entries.IS_WIDE | entries.IS_RISING | entries.IS_DENSE
const WIDTH_MAX: u8 = 31
/** Units up to 10^6 keep sums of 1,024 residuals below 2^63. */
const EXPONENT_MAX: u8 = 6
/** Values of a block that are further apart may have come by wrapping. */
const REACH: u64 = 1 << 55

/** Do the residuals of a block answer what the features ask? */
export function isPacked(type: i32, features: u32, entry: usize): bool {
  if (features === 0 || (features & ~FEATURES) !== 0) return false
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  if ((flags & UNPACKED) !== 0) return false
  if (load<i64>(entry, entries.ENTRY_SLOPE) !== 0) return false
  if (load<u16>(entry, entries.ENTRY_PIECES) !== 1) return false
  if (load<u8>(entry, entries.ENTRY_WIDTH) > WIDTH_MAX) return false
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  if (type === FLOAT) {
    return encoding === entries.ENCODING_DECIMAL && load<u16>(entry, entries.ENTRY_EXCEPTIONS) === 0
  }
  if (encoding !== entries.ENCODING_LINE || (type !== INTEGER && type !== UNSIGNED)) return false
  if (load<u8>(entry, entries.ENTRY_EXPONENT) > EXPONENT_MAX) return false
  return (flags & entries.HAS_SUMMARY) !== 0 && isNear(type, entry)
}

/** Are base, least and greatest so near each other that no value of the block wraps? */
function isNear(type: i32, entry: usize): bool {
  const flip = type === INTEGER ? u64(0x8000000000000000) : 0
  const base = load<u64>(entry, entries.ENTRY_BASE) ^ flip
  const least = load<u64>(entry, entries.ENTRY_MIN) ^ flip
  const greatest = load<u64>(entry, entries.ENTRY_MAX) ^ flip
  const low = min(base, least)
  return max(base, greatest) - low < REACH && least <= greatest
}

/**
 * Makes rows from … from + count of a packed block the values of a column: the block's own bytes where
 * only sums are asked for and runs are `isLong`, else residuals, i32[count + 62], at `target`. False if
 * the block is damaged.
 */
export function takePacked(
  column: usize,
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  isLong: bool,
  target: usize,
): bool {
  const rows = i32(load<u16>(entry, entries.ENTRY_ROWS))
  if (from < 0 || count < 1 || count > rows - from) return false
  if (bodySize(i32(load<u32>(column)), entry) < 0) return false
  openLine(block, entry)
  const isSum = isLong && load<u32>(column, 4) === FEATURE_SUM
  const isInPlace = isSum && !lineIsSum && lineWidth > 0 && lineWidth <= NARROW_WIDTH
  store<u32>(column, u32(entry), PACKED)
  store<i32>(column, isInPlace ? from : -1, PACKED_FROM)
  store<u32>(column, u32(isInPlace ? block : unpackResiduals(from, count, target)), 8)
  return true
}

/** Residuals of rows from … from + count of the open line: the address of the first, in `target`. */
function unpackResiduals(from: i32, count: i32, target: usize): usize {
  if (lineIsSum) {
    memory.copy(target, sumUp(from, count), usize(count) << 2)
    return target
  }
  if (lineWidth === 0) {
    memory.fill(target, 0, usize(count) << 2)
    return target
  }
  const width = lineWidth
  const mask = i32x4.splat((1 << width) - 1)
  const end = (from + count + 31) >> 5
  let to = target
  let bit = (from >> 5) * width
  for (let row = from >> 5; row < end; row++, bit += width) {
    const shift = bit & 31
    const word = lineWords + usize(bit >> 5) * WORD_ROW
    if (shift + width <= 32) {
      for (let group: usize = 0; group < WORD_ROW; group += 32, to += 32) {
        v128.store(to, v128.and(i32x4.shr_u(v128.load(word + group), shift), mask))
        v128.store(to, v128.and(i32x4.shr_u(v128.load(word + group, 16), shift), mask), 16)
      }
      continue
    }
    for (let group: usize = 0; group < WORD_ROW; group += 16, to += 16) {
      const here = i32x4.shr_u(v128.load(word + group), shift)
      const rest = i32x4.shl(v128.load(word + group, WORD_ROW), 32 - shift)
      v128.store(to, v128.and(v128.or(here, rest), mask))
    }
  }
  return target + (usize(from & 31) << 2)
}

/** Sum of i32 [from, to), at most 2^32 of them. */
export function sumResiduals(values: usize, from: i32, to: i32): i64 {
  let a = i64x2.splat(0)
  let b = a
  let p = values + (usize(from) << 2)
  const end = values + (usize(to) << 2)
  for (; p + 32 <= end; p += 32) {
    const first = v128.load(p)
    const second = v128.load(p, 16)
    a = i64x2.add(a, i64x2.extend_low_i32x4_s(first))
    b = i64x2.add(b, i64x2.extend_high_i32x4_s(first))
    a = i64x2.add(a, i64x2.extend_low_i32x4_s(second))
    b = i64x2.add(b, i64x2.extend_high_i32x4_s(second))
  }
  a = i64x2.add(a, b)
  let sum = i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1)
  for (; p < end; p += 4) sum += i64(load<i32>(p))
  return sum
}

/** Sum of the residuals of rows [from, to) of a column. */
function sumOf(column: usize, entry: usize, from: i32, to: i32): i64 {
  const values = usize(load<u32>(column, 8))
  const first = load<i32>(column, PACKED_FROM)
  const width = i32(load<u8>(entry, entries.ENTRY_WIDTH))
  if (first >= 0) return i64(sumPacked(values, width, first + from, first + to))
  const isSum = (u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.IS_SUM) !== 0
  if (isSum || width > NARROW_WIDTH) return sumResiduals(values, from, to)
  return i64(sumNarrow(values, from, to))
}

/** Least (`wanted` LESS) or greatest of i32 [from, to), some. */
export function extremeResidual(wanted: i32, values: usize, from: i32, to: i32): i32 {
  let p = values + (usize(from) << 2)
  const end = values + (usize(to) << 2)
  let best = load<i32>(p)
  if (p + 16 <= end) {
    let lanes = v128.load(p)
    if (wanted === LESS) {
      for (; p + 16 <= end; p += 16) lanes = i32x4.min_s(lanes, v128.load(p))
    } else {
      for (; p + 16 <= end; p += 16) lanes = i32x4.max_s(lanes, v128.load(p))
    }
    for (let lane = 0; lane < 4; lane++) {
      best = further(wanted, best, i32x4.extract_lane(lanes, 0))
      lanes = v128.shuffle<i32>(lanes, lanes, 1, 2, 3, 0)
    }
  }
  for (; p < end; p += 4) best = further(wanted, best, load<i32>(p))
  return best
}

function further(wanted: i32, a: i32, b: i32): i32 {
  return wanted === LESS ? min(a, b) : max(a, b)
}

/** The slot of a residual of a block. */
function slotOf(type: i32, entry: usize, residual: i32): u64 {
  const base = load<i64>(entry, entries.ENTRY_BASE)
  if (type !== FLOAT) return u64(base + unitOf(entry) * i64(residual))
  const divisor = powerOfTen(i32(load<u8>(entry, entries.ENTRY_EXPONENT)))
  return reinterpret<u64>(f64(base + i64(residual)) / divisor)
}

function updateExtreme(cell: usize, type: i32, slot: u64, wanted: i32, isNew: bool): void {
  if (isNew || compareSlots(type, slot, load<u64>(cell)) === wanted) store<u64>(cell, slot)
}

/** Adds rows [from, to) of a column whose values are residuals to the cells of a record. */
export function accumulatePacked(record: usize, column: usize, from: i32, to: i32): void {
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  const values = usize(load<u32>(column, 8))
  const entry = usize(load<u32>(column, PACKED))
  const countCell = record + usize(load<u32>(column, 16))
  const before = load<u64>(countCell)
  const count = to - from
  if ((features & FEATURE_SUM) !== 0) {
    const cell = record + usize(load<u32>(column, 20))
    const base = load<i64>(entry, entries.ENTRY_BASE)
    const sum = sumOf(column, entry, from, to)
    if (type === FLOAT) {
      const divisor = powerOfTen(i32(load<u8>(entry, entries.ENTRY_EXPONENT)))
      addFloat(cell, f64(base * i64(count) + sum) / divisor)
    } else {
      addProduct(cell, base, u32(count), type === INTEGER)
      const rest = unitOf(entry) * sum
      addWide(cell, u64(rest), rest >> 63)
    }
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const slot = slotOf(type, entry, extremeResidual(LESS, values, from, to))
    updateExtreme(record + usize(load<u32>(column, 24)), type, slot, LESS, before === 0)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const slot = slotOf(type, entry, extremeResidual(GREATER, values, from, to))
    updateExtreme(record + usize(load<u32>(column, 28)), type, slot, GREATER, before === 0)
  }
  store<u64>(countCell, before + u64(count))
}
