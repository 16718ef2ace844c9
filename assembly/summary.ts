// Summaries of a block: min, max, sum, first and last of the rows that have a value, in row order,
// in the slots of the BlockEntry. Integer sums are exact in 128 bits. NaN sorts highest, as in
// PostgreSQL: it is the max if there is one, and the min only if there is nothing else.
// Of values that compare equal (-0 and 0) the one met first is kept.

import * as entries from './entry'

/** Summarises i64[n] or, with `isUnsigned`, u64[n]; `valid` u8[n] or 0. Some row has a value. */
export function summarizeIntegers(
  values: usize,
  valid: usize,
  n: i32,
  isUnsigned: bool,
  entry: usize,
): void {
  const flip: i64 = isUnsigned ? i64.MIN_VALUE : 0
  let low = i64.MAX_VALUE
  let high = i64.MIN_VALUE
  let sumLow: u64 = 0
  let sumHigh: i64 = 0
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const value = load<i64>(values + (usize(i) << 3))
    low = min(low, value ^ flip)
    high = max(high, value ^ flip)
    sumLow += u64(value)
    sumHigh += i64(sumLow < u64(value)) + (isUnsigned ? 0 : value >> 63)
  }
  store<i64>(entry, low ^ flip, entries.ENTRY_MIN)
  store<i64>(entry, high ^ flip, entries.ENTRY_MAX)
  store<u64>(entry, sumLow, entries.ENTRY_SUM)
  store<i64>(entry, sumHigh, entries.ENTRY_SUM_HIGH)
  storeEnds(values, valid, n, entry)
}

/** Summarises f64[n]; the sum is the plain one, which decimals replace by their exact one. */
export function summarizeFloats(values: usize, valid: usize, n: i32, entry: usize): void {
  let low: f64 = Infinity
  let high: f64 = -Infinity
  let sum: f64 = 0.0
  let count = 0
  let lastNaN: f64 = NaN
  let hasNaN = false
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const value = load<f64>(values + (usize(i) << 3))
    sum += value
    if (isNaN(value)) {
      hasNaN = true
      lastNaN = value
      continue
    }
    low = count === 0 || value < low ? value : low
    high = count === 0 || value > high ? value : high
    count++
  }
  store<f64>(entry, count === 0 ? lastNaN : low, entries.ENTRY_MIN)
  store<f64>(entry, hasNaN ? lastNaN : high, entries.ENTRY_MAX)
  store<f64>(entry, sum, entries.ENTRY_SUM)
  store<i64>(entry, 0, entries.ENTRY_SUM_HIGH)
  if (hasNaN) {
    store<u8>(
      entry,
      load<u8>(entry, entries.ENTRY_FLAGS) | u8(entries.HAS_NAN),
      entries.ENTRY_FLAGS,
    )
  }
  storeEnds(values, valid, n, entry)
}

function storeEnds(values: usize, valid: usize, n: i32, entry: usize): void {
  let first = 0
  let last = n - 1
  if (valid !== 0) {
    while (load<u8>(valid + usize(first)) === 0) first++
    while (load<u8>(valid + usize(last)) === 0) last--
  }
  store<u64>(entry, load<u64>(values + (usize(first) << 3)), entries.ENTRY_FIRST)
  store<u64>(entry, load<u64>(values + (usize(last) << 3)), entries.ENTRY_LAST)
  store<u8>(
    entry,
    load<u8>(entry, entries.ENTRY_FLAGS) | u8(entries.HAS_SUMMARY),
    entries.ENTRY_FLAGS,
  )
}
