// A whole block joins the cells of its record from its entry's summaries, without being decoded.

import {
  FEATURE_FIRST,
  FEATURE_GREATEST,
  FEATURE_LAST,
  FEATURE_LEAST,
  FEATURE_SUM,
  isNewEnd,
  storeEnd,
} from './cell'
import { bucketStart } from './downsample'
import * as entries from './entry'
import { compareSlots } from './extreme'
import { GREATER, LESS } from './filter'
import { FLOAT, LIMIT } from './layout'
import { AGGREGATE_GRID, columnAt, recordOf } from './record'
import { addFloat, addWide } from './sum'

/** Joins the summary of a whole block to the cells of one column. */
function accumulateSummary(
  record: usize,
  column: usize,
  rank: u32,
  firstTime: i64,
  lastTime: i64,
): void {
  const entry = usize(load<u32>(column, 44))
  const added = entry === 0 ? 0 : u64(load<u16>(entry, entries.ENTRY_COUNT))
  if (added === 0) return
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  const countCell = record + usize(load<u32>(column, 16))
  const before = load<u64>(countCell)
  if ((features & FEATURE_SUM) !== 0) {
    const cell = record + usize(load<u32>(column, 20))
    if (type === FLOAT) addFloat(cell, load<f64>(entry, entries.ENTRY_SUM))
    else
      addWide(cell, load<u64>(entry, entries.ENTRY_SUM), load<i64>(entry, entries.ENTRY_SUM_HIGH))
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const cell = record + usize(load<u32>(column, 24))
    const slot = load<u64>(entry, entries.ENTRY_MIN)
    if (before === 0 || compareSlots(type, slot, load<u64>(cell)) === LESS) store<u64>(cell, slot)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const cell = record + usize(load<u32>(column, 28))
    const slot = load<u64>(entry, entries.ENTRY_MAX)
    if (before === 0 || compareSlots(type, slot, load<u64>(cell)) === GREATER)
      store<u64>(cell, slot)
  }
  if ((features & FEATURE_FIRST) !== 0) {
    const cell = record + usize(load<u32>(column, 32))
    if (isNewEnd(cell, before, firstTime, rank, false))
      storeEnd(cell, firstTime, load<u64>(entry, entries.ENTRY_FIRST), rank)
  }
  if ((features & FEATURE_LAST) !== 0) {
    const cell = record + usize(load<u32>(column, 36))
    if (isNewEnd(cell, before, lastTime, rank, true))
      storeEnd(cell, lastTime, load<u64>(entry, entries.ENTRY_LAST), rank)
  }
  store<u64>(countCell, before + added)
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
