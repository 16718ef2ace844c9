// The shard's storage in memory: for tests, browsers without OPFS, and demos on Workers. A
// MemoryDisk outlives the storage opened on it, so that closing and opening again is a restart;
// nothing survives the process.

import { assert } from '../error.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  lockedStorage,
  missingFile,
} from './storage.ts'

interface MemoryFile {
  bytes: Uint8Array
  size: number
}

/** The files behind a memory storage. Open it again after close() to find them. */
export class MemoryDisk {
  readonly files = new Map<string, MemoryFile>()
  readonly quarantined = new Map<string, Uint8Array>()
  isHeld = false
}

/** Takes the disk or throws `locked`. */
export function openMemoryStorage(disk: MemoryDisk = new MemoryDisk()): ShardStorage {
  return new MemoryStorage(disk)
}

class MemoryStorage implements ShardStorage {
  readonly location = 'memory'
  private readonly disk: MemoryDisk
  private isClosed = false

  constructor(disk: MemoryDisk) {
    if (disk.isHeld) throw lockedStorage(this.location, 'another storage of this process')
    disk.isHeld = true
    this.disk = disk
  }

  list(): string[] {
    return [...this.files().keys()].sort()
  }

  has(name: string): boolean {
    checkName(name)
    return this.files().has(name)
  }

  size(name: string): number {
    return this.file(name).size
  }

  read(name: string, offset: number, target: Uint8Array): number {
    const { bytes, size } = this.file(name)
    const end = Math.min(size, offset + target.length)
    if (end <= offset) return 0
    target.set(bytes.subarray(offset, end))
    return end - offset
  }

  create(name: string): void {
    if (this.has(name)) throw existingFile(name)
    this.disk.files.set(name, { bytes: new Uint8Array(0), size: 0 })
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    const file = this.file(name)
    let size = file.size
    for (const part of parts) size += part.length
    reserve(file, size)
    for (const part of parts) {
      file.bytes.set(part, file.size)
      file.size += part.length
    }
  }

  truncate(name: string, size: number): void {
    const file = this.file(name)
    assert(size >= 0 && size <= file.size, `truncate ${name} of ${file.size} bytes to ${size}`)
    file.size = size
  }

  async sync(name: string): Promise<void> {
    this.file(name)
  }

  rename(source: string, target: string): void {
    const file = this.file(source)
    if (this.has(target)) throw existingFile(target)
    this.disk.files.delete(source)
    this.disk.files.set(target, file)
  }

  remove(name: string): void {
    this.file(name)
    this.disk.files.delete(name)
  }

  async syncDirectory(): Promise<void> {
    this.files()
  }

  quarantine(name: string): string {
    const file = this.file(name)
    const bytes = file.bytes.slice(0, file.size)
    const copies = this.disk.quarantined
    let copy = name
    for (let i = 1; copies.has(copy) && !isEqual(copies.get(copy)!, bytes); i++)
      copy = `${name}.${i}`
    copies.set(copy, bytes)
    return `quarantine/${copy}`
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.disk.isHeld = false
  }

  private files(): Map<string, MemoryFile> {
    if (this.isClosed) throw closedStorage(this.location)
    return this.disk.files
  }

  private file(name: string): MemoryFile {
    checkName(name)
    const file = this.files().get(name)
    if (file === undefined) throw missingFile(name)
    return file
  }
}

/** Room for `size` bytes; doubles, so that appending stays linear. */
function reserve(file: MemoryFile, size: number): void {
  if (size <= file.bytes.length) return
  const bytes = new Uint8Array(Math.max(size, file.bytes.length * 2, 1024))
  bytes.set(file.bytes.subarray(0, file.size))
  file.bytes = bytes
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
