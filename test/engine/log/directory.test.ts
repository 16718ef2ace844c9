// What a start finds in a data directory besides what the manifest names.

import { expect, test } from 'vitest'
import { inspectDirectory } from '../../../engine/log/directory.ts'
import { fileName, parseFileName } from '../../../engine/log/file-name.ts'
import { encodeSegmentHeader } from '../../../engine/segment/footer.ts'
import type { Manifest } from '../../../engine/log/manifest.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { createWal } from '../../../engine/log/wal.ts'
import { bytesOf, expectError } from '../storage/storage.contract.ts'

const MANIFEST: Manifest = {
  generation: 5,
  identity: 7n,
  files: [{ number: 3, size: 100, checksum: 0 }],
  parts: [],
  catalog: { number: 1, size: 40, checksum: 5 },
  logs: [
    { number: 4, end: 50 },
    { number: 6, end: 0 },
  ],
  lowestLsn: 1n,
  durableLsn: 0n,
  nextFile: 8,
  nextSequence: 0n,
  lastSeen: 0n,
}

function healthy(): ShardStorage {
  const storage = openMemoryStorage()
  const sizes = { 'catalog-1': 48, 'segment-3': 100, 'wal-4': 60, 'wal-6': 32, 'manifest-5': 1 }
  for (const [name, size] of Object.entries(sizes)) {
    storage.create(name)
    const bytes = new Uint8Array(size)
    if (name === 'segment-3') bytes.set(encodeSegmentHeader(3))
    storage.append(name, [bytes])
  }
  return storage
}

test('a healthy directory has no orphans, and goes on with the numbers of its manifest', () => {
  const state = inspectDirectory(healthy(), MANIFEST)
  expect(state).toEqual({ orphans: [], unknown: [], nextFile: 8 })
})

test('ours that is not named is an orphan, what is not ours is unknown', () => {
  const storage = healthy()
  const names = ['segment-2', 'segment-9.tmp', 'wal-5', 'catalog-12', 'notes.txt', 'segment-01']
  for (const name of names) storage.create(name)
  const state = inspectDirectory(storage, MANIFEST)
  expect(state.orphans).toEqual(['catalog-12', 'segment-2', 'segment-9.tmp', 'wal-5'])
  expect(state.unknown).toEqual(['notes.txt', 'segment-01'])
  expect(state.nextFile).toBe(13)
})

test('a segment that is another one, or damaged at its start, is refused', async () => {
  const storage = healthy()
  for (const [header, message] of [
    [encodeSegmentHeader(4), /^segment-3: is a copy of segment-4/],
    [new Uint8Array(32), /^segment-3: does not start as a segment does/],
    [encodeSegmentHeader(3).map((byte, i) => (i === 20 ? 1 : byte)), /^segment-3: header fails/],
  ] as const) {
    storage.truncate('segment-3', 0)
    storage.append('segment-3', [header, new Uint8Array(68)])
    await expectError(() => inspectDirectory(storage, MANIFEST), 'corrupt', message)
  }
})

test('a new directory goes on behind the numbers of what a crash left there', () => {
  const storage = openMemoryStorage()
  storage.create('catalog-1')
  storage.create('wal-2')
  expect(inspectDirectory(storage, null)).toEqual({
    orphans: ['catalog-1', 'wal-2'],
    unknown: [],
    nextFile: 3,
  })
})

test.each(['catalog-1', 'segment-3', 'wal-4', 'wal-6'])('a missing %s is refused', async (name) => {
  const storage = healthy()
  storage.remove(name)
  const inspect = () => inspectDirectory(storage, MANIFEST)
  await expectError(inspect, 'corrupt', new RegExp(`^${name}: the file is missing`))
})

test.each([
  ['catalog-1', 39],
  ['segment-3', 99],
  ['segment-3', 0],
  ['wal-4', 49],
  ['wal-6', 31],
])('a %s of %i bytes is refused', async (name, size) => {
  const storage = healthy()
  storage.truncate(name, size)
  const inspect = () => inspectDirectory(storage, MANIFEST)
  await expectError(inspect, 'corrupt', new RegExp(`^${name}: has ${size} bytes`))
})

test('a longer segment is refused, a longer log or catalog is not', async () => {
  const storage = healthy()
  storage.append('catalog-1', [bytesOf(1)])
  storage.append('wal-4', [bytesOf(1)])
  inspectDirectory(storage, MANIFEST)
  storage.append('segment-3', [bytesOf(1)])
  await expectError(() => inspectDirectory(storage, MANIFEST), 'corrupt', /^segment-3: has 101/)
})

test('records in a newer log than any named prove that a manifest is lost', async () => {
  const storage = healthy()
  const wal = await createWal(storage, { identity: 7n, number: 9, lsn: 0n })
  expect(inspectDirectory(storage, MANIFEST).orphans).toEqual(['wal-9'])
  wal.append(1, [bytesOf(1)])
  const inspect = () => inspectDirectory(storage, MANIFEST)
  await expectError(inspect, 'corrupt', /^wal-9: holds records, but manifest-5 does not name it/)
})

test('file names are parsed as they are made, and no others', () => {
  expect(parseFileName(fileName('segment', 7, 'tmp'))).toEqual({
    kind: 'segment',
    number: 7,
    suffix: 'tmp',
  })
  expect(parseFileName(fileName('manifest', 0, 'copy'))?.number).toBe(0)
  const others = ['wal', 'wal-', 'wal-01', 'wal-1.tmp', 'wal-1.copy', 'segment-1.copy', 'wal--1']
  const more = [
    'Wal-1',
    'wal-1 ',
    'xwal-1',
    'wal-1e3',
    'wal-99999999999999999999',
    'manifest-1.tmp',
  ]
  for (const name of [...others, ...more]) expect(parseFileName(name), name).toBeNull()
})
