// EXPLAIN: the plan, and the learned index at work where a statement asks the engine.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../../engine/node.ts'
import type { Database } from '../../../engine/database.ts'
import { sessionsOf } from '../../../sql/database.ts'
import type { SqlSession } from '../../../sql/session.ts'
import '../grammar-module.ts'

const START = 1_699_920_000_000_000_000n
const HOSTS = 4
const POINTS = 5_000
let db: Database
let session: SqlSession

beforeAll(async () => {
  db = await open('memory:')
  const lines: string[] = []
  for (let i = 0; i < POINTS; i++) {
    for (let host = 0; host < HOSTS; host++) {
      const jitter = BigInt((i * 7_919) % 997) * 100_000n
      const time = START + BigInt(i) * 1_000_000_000n + jitter
      lines.push(`cpu,host=h${host} usage=${i % 100},load=${host} ${time}`)
    }
  }
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
  await db.flush()
  const given = {
    database: 'default',
    user: 'tester',
    access: new Set(['read', 'write', 'admin'] as const),
  }
  session = await sessionsOf(db)(given)
})
afterAll(() => db.close())

async function linesOf(text: string, ...values: unknown[]): Promise<string[]> {
  const running = await (await session.prepare(text)).run(values)
  if (running.kind !== 'rows') throw new Error(running.kind)
  const lines: string[] = []
  for await (const { columns } of running.batches) lines.push(...(columns[0]!.values as string[]))
  expect(running.tag(lines.length)).toBe('EXPLAIN')
  return lines
}

const RANGE = `time > '2023-11-14T00:20:00.5Z' AND time < '2023-11-14T00:40:00.5Z'`

describe('EXPLAIN', () => {
  test('shows where the index finds a range of times', async () => {
    const text = (await linesOf(`EXPLAIN SELECT time, usage FROM cpu WHERE ${RANGE}`)).join('\n')
    expect(text).toMatch(/Engine Scan on cpu/)
    expect(text).toMatch(/Series: 4 of 4/)
    expect(text).toMatch(/Learned Index: [1-9]\d* pieces, positions ± \d+ rows/)
    expect(text).not.toMatch(/Execution Time/)
    const seeks = [
      ...text.matchAll(/Predicted Position \d: row (\d+) ± (\d+), found at (\d+) \(error (\d+)\)/g),
    ]
    expect(seeks.length).toBe(4)
    for (const [, predicted, bound, found, error] of seeks) {
      expect(Math.abs(Number(found) - Number(predicted))).toBe(Number(error))
      // Between two rows the later one counts.
      expect(Number(error)).toBeLessThanOrEqual(Number(bound) + 1)
    }
    const [first, second] = seeks.map(([, , , found]) => Number(found))
    expect(second! - first!).toBe(1_200)
  })

  test('shows an as-of join, and the fields that a scan reads', async () => {
    const right = `SELECT t.usage FROM cpu t WHERE t.host = o.host AND t.time < o.time
      ORDER BY t.time DESC LIMIT 1`
    const text = `SELECT o.time, l.usage FROM cpu o LEFT JOIN LATERAL (${right}) l ON true WHERE ${RANGE.replaceAll('time', 'o.time')}`
    const plan = (await linesOf(`EXPLAIN ${text}`)).join('\n')
    expect(plan).toMatch(/Left As-of Join/)
    expect(plan).toMatch(/Match: the newest with host = host AND time < time/)
    expect(plan).toMatch(/Fields: none[^]*Fields: usage/)
    const measured = (await linesOf(`EXPLAIN ANALYZE ${text}`)).join('\n')
    // Left rows come in blocks, of which each is one question, and the left side another.
    expect(Number(/Questions: (\d+)/.exec(measured)![1])).toBeLessThanOrEqual(5)
    expect(measured).toMatch(/Rows: 4800/)
  })

  test('shows what ANALYZE has measured', async () => {
    const text = (
      await linesOf(
        `EXPLAIN ANALYZE SELECT time, usage FROM cpu WHERE host = $1 AND ${RANGE}`,
        'h1',
      )
    ).join('\n')
    expect(text).toMatch(/Series: 1 of 4/)
    expect(text).toMatch(/Blocks: \d+ in range, \d+ pruned, \d+ from summaries, [1-9]\d* decoded/)
    expect(text).toMatch(/Bytes Read: \d+/)
    expect(text).toMatch(/Rows: 1200/)
    expect(text).toMatch(/Execution Time: [\d.]+ ms/)
  })

  test('shows a block that is one question', async () => {
    const lines = await linesOf(
      `EXPLAIN ANALYZE SELECT time_bucket('1 hour', time), host, max(usage) FROM cpu
       WHERE usage > 3 GROUP BY 1, 2 HAVING max(usage) > 5 ORDER BY 1 DESC, 2 LIMIT 3`,
    )
    const text = lines.join('\n')
    expect(lines[0]).toBe('Limit')
    expect(text).toMatch(/->  Sort\n\s+Sort Key: time_bucket DESC, host/)
    expect(text).toMatch(/Engine Query on cpu/)
    expect(text).toMatch(/Groups: host/)
    expect(text).toMatch(/Buckets: 3600000000000ns/)
    expect(text).toMatch(/Index Cond: \("usage" > 3\)/)
    expect(text).toMatch(/Rows: 3/)
  })

  test('prints JSON', async () => {
    const [text] = await linesOf(`EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM cpu`)
    const [{ Plan: plan, Rows: rows }] = JSON.parse(text!)
    expect(rows).toBe(1)
    expect(plan.Plans[0].Plans[0]).toMatchObject({
      'Node Type': 'Engine Query on cpu',
      Aggregates: 'count(*), count(*)',
      Series: '4 of 4',
    })
  })

  test('runs a command for ANALYZE alone', async () => {
    const insert = `INSERT INTO cpu (time, host, usage) SELECT time + interval '1 day', host, usage
      FROM cpu WHERE host = 'h2' AND time < '2023-11-14T00:00:10Z'`
    const count = async (): Promise<number> => (await db.table('cpu')).points
    expect((await linesOf(`EXPLAIN ${insert}`))[0]).toBe('INSERT on cpu')
    expect(await count()).toBe(HOSTS * POINTS)
    await linesOf(`EXPLAIN ANALYZE ${insert}`)
    expect(await count()).toBe(HOSTS * POINTS + 10)
  })
})
