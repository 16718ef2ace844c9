// Numbers in unary: for each of n numbers q, q zeros and a one, lowest bit of the first byte first, so
// n + Σq bits. The one of row i lies at position i + q[0] + … + q[i]: sums of all numbers up to a row are
// found by counting, without adding. Positions are taken out eight bits a step, from a table.
// Source: the upper halves of Elias (1974) and Fano (1971); select by popcount as in Vigna, "Broadword
// implementation of rank/select queries", WEA 2008.

/** Most bytes of a bitmap: positions are u16. */
export const UNARY_SIZE_MAX: i32 = 8191

/** Slots before the first that unpackOnes may write: those of the word that has the first. */
const SLACK: usize = 144
const POSITIONS: usize = memory.data(2240)
/** Result of unpackOnes, u16 each; the slot before is that of the one before, 0xffff if none is. */
export const ONES: usize = POSITIONS + SLACK

/** Positions of the ones of each byte, u8[256 × 8]; built by the first call. */
const PLACES: usize = memory.data(2048)
let isBuilt: bool = false

function buildPlaces(): void {
  for (let byte = 0; byte < 256; byte++) {
    let at = PLACES + (usize(byte) << 3)
    for (let bit = 0; bit < 8; bit++) {
      if (((byte >> bit) & 1) !== 0) store<u8>(at++, u8(bit))
    }
  }
  isBuilt = true
}

/** Eight bytes from `at` on; those behind the `end` of the bitmap are 0. */
function wordAt(at: usize, end: usize): u64 {
  if (at + 8 <= end) return load<u64>(at)
  let word: u64 = 0
  for (let shift: u64 = 0; at < end; at++, shift += 8) word |= u64(load<u8>(at)) << shift
  return word
}

/** Position of one `index` in a word that has it. */
function placeOf(word: u64, index: i32): i32 {
  let place = 0
  for (let half = 32; half >= 8; half >>= 1) {
    const low = i32(popcnt(word & ((u64(1) << half) - 1)))
    if (index < low) continue
    index -= low
    word >>= half
    place += half
  }
  if (!isBuilt) buildPlaces()
  return place + i32(load<u8>(PLACES + (usize(word & 0xff) << 3) + usize(index)))
}

/** Position of one `index`, or the number of bits if there are not as many. */
export function positionOfOne(bitmap: usize, size: i32, index: i32): i32 {
  return positionIn(bitmap, size, index, 0)
}

/** Position behind zero `index` − 1, so of the first row whose high part is `index` or more; −1 if none is. */
export function positionBehindZero(bitmap: usize, size: i32, index: i32): i32 {
  if (index <= 0) return 0
  const position = positionIn(bitmap, size, index - 1, u64.MAX_VALUE)
  return position < size << 3 ? position + 1 : -1
}

/** How many ones follow each other from `position` on. */
export function onesFrom(bitmap: usize, size: i32, position: i32): i32 {
  const end = bitmap + usize(size)
  let at = bitmap + usize(position >> 3)
  let count = -(position & 7)
  // What is before the position counts as ones, and is taken off.
  let word = ~wordAt(at, end) & (u64.MAX_VALUE << (position & 7))
  while (word === 0 && at < end) {
    count += 64
    at += 8
    word = ~wordAt(at, end)
  }
  return count + i32(ctz(word))
}

function positionIn(bitmap: usize, size: i32, index: i32, inverted: u64): i32 {
  const end = bitmap + usize(size)
  for (let at = bitmap; at < end; at += 8) {
    const word = wordAt(at, end) ^ inverted
    const count = i32(popcnt(word))
    if (index < count) return min(size << 3, (i32(at - bitmap) << 3) + placeOf(word, index))
    index -= count
  }
  return size << 3
}

/** Positions of the ones from `first` on, u16[count] at ONES, and of the one before at ONES − 2. */
export function unpackOnes(bitmap: usize, size: i32, first: i32, count: i32): void {
  if (!isBuilt) buildPlaces()
  const end = bitmap + usize(size)
  let at = bitmap
  let found = -first
  for (; at < end; at += 8) {
    const ones = i32(popcnt(wordAt(at, end)))
    // The word of the one before the first, if there is one.
    if (found + ones >= 0) break
    found += ones
  }
  store<u16>(ONES - 2, 0xffff)
  // Bytes are taken whole, and what a byte has less than eight of is overwritten by the next.
  let place = i32(at - bitmap) << 3
  for (; at < end && found < count; at++, place += 8) {
    const byte = usize(load<u8>(at))
    const places = v128.load_ext<u8>(PLACES + (byte << 3))
    v128.store(slotOf(found), i16x8.add(places, i16x8.splat(i16(place))))
    found += i32(popcnt(u32(byte)))
  }
  for (found = max(found, -1); found < count; found++) store<u16>(slotOf(found), u16(size << 3))
}

function slotOf(index: i32): usize {
  return ONES + (isize(index) << 1)
}
