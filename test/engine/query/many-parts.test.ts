// A table of very many small parts: a question of one series opens those of its time alone, and gives
// way between them; counted in turns of the event loop and in reads, not in milliseconds.

import { beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { Host } from '../../../engine/host.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import { simulatedHost } from '../../simulated-host.ts'

const DAYS = 300
const ROWS_A_DAY = 288
const DAY = 86_400_000_000_000n
const count = { pauses: 0, reads: 0 }
let db: Database

beforeAll(async () => {
  const disk = new MemoryDisk()
  const storage = openMemoryStorage(disk)
  const host: Host = {
    ...(await simulatedHost(storage)),
    // Time stands still: what pauses does so for its work.
    now: () => 1_700_000_000_000_000_000n,
    pause: async () => {
      count.pauses++
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const options = { memoryBytes: 128 << 20 }
  db = await openDatabase(host, options)
  const rows = DAYS * ROWS_A_DAY
  const times = BigInt64Array.from({ length: rows }, (_, i) => (BigInt(i) * DAY) / 288n)
  const values = Float64Array.from({ length: rows }, (_, i) => i)
  const batch = db.batch()
  const field = { name: 'v', type: 0 as const, values, valid: null, declared: true }
  batch.points({ table: 't', tags: new Map([['host', 'a']]), times, fields: [field] })
  await batch.commit()
  await db.flush()
  await db.close()
  // Nothing is open or cached.
  const again = openMemoryStorage(disk)
  const read = again.read.bind(again)
  again.read = (name, offset, target) => {
    count.reads++
    return read(name, offset, target)
  }
  db = await openDatabase({ ...host, storage: again }, options)
})

async function counted(task: () => Promise<unknown>): Promise<{ pauses: number; reads: number }> {
  Object.assign(count, { pauses: 0, reads: 0 })
  await task()
  return { ...count }
}

const select = { m: 'mean(v)' }
test('an hour opens one part, nothing before it', async () => {
  const start = 100n * DAY
  const hour = { start, end: start + DAY / 24n, precision: 'ns' as const }
  const { pauses, reads } = await counted(() => db.query({ table: 't', select, ...hour }))
  expect(pauses).toBeLessThan(4)
  expect(reads).toBeLessThan(6)
  expect((await db.tableStats('t')).parts).toBe(DAYS)
})

test.each([
  ['one number', { select }],
  ['buckets', { select, every: '1d' }],
  ['rows', { limit: 100_000 }],
])('%s of all parts gives way while parts are opened and read', async (_name, request) => {
  const { pauses } = await counted(() => db.query({ table: 't', ...request }))
  expect(pauses).toBeGreaterThan(DAYS / 64)
})
