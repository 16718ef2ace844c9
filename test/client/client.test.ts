// The client against a scripted server: what it sends, how it reads answers and errors, when it
// tries again and when it gives up. The same client against the real app: app.test.ts.

import { describe, expect, test } from 'vitest'
import { createClient, OmenDBError, type ClientOptions } from '../../client/index.ts'
import { parseRetryAfter } from '../../client/error.ts'
import { RETRY_DEFAULTS, retryDelay } from '../../client/backoff.ts'

interface Sent {
  url: URL
  method: string
  headers: Headers
  body: string
}

type Reply = () => Response | Promise<Response>

const json = (value: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers })

const stored = { written: 1, rejected: 0, ack: 'fsync', errors: [] }

/** A client whose fetch answers with `replies` in turn (the last one for ever) and notes what came. */
function scripted(replies: Reply[], options: Partial<ClientOptions> = {}) {
  const sent: Sent[] = []
  const fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = new Request(input as string, { ...init, signal: null })
    const { method, headers } = request
    sent.push({ url: new URL(request.url), method, headers, body: await request.text() })
    init.signal?.throwIfAborted()
    return replies[Math.min(sent.length, replies.length) - 1]!()
  }
  const client = createClient({
    url: 'http://db.example:8080/base/',
    fetch: fetch as typeof globalThis.fetch,
    retry: { baseMs: 0 },
    ...options,
  })
  return { client, sent }
}

async function thrownBy(call: Promise<unknown>): Promise<OmenDBError> {
  const thrown: unknown = await call.then(
    () => null,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(OmenDBError)
  return thrown as OmenDBError
}

describe('requests', () => {
  test('line protocol goes to /v1/write with token, database and options', async () => {
    const { client, sent } = scripted([() => json(stored)], { token: 'omen_x', db: 'm' })
    const answer = await client.write('cpu usage=1', {
      precision: 's',
      partial: true,
      ack: 'memory',
    })
    expect(answer).toEqual(stored)
    const [{ url, method, headers, body }] = sent as [Sent]
    expect(url.href).toBe(
      'http://db.example:8080/base/v1/write?db=m&precision=s&partial=true&ack=memory',
    )
    expect([method, headers.get('authorization'), body]).toEqual([
      'POST',
      'Bearer omen_x',
      'cpu usage=1',
    ])
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
  })

  test('bytes are sent as they are, and a call names its own database', async () => {
    const { client, sent } = scripted([() => json(stored)], { db: 'm' })
    await client.write(new TextEncoder().encode('é v=1'), { db: 'other' })
    expect([sent[0]!.body, sent[0]!.url.search]).toEqual(['é v=1', '?db=other'])
  })

  test('points are JSON; typed arrays are arrays; bigints are digits of a declared integer', async () => {
    const { client, sent } = scripted([() => json(stored)])
    await client.write({
      table: 'cpu',
      tags: { host: 'a' },
      time: new BigInt64Array([1n, 2n ** 62n]),
      fields: { usage: new Float64Array([0.5, Number.NaN]), n: [1n, null] },
    })
    const types = { a: 'unsigned' } as const
    await client.write([
      { table: 't', time: new Date(0), fields: { a: 1n, __proto__x: true }, types },
      { table: 't', time: 1, tags: { k: 'x' }, fields: { a: 2n }, types },
      { table: 't', time: 2, fields: { b: 'x' } },
    ])
    expect(sent.map(({ url }) => url.pathname)).toEqual(['/base/v1/points', '/base/v1/points'])
    expect(JSON.parse(sent[0]!.body)).toEqual([
      {
        table: 'cpu',
        tags: { host: 'a' },
        time: ['1', '4611686018427387904'],
        fields: { usage: [0.5, null], n: ['1', null] },
        types: { n: 'integer' },
      },
    ])
    expect(JSON.parse(sent[1]!.body)).toEqual([
      {
        table: 't',
        types,
        rows: [
          { time: '1970-01-01T00:00:00.000Z', fields: { a: '1', __proto__x: true } },
          { time: 1, tags: { k: 'x' }, fields: { a: '2' } },
        ],
      },
      { table: 't', types: {}, rows: [{ time: 2, fields: { b: 'x' } }] },
    ])
  })

  test('points keep the sign of -0', async () => {
    const { client, sent } = scripted([() => json(stored)])
    const fields = { x: Float64Array.of(-0, 0), s: ['-0', null] }
    await client.write({ table: 't', time: [1, 2], fields })
    expect(sent[0]!.body).toContain('"fields":{"x":[-0,0],"s":["-0",null]}')
  })

  test('latest puts its members into the URL, lists with commas and objects as JSON', async () => {
    const { client, sent } = scripted([() => json({ series: [], columns: [] })])
    await client.latest({
      table: 'a b',
      where: { host: ['x', 'y'] },
      by: ['host', 'rack'],
      time: 'ns',
    })
    expect(Object.fromEntries(sent[0]!.url.searchParams)).toEqual({
      table: 'a b',
      where: '{"host":["x","y"]}',
      by: 'host,rack',
      time: 'ns',
      integers: 'string',
    })
  })

  test('names in paths are escaped', async () => {
    const { client, sent } = scripted([() => new Response(null, { status: 204 })])
    await client.table('a/../b c').drop()
    expect([sent[0]!.method, sent[0]!.url.pathname]).toEqual([
      'DELETE',
      '/base/v1/tables/a%2F..%2Fb%20c',
    ])
  })

  test('a url that is not http is refused before anything is sent', () => {
    expect(() => createClient({ url: 'ftp://db' })).toThrow(TypeError)
    expect(() => createClient({ url: '127.0.0.1' })).toThrow(TypeError)
  })
})

describe('answers', () => {
  const page = (cursor: string | null): Response => json({ series: [], columns: [], cursor })

  test('pages follow the cursor to the end', async () => {
    const { client, sent } = scripted([() => page('one'), () => page('two'), () => page(null)])
    const cursors: (string | null)[] = []
    for await (const { cursor } of client.pages({ table: 'cpu', limit: 10 })) cursors.push(cursor)
    expect(cursors).toEqual(['one', 'two', null])
    expect(sent.map(({ body }) => (JSON.parse(body) as { cursor: unknown }).cursor)).toEqual([
      null,
      'one',
      'two',
    ])
  })

  test('rows have time, tags and every column, null where a value is missing', async () => {
    const fields = JSON.parse('{"u":[0.5,null],"__proto__":["x","y"]}') as object
    const answer = {
      columns: [{ name: 'time' }, { name: 'u' }, { name: '__proto__' }],
      series: [
        { tags: { host: 'a', rack: null }, time: [1, 2], fields },
        { tags: {}, time: [3], fields: { u: [1] } },
      ],
    }
    const { client } = scripted([() => json(answer)])
    const rows = [...(await client.query({ table: 't' })).rows()]
    expect(rows.map((row) => JSON.stringify(row))).toEqual([
      '{"time":1,"host":"a","rack":null,"u":0.5,"__proto__":"x"}',
      '{"time":2,"host":"a","rack":null,"u":null,"__proto__":"y"}',
      '{"time":3,"u":1}',
    ])
  })

  test('an answer that is not JSON is an error, not a crash', async () => {
    const { client } = scripted([() => new Response('<html>')])
    expect((await thrownBy(client.tables())).code).toBe('not_json')
  })

  test('an export hands out the bytes as they come', async () => {
    const { client, sent } = scripted([() => new Response('time,u\n1,2\n')])
    const stream = await client.export({ table: 'cpu' }, { format: 'csv' })
    expect(await new Response(stream).text()).toBe('time,u\n1,2\n')
    expect(JSON.parse(sent[0]!.body)).toEqual({ table: 'cpu', format: 'csv' })
  })
})

describe('errors', () => {
  test('a problem document becomes a typed error', async () => {
    const problem = {
      title: 'Malformed line protocol',
      status: 400,
      code: 'line_protocol',
      detail: 'line 3, column 17: no fields',
      requestId: 'r-1',
      written: 0,
      errors: [{ line: 3, column: 17, pointer: null, message: 'no fields', input: 'cpu' }],
      position: 4,
      sqlstate: '42601',
    }
    const { client, sent } = scripted([() => json(problem, 400)])
    const error = await thrownBy(client.write('cpu'))
    expect(error.message).toBe('line 3, column 17: no fields')
    const { status, code, detail, requestId, errors, position, sqlstate, written } = error
    expect({ status, code, detail, requestId, errors, position, sqlstate, written }).toEqual({
      status: 400,
      code: 'line_protocol',
      detail: problem.detail,
      requestId: 'r-1',
      errors: problem.errors,
      position: 4,
      sqlstate: '42601',
      written: 0,
    })
    expect(sent).toHaveLength(1)
  })

  test.each([
    ['<html>Bad gateway</html>\nmore', '<html>Bad gateway</html>'],
    ['', 'the server answered 403'],
    ['[]', '[]'],
    ['null', 'null'],
    ['{"code":7}', '{"code":7}'],
  ])('an error answer %j that is no problem document keeps its status', async (text, detail) => {
    const headers = { 'X-Request-Id': 'r-2' }
    const { client } = scripted([() => new Response(text, { status: 403, headers })])
    const error = await thrownBy(client.tables())
    expect([error.status, error.code, error.detail]).toEqual([403, 'http_403', detail])
    expect(error.requestId).toBe('r-2')
  })

  test('a network failure says where and why', async () => {
    const refused = new TypeError('fetch failed', {
      cause: Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
    })
    const { client } = scripted([() => Promise.reject(refused)], { retry: false })
    const error = await thrownBy(client.tables())
    expect([error.status, error.code]).toEqual([0, 'unreachable'])
    expect(error.message).toBe('cannot reach http://db.example:8080/base: ECONNREFUSED')
    expect(error.cause).toBe(refused)
  })
})

describe('trying again', () => {
  test.each([408, 429, 500, 502, 503, 504, 507])(
    'status %i is sent again, unchanged',
    async (status) => {
      const { client, sent } = scripted([() => json({}, status), () => json(stored)])
      expect(await client.write('cpu v=1 1')).toEqual(stored)
      expect(sent.map(({ body }) => body)).toEqual(['cpu v=1 1', 'cpu v=1 1'])
    },
  )

  test.each([400, 401, 403, 404, 405, 409, 413, 415, 422, 501])(
    'status %i is final',
    async (status) => {
      const { client, sent } = scripted([() => json({}, status)])
      expect((await thrownBy(client.write('cpu v=1 1'))).status).toBe(status)
      expect(sent).toHaveLength(1)
    },
  )

  test('a dropped connection is sent again', async () => {
    const drop = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'))
    const { client, sent } = scripted([drop, drop, () => json(stored)])
    await client.write('cpu v=1 1')
    expect(sent).toHaveLength(3)
  })

  test('an answer that breaks off is sent again', async () => {
    const broken = new ReadableStream({
      pull: (controller) => controller.error(new TypeError('terminated')),
    })
    const { client, sent } = scripted([() => new Response(broken), () => json({ tables: [] })])
    expect(await client.tables()).toEqual([])
    expect(sent).toHaveLength(2)
  })

  test('it ends after the allowed attempts with the last error', async () => {
    const { client, sent } = scripted([() => json({ code: 'busy' }, 429)], {
      retry: { attempts: 3, baseMs: 0 },
    })
    expect((await thrownBy(client.write('cpu v=1'))).code).toBe('busy')
    expect(sent).toHaveLength(3)
  })

  test('retry: false sends once', async () => {
    const { client, sent } = scripted([() => json({}, 503)], { retry: false })
    await thrownBy(client.tables())
    expect(sent).toHaveLength(1)
  })

  const busy = (retryAfterMs: number | null): OmenDBError =>
    new OmenDBError(429, { code: 'busy', detail: '' }, { retryAfterMs })

  test('waits grow with each attempt, jittered from nothing to the whole, and have a ceiling', () => {
    const options = { ...RETRY_DEFAULTS, attempts: 9, maxMs: 1_000 }
    expect([1, 2, 3, 8].map((attempt) => retryDelay(busy(null), attempt, options, 0.5))).toEqual([
      50, 100, 200, 500,
    ])
    expect(retryDelay(busy(null), 1, options, 0)).toBe(0)
    expect(retryDelay(busy(null), 9, options, 0)).toBeNull()
  })

  test('a wait is never shorter than Retry-After, and one beyond the ceiling ends it', () => {
    expect(retryDelay(busy(2_000), 1, RETRY_DEFAULTS, 0)).toBe(2_000)
    expect(retryDelay(busy(2_000), 1, RETRY_DEFAULTS, 0.5)).toBe(2_050)
    expect(retryDelay(busy(10_001), 1, RETRY_DEFAULTS, 0)).toBeNull()
  })

  test.each([
    [null, null],
    ['3', 3_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 1970 00:00:05 GMT', 4_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', null],
    ['-1', null],
    ['1.5', null],
    ['99999999999', 99_999_999_999_000],
  ])('Retry-After %j is %j ms', (text, expected) => {
    expect(parseRetryAfter(text, 1_000)).toBe(expected)
  })

  test('Retry-After is taken from the answer', async () => {
    const { client } = scripted([() => json({ code: 'busy' }, 429, { 'Retry-After': '77' })])
    expect((await thrownBy(client.tables())).retryAfterMs).toBe(77_000)
  })
})

describe('giving up', () => {
  const silent: Reply = () => new Promise(() => {})

  /** fetch that never answers but heeds its signal, as the real one does. */
  const heeding = ((_input: unknown, init: RequestInit) =>
    new Promise((_resolve, reject) => {
      init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error))
    })) as typeof globalThis.fetch

  test('an attempt ends when its time is over, and is made again', async () => {
    let count = 0
    const counting: typeof fetch = (input, init) => {
      count++
      return heeding(input, init)
    }
    const retry = { attempts: 2, baseMs: 0 }
    const client = createClient({ url: 'http://db', fetch: counting, timeoutMs: 60_000, retry })
    const error = await thrownBy(client.tables({ timeoutMs: 5 }))
    expect(count).toBe(2)
    expect([error.status, error.code, error.message]).toEqual([
      0,
      'timeout',
      'no answer from http://db within 5 ms',
    ])
  })

  test('an aborted call rejects with the reason of the signal', async () => {
    const client = createClient({ url: 'http://db', fetch: heeding })
    const controller = new AbortController()
    const call = client.tables({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
  })

  test('a signal that is aborted already sends nothing', async () => {
    const { client, sent } = scripted([silent])
    await expect(client.tables({ signal: AbortSignal.abort('no') })).rejects.toBe('no')
    expect(sent).toEqual([])
  })

  test('an abort ends the wait before the next attempt', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { client, sent } = scripted([
      () => {
        setTimeout(() => controller.abort(reason), 1)
        return json({}, 503, { 'Retry-After': '9' })
      },
    ])
    await expect(client.tables({ signal: controller.signal })).rejects.toBe(reason)
    expect(sent).toHaveLength(1)
  })

  test('a wait that would end too late is not begun', async () => {
    const reply: Reply = () => json({ code: 'busy' }, 429, { 'Retry-After': '5' })
    const { client, sent } = scripted([reply], { retry: { withinMs: 2_000 } })
    expect((await thrownBy(client.tables())).code).toBe('busy')
    expect(sent).toHaveLength(1)
  })
})
