// Bracket expressions: `[^a-z[:digit:]_]`, and the classes that have names and letters.
// Source: PostgreSQL 15, its manual, section 9.7.3.2; src/backend/regex/regcomp.c, brackpart.

import { SqlError } from '../sql-error.ts'

export const wrongPattern = (problem: string): SqlError =>
  new SqlError('2201B', `invalid regular expression: ${problem}`)

/** What stands between the brackets of the runtime. Letters are those of ASCII, as in the locale C. */
export const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  ascii: '\\0-\\x7f',
  blank: ' \\t',
  cntrl: '\\0-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: ' \\t\\n\\v\\f\\r',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
  word: 'a-zA-Z0-9_',
}

/** `\d` and its like. */
export const SHORTHANDS: Readonly<Record<string, string>> = {
  d: CLASSES['digit']!,
  s: CLASSES['space']!,
  w: CLASSES['word']!,
}

/** A character of a class, or by itself. */
export const literalSource = (character: string): string =>
  /^[a-zA-Z0-9]$/.test(character) ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`

/** What names of characters stand for. */
const NAMES: Readonly<Record<string, string>> = {
  ...{ NUL: '\0', space: ' ', tab: '\t', newline: '\n', 'carriage-return': '\r', hyphen: '-' },
  ...{ 'hyphen-minus': '-', period: '.', comma: ',', slash: '/', backslash: '\\', colon: ':' },
}

export interface BracketSource {
  /** The whole pattern. */
  readonly text: string
  /** Behind the opening bracket. */
  readonly at: number
  /** Whether the opposite leaves newlines out. */
  readonly endsAtLines: boolean
  /** An escape behind a backslash: its character, or what stands between brackets. */
  readonly escape: (at: number) => {
    readonly source: string
    readonly isClass: boolean
    end: number
  }
}

interface Item {
  readonly source: string
  /** Of what can begin or end a range. */
  readonly character: string | null
  readonly end: number
}

function namedItem(text: string, at: number): Item | null {
  const sign = text[at + 1]
  if (text[at] !== '[' || (sign !== ':' && sign !== '=' && sign !== '.')) return null
  const close = text.indexOf(`${sign}]`, at + 2)
  if (close < 0) throw wrongPattern('brackets [] not balanced')
  const name = text.slice(at + 2, close)
  const end = close + 2
  if (sign === ':') {
    const source = CLASSES[name]
    if (source === undefined) throw wrongPattern('invalid character class')
    return { source, character: null, end }
  }
  const character = [...name].length === 1 ? name : NAMES[name]
  if (character === undefined) throw wrongPattern('invalid collating element')
  return { source: literalSource(character), character: sign === '.' ? character : null, end }
}

function itemAt({ text, escape }: BracketSource, at: number): Item {
  if (at >= text.length) throw wrongPattern('brackets [] not balanced')
  const named = namedItem(text, at)
  if (named !== null) return named
  if (text[at] === '\\') {
    const { source, isClass, end } = escape(at + 1)
    return {
      source: isClass ? source : literalSource(source),
      character: isClass ? null : source,
      end,
    }
  }
  const character = String.fromCodePoint(text.codePointAt(at)!)
  return { source: literalSource(character), character, end: at + character.length }
}

/** A list in brackets as the runtime writes it, and where it ends. Throws 2201B. */
export function bracketSet(source: BracketSource): { set: string; end: number } {
  const { text, endsAtLines } = source
  const isOpposite = text[source.at] === '^'
  let at = source.at + (isOpposite ? 1 : 0)
  let list = ''
  for (const first = at; at === first || text[at] !== ']';) {
    const item = itemAt(source, at)
    at = item.end
    const isRange = text[at] === '-' && text[at + 1] !== ']'
    if (!isRange) {
      list += item.source
      continue
    }
    const last = itemAt(source, at + 1)
    const [low, high] = [item.character?.codePointAt(0), last.character?.codePointAt(0)]
    if (low === undefined || high === undefined || low > high) {
      throw wrongPattern('invalid character range')
    }
    list += `${item.source}-${last.source}`
    at = last.end
  }
  if (!isOpposite) return { set: `[${list}]`, end: at + 1 }
  return { set: `[^${list}${endsAtLines ? '\\n' : ''}]`, end: at + 1 }
}
