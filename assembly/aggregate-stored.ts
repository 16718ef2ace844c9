// Stored partials → cells. A row of a rollup holds what the cells of one bucket of one series were
// when it was computed; joining it is like joining the summary of a block (aggregate-summary.ts), for any
// type and with the times of first and last.
//
// Stored columns of an aggregate column, 40 bytes (u32 pointers of chunk columns u64[n], 0 = not read),
// at offset 48 of its descriptor: 0 count  4 sum (float: f64; integers: low half)  8 sum, high half
//   12 least  16 greatest  20 first  24 time of first  28 last  32 time of last  36 reserved

import { joinEnd, joinExtreme } from './cell-join'
import { placeSize } from './cell-text'
import { FEATURE_FIRST, FEATURE_GREATEST, FEATURE_LAST, FEATURE_LEAST, FEATURE_SUM } from './cell'
import { bucketStart } from './downsample'
import { GREATER, LESS } from './filter'
import { FLOAT, LIMIT, STRING } from './layout'
import { AGGREGATE_GRID, WANTS_ARENA, WANTS_RECORDS, columnAt, recordOf, stopFor } from './record'
import { addFloat, addWide } from './sum'

export const STORED_COLUMNS_SIZE: i32 = 40

const SUM: usize = 4
const SUM_HIGH: usize = 8
const LEAST: usize = 12
const GREATEST: usize = 16
const FIRST: usize = 20
const FIRST_TIME: usize = 24
const LAST: usize = 28
const LAST_TIME: usize = 32

/** Pointer of a stored value of a row. */
function slotOf(column: usize, part: usize, row: i32): usize {
  const stored = usize(load<u32>(column, 48))
  return usize(load<u32>(stored + part)) + (usize(row) << 3)
}

/** Does the row count: has it a point (with `rows`), or else a value of some column? */
function hasPoints(state: usize, rows: usize, row: i32): bool {
  if (rows !== 0) return load<u64>(rows + (usize(row) << 3)) !== 0
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    if (load<u64>(slotOf(columnAt(state, i), 0, row)) !== 0) return true
  }
  return false
}

function stringSize(column: usize, feature: u32, part: usize, row: i32): u32 {
  if ((load<u32>(column, 4) & feature) === 0) return 0
  return placeSize(load<u32>(slotOf(column, part, row), 4))
}

/** Bytes of arena that a row needs at most. */
function arenaNeed(state: usize, row: i32): u32 {
  let need: u32 = 0
  const columnCount = load<u32>(state, 40)
  for (let i: u32 = 0; i < columnCount; i++) {
    const column = columnAt(state, i)
    if (load<u32>(column) !== STRING || load<u64>(slotOf(column, 0, row)) === 0) continue
    need += stringSize(column, FEATURE_LEAST, LEAST, row)
    need += stringSize(column, FEATURE_GREATEST, GREATEST, row)
    need += stringSize(column, FEATURE_FIRST, FIRST, row)
    need += stringSize(column, FEATURE_LAST, LAST, row)
  }
  return need
}

function joinColumn(state: usize, record: usize, column: usize, rank: u32, row: i32): void {
  const added = load<u64>(slotOf(column, 0, row))
  if (added === 0) return
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  const countCell = record + usize(load<u32>(column, 16))
  const before = load<u64>(countCell)
  if ((features & FEATURE_SUM) !== 0) {
    const cell = record + usize(load<u32>(column, 20))
    const sum = slotOf(column, SUM, row)
    if (type === FLOAT) addFloat(cell, load<f64>(sum))
    else addWide(cell, load<u64>(sum), load<i64>(slotOf(column, SUM_HIGH, row)))
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const cell = record + usize(load<u32>(column, 24))
    joinExtreme(state, cell, type, slotOf(column, LEAST, row), LESS, before === 0)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const cell = record + usize(load<u32>(column, 28))
    joinExtreme(state, cell, type, slotOf(column, GREATEST, row), GREATER, before === 0)
  }
  if ((features & FEATURE_FIRST) !== 0) {
    const cell = record + usize(load<u32>(column, 32))
    const time = load<i64>(slotOf(column, FIRST_TIME, row))
    joinEnd(state, cell, type, slotOf(column, FIRST, row), time, rank, before, false)
  }
  if ((features & FEATURE_LAST) !== 0) {
    const cell = record + usize(load<u32>(column, 36))
    const time = load<i64>(slotOf(column, LAST_TIME, row))
    joinEnd(state, cell, type, slotOf(column, LAST, row), time, rank, before, true)
  }
  store<u64>(countCell, before + added)
}

/**
 * Joins the stored buckets [from, count) of one series: `times` i64 are their starts, each inside one
 * bucket of the grid; `rows` u64 their points, or 0 when no answer counts them. Every column has its
 * stored columns, no variance is asked for, and where the count of a row is above 0 the others have
 * values. Returns and stops as aggregateChunk does.
 */
export function aggregateStored(
  state: usize,
  group: u32,
  rank: u32,
  times: usize,
  rows: usize,
  from: i32,
  count: i32,
): i32 {
  const columnCount = load<u32>(state, 40)
  store<u32>(state, 0, 48)
  for (let row = from; row < count; row++) {
    if (!hasPoints(state, rows, row)) continue
    const need = arenaNeed(state, row)
    if (need > load<u32>(state, 28) - load<u32>(state, 32)) {
      store<u32>(state, need, 52)
      return stopFor(state, WANTS_ARENA, row)
    }
    const time = load<i64>(times + (usize(row) << 3))
    const record = recordOf(state, group, bucketStart(state + AGGREGATE_GRID, time))
    if (record === 1) return LIMIT
    if (record === 0) return stopFor(state, WANTS_RECORDS, row)
    const points = rows === 0 ? 1 : load<u64>(rows + (usize(row) << 3))
    store<u64>(record, load<u64>(record, 16) + points, 16)
    if (time < load<i64>(record, 24)) store<i64>(record, time, 24)
    for (let i: u32 = 0; i < columnCount; i++) {
      joinColumn(state, record, columnAt(state, i), rank, row)
    }
  }
  return count
}
