// The series that a database lists, and counts, against those of the rows that it shows.

import type { Database } from '../../engine/database.ts'
import {
  type Cells,
  DATABASES,
  type Layout,
  TABLES,
  absent,
  keyParts,
  tableNumber,
} from '../engine/crash-cells.ts'

/** Null if every series with rows is listed, once, and, if `isExact`, no other. */
export async function listingFault(
  db: Database,
  cells: Cells,
  { hosts }: Layout,
  isExact: boolean,
): Promise<string | null> {
  const shown = new Map<number, Set<number>>()
  for (const key of cells.keys()) {
    const { table, host } = keyParts(key)
    shown.set(table, (shown.get(table) ?? new Set()).add(host))
  }
  for (const database of DATABASES) {
    const counts = new Map<string, number>()
    for (const { name, series } of (await db.tables(database).catch(absent)) ?? []) {
      counts.set(name, series)
    }
    for (const table of TABLES) {
      const page = await db.series(table, { database }).catch(absent)
      const listed = (page?.series ?? []).map(({ tags }) => Number(tags['host']?.slice(1)))
      const expected = shown.get(tableNumber(database, table)) ?? new Set()
      const isWhole = [...expected].every((host) => listed.includes(host))
      const isKnown = listed.every((host) => host >= 0 && host < hosts)
      const isOnce = new Set(listed).size === listed.length
      const isCounted = listed.length === (counts.get(table) ?? 0)
      const isFit = !isExact || listed.length === expected.size
      if (isWhole && isKnown && isOnce && isCounted && isFit) continue
      const count = `${counts.get(table)} counted`
      return `${database} ${table}: series ${listed} are listed, ${count}, ${[...expected]} have rows`
    }
  }
  return null
}
