// What sessions do with time: statements that sleep, the order of dates that are numbers, digests of
// bytes (which take none). PostgreSQL 15 says what dates mean.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { sessionsOf } from '../../sql/database.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import type { SqlSession } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { printValue } from '../../sql/value-text.ts'
import { runHere, runThere } from './generated/compare.ts'
import './grammar-module.ts'
import { type Postgres, missingPostgres, startPostgres } from './postgres.ts'

let db: Database
let postgres: Postgres

beforeAll(async () => {
  db = await open('memory:')
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(async () => {
  await postgres?.close()
  await db.close()
})

const openSession = (): Promise<SqlSession> =>
  sessionsOf(db, { bytesMax: 2 ** 24 })({
    database: 'default',
    user: 'tester',
    access: new Set(['read', 'write', 'admin']),
  })

/** Cells by rows, or the SQLSTATE. */
async function answer(session: SqlSession, text: string, signal?: AbortSignal): Promise<string> {
  try {
    const running = await (await session.prepare(text)).run([], { signal })
    if (running.kind !== 'rows') return running.kind
    const rows: string[] = []
    for await (const batch of running.batches) {
      for (let row = 0; row < batch.rowCount; row++) {
        const cells = running.columns.map(({ type }, index) => {
          const value = valueAt(batch.columns[index]!, type, row)
          return value === null ? 'NULL' : printValue(type, value, { now: 0n, timeZone: 'UTC' })
        })
        rows.push(cells.join('|'))
      }
    }
    return rows.join(' / ')
  } catch (error) {
    if (error instanceof SqlError) return error.sqlstate
    throw error
  }
}

describe('pg_sleep', () => {
  test('gives its row after its time, of each row', async () => {
    const session = await openSession()
    expect(await answer(session, 'SELECT pg_sleep(0.01), 7')).toBe('|7')
    const text = 'SELECT n FROM generate_series(1, 3) n WHERE pg_sleep(0.05) IS NOT NULL'
    expect(await answer(session, text)).toBe('1 / 2 / 3')
    // One of them would not take so long.
    await answer(session, `SET statement_timeout = '100ms'`)
    expect(await answer(session, text)).toBe('57014')
    await answer(session, 'RESET statement_timeout')
    expect(await answer(session, 'SELECT pg_sleep(NULL)')).toBe('NULL')
    expect(await answer(session, 'SELECT pg_sleep(-1)')).toBe('')
    expect(await answer(session, `SELECT pg_sleep('NaN')`)).toBe('')
    expect(await answer(session, `SELECT pg_sleep_for('20 milliseconds')`)).toBe('')
    expect(await answer(session, `SELECT pg_sleep_until(now() + interval '20 ms')`)).toBe('')
    expect(await answer(session, `SELECT pg_sleep_until('2000-01-01')`)).toBe('')
    expect(await answer(session, 'SELECT (SELECT 3 FROM pg_sleep(0.01))')).toBe('3')
  })

  test('ends with the time of its statement and with a cancel', async () => {
    const session = await openSession()
    await answer(session, `SET statement_timeout = '60ms'`)
    expect(await answer(session, `SELECT pg_sleep('Infinity')`)).toBe('57014')
    expect(await answer(session, `SELECT pg_sleep_for('2 years')`)).toBe('57014')
    expect(await answer(session, `SELECT pg_sleep_until('2200-01-01')`)).toBe('57014')
    await answer(session, 'RESET statement_timeout')
    const controller = new AbortController()
    const sleeping = answer(session, 'SELECT pg_sleep(3000)', controller.signal)
    setTimeout(() => controller.abort(), 30)
    expect(await sleeping).toBe('57014')
    expect(await answer(session, 'SELECT 1')).toBe('1')
  })
})

const DATES = [
  ...['01/02/03', '1/2/2026', '13/02/2026', '02/13/2026', '2026/02/03', '26-02-03', '03.02.26'],
  ...['2026-02-03', '20260203', '99/1/2', '1/2/3', '12-31-1999', '31-12-1999', '1/2/99', '70.1.2'],
  ...['2026/13/01', '1701/02/03', '5/6/1807', '3 Feb 2026', 'Feb 3 2026', '03-Feb-26', '32/01/01'],
]

test('DateStyle says which number of a date is its day', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const session = await openSession()
  for (const order of ['MDY', 'DMY', 'YMD']) {
    await answer(session, `SET DateStyle = 'ISO, ${order}'`)
    await postgres.query(`SET DateStyle = 'ISO, ${order}'`)
    for (const date of DATES) {
      for (const type of ['date', 'timestamp']) {
        const text = `SELECT '${date}'::${type}`
        const there = await runThere(postgres, text)
        const expected = 'error' in there ? there.error : there.rows.map((row) => row.join()).join()
        expect(await answer(session, text), `${order} ${text}`).toBe(expected)
      }
    }
  }
  await postgres.query('RESET DateStyle')
})

test('digests of bytes are those of PostgreSQL at all lengths around their blocks', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const lengths = [0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 119, 127, 128, 129, 300]
  const cells = ['sha224', 'sha256', 'sha384', 'sha512'].flatMap((name) =>
    lengths.map((length) => `${name}(convert_to(repeat('é', ${length}) || 'x', 'UTF8'))`),
  )
  const text = `SELECT ${cells.join(', ')}`
  expect(await runHere(text)).toEqual(await runThere(postgres, text))
})

test('a time is made in a zone by its name or its distance', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  for (const zone of ['Europe/Berlin', '+05:30', '-08', 'EST', 'UTC', '+16', '5', 'Nowhere', '']) {
    const text = `SELECT make_timestamptz(2026, 7, 3, 12, 30, 4.5, '${zone}')`
    const [here, there] = [await runHere(text), await runThere(postgres, text)]
    if ('error' in there) expect((here as { error: string }).error, text).toBe(there.error)
    else expect(here, text).toEqual(there)
  }
})
