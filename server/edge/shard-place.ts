// Which part of which database an object holds, as it keeps it itself: one row beside the files of its
// shard. Who comes with an older map, or for another database, is told so.

import type { Assignment } from './shard-stub.ts'
import type { Verdict } from './verdict.ts'

const TABLE = 'omendb_place'

type Place = { database: string; shard: string; epoch: number }

/** What the object was assigned to, null if it was to nothing. */
export function loadPlace(sql: SqlStorage): Assignment | null {
  sql.exec(
    `CREATE TABLE IF NOT EXISTS ${TABLE} (
      id INTEGER PRIMARY KEY, database TEXT NOT NULL, shard TEXT NOT NULL, epoch INTEGER NOT NULL)`,
  )
  const [place] = sql.exec<Place>(`SELECT database, shard, epoch FROM ${TABLE}`).toArray()
  return place ?? null
}

/** Keeps it; durable with the next sync. */
export function savePlace(sql: SqlStorage, { database, shard, epoch }: Assignment): void {
  sql.exec(`INSERT OR REPLACE INTO ${TABLE} VALUES (1, ?, ?, ?)`, database, shard, epoch)
}

/** Whether a request with this verdict is for who has this place. */
export function isAt(place: Assignment | null, { database, epoch }: Verdict): boolean {
  return place !== null && place.database === database && epoch >= place.epoch
}
