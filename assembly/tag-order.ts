// Sorts series by their tags: pairs in the order of the canonical key, key before value, by bytes, a
// prefix first (engine/catalog/tags.ts is the same order on text). Only pairs whose key is in a
// subset count, if there is one. A merge sort from below, so that it can stop anywhere: items carry
// the first bytes of what mostly differs, the value of the first tag behind what all have in common,
// and a comparison that those decide reads no key.
//
// TagOrder (u32 each): 0 series key table  4 items  8 spare items  12 count  16 subset  20 its length
//   24 phase (0 common prefix, then HEADS, MERGE, DONE)  28 position  32 width  36 left  40 right  44 common prefix of the first values
//   48 NONE: the first keys differ, so heads are of no use; else 0  52..64 reserved 0
// Item: 0 head u64 (big-endian bytes of the first value)  8 series id u32  12 index u32 (as given)
// Subset: per key varint length and bytes, as in a canonical key; length NONE = all keys count.

import { keyTableEntry, keyTableKey, REMOVED, removedLength } from './key-table'

/** Bytes of the structure, of an item, and the subset length that means all keys. */
export const TAG_ORDER_SIZE: u32 = 64
export const TAG_ORDER_ITEM: u32 = 16
export const TAG_ORDER_ALL: u32 = 0xffffffff

const NONE: u32 = 0xffffffff
const HEADS: u32 = 1
const MERGE: u32 = 2
const DONE: u32 = 3

// A tag as `nextTag` found it, and where the next one begins.
let keyAt: usize = 0
let keyLength: u32 = 0
let valueAt: usize = 0
let valueLength: u32 = 0
let next: usize = 0

let readAt: usize = 0

function readLength(at: usize): u32 {
  let result: u32 = 0
  let shift: u32 = 0
  while (true) {
    const byte = u32(load<u8>(at++))
    result |= (byte & 127) << shift
    if (byte < 128) break
    shift += 7
  }
  readAt = at
  return result
}

/** Below, above or equal to zero, as bytes; a prefix comes first. */
function compareBytes(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const length = min(aLength, bLength)
  for (let i: u32 = 0; i < length; i++) {
    const difference = i32(load<u8>(a + usize(i))) - i32(load<u8>(b + usize(i)))
    if (difference !== 0) return difference
  }
  return aLength < bLength ? -1 : aLength > bLength ? 1 : 0
}

function isWanted(subset: usize, subsetLength: u32): bool {
  if (subsetLength === NONE) return true
  const end = subset + usize(subsetLength)
  while (subset < end) {
    const length = readLength(subset)
    if (compareBytes(readAt, length, keyAt, keyLength) === 0) return true
    subset = readAt + usize(length)
  }
  return false
}

/** Reads the next tag that counts from `at`; false at the end. */
function nextTag(at: usize, end: usize, subset: usize, subsetLength: u32): bool {
  while (at < end) {
    keyLength = readLength(at)
    keyAt = readAt
    valueLength = readLength(keyAt + usize(keyLength))
    valueAt = readAt
    at = valueAt + usize(valueLength)
    if (isWanted(subset, subsetLength)) {
      next = at
      return true
    }
  }
  return false
}

/**
 * Where the tags of a series begin; `readAt` is their end. One that was dropped has none once its
 * key is not kept any more.
 */
function tagsOf(series: usize, id: u32): usize {
  const entry = keyTableEntry(series, id)
  const key = keyTableKey(series, entry)
  const length = load<u32>(entry, 4)
  const kept = length === REMOVED ? removedLength(entry) : length
  readAt = key + usize(max<u32>(kept, 4))
  return key + 4
}

function compareSeries(order: usize, left: u32, right: u32): i32 {
  const series = usize(load<u32>(order))
  const subset = usize(load<u32>(order, 16))
  const subsetLength = load<u32>(order, 20)
  let a = tagsOf(series, left)
  const aEnd = readAt
  let b = tagsOf(series, right)
  const bEnd = readAt
  while (true) {
    const hasLeft = nextTag(a, aEnd, subset, subsetLength)
    const leftKey = keyAt
    const leftKeyLength = keyLength
    const leftValue = valueAt
    const leftValueLength = valueLength
    if (hasLeft) a = next
    const hasRight = nextTag(b, bEnd, subset, subsetLength)
    if (!hasLeft || !hasRight) return i32(hasLeft) - i32(hasRight)
    b = next
    const byKey = compareBytes(leftKey, leftKeyLength, keyAt, keyLength)
    if (byKey !== 0) return byKey
    const byValue = compareBytes(leftValue, leftValueLength, valueAt, valueLength)
    if (byValue !== 0) return byValue
  }
}

function isAfter(order: usize, left: usize, right: usize): bool {
  const a = load<u64>(left)
  const b = load<u64>(right)
  if (a !== b) return a > b
  return compareSeries(order, load<u32>(left, 8), load<u32>(right, 8)) > 0
}

/** Narrows the common prefix by one item; false when the first keys differ: then heads are of no use. */
function narrowPrefix(order: usize, first: u32, id: u32): bool {
  const series = usize(load<u32>(order))
  const subset = usize(load<u32>(order, 16))
  const subsetLength = load<u32>(order, 20)
  const start = tagsOf(series, first)
  if (!nextTag(start, readAt, subset, subsetLength)) return false
  const otherKey = keyAt
  const otherKeyLength = keyLength
  const other = valueAt
  const otherLength = valueLength
  const at = tagsOf(series, id)
  if (!nextTag(at, readAt, subset, subsetLength)) return false
  if (compareBytes(keyAt, keyLength, otherKey, otherKeyLength) !== 0) return false
  const length = min(min(valueLength, otherLength), load<u32>(order, 44))
  let same: u32 = 0
  while (same < length && load<u8>(valueAt + usize(same)) === load<u8>(other + usize(same))) same++
  store<u32>(order, same, 44)
  return true
}

/** Eight bytes of the first value behind the common prefix, zeros behind its end. */
function headOf(order: usize, id: u32): u64 {
  if (load<u32>(order, 48) === NONE) return 0
  const at = tagsOf(usize(load<u32>(order)), id)
  if (!nextTag(at, readAt, usize(load<u32>(order, 16)), load<u32>(order, 20))) return 0
  const prefix = load<u32>(order, 44)
  let head: u64 = 0
  for (let i: u32 = prefix; i < prefix + 8; i++) {
    head = (head << 8) | (i < valueLength ? u64(load<u8>(valueAt + usize(i))) : 0)
  }
  return head
}

/**
 * Begins to sort `count` items, whose ids are set and all of one table; `spare` has the same size.
 * The structure, the items and the subset stay where they are until the order is read.
 */
export function tagOrderInit(
  order: usize,
  series: usize,
  items: usize,
  spare: usize,
  count: u32,
  subset: usize,
  subsetLength: u32,
): void {
  memory.fill(order, 0, TAG_ORDER_SIZE)
  store<u32>(order, u32(series))
  store<u32>(order, u32(items), 4)
  store<u32>(order, u32(spare), 8)
  store<u32>(order, count, 12)
  store<u32>(order, u32(subset), 16)
  store<u32>(order, subsetLength, 20)
  store<u32>(order, NONE - 8, 44)
}

/** Goes on for about `budget` items: 1 when the order is there, 0 when there is more to do. */
export function tagOrderStep(order: usize, budget: u32): i32 {
  let left = budget
  while (left > 0) {
    const phase = load<u32>(order, 24)
    if (phase === DONE) return 1
    left = phase === MERGE ? mergeSome(order, left) : readSome(order, phase, left)
  }
  return load<u32>(order, 24) === DONE ? 1 : 0
}

/** Looks at items one by one: for the common prefix, then for the heads. What is left of the budget. */
function readSome(order: usize, phase: u32, budget: u32): u32 {
  const items = usize(load<u32>(order, 4))
  const count = load<u32>(order, 12)
  let position = load<u32>(order, 28)
  const end = min(count, position + budget)
  const spent = end - position
  for (; position < end; position++) {
    const item = items + usize(position) * TAG_ORDER_ITEM
    const id = load<u32>(item, 8)
    if (phase === HEADS) store<u64>(item, headOf(order, id))
    else if (!narrowPrefix(order, load<u32>(items, 8), id)) {
      store<u32>(order, NONE, 48)
      position = count
      break
    }
  }
  store<u32>(order, position < count ? position : 0, 28)
  if (position === count) {
    store<u32>(order, phase + 1, 24)
    store<u32>(order, 1, 32)
    if (phase === HEADS && count < 2) store<u32>(order, DONE, 24)
  }
  return budget - max(spent, 1)
}

/** Merges runs of `width` items, two and two, from `items` to `spare`. What is left of the budget. */
function mergeSome(order: usize, budget: u32): u32 {
  const items = usize(load<u32>(order, 4))
  const spare = usize(load<u32>(order, 8))
  const count = load<u32>(order, 12)
  const width = load<u32>(order, 32)
  const start = load<u32>(order, 28)
  const middle = min(count, start + width)
  const end = min(count, middle + width)
  let i = start + load<u32>(order, 36)
  let j = middle + load<u32>(order, 40)
  while (budget > 0 && (i < middle || j < end)) {
    const a = items + usize(i) * TAG_ORDER_ITEM
    const b = items + usize(j) * TAG_ORDER_ITEM
    const takesRight = j < end && (i === middle || isAfter(order, a, b))
    const target = spare + usize(i + j - middle) * TAG_ORDER_ITEM
    const source = takesRight ? b : a
    store<u64>(target, load<u64>(source))
    store<u64>(target, load<u64>(source, 8), 8)
    if (takesRight) j++
    else i++
    budget--
  }
  store<u32>(order, i - start, 36)
  store<u32>(order, j - middle, 40)
  if (i < middle || j < end) return budget
  store<u32>(order, 0, 36)
  store<u32>(order, 0, 40)
  store<u32>(order, end, 28)
  if (end < count) return budget
  // The whole level is done: what was spare holds the runs now.
  store<u32>(order, u32(spare), 4)
  store<u32>(order, u32(items), 8)
  store<u32>(order, 0, 28)
  store<u32>(order, width * 2, 32)
  if (width * 2 >= count) store<u32>(order, DONE, 24)
  return budget
}

/** Sets the items to the series u32[count] at `ids`, before the sort. */
export function tagOrderFill(items: usize, ids: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const item = items + usize(i) * TAG_ORDER_ITEM
    store<u64>(item, 0)
    store<u32>(item, load<u32>(ids + (usize(i) << 2)), 8)
    store<u32>(item, i, 12)
  }
}

/** Indexes of the series as they were given, in order: u32[count] at `target`, after the last step. */
export function tagOrderRead(order: usize, target: usize): void {
  const items = usize(load<u32>(order, 4))
  const count = load<u32>(order, 12)
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(target + (usize(i) << 2), load<u32>(items + usize(i) * TAG_ORDER_ITEM, 12))
  }
}
