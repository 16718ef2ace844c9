// Residuals that are sums, as they are read. Both kinds keep the high part of a number in a bitmap, in
// unary, and the low `width` bits packed as all residuals are:
// sums: what a row adds to the sum of the row before, as zigzag Rice codes (Rice and Plaunt, 1971).
//   Every 128 rows the sum is stored, so that no row is far from one that needs no other.
// rising: sums that never fall, by Elias and Fano: the bitmap counts the high parts, so that any row is
//   read without the others and a value is searched without reading any (unary.ts).

import { WORD_ROW } from './bits'
import { LINES, MAGIC } from './lanes'
import {
  RESTART_ROWS,
  lineBase,
  lineUnary,
  lineUnarySize,
  lineUnit,
  lineWidth,
  lineWords,
  restartAt,
} from './pieces'
import { ONES, unpackOnes } from './unary'

/** Sums of the rows from a restart on, i32[1024]. */
const SUMS: usize = memory.data(4096)

/** Sums of rows from … from + count of the open line: the address of the first, i32[count]. */
export function sumUp(from: i32, count: i32): usize {
  const begin = from & ~(RESTART_ROWS - 1)
  unpackOnes(lineUnary, lineUnarySize, begin, from + count - begin)
  const carry = i32x4.splat(i32(restartAt(begin / RESTART_ROWS)))
  if (lineWidth === 0) sumUnary(begin, from + count, carry)
  else sumPacked(begin, from + count, carry)
  return SUMS + (usize(from - begin) << 2)
}

/** Zeros before each of eight ones: positions are modulo 2^16, as is the 0xffff before all. */
function highsAt(ones: usize): v128 {
  const gaps = i16x8.sub(v128.load(ones), v128.load(ones - 2))
  return i16x8.sub(gaps, i16x8.splat(1))
}

/** Sums of rows from … end, of numbers without low bits. */
function sumUnary(from: i32, end: i32, carry: v128): void {
  let ones = ONES
  let target = SUMS
  for (let row = from; row < end; row += 8, ones += 16, target += 32) {
    const highs = highsAt(ones)
    carry = addUp(i32x4.extend_low_i16x8_u(highs), carry, target)
    carry = addUp(i32x4.extend_high_i16x8_u(highs), carry, target + 16)
  }
}

/** Sums of rows from … end. */
function sumPacked(from: i32, end: i32, carry: v128): void {
  const width = lineWidth
  const mask = i32x4.splat((1 << width) - 1)
  let ones = ONES
  let target = SUMS
  for (let row = from; row < end; row += 32) {
    const bit = (row >> 5) * width
    const shift = bit & 31
    const word = lineWords + usize(bit >> 5) * WORD_ROW
    const next = word + (shift + width > 32 ? WORD_ROW : 0)
    for (let group: usize = 0; group < WORD_ROW; group += 32, ones += 16, target += 32) {
      const highs = highsAt(ones)
      const low = i32x4.shl(i32x4.extend_low_i16x8_u(highs), width)
      const high = i32x4.shl(i32x4.extend_high_i16x8_u(highs), width)
      const first = unpack(word + group, next + group, shift, mask)
      const second = unpack(word + group + 16, next + group + 16, shift, mask)
      carry = addUp(v128.or(first, low), carry, target)
      carry = addUp(v128.or(second, high), carry, target + 16)
    }
  }
}

function unpack(word: usize, next: usize, shift: i32, mask: v128): v128 {
  const here = i32x4.shr_u(v128.load(word), shift)
  // Shifts are taken modulo 32; where nothing is missing, what this puts in is masked out.
  return v128.and(v128.or(here, i32x4.shl(v128.load(next), 32 - shift)), mask)
}

/** Stores the sums of four zigzag numbers after `carry`; the last of them, four times. */
function addUp(codes: v128, carry: v128, target: usize): v128 {
  const signs = i32x4.neg(v128.and(codes, i32x4.splat(1)))
  const steps = v128.xor(i32x4.shr_u(codes, 1), signs)
  const zero = i32x4.splat(0)
  const pairs = i32x4.add(steps, v128.shuffle<i32>(zero, steps, 0, 4, 5, 6))
  const all = i32x4.add(pairs, v128.shuffle<i32>(zero, pairs, 0, 1, 4, 5))
  const sums = i32x4.add(all, carry)
  v128.store(target, sums)
  return v128.shuffle<i32>(sums, sums, 3, 3, 3, 3)
}

/**
 * Values of i32[count] sums over LINES, which hold them without sums or, for another unit than 1,
 * models; with `stride` 0 (else 32) the first four slots stand for all. Integers, or quotients unless
 * `divisor` is 0: then the unit is 1 and LINES have MAGIC_BITS.
 */
export function addSums(sums: usize, count: i32, stride: usize, divisor: f64, target: usize): void {
  if (stride === 0 && (divisor !== 0.0 || lineUnit === 1)) {
    const whole = count & ~7
    addFlat(sums, target, target + (usize(whole) << 3), divisor)
    if (whole === count) return
    sums += usize(whole) << 2
    target += usize(whole) << 3
    count -= whole
  }
  const units = i64x2.splat(lineUnit)
  const bases = i64x2.splat(lineBase)
  const magic = f64x2.splat(MAGIC)
  const divisors = f64x2.splat(divisor)
  const divides = divisor !== 1.0
  let lines = LINES
  for (let i = 0; i < count; i += 4, sums += 16, lines += stride, target += 32) {
    const four = v128.load(sums)
    let low = i64x2.add(i64x2.extend_low_i32x4_s(four), v128.load(lines))
    let high = i64x2.add(i64x2.extend_high_i32x4_s(four), v128.load(lines, 16))
    if (divisor !== 0.0) {
      low = f64x2.sub(low, magic)
      high = f64x2.sub(high, magic)
      if (divides) {
        low = f64x2.div(low, divisors)
        high = f64x2.div(high, divisors)
      }
    } else if (lineUnit !== 1) {
      low = i64x2.add(i64x2.mul(low, units), bases)
      high = i64x2.add(i64x2.mul(high, units), bases)
    }
    if (count - i < 4) return storeSome(low, high, count - i, target)
    v128.store(target, low)
    v128.store(target, high, 16)
  }
}

/** addSums of one flat line of unit 1, eight at a time: integers, or quotients unless `divisor` is 0. */
function addFlat(sums: usize, target: usize, end: usize, divisor: f64): void {
  const line = v128.load(LINES)
  if (divisor === 0.0) {
    for (; target < end; target += 64, sums += 32) {
      const four = v128.load(sums)
      const next = v128.load(sums, 16)
      v128.store(target, i64x2.add(i64x2.extend_low_i32x4_s(four), line))
      v128.store(target, i64x2.add(i64x2.extend_high_i32x4_s(four), line), 16)
      v128.store(target, i64x2.add(i64x2.extend_low_i32x4_s(next), line), 32)
      v128.store(target, i64x2.add(i64x2.extend_high_i32x4_s(next), line), 48)
    }
    return
  }
  const magic = f64x2.splat(MAGIC)
  const divisors = f64x2.splat(divisor)
  const divides = divisor !== 1.0
  for (; target < end; target += 64, sums += 32) {
    const four = v128.load(sums)
    const next = v128.load(sums, 16)
    let a = f64x2.sub(i64x2.add(i64x2.extend_low_i32x4_s(four), line), magic)
    let b = f64x2.sub(i64x2.add(i64x2.extend_high_i32x4_s(four), line), magic)
    let c = f64x2.sub(i64x2.add(i64x2.extend_low_i32x4_s(next), line), magic)
    let d = f64x2.sub(i64x2.add(i64x2.extend_high_i32x4_s(next), line), magic)
    if (divides) {
      a = f64x2.div(a, divisors)
      b = f64x2.div(b, divisors)
      c = f64x2.div(c, divisors)
      d = f64x2.div(d, divisors)
    }
    v128.store(target, a)
    v128.store(target, b, 16)
    v128.store(target, c, 32)
    v128.store(target, d, 48)
  }
}

function storeSome(low: v128, high: v128, count: i32, target: usize): void {
  store<u64>(target, i64x2.extract_lane(low, 0))
  if (count > 1) store<u64>(target, i64x2.extract_lane(low, 1), 8)
  if (count > 2) store<u64>(target, i64x2.extract_lane(high, 0), 16)
}

/** Adds the high parts of rising sums of rows from … from + count to i64[count] lines. */
export function addHighs(from: i32, count: i32, lines: usize): void {
  unpackOnes(lineUnary, lineUnarySize, from, count)
  const steps = i32x4.splat(4)
  let rows = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3))
  let ones = ONES
  let i = 0
  for (; i + 4 <= count; i += 4, ones += 8, lines += 32) {
    const highs = i32x4.sub(v128.load_ext<u16>(ones), rows)
    const low = i64x2.shl(i64x2.extend_low_i32x4_u(highs), lineWidth)
    const high = i64x2.shl(i64x2.extend_high_i32x4_u(highs), lineWidth)
    v128.store(lines, i64x2.add(v128.load(lines), low))
    v128.store(lines, i64x2.add(v128.load(lines, 16), high), 16)
    rows = i32x4.add(rows, steps)
  }
  for (; i < count; i++, ones += 2, lines += 8) {
    const high = u64(load<u16>(ones)) - u64(from + i)
    store<u64>(lines, load<u64>(lines) + (high << lineWidth))
  }
}
