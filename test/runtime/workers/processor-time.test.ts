// An object that the platform ends because it used too much processor time: whoever waits for it hears so by
// name, what was acknowledged is there, and the next request finds it at work.

import { env, runInDurableObject, SELF } from 'cloudflare:test'
import { expect, test, vi } from 'vitest'
import { CATALOG_NAME } from '../../../server/edge/catalog-stub.ts'
import type { EdgeEnv } from '../../../server/edge/environment.ts'

const { CATALOG, SHARDS } = env as unknown as EdgeEnv
const ORIGIN = 'http://127.0.0.1'
/** What Cloudflare says then. */
const REASON = 'Durable Object exceeded its CPU time limit and was reset.'

const write = (db: string, from: number): Promise<Response> => {
  const lines = Array.from({ length: 500 }, (_, i) => `m,h=h${i % 5} v=${i} ${from + i}`)
  return SELF.fetch(`${ORIGIN}/v1/write?db=${db}&precision=ms`, {
    method: 'POST',
    body: lines.join('\n'),
  })
}

const ask = (db: string): Promise<Response> =>
  SELF.fetch(`${ORIGIN}/v1/query?db=${db}&table=m&select=count(*)`)

/** Points, once the object is there again. */
async function count(db: string): Promise<number> {
  const answered = async (): Promise<Response | null> => {
    const response = await ask(db)
    return response.status === 200 ? response : null
  }
  const response = await vi.waitUntil(answered, { timeout: 20_000, interval: 200 })
  const { series } = (await response.json()) as { series: { fields: Record<string, number[]> }[] }
  return series[0]!.fields['count(*)']![0]!
}

async function endObject(db: string): Promise<void> {
  const view = await CATALOG.getByName(CATALOG_NAME).view(db, false)
  if (view.kind !== 'done' || view.value === null) throw new Error(JSON.stringify(view))
  const { shard } = view.value.map.entries[0]!
  await runInDurableObject(SHARDS.getByName(shard) as never, (_, ctx) => ctx.abort(REASON)).catch(
    () => {},
  )
}

test('requests under way are answered or refused by name, and nothing acknowledged is lost', async () => {
  const db = 'spent'
  expect((await write(db, 1)).status).toBe(200)
  let acknowledged = 500
  for (let round = 1; round <= 3; round++) {
    const writes = [write(db, round * 1_000), write(db, round * 1_000 + 500)]
    const under = [...writes, ask(db), ask(db)]
    await Promise.all([...under, endObject(db)])
    for (const response of await Promise.all(under)) {
      if (response.status === 200) continue
      // Busy: what has ended still counts in the memory of the isolate until it is collected.
      const { code } = (await response.clone().json()) as { code: string }
      expect([
        [503, 'unavailable'],
        [429, 'busy'],
      ]).toContainEqual([response.status, code])
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
    }
    for (const { status } of await Promise.all(writes)) if (status === 200) acknowledged += 500
    const found = await count(db)
    // One that was stored and whose answer was lost may be there as well.
    expect(found).toBeGreaterThanOrEqual(acknowledged)
    expect(found).toBeLessThanOrEqual(500 + round * 1_000)
    acknowledged = found
  }
  await vi.waitUntil(async () => (await write(db, 100_000)).status === 200, { timeout: 20_000 })
  expect(await count(db)).toBe(acknowledged + 500)
}, 60_000)
