// The shard's storage in a Durable Object: the port over the rows of object-rows.ts. Appends gather in
// memory and become rows when they are synced or fill one, so a group commit writes one row: all records
// since the last, and what was appended without a sync between.
//
// Cloudflare documents, and this relies on: writes of one turn without an await between them are
// committed together, in order, or not at all; what the object sends out is held back until all writes
// before it are confirmed, and once a commit fails the object is reset; it is in one place at a time (so
// it is its own lock). A crash thus leaves what was there after some turn, and every turn before it. A
// file that is named after it was written needs no more than that: so only logs wait for the platform's
// confirmation, which is what gathers writers into groups, and all else is simply in order. After a sync
// that failed nothing here is believed any more, not even for reading.

import { OmenError, assert } from '../error.ts'
import { type ObjectStorage, ObjectRows, type StoredFile, objectFailure } from './object-rows.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  lockedStorage,
  missingFile,
} from './storage.ts'

export type { ObjectStorage } from './object-rows.ts'

export interface ObjectStorageOptions {
  /** For messages. */
  readonly location?: string
  /** Called once, when a sync fails: the object has to be reset to know what it holds. */
  readonly failed?: (error: OmenError) => void
  /**
   * Waited for before a log is synced. While a commit is under way the platform delivers no event to the
   * object, so without a turn for those that wait each would be a group of its own.
   */
  readonly gather?: () => Promise<void>
}

/** A shard's storage that can be given up in any turn. */
export interface ObjectShardStorage extends ShardStorage {
  /** Whether somebody waits for a confirmation. */
  readonly isSyncing: boolean
  /** Ends it as a crash does, without a call of the object's storage: what was not synced is lost. */
  abandon(): void
}

/** Bytes of a row at most: SQLite takes 2 MB a value here. */
export const CHUNK_BYTES_MAX = 1 << 20
/**
 * Bytes of a row of a segment, which is read in pieces of a few KB: 4 KB take 27 µs out of rows of 64
 * KB, 52 out of 128 KB, 250 out of 1 MB, and 30 out of 16 KB, with four times the rows to pay for.
 */
export const SEGMENT_CHUNK_BYTES = 1 << 16
/** Files but segments are read from front to end, in steps of so many bytes. */
const READ_AHEAD_BYTES = 1 << 18
const BUFFER_BYTES_MIN = 1_024
const BUFFER_BYTES_KEPT = 1 << 14
const EMPTY = new Uint8Array(0)

const QUARANTINE = 'quarantine/'

interface ObjectFile extends StoredFile {
  /** Bytes behind the stored ones: they become a row at the next sync, or when they fill one. */
  buffer: Uint8Array
  buffered: number
  /** Stored bytes that the platform has confirmed, -1 after a cut; and how often it was cut. */
  confirmed: number
  cuts: number
}

/** Some bytes of a file that were read ahead. */
interface Window {
  readonly file: ObjectFile
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Those that are open: an object has one. */
const held = new WeakSet<ObjectStorage>()

/** Opens what the object holds. Throws `locked` while it is open already, `corrupt`, `unavailable`. */
export function openDurableObjectStorage(
  storage: ObjectStorage,
  options: ObjectStorageOptions = {},
): ObjectShardStorage {
  return new DurableObjectStorage(storage, options)
}

class DurableObjectStorage implements ObjectShardStorage {
  readonly location: string
  private readonly storage: ObjectStorage
  private readonly rows: ObjectRows
  private readonly failed: (error: OmenError) => void
  private readonly gather: (() => Promise<void>) | null
  private readonly files = new Map<string, ObjectFile>()
  /** By name without the prefix. */
  private readonly copies = new Map<string, ObjectFile>()
  private readonly ids = new Set<number>()
  private readonly syncs = new Set<Promise<void>>()
  private window: Window | null = null
  private failure: OmenError | null = null
  private isClosed = false

  constructor(storage: ObjectStorage, { location, failed, gather }: ObjectStorageOptions) {
    this.location = location ?? 'durable object'
    this.storage = storage
    this.rows = new ObjectRows(storage)
    this.failed = failed ?? (() => {})
    this.gather = gather ?? null
    if (held.has(storage)) throw lockedStorage(this.location, 'another storage of this object')
    for (const stored of this.rows.load(this.location)) {
      const file = { ...stored, buffer: EMPTY, buffered: 0, confirmed: -1, cuts: 0 }
      const { id, name } = file
      this.ids.add(id)
      if (name.startsWith(QUARANTINE)) this.copies.set(name.slice(QUARANTINE.length), file)
      else this.files.set(name, file)
    }
    held.add(storage)
  }

  list(): string[] {
    this.checkUsable()
    return [...this.files.keys()].sort()
  }

  has(name: string): boolean {
    checkName(name)
    this.checkUsable()
    return this.files.has(name)
  }

  size(name: string): number {
    return sizeOf(this.file(name))
  }

  read(name: string, offset: number, target: Uint8Array): number {
    const file = this.file(name)
    const end = Math.min(sizeOf(file), offset + target.length)
    if (end <= offset) return 0
    const { stored, buffer } = file
    if (offset < stored) {
      this.readStored(file, offset, target.subarray(0, Math.min(end, stored) - offset))
    }
    if (end > stored) {
      const from = Math.max(offset, stored)
      target.set(buffer.subarray(from - stored, end - stored), from - offset)
    }
    return end - offset
  }

  create(name: string): void {
    if (this.has(name)) throw existingFile(name)
    this.files.set(name, this.makeFile(name))
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    const file = this.file(name)
    this.window = null
    for (const part of parts) this.buffer(file, part)
  }

  truncate(name: string, size: number): void {
    const file = this.file(name)
    assert(
      size >= 0 && size <= sizeOf(file),
      `truncate ${name} of ${sizeOf(file)} bytes to ${size}`,
    )
    if (size < file.stored) {
      this.rows.cut(file, size)
      file.confirmed = -1
      file.cuts++
      this.window = null
    }
    file.buffered = size - file.stored
  }

  async sync(name: string): Promise<void> {
    const file = this.file(name)
    if (!isLog(name)) return this.store(file)
    // What was gathered with the group before is on the disk with it.
    if (file.buffered === 0 && file.confirmed === file.stored) return
    const sync = this.syncLog(file)
    this.syncs.add(sync)
    try {
      await sync
    } finally {
      this.syncs.delete(sync)
    }
  }

  rename(source: string, target: string): void {
    const file = this.file(source)
    if (this.has(target)) throw existingFile(target)
    this.rows.rename(file, target)
    this.files.delete(source)
    this.files.set(target, file)
  }

  remove(name: string): void {
    const file = this.file(name)
    this.rows.remove(file)
    this.window = null
    this.files.delete(name)
    this.ids.delete(file.id)
  }

  async syncDirectory(): Promise<void> {
    this.checkUsable()
    for (const file of this.files.values()) if (!file.isListed) this.store(file)
  }

  quarantine(name: string): string {
    const file = this.file(name)
    this.store(file)
    let copy = name
    for (let i = 1; this.copies.has(copy); i++) {
      if (this.isSame(file, this.copies.get(copy)!)) return QUARANTINE + copy
      copy = `${name}.${i}`
    }
    const made = this.makeFile(QUARANTINE + copy)
    for (const piece of this.pieces(file)) this.buffer(made, piece)
    this.store(made)
    this.copies.set(copy, made)
    return QUARANTINE + copy
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await Promise.allSettled(this.syncs)
    // What was not synced may be lost, but a close is no crash.
    if (this.failure === null) for (const file of this.files.values()) this.storeIfCan(file)
    held.delete(this.storage)
  }

  get isSyncing(): boolean {
    return this.syncs.size > 0
  }

  abandon(): void {
    this.isClosed = true
    held.delete(this.storage)
  }

  private makeFile(name: string): ObjectFile {
    let id = 1
    while (this.ids.has(id)) id++
    this.ids.add(id)
    const nothing = { isListed: false, hasTable: false, head: 0, stored: 0, buffered: 0 }
    return { id, name, ...nothing, buffer: EMPTY, confirmed: -1, cuts: 0 }
  }

  /** Adds bytes to what is buffered, and makes rows of whole chunks. */
  private buffer(file: ObjectFile, bytes: Uint8Array): void {
    const chunkBytes = isSegment(file.name) ? SEGMENT_CHUNK_BYTES : CHUNK_BYTES_MAX
    let from = 0
    while (from < bytes.length) {
      if (file.buffered === chunkBytes) this.store(file)
      const count = Math.min(bytes.length - from, chunkBytes - file.buffered)
      reserve(file, file.buffered + count, chunkBytes)
      file.buffer.set(bytes.subarray(from, from + count), file.buffered)
      file.buffered += count
      from += count
    }
  }

  /** Makes a row of what is buffered. If it throws, all is as before. */
  private store(file: ObjectFile): void {
    const { buffered, buffer } = file
    if (buffered === 0 && file.isListed) return
    this.rows.append(file, buffer.subarray(0, buffered))
    file.buffered = 0
    // An object that rests holds little.
    if (buffer.length > BUFFER_BYTES_KEPT) file.buffer = EMPTY
  }

  private storeIfCan(file: ObjectFile): void {
    try {
      this.store(file)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
    }
  }

  /** Resolves when the platform has confirmed all writes so far. */
  private async syncLog(file: ObjectFile): Promise<void> {
    if (this.gather !== null) {
      await this.gather()
      if (this.failure !== null) throw this.failure
      // Removed meanwhile.
      if (this.files.get(file.name) !== file) return
    }
    this.store(file)
    const { stored, cuts } = file
    try {
      await this.storage.sync()
    } catch (error) {
      throw this.fail(file.name, error)
    }
    if (this.failure !== null) throw this.failure
    if (file.cuts === cuts) file.confirmed = Math.max(file.confirmed, stored)
  }

  /** After a failed commit nobody knows what of the last turns is there. */
  private fail(name: string, error: unknown): OmenError {
    if (this.failure !== null) return this.failure
    this.failure = objectFailure(error, name, 'sync')
    this.failed(this.failure)
    return this.failure
  }

  /** Reads stored bytes; of files but segments some more, because they are read on from there. */
  private readStored(file: ObjectFile, offset: number, target: Uint8Array): void {
    const end = offset + target.length
    const { window } = this
    if (window !== null && window.file === file && window.offset <= offset) {
      const from = offset - window.offset
      if (from + target.length <= window.bytes.length) {
        target.set(window.bytes.subarray(from, from + target.length))
        return
      }
    }
    const ahead = isSegment(file.name) ? end : Math.min(file.stored, offset + READ_AHEAD_BYTES)
    if (ahead <= end) {
      this.rows.read(file, offset, target)
      return
    }
    const bytes = new Uint8Array(ahead - offset)
    this.rows.read(file, offset, bytes)
    this.window = { file, offset, bytes }
    target.set(bytes.subarray(0, target.length))
  }

  /** All of a stored file; a piece is valid until the next. */
  private *pieces(file: ObjectFile): Generator<Uint8Array> {
    const room = new Uint8Array(Math.min(file.stored, READ_AHEAD_BYTES))
    for (let offset = 0; offset < file.stored; offset += room.length) {
      const piece = room.subarray(0, file.stored - offset)
      this.rows.read(file, offset, piece)
      yield piece
    }
  }

  private isSame(a: ObjectFile, b: ObjectFile): boolean {
    if (a.stored !== b.stored) return false
    const others = this.pieces(b)
    for (const piece of this.pieces(a)) {
      const other = others.next().value as Uint8Array
      if (!piece.every((byte, i) => byte === other[i])) return false
    }
    return true
  }

  private file(name: string): ObjectFile {
    checkName(name)
    this.checkUsable()
    const file = this.files.get(name)
    if (file === undefined) throw missingFile(name)
    return file
  }

  private checkUsable(): void {
    if (this.isClosed) throw closedStorage(this.location)
    if (this.failure === null) return
    const message = `${this.location}: ended by a failed sync, ${this.failure.message}`
    throw new OmenError('unavailable', message, { cause: this.failure, retryAfter: 1 })
  }
}

function sizeOf({ stored, buffered }: ObjectFile): number {
  return stored + buffered
}

function isSegment(name: string): boolean {
  return name.startsWith('segment-')
}

function isLog(name: string): boolean {
  return name.startsWith('wal-')
}

/** Room for `size` bytes in the buffer; doubles, up to a whole chunk. */
function reserve(file: ObjectFile, size: number, chunkBytes: number): void {
  if (size <= file.buffer.length) return
  const room = Math.max(size, file.buffer.length * 2, BUFFER_BYTES_MIN)
  const buffer = new Uint8Array(Math.min(room, chunkBytes))
  buffer.set(file.buffer.subarray(0, file.buffered))
  file.buffer = buffer
}
