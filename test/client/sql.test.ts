// What the client sends of a statement and what it makes of the answer; the server here only writes down
// what it gets. Statements that really run are in test/sql and in the contract.

import { expect, expectTypeOf, test } from 'vitest'
import { createClient, OmenDBError, type SqlRows } from '../../client/index.ts'

interface Sent {
  sql: string
  params: unknown[]
  time?: string
  integers: string
}

function clientOf(answer: object, statuses: number[] = [200]) {
  const sent: Sent[] = []
  const db = createClient({
    url: 'http://localhost',
    retry: { baseMs: 1 },
    fetch: async (input, init) => {
      expect(input).toBe('http://localhost/v1/sql')
      sent.push(JSON.parse(init!.body as string) as Sent)
      return Response.json(answer, {
        status: statuses[Math.min(sent.length, statuses.length) - 1]!,
      })
    },
  })
  return { db, sent }
}

const NONE = { columns: [], rows: [], rowCount: 0, command: 'SELECT', stats: { elapsedMs: 1 } }

test('values between the texts of a tag are parameters, in the order in which they stand', async () => {
  const { db, sent } = clientOf(NONE)
  const host = "a'; DROP TABLE cpu; --"
  await db.sql`SELECT * FROM cpu WHERE host = ${host} AND usage > ${0.5} AND n = ${2n ** 63n - 1n}`
  await db.sql`SELECT 1`
  await db.sql('SELECT $1::int8', [5n])
  expect(sent).toEqual([
    {
      sql: 'SELECT * FROM cpu WHERE host = $1 AND usage > $2 AND n = $3',
      params: [host, 0.5, '9223372036854775807'],
      integers: 'string',
    },
    { sql: 'SELECT 1', params: [], integers: 'string' },
    { sql: 'SELECT $1::int8', params: ['5'], integers: 'string' },
  ])
})

test('values that JSON has not are sent as the texts of their types', async () => {
  const { db, sent } = clientOf(NONE)
  const at = new Date(1_700_000_000_123)
  await db.sql`SELECT ${at}, ${NaN}, ${-Infinity}, ${new Uint8Array([0, 255])}, ${[1n, null]}, ${null}, ${{ a: 1 }}`
  expect(sent[0]!.params).toEqual([
    '2023-11-14T22:13:20.123Z',
    'NaN',
    '-Infinity',
    '\\x00ff',
    ['1', null],
    null,
    { a: 1 },
  ])
  await expect(db.sql('SELECT $1', [undefined as never])).rejects.toThrow(
    new TypeError("value 1 is undefined; null is SQL's null"),
  )
  expect(sent).toHaveLength(1)
})

const ANSWER = {
  columns: [
    { name: 'time', type: 'timestamp', unit: 'ns' },
    { name: 'n', type: 'integer' },
    { name: 'mean', type: 'float' },
    { name: 'list', type: 'bigint[]' },
    { name: '__proto__', type: 'string' },
  ],
  rows: [
    ['1700000000123456789', '9223372036854775807', 0.5, [['1'], [null]], 'own'],
    [null, null, null, null, null],
  ],
  rowCount: 2,
  command: 'SELECT',
  stats: { elapsedMs: 1 },
}

test('rows are objects whose integers and nanoseconds are exact', async () => {
  const { db, sent } = clientOf(ANSWER)
  const rows = await db.sql<{ time: bigint; n: bigint }>('SELECT', [], { time: 'ns' })
  expectTypeOf(rows).toEqualTypeOf<SqlRows<{ time: bigint; n: bigint }>>()
  expect(sent[0]).toMatchObject({ time: 'ns' })
  expect(rows.map((row) => Object.entries(row))).toEqual([
    [
      ['time', 1_700_000_000_123_456_789n],
      ['n', 2n ** 63n - 1n],
      ['mean', 0.5],
      ['list', [[1n], [null]]],
      ['__proto__', 'own'],
    ],
    [
      ['time', null],
      ['n', null],
      ['mean', null],
      ['list', null],
      ['__proto__', null],
    ],
  ])
  expect([rows.length, rows.rowCount, rows.command, rows.columns.length]).toEqual([
    2,
    2,
    'SELECT',
    5,
  ])
})

test('times are Dates when asked for', async () => {
  const { db, sent } = clientOf({
    ...NONE,
    columns: [{ name: 'time', type: 'timestamp', unit: 'ms' }],
    rows: [[1_700_000_000_123]],
  })
  const rows = await db.sql<{ time: Date }>('SELECT', [], { time: 'date' })
  expect(sent[0]).toMatchObject({ time: 'ms' })
  expect([...rows]).toEqual([{ time: new Date(1_700_000_000_123) }])
})

test('what reads is sent again after a 503, what changes something is not', async () => {
  const reads = clientOf(NONE, [503, 200])
  await reads.db.sql`  select 1`
  expect(reads.sent).toHaveLength(2)
  for (const sql of [
    'INSERT INTO t VALUES (1)',
    'WITH x AS (DELETE FROM t) SELECT 1',
    'DROP TABLE t',
  ]) {
    const { db, sent } = clientOf(NONE, [503, 200])
    await expect(db.sql(sql)).rejects.toThrow(OmenDBError)
    expect(sent).toHaveLength(1)
    await db.sql(sql, [], { retry: { attempts: 2 } })
    expect(sent).toHaveLength(2)
  }
})
