// Julian days and weeks of ISO 8601, also of months that are not 1 to 12, as intervals have them.
// Source: PostgreSQL 15, src/backend/utils/adt/{datetime,timestamp}.c, date2j, date2isoweek.

/** Julian day of 1970-01-01. */
export const JULIAN_EPOCH = 2_440_588

const divide = (value: number, divisor: number): number => Math.trunc(value / divisor)

/** Quotients are cut, so that months of 0 and less mean what they mean in PostgreSQL. */
export function julianDay(year: number, month: number, day: number): number {
  const isLate = month > 2
  const m = month + (isLate ? 1 : 13)
  const y = year + (isLate ? 4_800 : 4_799)
  const century = divide(y, 100)
  const leaps = divide(y, 4) - century + divide(century, 4)
  return y * 365 - 32_167 + leaps + divide(7_834 * m, 256) + day
}

/** 0 is Sunday. */
const weekday = (julian: number): number => (((julian + 1) % 7) + 7) % 7

/** The Monday of a week of a year. */
export function isoWeekStart(year: number, week: number): number {
  const fourth = julianDay(year, 1, 4)
  return (week - 1) * 7 + fourth - weekday(fourth - 1)
}

function isoOf(year: number, month: number, day: number): { year: number; week: number } {
  const julian = julianDay(year, month, day)
  const own = julian < isoWeekStart(year, 1) ? year - 1 : year
  const week = divide(julian - isoWeekStart(own, 1), 7) + 1
  const next = isoWeekStart(year + 1, 1)
  if (week < 52 || julian < next) return { year: own, week }
  return { year: own + 1, week: divide(julian - next, 7) + 1 }
}

export const isoYearOf = (year: number, month: number, day: number): number =>
  isoOf(year, month, day).year

export const isoWeekOf = (year: number, month: number, day: number): number =>
  isoOf(year, month, day).week
