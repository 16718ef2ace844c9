// What a start with `acceptDataLoss` shows, against the report that it wrote: everything that is not as
// it was lies in what the report names, and is nothing or what was there at some earlier time.

import type { Database } from '../../engine/database.ts'
import type { Loss } from '../../engine/backup/repair.ts'
import { parseTime } from '../../engine/time.ts'
import {
  type CellValue,
  type Cells,
  DATABASES,
  TABLES,
  type Layout,
  absent,
  addCells,
  cellTable,
  cellTime,
  describeKey,
  tableNumber,
} from '../engine/crash-cells.ts'

/** What could be read, and what the other tables failed with. */
export interface Shown {
  readonly cells: Cells
  /** By number of the table. */
  readonly failures: ReadonlyMap<number, unknown>
}

/** Every table by itself. */
export async function readTables(db: Database): Promise<Shown> {
  const cells = new Map<number, CellValue>()
  const failures = new Map<number, unknown>()
  for (const database of DATABASES) {
    for (const table of TABLES) {
      const number = tableNumber(database, table)
      try {
        const answer = await db.query({ table }, { database }).catch(absent)
        if (answer !== null) addCells(cells, answer, number)
      } catch (error) {
        failures.set(number, error)
      }
    }
  }
  return { cells, failures }
}

/** Null if all that differs from the last state is explained by what was lost. */
export function lossFault(
  { cells, failures }: Shown,
  states: readonly Cells[],
  losses: readonly Loss[],
  layout: Layout,
): string | null {
  const expected = states.at(-1)!
  for (const key of new Set([...expected.keys(), ...cells.keys()])) {
    const found = cells.get(key)
    if (found === expected.get(key) || failures.has(cellTable(key))) continue
    const where = `${describeKey(key)}: found ${found}, not ${expected.get(key)}`
    if (!losses.some((loss) => isNamed(loss, key, layout))) return `${where}: no report names it`
    if (found === undefined) continue
    if (!states.some((state) => state.get(key) === found)) return `${where}: it never was so`
  }
  return null
}

/** Records of the log may have held anything; a part held a time and a table. */
function isNamed({ parts, records, orphanedRecords }: Loss, key: number, layout: Layout): boolean {
  if (records.length > 0 || orphanedRecords > 0) return true
  const at = layout.base + BigInt(cellTime(key)) * layout.step
  return parts.some(({ table, minTime, maxTime }) => {
    const isTable = table === null || table === nameOf(cellTable(key))
    return isTable && timeOf(minTime) <= at && at <= timeOf(maxTime)
  })
}

function nameOf(table: number): string {
  return `${DATABASES[Math.floor(table / TABLES.length)]}.${TABLES[table % TABLES.length]}`
}

function timeOf(text: string): bigint {
  return parseTime(text, 'ns', 0n, '')
}

/** The reports that lie in a directory. */
export function reportsIn(files: ReadonlyMap<string, Uint8Array>): Loss[] {
  const reports = [...files].filter(([name]) => /^loss-\d+\.json$/.test(name))
  return reports.map(([, bytes]) => JSON.parse(new TextDecoder().decode(bytes)) as Loss)
}
