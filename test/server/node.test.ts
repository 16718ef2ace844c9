// Real HTTP on a real socket: what only node:http can do right or wrong. The database is a fake.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { OmenError } from '../../engine/error.ts'
import type { AnswerSeries } from '../../engine/query/query.ts'
import { startServer, type RunningServer, type ServerOptions } from '../../server/node.ts'
import { createFake, type FakeDatabase } from './fake.ts'

const running: RunningServer[] = []

afterEach(() => {
  for (const server of running.splice(0)) server.destroy()
})

async function start(options: ServerOptions = {}) {
  const db = createFake()
  const server = await startServer(db, { port: 0, log: () => {}, ...options })
  running.push(server)
  return { db, server, url: server.url }
}

/** Sends bytes as they are and reads until the server closes. */
async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  return readAll(socket)
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  socket.on('error', () => {})
  await once(socket, 'close')
  return text
}

function bodyOf(answer: string): { status: number; body: Record<string, unknown>; head: string } {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: JSON.parse(body), head }
}

/** A chunked upload of `count` pieces. */
async function upload(url: string, piece: Buffer, count: number, headers = {}) {
  const request = httpRequest(url, { method: 'POST', headers: { ...headers } })
  const answered = once(request, 'response') as Promise<[import('node:http').IncomingMessage]>
  request.on('error', () => {})
  request.setMaxListeners(0)
  for (let i = 0; i < count && !request.destroyed; i++) {
    if (!request.write(piece)) {
      await Promise.race([once(request, 'drain'), once(request, 'close'), answered])
    }
  }
  request.end()
  const [response] = await answered
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, body: text === '' ? null : JSON.parse(text) }
}

describe('a server on Node', () => {
  test('listens on a free port and tells its address', async () => {
    const { url, server } = await start()
    expect(url).toBe(`http://127.0.0.1:${server.port}`)
    expect(server.port).toBeGreaterThan(0)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('refuses a taken port by name', async () => {
    const { server } = await start()
    await expect(startServer(createFake(), { port: server.port })).rejects.toMatchObject({
      code: 'conflict',
      message: `port ${server.port} of 127.0.0.1 is taken by another process`,
    })
  })

  test('refuses to serve other machines without a token', async () => {
    const options = { host: '0.0.0.0', port: 0 }
    await expect(startServer(createFake(), options)).rejects.toMatchObject({ code: 'forbidden' })
    const { url, server } = await start({ ...options, token: 'x' })
    expect(url).toBe(`http://0.0.0.0:${server.port}`)
    expect((await fetch(`http://127.0.0.1:${server.port}/v1/tables`)).status).toBe(401)
  })

  test('reads a body in whatever pieces it comes', async () => {
    const { db, url } = await start()
    const { status, body } = await upload(`${url}/v1/write`, Buffer.from('cpu u=1\n'), 500)
    expect([status, body]).toMatchObject([200, { written: 1 }])
    expect(db.batches[0]!.text).toBe('cpu u=1\n'.repeat(500))
  })

  test('inflates gzip, several members of it too', async () => {
    const { db, url } = await start()
    const body = Buffer.concat([gzipSync('cpu u=1\n'), gzipSync('cpu u=2\n')])
    const headers = { 'Content-Encoding': 'gzip' }
    expect((await fetch(`${url}/v1/write`, { method: 'POST', body, headers })).status).toBe(200)
    expect(db.batches[0]!.text).toBe('cpu u=1\ncpu u=2\n')
  })

  test.each<[string, BodyInit]>([
    ['followed by other bytes', Buffer.concat([gzipSync('cpu u=1\n'), Buffer.from('cpu u=2\n')])],
    ['cut short', gzipSync('cpu u=1\n').subarray(0, 15)],
    ['not gzip', Buffer.from('cpu u=1\n')],
  ])('answers 400 to gzip that is %s', async (_name, body) => {
    const { db, url } = await start()
    const headers = { 'Content-Encoding': 'gzip' }
    const response = await fetch(`${url}/v1/write`, { method: 'POST', body, headers })
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'bad_request' }])
    expect(db.batches[0]).toMatchObject({ committed: null, discarded: true })
  })

  test('answers 413 in the middle of a chunked upload, and lives on', async () => {
    const { url } = await start({ limits: { wireBytesMax: 100_000, inflatedBytesMax: 200_000 } })
    const piece = Buffer.alloc(64_000, 'x')
    for (const headers of [{}, { 'Content-Encoding': 'gzip' }]) {
      const body = 'Content-Encoding' in headers ? gzipSync(randomText(64_000)) : piece
      const answer = await upload(`${url}/v1/write`, body, 30, headers)
      expect(answer).toMatchObject({ status: 413, body: { code: 'too_large' } })
    }
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const headers = { 'Content-Encoding': 'gzip' }
    const response = await fetch(`${url}/v1/write`, { method: 'POST', body: bomb, headers })
    expect([response.status, await response.json()]).toMatchObject([413, { code: 'too_large' }])
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('answers 413 to an announced length without reading', async () => {
    const { db, server } = await start()
    const head = `POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n`
    const { status, body } = bodyOf(await sendRaw(server.port, head))
    expect([status, body['code']]).toEqual([413, 'too_large'])
    expect(db.batches[0]!.text).toBe('')
  })

  // A short body is staged when it is whole, a long one as it comes.
  test.each([
    [100, ''],
    [100_000, 'cpu u=1\n'],
  ])('stores nothing of a body of %i bytes whose sender goes away', async (length, staged) => {
    const { db, server } = await start()
    const socket = connect(server.port, '127.0.0.1')
    const head = `POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
    socket.write(`${head}cpu u=1\n`)
    await until(() => db.batches[0]?.text === staged)
    socket.destroy()
    await until(() => db.batches[0]!.discarded)
    expect(db.batches[0]!.committed).toBe(null)
  })

  test('answers in the order of pipelined requests', async () => {
    const { server } = await start()
    const get = (id: string) => `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: ${id}\r\n`
    const answer = await sendRaw(
      server.port,
      `${get('one')}\r\n${get('two')}Connection: close\r\n\r\n`,
    )
    expect([...answer.matchAll(/x-request-id: (\w+)/gi)].map((m) => m[1])).toEqual(['one', 'two'])
  })
})

describe('an answer with data', () => {
  const ask = (method: string, more = '') =>
    `${method} /v1/query?table=cpu HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`

  test('that is short has its length in bytes and every header of the contract', async () => {
    const { db, server } = await start()
    db.answer = { ...db.answer, table: 'größe' }
    const answer = await sendRaw(server.port, ask('GET', 'X-Request-Id: mine\r\n'))
    const { status, body, head } = bodyOf(answer)
    expect([status, body['table']]).toEqual([200, 'größe'])
    const length = Buffer.byteLength(answer) - Buffer.byteLength(`${head}\r\n\r\n`)
    for (const line of [
      'Content-Type: application/json',
      `Content-Length: ${length}`,
      'X-Request-Id: mine',
      'X-Content-Type-Options: nosniff',
      'Cache-Control: no-store',
    ]) {
      expect(head.split('\r\n').filter((one) => one === line)).toEqual([line])
    }
    expect(head).toMatch(/\r\nServer-Timing: total;dur=[\d.]+\r\n/)
    expect(head).not.toContain('chunked')
  })

  test('has the same head when only that is asked for', async () => {
    const { server } = await start()
    const answer = await sendRaw(server.port, ask('HEAD'))
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(answer.toLowerCase()).toContain('\r\ncontent-type: application/json\r\n')
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  test('is not made of a question whose sender goes away in the middle of it', async () => {
    const { db, server } = await start()
    const socket = connect(server.port, '127.0.0.1')
    const head = 'POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n'
    await new Promise<void>((sent) => socket.write(`${head}{"table":"cpu"`, () => sent()))
    await fetch(`${server.url}/health`)
    socket.destroy()
    await once(socket, 'close')
    await fetch(`${server.url}/health`)
    expect(db.requests).toEqual([])
  })

  test('comes for each of two questions that are sent at once', async () => {
    const { db, server } = await start()
    const question = '{"table":"a"}'
    const head = `POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${question.length}`
    const last = `${head}\r\nConnection: close\r\n\r\n{"table":"b"}`
    const answers = await sendRaw(server.port, `${head}\r\n\r\n${question}${last}`)
    expect(answers.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
    expect(db.requests.map(({ request }) => request)).toEqual([{ table: 'a' }, { table: 'b' }])
  })
})

describe('what the HTTP parser refuses', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'bad_request'],
    [
      'a bad length',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'a huge head',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      431,
      'too_large',
    ],
    ['CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'bad_request'],
    ['no Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
    [
      'a wrong Host',
      'GET /health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'another Host',
      'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      403,
      'forbidden',
    ],
  ])('%s is a problem document', async (_name, bytes, status, code) => {
    const { server, url } = await start()
    const answer = bodyOf(await sendRaw(server.port, bytes))
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({ status, code, errors: [], written: 0 })
    expect(answer.head).toMatch(/content-type: application\/problem\+json/i)
    expect(answer.head).toMatch(/cache-control: no-store/i)
    expect(answer.head.toLowerCase()).toContain(`x-request-id: ${String(answer.body['requestId'])}`)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('a URL with a letter that is not ASCII is told to be encoded', async () => {
    const { server } = await start()
    const bytes = 'GET /v1/query?table=wärme HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const { status, body } = bodyOf(await sendRaw(server.port, bytes))
    expect([status, body['detail']]).toEqual([
      400,
      expect.stringMatching(/^not an HTTP request: .+ \(percent-encode what is not ASCII\)$/),
    ])
  })

  test('an Expect that nobody knows is no obstacle', async () => {
    const { server } = await start()
    const head = 'Host: localhost\r\nExpect: 200-ok\r\nConnection: close\r\n\r\n'
    const answer = bodyOf(await sendRaw(server.port, `GET /ready HTTP/1.1\r\n${head}`))
    expect(answer).toMatchObject({ status: 200, body: { status: 'ready' } })
  })

  test.each([
    ['head', 'GET /health HTTP/1.1\r\nHost: loc'],
    ['body', 'POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ncpu u=1\n'],
  ])('a %s that never ends is a 408', async (_name, bytes) => {
    const { server, db } = await start({ headerTimeoutMs: 100, requestTimeoutMs: 200 })
    const answer = bodyOf(await sendRaw(server.port, bytes))
    expect([answer.status, answer.body['code']]).toEqual([408, 'timeout'])
    await until(() => db.batches.every(({ discarded }) => discarded))
    expect(db.batches.every(({ committed }) => committed === null)).toBe(true)
  })
})

describe('exports over a socket', () => {
  const chunk: AnswerSeries = {
    tags: new Map(),
    time: BigInt64Array.from({ length: 20_000 }, (_, i) => BigInt(i)),
    fields: [],
  }

  test('wait for a client that does not read', async () => {
    const { db, server } = await start()
    db.chunks = Array.from({ length: 300 }, () => chunk)
    let taken = 0
    db.onChunk = () => taken++
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    socket.write('GET /v1/export?table=cpu HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await settle(() => taken)
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(100)
    socket.destroy()
  })

  test('break the connection when they fail late', async () => {
    const { db, url } = await start()
    db.chunks = Array.from({ length: 50 }, () => chunk)
    let taken = 0
    db.onChunk = () => {
      if (++taken > 20) throw new OmenError('corrupt', 'segment-1: block at 7 is damaged')
    }
    const response = await fetch(`${url}/v1/export?table=cpu`)
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })
})

describe('close', () => {
  test('waits for the answer in flight and takes no new connection', async () => {
    const { db, server, url } = await start()
    const release = holdCommits(db)
    const answer = fetch(`${url}/v1/write`, { method: 'POST', body: 'cpu u=1' })
    await until(() => db.batches[0]?.text !== undefined && db.batches[0].text !== '')
    let closed = false
    const closing = server.close().then(() => (closed = true))
    await expect(fetch(`${url}/health`)).rejects.toThrow()
    expect(closed).toBe(false)
    release()
    expect((await answer).status).toBe(200)
    await closing
  })
})

/** Makes commits of the fake wait until the returned function is called. */
function holdCommits(db: FakeDatabase): () => void {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const { batch } = db
  db.batch = (options) => {
    const made = batch(options)
    const commit = made.commit.bind(made)
    return Object.assign(made, {
      commit: (ack?: 'fsync' | 'memory') => held.then(() => commit(ack)),
    })
  }
  return release
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition never came true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Waits until a count has not changed for many turns of the event loop. */
async function settle(count: () => number): Promise<void> {
  let last = -1
  for (let still = 0; still < 40; still++) {
    if (count() !== last || last === 0) still = 0
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function randomText(length: number): string {
  let text = ''
  for (let state = 1; text.length < length;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    text += state.toString(36)
  }
  return text
}
