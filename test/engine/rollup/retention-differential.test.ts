// Rollups of a source with a retention, against a map of points, with a clock that moves: whatever is
// written late or twice, deleted, flushed, merged, expired or found again after a restart, the source
// shows the points that have not expired, and in buckets, as the rollups' own tables do, all that was
// ever there but for deletes.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/rollup/retention-differential.test.ts`.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { CLOCK_START, type SimulatedHost, simulatedHost } from '../../simulated-host.ts'

const MINUTE = 60_000_000_000n
const RETENTION_MINUTES = 360
const WIDTHS = [10, 60]
const STEPS = 60
const OPTIONS = { trustClock: true, memoryBytes: 64 << 20, limits: { timeoutMs: 1e12 } }
const seeds = seedsOf(6)

/** The truth: `host minute` → x. Points lie half a minute behind a minute; the clock ticks less. */
class Model {
  readonly points = new Map<string, { host: string; minute: number; x: number }>()
  /** Minutes that the clock was moved. */
  now = 0

  get cutoff(): number {
    return this.now - RETENTION_MINUTES
  }

  set(host: string, minute: number, x: number): void {
    this.points.set(`${host} ${minute}`, { host, minute, x })
  }

  /** `host start count sum` of each bucket, of points from `first` on. */
  buckets(width: number, first: number): string[] {
    const found = new Map<string, { count: number; sum: number }>()
    for (const { host, minute, x } of this.points.values()) {
      if (minute < first) continue
      const key = `${host} ${Math.floor(minute / width) * width}`
      const { count, sum } = found.get(key) ?? { count: 0, sum: 0 }
      found.set(key, { count: count + 1, sum: sum + x })
    }
    return [...found].map(([key, { count, sum }]) => `${key} ${count} ${sum}`).sort()
  }
}

async function rowsOf(db: Database, request: Parameters<Database['query']>[0]): Promise<string[]> {
  const { series } = await db.query(request)
  const rows = series.flatMap(({ tags, time, fields }) =>
    Array.from(time, (at, i) =>
      [
        tags.get('host'),
        Number((at - CLOCK_START) / MINUTE),
        ...fields.map(({ values }) => Number(values[i])),
      ].join(' '),
    ),
  )
  return rows.sort()
}

async function write(db: Database, model: Model, random: Random): Promise<void> {
  const batch = db.batch({ precision: 'ns' })
  const oldest = model.cutoff
  for (let i = 1 + random.int(20); i > 0; i--) {
    const host = random.pick(['a', 'b'])
    const minute = oldest + random.int(random.chance(0.5) ? RETENTION_MINUTES : 30)
    const x = random.int(1_000)
    const time = CLOCK_START + BigInt(minute) * MINUTE + MINUTE / 2n
    batch.lineProtocol(new TextEncoder().encode(`t,host=${host} x=${x}i ${time}\n`))
    model.set(host, minute, x)
  }
  await batch.commit()
}

async function remove(db: Database, model: Model, random: Random): Promise<void> {
  const host = random.pick(['a', 'b'])
  // Of what has expired whole buckets go; one that is cut would stay or not.
  const start = wholeBefore(model.cutoff - 100 + random.int(250), model)
  const end = wholeBefore(start + 60 + random.int(100), model)
  const at = (minute: number): string => String(CLOCK_START + BigInt(minute) * MINUTE)
  await db.deleteRows('t', {
    ...{ start: at(start), end: at(end), precision: 'ns', where: `host = '${host}'` },
  })
  for (const [key, point] of model.points) {
    const isInside = point.minute >= start && point.minute < end
    if (point.host === host && isInside) model.points.delete(key)
  }
}

/** A minute that cuts no bucket of which points may have expired. */
function wholeBefore(minute: number, { cutoff }: Model): number {
  const width = Math.max(...WIDTHS)
  return minute < cutoff ? Math.floor(minute / width) * width : minute
}

async function expectShown(db: Database, model: Model, where: string): Promise<void> {
  const request = { table: 't', select: ['count(x)', 'sum(x)'], by: ['host'] }
  for (const width of WIDTHS) {
    const found = await rowsOf(db, { ...request, every: `${width}m` })
    expect(found, where).toEqual(model.buckets(width, -Infinity))
    const points = await rowsOf(db, { ...request, every: `${width}m`, where: 'x IS NOT NULL' })
    expect(points, where).toEqual(model.buckets(width, model.cutoff))
  }
}

async function expectStored(db: Database, model: Model, where: string): Promise<void> {
  await db.flush()
  await db.refresh()
  for (const width of WIDTHS) {
    const found = await rowsOf(db, { table: `every ${width}` })
    expect(found, where).toEqual(model.buckets(width, -Infinity))
  }
}

test.each(seeds)('what expires stays in the rollups, whole and exact, seed %i', async (seed) => {
  const random = randomOf(seed + 9_000_000)
  const model = new Model()
  const disk = new MemoryDisk()
  let host!: SimulatedHost
  const open = async (): Promise<Database> => {
    host = await simulatedHost(openMemoryStorage(disk), seed)
    host.advance(BigInt(model.now) * MINUTE)
    return openDatabase(host, OPTIONS)
  }
  let db = await open()
  await db.putTable('t', {
    tags: ['host'],
    fields: { x: 'integer' },
    retention: `${RETENTION_MINUTES}m`,
    rollups: WIDTHS.map((width) => ({
      ...{ name: `every ${width}`, every: `${width}m` },
      select: { count: 'count(x)', sum: 'sum(x)' },
    })),
  })
  // What expires while the database is closed before it was built is not in a rollup.
  await db.refresh()
  for (let step = 0; step < STEPS; step++) {
    const where = `OMENDB_SEEDS=${seed}-${seed}, step ${step}`
    await write(db, model, random)
    if (random.chance(0.2)) await remove(db, model, random)
    if (random.chance(0.3)) await db.flush()
    if (random.chance(0.3)) {
      const minutes = random.pick([1, 7, 60, 500])
      model.now += minutes
      host.advance(BigInt(minutes) * MINUTE)
      if (random.chance(0.5)) host.fireTimers()
    }
    if (random.chance(0.2)) await db.refresh()
    if (random.chance(0.2)) await db.compact()
    if (random.chance(0.1)) {
      await db.close()
      db = await open()
    }
    if (random.chance(0.3)) await expectShown(db, model, where)
    if (random.chance(0.15)) await expectStored(db, model, where)
  }
  await expectStored(db, model, `seed ${seed}, end`)
  await expectShown(db, model, `seed ${seed}, end`)
  // Points were gone, else nothing is proved.
  model.now += 10_000
  host.advance(10_000n * MINUTE)
  await db.refresh()
  await db.compact()
  expect((await db.tableStats('t')).segments).toBe(0)
  await expectStored(db, model, `seed ${seed}, all expired`)
  await db.close()
})
