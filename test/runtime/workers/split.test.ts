// A database that is split while it is in use, inside real workerd and through the Worker's own router: the
// objects, the catalog and the coordinator of the isolate, by the REST API alone.

import { env, runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test'
import { expect, test, vi } from 'vitest'
import { decodeMap, shardsOf } from '../../../engine/shards/shard-map.ts'
import { CATALOG_NAME } from '../../../server/edge/catalog-stub.ts'
import type { EdgeEnv } from '../../../server/edge/environment.ts'

const { CATALOG, SHARDS } = env as unknown as EdgeEnv
const ORIGIN = 'http://127.0.0.1'
const MINUTE = 60_000

type Body = Record<string, any>

/** Asks again while objects that have ended still count in the memory of the isolate. */
async function patiently(
  path: string,
  init?: Parameters<typeof SELF.fetch>[1],
): ReturnType<typeof SELF.fetch> {
  for (let attempt = 0; ; attempt++) {
    const response = await SELF.fetch(ORIGIN + path, init)
    if (response.status !== 429 || attempt === 100) return response
    await response.text()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function call(
  method: string,
  path: string,
  body?: string | object,
): Promise<{ status: number; body: Body }> {
  const isText = typeof body === 'string'
  const response = await patiently(path, {
    method,
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    headers: body === undefined || isText ? {} : { 'Content-Type': 'application/json' },
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Body) }
}

/** Writes as a client does: once more while something may pass. */
async function write(db: string, lines: string): Promise<Body> {
  for (let attempt = 0; ; attempt++) {
    const { status, body } = await call('POST', `/v1/write?db=${db}&precision=ms`, lines)
    if (status === 200) return body
    if (status !== 503 || attempt === 5) throw new Error(`${status} ${JSON.stringify(body)}`)
  }
}

const catalog = () => CATALOG.getByName(CATALOG_NAME)

/** Splits the shard that takes new points of a slot; the shards of the database then. */
async function split(db: string, place = 0): Promise<string[]> {
  const view = await catalog().view(db, false)
  if (view.kind !== 'done' || view.value === null) throw new Error(JSON.stringify(view))
  const { entries } = view.value.map
  for (let attempt = 0; ; attempt++) {
    const reply = await catalog().split(db, entries.at(place - 1)!.shard)
    if (reply.kind === 'done') return reply.value.map.entries.map(({ shard }) => shard)
    const isBusy = reply.kind === 'failed' && reply.code === 'busy'
    if (!isBusy || attempt === 100) throw new Error(JSON.stringify(reply))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Ten points of each of 30 hosts within half an hour, which begins later from round to round. */
function points(round: number): string {
  const start = Date.now() + round * 3 * MINUTE
  return Array.from({ length: 300 }, (_, i) => {
    const time = start + (i - 100) * 0.1 * MINUTE + round
    return `cpu,host=h${i % 30} v=${(i * 7 + round) % 101},n=${i}i ${Math.floor(time)}`
  }).join('\n')
}

const QUESTIONS = [
  { table: 'cpu' },
  { table: 'cpu', order: 'desc', limit: 33, where: "host = 'h7' AND v > 20" },
  { table: 'cpu', select: ['count(*)', 'min(v)', 'max(v)', 'sum(n)', 'first(n)', 'last(n)'] },
  { table: 'cpu', select: 'max(v)', by: 'host', every: '5m' },
]

async function compare(db: string, whole: string): Promise<void> {
  for (const question of QUESTIONS) {
    const found = await call('POST', `/v1/query?db=${db}`, { ...question, time: 'ns' })
    const expected = await call('POST', `/v1/query?db=${whole}`, { ...question, time: 'ns' })
    expect(found.status, JSON.stringify(found.body)).toBe(200)
    expect(found.body['series'], JSON.stringify(question)).toEqual(expected.body['series'])
    expect(found.body['rowCount']).toBe(expected.body['rowCount'])
  }
  const path = (name: string): string => `/v1/tables/cpu?db=${name}`
  const [found, expected] = [await call('GET', path(db)), await call('GET', path(whole))]
  expect({ ...found.body, diskBytes: 0 }).toEqual({ ...expected.body, diskBytes: 0 })
}

test('a database answers as before while it is split, again and again', async () => {
  const [db, whole] = ['split', 'whole']
  for (let round = 0; round < 4; round++) {
    const lines = [0, 1, 2].map((part) => points(round * 10 + part))
    // The router has a map that is old by now.
    const writes = lines.map((text) => write(db, text))
    const [shards] = await Promise.all([
      round === 0 ? [] : split(db, round === 3 ? -1 : 0),
      ...writes,
    ])
    expect(shards.length).toBe(round === 0 ? 0 : 1 + 2 * round)
    for (const text of lines) await write(whole, text)
    await compare(db, whole)
  }
  const bad = await call('POST', `/v1/write?db=${db}`, 'cpu,host=h1 v="text" 5')
  const expected = await call('POST', `/v1/write?db=${whole}`, 'cpu,host=h1 v="text" 5')
  expect(bad.status).toBe(422)
  expect({ ...bad.body, requestId: '' }).toEqual({ ...expected.body, requestId: '' })
})

test('a body that streams is stored by whoever has the database by now', async () => {
  const db = 'streamed'
  await write(db, 'cpu,host=a v=1')
  await split(db)
  // The router looks again before it sends what it can send only once, if it did not within a second.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const rows = Array.from(
    { length: 5_000 },
    (_, i) => `cpu,host=h${i % 30} v=${i} ${Date.now() + i}`,
  )
  const lines = rows.join('\n')
  expect(lines.length).toBeGreaterThan(100_000)
  const { status, body } = await call('POST', `/v1/write?db=${db}&precision=ms`, lines)
  expect(status, JSON.stringify(body)).toBe(200)
  expect(body['written']).toBe(5_000)
})

test('deletes, declarations and drops reach all shards', async () => {
  const db = 'administered'
  await write(db, points(0))
  await split(db)
  await write(db, points(10))
  const before = (await call('GET', `/v1/tables/cpu?db=${db}`)).body
  expect(before).toMatchObject({ points: 600, series: 30 })
  const list = (etag: string) =>
    patiently(`/v1/tables/cpu/series?db=${db}`, { headers: { 'If-None-Match': etag } })
  const first = await list('none')
  expect((await first.json<Body>())['series'].length).toBe(30)
  const again = await list(first.headers.get('ETag')!)
  expect([first.status, again.status]).toEqual([200, 304])
  await again.text()
  const put = await call('PUT', `/v1/tables/cpu?db=${db}`, {
    retention: '30d',
    fields: { extra: 'integer' },
  })
  expect(put.status).toBe(200)
  expect(put.body).toMatchObject({
    retention: '30d',
    fields: { extra: 'integer', n: 'integer', v: 'float' },
  })
  const gone = await call(
    'DELETE',
    `/v1/tables/cpu/rows?db=${db}&where=${encodeURIComponent("host = 'h3'")}`,
  )
  expect(gone).toMatchObject({ status: 200, body: { deleted: 20 } })
  expect((await call('DELETE', `/v1/tables/cpu/columns/n?db=${db}`)).status).toBe(204)
  const after = (await call('GET', `/v1/tables/cpu?db=${db}`)).body
  expect(after).toMatchObject({ points: 580, fields: { extra: 'integer', v: 'float' } })
  // The name is free for another type.
  await write(db, `cpu,host=h1 n="text" ${Date.now()}`)
  expect((await call('DELETE', `/v1/tables/cpu?db=${db}`)).status).toBe(204)
  expect((await call('GET', `/v1/tables/cpu?db=${db}`)).status).toBe(404)
  expect((await call('DELETE', `/v1/databases/${db}`)).status).toBe(204)
  await write(db, 'cpu v=1 5')
  expect((await call('GET', `/v1/tables?db=${db}`)).body).toEqual({
    tables: [{ name: 'cpu', points: 1, series: 1 }],
  })
})

test('SQL of several shards: declared columns keep their order, statements reach all shards', async () => {
  const db = 'sql-split'
  const sql = async (text: string): Promise<Body> => {
    const { status, body } = await call('POST', `/v1/sql?db=${db}`, { sql: text, time: 'ms' })
    expect([status, text, body]).toEqual([200, text, body])
    return body
  }
  await write(db, `cpu v=1 ${Date.now()}`)
  await sql(
    'CREATE TABLE logs (level text, at timestamptz, note text, size int8, PRIMARY KEY (level, at))',
  )
  await sql("INSERT INTO logs VALUES ('a', '2026-01-01T00:00:00Z', 'old', 1)")
  await split(db)
  await sql(
    "INSERT INTO logs VALUES ('b', '2028-01-01T00:00:00Z', 'new', 2), ('c', '2028-01-01T00:00:01Z', 'new', 3)",
  )
  const all = await sql('SELECT * FROM logs ORDER BY at')
  expect(all['columns'].map(({ name }: Body) => name)).toEqual(['level', 'at', 'note', 'size'])
  expect(all['rows'].map((row: unknown[]) => [row[0], row[2], row[3]])).toEqual([
    ['a', 'old', 1],
    ['b', 'new', 2],
    ['c', 'new', 3],
  ])
  await sql("DELETE FROM logs WHERE level = 'b'")
  const sums = await sql(
    "SELECT date_trunc('year', at) AS y, sum(size) FROM logs GROUP BY 1 ORDER BY 1",
  )
  expect(sums['rows'].map((row: unknown[]) => row[1])).toEqual([1, 3])
})

test('a shard that ends is back with all points; one that is gone fails the write by name', async () => {
  const db = 'failing'
  await write(db, points(0))
  const shards = await split(db)
  await write(db, points(10))
  for (const shard of shards) {
    const stub = SHARDS.getByName(shard)
    await runInDurableObject(stub as never, (_instance: unknown, state: { abort(): void }) => {
      state.abort()
    }).catch(() => {})
  }
  expect((await call('GET', `/v1/tables/cpu?db=${db}`)).body).toMatchObject({ points: 600 })
  await SHARDS.getByName(shards[2]!).erase()
  const refused = await call('POST', `/v1/write?db=${db}&precision=ms`, points(20))
  expect(refused.status).toBe(503)
  expect(refused.body).toMatchObject({ code: 'unavailable' })
})

test('a shard that is hot splits by itself while it is written, and its halves then rest', async () => {
  const [db, whole] = ['hot', 'hot-whole']
  const placed = await catalog().locate(db, true)
  const [shard] = shardsOf(decodeMap(placed!.map))
  const stub = SHARDS.getByName(shard!)
  await runInDurableObject(stub as never, (instance: { env: EdgeEnv }) => {
    // Its engine is not open yet, so it has this from the beginning.
    instance.env = { ...instance.env, OMENDB_SPLIT_BYTES: 1_000 }
  })
  const lines = [0, 1, 2, 3].map(points)
  await write(db, lines[0]!)
  const [hasRun] = await Promise.all([
    runDurableObjectAlarm(stub as never),
    ...lines.slice(1).map((text) => write(db, text)),
  ])
  expect(hasRun).toBe(true)
  // One that finds no room for its halves is asked for again with the next alarm.
  const split = async (): Promise<string[] | null> => {
    const view = await catalog().view(db, false)
    const found = view.kind === 'done' ? shardsOf(view.value!.map) : []
    if (found.length === 3) return found
    await write(db, lines[0]!)
    await runDurableObjectAlarm(stub as never)
    return null
  }
  const shards = await vi.waitUntil(split, { timeout: 20_000, interval: 200 })
  // From behind the fence on.
  const later = points(20)
  await write(db, later)
  for (const text of [...lines, later]) await write(whole, text)
  await compare(db, whole)
  for (const one of shards) {
    expect(await catalog().relieve(db, one)).toEqual({ kind: 'done', value: false })
  }
  expect(await catalog().relieve('nothing', shard!)).toEqual({ kind: 'done', value: false })
  // A database whose shard is not hot stays as it is.
  const cool = shardsOf(decodeMap((await catalog().locate(whole, false))!.map))
  expect(await runDurableObjectAlarm(SHARDS.getByName(cool[0]!) as never)).toBe(true)
  expect(shardsOf(decodeMap((await catalog().locate(whole, false))!.map))).toEqual(cool)
})

test('a backup of several shards is restored into a database of one', async () => {
  const db = 'saved'
  await write(db, points(0))
  await split(db)
  await write(db, points(10))
  const question = { table: 'cpu', time: 'ns' }
  const ask = async (name = db) =>
    (await call('POST', `/v1/query?db=${name}`, question)).body['series']
  const before = await ask()
  const backup = await patiently(`/v1/backup?db=${db}`)
  expect([backup.status, backup.headers.get('content-type')]).toEqual([200, 'application/x-tar'])
  expect(backup.headers.get('omendb-backup-id')).toMatch(/^shards-/)
  const archive = await backup.arrayBuffer()
  const restore = async (name = db): Promise<{ status: number; body: Body }> => {
    const response = await patiently(`/v1/restore?db=${name}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-tar' },
      body: archive,
    })
    return { status: response.status, body: await response.json() }
  }
  expect(await restore()).toMatchObject({ status: 409, body: { code: 'conflict' } })
  expect((await call('DELETE', `/v1/databases/${db}`)).status).toBe(204)
  expect(await restore()).toEqual({ status: 200, body: { databases: 1, tables: 1, points: 600 } })
  expect(await ask()).toEqual(before)
  await write(db, points(20))
  expect((await call('GET', `/v1/tables/cpu?db=${db}`)).body).toMatchObject({ points: 900 })
  // Under another name as well.
  expect((await restore('saved-again')).body).toEqual({ databases: 1, tables: 1, points: 600 })
  expect(await ask('saved-again')).toEqual(before)
})

/** Events of a tail until there are as many points, and the id that it goes on behind. */
async function follow(
  db: string,
  query: string,
  count: number,
  id = '',
  begun = async (): Promise<unknown> => null,
): Promise<{ points: number; gaps: number; id: string }> {
  const response = await patiently(`/v1/tail?db=${db}&${query}`, {
    headers: id === '' ? {} : { 'Last-Event-ID': id },
  })
  expect(response.status, await (response.ok ? '' : response.text())).toBe(200)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const found = { points: 0, gaps: 0, id }
  let text = ''
  let isBegun = false
  while (found.points < count) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const message = text.slice(0, end)
      text = text.slice(end + 2)
      found.id = /^id: (.*)$/m.exec(message)?.[1] ?? found.id
      if (message.includes('event: gap')) found.gaps++
      const data = /^data: (.*)$/m.exec(message)?.[1]
      for (const { time } of (JSON.parse(data ?? '{}') as Body)['series'] ?? [])
        found.points += time.length
    }
    if (!isBegun) {
      isBegun = true
      await begun()
    }
  }
  await reader.cancel()
  return found
}

// Shards that are followed stay at work until the Worker writes to a reader who has left, so this is the last.
test('a tail gets what all shards take, and goes on behind its id after a split', async () => {
  const db = 'followed'
  await write(db, points(0))
  const alone = await follow(db, 'table=cpu', 300, '', () => write(db, points(1)))
  expect(alone).toMatchObject({ points: 300, gaps: 0 })
  await split(db)
  await write(db, points(10))
  const behind = await follow(db, 'table=cpu', 300, alone.id)
  expect(behind).toMatchObject({ points: 300, gaps: 0 })
  const live = await follow(db, 'table=cpu', 300, behind.id, () => write(db, points(11)))
  expect(live).toMatchObject({ points: 300, gaps: 0 })
  const buckets = 'table=cpu&select=count(*)&every=1h'
  expect((await follow(db, buckets, 1, '', () => write(db, points(12)))).gaps).toBe(0)
}, 60_000)
