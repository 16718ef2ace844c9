// The OPFS adapter over a simulated origin: the contract, and what only this adapter has: a pool that
// is empty, a map that is torn, files that are used again, quota, and workers that end anywhere.

import { describe, expect, test } from 'vitest'
import { decodeNameMap, encodeNameMap } from '../../../engine/storage/opfs-map.ts'
import { openOpfsStorage } from '../../../engine/storage/opfs.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { crc32c } from '../../../engine/crc.ts'
import { SimulatedOrigin } from '../../simulated-origin.ts'
import { runSegmentStorageContract } from './segments.contract.ts'
import { bytesOf, expectError, readAll, runShardStorageContract } from './storage.contract.ts'

let seed = 0
function makePlace() {
  const origin = new SimulatedOrigin(seed++)
  return { open: () => origin.open(), dispose: async () => {} }
}

runShardStorageContract('OPFS', makePlace)
runSegmentStorageContract('OPFS', makePlace)

/** A file of one byte, synced with its name. */
async function put(storage: ShardStorage, name: string, byte: number, length = 1): Promise<void> {
  storage.create(name)
  storage.append(name, [new Uint8Array(length).fill(byte)])
  await storage.sync(name)
  await storage.syncDirectory()
}

test('files that are cleared while they are open: syncs say so by name, and a new opener begins anew', async () => {
  const origin = new SimulatedOrigin(7)
  const storage = await origin.open()
  await put(storage, 'a', 1)
  origin.files.clear()
  const sync = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      storage.append('a', [bytesOf(1)])
      await storage.sync('a')
    }
  }
  await expectError(sync, 'unavailable', /^opfs:test: the data of this site was cleared/)
  await expectError(sync, 'unavailable', /^opfs:test: the data of this site was cleared/)
  await storage.close()
  const later = await origin.open()
  expect(later.list()).toEqual([])
  await put(later, 'a', 1)
  await later.close()
})

describe('names', () => {
  test('of a database that could leave its folder are refused', async () => {
    const host = new SimulatedOrigin(1).host()
    for (const name of ['', '.', '..', 'a/b', '.a', 'ä', 'a'.repeat(101)]) {
      const open = () => openOpfsStorage(name, host)
      await expectError(open, 'bad_request', /^opfs:.*a name has/)
    }
  })

  test('a damaged copy of the map costs nothing, two are refused by name', async () => {
    const origin = new SimulatedOrigin(2)
    const storage = await origin.open()
    await put(storage, 'a', 1)
    await put(storage, 'b', 2)
    await storage.close()
    const maps = [...origin.files].filter(([path]) => path.includes('map-'))
    expect(maps).toHaveLength(2)
    maps[0]![1].bytes[30]! ^= 1
    const first = await origin.open()
    expect(first.list().length).toBeGreaterThan(0)
    await first.close()
    for (const [, inode] of maps) inode.bytes[30]! ^= 1
    await expectError(() => origin.open(), 'corrupt', /^opfs:test: both copies/)
  })

  test('a name whose file has disappeared is missing, and the others are there', async () => {
    const origin = new SimulatedOrigin(3)
    const storage = await origin.open()
    await put(storage, 'a', 1)
    await put(storage, 'b', 2)
    await storage.close()
    const gone = [...origin.files].find(([, { bytes, size }]) => size === 1 && bytes[0] === 1)!
    origin.files.delete(gone[0])
    const reopened = await origin.open()
    expect(reopened.list()).toEqual(['b'])
    await expectError(() => reopened.size('a'), 'corrupt', /^a: the file is missing/)
  })

  test('a map survives its bytes, a flipped bit and every cut are noticed', () => {
    const names = new Map([
      ['wal-1', 7],
      ['segment-12.tmp', 0],
      ['quarantine/wal-1.2', 4_000_000],
    ])
    const bytes = encodeNameMap({ sequence: 2n ** 40n, names })
    expect(bytes.length % 4096).toBe(0)
    expect(decodeNameMap(bytes)).toEqual({ sequence: 2n ** 40n, names })
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1
    for (let at = 0; at < used; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << (at % 8)
      expect(decodeNameMap(flipped), `byte ${at}`).toBe(null)
      expect(decodeNameMap(bytes.slice(0, at)), `cut at ${at}`).toBe(null)
    }
    const newer = encodeNameMap({ sequence: 1n, names: new Map() })
    expect(() => decodeNameMap(withVersion(newer, 2))).toThrow('version 2')
  })
})

/** The map with another version and a checksum that fits. */
function withVersion(bytes: Uint8Array, version: number): Uint8Array {
  const view = new DataView(bytes.buffer)
  view.setUint32(4, version, true)
  view.setUint32(20, crc32c(bytes.subarray(0, 20)), true)
  return bytes
}

describe('the pool', () => {
  test('files that are made without an await are durable once they are synced', async () => {
    const origin = new SimulatedOrigin(4)
    const storage = await origin.open()
    for (let i = 0; i < 100; i++) {
      storage.create(`segment-${i}`)
      storage.append(`segment-${i}`, [bytesOf(i)])
    }
    await Promise.all(storage.list().map((name) => storage.sync(name)))
    await storage.syncDirectory()
    origin.crash()
    const reopened = await origin.open()
    expect(reopened.list()).toHaveLength(100)
    for (let i = 0; i < 100; i++) expect([...readAll(reopened, `segment-${i}`)]).toEqual([i])
  })

  test('does not grow when files come and go', async () => {
    const origin = new SimulatedOrigin(5)
    const storage = await origin.open()
    for (let i = 0; i < 200; i++) {
      await put(storage, `wal-${i}`, i)
      if (i > 2) storage.remove(`wal-${i - 2}`)
      await storage.syncDirectory()
    }
    expect(origin.files.size).toBeLessThan(30)
  })

  test('a removed file gives its bytes back without being asked', async () => {
    const origin = new SimulatedOrigin(6)
    const storage = await origin.open()
    await put(storage, 'segment-1', 1, 100_000)
    storage.remove('segment-1')
    for (let turn = 0; turn < 100; turn++) await Promise.resolve()
    expect(origin.usedBytes).toBeLessThan(20_000)
    expect(storage.list()).toEqual([])
  })

  test('a file that waits for room to be made is not lost, and says why it is not durable', async () => {
    const origin = new SimulatedOrigin(7)
    const storage = await origin.open()
    origin.failMatching(/^make/, 'ENOSPC', 0, 1_000)
    for (let i = 0; i < 20; i++) {
      storage.create(`wal-${i}`)
      storage.append(`wal-${i}`, [bytesOf(i)])
    }
    await expectError(() => storage.sync('wal-19'), 'storage_full', /^wal-19: .*quota/)
    await expectError(() => storage.syncDirectory(), 'storage_full', /quota/)
    expect([...readAll(storage, 'wal-19')]).toEqual([19])
    origin.failMatching(/^never/, 'ENOSPC')
    await storage.sync('wal-19')
    await storage.syncDirectory()
    origin.crash()
    expect([...readAll(await origin.open(), 'wal-19')]).toEqual([19])
  })
})

describe('room', () => {
  test('a full quota is storage_full, what was there stays readable, and removing makes room', async () => {
    const origin = new SimulatedOrigin(8)
    const storage = await origin.open()
    await put(storage, 'segment-1', 1, 50_000)
    await put(storage, 'wal-1', 2, 10)
    origin.capacity = origin.usedBytes + 100
    const append = () => storage.append('wal-1', [new Uint8Array(1_000)])
    await expectError(append, 'storage_full', /^wal-1: write failed, the quota of this origin/)
    await expectError(append, 'unavailable', /truncate it first/)
    storage.truncate('wal-1', 10)
    expect(readAll(storage, 'segment-1')).toHaveLength(50_000)
    storage.remove('segment-1')
    await storage.syncDirectory()
    append()
    await storage.sync('wal-1')
    expect(storage.size('wal-1')).toBe(1_010)
  })

  test('a flush that fails takes the file out of use, not the others', async () => {
    const origin = new SimulatedOrigin(9)
    const storage = await origin.open()
    await put(storage, 'wal-1', 1)
    await put(storage, 'wal-2', 2)
    storage.append('wal-1', [bytesOf(3)])
    origin.failMatching(/^flush/, 'EIO')
    await expectError(() => storage.sync('wal-1'), 'unavailable', /^wal-1: sync failed/)
    await expectError(() => storage.append('wal-1', [bytesOf(1)]), 'unavailable', /takes no more/)
    await expectError(() => storage.sync('wal-1'), 'unavailable', /takes no more/)
    storage.append('wal-2', [bytesOf(4)])
    await storage.sync('wal-2')
    expect(readAll(storage, 'wal-1')).toHaveLength(2)
  })
})
