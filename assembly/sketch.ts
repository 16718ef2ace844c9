// Approximate quantiles in bounded memory: a cell's values as weighted samples (Munro and Paterson,
// "Selection and sorting with limited storage", 1980; the compactors of KLL, made deterministic).
// Level 0 holds up to 2,048 values of weight 1. When it is full, every second of its sorted values
// goes up with twice the weight; where a level has a thousand already, both are merged and again
// every second goes up. So level h > 0 is empty or has 1,024 sorted values of weight 2^h.
//
// Guarantee: one such step moves the rank of any value by at most the weight that it halves, and steps
// of a level keep even and odd places in turn, so two of them move it no further than one. Of n values
// in L levels the rank is off by at most n · (L + 2) / 4,096: below 1 % for any n that there is (2^50),
// 0.3 % of a million; up to 2,048 values it is exact. At most 16 KB + 8 KB · log2(n / 2,048) a cell.
// Sketches of parts of the values join to one of all of them, whose rank is off by at most twice that.
//
// Sketch in a record, 16 bytes: 0 values u32 (offset in the arena + 1, 0 = none)  4 capacity u32
//   8 used u32  12 levels u32 (offset in the arena + 1, 0 = none)
// Levels, 256 bytes in the arena: 0 least key u64  8 greatest key u64  16 reserved, then for each level h
//   from 1 to 29, at 16 + 8 · h: 0 values u32 (offset + 1, 0 = never had any)  4 is full u8
//   5 keeps odd places next u8 (of the step from h - 1 to h)

import { SORTED_MAX, floatOfKey, quantileOfSorted, sortKeys, storeKeys } from './key-order'
import { stretchEnd, stretchStart } from './presence'
import { takeArena } from './record'

const CAPACITY_MIN: u32 = 16
/** Values of a full level above 0. */
const LEVEL_VALUES: u32 = 1024
const LEVELS_MAX: u32 = 29
const LEVELS_SIZE: u32 = 256

/** Bytes of arena that a run of at most BLOCK_ROWS values takes at most: level 0 anew, and one more. */
export const SKETCH_ROOM: u32 = SORTED_MAX * 16 + LEVEL_VALUES * 8 + LEVELS_SIZE

/** Two full levels, sorted, of which every second key goes up; and those that do. */
const MERGED: usize = memory.data(16384)
const HALVED: usize = memory.data(8192)

const GREATEST: usize = 8
const LEVELS: usize = 16
const IS_FULL: usize = 4
const KEEPS_ODD: usize = 5

function arenaOf(state: usize): usize {
  return usize(load<u32>(state, 24))
}

function keysOf(state: usize, sketch: usize): usize {
  return arenaOf(state) + usize(load<u32>(sketch)) - 1
}

/** The levels above 0; 0 = there are none. */
function levelsOf(state: usize, sketch: usize): usize {
  const place = load<u32>(sketch, 12)
  return place === 0 ? 0 : arenaOf(state) + usize(place) - 1
}

/** Adds the present values of a run to the sketch of a record. */
export function accumulateSketch(
  state: usize,
  sketch: usize,
  type: i32,
  values: usize,
  present: usize,
  from: i32,
  to: i32,
): void {
  let start = stretchStart(present, from, to)
  while (start < to) {
    const end = stretchEnd(present, start, to)
    while (start < end) {
      const count = min(makeRoom(state, sketch, u32(end - start)), u32(end - start))
      const used = load<u32>(sketch, 8)
      storeKeys(
        type,
        values + (usize(start) << 3),
        count,
        keysOf(state, sketch) + (usize(used) << 3),
      )
      store<u32>(sketch, used + count, 8)
      start += i32(count)
    }
    start = stretchStart(present, end, to)
  }
}

/** Room in level 0 for some of `wanted` values, at least one: how many. */
function makeRoom(state: usize, sketch: usize, wanted: u32): u32 {
  const capacity = load<u32>(sketch, 4)
  const used = load<u32>(sketch, 8)
  if (used + wanted <= capacity) return wanted
  if (capacity < SORTED_MAX) {
    const grown = min(SORTED_MAX, max(CAPACITY_MIN, u32(1) << (32 - clz<u32>(used + wanted - 1))))
    const place = takeArena(state, grown << 3)
    const target = arenaOf(state) + usize(place)
    if (used > 0) memory.copy(target, keysOf(state, sketch), usize(used) << 3)
    store<u32>(sketch, place + 1)
    store<u32>(sketch, grown, 4)
    return grown - used
  }
  if (used < capacity) return capacity - used
  raise(state, sketch)
  store<u32>(sketch, 0, 8)
  return capacity
}

/** The levels above 0, which it has from now on if values within these keys are in them. */
function levelsWith(state: usize, sketch: usize, least: u64, greatest: u64): usize {
  if (load<u32>(sketch, 12) === 0) {
    const place = takeArena(state, LEVELS_SIZE)
    store<u32>(sketch, place + 1, 12)
    const levels = arenaOf(state) + usize(place)
    memory.fill(levels, 0, usize(LEVELS_SIZE))
    store<u64>(levels, u64.MAX_VALUE)
  }
  const levels = levelsOf(state, sketch)
  store<u64>(levels, min(load<u64>(levels), least))
  store<u64>(levels, max(load<u64>(levels, GREATEST), greatest), GREATEST)
  return levels
}

/** Every second key of a full level 0 goes up. */
function raise(state: usize, sketch: usize): void {
  const keys = keysOf(state, sketch)
  sortKeys(keys, SORTED_MAX)
  const greatest = load<u64>(keys + (usize(SORTED_MAX - 1) << 3))
  raiseTo(state, levelsWith(state, sketch, load<u64>(keys), greatest), keys, 1)
}

/** Every second of 2,048 sorted keys goes to a level. */
function raiseTo(state: usize, levels: usize, source: usize, from: u32): void {
  for (let level = from; ; level++) {
    const slot = levels + LEVELS + (usize(level) << 3)
    const isOdd = load<u8>(slot, KEEPS_ODD)
    store<u8>(slot, isOdd ^ 1, KEEPS_ODD)
    if (load<u8>(slot, IS_FULL) === 0) {
      if (load<u32>(slot) === 0) store<u32>(slot, takeArena(state, LEVEL_VALUES << 3) + 1)
      halve(source, usize(isOdd), arenaOf(state) + usize(load<u32>(slot)) - 1)
      store<u8>(slot, 1, IS_FULL)
      return
    }
    halve(source, usize(isOdd), HALVED)
    mergeKeys(HALVED, arenaOf(state) + usize(load<u32>(slot)) - 1, MERGED)
    store<u8>(slot, 0, IS_FULL)
    source = MERGED
  }
}

/** Bytes of arena that joining a sketch, whose arena is a copy, may take at most. */
export function sketchNeed(sketch: usize, arena: usize): u32 {
  const place = load<u32>(sketch, 12)
  if (place === 0) return SKETCH_ROOM
  const levels = arena + usize(place) - 1
  // A new level for each that is full, and one that the last of them may raise.
  let count: u32 = 1
  for (let level: u32 = 1; level <= LEVELS_MAX; level++) {
    if (load<u8>(levels + LEVELS + (usize(level) << 3), IS_FULL) !== 0) count++
  }
  return SKETCH_ROOM + count * (LEVEL_VALUES << 3)
}

/** Joins a sketch of other values, whose arena is a copy. */
export function joinSketch(state: usize, sketch: usize, other: usize, arena: usize): void {
  let keys = arena + usize(load<u32>(other)) - 1
  let left = load<u32>(other, 8)
  while (left > 0) {
    const count = min(makeRoom(state, sketch, left), left)
    const used = load<u32>(sketch, 8)
    memory.copy(keysOf(state, sketch) + (usize(used) << 3), keys, usize(count) << 3)
    store<u32>(sketch, used + count, 8)
    keys += usize(count) << 3
    left -= count
  }
  const place = load<u32>(other, 12)
  if (place === 0) return
  const from = arena + usize(place) - 1
  const levels = levelsWith(state, sketch, load<u64>(from), load<u64>(from, GREATEST))
  for (let level: u32 = 1; level <= LEVELS_MAX; level++) {
    const slot = from + LEVELS + (usize(level) << 3)
    if (load<u8>(slot, IS_FULL) === 0) continue
    joinLevel(state, levels, arena + usize(load<u32>(slot)) - 1, level)
  }
}

/** Puts a full level beside what a level has. */
function joinLevel(state: usize, levels: usize, keys: usize, level: u32): void {
  const slot = levels + LEVELS + (usize(level) << 3)
  if (load<u32>(slot) === 0) store<u32>(slot, takeArena(state, LEVEL_VALUES << 3) + 1)
  const own = arenaOf(state) + usize(load<u32>(slot)) - 1
  if (load<u8>(slot, IS_FULL) === 0) {
    memory.copy(own, keys, usize(LEVEL_VALUES) << 3)
    store<u8>(slot, 1, IS_FULL)
    return
  }
  mergeKeys(own, keys, MERGED)
  store<u8>(slot, 0, IS_FULL)
  raiseTo(state, levels, MERGED, level + 1)
}

/** Every second of 2,048 keys. */
function halve(source: usize, isOdd: usize, target: usize): void {
  const end = target + (usize(LEVEL_VALUES) << 3)
  let at = source + (isOdd << 3)
  for (; target < end; target += 8, at += 16) store<u64>(target, load<u64>(at))
}

/** Merges two full levels. */
function mergeKeys(a: usize, b: usize, target: usize): void {
  const aEnd = a + (usize(LEVEL_VALUES) << 3)
  const bEnd = b + (usize(LEVEL_VALUES) << 3)
  for (; a < aEnd && b < bEnd; target += 8) {
    const left = load<u64>(a)
    const right = load<u64>(b)
    const takesLeft = left <= right
    store<u64>(target, takesLeft ? left : right)
    a += usize(takesLeft) << 3
    b += usize(!takesLeft) << 3
  }
  memory.copy(target, a < aEnd ? a : b, a < aEnd ? aEnd - a : bEnd - b)
}

/** How many of `count` sorted keys are at most `key`. */
function countAtMost(keys: usize, count: u32, key: u64): u32 {
  let low: u32 = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (load<u64>(keys + (usize(middle) << 3)) <= key) low = middle + 1
    else high = middle
  }
  return low
}

/** Weight of the keys that are at most `key`. Level 0 is sorted. */
function weightAtMost(state: usize, sketch: usize, levels: usize, key: u64): u64 {
  let weight = u64(countAtMost(keysOf(state, sketch), load<u32>(sketch, 8), key))
  for (let level: u32 = 1; level <= LEVELS_MAX; level++) {
    const slot = levels + LEVELS + (usize(level) << 3)
    if (load<u8>(slot, IS_FULL) === 0) continue
    const keys = arenaOf(state) + usize(load<u32>(slot)) - 1
    weight += u64(countAtMost(keys, LEVEL_VALUES, key)) << u64(level)
  }
  return weight
}

/** Quantile `q` of the `count` values of a sketch, some; exact as long as none went up. */
export function sketchQuantile(state: usize, sketch: usize, type: i32, count: u64, q: f64): f64 {
  const keys = keysOf(state, sketch)
  const used = load<u32>(sketch, 8)
  sortKeys(keys, used)
  const levels = levelsOf(state, sketch)
  if (levels === 0) return quantileOfSorted(type, keys, used, q)
  let low = load<u64>(levels)
  let high = load<u64>(levels, GREATEST)
  if (used > 0) {
    low = min(low, load<u64>(keys))
    high = max(high, load<u64>(keys + (usize(used - 1) << 3)))
  }
  // The least key with more than `rank` values at most as great; the ends are known.
  const rank = u64(q * f64(count - 1) + 0.5)
  if (rank === 0) return floatOfKey(type, low)
  if (rank === count - 1) return floatOfKey(type, high)
  while (low < high) {
    const middle = low + ((high - low) >> 1)
    if (weightAtMost(state, sketch, levels, middle) > rank) high = middle
    else low = middle + 1
  }
  return floatOfKey(type, low)
}
