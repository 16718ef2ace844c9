// Logs for tests: records whose payload follows from their lsn, written and read back.

import { expect } from 'vitest'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { type LogEnd, type WalWriter, createWal, replayWal } from '../../../engine/log/wal.ts'
import { randomOf } from '../../random.ts'

export const IDENTITY = 0x1122334455667788n

export interface ReadLog {
  records: { lsn: bigint; type: number; payload: number[] }[]
  end: LogEnd
}

export interface ReadOptions {
  logs?: { number: number; end: number }[]
  lowestLsn?: bigint
  durableLsn?: bigint
  identity?: bigint
  skipDamage?: boolean
}

export function readLog(storage: ShardStorage, options: ReadOptions = {}): ReadLog {
  const replay = replayWal(storage, {
    identity: IDENTITY,
    logs: [{ number: 1, end: 0 }],
    lowestLsn: 1n,
    durableLsn: 0n,
    ...options,
  })
  const records: ReadLog['records'] = []
  for (;;) {
    const step = replay.next()
    if (step.done) return { records, end: step.value }
    const { lsn, type, payload } = step.value
    records.push({ lsn, type, payload: [...payload] })
  }
}

export function openLog(storage: ShardStorage, number = 1, lsn = 0n): Promise<WalWriter> {
  return createWal(storage, { identity: IDENTITY, number, lsn })
}

/** What record `lsn` of a test holds: a payload of a length and bytes of its own. */
export function payloadOf(lsn: bigint): Uint8Array {
  const random = randomOf(Number(lsn))
  return Uint8Array.from({ length: random.int(200) }, () => random.int(256))
}

export function expectRecords(found: ReadLog, count: number, message = ''): void {
  expect(found.records.length, message).toBe(count)
  found.records.forEach(({ lsn, type, payload }, i) => {
    expect(lsn, message).toBe(BigInt(i + 1))
    expect(type, message).toBe(1 + (i % 3))
    expect(payload, message).toEqual([...payloadOf(lsn)])
  })
}

export function appendNext(wal: WalWriter): bigint {
  const lsn = wal.lsn + 1n
  const payload = payloadOf(lsn)
  const cut = payload.length >> 1
  const type = 1 + Number((lsn - 1n) % 3n)
  expect(wal.append(type, [payload.subarray(0, cut), payload.subarray(cut)])).toBe(lsn)
  return lsn
}

/** A log of `count` records, each synced by itself. Returns where each record starts. */
export async function writeSynced(storage: ShardStorage, count: number): Promise<number[]> {
  const wal = await openLog(storage)
  const offsets: number[] = []
  for (let i = 0; i < count; i++) {
    offsets.push(storage.size(wal.name))
    appendNext(wal)
    await wal.sync()
  }
  return offsets
}

/** A storage whose wal-1 has exactly these bytes. */
export function storageWith(bytes: Uint8Array): ShardStorage {
  const storage = openMemoryStorage()
  storage.create('wal-1')
  storage.append('wal-1', [bytes])
  return storage
}
