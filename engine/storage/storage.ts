// The two storage ports. ShardStorage is the one writer's directory of append-only files, small
// enough to be made of real files, a Durable Object's SQLite or OPFS: appends and reads are
// synchronous (so kernel memory never crosses an await), only durability is awaited.
// SegmentStorage is the object store: immutable objects, many readers. A ShardStorage may keep files
// there (`cold`), which are then read by waiting.

import { OmenError, assert } from '../error.ts'

/**
 * Files of one shard, held by one writer. Names are flat (`checkName`). Every error is an OmenError
 * that names the file: `storage_full` (no space, quota), `unavailable` (write, sync or descriptor
 * failure, read-only, closed), `corrupt` (missing file, unreadable sector), `conflict` (exists).
 */
export interface ShardStorage {
  /** Where it is, for messages. */
  readonly location: string
  /** Names of all files, sorted; without the lock and the quarantine. */
  list(): string[]
  has(name: string): boolean
  size(name: string): number
  /**
   * Fills `target` from `offset` and returns how many bytes it wrote: fewer than asked only at the
   * end of the file. `target` may be a view of kernel memory: it is not kept.
   */
  read(name: string, offset: number, target: Uint8Array): number
  /** Makes an empty file; `conflict` if there is one. */
  create(name: string): void
  /**
   * Adds the parts, in order, to the end of the file; they are not kept. All or throws: after a
   * throw the bytes beyond the old size are undefined, so truncate or give the file up.
   */
  append(name: string, parts: readonly Uint8Array[]): void
  /** Cuts the file to its first `size` bytes; `size` is at most its size. */
  truncate(name: string, size: number): void
  /**
   * Resolves when all bytes appended before the call would survive a power cut. Once it fails, the
   * file takes no append, truncate or sync ever again: what the disk holds is unknown.
   */
  sync(name: string): Promise<void>
  /** `conflict` if `target` exists. */
  rename(source: string, target: string): void
  remove(name: string): void
  /** Resolves when all creates, renames and removes before the call would survive a power cut. */
  syncDirectory(): Promise<void>
  /**
   * Copies a file aside and returns where to (`quarantine/wal-3`). The file stays. Quarantining the
   * same bytes again makes no second copy, so a restart loop does not fill the disk.
   */
  quarantine(name: string): string
  /** Waits for running syncs, then gives the lock back. Every later call is `unavailable`. */
  close(): Promise<void>
  /** The files that lie in an object store, where there may be some (tiered.ts): `read` throws for those. */
  readonly cold?: ColdFiles | undefined
}

/** Bytes of a file: [start, end). */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Files of a shard whose bytes lie in an object store. They never change. */
export interface ColdFiles {
  readonly counts: Readonly<ColdCounts>
  has(name: string): boolean
  /**
   * The `size` bytes from `offset`, fewer only at the end of the file; shared, so not to be changed.
   * `along`: what around them is likely to be asked for next, to be had by the same request.
   */
  read(name: string, offset: number, size: number, along?: ByteRange): Promise<Uint8Array>
  /**
   * Begins to get ranges that will be read soon, as far as there is room to keep them: those of hot files
   * and those that are there are passed over. Nothing is to be waited for, and what fails is no error.
   */
  ahead(ranges: readonly (ByteRange & { readonly file: string })[]): void
  /**
   * Moves a file there, in one step for whoever reads it, and durably. False if it went meanwhile;
   * `corrupt` if its bytes do not have this checksum (crc32c); what fails leaves it where it was.
   */
  store(name: string, checksum: number, pause: () => Promise<void>): Promise<boolean>
  /** Removes the objects of files that are gone; those that cannot be are tried again by the next call. */
  clean(): Promise<void>
  /** The same of objects that crashes left; names of files whose objects are missing. */
  sweep(): Promise<string[]>
}

/** What is cold now, and requests to the object store since the start. */
export interface ColdCounts {
  files: number
  bytes: number
  reads: number
  readBytes: number
  puts: number
  putBytes: number
  removes: number
  lists: number
}

/**
 * Immutable objects with many readers. Keys are names (without `_`) joined by `/`. Targets and
 * sources are never kernel memory: calls are asynchronous. Reading an absent object is `corrupt`: someone named it.
 */
export interface SegmentStorage {
  /** Stores a new object whole or not at all; false if the key exists (nothing is written). */
  put(key: string, bytes: Uint8Array): Promise<boolean>
  /** Fills `target` from `offset`: bytes read, fewer only at the end of the object. */
  read(key: string, offset: number, target: Uint8Array): Promise<number>
  /** The object's last bytes, at the start of `target`, how many, and the size of the object. */
  readSuffix(key: string, target: Uint8Array): Promise<{ size: number; count: number }>
  /** Keys that start with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>
  /** An absent object is no error. */
  remove(key: string): Promise<void>
}

const NAME = /^[a-z0-9][a-z0-9._-]*$/

/** Stops a caller's bad file name before it becomes a path. */
export function checkName(name: string): void {
  assert(name.length <= 100 && NAME.test(name), `file name ${JSON.stringify(name)}`)
}

const KEY = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/

/** Stops a caller's bad key before it goes over a network; an object store takes up to 1,024 bytes. */
export function checkKey(key: string): void {
  assert(key.length <= 1_024 && KEY.test(key), `object key ${JSON.stringify(key)}`)
}

/** Fills the whole target; `corrupt` when the file ends before that. */
export function readExactly(
  storage: ShardStorage,
  name: string,
  offset: number,
  target: Uint8Array,
): void {
  const count = storage.read(name, offset, target)
  if (count !== target.length) throw shortFile(name, offset, count, target.length)
}

/** The same for files that may be cold. */
export async function readWaiting(
  storage: ShardStorage,
  name: string,
  offset: number,
  size: number,
): Promise<Uint8Array> {
  if (storage.cold?.has(name) === true) {
    const bytes = await storage.cold.read(name, offset, size)
    if (bytes.length === size) return bytes
    throw shortFile(name, offset, bytes.length, size)
  }
  const bytes = new Uint8Array(size)
  readExactly(storage, name, offset, bytes)
  return bytes
}

/** The error of a read that ends with the file, after `count` of `size` bytes. */
export function shortFile(name: string, offset: number, count: number, size: number): OmenError {
  return new OmenError(
    'corrupt',
    `${name}: ends at ${offset + count}, ${size - count} bytes short of a read at ${offset}`,
  )
}

/** The error of a call on a file that is not there. */
export function missingFile(name: string): OmenError {
  return new OmenError('corrupt', `${name}: the file is missing`)
}

/** Ending of the file that says in which object the bytes of another one are. */
export const COLD = '.cold'

/** The error of a file that lies in an object store which the storage does not know; else null. */
export function coldFile(storage: ShardStorage, name: string): OmenError | null {
  if (storage.cold !== undefined || !storage.has(name + COLD)) return null
  const message = `${name}: lies in an object store (${name}${COLD}), without which it cannot be read`
  return new OmenError('unavailable', message)
}

/** The error of a create or rename onto a file that is there. */
export function existingFile(name: string): OmenError {
  return new OmenError('conflict', `${name}: the file exists`)
}

/** The error of a write to a file whose sync failed before. */
export function failedFile(name: string): OmenError {
  return new OmenError('unavailable', `${name}: takes no more writes, an earlier sync of it failed`)
}

/** The error of any call after close. */
export function closedStorage(location: string): OmenError {
  return new OmenError('unavailable', `${location}: the storage is closed`)
}

/** The error of a second opener. `holder` says who has it, as far as known. */
export function lockedStorage(location: string, holder: string): OmenError {
  return new OmenError('locked', `data directory ${location} is held by ${holder}`)
}
