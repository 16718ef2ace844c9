// Strings of text answers, out of a JSON array that the host has escaped: copied as JSON, 16 bytes a step,
// unescaped into a CSV cell (RFC 4180), which is quoted if it is empty (a null is nothing), begins or
// ends with white space, or has a quote, a comma or a line break, or into a string of line protocol,
// where only quotes and backslashes are escaped.

const QUOTE: u8 = 34
const BACKSLASH: u8 = 92

/**
 * Copies the JSON string that begins at `source`; the end of the copy. Up to 16 bytes more are read and
 * written.
 */
export function copyJson(source: usize, target: usize): usize {
  store<u8>(target, QUOTE)
  const quotes = i8x16.splat(QUOTE)
  const backslashes = i8x16.splat(BACKSLASH)
  let p = source + 1
  let q = target + 1
  let step: usize = 0
  do {
    p += step
    q += step
    const chunk = v128.load(p)
    v128.store(q, chunk)
    const found = i8x16.bitmask(v128.or(i8x16.eq(chunk, quotes), i8x16.eq(chunk, backslashes)))
    const at = usize(ctz(found | 0x10000))
    p += at
    q += at
    // What is escaped is copied with its backslash.
    if (found !== 0) store<u8>(q, load<u8>(p, 1), 1)
    step = found !== 0 ? 2 : 0
  } while (step === 0 || load<u8>(p) === BACKSLASH)
  return q + 1
}

/** The value of a hexadecimal digit, as JSON.stringify writes it. */
function hexDigit(byte: u8): u32 {
  return byte <= 57 ? u32(byte) - 48 : u32(byte | 32) - 87
}

/** The byte that a one-letter escape stands for. */
function escaped(letter: u8): u8 {
  if (letter === 110) return 10
  if (letter === 116) return 9
  if (letter === 114) return 13
  if (letter === 98) return 8
  if (letter === 102) return 12
  return letter
}

/** The last text that was unescaped has a quote, a comma or a line break. */
let hasSpecial: bool = false

/** The text of a JSON string of `size` bytes, its quotes counted: the end of it, no longer than that. */
export function unescapeJson(source: usize, size: usize, target: usize): usize {
  return unescape(source, size, target, 0)
}

/** The same; `mark`: what goes before each quote, and if it is a backslash before backslashes too. */
function unescape(source: usize, size: usize, target: usize, mark: u8): usize {
  const end = source + size - 1
  let q = target
  hasSpecial = false
  for (let p = source + 1; p < end; p++) {
    let byte = load<u8>(p)
    if (byte === BACKSLASH) {
      byte = load<u8>(++p)
      if (byte === 117) {
        const code =
          (hexDigit(load<u8>(p, 1)) << 12) |
          (hexDigit(load<u8>(p, 2)) << 8) |
          (hexDigit(load<u8>(p, 3)) << 4) |
          hexDigit(load<u8>(p, 4))
        p += 4
        if (code > 255) {
          // Half of a surrogate pair is no text: U+FFFD, as UTF-8 encoders write.
          store<u16>(q, 0xbfef)
          store<u8>(q, 0xbd, 2)
          q += 3
          continue
        }
        byte = u8(code)
      } else byte = escaped(byte)
    }
    if (byte === QUOTE || byte === 44 || byte === 10 || byte === 13) hasSpecial = true
    const isMarked = byte === QUOTE || byte === mark
    if (isMarked && mark !== 0) store<u8>(q++, mark)
    store<u8>(q++, byte)
  }
  return q
}

/** Prints a JSON string of `size` bytes, its quotes counted, as a CSV cell, which is no longer than that. */
export function printCsv(source: usize, size: usize, target: usize): usize {
  const first = target + 1
  const q = unescape(source, size, first, QUOTE)
  if (hasSpecial || q === first || isSpaceFirst(first, q) || isSpaceLast(first, q)) {
    store<u8>(target, QUOTE)
    store<u8>(q, QUOTE)
    return q + 1
  }
  memory.copy(target, first, q - first)
  return q - 1
}

/** White space as JavaScript's `\s` has it, of one to three bytes. */
function isSpace(p: usize, size: usize): bool {
  const first = load<u8>(p)
  if (size === 1) return first === 32 || (first >= 9 && first <= 13)
  const second = load<u8>(p, 1)
  if (size === 2) return first === 0xc2 && second === 0xa0
  const third = load<u8>(p, 2)
  const code = (u32(first) << 16) | (u32(second) << 8) | u32(third)
  if (code >= 0xe28080 && code <= 0xe2808a) return true
  if (code === 0xe280a8 || code === 0xe280a9 || code === 0xe280af) return true
  return code === 0xe19a80 || code === 0xe2819f || code === 0xe38080 || code === 0xefbbbf
}

function isSpaceFirst(p: usize, end: usize): bool {
  const byte = load<u8>(p)
  const size: usize = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : 3
  return p + size <= end && isSpace(p, size)
}

function isSpaceLast(first: usize, end: usize): bool {
  for (let size: usize = 1; size <= 3 && first + size <= end; size++) {
    if ((load<u8>(end - size) & 0xc0) !== 0x80) return isSpace(end - size, size)
  }
  return false
}

/** Prints a JSON string of `size` bytes as one of line protocol, which is no longer than that. */
export function printLineString(source: usize, size: usize, target: usize): usize {
  store<u8>(target, QUOTE)
  const q = unescape(source, size, target + 1, BACKSLASH)
  store<u8>(q, QUOTE)
  return q + 1
}
