// A small database on a simulated disk, for tests of what comes and goes.

import { type Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import { type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

export const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 15,
  cacheBytes: 1 << 20,
}

export interface Opened {
  readonly db: Database
  readonly disk: SimulatedDisk
  readonly host: SimulatedHost
}

export async function open(
  disk = new SimulatedDisk(1),
  options: OpenOptions = {},
  clock = 0n,
): Promise<Opened> {
  const host = await simulatedHost(disk.open(), disk.seed)
  host.advance(clock)
  return { db: await openDatabase(host, { ...SMALL, ...options }), disk, host }
}

export function stage(db: Database, lines: string, database = 'default') {
  const batch = db.batch({ database })
  batch.lineProtocol(new TextEncoder().encode(`${lines}\n`))
  return batch
}

export function write(db: Database, lines: string, database = 'default') {
  return stage(db, lines, database).commit()
}

/** `tags field=value` of every value that a query of all fields answers, sorted. */
export async function values(db: Database, table = 't', database = 'default'): Promise<string[]> {
  const answer = await db.query({ table }, { database })
  const found: string[] = []
  for (const { tags, time, fields } of answer.series) {
    const key = [...tags].map(([name, value]) => `${name}=${value}`).join(',')
    for (const [i, { values: column, valid }] of fields.entries()) {
      const { name } = answer.columns[i + 1]!
      for (let row = 0; row < time.length; row++) {
        if (valid !== null && valid[row] === 0) continue
        found.push(`${key} ${name}=${column[row]} ${time[row]}`)
      }
    }
  }
  return found.sort()
}
