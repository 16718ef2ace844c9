// Records of another kernel → records of this one: both aggregated disjoint points of one plan, so the
// layout of their cells is the same, and joining them gives what one of them would have of all points;
// with differences of neighbours only if no series has points in both.

import { joinEnd, joinExtreme } from './cell-join'
import { placeSize } from './cell-text'
import { censusJoinNeed, joinCensus } from './census'
import {
  FEATURE_CENSUS,
  FEATURE_DIFFERENCES,
  FEATURE_FIRST,
  FEATURE_GREATEST,
  FEATURE_LAST,
  FEATURE_LEAST,
  FEATURE_SAMPLES,
  FEATURE_SKETCH,
  FEATURE_SUM,
  FEATURE_VARIANCE,
  joinVariance,
} from './cell'
import { GREATER, LESS } from './filter'
import { FLOAT, LIMIT, STRING } from './layout'
import { WANTS_ARENA, WANTS_RECORDS, columnAt, recordOf, stopFor } from './record'
import { joinSamples, samplesNeed } from './samples'
import { joinSketch, sketchNeed } from './sketch'
import { addWide, addWideTo, joinFloats } from './sum'

/** The slot of a string of the other kernel's arena, as a pointer and a length. */
const TEXT_SLOT: usize = memory.data(8)

function textNeed(column: usize, record: usize, field: usize, slot: usize): u32 {
  const cell = usize(load<u32>(column + field))
  return cell === 0 ? 0 : placeSize(load<u32>(record + cell + slot, 4))
}

/** Bytes of arena that a record needs at most. */
function arenaNeed(state: usize, target: usize, record: usize, arena: usize): u32 {
  let need: u32 = 0
  const count = load<u32>(state, 40)
  for (let i: u32 = 0; i < count; i++) {
    const column = columnAt(state, i)
    const values = load<u64>(record + usize(load<u32>(column, 16)))
    if (values === 0) continue
    const features = load<u32>(column, 4)
    if ((features & FEATURE_SAMPLES) !== 0) need += samplesNeed(u32(values))
    if ((features & FEATURE_SKETCH) !== 0) {
      need += sketchNeed(record + usize(load<u32>(column, 164)), arena)
    }
    if ((features & FEATURE_CENSUS) !== 0) {
      const at = usize(load<u32>(column, 168))
      need += censusJoinNeed(target + at, load<u32>(column), record + at, arena)
    }
    if (load<u32>(column) !== STRING) continue
    need += textNeed(column, record, 24, 0) + textNeed(column, record, 28, 0)
    need += textNeed(column, record, 32, 8) + textNeed(column, record, 36, 8)
  }
  return need
}

/** Pointer of a slot as cells are joined from: one of a string with a pointer in it. */
function slotOf(type: u32, slot: usize, arena: usize): usize {
  if (type !== STRING) return slot
  store<u32>(TEXT_SLOT, u32(arena) + load<u32>(slot))
  store<u32>(TEXT_SLOT, load<u32>(slot, 4), 4)
  return TEXT_SLOT
}

function joinColumn(state: usize, target: usize, column: usize, other: usize, arena: usize): void {
  const countAt = usize(load<u32>(column, 16))
  const added = load<u64>(other + countAt)
  if (added === 0) return
  const before = load<u64>(target + countAt)
  const type = load<u32>(column)
  const features = load<u32>(column, 4)
  if ((features & FEATURE_SUM) !== 0) {
    const at = usize(load<u32>(column, 20))
    if (type === FLOAT) joinFloats(target + at, other + at)
    else addWide(target + at, load<u64>(other + at), load<i64>(other + at, 8))
  }
  if ((features & FEATURE_LEAST) !== 0) {
    const at = usize(load<u32>(column, 24))
    joinExtreme(state, target + at, type, slotOf(type, other + at, arena), LESS, before === 0)
  }
  if ((features & FEATURE_GREATEST) !== 0) {
    const at = usize(load<u32>(column, 28))
    joinExtreme(state, target + at, type, slotOf(type, other + at, arena), GREATER, before === 0)
  }
  if ((features & FEATURE_FIRST) !== 0) {
    const at = usize(load<u32>(column, 32))
    joinEndOf(state, target + at, type, other + at, arena, before, false)
  }
  if ((features & FEATURE_LAST) !== 0) {
    const at = usize(load<u32>(column, 36))
    joinEndOf(state, target + at, type, other + at, arena, before, true)
  }
  if ((features & FEATURE_VARIANCE) !== 0) {
    const at = usize(load<u32>(column, 40))
    joinVariance(type, target + at, before, other + at, added)
  }
  if ((features & FEATURE_SAMPLES) !== 0) {
    const at = usize(load<u32>(column, 160))
    joinSamples(state, target + at, other + at, arena)
  }
  if ((features & FEATURE_SKETCH) !== 0) {
    const at = usize(load<u32>(column, 164))
    joinSketch(state, target + at, other + at, arena)
  }
  if ((features & FEATURE_CENSUS) !== 0) {
    const at = usize(load<u32>(column, 168))
    joinCensus(state, target + at, type, other + at, arena)
  }
  if ((features & FEATURE_DIFFERENCES) !== 0) joinDifferences(column, type, target, other)
  store<u64>(target + countAt, before + added)
}

/** Joins what neighbours of other series differ by: each series is in one of the records alone. */
function joinDifferences(column: usize, type: u32, target: usize, other: usize): void {
  const counted = usize(load<u32>(column, 52))
  store<u64>(target + counted, load<u64>(target + counted) + load<u64>(other + counted))
  // Increase and delta are sums of the column's type, all others of floats, the weighted one counted.
  for (let i = 0; i < 6; i++) {
    const at = usize(load<u32>(column + (usize(i) << 2), 56))
    if (at === 0) continue
    if (i < 2 && type !== FLOAT) addWideTo(target + at, other + at)
    else joinFloats(target + at, other + at)
    if (i < 5) continue
    store<u64>(target + at, load<u64>(target + at, 16) + load<u64>(other + at, 16), 16)
  }
}

function joinEndOf(
  state: usize,
  cell: usize,
  type: u32,
  other: usize,
  arena: usize,
  before: u64,
  isLast: bool,
): void {
  const slot = slotOf(type, other + 8, arena)
  joinEnd(state, cell, type, slot, load<i64>(other), load<u32>(other, 16), before, isLast)
}

/**
 * Joins the records [from, count) of another state of the same plan: `records` and `arena` are copies
 * of its regions. Returns the record up to which
 * they were joined; less than `count` when the state's `wants` says what to grow; LIMIT beyond maxRecords.
 */
export function aggregateMerge(
  state: usize,
  records: usize,
  arena: usize,
  from: i32,
  count: i32,
): i32 {
  store<u32>(state, 0, 48)
  const size = usize(load<u32>(state, 12))
  const columnCount = load<u32>(state, 40)
  for (let i = from; i < count; i++) {
    const other = records + usize(i) * size
    const target = recordOf(state, load<u32>(other), load<i64>(other, 8))
    if (target === 1) return LIMIT
    if (target === 0) return stopFor(state, WANTS_RECORDS, i)
    const need = arenaNeed(state, target, other, arena)
    if (need > load<u32>(state, 28) - load<u32>(state, 32)) {
      store<u32>(state, need, 52)
      return stopFor(state, WANTS_ARENA, i)
    }
    store<u64>(target, load<u64>(target, 16) + load<u64>(other, 16), 16)
    const least = load<i64>(other, 24)
    if (least < load<i64>(target, 24)) store<i64>(target, least, 24)
    for (let column: u32 = 0; column < columnCount; column++) {
      joinColumn(state, target, columnAt(state, column), other, arena)
    }
  }
  return count
}
