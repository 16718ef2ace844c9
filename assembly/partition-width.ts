// How wide the partitions of a new table are, from the points that create it: a day, unless days
// would hold hardly any. A part per partition is what a flush writes and a query opens, so a table
// of one point a day would else be a part per point. Fixed once the table exists.

import { keyTableCount, keyTableEntry } from './key-table'
import { ROW_HEADER } from './layout'
import { rowSeries, rowShape, rowTime } from './row'
import { LOCAL, SERIES, SHAPES, TABLES, entryOf, overlayOf } from './staging'

const DAY: u32 = 86400
/** Points of a partition below which the next width is taken. */
const POINTS_MIN: u64 = 256

/** Bytes per new table of the scratch space of choosePartitionWidths. */
export const TABLE_SPAN_SIZE: i32 = 24

/** The narrowest of 1, 7, 30 and 365 days that holds enough of `points` spread over `seconds`. */
function widthFor(points: u64, seconds: u64): u32 {
  const perDay = points * u64(DAY)
  const enough = seconds * POINTS_MIN
  if (perDay >= enough || seconds < u64(DAY) * 7) return DAY
  if (perDay * 7 >= enough) return DAY * 7
  return perDay * 30 >= enough ? DAY * 30 : DAY * 365
}

/**
 * Sets the partition width of each table of the overlay by the batch's rows of it. `spans` is
 * scratch: TABLE_SPAN_SIZE bytes per table of the overlay. Before commitNames.
 */
export function choosePartitionWidths(staging: usize, spans: usize): void {
  const tables = overlayOf(staging, TABLES)
  const count = keyTableCount(tables)
  // Span: 0 first time i64  8 last time i64  16 rows u64
  for (let i: usize = 0; i < usize(count); i++) {
    const span = spans + i * TABLE_SPAN_SIZE
    store<i64>(span, i64.MAX_VALUE)
    store<i64>(span, i64.MIN_VALUE, 8)
    store<u64>(span, 0, 16)
  }
  addRows(staging, spans)
  for (let i: u32 = 0; i < count; i++) {
    const span = spans + usize(i) * TABLE_SPAN_SIZE
    const rows = load<u64>(span, 16)
    if (rows < 2) continue
    const nanoseconds = u64(load<i64>(span, 8)) - u64(load<i64>(span))
    store<u32>(keyTableEntry(tables, i), widthFor(rows, nanoseconds / 1_000_000_000), 20)
  }
}

function addRows(staging: usize, spans: usize): void {
  let row = usize(load<u32>(staging, 32))
  const end = row + usize(load<u32>(staging, 40))
  while (row < end) {
    const series = rowSeries(row)
    const table = load<u32>(entryOf(staging, SERIES, series), 16)
    if ((series & LOCAL) !== 0 && (table & LOCAL) !== 0) {
      const span = spans + usize(table & ~LOCAL) * TABLE_SPAN_SIZE
      const time = rowTime(row)
      if (time < load<i64>(span)) store<i64>(span, time)
      if (time > load<i64>(span, 8)) store<i64>(span, time, 8)
      store<u64>(span, load<u64>(span, 16) + 1, 16)
    }
    const columns = load<u32>(entryOf(staging, SHAPES, rowShape(row)), 20)
    row += usize(ROW_HEADER) + (usize(columns) << 3)
  }
}
