// The times of a batch's rows, as far as a commit asks for them.

import { ROW_HEADER } from './layout'
import { rowSeries, rowShape, rowTime } from './row'
import { SERIES, SHAPES, entryOf } from './staging'

/** How many rows of a known table lie before a time. */
export function stagedBefore(staging: usize, table: u32, time: i64): u32 {
  let row = usize(load<u32>(staging, 32))
  const end = row + usize(load<u32>(staging, 40))
  let count: u32 = 0
  while (row < end) {
    if (rowTime(row) < time) {
      const owner = load<u32>(entryOf(staging, SERIES, rowSeries(row)), 16)
      if (owner === table) count++
    }
    const columns = load<u32>(entryOf(staging, SHAPES, rowShape(row)), 20)
    row += usize(ROW_HEADER) + (usize(columns) << 3)
  }
  return count
}

/** The latest time of the staged rows; i64.MIN_VALUE if there are none. */
export function stagedNewest(staging: usize): i64 {
  let row = usize(load<u32>(staging, 32))
  const end = row + usize(load<u32>(staging, 40))
  let newest = i64.MIN_VALUE
  while (row < end) {
    newest = max(newest, rowTime(row))
    const columns = load<u32>(entryOf(staging, SHAPES, rowShape(row)), 20)
    row += usize(ROW_HEADER) + (usize(columns) << 3)
  }
  return newest
}
