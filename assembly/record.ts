// Records: (group, bucket) → record of cells, in an open-addressing map, and what the host lays out
// and grows for them. Nothing past the returned row was consumed when a call stops for room, so the
// host grows and goes on.
//
// State, 128 bytes (u32 unless said): 0 map  4 mapCapacity (power of two)  8 records  12 recordSize
//   16 recordCapacity  20 count  24 arena  28 arenaCapacity  32 arenaUsed  36 columns (cell.ts)
//   40 columnCount  44 scratch (u8 per chunk row)  48 wants (0 nothing, 1 records, 2 arena)
//   52 arenaWanted  56 maxRecords  60 lookups (since the host set it to 0)
//   64 grid (downsample.ts, 32 bytes)  96 number of the record after the one found last
//   100 needsArena (1 = some cell keeps strings or values)
// Record: 0 group u32  4 reserved  8 bucket start i64  16 rows u64  24 least time i64  32 cells
// Map entry: u32 record number + 1, 0 = empty.

import {
  FEATURE_CENSUS,
  FEATURE_DELTA,
  FEATURE_DERIVATIVE,
  FEATURE_DIFFERENCES,
  FEATURE_FIRST,
  FEATURE_GREATEST,
  FEATURE_INCREASE,
  FEATURE_INTEGRAL,
  FEATURE_LAST,
  FEATURE_LEAST,
  FEATURE_RATE,
  FEATURE_SAMPLES,
  FEATURE_SKETCH,
  FEATURE_SUM,
  FEATURE_VARIANCE,
  FEATURE_WEIGHTED,
} from './cell'
import { bucketNumber } from './downsample'
import { STRING } from './layout'

export const AGGREGATE_STATE_SIZE: i32 = 128
export const AGGREGATE_COLUMN_SIZE: i32 = 216
export const AGGREGATE_GRID: i32 = 64
const RECORD_HEADER: u32 = 32
export const WANTS_RECORDS: u32 = 1
export const WANTS_ARENA: u32 = 2

/** Pointer of the descriptor of a column. */
export function columnAt(state: usize, index: u32): usize {
  return usize(load<u32>(state, 36)) + usize(index) * AGGREGATE_COLUMN_SIZE
}

/** Pointer of a record by its number. */
export function recordAt(state: usize, index: u32): usize {
  return usize(load<u32>(state, 8)) + usize(index) * usize(load<u32>(state, 12))
}

/** Number of the record at a pointer. */
export function recordNumber(state: usize, record: usize): u32 {
  return u32(record - usize(load<u32>(state, 8))) / load<u32>(state, 12)
}

/** Gives a wanted feature its place in the record. */
function place(column: usize, field: u32, isWanted: bool, size: u32, end: u32): u32 {
  store<u32>(column + usize(field), isWanted ? end : 0)
  return isWanted ? end + size : end
}

/** Do runs of a column need room in the arena? */
function isArenaNeeded(column: usize): bool {
  const features = load<u32>(column, 4)
  const kept = FEATURE_SAMPLES | FEATURE_SKETCH | FEATURE_CENSUS
  return load<u32>(column) === STRING || (features & kept) !== 0
}

/** Computes the places of all cells from the columns' types and features; returns the record size. */
export function aggregateLayout(state: usize): u32 {
  let end = RECORD_HEADER
  let needsArena: u32 = 0
  const count = load<u32>(state, 40)
  for (let i: u32 = 0; i < count; i++) {
    const column = columnAt(state, i)
    const features = load<u32>(column, 4)
    needsArena |= u32(isArenaNeeded(column))
    end = place(column, 16, true, 8, end)
    end = place(column, 20, (features & FEATURE_SUM) !== 0, 16, end)
    end = place(column, 24, (features & FEATURE_LEAST) !== 0, 8, end)
    end = place(column, 28, (features & FEATURE_GREATEST) !== 0, 8, end)
    end = place(column, 32, (features & FEATURE_FIRST) !== 0, 24, end)
    end = place(column, 36, (features & FEATURE_LAST) !== 0, 24, end)
    end = place(column, 40, (features & FEATURE_VARIANCE) !== 0, 24, end)
    end = place(column, 52, (features & FEATURE_DIFFERENCES) !== 0, 8, end)
    end = place(column, 56, (features & FEATURE_INCREASE) !== 0, 16, end)
    end = place(column, 60, (features & FEATURE_DELTA) !== 0, 16, end)
    end = place(column, 64, (features & FEATURE_RATE) !== 0, 16, end)
    end = place(column, 68, (features & FEATURE_DERIVATIVE) !== 0, 16, end)
    end = place(column, 72, (features & FEATURE_INTEGRAL) !== 0, 16, end)
    end = place(column, 76, (features & FEATURE_WEIGHTED) !== 0, 24, end)
    end = place(column, 160, (features & FEATURE_SAMPLES) !== 0, 8, end)
    end = place(column, 164, (features & FEATURE_SKETCH) !== 0, 16, end)
    end = place(column, 168, (features & FEATURE_CENSUS) !== 0, 32, end)
  }
  store<u32>(state, end, 12)
  store<u32>(state, needsArena, 100)
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

function isRecordOf(record: usize, group: u32, bucket: i64): bool {
  return load<i64>(record, 8) === bucket && load<u32>(record) === group
}

/**
 * Pointer of the record of (group, bucket), made if absent; 0 = no room, 1 = over maxRecords. Mostly it
 * is the one made after that which was asked for last, or that one again, and is not searched for.
 */
export function recordOf(state: usize, group: u32, bucket: i64): usize {
  store<u32>(state, load<u32>(state, 60) + 1, 60)
  const next = load<u32>(state, 96)
  if (next < load<u32>(state, 20)) {
    const record = recordAt(state, next)
    if (isRecordOf(record, group, bucket)) {
      store<u32>(state, next + 1, 96)
      return record
    }
  }
  if (next > 0 && next <= load<u32>(state, 20)) {
    const record = recordAt(state, next - 1)
    if (isRecordOf(record, group, bucket)) return record
  }
  return searchRecord(state, group, bucket)
}

/** recordOf by the map. */
function searchRecord(state: usize, group: u32, bucket: i64): usize {
  const map = usize(load<u32>(state))
  const mask = load<u32>(state, 4) - 1
  let slot = homeOf(state, group, bucket) & mask
  while (true) {
    const found = load<u32>(map + (usize(slot) << 2))
    if (found === 0) break
    const record = recordAt(state, found - 1)
    if (isRecordOf(record, group, bucket)) {
      store<u32>(state, found, 96)
      return record
    }
    slot = (slot + PROBE_STEP) & mask
  }
  const count = load<u32>(state, 20)
  if (count >= load<u32>(state, 56)) return 1
  if (count >= load<u32>(state, 16)) return 0
  store<u32>(state, count + 1, 20)
  store<u32>(state, count + 1, 96)
  store<u32>(map + (usize(slot) << 2), count + 1)
  const record = recordAt(state, count)
  memory.fill(record, 0, usize(load<u32>(state, 12)))
  store<u32>(record, group)
  store<i64>(record, bucket, 8)
  store<i64>(record, i64.MAX_VALUE, 24)
  return record
}

/** Takes bytes of the arena, which has them: their offset. */
export function takeArena(state: usize, bytes: u32): u32 {
  const offset = load<u32>(state, 32)
  store<u32>(state, offset + bytes, 32)
  return offset
}

/** Stop for room: what the host has to grow. Returns `row`, up to where the chunk was consumed. */
export function stopFor(state: usize, wants: u32, row: i32): i32 {
  store<u32>(state, wants, 48)
  return row
}
