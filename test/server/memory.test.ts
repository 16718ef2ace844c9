// What a server does at the limits of its memory, over real HTTP and with the real engine: bodies wait,
// then they are refused with 429; queries are refused by the name of their limit; nothing dies.

import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import type { Database, OpenOptions } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { startServer, type RunningServer } from '../../server/node.ts'

const MIB = 1 << 20
const LINES = Array.from({ length: 4000 }, (_, i) => `cpu,host=h${i % 9} u=${i}.5 ${i}\n`).join('')

let db: Database
let server: RunningServer

async function serve(options: OpenOptions): Promise<void> {
  db = await open('memory:', options)
  server = await startServer(db, { port: 0 })
}

afterEach(async () => {
  server.destroy()
  await db.close()
})

/** A write whose body stays open: what was sent is staged, and the rest is up to the test. */
function openWrite(): {
  send: (text: string) => void
  end: (text: string) => void
  abort: () => void
  status: Promise<number>
} {
  const sending = request(`${server.url}/v1/write?precision=s`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
  })
  const status = new Promise<number>((resolve) => {
    sending.on('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode!)
    })
    sending.on('error', () => resolve(0))
  })
  return {
    send: (text) => void sending.write(text),
    end: (text) => void sending.end(text),
    abort: () => void sending.destroy(),
    status,
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const write = (body: string, path = '/v1/write?precision=s'): Promise<Response> =>
  fetch(server.url + path, { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } })

async function count(): Promise<number> {
  const answer = await db.query({ table: 'cpu', select: { n: 'count(*)' } })
  return Number(answer.series[0]?.fields[0]?.values[0] ?? 0)
}

describe('uploads beyond the staging memory', () => {
  const options = { memoryBytes: 64 * MIB, stagingBytes: MIB / 8 }

  test('are refused with 429 and Retry-After after a while, and the one before ends well', async () => {
    await serve(options)
    const first = openWrite()
    first.send(LINES)
    await until(() => db.metrics().stagingBytes > MIB / 8)
    const paths = ['/v1/write', '/write', '/api/v2/write']
    for (const refused of await Promise.all(paths.map((path) => write(LINES, path)))) {
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
      expect(await refused.text()).toMatch(
        /staging: uploads hold \d+ bytes, over the limit of 131072/,
      )
    }
    first.end('cpu,host=z u=1 5000\n')
    expect(await first.status).toBe(200)
    expect(await count()).toBe(4001)
    expect(db.metrics().stagingBytes).toBe(0)
  })

  test('go on by themselves as soon as there is room', async () => {
    await serve(options)
    const first = openWrite()
    first.send(LINES)
    await until(() => db.metrics().stagingBytes > MIB / 8)
    const others = [
      write('cpu,host=b u=1 1\n'),
      write('cpu,host=b u=1 2\n', '/write?precision=s'),
      write('cpu,host=b u=1 3\n', '/api/v2/write?precision=s'),
      fetch(`${server.url}/v1/points?precision=s`, {
        method: 'POST',
        body: '{"table":"cpu","tags":{"host":"b"},"time":[4],"fields":{"u":[1.5]}}',
        headers: { 'Content-Type': 'application/json' },
      }),
    ]
    await until(() => db.metrics().stagingWaiting === 4)
    first.abort()
    const statuses = (await Promise.all(others)).map(({ status }) => status)
    expect(statuses).toEqual([200, 204, 204, 200])
    expect(await count()).toBe(4)
  })

  test('of a sender that goes away leave nothing behind', async () => {
    await serve(options)
    const first = openWrite()
    const second = openWrite()
    first.send(LINES)
    await until(() => db.metrics().stagingBytes > MIB / 8)
    second.send(LINES)
    await until(() => db.metrics().stagingWaiting === 1)
    second.abort()
    first.abort()
    await until(() => db.metrics().stagingBytes === 0 && db.metrics().stagingWaiting === 0)
    expect(await db.tables()).toEqual([])
  })
})

describe('queries beyond their memory', () => {
  test('are 422 naming the limit, in every form, and the next one is answered', async () => {
    await serve({ memoryBytes: 64 * MIB, limits: { queryBytes: 100_000 } })
    await write(LINES.replaceAll(/h\d/g, 'h') + LINES)
    for (const body of [
      { table: 'cpu' },
      { table: 'cpu', select: { m: 'mean(u)' }, every: '1s', by: '*' },
    ]) {
      const answer = await fetch(`${server.url}/v1/query`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      })
      const problem = (await answer.json()) as Record<string, unknown>
      expect([answer.status, problem['code']]).toEqual([422, 'limit_exceeded'])
      expect(problem['detail']).toMatch(/more than 100000 bytes would be held \(limit queryBytes\)/)
    }
    // An export streams: it holds a chunk at a time.
    const rows = await (await fetch(`${server.url}/v1/export?table=cpu`)).text()
    expect(rows.split('\n')).toHaveLength(8002)
    expect(await count()).toBe(8000)
  })
})
