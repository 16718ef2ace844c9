// Arrow streams, read back by Apache's own reader.

import { RecordBatchReader, type Table, tableFromIPC } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import type { AnswerSeries } from '../../../engine/query/query.ts'
import { encodeArrow } from '../../../server/encode/arrow.ts'
import { openKernel } from '../../kernel.ts'
import { COLUMNS, of, rowOf, seriesOf } from './series.ts'

const instance = await openKernel()
const FORMAT = { time: 'ns', integers: 'auto' } as const

async function encode(
  series: readonly AnswerSeries[],
  columns = COLUMNS,
  tags = ['host', 'rack'],
): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of encodeArrow({ columns, tags }, of(series), FORMAT, () => instance)) {
    pieces.push(piece as Uint8Array)
  }
  return pieces
}

async function read(series: readonly AnswerSeries[]): Promise<Table> {
  return tableFromIPC(Buffer.concat(await encode(series)))
}

function rowsOf(table: Table): unknown[][] {
  const vectors = table.schema.fields.map(({ name }) => table.getChild(name)!)
  // Reading a timestamp as a number loses digits.
  const times = table.batches.flatMap((batch) => [
    ...(batch.getChildAt(0)!.data[0]!.values as BigInt64Array).subarray(0, batch.numRows),
  ])
  return Array.from({ length: table.numRows }, (_, row) => [
    times[row],
    ...vectors.slice(1).map((one) => one.get(row) as unknown),
  ])
}

describe('an Arrow stream', () => {
  test('says its types', async () => {
    const { schema } = await read([])
    expect(schema.fields.map(({ name, type, nullable }) => [name, String(type), nullable])).toEqual(
      [
        ['time', 'Timestamp<NANOSECOND, UTC>', false],
        ['host', 'Dictionary<Int32, Utf8>', true],
        ['rack', 'Dictionary<Int32, Utf8>', true],
        ['f', 'Float64', true],
        ['i', 'Int64', true],
        ['u', 'Uint64', true],
        ['b', 'Bool', true],
        ['größe', 'Utf8', true],
      ],
    )
  })

  test.each([
    ['one row', [1], 0],
    ['lengths about a byte and a word', [7, 8, 9, 15, 16, 17, 63, 64, 65], 0],
    ['nulls', [1, 8, 100, 1_000], 0.3],
    ['nothing but nulls', [9], 1],
    ['series longer than a batch', [40_000, 3, 20_000], 0.1],
    ['many short series', Array.from({ length: 500 }, (_, i) => i % 4), 0.2],
  ])('gives back every value: %s', async (_name, counts, nulls) => {
    const series = counts.map((count, i) => seriesOf(i + 1, count, nulls))
    const expected = series.flatMap((one) => Array.from(one.time, (_, row) => rowOf(one, row)))
    expect(rowsOf(await read(series))).toEqual(expected)
  })

  test('comes in batches, each readable before the next is there', async () => {
    const numbers = seriesOf(1, 100_000, 0)
    const series = { ...numbers, fields: numbers.fields.slice(0, 4) }
    const pieces = await encode([series], COLUMNS.slice(0, 5))
    const reader = RecordBatchReader.from(Buffer.concat(pieces))
    expect([...reader].map(({ numRows }) => numRows)).toEqual([...Array(6).fill(16_384), 1_696])
    expect(pieces.length).toBe(9)
    expect(pieces.every(({ length }) => length % 8 === 0)).toBe(true)
  })

  test('shares a batch among short series', async () => {
    const series = Array.from({ length: 5_000 }, (_, i) => {
      const one = seriesOf(i, 2, 0)
      return { ...one, fields: one.fields.slice(0, 1) }
    })
    expect((await encode(series, COLUMNS.slice(0, 2))).length).toBe(4)
  })

  test('has columns without tags and fields, too', async () => {
    const series = { ...seriesOf(1, 3, 0), fields: [] }
    const table = tableFromIPC(Buffer.concat(await encode([series], COLUMNS.slice(0, 1), [])))
    expect([table.numRows, table.numCols]).toEqual([3, 1])
  })
})
