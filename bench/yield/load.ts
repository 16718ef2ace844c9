// What both benches of yielding share: the table that everything large runs over, and the small
// requests whose time is measured.

import type { Database } from '../../engine/node.ts'

const SERIES = 100
/** Points of a series in one batch. */
const ROWS = 50_000
/** Seconds since 1970 of the first point; the others follow, a second apart. */
export const START = 1_700_000_000
const SECOND = 1_000_000_000n

/** Fills table `cpu` with `points` points of two doubles in 100 series, and flushes. */
export async function load(db: Database, points: number): Promise<void> {
  const perSeries = points / SERIES
  for (let series = 0; series < SERIES; series++) {
    for (let from = 0; from < perSeries; from += ROWS) {
      await write(db, series, from, Math.min(ROWS, perSeries - from))
    }
  }
  await db.flush()
}

async function write(db: Database, series: number, from: number, count: number): Promise<void> {
  const field = (name: string, values: Float64Array) => {
    return { name, type: 0 as const, values, valid: null, declared: true }
  }
  const u = Float64Array.from({ length: count }, (_, i) => ((i * 7919 + series) % 10_007) / 100)
  const x = Float64Array.from({ length: count }, () => Math.random())
  const tags = new Map([
    ['host', `h${series}`],
    ['rack', `r${series % 10}`],
  ])
  const times = BigInt64Array.from({ length: count }, (_, i) => BigInt(START + from + i) * SECOND)
  for (;;) {
    try {
      const batch = db.batch()
      batch.points({ table: 'cpu', tags, times, fields: [field('u', u), field('x', x)] })
      await batch.commit('memory')
      return
    } catch (error) {
      if ((error as { code?: string }).code !== 'busy') throw error
    }
  }
}

let written = 0

/** A line of line protocol in milliseconds that no line before it was like. */
export const smallLine = (): string =>
  `small,host=h${written % 10} v=${written} ${START * 1000 + written++}\n`

/** An hour of one host, mean per minute. */
export const SMALL_QUERY = {
  table: 'cpu',
  where: { host: 'h42' },
  start: BigInt(START + 3600) * SECOND,
  end: BigInt(START + 7200) * SECOND,
  select: { u: 'mean(u)' },
  every: '1m',
  precision: 'ns',
} as const

/** The questions that go over everything. */
export const LARGE_QUERIES: Record<string, object> = {
  'raw decode of everything': { table: 'cpu', where: 'x > 2' },
  'raw rows, 1,000,000 of them': { table: 'cpu', limit: 1_000_000 },
  'group by host, every 1h': {
    table: 'cpu',
    select: { u: 'mean(u)', m: 'max(x)' },
    by: ['host'],
    every: '1h',
  },
  'group by host with a filter': {
    table: 'cpu',
    select: { u: 'stddev(x)' },
    by: ['host'],
    where: 'u > 50',
  },
  '1,000,000 buckets': {
    table: 'cpu',
    select: { u: 'mean(u)' },
    by: ['host'],
    every: '10s',
    start: '2023-11-14T00:00:00Z',
  },
  'filled buckets': {
    table: 'cpu',
    select: { u: 'mean(u)' },
    by: ['host'],
    every: '15s',
    fill: 'linear',
    start: '2023-11-14T22:13:20Z',
  },
}
