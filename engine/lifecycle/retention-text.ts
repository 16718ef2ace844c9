// Retention as text: one count and one unit, kept as it was sent. Ages have a fixed length here: a
// month is 30 days and a year 365, because a point goes at an age, not on a day of the calendar.

import { OmenError } from '../error.ts'
import { parseDuration } from '../time.ts'

const NS_PER_SECOND = 1_000_000_000n
const NS_PER_DAY = 86_400n * NS_PER_SECOND
/** Whole seconds of it fit 32 bits. */
const YEARS_MAX = 100n

/**
 * Nanoseconds and canonical text of a retention; 0 and '' for null. Throws `bad_request` for what
 * is no duration, and for one under a second, with fractions of one, or of more than 100 years.
 */
export function parseRetention(text: unknown, pointer: string): { ns: bigint; text: string } {
  if (text === null) return { ns: 0n, text: '' }
  const { count, unit, width, months } = parseDuration(text, pointer)
  const ns = width ?? (unit === 'y' ? count * 365n : months * 30n) * NS_PER_DAY
  if (ns % NS_PER_SECOND !== 0n) {
    throw refusal(`${count}${unit} is no whole number of seconds`, pointer)
  }
  if (ns > YEARS_MAX * 365n * NS_PER_DAY) {
    throw refusal(`${count}${unit} is longer than ${YEARS_MAX} years`, pointer)
  }
  return { ns, text: `${count}${unit}` }
}

function refusal(message: string, pointer: string): OmenError {
  return new OmenError('bad_request', `${pointer.slice(1)}: ${message}`, { pointer })
}
