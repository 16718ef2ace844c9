// Basic regular expressions in the words of advanced ones: `\(`, `\)`, `\{`, `\}` are the signs, and what
// stands there without a backslash is itself.
// Source: PostgreSQL 15, src/backend/regex/regc_lex.c, brenext.

import { wrongPattern } from './bracket.ts'

const literal = (sign: string): string => (/[a-zA-Z0-9]/.test(sign) ? sign : `\\${sign}`)

/** Brackets keep their backslashes as they are. */
function bracketEnd(text: string, from: number): number {
  let at = from + (text[from + 1] === '^' ? 2 : 1)
  for (const first = at; at < text.length; at++) {
    const name = /^\[([:.=])/.exec(text.slice(at))
    if (name !== null) at = Math.max(text.indexOf(`${name[1]}]`, at + 2), at) + 1
    else if (text[at] === ']' && at > first) return at + 1
  }
  throw wrongPattern('brackets [] not balanced')
}

function escaped(text: string, at: number): { piece: string; end: number } {
  const sign = text[at + 1]
  if (sign === undefined) throw wrongPattern('invalid escape \\ sequence')
  if (sign === '{') {
    const bound = /^(\d+(?:,\d*)?)\\\}/.exec(text.slice(at + 2))
    if (bound === null) throw wrongPattern('invalid repetition count(s)')
    return { piece: `{${bound[1]}}`, end: at + 2 + bound[0].length }
  }
  const end = at + 2
  if (sign === '(' || sign === ')') return { piece: sign, end }
  if (sign === '<' || sign === '>') return { piece: sign === '<' ? '\\m' : '\\M', end }
  return { piece: /[1-9]/.test(sign) ? `(?:\\${sign})` : literal(sign), end }
}

function pieceAt(text: string, at: number, before: string): { piece: string; end: number } {
  const sign = String.fromCodePoint(text.codePointAt(at)!)
  const end = at + sign.length
  const isFirst = before === '' || before === '('
  if (sign === '\\') return escaped(text, at)
  if (sign === '[') {
    const close = bracketEnd(text, at)
    return { piece: text.slice(at, close).replaceAll('\\', '\\\\'), end: close }
  }
  if (sign === '.') return { piece: sign, end }
  if (sign === '*') return { piece: isFirst || before === '^' ? '\\*' : '*', end }
  if (sign === '^') return { piece: isFirst ? '^' : '\\^', end }
  if (sign === '$') {
    const isLast = end === text.length || text.startsWith('\\)', end)
    return { piece: isLast ? '$' : '\\$', end }
  }
  return { piece: literal(sign), end }
}

/** Throws 2201B. */
export function advancedOf(text: string, isExpanded: boolean): string {
  let [out, before] = ['', '']
  for (let at = 0; at < text.length;) {
    const space = isExpanded ? /^(?:\s+|#[^\n]*)/.exec(text.slice(at)) : null
    if (space !== null) {
      at += space[0].length
      continue
    }
    const { piece, end } = pieceAt(text, at, before)
    out += piece
    before = piece
    at = end
  }
  return out
}
