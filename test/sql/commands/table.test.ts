// What commands mean here and not in PostgreSQL: keys that are overwritten, times as milliseconds,
// retention, and what a table of points cannot be.

import { expect, test } from 'vitest'
import { sessionsOf } from '../../../sql/database.ts'
import { type Outcome, finish, openEngine, run, stateOf } from './setup.ts'

const CREATE =
  'CREATE TABLE cpu (time timestamptz, host text, u float8, n int8, PRIMARY KEY (host, time))'

async function cpu() {
  const engine = await openEngine()
  await run(engine, CREATE)
  return engine
}

test('INSERT overwrites the point of a key, field by field', async () => {
  const engine = await cpu()
  await run(engine, `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 1, 1), ('2026-01-01Z', 'b', 1, 1)`)
  const again = `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 2, NULL), ('2026-01-01Z', 'a', 3, NULL)`
  expect((await run(engine, again)).tag).toBe('INSERT 0 2')
  const { rows } = await run(engine, 'SELECT host, u, n FROM cpu ORDER BY host')
  expect(rows).toEqual([
    ['a', '3', '1'],
    ['b', '1', '1'],
  ])
  const returned = await run(
    engine,
    `INSERT INTO cpu VALUES ('2026-01-01Z', 'b', NULL, 7), ('2026-01-01Z', 'b', 9, NULL) RETURNING u, n`,
  )
  expect(returned.rows).toEqual([
    ['1', '7'],
    ['9', '7'],
  ])
})

test('the statement of the seed: a time in milliseconds, a value, a text', async () => {
  const engine = await openEngine()
  await run(
    engine,
    'CREATE TABLE metrics (timestamp timestamptz PRIMARY KEY, value float8, metadata text)',
  )
  const insert = `INSERT INTO metrics VALUES (1790000000000, 1.5, '{"a":1}'), ($1, $2, $3)`
  await run(engine, insert, [1_790_000_001_000_000_000n, 2.5, 'b'])
  const query = `SELECT * FROM metrics WHERE timestamp > 1790000000000 AND timestamp < 1790000002000`
  expect((await run(engine, query)).rows).toEqual([['2026-09-21 14:13:21+00', '2.5', 'b']])
  await run(engine, 'INSERT INTO metrics SELECT g, g, NULL FROM generate_series(1, 3) g')
  const { rows } = await run(engine, 'SELECT timestamp FROM metrics ORDER BY 1 LIMIT 1')
  expect(rows).toEqual([['1970-01-01 00:00:00.001+00']])
})

test('DO UPDATE takes no value away', async () => {
  const engine = await cpu()
  await run(engine, `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 1, NULL)`)
  const update = (value: string): string =>
    `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 2, ${value})
      ON CONFLICT (host, time) DO UPDATE SET n = excluded.n RETURNING u, n`
  expect((await run(engine, update('NULL'))).rows).toEqual([['1', null]])
  expect((await run(engine, update('5'))).rows).toEqual([['1', '5']])
  expect(await stateOf(() => run(engine, update('NULL')))).toBe('0A000')
})

test('of statements that run at once, one inserts and the others do nothing', async () => {
  const engine = await cpu()
  const insert = (n: number): string =>
    `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', ${n}, ${n}) ON CONFLICT DO NOTHING`
  const tags = await Promise.all([1, 2, 3, 4].map(async (n) => (await run(engine, insert(n))).tag))
  expect(tags.filter((tag) => tag === 'INSERT 0 1')).toHaveLength(1)
  expect(tags.filter((tag) => tag === 'INSERT 0 0')).toHaveLength(3)
})

test('a row without a value in any field is refused, and its statement stores nothing', async () => {
  const engine = await cpu()
  const insert = `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 1, 1), ('2026-01-01Z', 'b', NULL, NULL)`
  expect(await stateOf(() => run(engine, insert))).toBe('23514')
  const infinite = `INSERT INTO cpu VALUES ('2026-01-01Z', 'a', 1, 1), ('infinity', 'b', 1, 1)`
  expect(await stateOf(() => run(engine, infinite))).toBe('22008')
  expect((await run(engine, 'SELECT * FROM cpu')).rows).toEqual([])
})

test('a delete of single points takes these and no others, of many series', async () => {
  const engine = await cpu()
  await run(
    engine,
    `INSERT INTO cpu SELECT timestamptz '2026-01-01Z' + g * interval '1 second', 'h' || (g % 700)::text, g, g
      FROM generate_series(0, 2999) g`,
  )
  const { tag } = await run(engine, 'DELETE FROM cpu WHERE n % 3 = 0 OR u * 2 = 2')
  expect(tag).toBe('DELETE 1001')
  const { rows } = await run(engine, 'SELECT count(*), min(n), count(DISTINCT host) FROM cpu')
  expect(rows).toEqual([['1999', '2', '700']])
})

test('retention is set, changed and reset', async () => {
  const engine = await openEngine()
  await run(engine, `${CREATE} WITH (retention = '30 d')`)
  const retention = async () => (await engine.table('cpu')).retention
  expect(await retention()).toBe('30d')
  await run(engine, `ALTER TABLE cpu SET (retention = '12 hours')`)
  expect(await retention()).toBe('12h')
  const old = `INSERT INTO cpu VALUES ('2020-01-01Z', 'a', 1, 1)`
  expect(await stateOf(() => run(engine, old))).toBe('23514')
  await run(engine, 'ALTER TABLE cpu RESET (retention)')
  expect(await retention()).toBe(null)
  for (const wrong of [`retention = 'soon'`, 'fillfactor = 70', `retention = '200 years'`]) {
    expect(await stateOf(() => run(engine, `ALTER TABLE cpu SET (${wrong})`)), wrong).toBe('22023')
  }
})

const REFUSED: readonly (readonly [statement: string, state: string])[] = [
  ['CREATE TABLE t (time timestamptz, u float8)', '0A000'],
  ['CREATE TABLE t (time timestamp PRIMARY KEY, u float8)', '0A000'],
  ['CREATE TABLE t (time timestamptz, n int8, u float8, PRIMARY KEY (n, time))', '0A000'],
  ['CREATE TABLE t (at timestamptz, time text, u float8, PRIMARY KEY (time, at))', '0A000'],
  ['CREATE TABLE t (time timestamptz PRIMARY KEY, u numeric(10, 2))', '0A000'],
  ['CREATE TABLE t (time timestamptz PRIMARY KEY, u bytea)', '0A000'],
  ['ALTER TABLE cpu ADD COLUMN x float8 NOT NULL', '0A000'],
  ['ALTER TABLE cpu DROP COLUMN host', '0A000'],
  ['ALTER TABLE cpu DROP COLUMN time', '0A000'],
  [`INSERT INTO cpu VALUES ('2026-01-01Z', '', 1, 1)`, '0A000'],
  ['DROP DATABASE "default"', '55006'],
  ['CREATE DATABASE _omendb_x', '42939'],
  ['CREATE DATABASE "a b"', '42602'],
]

test.each(REFUSED)('%s is %s', async (statement, state) => {
  const engine = await cpu()
  expect(await stateOf(() => run(engine, statement))).toBe(state)
})

test('what was declared is there after the table was made anew by writes, or under its old order', async () => {
  const engine = await openEngine()
  await run(
    engine,
    'CREATE TABLE w (b float8, at timestamptz, a float8, host text, PRIMARY KEY (host, at))',
  )
  const columns = async () =>
    (await run(engine, `INSERT INTO w VALUES (1, '2026-01-01Z', 2, 'h') RETURNING *`)).rows
  expect(await columns()).toEqual([['1', '2026-01-01 00:00:00+00', '2', 'h']])
  const batch = engine.batch()
  batch.lineProtocol(new TextEncoder().encode('w,host=h,rack=r extra=1 0'))
  await batch.commit('memory')
  expect(await columns()).toEqual([['1', '2026-01-01 00:00:00+00', '2', 'h', null, null]])
  await run(engine, 'DROP TABLE w')
  const again = engine.batch()
  again.lineProtocol(new TextEncoder().encode('w,host=h b=1,a=2 0'))
  await again.commit('memory')
  const { rows } = await run(engine, 'SELECT * FROM w')
  expect(rows).toEqual([['1970-01-01 00:00:00+00', 'h', '2', '1']])
})

test('what a session asks of a table whose time has another name comes from the engine', async () => {
  const engine = await openEngine()
  const access = new Set(['read', 'write', 'admin'] as const)
  const session = await sessionsOf(engine)({ database: 'default', user: 'tester', access })
  const ask = async (text: string): Promise<Outcome> =>
    finish(await (await session.prepare(text)).run([]))
  await ask(
    'CREATE TABLE metrics (value float8, "timestamp" timestamptz, tag text, PRIMARY KEY (tag, timestamp))',
  )
  await ask(`INSERT INTO metrics SELECT g, timestamptz '2026-01-01Z' + g * interval '1 minute', 'a'
    FROM generate_series(0, 119) g`)
  const buckets = `SELECT time_bucket('1 hour', timestamp) AS hour, count(*), avg(value), last(value, timestamp)
    FROM metrics WHERE timestamp >= '2026-01-01Z' AND timestamp < '2026-01-02Z' GROUP BY 1 ORDER BY 1`
  expect((await ask(buckets)).rows).toEqual([
    ['2026-01-01 00:00:00+00', '60', '29.5', '59'],
    ['2026-01-01 01:00:00+00', '60', '89.5', '119'],
  ])
  const last = 'SELECT DISTINCT ON (tag) * FROM metrics ORDER BY tag, timestamp DESC'
  expect((await ask(last)).rows).toEqual([['119', '2026-01-01 01:59:00+00', 'a']])
  const copied = `INSERT INTO metrics SELECT avg(value), time_bucket('1 hour', timestamp), 'mean' FROM metrics
    GROUP BY 2 RETURNING *`
  expect(await ask(copied)).toEqual({
    tag: 'INSERT 0 2',
    rows: [
      ['29.5', '2026-01-01 00:00:00+00', 'mean'],
      ['89.5', '2026-01-01 01:00:00+00', 'mean'],
    ],
  })
  const named = `SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 'metrics'`
  expect((await ask(named)).rows).toEqual([
    ['value', 'YES'],
    ['timestamp', 'NO'],
    ['tag', 'NO'],
  ])
})
