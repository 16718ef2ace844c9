import { beforeEach, describe, expect, test } from 'vitest'
import { Cache } from '../../../engine/segment/cache.ts'
import { compactParts } from '../../../engine/segment/compaction.ts'
import { runSync } from '../../../engine/drive.ts'
import { fileName } from '../../../engine/log/file-name.ts'
import { flushMemtable } from '../../../engine/segment/flush.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { Memtable } from '../../../engine/memtable.ts'
import { PartReader, TIME } from '../../../engine/segment/part.ts'
import { SegmentWriter } from '../../../engine/segment/segment.ts'
import type { Execution } from '../../../engine/step.ts'
import { openKernel, seededRandom } from '../../kernel.ts'
import {
  applyNaive,
  applyPoints,
  BOOLEAN,
  type ColumnType,
  FLOAT,
  INTEGER,
  type Naive,
  naiveTimes,
  type Point,
  randomValue,
  readColumn,
  STRING,
  TestCatalog,
  UNSIGNED,
  type Value,
} from './rows.ts'

const SECOND = 1_000_000_000n
const BLOCK_ROWS = 1_024

// What follows writes real segments and reads them back.

let instance: KernelInstance
let catalog: TestCatalog
let cache: Cache
let files: Map<string, Uint8Array>
let nextFile: number
let nextSequence: bigint

beforeEach(async () => {
  instance = await openKernel()
  catalog = new TestCatalog(instance)
  cache = new Cache(instance.memory, 1 << 22)
  files = new Map()
  nextFile = 1
  nextSequence = 1n
})

function drive<T>(execution: Execution<T>): T {
  return runSync(execution, {
    cache,
    source: {
      read(file, offset, target) {
        const bytes = files.get(file)!.subarray(offset, offset + target.length)
        target.set(bytes)
        return bytes.length
      },
    },
  })
}

function writeFile<T>(write: (writer: SegmentWriter) => Execution<T>): T {
  const id = nextFile++
  const chunks: Uint8Array[] = []
  const writer = new SegmentWriter(instance, id, (bytes) => chunks.push(bytes.slice()))
  try {
    const result = drive(write(writer))
    const file = Buffer.concat(chunks)
    expect(file.length).toBe(writer.size)
    files.set(fileName('segment', id), file)
    return result
  } finally {
    writer.release()
  }
}

/** One flush of these points through a memtable of their own. */
function flush(points: readonly Point[], which: 0 | 1 = 0): PartReader[] {
  const { kernel, memory } = instance
  const sizes = { rowBytes: 1 << 22, arenaBytes: 1 << 20 }
  const memtable = new Memtable(kernel, memory, { catalog, which, ...sizes })
  expect(applyPoints(instance, memtable, catalog, points)).toBe(true)
  const parts = writeFile((writer) => flushMemtable(instance, memtable, writer, nextSequence++))
  drive(memtable.reset())
  memtable.dispose()
  return parts.map((description) => new PartReader(instance, cache, description))
}

function compact(inputs: readonly PartReader[]): PartReader | null {
  const part = writeFile((writer) => compactParts(instance, cache, inputs, writer))
  return part && new PartReader(instance, cache, part)
}

/** Everything a part holds, by series and time, read block by block. */
function readPart(reader: PartReader): Naive {
  const { kernel, memory } = instance
  const naive: Naive = new Map()
  const pins = cache.pins()
  drive(reader.open(pins))
  const chunk = memory.allocate(BLOCK_ROWS * 9)
  const valid = chunk.offset + BLOCK_ROWS * 8
  const rows: Map<number, Value>[] = []
  const times: bigint[] = []
  for (let block = 0; block * BLOCK_ROWS < reader.rows; block++) {
    const count = Math.min(BLOCK_ROWS, reader.rows - block * BLOCK_ROWS)
    const entry = drive(reader.entry(pins, TIME, block))
    const bytes = drive(reader.block(pins, TIME, block))
    expect(kernel.decodeTimes(bytes, entry, 0, count, chunk.offset)).toBe(count)
    times.push(...memory.i64.subarray(chunk.offset >>> 3, (chunk.offset >>> 3) + count))
    const first = rows.length
    for (let i = 0; i < count; i++) rows.push(new Map())
    for (const { id, type } of reader.columns) {
      const values = readBlock(reader, pins, id, type, block, count, chunk.offset, valid)
      for (const [i, value] of values.entries()) if (value !== null) rows[first + i]!.set(id, value)
    }
  }
  for (const [series] of catalog.seriesOfTable.flat().entries()) {
    const range = drive(reader.seriesRange(pins, series))
    if (range === null) continue
    const slice = times.slice(range.start, range.end)
    expect([range.firstTime, range.lastTime]).toEqual([slice[0], slice.at(-1)])
    naive.set(series, new Map(slice.map((time, i) => [time, rows[range.start + i]!])))
    expect(naive.get(series)!.size).toBe(slice.length)
  }
  pins.release()
  memory.release(chunk)
  expect([...naive.values()].reduce((sum, { size }) => sum + size, 0)).toBe(reader.rows)
  return naive
}

function readBlock(
  reader: PartReader,
  pins: ReturnType<Cache['pins']>,
  id: number,
  type: ColumnType,
  block: number,
  count: number,
  values: number,
  valid: number,
): (Value | null)[] {
  const entry = drive(reader.entry(pins, id, block))
  if (entry === 0) return []
  const bytes = drive(reader.block(pins, id, block))
  expect(instance.kernel.decodeColumn(type, bytes, entry, 0, count, values, valid)).toBe(count)
  return readColumn(instance, type, values, valid, count)
}

/** Rows in order, comparable, of one table and partition. */
function flat(naive: Naive, table: number, partition: bigint): unknown[] {
  const width = BigInt(catalog.tables.payload(table, 'b')) * SECOND
  const series = [...naive.keys()].filter((id) => catalog.tableOf(id) === table)
  return series
    .sort((a, b) => a - b)
    .flatMap((id) =>
      naiveTimes(naive, id, partition * width, (partition + 1n) * width).map((time) => {
        const fields = [...naive.get(id)!.get(time)!].sort(([a], [b]) => a - b)
        return [id, time, fields]
      }),
    )
}

function makeTables(count: number, seriesCount: number): void {
  for (let i = 0; i < count; i++) {
    const table = catalog.table(86_400)
    for (const type of [FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING]) catalog.column(table, type)
  }
  for (let i = 0; i < seriesCount; i++) catalog.addSeries(i % count)
}

interface Load {
  count: number
  /** Seconds that the times span, from `from` on. */
  from: number
  span: number
}

function randomPoints(random: () => number, { count, from, span }: Load): Point[] {
  return Array.from({ length: count }, () => {
    const series = Math.floor(random() * catalog.series.count)
    const columns = catalog.columnsOfTable[catalog.tableOf(series)]!
    const fields = new Map<number, Value>()
    for (const id of columns) {
      if (random() < 0.4) fields.set(id, randomValue(catalog.type(id), random))
    }
    return { series, time: BigInt(from + Math.floor(random() * span)) * SECOND, fields }
  })
}

describe('flush and compaction', () => {
  test('a flush reads back as the naive last write per field', () => {
    makeTables(2, 7)
    const points = randomPoints(seededRandom(1), { count: 5_000, from: -90_000, span: 180_000 })
    const naive = applyNaive(new Map(), points)
    const readers = flush(points)
    expect(readers.length).toBeGreaterThan(4)
    for (const reader of readers) {
      const { table, partition, rows, minTime, maxTime } = reader.description
      const expected = flat(naive, table, partition)
      expect(flat(readPart(reader), table, partition)).toEqual(expected)
      const times = expected.map((row) => (row as [number, bigint])[1])
      expect(rows).toBe(expected.length)
      expect(minTime).toBe(times.reduce((a, b) => (a < b ? a : b)))
      expect(maxTime).toBe(times.reduce((a, b) => (a > b ? a : b)))
    }
  })

  test('compactions in any order of neighbours give the naive last write per field', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = seededRandom(seed)
      catalog = new TestCatalog(instance)
      makeTables(2, 3 + seed * 2)
      const naive: Naive = new Map()
      const groups = new Map<string, PartReader[]>()
      for (let round = 0; round < 6; round++) {
        const from = round % 2 === 0 ? 0 : 3_000 * round
        const load = {
          count: Math.floor(random() * 2_500),
          from,
          span: random() < 0.5 ? 900 : 90_000,
        }
        const points = randomPoints(random, load)
        applyNaive(naive, points)
        for (const reader of flush(points, (round % 2) as 0 | 1)) {
          const key = `${reader.description.table} ${reader.description.partition}`
          groups.set(key, [...(groups.get(key) ?? []), reader])
        }
      }
      for (const parts of groups.values()) {
        while (parts.length > 1) {
          const first = Math.floor(random() * (parts.length - 1))
          const count = 2 + Math.floor(random() * (parts.length - first - 1))
          const inputs = parts.slice(first, first + count)
          const merged = compact(inputs)!
          expect(merged.description.sequence).toBe(inputs.at(-1)!.description.sequence)
          parts.splice(first, count, merged)
        }
        const { table, partition } = parts[0]!.description
        const rows = flat(readPart(parts[0]!), table, partition)
        expect(rows, `seed ${seed}`).toEqual(flat(naive, table, partition))
      }
    }
  })

  test('a part compacted alone, and parts that lie apart in time, keep every bit', () => {
    makeTables(1, 2)
    const random = seededRandom(9)
    const loads = [0, 10_000, 20_000].map((from) => ({ count: 3_000, from, span: 9_000 }))
    const points = loads.map((load) => randomPoints(random, load))
    const readers = points.map((list) => flush(list)[0]!)
    const alone = compact(readers.slice(0, 1))!
    expect(flat(readPart(alone), 0, 0n)).toEqual(flat(applyNaive(new Map(), points[0]!), 0, 0n))
    const merged = compact([alone, ...readers.slice(1)])!
    const naive = points.reduce(applyNaive, new Map() as Naive)
    expect(flat(readPart(merged), 0, 0n)).toEqual(flat(naive, 0, 0n))
  })

  test('many short series shared by all inputs are merged across block edges', () => {
    makeTables(1, 3_000)
    const random = seededRandom(10)
    const naive: Naive = new Map()
    const readers = [0, 1, 2].map(() => {
      const points = randomPoints(random, { count: 6_000, from: 0, span: 4 })
      applyNaive(naive, points)
      return flush(points)[0]!
    })
    expect(flat(readPart(compact(readers)!), 0, 0n)).toEqual(flat(naive, 0, 0n))
  })

  test('a compaction pins a bounded part of the cache and gives all memory back', () => {
    makeTables(1, 4)
    cache = new Cache(instance.memory, 1 << 18)
    const random = seededRandom(11)
    const load = { count: 8_000, from: 0, span: 80_000 }
    const readers = [0, 1, 2, 3].map(() => flush(randomPoints(random, load))[0]!)
    const before = instance.memory.used - cache.used
    const merged = compact(readers)!
    expect(merged.description.rows).toBeGreaterThan(20_000)
    expect(cache.used).toBeLessThanOrEqual(1 << 18)
    expect(instance.memory.used - cache.used).toBe(before)
  })

  test('damage in an input is an error that names the file, and nothing stays held', () => {
    makeTables(1, 2)
    const random = seededRandom(12)
    const load = { count: 3_000, from: 0, span: 9_000 }
    const descriptions = [0, 1].map(() => flush(randomPoints(random, load))[0]!.description)
    const used = instance.memory.used - cache.used
    const { file, offset, size } = descriptions[0]!
    for (let i = 0; i < 40; i++) {
      const bytes = files.get(fileName('segment', file))!
      const at = offset + Math.floor(random() * size)
      const mask = 1 << Math.floor(random() * 8)
      bytes[at]! ^= mask
      for (const id of [1, 2]) cache.drop(id)
      const readers = descriptions.map(
        (description) => new PartReader(instance, cache, description),
      )
      expect(() => compact(readers), `bit ${mask} at ${at - offset} of ${size}`).toThrow(
        'segment-1',
      )
      bytes[at]! ^= mask
      expect(instance.memory.used - cache.used).toBe(used)
    }
  })
})
