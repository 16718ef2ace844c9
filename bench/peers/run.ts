// OmenDB beside other databases, on the same data, the same questions and this machine:
//   npm run build && npm install --prefix bench/peers && (cd bench/peers && npm rebuild better-sqlite3)
//   node scripts/run.js bench/peers/run.ts --suite cpu-100x24 [--peers omendb,duckdb] [--turns 5] [--out FILE]
// Suites: small (to try it), cpu-100x24, cpu-1000x12, sensors, late. InfluxDB, VictoriaMetrics and PostgreSQL are Debian's
// packages. Each peer has a process of its own; every answer is checked against the arrays before it is
// timed; peers are timed in turn, question by question, one at a time.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { PointSet } from './point-set.ts'
import {
  type Question,
  type Rows,
  cpuQuestions,
  differenceOf,
  expectedRows,
  sensorQuestions,
} from './questions.ts'
import { type Loaded, type Order, OPENERS, type SetSpec, dataOf } from './worker.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
const RUNNER = fileURLToPath(new URL('../../scripts/run.js', import.meta.url))
const VARIANTS = 8
/** A peer's turn at a question: at least one run, and about so many milliseconds. */
const TURN_MS = 150
const RUNS_MAX = 400

const SUITES: Readonly<Record<string, SetSpec>> = {
  small: { kind: 'cpu', series: 10, length: 12, lateShare: 0 },
  'cpu-100x24': { kind: 'cpu', series: 100, length: 24, lateShare: 0 },
  'cpu-1000x12': { kind: 'cpu', series: 1_000, length: 12, lateShare: 0 },
  sensors: { kind: 'sensors', series: 1_000, length: 10_000, lateShare: 0 },
  late: { kind: 'cpu', series: 100, length: 24, lateShare: 0.05 },
}

interface PeerResult extends Loaded {
  readonly name: string
  queryMemory: number
  /** By question; null: it has no such query. */
  readonly times: Record<string, { median: number; p95: number } | null>
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      suite: { type: 'string', default: 'cpu-100x24' },
      peers: { type: 'string', default: Object.keys(OPENERS).join(',') },
      turns: { type: 'string', default: '5' },
      out: { type: 'string' },
    },
  })
  const spec = SUITES[values.suite]
  if (spec === undefined) throw new Error(`--suite is one of ${Object.keys(SUITES).join(', ')}`)
  const data = dataOf(spec)
  const directory = mkdtempSync(join(tmpdir(), 'omendb-peers-'))
  const workers: Worker[] = []
  try {
    for (const peer of values.peers.split(',')) {
      const worker = await Worker.start(peer, directory, spec)
      if (worker === null) continue
      workers.push(worker)
      printLoad(worker.result, data)
    }
    await askAll(workers, data, spec, Number(values.turns))
    for (const worker of workers) worker.result.queryMemory = await worker.end()
    const peers = workers.map(({ result }) => result)
    const machine = { processor: cpus()[0]!.model, cores: cpus().length, node: process.version }
    const report = {
      suite: values.suite,
      date: new Date().toISOString(),
      machine,
      points: data.points,
      peers,
    }
    if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`)
    printTables(peers, data)
  } finally {
    for (const worker of workers) worker.leave()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Checks and times every question, at all peers in turn. */
async function askAll(
  workers: readonly Worker[],
  data: PointSet,
  { kind }: SetSpec,
  turns: number,
): Promise<void> {
  const questionsOf = kind === 'cpu' ? cpuQuestions : sensorQuestions
  const variants = Array.from({ length: VARIANTS }, (_, variant) => questionsOf(data, variant))
  for (const [i, { name }] of variants[0]!.entries()) {
    const questions = variants.map((all) => all[i]!)
    // Wide questions are the same in all variants.
    const different = new Map(questions.map((question) => [JSON.stringify(question), question]))
    const expected = [...different.values()].map(
      (question) => [question, expectedRows(data, question)] as const,
    )
    const able: Worker[] = []
    for (const worker of workers) {
      if (await worker.check(expected)) able.push(worker)
      else worker.result.times[name] = null
    }
    await timeInTurn(able, questions, turns)
    const cells = able.map(({ peer, result }) => `${peer} ${result.times[name]!.median.toFixed(2)}`)
    console.error(`${name}: ${cells.join('  ')}`)
  }
}

async function timeInTurn(
  workers: readonly Worker[],
  questions: readonly Question[],
  turns: number,
): Promise<void> {
  const samples = new Map(workers.map((worker) => [worker, [] as number[]]))
  const runs = new Map<Worker, number>()
  for (const worker of workers) {
    const warm = await worker.time(questions, questions.length)
    const typical = warm.sort((a, b) => a - b)[warm.length >>> 1]!
    runs.set(worker, Math.min(RUNS_MAX, Math.max(1, Math.round(TURN_MS / typical))))
    // Short questions are compiled late.
    if (typical < 5) await worker.time(questions, RUNS_MAX)
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const worker of workers) {
      samples.get(worker)!.push(...(await worker.time(questions, runs.get(worker)!)))
    }
  }
  for (const [{ result }, times] of samples) {
    times.sort((a, b) => a - b)
    const at = (share: number): number => times[Math.floor(share * (times.length - 1))]!
    result.times[questions[0]!.name] = { median: at(0.5), p95: at(0.95) }
  }
}

/** The process of a peer. */
class Worker {
  readonly peer: string
  readonly result: PeerResult
  private readonly process: ChildProcess

  private constructor(peer: string, process: ChildProcess, loaded: Loaded) {
    this.peer = peer
    this.process = process
    this.result = { name: peer, ...loaded, queryMemory: 0, times: {} }
  }

  /** Starts a peer and loads the set; null, with a word why, if it is not installed. */
  static async start(peer: string, directory: string, set: SetSpec): Promise<Worker | null> {
    const execArgv = ['--expose-gc', '--max-old-space-size=12000']
    const child = fork(RUNNER, [WORKER], { execArgv, serialization: 'advanced' })
    const order: Order = { kind: 'load', peer, directory: join(directory, peer), set }
    try {
      return new Worker(peer, child, (await exchange(child, order)) as Loaded)
    } catch (error) {
      child.disconnect()
      console.error(`${peer} does not take part: ${String(error)}`)
      return null
    }
  }

  /** Whether the peer can answer; throws if an answer is wrong. */
  async check(expected: readonly (readonly [Question, Rows])[]): Promise<boolean> {
    for (const [question, right] of expected) {
      const rows = (await exchange(this.process, { kind: 'rows', question })) as Rows | null
      if (rows === null) return false
      const difference = differenceOf(right, rows)
      if (difference !== null) throw new Error(`${this.peer}: ${question.name}: ${difference}`)
    }
    return true
  }

  async time(questions: readonly Question[], runs: number): Promise<number[]> {
    return (await exchange(this.process, { kind: 'time', questions, runs })) as number[]
  }

  /** Its peak of memory since it was loaded. */
  async end(): Promise<number> {
    return (await exchange(this.process, { kind: 'end' })) as number
  }

  /** It ends by itself, and its servers with it, when nobody talks to it. */
  leave(): void {
    if (this.process.connected) this.process.disconnect()
  }
}

async function exchange(child: ChildProcess, order: Order): Promise<unknown> {
  const died = new AbortController()
  const exit = (): void => died.abort(new Error('its process died'))
  child.once('exit', exit)
  child.send(order)
  const [reply] = (await once(child, 'message', { signal: died.signal })) as [
    { value: unknown; error?: string },
  ]
  child.off('exit', exit)
  if (reply.error !== undefined) throw new Error(reply.error)
  return reply.value
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

function printLoad(peer: PeerResult, { points }: PointSet): void {
  const { title, seconds, diskBytes, loadMemory } = peer
  console.error(
    `${title}: ${(points / seconds / 1e6).toFixed(2)} M points/s, ${(diskBytes / points).toFixed(2)} B a point, ${mib(loadMemory)} MiB`,
  )
}

/** As Markdown. */
function printTables(peers: readonly PeerResult[], { points }: PointSet): void {
  const line = (cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`)
  const rows: [string, (peer: PeerResult) => string][] = [
    ['load, M points/s', ({ seconds }) => (points / seconds / 1e6).toFixed(2)],
    ['bytes a point on disk', ({ diskBytes }) => (diskBytes / points).toFixed(2)],
    ['peak memory, loading, MiB', ({ loadMemory }) => mib(loadMemory)],
    ['peak memory, all, MiB', ({ queryMemory }) => mib(queryMemory)],
  ]
  line(['', ...peers.map(({ title }) => title)])
  line(['---', ...peers.map(() => '---')])
  for (const [name, valueOf] of rows) line([name, ...peers.map(valueOf)])
  for (const name of Object.keys(peers[0]!.times)) {
    const cells = peers.map(({ times }) => {
      const time = times[name]
      return time ? `${digits(time.median)} (${digits(time.p95)})` : '–'
    })
    line([name, ...cells])
  }
}

const digits = (milliseconds: number): string =>
  milliseconds.toFixed(milliseconds < 10 ? 3 : milliseconds < 100 ? 1 : 0)
