// The texts by which lines name series (`cpu,host=a`), for all requests: a small batch finds its series
// by one comparison each, without parsing tags. It is a cache in kernel memory that the parser fills
// (assembly/series-cache.ts); here it gets room, and starts anew when what it holds is not what comes.

import { OmenError } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory } from '../memory.ts'
import { KeyTable } from './key-table.ts'

const TEXTS_MIN = 256
/** Most bytes, as a share of the memory and in all: 64,000 series of ten tags. */
const MEMORY_SHARE = 64
const BYTES_MAX = 16 << 20
/** Texts that had no room, for each that is there, after which others shall have it. */
const RENEWAL = 4

export class SeriesTexts {
  private readonly memory: Memory
  private readonly table: KeyTable

  constructor(kernel: Kernel, memory: Memory) {
    this.memory = memory
    this.table = new KeyTable(kernel, memory, TEXTS_MIN)
  }

  /** The kernel's KeyTable. */
  get pointer(): number {
    return this.table.pointer
  }

  /** Makes room for what had none since the last call; between two calls of a parser. */
  makeRoom(): void {
    const { table, memory } = this
    const missed = memory.u32[(table.pointer + 32) >>> 2]!
    if (missed === 0) return
    const { count } = table
    if (2 * table.byteSize <= Math.min(BYTES_MAX, memory.limit / MEMORY_SHARE)) this.grow()
    else if (missed > RENEWAL * count) table.clear()
  }

  private grow(): void {
    const { table, memory } = this
    try {
      table.reserve(table.count, table.keyBytes)
      memory.u32[(table.pointer + 32) >>> 2] = 0
    } catch (error) {
      // Without more room it is only slower.
      if (!(error instanceof OmenError) || error.code !== 'busy') throw error
    }
  }
}
