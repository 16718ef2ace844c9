// Deletes of rows, as something to do to a database and as the cells that it covers: by times and
// series alone, or by a condition on values, whose rows the test finds for itself.

import type { Database } from '../../engine/database.ts'
import {
  type CellValue,
  type Cells,
  DATABASES,
  FIELDS,
  type Layout,
  TABLES,
  keyParts,
  tableNumber,
} from '../engine/crash-cells.ts'
import { type Erasure, isMissing, pick } from './erasure.ts'
import type { Swarm } from './swarm.ts'

export interface CountedDeletion {
  readonly text: string
  /** Whether it asks for rows without a value in a column, which may not exist. */
  readonly isNull: boolean
  /** Rows that it covers. */
  readonly count: number
  /** How many rows the database says; null: there is no such table or column. */
  run(db: Database, dryRun: boolean): Promise<number | null>
  covers(key: number): boolean
  /** Whether it may take a cell that has expired, too. */
  touches(key: number): boolean
}

/** Bounds of a range of times, as indexes and as the request has them. */
function rangeOf(
  { times, base, step }: Layout,
  random: () => number,
): { first: number; end: number; request: { start: string; end: string } } {
  const below = (n: number): number => Math.floor(random() * n)
  const isAll = random() < 0.2
  const first = isAll ? 0 : below(times)
  const end = isAll ? times : first + 1 + below(random() < 0.5 ? 3 : times)
  const at = (index: number): string => String(base + BigInt(index) * step)
  return { first, end, request: { start: at(first), end: at(end) } }
}

export function deleteRange(layout: Layout, random: () => number): RangeDeletion {
  const place = [pick(DATABASES, random), pick(TABLES, random)] as const
  const { request } = rangeOf(layout, random)
  const range = { start: BigInt(request.start), end: BigInt(request.end) }
  const host = random() < 0.5 ? Math.floor(random() * layout.hosts) : -1
  return deletionOf(place, range, host, layout)
}

export interface RangeDeletion extends Erasure {
  /** Nanoseconds, half-open. */
  readonly range: { readonly start: bigint; readonly end: bigint }
}

/** Deletes all points of a range, of one host (negative: of all). */
export function deletionOf(
  [database, table]: readonly [database: string, table: string],
  range: RangeDeletion['range'],
  host: number,
  { base, step }: Layout,
): RangeDeletion {
  const number = tableNumber(database, table)
  const bounds = { start: String(range.start), end: String(range.end) }
  const where = host < 0 ? {} : { where: `host = 'h${host}'` }
  return {
    tables: [],
    range,
    run: async (db) => {
      const options = { ...bounds, ...where, precision: 'ns' as const, database }
      await db.deleteRows(table, options)
    },
    covers: (key) => {
      const parts = keyParts(key)
      const isHost = host < 0 || parts.host === host
      const at = base + BigInt(parts.time) * step
      return parts.table === number && isHost && at >= range.start && at < range.end
    },
  }
}

/** Rows of one table in a range whose float is beyond a bound, or null. */
export function deleteWhere(
  found: Cells,
  { layout, hasBarePoints }: Swarm,
  random: () => number,
): CountedDeletion {
  const [database, table] = [pick(DATABASES, random), pick(TABLES, random)]
  const number = tableNumber(database, table)
  const { first, end, request } = rangeOf(layout, random)
  const rows = new Map<number, Map<string, CellValue>>()
  for (const [key, value] of found) {
    const { table: of, time, field } = keyParts(key)
    if (of !== number || time < first || time >= end) continue
    const row = rows.get(key - field) ?? new Map<string, CellValue>()
    rows.set(key - field, row.set(FIELDS[field]!.name, value))
  }
  const floats = [...rows.values()].flatMap((row) => row.get('x') ?? [])
  const bound = floats.length === 0 ? 1 : Number(pick(floats, random))
  // A point without values has no x either, and the cells do not show it.
  const isNull = !hasBarePoints && random() < 0.3
  const where = isNull ? 'x is null' : `x >= ${bound}`
  const chosen = new Set<number>()
  for (const [point, row] of rows) {
    const value = row.get('x')
    if (isNull ? value === undefined : Number(value) >= bound) chosen.add(point)
  }
  return {
    isNull,
    text: `${database} ${table} ${JSON.stringify(request)} ${where}`,
    count: chosen.size,
    run: async (db, dryRun) => {
      const options = { ...request, where, dryRun, precision: 'ns' as const, database }
      const answer = await db.deleteRows(table, options).catch((error: unknown) => {
        // No write that was kept has had an x, or there is none at all.
        if (isMissing(error)) return null
        throw error
      })
      return answer?.deleted ?? null
    },
    covers: (key) => chosen.has(key - keyParts(key).field),
    touches: (key) => {
      const parts = keyParts(key)
      return parts.table === number && parts.time >= first && parts.time < end
    },
  }
}
