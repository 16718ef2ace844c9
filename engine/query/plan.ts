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
import { compareTags, comparePairs, presentTags, type TagPair } from '../catalog/tags.ts'

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
}

/** A condition on one tag. `values`, when there, are all that it accepts. */
export interface TagTerm {
  readonly key: string
  readonly values: readonly string[] | null
  /** Depends on the value alone; null = the series lacks the tag. */
  readonly accepts: (value: string | null) => boolean
}

export interface PlanCatalog {
  /** Throws `not_found`. */
  planTable(database: string, table: string): PlanTable
  /** Ids, in any order, of the series for which every term accepts its tag's value. */
  matchSeries(table: number, terms: readonly TagTerm[]): Uint32Array
  /** Keys in byte order. */
  seriesTags(series: number): ReadonlyMap<string, string>
}

export interface PlanSeries {
  readonly id: number
  /** Place in the order of series; of no meaning (0) where the answer does not depend on it. */
  readonly rank: number
  /** Index in `groups`; of a raw answer, in `series`. */
  readonly group: number
  readonly tags: ReadonlyMap<string, string>
  /** What its rows must meet; null = nothing. */
  readonly filter: Condition | null
}

export interface Plan {
  readonly query: Query
  readonly table: PlanTable
  /** Nanoseconds, half-open, never unbounded. */
  readonly start: bigint
  readonly end: bigint
  /** What `where` leaves of all time, half-open: it binds points before `start` too. */
  readonly timeStart: bigint
  readonly timeEnd: bigint
  /** In the order of series. */
  readonly series: readonly PlanSeries[]
  /** Tags of the groups of an aggregate or a `latest`, in the order of groups; one entry per series else. */
  readonly groups: readonly Map<string, string | null>[]
  /** Keys of `by` in byte order; null when the answer is by series. */
  readonly groupKeys: readonly string[] | null
  /** Fields that are read: those of outputs first, then those that only the filter needs. */
  readonly fields: readonly PlanColumn[]
  readonly selectedCount: number
  readonly outputs: readonly Output[]
  readonly isAggregate: boolean
  /** Has an output that counts every point, whatever it has (`count(*)`)? */
  readonly countsRows: boolean
  readonly columns: AnswerColumn[]
}

const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** Plans a query. Throws `not_found`, `unknown_column`, `type_conflict`, `bad_request`, `unsupported`. */
export function planQuery(query: Query, catalog: PlanCatalog): Plan {
  const table = catalog.planTable(query.database, query.table)
  const selected = planSelect(query, table)
  const where = query.where === null ? null : new Binder(table, query.now).bind(query.where)
  const split = splitWhere(where)
  const start = later(query.start ?? TIME_MIN, split.start)
  const end = earlier(query.end ?? TIME_MAX + 1n, split.end)
  const by = groupKeys(query, table)
  const isEmpty = start >= end || (split.rest?.kind === 'constant' && split.rest.value !== true)
  const ids = isEmpty ? new Uint32Array(0) : catalog.matchSeries(table.id, split.terms)
  const needsTags =
    by === null ||
    by.length > 0 ||
    selected.needsRank ||
    split.rest !== null ||
    split.tests.length > 0
  const found = matchedSeries(catalog, ids, split, needsTags)
  const { series, groups } = by === null ? bySeries(found) : byGroup(found, by)
  const fields = new Map(selected.fields.map((field) => [field.id, field]))
  for (const { id } of split.rest === null ? [] : rowColumnsOf(split.rest)) {
    if (id !== TIME_ID)
      fields.set(
        id,
        table.columns.find((column) => column.id === id)!,
      )
  }
  return {
    ...{ query, table, start, end, series, groups },
    ...{ timeStart: split.start, timeEnd: split.end },
    groupKeys: by,
    fields: [...fields.values()],
    selectedCount: selected.fields.length,
    outputs: selected.outputs,
    isAggregate: selected.isAggregate,
    countsRows: selected.countsRows,
    columns: selected.columns,
  }
}

interface SplitWhere {
  readonly terms: TagTerm[]
  /** Conditions on several tags at once. */
  readonly tests: TagCondition[]
  readonly start: bigint
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

interface MatchedSeries {
  readonly id: number
  readonly tags: ReadonlyMap<string, string>
  readonly filter: Condition | null
}

/** Series of which some row may count, in order if tags are needed at all. */
function matchedSeries(
  catalog: PlanCatalog,
  ids: Uint32Array,
  split: SplitWhere,
  needsTags: boolean,
): MatchedSeries[] {
  if (!needsTags) return Array.from(ids, (id) => ({ id, tags: NO_TAGS, filter: null }))
  const found: (MatchedSeries & { pairs: readonly TagPair[] })[] = []
  for (const id of ids) {
    const tags = catalog.seriesTags(id)
    const tag: TagReader = (key) => tags.get(key) ?? null
    if (!split.tests.every((condition) => condition.test(tag) === true)) continue
    const rest = split.rest === null ? null : foldTags(split.rest, tag)
    if (rest?.kind === 'constant' && rest.value !== true) continue
    const filter = rest?.kind === 'constant' ? null : rest
    found.push({ id, tags, filter, pairs: presentTags(tags) })
  }
  return found.sort((a, b) => comparePairs(a.pairs, b.pairs))
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

function bySeries(found: readonly MatchedSeries[]): Pick<Plan, 'series' | 'groups'> {
  const series = found.map(({ id, tags, filter }, rank) => {
    return { id, tags, filter, rank, group: rank }
  })
  return { series, groups: found.map(({ tags }) => new Map<string, string | null>(tags)) }
}

/** Groups by the values of `keys`, null where a series lacks the key. */
function byGroup(
  found: readonly MatchedSeries[],
  keys: readonly string[],
): Pick<Plan, 'series' | 'groups'> {
  const known = new Map<string, Map<string, string | null>>()
  const names = found.map(({ tags }) => {
    const values = keys.map((key) => tags.get(key) ?? null)
    const name = JSON.stringify(values)
    if (!known.has(name)) known.set(name, new Map(keys.map((key, i) => [key, values[i]!])))
    return name
  })
  const ordered = [...known].sort(([, a], [, b]) => compareTags(a, b))
  const indexes = new Map(ordered.map(([name], index) => [name, index]))
  const series = found.map(({ id, tags, filter }, rank) => {
    return { id, tags, filter, rank, group: indexes.get(names[rank]!)! }
  })
  return { series, groups: ordered.map(([, tags]) => tags) }
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
