// moving_average(x,n): the mean of all points of a group in the n buckets that end with one. Buckets
// bring counts and exact sums, also those of the n - 1 buckets before `start`; here sums of n of
// them slide over time. They are only ever added (two stacks make a queue), so floats lose no digits
// to what has left, and an infinity leaves with its bucket.

import { type BucketRule, bucketBoundaries, bucketStart, bucketWidth } from '../buckets.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { fieldTypeName } from '../field.ts'
import { Pace } from './pace.ts'
import type { AggregateRows } from './partial.ts'
import type { Plan } from './plan.ts'
import type { Vector } from './query.ts'
import type { Output } from './selection.ts'
import type { Execution } from '../step.ts'

/** Buckets of a calendar that are counted back between two pauses. */
const STEP_BUCKETS = 64

type Averaged = Output & { readonly parameter: number }

function isMoving(output: Output): output is Averaged {
  return output.result === 'movingAverage'
}

/** The n of the longest moving average; 0: there is none. */
export function longestMoving(outputs: readonly Output[]): number {
  return Math.max(0, ...outputs.filter(isMoving).map(({ parameter }) => parameter))
}

/** What buckets must bring: the other outputs, then what moving averages are worked out from. */
export interface MovingParts {
  readonly others: readonly Output[]
  /** By field: count, sum, and (but for floats) the upper half of the sum. */
  readonly parts: readonly Output[]
  /** Where in `parts` those of a field begin. */
  readonly places: ReadonlyMap<number, number>
}

/** Takes outputs apart. */
export function movingParts({ outputs, fields }: Pick<Plan, 'outputs' | 'fields'>): MovingParts {
  const parts: Output[] = []
  const places = new Map<number, number>()
  for (const { field } of outputs.filter(isMoving)) {
    if (places.has(field)) continue
    places.set(field, parts.length)
    const isFloat = fieldTypeName(fields[field]!.type) === 'float'
    const name = `~${field}`
    parts.push({ name, type: 'integer', field, result: 'count' })
    parts.push({ name, type: isFloat ? 'float' : 'integer', field, result: 'sumLow' })
    if (!isFloat) parts.push({ name, type: 'integer', field, result: 'sumHigh' })
  }
  return { others: outputs.filter((output) => !isMoving(output)), parts, places }
}

/**
 * Start of the bucket that lies `count` before that of `time`, TIME_MIN at least. Counts one by one
 * where a clock may have left some out.
 */
export function* bucketsBefore(rule: BucketRule, time: bigint, count: number): Execution<bigint> {
  let start = bucketStart(rule, time)
  const width = bucketWidth(rule)
  if (width !== null) {
    start -= BigInt(count) * width
    return start < TIME_MIN ? TIME_MIN : start
  }
  for (let i = 0; i < count && start > TIME_MIN; i++) {
    start = bucketStart(rule, start - 1n)
    if (i % STEP_BUCKETS === STEP_BUCKETS - 1) yield { pause: true }
  }
  return start
}

/** Counts and sums of one field in the buckets of one group, ascending; a bucket may be there twice. */
interface Entries {
  readonly buckets: bigint[]
  readonly counts: number[]
  readonly sums: (number | bigint)[]
}

/** The moving averages of an answer's groups. */
export class MovingAverages {
  private readonly rule: BucketRule
  private readonly outputs: readonly Output[]
  private readonly parts: MovingParts
  /** Rows before `start`, if any, then those in the range: their last fields are the parts. */
  private readonly sources: readonly AggregateRows[]
  /** By group, the rows of each source; null until it is asked for. */
  private ranges: Map<number, [number, number]>[] | null = null
  /** Starts of all buckets where they are not all alike. */
  private boundaries: BigInt64Array | null = null

  constructor(
    rule: BucketRule,
    { outputs }: Pick<Plan, 'outputs'>,
    parts: MovingParts,
    sources: readonly AggregateRows[],
  ) {
    this.rule = rule
    this.outputs = outputs
    this.parts = parts
    this.sources = sources
  }

  /** The rows of the range with the fields of all outputs. */
  *rows(): Execution<AggregateRows> {
    const rows = this.sources.at(-1)!
    const pace = new Pace()
    const found = this.outputs.map((output) => (isMoving(output) ? vectorOf(rows.groups) : null))
    for (let from = 0; from < rows.groups.length;) {
      const group = rows.groups[from]!
      let to = from + 1
      while (to < rows.groups.length && rows.groups[to] === group) to++
      for (const [i, vector] of found.entries()) {
        if (vector === null) continue
        const cells = yield* this.cells(i, group, rows.buckets.subarray(from, to), pace)
        ;(vector.values as Float64Array).set(cells.values as Float64Array, from)
        vector.valid!.set(cells.valid!, from)
      }
      from = to
    }
    let other = 0
    return { ...rows, fields: found.map((vector) => vector ?? rows.fields[other++]!) }
  }

  /** The averages of an output in ascending buckets of a group. */
  *cells(index: number, group: number, buckets: BigInt64Array, pace: Pace): Execution<Cells> {
    const output = this.outputs[index] as Averaged
    const entries = yield* this.entries(output, group, pace)
    const firsts = yield* this.firstBuckets(buckets, output.parameter)
    const cells = vectorOf(buckets)
    const sum = new SlidingSum(entries)
    yield* pace.over(buckets.length, (from, to) => {
      for (let i = from; i < to; i++) {
        const mean = sum.mean(firsts(buckets[i]!), buckets[i]!)
        if (mean === null) continue
        cells.values[i] = mean
        cells.valid[i] = 1
      }
    })
    return cells
  }

  private *entries({ field }: Output, group: number, pace: Pace): Execution<Entries> {
    this.ranges ??= yield* rangesOf(this.sources, pace)
    const entries: Entries = { buckets: [], counts: [], sums: [] }
    const { others, places } = this.parts
    for (const [i, { buckets, fields }] of this.sources.entries()) {
      const range = this.ranges[i]!.get(group)
      if (range === undefined) continue
      // Sources from before `start` have the parts alone.
      const isLast = i === this.sources.length - 1
      const at = places.get(field)! + (isLast ? others.length : 0)
      const [counts, sums, uppers] = [fields[at]!, fields[at + 1]!, fields[at + 2]]
      yield* pace.over(range[1] - range[0], (from, to) => {
        for (let row = range[0] + from; row < range[0] + to; row++) {
          const count = Number(counts.values[row])
          if (count === 0) continue
          entries.buckets.push(buckets[row]!)
          entries.counts.push(count)
          entries.sums.push(sumOf(sums, uppers, row))
        }
      })
    }
    return entries
  }

  /** The start of the first of the n buckets that end with one. */
  private *firstBuckets(buckets: BigInt64Array, n: number): Execution<(bucket: bigint) => bigint> {
    const width = bucketWidth(this.rule)
    if (width !== null) return (bucket) => bucket - BigInt(n - 1) * width
    const known = this.boundaries
    const isKnown = known !== null && known[0]! <= buckets[0]! && known.at(-1)! > buckets.at(-1)!
    const all = isKnown ? known : yield* this.allBoundaries(buckets)
    this.boundaries = all
    let at = 0
    return (bucket) => {
      while (at < all.length && all[at]! < bucket) at++
      return all[Math.max(0, at - n + 1)]!
    }
  }

  private *allBoundaries(buckets: BigInt64Array): Execution<BigInt64Array> {
    let first = TIME_MAX
    let last = TIME_MIN
    for (const some of [...this.sources.map((source) => source.buckets), buckets]) {
      for (const bucket of some) {
        if (bucket < first) first = bucket
        if (bucket > last) last = bucket
      }
    }
    return yield* bucketBoundaries(this.rule, first, last + 1n)
  }
}

interface Cells {
  readonly values: Float64Array
  readonly valid: Uint8Array
}

function vectorOf({ length }: { readonly length: number }): Cells & Vector {
  return { values: new Float64Array(length), valid: new Uint8Array(length) }
}

function sumOf(sums: Vector, uppers: Vector | undefined, row: number): number | bigint {
  const low = sums.values[row]!
  if (typeof low !== 'bigint') return low as number
  return ((uppers!.values[row] as bigint) << 64n) + BigInt.asUintN(64, low)
}

/** Rows [from, to) of each group in each of the sources. */
function* rangesOf(
  sources: readonly AggregateRows[],
  pace: Pace,
): Execution<Map<number, [number, number]>[]> {
  const found: Map<number, [number, number]>[] = []
  for (const { groups } of sources) {
    const ranges = new Map<number, [number, number]>()
    yield* pace.over(groups.length, (from, to) => {
      for (let row = from; row < to; row++) {
        const range = ranges.get(groups[row]!)
        if (range === undefined) ranges.set(groups[row]!, [row, row + 1])
        else range[1] = row + 1
      }
    })
    found.push(ranges)
  }
  return found
}

/** Sums of the entries of a window that moves on. */
class SlidingSum {
  private readonly entries: Entries
  /** The window is [from, to); of its entries before `turned`, `left[i]` is the sum from i on. */
  private from = 0
  private to = 0
  private turned = 0
  private left: { count: number; sum: number | bigint }[] = []
  private count = 0
  private sum: number | bigint | null = null

  constructor(entries: Entries) {
    this.entries = entries
  }

  /** The mean of the buckets from `first` to `last`, neither of which is less than before. */
  mean(first: bigint, last: bigint): number | null {
    const { buckets, counts, sums } = this.entries
    while (this.to < buckets.length && buckets[this.to]! <= last) {
      this.count += counts[this.to]!
      this.sum = add(this.sum, sums[this.to]!)
      this.to++
    }
    while (this.from < this.to && buckets[this.from]! < first) {
      this.from++
      if (this.from > this.turned) this.turn()
    }
    if (this.from === this.to) return null
    const held = this.from < this.turned ? this.left[this.turned - 1 - this.from]! : null
    if (held === null) return divide(this.sum!, this.count)
    return divide(add(this.sum, held.sum), this.count + held.count)
  }

  /** All of the window becomes its left part. */
  private turn(): void {
    const { counts, sums } = this.entries
    this.left = []
    let count = 0
    let sum: number | bigint | null = null
    for (let i = this.to - 1; i >= this.from; i--) {
      count += counts[i]!
      sum = add(sum, sums[i]!)
      this.left.push({ count, sum })
    }
    this.turned = this.to
    this.count = 0
    this.sum = null
  }
}

function add(a: number | bigint | null, b: number | bigint): number | bigint {
  if (a === null) return b
  return typeof a === 'bigint' ? a + (b as bigint) : a + (b as number)
}

/** Exact integers are divided before they are rounded. */
function divide(sum: number | bigint, count: number): number {
  if (typeof sum === 'number') return sum / count
  const whole = sum / BigInt(count)
  return Number(whole) + Number(sum - whole * BigInt(count)) / count
}
