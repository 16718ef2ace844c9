// What a shard costs inside workerd: `node scripts/run.js bench/edge/run.ts [POINTS]`. Runs
// `wrangler dev` on the Worker beside this file with a new directory, asks it for one measurement after
// the other and prints them as JSON; docs/edge.md has what came out.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PORT = 18_787
const URL = `http://127.0.0.1:${PORT}`
const IDLE_OBJECTS = 50

interface Answer {
  [name: string]: unknown
}

/** Measures everything; `points` are what the loaded shard holds, 1,000,000 unless given. */
export async function main([points = '1000000']: string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-edge-'))
  let worker = await startWorker(directory)
  try {
    const show = (name: string, value: unknown): void =>
      console.log(`${name}: ${JSON.stringify(value)}`)
    show('instantiate', await ask('idle', 'instantiate'))
    show('open, empty', await ask('idle', 'open'))
    show('app', await ask('idle', 'app'))
    show('idle shard', { ...(await ask('idle', 'memory')), ...(await idleMemory(worker)) })
    for (const size of [1, 100, 5_000]) {
      const object = `batches-${size}`
      show(`batch of ${size}`, await ask(object, `write?n=${size}`))
      show(`batch of ${size}, request`, await ask(object, `requests?n=${size}`))
      show(`batch of ${size}, 8 at once`, await ask(`lanes-${size}`, `pipeline?n=${size}`))
    }
    show('load', await ask('loaded', `load?n=${points}`))
    show('one hour of a series', await ask('loaded', 'query?n=3600'))
    show('one day of a series', await ask('loaded', 'query?n=86400'))
    show('loaded shard', await ask('loaded', 'memory'))
    show('full log', await ask('log', 'write?n=250'))
    await stop(worker)
    worker = await startWorker(directory)
    show('open, full log', await ask('log', 'open'))
    show('flush of it', await ask('log', 'flush'))
    show('open, loaded', await ask('loaded', 'open'))
    show('first query', await ask('loaded', 'first?n=3600'))
  } finally {
    await stop(worker)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function ask(object: string, measurement: string): Promise<Answer> {
  const response = await fetch(`${URL}/${object}/${measurement}`)
  if (!response.ok) throw new Error(`${measurement}: ${await response.text()}`)
  return (await response.json()) as Answer
}

/** Resident bytes of workerd for each of some more objects that are open and rest. */
async function idleMemory(worker: ChildProcess): Promise<Answer> {
  for (let i = 0; i < IDLE_OBJECTS; i++) await ask(`bare-${i}`, 'ping')
  const before = residentBytes(worker.pid!)
  for (let i = 0; i < IDLE_OBJECTS; i++) await ask(`bare-${i}`, 'open')
  return { residentBytes: Math.round((residentBytes(worker.pid!) - before) / IDLE_OBJECTS) }
}

async function startWorker(directory: string): Promise<ChildProcess> {
  const options = ['--port', String(PORT), '--persist-to', directory, '--log-level', 'error']
  const config = join(import.meta.dirname, 'wrangler.jsonc')
  const worker = spawn('npx', ['wrangler', 'dev', '--config', config, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' },
    detached: true,
  })
  for (let i = 0; i < 300; i++) {
    const isUp = await ask('probe', 'ping').then(
      () => true,
      () => false,
    )
    if (isUp) return worker
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await stop(worker)
  throw new Error('wrangler dev does not answer')
}

/** Ends it with all its children. */
async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  process.kill(-worker.pid!, 'SIGTERM')
  await ended
}

/** Of the process and all below it that is workerd. */
function residentBytes(pid: number): number {
  let bytes = 0
  for (const child of childrenOf(pid)) bytes += residentBytes(child)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  if (!/^Name:\s*workerd/m.test(status)) return bytes
  return bytes + Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
}
