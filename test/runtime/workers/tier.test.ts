// Cold segments inside real workerd: a shard's object over its own SQLite and the bucket that miniflare
// simulates, and the engine on both with a bucket that misbehaves.

import { env, runDurableObjectAlarm } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import module from '../../../engine/omendb.wasm'
import { openDurableObjectStorage } from '../../../engine/storage/durable-object.ts'
import type { R2BucketBinding } from '../../../engine/storage/r2.ts'
import type { ColdFiles } from '../../../engine/storage/storage.ts'
import { objectHost } from '../../../server/edge/object-host.ts'
import { ObjectTimers } from '../../../server/edge/object-timers.ts'
import { SHARD_OPTIONS } from '../../../server/edge/shard-memory.ts'
import { shardBucket, tieredStorage } from '../../../server/edge/shard-tier.ts'
import { type TestShard, openTestShard } from './shard-fixture.ts'

const bucket = (env as unknown as { SEGMENTS: R2BucketBinding }).SEGMENTS
const DAY_NS = 86_400_000_000_000n
const NOW = BigInt(Date.now()) * 1_000_000n
/** A whole second ten days ago. */
const OLD = ((NOW - 10n * DAY_NS) / 1_000_000_000n) * 1_000_000_000n

function lines(count: number, from = 0, table = 't'): string {
  const rows = Array.from({ length: count }, (_, i) => {
    const n = from + i
    const noise = Math.imul(n, 2654435761) >>> 0
    return `${table},h=${n % 3} v=${(noise >>> 8) / 8} ${OLD + BigInt(n) * 1_000_000_000n}`
  })
  return `${rows.join('\n')}\n`
}

const countOf = async (shard: TestShard, table = 't'): Promise<number> => {
  const { body } = await shard.query({ table, select: { n: 'count(*)' } })
  return body.series[0]?.fields.n[0] ?? 0
}

async function keysOf(prefix: string): Promise<string[]> {
  const { objects } = await bucket.list({ prefix })
  return objects.map(({ key }) => key)
}

test('an object moves old segments to its bucket by itself and answers from there', async () => {
  const shard = await openTestShard()
  expect((await shard.write(lines(20_000))).status).toBe(200)
  const id = await shard.inside((_, ctx) => ctx.id.toString())
  const sum = { table: 't', select: { s: 'sum(v)', n: 'count(*)' }, every: '1h', by: 'h' }
  const before = (await shard.query(sum)).body.series
  expect(before.length).toBe(3)
  await shard.abort()
  // An alarm of an object that slept flushes, merges and moves.
  await shard.inside((_, ctx) => ctx.storage.setAlarm(Date.now() + 60_000))
  expect(await runDurableObjectAlarm(shard.stub() as never)).toBe(true)
  const coldOf = async () => (await shard.stub().metrics()).engine.cold
  const cold = await coldOf()
  expect(cold).toMatchObject({ files: 1, puts: 1, reads: 0 })
  expect((await keysOf(`shards/${id}/`)).length).toBe(1)
  await shard.abort()
  expect((await shard.query(sum)).body.series).toEqual(before)
  expect((await coldOf())!.reads).toBeGreaterThan(0)
  // Late data beside it, and a delete over it.
  expect((await shard.write(`t,h=0 v=1 ${OLD + 1n}\n`)).status).toBe(200)
  expect(await countOf(shard)).toBe(20_001)
  const where = encodeURIComponent("h = '1'")
  const deleted = await shard.send(`/v1/tables/t/rows?where=${where}`, { method: 'DELETE' })
  expect(deleted).toMatchObject({ status: 200 })
  await shard.abort()
  expect(await countOf(shard)).toBe(13_334)
  // What the object held is gone with it.
  await shard.stub().erase()
  expect(await keysOf(`shards/${id}/`)).toEqual([])
})

interface Engine {
  readonly db: Database
  readonly cold: ColdFiles
  readonly hotBytes: number
  settle(): Promise<void>
}

/** Runs over a database in the SQLite of an object, with a bucket; it is closed behind. */
async function withEngine<T>(
  shard: TestShard,
  options: OpenOptions,
  run: (engine: Engine) => Promise<T>,
  segments: R2BucketBinding = bucket,
): Promise<T> {
  return shard.inside(async (_, ctx) => {
    const timers = new ObjectTimers(Date.now, () => {})
    const part = shardBucket({ SEGMENTS: segments }, ctx.id.toString(), timers)!
    const storage = tieredStorage(openDurableObjectStorage(ctx.storage), part)
    const db = await openDatabase(objectHost(module, storage, timers), {
      ...SHARD_OPTIONS,
      hotBytesMax: 0,
      ...options,
    })
    const settle = async (): Promise<void> => {
      await db.flush()
      await new Promise((resolve) => setTimeout(resolve, 5))
      await Database.shardOf(db).idle()
    }
    const { cold } = storage
    try {
      return await run({
        db,
        cold: cold!,
        settle,
        get hotBytes() {
          const names = storage.list().filter((name) => name.startsWith('segment'))
          return names.reduce((sum, one) => sum + (cold!.has(one) ? 0 : storage.size(one)), 0)
        },
      })
    } finally {
      await db.close()
    }
  })
}

async function write(db: Database, text: string): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(text))
  await batch.commit()
}

async function sumOf(db: Database): Promise<unknown[]> {
  const answer = await db.query({ table: 't', select: { s: 'sum(v)', n: 'count(*)' } })
  return answer.series[0]!.fields.map(({ values }) => values[0])
}

test('a table larger than the memory and the hot budget is written, moved and answered', async () => {
  const shard = await openTestShard()
  const MIB = 1 << 20
  const options: OpenOptions = {
    memoryBytes: 16 * MIB,
    memtableRowBytes: MIB,
    memtableArenaBytes: MIB >> 2,
    cacheBytes: MIB,
    stagingBytes: MIB,
    limits: { timeoutMs: 600_000 },
    hotBytesMax: 2 * MIB,
    coldFileBytesMax: 4 * MIB,
  }
  const ROUNDS = 330
  const ROWS = 2_000
  const FIELDS = 4
  const expected = Array<number>(FIELDS).fill(0)
  await withEngine(shard, options, async ({ db, cold, hotBytes, settle }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const rows: string[] = []
      for (let i = 0; i < ROWS; i++) {
        const n = round * ROWS + i
        const values = expected.map((_, f) => {
          const value = Math.sin(n * FIELDS + f) * 1e6
          if (value > expected[f]!) expected[f] = value
          return `f${f}=${value}`
        })
        rows.push(`big,h=${i % 50} ${values.join(',')} ${OLD + BigInt(n) * 1_000_000n}`)
      }
      await write(db, `${rows.join('\n')}\n`)
    }
    await settle()
    expect(cold.counts.bytes + hotBytes).toBeGreaterThan(16 * MIB)
    expect(cold.counts.bytes).toBeGreaterThan(12 * MIB)
    expect(hotBytes).toBeLessThanOrEqual(2 * MIB)
  })
  await withEngine(shard, options, async ({ db, cold }) => {
    const select = Object.fromEntries(expected.map((_, f) => [`m${f}`, `max(f${f})`]))
    const answer = await db.query({
      table: 'big',
      select: { n: 'count(*)', ...select },
      every: '1d',
    })
    const { fields } = answer.series[0]!
    const counts = [...(fields[0]!.values as BigInt64Array)]
    expect(counts.reduce((a, b) => a + b, 0n)).toBe(BigInt(ROUNDS * ROWS))
    expect(fields.slice(1).map(({ values }) => Math.max(...(values as Float64Array)))).toEqual(
      expected,
    )
    expect(cold.counts.reads).toBeGreaterThan(10)
    expect(db.metrics().memoryBytes).toBeLessThanOrEqual(16 * MIB)
  })
}, 240_000)

test('a bucket that answers 503 or half a body is named, and all is well by itself after it', async () => {
  const shard = await openTestShard()
  let trouble: 'none' | '503' | 'half' = 'none'
  const moody: R2BucketBinding = {
    put: async (key, value, options) => {
      if (trouble !== 'none') throw new Error('put: Service Unavailable (503)')
      return bucket.put(key, value, options)
    },
    get: async (key, options) => {
      if (trouble === '503') throw new Error('get: Service Unavailable (503)')
      const found = await bucket.get(key, options)
      if (trouble === 'none' || found === null) return found
      const body = await found.arrayBuffer()
      return { size: found.size, arrayBuffer: async () => body.slice(0, body.byteLength >> 1) }
    },
    head: (key) => bucket.head(key),
    list: (options) => bucket.list(options),
    delete: (key) => bucket.delete(key),
  }
  const expected = await withEngine(shard, {}, async ({ db, cold, settle }) => {
    await write(db, lines(5_000))
    await settle()
    expect(cold.counts.files).toBe(1)
    return sumOf(db)
  })
  await withEngine(
    shard,
    {},
    async ({ db, cold, settle }) => {
      for (trouble of ['503', 'half'] as const) {
        const reason = trouble === '503' ? /Service Unavailable/ : /bytes came instead of/
        await expect(sumOf(db)).rejects.toMatchObject({ code: 'unavailable', message: reason })
        await expect(sumOf(db)).rejects.toThrow(/^segment-\d+: shards\//)
      }
      // Writes go on, and what cannot move stays.
      await write(db, lines(1_000, 5_000))
      await settle()
      expect(cold.counts.files).toBe(1)
      expect(db.health()).toMatchObject({ status: 'warn', message: /put failed.*503/ })
      trouble = 'none'
      expect((await sumOf(db))[1]).toBe(6_000n)
      for (let i = 0; i < 100 && db.health().status !== 'pass'; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
      expect(cold.counts.files).toBe(2)
    },
    moody,
  )
  expect(expected[1]).toBe(5_000n)
})

test('an object that ends between an upload and its swap loses nothing and leaves nothing', async () => {
  const shard = await openTestShard()
  let id = ''
  await shard
    .inside(async (_, ctx) => {
      id = ctx.id.toString()
      const timers = new ObjectTimers(Date.now, () => {})
      const deadly: R2BucketBinding = {
        ...{ get: bucket.get.bind(bucket), head: bucket.head.bind(bucket) },
        ...{ list: bucket.list.bind(bucket), delete: bucket.delete.bind(bucket) },
        put: async (key, value, options) => {
          await bucket.put(key, value, options)
          ctx.abort('the machine is gone')
          return new Promise(() => {})
        },
      }
      const part = shardBucket({ SEGMENTS: deadly }, id, timers)!
      const storage = tieredStorage(openDurableObjectStorage(ctx.storage), part)
      const host = objectHost(module, storage, timers)
      const db = await openDatabase(host, { ...SHARD_OPTIONS, hotBytesMax: 0 })
      await write(db, lines(5_000))
      await db.flush()
      await new Promise(() => {})
    })
    .catch(() => {})
  const left = await keysOf(`shards/${id}/`)
  expect(left.length).toBe(1)
  await withEngine(shard, {}, async ({ db, cold, settle }) => {
    expect((await sumOf(db))[1]).toBe(5_000n)
    await settle()
    expect(cold.counts.files).toBe(1)
    expect((await sumOf(db))[1]).toBe(5_000n)
  })
  const now = await keysOf(`shards/${id}/`)
  expect(now.length).toBe(1)
  expect(now).not.toEqual(left)
})

test('retention takes cold segments with their objects', async () => {
  const shard = await openTestShard()
  await withEngine(shard, {}, async ({ db, cold, settle }) => {
    await write(db, lines(5_000))
    await settle()
    await write(db, `t,h=0 v=1 ${NOW}\n`)
    await settle()
    expect(cold.counts.files).toBe(2)
    await db.putTable('t', { retention: '5d' })
    for (let i = 0; i < 50 && (await sumOf(db))[1] !== 1n; i++) await settle()
    await settle()
    expect((await sumOf(db))[1]).toBe(1n)
    expect(cold.counts).toMatchObject({ files: 1, removes: 1 })
  })
  const id = await shard.inside((_, ctx) => ctx.id.toString())
  expect((await keysOf(`shards/${id}/`)).length).toBe(1)
})
