// Joins what is known of a cell from elsewhere (a stored bucket, another kernel's record) to a cell.
// Slots of strings are (pointer u32, length u32); who joins makes sure that the arena has room.

import { storeString, takeExtremeString } from './cell-text'
import { isNewEnd, storeEnd } from './cell'
import { compareSlots } from './extreme'
import { STRING } from './layout'

/** Makes the value of a slot the least or greatest of a cell if it is. `isNew`: the cell holds none. */
export function joinExtreme(
  state: usize,
  cell: usize,
  type: u32,
  slot: usize,
  wanted: i32,
  isNew: bool,
): void {
  if (type !== STRING) {
    const value = load<u64>(slot)
    if (isNew || compareSlots(type, value, load<u64>(cell)) === wanted) store<u64>(cell, value)
    return
  }
  takeExtremeString(state, cell, slot, wanted, isNew)
}

/** Makes the value of a slot the first or last of a cell, which has `before` values, if it is. */
export function joinEnd(
  state: usize,
  cell: usize,
  type: u32,
  slot: usize,
  time: i64,
  rank: u32,
  before: u64,
  isLast: bool,
): void {
  if (!isNewEnd(cell, before, time, rank, isLast)) return
  if (type !== STRING) return storeEnd(cell, time, load<u64>(slot), rank)
  store<i64>(cell, time)
  store<u32>(cell, rank, 16)
  storeString(state, cell + 8, slot, before === 0)
}
