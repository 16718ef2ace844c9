// What an answer promises, on every host that keeps anything: what was acknowledged is there after the server
// was killed in the middle of its work, once, and what was deleted stays away.

import { expect, test } from 'vitest'
import { useLiveServer, type Json } from '../../server/live.ts'

const live = useLiveServer()
const { send, sendJson, get, query } = live

const DAY = 86_400_000
const START = 1_789_948_800_000

async function call(method: string, path: string): Promise<number> {
  const answer = await fetch(live.url + path, { method })
  await answer.arrayBuffer()
  return answer.status
}

/** Rows of a table: [time, host, v], by host, then time. */
async function rowsOf(table: string, database = 'default'): Promise<unknown[]> {
  const { series } = await query({ table }, database)
  return series.flatMap(({ tags, time, fields }: Json) =>
    time.map((at: number, i: number) => [at, tags.host, fields.v[i]]),
  )
}

test('acknowledged points of every format and database survive kill -9, once', async () => {
  await send('/v1/write?precision=ms', 'all,host=a v=1 1\nall,host=a v=2 2')
  await sendJson('/v1/points', { table: 'all', tags: { host: 'b' }, time: [1], fields: { v: [3] } })
  const csv = { 'Content-Type': 'text/csv' }
  await send('/v1/import?table=all&tags=host', 'time,host,v\n1,c,4\n', csv)
  await send('/write?precision=ms', 'all,host=d v=5 1')
  await send('/v1/write?db=other&precision=ms', 'all,host=z v=9 1')
  const before = await rowsOf('all')
  expect(before).toEqual([
    [1, 'a', 1],
    [2, 'a', 2],
    [1, 'b', 3],
    [1, 'c', 4],
    [1, 'd', 5],
  ])
  await live.restart('SIGKILL')
  expect(await rowsOf('all')).toEqual(before)
  expect(await rowsOf('all', 'other')).toEqual([[1, 'z', 9]])
  // A client that got no answer sends again: one row.
  await send('/v1/write?precision=ms', 'all,host=a v=1 1')
  expect(await rowsOf('all')).toEqual(before)
  expect(await get('/v1/databases')).toEqual({
    databases: [{ name: 'default' }, { name: 'other' }],
  })
})

test('writers that are killed in the middle lose nothing that was acknowledged', async () => {
  const acknowledged = new Set<number>()
  const over = new AbortController()
  let next = 0
  const write = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const time = next++
      const answer = await send('/v1/write?precision=ms', `busy,host=a v=${time} ${time}`).catch(
        () => null, // the server is away: unknown, as the contract says
      )
      if (answer?.status === 200) acknowledged.add(time)
    }
  }
  const writers = Array.from({ length: 4 }, write)
  for (const wanted of [40, 120]) {
    while (acknowledged.size < wanted) await new Promise((resolve) => setTimeout(resolve, 5))
    await live.restart('SIGKILL')
  }
  over.abort()
  await Promise.all(writers)
  const stored = new Map(
    (await rowsOf('busy'))
      .map((row) => row as [number, string, number])
      .map(([time, , v]) => [time, v]),
  )
  expect([...acknowledged].filter((time) => stored.get(time) !== time)).toEqual([])
  expect([...stored].filter(([time, v]) => time !== v || time >= next)).toEqual([])
})

test('late data joins what is there, across restarts, and a later write wins', async () => {
  const line = (day: number, host: string, v: number): string =>
    `late,host=${host} v=${v} ${START + day * DAY}`
  await send('/v1/write?precision=ms', [line(30, 'a', 1), line(31, 'a', 2)].join('\n'))
  await live.restart('SIGTERM')
  await send('/v1/write?precision=ms', [line(1, 'a', 3), line(30, 'b', 4)].join('\n'))
  await live.restart('SIGKILL')
  await send('/v1/write?precision=ms', line(30, 'a', 5))
  const expected = [
    [START + DAY, 'a', 3],
    [START + 30 * DAY, 'a', 5],
    [START + 31 * DAY, 'a', 2],
    [START + 30 * DAY, 'b', 4],
  ]
  expect(await rowsOf('late')).toEqual(expected)
  await live.restart('SIGTERM')
  expect(await rowsOf('late')).toEqual(expected)
  const days = await query({ table: 'late', select: 'sum(v) AS s', every: '1d', order: 'desc' })
  expect(days['series'][0].fields.s).toEqual([2, 9, 3])
})

test('deletes, drops and settings survive kill -9', async () => {
  await send('/v1/write?precision=ms', 'kept,host=a v=1,w=1 1\nkept,host=b v=2,w=2 2')
  await send('/v1/write?precision=ms', 'dropped v=1 1')
  await send('/v1/write?db=gone&precision=ms', 't v=1 1')
  expect(await call('DELETE', "/v1/tables/kept/rows?where=host='b'")).toBe(200)
  expect(await call('DELETE', '/v1/tables/kept/columns/w')).toBe(204)
  expect(await call('DELETE', '/v1/tables/dropped')).toBe(204)
  expect(await call('DELETE', '/v1/databases/gone')).toBe(204)
  const settings = {
    retention: '100y',
    rollups: [{ name: 'kept_1h', every: '1h', select: { m: 'max(v)' } }],
  }
  const put = await fetch(`${live.url}/v1/tables/kept`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(settings),
  })
  expect(put.status).toBe(200)
  await live.restart('SIGKILL')
  expect(await rowsOf('kept')).toEqual([[1, 'a', 1]])
  expect(await get('/v1/tables/kept')).toMatchObject({
    fields: { v: 'float' },
    retention: '100y',
    rollups: [{ name: 'kept_1h', every: '1h' }],
  })
  await get('/v1/tables/dropped', 404)
  await get('/v1/tables?db=gone', 404)
  // What was dropped can be made again, and has nothing of before.
  await send('/v1/write?db=gone&precision=ms', 'u v=7 7')
  expect((await get('/v1/tables?db=gone'))['tables']).toEqual([{ name: 'u', points: 1, series: 1 }])
})

test('a hundred thousand points are there after a restart, whole and in buckets', async () => {
  for (let part = 0; part < 10; part++) {
    const lines = Array.from({ length: 10_000 }, (_, i) => {
      const n = part * 10_000 + i
      return `many,host=h${n % 10} v=${n}i ${START + n * 1_000}`
    })
    expect((await send('/v1/write?precision=ms', lines.join('\n'))).status).toBe(200)
  }
  const request = { table: 'many', select: ['count(v) AS n', 'sum(v) AS s'], by: 'host' }
  const before = (await query(request))['series']
  expect(before.map(({ fields }: Json) => [fields.n[0], fields.s[0]])).toEqual(
    Array.from({ length: 10 }, (_, h) => [10_000, 499_950_000 + h * 10_000]),
  )
  await live.restart('SIGTERM')
  expect((await query(request))['series']).toEqual(before)
  const buckets = await query({ ...request, by: [], every: '1h', origin: START })
  expect(buckets['series'][0].fields.n.slice(0, 2)).toEqual([3_600, 3_600])
  const exported = await fetch(`${live.url}/v1/export?table=many&format=csv`)
  expect((await exported.text()).split('\n')).toHaveLength(100_002)
})
