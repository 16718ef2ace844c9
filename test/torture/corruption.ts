// Damage to every kind of file, and what comes of it: full recovery, a refusal that names a file, or
// a query that fails by name; what was refused, and then opened with `acceptDataLoss`, or repaired, lacks
// nothing that its report does not name. Never an answer that differs from what was acknowledged; but the open
// log may lose its end without a trace (cut at a record, or an old copy put back), and then what is
// left is exactly an earlier state (docs/durability.md, "After a crash").
//   node scripts/run.js test/torture/corruption.ts --trials 2000 [--seed S]

import { parseArgs } from 'node:util'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { repairDirectory } from '../../engine/backup/repair.ts'
import {
  type Cells,
  WIDE,
  absent,
  commit,
  keyParts,
  randomWrite,
  readCells,
} from '../engine/crash-cells.ts'
import { type Random, randomOf } from '../random.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'
import { type Damage, damageOf } from './damage.ts'
import { type Shown, lossFault, readTables, reportsIn } from './loss.ts'

/** `refused`: also when data loss is accepted. */
export type Outcome =
  | 'recovered'
  | 'refused'
  | 'opened without what is lost'
  | 'query failed'
  | 'end of the log lost'

export interface CorruptionReport {
  /** How often, by kind of file and then outcome. */
  readonly outcomes: Map<string, Map<Outcome, number>>
}

const OPTIONS: OpenOptions = {
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 14,
  logBytes: 1 << 16,
  cacheBytes: 1 << 20,
}
const WRITES = 60

/** The files of a directory, and what they were before. */
interface Directory {
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Earlier bytes of files, also of such as are gone. */
  readonly stale: ReadonlyMap<string, readonly Uint8Array[]>
  readonly expected: Cells
  /** What it showed after each change that the logs still hold, newest last. */
  readonly states: readonly Cells[]
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      trials: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
    },
  })
  const { outcomes } = await corruptionTrials(Number(values.trials), Number(values.seed))
  for (const [kind, counts] of outcomes) console.log(kind, JSON.stringify([...counts]))
}

/** Throws, naming seed and damage, when an answer was wrong. */
export async function corruptionTrials(trials: number, seed: number): Promise<CorruptionReport> {
  const outcomes: CorruptionReport['outcomes'] = new Map()
  let directory = await makeDirectory(seed)
  for (let trial = 0; trial < trials; trial++) {
    if (trial % 100 === 99) directory = await makeDirectory(seed + trial)
    const random = randomOf(seed * 1_000_003 + trial)
    const damage = damageOf(random, directory.files, directory.stale)
    const outcome = await tryDamage(directory, damage).catch((error: unknown) => {
      throw new Error(`seed ${seed}, trial ${trial}: ${damage.text}: ${String(error)}`, {
        cause: error,
      })
    })
    const counts = outcomes.get(damage.kind) ?? new Map<Outcome, number>()
    outcomes.set(damage.kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1))
  }
  return { outcomes }
}

/** Many small segments, merged ones, a catalog with drops, closed logs and an open one. */
async function makeDirectory(seed: number): Promise<Directory> {
  const random = randomOf(seed)
  const disk = new SimulatedDisk(seed)
  const stale = new Map<string, Uint8Array[]>()
  const states: Cells[] = []
  const db = await openDatabase(await simulatedHost(disk.open(), seed), OPTIONS)
  for (let id = 1; id <= WRITES; id++) {
    await change(db, id, random)
    for (const [name, bytes] of disk.contents()) {
      const copies = stale.get(name) ?? []
      if (copies.at(-1)?.length !== bytes.length) copies.push(bytes)
      stale.set(name, copies)
    }
    states.push(await readCells(db))
  }
  const files = disk.contents()
  return { files, stale, states, expected: states.at(-1)! }
}

async function change(db: Database, id: number, random: Random): Promise<void> {
  await commit(db, randomWrite(id, 20, random.next))
  // The last changes are in logs only.
  if (id > WRITES - 8) return
  if (random.chance(0.2)) await db.flush()
  if (random.chance(0.05)) await db.compact()
  if (random.chance(0.03)) await db.dropTable('t1', { database: 'other' }).catch(absent)
}

async function tryDamage(directory: Directory, damage: Damage): Promise<Outcome> {
  const disk = new SimulatedDisk(1)
  disk.load(damage.apply(directory.files))
  let db: Database
  try {
    db = await openAt(disk)
  } catch (error) {
    expectNamed(error)
    disk.kill()
    return acceptLoss(disk, directory)
  }
  const shown = await readTables(db)
  for (const error of shown.failures.values()) expectNamed(error)
  const failed = new Set(shown.failures.keys())
  if (failed.size > 0) await repair(disk, db, directory)
  const { cells } = shown
  if (isShown(cells, directory.expected, failed)) {
    return failed.size > 0 ? 'query failed' : 'recovered'
  }
  const isEarlier = directory.states.some((state) => isShown(cells, state, failed))
  if (isEarlier && damage.maySilentlyEndLog) return 'end of the log lost'
  throw new Error(`wrong answer: ${isEarlier ? 'an earlier state' : 'a state that never was'}`)
}

async function openAt(disk: SimulatedDisk, options: OpenOptions = {}): Promise<Database> {
  return openDatabase(await simulatedHost(disk.open()), { ...OPTIONS, ...options })
}

/** What was refused is opened without what is lost: that is named, and all else is there. */
async function acceptLoss(disk: SimulatedDisk, directory: Directory): Promise<Outcome> {
  let db: Database
  try {
    db = await openAt(disk, { acceptDataLoss: true })
  } catch (error) {
    expectNamed(error)
    return 'refused'
  }
  const shown = await readTables(db)
  for (const error of shown.failures.values()) expectNamed(error)
  expectExplained(disk, shown, directory)
  await db.close()
  const again = await openAt(disk)
  const { cells } = await readTables(again)
  if (!isShown(cells, shown.cells, new Set(shown.failures.keys()))) {
    throw new Error('the start after that shows something else')
  }
  await commit(again, randomWrite(WRITES + 1, 20, randomOf(1).next))
  await again.close()
  return 'opened without what is lost'
}

/** What a query could not read is repaired: then every table can be read. */
async function repair(disk: SimulatedDisk, db: Database, directory: Directory): Promise<void> {
  await db.close()
  const host = await simulatedHost(disk.open())
  const { refusals } = await repairDirectory(host)
  await host.storage.close()
  if (refusals.length > 0) return
  const again = await openAt(disk)
  const shown = await readTables(again)
  for (const error of shown.failures.values()) throw error
  expectExplained(disk, shown, directory)
  await again.close()
}

function expectExplained(disk: SimulatedDisk, shown: Shown, { states }: Directory): void {
  const fault = lossFault(shown, states, reportsIn(disk.contents()), WIDE)
  if (fault !== null) throw new Error(fault)
}

/** Damage is `corrupt` and says in which file. */
function expectNamed(error: unknown): void {
  const isNamed =
    error instanceof OmenError && /(wal|manifest|catalog|segment)-\d+/.test(error.message)
  if (!isNamed || error.code !== 'corrupt') throw error
}

function isShown(found: Cells, expected: Cells, failed: ReadonlySet<number>): boolean {
  let count = 0
  for (const [key, value] of expected) {
    if (failed.has(keyParts(key).table)) continue
    if (found.get(key) !== value) return false
    count++
  }
  return count === found.size
}
