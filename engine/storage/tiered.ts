// A shard's storage whose segment files may lie in an object store: the files of another storage, with
// those that are cold in their places (cold-store.ts). The rest of the engine meets them as it meets all
// others, but for its reads of their bytes, which have to wait (`cold.read`).

import { OmenError, assert } from '../error.ts'
import { ColdStore } from './cold-store.ts'
import { isTierName } from './cold-stub.ts'
import { type ColdFiles, type SegmentStorage, type ShardStorage, existingFile } from './storage.ts'

export interface TierOptions {
  /** What holds all else, and the files that are not cold. Closed with this storage. */
  readonly hot: ShardStorage
  readonly cold: SegmentStorage
  /** Before all keys: `shards/7`; empty: none. */
  readonly prefix: string
  /** As a host's. */
  random(target: Uint8Array): void
  /** Bytes of objects that are kept because they may be asked for next, 8 MiB unless given. */
  readonly readAheadBytes?: number
}

/** Opens a storage over `hot`; reads its stubs. Throws `corrupt` for one that is damaged. */
export function openTiered(options: TierOptions): ShardStorage {
  return new TieredStorage(options)
}

class TieredStorage implements ShardStorage {
  readonly location: string
  readonly cold: ColdFiles
  private readonly hot: ShardStorage
  private readonly files: ColdStore

  constructor(options: TierOptions) {
    this.hot = options.hot
    this.location = options.hot.location
    this.files = new ColdStore(options)
    this.cold = this.files
  }

  list(): string[] {
    const names = this.hot.list().filter((name) => !isTierName(name))
    return [...new Set([...names, ...this.files.names()])].sort()
  }

  has(name: string): boolean {
    return this.files.has(name) || this.hot.has(name)
  }

  size(name: string): number {
    return this.files.get(name)?.size ?? this.hot.size(name)
  }

  read(name: string, offset: number, target: Uint8Array): number {
    const stub = this.files.get(name)
    if (stub === undefined) return this.hot.read(name, offset, target)
    // A start reads the header of every file, and that the stub has.
    const end = Math.min(stub.size, offset + target.length)
    if (end <= offset) return 0
    if (end > stub.head.length) {
      throw new OmenError('internal', `${name}: is cold, so a read at ${offset} has to be awaited`)
    }
    target.set(stub.head.subarray(offset, end))
    return end - offset
  }

  create(name: string): void {
    if (this.files.has(name)) throw existingFile(name)
    this.hot.create(name)
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    this.refuseChange(name)
    this.hot.append(name, parts)
  }

  truncate(name: string, size: number): void {
    this.refuseChange(name)
    this.hot.truncate(name, size)
  }

  async sync(name: string): Promise<void> {
    if (!this.files.has(name)) await this.hot.sync(name)
  }

  rename(source: string, target: string): void {
    this.refuseChange(source)
    if (this.files.has(target)) throw existingFile(target)
    this.hot.rename(source, target)
  }

  remove(name: string): void {
    this.files.remove(name)
  }

  syncDirectory(): Promise<void> {
    return this.hot.syncDirectory()
  }

  quarantine(name: string): string {
    return this.files.has(name) ? this.files.keep(name) : this.hot.quarantine(name)
  }

  close(): Promise<void> {
    return this.hot.close()
  }

  private refuseChange(name: string): void {
    assert(!this.files.has(name), `${name} is cold and never changes`)
  }
}
