// As-of joins beside the same statements row by row (OFFSET 0 makes them that) and in PostgreSQL 15: the
// newest point before, the first one after, by no, one and two tags, with bounds, over several series.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { asOfOf } from '../../sql/execute/as-of-shape.ts'
import { planNode } from '../../sql/plan/plan.ts'
import { pruneNode } from '../../sql/plan/prune.ts'
import type { Node } from '../../sql/tree.ts'
import { bindQuery, rowsOf } from './lower/setup.ts'
import { type Postgres, missingPostgres, startPostgres } from './postgres.ts'

const START = 1_699_920_000_000_000n
const POINTS = 900
let db: Database
let postgres: Postgres | null = null
let exports = 0

function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

interface Point {
  readonly micros: bigint
  readonly kind: string
  readonly host: string
  readonly zone: string | null
  readonly x: number | null
  readonly n: number
}

function makePoints(): Point[] {
  const random = randomOf(9)
  const points = new Map<string, Point>()
  for (let i = 0; i < POINTS; i++) {
    // Minutes at first, then days without a point, so that the span that is read has to grow.
    const gap = i > POINTS / 2 ? 20n * 86_400_000_000n : 0n
    const micros = START + gap + BigInt(Math.floor(random() * 4_000)) * 10_000_000n
    const kind = random() < 0.4 ? 'trade' : 'quote'
    const host = `h${Math.floor(random() * (kind === 'trade' ? 6 : 4))}`
    const zone = random() < 0.3 ? null : random() < 0.5 ? 'east' : 'west'
    const x = random() < 0.2 ? null : Math.floor(random() * 100)
    const point = { micros, kind, host, zone, x, n: i }
    points.set([kind, host, zone, micros].join(), point)
  }
  return [...points.values()]
}

function lineOf({ micros, kind, host, zone, x, n }: Point): string {
  const tags = `kind=${kind},host=${host}${zone === null ? '' : `,zone=${zone}`}`
  return `points,${tags} n=${n}i${x === null ? '' : `,x=${x}`} ${micros * 1000n}`
}

async function write(points: readonly Point[]): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(points.map(lineOf).join('\n')))
  await batch.commit('fsync')
}

beforeAll(async () => {
  const points = makePoints()
  db = await open('memory:')
  await write(points.slice(0, 600))
  await db.flush()
  await write(points.slice(600))
  const exported = db.export.bind(db)
  db.export = (...given) => {
    exports++
    return exported(...given)
  }
  if (missingPostgres !== null) return
  postgres = await startPostgres()
  await postgres.query(
    'CREATE TABLE points (time timestamptz, kind text, host text, zone text, x float8, n int8)',
  )
  const quoted = (value: string | number | null): string => (value === null ? 'NULL' : `'${value}'`)
  const rows = points.map(({ micros, kind, host, zone, x, n }) => {
    const time = `'epoch'::timestamptz + ${micros} * interval '1 microsecond'`
    return `(${time}, ${[kind, host, zone, x, n].map(quoted).join()})`
  })
  await postgres.query(`INSERT INTO points VALUES ${rows.join()}`)
}, 120_000)
afterAll(async () => {
  await postgres?.close()
  await db.close()
})

const pick = <T>(random: () => number, list: readonly T[]): T =>
  list[Math.floor(random() * list.length)]!

/** `END` stands where OFFSET 0 may. */
function statementOf(random: () => number): string {
  const isBefore = random() < 0.7
  const keys = pick(random, [
    ['t.host = o.host', 't.zone = o.zone'],
    ['t.host = o.host'],
    ['o.zone = t.zone'],
    [],
    [`t.host = replace(o.host, '5', '0')`],
    [`lower(t.host) = o.host`],
  ])
  // Points of one time are any of them, unless all tags are equal.
  const isUnique = keys.length === 2
  const near = isBefore
    ? pick(random, ['t.time <= o.time', 'o.time > t.time', `t.time <= o.time - interval '1 hour'`])
    : pick(random, ['t.time >= o.time', 't.time > o.time', `o.time + interval '3 hours' < t.time`])
  const far = isBefore
    ? pick(random, ['', '', `t.time > o.time - interval '2 hours'`, `t.time >= '2023-11-14Z'`])
    : pick(random, ['', '', `t.time < o.time + interval '2 hours'`])
  const own = pick(random, [`t.kind = 'quote'`, `t.kind = 'quote' AND t.x > 50`, `t.x IS NULL`, ''])
  const conditions = [...keys, near, far, own].filter((one) => one !== '').join(' AND ')
  const list = isUnique ? 't.time AS at, t.x, t.n + 1 AS m, t.kind' : 't.time AS at'
  const join = pick(random, ['LEFT JOIN LATERAL', 'CROSS JOIN LATERAL', 'JOIN LATERAL'])
  const on = join.startsWith('CROSS') ? '' : 'ON true'
  const order = isBefore ? 'DESC' : ''
  const where = pick(random, ['', `WHERE o.kind = 'trade'`, `WHERE o.n > 700 AND o.host <> 'h1'`])
  const right = `(SELECT ${list} FROM points t WHERE ${conditions} ORDER BY t.time ${order} LIMIT 1 END) l`
  return `SELECT o.n AS own, o.host, l.* FROM points o ${join} ${right} ${on} ${where}`
}

const isAsOf = (node: Node): boolean =>
  node.kind === 'join' ? asOfOf(node) !== null : 'input' in node && isAsOf(node.input)

async function answer(text: string): Promise<{ rows: string[]; isJoined: boolean; asked: number }> {
  const { query, run } = await bindQuery(db, text)
  const planned = pruneNode(planNode(query))
  exports = 0
  const rows = await rowsOf(planned, run)
  return { rows, isJoined: isAsOf(planned), asked: exports }
}

const rowKey = (row: readonly (string | null)[]): string =>
  row.map((cell) => cell ?? 'NULL').join('|')

describe('an as-of join', () => {
  test('has the rows of each left row by itself', { timeout: 300_000 }, async () => {
    const random = randomOf(17)
    let found = 0
    for (let i = 0; i < 20; i++) {
      const text = statementOf(random)
      const joined = await answer(text.replace('END', ''))
      const single = await answer(text.replace('END', 'OFFSET 0'))
      expect([joined.isJoined, single.isJoined], text).toEqual([true, false])
      expect(joined.rows, text).toEqual(single.rows)
      // Left rows, then their points in at most three reads, as they are one block.
      expect(joined.asked, text).toBeLessThanOrEqual(4)
      found += joined.rows.length
    }
    expect(found).toBeGreaterThan(1_000)
  })

  // The reason is in `missingPostgres`.
  test.skipIf(missingPostgres !== null)(
    'has those of PostgreSQL',
    async () => {
      const random = randomOf(23)
      for (let i = 0; i < 150; i++) {
        const text = statementOf(random).replace('END', '')
        const { rows } = await answer(text)
        const wanted = (await postgres!.query(text)).rows
        // Floats are printed to nine digits by the one.
        const short = (row: string): string => row.replaceAll(/\.0+(?=\||$)/g, '')
        expect(rows.map(short).sort(), text).toEqual(wanted.map(rowKey).sort())
      }
    },
    300_000,
  )

  test('is no other lateral join', async () => {
    const texts = [
      'SELECT x FROM points t WHERE t.host = o.host AND t.time <= o.time ORDER BY t.time DESC LIMIT 2',
      'SELECT x FROM points t WHERE t.host = o.host AND t.time <= o.time ORDER BY t.time LIMIT 1',
      'SELECT x FROM points t WHERE t.host <> o.host AND t.time <= o.time ORDER BY t.time DESC LIMIT 1',
      'SELECT x + o.x FROM points t WHERE t.time <= o.time ORDER BY t.time DESC LIMIT 1',
      'SELECT x FROM points t WHERE t.time <= o.time ORDER BY t.time DESC, x LIMIT 1',
      'SELECT x FROM points t WHERE t.time <= o.time AND (t.x = 1 OR o.x = 1) ORDER BY time DESC LIMIT 1',
    ]
    for (const right of texts) {
      const text = `SELECT count(*) FROM points o LEFT JOIN LATERAL (${right}) l ON true WHERE o.n < 20`
      expect((await answer(text)).isJoined, text).toBe(false)
    }
  })
})
