// Text of floats as PostgreSQL 15 prints them: the fewest digits that read back as the same value.
// Source: PostgreSQL 15, src/common/d2s.c, to_chars, and src/backend/utils/adt/float.c.

import { SqlError } from '../sql-error.ts'

/** From this power of ten on, and below -4, a value is printed with its exponent. */
const EXPONENT_FROM = { float8: 15, float4: 6 } as const

/** Shortest digits of a float8 or, if `single`, a float4. */
export function printFloat(value: number, type: 'float8' | 'float4' = 'float8'): string {
  if (!Number.isFinite(value))
    return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const shortest = type === 'float8' ? value.toExponential() : shortestSingle(value)
  const [mantissa, power] = shortest.split('e') as [string, string]
  const exponent = Number(power)
  if (exponent < -4 || exponent >= EXPONENT_FROM[type]) {
    const digits = String(Math.abs(exponent)).padStart(2, '0')
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
  }
  const sign = value < 0 ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`
}

function shortestSingle(value: number): string {
  const single = Math.fround(value)
  for (let digits = 0; digits < 9; digits++) {
    const text = single.toExponential(digits)
    if (Math.fround(Number(text)) === single) return text.replace(/\.?0+e/, 'e')
  }
  return single.toExponential(8)
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i
const SPECIAL: Readonly<Record<string, number>> = {
  ...{ nan: NaN, inf: Infinity, '+inf': Infinity, '-inf': -Infinity },
  ...{ infinity: Infinity, '+infinity': Infinity, '-infinity': -Infinity },
}

/** Throws 22P02 for what is no number, 22003 for what a float cannot hold. */
export function readFloat(text: string, type: 'float8' | 'float4' = 'float8'): number {
  const trimmed = text.trim()
  const special = SPECIAL[trimmed.toLowerCase()]
  if (special !== undefined) return special
  const title = type === 'float8' ? 'double precision' : 'real'
  if (!NUMBER.test(trimmed)) {
    throw new SqlError('22P02', `invalid input syntax for type ${title}: "${text}"`)
  }
  const value = type === 'float8' ? Number(trimmed) : Math.fround(Number(trimmed))
  const isLost = value === 0 && /[1-9]/.test(trimmed.replace(/e.*$/i, ''))
  if (Number.isFinite(value) && !isLost) return value
  throw new SqlError('22003', `"${trimmed}" is out of range for type ${title}`)
}
