// Regular expressions of SQL: compiled ones by their pattern and flags, and the loops over matches that
// the functions share. Places are in UTF-16 units here; functions turn them into characters.
// Source: PostgreSQL 15, src/backend/utils/adt/regexp.c, setup_regexp_matches.

import { SqlError } from '../sql-error.ts'

/** One match: `start` in, `end` out; groups that took no part are null. */
export interface Match {
  readonly start: number
  readonly end: number
  readonly groups: readonly (readonly [start: number, end: number] | null)[]
}

export interface Regexp {
  readonly groupCount: number
  test(text: string): boolean
  /** The first match that starts at `from` or after it. */
  exec(text: string, from: number): Match | null
}

/** Compiled patterns that are kept. */
const PATTERNS_MAX = 1_000
const compiled = new Map<string, Regexp>()

const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'a-zA-Z',
  digit: '0-9',
  alnum: 'a-zA-Z0-9',
  space: '\\s',
  upper: 'A-Z',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
}

/** The options of a function's flags but `g`, which is its own matter. Throws 22023. */
export function checkFlags(flags: string): void {
  const wrong = /[^gbceimnpqstwx]/u.exec(flags)
  if (wrong === null) return
  throw new SqlError('22023', `invalid regular expression option: "${wrong[0]}"`)
}

/** A pattern of PostgreSQL's advanced kind. Throws 2201B for the pattern, 22023 for a flag. */
export function regexpOf(pattern: string, flags = ''): Regexp {
  checkFlags(flags)
  const key = `${flags}/${pattern}`
  let regexp = compiled.get(key)
  if (regexp === undefined) {
    regexp = compile(pattern, flags)
    if (compiled.size >= PATTERNS_MAX) compiled.clear()
    compiled.set(key, regexp)
  }
  return regexp
}

function sourceOf(pattern: string): string {
  return (
    pattern
      .replaceAll('\\m', '\\b(?=\\w)')
      .replaceAll('\\M', '\\b(?<=\\w)')
      .replaceAll('\\y', '\\b')
      .replaceAll('\\A', '(?<![\\s\\S])')
      .replaceAll('\\Z', '(?![\\s\\S])')
      .replace(
        /\[:(alpha|digit|alnum|space|upper|lower|punct):\]/g,
        (_, name: string) => CLASSES[name]!,
      )
      // Every sign may be escaped, and stands for itself.
      .replace(/\\([^\p{L}\p{N}])/gu, (whole, sign: string) =>
        /[$()*+.?[\\\]^{|}/-]/.test(sign) ? whole : sign,
      )
  )
}

function compile(pattern: string, flags: string): Regexp {
  const options = `${flags.includes('i') ? 'i' : ''}${/[nm]/.test(flags) ? 'm' : 's'}`
  const source = sourceOf(pattern)
  try {
    const tester = new RegExp(source, `u${options}`)
    const finder = new RegExp(source, `dgu${options}`)
    return {
      groupCount: new RegExp(`${source}|`, `u${options}`).exec('')!.length - 1,
      test: (text) => tester.test(text),
      exec(text, from) {
        finder.lastIndex = from
        const found = finder.exec(text)
        if (found === null) return null
        const [whole, ...groups] = found.indices!
        const [start, end] = whole!
        return { start, end, groups: groups.map((group) => group ?? null) }
      },
    }
  } catch (error) {
    const { message } = error as Error
    throw new SqlError('2201B', `invalid regular expression: ${message}`, { cause: error })
  }
}

/** The place after the character at `at`. */
export const after = (text: string, at: number): number =>
  at + (text.codePointAt(at)! > 0xffff ? 2 : 1)

/** Matches from `from` on, one after the other; an empty one moves on by a character. */
export function* matchesOf(regexp: Regexp, text: string, from = 0): Iterable<Match> {
  for (let at = from; at <= text.length;) {
    const match = regexp.exec(text, at)
    if (match === null) return
    yield match
    at = match.start === match.end ? after(text, match.end) : match.end
  }
}
