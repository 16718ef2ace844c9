// What flushes and compactions cost those who come meanwhile: small queries and small durable writes
// are timed one after the other while nothing else runs, during a flush of a full memtable, and
// during the compaction of everything, in a directory on disk.
//   node scripts/run.js bench/engine/background.ts
// OMENDB_HOSTS (100) and OMENDB_HOURS (24) size the set. Milliseconds: median, 99th percentile, most.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { type CpuSet, makeCpuSet, writeHost } from './cpu.ts'
import { questionsOf, requestOf } from './questions.ts'

const IDLE_MS = 3_000
const WRITE_ROWS = 100
const FLUSHES = 4

let written = 0

/** A small batch into a table of its own. */
async function writeSome(database: Database): Promise<void> {
  const lines = Array.from({ length: WRITE_ROWS }, () => `side,s=a v=${written} ${++written}000`)
  const batch = database.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

const COUNT = { table: 'side', select: ['count(*)'] }

interface Samples {
  readonly query: number[]
  readonly write: number[]
}

/** Asks and writes in turn until `work` is done. */
async function sample(database: Database, set: CpuSet, work: Promise<unknown>): Promise<Samples> {
  const state = { isDone: false }
  const end = work.finally(() => (state.isDone = true))
  const samples: Samples = { query: [], write: [] }
  const timed = async (times: number[], action: () => Promise<unknown>): Promise<void> => {
    const start = performance.now()
    await action()
    times.push(performance.now() - start)
    await sleep(1)
  }
  for (let run = 0; !state.isDone; run++) {
    const [question] = questionsOf(set, run % 8)
    await timed(samples.query, () => database.query(requestOf(question!)))
    await timed(samples.write, () => writeSome(database))
  }
  await end
  return samples
}

function line(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): string => {
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2)
  }
  const cells = [String(sorted.length), at(0.5), at(0.99), at(1)]
  console.log(name.padEnd(32) + cells.map((text) => text.padStart(9)).join(''))
}

async function phase(
  name: string,
  database: Database,
  set: CpuSet,
  work: () => Promise<unknown>,
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const { query, write } = await sample(database, set, work())
  const elapsed = performance.now() - start
  delay.disable()
  line(`${name}, query`, query)
  line(`${name}, write of ${WRITE_ROWS} rows`, write)
  const most = (delay.max / 1e6).toFixed(1)
  console.log(`  ${elapsed.toFixed(0)} ms, longest turn ${most} ms`)
}

export async function main(): Promise<void> {
  const { OMENDB_HOSTS: hosts = '100', OMENDB_HOURS: hours = '24' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const directory = mkdtempSync(join(tmpdir(), 'omendb-background-'))
  const database = await open(directory, { memtableRowBytes: 128 << 20, logBytes: 256 << 20 })
  const load = async (turn: number): Promise<void> => {
    for (let host = turn; host < set.hosts; host += FLUSHES) await writeHost(database, set, host)
  }
  await load(0)
  await writeSome(database)
  await database.flush()
  console.log(''.padEnd(32) + ['count', 'median', 'p99', 'most'].map((t) => t.padStart(9)).join(''))
  await phase('nothing', database, set, () => sleep(IDLE_MS))
  for (let turn = 1; turn < FLUSHES; turn++) {
    await load(turn)
    await phase('flush', database, set, () => database.flush())
  }
  await phase('compaction', database, set, () => database.compact())
  await phase('nothing', database, set, () => sleep(IDLE_MS))
  const answer = await database.query(COUNT)
  if (Number(answer.series[0]!.fields[0]!.values[0]) !== written)
    throw new Error('rows are missing')
  await database.close()
  rmSync(directory, { recursive: true })
}
