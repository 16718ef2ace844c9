// A sealed memtable sorted by (table, partition, series, time): the index that a flush reads parts
// from. Two passes over the rows as they lie put them in the order of their series (a counting sort:
// a chain would cost a miss of DRAM a row); each series' rows are then sorted, if they are not, and
// cut into runs at partition edges; a run joins the list of its group (table, partition). Series are
// visited by id, so a group's runs are in their order.
//
// FlushIndex, 224 bytes: 0 memtable u32  4 catalog u32  8 index u32  12 scratch u32
//      16 capacity u32 (of both)  20 used u32 (entries of series that were visited)  24 runs u32  28 runCapacity u32
//      32 runCount u32  36 groups u32 (KeyTable)  40 shapes u32 (KeyTable)  44 series u32 (cursor)
//      48 phase u32  52 position u32  56 group u32  60 shape u32
//      64 lastTime i64 (of the partition)  72 key scratch, 8 bytes
//      80 snapshot u32 (bytes of rows)  84 marks u32 (tombstones that count)
//      88 Selection, 120 bytes (its first 12 bytes hold a group's key while no selection is in
//      progress)  208 places u32 (u32[seriesCount])  212 seriesCount u32  216 offset u32 (of the next
//      row)  220 reserved
// Places: how many rows a series has, then where in the index its next one belongs, so at last where
// they end. NONE: its table was dropped.
// Run, 24 bytes (u32): 0 series  4 start (entry)  8 entries  12 rows  16 next (run + 1)  20 none
// Group: key table id u32, partition i64; payload a first run, b last run, c runs.
// Shapes: key group id u32, shape id u32: which shapes, so which columns, a group has.
// FlushCursor, 32 bytes (u32): 0 index  4 run (+ 1, 0 = end)  8 position in it  12 run and
//      16 position where the current rows start  20 current rows  24 non-null  28 reserved

import { keyTableCount, keyTableEntry, keyTableInsert, REMOVED } from './key-table'
import { FULL } from './layout'
import { memtableRows } from './memtable'
import { catalogSeries, catalogShapes, catalogTables } from './row'
import { rowMark, rowSeries, rowShape, rowSize, rowTime } from './row'
import { CONTINUES, entryOffset, fillColumn, selectionEntries, selectionOver } from './selection'
import { selectionStep } from './selection'

export const FLUSH_INDEX_SIZE: i32 = 224
export const FLUSH_CURSOR_SIZE: i32 = 32
export const RUN_SIZE: i32 = 24

const COUNT: u32 = 0
const PLACE: u32 = 1
const SCATTER: u32 = 2
const NEXT: u32 = 3
const ORDER: u32 = 4
const CUT: u32 = 5

const SECOND: i64 = 1000000000
const NONE: u32 = 0xffffffff

/** Number of the partition that holds a time: floor(time / width), exact for every i64. */
export function partitionOf(time: i64, widthSeconds: u32): i64 {
  const width = i64(widthSeconds) * SECOND
  const quotient = time / width
  return time % width < 0 ? quotient - 1 : quotient
}

/** Last nanosecond of a partition, cut to the range of i64. */
export function partitionLast(partition: i64, widthSeconds: u32): i64 {
  const width = i64(widthSeconds) * SECOND
  if (partition < 0) return (partition + 1) * width - 1
  const start = partition * width
  return start > i64.MAX_VALUE - (width - 1) ? i64.MAX_VALUE : start + (width - 1)
}

/**
 * Prepares the index of a memtable as it is now; `index` and `scratch` are u32[capacity], an entry
 * for each row; `places` is u32[seriesCount], zeros, for every series of the catalog; rows that its
 * first `marks` tombstones hide are left out; `groups` and `shapes` are empty KeyTables.
 */
export function flushInit(
  flush: usize,
  memtable: usize,
  catalog: usize,
  marks: u32,
  index: usize,
  scratch: usize,
  capacity: u32,
  groups: usize,
  shapes: usize,
  places: usize,
  seriesCount: u32,
): void {
  memory.fill(flush, 0, FLUSH_INDEX_SIZE)
  store<u32>(flush, u32(memtable))
  store<u32>(flush, u32(catalog), 4)
  store<u32>(flush, u32(index), 8)
  store<u32>(flush, u32(scratch), 12)
  store<u32>(flush, capacity, 16)
  store<u32>(flush, u32(groups), 36)
  store<u32>(flush, u32(shapes), 40)
  store<u32>(flush, load<u32>(memtable, 8), 80)
  store<u32>(flush, marks, 84)
  store<u32>(flush, u32(places), 208)
  store<u32>(flush, seriesCount, 212)
}

/** Gives the index a (larger) region for runs; the first `runCount` were copied by the caller. */
export function flushSetRuns(flush: usize, runs: usize, runCapacity: u32): void {
  store<u32>(flush, u32(runs), 24)
  store<u32>(flush, runCapacity, 28)
}

export function flushRunCount(flush: usize): u32 {
  return load<u32>(flush, 32)
}

function runAt(flush: usize, run: u32): usize {
  return usize(load<u32>(flush, 24)) + usize(run) * RUN_SIZE
}

function tableOf(flush: usize, series: u32): u32 {
  return load<u32>(keyTableEntry(catalogSeries(usize(load<u32>(flush, 4))), series), 16)
}

function placeOf(flush: usize, series: u32): usize {
  return usize(load<u32>(flush, 208)) + (usize(series) << 2)
}

function isDropped(flush: usize, series: u32): bool {
  const tables = catalogTables(usize(load<u32>(flush, 4)))
  return load<u32>(keyTableEntry(tables, tableOf(flush, series)), 4) === REMOVED
}

/** Visits rows as they lie: counts them by series, or puts their offsets into the index. */
function visitRows(flush: usize, budget: i32, isCounting: bool): i32 {
  const rows = memtableRows(usize(load<u32>(flush)))
  const shapes = catalogShapes(usize(load<u32>(flush, 4)))
  const index = usize(load<u32>(flush, 8))
  const end = load<u32>(flush, 80)
  const marks = load<u32>(flush, 84)
  let offset = load<u32>(flush, 216)
  let shape = NONE
  let size: u32 = 0
  for (; offset < end && budget > 0; offset += size, budget--) {
    const row = rows + usize(offset)
    if (rowShape(row) !== shape) {
      shape = rowShape(row)
      size = rowSize(shapes, shape)
    }
    // A mark of 0 becomes the greatest number.
    if (rowMark(row) - 1 < marks) continue
    const place = placeOf(flush, rowSeries(row))
    const next = load<u32>(place)
    if (next === NONE) continue
    if (!isCounting) store<u32>(index + (usize(next) << 2), offset)
    store<u32>(place, next + 1)
  }
  store<u32>(flush, offset < end ? offset : 0, 216)
  if (offset >= end) store<u32>(flush, isCounting ? PLACE : NEXT, 48)
  return budget
}

/** Turns the counts of rows into places. */
function placeSeries(flush: usize, budget: i32): i32 {
  const count = load<u32>(flush, 212)
  let used = load<u32>(flush, 20)
  let series = load<u32>(flush, 44)
  for (; series < count && budget > 0; series++, budget--) {
    const place = placeOf(flush, series)
    const rows = load<u32>(place)
    const isLeftOut = rows > 0 && isDropped(flush, series)
    store<u32>(place, isLeftOut ? NONE : used)
    if (!isLeftOut) used += rows
  }
  const isDone = series === count
  store<u32>(flush, isDone ? 0 : used, 20)
  store<u32>(flush, isDone ? 0 : series, 44)
  if (isDone) store<u32>(flush, SCATTER, 48)
  return budget
}

/** Starts to order the next series that has rows and a table; unchanged at the end. */
function nextSeries(flush: usize, budget: i32): i32 {
  const count = load<u32>(flush, 212)
  const used = load<u32>(flush, 20)
  let series = load<u32>(flush, 44)
  for (; series < count && budget > 0; series++, budget--) {
    const end = load<u32>(placeOf(flush, series))
    if (end === NONE || end === used) continue
    const index = usize(load<u32>(flush, 8)) + (usize(used) << 2)
    const scratch = usize(load<u32>(flush, 12))
    selectionOver(flush + 88, usize(load<u32>(flush)), index, scratch, end - used)
    store<u32>(flush, ORDER, 48)
    break
  }
  store<u32>(flush, series, 44)
  return budget
}

/** Opens the run that starts at `position`, in the group of its time; FULL changes nothing. */
function openRun(flush: usize, position: u32, time: i64): i32 {
  const run = load<u32>(flush, 32)
  if (run === load<u32>(flush, 28)) return FULL
  const groups = usize(load<u32>(flush, 36))
  const series = load<u32>(flush, 44)
  const table = tableOf(flush, series)
  const tables = catalogTables(usize(load<u32>(flush, 4)))
  const width = load<u32>(keyTableEntry(tables, table), 20)
  const partition = partitionOf(time, width)
  const key = flush + 88
  store<u32>(key, table)
  store<i64>(key, partition, 4)
  const before = keyTableCount(groups)
  const group = keyTableInsert(groups, key, 12)
  if (group < 0) return FULL
  const entry = keyTableEntry(groups, u32(group))
  if (u32(group) === before) store<u32>(entry, run, 16)
  else store<u32>(runAt(flush, load<u32>(entry, 20)), run + 1, 16)
  store<u32>(entry, run, 20)
  store<u32>(entry, load<u32>(entry, 24) + 1, 24)
  const target = runAt(flush, run)
  memory.fill(target, 0, RUN_SIZE)
  store<u32>(target, series)
  store<u32>(target, position, 4)
  store<u32>(flush, run + 1, 32)
  store<u32>(flush, u32(group), 56)
  store<u32>(flush, NONE, 60)
  store<i64>(flush, partitionLast(partition, width), 64)
  return group
}

/** Notes that the current group has a shape. */
function noteShape(flush: usize, shape: u32): i32 {
  const key = flush + 72
  store<u32>(key, load<u32>(flush, 56))
  store<u32>(key, shape, 4)
  const id = keyTableInsert(usize(load<u32>(flush, 40)), key, 8)
  if (id >= 0) store<u32>(flush, shape, 60)
  return id
}

/** Cuts the selected series into runs, up to the budget. */
function cut(flush: usize, budget: i32): i32 {
  const rows = memtableRows(usize(load<u32>(flush)))
  const index = usize(load<u32>(flush, 8))
  const end = load<u32>(flush, 20)
  let position = load<u32>(flush, 52)
  while (position < end && budget > 0) {
    const entry = load<u32>(index + (usize(position) << 2))
    const row = rows + usize(entryOffset(entry))
    if (load<u32>(flush, 56) === NONE || rowTime(row) > load<i64>(flush, 64)) {
      if (openRun(flush, position, rowTime(row)) < 0) return FULL
    }
    if (rowShape(row) !== load<u32>(flush, 60) && noteShape(flush, rowShape(row)) < 0) return FULL
    const run = runAt(flush, load<u32>(flush, 32) - 1)
    store<u32>(run, load<u32>(run, 8) + 1, 8)
    if (entry < CONTINUES) store<u32>(run, load<u32>(run, 12) + 1, 12)
    position++
    budget--
    store<u32>(flush, position, 52)
  }
  if (position === end) {
    store<u32>(flush, load<u32>(flush, 44) + 1, 44)
    store<u32>(flush, NEXT, 48)
  }
  return budget
}

/**
 * Builds on for about `budget` row visits: > 0 = done, 0 = call again, FULL = make room for runs if
 * there is none, else in both KeyTables, and call again.
 */
export function flushStep(flush: usize, budget: i32): i32 {
  while (budget > 0) {
    const phase = load<u32>(flush, 48)
    if (phase === COUNT || phase === SCATTER) {
      budget = visitRows(flush, budget, phase === COUNT)
    } else if (phase === PLACE) {
      budget = placeSeries(flush, budget)
    } else if (phase === NEXT) {
      budget = nextSeries(flush, budget)
      if (load<u32>(flush, 48) === NEXT) return budget
    } else if (phase === ORDER) {
      budget = selectionStep(flush + 88, budget)
      if (budget > 0) startCut(flush)
    } else {
      budget = cut(flush, budget)
    }
  }
  return budget
}

function startCut(flush: usize): void {
  const used = load<u32>(flush, 20)
  store<u32>(flush, used, 52)
  store<u32>(flush, used + selectionEntries(flush + 88), 20)
  store<u32>(flush, NONE, 56)
  store<u32>(flush, CUT, 48)
}

/** Puts a cursor before the first row of the group whose first run is `run`. */
export function flushCursorInit(cursor: usize, flush: usize, run: u32): void {
  memory.fill(cursor, 0, FLUSH_CURSOR_SIZE)
  store<u32>(cursor, u32(flush))
  store<u32>(cursor, run + 1, 4)
}

/**
 * Advances to the next rows, at most `limit`: fills u32[limit] series and i64[limit] times; how
 * many rows they are, 0 = end of the group.
 */
export function flushRows(cursor: usize, limit: u32, series: usize, times: usize): u32 {
  const flush = usize(load<u32>(cursor))
  const rows = memtableRows(usize(load<u32>(flush)))
  const index = usize(load<u32>(flush, 8))
  let run = load<u32>(cursor, 4)
  let position = load<u32>(cursor, 8)
  store<u32>(cursor, run, 12)
  store<u32>(cursor, position, 16)
  let count: u32 = 0
  while (run !== 0 && count < limit) {
    const current = runAt(flush, run - 1)
    const entries = load<u32>(current, 8)
    const from = index + (usize(load<u32>(current, 4)) << 2)
    while (position < entries) {
      const entry = load<u32>(from + (usize(position) << 2))
      if (entry < CONTINUES) {
        if (count === limit) break
        store<u32>(series + (usize(count) << 2), load<u32>(current))
        store<i64>(times + (usize(count) << 3), rowTime(rows + usize(entry)))
        count++
      }
      position++
    }
    if (position === entries) {
      run = load<u32>(current, 16)
      position = 0
    }
  }
  store<u32>(cursor, run, 4)
  store<u32>(cursor, position, 8)
  store<u32>(cursor, count, 20)
  return count
}

/** Fills a chunk column of the current rows; how many of them have a value. */
export function flushColumn(cursor: usize, column: u32, values: usize, valid: usize): u32 {
  const flush = usize(load<u32>(cursor))
  const memtable = usize(load<u32>(flush))
  const catalog = usize(load<u32>(flush, 4))
  const index = usize(load<u32>(flush, 8))
  const lastRun = load<u32>(cursor, 4)
  let run = load<u32>(cursor, 12)
  let position = load<u32>(cursor, 16)
  store<u32>(cursor, 0, 24)
  while (run !== 0) {
    const current = runAt(flush, run - 1)
    const start = load<u32>(current, 4)
    const isLast = run === lastRun
    const end = isLast ? load<u32>(cursor, 8) : load<u32>(current, 8)
    const count = fillColumn(
      memtable,
      catalog,
      index,
      start + position,
      start + end,
      column,
      values,
      valid,
      cursor + 24,
    )
    values += usize(count) << 3
    valid += usize(count)
    if (isLast) break
    run = load<u32>(current, 16)
    position = 0
  }
  return load<u32>(cursor, 24)
}
