// The examples of docs/format.md for the files of a directory, decoded from the document.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readCatalogFile } from '../../engine/catalog-file.ts'
import { crc32c } from '../../engine/crc.ts'
import { decodeManifest, encodeManifest } from '../../engine/manifest-bytes.ts'
import { openMemoryStorage } from '../../engine/storage/memory.ts'
import { replayWal } from '../../engine/wal.ts'

const text = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8')
const IDENTITY = 0x1122334455667788n

/** The bytes of the example in a section. */
function exampleOf(section: string): Uint8Array {
  const start = text.indexOf(`\n## ${section}\n`)
  expect(start, section).toBeGreaterThan(0)
  const block = text.slice(text.indexOf('```\n', start) + 4)
  const words = block.slice(0, block.indexOf('```')).trim().split(/\s+/)
  return Uint8Array.from(words, (word) => Number.parseInt(word, 16))
}

function storageWith(name: string, bytes: Uint8Array) {
  const storage = openMemoryStorage()
  storage.create(name)
  storage.append(name, [bytes])
  return storage
}

test('the log of the document holds its record and a mark', () => {
  const storage = storageWith('wal-3', exampleOf('WAL'))
  const replay = replayWal(storage, {
    identity: IDENTITY,
    logs: [{ number: 3, end: 0 }],
    lowestLsn: 17n,
    durableLsn: 0n,
  })
  const first = replay.next()
  expect(first.value).toMatchObject({ lsn: 17n, type: 1, offset: 32 })
  expect([...(first.value as { payload: Uint8Array }).payload]).toEqual([1, 2, 3])
  expect(replay.next()).toMatchObject({ done: true, value: { kind: 'clean', offset: 104 } })
})

test('the catalog file of the document holds its payload, and is the one its manifest names', () => {
  const bytes = exampleOf('Catalog file')
  const { catalog } = decodeManifest(exampleOf('Manifest'), 'manifest-9')
  expect(catalog).toEqual({ number: 2, size: bytes.length, checksum: crc32c(bytes) })
  const blobs = [...readCatalogFile(storageWith('catalog-2', bytes), IDENTITY, catalog)]
  expect(blobs.map((blob) => [...blob])).toEqual([[1, 2, 3, 4, 5]])
})

test('the manifest of the document says what the document says', () => {
  const bytes = exampleOf('Manifest')
  const manifest = decodeManifest(bytes, 'manifest-9')
  expect(manifest).toMatchObject({
    generation: 9,
    identity: IDENTITY,
    files: [{ number: 1, size: 4096, checksum: 0x01020304 }],
    parts: [{ file: 1, offset: 32, size: 4064, footerSize: 512, rows: 1000, sequence: 4n }],
    logs: [{ number: 3, end: 0 }],
    lowestLsn: 17n,
    durableLsn: 17n,
    nextFile: 4,
    nextSequence: 5n,
  })
  expect(encodeManifest(manifest)).toEqual(bytes)
})
