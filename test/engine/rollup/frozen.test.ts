// Queries of a source beyond its retention: which rollups answer, what of a range they can, and what
// deletes take of buckets whose points are gone.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import type { RollupRequest } from '../../../engine/rollup/definition.ts'
import { CLOCK_START, type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE
const OPTIONS = { trustClock: true, limits: { timeoutMs: 1e12 } }
const SUM = { sum: 'sum(x)' }
const HOURS: RollupRequest = { name: 'hours', every: '1h', select: SUM }

interface Opened {
  readonly db: Database
  readonly host: SimulatedHost
}

async function open(disk = new SimulatedDisk(1)): Promise<Opened> {
  const host = await simulatedHost(disk.open())
  return { db: await openDatabase(host, OPTIONS), host }
}

/** A time so many hours before the clock's start. */
function ago(hours: number): string {
  return String(CLOCK_START - (BigInt(Math.round(hours * 60)) * HOUR) / 60n)
}

/** Points of so many hours before the clock's start and their values. */
async function write(db: Database, points: Record<number, number>, host = 'a'): Promise<void> {
  const batch = db.batch({ precision: 'ns' })
  const lines = Object.entries(points).map(([age, x]) => `t,host=${host} x=${x} ${ago(+age)}`)
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

/** Hours before the clock's start and values of the answer's only field, by series. */
async function sums(db: Database, request: Partial<QueryRequest> = {}): Promise<string[][]> {
  const asked = { table: 't', every: '1h', select: 'sum(x)', precision: 'ns', ...request } as const
  const { series } = await db.query(asked)
  return series.map(({ time, fields }) =>
    Array.from(
      time,
      (at, i) => `${Number(CLOCK_START - at) / Number(HOUR)}: ${fields[0]!.values[i]}`,
    ),
  )
}

/** A table with six hours of retention whose points of hours 5 to 2 are gone. */
async function frozen(
  rollups: readonly RollupRequest[] = [HOURS],
  disk = new SimulatedDisk(1),
): Promise<Opened> {
  const opened = await open(disk)
  const { db, host } = opened
  await db.putTable('t', { tags: ['host'], fields: { x: 'float' }, retention: '6h', rollups })
  await write(db, { 4.9: 1, 4.2: 2, 3.5: 4, 2.5: 8 })
  await write(db, { 4.5: 16, 2.1: 32 }, 'b')
  await db.flush()
  await db.refresh()
  host.advance(10n * HOUR)
  await write(db, { [-9.5]: 64 })
  await db.refresh()
  await db.compact()
  expect((await db.tableStats('t')).rows).toBeLessThan(2)
  return opened
}

const ALL = ['5: 19', '4: 4', '3: 40', '-9: 64']

test('buckets of the source whose points are gone come from the rollup, by series and group', async () => {
  const disk = new SimulatedDisk(1)
  let { db } = await frozen([HOURS], disk)
  expect(await sums(db)).toEqual([ALL])
  expect(await sums(db, { by: 'host' })).toEqual([
    ['5: 3', '4: 4', '3: 8', '-9: 64'],
    ['5: 16', '3: 32'],
  ])
  expect(await sums(db, { where: "host = 'b'", every: '2h' })).toEqual([['6: 16', '4: 32']])
  expect(await sums(db, { every: '1d' })).toEqual([['24: 63', '0: 64']])
  const request = { table: 't', every: '1mo', select: 'sum(x)' }
  expect((await db.query(request)).series[0]!.fields[0]!.values).toEqual(Float64Array.of(127))
  await db.close()
  ;({ db } = await open(disk))
  expect(await sums(db)).toEqual([ALL])
  await db.close()
})

test('pages and slices from either side put together equal the whole', async () => {
  const { db } = await frozen()
  for (const order of ['asc', 'desc'] as const) {
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page = { table: 't', every: '1h', select: 'sum(x)', order, limit: 1 } as const
      const answer = await db.query({ ...page, cursor })
      found.push(...answer.series.flatMap(({ fields }) => [...fields[0]!.values].map(String)))
      ;({ cursor } = answer)
    } while (cursor !== null)
    expect(found).toEqual(order === 'asc' ? ['19', '4', '40', '64'] : ['64', '40', '4', '19'])
  }
  await db.close()
})

test('what no rollup can answer stops at the retention', async () => {
  const { db } = await frozen()
  expect(await sums(db, { every: '90m' })).toEqual([['-9: 64']])
  expect(await sums(db, { select: 'max(x)' })).toEqual([['-9: 64']])
  expect(await sums(db, { where: 'x > 0' })).toEqual([['-9: 64']])
  expect((await db.query({ table: 't' })).rowCount).toBe(1)
  expect((await db.latest({ table: 't' })).rowCount).toBe(1)
  const total = await db.query({ table: 't', select: 'sum(x)' })
  expect(total.series[0]!.fields[0]!.values).toEqual(Float64Array.of(64))
  await db.close()
})

test('of a bucket that the range cuts nothing counts, unless a finer rollup has a part of it', async () => {
  const cut = { start: ago(4.5), end: ago(2.25) }
  let { db } = await frozen()
  expect(await sums(db, cut)).toEqual([['4: 4']])
  const inWhere = { where: `time >= '2026-11-21T19:30:00Z' AND time < '2026-11-21T21:45:00Z'` }
  expect(await sums(db, inWhere)).toEqual([['4: 4']])
  await db.close()
  const quarters = { name: 'quarters', every: '15m', select: SUM }
  ;({ db } = await frozen([HOURS, quarters]))
  expect(await sums(db, cut)).toEqual([['5: 18', '4: 4', '3: 8']])
  expect(await sums(db, inWhere)).toEqual([['5: 18', '4: 4', '3: 8']])
  const { stats } = await db.query({
    table: 't',
    every: '1h',
    select: 'sum(x)',
    precision: 'ns',
    ...cut,
  })
  expect(stats.rollup).toBe('hours')
  await db.close()
})

test('the bucket that the cutoff cuts is whole', async () => {
  const { db, host } = await open()
  await db.putTable('t', { fields: { x: 'float' }, retention: '6h', rollups: [HOURS] })
  await write(db, { 4.75: 1, 4.25: 2 })
  await db.refresh()
  host.advance(HOUR + 30n * MINUTE)
  // One point has expired; both are in the memtable.
  expect(await sums(db)).toEqual([['5: 3']])
  expect(await sums(db, { limit: 1 })).toEqual([['5: 3']])
  expect(await sums(db, { where: 'x > 0' })).toEqual([['5: 2']])
  host.advance(2n * HOUR)
  expect(await sums(db)).toEqual([['5: 3']])
  await db.flush()
  expect(await sums(db)).toEqual([['5: 3']])
  await db.refresh()
  await db.compact()
  expect(await sums(db)).toEqual([['5: 3']])
  await db.close()
})

test('the rollup that reaches furthest back answers, together with others it is made of', async () => {
  const coarse = { name: 'twos', every: '2h', select: SUM, retention: '13h' }
  const { db, host } = await frozen([HOURS, coarse])
  // The coarser one has forgotten the first two hours; the finer one has them.
  expect(await sums(db, { every: '2h' })).toEqual([['6: 19', '4: 44', '-8: 64']])
  const asked = { table: 't', every: '2h', select: 'sum(x)' }
  expect((await db.query(asked)).stats.rollup).toBe('twos')
  // Declared when these points were gone: it begins at the cutoff.
  const days = { name: 'later', every: '6h', select: SUM }
  await db.putTable('t', { rollups: [HOURS, coarse, days] })
  await db.refresh()
  const six = { every: '6h' }
  expect(await sums(db, six)).toEqual([['6: 63', '-6: 64']])
  host.advance(100n * HOUR)
  await db.refresh()
  await db.compact()
  expect(await sums(db, six)).toEqual([['6: 63', '-6: 64']])
  await db.close()
})

test('rollups whose buckets do not make up each other are not mixed', async () => {
  const threes = { name: 'threes', every: '3h', select: SUM }
  const twos = { name: 'twos', every: '2h', select: SUM, retention: '13h' }
  const { db } = await frozen([threes, twos])
  // Of two alone the one that reaches further back is taken, though both divide.
  expect(await sums(db, { every: '6h' })).toEqual([['6: 63', '-6: 64']])
  const asked = { table: 't', every: '6h', select: 'sum(x)' }
  expect((await db.query(asked)).stats.rollup).toBe('threes')
  await db.close()
})

test('a rollup gives up its own buckets at its own retention', async () => {
  const { db, host } = await frozen([{ ...HOURS, retention: '14h' }])
  expect(await sums(db)).toEqual([['3: 40', '-9: 64']])
  host.advance(HOUR)
  expect(await sums(db)).toEqual([['-9: 64']])
  await db.close()
})

test('a delete takes final buckets that lie wholly in it, and leaves those that it cuts', async () => {
  const disk = new SimulatedDisk(1)
  let { db } = await frozen([HOURS], disk)
  const deletion = { start: ago(4.5), end: ago(3), precision: 'ns' } as const
  expect(await db.deleteRows('t', { ...deletion, dryRun: true })).toMatchObject({ deleted: 0 })
  expect(await sums(db)).toEqual([ALL])
  expect(await db.deleteRows('t', deletion)).toMatchObject({ deleted: 0 })
  const left = ['5: 19', '3: 40', '-9: 64']
  expect(await sums(db)).toEqual([left])
  disk.kill()
  ;({ db } = await open(disk))
  expect(await sums(db)).toEqual([left])
  await db.compact()
  expect(await sums(db)).toEqual([left])
  await db.close()
})

test('a delete of a series takes all that is left of it, and no more of others', async () => {
  const { db, host } = await frozen()
  expect(await db.series('t')).toMatchObject({
    series: [{ tags: { host: 'a' } }, { tags: { host: 'b' } }],
  })
  await db.deleteRows('t', { where: "host = 'b'" })
  expect(await sums(db, { by: 'host' })).toEqual([['5: 3', '4: 4', '3: 8', '-9: 64']])
  await db.compact()
  host.fireTimers()
  await db.compact()
  expect(await db.series('t')).toMatchObject({ series: [{ tags: { host: 'a' } }] })
  // Nor does it come back with new points of the series.
  await write(db, { [-9.75]: 128 }, 'b')
  expect(await sums(db, { where: "host = 'b'" })).toEqual([['-9: 128']])
  await db.close()
})

test('a delete by a field takes points alone: a final bucket does not say which it is made of', async () => {
  const { db } = await frozen()
  expect(await db.deleteRows('t', { where: 'x > 3' })).toMatchObject({ deleted: 1 })
  expect(await sums(db)).toEqual([['5: 19', '4: 4', '3: 40']])
  await db.close()
})

test('a delete of everything leaves nothing, also of expired points that are on disk', async () => {
  const { db, host } = await open()
  await db.putTable('t', {
    tags: ['host'],
    fields: { x: 'float' },
    retention: '6h',
    rollups: [HOURS],
  })
  await write(db, { 4.9: 1, 1: 2 })
  await db.flush()
  await write(db, { 4.8: 4, 0.5: 8 })
  host.advance(3n * HOUR)
  expect(await db.deleteRows('t', { end: ago(-100), precision: 'ns' })).toMatchObject({
    deleted: 4,
  })
  expect(await sums(db)).toEqual([])
  // What nobody shows is not found again by a rollup that is declared later, or a longer retention.
  await db.putTable('t', { rollups: [HOURS, { ...HOURS, name: 'more', every: '12h' }] })
  await db.refresh()
  await db.putTable('t', { retention: null })
  for (const every of ['1h', '12h']) expect(await sums(db, { every })).toEqual([])
  expect((await db.query({ table: 't' })).rowCount).toBe(0)
  await db.close()
})

/** Lets others go on for a while. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

test('what is deleted while buckets become final does not stay in them', async () => {
  let early = 0
  for (let wait = 0; wait < 600; wait += 13) {
    const { db, host } = await open(new SimulatedDisk(wait + 1))
    await db.putTable('t', {
      tags: ['host'],
      fields: { x: 'float' },
      retention: '6h',
      rollups: [HOURS],
    })
    await write(db, { 4.9: 1, 4.5: 2 })
    await write(db, { 4.5: 4 }, 'b')
    await db.flush()
    host.advance(10n * HOUR)
    const refresh = db.refresh()
    await turns(wait)
    const deleted = db.deleteRows('t', { where: "host = 'b'" })
    await deleted
    early += (await sums(db)).length === 1 ? 1 : 0
    await refresh
    await db.refresh()
    await db.compact()
    expect(await sums(db), `after ${wait} turns`).toEqual([['5: 3']])
    expect((await db.query({ table: 'hours' })).rowCount, `after ${wait} turns`).toBe(1)
    await db.close()
  }
  expect(early).toBeGreaterThan(0)
})

test('a query whose rollup is dropped meanwhile has the whole answer or none', async () => {
  const outcomes = new Set<string>()
  const all = await frozen()
  const whole = await sums(all.db, { by: 'host' })
  await all.db.close()
  for (let wait = 0; wait < 120; wait += 5) {
    const { db } = await frozen([HOURS], new SimulatedDisk(wait + 1))
    const dropped = db.putTable('t', { rollups: [] })
    await turns(wait)
    const found = await sums(db, { by: 'host' }).catch((error: unknown) => error)
    await dropped
    if (found instanceof OmenError) expect(found.code).toBe('conflict')
    else expect([whole, [['-9: 64']]]).toContainEqual(found)
    outcomes.add(found instanceof OmenError ? 'refused' : String((found as string[][]).length))
    await db.close()
  }
  expect(outcomes.size).toBeGreaterThan(1)
})

test('the first times there are count, too', async () => {
  const { db } = await open()
  const batch = db.batch({ precision: 'ns' })
  const lines = [-9223372036854775806n, -9223372036854775000n, 9223372036854775806n].map(
    (time, i) => `t x=${i + 1} ${time}`,
  )
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
  await db.putTable('t', { rollups: [{ name: 'weeks', every: '1w', select: SUM }] })
  await db.flush()
  await db.refresh()
  const ask = async (request: Partial<QueryRequest> = {}): Promise<unknown[]> => {
    const asked = { table: 't', every: '2w', select: 'sum(x)', ...request } as const
    const { series } = await db.query(asked)
    return [...series[0]!.fields[0]!.values]
  }
  expect(await ask()).toEqual([3, 3])
  await db.putTable('t', { retention: '1d' })
  expect(await ask()).toEqual([3, 3])
  await db.refresh()
  await db.compact()
  expect(await ask()).toEqual([3, 3])
  expect(await ask({ limit: 1, order: 'desc' })).toEqual([3])
  await db.deleteRows('t', { end: ago(0), precision: 'ns' })
  expect(await ask()).toEqual([3])
  await db.close()
})
