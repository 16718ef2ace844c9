// Rows of a raw answer with a limit, as they are read series by series: only those are kept that may
// still be on the page, and what is known of them bounds what is read of the series to come. So the
// newest hundred points of a million series hold a few hundred rows.

import { lowerBound } from '../lower-bound.ts'
import type { Query } from './query.ts'
import { rowsBytes, type RawRows } from './raw-rows.ts'
import { sliceVector } from './vector.ts'

/** Rows over twice the page that are kept before those which cannot be on it go. */
const SPARE_ROWS = 4_096
/** Above, pages are not cut while they are read: sorting them takes too long. */
const LIMIT_MAX = 65_536

/** The last row that may be on the page: later ones in the query's order are not read. */
interface Last {
  readonly time: bigint
  /** At that time, series up to this rank. */
  readonly rank: number
}

export class RawPage {
  /** Rows that are held. */
  rowCount = 0
  private readonly isDescending: boolean
  /** One row more than the limit tells that there is a next page. */
  private readonly wanted: number
  private readonly holds: (bytes: number) => void
  /** By rank, in pieces that ascend in themselves. */
  private readonly found = new Map<number, RawRows[]>()
  private last: Last | null = null

  /** `holds` is told of bytes that are given up, as numbers below zero. */
  constructor({ order, limit }: Pick<Query, 'order' | 'limit'>, holds: (bytes: number) => void) {
    this.isDescending = order === 'desc'
    this.wanted = limit + 1
    this.holds = holds
  }

  /** What of [start, end) may be on the page for the series of a rank. */
  clip(rank: number, start: bigint, end: bigint): [bigint, bigint] {
    const { last } = this
    if (last === null) return [start, end]
    const isIn = rank <= last.rank
    if (this.isDescending) {
      const first = isIn ? last.time : last.time + 1n
      return [first > start ? first : start, end]
    }
    const bound = isIn ? last.time + 1n : last.time
    return [start, bound < end ? bound : end]
  }

  /** Takes rows of a series, whose bytes are held already. */
  add(rank: number, pieces: readonly RawRows[]): void {
    if (pieces.length === 0) return
    for (const { time } of pieces) this.rowCount += time.length
    this.found.set(rank, [...(this.found.get(rank) ?? []), ...pieces])
    const isMuch = this.rowCount > 2 * this.wanted + SPARE_ROWS
    if (isMuch && this.wanted <= LIMIT_MAX) this.cut()
  }

  /** Series that have rows, by rank. */
  series(): [rank: number, pieces: RawRows[]][] {
    return [...this.found].sort(([a], [b]) => a - b)
  }

  /** Forgets the rows that cannot be on the page. */
  private cut(): void {
    this.last = this.findLast()
    for (const [rank, pieces] of this.found) {
      const kept = pieces.map((rows) => this.within(rank, rows)).filter((rows) => rows !== null)
      if (kept.length > 0) this.found.set(rank, kept)
      else this.found.delete(rank)
    }
  }

  private findLast(): Last {
    const times = new BigInt64Array(this.rowCount)
    let at = 0
    for (const pieces of this.found.values()) {
      for (const { time } of pieces) {
        times.set(time, at)
        at += time.length
      }
    }
    times.sort()
    const { isDescending, wanted } = this
    const time = isDescending ? times[times.length - wanted]! : times[wanted - 1]!
    const before = isDescending
      ? times.length - lowerBound(times, time + 1n)
      : lowerBound(times, time)
    const ties: number[] = []
    for (const [rank, pieces] of this.found) {
      if (pieces.some((rows) => rows.time[lowerBound(rows.time, time)] === time)) ties.push(rank)
    }
    ties.sort((a, b) => a - b)
    return { time, rank: ties[wanted - before - 1]! }
  }

  /** The rows of a piece that may be on the page; null if there are none. */
  private within(rank: number, rows: RawRows): RawRows | null {
    const { time, fields } = rows
    const [start, end] = this.clip(rank, time[0]!, time[time.length - 1]! + 1n)
    const from = lowerBound(time, start)
    const to = lowerBound(time, end)
    if (to - from === time.length) return rows
    this.rowCount -= time.length - Math.max(0, to - from)
    this.holds(-rowsBytes(rows))
    if (from >= to) return null
    const kept = {
      time: time.slice(from, to),
      fields: fields.map((field) => sliceVector(field, from, to)),
    }
    this.holds(rowsBytes(kept))
    return kept
  }
}
