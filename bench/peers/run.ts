// OmenDB beside other databases, on the same data, the same questions and this machine:
//   npm run build && npm install --prefix bench/peers && (cd bench/peers && npm rebuild better-sqlite3)
//   apt-get install influxdb victoria-metrics postgresql
//   node scripts/run.js bench/peers/run.ts --suite cpu-100x24,late [--peers omendb,duckdb] [--turns 5]
//     [--out bench/results]
// Suites: small and small-sensors (to try it), cpu-100x24, cpu-1000x12, sensors, late. Files of the points are made first.
// Each peer loads them in a process of its own, is closed, and opened again in another one; every
// answer is checked against the arrays before it is timed; peers are timed in turn, question by
// question, one request at a time. The report of a suite goes to a JSON file, of which
// `node scripts/run.js bench/peers/table.ts` makes the tables of the documents.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Contender, type Course, buildWorker } from './contender.ts'
import { writeInputs } from './inputs.ts'
import { KINDS } from './kinds.ts'
import { type PointSet, cpuData, sensorData, shapeOf } from './point-set.ts'
import { type Question, cpuQuestions, expectedRows, sensorQuestions } from './questions.ts'
import type { PeerReport, Report } from './report.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
const VARIANTS = 8
/** A peer's turn at a question: at least one run, and about so many milliseconds. */
const TURN_MS = 60
const RUNS_MAX = 400
/** Short questions are compiled late. */
const WARM_UP_MS = 200
/** A question that takes longer than this in all is not asked in further turns. */
const QUESTION_MS_MAX = 3_000

interface Suite {
  readonly description: string
  readonly lateShare: number
  make(): PointSet
  ask(data: PointSet, variant: number): Question[]
}

const SUITES: Readonly<Record<string, Suite>> = {
  small: {
    description: 'TSBS cpu-only, 10 hosts × 12 h × 10 fields, 5 % of the points up to an hour late',
    lateShare: 0.05,
    make: () => cpuData(10, 12),
    ask: cpuQuestions,
  },
  'small-sensors': {
    description: 'as sensors, 30 sensors × 2,000 temperatures',
    lateShare: 0,
    make: () => sensorData(30, 2_000),
    ask: sensorQuestions,
  },
  'cpu-100x24': {
    description: 'TSBS cpu-only, 100 hosts × 24 h × 10 fields, a point every 10 s',
    lateShare: 0,
    make: () => cpuData(100, 24),
    ask: cpuQuestions,
  },
  'cpu-1000x12': {
    description: 'TSBS cpu-only, 1,000 hosts × 12 h × 10 fields, a point every 10 s',
    lateShare: 0,
    make: () => cpuData(1_000, 12),
    ask: cpuQuestions,
  },
  sensors: {
    description:
      '1,000 sensors × 10,000 temperatures of two decimals, at times that are exponentially distributed to the millisecond',
    lateShare: 0,
    make: () => sensorData(1_000, 10_000),
    ask: sensorQuestions,
  },
  late: {
    description: 'cpu-100x24 with 5 % of the points up to an hour late',
    lateShare: 0.05,
    make: () => cpuData(100, 24),
    ask: cpuQuestions,
  },
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      suite: { type: 'string', default: 'cpu-100x24' },
      peers: { type: 'string', default: Object.keys(KINDS).join(',') },
      turns: { type: 'string', default: '5' },
      out: { type: 'string' },
    },
  })
  const peers = values.peers.split(',')
  if (values.out !== undefined) mkdirSync(values.out, { recursive: true })
  for (const peer of peers) if (!(peer in KINDS)) throw new Error(`no peer is called ${peer}`)
  for (const name of values.suite.split(',')) {
    const suite = SUITES[name]
    if (suite === undefined) throw new Error(`suites are ${Object.keys(SUITES).join(', ')}`)
    const command = `node scripts/run.js bench/peers/run.ts ${words.join(' ')}`
    const start = performance.now()
    const report = await runSuite(name, suite, peers, Number(values.turns), command)
    const text = `${JSON.stringify(report, null, 1)}\n`
    if (values.out === undefined) console.log(text)
    else writeFileSync(join(values.out, `${name}.json`), text)
    console.error(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
  }
}

async function runSuite(
  name: string,
  suite: Suite,
  peers: readonly string[],
  turns: number,
  command: string,
): Promise<Report> {
  const loadBefore = loadavg()[0]!
  const data = suite.make()
  const directory = mkdtempSync(join(tmpdir(), 'omendb-peers-'))
  // PostgreSQL reads its input as a user of its own.
  chmodSync(directory, 0o755)
  const contenders: Contender[] = []
  try {
    const course = { worker: await buildWorker(WORKER, directory), directory, shape: shapeOf(data) }
    writeInputs(directory, new Set(peers.map((peer) => KINDS[peer]!.input)), data, suite.lateShare)
    for (const peer of peers) {
      const contender = await Contender.load(peer, course, inputOf(course, peer))
      if (contender === null) continue
      contenders.push(contender)
      printLoad(contender.report(), data)
    }
    const variants = Array.from({ length: VARIANTS }, (_, variant) => suite.ask(data, variant))
    for (const contender of contenders) await contender.visit(different(variants.flat()))
    await askAll(contenders, data, variants, turns)
    for (const contender of contenders) await contender.close()
    const { description } = suite
    return {
      suite: name,
      description,
      command,
      date: new Date().toISOString(),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      machine: machineSince(loadBefore),
      points: data.points,
      rows: data.points / data.fields.length,
      peers: contenders.map((contender) => contender.report()),
    }
  } finally {
    for (const contender of contenders) contender.leave()
    rmSync(directory, { recursive: true, force: true })
  }
}

const inputOf = ({ directory }: Course, peer: string): string => join(directory, KINDS[peer]!.input)

function machineSince(loadBefore: number): Report['machine'] {
  return {
    processor: cpus()[0]!.model.trim(),
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
  }
}

/** Wide questions are the same in all variants. */
function different(questions: readonly Question[]): Question[] {
  return [...new Map(questions.map((question) => [JSON.stringify(question), question])).values()]
}

/** Checks and times every question, at all peers in turn. */
async function askAll(
  contenders: readonly Contender[],
  data: PointSet,
  variants: readonly (readonly Question[])[],
  turns: number,
): Promise<void> {
  for (const [i, { name }] of variants[0]!.entries()) {
    const questions = different(variants.map((all) => all[i]!))
    const expected = questions.map((question) => [question, expectedRows(data, question)] as const)
    const able: Contender[] = []
    for (const contender of contenders) if (await contender.check(expected)) able.push(contender)
    await timeInTurn(able, questions, turns)
    const cells = able.map((contender) => {
      return `${contender.name} ${contender.report().times[name]!.median.toFixed(2)}`
    })
    console.error(`${name}: ${cells.join('  ')}`)
  }
}

async function timeInTurn(
  contenders: readonly Contender[],
  questions: readonly Question[],
  turns: number,
): Promise<void> {
  const runs = new Map<Contender, number>()
  const spent = new Map<Contender, number>()
  for (const contender of contenders) {
    const [first] = await contender.warm(questions, 1)
    const warmRuns = Math.min(RUNS_MAX, Math.floor(WARM_UP_MS / first!))
    const warm = warmRuns === 0 ? [first!] : await contender.warm(questions, warmRuns)
    const typical = warm.sort((a, b) => a - b)[warm.length >>> 1]!
    runs.set(contender, Math.min(RUNS_MAX, Math.max(1, Math.round(TURN_MS / typical))))
    spent.set(contender, 0)
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const contender of contenders) {
      const before = spent.get(contender)!
      if (before > QUESTION_MS_MAX) continue
      spent.set(contender, before + (await contender.time(questions, runs.get(contender)!)))
    }
  }
}

function printLoad(peer: PeerReport, { points }: PointSet): void {
  const { title, seconds, settleSeconds, diskBytes, memory } = peer
  const mib = (memory.load / 2 ** 20).toFixed(0)
  console.error(
    `${title}: ${(points / seconds / 1e6).toFixed(2)} M points/s, ${(diskBytes / points).toFixed(2)} B a point, ${mib} MiB, settled in ${settleSeconds.toFixed(1)} s`,
  )
}
