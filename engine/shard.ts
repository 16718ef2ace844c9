// A shard: one engine instance, one writer, one log. It owns the kernel, the catalog, two memtables
// that take turns, the journal and the live parts, and moves rows from one to the next: logged,
// applied, flushed, compacted. What it decides is when, and what follows a failure: nothing is lost,
// reads go on, and it is tried again until it works. How is in the files it calls.

import { type Backup, type BackupPart, startBackup } from './backup/backup.ts'
import { BatchLog, LOG_SLICE_BYTES } from './batch-log.ts'
import { Scrub } from './backup/scrub.ts'
import type { StagedBatch } from './ingest/batch.ts'
import { replayEntries } from './ingest/staging.ts'
import { type Feed, createFeed } from './tail/feed.ts'
import { Cache } from './segment/cache.ts'
import { encodeColumnsPurged } from './catalog/catalog-entry.ts'
import { Catalog } from './catalog/catalog.ts'
import { Changes } from './changes.ts'
import { isOutage } from './error.ts'
import { fileName } from './log/file-name.ts'
import type { Host, TimerHandle } from './host.ts'
import { type DeletionTarget, Deletions } from './lifecycle/deletion.ts'
import { type Deleted, logTombstones } from './lifecycle/hiding.ts'
import { encodeTombstonesDropped, spanOf } from './lifecycle/tombstone.ts'
import { SeriesSweep } from './lifecycle/series-sweep.ts'
import { Tiering } from './lifecycle/tiering.ts'
import { Journal } from './log/journal.ts'
import { type KernelInstance, kernelChecksum } from './kernel.ts'
import { TrustedClock } from './lifecycle/clock.ts'
import { Maintenance } from './maintenance.ts'
import { Memtables } from './memtables.ts'
import { PartSet } from './segment/part-set.ts'
import { RollupJobs } from './rollup/jobs.ts'
import { type ShardRooms, drive, publish } from './publisher.ts'
import { recoverInto, replaySink } from './recovery.ts'
import { StagingPool } from './ingest/staging-pool.ts'
import type { ShardOptions } from './shard-options.ts'
import { type ShardCounters, type ShardSnapshot, takeSnapshot } from './shard-view.ts'
import type { Execution } from './step.ts'
import { type LogInSteps, type LoggedBatch, WriteQueue, type WriteTarget } from './write-queue.ts'

/** What applying a few catalog entries takes of kernel memory besides their bytes. */
const SPARE_BYTES = 4_096
/** Logs after which a start flushes: each crash leaves one more. */
const LOGS_MAX = 4

export class Shard implements WriteTarget, DeletionTarget {
  readonly host: Host
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly cache: Cache
  readonly parts: PartSet
  readonly queue: WriteQueue
  readonly staging: StagingPool
  readonly deletions: Deletions
  readonly rollups: RollupJobs
  /** What became visible, of which times. */
  readonly changes: Changes
  readonly feed: Feed
  private readonly options: ShardOptions
  private readonly rooms: ShardRooms
  private readonly memtables: Memtables
  private readonly journal: Journal
  private readonly maintenance: Maintenance
  readonly scrub: Scrub
  private readonly sweep: SeriesSweep
  /** Null: all files stay in the host's storage. */
  private readonly tiering: Tiering | null
  private readonly syncs = { count: 0, seconds: 0 }
  private readonly batches: BatchLog
  private flushTimer: TimerHandle = null
  private closing: Promise<void> | null = null

  private constructor(rooms: ShardRooms, memtables: Memtables, options: ShardOptions) {
    this.host = rooms.host
    this.instance = rooms.instance
    this.catalog = rooms.catalog
    this.cache = rooms.cache
    this.parts = rooms.parts
    this.changes = new Changes((target) => rooms.host.random(target))
    this.journal = rooms.journal
    this.feed = createFeed(rooms, options)
    this.rooms = rooms
    this.memtables = memtables
    this.options = options
    // A log that takes no more is left or tried again soon, also when no other write comes.
    this.batches = new BatchLog(rooms, options.logSliceBytes ?? LOG_SLICE_BYTES, (error) => {
      if (this.journal.failure !== null) this.maintenance.retryLater(error)
    })
    this.staging = new StagingPool(options.stagingBytes, rooms.host.timer)
    this.queue = new WriteQueue(this, rooms.host.timer)
    this.scrub = new Scrub(rooms, options.scrubBytesPerSecond)
    this.deletions = new Deletions(this)
    this.rollups = new RollupJobs(this, () => this.rollupsEnded())
    this.sweep = new SeriesSweep(this, (table) => memtables.hides(table))
    this.tiering = Tiering.create(rooms, options)
    this.maintenance = new Maintenance(rooms, memtables, {
      mergeBytesMax: this.tiering?.mergeBytesMax,
      rested: () => this.tiering?.start(),
      repair: () => {
        this.queue.exclusive(() => this.leaveFailedLog()).catch(() => {})
        if (this.rollups.error !== null) this.rollups.start()
      },
      flushed: () => this.rollups.start(),
      emptied: (tables) => this.sweep.suspect(tables),
      forget: () => void this.forgetTombstones().catch(() => {}),
      // Else the next start looks for them again.
      purged: (columns) => void this.logEntries(() => encodeColumnsPurged(columns)).catch(() => {}),
    })
  }

  /**
   * Recovers what the storage holds. Throws `corrupt` naming file and offset, never guesses. When
   * the disk is full or fails writes, it opens for reading and goes on trying.
   */
  static async open(host: Host, instance: KernelInstance, options: ShardOptions): Promise<Shard> {
    const { kernel, memory } = instance
    const clock = new TrustedClock(host, options.trustClock)
    const catalog = new Catalog(kernel, memory, options.seriesMax, clock)
    const cache = new Cache(memory, options.cacheBytes)
    let journal!: Journal
    const parts = new PartSet(instance, cache, (file) => journal.discard(fileName('segment', file)))
    const memtables = new Memtables(instance, catalog, {
      rowBytes: options.memtableRowBytes,
      arenaBytes: options.memtableArenaBytes,
      timer: host.timer,
      run: (execution) => drive({ host, instance, cache }, execution),
      takeSequence: () => journal.takeSequence(),
    })
    const sink = replaySink(instance, memtables, options.memtableRowBytes)
    const target = recoverInto(catalog, parts, instance, sink)
    // Replayed rows may fill a memtable already, and the next one needs its sequence.
    const { catalogBytesMin } = options
    const journalOptions = { host, checksum: kernelChecksum(instance), clock, catalogBytesMin }
    await Journal.open(journalOptions, (opened) => {
      journal = opened
      return target
    })
    target.release()
    const rooms = { host, instance, catalog, cache, parts, journal, clock }
    const shard = new Shard(rooms, memtables, options)
    await shard.beginWriting()
    clock.start(() => {
      if (shard.keepsForever) return
      shard.maintenance.start()
      // What expires waits for them.
      shard.rollups.start()
    })
    return shard
  }

  get counters(): ShardCounters {
    const { count, seconds } = this.syncs
    return { ...this.maintenance.counters, syncs: count, syncSeconds: seconds }
  }

  get logBytes(): number {
    return this.journal.logBytes
  }

  get memtableBytes(): number {
    return this.memtables.byteSize
  }

  /** Sentences about what was found at the start. */
  get notes(): readonly string[] {
    return this.journal.notes
  }

  /** What an operator should look at although all goes on, or null. */
  get warning(): string | null {
    return this.keepsForever ? null : this.rooms.clock.warning
  }

  private get keepsForever(): boolean {
    return this.catalog.allTables().every(({ retention }) => retention === null)
  }

  /** What stops writes (`isFatal`) or maintenance now, or null. */
  get failure(): { isFatal: boolean; error: unknown } | null {
    const { failure } = this.journal
    if (failure !== null) return { isFatal: true, error: failure }
    const error =
      this.maintenance.error ??
      this.rollups.error ??
      this.scrub.error ??
      this.sweep.error ??
      this.tiering?.error ??
      null
    return error === null ? null : { isFatal: false, error }
  }

  snapshot(): ShardSnapshot {
    return takeSnapshot(this, this.memtables, () => {
      if (this.parts.isHot) void this.maintenance.relieve()
    })
  }

  /** Runs a query or a maintenance step by step; `check` throws to cancel it. */
  run<T>(execution: Execution<T>, check?: () => void): Promise<T> {
    return drive(this.rooms, execution, check)
  }

  // The write path: WriteTarget.

  canHold(rowBytes: number, arenaBytes: number): boolean {
    const { memtableRowBytes, memtableArenaBytes } = this.options
    return rowBytes <= memtableRowBytes && arenaBytes <= memtableArenaBytes
  }

  reserve(rowBytes: number, arenaBytes: number): boolean {
    return this.memtables.active.reserve(rowBytes, arenaBytes)
  }

  unreserve(rowBytes: number, arenaBytes: number): void {
    this.memtables.active.unreserve(rowBytes, arenaBytes)
  }

  get isLogFull(): boolean {
    if (this.journal.mustRotate) return true
    return this.journal.openLogBytes > this.options.logBytes && this.memtables.active.rowCount > 0
  }

  prepare(staged: StagedBatch): Promise<void> | null {
    const steps = this.batches.prepare(staged)
    return steps === null ? null : this.run(steps)
  }

  log(staged: StagedBatch): LoggedBatch | LogInSteps {
    const logged = this.instance.guard(() => this.batches.log(staged))
    return typeof logged === 'function' ? (done) => this.run(logged(done)) : logged
  }

  async sync(): Promise<void> {
    const start = this.host.now()
    try {
      await this.journal.sync()
    } catch {
      // What is pending goes to another log, from memory that can be trusted.
      this.instance.check()
      await this.rotate()
    }
    this.syncs.seconds += Number(this.host.now() - start) / 1e9
    this.syncs.count++
    this.feed.wake()
    // A mark that cannot be written ends the log: it is left soon, also when no other write comes.
    if (this.journal.failure !== null) this.maintenance.retryLater(this.journal.failure)
  }

  async apply({ staged, lsn }: LoggedBatch): Promise<void> {
    const { active } = this.memtables
    const wasEmpty = active.rowCount === 0
    const { rows, rowBytes, arena, arenaBytes } = staged
    await this.run(active.apply(rows, rowBytes, arena, arenaBytes))
    for (const table of staged.tables) this.changes.note(table, ...active.lastTimes)
    this.feed.take(lsn, staged, active.lastTimes)
    this.journal.retain(lsn)
    staged.release()
    if (wasEmpty) this.armFlushTimer()
  }

  abandon(logged: readonly LoggedBatch[]): void {
    this.batches.abandon(logged)
    for (const { staged } of logged) this.unreserve(staged.rowBytes, staged.arenaBytes)
  }

  async makeRoom(): Promise<void> {
    if (this.journal.mustRotate) await this.rotate()
    else await this.seal()
    this.maintenance.start()
  }

  // What comes between writes.

  /** Everything acknowledged so far is in segments when it resolves. */
  async flush(): Promise<void> {
    const { maintenance } = this
    await maintenance.flushed()
    await this.queue.exclusive(() => this.seal())
    await maintenance.flushed()
    if (maintenance.flushError !== null) throw maintenance.flushError
    // A host that sleeps would be woken for nothing.
    if (this.memtables.active.rowCount === 0) this.host.timer.clear(this.flushTimer)
  }

  /** Everything acknowledged so far as an archive, see startBackup. */
  backup(since: string | null, part: BackupPart | null = null): Promise<Backup> {
    return startBackup(
      {
        rooms: this.rooms,
        flush: () => this.flush(),
        exclusive: (action) =>
          this.queue.exclusive(async () => {
            // If it cannot: what the failed log has that is durable is in the backup all the same.
            await this.leaveFailedLog().catch(() => {})
            return action()
          }),
      },
      since,
      part,
    )
  }

  /** Merges parts of every table and partition as far as they go. */
  async compact(): Promise<void> {
    const { maintenance } = this
    const everything = { inputsMin: 2, tierFactor: Infinity, sweep: true }
    // Parts that a rollup does not hold yet are not merged.
    await this.rollups.idle()
    while (!maintenance.start(everything)) await maintenance.idle()
    await maintenance.idle()
    if (maintenance.error !== null) throw maintenance.error
    await this.forgetTombstones()
    await this.memtables.emptied()
    await this.sweep.now()
  }

  /**
   * Logs entries that drop tables, and lets their files go; durable when it resolves. Queries that
   * hold them go on. `find` is as for `logEntries`.
   */
  async dropTables(find: () => Uint8Array): Promise<void> {
    await this.logEntries(find)
    // It is gone for good; that its files go may take another try.
    await publish(this.rooms, {}).catch((error: unknown) => this.maintenance.retryLater(error))
  }

  /**
   * Logs catalog entries that come without rows, and applies them once they are durable. `find` is
   * called in the write queue's turn, when all before it is durable and applied or refused; it
   * gives the entries, none to change nothing, and may throw. For keys that they bring it reserves
   * room in the key tables. If this throws, nothing has changed.
   */
  async logEntries(
    find: () => Uint8Array | Promise<Uint8Array>,
    apply: (entries: Uint8Array) => void | Promise<void> = (entries) => this.enter(entries),
  ): Promise<void> {
    await this.queue.exclusive(async () => {
      while (this.journal.mustRotate) await this.rotate()
      const found = await find()
      if (found.length === 0) return
      while (this.journal.mustRotate) await this.rotate()
      const { memory } = this.instance
      // What is durable has to be applied: kept for that, whoever else needs memory meanwhile.
      const spare = memory.allocate(2 * found.length + SPARE_BYTES)
      try {
        await this.batches.logEntries(found, () => this.sync())
      } finally {
        memory.release(spare)
      }
      await apply(found)
    })
    // Tables may be gone.
    this.feed.wake()
    this.maintenance.start()
  }

  private enter(entries: Uint8Array): void {
    replayEntries(this.instance, this.catalog, entries)
    this.catalog.apply(entries)
  }

  /** As DeletionTarget says. */
  async hide(find: () => Promise<readonly Deleted[]>): Promise<void> {
    let hidden: readonly Deleted[] = []
    await logTombstones(this, this.memtables, async () => (hidden = await find()))
    for (const { table, ranges } of hidden) {
      this.changes.note(table, ...spanOf(ranges))
      this.feed.noteDelete(table)
    }
    this.rollups.start()
    // Deletes alone may fill a log; a failure is kept and tried again.
    if (this.journal.openLogBytes > this.options.logBytes) void this.flush().catch(() => {})
  }

  /** Drops tombstones that hide no row of any part; what is sealed becomes a part first. */
  private async forgetTombstones(): Promise<void> {
    const { catalog, parts, memtables } = this
    const spent = (): number[] => {
      if (memtables.sealed !== null) return []
      return catalog.tombstones.spent(parts.parts(), catalog.rollups.awaits)
    }
    const found = spent()
    if (found.length === 0) return
    this.sweep.suspect(catalog.tombstones.tablesOf(found))
    await this.logEntries(() => encodeTombstonesDropped(spent()))
  }

  /** Resolves when no flush, merge, rollup or move to the object store is under way. */
  async idle(): Promise<void> {
    await this.maintenance.idle()
    await this.rollups.idle()
    await this.maintenance.idle()
    await this.tiering?.idle()
  }

  /** Flushes if it can (all is in the log anyway), waits for what is under way, and ends. */
  async close(): Promise<void> {
    this.closing ??= this.end(() => this.flushLast())
    await this.closing
    await this.host.storage.close()
  }

  /** Ends without a flush and leaves the storage open, for another shard in place of this one. */
  halt(): Promise<void> {
    this.closing ??= this.end(async () => {})
    return this.closing
  }

  private async end(last: () => Promise<void>): Promise<void> {
    this.rooms.clock.stop()
    this.feed.end()
    this.maintenance.end()
    this.rollups.end()
    await this.queue.close(last).catch(() => {})
    await this.maintenance.idle()
    await this.scrub.end()
    await this.sweep.end()
    await this.tiering?.end()
    await this.rollups.idle()
    if (this.flushTimer !== null) this.host.timer.clear(this.flushTimer)
    await this.journal.exclusive(async () => {})
  }

  private async flushLast(): Promise<void> {
    const { maintenance, memtables } = this
    memtables.revoke()
    maintenance.start()
    await maintenance.idle()
    await this.seal()
    maintenance.start()
  }

  /** Seals the active memtable if it has rows; what was logged is applied. */
  private async seal(): Promise<void> {
    const { memtables } = this
    await this.leaveFailedLog()
    if (memtables.active.rowCount === 0) return this.shortenLog()
    if (!memtables.canSeal) await this.maintenance.makeSpare()
    memtables.seal(await this.rotate())
  }

  /** Leaves a long log of records without rows, when no memtable has rows either. */
  private async shortenLog(): Promise<void> {
    const isLong = this.journal.openLogBytes > this.options.logBytes
    if (isLong && this.memtables.sealed === null)
      await publish(this.rooms, { flushedLsn: await this.rotate() })
  }

  /** Leaves a log that failed; asks one that found no space whether there is some now. */
  private async leaveFailedLog(): Promise<void> {
    const { journal } = this
    if (journal.mustRotate) await this.rotate()
    else journal.probe()
    if (journal.failure !== null) this.maintenance.retryLater(journal.failure)
  }

  /** Begins a new log; while that fails, reads go on. */
  private async rotate(): Promise<bigint> {
    try {
      const lsn = await this.journal.exclusive(() => this.journal.rotate(this.parts.version))
      this.maintenance.succeeded()
      return lsn
    } catch (error) {
      this.maintenance.retryLater(error)
      throw error
    }
  }

  /** Names a log for new records; without one, all can be read and it goes on trying. */
  private async beginWriting(): Promise<void> {
    const { journal, memtables, maintenance } = this
    if (!journal.isReplayDurable) await maintenance.rewrite(journal.lsn)
    try {
      if (journal.mustRotate) await publish(this.rooms, {})
      if (journal.logCount > LOGS_MAX && memtables.sealed === null) {
        memtables.seal(await this.rotate())
      }
    } catch (error) {
      if (!isOutage(error)) throw error
      maintenance.retryLater(error)
    }
    if (memtables.active.rowCount > 0) this.armFlushTimer()
    this.sweep.suspect(this.catalog.allTables().map(({ id }) => id))
    maintenance.start()
    this.rollups.start()
  }

  /** What waited for the rollups may be merged now. */
  private rollupsEnded(): void {
    if (this.rollups.error === null) this.maintenance.start()
    else this.maintenance.retryLater(this.rollups.error)
  }

  private armFlushTimer(): void {
    if (this.flushTimer !== null) this.host.timer.clear(this.flushTimer)
    this.flushTimer = this.host.timer.set(this.options.flushAgeMs, () => {
      // A failure is kept, shown by health and tried again.
      void this.flush().catch(() => {})
    })
  }
}
