// A table followed live: the points of each batch that becomes visible, or with `every` the buckets that
// it changed, as whole as a query answers them now. An event has the lsn of its batch, where a later tail
// goes on; where it cannot, it says `gap`. Reads at the pace of whoever iterates; writers never wait.

import { type BucketRule, bucketRule } from '../buckets.ts'
import type { DatabaseOptions } from '../database-types.ts'
import { OmenError } from '../error.ts'
import type { CancelSignal } from '../query/cancel.ts'
import { planSteps } from '../query/plan.ts'
import type { Answer, AnswerColumn, AnswerSeries, Query, QueryRequest } from '../query/query.ts'
import { type BatchReader, readBatch } from './batch-source.ts'
import { type Feed, type FeedEntry, type Follower, type PointsEvent, bytesOfEntry } from './feed.ts'
import { type TailPosition, decodeTailId, encodeTailId } from './tail-id.ts'
import { Touched, reachOf } from './touched.ts'

/** What to follow: raw points, or with `every` buckets of aggregates. */
export type TailRequest = Pick<QueryRequest, 'table' | 'where' | 'select' | 'by' | 'every'>

export interface TailOptions extends DatabaseOptions {
  /** The `lsn` of the last event that was taken; without it, from now on. */
  readonly after?: bigint | undefined
  /**
   * `history` of the tail that gave `after`. Lsns of another database (one in memory that started again,
   * a restored one) say nothing here: then the tail begins with a gap.
   */
  readonly history?: string | undefined
  /** The id of the last event that was taken, in place of both; of what is no id, the tail begins with a gap. */
  readonly lastEventId?: string | undefined
  readonly signal?: CancelSignal | undefined
  /** Events of points may be those of other tails that ask the same: whoever takes them does not change them. */
  readonly shares?: boolean | undefined
  /** Resolves when there is room for an event; until then no more of them are read than the feed has room for. */
  readonly admit?: ((event: TailEvent) => Promise<void>) | undefined
  /** Is told when the tail was left behind while nobody waited for its next event. */
  readonly behind?: (() => void) | undefined
}

export type TailEvent =
  | PointsEvent
  | {
      readonly kind: 'buckets'
      readonly lsn: bigint
      readonly columns: AnswerColumn[]
      readonly series: AnswerSeries[]
    }
  | {
      /** `missed`: what lies between is not known any more; `deleted`: buckets that were told changed. */
      readonly kind: 'gap'
      readonly lsn: bigint
      readonly reason: 'missed' | 'deleted'
    }

/** Events as they come, at the pace of whoever iterates. */
export interface TailStream extends AsyncIterableIterator<TailEvent> {
  /** How far the reader has come: `lastEventId` of a tail that goes on there. */
  readonly id: string
  /** The same once the event that came last is taken. */
  idOf(event: TailEvent): string
  return(): Promise<IteratorResult<TailEvent>>
}

/** What a tail needs of a shard and its database. */
export interface TailTarget extends BatchReader {
  readonly feed: Feed
  readonly host: { now(): bigint; pause(): Promise<void> }
}

export interface TailQueries {
  /** A checked query, of now. */
  parse(request: QueryRequest): Query
  answer(query: Query): Promise<Answer>
}

/** No feed reaches it. */
export const BEFORE_ALL = -1n

/** Batches whose buckets are read together. */
export const BATCHES_MAX = 64

/** Begins to follow. Throws what a query of the same members throws, and `busy`. */
export async function openTail(
  target: TailTarget,
  request: TailRequest,
  queries: TailQueries,
  options: TailOptions,
): Promise<Tail> {
  const tail = new Tail(target, request, queries, options)
  await tail.check()
  return tail
}

export class Tail implements TailStream, Follower {
  private readonly target: TailTarget
  private readonly request: TailRequest
  private readonly queries: TailQueries
  private readonly options: TailOptions
  private readonly rule: BucketRule | null
  private readonly generation: number
  private taken: bigint
  /** Of the event that was given last: taken when the next one is asked for. */
  private given: bigint | null = null
  private deletes: number | null = null
  private isClosed = false
  private isWaiting = false
  private hasNews = false
  private waiter: (() => void) | null = null
  private readonly close = (): void => void this.return()

  /** Use openTail. */
  constructor(
    target: TailTarget,
    request: TailRequest,
    queries: TailQueries,
    options: TailOptions,
  ) {
    this.target = target
    this.request = request
    this.queries = queries
    this.options = options
    this.rule = tailRule(queries.parse(request))
    target.feed.join(this)
    this.generation = target.feed.generation
    this.taken = this.begin()
    options.signal?.addEventListener('abort', this.close, { once: true })
    if (options.signal?.aborted === true) this.close()
  }

  /** Names the database that the lsns are of: eight hexadecimal digits, the same after a restart. */
  get history(): string {
    return this.target.feed.history
  }

  get id(): string {
    return this.idAt(this.taken)
  }

  idOf({ lsn }: TailEvent): string {
    return this.idAt(lsn)
  }

  /** All up to this lsn was taken; events with greater ones come. */
  get position(): bigint {
    return this.taken
  }

  private idAt(lsn: bigint): string {
    return encodeTailId([{ lsn, history: this.history }])
  }

  /** Behind what was taken by the time before. */
  private begin(): bigint {
    const { after = this.target.feed.newest, history = this.history, lastEventId } = this.options
    if (lastEventId !== undefined) return lsnOf(decodeTailId(lastEventId), this.history)
    return history === this.history ? after : BEFORE_ALL
  }

  /** Throws what planning the query throws; then nothing is followed. */
  async check(): Promise<void> {
    try {
      const query = this.queries.parse(this.request)
      const { catalog } = this.target
      await this.target.run(planSteps(query, catalog, { keepsTags: false }))
      this.deletes = this.deletesNow(query)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The next event, once there is one. Throws `not_found` when the table was dropped, `unavailable`. */
  async next(): Promise<IteratorResult<TailEvent>> {
    if (this.given !== null) this.taken = this.given
    this.given = null
    this.isWaiting = true
    try {
      while (!this.isClosed) {
        this.hasNews = false
        const event = await this.step()
        if (event === null) await this.news()
        else if (!this.isClosed) {
          this.given = event.lsn
          return { done: false, value: event }
        }
      }
      return { done: true, value: undefined }
    } catch (error) {
      this.close()
      throw error
    } finally {
      this.isWaiting = false
    }
  }

  /** Follows no more; whoever waits gets the end. */
  return(): Promise<IteratorResult<TailEvent>> {
    this.isClosed = true
    this.target.feed.leave(this)
    this.options.signal?.removeEventListener('abort', this.close)
    this.wake()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  wake(): void {
    this.hasNews = true
    this.waiter?.()
    this.waiter = null
  }

  fellBehind(): void {
    if (!this.isWaiting) this.options.behind?.()
  }

  private news(): Promise<void> {
    if (this.hasNews || this.isClosed) return Promise.resolve()
    return new Promise((resolve) => (this.waiter = resolve))
  }

  /** An event, or null: there is none yet. */
  private async step(): Promise<TailEvent | null> {
    const { feed, catalog, host } = this.target
    while (!this.isClosed) {
      feed.checkGeneration(this.generation)
      const entry = feed.after(this.taken)
      if (!feed.reaches(this.taken)) {
        const lsn = this.taken > feed.newest ? feed.newest : feed.oldest
        return { kind: 'gap', lsn, reason: 'missed' }
      }
      const query = this.queries.parse(this.request)
      const { id } = catalog.table(query.database, query.table)
      const deletes = this.deletesNow(query)
      if (this.rule !== null && deletes !== this.deletes) {
        this.deletes = deletes
        return { kind: 'gap', lsn: this.taken, reason: 'deleted' }
      }
      if (entry === null) return null
      if (!entry.tables.includes(id)) this.taken = entry.lsn
      else {
        await host.pause()
        const event = await (this.rule === null ? this.points(query, entry) : this.buckets(entry))
        if (event.series.length > 0) return event
        this.taken = event.lsn
      }
    }
    return null
  }

  private deletesNow({ database, table }: Query): number {
    const { feed, catalog } = this.target
    const { id, droppedColumns } = catalog.table(database, table)
    return feed.deletesOf(id) + droppedColumns.size
  }

  /** The points of an entry, as another tail reads or has read them if both share and somebody still holds that event. */
  private points(query: Query, entry: FeedEntry): Promise<PointsEvent> {
    return this.inRoom(bytesOfEntry(entry), async () => {
      const event = await (this.options.shares === true
        ? this.sharedPoints(query, entry)
        : this.ownPoints(query, entry))
      if (event.series.length > 0) await this.options.admit?.(event)
      return event
    })
  }

  private async ownPoints(query: Query, entry: FeedEntry): Promise<PointsEvent> {
    const { columns, series } = await readBatch(this.target, query, entry)
    return { kind: 'points', lsn: entry.lsn, columns, series }
  }

  private async sharedPoints(query: Query, entry: FeedEntry): Promise<PointsEvent> {
    const { events } = entry
    const key = this.sharedKey(query)
    const known = events.get(key)
    const found = known instanceof WeakRef ? known.deref() : await known
    if (found !== undefined) return found
    const reading = this.ownPoints(query, entry)
    events.set(key, reading)
    try {
      const event = await reading
      events.set(key, new WeakRef(event))
      return event
    } catch (error) {
      events.delete(key)
      throw error
    }
  }

  /** The same for tails that see the same of a batch. */
  private sharedKey(query: Query): string {
    const { id } = this.target.catalog.table(query.database, query.table)
    const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
    return JSON.stringify([id, this.deletesNow(query), this.request], plain)
  }

  /** The buckets that an entry changed, and those behind it that came meanwhile. */
  private async buckets(first: FeedEntry) {
    const { catalog, feed } = this.target
    const { table, where } = this.request
    const query = this.queries.parse(this.request)
    const plan = await this.target.run(planSteps(query, catalog, { keepsTags: false }))
    const touched = new Touched(this.rule!, plan.groupKeys ?? [], reachOf(query))
    let lsn = this.taken
    let bytes = 0
    let entry: FeedEntry | null = first
    for (let count = 0; entry !== null && count < BATCHES_MAX; count++) {
      if (entry.tables.includes(plan.table.id)) {
        const raw = this.queries.parse({ table, ...(where === undefined ? {} : { where }) })
        const held = entry
        const { series } = await this.inRoom(bytesOfEntry(held), () =>
          readBatch(this.target, raw, held),
        )
        for (const one of series) touched.add(one)
        bytes += bytesOfEntry(held)
      }
      lsn = entry.lsn
      entry = feed.after(lsn)
    }
    // What is answered is as much as what was written, about.
    return this.inRoom(bytes, async () => {
      const series = await answerTouched(query, touched, this.queries)
      const event = { kind: 'buckets', lsn, columns: plan.columns, series } as const
      if (series.length > 0) await this.options.admit?.(event)
      return event
    })
  }

  /** Reads when there is room: the memory of all who read at the same time is bounded. */
  private inRoom<T>(bytes: number, read: () => Promise<T>): Promise<T> {
    return this.target.feed.room.read(bytes, read)
  }
}

/** Where positions are in a history; before everything if they say nothing of it. */
function lsnOf(positions: readonly TailPosition[] | null, history: string): bigint {
  const own = positions?.find((one) => one.history === history || one.history === '')
  return own?.lsn ?? BEFORE_ALL
}

/** The buckets of a tail; null: it is of points. Throws `bad_request` for aggregates without buckets. */
export function tailRule(query: Query): BucketRule | null {
  const isAggregate = query.select?.some(({ expression }) => expression.kind === 'call') === true
  if (isAggregate && query.every === null) {
    const message = 'every: it is missing; a tail of aggregates sends buckets'
    throw new OmenError('bad_request', message, { pointer: '/every' })
  }
  return bucketRule(query)
}

/** The buckets that were touched, as they are now. Those that are deleted meanwhile are told of by a gap. */
export async function answerTouched(
  query: Query,
  touched: Touched,
  { answer }: Pick<TailQueries, 'answer'>,
): Promise<AnswerSeries[]> {
  const series: AnswerSeries[] = []
  for (const { start, end } of touched.runs()) {
    series.push(...touched.of((await answer({ ...query, start, end })).series))
  }
  return joinGroups(series)
}

/** Buckets of a group stand together, as in an answer; runs come in the order of time. */
function joinGroups(series: readonly AnswerSeries[]): AnswerSeries[] {
  const found = new Map<string, AnswerSeries[]>()
  for (const one of series) {
    const key = JSON.stringify([...one.tags])
    const known = found.get(key)
    if (known === undefined) found.set(key, [one])
    else known.push(one)
  }
  return [...found.values()].map((some) => (some.length === 1 ? some[0]! : Touched.join(some)))
}
