// The rows of one batch, linked by series as those of a memtable are, without touching the heads that
// the catalog keeps for memtables: so that a batch can be read by itself, by whoever follows a table.
//
// Chain, 24 bytes: 0 slots u32 (u32[slotCapacity], 0 = empty, else place + 1)  4 slotCapacity u32
//      (a power of two, above the series)  8 series u32 (u32 per place)  12 heads u32 (u32 per place:
//      offset + 1 of the newest row)  16 count u32  20 reserved

import { catalogShapes, rowSeries, rowShape, rowSize, setRowPrevious } from './row'

export const CHAIN_SIZE: i32 = 24

/** Prepares a chain over regions with room for every series of the rows; the slots are zeroed here. */
export function chainInit(
  chain: usize,
  slots: usize,
  slotCapacity: u32,
  series: usize,
  heads: usize,
): void {
  memory.fill(chain, 0, CHAIN_SIZE)
  memory.fill(slots, 0, usize(slotCapacity) << 2)
  store<u32>(chain, u32(slots))
  store<u32>(chain, slotCapacity, 4)
  store<u32>(chain, u32(series), 8)
  store<u32>(chain, u32(heads), 12)
}

/** Place of a series in the lists; a new one gets the next. */
function placeOf(chain: usize, series: u32): u32 {
  const slots = usize(load<u32>(chain))
  const mask = load<u32>(chain, 4) - 1
  const list = usize(load<u32>(chain, 8))
  let at = (series * 2_654_435_761) & mask
  let found = load<u32>(slots + (usize(at) << 2))
  while (found !== 0 && load<u32>(list + (usize(found - 1) << 2)) !== series) {
    at = (at + 1) & mask
    found = load<u32>(slots + (usize(at) << 2))
  }
  if (found !== 0) return found - 1
  const place = load<u32>(chain, 16)
  store<u32>(chain, place + 1, 16)
  store<u32>(slots + (usize(at) << 2), place + 1)
  store<u32>(list + (usize(place) << 2), series)
  store<u32>(usize(load<u32>(chain, 12)) + (usize(place) << 2), 0)
  return place
}

/**
 * Links `budget` rows from byte `from` on: the byte behind the last one. At `rowBytes` all are linked,
 * and the lists complete.
 */
export function chainRows(
  chain: usize,
  rows: usize,
  from: u32,
  rowBytes: u32,
  catalog: usize,
  budget: u32,
): u32 {
  const shapes = catalogShapes(catalog)
  const heads = usize(load<u32>(chain, 12))
  let offset = from
  for (let count: u32 = 0; count < budget && offset < rowBytes; count++) {
    const row = rows + usize(offset)
    const head = heads + (usize(placeOf(chain, rowSeries(row))) << 2)
    setRowPrevious(row, load<u32>(head))
    store<u32>(head, offset + 1)
    offset += rowSize(shapes, rowShape(row))
  }
  return offset
}

/** How many series the rows are of. */
export function chainSeries(chain: usize): u32 {
  return load<u32>(chain, 16)
}
