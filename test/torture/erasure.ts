// What takes rows or values away, as something to do to a database and as the cells that it covers.

import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { DATABASES, FIELDS, TABLES, keyParts, tableNumber } from '../engine/crash-cells.ts'

export interface Erasure {
  /** Throws what `isMissing` tells when there is nothing to take away. */
  run(db: Database): Promise<void>
  covers(key: number): boolean
  /** Numbers of the tables that go, with their settings. */
  readonly tables: readonly number[]
}

export function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)]!
}

export function dropTable(random: () => number): Erasure {
  const database = pick(DATABASES, random)
  const table = TABLES[1]!
  const number = tableNumber(database, table)
  return {
    tables: [number],
    run: (db) => db.dropTable(table, { database }),
    covers: (key) => keyParts(key).table === number,
  }
}

export function dropColumn(random: () => number): Erasure {
  const [database, table] = [pick(DATABASES, random), pick(TABLES, random)]
  const column = pick(FIELDS, random)
  const number = tableNumber(database, table)
  const field = FIELDS.indexOf(column)
  return {
    tables: [],
    run: (db) => db.dropColumn(table, column.name, { database }),
    covers: (key) => {
      const parts = keyParts(key)
      return parts.table === number && parts.field === field
    },
  }
}

export function dropDatabase(random: () => number): Erasure {
  const database = pick(DATABASES, random)
  const numbers = TABLES.map((table) => tableNumber(database, table))
  return {
    tables: numbers,
    run: (db) => db.dropDatabase(database),
    covers: (key) => numbers.includes(keyParts(key).table),
  }
}

/** Whether what an operation names does not exist: nothing was done, nor said about other writes. */
export function isMissing(error: unknown): boolean {
  return error instanceof OmenError && ['not_found', 'unknown_column'].includes(error.code)
}
