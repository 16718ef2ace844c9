import { describe, expect, it, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { RollupRequest } from '../../../engine/rollup/definition.ts'
import { alignedWidth } from '../../../engine/shards/fence-width.ts'
import { randomOf, seedsOf } from '../../random.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { Deployment } from './deployment.ts'

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE
const encoder = new TextEncoder()

test.each([
  { widths: [], origin: 0n, minutes: 1n },
  { widths: [HOUR], origin: 0n, minutes: 60n },
  { widths: [MINUTE, 10n * MINUTE, 15n * MINUTE], origin: 0n, minutes: 30n },
  { widths: [24n * HOUR, 5n * MINUTE], origin: 0n, minutes: 5n },
  { widths: [7n * MINUTE, 60n * MINUTE], origin: 0n, minutes: 60n },
  { widths: [MINUTE / 4n], origin: 0n, minutes: 1n },
  { widths: [HOUR], origin: 3n * HOUR, minutes: 60n },
  { widths: [HOUR], origin: 3n * MINUTE, minutes: 1n },
])('fences with rollups of $widths from $origin are $minutes minutes apart', (given) => {
  const rollups = given.widths.map((width) => ({ width, origin: given.origin }))
  const expected = given.minutes * MINUTE
  expect(alignedWidth(MINUTE, rollups)).toBe(expected)
  expect(alignedWidth(MINUTE, rollups.toReversed())).toBe(expected)
})

const ROLLUPS: readonly RollupRequest[] = [
  { name: 'quarters', every: '15m', select: { n: 'count(v)', s: 'sum(v)', high: 'max(v)' } },
  { name: 'hours', every: '1h', select: { n: 'count(v)', s: 'sum(v)', low: 'min(v)' } },
]
const QUESTIONS = [
  { table: 'hours' },
  { table: 'quarters' },
  { table: 'quarters', order: 'desc', limit: 7 },
  { table: 'cpu', select: ['count(v)', 'sum(v)', 'max(v)'], every: '1h' },
  { table: 'cpu', select: ['count(v)', 'sum(v)'], every: '15m', by: 'host' },
  { table: 'cpu', select: ['min(v)', 'sum(v)'], every: '1d' },
] as const

type Target = Pick<Database, 'batch' | 'putTable' | 'flush' | 'query'>

/** The answer as values that can be compared. */
async function answerOf(db: Target, question: (typeof QUESTIONS)[number]): Promise<unknown> {
  const answer = await db.query({ ...question, precision: 'ns' } as Parameters<Target['query']>[0])
  return answer.series.map(({ tags, time, fields }) => {
    const cells = fields.map(({ values, valid }) =>
      Array.from(values as ArrayLike<unknown>, (cell, row) =>
        valid !== null && valid[row] !== 1 ? null : String(cell),
      ),
    )
    return { tags: Object.fromEntries(tags), time: [...time], cells }
  })
}

describe('rollups over shards', () => {
  for (const seed of seedsOf(4)) {
    it(`are those of one database, the rollups' own tables too (seed ${seed})`, async () => {
      const random = randomOf(seed)
      const deployment = await Deployment.start(seed)
      const host = await simulatedHost(new SimulatedDisk(seed).open(), seed)
      const sole = await openDatabase(host, SMALL_OPTIONS)
      const several = await deployment.coordinator()
      const both: Target[] = [sole, several]
      for (const db of both) {
        await db.putTable('cpu', { fields: { v: 'float' }, rollups: ROLLUPS })
      }
      let newest = CLOCK_START
      for (let round = 0; round < 6; round++) {
        const lines = Array.from({ length: 40 }, () => {
          const time = newest - 2n * HOUR + (BigInt(random.int(10_000)) * 3n * HOUR) / 10_000n
          return `cpu,host=h${random.int(9)} v=${random.int(100)} ${time}`
        }).join('\n')
        for (const db of both) {
          const batch = db.batch({ precision: 'ns' })
          batch.lineProtocol(encoder.encode(lines))
          await batch.commit()
          batch.discard()
          await db.flush()
        }
        newest += HOUR
        if (round % 2 === 1) continue
        const { entries } = deployment.layout()!.map
        const reply = await deployment.catalog.split('default', entries.at(-1)!.shard)
        expect(reply.kind).toBe('done')
        const fence = deployment.layout()!.map.entries.at(-1)!.since
        expect(fence % HOUR).toBe(0n)
        newest = fence + HOUR
      }
      expect(deployment.shards().length).toBe(7)
      // Rollups are refreshed behind a flush.
      for (const db of both) await db.flush()
      for (const shard of deployment.shards()) await (await deployment.database(shard)).compact()
      await sole.compact()
      for (const question of QUESTIONS) {
        expect(await answerOf(several, question), JSON.stringify(question)).toEqual(
          await answerOf(sole, question),
        )
      }
      await deployment.close()
      await sole.close()
    })
  }
})
