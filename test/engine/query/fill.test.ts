import { bucketRule } from '../../../engine/buckets.ts'
import { finish, type Step } from '../../../engine/step.ts'
import { describe, expect, test } from 'vitest'
import { fillGrid, fillGroups, type KnownValue } from '../../../engine/query/fill.ts'
import type { AggregateRows } from '../../../engine/query/partial.ts'
import type { Fill, QueryRequest, ValueType, Vector } from '../../../engine/query/query.ts'
import { parseQuery } from '../../../engine/query/request.ts'
import type { Output } from '../../../engine/query/selection.ts'

type Value = number | bigint | string | null

function vectorOf(type: ValueType, cells: readonly Value[]): Vector {
  const valid = cells.includes(null) ? Uint8Array.from(cells, (c) => Number(c !== null)) : null
  if (type === 'string') return { values: cells.map((cell) => String(cell ?? '')), valid }
  if (type === 'float') return { values: Float64Array.from(cells, (c) => Number(c ?? 0)), valid }
  if (type === 'boolean') return { values: Uint8Array.from(cells, (c) => Number(c ?? 0)), valid }
  return { values: BigInt64Array.from(cells, (c) => BigInt(c ?? 0)), valid }
}

/** Rows of groups: [group, bucket, cell]. */
function rowsOf(type: ValueType, cells: readonly [number, number, Value][]): AggregateRows {
  const buckets = BigInt64Array.from(cells, ([, bucket]) => BigInt(bucket))
  return {
    oneBucket: false,
    groups: Uint32Array.from(cells, ([group]) => group),
    ...{ buckets, firstTimes: buckets },
    fields: [
      vectorOf(
        type,
        cells.map(([, , cell]) => cell),
      ),
    ],
  }
}

function gridOf(rows: AggregateRows, request: Partial<QueryRequest>, maxBuckets = 1e6): bigint[] {
  const full = { table: 't', select: 'sum(f)', precision: 'ns' as const, fill: 'null', ...request }
  const query = parseQuery(full, {
    ...{ database: 'default', now: 0n, limit: { default: 1e6, max: 1e6 } },
    limits: { maxPoints: 1e9, maxBuckets, queryBytes: 2 ** 40, timeoutMs: 1000 },
  })
  return [...finish(fillGrid(query, bucketRule(query)!, rows))]
}

function fill(
  type: ValueType,
  cells: readonly (readonly [number, Value])[],
  how: Partial<Fill>,
  known: KnownValue | null = null,
): Value[] {
  const rows = rowsOf(
    type,
    cells.map(([bucket, cell]) => [0, bucket, cell]),
  )
  const grid = BigInt64Array.from([0n, 10n, 20n, 30n, 40n, 50n])
  const outputs: Output[] = [{ name: 'x', type, field: 0, result: 'sum' }]
  const whole: Fill = { kind: 'null', value: 0, maxGap: null, lookback: 0n, ...how }
  const [group] = finish(
    fillGroups(rows, grid, { outputs, fill: whole, moving: null }, new Map([[0, [known]]])),
  )
  const { values, valid } = group!.fields[0]!
  return Array.from(values as ArrayLike<Value>, (v, i) =>
    valid !== null && valid[i] === 0 ? null : v,
  )
}

const before = (time: bigint, value: number): KnownValue => {
  return { time, vector: vectorOf('float', [value]), row: 0 }
}

describe('the grid', () => {
  const rows = rowsOf('float', [
    [0, 20, 1],
    [1, 40, 1],
  ])

  test('runs from the bucket of start to that of end - 1, absent ones from the answer', () => {
    expect(gridOf(rows, { every: '10ns' })).toEqual([20n, 30n, 40n])
    expect(gridOf(rows, { every: '10ns', start: 5n })).toEqual([0n, 10n, 20n, 30n, 40n])
    expect(gridOf(rowsOf('float', [[0, 20, 1]]), { every: '10ns', start: 25n })).toEqual([20n])
    expect(gridOf(rows, { every: '10ns', end: 61n })).toEqual([20n, 30n, 40n, 50n, 60n])
    expect(gridOf(rows, { every: '10ns', end: 60n })).toEqual([20n, 30n, 40n, 50n])
  })

  test('of months has starts of months', () => {
    const grid = gridOf(rows, { every: '1mo', start: 0n, end: 59n * 86_400_000_000_000n + 1n })
    expect(grid).toEqual([0n, 31n, 59n].map((day) => day * 86_400_000_000_000n))
  })

  test('times groups is limited before it is made', () => {
    expect(() => gridOf(rows, { every: '1ns', start: 0n, end: 2n ** 62n })).toThrow(/maxBuckets/)
    expect(() => gridOf(rows, { every: '10ns' }, 5)).toThrow(/maxBuckets/)
    expect(gridOf(rows, { every: '10ns' }, 6)).toHaveLength(3)
  })
})

describe('filling', () => {
  test('gives every group every bucket, each filled by its own values', () => {
    const rows = rowsOf('float', [
      [0, 0, 1],
      [2, 10, 5],
      [2, 20, 7],
    ])
    const grid = BigInt64Array.from([0n, 10n, 20n])
    const outputs: Output[] = [{ name: 'x', type: 'float', field: 0, result: 'sum' }]
    const how: Fill = { kind: 'previous', value: 0, maxGap: null, lookback: 0n }
    const filled = finish(fillGroups(rows, grid, { outputs, fill: how, moving: null }, new Map()))
    expect(filled.map(({ group }) => group)).toEqual([0, 2])
    expect([...(filled[0]!.fields[0]!.values as Float64Array)]).toEqual([1, 1, 1])
    expect(filled[0]!.fields[0]!.valid).toBeNull()
    expect([...filled[1]!.fields[0]!.valid!]).toEqual([0, 1, 1])
  })

  test('null leaves open what has no value, also in buckets with points', () => {
    expect(
      fill(
        'float',
        [
          [10, 1],
          [30, null],
        ],
        { kind: 'null' },
      ),
    ).toEqual([null, 1, null, null, null, null])
  })

  test('previous carries any type as far as maxGap', () => {
    const cells = [
      [10, 1],
      [40, 2],
    ] as const
    expect(fill('float', cells, { kind: 'previous' })).toEqual([null, 1, 1, 1, 2, 2])
    expect(fill('float', cells, { kind: 'previous', maxGap: 10n })).toEqual([
      null,
      1,
      1,
      null,
      2,
      2,
    ])
    expect(fill('float', cells, { kind: 'previous', maxGap: 9n })).toEqual([
      null,
      1,
      null,
      null,
      2,
      null,
    ])
    expect(fill('string', [[20, 'a']], { kind: 'previous' })).toEqual([
      null,
      null,
      'a',
      'a',
      'a',
      'a',
    ])
    expect(fill('boolean', [[20, 1]], { kind: 'previous' })).toEqual([null, null, 1, 1, 1, 1])
  })

  test('linear joins two values, never extrapolates, and stops at maxGap', () => {
    const cells = [
      [10, 1],
      [40, 4],
      [50, null],
    ] as const
    expect(fill('float', cells, { kind: 'linear' })).toEqual([null, 1, 2, 3, 4, null])
    expect(fill('float', cells, { kind: 'linear', maxGap: 30n })).toEqual([null, 1, 2, 3, 4, null])
    expect(fill('float', cells, { kind: 'linear', maxGap: 29n })).toEqual([
      null,
      1,
      null,
      null,
      4,
      null,
    ])
    expect(
      fill(
        'string',
        [
          [0, 'a'],
          [20, 'b'],
        ],
        { kind: 'linear' },
      ),
    ).toEqual(['a', null, 'b', null, null, null])
  })

  test('linear rounds integers to the nearest, halves up, exactly', () => {
    const at = (from: bigint, to: bigint): Value[] =>
      fill(
        'integer',
        [
          [0, from],
          [40, to],
        ],
        { kind: 'linear' },
      )
    expect(at(0n, 2n)).toEqual([0n, 1n, 1n, 2n, 2n, null])
    expect(at(0n, -2n)).toEqual([0n, 0n, -1n, -1n, -2n, null])
    const wide = at(-(2n ** 63n), 2n ** 63n - 1n)
    expect(wide[2]).toBe(0n)
    expect(wide[1]).toBe(-(2n ** 62n))
  })

  test('a value from before start opens the first buckets, within maxGap', () => {
    const cells = [[20, 4]] as const
    expect(fill('float', cells, { kind: 'previous' }, before(-10n, 1))).toEqual([1, 1, 4, 4, 4, 4])
    expect(fill('float', cells, { kind: 'previous', maxGap: 10n }, before(-10n, 1))).toEqual([
      1,
      null,
      4,
      4,
      null,
      null,
    ])
    expect(fill('float', cells, { kind: 'linear' }, before(-10n, 1))).toEqual([
      2,
      3,
      4,
      null,
      null,
      null,
    ])
    // The aggregate of the bucket that start cuts through, over its points before start.
    expect(fill('float', cells, { kind: 'previous' }, before(0n, 9))).toEqual([9, 9, 4, 4, 4, 4])
  })

  test('a number fills numbers and must be of their type', () => {
    expect(fill('float', [[0, 1]], { kind: 'value', value: 0.5 })).toEqual([
      1, 0.5, 0.5, 0.5, 0.5, 0.5,
    ])
    expect(fill('integer', [[0, 1n]], { kind: 'value', value: -3 })).toEqual([
      1n,
      -3n,
      -3n,
      -3n,
      -3n,
      -3n,
    ])
    expect(fill('string', [[0, 'a']], { kind: 'value', value: 1 })).toEqual([
      'a',
      null,
      null,
      null,
      null,
      null,
    ])
    for (const [type, value] of [
      ['integer', 0.5],
      ['unsigned', -1],
      ['integer', 1e300],
    ] as const) {
      expect(() => fill(type, [[0, 1n]], { kind: 'value', value })).toThrow(/fill/)
    }
  })
})

describe('a large grid', () => {
  const count = 100_000
  const outputs: Output[] = [{ name: 'x', type: 'float', field: 0, result: 'sum' }]
  const filledOf = (how: Fill) => ({ outputs, fill: how, moving: null })
  const grid = BigInt64Array.from({ length: count }, (_, i) => BigInt(i))

  function pausesOf(execution: Iterator<Step, unknown, never>): number {
    let pauses = 0
    while (!execution.next().done) pauses++
    return pauses
  }

  test.each(['null', 'previous', 'linear', 'value'] as const)(
    'of one group is filled in steps: %s',
    (kind) => {
      const cells = Array.from({ length: 1_000 }, (_, i): [number, number, Value] => [0, i * 90, i])
      const how: Fill = { kind, value: 1, maxGap: null, lookback: 0n }
      const rows = rowsOf('float', cells)
      const pauses = pausesOf(fillGroups(rows, grid, filledOf(how), new Map()) as never)
      expect(pauses).toBeGreaterThanOrEqual(kind === 'null' ? 6 : 12)
    },
  )

  test('of many small groups is filled in steps, too', () => {
    const cells = Array.from({ length: 20_000 }, (_, i): [number, number, Value] => [i, 1, i])
    const small = BigInt64Array.from([0n, 1n, 2n])
    const how: Fill = { kind: 'previous', value: 0, maxGap: null, lookback: 0n }
    const rows = rowsOf('float', cells)
    const pauses = pausesOf(fillGroups(rows, small, filledOf(how), new Map()) as never)
    expect(pauses).toBeGreaterThan(20)
  })

  test('is made in steps', () => {
    const rows = rowsOf('float', [[0, 20, 1]])
    const full = {
      table: 't',
      select: 'sum(f)',
      precision: 'ns' as const,
      fill: 'null',
      every: '1ns',
    }
    const query = parseQuery(
      { ...full, start: 0n, end: BigInt(count) },
      {
        ...{ database: 'default', now: 0n, limit: { default: 1e6, max: 1e6 } },
        limits: { maxPoints: 1e9, maxBuckets: 1e6, queryBytes: 2 ** 40, timeoutMs: 1000 },
      },
    )
    expect(pausesOf(fillGrid(query, bucketRule(query)!, rows) as never)).toBeGreaterThan(10)
  })
})
