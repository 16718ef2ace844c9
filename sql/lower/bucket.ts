// Expressions that cut the time into buckets, in any of their idioms → the engine's buckets. What an
// expression says of a bucket is computed from its start, so only the bounds have to agree.

import { Decimal } from '../decimal.ts'
import { compile } from '../execute/expression.ts'
import { ONE_ROW, type Scope, frameOf } from '../execute/scope.ts'
import { valueAt } from '../execute/vector.ts'
import type { Bound } from '../tree.ts'
import { Interval } from '../value.ts'

/** Members of the engine's request. */
export interface Bucket {
  readonly every: string
  /** Nanoseconds; start of some bucket. */
  readonly origin: bigint
  readonly tz: string | null
}

export interface BucketGroup {
  readonly bucket: Bucket
  /** The expression is the start of the bucket; else it is computed from it. */
  readonly isStart: boolean
}

type IsTime = (bound: Bound) => boolean

const NS_PER_SECOND = 1_000_000_000n
const NS_PER_DAY = 86_400n * NS_PER_SECOND

/** Of date_trunc, where all are equally long. */
const FIXED: Readonly<Record<string, string>> = { second: '1s', minute: '1m', hour: '1h' }
/** And by the calendar of a time zone. */
const CALENDAR: Readonly<Record<string, string>> = {
  day: '1d',
  week: '1w',
  month: '1mo',
  quarter: '3mo',
  year: '1y',
}

/** The engine's buckets that have the bounds of an expression's steps; null: it has none like them. */
export function bucketOf(bound: Bound, isTime: IsTime, scope: Scope): BucketGroup | null {
  const found = stepsOf(bound, isTime, scope.run.surroundings.timeZone)
  if (found === null) return null
  const origin = found.isOfEpoch ? 0n : startAtEpoch(bound, isTime, scope)
  if (origin === null) return null
  const { every, tz } = found
  return { bucket: { every, origin, tz }, isStart: !found.isOfEpoch }
}

interface Steps {
  readonly every: string
  readonly tz: string | null
  /** One of them starts at the epoch; else the expression is the start. */
  readonly isOfEpoch: boolean
}

function stepsOf(bound: Bound, isTime: IsTime, zone: string): Steps | null {
  if (bound.kind !== 'call') return secondSteps(bound, isTime)
  const [first, second, third] = bound.arguments
  switch (bound.function.name) {
    case 'time_bucket':
    case 'date_bin':
      if (!isTime(second!)) return null
      return intervalSteps(first!, third)
    case 'date_trunc':
      return isTime(second!) ? truncationSteps(first!, third, zone) : null
    case 'to_timestamp':
      return secondSteps(first!, isTime)
    default:
      return secondSteps(bound, isTime)
  }
}

/** Types that hold whole seconds of all times exactly. */
const WHOLE = new Set(['int8', 'float8', 'numeric'])

function intervalSteps(width: Bound, option: Bound | undefined): Steps | null {
  if (width.kind !== 'constant' || !(width.value instanceof Interval)) return null
  const tz = zoneOption(option)
  if (tz === undefined) return null
  const { months, days, nanoseconds } = width.value
  if (months > 0) {
    // Of an origin only its month counts, which is no start of a bucket.
    if (days !== 0 || nanoseconds !== 0n || (tz === null && option !== undefined)) return null
    return { every: `${months}mo`, tz, isOfEpoch: false }
  }
  const size = BigInt(days) * NS_PER_DAY + nanoseconds
  if (months < 0 || size <= 0n) return null
  if (tz === null) return { every: `${size}ns`, tz, isOfEpoch: false }
  return nanoseconds === 0n ? { every: `${days}d`, tz, isOfEpoch: false } : null
}

/** The zone of time_bucket; null: it has none, but perhaps an origin; undefined: it is not known. */
function zoneOption(option: Bound | undefined): string | null | undefined {
  if (option === undefined) return null
  if (option.kind !== 'constant' || option.value === null) return undefined
  return typeof option.value === 'string' ? zoneName(option.value) : null
}

/** Names with letters only, as both sides know them: others may be offsets, whose sign differs. */
function zoneName(zone: string): string | undefined {
  return zone === 'UTC' || /^[A-Z][A-Za-z]+\/[A-Za-z_/]+$/.test(zone) ? zone : undefined
}

function truncationSteps(unit: Bound, option: Bound | undefined, session: string): Steps | null {
  if (unit.kind !== 'constant' || typeof unit.value !== 'string') return null
  const tz = option === undefined ? zoneName(session) : (zoneOption(option) ?? undefined)
  if (tz === undefined) return null
  const name = unit.value.toLowerCase()
  if (Object.hasOwn(CALENDAR, name)) return { every: CALENDAR[name]!, tz, isOfEpoch: false }
  if (tz !== 'UTC' || !Object.hasOwn(FIXED, name)) return null
  return { every: FIXED[name]!, tz: null, isOfEpoch: false }
}

/** `floor(extract(epoch FROM time) / 300) [* 300]`, as Grafana writes it. */
function secondSteps(bound: Bound, isTime: IsTime): Steps | null {
  if (bound.kind === 'cast') {
    return WHOLE.has(bound.type.name) ? secondSteps(bound.operand, isTime) : null
  }
  if (bound.kind !== 'call') return null
  const [left, right] = bound.arguments
  switch (bound.function.name) {
    case '*':
      return secondsOf(right!) === null ? null : secondSteps(left!, isTime)
    case 'floor':
      return left!.kind === 'call' && left!.function.name === '/'
        ? quotientSteps(left!.arguments[0]!, left!.arguments[1]!, isTime)
        : null
    default:
      return null
  }
}

function quotientSteps(epoch: Bound, divisor: Bound, isTime: IsTime): Steps | null {
  const seconds = secondsOf(divisor)
  if (seconds === null || epoch.kind !== 'call' || epoch.function.name !== 'extract') return null
  const [unit, time] = epoch.arguments
  if (unit!.kind !== 'constant' || unit!.value !== 'epoch' || !isTime(time!)) return null
  return { every: `${seconds}s`, tz: null, isOfEpoch: true }
}

/** Whole seconds of a numeric constant, more than none. */
function secondsOf(bound: Bound): number | null {
  if (bound.kind !== 'constant' || !(bound.value instanceof Decimal)) return null
  const seconds = bound.value.toNumber()
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : null
}

/** What the expression says of 1970. */
function startAtEpoch(bound: Bound, isTime: IsTime, scope: Scope): bigint | null {
  const put = (one: Bound): Bound => {
    if (isTime(one)) return { kind: 'constant', type: one.type, value: 0n }
    return one.kind === 'call' ? { ...one, arguments: one.arguments.map(put) } : one
  }
  const start = compile(put(bound)).evaluate(frameOf(ONE_ROW, scope), null)
  const value = valueAt(start, bound.type, 0)
  return typeof value === 'bigint' ? value : null
}
