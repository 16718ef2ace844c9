// Retention of a source and its rollups, with a clock that moves: what the rollup holds is complete
// when the points behind it go, and nothing comes to it after that.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { CLOCK_START, type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND
const HOUR = 60n * MINUTE
const OPTIONS = { trustClock: true, limits: { timeoutMs: 1e12 } }
const ROLLUP = { name: 'hours', every: '1h', select: { n: 'count(x)', sum: 'sum(x)' } }

interface Opened {
  readonly db: Database
  readonly host: SimulatedHost
}

async function open(disk = new SimulatedDisk(1)): Promise<Opened> {
  const host = await simulatedHost(disk.open())
  return { db: await openDatabase(host, OPTIONS), host }
}

/** A point so long before the clock's start. */
function point(age: bigint, x: number, host = 'a'): string {
  return `t,host=${host} x=${x} ${CLOCK_START - age}`
}

function stage(db: Database, ...points: string[]): ReturnType<Database['batch']> {
  const batch = db.batch({ precision: 'ns' })
  batch.lineProtocol(new TextEncoder().encode(points.join('\n')))
  return batch
}

async function write(db: Database, ...points: string[]): Promise<void> {
  await stage(db, ...points).commit()
}

/** Rows of the rollup's own table: start of the bucket as an age in hours, points, sum. */
async function stored(db: Database, table = 'hours'): Promise<unknown[]> {
  const { series } = await db.query({ table })
  return series.flatMap(({ time, fields }) =>
    Array.from(time, (at, i) => [
      Number((CLOCK_START - at) / HOUR),
      Number(fields[0]!.values[i]),
      Number(fields[1]!.values[i]),
    ]),
  )
}

/** Lets what a timer began come to its end. */
async function rest(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 0))
}

async function segments(db: Database, table = 't'): Promise<number> {
  return (await db.tableStats(table)).segments
}

test('points stay on disk until the rollup has them, and then go', async () => {
  const { db, host } = await open()
  await write(db, point(5n * HOUR, 1))
  await db.putTable('t', { retention: '6h', rollups: [ROLLUP] })
  await db.flush()
  await db.refresh()
  await write(db, point(5n * HOUR - MINUTE, 2), point(4n * HOUR, 4))
  // Late points wait in the memtable while those of their bucket expire.
  host.advance(10n * HOUR)
  await db.compact()
  expect(await stored(db)).toEqual([[5, 1, 1]])
  expect(await segments(db)).toBe(1)
  await db.refresh()
  expect(await stored(db)).toEqual([
    [5, 2, 3],
    [4, 1, 4],
  ])
  await db.compact()
  expect(await segments(db)).toBe(0)
  expect(await stored(db)).toEqual([
    [5, 2, 3],
    [4, 1, 4],
  ])
  await db.close()
})

test('the bucket that the cutoff cuts is complete, also when points of it have expired', async () => {
  const { db, host } = await open()
  await db.putTable('t', { fields: { x: 'float' }, retention: '6h', rollups: [ROLLUP] })
  await write(db, point(5n * HOUR, 1), point(2n * HOUR, 1))
  await db.flush()
  await db.refresh()
  host.advance(HOUR + 30n * MINUTE)
  // The first one has expired, and this one is of the same hour.
  await write(db, point(4n * HOUR + 20n * MINUTE, 2))
  await db.flush()
  await db.refresh()
  await db.compact()
  expect(await stored(db)).toEqual([
    [5, 2, 3],
    [2, 1, 1],
  ])
  await db.close()
})

test('a rollup that cannot be refreshed keeps the points, and health says so', async () => {
  const disk = new SimulatedDisk(1)
  const { db, host } = await open(disk)
  await db.putTable('t', { fields: { x: 'float' }, retention: '6h', rollups: [ROLLUP] })
  await write(db, point(5n * HOUR, 1))
  await db.flush()
  await db.refresh()
  await write(db, point(5n * HOUR, 3, 'b'), point(HOUR, 1))
  host.advance(10n * HOUR)
  disk.failMatching(/^sync segment/, 'EIO', 0, 1_000)
  await expect(db.refresh()).rejects.toMatchObject({ code: 'unavailable' })
  expect(db.health()).toMatchObject({ status: 'warn' })
  await write(db, point(-9n * HOUR, 1))
  expect(await segments(db)).toBe(1)
  disk.failMatching(/^nothing/, 'EIO')
  // What is done each minute, and again after a failure.
  for (let i = 0; i < 5; i++) {
    host.fireTimers()
    await rest()
  }
  expect(db.health().status).toBe('pass')
  expect(await stored(db)).toEqual([
    [5, 1, 1],
    [1, 1, 1],
    [-9, 1, 1],
    [5, 1, 3],
  ])
  expect((await db.query({ table: 't' })).rowCount).toBe(1)
  expect(await segments(db)).toBe(1)
  await db.close()
})

test('what was staged before its bucket was closed is refused, and other tables are not', async () => {
  const { db, host } = await open()
  await db.putTable('t', { fields: { x: 'float' }, retention: '6h', rollups: [ROLLUP] })
  await write(db, point(5n * HOUR, 1))
  await db.flush()
  const late = stage(db, point(4n * HOUR + MINUTE, 2))
  const mixed = stage(db, point(HOUR, 2), point(5n * HOUR, 2).replace('t,', 'other,'))
  host.advance(4n * HOUR)
  await db.refresh()
  await expect(late.commit()).rejects.toMatchObject({ code: 'expired' })
  await mixed.commit()
  await db.refresh()
  await db.compact()
  expect(await stored(db)).toEqual([[5, 1, 1]])
  expect((await db.table('other')).points).toBe(1)
  await db.close()
})

test('what was closed stays so when the retention is longer or gone, also after a restart', async () => {
  const disk = new SimulatedDisk(1)
  let { db, host } = await open(disk)
  await db.putTable('t', { fields: { x: 'float' }, retention: '6h', rollups: [ROLLUP] })
  await write(db, point(5n * HOUR, 1))
  await db.flush()
  host.advance(4n * HOUR)
  await db.refresh()
  await db.putTable('t', { retention: null })
  await db.close()
  ;({ db, host } = await open(disk))
  const late = write(db, point(4n * HOUR, 2))
  await expect(late).rejects.toMatchObject({ code: 'expired' })
  await write(db, point(HOUR, 8))
  expect((await db.table('t')).points).toBe(1)
  await db.flush()
  await db.refresh()
  expect(await stored(db)).toEqual([
    [5, 1, 1],
    [1, 1, 8],
  ])
  // Without rollups nobody has a reason to refuse them.
  await db.putTable('t', { rollups: [] })
  await write(db, point(4n * HOUR, 2))
  await db.close()
})
