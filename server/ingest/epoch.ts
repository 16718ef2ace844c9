// Integer times into an Int64 column of nanoseconds, without a BigInt per row: the product of a
// safe integer and its unit is put together from two exact partial products.

import type { Precision } from '../../engine/query/query.ts'

/** Nanoseconds of each precision, as doubles. */
const UNIT: Readonly<Record<Precision, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 }

const SPLIT = 1_048_576 // 2^20: its multiples times 10^9 stay below 2^53
const HIGH = 4_294_967_296

/** Earliest and latest second that a time may lie in: parseTime's range, less a margin at its ends. */
const SECONDS_MAX = 9_223_372_035

/** An Int64 column under construction, with its words. */
export interface TimeColumn {
  readonly times: BigInt64Array
  readonly words: Int32Array
}

export function createTimeColumn(count: number): TimeColumn {
  const times = new BigInt64Array(count)
  return { times, words: new Int32Array(times.buffer) }
}

/**
 * Writes `value` × its unit to row `row`. False, and nothing written, if it is no safe integer or
 * near the ends of what nanoseconds can say: the caller's exact path decides those.
 */
export function writeEpoch(
  column: TimeColumn,
  row: number,
  value: number,
  precision: Precision,
): boolean {
  const unit = UNIT[precision]
  if (!Number.isSafeInteger(value) || Math.abs(value) > (SECONDS_MAX * 1e9) / unit) return false
  const upper = Math.floor(value / SPLIT)
  const product = upper * unit // below 2^44
  const highPart = Math.floor(product / 4096)
  const low = (product - highPart * 4096) * SPLIT + (value - upper * SPLIT) * unit
  const carry = Math.floor(low / HIGH)
  column.words[2 * row] = low - carry * HIGH
  column.words[2 * row + 1] = highPart + carry
  return true
}
