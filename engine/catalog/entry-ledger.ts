// About how many bytes of a catalog file mean nothing any more. Tables are counted exactly, a dropped
// series as an average one: that is enough to see when half of the file is dead.

import { ENTRY, walkEntries } from './catalog-entry.ts'

interface TableBytes {
  database: number
  bytes: number
}

/** A field that is gone: its entry, its drop and what says that no part holds it. */
const COLUMN_BYTES = 64

export class EntryLedger {
  private readonly tables = new Map<number, TableBytes>()
  private readonly tombstones = new Map<number, number>()
  /** Tables and rollups, whose newest entry counts. */
  private readonly settings = new Set<number>()
  private readonly declarations = new Set<number>()
  private readonly refreshes = new Set<number>()
  private readonly series = { count: 0, bytes: 0 }
  private dead = 0

  /** Bytes of entries that could go. */
  get deadBytes(): number {
    return this.dead
  }

  /** Takes in entries in the order of the file. Throws `corrupt` for bytes that are none. */
  add(entries: Uint8Array): void {
    // Series come in long runs of one table.
    let table = -1
    let bytes = 0
    let count = 0
    const book = (): void => {
      if (count === 0) return
      this.series.count += count
      this.series.bytes += bytes
      this.give(table, bytes)
      bytes = 0
      count = 0
    }
    walkEntries(entries, (view, at, size) => {
      const kind = view.getUint8(at)
      if (kind === ENTRY.series) {
        const owner = view.getUint32(at + 12, true)
        if (owner !== table) book()
        table = owner
        bytes += size
        count++
        return
      }
      book()
      const id = view.getUint32(at + 8, true)
      const owner = size >= 16 ? view.getUint32(at + 12, true) : 0
      this.addEntry(kind, id, owner, size)
    })
    book()
  }

  private addEntry(kind: number, id: number, owner: number, size: number): void {
    switch (kind) {
      case ENTRY.table:
        this.tables.set(id, { database: owner, bytes: size })
        return
      case ENTRY.column:
      case ENTRY.tag:
      case ENTRY.shape:
      case ENTRY.rollup:
        return this.give(owner, size)
      case ENTRY.tombstone:
        this.tombstones.set(id, size)
        return
      case ENTRY.settings:
        return this.replace(this.settings, id, size)
      case ENTRY.declaration:
        return this.replace(this.declarations, id, size)
      case ENTRY.rollupRefreshed:
        return this.replace(this.refreshes, id, size)
      case ENTRY.tableDropped:
        this.dropTable(id)
        break
      case ENTRY.databaseDropped:
        for (const [table, { database }] of this.tables) if (database === id) this.dropTable(table)
        break
      case ENTRY.columnPurged:
        this.dead += COLUMN_BYTES
        break
      case ENTRY.seriesDropped:
        this.dead += this.series.bytes / Math.max(1, this.series.count)
        break
      case ENTRY.tombstoneDropped:
        this.dead += this.tombstones.get(id) ?? 0
        this.tombstones.delete(id)
        break
      case ENTRY.rollupDropped:
        break
      default:
        return
    }
    this.dead += size
  }

  private give(table: number, bytes: number): void {
    const found = this.tables.get(table)
    if (found !== undefined) found.bytes += bytes
  }

  private replace(seen: Set<number>, id: number, size: number): void {
    if (seen.has(id)) this.dead += size
    else seen.add(id)
  }

  private dropTable(id: number): void {
    this.dead += this.tables.get(id)?.bytes ?? 0
    this.tables.delete(id)
  }
}
