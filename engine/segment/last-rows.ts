// The last rows of a part's series, column by column and series page by series page, as decoded values
// in the block cache: a part never changes, so what its last rows are is worked out once, and the newest
// points of all series are then copied and not decoded.

import type { Pins, Place } from './cache.ts'
import type { Region } from '../memory.ts'

/** Bytes of a row: a slot, and behind all slots of the page the row's validity. */
export const LAST_ROW_BYTES = 9

/** A column of the last rows of a page, by the series' place on it. */
export interface LastColumn {
  /** Pointer of u64 slots. */
  readonly slots: number
  /** Pointer of u8 validity; 0: all have a value. */
  readonly flags: number
}

interface Kept {
  readonly place: Place
  /** From the slots to their validity; 0: all have a value. */
  readonly flagsOffset: number
}

export class LastRows {
  /** By column, then page. */
  private readonly kept = new Map<number, (Kept | undefined)[]>()

  /** A column that is kept, pinned until the pins are released; null if it is not. */
  find(pins: Pins, column: number, page: number): LastColumn | null {
    const kept = this.kept.get(column)?.[page]
    if (kept === undefined) return null
    const slots = pins.use(kept.place)
    return slots === 0 ? null : columnOf(kept)
  }

  /** Keeps a filled column, whose region is the cache's from now on. */
  keep(
    pins: Pins,
    file: number,
    column: number,
    page: number,
    { region, rows, hasNulls }: FilledColumn,
  ): LastColumn {
    const kept = { place: pins.keep(file, region), flagsOffset: hasNulls ? rows * 8 : 0 }
    let pages = this.kept.get(column)
    if (pages === undefined) this.kept.set(column, (pages = []))
    pages[page] = kept
    return columnOf(kept)
  }
}

/** What `LastRows.keep` takes: a region of LAST_ROW_BYTES for each row. */
export interface FilledColumn {
  readonly region: Region
  readonly rows: number
  readonly hasNulls: boolean
}

function columnOf({ place, flagsOffset }: Kept): LastColumn {
  const { address } = place
  return { slots: address, flags: flagsOffset === 0 ? 0 : address + flagsOffset }
}
