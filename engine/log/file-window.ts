// A file read through a window that moves forward, so that scanning many small records costs one
// read per 256 KiB.

import type { ShardStorage } from '../storage/storage.ts'

export const WINDOW_SIZE = 256 * 1024

export class FileWindow {
  readonly name: string
  /** Bytes that count; the file may be longer. */
  readonly size: number
  private readonly storage: ShardStorage
  private bytes = new Uint8Array(0)
  private start = 0

  constructor(storage: ShardStorage, name: string, size: number) {
    this.storage = storage
    this.name = name
    this.size = size
  }

  /** Exactly `size` bytes at `offset`, null if they do not all count; valid until the next call. */
  view(offset: number, size: number): Uint8Array | null {
    if (offset + size > this.size) return null
    const from = offset - this.start
    if (from >= 0 && from + size <= this.bytes.length) return this.bytes.subarray(from, from + size)
    const wanted = Math.min(Math.max(size, WINDOW_SIZE), this.size - offset)
    if (this.bytes.length !== wanted) this.bytes = new Uint8Array(wanted)
    this.start = offset
    const count = this.storage.read(this.name, offset, this.bytes)
    if (count < wanted) this.bytes = this.bytes.subarray(0, count)
    return count < size ? null : this.bytes.subarray(0, size)
  }
}
