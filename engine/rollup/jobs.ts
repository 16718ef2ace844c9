// When rollups are brought up to date: after each flush and delete, and while retention waits for them, one after
// the other, beside writes and merges. It never runs inside maintenance: it writes rows, which may have to wait for a flush.

import { TIME_MIN } from '../calendar.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { encodeRollupRefreshed } from '../catalog/catalog-entry.ts'
import { OmenError } from '../error.ts'
import type { Host } from '../host.ts'
import { createBatch, type BatchHost } from '../ingest/batch.ts'
import type { ColumnPoints } from '../ingest/column-block.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Vector } from '../query/query.ts'
import type { Snapshot } from '../query/scan.ts'
import type { Deleted } from '../lifecycle/hiding.ts'
import { holesOf } from '../lifecycle/tombstones.ts'
import { viewVector } from '../query/vector.ts'
import type { Cache } from '../segment/cache.ts'
import type { PartSet, PartVersion } from '../segment/part-set.ts'
import type { Execution } from '../step.ts'
import { RollupRefresh } from './refresh.ts'
import { FROZEN_NONE, ceilToBucket, floorToBucket, type Rollup } from './registry.ts'

/** What the jobs need of a shard. */
export interface RollupTarget {
  readonly host: Host
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly cache: Cache
  readonly parts: PartSet
  readonly queue: BatchHost['queue']
  readonly staging: BatchHost['staging']
  run<T>(execution: Execution<T>, check?: () => void): Promise<T>
  logEntries(find: () => Uint8Array): Promise<void>
  /** Everything acknowledged so far is in parts when it resolves. */
  flush(): Promise<void>
  /** Logs tombstones and applies them (lifecycle/deletion.ts). */
  hide(find: () => Promise<readonly Deleted[]>): Promise<void>
}

/** Rows of one write. */
const BATCH_ROWS = 4_096

export class RollupJobs {
  private readonly target: RollupTarget
  private readonly ended: () => void
  private running: Promise<void> | null = null
  private isWanted = false
  private isEnding = false
  private failure: unknown = null

  /** `ended` is called after each round. */
  constructor(target: RollupTarget, ended: () => void) {
    this.target = target
    this.ended = ended
  }

  /** Why the last round failed, or null; what is gone fails no more. */
  get error(): unknown {
    return this.target.catalog.rollups.version.byId.size === 0 ? null : this.failure
  }

  /** Brings all rollups up to date with the parts there are; what is under way is followed by more. */
  start(): void {
    if (this.isEnding || this.target.catalog.rollups.version.byId.size === 0) return
    this.isWanted = true
    this.running ??= this.rounds().finally(() => {
      this.running = null
      if (!this.isEnding) this.ended()
    })
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** Gives up what is under way, for good. */
  end(): void {
    this.isEnding = true
  }

  /** Never rejects. */
  private async rounds(): Promise<void> {
    while (this.isWanted && !this.isEnding) {
      this.isWanted = false
      let failure: unknown = null
      for (const { id } of this.target.catalog.rollups.version.byId.values()) {
        try {
          await this.bringUp(id)
        } catch (error) {
          failure ??= error ?? new Error('unknown')
        }
      }
      this.failure = this.isEnding ? null : failure
    }
  }

  private async bringUp(id: number): Promise<void> {
    const { parts, catalog } = this.target
    const rollup = catalog.rollups.get(id)
    if (rollup === undefined) return
    let version: PartVersion | null = null
    try {
      const frozenBefore = await this.close(rollup)
      version = parts.acquire()
      const watermark = lastSequence(version)
      const { nextId: tombstonesFrom } = catalog.tombstones
      const kept = this.keptFrom(rollup)
      if (this.isDirty(rollup, version)) await this.refresh(rollup, version, frozenBefore)
      else if (frozenBefore === rollup.frozenBefore && !this.isExpiring(rollup, kept)) return
      await this.target.logEntries(() => {
        this.checkGoing(rollup)
        const final = this.finalBefore(rollup, frozenBefore, tombstonesFrom)
        const begun = rollup.watermark < 0n ? frozenBefore : rollup.begins
        const begins = latest(begun, kept, this.keptFrom(rollup))
        const progress = { id, watermark, frozenBefore: final, begins, tombstonesFrom }
        return encodeRollupRefreshed(progress)
      })
    } catch (error) {
      // Dropped meanwhile: there is nothing left to do.
      if (catalog.rollups.get(id) === undefined) return
      throw this.explained(error, rollup)
    } finally {
      if (version !== null) parts.release(version)
    }
  }

  /**
   * Start of the first bucket that has not expired. What is refreshed has none before it, also when the
   * clock is found to be earlier after the next start.
   */
  private keptFrom(rollup: Rollup): bigint {
    const cutoff = this.target.catalog.cutoffOf(rollup.target)
    return cutoff === TIME_MIN ? FROZEN_NONE : ceilToBucket(rollup, cutoff)
  }

  /** Do parts of its own table wait to be dropped until it is known to begin after them? */
  private isExpiring({ target, begins }: Rollup, kept: bigint): boolean {
    const readers = this.target.parts.readers(target)
    return begins < kept && readers.some(({ description }) => description.maxTime < kept)
  }

  /**
   * When parts of the source wait to be dropped: closes the buckets that end by its cutoff, and makes
   * all that came to them before part of what is refreshed next. The time before which they will be
   * final by then.
   */
  private async close(rollup: Rollup): Promise<bigint> {
    const { catalog, parts } = this.target
    const { source, watermark, frozenBefore } = rollup
    const cutoff = catalog.cutoffOf(source)
    if (cutoff === TIME_MIN) return frozenBefore
    const before = floorToBucket(rollup, cutoff)
    const isAwaited = parts.readers(source).some(({ description: { maxTime } }) => {
      return maxTime >= frozenBefore && maxTime < before
    })
    if (before <= frozenBefore || (watermark >= 0n && !isAwaited)) return frozenBefore
    catalog.rollups.close(source, before)
    await this.target.flush()
    return before
  }

  /**
   * In the write queue's turn: the time before which buckets become final with what was refreshed,
   * which tombstones from `tombstonesFrom` on are not in. If one of them came for these buckets
   * they stay as they are until the next round, which has it.
   */
  private finalBefore(rollup: Rollup, wanted: bigint, tombstonesFrom: number): bigint {
    const { source, watermark, frozenBefore } = rollup
    // Of what is built now nothing was there before.
    if (watermark < 0n) return wanted
    const { tombstones } = this.target.catalog
    const isTouched = tombstones.touches(source, tombstonesFrom, frozenBefore, wanted)
    return isTouched ? frozenBefore : wanted
  }

  private async refresh(rollup: Rollup, version: PartVersion, built: bigint): Promise<void> {
    const { target } = this
    const refresh = new RollupRefresh(this.snapshotOf(version), rollup, target.catalog, built)
    try {
      for (;;) {
        const ranges = await target.run(refresh.deleted(), () => this.checkGoing())
        if (ranges === null) break
        await target.hide(async () => {
          this.checkGoing(rollup)
          return [{ table: rollup.target, ranges }]
        })
      }
      for (;;) {
        const points = await target.run(refresh.next(), () => this.checkGoing())
        if (points === null) break
        await this.write(rollup, points)
      }
    } finally {
      refresh.close()
    }
  }

  private async write(rollup: Rollup, points: readonly ColumnPoints[]): Promise<void> {
    for (let from = 0; from < points.length;) {
      let to = from
      for (let rows = 0; to < points.length && rows < BATCH_ROWS; to++) {
        rows += points[to]!.times.length
      }
      await this.commit(rollup, points.slice(from, to))
      from = to
    }
  }

  /** Not synced one by one: the watermark, which is, comes after them in the log. */
  private async commit(rollup: Rollup, points: readonly ColumnPoints[]): Promise<void> {
    const { host, instance, catalog, queue, staging } = this.target
    this.checkGoing(rollup)
    const { database } = catalog.tableOf(rollup.target)!
    const batch = instance.guard(() => {
      const batchHost = { host, instance, catalog, queue, staging, rollup: rollup.id }
      return createBatch(batchHost, { database: database.name })
    })
    try {
      for (const series of points) batch.points(series)
      await batch.commit('memory')
    } catch (error) {
      const [first, second] = halvesOf(points)
      if (!isTooLarge(error) || second.length === 0) throw error
      await this.commit(rollup, first)
      await this.commit(rollup, second)
    } finally {
      batch.discard()
    }
  }

  /** Are there parts or deletes of the source that the rollup does not hold, or was it never built? */
  private isDirty(rollup: Rollup, version: PartVersion): boolean {
    const { source, watermark, tombstonesFrom } = rollup
    if (watermark < 0n) return true
    if (this.target.catalog.tombstones.hasFrom(source, tombstonesFrom)) return true
    const readers = version.tables.get(source) ?? []
    return readers.some(({ description }) => description.sequence > watermark)
  }

  private snapshotOf(version: PartVersion): Snapshot {
    const { instance, cache, catalog, host } = this.target
    const { version: tombstones } = catalog.tombstones
    return {
      ...{ instance, cache, catalog, memtables: [], rollups: catalog.rollups.version },
      holes: (part) => holesOf(tombstones, part),
      partVersion: version.id,
      parts: (table) => version.tables.get(table) ?? [],
      now: () => host.now(),
    }
  }

  /** Throws when it is no longer of use. */
  private checkGoing(rollup?: Rollup): void {
    if (this.isEnding) throw new OmenError('cancelled', 'rollup: the database is closing')
    if (rollup !== undefined && this.target.catalog.rollups.get(rollup.id) === undefined) {
      throw new OmenError('cancelled', 'rollup: it was dropped')
    }
  }

  private explained(error: unknown, { target }: Rollup): unknown {
    if (!(error instanceof OmenError)) return error
    const name = this.target.catalog.tableOf(target)?.name
    return new OmenError(error.code, `rollup '${name}': ${error.message}`, error.details)
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof OmenError && error.code === 'too_large'
}

/** Two halves of the rows; the second is empty if there is but one. */
function halvesOf(points: readonly ColumnPoints[]): [ColumnPoints[], ColumnPoints[]] {
  if (points.length > 1) {
    const middle = points.length >>> 1
    return [points.slice(0, middle), points.slice(middle)]
  }
  const rows = points[0]!.times.length
  const middle = Math.ceil(rows / 2)
  if (middle === rows) return [[...points], []]
  return [[rowsOf(points[0]!, 0, middle)], [rowsOf(points[0]!, middle, rows)]]
}

function rowsOf(points: ColumnPoints, from: number, to: number): ColumnPoints {
  return {
    ...points,
    times: points.times.subarray(from, to),
    fields: points.fields.map((field) => {
      const vector = { values: field.values as Vector['values'], valid: field.valid }
      return { ...field, ...viewVector(vector, from, to) }
    }),
  }
}

function lastSequence(version: PartVersion): bigint {
  let last = 0n
  for (const readers of version.tables.values()) {
    for (const { description } of readers) {
      if (description.sequence > last) last = description.sequence
    }
  }
  return last
}

function latest(...times: bigint[]): bigint {
  return times.reduce((a, b) => (a > b ? a : b))
}
