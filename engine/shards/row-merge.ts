// Rows of several shards as the series of one answer: those of a series that has points in two of them
// become one, and of the newest points of a series or group the newest stays.

import { comparePairs, compareTags, presentTags } from '../catalog/tags.ts'
import type { AnswerSeries, ValueType } from '../query/query.ts'
import { joinTimes, joinVectors, reverseVector } from '../query/vector.ts'
import type { RowsPage, WireTags } from './read-port.ts'
import { seriesOfPage } from './row-page.ts'

/** Series in order, each ascending, of pages whose rows are in `order`. */
export function mergeRows(
  pages: readonly RowsPage[],
  types: readonly ValueType[],
  order: 'asc' | 'desc',
): AnswerSeries[] {
  const found = new Map<string, AnswerSeries[]>()
  for (const series of pages.flatMap(seriesOfPage)) {
    if (order === 'desc') reverse(series)
    const key = JSON.stringify([...series.tags])
    const known = found.get(key)
    if (known === undefined) found.set(key, [series])
    else known.push(series)
  }
  const merged = [...found.values()].map((pieces) => joinSeries(pieces, types))
  return merged.sort((a, b) => compareTags(a.tags, b.tags))
}

/** Pieces of one series that share no time, each ascending, as one. */
export function joinSeries(pieces: AnswerSeries[], types: readonly ValueType[]): AnswerSeries {
  if (pieces.length === 1) return pieces[0]!
  pieces.sort((a, b) => (a.time[0]! < b.time[0]! ? -1 : 1))
  return {
    tags: pieces[0]!.tags,
    time: joinTimes(pieces.map(({ time }) => time)),
    fields: types.map((type, i) => {
      return joinVectors(
        type,
        pieces.map(({ fields }) => fields[i]!),
      )
    }),
  }
}

/** The newest row of each series or group; of equal times that of the first series is the newest. */
export function mergeNewest(pages: readonly RowsPage[]): AnswerSeries[] {
  const best = new Map<string, { series: AnswerSeries; owner: WireTags | null }>()
  for (const page of pages) {
    for (const [i, series] of seriesOfPage(page).entries()) {
      const owner = page.owners?.[i] ?? null
      const key = JSON.stringify([...series.tags])
      const known = best.get(key)
      if (known === undefined || isNewer(series, owner, known.series, known.owner)) {
        best.set(key, { series, owner })
      }
    }
  }
  return [...best.values()].map(({ series }) => series).sort((a, b) => compareTags(a.tags, b.tags))
}

function isNewer(
  a: AnswerSeries,
  owner: WireTags | null,
  b: AnswerSeries,
  other: WireTags | null,
): boolean {
  if (a.time[0]! !== b.time[0]!) return a.time[0]! > b.time[0]!
  if (owner === null || other === null) return false
  return comparePairs(presentTags(owner), presentTags(other)) < 0
}

function reverse({ time, fields }: AnswerSeries): void {
  time.reverse()
  for (const field of fields) reverseVector(field)
}
