// `where` as parsed → a Condition: names resolved, types checked, constants turned into slots, tag
// terms into functions of the tags. Type errors are PostgreSQL's (42883, 42804, 22P02).

import {
  EQUAL,
  GREATER,
  LESS,
  TIME_ID,
  constant,
  junction,
  negation,
  type Condition,
  type RowColumn,
  type TagReader,
  type Truth,
} from './condition.ts'
import { timeConstant } from './constant.ts'
import type {
  ComparisonOperator,
  Distinct,
  Expression,
  In,
  Is,
  Like,
  Match,
} from './expression/tree.ts'
import { fieldTypeName, type FieldType } from '../field.ts'
import {
  compareIntegers,
  decimalFloor,
  floatSlot,
  invalidText,
  parseBooleanText,
  parseFloatText,
} from './literal.ts'
import { bindOperand, operandType, whereError, type Operand } from './operand.ts'
import { likeTest, likeTokens } from './pattern.ts'
import type { PlanTable } from './plan.ts'
import { RegexMatcher } from './regex/matcher.ts'
import { compareText } from '../catalog/tags.ts'

const FLOAT = 0
const INTEGER = 1
const UNSIGNED = 2
const BOOLEAN = 3
const STRING = 4

const ACCEPTED: Record<ComparisonOperator, number> = {
  '=': EQUAL,
  '<>': LESS | GREATER,
  '<': LESS,
  '<=': LESS | EQUAL,
  '>': GREATER,
  '>=': GREATER | EQUAL,
}

/** The time as a row column. */
export const TIME_COLUMN: RowColumn = { id: TIME_ID, type: INTEGER }

type Field = Extract<Operand, { kind: 'field' }>

/** Binds one `where` of one query. Throws what messages of PostgreSQL would say, as OmenErrors. */
export class Binder {
  private readonly table: PlanTable
  private readonly now: bigint

  constructor(table: PlanTable, now: bigint) {
    this.table = table
    this.now = now
  }

  bind(expression: Expression): Condition {
    switch (expression.kind) {
      case 'and':
      case 'or':
        return junction(
          expression.kind,
          expression.operands.map((operand) => this.bind(operand)),
        )
      case 'not':
        return negation(this.bind(expression.operand))
      case 'comparison': {
        const { left, right, operator, position } = expression
        return this.compare(ACCEPTED[operator], left, right, position)
      }
      case 'distinct':
        return this.distinct(expression)
      case 'in':
        return this.bindIn(expression)
      case 'between': {
        const { operand, low, high, position } = expression
        const bounds = [
          this.compare(ACCEPTED['>='], operand, low, position),
          this.compare(ACCEPTED['<='], operand, high, position),
        ]
        return negated(junction('and', bounds), expression.negated)
      }
      case 'is':
        return this.bindIs(expression)
      case 'like':
        return this.bindLike(expression)
      case 'match':
        return this.bindMatch(expression)
      default:
        return this.truth(expression)
    }
  }

  private operand(expression: Expression): Operand {
    return bindOperand(expression, this.table, this.now)
  }

  /** An expression that is not a predicate: a boolean by itself, or 42804. */
  private truth(expression: Expression): Condition {
    const operand = this.operand(expression)
    if (operand.kind === 'null') return constant(null)
    if (operand.kind === 'boolean') return constant(operand.value)
    if (operand.kind === 'field' && operand.type === BOOLEAN) {
      return { kind: 'compare', column: operand, accepted: EQUAL, slot: 1n }
    }
    const message = `a condition is boolean, not ${operandType(operand)}`
    throw whereError('type_conflict', '42804', message, expression.position)
  }

  private compare(
    accepted: number,
    leftExpression: Expression,
    rightExpression: Expression,
    position: number,
  ): Condition {
    const left = this.operand(leftExpression)
    const right = this.operand(rightExpression)
    if (left.kind === 'null' || right.kind === 'null') return constant(null)
    if (left.kind === 'time' || right.kind === 'time') {
      if (left.kind === right.kind) {
        return { kind: 'columns', left: TIME_COLUMN, right: TIME_COLUMN, accepted }
      }
      return left.kind === 'time'
        ? this.compareTime(accepted, rightExpression, right, position)
        : this.compareTime(swapped(accepted), leftExpression, left, position)
    }
    if (isColumn(left) && isColumn(right)) return compareColumns(accepted, left, right, position)
    if (left.kind === 'field') return compareField(accepted, left, right, position)
    if (right.kind === 'field') return compareField(swapped(accepted), right, left, position)
    if (left.kind === 'tag') return compareTag(accepted, left.name, right, position)
    if (right.kind === 'tag') return compareTag(swapped(accepted), right.name, left, position)
    return compareConstants(accepted, left, right, position)
  }

  private compareTime(
    accepted: number,
    expression: Expression,
    operand: Operand,
    position: number,
  ): Condition {
    const time = timeConstant(expression, this.now)
    if (time === null) throw mismatch({ kind: 'time' }, operand, position)
    return compareIntegers(TIME_COLUMN, accepted, { floor: time, isExact: true }, false)
  }

  /** `IS DISTINCT FROM`: not (equal IS TRUE, or both null). */
  private distinct(expression: Distinct): Condition {
    const { left, right, position } = expression
    const leftNull = this.isNull(left)
    const rightNull = this.isNull(right)
    const isEqual = isTrue(this.compare(EQUAL, left, right, position))
    const isSame = junction('or', [isEqual, junction('and', [leftNull, rightNull])])
    return negated(isSame, !expression.negated)
  }

  private bindIn(expression: In): Condition {
    const { operand, items, position } = expression
    const left = this.operand(operand)
    const texts = items.flatMap((item) => (item.kind === 'string' ? [item.value] : []))
    if (left.kind === 'tag' && texts.length === items.length) {
      const wanted = new Set(texts)
      const test = (value: string): Truth => wanted.has(value)
      return negated(tagCondition(left.name, test, [...wanted]), expression.negated)
    }
    const equals = items.map((item) => this.compare(EQUAL, operand, item, position))
    return negated(junction('or', equals), expression.negated)
  }

  private bindIs(expression: Is): Condition {
    if (expression.test === 'null')
      return negated(this.isNull(expression.operand), expression.negated)
    const operand = this.bind(expression.operand)
    const value = expression.test === 'true'
    if (operand.kind === 'constant') {
      return negated(constant(operand.value === value), expression.negated)
    }
    return negated({ kind: 'is', operand, value }, expression.negated)
  }

  private isNull(expression: Expression): Condition {
    if (isPredicate(expression)) {
      const operand = this.bind(expression)
      const isTrueOrFalse: Condition[] = [
        { kind: 'is', operand, value: true },
        { kind: 'is', operand, value: false },
      ]
      return negation(junction('or', isTrueOrFalse))
    }
    const operand = this.operand(expression)
    if (operand.kind === 'field') return { kind: 'null', column: operand }
    if (operand.kind === 'tag') {
      const { name } = operand
      const test = (tag: TagReader): Truth => tag(name) === null
      return { kind: 'tag', keys: [name], values: null, test }
    }
    return constant(operand.kind === 'null')
  }

  private bindLike(expression: Like): Condition {
    const { escape, insensitive } = expression
    const [operand, pattern] = this.pattern(expression)
    if (operand === null || pattern === null) return constant(null)
    let condition: Condition
    if (operand.kind === 'field') {
      const tokens = likeTokens(pattern, escape, insensitive)
      condition = { kind: 'like', column: operand, tokens, insensitive }
    } else {
      condition = textTest(operand, likeTest(pattern, escape, insensitive))
    }
    return negated(condition, expression.negated)
  }

  /** A regular expression; never one of the runtime, whose time may be exponential (regex/matcher.ts). */
  private bindMatch(expression: Match): Condition {
    const { insensitive, negated: isNegated } = expression
    const [operand, pattern] = this.pattern(expression)
    if (pattern === null) return constant(null)
    const { position } = expression.pattern
    const matcher = new RegexMatcher(pattern, insensitive, position)
    if (operand === null) return constant(null)
    const condition: Condition =
      operand.kind === 'field'
        ? { kind: 'match', column: operand, pattern, insensitive, position }
        : textTest(operand, (text) => matcher.test(text))
    return negated(condition, isNegated)
  }

  /** Text operand and constant pattern of LIKE or a match; null where one is NULL. */
  private pattern(expression: Like | Match): [Operand | null, string | null] {
    const operand = this.operand(expression.operand)
    const pattern = this.operand(expression.pattern)
    const isText =
      operand.kind === 'tag' ||
      operand.kind === 'text' ||
      operand.kind === 'null' ||
      (operand.kind === 'field' && operand.type === STRING)
    if (!isText || (pattern.kind !== 'text' && pattern.kind !== 'null')) {
      if (isText && isColumn(pattern)) {
        const message = `${nameOf(expression)} with a pattern from a column is not offered`
        throw whereError('unsupported', '0A000', message, expression.position)
      }
      const message = `no ${nameOf(expression)} for ${operandType(operand)} and ${operandType(pattern)}`
      throw whereError('type_conflict', '42883', message, expression.position)
    }
    return [
      operand.kind === 'null' ? null : operand,
      pattern.kind === 'text' ? pattern.value : null,
    ]
  }
}

/** How messages call a test of a text by a pattern. */
function nameOf({ kind }: Like | Match): string {
  return kind === 'like' ? 'LIKE' : '~'
}

function isPredicate(expression: Expression): boolean {
  const kinds = [
    'and',
    'or',
    'not',
    'comparison',
    'distinct',
    'in',
    'between',
    'is',
    'like',
    'match',
  ]
  return kinds.includes(expression.kind)
}

function isColumn(operand: Operand): operand is Extract<Operand, { kind: 'field' | 'tag' }> {
  return operand.kind === 'field' || operand.kind === 'tag'
}

function negated(condition: Condition, isNegated: boolean): Condition {
  return isNegated ? negation(condition) : condition
}

function isTrue(operand: Condition): Condition {
  if (operand.kind === 'constant') return constant(operand.value === true)
  return { kind: 'is', operand, value: true }
}

/** The set of outcomes seen from the other side. */
function swapped(accepted: number): number {
  return (accepted & EQUAL) | ((accepted & LESS) << 2) | ((accepted & GREATER) >> 2)
}

function mismatch(left: Operand, right: Operand, position: number): Error {
  const message = `${operandType(left)} and ${operandType(right)} do not compare`
  return whereError('type_conflict', '42883', message, position)
}

function tagCondition(
  key: string,
  test: (value: string) => Truth,
  values: readonly string[] | null,
): Condition {
  const read = (tag: TagReader): Truth => {
    const value = tag(key)
    return value === null ? null : test(value)
  }
  return { kind: 'tag', keys: [key], values, test: read }
}

/** A test of a tag's value, or of a literal. */
function textTest(operand: Operand, test: (value: string) => boolean): Condition {
  if (operand.kind === 'tag') return tagCondition(operand.name, test, null)
  return constant(operand.kind === 'text' ? test(operand.value) : null)
}

function compareTag(accepted: number, key: string, right: Operand, position: number): Condition {
  if (right.kind !== 'text') throw mismatch({ kind: 'tag', name: key }, right, position)
  const wanted = right.value
  const test = (value: string): Truth => (accepted & outcomeOf(compareText(value, wanted))) !== 0
  return tagCondition(key, test, accepted === EQUAL ? [wanted] : null)
}

function outcomeOf(order: number): number {
  return order < 0 ? LESS : order === 0 ? EQUAL : GREATER
}

function compareField(accepted: number, field: Field, right: Operand, position: number): Condition {
  const typeName = fieldTypeName(field.type)
  const refuse = (text: string): never => {
    throw invalidText(text, typeName, position)
  }
  if (field.type === STRING && right.kind === 'text') {
    return { kind: 'text', column: field, accepted, text: new TextEncoder().encode(right.value) }
  }
  if (field.type === BOOLEAN && (right.kind === 'boolean' || right.kind === 'text')) {
    const value = right.kind === 'boolean' ? right.value : parseBooleanText(right.value)
    const slot = (value ?? refuse((right as { value: string }).value)) ? 1n : 0n
    return { kind: 'compare', column: field, accepted, slot }
  }
  if (!isNumber(field.type) || (right.kind !== 'number' && right.kind !== 'text')) {
    throw mismatch(field, right, position)
  }
  if (field.type === FLOAT) {
    const value =
      right.kind === 'number'
        ? Number(right.text)
        : (parseFloatText(right.value) ?? refuse(right.value))
    return { kind: 'compare', column: field, accepted, slot: floatSlot(value) }
  }
  const text = right.kind === 'number' ? right.text : right.value
  const floor = decimalFloor(text)
  if (floor === null || (right.kind === 'text' && !/^\s*[+-]?\d+\s*$/.test(text)))
    return refuse(text)
  return compareIntegers(field, accepted, floor, field.type === UNSIGNED)
}

function isNumber(type: FieldType): boolean {
  return type === FLOAT || type === INTEGER || type === UNSIGNED
}

function compareColumns(
  accepted: number,
  left: Extract<Operand, { kind: 'field' | 'tag' }>,
  right: Extract<Operand, { kind: 'field' | 'tag' }>,
  position: number,
): Condition {
  if (left.kind === 'tag' && right.kind === 'tag') {
    const test = (tag: TagReader): Truth => {
      const a = tag(left.name)
      const b = tag(right.name)
      return a === null || b === null ? null : (accepted & outcomeOf(compareText(a, b))) !== 0
    }
    return { kind: 'tag', keys: [left.name, right.name], values: null, test }
  }
  if (left.kind === 'tag') return compareColumns(swapped(accepted), right, left, position)
  if (right.kind === 'tag') {
    if (left.type !== STRING) throw mismatch(left, right, position)
    return { kind: 'tagText', column: left, key: right.name, accepted }
  }
  const compares = left.type === right.type || (isNumber(left.type) && isNumber(right.type))
  if (!compares) throw mismatch(left, right, position)
  return { kind: 'columns', left, right, accepted }
}

/** Two literals: of one type, or one of them quoted and read as the other's. */
function compareConstants(
  accepted: number,
  left: Operand,
  right: Operand,
  position: number,
): Condition {
  if (left.kind === 'text' && right.kind === 'text') {
    return constant((accepted & outcomeOf(compareText(left.value, right.value))) !== 0)
  }
  const a = comparable(left)
  const b = comparable(right)
  if (a === null || b === null || typeof a !== typeof b) throw mismatch(left, right, position)
  return constant((accepted & (a < b ? LESS : a === b ? EQUAL : GREATER)) !== 0)
}

function comparable(operand: Operand): number | bigint | null {
  if (operand.kind === 'number') return Number(operand.text)
  if (operand.kind === 'boolean') return operand.value ? 1n : 0n
  return operand.kind === 'instant' ? operand.value : null
}
