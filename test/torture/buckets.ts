// Aggregates by bucket, asked through a table with rollups, against those of the cells that are known:
// exactly where nothing has expired, and where one rollup has all of a bucket; where it is not certain
// what is left of an expired bucket, some end of it.

import type { Database } from '../../engine/database.ts'
import type { Answer } from '../../engine/query/query.ts'
import { type CellValue, FIELDS, type Layout, pointKey } from '../engine/crash-cells.ts'
import type { KeptCells } from '../engine/crash-kept.ts'
import { isMissing } from './erasure.ts'
import type { Keeping } from './keeping.ts'
import type { StoredRollup } from './rollups.ts'

/** Answers that rollups had a part in, buckets with expired cells that were judged, and those of them that had to be whole. */
export const judged = { stored: 0, expired: 0, whole: 0 }

interface Known {
  readonly db: Database
  readonly kept: KeptCells
  readonly layout: Layout
  readonly keeping: Keeping | null
}

interface Asked {
  readonly database: string
  readonly table: string
  readonly number: number
  readonly every: bigint
  /** Names, and `*` for the number of points. */
  readonly fields: readonly string[]
  /** Those that the table has; null: nobody knows. */
  readonly rollups: readonly StoredRollup[] | null
}

type Value = CellValue | null

const CALLS = {
  count: (values: readonly CellValue[]): Value => BigInt(values.length),
  min: (values: readonly CellValue[]): Value => values.reduce((a, b) => (a < b ? a : b)),
  max: (values: readonly CellValue[]): Value => values.reduce((a, b) => (a > b ? a : b)),
  first: (values: readonly CellValue[]): Value => values[0]!,
  last: (values: readonly CellValue[]): Value => values.at(-1)!,
  // Halves: the sum is the same in any order.
  sum: (values: readonly CellValue[]): Value => values.reduce((a, b) => Number(a) + Number(b)),
}
const CALLS_OF: Record<string, readonly (keyof typeof CALLS)[]> = {
  x: ['count', 'min', 'max', 'first', 'last', 'sum'],
  n: ['count', 'min', 'max', 'first', 'last'],
  u: ['count', 'min', 'max', 'first', 'last'],
  b: ['count', 'first', 'last'],
  s: ['count', 'min', 'max', 'first', 'last'],
}

/** Null if the buckets of every host are what they may be. */
export async function bucketFault(known: Known, asked: Asked): Promise<string | null> {
  const { db, keeping, layout } = known
  const { database, table, number, every, fields } = asked
  if (fields.length === 0) return null
  const select = fields.flatMap((field) =>
    field === '*' ? ['count(*)'] : CALLS_OF[field]!.map((call) => `${call}(${field})`),
  )
  keeping?.begin()
  const request = { table, by: ['host'], every: `${every / 1_000_000_000n}s`, select }
  const answer = await db.query(request, { database }).catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  keeping?.end()
  // What may not have been declared may have no table, or lack a column.
  if (answer === null) return asked.rollups === null ? null : `${database} ${table} lacks something`
  if (answer.stats.rollup !== null) judged.stored++
  const found = rowsOf(answer)
  for (const [start, indices] of bucketsOf(layout, every)) {
    for (let host = 0; host < layout.hosts; host++) {
      const allowed = allowedRows(known, asked, { start, indices, host })
      const name = `h${host} ${start}`
      const row = found.get(name) ?? ''
      found.delete(name)
      if (allowed === null || allowed.includes(row)) continue
      const place = `${database} ${table} (${number}) by ${every} ns, bucket ${name}`
      return `${place} (rollup ${answer.stats.rollup}): ${select}: ${row}, not ${allowed.join(' or ')}`
    }
  }
  const [unknown] = found.keys()
  return unknown === undefined ? null : `${database} ${table}: a bucket ${unknown} of nothing`
}

/** Start of the bucket that holds a time. */
export function floor(time: bigint, width: bigint): bigint {
  const rest = time % width
  return time - (rest < 0n ? rest + width : rest)
}

interface Bucket {
  readonly start: bigint
  /** Of the times in it. */
  readonly indices: readonly number[]
  readonly host: number
}

/** What a bucket may be; null: that is not known. */
function allowedRows(known: Known, asked: Asked, bucket: Bucket): readonly string[] | null {
  const { kept, keeping } = known
  const { number, rollups, every } = asked
  const { start, indices, host } = bucket
  const first = keeping?.reach(number) ?? 0
  const fields = asked.fields.includes('*') ? FIELDS.map(({ name }) => name) : asked.fields
  const isVague = indices.some((index) =>
    fields.some((name) => kept.isVague(cellKey(number, host, index, name))),
  )
  if (isVague) return null
  const whole = rowFrom(known, asked, bucket, 0)
  if (indices[0]! >= first || keeping === null) return [whole]
  const usable = rollups?.filter((rollup) => {
    return every % rollup.width === 0n && asked.fields.every((name) => rollup.fields.includes(name))
  })
  if (usable === undefined || usable.length === 0) return null
  if (usable.some(({ exactFrom }) => exactFrom === null || exactFrom > start)) return null
  judged.expired++
  const [only] = usable
  const isKept = only!.keeps === null || start >= keeping.latest - only!.keeps
  if (usable.length === 1 && isKept) {
    judged.whole++
    return [whole]
  }
  if (first > keeping.expiry.edges(number, keeping.clock).surely) return null
  return [whole, ...indices.map((index) => rowFrom(known, asked, bucket, index + 1))]
}

/** The row of a bucket without the times before an index; empty if there is nothing left. */
function rowFrom(
  { kept }: Known,
  { number, fields }: Asked,
  { indices, host }: Bucket,
  from: number,
): string {
  const shown = indices.filter((index) => index >= from)
  const valuesOf = (name: string): CellValue[] =>
    shown.flatMap((index) => kept.valueOf(cellKey(number, host, index, name)) ?? [])
  const points = shown.filter((index) =>
    FIELDS.some(({ name }) => kept.valueOf(cellKey(number, host, index, name)) !== undefined),
  )
  const values = fields.filter((name) => name !== '*').map(valuesOf)
  const isAny = values.some(({ length }) => length > 0)
  if (!isAny && !(fields.includes('*') && points.length > 0)) return ''
  const row = fields.flatMap((name): Value[] => {
    if (name === '*') return [BigInt(points.length)]
    const found = valuesOf(name)
    return CALLS_OF[name]!.map((call) => {
      return found.length === 0 && call !== 'count' ? null : CALLS[call](found)
    })
  })
  return row.map(String).join(' ')
}

function cellKey(table: number, host: number, time: number, name: string): number {
  return pointKey(table, host, time) + FIELDS.findIndex((field) => field.name === name)
}

/** Indices of times by the start of their bucket. */
function bucketsOf({ base, step, times }: Layout, every: bigint): Map<bigint, number[]> {
  const buckets = new Map<bigint, number[]>()
  for (let index = 0; index < times; index++) {
    const start = floor(base + BigInt(index) * step, every)
    const indices = buckets.get(start)
    if (indices === undefined) buckets.set(start, [index])
    else indices.push(index)
  }
  return buckets
}

/** Rows of an answer, by host and bucket. */
function rowsOf({ series }: Answer): Map<string, string> {
  const rows = new Map<string, string>()
  for (const { tags, time, fields } of series) {
    for (const [i, start] of time.entries()) {
      const values = fields.map(({ values: all, valid }) => {
        return valid === null || valid[i] !== 0 ? all[i]! : null
      })
      rows.set(`${tags.get('host')} ${start}`, values.map(String).join(' '))
    }
  }
  return rows
}
