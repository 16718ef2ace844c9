// lttb(time, value, count): at most so many of a group's own points, which draw a chart like all of them
// would: first and last, and of each bucket of about as many points the one whose triangle with the
// point chosen before and the mean of the next bucket is largest.
// Source: Steinarsson, "Downsampling Time Series for Visual Representation", 2013. The arithmetic is that
// of the kernel's sampling to the last bit, so SQL chooses the points that requests with `points` do.

import type { AggregateFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { SqlArray, SqlRecord } from '../value.ts'
import { type Fold, aggregate } from './fold.ts'

/** Numbers, whole numbers and decimals: what `Number` makes a float of. */
type Value = { toString(): string }

interface Points {
  readonly times: bigint[]
  readonly values: Value[]
  readonly count: number
  isSorted: boolean
}

function startPoints(count: number): Points {
  if (count >= 2) return { times: [], values: [], count, isSorted: true }
  throw new SqlError('22023', `lttb chooses 2 points or more, not ${count}`)
}

/** By time; points of the same time stay in the order in which they came. */
function sortPoints({ times, values, isSorted }: Points): [bigint[], Value[]] {
  if (isSorted) return [times, values]
  const order = [...times.keys()].sort((a, b) => {
    return times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b
  })
  return [order.map((row) => times[row]!), order.map((row) => values[row]!)]
}

/** Of floats [from, to), in eight accumulators, which are added up in pairs. */
function sum(values: Float64Array, from: number, to: number): number {
  const sums = new Float64Array(8)
  let row = from
  for (; row + 8 <= to; row += 8) {
    for (let lane = 0; lane < 8; lane++) sums[lane]! += values[row + lane]!
  }
  for (; row + 2 <= to; row += 2) {
    sums[0]! += values[row]!
    sums[1]! += values[row + 1]!
  }
  const lane = (at: number): number => sums[at]! + sums[at + 2]! + (sums[at + 4]! + sums[at + 6]!)
  const total = lane(0) + lane(1)
  return row < to ? total + values[row]! : total
}

/** Of rows [from, to): the first whose triangle with two points is largest, `from` if none has an area. */
function largestTriangle(
  [times, values]: readonly [Float64Array, Float64Array],
  [from, to]: readonly [number, number],
  [ax, ay]: readonly [number, number],
  [cx, cy]: readonly [number, number],
): number {
  let [best, found] = [-1, from]
  for (let row = from; row < to; row++) {
    const area = Math.abs((ax - cx) * (values[row]! - ay) - (ax - times[row]!) * (cy - ay))
    if (area > best) [best, found] = [area, row]
  }
  return found
}

/** Rows of `count` points, 2 at least. */
export function chooseRows(
  times: readonly bigint[],
  values: Float64Array,
  count: number,
): number[] {
  const rowCount = times.length
  if (rowCount <= count) return [...times.keys()]
  const since = Float64Array.from(times, (time) => Number(time - times[0]!))
  const size = count > 2 ? (rowCount - 2) / (count - 2) : 0
  const startOf = (bucket: number): number => Math.floor(bucket * size) + 1
  const rows = [0]
  for (let bucket = 0; bucket < count - 2; bucket++) {
    const [from, to] = [startOf(bucket), startOf(bucket + 1)]
    const next = Math.min(startOf(bucket + 2), rowCount)
    const mean = [sum(since, to, next) / (next - to), sum(values, to, next) / (next - to)] as const
    const last = rows.at(-1)!
    const before = [since[last]!, values[last]!] as const
    rows.push(largestTriangle([since, values], [from, to], before, mean))
  }
  return [...rows, rowCount - 1]
}

function chosen(points: Points, type: DataType): SqlArray {
  const [times, values] = sortPoints(points)
  const rows = chooseRows(times, Float64Array.from(values, Number), points.count)
  return new SqlArray(
    type,
    rows.map((row) => new SqlRecord(type, [times[row], values[row]])),
  )
}

function triangle(time: string, value: string): AggregateFunction {
  const fields = [
    { name: 'time', type: typeOf(time) },
    { name: 'value', type: typeOf(value) },
  ]
  const point: DataType = { ...typeOf('record'), fields }
  const fold: Fold<Points | null> = {
    start: () => null,
    step(state, given) {
      if (given.includes(null)) return state
      const points = state ?? startPoints(given[2] as number)
      const at = given[0] as bigint
      const before = points.times.at(-1)
      if (before !== undefined && at < before) points.isSorted = false
      points.times.push(at)
      points.values.push(given[1] as Value)
      return points
    },
    finish: (state) => (state === null ? null : chosen(state, point)),
    bytes: 56,
  }
  const make = () => fold as unknown as Fold<never>
  return aggregate('lttb', `${time} ${value} int4`, () => arrayTypeOf(point)!, make)
}

/**
 * The points as an array of rows (time, value), by time; null for none. A row with a null does not
 * count. Throws 22023 for fewer than 2.
 */
export const triangles: readonly AggregateFunction[] = ['timestamptz', 'timestamp'].flatMap(
  (time) => ['float8', 'int8', 'numeric'].map((value) => triangle(time, value)),
)
