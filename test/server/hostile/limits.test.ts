// Servers at their limits, over real sockets: too many requests, a disk that is full, a disk that fails, a
// file that is damaged. Each says so in its own status, in the shape of all errors, stores nothing of what
// it refused, goes on with what it can do, and is well when the cause is gone.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import { startServer, type RunningServer } from '../../../server/node.ts'
import { startProcess } from '../../e2e/process.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { smallDisks } from '../../torture/small-disk.ts'

interface Refusal {
  status: number
  code: string
  retryAfter: string | null
}

/** What a response refuses with; it has the shape of all errors, and tells no path and no stack. */
async function refusalOf(response: Response): Promise<Refusal> {
  const text = await response.text()
  expect(response.headers.get('content-type'), text).toBe('application/problem+json')
  const problem = JSON.parse(text) as Record<string, unknown>
  const { status, code } = problem as { status: number; code: string }
  expect(problem).toMatchObject({ status: response.status, written: 0, type: `/docs#${code}` })
  expect(problem['requestId']).toBe(response.headers.get('x-request-id'))
  expect(text).not.toMatch(/\.ts\b|\.js\b|\/tmp\/|node_modules|\n\s+at /)
  return { status, code, retryAfter: response.headers.get('retry-after') }
}

const writeTo = (url: string, body: string): Promise<Response> =>
  fetch(`${url}/v1/write`, { method: 'POST', body })

async function countOf(url: string, table: string): Promise<number> {
  const asked = await fetch(`${url}/v1/query?table=${table}&select=count(*)%20AS%20n`)
  const { series } = (await asked.json()) as { series: { fields: { n: number[] } }[] }
  return series[0]?.fields.n[0] ?? 0
}

test('429: whoever asks more than his share a second is told when to come again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-rate-'))
  const server = await startProcess(join(directory, 'data'), ['--rate-limit', '20'])
  onTestFinished(async () => {
    await server.stop('SIGKILL')
    rmSync(directory, { recursive: true })
  })
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) => writeTo(server.url, `t v=${i} ${i + 1}`)),
  )
  const stored = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status !== 200)
  expect(stored.length).toBeGreaterThan(0)
  expect(refused.length).toBeGreaterThan(0)
  for (const response of refused) {
    const { status, code, retryAfter } = await refusalOf(response)
    expect([status, code]).toEqual([429, 'busy'])
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1)
  }
  await Promise.all(stored.map((response) => response.text()))
  // Who waits as he was told gets in, and what was refused is not there.
  const count = async (): Promise<number> => {
    const asked = await fetch(`${server.url}/v1/tables`)
    const { tables } = (await asked.json()) as { tables?: { points: number }[] }
    return tables?.[0]?.points ?? -1
  }
  await expect.poll(count, { timeout: 30_000, interval: 500 }).toBe(stored.length)
}, 90_000)

test('429: of requests at once only so many, and room for others when they end', async () => {
  const db = await open('memory:')
  const server = await startServer(db, { port: 0, log: () => {}, requestLimits: { atOnce: 3 } })
  onTestFinished(() => close(server, db))
  const held = Array.from({ length: 3 }, () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nt v=1')
    return socket
  })
  await expect.poll(async () => (await writeTo(server.url, 't v=1 1')).status).toBe(429)
  expect(await refusalOf(await writeTo(server.url, 't v=1 1'))).toMatchObject({ code: 'busy' })
  for (const socket of held) socket.destroy()
  await expect.poll(async () => (await writeTo(server.url, 't v=1 1')).status).toBe(200)
  expect(await countOf(server.url, 't')).toBe(1)
})

async function close(server: RunningServer, db: Database): Promise<void> {
  server.destroy()
  await db.close()
}

test.each(smallDisks())(
  '507: $name that is full refuses writes and answers questions; with room it takes them again',
  async (disk) => {
    onTestFinished(() => disk.remove())
    const small = { memtableRowBytes: 1 << 18, memtableArenaBytes: 1 << 16, logBytes: 1 << 18 }
    const db = await disk.open(small)
    const server = await startServer(db, { port: 0, log: () => {} })
    onTestFinished(() => close(server, db))
    const rows = (batch: number): string =>
      Array.from({ length: 400 }, (_, i) => {
        const at = batch * 400 + i
        return `t,h=${at % 7} x=${Math.sin(at)},y=${Math.sin(at * 3)} ${at + 1}`
      }).join('\n')
    let stored = 0
    let refused = 0
    for (let batch = 0; refused < 20 && batch < 5_000; batch++) {
      const response = await writeTo(server.url, rows(batch))
      if (response.status === 200) {
        stored += 400
        refused = 0
        await response.text()
        continue
      }
      refused++
      expect(await refusalOf(response)).toMatchObject({ status: 507, code: 'storage_full' })
    }
    expect([stored > 0, refused]).toEqual([true, 20])
    expect(await countOf(server.url, 't')).toBe(stored)
    expect((await fetch(`${server.url}/ready`)).status).toBe(200)
    disk.free()
    // What failed is tried again after a pause; a simulated host's timers are ours to move.
    const again = async (): Promise<number> => {
      disk.tick()
      return (await writeTo(server.url, 'after v=1 1')).status
    }
    await expect.poll(again, { timeout: 90_000, interval: 200 }).toBe(200)
    expect(await countOf(server.url, 't')).toBe(stored)
  },
  180_000,
)

test('503: a disk that cannot sync refuses writes by the name of the file, and heals', async () => {
  const disk = new SimulatedDisk(7)
  const host = await simulatedHost(disk.open())
  const db = await openDatabase(host, SMALL_OPTIONS)
  const server = await startServer(db, { port: 0, log: () => {} })
  onTestFinished(() => close(server, db))
  expect((await writeTo(server.url, 't v=1 1')).status).toBe(200)
  disk.failMatching(/^sync wal/, 'EIO', 0, 4)
  for (const line of ['fresh,h=a v=2 2', 't v=3 3']) {
    const response = await writeTo(server.url, line)
    expect(await refusalOf(response)).toMatchObject({ status: 503, code: 'unavailable' })
  }
  // It says so to who asks, and answers from what it has.
  const health = await fetch(`${server.url}/health`)
  expect(await health.json()).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/^reads only: wal-\d+/),
  })
  expect(await countOf(server.url, 't')).toBe(1)
  expect(await countOf(server.url, 'fresh')).toBe(0)
  const again = async (): Promise<number> => {
    host.fireTimers()
    return (await writeTo(server.url, 'fresh,h=a v=4 4')).status
  }
  await expect.poll(again, { timeout: 30_000 }).toBe(200)
  expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'pass' })
})

test('500: a question that meets a damaged block says so, no other does, and the log says where', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-damage-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const first = await open(directory)
  const batch = first.batch()
  const line = (table: string, i: number): string => `${table} v=${Math.sin(i)} ${i + 1}`
  const lines = Array.from({ length: 5_000 }, (_, i) => line('bad', i))
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
  await first.flush()
  await first.close()
  // Values of floats fill the file: a byte in the middle is in a block of them.
  const name = readdirSync(directory).find((one) => one.startsWith('segment-'))!
  const bytes = readFileSync(join(directory, name))
  bytes[bytes.length >> 1]! ^= 0x55
  writeFileSync(join(directory, name), bytes)

  const logged: string[] = []
  const db = await open(directory, { scrubBytesPerSecond: 0 })
  const server = await startServer(db, { port: 0, log: (message) => logged.push(message) })
  onTestFinished(() => close(server, db))
  expect((await writeTo(server.url, 'good v=1 1')).status).toBe(200)
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`${server.url}/v1/query?table=bad`)
    expect(await refusalOf(response)).toMatchObject({ status: 500, code: 'internal' })
  }
  expect(logged.join('\n')).toContain(name)
  expect(await countOf(server.url, 'good')).toBe(1)
  expect((await writeTo(server.url, 'good v=2 2')).status).toBe(200)
})
