// The proleptic Gregorian calendar over nanoseconds since 1970: days and months and back.
// Source: H. Hinnant, "chrono-compatible low-level date algorithms".

export const NS_PER_SECOND = 1_000_000_000n
export const NS_PER_DAY = 86_400_000_000_000n
/** `infinity` and `-infinity` of the types of times. */
export const TIME_INFINITY = 2n ** 63n - 1n
export const TIME_MINUS_INFINITY = -(2n ** 63n)
/** The first and the last time that a timestamp can be. */
export const TIME_MIN = TIME_MINUS_INFINITY + 2n
export const TIME_MAX = TIME_INFINITY - 1n

export const isFiniteTime = (time: bigint): boolean =>
  time !== TIME_INFINITY && time !== TIME_MINUS_INFINITY

/** Days from 1970-01-01; `month` 1 to 12. */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leaps + dayOfYear - 719_468
}

export interface Civil {
  readonly year: number
  readonly month: number
  readonly day: number
}

export function civilOf(days: number): Civil {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const leaps =
    Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const before = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - before
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

/** Quotient rounded down; `divisor` > 0. */
export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}

export const floorModulo = (value: bigint, divisor: bigint): bigint =>
  value - floorDivide(value, divisor) * divisor

export const dayOfTime = (time: bigint): number => Number(floorDivide(time, NS_PER_DAY))

/** The day `months` later, at the last of its month if there is no such day. */
export function addMonths(time: bigint, months: number): bigint {
  if (months === 0) return time
  const { year, month, day } = civilOf(dayOfTime(time))
  const index = year * 12 + month - 1 + months
  const toYear = Math.floor(index / 12)
  const toMonth = index - toYear * 12 + 1
  const toDay = Math.min(day, daysInMonth(toYear, toMonth))
  return BigInt(daysOf(toYear, toMonth, toDay)) * NS_PER_DAY + floorModulo(time, NS_PER_DAY)
}
