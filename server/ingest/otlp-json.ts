// OTLP's JSON (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding") → the message that it stands
// for, so that one reader, the kernel's, decides what it means. Only what is stored is translated; unknown
// members are ignored, as the specification demands.

import { OmenError } from '../../engine/error.ts'
import { pointerOf, type Json } from '../json.ts'
import { CELLS_AT_ONCE } from '../limits.ts'
import { MessageWriter } from './protobuf.ts'

type Scalar = 'text' | 'bytes' | 'boolean' | 'varint' | 'zigzag' | 'fixed' | 'double'

/** Members by name: number of the field and what it is; `list`: repeated. */
interface Shape {
  readonly [member: string]: { field: number; is: Scalar | (() => Shape); list?: true }
}

const anyValue: Shape = {
  stringValue: { field: 1, is: 'text' },
  boolValue: { field: 2, is: 'boolean' },
  intValue: { field: 3, is: 'varint' },
  doubleValue: { field: 4, is: 'double' },
  arrayValue: { field: 5, is: () => arrayValue },
  kvlistValue: { field: 6, is: () => keyValueList },
  bytesValue: { field: 7, is: 'bytes' },
}
const arrayValue: Shape = { values: { field: 1, is: () => anyValue, list: true } }
const keyValue: Shape = {
  key: { field: 1, is: 'text' },
  value: { field: 2, is: () => anyValue },
}
const keyValueList: Shape = { values: { field: 1, is: () => keyValue, list: true } }

const attributes = (field: number) => ({ field, is: () => keyValue, list: true }) as const

/** Members of all points; `flags` has its own number in each. */
const point = (attributesField: number, flagsField: number): Shape => ({
  attributes: attributes(attributesField),
  timeUnixNano: { field: 3, is: 'fixed' },
  flags: { field: flagsField, is: 'varint' },
})

const totals: Shape = { count: { field: 4, is: 'fixed' }, sum: { field: 5, is: 'double' } }

const numberPoint: Shape = {
  ...point(7, 8),
  asDouble: { field: 4, is: 'double' },
  asInt: { field: 6, is: 'fixed' },
}
const histogramPoint: Shape = {
  ...point(9, 10),
  ...totals,
  bucketCounts: { field: 6, is: 'fixed', list: true },
  explicitBounds: { field: 7, is: 'double', list: true },
  min: { field: 11, is: 'double' },
  max: { field: 12, is: 'double' },
}
const buckets: Shape = {
  offset: { field: 1, is: 'zigzag' },
  bucketCounts: { field: 2, is: 'varint', list: true },
}
const exponentialPoint: Shape = {
  ...point(1, 10),
  ...totals,
  scale: { field: 6, is: 'zigzag' },
  zeroCount: { field: 7, is: 'fixed' },
  positive: { field: 8, is: () => buckets },
  negative: { field: 9, is: () => buckets },
  min: { field: 12, is: 'double' },
  max: { field: 13, is: 'double' },
  zeroThreshold: { field: 14, is: 'double' },
}
const quantile: Shape = {
  quantile: { field: 1, is: 'double' },
  value: { field: 2, is: 'double' },
}
const summaryPoint: Shape = {
  ...point(7, 8),
  ...totals,
  quantileValues: { field: 6, is: () => quantile, list: true },
}

const pointsOf = (shape: Shape) => (): Shape => ({
  dataPoints: { field: 1, is: () => shape, list: true },
})
const metric: Shape = {
  name: { field: 1, is: 'text' },
  gauge: { field: 5, is: pointsOf(numberPoint) },
  sum: { field: 7, is: pointsOf(numberPoint) },
  histogram: { field: 9, is: pointsOf(histogramPoint) },
  exponentialHistogram: { field: 10, is: pointsOf(exponentialPoint) },
  summary: { field: 11, is: pointsOf(summaryPoint) },
}
const scope: Shape = {
  name: { field: 1, is: 'text' },
  version: { field: 2, is: 'text' },
  attributes: attributes(3),
}
const scopeMetrics: Shape = {
  scope: { field: 1, is: () => scope },
  metrics: { field: 2, is: () => metric, list: true },
}
const resource: Shape = { attributes: attributes(1) }
const resourceMetrics: Shape = {
  resource: { field: 1, is: () => resource },
  scopeMetrics: { field: 2, is: () => scopeMetrics, list: true },
}
const request: Shape = { resourceMetrics: { field: 1, is: () => resourceMetrics, list: true } }

/**
 * The ExportMetricsServiceRequest that a JSON body stands for, in steps. Throws `bad_request` and
 * `unsafe_integer` with the pointer of the member.
 */
export function* encodeOtlpJson(body: Json): Generator<undefined, Uint8Array> {
  const into = { writer: new MessageWriter(), written: 0 }
  yield* writeMessage(into, body, request, '')
  return into.writer.finish()
}

type Steps = Generator<undefined, void>

/** The message so far, and how many items of lists it took. */
interface Target {
  readonly writer: MessageWriter
  written: number
}

function* writeMessage(into: Target, value: Json, shape: Shape, pointer: string): Steps {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(pointer, 'an object belongs here')
  }
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined
    if (known === undefined || member === null) continue
    const at = pointer + pointerOf([name])
    if (known.list === undefined) yield* writeMember(into, known, member, at)
    else yield* writeList(into, known, member, at)
  }
}

function* writeList(into: Target, known: Shape[string], list: Json, pointer: string): Steps {
  if (!Array.isArray(list)) throw wrong(pointer, 'an array belongs here')
  for (const [i, value] of list.entries()) {
    yield* writeMember(into, known, value, `${pointer}/${i}`)
    if (++into.written % CELLS_AT_ONCE === 0) yield
  }
}

function* writeMember(
  into: Target,
  { field, is }: Shape[string],
  value: Json,
  pointer: string,
): Steps {
  const { writer } = into
  if (typeof is === 'function') {
    const start = writer.begin(field)
    yield* writeMessage(into, value, is(), pointer)
    writer.end(start)
  } else if (is === 'text') writer.text(field, textOf(value, pointer))
  else if (is === 'bytes') writer.blob(field, bytesOf(value, pointer))
  else if (is === 'boolean') writer.varint(field, BigInt(booleanOf(value, pointer)))
  else if (is === 'double') writer.double(field, doubleOf(value, pointer))
  else {
    const integer = integerOf(value, pointer)
    if (is === 'fixed') writer.fixed(field, integer)
    else writer.varint(field, is === 'zigzag' ? zigzag(integer) : integer)
  }
}

function zigzag(value: bigint): bigint {
  return value < 0n ? -2n * value - 1n : 2n * value
}

function wrong(pointer: string, message: string): OmenError {
  return new OmenError('bad_request', `${pointer || 'body'}: ${message}`, { pointer })
}

function textOf(value: Json, pointer: string): string {
  if (typeof value === 'string') return value
  throw wrong(pointer, 'a string belongs here')
}

function booleanOf(value: Json, pointer: string): boolean {
  if (typeof value === 'boolean') return value
  throw wrong(pointer, 'true or false belongs here')
}

function bytesOf(value: Json, pointer: string): Uint8Array {
  try {
    const text = textOf(value, pointer).replaceAll('-', '+').replaceAll('_', '/')
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    throw wrong(pointer, 'base64 belongs here')
  }
}

const NOT_FINITE = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

function doubleOf(value: Json, pointer: string): number {
  if (typeof value === 'number') return value
  const text = typeof value === 'string' ? value : ''
  const special = NOT_FINITE.get(text)
  if (special !== undefined) return special
  if (/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) return Number(text)
  throw wrong(pointer, 'a number belongs here')
}

/** 64 bits, signed or not: a digit string, or a number that is exact. */
function integerOf(value: Json, pointer: string): bigint {
  const isText = typeof value === 'string' && /^-?\d{1,20}$/.test(value)
  if (!isText && !Number.isInteger(value)) throw wrong(pointer, 'an integer belongs here')
  if (!isText && !Number.isSafeInteger(value)) {
    const message = `${pointer}: ${JSON.stringify(value)} is not exact in JSON, write it in quotes`
    throw new OmenError('unsafe_integer', message, { pointer })
  }
  const integer = BigInt(value as string | number)
  if (integer >= -(2n ** 63n) && integer < 2n ** 64n) return integer
  throw wrong(pointer, 'a 64-bit integer belongs here')
}
