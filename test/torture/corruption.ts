// Damage to every kind of file, and what comes of it: full recovery, a refusal that names a file, or
// a query that fails by name. Never an answer that differs from what was acknowledged; but the open
// log may lose its end without a trace (cut at a record, or an old copy put back), and then what is
// left is exactly an earlier state (docs/durability.md, "After a crash").
//   node scripts/run.js test/torture/corruption.ts --trials 2000 [--seed S]

import { parseArgs } from 'node:util'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import {
  type Cells,
  DATABASES,
  TABLES,
  addCells,
  absent,
  commit,
  keyParts,
  randomWrite,
  readCells,
  tableNumber,
} from '../engine/crash-cells.ts'
import { type Random, randomOf } from '../random.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'
import { type Damage, damageOf } from './damage.ts'

export type Outcome = 'recovered' | 'refused' | 'query failed' | 'end of the log lost'

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
    db = await openDatabase(await simulatedHost(disk.open()), OPTIONS)
  } catch (error) {
    return expectNamed(error, 'refused')
  }
  let outcome: Outcome = 'recovered'
  const found = new Map<number, number | bigint | string>()
  const failed = new Set<number>()
  for (const database of DATABASES) {
    for (const table of TABLES) {
      const number = tableNumber(database, table)
      try {
        const answer = await db.query({ table }, { database }).catch(absent)
        if (answer !== null) addCells(found, answer, number)
      } catch (error) {
        outcome = expectNamed(error, 'query failed')
        failed.add(number)
      }
    }
  }
  if (isShown(found, directory.expected, failed)) return outcome
  const isEarlier = directory.states.some((state) => isShown(found, state, failed))
  if (isEarlier && damage.maySilentlyEndLog) return 'end of the log lost'
  throw new Error(`wrong answer: ${isEarlier ? 'an earlier state' : 'a state that never was'}`)
}

/** Damage is `corrupt` and says in which file. */
function expectNamed(error: unknown, outcome: Outcome): Outcome {
  const isNamed =
    error instanceof OmenError && /(wal|manifest|catalog|segment)-\d+/.test(error.message)
  if (isNamed && error.code === 'corrupt') return outcome
  throw error
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
