// Exact and compensated sums at fixed places in memory.
// Integer sums are 128-bit two's complement: 0 low u64  8 high i64; the summands of a query never
// reach 2^127. Float sums are Neumaier's: 0 sum f64  8 compensation f64 (Neumaier 1974), fed with the
// plain sums of runs of at most 1,024 values, which keeps the error below 1e-13 of the sum of |x|.

/** Adds a 128-bit number. */
export function addWide(sum: usize, low: u64, high: i64): void {
  const before = load<u64>(sum)
  const after = before + low
  store<u64>(sum, after)
  store<i64>(sum, load<i64>(sum, 8) + high + i64(after < before), 8)
}

/** Adds the 128-bit number at `other`. */
export function addWideTo(sum: usize, other: usize): void {
  addWide(sum, load<u64>(other), load<i64>(other, 8))
}

/** Adds one float. */
export function addFloat(sum: usize, value: f64): void {
  const before = load<f64>(sum)
  const after = before + value
  const lost = abs(before) >= abs(value) ? before - after + value : value - after + before
  store<f64>(sum, after)
  store<f64>(sum, load<f64>(sum, 8) + lost, 8)
}

/** Adds another float sum. */
export function joinFloats(sum: usize, other: usize): void {
  addFloat(sum, load<f64>(other))
  store<f64>(sum, load<f64>(sum, 8) + load<f64>(other, 8), 8)
}

/** The float that a sum stands for; infinities and NaN ignore the compensation, which is NaN then. */
export function floatTotal(sum: usize): f64 {
  const total = load<f64>(sum)
  return isFinite<f64>(total) ? total + load<f64>(sum, 8) : total
}

/** Sum of floats [from, to) of `values`, in eight accumulators. */
export function sumFloats(values: usize, from: i32, to: i32): f64 {
  let a = f64x2.splat(0.0)
  let b = a
  let c = a
  let d = a
  let p = values + (usize(from) << 3)
  const end = values + (usize(to) << 3)
  for (; p + 64 <= end; p += 64) {
    a = f64x2.add(a, v128.load(p))
    b = f64x2.add(b, v128.load(p, 16))
    c = f64x2.add(c, v128.load(p, 32))
    d = f64x2.add(d, v128.load(p, 48))
  }
  for (; p + 16 <= end; p += 16) a = f64x2.add(a, v128.load(p))
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  const sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1)
  return p < end ? sum + load<f64>(p) : sum
}

/**
 * Adds integers [from, to), fewer than 2^31, to a 128-bit sum: i64, or u64 unless `isSigned`. By
 * their halves, so that no lane overflows; the top bit of signed ones is flipped, so that their high
 * halves are unsigned too, 2^31 above what they are.
 */
export function addIntegers(sum: usize, values: usize, from: i32, to: i32, isSigned: bool): void {
  const flip: i64 = isSigned ? i64.MIN_VALUE : 0
  const flips = i64x2.splat(flip)
  const mask = i64x2.splat(0xffffffff)
  let low = i64x2.splat(0)
  let high = low
  let p = values + (usize(from) << 3)
  const end = values + (usize(to) << 3)
  for (; p + 16 <= end; p += 16) {
    const pair = v128.xor(v128.load(p), flips)
    low = i64x2.add(low, v128.and(pair, mask))
    high = i64x2.add(high, i64x2.shr_u(pair, 32))
  }
  let lows = u64(i64x2.extract_lane(low, 0) + i64x2.extract_lane(low, 1))
  let highs = i64x2.extract_lane(high, 0) + i64x2.extract_lane(high, 1)
  if (p < end) {
    const last = load<u64>(p) ^ u64(flip)
    lows += u64(u32(last))
    highs += i64(last >> 32)
  }
  if (isSigned) highs -= i64(to - from) << 31
  addHalves(sum, lows, highs)
}

/** Adds `count` times an integer, u64 unless `isSigned`. */
export function addProduct(sum: usize, value: i64, count: u32, isSigned: bool): void {
  const high = isSigned ? value >> 32 : i64(u64(value) >> 32)
  addHalves(sum, u64(u32(value)) * u64(count), high * i64(count))
}

/** Adds `high` × 2^32 + `low`. */
function addHalves(sum: usize, low: u64, high: i64): void {
  const shifted = u64(high) << 32
  const total = low + shifted
  addWide(sum, total, (high >> 32) + i64(total < low))
}

/** Is the 128-bit sum an i64? */
export function fitsInteger(sum: usize): bool {
  return load<i64>(sum, 8) === load<i64>(sum) >> 63
}

/** Is the 128-bit sum a u64? */
export function fitsUnsigned(sum: usize): bool {
  return load<i64>(sum, 8) === 0
}

/** The 128-bit sum ÷ count (> 0), rounded once to the nearest float. */
export function divideWide(sum: usize, count: u64): f64 {
  let low = load<u64>(sum)
  let high = load<u64>(sum, 8)
  const isNegative = i64(high) < 0
  if (isNegative) {
    low = 0 - low
    high = ~high + u64(low === 0)
  }
  if (high === 0 && low <= 1 << 53 && count <= 1 << 53) {
    const quotient = f64(low) / f64(count)
    return isNegative ? -quotient : quotient
  }
  const quotient = roundQuotient(high, low, count)
  return isNegative ? -quotient : quotient
}

/** (high, low) ÷ count by long division to 64 significant bits and a sticky one. */
function roundQuotient(high: u64, low: u64, count: u64): f64 {
  let rest: u64 = 0
  let bits: u64 = 0
  let position: i32 = 127
  // Stop once the top bit of `bits` is set: 64 bits are 11 more than a float has.
  while ((bits & 0x8000000000000000) === 0 && position > -64) {
    const carry = rest >> 63
    rest = (rest << 1) | bitAt(high, low, position)
    bits <<= 1
    if (carry !== 0 || rest >= count) {
      rest -= count
      bits |= 1
    }
    position--
  }
  // A sum is below 2^127, so at most 63 bits of `low` are left over.
  const left = position < 0 ? 0 : low & ((u64(1) << u64(position + 1)) - 1)
  if (rest !== 0 || left !== 0) bits |= 1
  return scale(f64(bits), position + 1)
}

/** Bit `position` of the 128-bit number; 0 below its point. */
function bitAt(high: u64, low: u64, position: i32): u64 {
  if (position >= 64) return (high >> u64(position - 64)) & 1
  return position >= 0 ? (low >> u64(position)) & 1 : 0
}

/** value × 2^exponent, for exponents in [-64, 64]. */
function scale(value: f64, exponent: i32): f64 {
  return value * reinterpret<f64>(u64(1023 + exponent) << 52)
}
