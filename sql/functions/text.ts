// Functions of text: lengths and positions count code points, as PostgreSQL counts characters.
// Source: PostgreSQL 15, src/backend/utils/adt/{varlena,oracle_compat,like}.c.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { bytesOperators } from './bytea.ts'
import { scalar } from './define.ts'

const SURROGATE = /[\ud800-\udfff]/

const points = (text: string): readonly string[] | string =>
  SURROGATE.test(text) ? Array.from(text) : text

const joined = (part: readonly string[] | string): string =>
  typeof part === 'string' ? part : part.join('')

function substring(text: string, start: number, count?: number): string {
  if (count !== undefined && count < 0) {
    throw new SqlError('22011', 'negative substring length not allowed')
  }
  const end = count === undefined ? Infinity : start - 1 + count
  return joined(points(text).slice(Math.max(start - 1, 0), Math.max(end, 0)))
}

function overlay(text: string, by: string, start: number, count = points(by).length): string {
  if (start <= 0) throw new SqlError('22011', 'negative substring length not allowed')
  return substring(text, 1, start - 1) + by + substring(text, start + count)
}

/** Signs of `from` become those of `to` at the same place, or nothing. */
function translate(text: string, from: string, to: string): string {
  const targets = Array.from(to)
  const map = new Map<string, string>()
  for (const [index, sign] of Array.from(from).entries()) {
    if (!map.has(sign)) map.set(sign, targets[index] ?? '')
  }
  return Array.from(text, (sign) => map.get(sign) ?? sign).join('')
}

function position(part: string, text: string): number {
  const at = text.indexOf(part)
  return at < 0 ? 0 : points(text.slice(0, at)).length + 1
}

function pad(text: string, length: number, fill: string, isLeft: boolean): string {
  if (length > 10_000_000) throw new SqlError('54000', 'requested length too large')
  const own = points(text)
  if (own.length >= length || fill === '') return joined(own.slice(0, Math.max(length, 0)))
  const signs = points(fill)
  const missing = length - own.length
  const more = joined(Array.from({ length: missing }, (_, index) => signs[index % signs.length]!))
  return isLeft ? more + text : text + more
}

function trim(text: string, signs: string, side: 'both' | 'left' | 'right'): string {
  const set = new Set(signs)
  const all = Array.from(text)
  let [start, end] = [0, all.length]
  if (side !== 'right') while (start < end && set.has(all[start]!)) start++
  if (side !== 'left') while (end > start && set.has(all[end - 1]!)) end--
  return all.slice(start, end).join('')
}

function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) throw new SqlError('22023', 'field position must not be zero')
  const parts = delimiter === '' ? [text] : text.split(delimiter)
  return parts.at(field > 0 ? field - 1 : field) ?? ''
}

function repeat(text: string, count: number): string {
  if (text.length * count > 100_000_000) throw new SqlError('54000', 'requested length too large')
  return text.repeat(Math.max(count, 0))
}

interface Like {
  readonly expression: RegExp
  /** Whether an escape at the end has nothing behind it. */
  readonly isUnfinished: boolean
}

const likes = new Map<string, Like>()
const PATTERNS_MAX = 1_000

/** The pattern of LIKE as a regular expression; `\` escapes. */
function likeOf(pattern: string, flags: string): Like {
  const key = `${flags}${pattern}`
  const known = likes.get(key)
  if (known !== undefined) return known
  const isUnfinished = /(^|[^\\])(\\\\)*\\$/.test(pattern)
  const whole = isUnfinished ? pattern.slice(0, -1) : pattern
  const source = whole.replace(/\\(.)|[%_]|[\^$.*+?()[\]{}|/\\]/gsu, (found, escaped?: string) => {
    if (escaped !== undefined) return escaped.replace(/[\^$.*+?()[\]{}|/\\]/g, '\\$&')
    return found === '%' ? '.*' : found === '_' ? '.' : `\\${found}`
  })
  const end = isUnfinished ? '.' : '$'
  const made = { expression: new RegExp(`^${source}${end}`, `su${flags}`), isUnfinished }
  if (likes.size >= PATTERNS_MAX) likes.clear()
  likes.set(key, made)
  return made
}

/** Throws 22025 where a text comes to an escape that the pattern ends with. */
function isLike(text: string, pattern: string, flags: string): boolean {
  const { expression, isUnfinished } = likeOf(pattern, flags)
  const isMatch = expression.test(text)
  if (!isUnfinished) return isMatch
  if (isMatch) throw new SqlError('22025', 'LIKE pattern must not end with escape character')
  return false
}

const capitalized = (text: string): string =>
  text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => word[0]!.toUpperCase() + word.slice(1))

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

const LIKES = [
  ['~~', '', true],
  ['!~~', '', false],
  ['~~*', 'i', true],
  ['!~~*', 'i', false],
] as const

const TRIMS = [
  ['btrim', 'both'],
  ['ltrim', 'left'],
  ['rtrim', 'right'],
] as const

/** The pattern with `\` for its own escape. Throws 22025. */
function likeEscape(pattern: string, escape: string): string {
  if (points(escape).length > 1) {
    throw new SqlError('22025', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    })
  }
  if (escape === '\\') return pattern
  return pattern.replace(/[\s\S]/gu, (sign) =>
    sign === escape ? '\\' : sign === '\\' ? '\\\\' : sign,
  )
}

/** Operators and functions of text. */
export const texts: readonly ScalarFunction[] = [
  scalar('||', 'text text', 'text', (a: string, b: string) => a + b),
  ...LIKES.map(([name, flags, wanted]) =>
    scalar(
      name,
      'text text',
      'bool',
      (text: string, pattern: string) => isLike(text, pattern, flags) === wanted,
    ),
  ),
  ...['length', 'char_length', 'character_length'].map((name) =>
    scalar(name, 'text', 'int4', (text: string) => points(text).length),
  ),
  scalar('octet_length', 'text', 'int4', bytesOf),
  scalar('bit_length', 'text', 'int4', (text: string) => 8 * bytesOf(text)),
  scalar('lower', 'text', 'text', (text: string) => text.toLowerCase()),
  scalar('upper', 'text', 'text', (text: string) => text.toUpperCase()),
  scalar('initcap', 'text', 'text', capitalized),
  ...['substr', 'substring'].flatMap((name) => [
    scalar(name, 'text int4', 'text', substring),
    scalar(name, 'text int4 int4', 'text', substring),
  ]),
  scalar('position', 'text text', 'int4', (text: string, part: string) => position(part, text)),
  scalar('strpos', 'text text', 'int4', (text: string, part: string) => position(part, text)),
  scalar('replace', 'text text text', 'text', (text: string, from: string, to: string) =>
    from === '' ? text : text.replaceAll(from, () => to),
  ),
  scalar('split_part', 'text text int4', 'text', splitPart),
  scalar('left', 'text int4', 'text', (text: string, count: number) =>
    joined(points(text).slice(0, count)),
  ),
  scalar('right', 'text int4', 'text', (text: string, count: number) =>
    count === 0 ? '' : joined(points(text).slice(-count)),
  ),
  scalar('repeat', 'text int4', 'text', repeat),
  scalar('reverse', 'text', 'text', (text: string) => Array.from(text).toReversed().join('')),
  scalar('starts_with', 'text text', 'bool', (text: string, part: string) => text.startsWith(part)),
  scalar('ascii', 'text', 'int4', (text: string) => text.codePointAt(0) ?? 0),
  scalar('chr', 'int4', 'text', (code: number) => {
    if (code > 0 && code <= 0x10ffff) return String.fromCodePoint(code)
    throw new SqlError('54000', 'requested character too large for encoding')
  }),
  ...TRIMS.flatMap(([name, side]) => [
    scalar(name, 'text', 'text', (text: string) => trim(text, ' ', side)),
    scalar(name, 'text text', 'text', (text: string, signs: string) => trim(text, signs, side)),
  ]),
  ...(['lpad', 'rpad'] as const).flatMap((name) => [
    scalar(name, 'text int4', 'text', (text: string, length: number) =>
      pad(text, length, ' ', name === 'lpad'),
    ),
    scalar(name, 'text int4 text', 'text', (text: string, length: number, fill: string) =>
      pad(text, length, fill, name === 'lpad'),
    ),
  ]),
  scalar('like_escape', 'text text', 'text', likeEscape),
  scalar('overlay', 'text text int4', 'text', overlay),
  scalar('overlay', 'text text int4 int4', 'text', overlay),
  scalar('translate', 'text text text', 'text', translate),
  scalar('^@', 'text text', 'bool', (text: string, part: string) => text.startsWith(part)),
  ...bytesOperators((text, pattern) => isLike(text, pattern, '')),
]
