// A sync access handle on memory: where a file's bytes are until the pool has a file for them.

import type { SyncHandle } from './opfs-handle.ts'

export class MemoryHandle implements SyncHandle {
  private bytes = new Uint8Array(0)
  private size = 0

  read(target: Uint8Array, { at }: { at: number }): number {
    const source = this.bytes.subarray(at, Math.min(this.size, at + target.length))
    target.set(source)
    return source.length
  }

  write(source: Uint8Array, { at }: { at: number }): number {
    const size = Math.max(this.size, at + source.length)
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.bytes.length))
      grown.set(this.bytes.subarray(0, this.size))
      this.bytes = grown
    }
    this.bytes.set(source, at)
    this.size = size
    return source.length
  }

  truncate(size: number): void {
    this.size = size
  }

  getSize(): number {
    return this.size
  }

  flush(): void {}

  close(): void {}
}
