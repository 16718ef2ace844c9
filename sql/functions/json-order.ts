// The order of jsonb, and what one contains of another.
// Source: PostgreSQL 15, src/backend/utils/adt/jsonb_util.c, compareJsonbContainers, JsonbDeepContains.

import { Decimal } from '../decimal.ts'
import { compareTexts } from '../compare-text.ts'
import { type Json, entriesOf, readJson } from '../text/json-text.ts'

type List = readonly Json[]
type Table = ReadonlyMap<string, Json>

const isList = (value: Json): value is List => Array.isArray(value)
const isTable = (value: Json): value is Table => value instanceof Map

/** Null, text, number, boolean, list, object. */
function rankOf(value: Json): number {
  if (value === null) return 0
  if (typeof value === 'string') return 1
  if (value instanceof Decimal) return 2
  if (typeof value === 'boolean') return 3
  return isList(value) ? 4 : 5
}

function compareLists(a: List, b: List): number {
  if (a.length !== b.length) return a.length - b.length
  for (const [index, value] of a.entries()) {
    const order = compareValues(value, b[index]!)
    if (order !== 0) return order
  }
  return 0
}

function compareTables(a: Table, b: Table): number {
  if (a.size !== b.size) return a.size - b.size
  const others = entriesOf(b)
  for (const [index, [key, value]] of entriesOf(a).entries()) {
    const [otherKey, other] = others[index]!
    const order = compareTexts(key, otherKey) || compareValues(value, other)
    if (order !== 0) return order
  }
  return 0
}

function compareValues(a: Json, b: Json): number {
  const [one, two] = [rankOf(a), rankOf(b)]
  if (one !== two) return one - two
  if (typeof a === 'string') return compareTexts(a, b as string)
  if (a instanceof Decimal) return a.compare(b as Decimal)
  if (isList(a)) return compareLists(a, b as List)
  if (isTable(a)) return compareTables(a, b as Table)
  return Number(a) - Number(b)
}

/** A scalar by itself counts as a list of one, below lists that are as long. */
function compareWhole(a: Json, b: Json): number {
  const [isOne, isTwo] = [rankOf(a) < 4, rankOf(b) < 4]
  if (isOne === isTwo || isTable(a) || isTable(b)) return compareValues(a, b)
  const sizes = (isOne ? 1 : (a as List).length) - (isTwo ? 1 : (b as List).length)
  return sizes !== 0 ? sizes : isOne ? -1 : 1
}

/** Of two texts of jsonb. Less than 0, 0, more than 0. */
export const compareJson = (a: string, b: string): number =>
  a === b ? 0 : compareWhole(readJson(a), readJson(b))

function containsValue(outer: Json, inner: Json): boolean {
  if (isTable(outer) && isTable(inner)) {
    return [...inner].every(([key, value]) => {
      const own = outer.get(key)
      return own !== undefined && containsValue(own, value)
    })
  }
  if (isList(outer) && isList(inner)) {
    return inner.every((value) => outer.some((one) => containsValue(one, value)))
  }
  return rankOf(outer) === rankOf(inner) && rankOf(outer) < 4 && compareValues(outer, inner) === 0
}

/** Whether `inner` is in `outer`; a list also contains a scalar that is one of its elements. */
export function containsJson(outer: Json, inner: Json): boolean {
  if (isList(outer) && rankOf(inner) < 4) return outer.some((one) => containsValue(one, inner))
  return containsValue(outer, inner)
}
