// Summaries of a block: min, max, sum, first and last of the rows that have a value, in row order,
// in the slots of the BlockEntry. Integer sums are exact in 128 bits. NaN sorts highest, as in
// PostgreSQL: it is the max if there is one, and the min only if there is nothing else.
// Of values that compare equal (-0 and 0) the one met first is kept.

import { accumulateSum } from './cell'
import * as entries from './entry'
import { extremeSlot } from './extreme'
import { GREATER, LESS } from './filter'
import { FLOAT } from './layout'
import { floatTotal } from './sum'

/**
 * Summarises slots[n] of a type that is not STRING; `valid` u8[n] or 0. Some row has a value. The sum
 * of floats is the plain one, which decimals replace by their exact one.
 */
export function summarize(type: i32, values: usize, valid: usize, n: i32, entry: usize): void {
  store<u64>(entry, extremeSlot(type, LESS, values, valid, 0, n), entries.ENTRY_MIN)
  const greatest = extremeSlot(type, GREATER, values, valid, 0, n)
  store<u64>(entry, greatest, entries.ENTRY_MAX)
  // A sum lies in the entry as it does in a cell; of floats its compensation is not kept.
  const sum = entry + entries.ENTRY_SUM
  accumulateSum(sum, type, values, valid, 0, n)
  if (type === FLOAT) {
    store<f64>(sum, floatTotal(sum))
    store<i64>(entry, 0, entries.ENTRY_SUM_HIGH)
    if (isNaN(reinterpret<f64>(greatest))) addFlag(entry, entries.HAS_NAN)
  }
  storeEnds(values, valid, n, entry)
}

function addFlag(entry: usize, flag: u32): void {
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  store<u8>(entry, u8(flags | flag), entries.ENTRY_FLAGS)
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
  addFlag(entry, entries.HAS_SUMMARY)
}
