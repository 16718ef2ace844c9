// Commands side by side with PostgreSQL 15: the same statements in the same order, the same counts, rows
// and SQLSTATEs, and the same points in the end.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { openEngine, run } from './setup.ts'

const CREATE = `CREATE TABLE cpu (time timestamptz NOT NULL, host text, usage float8, cores int8,
  busy bool, note text NOT NULL, PRIMARY KEY (host, time))`

const at = (second: number): string => `'2026-01-01 00:00:${String(second).padStart(2, '0')}Z'`

/** In this order: later ones see what earlier ones did. */
const STATEMENTS: readonly string[] = [
  CREATE,
  CREATE,
  CREATE.replace('TABLE', 'TABLE IF NOT EXISTS'),
  `INSERT INTO cpu VALUES (${at(1)}, 'a', 0.5, 4, true, 'x'), (${at(2)}, 'b', -1e300, 5, false, 'ü')`,
  `INSERT INTO cpu (note, time, host, usage) VALUES ('q', ${at(3)}, 'a', 'NaN') RETURNING *`,
  `INSERT INTO cpu (note, time, host) VALUES ('q', NULL, 'a')`,
  `INSERT INTO cpu (note, host) VALUES ('q', 'a')`,
  `INSERT INTO cpu (time, host, usage) VALUES (${at(9)}, 'a', 1)`,
  `INSERT INTO cpu (time, note, usage) VALUES (${at(9)}, 'n', 1)`,
  `INSERT INTO cpu (time, host, usage) VALUES (${at(9)}, 'a', 'many')`,
  `INSERT INTO cpu (time, host, cores, note) VALUES (${at(9)}, 'a', 9223372036854775808, 'z')`,
  `INSERT INTO cpu (time, host, cores, note) VALUES (${at(9)}, 'a', true, 'z')`,
  `INSERT INTO cpu VALUES (${at(1)}, 'a', 7, 7, true, 'y'), (${at(4)}, 'a', 7, 7, true, 'y')
    ON CONFLICT DO NOTHING`,
  `INSERT INTO cpu VALUES (${at(1)}, 'a', 8, 8, true, 'y'), (${at(5)}, 'a', 8, 8, true, 'y')
    ON CONFLICT (host, time) DO NOTHING RETURNING time, usage`,
  `INSERT INTO cpu VALUES (${at(5)}, 'c', 1, 1, true, 'one'), (${at(5)}, 'c', 2, 2, true, 'two')
    ON CONFLICT DO NOTHING RETURNING note`,
  `INSERT INTO cpu VALUES (${at(1)}, 'a', 9, 99, false, 'u'), (${at(6)}, 'b', 9, 9, true, 'u')
    ON CONFLICT (time, host) DO UPDATE SET usage = excluded.usage RETURNING *, usage * 2 AS twice`,
  `INSERT INTO cpu VALUES (${at(7)}, 'a', 1, 1, true, 'u'), (${at(7)}, 'a', 2, 2, true, 'v')
    ON CONFLICT (time, host) DO UPDATE SET usage = excluded.usage`,
  `INSERT INTO cpu SELECT time + interval '1 hour', host, usage * 2, cores, busy, note FROM cpu
    WHERE cores > 4`,
  `INSERT INTO cpu SELECT generate_series(timestamptz '2027-01-01Z', '2027-01-02Z', '1 minute'), 'g',
    1.5, 2, NULL, 'series'`,
  `SELECT count(*), sum(usage) FROM cpu WHERE host = 'g'`,
  `DELETE FROM cpu WHERE host = 'g' AND time < '2027-01-01 12:00Z'`,
  `DELETE FROM cpu WHERE host = 'g' AND extract(minute FROM time) < 30`,
  `DELETE FROM cpu WHERE usage > 100`,
  `DELETE FROM cpu WHERE usage IS NULL`,
  `DELETE FROM cpu WHERE host = 'g' AND time BETWEEN '2027-01-01 13:40Z' AND '2027-01-01 13:45Z' RETURNING time, note`,
  `DELETE FROM cpu WHERE cores * 2 = 8 AND host <> 'zz' RETURNING host, cores`,
  `DELETE FROM cpu WHERE note IN (SELECT note FROM cpu WHERE host = 'c')`,
  `DELETE FROM cpu WHERE host = 'nobody'`,
  `DELETE FROM cpu WHERE NULL`,
  `DELETE FROM cpu WHERE unknown = 1`,
  `DELETE FROM cpu WHERE time > '2030-01-01Z' AND time < '2020-01-01Z'`,
  `ALTER TABLE cpu ADD COLUMN load float8`,
  `ALTER TABLE cpu ADD COLUMN load float8`,
  `ALTER TABLE cpu ADD COLUMN IF NOT EXISTS load float8`,
  `INSERT INTO cpu VALUES (${at(30)}, 'l', 1, 2, true, 'n', 3.25) RETURNING *`,
  `ALTER TABLE cpu DROP COLUMN nothing`,
  `ALTER TABLE cpu DROP COLUMN IF EXISTS nothing`,
  `ALTER TABLE cpu DROP COLUMN cores`,
  `INSERT INTO cpu VALUES (${at(31)}, 'l', 1, true, 'n', 4) RETURNING *`,
  `ALTER TABLE cpu ADD COLUMN one float8, ADD COLUMN two bigint, ADD COLUMN IF NOT EXISTS load float8`,
  `INSERT INTO cpu VALUES (${at(32)}, 'm', 1, true, 'n', 4, 5.5, 6) RETURNING *`,
  `ALTER TABLE cpu ADD COLUMN three text, ADD COLUMN one float8`,
  `ALTER TABLE cpu DROP COLUMN one, DROP COLUMN nothing`,
  `ALTER TABLE cpu DROP COLUMN one, DROP COLUMN one`,
  `ALTER TABLE cpu ADD COLUMN three text, ADD COLUMN three text`,
  `SELECT * FROM cpu WHERE host = 'm'`,
  `ALTER TABLE cpu ADD COLUMN two text, DROP COLUMN two`,
  `ALTER TABLE cpu DROP COLUMN one, DROP COLUMN IF EXISTS nothing, ADD COLUMN four boolean`,
  `INSERT INTO cpu VALUES (${at(33)}, 'm', 1, true, 'n', 4, 'two', false) RETURNING *`,
  `SELECT * FROM cpu WHERE host = 'm' ORDER BY time`,
  `ALTER TABLE cpu DROP COLUMN two, DROP COLUMN four`,
  `ALTER TABLE missing ADD COLUMN x float8`,
  `ALTER TABLE missing ADD COLUMN x float8, DROP COLUMN y`,
  `DELETE FROM missing`,
  `DROP TABLE missing`,
  `DROP TABLE IF EXISTS missing`,
  `DROP TABLE cpu, missing`,
  `INSERT INTO cpu VALUES (${at(40)}, 'é', 0.1, false, 'last', NULL)`,
  `SELECT * FROM cpu ORDER BY host, time`,
  `TRUNCATE cpu`,
  `SELECT count(*) FROM cpu`,
  `TRUNCATE missing`,
  `INSERT INTO cpu VALUES (${at(40)}, 'é', 0.1, false, 'last', NULL)`,
  `DELETE FROM cpu`,
  `DROP TABLE cpu`,
  `SELECT * FROM cpu`,
  `CREATE TABLE odd (load float8 NOT NULL, rack text, at timestamptz, host text, "Up" bool,
    PRIMARY KEY (host, rack, at))`,
  `INSERT INTO odd VALUES (1.5, 'r1', ${at(1)}, 'h', true), (2, 'r2', ${at(1)}, 'h', NULL)`,
  `INSERT INTO odd VALUES (2, NULL, ${at(1)}, 'h', NULL)`,
  `INSERT INTO odd VALUES (NULL, 'r2', ${at(2)}, 'h', NULL)`,
  `SELECT * FROM odd WHERE at = ${at(1)} ORDER BY rack`,
  `DELETE FROM odd WHERE "Up" RETURNING *`,
  `SELECT * FROM odd`,
  `DROP TABLE odd`,
  `CREATE DATABASE other`,
  `CREATE DATABASE other`,
  `DROP DATABASE other`,
  `DROP DATABASE other`,
  `DROP DATABASE IF EXISTS other`,
]

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('commands beside PostgreSQL', () => {
  let oracle: Postgres
  let engine: Database

  beforeAll(async () => {
    ;[oracle, engine] = await Promise.all([startPostgres(), openEngine()])
  }, 120_000)
  afterAll(() => oracle?.close(), 60_000)

  const ask = async (text: string): Promise<unknown> => {
    try {
      const { rows, count } = await oracle.query(text)
      return { rows, count: /^(INSERT|DELETE|SELECT)/.test(text) ? count : null }
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  const answer = async (text: string): Promise<unknown> => {
    try {
      const { rows, tag } = await run(engine, text)
      const count = /^(INSERT|DELETE|SELECT)/.test(text) ? Number(tag!.split(' ').at(-1)) : null
      return { rows, count }
    } catch (error) {
      const { sqlstate } = error as { sqlstate?: string }
      if (sqlstate === undefined) throw error
      return sqlstate
    }
  }

  test('every statement answers the same', { timeout: 120_000 }, async () => {
    for (const text of STATEMENTS) expect(await answer(text), text).toEqual(await ask(text))
  })
})
