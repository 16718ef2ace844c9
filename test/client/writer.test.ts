// The writer against servers that are killed, slow, full or refuse: what it took is stored exactly once,
// in the order that makes the later point win, or told to onError.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createClient, type Client, type OmenDBError, type Point } from '../../client/index.ts'
import { startProcess } from '../e2e/process.ts'

const stored = { written: 1, rejected: 0, ack: 'fsync', errors: [] }
const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status })
const point = (time: number): Point => ({ table: 't', time, fields: { v: time } })

/** A client whose bodies are answered by `reply`, and the rows that they had. */
function scripted(reply: (count: number, body: string) => Response | Promise<Response>): {
  client: Client
  bodies: string[]
} {
  const bodies: string[] = []
  const call = async (_input: unknown, init: RequestInit = {}): Promise<Response> => {
    bodies.push(init.body as string)
    return reply(bodies.length, init.body as string)
  }
  const client = createClient({
    url: 'http://db',
    fetch: call as typeof fetch,
    retry: { baseMs: 0 },
  })
  return { client, bodies }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1))
}

const timesIn = (body: string): number[] =>
  (JSON.parse(body) as { rows: { time: number }[] }[]).flatMap(({ rows }) =>
    rows.map(({ time }) => time),
  )

describe('batches', () => {
  test('end at so many points, and at so many bytes', async () => {
    const { client, bodies } = scripted(() => json(stored))
    const writer = client.writer({ maxPoints: 3, maxDelayMs: 60_000 })
    for (let time = 0; time < 7; time++) writer.add(point(time))
    await writer.flush()
    expect(bodies.map(timesIn)).toEqual([[0, 1, 2], [3, 4, 5], [6]])
    const small = client.writer({ maxBytes: 150 })
    small.add([point(1), point(2), point(3)])
    await small.close()
    expect(bodies.slice(3).map(timesIn)).toEqual([[1, 2], [3]])
  })

  test('go by themselves after a while', async () => {
    let arrived = (_body: string): void => {}
    const arrival = new Promise<string>((resolve) => (arrived = resolve))
    const { client } = scripted((_count, body) => {
      arrived(body)
      return json(stored)
    })
    client.writer({ maxDelayMs: 1 }).add(point(5))
    expect(timesIn(await arrival)).toEqual([5])
  })

  test('go one after the other, so that the later point of a time wins', async () => {
    let running = 0
    const { client, bodies } = scripted(async () => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 1))
      running--
      return json(stored)
    })
    const writer = client.writer({ maxPoints: 1 })
    for (let time = 0; time < 10; time++) writer.add(point(time))
    await Promise.all([writer.flush(), writer.flush()])
    expect(bodies.flatMap(timesIn)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('keep tables, types, columns and points of others apart', async () => {
    const { client, bodies } = scripted(() => json(stored))
    const writer = client.writer()
    writer.add([
      point(1),
      { table: 't', time: 2, fields: { n: 1n } },
      { table: 'u', time: [3, 4], fields: { v: [1, 2] } },
      point(5),
      point(6),
    ])
    expect(writer.pending).toBe(6)
    await writer[Symbol.asyncDispose]()
    expect(writer.pending).toBe(0)
    expect(JSON.parse(bodies[0]!)).toEqual([
      { table: 't', types: {}, rows: [{ time: 1, fields: { v: 1 } }] },
      { table: 't', types: { n: 'integer' }, rows: [{ time: 2, fields: { n: '1' } }] },
      { table: 'u', types: {}, time: [3, 4], fields: { v: [1, 2] } },
      {
        table: 't',
        types: {},
        rows: [
          { time: 5, fields: { v: 5 } },
          { time: 6, fields: { v: 6 } },
        ],
      },
    ])
  })
})

describe('what fails', () => {
  const problem = (status: number, code: string, errors: object[] = []): Response =>
    json({ status, code, detail: code, errors }, status)
  const collect = () => {
    const failed: [string, unknown[]][] = []
    const onError = ({ code }: OmenDBError, points: unknown[]): void =>
      void failed.push([code, points])
    return { failed, onError }
  }

  test.each([408, 429, 500, 502, 503, 504, 507])(
    'status %i is sent again, unchanged',
    async (status) => {
      const { client, bodies } = scripted((count) =>
        count < 4 ? problem(status, 'x') : json(stored),
      )
      const writer = client.writer({ retry: { baseMs: 0 } })
      writer.add({ table: 't', fields: { v: 1 } }) // its time is the same in each attempt
      await writer.flush()
      expect(new Set(bodies).size).toBe(1)
      expect(bodies).toHaveLength(4)
    },
  )

  test('a point that is refused goes to onError, the others are stored', async () => {
    const { failed, onError } = collect()
    const { client, bodies } = scripted((_count, body) => {
      const row = timesIn(body).indexOf(13)
      if (row === -1) return json(stored)
      return problem(422, 'type_conflict', [{ pointer: `/0/rows/${row}/fields/v`, line: null }])
    })
    const writer = client.writer({ onError })
    for (let time = 10; time < 16; time++) writer.add(point(time))
    await expect(writer.flush()).rejects.toMatchObject({ code: 'type_conflict', status: 422 })
    expect(failed).toEqual([['type_conflict', [point(13)]]])
    expect(timesIn(bodies.at(-1)!)).toEqual([10, 11, 12, 14, 15])
    await writer.flush() // told once
  })

  test('a body that is too large goes in halves, a point that is too large alone fails', async () => {
    const { failed, onError } = collect()
    const good: number[] = []
    const { client } = scripted((_count, body) => {
      const times = timesIn(body)
      if (times.length > 2 || times.includes(3)) return problem(413, 'too_large')
      good.push(...times)
      return json(stored)
    })
    const writer = client.writer({ onError })
    for (let time = 0; time < 9; time++) writer.add(point(time))
    await expect(writer.close()).rejects.toMatchObject({ code: 'too_large' })
    expect(good).toEqual([0, 1, 2, 4, 5, 6, 7, 8])
    expect(failed).toEqual([['too_large', [point(3)]]])
  })

  test('a batch that no attempt helps is given up as a whole', async () => {
    const { failed, onError } = collect()
    const { client, bodies } = scripted(() => problem(401, 'unauthorized'))
    const writer = client.writer({ onError })
    writer.add([point(1), point(2)])
    await expect(writer.flush()).rejects.toMatchObject({ code: 'unauthorized' })
    expect(failed).toEqual([['unauthorized', [point(1), point(2)]]])
    expect(bodies).toHaveLength(1)
    const brief = scripted(() => Promise.reject(new TypeError('fetch failed'))).client.writer({
      retry: { attempts: 3, baseMs: 0 },
      onError,
    })
    brief.add(point(3))
    await expect(brief.flush()).rejects.toMatchObject({ code: 'unreachable' })
    expect(failed.at(-1)).toEqual(['unreachable', [point(3)]])
  })

  test('a full buffer refuses by name, and ready waits for room', async () => {
    const { failed, onError } = collect()
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const { client } = scripted(async () => {
      await gate
      return json(stored)
    })
    const writer = client.writer({ maxBufferBytes: 100, onError })
    expect([1, 2, 3].map((time) => writer.add(point(time)))).toEqual([true, true, false])
    let isReady = false
    const ready = writer.ready().then(() => (isReady = true))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(isReady).toBe(false)
    open()
    await ready
    expect(writer.add(point(4))).toBe(true)
    await expect(writer.close()).rejects.toMatchObject({ code: 'buffer_full' })
    expect(writer.add(point(5))).toBe(false)
    await Promise.resolve()
    expect(failed).toEqual([
      ['buffer_full', [point(3)]],
      ['closed', [point(5)]],
    ])
  })

  test('an aborted signal gives up what waits', async () => {
    const { failed, onError } = collect()
    const controller = new AbortController()
    const { client } = scripted(() => {
      setTimeout(() => controller.abort(), 1)
      return problem(503, 'unavailable')
    })
    const writer = client.writer({ signal: controller.signal, onError, retry: { baseMs: 10_000 } })
    writer.add(point(1))
    await expect(writer.flush()).rejects.toMatchObject({ code: 'refused' })
    expect(writer.add(point(2))).toBe(false)
    await Promise.resolve()
    expect(failed.map(([, points]) => points)).toEqual([[point(1)], [point(2)]])
  })
})

describe('a real server', () => {
  test(
    'killed with -9 and started again while writing: all points are there, exactly once',
    {
      timeout: 120_000,
    },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'omendb-writer-'))
      let server = await startProcess(directory)
      const port = new URL(server.url).port
      onTestFinished(async () => {
        await server.stop('SIGKILL')
        rmSync(directory, { recursive: true, force: true })
      })
      const db = createClient({ url: server.url })
      const writer = db.writer({ maxPoints: 50, maxDelayMs: 5, retry: { baseMs: 20, maxMs: 200 } })
      const count = 3_000
      let added = 0
      const add = async (upTo: number): Promise<void> => {
        for (; added < upTo; added++) {
          await writer.ready()
          // Half of them have no time of their own: it must be the same in each attempt.
          const time = added % 2 === 0 ? { time: added } : {}
          writer.add({ table: 't', tags: { k: String(added % 7) }, ...time, fields: { v: added } })
          if (added % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
        }
      }
      for (const part of [1, 2, 3]) {
        const adding = add((part * count) / 3)
        const half = ((part - 0.5) * count) / 3
        await until(() => added >= half)
        await server.stop('SIGKILL')
        server = await startProcess(directory, ['--port', port])
        await adding
      }
      await writer.close()
      const values: number[] = []
      for await (const row of db.rows({ table: 't' })) values.push(row['v'] as number)
      expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, v) => v))
    },
  )
})
