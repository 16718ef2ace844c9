// What a caller hears when the memory of the isolate leaves no room to open an object: `busy`, with a time
// after which to try again, from one shard as from several.

import { env, runInDurableObject, SELF } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { CATALOG_NAME } from '../../../server/edge/catalog-stub.ts'
import type { EdgeEnv } from '../../../server/edge/environment.ts'
import { isolateMemory } from '../../../server/edge/object-engine.ts'

const { CATALOG, SHARDS } = env as unknown as EdgeEnv
const ORIGIN = 'http://127.0.0.1'

const write = (db: string): Promise<Response> =>
  SELF.fetch(`${ORIGIN}/v1/write?db=${db}`, { method: 'POST', body: 'm,h=a v=1\nm,h=b v=2' })

const query = (db: string): Promise<Response> => SELF.fetch(`${ORIGIN}/v1/query?db=${db}&table=m`)

async function shardsOfDatabase(db: string): Promise<string[]> {
  const view = await CATALOG.getByName(CATALOG_NAME).view(db, false)
  if (view.kind !== 'done' || view.value === null) throw new Error(JSON.stringify(view))
  return view.value.map.entries.map(({ shard }) => shard)
}

async function split(db: string): Promise<void> {
  const [shard] = await shardsOfDatabase(db)
  const reply = await CATALOG.getByName(CATALOG_NAME).split(db, shard!)
  if (reply.kind !== 'done') throw new Error(JSON.stringify(reply))
}

async function evict(db: string): Promise<void> {
  for (const shard of new Set(await shardsOfDatabase(db))) {
    await runInDurableObject(SHARDS.getByName(shard) as never, (_, ctx) =>
      ctx.abort('evicted'),
    ).catch(() => {})
  }
}

/** Runs while others, who are at work, hold all memory. */
async function crowded<T>(work: () => Promise<T>): Promise<T> {
  const other = { kernelBytes: 1 << 30, isResting: false, release() {} }
  isolateMemory.use(other)
  try {
    return await work()
  } finally {
    isolateMemory.leave(other)
  }
}

async function expectBusy(asked: Promise<Response>): Promise<void> {
  const answer = await asked
  const body = await answer.text()
  expect(answer.status, body).toBe(429)
  expect(JSON.parse(body)).toMatchObject({ code: 'busy' })
  expect(answer.headers.get('retry-after')).toBe('1')
}

test('an object that cannot open its engine is busy, and answers when there is room', async () => {
  expect((await write('one')).status).toBe(200)
  expect((await write('several')).status).toBe(200)
  await split('several')
  expect((await write('several')).status).toBe(200)
  for (const db of ['one', 'several']) {
    await evict(db)
    await crowded(async () => {
      await expectBusy(write(db))
      await expectBusy(query(db))
    })
    expect((await write(db)).status).toBe(200)
    expect((await query(db)).status).toBe(200)
  }
})
