// =, <>, <, <=, >, >= of every type; NaN is above all floats and equals itself, as in PostgreSQL.

import type { SqlVector } from '../batch.ts'
import { comparatorOf } from '../compare.ts'
import type { ScalarFunction } from '../function.ts'
import { type DataType, allTypes, typeOf } from '../type.ts'
import { eachRow, scalar } from './define.ts'

type Test = (order: number) => boolean

const TESTS: Readonly<Record<string, Test>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

type Loop = (a: Float64Array, b: Float64Array, out: Uint8Array, ia: number, ib: number) => void

/** Loops of their own for floats, which most filters compare; right for all but NaN. */
const LOOPS: Readonly<Record<string, Loop>> = {
  '=': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia] === b[i * ib] ? 1 : 0
  },
  '<>': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia] === b[i * ib] ? 0 : 1
  },
  '<': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! < b[i * ib]! ? 1 : 0
  },
  '<=': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! <= b[i * ib]! ? 1 : 0
  },
  '>': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! > b[i * ib]! ? 1 : 0
  },
  '>=': (a, b, out, ia, ib) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! >= b[i * ib]! ? 1 : 0
  },
}

const BOOLEAN = typeOf('bool')

function hasNaN(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] !== values[i]) return true
  return false
}

function comparison(symbol: string, left: DataType, right: DataType): ScalarFunction {
  const compare = comparatorOf(left)
  const test = TESTS[symbol]!
  const loop = LOOPS[symbol]!
  const byRow = (a: SqlVector, b: SqlVector, rowCount: number, valid: Uint8Array | null) =>
    eachRow(BOOLEAN, [a, b], rowCount, valid, (one, two) => test(compare(one, two)))
  return {
    ...scalar(symbol, '', 'bool', () => null),
    arguments: [left, right],
    evaluate: ([a, b], rowCount, valid) => {
      if (left.layout !== 'number') return byRow(a!, b!, rowCount, valid)
      const [one, two] = [a!.values as Float64Array, b!.values as Float64Array]
      if (hasNaN(one) || hasNaN(two)) return byRow(a!, b!, rowCount, valid)
      const out = new Uint8Array(rowCount)
      loop(one, two, out, one.length === 1 ? 0 : 1, two.length === 1 ? 0 : 1)
      return { values: out, valid: null }
    },
  }
}

const UNORDERED = new Set(['json', 'aclitem', 'xid', 'cid', 'unknown', 'void'])
/** Compared as the oids that they are. */
const isObject = (name: string): boolean => name.startsWith('reg')

const own = allTypes().filter(
  ({ name, category, element }) =>
    category !== 'P' &&
    category !== 'X' &&
    !UNORDERED.has(name) &&
    !isObject(name) &&
    !UNORDERED.has(element?.name ?? ''),
)

/** Whatever their columns are. */
const ROWS = [typeOf('record'), typeOf('_record')]

const MIXED: readonly (readonly [string, string])[] = [
  ['float4', 'float8'],
  ['float8', 'float4'],
]

/** Comparison operators, and GREATEST and LEAST. */
export const comparisons: readonly ScalarFunction[] = [
  ...Object.keys(TESTS).flatMap((symbol) => [
    ...[...own, ...ROWS].map((type) => comparison(symbol, type, type)),
    ...MIXED.map(([left, right]) => comparison(symbol, typeOf(left), typeOf(right))),
  ]),
  extreme('greatest', (order) => order > 0),
  extreme('least', (order) => order < 0),
]

function extreme(name: string, isBetter: Test): ScalarFunction {
  return {
    name,
    arguments: [typeOf('anyelement')],
    isVariadic: true,
    result: (given) => given[0]!,
    isStrict: false,
    volatility: 'immutable',
    evaluate: (vectors, rowCount, valid, _, { result: type }) => {
      const compare = comparatorOf(type)
      return eachRow(type, vectors, rowCount, valid, (...values) => {
        let best: unknown = null
        for (const value of values) {
          if (value === null) continue
          if (best === null || isBetter(compare(value, best))) best = value
        }
        return best
      })
    },
  }
}
