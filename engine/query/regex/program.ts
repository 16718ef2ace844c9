// The tree of a regular expression → states of a nondeterministic automaton (Thompson, "Regular expression
// search algorithm", 1968). Code points that no set of the pattern tells apart are one *kind*, so a set
// is ranges of kinds, and a table of transitions is narrow.

import { OmenError } from '../../error.ts'
import type { Ranges } from './ranges.ts'
import type { RegexNode } from './syntax.ts'

/** Most states of a program. */
const STATES_MAX = 10_000

export const SET = 0
export const SPLIT = 1
export const START = 2
export const END = 3
export const MATCH = 4

export interface RegexProgram {
  /** SET, SPLIT, START, END or MATCH of each state. */
  readonly codes: readonly number[]
  /** The state behind, where there is one; of a split the first of two. */
  readonly next: readonly number[]
  /** The second state behind a split; of a set its number. */
  readonly other: readonly number[]
  /** Where it begins. */
  readonly entry: number
  /** Ranges of kinds of each set. */
  readonly sets: readonly Ranges[]
  /** First code point of each kind, ascending from 0. */
  readonly kinds: Uint32Array
}

/** Throws `limit_exceeded` beyond patternStates. */
export function compileRegex(tree: RegexNode, position: number): RegexProgram {
  const compiler = new Compiler(position)
  const entry = compiler.compile(tree, compiler.state(MATCH, -1, -1))
  const { codes, next, other, sets } = compiler
  const kinds = kindsOf(sets)
  const places = new Map(Array.from(kinds, (first, kind) => [first, kind]))
  const kindOf = (point: number): number => places.get(point) ?? kinds.length
  const ofKinds = sets.map((ranges): Ranges => {
    return ranges.map(([first, last]) => [kindOf(first), kindOf(last + 1) - 1])
  })
  return { codes, next, other, entry, sets: ofKinds, kinds }
}

/** Where sets begin and end. */
function kindsOf(sets: readonly Ranges[]): Uint32Array {
  const firsts = new Set([0])
  for (const ranges of sets) {
    for (const [first, last] of ranges) firsts.add(first).add(last + 1)
  }
  firsts.delete(0x110000)
  return Uint32Array.from(firsts).sort()
}

class Compiler {
  readonly codes: number[] = []
  readonly next: number[] = []
  readonly other: number[] = []
  readonly sets: Ranges[] = []
  private readonly numbers = new Map<string, number>()
  private readonly position: number

  constructor(position: number) {
    this.position = position
  }

  /** The first state of a tree that goes on with `next`. */
  compile(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.state(SET, next, this.setOf(node.ranges))
      case 'start':
        return this.state(START, next, -1)
      case 'end':
        return this.state(END, next, -1)
      case 'sequence':
        return node.items.reduceRight((behind, item) => this.compile(item, behind), next)
      case 'either':
        return node.items
          .map((item) => this.compile(item, next))
          .reduceRight((rest, first) => this.state(SPLIT, first, rest))
      default:
        return this.repeat(node, next)
    }
  }

  state(code: number, next: number, other: number): number {
    if (this.codes.length === STATES_MAX) {
      const message = `where: more than ${STATES_MAX} states of a regular expression (limit patternStates)`
      const details = { pointer: '/where', position: this.position, sqlstate: '54000' }
      throw new OmenError('limit_exceeded', message, details)
    }
    this.next.push(next)
    this.other.push(other)
    return this.codes.push(code) - 1
  }

  private repeat({ item, min, max }: Extract<RegexNode, { kind: 'repeat' }>, next: number): number {
    let entry = next
    if (max === null) {
      entry = this.state(SPLIT, -1, next)
      this.next[entry] = this.compile(item, entry)
    }
    for (let i = min; i < (max ?? 0); i++)
      entry = this.state(SPLIT, this.compile(item, entry), next)
    for (let i = 0; i < min; i++) entry = this.compile(item, entry)
    return entry
  }

  private setOf(ranges: Ranges): number {
    const text = ranges.join(';')
    const known = this.numbers.get(text)
    if (known !== undefined) return known
    const number = this.sets.push(ranges) - 1
    this.numbers.set(text, number)
    return number
  }
}
