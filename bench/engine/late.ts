// What late data costs: the cpu set is written in the order of time, with a share of its rows arriving
// up to an hour later (devices that reconnect), and with that share arriving at any moment of the rest
// of the run (the worst there is), into three directories on disk.
//   node scripts/run.js bench/engine/late.ts [--share 0.05] [--memtable MIB] [--runs 3] [--only TEXT]
//     [--again] [--unflushed]
// OMENDB_HOSTS (50) and OMENDB_HOURS (12) size the set. Ingest is measured in RUNS rounds of three;
// then queries over all as the ingest and the merges that it started left them, as queries themselves
// leave them (they have overlap merged), and after `compact()`. Every answer is checked against the
// arrays before it is timed. Behind a question: which share of its blocks was decoded. The last columns:
// in order over late, 0.8 is the aim. `--only` asks the questions whose name has one of the texts between
// bars. With `--again` rows come in time, and that share of them a second time, late; with `--unflushed`
// what is in memory last stays there, and nothing else is asked.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { type CpuSet, STEP_SECONDS, lineOf, makeCpuSet } from './cpu.ts'
import { patiently } from './patiently.ts'
import { type Question, checkAnswer, questionsOf, requestOf } from './questions.ts'
import { randomOf } from './random.ts'
import { measure, printHead, printTimings } from './timing.ts'

const BATCH_ROWS = 2_000
const VARIANTS = 8

interface Row {
  readonly host: number
  readonly step: number
}

/**
 * Batches of line protocol; `share` of the rows come up to `seconds` later, within the run, or come again
 * then.
 */
function batchesOf(set: CpuSet, share: number, seconds: number, isAgain: boolean): Uint8Array[] {
  const { hosts, steps } = set
  const reach = (seconds / STEP_SECONDS) * hosts
  const random = randomOf(7)
  const places: { readonly at: number; readonly row: Row }[] = []
  const rows = hosts * steps
  for (let i = 0; i < rows; i++) {
    const isLate = random() < share
    const row = { host: i % hosts, step: Math.floor(i / hosts) }
    if (isLate) places.push({ at: i + random() * Math.min(reach, rows - i), row })
    if (!isLate || isAgain) places.push({ at: i, row })
  }
  places.sort((a, b) => a.at - b.at)
  const batches: Uint8Array[] = []
  for (let i = 0; i < places.length; i += BATCH_ROWS) {
    const lines = places.slice(i, i + BATCH_ROWS).map(({ row }) => lineOf(set, row.host, row.step))
    batches.push(new TextEncoder().encode(lines.join('')))
  }
  return batches
}

interface Loaded {
  readonly database: Database
  readonly directory: string
  readonly elapsedMs: number
}

/** Writes all batches and flushes; merges that take part meanwhile count, too. */
async function load(
  batches: readonly Uint8Array[],
  memtableMib: number,
  isFlushed: boolean,
): Promise<Loaded> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-late-'))
  const memtableRowBytes = memtableMib * 2 ** 20
  const database = await open(directory, { memtableRowBytes })
  const start = performance.now()
  for (const bytes of batches) await write(database, bytes)
  if (isFlushed) await patiently(() => database.flush())
  return { database, directory, elapsedMs: performance.now() - start }
}

/** Writes a batch, again while the engine says `busy`, as a client does after a 429. */
async function write(database: Database, bytes: Uint8Array): Promise<void> {
  await patiently(() => {
    const batch = database.batch()
    batch.lineProtocol(bytes)
    return batch.commit()
  })
}

async function discard({ database, directory }: Loaded): Promise<void> {
  await database.close()
  rmSync(directory, { recursive: true })
}

/** Blocks that were decoded, of those in reach, over all variants of a question; checks the answers. */
async function decodedShare(set: CpuSet, asked: readonly Question[], task: Ask): Promise<string> {
  let blocks = 0
  let decoded = 0
  for (const [run, question] of asked.entries()) {
    const answer = await task(run)
    checkAnswer(set, question, answer)
    blocks += answer.stats.blocks
    decoded += answer.stats.blocksDecoded
  }
  return `${((100 * decoded) / blocks).toFixed(0)} %`
}

type Ask = (run: number) => ReturnType<Database['query']>

async function ask(
  title: string,
  contenders: readonly Loaded[],
  set: CpuSet,
  only: string,
): Promise<void> {
  const parts = contenders.map(({ database }) => String(database.metrics().segments))
  console.log(`\n${title}, segments: ${parts.join(', ')}`)
  printHead(['in order', 'late 1 h', 'late any'])
  const variants = Array.from({ length: VARIANTS }, (_, i) => questionsOf(set, i))
  for (const [i, { name }] of variants[0]!.entries()) {
    if (!only.split('|').some((text) => name.includes(text))) continue
    const asked = variants.map((questions) => questions[i]!)
    const tasks = contenders.map(({ database }): Ask => (run) => {
      const question = asked[run % VARIANTS]!
      const request = requestOf(question)
      return question.result === 'latest' ? database.latest(request) : database.query(request)
    })
    const shares: string[] = []
    for (const task of tasks) shares.push(await decodedShare(set, asked, task))
    printTimings(`${name} (${shares.join(', ')})`, await measure(tasks))
  }
}

/**
 * Keeps queries from merging parts, so that what they cost before that can be measured. What the ingest
 * has begun to merge is waited for.
 */
async function holdMerges(database: Database): Promise<void> {
  const maintenance = maintenanceOf(database)
  maintenance.relieve = () => Promise.resolve()
  await maintenance.idle()
}

function letMerge(database: Database): void {
  delete maintenanceOf(database).relieve
}

interface Held {
  readonly maintenance: { relieve?: () => Promise<void>; idle(): Promise<void> }
}

const maintenanceOf = (database: Database): Held['maintenance'] =>
  (database as unknown as { current: Held }).current.maintenance

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!

export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, value: string): string => {
    const at = args.indexOf(`--${name}`)
    return at < 0 ? value : args[at + 1]!
  }
  const { OMENDB_HOSTS: hosts = '50', OMENDB_HOURS: hours = '12' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const share = Number(option('share', '0.05'))
  const isAgain = args.includes('--again')
  const isFlushed = !args.includes('--unflushed')
  const orders = [
    batchesOf(set, 0, 0, false),
    batchesOf(set, share, 3600, isAgain),
    batchesOf(set, share, Infinity, isAgain),
  ]
  const times: number[][] = orders.map(() => [])
  let kept: Loaded[] = []
  for (let run = 0; run < Number(option('runs', '3')); run++) {
    for (const old of kept) await discard(old)
    kept = []
    for (const [i, batches] of orders.entries()) {
      const loaded = await load(batches, Number(option('memtable', '4')), isFlushed)
      times[i]!.push(loaded.elapsedMs)
      kept.push(loaded)
    }
  }
  const medians = times.map(median)
  const ratios = medians.slice(1).map((time) => `${(medians[0]! / time).toFixed(2)}×`)
  const shown = medians.map((time) => `${time.toFixed(0)} ms`)
  console.log(`ingest: ${shown.join(', ')}: ${ratios.join(', ')}`)
  const only = option('only', '')
  for (const { database } of kept) await holdMerges(database)
  await ask('as ingest left it', kept, set, only)
  if (isFlushed) {
    for (const { database } of kept) letMerge(database)
    await ask('as queries left it', kept, set, only)
    for (const { database } of kept) await database.compact()
    await ask('after compact()', kept, set, only)
  }
  for (const loaded of kept) await discard(loaded)
}
