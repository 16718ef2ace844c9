// Catalog entries → key tables, when a database is opened: the same ids in the same order as when
// they were written. Databases and drops are the host's; it makes room when a key table is full.

import { CORRUPT, STRING, TAG } from './layout'
import {
  REMOVED,
  bytesEqual,
  keyTableAppend,
  keyTableCount,
  keyTableEntry,
  keyTableHasRoom,
  keyTableKey,
  keyTableSkip,
} from './key-table'
import { hashKey } from './hash'
import { catalogColumns, catalogSeries, catalogShapes, catalogTables } from './row'

const NAME_MAX: u32 = 1024
const KEY: usize = memory.data(4 + 1024)
// Kinds of entries that only the host reads, besides databases and drops.
const HOST_KIND_MIN: u8 = 9
const HOST_KIND_MAX: u8 = 19
// All ids of a kind below a number were given.
const IDS_GIVEN: u8 = 17
const ID_MAX: u32 = 0x7fffffff
const STOPPED: i32 = 1
const REPEATED: i32 = 2

/** Was this id given to this key before (or to one that was removed since)? */
function isRepeated(table: usize, id: u32, key: usize, length: u32): bool {
  const entry = keyTableEntry(table, id)
  const held = load<u32>(entry, 4)
  if (held === REMOVED) return true
  return held === length && bytesEqual(keyTableKey(table, entry), key, length)
}

/**
 * Adds a key under exactly this id: 0, REPEATED if it has it (the catalog file may hold what the
 * log holds too), STOPPED if there is no room, CORRUPT if another key has the id.
 */
function addAt(table: usize, id: u32, key: usize, length: u32, a: u32, b: u32, c: u32): i32 {
  if (id < keyTableCount(table)) return isRepeated(table, id, key, length) ? REPEATED : CORRUPT
  if (keyTableSkip(table, id) < 0 || !keyTableHasRoom(table, length)) return STOPPED
  const entry = keyTableEntry(table, id)
  keyTableAppend(table, key, length, hashKey(key, length))
  store<u32>(entry, a, 16)
  store<u32>(entry, b, 20)
  store<u32>(entry, c, 24)
  return 0
}

/** Adds a key that is an owner's id and a name of `length` bytes. */
function addNamed(table: usize, id: u32, owner: u32, name: usize, length: u32, b: u32): i32 {
  if (length === 0 || length > NAME_MAX) return CORRUPT
  store<u32>(KEY, owner)
  memory.copy(KEY + 4, name, length)
  return addAt(table, id, KEY, length + 4, owner, b, 0)
}

function addColumn(catalog: usize, id: u32, entry: usize, head: u32, length: u32, type: u32): i32 {
  const table = load<u32>(entry, 12)
  if (table >= keyTableCount(catalogTables(catalog)) || type > u32(TAG)) return CORRUPT
  const name = entry + usize(head)
  const status = addNamed(catalogColumns(catalog), id, table, name, length, type)
  if (status !== 0) return status
  const counter = keyTableEntry(catalogTables(catalog), table) + 24
  store<u32>(counter, load<u32>(counter) + (type === u32(TAG) ? 0x10000 : 1))
  return 0
}

/** Checks that the columns of a shape are known fields in ascending order, then adds it. */
function addShape(catalog: usize, id: u32, key: usize, length: u32): i32 {
  const columns = catalogColumns(catalog)
  if (length < 8 || (length & 3) !== 0) return CORRUPT
  let hasString: u32 = 0
  for (let at: u32 = 4; at < length; at += 4) {
    const column = load<u32>(key + usize(at))
    if (column >= keyTableCount(columns)) return CORRUPT
    if (at > 4 && column <= load<u32>(key + usize(at) - 4)) return CORRUPT
    const type = load<i32>(keyTableEntry(columns, column), 20)
    if (type === TAG) return CORRUPT
    if (type === STRING) hasString = 1
  }
  const count = (length - 4) >> 2
  return addAt(catalogShapes(catalog), id, key, length, load<u32>(key), count, hasString)
}

/** The key table whose id a drop is about; 0 for all other entries that are the host's. */
function droppedFrom(catalog: usize, kind: u8): usize {
  if (kind === 6) return catalogTables(catalog)
  if (kind === 10) return catalogColumns(catalog)
  return kind === 11 ? catalogSeries(catalog) : 0
}

/** The key table of a kind's ids; 0 for those of the host. */
function idsOf(catalog: usize, kind: u32): usize {
  if (kind === 2) return catalogTables(catalog)
  if (kind === 3) return catalogColumns(catalog)
  if (kind === 4) return catalogShapes(catalog)
  return kind === 5 ? catalogSeries(catalog) : 0
}

/** Gives out all ids below `next`: the entries of those that were dropped may be gone from the file. */
function giveIds(table: usize, next: u32): i32 {
  if (table === 0 || next <= keyTableCount(table)) return 0
  if (next > ID_MAX) return CORRUPT
  return keyTableSkip(table, next) === 0 ? 0 : STOPPED
}

/** An entry that the kernel does not keep. */
function passOver(catalog: usize, entry: usize, kind: u8, id: u32, size: u32): i32 {
  if (kind !== IDS_GIVEN) {
    const table = droppedFrom(catalog, kind)
    return table === 0 || id < ID_MAX ? giveIds(table, id + 1) : CORRUPT
  }
  return size === 16 ? giveIds(idsOf(catalog, id), load<u32>(entry, 12)) : CORRUPT
}

function addEntry(catalog: usize, entry: usize, size: u32): i32 {
  const kind = load<u8>(entry)
  const id = load<u32>(entry, 8)
  const isHosts = kind >= HOST_KIND_MIN && kind <= HOST_KIND_MAX
  if (kind === 1 || kind === 6 || kind === 7 || isHosts) {
    return passOver(catalog, entry, kind, id, size)
  }
  if (size < 16) return CORRUPT
  const owner = load<u32>(entry, 12)
  if (kind === 2) {
    if (size < 20) return CORRUPT
    const width = load<u32>(entry, 16)
    return addNamed(catalogTables(catalog), id, owner, entry + 20, size - 20, width)
  }
  if (owner >= keyTableCount(catalogTables(catalog))) return CORRUPT
  if (kind === 3) {
    if (size < 20 || load<i32>(entry, 16) > STRING) return CORRUPT
    return addColumn(catalog, id, entry, 20, size - 20, load<u32>(entry, 16))
  }
  if (kind === 8) return addColumn(catalog, id, entry, 16, size - 16, u32(TAG))
  if (kind === 4) return addShape(catalog, id, entry + 12, size - 12)
  if (kind === 5) return addAt(catalogSeries(catalog), id, entry + 12, size - 12, owner, 0, 0)
  return CORRUPT
}

/**
 * Enters the entries from byte `from` on: the byte it came to (less than `length`: a key table is
 * full, make room in all four and go on from there), or CORRUPT: an entry is none, its id has
 * another key, or it names what is not there. Entries before that one are entered; known ones are
 * passed over.
 */
export function catalogReplay(catalog: usize, entries: usize, length: u32, from: u32): i32 {
  let at = from
  while (at < length) {
    const entry = entries + usize(at)
    const left = length - at
    if (left < 12) return CORRUPT
    const size = load<u32>(entry, 4)
    if (size < 12 || size > left || load<u32>(entry) >> 8 !== 0) return CORRUPT
    const status = addEntry(catalog, entry, size)
    if (status === STOPPED) return i32(at)
    if (status < 0) return CORRUPT
    at += size
  }
  return i32(at)
}
