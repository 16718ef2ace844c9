// Reading over shards where it is hard: maps that change meanwhile, answers larger than a message, callers
// who leave, limits, tables that one shard alone knows.

import { afterEach, expect, test } from 'vitest'
import { OmenError } from '../../../engine/error.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import type { ShardedReads } from '../../../engine/shards/sharded-reads.ts'
import { parseQuery } from '../../../engine/query/request.ts'
import { randomOf } from '../../random.ts'
import { unlimitedContext } from '../../reference/context.ts'
import type { ReferencePoint } from '../../reference.ts'
import { LocalShards } from './local-shards.ts'

const SECOND = 1_000_000_000n
const NOW = 1_790_000_000n * SECOND
const HOSTS = Array.from({ length: 24 }, (_, i) => `h${i}`)
const opened: LocalShards[] = []

afterEach(async () => {
  for (const shards of opened.splice(0)) await shards.close()
})

async function openShards(): Promise<LocalShards> {
  const shards = await LocalShards.open(1)
  opened.push(shards)
  return shards
}

function point(host: string, second: number, v: number): ReferencePoint {
  return {
    table: 'cpu',
    tags: { host },
    time: BigInt(second) * SECOND,
    fields: { v: { type: 'float', value: v } },
  }
}

/** A point of each host at each of some seconds. */
function pointsOf(from: number, to: number): ReferencePoint[] {
  const points: ReferencePoint[] = []
  for (let second = from; second < to; second++) {
    for (const [i, host] of HOSTS.entries()) points.push(point(host, second, second * 100 + i))
  }
  return points
}

async function write(shards: LocalShards, points: readonly ReferencePoint[]): Promise<void> {
  await shards.write(points, randomOf(1))
}

/** s0 has what is older than second 10, s2, s3 and s4 the slots from there on, s1 a single nanosecond. */
async function fiveShards(): Promise<{ shards: LocalShards; reads: ShardedReads }> {
  const shards = await openShards()
  await write(shards, pointsOf(0, 10))
  await shards.split('s0', 10n * SECOND)
  await shards.split('s1', 10n * SECOND + 1n)
  await write(shards, pointsOf(10, 20))
  return { shards, reads: await shards.coordinator(NOW) }
}

async function countOf(reads: ShardedReads, request: Partial<QueryRequest> = {}): Promise<unknown> {
  const select = { n: 'count(*)' }
  const { series } = await reads.query({ table: 'cpu', precision: 's', ...request, select })
  return series[0]?.fields[0]?.values[0] ?? 0n
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'an answer',
    (error: unknown) => (error instanceof OmenError ? `${error.code}: ${error.message}` : 'no'),
  )
}

test('who has an old map asks again by the newer one and sees every point once', async () => {
  const shards = await openShards()
  await write(shards, pointsOf(0, 10))
  const reads = await shards.coordinator(NOW)
  expect(await countOf(reads)).toBe(240n)
  await shards.split('s0', 10n * SECOND)
  await write(shards, pointsOf(10, 12))
  expect(await countOf(reads)).toBe(288n)
  expect(shards.renewals).toBe(1)
})

test('a shard that is split between two calls of a query gives every point once', async () => {
  const shards = await openShards()
  await write(shards, pointsOf(0, 10))
  const reads = await shards.coordinator(NOW)
  shards.before = async (kind) => {
    if (kind !== 'read') return
    shards.before = () => Promise.resolve()
    await shards.split('s0', 10n * SECOND)
    await write(shards, pointsOf(10, 11))
  }
  expect(await countOf(reads)).toBe(264n)
  expect(shards.renewals).toBe(1)
})

test('a map that changes without end is given up by name', async () => {
  const shards = await openShards()
  await write(shards, pointsOf(0, 1))
  const reads = await shards.coordinator(NOW)
  shards.before = () => {
    for (const shard of shards.all.values()) shard.epoch++
    return Promise.resolve()
  }
  expect(await codeOf(countOf(reads))).toMatch(/^unavailable: .* 8 changes/)
})

test('only shards whose times can hold points are asked for them', async () => {
  const { shards, reads } = await fiveShards()
  const asked = async (request: Partial<QueryRequest>): Promise<number> => {
    shards.calls.clear()
    await countOf(reads, request)
    return shards.calls.get('read') ?? 0
  }
  expect(await asked({})).toBe(5)
  expect(await asked({ start: 0, end: 10 })).toBe(1)
  expect(await asked({ where: 'time < 5000' })).toBe(1)
  expect(await asked({ start: 12 })).toBe(3)
  expect(await asked({ start: 12, where: { host: 'h3' } })).toBe(1)
  expect(await asked({ start: 30, end: 20 })).toBe(0)
})

test('differences go on over a fence, also those of a bucket that it cuts', async () => {
  const { reads } = await fiveShards()
  const select = { d: 'delta(v)', i: 'integral(v)', w: 'time_weighted_mean(v)' }
  const { series } = await reads.query({
    ...{ table: 'cpu', precision: 's', start: 8, end: 12, every: '4s', select },
    where: { host: 'h3' },
  })
  // From second 7, a bucket before, to 11: 803, 903, 1003, 1103.
  expect(series[0]!.fields.map(({ values }) => values[0])).toEqual([400, 3612, 953])
})

test('an answer of many messages is whole: rows, exports, partials', async () => {
  const shards = await openShards()
  const count = 150_000
  const columns = ['a', 'b', 'c', 'd', 'e', 'f']
  const write = async (name: string, first: number): Promise<void> => {
    for (let from = first; from < first + count; from += 10_000) {
      const batch = shards.all.get(name)!.database.batch()
      const times = BigInt64Array.from({ length: 10_000 }, (_, i) => BigInt(from + i) * SECOND)
      const values = Float64Array.from({ length: 10_000 }, (_, i) => from + i)
      const fields = columns.map((column) => {
        return { name: column, type: 0 as const, values, valid: null, declared: true }
      })
      batch.points({ table: 'cpu', tags: new Map([['host', 'a']]), times, fields })
      await batch.commit()
    }
  }
  await write('s0', 0)
  await shards.split('s0', BigInt(count) * SECOND)
  await write('s1', count)
  const reads = await shards.coordinator(NOW)
  const answer = await reads.query({ table: 'cpu', order: 'desc', select: columns })
  expect(answer.rowCount).toBe(2 * count)
  const [series] = answer.series
  expect(series!.fields[5]!.values).toEqual(
    Float64Array.from({ length: 2 * count }, (_, i) => 2 * count - 1 - i),
  )
  expect(shards.calls.get('more')).toBeGreaterThan(1)

  let rows = 0
  const { chunks } = await reads.export({ table: 'cpu' })
  for await (const { time, fields } of chunks) {
    expect(fields[0]!.values[0]).toBe(rows)
    rows += time.length
  }
  expect(rows).toBe(2 * count)

  // Nobody comes for the second page.
  const port = shards.port('s0')
  const call = { database: 'default', epoch: 99 }
  const shape = await reads.tableFacts('cpu')
  const limit = { default: Infinity, max: Infinity }
  const query = parseQuery({ table: 'cpu' }, { ...unlimitedContext(NOW), limit })
  const ask = { id: 'x', query, shape, what: { kind: 'stream' } } as const
  expect(await port.read(call, ask)).toMatchObject({ kind: 'done', value: { isLast: false } })
  shards.all.get('s0')!.host.fireTimers()
  expect(await port.more(call, 'x')).toMatchObject({ kind: 'failed', code: 'unavailable' })

  shards.calls.clear()
  const select = columns.flatMap((column) => [`mean(${column})`, `last(${column})`])
  const buckets = await reads.query({ table: 'cpu', every: '1s', select })
  expect(buckets.rowCount).toBe(2 * count)
  expect(buckets.series[0]!.fields[11]!.values.at(-1)).toBe(2 * count - 1)
  expect(shards.calls.get('more')).toBeGreaterThan(1)
})

test('limits hold over all shards together', async () => {
  const { shards } = await fiveShards()
  const tight = await shards.coordinator(NOW, { maxPoints: 300 })
  const request = { table: 'cpu', select: 'mean(v)', where: 'v >= 0' }
  expect(await codeOf(tight.query(request))).toMatch(/^limit_exceeded: .*maxPoints/)
  const few = await shards.coordinator(NOW, { maxBuckets: 300 })
  const buckets = { table: 'cpu', select: 'mean(v)', every: '1s', by: 'host' }
  expect(await codeOf(few.query(buckets))).toMatch(/^limit_exceeded: .*maxBuckets/)
  const small = await shards.coordinator(NOW, { queryBytes: 4_000 })
  expect(await codeOf(small.query({ table: 'cpu' }))).toMatch(/^limit_exceeded: .*queryBytes/)
})

test('a caller who leaves ends what runs on the shards', async () => {
  const { shards, reads } = await fiveShards()
  const abort = new AbortController()
  let entered = (): void => {}
  const isRunning = new Promise<void>((resolve) => (entered = resolve))
  shards.before = (kind) => {
    if (kind !== 'read') return Promise.resolve()
    entered()
    return new Promise(() => {})
  }
  const answer = codeOf(reads.query({ table: 'cpu' }, { signal: abort.signal }))
  await isRunning
  abort.abort()
  expect(await answer).toMatch(/^cancelled/)
  expect(shards.calls.get('end')).toBe(5)
})

test('an export that is left half read holds nothing', async () => {
  const { shards, reads } = await fiveShards()
  const { chunks } = await reads.export({ table: 'cpu' })
  for await (const chunk of chunks) {
    expect(chunk.time[0]).toBe(0n)
    break
  }
  await shards.each((database) => database.dropTable('cpu'))
  await shards.each((database) => database.flush())
  await shards.each(async (_, name) => {
    const { admission } = shards.all.get(name)!.database.rooms
    expect(admission.counts).toEqual({ running: 0, waiting: 0 })
  })
})

test('an export that was read to its end holds nothing', async () => {
  const { shards, reads } = await fiveShards()
  // More than may be open at once.
  for (let i = 0; i < 70; i++) {
    let rows = 0
    for await (const { time } of (await reads.export({ table: 'cpu' })).chunks) rows += time.length
    expect(rows).toBe(480)
  }
  // Each of them waits for whoever holds what it flushes.
  for (let i = 0; i < 3; i++) {
    await write(shards, pointsOf(20 + i, 21 + i))
    await shards.each((database) => database.flush())
  }
})

test('a table and a column that one shard alone knows are everybody’s', async () => {
  const { shards, reads } = await fiveShards()
  await shards.all.get('s2')!.database.putTable('only', { fields: { w: 'integer' }, tags: ['t'] })
  expect(await reads.query({ table: 'only' })).toMatchObject({
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'w', type: 'integer' },
    ],
    series: [],
  })
  await shards.all.get('s2')!.database.putTable('cpu', { fields: { extra: 'string' } })
  const answer = await reads.query({ table: 'cpu', where: "extra IS NULL AND host = 'h1'" })
  expect(answer.columns.map(({ name }) => name)).toEqual(['time', 'extra', 'v'])
  expect(answer.rowCount).toBe(20)
  expect(await codeOf(reads.query({ table: 'none' }))).toBe(
    "not_found: table 'none' does not exist",
  )
  expect(await codeOf(reads.query({ table: 'cpu', select: 'vv' }))).toMatch(/^unknown_column/)
})

test('a column of two types is a conflict that names them', async () => {
  const { shards, reads } = await fiveShards()
  await shards.all.get('s0')!.database.putTable('cpu', { fields: { x: 'float' } })
  await shards.all.get('s2')!.database.putTable('cpu', { fields: { x: 'string' } })
  expect(await codeOf(reads.query({ table: 'cpu' }))).toBe(
    "conflict: table 'cpu': column 'x' is float in one shard and string in another",
  )
})
