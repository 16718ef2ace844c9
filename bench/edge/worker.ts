// The Worker that measures a shard from inside workerd: the engine as OmenShard opens it, in an object of
// its own, over a storage that counts rows. The clock there has milliseconds and stands still while a
// turn computes, so everything is repeated until it takes long enough, with a turn before each look.

import { DurableObject } from 'cloudflare:workers'
import { Database, openDatabase } from '../../engine/database.ts'
import { instantiateKernel } from '../../engine/kernel.ts'
import module from '../../engine/omendb.wasm'
import {
  type ObjectStorage,
  openDurableObjectStorage,
} from '../../engine/storage/durable-object.ts'
import { createApp, type App } from '../../server/app.ts'
import { objectHost } from '../../server/edge/object-host.ts'
import { ObjectTimers } from '../../server/edge/object-timers.ts'
import { SHARD_BODY_LIMITS, SHARD_OPTIONS } from '../../server/edge/shard-memory.ts'

const START = 1_790_000_000
const SERIES = 100
const MEMORY_BYTES = SHARD_OPTIONS.memoryBytes!

/** What was billed so far. */
interface Rows {
  read: number
  written: number
  syncs: number
}

const encoder = new TextEncoder()
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

async function now(): Promise<number> {
  await turn()
  return Date.now()
}

/** The storage of an object, with every cursor's counters added up. */
function counted(storage: ObjectStorage, rows: Rows): ObjectStorage {
  return {
    sql: {
      exec(query, ...bindings) {
        const cursor = storage.sql.exec(query, ...bindings) as SqlCursor<never>
        const values = [...cursor.raw()]
        rows.read += cursor.rowsRead
        rows.written += cursor.rowsWritten
        return { raw: () => values as never }
      },
    },
    transactionSync: (run) => storage.transactionSync(run),
    sync: () => {
      rows.syncs++
      return storage.sync()
    },
  }
}

/** Lines of `count` points from the point `from` on: one field, a point a second for each series. */
function linesOf(from: number, count: number): Uint8Array {
  const lines: string[] = []
  for (let i = from; i < from + count; i++) {
    const value = (20 + Math.sin(i / 5_000) * 5 + ((i * 7919) % 100) / 100).toFixed(2)
    lines.push(`t,s=${i % SERIES} v=${value} ${START + Math.floor(i / SERIES)}`)
  }
  return encoder.encode(lines.join('\n'))
}

const ascending = (a: number, b: number): number => a - b

function quantiles(times: number[]): { p50: number; p99: number; mean: number } {
  const sorted = times.toSorted(ascending)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  return { p50: at(0.5), p99: at(0.99), mean: times.reduce((a, b) => a + b, 0) / times.length }
}

export class MeasuredShard extends DurableObject {
  private db: Database | null = null
  private app: App | null = null
  private readonly rows: Rows = { read: 0, written: 0, syncs: 0 }
  private points = 0

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const amount = Number(searchParams.get('n') ?? 0)
    const run = this.runs[pathname.slice(1)]
    if (run === undefined) return new Response('no such measurement', { status: 404 })
    try {
      return Response.json(await run(amount))
    } catch (error) {
      return new Response((error as Error).stack, { status: 500 })
    }
  }

  private readonly runs: Record<string, (amount: number) => Promise<unknown>> = {
    instantiate: () => this.instantiate(),
    app: () => this.makeApps(),
    open: () => this.open(),
    write: (size) => this.write(size, 400),
    requests: (size) => this.requests(size, 400),
    pipeline: (size) => this.pipeline(size, 8),
    load: (points) => this.load(points),
    query: (seconds) => this.query(seconds),
    first: (seconds) => this.first(seconds),
    memory: async () => this.memory(),
    flush: () => this.flush(),
    ping: async () => ({}),
  }

  private async instantiate(): Promise<unknown> {
    const count = 50
    const start = await now()
    for (let i = 0; i < count; i++) await instantiateKernel(module, MEMORY_BYTES)
    return { ms: ((await now()) - start) / count }
  }

  private async makeApps(): Promise<unknown> {
    await this.open()
    const count = 20
    const start = await now()
    for (let i = 0; i < count; i++) createApp(this.db!, {})
    return { ms: ((await now()) - start) / count }
  }

  private async open(): Promise<unknown> {
    const before = { ...this.rows }
    const start = await now()
    if (this.db === null) {
      const storage = openDurableObjectStorage(
        counted(this.ctx.storage as ObjectStorage, this.rows),
        { gather: turn },
      )
      const timers = new ObjectTimers(
        () => Date.now(),
        () => {},
      )
      this.db = await openDatabase(objectHost(module, storage, timers), SHARD_OPTIONS)
    }
    const opened = await now()
    this.app ??= createApp(this.db, { trusted: true, limits: SHARD_BODY_LIMITS })
    const { read, written } = this.rows
    return {
      openMs: opened - start,
      appMs: (await now()) - opened,
      rowsRead: read - before.read,
      rowsWritten: written - before.written,
      logBytes: Database.shardOf(this.db).logBytes,
    }
  }

  private async commit(size: number): Promise<void> {
    const batch = this.db!.batch({ precision: 's' })
    batch.lineProtocol(linesOf(this.points, size))
    this.points += size
    await batch.commit('fsync')
  }

  /** One batch after the other, through the embedded API. */
  private async write(size: number, count: number): Promise<unknown> {
    await this.open()
    const before = { ...this.rows }
    const times: number[] = []
    for (let i = 0; i < count; i++) {
      const start = Date.now()
      await this.commit(size)
      times.push(Date.now() - start)
    }
    const written = this.rows.written - before.written
    return { ...quantiles(times), rowsWrittenPerBatch: written / count }
  }

  /** The same as requests of the REST API. */
  private async requests(size: number, count: number): Promise<unknown> {
    await this.open()
    const bodies = Array.from({ length: count }, (_, i) => linesOf(this.points + i * size, size))
    this.points += size * count
    const start = await now()
    for (const body of bodies) await this.post('/v1/write?precision=s', body)
    return { meanMs: ((await now()) - start) / count }
  }

  /** Requests that overlap: what of a group commit is left of each. */
  private async pipeline(size: number, width: number): Promise<unknown> {
    await this.open()
    const count = Math.max(width, Math.min(4_000, Math.floor(400_000 / size)))
    const bodies = Array.from({ length: count }, (_, i) => linesOf(this.points + i * size, size))
    this.points += size * count
    const before = { ...this.rows }
    const start = await now()
    const lane = async (first: number): Promise<void> => {
      for (let i = first; i < count; i += width) {
        await this.post('/v1/write?precision=s', bodies[i]!)
      }
    }
    await Promise.all(Array.from({ length: width }, (_, i) => lane(i)))
    const ms = (await now()) - start
    const { written, syncs } = this.rows
    return {
      pointsPerSecond: Math.round((count * size * 1000) / ms),
      rowsWrittenPerMillion: Math.round(((written - before.written) * 1e6) / (count * size)),
      batchesPerSync: count / (syncs - before.syncs),
    }
  }

  /** Points until there are so many more, in batches of 5,000, flushed and merged. */
  private async load(points: number): Promise<unknown> {
    await this.open()
    const before = { ...this.rows }
    const start = await now()
    for (let i = 0; i < points; i += 5_000) await this.commit(5_000)
    await this.db!.flush()
    await Database.shardOf(this.db!).idle()
    const ms = (await now()) - start
    const { read, written, syncs } = this.rows
    const { databaseSize } = this.ctx.storage.sql as unknown as SqlStorage
    return {
      pointsPerSecond: Math.round((points * 1000) / ms),
      rowsWritten: written - before.written,
      rowsRead: read - before.read,
      syncs: syncs - before.syncs,
      bytesPerPoint: databaseSize / this.points,
      partBytes: Database.shardOf(this.db!)
        .parts.parts()
        .reduce((sum, { size }) => sum + size, 0),
    }
  }

  /** The first query after a start, from rows of the database into the block cache. */
  private async first(seconds: number): Promise<unknown> {
    const range = { table: 't', start: START * 1000, end: (START + seconds) * 1000 }
    const start = await now()
    await this.db!.query({ ...range, where: { s: '7' }, select: 'mean(v)', every: '1m' })
    return { ms: (await now()) - start, rowsRead: this.rows.read }
  }

  /** The last so many seconds of one series: a mean and the rows, from the engine and as a request. */
  private async query(seconds: number): Promise<unknown> {
    await this.open()
    const end = START + Math.floor(this.points / SERIES)
    const range = { table: 't', start: (end - seconds) * 1000, end: end * 1000, where: { s: '7' } }
    const questions = {
      mean: { ...range, select: 'mean(v)', every: '1m' },
      rows: range,
    }
    const answers: Record<string, unknown> = {}
    for (const [name, question] of Object.entries(questions)) {
      const first = await this.db!.query(question)
      const embedded = await this.repeated(async () => void (await this.db!.query(question)))
      const body = JSON.stringify(question)
      const headers = { 'Content-Type': 'application/json' }
      const request = await this.repeated(() => this.post('/v1/query', body, headers))
      answers[name] = { rows: first.rowCount, embeddedMs: embedded, requestMs: request }
    }
    return answers
  }

  /** Five runs of at least 200 ms each: the mean of a call in each, ascending. */
  private async repeated(call: () => Promise<void>): Promise<number[]> {
    const means: number[] = []
    for (let run = 0; run < 5; run++) {
      const start = await now()
      let count = 0
      let end = start
      while (end - start < 200) {
        for (let i = 0; i < 50; i++) await call()
        count += 50
        end = await now()
      }
      means.push(Number(((end - start) / count).toFixed(3)))
    }
    return means.sort(ascending)
  }

  private async post(
    path: string,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const url = `https://shard.example${path}`
    const response = await this.app!.fetch(
      new Request(url, { method: 'POST', body: body as BodyInit, headers }),
    )
    if (!response.ok) throw new Error(await response.text())
    await response.arrayBuffer()
  }

  private async flush(): Promise<unknown> {
    const start = await now()
    const before = { ...this.rows }
    await this.db!.flush()
    await Database.shardOf(this.db!).idle()
    const { written, read } = this.rows
    return {
      ms: (await now()) - start,
      rowsWritten: written - before.written,
      rowsRead: read - before.read,
    }
  }

  private memory(): unknown {
    const { memory } = this.db!.kernel
    return {
      kernelBytes: memory.wasm.buffer.byteLength,
      usedBytes: memory.used,
      databaseSize: this.ctx.storage.sql.databaseSize,
    }
  }
}

interface Environment {
  readonly SHARDS: DurableObjectNamespace<{ fetch(request: Request): Promise<Response> }>
}

export default {
  /** `/OBJECT/MEASUREMENT?n=AMOUNT`: the measurement, inside that object. */
  async fetch(request: Request, env: Environment): Promise<Response> {
    const url = new URL(request.url)
    const [, object = '', ...rest] = url.pathname.split('/')
    url.pathname = `/${rest.join('/')}`
    return env.SHARDS.getByName(object).fetch(new Request(url, request))
  },
}
