// The REST API over a coordinator of several shards, the same code as over one database: answers, exports,
// lists, and an ETag that every shard has its part in.

import { expect, test } from 'vitest'
import { TAGGED_ROWS, openShardedApp } from '../engine/shards/sharded-app.ts'

test('answers, exports and lists of several shards are those of one database', async () => {
  const { ask, close } = await openShardedApp()
  const query = await ask('/v1/query?table=cpu&select=count(*),max(v)&by=host')
  expect(query.status).toBe(200)
  expect(((await query.json()) as { series: unknown[] }).series).toEqual(
    TAGGED_ROWS.map(({ host, count, max }) => ({
      tags: { host },
      time: [expect.any(Number)],
      fields: { 'count(*)': [count], 'max(v)': [max] },
    })),
  )
  const csv = await (await ask('/v1/export?table=cpu&time=s')).text()
  expect(csv.split('\n').length).toBe(2 + TAGGED_ROWS.reduce((sum, { count }) => sum + count, 0))
  expect(await (await ask('/v1/tables/cpu/tags/host/values?limit=2')).json()).toMatchObject({
    values: TAGGED_ROWS.slice(0, 2).map(({ host }) => host),
    cursor: expect.any(String),
  })
  expect((await ask('/v1/query?table=none')).status).toBe(404)
  expect((await ask('/v1/query?table=cpu&select=mean(none)')).status).toBe(400)
  await close()
})

test('an ETag holds until a shard is written to', async () => {
  const { ask, write, close } = await openShardedApp()
  const url = '/v1/query?table=cpu&select=count(*)'
  const first = await ask(url)
  const etag = first.headers.get('etag')!
  expect(etag).toMatch(/^W\/"[\w-]+"$/)
  const again = (): Promise<Response> => ask(url, { headers: { 'If-None-Match': etag } })
  expect((await again()).status).toBe(304)
  await write('cpu,host=h3 v=1000')
  expect((await again()).status).toBe(200)
  await close()
})
