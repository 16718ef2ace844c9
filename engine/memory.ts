// Regions of the kernel's linear memory, handed out by the host: a buddy allocator over powers
// of two, so that a released region joins its neighbour and long-running servers do not fragment.
// Only {offset, size} live across an await, never views: growing the memory, which nobody else does,
// detaches them (Knuth, The Art of Computer Programming 1, 2.5, "buddy system").

import { OmenError, assert } from './error.ts'

/** A piece of linear memory. `size` is what was asked for; the block behind it may be larger. */
export interface Region {
  readonly offset: number
  readonly size: number
}

const CLASS_MIN = 10 // 1 KiB
const CLASS_MAX = 31
/** Blocks up to 128 KiB, so many of each class, wait unmerged for the next query, which takes them again. */
const SPARE_CLASS_MAX = 17
const SPARE_MAX = 16
const PAGE = 65_536

export class Memory {
  readonly wasm: WebAssembly.Memory
  /** Bytes the memory may grow to. */
  readonly limit: number
  private readonly base: number
  /** End of the space that has been given to some class, relative to `base`. */
  private top = 0
  private readonly free: Set<number>[] = []
  private readonly live = new Map<number, number>()
  /** By class: released blocks that were not joined with their neighbours yet. */
  private readonly spare: number[][] = []
  private views: Views
  private usedBytes = 0
  /** Gives up something that is held for speed alone; false if there is nothing left. Set by the cache. */
  reclaim: () => boolean = () => false

  constructor(wasm: WebAssembly.Memory, heapBase: number, limit: number) {
    this.wasm = wasm
    this.limit = limit
    this.base = Math.ceil(heapBase / PAGE) * PAGE
    for (let k = 0; k <= CLASS_MAX; k++) this.free.push(new Set())
    for (let k = 0; k <= SPARE_CLASS_MAX; k++) this.spare.push([])
    this.views = viewsOf(wasm.buffer)
  }

  /** Bytes handed out now, in whole blocks. */
  get used(): number {
    return this.usedBytes
  }

  get u8(): Uint8Array {
    return this.views.u8
  }
  get u16(): Uint16Array {
    return this.views.u16
  }
  get u32(): Uint32Array {
    return this.views.u32
  }
  get i64(): BigInt64Array {
    return this.views.i64
  }
  get u64(): BigUint64Array {
    return this.views.u64
  }
  get f64(): Float64Array {
    return this.views.f64
  }

  /** A region of at least `size` bytes, 1 KiB aligned, contents undefined. Throws `busy` at the limit. */
  allocate(size: number): Region {
    const k = classOf(size)
    let offset = this.take(k)
    while (offset === -1 && this.reclaim()) offset = this.take(k)
    if (offset === -1) throw this.shortOf(size)
    this.live.set(offset, k)
    this.usedBytes += 2 ** k
    return { offset: this.base + offset, size }
  }

  /** Like allocate, with every byte zero. */
  allocateZeroed(size: number): Region {
    const region = this.allocate(size)
    this.u8.fill(0, region.offset, region.offset + size)
    return region
  }

  release(region: Region): void {
    const offset = region.offset - this.base
    const k = this.live.get(offset)
    // The message is not put together where all is well: this runs many times a query.
    if (k === undefined) assert(false, `release of a region that is not held, at ${region.offset}`)
    this.live.delete(offset)
    this.usedBytes -= 2 ** k
    const spare = this.spare[k]
    if (spare !== undefined && spare.length < SPARE_MAX) spare.push(offset)
    else this.join(offset, k)
  }

  /** Frees a block together with those neighbours that are free. */
  private join(offset: number, k: number): void {
    while (k < CLASS_MAX) {
      const size = 2 ** k
      const buddy = (offset / size) % 2 === 0 ? offset + size : offset - size
      if (!this.free[k]!.delete(buddy)) break
      offset = Math.min(offset, buddy)
      k++
    }
    this.free[k]!.add(offset)
  }

  /** A larger region with the old one's first `keep` bytes; the old one is released. */
  grow(region: Region, size: number, keep: number): Region {
    const next = this.allocate(size)
    this.u8.copyWithin(next.offset, region.offset, region.offset + keep)
    this.release(region)
    return next
  }

  /** A view of the region, valid until the memory next grows: do not keep it. */
  bytes(region: Region): Uint8Array {
    return this.u8.subarray(region.offset, region.offset + region.size)
  }

  /** Offset of a free block of 2^k bytes, -1 if there is none and the memory cannot grow. */
  private take(k: number): number {
    const spare = this.spare[k]?.pop()
    if (spare !== undefined) return spare
    const found = this.split(k)
    if (found !== -1) return found
    return this.joinSpare() ? this.take(k) : this.extend(k)
  }

  /** Joins the blocks that wait with their neighbours; false if there are none. */
  private joinSpare(): boolean {
    let isAny = false
    for (const [k, spare] of this.spare.entries()) {
      for (const offset of spare.splice(0)) {
        this.join(offset, k)
        isAny = true
      }
    }
    return isAny
  }

  /** Offset of a free block of 2^k bytes, of the smallest that is large enough; -1 if there is none. */
  private split(k: number): number {
    for (let j = k; j <= CLASS_MAX; j++) {
      const found = this.free[j]!.values().next()
      if (found.done) continue
      this.free[j]!.delete(found.value)
      this.splitTail(found.value, j, k)
      return found.value
    }
    return -1
  }

  /** Keeps the first 2^k bytes of a block of 2^j and frees the rest. */
  private splitTail(offset: number, j: number, k: number): void {
    while (j > k) {
      j--
      this.free[j]!.add(offset + 2 ** j)
    }
  }

  private extend(k: number): number {
    const size = 2 ** k
    const offset = Math.ceil(this.top / size) * size
    const end = this.base + offset + size
    if (end > this.limit || !this.reach(end)) return -1
    this.freeGap(this.top, offset)
    this.top = offset + size
    return offset
  }

  /** Gives the space skipped for alignment to the smaller classes. */
  private freeGap(start: number, end: number): void {
    while (start < end) {
      let k = CLASS_MIN
      while (start % 2 ** (k + 1) === 0 && start + 2 ** (k + 1) <= end) k++
      this.free[k]!.add(start)
      start += 2 ** k
    }
  }

  /** Grows the memory to `end` at least; false if the host does not give so much. */
  private reach(end: number): boolean {
    const have = this.wasm.buffer.byteLength
    if (end <= have) return true
    // Growing costs about 2 ms a step, so grow by a quarter at least, within the limit.
    const want = Math.min(Math.max(end, have + have / 4), Math.max(end, this.limit))
    try {
      this.wasm.grow(Math.ceil((want - have) / PAGE))
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
    this.views = viewsOf(this.wasm.buffer)
    return true
  }

  private shortOf(size: number): OmenError {
    const message = `memory: no room for ${size} bytes, ${this.usedBytes} of ${this.limit} are in use (memoryBytes)`
    return new OmenError('busy', message, { retryAfter: 1 })
  }
}

interface Views {
  u8: Uint8Array
  u16: Uint16Array
  u32: Uint32Array
  i64: BigInt64Array
  u64: BigUint64Array
  f64: Float64Array
}

function viewsOf(buffer: ArrayBuffer): Views {
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i64: new BigInt64Array(buffer),
    u64: new BigUint64Array(buffer),
    f64: new Float64Array(buffer),
  }
}

function classOf(size: number): number {
  if (size < 0 || size > 2 ** CLASS_MAX) assert(false, `region of ${size} bytes`)
  return size <= 2 ** CLASS_MIN ? CLASS_MIN : 32 - Math.clz32(size - 1)
}
