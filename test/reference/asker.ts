// Asks a database and the naive one of test/reference.ts the same, page by page, and compares.

import { expect } from 'vitest'
import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Answer, QueryRequest } from '../../engine/query/query.ts'
import type { QueryContext } from '../../engine/query/request.ts'
import type { Random } from '../random.ts'
import type { ReferenceAnswer, ReferenceDatabase, ReferencePoint } from '../reference.ts'
import { differenceOf } from './comparison.ts'
import { latestOf, questionOf } from './question.ts'
import { type Scenario, columnPointsOf, lineProtocolOf } from './scenario.ts'

const PAGES_MAX = 5

/** As columns, or as text in pieces cut anywhere, also inside of a line or a character. */
export async function writeScenario(
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

/** `replay` goes before what a failure says: the command that shows it again. */
export class Asker {
  private readonly database: Pick<Database, 'query' | 'latest'>
  private readonly reference: ReferenceDatabase
  private readonly context: QueryContext
  private readonly replay: string

  constructor(
    database: Pick<Database, 'query' | 'latest'>,
    reference: ReferenceDatabase,
    context: QueryContext,
    replay: string,
  ) {
    this.database = database
    this.reference = reference
    this.context = context
    this.replay = replay
  }

  /** So many random questions. */
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
    throw new Error(`${this.replay}\n${JSON.stringify(request)}\n${difference}`, {
      cause: 'error' in found ? found.error : undefined,
    })
  }
}

/** What came of a request. */
export type Outcome<T> = { readonly answer: T } | { readonly error: OmenError }

/** Runs a request; what it refuses is an outcome, too. */
export async function outcomeOf<T>(run: () => T | Promise<T>): Promise<Outcome<T>> {
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
