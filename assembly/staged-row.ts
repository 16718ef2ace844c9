// The fields of one point → a row of the request. Fields arrive in any order and may repeat (the
// last wins); a row keeps them in ascending order of column id, as its shape says.
//
// Field, 16 bytes: 0 u64 order: column id << 32 | position << 2 | text form  8 slot u64
//   (a string's slot: pointer low, length high, of the text as sent)

import { FULL, ROW_HEADER } from './layout'
import { keyTableKey } from './key-table'
import {
  ARENA_SHORT,
  LOCAL,
  NONE,
  ROWS_SHORT,
  SHAPES,
  TABLES,
  addKey,
  entryOf,
  findKey,
  keyTableOf,
  setShort,
} from './staging'

const SECOND: i64 = 1000000000

/** Text form of a field that is no string. */
export const FORM_NONE: u32 = 0
/** A string as it is. */
export const FORM_PLAIN: u32 = 1
/** A string with \" and \\ for " and \. */
export const FORM_ESCAPED: u32 = 2
/** A string with "" for ". */
export const FORM_DOUBLED: u32 = 3

export const FIELDS: usize = memory.data(4096 * 16)
const SHAPE_KEY: usize = memory.data(4 + 4096 * 4)

/** Sets field `position` of the current point. */
export function setField(position: u32, column: u32, slot: u64, form: u32): void {
  const field = FIELDS + (usize(position) << 4)
  store<u64>(field, (u64(column) << 32) | u64((position << 2) | form))
  store<u64>(field, slot, 8)
}

/** Of the field at this place, which is its place in the row once that is appended. */
export function orderOf(index: u32): u64 {
  return load<u64>(FIELDS + (usize(index) << 4))
}

function swapFields(a: u32, b: u32): void {
  const first = FIELDS + (usize(a) << 4)
  const second = FIELDS + (usize(b) << 4)
  const held = v128.load(first)
  v128.store(first, v128.load(second))
  v128.store(second, held)
}

function siftDown(from: u32, count: u32): void {
  let parent = from
  while (true) {
    let child: u32 = 2 * parent + 1
    if (child >= count) return
    if (child + 1 < count && orderOf(child + 1) > orderOf(child)) child++
    if (orderOf(parent) >= orderOf(child)) return
    swapFields(parent, child)
    parent = child
  }
}

/** Heap sort: no input makes it slow. Does nothing if the fields are in order. */
function sortFields(count: u32): void {
  let sorted: u32 = 1
  while (sorted < count && orderOf(sorted - 1) < orderOf(sorted)) sorted++
  if (sorted >= count) return
  for (let i = count >> 1; i > 0; i--) siftDown(i - 1, count)
  for (let left = count - 1; left > 0; left--) {
    swapFields(0, left)
    siftDown(0, left)
  }
}

/** Keeps the last field of each column; how many are left. */
function dropRepeated(count: u32): u32 {
  let kept: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    if (i + 1 < count && orderOf(i) >> 32 === orderOf(i + 1) >> 32) continue
    if (kept !== i) {
      v128.store(FIELDS + (usize(kept) << 4), v128.load(FIELDS + (usize(i) << 4)))
    }
    kept++
  }
  return kept
}

function columnAt(index: u32): u32 {
  return load<u32>(FIELDS + (usize(index) << 4), 4)
}

/** Are the fields exactly the columns of this shape? */
function matchesShape(staging: usize, shape: u32, table: u32, count: u32): bool {
  const entry = entryOf(staging, SHAPES, shape)
  if (load<u32>(entry, 16) !== table || load<u32>(entry, 20) !== count) return false
  const columns = keyTableKey(keyTableOf(staging, SHAPES, shape), entry) + 4
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(columns + (usize(i) << 2)) !== columnAt(i)) return false
  }
  return true
}

/** Id of the shape of the fields, which are sorted, or NONE if the overlay is full. */
function resolveShape(staging: usize, table: u32, count: u32): u32 {
  if (load<u32>(staging, 100) === table) {
    const last = load<u32>(staging, 104)
    if (matchesShape(staging, last, table, count)) return last
  }
  store<u32>(SHAPE_KEY, table)
  let hasString: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(SHAPE_KEY + 4 + (usize(i) << 2), columnAt(i))
    if ((u32(orderOf(i)) & 3) !== FORM_NONE) hasString = 1
  }
  const length = 4 + 4 * count
  let shape = findKey(staging, SHAPES, table, SHAPE_KEY, length)
  if (shape === NONE) shape = addKey(staging, SHAPES, SHAPE_KEY, length, table, count, hasString)
  return shape
}

/** Copies text without its escapes; the address behind it. */
function copyText(source: usize, length: u32, form: u32, target: usize): usize {
  if (form === FORM_PLAIN) {
    memory.copy(target, source, length)
    return target + usize(length)
  }
  const end = source + usize(length)
  const isEscaped = form === FORM_ESCAPED
  for (let p = source; p < end; p++) {
    const byte = load<u8>(p)
    const next = load<u8>(p + 1)
    // The text ends in a quote, so the byte behind it never completes an escape.
    if (isEscaped ? byte === 92 && (next === 34 || next === 92) : byte === 34) p++
    store<u8>(target++, load<u8>(p))
  }
  return target
}

/** Bytes that the strings of the fields take at most. */
function stringBytes(count: u32): u32 {
  let bytes: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    if ((u32(orderOf(i)) & 3) !== FORM_NONE) bytes += load<u32>(FIELDS + (usize(i) << 4), 12)
  }
  return bytes
}

/** Stores a string as it was sent in the arena, which has room; its slot. */
export function stageString(staging: usize, slot: u64, form: u32): u64 {
  const arena = usize(load<u32>(staging, 48))
  const used = load<u32>(staging, 56)
  const start = arena + usize(used)
  const end = copyText(usize(u32(slot)), u32(slot >> 32), form, start)
  store<u32>(staging, u32(end - arena), 56)
  return u64(used) | (u64(end - start) << 32)
}

/**
 * Is a point older than its table keeps them? A known table has its retention in seconds as payload
 * d, 0 = for ever.
 */
export function isExpired(staging: usize, table: u32, time: i64): bool {
  if ((table & LOCAL) !== 0) return false
  const seconds = load<u32>(entryOf(staging, TABLES, table), 28)
  return seconds !== 0 && time < load<i64>(staging, 168) - i64(seconds) * SECOND
}

/**
 * Appends a row of the first `count` fields, which have a value and the type of their column. FULL
 * or 0.
 */
export function appendRow(staging: usize, table: u32, series: u32, time: i64, count: u32): i32 {
  sortFields(count)
  const kept = dropRepeated(count)
  const shape = resolveShape(staging, table, kept)
  if (shape === NONE) return FULL
  const used = load<u32>(staging, 40)
  const size = u32(ROW_HEADER) + 8 * kept
  if (load<u32>(staging, 36) - used < size) return setShort(staging, ROWS_SHORT)
  const text = stringBytes(kept)
  if (load<u32>(staging, 52) - load<u32>(staging, 56) < text) return setShort(staging, ARENA_SHORT)
  const row = usize(load<u32>(staging, 32)) + usize(used)
  store<u32>(row, series)
  store<u32>(row, shape, 4)
  store<u64>(row, 0, 8)
  store<i64>(row, time, 16)
  for (let i: u32 = 0; i < kept; i++) {
    const field = FIELDS + (usize(i) << 4)
    const form = load<u32>(field) & 3
    const slot = load<u64>(field, 8)
    const value = form === FORM_NONE ? slot : stageString(staging, slot, form)
    store<u64>(row + ROW_HEADER + (usize(i) << 3), value)
  }
  store<u32>(staging, used + size, 40)
  store<u32>(staging, load<u32>(staging, 44) + 1, 44)
  store<u32>(staging, table, 100)
  store<u32>(staging, shape, 104)
  return 0
}
