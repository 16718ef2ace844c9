// DELETE /v1/tables/{table}/rows over HTTP: what api.md says of it.

import { expect, test } from 'vitest'
import { createClient } from '../../client/index.ts'
import { useLiveServer, type Json } from './live.ts'

const live = useLiveServer()
const { send, get } = live

async function deleteRows(
  table: string,
  parameters: Record<string, string>,
): Promise<[number, Json]> {
  const query = new URLSearchParams(parameters)
  const response = await fetch(`${live.url}/v1/tables/${table}/rows?${query}`, { method: 'DELETE' })
  return [response.status, (await response.json()) as Json]
}

async function pointsOf(table: string): Promise<unknown> {
  return ((await get(`/v1/tables/${table}`)) as { points: number }).points
}

test('points go by time, by tag and by field, and are counted', async () => {
  const lines = Array.from({ length: 30 }, (_, i) => `cpu,host=h${i % 3} usage=${i} ${i}`)
  await send('/v1/write?precision=ms', lines.join('\n'))
  const dry = { where: "host = 'h1'", dryRun: 'true' }
  expect(await deleteRows('cpu', dry)).toEqual([200, { deleted: 10, dryRun: true }])
  expect(await pointsOf('cpu')).toBe(30)
  const range = { start: '10', end: '20' }
  expect(await deleteRows('cpu', range)).toEqual([200, { deleted: 10, dryRun: false }])
  expect(await deleteRows('cpu', range)).toEqual([200, { deleted: 0, dryRun: false }])
  const field = { where: '{"host":["h0","h2"],"usage":{"gt":25}}' }
  expect(await deleteRows('cpu', field)).toEqual([200, { deleted: 3, dryRun: false }])
  expect(await deleteRows('cpu', { where: "host = 'h1'" })).toMatchObject([200, { deleted: 6 }])
  expect(await pointsOf('cpu')).toBe(11)
  await send('/v1/write?precision=ms', 'cpu,host=h1 usage=1 1')
  expect(await pointsOf('cpu')).toBe(12)
  expect(await get('/v1/tables/cpu?time=ms')).toMatchObject({ firstTime: 0, lastTime: 24 })
})

test.each<[string, Record<string, string>, number, object]>([
  ['nothing that says which points', {}, 400, { code: 'bad_request' }],
  ['only dryRun', { dryRun: 'true' }, 400, { code: 'bad_request' }],
  [
    'an unknown column',
    { where: 'usag > 1' },
    400,
    { code: 'unknown_column', detail: expect.stringContaining('usage') },
  ],
  ['a condition that is none', { where: 'usage' }, 422, { code: 'type_conflict' }],
  ['half a condition', { where: 'usage >' }, 400, {}],
  ['a time that is none', { start: 'yesterday-ish' }, 400, {}],
  ['an unknown parameter', { start: '1', limit: '3' }, 400, {}],
])(
  'a delete with %s is refused, and nothing is deleted',
  async (_name, parameters, status, problem) => {
    await send('/v1/write?precision=ms', 'refused usage=1 1')
    expect(await deleteRows('refused', parameters)).toMatchObject([status, problem])
    expect(await pointsOf('refused')).toBe(1)
  },
)

test('a condition in the body of a delete, which no one reads, is refused', async () => {
  await send('/v1/write?precision=ms', 'bodied,host=a v=1 1\nbodied,host=b v=1 1')
  const path = `${live.url}/v1/tables/bodied/rows?start=0`
  const wish = JSON.stringify({ where: "host = 'a'" })
  for (const body of [wish, new Blob([wish]).stream()]) {
    const response = await fetch(path, { method: 'DELETE', body, duplex: 'half' } as RequestInit)
    const { code, detail } = (await response.json()) as Json
    expect([response.status, code]).toEqual([400, 'bad_request'])
    expect(detail).toBe(
      'body: DELETE /v1/tables/{table}/rows takes none; use parameters of the URL',
    )
  }
  expect(await pointsOf('bodied')).toBe(2)
  const empty = { method: 'DELETE', body: '', headers: { 'Content-Type': 'application/json' } }
  expect((await fetch(path, empty)).status).toBe(200)
})

test('a delete of a table that is not there is 404', async () => {
  expect(await deleteRows('nope', { start: '0' })).toMatchObject([404, { code: 'not_found' }])
})

test('the client does the same', async () => {
  const client = createClient({ url: live.url })
  await client.write('del,host=a v=1 1000000\ndel,host=b v=2 2000000')
  expect(await client.table('del').deleteRows({ where: { host: 'a' }, dryRun: true })).toEqual({
    deleted: 1,
    dryRun: true,
  })
  expect(await client.table('del').deleteRows({ end: new Date(2) })).toEqual({
    deleted: 1,
    dryRun: false,
  })
  expect((await client.table('del').describe()).points).toBe(1)
})
