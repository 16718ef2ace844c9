// What a stranger with bad intentions sends, over real sockets to a real server process: names, sizes,
// encodings, bombs, absurd times, smuggled heads, senders and readers that never end. Each is refused as the
// contract says, with its place, and leaves nothing; in the end the server is well, its memory bounded and its
// log quiet.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProcess, type ServerProcess } from '../../e2e/process.ts'
import { ENVELOPES } from './envelopes.ts'
import { HELD_PROBE, heldMib } from './held.ts'
import { EXPORTS, EXPRESSIONS, MEMBERS, REMOVALS, SETTINGS, TIMES } from './operations.ts'
import { PEERS } from './peers.ts'
import { LINE, POST, RAW } from './raw.ts'
import { QUERIES } from './reads.ts'
import { TYPED, type Case, type Place, type Sent } from './sent.ts'
import { TAILS } from './tails.ts'
import { IMPORTS, JSON_POINTS, LINE_PROTOCOL } from './writes.ts'
import { ZSTD } from './zstd.ts'

const GROUPS: Record<string, Case[]> = {
  'line protocol': LINE_PROTOCOL,
  'JSON points': JSON_POINTS,
  imports: IMPORTS,
  envelopes: ENVELOPES,
  'zstd bodies': ZSTD,
  queries: QUERIES,
  'members of queries': MEMBERS,
  times: TIMES,
  expressions: EXPRESSIONS,
  exports: EXPORTS,
  tails: TAILS,
  settings: SETTINGS,
  'removals and the rest': REMOVALS,
}

/**
 * What the server's objects and buffers may have grown by after all of it, once garbage is collected: the 16 MiB
 * that are kept for tails which come back, and what V8 compiled meanwhile. Kernel memory has a limit of its own.
 */
const HELD_MIB_MAX = 96

const directory = mkdtempSync(join(tmpdir(), 'omendb-hostile-'))
let server: ServerProcess
let before: string
let heldBefore: number

const textOf = async (path: string): Promise<string> => (await fetch(server.url + path)).text()

/** Everything that a request could leave behind. */
async function contents(): Promise<string> {
  const paths = [
    '/v1/databases',
    '/v1/tables',
    '/v1/tables/kept',
    '/v1/tokens',
    '/v1/export?table=kept',
  ]
  return (await Promise.all(paths.map(textOf))).join('\n')
}

beforeAll(async () => {
  server = await startProcess(join(directory, 'data'), [], { NODE_OPTIONS: HELD_PROBE })
  await fetch(`${server.url}/v1/write`, { method: 'POST', body: TYPED })
  before = await contents()
  heldBefore = await heldMib(server)
}, 60_000)

afterAll(async () => {
  if (server.isRunning()) await server.stop('SIGKILL')
  rmSync(directory, { recursive: true })
})

// --- requests of an HTTP client

interface Refusal {
  status: number
  code: string
  written: number
  position?: number
  errors: Record<string, unknown>[]
}

function send(sent: Sent): Promise<Response> {
  const headers = {
    ...sent.headers,
    ...(sent.type === undefined ? {} : { 'Content-Type': sent.type }),
  }
  return fetch(server.url + sent.path, {
    method: sent.method ?? 'POST',
    headers,
    ...(sent.body === undefined ? {} : { body: sent.body as BodyInit }),
  })
}

async function answerTo(sent: Sent): Promise<Refusal> {
  const response = await send(sent)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = (await response.json()) as Refusal
  expect(problem).toMatchObject({ status: response.status, written: 0 })
  return problem
}

function expectPlace({ errors, position }: Refusal, place: Place): void {
  const { position: expected, ...listed } = place
  expect(errors[0] ?? {}).toMatchObject(listed)
  expect(position).toBe(expected ?? position)
}

describe.each(Object.entries(GROUPS))('hostile %s', (_group, cases) => {
  test.each(cases)('%s is refused and leaves nothing', async (_name, sent, status, code, place) => {
    const problem = await answerTo(sent())
    expect([problem.status, problem.code, problem.errors[0]?.['message']]).toEqual([
      status,
      code,
      problem.errors[0]?.['message'],
    ])
    expectPlace(problem, place ?? {})
    expect(await contents()).toBe(before)
  })
})

test.each(PEERS)("a peer's %s is refused and leaves nothing", async (_name, sent, status) => {
  const response = await send(sent())
  expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(/\w/)])
  expect(await contents()).toBe(before)
})

// --- bytes that no HTTP client sends

async function open(text: string): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text, 'latin1')
  return socket
}

/** Sends bytes and closes when the first answer is there; what it says, '' if the server just left. */
async function sendRaw(text: string): Promise<string> {
  const socket = await open(text)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString()
    if (isWhole(answer)) socket.destroy()
  })
  if (!socket.closed) await once(socket, 'close')
  return answer
}

function isWhole(answer: string): boolean {
  const [head = '', body] = answer.split('\r\n\r\n')
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  return body !== undefined && length !== undefined && Buffer.byteLength(body) >= Number(length)
}

test.each(RAW)('a request with %s is refused and leaves nothing', async (_name, text, status) => {
  const answer = await sendRaw(text)
  expect([Number(answer.split(' ')[1]), answer]).toEqual([status, answer])
  expect(answer).toContain('application/problem+json')
  expect(await contents()).toBe(before)
})

test('requests in one packet are answered in order, each with its own status', async () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const paths = ['/ready', '/nope', '/v1/tables/nope', '/v1/query?limit=x', '/ready']
  const socket = await open(paths.map(get).join(''))
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  const statuses = (): string[] =>
    [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((found) => found[1]!)
  await expect.poll(statuses, { timeout: 20_000 }).toEqual(['200', '404', '404', '400', '200'])
  socket.destroy()
})

test('a sender that closes its half still gets its answer', async () => {
  const socket = await open('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  socket.end()
  await expect.poll(() => answer, { timeout: 20_000 }).toContain('{"status":"ready"}')
  socket.destroy()
})

// --- those who take their time, or leave

test('two hundred senders that stop in the middle hold up nobody, and leave nothing', async () => {
  const texts = [
    'POST /v1/write HTTP/1.1\r\nHost: loc',
    `${POST}Content-Length: 100\r\n\r\n${LINE}`,
    `${POST}Transfer-Encoding: chunked\r\n\r\nfffff\r\n${LINE}`,
    `${POST}Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b\x08`,
  ]
  const sockets = await Promise.all(Array.from({ length: 200 }, (_, i) => open(texts[i % 4]!)))
  const heads = sockets.filter((_, i) => i % 4 === 0)
  for (const socket of heads) socket.resume()
  // A byte now and then is no reason to wait longer.
  const drip = setInterval(() => {
    for (const socket of heads) socket.write('a')
  }, 500)
  try {
    expect((await fetch(`${server.url}/v1/query?table=kept`)).status).toBe(200)
    expect(await contents()).toBe(before)
    // Heads have ten seconds.
    const waiting = (): number => heads.filter((socket) => !socket.closed).length
    await expect.poll(waiting, { timeout: 60_000, interval: 200 }).toBe(0)
  } finally {
    clearInterval(drip)
    for (const socket of sockets) socket.destroy()
  }
  expect(await contents()).toBe(before)
}, 90_000)

test('forty readers that do not read hold up nobody', async () => {
  const lines = Array.from(
    { length: 100_000 },
    (_, i) => `wide,h=${i % 50} a=${i}.5,b=${i}i ${i + 1}`,
  )
  await fetch(`${server.url}/v1/write?db=readers`, { method: 'POST', body: lines.join('\n') })
  const formats = ['csv', 'ndjson', 'lp', 'arrow', 'parquet']
  const sockets = await Promise.all(
    Array.from({ length: 40 }, (_, i) => {
      const path = `/v1/export?db=readers&table=wide&format=${formats[i % 5]}`
      return open(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    }),
  )
  const answer = await fetch(`${server.url}/v1/query?db=readers&table=wide&select=count(*)`)
  expect(await answer.json()).toMatchObject({ series: [{ fields: { 'count(*)': [100_000] } }] })
  for (const socket of sockets) socket.destroy()
  await fetch(`${server.url}/v1/databases/readers`, { method: 'DELETE' })
  expect(await contents()).toBe(before)
}, 60_000)

/** Events of a tail that is read until `isEnough` of its text, by its headers. */
async function tailText(
  headers: Record<string, string>,
  isEnough: (text: string) => boolean,
): Promise<string> {
  const leave = new AbortController()
  const response = await fetch(`${server.url}/v1/tail?table=kept`, {
    headers,
    signal: leave.signal,
  })
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream',
  ])
  let text = ''
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  while (!isEnough(text)) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
  }
  leave.abort()
  return text
}

test.each([
  'x',
  '-1',
  '1e3',
  '0x10',
  '99999999999999999999',
  '999999999999999999999999',
  '1-zzzzzzzz',
  '1-00000000',
  '1-',
  '1 OR 1=1',
  '__proto__',
  'ä'.normalize('NFD').replaceAll(/[^ -~]/g, '') + '\t1',
  'a'.repeat(4_000),
])('a tail behind an id that is none (%#) begins with a gap', async (id) => {
  const text = await tailText({ 'Last-Event-ID': id }, (all) => all.includes('event: '))
  expect(text).toMatch(/event: gap\ndata: \{"reason":"missed"\}\n\n$/)
})

test('a thousand readers of tails that do not read hold up nobody, and most are told it is too many', async () => {
  const sockets = await Promise.all(
    Array.from({ length: 1_000 }, () =>
      open('GET /v1/tail?table=kept HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ),
  )
  const heads = sockets.map(() => '')
  for (const [i, socket] of sockets.entries()) {
    // The head of the answer, and nothing more.
    socket.once('data', (chunk) => {
      heads[i] = chunk.toString()
      socket.pause()
    })
  }
  const answered = (): number => heads.filter((head) => head !== '').length
  await expect.poll(answered, { timeout: 60_000 }).toBe(1_000)
  const statusOf = (head: string): string => head.split(' ')[1]!
  const open200 = heads.filter((head) => statusOf(head) === '200')
  const busy = heads.filter((head) => statusOf(head) === '429')
  expect([open200.length, busy.length]).toEqual([256, 744])
  for (const head of busy) expect(head).toMatch(/retry-after: \d+/i)
  // Writers go on: 18 MB, more than is kept for tails, pass by readers who take none of it.
  const text = 'x'.repeat(4_000)
  for (let i = 0; i < 230; i++) {
    const lines = Array.from({ length: 20 }, (_, k) => `kept s="${text}" ${10 + i * 20 + k}`)
    const answer = await fetch(`${server.url}/v1/write`, { method: 'POST', body: lines.join('\n') })
    expect([answer.status, await answer.text()]).toEqual([200, expect.anything()])
  }
  for (const socket of sockets) socket.destroy()
  const left = async (): Promise<string> =>
    /^omendb_tails (\d+)/m.exec(await textOf('/metrics'))?.[1] ?? ''
  await expect.poll(left, { timeout: 60_000 }).toBe('0')
  // There is room again, and nothing but the points of this test is left.
  await tailText({}, (all) => all.includes('id: '))
  const gone = await fetch(`${server.url}/v1/tables/kept/rows?start=2&precision=ns`, {
    method: 'DELETE',
  })
  expect([gone.status, await gone.json()]).toEqual([200, { deleted: 4_600, dryRun: false }])
  expect(JSON.parse(await textOf('/v1/export?table=kept&format=ndjson'))).toMatchObject({ n: 1 })
}, 180_000)

test('a hundred senders that go away in the middle leave nothing', async () => {
  const gone = Array.from({ length: 100 }, async () => {
    const socket = await open(`${POST}Content-Length: 100\r\n\r\n${LINE}`)
    socket.destroy()
  })
  await Promise.all(gone)
  expect(await contents()).toBe(before)
})

// --- and after all that

test('the battery has more than two hundred requests', () => {
  const counts = Object.values(GROUPS).map((cases) => cases.length)
  expect(counts.reduce((sum, count) => sum + count, RAW.length + PEERS.length)).toBeGreaterThan(200)
})

test('the server is well, answers a known question right, and takes points', async () => {
  expect(JSON.parse(await textOf('/health'))).toMatchObject({ status: 'pass' })
  expect(await textOf('/v1/export?table=kept&format=lp')).toBe(
    'kept n=1i,ok=true,s="t",u=2u,x=0.5 1\n',
  )
  const good = await fetch(`${server.url}/v1/write`, { method: 'POST', body: 'good v=1 1' })
  expect([good.status, await good.json()]).toMatchObject([200, { written: 1 }])
})

test('it holds no more memory than before, but for what its budgets say', async () => {
  // Connections that were just cut may take a moment to be let go.
  const grown = async (): Promise<number> => (await heldMib(server)) - heldBefore
  await expect.poll(grown, { timeout: 60_000, interval: 500 }).toBeLessThan(HELD_MIB_MAX)
}, 90_000)

test('it has nothing to say of errors of its own', async () => {
  expect(await server.stop('SIGTERM')).toBe(0)
  expect(server.output()).not.toMatch(/\n\s+at |[Uu]nhandled|Error:|internal|broke off/)
}, 60_000)
