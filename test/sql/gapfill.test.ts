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
