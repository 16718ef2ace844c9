// A part as one execution sees it: for each column of the plan where the directory page of one row
// group lies, and those of its blocks that are in memory. One call then goes over many blocks, and the
// host only fills in addresses. Rows are counted in the group.
//
// View, VIEW_COLUMN_SIZE bytes per column, the time first: 0 page u32 (64 BlockEntries, 0 = the column
//   has no values in the group)  4 type u32 (a field type or TIME)  8 blocks u32[64] (0 = not there yet)

import { decodeColumn } from './block'
import { ENTRY_FLAGS, ENTRY_LAST, HAS_NULLS, TIME } from './entry'
import { BLOCK_ROWS, CORRUPT, ENTRY_SIZE } from './layout'
import { decodeTimes } from './times'

export const VIEW_COLUMN_SIZE: i32 = 264
const VIEW_BLOCKS: usize = 8

export function viewColumn(view: usize, column: i32): usize {
  return view + usize(column) * usize(VIEW_COLUMN_SIZE)
}

/** Address of a block's entry; 0 = it has no values. */
export function viewEntry(column: usize, block: i32): usize {
  const page = usize(load<u32>(column))
  return page === 0 ? 0 : page + usize(block) * usize(ENTRY_SIZE)
}

/** Address of a block's bytes. */
export function viewBytes(column: usize, block: i32): usize {
  return usize(load<u32>(column + (usize(block) << 2), VIEW_BLOCKS))
}

/**
 * Decodes `count` rows of one block, from row `from` in the block on, with their validity if `valid` is
 * not 0. 0 = every row has a value, 1 = some may not, CORRUPT.
 */
export function viewBlock(
  column: usize,
  block: i32,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): i32 {
  const entry = viewEntry(column, block)
  if (entry === 0) {
    memory.fill(valid, 0, usize(count))
    return 1
  }
  const type = i32(load<u32>(column, 4))
  const bytes = viewBytes(column, block)
  if (type === TIME) return decodeTimes(bytes, entry, from, count, values) < 0 ? CORRUPT : 0
  if (decodeColumn(type, bytes, entry, from, count, values, valid) < 0) return CORRUPT
  return i32((u32(load<u8>(entry, ENTRY_FLAGS)) & HAS_NULLS) !== 0)
}

/**
 * Decodes the rows [from, to) of a column to u64[] slots (times: i64[]) and u8[] validity, over block
 * boundaries; the blocks are there. 0 = every row has a value, 1 = `valid` tells, below 0: -1 - the
 * block that does not decode. For times `valid` may be 0.
 */
export function viewDecode(
  view: usize,
  index: i32,
  from: i32,
  to: i32,
  values: usize,
  valid: usize,
): i32 {
  const column = viewColumn(view, index)
  let hasNulls = 0
  for (let row = from; row < to;) {
    const block = row / BLOCK_ROWS
    const end = min(to, (block + 1) * BLOCK_ROWS)
    const at = usize(row - from)
    const inBlock = row - block * BLOCK_ROWS
    const status = viewBlock(column, block, inBlock, end - row, values + (at << 3), valid + at)
    if (status < 0) return -1 - block
    hasNulls |= status
    row = end
  }
  return hasNulls
}

/** First of the time blocks [from, to) of one series whose last time is ≥ `time`; `to` if none is. */
export function viewLowerBlock(page: usize, from: i32, to: i32, time: i64): i32 {
  while (from < to) {
    const middle = (from + to) >> 1
    if (load<i64>(page + usize(middle) * usize(ENTRY_SIZE), ENTRY_LAST) < time) from = middle + 1
    else to = middle
  }
  return from
}
