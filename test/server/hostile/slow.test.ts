// Senders that never end, at a server whose time-outs a test can wait for: each gets its 408 and leaves
// nothing, and the memory of its upload is given back.

import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../../engine/node.ts'
import { startServer, type RunningServer } from '../../../server/node.ts'
import { LINE, POST } from './raw.ts'

let db: Awaited<ReturnType<typeof open>>
let server: RunningServer
let memoryBytes: number

beforeAll(async () => {
  db = await open('memory:')
  const timeouts = { headerTimeoutMs: 100, requestTimeoutMs: 200 }
  server = await startServer(db, { port: 0, log: () => {}, ...timeouts })
  memoryBytes = db.metrics().memoryBytes
})

afterAll(async () => {
  server.destroy()
  await db.close()
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
  const socket = connect(server.port, '127.0.0.1')
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => (answer += chunk.toString()))
  socket.write(text, 'latin1')
  await once(socket, 'close')
  expect(Number(answer.split(' ')[1])).toBe(408)
  expect(answer).toContain('"code":"timeout"')
  expect(await db.tables()).toEqual([])
})

test('kernel memory is where it was', async () => {
  await expect.poll(() => db.metrics().memoryBytes, { timeout: 10_000 }).toBe(memoryBytes)
})
