// Constants of `where` → the slot of the column that they meet. Integer columns compare exactly with
// any decimal (0.5, 9007199254740993, 1e30); float columns compare as doubles. A quoted literal takes
// the type of the column, as in PostgreSQL (22P02 if it cannot).

import { EQUAL, GREATER, LESS, ANY, type CompareCondition, type RowColumn } from './condition.ts'
import { OmenError } from '../error.ts'

const INTEGER_RANGE = [-(2n ** 63n), 2n ** 63n - 1n] as const
const UNSIGNED_RANGE = [0n, 2n ** 64n - 1n] as const
/** Beyond this many digits a decimal is outside of every integer, or less than any difference. */
const EXPONENT_MAX = 400

const floatBits = new DataView(new ArrayBuffer(8))

/** The 64 bits of a float. */
export function floatSlot(value: number): bigint {
  floatBits.setFloat64(0, value)
  return floatBits.getBigUint64(0)
}

/** A decimal number cut to an integer below it, and whether nothing was cut. */
export interface Floor {
  readonly floor: bigint
  readonly isExact: boolean
}

/** Floor of a decimal text such as `-12.50e3`; null if it is none. */
export function decimalFloor(text: string): Floor | null {
  const parts = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?\s*$/.exec(text)
  if (parts === null || (parts[2] === '' && parts[3] === '')) return null
  const digits = parts[2]! + parts[3]!
  const isNegative = parts[1] === '-'
  const given = Number(parts[4] ?? 0)
  const exponent = Math.max(-EXPONENT_MAX, Math.min(EXPONENT_MAX, given)) - parts[3]!.length
  const mantissa = BigInt(digits) * (isNegative ? -1n : 1n)
  if (exponent >= 0) return { floor: mantissa * 10n ** BigInt(exponent), isExact: true }
  const unit = 10n ** BigInt(-exponent)
  const quotient = mantissa / unit
  const isExact = quotient * unit === mantissa
  return { floor: mantissa < 0n && !isExact ? quotient - 1n : quotient, isExact }
}

/** A float as PostgreSQL reads it from quotes; null if it is none. */
export function parseFloatText(text: string): number | null {
  const trimmed = text.trim()
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(trimmed)
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return NaN
    return special[1] === '-' ? -Infinity : Infinity
  }
  return decimalFloor(trimmed) === null ? null : Number(trimmed)
}

/** A boolean as PostgreSQL reads it from quotes; null if it is none. */
export function parseBooleanText(text: string): boolean | null {
  const word = text.trim().toLowerCase()
  if (word === '') return null
  if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1')
    return true
  if ('false'.startsWith(word) || 'no'.startsWith(word) || word === '0') return false
  return word === 'off' || word === 'of' ? false : null
}

/** Comparison of an integer or unsigned column with any number, exact. */
export function compareIntegers(
  column: RowColumn,
  accepted: number,
  { floor, isExact }: Floor,
  isUnsigned: boolean,
): CompareCondition {
  const [least, greatest] = isUnsigned ? UNSIGNED_RANGE : INTEGER_RANGE
  const always = (outcome: number): CompareCondition => {
    return { kind: 'compare', column, accepted: (accepted & outcome) === 0 ? 0 : ANY, slot: 0n }
  }
  if (floor > greatest) return always(LESS)
  // Between floor and floor + 1, so every value from `least` on is above it.
  if (floor < least) return always(GREATER)
  const slot = BigInt.asUintN(64, floor)
  if (isExact) return { kind: 'compare', column, accepted, slot }
  const below = (accepted & LESS) === 0 ? 0 : LESS | EQUAL
  return { kind: 'compare', column, accepted: below | (accepted & GREATER), slot }
}

/** 22P02: a quoted literal that its column's type cannot read. */
export function invalidText(text: string, typeName: string, position: number): OmenError {
  const message = `where: ${JSON.stringify(text)} is not ${/^[aeiou]/.test(typeName) ? 'an' : 'a'} ${typeName}`
  return new OmenError('bad_request', message, { pointer: '/where', position, sqlstate: '22P02' })
}
