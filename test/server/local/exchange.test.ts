// Calls inside the process, without a Request and a Response: what a socket would carry arrives all the
// same, whatever the body is made of, and nothing that a caller gave up on is waited for.

import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, type LocalClient } from '../../../server/local/node.ts'

let db: LocalClient
beforeAll(async () => {
  db = await open('memory:')
})
afterAll(() => db.close())

const LINE = 'body,kind=x v=1 1'
const post = (body: BodyInit, headers: Record<string, string> = {}): Promise<object> =>
  db.request('POST', '/v1/write', { body, headers: { 'Content-Type': 'text/plain', ...headers } })

describe('a body', () => {
  test.each<[string, () => BodyInit, Record<string, string>]>([
    ['text', () => LINE, {}],
    ['bytes', () => new TextEncoder().encode(LINE), {}],
    ['a part of bytes', () => new TextEncoder().encode(`xx${LINE}`).subarray(2), {}],
    ['a blob', () => new Blob([LINE]), {}],
    ['a stream', () => new Blob([LINE]).stream(), {}],
    ['gzip', () => gzipSync(LINE), { 'Content-Encoding': 'gzip' }],
    ['text beyond what is read in one go', () => `${LINE}\n`.repeat(10_000), {}],
  ])('may be %s', async (_name, body, headers) => {
    expect(await post(body(), headers)).toMatchObject({ rejected: 0, errors: [] })
    expect((await db.query({ table: 'body' })).rowCount).toBe(1)
  })

  test('above the limits of a server is refused as there', async () => {
    const big = `${LINE}\n`.repeat(2_000_000)
    await expect(post(big)).rejects.toMatchObject({ status: 413, code: 'too_large' })
  })

  test('of a backup is restored from the stream that it came in', async () => {
    const { body } = await db.backup()
    await using other = await open('memory:')
    expect(await other.restore(body)).toMatchObject({ tables: 1, points: 1 })
    expect((await other.query({ table: 'body' })).rowCount).toBe(1)
  })

  test('where none is read is refused', async () => {
    const sent = db.request('DELETE', '/v1/tables/body/rows', { body: '{"where":"kind=x"}' })
    await expect(sent).rejects.toMatchObject({ code: 'bad_request' })
  })
})

describe('a call', () => {
  test('that its signal ends rejects with the reason', async () => {
    await expect(db.tables({ signal: AbortSignal.abort('before') })).rejects.toBe('before')
    const controller = new AbortController()
    const call = db.query({ table: 'body' }, { signal: controller.signal })
    controller.abort('meanwhile')
    await expect(call).rejects.toBe('meanwhile')
  })

  test('leaves no listener at its signal', async () => {
    const { signal } = new AbortController()
    const listeners = new Set<unknown>()
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
      listeners.add(given[1])
      addEventListener.apply(signal, given)
    }
    signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
      listeners.delete(given[1])
      removeEventListener.apply(signal, given)
    }
    await db.query({ table: 'body' }, { signal })
    await db.latest({ table: 'body' }, { signal })
    expect(listeners).toEqual(new Set())
  })

  test('of a closed database is refused', async () => {
    const closed = await open('memory:')
    await closed.close()
    await expect(closed.tables()).rejects.toMatchObject({ detail: /the database is closed/ })
  })
})

describe('an answer', () => {
  test('of many pieces is the same as text and as a stream', async () => {
    const time = Array.from({ length: 50_000 }, (_, i) => i)
    await db.write({ table: 'many', time, fields: { v: time, s: time.map((i) => `é${i}`) } })
    const answer = await db.query({ table: 'many' })
    expect(answer.series[0]!.fields).toEqual({ s: time.map((i) => `é${i}`), v: time })
    const stream = await db.export({ table: 'many' }, { format: 'csv' })
    const lines = (await new Response(stream).text()).split('\n')
    expect(lines.length).toBe(50_002)
    expect(lines[50_000]).toBe('1970-01-01T00:00:49.999Z,é49999,49999')
  })

  test('that is read no further ends what makes it', async () => {
    for await (const row of db.rows({ table: 'many' })) {
      if (row.time === 3) break
    }
    expect(db.engine.metrics().queriesRunning).toBe(0)
  })
})
