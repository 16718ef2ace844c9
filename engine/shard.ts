// A shard: one engine instance, one writer, one log. It owns the kernel, the catalog, two memtables
// that take turns, the journal and the live parts, and moves rows from one to the next: logged,
// applied, flushed, compacted. What it decides is when; how is in the files it calls.

import type { StagedBatch } from './batch.ts'
import { Cache } from './cache.ts'
import { Catalog } from './catalog.ts'
import { crc32c, type Checksum } from './crc.ts'
import { chooseCompaction, compactParts } from './compaction.ts'
import { run } from './drive.ts'
import { OmenError } from './error.ts'
import { fileName } from './file-name.ts'
import { flushMemtable } from './flush.ts'
import type { Host } from './host.ts'
import { Journal } from './journal.ts'
import type { KernelInstance } from './kernel.ts'
import { RECORD_BATCH, encodeBatchHeader } from './log-record.ts'
import type { FileDescription } from './manifest.ts'
import { Memtable, type MemtableSnapshot } from './memtable.ts'
import type { PartDescription, PartReader } from './part.ts'
import { PartSet, type PartVersion } from './part-set.ts'
import { recoverInto } from './recovery.ts'
import { SegmentWriter } from './segment.ts'
import type { Execution } from './step.ts'
import { type LoggedBatch, WriteQueue, type WriteTarget } from './write-queue.ts'

export interface ShardOptions {
  /** Bytes of rows one memtable takes; there are two. */
  readonly memtableRowBytes: number
  /** Bytes of string values one memtable takes. */
  readonly memtableArenaBytes: number
  /** Bytes of blocks and directory pages kept in kernel memory. */
  readonly cacheBytes: number
  /** Bytes of log after which the memtable is flushed; a start replays at most twice as much. */
  readonly logBytes: number
  /** Age at which a memtable with rows is flushed. */
  readonly flushAgeMs: number
}

/** Rows that wait for their flush. */
interface Sealed {
  readonly memtable: Memtable
  readonly lastLsn: bigint
}

/** What a query reads: fixed at its start, held until released. */
export interface ShardSnapshot {
  readonly version: PartVersion
  /** Oldest first. */
  readonly memtables: readonly { memtable: Memtable; snapshot: MemtableSnapshot }[]
  release(): void
}

/** Counters since the start. */
export interface ShardCounters {
  flushes: number
  compactions: number
  compactionReadBytes: number
  compactionWrittenBytes: number
  syncSeconds: number
  syncs: number
}

/** How long a write waits for memtable room before it is refused as `busy`. */
const ROOM_TIMEOUT_MS = 5_000
/** Logs after which a start flushes: each crash leaves one more. */
const LOGS_MAX = 4

export class Shard implements WriteTarget {
  readonly host: Host
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly cache: Cache
  readonly parts: PartSet
  readonly queue: WriteQueue
  readonly counters: ShardCounters = {
    flushes: 0,
    compactions: 0,
    compactionReadBytes: 0,
    compactionWrittenBytes: 0,
    syncSeconds: 0,
    syncs: 0,
  }
  private readonly options: ShardOptions
  private journal!: Journal
  private active: Memtable
  private spare: Memtable | null
  private sealed: Sealed | null = null
  /** Entries whose record was refused by the log, to travel with the next one. */
  private carried: Uint8Array = new Uint8Array()
  private maintenance: Promise<void> | null = null
  private flushTimer: unknown = null
  private isClosed = false
  /** The last record that replay applied. */
  private replayedLsn = 0n
  /** Why the last flush or compaction failed; null once one succeeds. */
  private problem: unknown = null

  private constructor(host: Host, instance: KernelInstance, options: ShardOptions) {
    const { kernel, memory } = instance
    this.host = host
    this.instance = instance
    this.options = options
    this.catalog = new Catalog(kernel, memory)
    this.cache = new Cache(memory, options.cacheBytes)
    this.parts = new PartSet(instance, this.cache, (file) =>
      this.journal.discard(fileName('segment', file)),
    )
    this.active = this.createMemtable(0)
    this.spare = this.createMemtable(1)
    this.queue = new WriteQueue(this, (delayMs, action) => void host.timer.set(delayMs, action))
  }

  /** Recovers what the storage holds. Throws `corrupt` naming file and offset, never guesses. */
  static async open(host: Host, instance: KernelInstance, options: ShardOptions): Promise<Shard> {
    const shard = new Shard(host, instance, options)
    const target = recoverInto(shard.catalog, shard.parts, instance, {
      reserve: (rowBytes, arenaBytes) => shard.reserveForReplay(rowBytes, arenaBytes),
      apply: (rows, rowBytes, arena, arenaBytes, lsn) => {
        shard.active.apply(rows, rowBytes, arena, arenaBytes)
        shard.replayedLsn = lsn
      },
    })
    shard.journal = await Journal.open(host, kernelChecksum(instance), target)
    target.release()
    if (shard.journal.isReplayDurable) await shard.publish([], [], [], null)
    else await shard.rewriteReplayed()
    if (shard.journal.logCount > LOGS_MAX && shard.sealed === null) await shard.seal()
    if (shard.active.rowCount > 0) shard.armFlushTimer()
    shard.startMaintenance()
    return shard
  }

  get logBytes(): number {
    return this.journal.logBytes
  }

  get memtableBytes(): number {
    return this.active.byteSize + (this.sealed?.memtable.byteSize ?? 0)
  }

  /** Sentences about what was found at the start. */
  get notes(): readonly string[] {
    return this.journal.notes
  }

  /** What stops writes or maintenance now, or null. */
  get failure(): { isFatal: boolean; error: unknown } | null {
    if (this.journal.failure !== null) return { isFatal: true, error: this.journal.failure }
    return this.problem === null ? null : { isFatal: false, error: this.problem }
  }

  snapshot(): ShardSnapshot {
    const version = this.parts.acquire()
    const held = this.sealed === null ? [this.active] : [this.sealed.memtable, this.active]
    for (const memtable of held) memtable.acquire()
    return {
      version,
      memtables: held.map((memtable) => ({ memtable, snapshot: memtable.snapshot() })),
      release: () => {
        for (const memtable of held) memtable.release()
        this.parts.release(version)
      },
    }
  }

  /** Runs a query or a maintenance step by step; `check` throws to cancel it. */
  run<T>(execution: Execution<T>, check?: () => void): Promise<T> {
    return run(execution, {
      cache: this.cache,
      source: this.host.storage,
      pause: () => this.host.pause(),
      ...(check ? { check } : {}),
    })
  }

  // The write path: WriteTarget.

  reserve(rowBytes: number, arenaBytes: number): boolean {
    return this.active.reserve(rowBytes, arenaBytes)
  }

  unreserve(rowBytes: number, arenaBytes: number): void {
    this.active.unreserve(rowBytes, arenaBytes)
  }

  get isLogFull(): boolean {
    if (this.journal.mustRotate) return true
    return this.journal.openLogBytes > this.options.logBytes && this.active.rowCount > 0
  }

  log(staged: StagedBatch): LoggedBatch {
    const entries = joinBytes(this.carried, staged.finalize())
    this.carried = entries
    const { u8 } = this.instance.memory
    const { rows, rowBytes, arena, arenaBytes } = staged
    const header = encodeBatchHeader(entries.length, rowBytes, arenaBytes)
    const parts = [
      header,
      entries,
      u8.subarray(rows, rows + rowBytes),
      u8.subarray(arena, arena + arenaBytes),
    ]
    this.journal.append(RECORD_BATCH, parts, entries)
    this.carried = new Uint8Array()
    return { staged, entries }
  }

  async sync(): Promise<void> {
    const start = this.host.now()
    await this.journal.sync()
    this.counters.syncSeconds += Number(this.host.now() - start) / 1e9
    this.counters.syncs++
  }

  apply({ staged, entries }: LoggedBatch): void {
    const wasEmpty = this.active.rowCount === 0
    const { rows, rowBytes, arena, arenaBytes } = staged
    this.catalog.apply(entries)
    this.active.apply(rows, rowBytes, arena, arenaBytes)
    staged.release()
    if (wasEmpty) this.armFlushTimer()
  }

  async makeRoom(): Promise<void> {
    if (this.active.rowCount === 0) {
      if (this.journal.mustRotate) await this.rotate()
      return
    }
    if (this.spare === null) await this.waitForSpare()
    await this.seal()
    this.startMaintenance()
  }

  // Maintenance: flush, then compaction, one job at a time.

  /** Everything acknowledged so far is in segments when it resolves. */
  async flush(): Promise<void> {
    await this.queue.exclusive(() => this.makeRoom())
    while (this.maintenance !== null) await this.maintenance
    if (this.problem !== null) throw this.problem
  }

  /** Merges parts of every table and partition as far as they go. */
  async compact(): Promise<void> {
    while (this.maintenance !== null) await this.maintenance
    const all = { inputsMin: 2, tierFactor: Infinity }
    this.maintenance = this.compactWhile(
      () => chooseCompaction(this.parts.parts(), all)?.inputs,
    ).finally(() => {
      this.maintenance = null
    })
    await this.maintenance
  }

  /**
   * Forgets a table and its data; durable when it resolves. Queries that hold it go on. `find` is
   * called in the write queue's turn and may throw `not_found`.
   */
  async dropTable(find: () => { id: number; entries: Uint8Array }): Promise<void> {
    await this.queue.exclusive(async () => {
      if (this.journal.mustRotate) await this.makeRoom()
      const { id, entries } = find()
      const header = encodeBatchHeader(entries.length, 0, 0)
      this.journal.append(RECORD_BATCH, [header, entries], entries)
      await this.journal.sync()
      this.catalog.apply(entries)
      const gone = this.parts.readers(id).map((reader) => reader.description)
      await this.publish(gone, [], [], null)
    })
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    await this.queue.exclusive(() => this.makeRoom()).catch(() => {})
    this.isClosed = true
    if (this.flushTimer !== null) this.host.timer.clear(this.flushTimer)
    while (this.maintenance !== null) await this.maintenance
    await this.host.storage.close()
  }

  /** Seals the active memtable; what was logged is applied and durable. */
  private async seal(): Promise<void> {
    const next = this.spare
    if (next === null) throw new OmenError('busy', 'memtable: the one before is being flushed')
    const lastLsn = await this.rotate()
    this.sealed = { memtable: this.active, lastLsn }
    this.active = next
    this.spare = null
  }

  private rotate(): Promise<bigint> {
    return this.journal.exclusive(() => this.journal.rotate(this.parts.version))
  }

  private startMaintenance(): void {
    if (this.maintenance !== null || this.isClosed) return
    this.maintenance = this.maintain().finally(() => {
      this.maintenance = null
    })
  }

  private async maintain(): Promise<void> {
    try {
      while (this.sealed !== null) await this.flushSealed(this.sealed)
      await this.compactWhile(() => {
        if (this.isClosed || this.sealed !== null) return undefined
        return chooseCompaction(this.parts.parts())?.inputs
      })
      this.problem = null
      if (this.sealed !== null) await this.maintain()
    } catch (error) {
      this.problem = error
      if (!this.isClosed) this.armFlushTimer()
    }
  }

  private async flushSealed(sealed: Sealed): Promise<void> {
    const { memtable, lastLsn } = sealed
    const sequence = this.journal.takeSequence()
    const written = await this.writeSegment((writer) =>
      flushMemtable(this.instance, memtable, writer, sequence),
    )
    const parts = written.result.filter((part) => this.catalog.tableOf(part.table) !== undefined)
    await this.publish([], parts, written.files, lastLsn, () => {
      this.sealed = null
    })
    this.counters.flushes++
    await this.retire(memtable)
  }

  /** Flushes what was replayed in one step, because the logs that hold it cannot be relied on. */
  private async rewriteReplayed(): Promise<void> {
    const memtables = this.sealed === null ? [this.active] : [this.sealed.memtable, this.active]
    const parts: PartDescription[] = []
    const files: FileDescription[] = []
    for (const memtable of memtables) {
      const sequence = this.journal.takeSequence()
      const written = await this.writeSegment((writer) =>
        flushMemtable(this.instance, memtable, writer, sequence),
      )
      parts.push(...written.result)
      files.push(...written.files)
    }
    await this.publish([], parts, files, this.journal.lsn)
    for (const memtable of memtables) await this.run(memtable.reset())
    if (this.sealed !== null) this.spare = this.sealed.memtable
    this.sealed = null
  }

  private async compactWhile(choose: () => readonly PartDescription[] | undefined): Promise<void> {
    for (let inputs = choose(); inputs !== undefined; inputs = choose()) {
      await this.compactOnce(inputs)
    }
  }

  private async compactOnce(inputs: readonly PartDescription[]): Promise<void> {
    const version = this.parts.acquire()
    try {
      const wanted = new Set(inputs)
      const readers: readonly PartReader[] = this.parts
        .readers(inputs[0]!.table)
        .filter((reader) => wanted.has(reader.description))
      const written = await this.writeSegment((writer) =>
        compactParts(this.instance, this.cache, readers, writer),
      )
      const output = written.result === null ? [] : [written.result]
      // The table may have been dropped meanwhile.
      const isLive = this.catalog.tableOf(inputs[0]!.table) !== undefined
      await this.publish(inputs, isLive ? output : [], isLive ? written.files : [], null)
      this.counters.compactions++
      this.counters.compactionReadBytes += inputs.reduce((sum, part) => sum + part.size, 0)
      this.counters.compactionWrittenBytes += written.size
    } finally {
      this.parts.release(version)
    }
  }

  /** Writes a segment file and makes it durable; not yet part of any version. */
  private async writeSegment<T>(
    write: (writer: SegmentWriter) => Execution<T>,
  ): Promise<{ result: T; files: FileDescription[]; size: number }> {
    const { storage } = this.host
    const number = this.journal.takeFileNumber()
    const temporary = `${fileName('segment', number)}.tmp`
    storage.create(temporary)
    const writer = new SegmentWriter(this.instance, number, (bytes) =>
      storage.append(temporary, [bytes]),
    )
    try {
      const result = await this.run(write(writer))
      const { size, checksum } = writer
      await this.journal.publishSegment(number)
      return { result, files: [{ number, size, checksum }], size }
    } catch (error) {
      this.journal.discard(temporary)
      throw error
    } finally {
      writer.release()
    }
  }

  /** Makes a change of the live parts durable, then visible, in one step; then removes what is left over. */
  private async publish(
    removed: readonly PartDescription[],
    added: readonly PartDescription[],
    files: readonly FileDescription[],
    flushedLsn: bigint | null,
    visible: () => void = () => {},
  ): Promise<void> {
    await this.journal.exclusive(async () => {
      const next = this.parts.preview(removed, added, files)
      await this.journal.commit(next, flushedLsn)
      this.parts.replace(next)
      visible()
      for (const { number } of files) {
        if (!next.files.has(number)) this.journal.discard(fileName('segment', number))
      }
    })
    this.parts.collect()
  }

  /** Empties a flushed memtable once no query reads it. */
  private async retire(memtable: Memtable): Promise<void> {
    while (memtable.isHeld) await this.host.pause()
    await this.run(memtable.reset())
    this.spare = memtable
  }

  private async waitForSpare(): Promise<void> {
    this.startMaintenance()
    const deadline = this.host.now() + BigInt(ROOM_TIMEOUT_MS) * 1_000_000n
    while (this.spare === null) {
      if (this.problem !== null) throw this.problem
      if (this.host.now() > deadline) {
        throw new OmenError('busy', 'memtable: full, and the one before is still being flushed', {
          retryAfter: 1,
        })
      }
      await this.host.pause()
    }
  }

  private reserveForReplay(rowBytes: number, arenaBytes: number): void {
    if (this.active.reserve(rowBytes, arenaBytes)) return
    const next = this.spare
    if (next === null || !next.reserve(rowBytes, arenaBytes)) {
      throw new OmenError(
        'unavailable',
        `log: holds more rows than two memtables of ${this.options.memtableRowBytes} bytes take`,
      )
    }
    this.sealed = { memtable: this.active, lastLsn: this.replayedLsn }
    this.active = next
    this.spare = null
  }

  private armFlushTimer(): void {
    if (this.flushTimer !== null) this.host.timer.clear(this.flushTimer)
    this.flushTimer = this.host.timer.set(this.options.flushAgeMs, () => {
      // A failure is kept in `problem` and shown by health; the next write arms the timer again.
      if (!this.isClosed) void this.flush().catch(() => {})
    })
  }

  private createMemtable(which: 0 | 1): Memtable {
    return new Memtable(this.instance.kernel, this.instance.memory, {
      catalog: this.catalog,
      which,
      rowBytes: this.options.memtableRowBytes,
      arenaBytes: this.options.memtableArenaBytes,
    })
  }
}

/** CRC32C by the kernel for bytes that lie in its memory, by table for all others. */
function kernelChecksum({ kernel, memory }: KernelInstance): Checksum {
  return (bytes, seed) => {
    if (bytes.buffer !== memory.wasm.buffer) return crc32c(bytes, seed)
    return kernel.crc32c(bytes.byteOffset, bytes.length, seed) >>> 0
  }
}

function joinBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
