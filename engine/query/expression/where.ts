// `where` as text or as an object → one tree. Object members are exact column names, so they arrive
// as quoted columns; values of an array are IN, null is IS NULL, everything is ANDed.

import { OmenError } from '../../error.ts'
import { parseExpression } from './parse.ts'
import type { Column, ComparisonOperator, Expression } from './tree.ts'

const POINTER = '/where'
const COMPARISONS: ReadonlyMap<string, ComparisonOperator> = new Map([
  ['eq', '='],
  ['ne', '<>'],
  ['lt', '<'],
  ['lte', '<='],
  ['gt', '>'],
  ['gte', '>='],
])
const POSITION = 1

/**
 * Throws `sql_syntax` and `unsupported` as parseExpression does, `bad_request` for what an object
 * may not hold and `unsafe_integer`. An object without members is null; text that is blank is an error.
 */
export function parseWhere(where: unknown): Expression | null {
  if (typeof where === 'string') {
    if (!where.trimStart().startsWith('{')) return parseExpression(where, POINTER)
    return fromObject(objectText(where))
  }
  if (typeof where === 'object' && where !== null && !Array.isArray(where)) {
    return fromObject(where as Record<string, unknown>)
  }
  return refuse('is text or an object', POINTER)
}

/** In a URL an object is JSON text. */
function objectText(text: string): Record<string, unknown> {
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  if (typeof value !== 'object' || value === null) refuse('is not a JSON object', POINTER)
  return value as Record<string, unknown>
}

function fromObject(object: Record<string, unknown>): Expression | null {
  const terms: Expression[] = []
  for (const [name, value] of Object.entries(object)) {
    const column: Column = { kind: 'column', name, quoted: true, text: name, position: POSITION }
    const pointer = `${POINTER}/${escapePointer(name)}`
    if (Array.isArray(value)) terms.push(oneOf(column, value, pointer))
    else if (typeof value === 'object' && value !== null) {
      terms.push(...operators(column, value as Record<string, unknown>, pointer))
    } else terms.push(equal(column, value, pointer, false))
  }
  if (terms.length < 2) return terms[0] ?? null
  return { kind: 'and', operands: terms, position: POSITION }
}

function operators(column: Column, value: Record<string, unknown>, pointer: string): Expression[] {
  const entries = Object.entries(value)
  if (entries.length === 0) refuse('has no operator', pointer)
  return entries.map(([word, operand]) => {
    const at = `${pointer}/${escapePointer(word)}`
    if (word === 'eq' || word === 'ne') return equal(column, operand, at, word === 'ne')
    const operator = COMPARISONS.get(word)
    if (operator !== undefined) {
      if (operand === null) refuse('null has no order', at)
      return compare(column, operator, literal(operand, at))
    }
    if (word !== 'like' && word !== 'match') {
      refuse('is not one of eq ne lt lte gt gte like match', at)
    }
    if (typeof operand !== 'string') refuse('is text', at)
    return pattern(column, word, operand)
  })
}

function pattern(operand: Column, word: 'like' | 'match', text: string): Expression {
  const pattern: Expression = { kind: 'string', value: text, position: POSITION }
  const shared = { operand, pattern, insensitive: false, negated: false, position: POSITION }
  return word === 'like' ? { kind: 'like', escape: '\\', ...shared } : { kind: 'match', ...shared }
}

/** Null in a list is a value that matches. An empty list matches nothing. */
function oneOf(operand: Column, values: readonly unknown[], pointer: string): Expression {
  const items: Expression[] = []
  let hasNull = false
  values.forEach((value, i) => {
    if (value === null) hasNull = true
    else items.push(literal(value, `${pointer}/${i}`))
  })
  if (items.length === 0 && !hasNull) return { kind: 'boolean', value: false, position: POSITION }
  const missing: Expression = isNull(operand, false)
  if (items.length === 0) return missing
  const listed: Expression = { kind: 'in', operand, items, negated: false, position: POSITION }
  if (!hasNull) return listed
  return { kind: 'or', operands: [listed, missing], position: POSITION }
}

function equal(column: Column, value: unknown, pointer: string, negated: boolean): Expression {
  if (value === null) return isNull(column, negated)
  return compare(column, negated ? '<>' : '=', literal(value, pointer))
}

function isNull(operand: Column, negated: boolean): Expression {
  return { kind: 'is', operand, test: 'null', negated, position: POSITION }
}

function compare(left: Column, operator: ComparisonOperator, right: Expression): Expression {
  return { kind: 'comparison', operator, left, right, position: POSITION }
}

function literal(value: unknown, pointer: string): Expression {
  const position = POSITION
  switch (typeof value) {
    case 'string':
      return { kind: 'string', value, position }
    case 'boolean':
      return { kind: 'boolean', value, position }
    case 'bigint':
      return signed(value < 0n, String(value < 0n ? -value : value))
    case 'number':
      return number(value, pointer)
    default:
      return refuse('is text, a number, a boolean or null', pointer)
  }
}

function number(value: number, pointer: string): Expression {
  // What JSON cannot say takes the type of the column it meets.
  if (!Number.isFinite(value)) return { kind: 'string', value: String(value), position: POSITION }
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 2 ** 64) {
    const message = `${pointer.slice(1)}: ${value} is not exact in JSON, write it in quotes`
    throw new OmenError('unsafe_integer', message, { pointer })
  }
  return signed(value < 0 || Object.is(value, -0), String(Math.abs(value)))
}

function signed(isNegative: boolean, text: string): Expression {
  const integer = /^\d{1,40}$/.test(text) ? BigInt(text) : null
  const operand: Expression = {
    kind: 'number',
    text,
    value: Number(text),
    integer,
    position: POSITION,
  }
  return isNegative ? { kind: 'negate', operand, position: POSITION } : operand
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function refuse(message: string, pointer: string): never {
  throw new OmenError('bad_request', `${pointer.slice(1)}: ${message}`, { pointer })
}
