// Which segment files move to the object store, and when. The ones whose newest point is old enough, once
// there is nothing left to merge; and the oldest ones while those that stay hot are more bytes than they
// may be. What is merged or rewritten later comes back as a hot file, and moves again. A failure is kept
// as the reason that health shows, and tried again after a pause that doubles.

import { OmenError } from '../error.ts'
import type { TimerHandle } from '../host.ts'
import { fileName } from '../log/file-name.ts'
import type { FileDescription } from '../log/manifest.ts'
import type { ShardRooms } from '../publisher.ts'
import type { ShardOptions } from '../shard-options.ts'
import type { PartDescription } from '../segment/part.ts'
import type { ColdFiles } from '../storage/storage.ts'

/** When files move; times are in milliseconds. */
export interface TierPolicy {
  /** Age of the newest point of a file from which on it moves. */
  readonly tierAfterMs: number
  /** Bytes of segment files that stay; beyond it the oldest move whatever their age. */
  readonly hotBytesMax: number
  /** Larger files stay, because one that moves is in memory as a whole; merges keep below half of it. */
  readonly coldFileBytesMax: number
}

const DAY_MS = 24 * 3_600_000

/** The policy that options ask for: after 7 days, 4 GiB hot, files of 128 MiB unless given. */
export function tierPolicy({
  tierAfterMs = 7 * DAY_MS,
  hotBytesMax = 4 * 2 ** 30,
  coldFileBytesMax = 128 << 20,
}: Partial<ShardOptions>): TierPolicy {
  return { tierAfterMs, hotBytesMax, coldFileBytesMax }
}

/** What is due, oldest first, and when the next file will be by its age: nanoseconds, null for never. */
export interface TierChoice {
  readonly files: readonly FileDescription[]
  readonly nextAt: bigint | null
}

/** Smaller files stay, however old: a request costs more than their bytes. */
const COLD_BYTES_MIN = 16 * 1024
const RETRY_MS = 1_000
const RETRY_MAX_MS = 300_000
/** Nobody is woken more often for files that grow old. */
const WAKE_MS_MIN = 10 * 60_000
const WAKE_MS_MAX = DAY_MS

/** Chooses among the files of `parts` that are hot; `now` is in nanoseconds since 1970. */
export function chooseCold(
  parts: readonly PartDescription[],
  hot: readonly FileDescription[],
  now: bigint,
  { tierAfterMs, hotBytesMax, coldFileBytesMax }: TierPolicy,
): TierChoice {
  const newest = new Map<number, bigint>()
  for (const { file, maxTime } of parts) {
    const known = newest.get(file)
    if (known === undefined || maxTime > known) newest.set(file, maxTime)
  }
  let bytes = hot.reduce((sum, { size }) => sum + size, 0)
  const movable = hot
    .filter(({ number, size }) => size <= coldFileBytesMax && newest.has(number))
    .sort((a, b) => {
      const [left, right] = [newest.get(a.number)!, newest.get(b.number)!]
      return left < right ? -1 : left > right ? 1 : a.number - b.number
    })
  const ageNs = BigInt(Math.min(tierAfterMs, Number.MAX_SAFE_INTEGER)) * 1_000_000n
  const files: FileDescription[] = []
  let nextAt: bigint | null = null
  for (const file of movable) {
    const dueAt = newest.get(file.number)! + ageNs
    const isLarge = file.size >= COLD_BYTES_MIN
    if (bytes > hotBytesMax || (isLarge && dueAt <= now)) {
      files.push(file)
      bytes -= file.size
    } else if (isLarge && (nextAt === null || dueAt < nextAt)) nextAt = dueAt
  }
  return { files, nextAt }
}

export class Tiering {
  private readonly rooms: ShardRooms
  private readonly cold: ColdFiles
  private readonly policy: TierPolicy
  private running: Promise<void> | null = null
  private isDue = false
  private isEnding = false
  /** Whether objects that crashes of others left were looked for. */
  private isSwept = false
  private timer: TimerHandle = null
  private retryMs = RETRY_MS
  private failure: unknown = null
  private missing: readonly string[] = []

  /** Null: the host's storage has no object store. */
  static create(rooms: ShardRooms, options: Partial<ShardOptions>): Tiering | null {
    const { cold } = rooms.host.storage
    return cold === undefined ? null : new Tiering(rooms, cold, tierPolicy(options))
  }

  private constructor(rooms: ShardRooms, cold: ColdFiles, policy: TierPolicy) {
    this.rooms = rooms
    this.cold = cold
    this.policy = policy
  }

  /** Why the last round failed, or files whose objects are missing, or null. */
  get error(): unknown {
    const [first] = this.missing.filter((name) => this.cold.has(name))
    if (this.failure !== null || first === undefined) return this.failure
    return new OmenError('corrupt', `${first}: its object is missing from the object store`)
  }

  /** Bytes of the inputs of a merge, so that what comes out may move. */
  get mergeBytesMax(): number {
    return this.policy.coldFileBytesMax / 2
  }

  /** Looks, in a later turn, for files to move and objects to remove; at most one round at a time. */
  start(): void {
    this.isDue = true
    if (this.running !== null || this.isEnding) return
    this.running = this.rounds().finally(() => (this.running = null))
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** No more moves; resolves when none is under way. */
  async end(): Promise<void> {
    this.isEnding = true
    this.setTimer(null)
    await this.idle()
  }

  private async rounds(): Promise<void> {
    while (this.isDue && !this.isEnding) {
      this.isDue = false
      try {
        await this.rooms.host.pause()
        const nextAt = await this.round()
        this.failure = null
        this.retryMs = RETRY_MS
        this.setTimer(nextAt === null ? null : this.delayUntil(nextAt))
      } catch (error) {
        if (this.isEnding) return
        this.failure = error ?? new Error('unknown')
        this.setTimer(this.retryMs)
        this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS)
      }
    }
  }

  /** Moves what is due, one file after the other; when the next one will be. */
  private async round(): Promise<bigint | null> {
    const { cold } = this
    const { host, parts } = this.rooms
    // Objects first: what they are of has gone, whatever the moves meet.
    await cold.clean()
    const { files, nextAt } = this.choose()
    for (const file of files) {
      if (this.isEnding) return null
      if (!parts.version.files.has(file.number)) continue
      await cold.store(fileName('segment', file.number), file.checksum, () => host.pause())
    }
    await cold.clean()
    if (files.length > 0 && !this.isSwept) {
      this.missing = await cold.sweep()
      this.isSwept = true
    }
    return nextAt
  }

  private choose(): TierChoice {
    const { parts, clock } = this.rooms
    const hot = parts.files().filter(({ number }) => !this.cold.has(fileName('segment', number)))
    return chooseCold(parts.parts(), hot, clock.now(), this.policy)
  }

  private delayUntil(time: bigint): number {
    const delayMs = Number((time - this.rooms.clock.now()) / 1_000_000n)
    return Math.min(WAKE_MS_MAX, Math.max(WAKE_MS_MIN, delayMs))
  }

  private setTimer(delayMs: number | null): void {
    const { timer } = this.rooms.host
    if (this.timer !== null) timer.clear(this.timer)
    this.timer = null
    if (delayMs === null || this.isEnding) return
    this.timer = timer.set(delayMs, () => {
      this.timer = null
      this.start()
    })
  }
}
