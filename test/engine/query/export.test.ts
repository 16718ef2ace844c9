// Chunks of an export are bounded by bytes: of tables with a thousand fields, of long strings, with points
// in files and in memory, late ones and both orders. And they are all of the rows, once.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import type { AnswerSeries, QueryRequest } from '../../../engine/query/query.ts'
import { rowsBytes } from '../../../engine/query/raw-rows.ts'

const FLOAT = 0
const STRING = 4
const FIELDS = 1_000
const ROWS = 6_000
const MEBIBYTE = 1 << 20
/** A chunk, and what one piece can be more. */
const CHUNK_BYTES_MAX = 18 * MEBIBYTE

let db: Database

beforeEach(async () => {
  // Small memtables: most rows are in files of several partitions.
  db = await open('memory:', { memtableRowBytes: 16 * MEBIBYTE, cacheBytes: 16 * MEBIBYTE })
})
afterEach(() => db.close())

/** Points with times from, from + step …: a field has the time and its number in it. */
async function writeWide(from: number, count: number, step = 1): Promise<void> {
  const times = BigInt64Array.from({ length: count }, (_, i) => BigInt(from + i * step))
  for (let at = 0; at < count; at += 500) {
    const time = times.subarray(at, at + 500)
    const batch = db.batch()
    batch.points({
      table: 'wide',
      tags: new Map([['host', 'a']]),
      times: time,
      fields: Array.from({ length: FIELDS }, (_, k) => ({
        name: `f${k}`,
        type: FLOAT,
        values: Float64Array.from(time, (one) => Number(one) * FIELDS + k),
        valid: null,
        declared: false,
      })),
    })
    await batch.commit()
  }
}

/** All chunks, and by how much the memory of the kernel grew. */
async function chunksOf(
  request: QueryRequest,
): Promise<{ sizes: number[]; grown: number; times: bigint[] }> {
  const before = db.metrics().memoryBytes
  const { chunks } = await db.export(request)
  const sizes: number[] = []
  const times: bigint[] = []
  let grown = 0
  for await (const chunk of chunks) {
    sizes.push(rowsBytes(chunk))
    grown = Math.max(grown, db.metrics().memoryBytes - before)
    for (const time of chunk.time) times.push(time)
    expectValues(chunk)
  }
  return { sizes, grown, times }
}

function expectValues({ time, fields }: AnswerSeries): void {
  for (const k of [0, 1, FIELDS - 1]) {
    const values = fields[k]?.values
    if (!(values instanceof Float64Array)) continue
    expect(values).toEqual(Float64Array.from(time, (one) => Number(one) * fields.length + k))
  }
}

describe('an export of a table with a thousand fields', () => {
  test.each(['asc', 'desc'] as const)('has small chunks, %s', async (order) => {
    await writeWide(0, ROWS)
    const { sizes, grown, times } = await chunksOf({ table: 'wide', order })
    const expected = Array.from({ length: ROWS }, (_, i) => BigInt(i))
    expect(times).toEqual(order === 'asc' ? expected : expected.toReversed())
    expect(sizes.length).toBeGreaterThan(2)
    expect(Math.max(...sizes)).toBeLessThan(CHUNK_BYTES_MAX)
    // The cache, the blocks of a piece, and its rows.
    expect(grown).toBeLessThan(56 * MEBIBYTE)
  })

  test('has small chunks where points came late, in between', async () => {
    await writeWide(0, 2_000, 2)
    await writeWide(1, 2_000, 2)
    const { sizes, times } = await chunksOf({ table: 'wide' })
    expect(times).toEqual(Array.from({ length: 4_000 }, (_, i) => BigInt(i)))
    expect(Math.max(...sizes)).toBeLessThan(CHUNK_BYTES_MAX)
  })

  test('has small chunks where a filter chooses', async () => {
    await writeWide(0, ROWS)
    const where = `f0 >= ${1_000 * FIELDS} AND f0 <> ${2_000 * FIELDS}`
    const { sizes, times } = await chunksOf({ table: 'wide', where })
    expect(times).toHaveLength(ROWS - 1_001)
    expect(Math.max(...sizes)).toBeLessThan(CHUNK_BYTES_MAX)
  })
})

test('an export of long strings has small chunks', async () => {
  const text = 'x'.repeat(5_000)
  const rows = 12_000
  for (let at = 0; at < rows; at += 2_000) {
    const batch = db.batch()
    const times = BigInt64Array.from({ length: 2_000 }, (_, i) => BigInt(at + i))
    const values = Array.from(times, (time) => `${time}${text}`)
    batch.points({
      table: 'log',
      tags: new Map(),
      times,
      fields: [{ name: 's', type: STRING, values, valid: null, declared: false }],
    })
    await batch.commit()
  }
  const { sizes, times } = await chunksOf({ table: 'log' })
  expect(times).toEqual(Array.from({ length: rows }, (_, i) => BigInt(i)))
  expect(sizes.length).toBeGreaterThan(4)
  expect(Math.max(...sizes)).toBeLessThan(CHUNK_BYTES_MAX)
})
