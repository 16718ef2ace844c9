// One question about one table over the shards that may have an answer: those whose slots and fences can
// hold its series and times. Adds up what reading took, so that limits hold in sum.

import type { Budget } from '../query/budget.ts'
import type { Plan, PlanColumn } from '../query/plan.ts'
import type { AnswerSeries, Query, QueryStats } from '../query/query.ts'
import type { FanOut } from './fan-out.ts'
import type { ReadAsk, ReadEnd, ReadPage, RowsPage, TableFacts } from './read-port.ts'
import { eachSeries, mergeStreams } from './series-stream.ts'
import { type ShardMap, type SlotRange, shardsFor } from './shard-map.ts'

export class TableReads {
  readonly plan: Plan
  readonly facts: TableFacts
  private readonly fan: FanOut
  private readonly budget: Budget
  /** Of all series that are asked for; null: any. */
  private readonly slots: SlotRange | null
  private readonly startedAt: bigint
  private readonly now: () => bigint
  private sum: QueryStats | null = null

  constructor(
    fan: FanOut,
    {
      plan,
      facts,
      budget,
      slots,
      now,
    }: {
      readonly plan: Plan
      readonly facts: TableFacts
      readonly budget: Budget
      readonly slots: SlotRange | null
      readonly now: () => bigint
    },
  ) {
    this.fan = fan
    this.plan = plan
    this.facts = facts
    this.budget = budget
    this.slots = slots
    this.now = now
    this.startedAt = now()
  }

  /** Shards that may have points in [start, end). */
  shards(start: bigint, end: bigint): string[] {
    return start < end ? shardsFor(this.fan.map, this.slots, start, end) : []
  }

  /** May a series have points in [start, end) in two shards? */
  isFenced(start: bigint, end: bigint): boolean {
    return overlap(this.fan.map, this.shards(start, end))
  }

  /** All pages of a read of the shards with points in [start, end), by shard. */
  async all<Page extends ReadPage>(
    what: ReadAsk['what'],
    start: bigint,
    end: bigint,
    hold: (page: Page) => void,
    query: Query = this.plan.query,
  ): Promise<Page[][]> {
    const ask = { query, shape: this.facts, what }
    return this.fan.readAll<Page>(this.shards(start, end), ask, (page) => {
      hold(page)
      if (page.end !== null) this.add(page.end)
    })
  }

  /** The points of [start, end) that the plan's `where` takes, as streams of the shards merged by series. */
  stream(query: Query, start: bigint, end: bigint): AsyncGenerator<AnswerSeries, void, undefined> {
    const ask = {
      query: { ...query, start, end },
      shape: this.facts,
      what: { kind: 'stream' },
    } as const
    const streams = this.shards(start, end).map((name) => this.fan.read<RowsPage>(name, ask))
    return mergeStreams(streams, query.order)
  }

  /**
   * The same, the chunks of a series together, with some fields (null: every point counts, whatever it
   * has); `places` are those of the plan's selected fields in the rows.
   */
  rows(
    fields: readonly PlanColumn[] | null,
    start: bigint,
    end: bigint,
  ): {
    readonly series: AsyncGenerator<AnswerSeries[], void, undefined>
    readonly places: readonly number[]
  } {
    const { plan, facts } = this
    const wanted = plan.fields.slice(0, plan.selectedCount)
    const names = fields === null ? facts.columns.map(({ name }) => name) : null
    const places = wanted.map(({ name }, i) => (names === null ? i : names.indexOf(name)))
    const query = rawQuery(plan.query, fields)
    return { series: eachSeries(this.stream(query, start, end)), places }
  }

  /** What all reads took so far. */
  stats(): QueryStats {
    const elapsedMs = Number(this.now() - this.startedAt) / 1e6
    return { ...(this.sum ?? NO_STATS), elapsedMs: Math.max(0, elapsedMs) }
  }

  private add({ stats, points }: ReadEnd): void {
    this.budget.scanned(points, 0)
    this.sum = this.sum === null ? stats : addStats(this.sum, stats)
  }
}

/** Raw points of fields, in the order of time, all of them. */
function rawQuery(query: Query, fields: readonly PlanColumn[] | null): Query {
  const select = fields?.map(({ name }, i) => ({
    name,
    text: name,
    pointer: `/select/${i}`,
    expression: { kind: 'column', name, quoted: true, text: name, position: 0 } as const,
  }))
  return {
    ...query,
    kind: 'range',
    select: select ?? null,
    ...{ by: null, every: null, fill: null, sampling: null, cursor: null },
    ...{ order: 'asc', limit: Infinity },
  }
}

/** Do slots of two of some shards overlap, so that a fence in time lies between them? */
function overlap({ entries }: ShardMap, names: readonly string[]): boolean {
  const asked = entries
    .filter(({ shard }) => names.includes(shard))
    .sort((a, b) => a.first - b.first)
  let end = 0
  for (const entry of asked) {
    if (entry.first < end) return true
    end = Math.max(end, entry.end)
  }
  return false
}

function addStats(a: QueryStats, b: QueryStats): QueryStats {
  return {
    elapsedMs: Math.max(a.elapsedMs, b.elapsedMs),
    series: a.series + b.series,
    blocks: a.blocks + b.blocks,
    blocksSkipped: a.blocksSkipped + b.blocksSkipped,
    blocksFromSummary: a.blocksFromSummary + b.blocksFromSummary,
    blocksDecoded: a.blocksDecoded + b.blocksDecoded,
    bytesRead: a.bytesRead + b.bytesRead,
    index: {
      pieces: a.index.pieces + b.index.pieces,
      maxError: Math.max(a.index.maxError, b.index.maxError),
    },
    rollup: a.rollup ?? b.rollup,
  }
}

/** Of reading nothing. */
export const NO_STATS: QueryStats = {
  elapsedMs: 0,
  series: 0,
  blocks: 0,
  blocksSkipped: 0,
  blocksFromSummary: 0,
  blocksDecoded: 0,
  bytesRead: 0,
  index: { pieces: 0, maxError: 0 },
  rollup: null,
}
