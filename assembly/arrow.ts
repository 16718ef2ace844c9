// Buffers of Arrow columns (arrow.apache.org/docs/format/Columnar.html): bitmaps, lowest bit first, and texts
// one behind the other with offsets of 32 bits.

import { copyJson, unescapeJson } from './text-string'

/** Bit i of `target` is 1 where byte i of `source` is not 0; how many are. Reads up to 15 bytes more. */
export function arrowBits(source: usize, count: u32, target: usize): u32 {
  const zeros = i64x2.splat(0)
  let ones: u32 = 0
  for (let i: u32 = 0; i < count; i += 16) {
    const chunk = v128.load(source + usize(i))
    let bits = u32(i8x16.bitmask(i8x16.ne(chunk, zeros)))
    const rest = count - i
    if (rest < 16) bits &= (u32(1) << rest) - 1
    store<u16>(target + usize(i >> 3), u16(bits))
    ones += u32(popcnt(bits))
  }
  return ones
}

/**
 * The strings of a JSON array (its text behind the bracket) as UTF-8 at `target`, and at `offsets`, an i32
 * each, where they begin and where the last one ends. `valid` is a byte each, 0 = none; 0 = all have a text.
 * The end of the texts.
 */
export function arrowStrings(
  source: usize,
  count: u32,
  valid: usize,
  offsets: usize,
  target: usize,
): usize {
  let p = source
  let q = target
  for (let i: usize = 0; i < usize(count); i++) {
    store<u32>(offsets + (i << 2), u32(q - target))
    const size = copyJson(p, q) - q
    if (valid === 0 || load<u8>(valid + i) !== 0) q = unescapeJson(p, size, q)
    p += size + 1
  }
  store<u32>(offsets + (usize(count) << 2), u32(q - target))
  return q
}
