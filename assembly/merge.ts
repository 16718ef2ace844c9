// Merges rows of several sources, the oldest source first, each sorted by (series, time) without
// duplicates: the sources of one series in a query, whole parts in a compaction. The plan is a list
// of entries ordered by (series, time, source): a row of the result is an entry and those after it
// that continue it. Columns follow the plan: the newest non-null wins. A k-way merge by a heap
// (Knuth 3, 5.4.1) that is only asked where sources alternate: runs of one source are copied.
//
// MergeSource, 40 bytes: 0 times u32 (i64[rows])  4 rows u32  8 position u32 (rows consumed)
//      12 heap u32 (slot i of the heap: a source)  16 values u32  20 valid u32 (chunk column, 0 =
//      the source lacks it)  24 head i64 (time at its position)  32 series u32 (u32[rows], 0 = all
//      rows are of one series)  36 head series u32
// Entry: bit 31 = same row as the entry before it  20..30 source  0..19 row of the source

export const MERGE_SOURCE_SIZE: i32 = 40

/** Slots up to which a loop copies faster. */
const COPY_LOOP_MAX: u32 = 64

const CONTINUES: u32 = 0x80000000
const ROW_BITS: u32 = 20
const ROW_MASK: u32 = 0x000fffff
const SOURCE_MASK: u32 = 0x000007ff

function sourceAt(sources: usize, index: u32): usize {
  return sources + usize(index) * MERGE_SOURCE_SIZE
}

function heapGet(sources: usize, slot: u32): u32 {
  return load<u32>(sourceAt(sources, slot), 12)
}

function heapSet(sources: usize, slot: u32, source: u32): void {
  store<u32>(sourceAt(sources, slot), source, 12)
}

function isBefore(sources: usize, a: u32, b: u32): bool {
  const left = sourceAt(sources, a)
  const right = sourceAt(sources, b)
  if (load<u32>(left, 36) !== load<u32>(right, 36))
    return load<u32>(left, 36) < load<u32>(right, 36)
  const leftTime = load<i64>(left, 24)
  const rightTime = load<i64>(right, 24)
  return leftTime < rightTime || (leftTime === rightTime && a < b)
}

/** Makes the row at `position` the head of a source. */
function setHead(source: usize, position: u32): void {
  store<u32>(source, position, 8)
  store<i64>(source, load<i64>(usize(load<u32>(source)) + (usize(position) << 3)), 24)
  const series = usize(load<u32>(source, 32))
  store<u32>(source, series === 0 ? 0 : load<u32>(series + (usize(position) << 2)), 36)
}

/** Lets the source at the top of a heap sink to its place. */
function sink(sources: usize, slot: u32, size: u32): void {
  const source = heapGet(sources, slot)
  while (true) {
    let child: u32 = 2 * slot + 1
    if (child >= size) break
    if (
      child + 1 < size &&
      isBefore(sources, heapGet(sources, child + 1), heapGet(sources, child))
    ) {
      child++
    }
    if (!isBefore(sources, heapGet(sources, child), source)) break
    heapSet(sources, slot, heapGet(sources, child))
    slot = child
  }
  heapSet(sources, slot, source)
}

/** Fills the heap with the sources that have rows; its size. */
function buildHeap(sources: usize, count: u32): u32 {
  let size: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const source = sourceAt(sources, i)
    store<u32>(source, 0, 8)
    if (load<u32>(source, 4) === 0) continue
    setHead(source, 0)
    heapSet(sources, size, i)
    size++
  }
  for (let slot = size >>> 1; slot > 0; slot--) sink(sources, slot - 1, size)
  return size
}

/** The source whose head comes next after that at the top; the top itself if it is alone. */
function secondOf(sources: usize, size: u32): u32 {
  if (size === 1) return heapGet(sources, 0)
  const left = heapGet(sources, 1)
  if (size === 2) return left
  const right = heapGet(sources, 2)
  return isBefore(sources, right, left) ? right : left
}

/** How many rows of a source from `from` to `to` come before the head of another one. */
function rowsBefore(source: usize, from: u32, to: u32, other: usize): u32 {
  const times = usize(load<u32>(source))
  const series = usize(load<u32>(source, 32))
  const time = load<i64>(other, 24)
  let row = from
  if (series === 0) {
    while (row < to && load<i64>(times + (usize(row) << 3)) < time) row++
    return row - from
  }
  const id = load<u32>(other, 36)
  for (; row < to; row++) {
    const own = load<u32>(series + (usize(row) << 2))
    if (own > id || (own === id && load<i64>(times + (usize(row) << 3)) >= time)) break
  }
  return row - from
}

/**
 * Plans the merge of `count` sources (at most 2,048, each of less than 2^20 rows) up to `limit`
 * rows of the result; how many it has. Fills `times` (i64 a row), `series` (u32 a row; only if the
 * sources have one) and `entries` (u32 for each row of a source that was consumed: the sources'
 * positions say how many). A row is never cut: all sources that have it are consumed.
 */
export function mergePlan(
  sources: usize,
  count: u32,
  limit: u32,
  series: usize,
  times: usize,
  entries: usize,
): u32 {
  let size = buildHeap(sources, count)
  let rows: u32 = 0
  let beforeTime: i64 = 0
  let beforeSeries: u32 = 0
  while (size > 0) {
    const index = heapGet(sources, 0)
    const source = sourceAt(sources, index)
    const first = load<u32>(source, 8)
    const isSame =
      rows > 0 && load<i64>(source, 24) === beforeTime && load<u32>(source, 36) === beforeSeries
    if (!isSame && rows === limit) break
    // The head, and behind it the rows before any other source has one: no heap is asked for them.
    let end = min(load<u32>(source, 4), first + limit - rows + u32(isSame))
    const second = secondOf(sources, size)
    if (second !== index) {
      end = first + 1 + rowsBefore(source, first + 1, end, sourceAt(sources, second))
    }
    const from = first + u32(isSame)
    const fresh = end - from
    const rest = usize(load<u32>(source)) + (usize(from) << 3)
    copySlots(times + (usize(rows) << 3), rest, fresh)
    if (series !== 0) {
      const ids = usize(load<u32>(source, 32)) + (usize(from) << 2)
      memory.copy(series + (usize(rows) << 2), ids, usize(fresh) << 2)
    }
    rows += fresh
    const entry = (index << ROW_BITS) | first
    store<u32>(entries, isSame ? entry | CONTINUES : entry)
    for (let i: u32 = 1; i < end - first; i++) store<u32>(entries + (usize(i) << 2), entry + i)
    entries += usize(end - first) << 2
    setHead(source, end - 1)
    beforeTime = load<i64>(source, 24)
    beforeSeries = load<u32>(source, 36)
    if (end < load<u32>(source, 4)) {
      setHead(source, end)
    } else {
      store<u32>(source, end, 8)
      size--
      heapSet(sources, 0, heapGet(sources, size))
    }
    if (size > 0) sink(sources, 0, size)
  }
  return rows
}

/** Copies n slots; short runs without the call that a bulk copy is. */
export function copySlots(target: usize, source: usize, n: u32): void {
  if (n > COPY_LOOP_MAX) {
    memory.copy(target, source, usize(n) << 3)
    return
  }
  const end = source + (usize(n) << 3)
  for (; source + 16 <= end; source += 16, target += 16) v128.store(target, v128.load(source))
  if (source < end) store<u64>(target, load<u64>(source))
}

/** How many of n flags, each 0 or 1, are 1. */
function countFlags(flags: usize, n: u32): u32 {
  let count: u32 = 0
  let i: u32 = 0
  for (; i + 8 <= n; i += 8) count += u32(popcnt(load<u64>(flags + usize(i))))
  for (; i < n; i++) count += load<u8>(flags + usize(i))
  return count
}

/** Overwrites one row with a source's row, if that has a value; 1 if the row had none before. */
function mergeRow(source: usize, from: usize, values: usize, valid: usize): u32 {
  const flags = usize(load<u32>(source, 20))
  if (flags === 0 || load<u8>(flags + from) === 0) return 0
  store<u64>(values, load<u64>(usize(load<u32>(source, 16)) + (from << 3)))
  const isNew = 1 - u32(load<u8>(valid))
  store<u8>(valid, 1)
  return isNew
}

/**
 * Fills a chunk column of the result from the chunk columns of the sources (a string slot points
 * where the source's does). How many rows of it have a value.
 */
export function mergeColumn(
  sources: usize,
  entries: usize,
  entryCount: u32,
  values: usize,
  valid: usize,
): u32 {
  let rows: usize = 0
  let present: u32 = 0
  for (let i: u32 = 0; i < entryCount;) {
    const entry = load<u32>(entries + (usize(i) << 2))
    const source = sourceAt(sources, (entry >>> ROW_BITS) & SOURCE_MASK)
    const from = usize(entry & ROW_MASK)
    if (entry >= CONTINUES) {
      const row = rows - 1
      present += mergeRow(source, from, values + (row << 3), valid + row)
      i++
      continue
    }
    // Rows that follow each other in one source are copied together.
    let n: u32 = 1
    while (i + n < entryCount && load<u32>(entries + (usize(i + n) << 2)) === entry + n) n++
    const flags = usize(load<u32>(source, 20))
    if (flags === 0) {
      memory.fill(valid + rows, 0, usize(n))
    } else {
      memory.copy(valid + rows, flags + from, usize(n))
      present += countFlags(flags + from, n)
      const slots = usize(load<u32>(source, 16)) + (from << 3)
      copySlots(values + (rows << 3), slots, n)
    }
    rows += usize(n)
    i += n
  }
  return present
}
