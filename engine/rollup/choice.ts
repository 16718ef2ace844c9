// Which rollups may answer for a table, and with which of its columns. One can if the query's buckets, or
// the one from its start to its end, are made of whole rollup buckets, if its condition asks nothing of
// single points, and if all of its functions can be worked out from what is stored. The coarsest is taken,
// and finer ones for what it leaves open where points have expired: before it begins, and buckets that
// the query's range cuts. Pure.

import { clockKeeps } from '../buckets.ts'
import { NS_PER_DAY } from '../calendar.ts'
import { fieldTypeName } from '../field.ts'
import type { PlanColumn } from '../query/plan.ts'
import type { Query } from '../query/query.ts'
import type { PlannedSelect } from '../query/selection.ts'
import { STATE_PARTS, layoutOf, partsFor, type RollupLayout, type StatePart } from './layout.ts'
import type { BucketRun } from './dirty.ts'
import {
  FROZEN_NONE,
  ceilToBucket,
  floorToBucket,
  type Rollup,
  type RollupVersion,
} from './registry.ts'

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
type BucketQuestion = Pick<Query, 'every' | 'origin' | 'timeZone' | 'kind' | 'start'>

/**
 * The rollups of a table that answer a query, the coarsest first: each is for what those before it
 * leave, and its buckets make up theirs, so that no time is left between them. Of the rollups that can
 * be first, the coarsest with which least of what has expired is left out. The query asks nothing of
 * single points but their time.
 */
export function chooseRollups(
  query: BucketQuestion,
  select: PlannedSelect,
  source: number,
  times: AskedTimes,
  { bySource }: RollupVersion,
  catalog: StoredTables,
): PlanRollup[] {
  if (query.kind !== 'range' || !select.isAggregate) return []
  // Without buckets and start a row is named by its first point, whose time no rollup has.
  if (query.every === null && query.start === null) return []
  const usable = (bySource.get(source) ?? []).flatMap((rollup) => {
    if (rollup.watermark < 0n || !fitsBuckets(query, rollup, times.ranges)) return []
    return planRollup(select, rollup, catalog) ?? []
  })
  usable.sort(({ rollup: a }, { rollup: b }) => {
    return a.width < b.width ? 1 : a.width > b.width ? -1 : a.id - b.id
  })
  let best: Choice = { rollups: [], left: expiredTime(times.ranges, times.cutoff) }
  for (const i of usable.keys()) {
    const choice = choiceFrom(usable.slice(i), times)
    const isBetter = best.rollups.length === 0 || choice.left < best.left
    if (choice.rollups.length > 0 && isBetter) best = choice
    if (best.rollups.length > 0 && best.left === 0n) break
  }
  return best.rollups
}

/** Rollups that answer together, and how much time of what has expired they leave out. */
interface Choice {
  readonly rollups: PlanRollup[]
  readonly left: bigint
}

/** The first of some rollups, and of the others those that have something of what is left. */
function choiceFrom(usable: readonly PlanRollup[], { ranges, cutoff }: AskedTimes): Choice {
  const rollups: PlanRollup[] = []
  let open = ranges
  for (const found of usable) {
    const before = rollups.at(-1)?.rollup.width ?? 0n
    const isMadeUp = before % found.rollup.width === 0n
    if (!isMadeUp || open.every((range) => bucketsIn(found, range) === null)) {
      if (rollups.length === 0) break
      continue
    }
    rollups.push(found)
    open = open.flatMap((range) => leftOf(found, range)).filter(({ start }) => start < cutoff)
    if (open.length === 0) break
  }
  return { rollups, left: expiredTime(open, cutoff) }
}

function expiredTime(ranges: readonly BucketRun[], cutoff: bigint): bigint {
  let time = 0n
  for (const { start, end } of ranges) {
    const last = end < cutoff ? end : cutoff
    if (start < last) time += last - start
  }
  return time
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

/** Does every boundary of the query's buckets lie on one of the rollup's? One bucket has none. */
function fitsBuckets(query: BucketQuestion, rollup: Rollup, ranges: readonly BucketRun[]): boolean {
  const { every, origin, timeZone } = query
  if (every === null) return true
  if ((origin - rollup.origin) % rollup.width !== 0n) return false
  const keeps = ({ start, end }: BucketRun): boolean =>
    clockKeeps({ every, origin, timeZone }, rollup.width, start, end)
  if (timeZone !== 'UTC' && !ranges.every(keeps)) return false
  if (every.width !== null) return every.width % rollup.width === 0n
  // Months begin whole days after each other.
  return NS_PER_DAY % rollup.width === 0n
}

/** A rollup for a query; null if it lacks something that is selected. */
function planRollup(
  select: PlannedSelect,
  rollup: Rollup,
  catalog: StoredTables,
): PlanRollup | null {
  const table = catalog.storedTable(rollup.target)
  if (table === null) return null
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
  const { begins } = rollup
  const kept = ceilToBucket(rollup, catalog.cutoffOf(rollup.target))
  return begins === FROZEN_NONE || kept > begins ? kept : begins
}

/** The layout, as far as the question's fields go; null if one of them is not stored. */
function layoutOfTable(rollup: Rollup, fields: readonly PlanColumn[]): RollupLayout | null {
  const { select } = rollup.definition
  const types = new Map(fields.map(({ name, type }) => [name, fieldTypeName(type)]))
  if ([...types.keys()].some((name) => !select.some(({ field }) => field === name))) return null
  // Types of other fields decide nothing that is asked here.
  return layoutOf(rollup.definition, (name) => types.get(name) ?? 'float')
}
