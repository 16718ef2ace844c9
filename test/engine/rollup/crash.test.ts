// One scripted life of a table with rollups, once for each storage call that it makes: the machine stops
// in that call, or the call fails. After the next start, and again when the rollups are up to date,
// they answer as the points do. OMENDB_SWEEP_STRIDE=1 takes every call, not each n-th.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { RollupRequest } from '../../../engine/rollup/definition.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import { TINY_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedCrash, SimulatedDisk } from '../../simulated-storage.ts'

const STRIDE = Number(process.env['OMENDB_SWEEP_STRIDE'] ?? 23)
const ROLLUPS: RollupRequest[] = [
  { name: 'minutes', every: '1m', select: { n: 'sum(n)', points: 'count(*)', most: 'max(n)' } },
  { name: 'tens', every: '10m', select: { n: 'sum(n)', last: 'last(word)' } },
]
const CHANGED: RollupRequest[] = [
  ROLLUPS[0]!,
  { name: 'tens', every: '30m', select: { n: 'sum(n)', last: 'last(word)' } },
]

/** `count` points of one series of ten seconds each, from the minute `minute` on. */
async function write(
  db: Database,
  { host, minute, count, value }: { host: string; minute: number; count: number; value: number },
  ack: 'fsync' | 'memory' = 'fsync',
): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => {
    return `t,host=${host} n=${value + i}i,word="w${value}" ${minute * 60 + i * 10}`
  })
  const batch = db.batch({ precision: 's' })
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit(ack)
}

/** Every step is tried, whatever became of the one before. */
const SCRIPT: readonly ((db: Database) => Promise<unknown>)[] = [
  (db) => write(db, { host: 'a', minute: 0, count: 60, value: 1 }),
  (db) => db.putTable('t', { rollups: ROLLUPS }),
  (db) => db.flush(),
  (db) => db.refresh(),
  (db) => write(db, { host: 'b', minute: 3, count: 40, value: 100 }),
  // Late, and over what was there.
  (db) => write(db, { host: 'a', minute: 2, count: 7, value: 1_000 }, 'memory'),
  (db) => db.flush(),
  (db) => db.refresh(),
  // Whole buckets and parts of some, then rows in what was deleted.
  (db) => db.deleteRows('t', { start: '1970-01-01T00:03:30Z', end: '1970-01-01T00:06:00Z' }),
  (db) => write(db, { host: 'a', minute: 5, count: 3, value: 5_000 }),
  (db) => db.deleteRows('t', { where: 'n = 5001 OR n = 3' }),
  (db) => db.flush(),
  (db) => db.compact(),
  (db) => db.putTable('t', { rollups: CHANGED }),
  (db) => db.refresh(),
  (db) => write(db, { host: 'c', minute: 1, count: 200, value: 7 }),
  (db) => db.flush(),
  (db) => db.refresh(),
  (db) => db.putTable('t', { rollups: [] }),
  (db) => write(db, { host: 'a', minute: 9, count: 9, value: 9 }),
  (db) => db.flush(),
]

async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
  }
}

const QUESTIONS: readonly Partial<QueryRequest>[] = [
  { every: '1m', select: 'sum(n),count(*),max(n)', by: 'host' },
  { every: '10m', select: 'sum(n)' },
  { every: '1h', select: 'sum(n),last(word)', by: 'host' },
  { every: '30m', select: 'sum(n)', start: '1970-01-01T00:04:50Z', end: '1970-01-01T00:33:10Z' },
]

/** What the rollups answer is what the points answer; which rollups answered. */
async function expectSame(db: Database, where: string): Promise<(string | null)[]> {
  const used: (string | null)[] = []
  for (const question of QUESTIONS) {
    const request = { table: 't', ...question }
    const found = await db.query(request)
    // A condition on a field that every point has: no rollup can tell.
    const points = await db.query({ ...request, where: 'n IS NOT NULL' })
    expect(points.stats.rollup, where).toBeNull()
    expect(found.series, `${where}: ${JSON.stringify(question)}`).toEqual(points.series)
    used.push(found.stats.rollup)
  }
  return used
}

async function openAt(disk: SimulatedDisk): Promise<Database> {
  return openDatabase(await simulatedHost(disk.open(), disk.seed), TINY_OPTIONS)
}

async function runWith(call: number, fault: string): Promise<boolean> {
  const disk = new SimulatedDisk(call)
  if (fault === 'crash') disk.crashAt(call)
  else disk.failAt(call, fault)
  const where = `${fault} in call ${call}`
  try {
    const db = await openAt(disk)
    for (const step of SCRIPT) await attempt(() => step(db))
  } catch (error) {
    if (!(error instanceof OmenError) && !disk.hasStopped) throw new Error(where, { cause: error })
  }
  await new Promise((resolve) => setImmediate(resolve))
  const { hasFired } = disk
  if (call % 3 === 0) disk.kill()
  else disk.crash()
  const again = await openAt(disk)
  if ((await again.tables()).some(({ name }) => name === 't')) {
    await expectSame(again, `start after ${where}`)
    await again.flush()
    await again.refresh()
    const declared = (await again.table('t')).rollups.length > 0
    const used = await expectSame(again, `refresh after ${where}`)
    if (declared) expect(used.slice(0, 3), where).not.toContain(null)
  }
  await again.close()
  return hasFired
}

test.each(['crash', 'EIO', 'ENOSPC'])(
  '%s in each storage call leaves rollups that answer as the points do',
  { timeout: 600_000 },
  async (fault) => {
    let call = 1 + (fault.length % STRIDE)
    while (await runWith(call, fault)) call += STRIDE
    expect(call).toBeGreaterThan(100)
  },
)

test('without a fault each step uses the coarsest rollup that has a bucket of it', async () => {
  const db = await openAt(new SimulatedDisk(1))
  for (const step of SCRIPT.slice(0, 4)) await step(db)
  expect(await expectSame(db, 'first')).toEqual(['minutes', 'tens', 'tens', 'tens'])
  for (const step of SCRIPT.slice(4, 18)) await step(db)
  expect(await expectSame(db, 'changed')).toEqual(['minutes', 'minutes', 'tens', 'minutes'])
  for (const step of SCRIPT.slice(18)) await step(db)
  expect(await expectSame(db, 'dropped')).toEqual([null, null, null, null])
  expect((await db.tables()).map(({ name }) => name)).toEqual(['t'])
  await db.close()
})
