// Scan workers against the naive database of test/reference.ts: whatever is split among kernels, with rows
// in memory, deletes, and workers that fail or end, the answers are those of one kernel alone.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/scan-workers/differential.test.ts` looks further.

import { expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { randomOf, seedsOf } from '../../random.ts'
import { ReferenceDatabase } from '../../reference.ts'
import { Asker, writeScenario } from '../../reference/asker.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { whereOf } from '../../reference/question.ts'
import { scenarioOf } from '../../reference/scenario.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { type Fate, localWorkers } from './local-threads.ts'

const FATES: readonly Fate[] = [
  () => 'done',
  (task) => (task % 3 === 2 ? 'failed' : 'done'),
  (task) => (task === 5 ? 'ended' : 'done'),
]

const seeds = seedsOf(12)
let split = 0

test.each(seeds)('workers and one kernel answer alike, seed %i', async (seed) => {
  const random = randomOf(seed)
  const replay = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/scan-workers/differential.test.ts`
  const scenario = scenarioOf(random)
  const reference = new ReferenceDatabase()
  const storage = openMemoryStorage()
  const scanWorkers = await localWorkers(storage, 1 + random.int(3), FATES[seed % FATES.length])
  const host = { ...(await simulatedHost(storage, seed)), scanWorkers }
  const database = await openDatabase(host, SMALL_OPTIONS)
  const context = unlimitedContext(host.now())
  const ask = new Asker(database, reference, context, replay)
  try {
    for (const batch of scenario.batches) {
      await writeScenario(database, batch, random)
      reference.write(batch)
      if (random.chance(0.6)) await database.flush()
      if (random.chance(0.2)) {
        const request = { table: 'cpu', where: whereOf(random, scenario) }
        await Promise.allSettled([database.deleteRows('cpu', { where: request.where })])
        try {
          reference.delete(request, context)
        } catch {
          // The engine has refused it, too.
        }
      }
      if (random.chance(0.3)) await ask.some(random, scenario, 8)
    }
    await database.flush()
    await ask.some(random, scenario, 30)
    await database.compact()
    await ask.some(random, scenario, 15)
    split += scanWorkers.started
  } finally {
    await database.close()
  }
})

test('most of these questions were split', () => {
  expect(split).toBeGreaterThan(seeds.length * 20)
})
