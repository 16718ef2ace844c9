// A backup is a data directory as it was at one moment: a manifest, and beside it the files that it
// names, none of which ever changes in the bytes that count. They are held against removal while the
// archive is read, so writes, flushes and merges go on. docs/format.md, "Backup archive".

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import { type FileKind, fileName, parseFileName } from '../log/file-name.ts'
import type { FrozenState } from '../log/journal.ts'
import { encodeManifest } from '../log/manifest-bytes.ts'
import type { ShardRooms } from '../publisher.ts'
import { readWaiting } from '../storage/storage.ts'
import { type BackupId, formatBackupId, hadFile, parseBackupId } from './backup-id.ts'
import { TAR_END_SIZE, encodeTarHeader, tarPadding } from './tar.ts'

/** First entry of an archive. */
export const BACKUP_ENTRY = 'omendb-backup.json'
/** Version of the archive, which changes when a reader of the one before could not read it. */
export const BACKUP_FORMAT = 0

/** What the first entry says, as JSON. */
export interface BackupDescription {
  readonly format: number
  readonly id: string
  /** Of an increment: the backup that has the other files. */
  readonly since: string | null
  readonly createdAt: string
  /** Of a database in several shards: which of its archives this is, from 1; `of` names all of them. */
  readonly part?: BackupPart
}

export interface BackupPart {
  readonly of: string
  readonly index: number
  readonly count: number
}

/**
 * The bytes of a tar archive, to be read once. What it holds on the disk is released when it has been
 * read, fails, or is returned early (`for await` does that by itself, `return()` without it).
 */
export interface Backup extends AsyncIterableIterator<Uint8Array> {
  readonly id: string
}

/** What a backup needs of a shard. */
export interface BackupSource {
  readonly rooms: ShardRooms
  flush(): Promise<void>
  /** Runs `action` when all that was acknowledged is durable, and nothing is logged meanwhile. */
  exclusive<T>(action: () => Promise<T>): Promise<T>
}

interface State {
  readonly id: BackupId
  readonly since: BackupId | null
  readonly part: BackupPart | null
  readonly frozen: FrozenState
  readonly release: () => void
}

/** Bytes of a file that are read at once. */
const CHUNK_SIZE = 1 << 18
/** The same of one that each time a request is made for. */
const COLD_CHUNK_SIZE = 1 << 21

/**
 * Begins a backup of everything acknowledged before the call. With `since`, the id of an earlier
 * backup, it leaves out the segment files which that one had. Throws `bad_request` for what is no id
 * and `conflict` for one of another data directory, or of a later state.
 */
export async function startBackup(
  source: BackupSource,
  since: string | null,
  part: BackupPart | null = null,
): Promise<Backup> {
  const { rooms } = source
  const earlier = since === null ? null : parseBackupId(since)
  if (earlier !== null) checkEarlier(earlier, rooms)
  // Only so that the log is short: what cannot be flushed now (a full disk) goes with the log.
  await source.flush().catch(passOutage)
  const state = await source.exclusive(() =>
    rooms.journal.exclusive(async () => ({ ...freeze(rooms, earlier), part })),
  )
  return new BackupStream(rooms, state)
}

function passOutage(error: unknown): void {
  if (!(error instanceof OmenError)) throw error
}

function checkEarlier({ identity, lsn, nextFile }: BackupId, { journal }: ShardRooms): void {
  if (identity !== journal.identity) {
    const advice = 'take a full backup (a restored server has an identity of its own)'
    throw new OmenError('conflict', `since: the backup is of another data directory; ${advice}`)
  }
  if (lsn > journal.durableLsn || nextFile > journal.nextFileNumber) {
    throw new OmenError('conflict', 'since: the backup is newer than the data; take a full backup')
  }
}

function freeze(rooms: ShardRooms, since: BackupId | null): Omit<State, 'part'> {
  const { journal, parts } = rooms
  const version = parts.acquire()
  const frozen = journal.freeze(version)
  const { identity, durableLsn, nextFile } = frozen.manifest
  const id = { identity, lsn: durableLsn, nextFile, unfinished: unfinishedFiles(rooms) }
  const release = (): void => {
    frozen.release()
    parts.release(version)
  }
  return { id, since, frozen, release }
}

/** Segment files that are there and never were in a version: flushes and merges that go on. */
function unfinishedFiles({ host, parts }: ShardRooms): number[] {
  const numbers = host.storage.list().flatMap((name) => {
    const parsed = parseFileName(name)
    return parsed?.kind === 'segment' ? [parsed.number] : []
  })
  const known = new Set([...parts.version.files.keys(), ...parts.obsoleteFiles()])
  return [...new Set(numbers)].filter((number) => !known.has(number)).sort((a, b) => a - b)
}

class BackupStream implements Backup {
  readonly id: string
  private readonly pieces: AsyncGenerator<Uint8Array>
  private readonly release: () => void
  private isReleased = false

  constructor(rooms: ShardRooms, state: State) {
    this.id = formatBackupId(state.id)
    this.pieces = writeArchive(rooms, state)
    this.release = state.release
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const piece = await this.pieces.next()
      if (piece.done === true) this.end()
      return piece
    } catch (error) {
      this.end()
      throw error
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.end()
    return this.pieces.return(undefined)
  }

  private end(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.release()
  }
}

async function* writeArchive(rooms: ShardRooms, state: State): AsyncGenerator<Uint8Array> {
  const { manifest } = state.frozen
  const seconds = Number(rooms.host.now() / 1_000_000_000n)
  const description: BackupDescription = {
    format: BACKUP_FORMAT,
    id: formatBackupId(state.id),
    since: state.since === null ? null : formatBackupId(state.since),
    createdAt: new Date(seconds * 1000).toISOString(),
    ...(state.part === null ? {} : { part: state.part }),
  }
  const head = new TextEncoder().encode(`${JSON.stringify(description)}\n`)
  yield encodeEntry(BACKUP_ENTRY, head, seconds)
  yield encodeEntry(fileName('manifest', manifest.generation), encodeManifest(manifest), seconds)
  const { catalog, logs, files } = manifest
  yield* writeFile(rooms, 'catalog', catalog, seconds)
  for (const { number, end } of logs) yield* writeFile(rooms, 'wal', { number, size: end }, seconds)
  for (const file of files) {
    if (state.since !== null && hadFile(state.since, file.number)) continue
    yield* writeFile(rooms, 'segment', file, seconds)
  }
  yield new Uint8Array(TAR_END_SIZE)
}

/** A small entry whole: header, content, padding. */
function encodeEntry(name: string, content: Uint8Array, seconds: number): Uint8Array {
  const header = encodeTarHeader({ name, size: content.length }, seconds)
  const bytes = new Uint8Array(header.length + content.length + tarPadding(content.length))
  bytes.set(header)
  bytes.set(content, header.length)
  return bytes
}

/** The first `size` bytes of a file; throws `corrupt` if they are not what the manifest names. */
async function* writeFile(
  { host }: ShardRooms,
  kind: FileKind,
  { number, size, checksum }: { number: number; size: number; checksum?: number },
  seconds: number,
): AsyncGenerator<Uint8Array> {
  const name = fileName(kind, number)
  yield encodeTarHeader({ name, size }, seconds)
  let found = 0
  const chunkSize = host.storage.cold?.has(name) === true ? COLD_CHUNK_SIZE : CHUNK_SIZE
  for (let offset = 0; offset < size; offset += chunkSize) {
    await host.pause()
    const length = Math.min(chunkSize, size - offset)
    const bytes = await readWaiting(host.storage, name, offset, length)
    found = crc32c(bytes, found)
    if (offset + bytes.length === size && checksum !== undefined && found !== checksum) {
      throw new OmenError('corrupt', `${name}: fails the manifest's checksum, so the backup ends`)
    }
    yield bytes
  }
  const padding = tarPadding(size)
  if (padding > 0) yield new Uint8Array(padding)
}
