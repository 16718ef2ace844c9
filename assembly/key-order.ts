// Numbers as u64 keys whose unsigned order is that of the values: -0 below 0, NaN above all (all NaNs
// are one key). Keys are sorted by radix, which for a thousand of them beats comparing.

import { FLOAT, INTEGER } from './layout'

/** Most keys that are sorted at once. */
export const SORTED_MAX: u32 = 2048
const SCRATCH: usize = memory.data(16384)
/** How many keys have each value of the byte that a pass sorts by, u32[256]. */
const COUNTS: usize = memory.data(1024)
/** Fewer keys are sorted by insertion. */
const INSERTED_MAX: u32 = 24

const NAN_BITS: u64 = 0x7ff8000000000000
const TOP: u64 = 0x8000000000000000

/** Key of a slot of a numeric type. */
export function keyOf(type: i32, slot: u64): u64 {
  if (type === FLOAT) {
    const bits = isNaN<f64>(reinterpret<f64>(slot)) ? NAN_BITS : slot
    return i64(bits) < 0 ? ~bits : bits | TOP
  }
  return type === INTEGER ? slot ^ TOP : slot
}

/** The slot of a key. */
export function slotOfKey(type: i32, key: u64): u64 {
  if (type === FLOAT) return i64(key) < 0 ? key ^ TOP : ~key
  return type === INTEGER ? key ^ TOP : key
}

/** The number of a slot, as a float. */
export function floatOfSlot(type: i32, slot: u64): f64 {
  if (type === FLOAT) return reinterpret<f64>(slot)
  return type === INTEGER ? f64(i64(slot)) : f64(slot)
}

/** The value of a key, as a float. */
export function floatOfKey(type: i32, key: u64): f64 {
  return floatOfSlot(type, slotOfKey(type, key))
}

/** Keys of `count` slots. */
export function storeKeys(type: i32, slots: usize, count: u32, target: usize): void {
  const end = slots + (usize(count) << 3)
  for (; slots < end; slots += 8, target += 8) store<u64>(target, keyOf(type, load<u64>(slots)))
}

/** Between the two of `count` sorted keys that are nearest to rank q (count - 1): percentile_cont. */
export function quantileOfSorted(type: i32, keys: usize, count: u32, q: f64): f64 {
  const rank = q * f64(count - 1)
  const low = usize(rank) << 3
  const high = usize(ceil<f64>(rank)) << 3
  return between(type, load<u64>(keys + low), load<u64>(keys + high), rank - floor<f64>(rank))
}

/** The value at a share of the way between those of two keys. */
export function between(type: i32, low: u64, high: u64, share: f64): f64 {
  const from = floatOfKey(type, low)
  const to = floatOfKey(type, high)
  return from === to ? from : from + (to - from) * share
}

function insertionSort(keys: usize, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    const key = load<u64>(keys + (usize(i) << 3))
    let j = i
    for (; j > 0 && load<u64>(keys + (usize(j - 1) << 3)) > key; j--) {
      store<u64>(keys + (usize(j) << 3), load<u64>(keys + (usize(j - 1) << 3)))
    }
    store<u64>(keys + (usize(j) << 3), key)
  }
}

/** Moves keys to `target` in the order of a byte; keys of equal bytes stay in order. */
function sortByByte(source: usize, target: usize, count: u32, shift: u64): void {
  memory.fill(COUNTS, 0, 1024)
  const end = source + (usize(count) << 3)
  for (let at = source; at < end; at += 8) {
    const slot = COUNTS + (usize((load<u64>(at) >> shift) & 255) << 2)
    store<u32>(slot, load<u32>(slot) + 1)
  }
  let sum: u32 = 0
  for (let slot = COUNTS; slot < COUNTS + 1024; slot += 4) {
    const some = load<u32>(slot)
    store<u32>(slot, sum)
    sum += some
  }
  for (let at = source; at < end; at += 8) {
    const key = load<u64>(at)
    const slot = COUNTS + (usize((key >> shift) & 255) << 2)
    const place = load<u32>(slot)
    store<u32>(slot, place + 1)
    store<u64>(target + (usize(place) << 3), key)
  }
}

/** Sorts u64[count], at most SORTED_MAX of them, where they lie. */
export function sortKeys(keys: usize, count: u32): void {
  if (count <= INSERTED_MAX) return insertionSort(keys, count)
  let common = ~u64(0)
  let any: u64 = 0
  for (let i: u32 = 0; i < count; i++) {
    const key = load<u64>(keys + (usize(i) << 3))
    common &= key
    any |= key
  }
  // Bytes that are the same in all keys need no pass.
  const differing = common ^ any
  let source = keys
  let target = SCRATCH
  for (let shift: u64 = 0; shift < 64; shift += 8) {
    if (((differing >> shift) & 255) === 0) continue
    sortByByte(source, target, count, shift)
    const moved = source
    source = target
    target = moved
  }
  if (source !== keys) memory.copy(keys, source, usize(count) << 3)
}
