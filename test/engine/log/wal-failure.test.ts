// The log on a storage that fails and on a machine that stops.

import { describe, expect, test } from 'vitest'
import type { WalWriter } from '../../../engine/log/wal.ts'
import { type Random, randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { bytesOf, expectError } from '../storage/storage.contract.ts'
import { appendNext, expectRecords, openLog, readLog } from './wal-fixture.ts'

describe('failing storage', () => {
  test('a full disk refuses the record, keeps the log, and takes records again later', async () => {
    const disk = new SimulatedDisk(7)
    const storage = disk.open()
    const wal = await openLog(storage)
    appendNext(wal)
    await wal.sync()
    disk.capacity = storage.size('wal-1') + 20
    await expectError(() => wal.append(1, [new Uint8Array(100)]), 'storage_full')
    expect(wal.failure).toBeNull()
    disk.capacity = Infinity
    appendNext(wal)
    await wal.sync()
    const found = readLog(storage)
    expectRecords(found, 2)
    expect(found.end.kind).toBe('clean')
  })

  test('a mark that does not fit is left out', async () => {
    const disk = new SimulatedDisk(7)
    const storage = disk.open()
    const wal = await openLog(storage)
    appendNext(wal)
    disk.capacity = storage.size('wal-1') + 20
    expect(await wal.sync()).toBe(1n)
    expect(wal.failure).toBeNull()
    expect(storage.size('wal-1')).toBe(wal.size)
  })

  test('a disk that is full from the first record on leaves a log that can be read', async () => {
    const disk = new SimulatedDisk(7)
    const storage = disk.open()
    const wal = await openLog(storage)
    disk.capacity = disk.usedBytes
    await expectError(() => wal.append(1, [new Uint8Array(100)]), 'storage_full')
    disk.capacity = Infinity
    wal.probe()
    expect(wal.shortage).toBeNull()
    appendNext(wal)
    await wal.sync()
    const found = readLog(storage)
    expectRecords(found, 1)
    expect(found.end.kind).toBe('clean')
  })

  test('after a failed sync the log takes nothing, and its records go to a new one', async () => {
    const disk = new SimulatedDisk(7)
    const storage = disk.open()
    const wal = await openLog(storage)
    appendNext(wal)
    await wal.sync()
    appendNext(wal)
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => wal.sync(), 'unavailable', /^wal-1: /)
    await expectError(() => wal.append(1, []), 'unavailable', /^wal-1: ended/)
    await expectError(() => wal.sync(), 'unavailable', /^wal-1: ended/)
    const next = await openLog(storage, 2, wal.durableLsn)
    appendNext(next)
    await next.sync()
    const logs = [
      { number: 1, end: wal.durableSize },
      { number: 2, end: 0 },
    ]
    const found = readLog(storage, { logs })
    expectRecords(found, 2)
    expect(found.end.kind).toBe('clean')
  })

  test('any other failed append ends the log', async () => {
    const disk = new SimulatedDisk(7)
    const wal = await openLog(disk.open())
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => wal.append(1, [bytesOf(1)]), 'unavailable')
    expect(wal.failure?.message).toMatch(/^wal-1: write failed/)
  })
})

describe('crashes', () => {
  /** Appends and syncs until the machine stops; returns the highest lsn that was acknowledged. */
  async function run(
    disk: SimulatedDisk,
    wal: WalWriter,
    random: Random,
    steps: number,
  ): Promise<bigint> {
    let acked = 0n
    let syncing: Promise<void> | null = null
    const acknowledge = async () => {
      acked = await wal.sync()
      syncing = null
    }
    try {
      for (let i = 0; i < steps; i++) {
        appendNext(wal)
        if (random.chance(0.5) && syncing === null) {
          syncing = acknowledge()
          syncing.catch(() => {})
        }
        if (random.chance(0.5)) await syncing
      }
    } catch (error) {
      if (!disk.hasStopped) throw error
    }
    return acked
  }

  test('at any call lose nothing acknowledged and never look like corruption', async () => {
    for (let seed = 0; seed < 150; seed++) {
      const disk = new SimulatedDisk(seed)
      const wal = await openLog(disk.open())
      const { calls } = disk
      disk.crashAt(calls + 1 + (seed % 40))
      const acked = await run(disk, wal, randomOf(seed), 20)
      if (seed % 3 === 0) disk.kill()
      else disk.crash()
      const found = readLog(disk.open())
      const message = `${disk.describe()}, acked ${acked}`
      expectRecords(found, found.records.length, message)
      expect(BigInt(found.records.length), message).toBeGreaterThanOrEqual(acked)
      expect(found.end.kind, message).not.toBe('corrupt')
    }
  })
})
