// Texts that come again are planned once, and never answer what they would not if they were planned anew:
// tables change, zones and settings are set, the clock goes on, sessions are others'.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { sessionsOf } from '../../sql/database.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import type { Surroundings } from '../../sql/function.ts'
import type { OpenSession, PreparedStatement, SqlSession } from '../../sql/session.ts'
import { Looks } from '../../sql/looks.ts'
import { PlanCache } from '../../sql/session/plan-cache.ts'
import type { Plan } from '../../sql/session/plan.ts'
import './grammar-module.ts'

let db: Database
let openSession: OpenSession
let described = 0

beforeEach(async () => {
  db = await open('memory:')
  const columns = db.columns.bind(db)
  db.columns = (...given) => {
    described++
    return columns(...given)
  }
  openSession = sessionsOf(db)
})
afterEach(() => db.close())

const sessionOf = (user = 'tester'): Promise<SqlSession> =>
  openSession({ database: 'default', user, access: new Set(['read', 'write', 'admin'] as const) })

async function answer(session: SqlSession, text: string, ...values: unknown[]): Promise<unknown[]> {
  return rowsOf(await session.prepare(text), ...values)
}

/** Names of columns, then the rows. */
async function rowsOf(statement: PreparedStatement, ...values: unknown[]): Promise<unknown[]> {
  const running = await statement.run(values)
  if (running.kind !== 'rows') return []
  const rows: unknown[] = [running.columns.map(({ name }) => name).join()]
  for await (const { rowCount, columns } of running.batches) {
    for (let row = 0; row < rowCount; row++) {
      rows.push(running.columns.map(({ type }, i) => valueAt(columns[i]!, type, row)))
    }
  }
  return rows
}

async function write(line: string): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(line))
  await batch.commit('fsync')
}

test('a text is planned once, also for other sessions and values', async () => {
  await write('t,host=a x=1,y=2 1000000000')
  const [one, two] = [await sessionOf(), await sessionOf('other')]
  const text = 'SELECT x, y + $1 AS sum FROM t'
  expect(await answer(one, text, 1)).toEqual(['x,sum', [1, 3]])
  const first = await one.prepare(text)
  const again = await two.prepare(text)
  expect(again.parameters).toBe(first.parameters)
  expect(await answer(two, text, 5)).toEqual(['x,sum', [1, 7]])
  const typed = await one.prepare(text, [first.parameters[0]!])
  expect(typed.parameters).not.toBe(first.parameters)
  // Tables are looked at each time.
  const before = described
  await answer(one, text, 1)
  expect(described).toBeGreaterThan(before)
})

test('tables that change are seen', async () => {
  const session = await sessionOf()
  await expect(session.prepare('SELECT * FROM t')).rejects.toMatchObject({ sqlstate: '42P01' })
  await write('t,host=a x=1 1000000000')
  expect(await answer(session, 'SELECT * FROM t')).toEqual([
    'time,host,x',
    [1_000_000_000n, 'a', 1],
  ])
  await write('t,host=a z=3 1000000000')
  expect(await answer(session, 'SELECT * FROM t')).toEqual([
    'time,host,x,z',
    [1_000_000_000n, 'a', 1, 3],
  ])
  await db.dropTable('t')
  await expect(session.prepare('SELECT * FROM t')).rejects.toMatchObject({ sqlstate: '42P01' })
  await write('t,host=a x=7i 1000000000')
  expect(await answer(session, 'SELECT x + 1 AS x FROM t')).toEqual(['x', [8n]])
  expect(await answer(session, 'SELECT * FROM t')).toEqual([
    'time,host,x',
    [1_000_000_000n, 'a', 7n],
  ])
})

test('constants are read in the zone of the session', async () => {
  const session = await sessionOf()
  const time = `SELECT extract(epoch FROM TIMESTAMPTZ '2026-01-01 00:00:00')::int8 AS at`
  const utc = BigInt(Date.UTC(2026, 0, 1) / 1000)
  expect(await answer(session, time)).toEqual(['at', [utc]])
  await answer(session, `SET TimeZone = 'Europe/Berlin'`)
  expect(await answer(session, time)).toEqual(['at', [utc - 3600n]])
})

test('a plan that has read a setting is for that value alone', () => {
  const looks = new Looks()
  const surroundingsOf = (value: string): Surroundings => ({
    ...{ now: 0n, timeZone: 'UTC', database: 'default', user: 'tester' },
    setting: () => value,
  })
  looks.through(surroundingsOf('one')).setting('datestyle')
  const plan = { statement: { body: { query: null } } } as unknown as Plan
  const cache = new PlanCache()
  cache.put('text', plan, looks)
  expect(cache.get('text', surroundingsOf('one'))).toBe(plan)
  expect(cache.get('text', surroundingsOf('two'))).toBeNull()
  for (let i = 0; i < 256; i++) cache.put(`other ${i}`, plan, new Looks())
  expect(cache.get('text', surroundingsOf('one'))).toBeNull()
  expect(cache.get('other 0', surroundingsOf('one'))).toBe(plan)
})

test('what passes is not kept', async () => {
  const [one, two] = [await sessionOf('anna'), await sessionOf('bert')]
  const user = 'SELECT current_user::text AS name'
  expect(await answer(one, user)).toEqual(['name', ['anna']])
  expect(await answer(two, user)).toEqual(['name', ['bert']])
  const now = `SELECT extract(epoch FROM TIMESTAMPTZ 'now')::float8 AS at`
  const at = async (): Promise<number> => ((await answer(one, now))[1] as [number])[0]
  const first = await at()
  await expect.poll(at, { timeout: 20_000 }).toBeGreaterThan(first)
})

// What a statement asks the engine is kept between its runs.
test('a statement that runs again asks for the day of its zone and the hour of its clock', async () => {
  const hour = 3_600_000_000_000n
  const now = BigInt(Date.now()) * 1_000_000n
  await write(`t,host=a x=1 ${now - hour / 2n}`)
  await write(`d,host=a x=1 ${10n * hour}\nd,host=a x=2 ${23n * hour}`)
  const session = await sessionOf()
  const recent = await session.prepare(
    `SELECT count(x) AS n FROM t WHERE time > now() - interval '1 hour'`,
  )
  expect(await rowsOf(recent)).toEqual(['n', [1n]])
  const days = await session.prepare(
    `SELECT date_trunc('day', time) AS day, sum(x) AS x FROM d GROUP BY 1 ORDER BY 1`,
  )
  const utc = ['day,x', [0n, 3]]
  expect(await rowsOf(days)).toEqual(utc)
  expect(await rowsOf(days)).toEqual(utc)
  await answer(session, `SET TimeZone = 'Europe/Berlin'`)
  expect(await rowsOf(days)).toEqual(['day,x', [-hour, 1], [23n * hour, 2]])
  await answer(session, `SET TimeZone = 'UTC'`)
  expect(await rowsOf(days)).toEqual(utc)
  const before = await session.prepare(`SELECT sum(x) AS x FROM d WHERE time < $1`)
  expect(await rowsOf(before, 20n * hour)).toEqual(['x', [1]])
  expect(await rowsOf(before, 24n * hour)).toEqual(['x', [3]])
  await write(`d,host=b x=5 ${hour}`)
  expect(await rowsOf(days)).toEqual(['day,x', [0n, 8]])
  // The engine's clock goes on under the same statement.
  const later = Date.now() + 7_200_000
  const clock = vi.spyOn(Date, 'now').mockReturnValue(later)
  try {
    expect(await rowsOf(recent)).toEqual(['n', [0n]])
  } finally {
    clock.mockRestore()
  }
})
