// How far a block's rows lie from a line, group by group of 16: what a scan for pieces takes in one
// step, the range of all rows at once, and a bound of the pieces that any cut must have.

/** Rows whose range over a line is measured once, so that a scan can take them in one step. */
export const GROUP = 16
/** Least and greatest distance of each group from the line through row 0: i64[64 × 2]. */
const FLAT_GROUPS: usize = memory.data(1024)
const SLOPED_GROUPS: usize = memory.data(1024)
/** Those that were taken last. */
export let groups: usize = FLAT_GROUPS
let slopedSlope: i64 = 0
let slopedShift = 0
let model: usize = 0
let mask: usize = 0
let rows = 0

/** Begins with i64[n]; `valid` is u8[n], or 0 when every row has a value. Takes those without a slope. */
export function startGroups(values: usize, valid: usize, n: i32): void {
  model = values
  mask = valid
  rows = n
  slopedSlope = 0
  slopedShift = 0
  groups = FLAT_GROUPS
  measureGroups(0, 0, FLAT_GROUPS)
}

/** Makes `groups` those of a slope. */
export function takeGroups(slope: i64, shift: i32): void {
  groups = slope === 0 ? FLAT_GROUPS : SLOPED_GROUPS
  if (slope === 0 || (slope === slopedSlope && shift === slopedShift)) return
  measureGroups(slope, shift, SLOPED_GROUPS)
  slopedSlope = slope
  slopedShift = shift
}

/** Measures the groups of a slope; without rows that have a value the least is above the greatest. */
function measureGroups(slope: i64, shift: i32, target: usize): void {
  let row = 0
  if (mask === 0) {
    for (; row + GROUP <= rows; row += GROUP, target += 16) {
      measureGroup(row, slope, shift, target)
    }
  }
  while (row < rows) {
    const end = min(rows, row + GROUP)
    let low = i64.MAX_VALUE
    let high = i64.MIN_VALUE
    for (; row < end; row++) {
      if (mask !== 0 && load<u8>(mask + usize(row)) === 0) continue
      const distance = load<i64>(model + (usize(row) << 3)) - ((slope * i64(row)) >> shift)
      low = min(low, distance)
      high = max(high, distance)
    }
    store<i64>(target, low)
    store<i64>(target, high, 8)
    target += 16
  }
}

/** measureGroups for a whole group of rows that all have a value. */
function measureGroup(row: i32, slope: i64, shift: i32, target: usize): void {
  let rise = i64x2.splat(slope * i64(row))
  rise = i64x2.add(rise, i64x2.replace_lane(i64x2.splat(0), 1, slope))
  const step = i64x2.splat(slope << 1)
  let at = model + (usize(row) << 3)
  const end = at + (GROUP << 3)
  let low = i64x2.splat(i64.MAX_VALUE)
  let high = i64x2.splat(i64.MIN_VALUE)
  for (; at < end; at += 16) {
    const line = shift === 0 ? rise : i64x2.shr_s(rise, shift)
    const distance = i64x2.sub(v128.load(at), line)
    low = v128.bitselect(distance, low, i64x2.lt_s(distance, low))
    high = v128.bitselect(distance, high, i64x2.gt_s(distance, high))
    rise = i64x2.add(rise, step)
  }
  store<i64>(target, min(i64x2.extract_lane(low, 0), i64x2.extract_lane(low, 1)))
  store<i64>(target, max(i64x2.extract_lane(high, 0), i64x2.extract_lane(high, 1)), 8)
}

/** From the least to the greatest distance from the groups' line. */
export function groupRange(): u64 {
  let low = i64.MAX_VALUE
  let high = i64.MIN_VALUE
  const end = groups + (usize((rows + GROUP - 1) / GROUP) << 4)
  for (let group = groups; group < end; group += 16) {
    low = min(low, load<i64>(group))
    high = max(high, load<i64>(group, 8))
  }
  return u64(high - low)
}

/** Where the groups' line in one piece begins. */
export function groupLow(): i64 {
  let low = i64.MAX_VALUE
  const end = groups + (usize((rows + GROUP - 1) / GROUP) << 4)
  for (let group = groups; group < end; group += 16) low = min(low, load<i64>(group))
  return low
}

/**
 * Pieces that no cut can do without: wherever some groups reach further than a residual may, a piece
 * starts inside of them. Lines with a shift, measured from row 0, may be off by one.
 */
export function leastPieces(width: i32, shift: i32): i32 {
  if (width >= 62) return 1
  const room = (u64(1) << width) - (shift > 0 ? 0 : 1)
  let pieces = 1
  let low = i64.MAX_VALUE
  let high = i64.MIN_VALUE
  const end = groups + (usize((rows + GROUP - 1) / GROUP) << 4)
  for (let group = groups; group < end; group += 16) {
    low = min(low, load<i64>(group))
    high = max(high, load<i64>(group, 8))
    if (low > high || u64(high - low) <= room) continue
    pieces++
    low = i64.MAX_VALUE
    high = i64.MIN_VALUE
  }
  return pieces
}
