// What the kernel must remember of a field for the results that are asked of it, and the codes of the
// results: the FEATURE_ and RESULT_ of assembly/{cell,aggregate-result}.ts.

import type { Output, ResultName } from './selection.ts'

const SUM = 1
const LEAST = 2
const GREATEST = 4
const FIRST = 8
const LAST = 16
const VARIANCE = 32
const INCREASE = 64
const DELTA = 128
const RATE = 256
const DERIVATIVE = 512
const SAMPLES = 1024
const SKETCH = 2048
const INTEGRAL = 4096
const WEIGHTED = 8192
const CENSUS = 16384
const DIFFERENCES = INCREASE | DELTA | RATE | DERIVATIVE | INTEGRAL | WEIGHTED

const FEATURES: Record<ResultName, number> = {
  rows: 0,
  count: 0,
  sum: SUM,
  mean: SUM,
  least: LEAST,
  greatest: GREATEST,
  spread: LEAST | GREATEST,
  first: FIRST,
  last: LAST,
  variance: VARIANCE,
  stddev: VARIANCE,
  sumLow: SUM,
  sumHigh: SUM,
  firstTime: FIRST,
  lastTime: LAST,
  sumOrNull: SUM,
  spreadOrNull: LEAST | GREATEST,
  increase: INCREASE,
  delta: DELTA,
  rate: RATE,
  derivative: DERIVATIVE,
  quantile: SAMPLES,
  approxQuantile: SKETCH,
  integral: INTEGRAL,
  weightedMean: WEIGHTED,
  distinctCount: CENSUS,
  mode: CENSUS,
  movingAverage: SUM,
}

/** By their codes; quantiles have a call of their own, moving averages are made of others. */
const RESULTS: readonly ResultName[] = [
  ...(['rows', 'count', 'sum', 'mean', 'least', 'greatest', 'spread', 'first', 'last'] as const),
  ...(['variance', 'stddev', 'sumLow', 'sumHigh', 'firstTime', 'lastTime'] as const),
  ...(['sumOrNull', 'spreadOrNull', 'increase', 'delta', 'rate', 'derivative'] as const),
  ...(['integral', 'weightedMean', 'distinctCount', 'mode'] as const),
]

const CODES: ReadonlyMap<ResultName, number> = new Map(RESULTS.map((name, code) => [name, code]))

/** The kernel's code of a result. */
export function codeOf(result: ResultName): number {
  return CODES.get(result)!
}

/** What each field must remember, over all outputs. */
export function featuresOf(outputs: readonly Output[], fields: number): number[] {
  const features = Array.from({ length: fields }, () => 0)
  for (const { field, result } of outputs) {
    if (field >= 0 && result !== null) features[field]! |= FEATURES[result]
  }
  return features
}

/**
 * Can the cells of the features be joined (assembly/aggregate-merge.ts)? Differences go from one part of
 * a series' points to the next, so they cannot.
 */
export function isMergeable(features: number): boolean {
  return (features & DIFFERENCES) === 0
}

/** Do the features need the time of each value? */
export function needsEnds(features: number): boolean {
  return (features & (FIRST | LAST | DIFFERENCES)) !== 0
}

/** Do the features compare neighbours, so that rows of a series have to come in order? */
export function needsNeighbours(features: number): boolean {
  return (features & DIFFERENCES) !== 0
}
