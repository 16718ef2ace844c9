// Sums of packed residuals where they lie, without unpacking them. All residuals of a row of 32 (bits.ts)
// are shifted by the same number of bits, so that their fields are masked and added as they are, and it
// is the sums of a row that are shifted, once instead of for every four values. Residuals that begin in
// one word and end in the next are two fields.

import { WORD_ROW } from './bits'

/** Most bits of residuals of which one lane of 32 bits holds the sum of a block: 256 of 24 bits. */
export const NARROW_WIDTH: i32 = 24
/** Bits that a sum of the eight fields of a lane has more than one of them. */
const EIGHT_BITS: i32 = 3

/** Four lanes of zeros, four of ones, four of zeros: which lanes of a group count. */
const LANES: usize = memory.data<u32>([0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0])

/** Sum of u32 [from, to) of a block, of at most NARROW_WIDTH bits each. */
export function sumNarrow(values: usize, from: i32, to: i32): u64 {
  let a = i32x4.splat(0)
  let b = a
  let p = values + (usize(from) << 2)
  const end = values + (usize(to) << 2)
  for (; p + 64 <= end; p += 64) {
    a = i32x4.add(a, i32x4.add(v128.load(p), v128.load(p, 16)))
    b = i32x4.add(b, i32x4.add(v128.load(p, 32), v128.load(p, 48)))
  }
  for (; p + 16 <= end; p += 16) a = i32x4.add(a, v128.load(p))
  let sum = sumLanes(i32x4.add(a, b))
  for (; p < end; p += 4) sum += u64(load<u32>(p))
  return sum
}

function sumLanes(lanes: v128): u64 {
  const pair = i64x2.add(i64x2.extend_low_i32x4_u(lanes), i64x2.extend_high_i32x4_u(lanes))
  return u64(i64x2.extract_lane(pair, 0)) + u64(i64x2.extract_lane(pair, 1))
}

/**
 * Sum of the residuals of rows [from, to) of a line, of 1 to NARROW_WIDTH bits, out of its words.
 * Words are read of these rows only.
 */
export function sumPacked(words: usize, width: i32, from: i32, to: i32): u64 {
  let row = from >> 5
  const last = to >> 5
  if (row === last) return sumLanes(sumSome(words, width, row, from & 31, to & 31))
  let sums = i32x4.splat(0)
  if ((from & 31) !== 0) sums = sumSome(words, width, row++, from & 31, 32)
  const mask = i32x4.splat((1 << width) - 1)
  for (let bit = row * width; row < last; row++, bit += width) {
    const shift = bit & 31
    const word = words + usize(bit >> 5) * WORD_ROW
    const fields = i32x4.shl(mask, shift)
    if (shift + width <= 32 - EIGHT_BITS) {
      sums = i32x4.add(sums, i32x4.shr_u(sumFields(word, fields), shift))
      continue
    }
    sums = i32x4.add(sums, i32x4.shr_u(sumHigh(word, fields), shift - EIGHT_BITS))
    if (shift + width <= 32) continue
    const rest = sumFields(word + WORD_ROW, i32x4.shr_u(mask, 32 - shift))
    sums = i32x4.add(sums, i32x4.shl(rest, 32 - shift))
  }
  if ((to & 31) !== 0) sums = i32x4.add(sums, sumSome(words, width, row, 0, to & 31))
  return sumLanes(sums)
}

/** Sums of fields that leave the highest bits of their words free. */
function sumFields(word: usize, fields: v128): v128 {
  const a = i32x4.add(v128.and(v128.load(word), fields), v128.and(v128.load(word, 16), fields))
  const b = i32x4.add(v128.and(v128.load(word, 32), fields), v128.and(v128.load(word, 48), fields))
  const c = i32x4.add(v128.and(v128.load(word, 64), fields), v128.and(v128.load(word, 80), fields))
  const d = i32x4.add(v128.and(v128.load(word, 96), fields), v128.and(v128.load(word, 112), fields))
  return i32x4.add(i32x4.add(a, b), i32x4.add(c, d))
}

/** Sums of fields that leave the lowest bits of their words free, moved down by so many. */
function sumHigh(word: usize, fields: v128): v128 {
  const a = i32x4.add(highAt(word, fields), highAt(word + 16, fields))
  const b = i32x4.add(highAt(word + 32, fields), highAt(word + 48, fields))
  const c = i32x4.add(highAt(word + 64, fields), highAt(word + 80, fields))
  const d = i32x4.add(highAt(word + 96, fields), highAt(word + 112, fields))
  return i32x4.add(i32x4.add(a, b), i32x4.add(c, d))
}

function highAt(word: usize, fields: v128): v128 {
  return i32x4.shr_u(v128.and(v128.load(word), fields), EIGHT_BITS)
}

/** Sums of the residuals [from, to) of one row, unpacked in groups of four. */
function sumSome(words: usize, width: i32, row: i32, from: i32, to: i32): v128 {
  const mask = i32x4.splat((1 << width) - 1)
  const bit = row * width
  const shift = bit & 31
  const word = words + usize(bit >> 5) * WORD_ROW
  const next = word + (shift + width > 32 ? WORD_ROW : 0)
  let sums = i32x4.splat(0)
  for (let lane = from & ~3; lane < to; lane += 4) {
    const at = usize(lane) << 2
    const here = i32x4.shr_u(v128.load(word + at), shift)
    // Shifts are taken modulo 32; where nothing is missing, what this puts in is masked out.
    const rest = i32x4.shl(v128.load(next + at), 32 - shift)
    const four = v128.and(v128.or(here, rest), mask)
    const before = v128.load(LANES + (usize(4 - max(from - lane, 0)) << 2))
    const behind = v128.load(LANES + (usize(8 - min(to - lane, 4)) << 2))
    sums = i32x4.add(sums, v128.and(v128.and(four, before), behind))
  }
  return sums
}
