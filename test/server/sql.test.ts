// SQL over HTTP: what the three routes make of statements, parameters, rows and errors, who may do
// what, and that Neon's own driver reads the answers. Sessions are laid down (sql-session.ts).

import { neon, neonConfig, type NeonDbError } from '@neondatabase/serverless'
import { expect, onTestFinished, test } from 'vitest'
import { open } from '../../engine/node.ts'
import { createApp, type App, type AppOptions } from '../../server/app.ts'
import { SqlService } from '../../server/sql/service.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { arrayOf } from '../../sql/catalogs/array.ts'
import { typeOf } from '../../sql/type.ts'
import { layDown, type LaidDown, type SessionLog } from './sql-session.ts'

async function serve(
  statements: Readonly<Record<string, LaidDown>>,
  options: AppOptions = {},
): Promise<{ app: App; log: SessionLog }> {
  const db = await open('memory:')
  onTestFinished(() => db.close())
  const { open: openSession, log } = layDown(statements)
  const sql = async () => new SqlService(openSession, () => 0)
  return { app: createApp(db, { trusted: true, log: () => {}, ...options, sql }), log }
}

async function post(app: App, path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await app.request(`http://localhost${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

const TIME = 1_790_000_000_123_456_789n

const EVERYTHING: LaidDown = {
  columns: [
    ['time', 'timestamptz'],
    ['f', 'float8'],
    ['i', 'int8'],
    ['b', 'bool'],
    ['t', 'text'],
    ['a', '_int4'],
    ['j', 'jsonb'],
    ['d', 'date'],
  ],
  rows: [
    [TIME, 0.5, 7n, true, 'x"y', arrayOf(typeOf('_int4'), [1, null]), '{"k": 1}', 0],
    [0n, NaN, 1n << 60n, false, '', arrayOf(typeOf('_int4'), []), 'null', 1],
    [null, null, null, null, null, null, null, null],
  ],
}

test('rows come as JSON with their types, times in milliseconds, exact integers', async () => {
  const { app, log } = await serve({ all: EVERYTHING })
  const { status, json } = await post(app, '/v1/sql?db=metrics', { sql: 'all' })
  expect(status).toBe(200)
  expect(json).toEqual({
    columns: [
      { name: 'time', type: 'timestamp', unit: 'ms' },
      { name: 'f', type: 'float' },
      { name: 'i', type: 'integer' },
      { name: 'b', type: 'boolean' },
      { name: 't', type: 'string' },
      { name: 'a', type: 'integer[]' },
      { name: 'j', type: 'jsonb' },
      { name: 'd', type: 'date' },
    ],
    rows: [
      [1_790_000_000_123, 0.5, 7, true, 'x"y', [1, null], { k: 1 }, '1970-01-01'],
      [0, null, String(1n << 60n), false, '', [], null, '1970-01-02'],
      [null, null, null, null, null, null, null, null],
    ],
    rowCount: 3,
    command: 'SELECT',
    stats: { elapsedMs: 0 },
  })
  expect(log.opened[0]).toMatchObject({ database: 'metrics', user: 'omendb' })
  expect(log.closed).toBe(1)
})

test.each([
  ['ns', '1790000000123456789'],
  ['us', 1_790_000_000_123_456],
  ['s', 1_790_000_000],
  ['rfc3339', '2026-09-21T14:13:20.123456789Z'],
])('times come in %s, integers as strings when asked', async (time, expected) => {
  const { app } = await serve({ all: EVERYTHING })
  const { json } = await post(app, '/v1/sql', { sql: 'all', time, integers: 'string' })
  const [first] = json['rows'] as unknown[][]
  expect([first![0], first![2]]).toEqual([expected, '7'])
})

test('parameters are read as the types of the statement', async () => {
  const types = ['int8', 'timestamptz', 'timestamptz', 'text', 'bool', '_int4', 'float8', 'int4']
  const { app, log } = await serve({ q: { parameters: types, columns: [], rows: [] } })
  const params = ['9007199254740993', 1.5, '2026-09-21', 7, true, [1, null], 1e21, null]
  expect((await post(app, '/v1/sql', { sql: 'q', params })).status).toBe(200)
  const [big, time, date, text, isTrue, list, float, none] = log.ran[0]!.parameters
  expect([big, time, text, isTrue, float, none]).toEqual([
    9_007_199_254_740_993n,
    1_500_000n,
    '7',
    true,
    1e21,
    null,
  ])
  expect(date).toBe(BigInt(Date.UTC(2026, 8, 21)) * 1_000_000n)
  expect(list).toEqual(arrayOf(typeOf('_int4'), [1, null]))
})

test.each([
  [{ sql: 'q', params: ['x'] }, 400, 'bad_request', '22P02'],
  [{ sql: 'q', params: [2 ** 60] }, 422, 'out_of_range', '22003'],
  [{ sql: 'q', params: [] }, 400, 'bad_request', '08P01'],
  [{ sql: 'q', params: [{}] }, 400, 'bad_request', '22023'],
  [{ sql: 'q; q' }, 400, 'sql_syntax', '42601'],
])('%j is %i %s', async (body, status, code, sqlstate) => {
  const { app, log } = await serve({ q: { parameters: ['int8'], columns: [], rows: [] } })
  const answer = await post(app, '/v1/sql', body)
  expect([answer.status, answer.json['code'], answer.json['sqlstate']]).toEqual([
    status,
    code,
    sqlstate,
  ])
  expect(log.closed).toBe(log.opened.length)
})

test.each([
  ['42601', 400, 'sql_syntax'],
  ['42703', 400, 'unknown_column'],
  ['42P01', 404, 'not_found'],
  ['3D000', 404, 'not_found'],
  ['42P07', 409, 'conflict'],
  ['42804', 422, 'type_conflict'],
  ['42883', 422, 'type_conflict'],
  ['22003', 422, 'out_of_range'],
  ['22012', 400, 'bad_request'],
  ['42803', 400, 'bad_request'],
  ['0A000', 422, 'unsupported'],
  ['53200', 422, 'limit_exceeded'],
  ['57014', 422, 'limit_exceeded'],
  ['42501', 403, 'forbidden'],
  ['23502', 400, 'bad_request'],
  ['XX000', 500, 'internal'],
])('an error with SQLSTATE %s is a %i %s with its position', async (sqlstate, status, code) => {
  const error = new SqlError(sqlstate, 'it failed', { position: 8, hint: 'try again' })
  const { app } = await serve({ q: { error } })
  const { status: given, json } = await post(app, '/v1/sql', { sql: 'q' })
  expect([given, json['code']]).toEqual([status, code])
  if (status === 500) return
  expect(json).toMatchObject({ sqlstate, position: 8, detail: 'it failed; try again' })
})

test('a GET reads, and is a 405 that names POST for anything else', async () => {
  const { app, log } = await serve({
    one: { parameters: ['int4'], columns: [['n', 'int4']], rows: [[1]] },
    insert: { tag: 'INSERT 0 2', access: 'write' },
  })
  const read = await app.request('http://localhost/v1/sql?q=one&params=[1]')
  expect(await read.json()).toMatchObject({ rows: [[1]], rowCount: 1 })
  const write = await app.request('http://localhost/v1/sql?q=insert')
  expect([write.status, write.headers.get('Allow')]).toEqual([405, 'POST'])
  expect(log.ran.map(({ text }) => text)).toEqual(['one'])
  const { json } = await post(app, '/v1/sql', { sql: 'insert' })
  expect(json).toMatchObject({ command: 'INSERT', rowCount: 2, rows: [], columns: [] })
})

test('a token may do what its scopes say, and no less than read', async () => {
  const { app, log } = await serve(
    { q: { columns: [], rows: [] } },
    { trusted: false, token: 'root' },
  )
  const asAdmin = { Authorization: 'Bearer root' }
  const tokenOf = async (scopes: string[]) => {
    const body = { name: scopes.join('-'), scopes: { default: scopes } }
    return String((await post(app, '/v1/tokens', body, asAdmin)).json['token'])
  }
  const ask = async (token: string) =>
    (await post(app, '/v1/sql', { sql: 'q' }, { Authorization: `Bearer ${token}` })).status
  expect(await ask(await tokenOf(['read']))).toBe(200)
  expect([...log.opened.at(-1)!.access]).toEqual(['read'])
  expect(log.opened.at(-1)!.user).toBe('read')
  expect(await ask(await tokenOf(['read', 'write']))).toBe(200)
  expect([...log.opened.at(-1)!.access]).toEqual(['read', 'write'])
  expect(await ask(await tokenOf(['admin']))).toBe(200)
  expect([...log.opened.at(-1)!.access]).toEqual(['read', 'write', 'admin'])
  expect(await ask(await tokenOf(['write']))).toBe(403)
  expect(await ask('nobody')).toBe(401)
})

test('rows are made as the client reads, and no more once it has left', async () => {
  const rows = Array.from({ length: 100_000 }, (_, index) => [index])
  const { app, log } = await serve({ many: { columns: [['n', 'int4']], rows, batchRows: 100 } })
  const response = await app.request('http://localhost/v1/sql?q=many')
  const reader = response.body!.getReader()
  await reader.read()
  await reader.cancel()
  expect(log.pulled).toBeLessThan(20)
  expect(log.closed).toBe(1)
  const whole = await app.request('http://localhost/v1/sql?q=many')
  const { rows: read } = (await whole.json()) as { rows: number[][] }
  expect(read).toEqual(rows)
})

test('an error behind the first rows breaks the answer off', async () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => [index])
  const lateError = new SqlError('22012', 'division by zero')
  const { app, log } = await serve({ q: { columns: [['n', 'int4']], rows, lateError } })
  const response = await app.request('http://localhost/v1/sql?q=q')
  await expect(response.text()).rejects.toThrow()
  expect(log.closed).toBe(1)
})

test('COPY has no place in HTTP, an empty statement has no rows', async () => {
  const { app } = await serve({ '': { tag: '' } })
  expect((await post(app, '/v1/sql', { sql: '' })).json).toMatchObject({ rows: [], command: '' })
})

test('the seed is answered as it was', async () => {
  const { app } = await serve({ all: EVERYTHING, insert: { tag: 'INSERT 0 3', access: 'write' } })
  const { json } = await post(app, '/query', { sql: 'all' })
  expect(json).toMatchObject({
    columns: ['time', 'f', 'i', 'b', 't', 'a', 'j', 'd'],
    rows_affected: 0,
  })
  expect((await post(app, '/query', { sql: 'insert' })).json).toEqual({
    columns: [],
    rows: [],
    rows_affected: 3,
  })
})

/** Neon's driver on the app. */
function neonOf(app: App, connection = 'postgresql://u:root@localhost/metrics') {
  neonConfig.fetchEndpoint = () => 'http://localhost/sql'
  neonConfig.fetchFunction = async (url: string, init: RequestInit) => app.request(url, init)
  return neon(connection, { fullResults: true, disableWarningInBrowsers: true })
}

test("Neon's driver reads rows with its own types, and finds its token and database", async () => {
  const statements = { 'SELECT $1': { ...EVERYTHING, parameters: ['int4'] } }
  const { app, log } = await serve(statements, { trusted: false, token: 'root' })
  const sql = neonOf(app)
  const { rows, fields, rowCount, command } = await sql`SELECT ${5}`
  expect([rowCount, command, fields.map(({ dataTypeID }) => dataTypeID).slice(0, 3)]).toEqual([
    3,
    'SELECT',
    [1184, 701, 20],
  ])
  expect(rows[0]).toEqual({
    time: new Date(1_790_000_000_123),
    f: 0.5,
    i: '7',
    b: true,
    t: 'x"y',
    a: [1, null],
    j: { k: 1 },
    d: expect.any(Date) as Date,
  })
  expect(rows[1]).toMatchObject({ f: NaN, b: false, i: String(1n << 60n) })
  expect(log.opened[0]!.database).toBe('metrics')
  expect(log.ran[0]!.parameters).toEqual([5])
  await expect(neonOf(app, 'postgresql://u:wrong@localhost/metrics')`SELECT ${5}`).rejects.toThrow(
    expect.objectContaining({ code: '28P01' }),
  )
})

test("Neon's driver gets PostgreSQL's errors with position, detail and hint", async () => {
  const details = { position: 8, detail: 'a detail', hint: 'a hint' }
  const { app } = await serve({ q: { error: new SqlError('42703', 'no such column', details) } })
  const error = await neonOf(app)
    .query('q')
    .then(
      () => null,
      (thrown: NeonDbError) => thrown,
    )
  expect(error).toMatchObject({
    message: 'no such column',
    code: '42703',
    severity: 'ERROR',
    position: '8',
    detail: 'a detail',
    hint: 'a hint',
  })
})

test("Neon's transactions run in one session, between BEGIN and COMMIT", async () => {
  const one: LaidDown = { columns: [['n', 'int4']], rows: [[1]] }
  const { app, log } = await serve({ one, two: { ...one, rows: [[2]] } })
  const sql = neonOf(app)
  const results = await sql.transaction([sql.query('one'), sql.query('two')], { readOnly: true })
  expect(results.map(({ rows }) => rows)).toEqual([[{ n: 1 }], [{ n: 2 }]])
  expect(log.ran.map(({ text }) => text)).toEqual(['BEGIN READ ONLY', 'one', 'two', 'COMMIT'])
  expect([log.opened.length, log.closed]).toEqual([1, 1])
})

test('without its headers, the shape of Neon has values of JSON and objects', async () => {
  const { app } = await serve({ all: EVERYTHING })
  const { json } = await post(app, '/sql', { query: 'all' })
  const [row] = json['rows'] as Record<string, unknown>[]
  expect(row).toMatchObject({ f: 0.5, i: '7', b: true, j: { k: 1 } })
  expect(json['rowAsArray']).toBe(false)
  expect((await post(app, '/sql', { sql: 'all' })).status).toBe(400)
})

test('a server without SQL has no routes for it', async () => {
  const db = await open('memory:')
  onTestFinished(() => db.close())
  const app = createApp(db, { trusted: true })
  expect((await post(app, '/v1/sql', { sql: 'SELECT 1' })).status).toBe(404)
})
