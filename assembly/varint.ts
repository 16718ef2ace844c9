// Variable-length integers: seven bits a byte, lowest first, the high bit says that more follow
// (LEB128). Signed numbers go through zigzag, so that small magnitudes are short.
// Readers never touch a byte at or beyond `end`, whatever the bytes say.

/** The number that the last readVarint found. */
export let varintValue: u64 = 0

/** Longest varint, in bytes. */
export const VARINT_SIZE_MAX: usize = 10

/** Writes `value` at `target`, which has room for it, and returns the address behind it. */
export function writeVarint(target: usize, value: u64): usize {
  while (value >= 0x80) {
    store<u8>(target++, u8(value) | 0x80)
    value >>= 7
  }
  store<u8>(target, u8(value))
  return target + 1
}

/** Writes a signed number as a zigzag varint. */
export function writeZigzag(target: usize, value: i64): usize {
  return writeVarint(target, u64((value << 1) ^ (value >> 63)))
}

/**
 * Reads a varint into `varintValue` and returns the address behind it; 0 if it does not end before
 * `end` or within 64 bits.
 */
export function readVarint(source: usize, end: usize): usize {
  let value: u64 = 0
  let shift: u64 = 0
  while (source < end && shift < 64) {
    const byte = u64(load<u8>(source++))
    if (shift === 63 && byte > 1) return 0
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintValue = value
      return source
    }
    shift += 7
  }
  return 0
}

/** The signed number behind a zigzag varint's value. */
export function unzigzag(value: u64): i64 {
  return i64(value >> 1) ^ -i64(value & 1)
}
