// The words of an expression, by PostgreSQL's lexical rules (its manual, 4.1): names fold to lower
// case unless quoted, strings may be 'plain' or E'escaped', operators are the longest run of
// operator characters. One token of lookahead, linear in the text, positions in characters.

import { OmenError } from '../../error.ts'

export interface Token {
  readonly kind: 'name' | 'quoted' | 'string' | 'number' | 'operator' | 'end'
  /** Names in lower case, quoted names and strings unescaped, `!=` as `<>`; '' at the end. */
  readonly text: string
  /** Where it lies in the source, in UTF-16 units, end exclusive. */
  readonly start: number
  readonly end: number
  /** 1-based, in characters. */
  readonly position: number
}

const SPACE = /[ \t\n\r\f\v]+/y
const NAME = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const OPERATOR = /[-+*/<>=~!@#%^&|`?]+/y
const CONTINUED = /[ \t\f\v]*[\n\r][ \t\n\r\f\v]*'/y
const SIMPLE_ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

export class Lexer {
  readonly source: string
  private readonly pointer: string | undefined
  private at = 0
  /** Second halves of surrogate pairs before `counted`: what positions must leave out. */
  private pairs = 0
  private counted = 0

  /** `pointer` names the member that holds the text, for errors. */
  constructor(source: string, pointer?: string) {
    this.source = source
    this.pointer = pointer
  }

  /** The next token; at the end of the text, `end` for ever. Throws `sql_syntax`. */
  next(): Token {
    this.skipBlank()
    const start = this.at
    const source = this.source
    if (start >= source.length) return this.token('end', '', start)
    const character = source[start]!
    if (character === "'") return this.string(start, false)
    if ((character === 'e' || character === 'E') && source[start + 1] === "'") {
      this.at = start + 1
      return this.string(start, true)
    }
    if (character === '"') return this.quoted(start)
    const name = this.match(NAME)
    if (name !== null) return this.token('name', foldCase(name), start)
    const number = this.match(NUMBER)
    if (number !== null) return this.number(number, start)
    if (source.startsWith('::', start)) return this.symbol('::', start)
    if ('(),.[];:'.includes(character)) return this.symbol(character, start)
    return this.operator(start)
  }

  /** An error of this text at a UTF-16 offset. */
  fail(message: string, offset: number): never {
    throw syntaxError(message, this.positionOf(offset), this.pointer)
  }

  private token(kind: Token['kind'], text: string, start: number): Token {
    return { kind, text, start, end: this.at, position: this.positionOf(start) }
  }

  private symbol(text: string, start: number): Token {
    this.at = start + text.length
    return this.token('operator', text, start)
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.source)
    if (found === null) return null
    this.at = pattern.lastIndex
    return found[0]
  }

  private skipBlank(): void {
    for (;;) {
      this.match(SPACE)
      if (this.source.startsWith('--', this.at)) {
        const end = this.source.slice(this.at).search(/[\n\r]/)
        this.at = end < 0 ? this.source.length : this.at + end
      } else if (this.source.startsWith('/*', this.at)) this.skipComment()
      else return
    }
  }

  /** Block comments nest. */
  private skipComment(): void {
    const start = this.at
    const edges = /\/\*|\*\//g
    edges.lastIndex = start
    let depth = 0
    do {
      const edge = edges.exec(this.source)
      if (edge === null) this.fail('unterminated /* comment', start)
      depth += edge[0] === '/*' ? 1 : -1
    } while (depth > 0)
    this.at = edges.lastIndex
  }

  private number(text: string, start: number): Token {
    if (this.match(NAME) !== null) this.fail(trailingJunk(this.source.slice(start, this.at)), start)
    return this.token('number', text, start)
  }

  private quoted(start: number): Token {
    const end = this.closing('"', start + 1)
    if (end < 0) this.fail('unterminated quoted name', start)
    const text = this.source.slice(start + 1, end).replaceAll('""', '"')
    if (text === '') this.fail('a quoted name is empty', start)
    this.at = end + 1
    return this.token('quoted', text, start)
  }

  /** `this.at` is at the opening quote. Strings with a line break between them are one (SQL). */
  private string(start: number, escaped: boolean): Token {
    const parts: string[] = []
    do {
      const from = escaped && parts.length === 0 ? start + 2 : Math.max(this.at, start + 1)
      const end = escaped ? this.closingEscaped(from) : this.closing("'", from)
      if (end < 0) this.fail('unterminated string', start)
      const raw = this.source.slice(from, end)
      parts.push(escaped ? this.unescape(raw, from) : raw.replaceAll("''", "'"))
      this.at = end + 1
    } while (this.match(CONTINUED) !== null)
    return this.token('string', parts.join(''), start)
  }

  /** Offset of the quote that ends what starts at `from`, doubled ones skipped; -1 = none. */
  private closing(quote: string, from: number): number {
    for (;;) {
      const found = this.source.indexOf(quote, from)
      if (found < 0 || this.source[found + 1] !== quote) return found
      from = found + 2
    }
  }

  private closingEscaped(from: number): number {
    for (let i = from; i < this.source.length; i++) {
      const character = this.source[i]
      if (character === '\\') i++
      else if (character === "'") {
        if (this.source[i + 1] !== "'") return i
        i++
      }
    }
    return -1
  }

  private unescape(raw: string, from: number): string {
    const escape =
      /''|\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([^]))/g
    return raw.replace(escape, (whole, octal, hex, short, long, other, offset: number) => {
      if (whole === "''") return "'"
      const digits: string | undefined = hex ?? short ?? long
      if (octal === undefined && digits === undefined) {
        if (other === 'u' || other === 'U') this.fail('invalid Unicode escape', from + offset)
        return SIMPLE_ESCAPES[other] ?? other
      }
      const code = digits === undefined ? parseInt(octal, 8) : parseInt(digits, 16)
      if (code === 0 || code > 0x10ffff) this.fail('invalid escape', from + offset)
      return String.fromCodePoint(code)
    })
  }

  private operator(start: number): Token {
    let text = this.match(OPERATOR)
    if (text === null) {
      const character = String.fromCodePoint(this.source.codePointAt(start)!)
      this.fail(`syntax error at ${JSON.stringify(character)}`, start)
    }
    const comment = text.search(/--|\/\*/)
    if (comment > 0) text = text.slice(0, comment)
    // `a<-1` is `a < -1`: a sign ends an operator only if that has one of these characters.
    if (!/[~!@#%^&|`?]/.test(text)) {
      while (text.length > 1 && /[-+]$/.test(text)) text = text.slice(0, -1)
    }
    this.at = start + text.length
    return this.token('operator', text === '!=' ? '<>' : text, start)
  }

  /** Offsets come in order but for errors, so counting stays linear. */
  private positionOf(offset: number): number {
    if (offset < this.counted) {
      this.counted = 0
      this.pairs = 0
    }
    for (let i = this.counted; i < offset; i++) {
      const unit = this.source.charCodeAt(i)
      if (unit >= 0xdc00 && unit <= 0xdfff) this.pairs++
    }
    this.counted = offset
    return offset - this.pairs + 1
  }
}

function trailingJunk(text: string): string {
  return `trailing junk after a number: ${JSON.stringify(text.slice(0, 40))}`
}

/** As PostgreSQL folds names in UTF-8: A to Z only. */
export function foldCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** An OmenError of code `sql_syntax` with SQLSTATE 42601 and a 1-based position. */
export function syntaxError(message: string, position: number, pointer?: string): OmenError {
  const where = pointer === undefined ? '' : `${pointer.slice(1)}: `
  const details = { position, sqlstate: '42601', ...(pointer === undefined ? {} : { pointer }) }
  return new OmenError('sql_syntax', `${where}${message}, position ${position}`, details)
}
