// How long small queries and writes take while something large goes on beside them: scans over
// everything, a flush, a merge. In process; http.ts is the same through a server. Latencies with and
// without in one run; the difference is what the large one costs its neighbours.
//   node scripts/run.js bench/yield/run.ts --points 10000000

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Database, open } from '../../engine/node.ts'
import { LARGE_QUERIES, SMALL_QUERY, START, load, smallLine } from './load.ts'

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

function direct(db: Database): Client {
  return {
    query: () => db.query(SMALL_QUERY),
    write: async () => {
      const batch = db.batch({ precision: 'ms' })
      batch.lineProtocol(encoder.encode(smallLine()))
      await batch.commit()
    },
    large: (request) => db.query(request as never).catch(ignoreLimit),
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

/** `--points N`: 10,000,000 unless given. `--ms N` of each measurement. */
export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const index = args.indexOf(name)
    return index === -1 ? otherwise : Number(args[index + 1])
  }
  const points = option('--points', 10_000_000)
  const ms = option('--ms', 3_000)
  const db = await open('memory:')
  await load(db, points)
  const client = direct(db)
  const lines: Line[] = []
  console.log(
    ' '.repeat(40) +
      ['p50 ms', 'p99 ms', 'max ms', 'loop max'].map((text) => text.padStart(9)).join(''),
  )
  for (let i = 0; i < 300; i++) await Promise.all([client.query(), client.write()])
  lines.push(await measure('small query, alone', client.query, ms, null))
  lines.push(await measure('small write, alone', client.write, ms, null))
  for (const [name, request] of Object.entries(LARGE_QUERIES)) {
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
  await db.close()
  console.log(JSON.stringify({ bench: 'yield', points, node: process.version, lines }))
}
