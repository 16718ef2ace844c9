// What /metrics shows, in Prometheus' text format: counts of requests and points that the server
// keeps itself, and the engine's own numbers, read when somebody asks.

import type { EngineMetrics } from '../engine/metrics.ts'
import { VERSION } from './version.ts'

/** Upper bounds in seconds; the last bucket is +Inf. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Requests of one route. */
interface RouteCounts {
  /** By method, then status. */
  readonly answered: Map<string, Map<number, number>>
  /** By bucket of duration. */
  readonly buckets: number[]
  seconds: number
}

type Labels = Readonly<Record<string, string>>

/** A value and its labels. */
type Sample = [Labels, number]

/** One label set as Prometheus writes it. */
function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** The counters of a server as plain values. */
export interface ServerCounts {
  readonly routes: ReadonlyMap<string, RouteCounts>
  /** Points, by database. */
  readonly written: ReadonlyMap<string, number>
  /** Points, by code of the error. */
  readonly rejected: ReadonlyMap<string, number>
  readonly droppedTails: number
}

/** Counters of one server. Labels must come from closed sets: patterns, methods, codes, databases. */
export class ServerMetrics {
  /** Counters of other servers, which the page adds to its own. */
  beside: readonly ServerCounts[] = []
  private readonly routes = new Map<string, RouteCounts>()
  private readonly written = new Map<string, number>()
  private readonly rejected = new Map<string, number>()
  private droppedTails = 0

  countRequest(route: string, method: string, status: number, seconds: number): void {
    const counts = this.routeOf(route)
    add(statusesOf(counts, method), status, 1)
    const bucket = DURATION_BOUNDS.findIndex((bound) => seconds <= bound)
    counts.buckets[bucket === -1 ? DURATION_BOUNDS.length : bucket]!++
    counts.seconds += seconds
  }

  countWritten(database: string, points: number): void {
    add(this.written, database, points)
  }

  countRejected(code: string, points: number): void {
    add(this.rejected, code, points)
  }

  /** A tail whose reader was too slow. */
  countDroppedTail(): void {
    this.droppedTails++
  }

  /** All of them, to be sent to where they are shown. */
  get counts(): ServerCounts {
    const { routes, written, rejected, droppedTails } = this
    return { routes, written, rejected, droppedTails }
  }

  /** The whole page, without databases that whoever asks may not see. */
  render(engine: EngineMetrics, isSeen: (database: string) => boolean = () => true): string {
    if (this.beside.length === 0) return this.renderOwn(engine, isSeen)
    const all = new ServerMetrics()
    for (const counts of [this.counts, ...this.beside]) all.absorb(counts)
    return all.renderOwn(engine, isSeen)
  }

  private absorb({ routes, written, rejected, droppedTails }: ServerCounts): void {
    for (const [route, counts] of routes) {
      const own = this.routeOf(route)
      own.seconds += counts.seconds
      counts.buckets.forEach((count, i) => (own.buckets[i]! += count))
      for (const [method, statuses] of counts.answered) {
        for (const [status, count] of statuses) add(statusesOf(own, method), status, count)
      }
    }
    for (const [database, points] of written) add(this.written, database, points)
    for (const [code, points] of rejected) add(this.rejected, code, points)
    this.droppedTails += droppedTails
  }

  private routeOf(route: string): RouteCounts {
    let counts = this.routes.get(route)
    if (!counts) {
      const buckets = Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0)
      counts = { answered: new Map(), buckets, seconds: 0 }
      this.routes.set(route, counts)
    }
    return counts
  }

  private renderOwn(engine: EngineMetrics, isSeen: (database: string) => boolean): string {
    const page = new Page()
    page.counter('omendb_http_requests_total', 'Requests answered.', this.requestSamples())
    page.help('omendb_http_request_duration_seconds', 'histogram', 'Time until the answer began.')
    for (const [route, counts] of this.routes) page.histogram(route, counts)
    const written = databaseSamples(this.written, isSeen)
    page.counter('omendb_points_written_total', 'Points stored since start.', written)
    const rejected = Array.from(this.rejected, ([code, count]): Sample => [{ code }, count])
    page.counter('omendb_points_rejected_total', 'Points refused since start.', rejected)
    const dropped: Sample[] = [[{}, this.droppedTails]]
    page.counter('omendb_tails_dropped_total', 'Tails with too slow a reader.', dropped)
    renderEngine(page, engine, isSeen)
    page.gauge('omendb_build_info', 'Version of this server.', [[{ version: VERSION }, 1]])
    return page.text
  }

  private requestSamples(): Sample[] {
    const samples: Sample[] = []
    for (const [route, { answered }] of this.routes) {
      for (const [method, statuses] of answered) {
        for (const [status, count] of statuses) {
          samples.push([{ route, method, status: String(status) }, count])
        }
      }
    }
    return samples
  }
}

function statusesOf({ answered }: RouteCounts, method: string): Map<number, number> {
  let statuses = answered.get(method)
  if (!statuses) answered.set(method, (statuses = new Map()))
  return statuses
}

function add<Key>(counts: Map<Key, number>, key: Key, amount: number): void {
  counts.set(key, (counts.get(key) ?? 0) + amount)
}

class Page {
  text = ''

  help(name: string, type: string, help: string): void {
    this.text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  }

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.gauge(name, help, samples, 'counter')
  }

  gauge(name: string, help: string, samples: readonly Sample[], type = 'gauge'): void {
    this.help(name, type, help)
    for (const [labels, value] of samples) this.text += `${name}${labelText(labels)} ${value}\n`
  }

  histogram(route: string, { buckets, seconds }: RouteCounts): void {
    const name = 'omendb_http_request_duration_seconds'
    let total = 0
    for (const [i, count] of buckets.entries()) {
      total += count
      const le = i < DURATION_BOUNDS.length ? String(DURATION_BOUNDS[i]) : '+Inf'
      this.text += `${name}_bucket${labelText({ route, le })} ${total}\n`
    }
    this.text += `${name}_sum${labelText({ route })} ${seconds}\n`
    this.text += `${name}_count${labelText({ route })} ${total}\n`
  }
}

/** Databases that have a sample of their own; the others are one together. */
const DATABASES_MAX = 1_000
/** Their label: no database can be called so. */
const OTHER_DATABASES = '(other)'

function databaseSamples(
  counts: ReadonlyMap<string, number>,
  isSeen: (database: string) => boolean,
): Sample[] {
  const samples: Sample[] = []
  let others = 0
  for (const [db, count] of counts) {
    if (!isSeen(db)) continue
    if (samples.length < DATABASES_MAX) samples.push([{ db }, count])
    else others += count
  }
  if (others > 0) samples.push([{ db: OTHER_DATABASES }, others])
  return samples
}

function renderEngine(
  page: Page,
  engine: EngineMetrics,
  isSeen: (database: string) => boolean,
): void {
  page.help('omendb_wal_fsync_duration_seconds', 'summary', 'Time in fsync of the log.')
  page.text += `omendb_wal_fsync_duration_seconds_sum ${engine.syncSeconds}\n`
  page.text += `omendb_wal_fsync_duration_seconds_count ${engine.syncs}\n`
  page.gauge('omendb_wal_bytes', 'Log since the last flush.', [[{}, engine.walBytes]])
  page.gauge('omendb_memtable_bytes', 'Rows not flushed yet.', [[{}, engine.memtableBytes]])
  page.gauge('omendb_memory_bytes', 'Kernel memory handed out.', [[{}, engine.memoryBytes]])
  page.gauge('omendb_memory_limit_bytes', 'What it may grow to.', [[{}, engine.memoryBytesMax]])
  page.gauge('omendb_cache_bytes', 'Of it, cached blocks and pages.', [[{}, engine.cacheBytes]])
  page.gauge('omendb_staging_bytes', 'Of it, uploads under way.', [[{}, engine.stagingBytes]])
  const waiting: Sample[] = [
    [{ what: 'uploads' }, engine.stagingWaiting],
    [{ what: 'queries' }, engine.queriesWaiting],
  ]
  page.gauge('omendb_waiting', 'Requests that wait for room.', waiting)
  page.gauge('omendb_queries_running', 'Queries that run.', [[{}, engine.queriesRunning]])
  page.gauge('omendb_tails', 'Tails that are open.', [[{}, engine.tails]])
  page.gauge('omendb_tail_bytes', 'Batches kept for them.', [[{}, engine.tailBytes]])
  page.gauge('omendb_segments', 'Segment files.', [[{}, engine.segments]])
  page.gauge('omendb_segment_bytes', 'Bytes of segment files.', [[{}, engine.segmentBytes]])
  page.gauge('omendb_series', 'Series of each database.', databaseSamples(engine.series, isSeen))
  const blocks: Sample[] = [
    [{ outcome: 'skipped' }, engine.blocksSkipped],
    [{ outcome: 'summary' }, engine.blocksFromSummary],
    [{ outcome: 'decoded' }, engine.blocksDecoded],
  ]
  page.gauge('omendb_blocks_total', 'Blocks that queries met.', blocks, 'counter')
  const tasks: Sample[] = [[{}, engine.scanTasks]]
  page.gauge('omendb_scan_tasks_total', 'Shares of queries for workers.', tasks, 'counter')
  const flushed: Sample[] = [[{}, engine.flushBytes]]
  page.gauge('omendb_flush_bytes_total', 'Bytes of segments flushed.', flushed, 'counter')
  const compaction: Sample[] = [
    [{ direction: 'read' }, engine.compactionReadBytes],
    [{ direction: 'write' }, engine.compactionWrittenBytes],
  ]
  page.gauge('omendb_compaction_bytes_total', 'Bytes compacted.', compaction, 'counter')
  page.gauge('omendb_read_only', '1 = no write is taken.', [[{}, engine.isReadOnly ? 1 : 0]])
  if (engine.cold !== undefined) writeCold(page, engine.cold)
}

/** Segment files in an object store, and what they cost. */
function writeCold(page: Page, cold: NonNullable<EngineMetrics['cold']>): void {
  page.gauge('omendb_cold_segments', 'Segment files in the object store.', [[{}, cold.files]])
  page.gauge('omendb_cold_segment_bytes', 'Their bytes.', [[{}, cold.bytes]])
  const requests: Sample[] = [
    [{ kind: 'read' }, cold.reads],
    [{ kind: 'write' }, cold.puts],
    [{ kind: 'remove' }, cold.removes],
    [{ kind: 'list' }, cold.lists],
  ]
  page.gauge('omendb_cold_requests_total', 'Requests to the object store.', requests, 'counter')
  const bytes: Sample[] = [
    [{ direction: 'read' }, cold.readBytes],
    [{ direction: 'write' }, cold.putBytes],
  ]
  page.gauge('omendb_cold_bytes_total', 'Bytes from and to it.', bytes, 'counter')
}
