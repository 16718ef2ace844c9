// A part as one execution sees it: for each column of the plan where the directory page of one row
// group lies, and those of its blocks that are in memory. One call then goes over many blocks, and the
// host only fills in addresses. Rows are counted in the group.
//
// View, VIEW_COLUMN_SIZE bytes per column, the time first: 0 page u32 (64 BlockEntries, 0 = the column
//   has no values in the group)  4 type u32 (a field type or TIME)  8 blocks u32[64] (0 = not there yet)

import { decodeColumn } from './block'
import { ENTRY_BYTES, ENTRY_FIRST, ENTRY_FLAGS, ENTRY_LAST, ENTRY_ROWS } from './entry'
import { HAS_NULLS, TIME } from './entry'
import { BLOCK_ROWS, CORRUPT, ENTRY_SIZE } from './layout'
import { decodeTimes, timeAt, timeLowerBound, toldBound, toldRow } from './times'

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

/**
 * What viewClip found: 0 row from i32  4 row to i32  8 blocks i32[2] (whose models answered for `start`
 * and `end`, -1 = none)  16 first time i64  24 last time i64  32 the rows that they told i32[2]
 * 40 how far off they may be, in rows i32[2].
 */
export const VIEW_CLIP: usize = memory.data(48, 8)

const ABSENT: i32 = i32.MIN_VALUE

/** Address of a time block's bytes, 0 = they are not there. A block may need none. */
function timeBytes(view: usize, block: i32): usize {
  const entry = viewEntry(view, block)
  return load<u32>(entry, ENTRY_BYTES) === 0 ? entry : viewBytes(view, block)
}

/** First of the rows [from, to) with a time >= `time`; ABSENT + its block if bytes are not there. */
function lowerRow(view: usize, from: i32, to: i32, time: i64, used: usize): i32 {
  const page = usize(load<u32>(view))
  const block = viewLowerBlock(page, from / BLOCK_ROWS, (to - 1) / BLOCK_ROWS, time)
  const entry = viewEntry(view, block)
  const base = block * BLOCK_ROWS
  if (from <= base && time <= load<i64>(entry, ENTRY_FIRST)) return base
  const bytes = timeBytes(view, block)
  if (bytes === 0) return ABSENT + block
  store<i32>(used, block)
  const rows = i32(load<u16>(entry, ENTRY_ROWS))
  const found = timeLowerBound(bytes, entry, max(from - base, 0), min(to - base, rows), time)
  store<i32>(used, base + toldRow, 24)
  store<i32>(used, toldBound, 32)
  return base + found
}

/** Writes the time of a row; false if the bytes of its block are not there. */
function rowTimeTo(view: usize, row: i32, target: usize): bool {
  const block = row / BLOCK_ROWS
  const inBlock = row % BLOCK_ROWS
  const entry = viewEntry(view, block)
  if (inBlock === 0) store<i64>(target, load<i64>(entry, ENTRY_FIRST))
  else if (inBlock === i32(load<u16>(entry, ENTRY_ROWS)) - 1) {
    store<i64>(target, load<i64>(entry, ENTRY_LAST))
  } else {
    const bytes = timeBytes(view, block)
    if (bytes === 0) return false
    store<i64>(target, timeAt(bytes, entry, inBlock))
  }
  return true
}

/**
 * Finds those of the rows [from, to) of one series, of times firstTime to lastTime and all in the view's
 * row group, that have a time in [start, end), by the models of the times alone. Fills VIEW_CLIP and
 * answers how many they are; or below 0: -1 - the time block whose bytes have to be there.
 */
export function viewClip(
  view: usize,
  from: i32,
  to: i32,
  firstTime: i64,
  lastTime: i64,
  start: i64,
  end: i64,
): i32 {
  store<i32>(VIEW_CLIP, -1, 8)
  store<i32>(VIEW_CLIP, -1, 12)
  store<i64>(VIEW_CLIP, firstTime, 16)
  store<i64>(VIEW_CLIP, lastTime, 24)
  let first = from
  let next = to
  if (firstTime < start) {
    first = lastTime < start ? to : lowerRow(view, from, to, start, VIEW_CLIP + 8)
    if (first < 0) return -1 - (first - ABSENT)
  }
  if (lastTime >= end && first < to) {
    next = firstTime >= end ? first : lowerRow(view, first, to, end, VIEW_CLIP + 12)
    if (next < 0) return -1 - (next - ABSENT)
  }
  store<i32>(VIEW_CLIP, first)
  store<i32>(VIEW_CLIP, next, 4)
  if (first >= next) return 0
  if (first > from && !rowTimeTo(view, first, VIEW_CLIP + 16)) return -1 - first / BLOCK_ROWS
  if (next < to && !rowTimeTo(view, next - 1, VIEW_CLIP + 24)) return -1 - (next - 1) / BLOCK_ROWS
  return next - first
}
