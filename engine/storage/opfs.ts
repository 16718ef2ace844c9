// The shard's storage in the origin private file system of a browser, in a dedicated worker, where
// sync access handles read, write and flush without an await. Opening one takes an await, so names lead
// to files of a pool that is open ahead of need (opfs-pool.ts), and a map that exists twice has the
// names (opfs-map.ts). What is removed is emptied only when the map without it is durable.

import { OmenError, assert } from '../error.ts'
import type { StorageAction } from './failure.ts'
import {
  type OpfsDirectory,
  type OpfsLocks,
  type SyncHandle,
  exceptionName,
  opfsFailure,
} from './opfs-handle.ts'
import { MapFile, writeFully } from './opfs-map.ts'
import { MemoryHandle } from './opfs-memory-handle.ts'
import { OpfsPool, type PoolFile, handleOpener } from './opfs-pool.ts'
import { Presence } from './opfs-presence.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  failedFile,
  lockedStorage,
  missingFile,
} from './storage.ts'

export interface OpfsHost {
  /** `navigator.storage.getDirectory()`. */
  readonly root: OpfsDirectory
  /** `navigator.locks`. */
  readonly locks: OpfsLocks
  /** Resolves in a later macrotask. */
  pause(): Promise<void>
  /** Resolves after about so long. */
  sleep(delayMs: number): Promise<void>
}

/** Folder of the root in which each database has its own. */
export const OPFS_FOLDER = 'omendb'
const DATABASE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/
/** Parts are gathered into writes of this size. */
const GATHER_BYTES = 65_536
/** Bytes that files without one of the pool may have together. */
const WAITING_BYTES_MAX = 64 << 20
const COPY_BYTES = 1 << 20

/** A file that is in use, whatever it is called. */
interface OpenFile {
  /** Null: its bytes are in memory until the pool has a file. */
  place: PoolFile | null
  handle: SyncHandle
  size: number
  /** Counts changes. */
  version: number
  /** The change up to which everything is on disk for sure. */
  syncedVersion: number
  isTorn: boolean
  isFailed: boolean
  isRemoved: boolean
}

/**
 * Opens the files of the database `name`, making them if needed, and holds them until close(). Throws
 * `locked` when another tab or worker has them, `bad_request` for a name that is none.
 */
export async function openOpfsStorage(name: string, host: OpfsHost): Promise<ShardStorage> {
  if (!DATABASE_NAME.test(name)) {
    const allowed = 'letters, digits, dots, dashes and underscores, at most 100'
    throw new OmenError('bad_request', `opfs:${name}: a name has ${allowed}`)
  }
  const location = `opfs:${name}`
  const release = await takeLock(location, host.locks)
  try {
    const folder = await host.root.getDirectoryHandle(OPFS_FOLDER, { create: true })
    const directory = await folder.getDirectoryHandle(name, { create: true })
    return await OpfsStorage.open(location, directory, host, release)
  } catch (error) {
    await release()
    if (exceptionName(error) === 'NoModificationAllowedError') throw heldElsewhere(location)
    throw opfsFailure(error, location, 'open')
  }
}

function heldElsewhere(location: string): OmenError {
  return lockedStorage(location, 'another tab or worker of this origin; close it there first')
}

type Release = () => Promise<void>

/** Holds the Web Lock of the database until it is released; it goes with the worker that holds it. */
function takeLock(location: string, locks: OpfsLocks): Promise<Release> {
  return new Promise((resolve, reject) => {
    const held = locks.request(`omendb ${location}`, { ifAvailable: true }, async (lock) => {
      if (lock === null) throw heldElsewhere(location)
      await new Promise<void>((end) => {
        // The next request may come as soon as this one is over.
        resolve(() => {
          end()
          return held
        })
      })
    })
    held.catch((error: unknown) => reject(opfsFailure(error, location, 'open')))
  })
}

class OpfsStorage implements ShardStorage {
  readonly location: string
  private readonly pool: OpfsPool
  private readonly map: MapFile
  private readonly host: OpfsHost
  private readonly release: Release
  private readonly presence: Presence
  /** Those in quarantine as `quarantine/…`. */
  private readonly files = new Map<string, OpenFile>()
  private readonly running = new Set<Promise<void>>()
  /** Files that a durable name may still lead to. */
  private removed: PoolFile[] = []
  /** Counts creates, renames and removes. */
  private version = 0
  private syncedVersion = 0
  private isSettling = false
  private isClosed = false

  private constructor(
    location: string,
    parts: {
      pool: OpfsPool
      map: MapFile
      host: OpfsHost
      release: Release
      presence: Presence
    },
  ) {
    this.location = location
    this.pool = parts.pool
    this.map = parts.map
    this.host = parts.host
    this.release = parts.release
    this.presence = parts.presence
  }

  static async open(
    location: string,
    directory: OpfsDirectory,
    host: OpfsHost,
    release: Release,
  ): Promise<OpfsStorage> {
    const open = handleOpener(directory, host)
    const map = new MapFile(await open(['map-0', 'map-1']))
    const pool = new OpfsPool(directory, open)
    try {
      const names = map.load(location)
      const places = await pool.open(new Set(names.values()))
      const presence = new Presence(location, { directory, file: 'map-0' }, (delayMs) =>
        host.sleep(delayMs),
      )
      const storage = new OpfsStorage(location, { pool, map, host, release, presence })
      for (const [name, number] of names) {
        const place = places.get(number)
        // A name whose file is gone is not there: whoever needs it says so.
        if (place === undefined) continue
        storage.files.set(name, openFile(place, place.handle.getSize()))
      }
      return storage
    } catch (error) {
      map.close()
      await pool.close()
      throw error
    }
  }

  list(): string[] {
    if (this.isClosed) throw closedStorage(this.location)
    return [...this.files.keys()].filter((name) => !name.includes('/')).sort()
  }

  has(name: string): boolean {
    checkName(name)
    if (this.isClosed) throw closedStorage(this.location)
    return this.files.has(name)
  }

  size(name: string): number {
    return this.file(name).size
  }

  read(name: string, offset: number, target: Uint8Array): number {
    const { handle, size } = this.file(name)
    return attempt(name, 'read', () => readUpTo(handle, offset, target, size))
  }

  create(name: string): void {
    if (this.has(name)) throw existingFile(name)
    this.files.set(name, openFile(this.pool.take()))
    this.change()
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    const file = this.writable(name)
    if (file.isTorn) {
      throw new OmenError('unavailable', `${name}: an earlier append failed, truncate it first`)
    }
    let size = file.size
    for (const part of parts) size += part.length
    if (file.place === null) this.checkWaiting(name, size - file.size)
    file.version++
    file.isTorn = true
    attempt(name, 'write', () => writeParts(file.handle, parts, file.size))
    file.isTorn = false
    file.size = size
  }

  truncate(name: string, size: number): void {
    const file = this.writable(name)
    assert(size >= 0 && size <= file.size, `truncate ${name} of ${file.size} bytes to ${size}`)
    file.version++
    attempt(name, 'write', () => file.handle.truncate(size))
    file.size = size
    file.isTorn = false
  }

  sync(name: string): Promise<void> {
    return this.track(() => this.syncFile(name))
  }

  rename(source: string, target: string): void {
    const file = this.file(source)
    if (this.has(target)) throw existingFile(target)
    this.files.delete(source)
    this.files.set(target, file)
    this.change()
  }

  remove(name: string): void {
    const file = this.file(name)
    this.files.delete(name)
    file.isRemoved = true
    if (file.place !== null) this.removed.push(file.place)
    this.change()
    this.settle()
  }

  syncDirectory(): Promise<void> {
    return this.track(() => this.syncNames())
  }

  quarantine(name: string): string {
    const file = this.file(name)
    let copy = `quarantine/${name}`
    for (let i = 1; this.files.has(copy); i++) {
      if (attempt(name, 'read', () => isSame(file, this.files.get(copy)!))) return copy
      copy = `quarantine/${name}.${i}`
    }
    const target = openFile(this.pool.take())
    attempt(name, 'write', () => copyTo(file, target))
    attempt(name, 'sync', () => flush(target))
    this.files.set(copy, target)
    this.change()
    this.settle()
    return copy
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    if (await this.presence.find()) return this.release()
    await Promise.allSettled(this.running)
    try {
      // Nobody was promised it, but a storage that is closed in peace forgets nothing.
      await this.syncNames()
    } catch {}
    await this.pool.close()
    this.map.close()
    await this.release()
  }

  private async syncFile(name: string): Promise<void> {
    const file = this.writable(name)
    const { version } = file
    this.presence.look()
    // A flush stops the whole worker: those who have come meanwhile share it.
    await this.host.pause()
    await this.placeAll([file], name)
    if (file.isFailed) throw failedFile(name)
    if (file.syncedVersion >= version || this.isGone(file)) return
    attempt(name, 'sync', () => flush(file))
    this.presence.check()
  }

  /** Whether no name leads to it any more, not even after a power cut. */
  private isGone({ isRemoved, place }: OpenFile): boolean {
    return isRemoved && (place === null || !this.removed.includes(place))
  }

  private async syncNames(): Promise<void> {
    const name = `directory of ${this.location}`
    await this.host.pause()
    const { version } = this
    const failure = await failureOf(this.placeAll([...this.files.values()], name))
    // Also without room for new files: it makes some of what was removed.
    if (this.syncedVersion < version) {
      attempt(name, 'sync', () => this.saveNames(failure === null ? version : this.syncedVersion))
    }
    if (failure !== null) throw failure
  }

  /** `version`: how many changes it makes durable. After a throw the old map is in force, or the new one. */
  private saveNames(version: number): void {
    const { removed } = this
    const names = new Map<string, number>()
    for (const [name, file] of this.files) {
      if (file.place !== null) names.set(name, file.place.number)
    }
    this.map.save(names)
    this.syncedVersion = version
    this.removed = []
    for (const place of removed) this.pool.recycle(place)
  }

  /** Gives back what was removed, in a later turn, also if nobody asks for it. */
  private settle(): void {
    if (this.isSettling) return
    this.isSettling = true
    const settled = this.track(() => this.syncNames())
    void settled.catch(() => {}).finally(() => (this.isSettling = false))
  }

  /** Moves those of the files that are still in memory to files of the pool. */
  private async placeAll(files: readonly OpenFile[], name: string): Promise<void> {
    const waiting = files.filter(({ place }) => place === null)
    for (const file of waiting) {
      while (file.place === null && !file.isRemoved) {
        const place = this.pool.take()
        if (place !== null) attempt(name, 'write', () => this.move(file, place))
        else await attemptLater(name, () => this.pool.grow())
      }
    }
  }

  private move(file: OpenFile, place: PoolFile): void {
    try {
      copyBytes(file.handle, file.size, place.handle)
      place.handle.flush()
    } catch (error) {
      this.pool.recycle(place)
      throw error
    }
    file.place = place
    file.handle = place.handle
  }

  private checkWaiting(name: string, count: number): void {
    let bytes = count
    for (const { place, size } of this.files.values()) if (place === null) bytes += size
    if (bytes <= WAITING_BYTES_MAX) return
    throw new OmenError('unavailable', `${name}: ${bytes} bytes wait for files to be made`)
  }

  private change(): void {
    this.version++
  }

  private async track(run: () => Promise<void>): Promise<void> {
    if (this.isClosed) throw closedStorage(this.location)
    const promise = run()
    this.running.add(promise)
    try {
      await promise
    } finally {
      this.running.delete(promise)
    }
  }

  private file(name: string): OpenFile {
    checkName(name)
    if (this.isClosed) throw closedStorage(this.location)
    const file = this.files.get(name)
    if (file === undefined) throw missingFile(name)
    return file
  }

  private writable(name: string): OpenFile {
    const file = this.file(name)
    if (file.isFailed) throw failedFile(name)
    return file
  }
}

function openFile(place: PoolFile | null, size = 0): OpenFile {
  const handle = place?.handle ?? new MemoryHandle()
  // What a worker that was killed has written is here, and may not be on disk.
  const counts = { version: 1, syncedVersion: 0 }
  return { place, handle, size, ...counts, isTorn: false, isFailed: false, isRemoved: false }
}

/** A file whose flush fails has bytes that nobody knows. */
function flush(file: OpenFile): void {
  const { version } = file
  try {
    file.handle.flush()
  } catch (error) {
    file.isFailed = true
    throw error
  }
  file.syncedVersion = version
}

function attempt<T>(name: string, action: StorageAction, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw opfsFailure(error, name, action)
  }
}

async function failureOf(promise: Promise<void>): Promise<unknown> {
  try {
    await promise
    return null
  } catch (error) {
    return error
  }
}

async function attemptLater(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    throw opfsFailure(error, name, 'open')
  }
}

function readUpTo(handle: SyncHandle, offset: number, target: Uint8Array, size: number): number {
  const length = Math.max(0, Math.min(target.length, size - offset))
  let count = 0
  while (count < length) {
    const got = handle.read(target.subarray(count, length), { at: offset + count })
    if (got === 0) break
    count += got
  }
  return count
}

const gathered = new Uint8Array(GATHER_BYTES)

/** Writes the parts one behind the other; small ones together, because each call is a system call. */
function writeParts(handle: SyncHandle, parts: readonly Uint8Array[], at: number): void {
  let length = 0
  const send = (bytes: Uint8Array): void => {
    writeFully(handle, bytes, at)
    at += bytes.length
  }
  for (const part of parts) {
    if (length + part.length > GATHER_BYTES) {
      send(gathered.subarray(0, length))
      length = 0
    }
    if (part.length > GATHER_BYTES) send(part)
    else {
      gathered.set(part, length)
      length += part.length
    }
  }
  send(gathered.subarray(0, length))
}

function copyTo(source: OpenFile, target: OpenFile): void {
  copyBytes(source.handle, source.size, target.handle)
  target.size = source.size
}

function copyBytes(source: SyncHandle, size: number, target: SyncHandle): void {
  const buffer = new Uint8Array(Math.min(size, COPY_BYTES))
  for (let at = 0; at < size;) {
    const count = readUpTo(source, at, buffer, size)
    assert(count > 0, 'a file has the bytes that its size says')
    writeFully(target, buffer.subarray(0, count), at)
    at += count
  }
}

function isSame(a: OpenFile, b: OpenFile): boolean {
  if (a.size !== b.size) return false
  const buffers = [a, b].map(({ size }) => new Uint8Array(Math.min(size, COPY_BYTES)))
  for (let at = 0; at < a.size; at += COPY_BYTES) {
    const count = readUpTo(a.handle, at, buffers[0]!, a.size)
    if (readUpTo(b.handle, at, buffers[1]!, b.size) !== count) return false
    for (let i = 0; i < count; i++) if (buffers[0]![i] !== buffers[1]![i]) return false
  }
  return true
}
