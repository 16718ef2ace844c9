// Series that have no rows any more leave the catalog: they are no longer listed and do not count
// against the limit. A sweep of a table reads the series pages of its parts, the newest first, until
// every series was found. What was not is dropped by entries of the log, a few thousand a record, after
// a second look in the write queue's turn. It runs beside maintenance, which a turn may wait for.

import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogTable } from '../catalog/catalog-table.ts'
import { encodeSeriesDropped } from '../catalog/catalog-entry.ts'
import { OmenError, isOutage } from '../error.ts'
import type { Host, TimerHandle } from '../host.ts'
import type { KernelInstance } from '../kernel.ts'
import { joinBytes } from '../log/log-record.ts'
import type { Cache } from '../segment/cache.ts'
import type { PartReader } from '../segment/part.ts'
import type { PartSet } from '../segment/part-set.ts'
import type { Execution } from '../step.ts'

/** What a sweep needs of a shard. */
export interface SweepTarget {
  readonly host: Host
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly cache: Cache
  readonly parts: PartSet
  run<T>(execution: Execution<T>, check?: () => void): Promise<T>
  logEntries(find: () => Uint8Array): Promise<void>
}

/** From the first sign that series may be empty to the sweep: more may follow. */
const DELAY_MS = 60_000
/** Series of one record, and those looked at in one turn. */
const DROPPED_MAX = 4_096
const LOOKS_MAX = 16_384
/** How often parts that came meanwhile are looked at before the rest waits for the next sweep. */
const PASSES_MAX = 64
const NOTHING = new Uint8Array()

/** Drops series without rows of the tables that are suspected to have some. */
export class SeriesSweep {
  private readonly target: SweepTarget
  private readonly hides: (table: number) => boolean
  /** Ids of tables. */
  private readonly suspects = new Set<number>()
  private running: Promise<void> | null = null
  private timer: TimerHandle = null
  private isEnding = false
  private failure: unknown = null

  /** `hides`: whether a memtable has rows of a table that are hidden, and in no part later. */
  constructor(target: SweepTarget, hides: (table: number) => boolean) {
    this.target = target
    this.hides = hides
  }

  /** Why the last sweep failed, or null. */
  get error(): unknown {
    return this.failure
  }

  /** Something may have taken the last rows of series of these tables: looks at them later. */
  suspect(tables: Iterable<number>): void {
    for (const table of tables) this.suspects.add(table)
    if (this.suspects.size === 0 || this.timer !== null || this.isEnding) return
    this.timer = this.target.host.timer.set(DELAY_MS, () => {
      this.timer = null
      void this.now()
    })
  }

  /** Sweeps all suspects, and resolves when that has been tried. */
  async now(): Promise<void> {
    while (this.running !== null) await this.running
    if (this.isEnding) return
    this.running = this.sweepAll().finally(() => {
      this.running = null
    })
    await this.running
  }

  /** Gives up what is under way, for good. */
  async end(): Promise<void> {
    this.isEnding = true
    if (this.timer !== null) this.target.host.timer.clear(this.timer)
    await this.running
  }

  /** Never rejects. */
  private async sweepAll(): Promise<void> {
    this.failure = null
    const waiting = new Set<number>()
    // A set of its own: what is suspected meanwhile, perhaps because of this sweep, has to wait.
    const due = new Set(this.suspects)
    this.suspects.clear()
    for (const id of due) {
      due.delete(id)
      const table = this.target.catalog.tableOf(id)
      if (table === undefined) continue
      try {
        const { isDone, source } = await this.sweep(table)
        if (!isDone || this.hides(id)) waiting.add(id)
        // What kept the series of its source may be gone.
        if (source !== undefined) due.add(source)
      } catch (error) {
        waiting.add(id)
        // An outage is shown by who writes.
        if (!this.isEnding && !isOutage(error)) this.failure ??= error ?? new Error('unknown')
      }
    }
    this.suspect(waiting)
  }

  /**
   * `isDone` is false if somebody reads parts of before, or parts came too fast: it has to be tried
   * again. `source`: the table that a rollup is made of, if series of the rollup were dropped.
   */
  private async sweep(
    table: CatalogTable,
  ): Promise<{ isDone: boolean; source: number | undefined }> {
    const { target } = this
    const { catalog, parts } = target
    const rest = new UnseenSeries(catalog, table)
    let dropped = 0
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      await this.look(rest)
      while (!rest.isDone) {
        const count = await this.drop(rest)
        if (count === null) break
        dropped += count
      }
      if (rest.isDone || parts.hasOlderReaders) break
    }
    const source = dropped > 0 ? catalog.rollups.into(table.id)?.source : undefined
    return { isDone: rest.isDone, source }
  }

  /** Drops some in one turn of the write queue; how many, or null if it may drop none now. */
  private async drop(rest: UnseenSeries): Promise<number | null> {
    const { parts } = this.target
    let count: number | null = null
    this.checkGoing()
    await this.target.logEntries(() => {
      this.checkGoing()
      // While it waited for its turn the table may have been dropped, and its memory be another's.
      if (rest.isDone || parts.hasOlderReaders || rest.unseen(parts).length > 0) return NOTHING
      const ids = rest.take()
      count = ids.length
      return joinBytes(...ids.map(encodeSeriesDropped))
    })
    return count
  }

  /** Looks at the parts of the table that were not looked at, until all have been. */
  private async look(rest: UnseenSeries): Promise<void> {
    const { target } = this
    const version = target.parts.acquire()
    try {
      const readers = rest.unseen(target.parts)
      await target.run(rest.see(target, readers), () => this.checkGoing())
    } finally {
      target.parts.release(version)
    }
  }

  private checkGoing(): void {
    if (this.isEnding) throw new OmenError('cancelled', 'series: the database is closing')
  }
}

/** The series that a table had at the beginning and that were in no part so far. */
class UnseenSeries {
  private readonly catalog: Catalog
  private readonly table: CatalogTable
  /** By ordinal. */
  private readonly isSeen: Uint8Array
  private readonly parts = new Set<PartReader>()
  private seenCount = 0
  private readonly liveCount: number
  /** Ordinals before it have been decided. */
  private next = 0

  constructor(catalog: Catalog, table: CatalogTable) {
    this.catalog = catalog
    this.table = table
    this.isSeen = new Uint8Array(table.ordinalCount)
    this.liveCount = table.ordinalCount - table.droppedSeries
  }

  /** Whether nothing is left to drop. */
  get isDone(): boolean {
    const isAll = this.next === this.isSeen.length || this.seenCount === this.liveCount
    return isAll || this.catalog.tableOf(this.table.id) !== this.table
  }

  /** Parts of the table that were not looked at, newest first. */
  unseen(parts: PartSet): PartReader[] {
    const readers = parts.readers(this.table.id)
    return readers.filter((reader) => !this.parts.has(reader)).reverse()
  }

  /** Looks at parts, which the caller holds; once every series was found, no further. */
  *see({ instance, cache }: SweepTarget, readers: readonly PartReader[]): Execution<void> {
    const { memory } = instance
    const pins = cache.pins()
    try {
      for (const reader of readers) {
        if (this.seenCount === this.liveCount) return
        yield* reader.open(pins)
        for (let page = 0; page < reader.seriesPageCount; page++) {
          const { ids, count } = yield* reader.seriesPage(pins, page)
          const first = ids >>> 2
          for (let i = first; i < first + count; i++) this.note(memory.u32[i]!)
          pins.release()
          yield { pause: true }
        }
        this.parts.add(reader)
      }
    } finally {
      pins.release()
    }
  }

  /** In the write queue's turn, all parts looked at: ids of some that have no rows anywhere. */
  take(): number[] {
    const { catalog, table, isSeen } = this
    const ids: number[] = []
    const end = Math.min(isSeen.length, this.next + LOOKS_MAX)
    for (; this.next < end && ids.length < DROPPED_MAX; this.next++) {
      if (isSeen[this.next] === 1) continue
      const id = catalog.seriesAt(table, this.next)
      if (id !== null && !this.isKept(id)) ids.push(id)
    }
    return ids
  }

  private note(id: number): void {
    const { series } = this.catalog
    if (id >= series.count || series.isRemoved(id)) return
    const ordinal = series.payload(id, 'b')
    if (ordinal >= this.isSeen.length || this.isSeen[ordinal] === 1) return
    this.isSeen[ordinal] = 1
    this.seenCount++
  }

  /** Has it rows in a memtable (heads of chains), or a rollup buckets that outlived its points? */
  private isKept(id: number): boolean {
    const { series, rollups } = this.catalog
    if (series.payload(id, 'c') !== 0 || series.payload(id, 'd') !== 0) return true
    return rollups.of(this.table.id).some(({ target }) => {
      return this.catalog.siblingSeries(id, target) >= 0
    })
  }
}
