// Senders of metrics that exist, unchanged, against the server's own process: Prometheus with remote_write,
// scraping a small exporter, and OpenTelemetry's exporters of both encodings.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startProcess, type ServerProcess } from './process.ts'

interface Series {
  tags: Record<string, string>
  time: number[]
  fields: { value: (number | null)[] }
}

const directory = mkdtempSync(join(tmpdir(), 'omendb-metrics-'))
let server: ServerProcess

beforeAll(async () => {
  server = await startProcess(join(directory, 'data'))
})
afterAll(async () => {
  await server.stop('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
})

/** The series of a table, none while there is no such table. */
async function seriesOf(db: string, table: string): Promise<Series[]> {
  const url = `${server.url}/v1/query?db=${db}&table=${encodeURIComponent(table)}`
  const response = await fetch(url)
  const body = (await response.json()) as { series?: Series[] }
  return response.status === 404 ? [] : body.series!
}

/** Asks again until there is an answer; the test's own limit ends it. */
async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const found = await ask()
    if (found !== null) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

// CI has it (.ci/run).
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0

const PAGE = `# TYPE shop_orders_total counter
shop_orders_total{path="/a b",quote="x\\"y\\\\z\\n"} 9007199254740991
# TYPE shop_temperature gauge
shop_temperature -0.30000000000000004
shop_nothing NaN
shop_all +Inf
# TYPE shop_seconds histogram
shop_seconds_bucket{le="0.1"} 3
shop_seconds_bucket{le="+Inf"} 5
shop_seconds_sum 1.5
shop_seconds_count 5
`

/** An exporter that Prometheus scrapes; `page` may be changed. */
async function startExporter(): Promise<{ port: number; page: string }> {
  const exporter = { port: 0, page: PAGE }
  const http = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4')
    response.end(exporter.page)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => void http.close())
  exporter.port = (http.address() as AddressInfo).port
  return exporter
}

/** Starts Prometheus, which scrapes the port every second and writes to the database `prom`. */
function startPrometheus(port: number): void {
  const file = join(directory, 'prometheus.yml')
  writeFileSync(
    file,
    `global: {scrape_interval: 1s}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ['127.0.0.1:${port}']}]
remote_write:
  - url: ${server.url}/api/v1/write?db=prom
    queue_config: {batch_send_deadline: 1s}
`,
  )
  const flags = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'prometheus')}`,
    '--web.listen-address=127.0.0.1:0',
  ]
  const child = spawn('prometheus', flags, { stdio: 'ignore' })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
}

// The reason to skip: the program prometheus is not there.
test.skipIf(!hasPrometheus)(
  'Prometheus writes what it scrapes, and drops what has gone',
  async () => {
    const exporter = await startExporter()
    startPrometheus(exporter.port)
    const instance = `127.0.0.1:${exporter.port}`
    const tags = { instance, job: 'shop' }
    const sent = async (table: string): Promise<Series[]> =>
      until(async () => {
        const series = await seriesOf('prom', table)
        return series.length > 0 ? series : null
      })
    const [orders] = await sent('shop_orders_total')
    expect(orders!.tags).toEqual({ ...tags, path: '/a b', quote: 'x"y\\z\n' })
    expect(orders!.fields.value[0]).toBe(9007199254740991)
    expect(Math.abs(orders!.time[0]! - Date.now())).toBeLessThan(600_000)
    const [temperature] = await sent('shop_temperature')
    expect(temperature!.fields.value[0]).toBe(-0.30000000000000004)
    expect((await sent('up'))[0]).toMatchObject({ tags, fields: { value: [1] } })
    expect((await sent('shop_nothing'))[0]!.fields.value[0]).toBe(null)
    expect((await sent('shop_all'))[0]!.fields.value[0]).toBe(null)
    const buckets = await sent('shop_seconds_bucket')
    expect(buckets.map((one) => [one.tags['le'], one.fields.value[0]])).toEqual([
      ['+Inf', 5],
      ['0.1', 3],
    ])
    exporter.page = PAGE.replace(/^shop_temperature.*$/m, 'shop_after 1')
    await sent('shop_after')
    const stale = await seriesOf('prom', 'shop_temperature')
    expect(stale[0]!.fields.value.includes(null)).toBe(false)
  },
  60_000,
)

/** Records one of each kind of instrument and exports it. */
async function record(exporter: PushMetricExporter, prefix: string): Promise<void> {
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({
    readers: [reader],
    views: [
      {
        instrumentName: `${prefix}.exponential`,
        aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
      },
      {
        instrumentName: `${prefix}.histogram`,
        aggregation: {
          type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
          options: { boundaries: [1, 10] },
        },
      },
    ],
  })
  const meter = provider.getMeter('shop', '1.2')
  meter.createCounter(`${prefix}.counter`).add(5, { path: '/é', ok: true, n: 2 })
  meter.createUpDownCounter(`${prefix}.updown`).add(-2.5)
  meter.createObservableGauge(`${prefix}.gauge`).addCallback((result) => result.observe(0.1))
  const histogram = meter.createHistogram(`${prefix}.histogram`)
  for (const value of [0.5, 5, 50, 500]) histogram.record(value)
  const exponential = meter.createHistogram(`${prefix}.exponential`)
  for (const value of [1, 2, 4, 0]) exponential.record(value)
  await provider.shutdown() // exports
}

describe.each([
  ['JSON', (url: string) => new JsonExporter({ url })],
  ['protobuf', (url: string) => new ProtobufExporter({ url })],
] as const)("OpenTelemetry's exporter of %s", (kind, createExporter) => {
  test('writes every instrument', async () => {
    await record(createExporter(`${server.url}/v1/metrics?db=otel`), kind)
    const one = async (part: string): Promise<Series> => {
      const series = await seriesOf('otel', `${kind}.${part}`)
      expect(series).toHaveLength(1)
      return series[0]!
    }
    const counter = await one('counter')
    expect(counter.fields.value).toEqual([5])
    expect(counter.tags).toMatchObject({
      path: '/é',
      ok: 'true',
      n: '2',
      'otel.scope.name': 'shop',
      'otel.scope.version': '1.2',
      'telemetry.sdk.language': 'nodejs',
    })
    expect((await one('updown')).fields.value).toEqual([-2.5])
    expect((await one('gauge')).fields.value).toEqual([0.1])
    expect((await one('histogram_count')).fields.value).toEqual([4])
    expect((await one('histogram_sum')).fields.value).toEqual([555.5])
    expect((await one('histogram_min')).fields.value).toEqual([0.5])
    expect((await one('histogram_max')).fields.value).toEqual([500])
    const bucketsOf = async (name: string): Promise<[number, number | null][]> => {
      const series = await seriesOf('otel', `${kind}.${name}_bucket`)
      const bounds = series.map(({ tags, fields }): [number, number | null] => [
        tags['le'] === '+Inf' ? Infinity : Number(tags['le']),
        fields.value[0]!,
      ])
      return bounds.sort((a, b) => a[0] - b[0])
    }
    expect(await bucketsOf('histogram')).toEqual([
      [1, 1],
      [10, 2],
      [Infinity, 4],
    ])
    const exponential = await bucketsOf('exponential')
    expect(exponential[0]).toEqual([0, 1])
    expect(exponential.at(-1)).toEqual([Infinity, 4])
    const counts = exponential.map(([, count]) => count!)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
  })
})
