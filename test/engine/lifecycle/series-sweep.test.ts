// Series that lost their last rows: they leave what is listed and counted, whatever took the rows, and
// a write of the same tags, before, during or after, is there exactly once.

import { expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import { CLOCK_START } from '../../simulated-host.ts'
import { poisonMemory } from '../../poisoned-memory.ts'
import { SimulatedCrash, SimulatedDisk } from '../../simulated-storage.ts'
import { open, stage, values, write } from './fixture.ts'

const HOUR = 3_600_000_000_000n
const STRIDE = Number(process.env['OMENDB_DELETE_STRIDE'] ?? 5)

/** Hosts that are listed, twice asked, and how many the table says it has. */
async function hosts(db: Database, table = 't'): Promise<string[]> {
  const listed = (await db.series(table)).series.map(({ tags }) => tags['h']!)
  const { values: named } = await db.tagValues(table, 'h')
  expect(named).toEqual(listed)
  expect((await db.table(table)).series).toBe(listed.length)
  return listed
}

async function clear(db: Database, host: string): Promise<void> {
  await db.deleteRows('t', { where: `h = '${host}'` })
  await db.flush()
  await db.compact()
}

test('a series without rows is not listed, does not count, and makes room for another', async () => {
  const { db, disk } = await open(undefined, { seriesMax: 3 })
  await write(db, 't,h=a v=1 1\nt,h=b v=2 2\nt,h=c v=3 3')
  await expect(write(db, 't,h=d v=4 4')).rejects.toMatchObject({ code: 'limit_exceeded' })
  await db.deleteRows('t', { where: "h = 'b'" })
  // Its row is still in the memtable, then in none.
  await db.compact()
  expect(await hosts(db)).toEqual(['a', 'b', 'c'])
  await db.flush()
  await db.compact()
  expect(await hosts(db)).toEqual(['a', 'c'])
  await write(db, 't,h=d v=4 4')
  expect(await hosts(db)).toEqual(['a', 'c', 'd'])
  await db.close()
  const { db: again } = await open(disk, { seriesMax: 3 })
  expect(await hosts(again)).toEqual(['a', 'c', 'd'])
  await expect(write(again, 't,h=b v=4 4')).rejects.toMatchObject({ code: 'limit_exceeded' })
  expect(await values(again)).toEqual(['h=a v=1 1', 'h=c v=3 3', 'h=d v=4 4'])
})

test('series of many parts stay if one has rows, also of rows that only a memtable has', async () => {
  const { db } = await open()
  for (let i = 0; i < 6; i++) {
    await write(db, `t,h=all v=1 ${i}\nt,h=p${i} v=1 ${i}`)
    await db.flush()
  }
  await write(db, 't,h=p2 v=9 9')
  await db.deleteRows('t', { where: "h = 'p1' or h = 'p2'", end: '8', precision: 'ns' })
  await db.compact()
  expect(await hosts(db)).toEqual(['all', 'p0', 'p2', 'p3', 'p4', 'p5'])
})

test('series of which all points expired go when their part does', async () => {
  const { db, host } = await open(new SimulatedDisk(1), { trustClock: true })
  await db.putTable('t', { retention: '1h' })
  await write(db, `t,h=a v=1 ${CLOCK_START}\nt,h=b v=1 ${CLOCK_START}`)
  await db.flush()
  host.advance(2n * HOUR)
  await write(db, `t,h=b v=1 ${CLOCK_START + 2n * HOUR}`)
  await db.flush()
  await db.compact()
  expect(await hosts(db)).toEqual(['b'])
  // By itself as well, without anybody who asks for it.
  host.advance(4n * HOUR)
  for (let i = 0; i < 50 && (await hosts(db)).length > 0; i++) {
    host.fireTimers()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  expect(await hosts(db)).toEqual([])
})

test('what a start finds empty goes, too: nothing else remembers it', async () => {
  const disk = new SimulatedDisk(3)
  const { db } = await open(disk)
  await write(db, 't,h=a v=1 1\nt,h=b v=2 2')
  await db.deleteRows('t', { where: "h = 'a'" })
  await db.flush()
  disk.kill()
  const { db: again, host } = await open(disk)
  for (let i = 0; i < 50 && (await hosts(again)).length > 1; i++) {
    host.fireTimers()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  expect(await hosts(again)).toEqual(['b'])
})

test('a request staged before the series went writes its rows once, to a new one', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1 1\nt,h=b v=2 2')
  const staged = stage(db, 't,h=a v=3 3\nt,h=a v=4 4')
  await clear(db, 'a')
  expect(await hosts(db)).toEqual(['b'])
  await staged.commit()
  const expected = ['h=a v=3 3', 'h=a v=4 4', 'h=b v=2 2']
  expect([await hosts(db), await values(db)]).toEqual([['a', 'b'], expected])
  await db.compact()
  disk.kill()
  const { db: again } = await open(disk)
  expect([await hosts(again), await values(again)]).toEqual([['a', 'b'], expected])
})

test('a write at any moment of a sweep is kept, exactly once', async () => {
  for (let turns = 0; turns < 60; turns += 3) {
    const { db, disk } = await open(new SimulatedDisk(turns))
    await write(db, 't,h=a v=1 1\nt,h=b v=2 2')
    await db.deleteRows('t', { where: "h = 'a'" })
    await db.flush()
    const compacted = db.compact()
    for (let i = 0; i < turns; i++) await Promise.resolve()
    await Promise.all([write(db, 't,h=a v=5 5'), compacted])
    const expected = ['h=a v=5 5', 'h=b v=2 2']
    expect([await hosts(db), await values(db)], `${turns}`).toEqual([['a', 'b'], expected])
    await db.flush()
    await db.compact()
    disk.kill()
    const { db: again } = await open(disk)
    expect([await hosts(again), await values(again)], `${turns}`).toEqual([['a', 'b'], expected])
    await again.close()
  }
})

test('a table that is dropped while its sweep waits takes no series of another with it', async () => {
  // What reads memory that was given back finds the id of the first series of all.
  const heal = poisonMemory(0)
  try {
    for (let turns = 0; turns < 80; turns++) {
      const { db } = await open(new SimulatedDisk(turns))
      await write(db, 'other,h=a v=1 1\nother,h=b v=2 2')
      await write(db, 't,h=a v=1 1\nt,h=b v=2 2')
      await db.deleteRows('t', { where: "h = 'a'" })
      await db.flush()
      const compacted = db.compact()
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await Promise.all([db.dropTable('t'), compacted])
      expect(await hosts(db, 'other'), `${turns}`).toEqual(['a', 'b'])
      expect(await values(db, 'other'), `${turns}`).toEqual(['h=a v=1 1', 'h=b v=2 2'])
      expect(db.health().message, `${turns}`).toBe('ready')
      await db.close()
    }
  } finally {
    heal()
  }
})

test('a reader of before keeps its rows and their tags; the series goes after it', async () => {
  const { db, host } = await open()
  const many = Array.from({ length: 300 }, (_, i) => `t,h=a v=${i} ${i}\nt,h=b v=${i} ${i}`)
  await write(db, many.join('\n'))
  await db.flush()
  const rows = (await db.export({ table: 't' })).chunks[Symbol.asyncIterator]()
  const first = await rows.next()
  await clear(db, 'a')
  await clear(db, 'b')
  expect(await hosts(db)).toEqual(['a', 'b'])
  const found = new Map<string, number>()
  for (let next = first; !next.done; next = await rows.next()) {
    const name = next.value.tags.get('h') ?? 'none'
    found.set(name, (found.get(name) ?? 0) + next.value.time.length)
  }
  expect([...found]).toEqual([
    ['a', 300],
    ['b', 300],
  ])
  for (let i = 0; i < 50 && (await hosts(db)).length > 0; i++) {
    host.fireTimers()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  expect(await hosts(db)).toEqual([])
})

test('more series than one record takes go all the same, and all others stay', async () => {
  const { db } = await open(undefined, {
    memtableRowBytes: 1 << 20,
    memtableArenaBytes: 1 << 16,
    logBytes: 1 << 22,
  })
  const lines = Array.from({ length: 9_000 }, (_, i) => `t,h=${i},k=${i % 3} v=1 1`)
  await write(db, lines.join('\n'))
  await db.flush()
  await db.deleteRows('t', { where: "k = '1' or k = '2'" })
  await db.compact()
  const left = Array.from({ length: 3_000 }, (_, i) => `${i * 3}`).sort()
  expect(await hosts(db)).toEqual(left)
})

test('while the log takes nothing a sweep ends all the same, and goes on when it does', async () => {
  const { db, disk, host } = await open()
  await write(db, 't,h=a v=1 1')
  await db.flush()
  await db.deleteRows('t', { where: "h = 'a'" })
  // Rows that only memtables have: the sweep finds nothing to drop.
  await write(db, 't,h=a v=2 2\nt,h=b v=1 1')
  const fire = async (): Promise<void> => {
    host.fireTimers()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  disk.failMatching(/^append.* wal/, 'ENOSPC', 0, 2_000)
  const { calls } = disk
  // The part goes; that its tombstone is spent cannot be logged, which is looked at again and again.
  await expect(db.compact()).rejects.toMatchObject({ code: 'storage_full' })
  for (let i = 0; i < 5; i++) await fire()
  expect(disk.calls - calls).toBeLessThan(500)
  disk.failMatching(/never/, 'EIO')
  await fire()
  await db.deleteRows('t', { where: "h = 'a'" })
  await db.flush()
  await db.compact()
  expect(await hosts(db)).toEqual(['b'])
})

test('a series stays as long as a rollup has buckets of it, and goes after them', async () => {
  const { db, host } = await open(new SimulatedDisk(1), { trustClock: true })
  const rollup = { name: 't_1h', every: '1h', select: { mean: 'mean(v)' }, retention: '10h' }
  await db.putTable('t', { tags: ['h'], fields: { v: 'float' } })
  await write(db, `t,h=a v=1 ${CLOCK_START}\nt,h=b v=1 ${CLOCK_START}`)
  await db.putTable('t', { retention: '2h', rollups: [rollup] })
  await db.flush()
  await db.refresh()
  host.advance(5n * HOUR)
  await db.flush()
  await db.compact()
  expect((await db.table('t')).diskBytes).toBe(0)
  expect([await hosts(db), await hosts(db, 't_1h')]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
  host.advance(10n * HOUR)
  await db.refresh() // it begins later, then its buckets go
  await db.compact()
  expect([await hosts(db), await hosts(db, 't_1h')]).toEqual([[], []])
})

async function crashed(call: number, fault: string): Promise<boolean> {
  const disk = new SimulatedDisk(call)
  if (fault === 'crash') disk.crashAt(call)
  else disk.failAt(call, fault)
  /** Values that host a may have. */
  let possible: (string | null)[] = [null]
  const attempt = async (run: () => Promise<unknown>, value?: string | null): Promise<void> => {
    try {
      await run()
      if (value !== undefined) possible = [value]
    } catch (error) {
      if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
      if (value !== undefined) possible.push(value)
    }
    if (disk.hasStopped) throw new SimulatedCrash()
  }
  try {
    const { db, host } = await open(disk)
    for (let round = 1; round < 4; round++) {
      await attempt(() => write(db, `t,h=a v=${round} 1`), `${round}`)
      await attempt(() => write(db, `t,h=b v=1 1`))
      await attempt(() => db.flush())
      await attempt(() => db.deleteRows('t', { where: "h = 'a'" }), null)
      await attempt(() => db.flush())
      await attempt(() => db.compact())
      host.fireTimers()
    }
    await attempt(() => write(db, `t,h=a v=9 1`), '9')
    await attempt(() => db.compact())
  } catch (error) {
    if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
  }
  const { hasFired } = disk
  if (call % 2 === 0) disk.kill()
  else disk.crash()
  const { db } = await open(disk)
  const where = `${fault} in call ${call}`
  if ((await db.tables()).length > 0) {
    const found = (await values(db)).filter((line) => line.startsWith('h=a'))
    expect(found.length, where).toBeLessThan(2)
    const value = found[0]?.split(/[ =]/)[3] ?? null
    expect(possible, where).toContain(value)
    await db.flush()
    await db.compact()
    const listed = await hosts(db)
    expect(listed.includes('a'), where).toBe(value !== null)
    await write(db, 't,h=a v=7 1')
    expect(await values(db), where).toContain('h=a v=7 1')
  }
  await db.close()
  return hasFired
}

test.each(['crash', 'EIO', 'ENOSPC'])(
  '%s in each storage call loses no write and leaves no series without rows',
  { timeout: 600_000 },
  async (fault) => {
    let call = 1 + (fault.length % STRIDE)
    for (; await crashed(call, fault); call += STRIDE);
    expect(call).toBeGreaterThan(60)
  },
)
