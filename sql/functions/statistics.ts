// Statistics of two arguments, (y, x): covariance, correlation, the line of least squares.
// Source: PostgreSQL 15, src/backend/utils/adt/float.c, float8_regr_accum (Youngs and Cramer, "Some
// Results Relevant to Choice of Sum and Sum-of-Product Algorithms", 1971).

import type { AggregateFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type Fold, aggregate } from './fold.ts'

/** Sums of x and y, and of squares and products of their distances from the means. */
interface Sums {
  count: number
  x: number
  xx: number
  y: number
  yy: number
  xy: number
}

const isInfinite = (value: number): boolean => Math.abs(value) === Infinity

function add(sums: Sums, y: number, x: number): Sums {
  const { count } = sums
  const next = { ...sums, count: count + 1, x: sums.x + x, y: sums.y + y }
  if (count === 0) {
    if (!Number.isFinite(x)) next.xx = next.xy = NaN
    if (!Number.isFinite(y)) next.yy = next.xy = NaN
    return next
  }
  const [offX, offY] = [x * next.count - next.x, y * next.count - next.y]
  const scale = 1 / (next.count * count)
  next.xx += offX * offX * scale
  next.yy += offY * offY * scale
  next.xy += offX * offY * scale
  checkOverflow(sums, next, y, x)
  return next
}

/** Infinite sums are right of infinite values; their squares are nothing then. Throws 22003. */
function checkOverflow(before: Sums, next: Sums, y: number, x: number): void {
  const hasX = isInfinite(before.x) || isInfinite(x)
  const hasY = isInfinite(before.y) || isInfinite(y)
  const isOverX = !hasX && (isInfinite(next.x) || isInfinite(next.xx))
  const isOverY = !hasY && (isInfinite(next.y) || isInfinite(next.yy))
  if (isOverX || isOverY || (isInfinite(next.xy) && !hasX && !hasY)) {
    throw new SqlError('22003', 'value out of range: overflow')
  }
  if (isInfinite(next.xx)) next.xx = NaN
  if (isInfinite(next.yy)) next.yy = NaN
  if (isInfinite(next.xy)) next.xy = NaN
}

/** Of one pair or more; null: the statistic of these is none. */
type Finish = (sums: Sums) => number | null

const FINISHES: Readonly<Record<string, Finish>> = {
  corr: ({ xx, yy, xy }) => (xx === 0 || yy === 0 ? null : xy / Math.sqrt(xx * yy)),
  covar_pop: ({ count, xy }) => xy / count,
  covar_samp: ({ count, xy }) => (count < 2 ? null : xy / (count - 1)),
  regr_avgx: ({ count, x }) => x / count,
  regr_avgy: ({ count, y }) => y / count,
  regr_intercept: ({ count, x, xx, y, xy }) => (xx === 0 ? null : (y - (x * xy) / xx) / count),
  regr_r2: ({ xx, yy, xy }) => (xx === 0 ? null : yy === 0 ? 1 : (xy * xy) / (xx * yy)),
  regr_slope: ({ xx, xy }) => (xx === 0 ? null : xy / xx),
  regr_sxx: ({ xx }) => xx,
  regr_sxy: ({ xy }) => xy,
  regr_syy: ({ yy }) => yy,
}

/** Of the pairs without a null. */
function paired(finish: (sums: Sums) => unknown): () => Fold<never> {
  const fold: Fold<Sums> = {
    start: () => ({ count: 0, x: 0, xx: 0, y: 0, yy: 0, xy: 0 }),
    step: (sums, [y, x]) => (y === null || x === null ? sums : add(sums, y as number, x as number)),
    finish,
  }
  return () => fold as unknown as Fold<never>
}

function countPairs(): Fold<never> {
  const fold: Fold<bigint> = {
    start: () => 0n,
    step: (count, [y, x]) => (y === null || x === null ? count : count + 1n),
    finish: (count) => count,
  }
  return fold as unknown as Fold<never>
}

/** All of them. */
export const statistics: readonly AggregateFunction[] = [
  ...Object.entries(FINISHES).map(([name, finish]) =>
    aggregate(
      name,
      'float8 float8',
      'float8',
      paired((sums) => (sums.count === 0 ? null : finish(sums))),
    ),
  ),
  aggregate('regr_count', 'float8 float8', 'int8', countPairs),
]
