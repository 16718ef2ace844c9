// What templates of numbers and of times have in common: quoted texts, and endings of ordinals.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, parse_format, get_th.

import { SqlError } from '../sql-error.ts'

/** A text in double quotes, where a backslash takes the next sign for itself; and where it ends. */
export function quotedText(template: string, from: number): { text: string; end: number } {
  let text = ''
  let at = from + 1
  for (; at < template.length && template[at] !== '"'; at++) {
    if (template[at] === '\\' && at + 1 < template.length) at++
    text += template[at]
  }
  return { text, end: at + 1 }
}

/** `st`, `nd`, `rd` or `th` of a number's digits. Throws 22P02 where they are none. */
export function ordinalSuffix(digits: string): string {
  if (!/\d$/.test(digits)) throw new SqlError('22P02', `"${digits}" is not a number`)
  if (digits.at(-2) === '1') return 'th'
  return { 1: 'st', 2: 'nd', 3: 'rd' }[digits.at(-1)!] ?? 'th'
}
