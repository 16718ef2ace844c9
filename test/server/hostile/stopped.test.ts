// Readers of tails who stop in the middle, each with a question of its own: what they hold of decoded events is
// bounded, and those who read go on.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProcess, type ServerProcess } from '../../e2e/process.ts'
import { HELD_PROBE, heldMib } from './held.ts'

const STOPPED = 200
const ROWS = 50_000
/** Events have 32 MiB, and may wait in a reading room as large as the ring, which has 16; each of these is 4. */
const HELD_MIB_MAX = 96

const directory = mkdtempSync(join(tmpdir(), 'omendb-stopped-'))
let server: ServerProcess

beforeAll(async () => {
  server = await startProcess(join(directory, 'data'), [], { NODE_OPTIONS: HELD_PROBE })
  await write(0)
}, 60_000)

afterAll(async () => {
  if (server.isRunning()) await server.stop('SIGKILL')
  rmSync(directory, { recursive: true })
})

async function write(first: number): Promise<void> {
  const fields = (n: number): string => Array.from('abcdefgh', (name) => `${name}=${n}.5`).join(',')
  const lines = Array.from({ length: ROWS }, (_, i) => `wide n=${first}i,${fields(i)} ${first + i}`)
  const answer = await fetch(`${server.url}/v1/write`, { method: 'POST', body: lines.join('\n') })
  expect([answer.status, await answer.text()]).toEqual([200, expect.anything()])
}

/** A tail; its socket is stopped when the head has come. */
async function stopped(path: string): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const [head] = await once(socket, 'data')
  socket.pause()
  expect(String(head)).toContain('200 OK')
  return socket
}

test('what readers hold who stopped is bounded, whatever each asks, and another gets everything', async () => {
  const before = await heldMib(server)
  const sockets = await Promise.all(
    Array.from({ length: STOPPED }, (_, i) => stopped(`/v1/tail?table=wide&where=a%3E-${i}`)),
  )
  const leave = new AbortController()
  const response = await fetch(`${server.url}/v1/tail?table=wide&select=n`, {
    signal: leave.signal,
  })
  let text = ''
  const reading = (async () => {
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece
  })().catch(() => {})
  for (let round = 1; round <= 3; round++) await write(round * ROWS)
  const seen = (): number => text.match(/event: points/g)?.length ?? 0
  await expect.poll(seen, { timeout: 120_000, interval: 200 }).toBe(3)
  const grown = (await heldMib(server)) - before
  expect(grown).toBeLessThan(HELD_MIB_MAX)
  leave.abort()
  await reading
  for (const socket of sockets) socket.destroy()
}, 240_000)
