// Sorts row offsets by the time of their rows, stably: rows of equal time stay in order of arrival.
// Bottom-up merge sort (Knuth 3, 5.2.4) that starts from insertion-sorted runs of 16, copies
// neighbours that are already in order, and can stop after any budget: late data is mostly ordered.
//
// Sort, 40 bytes (u32 each): 0 rows (base of the offsets)  4 source  8 target  12 count
//      16 width (0 = insertion phase)  20 start of the pair  24 left  28 right (next of each half)
//      32 index (where the result belongs)  36 reserved

import { rowTime } from './row'

export const SORT_SIZE: i32 = 40

const RUN: u32 = 16

function timeOf(rows: usize, item: usize): i64 {
  return rowTime(rows + usize(load<u32>(item)))
}

/** Prepares sorting u32[count] at `index`; `scratch` is as long. */
export function sortInit(sort: usize, rows: usize, index: usize, scratch: usize, count: u32): void {
  store<u32>(sort, u32(rows))
  store<u32>(sort, u32(index), 4)
  store<u32>(sort, u32(scratch), 8)
  store<u32>(sort, count, 12)
  store<u64>(sort, 0, 16)
  store<u64>(sort, 0, 24)
  store<u32>(sort, u32(index), 32)
  store<u32>(sort, 0, 36)
}

function insertionSort(rows: usize, items: usize, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    const item = load<u32>(items + (usize(i) << 2))
    const time = rowTime(rows + usize(item))
    let j = i
    while (j > 0 && timeOf(rows, items + (usize(j - 1) << 2)) > time) {
      store<u32>(items + (usize(j) << 2), load<u32>(items + (usize(j - 1) << 2)))
      j--
    }
    store<u32>(items + (usize(j) << 2), item)
  }
}

/** Sorts runs of 16 where they lie. */
function sortRuns(sort: usize, budget: i32): i32 {
  const rows = usize(load<u32>(sort))
  const source = usize(load<u32>(sort, 4))
  const count = load<u32>(sort, 12)
  let start = load<u32>(sort, 20)
  while (start < count && budget > 0) {
    const size = min(RUN, count - start)
    insertionSort(rows, source + (usize(start) << 2), size)
    start += size
    budget -= i32(size) << 1
  }
  store<u32>(sort, start, 20)
  if (start < count) return 0
  store<u32>(sort, RUN, 16)
  startPair(sort, 0)
  return max(budget, 0)
}

function startPair(sort: usize, start: u32): void {
  store<u32>(sort, start, 20)
  store<u32>(sort, start, 24)
  store<u32>(sort, min(start + load<u32>(sort, 16), load<u32>(sort, 12)), 28)
}

/** Merges on in the current pair [start, middle) [middle, end): what is left of the budget. */
function mergePair(sort: usize, middle: u32, end: u32, budget: i32): i32 {
  const rows = usize(load<u32>(sort))
  const source = usize(load<u32>(sort, 4))
  let left = load<u32>(sort, 24)
  let right = load<u32>(sort, 28)
  let target = usize(load<u32>(sort, 8)) + (usize(left + right - middle) << 2)
  if (left < middle && right < end) {
    let leftTime = timeOf(rows, source + (usize(left) << 2))
    let rightTime = timeOf(rows, source + (usize(right) << 2))
    while (budget > 0) {
      budget--
      if (leftTime <= rightTime) {
        store<u32>(target, load<u32>(source + (usize(left) << 2)))
        target += 4
        if (++left === middle) break
        leftTime = timeOf(rows, source + (usize(left) << 2))
      } else {
        store<u32>(target, load<u32>(source + (usize(right) << 2)))
        target += 4
        if (++right === end) break
        rightTime = timeOf(rows, source + (usize(right) << 2))
      }
    }
  }
  if (left === middle || right === end) {
    const from = left < middle ? left : right
    const size = left < middle ? middle - left : end - right
    memory.copy(target, source + (usize(from) << 2), usize(size) << 2)
    left = middle
    right = end
  }
  store<u32>(sort, left, 24)
  store<u32>(sort, right, 28)
  return budget
}

/** One pass over all pairs of the present width, up to the budget. */
function mergePass(sort: usize, budget: i32): i32 {
  const rows = usize(load<u32>(sort))
  const source = usize(load<u32>(sort, 4))
  const target = usize(load<u32>(sort, 8))
  const count = load<u32>(sort, 12)
  const width = load<u32>(sort, 16)
  let start = load<u32>(sort, 20)
  while (start < count) {
    if (budget <= 0) return 0
    const middle = min(start + width, count)
    const end = min(middle + width, count)
    const isFresh = load<u32>(sort, 24) === start && load<u32>(sort, 28) === middle
    const edge = source + (usize(middle) << 2)
    if (isFresh && (middle === end || timeOf(rows, edge - 4) <= timeOf(rows, edge))) {
      memory.copy(
        target + (usize(start) << 2),
        source + (usize(start) << 2),
        usize(end - start) << 2,
      )
      budget -= 1 + (i32(end - start) >>> 4)
    } else {
      budget = mergePair(sort, middle, end, budget)
      if (load<u32>(sort, 24) < middle || load<u32>(sort, 28) < end) return 0
    }
    start = end
    startPair(sort, start)
  }
  store<u32>(sort, u32(target), 4)
  store<u32>(sort, u32(source), 8)
  store<u32>(sort, width << 1, 16)
  startPair(sort, 0)
  return max(budget, 0)
}

/** Sorts on for about `budget` row visits: > 0 = done, 0 = call again. */
export function sortStep(sort: usize, budget: i32): i32 {
  const count = load<u32>(sort, 12)
  if (load<u32>(sort, 16) === 0) budget = sortRuns(sort, budget)
  while (budget > 0 && load<u32>(sort, 16) < count) budget = mergePass(sort, budget)
  if (budget <= 0) return 0
  const source = load<u32>(sort, 4)
  const index = load<u32>(sort, 32)
  if (source !== index) memory.copy(usize(index), usize(source), usize(count) << 2)
  return budget
}
