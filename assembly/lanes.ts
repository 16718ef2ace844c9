// The vector half of the line codec, two 64-bit lanes at a time. The pieces' lines are laid into slots
// that stay in the first cache, then every row of 32 gets its residuals as they are packed (bits.ts),
// whatever pieces it has. The shift is the same in all streams of a row, so one routine serves all
// widths.
// Doubles are made of integers m within ±2^51 by adding them to the bits of 1.5 · 2^52, which makes
// the bits of the double 1.5 · 2^52 + m: whoever wants m / divisor adds MAGIC_BITS to the line, and
// `quotients` takes the 1.5 · 2^52 off and divides.

import { WORD_ROW, packedSize } from './bits'
import { lineBase, lineRows, lineUnit, lineWidth, lineWords } from './pieces'

/** 1.5 · 2^52, as a double and as bits. */
export const MAGIC: f64 = 6755399441055744.0
export const MAGIC_BITS: i64 = 0x4338000000000000

/** A row of 32 slots, some of which are not asked for. */
const ROW: usize = memory.data(256)
/** Residuals of a row. */
const RESIDUALS: usize = memory.data(256)
const ROW_SIZE: usize = 256
/** The line of four slots that adds nothing. */
const ZEROS: usize = memory.data(32)

/** Fills slots from `target` to `end`. */
export function fill(value: i64, target: usize, end: usize): void {
  const lanes = i64x2.splat(value)
  for (; target + 16 <= end; target += 16) v128.store(target, lanes)
  if (target < end) store<i64>(target, value)
}

/**
 * Lays base + unit · (rise >> shift) into the slots from `target` to `end`, where `rise` grows by
 * `slope` from one to the next.
 */
export function layLine(
  base: i64,
  unit: i64,
  rise: i64,
  slope: i64,
  shift: i32,
  target: usize,
  end: usize,
): void {
  if (slope === 0) fill(base + unit * (rise >> shift), target, end)
  else if (shift === 0) layRamp(base + unit * rise, unit * slope, target, end)
  else if (unit === 1) layShifted(base, rise, slope, shift, target, end)
  else {
    // A product of 64-bit lanes costs more than two scalar ones.
    for (; target < end; target += 8, rise += slope) {
      store<i64>(target, base + unit * (rise >> shift))
    }
  }
}

function layRamp(value: i64, step: i64, target: usize, end: usize): void {
  let lanes = i64x2.replace_lane(i64x2.splat(value), 1, value + step)
  const steps = i64x2.splat(step << 1)
  for (; target + 16 <= end; target += 16) {
    v128.store(target, lanes)
    lanes = i64x2.add(lanes, steps)
  }
  if (target < end) store<i64>(target, i64x2.extract_lane(lanes, 0))
}

function layShifted(base: i64, rise: i64, slope: i64, shift: i32, target: usize, end: usize): void {
  // Lanes have a logical shift only: the rise is moved up by 2^63 and what that adds taken off.
  const up: i64 = i64.MIN_VALUE
  const bases = i64x2.splat(base - i64(u64(up) >> shift))
  const steps = i64x2.splat(slope << 1)
  let rises = i64x2.replace_lane(i64x2.splat(rise + up), 1, rise + slope + up)
  for (; target + 16 <= end; target += 16) {
    v128.store(target, i64x2.add(i64x2.shr_u(rises, shift), bases))
    rises = i64x2.add(rises, steps)
  }
  if (target < end) {
    store<i64>(target, i64x2.extract_lane(i64x2.add(i64x2.shr_u(rises, shift), bases), 0))
  }
}

/** What is laid for whole rows of 32, i64[1024 + 32]: the first row may be asked for in part. */
export const LINES: usize = memory.data(8448)

/**
 * Values of the open line's rows from … from + count, from their residuals and LINES, whose first row
 * is that of `from`; with `stride` 0 (else 32) its first four slots stand for all. LINES hold values
 * without residuals, or for another unit than 1 models within ±`reach`.
 * Integers, or quotients of them unless `divisor` is 0: then the unit is 1.
 */
export function addResiduals(
  from: i32,
  count: i32,
  stride: usize,
  reach: u64,
  divisor: f64,
  target: usize,
): void {
  lineStride = stride
  high = lineWidth > 32 ? lineWords + usize(packedSize(lineRows, 32)) : 0
  const isShort = lineWidth <= 29 && reach < 3 << 29 && u64(lineUnit) < 1 << 31
  let row = from >> 5
  let lines = LINES
  const head = min((32 - (from & 31)) & 31, count)
  if (head > 0) {
    addRows(row++, isShort, lines, divisor, ROW, ROW + ROW_SIZE)
    copySlots(ROW + (usize(from & 31) << 3), head, target)
    lines += stride << 3
    target += usize(head) << 3
  }
  const rows = (count - head) >> 5
  const end = target + (usize(rows) << 8)
  addRows(row, isShort, lines, divisor, target, end)
  const tail = (count - head) & 31
  if (tail > 0) {
    lines += usize(rows) * (stride << 3)
    addRows(row + rows, isShort, lines, divisor, ROW, ROW + ROW_SIZE)
    copySlots(ROW, tail, end)
  }
}

let lineStride: usize = 32
/** The plane of the bits above 32; 0 if there is none. */
let high: usize = 0

function copySlots(source: usize, count: i32, target: usize): void {
  const end = target + (usize(count) << 3)
  for (; target < end; target += 8, source += 8) store<u64>(target, load<u64>(source))
}

/** addResiduals for whole rows of 32 from `row` on. */
function addRows(
  row: i32,
  isShort: bool,
  lines: usize,
  divisor: f64,
  target: usize,
  end: usize,
): void {
  if (lineUnit !== 1 && isShort) {
    addScaled(row, lines, target, end)
  } else if (lineUnit !== 1 || high !== 0) {
    addWide(row, lines, target, end)
    if (divisor !== 0.0) quotients(divisor, target, end)
  } else if (divisor !== 0.0) {
    addQuotients(lineWords, lineWidth, row, lines, divisor, target, end)
  } else {
    addNarrow(lineWords, lineWidth, row, lines, lineStride, target, end)
  }
}

/**
 * Units of 1 and widths up to 32. A word and the one after it make 64 bits that hold the residual;
 * where one word holds it, it is taken twice, as there may be none after it.
 */
function addNarrow(
  words: usize,
  width: i32,
  row: i32,
  lines: usize,
  stride: usize,
  target: usize,
  end: usize,
): void {
  const mask = i64x2.splat((u64(1) << width) - 1)
  for (let bit = row * width; target < end; bit += width) {
    const shift = bit & 31
    const word = words + usize(bit >> 5) * WORD_ROW
    const next = word + (shift + width > 32 ? WORD_ROW : 0)
    for (let group: usize = 0; group < WORD_ROW; group += 32, target += 64) {
      addFour(word + group, next + group, shift, mask, lines, target)
      addFour(word + group + 16, next + group + 16, shift, mask, lines + stride, target + 32)
      lines += stride << 1
    }
  }
}

function addFour(
  word: usize,
  next: usize,
  shift: i32,
  mask: v128,
  lines: usize,
  target: usize,
): void {
  const here = v128.load(word)
  const rest = v128.load(next)
  const even = i64x2.shr_u(v128.shuffle<i32>(here, rest, 0, 4, 1, 5), shift)
  const odd = i64x2.shr_u(v128.shuffle<i32>(here, rest, 2, 6, 3, 7), shift)
  v128.store(target, i64x2.add(v128.and(even, mask), v128.load(lines)))
  v128.store(target, i64x2.add(v128.and(odd, mask), v128.load(lines, 16)), 16)
}

/** addNarrow and quotients in one: the divisions hide the rest. */
function addQuotients(
  words: usize,
  width: i32,
  row: i32,
  lines: usize,
  divisor: f64,
  target: usize,
  end: usize,
): void {
  const stride = lineStride
  const mask = i64x2.splat((u64(1) << width) - 1)
  const magic = f64x2.splat(MAGIC)
  const divisors = f64x2.splat(divisor)
  const divides = divisor !== 1.0
  for (let bit = row * width; target < end; bit += width) {
    const shift = bit & 31
    const word = words + usize(bit >> 5) * WORD_ROW
    const next = word + (shift + width > 32 ? WORD_ROW : 0)
    for (let group: usize = 0; group < WORD_ROW; group += 16, target += 32, lines += stride) {
      const here = v128.load(word + group)
      const rest = v128.load(next + group)
      let even = i64x2.shr_u(v128.shuffle<i32>(here, rest, 0, 4, 1, 5), shift)
      let odd = i64x2.shr_u(v128.shuffle<i32>(here, rest, 2, 6, 3, 7), shift)
      even = f64x2.sub(i64x2.add(v128.and(even, mask), v128.load(lines)), magic)
      odd = f64x2.sub(i64x2.add(v128.and(odd, mask), v128.load(lines, 16)), magic)
      if (divides) {
        even = f64x2.div(even, divisors)
        odd = f64x2.div(odd, divisors)
      }
      v128.store(target, even)
      v128.store(target, odd, 16)
    }
  }
}

/** Any unit below 2^31 where models with their residuals are too: products of 32-bit lanes. */
function addScaled(row: i32, lines: usize, target: usize, end: usize): void {
  const stride = lineStride
  const width = lineWidth
  const words = lineWords
  const mask = i32x4.splat((1 << width) - 1)
  const units = i32x4.splat(i32(lineUnit))
  const bases = i64x2.splat(lineBase)
  for (let bit = row * width; target < end; bit += width) {
    const shift = bit & 31
    const word = words + usize(bit >> 5) * WORD_ROW
    const next = word + (shift + width > 32 ? WORD_ROW : 0)
    for (let group: usize = 0; group < WORD_ROW; group += 32, target += 64) {
      const laid = modelsAt(lines)
      const first = i32x4.add(residualsAt(word + group, next + group, shift, mask), laid)
      v128.store(target, i64x2.add(i64x2.extmul_low_i32x4_s(first, units), bases))
      v128.store(target, i64x2.add(i64x2.extmul_high_i32x4_s(first, units), bases), 16)
      const more = modelsAt(lines + stride)
      const at = group + 16
      const second = i32x4.add(residualsAt(word + at, next + at, shift, mask), more)
      v128.store(target, i64x2.add(i64x2.extmul_low_i32x4_s(second, units), bases), 32)
      v128.store(target, i64x2.add(i64x2.extmul_high_i32x4_s(second, units), bases), 48)
      lines += stride << 1
    }
  }
}

/** The low halves of four slots. */
function modelsAt(lines: usize): v128 {
  return v128.shuffle<i32>(v128.load(lines), v128.load(lines, 16), 0, 2, 4, 6)
}

function residualsAt(word: usize, next: usize, shift: i32, mask: v128): v128 {
  const here = i32x4.shr_u(v128.load(word), shift)
  // Shifts are taken modulo 32; where nothing is missing, what this puts in is masked out.
  const rest = i32x4.shl(v128.load(next), 32 - shift)
  return v128.and(v128.or(here, rest), mask)
}

/** Any width and unit. */
function addWide(row: i32, lines: usize, target: usize, end: usize): void {
  const units = i64x2.splat(lineUnit)
  const bases = i64x2.splat(lineUnit === 1 ? 0 : lineBase)
  const exponent = popcnt(lineUnit) === 1 ? i32(ctz(lineUnit)) : -1
  if (exponent >= 0 && high !== 0) return addPlanes(row, lines, bases, exponent, target, end)
  for (; target < end; row++) {
    takeResiduals(row)
    for (let at: usize = 0; at < ROW_SIZE; at += 32, target += 32, lines += lineStride) {
      const even = i64x2.add(v128.load(RESIDUALS + at), v128.load(lines))
      const odd = i64x2.add(v128.load(RESIDUALS + at, 16), v128.load(lines, 16))
      if (exponent < 0) {
        v128.store(target, i64x2.add(i64x2.mul(even, units), bases))
        v128.store(target, i64x2.add(i64x2.mul(odd, units), bases), 16)
      } else {
        v128.store(target, i64x2.add(i64x2.shl(even, exponent), bases))
        v128.store(target, i64x2.add(i64x2.shl(odd, exponent), bases), 16)
      }
    }
  }
}

/** addWide of two planes in one go, where the unit is a power of two, as that of doubles is. */
function addPlanes(
  row: i32,
  lines: usize,
  bases: v128,
  exponent: i32,
  target: usize,
  end: usize,
): void {
  const stride = lineStride
  const width = lineWidth - 32
  // All of the low plane, and what the high one has of a number.
  const mask = i64x2.splat((((u64(1) << width) - 1) << 32) | 0xffffffff)
  let lows = lineWords + usize(row) * WORD_ROW
  for (let bit = row * width; target < end; bit += width) {
    const shift = bit & 31
    const word = high + usize(bit >> 5) * WORD_ROW
    const next = word + (shift + width > 32 ? WORD_ROW : 0)
    for (let group: usize = 0; group < WORD_ROW; group += 16, target += 32, lines += stride) {
      const low = v128.load(lows + group)
      const here = v128.load(word + group)
      const rest = v128.load(next + group)
      // Shifts are taken modulo 32; where nothing is missing, what this puts in is masked out.
      const highs = v128.or(i32x4.shr_u(here, shift), i32x4.shl(rest, 32 - shift))
      const even = v128.and(v128.shuffle<i32>(low, highs, 0, 4, 1, 5), mask)
      const odd = v128.and(v128.shuffle<i32>(low, highs, 2, 6, 3, 7), mask)
      const first = i64x2.shl(i64x2.add(even, v128.load(lines)), exponent)
      const second = i64x2.shl(i64x2.add(odd, v128.load(lines, 16)), exponent)
      v128.store(target, i64x2.add(first, bases))
      v128.store(target, i64x2.add(second, bases), 16)
    }
    lows += WORD_ROW
  }
}

/** The residuals of a row, from both planes. */
function takeResiduals(row: i32): void {
  const end = RESIDUALS + ROW_SIZE
  if (high === 0) {
    addNarrow(lineWords, lineWidth, row, ZEROS, 0, RESIDUALS, end)
  } else {
    addNarrow(high, lineWidth - 32, row, ZEROS, 0, RESIDUALS, end)
    addLowPlane(lineWords + usize(row) * WORD_ROW)
  }
}

/** Moves the high bits of RESIDUALS up and puts a row of words below. */
function addLowPlane(words: usize): void {
  for (let at: usize = 0; at < WORD_ROW; at += 16) {
    const slot = RESIDUALS + (at << 1)
    const lows = v128.load(words + at)
    const even = i64x2.shl(v128.load(slot), 32)
    const odd = i64x2.shl(v128.load(slot, 16), 32)
    v128.store(slot, v128.or(even, i64x2.extend_low_i32x4_u(lows)))
    v128.store(slot, v128.or(odd, i64x2.extend_high_i32x4_u(lows)), 16)
  }
}

/** Doubles from `target` to `end` lose MAGIC and are divided. */
export function quotients(divisor: f64, target: usize, end: usize): void {
  const magic = f64x2.splat(MAGIC)
  const divisors = f64x2.splat(divisor)
  for (; target + 16 <= end; target += 16) {
    v128.store(target, f64x2.div(f64x2.sub(v128.load(target), magic), divisors))
  }
  if (target < end) store<f64>(target, (load<f64>(target) - MAGIC) / divisor)
}

/** The scalar twin of quotients, of any integers, without MAGIC_BITS. */
export function divide(divisor: f64, target: usize, end: usize): void {
  for (; target < end; target += 8) store<f64>(target, f64(load<i64>(target)) / divisor)
}
