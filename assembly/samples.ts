// All values of a cell, for exact quantiles: keys (key-order.ts) in chunks of the arena that double in
// size. A quantile of few is found by sorting them; of many by radix selection: pass by pass the keys
// are counted by their next eleven bits, until few are left that begin as the wanted one does.
//
// Samples in a record, 8 bytes: 0 newest chunk u32 (offset in the arena + 1, 0 = none)  4 used u32 of it
// Chunk: 0 chunk before it u32 (offset + 1)  4 capacity u32  8 keys; all but the newest are full

import { SORTED_MAX, between, sortKeys, storeKeys } from './key-order'
import { stretchEnd, stretchStart } from './presence'
import { takeArena } from './record'

const CHUNK_HEADER: u32 = 8
const CHUNK_BYTES_MIN: u32 = 128
const CHUNK_BYTES_MAX: u32 = 65536

/** Bytes of arena that a run of at most BLOCK_ROWS values takes at most: one chunk. */
export const SAMPLES_ROOM: u32 = CHUNK_BYTES_MAX

/**
 * A selection that goes on, 24,640 bytes: 0 phase u32 (0 = nothing done)  4 chunk u32 (offset + 1, where
 * the pass goes on)  8 count u32 (keys that begin as the wanted one)  12 low u32 (bits not known yet)
 * 16 known u64 (the bits above them)  24 rank u64 (among those keys)  32 next u64 (least key above all
 * of them)  40 gathered u32  44.. reserved  64 counts u32[2048]  8256 keys u64[2048]
 */
export const SELECTION_CURSOR_SIZE: i32 = 24640
const COUNTS: usize = 64
const KEYS: usize = 8256
const DIGIT: u32 = 11

const BEGUN: u32 = 0
const COUNTING: u32 = 1
const GATHERING: u32 = 2

function chunkAt(state: usize, place: u32): usize {
  return usize(load<u32>(state, 24)) + usize(place) - 1
}

/** Adds the present values of a run to the samples of a record. */
export function accumulateSamples(
  state: usize,
  samples: usize,
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
      const count = min(makeRoom(state, samples, u32(to - start)), u32(end - start))
      const used = load<u32>(samples, 4)
      const keys = chunkAt(state, load<u32>(samples)) + CHUNK_HEADER
      storeKeys(type, values + (usize(start) << 3), count, keys + (usize(used) << 3))
      store<u32>(samples, used + count, 4)
      start += i32(count)
    }
    start = stretchStart(present, end, to)
  }
}

/** Room in the newest chunk, or a new one that holds `wanted` values: how many. */
function makeRoom(state: usize, samples: usize, wanted: u32): u32 {
  const newest = load<u32>(samples)
  let bytes = CHUNK_BYTES_MIN
  if (newest !== 0) {
    const capacity = load<u32>(chunkAt(state, newest), 4)
    const used = load<u32>(samples, 4)
    if (used < capacity) return capacity - used
    bytes = min(CHUNK_BYTES_MAX, (CHUNK_HEADER + (capacity << 3)) << 1)
  }
  while (bytes < CHUNK_BYTES_MAX && (bytes - CHUNK_HEADER) >> 3 < wanted) bytes <<= 1
  const place = takeArena(state, bytes) + 1
  const chunk = chunkAt(state, place)
  const capacity = (bytes - CHUNK_HEADER) >> 3
  store<u32>(chunk, newest)
  store<u32>(chunk, capacity, 4)
  store<u32>(samples, place)
  store<u32>(samples, 0, 4)
  return capacity
}

/** Bytes of arena that joining `count` samples may take at most. */
export function samplesNeed(count: u32): u32 {
  return (count << 3) + (count >> 6) + CHUNK_BYTES_MAX * 2
}

/** Joins samples of other values, whose arena is a copy. */
export function joinSamples(state: usize, samples: usize, other: usize, arena: usize): void {
  let place = load<u32>(other)
  let left = load<u32>(other, 4)
  while (place !== 0) {
    const chunk = arena + usize(place) - 1
    let keys = chunk + CHUNK_HEADER
    while (left > 0) {
      const count = min(makeRoom(state, samples, left), left)
      const used = load<u32>(samples, 4)
      const target = chunkAt(state, load<u32>(samples)) + CHUNK_HEADER
      memory.copy(target + (usize(used) << 3), keys, usize(count) << 3)
      store<u32>(samples, used + count, 4)
      keys += usize(count) << 3
      left -= count
    }
    place = load<u32>(chunk)
    if (place !== 0) left = load<u32>(arena + usize(place) - 1, 4)
  }
}

/** Keys of a chunk of `samples`: how many. */
function countOf(state: usize, samples: usize, place: u32): u32 {
  return place === load<u32>(samples) ? load<u32>(samples, 4) : load<u32>(chunkAt(state, place), 4)
}

/** Does a key begin with the bits that are known? */
function isCandidate(cursor: usize, key: u64): bool {
  const low = load<u32>(cursor, 12)
  return low === 64 || key >> u64(low) === load<u64>(cursor, 16) >> u64(low)
}

/** Counts the candidates of a chunk by their next digit. */
function countDigits(cursor: usize, keys: usize, count: u32, shift: u64, mask: u64): void {
  const low = load<u32>(cursor, 12)
  const known = low === 64 ? 0 : load<u64>(cursor, 16) >> u64(low)
  const end = keys + (usize(count) << 3)
  for (; keys < end; keys += 8) {
    const key = load<u64>(keys)
    if (low !== 64 && key >> u64(low) !== known) continue
    const slot = cursor + COUNTS + (usize((key >> shift) & mask) << 2)
    store<u32>(slot, load<u32>(slot) + 1)
  }
}

/** After a pass of counting: the digit of the wanted key is known. */
function chooseDigit(cursor: usize, shift: u32): void {
  let rank = load<u64>(cursor, 24)
  let digit: u64 = 0
  while (true) {
    const count = u64(load<u32>(cursor + COUNTS + (usize(digit) << 2)))
    if (rank < count) break
    rank -= count
    digit++
  }
  store<u32>(cursor, load<u32>(cursor + COUNTS + (usize(digit) << 2)), 8)
  store<u32>(cursor, shift, 12)
  store<u64>(cursor, load<u64>(cursor, 16) | (digit << u64(shift)), 16)
  store<u64>(cursor, rank, 24)
}

/** Gathers the candidates of a chunk if they are few, and finds the least key above all candidates. */
function gather(cursor: usize, keys: usize, count: u32): void {
  const isFew = load<u32>(cursor, 8) <= SORTED_MAX
  let gathered = load<u32>(cursor, 40)
  let next = load<u64>(cursor, 32)
  const known = load<u64>(cursor, 16)
  const end = keys + (usize(count) << 3)
  for (; keys < end; keys += 8) {
    const key = load<u64>(keys)
    if (isCandidate(cursor, key)) {
      if (isFew) store<u64>(cursor + KEYS + (usize(gathered++) << 3), key)
    } else if (key > known) next = min(next, key)
  }
  store<u32>(cursor, gathered, 40)
  store<u64>(cursor, next, 32)
}

/** What was gathered holds the wanted key: the quantile. */
function pick(cursor: usize, type: i32, share: f64): f64 {
  const count = load<u32>(cursor, 8)
  const rank = u32(load<u64>(cursor, 24))
  const isLast = rank + 1 === count
  if (count > SORTED_MAX) {
    const key = load<u64>(cursor, 16)
    return between(type, key, isLast && share > 0.0 ? load<u64>(cursor + 32) : key, share)
  }
  sortKeys(cursor + KEYS, count)
  const keys = cursor + KEYS + (usize(rank) << 3)
  if (!(share > 0.0)) return between(type, load<u64>(keys), load<u64>(keys), 0.0)
  return between(type, load<u64>(keys), load<u64>(isLast ? cursor + 32 : keys + 8), share)
}

/**
 * Goes on finding quantile `q` of the `count` samples of a record, some, for `target`: what is left of
 * the budget of keys, or 0 when it is not done. The cursor's phase is 0 at first, and when it is done.
 */
export function selectQuantile(
  state: usize,
  samples: usize,
  type: i32,
  count: u32,
  q: f64,
  cursor: usize,
  budget: i32,
  target: usize,
): i32 {
  const rank = q * f64(count - 1)
  if (load<u32>(cursor) === BEGUN) {
    memory.fill(cursor, 0, KEYS)
    store<u32>(cursor, count > SORTED_MAX ? COUNTING : GATHERING)
    store<u32>(cursor, load<u32>(samples), 4)
    store<u32>(cursor, count, 8)
    store<u32>(cursor, 64, 12)
    store<u64>(cursor, u64(rank), 24)
    store<u64>(cursor, u64.MAX_VALUE, 32)
  }
  while (budget > 0) {
    const low = load<u32>(cursor, 12)
    const shift = low > DIGIT ? low - DIGIT : 0
    const isCounting = load<u32>(cursor) === COUNTING
    let place = load<u32>(cursor, 4)
    for (; place !== 0 && budget > 0; place = load<u32>(chunkAt(state, place))) {
      const some = countOf(state, samples, place)
      const keys = chunkAt(state, place) + CHUNK_HEADER
      if (isCounting) countDigits(cursor, keys, some, u64(shift), (u64(1) << u64(low - shift)) - 1)
      else gather(cursor, keys, some)
      budget -= i32(some)
    }
    store<u32>(cursor, place, 4)
    if (place !== 0) return 0
    if (!isCounting) {
      store<f64>(target, pick(cursor, type, rank - floor<f64>(rank)))
      store<u32>(cursor, BEGUN)
      return max(budget, 1)
    }
    chooseDigit(cursor, shift)
    memory.fill(cursor + COUNTS, 0, 8192)
    const isDone = shift === 0 || load<u32>(cursor, 8) <= SORTED_MAX
    store<u32>(cursor, isDone ? GATHERING : COUNTING)
    store<u32>(cursor, load<u32>(samples), 4)
  }
  return 0
}
