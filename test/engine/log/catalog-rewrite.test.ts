// The catalog file is written anew when most of it is dead: what is alive stays, ids are never given
// again, and a machine that stops in any call of it leaves the state of before or after, which are one.

import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import type { Database } from '../../../engine/database.ts'
import { verifyDirectory } from '../../../engine/backup/verify.ts'
import type { Shard } from '../../../engine/shard.ts'
import { simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { SMALL, open, values, write } from '../lifecycle/fixture.ts'

const WIDE: typeof SMALL = {
  ...SMALL,
  memtableRowBytes: 1 << 18,
  memtableArenaBytes: 1 << 16,
  logBytes: 1 << 20,
}
const SERIES = 600

const shardOf = (db: Database): Shard => Reflect.get(db, 'current') as Shard

/** Lines of so many series with long tags, of which the catalog file takes some 130 bytes each. */
function seriesLines(table: string, count: number): string {
  const tag = 'x'.repeat(90)
  return Array.from({ length: count }, (_, i) => `${table},h=${tag}${i} v=${i} ${i}`).join('\n')
}

/** What anybody can see, and the ids that come next. */
async function stateOf(db: Database) {
  const { catalog } = shardOf(db)
  const names = (await db.tables()).map(({ name }) => name)
  const tables = await Promise.all(names.map((name) => db.table(name)))
  const next = [catalog.tables, catalog.columns, catalog.shapes, catalog.series].map(
    ({ count }) => count,
  )
  const ids = [...next, catalog.nextDatabaseId, catalog.tombstones.nextId, catalog.rollups.nextId]
  const shown = await Promise.all(names.map((name) => values(db, name)))
  return { databases: db.databases(), tables, shown, ids }
}

function catalogFiles(disk: SimulatedDisk): [string, number][] {
  const files = [...disk.contents()].filter(([name]) => name.startsWith('catalog'))
  return files.map(([name, bytes]) => [name, bytes.length])
}

/** A database whose catalog file is mostly of what was dropped, but for the last flush. */
async function makeDead(disk: SimulatedDisk): Promise<Database> {
  const { db } = await open(disk, WIDE)
  await db.createDatabase('other')
  await write(db, seriesLines('gone', SERIES))
  await write(db, 'kept,h=a,r=1 v=1,w=2i 1\nkept,h=b v=3 2\nkept,h=c v=4 3')
  await db.putTable('kept', { retention: null })
  await db.flush()
  await db.deleteRows('kept', { start: 2n, end: 3n, precision: 'ns' })
  await db.dropColumn('kept', 'w')
  await db.dropDatabase('other')
  await db.dropTable('gone')
  await write(db, 'kept,h=d v=5,n="text" 4')
  return db
}

test('without what was dropped the file is small, and a start comes to the same', async () => {
  const disk = new SimulatedDisk(1)
  const db = await makeDead(disk)
  const [[first, size]] = catalogFiles(disk) as [[string, number]]
  expect(size).toBeGreaterThan(66_000)
  const before = await stateOf(db)
  await db.flush()
  await db.compact()
  const [[second, smaller], ...others] = catalogFiles(disk) as [[string, number]]
  expect(others).toEqual([])
  expect(second).not.toBe(first)
  expect(smaller).toBeLessThan(1_000)
  expect((await stateOf(db)).ids.slice(0, 4)).toEqual(before.ids.slice(0, 4))
  disk.crash()
  const { db: again, host } = await open(disk, WIDE)
  expect((await stateOf(again)).shown).toEqual(before.shown)
  expect((await stateOf(again)).ids).toEqual(before.ids)
  // Ids go on where they were.
  await write(again, 'gone,h=a v="other type" 1\nkept,h=e w=1 5')
  const { catalog } = shardOf(again)
  expect(catalog.table('default', 'gone').id).toBe(before.ids[0])
  expect([...catalog.matchSeries(catalog.table('default', 'gone').id, [])]).toEqual([before.ids[3]])
  await again.close()
  const found = await verifyDirectory({ ...host, storage: disk.open() })
  expect(found.damages).toEqual([])
})

test('a machine that stops in any call of it leaves all there is, and no id twice', async () => {
  const made = new SimulatedDisk(1)
  const before = await makeDead(made)
  const { shown, tables, ids } = await stateOf(before)
  made.crash()
  const files = made.contents()
  const start = async (seed: number): Promise<{ disk: SimulatedDisk; db: Database }> => {
    const disk = new SimulatedDisk(seed)
    disk.load(files)
    return { disk, db: (await open(disk, WIDE)).db }
  }
  const whole = await start(1)
  const first = whole.disk.calls
  await whole.db.flush()
  await whole.db.compact()
  const count = whole.disk.calls - first
  expect(whole.disk.trace.join()).toContain('create catalog')
  for (let call = 1; call <= count; call++) {
    const { disk, db } = await start(call)
    disk.crashAt(disk.calls + call)
    await db
      .flush()
      .then(() => db.compact())
      .catch(() => {})
    await db.close().catch(() => {})
    disk.crash()
    const { db: again } = await open(disk, WIDE)
    const state = await stateOf(again)
    expect(state.shown, `call ${call}`).toEqual(shown)
    expect(state.tables.map(({ name, fields, tags }) => ({ name, fields, tags }))).toEqual(
      tables.map(({ name, fields, tags }) => ({ name, fields, tags })),
    )
    expect(state.ids, `call ${call}`).toEqual(ids)
    await write(again, 'gone,h=a v="other type" 1')
    await again.flush()
    await again.compact()
    expect(
      catalogFiles(disk).map(([, size]) => size < 2_000),
      `call ${call}`,
    ).toEqual([true])
    await again.close()
  }
})

test('a call of it that fails is tried again, and nothing is lost', async () => {
  for (const pattern of [
    /^create catalog/,
    /^append.* catalog/,
    /^sync catalog/,
    /^sync manifest/,
  ]) {
    for (const errno of ['EIO', 'ENOSPC']) {
      const disk = new SimulatedDisk(1)
      const db = await makeDead(disk)
      await db.flush()
      const { shown } = await stateOf(db)
      disk.failMatching(pattern, errno)
      await db.compact().catch(() => {})
      await db.compact()
      await write(db, 'kept,h=z v=9 9')
      await db.flush()
      expect(db.health().status).toBe('pass')
      expect(catalogFiles(disk)).toHaveLength(1)
      disk.crash()
      const { db: again } = await open(disk, WIDE)
      expect((await stateOf(again)).shown[0]).toEqual([...shown[0]!, 'h=z v=9 9'].sort())
    }
  }
})

describe('while it is written anew', () => {
  test('flushes go on, and what they bring is in the new file', async () => {
    const disk = new SimulatedDisk(1)
    const storage = disk.open()
    const host = await simulatedHost(storage)
    const pauses: (() => Promise<void>)[] = []
    host.pause = async () => {
      await pauses.shift()?.()
    }
    const db = await openDatabase(host, WIDE)
    await write(db, seriesLines('gone', SERIES))
    await write(db, 'kept,h=a v=1 1')
    await db.flush()
    await db.dropTable('gone')
    const create = storage.create.bind(storage)
    const flushed: Promise<void>[] = []
    storage.create = (name) => {
      create(name)
      // The second catalog file: the first pass is over, the old file goes on.
      if (!name.startsWith('catalog') || flushed.length > 0) return
      pauses.push(async () => {
        await write(db, 'late,h=new v=2 2')
        flushed.push(db.flush())
        // It is sealed then, and goes before what pauses.
        await new Promise((resolve) => setTimeout(resolve, 0))
      })
    }
    await write(db, 'kept,h=b v=2 2')
    await db.flush()
    await db.compact()
    await Promise.all(flushed)
    await db.compact()
    expect(flushed).toHaveLength(1)
    expect(catalogFiles(disk).map(([, size]) => size < 2_000)).toEqual([true])
    disk.crash()
    const { db: again } = await open(disk, WIDE)
    expect(await values(again, 'late')).toEqual(['h=new v=2 2'])
    expect(await values(again, 'kept')).toEqual(['h=a v=1 1', 'h=b v=2 2'])
  })

  test('a backup keeps the old file until it is read, and restores', async () => {
    const disk = new SimulatedDisk(1)
    const db = await makeDead(disk)
    await db.flush()
    const backup = await db.backup()
    const shown = (await stateOf(db)).shown
    await db.compact()
    const chunks: Uint8Array[] = []
    for await (const chunk of backup) chunks.push(chunk.slice())
    await db.compact()
    await write(db, 'kept,h=z v=9 9')
    await db.flush()
    expect(catalogFiles(disk)).toHaveLength(1)
    const { db: restored } = await open(new SimulatedDisk(2), WIDE)
    await restored.restore(
      (async function* () {
        yield* chunks
      })(),
    )
    expect((await stateOf(restored)).shown).toEqual(shown)
  })
})

test('a dropped field that is in no part any more is not searched for by later starts', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1,w=2 1')
  await db.flush()
  await db.dropColumn('t', 'w')
  await db.compact()
  await db.flush()
  disk.crash()
  const { db: again } = await open(disk)
  expect([...shardOf(again).catalog.table('default', 't').droppedColumns]).toEqual([])
  expect(await values(again)).toEqual(['h=a v=1 1'])
})
