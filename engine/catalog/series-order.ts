// Puts series into the order of their tags (compareTags), by the kernel and in steps: a million take
// a second or two, in which others run (assembly/tag-order.ts).

import type { Kernel } from '../kernel.ts'
import type { KeyTable } from './key-table.ts'
import type { Memory, Region } from '../memory.ts'
import type { Execution } from '../step.ts'

/** Comparisons between two pauses: about a millisecond. */
const STEP_ITEMS = 8_192
/** Series from which on the last order of a table is kept, and of so many tables at most. */
const KEPT_MIN = 16
const TABLES_MAX = 1_024
const encoder = new TextEncoder()

interface KeptOrder {
  readonly ids: Uint32Array
  readonly order: Uint32Array
}

export class SeriesOrder {
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly series: KeyTable
  /** By table: the order of the last many series that were asked for. */
  private readonly kept = new Map<number, KeptOrder>()

  constructor(kernel: Kernel, memory: Memory, series: KeyTable) {
    this.kernel = kernel
    this.memory = memory
    this.series = series
  }

  /**
   * Indexes in `ids` in the order of the tags; only of `keys`, in byte order, if there are any. Series
   * that are dropped meanwhile may come anywhere.
   */
  *of(table: number, ids: Uint32Array, keys: readonly string[] | null): Execution<Uint32Array> {
    if (ids.length < 2) return new Uint32Array(ids.length)
    const kept = keys === null ? this.kept.get(table) : undefined
    if (kept !== undefined && isEqual(kept.ids, ids)) return kept.order
    const order = yield* this.sort(ids, keys)
    if (keys === null && ids.length >= KEPT_MIN) this.keep(table, { ids, order })
    return order
  }

  /** Forgets what is kept of a table. */
  drop(table: number): void {
    this.kept.delete(table)
  }

  private keep(table: number, kept: KeptOrder): void {
    if (this.kept.size === TABLES_MAX) this.kept.clear()
    this.kept.set(table, kept)
  }

  private *sort(ids: Uint32Array, keys: readonly string[] | null): Execution<Uint32Array> {
    const { kernel, memory } = this
    const subset = keys === null ? new Uint8Array() : encodeKeys(keys)
    const itemBytes = ids.length * kernel.TAG_ORDER_ITEM.value
    const head = kernel.TAG_ORDER_SIZE.value + subset.length
    const held: Region[] = []
    try {
      for (const size of [head, itemBytes, itemBytes]) held.push(memory.allocate(size))
      const [state, items, spare] = held.map(({ offset }) => offset) as [number, number, number]
      const keysAt = state + kernel.TAG_ORDER_SIZE.value
      memory.u8.set(subset, keysAt)
      memory.u32.set(ids, spare >>> 2)
      kernel.tagOrderFill(items, spare, ids.length)
      const subsetLength = keys === null ? kernel.TAG_ORDER_ALL.value : subset.length
      const series = this.series.pointer
      kernel.tagOrderInit(state, series, items, spare, ids.length, keysAt, subsetLength)
      while (kernel.tagOrderStep(state, STEP_ITEMS) === 0) yield { pause: true }
      // The sort is over: what was spare, or the items, take the result.
      const target = memory.u32[(state + 8) >>> 2]!
      kernel.tagOrderRead(state, target)
      return memory.u32.slice(target >>> 2, (target >>> 2) + ids.length)
    } finally {
      for (const region of held) memory.release(region)
    }
  }
}

function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Per key a varint of its length, and its bytes. */
function encodeKeys(keys: readonly string[]): Uint8Array {
  const bytes: number[] = []
  for (const key of keys) {
    const text = encoder.encode(key)
    let length = text.length
    for (; length >= 128; length >>>= 7) bytes.push((length & 127) | 128)
    bytes.push(length, ...text)
  }
  return Uint8Array.from(bytes)
}
