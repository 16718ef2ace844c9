// Runs (assembly/aggregate-run.ts): many blocks in one kernel call, against plain arithmetic.

import { describe, expect, test } from 'vitest'
import type { QueryRequest } from '../../engine/query/query.ts'
import { type Random, randomOf } from '../random.ts'
import { ReferenceDatabase, type ReferencePoint } from '../reference.ts'
import { differenceOf } from '../reference/comparison.ts'
import { QueryStore } from './query/query-store.ts'

const S = 1_000_000_000n
const START = 1_735_689_600n * S
const BLOCK = 1_024
const GROUP = 64 * BLOCK

/** A point every ten seconds: eighths, so that sums are exact in any order. */
async function regularStore(count: number): Promise<QueryStore> {
  const store = await QueryStore.open()
  store.createTable('t', 1_000_000_000)
  const shared = { table: 't', field: 'f', step: 10n * S, start: START, value: valueAt }
  store.writeRegular({ ...shared, tags: { host: 'a' }, count })
  store.flush()
  return store
}

const valueAt = (i: number): number => ((i * 7919) % 1013) / 8

describe('a series of several row groups', () => {
  test('has every bucket right, whether its end is looked up or its times are decoded', async () => {
    const count = GROUP + 5 * BLOCK + 77
    const store = await regularStore(count)
    for (const rows of [3, 50, 63, 64, 65, 100, 360, BLOCK, 3000, GROUP]) {
      const width = rows * 10
      const answer = store.query({
        ...{ start: START + 70n * S, end: START + BigInt(count - 9) * 10n * S },
        ...{ select: ['sum(f)', 'max(f)', 'count(f)'], every: `${width}s`, origin: START },
      })
      const [first] = answer.series
      const [sums, maxima, counts] = first!.fields.map(({ values }) => values)
      let bucket = 0
      for (let from = 7; from < count - 9; bucket++) {
        const to = Math.min(count - 9, (Math.floor(from / rows) + 1) * rows)
        let sum = 0
        let most = -1
        for (let i = from; i < to; i++) {
          sum += valueAt(i)
          most = Math.max(most, valueAt(i))
        }
        const found = [sums![bucket], maxima![bucket], counts![bucket]]
        if (found[0] !== sum || found[1] !== most || found[2] !== BigInt(to - from)) {
          expect(found, `${rows} rows a bucket, bucket ${bucket}`).toEqual([sum, most, to - from])
        }
        from = to
      }
      expect(first!.time.length).toBe(bucket)
    }
  })

  test('decodes no times where buckets are long, and nothing where only rows are counted', async () => {
    const store = await regularStore(4 * BLOCK)
    const hourly = store.query({ select: ['sum(f)'], every: '1h' })
    expect(hourly.stats).toMatchObject({ blocks: 8, blocksDecoded: 4, blocksFromSummary: 4 })
    const counted = store.query({ select: ['count(*)', 'count(f)'], every: '1h' })
    expect(counted.stats).toMatchObject({ blocks: 8, blocksDecoded: 0 })
    expect(counted.series[0]!.fields[1]!.values).toEqual(counted.series[0]!.fields[0]!.values)
    const minutes = store.query({ select: ['sum(f)'], every: '1m' })
    expect(minutes.stats).toMatchObject({ blocks: 8, blocksDecoded: 8 })
  })

  test('gives raw rows over group boundaries, and the newest buckets without the others', async () => {
    const count = GROUP + 3 * BLOCK
    const store = await regularStore(count)
    const from = GROUP - 1500
    const raw = store.query({
      start: START + BigInt(from) * 10n * S,
      end: START + BigInt(from + 3000) * 10n * S,
    })
    expect(raw.rowCount).toBe(3000)
    raw.series[0]!.fields[0]!.values.forEach((value, i) => {
      if (value !== valueAt(from + i)) expect(value, `row ${i}`).toBe(valueAt(from + i))
    })
    const newest = store.query({ select: ['max(f)'], every: '1m', order: 'desc', limit: 5 })
    expect(newest.rowCount).toBe(5)
    expect(newest.stats.blocksDecoded + newest.stats.blocksFromSummary).toBeLessThanOrEqual(4)
    expect(newest.cursor).not.toBeNull()
  })
})

/** A row of some of the fields; stretches of rows lack one, so that whole blocks have no value of it. */
function sparsePoint(random: Random, i: number): ReferencePoint {
  const fields: Record<string, ReferencePoint['fields'][string]> = {}
  if (i % 5000 < 2500) fields['f'] = { type: 'float', value: random.int(800) / 8 }
  if (random.chance(0.9)) fields['i'] = { type: 'integer', value: BigInt(random.int(1000) - 500) }
  if (i > 3000)
    fields['s'] = { type: 'string', value: random.pick(['', 'a', 'bé', 'long enough to move']) }
  if (Object.keys(fields).length === 0) fields['i'] = { type: 'integer', value: 0n }
  return {
    table: 't',
    tags: { host: i % 3 === 0 ? 'a' : 'b' },
    time: START + BigInt(i) * S,
    fields,
  }
}

test('blocks with nulls, without values and shared by series answer as the reference does', async () => {
  const store = await QueryStore.open()
  const reference = new ReferenceDatabase()
  store.createTable('t', 1_000_000_000)
  const random = randomOf(5)
  const points = Array.from({ length: 9000 }, (_, i) => sparsePoint(random, i))
  store.write(points)
  reference.write(points)
  store.flush()
  const selects = [
    ...[['sum(f)'], ['count(f)', 'count(*)'], ['min(i)', 'max(f)'], ['first(f)', 'last(s)']],
    ...[['mean(i)', 'stddev(f)'], ['max(s)'], ['count(s)'], ['first(i)']],
  ]
  for (const select of selects) {
    for (const every of [undefined, '7s', '300s', '1000s', '1d']) {
      for (const by of [undefined, ['host']]) {
        const request: QueryRequest = {
          ...{ table: 't', precision: 'ns', select, start: START + 40n * S },
          ...(every === undefined ? {} : { every }),
          ...(by === undefined ? {} : { by }),
        }
        const before = store.loose
        const wanted = reference.query(request, store.context({}))
        const difference = differenceOf(store.query(request), wanted, true)
        expect(difference, JSON.stringify({ select, every, by })).toBeNull()
        expect(store.loose).toBe(before)
      }
    }
  }
})
