// One scripted run with every kind of work in it, once for each storage call that it makes: that call
// fails (or the machine stops in it). The run goes on as far as it can; then the disk is well again,
// what is live must be explained, the database must recover by itself, and so must a new start.
// OMENDB_SWEEP_STRIDE=1 fails every call, not each n-th (after SQLite's I/O error tests).

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { seededRandom } from '../kernel.ts'
import { type SimulatedHost, TINY_OPTIONS, simulatedHost } from '../simulated-host.ts'
import { SimulatedCrash, SimulatedDisk } from '../simulated-storage.ts'
import { deleteRange } from '../torture/deletion.ts'
import { type Erasure, dropColumn, dropDatabase, dropTable } from '../torture/erasure.ts'
import { WIDE, commit, randomWrite, readCells } from './crash-cells.ts'
import { History } from './crash-model.ts'

const STRIDE = Number(process.env['OMENDB_SWEEP_STRIDE'] ?? 29)

class Script {
  private readonly db: Database
  private readonly host: SimulatedHost
  private readonly history: History
  private readonly random = seededRandom(7)

  constructor(db: Database, host: SimulatedHost, history: History) {
    this.db = db
    this.host = host
    this.history = history
  }

  async run(): Promise<void> {
    await this.writes(3, 'fsync')
    await this.attempt(() => this.db.flush())
    await this.writes(2, 'memory')
    this.host.fireTimers()
    await this.writes(2, 'fsync')
    await this.erase(dropTable)
    await this.delete()
    await this.writes(2, 'fsync')
    await this.attempt(() => this.db.flush())
    await this.writes(2, 'fsync')
    await this.erase(dropColumn)
    await this.delete()
    await this.attempt(() => this.db.flush())
    await this.erase(dropDatabase)
    await this.writes(2, 'fsync')
    await this.attempt(() => this.db.flush())
    await this.attempt(() => this.db.compact())
    await this.delete()
    await this.attempt(() => this.db.compact())
    await this.writes(3, 'memory')
    await this.attempt(() => this.db.query({ table: 't0' }))
    await this.writes(1, 'fsync')
  }

  async write(ack: 'fsync' | 'memory', rows = 8): Promise<void> {
    const id = this.history.takeId()
    const change = randomWrite(id, rows, this.random)
    const operation = this.history.add(id, change.cells)
    await this.attempt(async () => {
      await commit(this.db, change, ack)
      operation.state = ack === 'memory' ? 'memory' : 'acked'
    })
  }

  /** Several at once. */
  private async writes(count: number, ack: 'fsync' | 'memory'): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.write(ack)))
  }

  private async erase(choose: (random: () => number) => Erasure): Promise<void> {
    const { covers, run } = choose(this.random)
    const operation = this.history.erase(covers)
    await this.attempt(async () => {
      await run(this.db)
      operation.state = 'acked'
    })
  }

  /** Beside a write. */
  private async delete(): Promise<void> {
    const { covers, run } = deleteRange(WIDE, this.random)
    const operation = this.history.delete(covers)
    const deletion = this.attempt(async () => {
      await run(this.db)
      this.history.answered(operation)
    })
    await Promise.all([deletion, this.write('fsync')])
  }

  /** An operating error is an answer; everything else is a fault of the engine. */
  private async attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action()
    } catch (error) {
      if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
    }
  }
}

async function rest(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

async function openAt(disk: SimulatedDisk): Promise<[Database, SimulatedHost]> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return [await openDatabase(host, TINY_OPTIONS), host]
}

/** After an error that has passed: what is live is explained, all is healthy, a write succeeds. */
async function expectRecovery(
  db: Database,
  host: SimulatedHost,
  history: History,
  where: string,
): Promise<void> {
  for (let i = 0; i < 3; i++) {
    host.fireTimers()
    await rest()
  }
  expect(history.check(await readCells(db)), where).toBeNull()
  expect(db.health(), where).toEqual({ status: 'pass', message: 'ready' })
  await new Script(db, host, history).write('fsync')
  expect(history.check(await readCells(db)), where).toBeNull()
}

/** Runs the script with a fault in one call; whether that call was made. */
async function runWith(call: number, fault: string): Promise<boolean> {
  const disk = new SimulatedDisk(call)
  const history = new History()
  if (fault === 'crash') disk.crashAt(call)
  else disk.failAt(call, fault)
  const where = `${fault} in call ${call}`
  try {
    const [db, host] = await openAt(disk)
    await new Script(db, host, history).run()
    if (!disk.hasStopped && disk.hasFired) await expectRecovery(db, host, history, where)
    if (call % 2 === 0) await db.close()
  } catch (error) {
    const isRefusedStart = history.takeId() === 1 && error instanceof OmenError
    if (!isRefusedStart && !disk.hasStopped) throw new Error(where, { cause: error })
  }
  await rest()
  const { hasFired } = disk
  history.crashed()
  if (call % 3 === 0) disk.kill()
  else disk.crash()
  const [again] = await openAt(disk).catch((error: unknown) => {
    throw new Error(`start after ${where}: ${disk.describe()}`, { cause: error })
  })
  expect(history.check(await readCells(again)), `start after ${where}`).toBeNull()
  await again.close()
  return hasFired
}

test.each(['EIO', 'ENOSPC', 'EMFILE', 'crash'])(
  `%s in each storage call loses nothing acknowledged, and passes`,
  { timeout: 600_000 },
  async (fault) => {
    let call = 1 + (fault.length % STRIDE)
    while (await runWith(call, fault)) call += STRIDE
    expect(call).toBeGreaterThan(100)
  },
)
