// The last rows of the series of a part: a series has them page by page (1,024 series at most), in the
// order of ids, so a column of them is an array by the series' place on its page. The host keeps such
// columns once they were decoded (engine/segment/last-rows.ts); here is what they are filled and read
// with. Tables are those of series-rows.ts.

import { manyCountOf, manyLastOf, manyPlaceOf, setManyRows } from './series-rows'

/** A table of the last row of each of the n series of a page; `starts` u32[n + 1] as the page has them. */
export function lastRowsTable(starts: usize, n: u32, table: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    setManyRows(table, i, load<u32>(starts + (usize(i) << 2), 4) - 1, 1)
  }
}

/** Times of the rows of the first n series, each of which has its last row or none. */
export function manyLastTimes(table: usize, n: u32, target: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    if (manyCountOf(table, i) === 0) continue
    store<i64>(target, manyLastOf(table, i))
    target += 8
  }
}

/**
 * The same of a column, of the series [from, to), which are on one page: from its last rows, slots and
 * validity (0 = all have a value). How many rows there are.
 */
export function manyLastColumn(
  table: usize,
  from: u32,
  to: u32,
  slots: usize,
  flags: usize,
  values: usize,
  valid: usize,
): u32 {
  let rows: u32 = 0
  for (let i = from; i < to; i++) {
    if (manyCountOf(table, i) === 0) continue
    const place = usize(manyPlaceOf(table, i))
    store<u64>(values + (usize(rows) << 3), load<u64>(slots + (place << 3)))
    store<u8>(valid + usize(rows), flags === 0 ? 1 : load<u8>(flags + place))
    rows++
  }
  return rows
}
