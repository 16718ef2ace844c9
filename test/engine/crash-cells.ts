// The rows that crash tests write, read and compare. A cell is one field of one point; its key is a
// small number, so that thousands of comparisons a second are cheap. Values name the operation that
// wrote them, so that what is found says which operations happened.

import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Ack } from '../../engine/ingest/batch.ts'
import type { Answer } from '../../engine/query/query.ts'

export const DATABASES = ['default', 'other']
export const TABLES = ['t0', 't1']
/** Names and types, by the lowest digit of a key. */
export const FIELDS = [
  { name: 'x', type: 'float' },
  { name: 'n', type: 'integer' },
  { name: 'u', type: 'unsigned' },
  { name: 'b', type: 'boolean' },
  { name: 's', type: 'string' },
] as const
const HOSTS_MAX = 8
const TIMES_MAX = 64
const FIELD_SLOTS = 8
/** Of the one field whose values do not say who wrote them. */
const BOOLEAN = 3

export type CellValue = number | bigint | string
/** By key. */
export type Cells = ReadonlyMap<number, CellValue>

/** Where the points of a run lie: times are `base + i × step`, i < times. */
export interface Layout {
  readonly hosts: number
  readonly times: number
  readonly base: bigint
  readonly step: bigint
}

/** Where a batch lies; `first` is the index of its first possible time. */
export interface WriteLayout extends Layout {
  readonly first?: number
}

/** Two weeks of few points: many partitions, many overwrites. */
export const WIDE: Layout = { hosts: 4, times: 60, base: 0n, step: 20_000_000_000_000n }

/** Key of the first cell of a point. */
export function pointKey(table: number, host: number, time: number): number {
  return ((table * HOSTS_MAX + host) * TIMES_MAX + time) * FIELD_SLOTS
}

/** A table has a number over both databases. */
export function tableNumber(database: string, table: string): number {
  return DATABASES.indexOf(database) * TABLES.length + TABLES.indexOf(table)
}

/** What a key stands for. */
export function keyParts(key: number): {
  table: number
  host: number
  time: number
  field: number
} {
  const point = Math.floor(key / FIELD_SLOTS)
  const series = Math.floor(point / TIMES_MAX)
  return {
    table: Math.floor(series / HOSTS_MAX),
    host: series % HOSTS_MAX,
    time: point % TIMES_MAX,
    field: key % FIELD_SLOTS,
  }
}

/** Number of the table of a key. */
export function cellTable(key: number): number {
  return Math.floor(key / (FIELD_SLOTS * TIMES_MAX * HOSTS_MAX))
}

/** Index of the time of a key. */
export function cellTime(key: number): number {
  return Math.floor(key / FIELD_SLOTS) % TIMES_MAX
}

export function describeKey(key: number): string {
  const { table, host, time, field } = keyParts(key)
  const database = DATABASES[Math.floor(table / TABLES.length)]
  return `${database} ${TABLES[table % TABLES.length]} h${host} time ${time} ${FIELDS[field]?.name}`
}

export function isBoolean(key: number): boolean {
  return key % FIELD_SLOTS === BOOLEAN
}

/** A batch of random points, and the cells that it sets. */
export interface RandomWrite {
  readonly database: string
  readonly lines: string
  readonly cells: Map<number, CellValue>
}

/** Field values that tell which operation wrote them (booleans only as well as they can). */
function fieldsOf(id: number): [text: string, value: CellValue][] {
  const large = 2n ** 63n + BigInt(id)
  const negative = -BigInt(id) - 2n ** 62n
  const text = `${'é'.repeat(id % 5)}${id}`
  return [
    [`${id}.5`, id + 0.5],
    [`${negative}i`, negative],
    [`${large}u`, large],
    [id % 2 === 0 ? 'true' : 'false', id % 2 === 0 ? 1 : 0],
    [`"${text}"`, text],
  ]
}

export function randomWrite(
  id: number,
  rowsMax: number,
  random: () => number,
  layout: WriteLayout = WIDE,
): RandomWrite {
  const below = (n: number): number => Math.floor(random() * n)
  const database = DATABASES[below(2)]!
  const cells = new Map<number, CellValue>()
  const lines: string[] = []
  const fields = fieldsOf(id)
  for (let i = 1 + below(rowsMax); i > 0; i--) {
    const table = TABLES[below(2)]!
    const { first = 0 } = layout
    const [host, time] = [below(layout.hosts), first + below(layout.times - first)]
    const key = pointKey(tableNumber(database, table), host, time)
    const texts: string[] = []
    for (const [field, [text, value]] of fields.entries()) {
      if (random() < 0.5 && (field < FIELDS.length - 1 || texts.length > 0)) continue
      texts.push(`${FIELDS[field]!.name}=${text}`)
      cells.set(key + field, value)
    }
    lines.push(`${table},host=h${host} ${texts} ${layout.base + BigInt(time) * layout.step}`)
  }
  return { database, lines: lines.join('\n'), cells }
}

export async function commit(db: Database, write: RandomWrite, ack: Ack = 'fsync'): Promise<void> {
  const batch = db.batch({ database: write.database })
  batch.lineProtocol(new TextEncoder().encode(write.lines))
  await batch.commit(ack)
}

/** Everything that the database shows. */
export async function readCells(db: Database, layout = WIDE): Promise<Map<number, CellValue>> {
  const cells = new Map<number, CellValue>()
  for (const database of DATABASES) {
    for (const table of TABLES) {
      const answer = await db.query({ table }, { database }).catch(absent)
      if (answer !== null) addCells(cells, answer, tableNumber(database, table), layout)
    }
  }
  return cells
}

/** Adds the cells of raw rows of one table. Throws if a row lies where nobody writes. */
export function addCells(
  cells: Map<number, CellValue>,
  { columns, series }: Pick<Answer, 'columns' | 'series'>,
  table: number,
  layout = WIDE,
): void {
  const slots = columns.slice(1).map(({ name }) => FIELDS.findIndex((field) => field.name === name))
  if (slots.includes(-1)) throw new Error(`columns that nobody wrote: ${slots}`)
  for (const { tags, time, fields } of series) {
    const host = Number(tags.get('host')?.slice(1))
    const keys = Array.from(time, (at) => pointKey(table, host, timeIndex(at, layout)))
    for (const [i, { values, valid }] of fields.entries()) {
      for (const [row, key] of keys.entries()) {
        if (valid === null || valid[row] !== 0) cells.set(key + slots[i]!, values[row]!)
      }
    }
  }
}

function timeIndex(at: bigint, { base, step, times }: Layout): number {
  const index = (at - base) / step
  if (base + index * step !== at || index < 0 || index >= times) {
    throw new Error(`a row at ${at}, which nobody wrote`)
  }
  return Number(index)
}

export function absent(error: unknown): null {
  if (error instanceof OmenError && error.code === 'not_found') return null
  throw error
}
