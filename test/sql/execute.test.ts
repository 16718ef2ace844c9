import { describe, expect, test } from 'vitest'
import './grammar-module.ts'
import { bind } from '../../sql/bind/bind.ts'
import { execute } from '../../sql/execute/execute.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import { functionTable } from '../../sql/functions/table.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { printValue } from '../../sql/value-text.ts'

const surroundings = {
  now: 1_700_000_000_000_000_000n,
  timeZone: 'UTC',
  database: 'test',
  user: 'test',
  setting: () => null,
}

function context(budget: number) {
  let held = 0
  return {
    surroundings,
    check() {},
    async pause() {},
    hold(bytes: number) {
      held += bytes
      if (held > budget) throw new SqlError('53200', 'out of memory')
    },
  }
}

/** Rows of a statement: values separated by `|`, rows by a space and `/`. */
async function run(text: string, budget = Infinity): Promise<string> {
  const bound = await bind(text, [], { relation: () => null }, functionTable, surroundings)
  if (!('query' in bound.body)) throw new Error('no query')
  const lines: string[] = []
  for await (const batch of execute(bound.body.query, context(budget), [])) {
    for (let row = 0; row < batch.rowCount; row++) {
      const values = bound.columns!.map(({ type }, index) => {
        const value = valueAt(batch.columns[index]!, type, row)
        return value === null ? 'NULL' : printValue(type, value, surroundings)
      })
      lines.push(values.join('|'))
    }
  }
  return lines.join(' / ')
}

const T = `(VALUES (1, 'a', 1.5::float8), (2, 'b', 'NaN'), (3, 'a', NULL), (4, NULL, -2)) t(i, s, f)`

/** What PostgreSQL 15 answers to each; where OmenDB means another type, its text is the same. */
const CASES: readonly (readonly [statement: string, rows: string])[] = [
  ['SELECT 1 + 2, 7 / 2, -7 / 2, -7 % 3, 2.5 * 2, 1.0 / 3', '3|3|-3|-1|5.0|0.33333333333333333333'],
  ['SELECT 2::float8 ^ 10, round(2.5::numeric), round(2.5::float8), 7.5::int4', '1024|3|2|8'],
  [`SELECT i FROM ${T} ORDER BY f DESC`, '3 / 2 / 1 / 4'],
  [`SELECT i FROM ${T} ORDER BY s, i DESC LIMIT 3`, '3 / 1 / 2'],
  [`SELECT i FROM ${T} WHERE f > 1 AND s IS NOT NULL`, '1 / 2'],
  [`SELECT s, count(*), sum(f) FROM ${T} GROUP BY s ORDER BY s`, 'a|2|1.5 / b|1|NaN / NULL|1|-2'],
  [`SELECT count(*), max(i) FROM ${T} WHERE i > 10`, '0|NULL'],
  [`SELECT count(DISTINCT s), count(*) FILTER (WHERE f > 0) FROM ${T}`, '2|2'],
  [`SELECT string_agg(i::text, ',' ORDER BY i DESC) FROM ${T}`, '4,3,2,1'],
  [`SELECT array_agg(s ORDER BY i) FROM ${T}`, '{a,b,a,NULL}'],
  ['SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY g) FROM generate_series(1, 4) g', '2.5'],
  ['SELECT sum(g), avg(g) FROM generate_series(1, 100000) g', '5000050000|50000.5'],
  ['SELECT first(g, -g), last(g, -g) FROM generate_series(1, 9) g', '9|1'],
  ['SELECT g % 3, count(*) FROM generate_series(1, 10) g GROUP BY 1 ORDER BY 1', '0|3 / 1|4 / 2|3'],
  ['SELECT g FROM generate_series(1, 20000) g ORDER BY g DESC LIMIT 2 OFFSET 1', '19999 / 19998'],
  ['SELECT g FROM generate_series(1, 10000) g OFFSET 9998', '9999 / 10000'],
  ['SELECT 2.345::numeric(9,2), (-2.345)::numeric(3,1), 12345::numeric(5,-2)', '2.35|-2.3|12300'],
  [
    `SELECT 'abcdef'::varchar(3), '2026-01-01 00:00:00.9996'::timestamp(3)`,
    'abc|2026-01-01 00:00:01',
  ],
  ['SELECT generate_series(1, 3), generate_series(5, 6)', '1|5 / 2|6 / 3|NULL'],
  [
    'SELECT a, b FROM generate_series(1, 3) a LEFT JOIN generate_series(2, 4) b ON a = b ORDER BY a',
    '1|NULL / 2|2 / 3|3',
  ],
  [
    'SELECT a, b FROM generate_series(1, 2) a FULL JOIN generate_series(2, 3) b ON a = b ORDER BY 1, 2',
    '1|NULL / 2|2 / NULL|3',
  ],
  [
    'SELECT a, b FROM generate_series(1, 3) a JOIN generate_series(1, 3) b ON a < b ORDER BY 1, 2',
    '1|2 / 1|3 / 2|3',
  ],
  [
    'SELECT a, x FROM generate_series(1, 2) a, LATERAL (SELECT a * 10 AS x) l ORDER BY 1',
    '1|10 / 2|20',
  ],
  [
    'SELECT a FROM generate_series(1, 4) a WHERE EXISTS (SELECT 1 FROM generate_series(2, 3) b WHERE a = b)',
    '2 / 3',
  ],
  [
    'SELECT a, (SELECT max(b) FROM generate_series(1, a) b) FROM generate_series(1, 2) a',
    '1|1 / 2|2',
  ],
  ['SELECT a FROM generate_series(1, 5) a WHERE a NOT IN (SELECT 2 UNION SELECT 4)', '1 / 3 / 5'],
  ['SELECT 1 NOT IN (2, NULL), 2 IN (2, NULL), NULL IN (1)', 'NULL|t|NULL'],
  ['SELECT 1 UNION SELECT 1 UNION ALL SELECT 1', '1 / 1'],
  ['SELECT g FROM generate_series(1, 3) g EXCEPT SELECT 2 ORDER BY 1', '1 / 3'],
  ['WITH a AS (SELECT 1 AS x) SELECT x, (SELECT x FROM a) FROM a', '1|1'],
  [
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r',
    '15',
  ],
  ['SELECT DISTINCT ON (g % 2) g FROM generate_series(1, 5) g ORDER BY g % 2, g DESC', '4 / 5'],
  ['SELECT CASE WHEN g <> 0 THEN 10 / g ELSE 0 END FROM generate_series(0, 2) g', '0 / 10 / 5'],
  ['SELECT coalesce(NULL, 2), NULL IS DISTINCT FROM 1, 1 IS NOT DISTINCT FROM 1', '2|t|t'],
  ['SELECT NULL AND false, NULL OR true, NOT NULL::bool', 'f|t|NULL'],
  [`SELECT 'abc' LIKE 'a%', 'abc' ~ '^b', upper('é'), length('日本')`, 't|f|É|2'],
  [
    `SELECT substr('hello', 2, 3), split_part('a-b-c', '-', 2), replace('aXa', 'X', 'y')`,
    'ell|b|aya',
  ],
  [`SELECT lpad('7', 3, '0'), trim(' x '), 'a' || 'b', left('abc', -1)`, '007|x|ab|ab'],
  [`SELECT time_bucket('5 min', '2024-01-01 00:07:30Z'::timestamptz)`, '2024-01-01 00:05:00+00'],
  [`SELECT date_trunc('month', '2024-02-29 12:00Z'::timestamptz)`, '2024-02-01 00:00:00+00'],
  [`SELECT '2024-01-31Z'::timestamptz + '1 month'::interval`, '2024-02-29 00:00:00+00'],
  [`SELECT '2024-07-01 12:00Z'::timestamptz AT TIME ZONE 'Europe/Berlin'`, '2024-07-01 14:00:00'],
  [`SELECT extract(epoch FROM '1970-01-02Z'::timestamptz)`, '86400.000000'],
  [`SELECT '2024-01-02Z'::timestamptz - '2024-01-01Z'::timestamptz`, '1 day'],
  ['SELECT unnest FROM unnest(ARRAY[3, NULL, 1])', '3 / NULL / 1'],
  [
    `SELECT * FROM unnest(ARRAY[1, 2], '{a}'::text[], NULL::int4[]) WITH ORDINALITY u (a, b, c, n)`,
    '1|a|NULL|1 / 2|NULL|NULL|2',
  ],
  [`SELECT '{1,2}'::int4[] = ARRAY[1, 2], greatest(1, 3, 2), least(2, NULL)`, 't|3|2'],
]

const FAILING: readonly (readonly [statement: string, sqlstate: string])[] = [
  ['SELECT 1 / (g - 1) FROM generate_series(1, 2) g', '22012'],
  ['SELECT 2147483647 + g FROM generate_series(1, 1) g', '22003'],
  ['SELECT 9223372036854775807 + g FROM generate_series(1, 1) g', '22003'],
  ['SELECT 1e308::float8 * g FROM generate_series(10, 10) g', '22003'],
  ['SELECT (SELECT g FROM generate_series(1, 2) g)', '21000'],
  ['SELECT sqrt(-g) FROM generate_series(1, 1) g', '2201F'],
  ['SELECT 1 LIMIT -1', '2201W'],
]

async function sqlstateOf(text: string, budget?: number): Promise<string> {
  try {
    await run(text, budget)
  } catch (error) {
    return error instanceof SqlError ? error.sqlstate : String(error)
  }
  return 'none'
}

describe('execute', () => {
  test.each(CASES)('%s answers %s', async (statement, rows) => {
    expect(await run(statement)).toBe(rows)
  })

  test.each(FAILING)('%s fails with %s', async (statement, sqlstate) => {
    expect(await sqlstateOf(statement)).toBe(sqlstate)
  })

  test('a sort above its budget fails with 53200', async () => {
    const statement = 'SELECT g FROM generate_series(1, 100000) g ORDER BY g DESC'
    expect(await sqlstateOf(statement, 100_000)).toBe('53200')
  })
})
