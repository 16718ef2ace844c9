// Sessions over a database in memory: statements, settings, transactions, cursors, prepared statements.
// What PostgreSQL 15 does in the same place is what is expected.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../engine/node.ts'
import type { Database } from '../../engine/database.ts'
import { sessionsOf } from '../../sql/database.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import type { Running, SessionOptions, SqlSession } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { printValue } from '../../sql/value-text.ts'
import './grammar-module.ts'

const START = 1_790_000_000_000_000_000n
let db: Database

beforeAll(async () => {
  db = await open('memory:')
  const batch = db.batch()
  const lines = Array.from({ length: 100 }, (_, i) => {
    return `room,place=${i % 2 ? 'attic' : 'cellar'} warm=${i / 4},count=${i}i ${START + BigInt(i) * 1_000_000_000n}`
  })
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
})
afterAll(() => db.close())

const EVERYTHING = new Set(['read', 'write', 'admin'] as const)

function openSession(options: Partial<SessionOptions> = {}): Promise<SqlSession> {
  const given = { database: 'default', user: 'tester', access: EVERYTHING, ...options }
  return sessionsOf(db, { bytesMax: 2 ** 24 })(given)
}

/** Rows as texts, values between `|`; of what has no rows the tag. */
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
        return value === null ? 'NULL' : printValue(type, value, { now: 0n, timeZone: 'UTC' })
      })
      lines.push(cells.join('|'))
    }
  }
  return [...lines, running.tag(count)].join(' / ')
}

async function run(session: SqlSession, text: string, ...values: unknown[]): Promise<string> {
  const statement = await session.prepare(text)
  return answer(await statement.run(values))
}

async function stateOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof SqlError) return `${error.sqlstate} ${error.position ?? 0}`
    throw error
  }
  return 'no error'
}

describe('statements', () => {
  test('read tables and catalogs', async () => {
    const session = await openSession()
    const mean = `SELECT place, count(*), avg(warm) FROM room WHERE time >= '2026-09-21T14:13:30Z' GROUP BY place ORDER BY 1`
    expect(await run(session, mean)).toBe('attic|45|13.75 / cellar|45|13.5 / SELECT 2')
    expect(await run(session, `SELECT relname FROM pg_class WHERE relnamespace = 2200`)).toBe(
      'room / room_pkey / SELECT 2',
    )
    const columns = `SELECT column_name FROM information_schema.columns WHERE table_name = 'room'`
    expect(await run(session, columns)).toBe('time / place / count / warm / SELECT 4')
    expect(await run(session, '')).toBe('empty')
    expect(await run(session, '-- nothing')).toBe('empty')
  })

  test('take parameters, whose types are inferred', async () => {
    const session = await openSession()
    const statement = await session.prepare(
      'SELECT warm FROM room WHERE place = $1 AND count < $2 AND time >= $3 ORDER BY time',
    )
    expect(statement.parameters.map(({ name }) => name)).toEqual(['text', 'int8', 'timestamptz'])
    expect(statement.access).toBe('read')
    expect(await answer(await statement.run(['attic', 6n, START]))).toBe(
      '0.25 / 0.75 / 1.25 / SELECT 3',
    )
    expect(await answer(await statement.run(['attic', 2n, START]))).toBe('0.25 / SELECT 1')
  })

  test('fail with a state and a place', async () => {
    const session = await openSession()
    expect(await stateOf(run(session, 'SELECT nothing FROM room'))).toBe('42703 8')
    expect(await stateOf(run(session, 'SELECT 1 FROM nowhere'))).toBe('42P01 15')
    expect(await stateOf(run(session, 'SELECT 1 +'))).toBe('42601 11')
    expect(await stateOf(run(session, 'SELECT count / 0 FROM room'))).toBe('22012 0')
    expect(await stateOf(openSession({ database: 'nowhere' }))).toBe('3D000 0')
    expect(await stateOf(openSession({ settings: new Map([['nothing', '1']]) }))).toBe('42704 0')
  })

  test('are stopped by their time, their memory, and whoever asked', async () => {
    const session = await openSession()
    const endless =
      'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 100000) b'
    await run(session, `SET statement_timeout = '50ms'`)
    expect(await stateOf(run(session, endless))).toBe('57014 0')
    await run(session, 'RESET statement_timeout')
    const controller = new AbortController()
    const statement = await session.prepare(endless)
    const going = statement.run([], { signal: controller.signal }).then(answer)
    setTimeout(() => controller.abort(), 20)
    expect(await stateOf(going)).toBe('57014 0')
    const large = 'SELECT a FROM generate_series(1, 10000000) a ORDER BY random()'
    expect(await stateOf(run(session, large))).toBe('53200 0')
  })

  test('see columns that came since they were prepared, unless the answer would change', async () => {
    const session = await openSession()
    const before = await session.prepare('SELECT * FROM room LIMIT 1')
    const counted = await session.prepare('SELECT count(*) FROM room')
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode(`room,place=hall fresh=1 ${START}`))
    await batch.commit('fsync')
    expect(await stateOf(before.run([]))).toBe('0A000 0')
    expect(await answer(await counted.run([]))).toBe('101 / SELECT 1')
    await db.deleteRows('room', { where: { place: 'hall' } })
    await db.dropColumn('room', 'fresh')
  })

  test('need the right', async () => {
    const reader = await openSession({ access: new Set(['read'] as const) })
    expect(await stateOf(run(reader, 'DELETE FROM room'))).toBe('42501 0')
    expect(await stateOf(run(reader, 'DROP TABLE room'))).toBe('42501 0')
    const alter = 'ALTER TABLE room ADD COLUMN a float8, DROP COLUMN warm'
    expect(await stateOf(run(reader, alter))).toBe('42501 0')
    expect(await run(reader, 'SELECT count(*) FROM room')).toBe('100 / SELECT 1')
    expect(await run(reader, 'SHOW is_superuser')).toBe('off / SHOW')
  })
})

describe('statements that there is nothing to do for', () => {
  test.each([
    ['VACUUM', 'VACUUM'],
    ['VACUUM ANALYZE room', 'VACUUM'],
    ['ANALYZE room', 'ANALYZE'],
    ['CHECKPOINT', 'CHECKPOINT'],
  ])('are answered as PostgreSQL does: %s', async (text, tag) => {
    expect(await run(await openSession(), text)).toBe(tag)
  })

  test.each([
    `ALTER USER tester PASSWORD 'x'`,
    `COMMENT ON TABLE room IS 'x'`,
    'DO $$ BEGIN END $$',
    'CREATE TRIGGER t AFTER INSERT ON room EXECUTE FUNCTION f()',
    'CREATE MATERIALIZED VIEW v AS SELECT 1',
    'REINDEX TABLE room',
    'CLUSTER room',
    'DROP SEQUENCE s',
    'UPDATE room SET warm = 1',
  ])('or refused with a hint: %s', async (text) => {
    const refused = { sqlstate: '0A000', hint: expect.stringMatching(/\w/) as string }
    await expect((await openSession()).prepare(text)).rejects.toMatchObject(refused)
  })
})

describe('settings', () => {
  test('are set, shown, reset and told', async () => {
    const given = new Map([
      ['timezone', 'Europe/Berlin'],
      ['client_encoding', `'utf-8'`],
    ])
    const session = await openSession({ settings: given })
    expect(new Map(session.takeReports()).get('TimeZone')).toBe('Europe/Berlin')
    expect(session.takeReports()).toEqual([])
    await run(session, `SET TIME ZONE 'America/New_York'`)
    expect(session.takeReports()).toEqual([['TimeZone', 'America/New_York']])
    expect(await run(session, 'SHOW timezone')).toBe('America/New_York / SHOW')
    await run(session, 'RESET timezone')
    expect(await run(session, `SELECT current_setting('timezone')`)).toBe(
      'Europe/Berlin / SELECT 1',
    )
    expect(await run(session, `SET statement_timeout = 90000`)).toBe('SET')
    expect(await run(session, 'SHOW statement_timeout')).toBe('90s / SHOW')
    expect(await run(session, `SET my.own = 'x'`)).toBe('SET')
    expect(await run(session, 'SHOW my.own')).toBe('x / SHOW')
    expect(await stateOf(run(session, `SET nothing = 1`))).toBe('42704 0')
    expect(await stateOf(run(session, `SET timezone = 'Mars'`))).toBe('22023 0')
    expect(await stateOf(run(session, `SET server_version = '16'`))).toBe('55P02 0')
    expect(await stateOf(run(session, `SET standard_conforming_strings = off`))).toBe('22023 0')
  })

  test('go back with the transaction, and SET LOCAL ends with it', async () => {
    const session = await openSession()
    await run(session, 'BEGIN')
    await run(session, `SET timezone = 'Asia/Tokyo'`)
    await run(session, 'ROLLBACK')
    expect(await run(session, 'SHOW timezone')).toBe('UTC / SHOW')
    await run(session, 'BEGIN')
    await run(session, `SET LOCAL timezone = 'Asia/Tokyo'`)
    expect(await run(session, 'SHOW timezone')).toBe('Asia/Tokyo / SHOW')
    await run(session, 'COMMIT')
    expect(await run(session, 'SHOW timezone')).toBe('UTC / SHOW')
    await run(session, `SET LOCAL timezone = 'Asia/Tokyo'`)
    expect(await run(session, 'SHOW timezone')).toBe('UTC / SHOW')
  })
})

describe('transactions', () => {
  test('end as PostgreSQL ends them', async () => {
    const session = await openSession()
    expect(await run(session, 'COMMIT')).toBe('COMMIT')
    expect(await run(session, 'BEGIN')).toBe('BEGIN')
    expect(session.status).toBe('open')
    expect(await stateOf(run(session, 'SELECT nothing'))).toBe('42703 8')
    session.fail()
    expect(session.status).toBe('failed')
    expect(await stateOf(run(session, 'SELECT 1'))).toBe('25P02 0')
    expect(await run(session, 'COMMIT')).toBe('ROLLBACK')
    expect(session.status).toBe('idle')
  })

  test('have savepoints', async () => {
    const session = await openSession()
    expect(await stateOf(run(session, 'SAVEPOINT a'))).toBe('25P01 0')
    await run(session, 'BEGIN')
    await run(session, 'SAVEPOINT a')
    session.fail()
    expect(await run(session, 'ROLLBACK TO a')).toBe('ROLLBACK')
    expect(session.status).toBe('open')
    expect(await run(session, 'RELEASE a')).toBe('RELEASE')
    expect(await stateOf(run(session, 'ROLLBACK TO a'))).toBe('3B001 0')
    expect(await run(session, 'COMMIT')).toBe('COMMIT')
  })

  test('see one now, and refuse to write when they only read', async () => {
    const session = await openSession()
    await run(session, 'BEGIN READ ONLY')
    const first = await run(session, 'SELECT now()')
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await run(session, 'SELECT now()')).toBe(first)
    expect(await stateOf(run(session, 'DELETE FROM room'))).toBe('25006 0')
    await run(session, 'ROLLBACK')
    await run(session, 'SET default_transaction_read_only = on')
    expect(await stateOf(run(session, 'TRUNCATE room'))).toBe('25006 0')
  })
})

describe('cursors', () => {
  test('give rows where the last one left them', async () => {
    const session = await openSession()
    await run(session, 'BEGIN')
    await run(session, 'DECLARE c CURSOR FOR SELECT count FROM room ORDER BY count')
    expect(await run(session, 'FETCH 2 FROM c')).toBe('0 / 1 / FETCH 2')
    expect(await run(session, 'MOVE 95 IN c')).toBe('MOVE 95')
    expect(await run(session, 'FETCH NEXT FROM c')).toBe('97 / FETCH 1')
    expect(await run(session, 'FETCH ALL FROM c')).toBe('98 / 99 / FETCH 2')
    expect(await run(session, 'FETCH c')).toBe('FETCH 0')
    expect(await stateOf(run(session, 'DECLARE c CURSOR FOR SELECT 1'))).toBe('42P03 0')
    expect(await run(session, 'CLOSE c')).toBe('CLOSE CURSOR')
    expect(await stateOf(run(session, 'FETCH c'))).toBe('34000 0')
  })

  test('end with the transaction unless they are to stay', async () => {
    const session = await openSession()
    expect(await stateOf(run(session, 'DECLARE c CURSOR FOR SELECT 1'))).toBe('25P01 0')
    await run(session, 'BEGIN')
    await run(session, 'DECLARE c CURSOR FOR SELECT 1')
    await run(session, 'DECLARE d CURSOR WITH HOLD FOR SELECT 2')
    await run(session, 'COMMIT')
    expect(await stateOf(run(session, 'FETCH c'))).toBe('34000 0')
    expect(await run(session, 'FETCH d')).toBe('2 / FETCH 1')
    await session.close()
  })
})

describe('statements of PREPARE', () => {
  test('run with values of their types', async () => {
    const session = await openSession()
    await run(session, 'PREPARE p(int8) AS SELECT warm FROM room WHERE count = $1')
    expect(await run(session, 'EXECUTE p(4)')).toBe('1 / SELECT 1')
    expect(await run(session, `EXECUTE p('8')`)).toBe('2 / SELECT 1')
    expect(await stateOf(run(session, 'EXECUTE p'))).toBe('42601 0')
    expect(await stateOf(run(session, 'PREPARE p AS SELECT 1'))).toBe('42P05 0')
    expect(await run(session, 'DEALLOCATE p')).toBe('DEALLOCATE')
    expect(await stateOf(run(session, 'EXECUTE p(1)'))).toBe('26000 0')
    await run(session, 'PREPARE q AS SELECT 1')
    await run(session, 'DISCARD ALL')
    expect(await stateOf(run(session, 'EXECUTE q'))).toBe('26000 0')
  })

  test('one that executes itself, as the wire can name it, is an error', async () => {
    const session = await openSession()
    session.prepared.set('loop', await session.prepare('EXECUTE loop'))
    expect(await stateOf(run(session, 'EXECUTE loop'))).toBe('54001 0')
    expect(await run(session, 'SELECT 1')).toBe('1 / SELECT 1')
  })
})
