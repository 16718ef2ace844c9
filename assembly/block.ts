// A column block: up to 1,024 rows of one field, encoded by type, with its BlockEntry (summary and
// checksum). Layout: what the encoding writes, then a bitmap of the rows that have a value if some
// but not all do. All null: no bytes. docs/format.md, "Blocks", has the byte tables.
// Decoders check the entry against its size first, so damaged bytes never lead outside the block.

import { packedSize } from './bits'
import { crc32c } from './checksum'
import * as entries from './entry'
import { TIME } from './entry'
import { areExceptionsOrdered, decodeFloats, encodeFloats, floatsSize } from './floats'
import { UNIT_TEN, decodeIntegers, fitIntegers, storeIntegers } from './integers'
import { BLOCK_ROWS, CORRUPT, ENTRY_SIZE, FLOAT, STRING, UNSIGNED } from './layout'
import { arePiecesOrdered, isUnaryComplete, lineRowsOf, lineSizeOf, openLine } from './pieces'
import {
  areStringsOrdered,
  decodeStrings,
  encodeStrings,
  stringsBound,
  stringsSize,
} from './strings'
import { summarize } from './summary'
import { gather, rankOf, scatter } from './rank'

/**
 * Percent of the rows that may have a value in a block whose other rows have no slot: reading such a
 * block takes 1.5 times as long, so it has to save a quarter.
 */
const DENSE_PERCENT_MAX = 75

/** Most bytes that encodeColumn writes for these rows. */
export function encodeColumnBound(type: i32, values: usize, valid: usize, n: i32): i32 {
  const fixed = packedSize(n, 64) + 10 * n + bitmapSize(n)
  if (type !== STRING) return fixed
  const strings = stringsBound(values, valid, n)
  return strings > i32.MAX_VALUE - fixed ? i32.MAX_VALUE : fixed + strings
}

/**
 * Encodes a chunk column (u64[n] slots, u8[n] valid; 1 ≤ n ≤ 1,024) and fills the entry but for its
 * offset. Returns bytes (0 is possible) or FULL if `capacity` is too small.
 */
export function encodeColumn(
  type: i32,
  values: usize,
  valid: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  memory.fill(entry, 0, usize(ENTRY_SIZE))
  const count = countValid(valid, n)
  store<u16>(entry, u16(n), entries.ENTRY_ROWS)
  store<u16>(entry, u16(count), entries.ENTRY_COUNT)
  if (count === 0) {
    store<u8>(entry, u8(entries.HAS_NULLS | entries.ALL_NULL), entries.ENTRY_FLAGS)
    return 0
  }
  const mask: usize = count === n ? 0 : valid
  if (mask !== 0) store<u8>(entry, u8(entries.HAS_NULLS), entries.ENTRY_FLAGS)
  const bitmap = mask !== 0 ? bitmapSize(n) : 0
  const body = encodeBody(type, values, mask, n, target, capacity - bitmap, entry)
  if (body < 0) return body
  if (mask !== 0) storeBitmap(valid, n, target + usize(body))
  const size = body + bitmap
  store<u32>(entry, u32(size), entries.ENTRY_BYTES)
  store<u32>(entry, crc32c(target, usize(size), 0), entries.ENTRY_CHECKSUM)
  return size
}

/** Rows with a value, one after the other, u64[1024]. */
const GATHERED: usize = memory.data(8192)

function encodeBody(
  type: i32,
  values: usize,
  mask: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  if (type !== STRING) summarize(type, values, mask, n, entry)
  const count = i32(load<u16>(entry, entries.ENTRY_COUNT))
  if (count * 100 > n * DENSE_PERCENT_MAX) {
    return encodeRows(type, values, mask, n, target, capacity, entry)
  }
  gather(values, mask, n, GATHERED)
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  store<u8>(entry, u8(flags | entries.IS_DENSE), entries.ENTRY_FLAGS)
  return encodeRows(type, GATHERED, 0, count, target, capacity, entry)
}

function encodeRows(
  type: i32,
  values: usize,
  mask: usize,
  n: i32,
  target: usize,
  capacity: i32,
  entry: usize,
): i32 {
  if (type === STRING) return encodeStrings(values, mask, n, target, capacity, entry)
  if (type === FLOAT) return encodeFloats(values, mask, n, target, capacity, entry)
  store<u8>(entry, u8(entries.ENCODING_LINE), entries.ENTRY_ENCODING)
  fitIntegers(values, mask, n, type === UNSIGNED, UNIT_TEN, 0, 0, entries.SUM_KINDS)
  return storeIntegers(target, capacity, entry)
}

function countValid(valid: usize, n: i32): i32 {
  let count = 0
  let i = 0
  for (; i + 16 <= n; i += 16) {
    const isNull = i8x16.eq(v128.load(valid + usize(i)), i8x16.splat(0))
    count += 16 - i32(popcnt(i8x16.bitmask(isNull)))
  }
  for (; i < n; i++) count += i32(load<u8>(valid + usize(i)) !== 0)
  return count
}

function bitmapSize(n: i32): i32 {
  return (n + 7) >> 3
}

function storeBitmap(valid: usize, n: i32, target: usize): void {
  memory.fill(target, 0, usize(bitmapSize(n)))
  for (let i = 0; i < n; i++) {
    const byte = target + usize(i >> 3)
    const bit = u32(load<u8>(valid + usize(i)) !== 0) << (i & 7)
    store<u8>(byte, u8(u32(load<u8>(byte)) | bit))
  }
}

/**
 * Decodes rows from … from + count into slots u64[count] and valid u8[count] (0 = do not want it).
 * Returns count, or CORRUPT with the targets in any state. String slots point into the block.
 */
export function decodeColumn(
  type: i32,
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): i32 {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  if (n > BLOCK_ROWS || from < 0 || count < 0 || from > n || count > n - from) return CORRUPT
  if (isAllNull(entry)) {
    memory.fill(values, 0, usize(count) << 3)
    if (valid !== 0) memory.fill(valid, 0, usize(count))
    return count
  }
  const body = bodySize(type, entry)
  if (body < 0) return CORRUPT
  if (count === 0) return 0
  if (isDense(entry)) return decodeDense(type, block, entry, body, from, count, values, valid)
  if (valid !== 0) loadBitmap(block + usize(body), entry, from, count, valid)
  if (type !== STRING) decodeNumbers(type, block, entry, from, count, values)
  else if (!decodeText(block, entry, body, from, count, values, valid)) return CORRUPT
  return count
}

function decodeNumbers(
  type: i32,
  block: usize,
  entry: usize,
  from: i32,
  count: i32,
  values: usize,
): void {
  if (type === FLOAT) decodeFloats(block, entry, from, count, values)
  else decodeIntegers(block, entry, from, count, values)
}

/** decodeColumn where only rows with a value have a slot: these are decoded and put in their places. */
function decodeDense(
  type: i32,
  block: usize,
  entry: usize,
  body: i32,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): i32 {
  const bitmap = block + usize(body)
  const mask = valid !== 0 ? valid : ROW_VALID
  loadBitmap(bitmap, entry, from, count, mask)
  // A damaged bitmap may have more bits than the line has rows.
  const rows = lineRowsOf(entry)
  const first = min(rows, rankOf(bitmap, from))
  const dense = min(rows, rankOf(bitmap, from + count)) - first
  if (dense > 0) {
    if (type !== STRING) decodeNumbers(type, block, entry, first, dense, GATHERED)
    else if (decodeStrings(block, entry, body, first, dense, GATHERED, 0) !== 0) return CORRUPT
  }
  scatter(GATHERED, dense, mask, count, values)
  return count
}

function isDense(entry: usize): bool {
  return (u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.IS_DENSE) !== 0
}

function decodeText(
  block: usize,
  entry: usize,
  body: i32,
  from: i32,
  count: i32,
  values: usize,
  valid: usize,
): bool {
  // Rows without a value carry a predicted code that may name no entry, so their bits are needed.
  const mask = valid !== 0 ? valid : ROW_VALID
  if (valid === 0) loadBitmap(block + usize(body), entry, from, count, mask)
  return decodeStrings(block, entry, body, from, count, values, mask) === 0
}

const ROW_VALID: usize = memory.data(1024)

function isAllNull(entry: usize): bool {
  return (u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.ALL_NULL) !== 0
}

/** Bytes before the bitmap, or CORRUPT if type, encoding and size do not agree. */
export function bodySize(type: i32, entry: usize): i32 {
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const size = load<u32>(entry, entries.ENTRY_BYTES)
  const hasNulls = (flags & entries.HAS_NULLS) !== 0
  let least = -1
  if (type === STRING) {
    least = stringsSize(entry)
  } else if (type === FLOAT) {
    const isFloat = encoding === entries.ENCODING_DECIMAL || encoding === entries.ENCODING_FLOAT
    if (isFloat) least = floatsSize(entry)
  } else if (encoding === entries.ENCODING_LINE) {
    least = lineSizeOf(entry)
  }
  if (least < 0 || size > u32(i32.MAX_VALUE)) return CORRUPT
  if ((flags & entries.IS_DENSE) !== 0 && !hasNulls) return CORRUPT
  const body = i32(size) - (hasNulls ? bitmapSize(n) : 0)
  return body === least || (type === STRING && body > least) ? body : CORRUPT
}

function loadBitmap(bitmap: usize, entry: usize, from: i32, count: i32, valid: usize): void {
  if ((u32(load<u8>(entry, entries.ENTRY_FLAGS)) & entries.HAS_NULLS) === 0) {
    memory.fill(valid, 1, usize(count))
    return
  }
  for (let i = 0; i < count; i++) {
    const row = from + i
    const byte = u32(load<u8>(bitmap + usize(row >> 3)))
    store<u8>(valid + usize(i), u8((byte >> (row & 7)) & 1))
  }
}

/**
 * Checks a block once, on its way into the cache: checksum, sizes, order of pieces, exceptions and
 * dictionary, count. `type` is a field type or TIME. 0, or CORRUPT.
 */
export function checkBlock(type: i32, block: usize, entry: usize): i32 {
  const n = i32(load<u16>(entry, entries.ENTRY_ROWS))
  const count = i32(load<u16>(entry, entries.ENTRY_COUNT))
  const size = load<u32>(entry, entries.ENTRY_BYTES)
  if (n < 1 || n > BLOCK_ROWS) return CORRUPT
  if (isAllNull(entry)) return size === 0 && count === 0 && type !== TIME ? 0 : CORRUPT
  const body = bodySize(type, entry)
  if (body < 0) return CORRUPT
  if (crc32c(block, usize(size), 0) !== load<u32>(entry, entries.ENTRY_CHECKSUM)) return CORRUPT
  const hasNulls = u32(body) < size
  if ((hasNulls ? countBits(block + usize(body), n) : n) !== count) return CORRUPT
  openLine(block, entry)
  if (!arePiecesOrdered() || !isUnaryComplete()) return CORRUPT
  if (type === FLOAT && !areExceptionsOrdered(block, entry)) return CORRUPT
  if (type === STRING && !areStringsOrdered(block, entry, body)) return CORRUPT
  return 0
}

/** Rows that have a value; -1 if a bit beyond the last row is set. */
function countBits(bitmap: usize, n: i32): i32 {
  let count = 0
  for (let i = 0; i < bitmapSize(n); i++) count += i32(popcnt(u32(load<u8>(bitmap + usize(i)))))
  const used = n & 7
  const last = u32(load<u8>(bitmap + usize(bitmapSize(n) - 1)))
  return used !== 0 && last >> used !== 0 ? -1 : count
}
