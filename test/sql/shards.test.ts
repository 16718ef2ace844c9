// SQL over a database of several shards: the same statements, in the same order, over one that was split in
// the middle of them and over one that was not, have the same answers.

import './grammar-module.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../engine/database.ts'
import { sessionsOf } from '../../sql/database.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import type { Running, SqlSession } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { SqlEngine } from '../../sql/tables/engine.ts'
import { printValue } from '../../sql/value-text.ts'
import { Deployment } from '../engine/shards/deployment.ts'
import { TINY_OPTIONS, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

/** A minute of nine hosts in each of ten statements: a shard of a test takes few rows at once. */
function pointsOf(start: string): string {
  const minutes = Array.from({ length: 10 }, (_, k) => [6 * k, 6 * k + 5])
  return minutes
    .map(
      ([from, to]) =>
        `INSERT INTO cpu SELECT 'h' || h, 'r' || h % 3, '${start}'::timestamptz + i * interval '10 seconds', (h * 37 + i * 11) % 101 / 4.0, h * 1000 + i, i % 2 = 0, CASE WHEN i % 3 = 0 THEN 'w' || i END FROM generate_series(1, 9) h, generate_series(${from}, ${to}) i`,
    )
    .join(';\n')
}

const BEFORE = `
CREATE TABLE declared (zone text, at timestamptz, warm float8 NOT NULL, note text, PRIMARY KEY (zone, at));
INSERT INTO declared VALUES ('a', '2026-01-01T00:00:00Z', 1.5, 'one'), ('b', '2026-01-01T00:00:01Z', 2.5, NULL);
CREATE TABLE cpu (host text, rack text, time timestamptz, busy float8, steps int8, up bool, word text, PRIMARY KEY (host, rack, time));
${pointsOf('2026-01-01T00:00:00Z')}`

const AFTER = `
INSERT INTO declared VALUES ('c', '2028-01-02T00:00:00Z', 3.5, 'two');
${pointsOf('2028-01-02T00:00:00Z')};
SELECT * FROM declared ORDER BY at;
SELECT count(*), count(word), min(busy), max(busy), sum(steps), min(time), max(time) FROM cpu;
SELECT host, count(*), avg(busy), sum(steps), max(word) FROM cpu GROUP BY host ORDER BY host;
SELECT time_bucket('5 minutes', time) AS bucket, rack, sum(steps), bool_or(up), stddev(busy) FROM cpu WHERE time >= '2026-01-01T00:03:00Z' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT date_trunc('day', time), percentile_cont(0.5) WITHIN GROUP (ORDER BY busy) FROM cpu GROUP BY 1 ORDER BY 1;
SELECT DISTINCT ON (host) host, time, busy FROM cpu ORDER BY host, time DESC;
SELECT host, last(busy, time), first(steps, time) FROM cpu GROUP BY host ORDER BY host;
SELECT * FROM cpu WHERE host = 'h3' AND time < '2026-01-01T00:01:00Z' ORDER BY time;
SELECT * FROM cpu WHERE busy > 24 AND NOT up ORDER BY time, host LIMIT 7;
SELECT time, busy FROM cpu WHERE host = 'h4' ORDER BY time DESC LIMIT 5;
SELECT a.host, count(*) FROM cpu a JOIN cpu b ON a.time = b.time AND a.rack = b.rack AND a.host < b.host GROUP BY 1 ORDER BY 1;
SELECT host, time, busy - lag(busy) OVER (PARTITION BY host ORDER BY time) FROM cpu WHERE host IN ('h1', 'h2') AND time > '2028-01-02T00:09:00Z' ORDER BY 1, 2;
WITH t AS (SELECT host, max(busy) AS top FROM cpu GROUP BY host) SELECT cpu.host, time, top FROM t JOIN cpu ON cpu.host = t.host AND cpu.busy = t.top ORDER BY 1, 2;
SELECT time_bucket_gapfill('1 minute', time) AS bucket, locf(avg(busy)) FROM cpu WHERE host = 'h1' AND time >= '2028-01-02T00:00:00Z' AND time < '2028-01-02T00:12:00Z' GROUP BY 1 ORDER BY 1;
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position;
SELECT relname FROM pg_class WHERE relnamespace = 2200 ORDER BY 1;
INSERT INTO cpu VALUES ('h1', 'r1', '2028-01-02T00:00:00Z', 99, 1, true, 'new') ON CONFLICT (host, rack, time) DO UPDATE SET busy = excluded.busy RETURNING host, busy, steps;
INSERT INTO cpu VALUES ('h1', 'r1', '2028-01-02T00:00:00Z', 98, 1, true, 'new') ON CONFLICT DO NOTHING;
SELECT * FROM cpu WHERE host = 'h1' AND time = '2028-01-02T00:00:00Z';
INSERT INTO nowhere VALUES (1);
INSERT INTO cpu (host, rack, time, steps) VALUES ('h1', 'r1', now(), 'many');
INSERT INTO declared (zone, at) VALUES ('d', '2028-01-03T00:00:00Z');
DELETE FROM cpu WHERE host = 'h2' AND time < '2026-01-01T00:05:00Z' RETURNING 1;
DELETE FROM cpu WHERE busy > 20;
SELECT count(*), sum(steps) FROM cpu;
ALTER TABLE declared ADD COLUMN depth int8;
INSERT INTO declared VALUES ('d', '2028-01-04T00:00:00Z', 4.5, 'three', 7);
SELECT * FROM declared ORDER BY at;
ALTER TABLE declared DROP COLUMN note;
SELECT * FROM declared ORDER BY at;
CREATE TABLE made_later (at timestamptz, v float8, k text, PRIMARY KEY (k, at));
INSERT INTO made_later VALUES ('2028-01-05T00:00:00Z', 1, 'k'), ('2028-01-05T00:00:01Z', 2, 'l');
SELECT * FROM made_later ORDER BY at;
DROP TABLE declared;
SELECT * FROM declared;
TRUNCATE cpu;
SELECT count(*) FROM cpu;
SELECT sum(v) FROM made_later`

const statements = (text: string): string[] => text.trim().split(';\n')

let deployment: Deployment
let alone: Database
let sessions: { one: SqlSession; several: SqlSession }

beforeAll(async () => {
  deployment = await Deployment.start(7)
  alone = await openDatabase(await simulatedHost(new SimulatedDisk(8).open()), TINY_OPTIONS)
  const coordinator = await deployment.coordinator()
  const engine: SqlEngine = coordinator as unknown as SqlEngine
  await coordinator.createDatabase('default')
  const options = {
    database: 'default',
    user: 'tester',
    access: new Set(['read', 'write', 'admin'] as const),
  }
  sessions = {
    one: await sessionsOf(alone)(options),
    several: await sessionsOf(engine)(options),
  }
  for (const text of statements(BEFORE)) await both(text)
  await deployment.catalog.split('default', deployment.shards()[0]!)
})

afterAll(async () => {
  await deployment.close()
  await alone.close()
})

async function outcome(session: SqlSession, text: string): Promise<string> {
  try {
    return await answer(await (await session.prepare(text)).run([]))
  } catch (error) {
    if (error instanceof SqlError)
      return `${error.sqlstate} ${error.position ?? 0} ${error.message}`
    throw error
  }
}

/** Rows as texts; floats with as many digits as sums in another order share. */
async function answer(running: Running): Promise<string> {
  if (running.kind === 'done') return running.tag
  if (running.kind !== 'rows') return running.kind
  const lines: string[] = []
  let count = 0
  for await (const batch of running.batches) {
    count += batch.rowCount
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = running.columns.map(({ type }, index) => {
        const value = valueAt(batch.columns[index]!, type, row)
        if (value === null) return 'NULL'
        if (type.name === 'float8') return (value as number).toPrecision(12)
        return printValue(type, value, { now: 0n, timeZone: 'UTC' })
      })
      lines.push(cells.join('|'))
    }
  }
  return [...lines, running.tag(count)].join('\n')
}

async function both(text: string): Promise<string> {
  const one = await outcome(sessions.one, text)
  expect(await outcome(sessions.several, text)).toBe(one)
  return one
}

test('statements before and after a split have the answers of one database', async () => {
  expect(deployment.shards().length).toBe(3)
  const answers: string[] = []
  for (const text of statements(AFTER)) answers.push(await both(text))
  const refused = answers.flatMap((one) => /^([0-9A-Z]{5}) \d+ /.exec(one)?.[1] ?? [])
  expect(refused).toEqual(['42P01', '22P02', '23502', '42P01'])
  expect(answers[1]).toBe('INSERT 0 54')
  // The order of the columns is the declared one on the other side of the split, too.
  expect(answers[11]!.split('\n').at(-2)).toBe('c|2028-01-02 00:00:00+00|3.50000000000|two')
  expect(answers[12]!.startsWith('1080|360|')).toBe(true)
})
