// Samples a second of Prometheus' remote write and OTLP's protobuf: the decoder alone (a batch that is
// staged and discarded), and over HTTP until they are on disk:
//   npm run build:kernel && node scripts/run.js bench/http/messages.ts
// Requests are what senders make by default: 2,000 samples of as many series with 6 labels, 1,000 points of
// OTLP with 4 attributes, 5 of their resource. Series are known; what is stored is counted. Medians of 9.

import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'
import { message, timeSeries, writeRequest, type Field } from '../../test/protobuf.ts'
import { compress } from '../../test/snappy.ts'

const ROUNDS = 9
const REQUESTS = 48
const CONNECTIONS = 8
const START = 1_790_000_000_000

interface Form {
  readonly name: string
  readonly kind: 'prometheus' | 'otlp'
  readonly path: string
  readonly samples: number
  readonly headers: Record<string, string>
  readonly body: (round: number) => Uint8Array
}

function remoteWrite(round: number): Uint8Array {
  const series = Array.from({ length: 2000 }, (_, i) =>
    timeSeries(
      [
        ['__name__', `node_metric_${i % 200}_total`],
        ['cluster', 'production-eu'],
        ['cpu', String(i % 16)],
        ['instance', `10.0.0.${Math.floor(i / 200)}:9100`],
        ['job', 'node'],
        ['mode', 'idle'],
      ],
      [[i * 1.5 + round, START + round * 15_000]],
    ),
  )
  return compress(writeRequest(...series))
}

const attribute = (field: number, key: string, value: string): Field => [
  field,
  message([1, key], [2, message([1, value])]),
]

function otlp(round: number): Uint8Array {
  const time = BigInt(START + round * 15_000) * 1_000_000n
  const point = (i: number): Uint8Array =>
    message(
      [3, { fixed: time }],
      [4, { double: i * 1.5 + round }],
      attribute(7, 'http.method', i % 2 === 0 ? 'GET' : 'POST'),
      attribute(7, 'http.route', `/api/items/${i % 50}`),
      attribute(7, 'http.status_code', String(200 + (i % 5))),
      attribute(7, 'net.host.name', `host-${Math.floor(i / 100)}`),
    )
  const metrics = Array.from({ length: 10 }, (_, m): Field => {
    const points = Array.from({ length: 100 }, (_, i): Field => [1, point(m * 100 + i)])
    return [2, message([1, `http.server.metric.${m}`], [7, message(...points)])]
  })
  const resource = ['service.name', 'service.version', 'host.name', 'os.type', 'region'].map(
    (key) => attribute(1, key, `${key}-value`),
  )
  return message([1, message([1, message(...resource)], [2, message(...metrics)])])
}

const FORMS: Form[] = [
  {
    name: 'remote write',
    kind: 'prometheus',
    path: '/api/v1/write',
    samples: 2000,
    headers: { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy' },
    body: remoteWrite,
  },
  {
    name: 'OTLP protobuf',
    kind: 'otlp',
    path: '/v1/metrics',
    samples: 1000,
    headers: { 'Content-Type': 'application/x-protobuf' },
    body: otlp,
  },
]

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

type Requests = readonly Uint8Array[]

const directory = mkdtempSync(joinPath(tmpdir(), 'omendb-messages-'))
const db = await open(`file:${directory}`)
const server = await startServer(db, { port: 0 })
const all = FORMS.map((form) => ({
  form,
  requests: Array.from({ length: REQUESTS }, (_, i) => form.body(i)),
}))
console.log(`${cpus()[0]!.model}, Node ${process.version}`)
try {
  // First, so that no connection is idle for long.
  for (const { form, requests } of all) console.log(await measureWrites(form, requests))
  for (const { form, requests } of all) console.log(measureDecoder(form, requests))
} finally {
  await server.close()
  await db.close()
  rmSync(directory, { recursive: true, force: true })
}

async function measureWrites(
  { name, path, samples, headers }: Form,
  requests: Requests,
): Promise<string> {
  const post = async (bytes: Uint8Array): Promise<void> => {
    const init = { method: 'POST', headers, body: bytes as BodyInit }
    const response = await fetch(server.url + path, init)
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`${name}: ${response.status}`)
  }
  const rates: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const begun = performance.now()
    for (let i = 0; i < REQUESTS; i += CONNECTIONS) {
      await Promise.all(requests.slice(i, i + CONNECTIONS).map(post))
    }
    // The first round makes the series.
    if (round > 0) rates.push((samples * REQUESTS) / (performance.now() - begun) / 1000)
  }
  return `${name}: ${median(rates).toFixed(2)} M samples/s over HTTP until on disk, ${CONNECTIONS} connections`
}

function measureDecoder({ name, kind, samples }: Form, requests: Requests): string {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const from = process.cpuUsage().user
    for (const request of requests) {
      const batch = db.batch({ partial: true })
      const steps = batch.message(kind, request, kind === 'prometheus' ? 1 << 26 : undefined)
      while (steps.next().done !== true);
      if (batch.rowCount !== samples) throw new Error(`${name}: ${batch.rowCount} staged`)
      batch.discard()
    }
    rates.push((samples * REQUESTS) / (process.cpuUsage().user - from))
  }
  const size = Math.round(requests[0]!.length / samples)
  return `${name}: ${median(rates).toFixed(2)} M samples/s decoded and staged, of processor time, ${size} B each`
}
