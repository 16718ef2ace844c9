// More data on disk than memory: random doubles, which hardly compress, in one table, then questions of
// every width, while the resident memory is sampled: cold (nothing in the engine's caches, the files
// told to leave the system's page cache) and once more, warm. --directory keeps the data for a next run.
//   node scripts/run.js bench/disk/run.ts --gigabytes 10 --memory 512

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, OmenError, open } from '../../engine/node.ts'

const MIB = 1 << 20
const HOSTS = 50
const FIELDS = 8
/** Points of a host in one batch, a second apart. */
const BATCH_ROWS = 10_000
const START = 1_700_000_000n
const SECOND = 1_000_000_000n

interface Line {
  readonly name: string
  readonly median: number
  readonly late: number
  /** Processor time of a run: what is left of the time when others use the cores too. */
  readonly processor: number
  readonly megabytesRead: number
}

async function write(db: Database, host: number, from: number): Promise<void> {
  const times = BigInt64Array.from(
    { length: BATCH_ROWS },
    (_, i) => (START + BigInt(from + i)) * SECOND,
  )
  const fields = Array.from({ length: FIELDS }, (_, field) => {
    const values = new Float64Array(BATCH_ROWS)
    for (let i = 0; i < BATCH_ROWS; i++) values[i] = Math.random()
    return { name: `f${field}`, type: 0 as const, values, valid: null, declared: true }
  })
  for (;;) {
    try {
      const batch = db.batch()
      batch.points({ table: 't', tags: new Map([['host', `h${host}`]]), times, fields })
      await batch.commit('memory')
      return
    } catch (error) {
      if (!(error instanceof OmenError) || error.code !== 'busy') throw error
    }
  }
}

async function load(db: Database, bytes: number): Promise<number> {
  let rows = 0
  for (let from = 0; db.metrics().segmentBytes < bytes; from += BATCH_ROWS) {
    for (let host = 0; host < HOSTS; host++) await write(db, host, from)
    rows += HOSTS * BATCH_ROWS
    if ((from / BATCH_ROWS) % 20 === 0)
      console.log(
        `${(db.metrics().segmentBytes / MIB).toFixed(0)} MiB after ${(performance.now() / 1000).toFixed(0)} s, resident ${(process.memoryUsage().rss / MIB).toFixed(0)} MiB`,
      )
  }
  await db.flush()
  return rows
}

type Ask = (
  name: string,
  runs: number,
  task: (run: number) => ReturnType<Database['query']>,
) => Promise<void>

async function askOne(lines: Line[], ...[name, runs, task]: Parameters<Ask>): Promise<void> {
  const ms: number[] = []
  let read = 0
  const before = process.cpuUsage()
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    const answer = await task(run)
    ms.push(performance.now() - start)
    read += answer.stats.bytesRead
    if (answer.rowCount === 0) throw new Error(`bench: ${name} found nothing`)
  }
  ms.sort((a, b) => a - b)
  const { user, system } = process.cpuUsage(before)
  const processor = (user + system) / 1000 / runs
  lines.push({
    name,
    median: ms[runs >> 1]!,
    late: ms[Math.floor((runs - 1) * 0.95)]!,
    processor,
    megabytesRead: read / runs / MIB,
  })
  console.log(
    `${name.padEnd(44)} ${ms[runs >> 1]!.toFixed(1).padStart(10)} ms ${processor.toFixed(1).padStart(10)} of CPU ${(read / runs / MIB).toFixed(2).padStart(10)} MiB read`,
  )
}

/** The questions of every width, checked to find something. */
async function askAll(db: Database, perHost: number): Promise<Line[]> {
  const lines: Line[] = []
  const ask: Ask = (...question) => askOne(lines, ...question)
  const where = (run: number): object => ({ host: `h${(run * 17) % HOSTS}` })
  const at = (run: number, width: number): { start: bigint; end: bigint } => {
    const from =
      START + BigInt(Math.floor((((run * 7919) % 1000) / 1000) * Math.max(1, perHost - width)))
    return { start: from * SECOND, end: (from + BigInt(width)) * SECOND }
  }
  await ask('one point of one host', 200, (run) =>
    db.query({ table: 't', where: where(run), ...at(run, 1), precision: 'ns' } as never),
  )
  await ask('an hour of one host, raw', 50, (run) =>
    db.query({ table: 't', where: where(run), ...at(run, 3600), precision: 'ns' } as never),
  )
  await ask('a day of one host, mean per minute', 20, (run) =>
    db.query({
      table: 't',
      where: where(run),
      ...at(run, 86_400),
      select: { m: 'mean(f0)' },
      every: '1m',
      precision: 'ns',
    } as never),
  )
  await ask('latest of all hosts', 20, () => db.latest({ table: 't' }))
  await ask('all hosts, mean per day (summaries)', 3, () =>
    db.query({ table: 't', select: { m: 'mean(f0)', x: 'max(f1)' }, by: ['host'], every: '1d' }),
  )
  await ask('all points, one field filtered', 1, () =>
    db.query({ table: 't', select: { n: 'count(f2)', s: 'stddev(f2)' }, where: 'f2 > 0.5' }),
  )
  await ask('all points, all fields, stddev', 1, () =>
    db.query({
      table: 't',
      select: Object.fromEntries(
        Array.from({ length: FIELDS }, (_, i) => [`s${i}`, `stddev(f${i})`]),
      ),
    }),
  )
  return lines
}

/** Tells the system to forget its cached pages of all files below a directory (GNU dd, no root needed). */
function forgetPages(directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'])
  }
}

/** The most resident bytes since it was asked last, sampled every 20 ms. */
function sampleResident(): { most(): number; end(): void } {
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
  return {
    most: () => {
      const seen = most
      most = 0
      return seen
    },
    end: () => clearInterval(timer),
  }
}

/** `--gigabytes N`: 1 unless given. `--memory MB`: 512 unless given. `--directory D`: kept; not loaded again. */
export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: string): string => {
    const at = args.indexOf(name)
    return at === -1 ? otherwise : args[at + 1]!
  }
  const gigabytes = Number(option('--gigabytes', '1'))
  const memoryBytes = Number(option('--memory', '512')) * MIB
  const options = { memoryBytes, limits: { maxPoints: 1e12, timeoutMs: 600_000 } }
  const kept = option('--directory', '')
  const directory = kept || mkdtempSync(join(tmpdir(), 'omendb-disk-'))
  const resident = sampleResident()
  try {
    if (!existsSync(directory) || readdirSync(directory).length === 0) {
      const db = await open(directory, options)
      const begin = performance.now()
      const rows = await load(db, gigabytes * 1024 * MIB)
      const seconds = (performance.now() - begin) / 1000
      await db.close()
      report({ bench: 'disk load', gigabytes, memoryBytes, rows, seconds, most: resident.most() })
    }
    forgetPages(directory)
    const opening = performance.now()
    const db = await open(directory, options)
    const openMs = performance.now() - opening
    const rows = (await db.tables())[0]!.points
    resident.most()
    console.log('cold')
    const cold = await askAll(db, rows / HOSTS)
    console.log('warm')
    const warm = await askAll(db, rows / HOSTS)
    const { segmentBytes, memoryBytes: kernelBytes } = db.metrics()
    const most = resident.most()
    report({
      bench: 'disk',
      rows,
      segmentBytes,
      memoryBytes,
      openMs,
      kernelBytes,
      most,
      cold,
      warm,
    })
    await db.close()
  } finally {
    resident.end()
    if (!kept) rmSync(directory, { recursive: true, force: true })
  }
}

function report(line: object): void {
  console.log(JSON.stringify({ ...line, node: process.version }))
}
