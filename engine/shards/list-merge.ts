// Pages of names from several shards as one page: the first of all of them, each once, with the cursor
// that one database would give.

import { cursorAfter, type SeriesPage, type ValuesPage } from '../catalog/listing.ts'
import { compareTags, compareText } from '../catalog/tags.ts'
import type { ListPage, WireTags } from './read-port.ts'

/** The next page of series, from the next `limit` of each shard. */
export function mergeSeriesPages(pages: readonly ListPage[], limit: number): SeriesPage {
  const all = pages.map((page) => page.series)
  const { entries, hasMore } = merge(pages, all, limit, compareTags)
  const last = entries.at(-1)
  return {
    series: entries.map((tags) => ({ tags: Object.fromEntries(tags) as Record<string, string> })),
    cursor: hasMore && last !== undefined ? cursorAfter([...last]) : null,
  }
}

/** The next page of values of a tag. */
export function mergeValuePages(pages: readonly ListPage[], limit: number): ValuesPage {
  const all = pages.map((page) => page.values)
  const { entries, hasMore } = merge(pages, all, limit, compareText)
  const last = entries.at(-1)
  return { values: entries, cursor: hasMore && last !== undefined ? cursorAfter(last) : null }
}

function merge<T extends string | WireTags>(
  pages: readonly ListPage[],
  lists: readonly (readonly T[])[],
  limit: number,
  compare: (a: T, b: T) => number,
): { entries: T[]; hasMore: boolean } {
  const sorted = lists.flat().sort(compare)
  const distinct = sorted.filter((one, i) => i === 0 || compare(sorted[i - 1]!, one) !== 0)
  const hasMore = distinct.length > limit || pages.some(({ isLast }) => !isLast)
  return { entries: distinct.slice(0, limit), hasMore }
}
