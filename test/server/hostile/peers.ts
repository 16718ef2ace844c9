// Hostile requests of other databases' clients: each is refused in their shape.

import { bytes, long, type Sent } from './sent.ts'

const remote = (body: Uint8Array, headers: Record<string, string> = {}): Sent => ({
  path: '/api/v1/write',
  type: 'application/x-protobuf',
  body,
  headers,
})
const otlp = (body: string | Uint8Array, type = 'application/json'): Sent => ({
  path: '/v1/metrics',
  type,
  body,
})
const influx1 = (body: string, parameters = ''): Sent => ({ path: `/write${parameters}`, body })
const influx2 = (body: string, parameters = ''): Sent => ({
  path: `/api/v2/write${parameters}`,
  body,
})

export const PEERS: [name: string, sent: () => Sent, status: number][] = [
  ['remote write that is no snappy', () => remote(Buffer.from('up 1')), 400],
  ['remote write that inflates to 4 GiB', () => remote(bytes(255, 255, 255, 255, 15, 0, 0)), 400],
  ['remote write that copies from before its start', () => remote(bytes(10, 0x15, 200)), 400],
  ['remote write cut short', () => remote(bytes(5, 16, 10, 100, 10, 5, 10)), 400],
  [
    'remote write of version 2',
    () => ({
      ...remote(bytes(0)),
      type: 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    }),
    415,
  ],
  ['remote write as text', () => ({ ...remote(bytes(0)), type: 'text/html' }), 415],
  ['remote write in brotli', () => remote(bytes(0), { 'Content-Encoding': 'br' }), 415],
  ['metrics that are no JSON', () => otlp('{"resourceMetrics":['), 400],
  ['metrics of a hundred thousand brackets', () => otlp('['.repeat(100_000)), 400],
  ['metrics that are no protobuf', () => otlp(bytes(255, 255, 255), 'application/x-protobuf'), 400],
  ['metrics as text', () => otlp('up 1', 'text/html'), 415],
  ['a line without a field', () => influx1('bad'), 400],
  ['a precision of its own', () => influx1('bad v=1 1', '?precision=fortnight'), 400],
  ['a database that climbs', () => influx1('bad v=1 1', '?db=..%2f..'), 400],
  ['a type conflict', () => influx1('kept n="x" 2'), 400],
  ['a bad line behind a good one', () => influx2('bad v=1 1\nbad v='), 400],
  ['a bucket that climbs', () => influx2('bad v=1 1', '?bucket=..%2f..'), 400],
  ['another type than the column', () => influx2('kept n="x" 2'), 422],
  ['a line of a megabyte', () => influx2(`bad,t=${long(1_000_000)} v=1 1`), 422],
  ['a GET of a write', () => ({ path: '/write', method: 'GET' }), 405],
]
