// Many series with few rows each, which are read many at a time (series-batch.ts), against the naive
// database of test/reference.ts: rows in one or two memtables, in parts that overlap or follow each
// other, with points written again, deleted, and some series too long to be read with the others.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/query/series-batch.test.ts` looks further.

import { expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { randomOf, seedsOf } from '../../random.ts'
import { ReferenceDatabase } from '../../reference.ts'
import { Asker, type Outcome, outcomeOf, writeScenario } from '../../reference/asker.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { whereOf } from '../../reference/question.ts'
import { manySeriesOf } from '../../reference/scenario.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const QUESTIONS = 7
/** The naive database is slow where others work, too. */
const TIMEOUT_MS = 120_000

const seeds = seedsOf(6)

test.each(seeds)(
  'many short series are answered as the reference does, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const replay = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/query/series-batch.test.ts`
    const scenario = manySeriesOf(random)
    const reference = new ReferenceDatabase()
    const host = await simulatedHost(openMemoryStorage(), seed)
    const database = await openDatabase(host, SMALL_OPTIONS)
    const context = unlimitedContext(host.now())
    const ask = new Asker(database, reference, context, replay)
    try {
      for (const [round, batch] of scenario.batches.entries()) {
        await writeScenario(database, batch, random)
        reference.write(batch)
        if (random.chance(0.5)) await database.flush()
        if (random.chance(0.1)) await database.compact()
        if (round > 1 && random.chance(0.4)) {
          const where = random.chance(0.6) ? whereOf(random, scenario) : "region < 'b'"
          const request = { table: 'cpu', where }
          const expected = await outcomeOf(() => reference.delete(request, context))
          const found = await outcomeOf(() => database.deleteRows('cpu', { where }))
          expect(deletedOf(found), `${replay}: delete where ${where}`).toEqual(deletedOf(expected))
        }
        if (random.chance(0.4)) await ask.some(random, scenario, 4)
      }
      await ask.some(random, scenario, QUESTIONS)
      await database.flush()
      await ask.some(random, scenario, QUESTIONS)
      await database.compact()
      await ask.some(random, scenario, QUESTIONS)
    } finally {
      await database.close()
    }
  },
  TIMEOUT_MS,
)

/** How many points a delete took, or the code of its refusal. */
function deletedOf(outcome: Outcome<number | { readonly deleted: number }>): number | string {
  if ('error' in outcome) return outcome.error.code
  return typeof outcome.answer === 'number' ? outcome.answer : outcome.answer.deleted
}
