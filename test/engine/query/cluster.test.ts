// Clusters of sources: what overlaps in time stands together, and tables of short series are seen.

import { expect, test } from 'vitest'
import { shortClusters } from '../../../engine/query/cluster.ts'
import { planQuery } from '../../../engine/query/plan.ts'
import { Scan } from '../../../engine/query/scan.ts'
import { QueryStore } from './query-store.ts'

const SECOND = 1_000_000_000n
const ALL = [-(2n ** 62n), 2n ** 62n] as const

function write(store: QueryStore, series: number, times: readonly bigint[]): void {
  const points = []
  for (let host = 0; host < series; host++) {
    for (const time of times) {
      const fields = { v: { type: 'float' as const, value: host } }
      points.push({ table: 't', tags: { host: `h${host}` }, time, fields })
    }
  }
  store.write(points)
}

/** Start, end, parts, memtables, and whether series are short, of each cluster. */
function clustersOf(store: QueryStore, range: readonly [bigint, bigint] = ALL): unknown {
  const plan = planQuery(store.parse({ select: 'sum(v)' }), store)
  const scan = new Scan(store.snapshot(), plan)
  const clusters = store.run(shortClusters(scan, ...range))
  scan.release()
  return clusters?.map(({ start, end, sources, isShort }) => {
    return [start, end, sources.parts.length, sources.memtables.length, isShort]
  })
}

test('sources that overlap stand together, others follow each other in time', async () => {
  const store = await QueryStore.open()
  write(store, 100, [50n, 60n])
  store.flush()
  write(store, 100, [10n, 20n])
  store.flush()
  write(store, 100, [55n, 70n])
  expect(clustersOf(store)).toEqual([
    [10n, 21n, 1, 0, true],
    [50n, 71n, 1, 1, true],
  ])
  expect(clustersOf(store, [20n, 60n])).toEqual([
    [20n, 21n, 1, 0, true],
    [50n, 60n, 1, 1, true],
  ])
})

test('long series, few series and an empty range are not for many at once', async () => {
  const long = await QueryStore.open()
  const seconds = Array.from({ length: 200 }, (_, i) => BigInt(i) * SECOND)
  write(long, 60, seconds)
  expect(clustersOf(long)).toBeUndefined()
  long.flush()
  expect(clustersOf(long)).toBeUndefined()
  write(long, 60, [1000n * SECOND])
  expect(clustersOf(long)).toEqual([
    [0n, 199n * SECOND + 1n, 1, 0, false],
    [1000n * SECOND, 1000n * SECOND + 1n, 0, 1, true],
  ])
  const few = await QueryStore.open()
  write(few, 10, [1n])
  expect(clustersOf(few)).toBeUndefined()
  const some = await QueryStore.open()
  write(some, 100, [1n])
  expect(clustersOf(some, [5n, 5n])).toBeUndefined()
})

test('an answer over clusters, long series among them, is that of all rows', async () => {
  const store = await QueryStore.open()
  const seconds = Array.from({ length: 200 }, (_, i) => BigInt(i) * SECOND)
  write(store, 60, seconds)
  store.flush()
  write(store, 60, [1000n * SECOND])
  const held = store.loose
  const answer = store.query({ select: ['count(v)', 'sum(v)', 'last(v)'] })
  expect(answer.series[0]!.fields.map(({ values }) => values[0])).toEqual([12_060n, 355_770, 0])
  expect(store.latest({}).series.every(({ time }) => time[0] === 1000n * SECOND)).toBe(true)
  expect(store.loose).toBe(held)
})
