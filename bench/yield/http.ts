// How long small queries and writes take over HTTP while something large goes on beside them: scans,
// exports, uploads of every kind, with the flushes and merges that they bring. The server is a process
// of its own and the large client a thread of its own, so that what is measured is the server.
//   node scripts/run.js bench/yield/http.ts --points 10000000 --ms 4000

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { open } from '../../engine/node.ts'
import { startBenchServer } from '../http/server.ts'
import { LARGE_QUERIES, SMALL_QUERY, START, load, smallLine } from './load.ts'

interface Line {
  readonly name: string
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Large requests that were answered meanwhile. */
  readonly large: number
}

/** A request that is repeated. `{shift}` in a body becomes a number of seconds that rises. */
interface Large {
  readonly path: string
  readonly type: string
  readonly body: string
}

/** Repeats a request and reads its answer to the end, in a thread. */
const REPEATER = `
const { parentPort, workerData } = require('node:worker_threads')
const { url, large } = workerData
let isOver = false
parentPort.on('message', () => (isOver = true))
const repeat = async () => {
  let count = 0
  const body = Buffer.from(large.body)
  while (!isOver) {
    const answer = await fetch(url + large.path.replaceAll('{shift}', count), {
      method: 'POST', body, headers: { 'Content-Type': large.type },
    })
    if (answer.status !== 200 && answer.status !== 429) throw new Error(await answer.text())
    for await (const _ of answer.body) if (isOver) break
    count++
  }
  parentPort.postMessage(count)
  process.exit()
}
repeat()
`

/** Starts it; the function that it returns ends it and tells how many answers there were. */
function startLarge(url: string, large: Large): () => Promise<number> {
  const worker = new Worker(REPEATER, { eval: true, workerData: { url, large } })
  const failed = new Promise<never>((_, reject) => worker.once('error', reject))
  failed.catch(() => {})
  return async () => {
    const ended = new Promise<number>((resolve) => worker.once('message', resolve))
    worker.postMessage('end', [])
    const count = await Promise.race([ended, failed])
    await worker.terminate()
    return count
  }
}

async function post(url: string, body: string, type: string): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'Content-Type': type } })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`bench: ${url} answered ${text}`)
}

const toJson = (request: object): string =>
  JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(share * (sorted.length - 1))]!

/** Small requests, one after the other, for `ms`. */
async function times(task: () => Promise<void>, ms: number): Promise<number[]> {
  const found: number[] = []
  const begin = performance.now()
  while (performance.now() - begin < ms) {
    const start = performance.now()
    await task()
    found.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return found.sort((a, b) => a - b)
}

function uploads(): Record<string, Large> {
  const count = 400_000
  const time = Array.from({ length: count }, (_, i) => (START + i) * 1000)
  const a = Array.from({ length: count }, () => Math.random())
  const row = (i: number) => ({
    tags: { host: `h${i % 100}` },
    time: time[i],
    fields: { a: a[i], b: i },
  })
  const rows = Array.from({ length: 200_000 }, (_, i) => row(i))
  const flat = rows.map(({ tags, fields, ...rest }) =>
    JSON.stringify({ ...tags, ...fields, ...rest }),
  )
  const lines = Array.from(
    { length: count },
    (_, i) => `bulk,host=h${i % 1000} a=${i}.5,b=${i}i ${START + ((i * 7919) % 86_400)}\n`,
  )
  const json = 'application/json'
  return {
    'JSON columns': {
      path: '/v1/points',
      type: json,
      body: toJson({ table: 'js', time, fields: { a } }),
    },
    'JSON rows': { path: '/v1/points', type: json, body: toJson({ table: 'rows', rows }) },
    NDJSON: {
      path: '/v1/import?table=flat&tags=host',
      type: 'application/x-ndjson',
      body: flat.join('\n'),
    },
    'line protocol, late rows, flushes and merges': {
      path: '/v1/write?precision=s',
      type: 'text/plain',
      body: lines.join(''),
    },
  }
}

function everything(): Record<string, Large> {
  const type = 'application/json'
  const queries = Object.entries(LARGE_QUERIES).map(
    ([name, request]) => [name, { path: '/v1/query', type, body: toJson(request) }] as const,
  )
  return {
    ...Object.fromEntries(queries),
    'export of everything, CSV': { path: '/v1/export', type, body: '{"table":"cpu"}' },
    ...uploads(),
  }
}

/** `--points N`: 10,000,000 unless given. `--ms N` of each measurement. */
export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const index = args.indexOf(name)
    return index === -1 ? otherwise : Number(args[index + 1])
  }
  const [points, ms] = [option('--points', 10_000_000), option('--ms', 4_000)]
  const data = mkdtempSync(join(tmpdir(), 'omendb-bench-'))
  const db = await open(data)
  await load(db, points)
  await db.close()
  const server = await startBenchServer(data)
  const lines: Line[] = []
  const query = (): Promise<void> =>
    post(`${server.url}/v1/query`, toJson(SMALL_QUERY), 'application/json')
  const write = (): Promise<void> =>
    post(`${server.url}/v1/write?precision=ms`, smallLine(), 'text/plain')
  const measure = async (name: string, large: Large | null): Promise<void> => {
    for (const [kind, task] of Object.entries({ query, write })) {
      const end = large === null ? async () => 0 : startLarge(server.url, large)
      const found = await times(task, ms)
      const line = {
        name: `${kind} | ${name}`,
        ...{ p50: at(found, 0.5), p99: at(found, 0.99), max: found.at(-1)! },
        large: await end(),
      }
      lines.push(line)
      const numbers = [line.p50, line.p99, line.max].map((value) => value.toFixed(2).padStart(9))
      console.log(`${line.name.padEnd(60)}${numbers.join('')}${String(line.large).padStart(6)}`)
    }
  }
  try {
    for (let i = 0; i < 300; i++) await Promise.all([query(), write()])
    await measure('nothing', null)
    for (const [name, large] of Object.entries(everything())) await measure(name, large)
    await measure('nothing', null)
  } finally {
    await server.stop()
  }
  console.log(
    JSON.stringify({ bench: 'yield over HTTP', points, ms, node: process.version, lines }),
  )
}
