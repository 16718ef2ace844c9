// Exports that never end, to readers that stop: what is made waits for whoever reads it, in every format,
// and ends with the reader.

import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { AnswerColumn, AnswerSeries } from '../../engine/query/query.ts'
import { startServer, type RunningServer } from '../../server/node.ts'
import { EXPORT_FORMATS } from '../../server/schema/export.ts'
import { createFake } from './fake.ts'

const ROWS = 16_384
const COLUMNS: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  { name: 'f', type: 'float' },
  { name: 'i', type: 'integer' },
  { name: 's', type: 'string' },
]
/** Chunks of the export that is read whole, to know the size of one. */
const SAMPLE = 8
/** A row group, a chunk and a batch, and the buffers of two sockets. */
const HELD_BYTES_MAX = 48 * 1024 * 1024

let server: RunningServer | null = null
let socket: Socket | null = null

afterEach(() => {
  socket?.destroy()
  server?.destroy()
})

/** Chunks, without end unless said; `counts` says how many were made, and whether somebody said that it is enough. */
async function* chunksOf(
  counts: { made: number; isEnded: boolean },
  limit = Infinity,
): AsyncGenerator<AnswerSeries> {
  const texts = Array.from({ length: ROWS }, (_, i) => `s${i % 7}`)
  const floats = Float64Array.from({ length: ROWS }, (_, i) => i / 3)
  try {
    while (counts.made < limit) {
      const from = BigInt(counts.made++ * ROWS)
      yield {
        tags: new Map([['host', `h${counts.made}`]]),
        time: BigInt64Array.from({ length: ROWS }, (_, i) => from + BigInt(i)),
        fields: [
          { values: floats, valid: null },
          { values: new BigInt64Array(ROWS).fill(from), valid: null },
          { values: texts, valid: null },
        ],
      }
    }
  } finally {
    counts.isEnded = true
  }
}

/** Resolves when nothing more is made for a while: the reader has stopped. */
async function settled(counts: { made: number }): Promise<number> {
  for (let last = -1, same = 0; same < 5;) {
    same = counts.made === last && last > 0 ? same + 1 : 0
    last = counts.made
    await wait(20)
  }
  return counts.made
}

describe('an export that is not read', () => {
  test.each(EXPORT_FORMATS)(
    'as %s is not made, goes on with the reader, and ends with it',
    async (format) => {
      const counts = { made: 0, isEnded: false }
      const fake = createFake()
      const head = { columns: COLUMNS, tags: ['host'], isAggregate: false }
      server = await startServer(fake, { port: 0, log: () => {} })
      const path = `/v1/export?table=t&format=${format}`
      const sample = chunksOf({ made: 0, isEnded: false }, SAMPLE)
      fake.export = async () => ({ ...head, chunks: sample })
      const chunkBytes = (await (await fetch(server.url + path)).arrayBuffer()).byteLength / SAMPLE
      fake.export = async () => ({ ...head, chunks: chunksOf(counts) })
      let received = 0
      socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.pause()
      socket.on('data', (chunk: Buffer) => (received += chunk.length))
      socket.pause()
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      const idle = await settled(counts)
      expect(idle * chunkBytes).toBeLessThan(HELD_BYTES_MAX)
      expect(counts.isEnded).toBe(false)

      socket.resume()
      await expect.poll(() => counts.made, { timeout: 20_000 }).toBeGreaterThan(idle + 40)
      socket.pause()
      const made = await settled(counts)
      expect(made * chunkBytes - received).toBeLessThan(HELD_BYTES_MAX)

      socket.destroy()
      await expect.poll(() => counts.isEnded, { timeout: 20_000 }).toBe(true)
      expect(await settled(counts)).toBeLessThanOrEqual(made + 16)
    },
  )
})
