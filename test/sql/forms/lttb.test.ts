// lttb chooses the points of a series that a request with `points` chooses, whatever they are.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Here, type Rows, startHere } from './beside.ts'

const START = 1_790_000_000_000_000_000n

let here: Here

beforeAll(async () => {
  here = await startHere()
})
afterAll(() => here.close())

const SHAPES: readonly ((random: Random, i: number) => number)[] = [
  (_, i) => Math.sin(i / 7) * 10,
  (random) => random.next() * 1e6 - 5e5,
  () => 3,
  (random, i) => (random.chance(0.02) ? 1e300 : i),
  (random) => random.int(3),
  (_, i) => 1 / (1 + i),
]

/** Lines of one series of random shape: float `x`, and whole numbers `n` at some of the times. */
function linesOf(random: Random, table: string, host: string): string[] {
  const shape = random.pick(SHAPES)
  const count = 1 + random.int(700)
  let time = START
  return Array.from({ length: count }, (_, i) => {
    time += BigInt(1 + random.int(random.chance(0.1) ? 1e9 : 1e6))
    const whole = random.chance(0.8) ? `,n=${random.int(1e9) - 5e8}i` : ''
    return `${table},host=${host} x=${shape(random, i)}${whole} ${time}`
  })
}

async function rowsOf(text: string): Promise<Rows> {
  const answer = await here.ask(text)
  if ('error' in answer) throw new Error(answer.error)
  return answer.rows
}

const chosenIn = (table: string, field: string, points: number): string =>
  `SELECT host, extract(epoch FROM p.time) * 1000000000, p.value FROM (SELECT host,
    lttb(time, ${field}, ${points}) AS points FROM ${table} GROUP BY host) s, unnest(points) p ORDER BY 1, 2`

test.each(seedsOf(12))('seed %i: the points of a request', async (seed) => {
  const random = randomOf(seed)
  const table = `cpu${seed}`
  const batch = here.db.batch()
  const lines = ['a', 'b', 'c'].flatMap((host) => linesOf(random, table, host))
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('memory')
  for (const field of ['x', 'n']) {
    const points = random.pick([2, 3, 10, 97, 1000])
    const { series } = await here.db.query({ table, select: [field], points })
    const wanted = series.flatMap(({ tags, time, fields }) =>
      [...time].map((at, i) => [tags.get('host'), Number(at), Number(fields[0]!.values[i])]),
    )
    const rows = await rowsOf(chosenIn(table, field, points))
    expect(rows.map(([host, at, value]) => [host, Number(at), Number(value)])).toEqual(wanted)
  }
})

const T = `(VALUES (3, 'a', 1.5::float8), (1, 'a', NULL), (2, 'a', 7), (NULL, 'a', 1), (1, 'b', 2),
  (5, 'a', 4), (9, 'a', 1)) v(i, k, x), LATERAL (SELECT to_timestamp(i::float8) AS t) w`

test('rows with nulls do not count, and times need no order', async () => {
  const second = (i: number): string => `1970-01-01 00:00:0${i}+00`
  const points = (text: string): string => `SELECT p.* FROM unnest((${text})) p`
  expect(await rowsOf(points(`SELECT lttb(t, x, 9) FROM ${T} WHERE k = 'a'`))).toEqual([
    ...[
      [second(2), '7'],
      [second(3), '1.5'],
      [second(5), '4'],
      [second(9), '1'],
    ],
  ])
  expect(await rowsOf(points(`SELECT lttb(t, x, 2) FILTER (WHERE i < 9) FROM ${T}`))).toEqual([
    ...[
      [second(1), '2'],
      [second(5), '4'],
    ],
  ])
  expect(await rowsOf(`SELECT lttb(t, x, 2) FROM ${T} WHERE false`)).toEqual([[null]])
})

test('it stands in windows, and its points are rows with names', async () => {
  const first = `SELECT i, k, (lttb(t, x, 2) OVER (PARTITION BY k))[1].value FROM ${T} ORDER BY 1, 2`
  const values = (await rowsOf(first)).map((row) => row.at(-1))
  expect(values).toEqual(['7', '2', '7', '7', '7', '7', '7'])
  const grown = `SELECT i, cardinality(lttb(t, x, 3) OVER (ORDER BY i)) FROM ${T} WHERE k = 'a' ORDER BY 1`
  expect((await rowsOf(grown)).map((row) => row[1])).toEqual([null, '1', '2', '3', '3', '3'])
  const named = `SELECT (unnest(lttb(t, x, 2))).time, (unnest(lttb(t, x, 2))).value FROM ${T} WHERE k = 'b'`
  expect(await rowsOf(named)).toEqual([['1970-01-01 00:00:01+00', '2']])
})

test('of less than two points, and of what is no number, it is refused', async () => {
  expect(await here.ask(`SELECT lttb(t, x, 1) FROM ${T}`)).toEqual({ error: '22023 0' })
  expect(await here.ask(`SELECT lttb(t, k, 5) FROM ${T}`)).toEqual({ error: '42883 8' })
})

test('the example of the page', async () => {
  const page = readFileSync(new URL('../../../docs/sql.md', import.meta.url), 'utf8')
  const [, example] = /```sql\n(SELECT hostname, p\.time[^`]*lttb[^`]*);\n```/.exec(page)!
  await rowsOf(`CREATE TABLE cpu (time timestamptz NOT NULL, hostname text, usage double precision,
    PRIMARY KEY (hostname, time))`)
  await rowsOf(`INSERT INTO cpu SELECT to_timestamp(g::float8), CASE g % 3 WHEN 0 THEN 'a' ELSE 'b' END,
    sin(g) FROM generate_series(1, 600) g`)
  const rows = await rowsOf(example!)
  const hosts = rows.map(([host]) => host)
  expect(hosts.filter((host) => host === 'a')).toHaveLength(100)
  expect(hosts.filter((host) => host === 'b')).toHaveLength(100)
  expect(rows[0]).toEqual(['a', '1970-01-01 00:00:03+00', String(Math.sin(3))])
})
