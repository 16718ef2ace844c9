// A coordinator reads what it wrote, over splits that another one does not know of yet: answers, versions
// and statistics are those of one database.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { Coordinator } from '../../../engine/shards/coordinator.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { Deployment } from './deployment.ts'

const SECOND = 1_000_000_000n
const HOSTS = Array.from({ length: 30 }, (_, i) => `h${i}`)

async function write(
  targets: readonly Pick<Database, 'batch'>[],
  from: bigint,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const time = from + BigInt(i) * SECOND
    const lines = HOSTS.map((host, j) => `cpu,host=${host} v=${i * j} ${time}\n`)
    for (const target of targets) {
      const batch = target.batch({ precision: 'ns' })
      batch.lineProtocol(new TextEncoder().encode(lines.join('')))
      await batch.commit()
    }
  }
}

/** Points on both sides of a split, which the second coordinator has not heard of. */
async function splitDatabase(): Promise<{
  deployment: Deployment
  writer: Coordinator
  reader: Coordinator
  one: Database
}> {
  const deployment = await Deployment.start(1)
  const writer = await deployment.coordinator()
  const reader = await deployment.coordinator(2n ** 62n)
  const one = await openDatabase(await simulatedHost(openMemoryStorage()), SMALL_OPTIONS)
  await write([writer, one], CLOCK_START - 100n * SECOND, 20)
  expect((await reader.query({ table: 'cpu' })).rowCount).toBe(600)
  const [shard] = deployment.shards()
  await deployment.catalog.split('default', shard!)
  await write([writer, one], CLOCK_START + 86_400n * SECOND, 20)
  return { deployment, writer, reader, one }
}

test('what one coordinator wrote over a split, another one reads', async () => {
  const { deployment, reader, one } = await splitDatabase()
  expect(deployment.shards().length).toBe(3)
  const requests = [
    { table: 'cpu', order: 'desc', limit: 100 } as const,
    { table: 'cpu', select: ['sum(v)', 'last(v)', 'delta(v)'], by: 'host', every: '1d' },
    { table: 'cpu', select: 'v', where: { host: 'h7' }, points: 8 },
  ]
  for (const request of requests) {
    const [found, expected] = [await reader.query(request), await one.query(request)]
    // Also the cursor: it names a time and a series, no shard.
    const shown = ['columns', 'series', 'rowCount'] as const
    for (const member of shown) expect(found[member]).toEqual(expected[member])
    expect(found.cursor === null).toBe(expected.cursor === null)
  }
  expect((await reader.latest({ table: 'cpu' })).rowCount).toBe(30)
  await deployment.close()
})

test('a version changes with a write to any shard, and only then', async () => {
  const { deployment, writer, reader } = await splitDatabase()
  const request = { table: 'cpu', start: '2026-11-23T00:00:00Z' }
  const version = (): Promise<string | null> => reader.versions.query(request, 'json')
  const before = await version()
  expect(before).toBeTypeOf('string')
  expect(await version()).toBe(before)
  await write([writer], CLOCK_START + 90_000n * SECOND, 1)
  expect(await version()).not.toBe(before)
  expect(await reader.versions.query({ table: 'cpu', start: '-1h' }, 'json')).toBe(null)
  await expect(reader.versions.query({ table: 'none' }, 'json')).rejects.toThrow('does not exist')
  await deployment.close()
})

test('statistics of a table are the sums of its shards', async () => {
  const { deployment, writer, reader, one } = await splitDatabase()
  await writer.flush()
  await one.flush()
  const found = await reader.tableStats('cpu')
  const expected = await one.tableStats('cpu')
  expect(found).toMatchObject({ name: 'cpu', rows: expected.rows })
  expect(found.columns.map(({ name, type }) => [name, type])).toEqual(
    expected.columns.map(({ name, type }) => [name, type]),
  )
  await expect(reader.tableStats('none')).rejects.toThrow("table 'none' does not exist")
  await deployment.close()
})
