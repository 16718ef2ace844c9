// The server as a Worker, inside real workerd: write, query and downsample over HTTP.

import { SELF } from 'cloudflare:test'
import { expect, test } from 'vitest'

const url = 'http://127.0.0.1'
const json = { 'Content-Type': 'application/json' }

async function post(path: string, body: BodyInit, headers: Record<string, string> = {}) {
  const response = await SELF.fetch(url + path, { method: 'POST', body, headers })
  return { status: response.status, body: (await response.json()) as Record<string, any> }
}

function gzip(text: string): Promise<ArrayBuffer> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Response(stream).arrayBuffer()
}

test('writes line protocol and answers raw points', async () => {
  const lines =
    'cpu,host=a usage=0.5,n=9007199254740993i 1790000000000000001\ncpu,host=b usage=1 1790000001000000000\n'
  expect(await post('/v1/write', lines)).toEqual({
    status: 200,
    body: { written: 2, rejected: 0, ack: 'fsync', errors: [] },
  })
  const { status, body } = await post('/v1/query', '{"table":"cpu","time":"ns"}', json)
  expect(status).toBe(200)
  expect(body['series']).toEqual([
    {
      tags: { host: 'a' },
      time: ['1790000000000000001'],
      fields: { n: ['9007199254740993'], usage: [0.5] },
    },
    { tags: { host: 'b' }, time: ['1790000001000000000'], fields: { n: [null], usage: [1] } },
  ])
})

test('downsamples gzipped points, by group and filled', async () => {
  const lines = Array.from(
    { length: 600 },
    (_, i) => `day,host=h${i % 2} u=${i} ${i < 300 ? i : i + 600}`,
  )
  const { body } = await post('/v1/write?precision=s', await gzip(lines.join('\n')), {
    'Content-Encoding': 'gzip',
  })
  expect(body).toMatchObject({ written: 600 })
  const query = {
    table: 'day',
    select: { u: 'max(u)', n: 'count(u)' },
    by: 'host',
    every: '5m',
    fill: 'null',
  }
  const answer = await post('/v1/query', JSON.stringify(query), json)
  expect(answer.status).toBe(200)
  expect(answer.body['series']).toEqual(
    [0, 1].map((host) => ({
      tags: { host: `h${host}` },
      time: [0, 300_000, 600_000, 900_000],
      fields: { u: [298 + host, null, null, 598 + host], n: [150, null, null, 150] },
    })),
  )
})

test('stores JSON points and streams them as CSV', async () => {
  const body = JSON.stringify({
    table: 'json',
    tags: { a: 'x' },
    time: [1000, 2000],
    fields: { v: [1.5, null] },
  })
  expect(await post('/v1/points', body, json)).toMatchObject({
    status: 200,
    body: { written: 1 },
  })
  const response = await SELF.fetch(`${url}/v1/export?table=json&time=ms`)
  expect(await response.text()).toBe('time,a,v\n1000,x,1.5\n')
})

test('answers errors as problem documents', async () => {
  const response = await SELF.fetch(`${url}/v1/query?table=nope`)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    404,
    'application/problem+json',
  ])
  const { status, body } = await post('/v1/write', 'not gzip', { 'Content-Encoding': 'gzip' })
  expect([status, body['code']]).toEqual([400, 'bad_request'])
})

test('serves nobody else without a token', async () => {
  const response = await SELF.fetch('https://omendb.example/v1/tables')
  expect([response.status, await response.json()]).toMatchObject([403, { code: 'forbidden' }])
})

test('has its document', async () => {
  const response = await SELF.fetch(`${url}/openapi.json`)
  expect(await response.json()).toMatchObject({ openapi: '3.1.0' })
})

test('a statement sleeps, and ends with its time', async () => {
  const slept = await post('/v1/sql', '{"sql":"SELECT pg_sleep(0.02), 7 AS n"}', json)
  expect([slept.status, JSON.stringify(slept.body)]).toEqual([200, expect.stringContaining('7')])
  const queries = [
    { query: `SET statement_timeout = '50ms'`, params: [] },
    { query: 'SELECT pg_sleep(1000)', params: [] },
  ]
  const ended = await post('/sql', JSON.stringify({ queries }), json)
  expect([ended.status, ended.body['code']]).toEqual([400, '57014'])
})
