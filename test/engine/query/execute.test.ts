import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, QueryRequest, Vector } from '../../../engine/query/query.ts'
import { randomOf, type Random } from '../../random.ts'
import {
  type Cell,
  type ReferenceAnswer,
  ReferenceDatabase,
  type ReferencePoint,
} from '../../reference.ts'
import { QueryStore } from './query-store.ts'

const S = 1_000_000_000n
const HOUR = 3_600n * S
const DAY = 24n * HOUR
const YEAR_START = 1_735_689_600n * S // 2025-01-01

let store: QueryStore
let reference: ReferenceDatabase

beforeEach(async () => {
  store = await QueryStore.open()
  reference = new ReferenceDatabase()
})

function write(points: readonly ReferencePoint[]): void {
  store.write(points)
  reference.write(points)
}

function float(value: number): { type: 'float'; value: number } {
  return { type: 'float', value }
}

/** The code that asking throws. */
function codeOf(ask: () => unknown): string {
  try {
    ask()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'none'
}

function cellsOf({ values, valid }: Vector): unknown[] {
  return Array.from(values as ArrayLike<unknown>, (value, row) => {
    return valid !== null && valid[row] === 0 ? null : value
  })
}

/** Equal, or as near as a sum of floats in another order must be. */
function isSameCell(actual: unknown, { value, scale }: Cell, type: string): boolean {
  if (value === null || actual === null) return value === actual
  if (type === 'boolean') return actual === Number(value)
  if (type !== 'float') return actual === value
  const [found, wanted] = [actual as number, value as number]
  if (found === wanted || (Number.isNaN(found) && Number.isNaN(wanted))) return true
  return scale > 0 && Math.abs(found - wanted) <= 1e-12 * scale
}

function expectAnswer(actual: Answer, expected: ReferenceAnswer, at: string): void {
  const tagsOf = (series: { tags: Iterable<readonly [string, string | null]> }): unknown => [
    ...series.tags,
  ]
  expect(actual.columns, at).toEqual(expected.columns)
  expect(actual.series.map(tagsOf), at).toEqual(expected.series.map(tagsOf))
  actual.series.forEach((series, s) => {
    const wanted = expected.series[s]!
    expect([...series.time], `${at} series ${s}`).toEqual(wanted.time)
    series.fields.forEach((field, column) => {
      const { name, type } = actual.columns[column + 1]!
      cellsOf(field).forEach((cell, row) => {
        const expectedCell = wanted.fields[column]![row]!
        if (isSameCell(cell, expectedCell, type)) return
        expect(cell, `${at} series ${s} ${name} row ${row}`).toBe(expectedCell.value)
      })
    })
  })
  expect(actual.rowCount, at).toBe(expected.rowCount)
}

const TYPES = ['float', 'integer', 'unsigned', 'boolean', 'string'] as const

function randomField(
  random: Random,
  type: (typeof TYPES)[number],
): ReferencePoint['fields'][string] {
  const special = [0, -0, NaN, Infinity, -Infinity, 1e300]
  switch (type) {
    case 'float': {
      const value = random.chance(0.02) ? random.pick(special) : random.int(2000) / 100 - 10
      return { type, value }
    }
    case 'integer':
      return { type, value: BigInt(random.int(2000) - 1000) }
    case 'unsigned':
      return { type, value: random.chance(0.05) ? 2n ** 64n - 1n : BigInt(random.int(100)) }
    case 'boolean':
      return { type, value: random.chance(0.5) }
    default:
      return { type, value: random.pick(['', 'a', 'aé', 'b', 'prefix-long-enough-to-move', 'z_%']) }
  }
}

/** Points of a few series over a few days: gaps, nulls, duplicates, late ones. */
function randomPoints(random: Random, count: number): ReferencePoint[] {
  const span = Number((3n * DAY) / S)
  let second = random.int(span)
  return Array.from({ length: count }, () => {
    second = random.chance(0.02) ? random.int(span) : (second + random.int(90)) % span
    const tags: Record<string, string> = { host: random.pick(['a', 'a9', 'a10', 'é']) }
    if (random.chance(0.5)) tags['rack'] = random.pick(['1', '2'])
    const fields: Record<string, ReferencePoint['fields'][string]> = {}
    for (const type of TYPES)
      if (random.chance(0.7)) fields[`${type[0]}`] = randomField(random, type)
    if (Object.keys(fields).length === 0) fields['f'] = float(1)
    return { table: 't', tags, time: YEAR_START + BigInt(second) * S, fields }
  })
}

const WHERES = [
  ...['f > 0', 'f >= 2.5 AND i < 100', "host = 'a'", "host <> 'a' OR rack = '1'", 'rack IS NULL'],
  ...["s LIKE 'a%'", "s = 'aé'", "s > 'a' AND NOT b", 'b', 'NOT b', 'b IS NOT TRUE', 'i IS NULL'],
  ...['f IS DISTINCT FROM 1', 'i > 0.5', 'i BETWEEN -10 AND 10', 'u > i', "f = 'NaN'"],
  ...["time >= '2025-01-02' AND time < '2025-01-03T12:00:00Z'", "time < '2025-01-02' OR i > 500"],
  ...["host IN ('a', 'é') AND f < 5", 'NOT (f > 0 AND i > 0)', "s LIKE '%\\_%' OR f < -9"],
  ...['i > 100000', 'i >= -1000', 'f < 1e301 OR f IS NULL', "host LIKE 'a_' AND u < 50"],
] as const
const SELECTS = [
  ...['count(*)', 'count(f)', 'sum(i)', 'mean(f)', 'mean(i)', 'min(f)', 'max(f)', 'min(s)'],
  ...['max(s)', 'first(f)', 'last(f)', 'first(s)', 'last(s)', 'spread(i)', 'stddev(f)'],
  ...['min(b)', 'max(u)', 'first(b)', 'last(i)', 'variance(i)', 'count(s)'],
] as const

function randomRequest(random: Random): QueryRequest {
  const request: Record<string, unknown> = { table: 't', precision: 'ns' }
  const at = (): bigint => YEAR_START + BigInt(random.int(Number((3n * DAY) / S))) * S
  if (random.chance(0.5)) request['start'] = at()
  if (random.chance(0.5)) request['end'] = at()
  if (random.chance(0.6)) request['where'] = random.pick(WHERES)
  if (random.chance(0.5)) request['order'] = random.pick(['asc', 'desc'])
  if (random.chance(0.3)) request['limit'] = 1 + random.int(200)
  if (random.chance(0.4)) {
    if (random.chance(0.5)) request['select'] = random.pick([['f'], ['s', 'i'], ['b'], ['u', 'f']])
    return request as unknown as QueryRequest
  }
  const count = 1 + random.int(4)
  request['select'] = [...new Set(Array.from({ length: count }, () => random.pick(SELECTS)))]
  if (random.chance(0.6)) request['by'] = random.pick(['*', ['host'], ['rack'], ['rack', 'host']])
  if (random.chance(0.6)) {
    request['every'] = random.pick(['1h', '7m', '1d', '1w', '1mo', '90s', '36h'])
    if (random.chance(0.3)) request['origin'] = at()
    if (random.chance(0.4))
      request['fill'] = random.pick([
        ...[null, 'previous', 'linear', 3, { kind: 'previous', maxGap: '2h' }],
        ...[
          { kind: 'linear', maxGap: '3h', lookback: '6h' },
          { kind: 'previous', lookback: '1d' },
        ],
      ])
  }
  return request as unknown as QueryRequest
}

describe('answers', () => {
  test('of random queries equal the reference, in memory, flushed and mixed', () => {
    for (let seed = 1; seed <= 1; seed++) {
      const random = randomOf(seed)
      for (let round = 0; round < 3; round++) {
        write(randomPoints(random, 500))
        if (round === 1 || round === 2) store.flush()
        for (let i = 0; i < 30; i++) {
          const request = randomRequest(random)
          const at = `seed ${seed} round ${round} query ${i} ${text(request)}`
          const before = store.loose
          const wanted = outcome(() => reference.query(request, store.context({})))
          const found = outcome(() => store.query(request))
          if (typeof wanted === 'string' || typeof found === 'string') {
            expect(found, at).toBe(wanted)
          } else {
            expectAnswer(found, wanted, at)
            expect(found.cursor, at).toBe(wanted.cursor)
          }
          expect(store.loose, at).toBe(before)
        }
      }
      store.flush()
    }
  })

  test('of pages put together equal the whole, in both orders, raw and aggregated', () => {
    const random = randomOf(7)
    write(randomPoints(random, 600))
    store.flush()
    write(randomPoints(random, 300))
    for (const select of [undefined, ['f', 's'], ['count(*)', 'last(i)']]) {
      for (const order of ['asc', 'desc'] as const) {
        const request = {
          order,
          ...(select === undefined ? {} : { select }),
          ...(select?.[1] === 'last(i)' ? { every: '3h', by: ['host'] } : {}),
        }
        const whole = rowsOf(store.query(request))
        const paged: string[] = []
        let cursor: string | null = null
        do {
          const page: Answer = store.query({ ...request, limit: 37, cursor })
          expect(page.rowCount).toBeLessThanOrEqual(37)
          paged.push(...rowsOf(page))
          cursor = page.cursor
        } while (cursor !== null)
        expect(paged.sort(), `${order} ${text(select)}`).toEqual(whole.sort())
      }
    }
  })

  test('of latest equal the reference, by series and by group', () => {
    const random = randomOf(8)
    write(randomPoints(random, 500))
    store.flush()
    write(randomPoints(random, 100))
    for (const request of [
      ...[{}, { select: ['s'] }, { by: ['rack'] }, { by: '*' }, { where: 'f > 5', by: ['host'] }],
      ...[
        { where: "host = 'a'" },
        { start: '2025-01-02', select: ['i', 'b'] },
        { where: 'f > 1e6' },
      ],
    ]) {
      const full = { table: 't', ...request }
      const wanted = reference.latest(full as never, store.context({}))
      expectAnswer(store.latest(full as never), wanted, text(full))
    }
  })

  test('of an export are the rows of the query by series, then time', () => {
    const random = randomOf(9)
    write(randomPoints(random, 400))
    store.flush()
    write(randomPoints(random, 200))
    for (const request of [{}, { order: 'desc' as const }, { where: 'f > 0', select: ['s'] }]) {
      const before = store.loose
      const exported = store.export(request).flatMap((series) => rowsOfSeries(series))
      expect(store.loose).toBe(before)
      expect(exported).toEqual(rowsOf(store.query(request)))
    }
    const aggregate = { select: ['sum(i)'], by: ['host'], every: '1d' }
    const exported = store.export(aggregate).flatMap((series) => rowsOfSeries(series))
    expect(exported).toEqual(rowsOf(store.query(aggregate)))
  })

  test('come from a sealed and an active memtable over parts, the newest write winning', () => {
    const at = (value: number, field: string): ReferencePoint => {
      return { table: 't', tags: {}, time: YEAR_START, fields: { [field]: float(value) } }
    }
    write([at(1, 'f'), at(1, 'g'), at(1, 'h')])
    store.flush()
    write([at(2, 'f'), at(2, 'g')])
    store.seal()
    write([at(3, 'f')])
    const answer = store.query({})
    expect(answer.series[0]!.fields.map((field) => cellsOf(field)[0])).toEqual([3, 2, 1])
    store.flush()
    expect(rowsOf(store.query({}))).toEqual(rowsOf(answer))
  })

  test('without points are empty with their columns in place', () => {
    write([{ table: 't', tags: { host: 'a' }, time: YEAR_START, fields: { f: float(1) } }])
    for (const request of [
      ...[{ end: YEAR_START }, { start: 5n, end: 5n }, { where: "host = 'b'" }, { where: 'f > 1' }],
      ...[{ where: 'NULL' }, { start: YEAR_START + 1n, select: ['mean(f)'], every: '1mo' }],
    ]) {
      const answer = store.query(request)
      expect(answer.series).toEqual([])
      expect(answer.columns).toHaveLength(2)
      expect([answer.rowCount, answer.cursor]).toEqual([0, null])
    }
  })
})

describe('a year of minutes', () => {
  const COUNT = 365 * 1440
  const MINUTE = 60n * S
  let year: QueryStore

  beforeAll(async () => {
    year = await QueryStore.open()
    // Eighths: sums are exact in any order.
    const value = (i: number): number => (i % 1440) / 8
    const shared = { table: 't', field: 'f', start: YEAR_START, step: MINUTE, count: COUNT, value }
    year.writeRegular({ ...shared, tags: { host: 'a' } })
    year.flush()
  })

  beforeEach(() => {
    store = year
  })

  test('one hour decodes at most two blocks per series and column', () => {
    const start = YEAR_START + 200n * DAY + 16n * HOUR + 90n * MINUTE
    const raw = store.query({ start, end: start + HOUR })
    expect(raw.rowCount).toBe(60)
    expect(raw.stats.blocksDecoded).toBeLessThanOrEqual(2 * 2)
    expectAddsUp(raw)
    expect(raw.stats.index.pieces).toBeGreaterThan(0)
    const mean = store.query({ start, end: start + HOUR, select: ['mean(f)'], every: '5m' })
    expect(mean.rowCount).toBe(12)
    expect(mean.stats.blocksDecoded).toBeLessThanOrEqual(2 * 2)
    expectAddsUp(mean)
  })

  test('days are answered from summaries alone, and equal what decoding says', () => {
    const request = {
      select: ['count(f)', 'sum(f)', 'min(f)', 'max(f)', 'first(f)', 'last(f)', 'mean(f)'],
      every: '1d',
    }
    const answer = store.query(request)
    expect(answer.rowCount).toBe(365)
    expect(answer.stats.blocksDecoded).toBe(0)
    expect(answer.stats.blocksFromSummary).toBe(answer.stats.blocks)
    expectAddsUp(answer)
    const decoded = store.query({ ...request, where: 'f <> 0.05' })
    expect(decoded.stats.blocksDecoded).toBeGreaterThan(365)
    expect(rowsOf(decoded)).toEqual(rowsOf(answer))
    expect(cellsOf(answer.series[0]!.fields[0]!)).toEqual(Array(365).fill(1440n))
  })

  test('the newest hundred points touch a few blocks', () => {
    const answer = store.query({ order: 'desc', limit: 100 })
    expect(answer.rowCount).toBe(100)
    expect(answer.series[0]!.time[0]).toBe(YEAR_START + BigInt(COUNT - 1) * MINUTE)
    expect(answer.stats.blocksDecoded).toBeLessThanOrEqual(4)
    const next = store.query({ order: 'desc', limit: 100, cursor: answer.cursor })
    expect(next.series[0]!.time[0]).toBe(YEAR_START + BigInt(COUNT - 101) * MINUTE)
    expect(next.stats.blocksDecoded).toBeLessThanOrEqual(4)
    const oldest = store.query({ limit: 1 })
    expect(oldest.series[0]!.time[0]).toBe(YEAR_START)
    expect(oldest.stats.blocksDecoded).toBeLessThanOrEqual(4)
  })

  test('the latest point decodes one block per column', () => {
    const answer = store.latest({})
    expect(cellsOf(answer.series[0]!.fields[0]!)).toEqual([179.875])
    expect(answer.stats.blocksDecoded).toBeLessThanOrEqual(2)
  })

  test('a comparison that no summary can meet decodes nothing, one that all meet too', () => {
    const none = store.query({ where: 'f > 1000' })
    expect([none.rowCount, none.stats.blocksDecoded]).toEqual([0, 0])
    const all = store.query({ where: 'f >= 0', select: ['max(f)'], every: '1d' })
    expect([all.rowCount, all.stats.blocksDecoded]).toEqual([365, 0])
    const some = store.query({ where: 'f > 143', select: ['count(*)'] })
    expect(cellsOf(some.series[0]!.fields[0]!)).toEqual([BigInt(365 * 295)])
    expect(some.stats.blocksSkipped).toBeGreaterThanOrEqual(2 * 365)
  })

  test('a cold query reads little, a warm one nothing', () => {
    const start = YEAR_START + 100n * DAY
    store.cache.release()
    const cold = store.query({ start, end: start + HOUR })
    expect(cold.stats.bytesRead).toBeGreaterThan(0)
    expect(cold.stats.bytesRead).toBeLessThan(20_000)
    expect(store.query({ start, end: start + HOUR }).stats.bytesRead).toBe(0)
  })

  test('limits name themselves, pauses come, and a cancel gives all memory back', () => {
    const request = { select: ['stddev(f)'] }
    const before = store.loose
    const steps = store.steps
    store.query(request)
    expect(store.steps - steps).toBeGreaterThan(COUNT / 2 ** 20)
    expect(() => store.query(request, { maxPoints: 1000 })).toThrow(/maxPoints/)
    expect(() => store.query({ select: ['sum(f)'], every: '1h' }, { maxBuckets: 99 })).toThrow(
      /maxBuckets/,
    )
    const fill = { select: ['sum(f)'], every: '1s', fill: 'null' }
    expect(() => store.query(fill, { maxBuckets: 1e6 })).toThrow(/maxBuckets/)
    let left = 3
    store.check = () => {
      if (left-- === 0) throw new Error('enough')
    }
    store.cache.release()
    expect(() => store.query(request)).toThrow('enough')
    store.check = () => undefined
    expect(store.loose).toBe(before)
  })

  test('one late row costs a block or two, not the day', () => {
    write([{ table: 't', tags: { host: 'a' }, time: YEAR_START + 5n, fields: { f: float(7) } }])
    const answer = store.query({ select: ['count(f)', 'max(f)'], every: '1d' })
    expect(cellsOf(answer.series[0]!.fields[0]!).slice(0, 2)).toEqual([1441n, 1440n])
    expect(answer.stats.blocksDecoded).toBeLessThanOrEqual(4)
    expectAddsUp(answer)
  })
})

describe('integers', () => {
  test('are summed in 128 bits, and refused beyond 64', () => {
    const integer = (value: bigint, second: bigint): ReferencePoint => {
      const fields = { i: { type: 'integer' as const, value } }
      return { table: 't', tags: {}, time: second * S, fields }
    }
    const max = 2n ** 63n - 1n
    write([integer(max, 1n), integer(max, 2n), integer(-max, 3n), integer(-max, 4n)])
    for (let round = 0; round < 2; round++) {
      const whole = store.query({ select: ['sum(i)', 'mean(i)', 'min(i)'] })
      expect(whole.series[0]!.fields.map((field) => cellsOf(field)[0])).toEqual([0n, 0, -max])
      const two = { end: 3n * S, select: ['sum(i)'] }
      expect(codeOf(() => store.query(two))).toBe('out_of_range')
      expect(codeOf(() => store.query({ select: ['spread(i)'] }))).toBe('out_of_range')
      const mean = store.query({ end: 3n * S, select: ['mean(i)'] })
      expect(cellsOf(mean.series[0]!.fields[0]!)).toEqual([Number(max)])
      store.flush()
    }
  })
})

function expectAddsUp({ stats }: Answer): void {
  expect(stats.blocksSkipped + stats.blocksFromSummary + stats.blocksDecoded).toBe(stats.blocks)
}

function rowsOfSeries({ tags, time, fields }: Answer['series'][number]): string[] {
  const columns = fields.map(cellsOf)
  return Array.from(time, (at, row) => {
    return text([[...tags], at, ...columns.map((cells) => String(cells[row]))])
  })
}

function rowsOf(answer: Answer): string[] {
  return answer.series.flatMap(rowsOfSeries)
}

function outcome<T>(ask: () => T): T | string {
  let answer: T | null = null
  const code = codeOf(() => void (answer = ask()))
  return code === 'none' ? answer! : code
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v))
}
