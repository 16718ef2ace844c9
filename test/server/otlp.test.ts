// OTLP over HTTP: both encodings, and answers in the encoding of the request.

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { OmenError } from '../../engine/error.ts'
import { createApp } from '../../server/app.ts'
import { message, type Field } from '../protobuf.ts'
import { createFake } from './fake.ts'
import { useLiveServer, type Json } from './live.ts'

const live = useLiveServer()
const JSON_TYPE = 'application/json'
const PROTOBUF = 'application/x-protobuf'
const TIME = 1_790_000_000_000_000_001n

async function post(body: Uint8Array | string, headers: Record<string, string>) {
  const init = { method: 'POST', body: body as BodyInit, headers }
  const response = await fetch(`${live.url}/v1/metrics`, init)
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, bytes, type: response.headers.get('content-type') }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function postJson(body: Json, headers = {}) {
  const answer = await post(JSON.stringify(body), { 'Content-Type': JSON_TYPE, ...headers })
  return { ...answer, body: JSON.parse(text(answer.bytes)) as Json }
}

function gauges(...metrics: [name: string, points: Json[]][]): Json {
  return {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeMetrics: [
          { metrics: metrics.map(([name, dataPoints]) => ({ name, gauge: { dataPoints } })) },
        ],
      },
    ],
  }
}

function protobufGauge(name: string, value: Field): Uint8Array {
  const gauge = message([1, message([3, { fixed: TIME }], value)])
  const metric = message([1, name], [5, gauge])
  return message([1, message([2, message([2, metric])])])
}

const timeUnixNano = String(TIME)
const attributes = [
  { key: 's', value: { stringValue: 'x' } },
  { key: 'i', value: { intValue: '-5' } },
  { key: 'n', value: { intValue: 7 } },
  { key: 'd', value: { doubleValue: 0.5 } },
  { key: 'b', value: { boolValue: true } },
  { key: 'y', value: { bytesValue: 'AQI=' } },
  { key: 'l', value: { arrayValue: { values: [{ stringValue: 'q' }, { intValue: '1' }] } } },
  { key: 'm', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: false } }] } } },
  { key: 'null', value: null },
]
const metrics = [
  { name: 'j.gauge', unit: 's', gauge: { dataPoints: [{ timeUnixNano, asDouble: 'NaN' }] } },
  {
    name: 'j.sum',
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [{ timeUnixNano, asInt: '9007199254740993', attributes }],
    },
  },
  {
    name: 'j.histogram',
    histogram: {
      dataPoints: [
        {
          timeUnixNano,
          count: '3',
          sum: 4.5,
          bucketCounts: ['1', 2],
          explicitBounds: [0.25],
          min: 0.1,
          max: 4,
          exemplars: [{ traceId: 'aa' }],
        },
      ],
    },
  },
  {
    name: 'j.exponential',
    exponentialHistogram: {
      dataPoints: [
        {
          timeUnixNano,
          count: '4',
          scale: -1,
          zeroCount: '1',
          positive: { offset: -1, bucketCounts: ['1', '1'] },
          negative: { offset: 0, bucketCounts: ['1'] },
        },
      ],
    },
  },
  {
    name: 'j.summary',
    summary: {
      dataPoints: [{ timeUnixNano, count: '2', quantileValues: [{ quantile: 0.9, value: 8 }] }],
    },
  },
]

describe('JSON', () => {
  test('of every kind of metric is stored as its protobuf is', async () => {
    const scopeMetrics = [{ scope: { name: 'meter', version: '2' }, metrics }]
    const answer = await postJson({ resourceMetrics: [{ scopeMetrics }] })
    expect([answer.status, answer.body, answer.type]).toEqual([200, {}, JSON_TYPE])
    const { series } = await live.query({ table: 'j.sum', time: 'ns' })
    expect(series).toEqual([
      {
        tags: {
          b: 'true',
          d: '0.5',
          i: '-5',
          l: '["q",1]',
          m: '{"k":false}',
          n: '7',
          'otel.scope.name': 'meter',
          'otel.scope.version': '2',
          s: 'x',
          y: 'AQI=',
        },
        time: [timeUnixNano],
        fields: { value: ['9007199254740993'] },
      },
    ])
    const valuesOf = async (table: string, tag: string) => {
      const found = await live.query({ table })
      return found['series'].map((one: Json) => [one['tags'][tag] ?? null, one['fields'].value[0]])
    }
    expect(await valuesOf('j.gauge', 'le')).toEqual([[null, null]])
    expect(await valuesOf('j.histogram_bucket', 'le')).toEqual([
      ['+Inf', 3],
      ['0.25', 1],
    ])
    expect(await valuesOf('j.histogram_sum', 'le')).toEqual([[null, 4.5]])
    expect(await valuesOf('j.exponential_bucket', 'le')).toEqual([
      ['+Inf', 4],
      ['-1', 1],
      ['0', 2],
      ['1', 3],
      ['4', 4],
    ])
    expect(await valuesOf('j.summary', 'quantile')).toEqual([['0.9', 8]])
  })

  test('with points that are refused says how many and why, and stores the others', async () => {
    const body = gauges(
      ['mixed', [{ asInt: '1', timeUnixNano: '1' }, { timeUnixNano: '2' }]],
      ['', [{ asInt: '1' }]],
    )
    const answer = await postJson(body)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      partialSuccess: {
        rejectedDataPoints: '2',
        errorMessage: "metric 'mixed': a point without a value",
      },
    })
    expect((await live.query({ table: 'mixed' }))['rowCount']).toBe(1)
  })

  test.each<[string, Json | string, number, string]>([
    ['no JSON', '{', 400, ''],
    ['a list', [] as unknown as Json, 400, 'body: an object belongs here'],
    [
      'a number as name',
      { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 1 }] }] }] },
      400,
      '/name',
    ],
    ['no list', { resourceMetrics: {} }, 400, '/resourceMetrics: an array belongs here'],
    ['a text as number', gauges(['bad', [{ asDouble: 'x' }]]), 400, '/asDouble: a number'],
    ['an unsafe integer', gauges(['bad', [{ asInt: 2 ** 60 }]]), 400, 'not exact in JSON'],
    ['a fraction as integer', gauges(['bad', [{ asInt: 0.5 }]]), 400, 'an integer belongs'],
    ['65 bits', gauges(['bad', [{ asInt: '99999999999999999999' }]]), 400, '64-bit'],
  ])('%s is a Status and stores nothing', async (_, body, status, why) => {
    const sent = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await post(sent, { 'Content-Type': JSON_TYPE })
    const shown = JSON.parse(text(answer.bytes)) as Json
    expect([answer.status, answer.type, Object.keys(shown)]).toEqual([
      status,
      JSON_TYPE,
      ['code', 'message'],
    ])
    expect(shown['code']).toBe(3)
    expect(shown['message']).toContain(why)
    expect(await live.get('/v1/tables/bad', 404)).toMatchObject({ code: 'not_found' })
  })
})

describe('protobuf', () => {
  test('is stored, gzipped too, and answered with an empty message', async () => {
    const headers = { 'Content-Type': PROTOBUF }
    const body = protobufGauge('p', [4, { double: 0.5 }])
    const answer = await post(body, headers)
    expect([answer.status, answer.bytes.length, answer.type]).toEqual([200, 0, PROTOBUF])
    const packed = gzipSync(protobufGauge('p2', [6, { fixed: 5n }]))
    expect((await post(packed, { ...headers, 'Content-Encoding': 'gzip' })).status).toBe(200)
    expect((await live.query({ table: 'p' }))['series'][0].fields.value).toEqual([0.5])
    expect((await live.query({ table: 'p2' }))['series'][0].fields.value).toEqual([5])
  })

  test('with points that are refused is answered with a partial success', async () => {
    const answer = await post(protobufGauge('', [4, { double: 1 }]), { 'Content-Type': PROTOBUF })
    expect(answer.status).toBe(200)
    // The length of what is inside takes five bytes.
    expect([...answer.bytes.subarray(6, 9)]).toEqual([0x08, 1, 0x12])
    expect(text(answer.bytes)).toContain('a name must not be empty')
  })

  test('that is damaged is a Status, and 415 is one for what is not offered', async () => {
    const damaged = await post(Uint8Array.of(0x0a, 5), { 'Content-Type': PROTOBUF })
    const why = 'body: no valid ExportMetricsServiceRequest'
    expect([damaged.status, damaged.type]).toEqual([400, PROTOBUF])
    expect([...damaged.bytes]).toEqual([8, 3, 18, why.length, ...new TextEncoder().encode(why)])
    const other = await post('x', { 'Content-Type': 'text/plain' })
    expect([other.status, other.type]).toEqual([415, JSON_TYPE])
    const encoding = { 'Content-Type': PROTOBUF, 'Content-Encoding': 'snappy' }
    expect((await post('x', encoding)).status).toBe(415)
  })
})

test.each([
  ['busy', 429, 8, '7'],
  ['unavailable', 503, 14, '7'],
  ['storage_full', 503, 14, '1'],
  ['internal', 500, 13, null],
  ['type_conflict', 400, 3, null],
] as const)('%s is answered with %i and code %i', async (code, status, rpc, retryAfter) => {
  const db = createFake()
  db.failure = new OmenError(code, 'why', { retryAfter: 7 })
  const app = createApp(db, { log: () => {} })
  const headers = { 'Content-Type': JSON_TYPE }
  const response = await app.request('/v1/metrics', { method: 'POST', body: '{}', headers })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ code: rpc, message: 'why' })
  expect(response.headers.get('retry-after')).toBe(retryAfter)
})
