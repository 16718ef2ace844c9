// Snappy's block format (google/snappy, format_description.txt): a varint of the inflated size, then
// literals and copies of what came before. The size is known before anything is inflated, and no element
// writes past it; a copy that overlaps itself repeats a pattern.
//
// SnappyCursor (u32): 0 source  4 its end  8 target  12 its start  16 its end
// Source and target have SNAPPY_SLACK more bytes that may be touched.

import { CORRUPT } from './layout'
import { readVarint, varintValue } from './varint'

export const SNAPPY_CURSOR_SIZE: i32 = 20
export const SNAPPY_SLACK: i32 = 32

/** Bytes of one element are at most 64 for 3: whoever says more lies. */
const INFLATION_MAX: u64 = 22

/** The inflated size that a block declares, or CORRUPT if the block could not have it. */
export function snappySize(source: usize, length: u32): i32 {
  const p = readVarint(source, source + usize(length))
  if (p === 0 || varintValue > 0x7fffffff) return CORRUPT
  return varintValue > u64(length) * INFLATION_MAX ? CORRUPT : i32(varintValue)
}

/** Makes the cursor that inflates a block to `target`, which has room for what it declares. */
export function snappyBegin(cursor: usize, source: usize, length: u32, target: usize): void {
  const p = readVarint(source, source + usize(length))
  store<u32>(cursor, u32(p))
  store<u32>(cursor, u32(source) + length, 4)
  store<u32>(cursor, u32(target), 8)
  store<u32>(cursor, u32(target), 12)
  store<u32>(cursor, u32(target) + u32(varintValue), 16)
}

/** Copies `length` bytes from `offset` before q; where they overlap, a pattern. May write 16 more. */
function copyBack(q: usize, offset: usize, length: usize): void {
  const end = q + length
  if (offset >= 16) {
    for (; q < end; q += 16) v128.store(q, v128.load(q - offset))
  } else {
    for (; q < end; q++) store<u8>(q, load<u8>(q - offset))
  }
}

/** Copies a literal. May read and write 16 more bytes. */
function copyLiteral(p: usize, q: usize, length: usize): void {
  if (length > 64) {
    memory.copy(q, p, length)
    return
  }
  const end = q + length
  for (; q < end; q += 16, p += 16) v128.store(q, v128.load(p))
}

/** Little-endian number of `size` bytes, 1 to 4. */
function numberAt(p: usize, size: u32): u32 {
  return load<u32>(p) & (0xffffffff >> (32 - (size << 3)))
}

/**
 * Inflates some `budget` bytes more: 1 if there are more, 0 when the block is whole, CORRUPT if it is
 * none.
 */
export function snappyInflate(cursor: usize, budget: u32): i32 {
  let p = usize(load<u32>(cursor))
  const end = usize(load<u32>(cursor, 4))
  let q = usize(load<u32>(cursor, 8))
  const start = usize(load<u32>(cursor, 12))
  const limit = usize(load<u32>(cursor, 16))
  // At the limit there may be no more elements, which is for the next call to see.
  const pause = q + usize(budget) < limit ? q + usize(budget) : limit + 1
  while (p < end && q < pause) {
    const tag = u32(load<u8>(p++))
    const kind = tag & 3
    // Bytes behind the tag: of a long literal its length, of a copy its offset.
    const longer = tag >> 2 > 59 ? (tag >> 2) - 59 : 0
    const size = kind === 0 ? longer : kind === 3 ? 4 : kind
    if (usize(size) > end - p) return CORRUPT
    const number = size === 0 ? 0 : numberAt(p, size)
    p += usize(size)
    let length = usize((tag >> 2) + 1)
    if (kind === 0) {
      if (longer !== 0) length = usize(number) + 1
      // The number may be 2^32 − 1.
      if (length === 0 || length > end - p || length > limit - q) return CORRUPT
      copyLiteral(p, q, length)
      p += length
    } else {
      let offset = usize(number)
      if (kind === 1) {
        length = usize(((tag >> 2) & 7) + 4)
        offset |= usize(tag >> 5) << 8
      }
      if (offset === 0 || offset > q - start || length > limit - q) return CORRUPT
      copyBack(q, offset, length)
    }
    q += length
  }
  store<u32>(cursor, u32(p))
  store<u32>(cursor, u32(q), 8)
  if (p < end) return 1
  return q === limit ? 0 : CORRUPT
}
