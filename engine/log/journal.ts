// What makes a shard durable: its log files, catalog file and manifest, and the order in which they
// are written (docs/durability.md). The shard decides when; this file keeps the order right:
// a log is named before it is used, outputs are synced before a manifest names them, and what a
// manifest no longer names is removed last. A log that fails is left: what of it is not durable is
// still in memory and goes to the next one.

import type { Checksum } from '../crc.ts'
import { inspectDirectory } from './directory.ts'
import { OmenError, assert } from '../error.ts'
import { FILE_HEADER_SIZE } from './file-header.ts'
import { fileName } from './file-name.ts'
import type { Host } from '../host.ts'
import { type ClosedLog, recoverLogs } from './log-recovery.ts'
import {
  type FileDescription,
  type Manifest,
  type ManifestContent,
  ManifestWriter,
  loadManifest,
} from './manifest.ts'
import type { TrustedClock } from '../lifecycle/clock.ts'
import type { PartVersion } from '../segment/part-set.ts'
import type { Execution } from '../step.ts'
import { SavedCatalog } from './saved-catalog.ts'
import { createWal, type LogRecord, type WalWriter } from './wal.ts'

/** A record that is not known to be durable: what a new log needs if this one fails. */
interface PendingRecord {
  readonly lsn: bigint
  readonly type: number
  /** Its payload in parts, read anew each time: kernel memory moves. */
  payload: () => readonly Uint8Array[]
}

/** What a change of the durable state makes true besides the parts. */
interface Change {
  readonly closed: readonly ClosedLog[]
  readonly lowestLsn: bigint
  /** The open log. */
  readonly wal: WalWriter
}

/** Below this size the dead bytes of a catalog file do not matter. */
const CATALOG_BYTES_MIN = 64 * 1024
const NO_PARTS: PartVersion = { id: 0, tables: new Map(), files: new Map() }

/** The durable state of one moment, as a manifest that names no open log. */
export interface FrozenState {
  readonly manifest: Manifest
  /** Lets go of the files that it names; segment files are the holder's of the version. */
  release(): void
}

/** What recovery hands to the shard, in this order. */
export interface RecoveryTarget {
  /** A blob of catalog entries, valid during the call. */
  catalog(entries: Uint8Array): void
  /** The manifest's parts and files, after the catalog. */
  parts(manifest: Manifest): void
  /** Where the payload of the next record shall be read to. */
  place(size: number): Uint8Array
  /** A record that no segment holds yet; returns a copy of the catalog entries it carries. */
  record(record: LogRecord): Uint8Array
}

export interface JournalOptions {
  readonly host: Host
  readonly checksum: Checksum
  readonly clock: TrustedClock
  /** As in ShardOptions. */
  readonly catalogBytesMin?: number | undefined
}

export class Journal {
  /** Sentences for the operator about what was found at the start. */
  readonly notes: string[] = []
  /** False: what was replayed is not durable where it is, and has to be flushed before anything else. */
  isReplayDurable = true
  private readonly host: Host
  private readonly checksum: Checksum
  private readonly clock: TrustedClock
  private readonly catalogBytesMin: number
  /** Of the data directory. */
  readonly identity: bigint
  private readonly manifests: ManifestWriter
  private closed: readonly ClosedLog[] = []
  /** Null after a start, until a new log is named. */
  private wal: WalWriter | null = null
  private catalog!: SavedCatalog
  /** Oldest first, with consecutive lsns from the open log's durableLsn + 1 on. */
  private pending: PendingRecord[] = []
  /** The last lsn of the closed logs. */
  private replayedLsn = 0n
  private nextFile = 1
  private nextSequence = 1n
  private lowestLsn = 1n
  /** What the last manifest says of it. */
  lastSeen = 0n
  /** Why the last change failed. */
  private lastError: unknown = null
  /** Whether the open log holds records that were given up, or lacks pending ones. */
  private isSpoilt = false
  /** Files to remove once the next manifest is in force. */
  private orphans: string[] = []
  /** Files that must stay for now, with how often they are held. */
  private readonly held = new Map<string, number>()
  /** The last change of the durable state: the next one waits for it. */
  private last: Promise<unknown> = Promise.resolve()

  private constructor(
    { host, checksum, clock, catalogBytesMin = CATALOG_BYTES_MIN }: JournalOptions,
    identity: bigint,
    generation: number,
  ) {
    this.host = host
    this.checksum = checksum
    this.clock = clock
    this.catalogBytesMin = catalogBytesMin
    this.identity = identity
    this.manifests = new ManifestWriter(host.storage, generation)
  }

  /**
   * Opens what the storage holds, or begins anew in an empty one. Recovered records are durable, but
   * the log takes none before the first `rotate`. `begin` gets the journal before anything is replayed.
   */
  static async open(
    options: JournalOptions,
    begin: (journal: Journal) => RecoveryTarget,
  ): Promise<Journal> {
    const { host } = options
    const { manifest, generation, notes } = loadManifest(host.storage)
    const identity = manifest?.identity ?? randomIdentity(host)
    const journal = new Journal(options, identity, generation)
    const target = begin(journal)
    journal.notes.push(...notes)
    if (manifest === null) await journal.begin()
    else await journal.recover(manifest, target)
    return journal
  }

  /** Bytes of all logs that a start would replay. */
  get logBytes(): number {
    return this.closed.reduce((sum, log) => sum + log.end, this.openLogBytes)
  }

  /** Bytes of the log that takes records now. */
  get openLogBytes(): number {
    return this.wal?.size ?? 0
  }

  get logCount(): number {
    return this.closed.length + 1
  }

  /** The last lsn given. */
  get lsn(): bigint {
    return this.wal?.lsn ?? this.replayedLsn
  }

  /** Every record up to this one is on disk. */
  get durableLsn(): bigint {
    return this.wal?.durableLsn ?? this.replayedLsn
  }

  /**
   * Takes the log no more records until a `rotate` succeeds? So it is after a failed write or sync
   * of it, and while it is not certain which manifest is in force.
   */
  get mustRotate(): boolean {
    if (this.wal === null || this.isSpoilt || this.manifests.isUncertain) return true
    return this.wal.failure !== null
  }

  /** Why nothing can be logged now, or null. */
  get failure(): unknown {
    if (!this.mustRotate) return this.wal?.shortage ?? null
    return this.lastError ?? this.wal?.failure ?? null
  }

  /** Tries whether a disk that was full has space again. */
  probe(): void {
    this.wal?.probe()
  }

  /** Above the number of every file. */
  get nextFileNumber(): number {
    return this.nextFile
  }

  takeFileNumber(): number {
    return this.nextFile++
  }

  takeSequence(): bigint {
    return this.nextSequence++
  }

  /**
   * Logs a record; not yet durable. Returns its lsn. The payload's parts are asked for again if the
   * log fails before the record is durable: call `retain` before they go.
   */
  append(type: number, payload: () => readonly Uint8Array[], entries: Uint8Array): bigint {
    assert(!this.mustRotate, 'append to a log that must be left')
    const lsn = this.wal!.append(type, payload())
    this.pending.push({ lsn, type, payload })
    this.catalog.keep(lsn, entries)
    return lsn
  }

  /**
   * The same in steps of `sliceBytes`: nothing else is appended until it has ended. Turns pass, in which
   * the log may be left for another one; then it throws.
   */
  *appendInSteps(
    type: number,
    payload: () => readonly Uint8Array[],
    entries: Uint8Array,
    sliceBytes: number,
  ): Execution<bigint> {
    assert(!this.mustRotate, 'append to a log that must be left')
    const lsn = yield* this.wal!.appendInSteps(type, payload, sliceBytes)
    this.pending.push({ lsn, type, payload })
    this.catalog.keep(lsn, entries)
    return lsn
  }

  /** Copies the payload of a record, if it is not durable, because its parts are about to go. */
  retain(lsn: bigint): void {
    if (lsn <= this.durableLsn) return
    const record = this.pending.findLast((pending) => pending.lsn === lsn)
    assert(record !== undefined, `lsn ${lsn} is neither durable nor pending`)
    const copy = record.payload().map((part) => part.slice())
    record.payload = () => copy
  }

  /** Gives up this record and all after it, which are not durable: the log must be left. */
  abandon(lsn: bigint): void {
    assert(lsn > this.durableLsn, `lsn ${lsn} is durable and cannot be given up`)
    this.pending = this.pending.filter((record) => record.lsn < lsn)
    this.catalog.abandon(lsn)
    this.isSpoilt = true
  }

  /**
   * Resolves when every record appended before the call is durable. When it throws, the log must be
   * left: `rotate` writes what is pending to a new one.
   */
  async sync(): Promise<void> {
    assert(this.wal !== null, 'sync of a log that is not open')
    await this.wal.sync()
    const { durableLsn } = this
    this.pending = this.pending.filter((record) => record.lsn > durableLsn)
  }

  /** Runs one change of the durable state after the other. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const result = this.last.then(action)
    this.last = result.catch(() => {})
    return result
  }

  /**
   * Begins a new log and makes `version` the durable truth; nothing may be appended meanwhile. What
   * is durable of the old log ends it, all other records go to the new one, under the same lsns.
   * Returns the last lsn: everything up to it is durable.
   */
  async rotate(version: PartVersion, flushedLsn: bigint | null = null): Promise<bigint> {
    try {
      const closed = await this.endLog()
      const wal = await this.createLog(this.durableLsn)
      await this.change(version, { closed, lowestLsn: this.lowestAfter(flushedLsn), wal })
      await this.writePending(wal)
      return wal.lsn
    } catch (error) {
      this.lastError = error
      throw error
    }
  }

  /**
   * Makes `version` the durable truth. Its files are synced already. Records up to `flushedLsn` are
   * in its parts, so their logs go. If it throws, the state before is still the one that counts,
   * unless nobody can know (`mustRotate`): then both name the same open log.
   */
  async commit(version: PartVersion, flushedLsn: bigint | null): Promise<void> {
    const { wal, closed } = this
    if (wal === null) await this.rotate(version, flushedLsn)
    else await this.change(version, { closed, lowestLsn: this.lowestAfter(flushedLsn), wal })
  }

  /**
   * Writes the catalog file anew if most of it means nothing any more; the next `commit` names it.
   * False if there was nothing to do. `pause` throws to give up; if it throws, nothing has changed.
   */
  async shortenCatalog(pause: () => Promise<void>): Promise<boolean> {
    if (!this.catalog.isMostlyDead(this.catalogBytesMin)) return false
    await this.catalog.rewrite(pause, (action) => this.exclusive(action))
    return true
  }

  /**
   * Removes a file that no manifest names. One that may not go yet, because it is not certain which
   * manifest is in force, or that cannot, waits for the next change. So this never throws, and never
   * undoes what was committed before it.
   */
  discard(name: string): void {
    try {
      if (this.manifests.isUncertain || this.held.has(name)) this.orphans.push(name)
      else if (this.host.storage.has(name)) this.host.storage.remove(name)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      this.orphans.push(name)
    }
  }

  /**
   * What is durable now, with `version` as its parts, in `exclusive`. Logs and catalog that it names
   * stay on the disk until it is released, whatever changes meanwhile.
   */
  freeze(version: PartVersion): FrozenState {
    const { wal, closed } = this
    const open = wal === null || wal.durableSize === FILE_HEADER_SIZE ? [] : [wal]
    const logs = [
      ...closed.map(({ number, end }) => ({ number, end })),
      ...open.map(({ number, durableSize }) => ({ number, end: durableSize })),
    ]
    const catalog = this.catalog.named
    const names = [
      fileName('catalog', catalog.number),
      ...logs.map((log) => fileName('wal', log.number)),
    ]
    for (const name of names) this.held.set(name, (this.held.get(name) ?? 0) + 1)
    return {
      manifest: { generation: 1, ...this.contentOf(version, catalog), logs },
      release: () => {
        for (const name of names) {
          const count = this.held.get(name)! - 1
          if (count > 0) this.held.set(name, count)
          else this.held.delete(name)
        }
      },
    }
  }

  private async begin(): Promise<void> {
    const { storage } = this.host
    // A first start that was cut short leaves files without records.
    const found = inspectDirectory(storage, null)
    this.nextFile = found.nextFile
    this.orphans = found.orphans
    this.catalog = await SavedCatalog.create(storage, this.identity, this)
    await this.rotate(NO_PARTS)
  }

  private async recover(manifest: Manifest, target: RecoveryTarget): Promise<void> {
    const { storage } = this.host
    const found = inspectDirectory(storage, manifest)
    this.nextFile = Math.max(manifest.nextFile, found.nextFile)
    this.nextSequence = manifest.nextSequence
    this.lowestLsn = manifest.lowestLsn
    this.lastSeen = manifest.lastSeen
    this.clock.restore(manifest.lastSeen)
    const catalog = SavedCatalog.open(storage, this.identity, this, manifest.catalog, (entries) =>
      target.catalog(entries),
    )
    this.catalog = catalog
    target.parts(manifest)
    const logs = await recoverLogs(storage, manifest, this.checksum, {
      place: (size) => target.place(size),
      record: (record) => catalog.keep(record.lsn, target.record(record)),
    })
    this.closed = logs.closed
    this.replayedLsn = logs.lsn
    this.isReplayDurable = logs.isDurable
    this.notes.push(...logs.notes)
    // The manifest that was found may not be durable itself: what an older one names stays until
    // the next is.
    this.orphans = found.orphans
  }

  /** The closed logs once the open one has ended, with what of it is durable. */
  private async endLog(): Promise<readonly ClosedLog[]> {
    const { wal } = this
    if (wal === null) return this.closed
    // If this fails, its records stay pending.
    if (wal.failure === null && !this.isSpoilt) await this.sync().catch(() => {})
    if (wal.durableSize === FILE_HEADER_SIZE) return this.closed
    return [...this.closed, { number: wal.number, end: wal.durableSize, lastLsn: wal.durableLsn }]
  }

  private async createLog(lsn: bigint): Promise<WalWriter> {
    const { identity, checksum } = this
    const number = this.takeFileNumber()
    try {
      return await createWal(this.host.storage, { identity, number, lsn, checksum })
    } catch (error) {
      this.discard(fileName('wal', number))
      throw error
    }
  }

  /** Writes what an older log could not keep to the one that is open now. */
  private async writePending(wal: WalWriter): Promise<void> {
    if (this.pending.length === 0) return
    for (const { lsn, type, payload } of this.pending) {
      assert(wal.append(type, payload()) === lsn, `${wal.name}: lsn ${lsn} out of order`)
    }
    await this.sync()
    this.isSpoilt = false
  }

  private lowestAfter(flushedLsn: bigint | null): bigint {
    return flushedLsn === null ? this.lowestLsn : flushedLsn + 1n
  }

  /** Catalog, then manifest, then the state here, then what is left over. */
  private async change(version: PartVersion, next: Change): Promise<void> {
    const { lowestLsn, wal } = next
    const closed = next.closed.filter((log) => log.lastLsn >= lowestLsn)
    const before = this.wal
    // Unless records become dispensable, the catalog goes on with the entries that are named.
    const isSame = lowestLsn === this.lowestLsn
    const catalog = isSame ? this.catalog.same : await this.catalog.save(lowestLsn)
    try {
      await this.commitManifest(version, { closed, lowestLsn, wal }, catalog)
    } catch (error) {
      this.lastError = error
      if (wal !== before) this.discard(wal.name)
      throw error
    }
    this.closed = closed
    this.lowestLsn = lowestLsn
    this.wal = wal
    this.lastError = null
    // A new log takes nothing else before what is pending has its old lsns in it.
    if (wal !== before) this.isSpoilt = this.pending.length > 0
    this.catalog.rename(catalog)
    const named = new Set([wal.number, ...closed.map(({ number }) => number)])
    const left = this.orphans.splice(0)
    for (const { number } of [...next.closed, before ?? wal]) {
      if (!named.has(number)) left.push(fileName('wal', number))
    }
    for (const name of left) this.discard(name)
  }

  private async commitManifest(
    version: PartVersion,
    { closed, lowestLsn, wal }: Change,
    catalog: FileDescription,
  ): Promise<void> {
    const open = { number: wal.number, end: 0 }
    const logs = [...closed.map(({ number, end }) => ({ number, end })), open]
    const content = this.contentOf(version, catalog)
    await this.manifests.commit({ ...content, logs, lowestLsn, durableLsn: wal.durableLsn })
  }

  /** A manifest of `version` but for its logs, as far as nothing changes. */
  private contentOf(version: PartVersion, catalog: FileDescription): Omit<ManifestContent, 'logs'> {
    const { identity, lowestLsn, durableLsn, nextFile, nextSequence } = this
    this.lastSeen = this.clock.now()
    return {
      identity,
      files: [...version.files.values()],
      parts: [...version.tables.values()].flat().map((reader) => reader.description),
      catalog,
      lowestLsn,
      durableLsn,
      nextFile,
      nextSequence,
      lastSeen: this.lastSeen,
    }
  }
}

function randomIdentity(host: Host): bigint {
  const bytes = new Uint8Array(8)
  host.random(bytes)
  return new DataView(bytes.buffer).getBigUint64(0, true)
}
