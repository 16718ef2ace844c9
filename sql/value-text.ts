// The text of every type's values, as PostgreSQL prints and reads them: what psql shows, what a cast to
// or from text does, what the wire's text format and COPY carry.

import { Decimal } from './decimal.ts'
import { SqlError } from './sql-error.ts'
import { printArray, printBytes, readArray, readBytes } from './text/array-text.ts'
import { printFloat, readFloat } from './text/float-text.ts'
import { printInterval, readInterval } from './text/interval-text.ts'
import { printJson, readJson } from './text/json-text.ts'
import {
  type TimeContext,
  printDate,
  printTime,
  printTimestamp,
  printTimestamptz,
  readDate,
  readTime,
  readTimestamp,
  readTimestamptz,
} from './text/time-text.ts'
import type { DataType } from './type.ts'
import type { Bytes, Interval, SqlArray, SqlRecord } from './value.ts'
import { zoneOf } from './zone.ts'

/** What texts of times depend on. */
export interface TextContext {
  readonly now: bigint
  /** IANA name. */
  readonly timeZone: string
  /** Run-time parameters, of which DateStyle is asked for dates as 01/02/03; absent: month, day, year. */
  setting?(name: string): string | null
  /** The name that an oid has as a type like regclass; absent: oids print as numbers. */
  readonly nameOf?: NameOf | undefined
}

export type NameOf = (type: string, oid: number) => string

/** Looks at the context when a text makes it matter. */
function timeContextOf(context: TextContext): TimeContext {
  return {
    get now() {
      return context.now
    },
    zone: zoneOf(context.timeZone),
    order() {
      const style = context.setting?.('datestyle') ?? ''
      return style.includes('DMY') ? 'DMY' : style.includes('YMD') ? 'YMD' : 'MDY'
    },
  }
}

/** Text of values of a type (not null); booleans come as booleans or as 0 and 1. */
export function printerOf(
  type: DataType,
  context: Omit<TextContext, 'now'>,
): (value: unknown) => string {
  const { timeZone, nameOf } = context
  if (type.element !== null) return arrayPrinter(type, printerOf(type.element, context))
  if (type.name === 'record') return (value) => printRecord(value as SqlRecord, context)
  if (nameOf !== undefined && type.name.startsWith('reg')) {
    return (value) => nameOf(type.name, value as number)
  }
  switch (type.name) {
    case 'bool':
      return (value) => (value ? 't' : 'f')
    case 'float8':
    case 'float4': {
      const { name } = type
      return (value) => printFloat(value as number, name)
    }
    case 'date':
      return (value) => printDate(value as number)
    case 'time':
      return (value) => printTime(value as bigint)
    case 'timestamp':
      return (value) => printTimestamp(value as bigint)
    case 'timestamptz': {
      const zone = zoneOf(timeZone)
      return (value) => printTimestamptz(value as bigint, zone)
    }
    case 'interval':
      return (value) => printInterval(value as Interval)
    case 'bytea':
      return (value) => printBytes(value as Bytes)
    default:
      return String
  }
}

/** `(1,"a b",)`: null is nothing. */
function printRecord({ type, values }: SqlRecord, context: Omit<TextContext, 'now'>): string {
  const cells = values.map((value, index) => {
    if (value === null) return ''
    const text = printerOf(type.fields![index]!.type, context)(value)
    if (text !== '' && !/[\s(),"\\]/.test(text)) return text
    return `"${text.replace(/["\\]/g, (sign) => sign + sign)}"`
  })
  return `(${cells.join()})`
}

function arrayPrinter(
  type: DataType,
  print: (value: unknown) => string,
): (value: unknown) => string {
  if (type.category === 'A' && !type.name.startsWith('_')) {
    return (value) => (value as SqlArray).values.map(print).join(' ')
  }
  return (value) => printArray(value as SqlArray, print)
}

/** The text of one value of a type. */
export function printValue(type: DataType, value: unknown, context: TextContext): string {
  return printerOf(type, context)(value)
}

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
  int4: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
}

/** Throws 22P02 for what is no integer, 22003 for what the type cannot hold. */
export function readInteger(text: string, type: DataType): bigint {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw invalid(type, text)
  const [least, most] = INTEGERS[type.name] ?? [-(2n ** 31n), 2n ** 32n - 1n]
  // A longer text is out of range in any case, and BigInt() of it would be slow.
  const digits = text.trim().replace(/^\+/, '')
  const value = digits.length > 400 ? most + 1n : BigInt(digits)
  if (value >= least && value <= most) return value
  throw new SqlError('22003', `value "${text}" is out of range for type ${type.title}`)
}

const invalid = ({ title }: DataType, text: string): SqlError =>
  new SqlError('22P02', `invalid input syntax for type ${title}: "${text}"`)

function readBoolean(text: string): boolean | null {
  const word = text.trim().toLowerCase()
  if (word === '') return null
  if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1')
    return true
  const isFalse = 'false'.startsWith(word) || 'no'.startsWith(word) || word === '0'
  return isFalse || (word.length > 1 && 'off'.startsWith(word)) ? false : null
}

/** Reads texts as values of a type. The reader throws 22P02, 22003, 22007, 22008. */
export function readerOf(type: DataType, context: TextContext): (text: string) => unknown {
  if (type.element !== null) return arrayReader(type, readerOf(type.element, context))
  switch (type.name) {
    case 'bool':
      return (text) => readBoolean(text) ?? refuse(type, text)
    case 'int8':
    case 'xid8':
      return (text) => readInteger(text, type)
    case 'float8':
    case 'float4': {
      const { name } = type
      return (text) => readFloat(text, name)
    }
    case 'numeric':
      return (text) => Decimal.parse(text) ?? refuse(type, text)
    case 'interval':
      return readInterval
    case 'date':
      return (text) => readDate(text, timeContextOf(context))
    case 'time':
      return (text) => readTime(text, timeContextOf(context))
    case 'timestamp':
      return (text) => readTimestamp(text, timeContextOf(context))
    case 'timestamptz':
      return (text) => readTimestamptz(text, timeContextOf(context))
    case 'bytea':
      return readBytes
    case 'uuid':
      return (text) => readUuid(type, text)
    case 'json':
      return (text) => (readJson(text), text)
    case 'jsonb':
      return (text) => printJson(readJson(text))
    case 'name':
      return (text) => text.slice(0, 63)
    case 'char':
      return (text) => text.slice(0, 1)
    default:
      return type.layout === 'number' ? (text) => Number(readInteger(text, type)) : (text) => text
  }
}

function refuse(type: DataType, text: string): never {
  throw invalid(type, text)
}

function arrayReader(type: DataType, read: (text: string) => unknown): (text: string) => unknown {
  const element = type.element!
  if (type.name.startsWith('_')) return (text) => readArray(text, element, read)
  const braces = (text: string): string => `{${text.trim().split(/\s+/).join(',')}}`
  return (text) => readArray(braces(text), element, read)
}

function readUuid(type: DataType, text: string): string {
  const digits = text
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .toLowerCase()
  if (!/^([0-9a-f]{4}-?){7}[0-9a-f]{4}$/.test(digits)) throw invalid(type, text)
  return digits.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The value that a text means as a type. Throws 22P02, 22003, 22007, 22008. */
export function readValue(type: DataType, text: string, context: TextContext): unknown {
  return readerOf(type, context)(text)
}
