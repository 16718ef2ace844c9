// The reference against answers worked out by hand: everything else is judged by it.

import { describe, expect, test } from 'vitest'
import { OmenError } from '../engine/error.ts'
import type { QueryRequest, ValueType } from '../engine/query/query.ts'
import type { QueryContext } from '../engine/query/request.ts'
import {
  type ReferenceAnswer,
  ReferenceDatabase,
  type ReferencePoint,
  type Value,
} from './reference.ts'

const S = 1_000_000_000n
const context: QueryContext = {
  database: 'default',
  now: 100n * S,
  limits: { maxPoints: 1e9, maxBuckets: 1e7, queryBytes: 2 ** 40, timeoutMs: 30_000 },
  limit: { default: 1_000_000, max: 1_000_000 },
}

function typeOf(value: Value): ValueType {
  if (typeof value === 'bigint') return 'integer'
  return typeof value === 'number' ? 'float' : (typeof value as 'string' | 'boolean')
}

/** A point of table `t` at a second; tags as `host=a,rack=1`. */
function point(tags: string, second: number, fields: Record<string, Value>): ReferencePoint {
  const pairs = tags === '' ? [] : tags.split(',').map((pair) => pair.split('='))
  return {
    table: 't',
    tags: Object.fromEntries(pairs),
    time: BigInt(second) * S,
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, { type: typeOf(value), value }]),
    ),
  }
}

function databaseOf(...points: ReferencePoint[]): ReferenceDatabase {
  const database = new ReferenceDatabase()
  database.write(points)
  return database
}

/** One line per row: `tags | second | values`. */
function rowsOf(answer: ReferenceAnswer): string[] {
  return answer.series.flatMap(({ tags, time, fields }) =>
    time.map((at, row) => {
      const values = fields.map((cells) => String(cells[row]!.value))
      const names = tags.map(([key, value]) => `${key}=${value}`).join(',')
      return `${names} | ${Number(at) / 1e9} | ${values.join(' ')}`
    }),
  )
}

function ask(database: ReferenceDatabase, members: Partial<QueryRequest>): string[] {
  return rowsOf(database.query({ table: 't', precision: 's', ...members }, context))
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as OmenError).code
  }
  return 'nothing'
}

const small = databaseOf(
  point('host=a', 10, { u: 1, n: 5n }),
  point('host=a', 20, { u: 2 }),
  point('host=b', 10, { u: 3, s: 'x' }),
  point('host=b,rack=1', 15, { u: 4, ok: true }),
  point('', 30, { n: 7n }),
)

describe('raw', () => {
  test('series in order, fields by name, rows with a value in any', () => {
    expect(ask(small, {})).toEqual([
      ' | 30 | 7 null null null',
      'host=a | 10 | 5 null null 1',
      'host=a | 20 | null null null 2',
      'host=b | 10 | null null x 3',
      'host=b,rack=1 | 15 | null true null 4',
    ])
    expect(ask(small, { select: 'n' })).toEqual([' | 30 | 7', 'host=a | 10 | 5'])
  })
  test('ranges are half-open', () => {
    expect(ask(small, { select: 'u', start: 10, end: 15 })).toEqual([
      'host=a | 10 | 1',
      'host=b | 10 | 3',
    ])
    expect(ask(small, { start: 16, end: 16 })).toEqual([])
  })
  test('the last write wins per field', () => {
    const database = databaseOf(
      point('host=a', 1, { u: 1, v: 1 }),
      point('host=a', 1, { u: 2 }),
      point('host=a,rack=', 1, { v: 3 }),
    )
    expect(ask(database, {})).toEqual(['host=a | 1 | 2 3'])
  })
  test('limit takes the first rows in time order, ties by series', () => {
    expect(ask(small, { select: 'u', limit: 3 })).toEqual([
      'host=a | 10 | 1',
      'host=b | 10 | 3',
      'host=b,rack=1 | 15 | 4',
    ])
    expect(ask(small, { select: 'u', limit: 3, order: 'desc' })).toEqual([
      'host=a | 20 | 2',
      'host=a | 10 | 1',
      'host=b,rack=1 | 15 | 4',
    ])
  })
  test('pages put together are the whole', () => {
    for (const order of ['asc', 'desc'] as const) {
      const whole = ask(small, { order }).sort()
      const found: string[] = []
      let cursor: string | null = null
      do {
        const request = { table: 't', order, limit: 2, cursor }
        const answer: ReferenceAnswer = small.query(request, context)
        found.push(...rowsOf(answer))
        cursor = answer.cursor
      } while (cursor !== null)
      expect(found.sort()).toEqual(whole)
    }
  })
})

describe('where', () => {
  const cases: [string, string[]][] = [
    ["host <> 'a'", ['b', 'b,1']],
    ["NOT host = 'a'", ['b', 'b,1']],
    ['host IS NULL', ['']],
    ["host IS DISTINCT FROM 'a'", ['', 'b', 'b,1']],
    ["host IN ('a', NULL)", ['a', 'a']],
    ["host NOT IN ('a', NULL)", []],
    ["rack IS NULL AND host = 'b'", ['b']],
    ['ok', ['b,1']],
    ['NOT ok', []],
    ['ok IS NOT TRUE', ['', 'a', 'a', 'b']],
    ['u BETWEEN 2 AND 3', ['a', 'b']],
    ["u > '2'", ['b', 'b,1']],
    ['n > 5.5', ['']],
    ['u > n - 0', ['unsupported']],
    ['n = u', []],
    ['u < n', ['a']],
    ["s LIKE '_'", ['b']],
    ["host LIKE '%A%'", []],
    ["host ILIKE '%A%'", ['a', 'a']],
    ["time >= '1970-01-01 00:00:15'", ['', 'a', 'b,1']],
    ['time < 15000', ['a', 'b']],
    ["u = 1 OR s = 'x'", ['a', 'b']],
    ["NULL OR host = 'a'", ['a', 'a']],
    ['host = 5', ['type_conflict']],
    ["n = 'x'", ['bad_request']],
    ['u', ['type_conflict']],
    ['nope = 1', ['unknown_column']],
    ['u = 1 = 2', ['sql_syntax']],
  ]
  test.each(cases)('%s', (where, expected) => {
    try {
      const rows = small.query({ table: 't', where }, context).series
      const found = rows.flatMap(({ tags, time }) => time.map(() => tags.map(([, v]) => v).join()))
      expect(found).toEqual(expected)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      expect([error.code]).toEqual(expected)
    }
  })
  test('NaN is above all and equal to itself', () => {
    const database = databaseOf(point('', 1, { u: NaN }), point('', 2, { u: Infinity }))
    expect(ask(database, { where: 'u > 1e308' })).toHaveLength(2)
    expect(ask(database, { where: "u = 'NaN'" })).toEqual([' | 1 | NaN'])
    expect(ask(database, { where: "u < 'NaN'" })).toEqual([' | 2 | Infinity'])
  })
  test('integers compare exactly', () => {
    const database = databaseOf(point('', 1, { n: 2n ** 53n }), point('', 2, { n: 2n ** 53n + 1n }))
    expect(ask(database, { where: 'n = 9007199254740993' })).toEqual([' | 2 | 9007199254740993'])
    expect(ask(database, { where: 'n < 9007199254740992.5' })).toEqual([' | 1 | 9007199254740992'])
    expect(ask(database, { where: 'n < 1e400' })).toHaveLength(2)
  })
})

describe('aggregates', () => {
  test('of all points, named by the first point or by start', () => {
    const select =
      'count(*), count(n), sum(u), min(u), max(u), mean(u), first(u), last(u), spread(u)'
    expect(ask(small, { select })).toEqual([' | 10 | 5 2 10 1 4 2.5 1 2 3'])
    expect(ask(small, { select: 'sum(n)', start: 5 })).toEqual([' | 5 | 12'])
    expect(ask(small, { select: 'sum(n)', start: 50 })).toEqual([])
  })
  test('one group per combination of by, null where a series lacks the key', () => {
    expect(ask(small, { select: 'count(*)', by: 'host' })).toEqual([
      'host=null | 30 | 1',
      'host=a | 10 | 2',
      'host=b | 10 | 2',
    ])
    expect(ask(small, { select: 'count(u)', by: '*' })).toEqual([
      'host=a,rack=null | 10 | 2',
      'host=b,rack=null | 10 | 1',
      'host=b,rack=1 | 15 | 1',
    ])
  })
  test('ties of first and last go to the smallest series', () => {
    const database = databaseOf(point('h=b', 1, { u: 2 }), point('h=a', 1, { u: 1 }))
    expect(ask(database, { select: 'first(u), last(u)' })).toEqual([' | 1 | 1 1'])
  })
  test('statistics', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9]
    const database = databaseOf(...values.map((u, i) => point('', i, { u, s: `${u % 3}` })))
    const select = 'variance(u), median(u), quantile(u, 0.25), mode(u), distinct_count(u), mode(s)'
    expect(ask(database, { select })).toEqual([` | 0 | ${32 / 7} 4.5 4 4 5 1`])
    expect(ask(database, { select: 'stddev(u), variance(u)', end: 1 })).toEqual([
      ' | 0 | null null',
    ])
  })
  test('integer sums are exact and never wrap', () => {
    const database = databaseOf(point('', 1, { n: 2n ** 62n }), point('', 2, { n: 2n ** 62n - 1n }))
    expect(ask(database, { select: 'sum(n)' })).toEqual([` | 1 | ${2n ** 63n - 1n}`])
    database.write([point('', 3, { n: 1n })])
    expect(codeOf(() => ask(database, { select: 'sum(n)' }))).toBe('out_of_range')
    expect(ask(database, { select: 'mean(n)' })).toEqual([` | 1 | ${2 ** 63 / 3}`])
  })
  test('what is wrong has its code', () => {
    const code = (select: string): string => codeOf(() => ask(small, { select }))
    expect(code('sum(s)')).toBe('type_conflict')
    expect(code('frobnicate(u)')).toBe('type_conflict')
    expect(code('sum(*)')).toBe('type_conflict')
    expect(code('mean(u), n')).toBe('bad_request')
    expect(code('mean(u), mean(u)')).toBe('bad_request')
    expect(code('host')).toBe('bad_request')
    expect(code('time')).toBe('bad_request')
    expect(code('quantile(u, 2)')).toBe('bad_request')
    expect(code('mean(usage)')).toBe('unknown_column')
    expect(code('mean(u) / 2')).toBe('unsupported')
    expect(codeOf(() => small.query({ table: 'x' }, context))).toBe('not_found')
  })
})

describe('buckets and fill', () => {
  const gaps = databaseOf(
    point('h=a', 5, { u: 10, n: 10n, s: 'x' }),
    point('h=a', 25, { u: 30, n: 33n }),
    point('h=b', 42, { u: 1 }),
    point('h=a', -4, { u: 8 }),
  )
  const sums = (fill: QueryRequest['fill'], members: Partial<QueryRequest> = {}): string[] =>
    ask(gaps, {
      select: 'sum(u), sum(n), last(s)',
      by: 'h',
      every: '10s',
      start: 0,
      fill,
      ...members,
    })

  test('buckets are aligned, named by their start, and absent when empty', () => {
    expect(sums('none')).toEqual([
      'h=a | 0 | 10 10 x',
      'h=a | 20 | 30 33 null',
      'h=b | 40 | 1 null null',
    ])
    expect(ask(gaps, { select: 'count(*)', every: '10s', start: -7, end: 6 })).toEqual([
      ' | -10 | 1',
      ' | 0 | 1',
    ])
    expect(ask(gaps, { select: 'count(*)', every: '10s', origin: 5, end: 10 })).toEqual([
      ' | -5 | 1',
      ' | 5 | 1',
    ])
  })
  test('fill makes every bucket of the grid for each group', () => {
    expect(sums('null', { end: 31 })).toEqual([
      'h=a | 0 | 10 10 x',
      'h=a | 10 | null null null',
      'h=a | 20 | 30 33 null',
      'h=a | 30 | null null null',
    ])
    expect(sums(-1, { end: 31 }).slice(1, 3)).toEqual([
      'h=a | 10 | -1 -1 null',
      'h=a | 20 | 30 33 null',
    ])
  })
  test('previous carries, linear joins and never extrapolates', () => {
    expect(sums('previous')).toEqual([
      'h=a | 0 | 10 10 x',
      'h=a | 10 | 10 10 x',
      'h=a | 20 | 30 33 x',
      'h=a | 30 | 30 33 x',
      'h=a | 40 | 30 33 x',
      'h=b | 0 | null null null',
      'h=b | 10 | null null null',
      'h=b | 20 | null null null',
      'h=b | 30 | null null null',
      'h=b | 40 | 1 null null',
    ])
    expect(sums('linear').slice(0, 5)).toEqual([
      'h=a | 0 | 10 10 x',
      'h=a | 10 | 20 22 null',
      'h=a | 20 | 30 33 null',
      'h=a | 30 | null null null',
      'h=a | 40 | null null null',
    ])
  })
  test('a grid may be one bucket that begins before start', () => {
    expect(ask(gaps, { select: 'sum(u)', every: '60s', start: 5, fill: 0 })).toEqual([' | 0 | 41'])
  })
  test('maxGap limits both', () => {
    expect(sums({ kind: 'previous', maxGap: '10s' }).slice(0, 5)).toEqual([
      'h=a | 0 | 10 10 x',
      'h=a | 10 | 10 10 x',
      'h=a | 20 | 30 33 null',
      'h=a | 30 | 30 33 null',
      'h=a | 40 | null null null',
    ])
    expect(sums({ kind: 'linear', maxGap: '19s' })[1]).toBe('h=a | 10 | null null null')
    expect(sums({ kind: 'linear', maxGap: '20s' })[1]).toBe('h=a | 10 | 20 22 null')
  })
  test('values before start count only within lookback', () => {
    const at = (fill: QueryRequest['fill']): string[] =>
      ask(gaps, { select: 'sum(u)', every: '10s', start: 10, end: 30, fill })
    expect(at('previous')).toEqual([' | 10 | null', ' | 20 | 30'])
    expect(at({ kind: 'previous', lookback: '4s' })).toEqual([' | 10 | null', ' | 20 | 30'])
    expect(at({ kind: 'previous', lookback: '5s' })).toEqual([' | 10 | 10', ' | 20 | 30'])
    expect(at({ kind: 'linear', lookback: '1h' })).toEqual([' | 10 | 20', ' | 20 | 30'])
  })
  test('a number must fit an integer column', () => {
    expect(codeOf(() => sums(0.5))).toBe('bad_request')
  })
  test('months, years and weeks follow the calendar', () => {
    const day = 86_400
    const database = databaseOf(
      ...[0, 30, 31, 58, 59, 365].map((d) => point('', d * day, { u: 1 })),
    )
    const counts = (every: string): string[] => ask(database, { select: 'count(*)', every })
    const rows = (days: Record<number, number>): string[] =>
      Object.entries(days).map(([d, count]) => ` | ${Number(d) * day} | ${count}`)
    expect(counts('1mo')).toEqual(rows({ 0: 2, 31: 2, 59: 1, 365: 1 }))
    expect(counts('1y')).toEqual(rows({ 0: 5, 365: 1 }))
    expect(counts('1w')[0]).toBe(` | ${-3 * day} | 1`)
    expect(counts('2d')[0]).toBe(' | 0 | 1')
  })
})

describe('latest', () => {
  test('is the newest point of each series or group', () => {
    const latest = (members: object): string[] =>
      rowsOf(small.latest({ table: 't', ...members }, context))
    expect(latest({ select: 'u' })).toEqual([
      'host=a | 20 | 2',
      'host=b | 10 | 3',
      'host=b,rack=1 | 15 | 4',
    ])
    expect(latest({ by: 'host', select: ['u', 'ok'] })).toEqual([
      'host=a | 20 | 2 null',
      'host=b | 15 | 4 true',
    ])
    expect(latest({ select: 'u', where: 'u < 2' })).toEqual(['host=a | 10 | 1'])
    expect(latest({ start: 15_000 })).toHaveLength(3)
  })
})

test('series are listed in order', () => {
  expect(small.series('t').map((tags) => tags.map(([, value]) => value).join())).toEqual([
    '',
    'a',
    'b',
    'b,1',
  ])
})
