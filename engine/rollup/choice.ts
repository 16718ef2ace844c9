// Which rollups may answer for a table, and with which of its columns. One can if the query's buckets
// are made of whole rollup buckets, if its condition asks nothing of single points, and if all of its
// functions can be worked out from what is stored. The coarsest is taken, and finer ones for what it
// leaves open where points have expired: before it begins, and buckets that the query's range cuts. Pure.

import { NS_PER_DAY } from '../calendar.ts'
import { fieldTypeName } from '../field.ts'
import type { PlanColumn } from '../query/plan.ts'
import type { Query } from '../query/query.ts'
import type { PlannedSelect } from '../query/selection.ts'
import { STATE_PARTS, layoutOf, partsFor, type RollupLayout, type StatePart } from './layout.ts'
import type { BucketRun } from './dirty.ts'
import { ceilToBucket, floorToBucket, type Rollup, type RollupVersion } from './registry.ts'

/** The table of a rollup. */
export interface StoredTable {
  readonly id: number
  readonly name: string
  /** By name, hidden ones too. */
  readonly columns: ReadonlyMap<string, PlanColumn>
}

/** A rollup as one query uses it. */
export interface PlanRollup {
  readonly rollup: Rollup
  readonly name: string
  /** Columns of its table that are read. */
  readonly columns: readonly PlanColumn[]
  /** Per field of the plan, an index in `columns` for each of STATE_PARTS; -1: not needed. */
  readonly parts: readonly (readonly number[])[]
  /** Index in `columns` of the number of points; -1: not needed. */
  readonly rows: number
  /** Start of the first bucket that it holds. */
  readonly from: bigint
}

/** Which times of a table are asked for. */
export interface AskedTimes {
  /** Half-open, apart. */
  readonly ranges: readonly BucketRun[]
  /** Points before it have expired. */
  readonly cutoff: bigint
}

/** What choosing needs of a catalog. */
interface StoredTables {
  storedTable(table: number): StoredTable | null
  cutoffOf(table: number): bigint
}

/** What is asked of the buckets. */
type BucketQuestion = Pick<Query, 'every' | 'origin' | 'kind'>

/**
 * The rollups of a table that answer a query, the coarsest first: each is for what those before it
 * leave. The query asks nothing of single points but their time.
 */
export function chooseRollups(
  query: BucketQuestion,
  select: PlannedSelect,
  source: number,
  { ranges, cutoff }: AskedTimes,
  { bySource }: RollupVersion,
  catalog: StoredTables,
): PlanRollup[] {
  if (query.kind !== 'range' || !select.isAggregate || query.every === null) return []
  const rollups = bySource.get(source) ?? []
  const fitting = rollups.filter((rollup) => rollup.watermark >= 0n && fitsBuckets(query, rollup))
  fitting.sort((a, b) => (a.width < b.width ? 1 : a.width > b.width ? -1 : a.id - b.id))
  const chosen: PlanRollup[] = []
  let open = ranges
  for (const rollup of fitting) {
    const table = catalog.storedTable(rollup.target)
    const found = table === null ? null : planRollup(select, rollup, table, catalog)
    if (found === null || open.every((range) => bucketsIn(found, range) === null)) continue
    chosen.push(found)
    open = open.flatMap((range) => leftOf(found, range)).filter(({ start }) => start < cutoff)
  }
  return chosen
}

/** The whole buckets in a range that a rollup holds; null: none. */
export function bucketsIn(
  { rollup, from }: Pick<PlanRollup, 'rollup' | 'from'>,
  range: BucketRun,
): BucketRun | null {
  const first = ceilToBucket(rollup, range.start)
  const start = first > from ? first : from
  const end = floorToBucket(rollup, range.end)
  return start < end ? { start, end } : null
}

/** What a rollup leaves of a range. */
function leftOf(found: PlanRollup, range: BucketRun): BucketRun[] {
  const buckets = bucketsIn(found, range)
  if (buckets === null) return [range]
  const { start, end } = buckets
  const left = [
    { start: range.start, end: start },
    { start: end, end: range.end },
  ]
  return left.filter((run) => run.start < run.end)
}

/** Does every boundary of the query's buckets lie on one of the rollup's? */
function fitsBuckets({ every, origin }: BucketQuestion, rollup: Rollup): boolean {
  if ((origin - rollup.origin) % rollup.width !== 0n) return false
  if (every!.width !== null) return every!.width % rollup.width === 0n
  // Months begin whole days after each other.
  return NS_PER_DAY % rollup.width === 0n
}

/** A rollup for a query; null if it lacks something that is selected. */
function planRollup(
  select: PlannedSelect,
  rollup: Rollup,
  table: StoredTable,
  catalog: StoredTables,
): PlanRollup | null {
  const layout = layoutOfTable(rollup, select.fields)
  if (layout === null || (select.countsRows && layout.rows === null)) return null
  const columns: PlanColumn[] = []
  const indexOf = (name: string): number => {
    const known = columns.findIndex((column) => column.name === name)
    return known >= 0 ? known : columns.push(table.columns.get(name)!) - 1
  }
  const parts: number[][] = []
  for (const [index, { name, type }] of select.fields.entries()) {
    const stored = layout.fields.find((field) => field.name === name)
    if (stored === undefined) return null
    const needed = new Set<StatePart>()
    for (const { field, result } of select.outputs) {
      if (field !== index) continue
      const asked = partsFor(result!, fieldTypeName(type))
      if (asked === null) return null
      for (const part of asked) needed.add(part)
    }
    const names = STATE_PARTS.map((part) => (needed.has(part) ? stored.parts.get(part) : null))
    if (names.includes(undefined)) return null
    parts.push(names.map((part) => (typeof part === 'string' ? indexOf(part) : -1)))
  }
  const rows = select.countsRows ? indexOf(layout.rows!) : -1
  return { rollup, name: table.name, columns, parts, rows, from: heldFrom(rollup, catalog) }
}

/** Start of the first bucket that a rollup holds: those before have expired, or it began later. */
function heldFrom(rollup: Rollup, catalog: StoredTables): bigint {
  const kept = ceilToBucket(rollup, catalog.cutoffOf(rollup.target))
  return kept > rollup.begins ? kept : rollup.begins
}

/** The layout, as far as the question's fields go; null if one of them is not stored. */
function layoutOfTable(rollup: Rollup, fields: readonly PlanColumn[]): RollupLayout | null {
  const { select } = rollup.definition
  const types = new Map(fields.map(({ name, type }) => [name, fieldTypeName(type)]))
  if ([...types.keys()].some((name) => !select.some(({ field }) => field === name))) return null
  // Types of other fields decide nothing that is asked here.
  return layoutOf(rollup.definition, (name) => types.get(name) ?? 'float')
}
