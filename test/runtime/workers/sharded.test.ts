// A database in several Durable Objects inside real workerd: a coordinator here asks their RPC, and answers
// what one object that holds everything answers.

import { env } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { instantiateKernel } from '../../../engine/kernel.ts'
import module from '../../../engine/omendb.wasm'
import type { QueryRequest } from '../../../engine/query/query.ts'
import type { ReadShards } from '../../../engine/shards/fan-out.ts'
import { type ShardMap, SLOT_COUNT, shardOf, soleMap } from '../../../engine/shards/shard-map.ts'
import { ShardedReads } from '../../../engine/shards/sharded-reads.ts'
import type { ShardStub } from '../../../server/edge/shard-stub.ts'
import { openTestShard, type TestShard } from './shard-fixture.ts'

const { SHARDS } = env as unknown as { readonly SHARDS: DurableObjectNamespace<ShardStub> }
const BASE = 1_790_000_000_000
const LIMITS = { maxPoints: 1e8, maxBuckets: 1e6, queryBytes: 64 << 20, timeoutMs: 30_000 }
const HOSTS = Array.from({ length: 40 }, (_, i) => `host-${i}`)

interface Deployment {
  readonly map: ShardMap
  readonly shards: ReadonlyMap<string, TestShard>
  readonly reads: ShardedReads
  /** An object that has all points. */
  readonly whole: TestShard
}

/** `count` objects for as many ranges of slots; with a fence, the points before it are in one more. */
async function deploy(count: number, fence: bigint | null): Promise<Deployment> {
  const shards = new Map<string, TestShard>()
  const add = async (): Promise<string> => {
    const shard = await openTestShard()
    shards.set(shard.name, shard)
    return shard.name
  }
  const ranges = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [first, end] = [(SLOT_COUNT * i) / count, (SLOT_COUNT * (i + 1)) / count]
      return { first, end, since: fence ?? -(2n ** 63n) + 2n, shard: await add() }
    }),
  )
  const { entries } = soleMap(fence === null ? ranges[0]!.shard : await add())
  const map = { epoch: 1, entries: fence === null ? ranges : [...entries, ...ranges] }
  return { map, shards, reads: await coordinatorOf(map), whole: await openTestShard() }
}

async function coordinatorOf(map: ShardMap): Promise<ShardedReads> {
  const shards: ReadShards = {
    map: () => Promise.resolve(map),
    renew: () => Promise.reject(new Error('no newer map')),
    port: (shard) => SHARDS.getByName(shard),
    slotsOf: () => null,
  }
  const host = {
    instance: await instantiateKernel(module, 64 << 20),
    now: () => BigInt(Date.now()) * 1_000_000n,
    pause: () => new Promise<void>((resolve) => setTimeout(resolve, 0)),
    random: (target: Uint8Array) => void crypto.getRandomValues(target),
  }
  return new ShardedReads(host, shards, LIMITS)
}

/** A point of each host each second. */
async function fill({ map, shards, whole }: Deployment, from: number, to: number): Promise<void> {
  const lines = new Map<string, string[]>()
  for (let second = from; second < to; second++) {
    const time = BigInt(BASE + second * 1000) * 1_000_000n
    for (const [i, host] of HOSTS.entries()) {
      const shard = shardOf(map, (i * 25) % SLOT_COUNT, time)
      const line = `cpu,host=${host} v=${(second * 7 + i * 3) % 101},n=${second}i ${time}\n`
      lines.set(shard, [...(lines.get(shard) ?? []), line])
    }
  }
  const all = [...lines.values()].flat().join('')
  expect(await whole.write(all)).toMatchObject({ status: 200 })
  for (const [shard, some] of lines) {
    expect(await shards.get(shard)!.write(some.join(''))).toMatchObject({ status: 200 })
  }
}

const QUESTIONS: readonly Omit<QueryRequest, 'table'>[] = [
  {},
  { order: 'desc', limit: 17, where: 'v > 50' },
  { select: ['count(*)', 'min(v)', 'max(v)', 'first(n)', 'last(n)', 'sum(n)'] },
  { select: 'max(v)', by: 'host', every: '10s' },
  { select: ['increase(n)', 'time_weighted_mean(v)'], start: BASE + 5_000, every: '7s' },
  { select: ['median(v)', 'distinct_count(v)', 'mode(n)'], every: '15s' },
  { select: 'moving_average(n, 3)', start: BASE + 20_000, every: '5s', fill: 'previous' },
  { select: 'v', points: 10, method: 'lttb' },
]

test.each([
  { count: 4, fence: null },
  { count: 3, fence: BigInt(BASE + 30_000) * 1_000_000n },
])('objects answer as one does: $count ranges, fence $fence', async ({ count, fence }) => {
  const deployment = await deploy(count, fence)
  const { reads, whole } = deployment
  await fill(deployment, 0, 60)
  for (const question of QUESTIONS) {
    const request = { table: 'cpu', ...question }
    const answer = await reads.query(request)
    const { body } = await whole.query({ ...request, time: 'ns', integers: 'string' })
    const series = answer.series.map(({ tags, time, fields }) => ({
      tags: Object.fromEntries(tags),
      time: [...time].map(String),
      fields: Object.fromEntries(
        answer.columns.slice(1).map(({ name }, i) => [name, cellsOf(fields[i]!)]),
      ),
    }))
    expect(series, JSON.stringify(request)).toEqual(body.series)
    expect(answer.rowCount).toBe(body.rowCount)
  }
  const latest = await reads.latest({ table: 'cpu', by: 'host' })
  expect(latest.series.length).toBe(HOSTS.length)
  expect((await reads.series('cpu', { limit: 7 })).series.length).toBe(7)
})

test('an object that was evicted between two questions answers the next one', async () => {
  const deployment = await deploy(2, null)
  await fill(deployment, 0, 5)
  const { reads, shards } = deployment
  const count = async (): Promise<unknown> => {
    const { series } = await reads.query({ table: 'cpu', select: 'count(*)' })
    return series[0]!.fields[0]!.values[0]
  }
  expect(await count()).toBe(200n)
  for (const shard of shards.values()) await shard.abort()
  expect(await count()).toBe(200n)
})

test('an object of another database does not answer', async () => {
  const { reads } = await deploy(1, null)
  await expect(reads.query({ table: 'cpu' }, { database: 'other' })).rejects.toThrow(
    "it is not one of database 'other'",
  )
})

function cellsOf({ values, valid }: { values: ArrayLike<unknown>; valid: Uint8Array | null }) {
  return Array.from(values, (value, i) => {
    if (valid !== null && valid[i] === 0) return null
    return typeof value === 'bigint' ? String(value) : value
  })
}
