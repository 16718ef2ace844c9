// The log as it is read back: what was synced exactly, what was not cut off, and damage to something
// acknowledged told from a torn tail.

import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../engine/crc.ts'
import { OmenError } from '../../../engine/error.ts'
import { FILE_HEADER_SIZE } from '../../../engine/log/file-header.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { RECORD_HEADER_SIZE } from '../../../engine/log/wal-record.ts'
import { hasRecords } from '../../../engine/log/wal-replay.ts'
import { type LogRecord, createWal, replayWal } from '../../../engine/log/wal.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { bytesOf, expectError, readAll } from '../storage/storage.contract.ts'
import {
  type ReadLog,
  IDENTITY,
  appendNext,
  expectRecords,
  openLog,
  payloadOf,
  readLog,
  storageWith,
  writeSynced,
} from './wal-fixture.ts'

describe('a healthy log', () => {
  test('without records ends clean behind its header', async () => {
    const storage = openMemoryStorage()
    await openLog(storage)
    const { records, end } = readLog(storage)
    expect(records).toEqual([])
    expect(end).toMatchObject({ kind: 'clean', lsn: 0n, file: 'wal-1', offset: FILE_HEADER_SIZE })
    expect(hasRecords(storage, IDENTITY, 1)).toBe(false)
  })

  test('gives back every record with its lsn, type and payload', async () => {
    const storage = openMemoryStorage()
    await writeSynced(storage, 40)
    const found = readLog(storage)
    expectRecords(found, 40)
    expect(found.end).toMatchObject({ kind: 'clean', lsn: 40n, losses: [], error: null })
    expect(hasRecords(storage, IDENTITY, 1)).toBe(true)
  })

  test('takes an empty payload, no parts at all, and one larger than the reader window', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    const large = Uint8Array.from({ length: 700_001 }, (_, i) => i % 251)
    wal.append(1, [])
    wal.append(255, [large.subarray(0, 5), new Uint8Array(0), large.subarray(5)])
    wal.append(2, [bytesOf(7)])
    const { records, end } = readLog(storage)
    expect(end.kind).toBe('clean')
    expect(records.map(({ type, payload }) => [type, payload.length])).toEqual([
      [1, 0],
      [255, 700_001],
      [2, 1],
    ])
    expect(Buffer.from(records[1]!.payload).equals(large)).toBe(true)
  })

  test('reads payloads into the target it is given', async () => {
    const storage = openMemoryStorage()
    await writeSynced(storage, 5)
    const places: Uint8Array[] = []
    const target = (size: number) => {
      places.push(new Uint8Array(size))
      return places.at(-1)!
    }
    const options = { identity: IDENTITY, logs: [{ number: 1, end: 0 }] }
    const all: LogRecord[] = []
    for (const record of replayWal(storage, {
      ...options,
      lowestLsn: 1n,
      durableLsn: 0n,
      target,
    })) {
      all.push(record)
    }
    expect(all.map((record) => record.payload)).toEqual(places)
    expect(places.map((place) => [...place])).toEqual(
      [1n, 2n, 3n, 4n, 5n].map((lsn) => [...payloadOf(lsn)]),
    )
  })

  test('uses the checksum it is given, for writing and for reading', async () => {
    const storage = openMemoryStorage()
    const checksum = (bytes: Uint8Array, seed: number) => (seed + bytes.length) >>> 0
    const wal = await createWal(storage, { identity: IDENTITY, number: 1, lsn: 0n, checksum })
    wal.append(1, [bytesOf(1, 2), bytesOf(3)])
    expect(readLog(storage).end.kind).toBe('torn')
    const options = { identity: IDENTITY, logs: [{ number: 1, end: 0 }], lowestLsn: 1n }
    expect([...replayWal(storage, { ...options, durableLsn: 0n, checksum })].length).toBe(1)
  })

  test('goes on in the next file with the next lsn', async () => {
    const storage = openMemoryStorage()
    const first = await openLog(storage)
    appendNext(first)
    appendNext(first)
    await first.sync()
    const second = await openLog(storage, 2, first.lsn)
    appendNext(second)
    await openLog(storage, 3, second.lsn)
    const logs = [1, 2, 3].map((number) => ({ number, end: 0 }))
    const found = readLog(storage, { logs })
    expectRecords(found, 3)
    expect(found.end).toMatchObject({ kind: 'clean', lsn: 3n, file: 'wal-3' })
  })

  test('knows what is durable while a sync runs', async () => {
    const storage = new SimulatedDisk(1).open()
    const wal = await openLog(storage)
    appendNext(wal)
    const { size } = wal
    const sync = wal.sync()
    appendNext(wal)
    expect([wal.lsn, wal.durableLsn]).toEqual([2n, 0n])
    expect(await sync).toBe(1n)
    expect([wal.durableLsn, wal.durableSize]).toEqual([1n, size])
    await wal.sync()
    expect([wal.durableLsn, wal.durableSize]).toEqual([2n, wal.size])
  })

  test('is not synced again when nothing was appended', async () => {
    const disk = new SimulatedDisk(1)
    const wal = await openLog(disk.open())
    appendNext(wal)
    await wal.sync()
    const { calls } = disk
    expect(await wal.sync()).toBe(1n)
    expect(disk.calls).toBe(calls)
  })

  test('may end at its size though a mark follows that is not durable', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    appendNext(wal)
    await wal.sync()
    expect(storage.size('wal-1')).toBe(wal.size + RECORD_HEADER_SIZE)
    storage.truncate('wal-1', wal.size)
    const found = readLog(storage, { logs: [{ number: 1, end: wal.size }] })
    expectRecords(found, 1)
    expect(found.end.kind).toBe('clean')
  })
})

describe('a damaged log', () => {
  test('cut anywhere gives a prefix of the records, and says torn or clean', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    for (let i = 0; i < 4; i++) appendNext(wal)
    const bytes = readAll(storage, 'wal-1')
    for (let size = FILE_HEADER_SIZE; size <= bytes.length; size++) {
      const found = readLog(storageWith(bytes.subarray(0, size)))
      expectRecords(found, found.records.length, `cut at ${size}`)
      const { end } = found
      expect(end.kind, `cut at ${size}`).toBe(end.offset === size ? 'clean' : 'torn')
      expect(end.offset + end.droppedBytes, `cut at ${size}`).toBe(size)
      expect(end.lsn, `cut at ${size}`).toBe(BigInt(found.records.length))
    }
  })

  test('cut below something durable is corrupt and says what is lost', async () => {
    const storage = openMemoryStorage()
    const offsets = await writeSynced(storage, 4)
    const bytes = readAll(storage, 'wal-1')
    const cut = storageWith(bytes.subarray(0, offsets[2]! + 10))
    // The manifest knew that 4 was durable.
    const { records, end } = readLog(cut, { durableLsn: 4n })
    expect(records.length).toBe(2)
    expect(end).toMatchObject({ kind: 'corrupt', lsn: 2n, file: 'wal-1', offset: offsets[2] })
    expect(end.error?.message).toMatch(/^wal-1: record at \d+ .* records 3 to 4 are lost$/)
    // The same at a record's end, where nothing looks wrong.
    const clean = readLog(storageWith(bytes.subarray(0, offsets[2]!)), { durableLsn: 4n })
    expect(clean.end).toMatchObject({ kind: 'corrupt', lsn: 2n })
    // But what is in parts already is not missed.
    const kept = readLog(cut, { durableLsn: 4n, lowestLsn: 5n })
    expect(kept.end.kind).toBe('torn')
  })

  test('with any bit flipped never gives a wrong record, and hides no acknowledged one', async () => {
    const storage = openMemoryStorage()
    await writeSynced(storage, 4)
    const bytes = readAll(storage, 'wal-1')
    for (let offset = 0; offset < bytes.length; offset++) {
      const flipped = bytes.slice()
      flipped[offset]! ^= 1 << (offset % 8)
      let found: ReadLog
      try {
        found = readLog(storageWith(flipped))
      } catch (error) {
        expect(error, `byte ${offset}`).toBeInstanceOf(OmenError)
        continue
      }
      expectRecords(found, found.records.length, `byte ${offset}`)
      if (found.records.length === 4) expect(found.end.kind, `byte ${offset}`).not.toBe('clean')
      // Every record is followed by a mark or another record that vouches for it.
      if (found.records.length < 4) expect(found.end.kind, `byte ${offset}`).toBe('corrupt')
    }
  })

  test('goes on behind damage when data loss is accepted, and lists the loss', async () => {
    const storage = openMemoryStorage()
    const offsets = await writeSynced(storage, 5)
    const bytes = readAll(storage, 'wal-1')
    bytes[offsets[1]! + 9]! ^= 1
    bytes[offsets[3]! + RECORD_HEADER_SIZE]! ^= 1
    const { records, end } = readLog(storageWith(bytes), { skipDamage: true })
    expect(records.map(({ lsn }) => lsn)).toEqual([1n, 3n, 5n])
    expect(end.kind).toBe('corrupt')
    expect(end.losses).toMatchObject([
      { file: 'wal-1', offset: offsets[1], firstLsn: 2n, lastLsn: 2n },
      { file: 'wal-1', offset: offsets[3], firstLsn: 4n, lastLsn: 4n },
    ])
  })

  test('with a damaged header gives its records only when data loss is accepted', async () => {
    const storage = openMemoryStorage()
    await writeSynced(storage, 3)
    const bytes = readAll(storage, 'wal-1')
    bytes[3]! ^= 1
    expect(readLog(storageWith(bytes))).toMatchObject({
      records: [],
      end: { kind: 'corrupt', file: 'wal-1', offset: 0, lsn: 0n },
    })
    const found = readLog(storageWith(bytes), { skipDamage: true })
    expectRecords(found, 3)
    expect(found.end.kind).toBe('corrupt')
  })

  test('with unsynced records behind a torn one is torn: nothing of them was acknowledged', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    appendNext(wal)
    await wal.sync()
    const torn = storage.size('wal-1')
    for (let i = 0; i < 3; i++) appendNext(wal)
    const bytes = readAll(storage, 'wal-1')
    bytes.fill(0, torn, torn + RECORD_HEADER_SIZE)
    const found = readLog(storageWith(bytes))
    expectRecords(found, 1)
    expect(found.end).toMatchObject({ kind: 'torn', lsn: 1n, offset: torn })
  })

  test('with its own first half copied behind it is cut there', async () => {
    const storage = openMemoryStorage()
    const offsets = await writeSynced(storage, 4)
    const bytes = readAll(storage, 'wal-1')
    const stale = bytes.subarray(FILE_HEADER_SIZE, offsets[2]!)
    const found = readLog(storageWith(Buffer.concat([bytes, stale])))
    expectRecords(found, 4)
    expect(found.end).toMatchObject({ kind: 'torn', lsn: 4n, offset: bytes.length })
  })

  test('followed by zeros or garbage is cut where they start', async () => {
    const storage = openMemoryStorage()
    await writeSynced(storage, 3)
    const bytes = readAll(storage, 'wal-1')
    const random = randomOf(5)
    const garbage = Uint8Array.from({ length: 5000 }, () => random.int(256))
    for (const tail of [new Uint8Array(600_000), new Uint8Array(3), garbage]) {
      const found = readLog(storageWith(Buffer.concat([bytes, tail])))
      expectRecords(found, 3)
      const expected = { kind: 'torn', offset: bytes.length, droppedBytes: tail.length }
      expect(found.end).toMatchObject(expected)
    }
  })
})

describe('a wrong log', () => {
  async function copyOf(number: number, identity: bigint): Promise<ShardStorage> {
    const storage = openMemoryStorage()
    const wal = await createWal(storage, { identity, number, lsn: 0n })
    appendNext(wal)
    await wal.sync()
    return storage
  }

  test('of another directory is refused', async () => {
    const { end } = readLog(await copyOf(1, 99n))
    expect(end).toMatchObject({ kind: 'corrupt', offset: 0 })
    expect(end.error?.message).toMatch(/^wal-1: belongs to another data directory/)
  })

  test('that is a copy of another number is refused', async () => {
    const bytes = readAll(await copyOf(2, IDENTITY), 'wal-2')
    const { end } = readLog(storageWith(bytes))
    expect(end.error?.message).toMatch(/^wal-1: is a copy of wal-2/)
  })

  test('with a record of another file in the same place, of the same lsn, does not take it', async () => {
    // Two logs of one directory that differ in nothing but their number.
    const [own, other] = [await copyOf(1, IDENTITY), await copyOf(2, IDENTITY)]
    const bytes = readAll(own, 'wal-1')
    const foreign = readAll(other, 'wal-2')
    expect(foreign.length).toBe(bytes.length)
    bytes.set(foreign.subarray(FILE_HEADER_SIZE), FILE_HEADER_SIZE)
    const found = readLog(storageWith(bytes))
    expect(found.records).toEqual([])
    expect(found.end).toMatchObject({ kind: 'torn', lsn: 0n, offset: FILE_HEADER_SIZE })
    // As it was acknowledged, it is missed.
    expect(readLog(storageWith(bytes), { durableLsn: 1n }).end.kind).toBe('corrupt')
  })

  test('with a record of its own in the place of another does not take it', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    const payload = Uint8Array.of(1, 2, 3, 4)
    const offsets = [1, 2, 3].map(() => {
      const at = storage.size('wal-1')
      wal.append(1, [payload])
      return at
    })
    await wal.sync()
    const bytes = readAll(storage, 'wal-1')
    // Equal but for their lsns: the first one once more where the second was.
    bytes.copyWithin(offsets[1]!, offsets[0]!, offsets[1])
    const found = readLog(storageWith(bytes), { durableLsn: 3n })
    expect(found.records.map(({ lsn }) => lsn)).toEqual([1n])
    expect(found.end).toMatchObject({ kind: 'corrupt', lsn: 1n, offset: offsets[1] })
  })

  test('that is empty, or missing, is refused', async () => {
    expect(readLog(storageWith(new Uint8Array(0))).end.error?.message).toMatch(/^wal-1: ends at 0/)
    expect(readLog(openMemoryStorage()).end.error?.message).toMatch(/^wal-1: /)
  })

  test('of a newer format is unsupported and named', async () => {
    const storage = await copyOf(1, IDENTITY)
    const bytes = readAll(storage, 'wal-1')
    bytes[8] = 1
    new DataView(bytes.buffer).setUint32(28, crc32c(bytes.subarray(0, 28)), true)
    await expectError(() => readLog(storageWith(bytes)), 'unsupported', /^wal-1: .*version 1/)
  })

  test('that starts behind the lowest lsn needed is refused', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage, 1, 6n)
    appendNext(wal)
    await wal.sync()
    const { end } = readLog(storage, { lowestLsn: 5n, durableLsn: 6n })
    expect(end.error?.message).toMatch(/records 5 to 6 are lost/)
    expect(readLog(storage, { lowestLsn: 7n, durableLsn: 6n }).end.kind).toBe('clean')
  })

  test('in the middle of three is missed through the records behind it', async () => {
    const disk = new MemoryDisk()
    const storage = openMemoryStorage(disk)
    let lsn = 0n
    for (const number of [1, 2, 3]) {
      const wal = await openLog(storage, number, lsn)
      lsn = appendNext(wal)
      await wal.sync()
    }
    storage.truncate('wal-2', FILE_HEADER_SIZE)
    const logs = [1, 2, 3].map((number) => ({ number, end: 0 }))
    const { records, end } = readLog(storage, { logs })
    expect(records.length).toBe(1)
    expect(end.error?.message).toMatch(/^wal-3: .* records 2 to 2 are lost/)
  })

  test('shorter than the manifest names is refused', async () => {
    const storage = await copyOf(1, IDENTITY)
    const { end } = readLog(storage, { logs: [{ number: 1, end: 10_000 }] })
    expect(end.error?.message).toMatch(/ends at \d+, the manifest names 10000/)
  })
})
