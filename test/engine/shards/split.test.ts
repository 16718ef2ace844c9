import { describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { TableDescription } from '../../../engine/database-types.ts'
import type { Coordinator } from '../../../engine/shards/coordinator.ts'
import { shardOf, shardsOf, slotsOf } from '../../../engine/shards/shard-map.ts'
import { slotOfSeries } from '../../../engine/shards/shipment.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { Deployment, Lost } from './deployment.ts'
import { PASSING, insist, write } from './insist.ts'

const NEVER = 2n ** 62n
const SECOND = 1_000_000_000n

async function soleDatabase(seed: number): Promise<Database> {
  return openDatabase(await simulatedHost(new SimulatedDisk(seed).open(), seed), SMALL_OPTIONS)
}

/** All points of a database as texts, by table, series and time. */
async function pointsOf(db: Pick<Database, 'query' | 'tables'>): Promise<string[]> {
  const points: string[] = []
  for (const { name } of await db.tables()) {
    const answer = await db.query({ table: name, limit: 1_000_000, precision: 'ns' })
    for (const { tags, time, fields } of answer.series) {
      const pairs = [...tags].filter(([, value]) => value !== null)
      const series = `${name} ${JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))}`
      time.forEach((at, row) => {
        const cells = answer.columns.slice(1).flatMap(({ name: field }, i) => {
          const { values, valid } = fields[i]!
          const isThere = valid === null || valid[row] === 1
          return isThere ? [`${field}=${String(values[row])}`] : []
        })
        points.push(`${series} ${cells.join(',')} ${at}`)
      })
    }
  }
  return points.sort()
}

/** What all shards hold; each point is where the map says, and nowhere else. */
async function pointsOfShards(deployment: Deployment): Promise<string[]> {
  const { map } = deployment.layout()!
  const all: string[] = []
  for (const shard of shardsOf(map)) {
    const db = await deployment.database(shard)
    if (!db.databases().includes('default')) continue
    const points = await pointsOf(db)
    for (const point of points) {
      const [, table, tags, time] = /^(\w+) (\[.*\]) .* (-?\d+)$/.exec(point)!
      const slot = slotOfSeries(db.kernel, table!, new Map(JSON.parse(tags!) as [string, string][]))
      expect(shardOf(map, slot, BigInt(time!)), point).toBe(shard)
    }
    all.push(...points)
  }
  return all.sort()
}

/** Lines of some series; times are old, about now, or ahead. */
function lines(random: Random, now: bigint, count: number, host = ''): string {
  const text: string[] = []
  for (let i = 0; i < count; i++) {
    const tags = `,host=h${random.int(12)}${host}${random.chance(0.3) ? ',rack=r1' : ''}`
    const spread = random.pick([1n, 20n, 4_000n])
    const time = now + (BigInt(random.int(2_000) - 1_200) * SECOND * spread) / 1_000n
    const fields = ['v', 'w', 'x']
      .filter(() => random.chance(0.6))
      .map((f) => `${f}=${random.int(99)}`)
    if (fields.length === 0 || random.chance(0.2))
      fields.push(`n${random.int(4)}=${random.int(9)}i`)
    if (random.chance(0.2)) fields.push(`s="text ${random.int(50)}"`)
    text.push(`${random.pick(['cpu', 'disk'])}${tags} ${fields.join(',')} ${time}`)
  }
  return text.join('\n')
}

describe('a deployment that splits while it is written to', () => {
  for (const seed of seedsOf(6)) {
    it(`holds what one database holds, whatever is lost on the way (seed ${seed})`, async () => {
      const random = randomOf(seed)
      const deployment = await Deployment.start(seed)
      const sole = await soleDatabase(seed)
      // One of them never asks the catalog unless a shard tells it to.
      const coordinators = [await deployment.coordinator(), await deployment.coordinator(NEVER)]
      const any = (): Coordinator => random.pick(coordinators)
      for (let round = 0; round < 30; round++) {
        if (random.chance(0.5)) deployment.lostAt = deployment.steps + 1 + random.int(25)
        const now = deployment.now()
        const action = random.int(10)
        if (action < 5) {
          const text = lines(random, now, 1 + random.int(60))
          await insist(() => write(any(), text))
          await write(sole, text)
        } else if (action < 8) {
          const open = deployment.shards().filter((shard) => {
            const slots = slotsOf(deployment.layout()!.map, shard)
            return slots !== null && slots.end - slots.first > 1
          })
          const shard = open.length > 0 && open.length < 9 ? random.pick(open) : null
          const texts = [0, 1, 2].map((i) => lines(random, now, 20, `_${i}`))
          const split = async (): Promise<void> => {
            if (shard === null) return
            const reply = await deployment.catalog.split('default', shard)
            if (reply.kind !== 'failed' || PASSING.has(reply.code)) return
            // One that was begun before may just have been finished.
            expect(reply.message).toMatch(/takes no new points/)
          }
          await Promise.all([
            split().catch((error: unknown) => {
              if (!(error instanceof Lost)) throw error
            }),
            ...texts.map((text, i) => insist(() => write(coordinators[i % 2]!, text))),
          ])
          for (const text of texts) await write(sole, text)
        } else if (action === 8 && (await sole.tables()).length > 0) {
          const { name } = random.pick(await sole.tables())
          const start = now + BigInt(random.int(4_000) - 2_000) * SECOND
          const asked = { start, end: start + 900n * SECOND, precision: 'ns' } as const
          if (random.chance(0.5)) deployment.lostAt = null
          const wasLost = deployment.lostAt !== null
          const { deleted } = await insist(() => any().deleteRows(name, asked))
          const expected = await sole.deleteRows(name, asked)
          if (!wasLost) expect(deleted).toBe(expected.deleted)
        } else if (deployment.shards().length > 0) {
          await deployment.cutPower(random.pick(deployment.shards()))
          if (random.chance(0.5)) deployment.restartCatalog()
        }
      }
      deployment.lostAt = null
      const last = await deployment.coordinator()
      await last.directory.prepare('default')
      expect(await pointsOfShards(deployment), deployment.trace.slice(-40).join('\n')).toEqual(
        await pointsOf(sole),
      )
      const summaries = await sole.tables()
      expect(await last.tables()).toEqual(summaries)
      for (const { name } of summaries) {
        const expected: Partial<TableDescription> = await sole.table(name)
        expect({ ...(await last.table(name)), diskBytes: 0 }).toEqual({ ...expected, diskBytes: 0 })
      }
      expect(deployment.shards().length).toBeGreaterThan(2)
      await deployment.close()
    })
  }

  it('finishes a split that ended at any step of it', async () => {
    const text = lines(randomOf(5), CLOCK_START, 60)
    let steps = Infinity
    for (let lost = 1; lost <= steps; lost++) {
      const deployment = await Deployment.start(lost)
      const coordinator = await deployment.coordinator(NEVER)
      await write(coordinator, text)
      const begun = deployment.steps
      deployment.lostAt = begun + lost
      const [shard] = deployment.shards()
      await deployment.catalog.split('default', shard!).catch(() => null)
      if (deployment.lostAt !== null) steps = 0
      deployment.lostAt = null
      for (const one of deployment.disks.keys()) await deployment.cutPower(one)
      deployment.restartCatalog()
      // Whoever comes next, with the old map, finishes it.
      const later = lines(randomOf(6), deployment.now() + 30n * SECOND, 60)
      await insist(() => write(coordinator, later))
      const view = await deployment.catalog.view('default', false)
      expect(view.kind).toBe('done')
      expect(deployment.layout()!.change).toBe(null)
      expect([1, 3]).toContain(deployment.shards().length)
      const sole = await soleDatabase(lost)
      await write(sole, text)
      await write(sole, later)
      expect(await pointsOfShards(deployment)).toEqual(await pointsOf(sole))
      await deployment.close()
    }
  })

  it('is not split while a point lies far ahead of the clock, and says so', async () => {
    const deployment = await Deployment.start(1)
    const coordinator = await deployment.coordinator()
    await write(coordinator, `cpu v=1 ${CLOCK_START + 30n * 86_400n * SECOND}`)
    const [shard] = deployment.shards()
    const reply = await deployment.catalog.split('default', shard!)
    expect(reply).toMatchObject({ kind: 'failed', code: 'conflict' })
    expect(deployment.layout()!.change).toBe(null)
    expect(await write(coordinator, 'cpu v=2 5')).toBe(1)
    await deployment.close()
  })

  it('refuses rows behind the fence whatever map their sender has', async () => {
    const deployment = await Deployment.start(1)
    const coordinator = await deployment.coordinator(NEVER)
    await write(coordinator, 'cpu v=1 5')
    const [shard] = deployment.shards()
    await deployment.catalog.split('default', shard!)
    const { end, epoch } = (await deployment.place(shard!)).current!
    expect(epoch).toBe(2)
    const db = await deployment.database(shard!)
    await expect(write(db, `cpu v=2 ${end!}`)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(write(db, `cpu v=2 ${end! - 1n}`)).resolves.toBe(1)
    await deployment.cutPower(shard!)
    const again = await deployment.database(shard!)
    await expect(write(again, `cpu v=2 ${end!}`)).rejects.toMatchObject({ code: 'unavailable' })
    await deployment.close()
  })
})
