// The text of a regular expression → a tree. What there is: literals, `.`, classes with \d \w \s and
// [:alpha:], `^ $`, groups, `|`, `* + ? {m,n}`, also lazy, and (?i) at the start. What needs more than
// linear time, or means other things elsewhere, is refused by its name and place. As in PostgreSQL, `.`
// and negated classes take line breaks, too, and anchors are the ends of the text.

import { OmenError } from '../../error.ts'
import {
  CODE_POINT_MAX,
  complementOf,
  type Range,
  type Ranges,
  unionOf,
  withCases,
} from './ranges.ts'

export type RegexNode =
  | { readonly kind: 'set'; readonly ranges: Ranges }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'either'; readonly items: readonly RegexNode[] }
  /** `max` null = any number. */
  | {
      readonly kind: 'repeat'
      readonly item: RegexNode
      readonly min: number
      readonly max: number | null
    }

/** Limits of a pattern. */
const LENGTH_MAX = 8_192
const DEPTH_MAX = 250
const REPEAT_MAX = 1_000

const DIGITS: Ranges = [[0x30, 0x39]]
const LETTERS: Ranges = [
  [0x41, 0x5a],
  [0x61, 0x7a],
]
const SPACES: Ranges = [
  [0x09, 0x0d],
  [0x20, 0x20],
]
const WORD: Ranges = unionOf([...DIGITS, ...LETTERS, [0x5f, 0x5f]])

const CLASSES: ReadonlyMap<string, Ranges> = new Map([
  ['d', DIGITS],
  ['w', WORD],
  ['s', SPACES],
])

/** [:name:], of ASCII. */
const NAMED: ReadonlyMap<string, Ranges> = new Map<string, Ranges>([
  ['alpha', LETTERS],
  ['digit', DIGITS],
  ['alnum', unionOf([...DIGITS, ...LETTERS])],
  ['upper', [[0x41, 0x5a]]],
  ['lower', [[0x61, 0x7a]]],
  ['space', SPACES],
  [
    'blank',
    [
      [0x09, 0x09],
      [0x20, 0x20],
    ],
  ],
  [
    'punct',
    [
      [0x21, 0x2f],
      [0x3a, 0x40],
      [0x5b, 0x60],
      [0x7b, 0x7e],
    ],
  ],
  [
    'xdigit',
    [
      [0x30, 0x39],
      [0x41, 0x46],
      [0x61, 0x66],
    ],
  ],
])

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['n', 0x0a],
  ['t', 0x09],
  ['r', 0x0d],
  ['f', 0x0c],
  ['v', 0x0b],
])

/**
 * Parses a pattern. Throws `bad_request` (2201B) for what it may not hold, naming it and its place, and
 * `limit_exceeded` beyond patternLength; `position` is the pattern's own in its expression.
 */
export function parseRegex(pattern: string, insensitive: boolean, position: number): RegexNode {
  if (pattern.length > LENGTH_MAX) {
    const message = `where: more than ${LENGTH_MAX} characters in a regular expression (limit patternLength)`
    throw new OmenError('limit_exceeded', message, {
      pointer: '/where',
      position,
      sqlstate: '54000',
    })
  }
  return new RegexParser(pattern, insensitive, position).parse()
}

class RegexParser {
  private readonly characters: readonly string[]
  private readonly position: number
  private insensitive: boolean
  private at = 0
  private depth = 0

  constructor(pattern: string, insensitive: boolean, position: number) {
    this.characters = [...pattern]
    this.insensitive = insensitive
    this.position = position
  }

  parse(): RegexNode {
    if (this.takes('(?i)')) this.insensitive = true
    const node = this.either()
    if (this.at < this.characters.length) this.refuse(') without its (')
    return node
  }

  private either(): RegexNode {
    const items = [this.sequence()]
    while (this.takes('|')) items.push(this.sequence())
    return items.length === 1 ? items[0]! : { kind: 'either', items }
  }

  private sequence(): RegexNode {
    const items: RegexNode[] = []
    for (let next = this.peek(); next !== undefined && next !== '|' && next !== ')';) {
      items.push(this.repeated())
      next = this.peek()
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items }
  }

  private repeated(): RegexNode {
    const begin = this.at
    const item = this.atom()
    const bounds = this.quantifier()
    if (bounds === null) return item
    const first = this.characters[begin]!
    if (first === '^' || first === '$') this.refuse(`a quantifier of ${first}`, begin)
    // Of a yes or no it does not matter how much is tried first.
    this.takes('?')
    const again = this.at
    if (this.quantifier() !== null) this.refuse('a quantifier of a quantifier', again)
    return { kind: 'repeat', item, ...bounds }
  }

  /** `* + ? {m} {m,} {m,n}`; null: there is none. */
  private quantifier(): { min: number; max: number | null } | null {
    if (this.takes('*')) return { min: 0, max: null }
    if (this.takes('+')) return { min: 1, max: null }
    if (this.takes('?')) return { min: 0, max: 1 }
    const begin = this.at
    if (this.peek() !== '{' || !isDigit(this.peek(1))) return null
    this.at++
    const min = this.count()
    let max: number | null = min
    if (this.takes(',')) max = isDigit(this.peek()) ? this.count() : null
    if (!this.takes('}')) this.refuse('{ without its }', begin)
    if (Math.max(min, max ?? 0) > REPEAT_MAX) {
      this.refuse(`a repetition of more than ${REPEAT_MAX}`, begin)
    }
    if (max !== null && max < min) this.refuse(`{${min},${max}}, which is never`, begin)
    return { min, max }
  }

  private count(): number {
    let digits = ''
    while (isDigit(this.peek())) digits += this.characters[this.at++]!
    return Number(digits)
  }

  private atom(): RegexNode {
    const begin = this.at
    const character = this.characters[this.at]!
    switch (character) {
      case '(':
        return this.group()
      case '[':
        return this.set(this.bracket())
      case '\\':
        return this.set(this.escape())
      case '.':
        this.at++
        return { kind: 'set', ranges: [[0, CODE_POINT_MAX]] }
      case '^':
        this.at++
        return { kind: 'start' }
      case '$':
        this.at++
        return { kind: 'end' }
      default:
        if (this.quantifier() !== null) this.refuse('a quantifier of nothing', begin)
        this.at++
        return this.set(pointOf(character))
    }
  }

  private set(ranges: Ranges): RegexNode {
    return { kind: 'set', ranges: this.insensitive ? withCases(ranges) : ranges }
  }

  private group(): RegexNode {
    const begin = this.at
    if (++this.depth > DEPTH_MAX) this.refuse(`more than ${DEPTH_MAX} groups in each other`)
    this.at++
    if (this.peek() === '?' && !this.takes('?:')) this.refuse(this.groupName(), begin)
    const node = this.either()
    if (!this.takes(')')) this.refuse('( without its )', begin)
    this.depth--
    return node
  }

  /** What a group that is not offered is called. */
  private groupName(): string {
    const rest = this.characters.slice(this.at, this.at + 3).join('')
    if (rest.startsWith('?=') || rest.startsWith('?!')) return 'a look-ahead'
    if (rest.startsWith('?<=') || rest.startsWith('?<!')) return 'a look-behind'
    if (rest.startsWith('?<') || rest.startsWith('?P')) return 'a named group'
    if (rest.startsWith('?>')) return 'an atomic group'
    return rest.startsWith('?i')
      ? '(?i) but at the start'
      : `a group of the kind (${rest.slice(0, 2)}`
  }

  /** `[…]`. A `]` that comes first is itself. */
  private bracket(): Ranges {
    const begin = this.at++
    const isNegated = this.takes('^')
    const ranges: Range[] = []
    for (let isFirst = true; isFirst || this.peek() !== ']'; isFirst = false) {
      if (this.peek() === undefined) this.refuse('[ without its ]', begin)
      const low = this.member()
      const rangeAt = this.at
      if (this.peek() !== '-' || this.peek(1) === ']' || this.peek(1) === undefined) {
        ranges.push(...low)
        continue
      }
      this.at++
      ranges.push(this.range(low, this.member(), rangeAt))
    }
    this.at++
    const all = unionOf(ranges)
    if (!isNegated) return all
    return complementOf(this.insensitive ? withCases(all) : all)
  }

  private range(low: Ranges, high: Ranges, at: number): Range {
    const isOne = (ranges: Ranges): boolean =>
      ranges.length === 1 && ranges[0]![0] === ranges[0]![1]
    if (!isOne(low) || !isOne(high)) this.refuse('a range whose end is a class', at)
    const [first, last] = [low[0]![0], high[0]![0]]
    if (first > last) this.refuse('a range whose end is before its start', at)
    return [first, last]
  }

  /** A character or a class in brackets. */
  private member(): Ranges {
    const character = this.characters[this.at]!
    if (character === '\\') return this.escape()
    const kind = this.peek(1)
    if (character === '[' && (kind === '.' || kind === '=')) this.refuse(`[${kind} in a class`)
    if (character === '[' && kind === ':') return this.named()
    this.at++
    return pointOf(character)
  }

  /** `[:alpha:]`. */
  private named(): Ranges {
    const begin = this.at
    this.at += 2
    let name = ''
    while (/[a-z]/.test(this.peek() ?? '')) name += this.characters[this.at++]!
    const ranges = this.takes(':]') ? NAMED.get(name) : undefined
    return ranges ?? this.refuse(`the class [:${name}:]`, begin)
  }

  private escape(): Ranges {
    const begin = this.at++
    const character = this.characters[this.at++]
    if (character === undefined) return this.refuse('\\ at the end', begin)
    const ranges = CLASSES.get(character.toLowerCase())
    if (ranges !== undefined) {
      return character === character.toLowerCase() ? ranges : complementOf(ranges)
    }
    const control = CONTROLS.get(character)
    if (control !== undefined) return [[control, control]]
    if (character === 'x' || character === 'u') return this.hexadecimal(character, begin)
    if (/[1-9]/.test(character)) this.refuse(`the back reference \\${character}`, begin)
    if (/[0-9A-Za-z]/.test(character)) this.refuse(`the escape \\${character}`, begin)
    return pointOf(character)
  }

  /** `\x41 \u0041 \u{1F600}`. */
  private hexadecimal(letter: string, begin: number): Ranges {
    const isBraced = letter === 'u' && this.takes('{')
    const wanted = isBraced ? 6 : letter === 'x' ? 2 : 4
    let digits = ''
    while (digits.length < wanted && /[0-9a-f]/i.test(this.peek() ?? '')) {
      digits += this.characters[this.at++]!
    }
    const isWhole = isBraced ? digits !== '' && this.takes('}') : digits.length === wanted
    const point = parseInt(digits, 16)
    const isSurrogate = point >= 0xd800 && point <= 0xdfff
    if (!isWhole || isSurrogate || point > CODE_POINT_MAX) {
      this.refuse(`\\${letter} that is no character`, begin)
    }
    return [[point, point]]
  }

  private peek(ahead = 0): string | undefined {
    return this.characters[this.at + ahead]
  }

  private takes(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text[i]) return false
    this.at += text.length
    return true
  }

  private refuse(what: string, at = this.at): never {
    const message = `where: ${what} in a regular expression, at character ${at + 1} of it`
    const details = { pointer: '/where', position: this.position, sqlstate: '2201B' }
    throw new OmenError('bad_request', message, details)
  }
}

function pointOf(character: string): Ranges {
  const point = character.codePointAt(0)!
  return [[point, point]]
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}
