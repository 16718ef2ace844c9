// How long small queries and writes take while something large goes on beside them: scans over
// everything, a flush, a merge. In process and, with --http, through the server. Latencies with and
// without in one run; the difference is what the large one costs its neighbours.
//   node scripts/run.js bench/yield/run.ts --points 10000000

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Database, open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'

const SERIES = 100
const ROWS = 50_000
const START = 1_700_000_000
const encoder = new TextEncoder()

interface Line {
  readonly name: string
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly loopMax: number
}

/** What a small client does: each call is one request. */
interface Client {
  query(): Promise<unknown>
  write(): Promise<unknown>
  large(request: object): Promise<unknown>
}

async function load(db: Database, points: number): Promise<void> {
  const perSeries = points / SERIES
  for (let series = 0; series < SERIES; series++) {
    for (let from = 0; from < perSeries; from += ROWS) {
      const count = Math.min(ROWS, perSeries - from)
      const times = BigInt64Array.from(
        { length: count },
        (_, i) => BigInt(START + from + i) * 1_000_000_000n,
      )
      const values = Float64Array.from(
        { length: count },
        (_, i) => ((i * 7919 + series) % 10_007) / 100,
      )
      const noise = Float64Array.from({ length: count }, () => Math.random())
      const batch = db.batch()
      const field = (name: string, column: Float64Array) => ({
        name,
        type: 0 as const,
        values: column,
        valid: null,
        declared: true,
      })
      batch.points({
        table: 'cpu',
        tags: new Map([
          ['host', `h${series}`],
          ['rack', `r${series % 10}`],
        ]),
        times,
        fields: [field('u', values), field('x', noise)],
      })
      await batch.commit('memory')
    }
  }
  await db.flush()
}

let written = 0
const lineOf = (): string =>
  `small,host=h${written % 10} v=${written} ${START * 1000 + written++}\n`
const SMALL = {
  table: 'cpu',
  where: { host: 'h42' },
  start: BigInt(START + 3600) * 1_000_000_000n,
  end: BigInt(START + 7200) * 1_000_000_000n,
  select: { u: 'mean(u)' },
  every: '1m',
  precision: 'ns',
} as const

function direct(db: Database): Client {
  return {
    query: () => db.query(SMALL),
    write: async () => {
      const batch = db.batch({ precision: 'ms' })
      batch.lineProtocol(encoder.encode(lineOf()))
      await batch.commit()
    },
    large: (request) => db.query(request as never).catch(ignoreLimit),
  }
}

function overHttp(url: string): Client {
  const post = async (path: string, body: string, type: string): Promise<unknown> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      body,
      headers: { 'Content-Type': type },
    })
    return answer.arrayBuffer()
  }
  const json = (request: object): string =>
    JSON.stringify(request, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
  return {
    query: () => post('/v1/query', json(SMALL), 'application/json'),
    write: () => post('/v1/write?precision=ms', lineOf(), 'text/plain'),
    large: (request) => post('/v1/query', json(request), 'application/json'),
  }
}

function ignoreBusy(error: { code?: string }): void {
  if (error.code !== 'busy') throw error
}

function ignoreLimit(error: { code?: string }): void {
  if (error.code !== 'limit_exceeded') throw error
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(share * (sorted.length - 1))]!

/** Small requests one after the other for `ms`, while `beside` is repeated. */
async function measure(
  name: string,
  task: () => Promise<unknown>,
  ms: number,
  beside: (() => Promise<unknown>) | null,
): Promise<Line> {
  const state = { isOver: false }
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const background = (async () => {
    if (beside === null) return
    while (!state.isOver) await beside()
  })()
  loop.enable()
  const times: number[] = []
  const begin = performance.now()
  while (performance.now() - begin < ms) {
    const start = performance.now()
    await task()
    times.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  loop.disable()
  state.isOver = true
  await background
  times.sort((a, b) => a - b)
  const line = {
    name,
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    max: times.at(-1)!,
    loopMax: loop.max / 1e6,
  }
  console.log(
    name.padEnd(40) +
      [line.p50, line.p99, line.max, line.loopMax]
        .map((value) => value.toFixed(2).padStart(9))
        .join(''),
  )
  return line
}

const LARGE: Record<string, object> = {
  'raw decode of everything': { table: 'cpu', where: 'x > 2' },
  'raw rows, 1,000,000 of them': { table: 'cpu', limit: 1_000_000 },
  'group by host, every 1h': {
    table: 'cpu',
    select: { u: 'mean(u)', m: 'max(x)' },
    by: ['host'],
    every: '1h',
  },
  'group by host with a filter': {
    table: 'cpu',
    select: { u: 'stddev(x)' },
    by: ['host'],
    where: 'u > 50',
  },
  '1,000,000 buckets': {
    table: 'cpu',
    select: { u: 'mean(u)' },
    by: ['host'],
    every: '10s',
    start: '2023-11-14T00:00:00Z',
  },
}

/** `--points N`: 10,000,000 unless given. `--ms N` of each measurement. `--http`: through the server. */
export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const index = args.indexOf(name)
    return index === -1 ? otherwise : Number(args[index + 1])
  }
  const points = option('--points', 10_000_000)
  const ms = option('--ms', 3_000)
  const db = await open('memory:')
  await load(db, points)
  const server = args.includes('--http') ? await startServer(db, { port: 0 }) : null
  const client = server === null ? direct(db) : overHttp(server.url)
  const lines: Line[] = []
  console.log(
    ' '.repeat(40) +
      ['p50 ms', 'p99 ms', 'max ms', 'loop max'].map((text) => text.padStart(9)).join(''),
  )
  for (let i = 0; i < 300; i++) await Promise.all([client.query(), client.write()])
  lines.push(await measure('small query, alone', client.query, ms, null))
  lines.push(await measure('small write, alone', client.write, ms, null))
  for (const [name, request] of Object.entries(LARGE)) {
    const beside = (): Promise<unknown> => client.large(request)
    lines.push(await measure(`query | ${name}`, client.query, ms, beside))
    lines.push(await measure(`write | ${name}`, client.write, ms, beside))
  }
  const bulk = Array.from(
    { length: 40_000 },
    (_, i) => `bulk,host=h${i % 1000} a=${i}.5,b=${i}i,c="text ${i % 100}" `,
  )
  let round = 0
  const flush = async (): Promise<void> => {
    const batch = db.batch({ precision: 's' })
    batch.lineProtocol(encoder.encode(bulk.map((line) => `${line}${START + round++}\n`).join('')))
    await batch.commit()
    await db.flush().catch(ignoreBusy)
  }
  lines.push(await measure('query | large writes, flushes, merges', client.query, ms, flush))
  lines.push(
    await measure('query | merge of everything', client.query, ms, async () => {
      await flush()
      await flush()
      await db.compact()
    }),
  )
  await server?.close()
  await db.close()
  console.log(
    JSON.stringify({ bench: 'yield', points, http: server !== null, node: process.version, lines }),
  )
}
