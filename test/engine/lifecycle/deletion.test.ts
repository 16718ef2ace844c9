// Deletes against the naive database: random points, deletes, flushes, merges and new starts, and
// after each of them the same answers. `OMENDB_DELETE_SEEDS=100-199 npx vitest run
// test/engine/lifecycle/deletion.test.ts` looks further; a failure prints the line that replays it.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { QueryContext } from '../../../engine/query/request.ts'
import { type Random, randomOf } from '../../random.ts'
import { ReferenceDatabase, type ReferencePoint } from '../../reference.ts'
import { differenceOf } from '../../reference/comparison.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { latestOf, questionOf, whereOf } from '../../reference/question.ts'
import { type Scenario, lineProtocolOf, scenarioOf } from '../../reference/scenario.ts'
import { simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

const OPTIONS = {
  memtableRowBytes: 1 << 20,
  memtableArenaBytes: 1 << 20,
  cacheBytes: 1 << 20,
  logBytes: 1 << 22,
  // The simulated clock moves with every reading.
  limits: { timeoutMs: 1e12 },
}
const ROUNDS = 30

const [from, to] = (process.env['OMENDB_DELETE_SEEDS'] ?? '1-12').split('-').map(Number)
const seeds = Array.from({ length: (to ?? from!) - from! + 1 }, (_, i) => from! + i)

class Trial {
  private readonly random: Random
  private readonly scenario: Scenario
  private readonly points: readonly ReferencePoint[]
  private readonly reference = new ReferenceDatabase()
  private readonly disk: SimulatedDisk
  private readonly seed: number
  private readonly log: string[] = []
  private database!: Database
  private context!: QueryContext

  constructor(seed: number) {
    this.seed = seed
    this.disk = new SimulatedDisk(seed)
    this.random = randomOf(seed)
    this.scenario = scenarioOf(this.random)
    this.points = this.scenario.batches.flat()
  }

  async run(): Promise<void> {
    await this.open()
    await this.write()
    try {
      for (let round = 0; round < ROUNDS; round++) await this.step()
      await this.database.flush()
      await this.compare()
      await this.database.compact()
      await this.compare()
      await this.reopen()
      await this.compare()
    } catch (error) {
      const line = `OMENDB_DELETE_SEEDS=${this.seed}-${this.seed} npx vitest run test/engine/lifecycle/deletion.test.ts`
      throw new Error(`${line}\n${this.log.join('\n')}`, { cause: error })
    }
    await this.database.close()
  }

  private async step(): Promise<void> {
    const { random } = this
    const action = random.next()
    if (action < 0.3) await this.write()
    else if (action < 0.6) await this.delete()
    else if (action < 0.72) await this.note('flush', () => this.database.flush())
    else if (action < 0.8) await this.note('compact', () => this.database.compact())
    else if (action < 0.88) await this.note('reopen', () => this.reopen())
    else await this.compare()
  }

  private async open(): Promise<void> {
    const host = await simulatedHost(this.disk.open(), this.seed)
    this.database = await openDatabase(host, OPTIONS)
    this.context = unlimitedContext(host.now())
  }

  /** Closed as it should be, or by kill -9 or a power cut, so that the log is replayed. */
  private async reopen(): Promise<void> {
    const action = this.random.int(3)
    if (action === 0) await this.database.close()
    else if (action === 1) this.disk.kill()
    else this.disk.crash()
    await this.open()
  }

  /** Points of the scenario, some of which were written before. */
  private async write(): Promise<void> {
    const { random, points } = this
    const first = random.int(points.length)
    const some = points.slice(first, first + 1 + random.int(points.length))
    await this.note(`write ${some.length}`, async () => {
      const batch = this.database.batch({ precision: 'ns' })
      batch.lineProtocol(new TextEncoder().encode(lineProtocolOf(some)))
      await batch.commit()
    })
    this.reference.write(some)
  }

  private async delete(): Promise<void> {
    const { random, scenario, points } = this
    const { table } = scenario
    const time = (): string => String(random.pick(points).time)
    const request = {
      ...(random.chance(0.6) ? { start: time() } : {}),
      ...(random.chance(0.6) ? { end: time() } : {}),
      ...(random.chance(0.5) ? { where: whereOf(random, scenario, 1) } : {}),
      precision: 'ns' as const,
    }
    if (Object.keys(request).length === 1) Object.assign(request, { where: 'time > 0' })
    const dryRun = random.chance(0.2)
    this.log.push(`delete ${dryRun} ${JSON.stringify(request)}`)
    const expected = await codeOr(() => {
      if (dryRun)
        return (
          this.reference.query({ table, ...request, select: 'count(*)' }, this.context).series[0]
            ?.fields[0]?.[0]?.value ?? 0n
        )
      return this.reference.delete({ table, ...request }, this.context)
    })
    const found = await codeOr(
      async () => (await this.database.deleteRows(table, { ...request, dryRun })).deleted,
    )
    if (dryRun && typeof expected !== 'string') expect(BigInt(found)).toBe(BigInt(expected))
    else expect(found).toBe(expected)
  }

  private async compare(): Promise<void> {
    const { random, scenario, database, reference, context } = this
    const { table } = scenario
    const requests = [{ table }, { table, order: 'desc' as const, limit: 3 }]
    for (let i = 0; i < 6; i++) requests.push(questionOf(random, scenario) as never)
    for (const request of requests) {
      this.log.push(JSON.stringify(request))
      const found = await codeOr(() => database.query(request))
      const expected = await codeOr(() => reference.query(request, context))
      if (typeof found === 'string' || typeof expected === 'string') expect(found).toBe(expected)
      else {
        const isAggregate = /\(/.test(
          JSON.stringify((request as { select?: unknown }).select ?? ''),
        )
        expect(differenceOf(found, expected, isAggregate)).toBeNull()
      }
    }
    const latest = latestOf(random, scenario)
    this.log.push(`latest ${JSON.stringify(latest)}`)
    const found = await codeOr(() => database.latest(latest))
    const expected = await codeOr(() => reference.latest(latest, context))
    if (typeof found === 'string' || typeof expected === 'string') expect(found).toBe(expected)
    else expect(differenceOf(found, expected, false)).toBeNull()
    await this.compareExtent()
  }

  /** Counts and extent of the table. */
  private async compareExtent(): Promise<void> {
    const { database, reference, context, scenario } = this
    const rows = reference.query({ table: scenario.table, select: { n: 'count(*)' } }, context)
    const times = reference
      .query({ table: scenario.table }, context)
      .series.flatMap(({ time }) => time)
    times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    expect(await database.table(scenario.table)).toMatchObject({
      points: Number(rows.series[0]?.fields[0]?.[0]?.value ?? 0),
      firstTime: times[0] ?? null,
      lastTime: times.at(-1) ?? null,
    })
  }

  private async note(what: string, action: () => Promise<void>): Promise<void> {
    this.log.push(what)
    await action()
  }
}

async function codeOr<T>(run: () => T | Promise<T>): Promise<T | string> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof OmenError) return error.code
    throw error
  }
}

test.each(seeds)('deletes leave what the naive database keeps, seed %i', async (seed) => {
  await new Trial(seed).run()
})
