// What becomes visible, for those who follow a table live: while somebody does, the rows of each batch
// are copied, as the log has them, into a ring of bounded bytes, and whoever follows reads them there at
// his own pace. Writers never wait for readers: one who falls out of the ring is told so. While nobody
// follows, a batch costs a comparison.

import type { StagedBatch } from '../ingest/batch.ts'
import { OmenError } from '../error.ts'
import type { ShardRooms } from '../publisher.ts'
import type { ShardOptions } from '../shard-options.ts'
import type { Answer } from '../query/query.ts'
import { ReadingRoom } from './reading-room.ts'

/** What a tail shows of a batch. */
export interface PointsEvent extends Pick<Answer, 'columns' | 'series'> {
  readonly kind: 'points'
  readonly lsn: bigint
}

/** A batch that became visible. */
export interface FeedEntry {
  readonly lsn: bigint
  /** Rows and the strings that they point into (assembly/row.ts). */
  readonly rows: Uint8Array
  readonly arena: Uint8Array
  readonly tables: readonly number[]
  /** Least and greatest time. */
  readonly times: readonly [bigint, bigint]
  /** By series, offset + 1 of its newest row; null until somebody reads it, who links the rows. */
  heads: ReadonlyMap<number, number> | null
  /** Events of it that tails share, by what these asked: read just now, or gone when nobody holds them any more. */
  readonly events: Map<string, Promise<PointsEvent> | WeakRef<PointsEvent>>
}

/** What a batch takes in the ring, and in the kernel while it is read. */
export function bytesOfEntry({ rows, arena }: FeedEntry): number {
  return rows.length + arena.length
}

/** Somebody who follows. */
export interface Follower {
  /** All up to this lsn was taken. */
  readonly position: bigint
  /** Something came, or the feed ended. */
  wake(): void
  /** Entries behind its position are gone. */
  fellBehind(): void
}

export interface FeedOptions {
  /** Bytes of rows and strings that are kept; the newest batch is kept whatever its size. */
  readonly bytes: number
  readonly followersMax: number
  /** How long it goes on when nobody follows any more, for those who come back. */
  readonly lingerNs: bigint
  readonly now: () => bigint
  /** All records up to it are durable. */
  readonly durableLsn: () => bigint
  /** Kernel memory, as it lies now. */
  readonly memory: () => Uint8Array
}

/** What a feed counted and holds. */
export interface FeedCounts {
  readonly followers: number
  readonly bytes: number
}

const MEGABYTE = 1 << 20
/** No entry has it. */
const NEVER = -1n
const LINGER_NS = 120_000_000_000n

/** The feed of a shard. */
export function createFeed(
  { host, instance, journal }: Pick<ShardRooms, 'host' | 'instance' | 'journal'>,
  { tailBytes = 16 * MEGABYTE, tailsMax = 256 }: Pick<ShardOptions, 'tailBytes' | 'tailsMax'>,
): Feed {
  const options = {
    bytes: tailBytes,
    followersMax: tailsMax,
    lingerNs: LINGER_NS,
    now: () => host.now(),
    durableLsn: () => journal.durableLsn,
    memory: () => instance.memory.u8,
  }
  const history = BigInt.asUintN(32, journal.identity).toString(16).padStart(8, '0')
  return new Feed(options, journal.lsn, history)
}

export class Feed {
  /** Names the database whose lsns these are: eight hexadecimal digits. */
  readonly history: string
  /** Where tails read batches, as many bytes at once as the ring has. */
  readonly room: ReadingRoom
  private readonly options: FeedOptions
  private readonly followers = new Set<Follower>()
  private entries: FeedEntry[] = []
  private bytes = 0
  private isOpen = false
  private hasEnded = false
  private generations = 0
  private kept = NEVER
  /** When the last follower left. */
  private leftAt = 0n
  /** The lsn of the newest batch that became visible. */
  private last: bigint
  /** Everything behind it is in the ring. */
  private base: bigint
  /** Deletes of each table. */
  private readonly deletes = new Map<number, number>()

  /** `last`: the newest lsn at the start. */
  constructor(options: FeedOptions, last: bigint, history: string) {
    this.options = options
    this.room = new ReadingRoom(options.bytes)
    this.history = history
    this.last = last
    this.base = last
  }

  get counts(): FeedCounts {
    return { followers: this.followers.size, bytes: this.bytes }
  }

  /** How often all that followed had to begin again. */
  get generation(): number {
    return this.generations
  }

  /** Where one begins who wants what comes from now on. */
  get newest(): bigint {
    return this.last
  }

  /** Where one goes on who was left behind. */
  get oldest(): bigint {
    return this.base
  }

  /** Is everything behind this lsn here? */
  reaches(lsn: bigint): boolean {
    return lsn >= this.base && lsn <= this.last
  }

  /** Throws `busy` when too many follow already. */
  join(follower: Follower): void {
    const { followersMax } = this.options
    this.checkEnd()
    if (this.followers.size >= followersMax) {
      const message = `tails: ${followersMax} are open already (tailsMax)`
      throw new OmenError('busy', message, { retryAfter: 5 })
    }
    this.letGo()
    if (!this.isOpen) this.base = this.last
    this.isOpen = true
    this.followers.add(follower)
  }

  leave(follower: Follower): void {
    if (this.followers.delete(follower)) this.leftAt = this.options.now()
  }

  /** A batch became visible; its regions go after this. */
  take(lsn: bigint, staged: StagedBatch, times: readonly [bigint, bigint]): void {
    this.last = lsn
    if (!this.isOpen) return
    const memory = this.options.memory()
    this.letGo()
    if (!this.isOpen) return
    const { rows, rowBytes, arena, arenaBytes, tables } = staged
    this.entries.push({
      lsn,
      rows: memory.slice(rows, rows + rowBytes),
      arena: memory.slice(arena, arena + arenaBytes),
      tables: [...tables],
      times: [...times],
      heads: null,
      events: new Map(),
    })
    this.bytes += rowBytes + arenaBytes
    this.evict()
    this.wake()
  }

  /** The first entry behind an lsn that is durable; null: there is none yet. Throws once it ended. */
  after(lsn: bigint): FeedEntry | null {
    this.checkEnd()
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.entries[middle]!.lsn <= lsn) low = middle + 1
      else high = middle
    }
    const found = this.entries[low]
    return found === undefined || found.lsn > this.options.durableLsn() ? null : found
  }

  /** Points of a table were deleted. */
  noteDelete(table: number): void {
    if (!this.isOpen) return
    this.deletes.set(table, this.deletesOf(table) + 1)
    this.wake()
  }

  deletesOf(table: number): number {
    return this.deletes.get(table) ?? 0
  }

  /** Lets all look again: something is durable now, or gone. */
  wake(): void {
    for (const follower of this.followers) follower.wake()
  }

  /** Begins to keep what comes, before anybody follows. */
  keep(): void {
    if (!this.isOpen) this.base = this.last
    this.isOpen = true
    this.kept = this.base
    this.leftAt = this.options.now()
  }

  /** Where one begins who wants all since `keep`; without that, nothing reaches it. */
  get keptFrom(): bigint {
    return this.kept
  }

  /** What followers want comes from elsewhere now: all that follow have to begin again. */
  interrupt(): void {
    this.generations++
    this.wake()
  }

  /** Throws `unavailable` for one that began before the last `interrupt`. */
  checkGeneration(generation: number): void {
    if (generation === this.generations) return
    const message = 'tail: the database is in several shards from now on'
    throw new OmenError('unavailable', message, { retryAfter: 1 })
  }

  /** Nothing comes any more. */
  end(): void {
    this.hasEnded = true
    this.wake()
  }

  private checkEnd(): void {
    if (!this.hasEnded) return
    throw new OmenError('unavailable', 'tail: the database ends or starts again', { retryAfter: 1 })
  }

  /** Lets the oldest entries go. */
  private evict(): void {
    const { base } = this
    while (this.bytes > this.options.bytes && this.entries.length > 1) {
      const { lsn, rows, arena } = this.entries.shift()!
      this.bytes -= rows.length + arena.length
      this.base = lsn
    }
    if (this.base === base) return
    for (const follower of this.followers) {
      if (follower.position >= this.base || follower.position < base) continue
      follower.fellBehind()
    }
  }

  /** Forgets all when nobody has followed for long. */
  private letGo(): void {
    if (!this.isOpen || this.followers.size > 0) return
    if (this.options.now() - this.leftAt < this.options.lingerNs) return
    this.isOpen = false
    this.entries = []
    this.bytes = 0
    this.base = this.last
    this.deletes.clear()
  }
}
