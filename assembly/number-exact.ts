// The last resort of number parsing: whether a decimal literal lies above the middle between two
// neighbouring floats, decided with exact integers. 800 digits are more than any tie has (767); of
// digits behind them it only matters whether one is not zero.
//
// Big number in static memory: 0 length u32 (limbs)  4 limbs u32[], lowest first

/** Significant digits that the comparison reads one by one. */
export const EXACT_DIGITS: i32 = 800

// Both sides stay under 3,000 bits: 800 digits are 2,658, and the sides are of one magnitude.
const BIG_SIZE: i32 = 644
const LEFT: usize = memory.data(BIG_SIZE)
const RIGHT: usize = memory.data(BIG_SIZE)

const FIVE_13: u32 = 1220703125

function setBig(big: usize, value: u64): void {
  store<u32>(big, value === 0 ? 0 : value >> 32 === 0 ? 1 : 2)
  store<u64>(big, value, 4)
}

function multiplyAdd(big: usize, factor: u32, addend: u32): void {
  const length = load<u32>(big)
  const end = big + 4 + (usize(length) << 2)
  let carry = u64(addend)
  for (let p = big + 4; p < end; p += 4) {
    carry += u64(load<u32>(p)) * u64(factor)
    store<u32>(p, u32(carry))
    carry >>= 32
  }
  if (carry === 0) return
  store<u32>(end, u32(carry))
  store<u32>(big, length + 1)
}

function multiplyPowerOfFive(big: usize, power: i32): void {
  let left = power
  for (; left >= 13; left -= 13) multiplyAdd(big, FIVE_13, 0)
  for (; left > 0; left--) multiplyAdd(big, 5, 0)
}

function shiftLeft(big: usize, bits: i32): void {
  const limbs = bits >> 5
  const rest = bits & 31
  if (rest > 0) multiplyAdd(big, u32(1) << rest, 0)
  const length = load<u32>(big)
  if (limbs === 0 || length === 0) return
  memory.copy(big + 4 + (usize(limbs) << 2), big + 4, usize(length) << 2)
  memory.fill(big + 4, 0, usize(limbs) << 2)
  store<u32>(big, length + u32(limbs))
}

/** -1, 0 or 1 as left is less than, equal to or greater than right. */
function compare(left: usize, right: usize): i32 {
  const length = load<u32>(left)
  const other = load<u32>(right)
  if (length !== other) return length < other ? -1 : 1
  for (let i = usize(length) << 2; i > 0; i -= 4) {
    const a = load<u32>(left + i)
    const b = load<u32>(right + i)
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

/**
 * Loads up to EXACT_DIGITS digits (a point between them is skipped); true if more follow that are
 * not 0.
 */
function setDigits(big: usize, first: usize, end: usize): bool {
  setBig(big, 0)
  let used = 0
  for (let p = first; p < end; p++) {
    const byte = load<u8>(p)
    if (byte === 46) continue
    if (used === EXACT_DIGITS) {
      if (byte !== 48) return true
      continue
    }
    multiplyAdd(big, 10, u32(byte - 48))
    used++
  }
  return false
}

/**
 * Is the literal above (whole + ½) × 2^binaryExponent, or equal to it and `whole` odd? The
 * literal's digits lie in [first, end) and count from a first one that is not 0; the last of its
 * first EXACT_DIGITS digits stands for `power` powers of ten.
 */
export function isAboveHalfway(
  first: usize,
  end: usize,
  power: i32,
  whole: u64,
  binaryExponent: i32,
): bool {
  const hasMore = setDigits(LEFT, first, end)
  setBig(RIGHT, (whole << 1) | 1)
  if (power >= 0) multiplyPowerOfFive(LEFT, power)
  else multiplyPowerOfFive(RIGHT, -power)
  const shift = power - (binaryExponent - 1)
  if (shift >= 0) shiftLeft(LEFT, shift)
  else shiftLeft(RIGHT, -shift)
  const order = compare(LEFT, RIGHT)
  if (order !== 0) return order > 0
  return hasMore || (whole & 1) === 1
}
