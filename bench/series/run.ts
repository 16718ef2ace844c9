// A million series in one table: how fast new ones and known ones are taken, what they cost in memory,
// and how long the questions take that have to do with their number. Each phase is checked by its count.
//   node scripts/run.js bench/series/run.ts --series 1000000

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Database, open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'

const MIB = 1 << 20
/** Lines of one write, as agents send them. */
const LINES = 10_000
const encoder = new TextEncoder()

interface Result {
  readonly name: string
  readonly value: number
  readonly unit: string
}

const results: Result[] = []

function note(name: string, value: number, unit: string): void {
  results.push({ name, value, unit })
  console.log(`${name.padEnd(48)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)} ${unit}`)
}

/** Runs a task a few times: the least wall time, and the processor time of that run. */
async function timed(name: string, runs: number, task: () => Promise<unknown>): Promise<void> {
  let best = { wall: Infinity, processor: Infinity }
  for (let run = 0; run < runs; run++) {
    const before = process.cpuUsage()
    const start = performance.now()
    await task()
    const wall = performance.now() - start
    const { user, system } = process.cpuUsage(before)
    if (wall < best.wall) best = { wall, processor: (user + system) / 1000 }
  }
  note(name, best.wall, 'ms')
  note(`  processor time of it`, best.processor, 'ms')
}

function lineOf(series: number, second: number): string {
  const rack = series % 1000
  return `cpu,host=host_${series},rack=r${rack},region=eu-${rack % 20} usage=${(series * 7 + second) % 100} ${second}\n`
}

async function writeRound(db: Database, seriesCount: number, second: number): Promise<void> {
  for (let from = 0; from < seriesCount; from += LINES) {
    const lines: string[] = []
    const to = Math.min(seriesCount, from + LINES)
    for (let i = from; i < to; i++) lines.push(lineOf(i, second))
    const batch = db.batch({ precision: 's' })
    batch.lineProtocol(encoder.encode(lines.join('')))
    await batch.commit()
  }
}

function noteMemory(db: Database, when: string): void {
  const { rss, heapUsed } = process.memoryUsage()
  note(`kernel memory in use, ${when}`, db.metrics().memoryBytes / MIB, 'MiB')
  note(`JavaScript heap, ${when}`, heapUsed / MIB, 'MiB')
  note(`resident, ${when}`, rss / MIB, 'MiB')
}

/** What a client waits for: the whole answer over HTTP, its bytes counted. */
async function askOverHttp(db: Database, seriesCount: number): Promise<void> {
  const server = await startServer(db, { port: 0, insecure: true })
  try {
    let bytes = 0
    await timed('latest of all series over HTTP', 2, async () => {
      const response = await fetch(`${server.url}/v1/latest?table=cpu`)
      if (response.status !== 200) throw new Error(`bench: status ${response.status}`)
      bytes = 0
      for await (const chunk of response.body!) bytes += chunk.length
    })
    note('  bytes of it', bytes / MIB, 'MiB')
    if (bytes < seriesCount * 50) throw new Error('bench: an answer is too short')
  } finally {
    server.destroy()
  }
}

/** Deletes a twentieth of the series, and waits until their names are gone. */
async function deleteSome(db: Database, seriesCount: number): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  await timed('delete the points of a region', 1, async () => {
    const { deleted } = await db.deleteRows('cpu', { where: "region = 'eu-3'" })
    if (deleted < seriesCount / 20) throw new Error(`bench: ${deleted} points are deleted`)
  })
  note('  longest turn of it', delays.max / 1e6, 'ms')
  await timed('mean by region, with what is deleted', 2, async () => {
    const { rowCount } = await db.query({ table: 'cpu', select: 'mean(usage)', by: 'region' })
    if (rowCount !== 19) throw new Error('bench: a wrong answer')
  })
  delays.reset()
  await timed('compact, and sweep its series', 1, () => db.compact())
  note('  longest turn of it', delays.max / 1e6, 'ms')
  const [table] = await db.tables()
  if (table!.series !== seriesCount - seriesCount / 20) throw new Error('bench: series are left')
}

async function ask(db: Database, seriesCount: number): Promise<void> {
  const where = { host: `host_${seriesCount >> 1}` }
  const select = { usage: 'mean(usage)' }
  const expect = (isTrue: boolean): void => {
    if (!isTrue) throw new Error('bench: a wrong answer')
  }
  await timed('one series by tag, its points', 20, async () => {
    expect((await db.query({ table: 'cpu', where })).rowCount >= 1)
  })
  await timed('1,000 series by tag, mean', 6, async () => {
    const answer = await db.query({ table: 'cpu', where: { rack: 'r7' }, select })
    expect(answer.stats.series === Math.ceil((seriesCount - 7) / 1000))
  })
  await timed('all series, group by region, mean', 4, async () => {
    expect((await db.query({ table: 'cpu', select, by: 'region' })).rowCount === 20)
  })
  await timed('latest of one series', 20, async () => {
    expect((await db.latest({ table: 'cpu', where })).rowCount === 1)
  })
  await timed('latest of all series', 3, async () => {
    expect((await db.latest({ table: 'cpu' })).rowCount === seriesCount)
  })
  await timed('latest by region', 3, async () => {
    expect((await db.latest({ table: 'cpu', by: 'region' })).rowCount === 20)
  })
  await timed('list 10,000 series', 4, async () => {
    expect((await db.series('cpu')).series.length === Math.min(10_000, seriesCount))
  })
  await timed('list 10,000 hosts', 4, async () => {
    expect((await db.tagValues('cpu', 'host')).values.length === Math.min(10_000, seriesCount))
  })
  await timed('newest 100 points of all', 4, async () => {
    expect((await db.query({ table: 'cpu', order: 'desc', limit: 100 })).rowCount === 100)
  })
}

/** `--series N`: 1,000,000 unless given. `--memory MB`: 1,024 unless given. */
export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(name)
    return at === -1 ? otherwise : Number(args[at + 1])
  }
  const seriesCount = option('--series', 1_000_000)
  const options = {
    memoryBytes: option('--memory', 1024) * MIB,
    seriesMax: seriesCount,
    limits: { timeoutMs: 600_000 },
  }
  const directory = mkdtempSync(join(tmpdir(), 'omendb-series-'))
  const copy = `${directory}-copy`
  try {
    let db = await open(directory, options)
    const start = performance.now()
    await writeRound(db, seriesCount, 1000)
    note('new series a second', seriesCount / ((performance.now() - start) / 1000), '/s')
    noteMemory(db, 'all are new')
    const again = performance.now()
    await writeRound(db, seriesCount, 1010)
    const points = seriesCount / ((performance.now() - again) / 1000)
    note('points of known series a second', points, '/s')
    await ask(db, seriesCount)
    await askOverHttp(db, seriesCount)
    noteMemory(db, 'after the questions')
    // As after kill -9: the log has it all.
    cpSync(directory, copy, { recursive: true, filter: (path) => !/\block(\.|$)/.test(path) })
    await timed('start from the log', 1, async () => {
      const other = await open(copy, options)
      const { rowCount } = await other.latest({ table: 'cpu', where: { host: 'host_7' } })
      if (rowCount !== 1) throw new Error('bench: the log lacks a series')
      await other.close()
    })
    await timed('flush', 1, () => db.flush())
    console.log('-- from segments')
    await ask(db, seriesCount)
    await writeRound(db, seriesCount, 1020)
    await db.flush()
    await timed('compact', 1, () => db.compact())
    console.log('-- after a merge')
    await ask(db, seriesCount)
    noteMemory(db, 'after those from segments')
    await db.close()
    await timed('start from segments', 1, async () => {
      db = await open(directory, options)
    })
    await timed('first question after it: mean by region', 1, () => {
      return db.query({ table: 'cpu', select: 'mean(usage)', by: 'region' })
    })
    noteMemory(db, 'after a start')
    await deleteSome(db, seriesCount)
    await db.close()
    console.log(
      JSON.stringify({ bench: 'series', series: seriesCount, node: process.version, results }),
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
    rmSync(copy, { recursive: true, force: true })
  }
}
