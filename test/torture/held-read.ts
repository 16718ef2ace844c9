// What reads a database for a long time while other things happen to it, and shows it as it was when
// it began: an export of one table, and a backup, which is restored on another disk.

import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import {
  type CellValue,
  type Cells,
  DATABASES,
  TABLES,
  absent,
  addCells,
  keyParts,
  readCells,
  tableNumber,
} from '../engine/crash-cells.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'
import type { Swarm } from './swarm.ts'

/** So small that there are flushes, merges, new logs and catalog files all the time. */
const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 15,
  cacheBytes: 1 << 18,
  catalogBytesMin: 512,
}

export function optionsOf({ hasRetention, trustsClock, layout }: Swarm): OpenOptions {
  // Half of the runs write almost every record in slices, with other work between them.
  const logSliceBytes = layout.times % 2 === 0 ? 8 * layout.times : undefined
  if (!hasRetention) return { ...SMALL, logSliceBytes }
  // While a query is read the clock moves by days.
  return { ...SMALL, logSliceBytes, trustClock: trustsClock, limits: { timeoutMs: 2 ** 40 } }
}

export interface HeldRead {
  readonly expected: Cells
  /** Reads to the end. */
  finish(): Promise<HeldAnswer>
}

export interface HeldAnswer {
  /** What it showed in all. */
  readonly found: Cells
  /** What the clock of the other machine showed at last, if another one showed it. */
  readonly elsewhere: bigint | null
}

/** Another machine, for what is restored. */
export interface OtherMachine {
  readonly seed: number
  /** What its clock shows. */
  readonly time: bigint
}

/** Null if there is nothing to read. */
export type BeginRead = (
  db: Database,
  all: Cells,
  swarm: Swarm,
  machine: OtherMachine,
) => Promise<HeldRead | null>

/** Null if there is no such table. `all` is what the database shows now. */
export async function beginExport(
  db: Database,
  all: Cells,
  { layout }: Swarm,
): Promise<HeldRead | null> {
  const [database, table] = [DATABASES[0]!, TABLES[0]!]
  const number = tableNumber(database, table)
  const answer = await db.export({ table }, { database }).catch(absent)
  if (answer === null) return null
  const { columns, chunks } = answer
  const found = new Map<number, CellValue>()
  const rest = chunks[Symbol.asyncIterator]()
  const next = async (): Promise<boolean> => {
    const step = await rest.next()
    if (step.done !== true) addCells(found, { columns, series: [step.value] }, number, layout)
    return step.done !== true
  }
  await next()
  return {
    expected: new Map([...all].filter(([key]) => keyParts(key).table === number)),
    finish: async () => {
      while (await next()) continue
      return { found, elsewhere: null }
    },
  }
}

/** What is restored must survive a power cut like all that is acknowledged. */
export async function beginBackup(
  db: Database,
  all: Cells,
  swarm: Swarm,
  { seed, time }: OtherMachine,
): Promise<HeldRead> {
  const backup = await db.backup()
  const pieces: Uint8Array[] = []
  const next = async (): Promise<boolean> => {
    const step = await backup.next()
    if (step.done !== true) pieces.push(step.value.slice())
    return step.done !== true
  }
  await next()
  return {
    expected: all,
    finish: async () => {
      while (await next()) continue
      const disk = new SimulatedDisk(seed)
      const open = async (): Promise<[Database, SimulatedHost]> => {
        const host = await simulatedHost(disk.open(), seed)
        host.advance(time - host.time)
        return [await openDatabase(host, optionsOf(swarm)), host]
      }
      const [copy] = await open()
      await copy.restore(piecesOf(pieces))
      disk.crash()
      const [again, host] = await open()
      const found = await readCells(again, swarm.layout)
      await again.close()
      return { found, elsewhere: host.time }
    },
  }
}

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}
