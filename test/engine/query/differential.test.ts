// Random data and requests against the naive database of test/reference.ts: rows in memtables, in
// one part, in many overlapping parts and compacted ones must give the same answers.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/query/differential.test.ts` looks further; a failure
// prints the line that replays it.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { Answer, QueryRequest } from '../../../engine/query/query.ts'
import type { QueryContext } from '../../../engine/query/request.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type Random, randomOf } from '../../random.ts'
import { type ReferenceAnswer, ReferenceDatabase, type ReferencePoint } from '../../reference.ts'
import { differenceOf } from '../../reference/comparison.ts'
import { latestOf, questionOf } from '../../reference/question.ts'
import {
  type Scenario,
  columnPointsOf,
  lineProtocolOf,
  scenarioOf,
} from '../../reference/scenario.ts'
import { simulatedHost } from '../../simulated-host.ts'

const QUESTIONS = 40
const PAGES_MAX = 5
/** Small, so that flushes and evictions happen. */
const OPTIONS = {
  memtableRowBytes: 1 << 20,
  memtableArenaBytes: 1 << 20,
  cacheBytes: 1 << 20,
  logBytes: 1 << 22,
  // The simulated clock moves with every reading.
  limits: { timeoutMs: 1e12 },
}

const [from, to] = (process.env['OMENDB_SEEDS'] ?? '1-25').split('-').map(Number)
const seeds = Array.from({ length: (to ?? from!) - from! + 1 }, (_, i) => from! + i)

test.each(seeds)('engine and reference answer alike, seed %i', async (seed) => {
  const random = randomOf(seed)
  const scenario = scenarioOf(random)
  const reference = new ReferenceDatabase()
  const host = await simulatedHost(openMemoryStorage(), seed)
  const database = await openDatabase(host, OPTIONS)
  const context: QueryContext = {
    database: 'default',
    now: host.now(),
    limits: { maxPoints: 1e9, maxBuckets: 1e9, queryBytes: 2 ** 40, timeoutMs: 1e6 },
    limit: { default: 1_000_000, max: 1_000_000 },
  }
  const ask = new Asker(database, reference, context, seed)
  try {
    for (const batch of scenario.batches) {
      await write(database, batch, random)
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

/** As columns, or as text in pieces cut anywhere, also inside of a line or a character. */
async function write(
  database: Database,
  points: readonly ReferencePoint[],
  random: Random,
): Promise<void> {
  const batch = database.batch({ precision: 'ns' })
  if (random.chance(0.3)) {
    for (const columns of columnPointsOf(points)) batch.points(columns)
  } else {
    const bytes = new TextEncoder().encode(lineProtocolOf(points))
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random.int(bytes.length)
      batch.lineProtocol(bytes.subarray(at, at + size))
      at += size
    }
  }
  expect(await batch.commit()).toMatchObject({ written: points.length, rejected: 0 })
}

class Asker {
  private readonly database: Database
  private readonly reference: ReferenceDatabase
  private readonly context: QueryContext
  private readonly seed: number

  constructor(
    database: Database,
    reference: ReferenceDatabase,
    context: QueryContext,
    seed: number,
  ) {
    this.database = database
    this.reference = reference
    this.context = context
    this.seed = seed
  }

  async some(random: Random, scenario: Scenario, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      if (random.chance(0.15)) await this.latest(latestOf(random, scenario))
      else await this.pages(questionOf(random, scenario))
    }
  }

  /** A request and its further pages. */
  private async pages(request: QueryRequest): Promise<void> {
    const { database, reference, context } = this
    const isAggregate = /\(/.test(JSON.stringify(request.select ?? ''))
    let asked = request
    let referred = request
    for (let page = 0; page < PAGES_MAX; page++) {
      const found = await outcomeOf(() => database.query(asked))
      const expected = await outcomeOf(() => reference.query(referred, context))
      this.compare(asked, found, expected, isAggregate)
      if (!('answer' in found && 'answer' in expected) || found.answer.cursor === null) return
      asked = { ...request, cursor: found.answer.cursor }
      referred = { ...request, cursor: expected.answer.cursor }
    }
  }

  private async latest(request: QueryRequest): Promise<void> {
    const found = await outcomeOf(() => this.database.latest(request))
    const expected = await outcomeOf(() => this.reference.latest(request, this.context))
    this.compare({ ...request, latest: true } as QueryRequest, found, expected, false)
  }

  /** Throws with a line that replays the case if the answers differ. */
  private compare(
    request: QueryRequest,
    found: Outcome<Answer>,
    expected: Outcome<ReferenceAnswer>,
    isAggregate: boolean,
  ): void {
    const difference =
      'answer' in found && 'answer' in expected
        ? differenceOf(found.answer, expected.answer, isAggregate)
        : codeDifference(found, expected)
    if (difference === null) return
    const { seed } = this
    const line = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/query/differential.test.ts`
    throw new Error(`${line}\n${JSON.stringify(request)}\n${difference}`, {
      cause: 'error' in found ? found.error : undefined,
    })
  }
}

type Outcome<T> = { readonly answer: T } | { readonly error: OmenError }

async function outcomeOf<T>(run: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { answer: await run() }
  } catch (error) {
    if (error instanceof OmenError) return { error }
    throw error
  }
}

function codeDifference(found: Outcome<unknown>, expected: Outcome<unknown>): string | null {
  const codes = [found, expected].map((outcome) => {
    return 'error' in outcome ? `${outcome.error.code} (${outcome.error.message})` : 'an answer'
  })
  const [a, b] = codes.map((code) => code.split(' ')[0])
  return a === b ? null : `${codes[0]}, not ${codes[1]}`
}
