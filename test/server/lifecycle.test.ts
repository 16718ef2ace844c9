// Tables, columns and databases that come and go over HTTP: statuses and answers.

import { expect, test } from 'vitest'
import { createClient } from '../../client/index.ts'
import { useLiveServer, type Json } from './live.ts'

const live = useLiveServer()
const { send, get } = live

async function call(method: string, path: string, body?: unknown): Promise<[number, Json | null]> {
  const init: RequestInit = { method }
  if (body !== undefined) {
    init.body = typeof body === 'string' ? body : JSON.stringify(body)
    init.headers = { 'Content-Type': 'application/json' }
  }
  const response = await fetch(live.url + path, init)
  const text = await response.text()
  return [response.status, text === '' ? null : (JSON.parse(text) as Json)]
}

test('PUT makes a table and answers what GET answers', async () => {
  const body = { tags: ['host'], fields: { usage: 'float' }, retention: '30d' }
  const [status, table] = await call('PUT', '/v1/tables/cpu', body)
  expect([status, table]).toEqual([200, await get('/v1/tables/cpu')])
  expect(table).toEqual({
    ...{ name: 'cpu', ...body, rollups: [], points: 0, series: 0 },
    ...{ firstTime: null, lastTime: null, diskBytes: 0 },
  })
  expect(await call('PUT', '/v1/tables/cpu')).toEqual([200, table])
  const [, longer] = await call('PUT', '/v1/tables/cpu', { retention: '1y' })
  expect(longer).toMatchObject({ retention: '1y', tags: ['host'] })
})

test.each([
  [{ fields: { usage: 'integer' } }, 422, 'type_conflict'],
  [{ tags: ['usage'] }, 422, 'type_conflict'],
  [{ fields: { usage: 'decimal' } }, 400, 'bad_request'],
  [{ retention: 'soon' }, 400, 'bad_request'],
  [{ retention: 30 }, 400, 'bad_request'],
  [{ rollups: [{ name: 'r', every: '1h', select: { m: 'median(usage)' } }] }, 422, 'unsupported'],
  [{ points: 1 }, 400, 'bad_request'],
  ['[]', 400, 'bad_request'],
])('PUT of %j is refused with %i %s', async (body, status, code) => {
  await call('PUT', '/v1/tables/refusals', { fields: { usage: 'float' } })
  const answer = await call('PUT', '/v1/tables/refusals', body)
  expect(answer).toMatchObject([status, { code }])
})

test('a path whose escapes are no UTF-8 names no table, and is not taken for its own escape', async () => {
  for (const path of ['/v1/tables/%FF', '/v1/tables/a%C3', '/v1/tables/%zz']) {
    expect(await call('PUT', path)).toMatchObject([400, { code: 'bad_request' }])
  }
  expect(await call('PUT', '/v1/tables/%25FF')).toMatchObject([200, { name: '%FF' }])
  expect(await get('/v1/tables/%25FF')).toMatchObject({ name: '%FF' })
})

test('points beyond the retention are a 422 that names the line', async () => {
  await call('PUT', '/v1/tables/short', { retention: '1h' })
  const now = Date.now()
  const lines = `short v=1 ${now}\nshort v=2 ${now - 7_200_000}\n`
  expect(await send('/v1/write?precision=ms', lines)).toMatchObject({
    status: 422,
    body: { code: 'expired', written: 0, errors: [{ line: 2 }] },
  })
  expect(await send('/v1/write?precision=ms&partial=true', lines)).toMatchObject({
    status: 200,
    body: { written: 1, rejected: 1, errors: [{ line: 2 }] },
  })
  const points = { table: 'short', rows: [{ time: now - 7_200_000, fields: { v: 1 } }] }
  expect(await live.sendJson('/v1/points', points)).toMatchObject({
    status: 422,
    body: { code: 'expired' },
  })
  expect(await send('/api/v2/write?precision=ms', lines)).toMatchObject({ status: 422 })
  expect((await get('/v1/tables/short'))['points']).toBe(1)
})

test('DELETE of a column frees its name; of a tag it is refused', async () => {
  await send('/v1/write', 'gone,host=a a=1,b=2 1')
  expect(await call('DELETE', '/v1/tables/gone/columns/b')).toEqual([204, null])
  expect((await get('/v1/tables/gone'))['fields']).toEqual({ a: 'float' })
  expect((await send('/v1/write', 'gone,host=a b="text" 1')).status).toBe(200)
  expect(await call('DELETE', '/v1/tables/gone/columns/host')).toMatchObject([
    422,
    { code: 'unsupported' },
  ])
  expect(await call('DELETE', '/v1/tables/gone/columns/c')).toMatchObject([
    400,
    { code: 'unknown_column' },
  ])
  expect(await call('DELETE', '/v1/tables/nope/columns/c')).toMatchObject([404, {}])
})

test('databases are made, listed and dropped', async () => {
  expect(await call('PUT', '/v1/databases/metrics')).toEqual([200, { name: 'metrics' }])
  expect(await call('PUT', '/v1/databases/metrics')).toEqual([200, { name: 'metrics' }])
  expect(await get('/v1/databases')).toEqual({
    databases: [{ name: 'default' }, { name: 'metrics' }],
  })
  expect(await call('PUT', '/v1/databases/1st')).toMatchObject([400, { code: 'bad_request' }])
  expect(await call('PUT', '/v1/databases/a%2Fb')).toMatchObject([400, { code: 'bad_request' }])
  expect(await call('PUT', '/v1/databases/x?db=y')).toMatchObject([400, {}])
  await send('/v1/write?db=metrics', 't v=1 1')
  expect(await call('DELETE', '/v1/databases/metrics')).toEqual([204, null])
  await get('/v1/tables?db=metrics', 404)
  expect(await call('DELETE', '/v1/databases/metrics')).toMatchObject([404, { code: 'not_found' }])
})

test('the client does the same', async () => {
  const client = createClient({ url: live.url, db: 'client' })
  await client.createDatabase('client')
  expect(await client.databases()).toContain('client')
  const table = await client.table('t').set({ fields: { v: 'float' }, retention: '7d' })
  expect(table).toMatchObject({ name: 't', retention: '7d', fields: { v: 'float' } })
  await client.table('t').dropColumn('v')
  expect((await client.table('t').describe()).fields).toEqual({})
  await client.dropDatabase('client')
  expect(await client.databases()).not.toContain('client')
})
