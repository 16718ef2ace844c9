// Random data and requests against the naive database of test/reference.ts: rows in memtables, in
// one part, in many overlapping parts and compacted ones must give the same answers.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/query/differential.test.ts` looks further; a failure
// prints the line that replays it.

import { test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { randomOf, seedsOf } from '../../random.ts'
import { ReferenceDatabase } from '../../reference.ts'
import { Asker, writeScenario } from '../../reference/asker.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { scenarioOf } from '../../reference/scenario.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const QUESTIONS = 40

const seeds = seedsOf(25)

test.each(seeds)('engine and reference answer alike, seed %i', async (seed) => {
  const random = randomOf(seed)
  const replay = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/query/differential.test.ts`
  const scenario = scenarioOf(random)
  const reference = new ReferenceDatabase()
  const host = await simulatedHost(openMemoryStorage(), seed)
  const database = await openDatabase(host, SMALL_OPTIONS)
  const context = unlimitedContext(host.now())
  const ask = new Asker(database, reference, context, replay)
  try {
    for (const batch of scenario.batches) {
      await writeScenario(database, batch, random)
      reference.write(batch)
      if (random.chance(0.4)) await database.flush()
      if (random.chance(0.15)) await database.compact()
      if (random.chance(0.3)) await ask.some(random, scenario, 5)
    }
    await ask.some(random, scenario, QUESTIONS)
    await database.flush()
    await ask.some(random, scenario, QUESTIONS / 2)
    await database.compact()
    await ask.some(random, scenario, QUESTIONS / 2)
  } finally {
    await database.close()
  }
})
