// Floats with as many digits as wanted: their exact decimal values, rounded half to even, as printf has
// them (`%.3f`, `%.3e`).

import { Decimal, tenTo } from '../decimal.ts'

const bits = new DataView(new ArrayBuffer(8))

/** The exact value of a finite float. */
function exactDecimal(value: number): Decimal {
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const biased = Number((raw >> 52n) & 0x7ffn)
  const mantissa = (raw & 0xfffffffffffffn) | (biased === 0 ? 0n : 1n << 52n)
  const exponent = Math.max(biased, 1) - 1_075
  if (exponent >= 0) return new Decimal(mantissa << BigInt(exponent), 0)
  return new Decimal(mantissa * 5n ** BigInt(-exponent), -exponent)
}

function divideToEven(value: bigint, divisor: bigint): bigint {
  const [quotient, rest] = [value / divisor, (value % divisor) * 2n]
  const isUp = rest > divisor || (rest === divisor && quotient % 2n === 1n)
  return isUp ? quotient + 1n : quotient
}

const isNegative = (value: number): boolean => value < 0 || Object.is(value, -0)

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? null : value > 0 ? 'Infinity' : '-Infinity'
}

/** `digits` behind the point. */
export function fixedFloat(value: number, digits: number): string {
  const { unscaled, scale } = special(value) === null ? exactDecimal(value) : new Decimal(0n, 0)
  const rounded =
    scale <= digits
      ? unscaled * tenTo(digits - scale)
      : divideToEven(unscaled, tenTo(scale - digits))
  const text = new Decimal(rounded, digits).toString()
  return special(value) ?? (isNegative(value) ? `-${text}` : text)
}

interface Rounding {
  readonly divide: (value: bigint, divisor: bigint) => bigint
  readonly hasCarry: boolean
}

const exponentText = (exponent: number): string =>
  `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`

/**
 * One digit, `digits` behind the point and the exponent, of `unscaled` / 10^`scale`, not negative.
 * `hasCarry`: 9.99 that rounds up is 1.0e+01, as printf has it; numeric has 10.0e+00.
 */
export function scientificText(
  unscaled: bigint,
  scale: number,
  digits: number,
  { divide, hasCarry }: Rounding,
): string {
  if (unscaled === 0n) return new Decimal(0n, digits).toString() + exponentText(0)
  const length = unscaled.toString().length
  let exponent = length - 1 - scale
  const drop = length - 1 - digits
  let rounded = drop <= 0 ? unscaled * tenTo(-drop) : divide(unscaled, tenTo(drop))
  if (hasCarry && rounded.toString().length > digits + 1) {
    rounded /= 10n
    exponent++
  }
  return new Decimal(rounded, digits).toString() + exponentText(exponent)
}

/** A finite float with a digit before the point and `digits` behind it. */
export function scientificFloat(value: number, digits: number): string {
  const { unscaled, scale } = exactDecimal(value)
  const text = scientificText(unscaled, scale, digits, {
    divide: divideToEven,
    hasCarry: true,
  })
  return isNegative(value) ? `-${text}` : text
}
