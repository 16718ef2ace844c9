// Rows that are not yet in a segment, in order of arrival, each linked to the row of its series
// before it; the series' entry holds the head of the chain. Nothing is moved while rows arrive, so
// a query's snapshot is a byte count. Reset whole after a flush.
//
// Memtable, 72 bytes: 0 rows u32  4 rowsCapacity u32  8 rowsUsed u32  12 arena u32
//      16 arenaCapacity u32  20 arenaUsed u32  24 rowCount u32  28 which u32 (0, 1: payload c or d
//      of a series entry holds the head)  32 minTime i64  40 maxTime i64
//      of the batch that is being applied: 48 linked u32 (bytes of its rows)  52 count u32 (rows)
//      56 minTime i64  64 maxTime i64

import { keyTableCount, keyTableEntry } from './key-table'
import { FULL, STRING } from './layout'
import {
  catalogColumns,
  catalogSeries,
  catalogShapes,
  columnType,
  rowSeries,
  rowShape,
  rowSize,
  rowSlot,
  rowTime,
  setRowMark,
  setRowPrevious,
  shapeColumnCount,
  shapeColumns,
  shapeHasString,
} from './row'

export const MEMTABLE_SIZE: i32 = 72

/** Makes an empty memtable of the 72 bytes at `memtable`; the regions need not be zeroed. */
export function memtableInit(
  memtable: usize,
  rows: usize,
  rowsCapacity: u32,
  arena: usize,
  arenaCapacity: u32,
  which: u32,
): void {
  memory.fill(memtable, 0, MEMTABLE_SIZE)
  store<u32>(memtable, u32(rows))
  store<u32>(memtable, rowsCapacity, 4)
  store<u32>(memtable, u32(arena), 12)
  store<u32>(memtable, arenaCapacity, 16)
  store<u32>(memtable, which, 28)
  store<i64>(memtable, i64.MAX_VALUE, 32)
  store<i64>(memtable, i64.MIN_VALUE, 40)
}

export function memtableRows(memtable: usize): usize {
  return usize(load<u32>(memtable))
}

export function memtableArena(memtable: usize): usize {
  return usize(load<u32>(memtable, 12))
}

/** Pointer of the chain head (offset + 1, 0 = none) in a series' entry. */
function headOf(memtable: usize, entry: usize): usize {
  return entry + 24 + (usize(load<u32>(memtable, 28)) << 2)
}

/** Offset + 1 of the newest row of a series, 0 = none. */
export function memtableHead(memtable: usize, seriesTable: usize, series: u32): u32 {
  return load<u32>(headOf(memtable, keyTableEntry(seriesTable, series)))
}

/** Moves the string slots of a row from its batch's arena to this one's. */
function rebaseStrings(row: usize, catalog: usize, shift: u32): void {
  const shapes = catalogShapes(catalog)
  const shape = rowShape(row)
  const columns = shapeColumns(shapes, shape)
  const count = shapeColumnCount(shapes, shape)
  for (let i: u32 = 0; i < count; i++) {
    const column = load<u32>(columns + (usize(i) << 2))
    if (columnType(catalogColumns(catalog), column) !== STRING) continue
    const slot = rowSlot(row, i)
    store<u32>(slot, load<u32>(slot) + shift)
  }
}

/** Links the rows that were just copied to [from, to) and notes their times with the batch. */
function linkRows(memtable: usize, from: u32, to: u32, shift: u32, catalog: usize): void {
  const rows = memtableRows(memtable)
  const shapes = catalogShapes(catalog)
  const seriesTable = catalogSeries(catalog)
  let minTime = load<i64>(memtable, 56)
  let maxTime = load<i64>(memtable, 64)
  let offset = from
  while (offset < to) {
    const row = rows + usize(offset)
    const head = headOf(memtable, keyTableEntry(seriesTable, rowSeries(row)))
    setRowPrevious(row, load<u32>(head))
    setRowMark(row, 0)
    store<u32>(head, offset + 1)
    if (shapeHasString(shapes, rowShape(row))) rebaseStrings(row, catalog, shift)
    const time = rowTime(row)
    minTime = min(minTime, time)
    maxTime = max(maxTime, time)
    offset += rowSize(shapes, rowShape(row))
  }
  store<i64>(memtable, minTime, 56)
  store<i64>(memtable, maxTime, 64)
}

/** Bytes of rows, and of strings, that one call copies beside its last row. */
const STEP_BYTES: u64 = 1 << 20

/** The share of `size` that `part` is of `whole`: how far a copy in step with another one has come. */
function inStep(size: u32, part: u32, whole: u32): u32 {
  return u32((u64(size) * u64(part)) / u64(whole))
}

/**
 * Appends whole rows (at least one) and the arena of their strings; both are copied, `budget` rows or
 * about a MiB in one call. Nobody sees any of them before the call that copies the last ones: how many they are,
 * all together. 0: call it again with the same batch, nothing else may be applied meanwhile. FULL:
 * nothing changed, which cannot happen after the host reserved the room.
 */
export function memtableApply(
  memtable: usize,
  rows: usize,
  rowBytes: u32,
  arena: usize,
  arenaBytes: u32,
  catalog: usize,
  budget: u32,
): i32 {
  const rowsUsed = load<u32>(memtable, 8)
  const arenaUsed = load<u32>(memtable, 20)
  if (rowBytes > load<u32>(memtable, 4) - rowsUsed) return FULL
  if (arenaBytes > load<u32>(memtable, 16) - arenaUsed) return FULL
  const linked = load<u32>(memtable, 48)
  if (linked === 0) {
    store<i64>(memtable, i64.MAX_VALUE, 56)
    store<i64>(memtable, i64.MIN_VALUE, 64)
  }
  const shapes = catalogShapes(catalog)
  const larger = max(u64(max(rowBytes, arenaBytes)), STEP_BYTES)
  const stop = min(linked + u32((u64(rowBytes) * STEP_BYTES) / larger), rowBytes)
  let end = linked
  let count: u32 = 0
  for (; count < budget && end < stop; count++) {
    end += rowSize(shapes, rowShape(rows + usize(end)))
  }
  memory.copy(
    memtableRows(memtable) + usize(rowsUsed + linked),
    rows + usize(linked),
    usize(end - linked),
  )
  const copied = inStep(arenaBytes, linked, rowBytes)
  memory.copy(
    memtableArena(memtable) + usize(arenaUsed + copied),
    arena + usize(copied),
    usize(inStep(arenaBytes, end, rowBytes) - copied),
  )
  linkRows(memtable, rowsUsed + linked, rowsUsed + end, arenaUsed, catalog)
  store<u32>(memtable, end, 48)
  store<u32>(memtable, load<u32>(memtable, 52) + count, 52)
  return end < rowBytes ? 0 : showBatch(memtable, rowBytes, arenaBytes)
}

/** The batch that was applied is visible from now on; its rows. */
function showBatch(memtable: usize, rowBytes: u32, arenaBytes: u32): i32 {
  const count = load<u32>(memtable, 52)
  store<u32>(memtable, load<u32>(memtable, 8) + rowBytes, 8)
  store<u32>(memtable, load<u32>(memtable, 20) + arenaBytes, 20)
  store<u32>(memtable, load<u32>(memtable, 24) + count, 24)
  store<i64>(memtable, min(load<i64>(memtable, 32), load<i64>(memtable, 56)), 32)
  store<i64>(memtable, max(load<i64>(memtable, 40), load<i64>(memtable, 64)), 40)
  store<u64>(memtable, 0, 48)
  return i32(count)
}

/**
 * Forgets the chains of the series `from` to `to` (exclusive; cut at the table's count). When all
 * series are done, `memtableInit` makes the memtable empty.
 */
export function memtableForget(memtable: usize, seriesTable: usize, from: u32, to: u32): void {
  const end = min(to, keyTableCount(seriesTable))
  for (let id = from; id < end; id++) {
    store<u32>(headOf(memtable, keyTableEntry(seriesTable, id)), 0)
  }
}
