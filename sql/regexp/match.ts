// Matches as POSIX has them: of all that begin at a place the longest (or the shortest, where the first
// quantifier wants little), and inside of it each part in turn as long as the rest allows. The runtime's
// own matcher takes the first way that succeeds, which is another match where there are choices.
//
// `reach` gives every end that a node can come to from a set of starts, so there is no way back: time is
// bounded by the text's length, squared, times the pattern's.
// Source: PostgreSQL 15, its manual, section 9.7.3.5; src/backend/regex/regexec.c, cdissect.

import type { Repeat, Tree } from './tree.ts'

export type Part = readonly [start: number, end: number]

type Preference = 'longest' | 'shortest' | null

/** What a node prefers; null: it has nothing to choose. */
function preferenceOf(tree: Tree): Preference {
  switch (tree.kind) {
    case 'choice':
      return 'longest'
    case 'group':
      return preferenceOf(tree.body)
    case 'repeat':
      if (tree.isFixed) return preferenceOf(tree.body)
      return tree.isLazy ? 'shortest' : 'longest'
    case 'sequence': {
      const first = tree.parts.find((part) => preferenceOf(part) !== null)
      return first === undefined ? null : preferenceOf(first)
    }
    default:
      return null
  }
}

/** Groups inside of a node. */
function groupsOf(tree: Tree): readonly number[] {
  if (tree.kind === 'group') return [tree.index, ...groupsOf(tree.body)]
  if (tree.kind === 'sequence') return tree.parts.flatMap(groupsOf)
  if (tree.kind === 'choice') return tree.options.flatMap(groupsOf)
  return tree.kind === 'repeat' ? groupsOf(tree.body) : []
}

/** Both, in order, each once; so are they given. */
function union(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const all: number[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Infinity, b[j] ?? Infinity)
    if (a[i] === next) i++
    if (b[j] === next) j++
    all.push(next)
  }
  return all
}

const ASCII = 128
const [UNKNOWN, NO, YES] = [0, 1, 2]

/** Whether a character belongs to a set; ASCII's answers are kept. */
class SetTest {
  private readonly known = new Uint8Array(ASCII)
  private readonly expression: RegExp

  constructor(source: string, flags: string) {
    this.expression = new RegExp(`^(?:${source})$`, flags)
  }

  has(point: number): boolean {
    if (point >= ASCII) return this.expression.test(String.fromCodePoint(point))
    if (this.known[point] === UNKNOWN) {
      this.known[point] = this.expression.test(String.fromCharCode(point)) ? YES : NO
    }
    return this.known[point] === YES
  }
}

type Of<Kind extends Tree['kind']> = Extract<Tree, { kind: Kind }>

/** A pattern without back references over texts. */
export class LongestMatcher {
  private text = ''
  private readonly tree: Tree
  private readonly groupCount: number
  private readonly flags: string
  private readonly sets = new Map<Tree, SetTest>()
  private readonly places = new Map<Tree, RegExp>()

  /** `flags` of the runtime. */
  constructor(tree: Tree, groupCount: number, flags: string) {
    this.tree = tree
    this.groupCount = groupCount
    this.flags = flags
  }

  /** The match that begins at `start`, or null. */
  match(text: string, start: number): { end: number; groups: (Part | null)[] } | null {
    this.text = text
    const ends = this.reach(this.tree, [start])
    if (ends.length === 0) return null
    const end = preferenceOf(this.tree) === 'shortest' ? ends[0]! : ends.at(-1)!
    const groups = Array.from({ length: this.groupCount }, (): Part | null => null)
    if (this.groupCount > 0) this.dissect(this.tree, start, end, groups)
    return { end, groups }
  }

  /** Whether a match begins anywhere. */
  test(text: string): boolean {
    this.text = text
    const starts: number[] = []
    for (let at = 0; at <= text.length; at = this.after(at)) starts.push(at)
    return this.reach(this.tree, starts).length > 0
  }

  private after(at: number): number {
    return at + (this.text.codePointAt(at)! > 0xffff ? 2 : 1)
  }

  private setOf(tree: Of<'set'>): SetTest {
    let test = this.sets.get(tree)
    if (test === undefined) {
      test = new SetTest(tree.source, this.flags)
      this.sets.set(tree, test)
    }
    return test
  }

  private placeOf(tree: Of<'place'>): RegExp {
    let test = this.places.get(tree)
    if (test === undefined) {
      test = new RegExp(tree.source, `${this.flags}y`)
      this.places.set(tree, test)
    }
    return test
  }

  /** Ends in order, each once. */
  private reach(tree: Tree, starts: readonly number[]): readonly number[] {
    switch (tree.kind) {
      case 'set': {
        const { text } = this
        const test = this.setOf(tree)
        const isMatch = (at: number): boolean => at < text.length && test.has(text.codePointAt(at)!)
        return starts.filter(isMatch).map((at) => this.after(at))
      }
      case 'place': {
        const test = this.placeOf(tree)
        return starts.filter((at) => {
          test.lastIndex = at
          return test.test(this.text)
        })
      }
      case 'sequence':
        return this.reachParts(tree.parts, 0, starts)
      case 'choice':
        return tree.options.reduce<readonly number[]>(
          (ends, option) => union(ends, this.reach(option, starts)),
          [],
        )
      case 'group':
        return this.reach(tree.body, starts)
      case 'repeat':
        return this.reachTimes(tree.body, starts, tree.min, tree.max)
      default:
        return starts
    }
  }

  private reachParts(
    parts: readonly Tree[],
    from: number,
    starts: readonly number[],
  ): readonly number[] {
    let at = starts
    for (let index = from; index < parts.length && at.length > 0; index++) {
      at = this.reach(parts[index]!, at)
    }
    return at
  }

  private reachTimes(
    body: Tree,
    starts: readonly number[],
    min: number,
    max: number,
  ): readonly number[] {
    let current = starts
    for (let count = 0; count < min && current.length > 0; count++) {
      const next = this.reach(body, current)
      // Nothing is taken any more: so it goes on.
      if (next.length === current.length && next.every((end, index) => end === current[index]))
        break
      current = next
    }
    const all = new Set(current)
    for (let count = min; count < max && current.length > 0; count++) {
      current = this.reach(body, current).filter((end) => !all.has(end))
      for (const end of current) all.add(end)
    }
    return [...all].sort((a, b) => a - b)
  }

  /** Fills the groups of a node that matches from `start` to `end` for sure. */
  private dissect(tree: Tree, start: number, end: number, groups: (Part | null)[]): void {
    switch (tree.kind) {
      case 'sequence':
        return this.dissectParts(tree.parts, start, end, groups)
      case 'choice': {
        const option = tree.options.find((one) => this.reach(one, [start]).includes(end))
        return this.dissect(option!, start, end, groups)
      }
      case 'group':
        groups[tree.index - 1] = [start, end]
        return this.dissect(tree.body, start, end, groups)
      case 'repeat':
        return this.dissectTimes(tree, start, end, groups)
      default:
    }
  }

  /** Ends of a node in the order in which it wants them. */
  private wanted(tree: Tree, start: number): readonly number[] {
    const ends = this.reach(tree, [start])
    return preferenceOf(tree) === 'shortest' ? ends : ends.toReversed()
  }

  private dissectParts(
    parts: readonly Tree[],
    start: number,
    end: number,
    groups: (Part | null)[],
  ): void {
    let at = start
    for (const [index, part] of parts.entries()) {
      const canEnd = (one: number): boolean =>
        this.reachParts(parts, index + 1, [one]).includes(end)
      const middle = this.wanted(part, at).find(canEnd)
      this.dissect(part, at, middle!, groups)
      at = middle!
    }
  }

  /** Groups have what the last time gave them. */
  private dissectTimes(tree: Repeat, start: number, end: number, groups: (Part | null)[]): void {
    if (groupsOf(tree.body).length === 0) return
    if (tree.min > 0) this.dissectLast(tree, start, end, groups)
    else if (start < end) this.dissectEach(tree, start, end, groups)
    else if (this.reach(tree.body, [start]).includes(end)) {
      this.dissect(tree.body, start, end, groups)
    }
  }

  /** As PostgreSQL has it: `x{m,n}` is `x{m-1,n-1}x`, of which the first takes what it can. */
  private dissectLast(tree: Repeat, start: number, end: number, groups: (Part | null)[]): void {
    const { body, min, max } = tree
    const before = this.reachTimes(body, [start], min - 1, max - 1)
    const isShort = preferenceOf(tree) === 'shortest'
    const last = (isShort ? before : before.toReversed()).find((one) =>
      this.reach(body, [one]).includes(end),
    )
    this.dissect(body, last!, end, groups)
  }

  private dissectEach(tree: Repeat, start: number, end: number, groups: (Part | null)[]): void {
    const { body, max } = tree
    const inner = groupsOf(body)
    for (let [at, count] = [start, 0]; at < end; count++) {
      const most = max - count - 1
      const canEnd = (one: number): boolean =>
        one > at && this.reachTimes(body, [one], 0, most).includes(end)
      const next = this.wanted(body, at).find(canEnd)!
      for (const index of inner) groups[index - 1] = null
      this.dissect(body, at, next, groups)
      at = next
    }
  }
}
