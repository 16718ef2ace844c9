// The shard's storage on Node's files. Appends are synchronous gather-writes at a tracked position,
// durability is fdatasync on the thread pool, reads are positioned reads through a bounded cache of
// descriptors. The directory is held by sockets: the kernel drops them with their process, so a
// stale lock never needs a human.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { OmenError, assert } from '../error.ts'
import { DescriptorCache } from './descriptor-cache.ts'
import { type StorageAction, errorCode, storageFailure } from './failure.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  failedFile,
  lockedStorage,
} from './storage.ts'

/** Descriptors kept open; files with unsynced bytes keep theirs beyond that. */
export const DESCRIPTORS_MAX = 128

const isWindows = process.platform === 'win32'
const fdatasync = promisify((fd: number, done: fs.NoParamCallback) => fs.fdatasync(fd, done))
const fsync = promisify((fd: number, done: fs.NoParamCallback) => fs.fsync(fd, done))
const closeFile = promisify((fd: number, done: fs.NoParamCallback) => fs.close(fd, done))

/**
 * Opens the files of a data directory, making it if needed, and holds it until close(). Throws
 * `locked` when another process has it, `unavailable` when it cannot be written.
 */
export async function openNodeStorage(directory: string): Promise<ShardStorage> {
  const absolute = path.resolve(directory)
  try {
    makeDirectory(absolute)
  } catch (error) {
    throw storageFailure(error, `data directory ${directory}`, 'open')
  }
  const lock = await takeLock(absolute, directory)
  try {
    return new NodeStorage(absolute, directory, lock)
  } catch (error) {
    lock.release()
    throw storageFailure(error, `data directory ${directory}`, 'open')
  }
}

class NodeStorage implements ShardStorage {
  readonly location: string
  private readonly directory: string
  private readonly directoryFd: number
  private readonly lock: Lock
  private readonly descriptors: DescriptorCache
  private readonly running = new Set<Promise<void>>()
  private isDirectoryFailed = false
  private isClosed = false

  constructor(directory: string, location: string, lock: Lock) {
    this.directory = directory
    this.location = location
    this.lock = lock
    this.directoryFd = isWindows ? -1 : fs.openSync(directory, 'r')
    this.descriptors = new DescriptorCache(
      {
        open: (name, mode) => openFile(this.path(name), mode),
        close: (fd) => fs.closeSync(fd),
        closeRemoved: (fd) => this.closeRemoved(fd),
        isExhausted: (error) => ['EMFILE', 'ENFILE'].includes(errorCode(error)),
      },
      DESCRIPTORS_MAX,
    )
  }

  list(): string[] {
    return this.attempt(this.location, 'list', () =>
      fs
        .readdirSync(this.directory, { withFileTypes: true })
        .filter((entry) => !entry.isDirectory() && !entry.isSocket())
        .map((entry) => entry.name)
        .sort(),
    )
  }

  has(name: string): boolean {
    return this.attempt(name, 'open', () => fs.existsSync(this.path(name)))
  }

  size(name: string): number {
    return this.attempt(name, 'open', () => this.descriptors.acquire(name, 'read').size)
  }

  read(name: string, offset: number, target: Uint8Array): number {
    return this.attempt(name, 'read', () => {
      const { fd } = this.descriptors.acquire(name, 'read')
      let count = 0
      while (count < target.length) {
        const got = fs.readSync(fd, target, count, target.length - count, offset + count)
        if (got === 0) break
        count += got
      }
      return count
    })
  }

  create(name: string): void {
    this.attempt(name, 'open', () => this.descriptors.create(name))
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    this.attempt(name, 'write', () => {
      const file = this.descriptors.acquire(name, 'write')
      if (file.isTorn) {
        throw new OmenError('unavailable', `${name}: an earlier append failed, truncate it first`)
      }
      file.version++
      file.isTorn = true
      writeAll(file.fd, parts, file.size)
      file.isTorn = false
      for (const part of parts) file.size += part.length
    })
  }

  truncate(name: string, size: number): void {
    this.attempt(name, 'write', () => {
      const file = this.descriptors.acquire(name, 'write')
      assert(size >= 0 && size <= file.size, `truncate ${name} of ${file.size} bytes to ${size}`)
      file.version++
      fs.ftruncateSync(file.fd, size)
      file.size = size
      file.isTorn = false
    })
  }

  sync(name: string): Promise<void> {
    return this.track(() => this.syncFile(name))
  }

  rename(source: string, target: string): void {
    if (this.has(target)) throw existingFile(target)
    this.attempt(source, 'rename', () => fs.renameSync(this.path(source), this.path(target)))
    this.descriptors.rename(source, target)
  }

  remove(name: string): void {
    this.holdOpen(name)
    this.attempt(name, 'remove', () => fs.unlinkSync(this.path(name)))
    this.descriptors.remove(name)
  }

  /**
   * While a file is open, taking its name away is a matter of microseconds: its blocks are freed when
   * it is closed, 90 ms for a gigabyte, beside the event loop.
   */
  private holdOpen(name: string): void {
    if (isWindows || this.isClosed) return
    try {
      this.descriptors.acquire(name, 'read')
    } catch {
      // What cannot be opened is removed without it, or says itself why it cannot.
    }
  }

  private closeRemoved(fd: number): void {
    if (isWindows) fs.closeSync(fd)
    // Of a file that nobody can name: what fails here loses nothing.
    else this.track(() => closeFile(fd)).catch(() => {})
  }

  syncDirectory(): Promise<void> {
    return this.track(async () => {
      const name = `data directory ${this.location}`
      if (this.isClosed) throw closedStorage(this.location)
      if (this.isDirectoryFailed) throw failedFile(name)
      if (isWindows) return
      try {
        await fsync(this.directoryFd)
      } catch (error) {
        const failure = storageFailure(error, name, 'sync')
        // A full disk has forgotten nothing; after any other failure the directory is unknown.
        if (failure.code !== 'storage_full') this.isDirectoryFailed = true
        throw failure
      }
    })
  }

  quarantine(name: string): string {
    return this.attempt(name, 'write', () => {
      const folder = path.join(this.directory, 'quarantine')
      fs.mkdirSync(folder, { recursive: true })
      let copy = name
      for (let i = 1; fs.existsSync(path.join(folder, copy)); i++) {
        if (isSameFile(this.path(name), path.join(folder, copy))) return `quarantine/${copy}`
        copy = `${name}.${i}`
      }
      copyDurably(this.path(name), path.join(folder, copy))
      return `quarantine/${copy}`
    })
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await Promise.allSettled(this.running)
    try {
      this.descriptors.close()
      if (!isWindows) fs.closeSync(this.directoryFd)
    } finally {
      this.lock.release()
    }
  }

  private async syncFile(name: string): Promise<void> {
    const file = this.attempt(name, 'sync', () => this.descriptors.acquire(name, 'write'))
    const version = file.version
    this.descriptors.beginSync(file)
    try {
      await fdatasync(file.fd)
      file.syncedVersion = Math.max(file.syncedVersion, version)
    } catch (error) {
      file.isFailed = true
      throw storageFailure(error, file.name, 'sync')
    } finally {
      this.descriptors.endSync(file)
    }
    // One that ran beside a sync that failed has proved nothing.
    if (file.isFailed) throw failedFile(file.name)
  }

  private async track(run: () => Promise<void>): Promise<void> {
    const promise = run()
    this.running.add(promise)
    try {
      await promise
    } finally {
      this.running.delete(promise)
    }
  }

  private path(name: string): string {
    checkName(name)
    return path.join(this.directory, name)
  }

  /** Runs one call on the file system; what fails names the file. Asserts pass unchanged. */
  private attempt<T>(name: string, action: StorageAction, run: () => T): T {
    if (this.isClosed) throw closedStorage(this.location)
    try {
      return run()
    } catch (error) {
      throw errorCode(error) === '' ? error : storageFailure(error, name, action)
    }
  }
}

function openFile(file: string, mode: 'create' | 'read' | 'write'): { fd: number; size: number } {
  const fd = fs.openSync(file, mode === 'create' ? 'wx+' : mode === 'write' ? 'r+' : 'r')
  return { fd, size: fs.fstatSync(fd).size }
}

const VECTOR_MAX = 1024 // IOV_MAX of every Unix

/** Writes all parts in order; a short write is continued where it stopped. */
function writeAll(fd: number, parts: readonly Uint8Array[], position: number): void {
  let pending = parts.filter((part) => part.length > 0)
  while (pending.length > 0) {
    let written = fs.writevSync(fd, pending.slice(0, VECTOR_MAX), position)
    if (written === 0) throw Object.assign(new Error('wrote nothing'), { code: 'EIO' })
    position += written
    let whole = 0
    while (whole < pending.length && written >= pending[whole]!.length) {
      written -= pending[whole]!.length
      whole++
    }
    pending = pending.slice(whole)
    if (written > 0) pending[0] = pending[0]!.subarray(written)
  }
}

function makeDirectory(directory: string): void {
  const first = fs.mkdirSync(directory, { recursive: true, mode: 0o750 })
  if (first === undefined || isWindows) return
  // A new directory survives a power cut only when every parent that names a new one is synced.
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    syncNow(path.dirname(made))
  }
}

function syncNow(file: string): void {
  const fd = fs.openSync(file, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function copyDurably(source: string, target: string): void {
  try {
    fs.copyFileSync(source, target, fs.constants.COPYFILE_EXCL)
    if (isWindows) return
    syncNow(target)
    syncNow(path.dirname(target))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') fs.rmSync(target, { force: true })
    throw error
  }
}

function isSameFile(a: string, b: string): boolean {
  if (fs.statSync(a).size !== fs.statSync(b).size) return false
  return fs.readFileSync(a).equals(fs.readFileSync(b))
}

interface Lock {
  release(): void
}

// With the kernel name held, a file system without sockets or without space is no obstacle.
const SOCKETLESS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EINVAL', 'ENOSPC', 'EDQUOT'])

/**
 * Holds the directory twice. A kernel name made of its device and inode is atomic and vanishes with
 * the process; but containers that share a volume do not share such names, nor do Node 20, which fills
 * them up with NULs, and others; so a socket file `lock` stands in the directory as well. Linux has both, Windows only the name, others only the file.
 */
async function takeLock(directory: string, location: string): Promise<Lock> {
  const name = kernelName(directory)
  const server = name === null ? null : await listen(name)
  if (name !== null && server === null) {
    throw lockedStorage(location, (await askHolder(name)) ?? 'another process')
  }
  try {
    const file = isWindows ? null : await takeSocketFile(directory, location)
    return {
      release() {
        file?.release()
        server?.close()
      },
    }
  } catch (error) {
    if (server !== null && SOCKETLESS.has(errorCode(error)))
      return { release: () => server.close() }
    server?.close()
    throw storageFailure(error, `data directory ${location}`, 'open')
  }
}

function kernelName(directory: string): string | null {
  const { dev, ino } = fs.statSync(directory, { bigint: true })
  if (process.platform === 'linux') return `\0omendb-${dev}-${ino}`
  return isWindows ? `\\\\.\\pipe\\omendb-${dev}-${ino}` : null
}

/** Listens under an own name and links that to `lock`: a `lock` nobody listens on is stale. */
async function takeSocketFile(directory: string, location: string): Promise<Lock> {
  const own = `lock.${process.pid}.${randomBytes(4).toString('hex')}`
  const [lock, ownFile] = [path.join(directory, 'lock'), path.join(directory, own)]
  const sockets = socketFolder(directory)
  const server = await listen(path.join(sockets.folder, own))
  const release = () => {
    server?.close()
    sockets.release()
  }
  try {
    const inode = fs.statSync(ownFile).ino
    while (!linkFile(ownFile, lock)) await removeStale(directory, own, sockets.folder, location)
    return {
      release() {
        if (fs.statSync(lock, { throwIfNoEntry: false })?.ino === inode) fs.unlinkSync(lock)
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  } finally {
    fs.rmSync(ownFile, { force: true })
  }
}

/** Throws `locked` if somebody answers; else moves the file away, asks again (another starter may
 * have been faster and it may be his) and removes it. */
async function removeStale(
  directory: string,
  own: string,
  folder: string,
  location: string,
): Promise<void> {
  const lock = path.join(directory, 'lock')
  const stale = path.join(directory, `${own}.old`)
  const holder = await askHolder(path.join(folder, 'lock'))
  if (holder !== null) throw lockedStorage(location, holder)
  if (fs.lstatSync(lock, { throwIfNoEntry: false })?.isSocket() === false) {
    throw new OmenError('unavailable', `data directory ${location}: lock is not a socket`)
  }
  try {
    fs.renameSync(lock, stale)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const faster = await askHolder(path.join(folder, `${own}.old`))
  if (faster !== null) linkFile(stale, lock)
  fs.unlinkSync(stale)
  if (faster !== null) throw lockedStorage(location, faster)
}

function linkFile(source: string, target: string): boolean {
  try {
    fs.linkSync(source, target)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

const SOCKET_PATH_MAX = 60 // 104 bytes less the names that are put in the folder

/** A short path to the directory: a socket's may have 104 bytes (108 on Linux). */
function socketFolder(directory: string): { folder: string; release(): void } {
  if (Buffer.byteLength(directory) <= SOCKET_PATH_MAX) return { folder: directory, release() {} }
  if (fs.existsSync('/proc/self/fd')) {
    const fd = fs.openSync(directory, 'r')
    return { folder: `/proc/self/fd/${fd}`, release: () => fs.closeSync(fd) }
  }
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'omendb-'))
  const folder = path.join(made, 'd')
  fs.symlinkSync(directory, folder)
  return { folder, release: () => fs.rmSync(made, { recursive: true }) }
}

/** A server that tells every caller who holds the directory; null if the name is taken. */
async function listen(name: string): Promise<net.Server | null> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.end(`process ${process.pid}`, () => socket.destroy())
  })
  try {
    server.listen({ path: name, exclusive: true })
    await once(server, 'listening')
    return server.unref()
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') return null
    throw error
  }
}

const ANSWER_MS = 1000

/** Who answers on a socket, as far as he says; null if nobody is there. */
function askHolder(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = net.connect(name)
    socket.setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('data', (bytes) => (answer += String(bytes)))
    socket.on('error', (error) => {
      const code = errorCode(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(null)
    })
    socket.on('close', () => resolve(answer === '' ? 'another process' : answer))
  })
}
