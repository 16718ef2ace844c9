// Parquet files, read back by DuckDB, and by hyparquet where DuckDB rounds (its times have microseconds).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DuckDBInstance,
  type DuckDBConnection,
  type DuckDBTimestampTZValue,
} from '@duckdb/node-api'
import { parquetMetadata, parquetRead, parquetSchema } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AnswerColumn, AnswerSeries } from '../../../engine/query/query.ts'
import { encodeParquet } from '../../../server/encode/parquet.ts'
import { openKernel } from '../../kernel.ts'
import { COLUMNS, of, rowOf, seriesOf } from './series.ts'

const instance = await openKernel()
const FORMAT = { time: 'ns', integers: 'auto' } as const
const directory = mkdtempSync(join(tmpdir(), 'omendb-parquet-'))

let duck: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  duck = await DuckDBInstance.create()
  connection = await duck.connect()
})

afterAll(() => {
  connection.closeSync()
  duck.closeSync()
  rmSync(directory, { recursive: true })
})

async function encode(
  series: readonly AnswerSeries[],
  columns = COLUMNS,
  tags = ['host', 'rack'],
): Promise<Buffer<ArrayBuffer>> {
  const pieces: Uint8Array[] = []
  for await (const piece of encodeParquet({ columns, tags }, of(series), FORMAT, () => instance)) {
    pieces.push((piece as Uint8Array).slice())
  }
  return Buffer.concat(pieces) as Buffer<ArrayBuffer>
}

let files = 0

/** What a statement over `FILE` answers, row by row. */
async function ask(file: Uint8Array, sql: string): Promise<unknown[][]> {
  const path = join(directory, `${files++}.parquet`)
  writeFileSync(path, file)
  const answer = await connection.run(sql.replaceAll('FILE', `'${path}'`))
  return (await answer.getRows()) as unknown[][]
}

/** Rows as DuckDB has them: times in microseconds. */
async function readDuck(file: Uint8Array): Promise<unknown[][]> {
  const rows = await ask(file, 'SELECT * FROM FILE')
  return rows.map(([time, ...cells]) => [(time as DuckDBTimestampTZValue).micros, ...cells])
}

/** Rows as hyparquet has them: times in nanoseconds. */
async function readPlain(file: Buffer<ArrayBuffer>): Promise<unknown[][]> {
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length)
  let rows: unknown[][] = []
  await parquetRead({
    file: bytes,
    parsers: { timestampFromNanoseconds: (time) => time },
    onComplete: (found) => (rows = found as unknown as unknown[][]),
  })
  return rows
}

const rowsOf = (series: readonly AnswerSeries[]): unknown[][] =>
  series.flatMap((one) => Array.from(one.time, (_, row) => rowOf(one, row)))

const microseconds = ([time, ...cells]: unknown[]): unknown[] => [
  (time as bigint) / 1000n,
  ...cells,
]

describe('a Parquet file', () => {
  test('says its types, to DuckDB and in its own words', async () => {
    const file = await encode([seriesOf(1, 3, 0)])
    expect((await ask(file, 'DESCRIBE SELECT * FROM FILE')).map((row) => row.slice(0, 2))).toEqual([
      ['time', 'TIMESTAMP WITH TIME ZONE'],
      ['host', 'VARCHAR'],
      ['rack', 'VARCHAR'],
      ['f', 'DOUBLE'],
      ['i', 'BIGINT'],
      ['u', 'UBIGINT'],
      ['b', 'BOOLEAN'],
      ['größe', 'VARCHAR'],
    ])
    const [time, host] = parquetSchema(
      parquetMetadata(file.buffer.slice(file.byteOffset, file.byteOffset + file.length)),
    ).children
    expect(time!.element).toMatchObject({
      repetition_type: 'REQUIRED',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
    })
    expect(host!.element).toMatchObject({ repetition_type: 'OPTIONAL' })
  })

  test('without rows has its columns', async () => {
    const file = await encode([])
    expect(await ask(file, 'SELECT count(*) FROM FILE')).toEqual([[0n]])
    expect(await ask(file, 'DESCRIBE SELECT * FROM FILE')).toHaveLength(8)
  })

  test.each([
    ['one row', [1], 0],
    ['lengths about a byte and a word', [7, 8, 9, 15, 16, 17, 63, 64, 65], 0],
    ['nulls', [1, 8, 100, 1_000], 0.3],
    ['nothing but nulls', [1, 9, 100], 1],
    ['a series of more rows than a page', [40_000], 0.1],
    ['many short series', Array.from({ length: 5_000 }, (_, i) => 1 + (i % 3)), 0.2],
  ])('has every value of %s', async (_name, counts, nulls) => {
    const series = counts.map((count, i) => seriesOf(i + 1, count, nulls))
    const file = await encode(series)
    expect(await readDuck(file)).toEqual(rowsOf(series).map(microseconds))
    expect(await readPlain(file)).toEqual(rowsOf(series))
  })

  test('keeps extremes, NaN, -0 and empty strings', async () => {
    const one: AnswerSeries = {
      tags: new Map([['host', 'ü']]),
      time: BigInt64Array.of(-(2n ** 63n) + 2n, -1n, 0n, 2n ** 63n - 2n),
      fields: [
        { values: Float64Array.of(NaN, -0, Infinity, 5e-324), valid: null },
        { values: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n), valid: null },
        { values: BigUint64Array.of(0n, 2n ** 64n - 1n, 2n ** 63n, 1n), valid: null },
        { values: Uint8Array.of(0, 1, 1, 0), valid: Uint8Array.of(1, 0, 1, 0) },
        { values: ['', '\u0000', 'x'.repeat(100_000), '😀'], valid: Uint8Array.of(1, 1, 1, 0) },
      ],
    }
    const file = await encode([one])
    expect(await readPlain(file)).toEqual(rowsOf([one]))
    const rows = await ask(file, 'SELECT f, i, u, b, größe FROM FILE')
    expect(rows).toEqual(rowsOf([one]).map((row) => row.slice(3)))
  })

  test('keeps the bits of NaN also between nulls', async () => {
    const bits = BigUint64Array.of(0x7ff8_0000_0000_0001n, 0n, 0xfff0_0000_0000_0001n, 0n)
    const one: AnswerSeries = {
      tags: new Map(),
      time: BigInt64Array.of(1n, 2n, 3n, 4n),
      fields: [{ values: new Float64Array(bits.buffer), valid: Uint8Array.of(1, 0, 1, 0) }],
    }
    const file = await encode([one], COLUMNS.slice(0, 2), [])
    expect(file.includes(Buffer.from(bits.buffer, 0, 8))).toBe(true)
    expect(file.includes(Buffer.from(bits.buffer, 16, 8))).toBe(true)
  })

  test('has row groups of bounded size that readers skip by time', async () => {
    const columns = COLUMNS.slice(0, 2)
    const step = 1_000_000_000n
    const series = Array.from({ length: 25 }, (_, part): AnswerSeries => {
      const time = BigInt64Array.from(
        { length: 16_384 },
        (_u, i) => BigInt(part * 16_384 + i) * step,
      )
      const values = Float64Array.from({ length: 16_384 }, (_u, i) => i)
      return { tags: new Map([['host', 'a']]), time, fields: [{ values, valid: null }] }
    })
    const file = await encode(series, columns, ['host'])
    const groups = await ask(
      file,
      "SELECT row_group_id, row_group_num_rows, stats_min_value, stats_max_value FROM parquet_metadata(FILE) WHERE path_in_schema = 'time'",
    )
    expect(groups.map((group) => group[1])).toEqual([131_072n, 131_072n, 131_072n, 16_384n])
    expect(groups[1]!.slice(2)).toEqual(['1970-01-02 12:24:32+00', '1970-01-04 00:49:03+00'])
    const [row] = await ask(
      file,
      "SELECT count(*), sum(f) FROM FILE WHERE time >= TIMESTAMPTZ '1970-01-03 00:00:00+00'",
    )
    const later = series.flatMap(({ time, fields }) =>
      [...time].flatMap((at, i) => (at >= 172_800n * step ? [fields[0]!.values[i] as number] : [])),
    )
    expect(row).toEqual([BigInt(later.length), later.reduce((sum, value) => sum + value, 0)])
  })

  test('knows the least and the greatest time of rows that descend', async () => {
    const time = BigInt64Array.of(9_000_000_000n, 5_000_000_000n, -7_000_000_000n)
    const file = await encode([{ tags: new Map(), time, fields: [] }], COLUMNS.slice(0, 1), [])
    const sql = "SELECT count(*) FROM FILE WHERE time < TIMESTAMPTZ '1970-01-01 00:00:00+00'"
    expect(await ask(file, sql)).toEqual([[1n]])
    const later = "SELECT count(*) FROM FILE WHERE time > TIMESTAMPTZ '1970-01-01 00:00:08+00'"
    expect(await ask(file, later)).toEqual([[1n]])
  })

  test('has a hundred tags, each with its values, also beyond a byte of indexes', async () => {
    const tags = Array.from({ length: 100 }, (_, i) => `t${i}`)
    const series = Array.from({ length: 600 }, (_, n): AnswerSeries => {
      const own = tags.filter((_tag, i) => (n + i) % 3 !== 0)
      return {
        tags: new Map(own.map((tag) => [tag, `${tag}-${n}`])),
        time: BigInt64Array.of(BigInt(n) * 1000n),
        fields: [],
      }
    })
    const file = await encode(series, COLUMNS.slice(0, 1), tags)
    const expected = series.map(({ tags: own }, n) => [
      BigInt(n),
      ...tags.map((tag) => own.get(tag) ?? null),
    ])
    expect(await readDuck(file)).toEqual(expected)
  })

  test('of long strings has more row groups, not larger ones', async () => {
    const columns: AnswerColumn[] = [COLUMNS[0]!, { name: 's', type: 'string' }]
    const values = Array.from({ length: 1_000 }, (_, i) => `${i}`.repeat(10_000))
    const time = BigInt64Array.from(values, (_, i) => BigInt(i))
    const file = await encode(
      [{ tags: new Map(), time, fields: [{ values, valid: null }] }],
      columns,
      [],
    )
    const sizes = await ask(file, 'SELECT row_group_bytes FROM parquet_metadata(FILE)')
    for (const [size] of sizes) expect(Number(size)).toBeLessThan(18_000_000)
    expect(await ask(file, 'SELECT count(DISTINCT s), sum(length(s)) FROM FILE')).toEqual([
      [1_000n, 28_900_000n],
    ])
  })
})
