// HTTP behaviour of the app over a fake database: envelopes, statuses, headers. Data is tested on
// the real engine in end-to-end.test.ts.

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { OmenError, type ErrorCode } from '../../engine/error.ts'
import { createApp, type AppOptions } from '../../server/app.ts'
import type { Problem } from '../../server/problem.ts'
import { createFake, type FakeDatabase } from './fake.ts'

function start(options: AppOptions = {}) {
  const db = createFake()
  const log: string[] = []
  const app = createApp(db, { log: (message) => log.push(message), ...options })
  const call = async (path: string, init: RequestInit = {}): Promise<Response> =>
    app.request(path, init)
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    call(path, { method: 'POST', body, headers })
  return { db, log, call, post }
}

const json = { 'Content-Type': 'application/json' }
const csv = { 'Content-Type': 'text/csv' }

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = (await response.json()) as Problem
  expect(problem).toMatchObject({ status: response.status, written: 0 })
  expect(problem.requestId).toBe(response.headers.get('x-request-id'))
  expect(problem.type).toBe(`/docs#${problem.code}`)
  expect(Array.isArray(problem.errors)).toBe(true)
  return problem
}

describe('every answer', () => {
  test.each(['/health', '/v1/tables', '/nowhere', '/v1/query'])(
    'of %s has a request id, a timing and no caching',
    async (path) => {
      const { headers } = await start().call(path)
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      expect(headers.get('server-timing')).toMatch(/^total;dur=\d+\.\d+$/)
      expect(headers.get('cache-control')).toBe('no-store')
    },
  )

  test.each([
    ['abc-DEF_9', true],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    ['a b', false],
    ['<script>', false],
  ])('repeats the request id %s: %s', async (id, kept) => {
    const { headers } = await start().call('/health', { headers: { 'X-Request-Id': id } })
    expect(headers.get('x-request-id') === id).toBe(kept)
  })
})

describe('paths and methods', () => {
  test('that do not exist are a 404 problem', async () => {
    const problem = await problemOf(await start().call('/v1/nope'))
    expect(problem).toMatchObject({ status: 404, code: 'not_found' })
  })

  test.each([
    ['PATCH', '/v1/tables/cpu', 'GET, HEAD, PUT, DELETE'],
    ['GET', '/v1/write', 'POST'],
    ['DELETE', '/v1/query', 'GET, HEAD, POST'],
    ['OPTIONS', '/v1/query', 'GET, HEAD, POST'],
    ['PROPFIND', '/health', 'GET, HEAD'],
  ])('%s %s is a 405 that allows %s', async (method, path, allowed) => {
    const response = await start().call(path, { method })
    expect(response.headers.get('allow')).toBe(allowed)
    expect(await problemOf(response)).toMatchObject({ status: 405, code: 'method_not_allowed' })
  })

  test('HEAD answers as GET does, without a body', async () => {
    const { call } = start()
    const response = await call('/v1/tables', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.text()).toBe('')
  })

  test('HEAD of an export lets go of its rows', async () => {
    const { db, call } = start()
    db.chunks = manyChunks(100)
    let taken = 0
    db.onChunk = () => taken++
    await call('/v1/export?table=cpu', { method: 'HEAD' })
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(taken).toBeLessThan(10)
  })
})

describe('parameters and members', () => {
  test.each([
    ['/v1/query?table=cpu&tabel=x', 'unknown parameter "tabel"', '/tabel'],
    ['/v1/query?table=cpu&table=x', 'parameter "table" is given twice', '/table'],
    ['/v1/query', 'parameter "table" is missing', '/table'],
    ['/v1/query?table=cpu&limit=ten', 'parameter "limit": a whole number', '/limit'],
    ['/v1/query?table=cpu&time=min', 'parameter "time": one of ms, s, us, ns, rfc3339', '/time'],
    [
      '/v1/query?table=cpu&where={"a":1,"a":2}',
      'parameter "where": member "a" is given twice',
      '/a',
    ],
    ['/v1/tables?db=9', 'parameter "db": a database name is 1 to 63', '/db'],
    ['/v1/tables/cpu?x=1', 'unknown parameter "x"', '/x'],
    [
      '/v1/export?table=cpu&format=xml',
      'parameter "format": one of csv, ndjson, lp, arrow, parquet',
      '/format',
    ],
    ['/health?x=1', 'unknown parameter "x"', '/x'],
  ])('%s is a 400: %s', async (path, message, pointer) => {
    const problem = await problemOf(await start().call(path))
    expect(problem).toMatchObject({ status: 400, code: 'bad_request' })
    expect(problem.detail).toContain(message)
    expect(problem.errors[0]).toMatchObject({ pointer })
  })

  test.each([
    ['{"table":"cpu","tabel":1}', 'unknown member "tabel"'],
    ['{"table":"cpu","table":"x"}', 'body: member "table" is given twice'],
    ['{"start":1}', 'member "table" is missing'],
    ['{"table":1}', 'member "table"'],
    ['{"table":"cpu","fill":{"kind":"linear","gap":"1m"}}', 'fill'],
    ['[]', 'body'],
    ['{', 'body: not valid JSON'],
    ['', 'body: not valid JSON: it is empty'],
  ])('of the body %s: %s', async (body, message) => {
    const problem = await problemOf(await start().post('/v1/query', body, json))
    expect(problem).toMatchObject({ status: 400, code: 'bad_request' })
    expect(problem.detail).toContain(message)
  })

  test('of a URL become the object that a POST carries', async () => {
    const { db, call, post } = start()
    const query =
      'table=cpu&start=now-6h&end=2026-09-21T14:13:20%2B02:00&select=mean(u) AS a,quantile(u, 0.9)' +
      '&by=host,rack&every=1m&fill=linear&where={"host":["a"]}&limit=10&time=ns&integers=string'
    await call(`/v1/query?db=plant&${query.replaceAll(' ', '%20')}`)
    const body = {
      table: 'cpu',
      start: 'now-6h',
      end: '2026-09-21T14:13:20+02:00',
      select: 'mean(u) AS a,quantile(u, 0.9)',
      by: 'host,rack',
      every: '1m',
      fill: 'linear',
      where: { host: ['a'] },
      limit: 10,
    }
    await post(
      '/v1/query?db=plant',
      JSON.stringify({ ...body, time: 'ns', integers: 'string' }),
      json,
    )
    expect(db.requests.map(({ request }) => request)).toEqual([body, body])
    expect(db.requests.map(({ options }) => options)).toMatchObject(
      Array.from({ length: 2 }, () => ({ database: 'plant', signal: expect.any(AbortSignal) })),
    )
  })

  test.each(['null', '0', '{"kind":0,"maxGap":"1h"}'])('fill=%s keeps its type', async (fill) => {
    const { db, call } = start()
    await call(`/v1/query?table=cpu&every=1m&fill=${encodeURIComponent(fill)}`)
    const expected = fill === 'null' ? 'null' : JSON.parse(fill)
    expect((db.requests[0]!.request as { fill: unknown }).fill).toEqual(expected)
  })

  test('of a body that are called __proto__ reach the engine', async () => {
    const { db, post } = start()
    const body = '{"table":"cpu","where":{"__proto__":"x"},"select":{"__proto__":"mean(u)"}}'
    expect((await post('/v1/query', body, json)).status).toBe(200)
    expect(JSON.stringify(db.requests[0]!.request)).toBe(body)
    const refused = await problemOf(await post('/v1/query', '{"table":"cpu","__proto__":1}', json))
    expect(refused.detail).toBe('unknown member "__proto__"')
  })

  test('of a path are decoded, slashes and all', async () => {
    const { db, call } = start()
    await call('/v1/tables/a%2Fb%20%C3%A9%25/tags/k%3F/values')
    expect(db.requests[0]!.request).toEqual(['a/b é%', 'k?'])
  })
})

describe('media types', () => {
  test.each([
    ['/v1/write', ''],
    ['/v1/write', 'text/plain'],
    ['/v1/write', 'text/plain; charset=UTF-8'],
    ['/v1/write', 'application/x-www-form-urlencoded'],
    ['/v1/import?table=t', 'application/x-www-form-urlencoded'],
    ['/v1/import?table=t', 'application/x-ndjson'],
  ])('%s reads "%s"', async (path, type) => {
    const body = new TextEncoder().encode('{"u":1}')
    const headers: Record<string, string> = type === '' ? {} : { 'Content-Type': type }
    expect((await start().post(path, body, headers)).status).toBe(200)
  })

  test.each([
    ['/v1/write', 'application/json'],
    ['/v1/points', 'text/plain'],
    ['/v1/import?table=t', 'application/json'],
    ['/v1/query', 'text/plain'],
    ['/v1/write', 'text/plain; charset=utf-16'],
  ])('%s refuses "%s" with 415', async (path, type) => {
    const { db, post } = start()
    const problem = await problemOf(await post(path, '{}', { 'Content-Type': type }))
    expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' })
    expect(db.batches.every(({ committed }) => committed === null)).toBe(true)
  })
})

describe('bodies', () => {
  const limits = { wireBytesMax: 1000, inflatedBytesMax: 5000 }
  const gzip = { 'Content-Encoding': 'gzip' }

  test('are inflated when they are gzip', async () => {
    const { db, post } = start()
    const response = await post('/v1/write', gzipSync('cpu u=1'), gzip)
    expect(response.status).toBe(200)
    expect(db.batches[0]).toMatchObject({ text: 'cpu u=1', committed: undefined })
  })

  test.each<[string, BodyInit]>([
    ['not gzip at all', new TextEncoder().encode('cpu u=1')],
    ['gzip cut short', gzipSync('cpu u=1').subarray(0, 20)],
    ['gzip with a wrong checksum', flip(gzipSync('cpu u=1'), -8)],
    ['nothing', new Uint8Array()],
  ])('that are %s are a 400 and store nothing', async (_name, body) => {
    const { db, post } = start()
    const problem = await problemOf(await post('/v1/write', body, gzip))
    expect(problem).toMatchObject({ status: 400, code: 'bad_request' })
    expect(db.batches.every(({ committed, discarded }) => committed === null && discarded)).toBe(
      true,
    )
  })

  test.each([
    ['announced', 'x'.repeat(1001), {}],
    ['streamed', stream('x'.repeat(600), 2), {}],
    ['inflated', gzipSync('x'.repeat(5001)), gzip],
    ['a bomb', gzipSync(Buffer.alloc(900_000)), gzip],
  ])('too large when %s are a 413', async (_name, body, headers) => {
    const { db, call } = start({ limits })
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit
    const problem = await problemOf(await call('/v1/write', init))
    expect(problem).toMatchObject({ status: 413, code: 'too_large' })
    expect(db.batches.every(({ committed, discarded }) => committed === null && discarded)).toBe(
      true,
    )
  })

  test('of exactly the limits are taken', async () => {
    const { call } = start({ limits })
    const exact = gzipSync('x'.repeat(5000))
    expect((await call('/v1/write', { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200)
    const init = { method: 'POST', body: exact, headers: gzip }
    expect((await call('/v1/write', init)).status).toBe(200)
  })

  test.each(['br', 'deflate', 'gzip, gzip'])('encoded as %s are a 415', async (encoding) => {
    const response = await start().post('/v1/write', 'x', { 'Content-Encoding': encoding })
    expect(await problemOf(response)).toMatchObject({ status: 415 })
  })

  test('of JSON that are not UTF-8 are a 400', async () => {
    const body = Uint8Array.of(0x22, 0xff, 0x22)
    expect(await problemOf(await start().post('/v1/points', body, json))).toMatchObject({
      detail: 'body: not valid UTF-8',
    })
  })
})

describe('writing', () => {
  test('hands options on and answers in the shape of the contract', async () => {
    const { db, post } = start()
    const path = '/v1/write?db=plant&precision=s&partial=true&ack=memory'
    const response = await post(path, 'cpu u=1', { 'Content-Type': 'text/plain' })
    expect(await response.json()).toEqual({ written: 1, rejected: 0, ack: 'memory', errors: [] })
    const options = { database: 'plant', precision: 's', partial: true }
    expect(db.batches[0]).toMatchObject({ options, committed: 'memory', discarded: true })
  })

  test('counts and lists what JSON rows it refuses when partial', async () => {
    const { db, post } = start()
    const body = '{"table":"t","rows":[{"fields":{"u":1}},{"time":"x","fields":{"u":1}}]}'
    const response = await post('/v1/points?partial=true', body, json)
    expect(await response.json()).toMatchObject({
      written: 1,
      rejected: 1,
      errors: [{ line: null, column: null, pointer: '/rows/1/time', input: 'x' }],
    })
    expect(db.batches[0]!.points).toHaveLength(1)
  })

  test('refuses all JSON rows for one bad one', async () => {
    const { db, post } = start()
    const body =
      '{"table":"t","rows":[{"fields":{"u":1}},{"time":9e15,"fields":{"n":0.5}}],"types":{"n":"integer"}}'
    const problem = await problemOf(await post('/v1/points', body, json))
    expect(problem).toMatchObject({ status: 422, code: 'out_of_range' })
    expect(problem.errors[0]).toMatchObject({ pointer: '/rows/1/time' })
    expect(db.batches[0]).toMatchObject({ committed: null, discarded: true })
  })

  test('names the lines that the engine refuses', async () => {
    const { db, post } = start()
    const error = { line: 3, column: 17, pointer: null, message: 'expected =', input: 'cpu u 1' }
    db.failure = new OmenError('line_protocol', 'line 3, column 17: expected =', {
      errors: [{ ...error, code: 'line_protocol' }],
    })
    const problem = await problemOf(await post('/v1/write', 'x'))
    expect(problem).toMatchObject({ status: 400, code: 'line_protocol', errors: [error] })
    expect(Object.keys(problem.errors[0]!)).toEqual([
      'line',
      'column',
      'pointer',
      'message',
      'input',
    ])
  })

  test('gives CSV its spec', async () => {
    const { db, post } = start()
    const path = '/v1/import?table=t&time=at&tags=a,b&types=n:integer,a:b:string'
    expect((await post(path, 'at,n\n1,2\n', csv)).status).toBe(200)
    const spec = { table: 't', time: 'at', tags: ['a', 'b'], types: { n: 1, 'a:b': 4 } }
    expect(db.batches[0]!.csv).toEqual({ text: 'at,n\n1,2\n', spec })
  })

  test('asks CSV for a column of times, also where none is named', async () => {
    const { db, post } = start()
    await post('/v1/import?table=t', 'ts,n\n1,2\n', csv)
    expect(db.batches[0]!.csv!.spec).toMatchObject({ time: 'time' })
  })

  test('takes NDJSON without a time, unless one was named', async () => {
    const { db, post } = start()
    const headers = { 'Content-Type': 'application/x-ndjson' }
    expect((await post('/v1/import?table=t', '{"n":1}\n', headers)).status).toBe(200)
    const body = '{"at":1,"n":1}\n{"n":2}\n'
    const problem = await problemOf(await post('/v1/import?table=t&time=at', body, headers))
    expect(problem).toMatchObject({ status: 400, detail: 'line 2: the time is missing' })
    expect(problem.errors[0]).toMatchObject({ line: 2, pointer: '/at', input: '{"n":2}' })
    expect(db.batches[1]!.committed).toBe(null)
    // A name that every object of JavaScript has is no member of the line.
    const named = await post('/v1/import?table=t&time=constructor', '{"n":1}\n', headers)
    expect((await problemOf(named)).detail).toBe('line 1: the time is missing')
  })

  test('refuses types that do not exist', async () => {
    const response = await start().post('/v1/import?table=t&types=n:int', '', csv)
    expect((await problemOf(response)).errors[0]).toMatchObject({ pointer: '/types' })
  })

  test('reads NDJSON with the types that the table has', async () => {
    const { db, post } = start()
    const body = '{"n":"9007199254740993"}\n'
    await post('/v1/import?table=cpu', body, { 'Content-Type': 'application/x-ndjson' })
    expect(db.batches[0]!.points[0]!.fields[0]).toMatchObject({ declared: true, type: 1 })
  })
})

describe('errors of the engine', () => {
  test.each<[ErrorCode, number, string]>([
    ['unknown_column', 400, 'unknown_column'],
    ['not_found', 404, 'not_found'],
    ['type_conflict', 422, 'type_conflict'],
    ['limit_exceeded', 422, 'limit_exceeded'],
    ['unsupported', 422, 'unsupported'],
    ['busy', 429, 'busy'],
    ['unavailable', 503, 'unavailable'],
    ['storage_full', 507, 'storage_full'],
    ['corrupt', 500, 'internal'],
  ])('%s is a %d %s', async (code, status, answered) => {
    const { db, call } = start()
    db.failure = new OmenError(code, 'subject, fact, number', { retryAfter: 2.5 })
    const response = await call('/v1/query?table=cpu')
    expect(response.headers.get('retry-after')).toBe([429, 503].includes(status) ? '3' : null)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status, code: answered, detail: 'subject, fact, number' })
  })

  test('carry position and SQLSTATE where there are some', async () => {
    const { db, call } = start()
    const details = { position: 4, sqlstate: '42601', pointer: '/where' }
    db.failure = new OmenError('sql_syntax', 'where: unexpected', details)
    const problem = await problemOf(await call('/v1/query?table=cpu&where=x'))
    expect(problem).toMatchObject({ position: 4, sqlstate: '42601' })
    expect(problem.errors).toMatchObject([{ pointer: '/where' }])
  })

  test('that are bugs say nothing of their inside, and go to the log', async () => {
    const { db, call, log } = start()
    db.failure = new TypeError('secret at C:\\somebody\\file.ts')
    const problem = await problemOf(await call('/v1/query?table=cpu'))
    expect(problem).toMatchObject({ status: 500, code: 'internal' })
    expect(JSON.stringify(problem)).not.toMatch(/secret|somebody/)
    expect(log[0]).toContain('secret')
    expect(log[0]).toContain(problem.requestId)
  })
})

describe('exports', () => {
  test('of a failure before the first row have its status', async () => {
    const { db, call } = start()
    db.failure = new OmenError('not_found', 'no table')
    expect(await problemOf(await call('/v1/export?table=x'))).toMatchObject({ status: 404 })
  })

  test('stream no faster than they are read', async () => {
    const { db, call } = start()
    db.chunks = manyChunks(200)
    let taken = 0
    db.onChunk = () => taken++
    const response = await call('/v1/export?table=cpu&format=ndjson')
    const reader = response.body!.getReader()
    await reader.read()
    expect(taken).toBeLessThan(10)
    await reader.cancel()
    expect(taken).toBeLessThan(10)
  })

  test.each([
    ['csv', 'text/csv; charset=utf-8', 'time,host,rack,u\n'],
    ['ndjson', 'application/x-ndjson', ''],
  ])('as %s are %s', async (format, type, text) => {
    const { db, post } = start()
    const u = { name: 'u', type: 'float' as const }
    db.answer = { ...db.answer, columns: [...db.answer.columns, u] }
    const response = await post('/v1/export', JSON.stringify({ table: 'cpu', format }), json)
    expect(response.headers.get('content-type')).toBe(type)
    expect(await response.text()).toBe(text)
  })
})

describe('tables', () => {
  test.each([
    ['ms', -1, 1_790_000_000_123],
    ['ns', '-1', '1790000000123456789'],
    ['rfc3339', '1969-12-31T23:59:59.999999999Z', '2026-09-21T14:13:20.123456789Z'],
  ])('have their times as %s', async (time, firstTime, lastTime) => {
    const response = await start().call(`/v1/tables/cpu?time=${time}`)
    expect(await response.json()).toEqual({
      name: 'cpu',
      tags: ['host'],
      fields: { n: 'integer' },
      retention: null,
      rollups: [],
      points: 2,
      series: 1,
      firstTime,
      lastTime,
      diskBytes: 9,
    })
  })

  test('are dropped with 204', async () => {
    const { db, call } = start()
    const response = await call('/v1/tables/cpu?db=plant', { method: 'DELETE' })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(db.requests[0]).toMatchObject({ request: 'cpu', options: { database: 'plant' } })
  })

  test('list their series, tags and values', async () => {
    const { db, call } = start()
    const series = await call("/v1/tables/cpu/series?where=host='a'&limit=5&cursor=x")
    expect(await series.json()).toEqual({ series: [{ tags: { host: 'a' } }], cursor: null })
    const options = { database: 'default', where: "host='a'", limit: 5, cursor: 'x' }
    expect(db.requests[0]!.options).toEqual(options)
    expect(await (await call('/v1/tables/cpu/tags')).json()).toEqual({ tags: ['host', 'rack'] })
    const values = await call('/v1/tables/cpu/tags/host/values')
    expect(await values.json()).toEqual({ values: ['a'], cursor: null })
  })
})

function flip(bytes: Uint8Array, at: number): BodyInit {
  const copy = Uint8Array.from(bytes)
  copy[copy.length + at]! ^= 1
  return copy
}

function stream(text: string, count: number): ReadableStream<Uint8Array> {
  let left = count
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new TextEncoder().encode(text))
      else controller.close()
    },
  })
}

function manyChunks(count: number): FakeDatabase['chunks'] {
  const time = BigInt64Array.from({ length: 4000 }, (_, i) => BigInt(i))
  return Array.from({ length: count }, () => ({ tags: new Map(), time, fields: [] }))
}
