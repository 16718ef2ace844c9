import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor, fingerprintOf } from '../../../engine/query/cursor.ts'
import type { OmenError } from '../../../engine/error.ts'
import type { LatestRequest, QueryRequest } from '../../../engine/query/query.ts'
import { type QueryContext, parseLatest, parseQuery } from '../../../engine/query/request.ts'
import { compareTags, compareText } from '../../../engine/catalog/tags.ts'
import { randomOf } from '../../random.ts'
import { failure } from '../../failure.ts'

const NOW = 1_790_000_000_000_000_000n
const context: QueryContext = {
  database: 'default',
  now: NOW,
  limits: { maxPoints: 1e9, maxBuckets: 1e7, queryBytes: 2 ** 40, timeoutMs: 30_000 },
  limit: { default: 1_000_000, max: 1_000_000 },
}

function parse(members: Record<string, unknown>, change: Partial<QueryContext> = {}) {
  return parseQuery({ table: 'cpu', ...members } as unknown as QueryRequest, {
    ...context,
    ...change,
  })
}

describe('a request', () => {
  test('with only a table asks for everything', () => {
    expect(parse({})).toEqual({
      kind: 'range',
      database: 'default',
      table: 'cpu',
      start: null,
      end: null,
      now: NOW,
      where: null,
      select: null,
      by: null,
      every: null,
      origin: 0n,
      timeZone: 'UTC',
      fill: null,
      sampling: null,
      order: 'asc',
      limit: 1_000_000,
      cursor: null,
      limits: context.limits,
    })
  })
  test('with nulls asks for the same', () => {
    const members = ['start', 'end', 'where', 'select', 'by', 'every', 'origin', 'tz', 'fill']
    const more = ['order', 'limit', 'cursor', 'precision', 'points', 'method']
    const nulls = Object.fromEntries([...members, ...more].map((name) => [name, null]))
    expect(parse(nulls)).toEqual(parse({}))
  })
  test('with every member is read whole', () => {
    const query = parse({
      start: 'now-6h',
      end: 'now',
      where: "host IN ('a','b') AND usage > 0.2",
      select: ['mean(usage) AS u', 'quantile(usage, 0.95) AS p95'],
      by: ['host'],
      every: '1m',
      tz: 'Europe/Berlin',
      origin: 0,
      fill: { kind: 'linear', maxGap: '5m', lookback: '10m' },
      order: 'desc',
      limit: 10_000,
      cursor: null,
      precision: 's',
    })
    expect(query).toMatchObject({
      start: NOW - 21_600_000_000_000n,
      end: NOW,
      where: { kind: 'and' },
      select: [{ name: 'u' }, { name: 'p95' }],
      by: ['host'],
      every: { count: 1n, unit: 'm', width: 60_000_000_000n },
      timeZone: 'UTC',
      fill: {
        kind: 'linear',
        value: 0,
        maxGap: 300_000_000_000n,
        lookback: 600_000_000_000n,
      },
      order: 'desc',
      limit: 10_000,
    })
  })
  test('takes the forms that a URL has', () => {
    const query = parse({
      start: '1790000000000',
      select: 'mean(usage),max(usage)',
      by: 'host, "a,b"',
      every: '1m',
      fill: '0',
      where: '{"host":"a"}',
    })
    expect(query.start).toBe(NOW)
    expect(query.by).toEqual(['host', 'a,b'])
    expect(query.fill).toMatchObject({ kind: 'value', value: 0 })
    expect(query.where).toMatchObject({ kind: 'comparison' })
    expect(query.select!.map(({ name }) => name)).toEqual(['mean(usage)', 'max(usage)'])
    const json = parse({
      select: '{"u":"max(x)"}',
      every: '1h',
      fill: '{"kind":"previous","maxGap":"1h"}',
    })
    expect(json.fill).toMatchObject({ kind: 'previous', maxGap: 3_600_000_000_000n })
  })
  test('weeks start on Monday unless an origin is given', () => {
    const members = { select: 'max(x)', every: '2w' }
    expect(parse(members).origin).toBe(4n * 86_400_000_000_000n)
    expect(parse({ ...members, origin: '1970-01-04' }).origin).toBe(3n * 86_400_000_000_000n)
  })
  test('an empty or turned range is empty, not an error', () => {
    expect(parse({ start: 5, end: 5 })).toMatchObject({ start: 5_000_000n, end: 5_000_000n })
    expect(parse({ start: 6, end: 5 }).start).toBe(6_000_000n)
  })
  test('every form of fill', () => {
    const fill = (value: unknown): unknown =>
      parse({ select: 'max(x)', every: '1m', fill: value }).fill?.kind ?? null
    expect(fill('none')).toBeNull()
    expect(fill(undefined)).toBeNull()
    expect(fill('null')).toBe('null')
    expect(fill(null)).toBe('null')
    expect(fill('previous')).toBe('previous')
    expect(fill('linear')).toBe('linear')
    expect(fill(-1.5)).toBe('value')
    expect(fill('-1.5e3')).toBe('value')
    expect(fill({ kind: 0 })).toBe('value')
    expect(fill({ kind: null })).toBe('null')
    expect(fill({ kind: 'none' })).toBeNull()
    expect(fill({ kind: 'linear', maxGap: null, lookback: null })).toBe('linear')
  })
  test('by * is every tag, an empty list is none', () => {
    expect(parse({ select: 'max(x)', by: '*' }).by).toBe('*')
    expect(parse({ select: 'max(x)', by: ['*'] }).by).toBe('*')
    expect(parse({ select: 'max(x)', by: [] }).by).toBeNull()
    expect(parse({ select: 'max(x)', by: ['a "b"', 'c,d'] }).by).toEqual(['a "b"', 'c,d'])
  })
  test('an export has no default limit', () => {
    const limit = { default: Infinity, max: Infinity }
    expect(parse({}, { limit }).limit).toBe(Infinity)
    expect(parse({ limit: 5e6 }, { limit }).limit).toBe(5e6)
  })
  test('a zone is fine where it changes nothing', () => {
    expect(parse({ tz: 'Etc/UTC' }).timeZone).toBe('UTC')
    expect(parse({ tz: 'Asia/Tokyo' }).timeZone).toBe('UTC')
    expect(parse({ tz: 'Asia/Tokyo', select: 'max(x)', every: '2d' }).timeZone).toBe('Asia/Tokyo')
    expect(parse({ tz: 'Asia/Tokyo', select: 'max(x)', every: '1h' }).every!.unit).toBe('h')
  })
})

describe('a wrong request names its member', () => {
  const cases: [Record<string, unknown>, string, string, string][] = [
    [{ tabel: 'x' }, 'bad_request', '/tabel', 'did you mean table?'],
    [{ foo: 1 }, 'bad_request', '/foo', 'known are table start'],
    [{ 'a/b': 1 }, 'bad_request', '/a~1b', 'unknown'],
    [{ table: undefined }, 'bad_request', '/table', 'missing'],
    [{ table: '' }, 'bad_request', '/table', 'empty'],
    [{ table: 5 }, 'bad_request', '/table', 'text, not number'],
    [{ table: 'ü'.repeat(513) }, 'bad_request', '/table', '1024 bytes'],
    [{ start: 2 ** 53 }, 'unsafe_integer', '/start', 'not exact'],
    [{ end: 'soon' }, 'bad_request', '/end', 'not a time'],
    [{ end: '9999-12-31' }, 'out_of_range', '/end', '2262'],
    [{ origin: 1.5 }, 'bad_request', '/origin', 'whole number'],
    [{ where: 'host =' }, 'sql_syntax', '/where', 'position 7'],
    [{ where: { u: { above: 1 } } }, 'bad_request', '/where/u/above', 'eq ne lt'],
    [{ select: ['mean(x'] }, 'sql_syntax', '/select/0', 'position 7'],
    [{ select: [] }, 'bad_request', '/select', 'empty'],
    [{ select: 'max(x)', by: 5 }, 'bad_request', '/by', 'list of tags'],
    [{ select: 'max(x)', by: [5] }, 'bad_request', '/by', 'name'],
    [{ select: 'max(x)', by: 'a,,b' }, 'bad_request', '/by', 'name'],
    [{ select: 'max(x)', by: '"a' }, 'bad_request', '/by', 'quote'],
    [{ select: 'max(x)', by: 'a,a' }, 'bad_request', '/by', 'twice'],
    [{ by: 'host' }, 'bad_request', '/by', 'aggregate'],
    [{ by: '*', select: 'usage' }, 'bad_request', '/by', 'aggregate'],
    [{ every: '1m' }, 'bad_request', '/every', 'aggregate'],
    [{ select: 'max(x)', every: '0s' }, 'bad_request', '/every', 'more than zero'],
    [{ select: 'max(x)', every: 60 }, 'bad_request', '/every', 'not a duration'],
    [{ select: 'max(x)', fill: 'linear' }, 'bad_request', '/fill', 'needs every'],
    [{ select: 'max(x)', every: '1m', fill: 'zero' }, 'bad_request', '/fill', 'none, null'],
    [{ select: 'max(x)', every: '1m', fill: NaN }, 'bad_request', '/fill', 'none, null'],
    [{ select: 'max(x)', every: '1m', fill: [] }, 'bad_request', '/fill', 'none, null'],
    [{ select: 'max(x)', every: '1m', fill: '{' }, 'bad_request', '/fill', 'JSON'],
    [{ select: 'max(x)', every: '1m', fill: {} }, 'bad_request', '/fill', 'kind'],
    [
      { select: 'max(x)', every: '1m', fill: { kind: 'linear', maxgap: '1m' } },
      'bad_request',
      '/fill',
      'unknown',
    ],
    [
      { select: 'max(x)', every: '1m', fill: { kind: 0, maxGap: '1m' } },
      'bad_request',
      '/fill',
      'previous and linear',
    ],
    [
      { select: 'max(x)', every: '1m', fill: { kind: 'linear', maxGap: '1mo' } },
      'bad_request',
      '/fill/maxGap',
      'fixed length',
    ],
    [{ order: 'up' }, 'bad_request', '/order', 'asc or desc'],
    [{ limit: 0 }, 'bad_request', '/limit', 'from 1 to 1000000'],
    [{ limit: 1_000_001 }, 'bad_request', '/limit', 'from 1 to 1000000'],
    [{ limit: 1.5 }, 'bad_request', '/limit', 'whole'],
    [{ limit: '5' }, 'bad_request', '/limit', 'whole'],
    [{ precision: 'm' }, 'bad_request', '/precision', 'ns us ms s'],
    [{ precision: 'toString' }, 'bad_request', '/precision', 'ns us ms s'],
    [{ tz: 'Mars/Base' }, 'bad_request', '/tz', 'time zone'],
    [{ points: 1 }, 'bad_request', '/points', 'from 2 to 1000000'],
    [{ points: 3, method: 'm4' }, 'bad_request', '/points', 'from 4 to'],
    [{ points: 2.5 }, 'bad_request', '/points', 'whole number'],
    [{ points: 1e6 + 1 }, 'bad_request', '/points', 'from 2 to 1000000'],
    [{ points: 9, method: 'all' as 'm4' }, 'bad_request', '/method', 'lttb, m4 or minmax'],
    [{ points: 9, select: 'mean(x)' }, 'bad_request', '/points', 'raw points'],
    [{ method: 'lttb' }, 'bad_request', '/method', 'points'],
    [{ cursor: 'nonsense' }, 'bad_request', '/cursor', 'not one of ours'],
    [{ cursor: 5 }, 'bad_request', '/cursor', 'text'],
  ]
  test.each(cases)('%j', (members, code, pointer, message) => {
    const error = failure(() => parse(members))
    expect([error.code, error.details.pointer]).toEqual([code, pointer])
    expect(error.message).toContain(message)
  })
  test('also if it is no object', () => {
    for (const request of [null, 5, 'x', []]) {
      const run = () => parseQuery(request as unknown as QueryRequest, context)
      expect(failure(run).code).toBe('bad_request')
    }
  })
})

describe('a cursor', () => {
  const members = { start: '-1h', select: 'max(x)', by: 'host', every: '1m' }
  const tags: [string, string | null][] = [
    ['a', 'Zürich "1"'],
    ['b', null],
    ['c', '😀'],
  ]

  test('brings its position, and the `now` of the first page', () => {
    const first = parse(members)
    const cursor = encodeCursor(first, -5n, tags)
    expect(cursor).toMatch(/^[\w-]+$/)
    const next = parse({ ...members, cursor, limit: 5 }, { now: NOW + 999n })
    expect(next.cursor).toMatchObject({
      now: NOW,
      time: -5n,
      tags: [
        ['a', 'Zürich "1"'],
        ['c', '😀'],
      ],
    })
    expect(next.now).toBe(NOW)
    expect(next.start).toBe(first.start)
    expect(fingerprintOf(next)).toBe(fingerprintOf(first))
  })
  test('fits the same meaning in other words', () => {
    const cursor = encodeCursor(parse(members), 0n, [])
    const same = { ...members, select: ['max(x)'], by: ['host'], end: null, cursor }
    expect(parse(same).cursor!.time).toBe(0n)
  })
  test('fits no request with other fields', () => {
    const cursor = encodeCursor(parse(members), 0n, [])
    const changes: Record<string, unknown>[] = [
      { table: 'mem' },
      { start: '-2h' },
      { end: 'now' },
      { where: 'a = 1' },
      { select: 'min(x)' },
      { select: 'max(x) AS y' },
      { by: 'rack' },
      { by: '*' },
      { every: '2m' },
      { origin: 1 },
      { fill: 0 },
      { fill: 'null' },
      { order: 'desc' },
    ]
    for (const change of changes) {
      const error = failure(() => parse({ ...members, ...change, cursor }))
      expect(error.message, JSON.stringify(change)).toContain('other fields')
      expect(error.details.pointer).toBe('/cursor')
    }
    const database = failure(() => parse({ ...members, cursor }, { database: 'other' }))
    expect(database.message).toContain('other fields')
  })
  test('with any character changed is refused or means another row, and never throws anything else', () => {
    const cursor = encodeCursor(parse(members), 5n, tags)
    for (let seed = 0; seed < 500; seed++) {
      const random = randomOf(seed)
      const at = random.int(cursor.length)
      const character = String.fromCharCode(random.int(128))
      const changed = cursor.slice(0, at) + character + cursor.slice(at + random.int(3))
      try {
        decodeCursor(changed)
      } catch (error) {
        expect((error as OmenError).code, `seed ${seed}`).toBe('bad_request')
      }
    }
    for (const parts of [
      [2, 'x', '0', '0', []],
      [1, 'x', '0', '0'],
      [1, 'x', 0, '0', []],
      [1, 'x', '0', '99999999999999999999', []],
      [1, 'x', '0', '9223372036854775807', []],
      [1, 'x', '0', '0', [['a']]],
      [1, 'x', '0', '0', [['a', null]]],
      [1, 'x', '0', '0', {}],
      { 0: 1 },
      null,
    ]) {
      const text = btoa(JSON.stringify(parts))
      expect(failure(() => decodeCursor(text.replace(/=+$/, ''))).code).toBe('bad_request')
    }
    expect(failure(() => decodeCursor('A'.repeat(2 ** 21))).code).toBe('bad_request')
  })
})

describe('latest', () => {
  const latest = (members: Record<string, unknown>) =>
    parseLatest({ table: 'cpu', ...members } as unknown as LatestRequest, context)
  test('has series or groups, columns and a start', () => {
    expect(
      latest({ by: 'host', select: 'usage', where: "host = 'a'", start: '-1h' }),
    ).toMatchObject({
      kind: 'latest',
      by: ['host'],
      select: [{ name: 'usage' }],
      start: NOW - 3_600_000_000_000n,
      end: null,
      limit: 1_000_000,
    })
    expect(latest({}).select).toBeNull()
  })
  test('refuses aggregates and members of queries', () => {
    expect(failure(() => latest({ select: 'max(x)' })).details.pointer).toBe('/select')
    expect(failure(() => latest({ end: 'now' })).details.pointer).toBe('/end')
    expect(failure(() => latest({ limit: 5 })).details.pointer).toBe('/limit')
  })
})

describe('order', () => {
  test('of text is that of its UTF-8 bytes', () => {
    const texts = [
      '',
      'a',
      'A',
      'a b',
      'a,',
      'ab',
      'b',
      'é',
      'ﬀ',
      '\uffff',
      '😀',
      '😁',
      '\ue000',
      '퟿',
    ]
    const bytes = (text: string): Buffer => Buffer.from(text)
    for (const a of texts) {
      for (const b of texts) {
        const expected = Buffer.compare(bytes(a), bytes(b))
        expect(Math.sign(compareText(a, b)), `${a} ${b}`).toBe(expected)
      }
    }
  })
  test('of tags is pair by pair, absent ones left out', () => {
    const sorted: [string, string | null][][] = [
      [],
      [['host', 'a']],
      [
        ['host', 'a'],
        ['rack', '1'],
      ],
      [['host', 'a b']],
      [['host', 'b']],
      [
        ['host', null],
        ['rack', '1'],
      ],
      [['rack', '2']],
    ]
    sorted.forEach((a, i) => {
      sorted.forEach((b, j) => {
        expect(Math.sign(compareTags(a, b)), `${i} ${j}`).toBe(Math.sign(i - j))
      })
    })
    expect(compareTags([['a', null]], [])).toBe(0)
  })
})
