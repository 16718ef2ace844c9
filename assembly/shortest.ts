// f64 → the shortest decimal that reads back as the same float, of several the nearest, as JavaScript
// prints it: Raffaello Giulietti, "The Schubfach way to render doubles" (2022). The rounding interval of
// the float and its scaled ends are compared as integers: the product with a 128-bit power of ten, rounded
// to odd, decides as the exact product would (section 9). The products of the ends differ from that of the
// float by shifts of the power, so one multiplication serves all three.
//
// The powers are 128 bits with the top bit set, rounded up, made once from exact integers.

import { multiplyHigh, tenthOf } from './wide'

const POWER_MIN: i32 = -292
const POWER_MAX: i32 = 324
/** u64 high, u64 low of 10^POWER_MIN … 10^POWER_MAX; a high word of 0 says that they are not made yet. */
const POWERS: usize = memory.data(9872)

/** Limbs of 32 bits, lowest first: 5^324 has 753 bits; 2^863 / 5^292 keeps 185 of its own. */
const LIMBS: i32 = 27
const BIG: usize = memory.data(108)

/** What shortest found: the decimal is `digits` × 10^`exponent`, of 1 to 17 digits, perhaps with zeros last. */
export let digits: u64 = 0
export let exponent: i32 = 0

function multiplyBig(factor: u32): void {
  let carry: u64 = 0
  for (let i = 0; i < LIMBS; i++) {
    const at = BIG + (usize(i) << 2)
    carry += u64(load<u32>(at)) * u64(factor)
    store<u32>(at, u32(carry))
    carry >>= 32
  }
}

function divideBig(divisor: u32): void {
  let rest: u64 = 0
  for (let i = LIMBS - 1; i >= 0; i--) {
    const at = BIG + (usize(i) << 2)
    const value = (rest << 32) | u64(load<u32>(at))
    store<u32>(at, u32(value / u64(divisor)))
    rest = value % u64(divisor)
  }
}

/** Limb i; 0 below the first. */
function limb(i: i32): u64 {
  return i < 0 ? 0 : u64(load<u32>(BIG + (usize(i) << 2)))
}

/** Keeps the upper 128 bits of the big number as a power, plus one if bits below them are not all 0. */
function keepPower(power: i32, isCut: bool): void {
  let top = LIMBS - 1
  while (limb(top) === 0) top--
  const shift = u64(clz(u32(limb(top))))
  let high = ((limb(top) << 32) | limb(top - 1)) << shift
  let low = ((limb(top - 2) << 32) | limb(top - 3)) << shift
  if (shift > 0) {
    high |= limb(top - 2) >> (32 - shift)
    low |= limb(top - 4) >> (32 - shift)
  }
  let isInexact = isCut || ((limb(top - 4) << shift) & 0xffffffff) !== 0
  for (let i = top - 5; i >= 0; i--) isInexact = isInexact || limb(i) !== 0
  if (isInexact) {
    low++
    if (low === 0) high++
  }
  const at = POWERS + (usize(power - POWER_MIN) << 4)
  store<u64>(at, high)
  store<u64>(at, low, 8)
}

function makePowers(): void {
  memory.fill(BIG, 0, usize(LIMBS) << 2)
  store<u32>(BIG + (usize(LIMBS - 1) << 2), 0x80000000)
  // Floors of floors are the floors of the whole quotients, so nothing is lost but what is below.
  for (let power = -1; power >= POWER_MIN; power--) {
    divideBig(5)
    keepPower(power, true)
  }
  memory.fill(BIG, 0, usize(LIMBS) << 2)
  store<u32>(BIG, 1)
  for (let power = 0; power <= POWER_MAX; power++) {
    keepPower(power, false)
    multiplyBig(5)
  }
}

/** 192 bits rounded to odd: the upper word, its last bit set if the rest is more than the power's error. */
function toOdd(high: u64, middle: u64): u64 {
  return high | u64(middle > 1)
}

/** Finds `digits` and `exponent` of a float that is above 0 and finite. */
export function shortest(value: f64): void {
  if (load<u64>(POWERS) === 0) makePowers()
  const bits = reinterpret<u64>(value)
  const fraction = bits & 0xfffffffffffff
  const biased = i32(bits >> 52)
  const isNormal = biased !== 0
  const c = isNormal ? fraction | 0x10000000000000 : fraction
  const q = (isNormal ? biased : 1) - 1075
  // Below a power of two the next float is at half the distance.
  const isNarrow = fraction === 0 && biased > 1

  // ⌊log10(2^q)⌋, or of ¾ 2^q
  const k = (q * 1262611 - (isNarrow ? 524031 : 0)) >> 22
  // ⌊log2(10^-k)⌋
  const h = u64(q + ((-k * 1741647) >> 19) + 1)
  const power = POWERS + (usize(-k - POWER_MIN) << 4)
  const high = load<u64>(power)
  const low = load<u64>(power, 8)

  const scaled = (c << 2) << h
  const p0 = low * scaled
  const x1 = multiplyHigh(low, scaled)
  const y0 = high * scaled
  const p1 = y0 + x1
  const p2 = multiplyHigh(high, scaled) + u64(p1 < y0)
  const middle = toOdd(p2, p1)

  // power × 2 << h, and as much or half as much below
  let d0 = low << (h + 1)
  let d1 = (high << (h + 1)) | (low >> (63 - h))
  let d2 = high >> (63 - h)
  const r0 = p0 + d0
  const s1 = p1 + d1
  const r1 = s1 + u64(r0 < p0)
  const r2 = p2 + d2 + u64(s1 < p1) + u64(r1 < s1)
  if (isNarrow) {
    const rest = 64 - h
    d0 = low << h
    d1 = (high << h) | (low >> rest)
    d2 = high >> rest
  }
  const t1 = p1 - d1
  const l1 = t1 - u64(p0 < d0)
  const l2 = p2 - d2 - u64(p1 < d1) - u64(t1 < u64(p0 < d0))

  // The ends belong to the interval if the fraction is even.
  const isOdd = c & 1
  const lower = toOdd(l2, l1) + isOdd
  const upper = toOdd(r2, r1) - isOdd
  choose(middle, lower, upper, k)
}

/** The candidates are multiples of 40, then of 4: the scale has two bits for the comparison. */
function choose(middle: u64, lower: u64, upper: u64, k: i32): void {
  const s = middle >> 2
  if (s >= 10) {
    const tenth = tenthOf(s)
    const isBelow = lower <= tenth * 40
    const isAbove = tenth * 40 + 40 <= upper
    if (isBelow !== isAbove) {
      digits = tenth + u64(isAbove)
      exponent = k + 1
      return
    }
  }
  exponent = k
  const isBelow = lower <= s << 2
  const isAbove = (s << 2) + 4 <= upper
  if (isBelow !== isAbove) {
    digits = s + u64(isAbove)
    return
  }
  const half = (s << 2) + 2
  digits = s + u64(middle > half || (middle === half && (s & 1) === 1))
}
