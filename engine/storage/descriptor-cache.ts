// Open descriptors of a directory's files, by name, least recently used first. Bounded, so that ten
// thousand segments need a hundred descriptors; but a file with unsynced bytes keeps the one it was
// written through, because a failed write-back is only reported there (Rebello et al., "Can
// applications recover from fsync failures?", 2020).

import { failedFile } from './storage.ts'

/** How to open and close on this host; `isExhausted` tells an error of too many descriptors. */
export interface DescriptorHost {
  open(name: string, mode: 'create' | 'read' | 'write'): { fd: number; size: number }
  close(fd: number): void
  /** Closes the last one of a removed file; that may take long, and nobody waits for it. */
  closeRemoved(fd: number): void
  isExhausted(error: unknown): boolean
}

export interface Descriptor {
  name: string
  readonly fd: number
  readonly isWritable: boolean
  /** Bytes of the file, without those of a failed append. */
  size: number
  /** Counts appends and truncates, so that a sync knows what it covered. */
  version: number
  syncedVersion: number
  syncsRunning: number
  /** An append failed half-way: the file has to be truncated first. */
  isTorn: boolean
  /** A sync failed: no further write, ever. */
  isFailed: boolean
  isRemoved: boolean
}

export class DescriptorCache {
  private readonly host: DescriptorHost
  private readonly countMax: number
  private readonly open = new Map<string, Descriptor>()

  constructor(host: DescriptorHost, countMax: number) {
    this.host = host
    this.countMax = countMax
  }

  create(name: string): Descriptor {
    return this.add(name, 'create')
  }

  /** Valid until the next call of the cache, unless it is dirty or syncing. */
  acquire(name: string, mode: 'read' | 'write'): Descriptor {
    const found = this.open.get(name)
    if (found === undefined) return this.add(name, mode)
    if (mode === 'write' && found.isFailed) throw failedFile(name)
    if (mode === 'write' && !found.isWritable) {
      this.drop(found)
      return this.add(name, mode)
    }
    this.open.delete(name)
    this.open.set(name, found)
    return found
  }

  rename(source: string, target: string): void {
    const found = this.open.get(source)
    if (found === undefined) return
    this.open.delete(source)
    this.open.set(target, found)
    found.name = target
  }

  remove(name: string): void {
    const found = this.open.get(name)
    if (found === undefined) return
    this.open.delete(name)
    found.isRemoved = true
    if (found.syncsRunning === 0) this.host.closeRemoved(found.fd)
  }

  /** Brackets an asynchronous sync: the descriptor stays open until its last one ends. */
  beginSync(descriptor: Descriptor): void {
    descriptor.syncsRunning++
  }

  endSync(descriptor: Descriptor): void {
    descriptor.syncsRunning--
    if (descriptor.isRemoved && descriptor.syncsRunning === 0) this.host.closeRemoved(descriptor.fd)
  }

  /** Closes everything; no sync may be running. */
  close(): void {
    for (const descriptor of this.open.values()) this.drop(descriptor)
  }

  private add(name: string, mode: 'create' | 'read' | 'write'): Descriptor {
    while (this.open.size >= this.countMax && this.evict()) continue
    for (;;) {
      try {
        const { fd, size } = this.host.open(name, mode)
        const descriptor = newDescriptor(name, fd, mode !== 'read', size)
        this.open.set(name, descriptor)
        return descriptor
      } catch (error) {
        if (!this.host.isExhausted(error) || !this.evict()) throw error
      }
    }
  }

  /** Closes the one unused for longest that has nothing to lose; false if there is none. */
  private evict(): boolean {
    for (const descriptor of this.open.values()) {
      if (!isIdle(descriptor)) continue
      this.drop(descriptor)
      return true
    }
    return false
  }

  private drop(descriptor: Descriptor): void {
    this.open.delete(descriptor.name)
    this.host.close(descriptor.fd)
  }
}

function isIdle(descriptor: Descriptor): boolean {
  const { version, syncedVersion, syncsRunning, isTorn, isFailed } = descriptor
  return version === syncedVersion && syncsRunning === 0 && !isTorn && !isFailed
}

function newDescriptor(name: string, fd: number, isWritable: boolean, size: number): Descriptor {
  return {
    name,
    fd,
    isWritable,
    size,
    version: 0,
    syncedVersion: 0,
    syncsRunning: 0,
    isTorn: false,
    isFailed: false,
    isRemoved: false,
  }
}
