// Large requests and answers are worked on in many turns of the event loop, so that others are served
// meanwhile: counted in pauses, not in milliseconds.

import { describe, expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { pacedChunks } from '../../server/body.ts'
import { byteBody, piecesBody } from '../../server/encode/stream.ts'
import { CELLS_AT_ONCE, JSON_STEP_LENGTH, PACE_BYTES } from '../../server/limits.ts'
import { EMPTY_ANSWER, createFake } from './fake.ts'

const NO_PAUSE = async (): Promise<void> => {}

async function post(path: string, body: string, type: string) {
  const db = createFake()
  const app = createApp(db, { log: () => {} })
  const headers = { 'Content-Type': type, Host: 'localhost' }
  const answer = await app.request(`http://localhost${path}`, { method: 'POST', body, headers })
  return { status: answer.status, db }
}

describe('a body', () => {
  test('comes in stretches with a pause after each, whatever chunks it arrived in', async () => {
    for (const sizes of [[1_000_000], [100, 65_436, 1, 200_000], [], [0, 0], [PACE_BYTES]]) {
      const bytes = sizes.map((size, i) => new Uint8Array(size).fill(i + 1))
      let pauses = 0
      let since = 0
      const seen: number[] = []
      const source = (async function* () {
        yield* bytes
      })()
      const chunks = pacedChunks(source, async () => {
        pauses++
        since = 0
      })
      for await (const chunk of chunks) {
        since += chunk.length
        expect(since).toBeLessThanOrEqual(PACE_BYTES)
        for (const byte of chunk) seen.push(byte)
      }
      const total = sizes.reduce((sum, size) => sum + size, 0)
      expect(seen).toEqual(bytes.flatMap((chunk) => [...chunk]))
      expect(pauses).toBe(Math.max(0, Math.ceil(total / PACE_BYTES) - 1))
    }
  })

  test('of line protocol is staged with pauses between', async () => {
    const text = 'cpu,host=a usage=1 1\n'.repeat(50_000)
    const { status, db } = await post('/v1/write', text, 'text/plain')
    expect(status).toBe(200)
    expect(db.batches[0]!.text).toBe(text)
    expect(db.pauses).toBe(Math.ceil(text.length / PACE_BYTES) - 1)
  })

  test('of JSON rows is parsed, read and staged with pauses between', async () => {
    const rows = Array.from({ length: 40_000 }, (_, i) => ({ time: i, fields: { a: i, b: 0.5 } }))
    const text = JSON.stringify({ table: 'cpu', rows })
    const { status, db } = await post('/v1/points', text, 'application/json')
    expect(status).toBe(200)
    const points = db.batches[0]!.points
    expect(points.length).toBeGreaterThanOrEqual(80_000 / CELLS_AT_ONCE)
    expect(points.reduce((sum, { times }) => sum + times.length, 0)).toBe(40_000)
    const least = text.length / PACE_BYTES + text.length / JSON_STEP_LENGTH / 2 + 40_000 / 512
    expect(db.pauses).toBeGreaterThan(least - 5)
  })

  test('of JSON columns is too, and no stage is longer than the others', async () => {
    const count = 100_000
    const values = Array.from({ length: count }, (_, i) => i / 3)
    const time = Array.from({ length: count }, (_, i) => i)
    const text = JSON.stringify({ table: 'cpu', time, fields: { a: values, b: values } })
    const { status, db } = await post('/v1/points', text, 'application/json')
    expect(status).toBe(200)
    const { points } = db.batches[0]!
    for (const { times } of points) expect(times.length * 3).toBeLessThanOrEqual(CELLS_AT_ONCE)
    expect(points.flatMap(({ times }) => [...times]).map(Number)).toEqual(
      time.map((ms) => ms * 1e6),
    )
    expect(points.flatMap(({ fields }) => [...(fields[1]!.values as Float64Array)])).toEqual(values)
  })

  test('of a question is small and takes none', async () => {
    const { status, db } = await post('/v1/query', '{"table":"cpu"}', 'application/json')
    expect([status, db.pauses]).toEqual([200, 0])
  })
})

describe('an answer', () => {
  test('is made piece by piece, with a pause before each after the first two', async () => {
    let pauses = 0
    const pieces = ['a', 'b', 'c', 'd', 'e']
    const before: number[] = []
    const source = (function* () {
      for (const piece of pieces) {
        before.push(pauses)
        yield piece
      }
    })()
    const body = await piecesBody(source, async () => void pauses++)
    const stream = byteBody(body as AsyncIterator<Uint8Array>, () => {})
    expect(await new Response(stream).text()).toBe('abcde')
    expect(before).toEqual([0, 0, 1, 2, 3])
  })

  test('of a million values is', async () => {
    const db = createFake()
    const time = BigInt64Array.from({ length: 300_000 }, (_, i) => BigInt(i) * 1_000_000n)
    db.answer = {
      ...EMPTY_ANSWER,
      series: [{ tags: new Map(), time, fields: [] }],
      rowCount: time.length,
    }
    const app = createApp(db, { log: () => {} })
    const answer = await app.request('http://localhost/v1/query?table=cpu')
    const text = await answer.text()
    expect(JSON.parse(text).rowCount).toBe(time.length)
    expect(db.pauses).toBeGreaterThan(text.length / 80_000 - 2)
  })

  test('that is small is a text', async () => {
    expect(await piecesBody(['{}'].values(), NO_PAUSE)).toBe('{}')
  })
})
