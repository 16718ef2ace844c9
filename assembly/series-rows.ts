// Rows of many short series at once: where a list of series (ids ascending, at most MANY_MAX) has its
// rows in a memtable or a part, so that a table of a million series is read a thousand rows at a time
// and not series by series. Rows of a list are in the order of (series, time).
//
// Table, MANY_TABLE_SIZE bytes, of a list in one source: 0 starts u32[1028]  4112 counts u32[1024]
//      8208 lasts i64[1024] (time of the last row, where only that is wanted)  16400 places u32[1024]
//      (on its series page, in a part).
//   In a part a start is the series' first row; in a memtable the position of its first entry in an
//   index of row offsets as selection.ts makes it, and starts[n] is the end of the last one.
// A count of MANY_LONG: more rows than are read this way.

import { memtableHead, memtableRows } from './memtable'
import { viewDecode } from './part-view'
import { rowMark, rowPrevious, rowTime } from './row'
import { CONTINUES, entryOffset, fillColumn } from './selection'

export const MANY_MAX: i32 = 1024
export const MANY_TABLE_SIZE: i32 = 20496
export const MANY_COUNTS: i32 = 4112
const MANY_LASTS: usize = 8208
const MANY_PLACES: usize = 16400
export const MANY_LONG: u32 = 0xffffffff

function startOf(table: usize, i: u32): u32 {
  return load<u32>(table + (usize(i) << 2))
}

function setStart(table: usize, i: u32, start: u32): void {
  store<u32>(table + (usize(i) << 2), start)
}

export function manyCountOf(table: usize, i: u32): u32 {
  return load<u32>(table + (usize(i) << 2), MANY_COUNTS)
}

function setCount(table: usize, i: u32, count: u32): void {
  store<u32>(table + (usize(i) << 2), count, MANY_COUNTS)
}

export function manyLastOf(table: usize, i: u32): i64 {
  return load<i64>(table + (usize(i) << 3), MANY_LASTS)
}

export function manyPlaceOf(table: usize, i: u32): u32 {
  return load<u32>(table + (usize(i) << 2), MANY_PLACES)
}

export function setManyRows(table: usize, i: u32, start: u32, count: u32): void {
  setStart(table, i, start)
  setCount(table, i, count)
}

function setLast(table: usize, i: u32, time: i64): void {
  store<i64>(table + (usize(i) << 3), time, MANY_LASTS)
}

/** Turns the entries [from, to) of an index round: chains come newest first. */
function reverse(index: usize, from: u32, to: u32): void {
  while (from + 1 < to) {
    to--
    const left = index + (usize(from) << 2)
    const right = index + (usize(to) << 2)
    const entry = load<u32>(left)
    store<u32>(left, load<u32>(right))
    store<u32>(right, entry)
    from++
  }
}

/** Sorts a few entries by time; those of one time stay in the order of their arrival. */
function sortByTime(rows: usize, index: usize, from: u32, to: u32): void {
  for (let i = from + 1; i < to; i++) {
    const entry = load<u32>(index + (usize(i) << 2))
    const time = rowTime(rows + usize(entry))
    let at = i
    for (; at > from; at--) {
      const before = load<u32>(index + (usize(at - 1) << 2))
      if (rowTime(rows + usize(before)) <= time) break
      store<u32>(index + (usize(at) << 2), before)
    }
    store<u32>(index + (usize(at) << 2), entry)
  }
}

/** Marks the later writes of a time among sorted entries; how many times there are. */
function markRepeats(rows: usize, index: usize, from: u32, to: u32): u32 {
  let count: u32 = 0
  let before: i64 = 0
  for (let i = from; i < to; i++) {
    const entry = index + (usize(i) << 2)
    const time = rowTime(rows + usize(load<u32>(entry)))
    if (i > from && time === before) store<u32>(entry, load<u32>(entry) | CONTINUES)
    else count++
    before = time
  }
  return count
}

/**
 * Finds the rows of the series ids[0, n) in a memtable with times in [start, end), as a snapshot of so
 * many bytes and marks sees them. Answers how many series it went through: all, or fewer when the
 * index (u32[capacity], capacity > most) is full or `budget` rows were visited; one at least. A series
 * with more than `most` rows in its chain gets MANY_LONG.
 */
export function manyGather(
  memtable: usize,
  seriesTable: usize,
  snapshot: u32,
  marks: u32,
  ids: usize,
  n: u32,
  start: i64,
  end: i64,
  most: u32,
  index: usize,
  capacity: u32,
  budget: u32,
  table: usize,
): u32 {
  const rows = memtableRows(memtable)
  let used: u32 = 0
  let visited: u32 = 0
  for (let i: u32 = 0; i < n; i++) {
    const first = used
    setStart(table, i, first)
    if (visited > budget) return i
    let next = memtableHead(memtable, seriesTable, load<u32>(ids + (usize(i) << 2)))
    let length: u32 = 0
    let newer = i64.MAX_VALUE
    let isInOrder = true
    for (; next !== 0 && length <= most; length++) {
      const row = rows + usize(next - 1)
      const time = rowTime(row)
      // A mark of 0 becomes the greatest number.
      if (next <= snapshot && rowMark(row) - 1 >= marks && time >= start && time < end) {
        if (used === capacity) return i
        if (time >= newer) isInOrder = false
        newer = time
        store<u32>(index + (usize(used) << 2), next - 1)
        used++
      }
      next = rowPrevious(row)
    }
    visited += length + 1
    if (next !== 0) {
      used = first
      setCount(table, i, MANY_LONG)
      continue
    }
    reverse(index, first, used)
    if (!isInOrder) sortByTime(rows, index, first, used)
    setCount(table, i, isInOrder ? used - first : markRepeats(rows, index, first, used))
  }
  setStart(table, n, used)
  return n
}

/**
 * The same of the newest row of each series alone, with the later writes of its time. Chains may be
 * `longest` rows long, of which `most` may have the newest time; those beyond get MANY_LONG.
 */
export function manyGatherNewest(
  memtable: usize,
  seriesTable: usize,
  snapshot: u32,
  marks: u32,
  ids: usize,
  n: u32,
  start: i64,
  end: i64,
  longest: u32,
  most: u32,
  index: usize,
  capacity: u32,
  budget: u32,
  table: usize,
): u32 {
  const rows = memtableRows(memtable)
  let used: u32 = 0
  let visited: u32 = 0
  for (let i: u32 = 0; i < n; i++) {
    const first = used
    setStart(table, i, first)
    if (visited > budget) return i
    let next = memtableHead(memtable, seriesTable, load<u32>(ids + (usize(i) << 2)))
    let newest = start
    let length: u32 = 0
    for (; next !== 0 && length <= longest && used - first <= most; length++) {
      const row = rows + usize(next - 1)
      const time = rowTime(row)
      // A mark of 0 becomes the greatest number.
      if (next <= snapshot && rowMark(row) - 1 >= marks && time >= newest && time < end) {
        if (time > newest) used = first
        if (used === capacity) return i
        newest = time
        store<u32>(index + (usize(used) << 2), next - 1)
        used++
      }
      next = rowPrevious(row)
    }
    visited += length + 1
    const isLong = next !== 0 || used - first > most
    if (isLong) used = first
    reverse(index, first, used)
    for (let at = first + 1; at < used; at++) {
      store<u32>(index + (usize(at) << 2), load<u32>(index + (usize(at) << 2)) | CONTINUES)
    }
    setCount(table, i, isLong ? MANY_LONG : u32(used > first))
  }
  setStart(table, n, used)
  return n
}

/** First of n ascending ids that is at least `id`, or n. */
function lowerBound(ids: usize, n: u32, id: u32): u32 {
  let low: u32 = 0
  let high = n
  while (low < high) {
    const middle = (low + high) >>> 1
    if (load<u32>(ids + (usize(middle) << 2)) < id) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Finds the series ids[from, n) that are below `limit` on a series page of a part (arrays of so many
 * members; `pageStarts` has one more): their rows, or 0 rows if they have none with a time in
 * [start, end), as far as the page knows. `reached` is u8 per block of the part, set to 1 where rows
 * of these series lie, whatever their times. Answers where to go on: the first id not below `limit`.
 */
export function manyJoin(
  ids: usize,
  from: u32,
  n: u32,
  limit: u32,
  pageIds: usize,
  pageStarts: usize,
  firstTimes: usize,
  lastTimes: usize,
  pageCount: u32,
  start: i64,
  end: i64,
  reached: usize,
  table: usize,
): u32 {
  let at = from < n ? lowerBound(pageIds, pageCount, load<u32>(ids + (usize(from) << 2))) : 0
  for (let i = from; i < n; i++) {
    const id = load<u32>(ids + (usize(i) << 2))
    if (id >= limit) return i
    while (at < pageCount && load<u32>(pageIds + (usize(at) << 2)) < id) at++
    setStart(table, i, 0)
    setCount(table, i, 0)
    if (at === pageCount || load<u32>(pageIds + (usize(at) << 2)) !== id) continue
    const first = load<u32>(pageStarts + (usize(at) << 2))
    const next = load<u32>(pageStarts + (usize(at) << 2), 4)
    for (let block = first >>> 10; block <= (next - 1) >>> 10; block++) {
      store<u8>(reached + usize(block), 1)
    }
    const last = load<i64>(lastTimes + (usize(at) << 3))
    const isIn = load<i64>(firstTimes + (usize(at) << 3)) < end && last >= start
    setLast(table, i, last)
    store<u32>(table + (usize(i) << 2), at, MANY_PLACES)
    setStart(table, i, first)
    setCount(table, i, isIn ? next - first : 0)
  }
  return n
}

/** Leaves the last row of each series in a part alone. */
export function manyTail(table: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const count = manyCountOf(table, i)
    if (count === 0) continue
    setStart(table, i, startOf(table, i) + count - 1)
    setCount(table, i, 1)
  }
}

/** The same in a memtable, of the entries that manyGather found: the last row, and its later writes. */
export function manyTailEntries(table: usize, n: u32, memtable: usize, index: usize): void {
  const rows = memtableRows(memtable)
  let used: u32 = 0
  let first = startOf(table, 0)
  for (let i: u32 = 0; i < n; i++) {
    const end = startOf(table, i + 1)
    const count = manyCountOf(table, i)
    setStart(table, i, used)
    if (count !== 0 && count !== MANY_LONG) {
      let at = end - 1
      while (at > first && load<u32>(index + (usize(at) << 2)) >= CONTINUES) at--
      setLast(table, i, rowTime(rows + usize(entryOffset(load<u32>(index + (usize(at) << 2))))))
      setCount(table, i, 1)
      for (; at < end; at++, used++) {
        store<u32>(index + (usize(used) << 2), load<u32>(index + (usize(at) << 2)))
      }
    }
    first = end
  }
  setStart(table, n, used)
}

/** Of last rows in several sources leaves those that are the newest of their series. */
export function manyNewest(tables: usize, sources: u32, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    let newest = i64.MIN_VALUE
    for (let s: u32 = 0; s < sources; s++) {
      const table = tables + usize(s) * MANY_TABLE_SIZE
      if (manyCountOf(table, i) === 1) newest = max(newest, manyLastOf(table, i))
    }
    for (let s: u32 = 0; s < sources; s++) {
      const table = tables + usize(s) * MANY_TABLE_SIZE
      if (manyCountOf(table, i) === 1 && manyLastOf(table, i) < newest) setCount(table, i, 0)
    }
  }
}

/**
 * Over the tables of `sources` sources, which lie one after the other: how many of the first n series
 * are read together, at most `limit` rows. Series with more than `most` rows, or whose byte in `others`
 * is 1 already, are left out: 0 rows in all sources, and a 1 in `others`.
 */
export function manyCut(
  tables: usize,
  sources: u32,
  n: u32,
  most: u32,
  limit: u32,
  others: usize,
): u32 {
  let rows: u32 = 0
  for (let i: u32 = 0; i < n; i++) {
    let own: u64 = 0
    for (let s: u32 = 0; s < sources; s++) {
      own += u64(manyCountOf(tables + usize(s) * MANY_TABLE_SIZE, i))
    }
    if (own > u64(most)) store<u8>(others + usize(i), 1)
    if (load<u8>(others + usize(i)) !== 0) {
      for (let s: u32 = 0; s < sources; s++) setCount(tables + usize(s) * MANY_TABLE_SIZE, i, 0)
      continue
    }
    if (u64(rows) + own > u64(limit)) return i
    rows += u32(own)
  }
  return n
}

/** Writes the index in the list of each row's series, u32; how many rows there are. */
export function manySpread(table: usize, n: u32, members: usize): u32 {
  let rows: u32 = 0
  for (let i: u32 = 0; i < n; i++) {
    const end = rows + manyCountOf(table, i)
    for (; rows < end; rows++) store<u32>(members + (usize(rows) << 2), i)
  }
  return rows
}

/** Takes the entries of series without rows out of a memtable's index; how many are left. */
export function manyPack(table: usize, n: u32, index: usize): u32 {
  let used: u32 = 0
  for (let i: u32 = 0; i < n; i++) {
    if (manyCountOf(table, i) === 0) continue
    const first = startOf(table, i)
    const entries = startOf(table, i + 1) - first
    if (used !== first) {
      memory.copy(index + (usize(used) << 2), index + (usize(first) << 2), usize(entries) << 2)
    }
    used += entries
  }
  return used
}

/** Writes the times of the rows of an index, i64. */
export function manyTimes(memtable: usize, index: usize, entries: u32, times: usize): void {
  const rows = memtableRows(memtable)
  for (let i: u32 = 0; i < entries; i++) {
    const entry = load<u32>(index + (usize(i) << 2))
    if (entry >= CONTINUES) continue
    store<i64>(times, rowTime(rows + usize(entryOffset(entry))))
    times += 8
  }
}

const PRESENT: usize = memory.data(4)

/** Fills a chunk column of the rows of an index; how many have a value. Strings stay where they are. */
export function manyColumn(
  memtable: usize,
  catalog: usize,
  index: usize,
  entries: u32,
  column: u32,
  values: usize,
  valid: usize,
): u32 {
  store<u32>(PRESENT, 0)
  fillColumn(memtable, catalog, index, 0, entries, column, values, valid, PRESENT)
  return load<u32>(PRESENT)
}

/** Sets a byte of u8[blocks] for each block of the row group with first row `base` that has rows. */
export function manyTouched(table: usize, n: u32, base: u32, blocks: u32, touched: usize): void {
  const limit = base + (blocks << 10)
  for (let i: u32 = 0; i < n; i++) {
    const count = manyCountOf(table, i)
    const start = startOf(table, i)
    if (count === 0 || start >= limit || start + count <= base) continue
    const last = (min(start + count, limit) - 1 - base) >>> 10
    for (let block = (max(start, base) - base) >>> 10; block <= last; block++) {
      store<u8>(touched + usize(block), 1)
    }
  }
}

/**
 * Decodes a column of those rows of a part that lie in the view's row group, whose first row is `base`,
 * to their places among the rows of the list: like viewDecode otherwise. Neighbours go together.
 */
export function manyDecode(
  view: usize,
  column: i32,
  table: usize,
  n: u32,
  base: u32,
  blocks: u32,
  values: usize,
  valid: usize,
): i32 {
  const limit = base + (blocks << 10)
  let hasNulls = 0
  let row: u32 = 0
  for (let i: u32 = 0; i < n;) {
    const start = startOf(table, i)
    let end = start + manyCountOf(table, i)
    i++
    if (end === start) continue
    while (i < n && (manyCountOf(table, i) === 0 || startOf(table, i) === end)) {
      end += manyCountOf(table, i)
      i++
    }
    const from = max(start, base)
    const to = min(end, limit)
    if (from < to) {
      const at = usize(row + from - start)
      const target = values + (at << 3)
      const status = viewDecode(view, column, i32(from - base), i32(to - base), target, valid + at)
      if (status < 0) return status
      hasNulls |= status
    }
    row += end - start
  }
  return hasNulls
}

/**
 * Writes, per series whose last row has a `mask` of 1 (0 = all have), that row; how many. The others
 * get a 1 in `others`.
 */
export function manyTopmost(
  members: usize,
  mask: usize,
  count: u32,
  index: usize,
  others: usize,
): u32 {
  let found: u32 = 0
  for (let row: u32 = 0; row < count; row++) {
    const member = load<u32>(members + (usize(row) << 2))
    const isLast = row + 1 === count || load<u32>(members + (usize(row) << 2), 4) !== member
    if (!isLast) continue
    if (mask !== 0 && load<u8>(mask + usize(row)) === 0) store<u8>(others + usize(member), 1)
    else store<u32>(index + (usize(found++) << 2), row)
  }
  return found
}

/** Writes, per series with a row whose `mask` is 1 (0 = all are), the last such row; how many. */
export function manyLast(members: usize, mask: usize, count: u32, index: usize): u32 {
  let found: u32 = 0
  let before: u32 = u32.MAX_VALUE
  for (let row: u32 = 0; row < count; row++) {
    if (mask !== 0 && load<u8>(mask + usize(row)) === 0) continue
    const member = load<u32>(members + (usize(row) << 2))
    if (member !== before) found++
    before = member
    store<u32>(index + (usize(found - 1) << 2), row)
  }
  return found
}
