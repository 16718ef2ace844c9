// What very many parts cost: tables of which each day is a part of its own, then starts, questions of
// one series of every width, a write with its flush, and the longest turn of the event loop meanwhile.
//   node scripts/run.js bench/parts/run.ts --parts 100000

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Database, open } from '../../engine/node.ts'

/** Days, and so parts, of one table. */
const DAYS = 20_000
/** So many points a day make partitions of one day (assembly/partition-width.ts). */
const ROWS_A_DAY = 1_100
const HOSTS = 2
const DAY = 86_400_000_000_000n
const STEP = DAY / BigInt(ROWS_A_DAY)

interface Line {
  readonly name: string
  readonly ms: number
  readonly processor: number
  /** The longest turn of the event loop. */
  readonly turn: number
}

async function fill(db: Database, table: string, days: number): Promise<void> {
  const rows = 20 * ROWS_A_DAY
  for (let day = 0; day < days; day += 20) {
    for (let host = 0; host < HOSTS; host++) {
      const count = host === 0 ? Math.min(rows, (days - day) * ROWS_A_DAY) : 20
      const step = host === 0 ? STEP : DAY
      const times = BigInt64Array.from(
        { length: count },
        (_, i) => BigInt(day) * DAY + BigInt(i) * step,
      )
      const values = new Float64Array(count).fill(day)
      const batch = db.batch()
      const field = { name: 'v', type: 0 as const, values, valid: null, declared: true }
      batch.points({ table, tags: new Map([['host', `h${host}`]]), times, fields: [field] })
      await batch.commit('memory')
    }
  }
}

/** Runs a task a few times: the median, and the longest turn in any. */
async function time(name: string, runs: number, task: () => Promise<unknown>): Promise<Line> {
  const found: number[] = []
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const before = process.cpuUsage()
  loop.enable()
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    await task()
    found.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  loop.disable()
  const { user, system } = process.cpuUsage(before)
  found.sort((a, b) => a - b)
  const ms = found[runs >> 1]!
  const line = { name, ms, processor: (user + system) / 1000 / runs, turn: loop.max / 1e6 }
  const numbers = [line.ms, line.processor, line.turn].map((value) => value.toFixed(1).padStart(10))
  console.log(name.padEnd(50) + numbers.join(''))
  return line
}

async function ask(db: Database, lines: Line[]): Promise<void> {
  const hour = { start: 100n * DAY, end: 100n * DAY + DAY / 24n, precision: 'ns' as const }
  const where = { host: 'h0' }
  const request = (more: object) => ({ table: 't0', where, select: { m: 'mean(v)' }, ...more })
  const run = async (name: string, runs: number, task: () => Promise<unknown>): Promise<void> => {
    lines.push(await time(name, runs, task))
  }
  await run('an hour of one series', 20, () => db.query(request(hour)))
  await run('a year of one series, mean per day', 5, () =>
    db.query(request({ ...hour, end: 465n * DAY, every: '1d' })),
  )
  await run('all of one series, mean', 3, () => db.query(request({})))
  await run('the newest point of each series', 3, () => db.latest({ table: 't0' }))
  await run('the newest 10 points of one series', 3, () =>
    db.query({ table: 't0', where, order: 'desc', limit: 10 }),
  )
  await run('a write and its flush', 3, async () => {
    const batch = db.batch({ precision: 's' })
    batch.lineProtocol(new TextEncoder().encode('t0,host=h0 v=1 86400\n'))
    await batch.commit()
    await db.flush()
  })
}

/** `--parts N`: 100,000 unless given. */
export async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--parts')
  const parts = at === -1 ? 100_000 : Number(args[at + 1])
  const directory = mkdtempSync(join(tmpdir(), 'omendb-parts-'))
  const lines: Line[] = []
  try {
    let db = await open(directory)
    for (let table = 0; table * DAYS < parts; table++) {
      await fill(db, `t${table}`, Math.min(DAYS, parts - table * DAYS))
      await db.flush()
    }
    await db.close()
    const heads = ['median', 'processor', 'turn'].map((text) => text.padStart(10))
    console.log(`${parts} parts, ms`.padEnd(50) + heads.join(''))
    lines.push(await time('start', 1, async () => (db = await open(directory))))
    await ask(db, lines)
    await db.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  console.log(JSON.stringify({ bench: 'parts', parts, node: process.version, lines }))
}
