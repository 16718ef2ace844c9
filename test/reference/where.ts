// The reference's `where`: a predicate over one row object, three-valued as PostgreSQL's. Types are
// settled when it is compiled, so that a wrong type is an error even over no rows.

import { numberConstant, timeConstant } from '../../engine/query/constant.ts'
import { OmenError, type ErrorCode } from '../../engine/error.ts'
import { resolveColumn, unknownColumn } from '../../engine/query/expression/name.ts'
import type {
  Column,
  ComparisonOperator,
  Expression,
  Like,
  Match,
} from '../../engine/query/expression/tree.ts'
import type { ValueType } from '../../engine/query/query.ts'
import type { ReferenceTable, Row, Value } from './table.ts'

type Truth = boolean | null

/** A decimal literal, exact: digits × 10^-scale. */
interface Decimal {
  readonly digits: bigint
  readonly scale: number
  readonly value: number
  readonly isInteger: boolean
}

type Operand =
  | { kind: 'value'; type: ValueType | 'time'; get: (row: Row) => Value | null }
  | { kind: 'decimal'; decimal: Decimal }
  | { kind: 'text'; text: string; position: number }
  | { kind: 'null' }

/** Whether a row passes. Throws `unknown_column`, `type_conflict`, `bad_request`, `unsupported`. */
export function compileWhere(
  where: Expression,
  table: ReferenceTable,
  now: bigint,
): (row: Row) => Truth {
  return new Compiler(table, now).predicate(where)
}

function refuse(code: ErrorCode, message: string): never {
  throw new OmenError(code, message)
}

class Compiler {
  private readonly table: ReferenceTable
  private readonly now: bigint

  constructor(table: ReferenceTable, now: bigint) {
    this.table = table
    this.now = now
  }

  predicate(e: Expression): (row: Row) => Truth {
    switch (e.kind) {
      case 'and':
      case 'or': {
        const operands = e.operands.map((operand) => this.predicate(operand))
        return (row) =>
          junction(
            e.kind === 'or',
            operands.map((operand) => operand(row)),
          )
      }
      case 'not':
        return negated(this.predicate(e.operand), true)
      case 'is':
        return this.is(e.operand, e.test, e.negated)
      case 'comparison':
        return this.compare(e.operator, this.operand(e.left), this.operand(e.right))
      case 'distinct':
        return this.distinct(e.left, e.right, e.negated)
      case 'in': {
        const left = this.operand(e.operand)
        const tests = e.items.map((item) => this.compare('=', left, this.operand(item)))
        return negated(
          (row) =>
            junction(
              true,
              tests.map((test) => test(row)),
            ),
          e.negated,
        )
      }
      case 'between': {
        const operand = this.operand(e.operand)
        const low = this.compare('>=', operand, this.operand(e.low))
        const high = this.compare('<=', operand, this.operand(e.high))
        return negated((row) => junction(false, [low(row), high(row)]), e.negated)
      }
      case 'like':
        return this.like(e)
      case 'match':
        return this.match(e)
      default:
        return this.bare(e)
    }
  }

  /** A boolean where a condition is wanted. */
  private bare(e: Expression): (row: Row) => Truth {
    const operand = this.operand(e)
    if (operand.kind === 'null') return () => null
    if (operand.kind !== 'value' || operand.type !== 'boolean') {
      if (operand.kind === 'text') refuse('bad_request', 'where: not a boolean')
      refuse('type_conflict', 'where: not a boolean')
    }
    return (row) => operand.get(row) as Truth
  }

  private is(e: Expression, test: 'null' | 'true' | 'false', isNegated: boolean) {
    if (test !== 'null') {
      const inner = this.predicate(e)
      return (row: Row): Truth => (inner(row) === (test === 'true')) !== isNegated
    }
    if (isPredicate(e)) {
      const inner = this.predicate(e)
      return (row: Row): Truth => (inner(row) === null) !== isNegated
    }
    const operand = this.operand(e)
    const isNull = (row: Row): boolean =>
      operand.kind === 'null' || (operand.kind === 'value' && operand.get(row) === null)
    return (row: Row): Truth => isNull(row) !== isNegated
  }

  private distinct(left: Expression, right: Expression, isNegated: boolean) {
    const equal = this.compare('=', this.operand(left), this.operand(right))
    const leftNull = this.is(left, 'null', false)
    const rightNull = this.is(right, 'null', false)
    return (row: Row): Truth => {
      const isSame = leftNull(row) || rightNull(row) ? leftNull(row) === rightNull(row) : equal(row)
      return isSame === isNegated
    }
  }

  private like(e: Like): (row: Row) => Truth {
    const operand = this.operand(e.operand)
    const pattern = this.operand(e.pattern)
    if (operand.kind === 'null' || pattern.kind === 'null') return () => null
    if (operand.kind !== 'value' || operand.type !== 'string') {
      refuse('type_conflict', 'where: LIKE is for text')
    }
    if (pattern.kind !== 'text') refuse('unsupported', 'where: a LIKE pattern is a literal')
    const fold = (text: string): string[] => [...(e.insensitive ? text.toLowerCase() : text)]
    const parts = likeParts(fold(pattern.text), e.escape)
    return negated((row) => {
      const value = operand.get(row)
      return value === null ? null : matchesLike(fold(value as string), parts)
    }, e.negated)
  }

  /** As the runtime matches: its `.` takes line breaks with the flag s. */
  private match(e: Match): (row: Row) => Truth {
    const operand = this.operand(e.operand)
    const pattern = this.operand(e.pattern)
    if (operand.kind === 'null' || pattern.kind === 'null') return () => null
    if (operand.kind !== 'value' || operand.type !== 'string') {
      refuse('type_conflict', 'where: ~ is for text')
    }
    if (pattern.kind !== 'text') refuse('unsupported', 'where: a pattern is a literal')
    const regex = new RegExp(pattern.text, e.insensitive ? 'sui' : 'su')
    return negated((row) => {
      const value = operand.get(row)
      return value === null ? null : regex.test(value as string)
    }, e.negated)
  }

  operand(e: Expression): Operand {
    if (e.kind === 'column') return this.column(e)
    if (e.kind === 'string') return { kind: 'text', text: e.value, position: e.position }
    if (e.kind === 'null') return { kind: 'null' }
    if (e.kind === 'boolean') return { kind: 'value', type: 'boolean', get: () => e.value }
    const number = numberConstant(e)
    if (number !== null) return { kind: 'decimal', decimal: decimalOf(e) }
    if (isPredicate(e)) {
      const get = this.predicate(e)
      return { kind: 'value', type: 'boolean', get }
    }
    const time = timeConstant(e, this.now)
    if (time === null) refuse('unsupported', `where: ${e.kind} is not offered`)
    return { kind: 'value', type: 'time', get: () => time }
  }

  private column(column: Column): Operand {
    const { table } = this
    const names = [...table.tagKeys, ...table.fields.keys(), 'time']
    const name = resolveColumn(column.name, column.quoted, names)
    if (name === null) throw unknownColumn(column, names, '/where')
    if (name === 'time') return { kind: 'value', type: 'time', get: (row) => row.time }
    const type = table.fields.get(name)
    if (type !== undefined) {
      return { kind: 'value', type, get: (row) => row.fields.get(name) ?? null }
    }
    return { kind: 'value', type: 'string', get: (row) => row.tags.get(name) ?? null }
  }

  private compare(
    operator: ComparisonOperator,
    left: Operand,
    right: Operand,
  ): (row: Row) => Truth {
    if (left.kind === 'value' && right.kind === 'value') {
      const order = orderOfTypes(left.type, right.type)
      return (row) => {
        const [a, b] = [left.get(row), right.get(row)]
        return a === null || b === null ? null : accepts(operator, order(a, b))
      }
    }
    if (right.kind === 'value') return this.compare(FLIPPED[operator], right, left)
    if (left.kind === 'value') {
      const order = this.orderAgainst(left.type, right)
      if (order === null) return () => null
      return (row) => {
        const value = left.get(row)
        return value === null ? null : accepts(operator, order(value))
      }
    }
    return constantComparison(operator, left, right)
  }

  /** Order of values of a type against a literal; null if that is null. */
  private orderAgainst(
    type: ValueType | 'time',
    literal: Exclude<Operand, { kind: 'value' }>,
  ): ((value: Value) => number) | null {
    if (literal.kind === 'null') return null
    if (literal.kind === 'text') {
      if (type === 'integer' || type === 'unsigned') {
        const number = integerText(literal.text, type)
        return (value) => orderNumbers(value as bigint, number)
      }
      const constant = textAs(type, literal.text, literal.position, this.now)
      const order = orderOfTypes(type, type)
      return (value) => order(value, constant)
    }
    const { decimal } = literal
    if (type === 'integer' || type === 'unsigned') {
      const scale = 10n ** BigInt(Math.max(0, decimal.scale))
      const digits = decimal.digits * 10n ** BigInt(Math.max(0, -decimal.scale))
      return (value) => orderNumbers((value as bigint) * scale, digits)
    }
    if (type === 'float') return (value) => orderFloats(value as number, decimal.value)
    if (type === 'time' && decimal.isInteger) {
      return (value) => orderNumbers(value as bigint, decimal.digits * 1_000_000n)
    }
    return refuse('type_conflict', `where: ${type} and a number`)
  }
}

const FLIPPED: Record<ComparisonOperator, ComparisonOperator> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

function accepts(operator: ComparisonOperator, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    default:
      return order >= 0
  }
}

/** OR ends at true, AND at false; otherwise null wins. */
function junction(deciding: boolean, truths: readonly Truth[]): Truth {
  if (truths.includes(deciding)) return deciding
  return truths.includes(null) ? null : !deciding
}

function negated(inner: (row: Row) => Truth, isNegated: boolean): (row: Row) => Truth {
  if (!isNegated) return inner
  return (row) => {
    const truth = inner(row)
    return truth === null ? null : !truth
  }
}

function isPredicate({ kind }: Expression): boolean {
  const kinds = [
    'and',
    'or',
    'not',
    'is',
    'comparison',
    'distinct',
    'in',
    'between',
    'like',
    'match',
  ]
  return kinds.includes(kind)
}

/** Of two literals: both numbers or both text. */
function constantComparison(operator: ComparisonOperator, left: Operand, right: Operand) {
  if (left.kind === 'null' || right.kind === 'null') return () => null
  if (left.kind === 'text' && right.kind === 'text') {
    const truth = accepts(operator, orderTexts(left.text, right.text))
    return () => truth
  }
  if (left.kind === 'decimal' && right.kind === 'decimal') {
    const scale = Math.max(left.decimal.scale, right.decimal.scale)
    const scaled = ({ digits, scale: own }: Decimal): bigint => digits * 10n ** BigInt(scale - own)
    const truth = accepts(operator, orderNumbers(scaled(left.decimal), scaled(right.decimal)))
    return () => truth
  }
  return refuse('unsupported', 'where: a comparison of constants of two kinds')
}

function decimalOf(e: Expression): Decimal {
  let isNegative = false
  let node = e
  for (; node.kind === 'negate'; node = node.operand) isNegative = !isNegative
  if (node.kind !== 'number') throw new Error('not a number')
  const [mantissa, exponent] = node.text.toLowerCase().split('e')
  const [whole, fraction = ''] = mantissa!.split('.')
  const digits = BigInt(whole! + fraction) * (isNegative ? -1n : 1n)
  const scale = fraction.length - Number(exponent ?? 0)
  const value = isNegative ? -node.value : node.value
  return { digits, scale, value, isInteger: node.integer !== null }
}

function integerText(text: string, type: 'integer' | 'unsigned'): bigint {
  const trimmed = text.trim()
  if (!/^[-+]?\d+$/.test(trimmed)) refuse('bad_request', `where: ${text} is not ${type}`)
  return BigInt(trimmed.replace('+', ''))
}

function textAs(type: ValueType | 'time', text: string, position: number, now: bigint): Value {
  const trimmed = text.trim().toLowerCase()
  switch (type) {
    case 'string':
      return text
    case 'time': {
      const time = timeConstant({ kind: 'string', value: text, position }, now)
      if (time === null) throw new Error('text is always a time or an error')
      return time
    }
    case 'boolean':
      if (['true', 't', 'yes', 'on', '1'].includes(trimmed)) return true
      if (['false', 'f', 'no', 'off', '0'].includes(trimmed)) return false
      return refuse('bad_request', `where: ${text} is not a boolean`)
    default: {
      if (/^[-+]?inf(inity)?$/.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity
      const isNumber = trimmed === 'nan' || (trimmed !== '' && !Number.isNaN(Number(trimmed)))
      return isNumber ? Number(trimmed) : refuse('bad_request', `where: ${text} is not a number`)
    }
  }
}

/** Order of two typed values; float against integer as doubles, everything else exact. */
function orderOfTypes(a: ValueType | 'time', b: ValueType | 'time') {
  const isWhole = (type: string): boolean => type === 'integer' || type === 'unsigned'
  if ((isWhole(a) && isWhole(b)) || (a === 'time' && b === 'time')) {
    return (x: Value, y: Value) => orderNumbers(x as bigint, y as bigint)
  }
  const isNumeric = (type: string): boolean => isWhole(type) || type === 'float'
  if (isNumeric(a) && isNumeric(b)) return (x: Value, y: Value) => orderFloats(Number(x), Number(y))
  if (a !== b) return refuse('type_conflict', `where: ${a} and ${b}`)
  return a === 'string'
    ? (x: Value, y: Value) => orderTexts(x as string, y as string)
    : (x: Value, y: Value) => Number(x) - Number(y)
}

function orderNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** NaN equals NaN and is above all. */
export function orderFloats(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1
  if (Number.isNaN(b)) return -1
  return a < b ? -1 : a > b ? 1 : 0
}

export function orderTexts(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Order of two values of one column. */
export function orderValues(a: Value, b: Value): number {
  if (typeof a === 'string') return orderTexts(a, b as string)
  if (typeof a === 'number') return orderFloats(a, b as number)
  return a < b ? -1 : a > b ? 1 : 0
}

type LikePart = { any: 'one' | 'run' } | { character: string }

function likeParts(pattern: readonly string[], escape: string): LikePart[] {
  const parts: LikePart[] = []
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!
    if (escape !== '' && character === escape) {
      if (++i === pattern.length) refuse('bad_request', 'where: LIKE ends with its escape')
      parts.push({ character: pattern[i]! })
    } else if (character === '%') parts.push({ any: 'run' })
    else parts.push(character === '_' ? { any: 'one' } : { character })
  }
  return parts
}

function matchesLike(text: readonly string[], parts: readonly LikePart[]): boolean {
  const [part, ...rest] = parts
  if (part === undefined) return text.length === 0
  if ('any' in part && part.any === 'run') {
    for (let i = 0; i <= text.length; i++) if (matchesLike(text.slice(i), rest)) return true
    return false
  }
  if (text.length === 0) return false
  if ('character' in part && part.character !== text[0]) return false
  return matchesLike(text.slice(1), rest)
}
