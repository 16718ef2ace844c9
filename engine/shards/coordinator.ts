// One database over several shards, stateless but for what it remembers: it has the members of `Database`
// that servers use, so the REST API over it is the same code. Writes are parsed here, by a kernel of its
// own, against the types that the catalog gives; what they bring is claimed there first, so that no
// refusal comes after a point was stored; then every shard gets its rows, and all of them have to answer.

import type { Backup } from '../backup/backup.ts'
import type { Database } from '../database.ts'
import type {
  BackupOptions,
  DatabaseOptions,
  DeleteOptions,
  DeleteResult,
  Export,
  ExportOptions,
  Health,
  ListOptions,
  QueryOptions,
  TableColumns,
  TableDescription,
  TableSummary,
} from '../database-types.ts'
import { compareText } from '../catalog/tags.ts'
import { OmenError } from '../error.ts'
import {
  type Ack,
  type Batch,
  type BatchOptions,
  type WriteResult,
  createBatch,
} from '../ingest/batch.ts'
import type { NewColumns, StagedBatch } from '../ingest/staged-batch.ts'
import { StagedRows } from '../ingest/staged-batch.ts'
import { StagingPool } from '../ingest/staging-pool.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Timer } from '../host.ts'
import { fieldTypeName } from '../field.ts'
import { parseDeletion } from '../lifecycle/deletion.ts'
import type { TableSettings } from '../lifecycle/settings.ts'
import { type LifecycleTarget, dropColumn, dropTable, putTable } from '../lifecycle/tables.ts'
import type { Answer, LatestRequest, QueryLimits, QueryRequest, ValueType } from '../query/query.ts'
import type { SeriesPage, ValuesPage } from '../catalog/listing.ts'
import type { TableStats } from '../catalog/table-stats.ts'
import { sumOfBytes } from '../segment/table-bytes.ts'
import { type SystemOptions, refuseReserved, visibleNames } from '../reserved.ts'
import type { TailOptions, TailRequest, TailStream } from '../tail/tail.ts'
import { Directory, type DirectoryOptions, isOutdated } from './directory.ts'
import { readShardsOf } from './read-shards.ts'
import type { DatabaseView } from './shard-catalog.ts'
import type { DeclaredTable, TableShare } from './shard-port.ts'
import { ShardedReads } from './sharded-reads.ts'
import { openShardedTail } from './sharded-tail.ts'
import { type Shipment, shipments } from './shipment.ts'

export interface CoordinatorOptions extends DirectoryOptions {
  readonly timer: Timer
  pause(): Promise<void>
  random(target: Uint8Array): void
  readonly limits?: Partial<QueryLimits>
  /** Bytes that uploads may hold together; 16 MiB unless given. */
  readonly stagingBytes?: number
}

const STAGING_BYTES = 16 << 20
/** Messages of one batch that are under way at once. */
const SENT_AT_ONCE_MAX = 16
const NO_LIMITS = {
  maxPoints: Infinity,
  maxBuckets: Infinity,
  timeoutMs: 2 ** 40,
  queryBytes: Infinity,
}
const READ_LIMITS: QueryLimits = {
  maxPoints: 200_000_000,
  maxBuckets: 1_000_000,
  timeoutMs: 30_000,
  queryBytes: 16 << 20,
}
const ROWS_MAX = 1_000_000

export class Coordinator {
  /** What it knows of its databases and their shards. */
  readonly directory: Directory
  /** Its reading side. */
  readonly reads: ShardedReads
  private readonly options: CoordinatorOptions
  private readonly staging: StagingPool

  constructor(options: CoordinatorOptions) {
    this.options = options
    this.directory = new Directory(options)
    this.staging = new StagingPool(options.stagingBytes ?? STAGING_BYTES, options.timer)
    const limits = { ...READ_LIMITS, ...options.limits }
    this.reads = new ShardedReads(options, readShardsOf(this.directory), limits)
  }

  query(request: QueryRequest, options?: QueryOptions): Promise<Answer> {
    return this.reads.query(request, options)
  }

  latest(request: LatestRequest, options?: QueryOptions): Promise<Answer> {
    return this.reads.latest(request, options)
  }

  export(request: QueryRequest, options?: ExportOptions): Promise<Export> {
    return this.reads.export(request, options)
  }

  series(table: string, options?: ListOptions): Promise<SeriesPage> {
    return this.reads.series(table, options)
  }

  tagKeys(table: string, options?: DatabaseOptions): Promise<string[]> {
    return this.reads.tagKeys(table, options)
  }

  tagValues(table: string, key: string, options?: ListOptions): Promise<ValuesPage> {
    return this.reads.tagValues(table, key, options)
  }

  tableStats(table: string, options?: QueryOptions): Promise<TableStats> {
    return this.reads.tableStats(table, options)
  }

  /** Versions of answers; they come later than those of `Database`. */
  get versions(): ShardedReads['versions'] {
    return this.reads.versions
  }

  /** What answers are printed with. */
  get kernel(): KernelInstance {
    return this.options.instance
  }

  /** Rows to be written together, as `Database.batch`. Await `directory.prepare` of the database before. */
  batch(options: BatchOptions & SystemOptions = {}): Batch {
    refuseReserved(options.database, options)
    const { directory, staging } = this
    const database = options.database ?? 'default'
    const version = directory.versionOf(database)
    const { instance, now, types } = directory
    const queue = { submit: (staged: StagedBatch, ack: Ack) => this.store(staged, ack) }
    const host = { instance, catalog: types.catalog, staging, host: { now }, queue }
    const batch = instance.guard(() => createBatch(host, options))
    return this.withRetry(batch, database, version)
  }

  async putTable(
    name: string,
    settings: TableSettings = {},
    { database = 'default' }: DatabaseOptions = {},
  ): Promise<TableDescription> {
    refuseReserved(database)
    const { directory } = this
    const view = await directory.refresh(database, true)
    await putTable(this.rehearsal, view.database, name, settings)
    const table = { name, settings: structuredClone(settings) }
    await directory.change(database, (catalog) => catalog.declare(database, table))
    return this.table(name, { database })
  }

  async dropTable(table: string, { database = 'default' }: DatabaseOptions = {}): Promise<void> {
    await this.directory.refresh(database, database === 'default')
    await dropTable(this.rehearsal, database, table)
    const removal = { kind: 'table', table } as const
    await this.directory.change(database, (catalog) => catalog.remove(database, removal))
  }

  async dropColumn(
    table: string,
    column: string,
    { database = 'default' }: DatabaseOptions = {},
  ): Promise<void> {
    await this.directory.refresh(database, database === 'default')
    await dropColumn(this.rehearsal, database, table, column)
    const removal = { kind: 'column', table, column } as const
    await this.directory.change(database, (catalog) => catalog.remove(database, removal))
  }

  async createDatabase(name: string): Promise<void> {
    refuseReserved(name)
    await this.directory.refresh(name, true)
  }

  async dropDatabase(name: string, options: SystemOptions = {}): Promise<void> {
    refuseReserved(name, options)
    try {
      await this.directory.change(name, (catalog) => catalog.remove(name, { kind: 'database' }))
    } catch (error) {
      const isGone = error instanceof OmenError && error.code === 'not_found'
      if (!isGone || name !== 'default') throw error
    }
  }

  /** As they were last heard (`directory.readNames`). */
  databases(options: SystemOptions = {}): string[] {
    return visibleNames(this.directory.databases, options).sort(compareText)
  }

  /** Points that were acknowledged before, on all shards; as `Database.deleteRows`, but not in one step. */
  async deleteRows(table: string, options: DeleteOptions = {}): Promise<DeleteResult> {
    const { database = 'default', dryRun = false, where } = options
    const { directory } = this
    await directory.fresh(database)
    const limit = { default: ROWS_MAX, max: ROWS_MAX }
    const context = { database, now: directory.now(), limits: NO_LIMITS, limit }
    // Says what is wrong with it, and what moves with the clock once for all shards.
    const { start, end } = parseDeletion(table, options, context)
    const asked = {
      start,
      end,
      precision: 'ns',
      dryRun,
      ...(where === undefined ? {} : { where }),
    } as const
    let deleted = 0
    await directory.run(database, ({ map }) => {
      // What shards have deleted before another one had a newer map, is deleted; it will not count twice.
      if (dryRun) deleted = 0
      const call = { database, epoch: map.epoch }
      return directory.onAll(map, async (port) => {
        const reply = await port.deleteRows(call, table, asked)
        if (reply.kind === 'done') deleted += reply.value
        return reply
      })
    })
    return { deleted, dryRun }
  }

  async table(
    name: string,
    { database = 'default' }: DatabaseOptions = {},
  ): Promise<TableDescription> {
    const { directory } = this
    const found = await directory.run(database, async ({ map }) => {
      const call = { database, epoch: map.epoch }
      const shares = await directory.onAll<TableShare | null>(map, async (port) => {
        const reply = await port.table(call, name)
        const isAbsent = reply.kind === 'failed' && reply.code === 'not_found'
        return isAbsent ? { kind: 'done', value: null } : reply
      })
      return shares.filter((share) => share !== null)
    })
    const declared = (await directory.fresh(database)).tables.find((table) => table.name === name)
    return mergeShares(name, found, declared)
  }

  /** As `Database.columns`; all shards are asked, as each may have had points of other fields. */
  async columns(name: string, options: DatabaseOptions = {}): Promise<TableColumns> {
    const { tags, fields, declaration } = await this.table(name, options)
    return { name, tags, fields, declaration }
  }

  async tables(database = 'default'): Promise<TableSummary[]> {
    const { directory } = this
    const view = await directory.fresh(database)
    const found = await directory.run(database, ({ map }) => {
      const call = { database, epoch: map.epoch }
      return directory.onAll(map, (port) => port.tables(call))
    })
    const merged = new Map<string, { points: number; series: Set<bigint> }>()
    for (const { name } of view.tables) merged.set(name, { points: 0, series: new Set() })
    for (const { name, points, series } of found.flat()) {
      const sum = merged.get(name) ?? { points: 0, series: new Set() }
      sum.points += points
      for (const hash of series) sum.series.add(hash)
      merged.set(name, sum)
    }
    return [...merged]
      .map(([name, { points, series }]) => ({ name, points, series: series.size }))
      .sort((a, b) => compareText(a.name, b.name))
  }

  /** Everything acknowledged so far is in segments of its shards when it resolves. */
  async flush(database = 'default'): Promise<void> {
    const { directory } = this
    await directory.run(database, ({ map }) => {
      return directory.onAll(map, (port) => port.flush({ database, epoch: map.epoch }))
    })
  }

  /** As `Database.tail`; who does not keep up gets a gap. */
  tail(request: TailRequest, options: TailOptions = {}): Promise<TailStream> {
    const { directory, reads } = this
    const host = {
      ...{ directory, timer: this.options.timer },
      ...reads.tailQueries(options),
    }
    return openShardedTail(host, request, options)
  }

  /** Throws `unsupported`. */
  /** Archives of all shards, which `Database.restore` takes; always full ones. */
  async backup({ since }: BackupOptions = {}, database = 'default'): Promise<Backup> {
    if (since !== undefined && since !== null) {
      const message = 'since: a backup of a database in several shards is always a full one'
      throw new OmenError('unsupported', message)
    }
    return this.reads.backup(database)
  }

  restore: Database['restore'] = async () => {
    const message =
      'restore: this database has several shards; drop it first, and restore into a new one'
    throw new OmenError('conflict', message)
  }

  pause(): Promise<void> {
    return this.options.pause()
  }

  health(): Health {
    const { failure } = this.options.instance
    if (failure !== null) return { status: 'fail', message: failure.message }
    return { status: 'pass', message: 'ready' }
  }

  /** Where a change of tables is tried first: it throws what is wrong with it, and nothing comes of it. */
  private get rehearsal(): LifecycleTarget {
    const { catalog } = this.directory.types
    const find = async (entries: () => Uint8Array): Promise<void> => void entries()
    return { catalog, logEntries: find, dropTables: find, rollups: { start() {} } }
  }

  /** The batch, whose refusals are looked at again if the types that it was parsed by are old. */
  private withRetry(batch: Batch, database: string, version: number): Batch {
    const { directory } = this
    const commit = async (ack?: Ack): Promise<WriteResult> => {
      try {
        return await batch.commit(ack)
      } catch (error) {
        if (!(error instanceof OmenError) || !BY_TYPES.has(error.code)) throw error
        if (version === 0 && directory.versionOf(database) === 0) throw error
        const view = await directory.refresh(database).catch(() => null)
        if (view === null || view.version === version) throw error
        const message = `database '${database}': its tables changed while this write was under way`
        throw new OmenError('unavailable', message, { retryAfter: 1, cause: error })
      }
    }
    return new Proxy(batch, {
      get(target, key) {
        if (key === 'commit') return commit
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  /** Stores staged rows on their shards; resolves when all have answered. */
  private async store(staged: StagedBatch, ack: Ack): Promise<WriteResult> {
    if (!(staged instanceof StagedRows)) throw new Error('coordinator: a batch of somebody else')
    const { directory } = this
    const { database } = staged
    await directory.run(
      database,
      async (view) => {
        const { map } = await this.claim(staged, view)
        await this.send(staged, { ...view, map }, ack)
      },
      { create: true, needsTypes: true },
    )
    return staged.result(ack)
  }

  /** Claims what the batch brings; throws what is refused. */
  private async claim(staged: StagedRows, view: DatabaseView): Promise<DatabaseView> {
    const { directory } = this
    const preview = (): NewColumns[] => directory.instance.guard(() => staged.preview())
    const brought = preview()
    if (brought.length === 0) return view
    const tables = brought.map(declaredOf)
    const claimed = await directory.change(view.database, (catalog) => {
      return catalog.claim(view.database, tables)
    })
    preview()
    return claimed!
  }

  private async send(staged: StagedRows, { database, map }: DatabaseView, ack: Ack): Promise<void> {
    const { directory } = this
    const call = { database, epoch: map.epoch }
    const { catalog } = directory.types
    const waiting = shipments(staged.staging, catalog, map)
    const take = (): Shipment | null => {
      const { done, value } = directory.instance.guard(() => waiting.next())
      return done === true ? null : value
    }
    const work = async (): Promise<void> => {
      for (let next = take(); next !== null; next = take()) {
        const { shard, bytes } = next
        await directory.onShards([shard], (port) => port.write(call, bytes, ack))
      }
    }
    try {
      // All come to their end: what is sent twice must not overtake itself.
      const workers = Array.from({ length: SENT_AT_ONCE_MAX }, work)
      const ended = await Promise.allSettled(workers)
      const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      if (failures.length > 0) throw failures.find(isOutdated) ?? failureOfWrite(failures[0])
    } finally {
      waiting.return(undefined)
    }
  }
}

/** Refusals that hang on the types of columns. */
const BY_TYPES: ReadonlySet<string> = new Set([
  'type_conflict',
  'line_protocol',
  'bad_request',
  'conflict',
  'expired',
  'limit_exceeded',
])

function declaredOf({ table, tags, fields }: NewColumns): DeclaredTable {
  const types = fields.map(({ name, type }) => [name, fieldTypeName(type)] as const)
  return { name: table, settings: { tags, fields: Object.fromEntries(types) } }
}

/**
 * Other shards may have stored their points by now, so what one refuses is no fault of whoever wrote: it
 * may be sent again. But a limit of that shard would be met again.
 */
function failureOfWrite(error: unknown): unknown {
  if (!(error instanceof OmenError) || !LATE.has(error.code)) return error
  const message = `shard: refused points that had passed all checks (${error.message})`
  return new OmenError('unavailable', message, { retryAfter: 1, cause: error })
}

/** What a shard says when the world has changed since its points were checked. */
const LATE: ReadonlySet<string> = new Set(['type_conflict', 'conflict', 'expired', 'corrupt'])

/** A table as all shards together have it. Throws `not_found` if none has, and nobody declared it. */
function mergeShares(
  name: string,
  shares: readonly TableShare[],
  declared: DeclaredTable | undefined,
): TableDescription {
  const all = shares.map(({ description }) => description)
  const newest = all.at(-1)
  if (newest === undefined && declared === undefined) {
    throw new OmenError('not_found', `table '${name}' does not exist`)
  }
  const tags = new Set([...all.flatMap((one) => one.tags), ...(declared?.settings.tags ?? [])])
  const fields = new Map(all.flatMap((one) => Object.entries(one.fields)))
  for (const [field, type] of Object.entries(declared?.settings.fields ?? {})) {
    fields.set(field, type as ValueType)
  }
  const times = (pick: (one: TableDescription) => bigint | null): bigint[] =>
    all.map(pick).filter((time) => time !== null)
  const firsts = times(({ firstTime }) => firstTime)
  const lasts = times(({ lastTime }) => lastTime)
  return {
    name,
    tags: [...tags].sort(compareText),
    fields: Object.fromEntries([...fields].sort(([a], [b]) => compareText(a, b))),
    retention: newest?.retention ?? declared?.settings.retention ?? null,
    rollups: newest?.rollups ?? [],
    declaration: declared?.settings.declaration ?? newest?.declaration ?? null,
    points: all.reduce((sum, { points }) => sum + points, 0),
    series: new Set(shares.flatMap(({ series }) => [...series])).size,
    firstTime: firsts.length === 0 ? null : firsts.reduce((a, b) => (a < b ? a : b)),
    lastTime: lasts.length === 0 ? null : lasts.reduce((a, b) => (a > b ? a : b)),
    ...sumOfBytes(all),
  }
}
