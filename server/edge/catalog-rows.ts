// What the catalog keeps, as rows of its object's SQLite: databases with their maps, and tokens. Plain
// rows and not an engine of its own, because a request that comes to a new isolate waits for this
// object: rows are there as soon as it is, a kernel and a log are not, and nothing here is a time series.

import { OmenError } from '../../engine/error.ts'
import { decodeMap, encodeMap, type ShardMap } from '../../engine/shards/shard-map.ts'
import { formatScopes, parseScopes, type TokenRow, type TokenRows } from '../token-row.ts'

/**
 * `creating`: its shard may not know yet; `dropping`: its shards may still hold something, and no
 * request is sent to them any more. Whatever ends between two steps is finished from here.
 */
export type DatabaseState = 'creating' | 'ready' | 'dropping'

export interface DatabaseRow {
  readonly name: string
  readonly state: DatabaseState
  readonly map: ShardMap
}

type StoredDatabase = { name: string; state: DatabaseState; map: string }
type StoredToken = {
  id: string
  name: string
  scopes: string
  createdAt: string
  expiresAt: string | null
  digest: string
}

/** When the alarm looks at what was begun. */
export const RETRY_MS = 30_000

export class CatalogRows {
  private readonly storage: DurableObjectStorage

  /** Makes the tables of an object that is new. */
  constructor(storage: DurableObjectStorage) {
    this.storage = storage
    const { sql } = storage
    sql.exec(`CREATE TABLE IF NOT EXISTS databases (
      name TEXT PRIMARY KEY, state TEXT NOT NULL, map TEXT NOT NULL) WITHOUT ROWID`)
    // Times are texts: SQLite's integers come back as doubles, which nanoseconds are not.
    sql.exec(`CREATE TABLE IF NOT EXISTS tokens (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, createdAt TEXT NOT NULL,
      expiresAt TEXT, digest TEXT NOT NULL) WITHOUT ROWID`)
    sql.exec('CREATE TABLE IF NOT EXISTS shards (next INTEGER NOT NULL)')
    sql.exec('INSERT INTO shards SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM shards)')
  }

  /** Null if there is none. */
  database(name: string): DatabaseRow | null {
    const [row] = this.storage.sql
      .exec<StoredDatabase>('SELECT name, state, map FROM databases WHERE name = ?', name)
      .toArray()
    return row === undefined ? null : readDatabase(row)
  }

  /** By name, in byte order. */
  databases(): DatabaseRow[] {
    const rows = this.storage.sql.exec<StoredDatabase>(
      'SELECT name, state, map FROM databases ORDER BY name',
    )
    return rows.toArray().map(readDatabase)
  }

  /** Durable when it resolves, with an alarm for what is not finished; `isBegun`: that much is so besides. */
  async saveDatabase({ name, state, map }: DatabaseRow, isBegun = false): Promise<void> {
    const statement = 'INSERT OR REPLACE INTO databases (name, state, map) VALUES (?, ?, ?)'
    this.storage.sql.exec(statement, name, state, encodeMap(map))
    // In the transaction of the row: nothing is awaited between the two.
    if (state !== 'ready' || isBegun) void this.storage.setAlarm(Date.now() + RETRY_MS)
    await this.storage.sync()
  }

  /** Durable when it resolves. */
  async removeDatabase(name: string): Promise<void> {
    this.storage.sql.exec('DELETE FROM databases WHERE name = ?', name)
    await this.storage.sync()
  }

  /** The name of a new shard, which no other has or had. */
  nameShard(database: string): string {
    const { sql } = this.storage
    const { next } = sql.exec<{ next: number }>('SELECT next FROM shards').one()
    sql.exec('UPDATE shards SET next = ?', next + 1)
    return `${database}/${next}`
  }

  /** The rows of tokens. */
  get tokens(): TokenRows {
    const { storage } = this
    return {
      async read() {
        return storage.sql.exec<StoredToken>('SELECT * FROM tokens').toArray().map(readToken)
      },
      async write(rows) {
        storage.transactionSync(() => rows.forEach((row) => writeToken(storage.sql, row)))
        await storage.sync()
      },
      async remove(id) {
        storage.sql.exec('DELETE FROM tokens WHERE id = ?', id)
        await storage.sync()
      },
      // Restores are of a shard, which has no tokens.
      makeWay: async () => false,
    }
  }
}

function readDatabase({ name, state, map }: StoredDatabase): DatabaseRow {
  return { name, state, map: decodeMap(map) }
}

function writeToken(sql: SqlStorage, row: TokenRow): void {
  sql.exec(
    `INSERT OR REPLACE INTO tokens (id, name, scopes, createdAt, expiresAt, digest)
      VALUES (?, ?, ?, ?, ?, ?)`,
    row.id,
    row.name,
    formatScopes(row.scopes),
    String(row.createdAt),
    row.expiresAt === null ? null : String(row.expiresAt),
    row.digest,
  )
}

function readToken({ id, name, scopes, createdAt, expiresAt, digest }: StoredToken): TokenRow {
  const known = parseScopes(scopes)
  if (known === null) throw new OmenError('corrupt', `tokens: row '${id}' is no token`)
  const end = expiresAt === null ? null : BigInt(expiresAt)
  const created = BigInt(createdAt)
  // Objects have no wire of PostgreSQL.
  return { id, name, scopes: known, createdAt: created, expiresAt: end, digest, scram: null }
}
