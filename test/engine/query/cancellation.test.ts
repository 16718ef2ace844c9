// A query whose caller has gone, or whose time is over, does nothing more: counted in turns of the
// event loop and in reads of the storage, not in milliseconds.

import { beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { Host } from '../../../engine/host.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { simulatedHost } from '../../simulated-host.ts'

const SERIES = 12
const ROWS = 20_000

/** What the database asks of its host, and what happens at a pause. */
const count = { pauses: 0, reads: 0 }
let onPause: () => void = () => {}
let now = 0n
let db: Database

beforeAll(async () => {
  const storage = openMemoryStorage()
  const read = storage.read.bind(storage)
  storage.read = (name, offset, target) => {
    count.reads++
    return read(name, offset, target)
  }
  const host: Host = {
    ...(await simulatedHost(storage)),
    now: () => (now += 200_000n),
    pause: async () => {
      count.pauses++
      now += 1_000_000n
      onPause()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  // A cache that holds next to nothing: every look at a block is a read.
  const limits = { queryBytes: 1 << 30 }
  db = await openDatabase(host, { memoryBytes: 64 << 20, cacheBytes: 1 << 16, limits })
  for (let series = 0; series < SERIES; series++) {
    const times = BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i) * 1_000_000_000n)
    const values = Float64Array.from({ length: ROWS }, (_, i) => Math.sin(i + series))
    const texts = Array.from({ length: ROWS }, (_, i) => `text ${i % 40}`)
    const batch = db.batch()
    const field = { valid: null, declared: true }
    batch.points({
      table: 't',
      tags: new Map([['host', `h${series}`]]),
      times,
      fields: [
        { name: 'v', type: 0, values, ...field },
        { name: 's', type: 4, values: texts, ...field },
      ],
    })
    await batch.commit('memory')
  }
  await db.flush()
  // Nothing is left to do in the background, which pauses and reads, too.
  await db.compact()
  // Rows that lie over the others, so that merging is a part of it.
  for (let series = 0; series < SERIES; series++) {
    const batch = db.batch({ precision: 's' })
    const lines = Array.from({ length: 500 }, (_, i) => `t,host=h${series} v=1 ${i * 40}\n`)
    batch.lineProtocol(new TextEncoder().encode(lines.join('')))
    await batch.commit('memory')
  }
})

const QUERIES: Record<string, Parameters<Database['query']>[0]> = {
  raw: { table: 't' },
  'raw with a limit': { table: 't', order: 'desc', limit: 50_000 },
  'raw with a filter': { table: 't', where: 'v > 0.999' },
  'aggregate by group': { table: 't', select: { m: 'mean(v)' }, by: ['host'], every: '1m' },
  'aggregate with LIKE': { table: 't', select: { n: 'count(*)' }, where: "s LIKE '%7%'" },
  'one number': { table: 't', select: { d: 'stddev(v)' } },
}

/** Runs to the end, or until the signal fires in the `stopAt`th pause; pauses and reads in all. */
async function run(
  task: (signal: AbortSignal) => Promise<unknown>,
  stopAt: number,
): Promise<{ code: string; pauses: number; reads: number; after: number }> {
  const controller = new AbortController()
  Object.assign(count, { pauses: 0, reads: 0 })
  let readsThen = 0
  onPause = () => {
    if (count.pauses !== stopAt) return
    readsThen = count.reads
    controller.abort()
  }
  const code = await task(controller.signal).then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'no code',
  )
  onPause = () => {}
  return { code, pauses: count.pauses, reads: count.reads, after: count.reads - readsThen }
}

/** Kernel memory beside the cache, which keeps what it may. */
const heldBytes = (): number => db.metrics().memoryBytes - db.metrics().cacheBytes

describe('a query that is cancelled', () => {
  test.each(Object.entries(QUERIES))('reads nothing more: %s', async (_name, request) => {
    const held = heldBytes()
    const whole = await run((signal) => db.query(request, { signal }), -1)
    expect(whole.code).toBe('done')
    expect(whole.pauses).toBeGreaterThan(4)
    for (const stopAt of [1, 2, Math.floor(whole.pauses / 2), whole.pauses - 1]) {
      const stopped = await run((signal) => db.query(request, { signal }), stopAt)
      expect(stopped, `at pause ${stopAt} of ${whole.pauses}`).toMatchObject({
        code: 'cancelled',
        pauses: stopAt,
        after: 0,
      })
    }
    expect([heldBytes(), db.metrics().queriesRunning]).toEqual([held, 0])
  })

  test('reads nothing more: latest', async () => {
    const task = (signal: AbortSignal): Promise<unknown> =>
      db.latest({ table: 't', by: 'host' }, { signal })
    const whole = await run(task, -1)
    expect(whole.code).toBe('done')
    for (let stopAt = 1; stopAt < whole.pauses; stopAt++) {
      expect(await run(task, stopAt)).toMatchObject({ code: 'cancelled', pauses: stopAt, after: 0 })
    }
  })

  test('reads nothing more: export', async () => {
    const task = async (signal: AbortSignal): Promise<unknown> => {
      const { chunks } = await db.export({ table: 't' }, { signal })
      let rows = 0
      for await (const { time } of chunks) rows += time.length
      return rows
    }
    const held = heldBytes()
    const whole = await run(task, -1)
    expect(whole.code).toBe('done')
    for (const stopAt of [1, 5, Math.floor(whole.pauses / 2)]) {
      expect(await run(task, stopAt)).toMatchObject({ code: 'cancelled', pauses: stopAt, after: 0 })
    }
    expect(heldBytes()).toBe(held)
  })

  test('never begins when its caller has gone before', async () => {
    Object.assign(count, { pauses: 0, reads: 0 })
    await expect(db.query({ table: 't' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(count).toEqual({ pauses: 0, reads: 0 })
  })
})

test('a query whose time is over ends at its next pause', async () => {
  Object.assign(count, { pauses: 0, reads: 0 })
  let readsThen = -1
  onPause = () => {
    if (count.pauses !== 3) return
    now += 31_000_000_000n
    readsThen = count.reads
  }
  await expect(db.query({ table: 't', where: 'v > 0.999' })).rejects.toMatchObject({
    code: 'limit_exceeded',
    message: expect.stringContaining('timeoutMs = 30000'),
  })
  onPause = () => {}
  expect([count.pauses, count.reads]).toEqual([3, readsThen])
})
