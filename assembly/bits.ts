// Residuals packed at one width, interleaved so that output is in order and a random access is two
// u32 loads. 32 streams of u32 words (8 groups × 4 lanes): residual i = row·32 + group·4 + lane is
// the `row`-th value of stream i mod 32, and word k of all streams lies together in 128 bytes.
// Widths above 32 are two planes: the low 32 bits, then the rest. Source: Lemire and Boytsov,
// "Decoding billions of integers per second through vectorization" (SIMD-BP128, widened to 32 rows).

/** Bytes of one row of words: one u32 of each of the 32 streams. */
export const WORD_ROW: usize = 128

/** Bytes that `n` residuals of `width` bits (0 to 64) take. */
export function packedSize(n: i32, width: i32): i32 {
  const rows = (n + 31) >> 5
  const low = min<i32>(width, 32)
  const size = ((rows * low + 31) >> 5) << 7
  return width > 32 ? size + (((rows * (width - 32) + 31) >> 5) << 7) : size
}

/**
 * Packs the low `width` bits of u64[n]; writes exactly packedSize(n, width) bytes. The source has
 * room for a multiple of 32 and is filled up with zeros.
 */
export function pack(source: usize, n: i32, width: i32, target: usize): void {
  const rows = (n + 31) >> 5
  memory.fill(source + (usize(n) << 3), 0, (usize(rows) << 8) - (usize(n) << 3))
  memory.fill(target, 0, usize(packedSize(n, width)))
  for (let row = 0; row < rows; row++, source += 256) {
    if (width > 0) packRow(source, row, false, min(width, 32), target)
    if (width > 32) packRow(source, row, true, width - 32, target + usize(packedSize(n, 32)))
  }
}

/** Puts the low (or the high) halves of a row of 32 numbers into a plane. */
function packRow(source: usize, row: i32, isHigh: bool, width: i32, plane: usize): void {
  const bit = row * width
  const shift = bit & 31
  const word = plane + usize(bit >> 5) * WORD_ROW
  const mask = i32x4.splat(i32((u64(1) << width) - 1))
  for (let group: usize = 0; group < WORD_ROW; group += 16) {
    const first = v128.load(source + (group << 1))
    const second = v128.load(source + (group << 1), 16)
    const halves = isHigh
      ? v128.shuffle<i32>(first, second, 1, 3, 5, 7)
      : v128.shuffle<i32>(first, second, 0, 2, 4, 6)
    const lanes = v128.and(halves, mask)
    v128.store(word + group, v128.or(v128.load(word + group), i32x4.shl(lanes, shift)))
    if (shift + width > 32) v128.store(word + group, i32x4.shr_u(lanes, 32 - shift), WORD_ROW)
  }
}

/** Residual `i` of `n`. The words hold packedSize(n, width) bytes and 0 ≤ i < n. */
export function residualAt(words: usize, n: i32, width: i32, i: i32): u64 {
  if (width <= 32) return planeAt(words, width, i)
  const high = planeAt(words + usize(packedSize(n, 32)), width - 32, i)
  return planeAt(words, 32, i) | (high << 32)
}

function planeAt(words: usize, width: i32, i: i32): u64 {
  if (width === 0) return 0
  const bit = (i >> 5) * width
  const shift = bit & 31
  const word = words + usize(bit >> 5) * WORD_ROW + (usize(i & 31) << 2)
  let pair = u64(load<u32>(word))
  if (shift + width > 32) pair |= u64(load<u32>(word, WORD_ROW)) << 32
  return (pair >> shift) & ((u64(1) << width) - 1)
}
