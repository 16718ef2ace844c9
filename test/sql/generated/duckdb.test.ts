// Aggregates by bucket and group, windows with frames, as-of joins and filled gaps beside DuckDB, over the
// same thousands of points: in OmenDB some flushed, some in the memtable. Values are eighths, so sums are
// exact in any order.

import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { bindQuery } from '../lower/setup.ts'
import { execute } from '../../../sql/execute/execute.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import { lower } from '../../../sql/lower/lower.ts'
import { planNode } from '../../../sql/plan/plan.ts'
import { pruneNode } from '../../../sql/plan/prune.ts'

const START = 1_699_920_000_000n
const POINTS = 4_000
let db: Database
let duck: Awaited<ReturnType<DuckDBInstance['connect']>>

beforeAll(async () => {
  const random = randomOf(3)
  const points = Array.from({ length: POINTS }, (_, i) => ({
    ms: START + BigInt(i) * 13_000n,
    host: `h${random.int(4)}`,
    x: random.chance(0.1) ? null : (random.int(800) - 300) / 8,
    n: random.int(50),
  }))
  db = await open('memory:')
  await write(
    db,
    points.filter((_, i) => i % 3 !== 0),
  )
  await db.flush()
  await write(
    db,
    points.filter((_, i) => i % 3 === 0),
  )
  duck = await (await DuckDBInstance.create(':memory:')).connect()
  await duck.run('CREATE TABLE points (time TIMESTAMP, host TEXT, x DOUBLE, n BIGINT)')
  const rows = points.map(({ ms, host, x, n }) => `(epoch_ms(${ms}), '${host}', ${x}, ${n})`)
  await duck.run(`INSERT INTO points VALUES ${rows.join()}`)
}, 120_000)
afterAll(async () => {
  duck?.closeSync()
  await db.close()
})

interface Point {
  readonly ms: bigint
  readonly host: string
  readonly x: number | null
  readonly n: number
}

async function write(engine: Database, points: readonly Point[]): Promise<void> {
  const lines = points.map(
    ({ ms, host, x, n }) =>
      `points,host=${host} n=${n}i${x === null ? '' : `,x=${x}`} ${ms * 1_000_000n}`,
  )
  const batch = engine.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
}

type Cell = number | string | null

async function here(text: string): Promise<Cell[][]> {
  const { query, run } = await bindQuery(db, text)
  const rows: Cell[][] = []
  for await (const batch of execute(lower(pruneNode(planNode(query)), run, []), run, [])) {
    for (let row = 0; row < batch.rowCount; row++) {
      rows.push(query.columns.map(({ type }, i) => cellOf(valueAt(batch.columns[i]!, type, row))))
    }
  }
  return rows
}

const cellOf = (value: unknown): Cell =>
  value === null || typeof value === 'string' ? (value as Cell) : Number(value)

const there = async (text: string): Promise<Cell[][]> =>
  (await duck.runAndReadAll(text)).getRows().map((row) => row.map(cellOf))

const isNear = (one: Cell, two: Cell): boolean =>
  typeof one === 'number' && typeof two === 'number'
    ? Math.abs(one - two) <= 1e-9 * Math.max(Math.abs(one), Math.abs(two))
    : one === two

const AGGREGATES = [
  ...['count(*)', 'count(x)', 'sum(x)', 'avg(x)', 'min(x)', 'max(x)', 'sum(n)::float8', 'avg(n)'],
  ...['stddev_samp(x)', 'var_pop(x)', 'count(DISTINCT n)', 'bool_or(x > 50)::int', 'median(x)'],
  'FIRST',
  'LAST',
  'QUANTILE',
  'count(*) FILTER (WHERE x > 0)',
]
/** What the two write otherwise: here, there. */
const OTHERS: Readonly<Record<string, readonly [string, string]>> = {
  FIRST: ['first(n, time)', 'arg_min(n, time)'],
  LAST: ['last(n, time)', 'arg_max(n, time)'],
  QUANTILE: ['percentile_cont(0.9) WITHIN GROUP (ORDER BY x)', 'quantile_cont(x, 0.9)'],
}
const WINDOWS = [
  'sum(x) OVER (PARTITION BY host ORDER BY time ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING)',
  "max(x) OVER (PARTITION BY host ORDER BY time RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW)",
  "count(x) OVER (ORDER BY time RANGE BETWEEN INTERVAL '90 seconds' PRECEDING AND INTERVAL '1 minute' FOLLOWING)",
  'lag(n, 2) OVER (PARTITION BY host ORDER BY time)',
  'row_number() OVER (PARTITION BY host ORDER BY n, time)',
  'rank() OVER (ORDER BY n)',
  'ntile(7) OVER (ORDER BY time)',
]
const WHERES = [
  '',
  ' WHERE x > 10',
  ' WHERE n % 7 = 3',
  " WHERE host IN ('h1', 'h2')",
  ' WHERE x IS NULL',
]

function both(random: Random): readonly [string, string] {
  const where = random.pick(WHERES)
  const count = 1 + random.int(3)
  if (random.chance(0.35)) {
    const list = Array.from({ length: count }, () => random.pick(WINDOWS)).join(', ')
    const text = `SELECT EPOCH, n, ${list} FROM points${where} ORDER BY 1 LIMIT 500`
    return written(text, 'time')
  }
  const width = random.pick(['5 minutes', '1 hour', '7 minutes', '1 day'])
  const calls = Array.from({ length: count }, () => random.pick(AGGREGATES)).join(', ')
  const bucket = `time_bucket(INTERVAL '${width}', time)`
  const text = `SELECT EPOCH, host, ${calls} FROM points${where} GROUP BY ${bucket}, host ORDER BY 1, 2`
  return written(text, bucket)
}

function written(text: string, time: string): readonly [string, string] {
  const [mine, theirs] = [0, 1].map((side) =>
    Object.entries(OTHERS).reduce((made, [name, ways]) => made.replaceAll(name, ways[side]!), text),
  )
  return [
    mine!.replace('EPOCH', `extract(epoch FROM ${time})::float8`),
    theirs!.replace('EPOCH', `epoch(${time})`),
  ]
}

async function expectSame(mine: string, theirs: string): Promise<void> {
  const [ours, ducks] = [await here(mine), await there(theirs)]
  expect(ours.length, mine).toBe(ducks.length)
  const wrong = ours.findIndex((row, at) => !row.every((cell, i) => isNear(cell, ducks[at]![i]!)))
  expect([ours[wrong], ducks[wrong]], mine).toEqual([undefined, undefined])
}

test.each(seedsOf(20))('seed %i', { timeout: 60_000 }, async (seed) => {
  const random = randomOf(seed)
  for (let each = 0; each < 5; each++) await expectSame(...both(random))
})

test.each([
  ['<=', '>='],
  ['<', '>'],
])(
  'the newest point %s a time is that of ASOF JOIN',
  { timeout: 60_000 },
  async (before, after) => {
    const newest = `SELECT t.n, t.x FROM points t WHERE t.host = o.host AND t.x > 20
    AND t.time ${before} o.time ORDER BY t.time DESC LIMIT 1`
    await expectSame(
      `SELECT extract(epoch FROM o.time)::float8, o.n, l.n, l.x FROM points o
      LEFT JOIN LATERAL (${newest}) l ON true WHERE o.n < 20 ORDER BY 1`,
      `SELECT epoch(o.time), o.n, l.n, l.x FROM points o
      ASOF LEFT JOIN (SELECT * FROM points WHERE x > 20) l ON o.host = l.host AND o.time ${after} l.time
      WHERE o.n < 20 ORDER BY 1`,
    )
  },
)

test('gaps are filled by a join with generate_series', { timeout: 60_000 }, async () => {
  const rows = 'LEFT JOIN points p ON p.x > 30 AND p.time'
  const end = `GROUP BY g ORDER BY 1`
  const bounds = `'2023-11-14 00:00:00', TIMESTAMP '2023-11-14 20:00:00', INTERVAL '2 minutes'`
  const list = `count(p.x), max(p.x)`
  await expectSame(
    `SELECT extract(epoch FROM g)::float8, ${list} FROM generate_series(TIMESTAMP ${bounds}) s(g)
      ${rows} >= g AND p.time < g + INTERVAL '2 minutes' ${end}`,
    `SELECT epoch(g), ${list} FROM generate_series(TIMESTAMP ${bounds}) s(g)
      ${rows} >= g AND p.time < g + INTERVAL '2 minutes' ${end}`,
  )
})
