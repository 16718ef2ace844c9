// Functions of numeric whose results have no end: exp, ln, log, power, with the digits that PostgreSQL
// shows. They are computed as whole numbers of 10^-digits, with digits to spare.
// Source: PostgreSQL 15, src/backend/utils/adt/numeric.c (scales of results).

import { Decimal, INFINITE, NAN, divideRounded, tenTo, trimmed } from '../decimal.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { scalar } from './define.ts'

const SIGNIFICANT = 16
const SCALE_MAX = 1_000
/** Decimal digits of a result beyond which exp and power give up. */
const RESULT_MAX = 2_000
const GUARD = 12
const GROUP = 4

const ZERO = Decimal.of(0)
const ONE = Decimal.of(1)
const LOG10_E = Math.LOG10E

const absolute = (value: bigint): bigint => (value < 0n ? -value : value)
const clampScale = (scale: number, ...least: readonly number[]): number =>
  Math.min(Math.max(scale, 0, ...least), SCALE_MAX)
const overflow = (): SqlError => new SqlError('22003', 'value overflows numeric format')

/** The value as a whole number of 10^-digits. */
const fixed = ({ unscaled, scale }: Decimal, digits: number): bigint =>
  digits >= scale
    ? unscaled * tenTo(digits - scale)
    : divideRounded(unscaled, tenTo(scale - digits))

/** ln of `value` / `one` near 1, by 2 artanh((v - 1) / (v + 1)). */
function series(value: bigint, one: bigint): bigint {
  const ratio = ((value - one) * one) / (value + one)
  const square = (ratio * ratio) / one
  let [term, sum] = [ratio, ratio]
  for (let n = 3n; term !== 0n; n += 2n) {
    term = (term * square) / one
    sum += term / n
  }
  return 2n * sum
}

const tens = new Map<number, bigint>()

/** ln 10. */
function lnTen(digits: number): bigint {
  const known = tens.get(digits)
  if (known !== undefined) return known
  const one = tenTo(digits)
  // 10 = 2^3 · 1.25, and 2 = 4/3 · 3/2.
  const two = series((one * 4n) / 3n, one) + series((one * 3n) / 2n, one)
  const made = 3n * two + series((one * 5n) / 4n, one)
  if (tens.size > 64) tens.clear()
  tens.set(digits, made)
  return made
}

/** ln of a positive decimal, in 10^-digits. */
function lnFixed(value: Decimal, digits: number): bigint {
  const length = value.unscaled.toString().length
  // Between 0.3 and 3 times a power of ten; one near 1 stays as it is.
  let shift = length - 1 - value.scale
  const lead = Number(value.unscaled.toString().slice(0, 3).padEnd(3, '0'))
  if (lead > 316) shift++
  const inner = digits + GUARD + Math.abs(shift).toString().length
  const one = tenTo(inner)
  const mantissa = new Decimal(value.unscaled, value.scale + shift)
  const exact =
    mantissa.scale >= 0 ? fixed(mantissa, inner) : mantissa.unscaled * tenTo(inner - mantissa.scale)
  const log = series(exact, one) + BigInt(shift) * (shift === 0 ? 0n : lnTen(inner))
  return divideRounded(log, tenTo(inner - digits))
}

/** e^x of x in 10^-digits, with as many digits after the point. */
function expFixed(x: bigint, digits: number): bigint {
  const ln10 = lnTen(digits + GUARD)
  const scaled = x * tenTo(GUARD)
  const power = divideRounded(scaled, ln10)
  // Digits before the point are wanted too.
  const inner = digits + GUARD + Math.max(Number(power), 0)
  const one = tenTo(inner)
  const rest = x * tenTo(inner - digits) - power * lnTen(inner)
  // The rest, halved eight times, has a short series.
  const small = rest >> 8n
  let [term, sum] = [one, one]
  for (let n = 1n; term !== 0n; n++) {
    term = (term * small) / (one * n)
    sum += term
  }
  for (let i = 0; i < 8; i++) sum = (sum * sum) / one
  const shift = Number(power) - GUARD - Math.max(Number(power), 0)
  return shift >= 0 ? sum * tenTo(shift) : divideRounded(sum, tenTo(-shift))
}

/** The power of base 10,000 that leads, and its first digits. */
function leading({ unscaled, scale }: Decimal): { digits: number[]; weight: number } {
  const text = absolute(unscaled).toString()
  const exponent = text.length - scale - 1
  const weight = Math.floor(exponent / GROUP)
  const first = exponent - weight * GROUP + 1
  const padded = text.padEnd(first + 5 * GROUP, '0')
  const digits = [Number(padded.slice(0, first))]
  const used = text.replace(/0+$/, '').length
  for (let at = first; at < Math.min(used, first + 4 * GROUP); at += GROUP) {
    digits.push(Number(padded.slice(at, at + GROUP)))
  }
  return { digits, weight }
}

/** Decimal weight of ln(value), about. */
function lnWeight(value: Decimal): number {
  if (value.unscaled <= 0n) return 0
  if (value.compare(new Decimal(9n, 1)) >= 0 && value.compare(new Decimal(11n, 1)) <= 0) {
    const off = value.subtract(ONE)
    if (off.unscaled === 0n) return 0
    const { digits, weight } = leading(off)
    return weight * GROUP + Math.trunc(Math.log10(digits[0]!))
  }
  const { digits, weight } = leading(value)
  let [lead, exponent] = [digits[0]!, weight * GROUP]
  if (digits.length > 1) {
    lead = lead * 10_000 + digits[1]!
    exponent -= GROUP
  }
  return Math.trunc(Math.log10(Math.abs(Math.log(lead) + exponent * Math.LN10)))
}

function requirePositive(value: Decimal): void {
  const order = value.compare(ZERO)
  if (order === 0) throw new SqlError('2201E', 'cannot take logarithm of zero')
  if (order < 0) throw new SqlError('2201E', 'cannot take logarithm of a negative number')
}

function ln(value: Decimal): Decimal {
  if (value.special === 'NaN') return NAN
  requirePositive(value)
  if (value.special !== null) return INFINITE
  const scale = clampScale(SIGNIFICANT - lnWeight(value), value.scale)
  return new Decimal(lnFixed(value, scale), scale)
}

function log(base: Decimal, value: Decimal): Decimal {
  if (base.special === 'NaN' || value.special === 'NaN') return NAN
  requirePositive(base)
  requirePositive(value)
  if (base.special !== null) return value.special === null ? ZERO : NAN
  if (value.special !== null) return INFINITE
  const weight = lnWeight(value) - lnWeight(base)
  const scale = clampScale(SIGNIFICANT - weight, base.scale, value.scale)
  const digits = scale + GUARD + Math.max(Math.abs(lnWeight(base)), Math.abs(weight))
  const divisor = lnFixed(base, digits)
  if (divisor === 0n) throw new SqlError('22012', 'division by zero')
  const dividend = lnFixed(value, digits) * tenTo(scale)
  const sign = divisor < 0n ? -1n : 1n
  return new Decimal(divideRounded(dividend * sign, divisor * sign), scale)
}

function exp(value: Decimal): Decimal {
  if (value.special === 'NaN' || value.special === 'Infinity') return value
  if (value.special !== null) return ZERO
  const weight = Math.min(Math.max(value.toNumber() * LOG10_E, -RESULT_MAX), RESULT_MAX)
  const scale = clampScale(SIGNIFICANT - Math.trunc(weight), value.scale)
  if (Math.abs(value.toNumber()) >= RESULT_MAX * 3) {
    if (value.unscaled > 0n) throw overflow()
    return new Decimal(0n, scale)
  }
  const digits = Math.max(scale, value.scale) + GUARD
  return new Decimal(expFixed(fixed(value, digits), digits), digits).round(scale)
}

/** A whole exponent: exact, then rounded. */
function wholePower(base: Decimal, exponent: number): Decimal {
  const scale = clampScale(SIGNIFICANT, base.scale)
  if (exponent === 0) return new Decimal(tenTo(scale), scale)
  if (base.unscaled === 0n) {
    if (exponent < 0) throw new SqlError('22012', 'division by zero')
    return new Decimal(0n, scale)
  }
  const { digits, weight } = leading(base)
  const lead = digits.reduce((sum, digit) => sum * 10_000 + digit, 0)
  const size = exponent * (Math.log10(lead) + (weight - digits.length + 1) * GROUP)
  if (size > 3 * 32_767 * GROUP) throw overflow()
  if (size + 1 < -scale || size + 1 < -SCALE_MAX) return new Decimal(0n, scale)
  const short = trimmed(base)
  const count = Math.abs(exponent)
  // As many digits as an exact power has, unless those are too many.
  const isShort = count * short.unscaled.toString().length < 20_000
  if (!isShort) return wholePowerRounded(short, exponent, scale, size)
  const power = new Decimal(short.unscaled ** BigInt(count), short.scale * count)
  if (exponent > 0) return power.round(scale)
  const numerator = tenTo(power.scale + scale)
  const sign = power.unscaled < 0n ? -1n : 1n
  return new Decimal(divideRounded(numerator * sign, power.unscaled * sign), scale)
}

function wholePowerRounded(base: Decimal, exponent: number, scale: number, size: number): Decimal {
  const sign = base.unscaled < 0n && exponent % 2 !== 0 ? -1n : 1n
  const digits = scale + Math.max(Math.ceil(size), 0) + GUARD
  const log = lnFixed(new Decimal(absolute(base.unscaled), base.scale), digits) * BigInt(exponent)
  const value = new Decimal(sign * expFixed(log, digits), digits).round(scale)
  if (absolute(value.unscaled) >= tenTo(131_072 + scale)) throw overflow()
  return value
}

function specialPower(base: Decimal, exponent: Decimal): Decimal {
  const isOne = (value: Decimal): boolean => value.compare(ONE) === 0
  if (base.special === 'NaN') return exponent.compare(ZERO) === 0 ? ONE : NAN
  if (exponent.special === 'NaN') return isOne(base) ? ONE : NAN
  if (exponent.special !== null) {
    if (isOne(base)) return ONE
    if (base.compare(ZERO) === 0 && exponent.special === '-Infinity') throw zeroToNegative()
    const order = (base.compare(ZERO) < 0 ? base.negate() : base).compare(ONE)
    if (order === 0) return ONE
    return order > 0 === (exponent.special === 'Infinity') ? INFINITE : ZERO
  }
  const sign = exponent.compare(ZERO)
  if (sign === 0) return ONE
  const isNegative = base.special === '-Infinity'
  const isWhole = exponent.trunc(0).compare(exponent) === 0
  if (isNegative && !isWhole) throw complex()
  if (sign < 0) return ZERO
  const isOdd = isWhole && exponent.trunc(0).unscaled % 2n !== 0n
  return isNegative && isOdd ? INFINITE.negate() : INFINITE
}

const zeroToNegative = (): SqlError =>
  new SqlError('2201F', 'zero raised to a negative power is undefined')
const complex = (): SqlError =>
  new SqlError('2201F', 'a negative number raised to a non-integer power yields a complex result')

/** Throws 2201F where there is no real power. */
export function power(base: Decimal, exponent: Decimal): Decimal {
  if (base.special !== null || exponent.special !== null) return specialPower(base, exponent)
  if (base.unscaled === 0n && exponent.unscaled < 0n) throw zeroToNegative()
  const whole = exponent.trunc(0)
  const isWhole = whole.compare(exponent) === 0
  if (base.unscaled < 0n && !isWhole) throw complex()
  if (isWhole && absolute(whole.unscaled) < 2n ** 31n) {
    return wholePower(base, Number(whole.unscaled))
  }
  if (base.unscaled === 0n) return new Decimal(0n, SIGNIFICANT)
  const size = absolute(base.unscaled)
  const sign = base.unscaled < 0n && whole.unscaled % 2n !== 0n ? -1n : 1n
  const rough = new Decimal(size, base.scale)
  const weight = lnWeight(rough)
  const guess = new Decimal(lnFixed(rough, Math.max(8 - weight, 0)), Math.max(8 - weight, 0))
  const log10 = guess.multiply(exponent).toNumber()
  if (Math.abs(log10) > RESULT_MAX * 3.01) {
    if (log10 > 0) throw overflow()
    return new Decimal(0n, SCALE_MAX)
  }
  const lead = Math.trunc(log10 * LOG10_E)
  const scale = clampScale(SIGNIFICANT - lead, base.scale, exponent.scale)
  const digits = scale + Math.max(lead, 0) + GUARD + exponent.toString().length
  const log = lnFixed(rough, digits) * exponent.unscaled
  const x = divideRounded(log, tenTo(exponent.scale))
  return new Decimal(sign * expFixed(x, digits), digits).round(scale)
}

function divisor(a: bigint, b: bigint): bigint {
  let [one, two] = [absolute(a), absolute(b)]
  while (two !== 0n) [one, two] = [two, one % two]
  return one
}

function multiple(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n
  return absolute(a / divisor(a, b)) * absolute(b)
}

/** gcd and lcm of decimals: of whole numbers of their finest digit. */
const together =
  (compute: (a: bigint, b: bigint) => bigint) =>
  (a: Decimal, b: Decimal): Decimal => {
    if (a.special !== null || b.special !== null) return NAN
    const scale = Math.max(a.scale, b.scale)
    return new Decimal(compute(fixed(a, scale), fixed(b, scale)), scale)
  }

const inRange = (value: bigint, bits: number): bigint => {
  if (BigInt.asIntN(bits, value) === value) return value
  throw new SqlError('22003', `${bits === 32 ? 'integer' : 'bigint'} out of range`)
}

const FACTORIAL_MAX = 32_177n

function factorial(value: bigint): Decimal {
  if (value < 0n) throw new SqlError('22003', 'factorial of a negative number is undefined')
  if (value > FACTORIAL_MAX) throw overflow()
  let product = 1n
  for (let n = 2n; n <= value; n++) product *= n
  return Decimal.of(product)
}

/** Which of `count` buckets of equal width a value falls in; 0 and count + 1 are beyond them. */
function widthBucket(value: Decimal, low: Decimal, high: Decimal, count: number): number {
  if (count <= 0) throw wrongBucket('count must be greater than zero')
  if ([value, low, high].some(({ special }) => special === 'NaN')) {
    throw wrongBucket('operand, lower bound, and upper bound cannot be NaN')
  }
  if (low.special !== null || high.special !== null) {
    throw wrongBucket('lower and upper bounds must be finite')
  }
  const order = low.compare(high)
  if (order === 0) throw wrongBucket('lower bound cannot equal upper bound')
  if (value.compare(low) * order > 0) return 0
  if (value.compare(high) * order <= 0) return checkBucket(count + 1)
  const [from, span] =
    order < 0
      ? [value.subtract(low), high.subtract(low)]
      : [low.subtract(value), low.subtract(high)]
  return Number(from.multiply(Decimal.of(count)).quotient(span).unscaled) + 1
}

function checkBucket(bucket: number): number {
  if (bucket < 2 ** 31) return bucket
  throw new SqlError('22003', 'integer out of range')
}

const wrongBucket = (message: string): SqlError => new SqlError('2201G', message)

/** `width_bucket` of floats. Throws 2201G. */
export const floatBucket = (value: number, low: number, high: number, count: number): number => {
  const order = Math.sign(low - high)
  if (count <= 0) throw wrongBucket('count must be greater than zero')
  if ([value, low, high].some(Number.isNaN)) {
    throw wrongBucket('operand, lower bound, and upper bound cannot be NaN')
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw wrongBucket('lower and upper bounds must be finite')
  }
  if (order === 0) throw wrongBucket('lower bound cannot equal upper bound')
  if ((value - low) * order > 0) return 0
  if ((value - high) * order <= 0) return checkBucket(count + 1)
  return Math.min(Math.floor(count * ((value - low) / (high - low))) + 1, count)
}

/** Functions of numeric, and of whole numbers together. */
export const numericFunctions: readonly ScalarFunction[] = [
  scalar('exp', 'numeric', 'numeric', exp),
  scalar('ln', 'numeric', 'numeric', ln),
  ...['log', 'log10'].map((name) =>
    scalar(name, 'numeric', 'numeric', (value: Decimal) => log(Decimal.of(10), value)),
  ),
  scalar('log', 'numeric numeric', 'numeric', log),
  ...['power', 'pow', '^'].map((name) => scalar(name, 'numeric numeric', 'numeric', power)),
  scalar('gcd', 'numeric numeric', 'numeric', together(divisor)),
  scalar('lcm', 'numeric numeric', 'numeric', together(multiple)),
  scalar('gcd', 'int4 int4', 'int4', (a: number, b: number) =>
    Number(inRange(divisor(BigInt(a), BigInt(b)), 32)),
  ),
  scalar('lcm', 'int4 int4', 'int4', (a: number, b: number) =>
    Number(inRange(multiple(BigInt(a), BigInt(b)), 32)),
  ),
  scalar('gcd', 'int8 int8', 'int8', (a: bigint, b: bigint) => inRange(divisor(a, b), 64)),
  scalar('lcm', 'int8 int8', 'int8', (a: bigint, b: bigint) => inRange(multiple(a, b), 64)),
  scalar('factorial', 'int8', 'numeric', factorial),
  scalar('min_scale', 'numeric', 'int4', (value: Decimal) =>
    value.special === null ? trimmed(value).scale : null,
  ),
  scalar('trim_scale', 'numeric', 'numeric', (value: Decimal) => trimmed(value)),
  scalar('width_bucket', 'numeric numeric numeric int4', 'int4', widthBucket),
  scalar('width_bucket', 'float8 float8 float8 int4', 'int4', floatBucket),
  scalar('to_hex', 'int4', 'text', (value: number) => (value >>> 0).toString(16)),
  scalar('to_hex', 'int8', 'text', (value: bigint) => BigInt.asUintN(64, value).toString(16)),
]
