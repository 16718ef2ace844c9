// Aggregates of ordered values: percentiles, one or several at once, the most frequent value, and the
// place that a row would have among those of the group.
// Source: PostgreSQL 15, src/backend/utils/adt/orderedsetaggs.c.

import { comparatorOf } from '../compare.ts'
import { keyOf } from '../execute/key.ts'
import type { AggregateFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import { type Fold, aggregate, listed } from './fold.ts'
import { between as betweenIntervals } from './interval.ts'

/** A fraction of 0 to 1, NaN for null. Throws 22003. */
export function fractionOf(given: unknown): number {
  const fraction = given as number | null
  if (fraction === null || (fraction >= 0 && fraction <= 1)) return fraction ?? NaN
  throw new SqlError('22003', `percentile value ${fraction} is not between 0 and 1`)
}

/** The value at a fraction of sorted ones, on the line between two; null for none. */
export function interpolated(values: readonly number[], fraction: number): number | null {
  return continuous(betweenNumbers)(values as never[], fraction) as number | null
}

/** The value at a fraction of a group's values, which are sorted and not null. */
type Pick = (values: readonly never[], fraction: number, type: DataType) => unknown

const betweenNumbers = (one: number, two: number, part: number): number =>
  one === two ? one : one + (two - one) * part

const continuous =
  (between: (one: never, two: never, part: number) => unknown) =>
  (values: readonly never[], fraction: number): unknown => {
    if (values.length === 0 || Number.isNaN(fraction)) return null
    const at = fraction * (values.length - 1)
    const low = Math.floor(at)
    if (at === low) return values[low]
    return between(values[low]!, values[low + 1]!, at - low)
  }

const discrete: Pick = (values, fraction, { layout }) => {
  if (values.length === 0 || Number.isNaN(fraction)) return null
  const value: unknown = values[Math.max(Math.ceil(fraction * values.length) - 1, 0)]
  return layout === 'boolean' ? value === 1 : value
}

interface Waiting {
  /** The argument before WITHIN GROUP, which is the same in all rows of a group. */
  direct: unknown
  readonly values: never[]
}

/** `check` sees the direct argument even where there are no values. */
function percentile(
  name: string,
  [direct, value]: readonly [string, string],
  result: AggregateFunction['result'] | string,
  check: (direct: unknown) => void,
  finish: (waiting: Waiting, type: DataType) => unknown,
): AggregateFunction {
  const make = ([, type]: readonly DataType[], [constant]: readonly unknown[]): Fold<never> => {
    check(constant)
    const fold: Fold<Waiting> = {
      start: () => ({ direct: constant, values: [] }),
      step(waiting, [given, one]) {
        if (waiting.values.length === 0) waiting.direct = given
        if (one !== null) waiting.values.push(one as never)
        return waiting
      },
      finish: (waiting) => finish(waiting, type!),
      bytes: 24,
    }
    return fold as unknown as Fold<never>
  }
  return aggregate(name, `${direct} ${value}`, result, make, true)
}

/** One fraction, and an array of them. */
function percentiles(
  name: string,
  value: string,
  pick: Pick,
  result: (type: DataType) => DataType,
): AggregateFunction[] {
  const resultOf = ([, type]: readonly DataType[]): DataType => result(type!)
  const arrayOf = (given: readonly DataType[]): DataType => arrayTypeOf(resultOf(given))!
  const one = percentile(
    name,
    ['float8', value],
    resultOf,
    (direct) => fractionOf(direct ?? null),
    ({ direct, values }, type) => pick(values, fractionOf(direct ?? null), type),
  )
  const fractionsOf = (direct: unknown): number[] =>
    ((direct as SqlArray | null | undefined)?.values ?? []).map(fractionOf)
  const several = percentile(
    name,
    ['_float8', value],
    arrayOf,
    fractionsOf,
    ({ direct, values }, type) => {
      if (direct === null || direct === undefined || values.length === 0) return null
      const { dimensions, lowerBounds } = direct as SqlArray
      const picked = fractionsOf(direct).map((fraction) => pick(values, fraction, type))
      return new SqlArray(result(type), picked, dimensions, lowerBounds)
    },
  )
  return [one, several]
}

function mode(values: readonly unknown[]): unknown {
  const counts = new Map<unknown, { value: unknown; count: number }>()
  for (const value of values) {
    const key = keyOf(value)
    const entry = counts.get(key)
    if (entry === undefined) counts.set(key, { value, count: 1 })
    else entry.count++
  }
  let best: { value: unknown; count: number } | null = null
  for (const entry of counts.values()) if (best === null || entry.count > best.count) best = entry
  return best?.value ?? null
}

/** All that are written with WITHIN GROUP, but for those that look for a row's place. */
export const orderedSets: readonly AggregateFunction[] = [
  ...percentiles('percentile_cont', 'float8', continuous(betweenNumbers), (type) => type),
  ...percentiles('percentile_cont', 'interval', continuous(betweenIntervals), (type) => type),
  ...percentiles('percentile_disc', 'anyelement', discrete, (type) => type),
  aggregate(
    'mode',
    'anyelement',
    ([type]) => type!,
    ([type]) =>
      listed((values) => {
        const found = mode(values)
        return type!.layout === 'boolean' && found !== null ? found === 1 : found
      }),
    true,
  ),
]

/** How the rows of a group are sorted. */
export interface PlaceKey {
  readonly type: DataType
  readonly isDescending: boolean
  readonly nullsFirst: boolean
}

interface Place {
  count: number
  before: number
  /** Different rows among those before. */
  distinct: number
  peers: number
  last: readonly unknown[] | null
}

const PLACES: Readonly<Record<string, { type: string; of: (place: Place) => unknown }>> = {
  rank: { type: 'int8', of: ({ before }) => BigInt(before + 1) },
  dense_rank: { type: 'int8', of: ({ distinct }) => BigInt(distinct + 1) },
  percent_rank: { type: 'float8', of: ({ before, count }) => (count === 0 ? 0 : before / count) },
  cume_dist: {
    type: 'float8',
    of: ({ before, peers, count }) => (before + peers + 1) / (count + 1),
  },
}

export const isPlaceName = (name: string): boolean => Object.hasOwn(PLACES, name)

/** `rank(a, b) WITHIN GROUP (ORDER BY c, d)`: the place that (a, b) would have; arguments a, b, c, d. */
export function placeAggregate(name: string, keys: readonly PlaceKey[]): AggregateFunction {
  const { type, of } = PLACES[name]!
  const compare = comparisonOf(keys)
  const width = keys.length
  const fold: Fold<Place> = {
    start: () => ({ count: 0, before: 0, distinct: 0, peers: 0, last: null }),
    step(place, values) {
      const [wanted, row] = [values.slice(0, width), values.slice(width)]
      const order = compare(row, wanted)
      place.count++
      if (order < 0) {
        if (place.last === null || compare(row, place.last) !== 0) place.distinct++
        place.before++
      } else if (order === 0) place.peers++
      place.last = row
      return place
    },
    finish: of,
  }
  const types = keys.map((key) => key.type)
  return {
    ...aggregate(name, '', typeOf(type), () => fold as unknown as Fold<never>, true),
    arguments: [...types, ...types],
  }
}

function comparisonOf(
  keys: readonly PlaceKey[],
): (a: readonly unknown[], b: readonly unknown[]) => number {
  const compares = keys.map(({ type }) => comparatorOf(type))
  return (a, b) => {
    for (const [index, { isDescending, nullsFirst }] of keys.entries()) {
      const [one, two] = [a[index], b[index]]
      if (one === null && two === null) continue
      if (one === null || two === null) return (one === null) === nullsFirst ? -1 : 1
      const order = compares[index]!(one, two)
      if (order !== 0) return isDescending ? -order : order
    }
    return 0
  }
}
