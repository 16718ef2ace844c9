// Aggregation of rows: chunks of one series or of many, run by run into the cells of their records
// (record.ts). A run is what follows each other of one group and one bucket, so that it costs one
// look-up, whatever its length.

import { placeSize, storeString, takeExtremeString } from './cell-text'
import { accumulateCensus, censusNeed } from './census'
import {
  FEATURE_CENSUS,
  FEATURE_DIFFERENCES,
  FEATURE_FIRST,
  FEATURE_GREATEST,
  FEATURE_LAST,
  FEATURE_LEAST,
  FEATURE_SAMPLES,
  FEATURE_SKETCH,
  FEATURE_SUM,
  FEATURE_VARIANCE,
  accumulateSum,
  accumulateVariance,
  extremeString,
  isNewEnd,
} from './cell'
import { accumulateDifferences } from './increase'
import { enterBucket, enterNextBucket, enteredEnd, enteredStart, runEnd } from './downsample'
import { compareSlots, extremeSlot } from './extreme'
import { GREATER, LESS } from './filter'
import { LIMIT, STRING } from './layout'
import { PACKED, accumulatePacked } from './packed'
import { countPresent, firstPresent, lastPresent } from './presence'
import { AGGREGATE_GRID, WANTS_ARENA, WANTS_RECORDS, columnAt, recordOf, stopFor } from './record'
import { SAMPLES_ROOM, accumulateSamples } from './samples'
import { SKETCH_ROOM, accumulateSketch } from './sketch'

/** What a string column may keep strings for. */
const STRING_FEATURES: u32 = FEATURE_LEAST | FEATURE_GREATEST | FEATURE_FIRST | FEATURE_LAST

/** Bytes of arena that a run may need at most: for ends of string columns, and for values that are kept. */
function arenaNeed(state: usize, record: usize, from: i32, to: i32, room: u32): u32 {
  let need: u32 = 0
  const count = load<u32>(state, 40)
  for (let i: u32 = 0; i < count; i++) {
    const column = columnAt(state, i)
    const all = load<u32>(column, 4)
    if ((all & FEATURE_SAMPLES) !== 0) need += SAMPLES_ROOM
    if ((all & FEATURE_SKETCH) !== 0) need += SKETCH_ROOM
    const features = all & STRING_FEATURES
    const type = load<u32>(column)
    const values = usize(load<u32>(column, 8))
    const valid = usize(load<u32>(column, 12))
    if ((all & FEATURE_CENSUS) !== 0) {
      const census = record + usize(load<u32>(column, 168))
      need += censusNeed(state, census, type, values, valid, from, to, room)
    }
    if (type !== STRING || features === 0) continue
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
  // Only of chunks without nulls and mask.
  if (load<u32>(column, PACKED) !== 0) return accumulatePacked(record, column, from, to)
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
  if ((features & FEATURE_DIFFERENCES) !== 0) {
    accumulateDifferences(state, record, column, times, present, from, to)
  }
  if ((features & FEATURE_SAMPLES) !== 0) {
    const samples = record + usize(load<u32>(column, 160))
    accumulateSamples(state, samples, type, values, present, from, to)
  }
  if ((features & FEATURE_SKETCH) !== 0) {
    const sketch = record + usize(load<u32>(column, 164))
    accumulateSketch(state, sketch, type, values, present, from, to)
  }
  if ((features & FEATURE_CENSUS) !== 0) {
    const census = record + usize(load<u32>(column, 168))
    accumulateCensus(state, census, type, values, present, from, to)
  }
  store<u64>(countCell, before + u64(added))
}

/**
 * Adds rows [from, to) of a chunk, all of one group and of the bucket that was entered last; `start` is
 * the least time of those that count; the first of them counts. 0, 1 when the state's `wants` says what
 * to grow first, LIMIT beyond maxRecords.
 */
export function addRun(
  state: usize,
  group: u32,
  rank: u32,
  times: usize,
  start: i64,
  mask: usize,
  from: i32,
  to: i32,
): i32 {
  const record = recordOf(state, group, enteredStart)
  if (record === 1) return LIMIT
  if (record === 0) return stopFor(state, WANTS_RECORDS, 1)
  if (load<u32>(state, 100) !== 0) {
    const room = load<u32>(state, 28) - load<u32>(state, 32)
    const need = arenaNeed(state, record, from, to, room)
    if (need > room) {
      store<u32>(state, need, 52)
      return stopFor(state, WANTS_ARENA, 1)
    }
  }
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
  if (members === 0) return count
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

/** Group and rank of the one series of a chunk. */
const ONE_SERIES: usize = memory.data(8)

/**
 * Adds rows [from, count) of a chunk of one series: `times` ascending, `mask` u8 per row (1 = counts)
 * or 0, the columns' values and valid set in their descriptors. Returns the row up to which they were
 * consumed; less than `count` when the state's `wants` says what to grow; LIMIT beyond maxRecords.
 * `times` may be 0 if nothing that is wanted needs them and all rows lie in the bucket of `time`.
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
  store<u32>(ONE_SERIES, group)
  store<u32>(ONE_SERIES, rank, 4)
  return aggregateMany(state, 0, ONE_SERIES, ONE_SERIES + 4, times, time, mask, from, count)
}

/**
 * The same of a chunk of many series in the order of (series, time): `members` u32 per row, an index
 * in `groups` and `ranks`, u32 each; 0: all rows are of the first. Without `times`, neighbours of one
 * group are added together. Differences are for chunks of one series.
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
  let isFirst = true
  while (row < count) {
    if (mask !== 0 && load<u8>(mask + row) === 0) {
      row++
      continue
    }
    let member: usize = 0
    if (members !== 0) member = usize(load<u32>(members + (usize(row) << 2))) << 2
    const start = times === 0 ? time : load<i64>(times + (usize(row) << 3))
    if (isFirst) enterBucket(grid, start)
    else enterNextBucket(grid, start)
    isFirst = false
    let end = memberEnd(members, times === 0 ? groups : 0, row, count)
    if (times !== 0) end = runEnd(times, row, end, enteredEnd)
    const group = load<u32>(groups + member)
    const status = addRun(state, group, load<u32>(ranks + member), times, start, mask, row, end)
    if (status !== 0) return status < 0 ? status : row
    row = end
  }
  return count
}
