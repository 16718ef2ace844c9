// Pages of names: the series of a table and the values of a tag, cut by limit and cursor. A cursor
// is the last entry of the page before, so pages stay right while series come and go.

import { OmenError } from '../error.ts'
import { decodeOpaque, encodeOpaque } from '../opaque.ts'
import type { PlanCatalog } from '../query/plan.ts'
import type { Execution } from '../step.ts'
import { compareTags, compareText } from './tags.ts'

export interface SeriesPage {
  readonly series: { tags: Record<string, string> }[]
  readonly cursor: string | null
}

export interface ValuesPage {
  readonly values: string[]
  readonly cursor: string | null
}

interface PageOptions {
  readonly limit?: number | undefined
  readonly cursor?: string | null | undefined
}

/** Entries of one page, by default and at most. */
export const PAGE_MAX = 10_000

/** What is listed: things in order, of which only those of a page are looked at. */
export interface Ordered<T> {
  readonly length: number
  at(index: number): T
}

/** The next page of series; `all` is in the order of `compareTags`. */
export function pageSeries(
  all: Ordered<ReadonlyMap<string, string | null>>,
  options: PageOptions,
): SeriesPage {
  const { entries, isWhole } = pageOrdered(all, seriesAfter(options.cursor), limitOf(options))
  const last = entries.at(-1)
  return {
    series: entries.map((tags) => ({ tags: Object.fromEntries(tags) as Record<string, string> })),
    cursor: isWhole || last === undefined ? null : cursorAfter([...last]),
  }
}

/** The next page of values; `all` is in byte order. */
export function pageValues(all: Ordered<string>, options: PageOptions): ValuesPage {
  const { entries, isWhole } = pageOrdered(all, valuesAfter(options.cursor), limitOf(options))
  const last = entries.at(-1)
  return { values: entries, cursor: isWhole || last === undefined ? null : cursorAfter(last) }
}

/** The cursor of a page whose last entry is this one. */
export function cursorAfter(last: string | readonly (readonly [string, string | null])[]): string {
  return encodeOpaque(last)
}

/** Which series come behind a cursor. Throws `bad_request` for one of another list. */
export function seriesAfter(
  cursor: string | null | undefined,
): (tags: ReadonlyMap<string, string | null>) => boolean {
  const after = readCursor(cursor, isPairs)
  return (tags) => after === null || compareTags(tags, after) > 0
}

/** The same of values of a tag. */
export function valuesAfter(cursor: string | null | undefined): (value: string) => boolean {
  const after = readCursor(cursor, isText)
  return (value) => after === null || compareText(value, after) > 0
}

/** The entries from the first that `isBehind` on, as many as asked for; `isWhole`: no others are left. */
export function pageOrdered<T>(
  all: Ordered<T>,
  isBehind: (entry: T) => boolean,
  limit: number,
): { entries: T[]; isWhole: boolean } {
  let from = 0
  let to = all.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (isBehind(all.at(middle))) to = middle
    else from = middle + 1
  }
  const end = Math.min(all.length, from + limit)
  const entries = Array.from({ length: end - from }, (_, i) => all.at(from + i))
  return { entries, isWhole: end === all.length }
}

/** Distinct values of a tag over series of a table, in byte order. */
export function* orderedValues(
  catalog: PlanCatalog,
  table: number,
  ids: Uint32Array,
  key: string,
): Execution<Ordered<string>> {
  const { firsts } = yield* catalog.groupSeries(table, ids, [key])
  const members = firsts.map((first) => ids[first]!)
  const order = yield* catalog.orderSeries(table, members, [key])
  const valueAt = (place: number): string | undefined =>
    catalog.seriesTags(members[order[place]!]!).get(key)
  // Series without the tag come first, if there are any.
  const skipped = order.length > 0 && valueAt(0) === undefined ? 1 : 0
  return { length: order.length - skipped, at: (index) => valueAt(index + skipped) ?? '' }
}

function limitOf({ limit = PAGE_MAX }: PageOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX) return limit
  throw new OmenError('bad_request', `limit: ${limit} is not between 1 and ${PAGE_MAX}`, {
    pointer: '/limit',
  })
}

function readCursor<T>(
  text: string | null | undefined,
  isEntry: (value: unknown) => value is T,
): T | null {
  if (text === null || text === undefined) return null
  const entry = decodeOpaque(text)
  if (isEntry(entry)) return entry
  throw new OmenError('bad_request', 'cursor: it is not one that this route gave', {
    pointer: '/cursor',
  })
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isPairs(value: unknown): value is [string, string][] {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText))
  )
}
