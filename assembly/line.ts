// The learned model of a block: pieces of one shared slope. Within piece j
//   value[i] = offset[j] + ((slope · (i − start[j])) >> shift) + residual[i],   0 ≤ residual < 2^width.
// For a given slope and width the greedy scan opens the fewest pieces (any piece that covers a row
// also covers every shorter run of it); the width is walked down from one line's while bytes fall.
// Slopes tried: a typical difference, the mean of the typical ones, the mean of all, none; each only if a
// sample says that it can pay. After O'Rourke's swing filter and the PGM-index (Ferragina and
// Vinciguerra, VLDB 2020).

import { packedSize } from './bits'
import { GROUP, groupLow, groupRange, groups, leastPieces } from './line-groups'
import { startGroups, takeGroups } from './line-groups'

/** The values that are fitted, i64[1024]; the caller fills it. */
export const MODEL: usize = memory.data(8192)
/** Result of the last fit: first row of each piece, u16[fitPieces]. */
export const PIECE_STARTS: usize = memory.data(2048)
/** Result of the last fit: offset of each piece, i64[fitPieces]. */
export const PIECE_OFFSETS: usize = memory.data(8192)

/** Result of the last fit: fixed-point slope with `fitShift` fraction bits. */
export let fitSlope: i64 = 0
export let fitShift: i32 = 0
/** Result of the last fit: bits of a residual, 0 to 64. */
export let fitWidth: i32 = 0
export let fitPieces: i32 = 0
/** Result of the last fit: bytes of a piece's offset from the first piece's: 0, 1, 2, 4 or 8. */
export let fitOffsetBytes: i32 = 0
/** Result of the last fit: bytes of residuals and pieces together. */
export let fitBytes: i32 = 0

/** Most fraction bits of a slope: 2^-12 · 1,023 rows stays below a quarter of a unit. */
const SHIFT_MAX = 12
/** |slope| · 1,023 stays below 2^62, so no product overflows. */
const SLOPE_LIMIT: f64 = 4503599627370496.0

/** A piece takes a start and an offset of a byte or more, unless forced ones have equal offsets. */
const PIECE_BYTES = 3
const PIECE_OFFSET_MAX = 8

let reached = 0
let rows = 0
let mask: usize = 0
let forced: usize = 0
let forcedCount = 0
let widest: u64 = 0
let offsetLow: i64 = 0
let offsetHigh: i64 = 0
/** Is any row but the first one forced to open a piece? */
let hasForced = false
/** Lines of so many bytes are of no use. */
let bytesEnd = 0
/** Are the pieces of the last width in PIECE_*, and are they of the best line? */
let isCut = false
let isCutKept = false
/** Median of the sampled differences, and whether most are near it. */
let typical: i64 = 0
let isTypical = false

/**
 * Begins to fit MODEL[0 … n). `valid` is u8[n], or 0 when every row has a value; rows without one are
 * free. `starts` u16[startCount] are rows that must open a piece. Slopes are tried only with
 * `isSloped`: then every value lies in [0, 2^62); else any i64 will do. At least one row has a value.
 * Returns the bytes of a first guess, an upper bound of what fitLine finds: it is one piece (and those
 * forced), flat or with a typical slope.
 */
export function startLine(
  valid: usize,
  n: i32,
  starts: usize,
  startCount: i32,
  isSloped: bool,
): i32 {
  rows = n
  mask = valid
  forced = starts
  forcedCount = startCount
  hasForced = startCount > (forcedRow(0) === 0 ? 1 : 0)
  fitBytes = i32.MAX_VALUE
  bytesEnd = i32.MAX_VALUE
  isCutKept = false
  typical = 0
  startGroups(MODEL, valid, n)
  if (isSloped) considerTypical()
  if (fitBytes === 0) return 0
  takeGroups(0, 0)
  const flat = packedSize(rows, wholeWidth()) + forcedCount * (2 + PIECE_OFFSET_MAX)
  return min(fitBytes, flat)
}

/** Fits what startLine began; a line of `end` bytes or more is of no use: fitBytes may then be more. */
export function fitLine(isSloped: bool, end: i32): void {
  bytesEnd = end
  if (isSloped && fitBytes > 0) considerMeans()
  if (fitBytes > 0) consider(0, 0)
}

/** Cuts the pieces of what was fitted, into PIECE_* and fitPieces. */
export function settleLine(): void {
  if (isCutKept) return
  takeGroups(fitSlope, fitShift)
  if (fitPieces === 1 && !hasForced) {
    store<u16>(PIECE_STARTS, 0)
    store<i64>(PIECE_OFFSETS, groupLow())
    return
  }
  fitPieces = cut(fitSlope, fitShift, fitWidth, rows)
}

/** Value of the model's line at `row` rows from the start of a piece. */
export function lineAt(slope: i64, shift: i32, row: i32): i64 {
  return (slope * i64(row)) >> shift
}

/** The typical slope, where a sample of the differences says that it takes out most of them. */
function considerTypical(): void {
  typical = medianDifference()
  const limit = i64(SLOPE_LIMIT)
  isTypical = typical !== 0 && typical < limit && typical > -limit && isSteady(typical)
  if (isTypical) consider(typical, 0)
}

function considerMeans(): void {
  if (isTypical) {
    // Not as far as twice: that is what one missing row of a regular clock looks like.
    const low = typical / 2
    const high = typical + low
    considerMean(meanDifference(min(low, high), max(low, high)))
    if (fitBytes === 0) return
  }
  // The mean of all brings the two ends together: worth a bit if they are half the range apart.
  const mean = meanOfAll()
  if (abs(mean) * f64(rows) > f64(flatRange()) * 0.5) considerMean(mean)
}

/** From the least to the greatest value. */
function flatRange(): u64 {
  takeGroups(0, 0)
  return groupRange()
}

function considerMean(mean: f64): void {
  let shift = SHIFT_MAX
  let scaled = mean * 4096.0
  while (shift > 0 && abs(scaled) >= SLOPE_LIMIT) {
    scaled *= 0.5
    shift--
  }
  if (!(abs(scaled) < SLOPE_LIMIT)) return
  let slope = i64(nearest(scaled))
  if (slope === 0) return
  while (shift > 0 && (slope & 1) === 0) {
    slope >>= 1
    shift--
  }
  if (slope !== fitSlope || shift !== fitShift || fitBytes === i32.MAX_VALUE) consider(slope, shift)
}

/** Walks the width down with one slope and keeps the best. */
function consider(slope: i64, shift: i32): void {
  takeGroups(slope, shift)
  let width = 64
  let limit = rows
  let hasFailed = false
  while (width >= 0) {
    const least = leastPieces(width, shift)
    const isHopeless = cannotWin(width, least - 1)
    let pieces = 0
    if (width === 64) pieces = cutWhole(slope, shift)
    else if (!isHopeless) pieces = cut(slope, shift, width, limit)
    if (pieces > 0) {
      keepBetter(slope, shift, pieces)
      hasFailed = false
      width = 63 - i32(clz(widest))
    } else {
      // Narrower lines need more pieces still: give up if they would cost more than all bytes.
      const all = isHopeless ? least : (limit * rows) / reached
      const spent = (all - forcedCount - 1) * PIECE_BYTES
      if (spent >= best()) return
      // So many pieces leave room for a narrower one; where that fails, too, look further away.
      width = hasFailed ? (width > 0 ? width >> 1 : -1) : width - 1
      while (width >= 0 && packedSize(rows, width) + spent >= best()) width--
      hasFailed = true
    }
    while (width >= 0 && packedSize(rows, width) >= best()) width--
    if (width >= 0) {
      const spare = (best() - packedSize(rows, width)) / PIECE_BYTES
      limit = min(rows, forcedCount + spare + 1)
    }
  }
}

/**
 * Widths that need so many more pieces that they cannot win are not scanned. Beside sums they need not
 * win for sure: walks and spikes take twice the pieces of the bound.
 */
function cannotWin(width: i32, more: i32): bool {
  const pieces = bytesEnd < i32.MAX_VALUE ? more + (more >> 2) : more
  return more > 0 && packedSize(rows, width) + pieces * PIECE_BYTES >= best()
}

/** Bytes that a line has to be below to be of use. */
function best(): i32 {
  return min(fitBytes, bytesEnd)
}

/** The fewest pieces: `cut` with no limit of width, whose piece is measured already if it is one. */
function cutWhole(slope: i64, shift: i32): i32 {
  if (hasForced) return cut(slope, shift, 64, rows)
  isCut = false
  widest = groupRange()
  return 1
}

/** Bits of a residual of the groups' line in one piece. */
function wholeWidth(): i32 {
  return 64 - i32(clz(groupRange()))
}

function keepBetter(slope: i64, shift: i32, pieces: i32): void {
  const width = 64 - i32(clz(widest))
  const offsetBytes = pieces > 1 ? signedBytes(offsetLow, offsetHigh) : 0
  const bytes = packedSize(rows, width) + (pieces - 1) * (2 + offsetBytes)
  // No slope is tried last, and takes the fewest bytes in the directory.
  if (bytes > best() || (bytes === fitBytes && slope !== 0) || bytes === bytesEnd) return
  fitBytes = bytes
  fitSlope = slope
  fitShift = shift
  fitWidth = width
  fitPieces = pieces
  fitOffsetBytes = offsetBytes
  isCutKept = isCut
}

/**
 * Cuts the rows greedily into pieces whose residuals fit `width` bits: how many, or 0 if they are
 * more than `limit`. Leaves the pieces in PIECE_*, the largest residual and the range of offsets.
 */
function cut(slope: i64, shift: i32, width: i32, limit: i32): i32 {
  isCut = true
  isCutKept = false
  const room: u64 = width >= 64 ? u64.MAX_VALUE : (u64(1) << width) - 1
  let pieces = 0
  let row = 0
  let next = forcedRow(0) === 0 ? 1 : 0
  let nextForced = forcedRow(next)
  widest = 0
  offsetLow = i64.MAX_VALUE
  offsetHigh = i64.MIN_VALUE
  while (row < rows) {
    if (pieces >= limit) {
      reached = row
      return 0
    }
    store<u16>(PIECE_STARTS + (usize(pieces) << 1), u16(row))
    const stop = nextForced > 0 ? nextForced : rows
    row = extend(row, stop, slope, shift, room)
    if (row === nextForced) nextForced = forcedRow(++next)
    closePiece(pieces++)
  }
  return pieces
}

let pieceLow: i64 = 0
let pieceHigh: i64 = 0

/** First row from `start` on that a piece there cannot cover, at most `stop`; and its range. */
function extend(start: i32, stop: i32, slope: i64, shift: i32, room: u64): i32 {
  const free = mask
  const risen = slope * i64(start)
  let row = start
  while (row < stop && isFree(row)) row++
  let line = slope * i64(row - start)
  let low = row < stop ? modelAt(row) - (line >> shift) : 0
  let high = low
  for (row++, line += slope; row < stop; row++, line += slope) {
    if (shift === 0 && (row & (GROUP - 1)) === 0 && row + GROUP <= stop) {
      // Without a shift the lines from `start` and from row 0 are equally far apart everywhere.
      const group = groups + (usize(row / GROUP) << 4)
      const least = load<i64>(group)
      const most = load<i64>(group, 8)
      const newLow = min(low, least + risen)
      const newHigh = max(high, most + risen)
      if (least <= most && u64(newHigh - newLow) <= room) {
        low = newLow
        high = newHigh
        row += GROUP - 1
        line += slope * (GROUP - 1)
        continue
      }
    }
    if (free !== 0 && load<u8>(free + usize(row)) === 0) continue
    const residual = modelAt(row) - (line >> shift)
    // Most rows lie within the range so far: two branches that are never taken.
    if (residual < low) {
      if (u64(high - residual) > room) break
      low = residual
    } else if (residual > high) {
      if (u64(residual - low) > room) break
      high = residual
    }
  }
  pieceLow = low
  pieceHigh = high
  return min(row, stop)
}

function closePiece(piece: i32): void {
  store<i64>(PIECE_OFFSETS + (usize(piece) << 3), pieceLow)
  widest = max(widest, u64(pieceHigh - pieceLow))
  // Offsets are stored from the first piece's; differences wrap, and so does their use.
  const offset = pieceLow - load<i64>(PIECE_OFFSETS)
  offsetLow = min(offsetLow, offset)
  offsetHigh = max(offsetHigh, offset)
}

function forcedRow(index: i32): i32 {
  return index < forcedCount ? i32(load<u16>(forced + (usize(index) << 1))) : -1
}

/** Bytes that hold every signed number from `low` to `high`. */
export function signedBytes(low: i64, high: i64): i32 {
  if (low === 0 && high === 0) return 0
  if (low >= -128 && high <= 127) return 1
  if (low >= -32768 && high <= 32767) return 2
  if (low >= i64(i32.MIN_VALUE) && high <= i64(i32.MAX_VALUE)) return 4
  return 8
}

function isFree(i: i32): bool {
  return mask !== 0 && load<u8>(mask + usize(i)) === 0
}

function modelAt(i: i32): i64 {
  return load<i64>(MODEL + (usize(i) << 3))
}

/** Last row before `i` that has a value, -1 if there is none. */
function rowBefore(i: i32): i32 {
  let row = i - 1
  while (row >= 0 && isFree(row)) row--
  return row
}

const SAMPLE = 33
const SAMPLES: usize = memory.data(264)

let sampled = 0

/** The typical difference from row to row, 0 without slopes; as of the last startLine. */
export function typicalDifference(): i64 {
  return typical
}

/** Median of a few differences per row, which stay in SAMPLES: gaps and boundaries do not move it. */
function medianDifference(): i64 {
  sampled = 0
  const step = max(1, (rows - 1) / SAMPLE)
  for (let i = 1; i < rows && sampled < SAMPLE; i += step) {
    const before = isFree(i) ? -1 : rowBefore(i)
    if (before < 0) continue
    const rise = modelAt(i) - modelAt(before)
    const value = i - before === 1 ? rise : rise / i64(i - before)
    let slot = SAMPLES + (usize(sampled++) << 3)
    while (slot > SAMPLES && load<i64>(slot - 8) > value) {
      store<i64>(slot, load<i64>(slot - 8))
      slot -= 8
    }
    store<i64>(slot, value)
  }
  return sampled > 0 ? load<i64>(SAMPLES + (usize(sampled >> 1) << 3)) : 0
}

/** Are most sampled differences nearer to the slope than to none? */
function isSteady(slope: i64): bool {
  let near = 0
  for (let k = 0; k < sampled; k++) {
    const value = load<i64>(SAMPLES + (usize(k) << 3))
    if (abs(value - slope) < abs(value) / 2 + 1) near++
  }
  return near * 3 >= sampled * 2
}

/** Mean of the differences per row within [low, high], not counting those across a forced start. */
function meanDifference(low: i64, high: i64): f64 {
  let sum: f64 = 0.0
  let count = 0
  let before = -1
  let next = 0
  let nextForced = forcedRow(0)
  for (let i = 0; i < rows; i++) {
    if (i === nextForced) {
      nextForced = forcedRow(++next)
      before = -1
    }
    if (isFree(i)) continue
    if (before >= 0) {
      const rise = modelAt(i) - modelAt(before)
      const value = i - before === 1 ? rise : rise / i64(i - before)
      if (value >= low && value <= high) {
        sum += f64(rise)
        count += i - before
      }
    }
    before = i
  }
  return count > 0 ? sum / f64(count) : 0.0
}

/** meanDifference of all differences. */
function meanOfAll(): f64 {
  if (hasForced || mask !== 0) return meanDifference(i64.MIN_VALUE, i64.MAX_VALUE)
  return rows > 1 ? f64(modelAt(rows - 1) - modelAt(0)) / f64(rows - 1) : 0.0
}
