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

/** Adds one float. */
export function addFloat(sum: usize, value: f64): void {
  const before = load<f64>(sum)
  const after = before + value
  const lost = abs(before) >= abs(value) ? before - after + value : value - after + before
  store<f64>(sum, after)
  store<f64>(sum, load<f64>(sum, 8) + lost, 8)
}

/** The float that a sum stands for; infinities and NaN ignore the compensation, which is NaN then. */
export function floatTotal(sum: usize): f64 {
  const total = load<f64>(sum)
  return isFinite<f64>(total) ? total + load<f64>(sum, 8) : total
}

/** Sum of floats [from, to) of `values`. */
export function sumFloats(values: usize, from: i32, to: i32): f64 {
  let a = 0.0
  let b = 0.0
  let c = 0.0
  let d = 0.0
  let p = values + (usize(from) << 3)
  const end = values + (usize(to) << 3)
  for (; p + 32 <= end; p += 32) {
    a += load<f64>(p)
    b += load<f64>(p, 8)
    c += load<f64>(p, 16)
    d += load<f64>(p, 24)
  }
  for (; p < end; p += 8) a += load<f64>(p)
  return a + b + (c + d)
}

/** Adds integers [from, to), fewer than 2^31, to a 128-bit sum, by their halves so that nothing overflows. */
export function addIntegers(sum: usize, values: usize, from: i32, to: i32): void {
  let low: u64 = 0
  let high: i64 = 0
  const end = values + (usize(to) << 3)
  for (let p = values + (usize(from) << 3); p < end; p += 8) {
    const value = load<i64>(p)
    low += u64(u32(value))
    high += value >> 32
  }
  addHalves(sum, low, high)
}

/** Like addIntegers for unsigned 64-bit values. */
export function addUnsigneds(sum: usize, values: usize, from: i32, to: i32): void {
  let low: u64 = 0
  let high: u64 = 0
  const end = values + (usize(to) << 3)
  for (let p = values + (usize(from) << 3); p < end; p += 8) {
    const value = load<u64>(p)
    low += u64(u32(value))
    high += value >> 32
  }
  addHalves(sum, low, i64(high))
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
