// What a start makes of the logs: every record that no part holds yet is handed on, the logs are
// closed where their good bytes end, and made durable, because after kill -9 what was read may be in
// the page cache only. A torn tail is noted and cut; anything worse refuses the start.

import type { Checksum } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import { fileName } from './file-name.ts'
import type { LogDescription, Manifest } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { type LogEnd, type LogRecord, replayWal } from './wal.ts'

/** A log that takes no more records. */
export interface ClosedLog extends LogDescription {
  readonly lastLsn: bigint
}

export interface LogRecovery {
  /** Oldest first. */
  readonly closed: readonly ClosedLog[]
  /** The last lsn that was given. */
  readonly lsn: bigint
  /** False: what was replayed is not durable where it is, and has to be flushed before all else. */
  readonly isDurable: boolean
  /** Sentences for the operator. */
  readonly notes: readonly string[]
}

export interface LogTarget {
  /** Where the payload of the next record shall be read to. */
  place(size: number): Uint8Array
  /** A record that no part holds yet. */
  record(record: LogRecord): void
}

/** Replays the logs of a manifest. Throws `corrupt` when something acknowledged is lost. */
export async function recoverLogs(
  storage: ShardStorage,
  manifest: Manifest,
  checksum: Checksum,
  target: LogTarget,
): Promise<LogRecovery> {
  const { logs, lowestLsn, durableLsn } = manifest
  const lastLsns = new Map<string, bigint>()
  const place = (size: number): Uint8Array => target.place(size)
  const records = replayWal(storage, { ...manifest, checksum, target: place })
  let step = records.next()
  for (; !step.done; step = records.next()) {
    const record = step.value
    lastLsns.set(record.file, record.lsn)
    if (record.lsn >= lowestLsn) target.record(record)
  }
  const end = step.value
  const { kind, file, offset } = end
  if (kind === 'corrupt') refuse(storage, end)
  const notes: string[] = []
  if (kind === 'torn') {
    notes.push(`${file}: cut a torn tail of ${end.droppedBytes} bytes at ${offset}`)
  }
  const closed: ClosedLog[] = []
  let lastLsn = lowestLsn - 1n
  for (const log of logs) {
    const name = fileName('wal', log.number)
    lastLsn = lastLsns.get(name) ?? lastLsn
    const size = name === file ? offset : storage.size(name)
    closed.push({ number: log.number, end: log.end === 0 ? size : log.end, lastLsn })
  }
  const isDurable = await syncAll(storage, logs, notes)
  return { closed, lsn: end.lsn > durableLsn ? end.lsn : durableLsn, isDurable, notes }
}

async function syncAll(
  storage: ShardStorage,
  logs: readonly LogDescription[],
  notes: string[],
): Promise<boolean> {
  let isDurable = true
  for (const { number } of logs) {
    try {
      await storage.sync(fileName('wal', number))
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      isDurable = false
      notes.push(`${error.message}; what it holds is rewritten`)
    }
  }
  return isDurable
}

function refuse(storage: ShardStorage, end: LogEnd): never {
  const copy = storage.quarantine(end.file)
  assert(end.error !== null, `${end.file}: corrupt without an error`)
  const { code, message, details } = end.error
  throw new OmenError(code, `${message} (a copy is in ${copy})`, details)
}
