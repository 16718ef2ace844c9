import { describe, expect, test } from 'vitest'
import type { ColumnPoints } from '../../../engine/ingest/batch.ts'
import { OmenError } from '../../../engine/error.ts'
import type { Json } from '../../../server/json.ts'
import { BOOLEAN, FLOAT, INTEGER, STRING, UNSIGNED } from '../../../server/ingest/column.ts'
import { createTimeColumn, writeEpoch } from '../../../server/ingest/epoch.ts'
import { readPoints } from '../../../server/ingest/points.ts'
import { Refusals } from '../../../server/ingest/refusal.ts'
import { seededRandom } from '../../kernel.ts'

const ARRIVAL = 1_800_000_000_000_000_000n
const context = { precision: 'ms' as const, arrival: ARRIVAL }

function read(body: Json, precision: 'ns' | 'us' | 'ms' | 's' = 'ms') {
  const refusals = new Refusals()
  const points: ColumnPoints[] = []
  const pointers: (string | null)[] = []
  const reading = readPoints(body, { ...context, precision }, refusals, (one, place) => {
    points.push(one)
    for (let row = 0; row < one.times.length; row++) {
      pointers.push(place(row, one.fields[0]!.name).pointer)
    }
  })
  const steps = [...reading].length
  return { points, pointers, refusals, steps }
}

function refused(body: Json): OmenError {
  try {
    read(body)
  } catch (error) {
    if (error instanceof OmenError) return error
    throw error
  }
  throw new Error('the envelope was accepted')
}

/** Fields as plain values, nulls in place. */
function plain({ fields }: ColumnPoints): Record<string, unknown[]> {
  return Object.fromEntries(
    fields.map(({ name, values, valid }) => [
      name,
      Array.from(values as ArrayLike<unknown>, (value, row) => (valid?.[row] === 0 ? null : value)),
    ]),
  )
}

describe('columns', () => {
  test('become typed arrays of the kinds that JSON has', () => {
    const { points, refusals } = read({
      table: 'cpu',
      tags: { host: 'a', rack: '', row: null },
      time: [1_790_000_000_000, 1_790_000_001_000],
      fields: { usage: [0.5, null], ok: [true, false], note: [null, 'x'], void: [null, null] },
    })
    expect(refusals.count).toBe(0)
    expect(points).toHaveLength(1)
    const [one] = points
    expect([...one!.tags]).toEqual([['host', 'a']])
    expect([...one!.times]).toEqual([1_790_000_000_000_000_000n, 1_790_000_001_000_000_000n])
    expect(plain(one!)).toEqual({ usage: [0.5, null], ok: [1, 0], note: [null, 'x'] })
    expect(one!.fields.map(({ type, declared }) => [type, declared])).toEqual([
      [FLOAT, false],
      [BOOLEAN, false],
      [STRING, false],
    ])
  })

  test('take exact integers as digits where the type is declared', () => {
    const { points } = read({
      table: 't',
      time: ['1', 2],
      fields: { i: ['-9223372036854775808', 7], u: ['18446744073709551615', 0] },
      types: { i: 'integer', u: 'unsigned' },
    })
    expect(plain(points[0]!)).toEqual({
      i: [-(2n ** 63n), 7n],
      u: [2n ** 64n - 1n, 0n],
    })
    expect(points[0]!.fields.map(({ type, declared }) => [type, declared])).toEqual([
      [INTEGER, true],
      [UNSIGNED, true],
    ])
  })

  test('without times are of the arrival', () => {
    const { points } = read({ table: 't', fields: { x: [1, 2] } })
    expect([...points[0]!.times]).toEqual([ARRIVAL, ARRIVAL])
  })

  test('lose rows in which all is null', () => {
    const { points, pointers } = read({
      table: 't',
      time: [1, 2, 3],
      fields: { x: [null, 1, null], y: [null, null, 'a'] },
    })
    expect([...points[0]!.times]).toEqual([2_000_000n, 3_000_000n])
    expect(plain(points[0]!)).toEqual({ x: [1, null], y: [null, 'a'] })
    expect(pointers).toEqual(['/fields/x/1', '/fields/x/2'])
  })

  test.each<[string, Json[], string, string]>([
    ['a string among numbers', [1, 'a'], 'type_conflict', '/fields/x/1'],
    ['an object', [1, {}], 'type_conflict', '/fields/x/1'],
    ['a number beyond doubles', [1, Infinity], 'out_of_range', '/fields/x/1'],
  ])('refuse %s by its pointer', (_name, cells, code, pointer) => {
    const { refusals, points } = read({ table: 't', time: [1, 2], fields: { x: cells } })
    expect(refusals.errors).toMatchObject([{ code, pointer, line: null, column: null }])
    expect([...points[0]!.times]).toEqual([1_000_000n])
  })

  test.each<[Json, string]>([
    [0.5, 'type_conflict'],
    [2 ** 53, 'unsafe_integer'],
    ['9223372036854775808', 'out_of_range'],
    ['1e3', 'type_conflict'],
    ['', 'type_conflict'],
    [true, 'type_conflict'],
  ])('refuse %j as a declared integer', (cell, code) => {
    const body = { table: 't', time: [1], fields: { n: [cell] }, types: { n: 'integer' } }
    expect(read(body).refusals.errors[0]).toMatchObject({ code, pointer: '/fields/n/0' })
  })

  test.each<[Json, string]>([
    [1.5, 'bad_request'],
    [2 ** 53, 'unsafe_integer'],
    ['yesterday', 'bad_request'],
    [true, 'bad_request'],
    ['99999999999999999999', 'out_of_range'],
    [9_223_372_036_855, 'out_of_range'],
  ])('refuse %j as a time by its pointer', (time, code) => {
    const { refusals, points } = read({ table: 't', time: [time], fields: { x: [1] } })
    expect(refusals.errors[0]).toMatchObject({ code, pointer: '/time/0' })
    expect(points).toEqual([])
  })

  test.each<[Json, string]>([
    [1, ''],
    [{}, '/table'],
    [{ table: 1, fields: {} }, '/table'],
    [{ table: 't' }, '/fields'],
    [{ table: 't', fields: { x: 1 } }, '/fields/x'],
    [{ table: 't', time: 1, fields: { x: [1] } }, '/time'],
    [{ table: 't', time: [1], fields: { x: [1, 2] } }, '/fields/x'],
    [{ table: 't', time: [1], fields: { x: [1] }, tags: { host: 1 } }, '/tags'],
    [{ table: 't', time: [1], fields: { x: [1] }, types: { x: 'int' } }, '/types/x'],
    [{ table: 't', time: [1], fields: { x: [1] }, more: 1 }, '/more'],
    [[{ table: 't', rows: [{ fields: {}, 'a/b': 1 }] }], '/0/rows/0/a~1b'],
    [{ table: 't', rows: [1] }, '/rows/0'],
    [{ table: 't', rows: [{ time: 1 }] }, '/rows/0/fields'],
    [{ table: 't', rows: {} }, '/rows'],
  ])('refuse the envelope %j whole, pointing at %s', (body, pointer) => {
    expect(refused(body)).toMatchObject({ code: 'bad_request', details: { pointer } })
  })
})

describe('rows', () => {
  test('of one series become columns in their order', () => {
    const { points, pointers } = read({
      table: 'cpu',
      rows: [
        { time: 1, tags: { a: 'x', b: 'y' }, fields: { u: 1 } },
        { time: 5, tags: { a: 'z' }, fields: { u: 9 } },
        { time: 2, tags: { b: 'y', a: 'x' }, fields: { v: 2 } },
        { time: 1, tags: { a: 'x', b: 'y', c: '' }, fields: { u: 3, v: null } },
      ],
    })
    expect(points).toHaveLength(2)
    expect([...points[0]!.times]).toEqual([1_000_000n, 2_000_000n, 1_000_000n])
    expect(plain(points[0]!)).toEqual({ u: [1, null, 3], v: [null, 2, null] })
    expect(plain(points[1]!)).toEqual({ u: [9] })
    expect(pointers).toEqual([0, 2, 3, 1].map((row) => `/rows/${row}/fields/u`))
  })

  test('that disagree on a type never overtake one another', () => {
    const row = (u: Json, v: Json) => ({ time: 1, fields: { u, v } })
    const { points } = read({ table: 't', rows: [row(1, 1), row('a', 2), row(2, 3)] })
    expect(points.map(plain)).toEqual([
      { u: [1], v: [1] },
      { u: ['a'], v: [2] },
      { u: [2], v: [3] },
    ])
  })

  test('that share no field do not become a square of nulls', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => ({ time: i, fields: { [`f${i}`]: i } }))
    const { points } = read({ table: 't', rows })
    const cells = points.reduce((sum, one) => sum + one.times.length * one.fields.length, 0)
    expect(points.reduce((sum, one) => sum + one.times.length, 0)).toBe(3000)
    expect(cells).toBeLessThan(1_000_000)
  })

  test('are refused one by one, each with its pointer and input', () => {
    const { points, refusals } = read([
      {
        table: 't',
        rows: [
          { time: 'x', fields: { u: 1 } },
          { tags: { host: 1 }, fields: { u: 1 } },
          { fields: { u: [1] } },
          { fields: { n: 0.5, m: 'x' } },
          { fields: { n: 3, u: 7 } },
          { fields: { n: null } },
        ],
        types: { n: 'integer', m: 'integer' },
      },
    ])
    expect(refusals.count).toBe(4)
    expect(refusals.errors.map(({ pointer, input }) => [pointer, input])).toEqual([
      ['/0/rows/0/time', 'x'],
      ['/0/rows/1/tags', '{"host":1}'],
      ['/0/rows/2/fields/u', '[1]'],
      ['/0/rows/3/fields/n', '0.5'],
    ])
    expect(points.map(plain)).toEqual([{ n: [3n], u: [7] }])
    expect([...points[0]!.times]).toEqual([ARRIVAL])
  })

  test('beyond the hundredth refusal are counted, not listed', () => {
    const rows = Array.from({ length: 250 }, () => ({ time: 'x', fields: { u: 1 } }))
    const { refusals } = read({ table: 't', rows })
    expect([refusals.count, refusals.errors.length]).toEqual([250, 100])
  })
})

describe('integer times', () => {
  test.each(['ns', 'us', 'ms', 's'] as const)('in %s are exact', (precision) => {
    const unit = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n }[precision]
    const seed = 7
    const random = seededRandom(seed)
    const limit = Math.min(Number.MAX_SAFE_INTEGER, Number(9_223_372_035_000_000_000n / unit))
    const values = Array.from({ length: 2000 }, () =>
      Math.trunc((random() * 2 - 1) * limit),
    ).concat([0, 1, -1, 2 ** 20, 2 ** 20 - 1, -(2 ** 20), limit, -limit])
    const column = createTimeColumn(values.length)
    const written = values.map((value, row) => writeEpoch(column, row, value, precision))
    expect(written.every(Boolean), `seed ${seed}`).toBe(true)
    expect([...column.times], `seed ${seed}`).toEqual(values.map((value) => BigInt(value) * unit))
  })

  test('that do not fit are left to the exact path', () => {
    const column = createTimeColumn(1)
    expect(writeEpoch(column, 0, 9_223_372_037, 's')).toBe(false)
    expect(writeEpoch(column, 0, 2 ** 53, 'ns')).toBe(false)
    expect(writeEpoch(column, 0, 0.5, 'ms')).toBe(false)
  })
})

describe('a large body', () => {
  test('is read in steps, and tells the places of what is wrong in each', () => {
    const count = 50_000
    const a: Json[] = Array.from({ length: count }, (_, i) => i)
    const time: Json[] = Array.from({ length: count }, (_, i) => i)
    a[3] = 'text'
    a[count - 1] = true
    time[count - 2] = 'never'
    const { points, refusals, steps } = read({ table: 't', time, fields: { a } })
    expect(steps).toBeGreaterThan(5)
    expect(refusals.errors.map(({ pointer }) => pointer)).toEqual([
      '/fields/a/3',
      `/time/${count - 2}`,
      `/fields/a/${count - 1}`,
    ])
    const rows = points.flatMap(({ times }) => [...times])
    expect(rows).toHaveLength(count - 3)
    expect(rows.at(-1)).toBe(BigInt(count - 3) * 1_000_000n)
  })

  test('has the type of a column from its first value, also in later steps', () => {
    const cells: Json[] = Array.from({ length: 50_000 }, () => null)
    cells[49_000] = 'late'
    const { points, refusals } = read({ table: 't', fields: { a: cells, b: cells.map(() => 1) } })
    expect(refusals.count).toBe(0)
    expect(points.every(({ fields }) => fields[0]!.type === STRING)).toBe(true)
  })

  test('of rows is read in steps', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ time: i, fields: { a: i } }))
    const { steps, points } = read({ table: 't', rows })
    expect(steps).toBeGreaterThan(20)
    expect(points.flatMap(({ times }) => [...times])).toHaveLength(20_000)
  })
})
