// What a start makes of logs that hold more than the usual.

import { expect, test } from 'vitest'
import { openDatabase } from '../../engine/database.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const SMALL = { memtableRowBytes: 1 << 12, memtableArenaBytes: 1 << 12, logBytes: 1 << 20 }

test('rows of both memtables are replayed, and their parts are ordered', async () => {
  const disk = new SimulatedDisk(1)
  const db = await openDatabase(await simulatedHost(disk.open()), SMALL)
  // No flush succeeds, so one memtable is sealed and the other takes the rest.
  disk.failMatching(/segment/, 'EIO', 0, 1_000)
  let written = 0
  for (; written < 150; written++) {
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode(`t,host=a x=${written} ${1 + (written % 100)}`))
    await batch.commit()
  }
  expect(db.health().status).toBe('warn')
  disk.kill()
  const again = await openDatabase(await simulatedHost(disk.open()), SMALL)
  await again.flush()
  const { series } = await again.query({ table: 't' })
  const expected = Array.from({ length: 100 }, (_, i) => (i < 50 ? i + 100 : i))
  expect([...series[0]!.fields[0]!.values]).toEqual(expected)
  await again.close()
})

test('a new directory opens although its first manifest was never durable', async () => {
  let torn = 0
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new SimulatedDisk(seed)
    disk.failMatching(/^(sync|remove) manifest/, 'EIO', 0, 2)
    await expect(openDatabase(await simulatedHost(disk.open()), SMALL)).rejects.toMatchObject({
      code: 'unavailable',
    })
    disk.kill()
    // This start reads the manifest, but finds its log not durable and cannot make another.
    disk.failMatching(/^sync wal/, 'EIO', 0, 2)
    await openDatabase(await simulatedHost(disk.open()), SMALL).catch(() => {})
    disk.crash()
    if (disk.contents().get('manifest-1')?.length !== 128) torn++
    const db = await openDatabase(await simulatedHost(disk.open()), SMALL)
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode('t,host=a x=1 1'))
    await batch.commit()
    expect((await db.query({ table: 't' })).rowCount, `seed ${seed}`).toBe(1)
    await db.close()
  }
  expect(torn).toBeGreaterThan(5)
})
