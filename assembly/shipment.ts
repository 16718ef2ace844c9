// Staged rows on their way to shards. Each row's shard follows from the slot of its series and its
// time; rows of one shard are linked into messages of bounded size, and a message is written with the
// names that its rows use, so that it needs no other catalog than its own (docs/format.md, "Shipment").
//
// SlotTable: u32[1025] first node of each slot, and behind the last; at 4104 the nodes, 16 bytes each,
//   of a slot, later ones first: 0 since i64  8 shard u32  12 reserved 0. The last one is from the first time on.
// Plan (u32): 0 SlotTable  4 per series of the overlay 8 bytes: slot + 1, number of its last message + 1
//   8 messages  12 messageCapacity  16 messageCount  20 per shard: number of its open message + 1
//   24 bytesMax of a message  28 maps: u32 per table, column (known, then overlay), shape and series
// Message (u32): 0 shard  4 first row + 1  8 last row + 1  12 rows  16 row bytes  20 string bytes
//   24 key bytes  28 reserved 0
// While rows are linked, `previous` of a row is the offset + 1 of the next row of its message.

import { FULL, ROW_HEADER, STRING, TAG } from './layout'
import { hashKey } from './hash'
import { keyTableCount, keyTableFindHashed, keyTableKey } from './key-table'
import { rowSeries, rowShape, rowSlot, rowTime, setRowPrevious, rowPrevious } from './row'
import { COLUMNS, LOCAL, NONE, SERIES, SHAPES, TABLES, catalogOf, entryOf } from './staging'
import { keyTableOf, overlayOf } from './staging'
import { writeVarint } from './varint'

export const SLOT_NODES: usize = 4104
export const SHIPMENT_MESSAGE_SIZE: i32 = 32
const SLOT_MASK: u32 = 1023
const KEY: usize = memory.data(2 + 1024 + 65536 + 64)

/** The slot of a series whose name and tags are these bytes: varint length and name of its table, tags. */
export function keySlot(key: usize, length: u32): u32 {
  return u32(hashKey(key, length)) & SLOT_MASK
}

function seriesSlot(staging: usize, series: u32): u32 {
  const entry = entryOf(staging, SERIES, series)
  const table = load<u32>(entry, 16)
  const owner = entryOf(staging, TABLES, table)
  const nameLength = load<u32>(owner, 4) - 4
  const tagsLength = load<u32>(entry, 4) - 4
  let p = writeVarint(KEY, u64(nameLength))
  memory.copy(p, keyTableKey(keyTableOf(staging, TABLES, table), owner) + 4, nameLength)
  p += usize(nameLength)
  memory.copy(p, keyTableKey(keyTableOf(staging, SERIES, series), entry) + 4, tagsLength)
  return keySlot(KEY, u32(p - KEY) + tagsLength)
}

/** The shard that has a slot at a time. */
function shardOf(slots: usize, slot: u32, time: i64): u32 {
  let node = slots + SLOT_NODES + (usize(load<u32>(slots + (usize(slot) << 2))) << 4)
  while (load<i64>(node) > time) node += 16
  return load<u32>(node, 8)
}

function messageAt(plan: usize, number: u32): usize {
  return usize(load<u32>(plan, 8)) + usize(number) * SHIPMENT_MESSAGE_SIZE
}

/** Bytes of the strings of a row. */
function stringBytes(staging: usize, row: usize, shape: usize, columns: usize): u32 {
  if (load<u32>(shape, 24) === 0) return 0
  const count = load<u32>(shape, 20)
  let bytes: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const column = entryOf(staging, COLUMNS, load<u32>(columns + (usize(i) << 2)))
    if (load<i32>(column, 20) === STRING) bytes += load<u32>(rowSlot(row, i), 4)
  }
  return bytes
}

function columnsOf(staging: usize, shape: u32): usize {
  return keyTableKey(keyTableOf(staging, SHAPES, shape), entryOf(staging, SHAPES, shape)) + 4
}

/** The open message of a shard with room for so many bytes, else a new one; 0 = there is no more. */
function openMessage(plan: usize, shard: u32, bytes: u32): u32 {
  const open = usize(load<u32>(plan, 20)) + (usize(shard) << 2)
  const number = load<u32>(open)
  if (number !== 0) {
    const message = messageAt(plan, number - 1)
    const held = load<u32>(message, 16) + load<u32>(message, 20) + load<u32>(message, 24)
    if (held + bytes <= load<u32>(plan, 24)) return number
  }
  const count = load<u32>(plan, 16)
  if (count === load<u32>(plan, 12)) return 0
  const message = messageAt(plan, count)
  memory.fill(message, 0, SHIPMENT_MESSAGE_SIZE)
  store<u32>(message, shard)
  store<u32>(plan, count + 1, 16)
  store<u32>(open, count + 1)
  return count + 1
}

function linkRow(message: usize, rows: usize, offset: u32): void {
  const last = load<u32>(message, 8)
  if (last === 0) store<u32>(message, offset + 1, 4)
  else setRowPrevious(rows + usize(last) - 1, offset + 1)
  store<u32>(message, offset + 1, 8)
  setRowPrevious(rows + usize(offset), 0)
  store<u32>(message, load<u32>(message, 12) + 1, 12)
}

/**
 * Links about `budget` staged rows from byte `from` on into the messages of their shards: the byte it
 * came to, or less than it should if the plan has no room for another message (call it again then).
 * Series of the rows are the overlay's own: a coordinator's catalog has none.
 */
export function shipmentSpread(staging: usize, plan: usize, from: u32, budget: u32): u32 {
  const slots = usize(load<u32>(plan))
  const rows = usize(load<u32>(staging, 32))
  const end = load<u32>(staging, 40)
  let offset = from
  for (; offset < end && budget > 0; budget--) {
    const row = rows + usize(offset)
    const series = rowSeries(row)
    const known = usize(load<u32>(plan, 4)) + (usize(series & ~LOCAL) << 3)
    if (load<u32>(known) === 0) store<u32>(known, seriesSlot(staging, series) + 1)
    const shard = shardOf(slots, load<u32>(known) - 1, rowTime(row))
    const shape = entryOf(staging, SHAPES, rowShape(row))
    const size = u32(ROW_HEADER) + (load<u32>(shape, 20) << 3)
    const text = stringBytes(staging, row, shape, columnsOf(staging, rowShape(row)))
    const key = load<u32>(entryOf(staging, SERIES, series), 4) + 12
    const number = openMessage(plan, shard, size + text + key)
    if (number === 0) return offset
    const message = messageAt(plan, number - 1)
    linkRow(message, rows, offset)
    store<u32>(message, load<u32>(message, 16) + size, 16)
    store<u32>(message, load<u32>(message, 20) + text, 20)
    if (load<u32>(known, 4) !== number) {
      store<u32>(known, number, 4)
      store<u32>(message, load<u32>(message, 24) + key, 24)
    }
    offset += size
  }
  return offset
}

// Where the numbers of tables, columns, shapes and series are, + 1; 0 = the message does not name it.
let tableMap: usize = 0
let columnMap: usize = 0
let shapeMap: usize = 0
let seriesMap: usize = 0
let mapsEnd: usize = 0

function idCount(staging: usize, kind: usize): u32 {
  return keyTableCount(catalogOf(staging, kind)) + keyTableCount(overlayOf(staging, kind))
}

function findMaps(staging: usize, plan: usize): void {
  tableMap = usize(load<u32>(plan, 28))
  columnMap = tableMap + (usize(idCount(staging, TABLES)) << 2)
  shapeMap = columnMap + (usize(idCount(staging, COLUMNS)) << 2)
  seriesMap = shapeMap + (usize(idCount(staging, SHAPES)) << 2)
  mapsEnd = seriesMap + (usize(idCount(staging, SERIES)) << 2)
}

/** Place of an id among the known ones and, behind them, those of the overlay. */
function placeOf(staging: usize, kind: usize, map: usize, id: u32): usize {
  const known = (id & LOCAL) === 0 ? 0 : keyTableCount(catalogOf(staging, kind))
  return map + (usize(known + (id & ~LOCAL)) << 2)
}

/** The id at a place. */
function idAt(staging: usize, kind: usize, index: u32): u32 {
  const known = keyTableCount(catalogOf(staging, kind))
  return index < known ? index : (index - known) | LOCAL
}

function numberOf(staging: usize, kind: usize, map: usize, id: u32): u32 {
  return load<u32>(placeOf(staging, kind, map, id)) - 1
}

/** Marks what the rows of a message name. */
function markNames(staging: usize, message: usize): void {
  const rows = usize(load<u32>(staging, 32))
  let lastShape = NONE
  for (let at = load<u32>(message, 4); at !== 0; at = rowPrevious(rows + usize(at) - 1)) {
    const row = rows + usize(at) - 1
    store<u32>(placeOf(staging, SERIES, seriesMap, rowSeries(row)), 1)
    const shape = rowShape(row)
    if (shape === lastShape) continue
    lastShape = shape
    const mark = placeOf(staging, SHAPES, shapeMap, shape)
    if (load<u32>(mark) !== 0) continue
    store<u32>(mark, 1)
    const entry = entryOf(staging, SHAPES, shape)
    store<u32>(placeOf(staging, TABLES, tableMap, load<u32>(entry, 16)), 1)
    const columns = columnsOf(staging, shape)
    for (let i: u32 = 0; i < load<u32>(entry, 20); i++) {
      store<u32>(placeOf(staging, COLUMNS, columnMap, load<u32>(columns + (usize(i) << 2))), 1)
    }
  }
}

// The entries that are written: where the next one goes, and where they have to end.
let target: usize = 0
let limit: usize = 0

/** Writes an entry: its kind, size, number and words, then `length` bytes; false: no room. */
function writeEntry(kind: u32, number: u32, a: u32, b: u32, bytes: usize, length: u32): bool {
  const head: u32 = kind === 3 ? 20 : 16
  if (target + usize(head + length) > limit) return false
  store<u32>(target, kind)
  store<u32>(target, head + length, 4)
  store<u32>(target, number, 8)
  store<u32>(target, a, 12)
  if (head === 20) store<u32>(target, b, 16)
  memory.copy(target + usize(head), bytes, length)
  target += usize(head + length)
  return true
}

function writeTables(staging: usize): bool {
  let count: u32 = 0
  for (let i: u32 = 0; i < idCount(staging, TABLES); i++) {
    const place = tableMap + (usize(i) << 2)
    if (load<u32>(place) === 0) continue
    const id = idAt(staging, TABLES, i)
    const entry = entryOf(staging, TABLES, id)
    const key = keyTableKey(keyTableOf(staging, TABLES, id), entry)
    if (!writeEntry(2, count, 0, 0, key + 4, load<u32>(entry, 4) - 4)) return false
    store<u32>(place, ++count)
  }
  return true
}

function isKnownColumn(staging: usize, key: usize, length: u32): bool {
  return keyTableFindHashed(catalogOf(staging, COLUMNS), key, length, hashKey(key, length)) >= 0
}

/** Fields that rows have, and all tag keys of their tables. */
function writeColumns(staging: usize): bool {
  let count: u32 = 0
  for (let i: u32 = 0; i < idCount(staging, COLUMNS); i++) {
    const place = columnMap + (usize(i) << 2)
    const id = idAt(staging, COLUMNS, i)
    const entry = entryOf(staging, COLUMNS, id)
    const type = load<u32>(entry, 20)
    const table = numberOf(staging, TABLES, tableMap, load<u32>(entry, 16))
    const isNamed = type === u32(TAG) ? table !== NONE : load<u32>(place) !== 0
    // Less 4: that of a removed column is the greatest there is.
    const length = load<u32>(entry, 4) - 4
    if (!isNamed || length > 1024) continue
    const key = keyTableKey(keyTableOf(staging, COLUMNS, id), entry)
    // A new tag of a known table is known by now, too, if the catalog was told of it since.
    if (type === u32(TAG) && (id & LOCAL) !== 0 && isKnownColumn(staging, key, length + 4)) continue
    const kind: u32 = type === u32(TAG) ? 8 : 3
    if (!writeEntry(kind, count, table, type, key + 4, length)) return false
    store<u32>(place, ++count)
  }
  return true
}

function writeShapes(staging: usize): bool {
  let count: u32 = 0
  for (let i: u32 = 0; i < idCount(staging, SHAPES); i++) {
    const place = shapeMap + (usize(i) << 2)
    if (load<u32>(place) === 0) continue
    const id = idAt(staging, SHAPES, i)
    const entry = entryOf(staging, SHAPES, id)
    const table = numberOf(staging, TABLES, tableMap, load<u32>(entry, 16))
    const columns = columnsOf(staging, id)
    const length = load<u32>(entry, 20) << 2
    const list = target + 16
    if (!writeEntry(4, count, table, 0, columns, length)) return false
    for (let k: usize = 0; k < usize(length); k += 4) {
      store<u32>(list + k, numberOf(staging, COLUMNS, columnMap, load<u32>(list + k)))
    }
    store<u32>(place, ++count)
  }
  return true
}

function writeSeries(staging: usize): bool {
  let count: u32 = 0
  for (let i: u32 = 0; i < idCount(staging, SERIES); i++) {
    const place = seriesMap + (usize(i) << 2)
    if (load<u32>(place) === 0) continue
    const id = idAt(staging, SERIES, i)
    const entry = entryOf(staging, SERIES, id)
    const table = numberOf(staging, TABLES, tableMap, load<u32>(entry, 16))
    const key = keyTableKey(keyTableOf(staging, SERIES, id), entry)
    if (!writeEntry(5, count, table, 0, key + 4, load<u32>(entry, 4) - 4)) return false
    store<u32>(place, ++count)
  }
  return true
}

/** Writes the names of a message to `entries`: their bytes, or FULL: they take more than `capacity`. */
export function shipmentNames(
  staging: usize,
  plan: usize,
  number: u32,
  entries: usize,
  capacity: u32,
): i32 {
  findMaps(staging, plan)
  memory.fill(tableMap, 0, mapsEnd - tableMap)
  markNames(staging, messageAt(plan, number))
  target = entries
  limit = entries + usize(capacity)
  if (!writeTables(staging) || !writeColumns(staging)) return FULL
  if (!writeShapes(staging) || !writeSeries(staging)) return FULL
  return i32(target - entries)
}

/** Copies the strings of a row; its slots then point to where they are in the message. */
function copyStrings(staging: usize, row: usize, shape: u32, arena: usize, used: u32): u32 {
  const entry = entryOf(staging, SHAPES, shape)
  if (load<u32>(entry, 24) === 0) return used
  const source = usize(load<u32>(staging, 48))
  const columns = columnsOf(staging, shape)
  for (let i: u32 = 0; i < load<u32>(entry, 20); i++) {
    const column = entryOf(staging, COLUMNS, load<u32>(columns + (usize(i) << 2)))
    if (load<i32>(column, 20) !== STRING) continue
    const slot = rowSlot(row, i)
    const length = load<u32>(slot, 4)
    memory.copy(arena + usize(used), source + usize(load<u32>(slot)), length)
    store<u32>(slot, used)
    used += length
  }
  return used
}

/**
 * Writes the rows of a message, whose names were the last that were written, to `target` and their
 * strings to `arena`, which have room for as many bytes as the message says.
 */
export function shipmentRows(
  staging: usize,
  plan: usize,
  number: u32,
  rowTarget: usize,
  arena: usize,
): void {
  findMaps(staging, plan)
  const rows = usize(load<u32>(staging, 32))
  let used: u32 = 0
  let at = load<u32>(messageAt(plan, number), 4)
  while (at !== 0) {
    const row = rows + usize(at) - 1
    const shape = rowShape(row)
    const size = usize(ROW_HEADER) + (usize(load<u32>(entryOf(staging, SHAPES, shape), 20)) << 3)
    memory.copy(rowTarget, row, size)
    store<u32>(rowTarget, numberOf(staging, SERIES, seriesMap, rowSeries(row)))
    store<u32>(rowTarget, numberOf(staging, SHAPES, shapeMap, shape), 4)
    store<u64>(rowTarget, 0, 8)
    used = copyStrings(staging, rowTarget, shape, arena, used)
    rowTarget += size
    at = rowPrevious(row)
  }
}
