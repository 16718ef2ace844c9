// Random calls on the OPFS adapter with an end in any of them: the worker is killed, the power is cut,
// a call fails or room runs out. What was promised is there in the next life, and of what was not each
// name leads to a file that it had, or to none. OMENDB_SEEDS=1-5000 runs more.

import { expect, test } from 'vitest'
import { OmenError } from '../../../engine/error.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { SimulatedOrigin } from '../../simulated-origin.ts'
import { SimulatedCrash } from '../../simulated-storage.ts'
import { runSeed } from '../../torture/crash-seed.ts'
import { readAll } from './storage.contract.ts'

const LIVES = 4
const STEPS = 60

interface File {
  bytes: number[]
  /** How many of them are promised. */
  synced: number
  /** How often it was cut. */
  cuts: number
}

/** What is known of the names: as they were when the directory was synced last, and all since. */
class Names {
  readonly now = new Map<string, File>()
  private synced: ReadonlyMap<string, File>
  private syncedCount = 0
  private readonly changes: [name: string, file: File | null][] = []

  constructor(found: ReadonlyMap<string, File> = new Map()) {
    this.synced = found
    for (const [name, file] of found) this.now.set(name, file)
  }

  set(name: string, file: File | null): void {
    this.changes.push([name, file])
    if (file === null) this.now.delete(name)
    else this.now.set(name, file)
  }

  /** Called before a sync begins; what it returns, when it has ended. */
  beginSync(): () => void {
    const names = new Map(this.now)
    const { length } = this.changes
    return () => {
      if (length < this.syncedCount) return
      this.synced = names
      this.syncedCount = length
    }
  }

  /** The file that is now under this name, or why it cannot be. */
  explain(name: string, found: Uint8Array | null): File | null | string {
    const later = this.changes.slice(this.syncedCount).filter(([changed]) => changed === name)
    for (const file of [this.synced.get(name) ?? null, ...later.map(([, file]) => file)]) {
      if (found === null) {
        if (file === null) return null
        continue
      }
      if (file === null) continue
      const isKept = file.bytes.slice(0, file.synced).every((byte, i) => byte === found[i])
      if (isKept && found.length >= file.synced) return file
    }
    return `${name}: ${found === null ? 'is gone' : `has ${found.length} bytes it never had`}`
  }

  get all(): Set<string> {
    return new Set([...this.synced.keys(), ...this.changes.map(([name]) => name)])
  }
}

/** Compares what is there with what was promised, and goes on with it. */
async function recover(storage: ShardStorage, names: Names, where: string): Promise<Names> {
  const next = new Map<string, File>()
  for (const name of new Set([...names.all, ...storage.list()])) {
    const found = storage.has(name) ? readAll(storage, name) : null
    const file = names.explain(name, found)
    if (typeof file === 'string') expect.fail(`${where}: ${file}`)
    if (file !== null) next.set(name, { ...file, bytes: [...found!] })
  }
  return new Names(next)
}

async function step(storage: ShardStorage, names: Names, random: Random): Promise<void> {
  const name = `segment-${random.int(12)}`
  const file = names.now.get(name)
  const kind = random.int(12)
  if (file === undefined) {
    storage.create(name)
    names.set(name, { bytes: [], synced: 0, cuts: 0 })
  } else if (kind < 4) {
    const bytes = Array.from({ length: random.int(1_500) }, () => random.int(256))
    file.bytes.push(...bytes)
    try {
      storage.append(name, [Uint8Array.from(bytes)])
    } catch (error) {
      file.bytes.length -= bytes.length
      throw error
    }
  } else if (kind < 7) {
    const { bytes, cuts } = file
    const { length } = bytes
    await storage.sync(name)
    // What was appended behind a cut meanwhile was not promised.
    if (file.cuts === cuts) file.synced = Math.max(file.synced, length)
  } else if (kind === 7) {
    const size = random.int(file.bytes.length + 1)
    file.synced = Math.min(file.synced, size)
    file.cuts++
    storage.truncate(name, size)
    file.bytes.length = size
  } else if (kind === 8) {
    storage.remove(name)
    names.set(name, null)
  } else if (kind === 9) {
    const target = `segment-${random.int(12)}`
    if (names.now.has(target)) return
    storage.rename(name, target)
    names.set(name, null)
    names.set(target, file)
  } else {
    const done = names.beginSync()
    await storage.syncDirectory()
    done()
  }
}

function order(origin: SimulatedOrigin, random: Random): void {
  const pattern = random.pick(origin.patterns)
  const skip = random.int(pattern.source === '.' ? 200 : 30)
  if (random.chance(0.5)) origin.crashMatching(pattern, skip)
  else origin.failMatching(pattern, random.pick(['EIO', 'ENOSPC']), skip, 1 + random.int(3))
  if (random.chance(0.2)) origin.capacity = 20_000 + random.int(60_000)
}

async function live(storage: ShardStorage, names: Names, random: Random): Promise<void> {
  for (let i = 0; i < STEPS; i++) {
    try {
      // Several at once now and then: calls of one turn, syncs side by side.
      const count = random.chance(0.2) ? 4 : 1
      const steps = Array.from({ length: count }, () => step(storage, names, random))
      const failed = (await Promise.allSettled(steps)).find(({ status }) => status === 'rejected')
      if (failed) throw (failed as PromiseRejectedResult).reason
    } catch (error) {
      // As any caller, it goes on with what still works.
      if (!(error instanceof OmenError)) throw error
    }
  }
}

test('no synced byte or name is lost, wherever it ends', { timeout: 120_000 }, async () => {
  for (const seed of seedsOf(400)) {
    const origin = new SimulatedOrigin(seed)
    const random = randomOf(seed + 1_000_000)
    let names = new Names()
    const where = (): string => `OMENDB_SEEDS=${seed}, ${origin.describe()}`
    for (let life = 0; life < LIVES; life++) {
      order(origin, random)
      try {
        const storage = await origin.open()
        names = await recover(storage, names, where())
        await live(storage, names, random)
        if (random.chance(0.5)) await storage.close()
      } catch (error) {
        const isOperating = error instanceof SimulatedCrash || error instanceof OmenError
        if (!isOperating) throw new Error(where(), { cause: error })
      }
      origin.capacity = Infinity
      if (random.chance(0.7)) origin.crash()
      else origin.kill()
    }
    await recover(await origin.open(), names, where())
  }
})

const ENGINE_SEEDS = Number(process.env['OMENDB_CRASH_SEEDS'] ?? 25)

test(
  'the engine on it loses nothing it acknowledged',
  { timeout: ENGINE_SEEDS * 6_000 },
  async () => {
    const first = Number(process.env['OMENDB_CRASH_SEED'] ?? 1)
    for (let seed = first; seed < first + ENGINE_SEEDS; seed++) {
      await runSeed(seed, (given) => new SimulatedOrigin(given))
    }
  },
)
