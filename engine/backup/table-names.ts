// Names of tables for reports, from a catalog in memory or from catalog entries.

import { decodeEntries } from '../catalog/catalog-entry.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { TableName } from './file-check.ts'

/** `database.table` by id. */
export function tableNames({ databases }: Pick<Catalog, 'databases'>): TableName {
  return (id) => {
    for (const [database, { tables }] of databases) {
      for (const [name, table] of tables) if (table.id === id) return `${database}.${name}`
    }
    return null
  }
}

/** Collects names from entries as they are read. */
export class EntryNames {
  private readonly databases = new Map<number, string>()
  private readonly tables = new Map<number, { database: number; name: string }>()

  /** Throws `corrupt` for bytes that are no entries. */
  add(entries: Uint8Array): void {
    for (const entry of decodeEntries(entries)) {
      if (entry.kind === 'database') this.databases.set(entry.id, entry.name)
      if (entry.kind === 'table') {
        this.tables.set(entry.id, { database: entry.database, name: entry.name })
      }
    }
  }

  readonly nameOf: TableName = (id) => {
    const table = this.tables.get(id)
    return table === undefined ? null : `${this.databases.get(table.database)}.${table.name}`
  }
}
