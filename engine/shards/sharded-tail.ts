// A table of a database in several shards followed live: each shard is asked whether it has something new,
// and then for it, batch by batch, as the reader takes them. Buckets that changed are asked for as any
// question to all shards is. Nothing of a tail lies in the shards, so either side may end at any time. A
// shard that a split makes is followed from its beginning.

import type { BucketRule } from '../buckets.ts'
import { OmenError } from '../error.ts'
import { fieldTypeName } from '../field.ts'
import type { Timer } from '../host.ts'
import type { Plan } from '../query/plan.ts'
import type { AnswerSeries, Query, ValueType } from '../query/query.ts'
import {
  BATCHES_MAX,
  type TailEvent,
  type TailOptions,
  type TailQueries,
  type TailRequest,
  type TailStream,
  answerTouched,
  tailRule,
} from '../tail/tail.ts'
import { type TailPosition, decodeTailId, encodeTailId } from '../tail/tail-id.ts'
import { Touched, reachOf } from '../tail/touched.ts'
import type { Directory } from './directory.ts'
import type { TableShape } from './read-port.ts'
import { mergeRows } from './row-merge.ts'
import { type ShardMap, shardsOf } from './shard-map.ts'
import type { TailAsk, TailNews } from './shard-tail.ts'

/** How long a shard is asked to wait for news. */
const WAIT_MS = 20_000
/** Between two calls of a shard that did not answer, and how many in a row may fail. */
const RETRY_MS = 250
const FAILURES_MAX = 8

/** What a tail needs of its coordinator. */
export interface ShardedTailHost extends TailQueries {
  readonly directory: Directory
  readonly timer: Timer
  /** Of a call, unique for all shards. */
  nextId(): string
  /** The plan of a query over all shards, and what the table looks like there. */
  plan(query: Query): Promise<{ readonly plan: Plan; readonly shape: TableShape }>
}

/** A shard that is followed. */
interface Source {
  readonly shard: string
  /** Where it is read on; null: it was not asked yet. */
  position: TailPosition | null
  state: string | null
  hasNews: boolean
  /** Of its last call. */
  callId: string
  /** A call of it that waits for news. */
  waiting: Promise<void> | null
  failures: number
}

/** Begins to follow. Throws what a query of the same members throws, and `busy`. */
export async function openShardedTail(
  host: ShardedTailHost,
  request: TailRequest,
  options: TailOptions,
): Promise<TailStream> {
  const tail = new ShardedTail(host, request, options)
  await tail.open()
  return tail
}

class ShardedTail implements TailStream {
  private readonly host: ShardedTailHost
  private readonly request: TailRequest
  private readonly options: TailOptions
  private readonly database: string
  private readonly rule: BucketRule | null
  /** Where the tail before this one was; null: there was none. */
  private readonly known: readonly TailPosition[] | null
  private readonly sources = new Map<string, Source>()
  private plan: Plan | null = null
  private shape: TableShape | null = null
  private isOpen = false
  private isClosed = false
  /** By shard: all up to there was taken. */
  private readonly taken = new Map<string, TailPosition>()
  /** Of the event that was given last. */
  private readonly given = new Map<string, TailPosition>()
  private gap: 'missed' | 'deleted' | null = null
  private failure: unknown = null
  private wakeUp = (): void => {}
  private readonly close = (): void => void this.return()

  constructor(host: ShardedTailHost, request: TailRequest, options: TailOptions) {
    this.host = host
    this.request = request
    this.options = options
    const query = host.parse(request)
    this.database = query.database
    this.rule = tailRule(query)
    const { lastEventId, after, history = '' } = options
    const id =
      lastEventId ?? (after === undefined ? undefined : encodeTailId([{ lsn: after, history }]))
    this.known = id === undefined ? null : (decodeTailId(id) ?? [])
  }

  /** Asks all shards where they are. */
  async open(): Promise<void> {
    this.options.signal?.addEventListener('abort', this.close, { once: true })
    if (this.options.signal?.aborted === true) this.close()
    try {
      await this.look()
      this.follow((await this.host.directory.fresh(this.database)).map)
      let isKnown = this.known === null
      for (let fresh = this.unasked(); fresh.length > 0; fresh = this.unasked()) {
        const found = await Promise.all(fresh.map((one) => this.ask(one, 0, false)))
        isKnown ||= found.some((one) => one.isKnown)
      }
      // An id of another database, or of a life of it that nobody knows.
      if (!isKnown) this.gap = 'missed'
      this.isOpen = true
    } catch (error) {
      this.close()
      throw error
    }
  }

  get id(): string {
    return encodeTailId(this.taken.values())
  }

  idOf(): string {
    return encodeTailId(new Map([...this.taken, ...this.given]).values())
  }

  async next(): Promise<IteratorResult<TailEvent>> {
    this.settle()
    try {
      while (!this.isClosed) {
        const event = await this.step()
        if (event === null) this.settle()
        if (event === null) continue
        if (event.kind !== 'gap') await this.options.admit?.(event)
        if (!this.isClosed) return { done: false, value: event }
      }
      return { done: true, value: undefined }
    } catch (error) {
      this.close()
      throw error
    }
  }

  return(): Promise<IteratorResult<TailEvent>> {
    this.isClosed = true
    this.options.signal?.removeEventListener('abort', this.close)
    this.wakeUp()
    for (const source of this.sources.values()) if (source.waiting !== null) this.callOff(source)
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** An event, or null: look again. */
  private async step(): Promise<TailEvent | null> {
    if (this.failure !== null) throw this.failure
    const { gap } = this
    if (gap !== null) {
      this.gap = null
      return { kind: 'gap', lsn: 0n, reason: gap }
    }
    if (![...this.sources.values()].some(({ hasNews }) => hasNews)) return this.news()
    return this.rule === null ? this.points() : this.buckets(this.rule)
  }

  /** Resolves when a shard has something to say. */
  private async news(): Promise<null> {
    const woken = new Promise<void>((resolve) => (this.wakeUp = resolve))
    for (const source of this.sources.values()) source.waiting ??= this.wait(source)
    await woken
    return null
  }

  /** Waits for news of a shard, and tries again if it does not answer. Never rejects. */
  private async wait(source: Source): Promise<void> {
    try {
      await this.ask(source, WAIT_MS, false)
      source.failures = 0
    } catch (error) {
      const isOver = !isPassing(error) || ++source.failures >= FAILURES_MAX
      if (isOver) this.failure = error
      else await new Promise<void>((resolve) => this.host.timer.set(RETRY_MS, resolve))
    }
    source.waiting = null
    this.wakeUp()
  }

  /** Else the shard would be at work until its wait is over. */
  private callOff({ shard, callId }: Source): void {
    const call = { database: this.database, epoch: 0 }
    this.host.directory
      .port(shard)
      .end(call, callId)
      .catch(() => {})
  }

  private unasked(): Source[] {
    return [...this.sources.values()].filter(({ position }) => position === null)
  }

  /** Follows the shards of a map that are new. */
  private follow(map: ShardMap): void {
    for (const shard of shardsOf(map)) {
      if (this.sources.has(shard)) continue
      const source = {
        shard,
        position: null,
        state: null,
        hasNews: false,
        callId: '',
        waiting: null,
        failures: 0,
      }
      this.sources.set(shard, source)
      if (this.isOpen) this.wakeUp()
    }
  }

  /** What the table looks like now. Throws what a query of it throws. */
  private async look(): Promise<void> {
    const { plan, shape } = await this.host.plan(this.host.parse(this.request))
    this.plan = plan
    this.shape = shape
  }

  private async ask(source: Source, waitMs: number, givesRows: boolean): Promise<TailNews> {
    const { directory } = this.host
    const { table, where } = this.request
    // Which buckets change depends on all points that meet the condition.
    const raw =
      this.rule === null ? this.request : { table, ...(where === undefined ? {} : { where }) }
    const own = this.isOpen ? [] : this.known
    source.callId = this.host.nextId()
    const ask: TailAsk = {
      id: source.callId,
      query: this.host.parse(raw),
      shape: this.shape!,
      known: source.position === null ? own : [source.position],
      isNew: source.position === null,
      state: source.state,
      ...{ waitMs, givesRows },
    }
    const news = await directory.run(this.database, async (view) => {
      this.follow(view.map)
      const call = { database: this.database, epoch: view.map.epoch }
      const [one] = await directory.onShards([source.shard], (port) => port.follow(call, ask))
      return one!
    })
    await this.note(source, news)
    return news
  }

  private async note(source: Source, { position, isKnown, state, news }: TailNews): Promise<void> {
    const isOther = source.position !== null && !isKnown
    if (news === 'gap' || isOther) this.gap = 'missed'
    source.position = position
    source.hasNews = news === 'batch'
    if (news === 'rows' || this.given.has(source.shard)) this.given.set(source.shard, position)
    else this.take(source.shard, position)
    const before = source.state
    source.state = state
    if (news === 'shape' || (before !== null && before !== state)) {
      await this.look()
      if (before !== '' && before !== state && this.rule !== null) this.gap ??= 'deleted'
    }
  }

  /** What was given is taken. */
  private settle(): void {
    for (const [shard, position] of this.given) this.take(shard, position)
    this.given.clear()
  }

  private take(shard: string, position: TailPosition): void {
    const known = this.taken.get(shard)
    const isBehind = known?.history === position.history && known.lsn > position.lsn
    if (!isBehind) this.taken.set(shard, position)
  }

  /** The points of the next batch of a shard; null: it has none that are wanted. */
  private async points(): Promise<TailEvent | null> {
    const source = [...this.sources.values()].find(({ hasNews }) => hasNews)!
    // Who was asked last comes last.
    this.sources.delete(source.shard)
    this.sources.set(source.shard, source)
    const { columns } = this.plan!
    const series = await this.rows(source)
    if (series === null) return null
    return { kind: 'points', lsn: source.position!.lsn, columns, series }
  }

  private async rows(source: Source): Promise<AnswerSeries[] | null> {
    await source.waiting
    const types = this.rowTypes()
    const { news, pages } = await this.ask(source, 0, true)
    if (news === 'shape') source.hasNews = true
    if (news !== 'rows') return null
    // There may be more behind it.
    source.hasNews = true
    return mergeRows(pages, types, 'asc')
  }

  /** Types of the fields of raw rows. */
  private rowTypes(): ValueType[] {
    const { plan, shape, rule } = this
    if (rule === null) return plan!.columns.slice(1).map(({ type }) => type as ValueType)
    return shape!.columns.map(({ type }) => fieldTypeName(type))
  }

  /** The buckets that batches of all shards changed, as all shards together answer them. */
  private async buckets(rule: BucketRule): Promise<TailEvent | null> {
    const query = this.host.parse(this.request)
    const plan = this.plan!
    const touched = new Touched(rule, plan.groupKeys ?? [], reachOf(query))
    for (let count = 0; count < BATCHES_MAX && this.gap === null; count++) {
      const source = [...this.sources.values()].find(({ hasNews }) => hasNews)
      if (source === undefined) break
      for (const one of (await this.rows(source)) ?? []) touched.add(one)
    }
    const series = await answerTouched(query, touched, this.host)
    if (series.length === 0) return null
    return { kind: 'buckets', lsn: 0n, columns: plan.columns, series }
  }
}

/** Will another call meet the same? */
function isPassing(error: unknown): boolean {
  return error instanceof OmenError && (error.code === 'unavailable' || error.code === 'busy')
}
