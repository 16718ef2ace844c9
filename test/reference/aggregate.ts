// The reference's aggregates, over plain arrays: the table of functions in sql.md, word by word.

import { OmenError } from '../../engine/error.ts'
import type { ValueType } from '../../engine/query/query.ts'
import type { Value } from './table.ts'
import { orderValues } from './where.ts'

export interface Aggregate {
  readonly type: ValueType
  /**
   * Non-null values by time, ties by series; `rows` is the number of points, `last` the value of the
   * newest time's smallest series, `differences` those of each series, `holds` how long each of its
   * values does.
   */
  readonly of: (
    values: readonly Value[],
    rows: number,
    last: Value | null,
    differences: readonly (readonly Difference[])[],
    holds: readonly (readonly Hold[])[],
  ) => Cell
  /** The n of a moving average, which is `of` the values of so many buckets. */
  readonly buckets?: number
}

/** A value, and the nanoseconds until the next one or its bucket's end. */
export interface Hold {
  readonly value: Value
  readonly span: bigint
}

/** Two neighbouring values of a series. */
export interface Difference {
  readonly before: Value
  readonly after: Value
  /** Nanoseconds between them. */
  readonly span: bigint
}

/** A value of the answer, and Σ|x| (of what its rounding error may be a part; 0 = it is exact). */
export interface Cell {
  readonly value: Value | null
  readonly scale: number
  /** What else is right, of an approximation. */
  readonly accepts?: (value: number) => boolean
}

const INT_MIN = -(2n ** 63n)
const INT_MAX = 2n ** 63n - 1n
const UINT_MAX = 2n ** 64n - 1n

const ANY_TYPE = ['count', 'distinct_count', 'first', 'last', 'mode', 'min', 'max']
const DIFFERENCES = ['increase', 'delta', 'rate', 'derivative', 'integral']
const NUMERIC = [
  ...['sum', 'mean', 'avg', 'spread', 'stddev', 'variance'],
  ...['median', 'quantile', 'approx_quantile', 'time_weighted_mean', 'moving_average'],
  ...DIFFERENCES,
]

const PARAMETERS = ['quantile', 'approx_quantile', 'moving_average']

/** `type` null is `count(*)`; `parameter` is the q of quantile, the n of moving_average. Throws `type_conflict`, `bad_request`. */
export function aggregateOf(
  name: string,
  type: ValueType | null,
  parameter: number | null,
): Aggregate {
  if (type === null) {
    if (name !== 'count') throw new OmenError('type_conflict', `${name}(*) does not exist`)
    return { type: 'integer', of: (_values, rows) => exact(BigInt(rows)) }
  }
  const isNumeric = type !== 'string' && type !== 'boolean'
  if (!ANY_TYPE.includes(name) && !(NUMERIC.includes(name) && isNumeric)) {
    throw new OmenError('type_conflict', `${name}(${type}) does not exist`)
  }
  if (PARAMETERS.includes(name) !== (parameter !== null)) {
    throw new OmenError('type_conflict', `${name} has other arguments`)
  }
  if (name === 'moving_average') {
    if (!Number.isInteger(parameter) || parameter! < 1) throw new OmenError('bad_request', 'n')
    return { type: 'float', of: (values) => meanOf(values), buckets: parameter! }
  }
  if (parameter !== null && !(parameter >= 0 && parameter <= 1)) {
    throw new OmenError('bad_request', 'q is from 0 to 1')
  }
  if (name === 'last') return { type, of: (_values, _rows, last) => exact(last) }
  if (DIFFERENCES.includes(name)) {
    return { type: 'float', of: (_values, _rows, _last, found) => differencesOf(name, found) }
  }
  if (name === 'time_weighted_mean') {
    return { type: 'float', of: (_values, _rows, _last, _found, holds) => weightedMean(holds) }
  }
  const compute = computeOf(name, type, parameter ?? 0.5)
  return { type: resultType(name, type), of: (values) => compute(values) }
}

function resultType(name: string, type: ValueType): ValueType {
  if (name === 'count' || name === 'distinct_count') return 'integer'
  const isFloat = ['mean', 'avg', 'stddev', 'variance', 'median'].includes(name)
  return isFloat || name.endsWith('quantile') ? 'float' : type
}

function computeOf(name: string, type: ValueType, q: number): (values: readonly Value[]) => Cell {
  switch (name) {
    case 'count':
      return (values) => exact(BigInt(values.length))
    case 'distinct_count':
      return (values) => exact(BigInt(runsOf(values).length))
    case 'first':
      return (values) => exact(values[0] ?? null)
    case 'min':
      return (values) => exact(sorted(values)[0] ?? null)
    case 'max':
      return (values) => exact(sorted(values).at(-1) ?? null)
    case 'mode':
      return (values) => exact(modeOf(values))
    case 'spread':
      return (values) => spreadOf(values, type)
    case 'sum':
      return (values) => sumOf(values, type)
    case 'mean':
    case 'avg':
      return meanOf
    case 'variance':
      return (values) => varianceOf(values)
    case 'stddev':
      return (values) => {
        const { value, scale } = varianceOf(values)
        return value === null
          ? exact(null)
          : { value: Math.sqrt(value as number), scale: Math.sqrt(scale) }
      }
    case 'approx_quantile':
      return (values) => ({ ...quantileOf(values, q), ...nearRank(values, q) })
    default:
      return (values) => quantileOf(values, q)
  }
}

/** What increase, delta, rate and derivative make of the differences of each series, summed. */
function differencesOf(name: string, found: readonly (readonly Difference[])[]): Cell {
  if (name === 'integral') return integralOf(found.flat())
  const isPerSecond = name === 'rate' || name === 'derivative'
  const resets = name === 'rate' || name === 'increase'
  const some = found.filter((series) => series.length > 0)
  if (some.length === 0) return exact(null)
  const parts = some.map((series): Cell & { value: number } => {
    const steps = series.map(({ before, after }) => {
      return resets && after < before ? after : subtract(after, before)
    })
    const span = series.reduce((total, one) => total + one.span, 0n)
    const seconds = isPerSecond ? Number(span) / 1e9 : 1
    // Exact integers are rounded once.
    const isWhole = typeof steps[0] === 'bigint'
    const all = isWhole ? [Number(bigSum(steps as bigint[]))] : (steps as number[])
    return { value: floatSum(all) / seconds, scale: magnitude(all) / seconds }
  })
  const scale = parts.reduce((total, part) => total + part.scale, 0)
  return { value: floatSum(parts.map(({ value }) => value)), scale }
}

/** Trapezoids, value × seconds. */
function integralOf(found: readonly Difference[]): Cell {
  if (found.length === 0) return exact(null)
  const areas = found.map(({ before, after, span }) => {
    return (Number(before) * 0.5 + Number(after) * 0.5) * (Number(span) / 1e9)
  })
  const edges = found.map(({ before, after, span }) => {
    return (magnitude([Number(before)]) + magnitude([Number(after)])) * (Number(span) / 1e9)
  })
  return { value: floatSum(areas), scale: magnitude(edges) }
}

/** The mean of the means of series, in each of which values weigh as long as they hold. */
function weightedMean(holds: readonly (readonly Hold[])[]): Cell {
  const some = holds.filter((series) => series.length > 0)
  if (some.length === 0) return exact(null)
  const parts = some.map((series) => {
    const total = Number(series.reduce((sum, { span }) => sum + span, 0n)) / 1e9
    const last = Number(series.at(-1)!.value)
    if (total === 0) return { value: last, scale: Math.abs(last) }
    const areas = series.map(({ value, span }) => Number(value) * (Number(span) / 1e9))
    return { value: floatSum(areas) / total, scale: magnitude(areas) / total }
  })
  const scale = parts.reduce((sum, part) => sum + part.scale, 0)
  return { value: floatSum(parts.map(({ value }) => value)) / parts.length, scale }
}

function subtract(a: Value, b: Value): number | bigint {
  return typeof a === 'bigint' ? a - (b as bigint) : (a as number) - (b as number)
}

function exact(value: Value | null): Cell {
  return { value, scale: 0 }
}

function sorted(values: readonly Value[]): Value[] {
  return [...values].sort(orderValues)
}

/** Equal values together, smallest first. */
function runsOf(values: readonly Value[]): Value[][] {
  const runs: Value[][] = []
  for (const value of sorted(values)) {
    const run = runs.at(-1)
    if (run !== undefined && orderValues(run[0]!, value) === 0) run.push(value)
    else runs.push([value])
  }
  return runs
}

function modeOf(values: readonly Value[]): Value | null {
  const runs = runsOf(values)
  const longest = Math.max(...runs.map((run) => run.length))
  const value = runs.find((run) => run.length === longest)?.[0] ?? null
  // Zeros are one value.
  return value === 0 ? 0 : value
}

function inRange(value: bigint, type: ValueType): bigint {
  const [low, high] = type === 'unsigned' ? [0n, UINT_MAX] : [INT_MIN, INT_MAX]
  if (value < low || value > high) throw new OmenError('out_of_range', `${type} overflow`)
  return value
}

function spreadOf(values: readonly Value[], type: ValueType): Cell {
  const ascending = sorted(values)
  const [low, high] = [ascending[0], ascending.at(-1)]
  if (low === undefined || high === undefined) return exact(null)
  if (typeof low === 'bigint') return exact(inRange((high as bigint) - low, type))
  return exact((high as number) - (low as number))
}

/** Sum with the rounding errors kept apart (Neumaier), so that it is better than what it judges. */
function floatSum(values: readonly number[]): number {
  let sum = 0
  let lost = 0
  for (const value of values) {
    const next = sum + value
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum
    sum = next
  }
  return Number.isFinite(sum) ? sum + lost : sum
}

function magnitude(values: readonly number[]): number {
  return values.reduce((total, value) => total + (Number.isFinite(value) ? Math.abs(value) : 0), 0)
}

function sumOf(values: readonly Value[], type: ValueType): Cell {
  if (values.length === 0) return exact(null)
  if (type !== 'float') return exact(inRange(bigSum(values as bigint[]), type))
  const floats = values as number[]
  return { value: floatSum(floats), scale: magnitude(floats) }
}

function bigSum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}

function meanOf(values: readonly Value[]): Cell {
  const n = values.length
  if (n === 0) return exact(null)
  if (typeof values[0] === 'bigint') {
    const mean = Number(bigSum(values as bigint[])) / n
    return { value: mean, scale: Math.abs(mean) }
  }
  const floats = values as number[]
  return { value: floatSum(floats) / n, scale: magnitude(floats) / n }
}

/** Sample variance in two passes. Its error may be a part of the mean square. */
function varianceOf(values: readonly Value[]): Cell {
  const n = values.length
  if (n < 2) return exact(null)
  if (typeof values[0] === 'bigint') return integerVariance(values as readonly bigint[])
  const floats = values.map(Number)
  const mean = floatSum(floats) / n
  const value = floatSum(floats.map((x) => (x - mean) ** 2)) / (n - 1)
  const squares = floats.filter(Number.isFinite).map((x) => x * x)
  const scale = squares.reduce((total, square) => total + square, 0) / (n - 1)
  return { value, scale }
}

/** Exact up to the division: (n Σx² − (Σx)²) / (n (n − 1)), of distances from the first value. */
function integerVariance(values: readonly bigint[]): Cell {
  const n = BigInt(values.length)
  const distances = values.map((value) => value - values[0]!)
  const squares = bigSum(distances.map((x) => x * x))
  const value = Number(n * squares - bigSum(distances) ** 2n) / Number(n * (n - 1n))
  const furthest = Math.max(...distances.map((x) => Math.abs(Number(x))))
  return { value, scale: 2 * furthest ** 2 }
}

/** percentile_cont: between the two values nearest to rank q (n − 1). */
function quantileOf(values: readonly Value[], q: number): Cell {
  if (values.length === 0) return exact(null)
  const ascending = sorted(values).map(Number)
  const rank = q * (ascending.length - 1)
  const low = ascending[Math.floor(rank)]!
  const high = ascending[Math.ceil(rank)]!
  const value = low === high ? low : low + (high - low) * (rank - Math.floor(rank))
  return { value, scale: Math.max(Math.abs(low), Math.abs(high)) }
}

/** Of more values than a sketch holds as they are, any whose rank is within 1 % is right. */
function nearRank(values: readonly Value[], q: number): Pick<Cell, 'accepts'> {
  if (values.length <= 2_048) return {}
  return {
    accepts: (found) => {
      const rank = q * (values.length - 1)
      const margin = values.length / 100
      const below = values.filter((value) => orderValues(Number(value), found) < 0).length
      const atMost = values.filter((value) => orderValues(Number(value), found) <= 0).length
      return atMost > below && below <= rank + margin && atMost - 1 >= rank - margin
    },
  }
}
