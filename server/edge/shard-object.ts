// One shard of a database as a Durable Object: the engine over the object's own SQLite, the REST API over
// that, and one alarm for all that has to happen while nobody asks. The engine is opened by the first
// event that needs it, not in the constructor: a start that fails is then an answer that says why, and
// the next request tries again, where a failing constructor would reset the object for ever. An object
// may end at any moment, between two events or within one: whatever was acknowledged is in its log.

import { DurableObject } from 'cloudflare:workers'
import { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { ListAsk, ReadAsk, ShardReadPort, VersionAsk } from '../../engine/shards/read-port.ts'
import { readPortOf } from '../../engine/shards/read-replies.ts'
import { type ShardCall, type ShardReply, failureOf } from '../../engine/shards/shard-port.ts'
import { ShardReads } from '../../engine/shards/shard-reads.ts'
import { createApp } from '../app.ts'
import { ServerMetrics } from '../metrics.ts'
import { problemResponse } from '../problem.ts'
import { CATALOG_NAME } from './catalog-stub.ts'
import { edgeOptions, type EdgeEnv, wallClock } from './environment.ts'
import { type ObjectEngine, openEngine } from './object-engine.ts'
import { Revocations } from './revocations.ts'
import { isAt, loadPlace, savePlace } from './shard-place.ts'
import { type Assignment, type ShardNumbers, staleAnswer } from './shard-stub.ts'
import { emptyBucket, shardBucket } from './shard-tier.ts'
import { readVerdict, verdictAccess } from './verdict.ts'

/** The engine while it is open. */
interface OpenShard {
  readonly engine: ObjectEngine
  readonly port: ShardReadPort
  readonly app: ReturnType<typeof createApp>
}

/** How long after a failure the object wakes again. */
const RETRY_MS = 60_000

export class OmenShard extends DurableObject<EdgeEnv> {
  private place: Assignment | null
  private opening: Promise<OpenShard> | null = null
  private readonly counters = new ServerMetrics()
  private readonly revocations: Revocations
  /** Milliseconds since 1970; null: none is set. */
  private alarmAt: number | null = null

  constructor(ctx: DurableObjectState, env: EdgeEnv) {
    super(ctx, env)
    this.place = loadPlace(ctx.storage.sql)
    const isKnown = (id: string) => env.CATALOG.getByName(CATALOG_NAME).knows(id)
    this.revocations = new Revocations(isKnown, () => Date.now())
  }

  /** As ShardStub says. */
  async fetch(request: Request): Promise<Response> {
    try {
      if (!isAt(this.place, readVerdict(request.headers))) return staleAnswer()
      const { app, engine } = await this.open()
      // The app says when the answer has gone.
      engine.begin()
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
    await opened?.engine.close().catch(() => {})
    await emptyBucket(this.env, this.ctx.id.toString())
    await this.ctx.storage.deleteAlarm()
    this.alarmAt = null
    await this.ctx.storage.deleteAll()
    await this.ctx.storage.sync()
    loadPlace(this.ctx.storage.sql)
  }

  /** As ShardStub says. */
  async metrics(): Promise<ShardNumbers> {
    const { engine } = await this.open()
    return engine.during((db) => ({ engine: db.metrics(), counts: this.counters.counts }))
  }

  /** As ShardReadPort says. */
  facts(call: ShardCall, table: string): ReturnType<ShardReadPort['facts']> {
    return this.reading((port) => port.facts(call, table))
  }

  /** As ShardReadPort says. */
  read(call: ShardCall, ask: ReadAsk): ReturnType<ShardReadPort['read']> {
    return this.reading((port) => port.read(call, ask))
  }

  /** As ShardReadPort says. */
  more(call: ShardCall, id: string): ReturnType<ShardReadPort['more']> {
    return this.reading((port) => port.more(call, id))
  }

  /** As ShardReadPort says. */
  end(call: ShardCall, id: string): ReturnType<ShardReadPort['end']> {
    return this.reading((port) => port.end(call, id))
  }

  /** As ShardReadPort says. */
  list(call: ShardCall, ask: ListAsk): ReturnType<ShardReadPort['list']> {
    return this.reading((port) => port.list(call, ask))
  }

  /** As ShardReadPort says. */
  tableStats(call: ShardCall, table: string): ReturnType<ShardReadPort['tableStats']> {
    return this.reading((port) => port.tableStats(call, table))
  }

  /** As ShardReadPort says. */
  version(call: ShardCall, ask: VersionAsk): ReturnType<ShardReadPort['version']> {
    return this.reading((port) => port.version(call, ask))
  }

  /** Does what is due, then sets the next alarm. It never fails: it tries again by itself. */
  async alarm(): Promise<void> {
    this.alarmAt = null
    if (this.place === null) return
    try {
      const { engine } = await this.open()
      await engine.during(async (db) => {
        // For what it was set an instance before this one may have known; most often for a flush.
        await db.flush()
        await Database.shardOf(db).idle()
      })
      engine.wakeNext()
    } catch (error) {
      console.error(`${this.name}: alarm: ${String(error)}`)
      this.wakeAt(Date.now() + RETRY_MS)
    }
  }

  private async reading<T>(ask: (port: ShardReadPort) => Promise<T>): Promise<T> {
    const { engine, port } = await this.open()
    return engine.during(() => ask(port))
  }

  /** Why a coordinator's call is not answered. */
  private refusal({ database }: ShardCall): ShardReply<never> | null {
    if (this.place?.database === database) return null
    const message = `${this.name}: it is not one of database '${database}'`
    return failureOf(new OmenError('unavailable', message, { retryAfter: 1 }))
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
    const { ctx } = this
    this.alarmAt = await ctx.storage.getAlarm()
    const engine = await openEngine(ctx.storage, {
      name: this.name,
      wakeAt: (time) => this.wakeAt(time),
      // What it holds is known again after a start.
      failed: (reason) => ctx.abort(reason),
      dropped: () => (this.opening = null),
      bucket: (timer) => shardBucket(this.env, ctx.id.toString(), timer),
    })
    const app = createApp(engine.db, {
      ...edgeOptions(this.env),
      access: verdictAccess(wallClock, (verdict) => this.revocations.check(verdict)),
      metrics: this.counters,
      requestLog: () => engine.end(),
    })
    engine.wakeNext()
    const port = readPortOf(new ShardReads(engine.db), (call) => this.refusal(call))
    return { engine, app, port }
  }

  /** Sets the alarm, unless it is set for that time or an earlier one: each setting costs a row. */
  private wakeAt(time: number): void {
    if (this.alarmAt !== null && this.alarmAt <= time) return
    this.alarmAt = time
    // If it fails, the object is reset.
    this.ctx.storage.setAlarm(time).catch(() => {})
  }
}
