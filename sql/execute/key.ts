// Values as keys: equal rows get the same number, from 0 in the order they first come. Each column has
// a dictionary, and numbers of several columns are paired from left to right.
// Null is a key like any other, NaN equals itself and 0 equals -0, as in PostgreSQL's GROUP BY.

import type { SqlVector } from '../batch.ts'
import { Decimal, trimmed } from '../decimal.ts'
import { Bytes, Interval, SqlArray, SqlRecord } from '../value.ts'
import type { DataType } from '../type.ts'

const NULL = 0
/** More distinct values than a batch budget ever holds; a pair of numbers stays an exact float. */
const SPAN = 2 ** 26

type Keyed = number | bigint | string | boolean

/** What `=` goes by, for values that are objects. */
export function keyOf(value: unknown): Keyed {
  if (value instanceof Decimal) return trimmed(value).toString()
  if (value instanceof Interval) return value.span
  if (value instanceof Bytes) return value.bytes.join(' ')
  if (value instanceof SqlRecord) return keysOf(value.values)
  if (!(value instanceof SqlArray)) return value as Keyed
  return `${value.dimensions.join()};${value.lowerBounds.join()};${keysOf(value.values)}`
}

function keysOf(values: readonly unknown[]): string {
  const keys = values.map((one) => {
    const key = one === null ? 'null' : `=${String(keyOf(one))}`
    return `${key.length}:${key}`
  })
  return keys.join('')
}

export class KeyIndex {
  private readonly types: readonly DataType[]
  private readonly columns: readonly Map<Keyed, number>[]
  private readonly pairs: readonly Map<number, number>[]
  /** Of no columns: whether a row came. */
  private seen = 0

  constructor(types: readonly DataType[]) {
    this.types = types
    this.columns = types.map(() => new Map())
    this.pairs = types.slice(1).map(() => new Map())
  }

  /** Distinct rows so far. */
  get count(): number {
    if (this.types.length === 0) return this.seen
    const last = this.pairs.at(-1)
    return last === undefined ? this.columns[0]!.size + this.hasNull : last.size
  }

  private hasNull = 0
  private nullNumber = -1

  get bytes(): number {
    return [...this.columns, ...this.pairs].reduce((sum, map) => sum + map.size * 64, 0)
  }

  /** The number of every row; new rows are entered. */
  enter(vectors: readonly SqlVector[], rowCount: number): Uint32Array {
    return new Uint32Array(this.number(vectors, rowCount, true))
  }

  /** The number of every row, -1 where there is none. */
  find(vectors: readonly SqlVector[], rowCount: number): Int32Array {
    return this.number(vectors, rowCount, false)
  }

  private number(vectors: readonly SqlVector[], rowCount: number, isNew: boolean): Int32Array {
    const numbers = new Int32Array(rowCount)
    if (this.types.length === 0) {
      if (isNew && rowCount > 0) this.seen = 1
      return this.seen === 0 ? numbers.fill(-1) : numbers
    }
    for (const [index, vector] of vectors.entries()) {
      if (index === 0 && vectors.length === 1) this.alone(vector, numbers, isNew)
      else if (index === 0) this.first(vector, numbers, isNew)
      else this.pair(index, vector, numbers, isNew)
    }
    return numbers
  }

  private alone({ values, valid }: SqlVector, numbers: Int32Array, isNew: boolean): void {
    const map = this.columns[0]!
    const isObject = this.types[0]!.layout === 'object'
    for (let i = 0; i < numbers.length; i++) {
      if (valid !== null && valid[i] === 0) {
        if (this.hasNull === 0 && isNew) {
          this.nullNumber = map.size
          this.hasNull = 1
        }
        numbers[i] = this.nullNumber
        continue
      }
      const key = isObject ? keyOf(values[i]) : (values[i] as Keyed)
      let number = map.get(key)
      if (number === undefined) {
        number = isNew ? map.size + this.hasNull : -1
        if (isNew) map.set(key, number)
      }
      numbers[i] = number
    }
  }

  private first(vector: SqlVector, numbers: Int32Array, isNew: boolean): void {
    for (let i = 0; i < numbers.length; i++) numbers[i] = this.entry(0, vector, i, isNew)
  }

  private pair(index: number, vector: SqlVector, numbers: Int32Array, isNew: boolean): void {
    const pairs = this.pairs[index - 1]!
    for (let i = 0; i < numbers.length; i++) {
      const entry = this.entry(index, vector, i, isNew)
      const key = numbers[i]! * SPAN + entry
      let number = entry < 0 || numbers[i]! < 0 ? -1 : pairs.get(key)
      if (number === undefined) {
        number = isNew ? pairs.size : -1
        if (isNew) pairs.set(key, number)
      }
      numbers[i] = number
    }
  }

  private entry(index: number, { values, valid }: SqlVector, row: number, isNew: boolean): number {
    if (valid !== null && valid[row] === 0) return NULL
    const map = this.columns[index]!
    const isObject = this.types[index]!.layout === 'object'
    const key = isObject ? keyOf(values[row]) : (values[row] as Keyed)
    const number = map.get(key)
    if (number !== undefined) return number
    if (!isNew) return -1
    map.set(key, map.size + 1)
    return map.size
  }
}
