// Forms of expressions beside PostgreSQL 15: the same rows, or the same SQLSTATE at the same place.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingPostgres } from '../postgres.ts'
import { type Beside, differences, startBeside } from './beside.ts'

const ARGUMENTS = [
  `SELECT make_interval(days => 1), make_interval(1, 2, secs := 1.5), make_interval(hours => 5, years => 1)`,
  `SELECT make_interval(dayz => 1)`,
  `SELECT make_interval(1, years => 1)`,
  `SELECT make_interval(days => 1, days => 2)`,
  `SELECT make_interval(days => 1, 2)`,
  `SELECT make_date(day => 1, month => 2, year => 2020), make_time(hour => 1, min => 2, sec => 3)`,
  `SELECT make_date(day => 1, month => 2)`,
  `SELECT abs(x => 1)`,
  `SELECT jsonb_set('{"a":1}', '{b}', '2', create_if_missing => false), jsonb_set(jsonb_in => '{"a":1}', path => '{a}', replacement => '2')`,
  `SELECT make_interval(days => 'x'::text)`,
  `SELECT make_interval(days => '7')`,
  `SELECT concat(VARIADIC ARRAY[1,2,3]), concat_ws(',', VARIADIC ARRAY['a', NULL, 'c']), format('%s-%s', VARIADIC ARRAY['a','b'])`,
  `SELECT concat(VARIADIC NULL::text[]), concat_ws(',', VARIADIC NULL::text[]), format('x', VARIADIC NULL::text[])`,
  `SELECT jsonb_build_array(VARIADIC ARRAY[1,2]), json_build_object(VARIADIC ARRAY['a','1']), jsonb_build_array(VARIADIC '{}'::int[])`,
  `SELECT concat(VARIADIC 'a')`,
  `SELECT concat(VARIADIC 1)`,
  `SELECT abs(VARIADIC ARRAY[1])`,
  `SELECT concat(VARIADIC a) FROM (VALUES (ARRAY['a','b']), ('{}'), (NULL), ('{c}')) t(a)`,
  `SELECT * FROM generate_series(start => 1, stop => 2)`,
  `SELECT count(x => 1)`,
  `SELECT * FROM make_interval(days => 10)`,
  `SELECT greatest(VARIADIC ARRAY[1])`,
  `SELECT sum(VARIADIC ARRAY[1])`,
]

const ROWS = [
  `SELECT (1, 2) IN (SELECT x, x + 1 FROM generate_series(1, 3) x), (1, 3) IN (SELECT x, x + 1 FROM generate_series(1, 3) x), (1, 2) NOT IN (SELECT x, x + 1 FROM generate_series(1, 3) x)`,
  `SELECT (1, NULL) IN (SELECT x, x + 1 FROM generate_series(1, 3) x), (9, NULL) IN (SELECT x, x + 1 FROM generate_series(1, 3) x), (1, 2) IN (SELECT 1, NULL::int), (2, 2) IN (SELECT 1, NULL::int), (1, 2) IN (SELECT 1, 1 WHERE false)`,
  `SELECT (1, 'a') IN (SELECT 1, 'a'), (1, 'a') IN (SELECT 1.0, 'a'::text), (1::int8, 2.5) = ANY (SELECT 1, 2.5)`,
  `SELECT (1, 2) = (SELECT 1, 2), (1, 2) < (SELECT 1, 3), (1, 2) >= (SELECT 1, 2), (1, 2) = (SELECT 1, 2 WHERE false), (1, NULL) = (SELECT 2, 3), (1, NULL) <> (SELECT 2, 3), (1, NULL) < (SELECT 2, 3), (1, NULL) < (SELECT 1, 3)`,
  `SELECT (1, 2) = (SELECT x, 2 FROM generate_series(1, 2) x)`,
  `SELECT (1, 2) IN (SELECT 1)`,
  `SELECT (1, 2) IN (SELECT 1, 2, 3)`,
  `SELECT (1, 2) = (SELECT 1)`,
  `SELECT (1, 'x'::text) IN (SELECT 1, 2)`,
  `SELECT (1, 2) @> (SELECT 1, 2)`,
  `SELECT (1, 2) > ALL (SELECT x, 5 FROM generate_series(0, 2) x), (3, 2) > ALL (SELECT x, 5 FROM generate_series(0, 2) x), (1, 2) < ANY (SELECT x, 5 FROM generate_series(0, 2) x), (1, 2) <> ALL (SELECT x, 5 FROM generate_series(0, 2) x)`,
  `SELECT g, (g, g + 1) IN (SELECT x, y FROM (VALUES (1, 2), (2, NULL), (NULL, 4), (5, 6)) v(x, y)) FROM generate_series(1, 6) g ORDER BY g`,
  `SELECT g FROM generate_series(1, 6) g WHERE (g, g * 2) NOT IN (SELECT x, x + 2 FROM generate_series(1, 5) x) ORDER BY g`,
  `SELECT a, b FROM (VALUES (1, 'a'), (2, 'b')) t(a, b) WHERE (a, b) IN (SELECT a, max(b) FROM (VALUES (1, 'a'), (1, 'A'), (2, 'c')) u(a, b) GROUP BY a)`,
  `SELECT a FROM generate_series(1, 3) a WHERE (a, 2) = (SELECT b, 2 FROM generate_series(1, 3) b WHERE b = a AND b > 1) ORDER BY 1`,
  `SELECT r < s, r = s, r <> s, r >= s FROM (VALUES (ROW(1, 'a'::text), ROW(1, 'b'::text))) t(r, s)`,
  `SELECT r = s FROM (VALUES (ROW(1, NULL::int), ROW(1, NULL::int))) t(r, s)`,
  `SELECT r < s FROM (VALUES (ROW(1, NULL::int), ROW(1, 2))) t(r, s)`,
  `SELECT r < s FROM (SELECT ROW(1, 2), ROW(1, 'a'::text)) t(r, s)`,
  `SELECT r = s FROM (SELECT ROW(1, 2), ROW(1, 2, 3)) t(r, s)`,
  `SELECT t = u FROM (VALUES (1, 2)) t(a, b), (VALUES (1, 2), (3, 4)) u(a, b)`,
  `SELECT t FROM (VALUES (2, 'b'), (1, 'c'), (1, 'a')) t(a, b) ORDER BY t`,
  `SELECT DISTINCT t FROM (VALUES (2, 'b'), (1, 'c'), (1, 'c')) t(a, b) ORDER BY t DESC`,
  `SELECT t, count(*) FROM (VALUES (2, 'b'), (1, 'c'), (1, 'c')) t(a, b) GROUP BY t ORDER BY t DESC`,
  `SELECT t IN (SELECT u FROM (VALUES (1, 2), (3, NULL)) u(a, b)) FROM (VALUES (1, 2), (3, 4), (3, NULL)) t(a, b)`,
  `SELECT (1, (2, 3)) IN (SELECT 1, ROW(2, 3))`,
  `SELECT (t).* FROM (VALUES (1, 2)) t(a, b)`,
  `SELECT (t.x).a FROM (SELECT 1 AS a) s, LATERAL (SELECT s AS x) t`,
  `SELECT (t.x).*, 5 FROM (SELECT 1 AS a, 'q'::text AS b) s, LATERAL (SELECT s AS x) t`,
  `SELECT (x).* FROM (SELECT 1 AS x) t`,
  `SELECT ROW(t.*), ROW(t.*, 3), ROW(0, t.*) FROM (VALUES (1, 2)) t(a, b)`,
  `SELECT count(t.*), max(t.a) FROM (VALUES (1, 2), (2, NULL)) t(a, b)`,
  `SELECT row_to_json(t.*) FROM (VALUES (1, 2)) t(a, b)`,
  `SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) AS t(x, y)`,
  `SELECT * FROM ROWS FROM (generate_series(1, 2), abs(-5), unnest(ARRAY[1.5, 2.5, 3.5])) WITH ORDINALITY`,
  `SELECT f.a, f.b FROM (VALUES (2), (3)) v(n), ROWS FROM (generate_series(1, n), generate_series(n, 4)) f(a, b) ORDER BY n, 1, 2`,
  `SELECT (1, 2) IN ((1, 2), (3, 4)), (1, 2) = ANY (ARRAY[ROW(1, 2), ROW(3, 4)])`,
  `SELECT array_agg(t ORDER BY t DESC) FROM (VALUES (1, 2), (1, 3)) t(a, b)`,
  `SELECT 'x'::text = 1`,
  `SELECT 'pg_class'::regclass = 'pg_class'::regclass, 'pg_class'::regclass = 1259, 1259 = 'pg_class'::regclass, 'pg_class'::regclass < 'pg_type'::regclass, 'pg_class'::regclass IN ('pg_class', 'pg_type'), 'pg_class'::regclass = ANY (ARRAY['pg_class'::regclass])`,
  `SELECT count(*) FROM (SELECT DISTINCT x FROM (VALUES ('int4'::regtype), ('int4'::regtype)) t(x)) u`,
  `SELECT count(*) FROM (VALUES ('int4'::regtype)) t(x) JOIN (VALUES ('int4'::regtype)) u(x) USING (x)`,
]

const OBJECTS = [
  `SELECT 'pg_class'::regclass, 'int4'::regtype, 'pg_catalog'::regnamespace, 'abs(integer)'::regprocedure, 0::regclass, 12345678::regclass`,
  `SELECT ARRAY['pg_class', 'pg_type']::regclass[], ROW('int4'::regtype, 1)`,
  `SELECT oid::regclass, relkind FROM pg_class WHERE relname = 'pg_type'`,
  `SELECT concat('pg_class'::regclass, '-'), 'pg_class'::regclass || '!', to_json('int4'::regtype), array_to_string(ARRAY['int4'::regtype, 'text'::regtype], ','), format('%s', 'int8'::regtype), jsonb_build_array('int4'::regtype)`,
  `SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof(NULL::text), pg_typeof(now()), pg_typeof(ARRAY[1]), pg_typeof(ROW(1)), pg_typeof(pg_typeof(1))`,
  `SELECT 'float8'::regtype::oid, 'float8'::regtype::text, 'float8'::regtype::int4`,
  `SELECT typname, typinput, typoutput FROM pg_type WHERE typname IN ('int4', 'text', 'bool') ORDER BY 1`,
  `SELECT max(attrelid::regclass::text), count(*) FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attname = 'relname'`,
  `SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attname = 'relname'`,
  `SELECT 'nothere'::regclass`,
  `SELECT r FROM (VALUES ('text'::regtype), ('int4'), ('bool')) t(r) ORDER BY r`,
  `SELECT string_agg(r::text, ',' ORDER BY r::text) FROM (VALUES ('text'::regtype), ('int4')) t(r)`,
]

const AGGREGATES = [
  `SELECT (SELECT max(t.x)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT (SELECT count(*)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT k, (SELECT sum(t.x) + 1), (SELECT string_agg(u.y || ':' || sum(t.x), ',' ORDER BY u.y) FROM (VALUES ('a'), ('b')) u(y)) FROM (VALUES (1, 1), (1, 3), (2, 2)) t(k, x) GROUP BY k ORDER BY k`,
  `SELECT k FROM (VALUES (1, 1), (1, 3), (2, 2)) t(k, x) GROUP BY k HAVING EXISTS (SELECT 1 FROM (VALUES (4)) u(y) WHERE u.y = sum(t.x)) ORDER BY k`,
  `SELECT k, (SELECT min(y) FROM (VALUES (1), (3), (5)) u(y) WHERE y > avg(t.x)) FROM (VALUES (1, 1), (1, 3), (2, 4)) t(k, x) GROUP BY k ORDER BY k`,
  `SELECT (SELECT sum(t.x + u.y) FROM (VALUES (10), (20)) u(y)) FROM (VALUES (1), (2)) t(x)`,
  `SELECT x FROM (VALUES (1), (3), (2)) t(x) WHERE (SELECT max(t.x)) > 1`,
  `SELECT sum((SELECT max(t.x))) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT x, (SELECT max(t.x)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT (SELECT (SELECT max(t.x) + min(u.y) FROM (VALUES (1)) v(z)) FROM (VALUES (5), (6)) u(y)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT (SELECT (SELECT max(t.x)) FROM (VALUES (5)) u(y)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT (SELECT count(t.x) FILTER (WHERE t.x > 1)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT (SELECT count(t.x) FILTER (WHERE u.y > 1) FROM (VALUES (1), (2)) u(y)) FROM (VALUES (1), (3)) t(x)`,
  `SELECT k FROM (VALUES (1, 1), (2, 9), (2, 2)) t(k, x) GROUP BY k ORDER BY (SELECT max(t.x)) DESC`,
  `SELECT k, k IN (SELECT max(t.x)), max(t.x) FROM (VALUES (1, 1), (2, 9), (2, 2)) t(k, x) GROUP BY k ORDER BY k`,
  `SELECT (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t.x)) FROM (VALUES (1), (3), (2)) t(x)`,
  `SELECT t.x, s.m FROM (VALUES (1), (3)) t(x), LATERAL (SELECT max(t.x) AS m) s`,
  `SELECT (SELECT max(t.x) OVER ()) FROM (VALUES (1), (3)) t(x) ORDER BY 1`,
  `SELECT (SELECT sum(max(t.x)) OVER ()) FROM (VALUES (1), (3)) t(x)`,
]

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('forms beside PostgreSQL', () => {
  let both: Beside

  beforeAll(async () => {
    both = await startBeside()
  }, 120_000)
  afterAll(() => both?.close(), 60_000)

  test('arguments by name, and VARIADIC', { timeout: 120_000 }, async () => {
    expect(await differences(both, ARGUMENTS)).toEqual([])
  })

  test('rows: compared, tested against queries, taken apart', { timeout: 120_000 }, async () => {
    expect(await differences(both, ROWS)).toEqual([])
  })

  test('rows of a query that may be equal but for nulls are found beside many', async () => {
    // Keys find whole rows; those with a null are compared one by one.
    const pairs = `SELECT x, CASE x % 500 WHEN 0 THEN NULL ELSE x * 2 END FROM generate_series(1, 5000) x`
    const text = `SELECT g, (g, g * 2) IN (${pairs}) FROM generate_series(499, 501) g ORDER BY g`
    const rows = [
      ['499', 't'],
      ['500', null],
      ['501', 't'],
    ]
    expect(await both.here(text)).toEqual({ rows })
    expect(await both.there(text)).toEqual({ rows })
  })

  test('what names objects prints the names', { timeout: 120_000 }, async () => {
    expect(await differences(both, OBJECTS)).toEqual([])
  })

  test('aggregates are of the query whose columns they read', { timeout: 120_000 }, async () => {
    expect(await differences(both, AGGREGATES)).toEqual([])
  })

  test('time_bucket has the names that TimescaleDB gives', async () => {
    const time = `'2026-03-05 10:00Z'::timestamptz`
    const text = `SELECT time_bucket('1 week', ${time}, origin => '2026-03-01'),
      time_bucket('1 day', ts => ${time}, timezone => 'Asia/Tokyo'),
      time_bucket(bucket_width => '1 day', ts => ${time})`
    expect(await both.here(text)).toEqual({
      rows: [['2026-03-01 00:00:00+00', '2026-03-04 15:00:00+00', '2026-03-05 00:00:00+00']],
    })
    const wrong = `SELECT time_bucket('1 week', ${time}, start => '2026-03-01')`
    expect(await both.here(wrong)).toEqual({ error: '42883 8' })
  })
})
