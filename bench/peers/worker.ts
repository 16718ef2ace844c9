// One peer in a process of its own, told by the parent (run.ts) what to do.

import { mkdirSync, writeFileSync } from 'node:fs'
import { openClickHouse } from './clickhouse.ts'
import { type PointSet, cpuData, sensorData } from './point-set.ts'
import { openDuckDb } from './duckdb.ts'
import { openInfluxDb } from './influxdb.ts'
import { openOmenDbServer } from './omendb-server.ts'
import { openOmenDb } from './omendb.ts'
import { type Peer, type PeerOpener, diskBytes, peakMemory } from './peer.ts'
import { openPostgres } from './postgres.ts'
import type { Question, Rows } from './questions.ts'
import { openSqlite } from './sqlite.ts'
import { openVictoria } from './victoria.ts'

export const OPENERS: Readonly<Record<string, PeerOpener>> = {
  omendb: openOmenDb,
  duckdb: openDuckDb,
  clickhouse: openClickHouse,
  sqlite: openSqlite,
  'omendb-http': openOmenDbServer,
  influxdb: openInfluxDb,
  victoria: openVictoria,
  postgres: openPostgres,
}

/** Which set, and how much of it. */
export interface SetSpec {
  readonly kind: 'cpu' | 'sensors'
  readonly series: number
  /** Hours of the cpu set, rows of a sensor. */
  readonly length: number
  readonly lateShare: number
}

export type Order =
  | {
      readonly kind: 'load'
      readonly peer: string
      readonly directory: string
      readonly set: SetSpec
    }
  | { readonly kind: 'rows'; readonly question: Question }
  | { readonly kind: 'time'; readonly questions: readonly Question[]; readonly runs: number }
  | { readonly kind: 'end' }

export interface Loaded {
  readonly title: string
  readonly loading: string
  readonly seconds: number
  readonly settleSeconds: number
  readonly diskBytes: number
  /** Most resident memory while loading, and all after it, without what the process held before. */
  readonly loadMemory: number
}

export function dataOf({ kind, series, length }: SetSpec): PointSet {
  return kind === 'cpu' ? cpuData(series, length) : sensorData(series, length)
}

let peer: Peer

/** What the process held before it was loaded. */
let before = 0

/** The answer to an order. */
async function obey(order: Order): Promise<unknown> {
  if (order.kind === 'load') return load(order.peer, order.directory, order.set)
  if (order.kind === 'rows') return rowsOf(order.question)
  if (order.kind === 'time') return timesOf(order.questions, order.runs)
  const memory = memoryOf()
  await peer.close()
  return memory
}

async function load(name: string, directory: string, set: SetSpec): Promise<Loaded> {
  mkdirSync(directory, { recursive: true })
  peer = await OPENERS[name]!(directory)
  await peer.prepare(dataOf(set), set.lateShare)
  ;(globalThis as { gc?: () => void }).gc?.()
  writeFileSync('/proc/self/clear_refs', '5')
  before = peakMemory('self')
  const start = performance.now()
  await peer.load()
  const loaded = performance.now()
  const loadMemory = memoryOf()
  await peer.settle()
  const settled = performance.now()
  const { title, loading } = peer
  const seconds = (loaded - start) / 1000
  const settleSeconds = (settled - loaded) / 1000
  return { title, loading, seconds, settleSeconds, diskBytes: diskBytes(directory), loadMemory }
}

/** Null: the peer cannot answer it. */
async function rowsOf(question: Question): Promise<Rows | null> {
  const answer = await peer.ask(question)
  return answer === null ? null : peer.rowsOf(question, answer)
}

/** Milliseconds of each run, the questions in turn. */
async function timesOf(questions: readonly Question[], runs: number): Promise<number[]> {
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    await peer.ask(questions[run % questions.length]!)
    times.push(performance.now() - start)
  }
  return times
}

/** The peer's most resident memory since then. */
function memoryOf(): number {
  if (peer.servers.length === 0) return peakMemory('self') - before
  return peer.servers.reduce((sum, server) => sum + peakMemory(server), 0)
}

export function main(): Promise<void> {
  return new Promise(() => {
    process.on('message', async (order: Order) => {
      const reply = await obey(order).then(
        (value) => ({ value }),
        (error: unknown) => ({ error: String((error as Error)?.stack ?? error) }),
      )
      process.send!(reply)
      if (order.kind === 'end') process.disconnect()
    })
    process.once('disconnect', () => process.exit())
  })
}
