// The manifest: bytes that cannot lie, and a commit that is the old state or the new one whatever
// happens in the middle of it.

import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../engine/crc.ts'
import { OmenError } from '../../../engine/error.ts'
import { decodeManifest, encodeManifest } from '../../../engine/log/manifest-bytes.ts'
import {
  type Manifest,
  type ManifestContent,
  ManifestWriter,
  loadManifest,
} from '../../../engine/log/manifest.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { bytesOf, expectError, readAll } from '../storage/storage.contract.ts'

const EMPTY: ManifestContent = {
  identity: 7n,
  files: [],
  parts: [],
  catalog: { number: 1, size: 32, checksum: 5 },
  logs: [{ number: 2, end: 0 }],
  lowestLsn: 1n,
  durableLsn: 0n,
  nextFile: 3,
  nextSequence: 0n,
  lastSeen: 0n,
}

const PART = {
  file: 3,
  offset: 64,
  size: 936,
  footerSize: 40,
  table: 0,
  partition: -1n,
  sequence: 8n,
  rows: 12,
  minTime: -(2n ** 63n) + 2n,
  maxTime: 2n ** 63n - 2n,
  tombstonesFrom: 2 ** 32 - 1,
}

const FULL: ManifestContent = {
  identity: 2n ** 64n - 1n,
  files: [
    { number: 3, size: 1000, checksum: 0xffffffff },
    { number: 9, size: 2 ** 50, checksum: 0 },
  ],
  parts: [PART, { ...PART, file: 9, offset: 2 ** 49, size: 2 ** 49, table: 2 ** 32 - 1 }],
  catalog: { number: 1, size: 4096, checksum: 1 },
  logs: [
    { number: 4, end: 777 },
    { number: 8, end: 0 },
  ],
  lowestLsn: 100n,
  durableLsn: 120n,
  nextFile: 10,
  nextSequence: 9n,
  lastSeen: -5n,
}

function put(storage: ShardStorage, name: string, bytes: Uint8Array): void {
  storage.create(name)
  storage.append(name, [bytes])
}

/** Makes the checksums of changed bytes right again. */
function reseal(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true)
  view.setUint32(bytes.length - 4, crc32c(bytes.subarray(0, bytes.length - 4)), true)
}

describe('the bytes', () => {
  test.each([
    ['empty', EMPTY],
    ['full', FULL],
  ])('of an %s manifest decode to it', (_, content) => {
    const manifest: Manifest = { ...content, generation: 2 ** 32 - 1 }
    expect(decodeManifest(encodeManifest(manifest), 'manifest')).toEqual(manifest)
  })

  test('cut or lengthened anywhere are corrupt', () => {
    const bytes = encodeManifest({ ...FULL, generation: 1 })
    const longer = Buffer.concat([bytes, bytesOf(0, 0, 0, 0)])
    for (let size = 0; size <= longer.length; size++) {
      if (size === bytes.length) continue
      expect(() => decodeManifest(longer.subarray(0, size), 'm'), `size ${size}`).toThrow(OmenError)
    }
  })

  test('with any bit flipped are refused', () => {
    const bytes = encodeManifest({ ...FULL, generation: 1 })
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => decodeManifest(flipped, 'm'), `bit ${bit}`).toThrow(OmenError)
    }
  })

  test('made by an enemy who knows checksums decode to something consistent or not at all', () => {
    const bytes = encodeManifest({ ...FULL, generation: 1 })
    const random = randomOf(1)
    for (let round = 0; round < 3000; round++) {
      const hostile = bytes.slice()
      for (let i = random.int(3); i >= 0; i--) {
        const value = random.pick([0, 1, 127, 255, random.int(256)])
        hostile[random.int(bytes.length)] = value
      }
      reseal(hostile)
      let manifest: Manifest
      try {
        manifest = decodeManifest(hostile, 'm')
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(OmenError)
        continue
      }
      expect(Buffer.from(encodeManifest(manifest)).equals(hostile), `round ${round}`).toBe(true)
    }
  })

  test.each<[string, Partial<Manifest>]>([
    ['generation zero', { generation: 0 }],
    ['a part of a file that is not named', { parts: [{ ...PART, file: 5 }] }],
    ['a part beyond its file', { parts: [{ ...PART, offset: 65 }] }],
    ['a part of no bytes', { parts: [{ ...PART, size: 0 }] }],
    ['a part without rows', { parts: [{ ...PART, rows: 0 }] }],
    ['a footer larger than its part', { parts: [{ ...PART, footerSize: 937 }] }],
    ['a part whose times are reversed', { parts: [{ ...PART, minTime: 1n, maxTime: 0n }] }],
    ['a sequence not below the next', { nextSequence: 8n }],
    ['a file not below the next', { nextFile: 9 }],
    ['files out of order', { files: FULL.files.toReversed() }],
    ['logs out of order', { logs: FULL.logs.toReversed() }],
    ['one number for two files', { catalog: { ...FULL.catalog, number: 8 } }],
    ['a durable lsn below what parts hold', { durableLsn: 98n }],
    ['lowest lsn zero', { lowestLsn: 0n, durableLsn: 0n }],
    ['a size that is no integer', { catalog: { ...FULL.catalog, size: 1.5 } }],
  ])('are never written with %s', (_, wrong) => {
    const manifest = { ...FULL, generation: 1, ...wrong }
    expect(() => encodeManifest(manifest)).toThrow(/assertion failed: manifest/)
  })

  test('of a newer version are unsupported', async () => {
    const bytes = encodeManifest({ ...FULL, generation: 1 })
    bytes[8] = 1
    reseal(bytes)
    await expectError(() => decodeManifest(bytes, 'manifest-1'), 'unsupported', /version 1/)
  })
})

describe('loading', () => {
  const bytesOfGeneration = (generation: number, content = EMPTY) =>
    encodeManifest({ ...content, generation })

  test('an empty directory is new', () => {
    const loaded = loadManifest(openMemoryStorage())
    expect(loaded).toEqual({ manifest: null, generation: 0, notes: [] })
  })

  test('takes the highest generation', () => {
    const storage = openMemoryStorage()
    for (const generation of [9, 10]) {
      put(storage, `manifest-${generation}`, bytesOfGeneration(generation))
      put(storage, `manifest-${generation}.copy`, bytesOfGeneration(generation))
    }
    const { manifest, generation, notes } = loadManifest(storage)
    expect([manifest?.generation, generation, notes]).toEqual([10, 10, []])
  })

  test.each([
    ['manifest-1', 'manifest-1.copy'],
    ['manifest-1.copy', 'manifest-1'],
  ])('a damaged %s is replaced by %s and reported', (damaged, intact) => {
    const storage = openMemoryStorage()
    const bytes = bytesOfGeneration(1)
    put(storage, intact, bytes)
    put(storage, damaged, bytes.subarray(0, 50))
    const { manifest, notes } = loadManifest(storage)
    expect(manifest?.generation).toBe(1)
    expect(notes.join()).toMatch(new RegExp(`^${damaged}: `))
  })

  test('an unfinished newer generation loses against an intact older one', () => {
    const storage = openMemoryStorage()
    put(storage, 'manifest-1', bytesOfGeneration(1))
    put(storage, 'manifest-1.copy', bytesOfGeneration(1))
    put(storage, 'manifest-2', bytesOfGeneration(2).subarray(0, 100))
    const { manifest, generation } = loadManifest(storage)
    expect([manifest?.generation, generation]).toEqual([1, 2])
  })

  test('both files damaged in a directory with records is refused by name', async () => {
    const storage = openMemoryStorage()
    put(storage, 'segment-3', new Uint8Array(33))
    put(storage, 'manifest-4', bytesOfGeneration(4).fill(0, 40, 60))
    put(storage, 'manifest-4.copy', new Uint8Array(0))
    await expectError(
      () => loadManifest(storage),
      'corrupt',
      /segment-3.*manifest-4: .*manifest-4\.copy: /,
    )
  })

  test('a generation that the disk fails to read is not passed over for an older one', async () => {
    const disk = new SimulatedDisk(1)
    disk.load(
      new Map([
        ['manifest-4', bytesOfGeneration(4)],
        ['manifest-5', bytesOfGeneration(5)],
        ['manifest-5.copy', bytesOfGeneration(5)],
      ]),
    )
    const storage = disk.open()
    disk.failMatching(/^read manifest-5/, 'EIO', 0, 2)
    await expectError(() => loadManifest(storage), 'corrupt', /^manifest-5.*: read failed/)
    disk.failMatching(/^read manifest-5$/, 'EIO')
    expect(loadManifest(storage).manifest?.generation).toBe(5)
    expect(loadManifest(storage).notes).toEqual([])
  })

  test.each(['segment-1', 'wal-1', 'catalog-1'])(
    'no manifest but a %s is refused',
    async (name) => {
      const storage = openMemoryStorage()
      put(storage, name, new Uint8Array(64))
      await expectError(() => loadManifest(storage), 'corrupt', new RegExp(`${name} holds records`))
    },
  )

  test('a crash before the first manifest leaves a directory that counts as new', () => {
    const storage = openMemoryStorage()
    put(storage, 'catalog-1', new Uint8Array(32))
    put(storage, 'wal-2', new Uint8Array(10))
    put(storage, 'segment-3', new Uint8Array(32))
    put(storage, 'manifest-1', bytesOfGeneration(1).subarray(0, 20))
    const { manifest, generation } = loadManifest(storage)
    expect([manifest, generation]).toEqual([null, 1])
  })

  test('a file under the name of another generation is not believed', async () => {
    const storage = openMemoryStorage()
    put(storage, 'segment-3', new Uint8Array(33))
    put(storage, 'manifest-5', bytesOfGeneration(4))
    await expectError(() => loadManifest(storage), 'corrupt', /manifest-5: is a copy of manifest-4/)
  })

  test('two intact files that differ are refused', async () => {
    const storage = openMemoryStorage()
    put(storage, 'manifest-1', bytesOfGeneration(1))
    put(storage, 'manifest-1.copy', bytesOfGeneration(1, { ...EMPTY, lastSeen: 1n }))
    await expectError(() => loadManifest(storage), 'corrupt', /manifest-1: differs/)
  })

  test('a newer format is unsupported, unless a copy of the generation can be read', async () => {
    const newer = bytesOfGeneration(2)
    newer[8] = 1
    reseal(newer)
    const storage = openMemoryStorage()
    put(storage, 'manifest-1', bytesOfGeneration(1))
    put(storage, 'manifest-2', newer)
    await expectError(() => loadManifest(storage), 'unsupported', /^manifest-2: /)
    put(storage, 'manifest-2.copy', bytesOfGeneration(2))
    expect(loadManifest(storage).manifest?.generation).toBe(2)
  })
})

describe('committing', () => {
  test('writes two equal files and removes the generations before', async () => {
    const storage = openMemoryStorage()
    put(storage, 'notes.txt', bytesOf(1))
    const writer = new ManifestWriter(storage, 0)
    await writer.commit(EMPTY)
    const manifest = await writer.commit(FULL)
    expect(storage.list()).toEqual(['manifest-2', 'manifest-2.copy', 'notes.txt'])
    expect(readAll(storage, 'manifest-2')).toEqual(readAll(storage, 'manifest-2.copy'))
    expect(loadManifest(storage).manifest).toEqual(manifest)
    expect(manifest).toEqual({ ...FULL, generation: 2 })
  })

  /** A disk with generation 1 committed, and a writer for the next. */
  async function committedDisk(seed: number): Promise<[SimulatedDisk, ManifestWriter]> {
    const disk = new SimulatedDisk(seed)
    const writer = new ManifestWriter(disk.open(), 0)
    await writer.commit(EMPTY)
    return [disk, writer]
  }

  test('interrupted at any call leaves the old state or the new one, and the new one if it returned', async () => {
    for (let seed = 0; seed < 300; seed++) {
      const [disk, writer] = await committedDisk(seed)
      disk.crashAt(disk.calls + 1 + (seed % 14))
      const isCommitted = await writer.commit(FULL).then(
        () => true,
        () => false,
      )
      disk.crash()
      const message = disk.describe()
      const { manifest, generation } = loadManifest(disk.open())
      expect([1, 2], message).toContain(manifest?.generation)
      if (isCommitted) expect(manifest?.generation, message).toBe(2)
      expect(generation, message).toBeGreaterThanOrEqual(manifest!.generation)
    }
  })

  test.each(['EIO', 'ENOSPC'])(
    'with %s on any call keeps the old state, also over a crash',
    async (errno) => {
      for (let call = 1; ; call++) {
        const [disk, writer] = await committedDisk(call)
        disk.failAt(disk.calls + call, errno)
        const error = await writer.commit(FULL).catch((thrown: unknown) => thrown)
        const { hasFired } = disk
        if (!hasFired) {
          expect(call).toBeGreaterThan(8)
          break
        }
        const message = `call ${call}: ${disk.describe()}`
        const isCommitted = !(error instanceof Error)
        expect(writer.isUncertain, message).toBe(false)
        disk.crash()
        const { manifest, generation } = loadManifest(disk.open())
        expect(manifest?.generation, message).toBe(isCommitted ? 2 : 1)
        expect(generation, message).toBeLessThanOrEqual(2)
      }
    },
  )

  test('that can not be taken back says so, until a later one succeeds', async () => {
    const [disk, writer] = await committedDisk(1)
    const storage = disk.open.bind(disk)
    expect(storage).toThrow(/held/)
    // The second file's create fails, and so does the removal of the first.
    disk.failAt(disk.calls + 4, 'EIO')
    const failing = writer.commit(FULL)
    const { calls } = disk
    const caught = failing.catch((error: unknown) => error)
    while (!disk.hasFired) await Promise.resolve()
    expect(disk.calls).toBeGreaterThan(calls)
    disk.failAt(disk.calls + 2, 'EIO')
    expect(await caught).toBeInstanceOf(OmenError)
    expect(writer.isUncertain).toBe(true)
    const manifest = await writer.commit(FULL)
    expect(writer.isUncertain).toBe(false)
    expect(manifest.generation).toBe(3)
    disk.crash()
    expect(loadManifest(disk.open()).manifest).toEqual(manifest)
  })
})
