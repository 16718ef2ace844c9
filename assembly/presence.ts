// Which rows of a chunk count: u8 per row, 0 or not 0, or a pointer of 0 when all do. Loops over
// values run densely over stretches of rows that count, so they need no test per row.

const ONES: u64 = 0x0101010101010101

/** Number of 1s in `present` over [from, to), which holds 0s and 1s only. */
export function countPresent(present: usize, from: i32, to: i32): i32 {
  let count: u64 = 0
  let i = from
  // The product's highest byte is the sum of all eight.
  for (; i + 8 <= to; i += 8) count += (load<u64>(present + i) * ONES) >> 56
  for (; i < to; i++) count += u64(load<u8>(present + i))
  return i32(count)
}

/** Row of the first that counts from `from` on; `from` if present is 0. There is one. */
export function firstPresent(present: usize, from: i32): i32 {
  if (present === 0) return from
  let i = from
  while (load<u8>(present + i) === 0) i++
  return i
}

/** Row of the last that counts before `to`. There is one. */
export function lastPresent(present: usize, to: i32): i32 {
  let i = to - 1
  if (present === 0) return i
  while (load<u8>(present + i) === 0) i--
  return i
}

/** First row of the next stretch from `from` on, or `to`. */
export function stretchStart(present: usize, from: i32, to: i32): i32 {
  if (present === 0) return from
  while (from + 8 <= to && load<u64>(present + from) === 0) from += 8
  while (from < to && load<u8>(present + from) === 0) from++
  return from
}

/** Row behind the stretch that starts at `from`, at most `to`. */
export function stretchEnd(present: usize, from: i32, to: i32): i32 {
  if (present === 0) return to
  while (from + 8 <= to && load<u64>(present + from) === ONES) from += 8
  while (from < to && load<u8>(present + from) !== 0) from++
  return from
}
