// Remote write over HTTP: what its senders see of it.

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { OmenError } from '../../engine/error.ts'
import { timeSeries, writeRequest } from '../protobuf.ts'
import { block, compress, literal } from '../snappy.ts'
import { createFake } from './fake.ts'
import { useLiveServer } from './live.ts'

const live = useLiveServer()

async function post(
  body: Uint8Array,
  headers: Record<string, string> = {},
  path = '/api/v1/write',
): Promise<{ status: number; text: string; type: string | null }> {
  const response = await fetch(live.url + path, {
    method: 'POST',
    body: body as BodyInit,
    headers: {
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': '0.1.0',
      ...headers,
    },
  })
  const text = await response.text()
  return { status: response.status, text, type: response.headers.get('content-type') }
}

const up = (value: number, job = 'a'): Uint8Array =>
  timeSeries(
    [
      ['__name__', 'up'],
      ['job', job],
    ],
    [[value, 1_790_000_000_000]],
  )

describe('POST /api/v1/write', () => {
  test('stores samples and answers 204', async () => {
    const answer = await post(compress(writeRequest(up(1), up(0, 'b'))))
    expect(answer).toEqual({ status: 204, text: '', type: null })
    const { series } = await live.query({ table: 'up' })
    expect(series).toEqual([
      { tags: { job: 'a' }, time: [1_790_000_000_000], fields: { value: [1] } },
      { tags: { job: 'b' }, time: [1_790_000_000_000], fields: { value: [0] } },
    ])
  })

  test('writes to the database of `db`', async () => {
    expect((await post(compress(writeRequest(up(1))), {}, '/api/v1/write?db=prom')).status).toBe(
      204,
    )
    expect((await live.query({ table: 'up' }, 'prom'))['rowCount']).toBe(1)
  })

  test('takes gzip, and no encoding where its header says so', async () => {
    const plain = writeRequest(up(2, 'gzip'))
    expect((await post(gzipSync(plain), { 'Content-Encoding': 'gzip' })).status).toBe(204)
    expect((await post(plain, { 'Content-Encoding': 'identity' })).status).toBe(204)
    expect((await live.query({ table: 'up', where: "job = 'gzip'" }))['rowCount']).toBe(1)
  })

  test('stores the good samples beside bad ones, and says in a 400 what was not', async () => {
    const body = compress(writeRequest(up(3, 'good'), timeSeries([['job', 'x']], [[1, 1]])))
    expect(await post(body)).toEqual({
      status: 400,
      text: 'partial write: 1 of 2 samples were not stored: missing table name\n',
      type: 'text/plain; charset=utf-8',
    })
    expect((await live.query({ table: 'up', where: "job = 'good'" }))['rowCount']).toBe(1)
  })

  test.each<[string, Uint8Array, Record<string, string>, number]>([
    ['no Snappy', writeRequest(up(1)), {}, 400],
    ['no message', block(3, literal('abc')), {}, 400],
    ['version 2', compress(writeRequest()), v2(), 415],
    ['another type', compress(writeRequest()), { 'Content-Type': 'text/plain' }, 415],
    ['an unknown encoding', compress(writeRequest()), { 'Content-Encoding': 'br' }, 415],
    ['nested encodings', compress(writeRequest()), { 'Content-Encoding': 'snappy, gzip' }, 415],
    ['a bomb', compress(new Uint8Array(65 << 20)), {}, 413],
  ])('answers %s with text that is not sent again', async (_, body, headers, status) => {
    const answer = await post(body, headers)
    expect([answer.status, answer.type]).toEqual([status, 'text/plain; charset=utf-8'])
    expect(answer.text).toMatch(/^[^\n]+\n$/)
  })

  test('takes an empty request', async () => {
    expect((await post(block(0))).status).toBe(204)
  })
})

function v2(): Record<string, string> {
  return { 'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request' }
}

test.each([
  ['busy', 429, '7'],
  ['unavailable', 503, '7'],
  ['storage_full', 507, null],
  ['internal', 500, null],
  ['type_conflict', 400, null],
] as const)('%s is answered with %i', async (code, status, retryAfter) => {
  const db = createFake()
  db.failure = new OmenError(code, 'why', { retryAfter: 7 })
  const app = createApp(db, { log: () => {} })
  const headers = { 'Content-Type': 'application/x-protobuf' }
  const response = await app.request('/api/v1/write', { method: 'POST', body: 'x', headers })
  expect([response.status, await response.text()]).toEqual([status, 'why\n'])
  expect(response.headers.get('retry-after')).toBe(retryAfter)
})
