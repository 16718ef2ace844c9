// What every runtime has to do with the package, as a user meets it: `open` of `omendb`, and the calls.
// It imports nothing else, so the same file runs on Node, Bun, Deno, in workerd and in a page.

import { OmenDBError, open, type LocalClient, type QueryRequest } from 'omendb'

export interface SmokeResult {
  readonly name: string
  /** Null: it did what it should. */
  readonly failure: string | null
}

export interface SmokePlaces {
  /** The location of an empty database that lasts; null where there is none but `memory:`. */
  readonly lasting: ((name: string) => string) | null
}

interface Case {
  readonly name: string
  /** Gets a database of its own, in memory. */
  run(db: LocalClient): Promise<void>
}

function same(found: unknown, expected: unknown): void {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_name, member: unknown) => {
      if (typeof member === 'bigint') return `${member}n`
      return Object.is(member, -0) ? '-0' : member
    })
  if (text(found) !== text(expected)) throw new Error(`${text(found)} is not ${text(expected)}`)
}

/** The code of what a call is refused with; its class is the client's. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (error instanceof OmenDBError) return error.code
    throw error
  }
  throw new Error('it was not refused')
}

const LARGEST = 9_223_372_036_854_775_807n
const UNSIGNED = 18_446_744_073_709_551_615n
const START = Date.UTC(2026, 8, 21, 12)

/** Points and lines of every type, and what a query finds of them. */
async function writeAll(db: LocalClient): Promise<void> {
  const point = { table: 'all', tags: { host: 'ä b' }, time: START }
  const fields = { f: -0, i: LARGEST, b: true, s: 'Grüße "," 🌍' }
  same((await db.write({ ...point, fields })).written, 1)
  const line = `all,host=c f=1e-308,u=${UNSIGNED}u 1790000000123456789`
  same(await db.write(line), { written: 1, rejected: 0, ack: 'fsync', errors: [] })
}

async function findAll(db: LocalClient): Promise<void> {
  const { series } = await db.query({ table: 'all', time: 'ns' })
  same(series, [
    {
      tags: { host: 'c' },
      time: [1_790_000_000_123_456_789n],
      fields: { b: [null], f: [1e-308], i: [null], s: [null], u: [UNSIGNED] },
    },
    {
      tags: { host: 'ä b' },
      time: [BigInt(START) * 1_000_000n],
      fields: { b: [true], f: [-0], i: [LARGEST], s: ['Grüße "," 🌍'], u: [null] },
    },
  ])
}

/** Two hosts, a point every 10 s for an hour. */
async function writeHour(db: LocalClient): Promise<void> {
  const time = Array.from({ length: 360 }, (_, i) => START + i * 10_000)
  for (const [tag, host] of ['a', 'b'].entries()) {
    const usage = time.map((_, i) => i + tag)
    await db.write({ table: 'cpu', tags: { host }, time, fields: { usage } })
  }
}

const QUARTERS: QueryRequest = {
  table: 'cpu',
  select: { mean: 'mean(usage)', n: 'count(usage)' },
  by: ['host'],
  every: '15m',
}

async function findQuarters(db: LocalClient): Promise<void> {
  const { series } = await db.query(QUARTERS)
  const time = [0, 1, 2, 3].map((quarter) => START + quarter * 900_000)
  same(
    series,
    ['a', 'b'].map((host, tag) => ({
      tags: { host },
      time,
      fields: {
        mean: [44.5, 134.5, 224.5, 314.5].map((mean) => mean + tag),
        n: [90n, 90n, 90n, 90n],
      },
    })),
  )
}

const CASES: readonly Case[] = [
  {
    name: 'points and line protocol are exact, to the nanosecond and the last bit',
    async run(db) {
      await writeAll(db)
      await findAll(db)
    },
  },
  {
    name: 'buckets by tag',
    async run(db) {
      await writeHour(db)
      await findQuarters(db)
    },
  },
  {
    name: 'the newest point of each series, and a filled gap',
    async run(db) {
      await writeHour(db)
      const { series } = await db.latest({ table: 'cpu', by: ['host'] })
      same(
        series.map(({ tags, fields }) => [tags['host'], fields['usage']]),
        [
          ['a', [359]],
          ['b', [360]],
        ],
      )
      await db.write(`gap v=1 0\ngap v=3 120`, { precision: 's' })
      const filled = {
        table: 'gap',
        select: { v: 'mean(v)' },
        every: '1m',
        fill: 'linear',
      } as const
      same((await db.query(filled)).series[0]?.fields['v'], [1, 2, 3])
    },
  },
  {
    name: 'deletes of a range, a field and a table',
    async run(db) {
      await writeHour(db)
      const cpu = db.table('cpu')
      const half = { start: START + 1_800_000, where: { host: 'a' } }
      same(await cpu.deleteRows({ ...half, dryRun: true }), { deleted: 180, dryRun: true })
      same((await cpu.deleteRows(half)).deleted, 180)
      same((await cpu.describe()).points, 540)
      await db.write('two a=1,b=2 1')
      await db.table('two').dropColumn('a')
      same(Object.keys((await db.table('two').describe()).fields), ['b'])
      await cpu.drop()
      same(await refusal(db.query({ table: 'cpu' })), 'not_found')
    },
  },
  {
    name: 'what is wrong is refused by name and place, and stores nothing',
    async run(db) {
      await db.write('room,floor=1 temperature=21.5 1')
      same(await refusal(db.write('room,floor=1 temperature=warm 2')), 'line_protocol')
      same(await refusal(db.write('room temperature="x" 2')), 'type_conflict')
      same(await refusal(db.query({ table: 'room', select: ['temprature'] })), 'unknown_column')
      same(await refusal(db.query({ table: 'none' })), 'not_found')
      same(await refusal(open('nowhere:x')), 'unsupported')
      same(
        (await db.tables()).map(({ points }) => points),
        [1],
      )
    },
  },
  {
    name: 'exports as CSV, Arrow and rows',
    async run(db) {
      await writeHour(db)
      const csv = await new Response(await db.export({ table: 'cpu' }, { format: 'csv' })).text()
      same(csv.split('\n').slice(0, 2), ['time,host,usage', '2026-09-21T12:00:00Z,a,0'])
      same(csv.split('\n').length, 722)
      const arrow = await db.export({ table: 'cpu' }, { format: 'arrow' })
      const bytes = new Uint8Array(await new Response(arrow).arrayBuffer())
      same([...bytes.subarray(0, 4)], [255, 255, 255, 255])
      let sum = 0
      for await (const { usage } of db.rows({ table: 'cpu', where: { host: 'b' } }))
        sum += Number(usage)
      same(sum, 64_980)
    },
  },
  {
    name: 'a writer, and a tail that sees what it writes',
    async run(db) {
      await db.write('live v=0 1')
      const tail = db.tail({ table: 'live' })
      const next = tail.next()
      const writer = db.writer({ maxDelayMs: 1 })
      const state = { isSeen: false }
      // A tail begins with what is written from when it is there on, which nothing tells.
      const pump = (async () => {
        for (let i = 2; !state.isSeen; i++) {
          writer.add({ table: 'live', time: i, fields: { v: i } })
          await writer.flush()
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        await writer.close()
      })()
      const { value } = await next
      state.isSeen = true
      await pump
      await tail.return()
      same(value?.kind, 'points')
    },
  },
  {
    name: 'a backup is restored elsewhere',
    async run(db) {
      await writeAll(db)
      const { body } = await db.backup()
      const other = await open('memory:')
      same(await other.restore(body), { databases: 1, tables: 1, points: 2 })
      await findAll(other)
      await other.close()
    },
  },
]

/** Of a database that lasts: what it had when it was closed, and that it is held by one. */
async function reopen(location: string): Promise<void> {
  const first = await open(location)
  await writeAll(first)
  await writeHour(first)
  same(await refusal(open(location)), 'locked')
  await first.close()
  same(await refusal(first.tables()), 'unreachable')
  const second = await open(location)
  await findAll(second)
  await findQuarters(second)
  await second.table('cpu').deleteRows({ where: { host: 'b' } })
  await second.close()
  const third = await open(location)
  same(
    (await third.tables()).map(({ name, points }) => `${name} ${points}`),
    ['all 2', 'cpu 360'],
  )
  await third.close()
}

async function attempt(name: string, run: () => Promise<void>): Promise<SmokeResult> {
  try {
    await run()
    return { name, failure: null }
  } catch (error) {
    return {
      name,
      failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
}

/** Runs everything; never throws. */
export async function runSmoke({ lasting }: SmokePlaces): Promise<SmokeResult[]> {
  const results: SmokeResult[] = []
  for (const { name, run } of CASES) {
    results.push(
      await attempt(name, async () => {
        const db = await open('memory:')
        try {
          await run(db)
        } finally {
          await db.close()
        }
      }),
    )
  }
  if (lasting !== null) {
    const location = lasting('smoke')
    results.push(
      await attempt('closed and opened again, it has everything', () => reopen(location)),
    )
  }
  return results
}
