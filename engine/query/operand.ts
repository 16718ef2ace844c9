// The operands of comparisons in `where`, resolved: a column of the table (field, tag or time) or a
// constant. What is neither (arithmetic over columns, function calls) is refused by name.

import { OmenError, type ErrorCode } from '../error.ts'
import { timeConstant } from './constant.ts'
import { resolveColumn, unknownColumn } from './expression/name.ts'
import type { Cast, Column, Expression } from './expression/tree.ts'
import { fieldTypeName, type FieldType } from '../field.ts'
import { parseBooleanText, parseFloatText } from './literal.ts'
import type { PlanTable } from './plan.ts'

export type Operand =
  | { readonly kind: 'field'; readonly id: number; readonly type: FieldType; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'time' }
  /** A quoted literal: takes the type of what it meets. */
  | { readonly kind: 'text'; readonly value: string }
  /** `text` is the decimal, signed; `isInteger` if it was written without `.` and `e`. */
  | { readonly kind: 'number'; readonly text: string; readonly isInteger: boolean }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'instant'; readonly value: bigint }
  | { readonly kind: 'null' }

/** An error of `where` with its place and PostgreSQL's code. */
export function whereError(
  code: ErrorCode,
  sqlstate: string,
  message: string,
  position: number,
): OmenError {
  return new OmenError(code, `where: ${message}`, { pointer: '/where', position, sqlstate })
}

/** How an operand's type is called in messages. */
export function operandType(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return fieldTypeName(operand.type)
    case 'tag':
    case 'text':
      return 'string'
    case 'time':
    case 'instant':
      return 'timestamp'
    default:
      return operand.kind
  }
}

/** What names of a table mean, as sent: a table is asked for the same few again and again. */
interface KnownNames {
  readonly tagKeys: readonly string[]
  readonly operands: Map<string, Operand>
}
const KNOWN_MAX = 4_096
const knownNames = new WeakMap<PlanTable['columns'], KnownNames>()

/** Resolves what a name in `where` or `select` means. Throws `unknown_column`. */
export function resolveOperand(column: Column, table: PlanTable, pointer: string): Operand {
  let known = knownNames.get(table.columns)
  if (known === undefined || known.tagKeys !== table.tagKeys) {
    known = { tagKeys: table.tagKeys, operands: new Map() }
    knownNames.set(table.columns, known)
  }
  const sent = column.quoted ? `"${column.name}` : column.name
  let operand = known.operands.get(sent)
  if (operand === undefined) {
    operand = resolveName(column, table, pointer)
    if (known.operands.size < KNOWN_MAX) known.operands.set(sent, operand)
  }
  return operand
}

function resolveName(column: Column, table: PlanTable, pointer: string): Operand {
  const names = ['time', ...table.tagKeys, ...table.columns.map((field) => field.name)]
  const name = resolveColumn(column.name, column.quoted, names)
  if (name === null) throw unknownColumn(column, names, pointer)
  if (name === 'time') return { kind: 'time' }
  const field = table.columns.find((candidate) => candidate.name === name)
  if (field === undefined) return { kind: 'tag', name }
  return { kind: 'field', id: field.id, type: field.type, name }
}

/** The operand that an expression is; `now` is the query's. */
export function bindOperand(expression: Expression, table: PlanTable, now: bigint): Operand {
  switch (expression.kind) {
    case 'column':
      return resolveOperand(expression, table, '/where')
    case 'string':
      return { kind: 'text', value: expression.value }
    case 'number':
      return { kind: 'number', text: expression.text, isInteger: expression.integer !== null }
    case 'boolean':
      return { kind: 'boolean', value: expression.value }
    case 'null':
      return { kind: 'null' }
    case 'negate': {
      const operand = bindOperand(expression.operand, table, now)
      if (operand.kind !== 'number') break
      const text = operand.text.startsWith('-') ? operand.text.slice(1) : `-${operand.text}`
      return { ...operand, text }
    }
    case 'cast':
      return bindCast(expression, table, now)
    default:
  }
  const instant = timeConstant(expression, now)
  if (instant !== null) return { kind: 'instant', value: instant }
  const what =
    expression.kind === 'call' ? `${expression.name}() in where` : `${expression.kind} in where`
  throw whereError('unsupported', '0A000', `${what} is not offered`, expression.position)
}

/** Casts of literals; a column is cast only to what it is. */
function bindCast(cast: Cast, table: PlanTable, now: bigint): Operand {
  if (cast.type === 'timestamptz' || cast.type === 'timestamp' || cast.type === 'date') {
    const instant = timeConstant(cast, now)
    if (instant !== null) return { kind: 'instant', value: instant }
  }
  const operand = bindOperand(cast.operand, table, now)
  if (operand.kind === 'null') return operand
  const literal = operand.kind === 'number' ? operand.text : undefined
  const text = operand.kind === 'text' ? operand.value.trim() : literal
  if (cast.type === 'text' && operand.kind === 'text') return operand
  if (cast.type === 'boolean' && operand.kind === 'boolean') return operand
  if (cast.type === 'boolean' && operand.kind === 'text') {
    const value = parseBooleanText(operand.value)
    if (value !== null) return { kind: 'boolean', value }
  }
  if (cast.type === 'integer' && text !== undefined && /^[+-]?\d+$/.test(text)) {
    return { kind: 'number', text, isInteger: true }
  }
  if (cast.type === 'float' && text !== undefined) {
    const value = parseFloatText(text)
    if (value !== null && Number.isFinite(value)) return { kind: 'number', text, isInteger: false }
    if (value !== null) return { kind: 'text', value: text }
  }
  const from = operandType(operand)
  throw whereError(
    'unsupported',
    '0A000',
    `a cast of ${from} to ${cast.type} is not offered`,
    cast.position,
  )
}
