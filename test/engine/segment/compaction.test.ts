import { beforeEach, describe, expect, test } from 'vitest'
import { Cache } from '../../../engine/segment/cache.ts'
import { compactParts } from '../../../engine/segment/compaction.ts'
import {
  type CompactionChoice,
  FILE_BYTES,
  chooseCompaction,
} from '../../../engine/segment/compaction-choice.ts'
import { runSync } from '../../../engine/drive.ts'
import { fileName } from '../../../engine/log/file-name.ts'
import { flushMemtable } from '../../../engine/segment/flush.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { Memtable } from '../../../engine/memtable.ts'
import { PartReader, type PartDescription, TIME } from '../../../engine/segment/part.ts'
import { SegmentWriter } from '../../../engine/segment/segment.ts'
import { type Execution, finish } from '../../../engine/step.ts'
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

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const SECOND = 1_000_000_000n
const BLOCK_ROWS = 1_024

function part(sequence: number, size: number, from = 0, to = 10, partition = 0n): PartDescription {
  return {
    ...{ file: sequence, offset: 0, size, footerSize: 0, table: 1, partition, tombstonesFrom: 0 },
    ...{ sequence: BigInt(sequence), rows: 1, minTime: BigInt(from), maxTime: BigInt(to) },
  }
}

const choiceOf = (...args: Parameters<typeof chooseCompaction>): CompactionChoice | null =>
  finish(chooseCompaction(...args))

/** Inputs of the first merge of a choice. */
const sequences = (choice: CompactionChoice | null): number[] | null =>
  choice && choice.merges[0]!.inputs.map((input) => Number(input.sequence))

const inputsOf = (choice: CompactionChoice | null): PartDescription[] =>
  choice === null ? [] : choice.merges.flatMap(({ inputs }) => inputs)

describe('choice of a compaction', () => {
  test('nothing is chosen from no parts, from few, or from parts of different partitions', () => {
    expect(choiceOf([])).toBeNull()
    expect(choiceOf([1, 2, 3].map((s) => part(s, 100)))).toBeNull()
    expect(choiceOf([1, 2, 3, 4].map((s) => part(s, 9, 0, 1, BigInt(s))))).toBeNull()
    const tables = [1, 2, 3, 4].map((table) => ({ ...part(table, 9), table }))
    expect(choiceOf(tables)).toBeNull()
  })

  test('four small neighbours are merged, whatever the order they are listed in', () => {
    const parts = [3, 1, 4, 2].map((s) => part(s, 100))
    expect(sequences(choiceOf(parts))).toEqual([1, 2, 3, 4])
    expect(inputsOf(choiceOf(parts)).every((input) => parts.includes(input))).toBe(true)
  })

  test('small parts are merged before large ones', () => {
    const large = [1, 2, 3, 4].map((s) => part(s, 5_000_000))
    const small = [5, 6, 7, 8, 9].map((s) => part(s, 1_000))
    expect(sequences(choiceOf([...large, ...small]))).toEqual([5, 6, 7, 8, 9])
    expect(sequences(choiceOf([...large, ...small.slice(2)]))).toEqual([1, 2, 3, 4, 7, 8, 9])
  })

  test('a large part is not written again for the sake of a few small ones', () => {
    const parts = [part(1, 9e6), part(2, 9_000), part(3, 9_000), part(4, 9_000)]
    expect(choiceOf(parts)).toBeNull()
    expect(sequences(choiceOf([...parts, part(5, 9_000)]))).toEqual([2, 3, 4, 5])
    const grown = parts.map((one) => (one.size < 9e6 ? { ...one, size: 800_000 } : one))
    expect(sequences(choiceOf(grown))).toEqual([1, 2, 3, 4])
  })

  test('a large part that overlaps in time and lies between is never passed over', () => {
    const parts = [part(1, 9), part(2, 9), part(3, 9e6, 5, 6), part(4, 9), part(5, 9)]
    expect(choiceOf(parts)).toBeNull()
    parts[2] = part(3, 9e6, 11, 99)
    expect(sequences(choiceOf(parts))).toEqual([1, 2, 4, 5])
    parts[2] = part(3, 9e6, 10, 99)
    expect(choiceOf(parts)).toBeNull()
  })

  test('inputs stay within their number and their bytes', () => {
    const parts = Array.from({ length: 40 }, (_, i) => part(i, 1_000))
    expect(inputsOf(choiceOf(parts, { inputsMax: 7 })).length).toBe(7)
    expect(inputsOf(choiceOf(parts, { bytesMax: 5_500 })).length).toBe(5)
    expect(choiceOf(parts, { bytesMax: 1_999 })).toBeNull()
  })

  test('two parts of any sizes are enough when everything is to be merged', () => {
    const all = { inputsMin: 2, tierFactor: Infinity }
    expect(sequences(choiceOf([part(1, 9e7), part(2, 1)], all))).toEqual([1, 2])
    expect(choiceOf([part(1, 9e7)], all)).toBeNull()
  })

  test('a crowded partition is merged although no four parts are of one size', () => {
    const parts = Array.from({ length: 12 }, (_, i) => part(i, 4 ** (i + 9)))
    expect(choiceOf(parts, { bytesMax: 1e12 })).not.toBeNull()
    const sparse = [part(0, 1e6), part(1, 5e6), part(2, 2e7)]
    expect(choiceOf(sparse)).toBeNull()
    expect(sequences(choiceOf(sparse, { partsMax: 2 }))).toEqual([0, 1, 2])
  })

  test('merges of many partitions share a job up to the bytes of one file', () => {
    const year = Array.from({ length: 365 * 4 }, (_, i) => {
      return part(Math.floor(i / 365), 5_000, 0, 10, BigInt(i % 365))
    })
    const { merges } = choiceOf(year)!
    expect(merges.length).toBe(Math.floor(FILE_BYTES / 20_000))
    expect(new Set(merges.map(({ inputs }) => inputs[0]!.partition)).size).toBe(merges.length)
    for (const { inputs } of merges) {
      expect(inputs.map(({ sequence }) => sequence)).toEqual([0n, 1n, 2n, 3n])
      expect(new Set(inputs.map(({ partition }) => partition)).size).toBe(1)
    }
    const large = year.map((one) => ({ ...one, size: FILE_BYTES / 4 + 1 }))
    expect(choiceOf(large)!.merges.length).toBe(1)
  })

  test('parts that queries had to merge as often as they have rows are merged, others are not', () => {
    const parts = [part(1, 9e6), part(2, 100), part(3, 100)].map((one) => ({ ...one, rows: 1_000 }))
    const choose = (...heat: number[]): CompactionChoice | null =>
      choiceOf(parts, { heatOf: (one) => heat[Number(one.sequence) - 1]! })
    expect(choose(0, 0, 0)).toBeNull()
    expect(choose(1_999, 0, 0)).toBeNull()
    expect(choose(1_000, 999, 0)).toBeNull()
    expect(sequences(choose(1_000, 1_000, 0))).toEqual([1, 2])
    expect(sequences(choose(0, 1, 1_999))).toEqual([2, 3])
    // One between them that overlaps cannot be passed over.
    expect(choose(2_000, 0, 2_000)).toBeNull()
    parts[1] = { ...parts[1]!, minTime: 11n, maxTime: 12n }
    expect(sequences(choose(2_000, 0, 2_000))).toEqual([1, 3])
    const heatOf = (): number => 1e9
    expect(choiceOf(parts.slice(0, 2), { heatOf, bytesMax: 9e6 })).toBeNull()
  })

  test('the live parts of a file that is mostly dead are written anew, if there is nothing to merge', () => {
    const live = [0, 1].map((i) => ({ ...part(7, 50_000, 0, 1, BigInt(i)), offset: i * 50_000 }))
    const file = (size: number) => new Map([[7, { number: 7, size, checksum: 0 }]])
    expect(choiceOf(live, { files: file(199_999) })).toBeNull()
    const { merges } = choiceOf(live, { files: file(200_000) })!
    expect(merges.map(({ inputs }) => inputs)).toEqual([[live[0]], [live[1]]])
    expect(choiceOf(live, { files: file(100_000) })).toBeNull()
    const tiny = live.map((one) => ({ ...one, size: 10 }))
    expect(choiceOf(tiny, { files: file(60_000) })).toBeNull()
    const small = [1, 2, 3, 4].map((s) => part(s, 100, 0, 1, 9n))
    const named = new Map([
      ...file(200_000),
      ...small.map(({ file: n }) => [n, { number: n, size: 100, checksum: 0 }] as const),
    ])
    expect(sequences(choiceOf([...live, ...small], { files: named }))).toEqual([1, 2, 3, 4])
  })

  test.each([
    ['of one partition each', 1, 1n],
    ['in groups that are merged', 4, 1n],
    ['in one group', 20_000, 1n],
  ])('20,000 parts %s are looked at in steps', (_name, perPartition) => {
    const parts = Array.from({ length: 20_000 }, (_, i) =>
      part(i, 100_000, i, i + 1, BigInt(Math.floor(i / perPartition))),
    )
    const files = new Map(
      parts.map(({ file: number }) => [number, { number, size: 100_000, checksum: 0 }]),
    )
    let asked = 0
    let most = 0
    const heatOf = (): number => {
      asked++
      return 0
    }
    const choosing = chooseCompaction(parts, { files, heatOf, partsMax: 100_000 })
    let steps = 0
    for (let step = choosing.next(); !step.done; step = choosing.next()) {
      steps++
      most = Math.max(most, asked)
      asked = 0
    }
    expect(steps).toBeGreaterThan(8)
    if (perPartition < 100) expect(most).toBeLessThan(5_000)
  })

  test('of very many candidates the best are taken, as if all had been sorted', () => {
    const parts = Array.from({ length: 12_000 }, (_, i) =>
      part(i, 1 + (((i >> 2) * 7919) % 3_000), 0, 10, BigInt(i >> 2)),
    )
    const chosen = choiceOf(parts)!.merges
    expect(chosen.length).toBe(1_024)
    const sizes = chosen.map(({ inputs }) => inputs[0]!.size)
    expect(sizes).toEqual(Array.from({ length: 1_024 }, (_, i) => i + 1))
  })

  test('random parts: no choice breaks the order of writes, and choosing comes to an end', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = seededRandom(seed)
      let parts = Array.from({ length: 40 }, (_, i) => {
        const from = Math.floor(random() * 200)
        const size = Math.floor(4 ** (random() * 12))
        return part(i, size, from, from + Math.floor(random() * 60), BigInt(random() < 0.5 ? 0 : 1))
      })
      const options = random() < 0.5 ? {} : { inputsMin: 2, tierFactor: Infinity }
      for (let rounds = 0; ; rounds++) {
        expect(rounds, `seed ${seed}`).toBeLessThan(40)
        const choice = choiceOf(parts, options)
        if (choice === null) break
        for (const { inputs } of choice.merges) {
          parts = expectAllowed(parts, inputs, `seed ${seed}`)
        }
      }
    }
  })
})

/** Checks a choice against its definition, and answers the parts after it. */
function expectAllowed(
  parts: PartDescription[],
  inputs: readonly PartDescription[],
  at: string,
): PartDescription[] {
  expect(inputs.length, at).toBeGreaterThanOrEqual(2)
  const { partition } = inputs[0]!
  const newest = inputs.at(-1)!
  const rest = parts.filter((other) => !inputs.includes(other))
  expect(rest.length, at).toBe(parts.length - inputs.length)
  for (const other of rest.filter((candidate) => candidate.partition === partition)) {
    for (const input of inputs) {
      const overlaps = other.minTime <= input.maxTime && other.maxTime >= input.minTime
      const hidden = other.sequence > input.sequence && other.sequence < newest.sequence
      expect(overlaps && hidden, `${at}: ${input.sequence} across ${other.sequence}`).toBe(false)
    }
  }
  const { sequence } = newest
  const [size, minTime, maxTime] = inputs.reduce(
    ([sum, low, high], { size: bytes, minTime: from, maxTime: to }) =>
      [sum + bytes, from < low ? from : low, to > high ? to : high] as [number, bigint, bigint],
    [0, MAX, MIN] as [number, bigint, bigint],
  )
  return [...rest, { ...newest, sequence, size, minTime, maxTime }]
}

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
