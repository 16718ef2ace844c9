// Restores archives into the directory of an empty database. Everything is written beside what is
// there, under names that no manifest knows, and checked as it arrives; one manifest then switches. So
// a restore that is cut short leaves the empty database, and its files are swept like those of any
// unfinished change. Segment files are kept byte for byte; catalog and log are written anew, because
// the restored directory gets an identity of its own (docs/durability.md, "Backups").

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import { inspectDirectory } from '../log/directory.ts'
import { type FileKind, fileName, parseFileName } from '../log/file-name.ts'
import { decodeManifest } from '../log/manifest-bytes.ts'
import {
  type FileDescription,
  type LogDescription,
  type Manifest,
  type ManifestContent,
  ManifestWriter,
  loadManifest,
} from '../log/manifest.ts'
import { SEGMENT_HEADER_SIZE, checkSegmentHeader } from '../segment/footer.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { skipZeros } from './archive-parts.ts'
import { BACKUP_ENTRY, BACKUP_FORMAT, type BackupDescription } from './backup.ts'
import { parseBackupId } from './backup-id.ts'
import { ByteReader } from './byte-reader.ts'
import { type RecordTarget, copyCatalog, copyLog } from './record-copy.ts'
import { TAR_BLOCK, type TarEntry, decodeTarHeader, tarPadding } from './tar.ts'

const DESCRIPTION_SIZE_MAX = 65_536
const MANIFEST_SIZE_MAX = 1 << 26
/** Bytes of a segment between two chances for others. */
const PAUSE_SIZE = 1 << 22

export interface RestoreHost {
  readonly storage: ShardStorage
  random(target: Uint8Array): void
  pause(): Promise<void>
}

/** What was restored: files are durable, and one manifest away from being the truth. */
export interface StagedRestore {
  /** What that manifest will say. */
  readonly manifest: Manifest
  /** Makes it so, or throws and has discarded it, unless nobody can know which manifest counts. */
  commit(): Promise<void>
  /** Removes what was written, as far as it can; else the next change of the database does. */
  discard(): Promise<void>
}

/**
 * Writes what the archives in `source` hold (a full backup, then its increments in order, one behind
 * the other) beside an empty database that nobody else uses. Throws `bad_request` for whatever is
 * wrong with the archives, and what the storage throws; nothing is left then.
 */
export async function stageRestore(
  host: RestoreHost,
  source: AsyncIterable<Uint8Array>,
): Promise<StagedRestore> {
  const restore = new Restore(host, new ByteReader(source))
  try {
    return await restore.run()
  } catch (error) {
    await restore.discard()
    throw error
  }
}

class Restore {
  private readonly host: RestoreHost
  private readonly storage: ShardStorage
  private readonly reader: ByteReader
  private readonly generation: number
  private readonly identity: bigint
  private nextFile: number
  /** Segment files that are there, by number. */
  private readonly files = new Map<number, FileDescription>()
  /** The catalog and the log of the archive before. */
  private rewritten: string[] = []
  /** The archive before this one. */
  private before: BackupDescription | null = null

  constructor(host: RestoreHost, reader: ByteReader) {
    this.host = host
    this.storage = host.storage
    this.reader = reader
    const { manifest, generation } = loadManifest(host.storage)
    const { nextFile, orphans } = inspectDirectory(host.storage, manifest)
    for (const name of orphans) host.storage.remove(name)
    this.generation = generation
    this.nextFile = nextFile
    const bytes = new Uint8Array(8)
    host.random(bytes)
    this.identity = new DataView(bytes.buffer).getBigUint64(0, true)
  }

  async run(): Promise<StagedRestore> {
    try {
      let content: ManifestContent
      do {
        content = await this.archive()
      } while (await this.hasMore())
      await this.storage.syncDirectory()
      return this.staged(content)
    } finally {
      await this.reader.close()
    }
  }

  async discard(): Promise<void> {
    const names = Array.from(this.files.keys(), (number) => fileName('segment', number))
    try {
      for (const name of [...names, ...this.rewritten]) {
        if (this.storage.has(name)) this.storage.remove(name)
      }
      await this.storage.syncDirectory()
    } catch {
      // No manifest names them: the database sweeps them with its next change.
    }
  }

  private staged(content: ManifestContent): StagedRestore {
    return {
      manifest: { ...content, generation: this.generation + 1 },
      commit: () => this.commit(content),
      discard: () => this.discard(),
    }
  }

  private async commit(content: ManifestContent): Promise<void> {
    const manifests = new ManifestWriter(this.storage, this.generation)
    try {
      await manifests.commit(content)
    } catch (error) {
      // It may be in force all the same; then its files must be there.
      if (!manifests.isUncertain) await this.discard()
      throw error
    }
  }

  private async archive(): Promise<ManifestContent> {
    const description = await this.description()
    const source = await this.manifest(description)
    this.removeRewritten()
    this.nextFile = Math.max(this.nextFile, source.nextFile)
    const catalog = await this.catalog(source)
    const logs = await this.logs(source)
    await this.segments(source)
    this.checkFiles(source)
    this.before = description
    const { nextFile, identity } = this
    return { ...source, identity, catalog, logs, nextFile }
  }

  /** Skips the zeros behind an archive; whether another one follows. */
  private hasMore(): Promise<boolean> {
    return skipZeros(this.reader)
  }

  private async description(): Promise<BackupDescription> {
    const entry = await this.entry(BACKUP_ENTRY, DESCRIPTION_SIZE_MAX)
    const text = new TextDecoder().decode(await this.content(entry))
    const description = readDescription(text)
    const { since } = description
    if (since === (this.before?.id ?? null)) return description
    const found = since === null ? 'a full backup' : `the increment since ${since}`
    const wanted =
      this.before === null ? 'the first archive is a full one' : `after ${this.before.id}`
    throw new OmenError('bad_request', `backup: ${found} is out of order (${wanted})`)
  }

  private async manifest({ id }: BackupDescription): Promise<Manifest> {
    const entry = await this.entry('manifest-1', MANIFEST_SIZE_MAX)
    const bytes = await this.content(entry)
    return ofArchive(() => decodeManifestOf(bytes, entry.name, id))
  }

  private async catalog(source: Manifest): Promise<FileDescription> {
    const { number, size } = source.catalog
    const entry = await this.entry(fileName('catalog', number), size, size)
    const copied = await copyCatalog(this.reader, source, this.recordTarget('catalog'))
    await this.skipPadding(entry)
    return copied
  }

  private async logs(source: Manifest): Promise<LogDescription[]> {
    const begin = async ({ number, end }: LogDescription): Promise<() => Promise<void>> => {
      const entry = await this.entry(fileName('wal', number), end, end)
      return () => this.skipPadding(entry)
    }
    const log = await copyLog(this.reader, source, this.recordTarget('wal'), begin)
    return log === null ? [] : [log]
  }

  private recordTarget(kind: FileKind): RecordTarget {
    const { storage, identity } = this
    const number = this.nextFile++
    this.rewritten.push(fileName(kind, number))
    return { storage, identity, number }
  }

  private removeRewritten(): void {
    for (const name of this.rewritten.splice(0)) {
      if (this.storage.has(name)) this.storage.remove(name)
    }
  }

  private async segments(source: Manifest): Promise<void> {
    const named = new Map(source.files.map((file) => [file.number, file]))
    for (;;) {
      const entry = await this.header()
      if (entry === null) break
      const parsed = parseFileName(entry.name)
      const isSegment = parsed?.kind === 'segment' && parsed.suffix === ''
      const file = isSegment ? named.get(parsed.number) : undefined
      if (file === undefined || file.size !== entry.size || this.files.has(file.number)) {
        throw new OmenError(
          'bad_request',
          `backup: entry ${JSON.stringify(entry.name)} is not expected`,
        )
      }
      await this.segment(file, entry)
    }
    for (const number of this.files.keys()) {
      if (named.has(number)) continue
      this.storage.remove(fileName('segment', number))
      this.files.delete(number)
    }
    // The second of the two blocks that end an archive.
    if ((await this.header()) !== null) throw new OmenError('bad_request', 'backup: ends twice')
  }

  private async segment(file: FileDescription, entry: TarEntry): Promise<void> {
    const { storage, reader } = this
    const { number, size, checksum } = file
    const { name } = entry
    this.files.set(number, file)
    storage.create(name)
    let found = 0
    let unpaused = 0
    for (let at = 0; at < size;) {
      const first = at === 0 ? await reader.exactly(Math.min(size, SEGMENT_HEADER_SIZE)) : null
      const bytes = first ?? (await reader.some(size - at))
      if (first !== null) ofArchive(() => checkSegmentHeader(first, number))
      storage.append(name, [bytes])
      found = crc32c(bytes, found)
      at += bytes.length
      unpaused += bytes.length
      if (unpaused < PAUSE_SIZE) continue
      unpaused = 0
      await this.host.pause()
    }
    await this.skipPadding(entry)
    if (found !== checksum) {
      throw new OmenError('bad_request', `backup: ${name} fails its checksum`)
    }
    await storage.sync(name)
  }

  private checkFiles({ files }: Manifest): void {
    for (const { number, size, checksum } of files) {
      const file = this.files.get(number)
      if (file !== undefined && file.size === size && file.checksum === checksum) continue
      const advice = 'restore the full backup and all its increments, in order'
      const fault = file === undefined ? 'is in no archive' : 'differs between the archives'
      throw new OmenError('bad_request', `backup: segment-${number} ${fault}; ${advice}`)
    }
  }

  /** The header of the next entry, which has to have this name and at most `most` bytes. */
  private async entry(name: string, most: number, least = 0): Promise<TarEntry> {
    const entry = await this.header()
    if (entry?.name === name && entry.size <= most && entry.size >= least) return entry
    const found =
      entry === null ? 'it ends' : `${JSON.stringify(entry.name)} of ${entry.size} bytes`
    throw new OmenError('bad_request', `backup: ${name} is expected, but ${found}`)
  }

  private async header(): Promise<TarEntry | null> {
    return decodeTarHeader(await this.reader.exactly(TAR_BLOCK))
  }

  private async content(entry: TarEntry): Promise<Uint8Array> {
    const bytes = await this.reader.exactly(entry.size)
    await this.skipPadding(entry)
    return bytes
  }

  private async skipPadding({ name, size }: TarEntry): Promise<void> {
    const padding = await this.reader.exactly(tarPadding(size))
    if (padding.every((byte) => byte === 0)) return
    throw new OmenError('bad_request', `backup: the padding of ${name} is not zero`)
  }
}

function readDescription(text: string): BackupDescription {
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    // Falls through to the refusal.
  }
  const found = (typeof value === 'object' ? value : null) as Partial<BackupDescription> | null
  const isDescription =
    typeof found?.format === 'number' &&
    typeof found.id === 'string' &&
    (found.since === null || typeof found.since === 'string')
  if (!isDescription) throw new OmenError('bad_request', `backup: ${BACKUP_ENTRY} is damaged`)
  if (found.format === BACKUP_FORMAT) return found as BackupDescription
  const message = `backup: has format ${found.format}, this build reads ${BACKUP_FORMAT}`
  throw new OmenError('unsupported', message)
}

/** A manifest that fits the id of its backup, and whose logs all have an end. */
function decodeManifestOf(bytes: Uint8Array, name: string, id: string): Manifest {
  const { identity, lsn } = parseBackupId(id)
  const manifest = decodeManifest(bytes, name)
  const isOfId = manifest.identity === identity && manifest.durableLsn === lsn
  if (isOfId && manifest.logs.every(({ end }) => end > 0)) return manifest
  throw new OmenError('corrupt', `${name}: is not that of backup ${id}`)
}

/** What is damaged in an archive is the sender's mistake, not damage of ours. */
function ofArchive<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
    throw new OmenError('bad_request', `backup: ${error.message}`)
  }
}
