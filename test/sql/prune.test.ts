// Statements that read only the columns they need have the rows of those that read all: over sparse
// points, in files and in memory, with scans below filters, joins, subqueries, windows and groups.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { lower } from '../../sql/lower/lower.ts'
import { planNode } from '../../sql/plan/plan.ts'
import { pruneNode } from '../../sql/plan/prune.ts'
import type { Node } from '../../sql/tree.ts'
import { bindQuery, rowsOf } from './lower/setup.ts'

const START = 1_699_900_000_000_000_000n
const SECOND = 1_000_000_000n
let db: Database

function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function lineOf(random: () => number, time: bigint): string {
  const fields: string[] = []
  if (random() < 0.5) fields.push(`x=${(random() * 20 - 10).toFixed(1)}`)
  if (random() < 0.4) fields.push(`n=${Math.floor(random() * 9)}i`)
  if (random() < 0.3) fields.push(`s="t${Math.floor(random() * 5)}"`)
  if (random() < 0.2) fields.push(`b=${random() < 0.5}`)
  if (fields.length === 0) fields.push('u=7u')
  const zone = random() < 0.7 ? ',zone=east' : ''
  return `points,host=h${Math.floor(random() * 4)}${zone} ${fields.join()} ${time}`
}

async function write(lines: readonly string[]): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
}

beforeAll(async () => {
  db = await open('memory:')
  const random = randomOf(3)
  const at = (step: number): bigint => START + BigInt(step) * 60n * SECOND
  await write(Array.from({ length: 300 }, (_, i) => lineOf(random, at(i))))
  await db.flush()
  await write(Array.from({ length: 60 }, (_, i) => lineOf(random, at(i * 5) + 7n)))
})
afterAll(() => db.close())

const COLUMNS = ['time', 'host', 'zone', 'x', 'n', 's', 'b', 'u']
const CONDITIONS = [
  'x > 0',
  'n <= 4',
  's IS NULL',
  'b',
  `host = 'h1'`,
  'x + n > 2',
  'x < n',
  `lower(s) = 't1'`,
  'EXISTS (SELECT 1 FROM points o WHERE o.host = p.host AND o.n = p.n AND o.time > p.time)',
  'n = (SELECT max(n) FROM points o WHERE o.host = p.host)',
  `time < '2023-11-14' AND (u = 7 OR x IS NOT NULL)`,
]
const pick = <T>(random: () => number, list: readonly T[]): T =>
  list[Math.floor(random() * list.length)]!
const some = (random: () => number, of = COLUMNS): string[] => {
  const count = 1 + Math.floor(random() * 3)
  return [...new Set(Array.from({ length: count }, () => pick(random, of)))]
}

function statementOf(random: () => number): string {
  const where = random() < 0.6 ? ` WHERE ${pick(random, CONDITIONS)}` : ''
  const names = some(random)
  const list = names.map((name) => `p.${name}`).join()
  switch (Math.floor(random() * 11)) {
    case 0:
      return `SELECT ${list} FROM points p${where}`
    case 1:
      return `SELECT ${list} FROM (SELECT * FROM points) p${where} ORDER BY p.x, p.time, p.host, p.zone`
    case 2:
      return `SELECT host, count(*), count(x) FILTER (WHERE n > 3), sum(n) FROM points p${where} GROUP BY host`
    case 3:
      return `SELECT ${list}, row_number() OVER (PARTITION BY p.host ORDER BY p.time, p.zone) FROM points p${where}`
    case 4:
      return `SELECT ${list}, q.s FROM points p JOIN points q ON p.time = q.time AND p.host = q.host AND q.n > 2 WHERE p.x IS NULL OR p.s = q.s`
    case 5:
      return `SELECT ${list}, l.x FROM points p LEFT JOIN LATERAL (SELECT x FROM points o WHERE o.host = p.host AND o.time < p.time AND o.n = p.n ORDER BY o.time DESC, o.zone LIMIT 1) l ON true WHERE p.host = 'h2'`
    case 6:
      return `SELECT DISTINCT ${list} FROM points p${where}`
    case 7:
      return `SELECT ${list} FROM points p${where} UNION ALL SELECT ${list} FROM points p WHERE p.n = 1`
    case 8:
      return `WITH few AS (SELECT * FROM points WHERE n > 2) SELECT ${list} FROM few p${where}`
    case 9:
      return `SELECT ${list} FROM points p WHERE host = 'h1' AND zone = 'east' ORDER BY time ${random() < 0.5 ? 'DESC' : ''} LIMIT ${1 + Math.floor(random() * 40)}`
    default:
      return `SELECT (SELECT count(*) FROM points o WHERE o.x = p.x AND o.s = p.s), ${list} FROM points p${where}`
  }
}

/** Columns that the scans of a tree read, by relation. */
function readsOf(node: Node): string[] {
  if (node.kind === 'scan') {
    return (node.reads ?? []).map((index) => node.relation.columns[index]!.name)
  }
  if ('left' in node) return [...readsOf(node.left), ...readsOf(node.right)]
  return 'input' in node ? readsOf(node.input) : []
}

describe('a pruned statement', () => {
  test('has the same rows, also lowered', { timeout: 240_000 }, async () => {
    const random = randomOf(5)
    let rows = 0
    for (let i = 0; i < 50; i++) {
      const text = statementOf(random)
      const { query, run } = await bindQuery(db, text)
      const planned = planNode(query)
      const pruned = pruneNode(planned)
      const all = await rowsOf(planned, run)
      rows += all.length
      expect((await rowsOf(pruned, run)).sort(), text).toEqual(all.toSorted())
      expect((await rowsOf(lower(pruned, run, []), run)).sort(), text).toEqual(all.sort())
    }
    expect(rows).toBeGreaterThan(1_000)
  })

  test.each([
    ['SELECT time FROM points', ['time']],
    ['SELECT count(*) FROM points', []],
    ['SELECT s FROM points WHERE x > 1 AND n = 2', ['s']],
    ['SELECT host FROM (SELECT *, x + n AS sum FROM points) q', ['host', 'n', 'x']],
    ['SELECT p.s FROM points p JOIN points q ON p.n = q.u', ['n', 's', 'u']],
    ['SELECT host, max(x) FROM points GROUP BY host ORDER BY 1', ['host', 'x']],
  ])('%s reads %s', async (text, wanted) => {
    const { query } = await bindQuery(db, text)
    expect(readsOf(pruneNode(planNode(query))).sort()).toEqual(wanted)
  })
})
