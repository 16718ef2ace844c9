// A shard's object inside real workerd: what was acknowledged is there after any end of the object, also
// one in mid-write; what waits is done by its alarm; what does not fit is refused by name.

import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type ObjectEngine, isolateMemory } from '../../../server/edge/object-engine.ts'
import { KERNEL_BYTES_MAX } from '../../../server/edge/isolate-memory.ts'
import { SHARD_OPTIONS } from '../../../server/edge/shard-memory.ts'
import { type TestShard, openTestShard } from './shard-fixture.ts'

const HOUR_MS = 3_600_000
const START = 1_790_000_000

afterEach(() => void vi.useRealTimers())

/** What of an object is its own. */
interface Inner {
  open(): Promise<{ engine: ObjectEngine }>
}

/** Lines of `count` points of a series, a second apart. */
function linesOf(count: number, first = START, series = 'host=a'): string {
  return Array.from({ length: count }, (_, i) => `cpu,${series} v=${i} ${first + i}`).join('\n')
}

async function countOf(shard: TestShard, table = 'cpu'): Promise<number> {
  const { status, body } = await shard.query({ table, select: { n: 'count(*)' } })
  if (status === 404) return 0
  return body.series[0]?.fields.n[0] ?? 0
}

const alarmOf = (shard: TestShard): Promise<number | null> =>
  shard.inside((_, ctx) => ctx.storage.getAlarm())

/** Runs the alarm, whatever time it is set for; false if there is none. */
const runAlarm = (shard: TestShard): Promise<boolean> =>
  runDurableObjectAlarm(shard.stub() as never)

/** Lets time pass until the alarm, which runs in a new instance of the object. */
async function sleepUntilAlarm(shard: TestShard): Promise<void> {
  await shard.abort()
  vi.useFakeTimers({ toFake: ['Date'], now: (await alarmOf(shard))! })
  expect(await runAlarm(shard)).toBe(true)
}

describe('after an eviction', () => {
  test('what was acknowledged is there, exactly', async () => {
    const shard = await openTestShard()
    const line = 'cpu,host=a usage=0.5,n=9007199254740993i 1790000000000000001\n'
    expect(await shard.write(line)).toMatchObject({ status: 200, body: { ack: 'fsync' } })
    await shard.abort()
    await shard.write('cpu,host=a usage=1.5 1790000000000000002\n')
    await shard.abort()
    const { body } = await shard.query({ table: 'cpu', time: 'ns' })
    expect(body.series).toEqual([
      {
        tags: { host: 'a' },
        time: ['1790000000000000001', '1790000000000000002'],
        fields: { n: ['9007199254740993', null], usage: [0.5, 1.5] },
      },
    ])
  })

  test('late points, deletes and flushes in between make the same answers', async () => {
    const shard = await openTestShard()
    await shard.write(linesOf(3_000), 'precision=s')
    await runAlarm(shard)
    await shard.abort()
    // Late, and over what is in a segment.
    await shard.write(linesOf(100, START - 50), 'precision=s')
    const range = `start=${(START + 100) * 1000}&end=${(START + 200) * 1000}`
    const removed = await shard.send(`/v1/tables/cpu/rows?${range}`, { method: 'DELETE' })
    expect(removed).toMatchObject({ status: 200, body: { deleted: 100 } })
    await shard.abort()
    expect(await countOf(shard)).toBe(3_050 - 100)
    await runAlarm(shard)
    await shard.abort()
    expect(await countOf(shard)).toBe(3_050 - 100)
    const { body } = await shard.query({ table: 'cpu', time: 's', limit: 60 })
    expect(body.series[0].fields.v.slice(48, 54)).toEqual([48, 49, 50, 51, 52, 53])
  })

  test('in mid-write nothing acknowledged is lost, and nothing is half there', async () => {
    const shard = await openTestShard()
    await shard.write('cpu,host=first v=0 1790000000\n', 'precision=s')
    const acked = new Set<number>()
    const writing = Array.from({ length: 40 }, async (_, i) => {
      const answer = await shard.write(linesOf(50, START, `host=h${i}`), 'precision=s')
      if (answer.status === 200) acked.add(i)
    })
    const settled = Promise.allSettled(writing)
    // Some are answered by then, some are not.
    await writing[3]
    await shard.abort()
    await settled
    const { body } = await shard.query({ table: 'cpu', select: { n: 'count(*)' }, by: 'host' })
    const found = new Map<string, number>(
      body.series.map(({ tags, fields }: any) => [tags.host, fields.n[0]]),
    )
    expect(acked.size).toBeGreaterThan(0)
    for (let i = 0; i < 40; i++) {
      const count = found.get(`h${i}`) ?? 0
      expect([0, 50], `batch ${i}`).toContain(count)
      if (acked.has(i)) expect(count, `batch ${i}, acknowledged`).toBe(50)
    }
  })

  test('a record of several rows is there as a whole', async () => {
    const shard = await openTestShard()
    const long = 'x'.repeat(200)
    const lines = Array.from({ length: 6_000 }, (_, i) => `log m="${long}" ${START + i}`).join('\n')
    expect(await shard.write(lines, 'precision=s')).toMatchObject({ status: 200 })
    const largest = await shard.inside((_, { storage: { sql } }) => {
      const names = sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name LIKE 'omendb_file_%'")
        .toArray()
      const sizes = names.map(
        ({ name }) => sql.exec<{ n: number }>(`SELECT max(length(bytes)) n FROM ${name}`).one().n,
      )
      return Math.max(...sizes)
    })
    expect(largest).toBe(1 << 20)
    await shard.abort()
    expect(await countOf(shard, 'log')).toBe(6_000)
  })
})

describe('the alarm', () => {
  test('is set once for many writes, and flushes them when they are old', async () => {
    const shard = await openTestShard()
    await shard.write('cpu,host=a v=1 1790000000\n', 'precision=s')
    const first = await alarmOf(shard)
    expect(first! - Date.now()).toBeGreaterThan(500_000)
    for (let i = 1; i < 10; i++) await shard.write(`cpu,host=a v=1 ${START + i}\n`, 'precision=s')
    expect(await alarmOf(shard)).toBe(first)
    const before = await shard.send('/v1/tables/cpu')
    expect(before.body.diskBytes).toBe(0)
    await shard.abort()
    expect(await runAlarm(shard)).toBe(true)
    const after = await shard.send('/v1/tables/cpu')
    expect(after.body.diskBytes).toBeGreaterThan(0)
    expect(await countOf(shard)).toBe(10)
  })

  test('is not set where nothing is to come', async () => {
    const shard = await openTestShard()
    await shard.write('cpu,host=a v=1 1790000000\n', 'precision=s')
    // One that wakes it does all there is to do, and leaves none behind that would find nothing.
    await sleepUntilAlarm(shard)
    expect(await alarmOf(shard)).toBeNull()
    expect((await shard.send('/v1/tables/cpu')).body.diskBytes).toBeGreaterThan(0)
    expect(await countOf(shard)).toBe(1)
    expect(await alarmOf(shard)).toBeNull()
  })

  test('drops what has expired, though nobody asks for anything', async () => {
    const shard = await openTestShard()
    const settings = { method: 'PUT', headers: { 'Content-Type': 'application/json' } }
    const body = JSON.stringify({ retention: '1d' })
    expect(await shard.send('/v1/tables/cpu', { ...settings, body })).toMatchObject({ status: 200 })
    const now = Date.now()
    await shard.write(`cpu,host=a v=1 ${now - 20 * HOUR_MS}\n`, 'precision=ms')
    const expiry = now + 4 * HOUR_MS + 1
    for (let i = 0; (await alarmOf(shard)) !== expiry; i++) {
      expect(i).toBeLessThan(3)
      await sleepUntilAlarm(shard)
    }
    expect((await shard.send('/v1/tables/cpu')).body.diskBytes).toBeGreaterThan(0)
    await sleepUntilAlarm(shard)
    expect((await shard.send('/v1/tables/cpu')).body).toMatchObject({ points: 0, diskBytes: 0 })
  })
})

describe('trouble', () => {
  test('a commit that fails resets the object: the write is not acknowledged, all before it is kept', async () => {
    const shard = await openTestShard()
    await shard.write(linesOf(10), 'precision=s')
    await shard.inside((_, { storage }) => {
      const failing = storage as { sync(): Promise<void> }
      failing.sync = async () => {
        throw new Error('the commit failed')
      }
    })
    const refused = await shard.write(linesOf(5, START + 100), 'precision=s').catch(() => null)
    expect(refused?.status ?? 503).toBeGreaterThanOrEqual(500)
    await vi.waitFor(async () => expect(await countOf(shard)).toBeGreaterThanOrEqual(10))
    expect([10, 15]).toContain(await countOf(shard))
    expect(await shard.write(linesOf(5, START + 200), 'precision=s')).toMatchObject({ status: 200 })
  })

  test('a kernel that trapped is replaced, and has what it had', async () => {
    const shard = await openTestShard()
    await shard.write(linesOf(10), 'precision=s')
    await shard.inside(async (object) => {
      const { engine } = await (object as unknown as Inner).open()
      const trap = (): never => {
        throw new WebAssembly.RuntimeError('unreachable')
      }
      expect(() => engine.db.kernel.guard(trap)).toThrow(/kernel/)
    })
    expect(await shard.write(linesOf(5), 'precision=s')).toMatchObject({ status: 503 })
    await vi.waitFor(async () => expect(await countOf(shard)).toBe(10))
    expect(await shard.write(linesOf(5, START + 100), 'precision=s')).toMatchObject({ status: 200 })
    expect(await countOf(shard)).toBe(15)
  })

  test('a full database refuses writes as storage_full, answers, and goes on by itself', async () => {
    const shard = await openTestShard()
    await shard.write(linesOf(10), 'precision=s')
    const heal = await shard.inside((_, { storage: { sql } }) => {
      const { exec } = sql
      const full = sql as { exec: unknown }
      full.exec = (query: string, ...bindings: never[]) => {
        if (/^\s*(INSERT|CREATE)/.test(query)) {
          throw new Error('database or disk is full: SQLITE_FULL')
        }
        return exec.call(sql, query, ...bindings)
      }
      return () => void (full.exec = exec.bind(sql))
    })
    const refused = await shard.write(linesOf(5, START + 100), 'precision=s')
    expect(refused).toMatchObject({ status: 507, body: { code: 'storage_full' } })
    expect(await countOf(shard)).toBe(10)
    await shard.inside(heal)
    await vi.waitFor(
      async () =>
        expect(await shard.write(linesOf(5, START + 200), 'precision=s')).toMatchObject({
          status: 200,
        }),
      { timeout: 20_000, interval: 200 },
    )
    expect(await countOf(shard)).toBe(15)
    await shard.abort()
    expect(await countOf(shard)).toBe(15)
  })

  test('a batch that no memtable takes is too large, and leaves nothing', async () => {
    const shard = await openTestShard()
    const fields = Array.from({ length: 200 }, (_, i) => `f${i}=${i % 10}i`).join(',')
    const lines = Array.from({ length: 4_000 }, (_, i) => `wide ${fields} ${START + i}`).join('\n')
    expect(lines.length).toBeLessThan(8_000_000)
    expect(await shard.write(lines, 'precision=s')).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
    expect(await countOf(shard, 'wide')).toBe(0)
    const body = await shard.write('x'.repeat(8_000_001))
    expect(body).toMatchObject({ status: 413, body: { code: 'too_large' } })
  })

  test('a request without a verdict, and one for another database, get nothing', async () => {
    const shard = await openTestShard()
    const bare = await shard.stub().fetch(new Request('https://shard.example/v1/tables'))
    expect(bare.status).toBe(403)
    await shard.stub().erase()
    expect(await shard.write('cpu v=1\n')).toMatchObject({ status: 421 })
    await shard.stub().assign({ database: 'default', shard: shard.name, epoch: 2 })
    expect(await shard.write('cpu v=1\n'), 'an older map').toMatchObject({ status: 421 })
    await shard.stub().assign({ database: 'default', shard: shard.name, epoch: 1 })
    expect(await countOf(shard), 'what was erased').toBe(0)
    expect(await shard.write('cpu v=1\n')).toMatchObject({ status: 200 })
  })
})

describe('memory', () => {
  test('a shard that is full and asked stays in its share', { timeout: 60_000 }, async () => {
    const shard = await openTestShard()
    for (let i = 0; i < 20; i++) {
      const lines = Array.from(
        { length: 10_000 },
        (_, k) =>
          `m,host=h${k % 100} a=${k},b=${k / 7},c="text ${k}" ${START + i * 100 + (k % 100)}`,
      )
      expect(await shard.write(lines.join('\n'), 'precision=s')).toMatchObject({ status: 200 })
    }
    for (const question of [
      { table: 'm', select: 'mean(a), max(b)', every: '1m', by: 'host' },
      { table: 'm', limit: 5_000 },
      { table: 'm', select: 'median(b)' },
    ]) {
      expect(await shard.query(question)).toMatchObject({ status: 200 })
    }
    const { engine } = await shard.stub().metrics()
    expect(engine.memoryBytes).toBeGreaterThan(3 * SHARD_OPTIONS.memtableRowBytes!)
    expect(engine.memoryBytes).toBeLessThanOrEqual(SHARD_OPTIONS.memoryBytes!)
    expect(engine.memoryBytesMax).toBe(SHARD_OPTIONS.memoryBytes)
    expect(isolateMemory.kernelBytes).toBeLessThanOrEqual(KERNEL_BYTES_MAX)
  })

  test(
    'of many shards those that rest give way, and find all they had',
    { timeout: 60_000 },
    async () => {
      const shards = await Promise.all(Array.from({ length: 9 }, openTestShard))
      for (const [i, shard] of shards.entries()) {
        expect(await shard.write(linesOf(10 + i), 'precision=s')).toMatchObject({ status: 200 })
        expect(isolateMemory.kernelBytes).toBeLessThanOrEqual(KERNEL_BYTES_MAX)
      }
      expect(9 * (SHARD_OPTIONS.memtableRowBytes! * 3)).toBeGreaterThan(KERNEL_BYTES_MAX)
      for (const [i, shard] of shards.entries()) expect(await countOf(shard)).toBe(10 + i)
      expect(isolateMemory.kernelBytes).toBeLessThanOrEqual(KERNEL_BYTES_MAX)
    },
  )
})
