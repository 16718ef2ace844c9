// The same statement, run by the executor over a scan and as one question to the engine: equal rows,
// over random points with nulls, late points and several series, on disk and in memory.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../../engine/node.ts'
import type { Database } from '../../../engine/database.ts'
import { lower } from '../../../sql/lower/lower.ts'
import { bindQuery, bothAnswers, rowsOf, shortFloat } from './setup.ts'

const START = 1_699_900_000_000_000_000n
const SECOND = 1_000_000_000n
let db: Database

/** Numbers from 0 to 1, the same in each run. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function lineOf(random: () => number, time: bigint): string {
  const tags = [`host=h${Math.floor(random() * 5)}`]
  if (random() < 0.7) tags.push(`zone=${random() < 0.5 ? 'east' : 'west'}`)
  const fields: string[] = []
  if (random() < 0.8) fields.push(`x=${(random() * 200 - 100).toFixed(3)}`)
  if (random() < 0.6) fields.push(`n=${Math.floor(random() * 50)}i`)
  if (random() < 0.3) fields.push(`s="t${Math.floor(random() * 9)}"`)
  if (random() < 0.2) fields.push(`b=${random() < 0.5}`)
  if (fields.length === 0 || random() < 0.05) fields.push('u=7u')
  return `points,${tags.join()} ${fields.join()} ${time}`
}

async function writeLines(lines: readonly string[]): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
}

beforeAll(async () => {
  db = await open('memory:')
  const random = randomOf(7)
  const regular = Array.from({ length: 6_000 }, (_, i) =>
    lineOf(random, START + BigInt(i) * 61n * SECOND),
  )
  await writeLines(regular)
  await db.flush()
  const late = Array.from({ length: 500 }, () =>
    lineOf(random, START + BigInt(Math.floor(random() * 6_000)) * 61n * SECOND + 5n),
  )
  await writeLines(late)
})
afterAll(() => db.close())

const AGGREGATES = [
  'count(*)',
  'count(x)',
  'count(n)',
  'count(s)',
  'sum(x)',
  'sum(n)',
  'avg(x)',
  'avg(n)',
  'min(x)',
  'max(n)',
  'min(s)',
  'max(s)',
  'count(DISTINCT n)',
  'count(DISTINCT s)',
  'first(x, time)',
  'last(x, time)',
  'last(s, time)',
  'first(n, time)',
  'stddev(x)',
  'variance(n)',
  'percentile_cont(0.9) WITHIN GROUP (ORDER BY x)',
  'percentile_cont(0.25) WITHIN GROUP (ORDER BY n)',
  'last(b, time)',
  'last(u, time)',
  'max(x) - min(x)',
]
const BUCKETS = [
  `time_bucket('1 hour', time)`,
  `time_bucket('7 minutes', time)`,
  `time_bucket('1 day', time, TIMESTAMPTZ '2001-02-03 04:05:06Z')`,
  `time_bucket('1 day', time, 'Europe/Berlin')`,
  `time_bucket('1 month', time)`,
  `date_bin('15 minutes', time, TIMESTAMPTZ '2020-01-01 00:01:00Z')`,
  `date_trunc('minute', time)`,
  `date_trunc('hour', time)`,
  `date_trunc('day', time)`,
  `date_trunc('week', time)`,
  `date_trunc('month', time)`,
  `date_trunc('day', time, 'America/New_York')`,
  `floor(extract(epoch from time)/300)*300`,
  `to_timestamp(floor(extract(epoch from time)/3600)*3600)`,
]
const CONDITIONS = [
  `time >= '2023-11-14T00:00:00Z' AND time < '2023-11-15T12:00:00Z'`,
  `time BETWEEN '2023-11-13T22:00:00Z' AND '2023-11-16T00:00:00Z'`,
  `host = 'h1'`,
  `host IN ('h1', 'h3')`,
  `zone IS NULL`,
  `host LIKE 'h%' AND zone <> 'east'`,
  `x > 20`,
  `u = 7`,
  `7 >= u`,
  `u > 6 AND u < 1000`,
  `u IN (7, 8)`,
  `n <= 10 OR x < -50`,
  `s IS NOT NULL`,
  `NOT (n = 3)`,
  `time < '1999-01-01'`,
  `n = 1000`,
  `time > now() - interval '3 days'`,
]

function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!
}

function statementOf(random: () => number): string {
  const groups: string[] = []
  if (random() < 0.6) groups.push(pick(random, BUCKETS))
  if (random() < 0.5) groups.push('host')
  if (random() < 0.2) groups.push('zone')
  const calls = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(random, AGGREGATES))
  const where = random() < 0.7 ? ` WHERE ${pick(random, CONDITIONS)}` : ''
  const by = groups.map((_, index) => index + 1).join()
  const having = random() < 0.2 ? ' HAVING count(*) > 3' : ''
  const end = groups.length === 0 ? '' : ` GROUP BY ${by}${having} ORDER BY ${by}`
  return `SELECT ${[...groups, ...calls].join(', ')} FROM points${where}${end}`
}

describe('an aggregate block', () => {
  test('has the rows of the executor, whatever is asked', { timeout: 120_000 }, async () => {
    const random = randomOf(11)
    for (let i = 0; i < 200; i++) {
      const text = statementOf(random)
      const { plain, asked, scans } = await bothAnswers(db, text)
      expect(asked, text).toEqual(plain)
      expect(scans, text).toEqual(['AnswerRelation points'])
    }
  })

  test.each(BUCKETS)('is cut by %s', async (bucket) => {
    for (const zone of ['UTC', 'Europe/Berlin']) {
      const text = `SELECT ${bucket}, count(*), avg(x) FROM points GROUP BY 1 ORDER BY 1`
      const { plain, asked } = await bothAnswers(db, text, zone)
      expect(asked, zone).toEqual(plain)
      expect(plain.length).toBeGreaterThan(0)
    }
  })

  test('gives its first or last buckets alone', async () => {
    const select = `SELECT time_bucket('1 hour', time) AS hour, max(x) FROM points`
    const tails = [
      'GROUP BY hour ORDER BY hour DESC LIMIT 5',
      'GROUP BY hour ORDER BY hour LIMIT 3 OFFSET 2',
      `WHERE time < '2023-11-15' GROUP BY hour ORDER BY 1 DESC LIMIT 1`,
      'GROUP BY hour HAVING count(*) > 60 ORDER BY hour DESC LIMIT 2',
    ]
    for (const tail of tails) {
      const { plain, asked, scans } = await bothAnswers(db, `${select} ${tail}`)
      expect(asked, tail).toEqual(plain)
      expect(scans).toEqual(['AnswerRelation points'])
    }
  })

  test('answers what a query over REST does', async () => {
    const text = `SELECT time_bucket('1 hour', time), host, avg(x), sum(n) FROM points
      WHERE zone = 'east' AND time >= '2023-11-14' GROUP BY 1, 2 ORDER BY 2, 1`
    const { asked } = await bothAnswers(db, text)
    const answer = await db.query({
      table: 'points',
      where: { zone: 'east' },
      start: '2023-11-14',
      select: ['mean(x)', 'sum(n)'],
      by: ['host'],
      every: '1h',
    })
    const rows = answer.series.flatMap(({ tags, time, fields: [mean, sum] }) =>
      Array.from(time, (at, row) => {
        const hour = new Date(Number(at / 1_000_000n)).toISOString()
        const isGiven = (valid: Uint8Array | null): boolean => valid === null || valid[row] === 1
        return [
          `${hour.slice(0, 10)} ${hour.slice(11, 19)}+00`,
          tags.get('host'),
          isGiven(mean!.valid) ? shortFloat(mean!.values[row] as number) : 'NULL',
          isGiven(sum!.valid) ? String(sum!.values[row]) : 'NULL',
        ].join('|')
      }),
    )
    // Without values of either field there is no bucket over REST.
    expect(asked.filter((row) => !row.endsWith('NULL|NULL'))).toEqual(rows)
  })
})

describe('a few points', () => {
  // Times of one series are its own, so orders have no ties.
  const texts = [
    `SELECT time, x, host FROM points WHERE zone = 'east' ORDER BY time DESC LIMIT 7`,
    `SELECT * FROM points WHERE x > 90 ORDER BY time LIMIT 3 OFFSET 4`,
    `SELECT time AS at, n + 1 FROM points WHERE host = 'h2' ORDER BY at DESC LIMIT 5`,
    `SELECT max(x) FROM (SELECT x FROM points WHERE host = 'h1' ORDER BY time DESC LIMIT 50) a`,
    `SELECT time FROM points WHERE time < '1999-01-01' ORDER BY time LIMIT 5`,
    'SELECT DISTINCT ON (host) host, time, x, zone FROM points ORDER BY host, time DESC',
    'SELECT DISTINCT ON (host, zone) * FROM points WHERE n > 5 ORDER BY host, zone, time DESC',
    `SELECT DISTINCT ON (host) host, s FROM points WHERE time > '2023-11-15' ORDER BY 1, time DESC`,
    'SELECT min(time), max(time) FROM points',
    `SELECT max(time) - min(time) FROM points WHERE zone = 'west' AND x < 0`,
    `SELECT max(time) FROM points WHERE n = 1000`,
    'SELECT host, max(time) FROM points WHERE b GROUP BY host ORDER BY host',
  ]
  test.each(texts)('is found by time: %s', async (text) => {
    const { plain, asked, scans } = await bothAnswers(db, text)
    expect(asked).toEqual(plain)
    expect(scans).toEqual(['AnswerRelation points'])
  })

  const others = [
    'SELECT time, host FROM points ORDER BY time DESC, host LIMIT 3',
    'SELECT x FROM points ORDER BY x LIMIT 3',
    `SELECT DISTINCT ON (host) host, x FROM points WHERE time < '2023-11-15' ORDER BY host, time DESC`,
    'SELECT DISTINCT ON (host) host, time FROM points ORDER BY host, time',
    'SELECT DISTINCT ON (host) host, x FROM points ORDER BY host, x, time DESC',
    'SELECT host, min(time) FROM points GROUP BY host ORDER BY host',
  ]
  test.each(others)('is not all that others need: %s', async (text) => {
    const { plain, asked, scans } = await bothAnswers(db, text)
    expect(asked).toEqual(plain)
    expect(scans).toEqual(['TableRelation points'])
  })
})

describe('what the engine means otherwise', () => {
  const texts = [
    'SELECT count(*) FILTER (WHERE x > 0) FROM points',
    'SELECT sum(DISTINCT n) FROM points',
    'SELECT upper(host), count(*) FROM points GROUP BY 1',
    'SELECT count(host) FROM points',
    `SELECT extract(hour FROM time), count(*) FROM points GROUP BY 1 ORDER BY 1`,
    'SELECT count(*) FROM points WHERE x + 1 > 3',
    'SELECT host, count(*) FROM points GROUP BY ROLLUP (host) ORDER BY 1',
    'SELECT avg(x + n) FROM points',
    'SELECT count(*) FROM points WHERE u > 6.5',
    'SELECT count(*) FROM points WHERE u > -1',
    `SELECT count(*) FROM points WHERE x <> 'NaN'`,
    'SELECT first(x, n) FROM points',
  ]
  test.each(texts)('stays with the executor: %s', async (text) => {
    const { plain, asked, scans } = await bothAnswers(db, text)
    expect(asked.toSorted()).toEqual(plain.toSorted())
    expect(scans).toEqual(['TableRelation points'])
  })
})

test('more buckets than the engine answers are grouped by the executor', async () => {
  const small = await open('memory:', { limits: { maxBuckets: 100 } })
  try {
    const lines = Array.from({ length: 301 }, (_, i) => {
      return `points,host=h${i % 3} x=${i} ${START + BigInt(i) * 61n * SECOND}`
    })
    const batch = small.batch()
    batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
    await batch.commit('fsync')
    const ask = (width: string): Promise<{ plain: string[]; asked: string[] }> =>
      bothAnswers(
        small,
        `SELECT time_bucket('${width}', time) AS t, sum(x) FROM points GROUP BY 1 ORDER BY 1`,
      )
    for (const [width, rows] of [
      ['1 minute', 301],
      ['1 hour', 6],
    ] as const) {
      const { plain, asked } = await ask(width)
      expect(asked).toEqual(plain)
      expect(asked.length).toBe(rows)
    }
  } finally {
    await small.close()
  }
})

test('a sum that no bigint holds is 22003 in the words of SQL', async () => {
  const own = await open('memory:')
  try {
    const batch = own.batch()
    const most = 2n ** 63n - 1n
    const text = `points,host=a n=${most}i 1\npoints,host=a n=1i 2`
    batch.lineProtocol(new TextEncoder().encode(text))
    await batch.commit('fsync')
    const refused = { sqlstate: '22003', message: 'bigint out of range' }
    const { query, run } = await bindQuery(own, 'SELECT sum(n) FROM points')
    await expect(rowsOf(query, run)).rejects.toMatchObject(refused)
    await expect(rowsOf(lower(query, run, []), run)).rejects.toMatchObject(refused)
  } finally {
    await own.close()
  }
})
