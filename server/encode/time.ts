// Times as answers print them, from nanoseconds in an Int64 column, without a BigInt per row (that
// alone would cost more than the query): the 64 bits are split into two halves, which doubles
// divide exactly. Days follow Howard Hinnant's civil_from_days.

/** How `time` comes out: a number of `ms` (default), `s` or `us`, or text as `ns` or `rfc3339`. */
export type TimeFormat = 'ms' | 's' | 'us' | 'ns' | 'rfc3339'

export const TIME_FORMATS = ['ms', 's', 'us', 'ns', 'rfc3339'] as const

/** Prints row `row` of the column it was made for; texts have no quotes. */
export type CellPrinter = (row: number) => string

const HIGH = 4_294_967_296

/** The halves of 64-bit columns: low word (unsigned) at 2·row, high word (signed) at 2·row + 1. */
export function halvesOf(column: BigInt64Array | BigUint64Array): {
  low: Uint32Array
  high: Int32Array
} {
  const { buffer, byteOffset, length } = column
  return {
    low: new Uint32Array(buffer, byteOffset, 2 * length),
    high: new Int32Array(buffer, byteOffset, 2 * length),
  }
}

/**
 * ⌊(high · 2^32 + low) / divisor⌋ for a divisor of at most 10^6: the remainder of the high half,
 * times 2^32, stays below 2^53, and quotients below 2^33 are never rounded up to a whole number.
 */
function floorDivide(high: number, low: number, divisor: number): number {
  const quotient = Math.floor(high / divisor)
  const rest = high - quotient * divisor
  return quotient * HIGH + Math.floor((rest * HIGH + low) / divisor)
}

/** The nanoseconds below the millisecond of a time, 0 to 999,999. */
function belowMillisecond(high: number, low: number): number {
  const rest = high - Math.floor(high / 1_000_000) * 1_000_000
  return (rest * HIGH + low) % 1_000_000
}

/** A printer for the times of `column` (nanoseconds). Coarser units round down. */
export function timePrinter(column: BigInt64Array, format: TimeFormat): CellPrinter {
  const { low, high } = halvesOf(column)
  switch (format) {
    case 'ms':
      return (row) => String(floorDivide(high[2 * row + 1]!, low[2 * row]!, 1_000_000))
    case 's':
      return (row) => String(floorSeconds(high[2 * row + 1]!, low[2 * row]!))
    case 'us':
      return (row) => microseconds(column, row, high[2 * row + 1]!, low[2 * row]!)
    case 'ns':
      return (row) => nanoseconds(column, row, high[2 * row + 1]!, low[2 * row]!)
    default:
      return rfc3339Printer(low, high)
  }
}

function floorSeconds(high: number, low: number): number {
  return Math.floor(floorDivide(high, low, 1_000_000) / 1000)
}

function microseconds(column: BigInt64Array, row: number, high: number, low: number): string {
  const value = floorDivide(high, low, 1000)
  if (Number.isSafeInteger(value)) return String(value)
  const time = column[row]! // beyond the years 1684 and 2255
  return String((time - (((time % 1000n) + 1000n) % 1000n)) / 1000n)
}

function nanoseconds(column: BigInt64Array, row: number, high: number, low: number): string {
  if (high < 0) return String(column[row]!)
  const milliseconds = floorDivide(high, low, 1_000_000)
  const rest = belowMillisecond(high, low)
  if (milliseconds === 0) return String(rest)
  return milliseconds + String(rest).padStart(6, '0')
}

/** Neighbouring times share their minute, so its text is kept. */
function rfc3339Printer(low: Uint32Array, high: Int32Array): CellPrinter {
  let minute = Number.NaN
  let prefix = ''
  return (row) => {
    const highWord = high[2 * row + 1]!
    const lowWord = low[2 * row]!
    const milliseconds = floorDivide(highWord, lowWord, 1_000_000)
    const current = Math.floor(milliseconds / 60_000)
    if (current !== minute) {
      minute = current
      prefix = minuteText(current)
    }
    const rest = milliseconds - current * 60_000
    const second = Math.floor(rest / 1000)
    const fraction = (rest - second * 1000) * 1_000_000 + belowMillisecond(highWord, lowWord)
    return `${prefix}${twoDigits(second)}${fractionText(fraction)}Z`
  }
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** `.5` for 500,000,000 nanoseconds, nothing for 0: as Go's RFC3339Nano, as InfluxDB prints. */
function fractionText(nanoseconds: number): string {
  if (nanoseconds === 0) return ''
  return `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
}

/** `2026-09-21T14:13:` for a minute since the epoch. */
function minuteText(minute: number): string {
  const day = Math.floor(minute / 1440)
  const ofDay = minute - day * 1440
  const hour = Math.floor(ofDay / 60)
  return `${dayText(day)}T${twoDigits(hour)}:${twoDigits(ofDay - hour * 60)}:`
}

/** civil_from_days: 400-year eras that begin on March 1st, so that leap days come last. */
function dayText(day: number): string {
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * ofYear + 2) / 153)
  const dayOfMonth = ofYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(dayOfMonth)}`
}
