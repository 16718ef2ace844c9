// Aggregates: sums and means in floats or whole numbers, extremes, lists, percentiles, first and last.
// Their meaning is that of sql.md's table: sums of integers stay integers (22003 beyond their type),
// means, variances and quantiles are floats.

import type { SqlVector } from '../batch.ts'
import { type Compare, comparatorOf } from '../compare.ts'
import { Decimal } from '../decimal.ts'
import { keyOf } from '../execute/key.ts'
import { vectorOf } from '../execute/vector.ts'
import type { Accumulator, AggregateFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { printJson, readJson } from '../text/json-text.ts'
import { arrayTypeOf, typeOf } from '../type.ts'
import { type Interval, SqlArray } from '../value.ts'
import { checkBigint } from './arithmetic.ts'
import { type Fold, type Make, aggregate, listed, skipping } from './fold.ts'
import { histogram } from './histogram.ts'
import { sum as addIntervals, dividedBy } from './interval.ts'
import { jsonOf } from './json.ts'
import { triangles } from './lttb.ts'
import { fractionOf, interpolated, orderedSets } from './ordered-set.ts'
import { statistics } from './statistics.ts'

/** Sums of floats in typed arrays, as the most frequent aggregate has a loop of its own. */
class FloatSum implements Accumulator {
  private sums = new Float64Array(64)
  private counts = new Float64Array(64)
  private readonly isMean: boolean

  constructor(isMean: boolean) {
    this.isMean = isMean
  }

  get bytes(): number {
    return 2 * this.sums.byteLength
  }

  add(
    [vector]: readonly SqlVector[],
    groups: Uint32Array,
    rowCount: number,
    wanted: Uint8Array | null,
  ): void {
    const { valid } = vector!
    const values = vector!.values as Float64Array
    for (let row = 0; row < rowCount; row++)
      if (groups[row]! >= this.sums.length) this.grow(groups[row]!)
    const { sums, counts } = this
    for (let row = 0; row < rowCount; row++) {
      if ((valid !== null && valid[row] === 0) || (wanted !== null && wanted[row] === 0)) continue
      sums[groups[row]!]! += values[row]!
      counts[groups[row]!]!++
    }
  }

  private grow(group: number): void {
    const size = 2 ** Math.ceil(Math.log2(group + 2))
    const [sums, counts] = [new Float64Array(size), new Float64Array(size)]
    sums.set(this.sums)
    counts.set(this.counts)
    this.sums = sums
    this.counts = counts
  }

  finish(count: number): SqlVector {
    return vectorOf(typeOf('float8'), count, (group) => {
      const number = this.counts[group] ?? 0
      if (number === 0) return null
      return this.isMean ? this.sums[group]! / number : this.sums[group]!
    })
  }
}

const extreme = (name: string, isBetter: (order: number) => boolean): AggregateFunction =>
  aggregate(
    name,
    'anyelement',
    ([type]) => type!,
    ([type]) => {
      const compare = comparatorOf(type!)
      const held = (value: unknown): unknown => (type!.layout === 'boolean' ? value === 1 : value)
      return skipping<unknown>(
        (best, value) => (best === null || isBetter(compare(value, best)) ? value : best),
        held,
      )
    },
  )

interface Moments {
  count: number
  sum: number
  mean: number
  squares: number
}

/** Welford's running variance. */
function moments(finish: (state: Moments) => number | null): Make {
  return () => {
    const fold: Fold<Moments> = {
      start: () => ({ count: 0, sum: 0, mean: 0, squares: 0 }),
      step(state, [value]) {
        if (value === null) return state
        const x = value as number
        state.count++
        const off = x - state.mean
        state.mean += off / state.count
        state.squares += off * (x - state.mean)
        return state
      },
      finish,
    }
    return fold as unknown as Fold<never>
  }
}

const sample = ({ count, squares }: Moments): number | null =>
  count < 2 ? null : squares / (count - 1)
const population = ({ count, squares }: Moments): number | null =>
  count === 0 ? null : squares / count
const rooted = (finish: (state: Moments) => number | null) => (state: Moments) => {
  const value = finish(state)
  return value === null ? null : Math.sqrt(value)
}

const SPREADS = { variance: sample, var_samp: sample, var_pop: population }
const DEVIATIONS = { stddev: sample, stddev_samp: sample, stddev_pop: population }

/** Those that go by series and by the times of points, which only the engine knows. */
export const ENGINE_AGGREGATES = [
  'rate',
  'increase',
  'delta',
  'derivative',
  'integral',
  'time_weighted_mean',
] as const

const IN_UTC = { now: 0n, timeZone: 'UTC' }

const sorted = (values: readonly number[]): number[] =>
  values.toSorted(comparatorOf(typeOf('float8')) as (a: number, b: number) => number)

/** The value with the least or the greatest time. */
const edge = (name: string, isBetter: (order: number) => boolean): AggregateFunction =>
  aggregate(
    name,
    'anyelement any',
    ([type]) => type!,
    ([type, by]) => {
      const compare: Compare = comparatorOf(by!)
      const fold: Fold<readonly [unknown, unknown] | null> = {
        start: () => null,
        step(state, [value, time]) {
          if (value === null || time === null) return state
          return state === null || isBetter(compare(time, state[1])) ? [value, time] : state
        },
        finish: (state) =>
          state === null ? null : type!.layout === 'boolean' ? state[0] === 1 : state[0],
      }
      return fold as unknown as Fold<never>
    },
  )

const everyBoolean = (name: string, isEvery: boolean): AggregateFunction =>
  aggregate(name, 'bool', 'bool', () =>
    skipping<number>(
      (state, value: number) => (state === null ? value : isEvery ? state & value : state | value),
      (state) => state === 1,
    ),
  )

/** Of whole numbers; null for none. */
const bits = (
  name: string,
  one: (a: number, b: number) => number,
  wide: (a: bigint, b: bigint) => bigint,
): AggregateFunction[] => [
  ...['int2', 'int4'].map((type) =>
    aggregate(name, type, type, () =>
      skipping<number>((state, value: number) => (state === null ? value : one(state, value))),
    ),
  ),
  aggregate(name, 'int8', 'int8', () =>
    skipping<bigint>((state, value: bigint) => (state === null ? value : wide(state, value))),
  ),
]

const bitwise: readonly AggregateFunction[] = [
  ...bits(
    'bit_and',
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  ...bits(
    'bit_or',
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  ...bits(
    'bit_xor',
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
]

const addFloat = (type: 'sum' | 'avg', of: string): AggregateFunction => ({
  ...aggregate(type, of, 'float8', () => skipping(() => null)),
  accumulate: () => new FloatSum(type === 'avg'),
})

const counting =
  (skipsNulls: boolean): Make =>
  () => {
    const fold: Fold<bigint> = {
      start: () => 0n,
      step: (state, [value]) => (skipsNulls && value === null ? state : state + 1n),
      finish: (state) => state,
    }
    return fold as unknown as Fold<never>
  }

/** Exact sums of whole numbers, and their count. */
const whole = (name: 'sum' | 'avg', type: string): AggregateFunction =>
  aggregate(name, type, name === 'sum' ? 'int8' : 'float8', () =>
    skipping<{ sum: bigint; count: number }>(
      (state, value: bigint | number) => ({
        sum: (state?.sum ?? 0n) + BigInt(value),
        count: (state?.count ?? 0) + 1,
      }),
      ({ sum, count }) => (name === 'sum' ? checkBigint(sum) : Number(sum) / count),
    ),
  )

function joinTexts(): Fold<never> {
  const fold: Fold<string | null> = {
    start: () => null,
    step(state, [text, delimiter]) {
      if (text === null) return state
      const part = text as string
      return state === null ? part : state + ((delimiter as string | null) ?? '') + part
    },
    finish: (state) => state,
    bytes: 32,
  }
  return fold as unknown as Fold<never>
}

/** The fraction is that of the group's first row; one that is constant is checked without rows. */
const percentileOfAll: Make = (_, [constant]) => {
  fractionOf(constant ?? null)
  const fold: Fold<{ fraction: unknown; readonly values: number[] }> = {
    start: () => ({ fraction: constant ?? null, values: [] }),
    step(state, [fraction, value]) {
      if (value === null) return state
      if (state.values.length === 0) state.fraction = fraction
      state.values.push(value as number)
      return state
    },
    finish: ({ fraction, values }) => interpolated(sorted(values), fractionOf(fraction)),
    bytes: 24,
  }
  return fold as unknown as Fold<never>
}

const INTEGERS = ['int2', 'int4', 'int8']

/** All aggregates. */
export const aggregates: readonly AggregateFunction[] = [
  histogram,
  ...triangles,
  aggregate('count', '', 'int8', counting(false)),
  aggregate('count', 'any', 'int8', counting(true)),
  ...(['sum', 'avg'] as const).flatMap((name) => [
    addFloat(name, 'float8'),
    addFloat(name, 'float4'),
    ...INTEGERS.map((type) => whole(name, type)),
  ]),
  aggregate('sum', 'numeric', 'numeric', () =>
    skipping<Decimal>((state, value: Decimal) => state?.add(value) ?? value),
  ),
  aggregate('avg', 'numeric', 'numeric', () =>
    skipping<[Decimal, number]>(
      (state, value: Decimal) => [state?.[0].add(value) ?? value, (state?.[1] ?? 0) + 1],
      ([sum, count]) => sum.divide(Decimal.of(count)),
    ),
  ),
  aggregate('sum', 'interval', 'interval', () =>
    skipping<Interval>((state, value: Interval) =>
      state === null ? value : addIntervals(state, value),
    ),
  ),
  aggregate('avg', 'interval', 'interval', () =>
    skipping<[Interval, number]>(
      (state, value: Interval) =>
        state === null ? [value, 1] : [addIntervals(state[0], value), state[1] + 1],
      ([sum, count]) => dividedBy(sum, count),
    ),
  ),
  extreme('min', (order) => order < 0),
  extreme('max', (order) => order > 0),
  everyBoolean('bool_and', true),
  everyBoolean('every', true),
  everyBoolean('bool_or', false),
  ...Object.entries(SPREADS).map(([name, finish]) =>
    aggregate(name, 'float8', 'float8', moments(finish)),
  ),
  ...Object.entries(DEVIATIONS).map(([name, finish]) =>
    aggregate(name, 'float8', 'float8', moments(rooted(finish))),
  ),
  ...ENGINE_AGGREGATES.map((name) =>
    aggregate(name, 'float8', 'float8', () => {
      throw new SqlError('0A000', `${name} is the engine's alone`, {
        hint: 'Group points of one table by tags and one bucket of time, and take it of a field.',
      })
    }),
  ),
  edge('first', (order) => order < 0),
  edge('last', (order) => order > 0),
  aggregate('string_agg', 'text text', 'text', joinTexts),
  aggregate(
    'array_agg',
    'anynonarray',
    ([type]) => arrayTypeOf(type!)!,
    ([type]) =>
      listed(
        (values) =>
          values.length === 0
            ? null
            : new SqlArray(
                type!,
                type!.layout === 'boolean'
                  ? values.map((value) => (value === null ? null : value === 1))
                  : values,
              ),
        false,
      ),
  ),
  ...(['json', 'jsonb'] as const).map((kind) =>
    aggregate(`${kind}_agg`, 'anyelement', kind, ([type]) =>
      listed((values) => {
        if (values.length === 0) return null
        const text = `[${values.map((value) => jsonOf(value, type!, IN_UTC)).join(', ')}]`
        return kind === 'json' ? text : printJson(readJson(text))
      }, false),
    ),
  ),
  ...orderedSets,
  ...bitwise,
  ...statistics,
  aggregate('approx_percentile', 'float8 float8', 'float8', percentileOfAll),
  aggregate('median', 'float8', 'float8', () =>
    listed((values) => interpolated(sorted(values as number[]), 0.5)),
  ),
  aggregate('approx_count_distinct', 'any', 'int8', () =>
    listed((values) => BigInt(new Set(values.map(keyOf)).size)),
  ),
]
