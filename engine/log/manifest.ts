// The manifest says what a data directory consists of. Each change is a new generation, written as
// two files, both synced, before the older ones go: `manifest-<g>` and `manifest-<g>.copy`. The
// highest generation with an intact file wins. Its bytes are in manifest-bytes.ts.

import { OmenError, assert } from '../error.ts'
import { FILE_HEADER_SIZE } from './file-header.ts'
import { fileName, parseFileName } from './file-name.ts'
import { decodeManifest, encodeManifest } from './manifest-bytes.ts'
import type { PartDescription } from '../segment/part.ts'
import { errorCode } from '../storage/failure.ts'
import { type ShardStorage, readExactly } from '../storage/storage.ts'

/** A log, by the number of its file. */
export interface LogDescription {
  number: number
  /** Bytes that count, all of them good and durable; 0: the log is open, read it to its tail. */
  end: number
}

/** A file whose content is fixed up to `size`. */
export interface FileDescription {
  number: number
  size: number
  /** crc32c of its first `size` bytes. */
  checksum: number
}

export interface ManifestContent {
  /** Random, of this data directory; all its files carry it. */
  identity: bigint
  /** The segment files, rising by number. */
  files: FileDescription[]
  parts: PartDescription[]
  catalog: FileDescription
  /** Oldest first, rising by number. */
  logs: LogDescription[]
  /** Log records below this are in parts or gone: they need no replay. */
  lowestLsn: bigint
  /** Every record up to this was durable when this was written; at least `lowestLsn - 1`. */
  durableLsn: bigint
  /** Above the number of every wal, catalog and segment file. */
  nextFile: number
  /** Above the sequence of every part. */
  nextSequence: bigint
  /** The latest wall-clock time seen, nanoseconds: tells a clock that jumped. */
  lastSeen: bigint
}

export interface Manifest extends ManifestContent {
  generation: number
}

export interface LoadedManifest {
  /** Null in a directory that holds no records: begin anew. */
  manifest: Manifest | null
  /** The highest generation seen, damaged ones too; a ManifestWriter goes on from it. */
  generation: number
  /** Sentences for the operator about damage that was overcome. */
  notes: string[]
}

/**
 * Finds the manifest in force. Throws `corrupt`, naming the files, when there are records but no
 * intact manifest, or when the disk fails to read both files of a generation; `unsupported` when only a newer version can read it.
 */
export function loadManifest(storage: ShardStorage): LoadedManifest {
  const generations = [...new Set(manifestNames(storage).map(({ number }) => number))]
  generations.sort((a, b) => b - a)
  const highest = generations[0] ?? 0
  const notes: string[] = []
  for (const generation of generations) {
    const manifest = loadGeneration(storage, generation, notes)
    if (manifest !== null) return { manifest, generation: highest, notes }
  }
  const holder = storage.list().find((name) => holdsRecords(storage, name))
  if (holder === undefined) return { manifest: null, generation: highest, notes }
  const reason = notes.length === 0 ? 'there is no manifest' : notes.join('; ')
  throw new OmenError('corrupt', `no intact manifest, but ${holder} holds records: ${reason}`)
}

/** Commits generations. One at a time: it is the last step of every change. */
export class ManifestWriter {
  private readonly storage: ShardStorage
  private generation: number
  /** No generation above this is known to be in force. */
  private committed: number
  private isCommitting = false
  private isUnknown = false

  /** `generation` as loadManifest returned it. */
  constructor(storage: ShardStorage, generation: number) {
    this.storage = storage
    this.generation = generation
    this.committed = generation
  }

  /**
   * A commit failed and could not be taken back: after a crash either state may be found. Nothing
   * may be acknowledged until a commit succeeds.
   */
  get isUncertain(): boolean {
    return this.isUnknown
  }

  /**
   * Makes `content` the state that a start finds; everything it names is durable by now. When it
   * throws, the state before is still in force, unless `isUncertain`. Older generations are removed.
   */
  async commit(content: ManifestContent): Promise<Manifest> {
    assert(!this.isCommitting, 'manifests are committed one at a time')
    const manifest = { ...content, generation: this.generation + 1 }
    const bytes = encodeManifest(manifest)
    this.isCommitting = true
    this.generation++
    try {
      await this.write(bytes)
    } catch (error) {
      await this.takeBack()
      throw error
    } finally {
      this.isCommitting = false
    }
    this.committed = this.generation
    this.isUnknown = false
    this.removeOlder()
    return manifest
  }

  private async write(bytes: Uint8Array): Promise<void> {
    for (const suffix of ['', 'copy'] as const) {
      const name = fileName('manifest', this.generation, suffix)
      this.storage.create(name)
      this.storage.append(name, [bytes])
      await this.storage.sync(name)
    }
    await this.storage.syncDirectory()
  }

  /** A half-written generation may be intact on disk: it must be gone before the old state goes on. */
  private async takeBack(): Promise<void> {
    try {
      for (const { name, number } of manifestNames(this.storage)) {
        if (number > this.committed) this.storage.remove(name)
      }
      await this.storage.syncDirectory()
      this.isUnknown = false
    } catch {
      // The commit's own error is what the caller gets; this is what it has to know besides.
      this.isUnknown = true
    }
  }

  private removeOlder(): void {
    try {
      for (const { name, number } of manifestNames(this.storage)) {
        if (number < this.committed) this.storage.remove(name)
      }
    } catch {
      // They lose against the new generation; the next commit removes them.
    }
  }
}

function manifestNames(storage: ShardStorage): { name: string; number: number }[] {
  return storage.list().flatMap((name) => {
    const parsed = parseFileName(name)
    return parsed?.kind === 'manifest' ? [{ name, number: parsed.number }] : []
  })
}

function loadGeneration(
  storage: ShardStorage,
  generation: number,
  notes: string[],
): Manifest | null {
  const found: Manifest[] = []
  let newer: OmenError | null = null
  let unreadable: OmenError | null = null
  for (const suffix of ['', 'copy'] as const) {
    const name = fileName('manifest', generation, suffix)
    try {
      found.push(readManifest(storage, name, generation))
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      if (error.code === 'unsupported') newer = error
      else if (error.code !== 'corrupt') throw error
      else if (isUnreadable(error)) unreadable = error
      notes.push(error.message)
    }
  }
  const [manifest, copy] = found
  // A damaged version number must not lock out a directory whose other file is intact.
  if (manifest === undefined && newer !== null) throw newer
  // It may be intact and in force: who went on from an older one would bring back what is gone.
  if (manifest === undefined && unreadable !== null) throw unreadable
  if (manifest !== undefined && copy !== undefined && !isSame(manifest, copy)) {
    throw new OmenError('corrupt', `manifest-${generation}: differs from its copy`)
  }
  return manifest ?? null
}

/** Did the disk fail, so that nobody knows the bytes? A missing file is known to be missing. */
function isUnreadable({ cause }: OmenError): boolean {
  return !['', 'ENOENT'].includes(errorCode(cause))
}

function readManifest(storage: ShardStorage, name: string, generation: number): Manifest {
  const bytes = new Uint8Array(storage.size(name))
  readExactly(storage, name, 0, bytes)
  const manifest = decodeManifest(bytes, name)
  if (manifest.generation === generation) return manifest
  throw new OmenError('corrupt', `${name}: is a copy of manifest-${manifest.generation}`)
}

function isSame(a: Manifest, b: Manifest): boolean {
  const [left, right] = [encodeManifest(a), encodeManifest(b)]
  return left.length === right.length && left.every((byte, i) => byte === right[i])
}

/** Before the first manifest is durable there are only files without a record. */
function holdsRecords(storage: ShardStorage, name: string): boolean {
  const parsed = parseFileName(name)
  if (parsed === null || parsed.suffix !== '' || parsed.kind === 'manifest') return false
  return storage.size(name) > FILE_HEADER_SIZE
}
