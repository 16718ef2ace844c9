// All lives of one seed: each begins with what the crash before it left, which must be explained by
// what was answered until then. In every life a call fails, or the machine stops in one.

import assert from 'node:assert/strict'
import { type Database, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { readCells } from '../engine/crash-cells.ts'
import { History } from '../engine/crash-model.ts'
import { seededRandom } from '../kernel.ts'
import { poisonMemory } from '../poisoned-memory.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import type { CrashingDisk } from '../crashing-disk.ts'
import { SimulatedCrash, SimulatedDisk } from '../simulated-storage.ts'
import { Life, settled } from './crash-life.ts'
import { optionsOf } from './held-read.ts'
import { Keeping } from './keeping.ts'
import { Rollups } from './rollups.ts'
import { seenTables } from './seen-tables.ts'
import { type Swarm, swarmOf } from './swarm.ts'
import { type Watchdog, watchdog } from './watchdog.ts'

const LIVES = 4
/** A seed takes a tenth of a second. */
const HANG_SECONDS = 60

/** What all lives of a seed have in common. */
interface Run {
  readonly disk: CrashingDisk
  readonly swarm: Swarm
  readonly random: () => number
  readonly history: History
  readonly keeping: Keeping | null
  readonly rollups: Rollups | null
}

/** Opens what is on the disk, and compares it with what was answered. */
async function openRun(run: Run, where: string): Promise<[Database, SimulatedHost]> {
  const { disk, swarm, random, history, keeping, rollups } = run
  const host = await simulatedHost(disk.open(), disk.seed)
  keeping?.start(host, history, random)
  let db: Database | null = null
  try {
    db = await openDatabase(host, optionsOf(swarm))
  } finally {
    keeping?.opened(db)
  }
  keeping?.begin()
  const found = await readCells(db, swarm.layout)
  keeping?.end()
  const fault = history.check(found)
  if (fault !== null) assert.fail(`${where}: ${disk.describe()}: ${fault}`)
  rollups?.seen(found, history)
  history.settle(found)
  const tables = keeping === null && rollups === null ? [] : await seenTables(db)
  keeping?.compare(tables, where)
  rollups?.compare(tables, where)
  return [db, host]
}

/** Storage calls that are worth failing: most are writes of segments, and alike. */
const CALLS = [/^sync wal/, /^append.* wal/, /^(sync|remove|create) (manifest|directory|wal)/]
const RARE_CALLS = [/ catalog/, /^sync directory/, /^(rename|size)/, /^read/, /segment/, /./]

/** Orders a crash, or an error that passes after one to three calls. */
function order(disk: CrashingDisk, random: () => number): void {
  const below = (n: number): number => Math.floor(random() * n)
  const calls = random() < 0.6 ? CALLS : RARE_CALLS
  const pattern = calls[below(calls.length)]!
  const skip = below(pattern.source === '.' ? 200 : 24)
  if (random() < 0.5) disk.crashMatching(pattern, skip)
  else disk.failMatching(pattern, random() < 0.6 ? 'EIO' : 'ENOSPC', skip, 1 + below(3))
}

/** The line that runs a seed again. */
export function replayLine(seed: number): string {
  return `npm run torture -- --seeds 1 --from ${seed}`
}

/** Throws, with the line that replays it, when an answer was not kept, or one never comes. */
export async function runSeed(
  seed: number,
  makeDisk: (seed: number) => CrashingDisk = (given) => new SimulatedDisk(given),
): Promise<void> {
  let dog: Watchdog | undefined
  const hang = new Promise<never>((_, reject) => {
    dog = watchdog(HANG_SECONDS, () => reject(new Error(`${replayLine(seed)}: it hangs`)))
  })
  // What reads memory after its end finds ids that there are, or none, or what was there.
  const poison = [0, 0xa5][seed % 3]
  const heal = poison === undefined ? null : poisonMemory(poison)
  try {
    await Promise.race([runLives(seed, makeDisk(seed)), hang])
  } finally {
    heal?.()
    dog?.stop()
  }
}

/**
 * Work on simulated storage is microtasks alone: when a macrotask gets its turn, all that is under
 * way waits for a timer, and its time has come.
 */
function whileTimePasses<T>(host: SimulatedHost, work: Promise<T>): Promise<T> {
  let isDone = false
  const tick = (): void => {
    if (isDone) return
    host.fireTimers()
    setImmediate(tick)
  }
  setImmediate(tick)
  return work.finally(() => (isDone = true))
}

async function runLives(seed: number, disk: CrashingDisk): Promise<void> {
  const random = seededRandom(seed)
  const swarm = swarmOf(random, seed)
  const keeping = swarm.hasRetention ? new Keeping(swarm) : null
  const history = new History(keeping?.expiry)
  const rollups = swarm.hasRollups ? new Rollups(swarm, seed, keeping) : null
  const run = { disk, swarm, random, history, keeping, rollups }
  const replay = replayLine(seed)
  for (let round = 0; round < LIVES; round++) {
    const where = `${replay}, life ${round}`
    order(disk, random)
    try {
      const [db, host] = await openRun(run, where)
      const life = new Life({ ...run, db, host, where })
      await whileTimePasses(host, life.live())
      if (!disk.hasStopped && random() < 0.5) await db.close()
    } catch (error) {
      const isOperating = error instanceof SimulatedCrash || error instanceof OmenError
      if (!isOperating || !disk.hasFired)
        throw new Error(`${where}: ${String(error)}`, { cause: error })
    }
    await settled()
    disk.capacity = Infinity
    history.crashed()
    rollups?.crashed(history)
    if (random() < 0.7) disk.crash()
    else disk.kill()
  }
  const where = `${replay}, at the end`
  const [db] = await openRun(run, where).catch((error: unknown) => {
    throw new Error(`${where}: ${disk.describe()}`, { cause: error })
  })
  await db.close()
}
