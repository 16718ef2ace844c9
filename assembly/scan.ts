// Raw answers: which rows of a chunk are returned, and their columns without the rows between.
// Selections are u8[n] of 0 and 1; a selection becomes a u32 index once, every column follows it.

/** `target` = `target` OR `valid`: rows with a value in one more column. `valid` 0 = every row. */
export function scanPresent(target: usize, valid: usize, count: i32): void {
  if (valid === 0) {
    memory.fill(target, 1, usize(count))
    return
  }
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    v128.store(target + i, v128.or(v128.load(target + i), v128.load(valid + i)))
  }
  for (; i < count; i++) store<u8>(target + i, load<u8>(target + i) | load<u8>(valid + i))
}

/** `target` = `target` AND `other`. */
export function scanBoth(target: usize, other: usize, count: i32): void {
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    v128.store(target + i, v128.and(v128.load(target + i), v128.load(other + i)))
  }
  for (; i < count; i++) store<u8>(target + i, load<u8>(target + i) & load<u8>(other + i))
}

/** How many of the selection's bytes are 1. */
export function scanCount(selection: usize, count: i32): i32 {
  let selected: i32 = 0
  let i: i32 = 0
  for (; i + 16 <= count; i += 16) {
    selected += popcnt(i8x16.bitmask(i8x16.shl(v128.load(selection + i), 7)))
  }
  for (; i < count; i++) selected += i32(load<u8>(selection + i))
  return selected
}

/** Writes the positions of the 1s as u32 to `index` (room for `count`); returns how many. */
export function scanIndex(selection: usize, count: i32, index: usize): i32 {
  let selected: i32 = 0
  for (let i: i32 = 0; i < count; i++) {
    store<u32>(index + (selected << 2), u32(i))
    selected += i32(load<u8>(selection + i))
  }
  return selected
}

/** Copies the 8-byte slots at `index` to `target`. */
export function scanSlots(values: usize, index: usize, count: i32, target: usize): void {
  for (let i: i32 = 0; i < count; i++) {
    const row = usize(load<u32>(index + (i << 2)))
    store<u64>(target + (i << 3), load<u64>(values + (row << 3)))
  }
}

/** Copies the bytes (validity) at `index` to `target`; returns how many of them are 0. */
export function scanValid(valid: usize, index: usize, count: i32, target: usize): i32 {
  let nulls: i32 = 0
  for (let i: i32 = 0; i < count; i++) {
    const bit = load<u8>(valid + usize(load<u32>(index + (i << 2))))
    store<u8>(target + i, bit)
    if (bit === 0) nulls++
  }
  return nulls
}
