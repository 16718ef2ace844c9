// A write that is refused before it is logged leaves no name, no id and no type behind, whatever it
// would have made.

import { expect, test } from 'vitest'
import type { Database, OpenOptions } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { Shard } from '../../../engine/shard.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { open, values, write } from '../lifecycle/fixture.ts'

const ROOMY: OpenOptions = {
  memtableRowBytes: 1 << 17,
  memtableArenaBytes: 1 << 16,
  logBytes: 1 << 20,
}

const shardOf = (db: Database): Shard => Reflect.get(db, 'current') as Shard

/** All that anybody can list or look up, and the ids that come next. */
async function stateOf(db: Database) {
  const { catalog } = shardOf(db)
  const found: unknown[] = []
  for (const database of db.databases()) {
    for (const { name } of await db.tables(database)) {
      const options = { database }
      const keys = await db.tagKeys(name, options)
      found.push(database, await db.table(name, options), await db.series(name, options))
      for (const key of keys) {
        found.push(await db.tagValues(name, key, options))
        // A stale entry of the tag index would show.
        found.push(await db.series(name, { ...options, where: `${key} = 'v1'` }))
      }
      found.push(await values(db, name, database))
    }
  }
  const { tables, columns, shapes, series } = catalog
  const next = [tables, columns, shapes, series].map(({ count }) => count)
  return { databases: db.databases(), found, next: [...next, catalog.nextDatabaseId] }
}

test('a write that finds the disk full makes nothing visible, and its names take other types', async () => {
  const disk = new SimulatedDisk(1)
  const { db } = await open(disk, ROOMY)
  await write(db, 't,h=a v=1 1')
  const before = await stateOf(db)
  disk.capacity = disk.usedBytes
  const full = { code: 'storage_full' }
  await expect(write(db, 't,h=b,q=z v=2,w=3 2\nu,h=a v=1 1')).rejects.toMatchObject(full)
  await expect(write(db, 'm v=1 1', 'other')).rejects.toMatchObject(full)
  expect(await stateOf(db)).toEqual(before)
  await expect(db.table('u')).rejects.toMatchObject({ code: 'not_found' })
  await expect(db.tables('other')).rejects.toMatchObject({ code: 'not_found' })
  disk.capacity = Infinity
  // What was a field is a tag, and the other way round.
  await write(db, 't,h=b,w=z v=2,q="text" 2\nu v="text" 1')
  const shown = ['h=a v=1 1', 'h=b,w=z q=text 2', 'h=b,w=z v=2 2']
  expect(await values(db)).toEqual(shown)
  disk.crash()
  const { db: again } = await open(disk, ROOMY)
  expect(await values(again)).toEqual(shown)
  expect(await values(again, 'u')).toEqual([' v=text 1'])
})

/** Lines of a few points of random tables, tags and fields. */
function randomLines(seed: number): string {
  const { int, chance, pick } = randomOf(seed)
  const lines = Array.from({ length: 1 + int(6) }, (_, i) => {
    const tags = ['h', 'r', 'q'].filter(() => chance(0.5)).map((key) => `,${key}=v${int(8)}`)
    const fields = ['a', 'b', 'c', 'd']
      .filter(() => chance(0.4))
      .map((name) => `${name}=${int(99)}`)
    return `${pick(['t', 'u', 'w'])}${int(3)}${tags.join('')} ${fields.join(',') || 'a=1'} ${seed * 10 + i}`
  })
  return lines.join('\n')
}

test('a database with refused writes in between is in all one without them', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomOf(seed)
    const disk = new SimulatedDisk(seed)
    const { db } = await open(disk, ROOMY)
    const { db: plain } = await open(new SimulatedDisk(seed), ROOMY)
    for (let i = 0; i < 25; i++) {
      const lines = randomLines(seed * 1_000 + i)
      const database = random.pick(['default', 'one', 'two'])
      if (random.chance(0.4)) {
        disk.failMatching(/^append.* wal/, 'ENOSPC')
        const refused = expect(write(db, lines, database)).rejects
        await refused.toMatchObject({ code: 'storage_full' })
        continue
      }
      await write(db, lines, database)
      await write(plain, lines, database)
      if (random.chance(0.1)) for (const one of [db, plain]) await one.flush()
    }
    const wanted = await stateOf(plain)
    expect(await stateOf(db), `seed ${seed}`).toEqual(wanted)
    disk.crash()
    const { db: again } = await open(disk, ROOMY)
    expect(await stateOf(again), `seed ${seed}, again`).toEqual(wanted)
  }
})

test('a write for which memory is short at any point makes nothing visible either', async () => {
  const { db } = await open(new SimulatedDisk(1), ROOMY)
  const { db: plain } = await open(new SimulatedDisk(1), ROOMY)
  const some = Array.from({ length: 60 }, (_, i) => `t,h=v${i} a=1 ${i}`).join('\n')
  for (const one of [db, plain]) await write(one, some)
  const { memory } = shardOf(db).instance
  const many = Array.from(
    { length: 300 },
    (_, i) => `t,r=v${i},q=v${i % 7} b=1 ${i}\nu${i % 3} a=1 ${i}`,
  )
  const allocate = memory.allocate.bind(memory)
  let refusals = 0
  for (let call = 0; ; call++) {
    const wanted = await stateOf(db)
    const batch = db.batch({ database: 'default' })
    batch.lineProtocol(new TextEncoder().encode(`${many.join('\n')}\n`))
    let left = call
    memory.allocate = (size: number) => {
      if (left-- === 0) throw new OmenError('busy', 'memory: all in use')
      return allocate(size)
    }
    const refusal = await batch.commit().catch((error: unknown) => error)
    memory.allocate = allocate
    if (!(refusal instanceof OmenError)) break
    refusals++
    expect(await stateOf(db), `allocation ${call}`).toEqual(wanted)
  }
  expect(refusals).toBeGreaterThan(5)
  await write(plain, many.join('\n'))
  expect(await stateOf(db)).toEqual(await stateOf(plain))
})
