// Generated SELECT statements beside PostgreSQL 15, over the same rows: in OmenDB some of them in flushed
// parts, some in the memtable, some late. The same columns, types, rows or SQLSTATE; and the same with the
// statement as it was bound, not planned nor asked of the engine.
// `OMENDB_SEEDS=100-999 npx vitest run test/sql/generated/statements.test.ts` looks further.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { isSameAnswer } from './answers.ts'
import { runThere, show } from './compare.ts'
import { type Here, openHere } from './statement-engine.ts'
import { TABLES, setupOf } from './statement-tables.ts'
import { type Query, Statements } from './statements.ts'

const STATEMENTS_PER_SEED = 10
const required = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

// reason: the oracle is Debian's PostgreSQL
describe.skipIf(missingPostgres !== null && !required)('statements', () => {
  let oracle: Postgres
  let here: Here

  beforeAll(async () => {
    const setups = TABLES.map((table, index) => setupOf(randomOf(40 + index), table))
    ;[oracle, here] = await Promise.all([startPostgres(), openHere(setups)])
    for (const { statements } of setups) for (const text of statements) await oracle.query(text)
    await oracle.query('ANALYZE')
  }, 120_000)

  afterAll(async () => {
    await oracle.close()
    await here.close()
  })

  async function differenceOf({ text, order }: Query): Promise<string | null> {
    const there = await runThere(oracle, text)
    const planned = await here.run(text)
    if (!isSameAnswer(planned, there, order)) {
      return `${text}\n  here  ${show(planned)}\n  there ${show(there)}`
    }
    const bound = await here.runBound(text)
    if (isSameAnswer(bound, planned, order)) return null
    return `${text}\n  planned ${show(planned)}\n  bound   ${show(bound)}`
  }

  test.each(seedsOf(40))('seed %i', { timeout: 120_000 }, async (seed) => {
    const statements = new Statements(randomOf(seed))
    const found: string[] = []
    for (let count = 0; count < STATEMENTS_PER_SEED; count++) {
      const difference = await differenceOf(statements.statement())
      if (difference !== null) found.push(difference)
    }
    expect(found, `OMENDB_SEEDS=${seed}-${seed}`).toEqual([])
  })
})
