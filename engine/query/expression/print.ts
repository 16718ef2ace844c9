// Tree → text, the twin of parse.ts: `parseExpression(printExpression(e))` is e but for positions.
// One tree has one text, so fingerprints compare it; parentheses stand only where they are needed.

import type { Column, Expression } from './tree.ts'
import { RESERVED, TYPES } from './keyword.ts'
import { foldCase } from './token.ts'

const LEVELS: Record<Expression['kind'], number> = {
  or: 1,
  and: 2,
  not: 3,
  is: 4,
  distinct: 4,
  comparison: 5,
  in: 6,
  between: 6,
  like: 6,
  match: 7,
  arithmetic: 8,
  negate: 11,
  cast: 12,
  column: 13,
  string: 13,
  number: 13,
  boolean: 13,
  null: 13,
  star: 13,
  call: 13,
}
const ARITHMETIC = { '||': 7, '+': 8, '-': 8, '*': 9, '/': 9, '%': 9, '^': 10 }

/** Canonical text: words in capitals, one space around operators, names quoted only if they must be. */
export function printExpression(node: Expression): string {
  switch (node.kind) {
    case 'column':
      return printColumn(node)
    case 'string':
      return printString(node.value)
    case 'number':
      return node.text
    case 'boolean':
      return node.value ? 'TRUE' : 'FALSE'
    case 'null':
      return 'NULL'
    case 'star':
      return '*'
    case 'negate':
      return `- ${operand(node.operand, 11)}`
    case 'cast':
      return `CAST(${printExpression(node.operand)} AS ${node.type})`
    case 'call':
      return `${printName(node.name)}(${node.arguments.map(printExpression).join(', ')})`
    case 'arithmetic': {
      const level = ARITHMETIC[node.operator]
      return `${operand(node.left, level)} ${node.operator} ${operand(node.right, level + 1)}`
    }
    default:
      return printPredicate(node)
  }
}

type Predicate = Extract<
  Expression,
  {
    kind:
      | 'or'
      | 'and'
      | 'not'
      | 'is'
      | 'distinct'
      | 'comparison'
      | 'in'
      | 'between'
      | 'like'
      | 'match'
  }
>

function printPredicate(node: Predicate): string {
  switch (node.kind) {
    case 'or':
    case 'and': {
      const level = LEVELS[node.kind] + 1
      return node.operands.map((part) => operand(part, level)).join(` ${node.kind.toUpperCase()} `)
    }
    case 'not':
      return `NOT ${operand(node.operand, 4)}`
    case 'is':
      return `${operand(node.operand, 5)} IS ${not(node.negated)}${node.test.toUpperCase()}`
    case 'distinct': {
      const word = `IS ${not(node.negated)}DISTINCT FROM`
      return `${operand(node.left, 5)} ${word} ${operand(node.right, 5)}`
    }
    case 'comparison':
      return `${operand(node.left, 6)} ${node.operator} ${operand(node.right, 6)}`
    case 'in': {
      const items = node.items.map(printExpression).join(', ')
      return `${operand(node.operand, 7)} ${not(node.negated)}IN (${items})`
    }
    case 'between': {
      const range = `${operand(node.low, 7)} AND ${operand(node.high, 7)}`
      return `${operand(node.operand, 7)} ${not(node.negated)}BETWEEN ${range}`
    }
    case 'like': {
      const escape = node.escape === '\\' ? '' : ` ESCAPE ${printString(node.escape)}`
      const word = `${not(node.negated)}${node.insensitive ? 'ILIKE' : 'LIKE'}`
      return `${operand(node.operand, 7)} ${word} ${operand(node.pattern, 7)}${escape}`
    }
    default: {
      const operator = `${node.negated ? '!' : ''}~${node.insensitive ? '*' : ''}`
      return `${operand(node.operand, 7)} ${operator} ${operand(node.pattern, 8)}`
    }
  }
}

function not(negated: boolean): string {
  return negated ? 'NOT ' : ''
}

/** In parentheses if it binds less tightly than `level`. */
function operand(node: Expression, level: number): string {
  const own = node.kind === 'arithmetic' ? ARITHMETIC[node.operator] : LEVELS[node.kind]
  const text = printExpression(node)
  return own < level ? `(${text})` : text
}

function printColumn(node: Column): string {
  return node.quoted ? printQuoted(node.name) : node.name
}

/** A function's name, quoted if it would not be read back as it is. */
function printName(name: string): string {
  const plain = /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/.test(name)
  const isFree = plain && name === foldCase(name) && !RESERVED.has(name) && !TYPES.has(name)
  return isFree ? name : printQuoted(name)
}

function printQuoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function printString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
