// One life of a database on the simulated disk, from its open to a crash or a close: writes by several
// writers at once, and everything else that a database does, in an order that the seed decides.
// Whenever it rests, what it shows is compared with what was answered.

import assert from 'node:assert/strict'
import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Ack } from '../../engine/ingest/batch.ts'
import {
  type CellValue,
  type Cells,
  DATABASES,
  TABLES,
  absent,
  addCells,
  commit,
  keyParts,
  randomWrite,
  readCells,
  tableNumber,
} from '../engine/crash-cells.ts'
import { type History, isRefusal } from '../engine/crash-model.ts'
import type { SimulatedHost } from '../simulated-host.ts'
import type { CrashingDisk } from '../crashing-disk.ts'
import { SimulatedCrash } from '../simulated-storage.ts'
import { type RangeDeletion, deleteRange, deleteWhere } from './deletion.ts'
import { type Erasure, dropColumn, dropDatabase, dropTable, isMissing } from './erasure.ts'
import {
  type BeginRead,
  type HeldAnswer,
  type HeldRead,
  beginBackup,
  beginExport,
} from './held-read.ts'
import type { Keeping } from './keeping.ts'
import type { RollupRooms, Rollups } from './rollups.ts'
import { listingFault } from './listing.ts'
import { askQuestions } from './questions.ts'
import type { Action, Swarm } from './swarm.ts'

/** How often timers are fired until all must be well. */
const ROUNDS_MAX = 40

export interface LifeRooms {
  readonly db: Database
  readonly host: SimulatedHost
  readonly disk: CrashingDisk
  readonly history: History
  /** Retention and the clock, if the run has them. */
  readonly keeping: Keeping | null
  /** If the run has any. */
  readonly rollups: Rollups | null
  readonly random: () => number
  readonly swarm: Swarm
  /** The line that replays it. */
  readonly where: string
}

interface Held {
  readonly read: HeldRead
  /** Whether a machine of this time shows a cell for certain, by the settings that are held. */
  readonly isSureAt: (key: number, time: bigint) => boolean
}

export class Life implements RollupRooms {
  readonly db: Database
  readonly where: string
  private readonly rooms: LifeRooms
  private running: Promise<unknown>[] = []
  private held: Held | null = null
  /** Whether a full disk may have refused something. */
  private wasFull = false
  private readonly actions: Record<Action, () => void | Promise<void>> = {
    write: () => this.write(),
    dropTable: () => this.erase(dropTable),
    dropColumn: () => this.erase(dropColumn),
    dropDatabase: () => this.erase(dropDatabase),
    deleteRange: () => this.remove(deleteRange(this.rooms.swarm.layout, this.rooms.random)),
    deleteWhere: () => this.deleteWhere(),
    flush: () => this.run(this.flush()),
    compact: () => this.run(this.rooms.db.compact()),
    timers: () => this.rooms.host.fireTimers(),
    beginExport: () => this.hold(beginExport),
    beginBackup: () => this.hold(beginBackup),
    finishHeld: () => this.finishHeld(),
    capacity: () => this.limit(),
    questions: () => this.ask(),
    listing: () => this.list(),
    settings: () => this.set(),
    clock: () => this.rooms.keeping?.move(this.rooms.random),
  }

  constructor(rooms: LifeRooms) {
    this.rooms = rooms
    this.db = rooms.db
    this.where = rooms.where
  }

  async live(): Promise<void> {
    const { disk, swarm, random } = this.rooms
    for (let step = 0; step < swarm.steps && !disk.hasStopped; step++) {
      await this.actions[swarm.pick()]()
      await this.rooms.rollups?.act(this)
      if (random() < swarm.restChance) await this.rest()
    }
    await this.compare()
    await this.finishHeld()
    if (!disk.hasStopped) await this.recover()
  }

  private write(): void {
    this.run(this.store(this.rooms.swarm.rowsMax, this.rooms.random() < 0.2 ? 'memory' : 'fsync'))
  }

  /** Writes a random batch and notes what became of it. */
  private async store(rowsUsual: number, ack: Ack): Promise<void> {
    const { db, history, keeping, random, swarm, where } = this.rooms
    const id = history.takeId()
    const rowsMax = random() < 0.9 ? rowsUsual : 150
    const first = keeping !== null && random() < 0.85 ? keeping.firstLive : 0
    const change = randomWrite(id, rowsMax, random, { ...swarm.layout, first })
    const points = Array.from(change.cells.keys(), keyParts)
    const isRefused = keeping?.edgesOf(points).isRefused
    const operation = history.add(id, change.cells)
    const committed = commit(db, change, ack)
    const isTaken = keeping?.edgesOf(points).isTaken
    try {
      await committed
      operation.state = ack === 'memory' ? 'memory' : 'acked'
    } catch (error) {
      if (isRefusal(error)) operation.state = 'refused'
      const isExpired = error instanceof OmenError && error.code === 'expired'
      // Rollups may close their buckets while it waits for its turn.
      const isLive = isTaken === true && (!swarm.hasRollups || keeping!.edgesOf(points).isTaken)
      assert(!isExpired || !isLive, `${where}: refused, though it has not expired`)
      throw error
    }
    assert(isRefused !== true, `${where}: operation ${id} was taken, though it had expired`)
  }

  private erase(choose: (random: () => number) => Erasure): void {
    const { db, history, keeping, random, rollups } = this.rooms
    const { covers, run, tables } = choose(random)
    const operation = history.erase(covers)
    const settings = tables.flatMap((table) => [
      ...(keeping === null ? [] : [keeping.expiry.change(table, null)]),
      ...(rollups === null ? [] : [rollups.change(table)]),
    ])
    const done = async (): Promise<void> => {
      const state = (await isDone(run(db))) ? 'acked' : 'refused'
      keeping?.end()
      for (const change of [operation, ...settings]) change.state = state
    }
    this.run(done())
  }

  /** Beside writes that are under way: those may come before or after it. */
  remove({ covers, run, range }: RangeDeletion): void {
    const { db, history, rollups } = this.rooms
    const operation = history.delete(covers)
    rollups?.noteDelete(operation, range)
    const done = async (): Promise<void> => {
      if (await isDone(run(db))) history.answered(operation)
      else operation.state = 'refused'
    }
    this.run(done())
  }

  /** By a condition on values, which is decided by the rows that are there: so nothing else happens. */
  private async deleteWhere(): Promise<void> {
    const found = await this.compare()
    if (found === null) return
    const { db, history, keeping, random, rollups, swarm, where } = this.rooms
    // A delete counts what is there and has expired, too.
    const isStill = keeping?.isWhole === false ? () => false : (keeping?.still() ?? (() => true))
    const deletion = deleteWhere(found, swarm, random)
    const operation = history.erase(deletion.covers)
    rollups?.noteCondition(operation, deletion.touches)
    try {
      const dry = await deletion.run(db, true)
      if (dry === null) {
        const isNothing = deletion.isNull || deletion.count === 0
        assert(isNothing || !isStill(), `${where}: nothing to ${deletion.text}`)
        operation.state = 'refused'
        return
      }
      if (isStill()) assert.equal(dry, deletion.count, `${where}: counted by ${deletion.text}`)
      const deleted = await deletion.run(db, false)
      if (isStill()) {
        assert.equal(deleted, deletion.count, `${where}: deleted by ${deletion.text}`)
      }
      operation.state = 'acked'
    } catch (error) {
      if (isRefusal(error)) operation.state = 'refused'
      else this.excuse(error)
    }
  }

  private set(): void {
    const { db, keeping, random } = this.rooms
    if (keeping !== null) this.run(keeping.put(db, random))
  }

  private limit(): void {
    const { disk, random } = this.rooms
    disk.capacity = random() < 0.5 ? disk.usedBytes + 2_000 : Infinity
    if (disk.capacity < Infinity) this.wasFull = true
  }

  private async flush(): Promise<void> {
    const { db, history } = this.rooms
    const before = history.add(history.takeId(), new Map())
    await db.flush()
    history.synced(before)
  }

  /** Counts a storage error as an answer; what the operation did stays unknown. */
  run(work: Promise<unknown>): void {
    this.running.push(
      work.catch((error: unknown) => {
        if (error instanceof SimulatedCrash || error instanceof OmenError) return
        throw new Error(`${this.rooms.where}: ${String(error)}`, { cause: error })
      }),
    )
  }

  /** Waits for all that is under way; then one table must be explained by what was answered. */
  private async rest(): Promise<void> {
    const { db, disk, random, swarm, history, keeping, where } = this.rooms
    await Promise.all(this.running.splice(0))
    if (disk.hasStopped) return
    const database = DATABASES[random() < 0.5 ? 0 : 1]!
    const table = TABLES[random() < 0.5 ? 0 : 1]!
    const number = tableNumber(database, table)
    const found = new Map<number, CellValue>()
    try {
      keeping?.begin()
      const answer = await db.query({ table }, { database }).catch(absent)
      keeping?.end()
      if (answer !== null) addCells(found, answer, number, swarm.layout)
    } catch (error) {
      return this.excuse(error)
    }
    assert.equal(
      history.check(found, (key) => keyParts(key).table === number),
      null,
      where,
    )
  }

  /** The same over everything; what it shows, or null if it could not be read. */
  async compare(): Promise<Cells | null> {
    const { db, disk, history, keeping, swarm, where } = this.rooms
    await Promise.all(this.running.splice(0))
    if (disk.hasStopped) return null
    try {
      keeping?.begin()
      const found = await readCells(db, swarm.layout)
      keeping?.end()
      assert.equal(history.check(found), null, where)
      this.rooms.rollups?.seen(found, history)
      return found
    } catch (error) {
      this.excuse(error)
      return null
    }
  }

  excuse(error: unknown): void {
    const { disk } = this.rooms
    const isOperating = error instanceof OmenError || error instanceof SimulatedCrash
    const code = error instanceof OmenError ? error.code : null
    if (code === 'storage_full' && disk.capacity < Infinity) return
    // Timers come at any time here, so also the one after which a memtable waits for no reader.
    if (code === 'cancelled') return
    if (!isOperating || !(disk.hasFired || disk.hasStopped)) throw error
  }

  /** Aggregates, buckets, conditions and latest points must be those of the rows that it shows. */
  private async ask(): Promise<void> {
    const found = await this.compare()
    if (found === null) return
    const { db, keeping, random, swarm, where } = this.rooms
    const isStill = keeping?.still() ?? (() => true)
    const asked = { ...swarm, reach: (table: number) => keeping?.reach(table) ?? 0 }
    const difference = await askQuestions(db, found, asked, random).catch((error: unknown) => {
      this.excuse(error)
      return null
    })
    if (isStill()) assert.equal(difference, null, where)
  }

  /** Once swept, exactly those series are listed that have rows; what failed may leave some empty. */
  private async list(): Promise<void> {
    const found = await this.compare()
    // Somebody who reads keeps series, and may keep a flush waiting.
    if (found === null || this.held !== null) return
    const { db, disk, keeping, swarm, where } = this.rooms
    // Series stay as long as rollups have rows of them.
    const isWhole = !swarm.hasBarePoints && !swarm.hasRollups && (keeping?.isWhole ?? true)
    const isStill = keeping?.still() ?? (() => true)
    try {
      await db.flush()
      await db.compact()
      const isCalm = !disk.hasFired && !this.wasFull
      const fault = await listingFault(db, found, swarm.layout, isWhole && isCalm)
      if (isStill()) assert.equal(fault, null, where)
    } catch (error) {
      this.excuse(error)
    }
  }

  /** Begins an export or a backup, which goes on while other things happen. */
  private async hold(begin: BeginRead): Promise<void> {
    if (this.held !== null) return
    const all = await this.compare()
    if (all === null) return
    const { db, history, host, keeping, swarm, random } = this.rooms
    const seed = Math.floor(random() * 2 ** 31)
    try {
      // What only memory has, while nothing can be flushed or logged, is in no backup.
      if (history.hasMemory && begin === beginBackup) await this.flush()
      const read = await begin(db, all, swarm, { seed, time: host.time })
      if (read === null) return
      this.held = { read, isSureAt: keeping?.sureByNow() ?? (() => true) }
    } catch (error) {
      this.excuse(error)
    }
  }

  private async finishHeld(): Promise<void> {
    const { held } = this
    this.held = null
    if (held === null) return
    let answer: HeldAnswer
    try {
      answer = await held.read.finish()
    } catch (error) {
      if (!(error instanceof OmenError && error.code === 'cancelled')) this.excuse(error)
      return
    }
    const { keeping, where } = this.rooms
    keeping?.end()
    const { found, elsewhere } = answer
    const isSure = (key: number): boolean => {
      if (keeping?.isSure(key) === false) return false
      return elsewhere === null || held.isSureAt(key, elsewhere)
    }
    const shown = (cells: Cells): Cells => new Map([...cells].filter(([key]) => isSure(key)))
    assert.deepEqual(shown(found), shown(held.read.expected), where)
  }

  /** When the trouble is over it goes on by itself: all healthy, and a write succeeds. */
  private async recover(): Promise<void> {
    const { db, disk, host, keeping, rollups, where } = this.rooms
    disk.capacity = Infinity
    const { isQuiet } = disk
    // A scrub that met a read error goes through all segments again before it takes that back.
    const faultOf = (): string | null => {
      const health = db.health()
      if (keeping !== null) return keeping.faultOf(health, rollups?.mayExpire === true)
      return health.status === 'pass' && health.message === 'ready' ? null : health.message
    }
    for (let i = 0; i < 3 || (i < ROUNDS_MAX && faultOf() !== null); i++) {
      host.fireTimers()
      await settled()
    }
    if (!isQuiet || disk.hasStopped) return
    assert.equal(faultOf(), null, where)
    await this.store(3, 'fsync').catch((error: unknown) => {
      if (!(error instanceof OmenError && error.code === 'expired')) throw error
    })
  }
}

/** False: what it names did not exist, or is needed. */
async function isDone(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (isMissing(error) || isRefusal(error)) return false
    throw error
  }
}

/** Lets storage work that a crash leaves half done come to its end. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
