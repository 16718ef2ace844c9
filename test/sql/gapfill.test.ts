// time_bucket_gapfill, locf and interpolate: what TimescaleDB's documentation says of them, and random
// series beside a generate_series with a LEFT JOIN.

import { expect, test } from 'vitest'
import { bind } from '../../sql/bind/bind.ts'
import { execute } from '../../sql/execute/execute.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import { functionTable } from '../../sql/functions/table.ts'
import { planNode } from '../../sql/plan/plan.ts'
import type { SqlError } from '../../sql/sql-error.ts'
import { printValue } from '../../sql/value-text.ts'
import { randomOf, seedsOf } from '../random.ts'
import { surroundings } from './bind-setup.ts'
import './grammar-module.ts'

const run = { surroundings, check() {}, async pause() {}, hold() {} }

async function rowsOf(text: string): Promise<string[]> {
  const bound = await bind(text, [], { relation: () => null }, functionTable, surroundings)
  if (!('query' in bound.body)) throw new Error('no query')
  const lines: string[] = []
  for await (const batch of execute(planNode(bound.body.query), run, [])) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = bound.columns!.map(({ type }, index) => {
        const value = valueAt(batch.columns[index]!, type, row)
        if (value === null) return 'NULL'
        return printValue(type, value, surroundings)
          .replace(':00:00+00', 'h')
          .replace('2026-01-', '')
      })
      lines.push(cells.join('|'))
    }
  }
  return lines
}

const POINTS = `(VALUES ('2026-01-01 00:10Z'::timestamptz, 'a', 1::float8), ('2026-01-01 03:20Z', 'a', 4),
  ('2026-01-01 01:00Z', 'b', 10)) p(time, host, v)`
const DAY = `time >= '2026-01-01 00:00Z' AND time < '2026-01-01 05:00Z'`

test('a row for every bucket of what WHERE asks, of each group', async () => {
  const text = `SELECT time_bucket_gapfill('1 hour', time) AS hour, host, avg(v), count(*) FROM ${POINTS}
    WHERE ${DAY} GROUP BY 1, 2 ORDER BY 2, 1`
  expect(await rowsOf(text)).toEqual([
    ...['01 00h|a|1|1', '01 01h|a|NULL|NULL', '01 02h|a|NULL|NULL', '01 03h|a|4|1'],
    ...['01 04h|a|NULL|NULL', '01 00h|b|NULL|NULL', '01 01h|b|10|1', '01 02h|b|NULL|NULL'],
    ...['01 03h|b|NULL|NULL', '01 04h|b|NULL|NULL'],
  ])
})

test('locf carries, interpolate draws a line between what there is', async () => {
  const text = `SELECT time_bucket_gapfill('1 hour', time) AS hour, locf(avg(v)), interpolate(avg(v)),
    interpolate(sum(v::int8)) + 1 FROM ${POINTS} WHERE host = 'a' AND ${DAY} GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(text)).toEqual([
    '01 00h|1|1|2',
    '01 01h|1|2|3',
    '01 02h|1|3|4',
    '01 03h|4|4|5',
    '01 04h|4|NULL|NULL',
  ])
})

test('the range may be given, or be that of the rows; no rows are a group when nothing else groups', async () => {
  const given = `SELECT time_bucket_gapfill('2 hours', time, '2026-01-01', '2026-01-01 06:00Z') AS t,
    count(*) FROM ${POINTS} WHERE host = 'z' GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(given)).toEqual(['01 00h|NULL', '01 02h|NULL', '01 04h|NULL'])
  const own = `SELECT time_bucket_gapfill('1 hour', time), max(v) FROM ${POINTS} GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(own)).toEqual(['01 00h|1', '01 01h|10', '01 02h|NULL', '01 03h|4'])
})

test('months are of the calendar', async () => {
  const months = `SELECT time_bucket_gapfill('1 month', t, '2026-01-15', '2026-04-01'), sum(v)
    FROM (VALUES ('2026-02-10'::timestamptz, 5)) p(t, v) GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(months)).toEqual(['01 00h|NULL', '2026-02-01 00h|5', '2026-03-01 00h|NULL'])
})

test('too many buckets, and widths that are none, are refused', async () => {
  const stateOf = (text: string): Promise<string> =>
    rowsOf(text).then(
      () => 'no error',
      (error: SqlError) => error.sqlstate,
    )
  const width = (text: string): string =>
    `SELECT time_bucket_gapfill('${text}', time), count(*) FROM ${POINTS} WHERE ${DAY} GROUP BY 1`
  expect(await stateOf(width('1 millisecond'))).toBe('54000')
  expect(['22023', '22008', '22003']).toContain(await stateOf(width('0 seconds')))
})

test.each(seedsOf(30))('seed %i: as generate_series with a LEFT JOIN', async (seed) => {
  const random = randomOf(seed)
  const points = Array.from({ length: 1 + random.int(20) }, () => {
    return `(${random.int(60)}, '${random.pick(['a', 'b'])}', ${random.int(100)})`
  })
  const from = `(SELECT '2026-01-01Z'::timestamptz + m * interval '1 minute' AS time, host, v::float8
    FROM (VALUES ${points.join()}) r(m, host, v)) p`
  const width = `${1 + random.int(9)} minutes`
  const filled =
    await rowsOf(`SELECT time_bucket_gapfill('${width}', time) AS b, host, sum(v), count(v)
    FROM ${from} WHERE time >= '2026-01-01 00:03Z' AND time <= '2026-01-01 00:50Z' GROUP BY 1, 2 ORDER BY 2, 1`)
  const joined =
    await rowsOf(`WITH q AS (SELECT time_bucket('${width}', time) AS b, host, sum(v) AS s,
      count(v) AS n FROM ${from} WHERE time BETWEEN '2026-01-01 00:03Z' AND '2026-01-01 00:50Z' GROUP BY 1, 2)
    SELECT g.b, h.host, q.s, q.n FROM (SELECT DISTINCT host FROM q) h CROSS JOIN
      generate_series(time_bucket('${width}', '2026-01-01 00:03Z'::timestamptz), '2026-01-01 00:50Z', '${width}') g(b)
      LEFT JOIN q ON q.b = g.b AND q.host = h.host ORDER BY 2, 1`)
  expect(filled).toEqual(joined)
})

const GAPS = `(VALUES ('2026-01-01 02:10Z'::timestamptz, 'a', 10::float8), ('2026-01-01 02:20Z', 'b', 40),
  ('2026-01-01 03:20Z', 'b', NULL)) p(time, host, v)`
const OTHERS = `(VALUES ('2025-12-31 22:00Z'::timestamptz, 'a', 6::float8), ('2025-12-31 20:00Z', 'a', 1),
  ('2026-01-01 08:00Z', 'a', 22), ('2025-12-31 12:00Z', 'c', 0)) o(time, host, v)`
const filledBy = (calls: string): string =>
  `SELECT time_bucket_gapfill('1 hour', time) AS hour, host, ${calls} FROM ${GAPS}
    WHERE ${DAY} GROUP BY 1, 2 ORDER BY 2, 1`
/** The last column of each row, per host. */
const last = async (calls: string): Promise<Record<string, string[]>> => {
  const found: Record<string, string[]> = {}
  for (const row of await rowsOf(filledBy(calls))) {
    const [, host, value] = row.split('|')
    ;(found[host!] ??= []).push(value!)
  }
  return found
}

test('locf begins with what its second argument gives, and only where a gap is first', async () => {
  const before = `(SELECT v FROM ${OTHERS} WHERE o.host = p.host ORDER BY o.time DESC LIMIT 1)`
  const earlier = before.replace('WHERE', "WHERE o.time < '2026-01-01' AND")
  expect(await last(`locf(sum(v), ${earlier})`)).toEqual({
    ...{ a: ['6', '6', '10', '10', '10'], b: ['NULL', 'NULL', '40', 'NULL', 'NULL'] },
  })
  expect(await last(`locf(sum(v), 7)`)).toEqual({
    ...{ a: ['7', '7', '10', '10', '10'], b: ['7', '7', '40', 'NULL', 'NULL'] },
  })
  const there = filledBy(
    `locf(sum(v), 1 / (time_bucket_gapfill('1 hour', time) > '2026-01-01')::int4)`,
  )
  // Both hosts begin with a gap, whose bucket is the first: the division fails.
  await expect(rowsOf(there)).rejects.toThrow('division by zero')
  await expect(rowsOf(there.replace(DAY, `time >= '2026-01-01 02:00Z'`))).resolves.toHaveLength(4)
})

test('locf passes over nulls if it is told so, by place or by name', async () => {
  const passed = { a: ['NULL', 'NULL', '10', '10', '10'], b: ['NULL', 'NULL', '40', '40', '40'] }
  expect(await last('locf(sum(v), NULL, true)')).toEqual(passed)
  expect(await last('locf(sum(v), treat_null_as_missing => true)')).toEqual(passed)
  expect(await last('locf(sum(v), treat_null_as_missing := false, prev := 1.0)')).toEqual({
    ...{ a: ['1', '1', '10', '10', '10'], b: ['1', '1', '40', 'NULL', 'NULL'] },
  })
})

test('interpolate draws its lines from and to the rows that it is given', async () => {
  const sample = (order: string): string =>
    `(SELECT (o.time, o.v) FROM ${OTHERS} WHERE o.host = p.host AND ${order} LIMIT 1)`
  const before = sample(`o.time < '2026-01-01 00:00Z' ORDER BY o.time DESC`)
  const after = sample(`o.time > '2026-01-01 05:00Z' ORDER BY o.time`)
  // From 6 at 22:00 to 10 at 02:00, and on to 22 at 08:00.
  expect((await last(`interpolate(sum(v), ${before}, ${after})`))['a']).toEqual([
    ...['8', '9', '10', '12', '14'],
  ])
  expect((await last(`interpolate(sum(v), next => ${after})`))['a']).toEqual([
    ...['NULL', 'NULL', '10', '12', '14'],
  ])
  expect(await last(`interpolate(sum(v), ${before})`)).toEqual({
    ...{ a: ['8', '9', '10', 'NULL', 'NULL'], b: ['NULL', 'NULL', '40', 'NULL', 'NULL'] },
  })
  // Between two rows alone, in whole numbers and decimals.
  const ends = `ROW('2026-01-01 00:00Z'::timestamptz, 0), ROW('2026-01-01 06:00Z'::timestamptz, 3)`
  const alone = `SELECT time_bucket_gapfill('1 hour', time, '2026-01-01 00:00Z', '2026-01-01 06:00Z'),
    interpolate(sum(v::int8), ${ends}), interpolate(sum(v::numeric), ${ends}),
    interpolate(max(v::int4), ${ends}) FROM ${GAPS} WHERE false GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(alone)).toEqual([
    ...['01 00h|0|0|0', '01 01h|0|0.5|0', '01 02h|1|1|1', '01 03h|1|1.5|1', '01 04h|2|2|2'],
    '01 05h|2|2.5|2',
  ])
})

test.each([
  ['locf()', '42883'],
  ['locf(sum(v), 1, true, 2)', '42883'],
  [`locf(sum(v), 'x'::text)`, '42883'],
  ['locf(sum(v), prev => 1, prev => 2)', '42601'],
  ['locf(sum(v), prev => 1, true)', '42601'],
  ['locf(sum(v), last => 1)', '42883'],
  ['locf(sum(v), 1, 2)', '42804'],
  ['locf(v)', '0A000'],
  ['locf(sum(v), v)', '42803'],
  ['interpolate(sum(v), ROW(1))', '22023'],
  ['interpolate(sum(v), ROW(1, 2))', '22023'],
  [`interpolate(sum(v), ROW('2026-01-01'::timestamptz, 'x'::text))`, '22023'],
  ['interpolate(max(host))', '42883'],
])('%s is refused', async (call, state) => {
  await expect(rowsOf(filledBy(call))).rejects.toMatchObject({ sqlstate: state })
})

test('the range may be what a query gives', async () => {
  const text = `SELECT time_bucket_gapfill('1 hour', time, (SELECT min(time) FROM ${POINTS}),
    (SELECT max(time) FROM ${POINTS})) AS h, count(*) FROM ${POINTS} WHERE host = 'b' GROUP BY 1 ORDER BY 1`
  expect(await rowsOf(text)).toEqual(['01 00h|NULL', '01 01h|1', '01 02h|NULL', '01 03h|NULL'])
})
