// JSON taken apart: members, elements and paths as values and as rows, and objects made of lists.
// Source: PostgreSQL 15, src/backend/utils/adt/jsonfuncs.c, json.c, jsonb.c.

import type { AggregateFunction, ScalarFunction, TableFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type JsonParts, jsonParts, jsonText, partAt } from '../text/json-parts.ts'
import { printJson, readJson } from '../text/json-text.ts'
import { type DataType, typeOf } from '../type.ts'
import type { SqlArray } from '../value.ts'
import { scalar, typesOf } from './define.ts'
import { type Fold, aggregate } from './fold.ts'
import { jsonOf, keyText } from './json.ts'

type Kind = 'json' | 'jsonb'
const KINDS = ['json', 'jsonb'] as const

const wrong = (message: string): SqlError => new SqlError('22023', message)

type Rows = (parts: JsonParts, isText: boolean, name: string) => Iterable<readonly unknown[]>

/** `json_each_text` and its like have texts for values. */
const valueOf = (text: string, isText: boolean): string | null => (isText ? jsonText(text) : text)

function eachProblem(kind: Kind, found: JsonParts['kind'], name: string): string {
  if (kind === 'jsonb') return `cannot call ${name} on a non-object`
  return found === 'array'
    ? 'cannot deconstruct an array as an object'
    : 'cannot deconstruct a scalar'
}

const members = (kind: Kind): Rows =>
  function* rows(parts, isText, name) {
    if (parts.kind !== 'object') throw wrong(eachProblem(kind, parts.kind, name))
    for (const [key, text] of parts.members) yield [key, valueOf(text, isText)]
  }

function elementsProblem(kind: Kind, found: JsonParts['kind'], name: string): string {
  if (kind === 'jsonb')
    return `cannot extract elements from ${found === 'scalar' ? 'a' : 'an'} ${found}`
  return found === 'scalar'
    ? `cannot call ${name} on a scalar`
    : `cannot call ${name} on a non-array`
}

const elements = (kind: Kind): Rows =>
  function* rows(parts, isText, name) {
    if (parts.kind !== 'array') throw wrong(elementsProblem(kind, parts.kind, name))
    for (const text of parts.elements) yield [valueOf(text, isText)]
  }

const keys: Rows = function* rows(parts, _, name) {
  if (parts.kind === 'object') for (const [key] of parts.members) yield [key]
  else throw wrong(`cannot call ${name} on ${parts.kind === 'array' ? 'an array' : 'a scalar'}`)
}

function table(
  kind: Kind,
  suffix: string,
  columns: readonly (readonly [string, string])[],
  make: Rows,
) {
  const name = `${kind}_${suffix}`
  const isText = suffix.endsWith('_text')
  const made: TableFunction = {
    name,
    arguments: typesOf(kind),
    isVariadic: false,
    columns: () => columns.map(([title, type]) => ({ name: title, type: typeOf(type) })),
    *rows([text]) {
      if (text !== null) yield* make(jsonParts(text as string), isText, name)
    },
  }
  return made
}

/** Functions of rows. */
export const jsonRows: readonly TableFunction[] = KINDS.flatMap((kind) => [
  table(
    kind,
    'each',
    [
      ['key', 'text'],
      ['value', kind],
    ],
    members(kind),
  ),
  table(
    kind,
    'each_text',
    [
      ['key', 'text'],
      ['value', 'text'],
    ],
    members(kind),
  ),
  table(kind, 'array_elements', [['value', kind]], elements(kind)),
  table(kind, 'array_elements_text', [['value', 'text']], elements(kind)),
  table(kind, 'object_keys', [[`${kind}_object_keys`, 'text']], keys),
])

/** Keys and values of an object's text. */
function objectText(pairs: readonly (readonly [string | null, string | null])[]): string {
  const list = pairs.map(([key, value]) => {
    if (key === null) throw new SqlError('22004', 'null value not allowed for object key')
    return `${JSON.stringify(key)} : ${value === null ? 'null' : JSON.stringify(value)}`
  })
  return `{${list.join(', ')}}`
}

type Texts = readonly (string | null)[]
const misshaped = (message: string): SqlError => new SqlError('2202E', message)

/** Keys and values in turn, or rows of both. */
function objectOfList({ values, dimensions }: SqlArray): string {
  const texts = values as Texts
  if (dimensions.length > 2) throw misshaped('wrong number of array subscripts')
  if (dimensions.length === 2 && dimensions[1] !== 2) throw misshaped('array must have two columns')
  if (texts.length % 2 !== 0) throw misshaped('array must have even number of elements')
  const count = texts.length / 2
  return objectText(
    Array.from({ length: count }, (_, index) => [texts[index * 2]!, texts[index * 2 + 1]!]),
  )
}

function objectOfLists(names: SqlArray, values: SqlArray): string {
  if (names.dimensions.length > 1 || names.dimensions.length !== values.dimensions.length) {
    throw misshaped('wrong number of array subscripts')
  }
  if (names.values.length !== values.values.length) throw misshaped('mismatched array dimensions')
  return objectText(
    (names.values as Texts).map((name, index) => [name, values.values[index] as string | null]),
  )
}

const binary = (text: string): string => printJson(readJson(text))

const IN_UTC = { now: 0n, timeZone: 'UTC' }

function gathered(kind: Kind, [keyType, valueType]: readonly DataType[]): Fold<never> {
  const fold: Fold<string[] | null> = {
    start: () => null,
    step(state, [key, value]) {
      if (key === null) throw wrong('field name must not be null')
      const name = JSON.stringify(keyText(key, keyType!, IN_UTC))
      const list = state ?? []
      list.push(`${name} : ${jsonOf(value, valueType!, IN_UTC)}`)
      return list
    },
    finish(state) {
      if (state === null) return null
      const text = `{ ${state.join(', ')} }`
      return kind === 'json' ? text : binary(text)
    },
    bytes: 64,
  }
  return fold as unknown as Fold<never>
}

export const jsonAggregates: readonly AggregateFunction[] = KINDS.map((kind) =>
  aggregate(`${kind}_object_agg`, 'any any', kind, (given) => gathered(kind, given)),
)

const paths = (kind: Kind): readonly ScalarFunction[] =>
  (['', '_text'] as const).map((suffix) =>
    scalar(
      `${kind}_extract_path${suffix}`,
      `${kind} text`,
      suffix === '' ? kind : 'text',
      (text: string, ...path: string[]) => {
        const found = partAt(text, path)
        return found === null ? null : valueOf(found, suffix !== '')
      },
      { isVariadic: true },
    ),
  )

export const jsonPieces: readonly ScalarFunction[] = [
  ...KINDS.flatMap(paths),
  scalar('json_object', '_text', 'json', objectOfList),
  scalar('json_object', '_text _text', 'json', objectOfLists),
  scalar('jsonb_object', '_text', 'jsonb', (list: SqlArray) => binary(objectOfList(list))),
  scalar('jsonb_object', '_text _text', 'jsonb', (names: SqlArray, values: SqlArray) =>
    binary(objectOfLists(names, values)),
  ),
]
