// Which times of a table changed last, so that two answers can be known to be the same without running
// a query: each change gets the next number, and a table keeps spans of time that do not overlap, each
// with the number of the last change that touched it. What cannot be told apart counts as changed: the
// number of a range may rise without a change, but never stays when there was one.

import { TIME_MAX, TIME_MIN } from './calendar.ts'

/** Times from `start` to `end`, both inclusive. */
interface Span {
  readonly start: bigint
  readonly end: bigint
  readonly number: number
}

/** Spans of a table; of more, the older half is joined in pairs. */
export const SPANS_MAX = 1_024

export class Changes {
  private readonly random: (target: Uint8Array) => void
  private name: string | null = null
  private last = 0
  /** By table, ascending and disjoint. */
  private readonly spans = new Map<number, Span[]>()

  /** `random` fills its target with random bytes. */
  constructor(random: (target: Uint8Array) => void) {
    this.random = random
  }

  /** Of this start of the database: numbers of another one say nothing. */
  get nonce(): string {
    if (this.name === null) {
      const words = new Uint32Array(2)
      this.random(new Uint8Array(words.buffer))
      this.name = [...words].map((word) => word.toString(36)).join('')
    }
    return this.name
  }

  /** The number of the last change of any table. */
  get count(): number {
    return this.last
  }

  /** Points of a table with times from `start` to `end`, both inclusive, are not what they were. */
  note(table: number, start: bigint, end: bigint): void {
    const span = { start, end, number: ++this.last }
    const spans = this.spans.get(table)
    if (spans === undefined) {
      this.spans.set(table, [span])
      return
    }
    const newest = spans.at(-1)!
    if (start > newest.end) spans.push(span)
    else insert(spans, span)
    if (spans.length > SPANS_MAX) joinPairs(spans)
  }

  /** Anything of a table may not be what it was. */
  noteTable(table: number): void {
    this.last++
    this.spans.set(table, [{ start: TIME_MIN, end: TIME_MAX, number: this.last }])
  }

  /** The number of the last change of a table in [start, end); 0 = there was none since the start. */
  numberOf(table: number, start: bigint, end: bigint): number {
    const spans = this.spans.get(table) ?? []
    let number = 0
    for (let i = firstFrom(spans, start); i < spans.length && spans[i]!.start < end; i++) {
      number = Math.max(number, spans[i]!.number)
    }
    return number
  }
}

/** Index of the first span that does not end before a time. */
function firstFrom(spans: readonly Span[], time: bigint): number {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (spans[middle]!.end < time) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts a span in place of what it covers of others. */
function insert(spans: Span[], span: Span): void {
  const from = firstFrom(spans, span.start)
  let to = from
  while (to < spans.length && spans[to]!.start <= span.end) to++
  const pieces = [span]
  const first = spans[from]
  const last = spans[to - 1]
  if (to > from && first!.start < span.start) pieces.unshift({ ...first!, end: span.start - 1n })
  if (to > from && last!.end > span.end) pieces.push({ ...last!, start: span.end + 1n })
  spans.splice(from, to - from, ...pieces)
}

/** Joins neighbours of the older half, which makes the gap between them count as changed, too. */
function joinPairs(spans: Span[]): void {
  const joined: Span[] = []
  for (let i = 0; i < spans.length >>> 1; i += 2) {
    const [a, b] = [spans[i]!, spans[i + 1]!]
    joined.push({ start: a.start, end: b.end, number: Math.max(a.number, b.number) })
  }
  spans.splice(0, joined.length * 2, ...joined)
}
