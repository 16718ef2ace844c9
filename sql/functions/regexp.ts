// Functions of regular expressions; starts and results are characters from 1.
// Source: PostgreSQL 15, src/backend/utils/adt/regexp.c; manual, section 9.7.3.

import type { ScalarFunction, TableFunction } from '../function.ts'
import { type Match, after, checkFlags, matchesOf, regexpOf } from '../regexp/regexp.ts'
import { similarEscape } from '../regexp/similar.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import { scalar, typesOf } from './define.ts'

const TEXT = typeOf('text')

const OPERATORS = [
  ['~', '', true],
  ['!~', '', false],
  ['~*', 'i', true],
  ['!~*', 'i', false],
] as const

/** Of the functions that look for one match, or for all by themselves. */
function refuseGlobal(name: string, flags: string, hint?: string): void {
  checkFlags(flags)
  if (!flags.includes('g')) return
  const options = hint === undefined ? {} : { hint }
  throw new SqlError('22023', `${name}() does not support the "global" option`, options)
}

function check(name: string, value: number, minimum: number, maximum = Infinity): void {
  if (value >= minimum && value <= maximum) return
  throw new SqlError('22023', `invalid value for parameter "${name}": ${value}`)
}

/** Where the character of a number from 1 is; past the end: one more than the length. */
function offsetOf(text: string, start: number): number {
  let at = 0
  for (let index = 1; index < start; index++) {
    if (at >= text.length) return text.length + 1
    at = after(text, at)
  }
  return at
}

const characters = (text: string, end: number): number => {
  let count = 0
  for (let at = 0; at < end; at = after(text, at)) count++
  return count
}

const partOf = (text: string, part: readonly [number, number] | null): string | null =>
  part === null ? null : text.slice(...part)

/** The groups of a match; without groups the match. */
function textsOf(text: string, { start, end, groups }: Match): SqlArray {
  const parts = groups.length > 0 ? groups : [[start, end] as const]
  return new SqlArray(
    TEXT,
    parts.map((part) => partOf(text, part)),
  )
}

const MATCHES_HINT = 'Use the regexp_matches function instead.'

function regexpMatch(text: string, pattern: string, flags = ''): SqlArray | null {
  refuseGlobal('regexp_match', flags, MATCHES_HINT)
  const found = regexpOf(pattern, flags).exec(text, 0)
  return found === null ? null : textsOf(text, found)
}

/** `\1` to `\9` and `\&` stand for groups and the match. */
function replacementOf(text: string, by: string, { start, end, groups }: Match): string {
  return by.replace(/\\([1-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\'
    const part = mark === '&' ? ([start, end] as const) : (groups[Number(mark) - 1] ?? null)
    return partOf(text, part) ?? ''
  })
}

/** `count`: which match, 0 for all. */
function replaced(
  text: string,
  pattern: string,
  by: string,
  [start, count, flags]: readonly [start: number, count: number, flags: string],
): string {
  const regexp = regexpOf(pattern, flags)
  let [out, at, index] = ['', 0, 0]
  for (const match of matchesOf(regexp, text, offsetOf(text, start))) {
    if (count > 0 && ++index !== count) continue
    out += text.slice(at, match.start) + replacementOf(text, by, match)
    at = match.end
    if (count > 0) break
  }
  return out + text.slice(at)
}

function replaceByFlags(text: string, pattern: string, by: string, flags = ''): string {
  if (/^\d/.test(flags)) {
    throw new SqlError('22023', `invalid regular expression option: "${flags[0]}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    })
  }
  return replaced(text, pattern, by, [1, flags.includes('g') ? 0 : 1, flags])
}

function replaceFrom(
  text: string,
  pattern: string,
  by: string,
  ...[start, count = 1, flags = '']: [start: number, count?: number, flags?: string]
): string {
  check('start', start, 1)
  check('n', count, 0)
  return replaced(text, pattern, by, [start, count, flags])
}

function regexpCount(text: string, pattern: string, start = 1, flags = ''): number {
  check('start', start, 1)
  refuseGlobal('regexp_count', flags)
  return [...matchesOf(regexpOf(pattern, flags), text, offsetOf(text, start))].length
}

function regexpLike(text: string, pattern: string, flags = ''): boolean {
  refuseGlobal('regexp_like', flags)
  return regexpOf(pattern, flags).test(text)
}

interface Wanted {
  readonly start: number
  /** Which match, from 1. */
  readonly count: number
  /** 0: the match. */
  readonly group: number
}

/** Bounds of the part that is asked for, or null. */
function partAt(text: string, pattern: string, { start, count, group }: Wanted, flags: string) {
  const regexp = regexpOf(pattern, flags)
  let index = 0
  for (const match of matchesOf(regexp, text, offsetOf(text, start))) {
    if (++index < count) continue
    const whole = [match.start, match.end] as const
    // Without groups the match is the first one.
    const groups = match.groups.length > 0 ? match.groups : [whole]
    return group === 0 ? whole : (groups[group - 1] ?? null)
  }
  return null
}

function regexpInstr(
  ...given: [
    ...texts: [text: string, pattern: string],
    ...numbers: [start?: number, count?: number, endOption?: number],
    ...rest: [flags?: string, group?: number],
  ]
): number {
  const [text, pattern, start = 1, count = 1, endOption = 0, flags = '', group = 0] = given
  check('start', start, 1)
  check('n', count, 1)
  check('endoption', endOption, 0, 1)
  check('subexpr', group, 0)
  refuseGlobal('regexp_instr', flags)
  const part = partAt(text, pattern, { start, count, group }, flags)
  return part === null ? 0 : characters(text, part[endOption]!) + 1
}

function regexpSubstr(
  ...given: [
    ...texts: [text: string, pattern: string],
    ...numbers: [start?: number, count?: number],
    ...rest: [flags?: string, group?: number],
  ]
): string | null {
  const [text, pattern, start = 1, count = 1, flags = '', group = 0] = given
  check('start', start, 1)
  check('n', count, 1)
  check('subexpr', group, 0)
  refuseGlobal('regexp_substr', flags)
  return partOf(text, partAt(text, pattern, { start, count, group }, flags))
}

/** The first group of the first match; without groups the match. */
function substringMatch(text: string, pattern: string): string | null {
  const found = regexpOf(pattern).exec(text, 0)
  if (found === null) return null
  return partOf(text, found.groups.length > 0 ? found.groups[0]! : [found.start, found.end])
}

/** What is between matches; empty matches at the ends and right after another one do not split. */
function* split(name: string, text: string, pattern: string, flags = ''): Iterable<string> {
  refuseGlobal(name, flags)
  let [at, previous] = [0, 0]
  for (const { start, end } of matchesOf(regexpOf(pattern, flags), text)) {
    if (start < text.length && end > previous) {
      yield text.slice(at, start)
      at = end
    }
    previous = end
  }
  yield text.slice(at)
}

function splitToArray(text: string, pattern: string, flags = ''): SqlArray {
  return new SqlArray(TEXT, [...split('regexp_split_to_array', text, pattern, flags)])
}

const overloads = (
  name: string,
  result: string,
  compute: (...given: never[]) => unknown,
  ...lists: string[]
) => lists.map((types) => scalar(name, types, result, compute))

/** Operators and functions of one row. */
export const regexps: readonly ScalarFunction[] = [
  ...OPERATORS.map(([name, flags, wanted]) =>
    scalar(
      name,
      'text text',
      'bool',
      (text: string, pattern: string) => regexpOf(pattern, flags).test(text) === wanted,
    ),
  ),
  ...overloads('regexp_match', '_text', regexpMatch, 'text text', 'text text text'),
  ...overloads('regexp_replace', 'text', replaceByFlags, 'text text text', 'text text text text'),
  ...overloads(
    'regexp_replace',
    'text',
    replaceFrom,
    'text text text int4',
    'text text text int4 int4',
    'text text text int4 int4 text',
  ),
  ...overloads(
    'regexp_count',
    'int4',
    regexpCount,
    'text text',
    'text text int4',
    'text text int4 text',
  ),
  ...overloads('regexp_like', 'bool', regexpLike, 'text text', 'text text text'),
  ...overloads(
    'regexp_instr',
    'int4',
    regexpInstr,
    'text text',
    'text text int4',
    'text text int4 int4',
    'text text int4 int4 int4',
    'text text int4 int4 int4 text',
    'text text int4 int4 int4 text int4',
  ),
  ...overloads(
    'regexp_substr',
    'text',
    regexpSubstr,
    'text text',
    'text text int4',
    'text text int4 int4',
    'text text int4 int4 text',
    'text text int4 int4 text int4',
  ),
  ...overloads('regexp_split_to_array', '_text', splitToArray, 'text text', 'text text text'),
  scalar('substring', 'text text', 'text', substringMatch),
  scalar('substring', 'text text text', 'text', (text: string, pattern: string, escape: string) =>
    substringMatch(text, similarEscape(pattern, escape)),
  ),
  ...overloads('similar_to_escape', 'text', similarEscape, 'text', 'text text'),
]

type Rows = (text: string, pattern: string, flags?: string) => Iterable<unknown>

function* matchRows(text: string, pattern: string, flags = ''): Iterable<SqlArray> {
  const regexp = regexpOf(pattern, flags)
  for (const match of matchesOf(regexp, text)) {
    yield textsOf(text, match)
    if (!flags.includes('g')) return
  }
}

const splitRows: Rows = (...given) => split('regexp_split_to_table', ...given)

function rowsOf(name: string, types: string, result: string, rows: Rows): TableFunction {
  return {
    name,
    arguments: typesOf(types),
    isVariadic: false,
    columns: () => [{ name, type: typeOf(result) }],
    *rows(values) {
      if (values.includes(null)) return
      for (const value of rows(...(values as [string, string, string?]))) yield [value]
    },
  }
}

/** Functions of rows. */
export const regexpRows: readonly TableFunction[] = ['text text', 'text text text'].flatMap(
  (types) => [
    rowsOf('regexp_matches', types, '_text', matchRows),
    rowsOf('regexp_split_to_table', types, 'text', splitRows),
  ],
)
