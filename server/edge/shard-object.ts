// One shard of a database as a Durable Object: the engine over the object's own SQLite, the REST API over
// that, and one alarm for all that has to happen while nobody asks. The engine is opened by the first
// event that needs it, not in the constructor: a start that fails is then an answer that says why, and
// the next request tries again, where a failing constructor would reset the object for ever. An object
// may end at any moment, between two events or within one: whatever was acknowledged is in its log.

import { DurableObject } from 'cloudflare:workers'
import { Database, openDatabase } from '../../engine/database.ts'
import { nextExpiry } from '../../engine/lifecycle/expiry.ts'
import module from '../../engine/omendb.wasm'
import { openDurableObjectStorage } from '../../engine/storage/durable-object.ts'
import { createApp } from '../app.ts'
import { ServerMetrics } from '../metrics.ts'
import { problemResponse } from '../problem.ts'
import { CATALOG_NAME } from './catalog-stub.ts'
import { edgeOptions, type EdgeEnv, wallClock } from './environment.ts'
import { objectHost } from './object-host.ts'
import { ObjectTimers } from './object-timers.ts'
import { Revocations } from './revocations.ts'
import { SHARD_OPTIONS } from './shard-memory.ts'
import { isAt, loadPlace, savePlace } from './shard-place.ts'
import { type Assignment, type ShardNumbers, staleAnswer } from './shard-stub.ts'
import { readVerdict, verdictAccess } from './verdict.ts'

/** The engine while it is open. */
interface OpenShard {
  readonly db: Database
  readonly app: ReturnType<typeof createApp>
}

/** How long after a failure the object wakes again. */
const RETRY_MS = 60_000
/** What should have expired and has not (rollups wait for it) is looked at again after so long. */
const EXPIRY_MS_MIN = 600_000

export class OmenShard extends DurableObject<EdgeEnv> {
  private place: Assignment | null
  private opening: Promise<OpenShard> | null = null
  private readonly timers: ObjectTimers
  private readonly counters = new ServerMetrics()
  private readonly revocations: Revocations
  /** Milliseconds since 1970; null: none is set. */
  private alarmAt: number | null = null

  constructor(ctx: DurableObjectState, env: EdgeEnv) {
    super(ctx, env)
    this.place = loadPlace(ctx.storage.sql)
    const isKnown = (id: string) => env.CATALOG.getByName(CATALOG_NAME).knows(id)
    this.revocations = new Revocations(isKnown, Date.now)
    this.timers = new ObjectTimers(Date.now, (time) => this.wakeAt(time))
  }

  /** As ShardStub says. */
  async fetch(request: Request): Promise<Response> {
    try {
      if (!isAt(this.place, readVerdict(request.headers))) return staleAnswer()
      const { app } = await this.open()
      this.timers.runDue()
      return await app.fetch(request)
    } catch (error) {
      return problemResponse(error, crypto.randomUUID())
    }
  }

  /** As ShardStub says. */
  async assign(assignment: Assignment): Promise<void> {
    savePlace(this.ctx.storage.sql, assignment)
    await this.ctx.storage.sync()
    this.place = assignment
  }

  /** As ShardStub says. */
  async erase(): Promise<void> {
    this.place = null
    const { opening } = this
    this.opening = null
    const opened = await opening?.catch(() => null)
    await opened?.db.close().catch(() => {})
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
    await this.ctx.storage.sync()
    loadPlace(this.ctx.storage.sql)
  }

  /** As ShardStub says. */
  async metrics(): Promise<ShardNumbers> {
    const { db } = await this.open()
    return { engine: db.metrics(), counts: this.counters.counts }
  }

  /** Does what is due, then sets the next alarm. It never fails: it tries again by itself. */
  async alarm(): Promise<void> {
    this.alarmAt = null
    const wasAsleep = this.opening === null
    if (this.place === null) return
    try {
      const { db } = await this.open()
      // What an earlier instance of the object set it for is not known: rows wait in the log.
      if (wasAsleep) await db.flush()
      this.timers.runDue()
      await Database.shardOf(db).idle()
      this.wakeNext(db)
    } catch (error) {
      console.error(`${this.name}: alarm: ${String(error)}`)
      this.wakeAt(Date.now() + RETRY_MS)
    }
  }

  private get name(): string {
    return `shard ${this.place?.shard ?? this.ctx.id.toString()}`
  }

  /** The engine; opened once for all who ask, and again after a failure. */
  private open(): Promise<OpenShard> {
    this.opening ??= this.start().catch((error: unknown) => {
      this.opening = null
      throw error
    })
    return this.opening
  }

  private async start(): Promise<OpenShard> {
    const { ctx, timers } = this
    this.alarmAt = await ctx.storage.getAlarm()
    const storage = openDurableObjectStorage(ctx.storage, {
      location: this.name,
      // What it holds is known again after a start.
      failed: ({ message }) => ctx.abort(message),
    })
    try {
      const db = await openDatabase(objectHost(module, storage, timers), SHARD_OPTIONS)
      const app = createApp(db, {
        ...edgeOptions(this.env),
        access: verdictAccess(wallClock, (verdict) => this.revocations.check(verdict)),
        metrics: this.counters,
      })
      this.wakeNext(db)
      return { db, app }
    } catch (error) {
      await storage.close()
      throw error
    }
  }

  /** Sets the alarm for what is to come. */
  private wakeNext(db: Database): void {
    const { nextWake } = this.timers
    if (nextWake !== null) this.wakeAt(nextWake)
    const { catalog, parts } = Database.shardOf(db)
    const expiry = nextExpiry(catalog, parts)
    if (expiry === null) return
    this.wakeAt(Math.max(Number(expiry / 1_000_000n) + 1, Date.now() + EXPIRY_MS_MIN))
  }

  /** Sets the alarm, unless it is set for that time or an earlier one: each setting costs a row. */
  private wakeAt(time: number): void {
    if (this.alarmAt !== null && this.alarmAt <= time) return
    this.alarmAt = time
    // If it fails, the object is reset.
    this.ctx.storage.setAlarm(time).catch(() => {})
  }
}
