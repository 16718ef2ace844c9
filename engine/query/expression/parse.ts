// Text of `where` and `select` → tree. Precedence climbing over PostgreSQL's table (its manual,
// 4.1.6; gram.y): OR < AND < NOT < IS < comparison < BETWEEN IN LIKE < other operators < + - <
// * / % < ^ < sign < `::`. Where gram.y says "nonassoc", `a = b = c` is an error here too.

import { OmenError, type ErrorCode } from '../../error.ts'
import { Lexer, type Token } from './token.ts'
import { RESERVED, TYPES, UNSUPPORTED } from './keyword.ts'
import type { ArithmeticOperator, CastType, ComparisonOperator, Expression } from './tree.ts'

/** Levels of a tree, whatever the text does: so walkers may recurse. */
export const DEPTH_MAX = 200

const OR = 1
const AND = 2
const NOT = 3
const IS = 4
const COMPARE = 5
const RANGE = 6
const OTHER = 7
const SIGN = 11

const COMPARISONS = new Set(['=', '<>', '<', '<=', '>', '>='])
const ARITHMETIC: Record<string, number> = {
  '||': 7,
  '+': 8,
  '-': 8,
  '*': 9,
  '/': 9,
  '%': 9,
  '^': 10,
}
const MATCHES = new Set(['~', '~*', '!~', '!~*'])
const RANGE_WORDS = new Set(['between', 'in', 'like', 'ilike'])

/**
 * Reads one expression that takes the whole text. `pointer` names the member it came from.
 * Throws `sql_syntax` with position, `unsupported` for PostgreSQL's grammar that is not offered,
 * `limit_exceeded` beyond DEPTH_MAX.
 */
export function parseExpression(text: string, pointer?: string): Expression {
  const parser = new Parser(text, pointer)
  const expression = parser.expression()
  parser.expectEnd()
  return expression
}

/** Where a parsed part lies, for the text as sent. */
export interface ParsedItem {
  readonly expression: Expression
  /** null without one. */
  readonly alias: string | null
  readonly text: string
}

/** Reads `expression [AS alias], …`; `*` alone is null (all fields). */
export function parseItems(text: string, pointer?: string): ParsedItem[] | null {
  const parser = new Parser(text, pointer)
  return parser.items()
}

class Parser {
  private readonly lexer: Lexer
  private readonly pointer: string | undefined
  private current: Token
  /** End of the token before `current`. */
  private consumed = 0
  private depth = 0

  constructor(text: string, pointer?: string) {
    this.lexer = new Lexer(text, pointer)
    this.pointer = pointer
    this.current = this.lexer.next()
  }

  items(): ParsedItem[] | null {
    if (this.isOperator('*')) {
      this.advance()
      this.expectEnd()
      return null
    }
    const items = [this.item()]
    while (this.takeOperator(',')) items.push(this.item())
    this.expectEnd()
    return items
  }

  private item(): ParsedItem {
    const start = this.current.start
    const expression = this.expression()
    const text = this.lexer.source.slice(start, this.consumed)
    return { expression, alias: this.alias(), text }
  }

  private alias(): string | null {
    const explicit = this.takeWord('as')
    const token = this.current
    // Without AS, words that may go on the expression are no names.
    const isFree = explicit || !(RESERVED.has(token.text) || UNSUPPORTED.has(token.text))
    const isName = token.kind === 'name' && isFree
    if (isName || token.kind === 'quoted') return this.advance().text
    if (explicit) this.unexpected()
    return null
  }

  expectEnd(): void {
    if (this.current.kind !== 'end') this.unexpected()
  }

  expression(min: number = OR): Expression {
    const outer = this.depth
    this.deeper()
    let left = this.prefix()
    // Level of a non-associative operator just applied: another of that level may not follow.
    let closed = 0
    for (;;) {
      const level = this.infixLevel()
      if (level < min || level === 0) break
      if (level === closed) this.unexpected()
      const position = this.current.position
      left = this.infix(left, level, position)
      closed = endsOpen(left) ? level : 0
      // A chain of operators is a deep tree too.
      if (left.kind !== 'and' && left.kind !== 'or') this.deeper()
    }
    this.depth = outer
    return left
  }

  private deeper(): void {
    if (++this.depth <= DEPTH_MAX) return
    this.refuse('limit_exceeded', '54001', `nested deeper than ${DEPTH_MAX}`)
  }

  private infixLevel(): number {
    const { kind, text } = this.current
    if (kind === 'operator') {
      if (COMPARISONS.has(text)) return COMPARE
      if (MATCHES.has(text)) return OTHER
      return Object.hasOwn(ARITHMETIC, text) ? ARITHMETIC[text]! : 0
    }
    if (kind !== 'name') return 0
    if (text === 'or') return OR
    if (text === 'and') return AND
    if (text === 'is' || text === 'isnull' || text === 'notnull') return IS
    return RANGE_WORDS.has(text) || text === 'not' ? RANGE : 0
  }

  private infix(left: Expression, level: number, position: number): Expression {
    switch (level) {
      case OR:
      case AND:
        return this.logical(left, level, position)
      case IS:
        return this.is(left, position)
      case COMPARE: {
        const operator = this.advance().text as ComparisonOperator
        const right = this.expression(RANGE)
        return { kind: 'comparison', operator, left, right, position }
      }
      case RANGE:
        return this.range(left, position)
      default:
        return this.operation(left, level, position)
    }
  }

  private logical(left: Expression, level: number, position: number): Expression {
    const word = level === OR ? 'or' : 'and'
    const operands = [left]
    while (this.takeWord(word)) operands.push(this.expression(level + 1))
    return { kind: word, operands, position }
  }

  private operation(left: Expression, level: number, position: number): Expression {
    const operator = this.advance().text
    const right = this.expression(level + 1)
    if (!MATCHES.has(operator)) {
      return { kind: 'arithmetic', operator: operator as ArithmeticOperator, left, right, position }
    }
    const negated = operator.startsWith('!')
    const insensitive = operator.endsWith('*')
    return { kind: 'match', operand: left, pattern: right, insensitive, negated, position }
  }

  private is(operand: Expression, position: number): Expression {
    const word = this.advance().text
    if (word !== 'is') {
      return { kind: 'is', operand, test: 'null', negated: word === 'notnull', position }
    }
    const negated = this.takeWord('not')
    if (this.takeWord('distinct')) {
      this.expectWord('from')
      const right = this.expression(COMPARE)
      return { kind: 'distinct', left: operand, right, negated, position }
    }
    for (const test of ['null', 'true', 'false'] as const) {
      if (this.takeWord(test)) return { kind: 'is', operand, test, negated, position }
    }
    if (this.takeWord('unknown')) return { kind: 'is', operand, test: 'null', negated, position }
    return this.unexpected('NULL, TRUE, FALSE or DISTINCT FROM')
  }

  private range(operand: Expression, position: number): Expression {
    const negated = this.takeWord('not')
    if (this.takeWord('in')) return this.list(operand, negated, position)
    if (this.takeWord('between')) return this.between(operand, negated, position)
    const insensitive = this.isWord('ilike')
    if (!insensitive && !this.isWord('like')) return this.unexpected('IN, BETWEEN, LIKE or ILIKE')
    this.advance()
    const pattern = this.expression(OTHER)
    let escape = '\\'
    if (this.takeWord('escape')) {
      const token = this.current
      if (token.kind !== 'string' || [...token.text].length > 1) this.unexpected("ESCAPE 'c'")
      escape = this.advance().text
    }
    return { kind: 'like', operand, pattern, escape, insensitive, negated, position }
  }

  private list(operand: Expression, negated: boolean, position: number): Expression {
    this.expectOperator('(')
    const items = [this.expression()]
    while (this.takeOperator(',')) items.push(this.expression())
    this.expectOperator(')')
    return { kind: 'in', operand, items, negated, position }
  }

  private between(operand: Expression, negated: boolean, position: number): Expression {
    if (this.isWord('symmetric')) this.refuse('unsupported', '0A000', 'SYMMETRIC is not offered')
    this.takeWord('asymmetric')
    const low = this.expression(OTHER)
    this.expectWord('and')
    const high = this.expression(OTHER)
    return { kind: 'between', operand, low, high, negated, position }
  }

  /** A sign, NOT, or a value with its casts. */
  private prefix(): Expression {
    const position = this.current.position
    if (this.takeWord('not')) return { kind: 'not', operand: this.expression(NOT), position }
    if (this.takeOperator('-')) return { kind: 'negate', operand: this.expression(SIGN), position }
    if (this.takeOperator('+')) return this.expression(SIGN)
    let operand = this.primary()
    const outer = this.depth
    while (this.isOperator('::')) {
      const at = this.advance().position
      operand = { kind: 'cast', operand, type: this.type(), position: at }
      this.deeper()
    }
    this.depth = outer
    return operand
  }

  private primary(): Expression {
    const token = this.current
    const { position, text } = token
    switch (token.kind) {
      case 'string':
        this.advance()
        return { kind: 'string', value: text, position }
      case 'number':
        return this.number(this.advance())
      case 'quoted':
        this.advance()
        return this.columnOrCall(token)
      case 'name':
        return this.word(token)
      default:
        if (!this.takeOperator('(')) return this.unexpected()
    }
    const inner = this.expression()
    this.expectOperator(')')
    return inner
  }

  private number({ text, position }: Token): Expression {
    // BigInt() of a long text is not linear; no column holds more than 20 digits.
    const integer = /^\d{1,40}$/.test(text) ? BigInt(text) : null
    return { kind: 'number', text, value: Number(text), integer, position }
  }

  private word(token: Token): Expression {
    const { text, position } = token
    if (text === 'true' || text === 'false') {
      this.advance()
      return { kind: 'boolean', value: text === 'true', position }
    }
    if (text === 'null') {
      this.advance()
      return { kind: 'null', position }
    }
    if (text === 'current_timestamp') {
      this.advance()
      return { kind: 'call', name: 'now', arguments: [], position }
    }
    if (text === 'cast') return this.castCall()
    if (RESERVED.has(text)) this.unexpected()
    this.advance()
    return this.typedLiteral(token) ?? this.columnOrCall(token)
  }

  /** `timestamp '…'`, after the name; null if no literal follows. */
  private typedLiteral({ text, position }: Token): Expression | null {
    const type = TYPES.get(text)
    if (type !== undefined) {
      const full = this.restOfType(text, type)
      if (this.current.kind === 'string') {
        return { kind: 'cast', operand: this.primary(), type: full.type, position }
      }
      if (full.words > 1) this.unexpected('a quoted value')
    } else if (this.current.kind === 'string') {
      this.refuse('bad_request', '42704', `type ${JSON.stringify(text)} does not exist`)
    }
    return null
  }

  /** CAST(operand AS type). */
  private castCall(): Expression {
    const position = this.advance().position
    this.expectOperator('(')
    const operand = this.expression()
    this.expectWord('as')
    const type = this.type()
    this.expectOperator(')')
    return { kind: 'cast', operand, type, position }
  }

  private type(): CastType {
    const { kind, text } = this.current
    if (kind !== 'name') this.unexpected('a type')
    const type = TYPES.get(text)
    if (type === undefined) {
      this.refuse('unsupported', '0A000', `a cast to ${JSON.stringify(text)} is not offered`)
    }
    this.advance()
    return this.restOfType(text, type).type
  }

  /** The further words of `timestamp with time zone` and `double precision`. */
  private restOfType(first: string, type: CastType): { type: CastType; words: number } {
    if (first === 'double' && this.takeWord('precision')) return { type, words: 2 }
    if (first !== 'timestamp') return { type, words: 1 }
    const zoned = this.takeWord('with')
    if (!zoned && !this.takeWord('without')) return { type, words: 1 }
    this.expectWord('time')
    this.expectWord('zone')
    return { type: zoned ? 'timestamptz' : 'timestamp', words: 4 }
  }

  /** After the name. */
  private columnOrCall(token: Token): Expression {
    const { text, position } = token
    if (this.isOperator('.')) {
      const hint = 'a name with a dot is written in double quotes'
      this.refuse('sql_syntax', '42601', `syntax error at ".": ${hint}`)
    }
    if (this.takeOperator('(')) {
      return { kind: 'call', name: text, arguments: this.callArguments(), position }
    }
    const sent = this.lexer.source.slice(token.start, token.end)
    const quoted = token.kind === 'quoted'
    return { kind: 'column', name: text, quoted, text: quoted ? text : sent, position }
  }

  private callArguments(): Expression[] {
    if (this.takeOperator(')')) return []
    const position = this.current.position
    if (this.takeOperator('*')) {
      this.expectOperator(')')
      return [{ kind: 'star', position }]
    }
    const found = [this.expression()]
    while (this.takeOperator(',')) found.push(this.expression())
    this.expectOperator(')')
    return found
  }

  private advance(): Token {
    const token = this.current
    this.consumed = token.end
    this.current = this.lexer.next()
    return token
  }

  private isWord(word: string): boolean {
    return this.current.kind === 'name' && this.current.text === word
  }

  private isOperator(text: string): boolean {
    return this.current.kind === 'operator' && this.current.text === text
  }

  private takeWord(word: string): boolean {
    if (!this.isWord(word)) return false
    this.advance()
    return true
  }

  private takeOperator(text: string): boolean {
    if (!this.isOperator(text)) return false
    this.advance()
    return true
  }

  private expectWord(word: string): void {
    if (!this.takeWord(word)) this.unexpected(word.toUpperCase())
  }

  private expectOperator(text: string): void {
    if (!this.takeOperator(text)) this.unexpected(JSON.stringify(text))
  }

  /** The current token does not fit: says why, as well as can be known. */
  private unexpected(wanted?: string): never {
    const { kind, text, start, end } = this.current
    const feature = kind === 'name' || kind === 'operator' ? UNSUPPORTED.get(text) : undefined
    if (feature !== undefined) this.refuse('unsupported', '0A000', `${feature} is not offered`)
    const sent = this.lexer.source.slice(start, Math.min(end, start + 40))
    let message = kind === 'end' ? 'syntax error at end of input' : 'syntax error at or near '
    if (kind !== 'end') message += JSON.stringify(sent)
    if (wanted !== undefined) message += `, where ${wanted} should be`
    else if (kind === 'name' && RESERVED.has(text)) {
      message += ': a reserved word is a name only in double quotes'
    } else if (text === '==') message += ': equality is ='
    else if (text === '&&' || text === '||') message += ': write AND, OR'
    this.refuse('sql_syntax', '42601', message)
  }

  /** An error at the current token. */
  private refuse(code: ErrorCode, sqlstate: string, message: string): never {
    const { position } = this.current
    const pointer = this.pointer === undefined ? {} : { pointer: this.pointer }
    const where = this.pointer === undefined ? '' : `${this.pointer.slice(1)}: `
    const text = `${where}${message}, position ${position}`
    throw new OmenError(code, text, { position, sqlstate, ...pointer })
  }
}

/** Whether the text of a node ends in an operand that a following operator could also take. */
function endsOpen(node: Expression): boolean {
  const { kind } = node
  return kind === 'comparison' || kind === 'distinct' || kind === 'like' || kind === 'between'
}
