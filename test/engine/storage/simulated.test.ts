// The simulated disk is a storage like the others, and crashes as disks do: what was synced survives
// any crash, what was not may be anything, and a seed repeats it.

import { describe, expect, test } from 'vitest'
import { SECTOR_SIZE, SimulatedCrash, SimulatedDisk } from '../../simulated-storage.ts'
import { runSegmentStorageContract } from './segments.contract.ts'
import { bytesOf, expectError, readAll, runShardStorageContract } from './storage.contract.ts'

let seed = 0
function makePlace() {
  const disk = new SimulatedDisk(seed++)
  return { open: async () => disk.open(), dispose: async () => {} }
}

runShardStorageContract('simulated', makePlace)
runSegmentStorageContract('simulated', makePlace)

const SYNCED = 700
const UNSYNCED = 3000

/** A file with synced bytes 1 and unsynced bytes 2 behind them, its name durable; then a crash. */
async function crashedFile(diskSeed: number): Promise<Uint8Array> {
  const disk = new SimulatedDisk(diskSeed)
  const storage = disk.open()
  storage.create('a')
  storage.append('a', [new Uint8Array(SYNCED).fill(1)])
  await storage.sync('a')
  await storage.syncDirectory()
  storage.append('a', [new Uint8Array(UNSYNCED).fill(2)])
  disk.crash()
  return readAll(disk.open(), 'a')
}

describe('a power cut', () => {
  test('keeps every synced byte, on every seed', async () => {
    for (let i = 0; i < 200; i++) {
      const bytes = await crashedFile(i)
      expect(bytes.length, `seed ${i}`).toBeGreaterThanOrEqual(SYNCED)
      expect(bytes.length, `seed ${i}`).toBeLessThanOrEqual(SYNCED + UNSYNCED)
      expect(
        bytes.subarray(0, SYNCED).every((byte) => byte === 1),
        `seed ${i}`,
      ).toBe(true)
    }
  })

  test('loses, keeps, cuts, zeroes and garbles unsynced bytes, each on some seed', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const tail = (await crashedFile(i)).subarray(SYNCED)
      if (tail.length === 0) seen.add('lost')
      if (tail.length === UNSYNCED && tail.every((byte) => byte === 2)) seen.add('kept')
      if (tail.length > 0 && tail.length < UNSYNCED) seen.add('cut')
      if (tail.includes(0)) seen.add('zeroed')
      if (tail.some((byte) => byte > 2)) seen.add('garbled')
      // Sectors count from the start of the file.
      const sector = SECTOR_SIZE - (SYNCED % SECTOR_SIZE)
      const later = tail.subarray(sector, sector + SECTOR_SIZE)
      if (tail[0] === 0 && later[0] === 2) seen.add('reordered')
    }
    const all = ['cut', 'garbled', 'kept', 'lost', 'reordered', 'zeroed']
    expect([...seen].sort()).toEqual(all)
  })

  test('repeats exactly with the same seed', async () => {
    for (let i = 0; i < 20; i++) expect(await crashedFile(i)).toEqual(await crashedFile(i))
  })

  test('loses unsynced names, and one of them without the other', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 100; i++) {
      const disk = new SimulatedDisk(i)
      const storage = disk.open()
      storage.create('old')
      await storage.syncDirectory()
      storage.create('b.tmp')
      storage.rename('b.tmp', 'b')
      storage.remove('old')
      disk.crash()
      seen.add(disk.open().list().join(' '))
    }
    const expected = ['', 'b', 'b old', 'b.tmp', 'b.tmp old', 'old']
    expect([...seen].sort()).toEqual(expected.sort())
  })

  test('keeps synced names', async () => {
    for (let i = 0; i < 50; i++) {
      const disk = new SimulatedDisk(i)
      const storage = disk.open()
      storage.create('a.tmp')
      storage.rename('a.tmp', 'a')
      await storage.syncDirectory()
      disk.crash()
      expect(disk.open().list(), `seed ${i}`).toEqual(['a'])
    }
  })

  test('brings no name back that was gone before the last of two syncs began', async () => {
    for (let i = 0; i < 50; i++) {
      const disk = new SimulatedDisk(i)
      const storage = disk.open()
      storage.create('a')
      const first = storage.syncDirectory()
      storage.remove('a')
      await Promise.all([storage.syncDirectory(), first])
      disk.crash()
      expect(disk.open().list(), `seed ${i}`).toEqual([])
    }
  })

  test('during a sync leaves the file as before, as after, or torn', async () => {
    const lengths = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const disk = new SimulatedDisk(i)
      const storage = disk.open()
      storage.create('a')
      await storage.syncDirectory()
      storage.append('a', [new Uint8Array(2000).fill(1)])
      const sync = storage.sync('a')
      disk.crash()
      await expect(sync).rejects.toThrow(SimulatedCrash)
      lengths.add(disk.open().size('a'))
    }
    expect(lengths.has(0) && lengths.has(2000) && lengths.size > 2).toBe(true)
  })
})

describe('ordered failures', () => {
  test('kill -9 keeps everything that was written', () => {
    const disk = new SimulatedDisk(1)
    const storage = disk.open()
    storage.create('a')
    storage.append('a', [bytesOf(1, 2)])
    disk.kill()
    expect(() => storage.list()).toThrow(SimulatedCrash)
    expect([...readAll(disk.open(), 'a')]).toEqual([1, 2])
  })

  test('the ordered call fails once and says what it would on a real disk', async () => {
    const disk = new SimulatedDisk(1)
    const storage = disk.open()
    storage.create('a')
    disk.failAt(disk.calls + 1, 'ENOSPC')
    await expectError(() => storage.append('a', [bytesOf(1, 2)]), 'storage_full', /^a: .*ENOSPC/)
    expect(disk.hasFired).toBe(true)
    storage.truncate('a', 0)
    storage.append('a', [bytesOf(3)])
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => storage.sync('a'), 'unavailable', /^a: .*EIO/)
    await expectError(() => storage.sync('a'), 'unavailable', /earlier sync/)
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => storage.read('a', 0, new Uint8Array(1)), 'corrupt', /^a: .*EIO/)
  })

  test('the machine stops in the ordered call and answers nothing after it', () => {
    const disk = new SimulatedDisk(1)
    const storage = disk.open()
    disk.crashAt(2)
    storage.create('a')
    expect(() => storage.append('a', [bytesOf(1)])).toThrow(SimulatedCrash)
    expect(() => storage.list()).toThrow(SimulatedCrash)
    disk.crash()
    expect(disk.open().list().length).toBeLessThanOrEqual(1)
  })

  test('a full disk takes writes again when there is space', async () => {
    const disk = new SimulatedDisk(1)
    const storage = disk.open()
    disk.capacity = 4
    storage.create('a')
    await expectError(() => storage.append('a', [new Uint8Array(5)]), 'storage_full')
    storage.truncate('a', 0)
    storage.append('a', [new Uint8Array(4)])
    await expectError(() => storage.create('b'), 'storage_full')
    disk.capacity = 8
    storage.create('b')
  })
})
