// What a stranger with bad intentions sends, over real sockets to the real engine: names, sizes,
// encodings, bombs, smuggled heads, senders that never end. Each is refused as the contract says;
// after each nothing is stored, and in the end the server is well and its memory where it was.

import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer, type RunningServer } from '../../server/node.ts'
import { GROUPS, LIMITS, LINE, POST, RAW, TYPED, type Sent } from './hostile-requests.ts'

let db: Awaited<ReturnType<typeof open>>
let server: RunningServer
/** The same database behind time-outs that a test can wait for. */
let hasty: RunningServer
let before: unknown
let memoryBytes: number

/** Everything that a request could leave behind. */
async function contents() {
  return { databases: db.databases(), tables: await db.tables(), kept: await db.table('kept') }
}

beforeAll(async () => {
  db = await open('memory:')
  const options = { port: 0, limits: LIMITS, log: () => {} }
  server = await startServer(db, options)
  hasty = await startServer(db, { ...options, headerTimeoutMs: 100, requestTimeoutMs: 200 })
  await fetch(`${server.url}/v1/write`, { method: 'POST', body: TYPED })
  before = await contents()
  memoryBytes = db.metrics().memoryBytes
})

afterAll(async () => {
  server.destroy()
  hasty.destroy()
  await db.close()
})

// --- requests of an HTTP client

async function answerTo(sent: Sent): Promise<{ status: number; code: unknown }> {
  const headers = {
    ...sent.headers,
    ...(sent.type === undefined ? {} : { 'Content-Type': sent.type }),
  }
  const response = await fetch(server.url + sent.path, {
    method: sent.method ?? 'POST',
    headers,
    ...(sent.body === undefined ? {} : { body: sent.body as BodyInit }),
  })
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const { code } = (await response.json()) as { code: unknown }
  return { status: response.status, code }
}

describe.each(Object.entries(GROUPS))('hostile %s', (_group, cases) => {
  test.each(cases)('%s is refused and leaves nothing', async (_name, sent, status, code) => {
    expect(await answerTo(sent())).toEqual({ status, code })
    expect(await contents()).toEqual(before)
  })
})

// --- bytes that no HTTP client sends

/** Sends bytes and closes when the first answer is there; what it says, '' if the server just left. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    answer += chunk.toString()
    if (isWhole(answer)) socket.destroy()
  })
  socket.write(text, 'latin1')
  await once(socket, 'close')
  return answer
}

function isWhole(answer: string): boolean {
  const [head = '', body] = answer.split('\r\n\r\n')
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  return body !== undefined && length !== undefined && Buffer.byteLength(body) >= Number(length)
}

test.each(RAW)('a request with %s is refused and leaves nothing', async (_name, text, status) => {
  const answer = await sendRaw(server.port, text)
  expect(Number(answer.split(' ')[1])).toBe(status)
  expect(answer).toContain('application/problem+json')
  expect(await contents()).toEqual(before)
})

test.each([
  ['a head', 'POST /v1/write HTTP/1.1\r\nHost: loc'],
  ['a body', `${POST}Content-Length: 100\r\n\r\n${LINE}`],
  ['a chunk', `${POST}Transfer-Encoding: chunked\r\n\r\nfffff\r\n${LINE}`],
  [
    'a gzip body',
    `${POST}Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n${gzipSync(LINE).toString('latin1')}`,
  ],
])('%s that never ends is a 408 and leaves nothing', async (_name, text) => {
  const answer = await sendRaw(hasty.port, text)
  expect(Number(answer.split(' ')[1])).toBe(408)
  expect(await contents()).toEqual(before)
})

test('a hundred senders that go away in the middle leave nothing', async () => {
  const gone = Array.from({ length: 100 }, async () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(`${POST}Content-Length: 100\r\n\r\n${LINE}`, () => socket.destroy())
    await once(socket, 'close')
  })
  await Promise.all(gone)
  expect(await contents()).toEqual(before)
})

// --- and after all that

test('kernel memory is where it was', async () => {
  // An upload whose sender has gone gives its memory back when the server notices.
  await expect.poll(() => db.metrics().memoryBytes, { timeout: 10_000 }).toBe(memoryBytes)
})

test('the server is well, and takes and gives points', async () => {
  expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'pass' })
  const good = await fetch(`${server.url}/v1/write`, { method: 'POST', body: 'good v=1 1' })
  expect([good.status, await good.json()]).toMatchObject([200, { written: 1 }])
  expect((await db.tables()).map(({ name }) => name)).toEqual(['good', 'kept'])
})
