// Text of intervals: printed in IntervalStyle `postgres`, read in all that PostgreSQL takes: units,
// clocks, `1-2` (years and months), ISO 8601 (`P1DT2H`), `ago`.
// Source: PostgreSQL 15, src/backend/utils/adt/datetime.c, DecodeInterval and EncodeInterval.

import { SqlError } from '../sql-error.ts'
import { Interval } from '../value.ts'

const NS = { second: 1_000_000_000n, minute: 60_000_000_000n, hour: 3_600_000_000_000n } as const
const NS_PER_DAY = 86_400_000_000_000
const INT4_MAX = 2 ** 31 - 1

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`

/** `1 year 2 mons 3 days 04:05:06.5`. */
export function printInterval({ months, days, nanoseconds }: Interval): string {
  const parts: string[] = []
  let wasNegative = false
  const add = (count: number, unit: string): void => {
    if (count === 0) return
    // A positive part after a negative one says so.
    parts.push((wasNegative && count > 0 ? '+' : '') + plural(count, unit))
    wasNegative = count < 0
  }
  add(Math.trunc(months / 12), 'year')
  add(months % 12, 'mon')
  add(days, 'day')
  if (nanoseconds !== 0n || parts.length === 0) {
    const sign = nanoseconds < 0n ? '-' : wasNegative ? '+' : ''
    parts.push(sign + printClock(nanoseconds < 0n ? -nanoseconds : nanoseconds))
  }
  return parts.join(' ')
}

/** `hh:mm:ss[.fraction]` of nanoseconds ≥ 0. */
export function printClock(nanoseconds: bigint): string {
  const seconds = nanoseconds / NS.second
  const fraction = nanoseconds % NS.second
  const [h, m, s] = [seconds / 3_600n, (seconds / 60n) % 60n, seconds % 60n]
  const clock = [h, m, s].map((part) => String(part).padStart(2, '0')).join(':')
  return fraction === 0n ? clock : `${clock}.${printFraction(fraction)}`
}

/** Nine digits without the zeros at their end. */
export const printFraction = (nanoseconds: bigint): string =>
  String(nanoseconds).padStart(9, '0').replace(/0+$/, '')

class Sum {
  private readonly seen = new Set<Unit>()
  months = 0
  days = 0
  nanoseconds = 0n

  /** False: a text has named the unit before. */
  claim(...names: readonly string[]): boolean {
    const units = names.map((name) => UNITS.get(name)!)
    const isNew = units.every((one) => !this.seen.has(one))
    for (const one of units) this.seen.add(one)
    return isNew
  }

  /** `unit` of `count` with its decimals as text; parts of months become days of 30, of days time. */
  add(sign: number, whole: string, fraction: string, unit: Unit): void {
    const part = fraction === '' ? 0 : Number(`0.${fraction}`)
    const count = sign * Number(whole)
    if (unit.months > 0) {
      const months = sign * part * unit.months
      const wholeMonths = unit.months === 1 ? 0 : Math.round(months)
      this.months += count * unit.months + wholeMonths
      if (unit.months === 1) this.addDays(months * 30)
    } else if (unit.days > 0) {
      this.days += count * unit.days
      this.addDays(sign * part * unit.days)
    } else {
      const size = unit.nanoseconds
      const digits = fraction.slice(0, 12)
      const exact = (BigInt(digits || '0') * size * 10n) / 10n ** BigInt(digits.length)
      this.nanoseconds += BigInt(sign) * (BigInt(whole || '0') * size + (exact + 5n) / 10n)
    }
  }

  private addDays(days: number): void {
    const whole = Math.trunc(days)
    this.days += whole
    this.nanoseconds += BigInt(Math.round(((days - whole) * NS_PER_DAY) / 1000) * 1000)
  }
}

interface Unit {
  readonly months: number
  readonly days: number
  readonly nanoseconds: bigint
}

const unit = (months: number, days: number, nanoseconds: bigint): Unit => ({
  months,
  days,
  nanoseconds,
})

const UNITS = new Map<string, Unit>()
const enter = (names: string, value: Unit): void => {
  for (const name of names.split(' ')) UNITS.set(name, value)
}
enter('ns nsec nanosecond nanoseconds', unit(0, 0, 1n))
enter('us usec usecs microsecond microseconds microsec µs', unit(0, 0, 1_000n))
enter('ms msec msecs millisecond milliseconds', unit(0, 0, 1_000_000n))
enter('s sec secs second seconds', unit(0, 0, NS.second))
enter('m min mins minute minutes', unit(0, 0, NS.minute))
enter('h hr hrs hour hours', unit(0, 0, NS.hour))
enter('d day days', unit(0, 1, 0n))
enter('w week weeks', unit(0, 7, 0n))
enter('mon mons month months', unit(1, 0, 0n))
enter('y yr yrs year years', unit(12, 0, 0n))
enter('dec decs decade decades', unit(120, 0, 0n))
enter('c cent century centuries', unit(1_200, 0, 0n))
enter('mil mils millennium millennia', unit(12_000, 0, 0n))

const TOKEN =
  /\s*(?:([-+]?)\s*(\d+):(\d+)(?::(\d+)(?:\.(\d*))?)?|([-+]?)(\d+)-(\d+)(?=\s|$)|([-+]?)\s*(\d*)(?:\.(\d*))?\s*([a-zµ]+)?)\s*/giy

/** Hours, and times of day: a number without a unit before them counts days. */
const BEFORE_DAYS = /^[-+]?\s*(?:\d+:|\d*(?:\.\d*)?\s*(?:h|hrs?|hours?)(?![a-z]))/

/** Throws 22007 for what is no interval, 22015 for one that is too long. */
export function readInterval(text: string): Interval {
  const sum = text.trim().startsWith('P') ? readIso(text.trim()) : readParts(text)
  if (sum === null) throw new SqlError('22007', `invalid input syntax for type interval: "${text}"`)
  const isLong = Math.abs(sum.months) > INT4_MAX || Math.abs(sum.days) > INT4_MAX
  if (isLong || BigInt.asIntN(64, sum.nanoseconds / 1_000n) !== sum.nanoseconds / 1_000n) {
    throw new SqlError('22015', `interval field value out of range: "${text}"`)
  }
  return new Interval(sum.months, sum.days, sum.nanoseconds)
}

function readParts(text: string): Sum | null {
  const sum = new Sum()
  const lower = text.trim().toLowerCase().replace(/^@\s*/, '')
  const isAgo = /\sago$/.test(lower)
  const body = isAgo ? lower.slice(0, -4).trim() : lower
  if (body === '') return null
  for (let at = 0; at < body.length;) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(body)
    if (found === null || found[0] === '') return null
    at = TOKEN.lastIndex
    const rest = body.slice(at)
    const isTime = BEFORE_DAYS.test(rest)
    if (!addToken(sum, found, { isTime, isEmpty: rest === '' && !isAgo })) return null
  }
  if (isAgo) {
    sum.months = -sum.months
    sum.days = -sum.days
    sum.nanoseconds = -sum.nanoseconds
  }
  return sum
}

function addToken(
  sum: Sum,
  found: RegExpExecArray,
  rest: { readonly isTime: boolean; readonly isEmpty: boolean },
): boolean {
  const [, sign, h, m, s, f = '', yearSign, years, months, mark, whole = '', fraction = '', name] =
    found
  if (h !== undefined) {
    const factor = sign === '-' ? -1 : 1
    if (Number(m) > 59 || Number(s ?? 0) > 60 || !sum.claim('h', 'm', 's', 'ms', 'us')) return false
    sum.add(factor, h, '', UNITS.get('h')!)
    sum.add(factor, m!, '', UNITS.get('m')!)
    if (s !== undefined) sum.add(factor, s, f, UNITS.get('s')!)
    return true
  }
  if (years !== undefined) {
    const factor = yearSign === '-' ? -1 : 1
    sum.months += factor * (Number(years) * 12 + Number(months))
    return Number(months) < 12 && sum.claim('mon')
  }
  if (whole === '' && fraction === '') return false
  // At the end it counts seconds.
  if (name === undefined && !rest.isTime && !rest.isEmpty) return false
  const own = name ?? (rest.isTime ? 'd' : 's')
  const size = UNITS.get(own)
  const claimed = own.startsWith('s') && fraction !== '' ? [own, 'ms', 'us'] : [own]
  if (size === undefined || !sum.claim(...claimed)) return false
  sum.add(mark === '-' ? -1 : 1, whole, fraction, size)
  return true
}

const ISO_PART = /([-+]?)(\d+)(?:\.(\d+))?([YMWDHS])/y
const ISO_UNITS = { date: { Y: 'y', M: 'mon', W: 'w', D: 'd' }, time: { H: 'h', M: 'm', S: 's' } }

function readIso(text: string): Sum | null {
  const sum = new Sum()
  let units: Readonly<Record<string, string>> = ISO_UNITS.date
  for (let at = 1; at < text.length;) {
    if (text[at] === 'T') {
      units = ISO_UNITS.time
      at++
      continue
    }
    ISO_PART.lastIndex = at
    const found = ISO_PART.exec(text)
    const name = found && units[found[4]!]
    if (!found || name === undefined || name === null) return null
    sum.add(found[1] === '-' ? -1 : 1, found[2]!, found[3] ?? '', UNITS.get(name)!)
    at = ISO_PART.lastIndex
  }
  return text.length > 1 ? sum : null
}
