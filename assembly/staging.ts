// Staging: what one request has sent so far, private to it. New tables, columns, shapes and series
// live in an overlay of four key tables; their ids have bit 31 set (LOCAL). A refused line is
// undone by truncating the overlay to where the line began, so it leaves nothing behind.
//
// Staging (u32 unless said):
//   0 catalog (CatalogTables)  4 database  8 tables  12 columns  16 shapes  20 series (the overlay)
//   24 rawKeys (series text → a series, b table)
//   28 touched (known table id → a new fields low u16, new tags high u16)
//   32 rows  36 rowsCapacity  40 rowsUsed  44 rowCount  48 arena  52 arenaCapacity  56 arenaUsed
//   60 short (which region is too small, 0 = none; of a failed commitValidate the id)
//   64 errors  68 errorCapacity  72 errorCount  76 errorText  80 its capacity  84 its used bytes
//   88 rejected  92 malformed  96 lines consumed  100 lastTable  104 lastShape  108 lastRaw + 1
//   112 arrival i64  120 nanoseconds of an integer time's unit i64, 0 = by
//   its size
//   128 mark of pointsBegin: counts of the overlay  144 maps (commit.ts)
//   148 rowCount at pointsBegin; the type of a CONFLICT
//   152 tables, 156 columns of the catalog when text was last staged  160 reserved 0
//   164 the overlay column that stagingRefresh could not make  168 now i64, for retention
//   176..256 reserved 0
//   256 predicted columns u32[1024]

import { hashKey } from './hash'
import { FULL, TAG } from './layout'
import {
  keyTableAppend,
  keyTableCount,
  keyTableEntry,
  keyTableFind,
  keyTableFindHashed,
  keyTableTruncate,
} from './key-table'

export const STAGING_SIZE: i32 = 256 + 4096
/** Bit of an id that counts in the request's overlay. */
export const LOCAL: u32 = 0x80000000
/** No id. */
export const NONE: u32 = 0xffffffff
/** Fields of a line whose column is predicted from the line before. */
export const PREDICTED_MAX: u32 = 1024

// Offsets of the four kinds, in CatalogTables and from the overlay's first table.
export const TABLES: usize = 0
export const COLUMNS: usize = 4
export const SHAPES: usize = 8
export const SERIES: usize = 12

// Which region is too small.
export const TABLES_SHORT: u32 = 1
export const COLUMNS_SHORT: u32 = 2
export const SHAPES_SHORT: u32 = 3
export const SERIES_SHORT: u32 = 4
export const RAW_KEYS_SHORT: u32 = 5
export const TOUCHED_SHORT: u32 = 6
/** Bit: of a key table the key bytes are too small, not its entries. */
export const BYTES_SHORT: u32 = 0x100
export const ROWS_SHORT: u32 = 7
export const ARENA_SHORT: u32 = 8
export const ERRORS_SHORT: u32 = 9

/** Says which region the host has to grow, and unwinds. */
export function setShort(staging: usize, region: u32): i32 {
  store<u32>(staging, region, 60)
  return FULL
}

/** Says which key table the host has to grow: its key bytes, or else its entries. */
export function setTableShort(staging: usize, region: u32, table: usize): i32 {
  const isEntries = keyTableCount(table) >= load<u32>(table, 12)
  return setShort(staging, isEntries ? region : region | BYTES_SHORT)
}

export function overlayOf(staging: usize, kind: usize): usize {
  return usize(load<u32>(staging + 8 + kind))
}

export function catalogOf(staging: usize, kind: usize): usize {
  return usize(load<u32>(usize(load<u32>(staging)) + kind))
}

/** The key table that an id of this kind counts in. */
export function keyTableOf(staging: usize, kind: usize, id: u32): usize {
  return (id & LOCAL) === 0 ? catalogOf(staging, kind) : overlayOf(staging, kind)
}

/** Entry of a known or local id. */
export function entryOf(staging: usize, kind: usize, id: u32): usize {
  return keyTableEntry(keyTableOf(staging, kind, id), id & ~LOCAL)
}

export function lineCount(staging: usize): u32 {
  return load<u32>(staging, 96)
}

export function addLines(staging: usize, count: u32): void {
  store<u32>(staging, load<u32>(staging, 96) + count, 96)
}

export function arrivalTime(staging: usize): i64 {
  return load<i64>(staging, 112)
}

export function timeUnit(staging: usize): i64 {
  return load<i64>(staging, 120)
}

// Hash of the key that was looked for last, for the insert that follows a miss.
let lastHash: u64 = 0

/** Id of a key of this kind, in the catalog (unless what it belongs to is local) or the overlay. */
export function findKey(staging: usize, kind: usize, owner: u32, key: usize, length: u32): u32 {
  lastHash = hashKey(key, length)
  if ((owner & LOCAL) === 0) {
    const known = keyTableFindHashed(catalogOf(staging, kind), key, length, lastHash)
    if (known >= 0) return u32(known)
  }
  const local = keyTableFindHashed(overlayOf(staging, kind), key, length, lastHash)
  return local < 0 ? NONE : u32(local) | LOCAL
}

/** Adds the key that findKey just missed to the overlay: its id, or NONE and the short region. */
export function addKey(
  staging: usize,
  kind: usize,
  key: usize,
  length: u32,
  a: u32,
  b: u32,
  c: u32,
): u32 {
  const id = addHashedKey(staging, kind, key, length, lastHash)
  if (id === NONE) return NONE
  const entry = entryOf(staging, kind, id)
  store<u32>(entry, a, 16)
  store<u32>(entry, b, 20)
  store<u32>(entry, c, 24)
  return id
}

/** Adds a key that the overlay lacks to it, with payload 0: its id, or NONE and the short region. */
export function addHashedKey(staging: usize, kind: usize, key: usize, length: u32, hash: u64): u32 {
  const overlay = overlayOf(staging, kind)
  const id = keyTableAppend(overlay, key, length, hash)
  if (id >= 0) return u32(id) | LOCAL
  setTableShort(staging, TABLES_SHORT + u32(kind >> 2), overlay)
  return NONE
}

// A known table's id as the 4-byte key of the touched table.
const TOUCHED_KEY: usize = memory.data(4)

function touchedEntry(staging: usize, table: u32): usize {
  const touched = usize(load<u32>(staging, 28))
  store<u32>(TOUCHED_KEY, table)
  const id = keyTableFind(touched, TOUCHED_KEY, 4)
  return id < 0 ? 0 : keyTableEntry(touched, u32(id))
}

/** Remembers that the request writes to a known table. FULL or 0. */
export function touchTable(staging: usize, table: u32): i32 {
  if (touchedEntry(staging, table) !== 0) return 0
  const touched = usize(load<u32>(staging, 28))
  const id = keyTableAppend(touched, TOUCHED_KEY, 4, hashKey(TOUCHED_KEY, 4))
  return id < 0 ? setTableShort(staging, TOUCHED_SHORT, touched) : 0
}

/** Pointer of the counter (fields low u16, tags high u16) of what this request adds to a table. */
function counterOf(staging: usize, table: u32): usize {
  if ((table & LOCAL) !== 0) return entryOf(staging, TABLES, table) + 24
  return touchedEntry(staging, table) + 16
}

/** How many fields (or, of type TAG, tag keys) the table has with what this request adds. */
export function columnCount(staging: usize, table: u32, type: i32): u32 {
  let counts = load<u32>(counterOf(staging, table))
  if ((table & LOCAL) === 0) counts += load<u32>(entryOf(staging, TABLES, table), 24)
  return type === TAG ? counts >> 16 : counts & 0xffff
}

/** Counts a column that was added to (or with -1 taken from) the overlay. */
export function countColumn(staging: usize, table: u32, type: i32, change: i32): void {
  const counter = counterOf(staging, table)
  store<i32>(counter, load<i32>(counter) + (type === TAG ? change << 16 : change))
}

/** Notes how much the overlay holds, at `mark` (16 bytes). */
export function setMark(staging: usize, mark: usize): void {
  store<u32>(mark, keyTableCount(overlayOf(staging, TABLES)))
  store<u32>(mark, keyTableCount(overlayOf(staging, COLUMNS)), 4)
  store<u32>(mark, keyTableCount(overlayOf(staging, SHAPES)), 8)
  store<u32>(mark, keyTableCount(overlayOf(staging, SERIES)), 12)
}

/** Takes back all that came into the overlay since the mark. */
export function undoTo(staging: usize, mark: usize): void {
  const columns = overlayOf(staging, COLUMNS)
  const tableLimit = load<u32>(mark) | LOCAL
  const columnLimit = load<u32>(mark, 4)
  let id = keyTableCount(columns)
  if (id > columnLimit) forgetPredictions(staging)
  while (id > columnLimit) {
    const entry = keyTableEntry(columns, --id)
    const table = load<u32>(entry, 16)
    if ((table & LOCAL) === 0 || table < tableLimit) {
      countColumn(staging, table, load<i32>(entry, 20), -1)
    }
  }
  keyTableTruncate(columns, columnLimit)
  keyTableTruncate(overlayOf(staging, TABLES), load<u32>(mark))
  keyTableTruncate(overlayOf(staging, SHAPES), load<u32>(mark, 8))
  keyTableTruncate(overlayOf(staging, SERIES), load<u32>(mark, 12))
}

/** The column that field `index` of the line before had, or NONE. */
export function predictedColumn(staging: usize, index: u32): u32 {
  return index < PREDICTED_MAX ? load<u32>(staging + 256 + (usize(index) << 2)) : NONE
}

export function predictColumn(staging: usize, index: u32, column: u32): void {
  if (index < PREDICTED_MAX) store<u32>(staging + 256 + (usize(index) << 2), column)
}

/** Forgets what the line before looked like. */
export function forgetPredictions(staging: usize): void {
  memory.fill(staging + 256, 0xff, usize(PREDICTED_MAX) << 2)
}

/**
 * Makes an empty request of the STAGING_SIZE bytes at `staging`; the host then fills in its
 * regions.
 */
export function stagingInit(staging: usize, catalog: usize, database: u32): void {
  memory.fill(staging, 0, STAGING_SIZE)
  store<u32>(staging, u32(catalog))
  store<u32>(staging, database, 4)
  store<u32>(staging, NONE, 100)
  forgetPredictions(staging)
}
