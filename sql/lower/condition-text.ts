// Expressions as EXPLAIN shows them.

import type { Surroundings } from '../function.ts'
import type { Bound, Named } from '../tree.ts'
import { printValue } from '../value-text.ts'

/** The text of an expression over columns of these names. */
export function textOf(bound: Bound, columns: readonly Named[], context: Surroundings): string {
  const text = (one: Bound): string => textOf(one, columns, context)
  switch (bound.kind) {
    case 'constant':
      return constantText(bound, context)
    case 'parameter':
      return `$${bound.index + 1}`
    case 'input':
      return columns[bound.index]?.name ?? `#${bound.index + 1}`
    case 'outer':
      return 'outer column'
    case 'call':
      return callText(bound.function.name, bound.arguments.map(text))
    case 'cast':
      return `${text(bound.operand)}::${bound.type.name}`
    case 'and':
    case 'or':
      return `(${bound.operands.map(text).join(` ${bound.kind.toUpperCase()} `)})`
    case 'not':
      return `(NOT ${text(bound.operand)})`
    case 'is':
      return `(${text(bound.operand)} IS ${bound.negated ? 'NOT ' : ''}${bound.test.toUpperCase()})`
    case 'distinct':
      return `(${text(bound.left)} IS ${bound.negated ? 'NOT ' : ''}DISTINCT FROM ${text(bound.right)})`
    case 'coalesce':
      return callText('coalesce', bound.operands.map(text))
    case 'array':
      return `ARRAY[${bound.elements.map(text).join(', ')}]`
    case 'quantified': {
      const word = bound.quantifier.toUpperCase()
      return `(${text(bound.left)} ${bound.operator.name} ${word} (${text(bound.array)}))`
    }
    default:
      return bound.kind === 'case' ? 'CASE' : '(SubPlan)'
  }
}

function constantText(
  { type, value }: Extract<Bound, { kind: 'constant' }>,
  context: Surroundings,
): string {
  if (value === null) return 'NULL'
  const text = printValue(type, value, context)
  return NUMBERS.has(type.name) ? text : `'${text.replaceAll("'", "''")}'`
}

const NUMBERS = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bool'])

/** Operators stand between their operands. */
function callText(name: string, operands: readonly string[]): string {
  if (/^[a-z_]/.test(name)) return `${name}(${operands.join(', ')})`
  return operands.length === 1 ? `(${name}${operands[0]})` : `(${operands.join(` ${name} `)})`
}
