// Random writes by several writers at once, flushes, compactions, drops and exports on the simulated
// disk, with a crash at a random storage call, a failing call or a full disk; then recovery, and
// comparison with what was acknowledged. OMENDB_CRASH_SEEDS and OMENDB_CRASH_SEED make it large, or
// run one seed again.

import { expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { seededRandom } from '../kernel.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import { SimulatedCrash, SimulatedDisk } from '../simulated-storage.ts'
import {
  type Cells,
  DATABASES,
  History,
  TABLES,
  absent,
  commit,
  randomWrite,
  readCells,
} from './crash-model.ts'

const SEEDS = Number(process.env['OMENDB_CRASH_SEEDS'] ?? 50)
const FIRST = Number(process.env['OMENDB_CRASH_SEED'] ?? 1)

const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 15,
  cacheBytes: 1 << 20,
}
const STEPS = 16

/** One life of the database, from an open to a crash or a close. */
class Life {
  private readonly db: Database
  private readonly host: SimulatedHost
  private readonly disk: SimulatedDisk
  private readonly history: History
  private readonly random: () => number
  private readonly where: string
  private running: Promise<unknown>[] = []
  private exported: { expected: Cells; chunks: AsyncIterator<unknown>; rest: Cells } | null = null

  constructor(
    db: Database,
    host: SimulatedHost,
    disk: SimulatedDisk,
    history: History,
    random: () => number,
    where: string,
  ) {
    this.db = db
    this.host = host
    this.disk = disk
    this.history = history
    this.random = random
    this.where = where
  }

  async live(): Promise<void> {
    for (let step = 0; step < STEPS && !this.disk.hasStopped; step++) await this.step()
    await this.rest()
    await this.finishExport()
    if (!this.disk.hasStopped) await this.recover()
  }

  private async step(): Promise<void> {
    const choice = this.random()
    if (choice < 0.65) this.write()
    else if (choice < 0.7) this.drop()
    else if (choice < 0.78) this.run(this.flush())
    else if (choice < 0.83) this.run(this.db.compact())
    else if (choice < 0.88) this.host.fireTimers()
    else if (choice < 0.92) await this.beginExport()
    else if (choice < 0.95) await this.finishExport()
    else this.disk.capacity = this.random() < 0.5 ? this.disk.usedBytes + 2_000 : Infinity
    if (this.random() < 0.4) await this.rest()
  }

  private write(): void {
    const id = this.history.takeId()
    const change = randomWrite(id, this.random() < 0.9 ? 20 : 150, this.random)
    const ack = this.random() < 0.2 ? 'memory' : 'fsync'
    const operation = this.history.add(id, change.cells)
    const done = async (): Promise<void> => {
      await commit(this.db, change, ack)
      operation.state = ack === 'memory' ? 'memory' : 'acked'
    }
    this.run(done())
  }

  private drop(): void {
    const database = DATABASES[Math.floor(this.random() * 2)]!
    const operation = this.history.add(this.history.takeId(), null, `${database} t1 `)
    const done = async (): Promise<void> => {
      await this.db.dropTable('t1', { database }).catch(absent)
      operation.state = 'acked'
    }
    this.run(done())
  }

  private async flush(): Promise<void> {
    const before = this.history.add(this.history.takeId(), new Map())
    await this.db.flush()
    this.history.synced(before)
  }

  /** Counts a storage error as an answer; what the operation did stays unknown. */
  private run(work: Promise<unknown>): void {
    this.running.push(
      work.catch((error: unknown) => {
        if (error instanceof SimulatedCrash || error instanceof OmenError) return
        throw new Error(`${this.where}: ${String(error)}`, { cause: error })
      }),
    )
  }

  /** Waits for all that is under way; what is then visible must be explained by what was answered. */
  private async rest(): Promise<void> {
    await Promise.all(this.running.splice(0))
    if (this.disk.hasStopped) return
    const found = await readCells(this.db).catch((error: unknown) => this.excuse(error))
    if (found !== null) expect(this.history.check(found), this.where).toBeNull()
  }

  private excuse(error: unknown): null {
    if (this.disk.hasFired || this.disk.hasStopped) return null
    throw error
  }

  private async beginExport(): Promise<void> {
    await this.rest()
    if (this.exported !== null || this.disk.hasStopped) return
    const [database, table] = [DATABASES[0]!, TABLES[0]!]
    const all = await readCells(this.db).catch((error: unknown) => this.excuse(error))
    const answer = await this.db.export({ table }, { database }).catch(absent)
    if (answer === null || all === null) return
    const expected = new Map([...all].filter(([key]) => key.startsWith(`${database} ${table} `)))
    const rest = new Map<string, number | bigint | string>()
    const chunks = rowsOf(answer, rest, `${database} ${table}`)
    this.exported = { expected, chunks, rest }
    await chunks.next().catch((error: unknown) => this.excuse(error))
  }

  /** An export shows the rows of its start, whatever was written, flushed, merged and dropped since. */
  private async finishExport(): Promise<void> {
    const { exported } = this
    this.exported = null
    if (exported === null) return
    try {
      while ((await exported.chunks.next()).done !== true) continue
    } catch (error) {
      const isCancelled = error instanceof OmenError && error.code === 'cancelled'
      if (!isCancelled) this.excuse(error)
      return
    }
    expect(exported.rest, this.where).toEqual(exported.expected)
  }

  /** When the trouble is over it goes on by itself: all healthy, and a write succeeds. */
  private async recover(): Promise<void> {
    this.disk.capacity = Infinity
    const { isQuiet } = this.disk
    for (let i = 0; i < 3; i++) {
      this.host.fireTimers()
      await rest()
    }
    if (!isQuiet || this.disk.hasStopped) return
    expect(this.db.health(), this.where).toEqual({ status: 'pass', message: 'ready' })
    const id = this.history.takeId()
    const change = randomWrite(id, 3, this.random)
    const operation = this.history.add(id, change.cells)
    await commit(this.db, change)
    operation.state = 'acked'
  }
}

async function* rowsOf(
  { columns, chunks }: Awaited<ReturnType<Database['export']>>,
  target: Map<string, number | bigint | string>,
  prefix: string,
): AsyncGenerator<null> {
  for await (const { tags, time, fields } of chunks) {
    for (const [i, { values, valid }] of fields.entries()) {
      for (const [row, at] of time.entries()) {
        if (valid !== null && valid[row] === 0) continue
        const key = `${prefix} ${tags.get('host')} ${at} ${columns[i + 1]!.name}`
        target.set(key, values[row]!)
      }
    }
    yield null
  }
}

/** Lets storage work that a crash leaves half done come to its end. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
}

async function openAt(disk: SimulatedDisk): Promise<[Database, SimulatedHost]> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return [await openDatabase(host, SMALL), host]
}

/** Storage calls that are worth failing: most are writes of segments, and alike. */
const CALLS = [/^sync wal/, /^append.* wal/, /^(sync|remove|create) (manifest|directory|wal)/]
const RARE_CALLS = [/ catalog/, /^sync directory/, /^(rename|size)/, /^read/, /segment/, /./]

/** Orders a crash, or an error that passes after one to three calls. */
function order(disk: SimulatedDisk, random: () => number): void {
  const below = (n: number): number => Math.floor(random() * n)
  const calls = random() < 0.6 ? CALLS : RARE_CALLS
  const pattern = calls[below(calls.length)]!
  const skip = below(pattern.source === '.' ? 200 : 24)
  if (random() < 0.5) disk.crashMatching(pattern, skip)
  else disk.failMatching(pattern, random() < 0.6 ? 'EIO' : 'ENOSPC', skip, 1 + below(3))
}

async function runSeed(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const disk = new SimulatedDisk(seed)
  const history = new History()
  for (let round = 0; round < 4; round++) {
    const where = `OMENDB_CRASH_SEED=${seed} OMENDB_CRASH_SEEDS=1, round ${round}`
    order(disk, random)
    try {
      const [db, host] = await openAt(disk)
      const found = await readCells(db)
      expect(history.check(found), `${where}: ${disk.describe()}`).toBeNull()
      history.settle(found)
      await new Life(db, host, disk, history, random, where).live()
      if (!disk.hasStopped && random() < 0.5) await db.close()
    } catch (error) {
      if (!(error instanceof SimulatedCrash) && !(error instanceof OmenError)) throw error
      if (!disk.hasFired) throw new Error(`${where}: ${String(error)}`, { cause: error })
    }
    await rest()
    disk.capacity = Infinity
    history.crashed()
    if (random() < 0.7) disk.crash()
    else disk.kill()
  }
  const where = `OMENDB_CRASH_SEED=${seed} OMENDB_CRASH_SEEDS=1, at the end`
  const [db] = await openAt(disk).catch((error: unknown) => {
    throw new Error(`${where}: ${disk.describe()}`, { cause: error })
  })
  expect(history.check(await readCells(db)), where).toBeNull()
  await db.close()
}

test(
  `nothing acknowledged is lost, halved or resurrected in ${SEEDS} runs that crash anywhere`,
  { timeout: SEEDS * 3_000 },
  async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) await runSeed(seed)
  },
)
