// A server as a process, and what people bring to it: psql, and the drivers of PostgreSQL.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { spawnCommand, type Child } from '../cli/process.ts'
import { run } from './live.ts'

// They come without types.
const require = createRequire(import.meta.url)
interface Statements {
  connect(): Promise<void>
  query(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>
  query(cursor: RowCursor): RowCursor
  end(): Promise<void>
}
interface RowCursor {
  read(rows: number): Promise<unknown[]>
  close(): Promise<void>
}
const { Client } = require('pg') as { Client: new (options: object) => Statements }
const Cursor = require('pg-cursor') as new (text: string) => RowCursor

const LINES =
  'cpu,host=a,region=eu usage=1.5,n=1i,up=true,note="x" 1790000000000000000\n' +
  'cpu,host=b,region=us usage=2.5,n=2i,up=false,note="y" 1790000001000000000\n' +
  'mem,host=a free=10i 1790000000000000000\n'
const TOKEN = 'an-admin-token-of-this-test'
const FOREVER = 'SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b'

const directory = mkdtempSync(join(tmpdir(), 'omendb-wire-'))
let child: Child
let url: string
let port: number

beforeAll(async () => {
  const data = ['--data', join(directory, 'data')]
  const env = { OMENDB_TOKEN: TOKEN }
  child = spawnCommand(['serve', '--port', '0', '--pg-port', '0', ...data], env)
  url = (await child.printed(/ready on (\S+), data/))[1]!
  port = Number((await child.printed(/PostgreSQL's wire on \S+:(\d+)/))[1])
  const headers = { authorization: `Bearer ${TOKEN}` }
  const written = await fetch(`${url}/write`, { method: 'POST', headers, body: LINES })
  expect(written.status).toBe(204)
}, 60_000)
afterAll(async () => {
  child.process.kill('SIGTERM')
  const { code } = await child.ended
  rmSync(directory, { recursive: true, force: true })
  expect(code).toBe(0)
})

const isRequired = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

function isMissing(program: string, ...arguments_: string[]): boolean {
  if (isRequired) return false
  try {
    execFileSync(program, arguments_, { stdio: 'ignore' })
    return false
  } catch {
    return true
  }
}

const address = () => ({
  ...{ host: '127.0.0.1', port, user: 'omendb', password: TOKEN, database: 'default' },
})

// reason: psql comes with PostgreSQL's client package
describe.skipIf(isMissing('psql', '--version'))('psql', () => {
  const psql = (command: string, password = TOKEN, database = 'default') => {
    const where = ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'omendb', '-d', database]
    return run('psql', ['-X', '-At', ...where, '-c', command], { PGPASSWORD: password })
  }

  test.each([
    ['\\l', /^default\|omendb\|UTF8\|/m],
    ['\\dt', /^public\|cpu\|table\|omendb\npublic\|mem\|table\|omendb\n$/],
    ['\\d', /^public\|cpu\|table\|omendb$/m],
    ['\\d cpu', /^time\|timestamp with time zone\|\|not null\|\nhost\|text\|\|\|\n/],
    ['\\d+ mem', /^free\|bigint\|\|\|\|plain\|/m],
    ['\\di', /^public\|cpu_pkey\|index\|omendb\|cpu$/m],
    ['\\dn', /^public\|omendb\n$/],
    ['\\df avg', /^pg_catalog\|avg\|double precision\|double precision\|agg$/m],
    ['\\du', /^omendb\|/m],
    [
      'SELECT host, usage, n, up, note FROM cpu ORDER BY host',
      /^a\|1.5\|1\|t\|x\nb\|2.5\|2\|f\|y\n$/,
    ],
  ])('%s', async (command, expected) => {
    const { code, stdout, stderr } = await psql(command)
    expect(stderr).toBe('')
    expect(stdout).toMatch(expected)
    expect(code).toBe(0)
  })

  test('is refused with a wrong token, and at a database that is not there', async () => {
    const wrong = await psql('SELECT 1', 'guess')
    expect(wrong.stderr).toContain('FATAL:  password authentication failed for user "omendb"')
    const absent = await psql('SELECT 1', TOKEN, 'absent')
    expect(absent.stderr).toContain('FATAL:  database "absent" does not exist')
  })
})

describe('pg', () => {
  test('sends and reads values, walks a cursor, and goes on after a failed transaction', async () => {
    const client = new Client(address())
    await client.connect()
    const { rows } = await client.query('SELECT * FROM cpu WHERE host = $1 AND n < $2', ['a', 9])
    const time = new Date(1.79e12)
    const point = { host: 'a', region: 'eu', n: '1', note: 'x', up: true, usage: 1.5 }
    expect(rows).toEqual([{ time, ...point }])
    const insert = 'INSERT INTO pgtest (time, usage) VALUES ($1, $2), (now(), 3) RETURNING usage'
    await client.query('CREATE TABLE pgtest (time timestamptz PRIMARY KEY, usage float8)')
    expect((await client.query(insert, [time, 2.5])).rows).toEqual([{ usage: 2.5 }, { usage: 3 }])
    const cursor = client.query(new Cursor('SELECT usage FROM pgtest ORDER BY usage'))
    expect(await cursor.read(1)).toEqual([{ usage: 2.5 }])
    expect(await cursor.read(9)).toEqual([{ usage: 3 }])
    await cursor.close()
    await client.query('BEGIN')
    await expect(client.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect((await client.query('SELECT $1::int + 1 AS x', [2])).rows).toEqual([{ x: 3 }])
    await client.end()
  })

  test('a statement stops at its time', async () => {
    const client = new Client({ ...address(), statement_timeout: 200 })
    await client.connect()
    await expect(client.query(FOREVER)).rejects.toMatchObject({ code: '57014' })
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

test('postgres.js asks for types, sends rows, cancels and runs transactions', async () => {
  const sql = postgres({ ...address(), max: 1 })
  const hosts = await sql`SELECT array_agg(host) AS all FROM cpu WHERE host IN ${sql(['a', 'b'])}`
  expect([...hosts]).toEqual([{ all: ['a', 'b'] }])
  const rows = [{ time: new Date(1.78e12), host: 'q', usage: 1 }]
  await sql`CREATE TABLE sent (time timestamptz, host text, usage float8, PRIMARY KEY (host, time))`
  await sql.begin(async (transaction) => {
    await transaction`INSERT INTO sent ${transaction(rows)}`
  })
  expect([...(await sql`SELECT * FROM sent`)]).toEqual(rows)
  await expect(sql`selec`).rejects.toMatchObject({ code: '42601', position: '1' })
  const query = sql.unsafe(FOREVER).execute()
  setTimeout(() => query.cancel(), 200)
  await expect(query).rejects.toMatchObject({ code: '57014' })
  await sql.end()
})

// Debian's own, whose packages Debian's clients are.
const PYTHON_PROGRAM = '/usr/bin/python3'

const PYTHON = `
import sys, datetime
port, token = int(sys.argv[1]), sys.argv[2]
utc = datetime.timezone.utc
POINT = (datetime.datetime(2026, 9, 21, 14, 13, 20, tzinfo=utc), 'a', 1.5, 1, True, 'x')
day = lambda number: datetime.datetime(2026, 1, number, tzinfo=utc)
at = dict(host='127.0.0.1', port=port, user='omendb', password=token)
`

async function python(program: string): Promise<void> {
  const { code, stderr } = await run(PYTHON_PROGRAM, ['-c', PYTHON + program, `${port}`, TOKEN])
  expect(stderr).toBe('')
  expect(code).toBe(0)
}

// reason: Debian's python3-psycopg2
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import psycopg2'))(
  'psycopg2 writes, commits, and reads through a named cursor',
  () =>
    python(`
import psycopg2
c = psycopg2.connect(dbname='default', **at)
k = c.cursor()
k.execute('SELECT time, host, usage, n, up, note FROM cpu WHERE host = %s', ('a',))
assert k.fetchall() == [POINT]
k.execute('CREATE TABLE two (time timestamptz, host text, usage float8, PRIMARY KEY (host, time))')
c.commit()
k.execute('INSERT INTO two (time, host, usage) VALUES (%s, %s, %s)', (day(1), 'c', 3.5))
c.commit()
with c.cursor('named') as named:
    named.itersize = 1
    named.execute('SELECT host FROM cpu ORDER BY host')
    assert named.fetchall() == [('a',), ('b',)]
k.execute('SELECT * FROM two')
assert k.fetchall() == [(day(1), 'c', 3.5)]
c.close()
`),
)

// reason: Debian's python3-psycopg
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import psycopg'))(
  'psycopg 3 reads in both forms, copies, and sends many at once',
  () =>
    python(`
import psycopg
with psycopg.connect(dbname='default', autocommit=True, **at) as c:
    asked = 'SELECT time, host, usage, n, up, note FROM cpu WHERE host = %s AND n = %s'
    assert c.execute(asked, ('a', 1)).fetchall() == [POINT]
    with c.cursor(binary=True) as k:
        assert k.execute(asked, ('a', 1)).fetchall() == [POINT]
    c.execute('CREATE TABLE three (time timestamptz, host text, usage float8, PRIMARY KEY (host, time))')
    with c.cursor() as k:
        with k.copy('COPY three (time, host, usage) FROM STDIN') as copy:
            copy.write_row((day(3), 'd', 1.25))
        k.executemany('INSERT INTO three VALUES (%s, %s, %s)', [(day(4), 'd', 2.25), (day(5), 'd', 2.5)])
    assert c.execute('SELECT usage FROM three ORDER BY time').fetchall() == [(1.25,), (2.25,), (2.5,)]
`),
)

// reason: Debian's python3-asyncpg
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import asyncpg'))(
  'asyncpg reads and sends in binary, walks a cursor, and copies records',
  () =>
    python(`
import asyncio, asyncpg
async def main():
    c = await asyncpg.connect(database='default', **at)
    asked = 'SELECT time, host, usage, n, up, note FROM cpu WHERE host = $1'
    assert [tuple(row) for row in await c.fetch(asked, 'a')] == [POINT]
    await c.execute('CREATE TABLE four (time timestamptz, host text, usage float8, PRIMARY KEY (host, time))')
    await c.execute('INSERT INTO four VALUES ($1, $2, $3)', day(6), 'e', 9.5)
    await c.copy_records_to_table('four', records=[(day(7), 'e', 1.0)], columns=['time', 'host', 'usage'])
    prepared = await c.prepare('SELECT usage FROM four WHERE host = ANY($1::text[]) ORDER BY time')
    assert [row[0] for row in await prepared.fetch(['e'])] == [9.5, 1.0]
    async with c.transaction():
        assert [row[0] async for row in c.cursor('SELECT host FROM cpu ORDER BY host')] == ['a', 'b']
    try:
        await c.fetch('SELECT 1 / 0')
        raise SystemExit('no error')
    except asyncpg.DivisionByZeroError:
        pass
    await c.close()
asyncio.run(main())
`),
)
