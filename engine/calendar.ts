// The proleptic Gregorian calendar. Days are counted from 1970-01-01 (H. Hinnant, "chrono-compatible
// low-level date algorithms"); months keep the day and the time of day, clamped to the month's last
// day, as `timestamp + interval` does in PostgreSQL.

export const NS_PER_DAY = 86_400_000_000_000n
/** Limits of a time: one step of room on both sides of i64 for exclusive ends and sentinels. */
export const TIME_MIN = -(2n ** 63n) + 2n
export const TIME_MAX = 2n ** 63n - 2n

export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly day: number
}

/** Days from 1970-01-01 to a valid date, negative before. */
export function daysFromCivil({ year, month, day }: CivilDate): number {
  // Years start in March here, so the leap day is the last of its year.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The twin of daysFromCivil. */
export function civilFromDays(days: number): CivilDate {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const leaps =
    Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const beforeYear = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - beforeYear
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

/** Quotient rounded down, also for negatives; `divisor` > 0. */
export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}

/** Months since January of the year 0. */
export function monthIndex(time: bigint): bigint {
  const { year, month } = civilFromDays(Number(floorDivide(time, NS_PER_DAY)))
  return BigInt(year * 12 + month - 1)
}

/** The time `months` calendar months later (earlier if negative); may lie outside TIME_MIN…TIME_MAX. */
export function addMonths(time: bigint, months: bigint): bigint {
  const days = floorDivide(time, NS_PER_DAY)
  const civil = civilFromDays(Number(days))
  const index = BigInt(civil.year * 12 + civil.month - 1) + months
  const year = Number(floorDivide(index, 12n))
  const month = Number(index) - year * 12 + 1
  const day = Math.min(civil.day, daysInMonth(year, month))
  return BigInt(daysFromCivil({ year, month, day })) * NS_PER_DAY + (time - days * NS_PER_DAY)
}
