// Where a shard takes the calls of coordinators and of the catalog: it holds each against its place,
// does it with its own engine, and answers in plain values. A split happens here: in the write queue's
// turn, when all before it is stored, the fence is set behind every time that the shard has, and made
// durable; what comes after is held against it in its own turn (StagedRows), so no point slips through.

import { TIME_MAX } from '../calendar.ts'
import { Database } from '../database.ts'
import type { DeleteOptions } from '../database-types.ts'
import { OmenError } from '../error.ts'
import type { Ack } from '../ingest/batch.ts'
import { StagedRows } from '../ingest/staged-batch.ts'
import { Staging } from '../ingest/staging.ts'
import { putTable } from '../lifecycle/tables.ts'
import { fileName } from '../log/file-name.ts'
import type { Shard } from '../shard.ts'
import { describeTables } from './declared.ts'
import type { ShardReadPort } from './read-port.ts'
import { readPortOf } from './read-replies.ts'
import type { ShardMap } from './shard-map.ts'
import { alignedWidth } from './fence-width.ts'
import type { Place, ShardPlace } from './shard-place.ts'
import {
  type DeclaredTable,
  type FenceRequest,
  type Fenced,
  type Removal,
  type ShardCall,
  type ShardLoad,
  type ShardReply,
  type ShardPort,
  type TableCount,
  type TableShare,
  failureOf,
} from './shard-port.ts'
import { ShardReads } from './shard-reads.ts'
import { stageShipment } from './shipment.ts'

/** A fence waits for the newest point: so far ahead of the clock it may be. */
export const AHEAD_NS_MAX = 7n * 86_400_000_000_000n
const NO_REFUSALS = { rejected: 0, errors: [] }

export class ShardDesk implements ShardPort {
  private readonly db: Database
  private readonly place: ShardPlace
  private points = 0
  /** Changes that came to this shard directly and are under way. */
  private readonly direct = new Set<Promise<unknown>>()
  private isFencing = false
  private readonly reading: ShardReadPort

  /** `place` is what the host of `db` has its fence of. */
  constructor(db: Database, place: ShardPlace) {
    this.db = db
    this.place = place
    this.reading = readPortOf(new ShardReads(db), (call) => this.refusal(call))
  }

  /** Whether requests may come to this shard without a coordinator. */
  get isSole(): boolean {
    return this.place.current === null && !this.isFencing
  }

  /**
   * Does what a call asks, unless its map is older than this shard's part of it; also if that changes
   * while it is done, and it fails. Never rejects.
   */
  async answer<T>(call: ShardCall, work: (shard: Shard) => Promise<T>): Promise<ShardReply<T>> {
    const refused = this.refusal(call)
    if (refused !== null) return refused
    try {
      return { kind: 'done', value: await work(Database.shardOf(this.db)) }
    } catch (error) {
      return this.refusal(call) ?? failureOf(error)
    }
  }

  write(call: ShardCall, shipment: Uint8Array, ack: Ack): Promise<ShardReply<number>> {
    return this.answer(call, async (shard) => {
      const written = await storeShipment(shard, call, shipment, ack)
      this.count(written)
      return written
    })
  }

  declare(call: ShardCall, tables: readonly DeclaredTable[]): Promise<ShardReply<null>> {
    return this.answer(call, async (shard) => {
      for (const { name, settings } of tables) {
        await putTable(shard, call.database, name, settings)
        shard.changes.noteTable(shard.catalog.table(call.database, name).id)
      }
      return null
    })
  }

  deleteRows(
    call: ShardCall,
    table: string,
    options: Omit<DeleteOptions, 'signal' | 'database'>,
  ): Promise<ShardReply<number>> {
    const { database } = call
    return this.answer(call, async ({ catalog }) => {
      if (!catalog.databases.get(database)?.tables.has(table)) return 0
      return (await this.db.deleteRows(table, { ...options, database })).deleted
    })
  }

  table(call: ShardCall, name: string): Promise<ShardReply<TableShare>> {
    return this.answer(call, async (shard) => {
      const description = await this.db.table(name, { database: call.database })
      return { description, series: hashSeries(shard, call.database, name) }
    })
  }

  tables(call: ShardCall): Promise<ShardReply<TableCount[]>> {
    const { database } = call
    return this.answer(call, async (shard) => {
      if (!shard.catalog.databases.has(database)) return []
      const summaries = await this.db.tables(database)
      return summaries.map(({ name, points }) => {
        return { name, points, series: hashSeries(shard, database, name) }
      })
    })
  }

  flush(call: ShardCall): Promise<ShardReply<null>> {
    return this.answer(call, async (shard) => {
      await shard.flush()
      return null
    })
  }

  load(call: ShardCall): Promise<ShardReply<ShardLoad>> {
    return this.answer(call, async () => this.currentLoad())
  }

  /** What `load` answers. */
  currentLoad(): ShardLoad {
    const { host, logBytes, parts } = Database.shardOf(this.db)
    const { cold } = host.storage
    const hot = parts.files().filter(({ number }) => !cold?.has(fileName('segment', number)))
    const bytes = hot.reduce((sum, { size }) => sum + size, logBytes)
    return { points: this.points, at: host.now(), bytes }
  }

  /** Points that came to this shard directly and are stored. */
  count(points: number): void {
    this.points += points
  }

  begin(
    { database, epoch }: ShardCall,
    map: ShardMap,
    tables: readonly DeclaredTable[],
  ): Promise<ShardReply<null>> {
    return this.change(async () => {
      const { current } = this.place
      if (current !== null && current.database !== database) {
        const message = `shard: it is one of database '${current.database}', not of '${database}'`
        throw new OmenError('conflict', message)
      }
      if ((current?.epoch ?? 0) < epoch) await this.save({ database, epoch, end: null, map })
      // Who followed the shard before is here soon.
      Database.shardOf(this.db).feed.keep()
      const declared = await this.declare({ database, epoch }, tables)
      if (declared.kind !== 'done') throw new OmenError('unavailable', `shard: ${declared.kind}`)
      return null
    })
  }

  fence(request: FenceRequest): Promise<ShardReply<Fenced>> {
    return this.change(async () => {
      const fence = await this.setFence(request)
      const { catalog } = Database.shardOf(this.db)
      return { fence, tables: describeTables(catalog, request.database) }
    })
  }

  adopt({ database, epoch }: ShardCall, map: ShardMap): Promise<ShardReply<null>> {
    return this.change(async () => {
      const { current } = this.place
      const isNews = current?.map === null || (current?.map?.epoch ?? 0) < map.epoch
      const end = current?.end ?? null
      const least = Math.max(epoch, current?.epoch ?? 0)
      if (isNews) await this.save({ database, epoch: least, end, map })
      return null
    })
  }

  remove({ database, epoch }: ShardCall, removal: Removal): Promise<ShardReply<null>> {
    return this.change(async () => {
      const shard = Database.shardOf(this.db)
      // From here on nobody brings back by an older map what is dropped next.
      await shard.queue.exclusive(() => this.raise(database, epoch))
      try {
        if (removal.kind === 'database') await this.db.dropDatabase(database)
        else if (removal.kind === 'table') await this.db.dropTable(removal.table, { database })
        else await this.db.dropColumn(removal.table, removal.column, { database })
      } catch (error) {
        const isGone = error instanceof OmenError && GONE.has(error.code)
        if (!isGone) throw error
      }
      return null
    })
  }

  facts(...given: Parameters<ShardReadPort['facts']>): ReturnType<ShardReadPort['facts']> {
    return this.reading.facts(...given)
  }

  read(...given: Parameters<ShardReadPort['read']>): ReturnType<ShardReadPort['read']> {
    return this.reading.read(...given)
  }

  archive(...given: Parameters<ShardReadPort['archive']>): ReturnType<ShardReadPort['archive']> {
    return this.reading.archive(...given)
  }

  more(...given: Parameters<ShardReadPort['more']>): ReturnType<ShardReadPort['more']> {
    return this.reading.more(...given)
  }

  end(...given: Parameters<ShardReadPort['end']>): ReturnType<ShardReadPort['end']> {
    return this.reading.end(...given)
  }

  list(...given: Parameters<ShardReadPort['list']>): ReturnType<ShardReadPort['list']> {
    return this.reading.list(...given)
  }

  tableStats(
    ...given: Parameters<ShardReadPort['tableStats']>
  ): ReturnType<ShardReadPort['tableStats']> {
    return this.reading.tableStats(...given)
  }

  async follow(...given: Parameters<ShardReadPort['follow']>): ReturnType<ShardReadPort['follow']> {
    const reply = await this.reading.follow(...given)
    return reply.kind === 'failed' ? (this.refusal(given[0]) ?? reply) : reply
  }

  version(...given: Parameters<ShardReadPort['version']>): ReturnType<ShardReadPort['version']> {
    return this.reading.version(...given)
  }

  /** A change of tables that comes to this shard directly. Throws `unavailable` if it no longer may. */
  changeDirectly<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isSole) {
      const message = 'shard: its database has several by now, which have to change together'
      throw new OmenError('unavailable', message, { retryAfter: 1 })
    }
    const done = work()
    const settled = done.catch(() => {}).finally(() => this.direct.delete(settled))
    this.direct.add(settled)
    return done
  }

  private refusal({ database, epoch }: ShardCall): ShardReply<never> | null {
    const { current } = this.place
    if (current === null) return null
    if (current.database !== database) {
      const message = `shard: it is one of database '${current.database}', not of '${database}'`
      return failureOf(new OmenError('not_found', message))
    }
    if (epoch >= current.epoch) return null
    return { kind: 'wrongEpoch', epoch: current.epoch, map: newer(current, epoch) }
  }

  private async change<T>(work: () => Promise<T>): Promise<ShardReply<T>> {
    try {
      return { kind: 'done', value: await work() }
    } catch (error) {
      return failureOf(error)
    }
  }

  /** Sets the fence of an epoch, unless that was done. */
  private async setFence(request: FenceRequest): Promise<bigint> {
    const { database, epoch } = request
    const known = this.place.current
    if (known !== null && known.epoch >= epoch) {
      if (known.end !== null) return known.end
      throw new OmenError('conflict', `shard: it is at epoch ${known.epoch} and has no fence`)
    }
    this.isFencing = true
    try {
      await Promise.all(this.direct)
      const shard = Database.shardOf(this.db)
      return await shard.queue.exclusive(async () => {
        const end = fenceOf(shard, request)
        await this.save({ database, epoch, end, map: known?.map ?? null })
        shard.feed.interrupt()
        return end
      })
    } finally {
      this.isFencing = false
    }
  }

  /** Callers that wait with an older map are told. */
  private async save(place: Place): Promise<void> {
    await this.place.save(place)
    Database.shardOf(this.db).feed.wake()
  }

  private async raise(database: string, epoch: number): Promise<void> {
    const { current } = this.place
    if ((current?.epoch ?? 0) >= epoch) return
    await this.save({ database, epoch, end: current?.end ?? null, map: current?.map ?? null })
  }
}

/** What a drop says of something that is not there (any more). */
const GONE: ReadonlySet<string> = new Set(['not_found', 'unknown_column'])

/** The map of a place, if it is newer than a caller's. */
function newer({ map }: Place, epoch: number): ShardMap | null {
  return map !== null && map.epoch > epoch ? map : null
}

/**
 * The first multiple of a width behind the clock and every time that the shard has, or may have; if it
 * can be, also a border of the buckets of its rollups.
 */
function fenceOf(shard: Shard, { widthNs, after }: FenceRequest): bigint {
  const now = shard.host.now()
  const newest = newestTime(shard)
  if (newest !== null && newest > now + AHEAD_NS_MAX) {
    const message = `shard: its newest point, at ${newest}, is more than 7 days ahead of the clock: points from there on could not move to new shards`
    throw new OmenError('conflict', message)
  }
  const last = [now, after, newest ?? now].reduce((a, b) => (a > b ? a : b))
  const width = alignedWidth(widthNs, [...shard.catalog.rollups.version.byId.values()])
  const fence = (last / width + 1n) * width
  if (fence > TIME_MAX) throw new OmenError('conflict', `shard: there is no fence behind ${last}`)
  return fence
}

/** No point is newer, as far as that is known without looking at points. */
function newestTime(shard: Shard): bigint | null {
  const held = shard.snapshot()
  try {
    const times = [
      ...shard.parts.parts().map(({ maxTime }) => maxTime),
      ...held.memtables.flatMap(({ snapshot }) =>
        snapshot.rowCount > 0 ? [snapshot.maxTime] : [],
      ),
    ]
    return times.length === 0 ? null : times.reduce((a, b) => (a > b ? a : b))
  } finally {
    held.release()
  }
}

/** Hashes of the tags of a table's series: equal on all shards for equal series. */
function hashSeries({ catalog, instance }: Shard, database: string, name: string): BigUint64Array {
  const table = catalog.databases.get(database)?.tables.get(name)
  if (table === undefined) return new BigUint64Array()
  const { kernel } = instance
  const ids = catalog.matchSeries(table.id, [])
  return BigUint64Array.from(ids, (id) => {
    const { offset, size } = catalog.series.keyRange(id)
    // Behind the id of the table, which each shard has given.
    return BigInt.asUintN(64, kernel.hashKey(offset + 4, size - 4))
  })
}

/** Stores the points of a shipment as a batch of this shard: how many. */
async function storeShipment(
  shard: Shard,
  { database, epoch }: ShardCall,
  bytes: Uint8Array,
  ack: Ack,
): Promise<number> {
  const { catalog, instance, host } = shard
  const place = shard.staging.open()
  place.hold(2 * bytes.length)
  const lease = catalog.lease()
  let staging: Staging | null = null
  try {
    await place.room()
    instance.check()
    staging = new Staging({
      ...{ kernel: instance.kernel, memory: instance.memory, catalogTables: catalog.pointer },
      databaseId: catalog.databases.get(database)?.id ?? null,
      ...{ arrival: host.now(), now: catalog.clock.now(), bytesMax: Infinity },
    })
    const staged = staging
    instance.guard(() => stageShipment(staged, bytes))
    const options = { database, lease, refused: NO_REFUSALS, rollup: null, epoch, host }
    const { written } = await shard.queue.submit(new StagedRows(staged, catalog, options), ack)
    return written
  } finally {
    staging?.release()
    place.close()
    lease.end()
  }
}
