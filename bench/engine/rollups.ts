// What a rollup saves: a year of points, one every ten seconds of each host, in two tables on disk, one
// with a rollup of an hour. Buckets of a day are asked of both: of the year, of a month, and of one host;
// then of the rollup alone, when all points but those of the last month have expired.
//   node scripts/run.js bench/engine/rollups.ts [--hosts 2] [--days 365]
// The values are quarters, so that sums are exact in any order: answers are compared bit by bit, each
// before it is timed. The last column: how much less processor time the rollup takes than the points.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../engine/database.ts'
import type { Answer, QueryRequest } from '../../engine/query/query.ts'
import { open } from '../../engine/node.ts'
import { randomOf } from './random.ts'
import { measure, printHead, printTimings } from './timing.ts'

const DAY = 86_400_000_000_000n
const STEP = 10_000_000_000n
const DAY_ROWS = Number(DAY / STEP)
/** The last day ends as today begins, so that a retention leaves what it should. */
const END = ((BigInt(Date.now()) * 1_000_000n) / DAY) * DAY
const TABLES = ['points', 'rolled'] as const
const FIELDS = { usage: 'float', count: 'integer' } as const

/** A day of a host, the same in both tables. */
async function writeDay(
  database: Database,
  host: number,
  day: bigint,
  random: () => number,
): Promise<void> {
  const times = BigInt64Array.from({ length: DAY_ROWS }, (_, i) => day + BigInt(i) * STEP)
  const usage = Float64Array.from(times, () => Math.floor(random() * 400) / 4)
  const count = BigInt64Array.from(times, () => BigInt(Math.floor(random() * 1e6)))
  for (const table of TABLES) {
    const batch = database.batch()
    const field = { valid: null, declared: true }
    batch.points({
      ...{ table, tags: new Map([['host', `h${host}`]]), times },
      fields: [
        { name: 'usage', type: 0, values: usage, ...field },
        { name: 'count', type: 1, values: count, ...field },
      ],
    })
    await batch.commit('memory')
  }
}

interface Question {
  readonly name: string
  readonly request: Omit<QueryRequest, 'table'>
}

function questionsOf(days: number): Question[] {
  const select = ['mean(usage)', 'max(usage)', 'sum(count)', 'last(count)']
  const from = (count: number): { start: string; end: string; precision: 'ns' } => {
    return { start: String(END - BigInt(count) * DAY), end: String(END), precision: 'ns' }
  }
  const year = { every: '1d', select, ...from(days) }
  return [
    { name: 'year by day and host', request: { ...year, by: 'host' } },
    { name: 'year by day', request: year },
    { name: 'year by day, one host', request: { ...year, where: { host: 'h0' } } },
    { name: 'year by month', request: { ...year, every: '1mo' } },
    { name: 'month by day', request: { ...year, ...from(30) } },
    { name: 'day by hour', request: { ...year, every: '1h', ...from(1) } },
    { name: 'newest 5 days', request: { ...year, order: 'desc', limit: 5 } },
  ]
}

/** Everything of an answer that is data. */
function textOf({ columns, series }: Answer): string {
  return JSON.stringify(
    [
      columns,
      series.map(({ tags, time, fields }) => {
        return [
          [...tags],
          time,
          fields.map(({ values, valid }) => [
            Array.from(values as ArrayLike<unknown>, String),
            valid,
          ]),
        ]
      }),
    ],
    (_, value: unknown) => (value instanceof BigInt64Array ? Array.from(value, String) : value),
  )
}

async function compare(title: string, database: Database, days: number): Promise<void> {
  console.log(`\n${title}`)
  printHead(['points', 'rollup'])
  for (const { name, request } of questionsOf(days)) {
    const tasks = TABLES.map((table) => () => database.query({ table, ...request }))
    const [points, rolled] = await Promise.all(tasks.map((task) => task()))
    if (textOf(points!) !== textOf(rolled!)) throw new Error(`${name}: the answers differ`)
    if (rolled!.stats.rollup === null) throw new Error(`${name}: no rollup answered`)
    printTimings(name, await measure(tasks))
  }
}

export async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, value: number): number => {
    const at = args.indexOf(`--${name}`)
    return at < 0 ? value : Number(args[at + 1])
  }
  const hosts = option('hosts', 2)
  const days = option('days', 365)
  const directory = mkdtempSync(join(tmpdir(), 'omendb-rollups-'))
  const database = await open(directory)
  try {
    const rollups = [
      {
        name: 'hours',
        every: '1h',
        select: {
          ...{ mean: 'mean(usage)', most: 'max(usage)', sum: 'sum(count)', last: 'last(count)' },
        },
      },
    ]
    for (const table of TABLES) await database.putTable(table, { tags: ['host'], fields: FIELDS })
    const random = randomOf(1)
    for (let day = days; day > 0; day--) {
      for (let host = 0; host < hosts; host++) {
        await writeDay(database, host, END - BigInt(day) * DAY, random)
      }
    }
    await database.flush()
    const start = performance.now()
    await database.putTable('rolled', { rollups })
    await database.refresh()
    console.log(
      `${hosts * days * DAY_ROWS} points a table; built in ${(performance.now() - start).toFixed(0)} ms`,
    )
    await database.compact()
    await compare('all points there', database, days)
    await database.putTable('rolled', { retention: '32d' })
    await database.refresh()
    await database.compact()
    const sizes = await Promise.all([...TABLES, 'hours'].map((table) => database.tableStats(table)))
    console.log(
      `\n${sizes.map(({ name, rows, bytes }) => `${name}: ${rows} rows, ${(bytes / 2 ** 20).toFixed(1)} MiB`).join('; ')}`,
    )
    await compare('points of a month left beside the rollup', database, days)
  } finally {
    await database.close()
    rmSync(directory, { recursive: true })
  }
}
