// to_char of numbers and to_number: what each type has as digits, then the template's places.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, numeric_to_char and its like.

import { Decimal, divideRounded, tenTo } from '../decimal.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { fixedFloat, scientificFloat, scientificText } from '../text/exact-float.ts'
import { scalar } from './define.ts'
import { readNumber } from './number-reader.ts'
import { type NumberTemplate, numberTemplate } from './number-template.ts'
import { writeNumber, writeRoman } from './number-writer.ts'

const INT4_MAX = 2_147_483_647
/** Digits that floats have for sure. */
const FLOAT_DIGITS = { float4: 6, float8: 15 }

const withShift = (template: NumberTemplate): NumberTemplate =>
  template.hasShift ? { ...template, whole: template.whole + template.shift } : template

/** Digits as a type prints them, cut to `#` where the template has no room. */
function print(template: NumberTemplate, text: string): string {
  const sign = text.startsWith('-') ? '-' : '+'
  const digits = sign === '-' ? text.slice(1) : text
  const { whole, fraction } = template
  const length = digits.includes('.') ? digits.indexOf('.') : digits.length
  if (length <= whole) return writeNumber({ text: digits, sign, spaces: whole - length, template })
  const full = `${'#'.repeat(whole)}.${'#'.repeat(fraction)}`
  return writeNumber({ text: full, sign, spaces: 0, template })
}

/** Positive numbers have a space for their sign. */
const aligned = (text: string): string => (text.startsWith('-') ? text : ` ${text}`)

const noExponent = ({ whole, fraction }: NumberTemplate): string =>
  ` ${'#'.repeat(whole)}.${'#'.repeat(fraction + 4)}`

function toInteger(value: Decimal): number {
  const rounded = value.round(0)
  if (value.special !== null) {
    const title = value.special === 'NaN' ? 'NaN' : 'infinity'
    throw new SqlError('0A000', `cannot convert ${title} to integer`)
  }
  const integer = Number(rounded.unscaled)
  if (integer >= -INT4_MAX - 1 && integer <= INT4_MAX) return integer
  throw new SqlError('22003', 'integer out of range')
}

function scientificDecimal(value: Decimal, template: NumberTemplate): string {
  if (value.special !== null) return noExponent(template)
  const { unscaled, scale } = value
  const size = unscaled < 0n ? -unscaled : unscaled
  const text = scientificText(size, scale, template.fraction, {
    divide: divideRounded,
    hasCarry: false,
  })
  return aligned(unscaled < 0n ? `-${text}` : text)
}

function decimalText(value: Decimal, format: string): string {
  const template = numberTemplate(format)
  if (template.isRoman) return writeRoman(toInteger(value), template)
  if (template.isScientific) return scientificDecimal(value, template)
  const shifted = template.hasShift ? value.multiply(Decimal.of(tenTo(template.shift))) : value
  return print(withShift(template), shifted.round(template.fraction).toString())
}

function integerText(value: bigint, template: NumberTemplate): string {
  const { fraction } = template
  const text = fraction > 0 ? `${value}.${'0'.repeat(fraction)}` : String(value)
  return print(withShift(template), text)
}

function int4Text(value: number, format: string): string {
  const template = numberTemplate(format)
  if (template.isRoman) return writeRoman(value, template)
  if (template.isScientific) return aligned(scientificFloat(value, template.fraction))
  if (!template.hasShift) return integerText(BigInt(value), template)
  const shifted = BigInt(value) * tenTo(template.shift)
  if (template.shift > 9 || BigInt.asIntN(32, shifted) !== shifted) {
    throw new SqlError('22003', 'integer out of range')
  }
  return integerText(shifted, template)
}

function int8Text(value: bigint, format: string): string {
  const template = numberTemplate(format)
  if (template.isRoman) return writeRoman(toInteger(Decimal.of(value)), template)
  if (template.isScientific) return scientificDecimal(Decimal.of(value), template)
  const shifted = template.hasShift ? value * tenTo(template.shift) : value
  if (BigInt.asIntN(64, shifted) !== shifted || template.shift > 18) {
    throw new SqlError('22003', 'bigint out of range')
  }
  return integerText(shifted, template)
}

function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

const floatText =
  (type: keyof typeof FLOAT_DIGITS) =>
  (value: number, format: string): string => {
    const own = numberTemplate(format)
    // Beyond 32 bits the processor has the least integer.
    const roman = roundToEven(value)
    if (own.isRoman) return writeRoman(Math.abs(roman) <= INT4_MAX ? roman : -1, own)
    if (own.isScientific) {
      if (!Number.isFinite(value)) return noExponent(own)
      return aligned(scientificFloat(value, own.fraction))
    }
    const shift = 10 ** own.shift
    const product = value * (type === 'float4' ? Math.fround(shift) : shift)
    const shifted = own.hasShift ? (type === 'float4' ? Math.fround(product) : product) : value
    const length = fixedFloat(Math.abs(shifted), 0).length
    const room = Math.max(FLOAT_DIGITS[type] - length, 0)
    const template = { ...withShift(own), fraction: Math.min(own.fraction, room) }
    return print(template, fixedFloat(shifted, template.fraction))
  }

const orEmpty =
  <Value>(compute: (value: Value, format: string) => string) =>
  (value: Value, format: string): string =>
    format === '' ? '' : compute(value, format)

export const numberTexts: readonly ScalarFunction[] = [
  scalar('to_char', 'numeric text', 'text', orEmpty(decimalText)),
  scalar('to_char', 'int4 text', 'text', orEmpty(int4Text)),
  scalar('to_char', 'int8 text', 'text', orEmpty(int8Text)),
  scalar('to_char', 'float4 text', 'text', orEmpty(floatText('float4'))),
  scalar('to_char', 'float8 text', 'text', orEmpty(floatText('float8'))),
  scalar('to_number', 'text text', 'numeric', (text: string, format: string) =>
    format === '' ? null : readNumber(text, numberTemplate(format)),
  ),
]
