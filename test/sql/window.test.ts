// Window functions beside PostgreSQL 15: random calls, partitions, orders and frames over small relations
// with nulls and equal keys. Size and seed: OMENDB_SEEDS.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bind } from '../../sql/bind/bind.ts'
import { execute } from '../../sql/execute/execute.ts'
import { valueAt } from '../../sql/execute/vector.ts'
import { functionTable } from '../../sql/functions/table.ts'
import type { SqlError } from '../../sql/sql-error.ts'
import { printValue } from '../../sql/value-text.ts'
import { randomOf, seedsOf, type Random } from '../random.ts'
import { surroundings } from './bind-setup.ts'
import { missingPostgres, startPostgres, type Postgres } from './postgres.ts'

const run = { surroundings, check() {}, async pause() {}, hold() {} }

async function ours(text: string): Promise<string[]> {
  const bound = await bind(text, [], { relation: () => null }, functionTable, surroundings)
  if (!('query' in bound.body)) throw new Error('no query')
  const lines: string[] = []
  for await (const batch of execute(bound.body.query, run, [])) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = bound.columns!.map(({ type }, index) => {
        const value = valueAt(batch.columns[index]!, type, row)
        return value === null ? 'NULL' : printValue(type, value, surroundings)
      })
      lines.push(cells.join('|'))
    }
  }
  return lines
}

const KEYS = ['i', 'f', 't']

function relation(random: Random): string {
  const rows = Array.from({ length: 1 + random.int(12) }, (_, id) => {
    const i = random.chance(0.15) ? 'NULL' : random.int(5) - 2
    const f = random.chance(0.15) ? 'NULL' : random.int(8) / 4
    const s = random.chance(0.2) ? 'NULL' : `'${random.pick(['a', 'b', 'c'])}'`
    const t = `'2026-01-0${1 + random.int(4)} 0${random.int(9)}:00'`
    return `(${id}, ${i}::int4, ${f}::float8, ${s}::text, ${t}::timestamptz)`
  })
  return `(VALUES ${rows.join(', ')}) r(id, i, f, s, t)`
}

const CALLS = [
  'row_number()',
  'rank()',
  'dense_rank()',
  'percent_rank()',
  'cume_dist()',
  'ntile(3)',
  'lag(id)',
  'lag(f, 2)',
  'lead(id, 1, -1)',
  'first_value(id)',
  'last_value(f)',
  'nth_value(id, 2)',
  'sum(i)',
  'sum(f)',
  'count(*)',
  'count(s)',
  'min(f)',
  'max(s)',
  'count(*) FILTER (WHERE i > 0)',
  'sum(f) FILTER (WHERE s IS NOT NULL)',
]

/** Frames for an order by one key of a kind. */
function frame(random: Random, key: string | null): string {
  const unit = random.pick(['ROWS', 'RANGE', 'GROUPS'])
  const distance =
    unit !== 'RANGE'
      ? String(random.int(3))
      : key === 't'
        ? `'${random.int(40)} hours'`
        : String(random.int(3))
  const canReach = unit !== 'RANGE' || key !== null
  const starts = ['UNBOUNDED PRECEDING', 'CURRENT ROW']
  const ends = ['CURRENT ROW', 'UNBOUNDED FOLLOWING']
  if (canReach) {
    starts.push(`${distance} PRECEDING`)
    ends.push(`${distance} FOLLOWING`)
  }
  const exclude = random.pick(['', '', ' EXCLUDE CURRENT ROW', ' EXCLUDE GROUP', ' EXCLUDE TIES'])
  return ` ${unit} BETWEEN ${random.pick(starts)} AND ${random.pick(ends)}${exclude}`
}

function over(random: Random): string {
  const partition = random.chance(0.5) ? `PARTITION BY ${random.pick(['s', 'i', 's, i'])} ` : ''
  const isSingle = random.chance(0.5)
  const key = random.pick(KEYS)
  const direction = random.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])
  const order = isSingle ? `ORDER BY ${key}${direction}` : 'ORDER BY f, id'
  // Of rows that are equal in the order, which comes first is open: only `id` decides it.
  const isExact = !isSingle
  const framed = random.chance(0.6) ? frame(random, isSingle ? key : null) : ''
  const isSafe = isExact || !framed.includes('ROWS')
  return `(${partition}${order}${isSafe ? framed : ''})`
}

/** What depends on the order of equal rows is asked of an order without any. */
const IS_PLACED = /^(row_number|ntile|lag|lead|first_value|last_value|nth_value)/

function statement(random: Random): string {
  const calls = Array.from({ length: 1 + random.int(3) }, () => {
    const call = random.pick(CALLS)
    let window = over(random)
    while (IS_PLACED.test(call) && !window.includes('f, id')) window = over(random)
    return `${call} OVER ${window}`
  })
  return `SELECT id, ${calls.join(', ')} FROM ${relation(random)} ORDER BY id`
}

const required = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

// reason: the oracle is Debian's PostgreSQL
describe.skipIf(missingPostgres !== null && !required)('windows', () => {
  let oracle: Postgres
  beforeAll(async () => {
    oracle = await startPostgres()
  })
  afterAll(() => oracle.close())

  test.each(seedsOf(60))('seed %i', async (seed) => {
    const random = randomOf(seed)
    for (let each = 0; each < 5; each++) {
      const text = statement(random)
      const { rows } = await oracle.query(text)
      const theirs = rows.map((row) => row.map((cell) => cell ?? 'NULL').join('|'))
      expect(await ours(text), text).toEqual(theirs)
    }
  })

  test('offsets that are none are refused as PostgreSQL refuses them', async () => {
    const many = 'FROM generate_series(1, 3) g'
    for (const text of [
      `SELECT sum(g) OVER (ORDER BY g ROWS -1 PRECEDING) ${many}`,
      `SELECT sum(g) OVER (ORDER BY g RANGE -1 PRECEDING) ${many}`,
      `SELECT ntile(0) OVER (ORDER BY g) ${many}`,
      `SELECT nth_value(g, 0) OVER (ORDER BY g) ${many}`,
    ]) {
      const theirs = await oracle.query(text).catch((error: { code: string }) => error.code)
      const mine = await ours(text).catch((error: SqlError) => error.sqlstate)
      expect(mine, text).toBe(theirs)
    }
  })
})
