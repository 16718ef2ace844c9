// Writes over HTTP, synced before each answer: TSBS lines in bodies of 3 MiB on two connections and in
// bodies of 100 lines on many, and the same points as columns of JSON. Points a second with the client on the same machine, and what does
// not depend on how busy that is: processor time of the server for each million points.
//   npm run build && node scripts/run.js bench/http/ingest.ts [--hours 12] [--runs 3] [--profile DIRECTORY]
//     [--only WORD]   loads with this word in their names

import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type PointSet, cpuData, lineOf, seriesTexts } from '../peers/point-set.ts'
import { type BenchServer, startBenchServer } from './server.ts'

const HOSTS = 100
interface Load {
  readonly name: string
  /** Rows of a body. */
  readonly lines: number
  readonly connections: number
  /** Of all points. */
  readonly share: number
  readonly isJson?: boolean
}

const LOADS: readonly Load[] = [
  { name: 'bodies of 9,000 lines, 2 connections', lines: 9_000, connections: 2, share: 1 },
  { name: 'bodies of 100 lines, 2 connections', lines: 100, connections: 2, share: 0.25 },
  { name: 'bodies of 100 lines, 16 connections', lines: 100, connections: 16, share: 0.25 },
  {
    ...{ name: 'JSON columns, 10 hosts × 720 rows a body, 2 connections', lines: 7_200 },
    ...{ connections: 2, share: 1, isJson: true },
  },
]

interface Measure {
  /** Millions. */
  readonly pointsPerSecond: number
  /** Millions. */
  readonly bytesPerSecond: number
  /** Milliseconds of the server for a million points. */
  readonly serverMs: number
  /** Most resident memory of the server while it was loaded, in MiB. */
  readonly memory: number
}

interface Bodies {
  readonly bodies: Buffer[]
  readonly rows: number
}

function bodiesOf(hours: number, { lines, share, isJson }: Load): Bodies {
  const set = cpuData(HOSTS, hours)
  return isJson ? jsonBodies(set, lines) : lineBodies(set, lines, share)
}

/** Bodies of columns of ten hosts each. */
function jsonBodies({ table, tagKeys, series, fields }: PointSet, rows: number): Bodies {
  const bodies: Buffer[] = []
  const steps = series[0]!.times.length
  for (let from = 0; from < steps; from += rows / 10) {
    for (let host = 0; host < HOSTS; host += 10) {
      const entries = series.slice(host, host + 10).map(({ tags, times, values }) => {
        const cut = (column: Float64Array): number[] => [...column.subarray(from, from + rows / 10)]
        return {
          table,
          tags: Object.fromEntries(tagKeys.map((key, i) => [key, tags[i]!])),
          time: cut(times),
          fields: Object.fromEntries(fields.map((name, i) => [name, cut(values[i]!)])),
        }
      })
      bodies.push(Buffer.from(JSON.stringify(entries)))
    }
  }
  return { bodies, rows: steps * HOSTS }
}

/** Bodies of whole lines, in the order in which TSBS writes them: host by host, step by step. */
function lineBodies(set: PointSet, lines: number, share: number): Bodies {
  const texts = seriesTexts(set)
  const rows = Math.floor((set.points / set.fields.length) * share)
  const bodies: Buffer[] = []
  for (let from = 0; from < rows; from += lines) {
    let text = ''
    for (let i = from; i < Math.min(rows, from + lines); i++) {
      const place = { series: i % HOSTS, row: Math.floor(i / HOSTS) }
      text += lineOf(set, place, texts[place.series]!)
    }
    bodies.push(Buffer.from(text))
  }
  return { bodies, rows }
}

async function sendAll(
  url: string,
  bodies: readonly Buffer[],
  { connections, isJson }: Load,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const send = (body: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const type = isJson ? 'application/json' : 'text/plain'
      const headers = { 'Content-Type': type, 'Content-Length': body.length }
      const target = `${url}/v1/${isJson ? 'points' : 'write'}?precision=ms`
      const call = request(target, { method: 'POST', agent, headers }, (answer) => {
        answer.resume()
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve()
          else reject(new Error(`bench: status ${answer.statusCode}`))
        })
      })
      call.on('error', reject)
      call.end(body)
    })
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < bodies.length) await send(bodies[next++]!)
  }
  await Promise.all(Array.from({ length: connections }, sender))
  agent.destroy()
}

/** Milliseconds of processor time so far. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

async function checkCount({ url }: BenchServer, rows: number): Promise<void> {
  const answer = await fetch(`${url}/v1/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ table: 'cpu', select: { n: 'count(usage_user)' } }),
  })
  const { series } = (await answer.json()) as { series: { fields: { n: number[] } }[] }
  const count = series[0]!.fields.n[0]
  if (count !== rows) throw new Error(`bench: ${count} of ${rows} rows are there`)
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Entry called by scripts/run.js. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      hours: { type: 'string', default: '12' },
      runs: { type: 'string', default: '3' },
      profile: { type: 'string' },
      only: { type: 'string', default: '' },
    },
  })
  const nodeArguments =
    values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`)
  console.log(
    '| load | M points/s | MB/s | server ms per M points | peak MiB |\n|---|---|---|---|---|',
  )
  for (const load of LOADS.filter(({ name }) => name.includes(values.only))) {
    const { bodies, rows } = bodiesOf(Number(values.hours), load)
    const megabytes = bodies.reduce((sum, { length }) => sum + length, 0) / 1e6
    const points = (rows * 10) / 1e6
    const measures: Measure[] = []
    for (let run = 0; run < Number(values.runs); run++) {
      const server = await startBenchServer(undefined, nodeArguments)
      try {
        const before = processorMs(server.pid)
        const start = performance.now()
        await sendAll(server.url, bodies, load)
        const seconds = (performance.now() - start) / 1000
        const serverMs = (processorMs(server.pid) - before) / points
        const memory = peakMemory(server.pid)
        await checkCount(server, rows)
        const pace = { pointsPerSecond: points / seconds, bytesPerSecond: megabytes / seconds }
        measures.push({ ...pace, serverMs, memory })
      } finally {
        await server.stop()
      }
    }
    const cell = (pick: (measure: Measure) => number, digits: number): string => {
      const all = measures.map(pick)
      const [least, most] = [Math.min(...all), Math.max(...all)]
      return `${median(all).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`
    }
    const paces = [cell((m) => m.pointsPerSecond, 2), cell((m) => m.bytesPerSecond, 0)]
    const costs = [cell((m) => m.serverMs, 0), cell((m) => m.memory, 0)]
    console.log(`| ${[load.name, ...paces, ...costs].join(' | ')} |`)
  }
}
