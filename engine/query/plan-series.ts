// The series of a plan, of which there may be a million: numbers in typed arrays, from which a series
// or the tags of a group are made when they are asked for. Nothing here decodes a tag before the answer
// shows it, but for conditions that have to be asked of combinations of tags.

import {
  foldTags,
  tagKeysOf,
  type Condition,
  type TagCondition,
  type TagReader,
} from './condition.ts'
import type { PlanCatalog, TagTerm } from './plan.ts'
import type { Execution } from '../step.ts'

export interface PlanSeries {
  readonly id: number
  /** Place in the order of series; of no meaning (0) where the answer does not depend on it. */
  readonly rank: number
  /** Index in the plan's groups; of an answer by series, its rank. */
  readonly group: number
  /** Decoded when asked for. */
  readonly tags: ReadonlyMap<string, string>
  /** What its rows must meet; null = nothing. */
  readonly filter: Condition | null
}

/** Tags of the groups of an answer, null where a series lacks a key of `by`. */
export interface PlanGroups {
  readonly length: number
  /** Decoded when asked for: a new map each time. */
  at(group: number): Map<string, string | null>
}

/** What selects series, and what it asks of their rows. */
export interface SeriesSelection {
  readonly terms: readonly TagTerm[]
  /** Conditions on several tags at once. */
  readonly tests: readonly TagCondition[]
  /** What has to be asked per row. */
  readonly rest: Condition | null
}

/** Series that a selection leaves, in no order, with what is asked of the rows of each. */
export interface FoundSeries {
  readonly ids: Uint32Array
  readonly filters: readonly (Condition | null)[]
  /** Index in `filters` of each series; null = 0 for all. */
  readonly filterOf: Uint32Array | null
}

/** Finds the series of a table of which some row may count. */
export function* findSeries(
  catalog: PlanCatalog,
  table: number,
  { terms, tests, rest }: SeriesSelection,
): Execution<FoundSeries> {
  let ids = yield* catalog.findSeries(table, terms)
  for (const { keys, test } of tests) {
    const verdicts = yield* askGroups(catalog, table, ids, keys, (tag) => test(tag) === true)
    ids = ids.filter((_, i) => verdicts.of(i))
  }
  if (rest === null) return { ids, filters: [null], filterOf: null }
  const keys = [...tagKeysOf(rest)]
  const folded = yield* askGroups(catalog, table, ids, keys, (tag) => foldTags(rest, tag))
  const mayHold = (condition: Condition): boolean =>
    condition.kind !== 'constant' || condition.value === true
  const kept = ids.map((_, i) => (mayHold(folded.of(i)) ? 1 : 0))
  return {
    ids: ids.filter((_, i) => kept[i] === 1),
    filters: folded.answers.map((one) => (one.kind === 'constant' ? null : one)),
    filterOf: folded.groupOf.filter((_, i) => kept[i] === 1),
  }
}

interface GroupAnswers<T> {
  readonly groupOf: Uint32Array
  readonly answers: readonly T[]
  of(index: number): T
}

/** Groups decoded between two pauses. */
const STEP_GROUPS = 512

/** Asks once for each combination of values that the tags `keys` have. */
function* askGroups<T>(
  catalog: PlanCatalog,
  table: number,
  ids: Uint32Array,
  keys: readonly string[],
  ask: (tag: TagReader) => T,
): Execution<GroupAnswers<T>> {
  const { groupOf, firsts } = yield* catalog.groupSeries(table, ids, keys)
  const answers: T[] = []
  for (const first of firsts) {
    const tags = catalog.seriesTags(ids[first]!)
    answers.push(ask((key) => tags.get(key) ?? null))
    if (answers.length % STEP_GROUPS === 0) yield { pause: true }
  }
  return { groupOf, answers, of: (index) => answers[groupOf[index]!]! }
}

/** A series of the list; its tags are decoded when they are asked for. */
class ListedSeries implements PlanSeries {
  readonly id: number
  readonly rank: number
  readonly group: number
  readonly filter: Condition | null
  private readonly catalog: PlanCatalog

  constructor(
    catalog: PlanCatalog,
    id: number,
    rank: number,
    group: number,
    filter: Condition | null,
  ) {
    this.catalog = catalog
    this.id = id
    this.rank = rank
    this.group = group
    this.filter = filter
  }

  get tags(): ReadonlyMap<string, string> {
    return this.catalog.seriesTags(this.id)
  }
}

/** Some series of a plan as plain data; arrays go by index. */
export interface SharedSeries extends FoundSeries {
  readonly groups: Uint32Array
  readonly ranks: Uint32Array
}

/** The series of a plan. Iteration goes as they lie in parts, more or less, not by rank. */
export class SeriesList implements Iterable<PlanSeries> {
  readonly length: number
  readonly ids: Uint32Array
  private readonly catalog: PlanCatalog
  private readonly found: FoundSeries
  /** By rank, the index; null = ranks do not matter, and are 0. */
  private readonly order: Uint32Array | null
  /** Group of each series; null = its rank, or 0 where ranks do not matter. */
  private readonly groupOf: Uint32Array | null
  private readonly ranks: Uint32Array | null

  /** Arrays go by index; `order` and `groupOf` as below. `ranks` are what `order` says unless given. */
  constructor(
    catalog: PlanCatalog,
    found: FoundSeries,
    order: Uint32Array | null,
    groupOf: Uint32Array | null,
    ranks: Uint32Array | null = order === null ? null : inverse(order),
  ) {
    this.catalog = catalog
    this.found = found
    this.order = order
    this.groupOf = groupOf
    this.ids = found.ids
    this.length = found.ids.length
    this.ranks = ranks
  }

  /** What `share` gave, in another kernel: nobody asks for tags there, nor for a series by its rank. */
  static of({ groups, ranks, ...found }: SharedSeries): SeriesList {
    return new SeriesList(null as unknown as PlanCatalog, found, null, groups, ranks)
  }

  /** The series from one index to another. */
  share(from: number, to: number): SharedSeries {
    const { filters, filterOf } = this.found
    const groups = new Uint32Array(to - from)
    const ranks = new Uint32Array(to - from)
    this.place(this.indexes(from, to), groups, ranks)
    const ids = this.ids.slice(from, to)
    return { ids, filters, filterOf: filterOf?.slice(from, to) ?? null, groups, ranks }
  }

  /** May something be asked of the rows of some series? */
  get hasFilters(): boolean {
    return this.length > 0 && this.found.filters.some((filter) => filter !== null)
  }

  /** The series at an index, 0 to length. */
  at(index: number): PlanSeries {
    const { groupOf } = this
    const rank = this.ranks === null ? 0 : this.ranks[index]!
    const group = groupOf === null ? rank : groupOf[index]!
    return new ListedSeries(this.catalog, this.ids[index]!, rank, group, this.filterAt(index))
  }

  /** All indexes, or those from one to another. */
  indexes(from = 0, to = this.length): Uint32Array {
    const indexes = new Uint32Array(to - from)
    // Uint32Array.from takes 170 ns a member.
    for (let i = 0; i < indexes.length; i++) indexes[i] = from + i
    return indexes
  }

  /** Groups and ranks of the series at `indexes`. */
  place(indexes: Uint32Array, groups: Uint32Array, ranks: Uint32Array): void {
    const { groupOf } = this
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!
      ranks[i] = this.ranks === null ? 0 : this.ranks[index]!
      groups[i] = groupOf === null ? ranks[i]! : groupOf[index]!
    }
  }

  /** What is asked of the rows of the series at an index. */
  filterAt(index: number): Condition | null {
    const { filters, filterOf } = this.found
    return filters[filterOf === null ? 0 : filterOf[index]!]!
  }

  /** The series with a rank. Only where ranks matter. */
  byRank(rank: number): PlanSeries {
    return this.at(this.order === null ? rank : this.order[rank]!)
  }

  *[Symbol.iterator](): Generator<PlanSeries> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }

  /** From rank 0 on. */
  *ranked(): Generator<PlanSeries> {
    for (let rank = 0; rank < this.length; rank++) yield this.byRank(rank)
  }
}

/** How an answer is put together. */
export interface Grouping {
  /** Keys of `by` in byte order; null when the answer is by series. */
  readonly keys: readonly string[] | null
  /** All tag keys of the table. */
  readonly tagKeys: readonly string[]
  readonly needsRank: boolean
  /** Tags are shown after others have run: they are copied. */
  readonly keepsTags: boolean
}

/** Arranges series into groups, both in order. */
export function* arrangeSeries(
  catalog: PlanCatalog,
  table: number,
  found: FoundSeries,
  { keys, tagKeys, needsRank, keepsTags }: Grouping,
): Execution<{ series: SeriesList; groups: PlanGroups }> {
  const { ids } = found
  const isEach = keys === null || (keys.length > 0 && keys.length === tagKeys.length)
  const order = isEach || needsRank ? yield* catalog.orderSeries(table, ids, null) : null
  if (isEach) {
    const series = new SeriesList(catalog, found, order, null)
    return { series, groups: yield* groupsOf(catalog, pick(ids, order!), keys, keepsTags) }
  }
  if (keys.length === 0) {
    const groupOf = new Uint32Array(ids.length)
    const groups = { length: Math.min(1, ids.length), at: () => new Map<string, string | null>() }
    return { series: new SeriesList(catalog, found, order, groupOf), groups }
  }
  const grouped = yield* catalog.groupSeries(table, ids, keys)
  const members = pick(ids, grouped.firsts)
  const groupOrder = yield* catalog.orderSeries(table, members, keys)
  const places = inverse(groupOrder)
  const groupOf = grouped.groupOf.map((group) => places[group]!)
  const series = new SeriesList(catalog, found, order, groupOf)
  return { series, groups: yield* groupsOf(catalog, pick(members, groupOrder), keys, keepsTags) }
}

/** Groups by one series of each. */
function* groupsOf(
  catalog: PlanCatalog,
  members: Uint32Array,
  keys: readonly string[] | null,
  keepsTags: boolean,
): Execution<PlanGroups> {
  const { length } = members
  const kept = keepsTags ? yield* catalog.copyTags(members) : null
  if (keys === null && kept !== null) return { length, at: (group) => kept.at(group) }
  const tagsAt = (group: number): ReadonlyMap<string, string> =>
    kept === null ? catalog.seriesTags(members[group]!) : kept.at(group)
  if (keys === null) return { length, at: (group) => new Map(tagsAt(group)) }
  return {
    length,
    at: (group) => {
      const tags = tagsAt(group)
      return new Map(keys.map((key) => [key, tags.get(key) ?? null]))
    },
  }
}

function pick(values: Uint32Array, indexes: Uint32Array): Uint32Array {
  return indexes.map((index) => values[index]!)
}

function inverse(order: Uint32Array): Uint32Array {
  const places = new Uint32Array(order.length)
  for (let i = 0; i < order.length; i++) places[order[i]!] = i
  return places
}
