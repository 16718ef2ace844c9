// One point as it lies in staging, in the log and in a memtable: the same bytes in all three, so
// replay copies. A row holds only the fields it has: its shape is the interned list of their
// columns.
//
// Row: 0 series u32  4 shape u32  8 previous u32 (offset + 1 of the row of its series before it)
//      12 mark u32 (number of the tombstone in its memtable that hides it, 0 = none; 0 in the log)
//      16 time i64  24 values: 8 bytes per column of the shape, in its
//      order
// CatalogTables: 0 tables  4 columns  8 shapes  12 series (pointers of KeyTables, u32)

import { keyTableCount, keyTableEntry, keyTableKey } from './key-table'
import { CORRUPT, ROW_HEADER, STRING } from './layout'

export function rowSeries(row: usize): u32 {
  return load<u32>(row)
}

export function rowShape(row: usize): u32 {
  return load<u32>(row, 4)
}

/** Offset + 1 of the row of the same series before it in this memtable, 0 = none. */
export function rowPrevious(row: usize): u32 {
  return load<u32>(row, 8)
}

export function setRowPrevious(row: usize, link: u32): void {
  store<u32>(row, link, 8)
}

/** Number of the tombstone that hides the row in its memtable, 0 = none. */
export function rowMark(row: usize): u32 {
  return load<u32>(row, 12)
}

export function setRowMark(row: usize, mark: u32): void {
  store<u32>(row, mark, 12)
}

export function rowTime(row: usize): i64 {
  return load<i64>(row, 16)
}

/** Pointer of the slot of the column at `position` of the row's shape. */
export function rowSlot(row: usize, position: u32): usize {
  return row + ROW_HEADER + (usize(position) << 3)
}

export function catalogTables(catalog: usize): usize {
  return usize(load<u32>(catalog))
}

export function catalogColumns(catalog: usize): usize {
  return usize(load<u32>(catalog, 4))
}

export function catalogShapes(catalog: usize): usize {
  return usize(load<u32>(catalog, 8))
}

export function catalogSeries(catalog: usize): usize {
  return usize(load<u32>(catalog, 12))
}

/** How many columns a shape has. */
export function shapeColumnCount(shapes: usize, shape: u32): u32 {
  return load<u32>(keyTableEntry(shapes, shape), 20)
}

/** Does a shape have a string column? */
export function shapeHasString(shapes: usize, shape: u32): bool {
  return load<u32>(keyTableEntry(shapes, shape), 24) !== 0
}

/** Pointer of the ascending column ids of a shape, u32 each; not aligned. */
export function shapeColumns(shapes: usize, shape: u32): usize {
  return keyTableKey(shapes, keyTableEntry(shapes, shape)) + 4
}

/** Position of a column in a shape, -1 if the shape lacks it. */
export function shapePosition(shapes: usize, shape: u32, column: u32): i32 {
  const columns = shapeColumns(shapes, shape)
  let low: u32 = 0
  let high = shapeColumnCount(shapes, shape)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (load<u32>(columns + (usize(middle) << 2)) < column) low = middle + 1
    else high = middle
  }
  if (low === shapeColumnCount(shapes, shape)) return -1
  return load<u32>(columns + (usize(low) << 2)) === column ? i32(low) : -1
}

/** Field type of a column. */
export function columnType(columns: usize, column: u32): i32 {
  if (column >= keyTableCount(columns)) return -1
  return load<i32>(keyTableEntry(columns, column), 20)
}

/** Bytes of a row of this shape. */
export function rowSize(shapes: usize, shape: u32): u32 {
  return ROW_HEADER + (shapeColumnCount(shapes, shape) << 3)
}

/** Do all string slots of a row lie inside an arena of this size? */
function stringsFit(row: usize, catalog: usize, arenaBytes: u32): bool {
  const shapes = catalogShapes(catalog)
  const shape = rowShape(row)
  if (!shapeHasString(shapes, shape)) return true
  const columns = shapeColumns(shapes, shape)
  const count = shapeColumnCount(shapes, shape)
  for (let i: u32 = 0; i < count; i++) {
    const column = load<u32>(columns + (usize(i) << 2))
    if (columnType(catalogColumns(catalog), column) !== STRING) continue
    const slot = rowSlot(row, i)
    if (u64(load<u32>(slot)) + u64(load<u32>(slot, 4)) > u64(arenaBytes)) return false
  }
  return true
}

/**
 * Checks rows that come from outside (the log): whole rows, known series and shapes, strings inside
 * the arena. How many rows they are, or CORRUPT. Rows that pass are safe to apply.
 */
export function rowsCheck(rows: usize, rowBytes: u32, arenaBytes: u32, catalog: usize): i32 {
  const shapes = catalogShapes(catalog)
  const seriesCount = keyTableCount(catalogSeries(catalog))
  const shapeCount = keyTableCount(shapes)
  let count = 0
  let offset: u32 = 0
  while (offset < rowBytes) {
    const row = rows + usize(offset)
    const left = rowBytes - offset
    if (left < u32(ROW_HEADER)) return CORRUPT
    if (rowSeries(row) >= seriesCount || rowShape(row) >= shapeCount) return CORRUPT
    const size = rowSize(shapes, rowShape(row))
    if (size > left || !stringsFit(row, catalog, arenaBytes)) return CORRUPT
    offset += size
    count++
  }
  return count
}
