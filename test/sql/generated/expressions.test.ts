// Generated expressions beside PostgreSQL 15: every function and operator under a name that both have,
// casts, CASE, IN and arrays, over rows of all types with nulls and edges; types, values, SQLSTATEs.
// `OMENDB_SEEDS=100-999 npx vitest run test/sql/generated` looks further.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { differencesOf } from './batch.ts'
import { Expressions } from './expressions.ts'
import { type Signatures, readSignatures } from './signatures.ts'
import { randomRow } from './values.ts'

const required = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

// reason: the oracle is Debian's PostgreSQL
describe.skipIf(missingPostgres !== null && !required)('expressions', () => {
  let oracle: Postgres
  let signatures: Signatures

  beforeAll(async () => {
    oracle = await startPostgres()
    signatures = await readSignatures(oracle)
  }, 120_000)

  afterAll(() => oracle.close())

  test('hundreds of signatures are drawn from', () => {
    const all = [...signatures.values()].flat()
    expect(all.length).toBeGreaterThan(400)
  })

  test.each(seedsOf(40))('seed %i', { timeout: 60_000 }, async (seed) => {
    const random = randomOf(seed)
    const rows = Array.from({ length: 3 }, (_, id) => randomRow(random, id))
    const expressions = new Expressions(random, signatures)
    const list = Array.from({ length: 12 }, () => expressions.make(expressions.anyType(), 1))
    const differences = await differencesOf(oracle, list, rows)
    expect(differences, `OMENDB_SEEDS=${seed}-${seed}`).toEqual([])
  })
})
