// What an execution will most likely ask of parts right after what it lacks now, so that requests to an
// object store go out together instead of one after the other: the same row group of the other columns
// that are missing, the next row groups of the part, the first one of the parts that follow. It only
// names bytes: hosts that read at once pass over them, and a guess that is wrong costs a request.

import type { Pins } from '../segment/cache.ts'
import type { PartReader } from '../segment/part.ts'
import type { AheadRange } from '../step.ts'

/** Rows [start, end) of a part. */
interface RoutedRows {
  readonly view: { readonly reader: PartReader }
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
}

/** Rows of a memtable, which are in memory. */
type Held = { readonly view?: undefined; readonly firstTime: bigint }

/** Row groups, and parts, that are looked ahead to. */
const GROUPS_AHEAD = 2
const PARTS_AHEAD = 4

export class ReadRoute {
  private readonly groupRows: number
  private rows: readonly (RoutedRows | Held)[] = []
  private isDescending = false
  /** Those of parts, in the order in which they are read; made when it is asked for. */
  private order: readonly RoutedRows[] | null = null
  /** Where the last look-up ended: the next one is most often of the part behind it. */
  private place = 0

  constructor(groupRows: number) {
    this.groupRows = groupRows
  }

  /** The rows of the series that is read now, in any order. */
  lead(rows: readonly (RoutedRows | Held)[], isDescending: boolean): void {
    this.rows = rows
    this.isDescending = isDescending
    this.order = null
  }

  /**
   * What to ask for beside the entries of `columns` (by id) that are missing in a row group of `reader`:
   * the first column is asked for anyway.
   */
  ahead(
    pins: Pins,
    reader: PartReader,
    columns: readonly number[],
    group: number,
  ): readonly AheadRange[] {
    const wanted: (AheadRange | null)[] = []
    const order = this.orderOf()
    const place = this.placeOf(order, reader)
    for (const column of columns.slice(1)) wanted.push(reader.ahead(pins, column, group))
    for (const next of this.groupsAfter(pins, reader, group, order[place])) {
      for (const column of columns) wanted.push(reader.ahead(pins, column, next))
    }
    const others = place < 0 ? [] : order.slice(place + 1, place + 1 + PARTS_AHEAD)
    for (const { view, start, end } of others) {
      const first = this.isDescending ? end - 1 : start
      const next = Math.floor(first / this.groupRows)
      for (const column of columns) wanted.push(view.reader.ahead(pins, column, next))
    }
    return wanted.filter((range) => range !== null)
  }

  /** As far as the series reaches; beyond it where two row groups before were read, as by a scan of all. */
  private groupsAfter(
    pins: Pins,
    reader: PartReader,
    group: number,
    own: RoutedRows | undefined,
  ): number[] {
    const step = this.isDescending ? -1 : 1
    const isSequential =
      reader.isCached(pins, group - step) && reader.isCached(pins, group - 2 * step)
    const first = own === undefined ? group : Math.floor(own.start / this.groupRows)
    const last = own === undefined ? group : Math.floor((own.end - 1) / this.groupRows)
    const groups: number[] = []
    for (let next = group + step; groups.length < GROUPS_AHEAD; next += step) {
      if (!isSequential && (next < first || next > last)) break
      groups.push(next)
    }
    return groups
  }

  private orderOf(): readonly RoutedRows[] {
    if (this.order !== null) return this.order
    const parts = this.rows.filter((rows): rows is RoutedRows => rows.view !== undefined)
    if (parts.length > 1) parts.sort((a, b) => (a.firstTime < b.firstTime ? -1 : 1))
    if (this.isDescending) parts.reverse()
    this.place = 0
    return (this.order = parts)
  }

  private placeOf(order: readonly RoutedRows[], reader: PartReader): number {
    for (let i = 0; i < order.length; i++) {
      const place = (this.place + i) % order.length
      if (order[place]!.view.reader === reader) return (this.place = place)
    }
    return -1
  }
}
