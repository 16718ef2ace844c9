// The whole way: real HTTP and the real engine. What goes in by each route comes out by the others,
// exact; what is refused leaves nothing behind.

import { tableFromIPC } from 'apache-arrow'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { useLiveServer, type Json } from './live.ts'

const live = useLiveServer()
const { send, sendJson, get, query } = live

async function expectAbsent(database: string, table: string): Promise<void> {
  const { tables } = await get('/v1/tables?db=default')
  expect(tables.map(({ name }: Json) => name)).not.toContain(table)
  expect((await get(`/v1/tables/${table}?db=${database}`, 404))['code']).toBe('not_found')
}

/** Rows of all series as plain objects. */
function rowsOf({ series }: Json): Json[] {
  return series.flatMap(({ tags, time, fields }: Json) =>
    time.map((at: unknown, row: number) => ({
      time: at,
      ...tags,
      ...Object.fromEntries(Object.entries(fields).map(([name, v]) => [name, (v as any[])[row]])),
    })),
  )
}

describe('line protocol', () => {
  test('comes back as raw points, of every type, exact', async () => {
    const lines =
      'types,host=a f=0.1,i=9007199254740993i,u=18446744073709551615u,b=true,s="x \\"y\\" é" 1790000000000000001\n' +
      'types,host=a f=-0 1790000001000000000\n'
    expect(await send('/v1/write', lines)).toEqual({
      status: 200,
      body: { written: 2, rejected: 0, ack: 'fsync', errors: [] },
    })
    const answer = await query({ table: 'types', time: 'ns' })
    expect(answer['columns']).toEqual([
      { name: 'time', type: 'timestamp', unit: 'ns' },
      { name: 'b', type: 'boolean' },
      { name: 'f', type: 'float' },
      { name: 'i', type: 'integer', encoding: 'string' },
      { name: 's', type: 'string' },
      { name: 'u', type: 'unsigned', encoding: 'string' },
    ])
    expect(answer['series']).toEqual([
      {
        tags: { host: 'a' },
        time: ['1790000000000000001', '1790000001000000000'],
        fields: {
          b: [true, null],
          f: [0.1, -0],
          i: ['9007199254740993', null],
          s: ['x "y" é', null],
          u: ['18446744073709551615', null],
        },
      },
    ])
    expect(answer).toMatchObject({ rowCount: 2, cursor: null })
  })

  test('is read gzipped, in chunks cut anywhere', async () => {
    const lines = Array.from({ length: 2000 }, (_, i) => `zipped,host=h${i % 7} n=${i}i ${i + 1}`)
    const body = gzipSync(lines.join('\n'))
    const headers = { 'Content-Encoding': 'gzip' }
    expect((await send('/v1/write?precision=s', body, headers)).body['written']).toBe(2000)
    const { series } = await query({ table: 'zipped', select: ['count(n) AS c', 'sum(n) AS s'] })
    expect(series[0].fields).toEqual({ c: [2000], s: [1_999_000] })
  })

  test('with one bad line is refused whole, by line and column, and stores nothing', async () => {
    const { status, body } = await send('/v1/write', 'ghost u=1 1\nghost u=2 2\nghost u= 3\n')
    expect([status, body['code'], body['written']]).toEqual([400, 'line_protocol', 0])
    expect(body['errors']).toHaveLength(1)
    expect(body['errors'][0]).toMatchObject({ line: 3, input: 'ghost u= 3' })
    expect(body['errors'][0].column).toBeGreaterThan(0)
    await expectAbsent('default', 'ghost')
  })

  test('with partial=true is stored but for the bad line', async () => {
    const { status, body } = await send(
      '/v1/write?partial=true',
      'part u=1 1\npart u= 2\npart u=3 3\n',
    )
    expect([status, body['written'], body['rejected']]).toEqual([200, 2, 1])
    expect(body['errors'][0]).toMatchObject({ line: 2 })
    expect((await query({ table: 'part' }))['rowCount']).toBe(2)
  })

  test('of another type is a 422 that names the column', async () => {
    await send('/v1/write', 'typed u=1 1')
    const { status, body } = await send('/v1/write', 'typed v=1 2\ntyped u="x" 3')
    expect([status, body['code']]).toEqual([422, 'type_conflict'])
    expect(JSON.stringify(body)).toContain('u')
    expect((await get('/v1/tables/typed'))['fields']).toEqual({ u: 'float' })
  })

  test('without a time is of its arrival, and two requests are two points', async () => {
    await send('/v1/write', 'arrived u=1')
    await send('/v1/write', 'arrived u=2')
    const { series } = await query({ table: 'arrived', start: 'now-1m', end: 'now+1m' })
    expect(series[0].fields.u).toEqual([1, 2])
  })
})

describe('JSON points', () => {
  test('are stored as columns and as rows', async () => {
    const body = [
      {
        table: 'json',
        tags: { host: 'a' },
        time: [1790000000000, 1790000001000],
        fields: { usage: [0.5, 0.7], temp: [41, null] },
      },
      {
        table: 'json',
        rows: [
          { time: '2026-09-21T14:13:20.000000123Z', tags: { host: 'b' }, fields: { usage: 0.25 } },
          { time: '1790000002000', tags: { host: 'b' }, fields: { n: '9007199254740993' } },
        ],
        types: { n: 'integer' },
      },
    ]
    expect((await sendJson('/v1/points', body)).body).toMatchObject({ written: 4, rejected: 0 })
    const answer = await query({ table: 'json', time: 'rfc3339' })
    expect(rowsOf(answer)).toEqual([
      { time: '2026-09-21T14:13:20Z', host: 'a', n: null, temp: 41, usage: 0.5 },
      { time: '2026-09-21T14:13:21Z', host: 'a', n: null, temp: null, usage: 0.7 },
      { time: '2026-09-21T14:13:20.000000123Z', host: 'b', n: null, temp: null, usage: 0.25 },
      { time: '2026-09-21T14:13:22Z', host: 'b', n: '9007199254740993', temp: null, usage: null },
    ])
  })

  test('numbers become integers only where the column is one', async () => {
    await send('/v1/write', 'counted n=1i 1')
    const good = { table: 'counted', rows: [{ time: 2, fields: { n: 2, x: 2 } }] }
    expect((await sendJson('/v1/points', good)).body['written']).toBe(1)
    expect((await get('/v1/tables/counted'))['fields']).toEqual({ n: 'integer', x: 'float' })
    const fraction = { table: 'counted', rows: [{ fields: { n: 1 } }, { fields: { n: 0.5 } }] }
    const refused = await sendJson('/v1/points', fraction)
    expect([refused.status, refused.body['code']]).toEqual([422, 'type_conflict'])
    expect(refused.body['errors'][0]).toMatchObject({ pointer: '/rows/1/fields/n', input: '0.5' })
    const unsafe = '{"table":"counted","time":[3,4],"fields":{"x":[1,2],"n":[1,9007199254740993]}}'
    const big = await send('/v1/points', unsafe, { 'Content-Type': 'application/json' })
    expect([big.status, big.body['code']]).toEqual([400, 'unsafe_integer'])
    const cell = { pointer: '/fields/n/1', input: '9007199254740992' }
    expect(big.body['errors'][0]).toMatchObject(cell)
    expect((await query({ table: 'counted' }))['rowCount']).toBe(2)
  })

  test.each([
    [{ table: '', time: [1], fields: { x: [1] } }, ''],
    [[{ table: 't', tags: { 'a\n': 'x' }, time: [1], fields: { x: [1] } }], '/0'],
    [{ table: 't', time: [1, 2], fields: { x: [null, 1], time: [null, 3] } }, '/fields/time/1'],
    [
      { table: 't', rows: [{ fields: { x: 1 } }, { fields: { 'a~/b\n': 1 } }] },
      '/rows/1/fields/a~0~1b\n',
    ],
  ])('of names that cannot be are refused where they stand: %j', async (body, pointer) => {
    const { status, body: problem } = await sendJson('/v1/points', body)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(problem['errors'][0].pointer).toBe(pointer)
  })

  test('that are refused leave no table behind', async () => {
    const body = { table: 'phantom', rows: [{ fields: { u: 1 } }, { fields: { u: 'x' } }] }
    expect((await sendJson('/v1/points', body)).status).toBe(422)
    await expectAbsent('default', 'phantom')
  })

  test('overwrite fields of their time, the last of a request winning', async () => {
    const row = (fields: Json) => ({ time: 1000, tags: { h: 'a' }, fields })
    const body = { table: 'over', rows: [row({ a: 1, b: 1 }), row({ a: 2 }), row({ b: null })] }
    await sendJson('/v1/points', body)
    await sendJson('/v1/points', { table: 'over', rows: [row({ b: 5 })] })
    expect(rowsOf(await query({ table: 'over' }))).toEqual([{ time: 1000, h: 'a', a: 2, b: 5 }])
  })

  test('a raw entry of an answer is a body again', async () => {
    const answer = await query({ table: 'json', where: "host = 'a'" })
    const entry = { table: 'again', ...answer['series'][0] }
    expect((await sendJson('/v1/points', entry)).body['written']).toBe(2)
    const again = await query({ table: 'again', select: ['temp', 'usage'] })
    expect(rowsOf(again)).toEqual(
      rowsOf({ series: answer['series'] }).map(({ n: _n, ...row }) => row),
    )
  })
})

describe('import and export', () => {
  const csv =
    'time,host,u,ok,note\n' +
    '2026-09-21T14:13:20.000000001Z,"a,b",0.5,true,"say ""hi"""\n' +
    '2026-09-21 14:13:21,"a,b",,false,\n' +
    '1790000002000,c,1e3,,""\n'
  const expected = [
    { time: '2026-09-21T14:13:20.000000001Z', host: 'a,b', note: 'say "hi"', ok: true, u: 0.5 },
    { time: '2026-09-21T14:13:21Z', host: 'a,b', note: null, ok: false, u: null },
    { time: '2026-09-21T14:13:22Z', host: 'c', u: 1000, ok: null },
  ]

  test('CSV comes back as points', async () => {
    const { status, body } = await send('/v1/import?table=sheet&tags=host', csv, {
      'Content-Type': 'text/csv',
    })
    expect([status, body['written'], body['errors']]).toEqual([200, 3, []])
    const rows = rowsOf(await query({ table: 'sheet', time: 'rfc3339' }))
    expect(rows).toMatchObject(expected)
  })

  test.each([
    ['csv', 'text/csv'],
    ['ndjson', 'application/x-ndjson'],
  ])('what is exported as %s is imported again, the same', async (format, type) => {
    const lines =
      'trip,host=a,rack=r1 f=0.1,i=-9223372036854775808i,b=true,s="a,\\"b\\"" 1790000000000000001\ntrip f=2 2'
    await send('/v1/write', lines)
    const text = await (await fetch(`${live.url}/v1/export?table=trip&format=${format}`)).text()
    const path = `/v1/import?db=copy_${format}&table=trip&tags=host,rack&types=i:integer`
    const { status, body } = await send(path, text, { 'Content-Type': type })
    expect([status, body['written'], body['errors']]).toEqual([200, 2, []])
    const [one, two] = [
      await query({ table: 'trip', time: 'ns' }),
      await query({ table: 'trip', time: 'ns' }, `copy_${format}`),
    ]
    expect(two['series']).toEqual(one['series'])
    const again = await fetch(`${live.url}/v1/export?db=copy_${format}&table=trip&format=${format}`)
    expect(await again.text()).toBe(text)
  })

  test('an export as Arrow has every value of the engine', async () => {
    const lines =
      'arrow,host=a f=0.1,i=-9223372036854775808i,u=18446744073709551615u,s="é\\"" 1790000000000000001\n' +
      'arrow f=2,b=true 2'
    await send('/v1/write', lines)
    const answer = await fetch(`${live.url}/v1/export?table=arrow&format=arrow`)
    expect(answer.headers.get('content-type')).toBe('application/vnd.apache.arrow.stream')
    const table = tableFromIPC(new Uint8Array(await answer.arrayBuffer()))
    const names = table.schema.fields.map(({ name }) => name)
    expect(names).toEqual(['time', 'host', 'b', 'f', 'i', 's', 'u'])
    const column = (name: string): unknown[] => [...table.getChild(name)!]
    expect(column('host')).toEqual([null, 'a'])
    expect(column('b')).toEqual([true, null])
    expect(column('f')).toEqual([2, 0.1])
    expect(column('i')).toEqual([null, -(2n ** 63n)])
    expect(column('s')).toEqual([null, 'é"'])
    expect(column('u')).toEqual([null, 2n ** 64n - 1n])
    const times = table.batches.flatMap((batch) => [...batch.getChildAt(0)!.data[0]!.values])
    expect(times).toEqual([2n, 1_790_000_000_000_000_001n])
  })

  test('an export of buckets has the groups as columns', async () => {
    const path = '/v1/export?table=sheet&select=count(*)%20AS%20n&by=host&every=1d&time=s'
    expect(await (await fetch(live.url + path)).text()).toBe(
      'time,host,n\n1789948800,"a,b",2\n1789948800,c,1\n',
    )
  })

  test('CSV whose times are in another column is refused, not stored at one time', async () => {
    const csv = 'timestamp,u\n1790000000000,1\n1790000001000,2\n'
    const headers = { 'Content-Type': 'text/csv' }
    const { status, body } = await send('/v1/import?table=untimed', csv, headers)
    expect([status, body['detail']]).toEqual([400, "CSV header: no column 'time'"])
    await get('/v1/tables/untimed', 404)
    const named = await send('/v1/import?table=untimed&time=timestamp', csv, headers)
    expect(named).toMatchObject({ status: 200, body: { written: 2 } })
  })

  test('a bad cell is refused by line', async () => {
    const bad = 'time,u\n1,2\n2,x\n'
    const { status, body } = await send('/v1/import?table=cells&types=u:float', bad, {
      'Content-Type': 'text/csv',
    })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(body['errors'][0]).toMatchObject({ line: 3 })
    await expectAbsent('default', 'cells')
  })
})

describe('queries', () => {
  beforeAll(async () => {
    const lines: string[] = []
    for (let minute = 0; minute < 120; minute++) {
      for (const host of ['a', 'b']) {
        if (host === 'b' && minute >= 30 && minute < 60) continue
        lines.push(
          `cpu,host=${host},dc=x usage=${minute + (host === 'b' ? 0.5 : 0)} ${1_790_000_040 + minute * 60}`,
        )
      }
    }
    expect((await send('/v1/write?precision=s', lines.join('\n'))).body['written']).toBe(210)
  })

  const range = { start: 1_790_000_040_000, end: 1_790_000_040_000 + 7_200_000 }

  test('downsample by group, the same by URL', async () => {
    const request = {
      table: 'cpu',
      ...range,
      select: ['mean(usage) AS u', 'count(usage) AS n'],
      by: ['host'],
      every: '1h',
      origin: range.start,
    }
    const answer = await query(request)
    expect(answer['series']).toEqual([
      {
        tags: { host: 'a' },
        time: [1790000040000, 1790003640000],
        fields: { u: [29.5, 89.5], n: [60, 60] },
      },
      {
        tags: { host: 'b' },
        time: [1790000040000, 1790003640000],
        fields: { u: [15, 90], n: [30, 60] },
      },
    ])
    const url = `/v1/query?table=cpu&start=${range.start}&end=${range.end}&select=mean(usage)%20AS%20u,count(usage)%20AS%20n&by=host&every=1h&origin=${range.start}`
    expect((await get(url))['series']).toEqual(answer['series'])
  })

  test('fill', async () => {
    const request = {
      table: 'cpu',
      ...range,
      select: { u: 'max(usage)' },
      where: { host: 'b' },
      every: '20m',
      origin: range.start,
    }
    const filled = async (fill: unknown) =>
      (await query({ ...request, fill }))['series'][0].fields.u
    expect(await filled('none')).toEqual([19.5, 29.5, 79.5, 99.5, 119.5])
    expect(await filled('null')).toEqual([19.5, 29.5, null, 79.5, 99.5, 119.5])
    expect(await filled('previous')).toEqual([19.5, 29.5, 29.5, 79.5, 99.5, 119.5])
    expect(await filled({ kind: 'linear', maxGap: '2h' })).toEqual([
      19.5, 29.5, 54.5, 79.5, 99.5, 119.5,
    ])
    expect(await filled(0)).toEqual([19.5, 29.5, 0, 79.5, 99.5, 119.5])
  })

  test('take where as text and as an object', async () => {
    const text = await query({ table: 'cpu', where: "host IN ('a') AND usage > 117" })
    const object = await query({ table: 'cpu', where: { host: ['a'], usage: { gt: 117 } } })
    expect(text['series'][0].fields.usage).toEqual([118, 119])
    expect(object['series']).toEqual(text['series'])
  })

  test('page through everything with the cursor', async () => {
    const rows: Json[] = []
    let cursor: string | null = null
    do {
      const page: Json = await query({ table: 'cpu', limit: 47, cursor })
      rows.push(...rowsOf(page))
      cursor = page['cursor']
    } while (cursor !== null)
    const key = ({ time, host }: Json) => `${host} ${time}`
    const whole = rowsOf(await query({ table: 'cpu' }))
    expect(rows.map(key).sort()).toEqual(whole.map(key).sort())
  })

  test('the newest points', async () => {
    const answer = await get('/v1/latest?table=cpu&by=host&time=s')
    expect(rowsOf(answer)).toMatchObject([
      { time: 1_790_007_180, host: 'a', usage: 119 },
      { time: 1_790_007_180, host: 'b', usage: 119.5 },
    ])
  })

  test.each([
    ['/v1/query?table=nope', 404, 'not_found'],
    ['/v1/query?table=cpu&db=nope', 404, 'not_found'],
    ['/v1/query?table=cpu&select=usge', 400, 'unknown_column'],
    ['/v1/query?table=cpu&where=hots=%27a%27', 400, 'unknown_column'],
    ['/v1/query?table=cpu&where=host%20=', 400, 'sql_syntax'],
    ['/v1/query?table=cpu&start=yesterday', 400, 'bad_request'],
    ['/v1/query?table=cpu&select=nothing(usage)', 422, 'type_conflict'],
    ['/v1/query?table=cpu&every=1m', 400, 'bad_request'],
    ['/v1/latest?table=nope', 404, 'not_found'],
    ['/v1/export?table=nope', 404, 'not_found'],
    ['/v1/tables/nope', 404, 'not_found'],
    ['/v1/tables/nope/series', 404, 'not_found'],
    ['/v1/tables/nope/stats', 404, 'not_found'],
  ])('%s is a %d %s', async (path, status, code) => {
    expect((await get(path, status))['code']).toBe(code)
  })

  test('an unsafe integer time is refused', async () => {
    const body = '{"table":"cpu","start":9007199254740993}'
    const answer = await send('/v1/query', body, { 'Content-Type': 'application/json' })
    expect([answer.status, answer.body['code']]).toEqual([400, 'unsafe_integer'])
  })

  test('a misspelt column suggests the nearest, with its place', async () => {
    const problem = await get('/v1/query?table=cpu&select=mean(usgae)', 400)
    expect(problem['detail']).toContain('usage')
    expect(problem).toMatchObject({ sqlstate: '42703', position: 6 })
  })
})

describe('tables', () => {
  test('say what they have, and go when they are dropped', async () => {
    await send('/v1/write?db=shop&precision=s', 'sales,city=a,shop=1 n=1i 10\nsales,city=b n=2i 20')
    expect(await get('/v1/tables?db=shop')).toEqual({
      tables: [{ name: 'sales', points: 2, series: 2 }],
    })
    expect(await get('/v1/tables/sales?db=shop')).toMatchObject({
      name: 'sales',
      tags: ['city', 'shop'],
      fields: { n: 'integer' },
      retention: null,
      rollups: [],
      points: 2,
      series: 2,
      firstTime: 10_000,
      lastTime: 20_000,
    })
    const series = [{ tags: { city: 'a', shop: '1' } }, { tags: { city: 'b' } }]
    expect(await get('/v1/tables/sales/series?db=shop')).toEqual({ series, cursor: null })
    expect(await get('/v1/tables/sales/tags?db=shop')).toEqual({ tags: ['city', 'shop'] })
    const values = await get("/v1/tables/sales/tags/city/values?db=shop&where=shop='1'")
    expect(values).toEqual({ values: ['a'], cursor: null })
    expect(await get('/v1/tables/sales/stats?db=shop')).toMatchObject({ name: 'sales' })
    const drop = () => fetch(`${live.url}/v1/tables/sales?db=shop`, { method: 'DELETE' })
    expect((await drop()).status).toBe(204)
    expect((await drop()).status).toBe(404)
    expect(await get('/v1/tables?db=shop')).toEqual({ tables: [] })
  })
})
