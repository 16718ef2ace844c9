// Blocks in which only rows with a value have a slot: slots are gathered and scattered by validity, and
// the slot of a row is the number of values before it, counted in the bitmap.

/** Puts slots u64[n] of rows with a value, u8[n], one after the other. */
export function gather(values: usize, valid: usize, n: i32, target: usize): void {
  for (let i = 0; i < n; i++) {
    store<u64>(target, load<u64>(values + (usize(i) << 3)))
    target += usize(load<u8>(valid + usize(i)) !== 0) << 3
  }
}

/** Puts u64[count] slots in the rows of u64[n] that have a value, u8[n] of 0 and 1; 0 in the others. */
export function scatter(slots: usize, count: i32, valid: usize, n: i32, target: usize): void {
  const last = slots + (usize(max(count, 1) - 1) << 3)
  for (let i = 0; i < n; i++) {
    const has = u64(load<u8>(valid + usize(i)))
    store<u64>(target + (usize(i) << 3), load<u64>(min(slots, last)) & (0 - has))
    slots += usize(has) << 3
  }
}

/** Bits that are set before bit `row`. */
export function rankOf(bitmap: usize, row: i32): i32 {
  let count = 0
  const words = bitmap + (usize(row >> 6) << 3)
  for (let at = bitmap; at < words; at += 8) count += i32(popcnt(load<u64>(at)))
  let bits: u64 = 0
  const left = row & 63
  for (let k = 0; k < (left + 7) >> 3; k++) bits |= u64(load<u8>(words + usize(k))) << (u64(k) << 3)
  return count + i32(popcnt(bits & ((u64(1) << left) - 1)))
}
