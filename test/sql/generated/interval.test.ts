// Texts of intervals as people write them, beside PostgreSQL 15: units that come twice, numbers without
// one, times of day in between.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { differenceOf } from './compare.ts'

const PIECES = [
  ...['1 day', '2 days', '3 hours', '59:59', '12:34:56.7', '-1 mon', '2 years', '1-2', '5', '-2.5'],
  ...['1.5 sec', '2 ms', '3 us', '4 minutes', '1 week', '1 decade', '1.5 months', '+7'],
  ...['1h', '2m', '3s', '-04:05', '1 century', '1.25 h', '30 secs', '6 mins', '1 mil'],
]

function text(random: Random): string {
  const pieces = Array.from({ length: 1 + random.int(3) }, () => random.pick(PIECES))
  return random.pick(['', '', '', '@ ']) + pieces.join(' ') + random.pick(['', '', '', ' ago'])
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test('texts of intervals mean what they mean in PostgreSQL', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(500)) {
    const statement = `SELECT '${text(randomOf(seed))}'::interval`
    const difference = await differenceOf(postgres, statement)
    if (difference !== null) found.push(`${seed}: ${difference}`)
  }
  expect(found.slice(0, 20), `${found.length} of them`).toEqual([])
}, 120_000)
