// Chooses and writes residuals that are sums (differences.ts): how many low bits the steps should have,
// and which steps are so large that a piece of its own is cheaper than their unary part. A number of z
// with l low bits takes l + 1 + (z >> l) bits, which is least about where half of the numbers are below
// 2^l: so l is looked for around the median width.

import { pack, packedSize } from './bits'
import * as entries from './entry'
import { MODEL, PIECE_OFFSETS, PIECE_STARTS, signedBytes } from './line'
import { RESTART_ROWS, SUM_WIDTH_MAX, restartsOf, storeOffset } from './pieces'
import { UNARY_SIZE_MAX } from './unary'

/** Result of the last fit: IS_SUM, IS_RISING, or 0 if neither will do; and its bytes. */
export let sumKind: u32 = 0
export let sumBytes: i32 = i32.MAX_VALUE
export let sumSlope: i64 = 0
export let sumWidth: i32 = 0
export let sumPieces: i32 = 0
export let sumOffsetBytes: i32 = 0
/** Bytes of its bitmap. */
export let sumUnarySize: i32 = 0

/** Unary parts from here on are dearer than a piece: a start, an offset of mostly 1 to 4 bytes. */
const UNARY_MAX: u64 = 32

/**
 * Percent of a line's bytes that sums may take: steps are read at 0.7 times the rate of a line (a walk
 * of CPU percent: 570 M/s against 790), rising ones at about the same.
 */
const SUM_PERCENT_MAX: i32 = 88
const RISING_PERCENT_MAX: i32 = 95

/** Sums that never fall stay below 2^63: 1,024 steps of less than 32 · 2^46. */
const RISING_WIDTH_MAX: i32 = 46

/** What each row adds to the sum of the row before, i64[1024]; 0 for rows without a value. */
const STEPS: usize = memory.data(8192)
/** The same as numbers that are coded: zigzag, or as they are. */
const CODES: usize = memory.data(8192)
/** Pieces of what was tried last: u16[1024] and i64[1024]; those of a line stay where they are. */
const STARTS: usize = memory.data(2048)
const OFFSETS: usize = memory.data(8192)
/** Codes of a few rows, u64[128]. */
const SAMPLE: usize = memory.data(1024)
const SAMPLE_MAX: i32 = 128

let rows = 0
let forced: usize = 0
let forcedCount = 0
let mask: usize = 0
let firstRow = 0
let sampled = 0
/** What the kind that is tried may take. */
let bytesMax = 0
/** What the STEPS, CODES and pieces in place are of. */
let takenKind: u32 = 0
let takenSlope: i64 = 0

/**
 * Fits MODEL[0 … n) as fitLine does, between its two halves: `kinds` are the flags that may be used;
 * sums are counted from a line of `slope` or from none, rising ones from none. `lineBytes` are those of
 * a line: a kind that a sample says will save too little of them is not tried.
 */
export function fitSums(
  valid: usize,
  n: i32,
  starts: usize,
  startCount: i32,
  kinds: u32,
  slope: i64,
  lineBytes: i32,
): void {
  rows = n
  mask = valid
  forced = starts
  forcedCount = startCount
  sumKind = 0
  takenKind = 0
  bytesMax = (lineBytes * RISING_PERCENT_MAX) / 100
  if ((kinds & entries.IS_RISING) !== 0) consider(entries.IS_RISING, 0)
  if ((kinds & entries.IS_SUM) !== 0) {
    bytesMax = ((sumKind === 0 ? lineBytes : sumBytes) * SUM_PERCENT_MAX) / 100
    consider(entries.IS_SUM, 0)
    if (slope !== 0) consider(entries.IS_SUM, slope)
  }
}

/** Lines of so many bytes or more are not as good as what was chosen. */
export function lineBytesEnd(): i32 {
  const percent = sumKind === entries.IS_SUM ? SUM_PERCENT_MAX : RISING_PERCENT_MAX
  return (sumBytes * 100 + percent - 1) / percent
}

/** Puts the pieces of what was chosen into PIECE_*. */
export function settleSums(): void {
  if (takenKind !== sumKind || takenSlope !== sumSlope) {
    take(sumKind, sumSlope)
    cutPieces(sumKind, sumWidth, sumSlope)
  }
  memory.copy(PIECE_STARTS, STARTS, usize(sumPieces) << 1)
  memory.copy(PIECE_OFFSETS, OFFSETS, usize(sumPieces) << 3)
}

/** Tries one kind if a sample says that it may take fewer bytes than the best so far. */
function consider(kind: u32, slope: i64): void {
  if (!takeSample(kind, slope)) return
  const width = cheapestWidth(kind)
  // A sample may be wrong by some percent.
  if (sampleBytes > bytesMax + (bytesMax >> 4) || !take(kind, slope)) return
  if (!cutPieces(kind, width, slope) || laidBytes > bytesMax) return
  bytesMax = laidBytes
  sumKind = kind
  sumBytes = laidBytes
  sumSlope = slope
  sumWidth = width
}

function codeOf(kind: u32, step: i64): u64 {
  return kind === entries.IS_SUM ? u64((step << 1) ^ (step >> 63)) : u64(step)
}

function isFree(i: i32): bool {
  return mask !== 0 && load<u8>(mask + usize(i)) === 0
}

function modelAt(i: i32): i64 {
  return load<i64>(MODEL + (usize(i) << 3))
}

/** Codes of rows here and there, each from the row before; false if a kind that rises falls. */
function takeSample(kind: u32, slope: i64): bool {
  sampled = 0
  const stride = max(1, rows / SAMPLE_MAX)
  let next = 0
  for (let i = 1; i < rows && sampled < SAMPLE_MAX; i += stride) {
    if (isFree(i) || isFree(i - 1)) continue
    while (forcedRow(next) >= 0 && forcedRow(next) < i) next++
    if (forcedRow(next) === i) continue
    const step = modelAt(i) - modelAt(i - 1) - slope
    if (kind === entries.IS_RISING && step < 0) return false
    store<u64>(SAMPLE + (usize(sampled++) << 3), codeOf(kind, step))
  }
  return sampled > 0
}

/** Fills STEPS and CODES; false if a kind that rises falls. */
function take(kind: u32, slope: i64): bool {
  takenKind = 0
  if (mask !== 0) {
    if (!takeSome(kind, slope)) return false
  } else {
    if (takeAll(kind, slope) < 0 && kind === entries.IS_RISING && !isRising()) return false
  }
  takenKind = kind
  takenSlope = slope
  return true
}

/** take where some rows have no value. */
function takeSome(kind: u32, slope: i64): bool {
  let previous: i64 = 0
  let line: i64 = 0
  let next = 0
  let nextForced = forcedRow(0)
  firstRow = -1
  for (let i = 0; i < rows; i++, line += slope) {
    const at = usize(i) << 3
    let step: i64 = 0
    if (!isFree(i)) {
      const value = modelAt(i) - line
      if (firstRow < 0) firstRow = i
      else step = value - previous
      previous = value
      if (i === nextForced) nextForced = forcedRow(++next)
      else if (kind === entries.IS_RISING && step < 0) return false
    }
    store<i64>(STEPS + at, step)
    store<u64>(CODES + at, codeOf(kind, step))
  }
  return true
}

/** take where all rows have a value; negative if some step is. */
function takeAll(kind: u32, slope: i64): i64 {
  const isSum = kind === entries.IS_SUM
  const slopes = i64x2.splat(slope)
  let all = i64x2.splat(0)
  firstRow = 0
  store<i64>(STEPS, 0)
  store<u64>(CODES, 0)
  let at: usize = 8
  const end = usize(rows) << 3
  for (; at + 16 <= end; at += 16) {
    const rises = i64x2.sub(v128.load(MODEL + at), v128.load(MODEL + at - 8))
    const steps = i64x2.sub(rises, slopes)
    const signs = i64x2.lt_s(steps, i64x2.splat(0))
    v128.store(STEPS + at, steps)
    v128.store(CODES + at, isSum ? v128.xor(i64x2.shl(steps, 1), signs) : steps)
    all = v128.or(all, steps)
  }
  let last: i64 = 0
  if (at < end) {
    last = load<i64>(MODEL + at) - load<i64>(MODEL + at - 8) - slope
    store<i64>(STEPS + at, last)
    store<u64>(CODES + at, codeOf(kind, last))
  }
  return i64x2.extract_lane(all, 0) | i64x2.extract_lane(all, 1) | last
}

/** Does no step fall but those to a forced start? */
function isRising(): bool {
  let next = 0
  let nextForced = forcedRow(0)
  for (let i = 0; i < rows; i++) {
    if (i === nextForced) nextForced = forcedRow(++next)
    else if (load<i64>(STEPS + (usize(i) << 3)) < 0) return false
  }
  return true
}

function forcedRow(index: i32): i32 {
  return index < forcedCount ? i32(load<u16>(forced + (usize(index) << 1))) : -1
}

/** Codes from here on open a piece. */
function limitOf(kind: u32, width: i32): u64 {
  const limit = UNARY_MAX << width
  return kind === entries.IS_SUM ? min<u64>(limit, u64(1) << 31) : limit
}

/** Bytes that the sample says all rows take. */
let sampleBytes = 0

/** The width that costs the sample the fewest bits. */
function cheapestWidth(kind: u32): i32 {
  const least = kind === entries.IS_SUM ? 0 : 1
  const most = kind === entries.IS_SUM ? SUM_WIDTH_MAX : RISING_WIDTH_MAX
  let all: u64 = 0
  for (let k = 0; k < sampled; k++) all += u64(64 - clz(load<u64>(SAMPLE + (usize(k) << 3))))
  const middle = i32(all / u64(sampled))
  // None at all takes no row of words, which a few rows may not fill.
  let best = least
  let bestCost = costOf(kind, least)
  for (let width = max(least + 1, middle - 2); width <= min(most, middle + 1); width++) {
    const cost = costOf(kind, width)
    if (cost >= bestCost) continue
    bestCost = cost
    best = width
  }
  sampleBytes = i32((bestCost * u64(rows)) / (u64(sampled) << 3))
  return best
}

/** Bits of the sample's codes with so many low bits. */
function costOf(kind: u32, width: i32): u64 {
  const limit = limitOf(kind, width)
  let unary: u64 = 0
  let whole: u64 = 0
  let outliers: u64 = 0
  for (let k = 0; k < sampled; k++) {
    const code = load<u64>(SAMPLE + (usize(k) << 3))
    const isOutlier = code >= limit
    outliers += u64(isOutlier)
    whole += isOutlier ? 0 : code
    unary += isOutlier ? 0 : code >> width
  }
  // Sums that never fall carry from their low bits: the unary parts are those of the last sum.
  const highs = kind === entries.IS_SUM ? unary : whole >> width
  const lows = (u64(packedSize(rows, width)) * u64(sampled << 3)) / u64(rows)
  return lows + u64(sampled) + highs + outliers * UNARY_MAX
}

let laidBytes = 0

/** Cuts the pieces of a kind and measures it exactly; false if it cannot be stored. */
function cutPieces(kind: u32, width: i32, slope: i64): bool {
  const limit = limitOf(kind, width)
  const isSum = kind === entries.IS_SUM
  let sum: i64 = 0
  let unary: u64 = 0
  let low: i64 = 0
  let high: i64 = 0
  let next = forcedRow(0) === 0 ? 1 : 0
  let nextForced = forcedRow(next)
  sumPieces = 1
  store<u16>(STARTS, 0)
  const first = load<i64>(MODEL + (usize(firstRow) << 3)) - slope * i64(firstRow)
  store<i64>(OFFSETS, first)
  for (let i = 1; i < rows; i++) {
    const at = usize(i) << 3
    if (isSum && i % RESTART_ROWS === 0) {
      low = min(low, sum)
      high = max(high, sum)
    }
    if (
      (i & (GROUP - 1)) === 0 &&
      i + GROUP <= rows &&
      (nextForced < 0 || nextForced >= i + GROUP)
    ) {
      if (addGroup(at, width, limit, sum)) {
        sum += groupSum
        unary += groupUnary
        i += GROUP - 1
        continue
      }
    }
    const code = load<u64>(CODES + at)
    const isForced = i === nextForced
    if (isForced) nextForced = forcedRow(++next)
    if (isForced || code >= limit) {
      // The piece begins with its value: what this row would add to the sum is in its offset.
      const offset = load<i64>(MODEL + at) - sum
      store<u16>(STARTS + (usize(sumPieces) << 1), u16(i))
      store<i64>(OFFSETS + (usize(sumPieces++) << 3), offset)
      low = min(low, offset - first)
      high = max(high, offset - first)
      store<u64>(CODES + at, 0)
      store<i64>(STEPS + at, 0)
      continue
    }
    sum += load<i64>(STEPS + at)
    unary += code >> width
    if (isSum && (sum > i32.MAX_VALUE || sum < i32.MIN_VALUE)) return false
  }
  if (!isSum) unary = u64(sum) >> width
  if (unary > u64((UNARY_SIZE_MAX << 3) - rows)) return false
  sumUnarySize = (rows + i32(unary) + 7) >> 3
  sumOffsetBytes = signedBytes(low, high)
  const offsets = sumPieces - 1 + (isSum ? restartsOf(rows) : 0)
  laidBytes =
    packedSize(rows, width) + (sumPieces - 1) * 2 + offsets * sumOffsetBytes + sumUnarySize
  return true
}

/** Rows that are taken in one step where they neither begin a piece nor move the sum far. */
const GROUP = 16
/** A group of codes of so few low bits moves a sum by less than 2^30: 16 times half of 32 · 2^22. */
const GROUP_WIDTH_MAX = 22
const GROUP_SUM_MAX: i64 = 1 << 30

let groupSum: i64 = 0
let groupUnary: u64 = 0

/** Adds up the steps and unary parts of a group; false if its rows are to be looked at one by one. */
function addGroup(at: usize, width: i32, limit: u64, sum: i64): bool {
  if (width > GROUP_WIDTH_MAX || abs(sum) > GROUP_SUM_MAX) return false
  let codes = i64x2.splat(0)
  let steps = codes
  let unary = codes
  for (const end = at + (GROUP << 3); at < end; at += 16) {
    const two = v128.load(CODES + at)
    codes = v128.or(codes, two)
    unary = i64x2.add(unary, i64x2.shr_u(two, width))
    steps = i64x2.add(steps, v128.load(STEPS + at))
  }
  // The limit is a power of two.
  const all = u64(i64x2.extract_lane(codes, 0) | i64x2.extract_lane(codes, 1))
  if (all >= limit) return false
  groupSum = i64x2.extract_lane(steps, 0) + i64x2.extract_lane(steps, 1)
  groupUnary = u64(i64x2.extract_lane(unary, 0) + i64x2.extract_lane(unary, 1))
  return true
}

/** Packs the low bits of what was settled. */
export function packSums(target: usize): void {
  if (sumKind === entries.IS_SUM) return pack(CODES, rows, sumWidth, target)
  let sum: i64 = 0
  for (let i = 0; i < rows; i++) {
    const at = usize(i) << 3
    sum += load<i64>(STEPS + at)
    store<i64>(MODEL + at, sum)
  }
  pack(MODEL, rows, sumWidth, target)
}

/** Writes the stored sums and the bitmap of what was settled: the address behind them. */
export function storeUnary(target: usize): usize {
  const isSum = sumKind === entries.IS_SUM
  const bitmap = target + (isSum ? usize(restartsOf(rows) * sumOffsetBytes) : 0)
  let sum: i64 = 0
  let zeros: u64 = 0
  let word: u64 = 0
  let place = bitmap
  for (let i = 0; i < rows; i++) {
    const at = usize(i) << 3
    if (isSum && i > 0 && i % RESTART_ROWS === 0) {
      storeOffset(target, sumOffsetBytes, sum)
      target += usize(sumOffsetBytes)
    }
    sum += load<i64>(STEPS + at)
    if (isSum) zeros += load<u64>(CODES + at) >> sumWidth
    else zeros = u64(sum) >> sumWidth
    const bit = i + i32(zeros)
    for (const until = bitmap + (usize(bit >> 6) << 3); place < until; place += 8, word = 0) {
      store<u64>(place, word)
    }
    word |= u64(1) << (bit & 63)
  }
  // The last one is in the last byte.
  const end = bitmap + usize(sumUnarySize)
  for (; place < end; place++, word >>= 8) store<u8>(place, u8(word))
  return end
}
