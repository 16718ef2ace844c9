// Statistics of two arguments, aggregates of bits, percentiles and places beside PostgreSQL 15, numbers to
// 1e-12 of each other.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { missingPostgres } from '../postgres.ts'
import { type Beside, differences, startBeside } from './beside.ts'

const PAIRED = [
  ...['corr', 'covar_pop', 'covar_samp', 'regr_avgx', 'regr_avgy', 'regr_count', 'regr_intercept'],
  ...['regr_r2', 'regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy'],
]

const valueOf = (random: Random, odd: readonly string[]): string =>
  random.chance(0.15) ? random.pick(odd) : String(random.int(2000) / 8 - 100)

/** Rows (k, y, x, i) as text; without odd values statistics are numbers. */
function rowsOf(random: Random): string {
  const odd = random.chance(0.5)
    ? ['NULL', '0', '1e9']
    : ['NULL', `'NaN'`, `'Infinity'`, `'-Infinity'`, '1e200', '-1e308']
  const rows = Array.from({ length: 1 + random.int(30) }, () => {
    const whole = random.chance(0.2) ? 'NULL' : String(random.int(2 ** 31) - 2 ** 30)
    return `(${random.int(3)}, ${valueOf(random, odd)}::float8, ${valueOf(random, odd)}::float8, ${whole}::int4)`
  })
  return `(VALUES ${rows.join()}) t(k, y, x, i)`
}

const BITS = ['bit_and', 'bit_or', 'bit_xor']
const T = `(VALUES (1, 'b', 2.5::float8), (2, 'a', NULL), (3, NULL, -1), (3, 'b', 7), (5, 'c', 7)) t(i, s, f)`

const STATEMENTS = [
  ...PAIRED.map((name) => `SELECT ${name}(x, y) FROM (VALUES (1, 2)) t(x, y) WHERE false`),
  ...PAIRED.map((name) => `SELECT ${name}(1, i) OVER (ORDER BY i) FROM ${T}`),
  ...PAIRED.map((name) => `SELECT ${name}(DISTINCT f, i) FILTER (WHERE i > 1) FROM ${T}`),
  `SELECT corr('a'::text, 1)`,
  `SELECT regr_slope(1)`,
  ...BITS.map((name) => `SELECT ${name}(i), ${name}(i::int2), ${name}(i::int8 << 40) FROM ${T}`),
  ...BITS.map((name) => `SELECT ${name}(i) FROM ${T} WHERE false`),
  `SELECT bit_xor(f) FROM ${T}`,
  `SELECT percentile_cont(ARRAY[0.25, NULL, 1]) WITHIN GROUP (ORDER BY f) FROM ${T}`,
  `SELECT percentile_cont('{{0.1,0.2},{0.3,1}}'::float8[]) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_disc(ARRAY[0, 0.5, 1]) WITHIN GROUP (ORDER BY s DESC) FROM ${T}`,
  `SELECT percentile_disc('{0.1,0.9}'::float8[]) WITHIN GROUP (ORDER BY i > 2) FROM ${T}`,
  `SELECT percentile_cont('{}'::float8[]) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_cont(NULL::float8[]) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_cont(ARRAY[0.5]) WITHIN GROUP (ORDER BY i) FROM ${T} WHERE false`,
  `SELECT percentile_cont(0.3) WITHIN GROUP (ORDER BY i * interval '1 day 01:00') FROM ${T}`,
  `SELECT percentile_cont(ARRAY[0.3, 0.9]) WITHIN GROUP (ORDER BY i * interval '1 mon') FROM ${T}`,
  `SELECT g, percentile_cont(g) WITHIN GROUP (ORDER BY i) FROM ${T}, (VALUES (0.1), (0.5)) v(g) GROUP BY g ORDER BY g`,
  `SELECT percentile_cont(i / 10.0) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_cont('NaN'::float8) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_disc('{1.5}'::float8[]) WITHIN GROUP (ORDER BY i) FROM ${T}`,
  `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY i) OVER () FROM ${T}`,
  `SELECT mode() WITHIN GROUP (ORDER BY i > 2) FROM ${T}`,
  ...['rank', 'dense_rank', 'percent_rank', 'cume_dist'].flatMap((name) => [
    `SELECT ${name}(3) WITHIN GROUP (ORDER BY i) FROM ${T}`,
    `SELECT ${name}(3.5) WITHIN GROUP (ORDER BY i DESC) FROM ${T}`,
    `SELECT ${name}(3, 'a') WITHIN GROUP (ORDER BY i, s) FROM ${T}`,
    `SELECT ${name}(NULL) WITHIN GROUP (ORDER BY s) FROM ${T}`,
    `SELECT ${name}(NULL) WITHIN GROUP (ORDER BY s NULLS FIRST) FROM ${T}`,
    `SELECT s, ${name}(s) WITHIN GROUP (ORDER BY s) FROM ${T} GROUP BY s ORDER BY s`,
    `SELECT ${name}(7) WITHIN GROUP (ORDER BY f) FILTER (WHERE i > 2) FROM ${T}`,
    `SELECT ${name}(7) WITHIN GROUP (ORDER BY f) FROM ${T} WHERE false`,
    `SELECT ${name}(i) WITHIN GROUP (ORDER BY i) FROM ${T}`,
    `SELECT ${name}(1) WITHIN GROUP (ORDER BY i, s) FROM ${T}`,
    `SELECT ${name}('a'::text) WITHIN GROUP (ORDER BY i) FROM ${T}`,
    `SELECT ${name}(1) WITHIN GROUP (ORDER BY i) OVER () FROM ${T}`,
    `SELECT ${name}(1) OVER () FROM ${T}`,
    `SELECT ${name}() OVER (ORDER BY i) FROM ${T}`,
  ]),
]

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('aggregates beside PostgreSQL', () => {
  let both: Beside

  beforeAll(async () => {
    both = await startBeside()
  }, 120_000)
  afterAll(() => both?.close(), 60_000)

  test('every statement answers the same', { timeout: 120_000 }, async () => {
    expect(await differences(both, STATEMENTS)).toEqual([])
  })

  test('approx_percentile takes a fraction that is no constant', async () => {
    const from = `FROM ${T}, (VALUES (0.1), (0.5), (NULL)) v(g)`
    const wanted = `SELECT g, percentile_cont(g) WITHIN GROUP (ORDER BY i) ${from} GROUP BY g ORDER BY g`
    const text = `SELECT g, approx_percentile(g, i) ${from} GROUP BY g ORDER BY g`
    expect(await both.here(text)).toEqual(await both.there(wanted))
    const windowed = `SELECT DISTINCT g, approx_percentile(g, i) OVER (PARTITION BY g) ${from} ORDER BY g`
    expect(await both.here(windowed)).toEqual(await both.there(wanted))
    expect(await both.here(`SELECT approx_percentile(i, i) FROM ${T}`)).toEqual({
      rows: [['5']],
    })
    expect(await both.here(`SELECT approx_percentile(2, i) FROM ${T}`)).toEqual({
      error: '22003 0',
    })
  })

  test.each(seedsOf(25))('seed %i: all over random rows', { timeout: 120_000 }, async (seed) => {
    const rows = rowsOf(randomOf(seed))
    const texts = [...PAIRED, 'count'].map((name) => {
      const call = name === 'count' ? 'count(y)' : `${name}(y, x)`
      // No groups: PostgreSQL may sort for them, and sums are of the rows in their order.
      return `SELECT ${call} FILTER (WHERE k = 0), ${call} FILTER (WHERE k > 0), ${call} FROM ${rows}`
    })
    const bits = BITS.map((name) => `${name}(i), ${name}(i::int8 * 5)`).join()
    texts.push(`SELECT k, ${bits} FROM ${rows} GROUP BY k ORDER BY k`)
    texts.push(
      `SELECT percentile_disc('{0,0.3,0.7,1}'::float8[]) WITHIN GROUP (ORDER BY y) FROM ${rows}`,
    )
    expect(await differences(both, texts)).toEqual([])
  })
})
