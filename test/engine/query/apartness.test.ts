// Overlapping sources of a series whose times are all different are read one after the other, without a
// merge. Whatever the sources, the answers are those of the same points written in order; and what
// was once found out is believed only as far as it holds.

import { expect, test } from 'vitest'
import type { AnswerSeries, QueryRequest } from '../../../engine/query/query.ts'
import type { ReferencePoint } from '../../reference.ts'
import { type Random, randomOf } from '../../random.ts'
import { QueryStore } from './query-store.ts'

const STEP = 10_000_000_000n

/** Point `i` of a series: fields come and go, `v` is there in most of them. */
function pointOf(series: number, i: number, version = 0): ReferencePoint {
  const fields: ReferencePoint['fields'] = {
    v: i % 11 === 3 ? null : { type: 'integer', value: BigInt((i * 7919) % 1_000) },
    f: { type: 'float', value: ((i * 31) % 97) + version / 4 },
    text: i % 5 === 0 ? { type: 'string', value: `text ${i} ${version}` } : null,
  }
  return { table: 't', tags: { s: String(series) }, time: BigInt(i) * STEP, fields }
}

/** Points in an order in which `share` of them come up to `reach` places later. */
function shuffled(points: ReferencePoint[], random: Random, share: number, reach: number) {
  const placed = points.map((point, i) => {
    return { point, at: random.chance(share) ? i + random.next() * reach : i }
  })
  return placed.sort((a, b) => a.at - b.at).map(({ point }) => point)
}

const REQUESTS: readonly Partial<QueryRequest>[] = [
  { select: ['count(*)', 'count(v)', 'sum(v)', 'min(v)', 'max(v)'] },
  { select: ['first(v)', 'last(v)', 'first(text)', 'last(text)', 'min(text)'], by: ['s'] },
  { select: ['sum(v)', 'max(f)', 'count(text)'], every: '1h', by: ['s'] },
  { select: ['sum(v)', 'first(f)'], every: '5m', start: 3_000_000, end: 20_000_000 },
  { select: ['sum(v)'], where: "v > 500 and s <> '1'", every: '3h' },
  { select: ['mean(f)'], every: '1h', fill: 'previous', start: 0, end: 40_000_000 },
  { select: ['max(f)'], every: '1h', order: 'desc', limit: 4 },
  {},
  { select: ['v', 'text'], start: 1_234_567, end: 23_456_789 },
  { select: ['f'], where: 'v < 100', order: 'desc' },
  { order: 'desc', limit: 77 },
  { limit: 500 },
].map((request) => ({ precision: 'ms', ...request }) as Partial<QueryRequest>)

function plain(series: readonly AnswerSeries[]) {
  return series.map(({ tags, time, fields }) => ({
    tags: [...tags],
    time: [...time],
    fields: fields.map(({ values, valid }) => {
      return Array.from(values as ArrayLike<unknown>, (value, i) => {
        return valid !== null && valid[i] === 0 ? null : value
      })
    }),
  }))
}

/** Rows of an export by series, chunks joined. */
function exported(store: QueryStore, order: 'asc' | 'desc') {
  const rows: unknown[][] = []
  for (const { tags, time, fields } of plain(store.export({ order }))) {
    for (const [i, at] of time.entries()) rows.push([tags, at, ...fields.map((field) => field[i])])
  }
  return rows
}

function expectAlike(store: QueryStore, ordered: QueryStore, what: string): void {
  for (const request of REQUESTS) {
    const asked = `${what}: ${JSON.stringify(request)}`
    const found = store.query(request)
    expect(plain(found.series), asked).toEqual(plain(ordered.query(request).series))
    const { blocks, blocksSkipped, blocksFromSummary, blocksDecoded } = found.stats
    expect(blocksSkipped, asked).toBeGreaterThanOrEqual(0)
    expect(blocks, asked).toBe(blocksSkipped + blocksFromSummary + blocksDecoded)
  }
  for (const order of ['asc', 'desc'] as const)
    expect(exported(store, order), what).toEqual(exported(ordered, order))
  const latest = { select: ['v', 'text'] }
  expect(plain(store.latest(latest).series), what).toEqual(plain(ordered.latest(latest).series))
}

const CASES = [
  { name: 'some late by a little', share: 0.05, reach: 800, repeats: 0 },
  { name: 'some late by anything', share: 0.05, reach: 1e6, repeats: 0 },
  { name: 'wholly out of order', share: 1, reach: 1e6, repeats: 0 },
  { name: 'some late, some written again', share: 0.05, reach: 1e6, repeats: 0.02 },
  { name: 'one point of all written again', share: 0.05, reach: 1e6, repeats: 0.0001 },
]

test.each(CASES)('$name: the answers of points in order', async ({ share, reach, repeats }) => {
  const random = randomOf(Math.round(share * 100 + reach + repeats * 1e6))
  const points: ReferencePoint[] = []
  for (let i = 0; i < 4_000; i++) for (const series of [0, 1]) points.push(pointOf(series, i))
  const late = shuffled(points, random, share, reach)
  const again = repeats === 0 ? [] : points.filter((_, i) => i === 4_001 || random.chance(repeats))
  const final = new Map(points.map((point) => [`${point.tags['s']} ${point.time}`, point]))
  const newer = again.map(({ tags, time }) => pointOf(Number(tags['s']), Number(time / STEP), 1))
  for (const point of newer) final.set(`${point.tags['s']} ${point.time}`, point)
  const ordered = await QueryStore.open()
  ordered.write([...final.values()])
  ordered.flush()
  const store = await QueryStore.open()
  const cuts = 6
  for (let cut = 0; cut < cuts; cut++) {
    const size = Math.ceil(late.length / cuts)
    store.write(late.slice(cut * size, (cut + 1) * size))
    if (cut === 4) store.seal()
    else if (cut < 4) store.flush()
  }
  if (newer.length > 0) store.write(newer)
  expectAlike(store, ordered, 'four parts, two memtables')
  expectAlike(store, ordered, 'once more')
  store.flush()
  expectAlike(store, ordered, 'six parts')
  const { loose } = store
  expectAlike(store, ordered, 'six parts once more')
  expect(store.loose).toBe(loose)
})

test('late points between others leave their summaries of use', async () => {
  const store = await QueryStore.open()
  const spec = { table: 't', tags: { s: 'a' }, field: 'v', step: STEP, value: (i: number) => i }
  store.writeRegular({ ...spec, start: 0n, count: 8_192 })
  store.flush()
  store.writeRegular({ ...spec, start: 5n, count: 4_096 })
  store.flush()
  const ask = () => store.query({ select: ['sum(v)', 'count(v)'] })
  const first = ask()
  expect(first.series[0]!.fields.map(({ values }) => Number(values[0]))).toEqual([
    (8_191 * 8_192) / 2 + (4_095 * 4_096) / 2,
    8_192 + 4_096,
  ])
  expect(first.stats.blocksFromSummary).toBe(first.stats.blocks)
  // A point that is there already takes the summaries of what overlaps, and only those.
  store.writeRegular({ ...spec, start: 7_000n * STEP, count: 1, value: () => 1e6 })
  store.flush()
  const values = ask().series[0]!.fields.map(({ values: [value] }) => Number(value))
  expect(values).toEqual([(8_191 * 8_192) / 2 + (4_095 * 4_096) / 2 + 1e6 - 7_000, 8_192 + 4_096])
})

test('a point that is there twice costs the rows about it, not those of its series', async () => {
  const store = await QueryStore.open()
  const spec = { table: 't', tags: { s: 'a' }, field: 'v', step: STEP, value: (i: number) => i }
  store.writeRegular({ ...spec, start: 0n, count: 65_536 })
  store.flush()
  store.writeRegular({ ...spec, start: 5n, count: 65_536 })
  store.flush()
  store.writeRegular({ ...spec, start: 30_000n * STEP, count: 1, value: () => 0 })
  store.flush()
  const { series, stats } = store.query({ select: ['sum(v)', 'count(v)'] })
  const values = series[0]!.fields.map(({ values: [value] }) => Number(value))
  expect(values).toEqual([65_535 * 65_536 - 30_000, 2 * 65_536])
  expect(stats.blocksFromSummary / stats.blocks).toBeGreaterThan(0.8)
})

test('more overlapping parts than can be merged are refused by name, or need no merge', async () => {
  const store = await QueryStore.open()
  const parts = 1_050
  for (let part = 0; part < parts; part++) {
    for (const time of [BigInt(part), BigInt(10_000 + part)])
      store.write([{ ...pointOf(0, part), time }])
    store.flush()
  }
  const counted = store.query({ select: ['count(*)'] })
  expect(Number(counted.series[0]!.fields[0]!.values[0])).toBe(2 * parts)
  const refusal = /1050 overlapping parts .* more than the 1024/
  expect(() => store.query({ select: ['f'] })).toThrow(refusal)
  expect(() => store.latest({ select: ['f'] })).toThrow(refusal)
  expect(store.query({ select: ['f'], end: 900, precision: 'ns' }).rowCount).toBe(900)
})

test('what newer parts have shown is not believed of older ones', async () => {
  const store = await QueryStore.open()
  const times = (from: number, count: number, version: number): ReferencePoint[] =>
    Array.from({ length: count }, (_, i) => pointOf(0, from + i, version))
  // A and C share the times of the second half of A; B lies in between.
  store.write(times(0, 100, 0))
  store.flush()
  store.write([pointOf(0, 1_000)])
  store.flush()
  store.write([...times(50, 50, 1), pointOf(0, 2_000)])
  store.flush()
  const older = store.snapshot()
  // As if a delete of that half had been applied to A by a merge, which C came after.
  const [a, ...others] = store.parts
  store.write(times(0, 50, 0))
  store.flush()
  const rewritten = store.parts.pop()!
  store.parts.length = 0
  store.parts.push(rewritten, ...others)
  const count = (): number =>
    Number(store.query({ select: ['count(*)'] }).series[0]!.fields[0]!.values[0])
  expect(count()).toBe(102)
  store.parts.length = 0
  store.parts.push(a!, ...others)
  // The older snapshot sees the parts of its time, and C over A.
  const { series } = store.ask({ select: ['count(*)'] }, older)
  expect(Number(series[0]!.fields[0]!.values[0])).toBe(102)
})
