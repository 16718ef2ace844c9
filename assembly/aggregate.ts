// Aggregation: (group, bucket) → record of cells, in an open-addressing map. Rows arrive as chunks of
// one series, or as the summary of a whole block; consecutive rows of a bucket cost one lookup.
// Nothing past the returned row was consumed when a call stops for room, so the host grows and goes on.
//
// State, 128 bytes (u32 unless said): 0 map  4 mapCapacity (power of two)  8 records  12 recordSize
//   16 recordCapacity  20 count  24 arena  28 arenaCapacity  32 arenaUsed  36 columns (cell.ts)
//   40 columnCount  44 scratch (u8 per chunk row)  48 wants (0 nothing, 1 records, 2 arena)
//   52 arenaWanted  56 maxRecords  60 lookups (since the host set it to 0)
//   64 grid (downsample.ts, 32 bytes)
// Record: 0 group u32  4 reserved  8 bucket start i64  16 rows u64  24 least time i64  32 cells
// Map entry: u32 record number + 1, 0 = empty.

import {
  FEATURE_FIRST,
  FEATURE_GREATEST,
  FEATURE_LAST,
  FEATURE_LEAST,
  FEATURE_SUM,
  FEATURE_VARIANCE,
  accumulateSum,
  accumulateVariance,
  extremeString,
  isNewEnd,
} from './cell'
import { bucketEnd, bucketNumber, bucketStart, runEnd } from './downsample'
import { compareSlots, extremeSlot } from './extreme'
import { GREATER, LESS, compareBytes } from './filter'
import { FLOAT, LIMIT, STRING } from './layout'
import { countPresent, firstPresent, lastPresent } from './presence'
import { addFloat, addWide } from './sum'

export const AGGREGATE_STATE_SIZE: i32 = 128
export const AGGREGATE_COLUMN_SIZE: i32 = 64
export const AGGREGATE_GRID: i32 = 64
const RECORD_HEADER: u32 = 32
export const WANTS_RECORDS: u32 = 1
export const WANTS_ARENA: u32 = 2

export function columnAt(state: usize, index: u32): usize {
  return usize(load<u32>(state, 36)) + usize(index) * AGGREGATE_COLUMN_SIZE
}

function recordAt(state: usize, index: u32): usize {
  return usize(load<u32>(state, 8)) + usize(index) * usize(load<u32>(state, 12))
}

/** Gives a wanted feature its place in the record. */
function place(column: usize, field: u32, isWanted: bool, size: u32, end: u32): u32 {
  store<u32>(column + usize(field), isWanted ? end : 0)
  return isWanted ? end + size : end
}

/** Computes the places of all cells from the columns' types and features; returns the record size. */
export function aggregateLayout(state: usize): u32 {
  let end = RECORD_HEADER
  const count = load<u32>(state, 40)
  for (let i: u32 = 0; i < count; i++) {
    const column = columnAt(state, i)
    const features = load<u32>(column, 4)
    end = place(column, 16, true, 8, end)
    end = place(column, 20, (features & FEATURE_SUM) !== 0, 16, end)
    end = place(column, 24, (features & FEATURE_LEAST) !== 0, 8, end)
    end = place(column, 28, (features & FEATURE_GREATEST) !== 0, 8, end)
    end = place(column, 32, (features & FEATURE_FIRST) !== 0, 24, end)
    end = place(column, 36, (features & FEATURE_LAST) !== 0, 24, end)
    end = place(column, 40, (features & FEATURE_VARIANCE) !== 0, 24, end)
  }
  store<u32>(state, end, 12)
  return end
}

/** Buckets that follow each other lie side by side in the map, so many in a cache line. */
const LINE_SLOTS_LOG2: u64 = 4
/** Odd, so that all slots are tried; two neighbours that move on stay neighbours. */
const PROBE_STEP: u32 = 17

/** Where the search for a record begins, before the map's mask. */
function homeOf(state: usize, group: u32, bucket: i64): u32 {
  const number = bucketNumber(state + AGGREGATE_GRID, bucket)
  let hash = (number >> LINE_SLOTS_LOG2) ^ (u64(group) * 0x9e3779b97f4a7c15)
  hash *= 0xff51afd7ed558ccd
  hash ^= hash >> 32
  hash *= 0xc4ceb9fe1a85ec53
  // The line, and in it the place, turned so that buckets far apart do not all have the same.
  const line = u32(hash >> 32) << u32(LINE_SLOTS_LOG2)
  return line | ((u32(number) + u32(hash >> 28)) & 15)
}

function insertInMap(state: usize, home: u32, record: u32): void {
  const map = usize(load<u32>(state))
  const mask = load<u32>(state, 4) - 1
  let slot = home & mask
  while (load<u32>(map + (usize(slot) << 2)) !== 0) slot = (slot + PROBE_STEP) & mask
  store<u32>(map + (usize(slot) << 2), record + 1)
}

/**
 * After the host has put new regions into `map` and `records` (contents of the records kept): fills
 * the map anew. mapCapacity is a power of two above recordCapacity.
 */
export function aggregateRehash(state: usize): void {
  memory.fill(usize(load<u32>(state)), 0, usize(load<u32>(state, 4)) << 2)
  const count = load<u32>(state, 20)
  for (let i: u32 = 0; i < count; i++) {
    const record = recordAt(state, i)
    insertInMap(state, homeOf(state, load<u32>(record), load<i64>(record, 8)), i)
  }
}

/** Pointer of the record of (group, bucket), made if absent; 0 = no room, 1 = over maxRecords. */
export function recordOf(state: usize, group: u32, bucket: i64): usize {
  const map = usize(load<u32>(state))
  const mask = load<u32>(state, 4) - 1
  let slot = homeOf(state, group, bucket) & mask
  store<u32>(state, load<u32>(state, 60) + 1, 60)
  while (true) {
    const found = load<u32>(map + (usize(slot) << 2))
    if (found === 0) break
    const record = recordAt(state, found - 1)
    if (load<i64>(record, 8) === bucket && load<u32>(record) === group) return record
    slot = (slot + PROBE_STEP) & mask
  }
  const count = load<u32>(state, 20)
  if (count >= load<u32>(state, 56)) return 1
  if (count >= load<u32>(state, 16)) return 0
  store<u32>(state, count + 1, 20)
  store<u32>(map + (usize(slot) << 2), count + 1)
  const record = recordAt(state, count)
  memory.fill(record, 0, usize(load<u32>(state, 12)))
  store<u32>(record, group)
  store<i64>(record, bucket, 8)
  store<i64>(record, i64.MAX_VALUE, 24)
  return record
}

/** Stop for room: what the host has to grow. Returns `row`, up to where the chunk was consumed. */
export function stopFor(state: usize, wants: u32, row: i32): i32 {
  store<u32>(state, wants, 48)
  return row
}

/** Bytes of arena that a run may need at most: every wanted end of every string column. */
function arenaNeed(state: usize, from: i32, to: i32): u32 {
  let need: u32 = 0
  const count = load<u32>(state, 40)
  for (let i: u32 = 0; i < count; i++) {
    const column = columnAt(state, i)
    const features = load<u32>(column, 4) & ~FEATURE_SUM
    if (load<u32>(column) !== STRING || features === 0) continue
    const values = usize(load<u32>(column, 8))
    const valid = usize(load<u32>(column, 12))
    let longest: u32 = 0
    for (let row = from; row < to; row++) {
      if (valid !== 0 && load<u8>(valid + row) === 0) continue
      const length = load<u32>(values + (usize(row) << 3), 4)
      if (length > longest) longest = length
    }
    need += u32(popcnt<u32>(features)) * placeSize(longest)
  }
  return need
}

/** Bytes that a string of `length` takes in the arena: a power of two, so that it can be replaced there. */
export function placeSize(length: u32): u32 {
  return length <= 16 ? 16 : 1 << (32 - clz<u32>(length - 1))
}

/** Stores a string into a cell slot, in its old place if it fits there. `isNew`: the cell holds none. */
export function storeString(state: usize, target: usize, source: usize, isNew: bool): void {
  const length = load<u32>(source, 4)
  let offset = load<u32>(target)
  if (isNew || placeSize(length) > placeSize(load<u32>(target, 4))) {
    offset = load<u32>(state, 32)
    store<u32>(state, offset + placeSize(length), 32)
  }
  memory.copy(usize(load<u32>(state, 24)) + usize(offset), usize(load<u32>(source)), length)
  store<u32>(target, offset)
  store<u32>(target, length, 4)
}

/** Rows of the chunk that count for a column: valid AND mask, into scratch when both are there. */
function presentRows(state: usize, valid: usize, mask: usize, from: i32, to: i32): usize {
  if (valid === 0) return mask
  if (mask === 0) return valid
  const scratch = usize(load<u32>(state, 44))
  for (let i = from; i < to; i++) {
    store<u8>(scratch + i, load<u8>(valid + i) & load<u8>(mask + i))
  }
  return scratch
}

/** Replaces the least or greatest of a cell by that of a run, if it is further out. */
function updateExtreme(
  state: usize,
  cell: usize,
  column: usize,
  wanted: i32,
  isNew: bool,
  present: usize,
  from: i32,
  to: i32,
): void {
  const type = load<u32>(column)
  const values = usize(load<u32>(column, 8))
  if (type !== STRING) {
    const slot = extremeSlot(type, wanted, values, present, from, to)
    if (isNew || compareSlots(type, slot, load<u64>(cell)) === wanted) store<u64>(cell, slot)
    return
  }
  const row = values + (usize(extremeString(wanted, values, present, from, to)) << 3)
  takeExtremeString(state, cell, row, wanted, isNew)
}

/** Makes the string of a slot the least or greatest of a cell if it is. */
export function takeExtremeString(
  state: usize,
  cell: usize,
  slot: usize,
  wanted: i32,
  isNew: bool,
): void {
  const held = usize(load<u32>(state, 24)) + usize(load<u32>(cell))
  if (
    isNew ||
    compareBytes(usize(load<u32>(slot)), load<u32>(slot, 4), held, load<u32>(cell, 4)) === wanted
  ) {
    storeString(state, cell, slot, isNew)
  }
}

/** Makes `row` the first or last of a cell if it is. */
function updateEnd(
  state: usize,
  cell: usize,
  column: usize,
  count: u64,
  times: usize,
  row: i32,
  rank: u32,
  isLast: bool,
): void {
  const time = load<i64>(times + (usize(row) << 3))
  if (!isNewEnd(cell, count, time, rank, isLast)) return
  store<i64>(cell, time)
  store<u32>(cell, rank, 16)
  const slot = usize(load<u32>(column, 8)) + (usize(row) << 3)
  if (load<u32>(column) === STRING) storeString(state, cell + 8, slot, count === 0)
  else store<u64>(cell, load<u64>(slot), 8)
}

/** Adds the rows of a run that count to the cells of one column. */
function accumulateColumn(
  state: usize,
  record: usize,
  column: usize,
  rank: u32,
  times: usize,
  mask: usize,
  from: i32,
  to: i32,
): void {
  const present = presentRows(state, usize(load<u32>(column, 12)), mask, from, to)
  const added = present === 0 ? to - from : countPresent(present, from, to)
  if (added === 0) return
  const type = load<u32>(column)
  const values = usize(load<u32>(column, 8))
  const features = load<u32>(column, 4)
  const countCell = record + usize(load<u32>(column, 16))
  const before = load<u64>(countCell)
  if ((features & FEATURE_SUM) !== 0) {
    accumulateSum(record + usize(load<u32>(column, 20)), type, values, present, from, to)
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const cell = record + usize(load<u32>(column, 24))
    updateExtreme(state, cell, column, LESS, before === 0, present, from, to)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const cell = record + usize(load<u32>(column, 28))
    updateExtreme(state, cell, column, GREATER, before === 0, present, from, to)
  }
  if ((features & FEATURE_FIRST) !== 0) {
    const cell = record + usize(load<u32>(column, 32))
    updateEnd(state, cell, column, before, times, firstPresent(present, from), rank, false)
  }
  if ((features & FEATURE_LAST) !== 0) {
    const cell = record + usize(load<u32>(column, 36))
    updateEnd(state, cell, column, before, times, lastPresent(present, to), rank, true)
  }
  if ((features & FEATURE_VARIANCE) !== 0) {
    const cell = record + usize(load<u32>(column, 40))
    accumulateVariance(cell, before, added, type, values, present, from, to)
  }
  store<u64>(countCell, before + u64(added))
}

/**
 * Adds rows [from, count) of a chunk of one series: `times` ascending, `mask` u8 per row (1 = counts)
 * or 0, the columns' values and valid set in their descriptors. Returns the row up to which they were
 * consumed; less than `count` when the state's `wants` says what to grow; LIMIT beyond maxRecords.
 * `times` may be 0 if no first or last is wanted and all rows lie in the bucket of `time`.
 */
export function aggregateChunk(
  state: usize,
  group: u32,
  rank: u32,
  times: usize,
  time: i64,
  mask: usize,
  from: i32,
  count: i32,
): i32 {
  const grid = state + AGGREGATE_GRID
  store<u32>(state, 0, 48)
  let row = from
  while (row < count) {
    if (mask !== 0 && load<u8>(mask + row) === 0) {
      row++
      continue
    }
    const start = times === 0 ? time : load<i64>(times + (usize(row) << 3))
    const end = times === 0 ? count : runEnd(times, row, count, bucketEnd(grid, start))
    const status = addRun(state, group, rank, times, start, mask, row, end)
    if (status !== 0) return status < 0 ? status : row
    row = end
  }
  return count
}

/**
 * Adds rows [from, to) of a chunk, all of one group and one bucket, that of the time `start`, which is
 * the least of those that count; the first of them counts. 0, 1 when the state's `wants` says what to
 * grow first, LIMIT beyond maxRecords.
 */
function addRun(
  state: usize,
  group: u32,
  rank: u32,
  times: usize,
  start: i64,
  mask: usize,
  from: i32,
  to: i32,
): i32 {
  const need = arenaNeed(state, from, to)
  if (need > load<u32>(state, 28) - load<u32>(state, 32)) {
    store<u32>(state, need, 52)
    return stopFor(state, WANTS_ARENA, 1)
  }
  const record = recordOf(state, group, bucketStart(state + AGGREGATE_GRID, start))
  if (record === 1) return LIMIT
  if (record === 0) return stopFor(state, WANTS_RECORDS, 1)
  const rows = mask === 0 ? to - from : countPresent(mask, from, to)
  store<u64>(record, load<u64>(record, 16) + u64(rows), 16)
  if (start < load<i64>(record, 24)) store<i64>(record, start, 24)
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    accumulateColumn(state, record, columnAt(state, i), rank, times, mask, from, to)
  }
  return 0
}

/** Row behind the last one of the series (or with `groups`: of series of its group) of row `from`. */
function memberEnd(members: usize, groups: usize, from: i32, count: i32): i32 {
  const member = load<u32>(members + (usize(from) << 2))
  let row = from + 1
  if (groups === 0) {
    while (row < count && load<u32>(members + (usize(row) << 2)) === member) row++
    return row
  }
  const group = load<u32>(groups + (usize(member) << 2))
  while (row < count) {
    const other = load<u32>(members + (usize(row) << 2))
    if (load<u32>(groups + (usize(other) << 2)) !== group) break
    row++
  }
  return row
}

/**
 * Adds rows [from, count) of a chunk of many series in the order of (series, time), as aggregateChunk
 * does those of one: `members` u32 per row, an index in `groups` and `ranks`, u32 each. Without
 * `times`, neighbours of one group are added together.
 */
export function aggregateMany(
  state: usize,
  members: usize,
  groups: usize,
  ranks: usize,
  times: usize,
  time: i64,
  mask: usize,
  from: i32,
  count: i32,
): i32 {
  const grid = state + AGGREGATE_GRID
  store<u32>(state, 0, 48)
  let row = from
  while (row < count) {
    if (mask !== 0 && load<u8>(mask + row) === 0) {
      row++
      continue
    }
    const member = usize(load<u32>(members + (usize(row) << 2))) << 2
    const start = times === 0 ? time : load<i64>(times + (usize(row) << 3))
    let end = memberEnd(members, times === 0 ? groups : 0, row, count)
    if (times !== 0) end = runEnd(times, row, end, bucketEnd(grid, start))
    const group = load<u32>(groups + member)
    const status = addRun(state, group, load<u32>(ranks + member), times, start, mask, row, end)
    if (status !== 0) return status < 0 ? status : row
    row = end
  }
  return count
}

/** Joins the summary of a whole block to the cells of one column. */
function accumulateSummary(
  record: usize,
  column: usize,
  rank: u32,
  firstTime: i64,
  lastTime: i64,
): void {
  const entry = usize(load<u32>(column, 44))
  const added = entry === 0 ? 0 : u64(load<u16>(entry, 14))
  if (added === 0) return
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  const countCell = record + usize(load<u32>(column, 16))
  const before = load<u64>(countCell)
  if ((features & FEATURE_SUM) !== 0) {
    const cell = record + usize(load<u32>(column, 20))
    if (type === FLOAT) addFloat(cell, load<f64>(entry, 56))
    else addWide(cell, load<u64>(entry, 56), load<i64>(entry, 64))
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const cell = record + usize(load<u32>(column, 24))
    const slot = load<u64>(entry, 40)
    if (before === 0 || compareSlots(type, slot, load<u64>(cell)) === LESS) store<u64>(cell, slot)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const cell = record + usize(load<u32>(column, 28))
    const slot = load<u64>(entry, 48)
    if (before === 0 || compareSlots(type, slot, load<u64>(cell)) === GREATER)
      store<u64>(cell, slot)
  }
  if ((features & FEATURE_FIRST) !== 0) {
    const cell = record + usize(load<u32>(column, 32))
    if (isNewEnd(cell, before, firstTime, rank, false))
      storeEnd(cell, firstTime, load<u64>(entry, 72), rank)
  }
  if ((features & FEATURE_LAST) !== 0) {
    const cell = record + usize(load<u32>(column, 36))
    if (isNewEnd(cell, before, lastTime, rank, true))
      storeEnd(cell, lastTime, load<u64>(entry, 80), rank)
  }
  store<u64>(countCell, before + added)
}

export function storeEnd(cell: usize, time: i64, slot: u64, rank: u32): void {
  store<i64>(cell, time)
  store<u64>(cell, slot, 8)
  store<u32>(cell, rank, 16)
}

/**
 * Adds a whole block of one series from its summaries: `rows` rows in one bucket, times from
 * firstTime to lastTime, each column's BlockEntry (0 = no values) in its descriptor. The host has
 * made sure that the entries can answer: no STRING but its count, no variance, and nulls only where
 * neither first nor last is wanted. Returns 0, 1 if records must grow, LIMIT beyond maxRecords.
 */
export function aggregateSummary(
  state: usize,
  group: u32,
  rank: u32,
  rows: u32,
  firstTime: i64,
  lastTime: i64,
): i32 {
  const record = recordOf(state, group, bucketStart(state + AGGREGATE_GRID, firstTime))
  if (record === 1) return LIMIT
  if (record === 0) return 1
  store<u64>(record, load<u64>(record, 16) + u64(rows), 16)
  if (firstTime < load<i64>(record, 24)) store<i64>(record, firstTime, 24)
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    accumulateSummary(record, columnAt(state, i), rank, firstTime, lastTime)
  }
  return 0
}
