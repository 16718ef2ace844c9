// Random data for the differential test: a table with its columns, batches of points in line
// protocol with late, repeated and clustered times. Everything follows from one seed.

import type { ColumnPoints } from '../../engine/ingest/batch.ts'
import { fieldTypeOf } from '../../engine/field.ts'
import type { ValueType } from '../../engine/query/query.ts'
import type { Random } from '../random.ts'
import type { ReferencePoint, Value } from './table.ts'

export const SECOND = 1_000_000_000n

export interface FieldShape {
  readonly name: string
  readonly type: ValueType
  readonly next: () => Value
}

/** One table. Times of its points lie between `from` and `to`, nanoseconds. */
export interface Scenario {
  readonly table: string
  readonly tags: readonly { readonly key: string; readonly values: readonly string[] }[]
  readonly fields: readonly FieldShape[]
  readonly batches: readonly (readonly ReferencePoint[])[]
  readonly from: bigint
  readonly to: bigint
}

const TAG_VALUES = ['a', 'b', 'B', 'a b', 'c,d', 'e=f', 'ü', '😀', 'x'.repeat(70), '1', '%', "it's"]
const STRINGS = [
  '',
  'a',
  'ab',
  'abc',
  'A',
  'ü',
  '😀x',
  'on',
  'off',
  'say "hi"',
  'back\\slash',
  'z'.repeat(300),
]
const FIELD_NAMES = ['usage', 'Temp', 'n', 'a b', 'state', 'ok', 'é', 'big']
const TYPES: ValueType[] = ['float', 'float', 'integer', 'unsigned', 'boolean', 'string']
const DAY = 86_400n * SECOND

export function scenarioOf(random: Random): Scenario {
  const tags = ['host', 'Rack', 'zone'].slice(0, random.int(4)).map((key) => {
    const values = TAG_VALUES.filter(() => random.chance(0.3))
    return { key, values: values.length === 0 ? ['a'] : values }
  })
  const fields = FIELD_NAMES.filter(() => random.chance(0.45)).map((name) => {
    return fieldShape(random, name)
  })
  if (fields.length === 0) fields.push(fieldShape(random, 'usage'))
  const table = random.pick(['cpu', 'two words', 'T'])
  const count = random.chance(0.15) ? 1_100 + random.int(2_000) : 1 + random.int(250)
  const clock = clockOf(random, count)
  const points: ReferencePoint[] = []
  for (let i = 0; i < count; i++) points.push(pointOf(random, table, tags, fields, clock(i)))
  const times = points.map(({ time }) => time).sort((a, b) => (a < b ? -1 : 1))
  return { table, tags, fields, batches: cut(random, points), from: times[0]!, to: times.at(-1)! }
}

/** Series with few points each, some of them with many: rounds in which some of the series are written. */
export function manySeriesOf(random: Random): Scenario {
  const count = random.pick([60, 120, 250, 500])
  const hosts = Array.from({ length: count }, (_, i) => `host_${i}`)
  const regions = TAG_VALUES.slice(0, 6)
  const tags = [
    { key: 'host', values: hosts },
    { key: 'region', values: regions },
  ]
  const fields = FIELD_NAMES.slice(0, 1 + random.int(4)).map((name) => fieldShape(random, name))
  const step = random.pick([1n, SECOND, 3_600n * SECOND, DAY / 2n])
  const base = 1_790_000_000n * SECOND
  const long = hosts.filter(() => random.chance(0.004))
  const batches: ReferencePoint[][] = []
  for (let round = 0; round < 5; round++) {
    const share = random.pick([1, 0.5, 0.03])
    const first = random.chance(0.5) ? round * 3 : random.int(6)
    const batch: ReferencePoint[] = []
    for (const [i, host] of hosts.entries()) {
      if (!random.chance(share)) continue
      const rows = long.includes(host) ? random.int(300) : random.int(4)
      for (let row = 0; row < rows; row++) {
        const time = base + BigInt(first + random.int(rows + 2)) * step
        const point = pointOf(random, 'cpu', [], fields, time)
        const set: Record<string, string> = { host }
        if (i % 7 !== 0) set['region'] = regions[i % 6]!
        batch.push({ ...point, tags: set })
      }
    }
    if (batch.length > 0) batches.push(batch)
  }
  if (batches.length === 0) return manySeriesOf(random)
  const times = batches.flat().map(({ time }) => time)
  times.sort((a, b) => (a < b ? -1 : 1))
  return { table: 'cpu', tags, fields, batches, from: times[0]!, to: times.at(-1)! }
}

function cut(random: Random, points: readonly ReferencePoint[]): ReferencePoint[][] {
  const batches: ReferencePoint[][] = []
  for (let at = 0; at < points.length;) {
    const size = 1 + random.int(Math.max(2, points.length))
    batches.push(points.slice(at, at + size))
    at += size
  }
  return batches
}

/** Time of the i-th point: mostly in order, sometimes late, sometimes one that was there before. */
function clockOf(random: Random, count: number): (index: number) => bigint {
  const base = random.pick([0n, -40n * DAY, 1_790_000_000n * SECOND, 1_709_164_799n * SECOND])
  const steps = [1n, 1_000n, SECOND, 10n * SECOND, 600n * SECOND, 3_600n * SECOND]
  // Every day is a part of its own, so years of data have few points.
  if (count < 100) steps.push(DAY / 2n, 9n * DAY)
  const step = random.pick(steps)
  const jitter = random.chance(0.5) ? 0 : 1
  const lateness = random.pick([0, 0, 0.02, 0.3])
  return (index) => {
    const late = random.chance(lateness) ? random.int(index + 1) : 0
    const shift = jitter === 0 ? 0n : (step * BigInt(random.int(1_000))) / 1_000n
    // Several series share a time.
    return base + BigInt((index - late) >> 1) * step + shift
  }
}

function pointOf(
  random: Random,
  table: string,
  tags: Scenario['tags'],
  fields: readonly FieldShape[],
  time: bigint,
): ReferencePoint {
  const set: Record<string, string> = {}
  for (const { key, values } of tags) if (random.chance(0.85)) set[key] = random.pick(values)
  const named: Record<string, { type: ValueType; value: Value }> = {}
  for (const { name, type, next } of fields) {
    if (random.chance(0.8)) named[name] = { type, value: next() }
  }
  if (Object.keys(named).length === 0) {
    const { name, type, next } = random.pick(fields)
    named[name] = { type, value: next() }
  }
  return { table, tags: set, time, fields: named }
}

function fieldShape(random: Random, name: string): FieldShape {
  const type = random.pick(TYPES)
  switch (type) {
    case 'float':
      return { name, type, next: floats(random) }
    case 'boolean':
      return { name, type, next: () => random.chance(0.5) }
    case 'string': {
      const some = STRINGS.filter(() => random.chance(0.5))
      return { name, type, next: () => (some.length === 0 ? 'only' : random.pick(some)) }
    }
    default:
      return { name, type, next: integers(random, type === 'unsigned') }
  }
}

function floats(random: Random): () => number {
  let level = random.int(1_000)
  return random.pick<() => number>([
    () => Math.round(random.next() * 1_000) / 10,
    () => Math.round(random.next() * 1e7) / 1e4 - 500,
    () => random.int(5),
    () => (level += random.int(10)),
    () => 42.5,
    () => random.next() * 2 - 1,
    () => random.pick([0, -0, 1e-300, -1e300, 5e-324, 0.1, 1 / 3, 123_456_789.125, 1e15 + 0.3]),
    wildFloat(random),
  ])
}

/** Any finite bits. */
function wildFloat(random: Random): () => number {
  const view = new DataView(new ArrayBuffer(8))
  return () => {
    for (;;) {
      for (let i = 0; i < 8; i++) view.setUint8(i, random.int(256))
      const value = view.getFloat64(0)
      if (Number.isFinite(value)) return value
    }
  }
}

function integers(random: Random, isUnsigned: boolean): () => bigint {
  const least = isUnsigned ? 0n : -(2n ** 63n)
  const greatest = isUnsigned ? 2n ** 64n - 1n : 2n ** 63n - 1n
  let level = BigInt(random.int(1_000_000))
  return random.pick<() => bigint>([
    () => BigInt(random.int(100)),
    () => BigInt(random.int(2_000)) - (isUnsigned ? 0n : 1_000n),
    () => (level += BigInt(random.int(20))),
    () => 7n,
    () => 2n ** 53n + BigInt(random.int(3)),
    () => random.pick([least, greatest, 0n, 1n, least + 1n, greatest - 1n]),
  ])
}

/** Points as line protocol, one a line. */
export function lineProtocolOf(points: readonly ReferencePoint[]): string {
  const escape = (text: string): string => text.replace(/[, =]/g, '\\$&')
  return points
    .map(({ table, tags, time, fields }) => {
      const series = Object.entries(tags).map(([key, value]) => `,${escape(key)}=${escape(value)}`)
      const values = Object.entries(fields).map(([name, field]) => {
        return `${escape(name)}=${fieldText(field!.type, field!.value)}`
      })
      return `${table.replace(/[, ]/g, '\\$&')}${series.join('')} ${values.join(',')} ${time}\n`
    })
    .join('')
}

function fieldText(type: ValueType, value: Value): string {
  switch (type) {
    case 'integer':
      return `${value}i`
    case 'unsigned':
      return `${value}u`
    case 'string':
      return `"${String(value).replace(/["\\]/g, '\\$&')}"`
    case 'float':
      return Object.is(value, -0) ? '-0' : String(value)
    default:
      return String(value)
  }
}

/** Points as columns, a block for each tag set; in each, the order stays. */
export function columnPointsOf(points: readonly ReferencePoint[]): ColumnPoints[] {
  const sets = new Map<string, ReferencePoint[]>()
  for (const point of points) {
    const key = JSON.stringify(Object.entries(point.tags))
    sets.set(key, [...(sets.get(key) ?? []), point])
  }
  return [...sets.values()].map((set) => {
    const names = new Set(set.flatMap(({ fields }) => Object.keys(fields)))
    return {
      table: set[0]!.table,
      tags: new Map(Object.entries(set[0]!.tags)),
      times: BigInt64Array.from(set, ({ time }) => time),
      fields: [...names].map((name) => columnOf(name, set)),
    }
  })
}

function columnOf(name: string, points: readonly ReferencePoint[]): ColumnPoints['fields'][number] {
  const { type } = points.find(({ fields }) => name in fields)!.fields[name]!
  const given = points.map(({ fields }) => fields[name]?.value)
  const valid = Uint8Array.from(given, (value) => (value === undefined ? 0 : 1))
  const values = arrayOf(type, given)
  const isWhole = !valid.includes(0)
  return { name, type: fieldTypeOf(type)!, values, valid: isWhole ? null : valid, declared: true }
}

function arrayOf(
  type: ValueType,
  given: readonly (Value | undefined)[],
): ColumnPoints['fields'][number]['values'] {
  switch (type) {
    case 'float':
      return Float64Array.from(given, (value) => Number(value ?? 0))
    case 'integer':
      return BigInt64Array.from(given, (value) => BigInt(value ?? 0))
    case 'unsigned':
      return BigUint64Array.from(given, (value) => BigInt(value ?? 0))
    case 'boolean':
      return Uint8Array.from(given, (value) => (value === true ? 1 : 0))
    default:
      return given.map((value) => String(value ?? ''))
  }
}
