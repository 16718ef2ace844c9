// Groups series by the values of some tags, on the value ids of the tag index: no tag is decoded.

import type { Execution } from '../step.ts'

/** Groups in the order in which their first series came. */
export interface SeriesGroups {
  /** Group of each series. */
  readonly groupOf: Uint32Array
  /** Index of the first series of each group. */
  readonly firsts: Uint32Array
}

/** Value ids of a tag by ordinal, 0 = absent; a view that ends with the next growth of memory. */
export type ValueColumn = () => Uint32Array

/** Series looked at between two pauses: less than a millisecond. */
export const STEP_SERIES = 65_536
/** Pairs of group and value for which a table of all of them is made. */
const TABLE_MAX = 4 << 20

/** Groups the series at `ordinals`; `valueCount` is above every value id of the columns. */
export function* groupSeries(
  ordinals: Uint32Array,
  columns: readonly ValueColumn[],
  valueCount: number,
): Execution<SeriesGroups> {
  const groupOf = new Uint32Array(ordinals.length)
  let count = Math.min(1, ordinals.length)
  for (const column of columns) {
    const pairs = pairIds(count, valueCount)
    count = 0
    for (let from = 0; from < ordinals.length; from += STEP_SERIES) {
      const values = column()
      const to = Math.min(ordinals.length, from + STEP_SERIES)
      for (let i = from; i < to; i++) {
        const group = pairs(groupOf[i]!, values[ordinals[i]!] ?? 0, count)
        if (group === count) count++
        groupOf[i] = group
      }
      // A pause costs a turn of whatever runs beside: none for a few series.
      if (to - from === STEP_SERIES) yield { pause: true }
    }
  }
  return { groupOf, firsts: firstsOf(groupOf, count) }
}

/** Gives each pair of group and value that is new the next number. */
function pairIds(
  groups: number,
  valueCount: number,
): (group: number, value: number, next: number) => number {
  if (groups * valueCount <= TABLE_MAX) {
    const table = new Uint32Array(groups * valueCount)
    return (group, value, next) => {
      const at = group * valueCount + value
      if (table[at] === 0) table[at] = next + 1
      return table[at]! - 1
    }
  }
  const known = new Map<number, number>()
  return (group, value, next) => {
    const pair = group * valueCount + value
    const found = known.get(pair)
    if (found !== undefined) return found
    known.set(pair, next)
    return next
  }
}

function firstsOf(groupOf: Uint32Array, count: number): Uint32Array {
  const firsts = new Uint32Array(count)
  let found = 0
  for (let i = 0; found < count; i++) if (groupOf[i] === found) firsts[found++] = i
  return firsts
}
