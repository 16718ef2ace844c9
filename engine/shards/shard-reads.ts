// The shard's side of reading: plans over its own series with the columns of all shards, runs the executor
// of every other query, and hands out what it found in pages. What is not fetched for long, or called off,
// gives back what it holds.

import type { BackupPart } from '../backup/backup.ts'
import { OmenError } from '../error.ts'
import { Exporter } from '../query/export.ts'
import { answerPlan, countReads } from '../query/executor.ts'
import { snapshotOf, type HeldSnapshot, type QueryTarget } from '../query/execute.ts'
import type { Admission } from '../query/admission.ts'
import { cancelCheck } from '../query/cancel.ts'
import { newestOf } from '../query/latest.ts'
import { listed, listedValues } from '../query/listed.ts'
import { pageOrdered, seriesAfter, valuesAfter } from '../catalog/listing.ts'
import type { AggregatedRange } from '../query/downsample.ts'
import { planSteps, type Plan } from '../query/plan.ts'
import type { Query } from '../query/query.ts'
import { ScanBuckets } from '../query/scan-buckets.ts'
import { Scan, type Snapshot } from '../query/scan.ts'
import type { Execution } from '../step.ts'
import { MergedCatalog } from './merged-catalog.ts'
import { EMPTY_PAGE, pagesOfPartial, tagPartial } from './partial-page.ts'
import type { TableStats } from '../catalog/table-stats.ts'
import type { Database } from '../database.ts'
import {
  ABSENT,
  type BytesPage,
  PAGE_BYTES,
  type ListAsk,
  type ListPage,
  type ReadAsk,
  type ReadEnd,
  type ReadPage,
  type TableFacts,
  type VersionAsk,
  type WireTags,
} from './read-port.ts'
import { RowPacker, packRows } from './row-page.ts'
import type { Shard } from '../shard.ts'
import { factsOf } from './table-facts.ts'
import { NewsReader, type TailAsk, type TailNews } from './shard-tail.ts'
import { NO_STATS } from './table-reads.ts'

/** Reads that are open at once. */
const OPEN_MAX = 1024
/** One that nobody asked for so long is given up. */
const IDLE_MS = 120_000

/** A read that has more pages. */
interface OpenRead {
  readonly pages: AsyncIterator<ReadPage | BytesPage>
  readonly abort: AbortController
  timer: unknown
}

/** Reads of the tables of a database that are in one shard. */
export class ShardReads {
  private readonly db: Database
  private readonly open = new Map<string, OpenRead>()
  /** Calls that wait for news. */
  private readonly following = new Map<string, NewsReader>()

  constructor(db: Database) {
    this.db = db
  }

  /** What there is of a table; null: nothing. */
  facts(database: string, table: string): TableFacts | null {
    return factsOf(this.db.rooms.shard, database, table)
  }

  /** The first page of what is asked. Throws what the query throws, and `busy`. */
  async read(database: string, ask: ReadAsk): Promise<ReadPage> {
    return this.begin(ask.id, (signal) => this.pagesOf(database, ask, signal))
  }

  /** The first page of a backup. */
  archive(id: string, part: BackupPart): Promise<BytesPage> {
    return this.begin(id, () => archivePages(this.db.rooms.shard, part))
  }

  private begin<Page extends ReadPage | BytesPage>(
    id: string,
    pagesOf: (signal: AbortSignal) => AsyncIterator<Page>,
  ): Promise<Page> {
    if (this.open.size >= OPEN_MAX) {
      throw new OmenError('busy', `shard: ${OPEN_MAX} reads are open already`, { retryAfter: 1 })
    }
    const abort = new AbortController()
    this.open.set(id, { pages: pagesOf(abort.signal), abort, timer: null })
    return this.more(id) as Promise<Page>
  }

  /** The next page of a read. */
  async more(id: string): Promise<ReadPage | BytesPage> {
    const read = this.open.get(id)
    if (read === undefined) {
      throw new OmenError('unavailable', `shard: read ${id} is not open any more`, {
        retryAfter: 1,
      })
    }
    const { host } = this.db.rooms.shard
    host.timer.clear(read.timer)
    let page: IteratorResult<ReadPage | BytesPage>
    try {
      page = await read.pages.next()
    } catch (error) {
      this.open.delete(id)
      throw error
    }
    if (page.done === true) throw new OmenError('cancelled', `shard: read ${id} was called off`)
    // Behind its last page a stream still holds its snapshot.
    if (page.value.isLast) await this.end(id)
    else if (this.open.has(id)) read.timer = host.timer.set(IDLE_MS, () => void this.end(id))
    return page.value
  }

  /** Gives up a read, also one that runs, or a wait for news. */
  async end(id: string): Promise<void> {
    this.following.get(id)?.finish()
    const read = this.open.get(id)
    if (read === undefined) return
    this.open.delete(id)
    this.db.rooms.shard.host.timer.clear(read.timer)
    read.abort.abort()
    await read.pages.return?.()
  }

  /** Names behind a cursor. */
  async list(database: string, ask: ListAsk): Promise<ListPage> {
    const { shard } = this.db.rooms
    const { key, cursor, limit, shape, isStrict } = ask
    const none = { series: [], values: [], isLast: true }
    if (!hasTable(shard, database, ask.query.table)) return none
    const query = { ...ask.query, database }
    const catalog = new MergedCatalog(shard.catalog, shape)
    const lease = shard.catalog.lease()
    try {
      if (key === null) {
        const { groups } = await shard.run(listed(query, catalog, isStrict))
        const { entries, isWhole } = pageOrdered(groups, seriesAfter(cursor), limit)
        return { ...none, series: entries.map((tags) => [...tags]), isLast: isWhole }
      }
      const all = await shard.run(listedValues(query, catalog, key, isStrict))
      const { entries, isWhole } = pageOrdered(all, valuesAfter(cursor), limit)
      return { ...none, values: entries, isLast: isWhole }
    } finally {
      lease.end()
    }
  }

  /** What a tail wants to know next; `check` throws once the caller's map is old. */
  async tail(ask: TailAsk, check: () => void): Promise<TailNews> {
    const reader = new NewsReader(this.db.rooms.shard, ask, check)
    this.following.set(ask.id, reader)
    try {
      return await reader.read()
    } finally {
      this.following.delete(ask.id)
      reader.end()
    }
  }

  /** What a table takes; null: it is not here. */
  async tableStats(database: string, table: string): Promise<TableStats | null> {
    if (!hasTable(this.db.rooms.shard, database, table)) return null
    return this.db.tableStats(table, { database })
  }

  /** The version of an answer, as far as it depends on this shard. */
  version(database: string, ask: VersionAsk): string | null {
    const { versions } = this.db
    const table = ask.kind === 'list' ? ask.table : ask.request.table
    const isHere = hasTable(this.db.rooms.shard, database, table)
    if (ask.kind === 'list') return isHere ? versions.list(table, ask.asked, { database }) : ABSENT
    if (!isHere) return ABSENT
    const { request, shape } = ask
    return ask.kind === 'latest'
      ? versions.latest(request, shape, { database })
      : versions.query(ask.request, shape, { database })
  }

  private async *pagesOf(
    database: string,
    ask: ReadAsk,
    signal: AbortSignal,
  ): AsyncGenerator<ReadPage, void, undefined> {
    const { shard, admission } = this.db.rooms
    const query = { ...ask.query, database }
    const { what, shape } = ask
    if (!hasTable(shard, database, query.table)) {
      const end = { stats: NO_STATS, points: 0 }
      if (what.kind === 'aggregate') yield { ...EMPTY_PAGE, end }
      else yield new RowPacker([]).take(end)
      return
    }
    const reading = { target: shard, query, shape, check: checkOf(shard, query, signal) }
    if (what.kind === 'stream') {
      yield* streamPages(reading, admission, signal)
      return
    }
    const run = (): Promise<Iterable<ReadPage>> => {
      if (what.kind === 'rows') return onScan(reading, rowsOf)
      return onScan(reading, (scan) => partialOf(scan, what.range))
    }
    const pages = await admission.run(run, reading.check, signal)
    yield* pages
  }
}

/** What is read of what. */
interface Reading {
  readonly target: QueryTarget
  readonly query: Query
  readonly shape: ReadAsk['shape']
  readonly check: () => void
}

function hasTable({ catalog }: Shard, database: string, table: string): boolean {
  return catalog.databases.get(database)?.tables.has(table) === true
}

/** Throws when nobody wants the answer any more, or the time is over; asked between steps. */
function checkOf({ host }: Shard, { limits }: Query, signal: AbortSignal): () => void {
  const isCancelled = cancelCheck(signal)
  const deadline = host.now() + BigInt(Math.ceil(limits.timeoutMs)) * 1_000_000n
  return () => {
    isCancelled()
    if (host.now() <= deadline) return
    throw new OmenError('limit_exceeded', `query: took longer than timeoutMs = ${limits.timeoutMs}`)
  }
}

function checkBoth(held: HeldSnapshot, check: () => void): () => void {
  return () => {
    held.check()
    check()
  }
}

/** What a snapshot shows, with the columns of all shards. */
function snapshotOfReading({ target, shape }: Reading, held: HeldSnapshot): Snapshot {
  return { ...snapshotOf(target, held), catalog: new MergedCatalog(target.catalog, shape) }
}

/** Plans a reading on a snapshot of its own, and runs something over it. */
async function onScan<T>(reading: Reading, use: (scan: Scan) => Execution<T>): Promise<T> {
  const { target, query, check } = reading
  const held = target.snapshot()
  const snapshot = snapshotOfReading(reading, held)
  const steps = function* (): Execution<T> {
    const plan = yield* planOf(query, snapshot)
    const scan = new Scan(snapshot, plan)
    try {
      return yield* countReads(use(scan), scan.tally)
    } finally {
      scan.release()
    }
  }
  try {
    return await target.run(steps(), checkBoth(held, check))
  } finally {
    held.release()
  }
}

function planOf(query: Query, { catalog, rollups }: Snapshot): Execution<Plan> {
  return planSteps(query, catalog, { keepsTags: true, rollups })
}

function endOf(scan: Scan): ReadEnd {
  return { stats: scan.stats(), points: scan.budget.scannedPoints }
}

/** The partial of a range. What has expired here may be older than what has elsewhere. */
function* partialOf(scan: Scan, range: AggregatedRange): Execution<Iterable<ReadPage>> {
  const { timeStart } = scan.plan
  const start = range.start > timeStart ? range.start : timeStart
  const end = range.end
  const buckets = new ScanBuckets(scan)
  const aggregator = yield* buckets.aggregatorOf({
    ...range,
    start,
    end: end > start ? end : start,
  })
  try {
    const partial = yield* tagPartial(aggregator, scan.plan)
    return pagesOfPartial(partial, endOf(scan))
  } finally {
    aggregator.release()
  }
}

/** The rows of an answer. Of the newest of a group it matters which series they are of. */
function* rowsOf(scan: Scan): Execution<Iterable<ReadPage>> {
  const { plan } = scan
  if (plan.query.kind !== 'latest') {
    const { columns, series } = yield* answerPlan(scan)
    return packRows(columns, series, null, endOf(scan))
  }
  const newest = yield* newestOf(scan)
  const series = yield* newest.series()
  let owners: WireTags[] | null = null
  if (plan.groupKeys !== null) {
    const ranks = newest.winners()
    owners = [...ranks].map((rank): WireTags => [...plan.series.byRank(rank).tags])
  }
  return packRows(plan.columns, series, owners, endOf(scan))
}

/** Raw points by series, then time, as they are asked for. */
async function* streamPages(
  reading: Reading,
  admission: Admission,
  signal: AbortSignal,
): AsyncGenerator<ReadPage, void, undefined> {
  const opened = admission.openExport(reading.target, signal)
  const held = reading.target.snapshot()
  const check = checkBoth(held, reading.check)
  let exporter: Exporter | null = null
  try {
    const snapshot = snapshotOfReading(reading, held)
    const plan = await opened.target.run(planOf(reading.query, snapshot), check)
    exporter = new Exporter(plan, snapshot)
    const packer = new RowPacker(plan.columns)
    const full: ReadPage[] = []
    for (;;) {
      held.check()
      const chunk = await opened.target.run(exporter.next(), check)
      if (chunk === null) break
      packer.add(chunk, null, (page) => full.push(page))
      yield* full.splice(0)
    }
    yield packer.take({ stats: NO_STATS, points: 0 })
  } finally {
    exporter?.close()
    held.release()
    opened.close()
  }
}

/** The bytes of a backup of a shard. */
async function* archivePages(shard: Shard, part: BackupPart): AsyncGenerator<BytesPage> {
  const backup = await shard.backup(null, part)
  try {
    let pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of backup) {
      pieces.push(piece)
      size += piece.length
      if (size < PAGE_BYTES) continue
      yield { kind: 'bytes', isLast: false, bytes: joinPieces(pieces, size) }
      pieces = []
      size = 0
    }
    yield { kind: 'bytes', isLast: true, bytes: joinPieces(pieces, size) }
  } finally {
    await backup.return?.()
  }
}

function joinPieces(pieces: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
