// The wire as real clients speak it: psql, postgres.js, psycopg 2 and 3, asyncpg. They parse what they
// get by their own rules, so a value that arrives was encoded as PostgreSQL encodes it.

import { execFileSync } from 'node:child_process'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MILLION } from './session.ts'
import { run, startLive, testDoorkeeper, type Live } from './live.ts'

let live: Live
let guarded: Live
beforeAll(async () => {
  live = await startLive()
  guarded = await startLive({ doorkeeper: await testDoorkeeper() })
})
afterAll(async () => {
  await live.server.close()
  await guarded.server.close()
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

const psql = (port: number, arguments_: string[], env: Record<string, string> = {}) =>
  run('psql', ['-X', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'tester', ...arguments_], env)

// reason: psql comes with PostgreSQL's client package
describe.skipIf(isMissing('psql', '--version'))('psql', () => {
  test('shows rows, errors with hints, and goes on', async () => {
    const { port } = live.server
    const shown = await psql(port, ['-At', '-d', 'default', '-c', 'select all types'])
    expect(shown.stderr).toBe('')
    expect(shown.stdout).toBe(
      't|-7|2147483647|9007199254740993|1.5|0.1|-12345.6700|Käse "x"\n|2024-10-04|' +
        '2023-11-14 22:13:20.123456+00|1 year 2 mons 3 days 00:00:04|\\x00ff5c|{1,NULL,3}|\n',
    )
    const failed = await psql(port, ['-d', 'default', '-c', 'nonsense'])
    expect(failed.stderr).toBe('ERROR:  nonsense is not supported\nHINT:  Ask less.\n')
  })

  test('counts a million rows, and copies in both directions', async () => {
    const { port } = live.server
    const many = await psql(port, ['-At', '-d', 'x', '-c', `select ${MILLION} rows`])
    expect(many.stdout.split('\n').length).toBe(MILLION + 1)
    expect(many.stdout).toContain('2023-11-14 22:29:59.999+00|249999.75\n')
    const copied = await psql(port, ['-d', 'x', '-c', 'copy t to stdout'])
    expect(copied.stdout).toBe('0\t0\n1\t0.5\n2\t1\n')
  })

  test('proves a token by SCRAM, whatever the user is called; a wrong one is 28P01', async () => {
    const { port } = guarded.server
    const asked = ['-At', '-d', 'default', '-c', 'select 7']
    expect((await psql(port, asked, { PGPASSWORD: 'secret' })).stdout).toBe('7\n')
    expect((await psql(port, asked, { PGPASSWORD: 'reader' })).stdout).toBe('7\n')
    const wrong = await psql(port, asked, { PGPASSWORD: 'guess' })
    expect(wrong.stderr).toContain('FATAL:  password authentication failed for user "tester"')
    expect(guarded.errors.at(-1)!.sqlstate).toBe('28P01')
    const elsewhere = await psql(port, ['-d', 'other', '-c', 'select 7'], { PGPASSWORD: 'reader' })
    expect(elsewhere.stderr).toContain('permission denied for database "other"')
  })
})

describe('postgres.js', () => {
  test('reads values, sends parameters, walks a cursor, is told of errors', async () => {
    const { port } = live.server
    const sql = postgres({ host: '127.0.0.1', port, user: 'tester', fetch_types: false, max: 1 })
    const [all] = await sql.unsafe('select all types')
    expect(all).toMatchObject({ b: true, i2: -7, i8: '9007199254740993', f8: 0.1, nothing: null })
    expect(all!['ts']).toEqual(new Date(1_700_000_000_123))
    expect(await sql`select ${'é\n'}`).toEqual([{ echo: 'é\n' }])
    let count = 0
    await sql.unsafe('select 2500 rows').cursor(1000, (rows) => {
      count += rows.length
    })
    expect(count).toBe(2500)
    await expect(sql.unsafe('syntax')).rejects.toMatchObject({ code: '42601', position: '1' })
    await sql.end()
  })
})

// Debian's own, whose packages Debian's clients are.
const PYTHON_PROGRAM = '/usr/bin/python3'

const PYTHON = `
import sys, datetime, decimal
port = int(sys.argv[1])
`

async function python(program: string): Promise<void> {
  const { code, stderr } = await run(PYTHON_PROGRAM, [
    '-c',
    PYTHON + program,
    `${live.server.port}`,
  ])
  expect(stderr).toBe('')
  expect(code).toBe(0)
}

// reason: Debian's python3-psycopg2
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import psycopg2'))(
  'psycopg2 reads values and sees transactions',
  () =>
    python(`
import psycopg2
c = psycopg2.connect(host='127.0.0.1', port=port, user='tester', dbname='default')
k = c.cursor()
k.execute('select all types')
row = k.fetchone()
assert row[3] == 9007199254740993 and row[6] == decimal.Decimal('-12345.6700'), row
assert row[12] == [1, None, 3] and row[13] is None, row
assert row[9] == datetime.datetime(2023, 11, 14, 22, 13, 20, 123456, datetime.timezone.utc), row
c.rollback()
c.close()
`),
)

// reason: Debian's python3-psycopg
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import psycopg'))(
  'psycopg 3 reads and sends values in text and in binary',
  () =>
    python(`
import psycopg
c = psycopg.connect(host='127.0.0.1', port=port, user='tester', dbname='d', autocommit=True)
text = c.execute('select all types').fetchone()
binary = c.cursor(binary=True).execute('select all types', ()).fetchone()
assert text == binary, (text, binary)
assert binary[10] == datetime.timedelta(days=14*365/12 + 3, seconds=4) or binary[10].seconds == 4
for value in ('2024-02-29 12:00:00.5+00',):
    got = c.cursor(binary=True).execute('select $1::timestamptz'.replace('$1', '%s'), (value,)).fetchone()
    assert got[0].microsecond == 500000, got
with c.cursor().copy('copy t from stdin') as copy:
    copy.write_row((1, 2)); copy.write_row((3, None))
try:
    c.execute('nonsense')
    raise SystemExit('no error')
except psycopg.errors.FeatureNotSupported:
    pass
assert c.cursor(binary=True).execute('select 100000 rows', ()).fetchall()[-1][1] == 24999.75
c.close()
`),
)

// reason: Debian's python3-asyncpg
test.skipIf(isMissing(PYTHON_PROGRAM, '-c', 'import asyncpg'))(
  'asyncpg reads and sends values in binary',
  () =>
    python(`
import asyncio, asyncpg
async def main():
    c = await asyncpg.connect(host='127.0.0.1', port=port, user='tester', database='d')
    for kind, value in (('numeric', decimal.Decimal('0.00010000')), ('numeric', decimal.Decimal('1e20')),
                        ('int8', -2**63), ('bool', False),
                        ('date', datetime.date(1, 1, 1)), ('float4', -0.5), ('bytea', b'\\x00')):
        got = await c.fetchval('select $1::' + kind, value)
        assert got == value, (kind, value, got)
    rows = await c.fetch('select 10000 rows')
    assert rows[-1]['value'] == 2499.75 and rows[0]['time'].year == 2023, rows[-1]
    await c.close()
asyncio.run(main())
`),
)
