import { expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { CLOCK_START, type SimulatedHost } from '../../simulated-host.ts'
import { seededRandom } from '../../kernel.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { open, stage, values, write } from './fixture.ts'

const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND
const HOUR = 60n * MINUTE
const DAY = 24n * HOUR
const TRUSTED = { trustClock: true }

/** A time so long before the clock's start. */
const ago = (age: bigint): bigint => CLOCK_START - age

/** Lets what a timer began come to its end. */
async function rest(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0))
}

async function tick(host: SimulatedHost, time: bigint): Promise<void> {
  host.advance(time)
  host.fireTimers()
  await rest()
}

async function count(db: Database, table = 't'): Promise<number> {
  return (await db.table(table)).points
}

function bytesOnDisk({ storage }: SimulatedHost): number {
  return storage
    .list()
    .filter((name) => name.startsWith('segment'))
    .reduce((sum, name) => sum + storage.size(name), 0)
}

test('points older than the retention are refused by line, and nothing is stored', async () => {
  const { db } = await open()
  await db.putTable('t', { retention: '1d' })
  const lines = `t v=1 ${ago(HOUR)}\nt v=2 ${ago(25n * HOUR)}\nfree v=3 ${ago(400n * DAY)}`
  await expect(write(db, lines)).rejects.toMatchObject({
    code: 'expired',
    details: { errors: [{ line: 2, column: 7, code: 'expired' }] },
  })
  expect(await values(db)).toEqual([])
  const batch = db.batch({ partial: true })
  batch.lineProtocol(new TextEncoder().encode(lines))
  expect(await batch.commit()).toMatchObject({ written: 2, rejected: 1 })
  expect(await values(db)).toEqual([` v=1 ${ago(HOUR)}`])
  const types = db.batch({ partial: 'types' })
  types.lineProtocol(new TextEncoder().encode(`${lines}\n`))
  expect(await types.commit()).toMatchObject({ written: 2, rejected: 1 })
})

test('CSV and points that are too old are refused, too', async () => {
  const { db } = await open()
  await db.putTable('t', { retention: '1d' })
  const csv = db.batch({ precision: 'ns' })
  const text = `time,v\n${ago(HOUR)},1\n${ago(2n * DAY)},2\n`
  csv.csv(new TextEncoder().encode(text), { table: 't' })
  await expect(csv.commit()).rejects.toMatchObject({
    code: 'expired',
    details: { errors: [{ line: 3, column: 1 }] },
  })
  const points = db.batch()
  points.points({
    ...{ table: 't', tags: new Map([['h', 'a']]) },
    times: BigInt64Array.of(ago(HOUR), ago(2n * DAY)),
    fields: [
      {
        ...{ name: 'v', type: 0, declared: true, valid: null },
        values: Float64Array.of(1, 2),
      },
    ],
  })
  await expect(points.commit()).rejects.toMatchObject({
    code: 'expired',
    details: { errors: [{ pointer: '/time/1' }] },
  })
  expect(await db.table('t')).toMatchObject({ tags: [], fields: {}, series: 0 })
})

test('points expire from queries exactly at their age, in memtables and in parts', async () => {
  const { db, host } = await open(new SimulatedDisk(1), TRUSTED)
  await db.putTable('t', { retention: '1h' })
  await write(db, `t,h=a v=1 ${ago(0n)}\nt,h=a v=2 ${ago(-30n * MINUTE)}`)
  await db.flush()
  await write(db, `t,h=a v=3 ${ago(1n)}\nt,h=a v=4 ${ago(-40n * MINUTE)}`)
  expect(await count(db)).toBe(4)
  host.advance(HOUR)
  expect(await values(db)).toEqual([
    `h=a v=2 ${ago(-30n * MINUTE)}`,
    `h=a v=4 ${ago(-40n * MINUTE)}`,
  ])
  const answer = await db.query({ table: 't', start: 0, select: 'count(v) AS n, min(v) AS low' })
  const [n, low] = answer.series[0]!.fields.map(({ values: column }) => Number(column[0]))
  expect([n, low]).toEqual([2, 2])
  expect((await db.table('t')).firstTime).toBe(ago(-30n * MINUTE))
})

test('a longer retention shows again what is still there, a shorter one works at once', async () => {
  const { db } = await open()
  await write(db, `t v=1 ${ago(3n * HOUR)}\nt v=2 ${ago(HOUR)}`)
  expect((await db.putTable('t', { retention: '2h' })).points).toBe(1)
  expect((await db.putTable('t', { retention: '4h' })).points).toBe(2)
  expect((await db.putTable('t', { retention: '30m' })).points).toBe(0)
  expect((await db.putTable('t', { retention: null })).points).toBe(2)
})

test('a delete takes expired points, too: a longer retention does not bring them back', async () => {
  const { db, host } = await open(undefined, TRUSTED)
  host.advance(4n * HOUR)
  const at = (hour: bigint): bigint => CLOCK_START + hour * HOUR
  await write(db, `t,h=a v=1 ${at(0n)}\nt,h=b v=2 ${at(1n)}\nt,h=a v=3 ${at(3n)}`)
  await db.flush()
  await write(db, `t,h=a v=4 ${at(1n)}`)
  await db.putTable('t', { retention: '2h' })
  expect(await count(db)).toBe(1)
  const byTime = { end: String(at(1n)), precision: 'ns' as const }
  expect(await db.deleteRows('t', byTime)).toMatchObject({ deleted: 1 })
  expect(await db.deleteRows('t', { where: 'v = 4' })).toMatchObject({ deleted: 1 })
  await db.putTable('t', { retention: null })
  expect(await values(db)).toEqual([`h=a v=3 ${at(3n)}`, `h=b v=2 ${at(1n)}`])
})

test('a batch that was staged before the retention was set is stored and hidden', async () => {
  const { db } = await open()
  await write(db, `t v=1 ${ago(HOUR)}`)
  const staged = stage(db, `t v=2 ${ago(3n * DAY)}`)
  await db.putTable('t', { retention: '1d' })
  await staged.commit()
  expect(await values(db)).toEqual([` v=1 ${ago(HOUR)}`])
})

test('expired parts leave the disk at once, and stay away after a crash', async () => {
  const large = { memtableRowBytes: 1 << 19, memtableArenaBytes: 1 << 19, logBytes: 1 << 20 }
  const { db, disk, host } = await open(new SimulatedDisk(1), large)
  const random = seededRandom(7)
  const text = (): string =>
    String.fromCharCode(...Array.from({ length: 40 }, () => 97 + 26 * random()))
  const rows = Array.from({ length: 4000 }, (_, i) => {
    const age = BigInt(i % 10) * DAY + BigInt(i) * SECOND
    return `t,h=a v=${random()},s="${text()}" ${ago(age)}`
  })
  await write(db, rows.join('\n'))
  await db.flush()
  const before = await db.table('t')
  const bytesBefore = bytesOnDisk(host)
  const { diskBytes } = await db.putTable('t', { retention: '2d' })
  await rest()
  const after = await db.table('t')
  expect(after.points).toBeLessThan(before.points / 2)
  expect(after.diskBytes).toBeLessThan(before.diskBytes / 2)
  expect(diskBytes).toBeGreaterThanOrEqual(after.diskBytes)
  // The file held all ten days: what lives was written anew, the rest is gone.
  expect(bytesOnDisk(host)).toBeLessThan(bytesBefore / 2)
  expect(bytesOnDisk(host)).toBeGreaterThanOrEqual(after.diskBytes)
  const shown = await values(db)
  disk.crash()
  const { db: again } = await open(disk, large)
  expect(await values(again)).toEqual(shown)
  // What is gone does not come back with a longer retention.
  await again.putTable('t', { retention: null })
  expect(await count(again)).toBeLessThan(before.points / 2)
})

test('parts expire by the timer, without a write', async () => {
  const { db, host } = await open(new SimulatedDisk(1), TRUSTED)
  await db.putTable('t', { retention: '1d' })
  await write(db, `t v=1 ${ago(0n)}`)
  await db.flush()
  expect((await db.table('t')).diskBytes).toBeGreaterThan(0)
  await tick(host, 25n * HOUR)
  expect((await db.table('t')).diskBytes).toBe(0)
})

test('a query that holds a part reads it to its end after it expired', async () => {
  const patient = { ...TRUSTED, limits: { timeoutMs: 2 ** 40 } }
  const { db, host } = await open(new SimulatedDisk(1), patient)
  await db.putTable('t', { retention: '1d' })
  const rows = Array.from({ length: 300 }, (_, i) => `t,h=${i} v=${i} ${ago(0n)}`)
  await write(db, rows.join('\n'))
  await db.flush()
  const { chunks } = await db.export({ table: 't' })
  const reader = chunks[Symbol.asyncIterator]()
  let seen = (await reader.next()).value!.time.length
  await tick(host, 25n * HOUR)
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    seen += next.value.time.length
  }
  expect(seen).toBe(300)
  expect(await count(db)).toBe(0)
})

test('a clock that is far ahead after a start deletes nothing, and says so', async () => {
  const { db, disk } = await open()
  await db.putTable('t', { retention: '1d' })
  await write(db, `t v=1 ${ago(0n)}`)
  await db.flush()
  await db.close()
  const { db: ahead, host } = await open(disk, {}, 400n * DAY)
  expect(await count(ahead)).toBe(1)
  expect(ahead.health()).toMatchObject({
    status: 'warn',
    message: expect.stringContaining('9600 hours ahead of'),
  })
  await write(ahead, `t v=2 ${ago(HOUR)}`)
  // Half an hour is not enough, and a jump begins it anew.
  for (let i = 0; i < 30; i++) await tick(host, MINUTE)
  expect(await count(ahead)).toBe(2)
  await tick(host, 30n * DAY)
  for (let i = 0; i < 59; i++) await tick(host, MINUTE)
  expect(ahead.health().status).toBe('warn')
  await tick(host, MINUTE)
  expect(ahead.health().status).toBe('pass')
  expect(await count(ahead)).toBe(0)
  await rest()
  expect((await ahead.table('t')).diskBytes).toBe(0)
})

test('a clock that is put right goes on at once; one that is trusted never stops', async () => {
  const { db, disk } = await open()
  await db.putTable('t', { retention: '1d' })
  await write(db, `t v=1 ${ago(0n)}`)
  await db.flush()
  await db.close()
  const { db: behind, host } = await open(disk, {}, -400n * DAY)
  expect(await count(behind)).toBe(1)
  expect(behind.health().message).toContain('behind')
  await tick(host, 400n * DAY)
  expect(behind.health().status).toBe('pass')
  await behind.close()
  const { db: trusting } = await open(disk, TRUSTED, 400n * DAY)
  expect(trusting.health().status).toBe('pass')
  expect(await count(trusting)).toBe(0)
})

test('a clock that jumps while it runs pauses retention, and the jump is not believed later', async () => {
  const { db, disk, host } = await open()
  await db.putTable('t', { retention: '1d' })
  await write(db, `t v=1 ${ago(0n)}`)
  await tick(host, MINUTE)
  await tick(host, 50n * DAY)
  expect(await count(db)).toBe(1)
  expect(db.health().status).toBe('warn')
  await db.flush()
  await db.close()
  // The manifest that was written meanwhile has the time that was believed.
  const { db: again } = await open(disk)
  expect(again.health().status).toBe('pass')
  expect(await count(again)).toBe(1)
})

test('without a retention nobody is warned of the clock', async () => {
  const { db, host } = await open()
  await write(db, 't v=1 1')
  await tick(host, 400n * DAY)
  expect(db.health().status).toBe('pass')
})

test('a dropped field leaves the disk, alone or with others', async () => {
  const { db, disk, host } = await open()
  const rows = Array.from({ length: 400 }, (_, i) => {
    return `t,h=a v=${Math.sqrt(i)},s="${'text'.repeat(i % 9)}${i}" ${i}\nu w=${Math.sqrt(i)} ${i}`
  })
  for (let i = 0; i < 4; i++) {
    await write(db, rows.slice(i * 100, i * 100 + 100).join('\n'))
    await db.flush()
  }
  const before = bytesOnDisk(host)
  await db.dropColumn('t', 's')
  await db.dropColumn('u', 'w')
  await rest()
  await db.flush()
  expect(bytesOnDisk(host)).toBeLessThan(0.6 * before)
  const stats = await db.tableStats('t')
  expect(stats.columns.map(({ name }) => name)).toEqual(['time', 'v'])
  expect(await count(db)).toBe(400)
  expect(await db.table('u')).toMatchObject({ points: 400, fields: {} })
  const shown = await values(db)
  disk.crash()
  const { db: again } = await open(disk)
  expect(await values(again)).toEqual(shown)
  await write(again, 'u w="x" 5')
  expect(await values(again, 'u')).toEqual([' w=x 5'])
})
