// Aggregation of a run: rows of one series in one row group of a part, no filter. `runPlan` says which
// column blocks have to be there: where a block's summary answers (architecture.md, "A summary is
// used"), or only its count is asked for, none has; `runAggregate` then takes the whole run in one call.
//
// States, u8[64] per column of the view and, behind them, per block: what happens to it.
// Chunk: i64[1024] times, then u64[1024] slots and u8[1024] validity of each field.

import { addRun, aggregateChunk } from './aggregate'
import { aggregateSummary } from './aggregate-summary'
import {
  FEATURE_CENSUS,
  FEATURE_DIFFERENCES,
  FEATURE_FIRST,
  FEATURE_LAST,
  FEATURE_SAMPLES,
  FEATURE_SKETCH,
  FEATURE_VARIANCE,
} from './cell'
import { ONE_BUCKET, bucketEnd, enterBucket, enterNextBucket } from './downsample'
import { enteredEnd, fixedWidth } from './downsample'
import * as entries from './entry'
import { BLOCK_ROWS, CORRUPT, STRING } from './layout'
import { viewBlock, viewBytes, viewColumn, viewEntry } from './part-view'
import { PACKED, isPacked, takePacked } from './packed'
import { AGGREGATE_GRID, WANTS_RECORDS, columnAt, stopFor } from './record'
import { scanPresent } from './scan'
import { openTimes, openedLowerBound, openedTime } from './times'

/** Options of runPlan: `count(*)` counts rows without a value; the first point's time is asked for. */
const COUNTS_ROWS: u32 = 1
const NEEDS_FIRST_TIME: u32 = 2

/** States: nothing is needed of the block, its entry answers, it is decoded. */
const SKIPPED: u8 = 0
const SUMMARY: u8 = 2
const DECODED: u8 = 3

/** What a call stops for beside what aggregateChunk does: the block of its row does not decode. */
const WANTS_BLOCK: u32 = 3

/** Rows from which on a bucket is worth a look-up of its end; what is shorter is met so often. */
const LONG_BUCKET: i32 = 64
const SHORT_MAX: i32 = 2
/** Buckets of a block up to which sums of whole rows of 32 are worth two rows in part a bucket. */
const LONG_BUCKETS_MAX: u64 = 8

const GROUP_BLOCKS: usize = 64
const CHUNK_SLOTS: usize = 8192
const CHUNK_COLUMN: usize = 9216
/** Rows of a block with a value in some field, u8[1024]. */
const PRESENT: usize = memory.data(1024)

const ENDS: u32 = FEATURE_FIRST | FEATURE_LAST
/** What an entry never tells. */
const NOT_SUMMED: u32 =
  FEATURE_VARIANCE | FEATURE_DIFFERENCES | FEATURE_SAMPLES | FEATURE_SKETCH | FEATURE_CENSUS

function fieldCount(state: usize): i32 {
  return i32(load<u32>(state, 40))
}

function stateAt(states: usize, column: i32, block: i32): usize {
  return states + usize(column) * GROUP_BLOCKS + usize(block)
}

function hasNulls(entry: usize): bool {
  return entry === 0 || (u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.HAS_NULLS) !== 0
}

function countOf(entry: usize): u32 {
  return entry === 0 ? 0 : u32(load<u16>(entry, entries.ENTRY_COUNT))
}

/** Are all rows of a block, which are of one series, in one bucket? */
function isInBucket(grid: usize, timeEntry: usize): bool {
  const first = load<i64>(timeEntry, entries.ENTRY_FIRST)
  const last = load<i64>(timeEntry, entries.ENTRY_LAST)
  return first === last || bucketEnd(grid, first) > last
}

/** Has some field a value in the block? */
function hasValues(state: usize, view: usize, block: i32): bool {
  for (let i = 0; i < fieldCount(state); i++) {
    if (countOf(viewEntry(viewColumn(view, i + 1), block)) > 0) return true
  }
  return false
}

/** Do the entries hold everything that is asked of a block all of whose rows count? */
function summaryAnswers(state: usize, view: usize, block: i32, rows: u32, options: u32): bool {
  let isDense = (options & COUNTS_ROWS) !== 0
  for (let i = 0; i < fieldCount(state); i++) {
    const entry = viewEntry(viewColumn(view, i + 1), block)
    const count = countOf(entry)
    const descriptor = columnAt(state, i)
    const features = load<u32>(descriptor, 4)
    if (count === rows) isDense = true
    if (count === 0 || features === 0) continue
    if (load<u32>(descriptor) === STRING || (features & NOT_SUMMED) !== 0) return false
    if ((u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.HAS_SUMMARY) === 0) return false
    // With nulls, the time of the first and last value is not known.
    if ((features & ENDS) !== 0 && count < rows) return false
  }
  return isDense || (options & NEEDS_FIRST_TIME) === 0
}

function needsTimes(state: usize, options: u32): bool {
  if ((options & NEEDS_FIRST_TIME) !== 0) return true
  for (let i = 0; i < fieldCount(state); i++) {
    if ((load<u32>(columnAt(state, i), 4) & (ENDS | FEATURE_DIFFERENCES)) !== 0) return true
  }
  return false
}

/** States of a block that is decoded: what only counts, and has no nulls, is not. */
function planDecoded(state: usize, view: usize, block: i32, times: u8, states: usize): void {
  const fields = fieldCount(state)
  store<u8>(stateAt(states, 0, block), times)
  for (let i = 0; i < fields; i++) {
    const entry = viewEntry(viewColumn(view, i + 1), block)
    let plan = DECODED
    if (entry === 0) plan = SKIPPED
    else if (load<u32>(columnAt(state, i), 4) === 0 && !hasNulls(entry)) plan = SUMMARY
    store<u8>(stateAt(states, i + 1, block), plan)
  }
  store<u8>(stateAt(states, fields + 1, block), DECODED)
}

/** Fills the states of the blocks of rows [from, to); returns how many rows are decoded. */
export function runPlan(
  state: usize,
  view: usize,
  from: i32,
  to: i32,
  options: u32,
  states: usize,
): i32 {
  const grid = state + AGGREGATE_GRID
  const isOneBucket = load<u32>(grid) === ONE_BUCKET
  const isTimed = needsTimes(state, options)
  const columns = fieldCount(state) + 2
  let decoded = 0
  for (let block = from / BLOCK_ROWS; block * BLOCK_ROWS < to; block++) {
    const timeEntry = viewEntry(view, block)
    const rows = i32(load<u16>(timeEntry, entries.ENTRY_ROWS))
    const base = block * BLOCK_ROWS
    const isWhole = from <= base && to >= base + rows
    const isOne = isOneBucket || (isWhole && isInBucket(grid, timeEntry))
    let plan = SKIPPED
    if ((options & COUNTS_ROWS) !== 0 || hasValues(state, view, block)) {
      const isAnswered = isWhole && isOne && summaryAnswers(state, view, block, u32(rows), options)
      plan = isAnswered ? SUMMARY : DECODED
    }
    if (plan === DECODED) {
      // The model finds where buckets end, without decoding.
      const times = isTimed ? DECODED : isOne ? SKIPPED : SUMMARY
      planDecoded(state, view, block, times, states)
      decoded += min(to, base + rows) - max(from, base)
    } else {
      for (let i = 0; i < columns; i++) store<u8>(stateAt(states, i, block), plan)
    }
  }
  return decoded
}

/** Takes rows of a block as they are packed, if that answers what is asked of a field; false if not. */
function isTakenPacked(
  descriptor: usize,
  column: usize,
  block: i32,
  from: i32,
  count: i32,
  isLong: bool,
  target: usize,
): bool {
  const entry = viewEntry(column, block)
  const type = i32(load<u32>(descriptor))
  if (entry === 0 || !isPacked(type, load<u32>(descriptor, 4), entry)) return false
  return takePacked(descriptor, viewBytes(column, block), entry, from, count, isLong, target)
}

/** Do buckets have many rows of a block, as far as its times tell? */
function hasLongBuckets(grid: usize, timeEntry: usize): bool {
  const span = load<u64>(timeEntry, entries.ENTRY_LAST) - load<u64>(timeEntry, entries.ENTRY_FIRST)
  return span / LONG_BUCKETS_MAX <= fixedWidth(grid)
}

/** After the rows of a block: values of chunks are slots. */
function clearPacked(state: usize): void {
  for (let i = 0; i < fieldCount(state); i++) store<u32>(columnAt(state, i), 0, PACKED)
}

/** Loads rows of one block into the chunk and the descriptors; its mask (0 = all rows count), or CORRUPT. */
function loadChunk(
  state: usize,
  view: usize,
  states: usize,
  chunk: usize,
  block: i32,
  from: i32,
  count: i32,
  countsRows: bool,
): i32 {
  if (load<u8>(stateAt(states, 0, block)) === DECODED) {
    if (viewBlock(view, block, from, count, chunk, 0) < 0) return CORRUPT
  }
  let isDense = countsRows
  const isLong = hasLongBuckets(state + AGGREGATE_GRID, viewEntry(view, block))
  const fields = fieldCount(state)
  for (let i = 0; i < fields; i++) {
    let values = chunk + CHUNK_SLOTS + usize(i) * CHUNK_COLUMN
    const descriptor = columnAt(state, i)
    let valid: usize = 0
    if (load<u8>(stateAt(states, i + 1, block)) !== SUMMARY) {
      const column = viewColumn(view, i + 1)
      if (hasNulls(viewEntry(column, block))) valid = values + CHUNK_SLOTS
      if (isTakenPacked(descriptor, column, block, from, count, isLong, values)) {
        values = usize(load<u32>(descriptor, 8))
      } else if (viewBlock(column, block, from, count, values, valid) < 0) {
        return CORRUPT
      }
    }
    store<u32>(descriptor, u32(values), 8)
    store<u32>(descriptor, u32(valid), 12)
    if (valid === 0) isDense = true
  }
  if (isDense) return 0
  memory.fill(PRESENT, 0, usize(count))
  for (let i = 0; i < fields; i++) {
    scanPresent(PRESENT, usize(load<u32>(columnAt(state, i), 12)), count)
  }
  return i32(PRESENT)
}

/** A whole block by its entries: 0, 1 = records must grow, LIMIT. */
function addSummary(state: usize, view: usize, block: i32, group: u32, rank: u32): i32 {
  const time = viewEntry(view, block)
  for (let i = 0; i < fieldCount(state); i++) {
    store<u32>(columnAt(state, i), u32(viewEntry(viewColumn(view, i + 1), block)), 44)
  }
  const first = load<i64>(time, entries.ENTRY_FIRST)
  const last = load<i64>(time, entries.ENTRY_LAST)
  const rows = u32(load<u16>(time, entries.ENTRY_ROWS))
  return aggregateSummary(state, group, rank, rows, first, last)
}

/** Rows bucket by bucket as long as buckets are long, their ends found by the model: up to which row. */
function addLongBuckets(
  state: usize,
  view: usize,
  block: i32,
  group: u32,
  rank: u32,
  mask: usize,
  from: i32,
  count: i32,
): i32 {
  const entry = viewEntry(view, block)
  const rows = i32(load<u16>(entry, entries.ENTRY_ROWS))
  let row = 0
  let short = 0
  store<u32>(state, 0, 48)
  if (from + count > rows || !openTimes(viewBytes(view, block), entry)) {
    return stopFor(state, WANTS_BLOCK, row)
  }
  const grid = state + AGGREGATE_GRID
  while (row < count && short < SHORT_MAX) {
    const time = openedTime(from + row)
    if (row === 0) enterBucket(grid, time)
    else enterNextBucket(grid, time)
    let stop = count
    if (enteredEnd !== i64.MAX_VALUE) {
      stop = openedLowerBound(entry, from + row, from + count, enteredEnd) - from
    }
    if (stop <= row) return stopFor(state, WANTS_BLOCK, row)
    if (stop - row < LONG_BUCKET) short++
    if (mask === 0) {
      const status = addRun(state, group, rank, 0, time, 0, row, stop)
      if (status !== 0) return status < 0 ? status : row
    } else {
      const reached = aggregateChunk(state, group, rank, 0, time, mask, row, stop)
      if (reached < stop) return reached
    }
    row = stop
  }
  return row
}

/** Adds the loaded rows from … from + count of a block; returns as aggregateChunk does. */
function addRows(
  state: usize,
  view: usize,
  states: usize,
  chunk: usize,
  block: i32,
  group: u32,
  rank: u32,
  mask: usize,
  from: i32,
  count: i32,
): i32 {
  const times = stateAt(states, 0, block)
  let row = 0
  if (load<u8>(times) === SUMMARY) {
    row = addLongBuckets(state, view, block, group, rank, mask, from, count)
    if (row < 0 || row === count || load<u32>(state, 48) !== 0) return row
    if (viewBlock(view, block, from + row, count - row, chunk + (usize(row) << 3), 0) < 0) {
      return stopFor(state, WANTS_BLOCK, row)
    }
    store<u8>(times, DECODED)
  }
  const first = load<i64>(viewEntry(view, block), entries.ENTRY_FIRST)
  const isTimed = load<u8>(times) === DECODED
  return aggregateChunk(state, group, rank, isTimed ? chunk : 0, first, mask, row, count)
}

/**
 * Adds the rows [from, to) as `states` plan it, with the blocks that it decodes there. Returns the row
 * up to which they were consumed: less than `to` when the aggregation's `wants` says what to grow
 * (call again from that row) or, WANTS_BLOCK, that its block is damaged; LIMIT beyond maxRecords.
 */
export function runAggregate(
  state: usize,
  view: usize,
  states: usize,
  chunk: usize,
  group: u32,
  rank: u32,
  from: i32,
  to: i32,
  options: u32,
): i32 {
  const plans = stateAt(states, fieldCount(state) + 1, 0)
  const countsRows = (options & COUNTS_ROWS) !== 0
  for (let row = from; row < to;) {
    const block = row / BLOCK_ROWS
    const base = block * BLOCK_ROWS
    const end = min(to, base + BLOCK_ROWS)
    const plan = load<u8>(plans + usize(block))
    if (plan === SUMMARY) {
      const status = addSummary(state, view, block, group, rank)
      if (status < 0) return status
      if (status > 0) return stopFor(state, WANTS_RECORDS, row)
    } else if (plan === DECODED) {
      const count = end - row
      const mask = loadChunk(state, view, states, chunk, block, row - base, count, countsRows)
      if (mask < 0) {
        clearPacked(state)
        return stopFor(state, WANTS_BLOCK, row)
      }
      const from = row - base
      const reached = addRows(
        state,
        view,
        states,
        chunk,
        block,
        group,
        rank,
        usize(mask),
        from,
        count,
      )
      clearPacked(state)
      if (reached < 0) return reached
      if (reached < count) return row + reached
    }
    row = end
  }
  return to
}
