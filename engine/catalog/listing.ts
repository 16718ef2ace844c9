// Pages of names: the series of a table and the values of a tag, cut by limit and cursor. A cursor
// is the last entry of the page before, so pages stay right while series come and go.

import { OmenError } from '../error.ts'
import { decodeOpaque, encodeOpaque } from '../opaque.ts'
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

/** The next page of series; `all` is in the order of `compareTags`. */
export function pageSeries(
  all: readonly ReadonlyMap<string, string>[],
  options: PageOptions,
): SeriesPage {
  const after = readCursor(options.cursor, isPairs)
  const rest = after === null ? all : all.filter((tags) => compareTags(tags, after) > 0)
  const page = rest.slice(0, limitOf(options))
  const last = page.at(-1)
  const isWhole = page.length === rest.length || last === undefined
  return {
    series: page.map((tags) => ({ tags: Object.fromEntries(tags) })),
    cursor: isWhole ? null : encodeOpaque([...last]),
  }
}

/** The next page of values; `all` is in byte order. */
export function pageValues(all: readonly string[], options: PageOptions): ValuesPage {
  const after = readCursor(options.cursor, isText)
  const rest = after === null ? all : all.filter((value) => compareText(value, after) > 0)
  const page = rest.slice(0, limitOf(options))
  const last = page.at(-1)
  const isWhole = page.length === rest.length || last === undefined
  return { values: page, cursor: isWhole ? null : encodeOpaque(last) }
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
