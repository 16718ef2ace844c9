// Reads every byte of a data directory that nobody has open and compares every checksum: manifests,
// catalog, logs, segment files, and of those that fail, every part, page and block. Changes nothing.

import type { Host } from '../host.ts'
import { OmenError } from '../error.ts'
import { readCatalogFile } from '../log/catalog-file.ts'
import { unnamedLog } from '../log/directory.ts'
import { fileName, parseFileName } from '../log/file-name.ts'
import { RECORD_BATCH, decodeBatchHeader } from '../log/log-record.ts'
import { decodeManifest } from '../log/manifest-bytes.ts'
import { type Manifest, loadManifest } from '../log/manifest.ts'
import { type LogEnd, type LogRecord, replayWal } from '../log/wal.ts'
import { hasRecordsBehind } from '../log/wal-replay.ts'
import type { PartDescription } from '../segment/part.ts'
import { type ShardStorage, coldFile } from '../storage/storage.ts'
import { type Damage, describeDamage } from './damage.ts'
import { type FileCheck, checkFile, findFileFault, findHeaderFault } from './file-check.ts'
import { EntryNames } from './table-names.ts'

export interface Verification {
  /** The one in force; null if there is none, then nothing else was looked at. */
  readonly manifest: Manifest | null
  readonly damages: readonly Damage[]
  /** What is no damage, but worth knowing. */
  readonly notes: readonly string[]
  /** Files of somebody else: never touched. */
  readonly unknown: readonly string[]
  /** What failed, by kind, for a repair. */
  readonly manifestDamages: readonly Damage[]
  readonly catalogDamages: readonly Damage[]
  /** Logs that only a newer manifest can have named, which is lost. */
  readonly unnamedLogs: readonly Damage[]
  readonly log: LogEnd | null
  readonly files: readonly FileCheck[]
  readonly names: EntryNames
  readonly checkedFiles: number
  readonly checkedBytes: number
}

export interface VerifyOptions {
  /** False: of segment files only that they are there, with their size and header. Default true. */
  readonly isDeep?: boolean
  /** Called as bytes are read: how many so far, of how many. */
  readonly progress?: (bytes: number, of: number) => void
}

/** Names of the reports that repairs leave in a directory. */
export const REPORT_PATTERN = /^loss-\d+\.(json|txt)$/

/** Checks the directory of `host.storage`. Throws only what is no damage (`unsupported`, …). */
export function verifyDirectory(host: Host, options: VerifyOptions = {}): Promise<Verification> {
  return new Verifier(host, options).run()
}

class Verifier {
  private readonly host: Host
  private readonly storage: ShardStorage
  private readonly isDeep: boolean
  private readonly progress: (bytes: number, of: number) => void
  private readonly notes: string[] = []
  private readonly unnamedLogs: Damage[] = []
  private readonly names = new EntryNames()
  private totalBytes = 0
  private checkedBytes = 0
  private checkedFiles = 0

  constructor(host: Host, { isDeep = true, progress = () => {} }: VerifyOptions) {
    this.host = host
    this.storage = host.storage
    this.isDeep = isDeep
    this.progress = progress
  }

  async run(): Promise<Verification> {
    const { manifest, damages: manifestDamages } = this.manifests()
    const unknown: string[] = []
    let catalogDamages: Damage[] = []
    let log: LogEnd | null = null
    let files: FileCheck[] = []
    if (manifest !== null) {
      this.totalBytes = manifest.files.reduce((sum, { size }) => sum + size, 0)
      catalogDamages = this.catalog(manifest)
      log = this.logs(manifest)
      unknown.push(...this.others(manifest, log.lsn))
      files = await this.segments(manifest)
    }
    const { unnamedLogs } = this
    const lost = [...manifestDamages, ...catalogDamages, ...unnamedLogs, ...this.logDamages(log)]
    return {
      unnamedLogs,
      ...{ manifest, notes: this.notes, unknown, manifestDamages, catalogDamages, log, files },
      damages: [...lost, ...files.flatMap(({ damages }) => damages)],
      names: this.names,
      checkedFiles: this.checkedFiles,
      checkedBytes: this.checkedBytes,
    }
  }

  private manifests(): { manifest: Manifest | null; damages: Damage[] } {
    let manifest: Manifest | null = null
    const damages: Damage[] = []
    try {
      ;({ manifest } = loadManifest(this.storage))
    } catch (error) {
      damages.push(damageOf('manifest', error))
      return { manifest: null, damages }
    }
    if (manifest === null) {
      this.notes.push('the directory is empty')
      return { manifest, damages }
    }
    for (const suffix of ['', 'copy'] as const) {
      const name = fileName('manifest', manifest.generation, suffix)
      try {
        const bytes = new Uint8Array(this.storage.size(name))
        this.storage.read(name, 0, bytes)
        decodeManifest(bytes, name)
        this.counted(bytes.length)
      } catch (error) {
        damages.push(damageOf(name, error))
      }
    }
    return { manifest, damages }
  }

  /** Files that the manifest does not name; its logs end with the record `lsn`. */
  private others(manifest: Manifest, lsn: bigint): string[] {
    const named = new Set([
      ...manifest.files.map(({ number }) => fileName('segment', number)),
      ...manifest.logs.map(({ number }) => fileName('wal', number)),
      fileName('catalog', manifest.catalog.number),
    ])
    const lastLog = manifest.logs.at(-1)?.number ?? 0
    const unknown: string[] = []
    for (const name of this.storage.list()) {
      const parsed = parseFileName(name)
      if (named.has(name)) continue
      if (REPORT_PATTERN.test(name)) this.notes.push(`${name}: a report of an earlier loss`)
      else if (parsed === null) unknown.push(name)
      else if (parsed.kind === 'manifest') {
        if (parsed.number < manifest.generation) this.notes.push(`${name}: an older manifest`)
      } else {
        const isNewer = parsed.kind === 'wal' && parsed.number > lastLog
        // A repair that was cut short leaves a log, too, but of records that are known.
        const last = { number: parsed.number, lsn }
        if (isNewer && hasRecordsBehind(this.storage, manifest.identity, last)) {
          this.unnamedLogs.push(damageOf(name, unnamedLog(parsed.number, manifest.generation)))
        } else this.notes.push(`${name}: is left from a change that did not finish`)
      }
    }
    return unknown
  }

  private catalog({ identity, catalog }: Manifest): Damage[] {
    const name = fileName('catalog', catalog.number)
    try {
      for (const entries of readCatalogFile(this.storage, identity, catalog)) {
        this.names.add(entries.slice())
      }
      this.counted(catalog.size)
      return []
    } catch (error) {
      return [damageOf(name, error)]
    }
  }

  private logs(manifest: Manifest): LogEnd {
    const records = replayWal(this.storage, { ...manifest, skipDamage: true })
    let step = records.next()
    for (; !step.done; step = records.next()) this.record(step.value)
    const end = step.value
    if (end.kind === 'torn') {
      const bytes = `${end.droppedBytes} bytes at ${end.offset}`
      this.notes.push(`${end.file}: a torn tail of ${bytes}, never acknowledged; a start cuts it`)
    }
    for (const { number } of manifest.logs) {
      const name = fileName('wal', number)
      if (this.storage.has(name)) this.counted(this.storage.size(name))
    }
    return end
  }

  private record({ type, payload, file, offset }: LogRecord): void {
    if (type !== RECORD_BATCH) return
    const { entries, entriesBytes } = decodeBatchHeader(payload, `${file}: record at ${offset}`)
    this.names.add(payload.slice(entries, entries + entriesBytes))
  }

  private logDamages(end: LogEnd | null): Damage[] {
    return (end?.losses ?? []).map(({ file, offset, reason, firstLsn, lastLsn }) => {
      const lost =
        lastLsn < firstLsn ? '' : `; acknowledged records ${firstLsn} to ${lastLsn} are lost`
      const message = offset === 0 ? reason : `${file}: record at ${offset} ${reason}`
      return { file, offset, message: message + lost, table: null, minTime: null, maxTime: null }
    })
  }

  private async segments({ files, parts }: Manifest): Promise<FileCheck[]> {
    const checks: FileCheck[] = []
    const byFile = new Map<number, PartDescription[]>()
    for (const part of parts) {
      const own = byFile.get(part.file) ?? []
      own.push(part)
      byFile.set(part.file, own)
    }
    for (const file of files) {
      const name = fileName('segment', file.number)
      const elsewhere = coldFile(this.storage, name)
      if (elsewhere !== null) throw elsewhere
      const fault = this.isDeep ? await this.readFile(file) : this.glance(file)
      if (fault === null) continue
      const own = byFile.get(file.number) ?? []
      checks.push(await checkFile(this.host, file, own, fault, this.names.nameOf))
    }
    return checks
  }

  private async readFile(file: Manifest['files'][number]): Promise<string | null> {
    const before = this.checkedBytes
    const fault = await findFileFault(this.storage, file, async (bytes) => {
      this.checkedBytes += bytes
      this.progress(this.checkedBytes, Math.max(this.checkedBytes, this.totalBytes))
      await this.host.pause()
    })
    this.checkedFiles++
    // One that is not whole counts as if it were.
    if (fault !== null) this.checkedBytes = before + file.size
    return fault
  }

  /** What a start would notice. */
  private glance({ number, size }: Manifest['files'][number]): string | null {
    const name = fileName('segment', number)
    if (!this.storage.has(name)) return `${name}: the file is missing`
    const found = this.storage.size(name)
    if (found !== size) return `${name}: has ${found} bytes, the manifest names ${size}`
    return findHeaderFault(this.storage, number)
  }

  private counted(bytes: number): void {
    this.checkedFiles++
    this.checkedBytes += bytes
  }
}

/** Damage of a file as a whole; throws what is none. */
function damageOf(file: string, error: unknown): Damage {
  if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
  const offset = Number(/record at (\d+)/.exec(error.message)?.[1] ?? 0)
  return { file, offset, message: error.message, table: null, minTime: null, maxTime: null }
}

/** The report for a person: a line for each damage, note and unknown file. */
export function describeVerification(found: Verification): string[] {
  return [
    ...found.damages.map((damage) => `damaged: ${describeDamage(damage)}`),
    ...found.unknown.map((name) => `unknown: ${name}: not ours, left alone`),
    ...found.notes.map((note) => `note: ${note}`),
  ]
}
