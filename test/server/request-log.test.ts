// The log of requests: one line each, whatever happens to it, and nothing in it that was secret.

import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { open } from '../../engine/node.ts'
import { createApp } from '../../server/app.ts'
import { requestLines, type LineOptions } from '../../server/cli/request-lines.ts'
import type { RequestRecord } from '../../server/course.ts'
import { startServer, type ServerOptions } from '../../server/node.ts'
import { createFake } from './fake.ts'

async function start(options: ServerOptions = {}) {
  const records: RequestRecord[] = []
  const messages: string[] = []
  const db = await open('memory:')
  const server = await startServer(db, {
    port: 0,
    token: 'omen_boss',
    requestLog: (record) => void records.push(record),
    log: (message) => void messages.push(message),
    ...options,
  })
  onTestFinished(async () => {
    server.destroy()
    await db.close()
  })
  const call = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { Authorization: 'Bearer omen_boss', ...(init.headers as object) }
    return fetch(server.url + path, { ...init, headers })
  }
  return { server, records, messages, call }
}

const RECORD: RequestRecord = {
  ...{ time: 1_790_000_000_000, id: 'r-1', method: 'GET', route: '/v1/query', status: 200 },
  ...{ bytes: 12, durationMs: 1.23456, token: 'a "b"\u001b', database: 'default', isBroken: false },
}

function linesOf(options: LineOptions, records: readonly RequestRecord[]): string[] {
  const lines: string[] = []
  const log = requestLines(options, (line) => void lines.push(line))
  for (const record of records) log?.(record)
  return lines
}

describe('a line', () => {
  test('is JSON, with every member in place', () => {
    const [line] = linesOf({ form: 'json', slowQueryMs: 0 }, [RECORD])
    expect(line).not.toContain('\n')
    expect(JSON.parse(line!)).toEqual({
      ...{ time: '2026-09-21T14:13:20.000Z', level: 'info', id: 'r-1', method: 'GET' },
      ...{ route: '/v1/query', status: 200, bytes: 12, durationMs: 1.235 },
      ...{ token: 'a "b"\u001b', database: 'default' },
    })
  })

  test('is text that steers no terminal', () => {
    const [line] = linesOf({ form: 'text', slowQueryMs: 0 }, [RECORD])
    expect(line).toBe(
      '2026-09-21T14:13:20.000Z GET /v1/query 200 12B 1.235ms token="a \\"b\\"\\\\x1b" db=default id=r-1',
    )
  })

  test('is not written when off, but of a slow question', () => {
    const slow = { ...RECORD, durationMs: 500 }
    const write = { ...slow, route: '/v1/write' }
    expect(linesOf({ form: 'off', slowQueryMs: 0 }, [slow])).toEqual([])
    const lines = linesOf({ form: 'off', slowQueryMs: 500 }, [RECORD, slow, write])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/ slow$/)
    const [json] = linesOf({ form: 'json', slowQueryMs: 500 }, [slow])
    expect(JSON.parse(json!)).toMatchObject({ level: 'warn', slow: true })
  })
})

describe('a request over HTTP', () => {
  test('is logged by pattern, name, status and the bytes that were sent', async () => {
    const { records, call } = await start()
    const sent: [string, number, string, number][] = []
    const note = async (path: string, route: string, init: RequestInit = {}): Promise<void> => {
      const answer = await call(path, init)
      const bytes = (await answer.arrayBuffer()).byteLength
      sent.push([route, answer.status, answer.headers.get('X-Request-Id')!, bytes])
    }
    await note('/v1/write?db=plant', '/v1/write', { method: 'POST', body: 'cpu v="ü" 1' })
    await note("/v1/query?db=plant&table=cpu&where=v='ü'", '/v1/query')
    await note('/v1/query?db=plant', '/v1/query')
    await note('/v1/export?db=plant&table=cpu', '/v1/export')
    await note('/v1/tables/cpu?db=plant', '/v1/tables/{table}', { method: 'HEAD' })
    await note('/v1/backup', '/v1/backup')
    await note('/nowhere?token=omen_secret', 'unmatched')
    await note('/health', '/health', { method: 'PATCH' })
    await note('/openapi.json', '/openapi.json')
    await note('/write?p=omen_secret', '/write', { method: 'POST', headers: { Authorization: '' } })
    await expect.poll(() => records.length).toBe(sent.length)
    const logged = records.map(({ route, status, id, bytes }) => [route, status, id, bytes])
    expect(new Set(logged.map(String))).toEqual(new Set(sent.map(String)))
    expect(records.find(({ route }) => route === '/v1/export')).toMatchObject({
      ...{ token: 'OMENDB_TOKEN', database: 'plant', isBroken: false },
    })
    expect(JSON.stringify(records)).not.toMatch(/omen_|ü|where/)
  })

  test('whose client leaves in the middle of a stream is logged once, and gives its place back', async () => {
    const { server, records, call } = await start({ requestLimits: { atOnce: 1 } })
    const lines = Array.from({ length: 200_000 }, (_, i) => `cpu v=${i},w=${i} ${i}`)
    await call('/v1/write', { method: 'POST', body: lines.join('\n') })
    const socket = connect(server.port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(
      'GET /v1/export?table=cpu HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer omen_boss\r\n\r\n',
    )
    await once(socket, 'data')
    socket.pause()
    const refused = await call('/v1/tables')
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '1'])
    expect(await refused.json()).toMatchObject({ code: 'busy' })
    socket.destroy()
    await expect.poll(() => records.some(({ route }) => route === '/v1/export')).toBe(true)
    expect((await call('/v1/tables')).status).toBe(200)
    expect(records.filter(({ route }) => route === '/v1/export')).toHaveLength(1)
  })
})

test('one caller too many a second is a 429 that says when to come back', async () => {
  const { call } = await start({ requestLimits: { perSecond: 2 } })
  const answers = await Promise.all(Array.from({ length: 40 }, () => call('/v1/tables')))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(2)
  for (const { headers } of refused) expect(headers.get('Retry-After')).toBe('1')
  expect((await call('/health')).status).toBe(200)
})

test('who guesses tokens has no more than the share of an address', async () => {
  const { server, call } = await start({ requestLimits: { perSecond: 2 } })
  const guess = (i: number): Promise<Response> =>
    fetch(`${server.url}/v1/tables`, { headers: { Authorization: `Bearer guess${i}` } })
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => guess(i)))
  const statuses = answers.map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([401, 429]))
  expect((await call('/v1/tables')).status).toBe(200)
})

describe('a token', () => {
  test('is in no answer and no log, however it was sent', async () => {
    const secret = 'omen_thisIsTheSecretOfSomebody'
    const { server, records, messages } = await start()
    const texts: string[] = []
    const paths = ['/v1/tables', `/v1/tables?token=${secret}`, `/v1/query?table=x&p=${secret}`]
    const credentials = [
      ...[`Bearer ${secret}`, `Token u:${secret}`, `Basic ${btoa(`u:${secret}`)}`, secret],
      ...[`Bearer ${secret} ${secret}`, `Bearer "${secret}"`],
    ]
    for (const Authorization of credentials) {
      for (const path of [...paths, '/write?db=x', '/api/v2/write', '/metrics']) {
        const method = path.includes('write') ? 'POST' : 'GET'
        const answer = await fetch(server.url + path, { method, headers: { Authorization } })
        texts.push(await answer.text(), JSON.stringify([...answer.headers]))
        expect(answer.status, `${path} ${Authorization}`).toBe(401)
      }
    }
    const seen = [...texts, ...messages, JSON.stringify(records)].join('\n')
    expect(seen).not.toContain('thisIsTheSecret')
    expect(seen).not.toContain(btoa(`u:${secret}`))
  })

  test('in two headers is refused, whichever of them is right', async () => {
    const { server } = await start()
    const right = 'Authorization: Bearer omen_boss'
    const wrong = 'Authorization: Bearer omen_other'
    for (const pair of [
      [right, wrong],
      [wrong, right],
      [right, right],
    ]) {
      const socket = connect(server.port, '127.0.0.1')
      const head = ['GET /v1/tables HTTP/1.1', 'Host: localhost', 'Connection: close', ...pair]
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      expect(text).toMatch(/^HTTP\/1\.1 401 /)
    }
  })
})

test('every answer has a request id and its time, also those that are errors', async () => {
  const app = createApp(createFake(), { token: 't', corsOrigins: ['http://a'], log: () => {} })
  const { paths } = (await (await app.request('/openapi.json')).json()) as {
    paths: Record<string, object>
  }
  for (const path of [...Object.keys(paths), '/nowhere', '/%ff']) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      for (const token of ['t', 'wrong']) {
        const headers = { Authorization: `Bearer ${token}` }
        const answer = await app.request(path.replaceAll(/\{\w+\}/g, 'x'), { method, headers })
        expect(answer.headers.get('X-Request-Id'), `${method} ${path}`).toMatch(/^[\w-]{36}$/)
        expect(answer.headers.get('Server-Timing')).toMatch(/^total;dur=\d+\.\d{3}/)
        await answer.body?.cancel()
      }
    }
  }
})
