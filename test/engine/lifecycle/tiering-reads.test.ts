// How many requests a cold query makes: at most three for an hour of one series in a part, whatever the
// part's width and length, and about one for each row group and column of a whole scan.

import { expect, test } from 'vitest'
import { Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import type { ColdCounts, ShardStorage } from '../../../engine/storage/storage.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import { openTiered } from '../../../engine/storage/tiered.ts'
import { CLOCK_START, simulatedHost } from '../../simulated-host.ts'
import { seededRandom } from '../../random.ts'
import { ColdObjects } from '../storage/cold-objects.ts'

const OPTIONS: OpenOptions = {
  memoryBytes: 256 << 20,
  memtableRowBytes: 64 << 20,
  memtableArenaBytes: 1 << 20,
  tierAfterMs: 0,
  hotBytesMax: 0,
  limits: { timeoutMs: 1e12 },
}
const HOUR = 3_600_000_000_000n
const START = CLOCK_START - 10n * 24n * HOUR

interface Shape {
  readonly series: number
  readonly fields: number
  /** Seconds between points of a series; a day of them. */
  readonly step: number
}

/** One that takes a while for each read, and counts how often it began with none under way. */
class SlowObjects extends ColdObjects {
  waves = 0
  most = 0
  private underWay = 0

  override async read(key: string, offset: number, target: Uint8Array): Promise<number> {
    if (this.underWay++ === 0) this.waves++
    this.most = Math.max(this.most, this.underWay)
    try {
      await new Promise((resolve) => setTimeout(resolve, 2))
      return await super.read(key, offset, target)
    } finally {
      this.underWay--
    }
  }
}

class Store {
  readonly disk = new MemoryDisk()
  readonly objects = new SlowObjects()
  storage!: ShardStorage
  db!: Database

  async open(): Promise<Database> {
    const random = (target: Uint8Array): void => void crypto.getRandomValues(target)
    const hot = openMemoryStorage(this.disk)
    this.storage = openTiered({ hot, cold: this.objects, prefix: '', random })
    this.db = await openDatabase(await simulatedHost(this.storage), OPTIONS)
    return this.db
  }

  /** Noisy floats of a day, or of more, cold, in a database that was just opened. */
  async load({ series, fields, step }: Shape, days = 1): Promise<void> {
    const db = await this.open()
    const random = seededRandom(1)
    const encoder = new TextEncoder()
    for (let one = 0; one < series; one++) {
      const batch = db.batch()
      const rows: string[] = []
      for (let second = 0; second < days * 86_400; second += step) {
        const values = Array.from({ length: fields }, (_, i) => `f${i}=${random() * 100}`)
        rows.push(`t,s=${one} ${values.join(',')} ${START + BigInt(second) * 1_000_000_000n}`)
      }
      batch.lineProtocol(encoder.encode(`${rows.join('\n')}\n`))
      await batch.commit()
    }
    await db.flush()
    await db.compact()
    await Database.shardOf(db).idle()
    await db.close()
    await this.open()
  }

  get counts(): Readonly<ColdCounts> {
    return this.storage.cold!.counts
  }

  /** Requests that `run` makes, and how often it had to wait for some. */
  async waits(run: () => Promise<unknown>): Promise<{ reads: number; waves: number }> {
    const { waves } = this.objects
    const reads = await this.reads(run)
    return { reads, waves: this.objects.waves - waves }
  }

  /** Requests that `run` makes. */
  async reads(run: () => Promise<unknown>): Promise<number> {
    const before = this.counts.reads
    await run()
    return this.counts.reads - before
  }
}

const shapes: Record<string, Shape> = {
  'one series, a point a second': { series: 1, fields: 1, step: 1 },
  'many series': { series: 300, fields: 1, step: 60 },
  'a wide table': { series: 20, fields: 12, step: 20 },
}

for (const [name, shape] of Object.entries(shapes)) {
  test(`an hour of one series takes at most three reads: ${name}`, async () => {
    const store = new Store()
    await store.load(shape)
    const { counts } = store
    expect(counts.files).toBe(1)
    const hour = { start: START + 2n * HOUR, end: START + 3n * HOUR, precision: 'ns' as const }
    const where = `s = '${shape.series >> 1}'`
    const count = await store.reads(async () => {
      const answer = await store.db.query({ table: 't', select: 'f0', where, ...hour })
      expect(answer.rowCount).toBe(3_600 / shape.step)
    })
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(3)
    // The next hour lies in the same row group, and what is cached is not asked for at all.
    const next = { ...hour, start: hour.end, end: hour.end + HOUR }
    const again = { table: 't', select: ['mean(f0)'], where, every: '1m' }
    expect(await store.reads(() => store.db.query({ ...again, ...hour }))).toBe(0)
    expect(await store.reads(() => store.db.query({ ...again, ...next }))).toBeLessThanOrEqual(1)
    await store.db.close()
  })
}

test('a scan of all asks about once for each row group, and reads each byte about once', async () => {
  const store = new Store()
  await store.load({ series: 60, fields: 2, step: 15 })
  const rows = (60 * 86_400) / 15
  const groups = Math.ceil(rows / 65_536)
  const { counts } = store
  const { reads, waves } = await store.waits(async () => {
    const answer = await store.db.query({ table: 't', select: ['max(f0)', 'min(f1)'], every: '7m' })
    expect(answer.rowCount).toBeGreaterThan(200)
  })
  // Footer, then for each group the time and the two fields, which are more than a read takes at once.
  expect(reads).toBeLessThanOrEqual(1 + 3 * groups)
  expect(counts.readBytes).toBeLessThan(1.2 * counts.bytes)
  // From the third row group on the next ones are asked for while one is read.
  expect(waves).toBeLessThan(reads)
  await store.db.close()
})

test('parts are asked for together: a query over many waits a few times, and asks no more often', async () => {
  for (const order of ['asc', 'desc'] as const) {
    const store = new Store()
    await store.load({ series: 5, fields: 1, step: 60 }, 9)
    const { counts } = store
    const range = { start: START, end: START + 9n * 24n * HOUR, precision: 'ns' as const }
    const { reads, waves } = await store.waits(async () => {
      const answer = await store.db.query({ table: 't', where: "s = '3'", order, ...range })
      expect(answer.rowCount).toBe(9 * 1_440)
    })
    expect(counts.files).toBeGreaterThan(0)
    expect(reads).toBeGreaterThanOrEqual(9)
    expect(reads).toBeLessThanOrEqual(2 * 10)
    expect(waves).toBeLessThanOrEqual(reads / 2)
    expect(store.objects.most).toBeLessThanOrEqual(6)
    await store.db.close()
  }
})

test('what lies ahead and cannot be read is asked for again by who needs it', async () => {
  const store = new Store()
  await store.load({ series: 2, fields: 1, step: 60 }, 4)
  const { objects } = store
  objects.failing = /^read /
  const query = { table: 't', select: 'count(f0)', where: "s = '1'" }
  await expect(store.db.query(query)).rejects.toMatchObject({ code: 'unavailable' })
  objects.failing = null
  expect((await store.db.query(query)).series[0]!.fields[0]!.values[0]).toBe(4n * 1_440n)
  await store.db.close()
})
