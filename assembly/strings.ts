// Strings of a block, in one of two forms; any bytes at all (NUL, empty, a megabyte) are fine.
// dictionary: the distinct values, sorted by bytes, and for each row the number of its entry through
//   the integer codec, so equality and order are decided on small integers. After the line: end of each
//   entry u16 or u32, counted from the first byte; then the bytes.
// plain, where nearly every row has another value: the integer codec has the end of each row's bytes,
//   counted from the first byte; after the line, the bytes, row after row.

import { packedSize } from './bits'
import * as entries from './entry'
import { UNIT_NONE, decodeIntegers, fitIntegers, storeIntegers } from './integers'
import { CORRUPT, FULL } from './layout'
import { lineRowsOf, lineSizeOf } from './pieces'

/** A row's dictionary entry, i64[1024]. */
const CODES: usize = memory.data(8192)
/** Open addressing by hash: distinct value + 1, u16[2048]. */
const SLOTS: usize = memory.data(4096)
const SLOT_MASK: u32 = 2047
/** Slots of the distinct values in the order met, u64[1024]; then their order and rank, u16. */
const DISTINCT: usize = memory.data(8192)
const ORDER: usize = memory.data(2048)
const MERGED: usize = memory.data(2048)
const RANK: usize = memory.data(2048)

let distinctCount: u32 = 0

/** Bytes that the dictionary of slots u64[n] takes at most; more than i32 holds is i32.MAX_VALUE. */
export function stringsBound(values: usize, valid: usize, n: i32): i32 {
  let bytes: u64 = u64(n) << 2
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    bytes += u64(load<u32>(values + (usize(i) << 3), 4))
  }
  return i32(min<u64>(bytes, u64(i32.MAX_VALUE)))
}

/** Encodes line and dictionary of string slots u64[n] and their part of the entry: bytes or FULL. */
export function encodeStrings(
  values: usize,
  valid: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  collect(values, valid, n)
  if (isPlainSmaller(values, valid, n)) {
    return encodePlain(values, valid, n, target, capacity, entry)
  }
  sort()
  for (let i = 0; i < n; i++) {
    const code = CODES + (usize(i) << 3)
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    store<i64>(code, i64(load<u16>(RANK + (usize(load<i64>(code)) << 1))))
  }
  const lineSize = fitIntegers(CODES, valid, n, false, UNIT_NONE, 0, 0, 0)
  const bytes = dictionaryBytes()
  const endBytes = bytes < 65536 ? 2 : 4
  const size = u64(lineSize) + u64(distinctCount) * u64(endBytes) + bytes
  if (capacity < 0 || size > u64(capacity)) return FULL
  storeIntegers(target, capacity, entry)
  store<u8>(entry, u8(entries.ENCODING_DICTIONARY), entries.ENTRY_ENCODING)
  store<u16>(entry, u16(distinctCount), entries.ENTRY_EXCEPTIONS)
  store<u8>(entry, u8(endBytes), entries.ENTRY_END_BYTES)
  storeDictionary(target + usize(lineSize), endBytes)
  return i32(size)
}

/** Where each row's bytes end, i64[1025]: one row more for the decoder. */
const ENDS: usize = memory.data(8200)
/** Fewer distinct values than this percent of the rows are never plain. */
const DISTINCT_PERCENT_MIN = 25

/** Bytes of the plain form that isPlainSmaller fitted. */
let plainSize: u64 = 0

/** Fills ENDS and fits them where many values are met once; true if plain strings take fewer bytes. */
function isPlainSmaller(values: usize, valid: usize, n: i32): bool {
  if (i32(distinctCount) * 100 < n * DISTINCT_PERCENT_MIN) return false
  let end: i64 = 0
  for (let i = 0; i < n; i++) {
    const isFree = valid !== 0 && load<u8>(valid + usize(i)) === 0
    if (!isFree) end += i64(load<u32>(values + (usize(i) << 3), 4))
    store<i64>(ENDS + (usize(i) << 3), end)
  }
  const bytes = dictionaryBytes()
  const codes = packedSize(n, 32 - i32(clz(distinctCount - 1)))
  const dictionary = bytes + u64(distinctCount) * (bytes < 65536 ? 2 : 4) + u64(codes)
  plainSize = u64(end) + u64(fitIntegers(ENDS, 0, n, false, UNIT_NONE, 0, 0, entries.IS_RISING))
  return plainSize < dictionary
}

/** Writes what isPlainSmaller fitted. */
function encodePlain(
  values: usize,
  valid: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  if (capacity < 0 || plainSize > u64(capacity)) return FULL
  let text = target + usize(storeIntegers(target, capacity, entry))
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const slot = values + (usize(i) << 3)
    const length = usize(load<u32>(slot, 4))
    memory.copy(text, usize(load<u32>(slot)), length)
    text += length
  }
  store<u8>(entry, u8(entries.ENCODING_PLAIN), entries.ENTRY_ENCODING)
  return i32(plainSize)
}

function dictionaryBytes(): u64 {
  let bytes: u64 = 0
  for (let k: u32 = 0; k < distinctCount; k++) bytes += u64(lengthOf(k))
  return bytes
}

function storeDictionary(target: usize, endBytes: i32): void {
  let text = target + usize(distinctCount) * usize(endBytes)
  const start = text
  for (let rank: u32 = 0; rank < distinctCount; rank++) {
    const k = u32(load<u16>(ORDER + (usize(rank) << 1)))
    memory.copy(text, pointerOf(k), usize(lengthOf(k)))
    text += usize(lengthOf(k))
    if (endBytes === 2) store<u16>(target + (usize(rank) << 1), u16(text - start))
    else store<u32>(target + (usize(rank) << 2), u32(text - start))
  }
}

function pointerOf(k: u32): usize {
  return usize(load<u32>(DISTINCT + (usize(k) << 3)))
}

function lengthOf(k: u32): u32 {
  return load<u32>(DISTINCT + (usize(k) << 3), 4)
}

/** Gives every row the number of its distinct value, in the order met. */
function collect(values: usize, valid: usize, n: i32): void {
  memory.fill(SLOTS, 0, 4096)
  distinctCount = 0
  for (let i = 0; i < n; i++) {
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) continue
    const slot = load<u64>(values + (usize(i) << 3))
    store<i64>(CODES + (usize(i) << 3), i64(distinctOf(slot)))
  }
}

function distinctOf(slot: u64): u32 {
  const pointer = usize(u32(slot))
  const length = u32(slot >> 32)
  let index = hashOf(pointer, length) & SLOT_MASK
  while (true) {
    const at = SLOTS + (usize(index) << 1)
    const found = u32(load<u16>(at))
    if (found === 0) {
      store<u64>(DISTINCT + (usize(distinctCount) << 3), slot)
      store<u16>(at, u16(++distinctCount))
      return distinctCount - 1
    }
    if (
      lengthOf(found - 1) === length &&
      memory.compare(pointerOf(found - 1), pointer, usize(length)) === 0
    ) {
      return found - 1
    }
    index = (index + 1) & SLOT_MASK
  }
}

/** Ends and length decide: the hash only spreads, it is not stored. */
function hashOf(pointer: usize, length: u32): u32 {
  let hash = u64(length) * 0x9e3779b97f4a7c15
  const end = pointer + usize(length)
  const step: usize = length > 256 ? usize(length >> 5) : 8
  for (let at = pointer; at + 8 <= end; at += step) {
    hash = rotl(hash ^ load<u64>(at), 29) * 0xbf58476d1ce4e5b9
  }
  for (let at = max(pointer, end - min(usize(length), 8)); at < end; at++) {
    hash = (hash ^ u64(load<u8>(at))) * 0x100000001b3
  }
  return u32(hash >> 40) ^ u32(hash)
}

function isBefore(a: u32, b: u32): bool {
  const shared = min(lengthOf(a), lengthOf(b))
  const order = memory.compare(pointerOf(a), pointerOf(b), usize(shared))
  return order !== 0 ? order < 0 : lengthOf(a) < lengthOf(b)
}

/** Bottom-up merge sort of the distinct values; ORDER and RANK are the results. */
function sort(): void {
  for (let k: u32 = 0; k < distinctCount; k++) store<u16>(ORDER + (usize(k) << 1), u16(k))
  for (let run: u32 = 1; run < distinctCount; run <<= 1) {
    for (let start: u32 = 0; start < distinctCount; start += run << 1) {
      mergeRuns(start, min(start + run, distinctCount), min(start + (run << 1), distinctCount))
    }
    memory.copy(ORDER, MERGED, usize(distinctCount) << 1)
  }
  for (let rank: u32 = 0; rank < distinctCount; rank++) {
    store<u16>(RANK + (usize(load<u16>(ORDER + (usize(rank) << 1))) << 1), u16(rank))
  }
}

function mergeRuns(start: u32, middle: u32, end: u32): void {
  let left = start
  let right = middle
  for (let at = start; at < end; at++) {
    const a = u32(load<u16>(ORDER + (usize(left) << 1)))
    const b = u32(load<u16>(ORDER + (usize(right) << 1)))
    const takesRight = left >= middle || (right < end && isBefore(b, a))
    store<u16>(MERGED + (usize(at) << 1), u16(takesRight ? b : a))
    if (takesRight) right++
    else left++
  }
}

function isPlain(entry: usize): bool {
  return u32(load<u8>(entry, entries.ENTRY_ENCODING)) === entries.ENCODING_PLAIN
}

/** Bytes before the text; or CORRUPT. */
export function stringsSize(entry: usize): i32 {
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  const lineSize = lineSizeOf(entry)
  const count = i32(load<u16>(entry, entries.ENTRY_EXCEPTIONS))
  const endBytes = i32(load<u8>(entry, entries.ENTRY_END_BYTES))
  if (encoding === entries.ENCODING_PLAIN) return count === 0 && endBytes === 0 ? lineSize : CORRUPT
  if (encoding !== entries.ENCODING_DICTIONARY) return CORRUPT
  if (lineSize < 0 || count < 1 || count > lineRowsOf(entry)) return CORRUPT
  if (endBytes !== 2 && endBytes !== 4) return CORRUPT
  return lineSize + count * endBytes
}

/** decodeStrings of plain ones, whose text of `room` bytes is at `text`. */
function decodePlain(
  block: usize,
  entry: usize,
  text: usize,
  room: u32,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): i32 {
  const hasBefore = i32(from > 0)
  decodeIntegers(block, entry, from - hasBefore, count + hasBefore, ENDS)
  let start: u64 = hasBefore !== 0 ? load<u64>(ENDS) : 0
  const ends = ENDS + (usize(hasBefore) << 3)
  for (let i = 0; i < count; i++) {
    const slot = values + (usize(i) << 3)
    const end = load<u64>(ends + (usize(i) << 3))
    if (start > end || end > u64(room)) return CORRUPT
    const isNull = valid !== 0 && load<u8>(valid + usize(i)) === 0
    store<u32>(slot, isNull ? 0 : u32(text) + u32(start))
    store<u32>(slot, isNull ? 0 : u32(end - start), 4)
    start = end
  }
  return 0
}

/**
 * String slots of rows from … from + count, pointing into the block, whose line and dictionary are
 * `size` bytes: 0, or CORRUPT for a row without an entry. `valid` u8[count] of these rows or 0.
 */
export function decodeStrings(
  block: usize,
  entry: usize,
  size: i32,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): i32 {
  const fixed = stringsSize(entry)
  const text = block + usize(fixed)
  const room = u32(size - fixed)
  if (isPlain(entry)) return decodePlain(block, entry, text, room, from, count, values, valid)
  decodeIntegers(block, entry, from, count, values)
  for (let i = 0; i < count; i++) {
    const slot = values + (usize(i) << 3)
    if (valid !== 0 && load<u8>(valid + usize(i)) === 0) {
      store<u64>(slot, 0)
      continue
    }
    const code = load<u64>(slot)
    if (code >= u64(load<u16>(entry, entries.ENTRY_EXCEPTIONS))) return CORRUPT
    const start: u32 = code === 0 ? 0 : dictionaryEnd(block, entry, u32(code) - 1)
    const end = dictionaryEnd(block, entry, u32(code))
    if (start > end || end > room) return CORRUPT
    store<u32>(slot, u32(text) + start)
    store<u32>(slot, end - start, 4)
  }
  return 0
}

function dictionaryEnd(block: usize, entry: usize, rank: u32): u32 {
  const ends = block + usize(lineSizeOf(entry))
  if (load<u8>(entry, entries.ENTRY_END_BYTES) === 2)
    return u32(load<u16>(ends + (usize(rank) << 1)))
  return load<u32>(ends + (usize(rank) << 2))
}

/** True if the ends ascend and the last one is the end of the `size` bytes of line and text. */
export function areStringsOrdered(block: usize, entry: usize, size: i32): bool {
  if (isPlain(entry)) return arePlainOrdered(block, entry, size)
  const count = u32(load<u16>(entry, entries.ENTRY_EXCEPTIONS))
  let previous: u32 = 0
  for (let rank: u32 = 0; rank < count; rank++) {
    const end = dictionaryEnd(block, entry, rank)
    if (end < previous) return false
    previous = end
  }
  return previous === u32(size - stringsSize(entry))
}

function arePlainOrdered(block: usize, entry: usize, size: i32): bool {
  const n = lineRowsOf(entry)
  decodeIntegers(block, entry, 0, n, ENDS)
  let previous: u64 = 0
  for (let i = 0; i < n; i++) {
    const end = load<u64>(ENDS + (usize(i) << 3))
    if (end < previous) return false
    previous = end
  }
  return previous === u64(size - lineSizeOf(entry))
}
