// The tail against a small server that speaks GET /v1/tail as the contract has it: what comes in pieces,
// breaks off, falls silent or is gone. Against the real one: server tests.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createClient, type Client } from '../../client/index.ts'

const columns = [
  { name: 'time', type: 'timestamp', unit: 'ms' },
  { name: 'n', type: 'integer' },
  { name: 'v', type: 'float' },
]
const series = (time: number): string =>
  JSON.stringify({
    // Told once, and when they change.
    ...(time === 1 || time === 7 ? { columns } : {}),
    series: [{ tags: { host: 'a' }, time: [time], fields: { n: [String(time)], v: [0.5] } }],
  })
const event = (id: number, kind = 'points', data = series(id)): string =>
  `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`

type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** A server that answers tails in turn (the last answer for ever), and what it was asked. */
async function serve(...answers: Answer[]): Promise<{ client: Client; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answers[Math.min(asked.length, answers.length) - 1]!(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { client: createClient({ url: `http://127.0.0.1:${port}`, retry: { baseMs: 1 } }), asked }
}

const begin = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })

async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const found: T[] = []
  for await (const one of source) if (found.push(one) === count) break
  return found
}

describe('tail', () => {
  test('reads events in any pieces, with exact integers, and hangs up when left', async () => {
    let hungUp = (): void => {}
    const end = new Promise<void>((resolve) => (hungUp = resolve))
    const { client, asked } = await serve(async (response) => {
      response.on('close', hungUp)
      begin(response)
      for (const byte of Buffer.from(
        `: hello\r\n\r\n${event(1)}id: 2\r\nevent: other\r\ndata: {}\r\n\r\n${event(3)}`,
      )) {
        response.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const tail = client.tail({ table: 't', where: { host: 'a' }, select: ['n', 'v'] })
    const events = await take(tail, 2)
    expect(events.map(({ kind, id }) => [kind, id])).toEqual([
      ['points', '1'],
      ['points', '3'],
    ])
    const rows = events.flatMap((one) => (one.kind === 'gap' ? [] : [...one.rows()]))
    expect(rows).toEqual([
      { time: 1, host: 'a', n: 1n, v: 0.5 },
      { time: 3, host: 'a', n: 3n, v: 0.5 },
    ])
    await end
    const { searchParams } = new URL(asked[0]!.url!, 'http://x')
    expect(Object.fromEntries(searchParams)).toEqual({
      table: 't',
      where: '{"host":"a"}',
      select: 'n,v',
      integers: 'string',
    })
  })

  test('goes on behind the last event when the connection breaks, wherever it does', async () => {
    const { client, asked } = await serve(
      (response) => begin(response).end(event(7)),
      (response) => {
        // An event that breaks off is none.
        begin(response).write(event(8) + event(9).slice(0, -1), () => response.destroy())
      },
      (response) => response.writeHead(503).end(),
      (response) =>
        void begin(response).write(event(9, 'gap', '{"from":"9"}') + event(12, 'buckets')),
    )
    const events = await take(client.tail({ table: 't' }, { lastEventId: '6' }), 4)
    expect(events.map(({ kind, id }) => [kind, id])).toEqual([
      ['points', '7'],
      ['points', '8'],
      ['gap', '9'],
      ['buckets', '12'],
    ])
    expect(events[2]).toMatchObject({ detail: { from: '9' } })
    expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual(['6', '7', '8', '8'])
  })

  test('a connection that fell silent is made again', async () => {
    const { client, asked } = await serve(
      (response) => void begin(response).write(event(1)),
      (response) => void begin(response).write(event(2)),
    )
    const events = await take(client.tail({ table: 't' }, { idleMs: 50 }), 2)
    expect(events.map(({ id }) => id)).toEqual(['1', '2'])
    expect(asked).toHaveLength(2)
  })

  test('what the server says is final ends it', async () => {
    const problem = { status: 404, code: 'not_found', detail: 'no table t', requestId: 'r' }
    const text = JSON.stringify(problem)
    const { client } = await serve(
      (response) => void begin(response).write(event(1, 'error', text)),
    )
    await expect(take(client.tail({ table: 't' }), 1)).rejects.toMatchObject(problem)
    const refused = await serve((response) => response.writeHead(404).end(text))
    await expect(take(refused.client.tail({ table: 't' }), 1)).rejects.toMatchObject(problem)
    expect(refused.asked).toHaveLength(1)
  })

  test('an abort ends it with its reason, also while it waits', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { client } = await serve((response) => {
      begin(response).write(event(1))
      setTimeout(() => controller.abort(reason), 5)
    })
    const read = take(client.tail({ table: 't' }, { signal: controller.signal }), 2)
    await expect(read).rejects.toBe(reason)
  })
})
