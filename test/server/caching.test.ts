// ETags over real HTTP: what a browser's cache does, and that a 304 runs no query.

import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer, type RunningServer } from '../../server/node.ts'

let db: Awaited<ReturnType<typeof open>>
let server: RunningServer
beforeAll(async () => {
  db = await open('memory:')
  server = await startServer(db, { port: 0 })
})
afterAll(async () => {
  await server.close()
  await db.close()
})

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(server.url + path, { headers, method })
  const tag = answer.headers.get('etag')
  const caching = answer.headers.get('cache-control')
  return { status: answer.status, tag, caching, text: await answer.text() }
}

async function write(lines: string): Promise<void> {
  const answer = await fetch(`${server.url}/v1/write?precision=s`, { method: 'POST', body: lines })
  expect(answer.status).toBe(200)
}

const PATHS = (table: string): string[] => [
  `/v1/query?table=${table}&start=1000000&end=2000000`,
  `/v1/query?table=${table}&start=1000000&end=2000000&every=1h&select=mean(a)&by=h`,
  `/v1/latest?table=${table}`,
  `/v1/export?table=${table}&end=2000000&format=ndjson`,
  `/v1/tables/${table}/series`,
  `/v1/tables/${table}/tags`,
  `/v1/tables/${table}/tags/h/values`,
]

test('an unchanged answer is a 304 without a body that runs no query, for GET and HEAD', async () => {
  await write('same,h=x a=1 1500')
  const calls = (['query', 'latest', 'export', 'series', 'tagKeys', 'tagValues'] as const).map(
    (name) => vi.spyOn(db, name),
  )
  for (const path of PATHS('same')) {
    const first = await get(path)
    expect([path, first.status, first.caching]).toEqual([path, 200, 'private, no-cache'])
    expect(first.tag).toMatch(/^W\/"[\w-]+"$/)
    const ran = calls.reduce((sum, call) => sum + call.mock.calls.length, 0)
    expect(ran).toBeGreaterThan(0)
    for (const header of [first.tag!, first.tag!.slice(2), `"x", ${first.tag!} , W/"y"`]) {
      const second = await get(path, { 'If-None-Match': header })
      expect(second).toEqual({ status: 304, tag: first.tag, caching: first.caching, text: '' })
    }
    const head = await get(path, { 'If-None-Match': first.tag! }, 'HEAD')
    expect([head.status, head.tag]).toEqual([304, first.tag])
    expect(calls.reduce((sum, call) => sum + call.mock.calls.length, 0)).toBe(ran)
  }
  for (const call of calls) call.mockRestore()
})

test('what changes in the range is asked for again, what changes elsewhere is not', async () => {
  await write('range,h=x a=1 1500')
  const path = PATHS('range')[0]!
  const first = await get(path)
  const again = () => get(path, { 'If-None-Match': first.tag! })
  for (let i = 0; i < 20; i++) await write(`range,h=x a=1 ${5000 + i}`)
  expect((await again()).status).toBe(304)
  await write('range,h=x a=2 1600')
  const late = await again()
  expect([late.status, late.tag === first.tag]).toEqual([200, false])
  const deleted = await fetch(`${server.url}/v1/tables/range/rows?start=1600000&end=1601000`, {
    method: 'DELETE',
  })
  expect(await deleted.json()).toMatchObject({ deleted: 1 })
  const after = await get(path, { 'If-None-Match': late.tag! })
  expect(after.status).toBe(200)
  expect(JSON.parse(after.text).rowCount).toBe(1)
})

test('a field that the table gets changes an answer with all fields', async () => {
  await write('wide,h=x a=1 1500')
  const first = await get('/v1/query?table=wide&start=1000000&end=2000000')
  await write('wide,h=x b=1 9000')
  const second = await get('/v1/query?table=wide&start=1000000&end=2000000', {
    'If-None-Match': first.tag!,
  })
  expect(second.status).toBe(200)
  expect(JSON.parse(second.text).columns.map(({ name }: { name: string }) => name)).toContain('b')
})

test('the tag is of the request: another range, shape or database has another one', async () => {
  await write('forms,h=x a=1i 1500')
  const forms = ['', '&time=ns', '&integers=string', '&limit=1', '&end=3000000', '&order=desc']
  const tags = await Promise.all(
    forms.map(async (form) => (await get(`/v1/query?table=forms&start=1000000${form}`)).tag),
  )
  expect(new Set(tags).size).toBe(forms.length)
  const written = await get('/v1/query?table=forms&start=1000000&where=%20h%3D%27x%27')
  const spaced = await get('/v1/query?table=forms&start=1000000&where=h%20%3D%20%27x%27')
  expect(written.tag).toBe(spaced.tag)
})

test('what moves with the clock, POST, errors and unknown tags are not cached', async () => {
  await write('moving,h=x a=1 1500')
  for (const query of ['start=-1h', 'end=now', 'where=time%3Enow()']) {
    const answer = await get(`/v1/query?table=moving&${query}`)
    expect([query, answer.tag, answer.caching]).toEqual([query, null, 'no-store'])
  }
  const body = JSON.stringify({ table: 'moving' })
  const posted = await fetch(`${server.url}/v1/query`, { method: 'POST', body })
  expect([posted.headers.get('etag'), posted.headers.get('cache-control')]).toEqual([
    null,
    'no-store',
  ])
  for (const path of ['/v1/query?table=nothing', '/v1/query?table=moving&where=(']) {
    const wrong = await get(path, { 'If-None-Match': '*' })
    expect([wrong.status >= 400, wrong.tag, wrong.caching]).toEqual([true, null, 'no-store'])
  }
  expect((await get('/v1/query?table=moving', { 'If-None-Match': '*' })).status).toBe(200)
  expect((await get('/v1/query?table=moving', { 'If-None-Match': 'W/"old"' })).status).toBe(200)
})
