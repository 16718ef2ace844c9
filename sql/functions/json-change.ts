// jsonb changed: joined, without a member, with a value at a path; and how json and jsonb are shown.
// Source: PostgreSQL 15, src/backend/utils/adt/jsonfuncs.c.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type Json, entriesOf, printJson, readJson } from '../text/json-text.ts'
import type { SqlArray } from '../value.ts'
import { scalar } from './define.ts'
import { containsJson } from './json-order.ts'

type List = readonly Json[]
type Table = ReadonlyMap<string, Json>

const isList = (value: Json): value is List => Array.isArray(value)
const isTable = (value: Json): value is Table => value instanceof Map
const isScalar = (value: Json): boolean => !isList(value) && !isTable(value)

const wrong = (message: string): SqlError => new SqlError('22023', message)

function joined(a: Json, b: Json): Json {
  if (isTable(a) && isTable(b)) return new Map([...a, ...b])
  return [...(isList(a) ? a : [a]), ...(isList(b) ? b : [b])]
}

function withoutKeys(value: Json, keys: readonly (string | null)[]): Json {
  if (isScalar(value)) throw wrong('cannot delete from scalar')
  if (isTable(value)) return new Map([...value].filter(([key]) => !keys.includes(key)))
  return (value as List).filter((one) => typeof one !== 'string' || !keys.includes(one))
}

function withoutIndex(value: Json, index: number): Json {
  if (isScalar(value)) throw wrong('cannot delete from scalar')
  if (isTable(value)) throw wrong('cannot delete from object using integer index')
  const list = value as List
  const at = index < 0 ? list.length + index : index
  return list.filter((_, place) => place !== at)
}

/** What is done where a path ends: given the value there, undefined if there is none. */
interface Change {
  readonly kind: 'set' | 'create' | 'delete' | 'before' | 'after'
  readonly value: Json
}

function stepOf(step: string | null, place: number): string {
  if (step !== null) return step
  throw new SqlError('22004', `path element at position ${place + 1} is null`)
}

function changeTable(table: Table, key: string, rest: Rest, change: Change): Json {
  const own = table.get(key)
  const copy = new Map(table)
  if (rest.path.length > 0) {
    if (own !== undefined) copy.set(key, changed(own, rest, change))
  } else if (change.kind === 'delete') copy.delete(key)
  else if (own === undefined) {
    if (change.kind !== 'set') copy.set(key, change.value)
  } else if (change.kind === 'before' || change.kind === 'after') {
    throw new SqlError('22023', 'cannot replace existing key', {
      hint: 'Try using the function jsonb_set to replace key value.',
    })
  } else copy.set(key, change.value)
  return copy
}

function indexOf(list: List, step: string, place: number): number {
  if (!/^\s*[-+]?\d+$/.test(step)) {
    const message = `path element at position ${place + 1} is not an integer: "${step}"`
    throw new SqlError('22P02', message)
  }
  const index = Number(step)
  return index < 0 ? Math.max(list.length + index, -1) : index
}

function changeList(list: List, step: string, rest: Rest, change: Change): Json {
  const at = indexOf(list, step, rest.depth - 1)
  const isThere = at >= 0 && at < list.length
  if (rest.path.length > 0) {
    return isThere ? list.with(at, changed(list[at]!, rest, change)) : list
  }
  if (change.kind === 'delete') return list.filter((_, place) => place !== at)
  if (!isThere) {
    if (change.kind === 'set') return list
    return at < 0 ? [change.value, ...list] : [...list, change.value]
  }
  if (change.kind === 'before') return list.toSpliced(at, 0, change.value)
  if (change.kind === 'after') return list.toSpliced(at + 1, 0, change.value)
  return list.with(at, change.value)
}

interface Rest {
  readonly path: readonly (string | null)[]
  readonly depth: number
}

function changed(value: Json, { path, depth }: Rest, change: Change): Json {
  if (isScalar(value)) return value
  const step = stepOf(path[0]!, depth)
  const rest = { path: path.slice(1), depth: depth + 1 }
  return isTable(value)
    ? changeTable(value, step, rest, change)
    : changeList(value as List, step, rest, change)
}

/** Throws 22023 for a scalar. */
function changeAt(text: string, { values }: SqlArray, change: Change, what: string): string {
  const value = readJson(text)
  if (isScalar(value)) throw wrong(`cannot ${what} in scalar`)
  const isEmpty = isList(value) ? value.length === 0 : (value as Table).size === 0
  const isKept = isEmpty && (change.kind === 'set' || change.kind === 'delete')
  if (values.length === 0 || isKept) return printJson(value)
  return printJson(changed(value, { path: values as string[], depth: 0 }, change))
}

function withoutNulls(value: Json): Json {
  if (isList(value)) return value.map(withoutNulls)
  if (!isTable(value)) return value
  const kept = [...value].filter(([, one]) => one !== null)
  return new Map(kept.map(([key, one]) => [key, withoutNulls(one)]))
}

const STEP = '    '

/** Over many lines, each level in by four. */
function pretty(value: Json, indent = ''): string {
  const inner = indent + STEP
  if (isList(value)) {
    const lines = value.map((one) => `\n${inner}${pretty(one, inner)}`)
    return `[${lines.join(',')}\n${indent}]`
  }
  if (!isTable(value)) return printJson(value)
  const lines = entriesOf(value).map(
    ([key, one]) => `\n${inner}${JSON.stringify(key)}: ${pretty(one, inner)}`,
  )
  return `{${lines.join(',')}\n${indent}}`
}

const change = (name: string, what: string, kindOf: (flag: number) => Change['kind']) => {
  const compute = (text: string, path: SqlArray, value: string, flag: number): string =>
    changeAt(text, path, { kind: kindOf(flag), value: readJson(value) }, what)
  const initial = name === 'jsonb_set' ? 1 : 0
  return [
    scalar(name, 'jsonb _text jsonb', 'jsonb', (text: string, path: SqlArray, value: string) =>
      compute(text, path, value, initial),
    ),
    scalar(name, 'jsonb _text jsonb bool', 'jsonb', compute),
  ]
}

const has = (text: string, key: string | null): boolean => {
  const value = readJson(text)
  if (isTable(value)) return key !== null && value.has(key)
  return isList(value) ? value.some((one) => one === key && one !== null) : value === key
}

/** Operators and functions that change jsonb, and look what it has. */
export const jsonChanges: readonly ScalarFunction[] = [
  scalar('||', 'jsonb jsonb', 'jsonb', (a: string, b: string) =>
    printJson(joined(readJson(a), readJson(b))),
  ),
  scalar('-', 'jsonb text', 'jsonb', (text: string, key: string) =>
    printJson(withoutKeys(readJson(text), [key])),
  ),
  scalar('-', 'jsonb _text', 'jsonb', (text: string, { values }: SqlArray) =>
    printJson(withoutKeys(readJson(text), values as string[])),
  ),
  scalar('-', 'jsonb int4', 'jsonb', (text: string, index: number) =>
    printJson(withoutIndex(readJson(text), index)),
  ),
  scalar('#-', 'jsonb _text', 'jsonb', (text: string, path: SqlArray) =>
    changeAt(text, path, { kind: 'delete', value: null }, 'delete path'),
  ),
  scalar('@>', 'jsonb jsonb', 'bool', (a: string, b: string) =>
    containsJson(readJson(a), readJson(b)),
  ),
  scalar('<@', 'jsonb jsonb', 'bool', (a: string, b: string) =>
    containsJson(readJson(b), readJson(a)),
  ),
  scalar('?|', 'jsonb _text', 'bool', (text: string, { values }: SqlArray) =>
    values.some((key) => key !== null && has(text, key as string)),
  ),
  scalar('?&', 'jsonb _text', 'bool', (text: string, { values }: SqlArray) =>
    values.every((key) => key === null || has(text, key as string)),
  ),
  ...change('jsonb_set', 'set path', (flag) => (flag === 1 ? 'create' : 'set')),
  ...change('jsonb_insert', 'set path', (flag) => (flag === 1 ? 'after' : 'before')),
  scalar('jsonb_strip_nulls', 'jsonb', 'jsonb', (text: string) =>
    printJson(withoutNulls(readJson(text))),
  ),
  scalar('jsonb_pretty', 'jsonb', 'text', (text: string) => pretty(readJson(text))),
]
