// A rollup is built without the buckets that have expired by then. The clock may be earlier again later: one
// that was wrong and is trusted, or after a start that goes on from the last time a manifest has.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import {
  CLOCK_START,
  SMALL_OPTIONS,
  type SimulatedHost,
  simulatedHost,
} from '../../simulated-host.ts'

const HOUR = 3_600_000_000_000n
const DAY = 24n * HOUR

const ROLLUP = { name: 't_1h', every: '1h', select: { v: 'sum(v)' }, retention: '1d' }

/** A point an hour, six of them, and their sums by hour. */
async function hourly(): Promise<{
  host: SimulatedHost
  db: Database
  sums: () => Promise<unknown>
}> {
  const host = await simulatedHost(openMemoryStorage())
  const db = await openDatabase(host, { ...SMALL_OPTIONS, trustClock: true })
  const batch = db.batch()
  const lines = Array.from({ length: 6 }, (_, i) => `t v=${i} ${CLOCK_START - BigInt(i) * HOUR}`)
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
  await db.flush()
  const question = { table: 't', every: '1h', select: ['sum(v)'] }
  const sums = async (): Promise<unknown> =>
    (await db.query(question)).series.map(({ time, fields }) => [[...time], [...fields[0]!.values]])
  return { host, db, sums }
}

test('buckets that had expired when a rollup was built are answered from points once they have not', async () => {
  const { host, db, sums } = await hourly()
  const expected = await sums()
  host.advance(3n * DAY)
  await db.putTable('t', { rollups: [ROLLUP] })
  await db.compact()
  host.advance(-3n * DAY)
  expect(await sums()).toEqual(expected)
  await db.close()
})

test('buckets that a rollup had and that have expired are answered from points once they have not', async () => {
  const { host, db, sums } = await hourly()
  const expected = await sums()
  await db.putTable('t', { rollups: [ROLLUP] })
  await db.refresh()
  await db.flush()
  host.advance(3n * DAY)
  await db.compact()
  await db.refresh()
  await db.compact()
  expect((await db.table('t_1h')).diskBytes).toBe(0)
  host.advance(-3n * DAY)
  expect(await sums()).toEqual(expected)
  await db.close()
})

test('buckets that have expired stay until it is stored that the rollup begins after them', async () => {
  const { host, db } = await hourly()
  await db.putTable('t', { rollups: [ROLLUP] })
  await db.refresh()
  await db.flush()
  host.advance(3n * DAY)
  await db.compact()
  expect((await db.table('t_1h')).diskBytes).toBeGreaterThan(0)
  await db.refresh()
  await db.compact()
  expect((await db.table('t_1h')).diskBytes).toBe(0)
  await db.close()
})
