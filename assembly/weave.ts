// Rows that stand source by source, brought into the order of time: i64[count] times made of ascending
// stretches, no time twice. The merge is planned once; columns follow it as runs of rows that stay
// together, so a late row costs its columns two short copies.

import { MERGE_SOURCE_SIZE, copySlots, mergePlan } from './merge'

const ROW_BITS: u32 = 20
const ROW_MASK: u32 = 0x000fffff
const SOURCE_MASK: u32 = 0x000007ff

/** Ascending stretches that i64[count] is made of. */
export function weaveStretches(times: usize, count: u32): u32 {
  let stretches: u32 = count > 0 ? 1 : 0
  for (let row: u32 = 1; row < count; row++) {
    const at = times + (usize(row) << 3)
    stretches += u32(load<i64>(at) <= load<i64>(at - 8))
  }
  return stretches
}

/** Makes each stretch a source of a merge. */
function fillSources(sources: usize, times: usize, count: u32): void {
  let source = sources
  let start: u32 = 0
  for (let row: u32 = 1; row <= count; row++) {
    const at = times + (usize(row) << 3)
    if (row < count && load<i64>(at) > load<i64>(at - 8)) continue
    memory.fill(source, 0, MERGE_SOURCE_SIZE)
    store<u32>(source, u32(times) + (start << 3))
    store<u32>(source, row - start, 4)
    source += MERGE_SOURCE_SIZE
    start = row
  }
}

/**
 * Plans the order of `count` rows (less than 2^20) in `stretches` (at most 2,048, a MergeSource each at
 * `sources`): fills `woven` (i64[count]), uses `entries` (u32[count]) and fills `runs`, for each the row
 * it begins with and how many it has, both u32. How many runs; 0 if a time stands there twice.
 */
export function weavePlan(
  sources: usize,
  stretches: u32,
  times: usize,
  count: u32,
  woven: usize,
  entries: usize,
  runs: usize,
): u32 {
  fillSources(sources, times, count)
  if (mergePlan(sources, stretches, count, 0, woven, entries) !== count) return 0
  let run = runs
  for (let i: u32 = 0; i < count; run += 8) {
    const entry = load<u32>(entries + (usize(i) << 2))
    const source = sources + usize((entry >>> ROW_BITS) & SOURCE_MASK) * MERGE_SOURCE_SIZE
    let n: u32 = 1
    while (i + n < count && load<u32>(entries + (usize(i + n) << 2)) === entry + n) n++
    store<u32>(run, ((load<u32>(source) - u32(times)) >>> 3) + (entry & ROW_MASK))
    store<u32>(run, n, 4)
    i += n
  }
  return u32((run - runs) >>> 3)
}

/** Slots of a column in the planned order. */
export function weaveSlots(values: usize, runs: usize, runCount: u32, target: usize): void {
  const end = runs + (usize(runCount) << 3)
  for (; runs < end; runs += 8) {
    const n = load<u32>(runs, 4)
    copySlots(target, values + (usize(load<u32>(runs)) << 3), n)
    target += usize(n) << 3
  }
}

/** Validity of a column in the planned order. */
export function weaveValid(valid: usize, runs: usize, runCount: u32, target: usize): void {
  const end = runs + (usize(runCount) << 3)
  for (; runs < end; runs += 8) {
    const n = load<u32>(runs, 4)
    memory.copy(target, valid + usize(load<u32>(runs)), usize(n))
    target += usize(n)
  }
}
