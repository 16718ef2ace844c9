// Host side of the kernel's key tables (assembly/key-table.ts): owns the regions of one table,
// makes room before the kernel needs it, and reads keys and payloads. Capacities double.

import { assert } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'

export type PayloadName = 'a' | 'b' | 'c' | 'd'

const TABLE_BYTES = 64
const ENTRY_BYTES = 32
const REMOVED = 0xffffffff
/** Bytes of key to expect per entry, before any is known. */
const KEY_BYTES_EXPECTED = 32
/** Packing must leave this share of the arena free at least, so that it is not done again soon. */
const PACKED_MAX = 0.75
const PAYLOAD_OFFSETS: Record<PayloadName, number> = { a: 16, b: 20, c: 24, d: 28 }

interface Regions {
  slots: Region
  entries: Region
  arena: Region
}

/** Byte string → dense id, in kernel memory. `pointer` stays the same while the table grows. */
export class KeyTable {
  readonly pointer: number
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly header: Region
  private readonly mayPack: () => boolean
  private regions: Regions
  /** Key bytes of removed ids that lie in the arena. */
  private removedBytes = 0

  /**
   * An empty table with room for `expected` keys of ordinary length. `mayPack`: whether nobody
   * needs the keys of removed ids any more; by default somebody might.
   */
  constructor(kernel: Kernel, memory: Memory, expected: number, mayPack = () => false) {
    this.kernel = kernel
    this.memory = memory
    this.mayPack = mayPack
    this.header = memory.allocate(TABLE_BYTES)
    this.pointer = this.header.offset
    const capacity = powerOfTwo(Math.max(16, expected))
    this.regions = this.allocate(capacity, capacity * KEY_BYTES_EXPECTED)
    this.clear()
  }

  /** Ids given out so far, removed ones included: the next id. */
  get count(): number {
    return this.field(16)
  }

  /** Bytes of linear memory held. */
  get byteSize(): number {
    const { slots, entries, arena } = this.regions
    return TABLE_BYTES + slots.size + entries.size + arena.size
  }

  /** Id of the key, or -1. */
  find(key: Uint8Array): number {
    const id = this.kernel.keyTableFind(this.pointer, this.place(key), key.length)
    return id < 0 ? -1 : id
  }

  /** Id of the key, which is added (payload 0) if it is absent. */
  insert(key: Uint8Array): number {
    this.reserve(1, key.length)
    const id = this.kernel.keyTableInsert(this.pointer, this.place(key), key.length)
    assert(id >= 0, `key table: insert answered ${id} after a reserve`)
    return id
  }

  /** Makes room for so many more keys of so many bytes in all: inserts of them cannot be FULL. */
  reserve(entries: number, keyBytes: number): void {
    const count = this.count
    this.packFor(keyBytes)
    const used = this.field(28)
    const { entries: held, arena } = this.regions
    const entryCapacity = held.size / ENTRY_BYTES
    const needEntries = count + entries
    const needBytes = used + keyBytes
    if (needEntries <= entryCapacity && needBytes <= arena.size) return
    this.move(
      needEntries > entryCapacity ? powerOfTwo(needEntries) : entryCapacity,
      needBytes > arena.size ? powerOfTwo(needBytes) : arena.size,
    )
  }

  /** Doubles the room for key bytes, or else the number of entries that fit. */
  grow(isBytes: boolean): void {
    const { entries, arena } = this.regions
    const capacity = entries.size / ENTRY_BYTES
    if (isBytes) this.move(capacity, arena.size * 2)
    else this.move(capacity * 2, arena.size)
  }

  /** Bytes that keys and entries take, without spare room. */
  get usedBytes(): number {
    return this.count * ENTRY_BYTES + this.field(28)
  }

  /** Bytes of all keys that were added, one after the other. */
  get keyBytes(): number {
    return this.field(28)
  }

  /** A copy of the key bytes of `id`. Asserts that it exists and was not removed. */
  key(id: number): Uint8Array {
    return this.memory.bytes(this.keyRange(id)).slice()
  }

  /** Where the key bytes of `id` lie, valid until the table next grows. Asserts as `key` does. */
  keyRange(id: number): Region {
    const entry = this.entry(id)
    const { u32 } = this.memory
    const size = u32[(entry + 4) >>> 2]!
    if (size === REMOVED) assert(false, `key table: id ${id} was removed`)
    return { offset: this.field(20) + u32[entry >>> 2]!, size }
  }

  /** The same also of a removed id while its key is kept; later of size 0. */
  keptRange(id: number): Region {
    const entry = this.entry(id)
    const { u32 } = this.memory
    const length = u32[(entry + 4) >>> 2]!
    const size = length === REMOVED ? u32[(entry + 8) >>> 2]! : length
    return { offset: this.field(20) + u32[entry >>> 2]!, size }
  }

  isRemoved(id: number): boolean {
    return this.memory.u32[(this.entry(id) + 4) >>> 2] === REMOVED
  }

  payload(id: number, name: PayloadName): number {
    return this.memory.u32[(this.entry(id) + PAYLOAD_OFFSETS[name]) >>> 2]!
  }

  setPayload(id: number, name: PayloadName, value: number): void {
    this.memory.u32[(this.entry(id) + PAYLOAD_OFFSETS[name]) >>> 2] = value
  }

  /** Forgets the key; its id is never given out again. */
  remove(id: number): void {
    if (this.isRemoved(id)) return
    this.removedBytes += this.keyRange(id).size
    this.kernel.keyTableRemove(this.pointer, id)
  }

  /** Takes back the newest keys, none of them removed, until `count` are left: their ids come again. */
  truncate(count: number): void {
    this.kernel.keyTableTruncate(this.pointer, count)
  }

  /** Forgets all keys: ids count from 0 again. */
  clear(): void {
    const { slots, entries, arena } = this.regions
    this.removedBytes = 0
    this.kernel.keyTableInit(
      this.pointer,
      slots.offset,
      slots.size / 4,
      entries.offset,
      entries.size / ENTRY_BYTES,
      arena.offset,
      arena.size,
    )
  }

  /** Gives all memory back; the table must not be used again. */
  release(): void {
    const { slots, entries, arena } = this.regions
    for (const region of [slots, entries, arena, this.header]) this.memory.release(region)
  }

  /** Rather than let the arena grow, gives the bytes of removed keys free, if they are enough. */
  private packFor(keyBytes: number): void {
    const { size } = this.regions.arena
    const used = this.field(28)
    if (used + keyBytes <= size || !this.mayPack()) return
    if (used - this.removedBytes + keyBytes > PACKED_MAX * size) return
    this.kernel.keyTablePack(this.pointer)
    this.removedBytes = 0
  }

  private field(offset: number): number {
    return this.memory.u32[(this.pointer + offset) >>> 2]!
  }

  private entry(id: number): number {
    // The message is not put together where all is well: a million series are looked up so.
    if (id < 0 || id >= this.count) assert(false, `key table: no id ${id} of ${this.count}`)
    return this.regions.entries.offset + id * ENTRY_BYTES
  }

  /** Writes a key behind the used arena, where the kernel can read it: no scratch region needed. */
  private place(key: Uint8Array): number {
    this.reserve(0, key.length)
    const pointer = this.regions.arena.offset + this.field(28)
    this.memory.u8.set(key, pointer)
    return pointer
  }

  /** Slots are at most half full, so probes stay short. Nothing is held if one does not fit. */
  private allocate(entryCapacity: number, arenaSize: number): Regions {
    const { memory } = this
    const held: Region[] = []
    try {
      for (const size of [entryCapacity * 8, entryCapacity * ENTRY_BYTES, arenaSize]) {
        held.push(memory.allocate(size))
      }
    } catch (error) {
      for (const region of held) memory.release(region)
      throw error
    }
    return { slots: held[0]!, entries: held[1]!, arena: held[2]! }
  }

  private move(entryCapacity: number, arenaSize: number): void {
    const old = this.regions
    const next = this.allocate(entryCapacity, arenaSize)
    this.kernel.keyTableMove(
      this.pointer,
      next.slots.offset,
      next.slots.size / 4,
      next.entries.offset,
      entryCapacity,
      next.arena.offset,
      arenaSize,
    )
    this.regions = next
    for (const region of [old.slots, old.entries, old.arena]) this.memory.release(region)
  }
}

function powerOfTwo(n: number): number {
  let power = 1
  while (power < n) power *= 2
  return power
}
