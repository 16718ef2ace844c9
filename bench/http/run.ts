// Load over real HTTP with autocannon, in the scenario that k6 has (bench/k6/scenario.js):
//   npm run build && node scripts/run.js bench/http/run.ts [--runs 5] [--seconds 10] [--out FILE]
//   node scripts/run.js bench/http/run.ts --k6     the same with k6, where it is on the PATH
// Each run has a new server, answers are checked before timing, and the table gives the median and
// the range of all runs.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import autocannon, { type Options, type Result } from 'autocannon'
import * as scenario from '../k6/scenario.js'
import { startBenchServer } from './server.ts'

/** What one run of one load gave. Latencies in milliseconds. */
interface Measure {
  load: string
  requestsPerSecond: number
  pointsPerSecond: number | null
  p50: number
  p97_5: number
  p99: number
}

async function post(url: string, body: string): Promise<void> {
  const answer = await fetch(`${url}/v1/write?precision=ms`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body,
  })
  if (!answer.ok) throw new Error(`write answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}

/** Writes the day that the queries read. */
async function seed(url: string): Promise<void> {
  const { HOST_COUNT, STEP_COUNT, SEED_STEPS } = scenario
  for (let host = 0; host < HOST_COUNT; host++) {
    for (let first = 0; first < STEP_COUNT; first += SEED_STEPS) {
      await post(url, scenario.seedBody(host, first, Math.min(STEP_COUNT, first + SEED_STEPS)))
    }
  }
}

/** Throws unless every query has the right answer. */
async function checkAnswers(url: string): Promise<void> {
  for (const query of scenario.QUERIES) {
    const answer = await fetch(url + query.path)
    const text = await answer.text()
    if (!answer.ok || !query.check(JSON.parse(text) as scenario.ScenarioAnswer)) {
      throw new Error(`${query.name}: wrong answer ${answer.status}: ${text.slice(0, 500)}`)
    }
  }
}

async function load(name: string, options: Options, points: number | null): Promise<Measure> {
  const result: Result = await autocannon(options)
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) {
    const statuses = JSON.stringify(result.statusCodeStats)
    throw new Error(`${name}: ${failed} requests failed: ${statuses}, errors ${result.errors}`)
  }
  const requestsPerSecond = result['2xx'] / result.duration
  return {
    load: name,
    requestsPerSecond,
    pointsPerSecond: points === null ? null : requestsPerSecond * points,
    p50: result.latency.p50,
    p97_5: result.latency.p97_5,
    p99: result.latency.p99,
  }
}

/** Each connection writes points of its own. */
function writeOptions(url: string, seconds: number, connections: number): Options {
  let client = 0
  return {
    url: `${url}/v1/write?precision=ms`,
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    connections,
    duration: seconds,
    setupClient(connection) {
      const next = scenario.createWriter(client++)
      connection.setBody(next())
      connection.on('response', () => connection.setBody(next()))
    },
  }
}

/** Writes at a steady rate while dashboards ask all queries in turn. */
function mixedLoads(url: string, seconds: number): Promise<Measure[]> {
  const { writesPerSecond, writers, dashboards } = scenario.MIXED
  const { points } = scenario.WRITE
  const writing: Options = { ...writeOptions(url, seconds, writers), overallRate: writesPerSecond }
  const asking: Options = {
    url,
    connections: dashboards,
    duration: seconds,
    requests: scenario.QUERIES.map(({ path }) => ({ path })),
  }
  return Promise.all([
    load(`together: write, ${points} points, ${writesPerSecond} a second`, writing, points),
    load('together: dashboards, all queries in turn', asking, null),
  ])
}

async function runOnce(seconds: number): Promise<{ measures: Measure[]; program: string }> {
  const server = await startBenchServer()
  try {
    const { url, program } = server
    await seed(url)
    await checkAnswers(url)
    const measures: Measure[] = []
    const { connections } = scenario.QUERY
    for (const { name, path } of [{ name: 'empty answer', path: '/ping' }, ...scenario.QUERIES]) {
      measures.push(await load(name, { url: url + path, connections, duration: seconds }, null))
    }
    const { connections: writers, points } = scenario.WRITE
    const writing = writeOptions(url, seconds, writers)
    measures.push(await load(`write, ${points} points a request`, writing, points))
    // Other points than before: the writers of both begin with the same.
    await truncate(url)
    measures.push(...(await mixedLoads(url, seconds)))
    await checkAnswers(url)
    return { measures, program }
  } finally {
    await server.stop()
  }
}

/** Drops the table that was written. */
async function truncate(url: string): Promise<void> {
  const answer = await fetch(`${url}/v1/tables/${scenario.WRITE.table}`, { method: 'DELETE' })
  if (!answer.ok) throw new Error(`the drop answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function summarize(values: readonly number[]): string {
  const show = (value: number): string =>
    value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1)
  return `${show(median(values))} (${show(Math.min(...values))}–${show(Math.max(...values))})`
}

function printTable(runs: readonly Measure[][]): void {
  console.log('| load | requests/s | points/s | p50 ms | p97.5 ms | p99 ms |')
  console.log('|---|---|---|---|---|---|')
  for (const [index, { load: name, pointsPerSecond }] of runs[0]!.entries()) {
    const of = (pick: (measure: Measure) => number): string =>
      summarize(runs.map((run) => pick(run[index]!)))
    const points = pointsPerSecond === null ? '' : of((measure) => measure.pointsPerSecond!)
    const cells = [of((m) => m.requestsPerSecond), points, of((m) => m.p50), of((m) => m.p97_5)]
    console.log(`| ${[name, ...cells, of((m) => m.p99)].join(' | ')} |`)
  }
}

async function runK6(seconds: number): Promise<void> {
  const k6 = process.env['K6'] ?? 'k6'
  for (const script of ['query', 'write', 'mixed']) {
    const server = await startBenchServer()
    try {
      const env = ['-e', `OMENDB_URL=${server.url}`, '-e', `SECONDS=${seconds}`]
      const run = spawnSync(k6, ['run', ...env, `bench/k6/${script}.js`], { stdio: 'inherit' })
      if (run.error) throw new Error('k6 is not on the PATH')
      if (run.status !== 0) throw new Error(`k6 ${script}.js exited with ${run.status}`)
    } finally {
      await server.stop()
    }
  }
}

/** Entry called by scripts/run.js. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: String(scenario.SECONDS) },
      out: { type: 'string' },
      k6: { type: 'boolean', default: false },
    },
  })
  const seconds = Number(values.seconds)
  if (values.k6) return runK6(seconds)

  const processors = cpus()
  const machine = `${processors[0]!.model.trim()}, ${processors.length} cores`
  console.log(`${machine}, Node ${process.version}, autocannon; ${seconds} s each`)
  const runs: Measure[][] = []
  let program = ''
  for (let run = 0; run < Number(values.runs); run++) {
    const once = await runOnce(seconds)
    runs.push(once.measures)
    program = once.program
  }
  printTable(runs)
  if (values.out === undefined) return
  const result = { machine, node: process.version, program, seconds, scenario: facts(), runs }
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`)
}

function facts(): object {
  const { HOST_COUNT, STEP_COUNT, STEP_MS, FIELDS, WRITE, QUERY, MIXED } = scenario
  return {
    hosts: HOST_COUNT,
    steps: STEP_COUNT,
    stepMs: STEP_MS,
    fields: FIELDS.length,
    WRITE,
    QUERY,
    MIXED,
  }
}
