// Arrow streams, read back by Apache's own reader.

import { RecordBatchReader, type Table, tableFromIPC } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import type { AnswerColumn, AnswerSeries, Vector } from '../../../engine/query/query.ts'
import { encodeArrow } from '../../../server/encode/arrow.ts'
import { openKernel, seededRandom } from '../../kernel.ts'

const instance = await openKernel()
const FORMAT = { time: 'ns', integers: 'auto' } as const

const COLUMNS: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  { name: 'f', type: 'float' },
  { name: 'i', type: 'integer' },
  { name: 'u', type: 'unsigned' },
  { name: 'b', type: 'boolean' },
  { name: 'größe', type: 'string' },
]

async function* of(series: readonly AnswerSeries[]): AsyncGenerator<AnswerSeries> {
  yield* series
}

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

/** A vector of `count` values, null where a random number says so. */
function vector(
  random: () => number,
  count: number,
  nulls: number,
  values: Vector['values'],
): Vector {
  if (nulls === 0) return { values, valid: null }
  return { values, valid: Uint8Array.from({ length: count }, () => (random() < nulls ? 0 : 1)) }
}

const TEXTS = ['', 'a', 'größe "x"\\\n', '😀', '\u0000', 'x'.repeat(100), '\u2028']

function seriesOf(seed: number, count: number, nulls: number): AnswerSeries {
  const random = seededRandom(seed)
  const length = { length: count }
  const big = (): bigint =>
    (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  const host = `h${seed % 7}`
  return {
    tags:
      seed % 3 === 0
        ? new Map([['host', host]])
        : new Map([
            ['host', host],
            ['rack', 'ü'],
          ]),
    time: BigInt64Array.from(length, (_, i) => 1_790_000_000_000_000_001n + BigInt(i)),
    fields: [
      vector(
        random,
        count,
        nulls,
        Float64Array.from(length, () => [random(), NaN, -0][Math.floor(random() * 3)]!),
      ),
      vector(
        random,
        count,
        nulls,
        BigInt64Array.from(length, () => BigInt.asIntN(64, big())),
      ),
      vector(random, count, nulls, BigUint64Array.from(length, big)),
      vector(
        random,
        count,
        nulls,
        Uint8Array.from(length, () => Math.floor(random() * 2)),
      ),
      vector(
        random,
        count,
        nulls,
        Array.from(length, () => TEXTS[Math.floor(random() * 7)]!),
      ),
    ],
  }
}

/** Cells of a row in the order of the schema, booleans as such. */
function rowOf({ tags, time, fields }: AnswerSeries, row: number): unknown[] {
  const cells = fields.map(({ values, valid }) => {
    if (valid !== null && valid[row] === 0) return null
    return values instanceof Uint8Array ? values[row] === 1 : values[row]
  })
  return [time[row], tags.get('host') ?? null, tags.get('rack') ?? null, ...cells]
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
