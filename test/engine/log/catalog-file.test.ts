// The catalog file: what a manifest names of it is read back exactly or refused; what lies behind is
// cut and never read.

import { describe, expect, test } from 'vitest'
import {
  type CatalogFile,
  createCatalogFile,
  openCatalogFile,
  readCatalogFile,
} from '../../../engine/log/catalog-file.ts'
import { OmenError } from '../../../engine/error.ts'
import type { FileDescription } from '../../../engine/log/manifest.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { bytesOf, expectError, readAll } from '../storage/storage.contract.ts'

const IDENTITY = 42n

function readBlobs(storage: ShardStorage, description: FileDescription): number[][] {
  return [...readCatalogFile(storage, IDENTITY, description)].map((blob) => [...blob])
}

/** Blobs of 1 to `count` bytes, appended and synced. */
async function written(count: number): Promise<[ShardStorage, CatalogFile, number[][]]> {
  const storage = openMemoryStorage()
  const file = await createCatalogFile(storage, IDENTITY, 1)
  const blobs: number[][] = []
  for (let size = 1; size <= count; size++) {
    const blob = Array.from({ length: size }, (_, i) => (i * size) & 255)
    file.append([Uint8Array.from(blob)])
    blobs.push(blob)
  }
  await file.sync()
  return [storage, file, blobs]
}

describe('a catalog file', () => {
  test('without entries is described by its header', async () => {
    const storage = openMemoryStorage()
    const file = await createCatalogFile(storage, IDENTITY, 1)
    expect(file.description.size).toBe(32)
    expect(readBlobs(storage, file.description)).toEqual([])
  })

  test('gives back its blobs in order', async () => {
    const [storage, file, blobs] = await written(30)
    expect(readBlobs(storage, file.description)).toEqual(blobs)
  })

  test('takes a blob larger than the window it is read through', async () => {
    const [storage, file, blobs] = await written(3)
    const large = Uint8Array.from({ length: 600_003 }, (_, i) => i % 253)
    file.append([large])
    const description = await file.sync()
    const found = [...readCatalogFile(storage, IDENTITY, description)].map((blob) => blob.slice())
    expect(found.length).toBe(blobs.length + 1)
    expect(Buffer.from(found.at(-1)!).equals(large)).toBe(true)
  })

  test('is described only as far as it is synced', async () => {
    const [storage, file, blobs] = await written(2)
    const before = file.description
    file.append([bytesOf(9)])
    expect(file.description).toEqual(before)
    expect(readBlobs(storage, before)).toEqual(blobs)
    const after = await file.sync()
    expect(after).toEqual(file.description)
    expect(readBlobs(storage, after)).toEqual([...blobs, [9]])
  })

  test('goes on after a restart where the manifest says it ends', async () => {
    const [storage, file, blobs] = await written(3)
    const { description } = file
    file.append([bytesOf(1, 1, 1)])
    await file.sync()
    const reopened = openCatalogFile(storage, IDENTITY, description)
    expect(storage.size('catalog-1')).toBe(description.size)
    reopened.append([bytesOf(2, 2)])
    expect(readBlobs(storage, await reopened.sync())).toEqual([...blobs, [2, 2]])
  })

  test('refuses an empty blob: a caller wanted to say something', async () => {
    const [, file] = await written(1)
    expect(() => file.append([bytesOf()])).toThrow(/assertion failed/)
  })
})

describe('a damaged catalog file', () => {
  test('is refused for any flipped bit that the manifest vouches for', async () => {
    const [storage, file] = await written(8)
    const bytes = readAll(storage, 'catalog-1')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const damaged = openMemoryStorage()
      damaged.create('catalog-1')
      damaged.append('catalog-1', [flipped])
      expect(() => readBlobs(damaged, file.description), `bit ${bit}`).toThrow(OmenError)
    }
  })

  test('is refused when it is cut anywhere', async () => {
    const [storage, file] = await written(8)
    for (let size = file.description.size - 1; size >= 0; size--) {
      storage.truncate('catalog-1', size)
      const read = () => readBlobs(storage, file.description)
      await expectError(read, 'corrupt', /^catalog-1: ends at/)
      await expectError(() => openCatalogFile(storage, IDENTITY, file.description), 'corrupt')
    }
  })

  test('is refused when a description ends inside a record or has another checksum', async () => {
    const [storage, file] = await written(3)
    const { description } = file
    for (let size = 0; size < description.size; size++) {
      const read = () => readBlobs(storage, { ...description, size })
      expect(read, `size ${size}`).toThrow(OmenError)
    }
    const wrong = { ...description, checksum: description.checksum ^ 1 }
    await expectError(() => readBlobs(storage, wrong), 'corrupt', /manifest's checksum/)
  })

  test('of another directory or number is refused', async () => {
    const [storage, file] = await written(1)
    const read = () => [...readCatalogFile(storage, 43n, file.description)]
    await expectError(read, 'corrupt', /another data directory/)
    storage.rename('catalog-1', 'catalog-2')
    const copied = () => readBlobs(storage, { ...file.description, number: 2 })
    await expectError(copied, 'corrupt', /^catalog-2: is a copy of catalog-1/)
  })
})

describe('failing storage', () => {
  test('a full disk refuses the blob and takes it later', async () => {
    const disk = new SimulatedDisk(3)
    const storage = disk.open()
    const file = await createCatalogFile(storage, IDENTITY, 1)
    disk.capacity = 40
    await expectError(() => file.append([new Uint8Array(100)]), 'storage_full')
    disk.capacity = Infinity
    file.append([bytesOf(1)])
    expect(readBlobs(storage, await file.sync())).toEqual([[1]])
  })

  test('a failed sync ends the file: its entries go to a new one', async () => {
    const disk = new SimulatedDisk(3)
    const storage = disk.open()
    const file = await createCatalogFile(storage, IDENTITY, 1)
    file.append([bytesOf(1)])
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => file.sync(), 'unavailable', /^catalog-1: /)
    await expectError(() => file.append([bytesOf(2)]), 'unavailable', /^catalog-1: ended/)
    expect(file.failure).not.toBeNull()
    expect(file.description.size).toBe(32)
  })

  test('a crash at any call leaves every state readable that was described', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const disk = new SimulatedDisk(seed)
      const random = randomOf(seed)
      const file = await createCatalogFile(disk.open(), IDENTITY, 1)
      let { description } = file
      const blobs: number[][] = []
      let count = 0
      disk.crashAt(disk.calls + 1 + (seed % 25))
      try {
        for (;;) {
          const blob = Array.from({ length: 1 + random.int(400) }, () => random.int(256))
          file.append([Uint8Array.from(blob)])
          blobs.push(blob)
          if (random.chance(0.4))
            description = await file.sync().then((next) => {
              count = blobs.length
              return next
            })
        }
      } catch (error) {
        if (!disk.hasStopped) throw error
      }
      disk.crash()
      const storage = disk.open()
      const found = readBlobs(storage, description)
      expect(found, disk.describe()).toEqual(blobs.slice(0, count))
      const reopened = openCatalogFile(storage, IDENTITY, description)
      reopened.append([bytesOf(5)])
      expect(readBlobs(storage, await reopened.sync()).length, disk.describe()).toBe(count + 1)
    }
  })
})
