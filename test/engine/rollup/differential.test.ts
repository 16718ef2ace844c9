// Rollups against the naive database of test/reference.ts, which knows of none: whatever was written,
// late or twice, flushed, merged, brought up to date or found again after a restart, a question
// has one answer. `OMENDB_SEEDS=100-199 npx vitest run test/engine/rollup/differential.test.ts`.

import { afterAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { Answer, QueryRequest } from '../../../engine/query/query.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { MemoryDisk } from '../../../engine/storage/memory.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type ReferenceAnswer, ReferenceDatabase } from '../../reference.ts'
import { differenceOf } from '../../reference/comparison.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { lineProtocolOf, type Scenario, scenarioOf } from '../../reference/scenario.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { rollupQuestionOf, rollupsOf } from './rollup-scenario.ts'

const PAGES_MAX = 4

const seeds = seedsOf(40)
const answered = { rollup: 0, points: 0 }

test.each(seeds)('with rollups and without the answers are the same, seed %i', async (seed) => {
  const random = randomOf(seed + 7_000_000)
  const scenario = scenarioOf(random)
  const reference = new ReferenceDatabase()
  const disk = new MemoryDisk()
  const open = async (): Promise<Database> =>
    openDatabase(await simulatedHost(openMemoryStorage(disk), seed), SMALL_OPTIONS)
  let database = await open()
  try {
    let isDeclared = false
    for (const [i, batch] of scenario.batches.entries()) {
      const writer = database.batch({ precision: 'ns' })
      writer.lineProtocol(new TextEncoder().encode(lineProtocolOf(batch)))
      await writer.commit()
      reference.write(batch)
      const isLast = i === scenario.batches.length - 1
      if (isLast || random.chance(0.3)) {
        isDeclared = (await declare(database, random, scenario, isDeclared)) || isDeclared
      }
      if (random.chance(0.4)) await database.flush()
      if (random.chance(0.15)) await database.compact()
      if (random.chance(0.3)) await database.refresh()
      if (random.chance(0.2)) {
        await database.close()
        database = await open()
      }
      await ask(database, reference, random, scenario, 3, seed)
    }
    await ask(database, reference, random, scenario, 8, seed)
    await database.flush()
    await database.refresh()
    await ask(database, reference, random, scenario, 12, seed)
    await database.compact()
    await ask(database, reference, random, scenario, 6, seed)
  } finally {
    await database.close()
  }
})

afterAll(() => {
  // A test that never takes the other way would prove nothing.
  expect(answered.rollup).toBeGreaterThan(seeds.length)
  expect(answered.points).toBeGreaterThan(seeds.length)
})

/** Declares rollups once all of their fields are there; false: not yet. */
async function declare(
  database: Database,
  random: Random,
  scenario: Scenario,
  isDeclared: boolean,
): Promise<boolean> {
  if (isDeclared && random.chance(0.7)) return false
  try {
    await database.putTable(scenario.table, { rollups: rollupsOf(random, scenario) })
    return true
  } catch (error) {
    if (error instanceof OmenError && error.code === 'unknown_column') return false
    throw error
  }
}

async function ask(
  database: Database,
  reference: ReferenceDatabase,
  random: Random,
  scenario: Scenario,
  count: number,
  seed: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const request = rollupQuestionOf(random, scenario)
    let asked = request
    let referred = request
    for (let page = 0; page < PAGES_MAX; page++) {
      const found = await outcomeOf(() => database.query(asked))
      const expected = await outcomeOf(() => reference.query(referred, CONTEXT))
      const difference = compare(found, expected)
      if (difference !== null) throw new Error(failure(seed, request, difference, found))
      if (typeof found === 'string' || typeof expected === 'string') break
      if (found.stats.rollup === null) answered.points++
      else answered.rollup++
      if (found.cursor === null) break
      asked = { ...request, cursor: found.cursor }
      referred = { ...request, cursor: expected.cursor }
    }
  }
}

const CONTEXT = unlimitedContext(CLOCK_START)

/** The answer, or the code of the refusal. */
async function outcomeOf<T>(run: () => T | Promise<T>): Promise<T | string> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof OmenError) return error.code
    throw error
  }
}

function compare(found: Answer | string, expected: ReferenceAnswer | string): string | null {
  if (typeof found !== 'string' && typeof expected !== 'string') {
    return differenceOf(found, expected, true)
  }
  return found === expected ? null : `${name(found)}, not ${name(expected)}`
}

function name(outcome: unknown): string {
  return typeof outcome === 'string' ? outcome : 'an answer'
}

function failure(
  seed: number,
  request: QueryRequest,
  difference: string,
  found: Answer | string,
): string {
  const line = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/rollup/differential.test.ts`
  const rollup = typeof found === 'string' ? '' : ` (rollup: ${found.stats.rollup})`
  return `${line}\n${JSON.stringify(request)}${rollup}\n${difference}`
}
