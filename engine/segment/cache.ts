// The block cache: checked bytes of segments in kernel memory. What is cached is a slab: one region
// that one read filled, holding one or more things (a decoded page, a run of blocks), each found by
// its offset in its file. Slabs are evicted whole, never while an execution pins them, and in the order
// they came, but those that were used meanwhile get another turn ("clock", Corbato 1968): to use a slab
// is one mark on it, where a list by the time of use would have its neighbours rewritten, too.

import { assert } from '../error.ts'
import type { Memory, Region } from '../memory.ts'

/** One thing of a slab: `key` is its offset in the file, `address` where it lies in memory. */
export interface CacheItem {
  readonly key: number
  readonly address: number
}

/** A member of the ring of slabs, the next one to be looked at first. */
interface Link {
  previous: Link
  next: Link
}

interface Slab extends Link {
  readonly file: number
  readonly region: Region
  readonly bytes: number
  readonly items: readonly CacheItem[]
  /** Where it lies, for who keeps what no offset names. */
  readonly own: Place
  pins: number
  /** Since eviction looked at it last. */
  isUsed: boolean
  /** The last that pinned it, and its generation: nearly always whoever asks next. */
  holder: Pins | null
  heldAt: number
  /** Dropped while pinned: released by the last unpin. */
  isDropped: boolean
}

/**
 * Where a cached thing lies. Whoever found it may keep it and ask `Pins.use` again, which is cheaper
 * than to look for it; once the thing is evicted the place is of no more use.
 */
export interface Place {
  /** null: evicted. */
  slab: Slab | null
  readonly address: number
  /** Of a directory page: places of its blocks, as far as they were found. */
  readonly blocks: (Place | null)[]
}

export class Cache {
  readonly memory: Memory
  /** Bytes that cached slabs may take; pinned ones may exceed it. */
  readonly capacity: number
  private readonly files = new Map<number, Map<number, Place>>()
  private readonly ring: Link
  private usedBytes = 0

  constructor(memory: Memory, capacity: number) {
    this.memory = memory
    this.capacity = capacity
    const ring = {} as Link
    ring.previous = ring
    ring.next = ring
    this.ring = ring
    memory.reclaim = () => this.evict()
  }

  /** Bytes of all slabs, in the whole blocks that the allocator gives. */
  get used(): number {
    return this.usedBytes
  }

  /** A new set of pins, for one execution. */
  pins(): Pins {
    return new Pins(this)
  }

  /**
   * A region of `size` bytes that the caller owns: insert it through pins, or release it to the
   * memory. Makes room by evicting what is not pinned; `busy` when that is not enough. Whoever else
   * is short of memory evicts, too: the cache is the memory's reserve.
   */
  allocate(size: number): Region {
    const room = this.capacity - blockBytes(size)
    let isFuller = true
    while (isFuller && this.usedBytes > room) isFuller = this.evict()
    return this.memory.allocate(size)
  }

  /** Forgets a file; what is pinned goes with its last pin. */
  drop(file: number): void {
    for (const place of this.files.get(file)?.values() ?? []) place.slab = null
    this.files.delete(file)
    for (let link = this.ring.next; link !== this.ring;) {
      const slab = link as Slab
      link = link.next
      if (slab.file === file) this.discard(slab)
    }
  }

  /** Gives everything back. Nothing is pinned any more. */
  release(): void {
    for (let link = this.ring.next; link !== this.ring; link = link.next) {
      assert((link as Slab).pins === 0, 'cache: released while in use')
    }
    let isFuller = true
    while (isFuller) isFuller = this.evict()
  }

  /** For Pins: where a thing lies; null if it is not cached. */
  find(file: number, key: number): Place | null {
    return this.files.get(file)?.get(key) ?? null
  }

  /** For Pins: takes ownership of a filled region. A key that is cached already keeps its place. */
  insert(file: number, region: Region, items: readonly CacheItem[]): Slab {
    let places = this.files.get(file)
    if (places === undefined) {
      places = new Map()
      this.files.set(file, places)
    }
    const bytes = blockBytes(region.size)
    const { ring } = this
    const own: Place = { slab: null, address: region.offset, blocks: [] }
    const slab: Slab = {
      file,
      region,
      bytes,
      items,
      own,
      pins: 0,
      isUsed: false,
      holder: null,
      heldAt: 0,
      isDropped: false,
      previous: ring,
      next: ring,
    }
    own.slab = slab
    append(ring, slab)
    this.usedBytes += bytes
    for (const { key, address } of items) {
      if (!places.has(key)) places.set(key, { slab, address, blocks: [] })
    }
    return slab
  }

  /** For Pins. */
  unpin(slab: Slab): void {
    slab.pins--
    assert(slab.pins >= 0, 'cache: unpinned twice')
    if (slab.pins === 0 && slab.isDropped) this.free(slab)
  }

  /** Frees the first slab that nobody pins or has used; false if all are pinned. */
  private evict(): boolean {
    let link = this.ring.next
    while (link !== this.ring) {
      const slab = link as Slab
      link = link.next
      if (slab.pins > 0) continue
      if (!slab.isUsed) {
        this.forget(slab)
        this.free(slab)
        return true
      }
      // Behind all others: it comes again, but not as used.
      slab.isUsed = false
      unlink(slab)
      append(this.ring, slab)
      if (link === this.ring) link = slab
    }
    return false
  }

  private discard(slab: Slab): void {
    slab.isDropped = true
    slab.own.slab = null
    if (slab.pins === 0) this.free(slab)
  }

  private forget(slab: Slab): void {
    slab.own.slab = null
    const places = this.files.get(slab.file)
    if (places === undefined || slab.isDropped) return
    for (const { key } of slab.items) {
      const place = places.get(key)
      if (place?.slab !== slab) continue
      place.slab = null
      places.delete(key)
    }
    if (places.size === 0) this.files.delete(slab.file)
  }

  private free(slab: Slab): void {
    unlink(slab)
    this.usedBytes -= slab.bytes
    this.memory.release(slab.region)
  }
}

/** What one execution holds of the cache. */
export class Pins {
  readonly cache: Cache
  /** Rises with every release: addresses found before it are of no use. */
  generation = 0
  /** Bytes of all that is pinned. */
  bytes = 0
  /** One stands here again for each time that another execution has pinned it in between. */
  private slabs: Slab[] = []
  private scratch: Region[] = []

  constructor(cache: Cache) {
    this.cache = cache
  }

  /** Address of a cached thing, pinned until release(); 0 if it is not cached. */
  find(file: number, key: number): number {
    const place = this.cache.find(file, key)
    return place === null ? 0 : this.use(place)
  }

  /** The same with where it lies, for the next time; null if it is not cached. */
  place(file: number, key: number): Place | null {
    const place = this.cache.find(file, key)
    if (place !== null) this.use(place)
    return place
  }

  /** Address of what was found before, pinned until release(); 0 if it was evicted. */
  use({ slab, address }: Place): number {
    if (slab === null) return 0
    slab.isUsed = true
    this.pin(slab)
    return address
  }

  /** Hands a filled and checked region to the cache, pinned until release(). */
  insert(file: number, region: Region, items: readonly CacheItem[]): void {
    this.pin(this.cache.insert(file, region, items))
  }

  /**
   * The same of what was made of a file and has no offset there: only who keeps the place finds it again,
   * by `use`.
   */
  keep(file: number, region: Region): Place {
    const slab = this.cache.insert(file, region, [])
    this.pin(slab)
    return slab.own
  }

  /** Memory of this execution alone, until release(). */
  allocate(size: number): Region {
    const region = this.cache.allocate(size)
    this.scratch.push(region)
    return region
  }

  /** Gives up all pins and scratch. The object may go on being used. */
  release(): void {
    this.generation++
    this.bytes = 0
    for (const slab of this.slabs) this.cache.unpin(slab)
    this.slabs = []
    for (const region of this.scratch) this.cache.memory.release(region)
    this.scratch = []
  }

  private pin(slab: Slab): void {
    if (slab.holder === this && slab.heldAt === this.generation) return
    slab.holder = this
    slab.heldAt = this.generation
    this.slabs.push(slab)
    this.bytes += slab.bytes
    slab.pins++
  }
}

/** What the buddy allocator takes for `size` bytes. */
function blockBytes(size: number): number {
  return Math.max(1024, 2 ** Math.ceil(Math.log2(Math.max(1, size))))
}

/** Makes `member` the last to be looked at. */
function append(ring: Link, member: Link): void {
  member.previous = ring.previous
  member.next = ring
  ring.previous.next = member
  ring.previous = member
}

function unlink(member: Link): void {
  member.previous.next = member.next
  member.next.previous = member.previous
}
