// The tables of a run as a database describes them after a start.

import type { TableDescription } from '../../engine/database-types.ts'
import type { Database } from '../../engine/database.ts'
import { DATABASES, TABLES, absent, tableNumber } from '../engine/crash-cells.ts'

export interface SeenTable {
  /** For messages: database and table. */
  readonly name: string
  readonly number: number
  /** Null: there is no such table. */
  readonly description: TableDescription | null
}

/** All tables that a run may have, one after the other. */
export async function seenTables(db: Database): Promise<SeenTable[]> {
  const seen: SeenTable[] = []
  for (const database of DATABASES) {
    for (const table of TABLES) {
      const description = await db.table(table, { database }).catch(absent)
      const number = tableNumber(database, table)
      seen.push({ name: `${database} ${table}`, number, description })
    }
  }
  return seen
}
