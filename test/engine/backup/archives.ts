// What the tests of backups share: small databases on simulated disks, archives as bytes.

import { type Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import { type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

export const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 16,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 16,
  cacheBytes: 1 << 20,
}

export interface Opened {
  readonly db: Database
  readonly disk: SimulatedDisk
  readonly host: SimulatedHost
}

export async function open(seed = 1, disk = new SimulatedDisk(seed)): Promise<Opened> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return { db: await openDatabase(host, SMALL), disk, host }
}

export async function write(db: Database, lines: string, database = 'default'): Promise<void> {
  const batch = db.batch({ database })
  batch.lineProtocol(new TextEncoder().encode(lines))
  await batch.commit()
}

/** `count` lines of table `t`, times and values from `from` on. */
export const rows = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `t v=${from + i} ${from + i}`).join('\n')

/** The same with values that no codec makes short, so that blocks have bytes. */
export const noise = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `t v=${Math.sin(from + i)} ${from + i}`).join('\n')

/** All there is, as text that is equal for equal content. */
export async function contentOf(db: Database): Promise<string> {
  const found: string[] = []
  for (const database of db.databases()) {
    for (const { name } of await db.tables(database)) {
      const { series, columns } = await db.query({ table: name }, { database })
      for (const { tags, time, fields } of series) {
        const values = fields.map(({ values, valid }) =>
          Array.from(values as ArrayLike<unknown>, (value, i) =>
            valid === null || valid[i] ? value : null,
          ),
        )
        found.push(
          JSON.stringify([database, name, columns, [...tags], [...time], values], (_, value) =>
            typeof value === 'bigint' ? `${value}n` : (value as unknown),
          ),
        )
      }
    }
  }
  return found.join('\n')
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return join(pieces)
}

export function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** The bytes in chunks of one size. */
export async function* chunked(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** A backup as bytes, with its id. */
export async function backupOf(
  db: Database,
  since: string | null = null,
): Promise<{ id: string; bytes: Uint8Array }> {
  const backup = await db.backup({ since })
  return { id: backup.id, bytes: await collect(backup) }
}

/** Restores into a new database and returns that. */
export async function restored(archives: readonly Uint8Array[], seed = 9): Promise<Opened> {
  const opened = await open(seed)
  await opened.db.restore(chunked(join(archives)))
  return opened
}
