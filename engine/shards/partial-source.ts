// The buckets of a query over several shards: each aggregates its own points, and the kernel here joins
// their partials. Groups get their numbers as they come, series their ranks by tags. What goes from one
// point of a series to the next cannot be joined where a fence in time lies between two: then the rows come
// here, series by series, and are aggregated here.

import { bucketBoundaries, bucketRule, bucketWidth } from '../buckets.ts'
import { TIME_MAX } from '../calendar.ts'
import { type TagPair, comparePairs, presentTags } from '../catalog/tags.ts'
import type { KernelInstance } from '../kernel.ts'
import { type Budget } from '../query/budget.ts'
import type { AggregatedRange, BucketSource } from '../query/downsample.ts'
import { featuresOf, needsNeighbours } from '../query/feature.ts'
import type { Grid } from '../query/grid.ts'
import { Aggregator, type AggregateRows } from '../query/partial.ts'
import { Pace } from '../query/pace.ts'
import type { Plan } from '../query/plan.ts'
import type { PlanGroups } from '../query/plan-series.ts'
import type { AnswerSeries, QueryStats } from '../query/query.ts'
import type { Output } from '../query/selection.ts'
import type { Execution } from '../step.ts'
import { type TaggedPartial, joinPages, renumber } from './partial-page.ts'
import type { PartialPage, WireTags } from './read-port.ts'
import { CHUNK_ROWS, RowChunk } from './row-chunk.ts'
import type { TableReads } from './table-reads.ts'

/** Groups in the order in which they came. */
class GroupNumbers implements PlanGroups {
  private readonly numbers = new Map<string, number>()
  private readonly tags: WireTags[] = []

  get length(): number {
    return this.tags.length
  }

  at(group: number): Map<string, string | null> {
    return new Map(this.tags[group]!)
  }

  of(tags: WireTags): number {
    const key = JSON.stringify(tags)
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    this.numbers.set(key, this.tags.length)
    return this.tags.push(tags) - 1
  }
}

export class PartialSource implements BucketSource {
  readonly plan: Plan
  readonly isOrdered = false
  private readonly instance: KernelInstance
  private readonly budget: Budget
  private readonly reads: TableReads
  private readonly groups = new GroupNumbers()

  /** For the plan of `reads`. */
  constructor(instance: KernelInstance, budget: Budget, reads: TableReads) {
    this.instance = instance
    this.budget = budget
    this.reads = reads
    this.plan = { ...reads.plan, groups: this.groups }
  }

  timeRange(): [bigint, bigint] {
    const { minTime, maxTime } = this.reads.facts
    return [minTime, maxTime]
  }

  stats(): QueryStats {
    return this.reads.stats()
  }

  *aggregate(range: AggregatedRange): Execution<AggregateRows> {
    const { reads, plan } = this
    const features = featuresOf(range.outputs, plan.selectedCount)
    const from = range.seedsFrom ?? range.start
    const goesOn = features.some(needsNeighbours) && reads.isFenced(from, range.end)
    const aggregator = goesOn ? yield* this.ofRows(range) : yield* this.ofPartials(range)
    try {
      return yield* aggregator.resultSteps()
    } finally {
      aggregator.release()
    }
  }

  /** Joins the partials of all shards. */
  private *ofPartials(range: AggregatedRange): Execution<Aggregator> {
    const { reads, budget } = this
    const what = { kind: 'aggregate', range } as const
    const from = range.seedsFrom ?? range.start
    let held = 0
    const hold = (page: PartialPage): void => {
      const bytes = page.records.length + page.arena.length
      budget.holds(bytes)
      held += bytes
    }
    let found: PartialPage[][] = []
    yield {
      wait: reads.all<PartialPage>(what, from, range.end, hold).then((pages) => (found = pages)),
    }
    const partials = found.map((pages) => joinPages(pages)).filter(({ count }) => count > 0)
    const grid = yield* this.gridOfPartials(partials)
    const aggregator = this.aggregatorOf(grid, range.outputs)
    let isFilled = false
    try {
      const ranks = ranksOf(partials)
      for (const partial of partials) {
        const groups = Uint32Array.from(partial.groupTags, (tags) => this.groups.of(tags))
        yield* renumber(partial, aggregator, groups, ranks(partial))
        yield* aggregator.merge(partial)
      }
      isFilled = true
    } finally {
      budget.holds(-held)
      if (!isFilled) aggregator.release()
    }
    return aggregator
  }

  /** Aggregates the rows of all shards, one series after the other. */
  private *ofRows(range: AggregatedRange): Execution<Aggregator> {
    const { reads, plan } = this
    const from = range.seedsFrom ?? range.start
    const fields = plan.fields.slice(0, plan.selectedCount)
    const { minTime, maxTime } = reads.facts
    // Points that came since are for the next query.
    const end = range.end <= maxTime ? range.end : maxTime + 1n
    const grid = yield* this.gridOf(range.start > minTime ? range.start : minTime, end)
    const aggregator = this.aggregatorOf(grid, range.outputs)
    const chunk = new RowChunk(
      this.instance.memory,
      fields.map(({ type }) => type),
    )
    const { series, places } = reads.rows(plan.countsRows ? null : fields, from, end)
    let isFilled = false
    try {
      for (let rank = 0; ; rank++) {
        let chunks: AnswerSeries[] | null = null
        yield {
          wait: series.next().then((next) => (chunks = next.done === true ? null : next.value)),
        }
        if (chunks === null) break
        yield* this.addSeries(aggregator, chunk, places, chunks, { rank, start: range.start })
      }
      isFilled = true
    } finally {
      chunk.release()
      void series.return()
      if (!isFilled) aggregator.release()
    }
    return aggregator
  }

  /** Adds the rows of a series from `start` on; those before are what its first difference begins with. */
  private *addSeries(
    aggregator: Aggregator,
    chunk: RowChunk,
    places: readonly number[],
    chunks: readonly AnswerSeries[],
    { rank, start }: { readonly rank: number; readonly start: bigint },
  ): Execution<void> {
    const { budget } = this
    const tags = chunks[0]!.tags
    const keys = this.plan.groupKeys ?? []
    const group = this.groups.of(keys.map((key) => [key, tags.get(key) ?? null] as const))
    const pieces = chunks.flatMap((one) => cut(one, start))
    const before = pieces.filter(({ isBefore }) => isBefore).reverse()
    for (const { rows, from, to } of before) {
      chunk.load(rows, places, from, to)
      if (!aggregator.seed(chunk, 0)) break
    }
    let added = false
    for (const { rows, from, to, isBefore } of pieces) {
      if (isBefore) continue
      chunk.load(rows, places, from, to)
      aggregator.chunk({ group, rank }, chunk, 0, null)
      added = true
      budget.scanned(to - from, (to - from) * (places.length + 1))
      if (budget.isSpent) yield* budget.breathe()
    }
    // Also what it began with is forgotten then.
    if (added || before.length > 0) aggregator.seriesEnd()
  }

  private aggregatorOf(grid: Grid, outputs: readonly Output[]): Aggregator {
    const { plan, budget, instance } = this
    return new Aggregator(instance, {
      fields: plan.fields.slice(0, plan.selectedCount),
      outputs,
      grid,
      maxBuckets: plan.query.limits.maxBuckets,
      holds: (bytes) => budget.holds(bytes),
    })
  }

  /** The grid that has the buckets of all records. */
  private *gridOfPartials(partials: readonly TaggedPartial[]): Execution<Grid> {
    const rule = bucketRule(this.plan.query)
    if (rule === null || bucketWidth(rule) !== null) return yield* this.gridOf(0n, 0n)
    let [first, last] = [TIME_MAX, -TIME_MAX]
    const pace = new Pace()
    for (const { records, count } of partials) {
      if (count === 0) continue
      const words = new BigInt64Array(records.buffer, records.byteOffset, records.length >>> 3)
      const size = words.length / count
      yield* pace.over(count, (from, to) => {
        for (let at = from * size + 1; at < to * size; at += size) {
          const bucket = words[at]!
          if (bucket < first) first = bucket
          if (bucket > last) last = bucket
        }
      })
    }
    return yield* this.gridOf(first, last + 1n)
  }

  /** The grid for buckets of [start, end). */
  private *gridOf(start: bigint, end: bigint): Execution<Grid> {
    const { query } = this.plan
    const rule = bucketRule(query)
    if (rule === null) {
      return query.end === null || query.end > TIME_MAX
        ? { kind: 'one' }
        : { kind: 'one', end: query.end }
    }
    const width = bucketWidth(rule)
    if (width !== null) return { kind: 'fixed', origin: rule.origin, width }
    const boundaries = start < end ? yield* bucketBoundaries(rule, start, end) : []
    // Without points any table will do.
    return {
      kind: 'boundaries',
      boundaries: boundaries.length > 0 ? (boundaries as BigInt64Array) : new BigInt64Array(1),
    }
  }
}

interface Piece {
  readonly rows: AnswerSeries
  readonly from: number
  readonly to: number
  readonly isBefore: boolean
}

/** Rows in pieces of a chunk at most, none of which goes over `start`. */
function cut(rows: AnswerSeries, start: bigint): Piece[] {
  const { length } = rows.time
  let low = 0
  for (let high = length; low < high;) {
    const middle = (low + high) >>> 1
    if (rows.time[middle]! < start) low = middle + 1
    else high = middle
  }
  const pieces: Piece[] = []
  for (const [begin, end, isBefore] of [
    [0, low, true],
    [low, length, false],
  ] as const) {
    for (let from = begin; from < end; from += CHUNK_ROWS) {
      pieces.push({ rows, from, to: Math.min(end, from + CHUNK_ROWS), isBefore })
    }
  }
  return pieces
}

/** Ranks of the series that are named in any partial, in the order of their tags. */
function ranksOf(partials: readonly TaggedPartial[]): (partial: TaggedPartial) => Uint32Array {
  const known = new Map<string, TagPair[]>()
  const keyOf = (tags: WireTags): string => JSON.stringify(tags)
  for (const { rankTags } of partials) {
    for (const tags of rankTags) known.set(keyOf(tags), presentTags(tags))
  }
  const ordered = [...known].sort(([, a], [, b]) => comparePairs(a, b))
  const ranks = new Map(ordered.map(([key], rank) => [key, rank]))
  return ({ rankTags }) => Uint32Array.from(rankTags, (tags) => ranks.get(keyOf(tags))!)
}
