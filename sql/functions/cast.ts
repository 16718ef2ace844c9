// Casts: between numbers with their rounding and ranges, between times, and through text for all else.
// Source: PostgreSQL 15, src/include/catalog/pg_cast.dat.

import { NS_PER_DAY, dayOfTime, floorModulo, isFiniteTime } from '../calendar.ts'
import { Decimal } from '../decimal.ts'
import type { CastFunction, Surroundings } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { printJson, readJson } from '../text/json-text.ts'
import { type DataType, typeOf } from '../type.ts'
import { printerOf, readerOf } from '../value-text.ts'
import { Interval, SqlArray } from '../value.ts'
import { TIME_INFINITY, TIME_MINUS_INFINITY, TIME_MAX, TIME_MIN } from '../calendar.ts'
import { clockOf, instantOf, zoneOf } from '../zone.ts'
import { checkBigint, checkNumber, outOfRange, roundEven } from './arithmetic.ts'
import { eachRow } from './define.ts'

type Context = CastFunction['context']
type Convert = (value: never, surroundings: Surroundings) => unknown

function cast(
  source: DataType,
  target: DataType,
  context: Context,
  convert: Convert,
): CastFunction {
  const compute = convert as unknown as (value: unknown, surroundings: Surroundings) => unknown
  return {
    source,
    target,
    context,
    evaluate: (vectors, rowCount, valid, surroundings) =>
      eachRow(target, vectors, rowCount, valid, (value) => compute(value, surroundings)),
  }
}

const known = new Map<string, CastFunction>()

function enter(source: string, target: string, context: Context, convert: Convert): void {
  known.set(`${source} ${target}`, cast(typeOf(source), typeOf(target), context, convert))
}

/** Narrow to wide: what is implicit to the right is an assignment to the left. */
const NUMBERS = ['int2', 'int4', 'int8', 'numeric', 'float4', 'float8'] as const
type NumberType = (typeof NUMBERS)[number]

function integerOf(value: number, type: 'int2' | 'int4'): number {
  if (!Number.isFinite(value)) throw outOfRange(type)
  return checkNumber(roundEven(value), type)
}

function singleOf(value: number): number {
  const single = Math.fround(value)
  if (Number.isFinite(value) && !Number.isFinite(single)) {
    throw new SqlError('22003', 'value out of range: overflow')
  }
  if (single === 0 && value !== 0) throw new SqlError('22003', 'value out of range: underflow')
  return single
}

function bigintOf(value: number): bigint {
  if (!Number.isFinite(value)) throw outOfRange('int8')
  return checkBigint(BigInt(roundEven(value)))
}

function numberCast(source: NumberType, target: NumberType): Convert {
  const isFloat = source === 'float4' || source === 'float8'
  if (source === 'numeric') return numericTo(target)
  switch (target) {
    case 'int2':
    case 'int4':
      return isFloat
        ? (value: number) => integerOf(value, target)
        : (value: number | bigint) => checkNumber(Number(value), target)
    case 'int8':
      return isFloat ? bigintOf : (value: number) => BigInt(value)
    case 'numeric':
      if (source === 'float4') return (value: number) => Decimal.ofFloat(value, 6)
      return isFloat
        ? (value: number) => Decimal.ofFloat(value)
        : (value: bigint) => Decimal.of(value)
    case 'float4':
      return (value: number | bigint) => singleOf(Number(value))
    default:
      return (value: number | bigint) => Number(value)
  }
}

function numericTo(target: NumberType): Convert {
  const { title } = typeOf(target)
  if (target === 'int8') return (value: Decimal) => checkBigint(value.toInteger(title))
  if (target === 'int2' || target === 'int4') {
    return (value: Decimal) => {
      const whole = value.toInteger(title)
      if (whole > 2n ** 40n || whole < -(2n ** 40n)) throw outOfRange(target)
      return checkNumber(Number(whole), target)
    }
  }
  return (value: Decimal) => {
    const number = value.toNumber()
    if (value.special === null && !Number.isFinite(number)) {
      throw new SqlError('22003', `"${value.toString()}" is out of range for type ${title}`)
    }
    return target === 'float4' ? singleOf(number) : number
  }
}

for (const [from, source] of NUMBERS.entries()) {
  for (const [to, target] of NUMBERS.entries()) {
    if (source === target) continue
    enter(source, target, from < to ? 'implicit' : 'assignment', numberCast(source, target))
  }
}

enter('bool', 'int4', 'explicit', (value: number) => value)
enter('int4', 'bool', 'explicit', (value: number) => value !== 0)
for (const integer of ['int2', 'int4', 'int8']) {
  enter(integer, 'oid', 'implicit', (value: number | bigint) => Number(value) >>> 0)
}
enter('oid', 'int8', 'assignment', (value: number) => BigInt(value))
enter('oid', 'int4', 'assignment', (value: number) => value | 0)

const timeOfDay = (days: number): bigint => {
  if (!Number.isFinite(days)) return days > 0 ? TIME_INFINITY : TIME_MINUS_INFINITY
  const time = BigInt(days) * NS_PER_DAY
  if (time <= TIME_MAX && time >= TIME_MIN) return time
  throw new SqlError('22008', 'date out of range for timestamp')
}

const dateOf = (clock: bigint): number =>
  isFiniteTime(clock) ? dayOfTime(clock) : clock > 0n ? Infinity : -Infinity

/** `convert` with the session's zone, infinities left as they are. */
const inZone =
  (convert: typeof clockOf): Convert =>
  (time: bigint, { timeZone }: Surroundings) =>
    isFiniteTime(time) ? convert(zoneOf(timeZone), time) : time

const toClock = inZone(clockOf) as unknown as (time: bigint, surroundings: Surroundings) => bigint
const toInstant = inZone(instantOf) as unknown as typeof toClock

enter('date', 'timestamp', 'implicit', timeOfDay)
enter('date', 'timestamptz', 'implicit', (days: number, around: Surroundings) =>
  toInstant(timeOfDay(days), around),
)
enter('timestamp', 'timestamptz', 'implicit', toInstant)
enter('timestamptz', 'timestamp', 'assignment', toClock)
enter('timestamp', 'date', 'assignment', dateOf)
enter('timestamptz', 'date', 'assignment', (time: bigint, around: Surroundings) =>
  dateOf(toClock(time, around)),
)
enter('timestamp', 'time', 'assignment', (time: bigint) =>
  isFiniteTime(time) ? floorModulo(time, NS_PER_DAY) : null,
)
enter('timestamptz', 'time', 'assignment', (time: bigint, around: Surroundings) =>
  isFiniteTime(time) ? floorModulo(toClock(time, around), NS_PER_DAY) : null,
)
enter('time', 'interval', 'implicit', (time: bigint) => new Interval(0, 0, time))
enter('interval', 'time', 'assignment', ({ nanoseconds }: Interval) =>
  floorModulo(nanoseconds, NS_PER_DAY),
)

enter('json', 'jsonb', 'assignment', (text: string) => printJson(readJson(text)))
enter('jsonb', 'json', 'assignment', (text: string) => text)

const TEXTS = new Set(['text', 'varchar', 'bpchar', 'name', 'unknown', 'char'])

function throughText(source: DataType, target: DataType): CastFunction | null {
  if (TEXTS.has(source.name) && TEXTS.has(target.name)) {
    const isImplicit =
      target.name === 'text' || target.name === 'varchar' || source.name === 'unknown'
    const cut = target.name === 'name' ? 63 : Infinity
    return cast(source, target, isImplicit ? 'implicit' : 'assignment', (text: string) =>
      source.name === 'bpchar' ? text.trimEnd() : text.slice(0, cut),
    )
  }
  if (TEXTS.has(source.name)) return fromText(source, target)
  if (!TEXTS.has(target.name)) return null
  return { source, target, context: 'assignment', evaluate: printing(source, target) }
}

function fromText(source: DataType, target: DataType): CastFunction {
  const context = source.name === 'unknown' ? 'implicit' : 'explicit'
  return {
    source,
    target,
    context,
    evaluate: (vectors, rowCount, valid, surroundings) => {
      const read = readerOf(target, surroundings)
      return eachRow(target, vectors, rowCount, valid, (text) => read(text as string))
    },
  }
}

function printing(source: DataType, target: DataType): CastFunction['evaluate'] {
  return (vectors, rowCount, valid, surroundings) => {
    const print =
      source.name === 'bool'
        ? (value: unknown) => String(Boolean(value))
        : printerOf(source, surroundings)
    return eachRow(target, vectors, rowCount, valid, print)
  }
}

function arrayCast(source: DataType, target: DataType): CastFunction | null {
  const [from, to] = [source.element!, target.element!]
  const inner = from === to ? null : castOf(from, to)
  if (inner === null && from !== to) return null
  const context = inner?.context ?? 'implicit'
  return {
    source,
    target,
    context,
    evaluate: (vectors, rowCount, valid, surroundings) =>
      eachRow(target, vectors, rowCount, valid, (value) => {
        const { values, dimensions, lowerBounds } = value as SqlArray
        const convert = (one: unknown): unknown => {
          if (one === null || inner === null) return one
          const given = typeof one === 'boolean' ? Uint8Array.of(Number(one)) : [one]
          const { values: out } = inner.evaluate(
            [{ values: given, valid: null }],
            1,
            null,
            surroundings,
          )
          return to.layout === 'boolean' ? out[0] === 1 : out[0]
        }
        return new SqlArray(to, values.map(convert), dimensions, lowerBounds)
      }),
  }
}

const VECTORS = new Set(['record', 'void', 'any', 'anyarray', 'anyelement', 'anynonarray'])

/** Casts that are written down, and do not go through text. */
export const declaredCasts: readonly CastFunction[] = [...known.values()]

/** The cast from one type to another; null: there is none. */
export function castOf(source: DataType, target: DataType): CastFunction | null {
  const key = `${source.name} ${target.name}`
  const found = known.get(key)
  if (found !== undefined) return found
  const isPrinted = source.name === 'record' && TEXTS.has(target.name)
  if (!isPrinted && (VECTORS.has(source.name) || VECTORS.has(target.name))) return null
  const made =
    source.element !== null && target.element !== null
      ? arrayCast(source, target)
      : throughText(source, target)
  if (made !== null) known.set(key, made)
  return made
}
