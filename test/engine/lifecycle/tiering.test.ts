// Segment files that move to an object store under a database that goes on: answers stay what they are,
// whatever is merged, deleted, dropped, expired, restarted, or fails for a while.

import { describe, expect, test } from 'vitest'
import { Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import { chooseCold } from '../../../engine/lifecycle/tiering.ts'
import type { PartDescription } from '../../../engine/segment/part.ts'
import { openTiered } from '../../../engine/storage/tiered.ts'
import { type SimulatedHost, CLOCK_START, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { ColdObjects } from '../storage/cold-objects.ts'
import { expectError } from '../storage/storage.contract.ts'
import { SMALL, values, write } from './fixture.ts'

const DAY = 86_400_000_000_000n

class Place {
  readonly disk = new SimulatedDisk(7)
  readonly objects = new ColdObjects()
  host!: SimulatedHost
  db!: Database

  async open(options: OpenOptions = {}): Promise<Database> {
    const random = (target: Uint8Array): void => void crypto.getRandomValues(target)
    const storage = openTiered({ hot: this.disk.open(), cold: this.objects, prefix: 's', random })
    this.host = await simulatedHost(storage)
    // Everything moves as soon as it can.
    const tier = { tierAfterMs: 0, hotBytesMax: 0 }
    this.db = await openDatabase(this.host, { ...SMALL, ...tier, ...options })
    return this.db
  }

  async reopen(options: OpenOptions = {}): Promise<Database> {
    await this.db.close()
    return this.open(options)
  }

  get cold(): { files: number; bytes: number; reads: number } {
    return this.host.storage.cold!.counts
  }

  /** Flushes, and waits until nothing moves any more. */
  async settle(): Promise<void> {
    await this.db.flush()
    await Promise.resolve()
    await shardOf(this.db).idle()
  }

  get hotSegments(): string[] {
    const { storage } = this.host
    return storage.list().filter((name) => name.startsWith('segment') && !storage.cold!.has(name))
  }
}

async function place(options: OpenOptions = {}): Promise<Place> {
  const at = new Place()
  await at.open(options)
  return at
}

const { shardOf } = Database

const T0 = CLOCK_START - 10n * DAY
const lines = (from: number, count: number, table = 't', step = 60_000_000_000n): string =>
  Array.from(
    { length: count },
    (_, i) => `${table},h=${i % 3} v=${from + i},w="x${i}" ${T0 + BigInt(from + i) * step}`,
  ).join('\n')

describe('a tiered database', () => {
  test('answers from cold files what it answered before, also after a restart', async () => {
    const at = await place()
    for (let i = 0; i < 5; i++) {
      await write(at.db, lines(i * 100, 100))
      await at.settle()
    }
    expect(at.hotSegments).toEqual([])
    expect(at.cold.files).toBeGreaterThan(0)
    expect(at.objects.objects.size).toBe(at.cold.files)
    const all = await values(at.db)
    expect(all.length).toBe(1_000)
    expect(all).toContain(`h=0 v=0 ${T0}`)
    const before = await at.db.query({ table: 't', select: ['sum(v)', 'count(*)'], every: '1h' })
    const db = await at.reopen()
    expect(at.cold.reads).toBe(0)
    expect(await values(db)).toEqual(all)
    expect(at.cold.reads).toBeGreaterThan(0)
    const after = await db.query({ table: 't', select: ['sum(v)', 'count(*)'], every: '1h' })
    expect(after.series).toEqual(before.series)
    expect(db.metrics().cold).toMatchObject({ files: at.cold.files, bytes: at.cold.bytes })
    expect(db.metrics().segmentBytes).toBe(at.cold.bytes)
    expect((await db.tableStats('t')).rows).toBe(500)
  })

  test('merges late data with a cold part, and the result moves again', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    for (let i = 0; i < 4; i++) {
      await write(at.db, `t,h=0 v=${1_000 + i} ${T0}`)
      await at.settle()
    }
    expect((await values(at.db)).filter((row) => row.endsWith(` ${T0}`))).toEqual([
      `h=0 v=1003 ${T0}`,
      `h=0 w=x0 ${T0}`,
    ])
    await at.db.compact()
    await at.settle()
    expect(at.hotSegments).toEqual([])
    expect(at.cold.files).toBe(1)
    expect(at.objects.objects.size).toBe(1)
    expect((await values(await at.reopen())).length).toBe(600)
  })

  test('deletes rows of cold files, and merges them away', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    const { deleted } = await at.db.deleteRows('t', { where: 'v >= 100' })
    expect(deleted).toBe(200)
    expect((await values(at.db)).length).toBe(200)
    const db = await at.reopen()
    expect((await values(db)).length).toBe(200)
    await db.compact()
    await at.settle()
    expect((await values(db)).length).toBe(200)
    expect(at.objects.objects.size).toBe(at.cold.files)
  })

  test('drops objects with their table, and with what expires', async () => {
    const at = await place({ trustClock: true })
    await write(at.db, `${lines(0, 300)}\n${lines(0, 50, 'kept')}`)
    await at.settle()
    await at.db.dropTable('t')
    await at.settle()
    await at.db.compact()
    await at.settle()
    expect(await values(at.db, 'kept')).toHaveLength(100)
    await at.db.putTable('kept', { retention: '1d' })
    for (let i = 0; i < 3; i++) {
      at.host.fireTimers()
      await at.settle()
    }
    expect(at.cold.files).toBe(0)
    expect(at.objects.objects.size).toBe(0)
    expect(at.host.storage.list().filter((name) => name.startsWith('segment'))).toEqual([])
  })

  test('backs cold files up, and restores them', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    const all = await values(at.db)
    const pieces: Uint8Array[] = []
    for await (const piece of await at.db.backup()) pieces.push(piece.slice())
    const other = await place()
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* pieces
    }
    await other.db.restore(source())
    expect(await values(other.db)).toEqual(all)
    await other.settle()
    await write(other.db, lines(300, 10))
    await other.settle()
    expect(other.hotSegments).toEqual([])
    expect((await values(await other.reopen())).length).toBe(620)
  })

  test('scrubs cold files when it is asked to, and finds an object that was changed', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    expect(await at.db.scrub()).toEqual([])
    const [[key, bytes]] = [...at.objects.objects] as [[string, Uint8Array]]
    bytes[500]! ^= 1
    const damages = await at.db.scrub()
    const name = /segment-\d+/.exec(key)![0]
    expect(damages.map(({ file }) => file)).toEqual([name])
    expect(at.db.health().status).toBe('warn')
  })

  test('forgets damage of a file that moved since, once it is found well', async () => {
    const at = await place({ hotBytesMax: Infinity, tierAfterMs: Infinity })
    await write(at.db, lines(0, 300))
    await at.settle()
    const [name] = at.hotSegments
    // Both looks of the scrub, and the reads that say where.
    at.disk.failMatching(new RegExp(`^read ${name}`), 'EIO', 0, 4)
    expect(await at.db.scrub()).not.toEqual([])
    const { checksum } = shardOf(at.db).parts.files()[0]!
    expect(await at.host.storage.cold!.store(name!, checksum, async () => {})).toBe(true)
    expect(at.db.health().status).toBe('warn')
    for (let i = 0; i < 20 && at.db.health().status !== 'pass'; i++) {
      at.host.fireTimers()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(at.db.health()).toEqual({ status: 'pass', message: 'ready' })
  })

  test('is refused without its object store, by name', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    await at.db.close()
    const host = await simulatedHost(at.disk.open())
    await expectError(
      () => openDatabase(host, SMALL),
      'unavailable',
      /^segment-\d+: lies in an object/,
    )
    await expectError(
      () => openDatabase(host, { ...SMALL, acceptDataLoss: true }),
      'unavailable',
      /^segment-\d+: lies in an object/,
    )
  })
})

describe('an object store in trouble', () => {
  test('that answers no reads fails queries by name, and others go on; then all is well', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    const db = await at.reopen()
    await write(db, 'other v=1 1')
    at.objects.failing = /^read/
    await expectError(() => values(db), 'unavailable', /^segment-\d+: read s\/.*told to fail/)
    expect(await values(db, 'other')).toEqual([' v=1 1'])
    await write(db, `t,h=9 v=9 ${CLOCK_START}`)
    at.objects.failing = null
    expect((await values(db)).length).toBe(601)
  })

  test('that takes no objects leaves files hot, health says why, and they move by themselves', async () => {
    const at = await place()
    at.objects.failing = /^put/
    await write(at.db, lines(0, 300))
    await at.settle()
    expect(at.cold.files).toBe(0)
    expect(at.db.health()).toMatchObject({ status: 'warn', message: /put s\/.*told to fail/ })
    expect((await values(at.db)).length).toBe(600)
    at.objects.failing = null
    at.host.fireTimers()
    await at.settle()
    expect(at.cold.files).toBeGreaterThan(0)
    expect(at.db.health()).toEqual({ status: 'pass', message: 'ready' })
  })

  test('a flush goes before a merge that waits for a cold file', async () => {
    const at = await place()
    for (let i = 0; i < 3; i++) {
      await write(at.db, lines(i * 50, 50))
      await at.settle()
    }
    const db = await at.reopen()
    let go = (): void => {}
    at.objects.gate = new Promise<void>((resolve) => (go = resolve))
    const compacting = db.compact()
    for (let i = 0; i < 50; i++) await Promise.resolve()
    await write(db, `late v=1 ${CLOCK_START}`)
    await db.flush()
    expect(db.metrics().walBytes).toBeLessThan(200)
    go()
    at.objects.gate = Promise.resolve()
    await compacting
    expect((await values(db)).length).toBe(300)
    expect(await values(db, 'late')).toEqual([` v=1 ${CLOCK_START}`])
  })

  test('a query whose time is over while it waits says so', async () => {
    const at = await place({ limits: { timeoutMs: 1_000 } })
    await write(at.db, lines(0, 300))
    await at.settle()
    const db = await at.reopen({ limits: { timeoutMs: 1_000 } })
    let go = (): void => {}
    at.objects.gate = new Promise<void>((resolve) => (go = resolve))
    const query = values(db)
    for (let i = 0; i < 20; i++) await Promise.resolve()
    at.host.advance(2_000_000_000n)
    go()
    await expectError(() => query, 'limit_exceeded', /timeoutMs = 1000/)
  })

  test('a missing object is told by health once it is looked for', async () => {
    const at = await place()
    await write(at.db, lines(0, 300))
    await at.settle()
    at.objects.objects.clear()
    const db = await at.reopen()
    await write(db, lines(300, 10, 'u'))
    await at.settle()
    expect(db.health()).toMatchObject({
      status: 'warn',
      message: /^segment-\d+: its object is missing/,
    })
    await expectError(() => values(db), 'corrupt', /^segment-\d+: .*missing/)
    expect((await values(db, 'u')).length).toBe(20)
  })
})

describe('the policy', () => {
  const part = (file: number, maxTime: bigint): PartDescription => ({
    ...{ file, offset: 32, size: 100, footerSize: 84, table: 0, partition: 0n, sequence: 1n },
    ...{ rows: 1, minTime: 0n, maxTime, tombstonesFrom: 0 },
  })
  const file = (number: number, size = 100_000) => ({ number, size, checksum: 0 })
  const policy = { tierAfterMs: 1_000, hotBytesMax: Infinity, coldFileBytesMax: 1_000_000 }
  const SECOND = 1_000_000_000n
  const numbers = (choice: { files: readonly { number: number }[] }): number[] =>
    choice.files.map(({ number }) => number)

  test('moves files whose newest point is old enough, and knows when the next one is', () => {
    const parts = [
      part(1, 5n * SECOND),
      part(1, 9n * SECOND),
      part(2, 3n * SECOND),
      part(3, 4n * SECOND),
    ]
    const choice = chooseCold(parts, [file(1), file(2), file(3)], 5n * SECOND, policy)
    expect(numbers(choice)).toEqual([2, 3])
    expect(choice.nextAt).toBe(10n * SECOND)
  })

  test('moves the oldest ones beyond the budget, whatever their age and size', () => {
    const parts = [part(1, 7n * SECOND), part(2, 6n * SECOND), part(3, 8n * SECOND)]
    const files = [file(1), file(2, 1_000), file(3)]
    const choice = chooseCold(parts, files, 0n, { ...policy, hotBytesMax: 150_000 })
    expect(numbers(choice)).toEqual([2, 1])
    expect(numbers(chooseCold(parts, files, 0n, { ...policy, hotBytesMax: 201_000 }))).toEqual([])
  })

  test('leaves small files that are old, and those that are too large', () => {
    const parts = [part(1, 0n), part(2, 0n)]
    const files = [file(1, 1_000), file(2, 1_000_001)]
    const choice = chooseCold(parts, files, 100n * SECOND, { ...policy, hotBytesMax: 1_001_001 })
    expect(choice).toEqual({ files: [], nextAt: null })
  })
})
