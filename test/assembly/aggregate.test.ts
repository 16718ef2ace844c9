import { describe, expect, test } from 'vitest'
import type { Chunk } from '../../engine/query/chunk.ts'
import type { Grid } from '../../engine/query/grid.ts'
import { Aggregator, type AggregateRows } from '../../engine/query/partial.ts'
import type { PartView } from '../../engine/query/part-view.ts'
import type { PlanColumn, PlanSeries } from '../../engine/query/plan.ts'
import type { ValueType } from '../../engine/query/query.ts'
import type { Output, ResultName } from '../../engine/query/selection.ts'
import { finish } from '../../engine/step.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const instance = await openKernel()
const { kernel, memory } = instance
const TYPES: ValueType[] = ['float', 'integer', 'unsigned', 'boolean', 'string']
const ONE: Grid = { kind: 'one' }
/** Bytes of a column in a View (assembly/part-view.ts). */
const VIEW_COLUMN = 264
const TIME_MIN = -(2n ** 63n) + 2n
const TIME_MAX = 2n ** 63n - 2n

type Value = number | bigint | string | null

interface Rows {
  times: bigint[]
  values: Value[]
  mask?: number[]
  series?: number
  rank?: number
}

const chunkRegion = memory.allocate(1024 * 32)

function slotOf(value: Value): bigint {
  if (value === null) return 0xdeadbeefn
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  if (typeof value === 'number') return new BigUint64Array(new Float64Array([value]).buffer)[0]!
  const bytes = new TextEncoder().encode(value)
  const region = memory.allocate(bytes.length)
  memory.u8.set(bytes, region.offset)
  return BigInt(region.offset) | (BigInt(bytes.length) << 32n)
}

/** Puts rows where a loaded chunk would have them. */
function chunkOf({ times, values, mask }: Rows): { chunk: Chunk; mask: number } {
  const at = chunkRegion.offset
  const slots = values.map(slotOf)
  memory.i64.set(times, at / 8)
  memory.u64.set(slots, at / 8 + 1024)
  const valid = at + 16 * 1024
  memory.u8.set(
    values.map((value) => Number(value !== null)),
    valid,
  )
  const maskAt = valid + 1024
  if (mask !== undefined) memory.u8.set(mask, maskAt)
  const chunk = {
    ...{ count: times.length, times: at, values: [at + 8 * 1024] },
    valid: [values.includes(null) ? valid : 0],
  }
  return { chunk: chunk as unknown as Chunk, mask: mask === undefined ? 0 : maskAt }
}

function aggregatorOf(
  type: number,
  results: ResultName[],
  grid = ONE,
  maxBuckets = 1e6,
): Aggregator {
  const field: PlanColumn = { id: 0, name: 'x', type: type as 0 }
  const outputs: Output[] = results.map((result) => {
    const isFloat = result === 'mean' || result === 'variance' || result === 'stddev'
    const isCount = result === 'count' || result === 'rows'
    const valueType = isCount ? 'integer' : isFloat ? 'float' : TYPES[type]!
    return { name: result, type: valueType, field: result === 'rows' ? -1 : 0, result }
  })
  return new Aggregator(instance, { fields: [field], outputs, grid, maxBuckets })
}

function add(aggregator: Aggregator, rows: Rows): void {
  const { chunk, mask } = chunkOf(rows)
  const series = { group: rows.series ?? 0, rank: rows.rank ?? rows.series ?? 0 }
  aggregator.chunk(series as PlanSeries, chunk, mask, null)
}

/** Adds the chunks, reads the results and checks that nothing is held after. */
function aggregate(type: number, results: ResultName[], chunks: Rows[], grid = ONE): AggregateRows {
  const aggregator = aggregatorOf(type, results, grid)
  for (const rows of chunks) add(aggregator, rows)
  const before = memory.used
  const answer = aggregator.results()
  expect(memory.used).toBe(before)
  aggregator.release()
  return answer
}

function cells({ fields }: AggregateRows, row = 0): unknown[] {
  return fields.map(({ values, valid }) =>
    valid !== null && valid[row] === 0 ? null : values[row],
  )
}

function ascending(count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => BigInt(i))
}

describe('sums of floats', () => {
  test('lose nothing that compensation can keep over many chunks', () => {
    const chunks: Rows[] = [{ times: [0n], values: [1e16] }]
    for (let i = 0; i < 1000; i++) chunks.push({ times: [BigInt(i + 1)], values: [1] })
    chunks.push({ times: [2000n], values: [-1e16] })
    expect(cells(aggregate(0, ['sum'], chunks))).toEqual([1000])
  })

  test.each([
    [[Infinity, 1], Infinity],
    [[1, -Infinity], -Infinity],
    [[Infinity, -Infinity], NaN],
    [[NaN, 1], NaN],
    [[1e308, 1e308], Infinity],
  ])('of %j is %d, also over chunks', (values, expected) => {
    const chunks = values.map((value, i) => ({ times: [BigInt(i)], values: [value] }))
    expect(cells(aggregate(0, ['sum'], chunks))).toEqual([expected])
    expect(cells(aggregate(0, ['sum'], [{ times: [0n, 1n], values }]))).toEqual([expected])
  })
})

describe('integers', () => {
  const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

  test('have exact sums within 64 bits and overflow beyond', () => {
    const times = ascending(4)
    expect(cells(aggregate(1, ['sum'], [{ times, values: [MAX, MAX, MIN, MIN] }]))).toEqual([-2n])
    for (const values of [
      [MAX, 1n, null, null],
      [MIN, -1n, null, null],
    ]) {
      expect(() => aggregate(1, ['sum'], [{ times, values }])).toThrow(/beyond the range/)
    }
    const unsigned = [2n ** 64n - 1n, 0n, null, null]
    expect(cells(aggregate(2, ['sum'], [{ times, values: unsigned }]))).toEqual([2n ** 64n - 1n])
    const more = [2n ** 64n - 1n, 1n, null, null]
    expect(() => aggregate(2, ['sum'], [{ times, values: more }])).toThrow(/beyond the range/)
  })

  test('have a spread in their own type or overflow', () => {
    const times = ascending(2)
    expect(cells(aggregate(1, ['spread'], [{ times, values: [-5n, 7n] }]))).toEqual([12n])
    expect(() => aggregate(1, ['spread'], [{ times, values: [MIN, 0n] }])).toThrow(/beyond/)
    const wide = aggregate(2, ['spread'], [{ times, values: [0n, 2n ** 64n - 1n] }])
    expect(cells(wide)).toEqual([2n ** 64n - 1n])
  })

  test('have means that are the exact quotient rounded once', () => {
    const random = seededRandom(11)
    for (let i = 0; i < 400; i++) {
      const count = 1 + Math.floor(random() * 9)
      const bits = 1 + Math.floor(random() * 63)
      const signed = (): bigint => {
        const value =
          BigInt(Math.floor(random() * 2 ** 32)) * BigInt(Math.floor(random() * 2 ** 31))
        return (random() < 0.5 ? -1n : 1n) * BigInt.asUintN(bits, value)
      }
      const values = Array.from({ length: count }, signed)
      const sum = values.reduce((a, b) => a + b, 0n)
      const found = cells(aggregate(1, ['mean'], [{ times: ascending(count), values }]))[0]
      expect(found, `seed 11 case ${i}`).toBe(quotient(sum, BigInt(count)))
    }
  })
})

/** sum ÷ count to the nearest float, ties to even, by comparing neighbours exactly. */
function quotient(sum: bigint, count: bigint): number {
  const sign = sum < 0n ? -1 : 1
  const magnitude = sum < 0n ? -sum : sum
  const scaled = (magnitude << 200n) / count
  const sticky = (magnitude << 200n) % count === 0n ? 0n : 1n
  return (sign * Number(scaled * 2n + sticky)) / 2 ** 201 || 0
}

describe('least and greatest', () => {
  test('put NaN above all, and keep the first met of equals', () => {
    const find = (values: Value[]): unknown[] => {
      return cells(
        aggregate(0, ['least', 'greatest'], [{ times: ascending(values.length), values }]),
      )
    }
    expect(find([NaN, 1, 2])).toEqual([1, NaN])
    expect(find([NaN, NaN])).toEqual([NaN, NaN])
    expect(find([0, -0])).toEqual([0, 0])
    expect(find([-0, 0])).toEqual([-0, -0])
    expect(find([3, 0, -0, 1, 2, 5, 4])).toEqual([0, 5])
    expect(find([Infinity, null, -Infinity])).toEqual([-Infinity, Infinity])
    expect(find([null, null])).toEqual([null, null])
  })

  test('equal the naive ones at every length and with gaps', () => {
    const random = seededRandom(5)
    for (let count = 1; count <= 40; count++) {
      const values = Array.from({ length: count }, () => {
        return random() < 0.2 ? null : Math.floor(random() * 100) - 50
      })
      const kept = values.filter((value) => value !== null)
      if (kept.length === 0) continue
      const found = aggregate(
        0,
        ['least', 'greatest', 'count', 'sum'],
        [{ times: ascending(count), values }],
      )
      const sum = kept.reduce((a, b) => a + b, 0)
      const wanted = [Math.min(...kept), Math.max(...kept), BigInt(kept.length), sum]
      expect(cells(found), `seed 5 count ${count}`).toEqual(wanted)
    }
  })

  test('of strings go by bytes and survive a growing arena', () => {
    const texts = Array.from({ length: 300 }, (_, i) => `${'k'.repeat(i % 90)}${i}`)
    const chunks = texts.map((text, i) => ({ times: [BigInt(i)], values: [text] }))
    const found = aggregate(4, ['least', 'greatest', 'first', 'last', 'count'], chunks)
    const sorted = [...texts].sort()
    const wanted = [sorted[0], sorted.at(-1), texts[0], texts.at(-1), 300n]
    expect(cells(found)).toEqual(wanted)
  })
})

describe('first and last', () => {
  test('go by time, ties to the smaller rank, whatever order chunks come in', () => {
    const chunks: Rows[] = [
      { times: [5n, 9n], values: [1, 2], rank: 2 },
      { times: [5n, 9n], values: [3, 4], rank: 1 },
      { times: [6n, 8n], values: [5, 6], rank: 0 },
      { times: [5n, 9n], values: [null, null], rank: 0 },
    ]
    for (const order of [chunks, [...chunks].reverse()]) {
      expect(cells(aggregate(0, ['first', 'last'], order))).toEqual([3, 4])
    }
  })
})

describe('variance', () => {
  test('is that of the sample, also joined from chunks, and null for one value', () => {
    const values = [1e9 + 1, 1e9 + 2, 1e9 + 4, 1e9 + 8]
    const chunks = values.map((value, i) => ({ times: [BigInt(i)], values: [value] }))
    const whole = cells(aggregate(0, ['variance', 'stddev'], [{ times: ascending(4), values }]))
    const joined = cells(aggregate(0, ['variance', 'stddev'], chunks))
    const wanted = 28.75 / 3
    for (const [variance, stddev] of [whole, joined]) {
      expect(variance).toBeCloseTo(wanted, 9)
      expect(stddev).toBeCloseTo(Math.sqrt(wanted), 9)
    }
    expect(cells(aggregate(0, ['variance'], [{ times: [1n], values: [5] }]))).toEqual([null])
  })

  test('keeps the digits of integers that no float has', () => {
    const cases: [type: number, values: bigint[], wanted: number][] = [
      [1, [2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 1n, 2n ** 53n + 2n], 2 / 3],
      [1, [-(2n ** 63n), -(2n ** 63n) + 2n, -(2n ** 63n) + 1n], 1],
      [1, [-(2n ** 63n), 2n ** 63n - 1n], 2 ** 127],
      [2, [2n ** 64n - 1n, 2n ** 64n - 3n, 2n ** 64n - 2n], 1],
      [2, [0n, 2n ** 64n - 1n], 2 ** 127],
    ]
    for (const [type, values, wanted] of cases) {
      const chunks = values.map((value, i) => ({ times: [BigInt(i)], values: [value] }))
      const whole = [{ times: ascending(values.length), values }]
      for (const rows of [whole, chunks, [...chunks].reverse()]) {
        const [variance] = cells(aggregate(type, ['variance'], rows))
        expect(Number(variance) / wanted).toBeCloseTo(1, 12)
      }
    }
  })
})

describe('buckets', () => {
  test('of a fixed width start at origin + k × width, also before the epoch and at the ends of time', () => {
    const random = seededRandom(6)
    const times = [TIME_MIN, TIME_MIN + 5n, -1n, 0n, 1n, 999n, TIME_MAX - 1n, TIME_MAX]
    for (let i = 0; i < 300; i++) {
      const width = 1n + BigInt(Math.floor(random() * 2 ** (1 + random() * 50)))
      const origin = BigInt(Math.floor((random() - 0.5) * 2 ** 52))
      const rows = aggregate(0, ['rows'], [{ times, values: times.map(() => 1) }], {
        ...{ kind: 'fixed', width, origin },
      })
      const counts = new Map<bigint, bigint>()
      for (const time of times) {
        const rest = (((time - origin) % width) + width) % width
        const start = time - rest < TIME_MIN ? TIME_MIN : time - rest
        counts.set(start, (counts.get(start) ?? 0n) + 1n)
      }
      expect([...rows.buckets], `seed 6 ${width} ${origin}`).toEqual([...counts.keys()])
      expect([...(rows.fields[0]!.values as BigInt64Array)]).toEqual([...counts.values()])
    }
  })

  test('come in order of group and time, however they were fed, with their first times', () => {
    const random = seededRandom(12)
    const grid: Grid = { kind: 'fixed', origin: 0n, width: 10n }
    const chunks: Rows[] = []
    const counts = new Map<string, number>()
    for (let i = 0; i < 500; i++) {
      const start = Math.floor(random() * 3000)
      const times = [0, 4, 13].map((step) => BigInt(start + step))
      const series = Math.floor(random() * 7)
      const mask = [1, Number(random() < 0.5), 1]
      chunks.push({ times, values: [1, 1, 1], mask, series })
      times.forEach((time, row) => {
        const key = `${series} ${String(time / 10n).padStart(6)}`
        if (mask[row] === 1) counts.set(key, (counts.get(key) ?? 0) + 1)
      })
    }
    const rows = aggregate(0, ['rows', 'count'], chunks, grid)
    const found = [...rows.groups].map((group, i) => {
      expect(rows.firstTimes[i]! / 10n).toBe(rows.buckets[i]! / 10n)
      return [`${group} ${String(rows.buckets[i]! / 10n).padStart(6)}`, Number(cells(rows, i)[0])]
    })
    expect(found).toEqual([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  })

  test('of a boundary table hold the times between two starts', () => {
    const boundaries = BigInt64Array.from([0n, 31n, 59n, 90n])
    const times = [0n, 30n, 31n, 58n, 59n, 89n]
    const rows = aggregate(0, ['rows'], [{ times, values: times.map(() => 1) }], {
      ...{ kind: 'boundaries', boundaries },
    })
    expect([...rows.buckets]).toEqual([0n, 31n, 59n])
    expect([...(rows.fields[0]!.values as BigInt64Array)]).toEqual([2n, 2n, 2n])
  })

  test('beyond maxBuckets are refused by name, and what was there stays readable', () => {
    const aggregator = aggregatorOf(0, ['rows'], { kind: 'fixed', origin: 0n, width: 1n }, 100)
    const values = ascending(101).map(() => 1)
    expect(() => add(aggregator, { times: ascending(101), values })).toThrow(/maxBuckets/)
    expect(aggregator.results().groups).toHaveLength(100)
    aggregator.release()
  })

  test('of nothing are none', () => {
    expect(aggregate(0, ['sum'], []).groups).toHaveLength(0)
    const masked = { times: [1n], values: [1], mask: [0] }
    expect(aggregate(0, ['sum'], [masked]).groups).toHaveLength(0)
  })
})

describe('summaries', () => {
  test('of blocks count as their rows do', () => {
    const results: ResultName[] = ['count', 'sum', 'mean', 'least', 'greatest', 'first', 'last']
    const n = 1000
    const random = seededRandom(13)
    const times = ascending(n)
    for (const type of [0, 1, 2]) {
      const values = times.map(() => {
        const value = Math.floor(random() * 1000)
        return type === 0 ? value / 8 : BigInt(type === 1 ? value - 500 : value)
      })
      const rows: Rows = { times, values }
      const { chunk } = chunkOf(rows)
      const entry = memory.allocateZeroed(96).offset
      const block = memory.allocate(20_000)
      const slots = chunk.values[0]!
      const valid = memory.allocate(n).offset
      memory.u8.fill(1, valid, valid + n)
      expect(
        kernel.encodeColumn(type, slots, valid, n, block.offset, 20_000, entry),
      ).toBeGreaterThan(0)
      const timeEntry = memory.allocateZeroed(96).offset
      kernel.encodeTimes(chunk.times, n, 0, 0, memory.allocate(20_000).offset, 20_000, timeEntry)
      const view = memory.allocateZeroed(2 * VIEW_COLUMN).offset
      memory.u32.set([timeEntry, kernel.TIME.value], view / 4)
      memory.u32.set([entry, type], (view + VIEW_COLUMN) / 4)
      const summarised = aggregatorOf(type, results)
      const series = { group: 0, rank: 0 } as PlanSeries
      const options = { countsRows: false, needsFirstTime: false }
      const run = summarised.plan({ pointer: view } as PartView, 0, n, options)
      expect(run.decodedRows).toBe(0)
      summarised.run(series, { pointer: view } as PartView, chunk, run)
      expect(cells(summarised.results())).toEqual(cells(aggregate(type, results, [rows])))
      summarised.release()
    }
  })
})

describe('records of two aggregators', () => {
  const ALL: ResultName[] = ['rows', 'count', 'least', 'greatest', 'first', 'last']
  const NUMERIC: ResultName[] = [...ALL, 'sum', 'mean', 'variance', 'sumLow', 'sumHigh']

  function valueOf(type: number, random: () => number): Value {
    if (random() < 0.2) return null
    if (type === 4) return 'é'.repeat(Math.floor(random() * 40)) + Math.floor(random() * 9)
    if (type === 0) return random() < 0.02 ? [NaN, Infinity, -0, 0][count4(random)]! : random() * 9
    if (type === 3) return BigInt(Math.floor(random() * 2))
    const value = BigInt(Math.floor(random() * 2 ** 52))
    return type === 1 && random() < 0.5 ? -value : value
  }
  const count4 = (random: () => number): number => Math.floor(random() * 4)

  test.each([0, 1, 2, 3, 4])('of type %i are joined as if one had seen all points', (type) => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed)
      const results = type === 4 ? ALL : NUMERIC
      const grid: Grid = { kind: 'fixed', origin: 3n, width: 10n }
      const [all, left, right] = [0, 1, 2].map(() => aggregatorOf(type, results, grid))
      const chunks = 1 + Math.floor(random() * 12)
      for (let i = 0; i < chunks; i++) {
        const times = ascending(1 + Math.floor(random() * 60)).map((time) => time + BigInt(i * 7))
        const rows = {
          times,
          values: times.map(() => valueOf(type, random)),
          series: Math.floor(random() * 3),
          rank: i,
        }
        add(all!, rows)
        add(random() < 0.5 ? left! : right!, rows)
      }
      finish(left!.merge(right!.partial()))
      const [expected, found] = [all!.results(), left!.results()]
      expect([found.groups, found.buckets, found.firstTimes]).toEqual([
        expected.groups,
        expected.buckets,
        expected.firstTimes,
      ])
      for (let row = 0; row < expected.groups.length; row++) {
        const [wanted, got] = [cells(expected, row), cells(found, row)]
        wanted.forEach((value, i) => {
          const where = `seed ${seed} row ${row} ${results[i]}`
          const isRounded = type === 0 || results[i] === 'variance'
          if (!isRounded || typeof value !== 'number' || !Number.isFinite(value)) {
            // Of zeros that compare equal either may be met first.
            expect(got[i] === 0 ? 0 : got[i], where).toEqual(value === 0 ? 0 : value)
          } else expect(got[i], where).toBeCloseTo(value, 6 - Math.log10(1 + Math.abs(value)))
        })
      }
      for (const one of [all!, left!, right!]) one.release()
    }
  })

  test('more than the limit of buckets are refused', () => {
    const grid: Grid = { kind: 'fixed', origin: 0n, width: 1n }
    const [left, right] = [0, 1].map(() => aggregatorOf(0, ['sum'], grid, 100))
    add(left!, { times: ascending(60), values: ascending(60).map(() => 1) })
    add(right!, { times: ascending(120).slice(60), values: ascending(60).map(() => 1) })
    expect(() => finish(left!.merge(right!.partial()))).toThrow(/more than 100 buckets/)
    left!.release()
    right!.release()
  })
})
