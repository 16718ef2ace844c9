// Deletes of points, where they are: rows of a memtable that a tombstone hides are marked with its
// number, so that readers that began before go on seeing them; the keys of rows that arrived while a
// delete was being prepared; and the runs of a chunk's rows that a condition selects.
//
// Marking, 56 bytes (u32): 0 memtable  4 catalog  8 table  12 mark  16 series (u32[seriesCount],
//      ascending; 0 = all of the table)  20 seriesCount  24 firsts (u32[seriesCount + 1]: ranges of
//      each; 0 = all ranges for each)  28 starts (i64[])  32 ends (i64[], exclusive)  36 rangeCount  40 end (bytes of rows)
//      44 cursor (all: offset of the next row; else index of the series)  48 next (row of its chain:
//      offset + 1)  52 marked (rows so far). Ranges of a series ascend and do not meet.
// RowKeys, 24 bytes (u32): 0 memtable  4 catalog  8 table  12 next (offset)  16 end  20 reserved

import { keyTableEntry } from './key-table'
import { memtableHead, memtableRows } from './memtable'
import {
  catalogSeries,
  catalogShapes,
  rowMark,
  rowPrevious,
  rowSeries,
  rowShape,
  rowSize,
  rowTime,
  setRowMark,
} from './row'

export const MARKING_SIZE: i32 = 56
export const ROW_KEYS_SIZE: i32 = 24

/** Prepares to mark the rows that are in a memtable now; the arrays stay in place until it is done. */
export function markingInit(
  marking: usize,
  memtable: usize,
  catalog: usize,
  table: u32,
  mark: u32,
  series: usize,
  seriesCount: u32,
  firsts: usize,
  starts: usize,
  ends: usize,
  rangeCount: u32,
): void {
  memory.fill(marking, 0, MARKING_SIZE)
  store<u32>(marking, u32(memtable))
  store<u32>(marking, u32(catalog), 4)
  store<u32>(marking, table, 8)
  store<u32>(marking, mark, 12)
  store<u32>(marking, u32(series), 16)
  store<u32>(marking, seriesCount, 20)
  store<u32>(marking, u32(firsts), 24)
  store<u32>(marking, u32(starts), 28)
  store<u32>(marking, u32(ends), 32)
  store<u32>(marking, rangeCount, 36)
  store<u32>(marking, load<u32>(memtable, 8), 40)
}

/** Is a time inside of one of the ranges [from, to)? */
function isInside(marking: usize, time: i64, from: u32, to: u32): bool {
  const starts = usize(load<u32>(marking, 28))
  const low = from
  while (from < to) {
    const middle = (from + to) >>> 1
    if (load<i64>(starts + (usize(middle) << 3)) <= time) from = middle + 1
    else to = middle
  }
  if (from === low) return false
  return time < load<i64>(usize(load<u32>(marking, 32)) + (usize(from - 1) << 3))
}

/** Marks a row that no tombstone hides yet and this one does. */
function markRow(marking: usize, row: usize, from: u32, to: u32): void {
  if (rowMark(row) !== 0 || !isInside(marking, rowTime(row), from, to)) return
  setRowMark(row, load<u32>(marking, 12))
  store<u32>(marking, load<u32>(marking, 52) + 1, 52)
}

function tableOf(catalog: usize, row: usize): u32 {
  return load<u32>(keyTableEntry(catalogSeries(catalog), rowSeries(row)), 16)
}

/** All rows of the table, in order of arrival. */
function markAll(marking: usize, budget: i32): i32 {
  const rows = memtableRows(usize(load<u32>(marking)))
  const catalog = usize(load<u32>(marking, 4))
  const shapes = catalogShapes(catalog)
  const table = load<u32>(marking, 8)
  const count = load<u32>(marking, 36)
  const end = load<u32>(marking, 40)
  let offset = load<u32>(marking, 44)
  while (offset < end && budget > 0) {
    const row = rows + usize(offset)
    if (tableOf(catalog, row) === table) markRow(marking, row, 0, count)
    offset += rowSize(shapes, rowShape(row))
    budget--
  }
  store<u32>(marking, offset, 44)
  return budget
}

/** The chains of the series, one after the other. */
function markChains(marking: usize, budget: i32): i32 {
  const memtable = usize(load<u32>(marking))
  const rows = memtableRows(memtable)
  const seriesTable = catalogSeries(usize(load<u32>(marking, 4)))
  const series = usize(load<u32>(marking, 16))
  const firsts = usize(load<u32>(marking, 24))
  const count = load<u32>(marking, 20)
  const rangeCount = load<u32>(marking, 36)
  let index = load<u32>(marking, 44)
  let next = load<u32>(marking, 48)
  while (index < count && budget > 0) {
    const at = usize(index) << 2
    if (next === 0) next = memtableHead(memtable, seriesTable, load<u32>(series + at))
    budget--
    while (next !== 0 && budget > 0) {
      const row = rows + usize(next - 1)
      if (firsts === 0) markRow(marking, row, 0, rangeCount)
      else markRow(marking, row, load<u32>(firsts + at), load<u32>(firsts + at, 4))
      next = rowPrevious(row)
      budget--
    }
    if (next === 0) index++
  }
  store<u32>(marking, index, 44)
  store<u32>(marking, next, 48)
  return budget
}

/** Marks on for about `budget` row visits: > 0 = done, 0 = call again. */
export function markingStep(marking: usize, budget: i32): i32 {
  return load<u32>(marking, 16) === 0 ? markAll(marking, budget) : markChains(marking, budget)
}

/** Rows that were marked so far. */
export function markingRows(marking: usize): u32 {
  return load<u32>(marking, 52)
}

/** Begins a walk over the rows of a table that lie in the bytes [from, to) of a memtable. */
export function rowKeysInit(
  keys: usize,
  memtable: usize,
  catalog: usize,
  table: u32,
  from: u32,
  to: u32,
): void {
  memory.fill(keys, 0, ROW_KEYS_SIZE)
  store<u32>(keys, u32(memtable))
  store<u32>(keys, u32(catalog), 4)
  store<u32>(keys, table, 8)
  store<u32>(keys, from, 12)
  store<u32>(keys, to, 16)
}

/** Whether the walk is at its end. */
export function rowKeysDone(keys: usize): bool {
  return load<u32>(keys, 12) === load<u32>(keys, 16)
}

/**
 * Walks over at most `limit` rows; of those of the table, series ids and times go to u32[limit] and
 * i64[limit], in order of arrival. How many they are.
 */
export function rowKeysNext(keys: usize, limit: u32, series: usize, times: usize): u32 {
  const rows = memtableRows(usize(load<u32>(keys)))
  const catalog = usize(load<u32>(keys, 4))
  const shapes = catalogShapes(catalog)
  const table = load<u32>(keys, 8)
  const end = load<u32>(keys, 16)
  let offset = load<u32>(keys, 12)
  let count: u32 = 0
  for (; offset < end && limit > 0; limit--) {
    const row = rows + usize(offset)
    if (tableOf(catalog, row) === table) {
      store<u32>(series + (usize(count) << 2), rowSeries(row))
      store<i64>(times + (usize(count) << 3), rowTime(row))
      count++
    }
    offset += rowSize(shapes, rowShape(row))
  }
  store<u32>(keys, offset, 12)
  return count
}

/**
 * Runs of neighbouring rows that count in a chunk (`mask` u8[count], 0 = all of them do): the time of
 * the first and of the last of each to i64 pairs at `target`, room for count + 1 pairs. How many.
 */
export function scanRuns(mask: usize, times: usize, count: u32, target: usize): u32 {
  let runs: u32 = 0
  let before: u8 = 0
  for (let i: u32 = 0; i < count; i++) {
    const counts = mask === 0 ? u8(1) : load<u8>(mask + usize(i))
    const at = target + (usize(runs) << 4)
    const time = load<i64>(times + (usize(i) << 3))
    if (counts !== 0) {
      if (before === 0) store<i64>(at, time)
      store<i64>(at, time, 8)
    } else if (before !== 0) runs++
    before = counts
  }
  return before === 0 ? runs : runs + 1
}
