// The rows of one series in a memtable within a time range, as a sorted index over the rows where
// they lie. Chains come newest first; one that arrived in order is not sorted. An entry is the
// row's offset, with bit 31 set if it has the time of the entry before it (a later write of it).
//
// Selection, 120 bytes: 0 memtable u32  4 next u32 (row to visit: offset + 1)  8 snapshot u32
//      12 phase u32  16 index u32 (u32[capacity])  20 scratch u32 (u32[capacity])  24 capacity u32
//      28 entries u32  32 rows u32  36 position u32  40 flags u32  44 reserved
//      48 start i64  56 end i64  64 time of the entry before i64  72 Sort, 40 bytes
//      112 marks u32 (rows with a mark up to this are not seen)  116 reserved

import { FULL, STRING } from './layout'
import { memtableArena, memtableRows } from './memtable'
import { catalogColumns, catalogShapes, columnType, rowMark, rowPrevious, rowShape } from './row'
import { rowSlot, rowTime, shapePosition } from './row'
import { sortInit, sortStep } from './sort'

export const SELECTION_SIZE: i32 = 120

/** Bit of an entry that has the same time as the entry before it. */
export const CONTINUES: u32 = 0x80000000
const OFFSET: u32 = 0x7fffffff

const GATHER: u32 = 0
const SORT: u32 = 1
const MARK: u32 = 2
const DONE: u32 = 3
const CHECK: u32 = 4

const DISORDERED: u32 = 1
const REPEATED: u32 = 2

/**
 * Prepares a selection of the rows in [start, end) of the chain that starts at `head` (offset + 1);
 * rows at or beyond `snapshot` bytes are not seen, nor are those that the first `marks` tombstones of
 * the memtable hide. `index` and `scratch` are u32[capacity].
 */
export function selectionInit(
  selection: usize,
  memtable: usize,
  head: u32,
  snapshot: u32,
  marks: u32,
  start: i64,
  end: i64,
  index: usize,
  scratch: usize,
  capacity: u32,
): void {
  memory.fill(selection, 0, SELECTION_SIZE)
  store<u32>(selection, u32(memtable))
  store<u32>(selection, head, 4)
  store<u32>(selection, snapshot, 8)
  store<u32>(selection, u32(index), 16)
  store<u32>(selection, u32(scratch), 20)
  store<u32>(selection, capacity, 24)
  store<i64>(selection, start, 48)
  store<i64>(selection, end, 56)
  store<i64>(selection, i64.MAX_VALUE, 64)
  store<u32>(selection, marks, 112)
}

/**
 * Prepares a selection whose `entries` (of all times, in order of arrival) are in the index already;
 * `scratch` is as long.
 */
export function selectionOver(
  selection: usize,
  memtable: usize,
  index: usize,
  scratch: usize,
  entries: u32,
): void {
  memory.fill(selection, 0, SELECTION_SIZE)
  store<u32>(selection, u32(memtable))
  store<u32>(selection, CHECK, 12)
  store<u32>(selection, u32(index), 16)
  store<u32>(selection, u32(scratch), 20)
  store<u32>(selection, entries, 24)
  store<u32>(selection, entries, 28)
  store<i64>(selection, i64.MIN_VALUE, 64)
}

/** Row offset of an entry. */
export function entryOffset(entry: u32): u32 {
  return entry & OFFSET
}

/** Entries of a selection that is done: rows and their later writes. */
export function selectionEntries(selection: usize): u32 {
  return load<u32>(selection, 28)
}

/** Rows (distinct times) of a selection that is done. */
export function selectionRows(selection: usize): u32 {
  return load<u32>(selection, 32)
}

/** Walks the chain, writing offsets from the end of the index downwards. */
function gather(selection: usize, budget: i32): i32 {
  const rows = memtableRows(usize(load<u32>(selection)))
  const snapshot = load<u32>(selection, 8)
  const index = usize(load<u32>(selection, 16))
  const capacity = load<u32>(selection, 24)
  const marks = load<u32>(selection, 112)
  const start = load<i64>(selection, 48)
  const end = load<i64>(selection, 56)
  let next = load<u32>(selection, 4)
  let entries = load<u32>(selection, 28)
  let flags = load<u32>(selection, 40)
  let newer = load<i64>(selection, 64)
  let result = budget
  while (next !== 0 && result > 0) {
    const row = rows + usize(next - 1)
    const time = rowTime(row)
    // A mark of 0 becomes the greatest number.
    const isSeen = next <= snapshot && rowMark(row) - 1 >= marks
    if (isSeen && time >= start && time < end) {
      if (entries === capacity) {
        result = FULL
        break
      }
      if (time >= newer) flags |= time > newer ? DISORDERED : REPEATED
      newer = time
      entries++
      store<u32>(index + (usize(capacity - entries) << 2), next - 1)
    }
    next = rowPrevious(row)
    result--
  }
  store<u32>(selection, next, 4)
  store<u32>(selection, entries, 28)
  store<u32>(selection, flags, 40)
  store<i64>(selection, newer, 64)
  if (next === 0) startOrder(selection, flags)
  return result
}

/** Looks for entries that do not come after those before them. */
function check(selection: usize, budget: i32): i32 {
  const rows = memtableRows(usize(load<u32>(selection)))
  const index = usize(load<u32>(selection, 16))
  const entries = load<u32>(selection, 28)
  let flags = load<u32>(selection, 40)
  let older = load<i64>(selection, 64)
  let position = load<u32>(selection, 36)
  const end = min(entries, position + u32(budget))
  budget -= i32(end - position)
  for (; position < end; position++) {
    const time = rowTime(rows + usize(load<u32>(index + (usize(position) << 2))))
    if (time <= older) flags |= time < older ? DISORDERED : REPEATED
    older = time
  }
  store<u32>(selection, flags, 40)
  store<i64>(selection, older, 64)
  store<u32>(selection, position === entries ? 0 : position, 36)
  if (position === entries) startOrder(selection, flags)
  return budget
}

/** Brings the gathered entries to the front and decides what is left to do. */
function startOrder(selection: usize, flags: u32): void {
  const rows = memtableRows(usize(load<u32>(selection)))
  const index = usize(load<u32>(selection, 16))
  const entries = load<u32>(selection, 28)
  const gap = usize(load<u32>(selection, 24) - entries) << 2
  memory.copy(index, index + gap, usize(entries) << 2)
  if ((flags & DISORDERED) !== 0) {
    sortInit(selection + 72, rows, index, usize(load<u32>(selection, 20)), entries)
    store<u32>(selection, SORT, 12)
  } else if ((flags & REPEATED) !== 0) {
    store<u32>(selection, MARK, 12)
  } else {
    store<u32>(selection, entries, 32)
    store<u32>(selection, DONE, 12)
  }
}

/** Marks later writes of a row and notes, in the scratch, where each row's entries start. */
function mark(selection: usize, budget: i32): i32 {
  const rows = memtableRows(usize(load<u32>(selection)))
  const index = usize(load<u32>(selection, 16))
  const starts = usize(load<u32>(selection, 20))
  const entries = load<u32>(selection, 28)
  let position = load<u32>(selection, 36)
  let count = load<u32>(selection, 32)
  let before: i64 = 0
  if (position > 0) {
    before = rowTime(rows + usize(entryOffset(load<u32>(index + (usize(position - 1) << 2)))))
  }
  while (position < entries && budget > 0) {
    const entry = index + (usize(position) << 2)
    const time = rowTime(rows + usize(load<u32>(entry)))
    if (position > 0 && time === before) {
      store<u32>(entry, load<u32>(entry) | CONTINUES)
    } else {
      store<u32>(starts + (usize(count) << 2), position)
      count++
    }
    before = time
    position++
    budget--
  }
  store<u32>(selection, position, 36)
  store<u32>(selection, count, 32)
  if (position === entries) store<u32>(selection, DONE, 12)
  return budget
}

/**
 * Selects on for about `budget` row visits: > 0 = done, 0 = call again, FULL = more entries than
 * the capacity: initialise it again with larger regions.
 */
export function selectionStep(selection: usize, budget: i32): i32 {
  if (load<u32>(selection, 12) === GATHER) budget = gather(selection, budget)
  if (load<u32>(selection, 12) === CHECK) budget = check(selection, budget)
  if (load<u32>(selection, 12) === SORT && budget > 0) {
    budget = sortStep(selection + 72, budget)
    if (budget > 0) store<u32>(selection, MARK, 12)
  }
  if (load<u32>(selection, 12) === MARK && budget > 0) budget = mark(selection, budget)
  return budget
}

/** Position of the first entry of a row; of row `rows`: the number of entries. */
function entryAt(selection: usize, row: u32): u32 {
  const rows = selectionRows(selection)
  const entries = selectionEntries(selection)
  if (rows === entries) return row
  if (row === rows) return entries
  return load<u32>(usize(load<u32>(selection, 20)) + (usize(row) << 2))
}

/** Time of a row of a selection that is done. */
export function selectionTime(selection: usize, row: u32): i64 {
  const index = usize(load<u32>(selection, 16))
  const entry = load<u32>(index + (usize(entryAt(selection, row)) << 2))
  return rowTime(memtableRows(usize(load<u32>(selection))) + usize(entryOffset(entry)))
}

/** First row in [from, to) with a time >= `time`, or `to`. */
export function selectionLowerBound(selection: usize, time: i64, from: u32, to: u32): u32 {
  while (from < to) {
    const middle = from + ((to - from) >>> 1)
    if (selectionTime(selection, middle) < time) from = middle + 1
    else to = middle
  }
  return from
}

/** Fills i64[to - from] with the times of the rows [from, to). */
export function selectionTimes(selection: usize, from: u32, to: u32, times: usize): void {
  for (let row = from; row < to; row++) {
    store<i64>(times, selectionTime(selection, row))
    times += 8
  }
}

/**
 * Fills a chunk column from the entries [from, to) of an index, the first of which starts a row:
 * the last write of each row wins. Answers how many rows that are; adds to the u32 at `present`
 * how many of them have a value.
 */
export function fillColumn(
  memtable: usize,
  catalog: usize,
  index: usize,
  from: u32,
  to: u32,
  column: u32,
  values: usize,
  valid: usize,
  present: usize,
): u32 {
  const shapes = catalogShapes(catalog)
  const rows = memtableRows(memtable)
  const isString = columnType(catalogColumns(catalog), column) === STRING
  const shift = isString ? u64(memtableArena(memtable)) : u64(0)
  let shape: u32 = u32.MAX_VALUE
  let position: i32 = -1
  let row: u32 = u32.MAX_VALUE
  let count: u32 = 0
  for (let i = from; i < to; i++) {
    const entry = load<u32>(index + (usize(i) << 2))
    const source = rows + usize(entryOffset(entry))
    if (entry < CONTINUES) {
      row++
      store<u8>(valid + usize(row), 0)
    }
    if (rowShape(source) !== shape) {
      shape = rowShape(source)
      position = shapePosition(shapes, shape, column)
    }
    if (position < 0) continue
    store<u64>(values + (usize(row) << 3), load<u64>(rowSlot(source, u32(position))) + shift)
    count += 1 - u32(load<u8>(valid + usize(row)))
    store<u8>(valid + usize(row), 1)
  }
  store<u32>(present, load<u32>(present) + count)
  return row + 1
}

/** Fills a chunk column of the rows [from, to) of a selection; how many of them have a value. */
export function selectionColumn(
  selection: usize,
  catalog: usize,
  column: u32,
  from: u32,
  to: u32,
  values: usize,
  valid: usize,
): u32 {
  store<u32>(selection, 0, 44)
  fillColumn(
    usize(load<u32>(selection)),
    catalog,
    usize(load<u32>(selection, 16)),
    entryAt(selection, from),
    entryAt(selection, to),
    column,
    values,
    valid,
    selection + 44,
  )
  return load<u32>(selection, 44)
}
