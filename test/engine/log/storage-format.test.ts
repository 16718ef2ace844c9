// The examples of docs/format.md for the files of a directory, decoded from the document.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeEntries } from '../../../engine/catalog/catalog-entry.ts'
import { readCatalogFile } from '../../../engine/log/catalog-file.ts'
import { crc32c } from '../../../engine/crc.ts'
import { openDatabase } from '../../../engine/database.ts'
import { RECORD_BATCH, decodeBatchHeader } from '../../../engine/log/log-record.ts'
import { loadManifest } from '../../../engine/log/manifest.ts'
import { decodeManifest, encodeManifest } from '../../../engine/log/manifest-bytes.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type LogRecord, replayWal } from '../../../engine/log/wal.ts'
import { simulatedHost } from '../../simulated-host.ts'

const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
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

test('the log payload of the document is what that write logs, and is read back as its parts', async () => {
  const storage = openMemoryStorage()
  const db = await openDatabase(await simulatedHost(storage), { memoryBytes: 300 << 20 })
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode('m,t=a v=1.5,w="hi" 1000'))
  await batch.commit()
  const payload = exampleOf('Log payloads')
  const { manifest } = loadManifest(storage)
  const logged = replayWal(storage, manifest!).next().value as LogRecord
  expect(logged.type).toBe(RECORD_BATCH)
  expect(logged.payload).toEqual(payload)
  const { entries, rows, arena, rowBytes, arenaBytes } = decodeBatchHeader(payload, 'example')
  const kinds = [...decodeEntries(payload.slice(entries, rows))].map(({ kind }) => kind)
  expect(kinds).toEqual(['database', 'table', 'tag', 'column', 'column', 'shape', 'series'])
  expect([rowBytes, arenaBytes]).toEqual([40, 2])
  const row = new DataView(payload.buffer, rows, rowBytes)
  expect(row.getBigInt64(16, true)).toBe(1000n)
  expect(row.getFloat64(24, true)).toBe(1.5)
  expect(new TextDecoder().decode(payload.subarray(arena))).toBe('hi')
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
