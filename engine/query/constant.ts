// Constants among expressions: times in `where` as PostgreSQL writes them ('2026-01-01',
// timestamp '…', now() - interval '1 hour'), numbers with their sign, and text.

import { addMonths, NS_PER_DAY, floorDivide } from '../calendar.ts'
import { OmenError } from '../error.ts'
import type { Cast, Expression } from './expression/tree.ts'
import { parseStamp } from '../time.ts'

/** A length of time with its calendar part apart, as PostgreSQL's interval. */
export interface Interval {
  readonly months: bigint
  readonly nanoseconds: bigint
}

const INTERVAL_UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['nanosecond', 1n],
  ['us', 1_000n],
  ['usec', 1_000n],
  ['microsecond', 1_000n],
  ['ms', 1_000_000n],
  ['msec', 1_000_000n],
  ['millisecond', 1_000_000n],
  ['s', 1_000_000_000n],
  ['sec', 1_000_000_000n],
  ['second', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['min', 60_000_000_000n],
  ['minute', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['hr', 3_600_000_000_000n],
  ['hour', 3_600_000_000_000n],
  ['d', NS_PER_DAY],
  ['day', NS_PER_DAY],
  ['w', 7n * NS_PER_DAY],
  ['week', 7n * NS_PER_DAY],
])
const MONTH_UNITS: ReadonlyMap<string, bigint> = new Map([
  ['mo', 1n],
  ['mon', 1n],
  ['month', 1n],
  ['y', 12n],
  ['yr', 12n],
  ['year', 12n],
])
const INTERVAL_PART =
  /\s*([-+]?)(?:(\d+):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?|(\d{1,18})(?:\.(\d{1,9}))?\s*([a-z]+))/iy

/**
 * The time that a constant means where a time is wanted: text (without offset: UTC), typed text,
 * now(), a whole number (epoch ms), and ± intervals. null = not a constant time; throws
 * `bad_request` (22007) for text that is no time. Not limited to i64.
 */
export function timeConstant(node: Expression, now: bigint): bigint | null {
  switch (node.kind) {
    case 'string':
      return stampOf(node.value, node.position, now)
    case 'number':
      return node.integer === null ? null : node.integer * 1_000_000n
    case 'negate': {
      const operand = node.operand
      return operand.kind === 'number' && operand.integer !== null
        ? -operand.integer * 1_000_000n
        : null
    }
    case 'call':
      return node.name === 'now' && node.arguments.length === 0 ? now : null
    case 'cast':
      return castTime(node, now)
    case 'arithmetic':
      return shiftedTime(node.operator, node.left, node.right, now)
    default:
      return null
  }
}

/** The exact value of a number with or without signs; null = not a constant number. */
export function numberConstant(
  node: Expression,
): { readonly value: number; readonly integer: bigint | null } | null {
  if (node.kind === 'number') return { value: node.value, integer: node.integer }
  if (node.kind !== 'negate') return null
  const inner = numberConstant(node.operand)
  if (inner === null) return null
  return { value: -inner.value, integer: inner.integer === null ? null : -inner.integer }
}

/** Reads `1 day 02:30:00`, `90 minutes`, `1h30m`, `-1 month`, `2 hours ago`; null if it is none. */
export function parseInterval(text: string): Interval | null {
  const ago = /\s+ago\s*$/i.exec(text)
  const body = (ago === null ? text : text.slice(0, ago.index)).trimEnd()
  let months = 0n
  let nanoseconds = 0n
  let at = 0
  while (at < body.length) {
    INTERVAL_PART.lastIndex = at
    const found = INTERVAL_PART.exec(body)
    const part = found === null ? null : intervalPart(found)
    if (part === null) return null
    months += part.months
    nanoseconds += part.nanoseconds
    at = INTERVAL_PART.lastIndex
  }
  if (at === 0) return null
  return ago === null ? { months, nanoseconds } : { months: -months, nanoseconds: -nanoseconds }
}

function intervalPart(found: RegExpExecArray): Interval | null {
  const sign = found[1] === '-' ? -1n : 1n
  if (found[2] !== undefined) {
    const seconds = BigInt(found[2]) * 3_600n + BigInt(found[3]!) * 60n + BigInt(found[4] ?? 0)
    const fraction = BigInt((found[5] ?? '').padEnd(9, '0'))
    return { months: 0n, nanoseconds: sign * (seconds * 1_000_000_000n + fraction) }
  }
  const word = found[8]!.toLowerCase()
  const unit = word.length > 2 && word.endsWith('s') && word !== 'hrs' ? word.slice(0, -1) : word
  const fraction = found[7] ?? ''
  const count = sign * BigInt(found[6]! + fraction)
  const scale = 10n ** BigInt(fraction.length)
  const months = MONTH_UNITS.get(unit)
  if (months !== undefined) {
    return fraction === '' ? { months: count * months, nanoseconds: 0n } : null
  }
  const width = INTERVAL_UNITS.get(unit === 'hrs' ? 'hr' : unit)
  return width === undefined ? null : { months: 0n, nanoseconds: (count * width) / scale }
}

function stampOf(text: string, position: number, now: bigint): bigint {
  const trimmed = text.trim()
  if (trimmed.toLowerCase() === 'now') return now
  const time = parseStamp(trimmed, 'utc')
  if (time !== null) return time
  const message = `where: ${JSON.stringify(text.slice(0, 60))} is not a time, position ${position}`
  throw new OmenError('bad_request', message, { position, sqlstate: '22007' })
}

function castTime({ type, operand }: Cast, now: bigint): bigint | null {
  if (type !== 'timestamptz' && type !== 'timestamp' && type !== 'date') return null
  const time = timeConstant(operand, now)
  return time === null || type !== 'date' ? time : floorDivide(time, NS_PER_DAY) * NS_PER_DAY
}

function shiftedTime(
  operator: string,
  left: Expression,
  right: Expression,
  now: bigint,
): bigint | null {
  if (operator !== '+' && operator !== '-') return null
  const forwards = intervalOf(right)
  if (forwards !== null) {
    const time = timeConstant(left, now)
    return time === null ? null : shift(time, forwards, operator === '-' ? -1n : 1n)
  }
  const interval = operator === '+' ? intervalOf(left) : null
  const time = interval === null ? null : timeConstant(right, now)
  return time === null ? null : shift(time, interval!, 1n)
}

function shift(time: bigint, { months, nanoseconds }: Interval, sign: bigint): bigint | null {
  // Dates this far off are no numbers of the calendar any more, nor i64 times.
  if (months > 120_000n || months < -120_000n) return null
  return addMonths(time, sign * months) + sign * nanoseconds
}

function intervalOf(node: Expression): Interval | null {
  if (node.kind !== 'cast' || node.type !== 'interval' || node.operand.kind !== 'string')
    return null
  const interval = parseInterval(node.operand.value)
  if (interval !== null) return interval
  const { position, value } = node.operand
  const message = `where: ${JSON.stringify(value.slice(0, 60))} is not an interval`
  throw new OmenError('bad_request', message, { position, sqlstate: '22007' })
}
