// Cells of SQL as JSON: rows are objects, in arrays too.

import { expect, test } from 'vitest'
import { cellPrinter } from '../../server/sql/json-cell.ts'
import { arrayTypeOf, typeOf } from '../../sql/type.ts'
import { SqlArray, SqlRecord } from '../../sql/value.ts'

const fields = [
  { name: 'time', type: typeOf('timestamptz') },
  { name: 'a "b"', type: typeOf('float8') },
  { name: 'ok', type: typeOf('bool') },
]
const point = { ...typeOf('record'), fields }
const FORMAT = {
  time: 'ms',
  integers: 'auto',
  text: { now: 0n, timeZone: 'UTC' },
} as const

test('a row is an object of its columns', () => {
  const print = cellPrinter(point, FORMAT)
  const text = print(new SqlRecord(point, [2_000_000n, 0.5, true]))
  expect(JSON.parse(text)).toEqual({ time: 2, 'a "b"': 0.5, ok: true })
  expect(JSON.parse(print(new SqlRecord(point, [null, null, null])))).toEqual({
    ...{ time: null, 'a "b"': null, ok: null },
  })
})

test('an array of rows is one of objects', () => {
  const values = [new SqlRecord(point, [0n, 1, false]), null]
  const text = cellPrinter(arrayTypeOf(point)!, FORMAT)(new SqlArray(point, values))
  expect(JSON.parse(text)).toEqual([{ time: 0, 'a "b"': 1, ok: false }, null])
})
