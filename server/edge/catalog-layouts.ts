// What the catalog's object keeps of databases with several shards, beside their maps: their tables with
// types, and what has been begun with their shards (engine/shards/shard-catalog.ts). A database with one
// shard has no row here: its shard knows its tables.

import type { DeclaredTable } from '../../engine/shards/shard-port.ts'
import type { Change, Layout, LayoutStore } from '../../engine/shards/shard-catalog.ts'
import type { CatalogRows } from './catalog-rows.ts'

type StoredLayout = { tables: string; version: number; change: string | null }

export class CatalogLayouts implements LayoutStore {
  private readonly rows: CatalogRows
  private readonly storage: DurableObjectStorage

  constructor(rows: CatalogRows, storage: DurableObjectStorage) {
    this.rows = rows
    this.storage = storage
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS layouts (
      name TEXT PRIMARY KEY, tables TEXT NOT NULL, version INTEGER NOT NULL, change TEXT) WITHOUT ROWID`)
  }

  /** Null also for one that is being made or dropped. */
  read(database: string): Layout | null {
    const found = this.rows.database(database)
    if (found === null || found.state !== 'ready') return null
    const { map } = found
    const [row] = this.storage.sql
      .exec<StoredLayout>('SELECT tables, version, change FROM layouts WHERE name = ?', database)
      .toArray()
    if (row === undefined) return { map, tables: [], version: 1, change: null }
    const tables = JSON.parse(row.tables) as DeclaredTable[]
    const change = row.change === null ? null : (JSON.parse(row.change) as Change)
    return { map, tables, version: row.version, change }
  }

  names(): string[] {
    return this.rows.databases().map(({ name }) => name)
  }

  /** Map and tables change together. */
  async write(database: string, layout: Layout | null): Promise<void> {
    const { sql } = this.storage
    // Nothing is awaited between the statements: they are one transaction.
    if (layout === null) {
      sql.exec('DELETE FROM layouts WHERE name = ?', database)
      return this.rows.removeDatabase(database)
    }
    const { map, tables, version, change } = layout
    sql.exec(
      'INSERT OR REPLACE INTO layouts (name, tables, version, change) VALUES (?, ?, ?, ?)',
      database,
      JSON.stringify(tables),
      version,
      change === null ? null : JSON.stringify(change),
    )
    return this.rows.saveDatabase({ name: database, state: 'ready', map }, change !== null)
  }

  nameShard(database: string): string {
    return this.rows.nameShard(database)
  }

  /** Forgets the tables of a database that is dropped; durable with the next change. */
  forget(database: string): void {
    this.storage.sql.exec('DELETE FROM layouts WHERE name = ?', database)
  }

  /** Databases with whose shards something was begun. */
  begun(): string[] {
    const rows = this.storage.sql.exec<{ name: string }>(
      'SELECT name FROM layouts WHERE change IS NOT NULL',
    )
    return rows.toArray().map(({ name }) => name)
  }
}
