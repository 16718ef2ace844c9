// A condition of SQL → text of the engine's own expression grammar (docs/http.md, "Conditions"), or
// null. Only what means exactly the same for every value is translated: plain columns against
// constants, with NULL logic, NaN above all numbers, texts by their bytes. All else stays with the
// executor, as what is not known to be equal must not be pushed.

import { Decimal } from '../decimal.ts'
import type { RelationColumn } from '../relation.ts'
import type { Bound } from '../tree.ts'
import { SqlArray } from '../value.ts'

/** A condition of this many characters costs more to parse twice than it saves. */
const TEXT_MAX = 16_384
const DEPTH_MAX = 32
const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])
const MIRRORED: Readonly<Record<string, string>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** Text of the engine's grammar that is true, false and null for the same rows as `condition`. */
export function printPredicate(
  condition: Bound,
  columns: readonly RelationColumn[],
): string | null {
  const text = print(condition, columns, 0)
  return text === null || text.length > TEXT_MAX ? null : text
}

function print(node: Bound, columns: readonly RelationColumn[], depth: number): string | null {
  if (depth > DEPTH_MAX) return null
  switch (node.kind) {
    case 'input':
      return node.type.name === 'bool' ? printColumn(node, columns) : null
    case 'and':
    case 'or':
      return printOperands(node.kind, node.operands, columns, depth)
    case 'not': {
      const operand = print(node.operand, columns, depth + 1)
      return operand === null ? null : `(NOT ${operand})`
    }
    case 'is':
      return printTest(node, columns)
    case 'call':
      return printCall(node, columns)
    case 'quantified':
      return printList(node, columns)
    default:
      return null
  }
}

function printOperands(
  kind: 'and' | 'or',
  operands: readonly Bound[],
  columns: readonly RelationColumn[],
  depth: number,
): string | null {
  const texts = operands.map((operand) => print(operand, columns, depth + 1))
  if (texts.includes(null)) return null
  return `(${texts.join(kind === 'and' ? ' AND ' : ' OR ')})`
}

/** The quoted name of a tag or field; time has a range of its own (time-range.ts). */
function printColumn(node: Bound, columns: readonly RelationColumn[]): string | null {
  if (node.kind !== 'input') return null
  const column = columns[node.index]
  if (column === undefined || column.kind === 'time' || column.kind === null) return null
  return `"${column.name.replaceAll('"', '""')}"`
}

function printTest(
  node: Extract<Bound, { kind: 'is' }>,
  columns: readonly RelationColumn[],
): string | null {
  const column = printColumn(node.operand, columns)
  if (column === null) return null
  return `(${column} IS ${node.negated ? 'NOT ' : ''}${node.test.toUpperCase()})`
}

function printCall(
  node: Extract<Bound, { kind: 'call' }>,
  columns: readonly RelationColumn[],
): string | null {
  const [left, right] = node.arguments
  if (left === undefined || right === undefined || node.arguments.length !== 2) return null
  const { name } = node.function
  if (name === '~~' || name === '!~~') return printLike(name, left, right, columns)
  if (!COMPARISONS.has(name)) return null
  if (left.kind === 'constant') return printComparison(right, MIRRORED[name]!, left, columns)
  return printComparison(left, name, right, columns)
}

function printComparison(
  column: Bound,
  operator: string,
  constant: Bound,
  columns: readonly RelationColumn[],
): string | null {
  const name = printColumn(column, columns)
  if (name === null || constant.kind !== 'constant') return null
  const value = printValue(column.type.name, constant.type.name, constant.value)
  return value === null ? null : `(${name} ${operator} ${value})`
}

/** A backslash escapes, and its misuse is an error of PostgreSQL's: such patterns stay with SQL. */
function printLike(
  name: string,
  column: Bound,
  pattern: Bound,
  columns: readonly RelationColumn[],
): string | null {
  if (column.type.name !== 'text' || pattern.kind !== 'constant') return null
  if (typeof pattern.value !== 'string' || pattern.value.includes('\\')) return null
  const printed = printColumn(column, columns)
  if (printed === null) return null
  return `(${printed} ${name === '~~' ? 'LIKE' : 'NOT LIKE'} ${printString(pattern.value)})`
}

/** `= ANY (constants)` is IN, `<> ALL (constants)` is NOT IN. */
function printList(
  node: Extract<Bound, { kind: 'quantified' }>,
  columns: readonly RelationColumn[],
): string | null {
  const isIn = node.quantifier === 'any' && node.operator.name === '='
  const isNotIn = node.quantifier === 'all' && node.operator.name === '<>'
  const name = printColumn(node.left, columns)
  if (name === null || !(isIn || isNotIn)) return null
  const items = itemsOf(node.array)
  if (items === null || items.length === 0) return null
  const texts = items.map(({ type, value }) => printValue(node.left.type.name, type, value))
  if (texts.includes(null)) return null
  return `(${name} ${isIn ? 'IN' : 'NOT IN'} (${texts.join(', ')}))`
}

function itemsOf(array: Bound): { type: string; value: unknown }[] | null {
  if (array.kind === 'array') {
    const items = array.elements.map((element) =>
      element.kind === 'constant' ? { type: element.type.name, value: element.value } : null,
    )
    return items.includes(null) ? null : (items as { type: string; value: unknown }[])
  }
  if (array.kind !== 'constant' || !(array.value instanceof SqlArray)) return null
  const type = array.value.element.name
  return array.value.values.map((value) => ({ type, value }))
}

const INTEGERS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8'])
const TEXTS: ReadonlySet<string> = new Set(['text', 'unknown'])

/** A constant that compares with a column of this type as PostgreSQL compares the two; else null. */
function printValue(column: string, type: string, value: unknown): string | null {
  if (value === null) return null
  if (column === 'text') return TEXTS.has(type) ? printString(value as string) : null
  if (column === 'bool') return type === 'bool' ? printBoolean(value) : null
  if (column === 'int8')
    return INTEGERS.has(type) ? BigInt(value as number | bigint).toString() : null
  // Unsigned integers.
  if (column === 'numeric') return value instanceof Decimal ? printWhole(value) : null
  if (column !== 'float8' || (type !== 'float8' && type !== 'float4')) return null
  // Infinities and NaN have no literal in the engine's grammar.
  return Number.isFinite(value) ? printNumber(value as number) : null
}

/** Up to nineteen digits, which all unsigned integers have room for; null for any other number. */
function printWhole(value: Decimal): string | null {
  const text = value.toString()
  return /^\d{1,19}$/.test(text) ? text : null
}

function printBoolean(value: unknown): string {
  return value === true || value === 1 ? 'TRUE' : 'FALSE'
}

function printString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** The shortest digits that read back as the same double. */
function printNumber(value: number): string {
  return Object.is(value, -0) ? '0' : String(value)
}
