// Streams of several shards as one: series in their order, the points of each in the order of time. A
// series that a fence cuts has its older points in one shard and its newer ones in another, so of the
// chunks that lie at the heads of the streams the first one of the first series is the next.

import { compareTags } from '../catalog/tags.ts'
import type { AnswerSeries } from '../query/query.ts'
import type { RowsPage } from './read-port.ts'
import { seriesOfPage } from './row-page.ts'

interface Head {
  readonly chunks: AsyncIterator<AnswerSeries>
  chunk: AnswerSeries
}

/** All chunks of some streams, each of which is in order; in time `order`. Ends them with itself. */
export async function* mergeStreams(
  streams: readonly AsyncIterable<RowsPage>[],
  order: 'asc' | 'desc',
): AsyncGenerator<AnswerSeries, void, undefined> {
  const all = streams.map((pages) => chunksOf(pages))
  try {
    const first = await Promise.all(all.map((chunks) => chunks.next()))
    const heads = first.flatMap((one, i): Head[] => {
      return one.done === true ? [] : [{ chunks: all[i]!, chunk: one.value }]
    })
    while (heads.length > 0) {
      const head = heads.reduce((a, b) => (isBefore(b.chunk, a.chunk, order) ? b : a))
      yield head.chunk
      const next = await head.chunks.next()
      if (next.done === true) heads.splice(heads.indexOf(head), 1)
      else head.chunk = next.value
    }
  } finally {
    await Promise.all(all.map((chunks) => chunks.return()))
  }
}

/** The chunks of each series together. */
export async function* eachSeries(
  chunks: AsyncIterable<AnswerSeries>,
): AsyncGenerator<AnswerSeries[], void, undefined> {
  let series: AnswerSeries[] = []
  for await (const chunk of chunks) {
    if (series.length > 0 && compareTags(series[0]!.tags, chunk.tags) !== 0) {
      yield series
      series = []
    }
    series.push(chunk)
  }
  if (series.length > 0) yield series
}

async function* chunksOf(
  pages: AsyncIterable<RowsPage>,
): AsyncGenerator<AnswerSeries, void, undefined> {
  for await (const page of pages) yield* seriesOfPage(page)
}

function isBefore(a: AnswerSeries, b: AnswerSeries, order: 'asc' | 'desc'): boolean {
  const tags = compareTags(a.tags, b.tags)
  if (tags !== 0) return tags < 0
  return order === 'desc' ? a.time[0]! > b.time[0]! : a.time[0]! < b.time[0]!
}
