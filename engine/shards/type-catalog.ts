// What a coordinator parses writes against: a catalog in its own kernel's memory that has the tables and
// columns of its databases as they are known here, and neither series nor points. It follows the views
// that the deployment's catalog gives: what is new is entered as `putTable` does, what is gone is dropped,
// which those who have staged against it notice as they do on a shard.

import { Catalog } from '../catalog/catalog.ts'
import {
  encodeColumnDropped,
  encodeDatabase,
  encodeTableDropped,
} from '../catalog/catalog-entry.ts'
import type { CatalogTable } from '../catalog/catalog-table.ts'
import { fieldTypeName } from '../field.ts'
import { replayEntries } from '../ingest/staging.ts'
import type { KernelInstance } from '../kernel.ts'
import { type TableSettings, checkSettings, encodeSettingsOf } from '../lifecycle/settings.ts'
import { joinBytes } from '../log/log-record.ts'
import type { DatabaseView } from './shard-catalog.ts'
import type { DeclaredTable } from './shard-port.ts'

export class TypeCatalog {
  readonly catalog: Catalog
  private readonly instance: KernelInstance
  /** Of the view that each database is at. */
  private readonly versions = new Map<string, number>()

  constructor(instance: KernelInstance, now: () => bigint) {
    this.instance = instance
    this.catalog = new Catalog(instance.kernel, instance.memory, Infinity, { now })
  }

  /** Brings a database to a view, unless it is at that one or a later one. */
  follow({ database, tables, version }: DatabaseView): void {
    if ((this.versions.get(database) ?? 0) >= version) return
    if (!this.catalog.databases.has(database)) {
      this.enter([encodeDatabase(this.catalog.nextDatabaseId, database)])
    }
    this.dropMissing(database, tables)
    for (const { name, settings } of tables) {
      const checked = checkSettings(name, settings)
      this.enter(encodeSettingsOf(this.catalog, database, name, checked))
    }
    this.versions.set(database, version)
  }

  /** Drops a database that is gone. */
  forget(database: string): void {
    this.dropMissing(database, [])
    this.versions.delete(database)
  }

  private dropMissing(database: string, tables: readonly DeclaredTable[]): void {
    const { catalog } = this
    const declared = new Map(tables.map(({ name, settings }) => [name, settings]))
    const dropped: Uint8Array[] = []
    for (const table of catalog.databases.get(database)?.tables.values() ?? []) {
      // Those of rollups come and go with the table that they are of.
      if (catalog.rollups.into(table.id) !== undefined) continue
      const settings = declared.get(table.name)
      if (settings !== undefined && areTags(table, settings)) {
        for (const { id, name, type } of table.columns.values()) {
          const isSame = settings.fields?.[name] === fieldTypeName(type)
          if (!isSame) dropped.push(encodeColumnDropped(id))
        }
        continue
      }
      const made = catalog.rollups.of(table.id).map(({ target }) => encodeTableDropped(target))
      dropped.push(...made, encodeTableDropped(table.id))
    }
    this.enter(dropped)
  }

  private enter(entries: readonly Uint8Array[]): void {
    if (entries.length === 0) return
    const bytes = joinBytes(...entries)
    replayEntries(this.instance, this.catalog, bytes)
    this.catalog.apply(bytes)
  }
}

/** Are a table's tags still such? If not, it is another table of its name. */
function areTags(table: CatalogTable, settings: TableSettings): boolean {
  const declared = new Set(settings.tags)
  const areKept = [...table.tags.keys()].every((tag) => declared.has(tag))
  return areKept && [...table.columns.keys()].every((name) => !declared.has(name))
}
