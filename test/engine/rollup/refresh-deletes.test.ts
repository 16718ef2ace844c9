// Deletes that nothing is written after: the rollup's own table loses what was deleted without a flush
// of anything else, also when the machine stops on the way.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

const ROLLUPS = ['1m', '1h'].map((every) => ({
  name: `per ${every}`,
  every,
  select: { n: 'count(x)', sum: 'sum(x)' },
}))

async function open(disk: SimulatedDisk): Promise<Database> {
  return openDatabase(await simulatedHost(disk.open()))
}

async function write(db: Database, ...points: string[]): Promise<void> {
  const batch = db.batch({ precision: 's' })
  batch.lineProtocol(new TextEncoder().encode(points.map((point) => `t,${point}`).join('\n')))
  await batch.commit()
}

/** Rows of the rollups' own tables: host, start in seconds, points, sum. */
async function stored(db: Database): Promise<unknown[][]> {
  const answers = await Promise.all(ROLLUPS.map(({ name }) => db.query({ table: name })))
  return answers.map(({ series }) =>
    series.flatMap(({ tags, time, fields }) =>
      Array.from(time, (at, i) =>
        [tags.get('host'), at / 1_000_000_000n, ...fields.map(({ values }) => values[i])].join(' '),
      ),
    ),
  )
}

async function prepared(disk: SimulatedDisk): Promise<Database> {
  const db = await open(disk)
  await write(db, 'host=a x=1 10', 'host=a x=2 70', 'host=a x=4 75', 'host=b x=8 10')
  await db.putTable('t', { rollups: ROLLUPS })
  await db.flush()
  await db.refresh()
  expect(await stored(db)).toEqual([
    ['a 0 1 1', 'a 60 2 6', 'b 0 1 8'],
    ['a 0 3 7', 'b 0 1 8'],
  ])
  return db
}

const LEFT = [['a 60 1 4'], ['a 0 1 4']]

test('a delete alone takes its points out of the rollups, and empty buckets go', async () => {
  const disk = new SimulatedDisk(1)
  let db = await prepared(disk)
  expect(await db.deleteRows('t', { where: "host = 'b' OR x < 3" })).toMatchObject({ deleted: 3 })
  await db.refresh()
  expect(await stored(db)).toEqual(LEFT)
  const answer = await db.query({ table: 't', every: '1h', select: 'sum(x)' })
  expect(answer.stats.rollup).toBe('per 1h')
  expect(answer.series.map(({ fields }) => [...fields[0]!.values])).toEqual([[4]])
  await db.close()
  db = await open(disk)
  expect(await stored(db)).toEqual(LEFT)
  await db.close()
})

test('points that come after a delete, before the refresh, are not lost with it', async () => {
  const disk = new SimulatedDisk(1)
  const db = await prepared(disk)
  await db.deleteRows('t', { where: 'x > 0' })
  await write(db, 'host=a x=16 71')
  await db.refresh()
  const ask = async (): Promise<unknown> => {
    const { series } = await db.query({ table: 't', every: '1m', select: 'sum(x)' })
    return series.map(({ time, fields }) => [time[0], fields[0]!.values[0]])
  }
  expect(await stored(db)).toEqual([[], []])
  expect(await ask()).toEqual([[60_000_000_000n, 16]])
  await db.flush()
  await db.refresh()
  expect(await stored(db)).toEqual([['a 60 1 16'], ['a 0 1 16']])
  expect(await ask()).toEqual([[60_000_000_000n, 16]])
  await db.close()
})

test(
  'a crash in any storage call of a delete or its refresh leaves rollups that come right',
  { timeout: 120_000 },
  async () => {
    let fired = 0
    for (let call = 1; ; call++) {
      const disk = new SimulatedDisk(call)
      let db = await prepared(disk)
      disk.crashAt(disk.calls + call)
      let isDeleted = false
      try {
        await db.deleteRows('t', { where: "host = 'b' OR x < 3" })
        isDeleted = true
        await db.refresh()
        await db.flush()
      } catch (error) {
        if (!disk.hasStopped) throw error
      }
      if (!disk.hasFired) {
        await db.close()
        break
      }
      fired++
      await new Promise((resolve) => setImmediate(resolve))
      disk.crash()
      db = await open(disk)
      await db.refresh()
      const { rowCount } = await db.query({ table: 't' })
      if (isDeleted) expect(rowCount, `call ${call}`).toBe(1)
      if (rowCount === 1) expect(await stored(db), `call ${call}`).toEqual(LEFT)
      else expect((await stored(db))[1], `call ${call}`).toEqual(['a 0 3 7', 'b 0 1 8'])
      await db.close()
    }
    expect(fired).toBeGreaterThan(3)
  },
)

test('what a build that was given up has written is gone when its points are deleted', async () => {
  let leftovers = 0
  let fired = 0
  for (let call = 1; ; call++) {
    const disk = new SimulatedDisk(call)
    let db = await open(disk)
    await write(db, 'host=a x=1 10', 'host=a x=2 70', 'host=a x=4 75', 'host=b x=8 10')
    await db.flush()
    disk.failMatching(/./, 'EIO', call - 1, 1_000)
    await db.putTable('t', { rollups: ROLLUPS }).catch(() => {})
    await db.refresh().catch(() => {})
    const isFired = disk.hasFired
    disk.failMatching(/^nothing/, 'EIO')
    // Nothing runs by itself: what was given up is not begun again before the delete.
    leftovers += (await stored(db).catch(() => [])).flat().length
    await db.deleteRows('t', { where: "host = 'b' OR x < 3" })
    disk.kill()
    db = await open(disk)
    await db.putTable('t', { rollups: ROLLUPS })
    await db.refresh()
    expect(await stored(db), `call ${call} failed`).toEqual(LEFT)
    await db.close()
    if (!isFired) break
    fired++
  }
  expect(fired).toBeGreaterThan(5)
  expect(leftovers).toBeGreaterThan(6)
})
