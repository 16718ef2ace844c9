// The planner: Query + catalog → Plan, without I/O. Conjuncts of `where` that read only tags select
// series, comparisons of `time` narrow the range, what is left is a filter per row, with tags as
// constants of each series. Everything that a query may be refused for is refused here.

import { Binder } from './binder.ts'
import {
  EQUAL,
  GREATER,
  LESS,
  TIME_ID,
  foldTags,
  junction,
  rowColumnsOf,
  tagKeysOf,
  type CompareCondition,
  type Condition,
  type TagCondition,
  type TagReader,
} from './condition.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { OmenError } from '../error.ts'
import { resolveName, unknownColumn } from './expression/name.ts'
import type { FieldType } from '../field.ts'
import type { AnswerColumn, Query } from './query.ts'
import { planSelect, type Output } from './selection.ts'
import type { SeriesGroups } from '../catalog/series-groups.ts'
import type { TagTexts } from '../catalog/tag-texts.ts'
import {
  arrangeSeries,
  findSeries,
  type FoundSeries,
  type PlanGroups,
  type PlanSeries,
  type SeriesList,
  type SeriesSelection,
} from './plan-series.ts'
import { type Execution, finish } from '../step.ts'
import {
  chooseRollups,
  type AskedTimes,
  type PlanRollup,
  type StoredTable,
} from '../rollup/choice.ts'
import type { BucketRun } from '../rollup/dirty.ts'
import { NO_ROLLUPS, type RollupVersion } from '../rollup/registry.ts'

export interface PlanColumn {
  readonly id: number
  readonly name: string
  readonly type: FieldType
}

/** A table as planning sees it: `columns` are its fields, both lists sorted by name bytes. */
export interface PlanTable {
  readonly id: number
  readonly name: string
  readonly partitionSeconds: number
  readonly columns: readonly PlanColumn[]
  readonly tagKeys: readonly string[]
  /** Points before it have expired. */
  readonly cutoff: bigint
}

/** A condition on one tag. `values`, when there, are all that it accepts. */
export interface TagTerm {
  readonly key: string
  readonly values: readonly string[] | null
  /** Depends on the value alone; null = the series lacks the tag. */
  readonly accepts: (value: string | null) => boolean
}

/** What planning asks. Steps pause, and bear that the catalog changes meanwhile. */
export interface PlanCatalog {
  /** Throws `not_found`. */
  planTable(database: string, table: string): PlanTable
  /** How many series a table has. */
  tableSeries(table: number): number
  /** Ids, in any order, of the series for which every term accepts its tag's value. */
  findSeries(table: number, terms: readonly TagTerm[]): Execution<Uint32Array>
  /** Groups series of a table by the values of tags. */
  groupSeries(table: number, ids: Uint32Array, keys: readonly string[]): Execution<SeriesGroups>
  /** Indexes in `ids` in the order of the tags, of `keys` alone (in byte order) if there are any. */
  orderSeries(
    table: number,
    ids: Uint32Array,
    keys: readonly string[] | null,
  ): Execution<Uint32Array>
  /** Keys in byte order. */
  seriesTags(series: number): ReadonlyMap<string, string>
  /** Tags of many series as they are now; each look makes a new map. */
  copyTags(ids: Uint32Array): Execution<Pick<TagTexts, 'at'>>
  /** A table with all of its columns, also those that users do not see; null once it was dropped. */
  storedTable(table: number): StoredTable | null
  /** Time before which points of a table are no more; TIME_MIN if it keeps them all. */
  cutoffOf(table: number): bigint
  /** The series of another table that has the same tags, or -1. */
  siblingSeries(series: number, table: number): number
}

export type { PlanSeries }

const NO_SERIES: FoundSeries = { ids: new Uint32Array(), filters: [null], filterOf: null }

export interface Plan {
  readonly query: Query
  readonly table: PlanTable
  /** Nanoseconds, half-open, never unbounded. */
  readonly start: bigint
  readonly end: bigint
  /** What `where` leaves of all time, half-open: it binds points before `start` too. */
  readonly timeStart: bigint
  readonly timeEnd: bigint
  readonly series: SeriesList
  /** Tags of the groups of an aggregate or a `latest`, in the order of groups; one entry per series else. */
  readonly groups: PlanGroups
  /** Keys of `by` in byte order; null when the answer is by series. */
  readonly groupKeys: readonly string[] | null
  /** Fields that are read: those of outputs first, then those that only the filter needs. */
  readonly fields: readonly PlanColumn[]
  readonly selectedCount: number
  readonly outputs: readonly Output[]
  readonly isAggregate: boolean
  /** Counts every point, whatever it has (`count(*)`; rows that are kept without a value)? */
  readonly countsRows: boolean
  readonly columns: AnswerColumn[]
  /** What answers instead of points where it can, the coarsest first. */
  readonly rollups: readonly PlanRollup[]
}

interface PlanOptions {
  /** The tags of groups are those of now, whatever becomes of the series. */
  readonly keepsTags: boolean
  /** Those of the query's snapshot. */
  readonly rollups?: RollupVersion
  /** Also points that have expired and are there still. */
  readonly takesExpired?: boolean
}

/** Plans a query at once: for few series, or where nobody else waits. Throws as `planSteps` does. */
export function planQuery(query: Query, catalog: PlanCatalog): Plan {
  return finish(planSteps(query, catalog, { keepsTags: false }))
}

/**
 * Plans a query. Throws `not_found`, `unknown_column`, `type_conflict`, `bad_request`, `unsupported`.
 */
export function* planSteps(
  query: Query,
  catalog: PlanCatalog,
  { keepsTags, rollups = NO_ROLLUPS, takesExpired = false }: PlanOptions,
): Execution<Plan> {
  const table = catalog.planTable(query.database, query.table)
  const selected = planSelect(query, table)
  const split = selectionOf(query, table)
  const stored =
    split.rest === null
      ? chooseRollups(query, selected, table.id, askedTimes(query, split, table), rollups, catalog)
      : []
  if (!takesExpired) split.start = later(split.start, reachOf(stored, table.cutoff))
  const start = later(query.start ?? TIME_MIN, split.start)
  const end = earlier(query.end ?? TIME_MAX + 1n, split.end)
  const by = groupKeys(query, table)
  const isEmpty = start >= end || (split.rest?.kind === 'constant' && split.rest.value !== true)
  const found = isEmpty ? NO_SERIES : yield* findSeries(catalog, table.id, split)
  const needsRank = query.kind === 'latest' || selected.needsRank
  const grouping = { keys: by, tagKeys: table.tagKeys, needsRank, keepsTags }
  const { series, groups } = yield* arrangeSeries(catalog, table.id, found, grouping)
  const fields = new Map(selected.fields.map((field) => [field.id, field]))
  for (const { id } of split.rest === null ? [] : rowColumnsOf(split.rest)) {
    if (id !== TIME_ID)
      fields.set(
        id,
        table.columns.find((column) => column.id === id)!,
      )
  }
  return {
    query,
    table,
    start,
    end,
    timeStart: split.start,
    timeEnd: split.end,
    series,
    groups,
    groupKeys: by,
    fields: [...fields.values()],
    selectedCount: selected.fields.length,
    outputs: selected.outputs,
    isAggregate: selected.isAggregate,
    countsRows: selected.countsRows || query.keepsEmpty === true,
    columns: selected.columns,
    rollups: stored,
  }
}

/** Times that a query reads, as far as they are no matter of what has expired. */
function askedTimes(
  { start, end, fill }: Query,
  split: Pick<SplitWhere, 'start' | 'end'>,
  { cutoff }: PlanTable,
): AskedTimes {
  const within = (from: bigint, to: bigint): BucketRun => {
    return { start: later(from, split.start), end: earlier(to, split.end) }
  }
  const ranges = [within(start ?? TIME_MIN, end ?? TIME_MAX + 1n)]
  if (start !== null && fill !== null) ranges.push(within(start - fill.lookback, start))
  return { ranges: ranges.filter((range) => range.start < range.end), cutoff }
}

/** Times before it are in no rollup of a plan, and have expired. */
function reachOf(rollups: readonly PlanRollup[], cutoff: bigint): bigint {
  return rollups.map(({ from }) => from).reduce(earlier, cutoff)
}

interface SplitWhere extends SeriesSelection {
  readonly terms: TagTerm[]
  /** Conditions on several tags at once. */
  readonly tests: TagCondition[]
  start: bigint
  readonly end: bigint
  /** What has to be asked per row. */
  readonly rest: Condition | null
}

/** Sorts the conjuncts of `where` by what they can be used for. */
export function splitWhere(where: Condition | null): SplitWhere {
  const conjuncts = where === null ? [] : where.kind === 'and' ? where.operands : [where]
  const terms: TagTerm[] = []
  const tests: TagCondition[] = []
  const rest: Condition[] = []
  let start = TIME_MIN
  let end = TIME_MAX + 1n
  for (const conjunct of conjuncts) {
    const tags = asTags(conjunct)
    if (tags !== null) {
      if (tags.keys.length === 1) terms.push(termOf(tags))
      else tests.push(tags)
    } else if (conjunct.kind === 'compare' && narrows(conjunct)) {
      const time = BigInt.asIntN(64, conjunct.slot)
      const { accepted } = conjunct
      if ((accepted & GREATER) === 0)
        end = earlier(end, (accepted & EQUAL) === 0 ? time : time + 1n)
      if ((accepted & LESS) === 0) start = later(start, (accepted & EQUAL) === 0 ? time + 1n : time)
    } else rest.push(conjunct)
  }
  return { terms, tests, start, end, rest: rest.length === 0 ? null : junction('and', rest) }
}

/** Is it a comparison of the time that leaves one range? */
function narrows({ column, accepted }: CompareCondition): boolean {
  if (column.id !== TIME_ID) return false
  return accepted !== 0 && ((accepted & LESS) === 0 || (accepted & GREATER) === 0)
}

/** A condition that reads tags only, as one test; null if it reads anything else. */
function asTags(condition: Condition): TagCondition | null {
  if (condition.kind === 'tag') return condition
  const keys = tagKeysOf(condition)
  if (keys.size === 0 || rowColumnsOf(condition).length > 0) return null
  const test = (tag: TagReader): boolean | null => {
    const folded = foldTags(condition, tag)
    return folded.kind === 'constant' ? folded.value : null
  }
  return { kind: 'tag', keys: [...keys], values: null, test }
}

function termOf({ keys, values, test }: TagCondition): TagTerm {
  return { key: keys[0]!, values, accepts: (value) => test(() => value) === true }
}

/**
 * Which series a plan's `where` selects, and what it asks of their rows, for one series after the
 * other, also for such that are new since the plan was made.
 */
export function planSeries(
  { query, table }: Plan,
  catalog: Pick<PlanCatalog, 'seriesTags'>,
): (id: number) => PlanSeries | null {
  const { terms, tests, rest } = selectionOf(query, table)
  return (id) => {
    const tags = catalog.seriesTags(id)
    const tag: TagReader = (key) => tags.get(key) ?? null
    if (!terms.every(({ key, accepts }) => accepts(tag(key)))) return null
    if (!tests.every(({ test }) => test(tag) === true)) return null
    const folded = rest === null ? null : foldTags(rest, tag)
    if (folded?.kind !== 'constant') return { id, rank: 0, group: 0, tags, filter: folded }
    return folded.value === true ? { id, rank: 0, group: 0, tags, filter: null } : null
  }
}

/** Does a plan's `where`, but for its range of times, select all series with all their rows? */
export function selectsAll({ query, table }: Plan): boolean {
  const { terms, tests, rest } = selectionOf(query, table)
  return terms.length === 0 && tests.length === 0 && rest === null
}

/** The tags of the only series that a plan can have; null: it may have others, or none. */
export function fixedTags({ query, table }: Plan): ReadonlyMap<string, string> | null {
  const fixed = new Map<string, string>()
  for (const { key, values } of selectionOf(query, table).terms) {
    if (values?.length === 1) fixed.set(key, values[0]!)
  }
  return table.tagKeys.every((key) => fixed.has(key)) ? fixed : null
}

function selectionOf({ where, now }: Query, table: PlanTable): SplitWhere {
  return splitWhere(where === null ? null : new Binder(table, now).bind(where))
}

/** Tag keys of `by`, in byte order; null when the answer is by series. */
function groupKeys(query: Query, table: PlanTable): string[] | null {
  if (query.by === '*') return [...table.tagKeys]
  if (query.by === null) return query.kind === 'latest' || !isAggregating(query) ? null : []
  const keys = new Set<string>()
  for (const name of query.by) {
    const key = resolveName(name, table.tagKeys)
    if (key === null) throw unknownGroup(name, table)
    keys.add(key)
  }
  return table.tagKeys.filter((key) => keys.has(key))
}

function isAggregating(query: Query): boolean {
  return query.select !== null && query.select.some((item) => item.expression.kind === 'call')
}

function unknownGroup(name: string, table: PlanTable): OmenError {
  const pointer = '/by'
  if (name === 'time' || table.columns.some((field) => field.name === name)) {
    const message = `by: ${JSON.stringify(name)} is ${name === 'time' ? 'the time' : 'a field'}, groups are by tags`
    return new OmenError('bad_request', message, { pointer })
  }
  return unknownColumn({ name, quoted: false, position: null }, table.tagKeys, pointer)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
