// The tombstones of a shard, by table, as immutable versions: a query or a merge keeps the one that it
// began with. Which of them concern a part is one comparison of ids: ids and sequences rise together,
// and a part says from which id on it may have hidden rows.

import {
  EVERY,
  type Level,
  type TimeRanges,
  addLevel,
  coveredTimes,
  levelOf,
  withoutTombstones,
} from './coverage.ts'
import { type Tombstone, spanOf } from './tombstone.ts'

/** What is kept of a tombstone beside its ranges. */
interface Mark {
  readonly id: number
  readonly sequence: bigint
  readonly start: bigint
  /** Exclusive. */
  readonly end: bigint
}

/** Plain data. */
export interface TableTombstones {
  /** Rising by id. */
  readonly marks: readonly Mark[]
  readonly levels: readonly Level[]
}

/** Tombstones by table, as they were at one moment. */
export type TombstoneVersion = ReadonlyMap<number, TableTombstones>

/** Of a part, what says which tombstones concern it. */
export interface HideablePart {
  readonly table: number
  readonly sequence: bigint
  readonly tombstonesFrom: number
  readonly minTime: bigint
  readonly maxTime: bigint
}

/** What is hidden in a part. */
export interface PartHoles {
  /** Times of a series that are hidden, as far as they meet [start, end); null if none. */
  of(series: number, start: bigint, end: bigint): TimeRanges | null
  /** Whether all times of the part are hidden, of every series. */
  coverAll(): boolean
}

export const NO_TOMBSTONES: TombstoneVersion = new Map()
const NO_TABLE: TableTombstones = { marks: [], levels: [] }

/** What is hidden in a part; null if no tombstone concerns it, nor its times. */
export function holesOf(version: TombstoneVersion, part: HideablePart): PartHoles | null {
  const found = version.get(part.table)
  if (found === undefined) return null
  const from = Math.max(part.tombstonesFrom, firstAbove(found.marks, part.sequence))
  const levels = found.levels.filter(({ newest, start, end }) => {
    return newest >= from && start <= part.maxTime && end > part.minTime
  })
  if (levels.length === 0) return null
  const of: PartHoles['of'] = (series, start, end) => {
    return coveredTimes(levels, series, from, start, end)
  }
  const { minTime, maxTime } = part
  const coverAll = (): boolean => areAllIn(of(EVERY, minTime, maxTime + 1n), minTime, maxTime)
  return { of, coverAll }
}

/** Are all times from `first` to `last`, both inclusive, in one of the ranges? */
function areAllIn(ranges: TimeRanges | null, first: bigint, last: bigint): boolean {
  let reach = first
  for (const [i, start] of ranges?.starts.entries() ?? []) {
    if (start > reach) return false
    reach = ranges!.ends[i]!
    if (reach > last) return true
  }
  return false
}

/** Id of the first tombstone with a sequence above that one; Infinity if there is none. */
function firstAbove(marks: readonly Mark[], sequence: bigint): number {
  let low = 0
  let high = marks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (marks[middle]!.sequence <= sequence) low = middle + 1
    else high = middle
  }
  return marks[low]?.id ?? Infinity
}

export class Tombstones {
  private current: TombstoneVersion = NO_TOMBSTONES
  private next = 0

  get version(): TombstoneVersion {
    return this.current
  }

  /** Id of the next tombstone. */
  get nextId(): number {
    return this.next
  }

  /** Ranges of all tombstones, by series. */
  get rangeCount(): number {
    let count = 0
    for (const { levels } of this.current.values()) {
      for (const { ids } of levels) count += ids.length
    }
    return count
  }

  /** Takes one over, unless it is known; its sequence is not below that of any before. */
  add({ id, table, sequence, ranges }: Tombstone): void {
    const { marks, levels } = this.current.get(table) ?? NO_TABLE
    const [start, end] = spanOf(ranges)
    if (id <= (marks.at(-1)?.id ?? -1)) return
    this.put(table, {
      marks: [...marks, { id, sequence, start, end }],
      levels: addLevel(levels, levelOf(id, ranges)),
    })
  }

  /** Ids below this one are taken. */
  reach(next: number): void {
    if (next > this.next) this.next = next
  }

  /** Forgets these. */
  drop(ids: ReadonlySet<number>): void {
    for (const id of ids) this.reach(id + 1)
    for (const [table, { marks, levels }] of this.current) {
      const kept = marks.filter(({ id }) => !ids.has(id))
      if (kept.length === marks.length) continue
      if (kept.length === 0) this.dropTable(table)
      else {
        this.put(table, { marks: kept, levels: withoutTombstones(levels, (id) => ids.has(id)) })
      }
    }
  }

  /** Forgets those of a table. */
  dropTable(table: number): void {
    if (!this.current.has(table)) return
    const next = new Map(this.current)
    next.delete(table)
    this.current = next
  }

  /** Is there one of a table with this id or a later one? */
  hasFrom(table: number, id: number): boolean {
    const { marks } = this.current.get(table) ?? NO_TABLE
    return (marks.at(-1)?.id ?? -1) >= id
  }

  /** Is there one of a table with this id or a later one that hides times in [start, end)? */
  touches(table: number, id: number, start: bigint, end: bigint): boolean {
    const { marks } = this.current.get(table) ?? NO_TABLE
    return marks.some((mark) => mark.id >= id && mark.start < end && mark.end > start)
  }

  /**
   * Those that hide no row of these parts, which are all there are, and that nobody else needs:
   * `isAwaited` says so of a table and an id.
   */
  spent(
    parts: readonly HideablePart[],
    isAwaited: (table: number, id: number) => boolean = () => false,
  ): number[] {
    const spent: number[] = []
    for (const [table, { marks }] of this.current) {
      const concerned = parts
        .filter((part) => part.table === table)
        .map((part) => {
          const from = Math.max(part.tombstonesFrom, firstAbove(marks, part.sequence))
          return { from, first: part.minTime, last: part.maxTime }
        })
        .filter(({ from }) => from <= marks.at(-1)!.id)
      for (const { id, start, end } of marks) {
        const isNeeded = concerned.some(({ from, first, last }) => {
          return id >= from && start <= last && end > first
        })
        if (!isNeeded && !isAwaited(table, id)) spent.push(id)
      }
    }
    return spent
  }

  /** Ids of the tables of some tombstones. */
  tablesOf(ids: readonly number[]): number[] {
    const wanted = new Set(ids)
    const tables = [...this.current].filter(([, { marks }]) =>
      marks.some(({ id }) => wanted.has(id)),
    )
    return tables.map(([table]) => table)
  }

  private put(table: number, tombstones: TableTombstones): void {
    this.current = new Map(this.current).set(table, tombstones)
  }
}
