// Which catalog entries still mean something. Those of what was dropped do not, nor does the drop
// itself, nor settings that later ones replaced: without them a start comes to the same state. Only
// that ids are never given again has to be said in their place, by entries of its own. Entries are
// read twice in the same order: what the first pass notes is small beside them (a bit per dropped
// series, some words per table and column).

import { ENTRY, encodeIdsGiven, walkEntries } from './catalog-entry.ts'
import { IdSet } from './id-set.ts'

/** By kind: the kind that its ids are counted with. Of the others the id is none of their own. */
const ID_KINDS: Readonly<Record<number, number>> = {
  [ENTRY.database]: ENTRY.database,
  [ENTRY.databaseDropped]: ENTRY.database,
  [ENTRY.table]: ENTRY.table,
  [ENTRY.tableDropped]: ENTRY.table,
  [ENTRY.column]: ENTRY.column,
  [ENTRY.tag]: ENTRY.column,
  [ENTRY.columnDropped]: ENTRY.column,
  [ENTRY.shape]: ENTRY.shape,
  [ENTRY.series]: ENTRY.series,
  [ENTRY.seriesDropped]: ENTRY.series,
  [ENTRY.tombstone]: ENTRY.tombstone,
  [ENTRY.tombstoneDropped]: ENTRY.tombstone,
  [ENTRY.rollup]: ENTRY.rollup,
  [ENTRY.rollupDropped]: ENTRY.rollup,
}

export class LivingEntries {
  /** By kind: above every id that was given. */
  private readonly next = new Map<number, number>()
  private readonly databaseOf = new Map<number, number>()
  private readonly databases = new IdSet()
  private readonly tables = new IdSet()
  /** Dropped fields, also those that parts may still hold. */
  private readonly dropped = new IdSet()
  /** Dropped fields that are in no part, and columns of dropped tables. */
  private readonly columns = new IdSet()
  private readonly series = new IdSet()
  private readonly tombstones = new IdSet()
  private readonly rollups = new IdSet()
  /** By table and by rollup: which entry is the newest, counted from 0. */
  private readonly settings = new Map<number, number>()
  private readonly declarations = new Map<number, number>()
  private readonly refreshes = new Map<number, number>()
  private noted = 0
  private judged = 0

  /** The first pass: all entries, in order. Throws `corrupt` for bytes that are none. */
  note(entries: Uint8Array): void {
    walkEntries(entries, (view, at) => {
      const kind = view.getUint8(at)
      const id = view.getUint32(at + 8, true)
      const idKind = ID_KINDS[kind]
      if (idKind !== undefined) this.reach(idKind, id + 1)
      if (kind !== ENTRY.series) this.noteEntry(kind, id, view, at)
      this.noted++
    })
  }

  /** Between the passes: what went with what was dropped. */
  settle(): void {
    for (const [table, database] of this.databaseOf) {
      if (this.databases.has(database)) this.tables.add(table)
    }
  }

  /** The second pass, over the same entries: runs of those that are alive, as parts of `entries`. */
  living(entries: Uint8Array): Uint8Array[] {
    const runs: Uint8Array[] = []
    let start = -1
    walkEntries(entries, (view, at, size) => {
      const isAlive = this.isAlive(view, at, size)
      this.judged++
      if (isAlive && start < 0) start = at
      if (isAlive || start < 0) return
      runs.push(entries.subarray(start, at))
      start = -1
    })
    if (start >= 0) runs.push(entries.subarray(start))
    return runs
  }

  /** What keeps ids from being given again. It belongs behind all entries that are alive. */
  idsGiven(): Uint8Array[] {
    return [...this.next].map(([kind, next]) => encodeIdsGiven(kind, next))
  }

  private noteEntry(kind: number, id: number, view: DataView, at: number): void {
    switch (kind) {
      case ENTRY.table:
        this.databaseOf.set(id, view.getUint32(at + 12, true))
        return
      case ENTRY.databaseDropped:
        return this.databases.add(id)
      case ENTRY.tableDropped:
        return this.tables.add(id)
      case ENTRY.columnDropped:
        return this.dropped.add(id)
      case ENTRY.columnPurged:
        return this.columns.add(id)
      case ENTRY.seriesDropped:
        return this.series.add(id)
      case ENTRY.tombstoneDropped:
        return this.tombstones.add(id)
      case ENTRY.rollupDropped:
        return this.rollups.add(id)
      case ENTRY.settings:
        this.settings.set(id, this.noted)
        return
      case ENTRY.declaration:
        this.declarations.set(id, this.noted)
        return
      case ENTRY.rollupRefreshed:
        this.refreshes.set(id, this.noted)
        return
      case ENTRY.idsGiven:
        return this.reach(id, view.getUint32(at + 12, true))
    }
  }

  private isAlive(view: DataView, at: number, size: number): boolean {
    const id = view.getUint32(at + 8, true)
    const owner = (): number => view.getUint32(at + 12, true)
    switch (view.getUint8(at)) {
      case ENTRY.database:
        return !this.databases.has(id)
      case ENTRY.table:
        return !this.tables.has(id)
      case ENTRY.column:
      case ENTRY.tag:
        if (this.tables.has(owner())) this.columns.add(id)
        return !this.columns.has(id)
      // A start looks for the parts that hold it, and needs its table for that.
      case ENTRY.columnDropped:
        return !this.columns.has(id)
      case ENTRY.shape:
        return !this.tables.has(owner()) && !this.hasDroppedColumn(view, at + 16, at + size)
      case ENTRY.series:
        return !this.series.has(id) && !this.tables.has(owner())
      case ENTRY.settings:
        return !this.tables.has(id) && this.settings.get(id) === this.judged
      case ENTRY.declaration:
        return !this.tables.has(id) && this.declarations.get(id) === this.judged
      case ENTRY.tombstone:
        return !this.tombstones.has(id) && !this.tables.has(owner())
      case ENTRY.rollup:
        if (this.tables.has(owner()) || this.tables.has(view.getUint32(at + 16, true))) {
          this.rollups.add(id)
        }
        return !this.rollups.has(id)
      case ENTRY.rollupRefreshed:
        return !this.rollups.has(id) && this.refreshes.get(id) === this.judged
      default:
        return false
    }
  }

  /** No row that comes after the drop has such a shape. */
  private hasDroppedColumn(view: DataView, from: number, to: number): boolean {
    for (let at = from; at < to; at += 4) {
      if (this.dropped.has(view.getUint32(at, true))) return true
    }
    return false
  }

  private reach(kind: number, next: number): void {
    if (next > (this.next.get(kind) ?? 0)) this.next.set(kind, next)
  }
}
