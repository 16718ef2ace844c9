// Texts made of values of any type: concat, concat_ws, format.
// Source: PostgreSQL 15, its manual, section 9.4.1; src/backend/utils/adt/varlena.c, text_format.

import { quoteIdentifier } from '../catalogs/identifier.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { printerOf } from '../value-text.ts'
import { type Typed, type TypedCall, typed } from './define.ts'

/** Null: SQL's null. */
function textOf(values: readonly unknown[], index: number, call: TypedCall): string | null {
  const value = values[index]
  if (value === null || value === undefined) return null
  return printerOf(call.arguments[index]!, call.surroundings)(value)
}

const concat: Typed = (values, call) =>
  values.map((_, index) => textOf(values, index, call) ?? '').join('')

const concatWith: Typed = (values, call) => {
  const separator = textOf(values, 0, call)
  if (separator === null) return null
  const texts = values.slice(1).map((_, index) => textOf(values, index + 1, call))
  return texts.filter((text) => text !== null).join(separator)
}

/** `%[position$][-][width]type`. */
const SPECIFIER = /%(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?(.)?/g

const format: Typed = (values, call) => {
  const pattern = textOf(values, 0, call)
  if (pattern === null) return null
  let next = 1
  const argument = (position: string | undefined): number => {
    const index = position === undefined ? next : Number(position)
    if (index === 0)
      throw new SqlError('22023', 'format specifies argument 0, but arguments are numbered from 1')
    if (index >= values.length) throw new SqlError('22023', 'too few arguments for format()')
    next = index + 1
    return index
  }
  return pattern.replace(SPECIFIER, (whole, position, left, digits, starred, type) => {
    if (type === '%') return '%'
    const isStar = whole.includes('*')
    const width = isStar
      ? Number(textOf(values, argument(starred), call) ?? 0)
      : Number(digits ?? 0)
    const text = formatted(type as string | undefined, textOf(values, argument(position), call))
    const isLeft = left !== undefined || width < 0
    return isLeft ? text.padEnd(Math.abs(width)) : text.padStart(width)
  })
}

function formatted(type: string | undefined, text: string | null): string {
  if (type === 's') return text ?? ''
  if (type === 'L') return text === null ? 'NULL' : quoteLiteral(text)
  if (type === 'I') {
    if (text === null) {
      throw new SqlError('22004', 'null values cannot be formatted as an SQL identifier')
    }
    return quoteIdentifier(text)
  }
  if (type === undefined) {
    throw new SqlError('22023', 'unterminated format() type specifier', {
      hint: 'For a single "%" use "%%".',
    })
  }
  throw new SqlError('22023', `unrecognized format() type specifier "${type}"`, {
    hint: 'For a single "%" use "%%".',
  })
}

/** As a literal of SQL; with backslashes, as one with an E before it. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}

const LOOSE = { isStrict: false, isVariadic: true, volatility: 'stable' } as const

export const formats: readonly ScalarFunction[] = [
  typed('concat', 'any', 'text', concat, LOOSE),
  typed('concat_ws', 'text any', 'text', concatWith, LOOSE),
  typed('format', 'text', 'text', format, { isStrict: false, volatility: 'stable' }),
  typed('format', 'text any', 'text', format, LOOSE),
  typed('quote_literal', 'text', 'text', ([text]) => quoteLiteral(text!)),
  typed('quote_literal', 'anyelement', 'text', ([value], call) =>
    quoteLiteral(textOf([value], 0, call)!),
  ),
  typed(
    'quote_nullable',
    'anyelement',
    'text',
    ([value], call) => {
      const text = textOf([value], 0, call)
      return text === null ? 'NULL' : quoteLiteral(text)
    },
    { isStrict: false },
  ),
]
