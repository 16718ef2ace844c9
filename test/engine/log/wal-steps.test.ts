// Records that are written in steps: the same bytes, and after a crash between any two of them as if the
// record had never been begun.

import { describe, expect, test } from 'vitest'
import type { WalWriter } from '../../../engine/log/wal.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { bytesOf, expectError, readAll } from '../storage/storage.contract.ts'
import { IDENTITY, appendNext, openLog, readLog } from './wal-fixture.ts'

const PAYLOAD = Uint8Array.from({ length: 61 }, (_, i) => i * 7)
const parts = (): Uint8Array[] => [PAYLOAD.subarray(0, 20), bytesOf(), PAYLOAD.subarray(20)]

type Steps = ReturnType<WalWriter['appendInSteps']>

function finish(steps: Steps): bigint {
  for (;;) {
    const step = steps.next(undefined as never)
    if (step.done) return step.value
  }
}

describe('a record that is written in steps', () => {
  test.each([1, 7, 8, 20, 61, 1000])(
    'of %i bytes is the one that is written at once',
    async (size) => {
      const [once, slowly] = [openMemoryStorage(), openMemoryStorage()]
      const [a, b] = [await openLog(once), await openLog(slowly)]
      for (const wal of [a, b]) appendNext(wal)
      expect(a.append(5, parts())).toBe(2n)
      expect(finish(b.appendInSteps(5, parts, size))).toBe(2n)
      for (const wal of [a, b]) appendNext(wal)
      expect(readAll(slowly, b.name)).toEqual(readAll(once, a.name))
      expect([b.lsn, b.size]).toEqual([a.lsn, a.size])
    },
  )

  test('asks for its parts anew after each pause, because they move', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    let memory = PAYLOAD.slice()
    const steps = wal.appendInSteps(5, () => [memory.subarray(0, 20), memory.subarray(20)], 8)
    for (let step = steps.next(); !step.done; step = steps.next(undefined as never)) {
      const moved = memory.slice()
      memory.fill(255)
      memory = moved
    }
    const { records, end } = readLog(storage)
    expect(records.map(({ payload }) => [...payload])).toEqual([[...PAYLOAD]])
    expect(end.kind).toBe('clean')
  })

  test('has no mark inside, also when a sync ends or a full disk is looked at meanwhile', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    appendNext(wal)
    const steps = wal.appendInSteps(5, parts, 8)
    for (let step = steps.next(); !step.done; step = steps.next(undefined as never)) {
      expect(await wal.sync()).toBe(1n)
      wal.probe()
      expect([wal.lsn, wal.durableLsn, wal.size]).toEqual([1n, 1n, wal.durableSize])
    }
    expect(await wal.sync()).toBe(2n)
    const { records, end } = readLog(storage)
    expect(records.map(({ lsn }) => lsn)).toEqual([1n, 2n])
    expect(end).toMatchObject({ kind: 'clean', offset: storage.size(wal.name) })
  })

  test('takes no other record between its steps', async () => {
    const wal = await openLog(openMemoryStorage())
    const steps = wal.appendInSteps(5, parts, 8)
    steps.next()
    expect(() => wal.append(1, [])).toThrow('by one caller')
    expect(() => wal.appendInSteps(1, parts, 8).next()).toThrow('by one caller')
    expect(finish(steps)).toBe(1n)
  })

  test('is not there after a crash between any two steps, synced in part or not', async () => {
    for (let stop = 0; stop < 40; stop++) {
      for (const isSynced of [false, true]) {
        const disk = new SimulatedDisk(stop)
        const wal = await openLog(disk.open())
        appendNext(wal)
        await wal.sync()
        const steps = wal.appendInSteps(5, parts, 8)
        let count = 0
        let isWhole = false
        while (count++ < stop && !isWhole) {
          isWhole = steps.next(undefined as never).done === true
          if (isSynced) await wal.sync()
        }
        disk.crash()
        const { records, end } = readLog(disk.open())
        expect(end.kind).not.toBe('corrupt')
        const found = records.map(({ lsn }) => lsn)
        // Whole and synced it is durable; whole alone it may be.
        if (isWhole && isSynced) expect(found).toEqual([1n, 2n])
        else if (!isWhole) expect(found).toEqual([1n])
        else expect(found[0]).toBe(1n)
      }
    }
  })

  test('that finds the disk full in any step leaves nothing, and may be tried again', async () => {
    for (let room = 0; room < 100; room += 4) {
      const disk = new SimulatedDisk(room)
      const storage = disk.open()
      const wal = await openLog(storage)
      appendNext(wal)
      await wal.sync()
      const { size } = wal
      const before = storage.size(wal.name)
      disk.capacity = before + room
      try {
        finish(wal.appendInSteps(5, parts, 8))
        expect(room).toBeGreaterThanOrEqual(96)
      } catch (error) {
        expect(error).toMatchObject({ code: 'storage_full' })
        expect([wal.size, storage.size(wal.name)]).toEqual([size, before])
        expect(wal.shortage).not.toBe(null)
        disk.capacity = Infinity
        expect(finish(wal.appendInSteps(5, parts, 8))).toBe(2n)
      }
      expect(wal.shortage).toBe(null)
      expect(await wal.sync()).toBe(2n)
      expect(readLog(storage).records.length).toBe(2)
    }
  })

  test('ends with its log when a sync fails between two steps', async () => {
    const disk = new SimulatedDisk(3)
    const storage = disk.open()
    const wal = await openLog(storage)
    appendNext(wal)
    const steps = wal.appendInSteps(5, parts, 8)
    for (let i = 0; i < 12; i++) steps.next(undefined as never)
    disk.failAt(disk.calls + 1, 'EIO')
    await expectError(() => wal.sync(), 'unavailable')
    await expectError(() => finish(steps), 'unavailable')
    expect(wal.failure).not.toBe(null)
    expect(wal.durableLsn).toBe(0n)
  })

  test('is given up by what is thrown into it, and its log takes no more', async () => {
    const storage = openMemoryStorage()
    const wal = await openLog(storage)
    const steps = wal.appendInSteps(5, parts, 8)
    for (let i = 0; i < 12; i++) steps.next(undefined as never)
    expect(() => steps.throw(new Error('the kernel has ended'))).toThrow('the kernel has ended')
    await expectError(() => wal.append(1, []), 'unavailable')
    const logs = [{ number: 1, end: 0 }]
    expect(readLog(storage, { logs, identity: IDENTITY }).records).toEqual([])
  })
})
