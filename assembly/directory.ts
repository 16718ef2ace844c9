// Directory pages: the BlockEntries of up to 64 blocks of one column, varint-coded to some 20 bytes
// each. What can be derived is not stored: offsets follow each other, all blocks but the last have
// the same rows, summaries are distances from the base. Decoded into 96-byte entries in the cache.
// docs/format.md, "Directory pages", has the byte table. The page's checksum lies in the footer.

import * as entries from './entry'
import { TIME } from './entry'
import { EXPONENT_MAX, isDecimal, mantissaOf, powerOfTen } from './floats'
import { BLOCK_ROWS, CORRUPT, ENTRY_SIZE, FLOAT, FULL, STRING } from './layout'
import { unitOf } from './pieces'
import { UNARY_SIZE_MAX } from './unary'
import { readVarint, unzigzag, varintValue, writeVarint, writeZigzag } from './varint'

/** No entry takes more bytes than this on disk. */
const ENTRY_DISK_MAX = 160
const PAGE_HEADER_MAX = 24

/** Most bytes of a page of `n` entries. */
export function encodePageBound(n: i32): i32 {
  return PAGE_HEADER_MAX + n * ENTRY_DISK_MAX
}

/**
 * Encodes `n` ≥ 1 entries of blocks that follow each other in the file and all have the rows of the
 * first, but the last. `type` is a field type or TIME. Bytes, or FULL unless `capacity` is at least
 * encodePageBound(n).
 */
export function encodePage(type: i32, source: usize, n: i32, target: usize, capacity: i32): i32 {
  if (capacity < encodePageBound(n)) return FULL
  const last = source + usize(n - 1) * usize(ENTRY_SIZE)
  let at = target
  store<u8>(at++, u8(type))
  at = writeVarint(at, u64(n))
  at = writeVarint(at, u64(load<u16>(source, entries.ENTRY_ROWS)))
  at = writeVarint(at, u64(load<u16>(last, entries.ENTRY_ROWS)))
  at = writeVarint(at, u64(load<u32>(source, entries.ENTRY_OFFSET)))
  let base: i64 = 0
  for (let entry = source; entry <= last; entry += usize(ENTRY_SIZE)) {
    at = writeEntry(type, entry, base, at)
    base = load<i64>(entry, entries.ENTRY_BASE)
  }
  return i32(at - target)
}

function writeEntry(type: i32, entry: usize, previousBase: i64, at: usize): usize {
  const encoding = u32(load<u8>(entry, entries.ENTRY_ENCODING))
  const flags = u32(load<u8>(entry, entries.ENTRY_FLAGS))
  const slope = load<i64>(entry, entries.ENTRY_SLOPE)
  const pieces = load<u16>(entry, entries.ENTRY_PIECES)
  const size = load<u32>(entry, entries.ENTRY_BYTES)
  store<u8>(at, u8(encoding))
  store<u8>(at, u8(flags), 1)
  at += 2
  if ((flags & entries.ALL_NULL) !== 0) return at
  at = writeVarint(at, u64(size))
  if (size > 0) {
    store<u32>(at, load<u32>(entry, entries.ENTRY_CHECKSUM))
    at += 4
  }
  if ((flags & entries.HAS_NULLS) !== 0) {
    at = writeVarint(at, u64(load<u16>(entry, entries.ENTRY_COUNT)))
  }
  store<u8>(at, load<u8>(entry, entries.ENTRY_WIDTH))
  store<u8>(at, load<u8>(entry, entries.ENTRY_EXPONENT), 1)
  at = writeZigzag(at + 2, load<i64>(entry, entries.ENTRY_BASE) - previousBase)
  at = writeZigzag(at, slope)
  if (slope !== 0) store<u8>(at++, load<u8>(entry, entries.ENTRY_SHIFT))
  at = writeVarint(at, u64(pieces))
  if (pieces > 1 || (flags & entries.IS_SUM) !== 0) {
    store<u8>(at++, load<u8>(entry, entries.ENTRY_OFFSET_BYTES))
  }
  if ((flags & entries.SUM_KINDS) !== 0) {
    at = writeVarint(at, u64(load<u16>(entry, entries.ENTRY_UNARY_SIZE)))
  }
  if (encoding !== entries.ENCODING_LINE) {
    at = writeVarint(at, u64(load<u16>(entry, entries.ENTRY_EXCEPTIONS)))
  }
  if (encoding === entries.ENCODING_DICTIONARY) {
    store<u8>(at++, load<u8>(entry, entries.ENTRY_END_BYTES))
  }
  if (type === TIME) at = writeVarint(at, u64(load<u16>(entry, entries.ENTRY_EPSILON)))
  if ((flags & entries.HAS_SUMMARY) === 0) return at
  return type === FLOAT ? writeFloatSummary(entry, at) : writeIntegerSummary(type, entry, at)
}

function writeIntegerSummary(type: i32, entry: usize, at: usize): usize {
  const low = load<i64>(entry, entries.ENTRY_MIN)
  // All differences in the block are multiples of its unit.
  const unit = u64(unitOf(entry))
  at = writeZigzag(at, low - load<i64>(entry, entries.ENTRY_BASE))
  at = writeVarint(at, u64(load<i64>(entry, entries.ENTRY_MAX) - low) / unit)
  at = writeVarint(at, u64(load<i64>(entry, entries.ENTRY_FIRST) - low) / unit)
  at = writeVarint(at, u64(load<i64>(entry, entries.ENTRY_LAST) - low) / unit)
  if (type === TIME) return at
  // The sum over count · min, in 128 bits that wrap: small, and the reader adds the same product.
  multiply(low, u64(load<u16>(entry, entries.ENTRY_COUNT)))
  const sum = load<u64>(entry, entries.ENTRY_SUM)
  const high = load<i64>(entry, entries.ENTRY_SUM_HIGH) - productHigh - i64(sum < productLow)
  at = writeVarint(at, sum - productLow)
  return writeZigzag(at, high)
}

let productLow: u64 = 0
let productHigh: i64 = 0

/** value · count as 128 bits; count ≤ 1,024. */
function multiply(value: i64, count: u64): void {
  const low = u64(u32(value)) * count
  const middle = u64(u32(u64(value) >> 32)) * count + (low >> 32)
  productLow = (middle << 32) | u64(u32(low))
  productHigh = i64(middle >> 32) + (value >> 63) * i64(count)
}

/** Float slots in the order of their bits in the mask. */
function floatSlot(k: i32): usize {
  if (k === 0) return entries.ENTRY_MIN
  if (k === 1) return entries.ENTRY_MAX
  if (k === 2) return entries.ENTRY_SUM
  return k === 3 ? entries.ENTRY_FIRST : entries.ENTRY_LAST
}

function writeFloatSummary(entry: usize, at: usize): usize {
  const isDecimalBlock = u32(load<u8>(entry, entries.ENTRY_ENCODING)) === entries.ENCODING_DECIMAL
  const exponent = i32(load<u8>(entry, entries.ENTRY_EXPONENT))
  const base = load<i64>(entry, entries.ENTRY_BASE)
  const maskAt = at++
  let mask: u32 = 0
  for (let k = 0; k < 5; k++) {
    const value = load<f64>(entry + floatSlot(k))
    if (isDecimalBlock && isDecimal(value, exponent)) {
      at = writeZigzag(at, mantissaOf(value, exponent) - (k === 2 ? 0 : base))
    } else {
      mask |= 1 << k
      store<f64>(at, value)
      at += 8
    }
  }
  store<u8>(maskAt, u8(mask))
  return at
}

/** Where the reader is, 0 after the first byte that cannot be; and where it must stop. */
let cursor: usize = 0
let limit: usize = 0

/**
 * Decodes a page of `size` bytes into at most `capacity` entries: how many, FULL, or CORRUPT.
 * Never reads outside the page nor writes outside the entries.
 */
export function decodePage(type: i32, page: usize, size: i32, target: usize, capacity: i32): i32 {
  cursor = page
  limit = page + usize(size)
  if (readByte() !== u32(type)) return CORRUPT
  const n = readNumber()
  const rows = readNumber()
  const lastRows = readNumber()
  let offset = readNumber()
  if (cursor === 0 || n < 1 || n > u64(size) || !areRows(rows) || !areRows(lastRows)) return CORRUPT
  if (n > u64(capacity)) return FULL
  let base: i64 = 0
  for (let i: u64 = 0; i < n; i++) {
    const entry = target + usize(i) * usize(ENTRY_SIZE)
    memory.fill(entry, 0, usize(ENTRY_SIZE))
    store<u16>(entry, u16(i + 1 === n ? lastRows : rows), entries.ENTRY_ROWS)
    store<u32>(entry, u32(offset), entries.ENTRY_OFFSET)
    if (!readEntry(type, entry, base)) return CORRUPT
    offset += u64(load<u32>(entry, entries.ENTRY_BYTES))
    base = load<i64>(entry, entries.ENTRY_BASE)
    if (offset > u64(u32.MAX_VALUE)) return CORRUPT
  }
  return cursor === limit ? i32(n) : CORRUPT
}

function areRows(rows: u64): bool {
  return rows >= 1 && rows <= u64(BLOCK_ROWS)
}

function readByte(): u32 {
  if (cursor === 0 || cursor >= limit) {
    cursor = 0
    return 0
  }
  return u32(load<u8>(cursor++))
}

function readNumber(): u64 {
  if (cursor === 0) return 0
  cursor = readVarint(cursor, limit)
  return cursor === 0 ? 0 : varintValue
}

function readSigned(): i64 {
  return unzigzag(readNumber())
}

function readFixed(bytes: usize): u64 {
  if (cursor === 0 || bytes > limit - cursor) {
    cursor = 0
    return 0
  }
  cursor += bytes
  return bytes === 4 ? u64(load<u32>(cursor - 4)) : load<u64>(cursor - 8)
}

function readEntry(type: i32, entry: usize, previousBase: i64): bool {
  const encoding = readByte()
  const flags = readByte()
  store<u8>(entry, u8(encoding), entries.ENTRY_ENCODING)
  store<u8>(entry, u8(flags), entries.ENTRY_FLAGS)
  if (cursor === 0 || encoding > entries.ENCODING_PLAIN) return false
  if ((flags & entries.ALL_NULL) !== 0) return type !== TIME
  const size = readNumber()
  if (size > u64(u32.MAX_VALUE)) return false
  store<u32>(entry, u32(size), entries.ENTRY_BYTES)
  if (size > 0) store<u32>(entry, u32(readFixed(4)), entries.ENTRY_CHECKSUM)
  const rows = u64(load<u16>(entry, entries.ENTRY_ROWS))
  const count = (flags & entries.HAS_NULLS) !== 0 ? readNumber() : rows
  store<u16>(entry, u16(count), entries.ENTRY_COUNT)
  store<u8>(entry, u8(readByte()), entries.ENTRY_WIDTH)
  store<u8>(entry, u8(readByte()), entries.ENTRY_EXPONENT)
  store<i64>(entry, readSigned() + previousBase, entries.ENTRY_BASE)
  store<i64>(entry, readSigned(), entries.ENTRY_SLOPE)
  if (load<i64>(entry, entries.ENTRY_SLOPE) !== 0) {
    store<u8>(entry, u8(readByte()), entries.ENTRY_SHIFT)
  }
  const pieces = readNumber()
  store<u16>(entry, u16(pieces), entries.ENTRY_PIECES)
  if (pieces > 1 || (flags & entries.IS_SUM) !== 0) {
    store<u8>(entry, u8(readByte()), entries.ENTRY_OFFSET_BYTES)
  }
  const unary = (flags & entries.SUM_KINDS) !== 0 ? readNumber() : 0
  store<u16>(entry, u16(unary), entries.ENTRY_UNARY_SIZE)
  const exceptions = encoding !== entries.ENCODING_LINE ? readNumber() : 0
  store<u16>(entry, u16(exceptions), entries.ENTRY_EXCEPTIONS)
  if (encoding === entries.ENCODING_DICTIONARY) {
    store<u8>(entry, u8(readByte()), entries.ENTRY_END_BYTES)
  }
  const epsilon = type === TIME ? readNumber() : 0
  store<u16>(entry, u16(epsilon), entries.ENTRY_EPSILON)
  if (count < 1 || count > rows || pieces > rows || exceptions > rows) return false
  if (unary > u64(UNARY_SIZE_MAX)) return false
  if (epsilon > u64(BLOCK_ROWS) || cursor === 0) return false
  if ((flags & entries.HAS_SUMMARY) === 0) return type === STRING
  return type === FLOAT ? readFloatSummary(entry) : readIntegerSummary(type, entry)
}

function readIntegerSummary(type: i32, entry: usize): bool {
  const low = readSigned() + load<i64>(entry, entries.ENTRY_BASE)
  const unit = unitOf(entry)
  store<i64>(entry, low, entries.ENTRY_MIN)
  store<i64>(entry, low + unit * i64(readNumber()), entries.ENTRY_MAX)
  store<i64>(entry, low + unit * i64(readNumber()), entries.ENTRY_FIRST)
  store<i64>(entry, low + unit * i64(readNumber()), entries.ENTRY_LAST)
  if (type === TIME) return cursor !== 0
  multiply(low, u64(load<u16>(entry, entries.ENTRY_COUNT)))
  const sum = productLow + readNumber()
  store<u64>(entry, sum, entries.ENTRY_SUM)
  store<i64>(entry, readSigned() + productHigh + i64(sum < productLow), entries.ENTRY_SUM_HIGH)
  return cursor !== 0
}

function readFloatSummary(entry: usize): bool {
  const exponent = i32(load<u8>(entry, entries.ENTRY_EXPONENT))
  const base = load<i64>(entry, entries.ENTRY_BASE)
  const mask = readByte()
  if (exponent > EXPONENT_MAX && mask !== 31) return false
  for (let k = 0; k < 5; k++) {
    let bits: u64 = 0
    if (((mask >> k) & 1) !== 0) {
      bits = readFixed(8)
    } else {
      const mantissa = readSigned() + (k === 2 ? 0 : base)
      bits = reinterpret<u64>(f64(mantissa) / powerOfTen(exponent))
    }
    store<u64>(entry + floatSlot(k), bits)
  }
  return cursor !== 0 && mask < 32
}

/**
 * First of the time blocks [from, to) whose max is ≥ `time`, else `to`. All their rows belong to one
 * series, so that maxima ascend; a line through first and last guesses, doubling steps correct it.
 */
export function blockLowerBound(source: usize, from: i32, to: i32, time: i64): i32 {
  if (from >= to || maxOf(source, to - 1) < time) return to
  if (maxOf(source, from) >= time) return from
  // Now the answer lies in (low, high].
  let low = from
  let high = to - 1
  const first = maxOf(source, low)
  const share = f64(u64(time - first)) / f64(u64(maxOf(source, high) - first))
  const guess = low + i32(min(1.0, share) * f64(high - low))
  // Mostly the line hits: one entry is looked at, the one that its caller goes on with.
  if (guess > low && minOf(source, guess) <= time && maxOf(source, guess) >= time) return guess
  for (let step = 1, at = max(low, guess - 1); at > low; step <<= 1) {
    if (maxOf(source, at) < time) {
      low = at
      break
    }
    high = at
    at = max(low, at - step)
  }
  for (let step = 1, at = min(high, max(low + 1, guess + 1)); at < high; step <<= 1) {
    if (maxOf(source, at) >= time) {
      high = at
      break
    }
    low = at
    at = min(high, at + step)
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (maxOf(source, middle) < time) low = middle
    else high = middle
  }
  return high
}

function minOf(source: usize, index: i32): i64 {
  return load<i64>(source + usize(index) * usize(ENTRY_SIZE), entries.ENTRY_MIN)
}

function maxOf(source: usize, index: i32): i64 {
  return load<i64>(source + usize(index) * usize(ENTRY_SIZE), entries.ENTRY_MAX)
}

/**
 * Rows of u32[n] series ids at which a series starts, as u16 at `starts`: how many; CORRUPT unless
 * (series, time) strictly ascends, also from the row before (`previous` -1 = there is none).
 */
export function seriesStarts(
  series: usize,
  times: usize,
  n: i32,
  previous: i64,
  previousTime: i64,
  starts: usize,
): i32 {
  let count = 0
  for (let i = 0; i < n; i++) {
    const id = i64(load<u32>(series + (usize(i) << 2)))
    const time = load<i64>(times + (usize(i) << 3))
    if (id < previous || (id === previous && time <= previousTime)) return CORRUPT
    if (id !== previous) store<u16>(starts + (usize(count++) << 1), u16(i))
    previous = id
    previousTime = time
  }
  return count
}
