import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { ANSWERED } from '../../server/problem.ts'
import { VERSION } from '../../server/version.ts'
import { createFake } from './fake.ts'

function start() {
  const db = createFake()
  return { db, app: createApp(db, { log: () => {} }) }
}

interface Document {
  openapi: string
  paths: Record<
    string,
    Record<string, { operationId: string; responses: object; parameters?: { name: string }[] }>
  >
  components: { schemas: Record<string, object> }
}

async function documentOf(): Promise<Document> {
  return (await (await start().app.request('/openapi.json')).json()) as Document
}

test('the version is that of package.json', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  expect((JSON.parse(text) as { version: string }).version).toBe(VERSION)
})

describe('health', () => {
  test.each([
    ['pass', 200, 200],
    ['warn', 200, 200],
    ['fail', 503, 503],
  ] as const)('%s is answered %d, and ready %d', async (status, health, ready) => {
    const { db, app } = start()
    db.health = () => ({ status, message: 'why' })
    const response = await app.request('/health')
    expect(response.status).toBe(health)
    expect(await response.json()).toEqual({
      status,
      name: 'omendb',
      version: VERSION,
      message: 'why',
    })
    expect((await app.request('/ready')).status).toBe(ready)
  })
})

describe('metrics', () => {
  test('count requests by pattern, points, and show the engine', async () => {
    const { db, app } = start()
    db.result = { written: 5, rejected: 0 }
    await app.request('/v1/tables/cpu/tags')
    await app.request('/v1/tables/mem/tags')
    await app.request('/no/such/path')
    await app.request('/v1/write?db=plant', { method: 'POST', body: 'x' })
    await app.request('/v1/points', { method: 'POST', body: new TextEncoder().encode('{') })
    const text = await (await app.request('/metrics')).text()
    const lines = [
      'omendb_http_requests_total{route="/v1/tables/{table}/tags",method="GET",status="200"} 2',
      'omendb_http_requests_total{route="unmatched",method="GET",status="404"} 1',
      'omendb_http_request_duration_seconds_count{route="/v1/tables/{table}/tags"} 2',
      'omendb_points_written_total{db="plant"} 5',
      'omendb_points_rejected_total{code="bad_request"} 1',
      'omendb_wal_bytes 1',
      'omendb_series{db="default"} 6',
      'omendb_blocks_total{outcome="decoded"} 9',
      'omendb_scan_tasks_total 4',
      'omendb_flush_bytes_total 12',
      'omendb_compaction_bytes_total{direction="write"} 11',
      'omendb_wal_fsync_duration_seconds_count 12',
      'omendb_read_only 0',
      `omendb_build_info{version="${VERSION}"} 1`,
    ]
    for (const line of lines) expect(text.split('\n')).toContain(line)
  })

  test('declare each name once, and every sample has one', async () => {
    const text = await (await start().app.request('/metrics')).text()
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!)
    expect(new Set(names).size).toBe(names.length)
    for (const line of text.trimEnd().split('\n')) {
      if (line.startsWith('#')) continue
      const name = line.split(/[ {]/)[0]!.replace(/_(bucket|sum|count)$/, '')
      expect(names, line).toContain(name)
      expect(line).toMatch(/ [\d.e+-]+$/)
    }
  })
})

describe('the API document', () => {
  test('has every route of the slice with a name of its own', async () => {
    const { openapi, paths } = await documentOf()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths).sort()).toEqual([
      '/',
      '/api/v1/write',
      '/api/v2/write',
      '/api/v3/write_lp',
      '/docs',
      '/health',
      '/metrics',
      '/openapi.json',
      '/ping',
      '/ready',
      '/v1/backup',
      '/v1/databases',
      '/v1/databases/{db}',
      '/v1/export',
      '/v1/import',
      '/v1/latest',
      '/v1/metrics',
      '/v1/points',
      '/v1/query',
      '/v1/restore',
      '/v1/tables',
      '/v1/tables/{table}',
      '/v1/tables/{table}/columns/{column}',
      '/v1/tables/{table}/rows',
      '/v1/tables/{table}/series',
      '/v1/tables/{table}/stats',
      '/v1/tables/{table}/tags',
      '/v1/tables/{table}/tags/{key}/values',
      '/v1/tail',
      '/v1/tokens',
      '/v1/tokens/{id}',
      '/v1/write',
      '/write',
    ])
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('describes errors on every native route', async () => {
    const { paths } = await documentOf()
    for (const [path, methods] of Object.entries(paths)) {
      // OTLP's errors are its own.
      if (!path.startsWith('/v1/') || path === '/v1/metrics') continue
      for (const [method, { responses }] of Object.entries(methods)) {
        expect(JSON.stringify(responses), `${method} ${path}`).toContain('problem+json')
      }
    }
  })

  test('names the parameters and bodies that clients are made of', async () => {
    const { paths, components } = await documentOf()
    const names = paths['/v1/query']!['get']!.parameters!.map(({ name }) => name)
    for (const name of ['db', 'table', 'start', 'every', 'fill', 'integers']) {
      expect(names).toContain(name)
    }
    for (const name of ['QueryRequest', 'Answer', 'WriteAnswer', 'Points', 'Table', 'Problem']) {
      expect(Object.keys(components.schemas)).toContain(name)
    }
  })

  test('is made without touching the database', async () => {
    const app = createApp({} as never, {} as never)
    expect((await app.request('http://127.0.0.1:8080/openapi.json')).status).toBe(200)
  })
})

describe('the page of the document', () => {
  test('is what whoever opens the address of the server is led to', async () => {
    const { status, headers } = await start().app.request('/')
    expect([status, headers.get('location')]).toEqual([302, '/docs'])
  })

  test('loads nothing and runs nothing, and its policy says so', async () => {
    const response = await start().app.request('/docs')
    const page = await response.text()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = response.headers.get('content-security-policy')!
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]{44}'/)
    expect(page).not.toMatch(/<script|src=|https?:|@import|url\(| on\w+=/i)
    const style = /<style>([^]*)<\/style>/.exec(page)![1]!
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))
    expect(policy).toContain(Buffer.from(digest).toString('base64'))
  })

  test('leads to every operation and schema, and no link leads nowhere', async () => {
    const page = await (await start().app.request('/docs')).text()
    const places = new Set([...page.matchAll(/ id="([^"]+)"/g)].map((found) => found[1]!))
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map((found) => found[1]!)
    expect(links.filter((link) => !places.has(link))).toEqual([])
    for (const methods of Object.values((await documentOf()).paths)) {
      for (const { operationId } of Object.values(
        methods as Record<string, { operationId: string }>,
      )) {
        expect(links).toContain(`op-${operationId}`)
      }
    }
    expect(page).toContain('<pre>cpu,host=a usage=0.5')
  })

  test('has a place for the type of every problem', async () => {
    const page = await (await start().app.request('/docs')).text()
    for (const { code } of Object.values(ANSWERED)) expect(page).toContain(`id="${code}"`)
  })
})
