// The embedded API: what applications call directly and servers put on the network. One database
// object holds one shard (a data directory, a Durable Object, memory) with all its databases.
// Requests are the members of the REST API's bodies; answers are columns in typed arrays.

import type { Backup } from './backup/backup.ts'
import type { Damage } from './backup/damage.ts'
import { acceptLoss } from './backup/repair.ts'
import { type RestoreSummary, checkEmpty } from './backup/restore-database.ts'
import { RESTORE_LIMITS, restoreArchives, sweepParts } from './backup/restore-parts.ts'
import { Admission } from './query/admission.ts'
import { type Batch, type BatchOptions, createBatch } from './ingest/batch.ts'
import { type CatalogTable, seriesCountOf } from './catalog/catalog-table.ts'
import { columnsOf } from './catalog/table-columns.ts'
import { OmenError, messageOf } from './error.ts'
import { type CancelSignal, cancelCheck } from './query/cancel.ts'
import { executeExport, executeQuery } from './query/execute.ts'
import type { KernelInstance } from './kernel.ts'
import { MEMORY_BYTES, checkShares, shareMemory } from './memory-share.ts'
import { type EngineMetrics, metricsOf } from './metrics.ts'
import { nearestName } from './query/expression/name.ts'
import { healthOf } from './health.ts'
import { type Host, withStorage } from './host.ts'
import { type SeriesPage, type ValuesPage, pageSeries, pageValues } from './catalog/listing.ts'
import { listed, listedValues } from './query/listed.ts'
import type {
  Answer,
  LatestRequest,
  Query,
  QueryLimits,
  QueryRequest,
  QueryStats,
} from './query/query.ts'
import { type QueryContext, parseLatest, parseQuery } from './query/request.ts'
import type { Shard } from './shard.ts'
import type { ShardOptions } from './shard-options.ts'
import { type SystemOptions, refuseReserved, visibleNames } from './reserved.ts'
import { startShard } from './start.ts'
import { type Tail, type TailOptions, type TailRequest, openTail } from './tail/tail.ts'
import type { ShardStorage } from './storage/storage.ts'
import { giveTurns, takeTurns } from './turns.ts'
import { refuseRollup } from './rollup/refusals.ts'
import { Versions } from './query/version.ts'
import { describeRollups } from './rollup/describe.ts'
import { type TableStats, tableStats } from './catalog/table-stats.ts'
import { bytesOfParts } from './segment/table-bytes.ts'
import { compareText } from './catalog/tags.ts'
import { parseDeletion } from './lifecycle/deletion.ts'
import {
  createDatabase,
  dropColumn,
  dropDatabase,
  dropTable,
  putTable,
} from './lifecycle/tables.ts'
import type { TableSettings } from './lifecycle/settings.ts'
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
  RestoreOptions,
  TableColumns,
  TableDescription,
  TableSummary,
} from './database-types.ts'

export interface OpenOptions extends Partial<ShardOptions> {
  /** Bytes that the kernel's memory may grow to, 1 GiB unless given; the rooms take shares of it. */
  readonly memoryBytes?: number
  readonly limits?: Partial<QueryLimits>
  /** Queries that run at once, 64 unless given; four times as many wait, more are refused as `busy`. */
  readonly queriesMax?: number
  /** Opens what is damaged without the points that are lost, which a report in the directory names. */
  readonly acceptDataLoss?: boolean
}

const DEFAULT_OPTIONS = {
  flushAgeMs: 600_000,
  seriesMax: 1_000_000,
  trustClock: false,
  scrubBytesPerSecond: 4 << 20,
}
const DEFAULT_LIMITS = { maxPoints: 200_000_000, maxBuckets: 1_000_000, timeoutMs: 30_000 }
const PAGE = { default: 1_000_000, max: 1_000_000 }
const QUERIES_MAX = 64
const ALL = { default: Infinity, max: Infinity }
const TAIL_PAGE = { default: 2 ** 31, max: 2 ** 31 }

/** Opens a shard in the host's storage, or in another one. */
type StartShard = (storage?: ShardStorage) => Promise<Shard>

/** Opens the shard that the host's storage holds, recovering whatever a crash left. */
export async function openDatabase(host: Host, options: OpenOptions = {}): Promise<Database> {
  const { memoryBytes = MEMORY_BYTES, limits, queriesMax = QUERIES_MAX } = options
  const { acceptDataLoss = false, ...given } = options
  if (acceptDataLoss) await acceptLoss(host)
  const { queryBytes, ...shares } = shareMemory(memoryBytes)
  const shardOptions = { ...DEFAULT_OPTIONS, ...shares, ...given }
  const queryLimits = { ...DEFAULT_LIMITS, queryBytes, ...limits }
  checkShares(memoryBytes, { ...shardOptions, queryBytes: queryLimits.queryBytes })
  const fair: Host = { ...host, pause: takeTurns(() => host.pause()) }
  const start: StartShard = (storage = host.storage) =>
    startShard(withStorage(fair, storage), memoryBytes, shardOptions)
  sweepParts(host.storage)
  const admission = new Admission({ running: queriesMax, waiting: 4 * queriesMax })
  return new Database(await start(), start, queryLimits, admission)
}

export class Database {
  private current: Shard
  private readonly start: StartShard
  /** While another shard takes the place of the current one. */
  private restarting: Promise<void> | null = null
  /** Why there is another one to come. */
  private restartReason = ''
  /** Why it could not be started again after the kernel failed. */
  private failure: unknown = null
  private readonly limits: QueryLimits
  private readonly admission: Admission
  private readonly blocks = { skipped: 0, summary: 0, decoded: 0 }
  private readonly followed = giveTurns(() => this.current.host.pause())

  /** @internal The shard that answers now, for who serves it beyond this interface. */
  static readonly shardOf = (db: Database): Shard => db.shard

  /** Use `openDatabase`, or `open` of a runtime's entry. */
  constructor(shard: Shard, start: StartShard, limits: QueryLimits, admission: Admission) {
    this.current = shard
    this.start = start
    this.limits = limits
    this.admission = admission
  }

  /** Rows to be written together: staged by the batch's calls, stored by its `commit`. */
  batch(options: BatchOptions & SystemOptions = {}): Batch {
    refuseReserved(options.database, options)
    const { shard } = this
    return shard.instance.guard(() => createBatch(shard, options))
  }

  /** Raw ranges, aggregates and downsampling. Throws OmenError: see api.md for the codes. */
  async query(request: QueryRequest, options: QueryOptions = {}): Promise<Answer> {
    return this.answer(parseQuery(request, this.context(options, PAGE)), options.signal)
  }

  /** The newest point of each series, or of each `by` group, in the shape of a query. */
  async latest(request: LatestRequest, options: QueryOptions = {}): Promise<Answer> {
    return this.answer(parseLatest(request, this.context(options, PAGE)), options.signal)
  }

  /** The rows of a query without limit, in chunks. Errors of the request are thrown at once. */
  async export(request: QueryRequest, options: ExportOptions = {}): Promise<Export> {
    const query = parseQuery(request, this.context(options, ALL))
    const check = this.checkOf(query, options.signal)
    return executeExport(this.shard, query, this.admission, { ...options, check })
  }

  /** What is written to a table from now on, see Tail. */
  tail(request: TailRequest, options: TailOptions = {}): Promise<Tail> {
    const parse = (query: QueryRequest): Query =>
      parseQuery(query, this.context(options, TAIL_PAGE))
    const answer = (query: Query): Promise<Answer> => this.answer(query, options.signal)
    return openTail(this.shard, request, { parse, answer }, options)
  }

  /** What a shard of a larger database is read by (shards/shard-reads.ts). Not to be kept. */
  get rooms(): { readonly shard: Shard; readonly admission: Admission } {
    return { shard: this.shard, admission: this.admission }
  }

  /** What answers are printed with; after a failure it is another one, so it is not to be kept. */
  get kernel(): KernelInstance {
    return this.shard.instance
  }

  /** Texts that differ whenever an answer may: to be taken before the answer. */
  get versions(): Versions {
    return new Versions(this.shard, (options) => this.context(options, ALL))
  }

  /** Names in byte order; `default` exists always, the system's own is left out unless asked for. */
  databases(options: SystemOptions = {}): string[] {
    const names = new Set(['default', ...this.shard.catalog.databases.keys()])
    return visibleNames(names, options).sort(compareText)
  }

  /** Tables of a database by name, with exact counts. */
  async tables(database = 'default'): Promise<TableSummary[]> {
    const found = this.shard.catalog.databases.get(database)
    if (!found) {
      if (database === 'default') return []
      throw new OmenError('not_found', `database '${database}' does not exist`)
    }
    const summaries: TableSummary[] = []
    for (const name of [...found.tables.keys()].sort(compareText)) {
      const table = found.tables.get(name)
      if (!table) continue
      const points = await this.pointCount(database, name)
      summaries.push({ name, points, series: seriesCountOf(table) })
    }
    return summaries
  }

  /** What a table's points are made of; nothing is counted. */
  async columns(name: string, options: DatabaseOptions = {}): Promise<TableColumns> {
    const { catalog } = this.shard
    return columnsOf(catalog, catalog.table(options.database ?? 'default', name))
  }

  async table(name: string, options: DatabaseOptions = {}): Promise<TableDescription> {
    const { database = 'default' } = options
    const { catalog, parts } = this.shard
    const table = catalog.table(database, name)
    return {
      ...columnsOf(catalog, table),
      retention: table.retention?.text ?? null,
      rollups: describeRollups(catalog, table.id),
      points: await this.pointCount(database, name),
      series: seriesCountOf(table),
      firstTime: await this.edgeTime(database, table, 'asc'),
      lastTime: await this.edgeTime(database, table, 'desc'),
      ...bytesOfParts(parts.readers(table.id), this.shard.host.storage.cold),
    }
  }

  /** Series of a table in the order of `compareTags`. */
  async series(table: string, options: ListOptions = {}): Promise<SeriesPage> {
    return this.leased(async () => {
      const { groups } = await this.shard.run(
        listed(this.listQuery(table, options), this.shard.catalog),
      )
      return pageSeries(groups, options)
    })
  }

  async tagKeys(table: string, { database = 'default' }: DatabaseOptions = {}): Promise<string[]> {
    return this.shard.catalog.tagKeys(this.shard.catalog.table(database, table))
  }

  /** Distinct values of a tag in byte order. Throws `unknown_column` if no series has the tag. */
  async tagValues(table: string, key: string, options: ListOptions = {}): Promise<ValuesPage> {
    const { catalog } = this.shard
    const found = catalog.table(options.database ?? 'default', table)
    const keys = catalog.tagKeys(found)
    if (!keys.includes(key)) {
      const near = nearestName(key, keys)
      const advice = near === null ? '' : `; did you mean '${near}'?`
      throw new OmenError('unknown_column', `table '${table}' has no tag '${key}'${advice}`)
    }
    return this.leased(async () => {
      const query = this.listQuery(table, options)
      return pageValues(await this.shard.run(listedValues(query, catalog, key)), options)
    })
  }

  /** Segments, blocks, bytes and bits per value of each column and codec, over what is flushed. */
  async tableStats(table: string, options: QueryOptions = {}): Promise<TableStats> {
    const { shard } = this
    const found = shard.catalog.table(options.database ?? 'default', table)
    const snapshot = shard.snapshot()
    try {
      const steps = tableStats(shard, found, snapshot.version)
      return await shard.run(steps, cancelCheck(options.signal))
    } finally {
      snapshot.release()
    }
  }

  /** Makes a table or sets what `settings` name, and answers the table. Durable when it resolves. */
  async putTable(
    name: string,
    settings: TableSettings = {},
    options: DatabaseOptions = {},
  ): Promise<TableDescription> {
    refuseReserved(options.database)
    const { shard } = this
    await putTable(shard, options.database ?? 'default', name, settings)
    shard.changes.noteTable(shard.catalog.table(options.database ?? 'default', name).id)
    return this.table(name, options)
  }

  /**
   * Deletes the points that were acknowledged before, and counts them exactly. Later writes live,
   * also of the same series and times. Durable when it resolves; a failure or a crash before leaves
   * all of them or none. Throws as a query does, `limit_exceeded` for more than 1,000,000 series or
   * separate runs of points, `busy` while many deletes wait for their compaction.
   */
  async deleteRows(table: string, options: DeleteOptions = {}): Promise<DeleteResult> {
    const { dryRun = false, signal } = options
    const context = this.context(options, PAGE)
    const { catalog } = this.shard
    refuseRollup(catalog, catalog.table(options.database ?? 'default', table).id)
    const query = parseDeletion(table, options, context)
    const deleted = await this.shard.deletions.delete(query, dryRun, cancelCheck(signal))
    return { deleted, dryRun }
  }

  /** Rollups hold everything that is in segments when it resolves. Throws why one cannot. */
  async refresh(): Promise<void> {
    const { rollups } = this.shard
    rollups.start()
    await rollups.idle()
    if (rollups.error !== null) throw rollups.error
  }

  /** Drops a table with its points. Durable when it resolves. */
  async dropTable(name: string, { database = 'default' }: DatabaseOptions = {}): Promise<void> {
    await dropTable(this.shard, database, name)
  }

  /** Drops a field with its values, and frees its name. Durable when it resolves. */
  async dropColumn(
    table: string,
    column: string,
    { database = 'default' }: DatabaseOptions = {},
  ): Promise<void> {
    await dropColumn(this.shard, database, table, column)
  }

  /** Makes a database, if it is missing. Durable when it resolves. */
  async createDatabase(name: string): Promise<void> {
    refuseReserved(name)
    await createDatabase(this.shard, name)
  }

  /** Drops a database with its tables and their points. Durable when it resolves. */
  async dropDatabase(name: string, options: SystemOptions = {}): Promise<void> {
    refuseReserved(name, options)
    await dropDatabase(this.shard, name)
  }

  /** For long work beside the database: goes on in a later turn, that no query and no upload shares. */
  pause(): Promise<void> {
    return this.current.host.pause()
  }

  /** Everything acknowledged so far is in segments when it resolves. */
  flush(): Promise<void> {
    return this.shard.flush()
  }

  /** Merges the parts of every table and partition into as few as may be. */
  compact(): Promise<void> {
    return this.shard.compact()
  }

  /**
   * Everything acknowledged before the call, of all databases, as the bytes of a tar archive; writing
   * goes on. `since`, the id of an earlier backup, leaves out the segment files which that one has.
   * Throws `conflict` if that is of another data directory.
   */
  backup({ since = null }: BackupOptions = {}): Promise<Backup> {
    return this.shard.backup(since)
  }

  /**
   * Restores a full backup and its increments, one archive behind the other, oldest first. The
   * database has to be empty (`conflict`) and is `unavailable` meanwhile. When it throws it is empty as
   * before; a power cut leaves it empty or restored.
   */
  async restore(
    source: AsyncIterable<Uint8Array>,
    { database: name }: RestoreOptions = {},
  ): Promise<RestoreSummary> {
    const { shard } = this
    checkEmpty(shard.catalog)
    return this.replaceShard('a backup is restored', async () => {
      checkEmpty(shard.catalog) // as it is by now
      return restoreArchives(shard.host, source, name, async (storage) => {
        const start: StartShard = (other = storage) => this.start(other)
        return new Database(await start(), start, RESTORE_LIMITS, this.admission)
      })
    })
  }

  /** Reads all segment files now, as the scrub does in the background; all damage that it knows of. */
  scrub(): Promise<readonly Damage[]> {
    return this.shard.scrub.now()
  }

  /** Flushes and gives the storage back. Later calls fail. */
  close(): Promise<void> {
    if (this.restarting === null) return this.current.close()
    return this.restarting.then(() => this.current.close())
  }

  health(): Health {
    const ended = this.failure ?? this.current.instance.failure
    if (ended !== null) return { status: 'fail', message: messageOf(ended) }
    if (this.restarting !== null) return { status: 'fail', message: this.restartReason }
    return healthOf(this.current)
  }

  metrics(): EngineMetrics {
    return metricsOf(this.current, this.admission, this.blocks)
  }

  /**
   * The shard that answers. When its kernel has trapped, another one is recovered from the storage,
   * as after a crash; until then everything is `unavailable`.
   */
  private get shard(): Shard {
    if (this.failure !== null) throw this.failure
    if (this.restarting === null) {
      if (this.current.instance.failure === null) return this.current
      const reason = 'it starts again after a failure of its kernel'
      this.replaceShard(reason, async () => {}).catch(() => {})
    }
    throw new OmenError('unavailable', `database: ${this.restartReason}`, { retryAfter: 1 })
  }

  /** Ends the shard, does what has to be done without one, and starts another. */
  private replaceShard<T>(reason: string, work: () => Promise<T>): Promise<T> {
    this.restartReason = reason
    const done = this.current.halt().then(work)
    this.restarting = done.then(
      () => this.restart(),
      () => this.restart(),
    )
    return this.restarting.then(() => done)
  }

  private async restart(): Promise<void> {
    try {
      this.current = await this.start()
    } catch (error) {
      this.failure = error
    }
    this.restarting = null
  }

  private context(
    { database = 'default', keepsEmpty }: QueryOptions,
    limit: QueryContext['limit'],
  ): QueryContext {
    return { database, now: this.shard.host.now(), limits: this.limits, limit, keepsEmpty }
  }

  private async answer(query: Query, signal: CancelSignal | undefined): Promise<Answer> {
    const check = this.checkOf(query, signal)
    const execute = (): Promise<Answer> => executeQuery(this.shard, query, check)
    const answer = await this.followed(this.admission.run(execute, check, signal))
    this.count(answer.stats)
    return answer
  }

  private count(stats: QueryStats): void {
    this.blocks.skipped += stats.blocksSkipped
    this.blocks.summary += stats.blocksFromSummary
    this.blocks.decoded += stats.blocksDecoded
  }

  /** Throws when the caller has gone or the time is over; asked between steps. */
  private checkOf(query: Query, signal: CancelSignal | undefined): () => void {
    const { host } = this.shard
    const { timeoutMs } = query.limits
    const deadline = host.now() + BigInt(timeoutMs) * 1_000_000n
    const isCancelled = cancelCheck(signal)
    return () => {
      isCancelled()
      if (host.now() > deadline) {
        throw new OmenError('limit_exceeded', `query: took longer than timeoutMs = ${timeoutMs}`)
      }
    }
  }

  private async pointCount(database: string, table: string): Promise<number> {
    const answer = await this.query({ table, select: { points: 'count(*)' } }, { database })
    const counts = answer.series[0]?.fields[0]?.values
    return counts === undefined ? 0 : Number(counts[0])
  }

  /** Time of the first or last point of a table. */
  private async edgeTime(
    database: string,
    { name, columns }: CatalogTable,
    order: 'asc' | 'desc',
  ): Promise<bigint | null> {
    if (columns.size === 0) return null
    const answer = await this.query({ table: name, order, limit: 1 }, { database })
    return answer.series[0]?.time[0] ?? null
  }

  /** Series that are dropped meanwhile keep their tags. */
  private async leased<T>(read: () => Promise<T>): Promise<T> {
    const lease = this.shard.catalog.lease()
    return read().finally(() => lease.end())
  }

  /** What lists series of a table. */
  private listQuery(table: string, { database, where }: ListOptions): Query {
    const request = { table, ...(where === undefined ? {} : { where }) }
    return parseQuery(request, this.context({ database }, ALL))
  }
}
