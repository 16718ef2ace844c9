// Backup and restore over HTTP: streams with back-pressure, ids, refusals, bodies of any length.

import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { AnswerSeries } from '../../engine/query/query.ts'
import { open } from '../../engine/node.ts'
import { createApp } from '../../server/app.ts'
import { startServer } from '../../server/node.ts'
import { createFake } from './fake.ts'

async function startReal(): Promise<string> {
  const db = await open('memory:', { memtableRowBytes: 1 << 20, memtableArenaBytes: 1 << 18 })
  const server = await startServer(db, { port: 0 })
  onTestFinished(async () => {
    server.destroy()
    await db.close()
  })
  return server.url
}

const post = (url: string, type: string, body: BodyInit): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body })

test('a full backup and its increment, one behind the other, restore an empty server', async () => {
  const source = await startReal()
  await post(`${source}/v1/write`, 'text/plain', 't,h=a v=1 1\nt,h=b v=2 2')
  const full = await fetch(`${source}/v1/backup`)
  expect(full.headers.get('content-type')).toBe('application/x-tar')
  const id = full.headers.get('omendb-backup-id')!
  const archives = [await full.bytes()]
  await post(`${source}/v1/write?db=other`, 'text/plain', 'u v=3 3')
  const increment = await fetch(`${source}/v1/backup?since=${id}`)
  expect(increment.headers.get('omendb-backup-id')).not.toBe(id)
  archives.push(await increment.bytes())

  const target = await startReal()
  const refused = await post(`${target}/v1/restore`, 'application/x-tar', archives[1]!)
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ code: 'bad_request' })
  const restored = await post(`${target}/v1/restore`, 'application/x-tar', new Blob(archives))
  expect([restored.status, await restored.json()]).toEqual([
    200,
    { databases: 2, tables: 2, points: 3 },
  ])
  for (const path of ['/v1/export?table=t', '/v1/export?table=u&db=other']) {
    const [left, right] = await Promise.all([source, target].map((url) => fetch(url + path)))
    expect(await right!.text()).toBe(await left!.text())
  }
  const again = await post(`${target}/v1/restore`, 'application/x-tar', new Blob(archives))
  expect([again.status, await again.json()]).toEqual([
    409,
    expect.objectContaining({ code: 'conflict' }),
  ])
  const foreign = await fetch(`${target}/v1/backup?since=${id}`)
  expect([foreign.status, await foreign.json()]).toEqual([
    409,
    expect.objectContaining({ code: 'conflict' }),
  ])
  expect((await fetch(`${target}/v1/backup?since=yesterday`)).status).toBe(400)
})

test('a gzipped archive is restored', async () => {
  const source = await startReal()
  await post(`${source}/v1/write`, 'text/plain', 't v=1 1')
  const packed = (await fetch(`${source}/v1/backup`)).body!.pipeThrough(
    new CompressionStream('gzip'),
  )
  const target = await startReal()
  const answer = await fetch(`${target}/v1/restore`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-tar', 'Content-Encoding': 'gzip' },
    body: packed,
    duplex: 'half',
  } as RequestInit)
  expect(await answer.json()).toEqual({ databases: 1, tables: 1, points: 1 })
})

const chunk: AnswerSeries = { tags: new Map(), time: new BigInt64Array(1), fields: [] }

test('a backup waits for a client that does not read, and ends with one that leaves', async () => {
  const db = createFake()
  db.chunks = Array.from({ length: 5000 }, () => chunk)
  const chunks = { taken: 0 }
  db.onChunk = () => chunks.taken++
  const server = await startServer(db, { port: 0 })
  onTestFinished(() => server.destroy())
  const socket = connect(server.port)
  socket.write('GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.pause()
  let before = -1
  while (chunks.taken === 0 || chunks.taken !== before) {
    before = chunks.taken
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(chunks.taken).toBeLessThan(1000)
  socket.destroy()
})

test('a backup that breaks off breaks the connection, and the log says why', async () => {
  const db = createFake()
  const logged: string[] = []
  db.chunks = Array.from({ length: 50 }, () => chunk)
  let count = 0
  db.onChunk = () => {
    if (++count === 20) throw new Error('segment-3: fails its checksum')
  }
  const server = await startServer(db, { port: 0, log: (message) => logged.push(message) })
  onTestFinished(() => server.destroy())
  const answer = await fetch(`${server.url}/v1/backup`)
  await expect(answer.bytes()).rejects.toThrow()
  expect(logged.join()).toContain('segment-3: fails its checksum')
})

test('HEAD takes nothing of a backup', async () => {
  const db = createFake()
  db.chunks = Array.from({ length: 50 }, () => chunk)
  let taken = 0
  db.onChunk = () => taken++
  const answer = await createApp(db).request('http://localhost/v1/backup', { method: 'HEAD' })
  expect([answer.status, answer.headers.get('omendb-backup-id')]).toEqual([200, 'state-1'])
  expect(taken).toBeLessThan(3)
})

test('a restore may take longer than any other request, as long as it goes on arriving', async () => {
  const db = createFake()
  const server = await startServer(db, { port: 0, requestTimeoutMs: 300, headerTimeoutMs: 200 })
  onTestFinished(() => server.destroy())
  const send = (pieces: number): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(server.port)
      let answer = ''
      let sent = 0
      const timer = setInterval(() => {
        if (sent++ < pieces) socket.write('x')
        else clearInterval(timer)
      }, 50)
      socket.on('data', (bytes) => {
        answer += bytes.toString()
        if (answer.includes('}')) socket.destroy()
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        clearInterval(timer)
        resolve(answer)
      })
      const head = ['Host: localhost', 'Content-Type: application/x-tar', 'Content-Length: 24']
      socket.write(`POST /v1/restore HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
    })
  expect(await send(24)).toContain('"points":24')
  expect(await send(3)).toContain('"code":"timeout"')
})

test('a restore is not bound by the size of other bodies', async () => {
  const app = createApp(createFake(), { limits: { wireBytesMax: 10, inflatedBytesMax: 10 } })
  const headers = { 'Content-Type': 'application/x-tar' }
  const body = new Uint8Array(1000)
  const answer = await app.request('http://localhost/v1/restore', { method: 'POST', headers, body })
  expect(await answer.json()).toMatchObject({ points: 1000 })
  const other = await app.request('http://localhost/v1/restore', {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
    body,
  })
  expect(other.status).toBe(415)
})
