// Frames of windows: which rows of the partition, in its order, a row's call is about.
// Source: PostgreSQL 15, its manual, section 4.2.8; src/backend/executor/nodeWindowAgg.c.

import type { SqlVector } from '../batch.ts'
import { comparatorOf } from '../compare.ts'
import { Decimal } from '../decimal.ts'
import type { Surroundings } from '../function.ts'
import { functionTable } from '../functions/table.ts'
import { SqlError } from '../sql-error.ts'
import type { Frame, FrameBound, SortKey } from '../tree.ts'
import type { DataType } from '../type.ts'
import { Interval } from '../value.ts'
import { spread, valueAt } from './vector.ts'

/** Rows of a partition in order; `peers[i]` is the first of those that ORDER BY takes for equal. */
export interface Partition {
  /** Rows of the input. */
  readonly rows: Uint32Array
  /** By place: where its peers begin, where they end, and their number from 0. */
  readonly peerStart: Uint32Array
  readonly peerEnd: Uint32Array
  readonly group: Uint32Array
}

/** Places from `start` to `end` of a partition. */
export type Span = readonly [start: number, end: number]

/** The bounds of each place's frame, before EXCLUDE. */
export type FrameOf = (partition: Partition, place: number) => Span

/** A bound's offset: of ROWS and GROUPS a count, of RANGE the key that it leads to, by input row. */
export interface Offsets {
  readonly start: number | SqlVector | null
  readonly end: number | SqlVector | null
}

/** Throws 22013 for an offset that is null or negative. */
export function checkedCount(value: unknown, which: 'starting' | 'ending'): number {
  if (value === null) throw new SqlError('22004', `frame ${which} offset must not be null`)
  const count = Number(value)
  if (count < 0) throw new SqlError('22013', `frame ${which} offset must not be negative`)
  return count
}

interface Reach {
  readonly type: DataType
  readonly value: unknown
  /** The same as a vector of one row. */
  readonly vector: SqlVector
}

/** The keys at the distance of an offset from each row's own. Throws 22013 for a negative one. */
export function reachedKeys(
  key: SqlVector,
  { expression, isDescending }: SortKey,
  bound: FrameBound,
  offset: Reach,
  rowCount: number,
  surroundings: Surroundings,
): SqlVector {
  const { type } = expression
  const isUp = (bound.kind === 'following') !== isDescending
  if (isNegative(offset.value)) {
    throw new SqlError('22013', 'invalid preceding or following size in window function')
  }
  if (type.layout === 'number' && offset.type.name !== 'interval') {
    const distance = Number(offset.value) * (isUp ? 1 : -1)
    return { values: (key.values as Float64Array).map((one) => one + distance), valid: key.valid }
  }
  if (type.name === 'int8') {
    const distance = (offset.value as bigint) * (isUp ? 1n : -1n)
    const values = (key.values as BigInt64Array).map((one) => clampInteger(one + distance))
    return { values, valid: key.valid }
  }
  const overload = addition(isUp ? '+' : '-', type, offset.type)
  const types = { arguments: [type, offset.type], result: type }
  const vectors = [key, spread(offset.vector, rowCount)]
  return overload.evaluate(vectors, rowCount, key.valid, surroundings, types)
}

function isNegative(value: unknown): boolean {
  if (value instanceof Interval) return value.span < 0n
  if (value instanceof Decimal) return value.compare(Decimal.of(0)) < 0
  return Number(value) < 0
}

const [INTEGER_MIN, INTEGER_MAX] = [-(2n ** 63n), 2n ** 63n - 1n]
const clampInteger = (value: bigint): bigint =>
  value < INTEGER_MIN ? INTEGER_MIN : value > INTEGER_MAX ? INTEGER_MAX : value

function addition(symbol: string, key: DataType, offset: DataType) {
  const found = functionTable
    .operators(symbol)
    .find(({ arguments: [one, two] }) => one?.name === key.name && two?.name === offset.name)
  if (found !== undefined && found.result === key) return found
  throw new SqlError('0A000', `RANGE with an offset over ${key.title} is not supported`)
}

/** How frames of a call are found. `keys` are those of ORDER BY, for RANGE with offsets. */
export function frameFinder(
  frame: Frame,
  offsets: Offsets,
  key: { readonly vector: SqlVector; readonly sort: SortKey } | null,
): FrameOf {
  const start = edgeFinder(frame, frame.start, offsets.start, key, true)
  const end = edgeFinder(frame, frame.end, offsets.end, key, false)
  return (partition, place) => {
    const [from, to] = [start(partition, place), end(partition, place)]
    return [from, Math.max(from, to)]
  }
}

type Edge = (partition: Partition, place: number) => number

function edgeFinder(
  { unit }: Frame,
  bound: FrameBound,
  offset: number | SqlVector | null,
  key: { readonly vector: SqlVector; readonly sort: SortKey } | null,
  isStart: boolean,
): Edge {
  if (bound.kind === 'unboundedPreceding') return () => 0
  if (bound.kind === 'unboundedFollowing') return ({ rows }) => rows.length
  if (bound.kind === 'currentRow') {
    if (unit === 'rows') return (_, place) => (isStart ? place : place + 1)
    return ({ peerStart, peerEnd }, place) => (isStart ? peerStart[place]! : peerEnd[place]!)
  }
  const sign = bound.kind === 'preceding' ? -1 : 1
  if (unit === 'range') return rangeEdge(offset as SqlVector, key!, isStart)
  const count = sign * (offset as number)
  if (unit === 'rows') {
    return ({ rows }, place) => clamp(place + count + (isStart ? 0 : 1), rows.length)
  }
  return (partition, place) => groupEdge(partition, partition.group[place]! + count, isStart)
}

const clamp = (place: number, length: number): number => Math.min(Math.max(place, 0), length)

/** Where a group of peers begins or ends; beyond the partition its ends. */
function groupEdge({ rows, group }: Partition, wanted: number, isStart: boolean): number {
  return lowerPlace(rows.length, (place) => group[place]! >= (isStart ? wanted : wanted + 1))
}

/** The first place of which `isReached`, which is false and then true. */
function lowerPlace(length: number, isReached: (place: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isReached(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Nulls reach their peers alone. */
function rangeEdge(
  reached: SqlVector,
  { vector, sort }: { readonly vector: SqlVector; readonly sort: SortKey },
  isStart: boolean,
): Edge {
  const { type } = sort.expression
  const compare = comparatorOf(type)
  return ({ rows, peerStart, peerEnd }, place) => {
    const wanted = valueAt(reached, type, rows[place]!)
    if (wanted === null) return isStart ? peerStart[place]! : peerEnd[place]!
    return lowerPlace(rows.length, (other) => {
      const value = valueAt(vector, type, rows[other]!)
      // Nulls stand before all others, or behind them.
      if (value === null) return !sort.nullsFirst
      const order = compare(value, wanted) * (sort.isDescending ? -1 : 1)
      return isStart ? order >= 0 : order > 0
    })
  }
}

/** The parts of a frame that EXCLUDE leaves. */
export function excluded(
  { exclude }: Frame,
  { peerStart, peerEnd }: Partition,
  place: number,
  [start, end]: Span,
): readonly Span[] {
  if (exclude === 'none') return [[start, end]]
  const isRow = exclude === 'current'
  const from = isRow ? place : peerStart[place]!
  const to = isRow ? place + 1 : peerEnd[place]!
  const parts: Span[] = [
    [start, Math.min(end, from)],
    [Math.max(start, to), end],
  ]
  if (exclude === 'ties' && place >= start && place < end) parts.splice(1, 0, [place, place + 1])
  return parts.filter(([a, b]) => a < b)
}
