// Declaring rollups: what is refused and why, what stays and what goes when the list changes, and what
// nobody but the engine may do to the table of a rollup.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { RollupRequest } from '../../../engine/rollup/definition.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import { simulatedHost } from '../../simulated-host.ts'

const disk = { current: new MemoryDisk() }
let database: Database

async function open(): Promise<Database> {
  return openDatabase(await simulatedHost(openMemoryStorage(disk.current)))
}

async function write(text: string): Promise<void> {
  const batch = database.batch({ precision: 's' })
  batch.lineProtocol(new TextEncoder().encode(text))
  await batch.commit()
}

function declare(...rollups: unknown[]): Promise<unknown> {
  return database.putTable('cpu', { rollups: rollups as RollupRequest[] })
}

const HOURLY: RollupRequest = { name: 'cpu_1h', every: '1h', select: { mean: 'mean(usage)' } }

beforeEach(async () => {
  disk.current = new MemoryDisk()
  database = await open()
  await write('cpu,host=a usage=1,n=5i,state="on" 10\ncpu,host=b usage=3,n=7i,state="off" 3700')
})

afterEach(() => database.close())

test('a rollup is shown as it was declared, and its table without what is hidden', async () => {
  await declare({ ...HOURLY, retention: '90y' })
  expect((await database.table('cpu')).rollups).toEqual([{ ...HOURLY, retention: '90y' }])
  expect(await database.table('cpu_1h')).toMatchObject({
    fields: { mean: 'float' },
    retention: '90y',
    rollups: [],
  })
  await database.flush()
  await database.refresh()
  const answer = await database.query({ table: 'cpu_1h' })
  expect(answer.columns.map(({ name }) => name)).toEqual(['time', 'mean'])
  expect(
    answer.series.map(({ tags, time, fields }) => [[...tags], time, fields[0]!.values]),
  ).toEqual([
    [[['host', 'a']], BigInt64Array.of(0n), Float64Array.of(1)],
    [[['host', 'b']], BigInt64Array.of(3_600_000_000_000n), Float64Array.of(3)],
  ])
  await expect(database.query({ table: 'cpu_1h', select: '"~0.sumLow"' })).rejects.toMatchObject({
    code: 'unknown_column',
  })
})

test.each([
  ['quantile(usage, 0.95)', 'quantile'],
  ['median(usage)', 'median'],
  ['distinct_count(state)', 'distinct_count'],
  ['moving_average(usage, 3)', 'moving_average'],
  ['integral(usage)', 'integral'],
  ['stddev(usage)', 'stddev'],
  ['variance(usage)', 'variance'],
])('%s is refused as unsupported by its name', async (text, name) => {
  const refused = declare({ ...HOURLY, select: { x: text } })
  await expect(refused).rejects.toMatchObject({ code: 'unsupported' })
  await expect(refused).rejects.toThrow(new RegExp(`\\b${name}\\b`))
})

test.each([
  [{ ...HOURLY, every: '1mo' }, 'unsupported', '/rollups/0/every'],
  [{ ...HOURLY, every: '10ms' }, 'bad_request', '/rollups/0/every'],
  [{ ...HOURLY, every: '0s' }, 'bad_request', '/rollups/0/every'],
  [{ ...HOURLY, every: 7 }, 'bad_request', '/rollups/0/every'],
  [{ ...HOURLY, select: { m: 'mean(usge)' } }, 'unknown_column', '/rollups/0/select/m'],
  [{ ...HOURLY, select: { m: 'mean(state)' } }, 'type_conflict', '/rollups/0/select/m'],
  [{ ...HOURLY, select: { m: 'usage' } }, 'bad_request', '/rollups/0/select/m'],
  [{ ...HOURLY, select: { m: 'mean(' } }, 'sql_syntax', '/rollups/0/select/m'],
  [{ ...HOURLY, select: { host: 'mean(usage)' } }, 'bad_request', '/rollups/0/select/host'],
  [{ ...HOURLY, select: { '~0': 'mean(usage)' } }, 'bad_request', '/rollups/0/select/~00'],
  [{ ...HOURLY, select: { time: 'mean(usage)' } }, 'bad_request', '/rollups/0/select/time'],
  [{ ...HOURLY, select: {} }, 'bad_request', '/rollups/0/select'],
  [{ ...HOURLY, select: ['mean(usage)'] }, 'bad_request', '/rollups/0/select'],
  [{ ...HOURLY, name: '' }, 'bad_request', '/rollups/0/name'],
  [{ ...HOURLY, name: 'cpu' }, 'conflict', '/rollups/0/name'],
  [{ ...HOURLY, name: 'taken' }, 'conflict', '/rollups/0/name'],
  [{ ...HOURLY, retention: '1x' }, 'bad_request', '/rollups/0/retention'],
  [{ ...HOURLY, evry: '1h' }, 'bad_request', '/rollups/0/evry'],
  [null, 'bad_request', '/rollups/0'],
])('%j is refused as %s at %s, and nothing is made', async (rollup, code, pointer) => {
  await write('taken x=1 1')
  await expect(declare(rollup)).rejects.toMatchObject({ code, details: { pointer } })
  expect((await database.tables()).map(({ name }) => name)).toEqual(['cpu', 'taken'])
  expect((await database.table('cpu')).rollups).toEqual([])
})

test('two rollups of one name, and a rollup of a rollup, are refused', async () => {
  await expect(declare(HOURLY, HOURLY)).rejects.toMatchObject({ code: 'conflict' })
  await declare(HOURLY)
  const second = { rollups: [{ name: 'x', every: '1d', select: { m: 'max(mean)' } }] }
  await expect(database.putTable('cpu_1h', second)).rejects.toMatchObject({ code: 'conflict' })
})

test('nobody but the engine changes the table of a rollup', async () => {
  const staged = database.batch({ precision: 's' })
  staged.lineProtocol(new TextEncoder().encode('cpu_1h,host=a mean=7 0'))
  await declare(HOURLY)
  // Also not what was staged before there was one.
  await expect(staged.commit()).rejects.toMatchObject({ code: 'conflict' })
  await expect(write('cpu,host=a usage=2 11\ncpu_1h,host=a mean=7 0')).rejects.toMatchObject({
    code: 'conflict',
  })
  await expect(database.dropTable('cpu_1h')).rejects.toMatchObject({ code: 'conflict' })
  await expect(database.dropColumn('cpu_1h', 'mean')).rejects.toMatchObject({ code: 'conflict' })
  await expect(database.putTable('cpu_1h', { retention: '1d' })).rejects.toMatchObject({
    code: 'conflict',
  })
  await database.flush()
  await database.refresh()
  expect(
    (await database.query({ table: 'cpu', select: 'count(*)' })).series[0]!.fields[0]!.values,
  ).toEqual(BigInt64Array.of(2n))
})

test('a field stays while a rollup stores it', async () => {
  await declare(HOURLY)
  await expect(database.dropColumn('cpu', 'usage')).rejects.toMatchObject({ code: 'conflict' })
  await database.dropColumn('cpu', 'n')
  await declare()
  await database.dropColumn('cpu', 'usage')
})

test('a rollup that stays in the list keeps its table, one that changes is made anew', async () => {
  await declare(HOURLY)
  await database.flush()
  await database.refresh()
  const diskBytes = async (): Promise<number> => (await database.table('cpu_1h')).points
  expect(await diskBytes()).toBe(2)
  await declare({ ...HOURLY, retention: '91y' }, { ...HOURLY, name: 'cpu_1d', every: '1d' })
  expect(await diskBytes()).toBe(2)
  expect((await database.table('cpu_1h')).retention).toBe('91y')
  await declare({ ...HOURLY, every: '2h' })
  await database.refresh()
  expect((await database.tables()).map(({ name }) => name)).toEqual(['cpu', 'cpu_1h'])
  expect((await database.table('cpu')).rollups).toMatchObject([{ every: '2h', retention: null }])
  const answer = await database.query({ table: 'cpu_1h' })
  expect(answer.series.map(({ time }) => time[0])).toEqual([0n, 0n])
})

test('rollups go with their source, and are found again after a restart', async () => {
  await declare(HOURLY, { ...HOURLY, name: 'cpu_1d', every: '1d', select: { n: 'sum(n)' } })
  await database.close()
  database = await open()
  expect((await database.table('cpu')).rollups.map(({ name }) => name)).toEqual([
    'cpu_1d',
    'cpu_1h',
  ])
  await database.dropTable('cpu')
  expect(await database.tables()).toEqual([])
  await database.close()
  database = await open()
  expect(await database.tables()).toEqual([])
  await write('cpu_1h x=1 1')
})

test('points that come before the table is flushed, and after, are in the answer', async () => {
  await declare(HOURLY)
  await database.flush()
  await database.refresh()
  const ask = async (): Promise<unknown> => {
    const answer = await database.query({ table: 'cpu', select: 'mean(usage)', every: '2h' })
    expect(answer.stats.rollup).toBe('cpu_1h')
    return [...answer.series[0]!.fields[0]!.values]
  }
  expect(await ask()).toEqual([2])
  await write('cpu,host=c usage=8 20')
  expect(await ask()).toEqual([4])
  await write('cpu,host=c usage=2 20')
  expect(await ask()).toEqual([2])
})

test('a sum that no integer holds is null in the rollup, and refused in a query of it', async () => {
  const most = 2n ** 63n - 1n
  await write(`cpu,host=a n=${most}i 20\ncpu,host=a n=${most}i 30`)
  await declare({ name: 'sums', every: '1h', select: { n: 'sum(n)', mean: 'mean(n)' } })
  await database.flush()
  await database.refresh()
  const stored = await database.query({ table: 'sums', where: "host = 'a'" })
  expect(stored.series[0]!.fields[1]!.valid).toEqual(Uint8Array.of(0))
  const request = { table: 'cpu', every: '1h', select: 'sum(n)' }
  await expect(database.query(request)).rejects.toMatchObject({ code: 'out_of_range' })
  const mean = await database.query({ ...request, select: 'mean(n)' })
  expect(mean.stats.rollup).toBe('sums')
  expect(mean.series[0]!.fields[0]!.values[0]).toBe(Number(2n * most + 5n) / 3)
})

test('deleted points leave the rollup, and buckets without points its table', async () => {
  await write('cpu,host=a usage=9,n=1i 7300\ncpu,host=a usage=1 7310')
  await declare({ ...HOURLY, select: { mean: 'mean(usage)', n: 'sum(n)' } })
  await database.flush()
  await database.refresh()
  const ask = async (): Promise<unknown[]> => {
    const request = { table: 'cpu', every: '1h', select: 'count(usage),sum(n)' }
    const found = await database.query({ ...request, select: 'mean(usage),sum(n)' })
    const points = await database.query({
      ...request,
      ...{ select: 'mean(usage),sum(n)', where: 'usage IS NOT NULL' },
    })
    expect(found.stats.rollup).toBe('cpu_1h')
    expect(found.series).toEqual(points.series)
    return [...found.series[0]!.time].map((time) => time / 3_600_000_000_000n)
  }
  expect(await ask()).toEqual([0n, 1n, 2n])
  expect(await database.deleteRows('cpu', { where: 'usage = 9 OR usage = 3' })).toMatchObject({
    deleted: 2,
  })
  expect(await ask()).toEqual([0n, 2n])
  await write('cpu,host=c usage=5 1')
  await database.flush()
  await database.refresh()
  expect(await ask()).toEqual([0n, 2n])
  const stored = await database.query({ table: 'cpu_1h', where: "host = 'a'" })
  expect(stored.series[0]!.time.map((time) => time / 3_600_000_000_000n)).toEqual(
    BigInt64Array.of(0n, 2n),
  )
  // The sum of nothing is null, also where it was something before.
  expect(stored.series[0]!.fields[1]!.valid).toEqual(Uint8Array.of(1, 0))
  expect(await database.query({ table: 'cpu_1h', where: "host = 'b'" })).toMatchObject({
    rowCount: 0,
  })
  await database.compact()
  expect(await ask()).toEqual([0n, 2n])
  await expect(database.deleteRows('cpu_1h', { where: "host = 'a'" })).rejects.toMatchObject({
    code: 'conflict',
  })
})

test('rollups that are declared together with the fields store the field that they name', async () => {
  const select = { most: 'max(b)', word: 'last(c)', sum: 'sum(a)', n: 'count(b)' }
  const fields = { a: 'float', b: 'integer', c: 'string' } as const
  await database.putTable('new', { tags: ['host'], fields, rollups: [{ ...HOURLY, select }] })
  await write('new,host=a a=1.5,b=7i,c="x" 10\nnew,host=a a=2,b=9i 20\nnew,host=a a=4 30')
  await database.flush()
  await database.refresh()
  const [stored] = (await database.query({ table: 'cpu_1h' })).series
  expect(stored!.fields.map(({ values }) => values[0])).toEqual([9n, 2n, 7.5, 'x'])
  const asked = await database.query({ table: 'new', every: '1h', select: Object.values(select) })
  expect(asked.stats.rollup).toBe('cpu_1h')
  expect(asked.series[0]!.fields.map(({ values }) => values[0])).toEqual([9n, 'x', 7.5, 2n])
  // Again with the fields that it has, and one that it has not.
  await database.putTable('new', {
    fields: { ...fields, d: 'float' },
    rollups: [{ ...HOURLY, select: { ...select, d: 'max(d)' } }],
  })
  await database.refresh()
  const [again] = (await database.query({ table: 'cpu_1h' })).series
  expect(again!.fields.map(({ values }) => values[0]).slice(1)).toEqual([9n, 2n, 7.5, 'x'])
  expect(again!.fields[0]!.valid).toEqual(Uint8Array.of(0))
})

test('with retention on both tables the rollup answers as the points do', async () => {
  const now = 1_795_305_600
  const old = now - 40 * 86_400
  await write(`cpu,host=a usage=1 ${old}\ncpu,host=a usage=3 ${now - 7_300}`)
  await declare({ ...HOURLY, retention: '1d' }, { ...HOURLY, name: 'all', every: '2h' })
  await database.flush()
  await database.refresh()
  const ask = async (): Promise<unknown> => {
    const request = { table: 'cpu', every: '4h', select: 'count(usage),mean(usage)' }
    const found = await database.query({ ...request, select: 'mean(usage)' })
    const points = await database.query({
      ...request,
      ...{ select: 'mean(usage)', where: 'usage IS NOT NULL' },
    })
    expect(found.stats.rollup).toBe('all')
    expect(found.series).toEqual(points.series)
    return found.rowCount
  }
  expect(await ask()).toBe(3)
  await database.putTable('cpu', { rollups: [{ ...HOURLY, retention: '1d' }] })
  const hourly = await database.query({ table: 'cpu', every: '1h', select: 'mean(usage)' })
  // What has expired from the rollup comes from points.
  expect([hourly.stats.rollup, hourly.rowCount]).toEqual(['cpu_1h', 4])
  expect((await database.query({ table: 'cpu_1h' })).rowCount).toBe(1)
  await declare({ ...HOURLY, name: 'all', every: '2h' })
  await database.putTable('cpu', { retention: '2d' })
  await database.refresh()
  // Points that have expired are in the rollup.
  const { rowCount, stats } = await database.query({
    table: 'cpu',
    every: '4h',
    select: 'mean(usage)',
  })
  expect([rowCount, stats.rollup]).toEqual([3, 'all'])
  const points = { table: 'cpu', every: '4h', select: 'mean(usage)', where: 'usage IS NOT NULL' }
  expect((await database.query(points)).rowCount).toBe(1)
})
