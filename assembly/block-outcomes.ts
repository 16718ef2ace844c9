// What a comparison may come out as in the blocks of a row group, from their summaries: the zone maps of
// a filter (Moerkotte, "Small materialized aggregates", VLDB 1998). One call for all blocks of a group.

import {
  ENTRY_COUNT,
  ENTRY_FLAGS,
  ENTRY_MAX,
  ENTRY_MIN,
  ENTRY_ROWS,
  HAS_SUMMARY,
  TIME,
} from './entry'
import { compareSlots } from './extreme'
import { EQUAL, GREATER, LESS } from './filter'
import { INTEGER } from './layout'
import { viewColumn, viewEntry } from './part-view'

/** Sets of outcomes of rows (engine/query/condition.ts). */
const MAY_FAIL: u8 = 1
const MAY_BE_NULL: u8 = 2
const MAY_HOLD: u8 = 4

const ANY: i32 = LESS | EQUAL | GREATER

/** Outcomes of comparing the value at `entry` slots with a constant: those of least to greatest. */
function reachOf(type: i32, entry: usize, constant: u64): i32 {
  if ((u32(load<u8>(entry, ENTRY_FLAGS)) & HAS_SUMMARY) === 0) return ANY
  const low = compareSlots(type, load<u64>(entry, ENTRY_MIN), constant)
  const high = compareSlots(type, load<u64>(entry, ENTRY_MAX), constant)
  const isEqual = low !== GREATER && high !== LESS
  return (low === LESS ? LESS : 0) | (high === GREATER ? GREATER : 0) | (isEqual ? EQUAL : 0)
}

/**
 * For each of the first `blocks` blocks of a view's row group the set of outcomes, u8, that rows may have
 * which are compared with a slot of the column's type, not STRING; `accepted` as in filter.ts.
 */
export function viewOutcomes(
  view: usize,
  index: i32,
  blocks: i32,
  accepted: i32,
  constant: u64,
  target: usize,
): void {
  const column = viewColumn(view, index)
  const coded = i32(load<u32>(column, 4))
  const type = coded === TIME ? INTEGER : coded
  for (let block = 0; block < blocks; block++) {
    const entry = viewEntry(column, block)
    const rows: u32 = load<u16>(viewEntry(view, block), ENTRY_ROWS)
    let count: u32 = 0
    if (entry !== 0) count = load<u16>(entry, ENTRY_COUNT)
    let outcomes: u8 = count < rows ? MAY_BE_NULL : 0
    if (count > 0) {
      const reach = reachOf(type, entry, constant)
      if ((reach & accepted) !== 0) outcomes |= MAY_HOLD
      if ((reach & ~accepted & ANY) !== 0) outcomes |= MAY_FAIL
    }
    store<u8>(target + usize(block), outcomes)
  }
}
