// rate, increase, delta, derivative, integral and time_weighted_mean in SQL: what a request answers, by
// series, bucket and with gaps filled; anywhere else they are refused.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import { sessionsOf } from '../../../sql/database.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import { ENGINE_AGGREGATES } from '../../../sql/functions/aggregate.ts'
import type { SqlSession } from '../../../sql/session.ts'
import '../grammar-module.ts'

const START = 1_790_000_000_000_000_000n
let db: Database
let session: SqlSession

beforeAll(async () => {
  db = await open('memory:')
  const lines = Array.from({ length: 600 }, (_, i) => {
    const host = i % 2 ? 'a' : 'b'
    // Counters that start again, and ten minutes without a point.
    const second = i < 300 ? i : i + 600
    const time = START + BigInt(second) * 1_000_000_000n
    return `net,host=${host} sent=${(i * 37) % 1009},n=${i % 50}i ${time}`
  })
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
  const access = new Set(['read'] as const)
  session = await sessionsOf(db)({ database: 'default', user: 'tester', access })
})
afterAll(() => db.close())

async function rowsOf(text: string): Promise<unknown[][]> {
  const running = await (await session.prepare(text)).run([])
  if (running.kind !== 'rows') throw new Error(running.kind)
  const rows: unknown[][] = []
  for await (const batch of running.batches) {
    for (let row = 0; row < batch.rowCount; row++) {
      rows.push(running.columns.map(({ type }, at) => valueAt(batch.columns[at]!, type, row)))
    }
  }
  return rows
}

test.each(ENGINE_AGGREGATES)('%s is what a request answers', async (name) => {
  for (const field of ['sent', 'n']) {
    const answer = await db.query({
      table: 'net',
      select: [`${name}(${field})`],
      by: ['host'],
      every: '1m',
    })
    const expected = answer.series.flatMap(({ tags, time, fields: [vector] }) =>
      Array.from(time, (bucket, at) => {
        return [tags.get('host'), bucket, vector!.valid?.[at] === 0 ? null : vector!.values[at]]
      }),
    )
    const text = `SELECT host, time_bucket('1 minute', time) AS t, ${name}(${field}) FROM net
      GROUP BY host, t ORDER BY host, t`
    expect(await rowsOf(text)).toEqual(expected)
  }
})

test('gaps between them are filled', async () => {
  const filled = await rowsOf(`SELECT time_bucket_gapfill('5 minutes', time) AS t, locf(rate(sent))
    FROM net WHERE host = 'a' GROUP BY t ORDER BY t`)
  const plain = await rowsOf(`SELECT time_bucket('5 minutes', time) AS t, rate(sent)
    FROM net WHERE host = 'a' GROUP BY t ORDER BY t`)
  expect(filled.length).toBeGreaterThan(plain.length)
  for (const [at, [time, value]] of filled.entries()) {
    const known = plain.find((row) => row[0] === time)
    expect(value).toBe(known === undefined ? filled[at - 1]![1] : known[1])
  }
})

test('of rows that are no points they are refused', async () => {
  const text = 'SELECT rate(g::float8) FROM generate_series(1, 3) g'
  await expect(rowsOf(text)).rejects.toMatchObject({ sqlstate: '0A000' })
})
