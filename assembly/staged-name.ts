// Names and tags of a line → ids of tables, columns and series, known or new in the request's
// overlay. Every function returns the id, or NONE after setting why: `status` is FULL (a region is
// too small) or REFUSED (the reason is set).

import { FLOAT, FULL, TAG } from './layout'
import { bytesEqual } from './key-table'
import { refuse } from './refusal'
import {
  REFUSED_CONTROL,
  REFUSED_EMPTY_NAME,
  REFUSED_FIELD_COUNT,
  REFUSED_FIELD_IS_TAG,
  REFUSED_KEY_LENGTH,
  REFUSED_NAME_LENGTH,
  REFUSED_NAME_TAKEN,
  REFUSED_TAG_COUNT,
  REFUSED_TAG_IS_FIELD,
  REFUSED_TAG_LENGTH,
  REFUSED_TAG_TWICE,
  REFUSED_UTF8,
} from './refusal-kind'
import {
  COLUMNS,
  LOCAL,
  NONE,
  SERIES,
  TABLES,
  addKey,
  columnCount,
  countColumn,
  entryOf,
  findKey,
  touchTable,
} from './staging'
import { findBadByte, hasControl } from './utf8'
import { writeVarint } from './varint'

/** Why the last call returned NONE: FULL or REFUSED. */
export let status: i32 = 0

export const NAME_MAX: u32 = 1024
export const TAG_MAX: u32 = 65536
export const SERIES_KEY_MAX: u32 = 65536
export const TAGS_MAX: u32 = 256
export const FIELDS_MAX: u32 = 4096
const PARTITION_SECONDS: u32 = 86400

/**
 * The tags of the current line, 32 bytes each: 0 key  4 keyLength  8 value  12 valueLength  16
 * position in the text (0 = none).
 */
export const TAGS: usize = memory.data(256 * 32)
const TAG_ORDER: usize = memory.data(256 * 4)
/**
 * Where unescaped tag text lies: two tags of the maximum before their escapes are known to be too
 * many.
 */
export const TEXT: usize = memory.data(196608)
export const TEXT_MAX: u32 = 196608
// A key that is looked for; a canonical key is checked against its limit before each tag.
const KEY: usize = memory.data(65536 + 65536 + 1024 + 64)

function isTime(name: usize, length: u32): bool {
  // "time", little-endian
  return length === 4 && load<u32>(name) === 0x656d6974
}

function refused(why: i32, at: usize, name: usize, length: u32): u32 {
  status = refuse(why, at, name, length)
  return NONE
}

/** Are these the bytes of a name? If not, the reason is set. */
function isName(name: usize, length: u32, at: usize): bool {
  if (length === 0) refused(REFUSED_EMPTY_NAME, at, name, 0)
  else if (length > NAME_MAX) refused(REFUSED_NAME_LENGTH, at, name, length)
  else if (findBadByte(name, name + usize(length)) !== 0) refused(REFUSED_UTF8, at, name, length)
  else if (hasControl(name, name + usize(length))) refused(REFUSED_CONTROL, at, name, length)
  else return true
  return false
}

/** Id of a table of the request's database. */
export function resolveTable(staging: usize, name: usize, length: u32, at: usize): u32 {
  if (!isName(name, length, at)) return NONE
  const database = load<u32>(staging, 4)
  store<u32>(KEY, database)
  memory.copy(KEY + 4, name, length)
  let id = findKey(staging, TABLES, database, KEY, length + 4)
  if (id === NONE) {
    id = addKey(staging, TABLES, KEY, length + 4, database, PARTITION_SECONDS, 0)
    status = FULL
    return id
  }
  if ((id & LOCAL) === 0 && touchTable(staging, id) < 0) {
    status = FULL
    return NONE
  }
  return id
}

/** Adds the column that findKey just missed, whose key is in KEY. */
function addColumn(staging: usize, table: u32, length: u32, type: i32): u32 {
  const id = addKey(staging, COLUMNS, KEY, length + 4, table, u32(type), 0)
  if (id === NONE) status = FULL
  else countColumn(staging, table, type, 1)
  return id
}

function findColumn(staging: usize, table: u32, name: usize, length: u32): u32 {
  store<u32>(KEY, table)
  memory.copy(KEY + 4, name, min(length, NAME_MAX))
  return findKey(staging, COLUMNS, table, KEY, min(length, NAME_MAX) + 4)
}

/** Id of the column of this name, field or tag, or NONE; nothing is created. */
export function findField(staging: usize, table: u32, name: usize, length: u32): u32 {
  return length > NAME_MAX ? NONE : findColumn(staging, table, name, length)
}

/** Id of a field's column, which is created with the type that was sent if it is new. */
export function resolveField(
  staging: usize,
  table: u32,
  name: usize,
  length: u32,
  sent: i32,
  at: usize,
): u32 {
  if (length > NAME_MAX) return refused(REFUSED_NAME_LENGTH, at, name, length)
  const id = findColumn(staging, table, name, length)
  if (id !== NONE) {
    if (load<i32>(entryOf(staging, COLUMNS, id), 20) !== TAG) return id
    return refused(REFUSED_FIELD_IS_TAG, at, name, length)
  }
  if (!isName(name, length, at)) return NONE
  if (isTime(name, length)) return refused(REFUSED_NAME_TAKEN, at, name, length)
  if (columnCount(staging, table, FLOAT) >= FIELDS_MAX) {
    return refused(REFUSED_FIELD_COUNT, at, name, length)
  }
  return addColumn(staging, table, length, sent)
}

/** Id of a tag key's column. */
export function resolveTag(staging: usize, table: u32, name: usize, length: u32, at: usize): u32 {
  if (length > NAME_MAX) return refused(REFUSED_NAME_LENGTH, at, name, length)
  const id = findColumn(staging, table, name, length)
  if (id !== NONE) {
    if (load<i32>(entryOf(staging, COLUMNS, id), 20) === TAG) return id
    return refused(REFUSED_TAG_IS_FIELD, at, name, length)
  }
  if (!isName(name, length, at)) return NONE
  if (isTime(name, length)) return refused(REFUSED_NAME_TAKEN, at, name, length)
  if (columnCount(staging, table, TAG) >= TAGS_MAX) {
    return refused(REFUSED_TAG_COUNT, at, name, length)
  }
  return addColumn(staging, table, length, TAG)
}

/** Makes entry `index` of TAGS. */
export function setTag(
  index: u32,
  key: usize,
  keyLength: u32,
  value: usize,
  valueLength: u32,
  at: usize,
): void {
  const tag = TAGS + (usize(index) << 5)
  store<u32>(tag, u32(key))
  store<u32>(tag, keyLength, 4)
  store<u32>(tag, u32(value), 8)
  store<u32>(tag, valueLength, 12)
  store<u32>(tag, u32(at), 16)
}

/** Order of the keys of two tags, as bytes. */
function compareTags(a: usize, b: usize): i32 {
  const aLength = load<u32>(a, 4)
  const bLength = load<u32>(b, 4)
  const order = memory.compare(load<u32>(a), load<u32>(b), min(aLength, bLength))
  return order !== 0 ? order : i32(aLength) - i32(bLength)
}

function orderedTag(index: u32): usize {
  return usize(load<u32>(TAG_ORDER + (usize(index) << 2)))
}

/** Sorts pointers of the first `count` tags by key into TAG_ORDER, by binary insertion. */
function sortTags(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const tag = TAGS + (usize(i) << 5)
    let low: u32 = 0
    let high = i
    // In order already, mostly: look at the last first.
    if (i > 0 && compareTags(orderedTag(i - 1), tag) <= 0) low = i
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareTags(orderedTag(middle), tag) <= 0) low = middle + 1
      else high = middle
    }
    const place = TAG_ORDER + (usize(low) << 2)
    memory.copy(place + 4, place, usize(i - low) << 2)
    store<u32>(place, u32(tag))
  }
}

/** Refuses what is wrong with the tag: its value, or that it is there twice. */
function isTagFine(tag: usize, before: usize): bool {
  const key = usize(load<u32>(tag))
  const keyLength = load<u32>(tag, 4)
  const value = usize(load<u32>(tag, 8))
  const valueLength = load<u32>(tag, 12)
  const at = usize(load<u32>(tag, 16))
  if (before !== 0 && load<u32>(before, 4) === keyLength) {
    if (bytesEqual(usize(load<u32>(before)), key, keyLength)) {
      refused(REFUSED_TAG_TWICE, at, key, keyLength)
      return false
    }
  }
  if (valueLength > TAG_MAX) refused(REFUSED_TAG_LENGTH, at, key, keyLength)
  else if (findBadByte(value, value + usize(valueLength)) !== 0) {
    refused(REFUSED_UTF8, at, value, valueLength)
  } else return true
  return false
}

function writeText(target: usize, text: u32, length: u32): usize {
  const p = writeVarint(target, u64(length))
  memory.copy(p, usize(text), length)
  return p + usize(length)
}

/** Id of the series of a table with the first `count` tags of TAGS; empty ones count as absent. */
export function resolveSeries(staging: usize, table: u32, count: u32, at: usize): u32 {
  sortTags(count)
  for (let i: u32 = 0; i < count; i++) {
    const tag = orderedTag(i)
    if (!isTagFine(tag, i > 0 ? orderedTag(i - 1) : 0)) return NONE
    if (load<u32>(tag, 12) === 0) continue
    const tagAt = usize(load<u32>(tag, 16))
    if (resolveTag(staging, table, usize(load<u32>(tag)), load<u32>(tag, 4), tagAt) === NONE) {
      return NONE
    }
  }
  store<u32>(KEY, table)
  let p = KEY + 4
  for (let i: u32 = 0; i < count; i++) {
    const tag = orderedTag(i)
    if (load<u32>(tag, 12) === 0) continue
    p = writeText(p, load<u32>(tag), load<u32>(tag, 4))
    p = writeText(p, load<u32>(tag, 8), load<u32>(tag, 12))
    if (p - KEY > usize(SERIES_KEY_MAX)) return refused(REFUSED_KEY_LENGTH, at, KEY, 0)
  }
  const length = u32(p - KEY)
  let id = findKey(staging, SERIES, table, KEY, length)
  if (id !== NONE) return id
  id = addKey(staging, SERIES, KEY, length, table, 0, 0)
  status = FULL
  return id
}
