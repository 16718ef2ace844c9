// A shipment (shipment.ts) at the shard that it is for: its names become names of a request's overlay,
// its rows staged rows, as if they had been parsed here. The bytes come from outside: whatever they
// say, nothing is read or written beyond them, and what passes is as good as what the parsers make.

import { BOOLEAN, CORRUPT, FULL, ROW_HEADER, STRING, TAG } from './layout'
import { hashKey } from './hash'
import { keyTableCount, keyTableEntry, keyTableFindHashed, keyTableKey } from './key-table'
import { rowSlot, rowTime } from './row'
import { FIELDS_MAX, NAME_MAX, SERIES_KEY_MAX, TAGS_MAX, TAG_MAX } from './staged-name'
import {
  COLUMNS,
  LOCAL,
  NONE,
  SERIES,
  SHAPES,
  TABLES,
  addHashedKey,
  columnCount,
  countColumn,
  entryOf,
  overlayOf,
} from './staging'
import { isTime } from './time-text'
import { findBadByte, hasControl } from './utf8'
import { readVarint, varintValue } from './varint'

const KEY: usize = memory.data(4 + 65536 + 64)
// Width of partitions in seconds, unless the commit finds another one better.
const PARTITION_SECONDS: u32 = 86400

function countOf(staging: usize, kind: usize): u32 {
  return keyTableCount(overlayOf(staging, kind))
}

/** Adds the key in KEY, which has to be new, under the next number: 0, FULL or CORRUPT. */
function addNew(staging: usize, kind: usize, length: u32, a: u32, b: u32, c: u32): i32 {
  const hash = hashKey(KEY, length)
  if (keyTableFindHashed(overlayOf(staging, kind), KEY, length, hash) >= 0) return CORRUPT
  const id = addHashedKey(staging, kind, KEY, length, hash)
  if (id === NONE) return FULL
  const entry = entryOf(staging, kind, id)
  store<u32>(entry, a, 16)
  store<u32>(entry, b, 20)
  store<u32>(entry, c, 24)
  return 0
}

function isName(name: usize, length: u32): bool {
  if (length === 0 || length > NAME_MAX) return false
  const end = name + usize(length)
  return findBadByte(name, end) === 0 && !hasControl(name, end)
}

function addTable(staging: usize, name: usize, length: u32): i32 {
  if (!isName(name, length)) return CORRUPT
  const database = load<u32>(staging, 4)
  store<u32>(KEY, database)
  memory.copy(KEY + 4, name, length)
  return addNew(staging, TABLES, length + 4, database, PARTITION_SECONDS, 0)
}

function addColumn(staging: usize, table: u32, type: u32, name: usize, length: u32): i32 {
  if (type > u32(TAG) || !isName(name, length)) return CORRUPT
  // "time", little-endian
  if (length === 4 && load<u32>(name) === 0x656d6974) return CORRUPT
  const countMax = type === u32(TAG) ? TAGS_MAX : FIELDS_MAX
  if (columnCount(staging, table, i32(type)) >= countMax) return CORRUPT
  store<u32>(KEY, table)
  memory.copy(KEY + 4, name, length)
  const status = addNew(staging, COLUMNS, length + 4, table, type, 0)
  if (status === 0) countColumn(staging, table, i32(type), 1)
  return status
}

/** A shape: fields of its table in ascending order. */
function addShape(staging: usize, table: u32, list: usize, length: u32): i32 {
  if (length === 0 || (length & 3) !== 0 || length > FIELDS_MAX << 2) return CORRUPT
  let hasString: u32 = 0
  for (let at: u32 = 0; at < length; at += 4) {
    const column = load<u32>(list + usize(at))
    if (column >= countOf(staging, COLUMNS)) return CORRUPT
    if (at > 0 && column <= load<u32>(list + usize(at) - 4)) return CORRUPT
    const entry = keyTableEntry(overlayOf(staging, COLUMNS), column)
    const type = load<i32>(entry, 20)
    if (type === TAG || load<u32>(entry, 16) !== table) return CORRUPT
    if (type === STRING) hasString = 1
    store<u32>(KEY + 4 + usize(at), column | LOCAL)
  }
  store<u32>(KEY, table)
  return addNew(staging, SHAPES, length + 4, table, length >> 2, hasString)
}

// Of the text that readText came to: where it is, and its length.
let text: usize = 0
let textLength: u32 = 0

/** Reads a varint length and so many bytes: the address behind them, 0 = there are none. */
function readText(p: usize, end: usize): usize {
  text = readVarint(p, end)
  if (text === 0 || varintValue > u64(end - text)) return 0
  textLength = u32(varintValue)
  return text + usize(textLength)
}

/** Is a tag of this key one of the table's? Uses the bytes behind KEY's own. */
function isTagKey(staging: usize, table: u32, key: usize, length: u32): bool {
  if (length === 0 || length > NAME_MAX) return false
  store<u32>(KEY, table)
  memory.copy(KEY + 4, key, length)
  const columns = overlayOf(staging, COLUMNS)
  const id = keyTableFindHashed(columns, KEY, length + 4, hashKey(KEY, length + 4))
  return id >= 0 && load<i32>(keyTableEntry(columns, u32(id)), 20) === TAG
}

/** Are the bytes the tags of a series: known keys in ascending order, values that are not empty? */
function areTags(staging: usize, table: u32, start: usize, length: u32): bool {
  const end = start + usize(length)
  let last: usize = 0
  let lastLength: u32 = 0
  for (let p = start; p < end;) {
    p = readText(p, end)
    if (p === 0 || !isTagKey(staging, table, text, textLength)) return false
    if (last !== 0) {
      const order = memory.compare(last, text, min(lastLength, textLength))
      if (order > 0 || (order === 0 && lastLength >= textLength)) return false
    }
    last = text
    lastLength = textLength
    p = readText(p, end)
    if (p === 0 || textLength === 0 || textLength > TAG_MAX) return false
    if (findBadByte(text, p) !== 0) return false
  }
  return true
}

function addSeries(staging: usize, table: u32, tags: usize, length: u32): i32 {
  if (length + 4 > SERIES_KEY_MAX || !areTags(staging, table, tags, length)) return CORRUPT
  store<u32>(KEY, table)
  memory.copy(KEY + 4, tags, length)
  return addNew(staging, SERIES, length + 4, table, 0, 0)
}

/** Which overlay table an entry's number counts in; NONE: there is no such entry. */
function kindOf(kind: u32): usize {
  if (kind === 2) return TABLES
  if (kind === 3 || kind === 8) return COLUMNS
  if (kind === 4) return SHAPES
  return kind === 5 ? SERIES : usize(NONE)
}

function addEntry(staging: usize, entry: usize, size: u32): i32 {
  const kind = load<u32>(entry)
  const place = kindOf(kind)
  if (place === usize(NONE) || load<u32>(entry, 8) !== countOf(staging, place)) return CORRUPT
  const owner = load<u32>(entry, 12)
  if (kind === 2) return owner === 0 ? addTable(staging, entry + 16, size - 16) : CORRUPT
  if (owner >= countOf(staging, TABLES)) return CORRUPT
  const table = owner | LOCAL
  if (kind === 3) {
    if (size < 20 || load<i32>(entry, 16) === TAG) return CORRUPT
    return addColumn(staging, table, load<u32>(entry, 16), entry + 20, size - 20)
  }
  if (kind === 8) return addColumn(staging, table, u32(TAG), entry + 16, size - 16)
  if (kind === 4) return addShape(staging, table, entry + 16, size - 16)
  return addSeries(staging, table, entry + 16, size - 16)
}

/**
 * Takes the names of a shipment into an empty request's overlay, from byte `from` on: the byte it came
 * to (less than `length`: the region `short` has to grow first, go on from there), or CORRUPT.
 */
export function shipmentEntries(staging: usize, entries: usize, length: u32, from: u32): i32 {
  let at = from
  while (at < length) {
    const entry = entries + usize(at)
    const left = length - at
    if (left < 16) return CORRUPT
    const size = load<u32>(entry, 4)
    if (size < 16 || size > left) return CORRUPT
    const status = addEntry(staging, entry, size)
    if (status === FULL) return i32(at)
    if (status < 0) return CORRUPT
    at += size
  }
  return i32(at)
}

/** Do the slots of a row hold values: strings inside the arena, booleans 0 or 1? */
function areSlots(staging: usize, row: usize, shape: usize): bool {
  const arenaBytes = u64(load<u32>(staging, 56))
  const columns = keyTableKey(overlayOf(staging, SHAPES), shape) + 4
  for (let i: u32 = 0; i < load<u32>(shape, 20); i++) {
    const column = entryOf(staging, COLUMNS, load<u32>(columns + (usize(i) << 2)))
    const type = load<i32>(column, 20)
    const slot = rowSlot(row, i)
    if (type === STRING) {
      if (u64(load<u32>(slot)) + u64(load<u32>(slot, 4)) > arenaBytes) return false
    } else if (type === BOOLEAN && load<u64>(slot) > 1) return false
  }
  return true
}

/**
 * Makes the bytes that lie in a request's rows (its arena is filled, too) rows of its overlay: how many,
 * or CORRUPT, and then the request can only be given up.
 */
export function shipmentAdopt(staging: usize): i32 {
  const rows = usize(load<u32>(staging, 32))
  const end = load<u32>(staging, 40)
  const shapes = overlayOf(staging, SHAPES)
  const series = overlayOf(staging, SERIES)
  let count = 0
  for (let offset: u32 = 0; offset < end; count++) {
    const row = rows + usize(offset)
    const left = end - offset
    if (left < u32(ROW_HEADER)) return CORRUPT
    const seriesId = load<u32>(row)
    const shapeId = load<u32>(row, 4)
    if (seriesId >= keyTableCount(series) || shapeId >= keyTableCount(shapes)) return CORRUPT
    const shape = keyTableEntry(shapes, shapeId)
    const size = u32(ROW_HEADER) + (load<u32>(shape, 20) << 3)
    if (size > left || load<u64>(row, 8) !== 0 || !isTime(rowTime(row))) return CORRUPT
    if (load<u32>(keyTableEntry(series, seriesId), 16) !== load<u32>(shape, 16)) return CORRUPT
    if (!areSlots(staging, row, shape)) return CORRUPT
    store<u32>(row, seriesId | LOCAL)
    store<u32>(row, shapeId | LOCAL, 4)
    offset += size
  }
  store<u32>(staging, u32(count), 44)
  return count
}
