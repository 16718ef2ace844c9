// What deletes cost and where they end: logs that only deletes fill, disk that is reclaimed, limits.

import { describe, expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { simulatedHost } from '../../simulated-host.ts'

const OPTIONS: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 22,
  memtableArenaBytes: 1 << 12,
  logBytes: 1 << 16,
  cacheBytes: 1 << 20,
  limits: { timeoutMs: 1e12 },
}

async function openAt(disk: SimulatedDisk): Promise<Database> {
  return openDatabase(await simulatedHost(disk.open(), disk.seed), OPTIONS)
}

async function write(db: Database, hosts: number, rows: number): Promise<void> {
  const batch = db.batch({ precision: 's' })
  const lines: string[] = []
  for (let host = 0; host < hosts; host++) {
    for (let i = 0; i < rows; i++) lines.push(`m,host=${host} v=${i} ${i}`)
  }
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

describe('deletes', () => {
  test('of everything give back the disk, and leave no tombstone', async () => {
    const disk = new SimulatedDisk(1)
    const db = await openAt(disk)
    await write(db, 3, 1000)
    await db.flush()
    expect(db.metrics().segmentBytes).toBeGreaterThan(100)
    expect(await db.deleteRows('m', { start: '1970-01-01' })).toMatchObject({ deleted: 3000 })
    await db.compact()
    expect(db.metrics().segmentBytes).toBe(0)
    await write(db, 1, 5)
    await db.flush()
    expect((await db.table('m')).points).toBe(5)
    await db.close()
  })

  test('of a part of it rewrite the segment without that part', async () => {
    const disk = new SimulatedDisk(2)
    const db = await openAt(disk)
    await write(db, 8, 2000)
    await db.flush()
    const before = (await db.tableStats('m')).rows
    expect(await db.deleteRows('m', { where: 'v >= 500' })).toMatchObject({ deleted: 12_000 })
    await db.compact()
    expect([before, (await db.tableStats('m')).rows]).toEqual([16_000, 4000])
    expect((await db.table('m')).points).toBe(4000)
    await db.close()
  })

  test('without any write do not let the log grow for ever', async () => {
    const disk = new SimulatedDisk(3)
    const db = await openAt(disk)
    await write(db, 40, 400)
    await db.flush()
    for (let i = 0; i < 60; i++) {
      expect(await db.deleteRows('m', { where: `v = ${2 * i}` })).toMatchObject({ deleted: 40 })
    }
    await db.flush()
    expect(db.metrics().walBytes).toBeLessThan(2 * (1 << 16))
    disk.kill()
    const again = await openAt(disk)
    expect((await again.table('m')).points).toBe(40 * 340)
    await again.close()
  })

  test('that select nothing write nothing', async () => {
    const disk = new SimulatedDisk(4)
    const db = await openAt(disk)
    await write(db, 2, 10)
    const { walBytes } = db.metrics()
    expect(await db.deleteRows('m', { where: 'v > 100' })).toEqual({ deleted: 0, dryRun: false })
    expect(await db.deleteRows('m', { start: '1970-01-01', dryRun: true })).toMatchObject({
      deleted: 20,
    })
    expect(db.metrics().walBytes).toBe(walBytes)
    await db.close()
  })

  test('do not change what a query shows that began before', async () => {
    const disk = new SimulatedDisk(5)
    const db = await openAt(disk)
    await write(db, 3, 500)
    await db.flush()
    await write(db, 3, 700)
    const { chunks } = await db.export({ table: 'm' })
    const iterator = chunks[Symbol.asyncIterator]()
    let rows = (await iterator.next()).value!.time.length as number
    expect(await db.deleteRows('m', { start: '1970-01-01' })).toMatchObject({ deleted: 2100 })
    expect((await db.table('m')).points).toBe(0)
    for (let next = await iterator.next(); !next.done; next = await iterator.next())
      rows += next.value.time.length
    expect(rows).toBe(2100)
    await db.close()
  })

  test('wait for no writer, and count what came meanwhile once', async () => {
    const disk = new SimulatedDisk(6)
    const db = await openAt(disk)
    await write(db, 5, 1000)
    await db.flush()
    const deleting = db.deleteRows('m', { where: 'v < 100' })
    const writes = Promise.all([write(db, 6, 150), write(db, 2, 50)])
    const { deleted } = await deleting
    await writes
    const { points } = await db.table('m')
    // Each write came before or after, as a whole, the first one first.
    expect([
      [600, 4550],
      [600, 4650],
      [500, 5150],
    ]).toContainEqual([deleted, points])
    await db.close()
  })
})
