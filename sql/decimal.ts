// Exact decimals, as PostgreSQL's numeric: an integer and how many of its digits stand after the point.
// Source: PostgreSQL 15, src/backend/utils/adt/numeric.c (scales of results, rounding away from zero).

import { SqlError } from './sql-error.ts'

const SCALE_MAX = 16_383
const DIGITS_MAX = 131_072
/** Significant digits that a quotient has at least. */
const MIN_SIGNIFICANT = 16
const RESULT_SCALE_MAX = 1_000
/** PostgreSQL counts in digits of base 10,000, and scales of quotients follow them. */
const GROUP = 4

const powers: bigint[] = [1n]

/** 10^exponent. */
export function tenTo(exponent: number): bigint {
  for (let i = powers.length; i <= Math.min(exponent, 1_000); i++) powers.push(powers[i - 1]! * 10n)
  return powers[exponent] ?? 10n ** BigInt(exponent)
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value)

/** The quotient rounded half away from zero; `divisor` > 0. */
export function divideRounded(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  const rest = absolute(value % divisor)
  if (rest * 2n < divisor) return quotient
  return value < 0n ? quotient - 1n : quotient + 1n
}

export type Special = 'NaN' | 'Infinity' | '-Infinity'

export class Decimal {
  /** The value without its point. */
  readonly unscaled: bigint
  /** Digits after the point, shown even where they are zeros. */
  readonly scale: number
  /** Null: it is a number. */
  readonly special: Special | null

  constructor(unscaled: bigint, scale: number, special: Special | null = null) {
    this.unscaled = unscaled
    this.scale = scale
    this.special = special
  }

  static of(value: bigint | number): Decimal {
    return new Decimal(BigInt(value), 0)
  }

  /** As `float8::numeric`: 15 significant digits. */
  static ofFloat(value: number, digits = 15): Decimal {
    if (Number.isNaN(value)) return NAN
    if (!Number.isFinite(value)) return value > 0 ? INFINITE : MINUS_INFINITE
    return trimmed(Decimal.parse(value.toPrecision(digits))!)
  }

  /** Null: the text is no number. Throws 22003 where it has too many digits. */
  static parse(text: string): Decimal | null {
    const found = /^\s*([-+]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([-+]?\d+))?\s*$/.exec(text)
    if (found === null) return parseSpecial(text)
    const [, sign, whole = '', decimals, only, exponent = '0'] = found
    const fraction = decimals ?? only ?? ''
    const shift = Number(exponent)
    const scale = fraction.length - shift
    if (scale > SCALE_MAX || whole.length + shift > DIGITS_MAX) throw overflow()
    const digits = BigInt(whole + fraction)
    const unscaled = scale < 0 ? digits * tenTo(-scale) : digits
    return new Decimal(sign === '-' ? -unscaled : unscaled, Math.max(scale, 0))
  }

  toString(): string {
    if (this.special !== null) return this.special
    const digits = absolute(this.unscaled)
      .toString()
      .padStart(this.scale + 1, '0')
    const sign = this.unscaled < 0n ? '-' : ''
    if (this.scale === 0) return sign + digits
    return `${sign}${digits.slice(0, -this.scale)}.${digits.slice(-this.scale)}`
  }

  toNumber(): number {
    return Number(this.toString())
  }

  /** The whole number nearest, halves away from zero. Throws 0A000 for NaN and infinities. */
  toInteger(title: string): bigint {
    if (this.special === null) return divideRounded(this.unscaled, tenTo(this.scale))
    const name = this.special === 'NaN' ? 'NaN' : 'infinity'
    throw new SqlError('0A000', `cannot convert ${name} to ${title}`)
  }

  /** Less than 0, 0, more than 0; NaN is above all and equal to itself. */
  compare(other: Decimal): number {
    if (this.special !== null || other.special !== null) return rank(this) - rank(other)
    const [a, b] = align(this, other)
    return a < b ? -1 : a > b ? 1 : 0
  }

  negate(): Decimal {
    if (this.special === null) return new Decimal(-this.unscaled, this.scale)
    return this.special === 'NaN' ? NAN : this.special === 'Infinity' ? MINUS_INFINITE : INFINITE
  }

  add(other: Decimal): Decimal {
    if (this.special !== null || other.special !== null) {
      return Decimal.ofFloat(sketch(this) + sketch(other))
    }
    const [a, b] = align(this, other)
    return checked(new Decimal(a + b, Math.max(this.scale, other.scale)))
  }

  subtract(other: Decimal): Decimal {
    return this.add(other.negate())
  }

  multiply(other: Decimal): Decimal {
    if (this.special !== null || other.special !== null) {
      return Decimal.ofFloat(sketch(this) * sketch(other))
    }
    const product = new Decimal(this.unscaled * other.unscaled, this.scale + other.scale)
    return checked(product.scale > SCALE_MAX ? product.round(SCALE_MAX) : product)
  }

  /** Throws 22012. */
  divide(other: Decimal): Decimal {
    if (this.special !== null || other.special !== null) return divideSpecial(this, other)
    if (other.unscaled === 0n) throw divisionByZero()
    const scale = quotientScale(this, other)
    const numerator = this.unscaled * tenTo(scale + other.scale)
    const denominator = other.unscaled * tenTo(this.scale)
    const sign = denominator < 0n ? -1n : 1n
    return checked(new Decimal(divideRounded(numerator * sign, denominator * sign), scale))
  }

  /** The quotient cut to a whole number. Throws 22012. */
  quotient(other: Decimal): Decimal {
    if (this.special !== null || other.special !== null) return divideSpecial(this, other)
    if (other.unscaled === 0n) throw divisionByZero()
    const [a, b] = align(this, other)
    return new Decimal(a / b, 0)
  }

  /** With the sign of the dividend. Throws 22012. */
  modulo(other: Decimal): Decimal {
    if (this.special === 'NaN' || other.special === 'NaN') return NAN
    if (other.special === null && other.unscaled === 0n) throw divisionByZero()
    if (this.special !== null) return NAN
    if (other.special !== null) return this
    const [a, b] = align(this, other)
    return new Decimal(a % b, Math.max(this.scale, other.scale))
  }

  /** To `scale` digits after the point (negative: before it), halves away from zero. */
  round(scale: number): Decimal {
    return this.rescale(scale, divideRounded)
  }

  trunc(scale: number): Decimal {
    return this.rescale(scale, (value, divisor) => value / divisor)
  }

  floor(): Decimal {
    return this.rescale(0, (value, divisor) =>
      value % divisor < 0n ? value / divisor - 1n : value / divisor,
    )
  }

  ceil(): Decimal {
    return this.negate().floor().negate()
  }

  /** Exactly: throws 2201F below zero. */
  sqrt(): Decimal {
    if (this.special === 'NaN' || this.special === 'Infinity') return this
    if (this.special !== null || this.unscaled < 0n) {
      throw new SqlError('2201F', 'cannot take square root of a negative number')
    }
    const { weight } = leading(this)
    const wanted = MIN_SIGNIFICANT + 1 - ((weight + 1) * GROUP) / 2
    const scale = Math.min(Math.max(wanted, this.scale, 0), RESULT_SCALE_MAX)
    const root = integerRoot(this.unscaled * tenTo(2 * (scale + 1) - this.scale))
    return new Decimal(divideRounded(root, 10n), scale)
  }

  private rescale(scale: number, divide: (value: bigint, divisor: bigint) => bigint): Decimal {
    if (this.special !== null) return this
    const wanted = Math.min(Math.max(scale, -DIGITS_MAX), SCALE_MAX)
    if (wanted >= this.scale) {
      return new Decimal(this.unscaled * tenTo(wanted - this.scale), wanted)
    }
    const cut = divide(this.unscaled, tenTo(this.scale - wanted))
    return wanted >= 0 ? new Decimal(cut, wanted) : new Decimal(cut * tenTo(-wanted), 0)
  }
}

export const NAN = new Decimal(0n, 0, 'NaN')
export const INFINITE = new Decimal(0n, 0, 'Infinity')
export const MINUS_INFINITE = new Decimal(0n, 0, '-Infinity')

/** Without zeros at the end of its fraction. */
export function trimmed(value: Decimal): Decimal {
  let { unscaled, scale } = value
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n
    scale--
  }
  return scale === value.scale ? value : new Decimal(unscaled, scale)
}

function parseSpecial(text: string): Decimal | null {
  switch (text.trim().toLowerCase()) {
    case 'nan':
      return NAN
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return INFINITE
    case '-inf':
    case '-infinity':
      return MINUS_INFINITE
    default:
      return null
  }
}

const rank = ({ special }: Decimal): number =>
  special === 'NaN' ? 3 : special === 'Infinity' ? 2 : special === '-Infinity' ? -2 : 0

/** Enough of a value for arithmetic with what is not finite: its sign. */
function sketch({ special, unscaled }: Decimal): number {
  return special === null ? Number(unscaled > 0n) - Number(unscaled < 0n) : Number(special)
}

function align(a: Decimal, b: Decimal): [bigint, bigint] {
  if (a.scale === b.scale) return [a.unscaled, b.unscaled]
  return a.scale < b.scale
    ? [a.unscaled * tenTo(b.scale - a.scale), b.unscaled]
    : [a.unscaled, b.unscaled * tenTo(a.scale - b.scale)]
}

function divideSpecial(a: Decimal, b: Decimal): Decimal {
  if (b.special === null && b.unscaled === 0n && a.special !== 'NaN') throw divisionByZero()
  if (a.special === null && b.special !== 'NaN') return new Decimal(0n, 0)
  return Decimal.ofFloat(sketch(a) / sketch(b))
}

/** First digit of base 10,000 that is not zero, and its power. */
function leading({ unscaled, scale }: Decimal): { digit: number; weight: number } {
  if (unscaled === 0n) return { digit: 0, weight: 0 }
  const digits = absolute(unscaled).toString()
  const exponent = digits.length - scale - 1
  const weight = Math.floor(exponent / GROUP)
  const count = exponent - weight * GROUP + 1
  return { digit: Number(digits.slice(0, count).padEnd(count, '0')), weight }
}

function quotientScale(a: Decimal, b: Decimal): number {
  const [one, two] = [leading(a), leading(b)]
  const weight = one.weight - two.weight - (one.digit <= two.digit ? 1 : 0)
  const scale = Math.max(MIN_SIGNIFICANT - weight * GROUP, a.scale, b.scale, 0)
  return Math.min(scale, RESULT_SCALE_MAX)
}

/** The root rounded down, by Newton's steps. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

function checked(value: Decimal): Decimal {
  const limit = DIGITS_MAX + value.scale
  if (value.unscaled < 1n << 400_000n && value.unscaled > -(1n << 400_000n)) return value
  if (absolute(value.unscaled) >= tenTo(limit)) throw overflow()
  return value
}

const overflow = (): SqlError => new SqlError('22003', 'value overflows numeric format')
const divisionByZero = (): SqlError => new SqlError('22012', 'division by zero')
