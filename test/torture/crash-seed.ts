// All lives of one seed: each begins with what the crash before it left, which must be explained by
// what was answered until then. In every life a call fails, or the machine stops in one.

import assert from 'node:assert/strict'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { ShardStorage } from '../../engine/storage/storage.ts'
import { openTiered } from '../../engine/storage/tiered.ts'
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
import { SimulatedObjects } from './simulated-objects.ts'
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
  /** Where segment files move to, if they do. */
  readonly objects: SimulatedObjects | null
}

/** How segment files move: at once, beyond a few, or as they grow old. */
const POLICIES = [
  { hotBytesMax: 0 },
  { hotBytesMax: 4_000 },
  { hotBytesMax: 20_000, tierAfterMs: 0 },
] as const

/** The storage of a life, and what else its database is opened with. */
function storageOf({ disk, objects }: Run, hot: ShardStorage): [ShardStorage, OpenOptions] {
  if (objects === null) return [hot, {}]
  const { fill: random } = objects
  const storage = openTiered({ hot, cold: objects, prefix: 't', random, readAheadBytes: 1 << 14 })
  return [storage, POLICIES[disk.seed % POLICIES.length]!]
}

/** Opens what is on the disk, and compares it with what was answered. */
async function openRun(run: Run, where: string): Promise<[Database, SimulatedHost]> {
  const { disk, swarm, random, history, keeping, rollups } = run
  const [storage, tier] = storageOf(run, await disk.open())
  const host = await simulatedHost(storage, disk.seed)
  keeping?.start(host, history, random)
  let db: Database | null = null
  try {
    db = await openDatabase(host, { ...optionsOf(swarm), ...tier })
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

/** Those that move files, or read cold ones. */
const TIER_CALLS = [/ object/, /^(put|delete) object/, /\.(cold|gone)/, /^get object/]

/** Orders a crash, or an error that passes after one to three calls. */
function order({ disk, random, objects }: Run): void {
  const below = (n: number): number => Math.floor(random() * n)
  const isUsual = random() < 0.6
  const usual = objects?.random.chance(0.6) === true ? TIER_CALLS : CALLS
  const calls = disk.patterns ?? (isUsual ? usual : RARE_CALLS)
  const pattern = calls[below(calls.length)]!
  const skip = below(pattern.source === '.' ? 200 : 24)
  if (random() < 0.5) disk.crashMatching(pattern, skip)
  else disk.failMatching(pattern, random() < 0.6 ? 'EIO' : 'ENOSPC', skip, 1 + below(3))
}

/** The line that runs a seed again. */
export function replayLine(seed: number, isTiered = false): string {
  return `npm run torture -- --seeds 1 --from ${seed}${isTiered ? ' --tier' : ''}`
}

/** Throws, with the line that replays it, when an answer was not kept, or one never comes. */
export function runSeed(
  seed: number,
  makeDisk: (seed: number) => CrashingDisk = (given) => new SimulatedDisk(given),
): Promise<void> {
  return runOn(makeDisk(seed), null)
}

/** The same while segment files move to an object store: another run than the seed without. */
export function runTieredSeed(seed: number): Promise<void> {
  const disk = new SimulatedDisk(seed)
  return runOn(disk, new SimulatedObjects(disk))
}

async function runOn(disk: CrashingDisk, objects: SimulatedObjects | null): Promise<void> {
  const { seed } = disk
  const replay = replayLine(seed, objects !== null)
  let dog: Watchdog | undefined
  const hang = new Promise<never>((_, reject) => {
    dog = watchdog(HANG_SECONDS, () => reject(new Error(`${replay}: it hangs`)))
  })
  // What reads memory after its end finds ids that there are, or none, or what was there.
  const poison = [0, 0xa5][seed % 3]
  const heal = poison === undefined ? null : poisonMemory(poison)
  try {
    await Promise.race([runLives(disk, objects, replay), hang])
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

async function runLives(
  disk: CrashingDisk,
  objects: SimulatedObjects | null,
  replay: string,
): Promise<void> {
  const { seed } = disk
  const random = seededRandom(seed)
  const swarm = swarmOf(random, seed)
  const keeping = swarm.hasRetention ? new Keeping(swarm) : null
  const history = new History(keeping?.expiry)
  const rollups = swarm.hasRollups ? new Rollups(swarm, seed, keeping) : null
  const run = { disk, swarm, random, history, keeping, rollups, objects }
  for (let round = 0; round < LIVES; round++) {
    const where = `${replay}, life ${round}`
    order(run)
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
  if (objects !== null) await checkObjects(run, where)
}

/** Every cold file has its object, and no object is left without its file. */
async function checkObjects(run: Run, where: string): Promise<void> {
  const [storage] = storageOf(run, await run.disk.open())
  const { cold } = storage
  assert(cold !== undefined)
  await cold.clean()
  assert.deepEqual(await cold.sweep(), [], `${where}: files without objects`)
  assert.equal(run.objects!.objects.size, cold.counts.files, `${where}: objects without files`)
  for (const name of storage.list().filter((one) => cold.has(one))) {
    await cold.read(name, 0, storage.size(name))
  }
  await storage.close()
}
