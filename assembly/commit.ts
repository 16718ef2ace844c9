// From a request's overlay to the catalog, in two phases. commitValidate maps every new name to
// what the catalog has by now and finds conflicts; nothing changes. The others, with room reserved
// in the catalog's key tables, give the rest their ids, write their entries (docs/format.md,
// "Catalog entries") and put the ids into the rows: they cannot fail.
//
// Maps: u32 per overlay table, then per column, shape, series: the catalog's id, or NONE = new.

import { CONFLICT, FLOAT, LIMIT, NOT_FOUND, ROW_HEADER, TAG } from './layout'
import {
  REMOVED,
  keyTableAppend,
  keyTableCount,
  keyTableEntry,
  keyTableFindHashed,
  keyTableKey,
} from './key-table'
import { hashKey } from './hash'
import { rowSlot, shapePosition } from './row'
import { FIELDS } from './staged-row'
import { FIELDS_MAX, TAGS_MAX } from './staged-name'
import {
  COLUMNS,
  LOCAL,
  NONE,
  SERIES,
  SHAPES,
  TABLES,
  catalogOf,
  columnCount,
  overlayOf,
} from './staging'

const KIND_TABLE: u8 = 2
const KIND_COLUMN: u8 = 3
const KIND_SHAPE: u8 = 4
const KIND_SERIES: u8 = 5
const KIND_TAG: u8 = 8

const KEY: usize = memory.data(4 + 1024)

// Where the maps of tables, columns, shapes and series begin.
let tableMap: usize = 0
let columnMap: usize = 0
let shapeMap: usize = 0
let seriesMap: usize = 0

function findMaps(staging: usize): void {
  tableMap = usize(load<u32>(staging, 144))
  columnMap = tableMap + (usize(keyTableCount(overlayOf(staging, TABLES))) << 2)
  shapeMap = columnMap + (usize(keyTableCount(overlayOf(staging, COLUMNS))) << 2)
  seriesMap = shapeMap + (usize(keyTableCount(overlayOf(staging, SHAPES))) << 2)
}

/** The catalog's id of a known or local id; NONE if it is new. */
function mapped(map: usize, id: u32): u32 {
  return (id & LOCAL) === 0 ? id : load<u32>(map + (usize(id & ~LOCAL) << 2))
}

function setMapped(map: usize, index: u32, id: u32): void {
  store<u32>(map + (usize(index) << 2), id)
}

/** Makes the key of a table or column of the overlay in KEY, of this owner; its length. */
function makeKey(overlay: usize, entry: usize, owner: u32): u32 {
  const length = load<u32>(entry, 4)
  memory.copy(KEY, keyTableKey(overlay, entry), length)
  store<u32>(KEY, owner)
  return length
}

function findInCatalog(staging: usize, kind: usize, key: usize, length: u32): u32 {
  const id = keyTableFindHashed(catalogOf(staging, kind), key, length, hashKey(key, length))
  return id < 0 ? NONE : u32(id)
}

/** Leaves the id that a failure is about where the host reads it. */
function fail(staging: usize, status: i32, id: u32): i32 {
  store<u32>(staging, id, 60)
  return status
}

/** Are all known tables that the request writes to still there, with room for its columns? */
function validateTouched(staging: usize): i32 {
  const touched = usize(load<u32>(staging, 28))
  const tables = catalogOf(staging, TABLES)
  const count = keyTableCount(touched)
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(keyTableKey(touched, keyTableEntry(touched, i)))
    if (load<u32>(keyTableEntry(tables, id), 4) === REMOVED) return fail(staging, NOT_FOUND, id)
    if (columnCount(staging, id, FLOAT) > FIELDS_MAX) return fail(staging, LIMIT, id)
    if (columnCount(staging, id, TAG) > TAGS_MAX) return fail(staging, LIMIT, id)
  }
  return 0
}

function validateTables(staging: usize, database: u32): i32 {
  const overlay = overlayOf(staging, TABLES)
  const count = keyTableCount(overlay)
  for (let i: u32 = 0; i < count; i++) {
    const entry = keyTableEntry(overlay, i)
    const found = findInCatalog(staging, TABLES, KEY, makeKey(overlay, entry, database))
    setMapped(tableMap, i, found)
    if (found === NONE) continue
    const counts = load<u32>(keyTableEntry(catalogOf(staging, TABLES), found), 24)
    const added = load<u32>(entry, 24)
    const isOver = (counts & 0xffff) + (added & 0xffff) > FIELDS_MAX
    if (isOver || (counts >> 16) + (added >> 16) > TAGS_MAX) return fail(staging, LIMIT, i | LOCAL)
  }
  return 0
}

function validateColumns(staging: usize): i32 {
  const overlay = overlayOf(staging, COLUMNS)
  const count = keyTableCount(overlay)
  for (let i: u32 = 0; i < count; i++) {
    const entry = keyTableEntry(overlay, i)
    const table = mapped(tableMap, load<u32>(entry, 16))
    let found = NONE
    if (table !== NONE) {
      found = findInCatalog(staging, COLUMNS, KEY, makeKey(overlay, entry, table))
    }
    setMapped(columnMap, i, found)
    if (found === NONE) continue
    const type = load<u32>(keyTableEntry(catalogOf(staging, COLUMNS), found), 20)
    if (type !== load<u32>(entry, 20)) {
      store<u32>(staging, type, 148)
      return fail(staging, CONFLICT, i)
    }
  }
  return 0
}

/**
 * Compares the request with the catalog as it is now; `database` is the id it will have, `maps` is
 * room for 4 bytes per key of the overlay. 0, or at `short` of the staging: CONFLICT and the
 * overlay column that has another type by now (at 148), NOT_FOUND and the table that was dropped,
 * LIMIT and the table (an overlay's with bit 31) that would have too many columns.
 */
export function commitValidate(staging: usize, database: u32, maps: usize): i32 {
  store<u32>(staging, u32(maps), 144)
  findMaps(staging)
  let status = validateTouched(staging)
  if (status === 0) status = validateTables(staging, database)
  if (status === 0) status = validateColumns(staging)
  return status
}

// Where the next entry goes.
let target: usize = 0

/** Begins an entry: kind, size, id. */
function writeHead(kind: u8, size: u32, id: u32): void {
  store<u32>(target, u32(kind))
  store<u32>(target, size, 4)
  store<u32>(target, id, 8)
}

/** Adds a key to a key table of the catalog, which has room for it. */
function addToCatalog(table: usize, key: usize, length: u32, a: u32, b: u32, c: u32): u32 {
  const id = keyTableAppend(table, key, length, hashKey(key, length))
  if (id < 0) unreachable()
  const entry = keyTableEntry(table, u32(id))
  store<u32>(entry, a, 16)
  store<u32>(entry, b, 20)
  store<u32>(entry, c, 24)
  return u32(id)
}

function applyTables(staging: usize, database: u32): void {
  const overlay = overlayOf(staging, TABLES)
  const count = keyTableCount(overlay)
  for (let i: u32 = 0; i < count; i++) {
    if (mapped(tableMap, i | LOCAL) !== NONE) continue
    const entry = keyTableEntry(overlay, i)
    const length = makeKey(overlay, entry, database)
    const width = load<u32>(entry, 20)
    const id = addToCatalog(catalogOf(staging, TABLES), KEY, length, database, width, 0)
    writeHead(KIND_TABLE, 16 + length, id)
    store<u32>(target, database, 12)
    store<u32>(target, width, 16)
    memory.copy(target + 20, KEY + 4, length - 4)
    target += usize(16 + length)
    setMapped(tableMap, i, id)
  }
}

function applyColumns(staging: usize): void {
  const overlay = overlayOf(staging, COLUMNS)
  const tables = catalogOf(staging, TABLES)
  const count = keyTableCount(overlay)
  for (let i: u32 = 0; i < count; i++) {
    if (mapped(columnMap, i | LOCAL) !== NONE) continue
    const entry = keyTableEntry(overlay, i)
    const table = mapped(tableMap, load<u32>(entry, 16))
    const type = load<u32>(entry, 20)
    const length = makeKey(overlay, entry, table)
    const id = addToCatalog(catalogOf(staging, COLUMNS), KEY, length, table, type, 0)
    const counter = keyTableEntry(tables, table) + 24
    store<u32>(counter, load<u32>(counter) + (type === u32(TAG) ? 0x10000 : 1))
    const head: u32 = type === u32(TAG) ? 16 : 20
    writeHead(type === u32(TAG) ? KIND_TAG : KIND_COLUMN, head + length - 4, id)
    store<u32>(target, table, 12)
    store<u32>(target, type, 16)
    memory.copy(target + usize(head), KEY + 4, length - 4)
    target += usize(head + length - 4)
    setMapped(columnMap, i, id)
  }
}

/** Sorts u32s in place by insertion: they are in order but for what came from another request. */
function sortIds(ids: usize, count: u32): bool {
  let isMoved = false
  for (let i: u32 = 1; i < count; i++) {
    const id = load<u32>(ids + (usize(i) << 2))
    let j = i
    while (j > 0 && load<u32>(ids + (usize(j - 1) << 2)) > id) {
      store<u32>(ids + (usize(j) << 2), load<u32>(ids + (usize(j - 1) << 2)))
      j--
      isMoved = true
    }
    store<u32>(ids + (usize(j) << 2), id)
  }
  return isMoved
}

/** Finds or adds the key that stands behind the entry's head at target; its id. */
function internEntry(staging: usize, kind: usize, entryKind: u8, entry: usize, table: u32): u32 {
  const length = load<u32>(entry, 4)
  const key = target + 12
  const found = findInCatalog(staging, kind, key, length)
  if (found !== NONE) return found
  const b = kind === SHAPES ? load<u32>(entry, 20) : 0
  const c = kind === SHAPES ? load<u32>(entry, 24) : 0
  const id = addToCatalog(catalogOf(staging, kind), key, length, table, b, c)
  writeHead(entryKind, 12 + length, id)
  target += usize(12 + length)
  return id
}

function applyShapes(staging: usize): void {
  const overlay = overlayOf(staging, SHAPES)
  const count = keyTableCount(overlay)
  for (let i: u32 = 0; i < count; i++) {
    const entry = keyTableEntry(overlay, i)
    const table = mapped(tableMap, load<u32>(entry, 16))
    const columns = load<u32>(entry, 20)
    const source = keyTableKey(overlay, entry) + 4
    const ids = target + 16
    store<u32>(target, table, 12)
    for (let k: usize = 0; k < usize(columns) << 2; k += 4) {
      store<u32>(ids + k, mapped(columnMap, load<u32>(source + k)))
    }
    // d: the rows of this shape have to be reordered.
    store<u32>(entry, u32(sortIds(ids, columns)), 28)
    setMapped(shapeMap, i, internEntry(staging, SHAPES, KIND_SHAPE, entry, table))
  }
}

function applySeries(staging: usize, from: u32, to: u32): void {
  const overlay = overlayOf(staging, SERIES)
  for (let i = from; i < to; i++) {
    const entry = keyTableEntry(overlay, i)
    const table = mapped(tableMap, load<u32>(entry, 16))
    memory.copy(target + 12, keyTableKey(overlay, entry), load<u32>(entry, 4))
    store<u32>(target, table, 12)
    setMapped(seriesMap, i, internEntry(staging, SERIES, KIND_SERIES, entry, table))
  }
}

/** Moves the values of a row to the places that its columns have in the catalog's shape. */
function reorderRow(staging: usize, row: usize, entry: usize, shape: u32): void {
  const source = keyTableKey(overlayOf(staging, SHAPES), entry) + 4
  const columns = load<u32>(entry, 20)
  memory.copy(FIELDS, rowSlot(row, 0), usize(columns) << 3)
  for (let i: u32 = 0; i < columns; i++) {
    const column = mapped(columnMap, load<u32>(source + (usize(i) << 2)))
    const place = shapePosition(catalogOf(staging, SHAPES), shape, column)
    store<u64>(rowSlot(row, u32(place)), load<u64>(FIELDS + (usize(i) << 3)))
  }
}

/**
 * Puts new tables, columns and shapes into the catalog and their entries to `entries`: bytes of entries.
 * commitValidate said 0 in this turn, the catalog's key tables have room for all keys of the overlay,
 * and `entries` for 20 bytes and the key of each.
 */
export function commitNames(staging: usize, database: u32, entries: usize): u32 {
  findMaps(staging)
  target = entries
  applyTables(staging, database)
  applyColumns(staging)
  applyShapes(staging)
  return u32(target - entries)
}

/** commitNames, after it, for series [from, to) of the overlay. */
export function commitSeries(staging: usize, entries: usize, from: u32, to: u32): u32 {
  findMaps(staging)
  target = entries
  applySeries(staging, from, to)
  return u32(target - entries)
}

/** Then patches about `budget` rows from this offset on: the offset that it came to. */
export function commitRows(staging: usize, offset: u32, budget: u32): u32 {
  findMaps(staging)
  const overlay = overlayOf(staging, SHAPES)
  const shapes = catalogOf(staging, SHAPES)
  const start = usize(load<u32>(staging, 32))
  let row = start + usize(offset)
  const end = start + usize(load<u32>(staging, 40))
  for (; row < end && budget > 0; budget--) {
    const series = load<u32>(row)
    const local = load<u32>(row, 4)
    const shape = mapped(shapeMap, local)
    if ((local & LOCAL) !== 0) {
      const entry = keyTableEntry(overlay, local & ~LOCAL)
      if (load<u32>(entry, 28) !== 0) reorderRow(staging, row, entry, shape)
      store<u32>(row, shape, 4)
    }
    if ((series & LOCAL) !== 0) store<u32>(row, mapped(seriesMap, series))
    row += usize(ROW_HEADER) + (usize(load<u32>(keyTableEntry(shapes, shape), 20)) << 3)
  }
  return u32(row - start)
}
