// Write amplification of a long ingest: points in the order of time, then with a share of them late by
// up to an hour, then by up to the whole run, each in FLUSHES flushes into memory. Bytes of segments
// that flushes and compactions wrote, over those that flushes wrote.
//   node scripts/run.js bench/engine/amplification.ts
// OMENDB_HOSTS (200) and OMENDB_HOURS (28) size the set: 20 million points. `--queries`: between flushes
// an hourly mean over the last six hours of all hosts, as a dashboard asks, so that overlap is merged.

import { setImmediate as nextMacrotask } from 'node:timers/promises'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { type CpuSet, EPOCH, FIELDS, STEP, STEP_SECONDS, makeCpuSet, writeSteps } from './cpu.ts'
import { randomOf } from './random.ts'

const FLUSHES = 64
const LATE_SHARE = 0.05

/** For each flush and host, the steps that arrive then; `delay` in steps is the most. */
function arrivalsOf({ hosts, steps }: CpuSet, delay: number): number[][][] {
  const random = randomOf(11)
  const width = Math.ceil(steps / FLUSHES)
  const flushes = Array.from({ length: FLUSHES }, () => {
    return Array.from({ length: hosts }, (): number[] => [])
  })
  for (let host = 0; host < hosts; host++) {
    for (let step = 0; step < steps; step++) {
      const wait = delay > 0 && random() < LATE_SHARE ? random() * delay : 0
      const arrival = Math.min(steps - 1, Math.floor(step + wait))
      flushes[Math.floor(arrival / width)]![host]!.push(step)
    }
  }
  return flushes
}

/** An hourly mean over the last six hours, as a dashboard asks for. */
async function look(database: Database, step: number): Promise<void> {
  const end = EPOCH + BigInt(step) * STEP
  const start = String(end - 6n * 3_600_000_000_000n)
  const range = { start, end: String(end), precision: 'ns' as const }
  await database.query({ table: 'cpu', ...range, select: ['mean(usage_user)'], every: '1h' })
}

async function ingest(set: CpuSet, delay: number, hasQueries: boolean): Promise<string[]> {
  const database = await open('memory:')
  let segments = 0
  for (const [i, byHost] of arrivalsOf(set, delay).entries()) {
    for (const [host, steps] of byHost.entries()) {
      if (steps.length > 0) await writeSteps(database, set, host, steps)
      // Memory is durable at once: a disk would leave merges this time.
      await nextMacrotask()
    }
    await database.flush()
    segments = Math.max(segments, database.metrics().segments)
    if (hasQueries) await look(database, Math.floor(((i + 1) * set.steps) / FLUSHES))
  }
  const { flushBytes, compactionReadBytes, compactionWrittenBytes } = database.metrics()
  const answer = await database.query({ table: 'cpu', select: ['count(*)'] })
  const rows = Number(answer.series[0]!.fields[0]!.values[0])
  if (rows !== set.hosts * set.steps) throw new Error(`${rows} rows`)
  await database.close()
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  const ratio = (flushBytes + compactionWrittenBytes) / flushBytes
  const bytes = [flushBytes, compactionReadBytes, compactionWrittenBytes].map(mib)
  return [...bytes, ratio.toFixed(2), String(segments)]
}

export async function main(args: readonly string[]): Promise<void> {
  const { OMENDB_HOSTS: hosts = '200', OMENDB_HOURS: hours = '28' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const points = (set.hosts * set.steps * FIELDS.length) / 1e6
  console.log(`${points.toFixed(1)} M points in ${FLUSHES} flushes, MiB`)
  const head = ['flushed', 'read', 'merged', 'ratio', 'files']
  const print = (name: string, cells: readonly string[]): void => {
    console.log(name.padEnd(28) + cells.map((text) => text.padStart(10)).join(''))
  }
  print('', head)
  const delays = {
    'in order': 0,
    'late up to 1 h': 3600 / STEP_SECONDS,
    'late up to all': set.steps,
  }
  for (const [name, delay] of Object.entries(delays)) {
    print(name, await ingest(set, delay, args.includes('--queries')))
  }
}
