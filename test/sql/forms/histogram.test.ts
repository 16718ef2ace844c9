// histogram beside PostgreSQL 15, where TimescaleDB's is written in PL/pgSQL over width_bucket.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingPostgres } from '../postgres.ts'
import { type Beside, differences, startBeside } from './beside.ts'

const STEP = `CREATE FUNCTION histogram_step(state int4[], x float8, low float8, high float8, n int4)
  RETURNS int4[] LANGUAGE plpgsql AS $$
  DECLARE bucket int4;
  BEGIN
    IF x IS NULL OR low IS NULL OR high IS NULL OR n IS NULL THEN RETURN state; END IF;
    bucket := width_bucket(x, low, high, n) + 1;
    state := coalesce(state, array_fill(0, ARRAY[n + 2]));
    IF cardinality(state) <> n + 2 THEN
      RAISE EXCEPTION USING errcode = '22023', message = 'number of buckets must not change';
    END IF;
    state[bucket] := state[bucket] + 1;
    RETURN state;
  END $$`
const AGGREGATE = `CREATE AGGREGATE histogram(float8, float8, float8, int4)
  (sfunc = histogram_step, stype = int4[])`

const T = `(VALUES ('a', 1, 0.5), ('a', 2, -3), ('a', 3, 10), ('b', 4, 9.999), ('b', 5, NULL),
  ('b', 6, 2), ('c', 7, NULL), ('a', 8, 5), ('a', 9, 5.1), ('b', 10, 1e300)) t(k, i, x)`

const STATEMENTS = [
  `SELECT histogram(x, 0, 10, 5) FROM ${T}`,
  `SELECT k, histogram(x, 0, 10, 4) FROM ${T} GROUP BY k ORDER BY k`,
  `SELECT k, histogram(x, 10, 0, 4) FROM ${T} GROUP BY k ORDER BY k`,
  `SELECT histogram(x, 0, 10, 1) FILTER (WHERE k = 'a') FROM ${T}`,
  `SELECT histogram(DISTINCT x, 0, 10, 3 ORDER BY x) FROM ${T}`,
  `SELECT histogram(x, 0, 10, 3) FROM ${T} WHERE false`,
  `SELECT i, histogram(x, 0, 10, 2) OVER (PARTITION BY k ORDER BY i) FROM ${T} ORDER BY i`,
  `SELECT i, histogram(x, 0, 10, 2) OVER (ORDER BY i ROWS 2 PRECEDING) FROM ${T} ORDER BY i`,
  `SELECT (histogram(x, 0, 10, 2))[1], (histogram(i, 0::int8, 5::real, 2))[2:] FROM ${T}`,
  `SELECT b, c FROM (SELECT histogram(x, 0, 10, 3) h FROM ${T}) s, unnest(h) WITH ORDINALITY u(c, b)`,
  `SELECT k, histogram(x, 0, CASE k WHEN 'a' THEN 10 ELSE 2 END, 2) FROM ${T} GROUP BY ROLLUP (k) ORDER BY k`,
  `SELECT histogram('infinity'::float8, 0, 10, 2), histogram('-infinity'::float8, 0, 10, 2)`,
  `SELECT histogram(x, 0, 0, 2) FROM ${T}`,
  `SELECT histogram(x, 0, 10, 0) FROM ${T}`,
  `SELECT histogram(x, 0, 'infinity', 1) FROM ${T}`,
  `SELECT histogram('NaN'::float8, 0, 10, 1)`,
  `SELECT histogram(x, 0, 10, i) FROM ${T}`,
  `SELECT histogram(x, 0, NULL, 3) FROM ${T}`,
  `SELECT histogram(x, 0, 10) FROM ${T}`,
  `SELECT histogram(k, 0, 10, 4) FROM ${T}`,
]

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('histogram', () => {
  let both: Beside

  beforeAll(async () => {
    both = await startBeside()
    for (const text of [STEP, AGGREGATE]) expect(await both.there(text)).toEqual({ rows: [] })
  }, 120_000)
  afterAll(() => both?.close(), 60_000)

  test('counts as width_bucket says, in groups, windows and filters', async () => {
    expect(await differences(both, STATEMENTS)).toEqual([])
  }, 120_000)

  test('more buckets than a statement may hold are refused', async () => {
    const text = 'SELECT histogram(g, 0, 1, 20000000) FROM generate_series(1, 9) g GROUP BY g'
    expect(await both.here(text)).toEqual({ error: '53200 0' })
  })
})
