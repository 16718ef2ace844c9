// Sorting: rows as a permutation, stable. Each key becomes ordered 64-bit numbers (texts and objects: by
// their rank) and a radix sort goes over them from the last key to the first.

import type { SqlVector } from '../batch.ts'
import { comparatorOf } from '../compare.ts'
import type { DataType } from '../type.ts'

export interface OrderKey {
  readonly vector: SqlVector
  readonly type: DataType
  readonly isDescending: boolean
  readonly nullsFirst: boolean
}

/** Indexes of the rows in order; rows that are equal keep theirs. */
export function orderRows(keys: readonly OrderKey[], rowCount: number): Uint32Array {
  let rows: Uint32Array = new Uint32Array(rowCount)
  for (let row = 0; row < rowCount; row++) rows[row] = row
  if (areInOrder(keys, rowCount)) return rows
  const first = keys[0]!
  if (keys.length > 1 && tellsAllApart(first)) return orderBy(first, rows)
  for (const key of keys.toReversed()) rows = orderBy(key, rows)
  return rows
}

/** Whether it is a text that no two rows share: the other keys never matter. */
function tellsAllApart({ vector: { values, valid }, type: { layout } }: OrderKey): boolean {
  if (layout !== 'text' || valid !== null) return false
  const seen = new Set<unknown>()
  for (const value of values as readonly unknown[]) {
    if (seen.has(value)) return false
    seen.add(value)
  }
  return true
}

/** Whether two rows are equal in all keys. */
export function isEqualRow(keys: readonly OrderKey[], a: number, b: number): boolean {
  return keys.every(({ vector: { values, valid }, type }) => {
    const [one, two] = valid === null ? [1, 1] : [valid[a], valid[b]]
    if (one === 0 || two === 0) return one === two
    return comparatorOf(type)(values[a], values[b]) === 0
  })
}

/** Whether the rows are in order as they are, as answers of the engine often are. */
function areInOrder(keys: readonly OrderKey[], rowCount: number): boolean {
  const orders = keys.map(orderOf)
  for (let row = 1; row < rowCount; row++) {
    for (const order of orders) {
      const found = order(row - 1, row)
      if (found > 0) return false
      if (found < 0) break
    }
  }
  return true
}

/** Less than 0: the first row comes before the second. */
function orderOf({ vector: { values, valid }, type, isDescending, nullsFirst }: OrderKey) {
  const compare = comparatorOf(type)
  return (one: number, two: number): number => {
    const [first, second] = valid === null ? [1, 1] : [valid[one]!, valid[two]!]
    if (first === 0 || second === 0) return nullsFirst ? first - second : second - first
    const found = compare(values[one], values[two])
    return isDescending ? -found : found
  }
}

function orderBy(key: OrderKey, rows: Uint32Array): Uint32Array {
  const { valid } = key.vector
  const words = wordsOf(key)
  if (key.isDescending) for (let i = 0; i < words.length; i++) words[i] = ~words[i]!
  // Whatever lies under a null must not order the nulls: the keys after this one have.
  if (valid !== null) for (let i = 0; i < words.length; i++) if (valid[i >> 1] === 0) words[i] = 0
  let sorted = rows
  // Points of one series come in the order of their times.
  if (!isAscending(words, rows)) {
    for (const digit of digitsOf(words)) sorted = pass(words, digit, sorted)
  }
  if (valid === null) return sorted
  const isNull = (row: number): boolean => valid[row] === 0
  const nulls = sorted.filter(isNull)
  const others = sorted.filter((row) => !isNull(row))
  const order = key.nullsFirst ? [nulls, others] : [others, nulls]
  sorted.set(order[0]!)
  sorted.set(order[1]!, order[0]!.length)
  return sorted
}

function isAscending(words: Uint32Array, rows: Uint32Array): boolean {
  let low = 0
  let high = 0
  for (const row of rows) {
    const nextLow = words[2 * row]!
    const nextHigh = words[2 * row + 1]!
    if (nextHigh < high || (nextHigh === high && nextLow < low)) return false
    low = nextLow
    high = nextHigh
  }
  return true
}

/** The digits of 8 bits, the lowest first, in which rows differ. */
function digitsOf(words: Uint32Array): number[] {
  const differing = [0, 0]
  for (let i = 0; i < words.length; i += 2) {
    differing[0]! |= words[i]! ^ words[0]!
    differing[1]! |= words[i + 1]! ^ words[1]!
  }
  const all = [0, 1, 2, 3, 4, 5, 6, 7]
  return all.filter((digit) => ((differing[digit >> 2]! >>> ((digit & 3) * 8)) & 255) !== 0)
}

/** One digit. */
function pass(words: Uint32Array, digit: number, rows: Uint32Array): Uint32Array {
  const word = digit >> 2
  const shift = (digit & 3) * 8
  const counts = new Uint32Array(257)
  for (const row of rows) counts[((words[2 * row + word]! >>> shift) & 255) + 1]!++
  for (let i = 1; i < 257; i++) counts[i]! += counts[i - 1]!
  const sorted = new Uint32Array(rows.length)
  for (const row of rows) sorted[counts[(words[2 * row + word]! >>> shift) & 255]!++] = row
  return sorted
}

/** Two words a row, the low one first, that compare without sign as the values do. */
function wordsOf({ vector: { values, valid }, type }: OrderKey): Uint32Array {
  const count = values.length
  if (type.layout === 'bigint') {
    const words = new Uint32Array((values as BigInt64Array).slice().buffer)
    for (let i = 1; i < words.length; i += 2) words[i]! ^= 0x80000000
    return words
  }
  if (type.layout === 'number') return floatWords(values as Float64Array)
  const words = new Uint32Array(2 * count)
  if (type.layout === 'boolean') {
    for (let i = 0; i < count; i++) words[2 * i] = values[i] as number
    return words
  }
  const ranks = rankOf(values as readonly unknown[], valid, type)
  for (let i = 0; i < count; i++) words[2 * i] = ranks[i]!
  return words
}

function floatWords(values: Float64Array): Uint32Array {
  const floats = new Float64Array(values.length)
  // 0 and -0 are equal, and so are all NaNs.
  for (let i = 0; i < values.length; i++) floats[i] = values[i]! + 0
  const words = new Uint32Array(floats.buffer)
  for (let i = 0; i < words.length; i += 2) {
    if (Number.isNaN(floats[i >> 1])) words[i] = words[i + 1] = 0xffffffff
    else if (words[i + 1]! >>> 31 === 1) {
      words[i] = ~words[i]!
      words[i + 1] = ~words[i + 1]!
    } else words[i + 1]! |= 0x80000000
  }
  return words
}

/** Surrogates, and what lies above them. */
const HIGH = /[\ud800-\uffff]/

function rankOf(values: readonly unknown[], valid: Uint8Array | null, type: DataType): Uint32Array {
  const compare = comparatorOf(type)
  const present = Array.from(values.keys()).filter((row) => valid === null || valid[row] === 1)
  const texts = values as readonly string[]
  const distinct = type.layout === 'text' ? [...new Set(present.map((row) => texts[row]!))] : null
  const ranks = new Uint32Array(values.length)
  if (distinct !== null) {
    const isPlain = distinct.every((text) => !HIGH.test(text))
    // Without them the order of the code units is that of the bytes.
    const sorted = distinct.toSorted(isPlain ? (a, b) => (a < b ? -1 : 1) : compare)
    const numbers = new Map(sorted.map((value, rank) => [value, rank]))
    for (const row of present) ranks[row] = numbers.get(texts[row]!)!
    return ranks
  }
  present.sort((a, b) => compare(values[a], values[b]))
  let rank = 0
  for (const [at, row] of present.entries()) {
    if (at > 0 && compare(values[present[at - 1]!], values[row]) !== 0) rank++
    ranks[row] = rank
  }
  return ranks
}
