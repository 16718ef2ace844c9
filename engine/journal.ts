// What makes a shard durable: its log files, catalog file and manifest, and the order in which they
// are written (docs/durability.md). The shard decides when; this file keeps the order right:
// a log is named before it is used, outputs are synced before a manifest names them, and what a
// manifest no longer names is removed last.

import {
  type CatalogFile,
  createCatalogFile,
  openCatalogFile,
  readCatalogFile,
} from './catalog-file.ts'
import type { Checksum } from './crc.ts'
import { inspectDirectory } from './directory.ts'
import { OmenError, assert } from './error.ts'
import { fileName } from './file-name.ts'
import type { Host } from './host.ts'
import { ManifestWriter, loadManifest, type Manifest, type LogDescription } from './manifest.ts'
import type { PartVersion } from './part-set.ts'
import { createWal, replayWal, type LogEnd, type LogRecord, type WalWriter } from './wal.ts'

/** A log that takes no more records. */
interface ClosedLog extends LogDescription {
  readonly lastLsn: bigint
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

export class Journal {
  /** Sentences for the operator about what was found at the start. */
  readonly notes: string[] = []
  /** False: what was replayed is not durable where it is, and has to be flushed before anything else. */
  isReplayDurable = true
  private readonly host: Host
  private readonly checksum: Checksum
  private readonly identity: bigint
  private readonly manifests: ManifestWriter
  private closed: ClosedLog[] = []
  private wal!: WalWriter
  private catalogFile!: CatalogFile
  /** Catalog entries of the log that the catalog file does not hold yet, by record. */
  private unsaved: { readonly lsn: bigint; readonly entries: Uint8Array }[] = []
  private nextFile = 1
  private nextSequence = 1n
  private lowestLsn = 1n
  private lastSeen = 0n
  private isStopped = false
  /** Files of an unfinished change that the start found. */
  private orphans: string[] = []
  /** The last change of the durable state: the next one waits for it. */
  private last: Promise<unknown> = Promise.resolve()

  private constructor(host: Host, checksum: Checksum, identity: bigint, generation: number) {
    this.host = host
    this.checksum = checksum
    this.identity = identity
    this.manifests = new ManifestWriter(host.storage, generation)
  }

  /** Opens what the storage holds, or begins anew in an empty one. Recovered records are durable. */
  static async open(host: Host, checksum: Checksum, target: RecoveryTarget): Promise<Journal> {
    const { manifest, generation, notes } = loadManifest(host.storage)
    const identity = manifest?.identity ?? randomIdentity(host)
    const journal = new Journal(host, checksum, identity, generation)
    journal.notes.push(...notes)
    if (manifest === null) await journal.begin()
    else await journal.recover(manifest, target)
    return journal
  }

  /** Bytes of all logs that a start would replay. */
  get logBytes(): number {
    return this.closed.reduce((sum, log) => sum + log.end, this.wal.size)
  }

  /** Bytes of the log that takes records now. */
  get openLogBytes(): number {
    return this.wal.size
  }

  get logCount(): number {
    return this.closed.length + 1
  }

  get lsn(): bigint {
    return this.wal.lsn
  }

  /** The failure after which nothing can be logged, if there was one. */
  get failure(): OmenError | null {
    return this.wal.failure
  }

  /** Takes the log no more records until a `rotate` succeeds? */
  get mustRotate(): boolean {
    return this.isStopped
  }

  takeFileNumber(): number {
    return this.nextFile++
  }

  takeSequence(): bigint {
    return this.nextSequence++
  }

  /** Logs a record whose parts are kernel views or plain bytes; not yet durable. Returns its lsn. */
  append(type: number, parts: readonly Uint8Array[], entries: Uint8Array): bigint {
    assert(!this.isStopped, `${this.wal.name}: append to a log that must be left`)
    const lsn = this.wal.append(type, parts)
    this.keep(lsn, entries)
    return lsn
  }

  /** Resolves when every record appended before the call is durable. */
  async sync(): Promise<void> {
    await this.wal.sync()
  }

  /** Runs one change of the durable state after the other. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const result = this.last.then(action)
    this.last = result.catch(() => {})
    return result
  }

  /** Begins a new log; the records so far are durable and end with the returned lsn. */
  async rotate(version: PartVersion): Promise<bigint> {
    const old = this.wal
    if (old.durableLsn < old.lsn) await old.sync()
    const closed = [...this.closed, { number: old.number, end: old.size, lastLsn: old.lsn }]
    const next = await this.createLog(old.lsn)
    // If this fails, the manifest that ends the old log may still win after a crash: nothing may be
    // added to the old log any more, and nothing to the new one before a manifest names it.
    this.isStopped = true
    await this.commitManifest(version, closed, this.lowestLsn, next)
    this.closed = closed
    this.wal = next
    this.isStopped = false
    return old.lsn
  }

  /**
   * Makes `version` the durable truth. Its files are synced already. Records up to `flushedLsn` are
   * in its parts, so their logs go. If it throws, the state before is still the one that counts.
   */
  async commit(version: PartVersion, flushedLsn: bigint | null): Promise<void> {
    const lowestLsn = flushedLsn === null ? this.lowestLsn : flushedLsn + 1n
    const done = this.closed.filter((log) => log.lastLsn < lowestLsn)
    const closed = this.closed.filter((log) => log.lastLsn >= lowestLsn)
    await this.saveCatalog(lowestLsn)
    await this.commitManifest(version, closed, lowestLsn)
    this.closed = closed
    this.lowestLsn = lowestLsn
    for (const log of done) this.discard(fileName('wal', log.number))
    for (const name of this.orphans) this.discard(name)
    this.orphans = []
  }

  /**
   * Removes a file that no manifest names. One that stays (a failing disk) is harmless: the next
   * start removes it. So this never throws, and never undoes what was committed before it.
   */
  discard(name: string): void {
    try {
      if (this.host.storage.has(name)) this.host.storage.remove(name)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      this.notes.push(error.message)
    }
  }

  /** A segment file under its temporary name, made durable and visible under its real one. */
  async publishSegment(number: number): Promise<void> {
    const { storage } = this.host
    const name = fileName('segment', number)
    await storage.sync(`${name}.tmp`)
    storage.rename(`${name}.tmp`, name)
    await storage.syncDirectory()
  }

  private async begin(): Promise<void> {
    const { storage } = this.host
    // A first start that was cut short leaves files without records.
    const found = inspectDirectory(storage, null)
    this.nextFile = found.nextFile
    this.catalogFile = await createCatalogFile(storage, this.identity, this.takeFileNumber())
    this.wal = await this.createLog(0n)
    await this.commitManifest({ id: 0, tables: new Map(), files: new Map() })
    for (const name of found.orphans) this.discard(name)
  }

  private async recover(manifest: Manifest, target: RecoveryTarget): Promise<void> {
    const { storage } = this.host
    const found = inspectDirectory(storage, manifest)
    this.nextFile = Math.max(manifest.nextFile, found.nextFile)
    this.nextSequence = manifest.nextSequence
    this.lowestLsn = manifest.lowestLsn
    this.lastSeen = manifest.lastSeen
    for (const blob of readCatalogFile(storage, this.identity, manifest.catalog)) {
      target.catalog(blob)
    }
    this.catalogFile = openCatalogFile(storage, this.identity, manifest.catalog)
    target.parts(manifest)
    const end = await this.replay(manifest, target)
    const lsn = end.lsn > manifest.durableLsn ? end.lsn : manifest.durableLsn
    this.wal = await this.createLog(lsn)
    // The manifest that was found may not be durable itself: what an older one names stays until
    // the next is.
    this.orphans = found.orphans
  }

  private async replay(manifest: Manifest, target: RecoveryTarget): Promise<LogEnd> {
    const { storage } = this.host
    const { identity, logs, lowestLsn, durableLsn } = manifest
    const lastLsns = new Map<string, bigint>()
    const records = replayWal(storage, {
      ...{ identity, logs, lowestLsn, durableLsn, checksum: this.checksum },
      target: (size) => target.place(size),
    })
    let step = records.next()
    for (; !step.done; step = records.next()) {
      const record = step.value
      lastLsns.set(record.file, record.lsn)
      if (record.lsn >= lowestLsn) this.keep(record.lsn, target.record(record))
    }
    const end = step.value
    if (end.kind === 'corrupt') this.refuse(end)
    if (end.kind === 'torn') {
      this.notes.push(`${end.file}: cut a torn tail of ${end.droppedBytes} bytes at ${end.offset}`)
    }
    await this.closeReplayed(logs, end, lastLsns)
    return end
  }

  /** The replayed logs stay until a flush; what was read from them must not be lost any more. */
  private async closeReplayed(
    logs: readonly LogDescription[],
    end: LogEnd,
    lastLsns: ReadonlyMap<string, bigint>,
  ): Promise<void> {
    let lastLsn = this.lowestLsn - 1n
    for (const log of logs) {
      const name = fileName('wal', log.number)
      lastLsn = lastLsns.get(name) ?? lastLsn
      const size = name === end.file ? end.offset : this.host.storage.size(name)
      await this.syncReplayed(name)
      this.closed.push({ number: log.number, end: log.end === 0 ? size : log.end, lastLsn })
    }
  }

  private async syncReplayed(name: string): Promise<void> {
    try {
      await this.host.storage.sync(name)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      this.isReplayDurable = false
      this.notes.push(`${error.message}; what it holds is rewritten`)
    }
  }

  private refuse(end: LogEnd): never {
    const copy = this.host.storage.quarantine(end.file)
    assert(end.error !== null, `${end.file}: corrupt without an error`)
    const { code, message, details } = end.error
    throw new OmenError(code, `${message} (a copy is in ${copy})`, details)
  }

  private createLog(lsn: bigint): Promise<WalWriter> {
    return createWal(this.host.storage, {
      identity: this.identity,
      number: this.takeFileNumber(),
      lsn,
      checksum: this.checksum,
    })
  }

  private keep(lsn: bigint, entries: Uint8Array): void {
    if (entries.length > 0) this.unsaved.push({ lsn, entries })
  }

  /**
   * Saves the entries of records below `lowestLsn`; the others stay in the log alone. If the manifest
   * then fails, the log holds them too: replay passes over entries that it knows.
   */
  private async saveCatalog(lowestLsn: bigint): Promise<void> {
    let isSaved = true
    for (;;) {
      const next = this.unsaved[0]
      if (next === undefined || next.lsn >= lowestLsn) break
      this.catalogFile.append([next.entries])
      this.unsaved.shift()
      isSaved = false
    }
    if (!isSaved) await this.catalogFile.sync()
  }

  private async commitManifest(
    version: PartVersion,
    closed: readonly ClosedLog[] = this.closed,
    lowestLsn: bigint = this.lowestLsn,
    wal: WalWriter = this.wal,
  ): Promise<void> {
    const now = this.host.now()
    if (now > this.lastSeen) this.lastSeen = now
    const open = { number: wal.number, end: 0 }
    await this.manifests.commit({
      identity: this.identity,
      files: [...version.files.values()],
      parts: [...version.tables.values()].flat().map((reader) => reader.description),
      catalog: this.catalogFile.description,
      logs: [...closed.map(({ number, end }) => ({ number, end })), open],
      lowestLsn,
      durableLsn: wal.durableLsn,
      nextFile: this.nextFile,
      nextSequence: this.nextSequence,
      lastSeen: this.lastSeen,
    })
  }
}

function randomIdentity(host: Host): bigint {
  const bytes = new Uint8Array(8)
  host.random(bytes)
  return new DataView(bytes.buffer).getBigUint64(0, true)
}
