// A partial on its way: the records and strings of an aggregation, with the tags of the groups and series
// that its numbers stand for, in pages. Whoever gets them gives groups and series numbers of his own
// before he joins them.

import type { Aggregator, AggregatePartial } from '../query/partial.ts'
import type { Plan } from '../query/plan.ts'
import { Pace } from '../query/pace.ts'
import type { Execution } from '../step.ts'
import { PAGE_BYTES, type PartialPage, type ReadEnd, type WireTags } from './read-port.ts'

/** Tags of one page. */
const TAGS_MAX = 16_384

const NO_BYTES = new Uint8Array()
const NO_NUMBERS = new Uint32Array()

/** A partial with the tags that its numbers stand for. */
export interface TaggedPartial extends AggregatePartial {
  readonly recordBytes: number
  /** Numbers of groups that records have, ascending, and their tags. */
  readonly groups: Uint32Array
  readonly groupTags: readonly WireTags[]
  /** The same of ranks of series. */
  readonly ranks: Uint32Array
  readonly rankTags: readonly WireTags[]
}

/** What an aggregator has, with the tags of its plan. */
export function* tagPartial(aggregator: Aggregator, plan: Plan): Execution<TaggedPartial> {
  const partial = aggregator.partial()
  const pace = new Pace()
  const groups = new Set<number>()
  const ranks = new Set<number>()
  const words = new Uint32Array(partial.records.buffer)
  const { rankPlaces } = aggregator
  const recordWords = aggregator.recordBytes >>> 2
  yield* pace.over(partial.count, (from, to) => {
    for (let at = from * recordWords; at < to * recordWords; at += recordWords) {
      groups.add(words[at]!)
      for (const { count, rank } of rankPlaces) {
        if (words[at + count] !== 0 || words[at + count + 1] !== 0) ranks.add(words[at + rank]!)
      }
    }
  })
  const groupNumbers = Uint32Array.from(groups).sort()
  const rankNumbers = Uint32Array.from(ranks).sort()
  const groupTags: WireTags[] = []
  for (const group of groupNumbers) {
    groupTags.push([...plan.groups.at(group)])
    yield* pace.after(16)
  }
  const rankTags: WireTags[] = []
  for (const rank of rankNumbers) {
    rankTags.push([...plan.series.byRank(rank).tags])
    yield* pace.after(16)
  }
  const { recordBytes } = aggregator
  return { ...partial, recordBytes, groups: groupNumbers, groupTags, ranks: rankNumbers, rankTags }
}

/** A partial in pages; the last one has `end`. */
export function* pagesOfPartial(partial: TaggedPartial, end: ReadEnd): Generator<PartialPage> {
  const { records, recordBytes, arena, groups, groupTags, ranks, rankTags } = partial
  const pages = Math.max(
    1,
    Math.ceil((records.length + arena.length) / PAGE_BYTES),
    Math.ceil(Math.max(groups.length, ranks.length) / TAGS_MAX),
  )
  const cut = (length: number, page: number): [number, number] => [
    Math.floor((length * page) / pages),
    Math.floor((length * (page + 1)) / pages),
  ]
  for (let page = 0; page < pages; page++) {
    const isLast = page === pages - 1
    yield {
      kind: 'partial',
      isLast,
      recordBytes,
      records: records.slice(...cut(records.length, page)),
      arena: arena.slice(...cut(arena.length, page)),
      groups: groups.slice(...cut(groups.length, page)),
      groupTags: groupTags.slice(...cut(groups.length, page)),
      ranks: ranks.slice(...cut(ranks.length, page)),
      rankTags: rankTags.slice(...cut(ranks.length, page)),
      end: isLast ? end : null,
    }
  }
}

/** The twin of pagesOfPartial. */
export function joinPages(pages: readonly PartialPage[]): TaggedPartial {
  const { recordBytes } = pages[0]!
  const records = joinBytes(pages.map((page) => page.records))
  return {
    count: records.length / recordBytes,
    recordBytes,
    records,
    arena: joinBytes(pages.map((page) => page.arena)),
    groups: joinNumbers(pages.map((page) => page.groups)),
    groupTags: pages.flatMap((page) => page.groupTags),
    ranks: joinNumbers(pages.map((page) => page.ranks)),
    rankTags: pages.flatMap((page) => page.rankTags),
  }
}

/** Puts other numbers in the place of a partial's groups and ranks, in place; arrays go with its own. */
export function* renumber(
  { count, records, groups, ranks }: TaggedPartial,
  { recordBytes, rankPlaces }: Aggregator,
  newGroups: Uint32Array,
  newRanks: Uint32Array,
): Execution<void> {
  const words = new Uint32Array(records.buffer, records.byteOffset, records.length >>> 2)
  const recordWords = recordBytes >>> 2
  const groupOf = new Map<number, number>()
  groups.forEach((group, i) => groupOf.set(group, newGroups[i]!))
  const rankOf = new Map<number, number>()
  ranks.forEach((rank, i) => rankOf.set(rank, newRanks[i]!))
  yield* new Pace().over(count, (from, to) => {
    for (let at = from * recordWords; at < to * recordWords; at += recordWords) {
      words[at] = groupOf.get(words[at]!)!
      for (const { rank } of rankPlaces) {
        words[at + rank] = rankOf.get(words[at + rank]!) ?? 0
      }
    }
  })
}

function joinBytes(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function joinNumbers(parts: readonly Uint32Array[]): Uint32Array {
  if (parts.length === 1) return parts[0]!
  const joined = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** A partial of nothing. */
export const EMPTY_PAGE: Omit<PartialPage, 'end'> = {
  kind: 'partial',
  isLast: true,
  recordBytes: 1,
  ...{ records: NO_BYTES, arena: NO_BYTES },
  ...{ groups: NO_NUMBERS, groupTags: [], ranks: NO_NUMBERS, rankTags: [] },
}
