// Patterns of PostgreSQL's advanced regular expressions (and of its extended ones) read into a tree.
// Source: PostgreSQL 15, its manual, section 9.7.3; src/backend/regex/{regcomp,regc_lex}.c.

import { advancedOf } from './basic.ts'
import { CLASSES, SHORTHANDS, bracketSet, literalSource, wrongPattern } from './bracket.ts'
import { type Tree, sourceOf } from './tree.ts'

export interface RegexpOptions {
  readonly ignoresCase: boolean
  /** `.` and `[^a]` take no newline. */
  readonly endsAtLines: boolean
  /** `^` and `$` also stand at lines. */
  readonly anchorsAtLines: boolean
  /** Spaces and comments mean nothing. */
  readonly isExpanded: boolean
  /** Of the basic kind. */
  readonly isBasic: boolean
  /** All stands for itself. */
  readonly isLiteral: boolean
}

const COUNT_MAX = 255
const WORD = `[${CLASSES['word']}]`
const [TEXT_START, TEXT_END] = ['^', '$']
const [LINE_START, LINE_END] = ['(?:^|(?<=\\n))', '(?:$|(?=\\n))']
const PLACES: Readonly<Record<string, string>> = {
  A: TEXT_START,
  Z: TEXT_END,
  m: `(?<!${WORD})(?=${WORD})`,
  M: `(?<=${WORD})(?!${WORD})`,
  y: `(?:(?<!${WORD})(?=${WORD})|(?<=${WORD})(?!${WORD}))`,
  Y: `(?:(?<!${WORD})(?!${WORD})|(?<=${WORD})(?=${WORD}))`,
}
const CHARACTERS: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', B: '\\', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
}

class Parser {
  groupCount = 0
  private at = 0
  private closed = 0
  /** In what looks around, parentheses are no groups. */
  private aroundDepth = 0
  private readonly text: string
  private readonly options: RegexpOptions

  constructor(text: string, options: RegexpOptions) {
    this.text = text
    this.options = options
  }

  parse(): Tree {
    const tree = this.choice()
    if (this.at < this.text.length) throw wrongPattern('parentheses () not balanced')
    return tree
  }

  private get next(): string {
    return this.text[this.at] ?? ''
  }

  private take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }

  /** Comments, and in expanded patterns spaces. */
  private skip(): void {
    for (;;) {
      const rest = this.text.slice(this.at)
      const spaces = this.options.isExpanded ? /^(?:\s+|#[^\n]*)/.exec(rest) : null
      const found = spaces ?? /^\(\?#[^)]*\)/.exec(rest)
      if (found === null) return
      this.at += found[0].length
    }
  }

  private choice(): Tree {
    const options = [this.branch()]
    while (this.take('|')) options.push(this.branch())
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  private branch(): Tree {
    const parts: Tree[] = []
    for (this.skip(); this.at < this.text.length; this.skip()) {
      if (this.next === '|' || this.next === ')') break
      parts.push(this.quantified())
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  private quantified(): Tree {
    const body = this.atom()
    this.skip()
    const found = /^(?:([*+?])|\{(?=\d))/.exec(this.text.slice(this.at))
    if (found === null) return body
    if (body.kind === 'place') throw wrongPattern('quantifier operand invalid')
    const [min, max, isExact] = found[1] === undefined ? this.bounds() : this.sign(found[1])
    const isLazy = this.take('?')
    this.skip()
    if (/^(?:[*+?]|\{\d)/.test(this.text.slice(this.at))) {
      throw wrongPattern('quantifier operand invalid')
    }
    return { kind: 'repeat', body, min, max, isLazy, isFixed: isExact }
  }

  private sign(sign: string): readonly [min: number, max: number, isExact: boolean] {
    this.at++
    return sign === '*' ? [0, Infinity, false] : sign === '+' ? [1, Infinity, false] : [0, 1, false]
  }

  private bounds(): readonly [min: number, max: number, isExact: boolean] {
    const rest = this.text.slice(this.at)
    const found = /^\{(\d+)(?:(,)(\d*))?\}/.exec(rest)
    if (found === null) {
      const isOpen = /^\{[\d,]*$/.test(rest)
      throw wrongPattern(isOpen ? 'braces {} not balanced' : 'invalid repetition count(s)')
    }
    const [all, low, comma, high] = found
    const min = Number(low)
    const max = comma === undefined ? min : high === '' ? Infinity : Number(high)
    const isKnown = min <= COUNT_MAX && (max <= COUNT_MAX || max === Infinity) && min <= max
    if (!isKnown) throw wrongPattern('invalid repetition count(s)')
    this.at += all.length
    return [min, max, comma === undefined]
  }

  private atom(): Tree {
    const sign = this.next
    if (this.take('(')) return this.parenthesis()
    if (this.take('[')) return this.bracket()
    if (this.take('\\')) return this.escape()
    if (/[*+?]/.test(sign) || /^\{\d/.test(this.text.slice(this.at))) {
      throw wrongPattern('quantifier operand invalid')
    }
    const { endsAtLines, anchorsAtLines } = this.options
    if (this.take('.')) return { kind: 'set', source: endsAtLines ? '[^\\n]' : '[^]' }
    if (this.take('^')) {
      return { kind: 'place', source: anchorsAtLines ? LINE_START : TEXT_START }
    }
    if (this.take('$')) return { kind: 'place', source: anchorsAtLines ? LINE_END : TEXT_END }
    return this.literal()
  }

  private literal(): Tree {
    const character = String.fromCodePoint(this.text.codePointAt(this.at)!)
    this.at += character.length
    return { kind: 'set', source: literalSource(character) }
  }

  private parenthesis(): Tree {
    for (const mark of ['?:', '?=', '?!', '?<=', '?<!']) {
      if (!this.take(mark)) continue
      if (mark === '?:') return this.closedBody()
      this.aroundDepth++
      const body = this.closedBody()
      this.aroundDepth--
      return { kind: 'place', source: `(${mark}${sourceOf(body)})` }
    }
    if (this.next === '?') throw wrongPattern('quantifier operand invalid')
    if (this.aroundDepth > 0) return this.closedBody()
    const index = ++this.groupCount
    const body = this.closedBody()
    this.closed++
    return { kind: 'group', index, body }
  }

  private closedBody(): Tree {
    const body = this.choice()
    if (!this.take(')')) throw wrongPattern('parentheses () not balanced')
    return body
  }

  private bracket(): Tree {
    for (const [name, place] of [
      ['[:<:]]', 'm'],
      ['[:>:]]', 'M'],
    ] as const) {
      if (this.take(name)) return { kind: 'place', source: PLACES[place]! }
    }
    const { text, options } = this
    const { endsAtLines } = options
    const { set, end } = bracketSet({
      ...{ text, at: this.at, endsAtLines },
      escape: (at) => {
        this.at = at
        const shorthand = /^[dswDSW]/.exec(text.slice(at))?.[0]
        if (shorthand === undefined)
          return { source: this.character(), isClass: false, end: this.at }
        const own = SHORTHANDS[shorthand.toLowerCase()]!
        if (shorthand !== shorthand.toLowerCase()) throw wrongPattern('invalid escape \\ sequence')
        return { source: own, isClass: true, end: at + 1 }
      },
    })
    this.at = end
    return { kind: 'set', source: set }
  }

  private escape(): Tree {
    const letter = this.next
    const place = PLACES[letter]
    if (place !== undefined) {
      this.at++
      return { kind: 'place', source: place }
    }
    if (/[dswDSW]/.test(letter)) {
      this.at++
      const own = SHORTHANDS[letter.toLowerCase()]!
      return { kind: 'set', source: `[${letter === letter.toLowerCase() ? '' : '^'}${own}]` }
    }
    const digits = /^[1-9]\d*/.exec(this.text.slice(this.at))?.[0] ?? ''
    if (digits.length === 1 || (digits !== '' && Number(digits) <= this.closed)) {
      this.at += digits.length
      const index = Number(digits)
      if (index > this.closed) throw wrongPattern('invalid backreference number')
      return { kind: 'same', index }
    }
    return { kind: 'set', source: literalSource(this.character()) }
  }

  /** The character that an escape stands for; `at` is behind its backslash. */
  private character(): string {
    const rest = this.text.slice(this.at)
    const letter = rest[0] ?? ''
    const known = CHARACTERS[letter]
    const code =
      /^u([0-9a-fA-F]{4})|^U([0-9a-fA-F]{8})|^x([0-9a-fA-F]{1,255})/.exec(rest) ??
      /^()()()([0-7]{1,3})/.exec(rest)
    if (known !== undefined) {
      this.at++
      return known
    }
    if (code !== null) {
      this.at += code[0].length
      const hex = code[1] || code[2] || code[3]
      const point = hex ? parseInt(hex, 16) : parseInt(code[4]!, 8)
      if (point > 0x10ffff) throw wrongPattern('invalid escape \\ sequence')
      return String.fromCodePoint(point)
    }
    if (letter === 'c' && rest.length > 1) {
      this.at += 2
      return String.fromCharCode(rest.charCodeAt(1) & 0x1f)
    }
    if (letter === '' || /[a-zA-Z0-9]/.test(letter))
      throw wrongPattern('invalid escape \\ sequence')
    const character = String.fromCodePoint(rest.codePointAt(0)!)
    this.at += character.length
    return character
  }
}

interface Parsed {
  readonly tree: Tree
  readonly groupCount: number
}

/** Throws 2201B. */
export function parseRegexp(text: string, options: RegexpOptions): Parsed {
  if (options.isLiteral) {
    const parts = Array.from(
      text,
      (character) => ({ kind: 'set', source: literalSource(character) }) as const,
    )
    return { tree: { kind: 'sequence', parts }, groupCount: 0 }
  }
  const { isBasic, isExpanded } = options
  const own = isBasic ? advancedOf(text, isExpanded) : text
  const parser = new Parser(own, isBasic ? { ...options, isExpanded: false } : options)
  const tree = parser.parse()
  return { tree, groupCount: parser.groupCount }
}
