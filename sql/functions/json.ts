// JSON: what makes it of values of any type, and the operators that look into it. `json` keeps the text
// it was given, `jsonb` is printed as PostgreSQL orders it.
// Source: PostgreSQL 15, its manual, section 9.16; src/backend/utils/adt/json.c.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { jsonText, partAt, partOf } from '../text/json-parts.ts'
import { type Json, printJson, readJson } from '../text/json-text.ts'
import type { DataType } from '../type.ts'
import { SqlArray, SqlRecord } from '../value.ts'
import { printerOf, type TextContext } from '../value-text.ts'
import { type Typed, type TypedCall, scalar, typed } from './define.ts'

/** A value as JSON has it; null is null. */
export function jsonOf(value: unknown, type: DataType, context: TextContext): string {
  if (value === null) return 'null'
  if (value instanceof SqlArray) return listOf(value, context)
  if (value instanceof SqlRecord) return objectOf(value, context)
  if (type.name === 'json' || type.name === 'jsonb') return value as string
  if (type.name === 'bool') return value === true || value === 1 ? 'true' : 'false'
  const text = printerOf(type, context)(value)
  if (type.category === 'N' && /^-?[\d.]+(e[-+]?\d+)?$/i.test(text)) return text
  // As ISO 8601 has them, with a T.
  const isTime = type.name === 'timestamp' || type.name === 'timestamptz'
  const shown = isTime ? text.replace(' ', 'T').replace(/([-+]\d\d)$/, '$1:00') : text
  return JSON.stringify(shown)
}

/** `gap`: what stands between the outermost elements. */
function listOf(
  { element, values, dimensions }: SqlArray,
  context: TextContext,
  gap = ',',
): string {
  let next = 0
  const level = (depth: number): string => {
    if (depth >= dimensions.length) return jsonOf(values[next++], element, context)
    const parts = Array.from({ length: dimensions[depth]! }, () => level(depth + 1))
    return `[${parts.join(depth === 0 ? gap : ',')}]`
  }
  return dimensions.length === 0 ? '[]' : level(0)
}

function objectOf({ type, values }: SqlRecord, context: TextContext): string {
  const members = values.map((value, index) => {
    const { name, type: own } = type.fields![index]!
    return `${JSON.stringify(name)}:${jsonOf(value, own, context)}`
  })
  return `{${members.join()}}`
}

/** A key of an object, from a value of any type. Throws 22023 for what is no scalar. */
export function keyText(value: unknown, type: DataType, context: TextContext): string {
  const isScalar = type.element === null && !/^(?:json|jsonb|record)$/.test(type.name)
  if (isScalar) {
    const text = jsonOf(value, type, context)
    return text.startsWith('"') ? (JSON.parse(text) as string) : text
  }
  throw new SqlError('22023', 'key value must be scalar, not array, composite, or json')
}

const contextOf = ({ surroundings }: TypedCall): TextContext => surroundings

const normal = (text: string): string => printJson(readJson(text))

const toJson: Typed = ([value], call) => jsonOf(value, call.arguments[0]!, contextOf(call))

const buildList: Typed = (values, call) => {
  const context = contextOf(call)
  const parts = values.map((value, index) => jsonOf(value, call.arguments[index]!, context))
  return `[${parts.join(', ')}]`
}

const buildObject: Typed = (values, call) => {
  if (values.length % 2 !== 0) {
    throw new SqlError('22023', 'argument list must have even number of elements')
  }
  const context = contextOf(call)
  const members: string[] = []
  for (let index = 0; index < values.length; index += 2) {
    const key: unknown = values[index]
    if (key === null) throw new SqlError('22023', `argument ${index + 1} cannot be null`)
    const name = keyText(key, call.arguments[index]!, context)
    const value = jsonOf(values[index + 1], call.arguments[index + 1]!, context)
    members.push(`${JSON.stringify(name)} : ${value}`)
  }
  return `{${members.join(', ')}}`
}

/** The same as jsonb. */
const asBinary =
  (compute: Typed): Typed =>
  (values, call) =>
    normal(compute(values, call) as string)

const isObject = (value: Json): value is ReadonlyMap<string, Json> => value instanceof Map

/** Undefined: there is nothing there. */
function memberOf(value: Json, step: string | number, isBinary = false): Json | undefined {
  if (isObject(value)) return typeof step === 'string' ? value.get(step) : undefined
  // A scalar by itself is a list of one to an index.
  if (!Array.isArray(value)) return isBinary && (step === 0 || step === -1) ? value : undefined
  const index = typeof step === 'number' ? step : /^\s*[-+]?\d+$/.test(step) ? Number(step) : NaN
  return value[index < 0 ? value.length + index : index] as Json | undefined
}

/** What `->` finds: unlike steps of paths, texts are no indexes. */
const directMember = (value: Json, step: string | number): Json | undefined =>
  typeof step === 'string' && !isObject(value) ? undefined : memberOf(value, step, true)

const found = (value: Json | undefined): string | null =>
  value === undefined ? null : printJson(value)

/** Strings without their quotes, null as SQL's. */
const foundText = (value: Json | undefined): string | null => {
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : printJson(value)
}

const walk = (text: string, path: SqlArray): Json | undefined =>
  (path.values as string[]).reduce<Json | undefined>(
    (value, step) => (value === undefined ? undefined : memberOf(value, step)),
    readJson(text),
  )

function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (isObject(value)) return 'object'
  return typeof value === 'object' ? 'number' : typeof value
}

function lengthOf(text: string): number {
  const value = readJson(text)
  if (Array.isArray(value)) return value.length
  throw new SqlError('22023', 'cannot get array length of a non-array')
}

/** json keeps what it has as it is written. */
function* textLookups(): Iterable<ScalarFunction> {
  const shows = [
    ['', 'json', (found: string | null) => found],
    ['>', 'text', (found: string | null) => (found === null ? null : jsonText(found))],
  ] as const
  for (const [more, result, show] of shows) {
    for (const step of ['text', 'int4']) {
      yield scalar(`->${more}`, `json ${step}`, result, (text: string, name: string | number) =>
        show(partOf(text, name)),
      )
    }
    yield scalar(`#>${more}`, 'json _text', result, (text: string, path: SqlArray) =>
      show(partAt(text, path.values as string[])),
    )
  }
}

function* binaryLookups(): Iterable<ScalarFunction> {
  for (const [more, result, show] of [
    ['', 'jsonb', found],
    ['>', 'text', foundText],
  ] as const) {
    for (const step of ['text', 'int4']) {
      yield scalar(`->${more}`, `jsonb ${step}`, result, (text: string, name: string | number) =>
        show(directMember(readJson(text), name)),
      )
    }
    yield scalar(`#>${more}`, 'jsonb _text', result, (text: string, path: SqlArray) =>
      show(walk(text, path)),
    )
  }
}

const lookups: readonly ScalarFunction[] = [
  ...textLookups(),
  ...binaryLookups(),
  ...['json', 'jsonb'].flatMap((type) => [
    scalar(`${type}_typeof`, type, 'text', (text: string) => kindOf(readJson(text))),
    scalar(`${type}_array_length`, type, 'int4', lengthOf),
  ]),
]

const LOOSE = { isStrict: false, isVariadic: true, volatility: 'stable' } as const
const STABLE = { volatility: 'stable' } as const

export const jsons: readonly ScalarFunction[] = [
  ...lookups,
  typed('to_json', 'anyelement', 'json', toJson, STABLE),
  typed('to_jsonb', 'anyelement', 'jsonb', asBinary(toJson), STABLE),
  typed('array_to_json', 'anyarray', 'json', toJson, STABLE),
  typed('array_to_json', 'anyarray bool', 'json', ([value, isPretty], call) => {
    return listOf(value!, contextOf(call), isPretty ? ',\n ' : ',')
  }),
  typed('row_to_json', 'record', 'json', toJson, STABLE),
  typed('json_build_array', 'any', 'json', buildList, LOOSE),
  typed('json_build_object', 'any', 'json', buildObject, LOOSE),
  typed('jsonb_build_array', 'any', 'jsonb', asBinary(buildList), LOOSE),
  typed('jsonb_build_object', 'any', 'jsonb', asBinary(buildObject), LOOSE),
  scalar('json_build_array', '', 'json', () => '[]'),
  scalar('json_build_object', '', 'json', () => '{}'),
  scalar('jsonb_build_array', '', 'jsonb', () => '[]'),
  scalar('jsonb_build_object', '', 'jsonb', () => '{}'),
  typed('?', 'jsonb text', 'bool', ([text, key]) => {
    const value = readJson(text!)
    if (isObject(value)) return value.has(key!)
    return Array.isArray(value) ? value.includes(key!) : value === key
  }),
]
