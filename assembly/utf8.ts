// Checks on text: valid UTF-8 (Unicode 3.9, table 3-7: no overlong forms, no surrogates), no NUL,
// names without control characters; counting and clipping in characters for error positions.

/** First byte of [p, end) that is NUL or does not begin valid UTF-8; 0 if there is none. */
export function findBadByte(p: usize, end: usize): usize {
  while (p < end) {
    if (end - p >= 16) {
      const bytes = v128.load(p)
      const zeros = i8x16.eq(bytes, i8x16.splat(0))
      if (i8x16.bitmask(v128.or(bytes, zeros)) === 0) {
        p += 16
        continue
      }
    }
    const byte = u32(load<u8>(p))
    if (byte === 0) return p
    if (byte < 0x80) {
      p++
      continue
    }
    const size = sequenceSize(p, end, byte)
    if (size === 0) return p
    p += size
  }
  return 0
}

function isContinuation(p: usize): bool {
  return (load<u8>(p) & 0xc0) === 0x80
}

/** Bytes of the multi-byte sequence at p, 0 if it is not a valid one. */
function sequenceSize(p: usize, end: usize, byte: u32): usize {
  const left = end - p
  if (byte >= 0xc2 && byte <= 0xdf) return left >= 2 && isContinuation(p + 1) ? 2 : 0
  if (byte >= 0xe0 && byte <= 0xef) {
    if (left < 3 || !isContinuation(p + 1) || !isContinuation(p + 2)) return 0
    const second = load<u8>(p, 1)
    if (byte === 0xe0 && second < 0xa0) return 0
    return byte === 0xed && second > 0x9f ? 0 : 3
  }
  if (byte < 0xf0 || byte > 0xf4 || left < 4) return 0
  if (!isContinuation(p + 1) || !isContinuation(p + 2) || !isContinuation(p + 3)) return 0
  const second = load<u8>(p, 1)
  if (byte === 0xf0 && second < 0x90) return 0
  return byte === 0xf4 && second > 0x8f ? 0 : 4
}

/** Does valid UTF-8 text contain a control character (U+0000–1F, U+007F–9F)? */
export function hasControl(p: usize, end: usize): bool {
  for (; p < end; p++) {
    const byte = load<u8>(p)
    if (byte < 32 || byte === 127) return true
    if (byte === 0xc2 && p + 1 < end && load<u8>(p, 1) < 0xa0) return true
  }
  return false
}

/** Characters that begin in [p, end). */
export function countCharacters(p: usize, end: usize): u32 {
  let count: u32 = 0
  for (; p < end; p++) count += u32(!isContinuation(p))
  return count
}

/** The end of the first `characters` characters of [p, end). */
export function clipText(p: usize, end: usize, characters: u32): usize {
  let left = characters
  for (; p < end; p++) {
    if (isContinuation(p)) continue
    if (left === 0) return p
    left--
  }
  return end
}

/** Newlines in [p, end). */
export function countNewlines(p: usize, end: usize): u32 {
  let count: u32 = 0
  for (; end - p >= 16; p += 16) {
    count += u32(popcnt(i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(10)))))
  }
  for (; p < end; p++) count += u32(load<u8>(p) === 10)
  return count
}
