// Batches whose record is written in slices: whole or not there, whatever stops it, and what comes after
// one that was refused finds a log that explains itself.

import { expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const SLICES: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 17,
  memtableArenaBytes: 1 << 14,
  logBytes: 1 << 17,
  cacheBytes: 1 << 20,
  logSliceBytes: 256,
}

interface Opened {
  readonly db: Database
  readonly disk: SimulatedDisk
  readonly host: SimulatedHost
}

async function open(disk: SimulatedDisk): Promise<Opened> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return { db: await openDatabase(host, SLICES), disk, host }
}

function write(db: Database, lines: string): Promise<unknown> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines))
  return batch.commit()
}

/** Series of a table of their own, each with one row. */
const large = (table: string): string =>
  Array.from({ length: 60 }, (_, i) => `${table},h=h${i} v=${i},s="text ${i}" ${i}`).join('\n')

async function counts(db: Database): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name, points } of await db.tables()) found[name] = points
  return found
}

async function countsAfter(disk: SimulatedDisk): Promise<Record<string, number>> {
  disk.crash()
  const { db } = await open(disk)
  const found = await counts(db)
  await db.close()
  return found
}

test('a crash in any slice leaves all of the batch or nothing, and all that was answered', async () => {
  let stops = 0
  for (let skip = 0; ; skip++) {
    const disk = new SimulatedDisk(skip + 1)
    const { db } = await open(disk)
    await write(db, 'small v=1 1')
    disk.crashMatching(/^(append|sync).* wal/, skip)
    const answer = await write(db, large('big')).then(
      () => true,
      () => false,
    )
    const hasFired = disk.hasFired
    const found = await countsAfter(disk)
    expect(found['small']).toBe(1)
    expect([undefined, 0, 60]).toContain(found['big'])
    if (answer) expect(found['big']).toBe(60)
    if (!hasFired) break
    stops++
  }
  // A header, slices of 256 bytes, a gap, a sync.
  expect(stops).toBeGreaterThan(20)
})

test('a disk that is full at any slice refuses it, and what comes next is logged with its names', async () => {
  for (let skip = 0; skip < 18; skip++) {
    const disk = new SimulatedDisk(skip + 1)
    const { db } = await open(disk)
    await write(db, 'small v=1 1')
    disk.failMatching(/^append.* wal/, 'ENOSPC', skip)
    const refused = await write(db, large('big')).then(
      () => null,
      (error: { code: string }) => error.code,
    )
    expect(refused).toBe('storage_full')
    expect((await counts(db))['big']).toBe(0)
    await write(db, large('other'))
    await write(db, 'big,h=h59 v=5 1')
    const found = await countsAfter(disk)
    expect(found['small']).toBe(1)
    expect(found['other']).toBe(60)
    expect(found['big']).toBe(1)
  }
})

test('a sync that fails between two slices moves what waited for it, and refuses the batch', async () => {
  for (let turns = 1; turns < 24; turns += 3) {
    const disk = new SimulatedDisk(turns)
    const { db } = await open(disk)
    await write(db, 'small v=1 1')
    disk.failMatching(/^sync wal/, 'EIO')
    // Its sync runs while the other one is written.
    const first = write(db, 'small v=2 2')
    const second = write(db, large('big')).then(
      () => null,
      (error: { code: string }) => error.code,
    )
    expect(await first).toMatchObject({ written: 1 })
    const refused = await second
    expect([null, 'unavailable']).toContain(refused)
    await write(db, 'other v=3 3')
    await write(db, large('again'))
    const found = await countsAfter(disk)
    expect(found['small']).toBe(2)
    expect(found['other']).toBe(1)
    expect(found['again']).toBe(60)
    expect(found['big'] ?? 0).toBe(refused === null ? 60 : 0)
  }
})

test('refused in slices, batches give their memory and room back', async () => {
  const disk = new SimulatedDisk(7)
  const { db } = await open(disk)
  await write(db, large('big'))
  const refuse = async (): Promise<void> => {
    disk.failMatching(/^append.* wal/, 'ENOSPC', 5)
    await expect(write(db, large('big'))).rejects.toMatchObject({ code: 'storage_full' })
  }
  await refuse()
  const { memoryBytes } = db.metrics()
  for (let i = 0; i < 5; i++) await refuse()
  expect(db.metrics().memoryBytes).toBe(memoryBytes)
})

test('others look at the names of a batch while it gets its ids, and all its points come at once', async () => {
  const { db } = await open(new SimulatedDisk(9))
  await write(db, 'big,h=h0 v=0 0')
  const state = { isOver: false }
  const writing = write(db, large('big')).finally(() => (state.isOver = true))
  const seen = new Set<number>()
  const points = new Set<number>()
  while (!state.isOver) {
    seen.add((await db.series('big')).series.length)
    points.add((await counts(db))['big']!)
  }
  await writing
  expect(seen.size).toBeGreaterThan(3)
  expect([...points].filter((count) => count !== 1 && count !== 60)).toEqual([])
  expect((await counts(db))['big']).toBe(60)
  expect((await db.series('big')).series).toHaveLength(60)
})
