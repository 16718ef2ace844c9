// Makes reads of memory that was given back show: its first bytes are overwritten at once, as the next
// owner would do at some other time.

import { Memory } from '../engine/memory.ts'

/** Of a region; most of what is read by mistake lies at its beginning. */
const BYTES_MAX = 4_096

/** Every release of all databases from now on leaves `byte` behind, until the result is called. */
export function poisonMemory(byte: number): () => void {
  const { release } = Memory.prototype
  Memory.prototype.release = function (this: Memory, region) {
    release.call(this, region)
    const end = region.offset + Math.min(region.size, BYTES_MAX)
    this.u8.fill(byte, region.offset, end)
  }
  return () => {
    Memory.prototype.release = release
  }
}
