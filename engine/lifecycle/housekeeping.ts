// What maintenance does besides flushes and merges: parts whose points have all expired go, with one
// manifest switch and their files at once, once the rollups of their table have them for good; and
// parts that hold dropped fields are written anew without them.

import { drive, publish, type ShardRooms } from '../publisher.ts'
import type { CatalogTable } from '../catalog/catalog-table.ts'
import type { Merge } from '../segment/compaction-choice.ts'
import type { PartReader } from '../segment/part.ts'

/** Age at which the last time seen is written to the manifest anew, for a start to compare with. */
const SEEN_AGE = 6n * 3_600_000_000_000n
/** Bytes of parts that are written anew in one job, at most; one part may be larger. */
const REWRITE_BYTES = 64 << 20

/** Who is told of what it finds. */
export interface HousekeepingHooks {
  /** Series of these tables may have lost their last rows. */
  emptied(tables: readonly number[]): void
  /** No part holds these dropped fields any more. */
  purged(columns: readonly number[]): void
}

export class Housekeeping {
  private readonly rooms: ShardRooms
  private readonly rewrite: (merges: readonly Merge[]) => Promise<void>
  private readonly hooks: HousekeepingHooks

  /** `rewrite` merges parts and publishes what comes out. Nothing else may change parts meanwhile. */
  constructor(
    rooms: ShardRooms,
    rewrite: (merges: readonly Merge[]) => Promise<void>,
    hooks: HousekeepingHooks,
  ) {
    this.rooms = rooms
    this.rewrite = rewrite
    this.hooks = hooks
  }

  /** Does one thing that is due; false if nothing was. */
  async step(): Promise<boolean> {
    return (await this.expire()) || (await this.purge())
  }

  /** Drops the parts of which every point has expired. */
  private async expire(): Promise<boolean> {
    const { catalog, parts, clock, journal } = this.rooms
    const kept = catalog.allTables().filter(({ retention }) => retention !== null)
    if (kept.length === 0) return false
    const removed = kept.flatMap((table) => {
      const before = catalog.rollups.droppableBefore(table.id, catalog.cutoff(table))
      const readers = parts.readers(table.id)
      return readers.map(({ description }) => description).filter(({ maxTime }) => maxTime < before)
    })
    if (removed.length === 0 && clock.now() - journal.lastSeen < SEEN_AGE) return false
    await publish(this.rooms, { removed })
    this.hooks.emptied(removed.map(({ table }) => table))
    return true
  }

  /** Writes parts without the fields that were dropped. */
  private async purge(): Promise<boolean> {
    for (const table of this.rooms.catalog.allTables()) {
      if (table.droppedColumns.size === 0) continue
      const dropped = [...table.droppedColumns]
      const merges = await this.partsWith(table, new Set(dropped))
      if (merges.length > 0) {
        await this.rewrite(merges)
        return true
      }
      // Parts to come leave them out by themselves.
      this.hooks.emptied([table.id])
      for (const column of dropped) table.droppedColumns.delete(column)
      this.hooks.purged(dropped)
    }
    return false
  }

  /** Parts of a table that have one of some columns, each by itself, as many as one job takes. */
  private async partsWith(table: CatalogTable, columns: ReadonlySet<number>): Promise<Merge[]> {
    const { parts } = this.rooms
    const merges: Merge[] = []
    let bytes = 0
    for (const reader of parts.readers(table.id)) {
      if (!(await this.hasColumn(reader, columns))) continue
      bytes += reader.description.size
      if (merges.length > 0 && bytes > REWRITE_BYTES) break
      merges.push({ inputs: [reader.description] })
    }
    return merges
  }

  private async hasColumn(reader: PartReader, ids: ReadonlySet<number>): Promise<boolean> {
    const pins = this.rooms.cache.pins()
    try {
      await drive(this.rooms, reader.open(pins))
    } finally {
      pins.release()
    }
    return reader.columns.some(({ id }) => ids.has(id))
  }
}
