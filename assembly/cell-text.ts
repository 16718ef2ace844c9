// Strings of cells: copies in the state's arena, at rest in places of a power of two, so that most
// replacements need no new one. Who adds a run makes sure that there is room for all it may store.

import { compareBytes } from './filter'
import { takeArena } from './record'

/** Bytes that a string of `length` takes in the arena: a power of two, so that it can be replaced there. */
export function placeSize(length: u32): u32 {
  return length <= 16 ? 16 : 1 << (32 - clz<u32>(length - 1))
}

/** Stores a string into a cell slot, in its old place if it fits there. `isNew`: the cell holds none. */
export function storeString(state: usize, target: usize, source: usize, isNew: bool): void {
  const length = load<u32>(source, 4)
  let offset = load<u32>(target)
  if (isNew || placeSize(length) > placeSize(load<u32>(target, 4))) {
    offset = takeArena(state, placeSize(length))
  }
  memory.copy(usize(load<u32>(state, 24)) + usize(offset), usize(load<u32>(source)), length)
  store<u32>(target, offset)
  store<u32>(target, length, 4)
}

/** Makes the string of a slot the least or greatest of a cell if it is. */
export function takeExtremeString(
  state: usize,
  cell: usize,
  slot: usize,
  wanted: i32,
  isNew: bool,
): void {
  const held = usize(load<u32>(state, 24)) + usize(load<u32>(cell))
  if (
    isNew ||
    compareBytes(usize(load<u32>(slot)), load<u32>(slot, 4), held, load<u32>(cell, 4)) === wanted
  ) {
    storeString(state, cell, slot, isNew)
  }
}
