// Queries of TSBS's cpu-only suite in process, and three of them over HTTP beside an empty answer:
//   npm run build && node scripts/run.js bench/engine/run.ts --bundle [--against CHECKOUT]
// OMENDB_HOSTS (100) and OMENDB_HOURS (24) size the set. --bundle: what is built in dist/, as users run
// it, not the sources. --against: the code of another checkout runs on the same data in turn with this
// one's. Every answer is checked before it is timed.

import { Agent, request as sendRequest } from 'node:http'
import { resolve } from 'node:path'
import type { Database } from '../../engine/database.ts'
import { type CpuSet, FIELDS, loadCpuSet, makeCpuSet } from './cpu.ts'
import { type Question, checkAnswer, questionsOf, requestOf } from './questions.ts'

const RUNS = 40
const TIMED_MS = 1_000
const WARM_UP = 10_000
const WARM_UP_MS = 3_000
const VARIANTS = 8
const ENCODED = ['1 host, 12 h, 10 fields raw', 'double-groupby-all, 12 h']
const OVER_HTTP = ['single-groupby-1-1-1', 'double-groupby-all, 12 h', 'lastpoint']

/** One checkout's code with the set in it. */
interface Contender {
  readonly name: string
  readonly database: Database
  readonly startServer: ServerEntry['startServer']
  readonly encodeAnswer: EncoderEntry['encodeAnswer']
}

type NodeEntry = typeof import('../../engine/node.ts')
type ServerEntry = typeof import('../../server/node.ts')
type EncoderEntry = typeof import('../../server/encode/json.ts')

async function contend(
  name: string,
  root: string,
  set: CpuSet,
  isBundle: boolean,
): Promise<Contender> {
  const load = (path: string): Promise<unknown> => import(/* @vite-ignore */ resolve(root, path))
  const { open } = (await load(isBundle ? 'dist/node.js' : 'engine/node.ts')) as NodeEntry
  const { startServer } = (await load(
    isBundle ? 'dist/server.js' : 'server/node.ts',
  )) as ServerEntry
  const { encodeAnswer } = (await load('server/encode/json.ts')) as EncoderEntry
  const database = await open('memory:')
  await loadCpuSet(database, set)
  return { name, database, startServer, encodeAnswer }
}

interface Timing {
  readonly median: number
  readonly late: number
}

/** Median and 95th percentile of milliseconds. */
function timingOf(milliseconds: number[]): Timing {
  milliseconds.sort((a, b) => a - b)
  const at = (share: number): number => milliseconds[Math.floor(share * (milliseconds.length - 1))]!
  return { median: at(0.5), late: at(0.95) }
}

/**
 * Runs the tasks in turn, so that all of them meet the same neighbours on the machine: WARM_UP times at
 * most and WARM_UP_MS to warm up (short queries are compiled late), then RUNS times and TIMED_MS at least.
 */
async function measure(tasks: readonly ((run: number) => Promise<unknown>)[]): Promise<Timing[]> {
  const times: number[][] = tasks.map(() => [])
  const once = async (run: number): Promise<void> => {
    for (const [i, task] of tasks.entries()) {
      const start = performance.now()
      await task(run)
      times[i]!.push(performance.now() - start)
    }
  }
  const begin = performance.now()
  const isCold = (run: number): boolean =>
    run < RUNS / 2 || (run < WARM_UP && performance.now() - begin < WARM_UP_MS)
  for (let run = 0; isCold(run); run++) await once(run)
  for (const list of times) list.length = 0
  const timed = performance.now()
  for (let run = 0; run < RUNS || performance.now() - timed < TIMED_MS; run++) await once(run)
  return times.map(timingOf)
}

function ask(database: Database, question: Question): ReturnType<Database['query']> {
  const request = requestOf(question)
  return question.result === 'latest' ? database.latest(request) : database.query(request)
}

const cell = (text: string, width = 9): string => text.padStart(width)
const digits = (milliseconds: number): string => milliseconds.toFixed(milliseconds < 10 ? 3 : 1)

function report(name: string, timings: readonly Timing[]): void {
  const cells = timings.map(({ median, late }) => cell(digits(median)) + cell(digits(late)))
  const gain =
    timings.length > 1 ? cell(`${(timings[0]!.median / timings[1]!.median).toFixed(1)}×`) : ''
  console.log(name.padEnd(28) + cells.join('') + gain)
}

async function embedded(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  const variants = Array.from({ length: VARIANTS }, (_, variant) => questionsOf(set, variant))
  for (const [i, { name }] of variants[0]!.entries()) {
    for (const questions of variants) {
      for (const { database } of contenders)
        checkAnswer(set, questions[i]!, await ask(database, questions[i]!))
    }
    const tasks = contenders.map(({ database }) => {
      return (run: number) => ask(database, variants[run % VARIANTS]![i]!)
    })
    report(name, await measure(tasks))
  }
}

/** JSON text of answers whose values are integers, decimals, and full-precision means. */
async function encoding(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  for (const question of questionsOf(set, 0).filter(({ name }) => ENCODED.includes(name))) {
    const tasks = await Promise.all(
      contenders.map(async ({ database, encodeAnswer }) => {
        const answer = await ask(database, question)
        return async () =>
          [...encodeAnswer(answer, { time: 'ms', integers: 'auto' })].join('').length
      }),
    )
    report(`JSON, ${question.name}`, await measure(tasks))
  }
}

/** Sends a request on a kept connection and reads the answer to its end: its bytes. */
function exchange(agent: Agent, url: string, body: unknown): Promise<number> {
  const { promise, resolve: done, reject } = withResolvers<number>()
  const method = body === null ? 'GET' : 'POST'
  const headers = { 'content-type': 'application/json' }
  const sent = sendRequest(url, { agent, method, headers }, (response) => {
    let size = 0
    response.on('data', (chunk: Buffer) => void (size += chunk.length))
    response.on('end', () =>
      response.statusCode === 200
        ? done(size)
        : reject(new Error(`${url}: ${response.statusCode}`)),
    )
  })
  sent.on('error', reject)
  sent.end(body === null ? undefined : JSON.stringify(body))
  return promise
}

function withResolvers<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
} {
  let done!: (value: T) => void
  let fail!: (error: Error) => void
  const promise = new Promise<T>((resolve, reject) => {
    done = resolve
    fail = reject
  })
  return { promise, resolve: done, reject: fail }
}

async function overHttp(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const servers = await Promise.all(
    contenders.map(({ database, startServer }) => startServer(database, { port: 0 })),
  )
  const empty = await measure(
    servers.map(
      ({ url }) =>
        () =>
          exchange(agent, `${url}/health`, null),
    ),
  )
  report('HTTP, empty answer', empty)
  for (const question of questionsOf(set, 0).filter(({ name }) => OVER_HTTP.includes(name))) {
    const request = requestOf(question)
    const url = question.result === 'latest' ? '/v1/latest?table=cpu' : '/v1/query'
    const body = question.result === 'latest' ? null : request
    const timings = await measure(
      servers.map((server) => () => exchange(agent, server.url + url, body)),
    )
    report(
      `HTTP excess, ${question.name}`,
      timings.map(({ median, late }, i) => {
        return { median: median - empty[i]!.median, late: late - empty[i]!.median }
      }),
    )
  }
  for (const server of servers) await server.close()
  agent.destroy()
}

export async function main(args: readonly string[]): Promise<void> {
  const { OMENDB_HOSTS: hosts = '100', OMENDB_HOURS: hours = '24' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const isBundle = args.includes('--bundle')
  const against = args.indexOf('--against')
  const contenders: Contender[] = []
  if (against >= 0) contenders.push(await contend('before', args[against + 1]!, set, isBundle))
  contenders.push(await contend('this', '.', set, isBundle))
  console.log(`${set.hosts} hosts × ${set.steps} steps × ${FIELDS.length} fields, milliseconds`)
  const heads = contenders.map(({ name }) => cell(name) + cell('p95'))
  console.log(' '.repeat(28) + heads.join(''))
  await embedded(contenders, set)
  await encoding(contenders, set)
  await overHttp(contenders, set)
  for (const { database } of contenders) await database.close()
}
