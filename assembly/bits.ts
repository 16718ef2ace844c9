// Residuals packed at one width, interleaved so that output is in order and a random access is two
// u32 loads. 32 streams of u32 words (8 groups × 4 lanes): residual i = row·32 + group·4 + lane is
// the `row`-th value of stream i mod 32, and word k of all streams lies together in 128 bytes.
// Widths above 32 are two planes: the low 32 bits, then the rest. Source: Lemire and Boytsov,
// "Decoding billions of integers per second through vectorization" (SIMD-BP128, widened to 32 rows).

/** Bytes of one row of words: one u32 of each of the 32 streams. */
const WORD_ROW: usize = 128

/** Bytes that `n` residuals of `width` bits (0 to 64) take. */
export function packedSize(n: i32, width: i32): i32 {
  const rows = (n + 31) >> 5
  const low = min<i32>(width, 32)
  const size = ((rows * low + 31) >> 5) << 7
  return width > 32 ? size + (((rows * (width - 32) + 31) >> 5) << 7) : size
}

/** Packs the low `width` bits of u64[n]; writes exactly packedSize(n, width) bytes. */
export function pack(source: usize, n: i32, width: i32, target: usize): void {
  if (width <= 32) {
    packPlane(source, n, 0, width, target)
  } else {
    packPlane(source, n, 0, 32, target)
    packPlane(source, n, 32, width - 32, target + usize(packedSize(n, 32)))
  }
}

function packPlane(source: usize, n: i32, drop: u64, width: i32, target: usize): void {
  memory.fill(target, 0, usize(packedSize(n, width)))
  const mask: u64 = (u64(1) << width) - 1
  for (let i = 0; i < n; i++) {
    const value = (load<u64>(source + (usize(i) << 3)) >> drop) & mask
    const bit = (i >> 5) * width
    const shift = bit & 31
    const word = target + usize(bit >> 5) * WORD_ROW + (usize(i & 31) << 2)
    store<u32>(word, load<u32>(word) | u32(value << shift))
    if (shift + width > 32) {
      store<u32>(word, load<u32>(word, WORD_ROW) | u32(value >> (32 - shift)), WORD_ROW)
    }
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

/** Residuals from … from + count of `n`, as u64[count]. Writes nothing beyond them. */
export function unpack(
  words: usize,
  n: i32,
  width: i32,
  from: i32,
  count: i32,
  target: usize,
): void {
  if (width === 0) {
    memory.fill(target, 0, usize(count) << 3)
    return
  }
  let i = from
  const end = from + count
  while (i < end) {
    if ((i & 31) === 0 && i + 32 <= end) {
      unpackRow(words, n, width, i >> 5, target)
      target += 256
      i += 32
    } else {
      store<u64>(target, residualAt(words, n, width, i))
      target += 8
      i++
    }
  }
}

function unpackRow(words: usize, n: i32, width: i32, row: i32, target: usize): void {
  if (width <= 32) {
    unpackLowRow(words, width, row, target)
    return
  }
  unpackLowRow(words, 32, row, target)
  unpackHighRow(words + usize(packedSize(n, 32)), width - 32, row, target)
}

function unpackLowRow(words: usize, width: i32, row: i32, target: usize): void {
  const bit = row * width
  const shift = bit & 31
  const word = words + usize(bit >> 5) * WORD_ROW
  const mask = i32x4.splat(i32((u64(1) << width) - 1))
  const crosses = shift + width > 32
  for (let group: usize = 0; group < 8; group++) {
    let lanes = i32x4.shr_u(v128.load(word + (group << 4)), shift)
    if (crosses) {
      const next = v128.load(word + (group << 4), WORD_ROW)
      lanes = v128.or(lanes, i32x4.shl(next, 32 - shift))
    }
    lanes = v128.and(lanes, mask)
    v128.store(target + (group << 5), i64x2.extend_low_i32x4_u(lanes))
    v128.store(target + (group << 5), i64x2.extend_high_i32x4_u(lanes), 16)
  }
}

function unpackHighRow(words: usize, width: i32, row: i32, target: usize): void {
  for (let stream = 0; stream < 32; stream++) {
    const high = planeAt(words, width, (row << 5) + stream) << 32
    const slot = target + (usize(stream) << 3)
    store<u64>(slot, load<u64>(slot) | high)
  }
}
