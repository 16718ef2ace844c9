// Runs a program over UTF-8 text. Sets of states that were met are kept as states of a deterministic
// automaton with the transitions that were asked for (as RE2 does), so a character mostly costs one look
// into a table. A transition that is not known costs at most the size of the program; when there are too
// many, all are forgotten. So time is linear in the text, whatever the pattern.

import { OmenError } from '../../error.ts'
import { END, MATCH, SET, SPLIT, START, type RegexProgram, compileRegex } from './program.ts'
import { parseRegex } from './syntax.ts'

/** States looked at for transitions that were not known, over a matcher's life. */
const STEPS_MAX = 10_000_000
/** Cells of the table of transitions, but it has some states at least. */
const CELLS_MAX = 65_536
const KEPT_MIN = 16
const KEPT_MAX = 8_192

/** Transitions: not known yet, to nowhere, to a match; above are states. */
const UNKNOWN = 0
const NOWHERE = 1
const MATCHED = 2
const FIRST = 3

const encoder = new TextEncoder()

/** A regular expression that looks for a match anywhere in a text. */
export class RegexMatcher {
  private readonly program: RegexProgram
  private readonly position: number
  /** Kinds of the ASCII characters. */
  private readonly ascii: Uint16Array
  private readonly table: Uint16Array
  private readonly kept: number
  /** Of each state that is kept: states of the program, and does it match at the end of the text? */
  private members: Uint16Array[] = []
  private atEnd: boolean[] = []
  private readonly numbers = new Map<string, number>()
  /** Marks states of the program that were reached in this step. */
  private readonly seen: Uint32Array
  private step = 0
  private readonly open: number[] = []
  private steps = 0
  /** What a text begins with: a state, or MATCHED. No other set of states shares its number. */
  private first = FIRST

  /** Throws as parseRegex and compileRegex do. */
  constructor(pattern: string, insensitive: boolean, position = 1) {
    this.position = position
    this.program = compileRegex(parseRegex(pattern, insensitive, position), position)
    const { kinds, codes } = this.program
    this.ascii = Uint16Array.from({ length: 128 }, (_, point) => kindOf(kinds, point))
    const wanted = Math.floor(CELLS_MAX / kinds.length)
    this.kept = Math.min(KEPT_MAX, Math.max(KEPT_MIN, wanted))
    this.table = new Uint16Array((this.kept + FIRST) * kinds.length)
    this.seen = new Uint32Array(codes.length)
    this.begin()
  }

  /** Does the text have a match? Throws `limit_exceeded` beyond patternSteps. */
  test(text: string): boolean {
    const bytes = encoder.encode(text)
    return this.matches(bytes, 0, bytes.length)
  }

  /** The same of the bytes [from, to), which are UTF-8. */
  matches(bytes: Uint8Array, from: number, to: number): boolean {
    const { ascii, table, program } = this
    const width = program.kinds.length
    let state = FIRST
    let next = this.first
    for (let at = from; next > MATCHED && at < to;) {
      state = next
      const byte = bytes[at]!
      let kind: number
      if (byte < 128) {
        kind = ascii[byte]!
        at++
      } else {
        const size = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
        kind = kindOf(program.kinds, codePointOf(bytes, at, size))
        at += size
      }
      next = table[state * width + kind]!
      if (next === UNKNOWN) next = this.follow(state, kind)
    }
    return next === MATCHED || (next >= FIRST && this.atEnd[next]!)
  }

  private begin(): void {
    this.table.fill(UNKNOWN)
    this.numbers.clear()
    this.members = Array.from({ length: FIRST }, () => new Uint16Array(0))
    this.atEnd = Array.from({ length: FIRST }, () => false)
    this.step++
    const found: number[] = []
    const isMatch = this.reach(this.program.entry, found, true)
    this.first = isMatch ? MATCHED : this.keep(new Uint16Array(found), true)
  }

  /** Where a character of a kind leads from a state. */
  private follow(state: number, kind: number): number {
    const { program, members } = this
    const found: number[] = []
    let isMatch = false
    this.step++
    const from = members[state]!
    for (let i = 0; i < from.length && !isMatch; i++) {
      const member = from[i]!
      if (program.codes[member] !== SET) continue
      if (!hasKind(program.sets[program.other[member]!]!, kind)) continue
      isMatch = this.reach(program.next[member]!, found, false)
    }
    // Or the match begins behind this character.
    if (!isMatch) isMatch = this.reach(program.entry, found, false)
    this.spend(from.length)
    const cell = state * program.kinds.length + kind
    if (isMatch) return (this.table[cell] = MATCHED)
    if (found.length === 0) return (this.table[cell] = NOWHERE)
    const reached = new Uint16Array(found).sort()
    const key = keyOf(reached)
    const known = this.numbers.get(key)
    if (known !== undefined) return (this.table[cell] = known)
    const isFull = this.members.length === this.kept + FIRST
    if (isFull) this.begin()
    const next = this.keep(reached, false)
    this.numbers.set(key, next)
    if (!isFull) this.table[cell] = next
    return next
  }

  /** Adds what is reached from a state without a character to `found`; true: a match is. */
  private reach(from: number, found: number[], isStart: boolean, isEnd = false): boolean {
    const { codes, next, other } = this.program
    const { open } = this
    open.length = 0
    open.push(from)
    let count = 0
    while (open.length > 0) {
      const state = open.pop()!
      if (this.seen[state] === this.step) continue
      this.seen[state] = this.step
      count++
      const code = codes[state]!
      if (code === MATCH) return true
      if (code === SPLIT) open.push(other[state]!, next[state]!)
      else if (code === START) {
        if (isStart) open.push(next[state]!)
      } else if (code === END && isEnd) open.push(next[state]!)
      else found.push(state)
    }
    this.spend(count)
    return false
  }

  /** Keeps a set of states: its number. */
  private keep(members: Uint16Array, isStart: boolean): number {
    const number = this.members.push(members) - 1
    this.step++
    this.atEnd.push(
      members.some((member) => {
        const isAnchor = this.program.codes[member] === END
        return isAnchor && this.reach(this.program.next[member]!, [], isStart, true)
      }),
    )
    return number
  }

  private spend(steps: number): void {
    this.steps += steps
    if (this.steps <= STEPS_MAX) return
    const message = `where: more than ${STEPS_MAX} steps of a regular expression (limit patternSteps)`
    const details = { pointer: '/where', position: this.position, sqlstate: '54000' }
    throw new OmenError('limit_exceeded', message, details)
  }
}

function keyOf(members: Uint16Array): string {
  let key = ''
  for (let at = 0; at < members.length; at += 4_096) {
    key += String.fromCharCode(...members.subarray(at, at + 4_096))
  }
  return key
}

function hasKind(ranges: readonly (readonly [number, number])[], kind: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]![1] < kind) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]![0] <= kind
}

/** The last kind that begins at or before a code point. */
function kindOf(kinds: Uint32Array, point: number): number {
  let low = 0
  let high = kinds.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (kinds[middle]! <= point) low = middle
    else high = middle
  }
  return low
}

function codePointOf(bytes: Uint8Array, at: number, size: number): number {
  let point = bytes[at]! & (0xff >> (size + 1))
  for (let i = 1; i < size; i++) point = (point << 6) | (bytes[at + i]! & 0x3f)
  return point
}
