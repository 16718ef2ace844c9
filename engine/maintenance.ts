// What a shard does beside writes: it flushes what is sealed, then merges parts, one job at a time;
// but a memtable that is sealed during a merge is flushed in the next pause of that, since writers
// wait for it. A job that fails changes nothing; it is kept as the reason that health shows, and tried
// again after a pause that doubles, until it works.

import { compactAll } from './segment/compaction.ts'
import {
  type CompactionOptions,
  type Merge,
  chooseCompaction,
} from './segment/compaction-choice.ts'
import { OmenError } from './error.ts'
import { flushMemtable } from './segment/flush.ts'
import type { TimerHandle } from './host.ts'
import { type Reclaimable, SWEEP_MS, chooseReclaimable, isTouched } from './lifecycle/reclaiming.ts'
import { Housekeeping } from './lifecycle/housekeeping.ts'
import type { FileDescription } from './log/manifest.ts'
import type { Memtable } from './memtable.ts'
import type { Memtables } from './memtables.ts'
import type { PartDescription } from './segment/part.ts'
import { type ShardRooms, drive, isLive, publish, writeSegment } from './publisher.ts'

/** Counters since the start. */
export interface MaintenanceCounters {
  flushes: number
  flushBytes: number
  compactions: number
  compactionReadBytes: number
  compactionWrittenBytes: number
}

/** What else has to be done when. */
export interface MaintenanceHooks {
  /** Bytes of the inputs of one job, where its file must not be larger; undefined: as compaction has it. */
  readonly mergeBytesMax?: number | undefined
  /** A round found nothing more to do. */
  rested(): void
  /** Beside each retry: for what else is out of order. */
  repair(): void
  /** New parts are there. */
  flushed(): void
  /** What went may have been the last rows of series of these tables. */
  emptied(tables: readonly number[]): void
  /** No part holds these dropped fields any more. */
  purged(columns: readonly number[]): void
  /** There may be tombstones that hide nothing any more. */
  forget(): void
}

/** Pause before what failed is tried again: at first, and at most. */
const RETRY_MS = 1_000
const RETRY_MAX_MS = 60_000
/** At most, while the disk is full: writers go on as soon as there is space. */
const FULL_RETRY_MAX_MS = 5_000
/** How long a write waits for a memtable before it is refused as `busy`. */
const ROOM_TIMEOUT_MS = 5_000
/** Flushes that may go before one merge. */
const OVERTAKES_MAX = 8

export class Maintenance {
  readonly counters: MaintenanceCounters = {
    flushes: 0,
    flushBytes: 0,
    compactions: 0,
    compactionReadBytes: 0,
    compactionWrittenBytes: 0,
  }
  private readonly rooms: ShardRooms
  private readonly memtables: Memtables
  private readonly hooks: MaintenanceHooks
  private readonly housekeeping: Housekeeping
  private running: Promise<void> | null = null
  private flushFailure: unknown = null
  private mergeFailure: unknown = null
  private retryTimer: TimerHandle = null
  private retryMs = RETRY_MS
  private hasMerged = false
  private isEnding = false
  /** Flushes that went before the merge that is under way. */
  private overtakes = 0
  /** Whether a round was asked for while one was under way: that may have passed what is new. */
  private isDue = false
  /** Wakes a merge that waits for bytes of a cold file. */
  private nudge: () => void = () => {}
  /** Those who wait for an attempt to flush. */
  private attemptWaiters: (() => void)[] = []
  /** Whether parts of which little is hidden are due. */
  private isSweeping = false
  private sweepTimer: TimerHandle = null

  constructor(rooms: ShardRooms, memtables: Memtables, hooks: MaintenanceHooks) {
    this.rooms = rooms
    this.memtables = memtables
    this.hooks = hooks
    this.housekeeping = new Housekeeping(rooms, (merges) => this.mergeParts(merges), hooks)
  }

  /** Why the last flush failed; null once one succeeds. */
  get flushError(): unknown {
    return this.flushFailure
  }

  /** Why the last flush or the last merge failed, or null. */
  get error(): unknown {
    return this.flushFailure ?? this.mergeFailure
  }

  /** Starts a round of flush and merges, as far as `options` say; false if one is under way. */
  start(options?: CompactionOptions): boolean {
    if (this.running !== null) {
      this.isDue = true
      this.nudge()
      return false
    }
    this.isDue = false
    this.running = this.round(options).finally(() => {
      this.running = null
      // Who waits for room and came after the flush of this round looks again, too.
      this.memtables.wake()
      this.attempted()
      if (this.error === null) {
        this.succeeded()
        if (!this.isEnding) this.hooks.rested()
      } else this.retryLater(this.error)
      if (!this.isEnding && this.rooms.catalog.tombstones.version.size > 0) this.hooks.forget()
      // Sealed when the round was at its end.
      if (this.memtables.sealed !== null && this.flushFailure === null) this.start()
      else if (this.isDue && this.error === null && !this.isEnding) this.start()
    })
    return true
  }

  /** Flushes what is sealed, before merges that are under way; see `flushError` for how it went. */
  async flushed(): Promise<void> {
    do {
      this.start()
      if (this.memtables.sealed === null) return
      await new Promise<void>((resolve) => this.attemptWaiters.push(resolve))
    } while (this.flushFailure === null)
  }

  /**
   * Resolves when a memtable is spare. Throws why the flush that would free one fails, which is tried
   * again by itself, and `busy` when the time is over: a reader holds it.
   */
  async makeSpare(): Promise<void> {
    const { memtables } = this
    const { timer } = this.rooms.host
    let isOver = false
    const timeout = timer.set(ROOM_TIMEOUT_MS, () => {
      isOver = true
      memtables.wake()
    })
    try {
      while (!memtables.canSeal) {
        if (this.flushFailure !== null) throw this.flushFailure
        if (isOver) throw noRoom()
        if (memtables.sealed !== null) this.start()
        await memtables.whenWoken()
      }
    } finally {
      timer.clear(timeout)
    }
  }

  /** Looks, in a later turn, whether parts that queries merge are worth a merge for good. */
  async relieve(): Promise<void> {
    await this.rooms.host.pause()
    if (!this.isEnding && this.rooms.parts.isHot) this.start()
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** Starts a round after a pause, which is longer each time until `succeeded`. */
  retryLater(reason: unknown): void {
    if (this.isEnding || this.retryTimer !== null) return
    const isFull = reason instanceof OmenError && reason.code === 'storage_full'
    const pauseMs = Math.min(this.retryMs, isFull ? FULL_RETRY_MAX_MS : RETRY_MAX_MS)
    this.retryTimer = this.rooms.host.timer.set(pauseMs, () => {
      this.retryTimer = null
      this.hooks.repair()
      this.start()
    })
    this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS)
  }

  succeeded(): void {
    this.retryMs = RETRY_MS
  }

  /** No more retries and merges, also none that is under way; flushes go on. */
  end(): void {
    this.isEnding = true
    const { timer } = this.rooms.host
    if (this.retryTimer !== null) timer.clear(this.retryTimer)
    if (this.sweepTimer !== null) timer.clear(this.sweepTimer)
  }

  /** Flushes all rows, up to the record `flushedLsn`, in one step: their logs cannot be relied on. */
  async rewrite(flushedLsn: bigint): Promise<void> {
    const { rooms, memtables } = this
    const { sealed, active, sequence } = memtables
    if (sealed === null) {
      await this.writeRows(active, sequence, (added, file) =>
        publish(rooms, { added, files: [file], flushedLsn }),
      )
    } else {
      await this.writeRows(sealed.memtable, sealed.sequence, (older, first) =>
        this.writeRows(active, sequence, (newer, second) =>
          publish(rooms, { added: [...older, ...newer], files: [first, second], flushedLsn }),
        ),
      )
      memtables.retire()
    }
    await memtables.renew()
  }

  /** Never rejects. */
  private async round(options?: CompactionOptions): Promise<void> {
    do {
      await this.tryFlush()
      if (this.flushFailure !== null) return
      this.mergeFailure = await failureOf(() => this.merge(options))
    } while (this.hasMerged && this.mergeFailure === null)
  }

  private async tryFlush(): Promise<void> {
    this.flushFailure = await failureOf(() => this.flush())
    this.memtables.wake()
    this.attempted()
  }

  private attempted(): void {
    for (const resolve of this.attemptWaiters.splice(0)) resolve()
  }

  /**
   * In a pause of a merge: a flush goes before it. One that fails is the next round's, and so is one
   * too many: parts that come faster than they are merged would pile up, so writers have to wait.
   */
  private flushBetween(): Promise<void> | null {
    if (this.memtables.sealed === null || this.flushFailure !== null) return null
    if (this.overtakes === OVERTAKES_MAX) return null
    this.overtakes++
    return this.tryFlush()
  }

  /** While a merge waits for a cold file: as in its pauses, writers are not to wait with it. */
  private async flushMeanwhile(reading: Promise<unknown>): Promise<void> {
    const over = reading.then(
      () => true,
      () => true,
    )
    let isOver = false
    while (!isOver) {
      const nudged = new Promise<boolean>((resolve) => (this.nudge = () => resolve(false)))
      await this.flushBetween()
      isOver = await Promise.race([over, nudged])
    }
  }

  private async flush(): Promise<void> {
    const { sealed } = this.memtables
    if (sealed === null) return
    const visible = (): void => this.memtables.retire()
    const { memtable, sequence, lastLsn: flushedLsn } = sealed
    this.counters.flushBytes += await this.writeRows(memtable, sequence, (added, file) =>
      publish(this.rooms, { added, files: [file], flushedLsn, visible }),
    )
    this.counters.flushes++
    this.hooks.flushed()
  }

  private writeRows(
    memtable: Memtable,
    sequence: bigint,
    publishIt: (parts: PartDescription[], file: FileDescription) => Promise<unknown>,
  ): Promise<number> {
    const { rooms } = this
    return writeSegment(
      rooms,
      (writer) =>
        flushMemtable(rooms.instance, memtable, writer, sequence, rooms.catalog.tombstones),
      publishIt,
    )
  }

  /** One merge, or the removal of dropped tables; `hasMerged` is false if there was nothing to do. */
  private async merge(options?: CompactionOptions): Promise<void> {
    this.hasMerged = false
    if (this.isEnding) return
    const live = this.rooms.parts
    live.isHot = false
    const { rollups } = this.rooms.catalog
    const parts = live.parts()
    if (parts.some(({ table }) => !isLive(this.rooms, table))) {
      await publish(this.rooms, {})
      this.hasMerged = true
      return
    }
    if (await this.housekeeping.step()) {
      this.hasMerged = true
      return
    }
    const { version: tombstones, nextId } = this.rooms.catalog.tombstones
    const isSweep = this.isSweeping || options?.sweep === true
    const reclaimable = chooseReclaimable(live.allReaders(), tombstones, isSweep)
    if (reclaimable.gone.length > 0) {
      await publish(this.rooms, { removed: reclaimable.gone })
      this.hasMerged = true
      return
    }
    // Choosing pauses, and a table may be dropped meanwhile: its files stay until all is merged.
    const version = live.acquire()
    try {
      const { files } = version
      const heatOf = (part: PartDescription): number => live.readerOf(part).heat
      const choosing = chooseCompaction(rollups.mergeable(live.parts()), {
        files,
        heatOf,
        ...(this.hooks.mergeBytesMax === undefined ? {} : { bytesMax: this.hooks.mergeBytesMax }),
        ...options,
      })
      const choice = await drive(this.rooms, choosing, () => this.checkGoing())
      if (choice !== null) await this.mergeParts(choice.merges)
      this.hasMerged = choice !== null || (await this.reclaim(reclaimable, nextId))
    } finally {
      live.release(version)
    }
    if (!this.hasMerged) await this.shortenCatalog()
  }

  /** Writes the catalog file without what was dropped, once that is most of it. */
  private async shortenCatalog(): Promise<void> {
    const { rooms } = this
    this.overtakes = 0
    const pause = async (): Promise<void> => {
      await rooms.host.pause()
      this.checkGoing()
      await this.flushBetween()
    }
    if (await rooms.journal.shortenCatalog(pause)) await publish(rooms, {})
  }

  /** Rewrites parts without what tombstones below `nextId` hide; false if none is due. */
  private async reclaim({ due, isWaiting }: Reclaimable, nextId: number): Promise<boolean> {
    if (due.length === 0) {
      this.isSweeping = false
      if (isWaiting) this.sweepLater()
      return false
    }
    const { rooms } = this
    const pins = rooms.cache.pins()
    const rewritten: Merge[] = []
    const clean: PartDescription[] = []
    for (const part of due) {
      const touched = isTouched(rooms.instance, pins, part)
      const isHidden = await drive(rooms, touched, () => this.checkGoing()).finally(() =>
        pins.release(),
      )
      const { description } = part.reader
      if (isHidden) rewritten.push({ inputs: [description] })
      else clean.push(description)
    }
    if (clean.length > 0) {
      const added = clean.map((part) => ({ ...part, tombstonesFrom: nextId }))
      await publish(rooms, { removed: clean, added })
    }
    for (const job of jobsOf(rewritten, this.hooks.mergeBytesMax ?? Infinity)) {
      await this.mergeParts(job)
    }
    return true
  }

  private sweepLater(): void {
    this.sweepTimer ??= this.rooms.host.timer.set(SWEEP_MS, () => {
      this.sweepTimer = null
      this.isSweeping = true
      this.start()
    })
  }

  private async mergeParts(merges: readonly Merge[]): Promise<void> {
    const { rooms, counters } = this
    this.overtakes = 0
    const { instance, cache, parts } = rooms
    const removed = merges.flatMap(({ inputs }) => inputs)
    const version = parts.acquire()
    try {
      const { tombstones, columns } = rooms.catalog
      const isDropped = (column: number): boolean => columns.isRemoved(column)
      const deleted = { version: tombstones.version, nextId: tombstones.nextId, isDropped }
      const inputs = merges.map((merge) => merge.inputs.map((part) => parts.readerOf(part)))
      counters.compactionWrittenBytes += await writeSegment(
        rooms,
        (writer) => compactAll(instance, cache, inputs, writer, deleted),
        (added, file) => publish(rooms, { removed, added, files: [file] }),
        {
          check: () => this.checkGoing(),
          rest: () => this.flushBetween(),
          meanwhile: (reading) => this.flushMeanwhile(reading),
        },
      )
      counters.compactions++
      counters.compactionReadBytes += removed.reduce((sum, part) => sum + part.size, 0)
    } finally {
      parts.release(version)
    }
  }

  private checkGoing(): void {
    if (this.isEnding) throw new OmenError('cancelled', 'compaction: the database is closing')
  }
}

/** Rewrites in groups, each of one file, of at most so many bytes if it has more than one. */
function jobsOf(merges: readonly Merge[], bytesMax: number): Merge[][] {
  const jobs: Merge[][] = []
  let bytes = Infinity
  for (const merge of merges) {
    const size = merge.inputs.reduce((sum, part) => sum + part.size, 0)
    bytes += size
    if (jobs.length > 0 && bytes <= bytesMax) jobs.at(-1)!.push(merge)
    else {
      jobs.push([merge])
      bytes = size
    }
  }
  return jobs
}

function noRoom(): OmenError {
  const message = 'memtable: full, and the one before is not free yet'
  return new OmenError('busy', message, { retryAfter: 1 })
}

async function failureOf(action: () => Promise<void>): Promise<unknown> {
  try {
    await action()
    return null
  } catch (error) {
    return error ?? new Error('unknown')
  }
}
