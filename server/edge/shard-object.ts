// One shard of a database as a Durable Object: the engine over the object's own SQLite, the REST API over
// that, and one alarm for all that has to happen while nobody asks. The engine is opened by the first
// event that needs it (open-shard.ts), not in the constructor: a start that fails is then an answer that
// says why, and the next request tries again, where a failing constructor would reset the object for ever.
// An object may end at any moment, between two events or within one: whatever was acknowledged is in its log.

import { DurableObject } from 'cloudflare:workers'
import { OmenError } from '../../engine/error.ts'
import type { ShardDesk } from '../../engine/shards/shard-desk.ts'
import {
  type ShardCall,
  type ShardPort,
  type ShardReply,
  type WrongEpoch,
  failureOf,
} from '../../engine/shards/shard-port.ts'
import { ServerMetrics } from '../metrics.ts'
import { problemResponse } from '../problem.ts'
import { CATALOG_NAME } from './catalog-stub.ts'
import type { EdgeEnv } from './environment.ts'
import type { OpenShard } from './open-shard.ts'
import { Revocations } from './revocations.ts'
import { isAt, loadPlace, savePlace } from './shard-place.ts'
import { type Assignment, type ShardNumbers, staleAnswer } from './shard-stub.ts'
import { readVerdict } from './verdict.ts'

/** Nearly all of the code, evaluated by the first event that needs it. */
const loadCode = () => import('./open-shard.ts')

/** How long after a failure the object wakes again. */
const RETRY_MS = 60_000

/** The answer to a caller whose map is of before: ask the catalog. */
const OUTDATED: WrongEpoch = { kind: 'wrongEpoch', epoch: Number.MAX_SAFE_INTEGER, map: null }

export class OmenShard extends DurableObject<EdgeEnv> {
  private place: Assignment | null
  private opening: Promise<OpenShard> | null = null
  private readonly counters = new ServerMetrics()
  private readonly revocations: Revocations
  /** Milliseconds since 1970; null: none is set. */
  private alarmAt: number | null = null
  /** Its alarm is at work, and sets the next one when all is done. */
  private isAlarmed = false

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
      const { app, desk, engine } = await this.open()
      // Of a database with several shards, coordinators answer requests.
      if (!desk.isSole) return staleAnswer()
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
    const { emptyBucket } = await loadCode()
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

  /** As ShardPort says. */
  facts(...given: Parameters<ShardPort['facts']>): ReturnType<ShardPort['facts']> {
    return this.calling(given[0], (desk) => desk.facts(...given))
  }

  /** As ShardPort says. */
  read(...given: Parameters<ShardPort['read']>): ReturnType<ShardPort['read']> {
    return this.calling(given[0], (desk) => desk.read(...given))
  }

  /** As ShardPort says. */
  list(...given: Parameters<ShardPort['list']>): ReturnType<ShardPort['list']> {
    return this.calling(given[0], (desk) => desk.list(...given))
  }

  /** As ShardPort says. */
  tableStats(...given: Parameters<ShardPort['tableStats']>): ReturnType<ShardPort['tableStats']> {
    return this.calling(given[0], (desk) => desk.tableStats(...given))
  }

  /** As ShardPort says. */
  follow(...given: Parameters<ShardPort['follow']>): ReturnType<ShardPort['follow']> {
    return this.calling(given[0], (desk) => desk.follow(...given))
  }

  /** As ShardPort says. */
  version(...given: Parameters<ShardPort['version']>): ReturnType<ShardPort['version']> {
    return this.calling(given[0], (desk) => desk.version(...given))
  }

  /** As ShardPort says. */
  archive(...given: Parameters<ShardPort['archive']>): ReturnType<ShardPort['archive']> {
    return this.calling(given[0], (desk) => desk.archive(...given))
  }

  /** As ShardPort says. */
  more(...given: Parameters<ShardPort['more']>): ReturnType<ShardPort['more']> {
    return this.calling(given[0], (desk) => desk.more(...given))
  }

  /** As ShardPort says. */
  end(...given: Parameters<ShardPort['end']>): ReturnType<ShardPort['end']> {
    return this.calling(given[0], (desk) => desk.end(...given))
  }

  /** As ShardPort says. */
  write(...given: Parameters<ShardPort['write']>): ReturnType<ShardPort['write']> {
    return this.changing(given[0], (desk) => desk.write(...given))
  }

  /** As ShardPort says. */
  declare(...given: Parameters<ShardPort['declare']>): ReturnType<ShardPort['declare']> {
    return this.changing(given[0], (desk) => desk.declare(...given))
  }

  /** As ShardPort says. */
  deleteRows(...given: Parameters<ShardPort['deleteRows']>): ReturnType<ShardPort['deleteRows']> {
    return this.calling(given[0], (desk) => desk.deleteRows(...given))
  }

  /** As ShardPort says. */
  table(...given: Parameters<ShardPort['table']>): ReturnType<ShardPort['table']> {
    return this.calling(given[0], (desk) => desk.table(...given))
  }

  /** As ShardPort says. */
  tables(...given: Parameters<ShardPort['tables']>): ReturnType<ShardPort['tables']> {
    return this.calling(given[0], (desk) => desk.tables(...given))
  }

  /** As ShardPort says. */
  flush(...given: Parameters<ShardPort['flush']>): ReturnType<ShardPort['flush']> {
    return this.calling(given[0], (desk) => desk.flush(...given))
  }

  /** As ShardPort says. */
  load(...given: Parameters<ShardPort['load']>): ReturnType<ShardPort['load']> {
    return this.calling(given[0], (desk) => desk.load(...given))
  }

  /** As ShardPort says. */
  fence(...given: Parameters<ShardPort['fence']>): ReturnType<ShardPort['fence']> {
    return this.calling(given[0], (desk) => desk.fence(...given))
  }

  /** As ShardPort says. */
  adopt(...given: Parameters<ShardPort['adopt']>): ReturnType<ShardPort['adopt']> {
    return this.calling(given[0], (desk) => desk.adopt(...given))
  }

  /** As ShardPort says. */
  remove(...given: Parameters<ShardPort['remove']>): ReturnType<ShardPort['remove']> {
    return this.calling(given[0], (desk) => desk.remove(...given))
  }

  /** As ShardPort says; the object takes its place with it. */
  async begin(...given: Parameters<ShardPort['begin']>): ReturnType<ShardPort['begin']> {
    const [{ database, epoch }] = given
    const shard = this.ctx.id.name ?? this.ctx.id.toString()
    if (this.place === null) await this.assign({ database, shard, epoch })
    return this.calling(given[0], (desk) => desk.begin(...given))
  }

  /** Does what is due, then sets the next alarm. It never fails: it tries again by itself. */
  async alarm(): Promise<void> {
    this.alarmAt = null
    if (this.place === null) return
    // The platform repeats an alarm whose object ends meanwhile.
    this.isAlarmed = true
    const failure = await this.settle().catch((error: unknown) => String(error))
    this.isAlarmed = false
    if (typeof failure === 'string') {
      console.error(`${this.name}: alarm: ${failure}`)
      this.wakeAt(Date.now() + RETRY_MS)
    }
    const opened = await this.opening?.catch(() => null)
    opened?.engine.wakeNext()
  }

  private async settle(): Promise<void> {
    const { settleShard } = await loadCode()
    const opened = await this.open()
    const { place } = this
    if (place === null) return
    const catalog = this.env.CATALOG.getByName(CATALOG_NAME)
    const { database, shard } = place
    const reason = await settleShard(opened, () => catalog.relieve(database, shard))
    if (reason !== null) console.warn(`${this.name}: it is hot and not split: ${reason}`)
  }

  /** Asks the desk, unless this object is none of the caller's database. */
  private async calling<T>(
    { database }: Pick<ShardCall, 'database'>,
    ask: (desk: ShardDesk) => Promise<ShardReply<T>>,
  ): Promise<ShardReply<T>> {
    // Erased: whoever calls has a map of before.
    if (this.place === null) return OUTDATED
    try {
      if (this.place.database !== database) {
        const message = `${this.name}: it is not one of database '${database}'`
        throw new OmenError('unavailable', message, { retryAfter: 1 })
      }
      const { engine, desk } = await this.open()
      return await engine.during(() => ask(desk))
    } catch (error) {
      return failureOf(error)
    }
  }

  /** Of the only shard of a database requests alone bring tables and points: nobody else knows its types. */
  private changing<T>(
    call: ShardCall,
    ask: (desk: ShardDesk) => Promise<ShardReply<T>>,
  ): Promise<ShardReply<T>> {
    return this.calling(call, async (desk) => (desk.isSole ? OUTDATED : ask(desk)))
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
    const { ctx, env } = this
    this.alarmAt = await ctx.storage.getAlarm()
    const { openShard, shardBucket } = await loadCode()
    const owner: Parameters<typeof openShard>[1] = {
      name: this.name,
      wakeAt: (time) => this.wakeAt(time),
      // What it holds is known again after a start.
      failed: (reason) => ctx.abort(reason),
      dropped: () => (this.opening = null),
      bucket: (timer) => shardBucket(env, ctx.id.toString(), timer),
    }
    const { revocations, counters } = this
    // An object has its place before anything is asked of it.
    const database = this.place?.database ?? 'default'
    const opened = await openShard(ctx.storage, owner, { env, database, revocations, counters })
    opened.engine.wakeNext()
    return opened
  }

  /** Sets the alarm, unless it is set for that time or an earlier one: each setting costs a row. */
  private wakeAt(time: number): void {
    if (this.isAlarmed || (this.alarmAt !== null && this.alarmAt <= time)) return
    this.alarmAt = time
    // If it fails, the object is reset.
    this.ctx.storage.setAlarm(time).catch(() => {})
  }
}
