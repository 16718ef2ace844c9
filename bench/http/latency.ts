// What a small query costs over HTTP, on one kept connection, question after question: the time above
// an empty answer of a bare Node server, with the same client, in the same run:
//   npm run build && node scripts/run.js bench/http/latency.ts [--rounds 15] [--profile DIRECTORY]
// and the processor time that the server's main thread takes for it (Linux), which tells more on a machine
// with other work. The data is TSBS's cpu-only set (100 hosts × 24 h × 10 fields), flushed and merged before. Answers are
// checked before anything is timed. `--profile` leaves a V8 profile of the server's processor time.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from '../../engine/node.ts'
import type { Answer } from '../../engine/query/query.ts'
import { loadCpuSet, makeCpuSet } from '../engine/cpu.ts'
import { Connection, checkText } from '../engine/http.ts'
import { type Question, checkAnswer, questionsOf, requestOf } from '../engine/questions.ts'
import { startBenchServer } from './server.ts'

const HOSTS = 100
const HOURS = 24
/** Hosts and hours that a question is asked of, in turn. */
const VARIANTS = 8
/** Requests of one kind in a row; a round is one such stretch of each. */
const STRETCH = 40

const NAMES = [
  '1 host, 1 h, 1 field raw',
  '1 host, 1 h, 10 fields raw',
  'single-groupby-1-1-1',
  'single-groupby-5-1-1',
  'single-groupby-1-1-12',
  'single-groupby-1-8-1',
  'lastpoint',
  'count(*) of all',
]

const EMPTY_SERVER = `
  require('node:http')
    .createServer((request, response) => request.resume().on('end', () => response.end('{}')))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port) })`

interface EmptyServer {
  readonly url: string
  readonly pid: number
  stop(): void
}

async function startEmptyServer(): Promise<EmptyServer> {
  const child = spawn(process.execPath, ['-e', EMPTY_SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  const url = `http://127.0.0.1:${Number(port.toString())}`
  return { url, pid: child.pid!, stop: () => void child.kill() }
}

interface Kind {
  readonly name: string
  /** Of the server that answers. */
  readonly pid: number
  /** Milliseconds of each request. */
  readonly times: number[]
  /** Milliseconds of processor time of a request, of each stretch. */
  readonly processor: number[]
  readonly send: (variant: number) => Promise<unknown>
}

/** Milliseconds that the main thread of a process has run. */
function processorTime(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return Number.NaN
  }
}

async function timeKinds(kinds: readonly Kind[], rounds: number): Promise<void> {
  for (let round = -2; round < rounds; round++) {
    for (const { pid, times, processor, send } of kinds) {
      const before = processorTime(pid)
      for (let i = 0; i < STRETCH; i++) {
        const start = performance.now()
        await send(i % VARIANTS)
        if (round >= 0) times.push(performance.now() - start)
      }
      if (round >= 0) processor.push((processorTime(pid) - before) / STRETCH)
    }
  }
}

function quantile(times: readonly number[], q: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!
}

function print(kinds: readonly Kind[]): void {
  const empty = kinds[0]!
  const cpu = 'processor, median of stretches'
  console.log(`| | p10 ms | median | p95 | median over empty | ${cpu} | over empty |`)
  console.log('|---|---|---|---|---|---|---|')
  for (const { name, times, processor } of kinds) {
    const cells = [
      ...[0.1, 0.5, 0.95].map((q) => quantile(times, q)),
      quantile(times, 0.5) - quantile(empty.times, 0.5),
      quantile(processor, 0.5),
      quantile(processor, 0.5) - quantile(empty.processor, 0.5),
    ]
    console.log(`| ${[name, ...cells.map((cell) => cell.toFixed(3))].join(' | ')} |`)
  }
}

/** Fills a directory, and the answers of the engine, checked against the arrays. */
async function prepare(directory: string): Promise<Map<Question, Answer>> {
  const set = makeCpuSet(HOSTS, HOURS)
  const db = await open(directory)
  await loadCpuSet(db, set)
  const answers = new Map<Question, Answer>()
  for (let variant = 0; variant < VARIANTS; variant++) {
    for (const question of questionsOf(set, variant)) {
      if (!NAMES.includes(question.name)) continue
      const answer = await (question.result === 'latest'
        ? db.latest({ table: 'cpu' })
        : db.query(requestOf(question)))
      if (question.result !== 'latest') checkAnswer(set, question, answer)
      answers.set(question, answer)
    }
  }
  await db.close()
  return answers
}

/** Entry called by scripts/run.js. */
export async function main(args: string[]): Promise<void> {
  const options = {
    rounds: { type: 'string', default: '15' },
    profile: { type: 'string' },
  } as const
  const { rounds, profile } = parseArgs({ args, options }).values
  const directory = mkdtempSync(join(tmpdir(), 'omendb-latency-'))
  const answers = await prepare(directory)
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const empty = await startEmptyServer()
  const server = await startBenchServer(directory, flags)
  const bare = new Connection(empty.url)
  const connection = new Connection(server.url)
  try {
    for (const [question, answer] of answers) checkText(await connection.ask(question), answer)
    const byName = (name: string): Question[] =>
      [...answers.keys()].filter((question) => question.name === name)
    const ours = () => ({ pid: server.pid, times: [], processor: [] })
    const kinds: Kind[] = [
      {
        ...{ name: 'empty answer of a bare server', pid: empty.pid, times: [], processor: [] },
        send: () => bare.empty(),
      },
      { name: '/health', ...ours(), send: () => connection.empty() },
      ...NAMES.map((name): Kind => {
        const questions = byName(name)
        return { name, ...ours(), send: (variant) => connection.ask(questions[variant]!) }
      }),
    ]
    await timeKinds(kinds, Number(rounds))
    console.log(`Node ${process.version}, ${server.program}, ${rounds} rounds of ${STRETCH}\n`)
    print(kinds)
  } finally {
    bare.close()
    connection.close()
    empty.stop()
    await server.stop()
  }
}
