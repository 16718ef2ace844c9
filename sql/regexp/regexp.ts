// Regular expressions of SQL: compiled ones by their pattern and flags, and the loops over matches that
// the functions share. Places are in UTF-16 units here; functions turn them into characters.
// Source: PostgreSQL 15, src/backend/utils/adt/regexp.c, setup_regexp_matches.

import { SqlError } from '../sql-error.ts'
import { wrongPattern } from './bracket.ts'
import { LongestMatcher } from './match.ts'
import { type RegexpOptions, parseRegexp } from './parse.ts'
import { type Tree, hasNode, sourceOf } from './tree.ts'

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

/** Options by their letters, later ones win. */
function optionsOf(letters: string): RegexpOptions {
  let options: RegexpOptions = {
    ...{ ignoresCase: false, endsAtLines: false, anchorsAtLines: false },
    ...{ isExpanded: false, isBasic: false, isLiteral: false },
  }
  for (const letter of letters) {
    if (letter === 'i' || letter === 'c') options = { ...options, ignoresCase: letter === 'i' }
    else if (letter === 'x' || letter === 't') options = { ...options, isExpanded: letter === 'x' }
    else if (letter === 'q') options = { ...options, isLiteral: true, isBasic: false }
    else if (/[nmpsw]/.test(letter)) {
      const isBoth = letter === 'n' || letter === 'm'
      const [endsAtLines, anchorsAtLines] = [isBoth || letter === 'p', isBoth || letter === 'w']
      options = { ...options, endsAtLines, anchorsAtLines }
    } else if (letter === 'e' || letter === 'b') {
      // PostgreSQL takes `e` (extended) for `b` (basic).
      options = { ...options, isLiteral: false, isBasic: true }
    }
  }
  return options
}

/** A pattern may begin with its kind (`***:`, `***=`) and with options: `(?i)`. */
function startOf(pattern: string, flags: string): { text: string; options: RegexpOptions } {
  const options = optionsOf(flags)
  if (options.isLiteral) return { text: pattern, options }
  if (pattern.startsWith('***=')) return { text: pattern.slice(4), options: optionsOf(`${flags}q`) }
  const isNamed = pattern.startsWith('***:')
  if (pattern.startsWith('***') && !isNamed) throw wrongPattern('quantifier operand invalid')
  const text = isNamed ? pattern.slice(4) : pattern
  if (options.isBasic && !isNamed) return { text, options }
  const found = /^\(\?([a-z]+)\)/.exec(text)
  if (found === null) return { text, options: { ...options, isBasic: false } }
  if (!/^[bceimnpqstwx]*$/.test(found[1]!)) throw wrongPattern('invalid embedded option')
  return { text: text.slice(found[0].length), options: optionsOf(flags + found[1]!) }
}

/** Takes one character, whichever way. */
function isUnit(tree: Tree): boolean {
  if (tree.kind === 'choice') return tree.options.every(isUnit) && isDistinct(tree.options)
  return tree.kind === 'set' || (tree.kind === 'group' && isUnit(tree.body))
}

/** The sign that a tree begins with; null: it may be one of several, or none. */
function firstSign(tree: Tree): string | null {
  if (tree.kind === 'sequence') return tree.parts.length > 0 ? firstSign(tree.parts[0]!) : null
  if (tree.kind === 'group') return firstSign(tree.body)
  return tree.kind === 'set' && /^[a-zA-Z0-9]$/.test(tree.source) ? tree.source.toLowerCase() : null
}

/** Whether a text can take one of the options at most. */
function isDistinct(options: readonly Tree[]): boolean {
  const signs = options.map(firstSign)
  return !signs.includes(null) && new Set(signs).size === signs.length
}

/** Where the first way that succeeds is the longest one: nothing to choose, and only characters repeat. */
const isPlain = (tree: Tree): boolean =>
  !hasNode(
    tree,
    (node) =>
      (node.kind === 'choice' && !isDistinct(node.options)) ||
      (node.kind === 'repeat' && (node.isLazy || !isUnit(node.body))),
  )

const hasWays = (node: Tree): boolean =>
  node.kind === 'repeat' || (node.kind === 'choice' && !isDistinct(node.options))

/** Repeats of what has several ways: the runtime would try all of them, which may be more than it ends. */
const isNested = (tree: Tree): boolean =>
  hasNode(tree, (node) => node.kind === 'repeat' && hasNode(node.body, hasWays))

function compile(pattern: string, flags: string): Regexp {
  const { text: source, options } = startOf(pattern, flags)
  const { tree, groupCount } = parseRegexp(source, options)
  const own = options.ignoresCase ? 'iu' : 'u'
  const tester = new RegExp(sourceOf(tree), own)
  const finder = new RegExp(sourceOf(tree), `${own}dg`)
  const hasSame = hasNode(tree, ({ kind }) => kind === 'same')
  const matcher = hasSame || isPlain(tree) ? null : new LongestMatcher(tree, groupCount, own)
  if (matcher !== null && isNested(tree)) return slow(matcher, groupCount)
  return {
    groupCount,
    test: (text) => tester.test(text),
    exec(text, from) {
      finder.lastIndex = from
      const found = finder.exec(text)
      if (found === null) return null
      const [whole, ...groups] = found.indices!
      const [start, end] = whole!
      if (matcher !== null) return { start, ...matcher.match(text, start)! }
      return { start, end, groups: groups.map((group) => group ?? null) }
    },
  }
}

/** Without the runtime's matcher. */
function slow(matcher: LongestMatcher, groupCount: number): Regexp {
  return {
    groupCount,
    test: (text) => matcher.test(text),
    exec(text, from) {
      for (let start = from; start <= text.length; start = after(text, start)) {
        const found = matcher.match(text, start)
        if (found !== null) return { start, ...found }
      }
      return null
    },
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
