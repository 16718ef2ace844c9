// Queries over a database that is in several shards: the answers of one database that holds everything.
// A coordinator keeps nothing between two questions but the map: it asks the shards what a table looks
// like, plans, asks those that may have points, and runs the end of the executor over what they found.

import type { Backup } from '../backup/backup.ts'
import { afterCursor, answerOf } from '../query/answer.ts'
import { Budget } from '../query/budget.ts'
import { type CancelSignal, cancelCheck } from '../query/cancel.ts'
import { PAGE_MAX, type SeriesPage, type ValuesPage } from '../catalog/listing.ts'
import type {
  DatabaseOptions,
  Export,
  ExportOptions,
  ListOptions,
  QueryOptions,
} from '../database-types.ts'
import { OmenError } from '../error.ts'
import type { KernelInstance } from '../kernel.ts'
import { answerBuckets } from '../query/downsample.ts'
import { nearestName } from '../query/expression/name.ts'
import { type Plan, planQuery } from '../query/plan.ts'
import type {
  Answer,
  AnswerSeries,
  LatestRequest,
  Query,
  QueryLimits,
  QueryRequest,
  ValueType,
} from '../query/query.ts'
import { type QueryContext, parseLatest, parseQuery } from '../query/request.ts'
import { rowsBytes } from '../query/raw-rows.ts'
import { chooseRows } from '../query/sampled.ts'
import type { Execution } from '../step.ts'
import { FanOut, type ReadShards, withMap } from './fan-out.ts'
import { mergeSeriesPages, mergeValuePages } from './list-merge.ts'
import { PartialSource } from './partial-source.ts'
import {
  ABSENT,
  type RowsPage,
  type ShardReadPort,
  type TableFacts,
  type VersionAsk,
} from './read-port.ts'
import type { ShardCall, ShardReply } from './shard-port.ts'
import { mergeStats } from './stats-merge.ts'
import type { TableStats } from '../catalog/table-stats.ts'
import { hashText } from '../query/cursor.ts'
import { bytesOfPage } from './row-page.ts'
import { joinSeries, mergeNewest, mergeRows } from './row-merge.ts'
import { startShardedBackup } from './sharded-backup.ts'
import { catalogOfShape } from './shape-catalog.ts'
import type { ShardedTailHost } from './sharded-tail.ts'
import { shardsOf } from './shard-map.ts'
import { joinFacts } from './table-facts.ts'
import { TableReads } from './table-reads.ts'

const ROWS_MAX = 1_000_000

/** What a coordinator works with. */
export interface ReadHost {
  /** Merges partials. */
  readonly instance: KernelInstance
  /** Nanoseconds since 1970. */
  now(): bigint
  /** Lets others run. */
  pause(): Promise<void>
  random(target: Uint8Array): void
}

/** One question by one map. */
interface Question {
  readonly fan: FanOut
  readonly facts: TableFacts
  readonly plan: Plan
  readonly check: () => void
}

export class ShardedReads {
  private readonly host: ReadHost
  private readonly shards: ReadShards
  private readonly limits: QueryLimits
  private readonly nextId: () => string

  constructor(host: ReadHost, shards: ReadShards, limits: QueryLimits) {
    this.host = host
    this.shards = shards
    this.limits = limits
    this.nextId = idsOf(host)
  }

  /** As `Database.query`. */
  async query(request: QueryRequest, options: QueryOptions = {}): Promise<Answer> {
    const limit = { default: ROWS_MAX, max: ROWS_MAX }
    return this.answer(parseQuery(request, this.context(options, limit)), options.signal)
  }

  /** As `Database.latest`. */
  async latest(request: LatestRequest, options: QueryOptions = {}): Promise<Answer> {
    const limit = { default: ROWS_MAX, max: ROWS_MAX }
    return this.answer(parseLatest(request, this.context(options, limit)), options.signal)
  }

  /** As `Database.export`. */
  async export(request: QueryRequest, options: ExportOptions = {}): Promise<Export> {
    const limit = { default: Infinity, max: Infinity }
    const query = parseQuery(request, this.context(options, limit))
    const check = this.checkOf(query, options.signal)
    const head = await this.ask(query, check, options.signal, async (question) => {
      const { columns, groupKeys, isAggregate } = question.plan
      const isBare = options.chunksOnly === true
      const tags = groupKeys ?? (isBare ? [] : await this.rowTags(question, options.checkTag))
      return { columns, tags: [...tags], isAggregate, plan: question.plan }
    })
    const { plan, ...rest } = head
    const streams = !plan.isAggregate && query.sampling === null && query.cursor === null
    if (streams && query.limit === Infinity) {
      return { ...rest, chunks: this.streamed(query, check, options.signal) }
    }
    const answer = (): Promise<Answer> => this.answer(query, options.signal, check)
    return { ...rest, chunks: laterSeries(answer) }
  }

  /** As `Database.series`. */
  async series(table: string, options: ListOptions = {}): Promise<SeriesPage> {
    const limit = limitOf(options)
    const query = this.listQuery(table, options)
    const check = this.checkOf(query, undefined)
    return this.ask(query, check, undefined, async ({ fan, facts }) => {
      const cursor = options.cursor ?? null
      const ask = { query, shape: facts, key: null, cursor, limit, isStrict: true }
      const pages = await fan.all(shardsOf(fan.map), (port, call) => port.list(call, ask))
      return mergeSeriesPages(pages, limit)
    })
  }

  /** As `Database.tagKeys`. */
  async tagKeys(table: string, options: QueryOptions = {}): Promise<string[]> {
    const query = this.listQuery(table, options)
    return this.ask(
      query,
      () => {},
      options.signal,
      async ({ facts }) => [...facts.tagKeys],
    )
  }

  /** As `Database.tagValues`. */
  async tagValues(table: string, key: string, options: ListOptions = {}): Promise<ValuesPage> {
    const query = this.listQuery(table, options)
    const check = this.checkOf(query, undefined)
    return this.ask(query, check, undefined, async ({ fan, facts }) => {
      if (!facts.tagKeys.includes(key)) throw unknownTag(table, key, facts.tagKeys)
      const limit = limitOf(options)
      const cursor = options.cursor ?? null
      const ask = { query, shape: facts, key, cursor, limit, isStrict: true }
      const pages = await fan.all(shardsOf(fan.map), (port, call) => port.list(call, ask))
      return mergeValuePages(pages, limit)
    })
  }

  /** As `Database.tableStats`. */
  async tableStats(table: string, options: QueryOptions = {}): Promise<TableStats> {
    const found = await this.ofAll(options, (port, call) => port.tableStats(call, table))
    const all = found.filter((stats) => stats !== null)
    if (all.length === 0) throw absentTable(table)
    return mergeStats(all)
  }

  /** As `Database.versions`: what all shards say together. */
  readonly versions = {
    query: (request: QueryRequest, shape: string, options: DatabaseOptions = {}) =>
      this.version(request.table, { kind: 'query', request, shape }, options),
    latest: (request: LatestRequest, shape: string, options: DatabaseOptions = {}) =>
      this.version(request.table, { kind: 'latest', request, shape }, options),
    list: async (table: string, asked: readonly unknown[], options: DatabaseOptions = {}) =>
      (await this.version(table, { kind: 'list', table, asked }, options)) ?? '',
  }

  /** What a table looks like in all shards. Throws `not_found`. */
  tableFacts(table: string, options: QueryOptions = {}): Promise<TableFacts> {
    const query = this.listQuery(table, options)
    return this.ask(
      query,
      () => {},
      options.signal,
      async ({ facts }) => facts,
    )
  }

  /** A backup of all shards. Throws `unavailable` if the map changes before it ends. */
  backup(database: string): Promise<Backup> {
    const id = `shards-${this.nextId()}`
    return withMap(this.shards, database, (map) => {
      const given = { map, database, signal: undefined, nextId: this.nextId }
      return startShardedBackup(new FanOut(this.shards, given), id)
    })
  }

  /** What a tail asks of all shards. */
  tailQueries(options: QueryOptions): Omit<ShardedTailHost, 'directory' | 'timer'> {
    const limit = { default: 2 ** 31, max: 2 ** 31 }
    return {
      parse: (request) => parseQuery(request, this.context(options, limit)),
      nextId: () => this.nextId(),
      answer: (query) => this.answer(query, options.signal),
      plan: (query) =>
        this.ask(
          query,
          () => {},
          options.signal,
          async ({ plan, facts: { columns, tagKeys } }) => ({ plan, shape: { columns, tagKeys } }),
        ),
    }
  }

  /** A context for requests of now. */
  context(
    { database = 'default', keepsEmpty }: QueryOptions,
    limit: QueryContext['limit'],
  ): QueryContext {
    return { database, now: this.host.now(), limits: this.limits, limit, keepsEmpty }
  }

  private answer(
    query: Query,
    signal: CancelSignal | undefined,
    check = this.checkOf(query, signal),
  ): Promise<Answer> {
    return this.ask(query, check, signal, async (question) => {
      const budget = new Budget(query.limits, () => this.host.now())
      const reads = this.readsOf(question, budget)
      return this.drive(this.execution(reads, budget), check)
    })
  }

  /** Plans a question, and asks it by each map until the shards take one. */
  private ask<T>(
    query: Query,
    check: () => void,
    signal: CancelSignal | undefined,
    use: (question: Question) => Promise<T>,
  ): Promise<T> {
    const { database, table } = query
    return withMap(this.shards, database, async (map) => {
      check()
      const fan = new FanOut(this.shards, { map, database, signal, nextId: this.nextId })
      try {
        const all = await fan.all(shardsOf(map), (port, call) => port.facts(call, table))
        const facts = joinFacts(table, all)
        const plan = planQuery(query, catalogOfShape(facts))
        return await use({ fan, facts: facts!, plan, check })
      } finally {
        fan.end()
      }
    })
  }

  /** The version of an answer; null if it moves with the clock. Throws `not_found`. */
  private async version(
    table: string,
    ask: VersionAsk,
    options: DatabaseOptions,
  ): Promise<string | null> {
    const found = await this.ofAll(options, (port, call) => port.version(call, ask))
    if (found.includes(null)) return null
    if (found.every((version) => version === ABSENT)) throw absentTable(table)
    return `${found.length.toString(36)}-${hashText(JSON.stringify(found))}`
  }

  /** Asks all shards. */
  private ofAll<T>(
    { database = 'default', signal }: QueryOptions,
    ask: (port: ShardReadPort, call: ShardCall) => Promise<ShardReply<T>>,
  ): Promise<T[]> {
    return withMap(this.shards, database, (map) => {
      const fan = new FanOut(this.shards, { map, database, signal, nextId: this.nextId })
      return fan.all(shardsOf(map), ask)
    })
  }

  private readsOf({ fan, facts, plan }: Question, budget: Budget): TableReads {
    return new TableReads(fan, {
      ...{ plan, facts, budget },
      slots: this.shards.slotsOf(plan),
      now: () => this.host.now(),
    })
  }

  private execution(reads: TableReads, budget: Budget): Execution<Answer> {
    const { plan } = reads
    if (plan.query.kind === 'latest') return latestOf(reads, budget)
    if (plan.isAggregate) return answerBuckets(new PartialSource(this.host.instance, budget, reads))
    const isCut = plan.query.sampling !== null && reads.isFenced(plan.start, plan.end)
    return isCut ? sampledOf(this.host.instance, reads, budget) : rowsOf(reads, budget)
  }

  private async *streamed(
    query: Query,
    check: () => void,
    signal: CancelSignal | undefined,
  ): AsyncGenerator<AnswerSeries> {
    const { database } = query
    // A newer map is found out about by the first page, before a row has left.
    const opened = await withMap(this.shards, database, async (map) => {
      const fan = new FanOut(this.shards, { map, database, signal, nextId: this.nextId })
      const all = await fan.all(shardsOf(map), (port, call) => port.facts(call, query.table))
      const facts = joinFacts(query.table, all)
      const plan = planQuery(query, catalogOfShape(facts))
      const budget = new Budget(query.limits)
      const reads = this.readsOf({ fan, facts: facts!, plan, check }, budget)
      const chunks = reads.stream(query, plan.start, plan.end)
      try {
        return { fan, chunks, first: await chunks.next() }
      } catch (error) {
        fan.end()
        throw error
      }
    })
    try {
      for (let next = opened.first; next.done !== true; next = await opened.chunks.next()) {
        check()
        yield next.value
      }
    } finally {
      await opened.chunks.return()
      opened.fan.end()
    }
  }

  /** Keys of the tags that the rows of a plan may have; `checkTag` is told of all their values. */
  private async rowTags(
    { fan, facts, plan }: Question,
    checkTag: ExportOptions['checkTag'],
  ): Promise<string[]> {
    const { query } = plan
    const names = shardsOf(fan.map)
    const tags: string[] = []
    for (const key of facts.tagKeys) {
      let isThere = false
      for (let cursor: string | null = null; ;) {
        const limit = checkTag === undefined ? 1 : PAGE_MAX
        const ask = { query, shape: facts, key, cursor, limit, isStrict: false }
        const pages = await fan.all(names, (port, call) => port.list(call, ask))
        const { values, cursor: next } = mergeValuePages(pages, limit)
        if (values.length > 0) isThere = true
        for (const value of values) checkTag?.(key, value)
        cursor = next
        if (checkTag === undefined || cursor === null) break
      }
      if (isThere) tags.push(key)
    }
    return tags
  }

  private listQuery(table: string, { database, where }: ListOptions): Query {
    const request = { table, ...(where === undefined ? {} : { where }) }
    const limit = { default: Infinity, max: Infinity }
    return parseQuery(request, this.context({ database }, limit))
  }

  /** Throws when the caller has gone or the time is over. */
  private checkOf({ limits }: Query, signal: CancelSignal | undefined): () => void {
    const { host } = this
    const { timeoutMs } = limits
    const deadline = host.now() + BigInt(Math.ceil(timeoutMs)) * 1_000_000n
    const isCancelled = cancelCheck(signal)
    return () => {
      isCancelled()
      if (host.now() > deadline) {
        throw new OmenError('limit_exceeded', `query: took longer than timeoutMs = ${timeoutMs}`)
      }
    }
  }

  /** Runs what reads from shards alone. */
  private async drive<T>(execution: Execution<T>, check: () => void): Promise<T> {
    const { instance } = this.host
    const go = (next: () => ReturnType<Execution<T>['next']>) => instance.guard(next)
    let step = go(() => execution.next(undefined as never))
    while (!step.done) {
      const { value } = step
      try {
        if ('wait' in value) await value.wait
        else if ('pause' in value) await this.host.pause()
        check()
      } catch (error) {
        step = go(() => execution.throw(error))
        continue
      }
      step = go(() => execution.next(undefined as never))
    }
    return step.value
  }
}

/** Raw points, or chosen ones of series that are each in one shard. */
function* rowsOf(reads: TableReads, budget: Budget): Execution<Answer> {
  const { plan } = reads
  const { query } = plan
  // One row more than the limit tells that there is a next page.
  const pages = yield* pagesOf(reads, budget, { ...query, limit: query.limit + 1 })
  const series = mergeRows(pages, typesOf(plan), query.order)
  return yield* answerOf(plan, series, reads.stats())
}

function* latestOf(reads: TableReads, budget: Budget): Execution<Answer> {
  const { plan } = reads
  const series = mergeNewest(yield* pagesOf(reads, budget, plan.query))
  const { columns, query } = plan
  const rowCount = series.length
  return { table: query.table, columns, series, rowCount, cursor: null, stats: reads.stats() }
}

function* pagesOf(reads: TableReads, budget: Budget, query: Query): Execution<RowsPage[]> {
  const { start, end } = reads.plan
  const hold = (page: RowsPage): void => budget.holds(bytesOfPage(page))
  let found: RowsPage[][] = []
  const asked = reads.all<RowsPage>({ kind: 'rows' }, start, end, hold, query)
  yield { wait: asked.then((pages) => (found = pages)) }
  return found.flat()
}

/** Points chosen of series that fences cut: all of a series come here, one series after the other. */
function* sampledOf(
  instance: KernelInstance,
  reads: TableReads,
  budget: Budget,
): Execution<Answer> {
  const { plan } = reads
  const types = typesOf(plan)
  const found: AnswerSeries[] = []
  const { series } = reads.rows(plan.fields.slice(0, plan.selectedCount), plan.start, plan.end)
  try {
    for (;;) {
      let chunks: AnswerSeries[] | null = null
      yield {
        wait: series.next().then((next) => (chunks = next.done === true ? null : next.value)),
      }
      if (chunks === null) break
      const rows = joinSeries(chunks, types)
      let held = rowsBytes(rows)
      budget.holds(held)
      budget.scanned(rows.time.length, rows.time.length * 2)
      const chosen = yield* chooseRows(instance, plan, rows, (bytes) => {
        held += bytes
        budget.holds(bytes)
      })
      // What was not chosen goes.
      budget.holds(rowsBytes(chosen) - held)
      found.push({ tags: rows.tags, ...chosen })
    }
  } finally {
    void series.return()
  }
  return yield* answerOf(plan, afterCursor(found, plan.query), reads.stats())
}

function typesOf({ outputs }: Plan): ValueType[] {
  return outputs.map(({ type }) => type)
}

async function* laterSeries(answer: () => Promise<Answer>): AsyncGenerator<AnswerSeries> {
  yield* (await answer()).series
}

function limitOf({ limit = PAGE_MAX }: ListOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX) return limit
  const message = `limit: ${limit} is not between 1 and ${PAGE_MAX}`
  throw new OmenError('bad_request', message, { pointer: '/limit' })
}

function absentTable(name: string): OmenError {
  return new OmenError('not_found', `table '${name}' does not exist`)
}

function unknownTag(table: string, key: string, keys: readonly string[]): OmenError {
  const near = nearestName(key, [...keys])
  const advice = near === null ? '' : `; did you mean '${near}'?`
  return new OmenError('unknown_column', `table '${table}' has no tag '${key}'${advice}`)
}

/** Ids that no other coordinator gives. */
function idsOf(host: ReadHost): () => string {
  const bytes = new Uint8Array(8)
  host.random(bytes)
  const own = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  let count = 0
  return () => `${own}-${(count++).toString(36)}`
}
