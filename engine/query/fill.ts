// Filling: every bucket of the grid for each group, and values for the cells that have none. `previous`
// carries the last known value, `linear` joins two known ones; both stop at `maxGap`, and see one
// value from before `start` if `lookback` brought it. Rules: docs/internals.md, "Query language".

import { type BucketRule, bucketBoundaries, bucketCount } from '../buckets.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { limitExceeded } from './budget.ts'
import { OmenError } from '../error.ts'
import type { MovingAverages } from './moving-average.ts'
import { GROUP_CELLS, Pace } from './pace.ts'
import type { AggregateRows } from './partial.ts'
import type { Fill, Query, ValueType, Vector } from './query.ts'
import type { Output } from './selection.ts'
import type { Execution } from '../step.ts'
import { emptyVector } from './vector.ts'

/** The rows of one group, ascending in time. */
export interface GroupRows {
  readonly group: number
  readonly time: BigInt64Array
  readonly fields: Vector[]
}

/** A value of one column from before `start`: the start of its bucket, and where it stands. */
export interface KnownValue {
  readonly time: bigint
  readonly vector: Vector
  readonly row: number
}

/** By group, then by output; null = there is none. */
export type KnownValues = ReadonlyMap<number, readonly (KnownValue | null)[]>

/** Starts of all buckets of the answer. Throws `limit_exceeded` if groups × buckets pass maxBuckets. */
export function* fillGrid(
  query: Query,
  rule: BucketRule,
  rows: AggregateRows,
): Execution<BigInt64Array> {
  let first = TIME_MAX
  let last = TIME_MIN
  let groups = 0
  yield* new Pace().over(rows.groups.length, (from, to) => {
    for (let row = from; row < to; row++) {
      const bucket = rows.buckets[row]!
      if (bucket < first) first = bucket
      if (bucket > last) last = bucket
      if (row === 0 || rows.groups[row] !== rows.groups[row - 1]) groups++
    }
  })
  const start = query.start ?? first
  // A bucket may be named before `start`, which lies in it.
  const end = query.end ?? (last > start ? last : start) + 1n
  const { maxBuckets } = query.limits
  const count = bucketCount(rule, start, end)
  if (count * BigInt(groups) > BigInt(Math.min(maxBuckets, Number.MAX_SAFE_INTEGER))) {
    throw limitExceeded('maxBuckets', maxBuckets, `buckets would be filled, ${count} in each group`)
  }
  const boundaries = yield* bucketBoundaries(rule, start, end)
  return boundaries.slice(0, -1)
}

/** Throws `bad_request` for a number that one of the integer columns cannot hold. */
export function checkFillValue({ kind, value }: Fill, outputs: readonly Output[]): void {
  if (kind !== 'value') return
  for (const { name, type } of outputs) {
    if (type === 'integer' || type === 'unsigned') integerFill(name, type, value)
  }
}

/** What is filled, and how. */
export interface FilledOutputs {
  readonly outputs: readonly Output[]
  readonly fill: Fill
  readonly moving: MovingAverages | null
}

/**
 * Spreads the rows of each group over `grid` (ascending bucket starts, all buckets of the rows among
 * them) and fills the cells without a value. `known` is from lookback.
 */
export function* fillGroups(
  rows: AggregateRows,
  grid: BigInt64Array,
  { outputs, fill, moving }: FilledOutputs,
  known: KnownValues,
): Execution<GroupRows[]> {
  const filled: GroupRows[] = []
  const pace = new Pace()
  for (let from = 0; from < rows.groups.length;) {
    const group = rows.groups[from]!
    let to = from + 1
    while (to < rows.groups.length && rows.groups[to] === group) to++
    const places = yield* placesOf(rows.buckets.subarray(from, to), grid, pace)
    const fields: Vector[] = []
    for (const [i, output] of outputs.entries()) {
      // Moving averages reach into buckets without points.
      const spread =
        output.result === 'movingAverage' && moving !== null
          ? yield* moving.cells(i, group, grid, pace)
          : yield* spreadVector(output.type, rows.fields[i]!, [from, places], grid, pace)
      yield* fillVector(output, spread, { grid, fill, pace }, known.get(group)?.[i] ?? null)
      fields.push({ ...spread, valid: spread.valid.includes(0) ? spread.valid : null })
    }
    filled.push({ group, time: grid, fields })
    yield* pace.after(GROUP_CELLS)
    from = to
  }
  return filled
}

/** A vector whose validity is always there. */
interface Cells {
  readonly values: Vector['values']
  readonly valid: Uint8Array
}

/** How a vector is filled. */
interface Filling {
  readonly grid: BigInt64Array
  readonly fill: Fill
  readonly pace: Pace
}

/** Index in the grid of each bucket; both ascend. */
function* placesOf(
  buckets: BigInt64Array,
  grid: BigInt64Array,
  pace: Pace,
): Execution<Uint32Array> {
  const places = new Uint32Array(buckets.length)
  let next = 0
  // Not over the buckets, between which any number of places may lie.
  yield* pace.over(grid.length, (from, to) => {
    for (let place = from; place < to && next < buckets.length; place++) {
      if (grid[place] === buckets[next]) places[next++] = place
    }
  })
  return places
}

function* spreadVector(
  type: ValueType,
  source: Vector,
  [first, places]: readonly [number, Uint32Array],
  grid: BigInt64Array,
  pace: Pace,
): Execution<Cells> {
  const { values } = emptyVector(type, grid.length)
  const valid = new Uint8Array(grid.length)
  yield* pace.over(places.length, (from, to) => {
    for (let i = from; i < to; i++) {
      if (source.valid !== null && source.valid[first + i] === 0) continue
      const place = places[i]!
      values[place] = source.values[first + i]!
      valid[place] = 1
    }
  })
  return { values, valid }
}

function* fillVector(
  output: Output,
  cells: Cells,
  filling: Filling,
  known: KnownValue | null,
): Execution<void> {
  const { kind, value } = filling.fill
  if (kind === 'value') yield* fillValue(output, cells, value, filling.pace)
  else if (kind === 'previous') yield* fillPrevious(cells, filling, known)
  else if (kind === 'linear') yield* fillLinear(output.type, cells, filling, known)
}

function* fillValue(
  { name, type }: Output,
  { values, valid }: Cells,
  value: number,
  pace: Pace,
): Execution<void> {
  if (type === 'string' || type === 'boolean') return
  const slot = type === 'float' ? value : integerFill(name, type, value)
  yield* pace.over(valid.length, (from, to) => {
    for (let i = from; i < to; i++) {
      if (valid[i] === 1) continue
      values[i] = slot
      valid[i] = 1
    }
  })
}

/** A number to fill an integer column with must be one. */
function integerFill(name: string, type: ValueType, value: number): bigint {
  const isInside = type === 'unsigned' ? value >= 0 && value < 2 ** 64 : Math.abs(value) < 2 ** 63
  if (Number.isInteger(value) && isInside) return BigInt(value)
  const message = `fill: ${value} is not ${type === 'integer' ? 'an' : 'a'} ${type} value, which ${name} has`
  throw new OmenError('bad_request', message, { pointer: '/fill' })
}

/** Carries values to buckets that start at most `maxGap` after the value's own bucket. */
function* fillPrevious(
  { values, valid }: Cells,
  { grid, fill: { maxGap }, pace }: Filling,
  known: KnownValue | null,
): Execution<void> {
  let value = known === null ? null : known.vector.values[known.row]!
  let time = known?.time ?? 0n
  yield* pace.over(valid.length, (from, to) => {
    for (let i = from; i < to; i++) {
      if (valid[i] === 1) {
        value = values[i]!
        time = grid[i]!
      } else if (value !== null && (maxGap === null || grid[i]! - time <= maxGap)) {
        values[i] = value
        valid[i] = 1
      }
    }
  })
}

/** Joins neighbouring values whose buckets start at most `maxGap` apart. */
function* fillLinear(
  type: ValueType,
  { values, valid }: Cells,
  { grid, fill: { maxGap }, pace }: Filling,
  known: KnownValue | null,
): Execution<void> {
  if (type === 'string' || type === 'boolean') return
  let left = known === null ? null : { time: known.time, value: known.vector.values[known.row]! }
  let open = 0
  for (let i = 0; i < valid.length; i++) {
    yield* pace.after(1)
    if (valid[i] === 0) continue
    const right = { time: grid[i]!, value: values[i]! }
    if (left !== null && (maxGap === null || right.time - left.time <= maxGap)) {
      for (let j = open; j < i; j++) {
        values[j] = interpolate(left, right, grid[j]!)
        valid[j] = 1
        yield* pace.after(4)
      }
    }
    left = right
    open = i + 1
  }
}

interface Known {
  readonly time: bigint
  readonly value: number | bigint | string
}

/** The value at `time` on the line between two; integers rounded to the nearest, halves up. */
function interpolate(left: Known, right: Known, time: bigint): number | bigint {
  const width = right.time - left.time
  const offset = time - left.time
  if (typeof left.value === 'bigint') {
    const sum = left.value * (width - offset) + (right.value as bigint) * offset
    const doubled = 2n * sum + width
    const quotient = doubled / (2n * width)
    return doubled % (2n * width) < 0n ? quotient - 1n : quotient
  }
  const from = left.value as number
  return from + ((right.value as number) - from) * (Number(offset) / Number(width))
}
