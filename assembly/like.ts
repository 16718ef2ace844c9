// SQL LIKE over UTF-8 bytes, for columns of strings. The host compiles the pattern to u32 tokens: a
// byte, ANY_ONE (`_`, one code point) or ANY_RUN (`%`), so escapes are gone and the matcher is a loop
// with one point of return: the last `%` (the classic wildcard match, linear for one `%`).

/** Token of `_`. */
export const ANY_ONE: u32 = 256
/** Token of `%`. */
export const ANY_RUN: u32 = 257

/** Bytes of the code point that starts at `p`, at most `left`. */
function codePointSize(p: usize, left: u32): u32 {
  let size: u32 = 1
  while (size < left && (load<u8>(p + size) & 0xc0) === 0x80) size++
  return size
}

/** Is the code unit `byte` matched by `token`, ASCII letters of either case if `insensitive`? */
function matchesByte(byte: u32, token: u32, insensitive: bool): bool {
  if (byte === token) return true
  if (!insensitive || (byte ^ token) !== 0x20) return false
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** Does the text match the whole pattern of `tokens` u32s? `insensitive` holds for ASCII letters. */
export function matchesLike(
  text: usize,
  length: u32,
  pattern: usize,
  tokens: u32,
  insensitive: bool,
): bool {
  let at: u32 = 0
  let token: u32 = 0
  let retryToken: u32 = u32.MAX_VALUE
  let retryAt: u32 = 0
  while (at < length) {
    const wanted = token < tokens ? load<u32>(pattern + (usize(token) << 2)) : u32.MAX_VALUE
    if (wanted === ANY_RUN) {
      retryToken = ++token
      retryAt = at
    } else if (wanted === ANY_ONE) {
      at += codePointSize(text + at, length - at)
      token++
    } else if (matchesByte(u32(load<u8>(text + at)), wanted, insensitive)) {
      at++
      token++
    } else if (retryToken !== u32.MAX_VALUE) {
      // Let the last `%` take one code point more.
      retryAt += codePointSize(text + retryAt, length - retryAt)
      at = retryAt
      token = retryToken
    } else {
      return false
    }
  }
  while (token < tokens && load<u32>(pattern + (usize(token) << 2)) === ANY_RUN) token++
  return token === tokens
}

/** Mask (see filter.ts) of `values LIKE pattern`; rows without a value are UNKNOWN (1). */
export function filterLike(
  values: usize,
  valid: usize,
  count: i32,
  pattern: usize,
  tokens: u32,
  insensitive: i32,
  target: usize,
): void {
  for (let i: i32 = 0; i < count; i++) {
    if (valid !== 0 && load<u8>(valid + i) === 0) {
      store<u8>(target + i, 1)
      continue
    }
    const slot = values + (i << 3)
    const text = usize(load<u32>(slot))
    const isMatch = matchesLike(text, load<u32>(slot, 4), pattern, tokens, insensitive !== 0)
    store<u8>(target + i, isMatch ? 2 : 0)
  }
}
