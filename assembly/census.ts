// The distinct values of a cell, and how often each is there, for distinct_count and mode: a hash table
// in the arena that doubles. What is most frequent is kept with it, of equals the least value, so that
// neither result looks at the table again.
//
// Census in a record, 32 bytes: 0 table u32 (offset in the arena + 1, 0 = none)  4 capacity u32 (a power of
//   two)  8 used u32  12 reserved  16 how often its mode is there u64  24 value of the mode u64
// Entry of a table, 16 bytes: 0 value u64  8 how often u64 (0 = empty). The value of a number is its key
//   (key-order.ts), all zeros one; that of a string is the upper half of its hash, and in the lower half
//   where its length u32 and its bytes lie in the arena.

import { EQUAL, LESS, compareBytes } from './filter'
import { hashKey } from './hash'
import { keyOf, slotOfKey } from './key-order'
import { FLOAT, STRING } from './layout'
import { takeArena } from './record'

const CAPACITY_MIN: u32 = 8
const HALF: u64 = 0xffffffff

const USED: usize = 8
const MOST: usize = 16
const MODE: usize = 24

/** A slot of what is joined: a number, or pointer and length of a string. */
const SLOT: usize = memory.data(8)

function arenaOf(state: usize): usize {
  return usize(load<u32>(state, 24))
}

/** Where a string's length lies. */
function textOf(arena: usize, value: u64): usize {
  return arena + usize(value & HALF)
}

/** Order of a string of the arena to that of a slot. */
function compareText(arena: usize, value: u64, slot: usize): i32 {
  const text = textOf(arena, value)
  return compareBytes(text + 4, load<u32>(text), usize(load<u32>(slot)), load<u32>(slot, 4))
}

/** The value of a slot; of a string without its place. */
function valueOf(type: i32, slot: usize): u64 {
  if (type === STRING) return hashKey(usize(load<u32>(slot)), load<u32>(slot, 4)) & ~HALF
  const bits = load<u64>(slot)
  return keyOf(type, type === FLOAT && reinterpret<f64>(bits) === 0.0 ? 0 : bits)
}

/** Where the search for a value begins, before the table's mask. */
function homeOf(type: i32, value: u64): u32 {
  if (type === STRING) return u32(value >> 32)
  const mixed = (value ^ (value >> 32)) * 0x9e3779b97f4a7c15
  return u32(mixed ^ (mixed >> 32))
}

/** The entry of a slot with this value, or the empty one where it belongs. There is a table. */
function findEntry(state: usize, census: usize, type: i32, value: u64, slot: usize): usize {
  const arena = arenaOf(state)
  const table = arena + usize(load<u32>(census)) - 1
  const mask = load<u32>(census, 4) - 1
  let at = homeOf(type, value) & mask
  while (true) {
    const entry = table + (usize(at) << 4)
    if (load<u64>(entry, 8) === 0) return entry
    const held = load<u64>(entry)
    if (type !== STRING) {
      if (held === value) return entry
    } else if ((held & ~HALF) === value && compareText(arena, held, slot) === EQUAL) return entry
    at = (at + 1) & mask
  }
}

/** Is one more value too many for the table? */
function isFull(used: u32, capacity: u32): bool {
  return used * 4 >= capacity * 3
}

/** Puts the entries into a table twice as large. */
function growTable(state: usize, census: usize, type: i32): void {
  const capacity = load<u32>(census, 4)
  const grown = max(capacity << 1, CAPACITY_MIN)
  const place = takeArena(state, grown << 4)
  const arena = arenaOf(state)
  const target = arena + usize(place)
  memory.fill(target, 0, usize(grown) << 4)
  let entry = arena + usize(load<u32>(census)) - 1
  for (let i: u32 = 0; i < capacity; i++, entry += 16) {
    if (load<u64>(entry, 8) === 0) continue
    let at = homeOf(type, load<u64>(entry)) & (grown - 1)
    while (load<u64>(target + (usize(at) << 4), 8) !== 0) at = (at + 1) & (grown - 1)
    memory.copy(target + (usize(at) << 4), entry, 16)
  }
  store<u32>(census, place + 1)
  store<u32>(census, grown, 4)
}

/** Comes the value of one entry before that of the mode so far? */
function isBefore(state: usize, type: i32, value: u64, mode: u64): bool {
  if (type !== STRING) return value < mode
  const arena = arenaOf(state)
  const text = textOf(arena, value)
  const held = textOf(arena, mode)
  return compareBytes(text + 4, load<u32>(text), held + 4, load<u32>(held)) === LESS
}

/** Counts `times` values like that of a slot. There is room. */
function addValue(state: usize, census: usize, type: i32, slot: usize, times: u64): void {
  const used = load<u32>(census, USED)
  if (isFull(used, load<u32>(census, 4))) growTable(state, census, type)
  let value = valueOf(type, slot)
  const entry = findEntry(state, census, type, value, slot)
  const count = load<u64>(entry, 8) + times
  if (count === times) {
    if (type === STRING) {
      const length = load<u32>(slot, 4)
      const place = takeArena(state, length + 4)
      store<u32>(arenaOf(state) + usize(place), length)
      memory.copy(arenaOf(state) + usize(place) + 4, usize(load<u32>(slot)), usize(length))
      value |= u64(place)
    }
    store<u64>(entry, value)
    store<u32>(census, used + 1, USED)
  }
  store<u64>(entry, count, 8)
  value = load<u64>(entry)
  const most = load<u64>(census, MOST)
  if (count < most) return
  if (count > most || isBefore(state, type, value, load<u64>(census, MODE))) {
    store<u64>(census, count, MOST)
    store<u64>(census, value, MODE)
  }
}

/** Bytes of arena that tables take at most until one has room for `added` values more. */
function tablesNeed(census: usize, added: u32): u32 {
  const capacity = load<u32>(census, 4)
  const used = load<u32>(census, USED) + added
  let grown = max(capacity, CAPACITY_MIN >> 1)
  while (isFull(used, grown)) grown <<= 1
  return grown === capacity ? 0 : grown << 5
}

/** Bytes of arena that strings of a run may need at most; `looks`: without those that are known. */
function textsNeed(
  state: usize,
  census: usize,
  values: usize,
  valid: usize,
  from: i32,
  to: i32,
  looks: bool,
): u32 {
  let need: u32 = 0
  let before: u64 = 0
  for (let row = from; row < to; row++) {
    const slot = values + (usize(row) << 3)
    const text = load<u64>(slot)
    if (text === before || (valid !== 0 && load<u8>(valid + usize(row)) === 0)) continue
    before = text
    if (looks) {
      const entry = findEntry(state, census, STRING, valueOf(STRING, slot), slot)
      if (load<u64>(entry, 8) !== 0) continue
    }
    need += load<u32>(slot, 4) + 4
  }
  return need
}

/** Bytes of arena that a run may need at most; it is looked at closer if there is not that much `room`. */
export function censusNeed(
  state: usize,
  census: usize,
  type: i32,
  values: usize,
  valid: usize,
  from: i32,
  to: i32,
  room: u32,
): u32 {
  const tables = tablesNeed(census, u32(to - from))
  if (type !== STRING) return tables
  const texts = textsNeed(state, census, values, valid, from, to, false)
  if (tables + texts <= room || load<u32>(census) === 0) return tables + texts
  return tables + textsNeed(state, census, values, valid, from, to, true)
}

/** Adds the present values of a run. */
export function accumulateCensus(
  state: usize,
  census: usize,
  type: i32,
  values: usize,
  present: usize,
  from: i32,
  to: i32,
): void {
  let times: u64 = 0
  for (let row = from; row < to; row++) {
    if (present !== 0 && load<u8>(present + usize(row)) === 0) continue
    const slot = values + (usize(row) << 3)
    times++
    // Equal neighbours are counted together.
    const isLast = row + 1 === to || (present !== 0 && load<u8>(present + usize(row) + 1) === 0)
    if (!isLast && load<u64>(slot) === load<u64>(slot, 8)) continue
    addValue(state, census, type, slot, times)
    times = 0
  }
}

/** Bytes of arena that joining a census, whose arena is a copy, may take at most. */
export function censusJoinNeed(census: usize, type: i32, other: usize, arena: usize): u32 {
  let need = tablesNeed(census, load<u32>(other, USED))
  if (type !== STRING) return need
  let entry = arena + usize(load<u32>(other)) - 1
  for (let i = load<u32>(other, 4); i > 0; i--, entry += 16) {
    if (load<u64>(entry, 8) !== 0) need += load<u32>(textOf(arena, load<u64>(entry))) + 4
  }
  return need
}

/** Joins a census of other values, some, whose arena is a copy. */
export function joinCensus(
  state: usize,
  census: usize,
  type: i32,
  other: usize,
  arena: usize,
): void {
  let entry = arena + usize(load<u32>(other)) - 1
  for (let i = load<u32>(other, 4); i > 0; i--, entry += 16) {
    const times = load<u64>(entry, 8)
    if (times === 0) continue
    const value = load<u64>(entry)
    if (type !== STRING) store<u64>(SLOT, slotOfKey(type, value))
    else {
      const text = textOf(arena, value)
      store<u32>(SLOT, u32(text) + 4)
      store<u32>(SLOT, load<u32>(text), 4)
    }
    addValue(state, census, type, SLOT, times)
  }
}

/** How many distinct values there are. */
export function distinctOf(census: usize): u64 {
  return u64(load<u32>(census, USED))
}

/** Slot of the mode of some values; of a string (offset in the arena, length). */
export function modeOf(state: usize, census: usize, type: i32): u64 {
  const value = load<u64>(census, MODE)
  if (type !== STRING) return slotOfKey(type, value)
  return ((value & HALF) + 4) | (u64(load<u32>(textOf(arenaOf(state), value))) << 32)
}
