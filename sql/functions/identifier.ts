// Names written and read, and texts whose characters are written by their codes.
// Source: PostgreSQL 15, src/backend/utils/adt/{misc,quote,varlena}.c: parse_ident, unistr, normalize.

import { quoteIdentifier } from '../catalogs/identifier.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import { scalar, typed } from './define.ts'

const SPACES = /[ \t\n\r\f\v]*/y
const BARE = /[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*/uy
const QUOTED = /"((?:[^"]|"")*)"/uy

function taken(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const noName = (text: string, detail?: string): SqlError =>
  new SqlError('22023', `string is not a valid identifier: "${text}"`, detail ? { detail } : {})

/** Letters of ASCII in lower case. */
const folded = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

function partAt(text: string, at: number, isFirst: boolean): { part: string; end: number } {
  if (text[at] === '"') {
    const quoted = taken(QUOTED, text, at)
    if (quoted === null) throw noName(text, 'String has unclosed double quotes.')
    if (quoted[1] === '') throw noName(text, 'Quoted identifier must not be empty.')
    return { part: quoted[1]!.replaceAll('""', '"'), end: at + quoted[0].length }
  }
  const bare = taken(BARE, text, at)
  if (bare !== null) return { part: folded(bare[0]), end: at + bare[0].length }
  if (text[at] === '.') throw noName(text, 'No valid identifier before ".".')
  throw noName(text, isFirst ? undefined : 'No valid identifier after ".".')
}

/** The parts of a dotted name; what is behind them is an error if `isStrict`. */
function parseName(text: string, isStrict: boolean | number): SqlArray {
  const skip = (at: number): number => at + taken(SPACES, text, at)![0].length
  const parts: string[] = []
  for (let at = skip(0); ;) {
    const { part, end } = partAt(text, at, parts.length === 0)
    parts.push(part)
    at = skip(end)
    if (text[at] === '.') at = skip(at + 1)
    else if (at < text.length && isStrict) throw noName(text)
    else return new SqlArray(typeOf('text'), parts)
  }
}

const ESCAPE =
  /\\(?:(\\)|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-9a-fA-F]{4}))?/g

/** Characters by their codes; a pair of surrogates is one. Throws 42601, 22023. */
function unescaped(text: string): string {
  let high: number | null = null
  let place = 0
  const pairless = (): SqlError => new SqlError('42601', 'invalid Unicode surrogate pair')
  const out = text.replace(ESCAPE, (whole, slash, six, four, eight, plain, at: number) => {
    if (high !== null && at !== place) throw pairless()
    place = at + whole.length
    const digits = (six ?? four ?? eight ?? plain) as string | undefined
    if (slash !== undefined || digits === undefined) {
      if (high !== null) throw pairless()
      if (slash !== undefined) return '\\'
      throw new SqlError('42601', 'invalid Unicode escape', {
        hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
      })
    }
    const code = parseInt(digits, 16)
    if (code === 0 || code > 0x10ffff) {
      const shown = code.toString(16).toUpperCase().padStart(4, '0')
      throw new SqlError('22023', `invalid Unicode code point: ${shown}`)
    }
    const isLow = code >= 0xdc00 && code <= 0xdfff
    if ((high !== null) !== isLow) throw pairless()
    if (isLow) {
      const pair = String.fromCharCode(high!, code)
      high = null
      return pair
    }
    if (code >= 0xd800 && code <= 0xdbff) {
      high = code
      return ''
    }
    return String.fromCodePoint(code)
  })
  if (high !== null) throw pairless()
  return out
}

function formOf(form: string): string {
  const name = form.toUpperCase()
  if (/^NFK?[CD]$/.test(name)) return name
  throw new SqlError('22023', `invalid normalization form: ${form}`)
}

const countNulls = (isNull: boolean) => (values: readonly unknown[]) =>
  values.filter((value) => (value === null) === isNull).length

const LOOSE = { isStrict: false, isVariadic: true } as const

export const identifiers: readonly ScalarFunction[] = [
  scalar('quote_ident', 'text', 'text', quoteIdentifier),
  scalar('parse_ident', 'text', '_text', (text: string) => parseName(text, true)),
  scalar('parse_ident', 'text bool', '_text', parseName),
  scalar('unistr', 'text', 'text', unescaped),
  ...['', 'text'].flatMap((more) => {
    const types = more === '' ? 'text' : 'text text'
    return [
      scalar('normalize', types, 'text', (text: string, form = 'NFC') =>
        text.normalize(formOf(form)),
      ),
      scalar(
        'is_normalized',
        types,
        'bool',
        (text: string, form = 'NFC') => text.normalize(formOf(form)) === text,
      ),
    ]
  }),
  typed('num_nulls', 'any', 'int4', countNulls(true), LOOSE),
  typed('num_nonnulls', 'any', 'int4', countNulls(false), LOOSE),
]
