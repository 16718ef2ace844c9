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
