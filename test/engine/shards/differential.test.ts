// Random data and requests over several shards, split before and while they are written, against the naive
// database of test/reference.ts and one engine that holds everything: the same answers, lists and exports.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/shards/differential.test.ts` looks further; a failure
// prints the line that replays it.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { ShardedReads } from '../../../engine/shards/sharded-reads.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { ReferenceDatabase } from '../../reference.ts'
import type { DeleteResult } from '../../../engine/database-types.ts'
import { Asker, type Outcome, outcomeOf, writeScenario } from '../../reference/asker.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { questionOf, whereOf } from '../../reference/question.ts'
import { type Scenario, scenarioOf } from '../../reference/scenario.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { LocalShards } from './local-shards.ts'

const seeds = seedsOf(8)
/** Some seeds have years of hours in calendars of the clock. */
const TIMEOUT_MS = 120_000

test.each(seeds)(
  'shards and one database answer alike, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const replay = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/shards/differential.test.ts`
    const scenario = scenarioOf(random)
    const reference = new ReferenceDatabase()
    const host = await simulatedHost(openMemoryStorage(), seed)
    const one = await openDatabase(host, SMALL_OPTIONS)
    const context = unlimitedContext(host.now())
    const shards = await LocalShards.open(seed)
    const reads = await shards.coordinator(context.now)
    const ask = new Asker(reads, reference, context, replay)
    try {
      for (let i = random.int(6); i > 0; i--) await splitSome(shards, random, scenario)
      for (const batch of scenario.batches) {
        await writeScenario(one, batch, random)
        await shards.write(batch, random)
        reference.write(batch)
        await shards.each((database) => (random.chance(0.3) ? database.flush() : noWork()))
        if (random.chance(0.2)) {
          const where = whereOf(random, scenario)
          await deleteSome(shards, one, reference, { table: scenario.table, where }, context)
        }
        // A shard that has points is split behind the last of them.
        if (random.chance(0.3)) await splitBehind(shards, random)
        if (random.chance(0.3)) await ask.some(random, scenario, 8)
      }
      await ask.some(random, scenario, 40)
      await shards.each((database) => (random.chance(0.7) ? database.flush() : noWork()))
      await ask.some(random, scenario, 30)
      await compareLists(reads, one, scenario, random)
      for (let i = 0; i < 15; i++) await compareExports(reads, one, scenario, random, replay)
    } finally {
      await one.close()
      await shards.close()
    }
  },
  TIMEOUT_MS,
)

function noWork(): Promise<void> {
  return Promise.resolve()
}

async function splitSome(shards: LocalShards, random: Random, scenario: Scenario): Promise<void> {
  const names = shards.splittable
  if (names.length === 0) return
  const { entries } = shards.current
  const least = entries.at(-1)!.since
  const span = scenario.to - scenario.from
  const fence = scenario.from + (span * BigInt(random.int(101))) / 100n + BigInt(random.int(2))
  await shards.split(random.pick(names), fence > least ? fence : least + 1n)
}

async function splitBehind(shards: LocalShards, random: Random): Promise<void> {
  const names = shards.splittable
  if (names.length === 0) return
  let last = shards.current.entries.at(-1)!.since
  await shards.each(async (database) => {
    for (const { name } of await database.tables()) {
      const { lastTime } = await database.table(name)
      if (lastTime !== null && lastTime > last) last = lastTime
    }
  })
  await shards.split(random.pick(names), last + 1n)
}

async function deleteSome(
  shards: LocalShards,
  one: Database,
  reference: ReferenceDatabase,
  request: { table: string; where: string },
  context: Parameters<ReferenceDatabase['delete']>[1],
): Promise<void> {
  const { table, where } = request
  const expected = await outcomeOf(() => one.deleteRows(table, { where }))
  if ('error' in expected) return
  reference.delete(request, context)
  const { tags, fields } = await one.table(table)
  let deleted = 0
  await shards.each(async (database) => {
    const remove = (): Promise<Outcome<DeleteResult>> =>
      outcomeOf(() => database.deleteRows(table, { where }))
    let outcome = await remove()
    if ('error' in outcome) {
      // It lacks a column or the table: whoever coordinates writes tells it.
      await database.putTable(table, { tags, fields })
      outcome = await remove()
    }
    if ('error' in outcome) throw outcome.error
    deleted += outcome.answer.deleted
  })
  expect(deleted).toBe(expected.answer.deleted)
}

async function compareLists(
  reads: ShardedReads,
  one: Database,
  { table, tags }: Scenario,
  random: Random,
): Promise<void> {
  expect(await reads.tagKeys(table)).toEqual(await one.tagKeys(table))
  for (const limit of [1 + random.int(5), 10_000]) {
    for (let cursor: string | null = null; ;) {
      const options = { limit, cursor }
      const expected = await one.series(table, options)
      expect(await reads.series(table, options)).toEqual(expected)
      if ((cursor = expected.cursor) === null) break
    }
    for (const { key } of tags) {
      const options = { limit, where: `${JSON.stringify(key)} <> 'a'` }
      const expected = await outcomeOf(() => one.tagValues(table, key, options))
      expect(await outcomeOf(() => reads.tagValues(table, key, options))).toEqual(expected)
    }
  }
}

async function compareExports(
  reads: ShardedReads,
  one: Database,
  scenario: Scenario,
  random: Random,
  replay: string,
): Promise<void> {
  const { table, precision, start, end, where, order } = questionOf(random, scenario)
  const asked = Object.entries({ precision, start, end, where, order })
  const given = Object.fromEntries(asked.filter(([, value]) => value !== undefined))
  const select = scenario.fields.map(({ name }) => JSON.stringify(name))
  const request = { table, select, ...given }
  const [found, expected] = await Promise.all(
    [reads, one].map((database) => outcomeOf(() => exported(database, request))),
  )
  if ('error' in found! || 'error' in expected!) {
    const codes = [found!, expected!].map((one) => ('error' in one ? one.error.code : 'rows'))
    expect(codes[0], `${replay}\n${JSON.stringify(request)}`).toBe(codes[1])
    return
  }
  expect(found!.answer, `${replay}\n${JSON.stringify(request)}`).toEqual(expected!.answer)
}

/** All rows of an export, with what it says of them before. */
async function exported(
  database: Pick<ShardedReads, 'export'>,
  request: Parameters<ShardedReads['export']>[0],
): Promise<unknown> {
  const { columns, tags, isAggregate, chunks } = await database.export(request)
  const rows: unknown[] = []
  for await (const { tags: of, time, fields } of chunks) {
    for (const [i, at] of time.entries()) {
      const cells = fields.map(({ values, valid }) => (valid?.[i] === 0 ? null : values[i]))
      rows.push([[...of], at, cells])
    }
  }
  return { columns, tags, isAggregate, rows }
}
